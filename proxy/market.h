/* What can be had: the catalogue that a configuration, files and live lists of models add up
   to, with the statistics of each endpoint. A market is immutable but for statistics; a
   refresh or a reload makes another one, and requests in work stay with theirs. */
#ifndef MARKET_H
#define MARKET_H

#include "or.h"
#include "proxy/conf.h"
#include "proxy/upstream.h"

/* A model as lists show it. */
typedef struct market_model {
    or_str   id;          /* slug with its catalogue variant */
    or_str   object;      /* raw JSON of the model in the list it came from; absent: there is none */
    uint32_t first, num;  /* its endpoints: market.catalogue.endpoints[first ...] */
} market_model;

typedef struct market {
    conf           *settings;  /* what it was made from */
    or_catalogue    catalogue; /* endpoints, those of one model side by side; `target` is the
                                  index of the provider in settings; then aliases */
    or_stats       *stats;     /* one for each endpoint */
    market_model   *models;    /* sorted by id */
    uint32_t        num_models;
    uint32_t        num_listed; /* catalogue.endpoints behind these are made for a request, for a
                                   provider that takes any model; lists do not show them */
    upstream_host  *hosts[CONF_MAX_PROVIDERS];
    bool            listed[CONF_MAX_PROVIDERS]; /* this provider's models are known */
    or_prefs        policy;    /* of settings->provider_preferences */
    unsigned        next_key[CONF_MAX_PROVIDERS]; /* the secret whose turn it is, and ... */
    uint32_t        key_pause[CONF_MAX_PROVIDERS][CONF_MAX_SECRETS]; /* ... ms that one has to
                                                     rest since ... */
    uint32_t        key_from[CONF_MAX_PROVIDERS][CONF_MAX_SECRETS];  /* ... then; 0: it is good */
    int64_t         made_at; /* unix seconds */
    /* private */
    unsigned        refs;
    struct market_memory *memory;
} market;

/* The one that new requests use. */
market *market_now(void);
market *market_hold(market *m);
void    market_drop(market *m);

/* Make one from the settings, the files and what providers said last, and use it from now on.
   Statistics of endpoints that were there before are carried over. False: error says why, and
   nothing changed. */
bool market_make(conf *settings, char *error, size_t error_size);

/* The model with that id (canonical slugs and aliases too, routing variants aside); NULL. */
const market_model *market_find(const market *m, or_str id);

/* Make sure that a model nobody lists has an endpoint at each provider that takes any model
   (any_model, or whose list is not known yet); known: one that others list has one at those whose
   list is not known yet. How many it has there now. */
unsigned market_admit(market *m, or_str model, bool known);

/* As long as a request may still be sent to that endpoint, it stays the one of its model: those
   that nobody lists share a few places. */
void market_pin(market *m, uint32_t endpoint);
void market_unpin(market *m, uint32_t endpoint);
bool market_is_full(const market *m); /* all those places are in use */

/* What a provider said of its models: remembered (under conf.state, too) for the next
   market_make. *news: it said something else before. False when it is nothing that can be
   used: error says why. */
bool market_learn(const conf *settings, const conf_provider *p, or_str body, bool *news,
                  char *error, size_t error_size);

/* The same for the endpoints that a router has of one model (GET /models/ID/endpoints). */
bool market_learn_endpoints(const conf *settings, const conf_provider *p, or_str model,
                            or_str body, bool *news, char *error, size_t error_size);

/* The secret for the next request to a provider: in turn, those that rest are passed over as
   long as there are others. */
unsigned market_take_key(market *m, unsigned target, uint32_t now_ms);

/* That secret was refused or is over its rate: it rests. True: another one does not. */
bool market_rest_key(market *m, unsigned target, unsigned key, uint32_t now_ms, uint32_t pause_ms);

/* Forget everything, for the end of the program. */
void market_shutdown(void);

#endif
