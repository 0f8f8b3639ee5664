/* What is known of providers: base URLs, and how each deviates from OpenAI's dialect. One
   table, so that nothing else has to know any of them by name. */
#ifndef PROVIDERS_H
#define PROVIDERS_H

#include "or.h"

typedef enum provider_kind {
    PROVIDER_OPENAI,     /* speaks OpenAI's dialect */
    PROVIDER_OPENROUTER, /* ... and OpenRouter's members; routes by itself */
    PROVIDER_OLLAMA,     /* OpenAI's under /v1; its list of models is /api/tags */
    PROVIDER_AZURE,      /* `api-key` header instead of a bearer token */
    PROVIDER_DEMO        /* the simulated one in this binary; understands OpenRouter's members */
} provider_kind;

/* How the limit of the answer's length is called. */
typedef enum provider_cap {
    PROVIDER_CAP_EITHER,     /* takes both names: what the client sent passes */
    PROVIDER_CAP_TOKENS,     /* max_tokens */
    PROVIDER_CAP_COMPLETION  /* max_completion_tokens */
} provider_cap;

typedef struct provider_facts {
    const char    *name;     /* slug; "" for the row of providers nobody knows */
    const char    *title;    /* for people */
    const char    *base_url; /* NULL: has to be given */
    const char    *key_env;  /* where its key often is, for advice; NULL: needs none */
    provider_kind  kind;
    provider_cap   cap;
    bool           local;          /* its base_url above is on this machine */
    bool           no_stream_options; /* refuses that member; usage comes unasked */
    bool           no_developer;   /* role developer has to be sent as system */
    bool           any_choice;     /* tool_choice "required" is called "any" */
    bool           strict;         /* refuses members it does not know: only OpenAI's are sent */
    bool           no_ids;         /* its generation ids repeat: never shown */
    const char    *const *drop;    /* members that it refuses; ends with NULL; may be NULL */
    const char    *const *rename;  /* pairs: OpenAI's name, its name; ends with NULL; may be NULL */
} provider_facts;

/* The row of that slug; the row of unknown ones when there is none. Never NULL. */
const provider_facts *provider_find(const char *slug);

/* All rows but that of unknown ones: for documentation and for "did you mean". */
const provider_facts *provider_rows(unsigned *num);

/* Is this a member of OpenAI's chat completions (or embeddings, completions)? For strict. */
bool provider_is_openai_member(or_str name);

#endif
