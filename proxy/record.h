/* What is told of a request afterwards: its line in the log, its record for GET /generation,
   its line in the decisions file, its place in the metrics; and, in between, what headers and
   metadata say about attempts. */
#ifndef RECORD_H
#define RECORD_H

#include "proxy/decide.h"

enum { RECORD_MAX_ATTEMPTS = 16 };

/* One attempt. status 0: no answer came, and word says why. */
typedef struct record_attempt {
    uint32_t    endpoint;
    uint16_t    status;
    const char *word; /* "unreachable", "timeout", "broken", "unsupported"; static; NULL: status
                         tells */
    uint32_t    ms;   /* how long it took */
} record_attempt;

/* A request, from its begin to its end. Texts are borrowed. */
typedef struct record {
    const char     *path;     /* "/chat/completions" */
    const decision *d;        /* NULL: it was refused before any decision */
    const facts    *f;
    char            id[64];   /* of the generation */
    or_str          upstream_id;
    or_str          referer, title, user_agent, user, session;
    record_attempt  attempts[RECORD_MAX_ATTEMPTS];
    uint32_t        num_attempts; /* in all; the first RECORD_MAX_ATTEMPTS are kept */
    bool            served;   /* the last attempt gave the answer */
    bool            streamed, cancelled;
    uint16_t        status;   /* told to the client; 499: it hung up */
    const char     *end;      /* "complete", "error", "truncated", "client hung up" */
    uint32_t        began_ms;
    int32_t         first_ms; /* to the first content; -1: none came */
    int32_t         added_ms; /* to the question to the provider that served; -1 */
    or_usage        usage;
    or_cost         cost;
    bool            byok;     /* the owner's own key there */
    or_finish       finish;
    char            native_finish[32];
} record;

/* Say now, and not with the first request, that decisions cannot be recorded. */
void record_begin(void);

/* All of it is told; once for each request. */
void record_tell(const record *r);

/* A request that was refused before anything was decided: its line in the log, its place in
   the metrics. why names members, not what is in them. */
void record_refused(const char *path, const conf_key *key, uint16_t status, const char *why);

/* "alpha=503, beta=200" */
void record_put_route(or_buf *out, const record *r);

/* openrouter_metadata, as a raw object. */
or_err record_put_metadata(or_buf *out, const record *r);

/* error.metadata.previous_errors: all attempts but the last, as a raw array. */
or_err record_put_previous(or_buf *out, const record *r);

/* The provider's name of an attempt. */
or_str record_provider(const record *r, uint32_t attempt);

#endif
