/* Names, dialling, transport, clock and entropy on loopback. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include "ports/posix.h"
#include "tests/test.h"

/* A listening socket on 127.0.0.1; its port. */
static int listen_v4(uint16_t *port, int backlog)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          len = sizeof a;
    int                fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, backlog) != 0) abort();
    getsockname(fd, (struct sockaddr *)&a, &len);
    *port = ntohs(a.sin_port);
    return fd;
}

/* A port that refuses. */
static uint16_t closed_port(void)
{
    uint16_t port;
    close(listen_v4(&port, 1));
    return port;
}

static or_posix_addr address(const char *host, uint16_t port)
{
    or_posix_addr a;
    uint32_t      num;
    char          error[128];
    CHECK_ERR(or_posix_resolve(host, port, &a, 1, &num, error, sizeof error), OR_OK, host);
    return a;
}

static void test_names(void)
{
    or_posix_addr a[8];
    uint32_t      num;
    char          text[80], error[128];
    CHECK(or_posix_is_literal("127.0.0.1") && or_posix_is_literal("::1") && !or_posix_is_literal("localhost"), "literal");
    a[0] = address("127.0.0.1", 80);
    or_posix_addr_text(&a[0], text, sizeof text);
    CHECK_STR(or_str_z(text), OR_STR("127.0.0.1:80"), "v4");
    a[0] = address("::1", 65535);
    or_posix_addr_text(&a[0], text, sizeof text);
    CHECK_STR(or_str_z(text), OR_STR("[::1]:65535"), "v6");
    CHECK_ERR(or_posix_resolve("localhost", 1, a, 8, &num, error, sizeof error), OR_OK, "localhost");
    CHECK(num >= 1 && num <= 8, "localhost has an address");
    CHECK_ERR(or_posix_resolve("no-such-host.invalid", 1, a, 8, &num, error, sizeof error), OR_ERR_ABSENT, "none");
    CHECK(strncmp(error, "resolve no-such-host.invalid: ", 30) == 0, error);
}

static or_err dial_until(or_posix_dial *d, int *fd)
{
    or_err e;
    for (int i = 0; (e = or_posix_dial_step(d, or_posix_now_ms(), fd)) == OR_NEED_MORE && i < 100; i++) {
        struct pollfd p[2] = {{.fd = d->fd[0], .events = POLLOUT}, {.fd = d->fd[1], .events = POLLOUT}};
        (void)poll(p, 2, 100);
    }
    return e;
}

static void test_dial(void)
{
    uint16_t      port, refused = closed_port();
    int           listener = listen_v4(&port, 8), fd = -1;
    or_posix_dial d;
    or_posix_addr one = address("127.0.0.1", port), bad = address("127.0.0.1", refused);
    or_posix_addr several[4] = {bad, bad, bad, one}, all_bad[3] = {bad, bad, bad};

    or_posix_dial_start(&d, &one, 1);
    CHECK_ERR(dial_until(&d, &fd), OR_OK, "one");
    int on = 0;
    socklen_t size = sizeof on;
    CHECK(getsockopt(fd, IPPROTO_TCP, 1, &on, &size) == 0 && on != 0, "TCP_NODELAY");
    close(fd);
    or_posix_dial_start(&d, several, 4);
    CHECK_ERR(dial_until(&d, &fd), OR_OK, "the fourth");
    close(fd);
    or_posix_dial_start(&d, all_bad, 3);
    CHECK_ERR(dial_until(&d, &fd), OR_ERR_IO, "none");
    CHECK(strstr(d.error, "connect to 127.0.0.1:") != NULL && strstr(d.error, "refused") != NULL, d.error);
    CHECK(strstr(d.error, "refused; connect to 127.0.0.1:") != NULL && d.failed == 3, "each is named");
    or_posix_dial_start(&d, all_bad, 0);
    CHECK_ERR(or_posix_dial_step(&d, 0, &fd), OR_ERR_IO, "no address");
    close(listener);
}

/* An address that does not answer: a listener whose queue is full. The next is started after
   250 ms of the injected clock, not sooner. */
static void test_next_family(void)
{
    uint16_t      silent_port, port;
    int           silent = listen_v4(&silent_port, 0), listener = listen_v4(&port, 8), fill[4], fd = -1;
    or_posix_addr list[3] = {address("127.0.0.1", silent_port), address("127.0.0.1", silent_port),
                             address("127.0.0.1", port)};
    or_posix_dial d;
    for (int i = 0; i < 4; i++) { /* the queue of a backlog of 0 takes one or two */
        struct sockaddr_in a;
        memcpy(&a, &list[0].address, sizeof a);
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fill[i], (struct sockaddr *)&a, sizeof a);
    }
    usleep(1000);
    or_posix_dial_start(&d, list, 3);
    CHECK_ERR(or_posix_dial_step(&d, 1000, &fd), OR_NEED_MORE, "first");
    CHECK(d.fd[0] >= 0 && d.fd[1] < 0 && d.timer && d.next_ms == 1250, "one attempt, and when the next");
    CHECK_ERR(or_posix_dial_step(&d, 1249, &fd), OR_NEED_MORE, "too early");
    CHECK(d.fd[1] < 0, "still one");
    CHECK_ERR(or_posix_dial_step(&d, 1250, &fd), OR_NEED_MORE, "now");
    CHECK(d.fd[1] >= 0 && !d.timer, "two, and no more at once");
    or_posix_dial_abandon(&d);
    CHECK(d.fd[0] < 0 && d.fd[1] < 0, "abandoned");
    or_posix_dial_start(&d, list + 1, 2);
    CHECK_ERR(or_posix_dial_step(&d, UINT32_MAX - 100, &fd), OR_NEED_MORE, "near the wrap of the clock");
    CHECK_ERR(or_posix_dial_step(&d, 100, &fd), OR_NEED_MORE, "201 ms later");
    CHECK(d.fd[1] < 0, "too early");
    or_err e = or_posix_dial_step(&d, 149, &fd);
    CHECK(e == OR_OK || d.fd[1] >= 0, "250 ms later");
    if (e == OR_NEED_MORE) e = dial_until(&d, &fd);
    CHECK_ERR(e, OR_OK, "the second wins");
    close(fd);
    for (int i = 0; i < 4; i++) close(fill[i]);
    close(silent);
    close(listener);
}

static void test_io(void)
{
    uint16_t port;
    int      listener = listen_v4(&port, 8), fd;
    char     error[128], data[16];
    CHECK_ERR(or_posix_connect("127.0.0.1", port, 5000, &fd, error, sizeof error), OR_OK, error);
    int   peer = accept(listener, NULL, NULL);
    or_io io = or_posix_io(&fd);
    CHECK(io.recv(io.user, data, sizeof data) == 0, "not now");
    CHECK_ERR(or_posix_wait(fd, false, 1), OR_ERR_TIMEOUT, "nothing comes");
    CHECK_ERR(or_posix_wait(fd, true, 1000), OR_OK, "writable");
    CHECK(io.send(io.user, "ab", 2) == 2 && read(peer, data, 2) == 2, "send");
    CHECK(write(peer, "xyz", 3) == 3, "peer writes");
    CHECK_ERR(or_posix_wait(fd, false, 1000), OR_OK, "readable");
    CHECK(io.recv(io.user, data, 2) == 2 && io.recv(io.user, data, 2) == 1, "receive");
    close(peer);
    CHECK_ERR(or_posix_wait(fd, false, 1000), OR_OK, "the end is readable");
    CHECK(io.recv(io.user, data, 2) == OR_ERR_CLOSED, "end");
    close(fd);
    CHECK_ERR(or_posix_connect("127.0.0.1", closed_port(), 5000, &fd, error, sizeof error), OR_ERR_IO, "refused");
    close(listener);
}

static void test_clock_and_entropy(void)
{
    unsigned char a[64] = {0}, b[64] = {0};
    uint32_t      before = or_posix_now_ms();
    CHECK_ERR(or_posix_random(a, sizeof a), OR_OK, "random");
    CHECK_ERR(or_posix_random(b, sizeof b), OR_OK, "random");
    CHECK(memcmp(a, b, sizeof a) != 0, "not twice the same");
    CHECK_ERR(or_posix_random(a, 0), OR_OK, "none wanted");
    CHECK(or_ms_diff(before, or_posix_now_ms()) >= 0, "the clock does not go back");
    CHECK(or_posix_unix_s() > 1700000000, "the wall clock is set");
}

int main(void)
{
    test_names();
    test_dial();
    test_next_family();
    test_io();
    test_clock_and_entropy();
    TEST_MAIN_END("test_posix");
}
