/* What both lwIP ports are put through. The including file first defines

     struct client                        a connection of the port
     client_open(c, address, port, ms)    begin
     client_step(c)                       OR_OK, OR_NEED_MORE or an error
     client_wait(c, write)                until something happens, at most some seconds
     client_io(c), client_close(c)

   The peer is a thread with blocking sockets: lwIP's, in the same stack, on a netif that
   throws away all that is not for itself; or the host's behind a tap device. Sources that
   include this one need _GNU_SOURCE. */
#ifndef LWIP_BODY_H
#define LWIP_BODY_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lwip/netif.h"
#include "lwip/sockets.h"
#include "lwip/tcpip.h"
#include "netif/tapif.h"

#include "tests/exchange.h"
#include "tests/test.h"

/* ---- two socket layers with one shape ---- */

typedef struct net {
    const char *name;
    int (*socket)(int, int, int);
    int (*bind)(int, const struct sockaddr *, socklen_t);
    int (*getsockname)(int, struct sockaddr *, socklen_t *);
    int (*listen)(int, int);
    int (*accept)(int, struct sockaddr *, socklen_t *);
    ssize_t (*recv)(int, void *, size_t, int);
    ssize_t (*send)(int, const void *, size_t, int);
    int (*setsockopt)(int, int, int, const void *, socklen_t);
    int (*close)(int);
    ip_addr_t address, nobody; /* of the peer; one in its net that does not answer */
    bool      v6;
} net;

/* glibc's take a union where the compiler has one */
static int host_bind(int fd, const struct sockaddr *a, socklen_t len)
{
    return bind(fd, a, len);
}
static int host_getsockname(int fd, struct sockaddr *a, socklen_t *len)
{
    return getsockname(fd, a, len);
}
static int host_accept(int fd, struct sockaddr *a, socklen_t *len)
{
    return accept(fd, a, len);
}

static net inside = {.name = "lwip",
                     .socket = lwip_socket,
                     .bind = lwip_bind,
                     .getsockname = lwip_getsockname,
                     .listen = lwip_listen,
                     .accept = lwip_accept,
                     .recv = lwip_recv,
                     .send = lwip_send,
                     .setsockopt = lwip_setsockopt,
                     .close = lwip_close};
static net outside = {.name = "tap",
                      .socket = socket,
                      .bind = host_bind,
                      .getsockname = host_getsockname,
                      .listen = listen,
                      .accept = host_accept,
                      .recv = recv,
                      .send = send,
                      .setsockopt = setsockopt,
                      .close = close};

/* ---- the peer ---- */

enum { PEER_QUIET, PEER_SINK, PEER_SOURCE, PEER_RESET, PEER_SERVE };
enum { BULK = 700001 };

typedef struct peer {
    const net *n;
    int        kind, listener, fd;
    uint16_t   port;
    sem_t      go; /* the test posts it when the peer may continue */
    size_t     received;
    bool       as_sent; /* the bytes were those of pattern() */
    or_err     served;
    pthread_t  thread;
} peer;

static char pattern(size_t i)
{
    return (char)(i * 31 % 253);
}

static void peer_sink(peer *p)
{
    char    buf[3001];
    ssize_t n;
    sem_wait(&p->go);
    p->as_sent = true;
    while ((n = p->n->recv(p->fd, buf, sizeof buf, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++) p->as_sent &= buf[i] == pattern(p->received + (size_t)i);
        p->received += (size_t)n;
    }
}

static void peer_source(peer *p)
{
    static const size_t sizes[] = {1, 7, 1460, 100, 20000, 1459, 3};
    static char         all[BULK];
    for (size_t i = 0; i < BULK; i++) all[i] = pattern(i);
    for (size_t at = 0, k = 0; at < BULK; k++) {
        size_t  n = sizes[k % 7] < BULK - at ? sizes[k % 7] : BULK - at;
        ssize_t sent = p->n->send(p->fd, all + at, n, MSG_NOSIGNAL);
        if (sent <= 0) return;
        at += (size_t)sent;
    }
}

static ptrdiff_t peer_recv(void *user, void *buf, size_t len)
{
    peer   *p = user;
    ssize_t n = p->n->recv(p->fd, buf, len, 0);
    return n > 0 ? n : n == 0 ? OR_ERR_CLOSED : OR_ERR_IO;
}

static ptrdiff_t peer_send(void *user, const void *buf, size_t len)
{
    peer   *p = user;
    ssize_t n = p->n->send(p->fd, buf, len, MSG_NOSIGNAL);
    return n > 0 ? n : OR_ERR_IO;
}

static or_err peer_wait(void *user, bool write)
{
    (void)user;
    (void)write;
    return OR_ERR_IO; /* these sockets block */
}

static void *peer_main(void *user)
{
    peer         *p = user;
    struct linger at_once = {1, 0};
    int           on = 1;
    exchange      x = {{peer_recv, peer_send, p}, peer_wait, p};
    p->fd = p->n->accept(p->listener, NULL, NULL);
    if (p->fd < 0) return NULL;
    p->n->setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    switch (p->kind) {
    case PEER_SINK: peer_sink(p); break;
    case PEER_SOURCE: peer_source(p); break;
    case PEER_SERVE: p->served = exchange_serve(&x); break;
    case PEER_RESET:
        p->n->send(p->fd, "abc", 3, 0);
        sem_wait(&p->go);
        p->n->setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        break;
    default: sem_wait(&p->go); break;
    }
    p->n->close(p->fd);
    return NULL;
}

static void peer_listen(peer *p, const net *n)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in  v4 = {.sin_family = AF_INET};
    struct sockaddr    *a = n->v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t           len = n->v6 ? sizeof v6 : sizeof v4;
    p->listener = n->socket(n->v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    if (p->listener < 0 || n->bind(p->listener, a, len) != 0 || n->listen(p->listener, 4) != 0 ||
        n->getsockname(p->listener, a, &len) != 0)
        abort();
    p->port = ntohs(n->v6 ? v6.sin6_port : v4.sin_port);
}

static void peer_start(peer *p, const net *n, int kind)
{
    memset(p, 0, sizeof *p);
    p->n = n;
    p->kind = kind;
    p->served = OR_NEED_MORE;
    sem_init(&p->go, 0, 0);
    peer_listen(p, n);
    if (pthread_create(&p->thread, NULL, peer_main, p) != 0) abort();
}

static void peer_end(peer *p)
{
    pthread_join(p->thread, NULL);
    p->n->close(p->listener);
    sem_destroy(&p->go);
}

/* ---- the client ---- */

static or_err client_connect(struct client *c, const net *n, uint16_t port, uint32_t timeout_ms)
{
    or_err e = client_open(c, &n->address, port, timeout_ms);
    while (e == OR_OK && (e = client_step(c)) == OR_NEED_MORE) e = client_wait(c, true);
    return e;
}

static or_err wait_of(void *user, bool write)
{
    return client_wait(user, write);
}

static exchange side(struct client *c)
{
    exchange x = {client_io(c), wait_of, c};
    return x;
}

/* ---- the tests ---- */

static void test_connect(const net *n)
{
    struct client c = {0};
    peer          p;
    char          b;
    or_io         io = client_io(&c);
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_CLOSED, "receive from a zeroed one");
    CHECK(io.send(io.user, "x", 1) == OR_ERR_CLOSED, "send to a zeroed one");
    CHECK_ERR(client_step(&c), OR_ERR_CLOSED, "step of a zeroed one");
    peer_start(&p, n, PEER_QUIET);
    CHECK_ERR(client_open(&c, &n->address, p.port, 10000), OR_OK, "open");
    while (client_step(&c) == OR_NEED_MORE) client_wait(&c, true);
    CHECK_ERR(client_step(&c), OR_OK, "connected");
    CHECK_ERR(client_step(&c), OR_OK, "connected, asked twice");
    CHECK(io.recv(io.user, &b, 1) == 0, "nothing yet");
    CHECK(io.recv(io.user, &b, 1) == 0, "still nothing");
    client_close(&c);
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_CLOSED, "receive after close");
    CHECK(io.send(io.user, "x", 1) == OR_ERR_CLOSED, "send after close");
    CHECK_ERR(client_step(&c), OR_ERR_CLOSED, "step after close");
    client_close(&c); /* twice does no harm */
    sem_post(&p.go);
    peer_end(&p);
}

static void test_refused(const net *n)
{
    struct client c = {0};
    peer          p = {0};
    char          b;
    peer_listen(&p, n);
    n->close(p.listener);
    CHECK_ERR(client_connect(&c, n, p.port, 10000), OR_ERR_IO, "refused");
    CHECK_ERR(client_step(&c), OR_ERR_IO, "stays refused");
    or_io io = client_io(&c);
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_IO, "receive after refusal");
    CHECK(io.send(io.user, "x", 1) == OR_ERR_IO, "send after refusal");
    client_close(&c);
}

static void test_unreachable(const net *n)
{
    struct client c = {0};
    net           far = *n;
    IP_ADDR4(&far.address, 203, 0, 113, 7);
    CHECK_ERR(client_connect(&c, &far, 80, 10000), OR_ERR_IO, "no route");
    client_close(&c);
}

static void test_timeout(const net *n)
{
    struct client c = {0};
    net           silent = *n;
    char          b;
    silent.address = n->nobody;
    CHECK_ERR(client_open(&c, &silent.address, 80, 30), OR_OK, "open");
    or_io io = client_io(&c);
    CHECK_ERR(client_step(&c), OR_NEED_MORE, "not at once");
    CHECK(io.recv(io.user, &b, 1) == 0, "receive while connecting");
    CHECK(io.send(io.user, "x", 1) == 0, "send while connecting");
    or_err e;
    while ((e = client_step(&c)) == OR_NEED_MORE) usleep(1000);
    CHECK_ERR(e, OR_ERR_TIMEOUT, "nobody answers");
    CHECK_ERR(client_step(&c), OR_ERR_TIMEOUT, "stays so");
    client_close(&c);
    CHECK_ERR(client_open(&c, &silent.address, 80, 10000), OR_OK, "open again");
    client_close(&c); /* while connecting */
}

/* More than lwIP takes while the peer does not read: some "not now" in between, and all of it
   arrives. */
static void test_send(const net *n)
{
    static char   data[BULK];
    struct client c = {0};
    peer          p;
    size_t        at = 0;
    bool          told = false;
    for (size_t i = 0; i < sizeof data; i++) data[i] = pattern(i);
    peer_start(&p, n, PEER_SINK);
    CHECK_ERR(client_connect(&c, n, p.port, 10000), OR_OK, "connect");
    or_io io = client_io(&c);
    while (at < sizeof data) {
        ptrdiff_t got = io.send(io.user, data + at, sizeof data - at);
        if (got < 0) break;
        at += (size_t)got;
        if (got > 0) continue;
        CHECK_ERR(client_step(&c), OR_OK, "full, but connected");
        if (!told) sem_post(&p.go);
        told = true;
        if (client_wait(&c, true) != OR_OK) break;
    }
    CHECK(told, "it was full once");
    CHECK(at == sizeof data, "all taken");
    client_close(&c);
    peer_end(&p);
    CHECK(p.received == sizeof data && p.as_sent, "all arrived");
}

static void test_receive(const net *n, size_t piece)
{
    struct client c = {0};
    peer          p;
    size_t        at = 0;
    bool          same = true;
    ptrdiff_t     got = 0;
    char         *buf = malloc(piece); /* exactly that much */
    if (buf == NULL) abort();
    peer_start(&p, n, PEER_SOURCE);
    CHECK_ERR(client_connect(&c, n, p.port, 10000), OR_OK, "connect");
    or_io io = client_io(&c);
    for (;;) {
        got = io.recv(io.user, buf, piece);
        if (got < 0) break;
        same &= (size_t)got <= piece;
        for (ptrdiff_t i = 0; i < got; i++) same &= buf[i] == pattern(at + (size_t)i);
        at += (size_t)got;
        if (got == 0 && client_wait(&c, false) != OR_OK) break;
    }
    CHECK(at == BULK && same, "all received");
    CHECK(got == OR_ERR_CLOSED, "then the end");
    CHECK(io.recv(io.user, buf, piece) == OR_ERR_CLOSED, "which stays");
    CHECK(io.send(io.user, "x", 1) == 1, "sending still goes");
    free(buf);
    client_close(&c);
    peer_end(&p);
}

static void test_reset(const net *n)
{
    struct client c = {0};
    peer          p;
    char          buf[8];
    size_t        len = 0;
    ptrdiff_t     got = 0;
    peer_start(&p, n, PEER_RESET);
    CHECK_ERR(client_connect(&c, n, p.port, 10000), OR_OK, "connect");
    exchange x = side(&c);
    while (len < 3 && (got = exchange_recv(&x, buf + len, sizeof buf - len)) > 0)
        len += (size_t)got;
    CHECK(len == 3 && memcmp(buf, "abc", 3) == 0, "before the reset");
    sem_post(&p.go);
    CHECK(exchange_recv(&x, buf, sizeof buf) == OR_ERR_IO, "reset");
    CHECK(x.io.recv(x.io.user, buf, 1) == OR_ERR_IO, "stays so");
    CHECK(x.io.send(x.io.user, "x", 1) == OR_ERR_IO, "nor can be sent");
    client_close(&c);
    peer_end(&p);
}

/* Close with data unread and data unsent: nothing may be lost or leak. */
static void test_close(const net *n)
{
    struct client c = {0};
    peer          p;
    char          b;
    peer_start(&p, n, PEER_SOURCE);
    CHECK_ERR(client_connect(&c, n, p.port, 10000), OR_OK, "connect");
    exchange x = side(&c);
    CHECK(exchange_recv(&x, &b, 1) == 1, "one byte of many");
    client_close(&c);
    peer_end(&p);
}

/* After a failure the same memory serves for the next connection. */
static void test_exchange(const net *n)
{
    struct client c = {0};
    net           far = *n;
    peer          p;
    char          mem[256];
    or_buf        text;
    or_buf_init(&text, mem, sizeof mem);
    IP_ADDR4(&far.address, 203, 0, 113, 7);
    CHECK_ERR(client_connect(&c, &far, 80, 10000), OR_ERR_IO, "no route");
    peer_start(&p, n, PEER_SERVE);
    CHECK_ERR(client_connect(&c, n, p.port, 10000), OR_OK, "connect");
    exchange x = side(&c);
    CHECK_ERR(exchange_ask(&x, &text), OR_OK, "exchange");
    CHECK_STR(or_buf_str(&text), OR_STR(EXCHANGE_TEXT), "text");
    peer_end(&p);
    CHECK_ERR(p.served, OR_OK, "the peer's view");
    client_close(&c);
}

static void test_all(const net *n)
{
    static const size_t pieces[] = {1, 3, 1460, 65535, 100000};
    test_connect(n);
    test_refused(n);
    test_unreachable(n);
    test_timeout(n);
    test_send(n);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) test_receive(n, pieces[i]);
    test_reset(n);
    test_close(n);
    test_exchange(n);
}

/* ---- the stack ---- */

static err_t drop_v4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    (void)netif;
    (void)p;
    (void)to;
    return ERR_OK;
}

static err_t drop_v6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
    (void)netif;
    (void)p;
    (void)to;
    return ERR_OK;
}

static err_t own_netif_init(struct netif *netif)
{
    netif->name[0] = 'o';
    netif->name[1] = 'w';
    netif->mtu = 1500;
    netif->output = drop_v4;
    netif->output_ip6 = drop_v6;
    netif->flags = NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

static void started(void *user)
{
    sem_post(user);
}

static void stack_start(void)
{
    static struct netif own;
    ip4_addr_t          address, mask, gateway;
    s8_t                index;
    sem_t               ready;
    sem_init(&ready, 0, 0);
    tcpip_init(started, &ready);
    sem_wait(&ready);
    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 0, 0, 0, 0);
    ipaddr_aton("fd00::1", &inside.address);
    LOCK_TCPIP_CORE();
    if (netif_add(&own, &address, &mask, &gateway, NULL, own_netif_init, tcpip_input) == NULL)
        abort();
    netif_set_up(&own);
    netif_add_ip6_address(&own, ip_2_ip6(&inside.address), &index);
    netif_ip6_addr_set_state(&own, index, IP6_ADDR_PREFERRED);
    UNLOCK_TCPIP_CORE();
}

static void test_inside(void)
{
    inside.v6 = true;
    ipaddr_aton("fd00::1", &inside.address);
    ipaddr_aton("10.0.0.2", &inside.nobody);
    test_all(&inside);
    inside.v6 = false;
    ipaddr_aton("10.0.0.1", &inside.address);
    test_all(&inside);
}

/* ---- against Linux's TCP ---- */

/* A tap device in a network namespace of our own; false where that is not allowed. */
static bool tap_make(const char **why)
{
    struct ifreq        r = {0};
    struct sockaddr_in *a = (struct sockaddr_in *)(void *)&r.ifr_addr;
    *why = "no network namespace (not root?)";
    if (unshare(CLONE_NEWNET) != 0) return false;
    *why = "no /dev/net/tun";
    int tun = open("/dev/net/tun", O_RDWR);
    if (tun < 0) return false;
    *why = "no tap device";
    strcpy(r.ifr_name, "tap0");
    r.ifr_flags = IFF_TAP | IFF_NO_PI;
    bool made = ioctl(tun, TUNSETIFF, &r) == 0 && ioctl(tun, TUNSETPERSIST, 1) == 0;
    close(tun); /* lwIP opens it again */
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    a->sin_family = AF_INET;
    a->sin_addr.s_addr = inet_addr("192.168.77.1");
    made = made && ioctl(fd, SIOCSIFADDR, &r) == 0;
    a->sin_addr.s_addr = inet_addr("255.255.255.0");
    made = made && ioctl(fd, SIOCSIFNETMASK, &r) == 0;
    r.ifr_mtu = 576; /* Debian's tapif writes past its buffers when frames are longer than 592 */
    made = made && ioctl(fd, SIOCSIFMTU, &r) == 0;
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    made = made && ioctl(fd, SIOCSIFFLAGS, &r) == 0;
    close(fd);
    return made;
}

/* The totals line; the tests against Linux's TCP are one that was skipped. */
static int lwip_main_end(const char *program, bool skipped)
{
    printf("%s: %lu passed, %lu failed%s\n", program, test_passed, test_failed,
           skipped ? ", 1 skipped" : "");
    return test_failed != 0;
}

/* False where it was not possible. */
static bool test_tap(void)
{
    static struct netif tap;
    ip4_addr_t          address, mask, gateway;
    const char         *why;
    if (!tap_make(&why)) {
        printf("skipped: the tests against Linux's TCP: %s\n", why);
        return false;
    }
    setenv("PRECONFIGURED_TAPIF", "tap0", 1);
    IP4_ADDR(&address, 192, 168, 77, 2);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 0, 0, 0, 0);
    LOCK_TCPIP_CORE();
    if (netif_add(&tap, &address, &mask, &gateway, NULL, tapif_init, tcpip_input) == NULL) abort();
    netif_set_link_up(&tap);
    netif_set_up(&tap);
    UNLOCK_TCPIP_CORE();
    ipaddr_aton("192.168.77.1", &outside.address);
    ipaddr_aton("192.168.77.9", &outside.nobody);
    test_all(&outside);
    return true;
}

#endif
