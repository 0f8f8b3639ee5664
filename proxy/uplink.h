/* Is the way to the internet there? Nobody asks it for the sake of asking: it is noticed from
   attempts that fail before any connection is made, and while it is down a bare connection
   to one of those hosts, made now and then, notices its return. */
#ifndef UPLINK_H
#define UPLINK_H

#include "proxy/upstream.h"

enum {
    UPLINK_FAILURES = 2,            /* attempts in a row that make it count as down */
    UPLINK_FIRST_PROBE_MS = 1000,   /* after it went down; then twice that, and so on, ... */
    UPLINK_LAST_PROBE_MS = 15 * 1000, /* ... up to this, each up to a quarter earlier */
    UPLINK_PROBE_MS = 5 * 1000      /* how long a probe may take */
};

/* An attempt to reach a host ended: how far it got, and whether an answer came. Of a near host
   it says nothing. Down: UPLINK_FAILURES attempts in a row, none of which got beyond
   UPSTREAM_DIAL; one is enough when it found no route (UPSTREAM_NO_ROUTE). A refused
   connection, a name there is not (UPSTREAM_REFUSED) or a TLS failure is an answer, so it
   counts as reached. While it is down, a failure at UPSTREAM_OPEN counts for nothing: that connection is an old one. */
void uplink_note(upstream_host *h, upstream_step step, bool ok);

/* It is down: far hosts are not worth trying. */
bool uplink_is_down(void);

/* Since when, in ms of ev_now; when the next probe is due, in ms from now, at least 1 (for
   Retry-After). Only while it is down. */
uint32_t uplink_down_since(void);
uint32_t uplink_next_probe_ms(void);

/* Called (from the loop, at the end of a turn) whenever it went down or came back. Before setup and
   after shutdown nothing is noted: hosts are let go of. */
void uplink_setup(void (*changed)(bool down));
void uplink_shutdown(void);

#endif
