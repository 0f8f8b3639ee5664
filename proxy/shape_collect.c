/* A stream as a whole answer. */
#include "proxy/shape.h"

#include <string.h>

/* Text goes through or.h's collector; what that does not gather is gathered here as the
   insides of JSON arrays and strings. */
struct shape_collect {
    const or_allocator *a;
    size_t              max;
    or_err              err; /* sticks */
    or_buf              text;
    or_buf              images, annotations; /* elements with commas between them */
    or_buf              audio[3];            /* id, data, transcript: insides of strings */
    uint64_t            audio_expires;
    or_chat_collect     collect;
    or_tool_call        calls[OR_CHAT_MAX_CALLS];
    or_finish           finish;
    or_buf              native; /* the provider's own word */
    or_buf              tier;
    uint64_t            created;
};

static or_buf *buffer(shape_collect *c, int i)
{
    or_buf *const all[] = {&c->text,     &c->images,   &c->annotations, &c->audio[0],
                           &c->audio[1], &c->audio[2], &c->native,      &c->tier};
    return i < (int)(sizeof all / sizeof all[0]) ? all[i] : NULL;
}

shape_collect *shape_collect_new(const or_allocator *a, size_t max)
{
    shape_collect *c = (shape_collect *)a->alloc(a->user, sizeof *c);
    or_buf        *b;
    if (c == NULL) return NULL;
    memset(c, 0, sizeof *c);
    c->a = a;
    c->max = max;
    for (int i = 0; (b = buffer(c, i)) != NULL; i++) or_buf_init_growing(b, a, max);
    or_chat_collect_init(&c->collect, &c->text, c->calls, OR_CHAT_MAX_CALLS);
    return c;
}

void shape_collect_free(shape_collect *c)
{
    or_buf *b;
    if (c == NULL) return;
    for (int i = 0; (b = buffer(c, i)) != NULL; i++) or_buf_free(b);
    c->a->free(c->a->user, c, sizeof *c);
}

static void add_images(shape_collect *c, const or_chat_delta *d)
{
    for (uint32_t i = 0; i < d->num_images; i++) {
        or_json_writer w;
        if (c->images.len > 0) or_buf_put_char(&c->images, ',');
        or_json_writer_init(&w, &c->images);
        or_json_begin_object(&w);
        or_json_put_key(&w, OR_STR("type"));
        or_json_put_str(&w, OR_STR("image_url"));
        or_json_put_key(&w, OR_STR("image_url"));
        or_json_begin_object(&w);
        or_json_put_key(&w, OR_STR("url"));
        or_json_put_str(&w, d->images[i]);
        or_json_end_object(&w);
        if (or_json_end_object(&w) != OR_OK && c->err == OR_OK) c->err = w.err;
    }
}

static void add_annotations(shape_collect *c, or_str array)
{
    or_json_scan s;
    or_json_item item;
    or_json_scan_init(&s, array);
    if (array.ptr == NULL || or_json_scan_next(&s, &item) != OR_OK) return;
    if (item.type != OR_JSON_ARRAY) return;
    while (or_json_scan_next(&s, &item) == OR_OK && item.type != OR_JSON_END) {
        if (or_json_scan_skip(&s, &item) != OR_OK || item.type != OR_JSON_OBJECT) continue;
        if (c->annotations.len > 0) or_buf_put_char(&c->annotations, ',');
        or_buf_put_str(&c->annotations, item.value);
    }
}

/* Pieces of base64 and of the transcript are put one behind the other; the id counts once. */
static void add_audio(shape_collect *c, or_str object)
{
    static const or_str names[] = {OR_STR_INIT("id"), OR_STR_INIT("data"),
                                   OR_STR_INIT("transcript"), OR_STR_INIT("expires_at")};
    or_json_scan s;
    or_json_item item;
    or_json_scan_init(&s, object);
    if (object.ptr == NULL || or_json_scan_next(&s, &item) != OR_OK) return;
    if (item.type != OR_JSON_OBJECT) return;
    while (or_json_scan_next(&s, &item) == OR_OK && item.type != OR_JSON_END) {
        int i = 0;
        while (i < 4 && !or_json_str_is(item.key, names[i])) i++;
        if (i < 3 && item.type == OR_JSON_STRING && (i > 0 || c->audio[0].len == 0))
            or_buf_put_str(&c->audio[i], item.value);
        if (i == 3 && item.type == OR_JSON_NUMBER) (void)or_u64_read(item.value, &c->audio_expires);
        if (or_json_scan_skip(&s, &item) != OR_OK) return;
    }
}

static void keep_word(or_buf *b, or_str word)
{
    if (word.len == 0) return;
    or_buf_clear(b);
    or_buf_put_str(b, word);
}

or_err shape_collect_add(shape_collect *c, const or_chat_delta *d)
{
    or_buf *b;
    size_t  held = 0;
    if (c->err != OR_OK) return c->err;
    c->err = or_chat_collect_add(&c->collect, d);
    add_images(c, d);
    add_annotations(c, d->annotations);
    add_audio(c, d->audio);
    if (d->finish != OR_FINISH_NONE) {
        c->finish = d->finish;
        keep_word(&c->native, d->native_finish);
    }
    keep_word(&c->tier, d->service_tier);
    if (c->created == 0) c->created = d->created;
    for (int i = 0; (b = buffer(c, i)) != NULL; i++) {
        if (c->err == OR_OK) c->err = b->err;
        held += b->len;
    }
    if (c->err == OR_OK && held > c->max) c->err = OR_ERR_SPACE;
    return c->err;
}

/* ---- writing it ---- */

static void put_member(or_json_writer *w, const char *name, or_str text)
{
    or_json_put_key(w, or_str_z(name));
    if (text.ptr != NULL)
        or_json_put_str(w, text);
    else
        or_json_put_null(w);
}

/* inside: of an array. */
static void put_list(or_json_writer *w, const char *name, or_str inside)
{
    if (inside.len == 0) return;
    or_json_put_key(w, or_str_z(name));
    or_json_begin_array(w);
    or_buf_put_str(w->out, inside); /* checked when it came; the writer only needs to see its end */
    or_json_end_array(w);
}

static void put_calls(or_json_writer *w, const or_msg *m)
{
    if (m->num_tool_calls == 0) return;
    or_json_put_key(w, OR_STR("tool_calls"));
    or_json_begin_array(w);
    for (uint32_t i = 0; i < m->num_tool_calls; i++) {
        const or_tool_call *from = &m->tool_calls[i];
        or_json_begin_object(w);
        put_member(w, "id", from->id);
        put_member(w, "type", OR_STR("function"));
        or_json_put_key(w, OR_STR("function"));
        or_json_begin_object(w);
        put_member(w, "name", from->name.ptr != NULL ? from->name : OR_STR(""));
        put_member(w, "arguments", from->arguments.ptr != NULL ? from->arguments : OR_STR(""));
        or_json_end_object(w);
        if (from->extra_content.len > 0) {
            or_json_put_key(w, OR_STR("extra_content"));
            or_json_put_raw(w, from->extra_content);
        }
        or_json_end_object(w);
    }
    or_json_end_array(w);
}

static void put_audio(or_json_writer *w, const shape_collect *c)
{
    static const char *const names[] = {"id", "data", "transcript"};
    if (c->audio[0].len + c->audio[1].len + c->audio[2].len == 0) return;
    or_json_put_key(w, OR_STR("audio"));
    or_json_begin_object(w);
    for (int i = 0; i < 3; i++) {
        or_json_put_key(w, or_str_z(names[i]));
        or_json_put_str(w, OR_STR("")); /* its inside is in JSON already: goes before the quote */
        if (w->err != OR_OK || w->out->err != OR_OK) return;
        w->out->len--;
        or_buf_put_str(w->out, or_buf_str(&c->audio[i]));
        or_buf_put_char(w->out, '"');
    }
    or_json_put_key(w, OR_STR("expires_at"));
    or_json_put_u64(w, c->audio_expires);
    or_json_end_object(w);
}

static void put_message(or_json_writer *w, const shape_collect *c, const or_msg *m)
{
    or_json_put_key(w, OR_STR("message"));
    or_json_begin_object(w);
    put_member(w, "role", OR_STR("assistant"));
    put_member(w, "content", m->content);
    put_member(w, "refusal", m->refusal);
    put_member(w, "reasoning", c->collect.sections[0]); /* whatever its name was */
    if (m->reasoning_details.len > 0) {
        or_json_put_key(w, OR_STR("reasoning_details"));
        or_json_put_raw(w, m->reasoning_details);
    }
    put_calls(w, m);
    put_list(w, "images", or_buf_str(&c->images));
    put_list(w, "annotations", or_buf_str(&c->annotations));
    put_audio(w, c);
    or_json_end_object(w);
}

static void put_choice(or_json_writer *w, const shape *s, const shape_collect *c, const or_msg *m)
{
    or_json_put_key(w, OR_STR("choices"));
    or_json_begin_array(w);
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("index"));
    or_json_put_u64(w, 0);
    put_member(w, "logprobs", or_str_of(NULL, 0));
    put_member(w, "finish_reason", or_str_z(shape_finish_word(c->finish)));
    put_member(w, "native_finish_reason",
               c->native.len > 0 ? or_buf_str(&c->native) : or_str_of(NULL, 0));
    if (s->text)
        put_member(w, "text", m->content.ptr != NULL ? m->content : OR_STR(""));
    else
        put_message(w, c, m);
    or_json_end_object(w);
    or_json_end_array(w);
}

static or_err put_answer(or_json_writer *w, const shape *s, const shape_collect *c,
                         const or_msg *m, const or_usage *u, const or_cost *cost, or_str metadata)
{
    or_json_begin_object(w);
    put_member(w, "id", s->id);
    put_member(w, "provider", s->provider);
    put_member(w, "model", s->model);
    put_member(w, "object", s->text ? OR_STR("text_completion") : OR_STR("chat.completion"));
    or_json_put_key(w, OR_STR("created"));
    or_json_put_u64(w, c->created != 0 ? c->created : s->created);
    or_json_put_key(w, OR_STR("system_fingerprint"));
    or_json_put_null(w);
    if (c->tier.len > 0) put_member(w, "service_tier", or_buf_str(&c->tier));
    put_choice(w, s, c, m);
    or_json_put_key(w, OR_STR("usage"));
    (void)shape_put_usage(w, s, u, cost);
    if (metadata.ptr != NULL) {
        or_json_put_key(w, OR_STR("openrouter_metadata"));
        or_json_put_raw(w, metadata);
    }
    or_json_end_object(w);
    return or_json_writer_end(w);
}

or_err shape_collect_end(shape_collect *c, or_buf *out, const shape *s, const or_usage *u,
                         const or_cost *cost, or_str metadata)
{
    or_json_writer w;
    or_msg         m;
    size_t         from = out->len;
    if (c->err == OR_OK) c->err = or_chat_collect_end(&c->collect, &m);
    if (c->err != OR_OK) return c->err;
    or_json_writer_init(&w, out);
    or_err e = put_answer(&w, s, c, &m, u, cost, metadata);
    if (e == OR_OK) e = out->err;
    if (e != OR_OK) out->len = from;
    return e;
}
