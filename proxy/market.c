#include "proxy/market.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proxy/log.h"
#include "proxy/mem.h"

enum {
    MAX_LIST = 16 * 1024 * 1024, /* bytes of a list */
    MAX_OFFERS = 20000,          /* endpoints of sections and lists */
    ADMITTED = 64,               /* models that nobody lists, times providers that take any */
    MAX_ID = 128                 /* bytes of the name of such a model */
};

/* What a provider said last. */
typedef struct list {
    struct list *next;
    or_str       name, base_url; /* whose; behind the struct */
    or_str       model;          /* the endpoints of this model; empty: the list of models */
    or_buf       body;
} list;

/* What a market's pointers point to. */
struct market_memory {
    or_arena     arena;
    or_endpoint *endpoints;
    uint32_t     num, max;
    uint32_t     sections; /* endpoints[0 ...] are the [endpoint]s */
    bool         complete; /* what is added now are slots for models that nobody lists */
    or_alias    *aliases;
    uint32_t     num_aliases, max_aliases;
    uint32_t    *index;    /* of the catalogue */
    uint32_t     used[ADMITTED]; /* when each admitted one was asked for last */
    uint32_t     pins[ADMITTED]; /* requests in work that may go there */
    uint32_t     turn;
    bool         unlisted[CONF_MAX_PROVIDERS]; /* nobody knows what it has */
    char         names[ADMITTED][MAX_ID];
};

static market *current;
static list   *lists;

market *market_now(void)
{
    return current;
}

market *market_hold(market *m)
{
    m->refs++;
    return m;
}

void market_drop(market *m)
{
    if (m == NULL || --m->refs > 0) return;
    for (unsigned i = 0; i < CONF_MAX_PROVIDERS; i++)
        if (m->hosts[i] != NULL) upstream_host_drop(m->hosts[i]);
    if (m->settings != NULL) conf_drop(m->settings);
    if (m->memory != NULL) {
        or_arena_reset(&m->memory->arena);
        mem_free(m->memory, sizeof *m->memory);
    }
    mem_free(m, sizeof *m);
}

static bool fail(char *error, size_t size, const char *what, const char *why)
{
    snprintf(error, size, "%s: %s", what, why);
    return false;
}

/* ---- lists of providers ---- */

/* Named after the address too: another one's models are others. */
static void list_path(char *path, size_t size, const conf *settings, const list *l,
                      const char *suffix)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < l->base_url.len; i++)
        hash = (hash ^ (unsigned char)l->base_url.ptr[i]) * 16777619u;
    snprintf(path, size, "%s/models-%.*s-%08x.json%s", settings->state, (int)l->name.len,
             l->name.ptr, (unsigned)hash, suffix);
}

static bool read_whole(const char *path, or_buf *out)
{
    char    block[16384];
    ssize_t n;
    int     fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    while ((n = read(fd, block, sizeof block)) > 0)
        if (or_buf_put(out, block, (size_t)n) != OR_OK) break;
    close(fd);
    errno = out->err == OR_OK ? errno : EFBIG;
    return n == 0 && out->err == OR_OK;
}

/* A new file in place of the old one, or the old one: never half of it. */
static void save(const conf *settings, const list *l)
{
    char   path[512], part[520];
    or_str left = or_buf_str(&l->body);
    list_path(path, sizeof path, settings, l, "");
    list_path(part, sizeof part, settings, l, ".new");
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (fd >= 0 && left.len > 0) {
        ssize_t n = write(fd, left.ptr, left.len);
        if (n <= 0) break;
        left = or_str_of(left.ptr + n, left.len - (size_t)n);
    }
    bool ok = fd >= 0 && left.len == 0;
    if (fd >= 0 && close(fd) != 0) ok = false;
    if (ok && rename(part, path) == 0) return;
    log_line("cannot keep the list of models in %s: %s", path, strerror(errno));
    if (fd >= 0) unlink(part);
}

static list *find_list(const conf_provider *p, or_str model)
{
    or_str url = or_str_z(p->base_url != NULL ? p->base_url : ""); /* the demo has none */
    for (list *l = lists; l != NULL; l = l->next)
        if (or_str_eq(l->name, or_str_z(p->name)) && or_str_eq(l->base_url, url) &&
            or_str_eq(l->model, model))
            return l;
    return NULL;
}

static list *new_list(const conf_provider *p, or_str model)
{
    size_t name = strlen(p->name), url = p->base_url != NULL ? strlen(p->base_url) : 0;
    list  *l = calloc(1, sizeof *l + name + url + model.len);
    if (l == NULL) return NULL;
    char *text = (char *)(l + 1);
    memcpy(text, p->name, name);
    if (url > 0) memcpy(text + name, p->base_url, url);
    l->name = or_str_of(text, name);
    l->base_url = or_str_of(text + name, url);
    if (model.len > 0) memcpy(text + name + url, model.ptr, model.len);
    l->model = or_str_of(text + name + url, model.len);
    or_buf_init_growing(&l->body, &mem_allocator, MAX_LIST);
    l->next = lists;
    lists = l;
    return l;
}

/* The cached list of an earlier run, once for each provider. */
static list *recall(const conf *settings, const conf_provider *p)
{
    char  path[512];
    list *l = find_list(p, OR_STR(""));
    if (l != NULL || settings->state == NULL || p->base_url == NULL) return l;
    l = new_list(p, OR_STR(""));
    if (l == NULL) return NULL;
    list_path(path, sizeof path, settings, l, "");
    if (!read_whole(path, &l->body) || or_json_check(or_buf_str(&l->body), NULL) != OR_OK)
        or_buf_free(&l->body);
    return l;
}

void market_shutdown(void)
{
    market_drop(current);
    current = NULL;
    while (lists != NULL) {
        list *l = lists;
        lists = l->next;
        or_buf_free(&l->body);
        free(l);
    }
}

/* ---- endpoints from lists ---- */

/* Room for one more in a list of num; NULL: no memory. The old list stays in the arena. */
static void *grown(or_arena *arena, void *place, uint32_t num, uint32_t *max, size_t size)
{
    if (num < *max) return place;
    uint32_t more = *max > 0 ? *max * 2 : 32;
    void    *copy = or_arena_alloc(arena, more * size);
    if (copy == NULL) return NULL;
    if (num > 0) memcpy(copy, place, num * size);
    *max = more;
    return copy;
}

static or_endpoint *add(struct market_memory *mem)
{
    if (mem->num >= MAX_OFFERS && !mem->complete) return NULL;
    or_endpoint *all = grown(&mem->arena, mem->endpoints, mem->num, &mem->max, sizeof *all);
    if (all == NULL) return NULL;
    mem->endpoints = all;
    memset(&mem->endpoints[mem->num], 0, sizeof mem->endpoints[0]);
    return &mem->endpoints[mem->num++];
}

static bool add_alias(struct market_memory *mem, or_str name, or_str model)
{
    or_alias *all =
        grown(&mem->arena, mem->aliases, mem->num_aliases, &mem->max_aliases, sizeof *all);
    if (all == NULL) return false;
    mem->aliases = all;
    mem->aliases[mem->num_aliases].name = name;
    mem->aliases[mem->num_aliases++].model = model;
    return true;
}

/* What every endpoint of a provider has. */
static void describe(or_endpoint *e, const conf *settings, unsigned target)
{
    const conf_provider *p = &settings->providers[target];
    memset(e, 0, sizeof *e);
    e->provider = or_str_z(p->name);
    e->provider_name = or_str_z(p->title);
    e->tag = e->provider;
    e->region = or_str_z(p->region);
    e->quantization = p->quantization;
    e->collects_data = p->collects_data;
    e->zdr = p->zdr;
    e->weight = p->weight;
    e->router = p->kind == PROVIDER_OPENROUTER;
    e->target = (uint16_t)target;
}

/* What was learned of a model's parameters is about the model; a provider that has no words for
   one of them does not take it. */
static void restrict_parameters(or_endpoint *e, const conf_provider *p)
{
    if (!provider_restricts(p->facts)) return;
    uint32_t all = provider_parameters(p->facts);
    e->parameters_at_most = !e->parameters_known;
    e->parameters = e->parameters_known ? e->parameters & all : all;
    e->parameters_known = true;
}

/* Is this model of the provider told by a section? Then the section counts. */
static bool is_told(const conf *settings, unsigned target, or_str model, or_str id)
{
    for (unsigned i = 0; i < settings->num_endpoints; i++) {
        const or_endpoint *e = &settings->endpoints[i].offer;
        if (e->target != target) continue;
        if (or_str_eq_nocase(e->model, model) || or_str_eq_nocase(e->model, id)) return true;
        if (or_str_eq_nocase(e->upstream_model, id)) return true;
    }
    return false;
}

/* What one endpoint of a model does not say is taken from another of the same model. */
static void complete(or_endpoint *e, const or_endpoint *from, bool prices)
{
    if (e->context_length == 0) e->context_length = from->context_length;
    if (e->max_completion_tokens == 0) e->max_completion_tokens = from->max_completion_tokens;
    if (e->input_modalities == 0) e->input_modalities = from->input_modalities;
    if (e->output_modalities == 0) e->output_modalities = from->output_modalities;
    if (!e->parameters_known && from->parameters_known) {
        e->parameters_known = true;
        e->parameters = from->parameters;
    }
    if (prices && e->prices.base.named == 0 && e->prices.num_rules == 0) e->prices = from->prices;
}

/* The section about that model of the provider; NULL. */
static or_endpoint *section_of(struct market_memory *mem, unsigned target, or_str model)
{
    for (uint32_t n = 0; n < mem->sections; n++)
        if (mem->endpoints[n].target == target &&
            or_str_eq_nocase(mem->endpoints[n].model, model))
            return &mem->endpoints[n];
    return NULL;
}

/* Take over what or_catalogue_read made of a list; what is ours to say stays ours. */
static bool add_catalogue(struct market_memory *mem, const or_catalogue *c,
                          const or_endpoint *like)
{
    for (uint32_t i = 0; i < c->num; i++) {
        or_endpoint *told = section_of(mem, like->target, c->endpoints[i].model);
        if (told != NULL) {
            complete(told, &c->endpoints[i], true);
            continue;
        }
        or_endpoint *e = add(mem);
        if (e == NULL) return false;
        *e = c->endpoints[i];
        e->provider = e->tag = like->provider;
        e->provider_name = like->provider_name;
        e->upstream_model = or_str_of(NULL, 0);
        e->disabled = e->byok = false;
        if (like->collects_data != OR_UNKNOWN) e->collects_data = like->collects_data;
        if (like->zdr != OR_UNKNOWN) e->zdr = like->zdr;
        e->router = like->router;
        e->target = like->target;
    }
    for (uint32_t i = 0; i < c->num_aliases; i++)
        if (!add_alias(mem, c->aliases[i].name, c->aliases[i].model)) return false;
    return true;
}

static or_err read_catalogue(struct market_memory *mem, or_str body, const or_endpoint *like,
                             or_catalogue *out)
{
    or_arena scratch;
    or_endpoint defaults = *like;
    memset(out, 0, sizeof *out);
    or_arena_init_growing(&scratch, NULL, 0, &mem_allocator);
    or_err e = or_catalogue_read(out, body, &defaults, &mem->arena, &scratch);
    or_arena_reset(&scratch);
    return e;
}

static or_str copy(struct market_memory *mem, or_str a, or_str b)
{
    char *text = or_arena_alloc(&mem->arena, a.len + b.len + 1);
    if (text == NULL) return or_str_of(NULL, 0);
    if (a.len > 0) memcpy(text, a.ptr, a.len);
    if (b.len > 0) memcpy(text + a.len, b.ptr, b.len);
    return or_str_of(text, a.len + b.len);
}

static or_str text_of(const or_json_doc *doc, or_arena *scratch, const char *pointer)
{
    or_str text;
    if (or_json_get_str(doc, or_json_find(doc, 0, pointer), scratch, &text) != OR_OK)
        text = or_str_of(NULL, 0);
    return text;
}

/* The number of tokens that a list calls by one of many names, which end with NULL. */
static uint32_t tokens_of(const or_json_doc *doc, const char *const *names)
{
    uint64_t n;
    for (; *names != NULL; names++)
        if (or_json_get_u64(doc, or_json_find(doc, 0, *names), &n) == OR_OK && n <= UINT32_MAX)
            return (uint32_t)n;
    return 0;
}

static uint32_t context_of(const or_json_doc *doc)
{
    static const char *const names[] = {
        "/context_length",   "/context_window",   "/max_model_len",   "/max_context_length",
        "/meta/n_ctx_train", "/max_input_tokens", "/inputTokenLimit", NULL};
    return tokens_of(doc, names);
}

/* Only of those whose word for it means nothing else. */
static uint32_t output_of(const or_json_doc *doc, provider_kind kind)
{
    static const char *const anthropic[] = {"/max_tokens", NULL};
    static const char *const gemini[] = {"/outputTokenLimit", NULL};
    if (kind == PROVIDER_ANTHROPIC) return tokens_of(doc, anthropic);
    return kind == PROVIDER_GEMINI ? tokens_of(doc, gemini) : 0;
}

/* Gemini's list has models that only embed, or paint. What is not told is not held against it. */
static bool generates(const or_json_doc *doc, or_arena *scratch, provider_kind kind)
{
    int    methods = or_json_find(doc, 0, "/supportedGenerationMethods");
    or_str text;
    if (kind != PROVIDER_GEMINI || or_json_type_at(doc, methods) != OR_JSON_ARRAY) return true;
    for (int i = or_json_first(doc, methods); i >= 0; i = or_json_next(doc, i))
        if (or_json_get_str(doc, i, scratch, &text) == OR_OK &&
            or_str_eq(text, OR_STR("generateContent")))
            return true;
    return false;
}

/* One entry of a list in OpenAI's, Ollama's or Gemini's shape. An id without an author gets
   its provider's name in front; both names serve. */
static or_err add_entry(struct market_memory *mem, const conf *settings, unsigned target,
                        or_str text)
{
    or_json_doc   doc;
    or_arena      scratch;
    or_str        prefix = OR_STR("models/"), none = or_str_of(NULL, 0);
    provider_kind kind = settings->providers[target].kind;
    or_arena_init_growing(&scratch, NULL, 0, &mem_allocator);
    or_err e = or_json_parse(&doc, text, 0, &scratch);
    or_str id = e == OR_OK ? text_of(&doc, &scratch, "/id") : none;
    if (e == OR_OK && id.len == 0) id = text_of(&doc, &scratch, "/name");
    if (id.len > prefix.len && or_str_eq(or_str_of(id.ptr, prefix.len), prefix))
        id = or_str_of(id.ptr + prefix.len, id.len - prefix.len);
    if (e != OR_OK || id.len == 0 || id.len > MAX_ID || !generates(&doc, &scratch, kind)) {
        or_arena_reset(&scratch);
        return OR_OK; /* one odd entry does not spoil the list */
    }
    or_str       raw = copy(mem, id, none), model = raw;
    or_endpoint *endpoint = NULL;
    if (or_str_find(id, OR_STR("/"), 0) == id.len) {
        or_str author = copy(mem, or_str_z(settings->providers[target].name), OR_STR("/"));
        model = copy(mem, author, id);
    }
    bool told = is_told(settings, target, model, raw);
    if (!told) endpoint = add(mem);
    if (endpoint != NULL) {
        describe(endpoint, settings, target);
        endpoint->model = model;
        endpoint->upstream_model = raw;
        if (model.ptr != raw.ptr) endpoint->canonical = raw;
        endpoint->context_length = context_of(&doc);
        endpoint->max_completion_tokens = output_of(&doc, kind);
    }
    or_arena_reset(&scratch);
    return told || (endpoint != NULL && model.ptr != NULL) ? OR_OK : OR_ERR_MEMORY;
}

/* The elements of the list: of the root, or of its member `data` or `models`. */
static or_err add_entries(struct market_memory *mem, const conf *settings, unsigned target,
                          or_str body)
{
    or_json_scan s;
    or_json_item item;
    or_json_scan_init(&s, body);
    or_err   e = or_json_scan_next(&s, &item);
    unsigned depth = e == OR_OK && item.type == OR_JSON_ARRAY ? 1 : 2;
    bool     inside = depth == 1, found = inside;
    if (e == OR_OK && item.type != OR_JSON_ARRAY && item.type != OR_JSON_OBJECT) e = OR_ERR_TYPE;
    while (e == OR_OK && (e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (item.type == OR_JSON_END) continue;
        if (item.depth == 1 && depth == 2) {
            inside = item.type == OR_JSON_ARRAY && (or_json_str_is(item.key, OR_STR("data")) ||
                                                    or_json_str_is(item.key, OR_STR("models")));
            found = found || inside;
            if (!inside) e = or_json_scan_skip(&s, &item);
            continue;
        }
        e = or_json_scan_skip(&s, &item);
        if (e == OR_OK && item.type == OR_JSON_OBJECT && target < CONF_MAX_PROVIDERS)
            e = add_entry(mem, settings, target, item.value);
    }
    if (e == OR_DONE && !found) e = OR_ERR_TYPE;
    return e == OR_DONE ? OR_OK : e;
}

static bool speaks_openrouter(const conf_provider *p)
{
    return provider_is_openrouter(p->kind);
}

static or_err add_list(struct market_memory *mem, const conf *settings, unsigned target,
                       or_str body)
{
    const conf_provider *p = &settings->providers[target];
    or_endpoint          like;
    or_catalogue         c;
    if (!speaks_openrouter(p)) return add_entries(mem, settings, target, body);
    describe(&like, settings, target);
    or_err e = read_catalogue(mem, body, &like, &c);
    if (e != OR_OK) return e;
    return add_catalogue(mem, &c, &like) ? OR_OK : OR_ERR_MEMORY;
}

/* The endpoints behind a router: each is asked for by its tag. */
static or_err add_endpoints(struct market_memory *mem, const conf *settings, unsigned target,
                            or_str model, or_str body)
{
    or_endpoint  like;
    or_catalogue c;
    describe(&like, settings, target);
    like.router = false;
    or_err e = read_catalogue(mem, body, &like, &c);
    for (uint32_t i = 0; i < c.num && e == OR_OK; i++) {
        const or_endpoint *theirs = &c.endpoints[i];
        if (!or_str_eq(theirs->model, model) || or_str_eq(theirs->tag, like.tag)) continue;
        or_endpoint *ours = add(mem);
        if (ours == NULL) return OR_ERR_MEMORY;
        *ours = *theirs;
        ours->target = like.target;
        ours->router = ours->disabled = ours->byok = false;
        ours->upstream_model = or_str_of(NULL, 0);
    }
    return e;
}

static or_err add_any(struct market_memory *mem, const conf *settings, unsigned target,
                      or_str model, or_str body)
{
    return model.len > 0 ? add_endpoints(mem, settings, target, model, body)
                         : add_list(mem, settings, target, body);
}

static bool learn(const conf *settings, const conf_provider *p, or_str model, or_str body,
                  bool *news, char *error, size_t error_size)
{
    struct market_memory probe = {0};
    unsigned             target = (unsigned)(p - settings->providers);
    list                *l = find_list(p, model);
    or_arena_init_growing(&probe.arena, NULL, 0, &mem_allocator);
    or_err e = add_any(&probe, settings, target, model, body);
    or_arena_reset(&probe.arena);
    if (e != OR_OK)
        return fail(error, error_size, "its list of models cannot be used", or_err_text(e));
    if (l == NULL) l = new_list(p, model);
    if (l == NULL) return fail(error, error_size, "its list of models", "no memory");
    *news = !or_str_eq(or_buf_str(&l->body), body);
    if (!*news) return true;
    or_buf_free(&l->body);
    if (or_buf_put_str(&l->body, body) != OR_OK) {
        or_buf_free(&l->body);
        return fail(error, error_size, "its list of models", "no memory: limits.memory is reached");
    }
    if (settings->state != NULL && p->base_url != NULL && model.len == 0) save(settings, l);
    return true;
}

bool market_learn(const conf *settings, const conf_provider *p, or_str body, bool *news,
                  char *error, size_t error_size)
{
    return learn(settings, p, OR_STR(""), body, news, error, error_size);
}

bool market_learn_endpoints(const conf *settings, const conf_provider *p, or_str model,
                            or_str body, bool *news, char *error, size_t error_size)
{
    return learn(settings, p, model, body, news, error, error_size);
}

/* ---- merging ---- */

static int compare_ids(or_str a, or_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int    order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int compare_endpoints(const void *a, const void *b)
{
    const or_endpoint *x = a, *y = b;
    int                order = compare_ids(x->model, y->model);
    if (order != 0) return order;
    return x->target != y->target ? (x->target < y->target ? -1 : 1)
                                  : compare_ids(x->tag, y->tag);
}

static market_model *find_id(const market *m, or_str id)
{
    uint32_t low = 0, high = m->num_models;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int      order = compare_ids(m->models[middle].id, id);
        if (order == 0) return &m->models[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const market_model *market_find(const market *m, or_str id)
{
    const market_model *exact = find_id(m, id);
    or_catalogue        listed = m->catalogue;
    or_model_search     found;
    if (exact != NULL) return exact;
    listed.num = m->num_listed;
    or_model_search_begin(&found, &listed, id);
    if (!or_model_search_next(&found)) return NULL;
    return find_id(m, listed.endpoints[found.endpoint].model);
}

/* Endpoints of one model side by side, and the list of models. */
static bool group(market *m)
{
    struct market_memory *mem = m->memory;
    if (mem->num > 0) qsort(mem->endpoints, mem->num, sizeof mem->endpoints[0], compare_endpoints);
    m->models = or_arena_alloc(&mem->arena, mem->num * sizeof *m->models);
    if (m->models == NULL) return false;
    for (uint32_t i = 0; i < mem->num; i++) {
        market_model *last = m->num_models > 0 ? &m->models[m->num_models - 1] : NULL;
        if (last == NULL || !or_str_eq(last->id, mem->endpoints[i].model)) {
            last = &m->models[m->num_models++];
            memset(last, 0, sizeof *last);
            last->id = mem->endpoints[i].model;
            last->first = i;
        }
        last->num++;
    }
    return true;
}

/* Remember where each model stands in a list in OpenRouter's shape. */
static void attach_objects(market *m, or_str body)
{
    or_json_scan s;
    or_json_item item;
    or_json_scan_init(&s, body);
    while (or_json_scan_next(&s, &item) == OR_OK) {
        if (item.depth != 2 || item.type != OR_JSON_OBJECT) continue;
        if (or_json_scan_skip(&s, &item) != OR_OK) return;
        or_json_member members[64];
        uint32_t       num = 0;
        or_err         e = or_json_members(item.value, members, 64, &num, NULL);
        const or_json_member *id =
            e == OR_OK ? or_json_member_find(members, num, OR_STR("id"), &e) : NULL;
        if (e != OR_OK || id == NULL || id->type != OR_JSON_STRING) continue;
        market_model *model = find_id(m, or_str_of(id->value.ptr + 1, id->value.len - 2));
        if (model != NULL && model->object.ptr == NULL) model->object = item.value;
    }
}

static bool add_sections(struct market_memory *mem, const conf *settings)
{
    for (unsigned i = 0; i < settings->num_endpoints; i++) {
        or_endpoint *e = add(mem);
        if (e == NULL) return false;
        *e = settings->endpoints[i].offer;
        e->router = settings->providers[e->target].kind == PROVIDER_OPENROUTER;
    }
    mem->sections = mem->num;
    for (unsigned i = 0; i < settings->num_aliases; i++)
        if (!add_alias(mem, settings->aliases[i].name, settings->aliases[i].model)) return false;
    return true;
}

/* Endpoints of direct providers learn from the donors what nobody told of them. */
static void donate(struct market_memory *mem, const or_catalogue *donors, bool prices)
{
    for (uint32_t i = 0; i < mem->num; i++)
        for (uint32_t k = 0; k < donors->num; k++) {
            or_endpoint *e = &mem->endpoints[i];
            if (e->router || !or_str_eq_nocase(e->model, donors->endpoints[k].model)) continue;
            complete(e, &donors->endpoints[k], prices);
            break;
        }
}

/* Last of all, since what others tell goes before; but what a section says, counts. */
static void restrict_all(struct market_memory *mem, const conf *settings)
{
    for (uint32_t i = 0; i < mem->num; i++) {
        or_endpoint *e = &mem->endpoints[i];
        bool         told = i < mem->sections && settings->endpoints[i].offer.parameters_known;
        if (!told && !e->router) restrict_parameters(e, &settings->providers[e->target]);
    }
}

/* The catalogue file: its entries are offers of the OpenRouter provider where there is one, and
   tell what others do not say. */
static bool add_file(market *m, or_buf *body, char *error, size_t error_size)
{
    const conf  *settings = m->settings;
    or_catalogue c;
    or_endpoint  like;
    memset(&like, 0, sizeof like);
    if (settings->catalog == NULL) return true;
    if (!read_whole(settings->catalog, body))
        return fail(error, error_size, settings->catalog, strerror(errno));
    or_err e = read_catalogue(m->memory, or_buf_str(body), &like, &c);
    if (e != OR_OK)
        return fail(error, error_size, settings->catalog,
                    e == OR_ERR_TYPE ? "not in the shape of OpenRouter's GET /models"
                                     : or_err_text(e));
    donate(m->memory, &c, true);
    for (unsigned i = 0; i < settings->num_providers; i++) {
        if (settings->providers[i].kind != PROVIDER_OPENROUTER || m->listed[i]) continue;
        describe(&like, settings, i);
        m->listed[i] = true;
        if (!add_catalogue(m->memory, &c, &like))
            return fail(error, error_size, settings->catalog, "no memory");
    }
    return true;
}

/* ---- statistics, hosts ---- */

static bool carry_statistics(market *m, const market *old)
{
    m->stats = or_arena_alloc(&m->memory->arena, m->catalogue.num * sizeof *m->stats);
    if (m->stats == NULL) return false;
    memset(m->stats, 0, m->catalogue.num * sizeof *m->stats);
    for (uint32_t i = 0; old != NULL && i < m->num_listed; i++) {
        const market_model *same = find_id(old, m->catalogue.endpoints[i].model);
        uint64_t            id = or_endpoint_id(&m->catalogue.endpoints[i]);
        for (uint32_t k = 0; same != NULL && k < same->num; k++) {
            if (or_endpoint_id(&old->catalogue.endpoints[same->first + k]) != id) continue;
            m->stats[i] = old->stats[same->first + k];
            m->stats[i].in_flight = 0; /* those end with the old market */
            m->stats[i].trial = false;
        }
    }
    return true;
}

static bool open_hosts(market *m, const market *old, char *error, size_t error_size)
{
    for (unsigned i = 0; i < m->settings->num_providers; i++) {
        const conf_provider *p = &m->settings->providers[i];
        if (old != NULL && old->settings == m->settings) {
            m->hosts[i] = upstream_host_hold(old->hosts[i]);
            m->next_key[i] = old->next_key[i];
            memcpy(m->key_pause[i], old->key_pause[i], sizeof m->key_pause[i]);
            memcpy(m->key_from[i], old->key_from[i], sizeof m->key_from[i]);
            continue;
        }
        const char *ca = p->ca != NULL ? p->ca : m->settings->ca;
        m->hosts[i] = upstream_host_new(p, ca, error, error_size);
        if (m->hosts[i] == NULL) return false;
    }
    return true;
}

/* ---- secrets of providers ---- */

static bool key_rests(const market *m, unsigned target, unsigned key, uint32_t now_ms)
{
    return now_ms - m->key_from[target][key] < m->key_pause[target][key];
}

unsigned market_take_key(market *m, unsigned target, uint32_t now_ms)
{
    unsigned num = m->settings->providers[target].num_keys;
    if (num < 2) return 0;
    for (unsigned i = 0; i < num; i++) {
        unsigned key = m->next_key[target]++ % num;
        if (!key_rests(m, target, key, now_ms)) return key;
    }
    return m->next_key[target]++ % num;
}

bool market_rest_key(market *m, unsigned target, unsigned key, uint32_t now_ms, uint32_t pause_ms)
{
    unsigned num = m->settings->providers[target].num_keys;
    if (num < 2) return false;
    m->key_from[target][key] = now_ms;
    m->key_pause[target][key] = pause_ms;
    for (unsigned i = 0; i < num; i++)
        if (!key_rests(m, target, i, now_ms)) return true;
    return false;
}

/* ---- models that nobody lists ---- */

/* Does nobody know what it has? */
static bool is_unlisted(const market *m, unsigned target)
{
    const conf_provider *p = &m->settings->providers[target];
    if (m->listed[target] || p->kind == PROVIDER_DEMO) return false;
    for (unsigned i = 0; i < m->settings->num_endpoints; i++)
        if (m->settings->endpoints[i].offer.target == target) return false;
    return true;
}

/* The slot of that model at that provider: its own, or the one that was not asked for longest
   and is not in use. */
static uint32_t slot_for(market *m, unsigned target, or_str model)
{
    struct market_memory *mem = m->memory;
    uint32_t              best = ADMITTED;
    for (uint32_t i = 0; i < ADMITTED; i++) {
        const or_endpoint *e = &mem->endpoints[m->num_listed + i];
        if (!e->disabled && e->target == target && or_str_eq(e->model, model)) return i;
        if (mem->pins[i] > 0 || m->stats[m->num_listed + i].in_flight > 0) continue;
        if (best == ADMITTED || mem->used[i] < mem->used[best]) best = i;
    }
    return best;
}

void market_pin(market *m, uint32_t endpoint)
{
    if (endpoint >= m->num_listed) m->memory->pins[endpoint - m->num_listed]++;
}

void market_unpin(market *m, uint32_t endpoint)
{
    if (endpoint >= m->num_listed) m->memory->pins[endpoint - m->num_listed]--;
}

bool market_is_full(const market *m)
{
    for (uint32_t i = 0; i < ADMITTED; i++)
        if (m->memory->pins[i] == 0) return false;
    return true;
}

static bool make_index(market *m)
{
    size_t num = or_catalogue_index_size(m->catalogue.num);
    m->memory->index = or_arena_alloc(&m->memory->arena, num * sizeof(uint32_t));
    if (m->memory->index == NULL) return false;
    or_catalogue_index(&m->catalogue, m->memory->index);
    return true;
}

unsigned market_admit(market *m, or_str model, bool known)
{
    struct market_memory *mem = m->memory;
    unsigned              num = 0;
    bool                  changed = false;
    if (model.len == 0 || model.len > MAX_ID) return 0;
    for (unsigned target = 0; target < m->settings->num_providers; target++) {
        if (!mem->unlisted[target] && (known || !m->settings->providers[target].any_model)) continue;
        uint32_t i = slot_for(m, target, model);
        if (i == ADMITTED) continue;
        or_endpoint *e = &mem->endpoints[m->num_listed + i];
        mem->used[i] = ++mem->turn;
        num++;
        if (!e->disabled && e->target == target && or_str_eq(e->model, model)) continue;
        describe(e, m->settings, target);
        restrict_parameters(e, &m->settings->providers[target]);
        memcpy(mem->names[i], model.ptr, model.len);
        e->model = or_str_of(mem->names[i], model.len);
        memset(&m->stats[m->num_listed + i], 0, sizeof m->stats[0]);
        changed = true;
    }
    if (changed) or_catalogue_index(&m->catalogue, mem->index);
    return num;
}

static bool add_slots(market *m)
{
    m->num_listed = m->memory->num;
    m->memory->complete = true;
    for (int i = 0; i < ADMITTED; i++) {
        or_endpoint *e = add(m->memory);
        if (e == NULL) return false;
        e->disabled = true;
        e->model = e->provider = OR_STR("");
    }
    return true;
}

/* ---- making one ---- */

static bool read_policy(market *m, char *error, size_t error_size)
{
    or_json_doc doc;
    const char *bad = "";
    or_str      text = m->settings->provider_preferences;
    if (text.ptr == NULL) return true;
    or_err e = or_json_parse(&doc, text, 0, &m->memory->arena);
    if (e == OR_OK) e = or_prefs_read(&doc, 0, &m->memory->arena, &m->policy, &bad);
    return e == OR_OK || fail(error, error_size, "provider_preferences", or_err_text(e));
}

/* What routers told of endpoints behind them, where we are to choose among these. */
static void add_expansions(market *m)
{
    const conf *settings = m->settings;
    for (unsigned i = 0; i < settings->num_providers; i++) {
        const conf_provider *p = &settings->providers[i];
        or_str               url = or_str_z(p->base_url != NULL ? p->base_url : "");
        for (list *l = lists; l != NULL && p->endpoints; l = l->next)
            if (l->model.len > 0 && or_str_eq(l->name, or_str_z(p->name)) &&
                or_str_eq(l->base_url, url))
                (void)add_endpoints(m->memory, settings, i, l->model, or_buf_str(&l->body));
    }
}

static bool fill(market *m, const market *old, char *error, size_t error_size)
{
    struct market_memory *mem = m->memory;
    const conf           *settings = m->settings;
    or_buf                file;
    list                 *found[CONF_MAX_PROVIDERS] = {NULL};
    or_buf_init_growing(&file, &mem_allocator, MAX_LIST);
    bool ok = read_policy(m, error, error_size);
    if (ok && !add_sections(mem, settings))
        ok = fail(error, error_size, "[endpoint]s", "no memory");
    for (unsigned i = 0; i < settings->num_providers && ok; i++) {
        found[i] = recall(settings, &settings->providers[i]);
        if (found[i] == NULL || found[i]->body.len == 0) continue;
        uint32_t num = mem->num, aliases = mem->num_aliases;
        or_err   e = add_list(mem, settings, i, or_buf_str(&found[i]->body));
        m->listed[i] = e == OR_OK;
        if (e == OR_OK) continue;
        mem->num = num; /* all of a list, or nothing of it */
        mem->num_aliases = aliases;
        log_line("%s: its list of models cannot be used: %s", settings->providers[i].name,
                 or_err_text(e));
    }
    if (ok) add_expansions(m);
    if (ok) ok = add_file(m, &file, error, error_size);
    or_str kept = ok && file.len > 0 ? copy(mem, or_buf_str(&file), or_str_of(NULL, 0))
                                     : or_str_of(NULL, 0);
    or_buf_free(&file);
    if (!ok) return false;
    for (unsigned i = 0; i < mem->num; i++) {
        if (!mem->endpoints[i].router) continue; /* it tells about direct offers of its model */
        or_catalogue one = {&mem->endpoints[i], 1, NULL, 0, NULL};
        donate(mem, &one, false);
    }
    restrict_all(mem, settings);
    if (!group(m) || !add_slots(m)) return fail(error, error_size, "the catalogue", "no memory");
    m->catalogue.endpoints = mem->endpoints;
    m->catalogue.num = mem->num;
    m->catalogue.aliases = mem->aliases;
    m->catalogue.num_aliases = mem->num_aliases;
    for (unsigned i = 0; i < settings->num_providers; i++) mem->unlisted[i] = is_unlisted(m, i);
    if (!make_index(m)) return fail(error, error_size, "the catalogue", "no memory");
    for (unsigned i = 0; i < settings->num_providers; i++)
        if (m->listed[i] && found[i] != NULL && found[i]->body.len > 0 &&
            speaks_openrouter(&settings->providers[i])) {
            or_str body = copy(mem, or_buf_str(&found[i]->body), or_str_of(NULL, 0));
            if (body.ptr != NULL) attach_objects(m, body);
        }
    if (kept.ptr != NULL) attach_objects(m, kept);
    if (!carry_statistics(m, old)) return fail(error, error_size, "the statistics", "no memory");
    return open_hosts(m, old, error, error_size);
}

bool market_make(conf *settings, char *error, size_t error_size)
{
    market *m = mem_alloc(sizeof *m), *old = current;
    if (m != NULL) m->memory = mem_alloc(sizeof *m->memory);
    if (m == NULL || m->memory == NULL) {
        mem_free(m, sizeof *m);
        return fail(error, error_size, "the catalogue", "no memory: limits.memory is reached");
    }
    or_arena_init_growing(&m->memory->arena, NULL, 0, &mem_allocator);
    m->refs = 1;
    m->settings = conf_hold(settings);
    m->made_at = (int64_t)time(NULL);
    if (!fill(m, old, error, error_size)) {
        market_drop(m);
        return false;
    }
    current = m;
    market_drop(old);
    return true;
}
