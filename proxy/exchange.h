/* An or_call on the loop: gives it connections, wakes it, passes its events on. What the
   request is, and what becomes of the answer, is the owner's business. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "or.h"
#include "proxy/ev.h"
#include "proxy/upstream.h"

typedef struct exchange exchange;

typedef struct exchange_hooks {
    /* The host of an endpoint of the call's catalogue. */
    upstream_host *(*host)(void *user, uint32_t endpoint);
    /* The connection is there: what to send, which must stay until the attempt is over. */
    or_err (*request)(void *user, uint32_t endpoint, const or_str **pieces, uint32_t *num);
    /* Every event but CONNECT and CLOSE. */
    void (*event)(void *user, const or_call_event *ev);
    /* Nothing more at once: pointers into received bytes end here. */
    void (*rest)(void *user);
    /* All is over; the owner frees the exchange, now or later. */
    void (*over)(void *user);
} exchange_hooks;

/* Part of its owner, zeroed at first; must not be moved. `call` may be read. */
struct exchange {
    or_call                call;
    const exchange_hooks  *hooks;
    void                  *user;
    upstream              *u;    /* lent for the current attempt */
    upstream_host         *host; /* where it goes */
    ev_timer               wake;
    ev_task                task;
    bool                   connecting, paused, pumping, over;
    const char            *error; /* why no connection was made, when u says nothing */
};

/* Begin; errors as or_call_begin, and then nothing is left to end. */
or_err exchange_begin(exchange *x, const or_call_desc *d, const exchange_hooks *hooks, void *user);

/* Go on with whatever can be done now; after begin, and when the owner changed something. */
void exchange_pump(exchange *x);

/* Back-pressure from the owner's side. */
void exchange_pause(exchange *x, bool paused);

/* End it: events come as or_call_cancel says, from exchange_pump. */
void exchange_cancel(exchange *x);

/* What became of the connection of the attempt that an event is about, in words; and whether
   the way there failed rather than the provider. */
const char *exchange_error(const exchange *x);

/* Input and arena that all exchanges share, as or_call_desc wants them. */
void exchange_shared(or_call_desc *d);

#endif
