/* Is the way to the internet there? Nobody asks it for the sake of asking: it is noticed from
   attempts that fail before any connection is made, and while it is down a bare connection
   to one of those hosts, made now and then, notices its return. */
#ifndef UPLINK_H
#define UPLINK_H

#include "proxy/upstream.h"

/* An attempt to reach a far host (not upstream_is_near) ended. step and ok as it was.
   Down: UPLINK_FAILURES attempts in a row, none of which got beyond UPSTREAM_DIAL. A refused
   connection or a TLS failure is an answer, so it counts as reached. */
void uplink_note(upstream_host *h, upstream_step step, bool ok);

/* It is down: far hosts are not worth trying. */
bool uplink_is_down(void);

/* Since when, in ms of ev_now; when the next probe is due, in ms from now (for Retry-After).
   Only while it is down. */
uint32_t uplink_down_since(void);
uint32_t uplink_next_probe_ms(void);

/* Called (from the loop) whenever it went down or came back; may be NULL. */
void uplink_setup(void (*changed)(bool down));
void uplink_shutdown(void);

#endif
