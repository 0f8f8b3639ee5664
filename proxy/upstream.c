#include "proxy/upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ports/posix.h"
#include "proxy/demo.h"
#include "proxy/dns.h"
#include "proxy/ev.h"
#include "proxy/mem.h"
#include "proxy/tls.h"

enum {
    IDLE_MS = 55 * 1000, /* how long one is kept: most servers give up after 60 s or more */
    MAX_PIECES = 8,
    MAX_ERROR = 256 /* bytes of words about a failure */
};

typedef enum state { RESOLVE, DIAL, HANDSHAKE, READY, IDLE, FAILED, CLOSED } state;

/* Idle connections stand in two lists, most recent first: that of their host, and that of
   all, whose end is the next one to go. */
enum { OF_HOST, OF_ALL, NUM_LISTS };
typedef struct idle_list {
    upstream *first, *last;
    unsigned  num;
} idle_list;

struct upstream_host {
    unsigned       refs;
    bool           demo, near;
    or_url         base;       /* into text */
    tls_host      *tls;        /* NULL: plain */
    idle_list      idle;
    upstream_host *next, *prev; /* all hosts, in a ring */
    size_t         text_size;
    char           text[]; /* the base URL's parts */
};

struct upstream {
    upstream_host *host; /* with a reference; NULL once an idle one is closed */
    ev_io          io[2]; /* two while dialling, then the first is the connection */
    ev_timer       timer; /* the dial's next step */
    ev_task        task;  /* free it */
    state          state;
    upstream_step  reached;
    dns_query     *query;
    or_posix_dial *dial; /* until it is connected; of one that failed its words are left */
    tls           *tls; /* NULL: plain */
    bool           want_recv, want_send, was_idle, probe;
    void (*ready)(void *user);
    void    *user;
    upstream *next[NUM_LISTS], *prev[NUM_LISTS];
    uint32_t  idle_since;
    char     *error; /* why it failed; NULL: nothing did, or there was no memory for it */
};

static upstream_host *hosts; /* any one of the ring */
static idle_list      idle;  /* of all hosts */
static ev_timer       idle_timer;

static void on_dial(upstream *u);
static void on_ready(ev_io *io, unsigned events);

bool upstream_setup(char *error, size_t error_size)
{
    if (dns_setup()) return true;
    snprintf(error, error_size, "cannot start the resolver: %s", strerror(errno));
    return false;
}

unsigned upstream_num_idle(void)
{
    return idle.num;
}

/* ---- near and far ---- */

static bool is_near_v4(const unsigned char a[4])
{
    return a[0] == 0 || a[0] == 127 || a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
           (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254) ||
           (a[0] == 100 && (a[1] & 0xc0) == 64); /* the last: RFC 6598, behind carriers and VPNs */
}

static bool is_near_v6(const unsigned char a[16])
{
    static const unsigned char zero[15];
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (memcmp(a, mapped, sizeof mapped) == 0) return is_near_v4(a + 12);
    if (memcmp(a, zero, sizeof zero) == 0) return a[15] <= 1; /* :: and ::1 */
    return (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || (a[0] & 0xfe) == 0xfc;
}

static bool is_near_name(or_str name)
{
    static const or_str domains[] = {OR_STR_INIT("localhost"), OR_STR_INIT("local"),
                                     OR_STR_INIT("lan"), OR_STR_INIT("home.arpa"),
                                     OR_STR_INIT("internal")};
    if (name.len > 0 && name.ptr[name.len - 1] == '.') name.len--; /* the root */
    if (memchr(name.ptr, '.', name.len) == NULL) return true;
    for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++) {
        or_str d = domains[i];
        if (name.len <= d.len || name.ptr[name.len - d.len - 1] != '.') continue;
        if (or_str_eq_nocase(or_str_of(name.ptr + name.len - d.len, d.len), d)) return true;
    }
    return false;
}

static bool is_near(or_str host)
{
    char          text[64];
    unsigned char bytes[16];
    if (host.len < sizeof text) {
        memcpy(text, host.ptr, host.len);
        text[host.len] = 0;
        if (inet_pton(AF_INET, text, bytes) == 1) return is_near_v4(bytes);
        if (inet_pton(AF_INET6, text, bytes) == 1) return is_near_v6(bytes);
    }
    return is_near_name(host);
}

bool upstream_is_near(const upstream_host *h)
{
    return h->near;
}

upstream_host *upstream_next_far(upstream_host *h)
{
    upstream_host *next = h->next;
    while (next != h && next->near) next = next->next;
    return next;
}

/* ---- hosts ---- */

/* Read the base URL from its copy. Ollama's own address is the root, as its own programs take
   it; OpenAI's dialect is under /v1. The copy has room for that in front of a query. */
static bool read_base(upstream_host *h, provider_kind kind)
{
    static const char v1[] = "/v1";
    const size_t      n = sizeof v1 - 1;
    if (or_url_read(or_str_z(h->text), &h->base) != OR_OK) return false;
    or_str path = h->base.path;
    if (kind != PROVIDER_OLLAMA) return true;
    if (path.len >= n && memcmp(path.ptr + path.len - n, v1, n) == 0) return true;
    if (h->base.query.ptr != NULL) {
        char *query = h->text + (h->base.query.ptr - h->text);
        memmove(query + n, query, h->base.query.len);
        h->base.query.ptr += n;
    }
    memcpy(h->text + (path.ptr - h->text) + path.len, v1, n);
    h->base.path.len += n;
    return true;
}

/* The address of the provider and what follows from it. */
static bool set_base(upstream_host *h, const conf_provider *p, const char *ca, char *error,
                     size_t error_size)
{
    if (h->demo) {
        h->base.authority = OR_STR("demo");
        h->near = true;
        return true;
    }
    memcpy(h->text, p->base_url, strlen(p->base_url));
    if (!read_base(h, p->kind)) {
        snprintf(error, error_size, "provider %s: base_url \"%s\" is not an http or https URL",
                 p->name, p->base_url);
        return false;
    }
    h->near = is_near(h->base.host);
    if (!h->base.tls) return true;
    h->tls = tls_host_new(h->base.host, p->ca != NULL ? p->ca : ca, error, error_size);
    return h->tls != NULL;
}

static void link_host(upstream_host *h)
{
    if (hosts == NULL) {
        hosts = h->next = h->prev = h;
        return;
    }
    h->next = hosts;
    h->prev = hosts->prev;
    h->prev->next = h->next->prev = h;
}

static void unlink_host(upstream_host *h)
{
    h->prev->next = h->next;
    h->next->prev = h->prev;
    if (hosts == h) hosts = h->next != h ? h->next : NULL;
}

upstream_host *upstream_host_new(const conf_provider *p, const char *ca, char *error,
                                 size_t error_size)
{
    bool   demo = p->kind == PROVIDER_DEMO;
    size_t text_size = demo || p->base_url == NULL ? 1 : strlen(p->base_url) + sizeof "/v1";
    if (!demo && p->base_url == NULL) {
        snprintf(error, error_size, "provider %s has no base_url", p->name);
        return NULL;
    }
    upstream_host *h = mem_alloc(sizeof *h + text_size);
    if (h == NULL) {
        snprintf(error, error_size, "no memory for provider %s: limits.memory is reached", p->name);
        return NULL;
    }
    h->refs = 1;
    h->demo = demo;
    h->text_size = text_size;
    if (!set_base(h, p, ca, error, error_size)) {
        mem_free(h, sizeof *h + text_size);
        return NULL;
    }
    link_host(h);
    return h;
}

upstream_host *upstream_host_hold(upstream_host *h)
{
    h->refs++;
    return h;
}

void upstream_host_drop(upstream_host *h)
{
    if (h == NULL || --h->refs > 0) return;
    while (h->idle.first != NULL) upstream_close(h->idle.first);
    unlink_host(h);
    if (hosts == NULL) ev_timer_stop(&idle_timer);
    tls_host_free(h->tls);
    mem_free(h, sizeof *h + h->text_size);
}

or_str upstream_authority(const upstream_host *h)
{
    return h->base.authority;
}

or_str upstream_base_path(const upstream_host *h)
{
    return h->base.path;
}

or_str upstream_query(const upstream_host *h)
{
    return h->base.query;
}

/* ---- life and death ---- */

static void free_dial(upstream *u)
{
    mem_free(u->dial, sizeof *u->dial);
    u->dial = NULL;
}

static void release(void *user)
{
    upstream *u = user;
    upstream_host_drop(u->host);
    free_dial(u);
    mem_free(u->error, MAX_ERROR);
    mem_free(u, sizeof *u);
}

static void push(idle_list *l, int which, upstream *u)
{
    u->prev[which] = NULL;
    u->next[which] = l->first;
    if (l->first != NULL)
        l->first->prev[which] = u;
    else
        l->last = u;
    l->first = u;
    l->num++;
}

static void take(idle_list *l, int which, upstream *u)
{
    upstream *next = u->next[which], *prev = u->prev[which];
    if (next != NULL)
        next->prev[which] = prev;
    else
        l->last = prev;
    if (prev != NULL)
        prev->next[which] = next;
    else
        l->first = next;
    l->num--;
}

static void unlink_idle(upstream *u)
{
    take(&u->host->idle, OF_HOST, u);
    take(&idle, OF_ALL, u);
}

static void close_io(ev_io *io)
{
    int fd = io->fd;
    if (fd < 0) return;
    ev_remove(io);
    close(fd);
}

/* Stop watching the attempts of a dial; their descriptors are the dial's. */
static void forget_attempts(upstream *u)
{
    ev_remove(&u->io[0]);
    ev_remove(&u->io[1]);
}

void upstream_close(upstream *u)
{
    if (u->state == CLOSED) return;
    if (u->state == IDLE) {
        unlink_idle(u);
        u->host = NULL; /* idle ones have no reference: they would keep each other */
    }
    if (u->query != NULL) dns_forget(u->query);
    if (u->state == DIAL) {
        forget_attempts(u);
        or_posix_dial_abandon(u->dial);
    }
    if (u->tls != NULL) tls_close(u->tls);
    close_io(&u->io[0]);
    ev_timer_stop(&u->timer);
    u->state = CLOSED;
    ev_defer(&u->task);
}

/* What went wrong, and with what. */
static void note(upstream *u, const char *what, const char *why)
{
    if (u->error == NULL) u->error = mem_alloc(MAX_ERROR);
    if (u->error != NULL) snprintf(u->error, MAX_ERROR, "%s%s", what, why);
}

static void failed(upstream *u, const char *why)
{
    ev_timer_stop(&u->timer);
    u->state = FAILED;
    note(u, "", why);
    u->ready(u->user);
}

/* ---- connecting ---- */

static void watch(upstream *u)
{
    unsigned want = 0;
    if (u->io[0].fd < 0) return;
    if (u->want_recv) want |= EV_READ;
    if (u->want_send) want |= EV_WRITE;
    if (u->tls != NULL) want = tls_want(u->tls, want);
    ev_want(&u->io[0], want);
}

static void start_tls(upstream *u)
{
    char why[MAX_ERROR];
    u->state = HANDSHAKE;
    u->reached = UPSTREAM_TLS;
    u->tls = tls_open(u->host->tls, u->io[0].fd, why, sizeof why);
    if (u->tls != NULL)
        watch(u);
    else
        failed(u, why);
}

/* A line that died takes no bytes any more, and nobody says so: without this a request on a
   connection that was kept would wait for an answer as long as for a slow model. */
static void limit_silence(int fd)
{
#ifdef TCP_USER_TIMEOUT
    unsigned ms = conf_now() != NULL ? conf_now()->timeout.connect : 0;
    if (ms > 0) (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
#else
    (void)fd;
#endif
}

/* The connection is made: fd is open, and TLS follows where it is asked for. */
static void connected(upstream *u, int fd)
{
    limit_silence(fd);
    u->io[0].fd = fd;
    u->io[0].ready = on_ready;
    u->io[0].user = u;
    if (!ev_add(&u->io[0], EV_WRITE)) {
        close(fd);
        failed(u, "cannot watch the connection");
        return;
    }
    free_dial(u);
    if (u->host->tls != NULL && !u->probe) {
        start_tls(u);
        return;
    }
    u->state = READY;
    u->reached = UPSTREAM_OPEN;
    u->ready(u->user);
}

static void on_attempt(ev_io *io, unsigned events)
{
    (void)events;
    on_dial(io->user);
}

static void on_dial_timer(ev_timer *t)
{
    on_dial(t->user);
}

/* Watch what the dial waits for. A descriptor may have been closed and its number given
   to the next attempt, so the old ones are forgotten first. */
static void watch_attempts(upstream *u)
{
    for (int i = 0; i < 2; i++) {
        u->io[i].fd = u->dial->fd[i];
        u->io[i].ready = on_attempt;
        u->io[i].user = u;
        if (u->io[i].fd >= 0) (void)ev_add(&u->io[i], EV_WRITE);
    }
    u->timer.fire = on_dial_timer;
    u->timer.user = u;
    int32_t wait = or_ms_diff(ev_now(), u->dial->next_ms);
    if (u->dial->timer)
        ev_timer_set(&u->timer, wait > 0 ? (uint32_t)wait : 1);
    else
        ev_timer_stop(&u->timer);
}

static void on_dial(upstream *u)
{
    int fd;
    if (u->state != DIAL) return;
    forget_attempts(u);
    or_err e = or_posix_dial_step(u->dial, ev_now(), &fd);
    if (e == OR_NEED_MORE) {
        watch_attempts(u);
        return;
    }
    ev_timer_stop(&u->timer);
    if (e == OR_OK)
        connected(u, fd);
    else
        failed(u, u->dial->error);
}

static void on_addresses(void *user, const dns_answer *answer)
{
    upstream *u = user;
    u->query = NULL;
    if (answer->err != OR_OK) {
        failed(u, answer->error);
        return;
    }
    or_posix_dial_start(u->dial, answer->addresses, answer->num);
    u->state = DIAL;
    u->reached = UPSTREAM_DIAL;
    on_dial(u);
}

/* Begin to connect, from the loop: the borrower must have its handle before it is told. */
static void begin(void *user)
{
    upstream  *u = user;
    dns_answer answer;
    if (u->state == CLOSED) { /* was given back before it began */
        release(u);
        return;
    }
    u->task.run = release;
    if (u->host->demo) {
        int fd = demo_connect();
        if (fd >= 0)
            connected(u, fd);
        else
            failed(u, strerror(errno));
        return;
    }
    u->query = dns_ask(u->host->base.host, u->host->base.port, &answer, on_addresses, u);
    if (u->query == NULL) on_addresses(u, &answer);
}

static upstream *begin_new(upstream_host *h)
{
    upstream      *u = mem_alloc(sizeof *u);
    or_posix_dial *dial = mem_alloc(sizeof *dial);
    if (u == NULL || dial == NULL) {
        mem_free(u, sizeof *u);
        mem_free(dial, sizeof *dial);
        return NULL;
    }
    u->dial = dial;
    u->host = upstream_host_hold(h);
    u->io[0].fd = u->io[1].fd = -1;
    u->state = RESOLVE;
    u->reached = UPSTREAM_RESOLVE;
    u->task.run = begin;
    u->task.user = u;
    ev_defer(&u->task);
    return u;
}

upstream *upstream_borrow(upstream_host *h, bool fresh, void (*ready)(void *user), void *user)
{
    upstream *u = fresh ? NULL : h->idle.first;
    if (u != NULL) {
        unlink_idle(u);
        (void)upstream_host_hold(h);
        u->state = READY;
        u->was_idle = true;
    } else {
        u = begin_new(h);
        if (u == NULL) return NULL;
    }
    u->ready = ready;
    u->user = user;
    return u;
}

upstream *upstream_probe(upstream_host *h, void (*ready)(void *user), void *user)
{
    upstream *u = upstream_borrow(h, true, ready, user);
    if (u != NULL) u->probe = true;
    return u;
}

/* ---- use ---- */

bool upstream_was_idle(const upstream *u)
{
    return u->was_idle;
}

or_err upstream_state(const upstream *u)
{
    if (u->state == READY) return OR_OK;
    return u->state == FAILED ? OR_ERR_IO : OR_NEED_MORE;
}

const char *upstream_error(const upstream *u)
{
    return u->error != NULL ? u->error : "";
}

/* How often do the words of a dial name that reason? They are all that is left of it. */
static unsigned count(const char *text, int number)
{
    const char *reason = strerror(number);
    unsigned    n = 0;
    while ((text = strstr(text, reason)) != NULL) {
        text += strlen(reason);
        n++;
    }
    return n;
}

/* One address that refuses is an answer, whatever the others say. Without a route is only
   what failed so at each address: a missing IPv6 is no news. */
static upstream_step dialled(const upstream *u)
{
    const char *text = u->dial->error;
    if (count(text, ECONNREFUSED) > 0) return UPSTREAM_REFUSED;
    unsigned none = count(text, ENETUNREACH) + count(text, EHOSTUNREACH) + count(text, ENETDOWN);
    bool     all = u->state == FAILED && u->dial->failed > 0 && none >= u->dial->failed;
    return all ? UPSTREAM_NO_ROUTE : UPSTREAM_DIAL;
}

upstream_step upstream_reached(const upstream *u)
{
    if (u->reached == UPSTREAM_DIAL) return dialled(u);
    if (u->reached != UPSTREAM_RESOLVE || u->state != FAILED) return u->reached;
    const char *why = upstream_error(u);
    if (strstr(why, gai_strerror(EAI_AGAIN)) != NULL) return UPSTREAM_NO_ROUTE;
    /* "no such name" is a name server's answer: a typing error does not mean offline */
    return strstr(why, gai_strerror(EAI_NONAME)) != NULL ? UPSTREAM_REFUSED : u->reached;
}

static void on_handshake(upstream *u)
{
    or_err e = tls_handshake(u->tls);
    if (e == OR_NEED_MORE) {
        watch(u);
        return;
    }
    if (e != OR_OK) {
        failed(u, tls_error(u->tls));
        return;
    }
    u->state = READY;
    u->reached = UPSTREAM_OPEN;
    u->ready(u->user);
}

static void on_ready(ev_io *io, unsigned events)
{
    upstream *u = io->user;
    (void)events;
    switch (u->state) {
    case HANDSHAKE: on_handshake(u); break;
    case READY: u->ready(u->user); break;
    case IDLE: upstream_close(u); break; /* closed by the peer, or it talks out of turn */
    default: break;
    }
}

/* Remember the reason of a failed transfer. */
static ptrdiff_t result(upstream *u, ptrdiff_t n, const char *what)
{
    if (n >= 0) return n;
    if (u->tls != NULL)
        note(u, "", tls_error(u->tls));
    else
        note(u, what, strerror(errno));
    return n;
}

static ptrdiff_t plain_send(const upstream *u, const struct iovec *iov, size_t num)
{
    struct msghdr message = {0};
    message.msg_iov = (struct iovec *)(uintptr_t)iov;
    message.msg_iovlen = num;
    ssize_t n = sendmsg(u->io[0].fd, &message, MSG_NOSIGNAL);
    if (n >= 0) return n;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : OR_ERR_IO;
}

ptrdiff_t upstream_send(upstream *u, const or_str *pieces, size_t num)
{
    struct iovec iov[MAX_PIECES];
    size_t       n = 0;
    for (size_t i = 0; i < num && n < MAX_PIECES; i++) {
        if (pieces[i].len == 0) continue;
        iov[n].iov_base = (void *)(uintptr_t)pieces[i].ptr; /* is only read */
        iov[n++].iov_len = pieces[i].len;
    }
    if (n == 0) return 0;
    return result(u, u->tls != NULL ? tls_send(u->tls, iov, n) : plain_send(u, iov, n), "send: ");
}

ptrdiff_t upstream_recv(upstream *u, void *buf, size_t len)
{
    or_io io = or_posix_io(&u->io[0].fd);
    return result(u, u->tls != NULL ? tls_recv(u->tls, buf, len) : io.recv(io.user, buf, len),
                  "receive: ");
}

void upstream_want(upstream *u, bool recv, bool send)
{
    u->want_recv = recv;
    u->want_send = send;
    if (u->state == READY) watch(u);
}

/* ---- idle ---- */

/* Each is kept for the same time, so the last of all is the next to go, and one timer does. */
static void on_idle_end(ev_timer *t)
{
    int32_t age = 0;
    while (idle.last != NULL) {
        age = or_ms_diff(idle.last->idle_since, ev_now());
        if (age < IDLE_MS) break;
        upstream_close(idle.last);
    }
    if (idle.last != NULL) ev_timer_set(t, (uint32_t)(IDLE_MS - age));
}

static bool can_keep(const upstream *u)
{
    unsigned max = u->tls != NULL ? UPSTREAM_MAX_IDLE_TLS : UPSTREAM_MAX_IDLE;
    if (u->state != READY || u->probe || u->host->idle.num >= max) return false;
    return u->tls == NULL || !tls_pending(u->tls); /* else it talks out of turn */
}

void upstream_keep(upstream *u)
{
    upstream_host *h = u->host;
    if (!can_keep(u)) {
        upstream_close(u);
        return;
    }
    if (idle.num >= UPSTREAM_MAX_IDLE_ALL) upstream_close(idle.last);
    u->state = IDLE;
    u->idle_since = ev_now();
    push(&h->idle, OF_HOST, u);
    push(&idle, OF_ALL, u);
    u->want_recv = true; /* to notice its end */
    u->want_send = false;
    watch(u);
    idle_timer.fire = on_idle_end;
    if (idle_timer.index == 0) ev_timer_set(&idle_timer, IDLE_MS);
    upstream_host_drop(h); /* the last: closes this one too */
}
