/* TLS for connections to providers: ports/bearssl with its memory, on the loop's terms. */
#ifndef TLS_H
#define TLS_H

#include <sys/uio.h>

#include "or.h"

typedef struct tls      tls;
typedef struct tls_host tls_host;

/* What the connections to one host share: its name, its trust anchors, a session to resume.
   ca NULL: the system's anchors. The anchors of a file are read once and shared for as long
   as somebody uses them and path, time and size of the file stay the same: a bundle of a
   system is some 100 KB, and a reload should neither double it nor miss a new one.
   name must stay. NULL: error says why. Freed when no connection is open any more. */
tls_host *tls_host_new(or_str name, const char *ca, char *error, size_t error_size);
void      tls_host_free(tls_host *h);

/* How many sets of trust anchors are in memory. */
unsigned tls_num_trusts(void);

/* Begin on a connected socket, which stays the caller's. NULL: error says why. */
tls *tls_open(tls_host *h, int fd, char *error, size_t error_size);

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
