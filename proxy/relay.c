#include "proxy/relay.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proxy/decide.h"
#include "proxy/ev.h"
#include "proxy/exchange.h"
#include "proxy/expand.h"
#include "proxy/gen.h"
#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/preset.h"
#include "proxy/record.h"
#include "proxy/rewrite.h"
#include "proxy/shape.h"
#include "proxy/uplink.h"

enum {
    MAX_EVENT = 16 * 1024 * 1024, /* bytes of one server-sent event */
    MAX_HELD = 64 * 1024,         /* bytes of a stream's opening that wait for content */
    MAX_PIECES = 32,
    KEY_REST_MS = 30000,          /* of a provider's key that was refused */
    MAX_TURNS = 4,                /* keys of a provider that one request tries */
    MAX_SHOWN = 256,              /* bytes of a client's field that records repeat */
    FIRST_BLOCK = 2048            /* of a request's arena */
};

typedef struct relay relay;
struct relay {
    relay   *next, *prev;
    client  *c; /* NULL: has its answer, or is gone */
    exchange x;
    ev_timer beat;
    ev_task  task; /* free it when over */

    bool     metadata;  /* the client asked for openrouter_metadata */
    bool     committed; /* the head of a stream went to the client */
    bool     native;    /* the provider's answers have OpenRouter's shape already */
    bool     usage_told; /* it sent a usage chunk of its own */
    bool     no_memory, over;
    or_arena arena;
    or_buf   body;      /* the client's: facts and records point into it */
    or_buf   out;       /* the request to the provider: with its key */
    or_buf   echo;      /* the body of the current attempt, for debug */
    facts    f;
    decision d;
    rewrite  rw;
    record   r;
    uint64_t created;    /* unix seconds: the provider's where it tells */
    uint32_t attempt_ms; /* when the current attempt began */
    unsigned key;        /* of the provider, for the current attempt */
    or_plan  plan;       /* the decision's, with a place for each further key */
    shape_stream   stream;
    shape_collect *collect; /* a stream that becomes a whole answer */
};

static relay   *relays;
static unsigned num_relays, num_streams;

/* Events of the current input that go to the client as they are, in one write; and those that
   were shaped, which are sent before another exchange has its turn. */
static or_str pieces[MAX_PIECES];
static size_t num_pieces;
static or_buf shaped;

unsigned relay_num_streams(void)
{
    return num_streams;
}

static const conf *settings_of(const relay *r)
{
    return r->d.m->settings;
}

static const or_endpoint *endpoint_of(const relay *r)
{
    return &r->d.m->catalogue.endpoints[r->x.call.endpoint];
}

static const conf_provider *provider_of(const relay *r)
{
    return &settings_of(r)->providers[endpoint_of(r)->target];
}

/* ---- ends ---- */

static void forget_client(relay *r, uint16_t status, const char *end)
{
    r->c = NULL;
    r->r.status = status;
    r->r.end = end;
    ev_timer_stop(&r->beat);
}

static void finish(relay *r)
{
    if (r->over) return;
    r->over = true;
    ev_timer_stop(&r->beat);
    if (r->prev != NULL) r->prev->next = r->next;
    if (r->next != NULL) r->next->prev = r->prev;
    if (relays == r) relays = r->next;
    num_relays--;
    num_streams -= r->f.stream;
    ev_defer(&r->task);
}

static void on_task(void *user)
{
    relay *r = user;
    rewrite_forget(&r->rw);
    or_buf_free(&r->out);
    or_buf_free(&r->echo);
    or_buf_free(&r->body);
    shape_collect_free(r->collect);
    if (r->d.m != NULL) decide_end(&r->d);
    or_arena_reset(&r->arena);
    mem_free(r, sizeof *r + FIRST_BLOCK);
}


void relay_shutdown(void)
{
    while (relays != NULL) {
        relay *r = relays;
        or_call_cancel(&r->x.call);
        exchange_pump(&r->x); /* gives its memory back */
        finish(r);
    }
    or_buf_free(&shaped);
}

void relay_gone(void *owner)
{
    relay *r = owner;
    if (r->c == NULL) return;
    r->r.cancelled = true;
    forget_client(r, 499, "client hung up");
    exchange_cancel(&r->x); /* and with it what the provider is doing */
}

void relay_drained(void *owner)
{
    relay *r = owner;
    if (r->x.paused) exchange_pause(&r->x, false);
}

/* ---- heads ---- */

static void put_route(or_buf *head, const relay *r)
{
    char   mem[400];
    or_buf text;
    or_buf_init(&text, mem, sizeof mem);
    record_put_route(&text, &r->r);
    if (text.len > 0) or_http_put_field(head, OR_STR("X-Orproxy-Route"), or_buf_str(&text));
}

/* Header lines that every answer gets. */
static or_str fields_of(const relay *r, char *mem, size_t size, bool is_event_stream,
                        uint32_t retry_after_s)
{
    or_buf b;
    or_buf_init(&b, mem, size);
    if (is_event_stream) {
        or_http_put_field(&b, OR_STR("Content-Type"), OR_STR("text/event-stream"));
        or_http_put_field(&b, OR_STR("Cache-Control"), OR_STR("no-cache"));
        or_http_put_field(&b, OR_STR("X-Accel-Buffering"), OR_STR("no"));
    }
    or_http_put_field(&b, OR_STR("X-Generation-Id"), or_str_z(r->r.id));
    put_route(&b, r);
    if (retry_after_s > 0 && !is_event_stream) {
        char seconds[12];
        snprintf(seconds, sizeof seconds, "%u", (unsigned)retry_after_s);
        or_http_put_field(&b, OR_STR("Retry-After"), or_str_z(seconds));
    }
    if (r->r.num_attempts > 1 && !r->r.served) /* we did that already */
        or_http_put_field(&b, OR_STR("X-Should-Retry"), OR_STR("false"));
    return or_buf_str(&b);
}

/* openrouter_metadata, where it was asked for: a raw object in the arena. */
static or_str metadata_of(relay *r)
{
    or_buf count, out;
    if (!r->metadata) return or_str_of(NULL, 0);
    or_buf_init_counting(&count);
    if (record_put_metadata(&count, &r->r) != OR_OK) return or_str_of(NULL, 0);
    char *mem = or_arena_alloc(&r->arena, count.len);
    if (mem == NULL) return or_str_of(NULL, 0);
    or_buf_init(&out, mem, count.len);
    (void)record_put_metadata(&out, &r->r);
    return or_buf_str(&out);
}

/* ---- the stream to the client ---- */

/* Only in a stream of ours: what is passed through may be sound, or the middle of an event. */
static void set_beat(relay *r)
{
    uint32_t ms = settings_of(r)->heartbeat;
    if (r->x.call.desc.stream && ms > 0) ev_timer_set(&r->beat, ms);
}

static void flush_pieces(relay *r)
{
    size_t n = num_pieces;
    num_pieces = 0;
    if (n > 0 && r->c != NULL) {
        bool room = client_stream(r->c, pieces, n);
        if (r->c != NULL) { /* else it hung up just now */
            if (!room) exchange_pause(&r->x, true);
            set_beat(r);
        }
    }
    if (shaped.cap > MAX_HELD)
        or_buf_free(&shaped);
    else
        or_buf_clear(&shaped);
}

/* Text that stays where it is until flush_pieces; neighbours in memory become one piece. */
static void add_piece(relay *r, or_str text)
{
    if (text.len == 0) return;
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

static void on_rest(void *user)
{
    flush_pieces(user); /* they are in the input, which is about to be overwritten */
}

/* Send the head of a stream, once. */
static void commit(relay *r)
{
    char mem[1024];
    if (r->committed || r->c == NULL) return;
    r->committed = true;
    client_stream_begin(r->c, 200, fields_of(r, mem, sizeof mem, true, 0));
}

static void out_of_memory(relay *r)
{
    r->no_memory = true;
    or_call_cancel(&r->x.call);
}

static or_buf *shaping(void)
{
    if (shaped.allocator == NULL) or_buf_init_growing(&shaped, &mem_allocator, 2 * MAX_EVENT);
    return &shaped;
}

/* Write one event into the buffer and queue it. What is queued from there must not move: so it
   is written into what is free, and when that is too little, what is queued goes first. */
typedef or_err (*put_event)(or_buf *out, relay *r, const void *what);

static void emit(relay *r, size_t want, put_event put, const void *what)
{
    or_buf *out = shaping(), view;
    for (or_err e = OR_ERR_SPACE; e != OR_OK; want *= 2) {
        shape_stream before = r->stream;
        if (out->cap - out->len < want) flush_pieces(r);
        if (r->c == NULL) return;
        if (or_buf_reserve(out, want) != OR_OK) {
            or_buf_clear(out);
            out_of_memory(r);
            return;
        }
        or_buf_init(&view, out->ptr + out->len, out->cap - out->len);
        e = put(&view, r, what);
        if (e == OR_OK) break;
        r->stream = before;
        if (e == OR_ERR_SPACE) continue;
        out_of_memory(r);
        return;
    }
    out->len += view.len;
    add_piece(r, or_buf_str(&view));
}

static void describe_shape(const relay *r, shape *s)
{
    const or_endpoint *e = endpoint_of(r);
    memset(s, 0, sizeof *s);
    s->id = or_str_z(r->r.id);
    s->model = e->model;
    s->provider = e->provider_name.ptr != NULL ? e->provider_name : e->provider;
    s->created = r->created;
    s->text = r->f.kind == FACTS_COMPLETIONS;
}

/* An event, and what was decoded of it. */
typedef struct chunk {
    or_str               data;
    const or_chat_delta *delta;
} chunk;

static or_err put_chunk(or_buf *out, relay *r, const void *what)
{
    const chunk *c = what;
    shape        s;
    describe_shape(r, &s);
    return shape_chunk(out, &s, &r->stream, c->data, c->delta);
}

static void shape_event(relay *r, or_str data, const or_chat_delta *delta)
{
    chunk c = {data, delta};
    emit(r, data.len + data.len / 2 + 1024, put_chunk, &c);
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

static or_err put_data(or_buf *out, relay *r, const void *data)
{
    (void)r;
    return or_sse_put(out, or_str_of(NULL, 0), *(const or_str *)data);
}

/* Pass an event on as it is. */
static void pass(relay *r, const or_sse_event *ev)
{
    or_str plain = plain_form(ev);
    if (plain.ptr != NULL) {
        add_piece(r, plain);
        return;
    }
    emit(r, ev->data.len + 64, put_data, &ev->data);
}

/* What came before the first content. */
static void pass_held(relay *r, or_str held)
{
    or_sse        sse;
    or_buf        carry;
    or_sse_event  ev;
    or_chat_delta none;
    if (r->native) {
        add_piece(r, held);
        return;
    }
    memset(&none, 0, sizeof none);
    or_buf_init_growing(&carry, &mem_allocator, MAX_HELD);
    or_sse_init(&sse, &carry);
    while (or_sse_next(&sse, &held, &ev) == OR_OK) shape_event(r, ev.data, &none);
    or_buf_free(&carry);
}

/* debug.echo_upstream_body: what this provider was sent. */
static or_err put_echo(or_buf *out, relay *r, const void *what)
{
    or_json_writer w;
    (void)what;
    or_buf_put_z(out, "data: ");
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("id"));
    or_json_put_str(&w, or_str_z(r->r.id));
    or_json_put_key(&w, OR_STR("object"));
    or_json_put_str(&w, OR_STR("chat.completion.chunk"));
    or_json_put_key(&w, OR_STR("choices"));
    or_json_put_raw(&w, OR_STR("[]"));
    or_json_put_key(&w, OR_STR("debug"));
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("echo_upstream_body"));
    or_json_put_raw(&w, or_buf_str(&r->echo));
    or_json_end_object(&w);
    or_json_end_object(&w);
    or_buf_put_z(out, "\n\n");
    return out->err != OR_OK ? out->err : or_json_writer_end(&w);
}

/* ---- usage and cost ---- */

/* What of the cost is for the prompt: the same without what was answered. */
static void split_cost(const relay *r, shape *s)
{
    or_cost_facts facts_of_cost;
    or_usage      prompt = r->r.usage;
    or_cost       cost;
    memset(&facts_of_cost, 0, sizeof facts_of_cost);
    facts_of_cost.now = r->d.moment.wall; /* an insured answer has no parts: the sum is 0 */
    prompt.set = true;
    prompt.cost_set = prompt.upstream_cost_set = false;
    prompt.completion_tokens = prompt.reasoning_tokens = prompt.web_searches = 0;
    prompt.image_output_tokens = prompt.audio_output_tokens = 0;
    or_cost_of(&endpoint_of(r)->prices, &prompt, &facts_of_cost, &cost);
    s->split = cost.source != OR_COST_UNKNOWN && cost.pico_usd <= r->r.cost.pico_usd;
    s->prompt_pico_usd = cost.pico_usd;
    s->completion_pico_usd = r->r.cost.pico_usd - cost.pico_usd;
}

/* Counts that nobody told are guessed: about four bytes make a token. */
static void guess_usage(relay *r, or_usage *u)
{
    if (u->set) return;
    u->prompt_tokens = r->f.request.prompt_tokens;
    u->completion_tokens = (r->x.call.content_bytes + 3) / 4;
    u->total_tokens = u->prompt_tokens + u->completion_tokens;
}

static void note_usage(relay *r, const or_usage *u, const or_cost *cost)
{
    r->r.usage = *u;
    r->r.cost = *cost;
    /* sound, pictures and the like: bytes tell nothing of what they cost */
    if (r->f.kind == FACTS_OTHER && !u->set && cost->pico_usd > 0) {
        memset(&r->r.cost, 0, sizeof r->r.cost);
        r->r.cost.source = OR_COST_UNKNOWN;
    }
    r->r.byok = r->native ? u->is_byok : true;
    r->r.usage.is_byok = r->r.byok;
}

/* OpenRouter charges nothing for an answer that came to nothing; others do. */
static or_cost_facts cost_facts_of(const relay *r)
{
    or_cost_facts known;
    memset(&known, 0, sizeof known);
    known.now = r->d.moment.wall;
    known.insured = provider_of(r)->kind == PROVIDER_OPENROUTER;
    known.unfinished = r->r.finish == OR_FINISH_NONE;
    known.failed = r->r.finish == OR_FINISH_ERROR;
    return known;
}

/* The cost of a whole answer, before the call has ended. */
static void price_answer(relay *r, const or_usage *u)
{
    or_cost_facts facts_of_cost = cost_facts_of(r);
    or_usage      counted = *u;
    or_cost       cost;
    facts_of_cost.estimated = !u->set;
    guess_usage(r, &counted);
    counted.set = true;
    or_cost_of(&endpoint_of(r)->prices, &counted, &facts_of_cost, &cost);
    counted.set = u->set;
    note_usage(r, &counted, &cost);
}

/* ---- attempts ---- */

static void note_attempt(relay *r, uint16_t status, const char *word)
{
    record_attempt a = {r->x.call.endpoint, status, word,
                        (uint32_t)or_ms_diff(r->attempt_ms, ev_now())};
    uint32_t at = r->r.num_attempts < RECORD_MAX_ATTEMPTS ? r->r.num_attempts
                                                          : RECORD_MAX_ATTEMPTS - 1;
    r->r.attempts[at] = a;
    r->r.num_attempts++;
    r->attempt_ms = ev_now();
}

/* A key that was refused, or is over its rate, rests; the endpoint need not while there are
   others. */
static void rest_key(relay *r, const or_call_failure *f)
{
    uint32_t pause = f->retry_after_ms > 0 ? f->retry_after_ms : KEY_REST_MS;
    market  *m = r->d.m;
    if (f->fault != OR_FAULT_KEY && f->fault != OR_FAULT_RATE) return;
    if (f->status == 404) return; /* the model is not there for any key */
    if (market_rest_key(m, endpoint_of(r)->target, r->key, ev_now(), pause))
        or_stats_forgive(&m->stats[r->x.call.endpoint]);
}

static const char *word_of(const or_call_failure *f)
{
    if (f->err == OR_ERR_REFUSED) return NULL;
    if (f->err == OR_ERR_TIMEOUT) return "timeout";
    return f->status == 0 && f->err == OR_ERR_IO ? "unreachable" : "broken";
}

/* The provider that serves is known now. */
static void note_served(relay *r)
{
    if (r->r.served) return;
    note_attempt(r, r->x.call.http.head.status, NULL);
    r->r.served = true;
    r->r.first_ms = or_ms_diff(r->r.began_ms, ev_now());
    r->r.added_ms = or_ms_diff(r->r.began_ms, r->x.call.attempt_ms);
}

/* Ids of OpenRouter are ids here too; those of others are only kept. */
static void take_id(relay *r)
{
    const char *id = r->x.call.id;
    size_t      n = strlen(id);
    if (n == 0) return;
    if (r->native && strncmp(id, "gen-", 4) == 0 && n < sizeof r->r.id && !r->committed) {
        memcpy(r->r.id, id, n + 1);
        return;
    }
    char *copy = or_arena_alloc(&r->arena, n);
    if (copy == NULL) return;
    memcpy(copy, id, n);
    r->r.upstream_id = or_str_of(copy, n);
}

static void note_finish(relay *r, or_finish finish, or_str native)
{
    if (finish == OR_FINISH_NONE) return;
    size_t n = native.len < sizeof r->r.native_finish - 1 ? native.len
                                                          : sizeof r->r.native_finish - 1;
    r->r.finish = finish;
    if (n > 0) memcpy(r->r.native_finish, native.ptr, n);
    r->r.native_finish[n] = 0;
}

/* ---- failures ---- */

/* What failed when no answer said so, in words, and as a status. */
static uint16_t describe(const relay *r, const or_call_failure *f, char *text, size_t size)
{
    const or_call *call = &r->x.call;
    const conf    *settings = settings_of(r);
    const char    *what = exchange_error(&r->x);
    const char    *end = call->http.head.status != 0 ? "in the middle of the answer"
                                                     : "without an answer";
    or_err         e = f->err;
    if (e == OR_ERR_CANCELLED && r->no_memory) e = OR_ERR_MEMORY;
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
        if (r->x.error != NULL)
            snprintf(text, size, "%s: limits.memory is reached", r->x.error);
        else
            snprintf(text, size, "its answer is too large: limits.memory is reached");
        return 503;
    case OR_ERR_ARG:
        snprintf(text, size, "the request's head or query cannot be sent on");
        return 400;
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
        snprintf(text, size, "compressed its answer although it was asked not to");
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
                 call->is_stream          ? "sent an event that cannot be used"
                 : r->f.kind == FACTS_CHAT ? "sent an answer that is not a chat completion"
                                           : "sent an answer that is not JSON",
                 or_err_text(e));
        return 502;
    }
    if (f->status == 0 && e == OR_ERR_IO && call->http.head.status == 0)
        snprintf(text, size, "%s", what);
    else if (call->is_stream)
        snprintf(text, size, "the stream was cut before its end: %s", what);
    else
        snprintf(text, size, "%s %s", what, end);
    return 502;
}

static or_str previous_of(relay *r)
{
    or_buf count, out;
    if (r->r.num_attempts < 2) return or_str_of(NULL, 0);
    or_buf_init_counting(&count);
    if (record_put_previous(&count, &r->r) != OR_OK) return or_str_of(NULL, 0);
    char *mem = or_arena_alloc(&r->arena, count.len);
    if (mem == NULL) return or_str_of(NULL, 0);
    or_buf_init(&out, mem, count.len);
    (void)record_put_previous(&out, &r->r);
    return or_buf_str(&out);
}

/* Does it quote a key of ours? Some providers repeat what they were sent. */
static bool holds_key(const relay *r, or_str text)
{
    const conf *settings = settings_of(r);
    for (unsigned i = 0; i < settings->num_providers; i++)
        for (unsigned k = 0; k < settings->providers[i].num_keys; k++) {
            or_str key = or_str_z(settings->providers[i].keys[k]);
            if (text.len >= key.len && or_str_find(text, key, 0) < text.len) return true;
        }
    return false;
}

/* End the exchange with an error: its own status before the commitment, the last event of
   the stream after it. What the provider says is not logged: it may quote the prompt. */
static void fail_with(relay *r, uint16_t status, or_str message, or_str raw, uint32_t wait_s)
{
    char               mem[1024];
    const or_endpoint *server = endpoint_of(r);
    char               provider[96];
    or_str             name = server->provider_name.ptr != NULL ? server->provider_name
                                                                : server->provider;
    snprintf(provider, sizeof provider, "%.*s", (int)(name.len < 90 ? name.len : 90), name.ptr);
    envelope e = {.status = status,
                  .message = message,
                  .provider = provider,
                  .raw = raw,
                  .attempts = r->r.num_attempts,
                  .previous = previous_of(r),
                  .router_metadata = metadata_of(r)};
    if (holds_key(r, message))
        e.message = OR_STR("the provider's message is not shown, since it quotes our key");
    if (holds_key(r, message) || holds_key(r, raw)) e.raw = or_str_of(NULL, 0);
    flush_pieces(r); /* what came before the failure */
    client *c = r->c;
    if (c == NULL) return;
    if (status == 402) e.limit_source = "upstream";
    forget_client(r, status, r->r.served && r->committed ? "truncated" : "error");
    client_owner(c, NULL);
    if (!r->committed) {
        client_error(c, &e, fields_of(r, mem, sizeof mem, false, wait_s));
        return;
    }
    or_buf event;
    or_buf_init_growing(&event, &mem_allocator, 256 * 1024);
    bool told = envelope_put_event(&event, &e, or_str_z(r->r.id), server->model,
                                   (uint64_t)time(NULL)) == OR_OK;
    or_str text = or_buf_str(&event);
    client_stream_end(c, &text, 1, told);
    or_buf_free(&event);
}

/* The same in our own words, which are logged. */
static void fail(relay *r, uint16_t status, const char *text, uint32_t wait_s)
{
    char message[640];
    snprintf(message, sizeof message, "%s: %s", provider_of(r)->name, text);
    log_line("%s", message);
    fail_with(r, status, or_str_z(message), or_str_of(NULL, 0), wait_s);
}

/* The provider's error object is one already, and nothing has to be added to it. */
static bool passes_as_it_is(const relay *r, const or_call_failure *f)
{
    return r->native && r->r.num_attempts == 1 && !r->committed && !r->metadata &&
           r->x.call.http.head.status == f->status && f->error.code == f->status &&
           f->error.message.len > 0 && !holds_key(r, f->body);
}

static void reply(relay *r, uint16_t status, or_str body, uint32_t wait_s)
{
    char    mem[1024];
    client *c = r->c;
    if (c == NULL) return;
    forget_client(r, status, status < 400 ? "complete" : "error");
    client_owner(c, NULL);
    client_reply(c, status, "application/json", fields_of(r, mem, sizeof mem, false, wait_s),
                 body);
}

/* The last provider answered with an error. */
static void on_refusal(relay *r, const or_call_event *ev, uint32_t wait_s)
{
    const or_call_failure *f = ev->failure;
    char                   text[256];
    bool                   by_status = r->x.call.http.head.status == f->status;
    if (f->status == 401) {
        /* its message is left out: some quote the key */
        snprintf(text, sizeof text, "refused our key (401): check the key of [provider %s]",
                 provider_of(r)->name);
        fail(r, 502, text, wait_s);
    } else if (ev->sse != NULL && r->committed && r->native &&
               ev->delta->finish == OR_FINISH_ERROR && !holds_key(r, ev->sse->data)) {
        client *c = r->c; /* in the right shape already */
        pass(r, ev->sse);
        if (r->c == NULL) return;
        forget_client(r, f->status, "truncated");
        client_owner(c, NULL);
        client_stream_end(c, pieces, num_pieces, true);
        num_pieces = 0;
    } else if (passes_as_it_is(r, f)) {
        reply(r, f->status, f->body, wait_s);
    } else if (f->status < 400) {
        snprintf(text, sizeof text, "answered with status %u, which is of no use here", f->status);
        fail(r, 502, text, wait_s);
    } else if (f->error.message.len > 0) {
        fail_with(r, f->status, f->error.message, f->body, wait_s);
    } else if (by_status) {
        snprintf(text, sizeof text, "answered with status %u and no message", f->status);
        fail(r, f->status, text, wait_s);
    } else {
        fail(r, f->status, "sent an error without a message", wait_s);
    }
}

/* ---- answers ---- */

static or_err put_usage(or_buf *out, relay *r, const void *metadata)
{
    shape s;
    describe_shape(r, &s);
    split_cost(r, &s);
    return shape_usage_chunk(out, &s, &r->r.usage, &r->r.cost, *(const or_str *)metadata);
}

/* The stream is complete and good. */
static void end_stream(relay *r)
{
    client *c = r->c;
    or_str  metadata = metadata_of(r);
    if (!r->usage_told) emit(r, metadata.len + 2048, put_usage, &metadata);
    if (r->no_memory) { /* no other event tells it */
        fail(r, 503, "its answer is too large: limits.memory is reached", 1);
        return;
    }
    add_piece(r, OR_STR("data: [DONE]\n\n"));
    if (r->c == NULL) return; /* it hung up just now */
    forget_client(r, 200, "complete");
    client_owner(c, NULL);
    client_stream_end(c, pieces, num_pieces, true);
    num_pieces = 0;
    /* its client may have begun the next: ends that are waited for must not pile up */
    if (num_relays > settings_of(r)->limits.connections) or_call_cancel(&r->x.call);
}

/* A whole answer in a buffer of its own. */
static void reply_shaped(relay *r, or_err e, or_buf *body)
{
    if (e == OR_OK)
        reply(r, 200, or_buf_str(body), 0);
    else if (e == OR_ERR_MEMORY || e == OR_ERR_SPACE)
        fail(r, 503, "its answer is too large: limits.memory is reached", 1);
    else
        fail(r, 502, "sent an answer of another shape than was asked for", 0);
    or_buf_free(body);
}

static void on_answer(relay *r, const or_call_event *ev)
{
    shape    s;
    or_buf   body;
    or_usage none;
    memset(&none, 0, sizeof none);
    take_id(r);
    note_served(r);
    describe_shape(r, &s);
    or_buf_init_growing(&body, &mem_allocator, 2 * settings_of(r)->limits.answer + 65536);
    if (ev->answer != NULL) note_finish(r, ev->answer->finish, ev->answer->native_finish);
    price_answer(r, ev->answer != NULL ? &ev->answer->usage : &r->x.call.progress.usage);
    split_cost(r, &s);
    if (r->c == NULL) return;
    if (ev->answer != NULL && r->f.stream) {
        commit(r);
        r->r.streamed = true;
        or_err e = shape_answer_as_stream(&body, &s, ev->body, ev->answer);
        if (e != OR_OK) {
            or_buf_free(&body);
            out_of_memory(r);
            return;
        }
        flush_pieces(r);
        add_piece(r, or_buf_str(&body));
        flush_pieces(r);
        or_buf_free(&body);
        return; /* its usage and its end come with END */
    }
    bool costs = ev->answer == NULL || ev->answer->usage.cost_set;
    if ((r->native && costs) || r->f.kind == FACTS_OTHER)
        reply(r, r->x.call.http.head.status, ev->body, 0);
    else if (ev->answer != NULL)
        reply_shaped(r, shape_answer(&body, &s, ev->body, ev->answer, &r->r.usage, &r->r.cost,
                                     metadata_of(r)), &body);
    else
        reply_shaped(r, shape_embeddings(&body, &s, ev->body, r->f.base64, &r->r.usage,
                                         &r->r.cost), &body);
}

/* A stream that was not asked for: it is gathered. */
static void begin_collecting(relay *r)
{
    r->collect = shape_collect_new(&mem_allocator, settings_of(r)->limits.answer);
    if (r->collect == NULL) out_of_memory(r);
}

static void end_collecting(relay *r)
{
    shape  s;
    or_buf body;
    describe_shape(r, &s);
    split_cost(r, &s);
    or_buf_init_growing(&body, &mem_allocator, 2 * settings_of(r)->limits.answer + 65536);
    reply_shaped(r, shape_collect_end(r->collect, &body, &s, &r->r.usage, &r->r.cost,
                                      metadata_of(r)), &body);
}

/* The head of an answer that is passed through as it is. */
static void begin_data(relay *r)
{
    char   mem[1200];
    or_buf b;
    or_str type = or_http_field(&r->x.call.http.head, OR_STR("content-type"), NULL);
    or_buf_init(&b, mem, sizeof mem);
    if (type.len > 0 && type.len < 200) or_http_put_field(&b, OR_STR("Content-Type"), type);
    or_http_put_field(&b, OR_STR("X-Accel-Buffering"), OR_STR("no"));
    or_http_put_field(&b, OR_STR("X-Generation-Id"), or_str_z(r->r.id));
    put_route(&b, r);
    r->committed = r->r.streamed = true;
    if (r->c != NULL) client_stream_begin(r->c, r->x.call.http.head.status, or_buf_str(&b));
}

static void on_begin(relay *r, const or_call_event *ev)
{
    take_id(r);
    note_served(r);
    if (r->x.call.is_data) {
        begin_data(r);
    } else if (!r->f.stream) {
        begin_collecting(r);
    } else {
        r->r.streamed = true;
        commit(r);
        if (r->echo.len > 0 && !r->native) emit(r, r->echo.len + 256, put_echo, NULL);
        pass_held(r, ev->held);
    }
}

static void on_delta(relay *r, const or_call_event *ev)
{
    const or_chat_delta *delta = ev->delta;
    bool                 finished = r->r.finish != OR_FINISH_NONE;
    if (delta->created > 0) r->created = delta->created;
    note_finish(r, delta->finish, delta->native_finish);
    if (r->collect != NULL) {
        if (shape_collect_add(r->collect, delta) != OR_OK) out_of_memory(r);
        return;
    }
    if (!r->native) {
        shape_event(r, ev->sse->data, delta);
        return;
    }
    bool usage_only = delta->usage.set && finished && delta->text.len == 0;
    if (usage_only && !delta->usage.cost_set) return; /* ours follows, with the cost */
    r->usage_told = r->usage_told || usage_only;
    pass(r, ev->sse);
}

/* Bytes of a body that is no chat. */
static void on_data(relay *r, const or_call_event *ev)
{
    add_piece(r, ev->body);
}

static void end_data(relay *r, bool complete)
{
    client *c = r->c;
    forget_client(r, complete ? r->x.call.http.head.status : 502,
                  complete ? "complete" : "truncated");
    client_owner(c, NULL);
    client_stream_end(c, pieces, num_pieces, complete);
    num_pieces = 0;
}

/* ---- events ---- */

static void on_over(void *user)
{
    relay *r = user;
    /* must not be: but who waits gets an answer, and nobody keeps a pointer to what is freed */
    if (r->c != NULL) fail(r, 502, "ended without a word", 0);
    finish(r);
}

static void on_failure(relay *r, const or_call_event *ev)
{
    char                   text[512];
    const or_call_failure *f = ev->failure;
    uint32_t wait_s = f->retry_after_ms / 1000 + (f->retry_after_ms % 1000 != 0);
    if (r->c == NULL) return;
    if (r->x.call.is_data && r->committed) {
        end_data(r, false);
    } else if (f->err == OR_ERR_REFUSED) {
        on_refusal(r, ev, wait_s);
    } else {
        uint16_t status = describe(r, f, text, sizeof text);
        bool     offline = uplink_is_down() && f->status == 0 && f->err != OR_ERR_CANCELLED &&
                       !upstream_is_near(r->d.m->hosts[endpoint_of(r)->target]);
        if (offline) wait_s = uplink_next_probe_ms() / 1000 + 1;
        fail(r, offline ? 503 : status, text, status == 503 && wait_s == 0 ? 1 : wait_s);
    }
}

static void on_end(relay *r, const or_call_event *ev)
{
    or_usage usage = ev->usage;
    if (ev->failure != NULL && ev->attempt > 0 && ev->failure->err != OR_ERR_CANCELLED) {
        rest_key(r, ev->failure);
        if (!r->r.served)
            note_attempt(r, ev->failure->status, word_of(ev->failure));
        else
            r->r.attempts[(r->r.num_attempts < RECORD_MAX_ATTEMPTS ? r->r.num_attempts
                                                                   : RECORD_MAX_ATTEMPTS) - 1]
                .word = "truncated";
    }
    take_id(r);
    guess_usage(r, &usage);
    if (r->r.served || ev->cost.source != OR_COST_UNKNOWN) note_usage(r, &usage, &ev->cost);
    if (ev->failure == NULL) {
        decide_note(&r->d, r->x.call.endpoint, &usage);
        if (r->c != NULL && r->x.call.is_data)
            end_data(r, true);
        else if (r->c != NULL && r->collect != NULL)
            end_collecting(r);
        else if (r->c != NULL && r->committed)
            end_stream(r);
    } else {
        on_failure(r, ev);
    }
    record_tell(&r->r);
}

static void on_event(void *user, const or_call_event *ev)
{
    relay *r = user;
    r->native = provider_of(r)->kind == PROVIDER_OPENROUTER ||
                provider_of(r)->kind == PROVIDER_DEMO;
    switch (ev->kind) {
    case OR_CALL_FAILED:
        note_attempt(r, ev->failure->status, word_of(ev->failure));
        rest_key(r, ev->failure);
        break;
    case OR_CALL_BEGIN: on_begin(r, ev); break;
    case OR_CALL_DELTA: on_delta(r, ev); break;
    case OR_CALL_DATA: on_data(r, ev); break;
    case OR_CALL_ANSWER: on_answer(r, ev); break;
    case OR_CALL_END: on_end(r, ev); break;
    case OR_CALL_CONNECT:
    case OR_CALL_CLOSE: break; /* the exchange's */
    }
}

/* Nothing was sent for a while: show the client that we live. */
static void on_beat(ev_timer *t)
{
    relay *r = t->user;
    commit(r);
    if (r->c == NULL) return;
    if (!r->x.paused) {
        add_piece(r, OR_STR(": ORPROXY PROCESSING\n\n"));
        flush_pieces(r);
    }
    if (r->c != NULL) set_beat(r);
}

/* ---- the request ---- */

static upstream_host *on_host(void *user, uint32_t endpoint)
{
    relay *r = user;
    r->attempt_ms = ev_now();
    return r->d.m->hosts[r->d.m->catalogue.endpoints[endpoint].target];
}

static const or_candidate *candidate_of(const relay *r, uint32_t endpoint)
{
    uint32_t i = 0;
    while (r->d.plan.list[i].endpoint != endpoint) i++;
    return &r->d.plan.list[i];
}

static or_err on_request(void *user, uint32_t endpoint, const or_str **list, uint32_t *num)
{
    relay             *r = user;
    const or_endpoint *e = &r->d.m->catalogue.endpoints[endpoint];
    if (r->c == NULL) return OR_ERR_CANCELLED; /* and its head, which rewriting reads, is gone */
    r->key = market_take_key(r->d.m, e->target, ev_now());
    or_buf_clear(&r->echo);
    return rewrite_request(&r->rw, candidate_of(r, endpoint), r->key, &r->out, &r->arena, list, num,
                           r->f.echo && r->f.stream ? &r->echo : NULL);
}

/* In the settings 0 switches a timeout off. */
static uint32_t never(uint32_t ms)
{
    return ms > 0 ? ms : OR_NEVER;
}

static bool all_prices_known(const decision *d)
{
    for (uint32_t i = 0; i < d->plan.num; i++)
        if (d->plan.list[i].price == UINT64_MAX) return false;
    return true;
}

/* May every candidate's answer be one that OpenRouter insures? */
static bool all_are_insured(const decision *d)
{
    for (uint32_t i = 0; i < d->plan.num; i++) {
        uint16_t target = d->m->catalogue.endpoints[d->plan.list[i].endpoint].target;
        if (d->m->settings->providers[target].kind != PROVIDER_OPENROUTER) return false;
    }
    return true;
}

/* The plan for the call: where a provider has several keys, each gets its turn. */
static or_err plan_turns(relay *r)
{
    uint32_t max = r->d.plan.num * MAX_TURNS;
    r->plan = r->d.plan;
    or_candidate *list = or_arena_alloc(&r->arena, max * sizeof *list);
    if (list == NULL) return OR_ERR_MEMORY;
    or_plan_init(&r->plan, list, max);
    for (uint32_t i = 0; i < r->d.plan.num; i++) {
        const or_candidate *c = &r->d.plan.list[i];
        uint16_t            target = r->d.m->catalogue.endpoints[c->endpoint].target;
        unsigned            keys = settings_of(r)->providers[target].num_keys;
        list[r->plan.num++] = *c;
        for (unsigned k = 1; k < keys && k < MAX_TURNS; k++) {
            list[r->plan.num] = *c;
            list[r->plan.num++].again = true;
        }
    }
    return OR_OK;
}

static bool has_keys(const relay *r)
{
    for (unsigned i = 0; i < settings_of(r)->num_providers; i++)
        if (settings_of(r)->providers[i].num_keys > 1) return true;
    return false;
}

static or_err begin_call(relay *r)
{
    static const exchange_hooks hooks = {on_host, on_request, on_event, on_rest, on_over};
    const conf  *settings = settings_of(r);
    or_call_desc d;
    memset(&d, 0, sizeof d);
    d.plan = &r->d.plan;
    if (has_keys(r)) {
        if (plan_turns(r) != OR_OK) return OR_ERR_MEMORY;
        d.plan = &r->plan;
    }
    d.catalogue = &r->d.m->catalogue;
    d.stats = r->d.m->stats;
    d.stream = r->f.stream && (r->f.kind == FACTS_CHAT || r->f.kind == FACTS_COMPLETIONS);
    d.either = true;
    d.other = r->f.kind == FACTS_OTHER || r->f.kind == FACTS_EMBEDDINGS;
    d.timeouts.connect_ms = never(settings->timeout.connect);
    d.timeouts.first_token_ms = never(settings->timeout.first_token);
    d.timeouts.between_bytes_ms = never(settings->timeout.between_bytes);
    d.timeouts.total_ms = never(settings->timeout.total);
    d.bound = r->d.bound;
    d.cost.now = r->d.moment.wall;
    d.cost.insured = all_are_insured(&r->d);
    d.seed = r->d.moment.seed;
    if (r->d.key != NULL && r->d.key->max_cost_pico_usd > 0 && all_prices_known(&r->d))
        d.max_cost_pico_usd = r->d.key->max_cost_pico_usd;
    d.max_event = MAX_EVENT;
    d.max_held = MAX_HELD;
    d.max_answer = (uint32_t)settings->limits.answer;
    exchange_shared(&d);
    d.mem_size = or_call_need(&d);
    d.mem = or_arena_alloc(&r->arena, d.mem_size);
    if (d.mem == NULL) return OR_ERR_MEMORY;
    return exchange_begin(&r->x, &d, &hooks, r);
}

static void refuse_memory(client *c)
{
    envelope e = {.status = 503, .message = OR_STR("no memory: limits.memory is reached")};
    client_error(c, &e, OR_STR("Retry-After: 1\r\n"));
}

static relay *new_relay(void)
{
    relay *r = mem_alloc(sizeof *r + FIRST_BLOCK);
    if (r == NULL) return NULL;
    or_arena_init_growing(&r->arena, r + 1, FIRST_BLOCK, &mem_allocator);
    or_buf_init_growing(&r->body, &mem_allocator, SIZE_MAX);
    or_buf_init_growing(&r->out, &mem_allocator, 64 * 1024 * 1024);
    or_buf_init_growing(&r->echo, &mem_allocator, MAX_EVENT);
    r->task.run = on_task;
    r->beat.fire = on_beat;
    r->task.user = r->beat.user = r;
    r->r.began_ms = ev_now();
    r->r.first_ms = r->r.added_ms = -1;
    r->r.f = &r->f;
    r->r.d = &r->d;
    r->r.end = "error";
    r->created = (uint64_t)time(NULL);
    return r;
}

/* A field of the client's head that outlives it. */
static or_str keep_field(relay *r, const or_http_head *head, const char *name)
{
    or_str value = or_http_field(head, or_str_z(name), NULL), none = or_str_of(NULL, 0);
    if (value.len == 0 || value.len > MAX_SHOWN) return none;
    char *copy = or_arena_alloc(&r->arena, value.len);
    if (copy == NULL) return none;
    memcpy(copy, value.ptr, value.len);
    return or_str_of(copy, value.len);
}

static void note_client(relay *r, const or_http_head *head)
{
    gen_name made;
    gen_new(&made);
    snprintf(r->r.id, sizeof r->r.id, "%s", made.text);
    r->r.referer = keep_field(r, head, "http-referer");
    r->r.title = keep_field(r, head, "x-openrouter-title");
    if (r->r.title.ptr == NULL) r->r.title = keep_field(r, head, "x-title");
    r->r.user_agent = keep_field(r, head, "user-agent");
    r->metadata = or_str_eq_nocase(or_http_field(head, OR_STR("x-openrouter-metadata"), NULL),
                                   OR_STR("enabled"));
}

static void refuse(relay *r, client *c, const refusal *why)
{
    char     mem[512];
    or_str   fields = fields_of(r, mem, sizeof mem, false, why->retry_after_s);
    envelope e = why->e;
    r->r.status = e.status;
    if (r->metadata && r->d.plan.num + r->d.plan.num_out > 0) e.router_metadata = metadata_of(r);
    client_error(c, &e, fields);
    if (strcmp(r->r.path, "/route") != 0) record_tell(&r->r); /* that one is a question only */
}

/* A preset of ours: from here on the request is what it would have been without it. 0, or the
   status to refuse with. */
static uint16_t apply_preset(relay *r, char *message, size_t size)
{
    or_str             unknown;
    or_buf             body;
    const conf_preset *p = preset_find(conf_now(), &r->f, &unknown);
    if (p == NULL) return 0;
    or_buf_init_growing(&body, &mem_allocator, SIZE_MAX);
    or_err e = preset_apply(p, &r->f, &body);
    or_buf_free(&r->body);
    r->body = body;
    if (e != OR_OK) {
        snprintf(message, size, "preset %s: no memory: limits.memory is reached", p->name);
        return 503;
    }
    bool ok = facts_read(or_buf_str(&r->body), r->f.kind, &r->arena, &r->f, message, size);
    return ok ? 0 : 400;
}

/* The body and what it asks. 0, or the status to refuse with. */
static uint16_t read_body(relay *r, client *c, facts_kind kind, char *message, size_t size)
{
    if (client_take_body(c, &r->body) != OR_OK) {
        snprintf(message, size, "no memory: limits.memory is reached");
        return 503;
    }
    if (!facts_read(or_buf_str(&r->body), kind, &r->arena, &r->f, message, size)) return 400;
    return apply_preset(r, message, size);
}

/* Read and decide. False: the client has its answer. */
static bool prepare(relay *r, client *c, facts_kind kind, const char *path, const conf_key *key)
{
    char                message[256];
    const or_http_head *head = client_head(c);
    refusal             why;
    note_client(r, head);
    r->r.path = path;
    uint16_t wrong = read_body(r, c, kind, message, sizeof message);
    if (wrong != 0) {
        char     mem[512];
        envelope e = {.status = wrong, .message = or_str_z(message)};
        r->f.stream = false;
        client_error(c, &e, fields_of(r, mem, sizeof mem, false, wrong == 503));
        record_refused(path, key, wrong, message);
        return false;
    }
    or_str session = or_http_field(head, OR_STR("x-session-id"), NULL);
    if (!decide(&r->d, &r->f, key, session, &r->arena, &why)) {
        refuse(r, c, &why);
        r->f.stream = false;
        return false;
    }
    r->r.session = keep_field(r, head, "x-session-id");
    return true;
}

void relay_request(client *c, facts_kind kind, const char *path, const conf_key *key)
{
    relay *r = new_relay();
    if (r == NULL) {
        refuse_memory(c);
        return;
    }
    if (!prepare(r, c, kind, path, key)) {
        ev_defer(&r->task);
        return;
    }
    r->rw.f = &r->f;
    r->rw.d = &r->d;
    r->rw.client = client_head(c);
    r->rw.path = path;
    r->rw.session = r->r.session;
    for (uint32_t i = 0; i < r->d.request.num_models; i++)
        expand_want(r->d.m, r->d.request.models[i]);
    if (begin_call(r) != OR_OK) {
        refuse_memory(c);
        ev_defer(&r->task);
        r->f.stream = false;
        return;
    }
    r->next = relays;
    if (relays != NULL) relays->prev = r;
    relays = r;
    num_relays++;
    num_streams += r->f.stream;
    r->c = c;
    client_owner(c, r);
    set_beat(r);
    exchange_pump(&r->x);
}

void relay_route(client *c, const conf_key *key)
{
    relay *r = new_relay();
    or_buf body;
    if (r == NULL) {
        refuse_memory(c);
        return;
    }
    or_buf_init_growing(&body, &mem_allocator, 1024 * 1024);
    if (prepare(r, c, FACTS_CHAT, "/route", key)) {
        if (decide_put_answer(&body, &r->d) == OR_OK)
            client_reply(c, 200, "application/json", or_str_of(NULL, 0), or_buf_str(&body));
        else
            refuse_memory(c);
    }
    r->f.stream = false;
    or_buf_free(&body);
    ev_defer(&r->task);
}
