#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proxy/models_back.h"

/* ---- a model ---- */

void models_find_members(or_str object, const char *const *names, unsigned num, or_json_item *found)
{
    or_json_scan s;
    or_json_item item;
    memset(found, 0, num * sizeof *found);
    if (object.ptr == NULL) return;
    or_json_scan_init(&s, object);
    if (or_json_scan_next(&s, &item) != OR_OK || item.type != OR_JSON_OBJECT) return;
    while (or_json_scan_next(&s, &item) == OR_OK && item.type != OR_JSON_END) {
        if (or_json_scan_skip(&s, &item) != OR_OK) return;
        for (unsigned i = 0; i < num; i++)
            if (found[i].type == OR_JSON_NONE && or_json_str_is_z(item.key, names[i]))
                found[i] = item;
    }
}

/* A value as it stood in its document: strings with their quotes. */
static or_str raw_value(const or_json_item *item)
{
    if (item->type != OR_JSON_STRING) return item->value;
    return or_str_of(item->value.ptr - 1, item->value.len + 2);
}

static const char *const raw_names[MODELS_NUM_RAW] = {
    "name",      "created", "context_length", "architecture", "pricing", "supported_parameters",
    "benchmarks"};

int64_t models_price(const or_endpoint *e, uint64_t prompts)
{
    const or_price_list *list = &e->prices.base;
    const uint32_t       both = 1u << OR_PRICE_PROMPT | 1u << OR_PRICE_COMPLETION;
    uint64_t             sum, keep = 1000000000u - e->prices.discount_ppb;
    if ((list->known & both) != both || e->prices.discount_ppb > 1000000000u) return -1;
    if (!or_mul_u64(list->pico[OR_PRICE_PROMPT], prompts, &sum)) return INT64_MAX;
    sum = or_sat_add_u64(sum, list->pico[OR_PRICE_COMPLETION]);
    sum = sum / 1000000000u * keep + sum % 1000000000u * keep / 1000000000u;
    return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}

static bool cheaper(const or_endpoint *a, const or_endpoint *b)
{
    int64_t x = models_price(a, 3), y = models_price(b, 3);
    return x >= 0 && (y < 0 || x < y);
}

static bool matches_any(or_str text, const or_str *patterns, unsigned num)
{
    for (unsigned i = 0; i < num; i++)
        if (conf_matches(patterns[i], text)) return true;
    return num == 0;
}

/* Endpoints that count: not switched off, and of a provider that the key may use. */
static bool is_usable(const or_endpoint *e, const conf_key *key)
{
    if (e->disabled) return false;
    if (key == NULL || matches_any(e->provider, key->providers, key->num_providers)) return true;
    return e->tag.ptr != NULL && matches_any(e->tag, key->providers, key->num_providers);
}

const or_endpoint *models_endpoint_at(const models_look *l, uint32_t i)
{
    uint32_t index = l->model->first + i;
    if (index >= l->market->num_listed || index >= l->market->catalogue.num) return NULL;
    const or_endpoint *e = &l->market->catalogue.endpoints[index];
    return is_usable(e, l->key) ? e : NULL;
}

static void look_at_endpoint(models_look *l, const or_endpoint *e)
{
    if (l->top == NULL || cheaper(e, l->top)) l->top = e;
    if (e->context_length > l->context) l->context = e->context_length;
    if (e->parameters_known) l->parameters |= e->parameters;
    if (e->quality_permille > l->success) l->success = e->quality_permille;
    l->input |= e->input_modalities;
    l->output |= e->output_modalities;
}

/* The bits of the words in a raw array. */
static uint32_t word_bits(const or_json_item *array, const char *const *list, unsigned num)
{
    or_json_scan s;
    or_json_item item;
    uint32_t     bits = 0;
    if (array->type != OR_JSON_ARRAY) return 0;
    or_json_scan_init(&s, array->value);
    if (or_json_scan_next(&s, &item) != OR_OK) return 0;
    while (or_json_scan_next(&s, &item) == OR_OK && item.type != OR_JSON_END) {
        if (or_json_scan_skip(&s, &item) != OR_OK) break;
        unsigned i = item.type == OR_JSON_STRING ? models_word(item.value, list, num) : num;
        if (i < num) bits |= (uint32_t)1 << i;
    }
    return bits;
}

static void look_at_object(models_look *l)
{
    static const char *const names[] = {"input_modalities", "output_modalities"};
    or_json_item             found[2];
    int64_t                  n;
    models_find_members(l->model->object, raw_names, MODELS_NUM_RAW, l->raw);
    models_find_members(l->raw[MODELS_RAW_ARCHITECTURE].value, names, 2, found);
    l->input |= word_bits(&found[0], models_modalities, MODELS_NUM_MODALITIES);
    l->output |= word_bits(&found[1], models_modalities, MODELS_NUM_MODALITIES);
    l->parameters |= word_bits(&l->raw[MODELS_RAW_PARAMETERS], models_parameters, OR_PARAM_NUM);
    l->created = -1;
    if (l->raw[MODELS_RAW_CREATED].type == OR_JSON_NUMBER &&
        or_decimal_read(l->raw[MODELS_RAW_CREATED].value, 0, &n) == OR_OK && n > 0)
        l->created = n;
    if (l->context == 0 && l->raw[MODELS_RAW_CONTEXT].type == OR_JSON_NUMBER &&
        or_decimal_read(l->raw[MODELS_RAW_CONTEXT].value, 0, &n) == OR_OK && n > 0 &&
        n <= UINT32_MAX)
        l->context = (uint32_t)n;
}

bool models_look_at(models_look *l, const market *m, const market_model *model, const conf_key *key)
{
    memset(l, 0, sizeof *l);
    l->market = m;
    l->model = model;
    l->key = key;
    for (uint32_t i = 0; i < model->num; i++) {
        const or_endpoint *e = models_endpoint_at(l, i);
        if (e != NULL) look_at_endpoint(l, e);
    }
    if (model->num > 0 && l->top == NULL) return false;
    look_at_object(l);
    return key == NULL || matches_any(model->id, key->models, key->num_models) ||
           (l->top != NULL && l->top->canonical.ptr != NULL &&
            matches_any(l->top->canonical, key->models, key->num_models));
}

or_str models_author(or_str id)
{
    size_t n = or_str_find(id, OR_STR("/"), 0);
    if (n == id.len) return or_str_of("", 0);
    return n > 0 && id.ptr[0] == '~' ? or_str_of(id.ptr + 1, n - 1) : or_str_of(id.ptr, n);
}

void models_health(const market *m, const or_endpoint *e, uint32_t now_ms, or_health *h)
{
    memset(h, 0, sizeof *h);
    if (m->stats != NULL) or_stats_health(&m->stats[e - m->catalogue.endpoints], now_ms, true, h);
}

/* ---- writing: parts of models and endpoints ---- */

/* 0 is not known. */
static void put_count(or_json_writer *w, const char *name, uint64_t n)
{
    or_json_put_key(w, or_str_z(name));
    if (n > 0)
        or_json_put_u64(w, n);
    else
        or_json_put_null(w);
}

static void put_bits(or_json_writer *w, uint32_t bits, const char *const *list, unsigned num)
{
    for (unsigned i = 0; i < num; i++)
        if ((bits & (uint32_t)1 << i) != 0) or_json_put_str(w, or_str_z(list[i]));
}

/* USD for one unit, exactly. */
static void put_price(or_json_writer *w, const or_price_list *list, unsigned key)
{
    const char *name = or_price_name((or_price_key)key);
    if ((list->known & 1u << key) == 0 || list->pico[key] > INT64_MAX)
        member_z(w, name, "-1");
    else
        member_price(w, name, list->pico[key]);
}

/* prices NULL: nothing is known. */
static void put_prices(or_json_writer *w, const or_prices *prices)
{
    static const or_prices unknown;
    if (prices == NULL) prices = &unknown;
    or_json_begin_object(w);
    for (unsigned i = 0; i < OR_PRICE_NUM; i++)
        if (i == OR_PRICE_PROMPT || i == OR_PRICE_COMPLETION || (prices->base.known & 1u << i) != 0)
            put_price(w, &prices->base, i);
    if (prices->discount_ppb > 0) {
        or_json_put_key(w, OR_STR("discount"));
        or_json_put_decimal(w, prices->discount_ppb, 9);
    }
    or_json_end_object(w);
}

/* "text+image->text" */
static void put_modality(or_json_writer *w, uint32_t input, uint32_t output)
{
    uint32_t sides[2] = {input, output};
    or_json_begin_str(w);
    for (int side = 0; side < 2; side++) {
        bool first = true;
        if (side == 1) or_json_put_part(w, OR_STR("->"));
        for (unsigned i = 0; i < MODELS_NUM_MODALITIES; i++) {
            if ((sides[side] & (uint32_t)1 << i) == 0) continue;
            if (!first) or_json_put_part(w, OR_STR("+"));
            or_json_put_part(w, or_str_z(models_modalities[i]));
            first = false;
        }
    }
    or_json_end_str(w);
}

/* The author, else the provider: OpenAI's owned_by. */
static or_str owner_of(const models_look *l)
{
    or_str author = models_author(l->model->id);
    if (author.len > 0 || l->top == NULL) return author;
    return l->top->provider;
}

/* ---- members of a model ---- */

static void put_id(or_json_writer *w, const models_look *l)
{
    or_json_put_str(w, l->model->id);
}

static void put_object_type(or_json_writer *w, const models_look *l)
{
    (void)l;
    or_json_put_str(w, OR_STR("model"));
}

static void put_owner(or_json_writer *w, const models_look *l)
{
    or_json_put_str(w, owner_of(l));
}

static void put_name(or_json_writer *w, const models_look *l)
{
    if (l->raw[MODELS_RAW_NAME].type == OR_JSON_STRING)
        or_json_put_raw(w, raw_value(&l->raw[MODELS_RAW_NAME]));
    else
        or_json_put_str(w, l->model->id);
}

static void put_canonical(or_json_writer *w, const models_look *l)
{
    bool has = l->top != NULL && l->top->canonical.ptr != NULL;
    or_json_put_str(w, has ? l->top->canonical : l->model->id);
}

static int64_t created_of(const models_look *l)
{
    return l->created >= 0 ? l->created : l->market->made_at;
}

static void put_created(or_json_writer *w, const models_look *l)
{
    or_json_put_i64(w, created_of(l));
}

/* The same as Anthropic has it: RFC 3339. */
static void put_created_at(or_json_writer *w, const models_look *l)
{
    char      text[40];
    struct tm tm;
    time_t    t = (time_t)created_of(l);
    if (gmtime_r(&t, &tm) != NULL && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        or_json_put_str(w, or_str_z(text));
    else
        or_json_put_str(w, OR_STR("1970-01-01T00:00:00Z"));
}

static void put_empty(or_json_writer *w, const models_look *l)
{
    (void)l;
    or_json_put_str(w, OR_STR(""));
}

static void put_nothing(or_json_writer *w, const models_look *l)
{
    (void)l;
    or_json_put_null(w);
}

static void put_context(or_json_writer *w, const models_look *l)
{
    if (l->context > 0)
        or_json_put_u64(w, l->context);
    else
        or_json_put_null(w);
}

static void put_architecture(or_json_writer *w, const models_look *l)
{
    uint32_t input = l->input != 0 ? l->input : OR_MODALITY_TEXT;
    uint32_t output = l->output != 0 ? l->output : OR_MODALITY_TEXT;
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("modality"));
    put_modality(w, input, output);
    or_json_put_key(w, OR_STR("input_modalities"));
    or_json_begin_array(w);
    put_bits(w, input, models_modalities, MODELS_NUM_MODALITIES);
    or_json_end_array(w);
    or_json_put_key(w, OR_STR("output_modalities"));
    or_json_begin_array(w);
    put_bits(w, output, models_modalities, MODELS_NUM_MODALITIES);
    or_json_end_array(w);
    member_str(w, "tokenizer", OR_STR("Other"));
    member_null(w, "instruct_type");
    or_json_end_object(w);
}

/* Is this raw price what the list has? */
static bool is_price(const or_json_item *raw, const or_price_list *list, unsigned key)
{
    bool     known_here = (list->known & 1u << key) != 0;
    uint64_t pico;
    bool     known_there = raw->type == OR_JSON_STRING && or_price_read(raw->value, &pico) == OR_OK;
    return known_there ? known_here && pico == list->pico[key] : !known_here;
}

/* Are the raw prices well formed, and those that hold here? Then they may say more than we
   know: prices under conditions. */
static bool is_raw_pricing_true(const models_look *l)
{
    const char  *names[OR_PRICE_NUM + 1];
    or_json_item found[OR_PRICE_NUM + 1];
    int64_t      discount = 0;
    for (unsigned i = 0; i < OR_PRICE_NUM; i++) names[i] = or_price_name((or_price_key)i);
    names[OR_PRICE_NUM] = "discount";
    models_find_members(l->raw[MODELS_RAW_PRICING].value, names, OR_PRICE_NUM + 1, found);
    if (found[OR_PRICE_PROMPT].type != OR_JSON_STRING ||
        found[OR_PRICE_COMPLETION].type != OR_JSON_STRING)
        return false;
    if (l->model->num == 0) return true;
    for (unsigned i = 0; i < OR_PRICE_NUM; i++)
        if (!is_price(&found[i], &l->top->prices.base, i)) return false;
    if (found[OR_PRICE_NUM].type == OR_JSON_NUMBER)
        (void)or_decimal_round(found[OR_PRICE_NUM].value, 9, &discount);
    return discount == (int64_t)l->top->prices.discount_ppb;
}

static void put_pricing(or_json_writer *w, const models_look *l)
{
    if (l->raw[MODELS_RAW_PRICING].type == OR_JSON_OBJECT && is_raw_pricing_true(l))
        or_json_put_raw(w, l->raw[MODELS_RAW_PRICING].value);
    else
        put_prices(w, l->top != NULL ? &l->top->prices : NULL);
}

static void put_top_provider(or_json_writer *w, const models_look *l)
{
    or_json_begin_object(w);
    put_count(w, "context_length", l->top != NULL ? l->top->context_length : 0);
    put_count(w, "max_completion_tokens", l->top != NULL ? l->top->max_completion_tokens : 0);
    member_bool(w, "is_moderated", false);
    or_json_end_object(w);
}

/* Those the list had, also names that or.h does not know, then the others. */
static void put_parameters(or_json_writer *w, const models_look *l)
{
    const or_json_item *raw = &l->raw[MODELS_RAW_PARAMETERS];
    or_json_scan        s;
    or_json_item        item;
    or_json_begin_array(w);
    if (raw->type == OR_JSON_ARRAY) {
        or_json_scan_init(&s, raw->value);
        (void)or_json_scan_next(&s, &item);
        while (or_json_scan_next(&s, &item) == OR_OK && item.type != OR_JSON_END) {
            if (or_json_scan_skip(&s, &item) != OR_OK) break;
            if (item.type == OR_JSON_STRING) or_json_put_raw(w, raw_value(&item));
        }
    }
    put_bits(w, l->parameters & ~word_bits(raw, models_parameters, OR_PARAM_NUM), models_parameters,
             OR_PARAM_NUM);
    or_json_end_array(w);
}

static void put_links(or_json_writer *w, const models_look *l)
{
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("details"));
    or_json_begin_str(w);
    or_json_put_part(w, OR_STR("/api/v1/models/"));
    or_json_put_part(w, l->model->id);
    or_json_put_part(w, OR_STR("/endpoints"));
    or_json_end_str(w);
    or_json_end_object(w);
}

/* ---- a model ---- */

/* The members a model has in any case. `accept`: types of a raw value that stays as it is,
   when it has the inner members too; none: it is always ours. The official client refuses a
   whole list for one missing member. */
#define T(type) (1u << OR_JSON_##type)
enum { WHOLE = 1 << 15 }; /* a number without a fraction */

typedef struct member {
    const char *name;
    unsigned    accept;
    void (*put)(or_json_writer *w, const models_look *l);
    struct {
        const char *name;
        unsigned    accept;
    } inner[3];
} member;

static const member members[] = {
    {"id", 0, put_id, {{NULL, 0}}},
    {"canonical_slug", T(STRING), put_canonical, {{NULL, 0}}},
    {"name", T(STRING), put_name, {{NULL, 0}}},
    {"object", 0, put_object_type, {{NULL, 0}}},
    {"type", 0, put_object_type, {{NULL, 0}}},
    {"created", 0, put_created, {{NULL, 0}}},
    {"owned_by", 0, put_owner, {{NULL, 0}}},
    {"display_name", 0, put_name, {{NULL, 0}}},
    {"created_at", 0, put_created_at, {{NULL, 0}}},
    {"description", T(STRING), put_empty, {{NULL, 0}}},
    {"context_length", WHOLE, put_context, {{NULL, 0}}},
    {"architecture",
     T(OBJECT),
     put_architecture,
     {{"modality", T(STRING) | T(NULL)},
      {"input_modalities", T(ARRAY)},
      {"output_modalities", T(ARRAY)}}},
    {"pricing", 0, put_pricing, {{NULL, 0}}},
    {"top_provider", T(OBJECT), put_top_provider, {{"is_moderated", T(TRUE) | T(FALSE)}}},
    {"per_request_limits",
     T(OBJECT) | T(NULL),
     put_nothing,
     {{"prompt_tokens", T(NUMBER)}, {"completion_tokens", T(NUMBER)}}},
    {"supported_parameters", 0, put_parameters, {{NULL, 0}}},
    {"supported_voices", T(ARRAY) | T(NULL), put_nothing, {{NULL, 0}}},
    {"default_parameters", T(OBJECT) | T(NULL), put_nothing, {{NULL, 0}}},
    {"links", 0, put_links, {{NULL, 0}}},
};
enum { NUM_MEMBERS = sizeof members / sizeof members[0] };

static bool is_accepted(const member *m, const or_json_item *item)
{
    or_json_item found;
    int64_t      n;
    if ((m->accept & WHOLE) != 0 && item->type == OR_JSON_NUMBER)
        return or_decimal_read(item->value, 0, &n) == OR_OK;
    if ((m->accept & 1u << item->type) == 0) return false;
    for (int i = 0; item->type == OR_JSON_OBJECT && i < 3 && m->inner[i].name != NULL; i++) {
        models_find_members(item->value, &m->inner[i].name, 1, &found);
        if ((m->inner[i].accept & 1u << found.type) == 0) return false;
    }
    return true;
}

static unsigned member_index(or_str raw_key)
{
    unsigned i = 0;
    while (i < NUM_MEMBERS && !or_json_str_is_z(raw_key, members[i].name)) i++;
    return i;
}

/* A member of the raw object, or what stands in its place. */
static void put_raw_member(or_json_writer *w, const models_look *l, const or_json_item *item,
                           uint32_t *written)
{
    unsigned i = member_index(item->key);
    if (i == NUM_MEMBERS) {
        if (item->key_escaped) return; /* no list has such names */
        or_json_put_key(w, item->key);
        or_json_put_raw(w, raw_value(item));
        return;
    }
    if ((*written & (uint32_t)1 << i) != 0) return;
    *written |= (uint32_t)1 << i;
    or_json_put_key(w, or_str_z(members[i].name));
    if (is_accepted(&members[i], item))
        or_json_put_raw(w, raw_value(item));
    else
        members[i].put(w, l);
}

void models_put(or_json_writer *w, const models_look *l)
{
    uint32_t     written = 0;
    or_json_scan s;
    or_json_item item;
    or_json_begin_object(w);
    if (l->model->object.ptr != NULL) {
        or_json_scan_init(&s, l->model->object);
        bool good = or_json_scan_next(&s, &item) == OR_OK && item.type == OR_JSON_OBJECT;
        while (good && or_json_scan_next(&s, &item) == OR_OK && item.type != OR_JSON_END) {
            good = or_json_scan_skip(&s, &item) == OR_OK;
            if (good) put_raw_member(w, l, &item, &written);
        }
    }
    for (unsigned i = 0; i < NUM_MEMBERS; i++) {
        if ((written & (uint32_t)1 << i) != 0) continue;
        or_json_put_key(w, or_str_z(members[i].name));
        members[i].put(w, l);
    }
    or_json_end_object(w);
}

/* ---- an endpoint ---- */

/* What clients see of a provider. */
static or_str provider_title(const market *m, const or_endpoint *e)
{
    if (e->provider_name.ptr != NULL) return e->provider_name;
    if (m->settings != NULL && e->target < m->settings->num_providers &&
        m->settings->providers[e->target].title != NULL)
        return or_str_z(m->settings->providers[e->target].title);
    return e->provider;
}

static int status_of(const or_endpoint *e, const or_health *h)
{
    int status = h->open ? -3 : h->cooling_ms > 0 ? -2 : h->outage ? -1 : 0;
    return e->status < status ? e->status : status;
}

/* Percent. Below 100 attempts in half a day or_health says 1000, which is no news then. */
static void put_uptime(or_json_writer *w, const or_stats *s, const or_health *h)
{
    uint64_t good = 0, all = 0;
    if (s != NULL) {
        good = s->outcomes[OR_FAULT_NONE];
        all = good + s->outcomes[OR_FAULT_PROVIDER] + s->outcomes[OR_FAULT_KEY];
    }
    or_json_put_key(w, OR_STR("uptime_last_1d"));
    if (all == 0)
        or_json_put_null(w);
    else if (all < 100)
        or_json_put_decimal(w, (int64_t)(good * 1000 / all), 1);
    else
        or_json_put_decimal(w, h->uptime_permille, 1);
    member_null(w, "uptime_last_30m");
    member_null(w, "uptime_last_5m");
}

static void put_percentiles(or_json_writer *w, const char *name, const or_percentiles *p,
                            unsigned scale)
{
    const char *const names[] = {"p50", "p75", "p90", "p99"};
    const uint32_t    values[] = {p->p50, p->p75, p->p90, p->p99};
    if (p->p50 == 0) {
        member_null(w, name);
        return;
    }
    or_json_put_key(w, or_str_z(name));
    or_json_begin_object(w);
    for (int i = 0; i < 4; i++) {
        or_json_put_key(w, or_str_z(names[i]));
        or_json_put_decimal(w, values[i], scale);
    }
    or_json_end_object(w);
}

static void put_health(or_json_writer *w, const market *m, const or_endpoint *e, uint32_t now_ms)
{
    or_health       h;
    const or_stats *s = m->stats != NULL ? &m->stats[e - m->catalogue.endpoints] : NULL;
    models_health(m, e, now_ms, &h);
    or_json_put_key(w, OR_STR("status"));
    or_json_put_i64(w, status_of(e, &h));
    put_uptime(w, s, &h);
    put_percentiles(w, "latency_last_30m", &h.latency_ms, 0);
    put_percentiles(w, "throughput_last_30m", &h.throughput_milli, 3);
}

static void put_support(or_json_writer *w, const or_endpoint *e)
{
    static const char *const choices[] = {"auto", "function", "none", "required"};
    uint32_t                 parameters_known = e->parameters_known ? e->parameters : 0;
    or_json_put_key(w, OR_STR("supported_parameters"));
    or_json_begin_array(w);
    put_bits(w, parameters_known, models_parameters, OR_PARAM_NUM);
    or_json_end_array(w);
    member_bool(w, "supports_implicit_caching",
                    (e->prices.base.known & 1u << OR_PRICE_INPUT_CACHE_READ) != 0);
    or_json_put_key(w, OR_STR("supports_tool_choice"));
    or_json_begin_object(w);
    for (int i = 0; i < 4; i++)
        member_bool(w, choices[i], (parameters_known & 1u << OR_PARAM_TOOL_CHOICE) != 0);
    or_json_end_object(w);
    member_bool(w, "supports_voice_cloning", false);
}

void models_put_endpoint(or_json_writer *w, const models_look *l, const or_endpoint *e,
                         uint32_t now_ms)
{
    or_str title = provider_title(l->market, e);
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("name"));
    or_json_begin_str(w);
    or_json_put_part(w, title);
    or_json_put_part(w, OR_STR(": "));
    or_json_put_part(w, l->model->id);
    or_json_end_str(w);
    member_str(w, "model_id", l->model->id);
    or_json_put_key(w, OR_STR("model_name"));
    put_name(w, l);
    member_str(w, "provider_name", title);
    member_str(w, "tag", e->tag.ptr != NULL ? e->tag : e->provider);
    or_json_put_key(w, OR_STR("context_length")); /* may not be null: 0 is not known */
    or_json_put_u64(w, e->context_length);
    put_count(w, "max_completion_tokens", e->max_completion_tokens);
    put_count(w, "max_prompt_tokens", e->max_prompt_tokens);
    or_json_put_key(w, OR_STR("pricing"));
    put_prices(w, &e->prices);
    member_str(w, "quantization", or_str_z(or_quantization_name(e->quantization)));
    put_support(w, e);
    put_health(w, l->market, e, now_ms);
    or_json_end_object(w);
}

/* As the list had it, when it has all that may not be missing here. */
static void put_known_architecture(or_json_writer *w, const models_look *l)
{
    static const char *const names[] = {"tokenizer", "instruct_type", "modality",
                                        "input_modalities", "output_modalities"};
    or_json_item             found[5];
    unsigned                 num = 0;
    models_find_members(l->raw[MODELS_RAW_ARCHITECTURE].value, names, 5, found);
    while (num < 5 && found[num].type != OR_JSON_NONE) num++;
    if (num == 5 && found[3].type == OR_JSON_ARRAY && found[4].type == OR_JSON_ARRAY)
        or_json_put_raw(w, l->raw[MODELS_RAW_ARCHITECTURE].value);
    else
        put_architecture(w, l);
}

void models_put_offers(or_json_writer *w, const models_look *l, bool all, uint32_t now_ms)
{
    static const char *const names[] = {"description"};
    or_json_item             description;
    models_find_members(l->model->object, names, 1, &description);
    or_json_begin_object(w);
    member_str(w, "id", l->model->id);
    or_json_put_key(w, OR_STR("name"));
    put_name(w, l);
    or_json_put_key(w, OR_STR("created"));
    put_created(w, l);
    or_json_put_key(w, OR_STR("description"));
    or_json_put_raw(w,
                    description.type == OR_JSON_STRING ? raw_value(&description) : OR_STR("\"\""));
    or_json_put_key(w, OR_STR("architecture"));
    put_known_architecture(w, l);
    or_json_put_key(w, OR_STR("endpoints"));
    or_json_begin_array(w);
    for (uint32_t i = 0; all && i < l->model->num; i++) {
        const or_endpoint *e = models_endpoint_at(l, i);
        if (e != NULL) models_put_endpoint(w, l, e, now_ms);
    }
    or_json_end_array(w);
    or_json_end_object(w);
}
