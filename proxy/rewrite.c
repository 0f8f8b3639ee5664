#include "proxy/rewrite.h"

#include <stdio.h>
#include <string.h>

#include "proxy/fetch.h"
#include "proxy/mem.h"
#include "proxy/preset.h"

enum {
    MAX_EDITS = FACTS_MAX_MEMBERS + 16,
    MAX_PIECES = 6 * MAX_EDITS + 2,
    MAX_FIELD = 1024,                     /* longer fields of the client are not sent on */
    MAX_HEAD = 16 * 1024,
    MAX_IGNORED = 256,                    /* providers that the owner and a request ignore */
    COPY = 64 * 1024 /* bodies up to this size are sent in one piece with their head */
};

/* Members that only OpenRouter knows, or that are ours. Other providers refuse them or
   misunderstand them. */
static const char *const of_openrouter[] = {
    "models",          "provider",     "plugins",           "route",
    "transforms",      "usage",        "session_id",        "trace",
    "preset",          "debug",        "include_reasoning", "reasoning",
    "top_a",           "image_config", "x_search_filter",   "stop_server_tools_when",
    "max_tool_calls",  "cache_control", "prompt_cache_options", "structured_outputs",
    NULL,
};

/* Of these the ones that are about routing: all that is taken out of bodies that are passed
   through, which we do not know better than their clients. */
static const char *const of_routing[] = {"models",     "provider", "plugins", "route",
                                         "transforms", "preset",   "session_id", "trace",
                                         "debug",      "fallbacks", NULL};

/* Whom to ask next: that is decided here, by what a key may use. */
static const char *const of_models[] = {"models", "route", "fallbacks", NULL};

/* What of the first list is for the model, so that it is missed. */
static const char *const missed[] = {"top_a", "image_config", "x_search_filter", NULL};

static void miss(or_dialect_loss *loss, const char *name)
{
    for (uint32_t i = 0; i < loss->num; i++)
        if (strcmp(loss->names[i], name) == 0) return;
    if (loss->num < OR_DIALECT_MAX_LOSSES) loss->names[loss->num++] = name;
}

/* The edits of one attempt. */
typedef struct edits {
    or_json_edit list[MAX_EDITS];
    uint32_t     num;
    or_buf       text; /* values that were made for it */
    or_err       err;
} edits;

static bool is_edited(const edits *e, or_str name)
{
    for (uint32_t i = 0; i < e->num; i++)
        if (or_str_eq(e->list[i].name, name)) return true;
    return false;
}

static void edit(edits *e, or_str name, or_str value)
{
    if (is_edited(e, name)) return;
    if (e->num == MAX_EDITS) {
        e->err = OR_ERR_TOKENS;
        return;
    }
    e->list[e->num].name = name;
    e->list[e->num++].value = value;
}

static void drop(edits *e, or_str name)
{
    edit(e, name, or_str_of(NULL, 0));
}

/* A JSON string; its text stays where it is as long as `text` does not grow, so room for all
   of them was reserved. */
static or_str string_of(edits *e, or_str value)
{
    or_json_writer w;
    size_t         at = e->text.len;
    or_json_writer_init(&w, &e->text);
    or_json_put_str(&w, value);
    if (or_json_writer_end(&w) != OR_OK) e->err = or_json_writer_end(&w);
    return or_str_of(e->text.ptr + at, e->text.len - at);
}

static const or_json_member *member(const rewrite *r, or_str name)
{
    return or_json_member_find(r->members, r->num_members, name, NULL);
}

static or_str number_of(edits *e, uint64_t value)
{
    size_t at = e->text.len;
    or_buf_put_u64(&e->text, value);
    return or_str_of(e->text.ptr + at, e->text.len - at);
}

/* ---- names of models ---- */

/* "model", unless the client wrote that name already. */
static void edit_model(edits *e, const rewrite *r, or_str name)
{
    const or_json_member *m = member(r, OR_STR("model"));
    if (m != NULL && m->type == OR_JSON_STRING &&
        or_json_str_is(or_str_of(m->value.ptr + 1, m->value.len - 2), name))
        return;
    edit(e, OR_STR("model"), string_of(e, name));
}


/* The part of a requested name behind the first colon that is about routing, for a provider
   that routes itself. */
static or_str routing_suffix(or_str name)
{
    size_t colon = or_str_find(name, OR_STR(":"), 0);
    return or_str_of(name.ptr + colon, name.len - colon);
}

or_str rewrite_model(const rewrite *r, const or_candidate *c)
{
    const or_endpoint *e = &r->d->m->catalogue.endpoints[c->endpoint];
    return e->upstream_model.ptr != NULL ? e->upstream_model : e->model;
}

/* The same with the variants that OpenRouter has to see, such as ":online". */
static void name_for_router(edits *e, const rewrite *r, const or_candidate *c)
{
    or_str base = rewrite_model(r, c), suffix = routing_suffix(r->d->request.models[c->model]);
    or_variants v;
    or_endpoint none = {.model = OR_STR_INIT("")};
    or_catalogue empty = {NULL, 0, NULL, 0, NULL};
    char        mem[300];
    or_buf      name;
    (void)or_route_model_is(r->d->request.models[c->model], &empty, &none, &v);
    const or_endpoint *offer = &r->d->m->catalogue.endpoints[c->endpoint];
    bool routing = offer->router && (v.online || v.nitro || v.floor || v.sort != OR_SORT_DEFAULT);
    or_buf_init(&name, mem, sizeof mem);
    or_buf_put_str(&name, or_str_of(base.ptr, or_str_find(base, OR_STR(":"), 0)));
    or_buf_put_str(&name, suffix);
    bool with = routing && or_str_find(base, suffix, 0) == base.len;
    if (!with) {
        or_buf_clear(&name);
        or_buf_put_str(&name, base);
    }
    if (r->f->preset.len == 0 && r->d->preset.len > 0) /* one of OpenRouter's, behind the name */
        or_buf_put_str(&name, or_str_of(r->d->preset.ptr + preset_model(r->d->preset).len,
                                        r->d->preset.len - preset_model(r->d->preset).len));
    edit_model(e, r, name.err == OR_OK ? or_buf_str(&name) : base);
}

/* ---- what both kinds of providers get ---- */

/* Drop a member that is in a list, which ends with NULL, by whatever escapes it is written. */
static void drop_listed(edits *e, const char *const *list, or_str name)
{
    for (; list != NULL && *list != NULL; list++)
        if (or_json_str_is_z(name, *list)) drop(e, or_str_z(*list));
}

static bool has_number(const rewrite *r, or_str name)
{
    const or_json_member *m = member(r, name);
    return m != NULL && m->type == OR_JSON_NUMBER;
}

/* Models refuse to be asked for more than they can. */
static uint64_t key_limit(const rewrite *r, const or_candidate *c)
{
    uint32_t most = r->d->m->catalogue.endpoints[c->endpoint].max_completion_tokens;
    return most > 0 && most < r->d->max_tokens ? most : r->d->max_tokens;
}

/* What a limit is called where the body is in that dialect; absent: there is none. */
static or_str limit_name(const rewrite *r)
{
    if (r->wire == OR_DIALECT_RESPONSES) return OR_STR("max_output_tokens");
    if (r->f->kind == FACTS_EMBEDDINGS || (r->other && r->wire != OR_DIALECT_MESSAGES))
        return or_str_of(NULL, 0);
    return OR_STR("max_tokens");
}

/* The limit of a key; and of two that were given the smaller, since that one was checked. */
static void limit_tokens(edits *e, const rewrite *r, const or_candidate *c)
{
    or_str names[2] = {OR_STR("max_tokens"), OR_STR("max_completion_tokens")};
    or_str name = limit_name(r);
    if (r->d->max_tokens > 0 && name.ptr != NULL) edit(e, name, number_of(e, key_limit(r, c)));
    if (!r->d->limited && (r->d->key == NULL || r->d->key->max_tokens == 0)) return;
    if (!has_number(r, names[0]) || !has_number(r, names[1])) return;
    for (int i = 0; i < 2; i++) edit(e, names[i], number_of(e, r->d->request.max_tokens));
}

/* ---- OpenRouter ---- */

/* What both admit; where that is nothing, the word that admits nothing. */
static uint32_t both_quantizations(const or_prefs *p, const or_prefs *policy)
{
    uint32_t both = p->quantizations & policy->quantizations;
    return both != 0 ? both : 1u << OR_QUANT_NUM;
}

static void keep_lower(or_price_list *p, const or_price_list *policy)
{
    for (int key = 0; key < OR_PRICE_NUM; key++) {
        bool told = (p->known >> key & 1) != 0;
        if ((policy->known >> key & 1) == 0 || (told && p->pico[key] <= policy->pico[key])) continue;
        or_price_set(p, (or_price_key)key, policy->pico[key]);
    }
}

/* Whom either ignores. The owner's come first: those of a request are beyond the end first. */
static void join_ignored(or_prefs *p, const or_prefs *policy, or_str *list, uint32_t max)
{
    uint32_t num = 0;
    if (policy->num_ignore == 0) return;
    for (uint32_t i = 0; i < policy->num_ignore && num < max; i++) list[num++] = policy->ignore[i];
    for (uint32_t i = 0; i < p->num_ignore && num < max; i++) list[num++] = p->ignore[i];
    p->ignore = list;
    p->num_ignore = num;
}

/* Its own routing has to keep the owner's rules too. */
static void add_provider(edits *e, const rewrite *r, const or_candidate *c)
{
    const or_route_request *q = &r->d->request;
    const or_prefs         *policy = q->policy;
    or_prefs                p = q->prefs;
    or_str                  ignored[MAX_IGNORED];
    or_json_writer          w;
    size_t                  at = e->text.len;
    const or_endpoint *offer = &r->d->m->catalogue.endpoints[c->endpoint];
    const conf_provider *whose = &r->d->m->settings->providers[offer->target];
    bool pinned = whose->kind == PROVIDER_OPENROUTER && !offer->router;
    if (policy == NULL && !pinned) return;
    if (policy != NULL) {
        p.deny_data_collection |= policy->deny_data_collection;
        p.zdr |= policy->zdr;
        p.distillable_text |= policy->distillable_text;
        p.require_parameters |= policy->require_parameters;
        if (policy->quantizations != 0)
            p.quantizations = p.quantizations == 0 ? policy->quantizations
                                                   : both_quantizations(&p, policy);
        keep_lower(&p.max_price, &policy->max_price);
        join_ignored(&p, policy, ignored, sizeof ignored / sizeof ignored[0]);
    }
    if (p.sort > OR_SORT_EXACTO) p.sort = OR_SORT_DEFAULT; /* the others are ours */
    if (pinned) { /* one endpoint behind it: the choice was made here */
        p.only = &offer->tag;
        p.num_only = 1;
        p.num_order = p.num_ignore = 0;
        p.sort = OR_SORT_DEFAULT;
        p.no_fallbacks = true;
    }
    or_json_writer_init(&w, &e->text);
    or_prefs_write(&w, &p);
    edit(e, OR_STR("provider"), or_str_of(e->text.ptr + at, e->text.len - at));
}

static void edit_for_router(edits *e, const rewrite *r, const or_candidate *c)
{
    name_for_router(e, r, c);
    for (uint32_t i = 0; i < r->num_members; i++) drop_listed(e, of_models, r->members[i].name);
    add_provider(e, r, c);
    if (r->session.len > 0 && r->f->session_id.len == 0)
        edit(e, OR_STR("session_id"), string_of(e, r->session));
    limit_tokens(e, r, c);
}

/* ---- direct providers ---- */

/* The limit under the one name that is known; of two the smaller. */
static void name_limit(edits *e, const rewrite *r, const or_candidate *c,
                       const provider_facts *known)
{
    or_str                old_name = OR_STR("max_tokens"), new_name = OR_STR("max_completion_tokens");
    const or_json_member *old = member(r, old_name), *new = member(r, new_name);
    bool                  has_old = old != NULL && old->type == OR_JSON_NUMBER;
    bool                  has_new = new != NULL && new->type == OR_JSON_NUMBER;
    or_str                name = has_new ? new_name : old_name;
    if (known->cap == PROVIDER_CAP_TOKENS) name = old_name;
    if (known->cap == PROVIDER_CAP_COMPLETION) name = new_name;
    if (r->d->max_tokens > 0) /* none was asked for, or 0 */
        edit(e, name, number_of(e, key_limit(r, c)));
    else if (!has_old && !has_new)
        return;
    else if (has_old && has_new)
        edit(e, name, number_of(e, r->d->request.max_tokens));
    else
        edit(e, name, has_new ? new->value : old->value);
    drop(e, or_str_eq(name, old_name) ? new_name : old_name);
}

/* A budget of tokens in words; absent: no number. */
static or_str effort_of(const or_json_member *budget)
{
    uint64_t n;
    if (budget == NULL || or_u64_read(budget->value, &n) != OR_OK) return or_str_of(NULL, 0);
    return n < 2048 ? OR_STR("\"low\"") : n < 8192 ? OR_STR("\"medium\"") : OR_STR("\"high\"");
}

/* reasoning.effort is reasoning_effort in OpenAI's words, which have none for a budget. */
static void name_effort(edits *e, const rewrite *r)
{
    or_json_member        members[16];
    uint32_t              num = 0;
    const or_json_member *m = member(r, OR_STR("reasoning"));
    if (m == NULL || m->type != OR_JSON_OBJECT) return;
    if (member(r, OR_STR("reasoning_effort")) != NULL) return;
    if (or_json_members(m->value, members, 16, &num, NULL) != OR_OK) return;
    const or_json_member *effort = or_json_member_find(members, num, OR_STR("effort"), NULL);
    or_str budget = effort_of(or_json_member_find(members, num, OR_STR("max_tokens"), NULL));
    const or_json_member *on = or_json_member_find(members, num, OR_STR("enabled"), NULL);
    if (effort != NULL && effort->type == OR_JSON_STRING)
        edit(e, OR_STR("reasoning_effort"), effort->value);
    else if (budget.ptr != NULL)
        edit(e, OR_STR("reasoning_effort"), budget);
    else if (on != NULL && on->type == OR_JSON_TRUE)
        edit(e, OR_STR("reasoning_effort"), OR_STR("\"medium\""));
}

/* One whose name needs no escapes. */
static void drop_plain(edits *e, or_str name)
{
    if (or_str_find(name, OR_STR("\\"), 0) == name.len) drop(e, name);
}

static void rename_members(edits *e, const rewrite *r, const char *const *pairs)
{
    for (; pairs != NULL && pairs[0] != NULL; pairs += 2) {
        const or_json_member *m = member(r, or_str_z(pairs[0]));
        if (m == NULL) continue;
        drop(e, or_str_z(pairs[0]));
        if (m->type != OR_JSON_NULL) edit(e, or_str_z(pairs[1]), m->value);
    }
}

/* What the model would have got, if this provider knew it. */
static void miss_listed(rewrite *r, const char *const *list, const or_json_member *m)
{
    for (; list != NULL && *list != NULL && m->type != OR_JSON_NULL; list++)
        if (or_json_str_is_z(m->name, *list)) miss(&r->loss, *list);
}

/* A body that passes: what is about routing is ours. */
static void edit_other(edits *e, rewrite *r, const or_candidate *c)
{
    limit_tokens(e, r, c);
    for (uint32_t i = 0; i < r->num_members; i++) drop_listed(e, of_routing, r->members[i].name);
    if (r->wire == OR_DIALECT_RESPONSES) edit(e, OR_STR("store"), OR_STR("false")); /* theirs: true */
    if (r->wire != OR_DIALECT_MESSAGES || has_number(r, OR_STR("max_tokens"))) return;
    uint32_t most = r->d->m->catalogue.endpoints[c->endpoint].max_completion_tokens;
    bool     fits = most > 0 && most < OR_COST_DEFAULT_OUTPUT; /* it has to be there */
    edit(e, OR_STR("max_tokens"), number_of(e, fits ? most : OR_COST_DEFAULT_OUTPUT));
}

static void edit_for_direct(edits *e, rewrite *r, const or_candidate *c,
                            const provider_facts *known)
{
    bool chat = r->wire == OR_DIALECT_CHAT && r->f->kind != FACTS_EMBEDDINGS;
    edit_model(e, r, rewrite_model(r, c));
    if (r->other) {
        edit_other(e, r, c);
        return;
    }
    if (chat)
        name_limit(e, r, c, known);
    else
        limit_tokens(e, r, c);
    if (r->f->kind != FACTS_EMBEDDINGS) {
        name_effort(e, r);
        if (r->f->stream && !known->no_stream_options)
            edit(e, OR_STR("stream_options"), OR_STR("{\"include_usage\":true}"));
        else if (member(r, OR_STR("stream_options")) != NULL)
            drop(e, OR_STR("stream_options"));
    }
    const or_json_member *choice = member(r, OR_STR("tool_choice"));
    if (known->any_choice && choice != NULL && or_str_eq(choice->value, OR_STR("\"required\"")))
        edit(e, OR_STR("tool_choice"), OR_STR("\"any\""));
    rename_members(e, r, known->rename);
    for (uint32_t i = 0; i < r->num_members; i++) {
        const or_json_member *m = &r->members[i];
        miss_listed(r, missed, m);
        miss_listed(r, known->drop, m);
        drop_listed(e, of_openrouter, m->name);
        drop_listed(e, known->drop, m->name);
        if (m->type == OR_JSON_NULL || (known->strict && !provider_is_openai_member(m->name)))
            drop_plain(e, m->name);
    }
}

/* ---- head and body ---- */

/* Fields of the client that OpenRouter may see: who the app is, for its rankings, and what it
   answers to. Nothing else of the client's head leaves this machine, but what follows below. */
static void put_client_fields(or_buf *head, const or_http_head *from)
{
    static const char *const names[] = {"HTTP-Referer",        "X-Title",
                                        "X-OpenRouter-Title",  "X-OpenRouter-Categories",
                                        "X-OpenRouter-Metadata", "x-anthropic-beta"};
    for (size_t i = 0; from != NULL && i < sizeof names / sizeof names[0]; i++) {
        or_str value = or_http_field(from, or_str_z(names[i]), NULL);
        if (value.len > 0 && value.len <= MAX_FIELD)
            or_http_put_field(head, or_str_z(names[i]), value);
    }
}

/* What Anthropic's features are switched on by, under the name that each has for it. The version
   is the client's where its own bytes are sent. */
static void put_anthropic_fields(const rewrite *r, provider_kind kind, or_buf *head)
{
    bool   passes = r->wire == r->speaks;
    or_str version = or_str_of(NULL, 0), beta = or_str_of(NULL, 0);
    if (r->client != NULL) {
        beta = or_http_field(r->client, OR_STR("anthropic-beta"), NULL);
        if (beta.len == 0) beta = or_http_field(r->client, OR_STR("x-anthropic-beta"), NULL);
        version = or_http_field(r->client, OR_STR("anthropic-version"), NULL);
    }
    if (!passes || version.len > MAX_FIELD) version = or_str_of(NULL, 0);
    (void)provider_put_version(head, kind, version);
    if (beta.len > 0 && beta.len <= MAX_FIELD)
        or_http_put_field(head, OR_STR("anthropic-beta"), beta);
}

/* Behind a base path that ends in a version. */
static const char *path_of(const rewrite *r)
{
    if (r->f->kind == FACTS_OTHER || r->f->kind == FACTS_EMBEDDINGS) return r->path;
    if (r->wire == OR_DIALECT_TEXT) return "/completions";
    if (r->wire == OR_DIALECT_MESSAGES) return "/messages";
    return r->wire == OR_DIALECT_RESPONSES ? "/responses" : "/chat/completions";
}

static or_err put_target(const rewrite *r, const or_candidate *c, const conf_provider *p,
                         or_buf *target)
{
    const or_endpoint   *e = &r->d->m->catalogue.endpoints[c->endpoint];
    const upstream_host *host = r->d->m->hosts[e->target];
    or_dialect           own = r->wire == p->facts->dialect ? r->wire : OR_DIALECT_CHAT;
    return provider_put_target(target, p->kind, upstream_base_path(host), upstream_query(host), own,
                               or_str_z(path_of(r)), rewrite_model(r, c), r->f->stream);
}

static or_err put_head(const rewrite *r, const or_candidate *c, unsigned key, or_buf *out,
                       uint64_t length)
{
    char                 mem[2048];
    or_buf               target;
    const or_endpoint   *e = &r->d->m->catalogue.endpoints[c->endpoint];
    const conf_provider *p = &r->d->m->settings->providers[e->target];
    bool                 router = provider_is_openrouter(p->kind);
    or_buf_init(&target, mem, sizeof mem);
    or_err err = put_target(r, c, p, &target);
    if (err != OR_OK) return err;
    or_http_put_request(out, OR_STR("POST"), or_buf_str(&target),
                        upstream_authority(r->d->m->hosts[e->target]));
    fetch_put_fields(out, p, key);
    or_http_put_field(out, OR_STR("Accept"),
                      r->f->stream ? OR_STR("text/event-stream, application/json")
                      : r->f->kind == FACTS_OTHER ? OR_STR("*/*")
                                                  : OR_STR("application/json"));
    put_client_fields(out, router ? r->client : NULL);
    if (r->wire == OR_DIALECT_MESSAGES) put_anthropic_fields(r, p->kind, out);
    or_http_put_field(out, OR_STR("Content-Type"), OR_STR("application/json"));
    or_http_put_length(out, length);
    or_http_put_head_end(out);
    return out->err;
}

static size_t total(const or_str *pieces, uint32_t num)
{
    size_t n = 0;
    for (uint32_t i = 0; i < num; i++) n += pieces[i].len;
    return n;
}

/* ---- dialects ---- */

/* By whatever escapes it is written. Longer names mean nothing to anybody. */
static bool is_twice(const or_json_member *list, uint32_t num, or_str name)
{
    char   mem[64];
    or_str plain;
    or_err e = or_json_unescape(name, mem, sizeof mem, &plain);
    if (e == OR_OK) (void)or_json_member_find(list, num, plain, &e);
    return e == OR_ERR_DUPLICATE;
}

or_err rewrite_keep(rewrite *r, or_str body, or_arena *arena, or_str *twice)
{
    or_json_member *list = or_arena_alloc(arena, FACTS_MAX_MEMBERS * sizeof *list);
    if (list == NULL) return OR_ERR_MEMORY;
    or_err e = or_json_members(body, list, FACTS_MAX_MEMBERS, &r->num_own, NULL);
    if (e != OR_OK) return e;
    for (uint32_t i = 0; i < r->num_own; i++) {
        *twice = list[i].name;
        if (is_twice(list, r->num_own, list[i].name)) return OR_ERR_DUPLICATE;
    }
    r->theirs = body;
    r->own = list;
    return OR_OK;
}

bool rewrite_passes(const rewrite *r, const provider_facts *known)
{
    if (r->theirs.ptr == NULL || r->asked.foreign) return false;
    if (r->speaks == OR_DIALECT_MESSAGES) return known->messages;
    return r->speaks == OR_DIALECT_RESPONSES && known->responses;
}

static or_dialect wire_of(const rewrite *r, const or_candidate *c, const provider_facts *known)
{
    if (r->f->kind == FACTS_OTHER || r->f->kind == FACTS_EMBEDDINGS) return OR_DIALECT_CHAT;
    if (rewrite_passes(r, known)) return r->speaks;
    bool text = r->f->kind == FACTS_COMPLETIONS &&
                provider_has_completions(known, rewrite_model(r, c));
    return text ? OR_DIALECT_TEXT : known->dialect;
}

/* A body that was made becomes the one that is edited. */
static or_err take_made(rewrite *r, int i, or_arena *arena)
{
    or_json_member *list = or_arena_alloc(arena, FACTS_MAX_MEMBERS * sizeof *list);
    if (list == NULL) return OR_ERR_MEMORY;
    r->body = or_buf_str(&r->made[i]);
    r->members = list;
    return or_json_members(r->body, list, FACTS_MAX_MEMBERS, &r->num_members, NULL);
}

/* It is not the provider's fault that this cannot be said to it. */
static or_err blame(rewrite *r, or_err e, const char *bad)
{
    if (e == OR_OK || e == OR_ERR_MEMORY || e == OR_ERR_SPACE || e == OR_ERR_ARG) return e;
    r->why = e;
    r->loss.num = 0;
    if (bad != NULL) miss(&r->loss, bad);
    return OR_ERR_DIALECT;
}

/* r->body in that dialect, into made[1]. */
static or_err translate(rewrite *r, const or_candidate *c, or_dialect to, uint32_t lacks)
{
    const or_endpoint *e = &r->d->m->catalogue.endpoints[c->endpoint];
    or_dialect_request q;
    const char        *bad = NULL;
    memset(&q, 0, sizeof q);
    q.body = r->body;
    q.model = rewrite_model(r, c);
    q.max_tokens = (uint32_t)r->d->max_tokens;
    q.output_limit = e->max_completion_tokens;
    q.lacks = lacks;
    or_err err = or_dialect_write(&r->made[1], to, &q, &r->loss, &bad);
    return blame(r, err, bad);
}

/* What is to be edited, and its dialect; *whole: nothing has to be edited any more. */
static or_err choose_body(rewrite *r, const or_candidate *c, const provider_facts *known,
                          or_arena *arena, bool *whole)
{
    bool     passes = rewrite_passes(r, known);
    bool     chat = r->speaks == OR_DIALECT_CHAT || r->speaks == OR_DIALECT_TEXT;
    uint32_t lacks = known->lacks & r->f->lacks;
    or_err   err = OR_OK;
    const char *bad = NULL; /* whose fault it is */
    for (int i = 0; i < 2; i++) {
        or_buf_free(&r->made[i]);
        or_buf_init_growing(&r->made[i], &mem_allocator, SIZE_MAX);
    }
    /* a chat client's own bytes pass; what was translated are another provider's signatures */
    if (!chat && !known->messages && !known->responses) lacks |= OR_LACKS_DETAILS & r->f->lacks;
    *whole = false;
    r->why = OR_ERR_DIALECT;
    r->wire = wire_of(r, c, known);
    r->other = passes || r->f->kind == FACTS_OTHER;
    r->loss = r->asked;
    if (passes) memset(&r->loss, 0, sizeof r->loss);
    r->body = passes ? r->theirs : r->f->body;
    r->members = passes ? r->own : r->f->members;
    r->num_members = passes ? r->num_own : r->f->num_members;
    if (passes) return OR_OK;
    if (r->f->kind == FACTS_OTHER || r->f->kind == FACTS_EMBEDDINGS)
        return known->dialect == OR_DIALECT_CHAT ? OR_OK : blame(r, OR_ERR_DIALECT, NULL);
    if (r->f->kind == FACTS_COMPLETIONS && r->wire != OR_DIALECT_TEXT) {
        err = or_dialect_to_chat(&r->made[0], OR_DIALECT_TEXT, r->body, &r->loss, &bad);
        err = blame(r, err, bad);
        if (err == OR_OK) err = take_made(r, 0, arena);
    }
    if (err != OR_OK || (r->wire == OR_DIALECT_CHAT && lacks == 0) || r->wire == OR_DIALECT_TEXT)
        return err;
    *whole = r->wire != OR_DIALECT_CHAT;
    err = translate(r, c, r->wire, lacks);
    if (err != OR_OK || !*whole) return err != OR_OK ? err : take_made(r, 1, arena);
    r->body = or_buf_str(&r->made[1]);
    r->num_members = 0; /* nobody asks for them */
    return OR_OK;
}

/* The body in pieces that point into the client's, into e and into static text. */
static or_err make_body(rewrite *r, const or_candidate *c, edits *e, or_str *pieces, uint32_t *num)
{
    const or_endpoint   *endpoint = &r->d->m->catalogue.endpoints[c->endpoint];
    const conf_provider *p = &r->d->m->settings->providers[endpoint->target];
    if (provider_is_openrouter(p->kind))
        edit_for_router(e, r, c);
    else
        edit_for_direct(e, r, c, p->facts);
    if (e->err != OR_OK || e->text.err != OR_OK) return e->err != OR_OK ? e->err : e->text.err;
    return or_json_splice(r->body, r->members, r->num_members, e->list, e->num, pieces, MAX_PIECES,
                          num);
}

/* Bytes of values that string_of and its kin may write, so that `text` never moves. */
static size_t text_need(const rewrite *r)
{
    const or_json_member *prefs = member(r, OR_STR("provider"));
    size_t                need = 8192 + 6 * r->session.len;
    if (prefs != NULL) need += 6 * prefs->value.len;
    if (r->d->request.policy != NULL) need += 6 * r->d->m->settings->provider_preferences.len;
    return need;
}

static void forget_head(rewrite *r)
{
    if (r->head != NULL) or_wipe(r->head, r->head_len);
    r->head = NULL;
}

void rewrite_forget(rewrite *r)
{
    forget_head(r);
    for (int i = 0; i < 2; i++) or_buf_free(&r->made[i]);
}

/* Is something left out that the owner wants to be asked for, or not at all? */
static bool is_rejected(const rewrite *r)
{
    return r->loss.num > 0 && r->d->m->settings->on_unsupported == CONF_UNSUPPORTED_REJECT;
}

/* What is thrown away when a request is written: values of members, and its head. */
static or_buf work;

void rewrite_shutdown(void)
{
    or_buf_free(&work);
}

/* Head and body in `out`, which has no byte more than that; or, of a large one, values and head,
   and the body in pieces of these and of what is there. */
static or_err put_request(rewrite *r, const or_candidate *c, unsigned key, or_buf *out, bool whole,
                          or_str *pieces, uint32_t *num, or_buf *body)
{
    static edits e; /* large; nobody else runs meanwhile */
    uint32_t     n = 0;
    size_t       need = text_need(r);
    bool         copied = r->body.len + need <= COPY;
    or_err       err = OR_OK;
    or_buf       head, *to = copied ? &work : out;
    e.num = 0;
    e.err = OR_OK;
    if (work.allocator == NULL) or_buf_init_growing(&work, &mem_allocator, COPY + MAX_HEAD);
    /* to = [ values | head ]: reserved at once, so that nothing moves */
    or_buf_clear(&work);
    if (or_buf_reserve(to, need + MAX_HEAD) != OR_OK) return to->err;
    or_buf_init(&e.text, to->ptr, need);
    if (whole)
        pieces[++n] = r->body;
    else
        err = make_body(r, c, &e, pieces + 1, &n);
    if (err == OR_OK && is_rejected(r)) err = OR_ERR_DIALECT;
    if (err != OR_OK) return err;
    or_buf_init(&head, to->ptr + need, MAX_HEAD);
    err = put_head(r, c, key, &head, total(pieces + 1, n));
    for (uint32_t i = 1; err == OR_OK && body != NULL && i <= n; i++)
        err = or_buf_put_str(body, pieces[i]);
    pieces[0] = or_buf_str(&head);
    if (copied) {
        size_t size = total(pieces, n + 1);
        if (err == OR_OK) err = or_buf_reserve(out, size);
        for (uint32_t i = 0; err == OR_OK && i <= n; i++) err = or_buf_put_str(out, pieces[i]);
        or_wipe(head.ptr, head.len); /* the key is in it */
        pieces[0] = or_buf_str(out);
        n = 0;
    }
    r->head = copied ? out->ptr : head.ptr;
    r->head_len = r->head != NULL ? head.len : 0;
    *num = n + 1;
    return err;
}

or_err rewrite_request(rewrite *r, const or_candidate *c, unsigned key, or_buf *out,
                       or_arena *arena, const or_str **list, uint32_t *num, or_buf *body)
{
    static or_str        pieces[MAX_PIECES + 1];
    const or_endpoint   *e = &r->d->m->catalogue.endpoints[c->endpoint];
    const conf_provider *p = &r->d->m->settings->providers[e->target];
    bool                 whole;
    forget_head(r);
    or_buf_clear(out);
    or_err err = choose_body(r, c, p->facts, arena, &whole);
    if (err == OR_OK) err = put_request(r, c, key, out, whole, pieces, num, body);
    if (err != OR_OK) return err;
    or_str *kept = or_arena_alloc(arena, *num * sizeof *kept);
    if (kept == NULL) return OR_ERR_MEMORY;
    memcpy(kept, pieces, *num * sizeof *kept);
    *list = kept;
    return OR_OK;
}
