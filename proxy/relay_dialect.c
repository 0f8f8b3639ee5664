#include "proxy/relay_back.h"

#include <string.h>

#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/member.h"

enum {
    MAX_MEMBERS = 64, /* of an object that gets members of ours */
    MAX_EDITS = 4
};

/* What one event became, before it is queued. */
static or_buf scratch;

void relay_dialect_rest(void)
{
    if (scratch.cap > RELAY_MAX_HELD) or_buf_free(&scratch);
}

static or_buf *empty_scratch(void)
{
    if (scratch.allocator == NULL)
        or_buf_init_growing(&scratch, &mem_allocator, 2 * RELAY_MAX_EVENT);
    relay_dialect_rest();
    or_buf_clear(&scratch);
    return &scratch;
}

void relay_dialect_shutdown(void)
{
    or_buf_free(&scratch);
}

bool relay_is_chat(const relay *r)
{
    return r->rw.speaks == OR_DIALECT_CHAT || r->rw.speaks == OR_DIALECT_TEXT;
}

bool relay_passes(const relay *r)
{
    return !relay_is_chat(r) && r->rw.wire == r->rw.speaks;
}

bool relay_is_foreign(const relay *r)
{
    return r->rw.wire != r->rw.speaks;
}

/* ---- what was left out ---- */

or_str relay_lost_names(const relay *r, char *mem, size_t size)
{
    or_buf b;
    or_buf_init(&b, mem, size);
    for (uint32_t i = 0; i < r->rw.loss.num; i++) {
        or_buf_put_z(&b, i > 0 ? ", " : "");
        or_buf_put_z(&b, r->rw.loss.names[i]);
    }
    return or_buf_str(&b);
}

or_str relay_losses(const relay *r, char *mem, size_t size)
{
    static const char more[] = ", reasoning";
    if (r->rw.loss.num == 0 && !r->rw.loss.reasoning) return or_str_of(NULL, 0);
    if (settings_of(r)->on_unsupported == CONF_UNSUPPORTED_DROP) return or_str_of(NULL, 0);
    or_str names = relay_lost_names(r, mem, size - sizeof more);
    if (!r->rw.loss.reasoning) return names;
    size_t skip = names.len > 0 ? 0 : 2;
    memcpy(mem + names.len, more + skip, sizeof more - 1 - skip);
    return or_str_of(mem, names.len + sizeof more - 1 - skip);
}

void relay_log_losses(const relay *r)
{
    char   mem[512];
    or_str names = relay_losses(r, mem, sizeof mem);
    if (names.len > 0)
        log_line("%s: left out, since it has no words for it: %.*s", provider_of(r)->name,
                 (int)names.len, names.ptr);
}

/* ---- providers that speak something else, to a client that speaks chat ---- */

static bool says_nothing(const or_chat_delta *d)
{
    return d->text.len == 0 && d->reasoning.len == 0 && d->reasoning_details.len == 0 &&
           d->refusal.len == 0 && d->num_tool_calls == 0 && d->num_images == 0 &&
           d->audio.len == 0 && d->annotations.len == 0 && d->finish == OR_FINISH_NONE;
}

void relay_chunk(relay *r, const or_chat_delta *d)
{
    or_buf *out = empty_scratch();
    if (says_nothing(d)) return;
    if (or_dialect_put_chunk(out, d, r->rw.speaks == OR_DIALECT_TEXT) != OR_OK)
        relay_lose(r, OR_ERR_MEMORY);
    else
        relay_shape_event(r, or_buf_str(out), d);
}

or_err relay_chat_form(relay *r, const or_chat_answer *answer, or_str *body)
{
    or_buf *out = empty_scratch();
    or_err  e = or_dialect_put_answer(out, answer, r->rw.speaks == OR_DIALECT_TEXT);
    *body = or_buf_str(out);
    return e;
}

/* ---- clients that speak something else ---- */

static or_str name_for_client(const relay *r)
{
    if (r->rw.speaks != OR_DIALECT_MESSAGES) return endpoint_of(r)->model;
    for (uint32_t i = 0; i < r->d.plan.num; i++) /* its clients know models by that name */
        if (r->d.plan.list[i].endpoint == r->x.call.endpoint) {
            uint32_t model = r->d.plan.list[i].model;
            return model == 0 ? r->d.asked : r->d.request.models[model];
        }
    return endpoint_of(r)->model;
}

bool relay_begin_reply(relay *r, bool stream)
{
    shape s;
    relay_shape(r, &s);
    r->reply = or_arena_alloc(&r->arena, sizeof *r->reply);
    if (r->reply == NULL) {
        relay_lose(r, OR_ERR_MEMORY);
        return false;
    }
    or_buf_free(&r->hold);
    or_buf_init_growing(&r->hold, &mem_allocator, settings_of(r)->limits.answer);
    r->says.id = s.id;
    r->says.model = name_for_client(r);
    r->says.provider = s.provider;
    r->says.created = s.created;
    r->says.request = r->rw.speaks == OR_DIALECT_RESPONSES ? or_buf_str(&r->theirs)
                                                           : or_str_of(NULL, 0);
    or_reply_init(r->reply, r->rw.speaks, &r->says, stream, &r->hold);
    return true;
}

static or_err put_copy(or_buf *out, relay *r, const void *what)
{
    (void)r;
    return or_buf_put_str(out, *(const or_str *)what);
}

static void emit(relay *r, or_str events)
{
    if (events.len > 0) relay_emit(r, events.len, put_copy, &events);
}

void relay_reply_add(relay *r, const or_chat_delta *d)
{
    or_buf *out = empty_scratch();
    if (r->reply == NULL && !relay_begin_reply(r, r->f.stream)) return;
    or_err e = or_reply_add(r->reply, out, d);
    if (e != OR_OK)
        relay_lose(r, e);
    else
        emit(r, or_buf_str(out));
}

or_err relay_reply_end(relay *r, or_buf *out)
{
    return or_reply_end(r->reply, out, &r->r.usage, &r->r.cost, relay_metadata(r));
}

void relay_reply_end_stream(relay *r)
{
    or_buf *out = empty_scratch();
    bool messages = r->rw.speaks == OR_DIALECT_MESSAGES;
    if (r->reply == NULL && relay_passes(r)) {
        if (messages) /* the one event that the call keeps for itself */
            emit(r, OR_STR("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
    } else {
        r->lost = r->reply != NULL ? relay_reply_end(r, out) : OR_ERR_MEMORY;
        if (r->lost == OR_OK) relay_add_piece(r, or_buf_str(out)); /* stays until the end was sent */
    }
}

/* ---- the same dialect on both sides: members of ours are put in ---- */

static or_err splice(or_buf *out, or_str json, const or_json_edit *edits, uint32_t num)
{
    or_json_member members[MAX_MEMBERS];
    or_str         pieces[6 * MAX_EDITS + 2];
    uint32_t       n, k;
    or_err         e = or_json_members(json, members, MAX_MEMBERS, &n, NULL);
    if (e == OR_OK)
        e = or_json_splice(json, members, n, edits, num, pieces, 6 * MAX_EDITS + 2, &k);
    for (uint32_t i = 0; e == OR_OK && i < k; i++) e = or_buf_put_str(out, pieces[i]);
    return e;
}

/* The member of an object that is an object; absent: there is none. */
static or_str object_in(or_str json, const char *name)
{
    or_json_member        members[MAX_MEMBERS];
    uint32_t              n;
    const or_json_member *m = NULL;
    if (or_json_members(json, members, MAX_MEMBERS, &n, NULL) == OR_OK)
        m = or_json_member_find(members, n, or_str_z(name), NULL);
    return m != NULL && m->type == OR_JSON_OBJECT ? m->value : or_str_of(NULL, 0);
}

static or_str text_of(or_buf *b, or_str text)
{
    or_json_writer w;
    size_t         at = b->len;
    or_json_writer_init(&w, b);
    or_json_put_str(&w, text);
    return or_str_of(b->ptr + at, b->len - at);
}

static or_str cost_of(or_buf *b, const relay *r)
{
    or_json_writer w;
    size_t         at = b->len;
    or_json_writer_init(&w, b);
    if (r->r.cost.source == OR_COST_UNKNOWN)
        or_json_put_null(&w);
    else
        or_json_put_decimal(&w, r->r.cost.pico_usd, 12);
    return or_str_of(b->ptr + at, b->len - at);
}

/* OpenRouter's members of a usage object. */
static or_err splice_usage(or_buf *out, const relay *r, or_str usage)
{
    char         mem[512];
    or_buf       text;
    or_json_edit edits[4] = {{OR_STR_INIT("cost"), {NULL, 0}},
                             {OR_STR_INIT("is_byok"), {NULL, 0}},
                             {OR_STR_INIT("cost_details"), {NULL, 0}},
                             {OR_STR_INIT("estimated"), OR_STR_INIT("true")}};
    or_buf_init(&text, mem, sizeof mem);
    edits[0].value = cost_of(&text, r);
    edits[1].value = r->r.byok ? OR_STR("true") : OR_STR("false");
    size_t at = text.len;
    or_buf_put_z(&text, "{\"upstream_inference_cost\":");
    or_buf_put_str(&text, r->r.byok ? edits[0].value : OR_STR("null"));
    or_buf_put_char(&text, '}');
    edits[2].value = or_str_of(text.ptr + at, text.len - at);
    return splice(out, usage, edits, r->r.cost.source == OR_COST_ESTIMATED ? 4 : 3);
}

/* A message or response with its model as the client knows it (named), its provider, and what its
   usage costs. */
static or_err splice_answer(or_buf *out, const relay *r, or_str object, bool named)
{
    char         mem[1024];
    or_buf       text, usage;
    shape        s;
    or_json_edit edits[3];
    uint32_t     num = 0;
    or_err       e = OR_OK;
    or_str       theirs = object_in(object, "usage");
    relay_shape(r, &s);
    or_buf_init(&text, mem, sizeof mem);
    or_buf_init_growing(&usage, &mem_allocator, 64 * 1024);
    if (named) {
        edits[num].name = OR_STR("model");
        edits[num++].value = text_of(&text, name_for_client(r));
        edits[num].name = OR_STR("provider");
        edits[num++].value = text_of(&text, s.provider);
    }
    if (theirs.ptr != NULL && r->priced) {
        e = splice_usage(&usage, r, theirs);
        edits[num].name = OR_STR("usage");
        edits[num++].value = or_buf_str(&usage);
    }
    if (e == OR_OK) e = text.err;
    if (e == OR_OK) e = splice(out, object, edits, num);
    or_buf_free(&usage);
    return e;
}

/* An event's data with what is ours; absent: nothing is. */
static or_str spliced(relay *r, const or_sse_event *ev, const or_chat_delta *d)
{
    or_buf      *out = empty_scratch(), inner;
    bool         messages = r->rw.speaks == OR_DIALECT_MESSAGES;
    or_json_edit edit = {messages ? OR_STR("message") : OR_STR("response"), {NULL, 0}};
    or_err       e;
    if (r->native) return or_str_of(NULL, 0); /* it has put them in */
    if (d != NULL && d->usage.set) {
        relay_price_answer(r, &d->usage);
        r->priced = true;
    }
    if (messages && or_str_eq(ev->type, OR_STR("message_delta"))) {
        e = splice_answer(out, r, ev->data, false);
        return e == OR_OK ? or_buf_str(out) : or_str_of(NULL, 0);
    }
    bool plain = d != NULL && (d->text.len > 0 || d->reasoning.len > 0);
    if (messages ? !or_str_eq(ev->type, OR_STR("message_start")) : plain)
        return or_str_of(NULL, 0); /* most are: nothing of ours is in them */
    or_str object = object_in(ev->data, edit.name.ptr);
    if (object.ptr == NULL) return object;
    or_buf_init_growing(&inner, &mem_allocator, 2 * RELAY_MAX_EVENT);
    e = splice_answer(&inner, r, object, true);
    edit.value = or_buf_str(&inner);
    if (e == OR_OK) e = splice(out, ev->data, &edit, 1);
    or_buf_free(&inner);
    return e == OR_OK ? or_buf_str(out) : or_str_of(NULL, 0);
}

static or_err put_event(or_buf *out, relay *r, const void *what)
{
    const or_sse_event *ev = what;
    (void)r;
    return or_sse_put(out, ev->type, ev->data);
}

void relay_pass_event(relay *r, const or_sse_event *ev, const or_chat_delta *d)
{
    or_str       data = spliced(r, ev, d);
    or_sse_event changed = *ev;
    if (data.ptr == NULL && ev->raw.len > 0) {
        relay_add_piece(r, ev->raw);
        return;
    }
    if (data.ptr != NULL) changed.data = data;
    relay_emit(r, changed.data.len + 128, put_event, &changed);
}

or_err relay_pass_answer(relay *r, or_buf *out, or_str body)
{
    r->priced = true;
    or_err e = r->native ? OR_OK : splice_answer(out, r, body, true);
    if (e != OR_ERR_MEMORY && out->len == 0) return or_buf_put_str(out, body); /* paid for */
    return e;
}

/* ---- failures ---- */

or_err relay_put_failure(relay *r, or_buf *out, const envelope *e)
{
    or_reply_error said;
    or_buf         mem;
    if (r->reply == NULL && !relay_begin_reply(r, true)) return OR_ERR_MEMORY;
    or_buf_init_growing(&mem, &mem_allocator, settings_of(r)->limits.answer + 65536);
    or_err err = envelope_as_reply(&mem, e, &said);
    said.id = or_str_z(r->r.id);
    if (err == OR_OK) err = or_reply_fail(r->reply, out, &said);
    or_buf_free(&mem);
    return err;
}
