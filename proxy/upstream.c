#include "proxy/upstream.h"

#include <errno.h>
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
    MAX_IDLE = 64,         /* connections kept for the next request */
    IDLE_MS = 55 * 1000,   /* ... and for how long: most servers give up after 60 s or more */
    MAX_PIECES = 8
};

typedef enum state { RESOLVE, DIAL, HANDSHAKE, READY, IDLE, FAILED, CLOSED } state;

struct upstream {
    ev_io         io[2]; /* two while dialling, then the first is the connection */
    ev_timer      timer; /* the dial's next step, or the end of an idle connection */
    ev_task       task;  /* free it */
    state         state;
    dns_query    *query;
    or_posix_dial dial;
    tls          *tls; /* NULL: plain */
    bool          want_recv, want_send, was_idle;
    void (*ready)(void *user);
    void    *user;
    upstream *next, *prev; /* idle list, most recent first */
    char      error[256];
};

static const conf *settings;
static or_url      base;
static upstream   *idle;
static unsigned    num_idle;

static void on_dial(upstream *u);
static void on_ready(ev_io *io, unsigned events);

bool upstream_setup(const conf *s, char *error, size_t error_size)
{
    settings = s;
    if (s->provider.kind == CONF_KIND_DEMO) {
        base.authority = OR_STR("demo");
        return true;
    }
    (void)or_url_read(or_str_z(s->provider.base_url), &base); /* conf_check did */
    if (!dns_setup()) {
        snprintf(error, error_size, "cannot start the resolver: %s", strerror(errno));
        return false;
    }
    const char *ca = s->provider.ca != NULL ? s->provider.ca : s->ca;
    return !base.tls || tls_setup(base.host, ca, error, error_size);
}

or_str upstream_authority(void)
{
    return base.authority;
}

or_str upstream_base_path(void)
{
    return base.path;
}

/* ---- life and death ---- */

static void release(void *user)
{
    upstream *u = user;
    mem_free(u, sizeof *u);
}

static void unlink_idle(upstream *u)
{
    if (u->prev != NULL) u->prev->next = u->next;
    if (u->next != NULL) u->next->prev = u->prev;
    if (idle == u) idle = u->next;
    u->next = u->prev = NULL;
    num_idle--;
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
    if (u->state == IDLE) unlink_idle(u);
    if (u->query != NULL) dns_forget(u->query);
    if (u->state == DIAL) {
        forget_attempts(u);
        or_posix_dial_abandon(&u->dial);
    }
    if (u->tls != NULL) tls_close(u->tls);
    close_io(&u->io[0]);
    ev_timer_stop(&u->timer);
    u->state = CLOSED;
    ev_defer(&u->task);
}

static void failed(upstream *u, const char *why)
{
    ev_timer_stop(&u->timer);
    u->state = FAILED;
    snprintf(u->error, sizeof u->error, "%s", why);
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

/* The connection is made: fd is open, and TLS follows where it is asked for. */
static void connected(upstream *u, int fd)
{
    u->io[0].fd = fd;
    u->io[0].ready = on_ready;
    u->io[0].user = u;
    if (!ev_add(&u->io[0], EV_WRITE)) {
        close(fd);
        failed(u, "cannot watch the connection");
        return;
    }
    u->state = READY;
    if (base.tls) {
        u->state = HANDSHAKE;
        u->tls = tls_open(fd, u->error, sizeof u->error);
        if (u->tls == NULL) {
            char why[sizeof u->error];
            memcpy(why, u->error, sizeof why);
            failed(u, why);
            return;
        }
        watch(u);
        return;
    }
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
        u->io[i].fd = u->dial.fd[i];
        u->io[i].ready = on_attempt;
        u->io[i].user = u;
        if (u->io[i].fd >= 0) (void)ev_add(&u->io[i], EV_WRITE);
    }
    u->timer.fire = on_dial_timer;
    u->timer.user = u;
    int32_t wait = or_ms_diff(ev_now(), u->dial.next_ms);
    if (u->dial.timer)
        ev_timer_set(&u->timer, wait > 0 ? (uint32_t)wait : 1);
    else
        ev_timer_stop(&u->timer);
}

static void on_dial(upstream *u)
{
    int fd;
    if (u->state != DIAL) return;
    forget_attempts(u);
    or_err e = or_posix_dial_step(&u->dial, ev_now(), &fd);
    if (e == OR_NEED_MORE) {
        watch_attempts(u);
        return;
    }
    ev_timer_stop(&u->timer);
    if (e == OR_OK)
        connected(u, fd);
    else
        failed(u, u->dial.error);
}

static void on_addresses(void *user, const dns_answer *answer)
{
    upstream *u = user;
    u->query = NULL;
    if (answer->err != OR_OK) {
        failed(u, answer->error);
        return;
    }
    or_posix_dial_start(&u->dial, answer->addresses, answer->num);
    u->state = DIAL;
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
    if (settings->provider.kind == CONF_KIND_DEMO) {
        int fd = demo_connect();
        if (fd >= 0)
            connected(u, fd);
        else
            failed(u, strerror(errno));
        return;
    }
    u->query = dns_ask(base.host, base.port, &answer, on_addresses, u);
    if (u->query == NULL) on_addresses(u, &answer);
}

upstream *upstream_borrow(bool fresh, void (*ready)(void *user), void *user)
{
    upstream *u = fresh ? NULL : idle;
    if (u != NULL) {
        unlink_idle(u);
        ev_timer_stop(&u->timer);
        u->state = READY;
        u->was_idle = true;
    } else {
        u = mem_alloc(sizeof *u);
        if (u == NULL) return NULL;
        u->io[0].fd = u->io[1].fd = -1;
        u->state = RESOLVE;
        u->task.run = begin;
        u->task.user = u;
        ev_defer(&u->task);
    }
    u->ready = ready;
    u->user = user;
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
    return u->error;
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
        snprintf(u->error, sizeof u->error, "%s", tls_error(u->tls));
    else
        snprintf(u->error, sizeof u->error, "%s: %s", what, strerror(errno));
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
    return result(u, u->tls != NULL ? tls_send(u->tls, iov, n) : plain_send(u, iov, n), "send");
}

ptrdiff_t upstream_recv(upstream *u, void *buf, size_t len)
{
    or_io io = or_posix_io(&u->io[0].fd);
    return result(u, u->tls != NULL ? tls_recv(u->tls, buf, len) : io.recv(io.user, buf, len),
                  "receive");
}

void upstream_want(upstream *u, bool recv, bool send)
{
    u->want_recv = recv;
    u->want_send = send;
    if (u->state == READY) watch(u);
}

/* ---- idle ---- */

static void on_idle_end(ev_timer *t)
{
    upstream_close(t->user);
}

void upstream_keep(upstream *u)
{
    bool talks = u->tls != NULL && tls_pending(u->tls); /* out of turn */
    if (u->state != READY || num_idle >= MAX_IDLE || talks) {
        upstream_close(u);
        return;
    }
    u->state = IDLE;
    u->next = idle;
    if (idle != NULL) idle->prev = u;
    idle = u;
    num_idle++;
    u->want_recv = true; /* to notice its end */
    u->want_send = false;
    watch(u);
    u->timer.fire = on_idle_end;
    u->timer.user = u;
    ev_timer_set(&u->timer, IDLE_MS);
}

void upstream_shutdown(void)
{
    while (idle != NULL) upstream_close(idle);
}
