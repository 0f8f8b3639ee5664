#include "proxy/relay.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proxy/ev.h"
#include "proxy/gen.h"
#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/upstream.h"

enum {
    MAX_EVENT = 16 * 1024 * 1024, /* bytes of one server-sent event */
    MAX_HELD = 64 * 1024,         /* bytes of a stream's opening that wait for content */
    TURN = 4,                     /* receives for one exchange, then others have their turn */
    MAX_PIECES = 32,
    MAX_NAME = 96                 /* of ids and models that are repeated in messages */
};

typedef struct relay relay;
struct relay {
    relay   *next, *prev;
    client  *c; /* NULL: has its answer, or is gone */
    upstream *u;
    ev_timer wake, beat;
    ev_task  task; /* go on, or free it when over */
    uint32_t began;

    bool   chat;        /* else: the list of models */
    bool   want_stream; /* the client asked for one */
    bool   committed;   /* the head of a stream went to the client */
    bool   connecting, refused, no_memory, paused, pumping, over;
    or_str request[2];  /* to the provider: head, with its key, and the client's body */
    or_buf head;

    or_call  call;
    uint64_t memory[2]; /* of the call; what begin_call describes needs no more */
    uint32_t retry_after_s;
    char     generation[MAX_NAME], model[MAX_NAME];
};

static const conf *settings;
static relay      *relays;
static unsigned    num_relays;

/* One provider that takes any model: the plan has one candidate. */
static or_endpoint  endpoint;
static or_catalogue catalogue = {&endpoint, 1, NULL, 0};
static or_candidate candidates[1];
static or_plan      plan;
static or_stats     stats;

/* Input that is used up within one call, and events decoded one at a time. */
static char     scratch[64 * 1024];
static char     arena_mem[32 * 1024];
static or_arena arena;

/* Events of the current input that go to the client as they are, in one write. */
static or_str pieces[MAX_PIECES];
static size_t num_pieces;

static void pump(relay *r);

void relay_setup(const conf *s)
{
    settings = s;
    endpoint.provider = or_str_z(s->provider.name);
    or_plan_init(&plan, candidates, 1);
    plan.num = 1;
    or_arena_init_growing(&arena, arena_mem, sizeof arena_mem, &mem_allocator);
}

/* ---- ends ---- */

/* The client's part is done: say so in the log. */
static void forget_client(relay *r, uint16_t status, const char *end)
{
    r->c = NULL;
    ev_timer_stop(&r->beat);
    log_line("%s %s: %u %s in %d ms", r->chat ? "chat" : "models",
             r->model[0] ? r->model : "-", status, end, (int)or_ms_diff(r->began, ev_now()));
}

static void release_upstream(relay *r, bool keep)
{
    if (r->u != NULL && keep)
        upstream_keep(r->u);
    else if (r->u != NULL)
        upstream_close(r->u);
    r->u = NULL;
}

static void finish(relay *r)
{
    if (r->over) return;
    r->over = true;
    num_pieces = 0;
    release_upstream(r, false);
    ev_timer_stop(&r->wake);
    ev_timer_stop(&r->beat);
    if (r->prev != NULL) r->prev->next = r->next;
    if (r->next != NULL) r->next->prev = r->prev;
    if (relays == r) relays = r->next;
    num_relays--;
    ev_defer(&r->task);
}

static void on_task(void *user)
{
    relay *r = user;
    if (!r->over) {
        pump(r);
        return;
    }
    or_wipe(r->head.ptr, r->head.cap);
    or_buf_free(&r->head);
    mem_free(r, sizeof *r);
}

void relay_shutdown(void)
{
    while (relays != NULL) {
        relay *r = relays;
        or_call_cancel(&r->call);
        pump(r); /* gives its memory back */
        finish(r);
    }
}

void relay_gone(void *owner)
{
    relay *r = owner;
    if (r->c == NULL) return;
    forget_client(r, 499, "client hung up");
    or_call_cancel(&r->call); /* and with it what the provider is doing */
    pump(r);
}

/* Header lines that every answer gets. */
static or_str fields_of(const relay *r, char *mem, size_t size, bool is_event_stream)
{
    or_buf b;
    or_buf_init(&b, mem, size);
    if (is_event_stream) {
        or_http_put_field(&b, OR_STR("Content-Type"), OR_STR("text/event-stream"));
        or_http_put_field(&b, OR_STR("Cache-Control"), OR_STR("no-cache"));
        or_http_put_field(&b, OR_STR("X-Accel-Buffering"), OR_STR("no"));
    }
    if (r->chat) or_http_put_field(&b, OR_STR("X-Generation-Id"), or_str_z(r->generation));
    if (r->retry_after_s > 0 && !is_event_stream) {
        char seconds[12];
        snprintf(seconds, sizeof seconds, "%u", (unsigned)r->retry_after_s);
        or_http_put_field(&b, OR_STR("Retry-After"), or_str_z(seconds));
    }
    return or_buf_str(&b);
}

static void need_generation(relay *r)
{
    gen_name made;
    if (r->generation[0] != 0) return;
    gen_new(&made);
    snprintf(r->generation, sizeof r->generation, "%s", made.text);
}

/* ---- the stream to the client ---- */

static void flush_pieces(relay *r)
{
    size_t n = num_pieces;
    num_pieces = 0;
    if (n == 0 || r->c == NULL) return;
    bool room = client_stream(r->c, pieces, n);
    if (r->c == NULL) return; /* it hung up just now */
    r->paused = !room;
    or_call_pause(&r->call, ev_now(), r->paused);
    ev_timer_set(&r->beat, settings->heartbeat);
}

/* Text that stays where it is until flush_pieces; neighbours in memory become one piece. */
static void add_piece(relay *r, or_str text)
{
    if (num_pieces > 0) {
        or_str *last = &pieces[num_pieces - 1];
        if (last->ptr + last->len == text.ptr) {
            last->len += text.len;
            return;
        }
    }
    if (num_pieces == MAX_PIECES) flush_pieces(r);
    pieces[num_pieces++] = text;
}

/* Send the head of a stream, once. */
static void commit(relay *r)
{
    char mem[512];
    if (r->committed || r->c == NULL) return;
    r->committed = true;
    need_generation(r);
    client_stream_begin(r->c, fields_of(r, mem, sizeof mem, true));
}

/* The provider's bytes of an event when they are in the one form that every client reads:
   a single "data: " line with LF. Else absent. */
static or_str plain_form(const or_sse_event *ev)
{
    static const char prefix[] = "data: ";
    or_str raw = ev->raw;
    if (raw.len != ev->data.len + sizeof prefix - 1 + 2) return or_str_of(NULL, 0);
    if (memcmp(raw.ptr, prefix, sizeof prefix - 1) != 0) return or_str_of(NULL, 0);
    if (memcmp(raw.ptr + raw.len - 2, "\n\n", 2) != 0) return or_str_of(NULL, 0);
    return raw;
}

/* Pass an event on. What is not in the input as it must be sent is sent at once, since it
   lives until the next event only. */
static void pass(relay *r, const or_sse_event *ev)
{
    or_str plain = plain_form(ev);
    if (plain.ptr != NULL) {
        add_piece(r, plain);
        return;
    }
    or_buf event;
    or_buf_init_growing(&event, &mem_allocator, MAX_EVENT + 1024);
    if (or_sse_put(&event, or_str_of(NULL, 0), ev->data) == OR_OK) {
        add_piece(r, or_buf_str(&event));
        flush_pieces(r);
    } else {
        r->no_memory = true;
        or_call_cancel(&r->call);
    }
    or_buf_free(&event);
}

/* The stream is complete and good. */
static void end_stream(relay *r)
{
    client *c = r->c;
    add_piece(r, OR_STR("data: [DONE]\n\n"));
    if (r->c == NULL) return; /* it hung up just now */
    forget_client(r, 200, "complete");
    client_stream_end(c, pieces, num_pieces, true);
    num_pieces = 0;
    /* its client may have begun the next: ends that are waited for must not pile up */
    if (num_relays > settings->limits.connections) or_call_cancel(&r->call);
}

static void copy_name(char *to, or_str from)
{
    bool fits = from.len < MAX_NAME;
    for (size_t i = 0; i < from.len && fits; i++) fits = from.ptr[i] > ' ' && from.ptr[i] < 0x7f;
    if (to[0] != 0 || !fits || from.len == 0) return;
    memcpy(to, from.ptr, from.len);
    to[from.len] = 0;
}

/* ---- failures ---- */

/* What failed when no answer said so, in words, and as a status. */
static uint16_t describe(const relay *r, const or_call_failure *f, char *text, size_t size)
{
    const or_call *call = &r->call;
    const char    *what = r->u != NULL ? upstream_error(r->u) : "no memory for a connection";
    const char    *end = call->http.head.status != 0 ? "in the middle of the answer"
                                                     : "without an answer";
    or_err         e = f->err;
    if (e == OR_ERR_CANCELLED && r->no_memory) e = OR_ERR_MEMORY;
    if (r->refused) {
        snprintf(text, size, "%s", what);
        return r->u != NULL ? 502 : 503;
    }
    switch (e) {
    case OR_ERR_TIMEOUT:
        switch (f->timer) {
        case OR_TIMER_CONNECT:
            snprintf(text, size, "no connection within %u ms (timeout.connect)",
                     (unsigned)settings->timeout.connect);
            break;
        case OR_TIMER_FIRST_TOKEN:
            snprintf(text, size, "no answer within %u ms (timeout.first_token)",
                     (unsigned)settings->timeout.first_token);
            break;
        case OR_TIMER_BETWEEN_BYTES:
            snprintf(text, size, "nothing more came for %u ms (timeout.between_bytes)",
                     (unsigned)settings->timeout.between_bytes);
            break;
        default:
            snprintf(text, size, "not finished within %u ms (timeout.total)",
                     (unsigned)settings->timeout.total);
        }
        return 504;
    case OR_ERR_MEMORY:
    case OR_ERR_SPACE:
        snprintf(text, size, "its answer is too large: limits.memory is reached");
        return 503;
    case OR_ERR_BODY:
        snprintf(text, size, "its answer is too large: limits.answer is reached");
        return 502;
    case OR_ERR_OPENING:
        snprintf(text, size, "more than %d bytes before the first content", MAX_HELD);
        return 502;
    case OR_ERR_EVENT:
        snprintf(text, size, "%s (%d bytes)", or_err_text(e), MAX_EVENT);
        return 502;
    case OR_ERR_UNASKED:
        snprintf(text, size, call->is_stream ? "sent a stream although none was asked for"
                                             : "compressed its answer although it was asked not to");
        return 502;
    case OR_ERR_HTTP:
    case OR_ERR_HEAD:
    case OR_ERR_CODING:
    case OR_ERR_CHUNK:
        snprintf(text, size, "answer is not usable: %s", or_err_text(e));
        return 502;
    case OR_ERR_TRUNCATED:
        if (call->is_stream && call->progress.done) {
            snprintf(text, size, "ended the stream without a finish reason");
            return 502;
        }
        what = "the connection was closed";
        break;
    case OR_ERR_CLOSED: what = "the connection was closed"; break;
    case OR_ERR_IO: break;
    default: /* JSON, and what is wrong with it */
        snprintf(text, size, "%s: %s",
                 call->is_stream ? "sent an event that cannot be used"
                 : r->chat       ? "sent an answer that is not a chat completion"
                                 : "sent a list of models that is not JSON",
                 or_err_text(e));
        return 502;
    }
    if (call->is_stream)
        snprintf(text, size, "the stream was cut before its end: %s", what);
    else
        snprintf(text, size, "%s %s", what, end);
    return 502;
}

/* End the exchange with an error: its own status before the commitment, the last event of
   the stream after it. What the provider says is not logged: it may quote the prompt. */
static void fail_with(relay *r, uint16_t status, or_str message, or_str raw)
{
    char     mem[512];
    envelope e = {status, message, settings->provider.name, raw};
    flush_pieces(r); /* what came before the failure */
    client *c = r->c;
    if (c == NULL) return;
    need_generation(r);
    forget_client(r, status, r->committed ? "error in stream" : "error");
    client_owner(c, NULL);
    if (!r->committed) {
        client_error(c, &e, fields_of(r, mem, sizeof mem, false));
        return;
    }
    or_buf event;
    or_buf_init_growing(&event, &mem_allocator, 64 * 1024);
    bool told = envelope_put_event(&event, &e, or_str_z(r->generation), or_str_z(r->model),
                                   (uint64_t)time(NULL)) == OR_OK;
    or_str text = or_buf_str(&event);
    client_stream_end(c, &text, 1, told);
    or_buf_free(&event);
}

/* The same in our own words, which are logged. */
static void fail(relay *r, uint16_t status, const char *text)
{
    char message[640];
    snprintf(message, sizeof message, "%s: %s", settings->provider.name, text);
    log_line("%s", message);
    fail_with(r, status, or_str_z(message), or_str_of(NULL, 0));
}

static void reply(relay *r, uint16_t status, or_str body)
{
    char    mem[512];
    client *c = r->c;
    if (c == NULL) return;
    need_generation(r);
    forget_client(r, status, status < 400 ? "complete" : "error");
    client_owner(c, NULL);
    client_reply(c, status, "application/json", fields_of(r, mem, sizeof mem, false), body);
}

/* The provider answered with an error. OpenRouter's envelope passes as it is; any other shape
   is put into one. */
static void on_refusal(relay *r, const or_call_event *ev)
{
    const or_call_failure *f = ev->failure;
    char                   text[256];
    bool                   by_status = r->call.http.head.status == f->status;
    if (f->status == 401) {
        /* its message is left out: some quote the key */
        snprintf(text, sizeof text, "refused our key (401): check the key of [provider %s]",
                 settings->provider.name);
        fail(r, 502, text);
    } else if (ev->sse != NULL && r->committed && ev->delta->finish == OR_FINISH_ERROR) {
        client *c = r->c; /* in the right shape already */
        pass(r, ev->sse);
        if (r->c == NULL) return;
        forget_client(r, f->status, "error in stream");
        client_stream_end(c, pieces, num_pieces, true);
        num_pieces = 0;
    } else if (by_status && f->error.code == f->status && f->error.message.len > 0 &&
               !r->committed) {
        reply(r, f->status, f->body);
    } else if (f->status < 400) {
        snprintf(text, sizeof text, "answered with status %u, which is of no use here", f->status);
        fail(r, 502, text);
    } else if (f->error.message.len > 0) {
        fail_with(r, f->status, f->error.message, f->body);
    } else if (by_status) {
        snprintf(text, sizeof text, "answered with status %u and no message", f->status);
        fail(r, f->status, text);
    } else {
        fail(r, f->status, "sent an error without a message");
    }
}

/* ---- driving it ---- */

static void on_upstream(void *user)
{
    pump(user);
}

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

/* The connection, while it is being made: is it there? */
static void look_at_connection(relay *r)
{
    or_err e = upstream_state(r->u);
    or_io  io = {io_recv, io_send, r->u};
    if (e == OR_NEED_MORE) return;
    r->connecting = false;
    r->refused = e != OR_OK;
    if (e == OR_OK)
        or_call_connected(&r->call, ev_now(), &io, upstream_was_idle(r->u), r->request,
                          r->request[1].len > 0 ? 2 : 1);
    else
        or_call_refused(&r->call, e);
}

static void connect_upstream(relay *r, bool fresh)
{
    r->refused = false;
    r->u = upstream_borrow(fresh, on_upstream, r);
    if (r->u != NULL) {
        r->connecting = true;
        look_at_connection(r);
    } else {
        r->refused = true;
        or_call_refused(&r->call, OR_ERR_MEMORY);
    }
}

static void on_end(relay *r, const or_call_event *ev)
{
    char text[512];
    copy_name(r->generation, or_str_z(r->call.id));
    if (ev->failure != NULL)
        r->retry_after_s = ev->failure->retry_after_ms / 1000 +
                           (ev->failure->retry_after_ms % 1000 != 0);
    if (r->c == NULL) return;
    if (ev->end == OR_END_COMPLETE) {
        if (r->call.is_stream) end_stream(r);
    } else if (ev->failure->err == OR_ERR_REFUSED) {
        on_refusal(r, ev);
    } else {
        uint16_t status = describe(r, ev->failure, text, sizeof text);
        fail(r, status, text);
    }
}

static void on_event(relay *r, const or_call_event *ev)
{
    switch (ev->kind) {
    case OR_CALL_CONNECT: connect_upstream(r, ev->fresh); break;
    case OR_CALL_FAILED: break; /* there is one candidate, and one try */
    case OR_CALL_CLOSE: release_upstream(r, ev->keep); break;
    case OR_CALL_BEGIN:
        copy_name(r->generation, or_str_z(r->call.id));
        commit(r);
        if (ev->held.len > 0) add_piece(r, ev->held);
        break;
    case OR_CALL_DELTA:
        copy_name(r->model, ev->delta->model); /* when the request named none */
        pass(r, ev->sse);
        break;
    case OR_CALL_ANSWER:
        copy_name(r->generation, or_str_z(r->call.id));
        if (r->committed)
            fail(r, 502, "answered without streaming although a stream was asked for");
        else
            reply(r, 200, ev->body);
        break;
    case OR_CALL_END: on_end(r, ev); break;
    }
}

/* Whatever can be done now. Called when the connection or the clock says so, and by the
   client. */
static void pump(relay *r)
{
    or_call_event ev;
    or_err        e = OR_NEED_MORE;
    if (r->over || r->pumping) return;
    r->pumping = true;
    if (r->connecting) look_at_connection(r);
    for (int i = 0; i < TURN; i++) {
        while ((e = or_call_next(&r->call, ev_now(), &ev)) == OR_OK) on_event(r, &ev);
        flush_pieces(r); /* they are in the input, which is about to be overwritten */
        if (e == OR_DONE || !r->call.again) break;
    }
    r->pumping = false;
    if (e == OR_DONE) {
        finish(r);
        return;
    }
    if (r->u != NULL && !r->connecting)
        upstream_want(r->u, r->call.want_recv && !r->paused, r->call.want_send);
    if (r->call.again || r->call.cancelled) ev_defer(&r->task);
    uint32_t wake = or_call_wake(&r->call, ev_now());
    if (wake == OR_NEVER)
        ev_timer_stop(&r->wake);
    else
        ev_timer_set(&r->wake, wake > 0 ? wake : 1);
}

void relay_drained(void *owner)
{
    relay *r = owner;
    if (!r->paused) return;
    r->paused = false;
    or_call_pause(&r->call, ev_now(), false);
    ev_defer(&r->task);
}

static void on_wake(ev_timer *t)
{
    pump(t->user);
}

/* Nothing was sent for a while: show the client that we live. */
static void on_beat(ev_timer *t)
{
    relay *r = t->user;
    commit(r);
    if (r->c == NULL) return;
    if (!r->paused) {
        add_piece(r, OR_STR(": ORPROXY PROCESSING\n\n"));
        flush_pieces(r);
    }
    if (r->c != NULL) ev_timer_set(&r->beat, settings->heartbeat);
}

/* ---- the request ---- */

/* Fields of the client that the provider may see: who the app is, for OpenRouter's
   rankings. Nothing else of the client's head leaves this machine. */
static void put_app_fields(or_buf *head, const or_http_head *from)
{
    static const char *const names[] = {"HTTP-Referer", "X-Title", "X-OpenRouter-Title",
                                        "X-OpenRouter-Categories"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        or_str value = or_http_field(from, or_str_z(names[i]), NULL);
        if (value.len > 0) or_http_put_field(head, or_str_z(names[i]), value);
    }
}

static void put_target(or_buf *target, or_str path, or_str query)
{
    or_buf_put_str(target, upstream_base_path());
    or_buf_put_str(target, path);
    if (query.ptr != NULL) {
        or_buf_put_char(target, '?');
        or_buf_put_str(target, query);
    }
}

static void put_authorization(or_buf *head)
{
    char   mem[4200];
    or_buf value;
    if (settings->provider.key == NULL) return;
    or_buf_init(&value, mem, sizeof mem);
    or_buf_put_z(&value, "Bearer ");
    or_buf_put_z(&value, settings->provider.key);
    or_http_put_field(head, OR_STR("Authorization"), or_buf_str(&value));
    or_wipe(mem, sizeof mem);
}

static or_err put_request(relay *r, or_str method, or_str path, or_str query)
{
    char   mem[OR_HTTP_MAX_HEAD];
    or_buf target;
    or_buf_init(&target, mem, sizeof mem);
    put_target(&target, path, query);
    or_http_put_request(&r->head, method, or_buf_str(&target), upstream_authority());
    put_authorization(&r->head);
    or_http_put_field(&r->head, OR_STR("User-Agent"), OR_STR("orproxy/" OR_VERSION));
    or_http_put_field(&r->head, OR_STR("Accept"),
                      r->want_stream ? OR_STR("text/event-stream, application/json")
                                     : OR_STR("application/json"));
    or_http_put_field(&r->head, OR_STR("Accept-Encoding"), OR_STR("identity"));
    put_app_fields(&r->head, client_head(r->c));
    if (r->chat) {
        or_http_put_field(&r->head, OR_STR("Content-Type"), OR_STR("application/json"));
        or_http_put_length(&r->head, r->request[1].len);
    }
    or_http_put_head_end(&r->head);
    return target.err != OR_OK ? target.err : r->head.err;
}

/* In the settings 0 switches a timeout off. */
static uint32_t never(uint32_t ms)
{
    return ms > 0 ? ms : OR_NEVER;
}

static or_err begin_call(relay *r)
{
    or_call_desc d;
    memset(&d, 0, sizeof d);
    d.plan = &plan;
    d.catalogue = &catalogue;
    d.stats = &stats;
    d.stream = r->want_stream;
    d.other = !r->chat;
    d.timeouts.connect_ms = never(settings->timeout.connect);
    d.timeouts.first_token_ms = never(settings->timeout.first_token);
    d.timeouts.between_bytes_ms = never(settings->timeout.between_bytes);
    d.timeouts.total_ms = never(settings->timeout.total);
    d.bound.prompt_bytes = r->request[1].len;
    d.max_event = MAX_EVENT;
    d.max_held = MAX_HELD;
    d.max_answer = (uint32_t)settings->limits.answer;
    d.mem = r->memory;
    d.mem_size = sizeof r->memory;
    d.allocator = &mem_allocator;
    d.input = scratch;
    d.input_size = sizeof scratch;
    d.arena = &arena;
    d.sendv = io_sendv;
    return or_call_begin(&r->call, &d, ev_now());
}

static relay *begin(client *c)
{
    relay *r = mem_alloc(sizeof *r);
    if (r == NULL) {
        envelope e = {.status = 503, .message = OR_STR("no memory: limits.memory is reached")};
        client_error(c, &e, OR_STR("Retry-After: 1\r\n"));
        return NULL;
    }
    r->next = relays;
    if (relays != NULL) relays->prev = r;
    relays = r;
    num_relays++;
    r->c = c;
    r->began = ev_now();
    r->task.run = on_task;
    r->wake.fire = on_wake;
    r->beat.fire = on_beat;
    r->task.user = r->wake.user = r->beat.user = r;
    or_buf_init_growing(&r->head, &mem_allocator, 2 * OR_HTTP_MAX_HEAD);
    client_owner(c, r);
    return r;
}

static void start(relay *r, or_str method, or_str path, or_str query)
{
    or_err e = put_request(r, method, path, query);
    r->request[0] = or_buf_str(&r->head);
    if (e != OR_OK) {
        fail(r, e == OR_ERR_MEMORY ? 503 : 400, "the request's head or query cannot be sent on");
        finish(r);
    } else if (begin_call(r) != OR_OK) {
        fail(r, 500, "the call cannot begin");
        finish(r);
    } else {
        if (r->want_stream && settings->heartbeat > 0) ev_timer_set(&r->beat, settings->heartbeat);
        pump(r);
    }
}

void relay_chat(client *c, const facts *f)
{
    relay *r = begin(c);
    if (r == NULL) return;
    r->chat = true;
    r->want_stream = f->stream;
    r->request[1] = client_body(c);
    copy_name(r->model, f->model);
    start(r, OR_STR("POST"), OR_STR("/chat/completions"), or_str_of(NULL, 0));
}

void relay_models(client *c)
{
    relay *r = begin(c);
    if (r == NULL) return;
    start(r, OR_STR("GET"), OR_STR("/models"), client_head(c)->query);
}
