/* ports/link - a blocking connection to an http or https URL, for or.h: what small programs
   and threads want on top of ports/posix and ports/bearssl

   Tried on Debian 12. Build ports/link.c, ports/posix.c and ports/bearssl.c along and link
   -lbearssl. Uses malloc for the system's trust anchors. */
#ifndef OR_LINK_H
#define OR_LINK_H

#include "or.h"
#include "ports/bearssl.h"

/* A connection; about 38 KB, must not be moved. Zero it before the first or_link_open. */
typedef struct or_link {
    int                  fd;
    uint32_t             timeout_ms;
    bool                 is_tls;
    or_io                socket;
    or_bearssl           tls;
    or_bearssl_trust     trust;
    or_bearssl_handshake handshake;
    unsigned char        records[OR_BEARSSL_MAX_BUFFER];
    char                 error[256]; /* what failed, in words */
} or_link;

/* Connect, and for https verify the server. timeout_ms bounds each wait, here and below.
   Failures have their words in l->error. */
or_err or_link_open(or_link *l, const or_url *url, uint32_t timeout_ms);

/* Send all of it. */
or_err or_link_send(or_link *l, or_str data);

/* Receive something: how many bytes, or an or_err (OR_ERR_CLOSED at the end). */
ptrdiff_t or_link_recv(or_link *l, void *buf, size_t len);

void or_link_close(or_link *l);

/* or_client_next for programs that may block: opens and closes the connections itself, waits
   where there is nothing to do, and returns what is left to look at: FAILED, BEGIN, DELTA,
   ANSWER and END with OR_OK, then OR_DONE. Why a connection failed stands in l->error at FAILED
   and END. */
or_err or_link_next(or_link *l, or_client *c, or_call_event *ev);

/* Time and chance for or_client_begin, from the system. */
or_moment or_link_moment(void);

#endif
