#include "proxy/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/mem.h"
#include "proxy/models_back.h"
#include "proxy/query.h"

/* ---- filters and orders ---- */

static bool contains_nocase(or_str text, or_str word)
{
    for (size_t i = 0; i + word.len <= text.len; i++)
        if (or_str_eq_nocase(or_str_of(text.ptr + i, word.len), word)) return true;
    return false;
}

/* One of Artificial Analysis' numbers, in millionths; -1: not known. */
static int64_t benchmark(const models_look *l, const char *name)
{
    static const char *const place[] = {"artificial_analysis"};
    or_json_item             found;
    int64_t                  n;
    models_find_members(l->raw[MODELS_RAW_BENCHMARKS].value, place, 1, &found);
    models_find_members(found.value, &name, 1, &found);
    if (found.type != OR_JSON_NUMBER || or_decimal_round(found.value, 6, &n) != OR_OK) return -1;
    return n;
}

static int64_t base_price(const models_look *l, or_price_key key)
{
    if (l->top == NULL || (l->top->prices.base.known & 1u << key) == 0) return -1;
    uint64_t pico = l->top->prices.base.pico[key];
    return pico > INT64_MAX ? INT64_MAX : (int64_t)pico;
}

/* What a range is about, in millionths; -1: not known. */
static int64_t range_value(const models_look *l, unsigned which, int64_t now_s)
{
    int64_t n = 0;
    switch (which) {
    case MODELS_RANGE_PROMPT: return base_price(l, OR_PRICE_PROMPT);
    case MODELS_RANGE_COMPLETION: return base_price(l, OR_PRICE_COMPLETION);
    case MODELS_RANGE_INTELLIGENCE: return benchmark(l, "intelligence_index");
    case MODELS_RANGE_CODING: return benchmark(l, "coding_index");
    case MODELS_RANGE_AGENTIC: return benchmark(l, "agentic_index");
    case MODELS_RANGE_SUCCESS: return l->success > 0 ? (int64_t)l->success * 1000 : -1;
    default: break;
    }
    if (l->created < 0) return -1;
    n = now_s > l->created ? now_s - l->created : 0;
    return or_mul_i64(n / 86400, 1000000, &n) ? n : INT64_MAX;
}

static bool in_ranges(const models_query *q, const models_look *l, int64_t now_s)
{
    for (unsigned i = 0; i < MODELS_NUM_RANGES; i++) {
        if (!q->range[i].set) continue;
        int64_t n = range_value(l, i, now_s);
        if (n < q->range[i].min || n > q->range[i].max) return false;
    }
    return true;
}

/* Each word stands in the id or the name. */
static bool is_found(const models_look *l, or_str words)
{
    or_str word, name = l->raw[MODELS_RAW_NAME].type == OR_JSON_STRING
                            ? l->raw[MODELS_RAW_NAME].value
                            : or_str_of("", 0);
    while (models_next_part(&words, ' ', &word))
        if (!contains_nocase(l->model->id, word) && !contains_nocase(name, word)) return false;
    return true;
}

static bool is_author_listed(const models_look *l, or_str list)
{
    or_str name;
    while (models_next_part(&list, ',', &name))
        if (name.len > 0 && or_str_eq_nocase(name, models_author(l->model->id))) return true;
    return false;
}

static bool is_of_family(const models_look *l, or_str family)
{
    static const char *const names[] = {"tokenizer"};
    or_json_item             found;
    models_find_members(l->raw[MODELS_RAW_ARCHITECTURE].value, names, 1, &found);
    return found.type == OR_JSON_STRING && or_str_eq_nocase(found.value, family);
}

static bool is_provider_listed(const or_endpoint *e, or_str list)
{
    or_str name;
    while (models_next_part(&list, ',', &name))
        if (or_route_name_is(name, e)) return true;
    return false;
}

static bool is_in_region(const or_endpoint *e, or_str region)
{
    return e->region.ptr != NULL &&
           (or_str_eq_nocase(e->region, region) ||
            (or_str_eq(region, OR_STR("eu")) && or_str_eq_nocase(e->region, OR_STR("europe"))));
}

/* One endpoint that is all of what is asked of endpoints. */
static bool has_endpoint(const models_query *q, const models_look *l)
{
    const or_str *providers = &q->text[MODELS_TEXT_PROVIDERS],
                 *region = &q->text[MODELS_TEXT_REGION];
    if (providers->ptr == NULL && region->ptr == NULL && !q->zdr) return true;
    for (uint32_t i = 0; i < l->model->num; i++) {
        const or_endpoint *e = models_endpoint_at(l, i);
        if (e != NULL && (!q->zdr || e->zdr == OR_YES) &&
            (region->ptr == NULL || is_in_region(e, *region)) &&
            (providers->ptr == NULL || is_provider_listed(e, *providers)))
            return true;
    }
    return false;
}

static bool is_distillable(const models_look *l)
{
    for (uint32_t i = 0; i < l->model->num; i++) {
        const or_endpoint *e = models_endpoint_at(l, i);
        if (e != NULL && e->distillable == OR_YES) return true;
    }
    return false;
}

static bool is_wanted(const models_query *q, const models_look *l, int64_t now_s)
{
    uint32_t      input = l->input != 0 ? l->input : OR_MODALITY_TEXT;
    uint32_t      output = l->output != 0 ? l->output : OR_MODALITY_TEXT;
    const or_str *text = q->text;
    if (q->category) return false;
    if (q->output != MODELS_ALL_MODALITIES && (q->output & output) == 0) return false;
    if ((q->input & ~input) != 0 || (q->parameters & ~l->parameters) != 0) return false;
    if (l->context < q->context) return false;
    if (q->distillable != OR_UNKNOWN && is_distillable(l) != (q->distillable == OR_YES))
        return false;
    if (text[MODELS_TEXT_SEARCH].ptr != NULL && !is_found(l, text[MODELS_TEXT_SEARCH]))
        return false;
    if (text[MODELS_TEXT_AUTHORS].ptr != NULL && !is_author_listed(l, text[MODELS_TEXT_AUTHORS]))
        return false;
    if (text[MODELS_TEXT_ARCH].ptr != NULL && !is_of_family(l, text[MODELS_TEXT_ARCH]))
        return false;
    return has_endpoint(q, l) && in_ranges(q, l, now_s);
}

/* The best median among the endpoints; -1: no data. */
static int64_t best_median(const models_look *l, bool rate, uint32_t now_ms)
{
    or_health h;
    int64_t   best = -1;
    for (uint32_t i = 0; i < l->model->num; i++) {
        const or_endpoint *e = models_endpoint_at(l, i);
        if (e == NULL) continue;
        models_health(l->market, e, now_ms, &h);
        uint32_t n = rate ? h.throughput_milli.p50 : h.latency_ms.p50;
        if (n > 0 && (best < 0 || (rate ? n > best : n < best))) best = n;
    }
    return best;
}

/* The number that models are sorted by, largest first but for those of SORT_CHEAP and
   SORT_PROMPT; -1: not known. */
static int64_t sort_value(const models_look *l, models_sort by, uint32_t now_ms)
{
    switch (by) {
    case MODELS_SORT_NEWEST: return l->created;
    case MODELS_SORT_CHEAP:
    case MODELS_SORT_DEAR: return l->top != NULL ? models_price(l->top, 1) : -1;
    case MODELS_SORT_CONTEXT: return l->context > 0 ? (int64_t)l->context : -1;
    case MODELS_SORT_FAST: return best_median(l, true, now_ms);
    case MODELS_SORT_PROMPT: return best_median(l, false, now_ms);
    case MODELS_SORT_INTELLIGENCE: return range_value(l, MODELS_RANGE_INTELLIGENCE, 0);
    case MODELS_SORT_CODING: return range_value(l, MODELS_RANGE_CODING, 0);
    case MODELS_SORT_AGENTIC: return range_value(l, MODELS_RANGE_AGENTIC, 0);
    case MODELS_SORT_NONE: break;
    }
    return -1;
}

/* A model's place in the order: smallest key first, then as they were. */
typedef struct place {
    uint64_t key;
    uint32_t model;
} place;

static int compare_places(const void *x, const void *y)
{
    const place *a = (const place *)x, *b = (const place *)y;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return a->model < b->model ? -1 : a->model > b->model;
}

static void sort_places(place *order, const market *m, models_sort by, const models_ask *ask)
{
    bool        up = by == MODELS_SORT_CHEAP || by == MODELS_SORT_PROMPT;
    models_look l;
    for (uint32_t i = 0; i < m->num_models; i++) {
        (void)models_look_at(&l, m, &m->models[i], ask->key);
        int64_t n = sort_value(&l, by, ask->now_ms);
        order[i].model = i;
        order[i].key = n < 0 ? UINT64_MAX : up ? (uint64_t)n : UINT64_MAX - 1 - (uint64_t)n;
    }
    qsort(order, m->num_models, sizeof *order, compare_places);
}

/* ---- answers ---- */

static bool finish(const or_json_writer *w, models_reply *r)
{
    or_err e = or_json_writer_end(w);
    if (e == OR_OK && w->out->err != OR_OK) e = w->out->err;
    r->status = 200;
    r->message[0] = 0;
    if (e == OR_OK) return true;
    if (e == OR_ERR_MEMORY || e == OR_ERR_SPACE)
        return models_fail(r, 503,
                           "no memory for this answer: raise limits.memory, or ask for less with "
                           "limit");
    return models_fail(r, 500, "the catalogue cannot be written: %s", or_err_text(e));
}

/* Where the following page is; null: nowhere. */
static void put_links_next(or_json_writer *w, const models_query *q, const models_ask *ask,
                           uint32_t total)
{
    or_str   rest = ask->query, pair, name, value;
    char     numbers[64];
    uint64_t next = (uint64_t)q->offset + q->limit;
    or_json_put_key(w, OR_STR("links"));
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("next"));
    if (!q->paged || next >= total) {
        or_json_put_null(w);
        or_json_end_object(w);
        return;
    }
    or_json_begin_str(w);
    or_json_put_part(w, ask->path);
    or_json_put_part(w, OR_STR("?"));
    while (models_next_part(&rest, '&', &pair)) {
        or_str one = pair;
        if (pair.len == 0 || (models_next_pair(&one, &name, &value) && models_is_paging(name)))
            continue;
        or_json_put_part(w, pair);
        or_json_put_part(w, OR_STR("&"));
    }
    snprintf(numbers, sizeof numbers, "offset=%lu&limit=%lu", (unsigned long)next,
             (unsigned long)q->limit);
    or_json_put_part(w, or_str_z(numbers));
    or_json_end_str(w);
    or_json_end_object(w);
}

static void put_id_or_null(or_json_writer *w, const char *name, const market_model *model)
{
    if (model == NULL)
        member_null(w, name);
    else
        member_str(w, name, model->id);
}

/* order NULL: as they are in the market. */
static void put_list(or_json_writer *w, const market *m, const models_ask *ask,
                     const models_query *q, const place *order)
{
    const market_model *first = NULL, *last = NULL;
    uint32_t            total = 0;
    int64_t             now_s = ask->now_s != 0 ? ask->now_s : m->made_at;
    models_look         l;
    or_json_begin_object(w);
    member_str(w, "object", OR_STR("list"));
    or_json_put_key(w, OR_STR("data"));
    or_json_begin_array(w);
    for (uint32_t i = 0; i < m->num_models; i++) {
        const market_model *model = &m->models[order != NULL ? order[i].model : i];
        if (!models_look_at(&l, m, model, ask->key) || !is_wanted(q, &l, now_s)) continue;
        uint32_t at = total++;
        if (q->paged && (at < q->offset || at - q->offset >= q->limit)) continue;
        if (first == NULL) first = model;
        last = model;
        models_put(w, &l);
    }
    or_json_end_array(w);
    /* Anthropic's paging, by after_id, is not done here: it has to end after this page */
    member_bool(w, "has_more", false);
    put_id_or_null(w, "first_id", first);
    put_id_or_null(w, "last_id", last);
    member_u64(w, "total_count", total);
    put_links_next(w, q, ask, total);
    or_json_end_object(w);
}

bool models_list(or_buf *out, const market *m, const models_ask *ask, models_reply *r)
{
    or_json_writer w;
    models_query   q;
    place         *order = NULL;
    size_t         size = 0;
    if (!models_query_read(&q, ask, r)) return false;
    if (q.sort != MODELS_SORT_NONE && m->num_models > 0) {
        if (!or_mul_size(m->num_models, sizeof *order, &size) || (order = mem_alloc(size)) == NULL)
            return models_fail(r, 503, "no memory to sort: raise limits.memory, or leave out sort");
        sort_places(order, m, q.sort, ask);
    }
    or_json_writer_init(&w, out);
    put_list(&w, m, ask, &q, order);
    mem_free(order, size);
    return finish(&w, r);
}

bool models_count(or_buf *out, const market *m, const models_ask *ask, models_reply *r)
{
    or_json_writer w;
    models_query   q;
    models_look    l;
    uint32_t       total = 0;
    int64_t        now_s = ask->now_s != 0 ? ask->now_s : m->made_at;
    if (!models_query_read(&q, ask, r)) return false;
    for (uint32_t i = 0; i < m->num_models; i++)
        if (models_look_at(&l, m, &m->models[i], ask->key) && is_wanted(&q, &l, now_s)) total++;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_object(&w);
    member_u64(&w, "count", total);
    or_json_end_object(&w);
    or_json_end_object(&w);
    return finish(&w, r);
}

static bool fail_unknown(models_reply *r)
{
    return models_fail(r, 404, "no such model: GET /api/v1/models lists those there are");
}

static bool one(or_buf *out, const market *m, or_str raw, bool wrapped, models_reply *r)
{
    char           buf[MODELS_MAX_VALUE];
    or_str         id;
    or_json_writer w;
    models_look    l;
    if (!query_decode(raw, false, buf, sizeof buf, &id)) return fail_unknown(r);
    const market_model *model = market_find(m, id);
    if (model == NULL || !models_look_at(&l, m, model, NULL)) return fail_unknown(r);
    or_json_writer_init(&w, out);
    if (wrapped) {
        or_json_begin_object(&w);
        or_json_put_key(&w, OR_STR("data"));
    }
    models_put(&w, &l);
    if (wrapped) or_json_end_object(&w);
    return finish(&w, r);
}

bool models_one(or_buf *out, const market *m, or_str id, models_reply *r)
{
    return one(out, m, id, true, r);
}

bool models_openai_one(or_buf *out, const market *m, or_str id, models_reply *r)
{
    return one(out, m, id, false, r);
}

/* A name without its variants: up to the first colon behind the last slash. */
static or_str base_of(or_str id)
{
    size_t start = id.len;
    while (start > 0 && id.ptr[start - 1] != '/') start--;
    return or_str_of(id.ptr, or_str_find(id, OR_STR(":"), start));
}

/* The same model in another variant; NULL. */
static const market_model *find_base(const market *m, or_str id)
{
    or_str              base = base_of(id);
    const market_model *model = market_find(m, base);
    for (uint32_t i = 0; model == NULL && i < m->num_models; i++)
        if (or_str_eq_nocase(base_of(m->models[i].id), base)) model = &m->models[i];
    return model;
}

bool models_endpoints(or_buf *out, const market *m, or_str raw, uint32_t now_ms, models_reply *r)
{
    char           buf[MODELS_MAX_VALUE];
    or_str         id;
    or_json_writer w;
    models_look    l;
    if (!query_decode(raw, false, buf, sizeof buf, &id)) return fail_unknown(r);
    const market_model *model = market_find(m, id), *found = model;
    if (model == NULL) model = find_base(m, id);
    if (model == NULL || !models_look_at(&l, m, model, NULL)) return fail_unknown(r);
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    models_put_offers(&w, &l, found != NULL, now_ms);
    or_json_end_object(&w);
    return finish(&w, r);
}

bool models_zdr(or_buf *out, const market *m, uint32_t now_ms, models_reply *r)
{
    or_json_writer w;
    models_look    l;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_array(&w);
    for (uint32_t i = 0; i < m->num_models; i++) {
        if (!models_look_at(&l, m, &m->models[i], NULL)) continue;
        for (uint32_t k = 0; k < l.model->num; k++) {
            const or_endpoint *e = models_endpoint_at(&l, k);
            if (e != NULL && e->zdr == OR_YES) models_put_endpoint(&w, &l, e, now_ms);
        }
    }
    or_json_end_array(&w);
    or_json_end_object(&w);
    return finish(&w, r);
}

static void put_provider(or_json_writer *w, const conf_provider *p)
{
    static const char *const unknown[] = {"privacy_policy_url", "terms_of_service_url",
                                          "status_page_url", "headquarters", "datacenters"};
    or_json_begin_object(w);
    member_str(w, "name", or_str_z(p->title != NULL ? p->title : p->name));
    member_str(w, "slug", or_str_z(p->name));
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) member_null(w, unknown[i]);
    or_json_end_object(w);
}

bool models_providers(or_buf *out, const market *m, models_reply *r)
{
    or_json_writer w;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_array(&w);
    for (unsigned i = 0; i < m->settings->num_providers; i++)
        put_provider(&w, &m->settings->providers[i]);
    or_json_end_array(&w);
    or_json_end_object(&w);
    return finish(&w, r);
}
