#include "proxy/preset.h"

#include <string.h>

enum { MAX_PARAMETERS = 64, MAX_EDITS = MAX_PARAMETERS + 6, MAX_PIECES = 6 * MAX_EDITS + 2 };

static const char mark[] = "@preset/";

or_str preset_model(or_str name)
{
    return or_str_of(name.ptr, or_str_find(name, or_str_z(mark), 0));
}

const conf_preset *preset_find(const conf *settings, const facts *f, or_str *unknown)
{
    or_str model = f->request.num_models > 0 ? f->request.models[0] : OR_STR("");
    or_str name = f->preset;
    size_t at = preset_model(model).len;
    *unknown = or_str_of(NULL, 0);
    if (name.len == 0 && at < model.len)
        name = or_str_of(model.ptr + at + sizeof mark - 1, model.len - at - (sizeof mark - 1));
    if (name.len == 0) return NULL;
    const conf_preset *p = conf_find_preset(settings, name);
    if (p == NULL) *unknown = name;
    return p;
}

/* The edits, and the text of those values that are made. */
typedef struct edits {
    or_json_edit list[MAX_EDITS];
    uint32_t     num;
} edits;

static void add(edits *e, or_str name, or_str value)
{
    for (uint32_t i = 0; i < e->num; i++)
        if (or_str_eq(e->list[i].name, name)) return;
    e->list[e->num].name = name;
    e->list[e->num++].value = value;
}

static bool is_given(const facts *f, or_str name)
{
    const or_json_member *m = facts_member(f, name);
    return m != NULL && m->type != OR_JSON_NULL;
}

/* Values are raw JSON; of what the request has its own counts. */
static void add_missing(edits *e, const conf_preset *p, const facts *f)
{
    or_json_member members[MAX_PARAMETERS];
    uint32_t       num = 0;
    if (p->provider.ptr != NULL && !is_given(f, OR_STR("provider")))
        add(e, OR_STR("provider"), p->provider);
    if (p->models.ptr != NULL && !is_given(f, OR_STR("models")))
        add(e, OR_STR("models"), p->models);
    if (p->parameters.ptr == NULL ||
        or_json_members(p->parameters, members, MAX_PARAMETERS, &num, NULL) != OR_OK)
        return;
    for (uint32_t i = 0; i < num; i++)
        if (!is_given(f, members[i].name)) add(e, members[i].name, members[i].value);
}

static or_str put_string(or_buf *text, or_str value)
{
    or_json_writer w;
    size_t         at = text->len;
    or_json_writer_init(&w, text);
    or_json_put_str(&w, value);
    return or_str_of(text->ptr + at, text->len - at);
}

/* Only where it has to be another one than the client wrote. */
static void add_model(edits *e, const conf_preset *p, const facts *f, or_buf *text)
{
    or_str model = f->request.num_models > 0 ? f->request.models[0] : OR_STR("");
    or_str base = preset_model(model);
    if (base.len == 0) base = or_str_z(p->model);
    if (base.len == model.len && model.len > 0) return;
    if (base.len > 0)
        add(e, OR_STR("model"), put_string(text, base));
    else
        add(e, OR_STR("model"), or_str_of(NULL, 0));
}

static void add_system(edits *e, const conf_preset *p, const facts *f, or_buf *text)
{
    const or_json_member *m = facts_member(f, OR_STR("messages"));
    if (p->system == NULL || f->kind != FACTS_CHAT || m == NULL || m->value.len < 2) return;
    size_t at = text->len;
    or_buf_put_z(text, "[{\"role\":\"system\",\"content\":");
    (void)put_string(text, or_str_z(p->system));
    or_buf_put_z(text, "},");
    or_buf_put(text, m->value.ptr + 1, m->value.len - 1);
    add(e, OR_STR("messages"), or_str_of(text->ptr + at, text->len - at));
}

/* Bytes of all made values, so that their buffer never moves. */
static size_t text_need(const conf_preset *p, const facts *f)
{
    const or_json_member *m = facts_member(f, OR_STR("messages"));
    size_t need = 6 * ((p->model != NULL ? strlen(p->model) : 0) +
                       (f->request.num_models > 0 ? f->request.models[0].len : 0)) + 64;
    if (p->system != NULL && m != NULL) need += 6 * strlen(p->system) + m->value.len + 64;
    return need;
}

or_err preset_apply(const conf_preset *p, const facts *f, or_buf *out)
{
    static edits  e; /* large; nobody else runs meanwhile */
    static or_str pieces[MAX_PIECES];
    uint32_t      num = 0;
    or_buf        text;
    size_t        need = text_need(p, f);
    e.num = 0;
    or_buf_init_growing(&text, out->allocator, need);
    if (or_buf_reserve(&text, need) != OR_OK) return text.err;
    if (facts_member(f, OR_STR("preset")) != NULL) add(&e, OR_STR("preset"), or_str_of(NULL, 0));
    add_model(&e, p, f, &text);
    add_system(&e, p, f, &text);
    add_missing(&e, p, f);
    or_err err = text.err;
    if (err == OR_OK)
        err = or_json_splice(f->body, f->members, f->num_members, e.list, e.num, pieces, MAX_PIECES,
                             &num);
    for (uint32_t i = 0; i < num && err == OR_OK; i++) err = or_buf_put_str(out, pieces[i]);
    or_buf_free(&text);
    return err;
}
