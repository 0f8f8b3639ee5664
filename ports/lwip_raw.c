#include "ports/lwip_raw.h"

#include "lwip/opt.h"

#if !LWIP_TCP || !LWIP_CALLBACK_API
#error "ports/lwip_raw needs LWIP_TCP 1 and LWIP_CALLBACK_API 1 in lwipopts.h"
#endif
#ifndef OR_LWIP_RAW_LOCK
#if NO_SYS
#define OR_LWIP_RAW_LOCK()   ((void)0)
#define OR_LWIP_RAW_UNLOCK() ((void)0)
#elif LWIP_TCPIP_CORE_LOCKING
#define OR_LWIP_RAW_LOCK()   LOCK_TCPIP_CORE()
#define OR_LWIP_RAW_UNLOCK() UNLOCK_TCPIP_CORE()
#else
#error "ports/lwip_raw needs LWIP_TCPIP_CORE_LOCKING 1 in lwipopts.h, or use ports/lwip_sockets"
#endif
#endif

#include "lwip/pbuf.h"
#include "lwip/sys.h"
#if !NO_SYS
#include "lwip/tcpip.h"
#endif

#include <string.h>

uint32_t or_lwip_raw_now_ms(void)
{
    return sys_now();
}

/* ---- called by lwIP ---- */

static void wake(const or_lwip_raw *s)
{
    if (s->wake != NULL) s->wake(s->user);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t e)
{
    or_lwip_raw *s = arg;
    (void)pcb;
    (void)e; /* always ERR_OK: failures go to on_error */
    s->open = true;
    wake(s);
    return ERR_OK;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t e)
{
    or_lwip_raw *s = arg;
    (void)pcb;
    (void)e;
    if (p == NULL)
        s->ended = true;
    else if (s->in == NULL)
        s->in = p;
    else if (p->tot_len > 0xFFFF - s->in->tot_len)
        return ERR_MEM; /* the length of a chain has 16 bits: lwIP keeps p and asks again */
    else
        pbuf_cat(s->in, p);
    wake(s);
    return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    (void)pcb;
    (void)len;
    wake(arg);
    return ERR_OK;
}

/* Twice a second: when memory was short with nothing under way, on_sent would not come. */
static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    (void)pcb;
    wake(arg);
    return ERR_OK;
}

/* lwIP has freed the pcb, or will after this. */
static void on_error(void *arg, err_t e)
{
    or_lwip_raw *s = arg;
    s->pcb = NULL;
    s->open = false;
    s->number = e;
    s->err = OR_ERR_IO;
    wake(s);
}

/* ---- called by you ---- */

/* Not from a callback of this pcb, so tcp_abort needs no ERR_ABRT here. */
static void drop(or_lwip_raw *s, or_err e, bool abort)
{
    struct tcp_pcb *pcb = s->pcb;
    if (pcb != NULL) {
        tcp_arg(pcb, NULL);
        tcp_recv(pcb, NULL);
        tcp_sent(pcb, NULL);
        tcp_poll(pcb, NULL, 0);
        tcp_err(pcb, NULL); /* else aborting would call it */
        if (abort || tcp_close(pcb) != ERR_OK) tcp_abort(pcb);
    }
    if (s->in != NULL) pbuf_free(s->in);
    s->pcb = NULL;
    s->in = NULL;
    s->open = s->ended = false;
    s->err = e;
}

static or_err begin(or_lwip_raw *s, const ip_addr_t *address, uint16_t port)
{
    s->pcb = tcp_new_ip_type(IP_GET_TYPE(address));
    if (s->pcb == NULL) {
        s->err = OR_ERR_MEMORY;
        return s->err;
    }
    tcp_nagle_disable(s->pcb);
    tcp_arg(s->pcb, s);
    tcp_recv(s->pcb, on_recv);
    tcp_sent(s->pcb, on_sent);
    tcp_poll(s->pcb, on_poll, 1);
    tcp_err(s->pcb, on_error);
    s->number = tcp_connect(s->pcb, address, port, on_connected);
    if (s->number != ERR_OK) drop(s, OR_ERR_IO, true);
    return s->err;
}

or_err or_lwip_raw_open(or_lwip_raw *s, const ip_addr_t *address, uint16_t port,
                        uint32_t timeout_ms)
{
    or_lwip_raw fresh;
    memset(&fresh, 0, sizeof fresh);
    fresh.wake = s->wake;
    fresh.user = s->user;
    fresh.start_ms = sys_now();
    fresh.timeout_ms = timeout_ms;
    *s = fresh;
    OR_LWIP_RAW_LOCK();
    or_err e = begin(s, address, port);
    OR_LWIP_RAW_UNLOCK();
    return e;
}

/* Why there is no pcb; OR_OK: there is one. */
static or_err gone(const or_lwip_raw *s)
{
    if (s->pcb != NULL) return OR_OK;
    return s->err != OR_OK ? s->err : OR_ERR_CLOSED;
}

or_err or_lwip_raw_step(or_lwip_raw *s)
{
    OR_LWIP_RAW_LOCK();
    or_err e = OR_NEED_MORE;
    if (s->open)
        e = OR_OK;
    else if (s->pcb == NULL)
        e = gone(s);
    else if (or_ms_diff(s->start_ms, sys_now()) >= (int32_t)s->timeout_ms)
        drop(s, e = OR_ERR_TIMEOUT, true);
    OR_LWIP_RAW_UNLOCK();
    return e;
}

/* Copy from the chain and free each pbuf that is used up. */
static u16_t take(or_lwip_raw *s, char *to, size_t len)
{
    u16_t n = 0;
    while (s->in != NULL && n < len) {
        struct pbuf *p = s->in;
        u16_t        part = (u16_t)(p->len - s->in_at);
        if (part > len - n) part = (u16_t)(len - n);
        memcpy(to + n, (const char *)p->payload + s->in_at, part);
        n = (u16_t)(n + part);
        s->in_at = (u16_t)(s->in_at + part);
        if (s->in_at < p->len) break;
        s->in = p->next;
        s->in_at = 0;
        if (s->in != NULL) pbuf_ref(s->in); /* or it would go with its predecessor */
        pbuf_free(p);
    }
    return n;
}

static ptrdiff_t io_recv(void *user, void *buf, size_t len)
{
    or_lwip_raw *s = user;
    OR_LWIP_RAW_LOCK();
    ptrdiff_t n = take(s, buf, len);
    if (n > 0 && s->pcb != NULL) tcp_recved(s->pcb, (u16_t)n);
    if (n == 0) n = s->ended ? OR_ERR_CLOSED : gone(s);
    OR_LWIP_RAW_UNLOCK();
    return n;
}

/* As much as lwIP has room and memory for; half as much until it fits. */
static ptrdiff_t put(or_lwip_raw *s, const void *buf, size_t len)
{
    size_t n = tcp_sndbuf(s->pcb);
    err_t  e = ERR_MEM;
    if (n > len) n = len;
    if (n > 0xFFFF) n = 0xFFFF;
    while (n > 0 && (e = tcp_write(s->pcb, buf, (u16_t)n, TCP_WRITE_FLAG_COPY)) == ERR_MEM) n /= 2;
    if (e == ERR_OK || e == ERR_MEM) {
        (void)tcp_output(s->pcb); /* what cannot leave now leaves by lwIP's timer */
        return (ptrdiff_t)n;
    }
    s->number = e;
    return OR_ERR_IO;
}

static ptrdiff_t io_send(void *user, const void *buf, size_t len)
{
    or_lwip_raw *s = user;
    OR_LWIP_RAW_LOCK();
    ptrdiff_t n = s->open ? put(s, buf, len) : (ptrdiff_t)gone(s);
    OR_LWIP_RAW_UNLOCK();
    return n;
}

or_io or_lwip_raw_io(or_lwip_raw *s)
{
    or_io io;
    io.recv = io_recv;
    io.send = io_send;
    io.user = s;
    return io;
}

void or_lwip_raw_close(or_lwip_raw *s)
{
    OR_LWIP_RAW_LOCK();
    drop(s, OR_ERR_CLOSED, false);
    OR_LWIP_RAW_UNLOCK();
}
