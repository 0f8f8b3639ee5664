#include "proxy/exchange.h"

#include "proxy/mem.h"
#include "proxy/uplink.h"

enum { TURN = 4 /* receives for one exchange, then others have their turn */ };

/* Input that is used up within one call, and events decoded one at a time. */
static char           scratch[64 * 1024];
static char           arena_mem[32 * 1024];
static or_arena       arena;
static or_chat_answer decoded;

static ptrdiff_t io_recv(void *user, void *buf, size_t len)
{
    return upstream_recv(user, buf, len);
}

static ptrdiff_t io_send(void *user, const void *buf, size_t len)
{
    or_str piece = or_str_of(buf, len);
    return upstream_send(user, &piece, 1);
}

static ptrdiff_t io_sendv(void *user, const or_str *list, size_t num)
{
    return upstream_send(user, list, num);
}

void exchange_shared(or_call_desc *d)
{
    if (arena.first == NULL)
        or_arena_init_growing(&arena, arena_mem, sizeof arena_mem, &mem_allocator);
    d->input = scratch;
    d->input_size = sizeof scratch;
    d->arena = &arena;
    d->decoded = &decoded;
    d->allocator = &mem_allocator;
    d->sendv = io_sendv;
}

/* ---- connections ---- */

static void on_upstream(void *user)
{
    exchange_pump(user);
}

/* Tell whoever watches the uplink how this attempt to connect ended. */
static void note(exchange *x, bool ok)
{
    if (x->u != NULL && !upstream_was_idle(x->u) && !upstream_is_near(x->host))
        uplink_note(x->host, upstream_reached(x->u), ok);
}

/* The connection, while it is being made: is it there? */
static void look_at_connection(exchange *x)
{
    or_err        e = upstream_state(x->u);
    or_io         io = {io_recv, io_send, x->u};
    const or_str *pieces = NULL;
    uint32_t      num = 0;
    if (e == OR_NEED_MORE) return;
    x->connecting = false;
    note(x, e == OR_OK);
    if (e == OR_OK) {
        e = x->hooks->request(x->user, x->call.endpoint, &pieces, &num);
        if (e == OR_ERR_MEMORY || e == OR_ERR_SPACE) x->error = "no memory for the request";
    }
    if (e == OR_OK)
        or_call_connected(&x->call, ev_now(), &io, upstream_was_idle(x->u), pieces, num);
    else
        or_call_refused(&x->call, e);
}

static void connect_upstream(exchange *x, const or_call_event *ev)
{
    x->host = x->hooks->host(x->user, ev->endpoint);
    x->error = NULL;
    x->u = upstream_borrow(x->host, ev->fresh, on_upstream, x);
    if (x->u != NULL) {
        x->connecting = true;
        look_at_connection(x);
    } else {
        x->error = "no memory for a connection";
        or_call_refused(&x->call, OR_ERR_MEMORY);
    }
}

static void release(exchange *x, bool keep)
{
    upstream *u = x->u;
    x->u = NULL;
    if (u == NULL) return;
    if (keep)
        upstream_keep(u);
    else
        upstream_close(u);
}

const char *exchange_error(const exchange *x)
{
    if (x->error != NULL) return x->error;
    return x->u != NULL ? upstream_error(x->u) : "the connection was closed";
}

/* ---- driving it ---- */

static void on_event(exchange *x, const or_call_event *ev)
{
    switch (ev->kind) {
    case OR_CALL_CONNECT: connect_upstream(x, ev); break;
    case OR_CALL_CLOSE:
        if (x->connecting) note(x, false); /* given up while connecting */
        x->connecting = false;
        release(x, ev->keep);
        break;
    default: x->hooks->event(x->user, ev);
    }
}

static void wait(exchange *x)
{
    if (x->u != NULL && !x->connecting)
        upstream_want(x->u, x->call.want_recv && !x->paused, x->call.want_send);
    if (x->call.again) ev_defer(&x->task);
    uint32_t wake = or_call_wake(&x->call, ev_now());
    if (wake == OR_NEVER)
        ev_timer_stop(&x->wake);
    else
        ev_timer_set(&x->wake, wake > 0 ? wake : 1);
}

void exchange_pump(exchange *x)
{
    or_call_event ev;
    or_err        e = OR_NEED_MORE;
    if (x->over || x->pumping) return;
    x->pumping = true;
    if (x->connecting) look_at_connection(x);
    for (int i = 0; i < TURN; i++) {
        while ((e = or_call_next(&x->call, ev_now(), &ev)) == OR_OK) on_event(x, &ev);
        x->hooks->rest(x->user);
        if (e == OR_DONE || !x->call.again) break;
    }
    x->pumping = false;
    if (e != OR_DONE) {
        wait(x);
        return;
    }
    x->over = true;
    ev_timer_stop(&x->wake);
    or_arena_reset(&arena); /* what was decoded may have been large */
    x->hooks->over(x->user);
}

static void on_wake(ev_timer *t)
{
    exchange_pump(t->user);
}

static void on_task(void *user)
{
    exchange_pump(user);
}

or_err exchange_begin(exchange *x, const or_call_desc *d, const exchange_hooks *hooks, void *user)
{
    x->hooks = hooks;
    x->user = user;
    x->wake.fire = on_wake;
    x->task.run = on_task;
    x->wake.user = x->task.user = x;
    return or_call_begin(&x->call, d, ev_now());
}

void exchange_pause(exchange *x, bool paused)
{
    x->paused = paused;
    or_call_pause(&x->call, ev_now(), paused);
    if (!paused && !x->over) ev_defer(&x->task);
}

/* Not at once: the owner may be in the middle of an event. */
void exchange_cancel(exchange *x)
{
    or_call_cancel(&x->call);
    if (!x->over) ev_defer(&x->task);
}
