/* Counters, and their text for Prometheus. */
#ifndef METRICS_H
#define METRICS_H

#include "or.h"
#include "proxy/market.h"

/* One request that ended. Texts are copied. */
typedef struct metrics_request {
    or_str   model, provider, key; /* who served; "" when nobody did */
    uint16_t status;               /* told to the client; 499: it hung up */
    bool     truncated;            /* a stream broke off */
    uint32_t attempts;
    int32_t  first_token_ms;       /* from the request to the first content; -1: none came */
    int32_t  added_ms;             /* before the provider that served was asked; -1: none was */
    or_usage usage;
    or_cost  cost;
} metrics_request;

void metrics_add(const metrics_request *r);

/* All of it, in Prometheus' text format 0.0.4. */
typedef struct metrics_state {
    unsigned      connections, busy, streams, idle_upstreams;
    size_t        memory, memory_peak, memory_limit;
    bool          uplink_down;
    const market *m;
} metrics_state;
or_err metrics_put(or_buf *out, const metrics_state *s);

#endif
