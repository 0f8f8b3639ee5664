/* The catalogue as clients see it: the bodies of GET /models and its kin, made from a market.
   Pure: what was asked goes in, a status and a body come out; no sockets, no clock.

   Where the market has the object of a model as some list gave it, its bytes are passed on but
   for what has to be ours: id, links, supported_parameters (all endpoints together) and, when
   the cheapest endpoint here costs something else, pricing. Members that clients insist on are
   added where they are absent or of a wrong type. What nobody here knows is null; "-1" for a
   price; for modalities, which may not be null, text.

   All of these: true when *out has the body of a 200. Else *r says what to answer instead, and
   what *out got is to be dropped. */
#ifndef MODELS_H
#define MODELS_H

#include "or.h"
#include "proxy/conf.h"
#include "proxy/market.h"

enum {
    MODELS_MAX_VALUE = 512, /* bytes of one query value, and of a model's name in a path */
    MODELS_PAGE = 500,      /* models of a page when only `offset` is given */
    MODELS_MAX_PAGE = 1000
};

/* status 400: the message names the parameter; 404: no such model; 500, 503: no body could be
   made, out of memory or text that is not UTF-8. message is one line. */
typedef struct models_reply {
    uint16_t status;
    char     message[320];
} models_reply;

/* What is asked of a list. Zeroed but for path: everything. */
typedef struct models_ask {
    or_str          path;       /* as requested, for links.next */
    or_str          query;      /* after '?', not decoded; absent: none */
    const conf_key *key;        /* only what this key may use; NULL: all */
    bool            embeddings; /* only models that give embeddings */
    uint32_t        now_ms;     /* ev_now: for what the statistics say */
    int64_t         now_s;      /* unix seconds: for ages; 0: m->made_at */
} models_ask;

/* GET /models, /models/user (key), /embeddings/models (embeddings). Parameters are those of
   OpenRouter. Unknown ones are ignored, values that are not understood are a 400, empty ones
   are as good as not given. A filter keeps what is known to match, so a category, which
   nobody here knows, keeps nothing; sorts without data keep the order.
   Memory: none but *out, and 16 bytes a model while sorting. */
bool models_list(or_buf *out, const market *m, const models_ask *ask, models_reply *r);

/* GET /models/count: how many of them. */
bool models_count(or_buf *out, const market *m, const models_ask *ask, models_reply *r);

/* GET /model/{id}, and OpenAI's GET /models/{id}. id as in the path, not decoded. Aliases and
   permanent slugs lead to the model. */
bool models_one(or_buf *out, const market *m, or_str id, models_reply *r);
bool models_openai_one(or_buf *out, const market *m, or_str id, models_reply *r);

/* GET /models/{id}/endpoints. A known model that lacks the variant: an empty list.
   status of an endpoint: 0 normal, -1 failed just now, -2 asked to be left alone, -3 the breaker
   is open; or worse, if the catalogue says so. Uptimes of 5 and 30 minutes are not kept: null. */
bool models_endpoints(or_buf *out, const market *m, or_str id, uint32_t now_ms, models_reply *r);

/* GET /endpoints/zdr: endpoints known to retain nothing. */
bool models_zdr(or_buf *out, const market *m, uint32_t now_ms, models_reply *r);

/* GET /providers. */
bool models_providers(or_buf *out, const market *m, models_reply *r);

#endif
