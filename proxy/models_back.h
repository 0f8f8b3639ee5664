/* What the parts of models share: models_query.c reads what was asked, models_object.c knows a
   model and writes it, models.c filters, sorts and answers. Only for these. */
#ifndef MODELS_BACK_H
#define MODELS_BACK_H

#include "proxy/member.h"
#include "proxy/models.h"

/* ---- what was asked ---- */

/* Kinds of content by their place; the first seven are the bits of or.h. */
enum {
    MODELS_NUM_MODALITIES = 10,
    MODELS_ALL_MODALITIES = 1 << MODELS_NUM_MODALITIES /* the word "all" in a query */
};
extern const char *const models_modalities[MODELS_NUM_MODALITIES];
extern const char *const models_parameters[OR_PARAM_NUM];

/* Sorts in the order of their names; the last ones need data that nobody here has. */
typedef enum models_sort {
    MODELS_SORT_NEWEST,
    MODELS_SORT_CHEAP,
    MODELS_SORT_DEAR,
    MODELS_SORT_CONTEXT,
    MODELS_SORT_FAST,
    MODELS_SORT_PROMPT,
    MODELS_SORT_INTELLIGENCE,
    MODELS_SORT_CODING,
    MODELS_SORT_AGENTIC,
    MODELS_SORT_NONE
} models_sort;

/* Numbers that have a smallest and a largest value. All in millionths: USD for a million tokens
   are then pico-USD for one. */
enum {
    MODELS_RANGE_PROMPT,
    MODELS_RANGE_COMPLETION,
    MODELS_RANGE_AGE,
    MODELS_RANGE_INTELLIGENCE,
    MODELS_RANGE_CODING,
    MODELS_RANGE_AGENTIC,
    MODELS_RANGE_SUCCESS,
    MODELS_NUM_RANGES
};

/* Values that are kept as text. */
enum {
    MODELS_TEXT_SEARCH,
    MODELS_TEXT_ARCH,
    MODELS_TEXT_AUTHORS,
    MODELS_TEXT_PROVIDERS,
    MODELS_TEXT_REGION,
    MODELS_NUM_TEXTS
};

/* A query that was understood. */
typedef struct models_query {
    uint32_t    offset, limit;
    uint32_t    parameters;
    uint32_t    input, output; /* bits; output MODELS_ALL_MODALITIES: any */
    uint32_t    context;
    models_sort sort;
    or_tri      distillable;
    bool        paged, zdr, category;
    struct {
        bool    set;
        int64_t min, max;
    } range[MODELS_NUM_RANGES];
    or_str text[MODELS_NUM_TEXTS];
    char   memory[MODELS_NUM_TEXTS][MODELS_MAX_VALUE];
} models_query;

/* False: *r says which parameter is wrong. */
bool models_query_read(models_query *q, const models_ask *ask, models_reply *r);

/* The next part of a list, without white space around it; false at the end. */
bool models_next_part(or_str *rest, char separator, or_str *part);

/* The next name=value of a query, not decoded; false at the end. */
bool models_next_pair(or_str *rest, or_str *name, or_str *value);

/* Is this, not decoded, `offset` or `limit`? */
bool models_is_paging(or_str name);

/* The place of a word in a list; num when it is not there. */
unsigned models_word(or_str word, const char *const *list, unsigned num);

/* Fill *r; always false. */
bool models_fail(models_reply *r, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- a model ---- */

/* Members of a raw object that are looked at: raw_names. */
enum {
    MODELS_RAW_NAME,
    MODELS_RAW_CREATED,
    MODELS_RAW_CONTEXT,
    MODELS_RAW_ARCHITECTURE,
    MODELS_RAW_PRICING,
    MODELS_RAW_PARAMETERS,
    MODELS_RAW_BENCHMARKS,
    MODELS_NUM_RAW
};

/* All there is to know of a model. */
typedef struct models_look {
    const market       *market;
    const market_model *model;
    const conf_key     *key;
    or_json_item        raw[MODELS_NUM_RAW];
    const or_endpoint  *top;     /* the cheapest, else the first; NULL: none may be used */
    uint32_t            context; /* 0: not known */
    uint32_t            parameters;
    uint32_t            input, output; /* bits; 0: not known */
    uint32_t            success;       /* of tool calls, permille; 0: not known */
    int64_t             created;       /* -1: not known */
} models_look;

/* False: none of it may be used, so it is not shown. */
bool models_look_at(models_look *l, const market *m, const market_model *model,
                    const conf_key *key);

/* The i-th endpoint of the model; NULL when it is not to be shown. */
const or_endpoint *models_endpoint_at(const models_look *l, uint32_t i);

/* Find members of an object in one pass; the type of those that are absent is NONE. */
void models_find_members(or_str object, const char *const *names, unsigned num,
                         or_json_item *found);

/* pico-USD for so many prompt tokens and one of the completion, discount off; -1: not known. */
int64_t models_price(const or_endpoint *e, uint64_t prompts);

/* The part in front of the slash, without the ~ of an alias; empty when there is none. */
or_str models_author(or_str id);

/* Zeroed where the market has no statistics. */
void models_health(const market *m, const or_endpoint *e, uint32_t now_ms, or_health *h);

/* Write a model, an endpoint, and a model with its endpoints (or none of them). */
void models_put(or_json_writer *w, const models_look *l);
void models_put_endpoint(or_json_writer *w, const models_look *l, const or_endpoint *e,
                         uint32_t now_ms);
void models_put_offers(or_json_writer *w, const models_look *l, bool all, uint32_t now_ms);

#endif
