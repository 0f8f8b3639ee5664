/* The last generations, for GET /generation: what is to be told of each is kept as it was, and
   becomes JSON when somebody asks. */
#ifndef GENERATIONS_H
#define GENERATIONS_H

#include "or.h"

enum { GENERATIONS_MAX_SHOWN = 40 }; /* endpoints of each of the two lists of routing */

/* An endpoint that was a candidate, or was left out. */
typedef struct generation_endpoint {
    or_str          provider, tag, model;
    or_route_reason reason; /* OR_ROUTE_KEPT: a candidate; the others have none of what follows */
    or_str          upstream_model;
    bool            priced; /* prompt and completion, pico-USD for a token, are known */
    uint64_t        prompt, completion;
    or_cost         worst;
    bool            drawn, sticky, outage, open;
    uint16_t        uptime_permille;
    uint32_t        cooling_ms;
} generation_endpoint;

/* status 0: no answer came, and word (static) says why. */
typedef struct generation_attempt {
    or_str      provider, model;
    uint16_t    status;
    const char *word;
    uint32_t    ms;
    bool        is_byok;
} generation_attempt;

/* Texts may be absent; `const char *` ones are static, NULL when there is none. */
typedef struct generation {
    or_str      id, key; /* whose it is: "" when there are no keys */
    or_str      upstream_id, model, provider, native_finish, referer, user_agent, user, session,
                title;
    const char *type, *finish, *router, *end;
    int64_t     created;
    bool        streamed, cancelled, byok;
    or_usage    usage;
    or_cost     cost;
    int32_t     first_ms, took_ms; /* -1: unknown */
    uint16_t    status;
    const generation_attempt  *attempts;
    const generation_endpoint *endpoints;
    uint32_t    num_attempts, num_endpoints;
} generation;

/* Remember one, with a copy of all it points to. The oldest makes room; without memory it is not
   remembered. max is conf.limits.generations. */
void generations_add(size_t max, const generation *g);

/* The one of that id if it is that key's, as an object; OR_ERR_ABSENT, or out's error. */
or_err generations_put(or_buf *out, or_str id, or_str key);
or_err generations_put_any(or_buf *out, or_str id); /* whosever it is */

/* The members "candidates" and "excluded" of an object. */
void generations_put_routing(or_json_writer *w, const generation_endpoint *list, uint32_t count);

void generations_clear(void);

#endif
