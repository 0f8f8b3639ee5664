/* Connections to the providers: resolve, dial, TLS, idle ones kept for the next request.

   Each provider of a market has an `upstream_host`: its address, trust anchors and idle
   connections. A connection is lent to one exchange at a time. It says by its hook when
   calling again may help; the borrower asks upstream_state, then sends and receives as with
   an or_io. */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include "or.h"
#include "proxy/conf.h"

enum {
    UPSTREAM_MAX_IDLE = 256,    /* connections of a host that are kept for the next request; ... */
    UPSTREAM_MAX_IDLE_TLS = 64, /* ... those with TLS, which has buffers for each */
    UPSTREAM_MAX_IDLE_ALL = 256 /* of all hosts together; then the oldest is closed */
};

typedef struct upstream      upstream;
typedef struct upstream_host upstream_host;

/* Start what all share (resolver threads). False: error says why. */
bool upstream_setup(char *error, size_t error_size);

/* The host of a provider, with one reference: reads its trust anchors (those of one file are
   read once and shared). Copies what it needs of the provider. A lent connection holds a
   reference too, so that its host may be dropped while it is in use. NULL: error says why. */
upstream_host *upstream_host_new(const conf_provider *p, const char *ca, char *error,
                                 size_t error_size);
upstream_host *upstream_host_hold(upstream_host *h);
void           upstream_host_drop(upstream_host *h); /* the last one closes the idle ones */

/* What requests need to know of it. */
or_str upstream_authority(const upstream_host *h); /* for the Host field */
or_str upstream_base_path(const upstream_host *h); /* in front of "/chat/completions"; that of
                                                      kind ollama ends in /v1, those of anthropic
                                                      and gemini have no version */
or_str upstream_query(const upstream_host *h);     /* of the base URL, without '?'; absent when
                                                      there is none */

/* Is it reached without the uplink: this machine, a private or link-local address, a name
   under .local, .lan, .home.arpa, .internal, or a bare name? */
bool upstream_is_near(const upstream_host *h);

/* The far host after h, of all that exist, and in the end h again (near or far): for going
   around. */
upstream_host *upstream_next_far(upstream_host *h);

/* A connection: an idle one, unless `fresh`, or one that begins to connect. ready(user) is
   called whenever something changed. NULL: no memory. */
upstream *upstream_borrow(upstream_host *h, bool fresh, void (*ready)(void *user), void *user);

/* The same, but it is OR_OK once TCP is connected: to see whether anybody is there. It cannot
   be kept. */
upstream *upstream_probe(upstream_host *h, void (*ready)(void *user), void *user);

/* Was it used before? Then it may have died while idle, and a failure before the first
   byte of an answer says nothing about the provider. */
bool upstream_was_idle(const upstream *u);

/* OR_NEED_MORE: still connecting. OR_OK: ready for a request. Else failed. */
or_err upstream_state(const upstream *u);

/* How far did it get? For telling "the box is offline" from "this provider is broken": from
   UPSTREAM_REFUSED on somebody out there answered. */
typedef enum upstream_step {
    UPSTREAM_NO_ROUTE, /* failed in this network: no route, or no name server answers */
    UPSTREAM_RESOLVE,  /* its name is not known yet */
    UPSTREAM_DIAL,     /* no connection yet */
    UPSTREAM_REFUSED,  /* an address refused the connection, or there is no such name */
    UPSTREAM_TLS,      /* connected; the handshake is not over */
    UPSTREAM_OPEN      /* ready, or was */
} upstream_step;
upstream_step upstream_reached(const upstream *u);

/* What failed, in words: "connect to 127.0.0.1:9: Connection refused". */
const char *upstream_error(const upstream *u);

/* Send pieces; or_io results. */
ptrdiff_t upstream_send(upstream *u, const or_str *pieces, size_t num);

/* Receive; or_io results, and OR_ERR_TRUNCATED for a TLS connection that was cut without
   its farewell. */
ptrdiff_t upstream_recv(upstream *u, void *buf, size_t len);

/* What to be told about: room to send, bytes to receive. Neither: back-pressure. */
void upstream_want(upstream *u, bool recv, bool send);

/* Give it back for the next request. */
void upstream_keep(upstream *u);

/* End it. */
void upstream_close(upstream *u);

/* How many are idle, over all hosts. */
unsigned upstream_num_idle(void);

#endif
