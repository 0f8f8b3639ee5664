/* Connections to the provider: resolve, dial, TLS, idle ones kept for the next request.

   A connection is lent to one exchange at a time. It says by its hook when calling again
   may help; the borrower asks upstream_state, then sends and receives as with an or_io. */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include "or.h"
#include "proxy/conf.h"

typedef struct upstream upstream;

/* Prepare: read trust anchors, start helper threads. False: error says why. The settings
   must stay. */
bool upstream_setup(const conf *settings, char *error, size_t error_size);

/* What requests need to know of the provider. */
or_str upstream_authority(void); /* for the Host field */
or_str upstream_base_path(void); /* in front of "/chat/completions" */

/* A connection: an idle one, unless `fresh`, or one that begins to connect. ready(user) is
   called whenever something changed. NULL: no memory. */
upstream *upstream_borrow(bool fresh, void (*ready)(void *user), void *user);

/* Was it used before? Then it may have died while idle, and a failure before the first
   byte of an answer says nothing about the provider. */
bool upstream_was_idle(const upstream *u);

/* OR_NEED_MORE: still connecting. OR_OK: ready for a request. Else failed. */
or_err upstream_state(const upstream *u);

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

/* Close all idle ones, for the end of the program. */
void upstream_shutdown(void);

#endif
