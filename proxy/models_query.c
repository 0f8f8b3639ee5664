#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proxy/models_back.h"
#include "proxy/query.h"

/* ---- words ---- */

const char *const models_modalities[MODELS_NUM_MODALITIES] = {
    "text",       "image",  "file",      "audio",  "video",
    "embeddings", "rerank", "decisions", "speech", "transcription"};
const char *const models_parameters[OR_PARAM_NUM] = {
#define NAME(name, json) json,
    OR_PARAMS(NAME)
#undef NAME
};

static const char *const categories[] = {"programming", "roleplay", "marketing",   "marketing/seo",
                                         "technology",  "science",  "translation", "legal",
                                         "finance",     "health",   "trivia",      "academia"};

static const char *const sort_names[] = {"newest",
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

unsigned models_word(or_str word, const char *const *list, unsigned num)
{
    unsigned i = 0;
    while (i < num && !or_str_eq_nocase(word, or_str_z(list[i]))) i++;
    return i;
}

/* The same for an array. */
#define WORD_INDEX(word, list) models_word(word, list, (unsigned)(sizeof(list) / sizeof(list)[0]))

bool models_next_part(or_str *rest, char separator, or_str *part)
{
    size_t n = 0;
    if (rest->ptr == NULL) return false;
    while (n < rest->len && rest->ptr[n] != separator) n++;
    *part = or_str_trim(or_str_of(rest->ptr, n));
    *rest = n < rest->len ? or_str_of(rest->ptr + n + 1, rest->len - n - 1) : or_str_of(NULL, 0);
    return true;
}

bool models_fail(models_reply *r, unsigned status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    r->status = (uint16_t)status;
    vsnprintf(r->message, sizeof r->message, format, args);
    va_end(args);
    return false;
}

/* ---- what comes in a URL ---- */

static bool read_count(or_str value, uint64_t min, uint64_t max, uint32_t *out)
{
    uint64_t n;
    if (or_u64_read(value, &n) != OR_OK || n < min || n > max) return false;
    *out = (uint32_t)n;
    return true;
}

static bool read_offset(models_query *q, or_str value, unsigned which)
{
    (void)which;
    q->paged = true;
    return read_count(value, 0, UINT32_MAX, &q->offset);
}

static bool read_limit(models_query *q, or_str value, unsigned which)
{
    (void)which;
    q->paged = true;
    return read_count(value, 1, MODELS_MAX_PAGE, &q->limit);
}

static bool read_context(models_query *q, or_str value, unsigned which)
{
    (void)which;
    return read_count(value, 0, UINT32_MAX, &q->context);
}

static bool read_category(models_query *q, or_str value, unsigned which)
{
    (void)which;
    q->category = true;
    return WORD_INDEX(value, categories) < sizeof categories / sizeof categories[0];
}

static bool read_parameters(models_query *q, or_str value, unsigned which)
{
    or_str part;
    (void)which;
    q->parameters = 0;
    while (models_next_part(&value, ',', &part)) {
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
    while (models_next_part(&value, ',', &part)) {
        unsigned i = models_word(part, models_modalities, num);
        if (i == num) return false;
        *bits |= (uint32_t)1 << i;
    }
    return true;
}

static bool read_input(models_query *q, or_str value, unsigned which)
{
    (void)which;
    return read_modalities(value, 5, &q->input); /* those behind "video" are only given */
}

static bool read_output(models_query *q, or_str value, unsigned which)
{
    (void)which;
    if (!or_str_eq_nocase(value, OR_STR("all")))
        return read_modalities(value, MODELS_NUM_MODALITIES, &q->output);
    q->output = MODELS_ALL_MODALITIES;
    return true;
}

static bool read_sort(models_query *q, or_str value, unsigned which)
{
    unsigned i = WORD_INDEX(value, sort_names);
    (void)which;
    q->sort = i < MODELS_SORT_NONE ? (models_sort)i : MODELS_SORT_NONE;
    return i < sizeof sort_names / sizeof sort_names[0];
}

static bool read_text(models_query *q, or_str value, unsigned which)
{
    memcpy(q->memory[which], value.ptr, value.len);
    q->text[which] = or_str_of(q->memory[which], value.len);
    return true;
}

static bool read_region(models_query *q, or_str value, unsigned which)
{
    return (or_str_eq(value, OR_STR("eu")) || or_str_eq(value, OR_STR("us"))) &&
           read_text(q, value, which);
}

static bool read_tri(or_str value, or_tri *out)
{
    *out = or_str_eq(value, OR_STR("true")) ? OR_YES : OR_NO;
    return *out == OR_YES || or_str_eq(value, OR_STR("false"));
}

static bool read_distillable(models_query *q, or_str value, unsigned which)
{
    (void)which;
    return read_tri(value, &q->distillable);
}

static bool read_zdr(models_query *q, or_str value, unsigned which)
{
    (void)which;
    q->zdr = true;
    return or_str_eq(value, OR_STR("true"));
}

/* What this server does not do can still be declined. */
static bool read_declined(models_query *q, or_str value, unsigned which)
{
    (void)q;
    (void)which;
    return or_str_eq(value, OR_STR("false"));
}

static void open_range(models_query *q, unsigned which)
{
    if (q->range[which].set) return;
    q->range[which].set = true;
    q->range[which].min = 0;
    q->range[which].max = INT64_MAX;
}

static bool read_min(models_query *q, or_str value, unsigned which)
{
    open_range(q, which);
    return or_decimal_round(value, 6, &q->range[which].min) == OR_OK && q->range[which].min >= 0;
}

static bool read_max(models_query *q, or_str value, unsigned which)
{
    open_range(q, which);
    return or_decimal_round(value, 6, &q->range[which].max) == OR_OK && q->range[which].max >= 0;
}

typedef struct parameter {
    const char *name;
    bool (*read)(models_query *q, or_str value, unsigned which);
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
    {"q", read_text, MODELS_TEXT_SEARCH, "words"},
    {"context", read_context, 0, "a whole number of tokens"},
    {"min_price", read_min, MODELS_RANGE_PROMPT, NULL},
    {"max_price", read_max, MODELS_RANGE_PROMPT, NULL},
    {"min_output_price", read_min, MODELS_RANGE_COMPLETION, NULL},
    {"max_output_price", read_max, MODELS_RANGE_COMPLETION, NULL},
    {"arch", read_text, MODELS_TEXT_ARCH, "the name of a family"},
    {"model_authors", read_text, MODELS_TEXT_AUTHORS, "names with commas between"},
    {"providers", read_text, MODELS_TEXT_PROVIDERS, "names with commas between"},
    {"distillable", read_distillable, 0, "true or false"},
    {"zdr", read_zdr, 0, "true"},
    {"region", read_region, MODELS_TEXT_REGION, "eu or us"},
    {"min_age_days", read_min, MODELS_RANGE_AGE, NULL},
    {"max_age_days", read_max, MODELS_RANGE_AGE, NULL},
    {"min_intelligence_index", read_min, MODELS_RANGE_INTELLIGENCE, NULL},
    {"max_intelligence_index", read_max, MODELS_RANGE_INTELLIGENCE, NULL},
    {"min_coding_index", read_min, MODELS_RANGE_CODING, NULL},
    {"max_coding_index", read_max, MODELS_RANGE_CODING, NULL},
    {"min_agentic_index", read_min, MODELS_RANGE_AGENTIC, NULL},
    {"max_agentic_index", read_max, MODELS_RANGE_AGENTIC, NULL},
    {"min_tool_success_rate", read_min, MODELS_RANGE_SUCCESS, NULL},
    {"max_tool_success_rate", read_max, MODELS_RANGE_SUCCESS, NULL},
    {"use_rss", read_declined, 0, "false: lists are JSON only"},
    {"use_rss_chat_links", read_declined, 0, "false: lists are JSON only"},
};

bool models_next_pair(or_str *rest, or_str *name, or_str *value)
{
    or_str pair;
    if (!models_next_part(rest, '&', &pair)) return false;
    size_t n = or_str_find(pair, OR_STR("="), 0);
    *name = or_str_of(pair.ptr, n);
    *value = n < pair.len ? or_str_of(pair.ptr + n + 1, pair.len - n - 1) : or_str_of("", 0);
    return true;
}

static const parameter *find_parameter(or_str raw)
{
    char   buf[32];
    or_str name;
    if (!query_decode(raw, true, buf, sizeof buf, &name)) return NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (or_str_eq(name, or_str_z(known[i].name))) return &known[i];
    return NULL;
}

bool models_query_read(models_query *q, const models_ask *ask, models_reply *r)
{
    or_str rest = ask->query, name, raw, value;
    char   buf[MODELS_MAX_VALUE];
    memset(q, 0, sizeof *q);
    q->output = OR_MODALITY_TEXT;
    q->limit = MODELS_PAGE;
    q->sort = MODELS_SORT_NONE;
    while (models_next_pair(&rest, &name, &raw)) {
        const parameter *p = find_parameter(name);
        if (p == NULL) continue;
        if (!query_decode(raw, true, buf, sizeof buf, &value))
            return models_fail(r, 400, "%s is malformed, or longer than %d bytes", p->name,
                               MODELS_MAX_VALUE);
        value = or_str_trim(value);
        if (value.len > 0 && !p->read(q, value, p->which))
            return models_fail(r, 400, "%s has a value that is not understood: use %s", p->name,
                               p->mend != NULL ? p->mend : "a number that is not negative");
    }
    if (ask->embeddings) q->output = OR_MODALITY_EMBEDDINGS;
    return true;
}

bool models_is_paging(or_str name)
{
    const parameter *p = find_parameter(name);
    return p != NULL && (p->read == read_offset || p->read == read_limit);
}
