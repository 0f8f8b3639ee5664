/* From what a request says to who is going to serve it: names of models, presets, the rules
   of the owner and of the key, stickiness, and or.h's plan. Calls nobody. */
#ifndef DECIDE_H
#define DECIDE_H

#include "proxy/envelope.h"
#include "proxy/facts.h"
#include "proxy/generations.h"
#include "proxy/market.h"

typedef struct decision {
    market            *m;        /* held: decide_end gives it back */
    or_route_request   request;
    or_moment          moment;
    or_plan            plan;     /* its list is in the arena */
    or_err             err;      /* of the plan */
    or_str             preset;   /* that a router has to know; absent: none */
    const conf_key    *key;      /* whose request; NULL: nobody's in particular */
    const char        *strategy; /* "direct", "fallback", "auto", "free", "alias" */
    or_str             asked;    /* the model as the client named it */
    or_bound_facts     bound;    /* for worst cases */
    uint32_t           choices;  /* answers that each costs */
    bool               limited;  /* somebody's money is: prices have to be known, answers to end */
    uint32_t           max_tokens; /* has to be sent, since there is a limit; 0: as it is */
    uint64_t           sticky_key;
    bool               sticky_named;
    uint32_t           pinned; /* of the plan's list: see market_pin */
} decision;

/* Why there is nothing to try. */
typedef struct refusal {
    envelope e;             /* texts in the arena */
    uint32_t retry_after_s; /* 0: not sent */
    uint32_t rate_limit;    /* X-RateLimit-Limit; 0: not sent, nor are the next two */
    uint32_t rate_remaining;
    int64_t  rate_reset_ms; /* unix time */
} refusal;

/* Whose request it is. */
typedef struct decide_who {
    const conf_key *key;     /* NULL: nobody's in particular */
    bool            limited; /* a limit of money is on it, besides those of the key's rules */
    or_str          session; /* the x-session-id field; absent when there is none */
} decide_who;

/* Decide. The arena keeps all that d points to. False: *why is filled. Either way decide_end is to
   follow. */
bool decide(decision *d, const facts *f, const decide_who *who, or_arena *arena, refusal *why);

/* Leave out the candidates that `may` does not let pass, in the order that is left. How many
   there are now. */
uint32_t decide_filter(decision *d, bool (*may)(void *user, uint32_t endpoint), void *user);
void decide_end(decision *d);

/* The conversation went well at that endpoint. */
void decide_note(const decision *d, uint32_t endpoint, const or_usage *u);

/* The most that this request can cost at an endpoint. */
void decide_worst(const decision *d, uint32_t endpoint, or_cost *out);

/* The candidates and those left out, for list[2 * GENERATIONS_MAX_SHOWN]; how many. Texts point into
   the market. */
uint32_t decide_endpoints(const decision *d, generation_endpoint *list);

/* The answer of POST /route. */
or_err decide_put_answer(or_buf *out, const decision *d);

#endif
