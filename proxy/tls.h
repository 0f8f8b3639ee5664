/* TLS for the connection to the provider: ports/bearssl with its memory, on the loop's
   terms. One host, so one set of trust anchors and one session to resume. */
#ifndef TLS_H
#define TLS_H

#include <sys/uio.h>

#include "or.h"

typedef struct tls tls;

/* Read the trust anchors (ca NULL: the system's). False: error says why. host must stay. */
bool tls_setup(or_str host, const char *ca, char *error, size_t error_size);

/* Begin on a connected socket, which stays the caller's. NULL: error says why. */
tls *tls_open(int fd, char *error, size_t error_size);

/* Go on. OR_NEED_MORE: wait for what tls_want says. */
or_err tls_handshake(tls *t);

/* What to wait for on the socket (EV_ bits), given what the user of the plain text wants. */
unsigned tls_want(const tls *t, unsigned want);

/* or_io results. */
ptrdiff_t tls_send(tls *t, const struct iovec *iov, size_t num);
ptrdiff_t tls_recv(tls *t, void *buf, size_t len);

/* Is decrypted text waiting that nobody asked for? */
bool tls_pending(const tls *t);

/* What failed, in words that a person can act on. */
const char *tls_error(tls *t);

/* Say farewell, if that can be done at once; wipe and free. The socket stays open. */
void tls_close(tls *t);

#endif
