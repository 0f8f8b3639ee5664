#include "proxy/shape.h"

#include <string.h>

#include "proxy/member.h"

/* Every answer is walked once, by or.h's scan, object by object. Members that stay are copied
   as they stand, in runs as long as possible; the others are written anew. Nothing is kept but
   where the scan is, so neither the number of members nor their sizes need a limit here. */

/* What is being made of what. */
typedef enum make {
    MAKE_CHUNK,    /* a chunk of a chunk */
    MAKE_WHOLE,    /* an answer of an answer */
    MAKE_OPENING,  /* of an answer, the chunk with everything but the ends */
    MAKE_ENDS,     /* and the one with the ends */
    MAKE_EMBEDDING
} make;

typedef struct job {
    or_buf               *out;
    or_buf               *ends; /* MAKE_ENDS: where the ends go, while the rest is not kept */
    const shape          *s;
    const or_chat_answer *said; /* of one choice; NULL for embeddings */
    const or_usage       *usage;
    const or_cost        *cost;
    or_str                metadata;
    make                  what;
    bool                  base64;
    or_json_scan          scan;
    or_err                err;
    shape_stream          state;
    or_str                their_usage; /* not null; absent until it was seen */
    bool                  taken;   /* the choice that `said` is of was met */
    bool                  read;    /* all of it was read */
    bool                  unknown; /* the root has members besides those of an empty chunk */
    uint32_t              choices; /* objects in `choices` so far */
    uint32_t              ended;   /* MAKE_ENDS: how many of them have an end */
    bool printed; /* system_fingerprint is there */
    size_t                went;    /* of a chunk: where in out its text stands; 0: nowhere */
} job;

/* ---- pieces of output ---- */

/* A member's name, and how it is written: the comma is left out where nothing precedes. */
typedef struct label {
    or_str name, own;
} label;
#define OWN(name)   OR_STR(",\"" name "\":")
#define LABEL(name) {OR_STR_INIT(name), OR_STR_INIT(",\"" name "\":")}

/* The members (or elements) of one object: those that stay are gathered in a run, from..to. */
typedef struct run {
    or_buf     *out;
    const char *from, *to;
    const char *text; /* of the chunk; NULL: nobody has to know where it went */
    size_t     *went; /* behind which byte of out */
    bool        any;
} run;

static void run_flush(run *r)
{
    if (r->from == NULL) return;
    if (r->any) or_buf_put_char(r->out, ',');
    if (r->from <= r->text && r->text < r->to) *r->went = r->out->len + (size_t)(r->text - r->from);
    or_buf_put(r->out, r->from, (size_t)(r->to - r->from));
    r->any = true;
    r->from = NULL;
}

static void run_begin(run *r, or_buf *out)
{
    memset(r, 0, sizeof *r);
    r->out = out;
    or_buf_put_char(out, '{');
}

/* Note where the text of a chunk goes, should this run hold it. */
static void run_mark(run *r, job *w)
{
    if (w->what != MAKE_CHUNK) return;
    r->text = w->said->text.ptr;
    r->went = &w->went;
}

static void run_end(run *r)
{
    run_flush(r);
    or_buf_put_char(r->out, '}');
}

/* This member stays; value is the whole of it. */
static void run_keep(run *r, const or_json_item *item, or_str value)
{
    if (r->from == NULL) r->from = item->key.ptr - 1;
    r->to = value.ptr + value.len;
}

/* A member of ours, an OWN or of a LABEL: its value is to be written next. */
static void run_own(run *r, or_str own)
{
    run_flush(r);
    or_buf_put(r->out, own.ptr + !r->any, own.len - !r->any);
    r->any = true;
}

/* This member is left out: what stood before it cannot run on. */
static void run_drop(run *r)
{
    run_flush(r);
}

/* Reading or converting failed. That there is no room is out->err's to say: then reading goes
   on, since what is read decides whether anything has to be written. */
static void fail(job *w, or_err e)
{
    if (w->err == OR_OK) w->err = e;
}

/* A string. Names and ids, which most are, need nothing but their quotes. */
static void put_text(job *w, or_str text)
{
    or_json_writer j;
    size_t         i = 0;
    while (i < text.len && text.ptr[i] >= ' ' && text.ptr[i] < 0x7F && text.ptr[i] != '"' &&
           text.ptr[i] != '\\')
        i++;
    if (i == text.len) {
        or_buf_put_char(w->out, '"');
        or_buf_put_str(w->out, text);
        or_buf_put_char(w->out, '"');
        return;
    }
    or_json_writer_init(&j, w->out);
    or_err e = or_json_put_str(&j, text);
    if (e != OR_OK && e != w->out->err) fail(w, e);
}

/* ---- pieces of input ---- */

/* The next member or element of the container that the scan is in; false at its end. */
static bool step(job *w, or_json_item *item)
{
    or_err e = w->err == OR_OK ? or_json_scan_next(&w->scan, item) : w->err;
    if (e != OR_OK) fail(w, e);
    return e == OR_OK && item->type != OR_JSON_END;
}

/* The whole of a value, strings with their quotes; the scan stands behind it then. */
static or_str whole(job *w, or_json_item *item)
{
    or_err e = or_json_scan_skip(&w->scan, item);
    or_str v = item->value;
    if (e != OR_OK) fail(w, e);
    if (item->type == OR_JSON_STRING) v = or_str_of(v.ptr - 1, v.len + 2);
    return v;
}

static bool is_named(const or_json_item *item, or_str name)
{
    if (item->key_escaped) return or_json_str_is(item->key, name);
    return item->key.len == name.len && memcmp(item->key.ptr, name.ptr, name.len) == 0;
}

/* Which of the names a member has; num when none. */
static uint32_t name_of(const or_json_item *item, const label *names, uint32_t num)
{
    uint32_t i = 0;
    while (i < num && !is_named(item, names[i].name)) i++;
    return i;
}

/* A string with something in it. */
static bool has_text(const or_json_item *item)
{
    return item->type == OR_JSON_STRING && item->value.len > 0;
}

/* A count as every client reads it: digits, nothing else. */
static bool is_count(const or_json_item *item)
{
    uint64_t n;
    return item->type == OR_JSON_NUMBER && or_u64_read(item->value, &n) == OR_OK;
}

static uint64_t bit_of(uint64_t index)
{
    return index < 64 ? (uint64_t)1 << index : 0;
}

/* ---- how an answer ends ---- */

const char *shape_finish_word(or_finish f)
{
    static const char *const words[] = {NULL,         "stop",           "length",
                                        "tool_calls", "content_filter", "error"};
    return words[f];
}

/* As or.h's decoder says it, for the choices that it does not decode. */
static or_finish finish_of(or_str raw, bool has_calls)
{
    static const struct {
        or_str    word;
        or_finish finish;
    } words[] = {
        {OR_STR_INIT("length"), OR_FINISH_LENGTH},
        {OR_STR_INIT("max_tokens"), OR_FINISH_LENGTH},
        {OR_STR_INIT("model_length"), OR_FINISH_LENGTH},
        {OR_STR_INIT("tool_calls"), OR_FINISH_TOOL_CALLS},
        {OR_STR_INIT("function_call"), OR_FINISH_TOOL_CALLS},
        {OR_STR_INIT("tool_use"), OR_FINISH_TOOL_CALLS},
        {OR_STR_INIT("content_filter"), OR_FINISH_CONTENT_FILTER},
        {OR_STR_INIT("content_filtered"), OR_FINISH_CONTENT_FILTER},
        {OR_STR_INIT("safety"), OR_FINISH_CONTENT_FILTER},
        {OR_STR_INIT("refusal"), OR_FINISH_CONTENT_FILTER},
        {OR_STR_INIT("error"), OR_FINISH_ERROR},
        {OR_STR_INIT("insufficient_system_resource"), OR_FINISH_ERROR},
    };
    or_finish finish = OR_FINISH_STOP;
    if (raw.ptr == NULL) return OR_FINISH_NONE;
    if (raw.len == 0) return has_calls ? OR_FINISH_TOOL_CALLS : OR_FINISH_NONE;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (or_str_eq_nocase(raw, words[i].word)) finish = words[i].finish;
    if (has_calls && finish == OR_FINISH_STOP) return OR_FINISH_TOOL_CALLS;
    if (!has_calls && finish == OR_FINISH_TOOL_CALLS) return OR_FINISH_STOP;
    return finish;
}

/* ---- usage ---- */

static void put_details(or_json_writer *w, const or_usage *u)
{
    or_json_put_key(w, OR_STR("prompt_tokens_details"));
    or_json_begin_object(w);
    member_u64(w, "cached_tokens", u->cached_tokens);
    member_u64(w, "cache_write_tokens", u->cache_write_tokens);
    member_u64(w, "audio_tokens", u->audio_tokens);
    member_u64(w, "video_tokens", u->video_tokens);
    or_json_end_object(w);
    or_json_put_key(w, OR_STR("completion_tokens_details"));
    or_json_begin_object(w);
    member_u64(w, "reasoning_tokens", u->reasoning_tokens);
    member_u64(w, "image_tokens", u->image_output_tokens);
    member_u64(w, "audio_tokens", u->audio_output_tokens);
    if (u->accepted_prediction_tokens > 0)
        member_u64(w, "accepted_prediction_tokens", u->accepted_prediction_tokens);
    if (u->rejected_prediction_tokens > 0)
        member_u64(w, "rejected_prediction_tokens", u->rejected_prediction_tokens);
    or_json_end_object(w);
}

static const label usage_names[] = {
    LABEL("prompt_tokens"),           LABEL("completion_tokens"),
    LABEL("total_tokens"),            LABEL("cost"),
    LABEL("is_byok"),                 LABEL("prompt_tokens_details"),
    LABEL("cost_details"),            LABEL("completion_tokens_details"),
    LABEL("server_tool_use_details"), LABEL("estimated"),
};

/* Behind ours what the provider counts besides; theirs is an object, or absent. */
static void put_their_usage(or_json_writer *w, or_str theirs)
{
    or_json_scan s;
    or_json_item item;
    or_json_scan_init(&s, theirs);
    if (theirs.ptr == NULL || or_json_scan_next(&s, &item) != OR_OK) return;
    while (w->err == OR_OK && or_json_scan_next(&s, &item) == OR_OK && item.type != OR_JSON_END) {
        uint32_t num = sizeof usage_names / sizeof usage_names[0];
        or_str   name = or_str_of(item.key.ptr - 1, item.key.len + 2), value = item.value;
        if (or_json_scan_skip(&s, &item) != OR_OK) return;
        if (name_of(&item, usage_names, num) < num) continue;
        value = item.type == OR_JSON_STRING ? or_str_of(value.ptr - 1, value.len + 2) : item.value;
        or_buf_put_char(w->out, ','); /* raw, name and all: the writer only needs to see its end */
        or_buf_put_str(w->out, name);
        or_buf_put_char(w->out, ':');
        or_buf_put_str(w->out, value);
    }
}

static or_err put_usage(or_json_writer *w, const shape *s, const or_usage *u, const or_cost *cost,
                        or_str theirs)
{
    bool known = cost != NULL && cost->source != OR_COST_UNKNOWN;
    or_json_begin_object(w);
    member_u64(w, "prompt_tokens", u->prompt_tokens);
    member_u64(w, "completion_tokens", u->completion_tokens);
    member_u64(w, "total_tokens", u->total_tokens);
    or_json_put_key(w, OR_STR("cost"));
    if (known)
        or_json_put_decimal(w, cost->pico_usd, 12);
    else
        or_json_put_null(w);
    or_json_put_key(w, OR_STR("is_byok"));
    or_json_put_bool(w, u->is_byok);
    put_details(w, u);
    if (u->upstream_cost_set || (u->is_byok && known)) {
        or_json_put_key(w, OR_STR("cost_details"));
        or_json_begin_object(w);
        member_usd(w, "upstream_inference_cost",
                 u->upstream_cost_set ? u->upstream_cost_pico_usd : cost->pico_usd);
        if (s->split) {
            member_usd(w, "upstream_inference_prompt_cost", s->prompt_pico_usd);
            member_usd(w, "upstream_inference_completions_cost", s->completion_pico_usd);
        }
        or_json_end_object(w);
    }
    if (u->web_searches > 0) {
        or_json_put_key(w, OR_STR("server_tool_use_details"));
        or_json_begin_object(w);
        member_u64(w, "web_search_requests", u->web_searches);
        or_json_end_object(w);
    }
    if (!u->set || (known && cost->source == OR_COST_ESTIMATED)) {
        or_json_put_key(w, OR_STR("estimated"));
        or_json_put_bool(w, true);
    }
    put_their_usage(w, theirs);
    if (w->err == OR_OK) w->err = w->out->err;
    return or_json_end_object(w);
}

or_err shape_put_usage(or_json_writer *w, const shape *s, const or_usage *u, const or_cost *cost)
{
    return put_usage(w, s, u, cost, or_str_of(NULL, 0));
}

/* ---- content in parts, thoughts ---- */

/* The texts in an array of parts as one JSON string: raw pieces of strings, put one behind the
   other, are a string again. thoughts: what stands in a part as "thinking", a text or parts
   again, instead of the parts' own "text". Returns how many bytes the pieces have. */
static size_t put_joined(or_buf *out, or_str array, bool thoughts)
{
    or_json_scan s;
    or_json_item item;
    size_t       size = 0;
    or_json_scan_init(&s, array);
    or_buf_put_char(out, '"');
    while (or_json_scan_next(&s, &item) == OR_OK) {
        bool direct = item.depth == 2;
        if (item.type != OR_JSON_STRING || item.key.ptr == NULL) continue;
        if (direct && thoughts ? !is_named(&item, OR_STR("thinking"))
                               : direct == thoughts || !is_named(&item, OR_STR("text")))
            continue;
        or_buf_put_str(out, item.value);
        size += item.value.len;
    }
    or_buf_put_char(out, '"');
    return size;
}

static bool has_joined(or_str array, bool thoughts)
{
    or_buf nothing;
    or_buf_init_counting(&nothing);
    return array.ptr != NULL && put_joined(&nothing, array, thoughts) > 0;
}

/* ---- tool calls ---- */

/* One call that is being written. */
typedef struct call {
    run                 r;
    const or_tool_call *said; /* NULL: not decoded */
    uint64_t            choice;
    uint32_t            index;
    bool                first; /* its first fragment: has id and type */
} call;

static void walk_function(job *w, const call *c)
{
    static const label names[] = {LABEL("name"), LABEL("arguments")};
    run                 r;
    or_json_item        item;
    bool                named = false, argued = false;
    run_begin(&r, w->out);
    while (step(w, &item)) {
        uint32_t name = name_of(&item, names, 2);
        or_str   v = whole(w, &item);
        if (w->err != OR_OK) break;
        bool more = name == 0 ? named || (c->said != NULL && c->said->name.ptr == NULL)
                              : name == 1 && argued;
        if (more || (name == 1 && item.type < OR_JSON_STRING)) {
            run_drop(&r);
        } else if (name == 1 && item.type != OR_JSON_STRING) { /* some send an object */
            run_own(&r, names[1].own);
            put_text(w, v);
            argued = true;
        } else {
            run_keep(&r, &item, v);
            named = named || name == 0;
            argued = argued || name == 1;
        }
    }
    if (!argued) {
        run_own(&r, names[1].own);
        or_buf_put_str(w->out, OR_STR("\"\""));
    }
    run_end(&r);
}

/* An id for a call that came without: without one nobody could answer it. */
static void put_call_id(job *w, call *c)
{
    run_own(&c->r, OWN("id"));
    or_buf_put_str(w->out, OR_STR("\"call_"));
    if (c->choice > 0) {
        or_buf_put_u64(w->out, c->choice);
        or_buf_put_char(w->out, '_');
    }
    or_buf_put_u64(w->out, c->index);
    or_buf_put_char(w->out, '_');
    size_t from = 0; /* the end of the generation's id is what differs from others */
    for (size_t i = 0; i < w->s->id.len; i++)
        if (w->s->id.ptr[i] == '-') from = i + 1;
    for (size_t i = from; i < w->s->id.len && i < from + 32; i++) {
        char ch = w->s->id.ptr[i];
        bool plain = (ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z');
        or_buf_put_char(w->out, plain ? ch : '_');
    }
    or_buf_put_char(w->out, '"');
}

enum { CALL_INDEX, CALL_ID, CALL_TYPE, CALL_FUNCTION, CALL_NUM };

/* Does this member stay as it is? */
static bool call_keeps(const job *w, const call *c, uint32_t name, const or_json_item *item)
{
    switch (name) {
    case CALL_INDEX:
        return w->what == MAKE_WHOLE ||
               (w->what == MAKE_CHUNK && c->said == NULL && is_count(item));
    case CALL_ID:
        if (!has_text(item)) return false;
        if (w->what != MAKE_CHUNK || c->said == NULL) return true;
        return c->said->id.ptr != NULL && (w->state.made & bit_of(c->index)) == 0;
    case CALL_TYPE: return c->first && has_text(item);
    default: return true;
    }
}

static void end_call(job *w, call *c, uint32_t seen)
{
    bool decoded = w->what != MAKE_CHUNK || c->said != NULL;
    if (c->first && decoded && (seen >> CALL_ID & 1) == 0) {
        put_call_id(w, c);
        w->state.made |= bit_of(c->index);
    }
    if (c->first && (seen >> CALL_TYPE & 1) == 0) {
        run_own(&c->r, OWN("type"));
        or_buf_put_str(w->out, OR_STR("\"function\""));
    }
    if (w->what == MAKE_CHUNK && !decoded && (seen >> CALL_INDEX & 1) == 0) {
        run_own(&c->r, OWN("index"));
        or_buf_put_u64(w->out, c->index);
    }
    run_end(&c->r);
}

static void walk_call(job *w, call *c)
{
    static const label names[CALL_NUM] = {LABEL("index"), LABEL("id"), LABEL("type"),
                                          LABEL("function")};
    or_json_item item;
    uint32_t     seen = 0;
    run_begin(&c->r, w->out);
    if (w->what == MAKE_OPENING || (w->what == MAKE_CHUNK && c->said != NULL)) {
        run_own(&c->r, names[CALL_INDEX].own);
        or_buf_put_u64(w->out, c->index);
    }
    while (step(w, &item)) {
        uint32_t name = name_of(&item, names, CALL_NUM);
        bool     keep = (seen >> name & 1) == 0 && call_keeps(w, c, name, &item);
        if (keep && name < CALL_NUM) seen |= 1u << name;
        if (keep && name == CALL_FUNCTION && item.type == OR_JSON_OBJECT) {
            run_own(&c->r, names[name].own);
            walk_function(w, c);
            continue;
        }
        or_str v = whole(w, &item);
        if (keep)
            run_keep(&c->r, &item, v);
        else
            run_drop(&c->r);
    }
    end_call(w, c, seen);
}

/* The calls of a message or delta; an empty list is left out, since some clients take it for
   calls. Returns how many there are. */
static uint32_t walk_calls(job *w, run *r, uint64_t choice, bool ours)
{
    or_json_item item;
    uint32_t     num = 0;
    run_flush(r);
    while (step(w, &item)) {
        call c;
        memset(&c, 0, sizeof c);
        if (item.type != OR_JSON_OBJECT) {
            (void)whole(w, &item);
            continue;
        }
        if (num == 0) run_own(r, OWN("tool_calls"));
        or_buf_put_char(w->out, num == 0 ? '[' : ',');
        if (ours && num < w->said->num_tool_calls) c.said = &w->said->tool_calls[num];
        c.choice = choice;
        c.index = w->what == MAKE_CHUNK && c.said != NULL ? c.said->index : num;
        c.first = w->what != MAKE_CHUNK || c.said == NULL || c.index >= w->state.calls;
        walk_call(w, &c);
        if (w->what == MAKE_CHUNK && c.said != NULL && c.index >= w->state.calls)
            w->state.calls = c.index + 1;
        num++;
    }
    if (num > 0) or_buf_put_char(w->out, ']');
    return num;
}

/* ---- choices ---- */

typedef struct choice {
    run      r;
    uint64_t index;
    bool     ours;   /* what `said` is of */
    bool     called; /* a tool */
    uint32_t seen;
    or_str   finish, native; /* raw, from between quotes; absent: null */
} choice;

enum {
    MESSAGE_ROLE,
    MESSAGE_CONTENT,
    MESSAGE_CALLS,
    MESSAGE_REASONING,
    MESSAGE_REASONING_CONTENT,
    MESSAGE_DETAILS,
    MESSAGE_NUM
};

static const label message_names[MESSAGE_NUM] = {
    LABEL("role"),      LABEL("content"),           LABEL("tool_calls"),
    LABEL("reasoning"), LABEL("reasoning_content"), LABEL("reasoning_details")};

/* A message or delta that is being written. */
typedef struct message {
    run    r;
    bool   told;    /* has its role */
    bool   content; /* has a content */
    bool   thought; /* has its reasoning */
    or_str none;               /* a reasoning that says nothing */
    or_str copy, parts, details; /* where else it may stand */
} message;

/* Returns true when the scan stands behind the member already. */
static bool walk_message_member(job *w, choice *c, message *m, uint32_t name, or_json_item *item)
{
    or_str v;
    if (name == MESSAGE_CALLS && item->type == OR_JSON_ARRAY) {
        bool called = walk_calls(w, &m->r, c->index, c->ours) > 0;
        c->called = c->called || called;
        return true;
    }
    if (name != MESSAGE_CONTENT || item->type != OR_JSON_ARRAY) return false;
    v = whole(w, item);
    if (w->err != OR_OK) return true;
    run_own(&m->r, message_names[name].own);
    (void)put_joined(w->out, v, false);
    m->content = true;
    m->parts = v;
    return true;
}

/* Notes what a member says; does it stay? */
static bool message_keeps(message *m, uint32_t name, const or_json_item *item, or_str v)
{
    bool text = has_text(item);
    switch (name) {
    case MESSAGE_ROLE: return m->told = text;
    case MESSAGE_CONTENT: return m->content = true;
    case MESSAGE_CALLS: return item->type != OR_JSON_NULL;
    case MESSAGE_REASONING:
        m->thought = text;
        if (!text) m->none = v;
        return text;
    case MESSAGE_REASONING_CONTENT:
        if (text) m->copy = v;
        return true;
    case MESSAGE_DETAILS:
        if (item->type == OR_JSON_ARRAY) m->details = v;
        return true;
    default: return true;
    }
}

/* `reasoning` from one of the places where it may stand, never two, since some mirror it. */
static void end_reasoning(job *w, message *m)
{
    bool parts = has_joined(m->parts, true), details = has_joined(m->details, false);
    if (m->thought || (m->copy.ptr == NULL && m->none.ptr == NULL && !parts && !details)) return;
    run_own(&m->r, OWN("reasoning"));
    if (m->copy.ptr != NULL)
        or_buf_put_str(w->out, m->copy);
    else if (parts)
        (void)put_joined(w->out, m->parts, true);
    else if (details)
        (void)put_joined(w->out, m->details, false);
    else
        or_buf_put_str(w->out, m->none);
}

static void end_message(job *w, choice *c, message *m)
{
    uint64_t bit = bit_of(c->index);
    bool     again = w->what == MAKE_CHUNK && (w->state.roles & bit) != 0;
    if (!m->told && !again) {
        run_own(&m->r, OWN("role"));
        or_buf_put_str(w->out, OR_STR("\"assistant\""));
    }
    w->state.roles |= bit;
    if (c->ours) w->state.role_told = true;
    end_reasoning(w, m);
    if (w->what == MAKE_WHOLE && !m->content) {
        run_own(&m->r, OWN("content"));
        or_buf_put_str(w->out, OR_STR("null"));
    }
    run_end(&m->r);
}

/* is: it is there to be walked; else one is made. */
static void walk_message(job *w, choice *c, bool is)
{
    message      m;
    or_json_item item;
    uint32_t     seen = 0;
    run_own(&c->r, w->what == MAKE_WHOLE ? OWN("message") : OWN("delta"));
    memset(&m, 0, sizeof m);
    run_begin(&m.r, w->out);
    run_mark(&m.r, w);
    while (is && step(w, &item)) {
        uint32_t name = name_of(&item, message_names, MESSAGE_NUM);
        bool     again = (seen >> name & 1) != 0;
        if (name < MESSAGE_NUM && item.type != OR_JSON_NULL) seen |= 1u << name;
        if (!again && walk_message_member(w, c, &m, name, &item)) continue;
        or_str v = whole(w, &item);
        if (!again && message_keeps(&m, name, &item, v))
            run_keep(&m.r, &item, v);
        else
            run_drop(&m.r);
    }
    end_message(w, c, &m);
}

/* Has this delta nothing to change? Nearly all of a stream are so: text that stands in the
   chunk as it was decoded, so that it is a string. */
static bool is_plain(const job *w, const choice *c)
{
    const or_chat_answer *d = w->said;
    const char           *at = d->text.ptr;
    return w->what == MAKE_CHUNK && c->ours && (w->state.roles & bit_of(c->index)) != 0 &&
           d->num_tool_calls == 0 && d->reasoning.len == 0 && d->reasoning_details.ptr == NULL &&
           at != NULL && at >= w->scan.start && at < w->scan.end;
}

enum {
    CHOICE_INDEX,
    CHOICE_MESSAGE,
    CHOICE_DELTA,
    CHOICE_FINISH,
    CHOICE_NATIVE,
    CHOICE_TEXT,
    CHOICE_NUM
};

static const label choice_names[CHOICE_NUM] = {
    LABEL("index"),         LABEL("message"),              LABEL("delta"),
    LABEL("finish_reason"), LABEL("native_finish_reason"), LABEL("text")};

static void walk_choice_member(job *w, choice *c, uint32_t name, or_json_item *item)
{
    bool is_message = name == CHOICE_MESSAGE || name == CHOICE_DELTA;
    bool again = (c->seen >> (is_message ? CHOICE_MESSAGE : name) & 1) != 0, keep = !again;
    if (is_message && !again && item->type == OR_JSON_OBJECT) {
        c->seen |= 1u << CHOICE_MESSAGE;
        if (name != CHOICE_DELTA || !is_plain(w, c)) {
            walk_message(w, c, true);
            return;
        }
    } else if (is_message) {
        keep = false;
    }
    or_str v = whole(w, item);
    if (name == CHOICE_INDEX && !is_count(item)) keep = false;
    if (name == CHOICE_FINISH || name == CHOICE_NATIVE) {
        or_str *to = name == CHOICE_FINISH ? &c->finish : &c->native;
        if (item->type == OR_JSON_STRING && to->ptr == NULL) *to = item->value;
        if (name == CHOICE_FINISH) c->seen |= 1u << name;
        keep = false;
    } else if (keep && name < CHOICE_NUM) {
        c->seen |= 1u << name;
    }
    if (keep)
        run_keep(&c->r, item, v);
    else
        run_drop(&c->r);
}

/* raw: from between the quotes of a string; absent: null. */
static void put_raw_text(or_buf *out, or_str raw)
{
    or_buf_put_str(out, raw.ptr != NULL ? OR_STR("\"") : OR_STR("null"));
    if (raw.ptr == NULL) return;
    or_buf_put_str(out, raw);
    or_buf_put_char(out, '"');
}

/* How it ends, in both words. */
static void put_finish(run *r, const choice *c, or_finish finish)
{
    run_own(r, choice_names[CHOICE_FINISH].own);
    if (finish == OR_FINISH_NONE) {
        or_buf_put_str(r->out, OR_STR("null"));
        return;
    }
    or_buf_put_char(r->out, '"');
    or_buf_put_z(r->out, shape_finish_word(finish));
    or_buf_put_char(r->out, '"');
    run_own(r, choice_names[CHOICE_NATIVE].own);
    put_raw_text(r->out, c->native.ptr != NULL && c->native.len > 0 ? c->native : c->finish);
}

static or_finish finish_of_choice(job *w, const choice *c)
{
    uint64_t bit = bit_of(c->index);
    if (c->ours) return w->said->finish;
    if (c->called) w->state.calling |= bit;
    return finish_of(c->finish, c->called || (w->state.calling & bit) != 0);
}

static void end_choice(job *w, choice *c)
{
    or_finish finish = finish_of_choice(w, c);
    bool      text = w->s->text || (c->seen >> CHOICE_TEXT & 1) != 0;
    if ((c->seen >> CHOICE_MESSAGE & 1) == 0 && !text) walk_message(w, c, false);
    if ((c->seen >> CHOICE_INDEX & 1) == 0) {
        run_own(&c->r, choice_names[CHOICE_INDEX].own);
        or_buf_put_u64(w->out, c->index);
    }
    if ((c->seen >> CHOICE_FINISH & 1) != 0 || finish != OR_FINISH_NONE || w->what == MAKE_WHOLE)
        put_finish(&c->r, c, w->what == MAKE_OPENING ? OR_FINISH_NONE : finish);
    run_end(&c->r);
    if (w->what != MAKE_ENDS || finish == OR_FINISH_NONE) return;
    run r;
    if (w->ended++ > 0) or_buf_put_char(w->ends, ',');
    run_begin(&r, w->ends);
    run_own(&r, choice_names[CHOICE_INDEX].own);
    or_buf_put_u64(w->ends, c->index);
    run_own(&r, text ? OWN("text") : OWN("delta"));
    or_buf_put_str(w->ends, text ? OR_STR("\"\"") : OR_STR("{}"));
    put_finish(&r, c, finish);
    run_end(&r);
}

/* The index of the choice that the scan has just entered, wherever in it that stands. */
static bool find_index(const job *w, uint64_t *index)
{
    or_json_scan ahead = w->scan;
    or_json_item item;
    while (or_json_scan_next(&ahead, &item) == OR_OK && item.type != OR_JSON_END) {
        if (is_named(&item, choice_names[CHOICE_INDEX].name))
            return is_count(&item) && or_u64_read(item.value, index) == OR_OK;
        if (or_json_scan_skip(&ahead, &item) != OR_OK) break;
    }
    return false;
}

/* Is this the choice that or.h decodes? Of a stream always the same one, of an answer the
   first. */
static bool is_ours(job *w, choice *c)
{
    bool has = find_index(w, &c->index), chunk = w->what == MAKE_CHUNK;
    if (!has) c->index = chunk && w->state.chosen && !w->taken ? w->state.choice : w->choices;
    if (w->taken) return false;
    if (!has || !chunk) return true;
    if (!w->state.chosen) w->state.choice = c->index;
    w->state.chosen = true;
    return w->state.choice == c->index;
}

static void walk_choices(job *w)
{
    or_json_item item;
    or_buf_put_char(w->out, '[');
    while (step(w, &item)) {
        choice c;
        if (item.type != OR_JSON_OBJECT) { /* null: no client could read it */
            (void)whole(w, &item);
            w->taken = true; /* or.h takes it for the choice, and so decodes none */
            continue;
        }
        memset(&c, 0, sizeof c);
        c.ours = is_ours(w, &c);
        w->taken = w->taken || c.ours;
        if (w->choices++ > 0) or_buf_put_char(w->out, ',');
        run_begin(&c.r, w->out);
        run_mark(&c.r, w);
        while (step(w, &item))
            walk_choice_member(w, &c, name_of(&item, choice_names, CHOICE_NUM), &item);
        end_choice(w, &c);
    }
    or_buf_put_char(w->out, ']');
}

/* ---- embeddings ---- */

/* Numbers become the base64 of little-endian float32. */
static void put_base64(job *w)
{
    char           bytes[1200]; /* of whole groups of three bytes, and of whole numbers */
    size_t         len = 0;
    or_json_writer j;
    or_json_item   item;
    or_json_writer_init(&j, w->out);
    or_json_begin_str(&j);
    while (step(w, &item)) {
        uint32_t bits = 0;
        or_err   e = item.type == OR_JSON_NUMBER ? shape_f32_read(item.value, &bits) : OR_ERR_ANSWER;
        if (e != OR_OK) fail(w, e);
        for (int i = 0; i < 4; i++) bytes[len++] = (char)(bits >> (8 * i) & 0xFF);
        if (len < sizeof bytes) continue;
        or_chat_put_base64(&j, or_str_of(bytes, len));
        len = 0;
    }
    or_chat_put_base64(&j, or_str_of(bytes, len));
    or_json_end_str(&j);
}

/* The value of a character of base64; 64: none, as '=' is. */
static uint32_t sextet(char c)
{
    if (c >= 'A' && c <= 'Z') return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z') return (uint32_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9') return (uint32_t)(c - '0' + 52);
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* The reverse. raw is from between the quotes of a string. */
static or_err put_numbers(or_buf *out, or_str raw)
{
    const char *p = raw.ptr, *end = raw.ptr + raw.len;
    uint64_t    bits = 0; /* not yet used; a number at 32 */
    uint32_t    num_bits = 0, padding = 0;
    bool        any = false;
    or_buf_put_char(out, '[');
    while (p < end) {
        char   c = *p, mem[8];
        or_str one = or_str_of(p, c != '\\' ? 1 : p[1] == 'u' ? 6 : 2);
        if (or_json_unescape(one, mem, sizeof mem, &one) != OR_OK) return OR_ERR_ANSWER;
        uint32_t v = sextet(mem[0]);
        p += c != '\\' ? 1 : p[1] == 'u' ? 6 : 2;
        if (one.len == 1 && mem[0] == '=' && ++padding < 3) continue;
        if (v == 64 || padding > 0) return OR_ERR_ANSWER;
        bits = bits << 6 | v;
        num_bits += 6;
        if (num_bits < 32) continue;
        num_bits -= 32;
        uint32_t n = (uint32_t)(bits >> num_bits); /* its bytes in the order of the text */
        if (any) or_buf_put_char(out, ',');
        any = true;
        or_err e = shape_f32_put(out, n >> 24 | (n >> 8 & 0xFF00) | (n & 0xFF00) << 8 | n << 24);
        if (e != OR_OK) return e;
    }
    or_buf_put_char(out, ']');
    return num_bits < 6 ? OR_OK : OR_ERR_ANSWER; /* more is part of a number */
}

static void walk_embedding(job *w)
{
    static const label names[] = {LABEL("embedding")};
    run                 r;
    or_json_item        item;
    bool                seen = false;
    run_begin(&r, w->out);
    while (step(w, &item)) {
        bool is = name_of(&item, names, 1) == 0, again = is && seen;
        bool array = item.type == OR_JSON_ARRAY, text = item.type == OR_JSON_STRING;
        seen = seen || is;
        if (is && !again && !array && !text) fail(w, OR_ERR_ANSWER);
        if (is && !again && (w->base64 ? array : text)) {
            run_own(&r, names[0].own);
            if (array) {
                put_base64(w);
            } else {
                or_err e = put_numbers(w->out, item.value);
                if (e != OR_OK) fail(w, e);
            }
            continue;
        }
        or_str v = whole(w, &item);
        if (again)
            run_drop(&r);
        else
            run_keep(&r, &item, v);
    }
    if (!seen) fail(w, OR_ERR_ANSWER);
    run_end(&r);
}

static void walk_data(job *w)
{
    or_json_item item;
    bool         any = false;
    or_buf_put_char(w->out, '[');
    while (step(w, &item)) {
        if (item.type != OR_JSON_OBJECT) {
            fail(w, OR_ERR_ANSWER);
            return;
        }
        if (any) or_buf_put_char(w->out, ',');
        any = true;
        walk_embedding(w);
    }
    or_buf_put_char(w->out, ']');
}

/* ---- the root ---- */

enum {
    ROOT_ID,
    ROOT_PROVIDER,
    ROOT_MODEL,
    ROOT_OBJECT,
    ROOT_CREATED,
    ROOT_CHOICES,
    ROOT_DATA,
    ROOT_USAGE,
    ROOT_METADATA,
    ROOT_OURS, /* those below may stand in a chunk that has nothing but usage */
    ROOT_FINGERPRINT = ROOT_OURS + 2,
    ROOT_NUM = ROOT_OURS + 4
};

static const label fingerprint = LABEL("system_fingerprint");

static const label root_names[ROOT_NUM] = {
    LABEL("id"),           LABEL("provider"),    LABEL("model"),
    LABEL("object"),       LABEL("created"),     LABEL("choices"),
    LABEL("data"),         LABEL("usage"),       LABEL("openrouter_metadata"),
    LABEL("service_tier"), LABEL("obfuscation"), LABEL("system_fingerprint"),
    LABEL("x_groq")};

static or_str object_name(const job *w)
{
    if (w->what == MAKE_EMBEDDING) return OR_STR("list");
    if (w->s->text) return OR_STR("text_completion");
    return w->what == MAKE_WHOLE ? OR_STR("chat.completion") : OR_STR("chat.completion.chunk");
}

/* The value of one of the first members, and of `choices` and `data` when they are empty. */
static void put_root(job *w, uint32_t name)
{
    uint64_t theirs = w->said != NULL ? w->said->created : 0;
    switch (name) {
    case ROOT_ID: put_text(w, w->s->id); break;
    case ROOT_PROVIDER: put_text(w, w->s->provider); break;
    case ROOT_MODEL: put_text(w, w->s->model); break;
    case ROOT_OBJECT: put_text(w, object_name(w)); break;
    case ROOT_CREATED: or_buf_put_u64(w->out, theirs != 0 ? theirs : w->s->created); break;
    default: or_buf_put_str(w->out, OR_STR("[]")); break;
    }
}

static void put_root_usage(job *w, run *r)
{
    or_json_writer j;
    run_own(r, root_names[ROOT_USAGE].own);
    or_json_writer_init(&j, w->out);
    or_err e = put_usage(&j, w->s, w->usage, w->cost, w->their_usage);
    if (e != OR_OK && e != w->out->err) fail(w, e);
}

static bool is_whole(const job *w)
{
    return w->what == MAKE_WHOLE || w->what == MAKE_EMBEDDING;
}

static void walk_usage(job *w, run *r, or_json_item *item)
{
    or_str v = whole(w, item);
    if (item->type != OR_JSON_NULL) w->their_usage = v;
    if (is_whole(w)) {
        if (item->type != OR_JSON_OBJECT) w->their_usage = or_str_of(NULL, 0);
        if (w->err == OR_OK) put_root_usage(w, r);
    } else if (w->what == MAKE_CHUNK && item->type == OR_JSON_NULL) {
        run_keep(r, item, v);
    } else {
        run_drop(r);
    }
}

static void walk_root_member(job *w, run *r, uint32_t name, or_json_item *item)
{
    bool embedding = w->what == MAKE_EMBEDDING;
    bool list = name == (embedding ? ROOT_DATA : ROOT_CHOICES);
    if (list && item->type == OR_JSON_ARRAY) {
        run_own(r, root_names[name].own);
        if (embedding)
            walk_data(w);
        else
            walk_choices(w);
        return;
    }
    if (name == ROOT_USAGE) {
        walk_usage(w, r, item);
        return;
    }
    or_str v = whole(w, item);
    bool   ours = name < ROOT_CREATED || list || (name == ROOT_CREATED && !is_count(item));
    if (list && embedding) fail(w, OR_ERR_ANSWER);
    if (name == ROOT_METADATA && w->metadata.ptr != NULL) {
        run_drop(r);
    } else if (ours) {
        run_own(r, root_names[name].own);
        put_root(w, name);
    } else {
        run_keep(r, item, v);
        if (name == ROOT_NUM || name == ROOT_DATA) w->unknown = true;
    }
}

/* What has to be there and was not. */
static void end_root(job *w, run *r, uint32_t seen)
{
    uint32_t last = w->what == MAKE_EMBEDDING ? ROOT_OBJECT : ROOT_CHOICES;
    if (w->what == MAKE_EMBEDDING && (seen >> ROOT_DATA & 1) == 0) fail(w, OR_ERR_ANSWER);
    for (uint32_t i = ROOT_ID; i <= last; i++) {
        if ((seen >> i & 1) != 0) continue;
        run_own(r, root_names[i].own);
        put_root(w, i);
    }
    if (is_whole(w) && (seen >> ROOT_USAGE & 1) == 0) put_root_usage(w, r);
    if (w->what == MAKE_WHOLE && !w->printed) {
        run_own(r, fingerprint.own);
        or_buf_put_str(w->out, OR_STR("null"));
    }
    if (w->metadata.ptr != NULL) {
        or_json_writer j;
        run_own(r, root_names[ROOT_METADATA].own);
        or_json_writer_init(&j, w->out);
        if (or_json_put_raw(&j, w->metadata) != OR_OK) fail(w, j.err);
    }
    run_end(r);
}

/* Walk text, whose root has to be an object, and write it to w->out. */
static or_err walk(job *w, or_str text)
{
    run          r;
    or_json_item item;
    uint32_t     seen = 0;
    or_json_scan_init(&w->scan, text);
    w->err = or_json_scan_next(&w->scan, &item);
    if (w->err == OR_OK && item.type != OR_JSON_OBJECT) w->err = OR_ERR_TYPE;
    if (w->err != OR_OK) return w->err;
    run_begin(&r, w->out);
    while (step(w, &item)) {
        uint32_t name = name_of(&item, root_names, ROOT_NUM);
        if (name < ROOT_OURS && (seen >> name & 1) != 0) {
            (void)whole(w, &item);
            run_drop(&r);
            continue;
        }
        if (name < ROOT_OURS) seen |= 1u << name;
        w->printed = w->printed || name == ROOT_FINGERPRINT;
        walk_root_member(w, &r, name, &item);
    }
    end_root(w, &r, seen);
    if (w->err == OR_OK && or_json_scan_next(&w->scan, &item) != OR_DONE) w->err = w->scan.err;
    w->read = w->err == OR_OK;
    if (w->err == OR_OK) w->err = w->out->err;
    return w->err;
}

static void job_init(job *w, make what, or_buf *out, const shape *s, const or_chat_answer *said)
{
    memset(w, 0, sizeof *w);
    w->what = what;
    w->out = out;
    w->s = s;
    w->said = said;
}

/* ---- events ---- */

static void event_begin(or_buf *out)
{
    or_buf_put_str(out, OR_STR("data: "));
}

/* JSON has line ends only between its values; an event may have none. spaced: it may. */
static void event_end(or_buf *out, size_t from, bool spaced)
{
    if (spaced && !out->counting && out->err == OR_OK)
        for (size_t i = from; i < out->len; i++)
            if (out->ptr[i] == '\n' || out->ptr[i] == '\r') out->ptr[i] = ' ';
    or_buf_put_str(out, OR_STR("\n\n"));
}

static bool is_spaced(or_str text)
{
    return text.len > 0 && (memchr(text.ptr, '\n', text.len) != NULL ||
                            memchr(text.ptr, '\r', text.len) != NULL);
}

/* All or nothing. */
static or_err finished(or_buf *out, size_t from, or_err e)
{
    if (e == OR_OK) e = out->err;
    if (e != OR_OK) out->len = from;
    return e;
}

/* Is it a chunk with nothing but usage? */
static bool is_usage_only(const job *w)
{
    return w->choices == 0 && !w->unknown && !w->said->error.set &&
           (w->their_usage.ptr != NULL || w->said->usage.set);
}

/* Keep what a chunk became, if it is that for each text: then nothing but the text is written
   of it, and nothing of what has to be remembered changed. */
static void keep_chunk(shape_stream *state, const shape_stream *before, const job *w, or_str text,
                       or_str chunk, or_str made)
{
    const shape_stream *now = &w->state;
    state->head = 0;
    if (state->last == NULL || w->went == 0 || made.len - text.len > state->last_size) return;
    if (now->role_told != before->role_told || now->chosen != before->chosen ||
        now->roles != before->roles || now->calling != before->calling || !before->any)
        return;
    or_str behind = or_str_of(made.ptr + w->went + text.len, made.len - w->went - text.len);
    or_str padding = or_chat_padding(behind), theirs = padding;
    if (padding.ptr != NULL)
        theirs = or_chat_padding(or_str_of(text.ptr + text.len,
                                           (size_t)(chunk.ptr + chunk.len - text.ptr) - text.len));
    if (!or_str_eq(padding, theirs)) return;
    state->head = (uint32_t)w->went;
    state->tail = (uint32_t)(behind.len - padding.len);
    state->pad = padding.ptr != NULL ? (uint32_t)(padding.ptr - behind.ptr) : 0;
    memcpy(state->last, made.ptr, state->head);
    memcpy(state->last + state->head, behind.ptr, state->pad);
    memcpy(state->last + state->head + state->pad, behind.ptr + state->pad + padding.len,
           state->tail - state->pad);
}

static char *copy(char *to, const char *from, size_t n)
{
    memcpy(to, from, n);
    return to + n;
}

/* A chunk that differs in its text, and in its padding, only from the one that was kept. */
static or_err put_repeated(or_buf *out, const shape_stream *s, const or_chat_delta *delta)
{
    const char *tail = s->last + s->head;
    or_str      text = delta->raw, padding = s->pad > 0 ? delta->padding : OR_STR("");
    size_t      n = s->head + text.len + s->tail + padding.len;
    if (or_buf_reserve(out, n) != OR_OK) return out->err;
    char *to = copy(out->ptr + out->len, s->last, s->head);
    to = copy(to, text.ptr, text.len);
    to = copy(to, tail, s->pad);
    to = copy(to, padding.ptr, padding.len);
    (void)copy(to, tail + s->pad, s->tail - s->pad);
    out->len += n;
    return OR_OK;
}

or_err shape_chunk(or_buf *out, const shape *s, shape_stream *state, or_str chunk,
                   const or_chat_delta *delta)
{
    if (shape_repeats(state, delta)) return put_repeated(out, state, delta);
    const shape_stream was = *state;
    job   w;
    size_t from = out->len;
    or_err before = out->err;
    job_init(&w, MAKE_CHUNK, out, s, delta);
    w.state = *state;
    event_begin(out);
    or_err e = walk(&w, chunk);
    event_end(out, from, is_spaced(chunk));
    if (before == OR_OK && w.read && is_usage_only(&w)) {
        out->len = from; /* whether there was room for it or not */
        out->err = OR_OK;
        return OR_OK;
    }
    e = finished(out, from, e);
    if (e != OR_OK) return e;
    *state = w.state;
    state->any = true;
    if (w.went > 0) w.went -= from;
    keep_chunk(state, &was, &w, delta->text, chunk,
               or_str_of(out->ptr + from, out->len - from));
    return OR_OK;
}

/* The members before `choices` of an event without a chunk to be made of. */
static void put_head(job *w, run *r)
{
    run_begin(r, w->out);
    for (uint32_t i = ROOT_ID; i < ROOT_CHOICES; i++) {
        run_own(r, root_names[i].own);
        put_root(w, i);
    }
    run_own(r, root_names[ROOT_CHOICES].own);
}

or_err shape_usage_chunk(or_buf *out, const shape *s, const or_usage *u, const or_cost *cost,
                         or_str metadata)
{
    job   w;
    run    r;
    size_t from = out->len;
    job_init(&w, MAKE_CHUNK, out, s, NULL);
    w.usage = u;
    w.cost = cost;
    w.metadata = metadata;
    event_begin(out);
    put_head(&w, &r);
    or_buf_put_str(out, OR_STR("[]"));
    put_root_usage(&w, &r);
    end_root(&w, &r, ~0u);
    event_end(out, from, is_spaced(metadata));
    return finished(out, from, w.err);
}

or_err shape_answer(or_buf *out, const shape *s, or_str body, const or_chat_answer *answer,
                    const or_usage *u, const or_cost *cost, or_str metadata)
{
    job   w;
    size_t from = out->len;
    job_init(&w, MAKE_WHOLE, out, s, answer);
    w.usage = u;
    w.cost = cost;
    w.metadata = metadata;
    return finished(out, from, walk(&w, body));
}

/* The chunk behind the opening: how each choice ended. None when none did. */
static or_err put_ends(or_buf *out, const shape *s, or_str body, const or_chat_answer *answer)
{
    job   w;
    run    r;
    or_buf nothing;
    size_t from = out->len;
    or_err before = out->err;
    or_buf_init_counting(&nothing);
    job_init(&w, MAKE_ENDS, out, s, answer);
    event_begin(out);
    put_head(&w, &r);
    or_buf_put_char(out, '[');
    w.ends = out;
    w.out = &nothing;
    or_err e = walk(&w, body);
    or_buf_put_char(out, ']');
    run_end(&r);
    event_end(out, from, false);
    if (w.ended == 0) { /* whether there was room for it or not */
        out->len = from;
        out->err = before;
    }
    return e;
}

or_err shape_answer_as_stream(or_buf *out, const shape *s, or_str body,
                              const or_chat_answer *answer)
{
    job   w;
    size_t from = out->len;
    job_init(&w, MAKE_OPENING, out, s, answer);
    event_begin(out);
    or_err e = walk(&w, body);
    event_end(out, from, is_spaced(body));
    if (e == OR_OK) e = put_ends(out, s, body, answer);
    return finished(out, from, e);
}

or_err shape_embeddings(or_buf *out, const shape *s, or_str body, bool base64, const or_usage *u,
                        const or_cost *cost)
{
    job   w;
    size_t from = out->len;
    job_init(&w, MAKE_EMBEDDING, out, s, NULL);
    w.usage = u;
    w.cost = cost;
    w.base64 = base64;
    return finished(out, from, walk(&w, body));
}
