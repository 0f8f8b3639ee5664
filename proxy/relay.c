#include "proxy/relay.h"

#include <stdarg.h>
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
    TURN_BYTES = 256 * 1024,      /* received for one exchange per turn */
    TAIL_MS = 1000,               /* for the end of a message whose content is complete */
    MAX_PIECES = 32,
    MAX_NAME = 96                 /* of ids and models that are repeated in messages */
};

typedef enum state { CONNECT, SEND, ANSWER, TAIL, OVER } state;

typedef struct relay relay;
struct relay {
    relay   *next, *prev;
    client  *c; /* NULL: has its answer, or is gone */
    upstream *u;
    state    state;
    ev_timer stage, total, beat;
    ev_task  task; /* go on receiving, or free it when OVER */
    uint32_t began;

    bool   chat;        /* else: the list of models */
    bool   want_stream; /* the client asked for one */
    bool   is_stream;   /* the answer is one */
    bool   committed;   /* its head went to the client */
    bool   got_bytes, paused, connection_spoilt;
    or_str body;        /* of the request; the client's */
    or_buf head;        /* of the request to the provider; holds its key */
    size_t sent;        /* bytes of head and body */

    or_http http;
    or_buf  rx;         /* start of an incomplete head */
    or_buf  answer;     /* a whole answer */
    or_buf  carry;      /* an event in pieces */
    or_buf  held;       /* events before the first content */
    or_sse  sse;
    or_chat_stream progress;
    uint16_t status;    /* of the provider's answer */
    char     retry_after[MAX_NAME], generation[MAX_NAME], model[MAX_NAME];
};

static const conf *settings;
static relay      *relays;
static unsigned    num_relays;

/* Input that is used up within one call, and events decoded one at a time. */
static char     scratch[64 * 1024];
static char     arena_mem[32 * 1024];
static or_arena arena;

/* Events of the current input that go to the client as they are, in one write. */
static or_str pieces[MAX_PIECES];
static size_t num_pieces;

static void run(relay *r);
static void on_upstream(void *user);
static void flush_pieces(relay *r);

void relay_setup(const conf *s)
{
    settings = s;
    or_arena_init_growing(&arena, arena_mem, sizeof arena_mem, &mem_allocator);
}

/* ---- ends ---- */

static void release(relay *r)
{
    or_wipe(r->head.ptr, r->head.cap);
    or_buf_free(&r->head);
    or_buf_free(&r->rx);
    or_buf_free(&r->answer);
    or_buf_free(&r->carry);
    or_buf_free(&r->held);
    mem_free(r, sizeof *r);
}

static void on_task(void *user)
{
    relay *r = user;
    if (r->state == OVER)
        release(r);
    else
        run(r);
}

/* The client's part is done: say so in the log. */
static void forget_client(relay *r, uint16_t status, const char *end)
{
    r->c = NULL;
    ev_timer_stop(&r->beat);
    ev_timer_stop(&r->total);
    log_line("%s %s: %u %s in %d ms", r->chat ? "chat" : "models",
             r->model[0] ? r->model : "-", status, end, (int)or_ms_diff(r->began, ev_now()));
}

static void finish(relay *r, bool keep)
{
    if (r->state == OVER) return;
    r->state = OVER;
    num_pieces = 0;
    ev_timer_stop(&r->stage);
    ev_timer_stop(&r->total);
    ev_timer_stop(&r->beat);
    if (r->u != NULL) {
        if (keep && !r->connection_spoilt)
            upstream_keep(r->u);
        else
            upstream_close(r->u);
    }
    r->u = NULL;
    if (r->prev != NULL) r->prev->next = r->next;
    if (r->next != NULL) r->next->prev = r->prev;
    if (relays == r) relays = r->next;
    num_relays--;
    ev_defer(&r->task);
}

void relay_shutdown(void)
{
    while (relays != NULL) finish(relays, false);
}

void relay_gone(void *owner)
{
    relay *r = owner;
    if (r->c == NULL) return;
    forget_client(r, 499, "client hung up");
    finish(r, false); /* cancels what the provider is doing */
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
    if (r->retry_after[0] != 0 && !is_event_stream)
        or_http_put_field(&b, OR_STR("Retry-After"), or_str_z(r->retry_after));
    return or_buf_str(&b);
}

static void need_generation(relay *r)
{
    gen_name made;
    if (r->generation[0] != 0) return;
    gen_new(&made);
    snprintf(r->generation, sizeof r->generation, "%s", made.text);
}

/* End the exchange with an error: its own status before the commitment, the last event of
   the stream after it. What the provider says is not logged: it may quote the prompt. */
static void fail_with(relay *r, uint16_t status, or_str message, or_str raw)
{
    char     mem[512];
    envelope e = {status, message, settings->provider.name, raw};
    flush_pieces(r); /* what came before the failure */
    client  *c = r->c;
    if (c != NULL) {
        need_generation(r);
        forget_client(r, status, r->committed ? "error in stream" : "error");
        client_owner(c, NULL);
        if (!r->committed) {
            client_error(c, &e, fields_of(r, mem, sizeof mem, false));
        } else {
            or_buf event;
            or_buf_init_growing(&event, &mem_allocator, 64 * 1024);
            bool told = envelope_put_event(&event, &e, or_str_z(r->generation), or_str_z(r->model),
                                           (uint64_t)time(NULL)) == OR_OK;
            or_str text = or_buf_str(&event);
            client_stream_end(c, &text, 1, told);
            or_buf_free(&event);
        }
    }
    finish(r, false);
}

static void fail(relay *r, uint16_t status, const char *format, ...)
{
    char    message[640];
    va_list args;
    int     n = snprintf(message, sizeof message, "%s: ", settings->provider.name);
    va_start(args, format);
    vsnprintf(message + n, sizeof message - (size_t)n, format, args);
    va_end(args);
    log_line("%s", message);
    fail_with(r, status, or_str_z(message), or_str_of(NULL, 0));
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

static void commit(relay *r)
{
    char mem[512];
    if (r->committed || r->c == NULL) return;
    r->committed = true;
    need_generation(r);
    client_stream_begin(r->c, fields_of(r, mem, sizeof mem, true));
    if (r->held.len > 0) add_piece(r, or_buf_str(&r->held));
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
    if (or_sse_put(&event, or_str_of(NULL, 0), ev->data) != OR_OK) {
        or_buf_free(&event);
        fail(r, 503, "no memory for an event of %zu bytes", ev->data.len);
        return;
    }
    add_piece(r, or_buf_str(&event));
    flush_pieces(r);
    or_buf_free(&event);
}

static void hold(relay *r, const or_sse_event *ev)
{
    if (or_sse_put(&r->held, or_str_of(NULL, 0), ev->data) != OR_OK)
        fail(r, 502, "more than %d bytes before the first content", MAX_HELD);
}

/* The stream is complete and good. */
static void end_stream(relay *r)
{
    client *c = r->c;
    if (c == NULL) return;
    commit(r);
    add_piece(r, OR_STR("data: [DONE]\n\n"));
    if (r->c == NULL) return; /* it hung up just now */
    forget_client(r, 200, "complete");
    client_stream_end(c, pieces, num_pieces, true);
    num_pieces = 0;
    if (num_relays > settings->limits.connections) {
        finish(r, false); /* its client may have begun the next: tails must not pile up */
        return;
    }
    r->paused = false;
    r->state = TAIL;
    ev_timer_set(&r->stage, TAIL_MS);
}

static void copy_name(char *to, or_str from)
{
    bool fits = from.len < MAX_NAME;
    for (size_t i = 0; i < from.len && fits; i++) fits = from.ptr[i] > ' ' && from.ptr[i] < 0x7f;
    if (to[0] != 0 || !fits || from.len == 0) return;
    memcpy(to, from.ptr, from.len);
    to[from.len] = 0;
}

/* Status for an error that came in a body with status 200. */
static uint16_t status_of(const or_chat_error *error)
{
    bool usable = error->code >= 400 && error->code <= 599 && error->code != 401;
    return usable ? (uint16_t)error->code : 502;
}

static void on_stream_error(relay *r, const or_sse_event *ev, const or_chat_delta *delta)
{
    if (r->committed && delta->finish == OR_FINISH_ERROR) { /* in the right shape already */
        pass(r, ev);
        client *c = r->c;
        if (c != NULL) {
            forget_client(r, status_of(&delta->error), "error in stream");
            client_stream_end(c, pieces, num_pieces, true);
        }
        finish(r, false);
        return;
    }
    or_str message = delta->error.message;
    if (message.len == 0) message = OR_STR("the provider sent an error without a message");
    fail_with(r, status_of(&delta->error), message, ev->data);
}

static void on_event(relay *r, const or_sse_event *ev)
{
    or_chat_delta delta;
    if (ev->data.len == 0) return; /* clients fail on it, and it says nothing */
    or_arena_reset(&arena);
    or_err e = or_chat_stream_next(&r->progress, ev->data, &arena, &delta);
    if (e == OR_ERR_ANSWER) return; /* a ping or the like: nothing a client could use */
    if (e != OR_OK) {
        fail(r, e == OR_ERR_SPACE ? 503 : 502, "sent an event that cannot be used: %s",
             or_err_text(e));
        return;
    }
    copy_name(r->generation, delta.id);
    copy_name(r->model, delta.model); /* when the request named none */
    if (delta.error.set) {
        on_stream_error(r, ev, &delta);
    } else if (delta.done) {
        if (r->progress.finish != OR_FINISH_NONE)
            end_stream(r);
        else
            fail(r, 502, "ended the stream without a finish reason");
    } else if (r->committed || r->progress.content || r->progress.finish != OR_FINISH_NONE) {
        commit(r);
        pass(r, ev);
    } else {
        hold(r, ev);
    }
}

static void on_events(relay *r, or_str data)
{
    or_sse_event ev;
    or_err       e;
    while (r->state == ANSWER && (e = or_sse_next(&r->sse, &data, &ev)) != OR_NEED_MORE) {
        if (e == OR_OK) {
            on_event(r, &ev);
            continue;
        }
        fail(r, e == OR_ERR_MEMORY ? 503 : 502, "%s (%d bytes)", or_err_text(e), MAX_EVENT);
    }
}

/* The body of a stream is over. */
static void on_stream_end(relay *r, bool clean)
{
    or_sse_event ev;
    /* The last event may lack its blank line; it counts when it is whole. */
    if (clean && or_sse_end(&r->sse, &ev) == OR_OK) on_event(r, &ev);
    if (r->state != ANSWER) return;
    if (or_chat_stream_end(&r->progress, clean) == OR_END_COMPLETE)
        end_stream(r);
    else
        fail(r, 502, "the stream was cut before its end");
}

/* ---- a whole answer ---- */

static void reply(relay *r, uint16_t status)
{
    char    mem[512];
    client *c = r->c;
    if (c == NULL) return;
    need_generation(r);
    forget_client(r, status, status < 400 ? "complete" : "error");
    client_owner(c, NULL);
    client_reply(c, status, "application/json", fields_of(r, mem, sizeof mem, false),
                 or_buf_str(&r->answer));
}

/* An answer with an error status. OpenRouter's envelope passes as it is; any other shape is
   put into one. */
static void reply_error(relay *r)
{
    or_chat_answer a;
    or_str         raw = or_buf_str(&r->answer);
    or_err         e = or_chat_read(raw, &arena, &a);
    bool           has_error = e == OR_OK && a.error.set && a.error.message.len > 0;
    if (r->status == 401) {
        /* its message is left out: some quote the key */
        fail(r, 502, "refused our key (401): check the key of [provider %s]",
             settings->provider.name);
    } else if (has_error && a.error.code == r->status && !r->committed) {
        reply(r, r->status);
    } else if (r->status < 400) {
        fail(r, 502, "answered with status %u, which is of no use here", r->status);
    } else if (has_error) {
        fail_with(r, r->status, a.error.message, raw);
    } else {
        fail(r, r->status, "answered with status %u and no message", r->status);
    }
}

static void on_whole_answer(relay *r)
{
    or_chat_answer a;
    or_str         body = or_buf_str(&r->answer);
    or_arena_reset(&arena);
    if (r->status != 200) {
        reply_error(r);
    } else if (!r->chat) {
        if (or_json_check(body, NULL) == OR_OK)
            reply(r, 200);
        else
            fail(r, 502, "sent a list of models that is not JSON");
    } else if (r->committed) {
        fail(r, 502, "answered without streaming although a stream was asked for");
    } else {
        or_err e = or_chat_read(body, &arena, &a);
        copy_name(r->generation, e == OR_OK ? a.id : or_str_of(NULL, 0));
        if (e != OR_OK)
            fail(r, 502, "sent an answer that is not a chat completion: %s", or_err_text(e));
        else if (a.error.set)
            fail_with(r, status_of(&a.error), a.error.message, body);
        else
            reply(r, 200);
    }
}

/* ---- the provider's answer ---- */

static void on_head(relay *r)
{
    const or_http_head *h = &r->http.head;
    if (h->status < 200) return;
    or_str type = or_http_field(h, OR_STR("content-type"), NULL);
    or_str event_stream = OR_STR("text/event-stream");
    r->status = h->status;
    copy_name(r->retry_after, or_http_field(h, OR_STR("retry-after"), NULL));
    copy_name(r->generation, or_http_field(h, OR_STR("x-generation-id"), NULL));
    if (type.len > event_stream.len) type.len = event_stream.len; /* without parameters */
    bool events = or_str_eq_nocase(type, event_stream);
    or_str coding = or_http_field(h, OR_STR("content-encoding"), NULL);
    if (coding.len > 0 && !or_str_eq_nocase(coding, OR_STR("identity"))) {
        fail(r, 502, "compressed its answer although it was asked not to");
    } else if (events && h->status == 200 && !r->want_stream) {
        fail(r, 502, "sent a stream although none was asked for");
    } else {
        r->is_stream = events && h->status == 200;
    }
}

static void on_body(relay *r, or_str data)
{
    if (r->is_stream) {
        on_events(r, data);
    } else if (or_buf_put_str(&r->answer, data) != OR_OK) {
        bool limit = r->answer.err == OR_ERR_SPACE && r->answer.len + data.len > r->answer.max;
        fail(r, limit ? 502 : 503, "answer is too large: %s",
             limit ? "limits.answer is reached" : "limits.memory is reached");
    }
}

static void on_end(relay *r)
{
    bool keep = r->http.head.keep_alive;
    if (r->state == ANSWER && r->is_stream)
        on_stream_end(r, true);
    else if (r->state == ANSWER)
        on_whole_answer(r);
    finish(r, keep);
}

/* Use what was received; what is left over (an incomplete head) is kept in rx. */
static void take(relay *r, or_str in)
{
    or_http_event ev;
    or_err        e = OR_NEED_MORE;
    while ((r->state == ANSWER || r->state == TAIL) &&
           (e = or_http_next(&r->http, &in, &ev)) == OR_OK) {
        if (ev.kind == OR_HTTP_HEAD) on_head(r);
        if (ev.kind == OR_HTTP_BODY) on_body(r, ev.data);
        if (ev.kind == OR_HTTP_END) {
            r->connection_spoilt |= in.len > 0; /* more than one answer */
            on_end(r);
            return;
        }
    }
    flush_pieces(r);
    if (r->state == OVER) return;
    if (e < 0) {
        fail(r, 502, "answer is not usable: %s", or_err_text(e));
    } else if (in.len > 0 && in.ptr != r->rx.ptr) {
        or_buf_put_str(&r->rx, in);
    } else if (r->rx.len > in.len) {
        or_buf_take(&r->rx, r->rx.len - in.len);
    }
}

/* The connection failed or ended. */
static void on_closed(relay *r, or_err why)
{
    or_http_event ev;
    if (r->state == TAIL) {
        finish(r, false);
        return;
    }
    if (why == OR_ERR_CLOSED && r->got_bytes && or_http_eof(&r->http, &ev) == OR_OK) {
        r->connection_spoilt = true;
        on_end(r);
        return;
    }
    if (!r->got_bytes && upstream_was_idle(r->u)) {
        /* It died while it was idle; the provider never saw the request. */
        upstream_close(r->u);
        r->sent = 0;
        r->state = CONNECT;
        r->u = upstream_borrow(true, on_upstream, r);
        if (r->u != NULL)
            run(r);
        else
            fail(r, 503, "no memory for a connection");
        return;
    }
    const char *what = why == OR_ERR_CLOSED ? "the connection was closed" : upstream_error(r->u);
    if (r->is_stream)
        fail(r, 502, "the stream was cut before its end: %s", what);
    else
        fail(r, 502, "%s %s", what,
             r->got_bytes ? "in the middle of the answer" : "without an answer");
}

/* ---- driving it ---- */

/* Is the first token, or the first byte of a whole answer, here? Comments do not count. */
static bool has_begun(const relay *r)
{
    return r->is_stream ? r->progress.content : r->answer.len > 0;
}

static void receive(relay *r)
{
    for (size_t total = 0; r->state != OVER && !r->paused; ) {
        if (total >= TURN_BYTES) {
            ev_defer(&r->task); /* others' turn; there may be more */
            return;
        }
        ptrdiff_t n = upstream_recv(r->u, scratch, sizeof scratch);
        if (n == 0) break;
        if (n < 0) {
            on_closed(r, (or_err)n);
            return;
        }
        total += (size_t)n;
        r->got_bytes = true;
        if (r->state == SEND) { /* an answer before the end of the question */
            r->state = ANSWER;
            r->connection_spoilt = true;
        }
        if (r->rx.len == 0)
            take(r, or_str_of(scratch, (size_t)n));
        else if (or_buf_put(&r->rx, scratch, (size_t)n) == OR_OK)
            take(r, or_buf_str(&r->rx));
        else
            fail(r, 502, "answer head is larger than %d bytes", OR_HTTP_MAX_HEAD);
        if (r->state == ANSWER && has_begun(r))
            ev_timer_set(&r->stage, settings->timeout.between_bytes);
    }
    if (r->state == OVER) return;
    if (r->paused) ev_timer_stop(&r->stage); /* waiting for the client, not for the provider */
    upstream_want(r->u, !r->paused, r->state == SEND);
}

static void send_request(relay *r)
{
    or_str    request[2] = {or_buf_str(&r->head), r->body};
    size_t    size = request[0].len + request[1].len;
    ptrdiff_t n = 1;
    while (r->sent < size && (n = upstream_send(r->u, request, 2, r->sent)) > 0)
        r->sent += (size_t)n;
    if (r->sent == size || n < 0) { /* failed: it may have said why before it closed */
        r->connection_spoilt |= n < 0;
        r->state = ANSWER;
    }
}

static void on_connected(relay *r)
{
    r->state = SEND;
    ev_timer_set(&r->stage, settings->timeout.first_token);
}

/* Whatever can be done now. Called when the connection says so, and by the client. */
static void run(relay *r)
{
    if (r->state == CONNECT) {
        or_err e = upstream_state(r->u);
        if (e == OR_NEED_MORE) return;
        if (e != OR_OK) {
            fail(r, 502, "%s", upstream_error(r->u));
            return;
        }
        on_connected(r);
    }
    if (r->state == SEND) send_request(r);
    if (r->state != OVER && !r->paused) receive(r);
}

static void on_upstream(void *user)
{
    run(user);
}

void relay_drained(void *owner)
{
    relay *r = owner;
    if (!r->paused) return;
    r->paused = false;
    ev_timer_set(&r->stage, settings->timeout.between_bytes);
    ev_defer(&r->task);
}

static void on_stage(ev_timer *t)
{
    relay *r = t->user;
    switch (r->state) {
    case CONNECT:
        fail(r, 504, "no connection within %u ms (timeout.connect)",
             (unsigned)settings->timeout.connect);
        break;
    case SEND:
    case ANSWER:
        if (has_begun(r))
            fail(r, 504, "nothing more came for %u ms (timeout.between_bytes)",
                 (unsigned)settings->timeout.between_bytes);
        else
            fail(r, 504, "no answer within %u ms (timeout.first_token)",
                 (unsigned)settings->timeout.first_token);
        break;
    case TAIL:
    case OVER: finish(r, false); break;
    }
}

static void on_total(ev_timer *t)
{
    relay *r = t->user;
    fail(r, 504, "not finished within %u ms (timeout.total)", (unsigned)settings->timeout.total);
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
        or_http_put_length(&r->head, r->body.len);
    }
    or_http_put_head_end(&r->head);
    return target.err != OR_OK ? target.err : r->head.err;
}

static void start_timer(ev_timer *t, void (*fire)(ev_timer *), relay *r, uint32_t ms)
{
    t->fire = fire;
    t->user = r;
    if (ms > 0) ev_timer_set(t, ms);
}

static relay *begin(client *c)
{
    relay *r = mem_alloc(sizeof *r);
    if (r == NULL) {
        envelope e = {.status = 503, .message = OR_STR("no memory: limits.memory is reached")};
        client_error(c, &e, OR_STR("Retry-After: 1\r\n"));
        return NULL;
    }
    or_http_limits limits = {OR_HTTP_MAX_HEAD, 0, 0};
    r->next = relays;
    if (relays != NULL) relays->prev = r;
    relays = r;
    num_relays++;
    r->c = c;
    r->began = ev_now();
    r->task.run = on_task;
    r->task.user = r;
    or_http_init(&r->http, OR_HTTP_CLIENT, &limits);
    or_buf_init_growing(&r->head, &mem_allocator, 2 * OR_HTTP_MAX_HEAD);
    or_buf_init_growing(&r->rx, &mem_allocator, OR_HTTP_MAX_HEAD + sizeof scratch);
    or_buf_init_growing(&r->answer, &mem_allocator, settings->limits.answer);
    or_buf_init_growing(&r->carry, &mem_allocator, MAX_EVENT);
    or_buf_init_growing(&r->held, &mem_allocator, MAX_HELD);
    or_sse_init(&r->sse, &r->carry);
    or_chat_stream_init(&r->progress);
    client_owner(c, r);
    return r;
}

static void start(relay *r, or_str method, or_str path, or_str query)
{
    start_timer(&r->stage, on_stage, r, settings->timeout.connect);
    start_timer(&r->total, on_total, r, settings->timeout.total);
    start_timer(&r->beat, on_beat, r, r->want_stream ? settings->heartbeat : 0);
    if (put_request(r, method, path, query) != OR_OK) {
        fail(r, 400, "the request's head or query cannot be sent on");
        return;
    }
    r->u = upstream_borrow(false, on_upstream, r);
    if (r->u == NULL)
        fail(r, 503, "no memory for a connection");
    else
        run(r);
}

void relay_chat(client *c, const facts *f)
{
    relay *r = begin(c);
    if (r == NULL) return;
    r->chat = true;
    r->want_stream = f->stream;
    r->body = client_body(c);
    copy_name(r->model, f->model);
    start(r, OR_STR("POST"), OR_STR("/chat/completions"), or_str_of(NULL, 0));
}

void relay_models(client *c)
{
    relay *r = begin(c);
    if (r == NULL) return;
    start(r, OR_STR("GET"), OR_STR("/models"), client_head(c)->query);
}
