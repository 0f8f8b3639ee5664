#include "ports/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ports/posix.h"

static void *heap_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void heap_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}

static const or_allocator heap = {heap_alloc, heap_free, NULL};

static or_err wait_for(or_link *l, bool to_send)
{
    or_err e = or_posix_wait(l->fd, l->is_tls ? l->tls.want_send : to_send, l->timeout_ms);
    if (e != OR_OK) snprintf(l->error, sizeof l->error, "%s", or_err_text(e));
    return e;
}

static or_err open_tls(or_link *l, or_str host)
{
    uint8_t         seed[32];
    or_bearssl_desc d = {&l->trust, &l->handshake, NULL, host, or_posix_unix_s(), seed, l->records,
                         sizeof l->records, l->socket};
    or_err          e;
    if (or_posix_random(seed, sizeof seed) != OR_OK) {
        snprintf(l->error, sizeof l->error, "no random bytes");
        return OR_ERR_IO;
    }
    e = or_bearssl_trust_load(&l->trust, NULL, &heap, l->error, sizeof l->error);
    if (e != OR_OK) return e;
    e = or_bearssl_begin(&l->tls, &d);
    or_wipe(seed, sizeof seed);
    l->is_tls = e == OR_OK;
    while (e == OR_OK && (e = or_bearssl_step(&l->tls)) == OR_NEED_MORE) e = wait_for(l, true);
    if (e != OR_OK && e != OR_ERR_TIMEOUT) or_bearssl_error(&l->tls, l->error, sizeof l->error);
    return e;
}

or_err or_link_open(or_link *l, const or_url *url, uint32_t timeout_ms)
{
    char   host[256];
    or_err e;
    memset(l, 0, sizeof *l);
    l->fd = -1;
    l->timeout_ms = timeout_ms;
    snprintf(host, sizeof host, "%.*s", (int)url->host.len, url->host.ptr);
    e = or_posix_connect(host, url->port, timeout_ms, &l->fd, l->error, sizeof l->error);
    l->socket = or_posix_io(&l->fd);
    if (e == OR_OK && url->tls) e = open_tls(l, url->host);
    if (e != OR_OK) or_link_close(l);
    return e;
}

or_err or_link_send(or_link *l, or_str data)
{
    or_err e = OR_OK;
    while (data.len > 0 && e == OR_OK) {
        ptrdiff_t n = l->is_tls ? or_bearssl_send(&l->tls, data.ptr, data.len)
                                : l->socket.send(l->socket.user, data.ptr, data.len);
        if (n < 0) return (or_err)n;
        data.ptr += n;
        data.len -= (size_t)n;
        if (n == 0) e = wait_for(l, true);
    }
    while (l->is_tls && e == OR_OK && (e = or_bearssl_flush(&l->tls)) == OR_NEED_MORE)
        e = wait_for(l, true);
    return e;
}

ptrdiff_t or_link_recv(or_link *l, void *buf, size_t len)
{
    for (;;) {
        ptrdiff_t n = l->is_tls ? or_bearssl_recv(&l->tls, buf, len)
                                : l->socket.recv(l->socket.user, buf, len);
        if (n != 0) return n;
        or_err e = wait_for(l, false);
        if (e != OR_OK) return e;
    }
}

void or_link_close(or_link *l)
{
    if (l->is_tls) or_bearssl_close(&l->tls);
    if (l->fd >= 0) close(l->fd);
    if (l->trust.num > 0) or_bearssl_trust_free(&l->trust);
    l->is_tls = false;
    l->fd = -1;
}

static ptrdiff_t link_recv(void *user, void *buf, size_t len)
{
    or_link *l = user;
    return l->is_tls ? or_bearssl_recv(&l->tls, buf, len) : l->socket.recv(l->socket.user, buf, len);
}

static ptrdiff_t link_send(void *user, const void *buf, size_t len)
{
    or_link *l = user;
    if (!l->is_tls) return l->socket.send(l->socket.user, buf, len);
    ptrdiff_t n = or_bearssl_send(&l->tls, buf, len);
    or_err    e = n > 0 ? or_bearssl_flush(&l->tls) : OR_OK; /* the rest goes with the next call */
    return e < 0 ? (ptrdiff_t)e : n;
}

static void connect_link(or_link *l, or_client *c)
{
    or_io    io = {link_recv, link_send, l};
    uint32_t wait = or_call_wake(&c->call, or_posix_now_ms());
    or_err   e = or_link_open(l, &c->url, wait < INT32_MAX ? wait : INT32_MAX);
    if (e == OR_OK)
        or_client_connected(c, or_posix_now_ms(), &io, false);
    else
        or_client_refused(c, e);
}

/* Until the connection or the clock has something for the call. */
static void wait_link(const or_link *l, const or_client *c)
{
    uint32_t wait = or_call_wake(&c->call, or_posix_now_ms());
    bool     send = l->is_tls ? l->tls.want_send : c->call.want_send;
    (void)or_posix_wait(l->fd, send, wait < INT32_MAX ? wait : INT32_MAX);
}

or_err or_link_next(or_link *l, or_client *c, or_call_event *ev)
{
    for (;;) {
        or_err e = or_client_next(c, or_posix_now_ms(), ev);
        if (e == OR_DONE) return e;
        if (e == OR_NEED_MORE && !c->call.again)
            wait_link(l, c);
        else if (e == OR_OK && ev->kind == OR_CALL_CONNECT)
            connect_link(l, c);
        else if (e == OR_OK && ev->kind == OR_CALL_CLOSE)
            or_link_close(l);
        else if (e == OR_OK)
            return OR_OK;
    }
}

or_moment or_link_moment(void)
{
    or_moment m;
    memset(&m, 0, sizeof m);
    m.now_ms = or_posix_now_ms();
    m.wall.known = true;
    m.wall.unix_s = (int64_t)or_posix_unix_s();
    (void)or_posix_random(&m.seed, sizeof m.seed); /* only spreads load: no secret */
    return m;
}
