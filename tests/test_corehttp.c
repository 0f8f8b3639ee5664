/* ports/corehttp against a stub of transport_interface.h: results both ways, and a whole
   exchange through both conversions, one on top of the other. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "ports/corehttp.h"
#include "tests/exchange.h"
#include "tests/ram_io.h"
#include "tests/test.h"

/* The application's own context: the port must not define one. */
struct NetworkContext {
    int32_t     result;
    const void *buf;
    size_t      len;
};

static int32_t fake_recv(NetworkContext_t *c, void *buf, size_t len)
{
    c->buf = buf;
    c->len = len;
    return c->result;
}

static int32_t fake_send(NetworkContext_t *c, const void *buf, size_t len)
{
    c->buf = buf;
    c->len = len;
    return c->result;
}

static void test_to_io(void)
{
    static const struct {
        int32_t   from;
        ptrdiff_t want;
    } results[] = {
        {0, 0},
        {1, 1},
        {INT32_MAX, INT32_MAX},
        {-128, OR_ERR_CLOSED},
        {-0x7880, OR_ERR_CLOSED},
        {-0x7280, OR_ERR_IO},
        {-127, OR_ERR_IO},
        {-1, OR_ERR_IO},
        {INT32_MIN, OR_ERR_IO},
    };
    struct NetworkContext      c = {0, NULL, 0};
    const TransportInterface_t t = {fake_recv, fake_send, NULL, &c};
    or_io                      io = or_corehttp_io(&t);
    char                       b[4];
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        c.result = results[i].from;
        CHECK(io.recv(io.user, b, 4) == results[i].want && c.buf == b && c.len == 4, "recv");
        c.len = 0;
        CHECK(io.send(io.user, b + 1, 3) == results[i].want && c.buf == b + 1 && c.len == 3,
              "send");
    }
    c.result = 7;
    CHECK(io.recv(io.user, b, SIZE_MAX) == 7 && c.len == INT32_MAX, "as much as a result can say");
    CHECK(io.send(io.user, b, (size_t)INT32_MAX + 1) == 7 && c.len == INT32_MAX, "the same");
    CHECK(io.send(io.user, b, INT32_MAX) == 7 && c.len == INT32_MAX, "the same");
}

static ptrdiff_t io_result;
static size_t    io_len;

static ptrdiff_t fixed_recv(void *user, void *buf, size_t len)
{
    (void)user;
    (void)buf;
    io_len = len;
    return io_result;
}

static ptrdiff_t fixed_send(void *user, const void *buf, size_t len)
{
    (void)user;
    (void)buf;
    io_len = len;
    return io_result;
}

static void test_to_transport(void)
{
    static const struct {
        ptrdiff_t from;
        int32_t   want;
    } results[] = {
        {0, 0},
        {1, 1},
        {INT32_MAX, INT32_MAX},
        {OR_ERR_CLOSED, -128},
        {OR_ERR_TIMEOUT, -116},
        {OR_ERR_IO, -5},
        {OR_ERR_TRUNCATED, -5},
    };
    or_io                io = {fixed_recv, fixed_send, NULL};
    TransportInterface_t t = or_corehttp_transport(&io);
    char                 b[4];
    CHECK(t.writev == NULL, "no writev");
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        io_result = results[i].from;
        CHECK(t.recv(t.pNetworkContext, b, 4) == results[i].want && io_len == 4, "recv");
        CHECK(t.send(t.pNetworkContext, b, 3) == results[i].want && io_len == 3, "send");
    }
    io_result = 9;
    CHECK(t.recv(t.pNetworkContext, b, 0) == 0, "or_io is not called with 0");
    CHECK(t.send(t.pNetworkContext, b, 0) == 0, "or_io is not called with 0");
    CHECK(t.recv(t.pNetworkContext, b, SIZE_MAX) == 9 && io_len == INT32_MAX, "at most");
    CHECK(t.send(t.pNetworkContext, b, SIZE_MAX) == 9 && io_len == INT32_MAX, "at most");
}

static or_err no_wait(void *user, bool write)
{
    (void)user;
    (void)write;
    return OR_OK;
}

/* The request of an exchange goes out, and what a server says to it comes in, in pieces. */
static void test_exchange(void)
{
    static const ptrdiff_t steps[] = {1, 0, 700, 3};
    ram_io                 served = {0}, asked = {0};
    char                   mem[8192], words[256];
    or_buf                 request, text;
    or_buf_init(&request, mem, sizeof mem);
    or_buf_init(&text, words, sizeof words);
    exchange_put_request(&request);
    served.in = or_buf_str(&request);
    exchange server = {ram_io_of(&served), no_wait, NULL};
    CHECK_ERR(exchange_serve(&server), OR_OK, "serve");

    asked.in = ram_io_sent(&served);
    asked.recv.steps = asked.send.steps = steps;
    asked.recv.num_steps = asked.send.num_steps = 4;
    asked.recv.again = asked.send.again = true;
    or_io                lowest = ram_io_of(&asked);
    TransportInterface_t middle = or_corehttp_transport(&lowest);
    exchange             client = {or_corehttp_io(&middle), no_wait, NULL};
    CHECK_ERR(exchange_ask(&client, &text), OR_OK, "ask");
    CHECK_STR(or_buf_str(&text), OR_STR(EXCHANGE_TEXT), "text");
    CHECK_STR(ram_io_sent(&asked), or_buf_str(&request), "request");
    char b;
    CHECK(exchange_recv(&client, &b, 1) == OR_ERR_CLOSED, "the end comes through both");
    ram_io_free(&served);
    ram_io_free(&asked);
}

int main(void)
{
    test_to_io();
    test_to_transport();
    test_exchange();
    TEST_MAIN_END("test_corehttp");
}
