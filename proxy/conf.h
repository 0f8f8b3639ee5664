/* Settings: defaults, then the file, then the environment and the command line. A conf does
   not change once it is built; a reload builds another one. */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "or.h"
#include "proxy/providers.h"

enum {
    CONF_MAX_LISTEN = 8,
    CONF_MAX_PROVIDERS = 32, /* or_route_request has 64 bits for them */
    CONF_MAX_SECRETS = 8,    /* keys of one provider */
    CONF_MAX_SECTIONS = 10000, /* of one kind: endpoints, keys, presets; and aliases */
    CONF_MAX_LIST = 256,     /* entries of one comma list */
    CONF_MAX_NAME = 64,      /* bytes of a provider's, key's or preset's name */
    CONF_MAX_LABEL = 24,     /* bytes of a key's label, NUL included */
    CONF_MAX_MODEL = 256,    /* bytes of a model id in the name of a section */
    CONF_MAX_LINE = 16384    /* bytes of a line, its end included */
};

/* Where a section was first given, for errors about it. */
typedef struct conf_place {
    const char *where; /* "FILE:LINE" or "--set SECTION.KEY" */
    unsigned    line;  /* 0: not in a file */
} conf_place;

/* [provider NAME]: where requests go. */
typedef struct conf_provider {
    const char           *name;      /* slug, lower case */
    const char           *title;     /* `name`: for people */
    const char           *base_url;  /* as SDKs take it; NULL only for PROVIDER_DEMO */
    const char           *keys[CONF_MAX_SECRETS]; /* the secrets themselves, used in turn */
    unsigned              num_keys;  /* 0: none is sent */
    const char           *ca;        /* the same for it; NULL: conf.ca */
    provider_kind         kind;
    const provider_facts *facts;     /* how it deviates; never NULL */
    or_tri                collects_data, zdr;
    or_quantization       quantization;
    const char           *region;    /* NULL: not known */
    uint16_t              weight;    /* 0: not given */
    bool                  any_model; /* every model id is passed to it */
    bool                  list;      /* ask it for its models (default: yes) */
    bool                  endpoints; /* kind openrouter: route over its endpoints ourselves */
    /* private */
    bool                  kind_given;
    bool                  keys_replaced; /* --set put its own in place of the file's */
    conf_place            place;
} conf_provider;

/* [endpoint PROVIDER MODEL]: what that provider offers; `offer.target` is the index of the
   provider, everything else that the section does not say comes from the provider. */
typedef struct conf_endpoint {
    or_endpoint offer;
    /* private */
    conf_place  place;
} conf_endpoint;

/* What an account may spend and do. 0 is no limit. */
typedef struct conf_limits {
    int64_t   limit_pico_usd;        /* of money, in each window; -1: none */
    or_window limit_reset;
    bool      leave_byok_out;        /* of the limit: what providers bill, not OpenRouter */
    uint32_t  requests_per_minute, tokens_per_minute; /* in any 60 seconds */
    uint32_t  max_concurrent;        /* requests in work at once */
    uint32_t  free_requests_per_day; /* of models that cost nothing; by the UTC day */
} conf_limits;

/* [app NAME], [user NAME]: each app or user that matches has these limits for itself. */
typedef struct conf_scope {
    const char   *name;
    const or_str *match; /* patterns with * */
    unsigned      num_match;
    conf_limits   limits;
    /* private */
    conf_place    place;
} conf_scope;

/* [key NAME], or a key that was made at run time: a client. */
typedef struct conf_key {
    const char   *name;
    uint8_t       hash[32];          /* SHA-256 of the key */
    char          id[65];            /* the same in hex */
    char          label[CONF_MAX_LABEL]; /* "sk-or-v1-0e6...1c9" */
    conf_limits   limits;
    bool          management;        /* role: for the management paths, not for inference */
    const or_str *tags;              /* of its owner's, for people */
    unsigned      num_tags;
    const char   *preset;            /* for requests that name none; NULL */
    bool          disabled;
    int64_t       expires_at;        /* unix seconds; 0: never */
    const or_str *models;            /* patterns with *; none: all */
    unsigned      num_models;
    const or_str *providers;         /* patterns with *; none: all */
    unsigned      num_providers;
    int64_t       max_cost_pico_usd; /* max_cost_per_request; -1: no limit */
    uint64_t      max_tokens;        /* max_tokens_per_request; 0: no limit */
    /* private */
    bool          has_hash;
    conf_place    place;
} conf_key;

/* [preset NAME]: used as "@preset/NAME", "model@preset/NAME" or by the member `preset`. */
typedef struct conf_preset {
    const char *name;
    const char *model;      /* NULL: the request has to name one */
    or_str      models;     /* raw JSON array of fallback models; absent: none */
    or_str      provider;   /* raw JSON object, as the member `provider`; absent: none */
    const char *system;     /* NULL: none; put before the messages */
    or_str      parameters; /* raw JSON object: members for requests that lack them; absent: none */
    /* private */
    conf_place  place;
} conf_preset;

typedef enum conf_unknown_price {
    CONF_PRICE_REFUSE, /* a key with a money limit is not served where a price is unknown */
    CONF_PRICE_CEILING, /* unknown prices count as `price_ceiling_*` */
    CONF_PRICE_ALLOW
} conf_unknown_price;

/* A parameter that the provider's dialect has no words for. */
typedef enum conf_unsupported {
    CONF_UNSUPPORTED_WARN, /* is left out, and the answer says so */
    CONF_UNSUPPORTED_DROP, /* is left out */
    CONF_UNSUPPORTED_REJECT
} conf_unsupported;

typedef enum conf_sandbox {
    CONF_SANDBOX_YES, /* as much as the system has */
    CONF_SANDBOX_NO,
    CONF_SANDBOX_REQUIRE /* all of it, or no start */
} conf_sandbox;

typedef struct conf {
    const char *listen[CONF_MAX_LISTEN]; /* ADDR:PORT */
    unsigned    num_listen;
    const char *ca;        /* PEM file of trust anchors, or "builtin"; NULL: see proxy/roots */
    const char *state;     /* folder for what is kept over restarts; NULL: nothing is */
    const char *catalog;   /* file in the shape of OpenRouter's GET /models; NULL: none */
    const char *decisions; /* file to record routing decisions in; NULL: state/decisions.jsonl
                              when there is a state, else they are not kept */
    const char *user;      /* "NAME", "UID" or either with ":GID" instead of root; NULL: see sandbox */
    conf_sandbox sandbox;
    bool        open;      /* serve other machines without keys */
    bool        log_json;  /* log = json: one object for each request */
    uint32_t    heartbeat; /* ms of silence before a comment is sent */
    uint32_t    refresh;   /* ms between two askings for lists of models; 0: only at start */
    bool        ledger_totals; /* ledger = totals: no record of each request */
    uint32_t    ledger_sync;   /* ms between two syncs; 0: each record before its answer ends */
    uint32_t    ledger_days;   /* that its lines are kept; 0: for ever */
    bool        drain_hangups; /* on_hangup = drain: the provider's answer is read to its end */
    or_tri      prepaid;       /* unknown: from the first credits on */
    uint32_t    default_max_tokens; /* reserved for, and sent with, a limited request that names
                                       none */
    const char *alert_webhook; /* URL that alerts are posted to; NULL */
    conf_limits organization;  /* over all keys */
    const conf_scope *apps, *users;
    unsigned    num_apps, num_users;
    const char *default_model;       /* for requests that name none; NULL: none */
    const or_str *auto_models;       /* the pool behind openrouter/auto where no OpenRouter is */
    unsigned    num_auto_models;
    or_str      provider_preferences; /* raw JSON object: defaults for the member `provider` and,
                                         of its filters, limits for all; absent: none */
    conf_unknown_price unknown_price;
    conf_unsupported   on_unsupported;
    uint64_t    ceiling_prompt, ceiling_completion; /* pico-USD for a token */
    bool        has_management_key;
    uint8_t     management_hash[32]; /* SHA-256 of management_key */
    struct {
        size_t head, body, answer, memory, decisions, ledger; /* bytes */
        size_t connections, generations, accounts;            /* counts */
    } limits;
    struct {
        uint32_t connect, first_token, between_bytes, total, client, drain, hangup; /* ms */
    } timeout;
    conf_provider        providers[CONF_MAX_PROVIDERS];
    unsigned             num_providers;
    const conf_endpoint *endpoints;
    unsigned             num_endpoints;
    const conf_key      *keys;
    unsigned             num_keys;
    const conf_preset   *presets;
    unsigned             num_presets;
    const or_alias      *aliases; /* [aliases]: name = model */
    unsigned             num_aliases;
    const char *const   *files;   /* that were read for all this, and are again by a reload */
    unsigned             num_files;
    /* private */
    unsigned             refs;
    struct conf_kept    *kept; /* what all pointers above point to */
} conf;

/* What went wrong, in one line: where, what, and the mend. */
typedef struct conf_error {
    char text[512];
} conf_error;

/* A conf with defaults and one reference; NULL: out of memory. Given back by conf_drop, which
   wipes its secrets with the last reference. */
conf *conf_new(void);
conf *conf_hold(conf *c);
void  conf_drop(conf *c);

/* Bytes it takes, about. */
size_t conf_size(const conf *c);

/* The one in force, and a change of it (the old one is dropped, the new one is held). */
const conf *conf_now(void);
void        conf_use(conf *c);

/* Read a file. False with *e filled ("FILE:LINE: ..."). */
bool conf_read_file(conf *c, const char *path, conf_error *e);

/* One setting as the command line gives it: "key=value" or "section.key=value", which
   replaces what a file said; of what may be repeated (listen, a provider's key), the first one
   replaces all of the file's. False with *e filled. */
bool conf_set(conf *c, const char *assignment, conf_error *e);

/* One setting by its parts. section "" is the top. where goes in front of the error. What may
   be repeated is added to what is there. */
bool conf_set_value(conf *c, const char *section, const char *key, const char *value,
                    const char *where, conf_error *e);

/* Remove all providers and endpoints: the command line names another one. conf_expect_clear: that
   will be done, and until then no secret of theirs has to be readable. */
void conf_expect_clear(conf *c);
void conf_clear_providers(conf *c);

/* For a command that may ask the orproxy that runs: from now on a secret that cannot be read, or
   that there is no provider, is no error. Such settings can find another orproxy, and not serve. */
void conf_forgive(conf *c);

/* What was missing first, as an error would say it; NULL: nothing. */
const char *conf_missing(const conf *c);

/* What only the whole can tell, and what follows from it (targets of endpoints, defaults that
   depend on others): called once after all sources. */
bool conf_finish(conf *c, conf_error *e);

/* Of the names, the one nearest to `name`; NULL when none is near. */
const char *conf_nearest(const char *name, const char *const *names, size_t num);

/* The preset of that name; NULL when there is none. */
const conf_preset *conf_find_preset(const conf *c, or_str name);

/* What may be shown of a secret. */
void conf_label(or_str secret, char label[CONF_MAX_LABEL]);

/* Does the text match the pattern, in which * stands for any number of characters? Case does
   not count. */
bool conf_matches(or_str pattern, or_str text);

#endif
