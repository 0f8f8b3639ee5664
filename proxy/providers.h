/* What is known of providers: base URLs, what each speaks and how it deviates from that, and
   how each wants to be asked. One table, so that nothing else has to know any by name. */
#ifndef PROVIDERS_H
#define PROVIDERS_H

#include "or.h"

typedef enum provider_kind {
    PROVIDER_OPENAI,     /* speaks OpenAI's dialect */
    PROVIDER_OPENROUTER, /* ... and OpenRouter's members; routes by itself */
    PROVIDER_OLLAMA,     /* OpenAI's under /v1; its list of models is /api/tags */
    PROVIDER_AZURE,      /* `api-key` header instead of a bearer token; deployments in paths */
    PROVIDER_ANTHROPIC,  /* speaks Anthropic's Messages */
    PROVIDER_GEMINI,     /* speaks Google's generateContent */
    PROVIDER_DEMO        /* the simulated one in this binary; understands OpenRouter's members */
} provider_kind;

/* The api-version that Azure's classic paths get where base_url names none. */
#define PROVIDER_AZURE_VERSION "2024-10-21"

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
    or_dialect     dialect;  /* of its inference: CHAT, MESSAGES or GEMINI */
    provider_cap   cap;
    uint32_t       lacks;    /* OR_LACKS_ and OR_WANTS_ bits, where the dialect is CHAT */
    bool           messages;       /* it serves Anthropic's /messages itself */
    bool           responses;      /* ... and OpenAI's /responses */
    bool           no_completions; /* it has no /completions ... */
    const char    *const *text_models; /* ... but for models whose names hold one of these; ends
                                          with NULL; may be NULL */
    bool           local;          /* its base_url above is on this machine */
    bool           no_stream_options; /* refuses that member; usage comes unasked */
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

/* Is it OpenRouter, or what simulates it? Their answers have its shape, and they charge for others:
   all else sends a bill of its own. */
bool provider_is_openrouter(provider_kind kind);

/* Has it /completions for that model? */
bool provider_has_completions(const provider_facts *f, or_str model);

/* The parameters that its dialect has words for and that it does not refuse, as bits of
   or_param; and whether that says anything: a row may simply not know. */
uint32_t provider_parameters(const provider_facts *f);
bool     provider_restricts(const provider_facts *f);

/* ---- asking it ---- */

/* Append path and query of a request.

   base_path, query  as upstream_base_path and upstream_query give them
   speak             what the body is written in
   path              what an OpenAI client calls it, "/chat/completions"; for MESSAGES and
                     GEMINI it follows from these
   model             what the provider calls it; may be empty where no path needs it

   Of Azure a base path that is empty or ends in /openai is the classic form: the deployment,
   which is the model, goes into the path, and the query gets an api-version. Any other stays
   as it is. After an error out is as it was, but for out->err. */
or_err provider_put_target(or_buf *out, provider_kind kind, or_str base_path, or_str query,
                           or_dialect speak, or_str path, or_str model, bool stream);

/* The same for a page of its list of models; page: what pages_next gave, empty for the first. */
or_err provider_put_list(or_buf *out, provider_kind kind, or_str base_path, or_str query,
                         or_str page);

/* Write the head field that a key goes into. */
or_err provider_put_key(or_buf *head, provider_kind kind, const char *key);

/* Write the head field that names the version of the API, for kinds that have one. asked: the
   client's own field, which goes before ours; may be empty. */
or_err provider_put_version(or_buf *head, provider_kind kind, or_str asked);

#endif
