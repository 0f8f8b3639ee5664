/* ports/lwip_sockets inside one lwIP stack and against Linux's TCP. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "ports/lwip_sockets.h"

struct client {
    or_lwip_sockets s;
};

static or_err client_open(struct client *c, const ip_addr_t *address, uint16_t port,
                          uint32_t timeout_ms)
{
    return or_lwip_sockets_open(&c->s, address, port, timeout_ms);
}

static or_err client_step(struct client *c)
{
    return or_lwip_sockets_step(&c->s);
}

static or_err client_wait(struct client *c, bool write)
{
    return or_lwip_sockets_wait(&c->s, write, 10000);
}

static or_io client_io(struct client *c)
{
    return or_lwip_sockets_io(&c->s);
}

static void client_close(struct client *c)
{
    or_lwip_sockets_close(&c->s);
}

#include "tests/lwip_body.h"

#include <netinet/tcp.h>

static void test_names(void)
{
    ip_addr_t a;
    CHECK_ERR(or_lwip_sockets_resolve("10.0.0.1", &a), OR_OK, "v4");
    CHECK(IP_IS_V4(&a) && ip4_addr_get_u32(ip_2_ip4(&a)) == PP_HTONL(0x0a000001), "v4");
    CHECK_ERR(or_lwip_sockets_resolve("fd00::1", &a), OR_OK, "v6");
    CHECK(IP_IS_V6(&a) && ip_2_ip6(&a)->addr[3] == PP_HTONL(1), "v6");
    /* Debian's liblwip has no DNS */
    CHECK_ERR(or_lwip_sockets_resolve("localhost", &a), OR_ERR_ABSENT, "a name");
}

static void test_wait(void)
{
    or_lwip_sockets none = {0};
    peer            p;
    CHECK_ERR(or_lwip_sockets_wait(&none, false, 0), OR_ERR_IO, "closed");
    peer_start(&p, &inside, PEER_QUIET);
    struct client c = {0};
    CHECK_ERR(client_connect(&c, &inside, p.port, 10000), OR_OK, "connect");
    CHECK_ERR(or_lwip_sockets_wait(&c.s, false, 1), OR_ERR_TIMEOUT, "nothing comes");
    CHECK_ERR(or_lwip_sockets_wait(&c.s, true, 1), OR_OK, "writable");
    int       on = 0;
    socklen_t size = sizeof on;
    CHECK(lwip_getsockopt(c.s.fd, IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0 && on != 0,
          "TCP_NODELAY");
    sem_post(&p.go);
    CHECK_ERR(or_lwip_sockets_wait(&c.s, false, UINT32_MAX), OR_OK, "the end is readable");
    client_close(&c);
    peer_end(&p);
    uint32_t before = or_lwip_sockets_now_ms();
    CHECK(or_ms_diff(before, or_lwip_sockets_now_ms()) >= 0, "the clock does not go back");
}

/* Attempts that fail, of every kind, give their socket back. */
static void test_no_leak(void)
{
    or_lwip_sockets s = {0};
    ip_addr_t       far;
    IP_ADDR4(&far, 203, 0, 113, 7);
    CHECK_ERR(or_lwip_sockets_open(&s, &inside.nobody, 80, 1000), OR_OK, "open");
    int first = s.fd;
    or_lwip_sockets_close(&s);
    for (int i = 0; i < 10; i++) {
        CHECK_ERR(or_lwip_sockets_open(&s, &far, 80, 1000), OR_ERR_IO, "no route");
        CHECK(s.number == EHOSTUNREACH, "errno is kept");
        CHECK_ERR(or_lwip_sockets_open(&s, &inside.nobody, 80, 0), OR_OK, "open");
        CHECK(s.fd == first, "the same socket again");
        CHECK_ERR(or_lwip_sockets_step(&s), OR_ERR_TIMEOUT, "timeout");
    }
}

int main(void)
{
    stack_start();
    test_names();
    test_inside();
    test_wait();
    test_no_leak();
    return lwip_main_end("test_lwip", !test_tap());
}
