/* ports/zephyr against stubs of Zephyr's headers, with sockets that are the host's. "TLS" is
   plain text here: what is tested is that nothing connects without verification, and what
   becomes of each result. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "ports/zephyr.h"
#include "tests/loopback.h"
#include "tests/test.h"

/* ---- Zephyr, as far as the port sees it ---- */

static struct fake {
    int       open; /* sockets */
    bool      tls;  /* the last one */
    sec_tag_t tags[4];
    size_t    num_tags;
    char      hostname[64];
    int       verify;
    int       refuse_option; /* this one fails */
    bool      no_random, no_sockets;
    int       block_sends; /* so many: EAGAIN */
    size_t    sent_len;    /* what the last send was given */
    int       flags;       /* of the last send or receive */
    int       recv_errno;  /* the next receive fails with it */
} fake;

uint32_t k_uptime_get_32(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint32_t)((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

int sys_csrand_get(void *buf, size_t len)
{
    if (fake.no_random) return -EIO;
    memset(buf, 0x5a, len);
    return 0;
}

int zsock_socket(int family, int type, int proto)
{
    if (fake.no_sockets) {
        errno = ENFILE;
        return -1;
    }
    fake.tls = proto == IPPROTO_TLS_1_2;
    fake.verify = -1;
    fake.num_tags = 0;
    fake.hostname[0] = 0;
    int fd = socket(family, type, fake.tls ? IPPROTO_TCP : proto);
    fake.open += fd >= 0;
    return fd;
}

int zsock_close(int fd)
{
    fake.open--;
    return close(fd);
}

int zsock_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    (void)fd;
    errno = ENOPROTOOPT;
    if (level != SOL_TLS || !fake.tls || option == fake.refuse_option) return -1;
    if (option == TLS_SEC_TAG_LIST && len <= sizeof fake.tags) {
        memcpy(fake.tags, value, len);
        fake.num_tags = len / sizeof(sec_tag_t);
    } else if (option == TLS_HOSTNAME && len <= sizeof fake.hostname) {
        memcpy(fake.hostname, value, len);
        if (fake.hostname[len - 1] != 0) return -1; /* mbedTLS reads it as a C string */
    } else if (option == TLS_PEER_VERIFY && len == sizeof fake.verify) {
        memcpy(&fake.verify, value, len);
    } else {
        return -1;
    }
    return 0;
}

int zsock_connect(int fd, const struct sockaddr *to, socklen_t len)
{
    return connect(fd, to, len);
}

ssize_t zsock_send(int fd, const void *buf, size_t len, int flags)
{
    fake.flags = flags;
    fake.sent_len = len;
    if (fake.block_sends > 0) {
        fake.block_sends--;
        errno = EAGAIN;
        return -1;
    }
    return send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t zsock_recv(int fd, void *buf, size_t len, int flags)
{
    fake.flags = flags;
    if (fake.recv_errno != 0) {
        errno = fake.recv_errno;
        return -1;
    }
    return recv(fd, buf, len, MSG_DONTWAIT);
}

int zsock_poll(struct zsock_pollfd *p, int n, int timeout)
{
    struct pollfd host = {p->fd, p->events, 0};
    (void)n;
    return poll(&host, 1, timeout);
}

/* "two" has an address that nobody listens on before the one that works. */
int zsock_getaddrinfo(const char *host, const char *service, const struct zsock_addrinfo *hints,
                      struct zsock_addrinfo **found)
{
    static struct sockaddr_in    v4[2];
    static struct sockaddr_in6   v6;
    static struct zsock_addrinfo list[3];
    if (service != NULL || hints->ai_socktype != SOCK_STREAM || strcmp(host, "none") == 0)
        return -2;
    memset(v4, 0, sizeof v4);
    memset(&v6, 0, sizeof v6);
    memset(list, 0, sizeof list);
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = in6addr_loopback;
    for (int i = 0; i < 2; i++) {
        v4[i].sin_family = AF_INET;
        v4[i].sin_addr.s_addr = htonl(i == 0 ? INADDR_LOOPBACK + 8 : INADDR_LOOPBACK);
        list[i + 1].ai_family = AF_INET;
        list[i + 1].ai_addr = (struct sockaddr *)&v4[i];
        list[i + 1].ai_addrlen = sizeof v4[i];
    }
    list[0].ai_family = AF_INET6;
    list[0].ai_addr = (struct sockaddr *)&v6;
    list[0].ai_addrlen = sizeof v6;
    list[0].ai_next = &list[1];
    list[1].ai_next = &list[2];
    *found = strcmp(host, "two") == 0 ? &list[0] : &list[2];
    return 0;
}

static unsigned freed;

void zsock_freeaddrinfo(struct zsock_addrinfo *found)
{
    freed += found != NULL;
}

/* ---- the tests ---- */

static const sec_tag_t tags[] = {7, 42};

static or_err wait_of(void *user, bool write)
{
    return or_zephyr_wait(user, write, 10000);
}

static void test_exchange(bool tls, or_err end)
{
    or_zephyr z;
    loopback  peer;
    char      mem[256], b;
    or_buf    text;
    or_buf_init(&text, mem, sizeof mem);
    loopback_start(&peer, LOOPBACK_SERVE);
    or_err e = tls ? or_zephyr_open_tls(&z, "two", peer.port, tags, 2)
                   : or_zephyr_open(&z, "two", peer.port);
    CHECK_ERR(e, OR_OK, "open");
    CHECK(fake.open == 1 && fake.tls == tls, "one socket, the third address");
    CHECK(tls == (fake.verify == TLS_PEER_VERIFY_REQUIRED), "verification");
    exchange x = {or_zephyr_io(&z), wait_of, &z};
    CHECK(x.io.recv(x.io.user, &b, 1) == 0, "nothing yet");
    CHECK(fake.flags == ZSOCK_MSG_DONTWAIT, "without waiting");
    CHECK_ERR(exchange_ask(&x, &text), OR_OK, "exchange");
    CHECK(fake.flags == ZSOCK_MSG_DONTWAIT, "without waiting");
    CHECK_STR(or_buf_str(&text), OR_STR(EXCHANGE_TEXT), "text");
    loopback_end(&peer);
    CHECK_ERR(peer.served, OR_OK, "the peer's view");
    CHECK(exchange_recv(&x, &b, 1) == (ptrdiff_t)end, "the end");
    CHECK(x.io.recv(x.io.user, &b, 1) == (ptrdiff_t)end, "which stays");
    or_zephyr_close(&z);
    CHECK(fake.open == 0, "closed");
    CHECK(x.io.recv(x.io.user, &b, 1) == OR_ERR_CLOSED, "receive after close");
    CHECK(x.io.send(x.io.user, "x", 1) == OR_ERR_CLOSED, "send after close");
    CHECK_ERR(wait_of(&z, false), OR_ERR_IO, "wait after close");
    or_zephyr_close(&z);
    CHECK(fake.open == 0, "twice does no harm");
}

/* Whatever is missing: no connection, and no socket left. */
static void test_verification(void)
{
    static const int         options[] = {TLS_SEC_TAG_LIST, TLS_HOSTNAME, TLS_PEER_VERIFY};
    static const char *const addresses[] = {"127.0.0.1", "::1", ""};
    uint16_t                 port;
    or_zephyr                z;
    char                     b;
    int                      listener = loopback_listen(&port, true);
    for (size_t i = 0; i < 3; i++) {
        fake.refuse_option = options[i];
        CHECK_ERR(or_zephyr_open_tls(&z, "one", port, tags, 2), OR_ERR_IO, "an option is refused");
        CHECK(z.number == ENOPROTOOPT && fake.open == 0, "closed");
        or_io io = or_zephyr_io(&z);
        CHECK(io.recv(io.user, &b, 1) == OR_ERR_IO && io.send(io.user, "x", 1) == OR_ERR_IO,
              "of no use");
        CHECK_ERR(or_zephyr_open_tls(&z, addresses[i], port, tags, 2), OR_ERR_ARG, "an address");
    }
    fake.refuse_option = 0;
    CHECK_ERR(or_zephyr_open_tls(&z, "one", port, NULL, 0), OR_ERR_ARG, "no tags");
    CHECK_ERR(or_zephyr_open_tls(&z, "one", port, NULL, 1), OR_ERR_ARG, "no tags");
    CHECK_ERR(or_zephyr_open_tls(&z, "one", port, tags, 0), OR_ERR_ARG, "no tags");
    or_io io = or_zephyr_io(&z);
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_ARG && io.send(io.user, "x", 1) == OR_ERR_ARG,
          "of no use");
    CHECK(fake.open == 0, "no socket left");
    CHECK_ERR(or_zephyr_open_tls(&z, "one", port, tags, 2), OR_OK, "all there");
    CHECK(fake.num_tags == 2 && memcmp(fake.tags, tags, sizeof tags) == 0, "the tags");
    CHECK(strcmp(fake.hostname, "one") == 0, "the host's name");
    CHECK(fake.verify == TLS_PEER_VERIFY_REQUIRED, "required");
    or_zephyr_close(&z);
    close(listener);
}

static void test_failures(void)
{
    uint16_t  port;
    or_zephyr z;
    loopback  peer;
    char      b;
    unsigned  before = freed;
    int       bound = loopback_listen(&port, false);
    CHECK_ERR(or_zephyr_open(&z, "two", port), OR_ERR_IO, "refused");
    CHECK(z.number == ECONNREFUSED && fake.open == 0 && freed == before + 1, "closed and freed");
    CHECK_ERR(or_zephyr_open(&z, "none", port), OR_ERR_ABSENT, "no such host");
    CHECK(freed == before + 1, "nothing to free");
    fake.no_sockets = true;
    CHECK_ERR(or_zephyr_open(&z, "one", port), OR_ERR_IO, "no socket");
    CHECK(z.number == ENFILE, "errno is kept");
    fake.no_sockets = false;
    close(bound);

    loopback_start(&peer, LOOPBACK_RESET);
    CHECK_ERR(or_zephyr_open(&z, "one", peer.port), OR_OK, "open");
    exchange x = {or_zephyr_io(&z), wait_of, &z};
    CHECK_ERR(or_zephyr_wait(&z, false, 1), OR_ERR_TIMEOUT, "nothing comes");
    CHECK_ERR(or_zephyr_wait(&z, true, UINT32_MAX), OR_OK, "writable");
    CHECK(x.io.send(x.io.user, "x", 1) == 1, "send");
    CHECK(exchange_recv(&x, &b, 1) == OR_ERR_IO && z.number == ECONNRESET, "reset");
    CHECK(x.io.recv(x.io.user, &b, 1) == OR_ERR_IO, "stays so");
    CHECK(x.io.send(x.io.user, "x", 1) == OR_ERR_IO, "nor can be sent");
    or_zephyr_close(&z);
    loopback_end(&peer);
}

/* Bytes that are encrypted but did not leave have to come again, with TLS only. */
static void test_send_again(bool tls)
{
    or_zephyr z;
    loopback  peer;
    char      b[8];
    loopback_start(&peer, LOOPBACK_ECHO);
    or_err e = tls ? or_zephyr_open_tls(&z, "one", peer.port, tags, 2)
                   : or_zephyr_open(&z, "one", peer.port);
    CHECK_ERR(e, OR_OK, "open");
    exchange x = {or_zephyr_io(&z), wait_of, &z};
    fake.block_sends = 2;
    CHECK(x.io.send(x.io.user, "abcd", 4) == 0, "not now");
    CHECK(x.io.send(x.io.user, "abcdef", 6) == 0, "not now");
    CHECK(fake.sent_len == (tls ? 4 : 6), "with TLS the same length again");
    CHECK(x.io.send(x.io.user, "ab", 2) == (tls ? OR_ERR_ARG : 2), "fewer");
    CHECK(x.io.send(x.io.user, tls ? "abcdef" : "cdef", tls ? 6 : 4) == 4, "taken");
    CHECK(x.io.send(x.io.user, "e", 1) == 1, "after that all is as before");
    CHECK(exchange_recv(&x, b, 1) == 1 && b[0] == 'a', "echo");
    or_zephyr_close(&z);
    loopback_end(&peer);
}

static void test_rest(void)
{
    or_zephyr     z = {0};
    or_io         io = or_zephyr_io(&z);
    unsigned char a[4] = {0};
    char          b;
    uint32_t      before = or_zephyr_now_ms();
    CHECK_ERR(or_zephyr_random(a, sizeof a), OR_OK, "random");
    CHECK(a[0] == 0x5a && a[3] == 0x5a, "all of it");
    fake.no_random = true;
    CHECK_ERR(or_zephyr_random(a, sizeof a), OR_ERR_IO, "no random");
    CHECK(or_ms_diff(before, or_zephyr_now_ms()) >= 0, "the clock does not go back");
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_CLOSED, "receive from a zeroed one");
    CHECK(io.send(io.user, "x", 1) == OR_ERR_CLOSED, "send to a zeroed one");
}

int main(void)
{
    test_exchange(false, OR_ERR_CLOSED);
    test_exchange(true, OR_ERR_TRUNCATED);
    test_verification();
    test_failures();
    test_send_again(true);
    test_send_again(false);
    test_rest();
    TEST_MAIN_END("test_zephyr");
}
