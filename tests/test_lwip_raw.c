/* ports/lwip_raw inside one lwIP stack and against Linux's TCP. */
#define OR_IMPLEMENTATION
#include "or.h"

#include <semaphore.h>
#include <time.h>

#include "ports/lwip_raw.h"

struct client {
    or_lwip_raw s;
    bool        has_bell;
    sem_t       bell; /* rung by lwIP's thread; one that is left over does no harm */
};

static void ring(void *user)
{
    sem_post(user);
}

static or_err client_open(struct client *c, const ip_addr_t *address, uint16_t port,
                          uint32_t timeout_ms)
{
    if (!c->has_bell) sem_init(&c->bell, 0, 0);
    c->has_bell = true;
    c->s.wake = ring;
    c->s.user = &c->bell;
    return or_lwip_raw_open(&c->s, address, port, timeout_ms);
}

static or_err client_step(struct client *c)
{
    return or_lwip_raw_step(&c->s);
}

static or_err client_wait(struct client *c, bool write)
{
    struct timespec until;
    (void)write;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    return sem_timedwait(&c->bell, &until) == 0 ? OR_OK : OR_ERR_TIMEOUT;
}

static or_io client_io(struct client *c)
{
    return or_lwip_raw_io(&c->s);
}

static void client_close(struct client *c)
{
    or_lwip_raw_close(&c->s);
}

#include "tests/lwip_body.h"

/* Bytes that no window would let in at once, put where lwIP would put them. */
static void test_chain_length(void)
{
    static char   bytes[60000], back[60000];
    struct client c = {0};
    peer          p;
    peer_start(&p, &inside, PEER_QUIET);
    CHECK_ERR(client_connect(&c, &inside, p.port, 10000), OR_OK, "connect");
    or_io io = client_io(&c);
    LOCK_TCPIP_CORE();
    struct pbuf *first = pbuf_alloc(PBUF_RAW, sizeof bytes, PBUF_RAM);
    struct pbuf *fits = pbuf_alloc(PBUF_RAW, 0xFFFF - sizeof bytes, PBUF_RAM);
    struct pbuf *more = pbuf_alloc(PBUF_RAW, 1, PBUF_RAM);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = pattern(i);
    memcpy(first->payload, bytes, sizeof bytes);
    memset(fits->payload, 'f', fits->len);
    struct tcp_pcb *pcb = c.s.pcb;
    CHECK(pcb->recv(pcb->callback_arg, pcb, first, ERR_OK) == ERR_OK, "the first");
    CHECK(pcb->recv(pcb->callback_arg, pcb, fits, ERR_OK) == ERR_OK, "up to 65535 bytes");
    CHECK(pcb->recv(pcb->callback_arg, pcb, more, ERR_OK) == ERR_MEM, "one more stays with lwIP");
    CHECK(more->ref == 1, "and is still lwIP's");
    tcpwnd_size_t window = pcb->rcv_wnd = 5000; /* as if the bytes had come in */
    UNLOCK_TCPIP_CORE();
    CHECK(io.recv(io.user, back, sizeof back) == sizeof back, "read the first");
    CHECK(memcmp(bytes, back, sizeof back) == 0, "as it came");
    CHECK(pcb->rcv_wnd == window + sizeof back, "its bytes went back to the window");
    LOCK_TCPIP_CORE();
    CHECK(pcb->recv(pcb->callback_arg, pcb, more, ERR_OK) == ERR_OK, "now there is room");
    UNLOCK_TCPIP_CORE();
    CHECK(io.recv(io.user, back, sizeof back) == 0xFFFF - sizeof bytes + 1, "the rest");
    CHECK(c.s.in == NULL, "nothing is left");
    client_close(&c);
    sem_post(&p.go);
    peer_end(&p);
}

/* lwIP's own retransmission gives up: ERR_ABRT with the pcb gone. */
static void test_aborted(void)
{
    struct client c = {0};
    peer          p;
    char          b;
    peer_start(&p, &inside, PEER_QUIET);
    CHECK_ERR(client_connect(&c, &inside, p.port, 10000), OR_OK, "connect");
    LOCK_TCPIP_CORE();
    tcp_abort(c.s.pcb);
    UNLOCK_TCPIP_CORE();
    or_io io = client_io(&c);
    CHECK(c.s.number == ERR_ABRT, "lwIP's code");
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_IO, "receive");
    CHECK(io.send(io.user, "x", 1) == OR_ERR_IO, "send");
    CHECK_ERR(client_step(&c), OR_ERR_IO, "step");
    client_close(&c);
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_CLOSED, "after close");
    sem_post(&p.go);
    peer_end(&p);
}

/* How many connections lwIP holds that are neither listening nor waiting to be forgotten. */
static size_t connections(void)
{
    extern struct tcp_pcb *tcp_active_pcbs;
    size_t                 n = 0;
    LOCK_TCPIP_CORE();
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) n++;
    UNLOCK_TCPIP_CORE();
    return n;
}

/* A connection that timed out, or that was given up while connecting, is gone from lwIP. */
static void test_gone(void)
{
    or_lwip_raw s = {0};
    size_t      before = connections();
    CHECK_ERR(or_lwip_raw_open(&s, &inside.nobody, 80, 0), OR_OK, "open");
    CHECK(connections() == before + 1, "lwIP tries");
    CHECK_ERR(or_lwip_raw_step(&s), OR_ERR_TIMEOUT, "timeout");
    CHECK(connections() == before, "gone after a timeout");
    CHECK_ERR(or_lwip_raw_open(&s, &inside.nobody, 80, 10000), OR_OK, "open");
    or_lwip_raw_close(&s);
    CHECK(connections() == before, "gone after close");
    uint32_t now = or_lwip_raw_now_ms();
    CHECK(or_ms_diff(now, or_lwip_raw_now_ms()) >= 0, "the clock does not go back");
}

int main(void)
{
    stack_start();
    test_inside();
    test_chain_length();
    test_aborted();
    test_gone();
    return lwip_main_end("test_lwip_raw", !test_tap());
}
