/* Answers of the gateway, cut at every byte; what is shown of them, and the line after. */
#define OR_IMPLEMENTATION
#include <sys/socket.h>
#include <unistd.h>

#include "or.h"
#include "proxy/cli_parts.h"
#include "proxy/mem.h"
#include "tests/test.h"

#define STREAM                                                                         \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Orproxy-Route: a=200\r\n" \
    "Transfer-Encoding: chunked\r\n\r\n"
#define ERROR_HEAD \
    "HTTP/1.1 502 Bad Gateway\r\nRetry-After: 3\r\nX-Orproxy-Route: a=503, b=timeout\r\n"
#define DELTA(text) \
    "data: {\"model\":\"m/x\",\"provider\":\"Alpha\",\"choices\":[{\"delta\":{" text "}}]}\n\n"
#define FINISH(why) "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"" why "\"}]}\n\n"
#define USAGE(cost)                                                                 \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4," \
    "\"total_tokens\":7,\"cost\":" cost "}}\n\ndata: [DONE]\n\n"

static const struct {
    const char *name, *head, *body;       /* body: chunked when head is STREAM */
    bool        cut;                      /* the connection ends without the end of the body */
    const char *shown, *failure, *footer; /* footer: up to the time */
    bool        good;
} cases[] = {
    {"good", STREAM, ": hold on\n\n" DELTA("\"content\":\"Hi\"") FINISH("stop") USAGE("0.00001"),
     false, "Hi\n", "", "m/x via Alpha: 3 + 4 tokens, cost 0.00001 USD, ", true},
    {"unknown cost", STREAM, DELTA("\"content\":\"Hi\\n\"") FINISH("stop") USAGE("null"), false,
     "Hi\n", "", "m/x via Alpha: 3 + 4 tokens, cost unknown, ", true},
    {"cost 0 is known", STREAM, DELTA("\"content\":\"Hi\"") FINISH("stop") USAGE("0"), false,
     "Hi\n", "", "m/x via Alpha: 3 + 4 tokens, cost 0 USD, ", true},
    {"nothing known", STREAM, DELTA("\"content\":\"Hi\"") FINISH("stop") "data: [DONE]\n\n", false,
     "Hi\n", "", "m/x via Alpha: tokens unknown, cost unknown, ", true},
    {"limit", STREAM, DELTA("\"content\":\"Hi\"") FINISH("length") USAGE("0.5"), false, "Hi\n", "",
     "m/x via Alpha: 3 + 4 tokens, cost 0.5 USD, cut at the limit of tokens, ", true},
    {"escapes", STREAM, DELTA("\"content\":\"a\\u001b[2J\\u009b1m\\rb\"") FINISH("stop") USAGE("0"),
     false, "a[2J1mb\n", "", NULL, true},
    {"reasoning", STREAM,
     DELTA("\"reasoning\":\"hm\"") DELTA("\"content\":\"Hi\"") FINISH("stop") USAGE("0"), false,
     "hm\n\nHi\n", "", NULL, true},
    {"no end", STREAM, DELTA("\"content\":\"Hi\""), false, "Hi\n", "the answer was cut", NULL,
     false},
    {"closed", STREAM, DELTA("\"content\":\"Hi\""), true, "Hi\n", "the answer was cut", NULL,
     false},
    {"error in the stream", STREAM,
     DELTA("\"content\":\"Hi\"") "data: {\"error\":{\"code\":429,\"message\":\"slow\\u001bdown\"},"
                                 "\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n",
     false, "Hi\n", "429: slowdown (tried: a=200)", NULL, false},
    {"no chunk", STREAM, "data: {\"x\":\n\n", false, "", "no chunk of a chat", NULL, false},
    {"error", ERROR_HEAD "Content-Length: 45\r\n\r\n",
     "{\"error\":{\"code\":502,\"message\":\"all failed\"}}  ", false, "",
     "502: all failed (tried: a=503, b=timeout); try again in 3 s", "m: ", false},
    {"error without words", ERROR_HEAD "Content-Length: 2\r\n\r\n", "no", false, "",
     "502 Bad Gateway (tried: a=503, b=timeout); try again in 3 s", "m: ", false},
    {"no HTTP", "SSH-2.0\r\n\r\n", "", false, "", "no answer from the gateway", "m: ", false},
    {"nothing", "", "", true, "", "the other side closed the connection", "m: ", false},
};

static void check_answer(size_t k, const cli_answer *a)
{
    char   mem[512];
    or_buf out;
    or_str footer;
    or_buf_init(&out, mem, sizeof mem);
    CHECK(a->x.over, cases[k].name);
    CHECK(cli_answer_good(a) == cases[k].good, cases[k].name);
    CHECK_STR(or_buf_str(&a->pending), or_str_z(cases[k].shown), cases[k].name);
    CHECK((cases[k].failure[0] != 0) == (a->failure.len > 0), cases[k].name);
    if (cases[k].failure[0] != 0)
        CHECK(or_str_find(or_buf_str(&a->failure), or_str_z(cases[k].failure), 0) < a->failure.len,
              cases[k].name);
    cli_answer_footer(a, &out);
    footer = or_buf_str(&out);
    if (cases[k].footer == NULL) return;
    size_t len = strlen(cases[k].footer);
    CHECK_STR(or_str_of(footer.ptr, footer.len < len ? footer.len : len), or_str_z(cases[k].footer),
              cases[k].name);
}

/* The whole answer of a case, as bytes. */
static size_t put_case(size_t k, char *mem, size_t size)
{
    or_buf out;
    char   line[18];
    bool   chunked = strcmp(cases[k].head, STREAM) == 0;
    or_buf_init(&out, mem, size);
    or_buf_put_z(&out, cases[k].head);
    if (chunked) or_buf_put(&out, line, or_http_chunk_head(line, strlen(cases[k].body)));
    or_buf_put_z(&out, cases[k].body);
    if (chunked) or_buf_put_z(&out, OR_HTTP_CHUNK_END);
    if (chunked && !cases[k].cut) or_buf_put_z(&out, OR_HTTP_LAST_CHUNK);
    CHECK_ERR(out.err, OR_OK, cases[k].name);
    return out.len;
}

static void feed(cli_answer *a, int fd, const char *bytes, size_t len)
{
    if (len > 0) CHECK(write(fd, bytes, len) == (ssize_t)len, "write");
    cli_answer_step(a);
}

static void test_split(size_t k, const char *bytes, size_t len, size_t at)
{
    char       request[4096];
    int        fd[2];
    cli_answer a;
    memset(&a, 0, sizeof a);
    a.model = OR_STR("m");
    a.reasoning = true;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0, "socketpair");
    cli_answer_begin(&a, fd[0], OR_STR("{}"));
    cli_answer_step(&a);
    ssize_t n = read(fd[1], request, sizeof request);
    CHECK(n > 2 && memcmp(request + n - 2, "{}", 2) == 0, "the request is sent");
    feed(&a, fd[1], bytes, at);
    feed(&a, fd[1], bytes + at, len - at);
    close(fd[1]);
    for (int i = 0; i < 3; i++) cli_answer_step(&a);
    check_answer(k, &a);
    cli_answer_end(&a);
    close(fd[0]);
    CHECK(mem_used() == 0, "memory is given back");
}

static void test_interrupt(void)
{
    static const char bytes[] = STREAM "1000\r\n" DELTA("\"content\":\"Hi\"");
    int               fd[2];
    cli_answer        a;
    memset(&a, 0, sizeof a);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0, "socketpair");
    cli_answer_begin(&a, fd[0], OR_STR("{}"));
    feed(&a, fd[1], bytes, sizeof bytes - 1);
    cli_answer_interrupt(&a);
    CHECK(a.x.over && !a.x.keep && !cli_answer_good(&a), "over");
    CHECK_STR(or_buf_str(&a.text), OR_STR("Hi"), "what came stays");
    CHECK_STR(or_buf_str(&a.failure), OR_STR("given up"), "why");
    cli_answer_end(&a);
    close(fd[0]);
    close(fd[1]);
}

int main(void)
{
    static char bytes[4096];
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        size_t len = put_case(k, bytes, sizeof bytes);
        for (size_t at = 0; at <= len; at++) test_split(k, bytes, len, at);
    }
    test_interrupt();
    TEST_MAIN_END("test_cli_answer");
}
