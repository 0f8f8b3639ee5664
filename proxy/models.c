#include "proxy/models.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proxy/mem.h"

/* ---- words ---- */

/* The first seven are the bits of or.h. */
static const char *const modalities[] = {"text",       "image",  "file",      "audio",  "video",
                                         "embeddings", "rerank", "decisions", "speech", "transcription"};
enum {
    NUM_MODALITIES = sizeof modalities / sizeof modalities[0],
    MODALITY_ALL = 1 << NUM_MODALITIES /* the word "all" in a query */
};

static const char *const parameters[] = {
#define NAME(name, json) json,
    OR_PARAMS(NAME)
#undef NAME
};

static const char *const categories[] = {
    "programming", "roleplay", "marketing", "marketing/seo", "technology", "science",
    "translation", "legal",    "finance",   "health",        "trivia",     "academia"};

/* Sorts in the order of sort_names; the last ones need data that nobody here has. */
typedef enum sort {
    SORT_NEWEST,
    SORT_CHEAP,
    SORT_DEAR,
    SORT_CONTEXT,
    SORT_FAST,
    SORT_PROMPT,
    SORT_INTELLIGENCE,
    SORT_CODING,
    SORT_AGENTIC,
    SORT_NONE
} sort;

static const char *const sort_names[] = {
    "newest",
    "pricing-low-to-high",
    "pricing-high-to-low",
    "context-high-to-low",
    "throughput-high-to-low",
    "latency-low-to-high",
    "intelligence-high-to-low",
    "coding-high-to-low",
    "agentic-high-to-low",
    "most-popular",
    "top-weekly",
    "design-arena-elo-high-to-low"};

/* The place of a word in a list; num when it is not there. */
static unsigned word_index(or_str word, const char *const *list, unsigned num)
{
    unsigned i = 0;
    while (i < num && !or_str_eq_nocase(word, or_str_z(list[i]))) i++;
    return i;
}

#define WORD_INDEX(word, list) word_index(word, list, (unsigned)(sizeof(list) / sizeof(list)[0]))

/* The next part of a list, without white space around it; false at the end. */
static bool next_part(or_str *rest, char separator, or_str *part)
{
    size_t n = 0;
    if (rest->ptr == NULL) return false;
    while (n < rest->len && rest->ptr[n] != separator) n++;
    *part = or_str_trim(or_str_of(rest->ptr, n));
    *rest = n < rest->len ? or_str_of(rest->ptr + n + 1, rest->len - n - 1) : or_str_of(NULL, 0);
    return true;
}

static bool contains_nocase(or_str text, or_str word)
{
    for (size_t i = 0; i + word.len <= text.len; i++)
        if (or_str_eq_nocase(or_str_of(text.ptr + i, word.len), word)) return true;
    return false;
}

__attribute__((format(printf, 3, 4))) static bool fail(models_reply *r, unsigned status,
                                                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    r->status = (uint16_t)status;
    vsnprintf(r->message, sizeof r->message, format, args);
    va_end(args);
    return false;
}

/* ---- what comes in a URL ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo percent-encoding. False: malformed, a control byte, or more than cap bytes. */
static bool decode(or_str in, bool plus_is_space, char *buf, size_t cap, or_str *out)
{
    size_t len = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '%') {
            int high = -1, low = -1;
            if (i + 2 < in.len) {
                high = hex_digit(in.ptr[i + 1]);
                low = hex_digit(in.ptr[i + 2]);
            }
            if (high < 0 || low < 0) return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7f || len == cap) return false;
        buf[len++] = c;
    }
    *out = or_str_of(buf, len);
    return true;
}

/* Numbers that have a smallest and a largest value. All in millionths: USD for a million tokens
   are then pico-USD for one. */
enum { RANGE_PROMPT, RANGE_COMPLETION, RANGE_AGE, RANGE_INTELLIGENCE, RANGE_CODING, RANGE_AGENTIC,
       RANGE_SUCCESS, NUM_RANGES };

/* Values that are kept as text. */
enum { TEXT_SEARCH, TEXT_ARCH, TEXT_AUTHORS, TEXT_PROVIDERS, TEXT_REGION, NUM_TEXTS };

/* A query that was understood. */
typedef struct query {
    uint32_t offset, limit;
    uint32_t parameters;
    uint32_t input, output; /* bits; output MODALITY_ALL: any */
    uint32_t context;
    sort     sort;
    or_tri   distillable;
    bool     paged, zdr, category;
    struct {
        bool    set;
        int64_t min, max;
    } range[NUM_RANGES];
    or_str text[NUM_TEXTS];
    char   memory[NUM_TEXTS][MODELS_MAX_VALUE];
} query;

static bool read_count(or_str value, uint64_t min, uint64_t max, uint32_t *out)
{
    uint64_t n;
    if (or_u64_read(value, &n) != OR_OK || n < min || n > max) return false;
    *out = (uint32_t)n;
    return true;
}

static bool read_offset(query *q, or_str value, unsigned which)
{
    (void)which;
    q->paged = true;
    return read_count(value, 0, UINT32_MAX, &q->offset);
}

static bool read_limit(query *q, or_str value, unsigned which)
{
    (void)which;
    q->paged = true;
    return read_count(value, 1, MODELS_MAX_PAGE, &q->limit);
}

static bool read_context(query *q, or_str value, unsigned which)
{
    (void)which;
    return read_count(value, 0, UINT32_MAX, &q->context);
}

static bool read_category(query *q, or_str value, unsigned which)
{
    (void)which;
    q->category = true;
    return WORD_INDEX(value, categories) < sizeof categories / sizeof categories[0];
}

static bool read_parameters(query *q, or_str value, unsigned which)
{
    or_str part;
    (void)which;
    q->parameters = 0;
    while (next_part(&value, ',', &part)) {
        uint32_t bit = or_param_bit(part);
        if (bit == 0) return false;
        q->parameters |= bit;
    }
    return true;
}

static bool read_modalities(or_str value, unsigned num, uint32_t *bits)
{
    or_str part;
    *bits = 0;
    while (next_part(&value, ',', &part)) {
        unsigned i = word_index(part, modalities, num);
        if (i == num) return false;
        *bits |= (uint32_t)1 << i;
    }
    return true;
}

static bool read_input(query *q, or_str value, unsigned which)
{
    (void)which;
    return read_modalities(value, 5, &q->input); /* those behind "video" are only given */
}

static bool read_output(query *q, or_str value, unsigned which)
{
    (void)which;
    if (!or_str_eq_nocase(value, OR_STR("all")))
        return read_modalities(value, NUM_MODALITIES, &q->output);
    q->output = MODALITY_ALL;
    return true;
}

static bool read_sort(query *q, or_str value, unsigned which)
{
    unsigned i = WORD_INDEX(value, sort_names);
    (void)which;
    q->sort = i < SORT_NONE ? (sort)i : SORT_NONE;
    return i < sizeof sort_names / sizeof sort_names[0];
}

static bool read_text(query *q, or_str value, unsigned which)
{
    memcpy(q->memory[which], value.ptr, value.len);
    q->text[which] = or_str_of(q->memory[which], value.len);
    return true;
}

static bool read_region(query *q, or_str value, unsigned which)
{
    return (or_str_eq(value, OR_STR("eu")) || or_str_eq(value, OR_STR("us"))) &&
           read_text(q, value, which);
}

static bool read_tri(or_str value, or_tri *out)
{
    *out = or_str_eq(value, OR_STR("true")) ? OR_YES : OR_NO;
    return *out == OR_YES || or_str_eq(value, OR_STR("false"));
}

static bool read_distillable(query *q, or_str value, unsigned which)
{
    (void)which;
    return read_tri(value, &q->distillable);
}

static bool read_zdr(query *q, or_str value, unsigned which)
{
    (void)which;
    q->zdr = true;
    return or_str_eq(value, OR_STR("true"));
}

/* What this server does not do can still be declined. */
static bool read_declined(query *q, or_str value, unsigned which)
{
    (void)q;
    (void)which;
    return or_str_eq(value, OR_STR("false"));
}

static void open_range(query *q, unsigned which)
{
    if (q->range[which].set) return;
    q->range[which].set = true;
    q->range[which].min = 0;
    q->range[which].max = INT64_MAX;
}

static bool read_min(query *q, or_str value, unsigned which)
{
    open_range(q, which);
    return or_decimal_round(value, 6, &q->range[which].min) == OR_OK && q->range[which].min >= 0;
}

static bool read_max(query *q, or_str value, unsigned which)
{
    open_range(q, which);
    return or_decimal_round(value, 6, &q->range[which].max) == OR_OK && q->range[which].max >= 0;
}

typedef struct parameter {
    const char *name;
    bool (*read)(query *q, or_str value, unsigned which);
    unsigned    which;
    const char *mend; /* after "use "; NULL: a number */
} parameter;

static const parameter known[] = {
    {"offset", read_offset, 0, "a whole number"},
    {"limit", read_limit, 0, "a whole number from 1 to 1000"},
    {"category", read_category, 0,
     "programming, roleplay, marketing, marketing/seo, technology, science, translation, legal, "
     "finance, health, trivia or academia"},
    {"supported_parameters", read_parameters, 0,
     "names as tools, reasoning or max_tokens, with commas between them"},
    {"input_modalities", read_input, 0, "text, image, file, audio, video, with commas between"},
    {"output_modalities", read_output, 0,
     "all, or of text, image, embeddings, audio, video, rerank, decisions, speech, transcription "
     "some, with commas between"},
    {"sort", read_sort, 0,
     "newest, pricing-low-to-high, pricing-high-to-low, context-high-to-low, "
     "throughput-high-to-low, latency-low-to-high, intelligence-, coding-, agentic- or "
     "design-arena-elo-high-to-low, most-popular or top-weekly"},
    {"q", read_text, TEXT_SEARCH, "words"},
    {"context", read_context, 0, "a whole number of tokens"},
    {"min_price", read_min, RANGE_PROMPT, NULL},
    {"max_price", read_max, RANGE_PROMPT, NULL},
    {"min_output_price", read_min, RANGE_COMPLETION, NULL},
    {"max_output_price", read_max, RANGE_COMPLETION, NULL},
    {"arch", read_text, TEXT_ARCH, "the name of a family"},
    {"model_authors", read_text, TEXT_AUTHORS, "names with commas between"},
    {"providers", read_text, TEXT_PROVIDERS, "names with commas between"},
    {"distillable", read_distillable, 0, "true or false"},
    {"zdr", read_zdr, 0, "true"},
    {"region", read_region, TEXT_REGION, "eu or us"},
    {"min_age_days", read_min, RANGE_AGE, NULL},
    {"max_age_days", read_max, RANGE_AGE, NULL},
    {"min_intelligence_index", read_min, RANGE_INTELLIGENCE, NULL},
    {"max_intelligence_index", read_max, RANGE_INTELLIGENCE, NULL},
    {"min_coding_index", read_min, RANGE_CODING, NULL},
    {"max_coding_index", read_max, RANGE_CODING, NULL},
    {"min_agentic_index", read_min, RANGE_AGENTIC, NULL},
    {"max_agentic_index", read_max, RANGE_AGENTIC, NULL},
    {"min_tool_success_rate", read_min, RANGE_SUCCESS, NULL},
    {"max_tool_success_rate", read_max, RANGE_SUCCESS, NULL},
    {"use_rss", read_declined, 0, "false: lists are JSON only"},
    {"use_rss_chat_links", read_declined, 0, "false: lists are JSON only"},
};

/* The next name=value of a query, not decoded; false at the end. */
static bool next_pair(or_str *rest, or_str *name, or_str *value)
{
    or_str pair;
    if (!next_part(rest, '&', &pair)) return false;
    size_t n = or_str_find(pair, OR_STR("="), 0);
    *name = or_str_of(pair.ptr, n);
    *value = n < pair.len ? or_str_of(pair.ptr + n + 1, pair.len - n - 1) : or_str_of("", 0);
    return true;
}

static const parameter *find_parameter(or_str raw)
{
    char   buf[32];
    or_str name;
    if (!decode(raw, true, buf, sizeof buf, &name)) return NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (or_str_eq(name, or_str_z(known[i].name))) return &known[i];
    return NULL;
}

static bool read_query(query *q, const models_ask *ask, models_reply *r)
{
    or_str rest = ask->query, name, raw, value;
    char   buf[MODELS_MAX_VALUE];
    memset(q, 0, sizeof *q);
    q->output = OR_MODALITY_TEXT;
    q->limit = MODELS_PAGE;
    q->sort = SORT_NONE;
    while (next_pair(&rest, &name, &raw)) {
        const parameter *p = find_parameter(name);
        if (p == NULL) continue;
        if (!decode(raw, true, buf, sizeof buf, &value))
            return fail(r, 400, "%s is malformed, or longer than %d bytes", p->name,
                        MODELS_MAX_VALUE);
        value = or_str_trim(value);
        if (value.len > 0 && !p->read(q, value, p->which))
            return fail(r, 400, "%s has a value that is not understood: use %s", p->name,
                        p->mend != NULL ? p->mend : "a number that is not negative");
    }
    if (ask->embeddings) q->output = OR_MODALITY_EMBEDDINGS;
    return true;
}

/* ---- a model ---- */

/* Find members of an object in one pass; the type of those that are absent is NONE. */
static void find_members(or_str object, const char *const *names, unsigned num,
                         or_json_item *found)
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
            if (found[i].type == OR_JSON_NONE && or_json_str_is(item.key, or_str_z(names[i])))
                found[i] = item;
    }
}

/* A value as it stood in its document: strings with their quotes. */
static or_str raw_value(const or_json_item *item)
{
    if (item->type != OR_JSON_STRING) return item->value;
    return or_str_of(item->value.ptr - 1, item->value.len + 2);
}

/* Members of a raw object that are looked at. */
enum { RAW_NAME, RAW_CREATED, RAW_CONTEXT, RAW_ARCHITECTURE, RAW_PRICING, RAW_PARAMETERS,
       RAW_BENCHMARKS, NUM_RAW };
static const char *const raw_names[NUM_RAW] = {
    "name", "created", "context_length", "architecture", "pricing", "supported_parameters",
    "benchmarks"};

/* All there is to know of a model. */
typedef struct look {
    const market       *market;
    const market_model *model;
    const conf_key     *key;
    or_json_item        raw[NUM_RAW];
    const or_endpoint  *top;     /* the cheapest, else the first; NULL: none may be used */
    uint32_t            context; /* 0: not known */
    uint32_t            parameters;
    uint32_t            input, output; /* bits; 0: not known */
    uint32_t            success;       /* of tool calls, permille; 0: not known */
    int64_t             created;       /* -1: not known */
} look;

/* pico-USD for so many prompt tokens and one of the completion, discount off; -1: not known. */
static int64_t price_of(const or_endpoint *e, uint64_t prompts)
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
    int64_t x = price_of(a, 3), y = price_of(b, 3);
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

/* The i-th endpoint of the model; NULL when it is not to be shown. */
static const or_endpoint *endpoint_at(const look *l, uint32_t i)
{
    uint32_t index = l->model->first + i;
    if (index >= l->market->num_listed || index >= l->market->catalogue.num) return NULL;
    const or_endpoint *e = &l->market->catalogue.endpoints[index];
    return is_usable(e, l->key) ? e : NULL;
}

static void look_at_endpoint(look *l, const or_endpoint *e)
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
        unsigned i = item.type == OR_JSON_STRING ? word_index(item.value, list, num) : num;
        if (i < num) bits |= (uint32_t)1 << i;
    }
    return bits;
}

static void look_at_object(look *l)
{
    static const char *const names[] = {"input_modalities", "output_modalities"};
    or_json_item             found[2];
    int64_t                  n;
    find_members(l->model->object, raw_names, NUM_RAW, l->raw);
    find_members(l->raw[RAW_ARCHITECTURE].value, names, 2, found);
    l->input |= word_bits(&found[0], modalities, NUM_MODALITIES);
    l->output |= word_bits(&found[1], modalities, NUM_MODALITIES);
    l->parameters |= word_bits(&l->raw[RAW_PARAMETERS], parameters, OR_PARAM_NUM);
    l->created = -1;
    if (l->raw[RAW_CREATED].type == OR_JSON_NUMBER &&
        or_decimal_read(l->raw[RAW_CREATED].value, 0, &n) == OR_OK && n > 0)
        l->created = n;
    if (l->context == 0 && l->raw[RAW_CONTEXT].type == OR_JSON_NUMBER &&
        or_decimal_read(l->raw[RAW_CONTEXT].value, 0, &n) == OR_OK && n > 0 && n <= UINT32_MAX)
        l->context = (uint32_t)n;
}

/* False: none of it may be used, so it is not shown. */
static bool look_at(look *l, const market *m, const market_model *model, const conf_key *key)
{
    memset(l, 0, sizeof *l);
    l->market = m;
    l->model = model;
    l->key = key;
    for (uint32_t i = 0; i < model->num; i++) {
        const or_endpoint *e = endpoint_at(l, i);
        if (e != NULL) look_at_endpoint(l, e);
    }
    if (model->num > 0 && l->top == NULL) return false;
    look_at_object(l);
    return key == NULL || matches_any(model->id, key->models, key->num_models) ||
           (l->top != NULL && l->top->canonical.ptr != NULL &&
            matches_any(l->top->canonical, key->models, key->num_models));
}

/* One of Artificial Analysis' numbers, in millionths; -1: not known. */
static int64_t benchmark(const look *l, const char *name)
{
    static const char *const place[] = {"artificial_analysis"};
    or_json_item             found;
    int64_t                  n;
    find_members(l->raw[RAW_BENCHMARKS].value, place, 1, &found);
    find_members(found.value, &name, 1, &found);
    if (found.type != OR_JSON_NUMBER || or_decimal_round(found.value, 6, &n) != OR_OK) return -1;
    return n;
}

/* ---- filters and orders ---- */

static int64_t base_price(const look *l, or_price_key key)
{
    if (l->top == NULL || (l->top->prices.base.known & 1u << key) == 0) return -1;
    uint64_t pico = l->top->prices.base.pico[key];
    return pico > INT64_MAX ? INT64_MAX : (int64_t)pico;
}

/* What a range is about, in millionths; -1: not known. */
static int64_t range_value(const look *l, unsigned which, int64_t now_s)
{
    int64_t n = 0;
    switch (which) {
    case RANGE_PROMPT: return base_price(l, OR_PRICE_PROMPT);
    case RANGE_COMPLETION: return base_price(l, OR_PRICE_COMPLETION);
    case RANGE_INTELLIGENCE: return benchmark(l, "intelligence_index");
    case RANGE_CODING: return benchmark(l, "coding_index");
    case RANGE_AGENTIC: return benchmark(l, "agentic_index");
    case RANGE_SUCCESS: return l->success > 0 ? (int64_t)l->success * 1000 : -1;
    default: break;
    }
    if (l->created < 0) return -1;
    n = now_s > l->created ? now_s - l->created : 0;
    return or_mul_i64(n / 86400, 1000000, &n) ? n : INT64_MAX;
}

static bool in_ranges(const query *q, const look *l, int64_t now_s)
{
    for (unsigned i = 0; i < NUM_RANGES; i++) {
        if (!q->range[i].set) continue;
        int64_t n = range_value(l, i, now_s);
        if (n < q->range[i].min || n > q->range[i].max) return false;
    }
    return true;
}

/* Each word stands in the id or the name. */
static bool is_found(const look *l, or_str words)
{
    or_str word, name = l->raw[RAW_NAME].type == OR_JSON_STRING ? l->raw[RAW_NAME].value
                                                                : or_str_of("", 0);
    while (next_part(&words, ' ', &word))
        if (!contains_nocase(l->model->id, word) && !contains_nocase(name, word)) return false;
    return true;
}

/* The part in front of the slash, without the ~ of an alias; empty when there is none. */
static or_str author_of(or_str id)
{
    size_t n = or_str_find(id, OR_STR("/"), 0);
    if (n == id.len) return or_str_of("", 0);
    return n > 0 && id.ptr[0] == '~' ? or_str_of(id.ptr + 1, n - 1) : or_str_of(id.ptr, n);
}

static bool is_author_listed(const look *l, or_str list)
{
    or_str name;
    while (next_part(&list, ',', &name))
        if (name.len > 0 && or_str_eq_nocase(name, author_of(l->model->id))) return true;
    return false;
}

static bool is_of_family(const look *l, or_str family)
{
    static const char *const names[] = {"tokenizer"};
    or_json_item             found;
    find_members(l->raw[RAW_ARCHITECTURE].value, names, 1, &found);
    return found.type == OR_JSON_STRING && or_str_eq_nocase(found.value, family);
}

static bool is_provider_listed(const or_endpoint *e, or_str list)
{
    or_str name;
    while (next_part(&list, ',', &name))
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
static bool has_endpoint(const query *q, const look *l)
{
    const or_str *providers = &q->text[TEXT_PROVIDERS], *region = &q->text[TEXT_REGION];
    if (providers->ptr == NULL && region->ptr == NULL && !q->zdr) return true;
    for (uint32_t i = 0; i < l->model->num; i++) {
        const or_endpoint *e = endpoint_at(l, i);
        if (e != NULL && (!q->zdr || e->zdr == OR_YES) &&
            (region->ptr == NULL || is_in_region(e, *region)) &&
            (providers->ptr == NULL || is_provider_listed(e, *providers)))
            return true;
    }
    return false;
}

static bool is_distillable(const look *l)
{
    for (uint32_t i = 0; i < l->model->num; i++) {
        const or_endpoint *e = endpoint_at(l, i);
        if (e != NULL && e->distillable == OR_YES) return true;
    }
    return false;
}

static bool is_wanted(const query *q, const look *l, int64_t now_s)
{
    uint32_t      input = l->input != 0 ? l->input : OR_MODALITY_TEXT;
    uint32_t      output = l->output != 0 ? l->output : OR_MODALITY_TEXT;
    const or_str *text = q->text;
    if (q->category) return false;
    if (q->output != MODALITY_ALL && (q->output & output) == 0) return false;
    if ((q->input & ~input) != 0 || (q->parameters & ~l->parameters) != 0) return false;
    if (l->context < q->context) return false;
    if (q->distillable != OR_UNKNOWN && is_distillable(l) != (q->distillable == OR_YES))
        return false;
    if (text[TEXT_SEARCH].ptr != NULL && !is_found(l, text[TEXT_SEARCH])) return false;
    if (text[TEXT_AUTHORS].ptr != NULL && !is_author_listed(l, text[TEXT_AUTHORS])) return false;
    if (text[TEXT_ARCH].ptr != NULL && !is_of_family(l, text[TEXT_ARCH])) return false;
    return has_endpoint(q, l) && in_ranges(q, l, now_s);
}

static void health_of(const market *m, const or_endpoint *e, uint32_t now_ms, or_health *h)
{
    memset(h, 0, sizeof *h);
    if (m->stats != NULL)
        or_stats_health(&m->stats[e - m->catalogue.endpoints], now_ms, true, h);
}

/* The best median among the endpoints; -1: no data. */
static int64_t best_median(const look *l, bool rate, uint32_t now_ms)
{
    or_health h;
    int64_t   best = -1;
    for (uint32_t i = 0; i < l->model->num; i++) {
        const or_endpoint *e = endpoint_at(l, i);
        if (e == NULL) continue;
        health_of(l->market, e, now_ms, &h);
        uint32_t n = rate ? h.throughput_milli.p50 : h.latency_ms.p50;
        if (n > 0 && (best < 0 || (rate ? n > best : n < best))) best = n;
    }
    return best;
}

/* The number that models are sorted by, largest first but for those of SORT_CHEAP and
   SORT_PROMPT; -1: not known. */
static int64_t sort_value(const look *l, sort by, uint32_t now_ms)
{
    switch (by) {
    case SORT_NEWEST: return l->created;
    case SORT_CHEAP:
    case SORT_DEAR: return l->top != NULL ? price_of(l->top, 1) : -1;
    case SORT_CONTEXT: return l->context > 0 ? (int64_t)l->context : -1;
    case SORT_FAST: return best_median(l, true, now_ms);
    case SORT_PROMPT: return best_median(l, false, now_ms);
    case SORT_INTELLIGENCE: return range_value(l, RANGE_INTELLIGENCE, 0);
    case SORT_CODING: return range_value(l, RANGE_CODING, 0);
    case SORT_AGENTIC: return range_value(l, RANGE_AGENTIC, 0);
    case SORT_NONE: break;
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

static void sort_places(place *order, const market *m, sort by, const models_ask *ask)
{
    bool up = by == SORT_CHEAP || by == SORT_PROMPT;
    look l;
    for (uint32_t i = 0; i < m->num_models; i++) {
        (void)look_at(&l, m, &m->models[i], ask->key);
        int64_t n = sort_value(&l, by, ask->now_ms);
        order[i].model = i;
        order[i].key = n < 0 ? UINT64_MAX : up ? (uint64_t)n : UINT64_MAX - 1 - (uint64_t)n;
    }
    qsort(order, m->num_models, sizeof *order, compare_places);
}

/* ---- writing: parts of models and endpoints ---- */

static void put_text(or_json_writer *w, const char *name, or_str value)
{
    or_json_put_key(w, or_str_z(name));
    or_json_put_str(w, value);
}

static void put_bool(or_json_writer *w, const char *name, bool value)
{
    or_json_put_key(w, or_str_z(name));
    or_json_put_bool(w, value);
}

static void put_null(or_json_writer *w, const char *name)
{
    or_json_put_key(w, or_str_z(name));
    or_json_put_null(w);
}

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
    char   text[40];
    or_buf b;
    or_buf_init(&b, text, sizeof text);
    if ((list->known & 1u << key) == 0 || list->pico[key] > INT64_MAX)
        or_buf_put_z(&b, "-1");
    else
        or_decimal_put(&b, (int64_t)list->pico[key], 12);
    put_text(w, or_price_name((or_price_key)key), or_buf_str(&b));
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
        for (unsigned i = 0; i < NUM_MODALITIES; i++) {
            if ((sides[side] & (uint32_t)1 << i) == 0) continue;
            if (!first) or_json_put_part(w, OR_STR("+"));
            or_json_put_part(w, or_str_z(modalities[i]));
            first = false;
        }
    }
    or_json_end_str(w);
}

/* The author, else the provider: OpenAI's owned_by. */
static or_str owner_of(const look *l)
{
    or_str author = author_of(l->model->id);
    if (author.len > 0 || l->top == NULL) return author;
    return l->top->provider;
}

/* ---- members of a model ---- */

static void put_id(or_json_writer *w, const look *l)
{
    or_json_put_str(w, l->model->id);
}

static void put_object_type(or_json_writer *w, const look *l)
{
    (void)l;
    or_json_put_str(w, OR_STR("model"));
}

static void put_owner(or_json_writer *w, const look *l)
{
    or_json_put_str(w, owner_of(l));
}

static void put_name(or_json_writer *w, const look *l)
{
    if (l->raw[RAW_NAME].type == OR_JSON_STRING)
        or_json_put_raw(w, raw_value(&l->raw[RAW_NAME]));
    else
        or_json_put_str(w, l->model->id);
}

static void put_canonical(or_json_writer *w, const look *l)
{
    bool has = l->top != NULL && l->top->canonical.ptr != NULL;
    or_json_put_str(w, has ? l->top->canonical : l->model->id);
}

static int64_t created_of(const look *l)
{
    return l->created >= 0 ? l->created : l->market->made_at;
}

static void put_created(or_json_writer *w, const look *l)
{
    or_json_put_i64(w, created_of(l));
}

/* The same as Anthropic has it: RFC 3339. */
static void put_created_at(or_json_writer *w, const look *l)
{
    char      text[40];
    struct tm tm;
    time_t    t = (time_t)created_of(l);
    if (gmtime_r(&t, &tm) != NULL && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        or_json_put_str(w, or_str_z(text));
    else
        or_json_put_str(w, OR_STR("1970-01-01T00:00:00Z"));
}

static void put_empty(or_json_writer *w, const look *l)
{
    (void)l;
    or_json_put_str(w, OR_STR(""));
}

static void put_nothing(or_json_writer *w, const look *l)
{
    (void)l;
    or_json_put_null(w);
}

static void put_context(or_json_writer *w, const look *l)
{
    if (l->context > 0)
        or_json_put_u64(w, l->context);
    else
        or_json_put_null(w);
}

static void put_architecture(or_json_writer *w, const look *l)
{
    uint32_t input = l->input != 0 ? l->input : OR_MODALITY_TEXT;
    uint32_t output = l->output != 0 ? l->output : OR_MODALITY_TEXT;
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("modality"));
    put_modality(w, input, output);
    or_json_put_key(w, OR_STR("input_modalities"));
    or_json_begin_array(w);
    put_bits(w, input, modalities, NUM_MODALITIES);
    or_json_end_array(w);
    or_json_put_key(w, OR_STR("output_modalities"));
    or_json_begin_array(w);
    put_bits(w, output, modalities, NUM_MODALITIES);
    or_json_end_array(w);
    put_text(w, "tokenizer", OR_STR("Other"));
    put_null(w, "instruct_type");
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
static bool is_raw_pricing_true(const look *l)
{
    const char  *names[OR_PRICE_NUM + 1];
    or_json_item found[OR_PRICE_NUM + 1];
    int64_t      discount = 0;
    for (unsigned i = 0; i < OR_PRICE_NUM; i++) names[i] = or_price_name((or_price_key)i);
    names[OR_PRICE_NUM] = "discount";
    find_members(l->raw[RAW_PRICING].value, names, OR_PRICE_NUM + 1, found);
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

static void put_pricing(or_json_writer *w, const look *l)
{
    if (l->raw[RAW_PRICING].type == OR_JSON_OBJECT && is_raw_pricing_true(l))
        or_json_put_raw(w, l->raw[RAW_PRICING].value);
    else
        put_prices(w, l->top != NULL ? &l->top->prices : NULL);
}

static void put_top_provider(or_json_writer *w, const look *l)
{
    or_json_begin_object(w);
    put_count(w, "context_length", l->top != NULL ? l->top->context_length : 0);
    put_count(w, "max_completion_tokens", l->top != NULL ? l->top->max_completion_tokens : 0);
    put_bool(w, "is_moderated", false);
    or_json_end_object(w);
}

/* Those the list had, also names that or.h does not know, then the others. */
static void put_parameters(or_json_writer *w, const look *l)
{
    const or_json_item *raw = &l->raw[RAW_PARAMETERS];
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
    put_bits(w, l->parameters & ~word_bits(raw, parameters, OR_PARAM_NUM), parameters,
             OR_PARAM_NUM);
    or_json_end_array(w);
}

static void put_links(or_json_writer *w, const look *l)
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
    void (*put)(or_json_writer *w, const look *l);
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
        find_members(item->value, &m->inner[i].name, 1, &found);
        if ((m->inner[i].accept & 1u << found.type) == 0) return false;
    }
    return true;
}

static unsigned member_index(or_str raw_key)
{
    unsigned i = 0;
    while (i < NUM_MEMBERS && !or_json_str_is(raw_key, or_str_z(members[i].name))) i++;
    return i;
}

/* A member of the raw object, or what stands in its place. */
static void put_raw_member(or_json_writer *w, const look *l, const or_json_item *item,
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

static void put_model(or_json_writer *w, const look *l)
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
    put_null(w, "uptime_last_30m");
    put_null(w, "uptime_last_5m");
}

static void put_percentiles(or_json_writer *w, const char *name, const or_percentiles *p,
                            unsigned scale)
{
    const char *const names[] = {"p50", "p75", "p90", "p99"};
    const uint32_t    values[] = {p->p50, p->p75, p->p90, p->p99};
    if (p->p50 == 0) {
        put_null(w, name);
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
    health_of(m, e, now_ms, &h);
    or_json_put_key(w, OR_STR("status"));
    or_json_put_i64(w, status_of(e, &h));
    put_uptime(w, s, &h);
    put_percentiles(w, "latency_last_30m", &h.latency_ms, 0);
    put_percentiles(w, "throughput_last_30m", &h.throughput_milli, 3);
}

static void put_support(or_json_writer *w, const or_endpoint *e)
{
    static const char *const choices[] = {"auto", "function", "none", "required"};
    uint32_t parameters_known = e->parameters_known ? e->parameters : 0;
    or_json_put_key(w, OR_STR("supported_parameters"));
    or_json_begin_array(w);
    put_bits(w, parameters_known, parameters, OR_PARAM_NUM);
    or_json_end_array(w);
    put_bool(w, "supports_implicit_caching",
             (e->prices.base.known & 1u << OR_PRICE_INPUT_CACHE_READ) != 0);
    or_json_put_key(w, OR_STR("supports_tool_choice"));
    or_json_begin_object(w);
    for (int i = 0; i < 4; i++)
        put_bool(w, choices[i], (parameters_known & 1u << OR_PARAM_TOOL_CHOICE) != 0);
    or_json_end_object(w);
    put_bool(w, "supports_voice_cloning", false);
}

static void put_endpoint(or_json_writer *w, const look *l, const or_endpoint *e, uint32_t now_ms)
{
    or_str title = provider_title(l->market, e);
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("name"));
    or_json_begin_str(w);
    or_json_put_part(w, title);
    or_json_put_part(w, OR_STR(": "));
    or_json_put_part(w, l->model->id);
    or_json_end_str(w);
    put_text(w, "model_id", l->model->id);
    or_json_put_key(w, OR_STR("model_name"));
    put_name(w, l);
    put_text(w, "provider_name", title);
    put_text(w, "tag", e->tag.ptr != NULL ? e->tag : e->provider);
    or_json_put_key(w, OR_STR("context_length")); /* may not be null: 0 is not known */
    or_json_put_u64(w, e->context_length);
    put_count(w, "max_completion_tokens", e->max_completion_tokens);
    put_count(w, "max_prompt_tokens", e->max_prompt_tokens);
    or_json_put_key(w, OR_STR("pricing"));
    put_prices(w, &e->prices);
    put_text(w, "quantization", or_str_z(or_quantization_name(e->quantization)));
    put_support(w, e);
    put_health(w, l->market, e, now_ms);
    or_json_end_object(w);
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
        return fail(r, 503, "no memory for this answer: raise limits.memory, or ask for less with "
                            "limit");
    return fail(r, 500, "the catalogue cannot be written: %s", or_err_text(e));
}

/* Where the following page is; null: nowhere. */
static void put_links_next(or_json_writer *w, const query *q, const models_ask *ask,
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
    while (next_part(&rest, '&', &pair)) {
        or_str           one = pair;
        const parameter *p = next_pair(&one, &name, &value) ? find_parameter(name) : NULL;
        if (pair.len == 0 || (p != NULL && (p->read == read_offset || p->read == read_limit)))
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
        put_null(w, name);
    else
        put_text(w, name, model->id);
}

/* order NULL: as they are in the market. */
static void put_list(or_json_writer *w, const market *m, const models_ask *ask, const query *q,
                     const place *order)
{
    const market_model *first = NULL, *last = NULL;
    uint32_t            total = 0;
    int64_t             now_s = ask->now_s != 0 ? ask->now_s : m->made_at;
    look                l;
    or_json_begin_object(w);
    put_text(w, "object", OR_STR("list"));
    or_json_put_key(w, OR_STR("data"));
    or_json_begin_array(w);
    for (uint32_t i = 0; i < m->num_models; i++) {
        const market_model *model = &m->models[order != NULL ? order[i].model : i];
        if (!look_at(&l, m, model, ask->key) || !is_wanted(q, &l, now_s)) continue;
        uint32_t at = total++;
        if (q->paged && (at < q->offset || at - q->offset >= q->limit)) continue;
        if (first == NULL) first = model;
        last = model;
        put_model(w, &l);
    }
    or_json_end_array(w);
    /* Anthropic's paging, by after_id, is not done here: it has to end after this page */
    put_bool(w, "has_more", false);
    put_id_or_null(w, "first_id", first);
    put_id_or_null(w, "last_id", last);
    or_json_put_key(w, OR_STR("total_count"));
    or_json_put_u64(w, total);
    put_links_next(w, q, ask, total);
    or_json_end_object(w);
}

bool models_list(or_buf *out, const market *m, const models_ask *ask, models_reply *r)
{
    or_json_writer w;
    query          q;
    place         *order = NULL;
    size_t         size = 0;
    if (!read_query(&q, ask, r)) return false;
    if (q.sort != SORT_NONE && m->num_models > 0) {
        if (!or_mul_size(m->num_models, sizeof *order, &size) || (order = mem_alloc(size)) == NULL)
            return fail(r, 503, "no memory to sort: raise limits.memory, or leave out sort");
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
    query          q;
    look           l;
    uint32_t       total = 0;
    int64_t        now_s = ask->now_s != 0 ? ask->now_s : m->made_at;
    if (!read_query(&q, ask, r)) return false;
    for (uint32_t i = 0; i < m->num_models; i++)
        if (look_at(&l, m, &m->models[i], ask->key) && is_wanted(&q, &l, now_s)) total++;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("count"));
    or_json_put_u64(&w, total);
    or_json_end_object(&w);
    or_json_end_object(&w);
    return finish(&w, r);
}

static bool fail_unknown(models_reply *r)
{
    return fail(r, 404, "no such model: GET /api/v1/models lists those there are");
}

static bool one(or_buf *out, const market *m, or_str raw, bool wrapped, models_reply *r)
{
    char           buf[MODELS_MAX_VALUE];
    or_str         id;
    or_json_writer w;
    look           l;
    if (!decode(raw, false, buf, sizeof buf, &id)) return fail_unknown(r);
    const market_model *model = market_find(m, id);
    if (model == NULL || !look_at(&l, m, model, NULL)) return fail_unknown(r);
    or_json_writer_init(&w, out);
    if (wrapped) {
        or_json_begin_object(&w);
        or_json_put_key(&w, OR_STR("data"));
    }
    put_model(&w, &l);
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

/* As the list had it, when it has all that may not be missing here. */
static void put_known_architecture(or_json_writer *w, const look *l)
{
    static const char *const names[] = {"tokenizer", "instruct_type", "modality",
                                        "input_modalities", "output_modalities"};
    or_json_item             found[5];
    unsigned                 num = 0;
    find_members(l->raw[RAW_ARCHITECTURE].value, names, 5, found);
    while (num < 5 && found[num].type != OR_JSON_NONE) num++;
    if (num == 5 && found[3].type == OR_JSON_ARRAY && found[4].type == OR_JSON_ARRAY)
        or_json_put_raw(w, l->raw[RAW_ARCHITECTURE].value);
    else
        put_architecture(w, l);
}

static void put_endpoints(or_json_writer *w, const look *l, bool all, uint32_t now_ms)
{
    or_json_put_key(w, OR_STR("endpoints"));
    or_json_begin_array(w);
    for (uint32_t i = 0; all && i < l->model->num; i++) {
        const or_endpoint *e = endpoint_at(l, i);
        if (e != NULL) put_endpoint(w, l, e, now_ms);
    }
    or_json_end_array(w);
}

bool models_endpoints(or_buf *out, const market *m, or_str raw, uint32_t now_ms, models_reply *r)
{
    static const char *const names[] = {"description"};
    char                     buf[MODELS_MAX_VALUE];
    or_str                   id;
    or_json_writer           w;
    or_json_item             description;
    look                     l;
    if (!decode(raw, false, buf, sizeof buf, &id)) return fail_unknown(r);
    const market_model *model = market_find(m, id), *found = model;
    if (model == NULL) model = find_base(m, id);
    if (model == NULL || !look_at(&l, m, model, NULL)) return fail_unknown(r);
    find_members(model->object, names, 1, &description);
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_object(&w);
    put_text(&w, "id", model->id);
    or_json_put_key(&w, OR_STR("name"));
    put_name(&w, &l);
    or_json_put_key(&w, OR_STR("created"));
    put_created(&w, &l);
    or_json_put_key(&w, OR_STR("description"));
    or_json_put_raw(&w, description.type == OR_JSON_STRING ? raw_value(&description)
                                                           : OR_STR("\"\""));
    or_json_put_key(&w, OR_STR("architecture"));
    put_known_architecture(&w, &l);
    put_endpoints(&w, &l, found != NULL, now_ms);
    or_json_end_object(&w);
    or_json_end_object(&w);
    return finish(&w, r);
}

bool models_zdr(or_buf *out, const market *m, uint32_t now_ms, models_reply *r)
{
    or_json_writer w;
    look           l;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_array(&w);
    for (uint32_t i = 0; i < m->num_models; i++) {
        if (!look_at(&l, m, &m->models[i], NULL)) continue;
        for (uint32_t k = 0; k < l.model->num; k++) {
            const or_endpoint *e = endpoint_at(&l, k);
            if (e != NULL && e->zdr == OR_YES) put_endpoint(&w, &l, e, now_ms);
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
    put_text(w, "name", or_str_z(p->title != NULL ? p->title : p->name));
    put_text(w, "slug", or_str_z(p->name));
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) put_null(w, unknown[i]);
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
