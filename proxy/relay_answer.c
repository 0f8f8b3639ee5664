#include "proxy/relay_back.h"

#include <string.h>

#include "proxy/mem.h"

/* ---- answers ---- */

static or_err put_usage(or_buf *out, relay *r, const void *metadata)
{
    shape s;
    relay_shape(r, &s);
    relay_split_cost(r, &s);
    return shape_usage_chunk(out, &s, &r->r.usage, &r->r.cost, *(const or_str *)metadata);
}

/* The stream is complete and good. */
void relay_end_stream(relay *r)
{
    client *c = r->c;
    or_str  metadata = relay_metadata(r);
    if (!relay_is_chat(r))
        relay_reply_end_stream(r);
    else if (!r->usage_told)
        relay_emit(r, metadata.len + 2048, put_usage, &metadata);
    if (r->lost != OR_OK) { /* no other event tells it */
        relay_fail_lost(r, r->lost);
        return;
    }
    if (relay_is_chat(r)) relay_add_piece(r, OR_STR("data: [DONE]\n\n"));
    if (r->c == NULL) return; /* it hung up just now */
    relay_forget_client(r, 200, "complete");
    client_owner(c, NULL);
    relay_settle(r, c);
    relay_end_pieces(c, true);
    /* its client may have begun the next: ends that are waited for must not pile up */
    if (relay_is_crowded(r)) or_call_cancel(&r->x.call);
}

/* A whole answer in a buffer of its own. */
static void reply_shaped(relay *r, or_err e, or_buf *body)
{
    if (e == OR_OK)
        relay_reply(r, 200, or_buf_str(body), 0);
    else
        relay_fail_lost(r, e);
    or_buf_free(body);
}

/* A whole answer where a stream was asked for. Its usage and its end come with END. */
static void stream_answer(relay *r, or_str said, const or_chat_answer *answer)
{
    shape  s;
    or_buf body;
    relay_commit(r);
    r->r.streamed = true;
    if (!relay_is_chat(r)) {
        relay_reply_add(r, answer);
        relay_flush(r);
        return;
    }
    relay_shape(r, &s);
    or_buf_init_growing(&body, &mem_allocator, 2 * settings_of(r)->limits.answer + 65536);
    or_err e = shape_answer_as_stream(&body, &s, said, answer);
    if (e == OR_OK) {
        relay_flush(r);
        relay_add_piece(r, or_buf_str(&body));
        relay_flush(r);
    } else {
        relay_lose(r, e);
    }
    or_buf_free(&body);
}

/* A whole answer for a client that does not speak chat completions. */
static or_err put_reply(relay *r, or_buf *body, or_str said, const or_chat_answer *answer)
{
    if (relay_passes(r)) return relay_pass_answer(r, body, said);
    if (!relay_begin_reply(r, false)) return OR_ERR_MEMORY;
    or_err e = or_reply_add(r->reply, body, answer);
    return e == OR_OK ? relay_reply_end(r, body) : e;
}

void relay_on_answer(relay *r, const or_call_event *ev)
{
    shape  s;
    or_buf body;
    or_str said = ev->body;
    relay_take_id(r);
    relay_note_served(r);
    if (ev->answer != NULL) relay_note_finish(r, ev->answer->finish, ev->answer->native_finish);
    relay_price_answer(r, ev->answer != NULL ? &ev->answer->usage : &r->x.call.progress.usage);
    if (r->c == NULL) return;
    bool chat = relay_is_chat(r), foreign = ev->answer != NULL && chat && relay_is_foreign(r);
    if (foreign && relay_chat_form(r, ev->answer, &said) != OR_OK) {
        relay_lose(r, OR_ERR_MEMORY);
        return;
    }
    if (ev->answer != NULL && r->f.stream) {
        stream_answer(r, said, ev->answer);
        return;
    }
    bool costs = ev->answer == NULL || ev->answer->usage.cost_set;
    if ((r->native && costs) || r->f.kind == FACTS_OTHER) {
        relay_reply(r, r->x.call.http.head.status, said, 0);
        return;
    }
    relay_shape(r, &s);
    relay_split_cost(r, &s);
    or_buf_init_growing(&body, &mem_allocator, 2 * settings_of(r)->limits.answer + 65536);
    if (!chat && ev->answer != NULL)
        reply_shaped(r, put_reply(r, &body, said, ev->answer), &body);
    else if (ev->answer != NULL)
        reply_shaped(r, shape_answer(&body, &s, said, ev->answer, &r->r.usage, &r->r.cost,
                                     relay_metadata(r)), &body);
    else
        reply_shaped(r, shape_embeddings(&body, &s, said, r->f.base64, &r->r.usage,
                                         &r->r.cost), &body);
}

/* A stream that was not asked for: it is gathered. */
static void begin_collecting(relay *r)
{
    if (!relay_is_chat(r)) {
        relay_begin_reply(r, false);
        return;
    }
    r->collect = shape_collect_new(&mem_allocator, settings_of(r)->limits.answer);
    if (r->collect == NULL) relay_lose(r, OR_ERR_MEMORY);
}

bool relay_is_collecting(const relay *r)
{
    return r->collect != NULL || (r->reply != NULL && !r->f.stream);
}

void relay_end_collecting(relay *r)
{
    shape  s;
    or_buf body;
    or_err e;
    relay_shape(r, &s);
    relay_split_cost(r, &s);
    or_buf_init_growing(&body, &mem_allocator, 2 * settings_of(r)->limits.answer + 65536);
    if (r->reply != NULL)
        e = relay_reply_end(r, &body);
    else
        e = shape_collect_end(r->collect, &body, &s, &r->r.usage, &r->r.cost, relay_metadata(r));
    reply_shaped(r, e, &body);
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
    relay_put_route(&b, r);
    r->committed = r->r.streamed = true;
    if (r->c != NULL) client_stream_begin(r->c, r->x.call.http.head.status, or_buf_str(&b));
}

/* Out of the client's request, if it stands there. False: no memory. */
static bool keep_text(relay *r, or_str *s, const or_buf *request)
{
    uintptr_t at = (uintptr_t)s->ptr, from = (uintptr_t)request->ptr;
    if (s->len == 0 || at < from || at - from >= request->len) return true;
    char *copy = or_arena_alloc(&r->arena, s->len);
    if (copy == NULL) return false;
    memcpy(copy, s->ptr, s->len);
    s->ptr = copy;
    return true;
}

static bool keep_texts(relay *r, const or_buf *request)
{
    or_str *const texts[] = {&r->d.asked,        &r->r.user,       &r->r.session,
                             &r->ticket.session, &r->ticket.user, &r->ticket.model};
    or_str       *models = (or_str *)(uintptr_t)r->d.request.models; /* written only where it is ours */
    bool          good = true;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        good = good && keep_text(r, texts[i], request);
    for (uint32_t i = 0; i < r->d.request.num_models; i++)
        good = good && keep_text(r, &models[i], request);
    return good;
}

/* Streams are open for long, and conversations can be megabytes. Once a provider that was told all
   of it answers nobody else will be asked: of the request only what records tell is kept. */
static void let_go_of_request(relay *r)
{
    rewrite_forget(&r->rw);
    or_buf_free(&r->out);
    if (settings_of(r)->decisions != NULL) return; /* that line repeats what the request said */
    if (keep_texts(r, &r->body)) or_buf_free(&r->body);
    if (r->rw.speaks == OR_DIALECT_RESPONSES) return; /* its answer repeats the request */
    if (!keep_texts(r, &r->theirs)) return;
    r->rw.theirs = or_str_of(NULL, 0);
    or_buf_free(&r->theirs);
}

void relay_on_begin(relay *r, const or_call_event *ev)
{
    relay_take_id(r);
    relay_note_served(r);
    if (r->x.call.is_data) {
        begin_data(r);
    } else if (!r->f.stream) {
        begin_collecting(r);
    } else {
        r->r.streamed = true;
        relay_commit(r);
        if (r->x.call.asked) let_go_of_request(r);
        if (r->echo.len > 0 && relay_is_chat(r) && !r->native)
            relay_emit(r, r->echo.len + 256, relay_put_echo, NULL);
        if (!relay_is_foreign(r)) relay_pass_held(r, ev->held);
    }
}

void relay_on_delta(relay *r, const or_call_event *ev)
{
    const or_chat_delta *delta = ev->delta;
    bool                 finished = r->r.finish != OR_FINISH_NONE;
    if (delta->created > 0) r->created = delta->created;
    relay_note_finish(r, delta->finish, delta->native_finish);
    if (r->collect != NULL) {
        or_err e = shape_collect_add(r->collect, delta);
        if (e != OR_OK) relay_lose(r, e);
    } else if (!r->f.stream || (relay_is_foreign(r) && !relay_is_chat(r))) {
        relay_reply_add(r, delta);
    } else if (relay_is_foreign(r)) {
        relay_chunk(r, delta);
    } else if (relay_passes(r)) {
        relay_pass_event(r, ev->sse, delta);
    } else if (!r->native) {
        relay_shape_event(r, ev->sse->data, delta);
    } else {
        bool usage_only = delta->usage.set && finished && delta->text.len == 0;
        if (usage_only && !delta->usage.cost_set) return; /* ours follows, with the cost */
        r->usage_told = r->usage_told || usage_only;
        relay_pass(r, ev->sse);
    }
}

/* Bytes of a body that is no chat. */
void relay_on_data(relay *r, const or_call_event *ev)
{
    relay_add_piece(r, ev->body);
}

void relay_end_data(relay *r, bool complete)
{
    client *c = r->c;
    relay_forget_client(r, complete ? r->x.call.http.head.status : 502,
                  complete ? "complete" : "truncated");
    client_owner(c, NULL);
    relay_settle(r, complete ? c : NULL);
    relay_end_pieces(c, complete);
}

