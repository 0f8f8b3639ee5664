#include "proxy/conf_back.h"

#include <string.h>

static origin at_place(const conf_place *p, conf_error *e)
{
    return (origin){p->where == NULL ? "" : p->where, e, 0, NULL, false};
}

static or_str host_of(const char *url)
{
    or_url u;
    return or_url_read(or_str_z(url), &u) == OR_OK ? u.authority : or_str_z(NULL);
}

static bool is_at(const provider_facts *row, or_str host)
{
    return !row->local && row->base_url != NULL && or_str_eq_nocase(host, host_of(row->base_url));
}

/* A URL as its path and, with '?', its query. */
static or_str query_of(or_str url)
{
    size_t n = or_str_find(url, OR_STR("?"), 0);
    return or_str_of(url.ptr + n, url.len - n);
}

/* Google's host speaks two dialects; the address tells which. */
static bool is_compatible(const char *url)
{
    or_str text = or_str_z(url);
    text.len -= query_of(text).len;
    return or_str_find(text, OR_STR("/openai"), 0) < text.len;
}

/* Where the settings say no kind: who is at that address speaks another dialect only. */
static provider_kind kind_of(const conf_provider *p)
{
    unsigned              num;
    const provider_facts *rows = provider_rows(&num);
    if (p->kind_given || p->base_url == NULL) return p->kind;
    if (p->kind == PROVIDER_GEMINI && is_compatible(p->base_url)) return PROVIDER_OPENAI;
    for (unsigned i = 0; i < num && provider_find(p->name)->name[0] == 0; i++)
        if (rows[i].dialect != OR_DIALECT_CHAT && is_at(&rows[i], host_of(p->base_url)))
            return is_compatible(p->base_url) ? PROVIDER_OPENAI : rows[i].kind;
    return p->kind;
}

/* How the provider deviates: its name says it, else its address, else its kind. */
static const provider_facts *facts_of(const conf_provider *p)
{
    unsigned              num;
    const provider_facts *rows = provider_rows(&num), *f = provider_find(p->name);
    const char           *urls[] = {p->base_url, f->base_url}; /* the latter behind a gateway */
    if (f->name[0] != 0 && f->kind == p->kind) return f;
    for (unsigned i = 0; i < 2 * num; i++) {
        const char *url = urls[i / num];
        if (url != NULL && rows[i % num].kind == p->kind && is_at(&rows[i % num], host_of(url)))
            return &rows[i % num];
    }
    for (const choice *k = conf_kinds; k->name != NULL; k++)
        if (k->value == (unsigned)p->kind && p->kind != PROVIDER_OPENAI)
            return provider_find(k->name);
    return provider_find("");
}

/* A well-known name with a kind that is not its own: the key is not for the kind's address. */
static const char *standard_url(const conf_provider *p)
{
    const provider_facts *named = provider_find(p->name);
    if (p->facts->base_url == NULL || named->base_url == NULL) return p->facts->base_url;
    return or_str_eq_nocase(host_of(named->base_url), host_of(p->facts->base_url))
               ? p->facts->base_url
               : NULL;
}

static bool cut_end(or_str *text, const char *end)
{
    size_t n = strlen(end);
    if (text->len < n || memcmp(text->ptr + text->len - n, end, n) != 0) return false;
    text->len -= n;
    return true;
}

/* The method of a model, as Google's examples show it: ".../v1beta/models/ID:generateContent". */
static bool cut_method(or_str *path)
{
    static const char *const methods[] = {":generateContent", ":streamGenerateContent",
                                          ":countTokens"};
    static const char *const models[] = {"/v1beta/models/", "/v1/models/"};
    or_str                   left = *path;
    bool                     found = false;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0] && !found; i++)
        found = cut_end(&left, methods[i]);
    for (size_t i = 0; i < sizeof models / sizeof models[0] && found; i++) {
        size_t n = or_str_find(left, or_str_z(models[i]), 0);
        if (n == left.len) continue;
        path->len = n;
        return true;
    }
    return false;
}

/* What people copy at the end of an address, longest first, for each kind that has it. */
static const struct {
    provider_kind kind;
    const char   *end;
} ends[] = {
    {PROVIDER_ANTHROPIC, "/v1/messages/count_tokens"},
    {PROVIDER_ANTHROPIC, "/v1/messages"},
    {PROVIDER_ANTHROPIC, "/v1/models"},
    {PROVIDER_ANTHROPIC, "/v1/chat/completions"},
    {PROVIDER_ANTHROPIC, "/v1"},
    {PROVIDER_GEMINI, "/v1beta/openai/chat/completions"},
    {PROVIDER_GEMINI, "/v1beta/openai"},
    {PROVIDER_GEMINI, "/v1beta/models"},
    {PROVIDER_GEMINI, "/v1beta"},
    {PROVIDER_GEMINI, "/v1"},
    {PROVIDER_OLLAMA, "/v1/chat/completions"},
    {PROVIDER_OLLAMA, "/v1"},
};

static void cut_slashes(or_str *path)
{
    while (cut_end(path, "/")) continue;
}

/* The path without what belongs to a request. True: it was that of a request, and so is its
   query. */
static bool tidy_path(or_str *path, provider_kind kind)
{
    cut_slashes(path);
    bool request = kind == PROVIDER_GEMINI && cut_method(path);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0] && !request; i++)
        if (ends[i].kind == kind && cut_end(path, ends[i].end)) break;
    cut_slashes(path);
    (void)cut_end(path, "/chat/completions");
    cut_slashes(path);
    return request;
}

/* People copy addresses with a slash, or with the path of a request, at the end. */
static bool tidy_base_url(conf *c, conf_provider *p, const origin *o)
{
    char   mem[CONF_MAX_LINE];
    or_buf tidy;
    or_str url = or_str_z(p->base_url), query = query_of(url), path = url;
    path.len -= query.len;
    bool request = tidy_path(&path, p->kind);
    if (path.len + query.len == url.len) return true;
    or_buf_init(&tidy, mem, sizeof mem);
    or_buf_put_str(&tidy, path);
    if (!request) or_buf_put_str(&tidy, query);
    if (tidy.err != OR_OK) return conf_fail(o, "provider %s: its base_url is too long", p->name);
    p->base_url = conf_keep(c, or_buf_str(&tidy), o);
    return p->base_url != NULL;
}

/* given: as the settings have it, for the error. */
static bool check_base_url(const conf_provider *p, const char *given, const origin *o)
{
    or_url url;
    if (or_url_read(or_str_z(p->base_url), &url) != OR_OK)
        return conf_fail(o,
                         "provider %s: \"%s\" is not an http or https URL: use e.g. "
                         "https://host/v1",
                         p->name, given);
    if (url.query.ptr == NULL) return true;
    bool version = url.query.len > 12 && memcmp(url.query.ptr, "api-version=", 12) == 0;
    if (p->kind == PROVIDER_AZURE && version) return true;
    return conf_fail(o,
                     "provider %s: \"%s\" has a query: only ?api-version=... of kind azure can be "
                     "there",
                     p->name, given);
}

/* Is it the one of that name, in whatever way it is asked? */
static bool is_named(const conf_provider *p)
{
    return strcmp(provider_find(p->name)->title, p->facts->title) == 0 && p->facts->title[0] != 0;
}

/* Another one, whose base URL is known. */
static const char *nearest_provider(const char *name)
{
    const char           *names[64];
    unsigned              num, n = 0;
    const provider_facts *list = provider_rows(&num);
    for (unsigned i = 0; i < num && n < sizeof names / sizeof names[0]; i++)
        if (list[i].name[0] != 0 && strcmp(list[i].name, name) != 0) names[n++] = list[i].name;
    return conf_nearest(name, names, n);
}

static bool finish_provider(conf *c, conf_provider *p, conf_error *e)
{
    const origin o = at_place(&p->place, e);
    p->kind = kind_of(p);
    p->facts = facts_of(p);
    if (p->title == NULL) p->title = is_named(p) ? provider_find(p->name)->title : p->name;
    if (p->kind == PROVIDER_DEMO) return true;
    if (p->base_url == NULL) p->base_url = standard_url(p);
    if (p->base_url == NULL && p->kind == PROVIDER_AZURE)
        return conf_fail(&o,
                         "provider %s has no base_url, e.g. "
                         "https://RESOURCE.openai.azure.com",
                         p->name);
    if (p->base_url == NULL) {
        const char *nearest = nearest_provider(p->name);
        return conf_fail(&o, "provider %s has no base_url, e.g. https://host/v1%s%s%s", p->name,
                         nearest != NULL ? ": did you mean [provider " : "",
                         nearest != NULL ? nearest : "", nearest != NULL ? "]?" : "");
    }
    const char *given = p->base_url;
    return tidy_base_url(c, p, &o) && check_base_url(p, given, &o);
}

static bool no_such_provider(const conf *c, const or_endpoint *offer, const origin *o)
{
    const char *names[CONF_MAX_PROVIDERS], *nearest;
    char        name[CONF_MAX_NAME + 1];
    for (unsigned i = 0; i < c->num_providers; i++) names[i] = c->providers[i].name;
    nearest =
        conf_nearest(conf_name_of(offer->provider, name, sizeof name), names, c->num_providers);
    if (nearest != NULL)
        return conf_fail(
            o,
            "endpoint \"%s\" of provider \"%s\", which is not configured: did you mean "
            "\"%s\"?",
            offer->model.ptr, name, nearest);
    return conf_fail(
        o, "endpoint \"%s\" of provider \"%s\", which is not configured: add [provider %s]",
        offer->model.ptr, name, name);
}

static bool finish_endpoint(conf *c, conf_endpoint *x, conf_error *e)
{
    const origin         o = at_place(&x->place, e);
    or_endpoint         *offer = &x->offer;
    const conf_provider *p = conf_find_provider(c, offer->provider.ptr);
    if (p == NULL) return no_such_provider(c, offer, &o);
    offer->target = (uint16_t)(p - c->providers);
    offer->provider_name = or_str_z(p->title);
    if (offer->tag.ptr == NULL) offer->tag = offer->provider;
    if (offer->upstream_model.ptr == NULL) offer->upstream_model = offer->model;
    if (offer->region.ptr == NULL) offer->region = or_str_z(p->region);
    if (offer->weight == 0) offer->weight = p->weight;
    if (offer->quantization == OR_QUANT_UNKNOWN) offer->quantization = p->quantization;
    if (offer->collects_data == OR_UNKNOWN) offer->collects_data = p->collects_data;
    if (offer->zdr == OR_UNKNOWN) offer->zdr = p->zdr;
    return true;
}

/* Spending that was forgotten at a restart would be no limit. */
static bool check_limits(const conf *c, const conf_limits *l, const conf_place *p, const char *what,
                         const char *name, conf_error *e)
{
    const origin o = at_place(p, e);
    if (l->limit_pico_usd < 0 && l->limit_reset != OR_WINDOW_NONE)
        return conf_fail(&o, "%s%s: limit_reset goes with a limit: add limit = USD", what, name);
    if (l->limit_pico_usd >= 0 && c->state == NULL)
        return conf_fail(&o,
                         "%s%s: limit needs a folder to keep what was spent over a restart: add "
                         "state = FOLDER at the top",
                         what, name);
    return true;
}

static bool finish_scopes(conf *c, const conf_scope *list, unsigned num, const char *what,
                          conf_error *e)
{
    for (unsigned i = 0; i < num; i++) {
        conf_scope  *s = (conf_scope *)(uintptr_t)&list[i];
        const origin o = at_place(&s->place, e);
        if (!check_limits(c, &s->limits, &s->place, what, s->name, e)) return false;
        if (s->num_match > 0) continue;
        or_str *only = conf_room(c, sizeof *only, &o);
        if (only == NULL) return false;
        *only = or_str_z(s->name);
        s->match = only;
        s->num_match = 1;
    }
    return true;
}

static bool check_ledger(conf *c, const origin *o)
{
    or_url url;
    if (c->ledger_totals && c->kept->sync_given && c->ledger_sync == 0)
        return conf_fail(o, "ledger_sync = each goes with ledger = full: with totals give the time "
                            "between two lines, such as 15m");
    if (c->ledger_totals && c->ledger_sync == 0) c->ledger_sync = 15 * MINUTE;
    if (c->prepaid == OR_YES && c->state == NULL)
        return conf_fail(o, "prepaid needs a folder to keep credits in: add state = FOLDER");
    if (c->alert_webhook != NULL && or_url_read(or_str_z(c->alert_webhook), &url) != OR_OK)
        return conf_fail(o, "alert_webhook is \"%s\": use an http or https URL", c->alert_webhook);
    return check_limits(c, &c->organization, &c->kept->fixed[ORGANIZATION], "organization", "",
                        o->e);
}

/* Two clients with one key could not be told apart, and a client with the management key would
   be no client. */
static bool check_key(const conf *c, unsigned i, conf_error *e)
{
    const conf_key *k = &c->keys[i];
    const origin    o = at_place(&k->place, e);
    if (!k->has_hash)
        return conf_fail(&o, "key %s has no key: add key = env:NAME or file:PATH", k->name);
    if (!check_limits(c, &k->limits, &k->place, "key ", k->name, e)) return false;
    if (k->preset != NULL && conf_find_preset(c, or_str_z(k->preset)) == NULL)
        return conf_fail(&o, "key %s: there is no [preset %s]", k->name, k->preset);
    if (conf_missing(c) != NULL) return true; /* secrets cannot be compared */
    if (c->has_management_key && memcmp(k->hash, c->management_hash, sizeof k->hash) == 0)
        return conf_fail(&o, "key %s is the management_key: clients need one of their own",
                         k->name);
    for (unsigned j = 0; j < i; j++)
        if (memcmp(k->hash, c->keys[j].hash, sizeof k->hash) == 0)
            return conf_fail(&o,
                             "keys %s and %s are the same secret: each client needs one of its own",
                             c->keys[j].name, k->name);
    return true;
}

bool conf_finish(conf *c, conf_error *e)
{
    const origin o = {"", e, 0, NULL, false};
    if (c->num_providers == 0 &&
        !conf_fail(&o, "no provider: set OPENROUTER_API_KEY, give --upstream URL, or try --demo") &&
        !conf_forgives(c, e))
        return false;
    if (c->num_listen == 0 && !conf_add_listen(c, "127.0.0.1:8787", &o)) return false;
    for (unsigned i = 0; i < c->num_providers; i++)
        if (!finish_provider(c, &c->providers[i], e)) return false;
    for (unsigned i = 0; i < c->num_endpoints; i++)
        if (!finish_endpoint(c, (conf_endpoint *)(uintptr_t)&c->endpoints[i], e)) return false;
    for (unsigned i = 0; i < c->num_keys; i++)
        if (!check_key(c, i, e)) return false;
    if (!check_ledger(c, &o) || !finish_scopes(c, c->apps, c->num_apps, "app ", e) ||
        !finish_scopes(c, c->users, c->num_users, "user ", e))
        return false;
    if (c->unknown_price == CONF_PRICE_CEILING &&
        !(c->kept->has_ceiling_prompt && c->kept->has_ceiling_completion))
        return conf_fail(&o, "unknown_price = ceiling needs price_ceiling_prompt and "
                             "price_ceiling_completion, in USD for a million tokens");
    return true;
}
