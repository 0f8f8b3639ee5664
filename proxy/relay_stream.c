#include "proxy/relay_back.h"

#include <stdio.h>
#include <string.h>

#include "proxy/ev.h"
#include "proxy/mem.h"

enum { MAX_PIECES = 32, ROOM = 96 * 1024 };

/* Events of the current input that go to the client as they are, in one write; and those that
   were shaped, which are sent before another exchange has its turn. */
static or_str pieces[MAX_PIECES];
static size_t num_pieces;
static or_buf shaped;

/* ---- heads ---- */

void relay_put_route(or_buf *head, const relay *r)
{
    char   mem[400];
    or_buf text;
    or_buf_init(&text, mem, sizeof mem);
    record_put_route(&text, &r->r);
    if (text.len > 0) or_http_put_field(head, OR_STR("X-Orproxy-Route"), or_buf_str(&text));
}

/* Header lines that every answer gets. */
or_str relay_fields(const relay *r, char *mem, size_t size, bool is_event_stream,
                        uint32_t retry_after_s)
{
    or_buf b;
    char   names[512];
    or_buf_init(&b, mem, size);
    if (is_event_stream) {
        or_http_put_field(&b, OR_STR("Content-Type"), OR_STR("text/event-stream"));
        or_http_put_field(&b, OR_STR("Cache-Control"), OR_STR("no-cache"));
        or_http_put_field(&b, OR_STR("X-Accel-Buffering"), OR_STR("no"));
    }
    or_http_put_field(&b, OR_STR("X-Generation-Id"), or_str_z(r->r.id));
    relay_put_route(&b, r);
    or_str losses = relay_losses(r, names, sizeof names);
    if (losses.len > 0) or_http_put_field(&b, OR_STR("X-Orproxy-Unsupported"), losses);
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
or_str relay_metadata(relay *r)
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
void relay_set_beat(relay *r)
{
    uint32_t ms = settings_of(r)->heartbeat;
    if (r->x.call.desc.stream && ms > 0) ev_timer_set(&r->beat, ms);
}

void relay_flush(relay *r)
{
    size_t n = num_pieces;
    num_pieces = 0;
    if (n > 0 && r->c != NULL) {
        bool room = client_stream(r->c, pieces, n);
        if (r->c != NULL) { /* else it hung up just now */
            if (!room) exchange_pause(&r->x, true);
            relay_set_beat(r);
        }
    }
    if (shaped.cap > ROOM)
        or_buf_free(&shaped);
    else
        or_buf_clear(&shaped);
}

/* Text that stays where it is until relay_flush; neighbours in memory become one piece. */
void relay_add_piece(relay *r, or_str text)
{
    if (text.len == 0 || r->c == NULL) return;
    if (num_pieces > 0) {
        or_str *last = &pieces[num_pieces - 1];
        if (last->ptr + last->len == text.ptr) {
            last->len += text.len;
            return;
        }
    }
    if (num_pieces == MAX_PIECES) relay_flush(r);
    pieces[num_pieces++] = text;
}

/* Send the head of a stream, once. */
void relay_commit(relay *r)
{
    char mem[1024];
    if (r->committed || r->c == NULL) return;
    r->committed = true;
    client_stream_begin(r->c, 200, relay_fields(r, mem, sizeof mem, true, 0));
}

void relay_lose(relay *r, or_err why)
{
    r->lost = why;
    or_call_cancel(&r->x.call);
}

/* With room for what one read may bring, so that this goes out in one write. */
static or_buf *shaping(void)
{
    if (shaped.allocator == NULL) or_buf_init_growing(&shaped, &mem_allocator, 2 * RELAY_MAX_EVENT);
    if (shaped.cap == 0) (void)or_buf_reserve(&shaped, ROOM);
    if (shaped.err != OR_OK) or_buf_clear(&shaped); /* then with less */
    return &shaped;
}

/* Write one event into the buffer and queue it. What is queued from there must not move: so it
   is written into what is free, and when that is too little, what is queued goes first. */
void relay_emit(relay *r, size_t want, relay_put put, const void *what)
{
    or_buf *out = shaping(), view;
    for (or_err e = OR_ERR_SPACE; e != OR_OK; want *= 2) {
        if (out->cap - out->len < want) relay_flush(r);
        if (r->c == NULL) return;
        if (or_buf_reserve(out, want) != OR_OK) {
            or_buf_clear(out);
            relay_lose(r, OR_ERR_MEMORY);
            return;
        }
        or_buf_init(&view, out->ptr + out->len, out->cap - out->len);
        e = put(&view, r, what);
        if (e == OR_OK) break;
        if (e == OR_ERR_SPACE) continue;
        relay_lose(r, e);
        return;
    }
    out->len += view.len;
    relay_add_piece(r, or_buf_str(&view));
}

void relay_shape(const relay *r, shape *s)
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
    relay_shape(r, &s);
    return shape_chunk(out, &s, &r->stream, c->data, c->delta);
}

/* Most events of most streams, and so without what relay_emit does for others. */
static bool emit_repeated(relay *r, or_str data, const or_chat_delta *delta)
{
    or_buf *out = shaping();
    size_t  from = out->len;
    if (r->c == NULL || out->cap - from < data.len + r->stream.head + r->stream.tail) return false;
    (void)shape_chunk(out, NULL, &r->stream, data, delta);
    relay_add_piece(r, or_str_of(out->ptr + from, out->len - from));
    return true;
}

void relay_shape_event(relay *r, or_str data, const or_chat_delta *delta)
{
    chunk c = {data, delta};
    if (shape_repeats(&r->stream, delta) && emit_repeated(r, data, delta)) return;
    relay_emit(r, data.len + data.len / 2 + 1024, put_chunk, &c);
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
void relay_pass(relay *r, const or_sse_event *ev)
{
    or_str plain = plain_form(ev);
    if (plain.ptr != NULL) {
        relay_add_piece(r, plain);
        return;
    }
    relay_emit(r, ev->data.len + 64, put_data, &ev->data);
}

/* What came before the first content. */
void relay_pass_held(relay *r, or_str held)
{
    or_sse        sse;
    or_buf        carry;
    or_sse_event  ev;
    or_chat_delta none;
    if (r->native) {
        relay_add_piece(r, held);
        return;
    }
    bool passes = relay_passes(r);
    memset(&none, 0, sizeof none);
    or_buf_init_growing(&carry, &mem_allocator, RELAY_MAX_HELD);
    or_sse_init(&sse, &carry);
    while (or_sse_next(&sse, &held, &ev) == OR_OK) {
        if (passes)
            relay_pass_event(r, &ev, NULL);
        else
            relay_shape_event(r, ev.data, &none);
    }
    if (passes) relay_flush(r); /* its pieces may point into `held` and carry */
    or_buf_free(&carry);
}

/* debug.echo_upstream_body: what this provider was sent. */
or_err relay_put_echo(or_buf *out, relay *r, const void *what)
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

void relay_end_pieces(client *c, bool complete)
{
    client_stream_end(c, pieces, num_pieces, complete);
    num_pieces = 0;
}

void relay_stream_shutdown(void)
{
    or_buf_free(&shaped);
}
