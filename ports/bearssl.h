/* ports/bearssl - a TLS 1.2 client over any or_io, with BearSSL, for or.h

   Tried on Debian 12 (x86-64) with BearSSL 0.6. Build ports/bearssl.c along and link
   -lbearssl. It opens no socket, reads no clock and allocates only for the trust anchors.

   Protocol TLS 1.2; ECDHE with AES-128-GCM, AES-256-GCM or ChaCha20-Poly1305; ECDSA and
   RSA certificates of at least 2048 bits with SHA-256, -384 or -512. AES comes first on
   processors with AES instructions, ChaCha20 on others. No renegotiation.

   The server's certificate is always verified; nothing switches that off. Beyond what
   BearSSL checks itself (chain, dates, host name, key usage), this port refuses a
   certificate that has no subjectAltName, one whose extendedKeyUsage leaves out servers,
   and matches a host given as an IP address against the certificate's iPAddress names.
   Not checked: name constraints that are not marked critical; revocation.

   Memory of a connection: an or_bearssl, a buffer of at least OR_BEARSSL_MIN_BUFFER bytes
   (bidirectional: a full record in, the rest out), and during the handshake only an
   or_bearssl_handshake, which may be shared by connections whose handshakes do not
   overlap. Stack: about 5 KB in the handshake. */
#ifndef OR_BEARSSL_H
#define OR_BEARSSL_H

#include <bearssl.h>

#include "or.h"

/* A full record in, and records of 512 bytes out. Servers send full records whatever the
   client asks for, so the first part cannot be smaller; a larger buffer makes larger
   records out (up to OR_BEARSSL_MAX_BUFFER), which large requests want. */
#define OR_BEARSSL_MIN_BUFFER (BR_SSL_BUFSIZE_INPUT + 512 + 85)
#define OR_BEARSSL_MAX_BUFFER BR_SSL_BUFSIZE_BIDI

/* Trust anchors: constant after loading, shared by all connections. */
typedef struct or_bearssl_trust {
    br_x509_trust_anchor *anchors;
    size_t                num;
    size_t                skipped; /* certificates of the bundle whose key is of no use */
    or_arena              memory;
} or_bearssl_trust;

/* Read the certificates of a PEM bundle.
   OR_ERR_ABSENT  no usable certificate in it
   OR_ERR_MEMORY  the allocator had none */
or_err or_bearssl_trust_read(or_bearssl_trust *t, or_str pem, const or_allocator *allocator);

/* The same from a file; path NULL: $SSL_CERT_FILE or where systems keep theirs. error, when
   it fails, says why in words. */
or_err or_bearssl_trust_load(or_bearssl_trust *t, const char *path, const or_allocator *allocator,
                             char *error, size_t error_size);
void   or_bearssl_trust_free(or_bearssl_trust *t);

/* A session to resume: one for each host, kept by the caller, zeroed at first. */
typedef struct or_bearssl_session {
    bool                      set;
    br_ssl_session_parameters parameters;
} or_bearssl_session;

/* What is remembered of the certificates that came, for the checks and for words. */
typedef struct or_bearssl_facts {
    uint32_t certificates;
    bool     has_dns, has_ip, ip_matches; /* names of the server's: of hosts, addresses */
    bool     has_usage, usage_server;
    bool     self_issued, weak_hash;
    bool     bad_date_is_start;      /* it begins in the future */
    char     bad_date[16];           /* of the first certificate that is out of its time */
    char     name[64];               /* the first name of the server's certificate */
} or_bearssl_facts;

/* Walks DER as it comes; private. */
typedef struct or_bearssl_walk {
    uint32_t left[8]; /* bytes left of the element that is open at each depth */
    uint32_t size;    /* of the element being read, then what is left of it */
    uint8_t  depth, state, tag, size_bytes, captured;
    uint8_t  section, nth, extension;
    uint8_t  capture[72];
    uint64_t issuer, subject; /* hashes */
} or_bearssl_walk;

/* Needed from or_bearssl_begin until or_bearssl_step has returned OR_OK or an error. */
typedef struct or_bearssl_handshake {
    const br_x509_class    *vtable; /* must be first: this is an X.509 engine */
    br_x509_minimal_context minimal;
    or_bearssl_walk         walk;
    or_bearssl_facts       *facts;
    uint8_t                 ip[16];
    uint8_t                 ip_len; /* 0: the host is a name */
    int64_t                 unix_s;
} or_bearssl_handshake;

/* What a connection is made of. Everything but buffer, session and handshake is only
   borrowed during the call; those and trust must stay. */
typedef struct or_bearssl_desc {
    const or_bearssl_trust *trust;     /* required */
    or_bearssl_handshake   *handshake; /* required */
    or_bearssl_session     *session;   /* resume this one, and keep the next (default: none) */
    or_str                  host;      /* required: name or IP address, without brackets */
    int64_t                 unix_s;    /* required: now, seconds since 1970 */
    const uint8_t          *seed;      /* required: 32 random bytes */
    void                   *buffer;    /* required */
    size_t                  buffer_size;
    or_io                   io; /* required: the transport */
} or_bearssl_desc;

/* A connection; must not be moved. */
typedef struct or_bearssl {
    br_ssl_client_context client;
    or_io                 io;
    or_bearssl_session   *session;
    or_bearssl_handshake *handshake; /* NULL after the handshake: it is free for another */
    or_bearssl_facts      facts;
    int64_t               unix_s;
    or_err                err;
    int                   tls_error; /* BearSSL's code, or 0 */
    bool                  want_recv, want_send; /* what the transport has to be ready for */
    bool                  open;                 /* the handshake is done */
    char                  host[256];
} or_bearssl;

/* Prepare. OR_ERR_ARG: something required is missing, or the buffer is too small. */
or_err or_bearssl_begin(or_bearssl *c, const or_bearssl_desc *d);

/* Move bytes between transport and TLS as far as they go, though not for ever. OR_OK: the handshake
   is done. OR_NEED_MORE: it is not; wait for what want_recv and want_send say. OR_ERR_IO: refused or
   failed (or_bearssl_error says why). OR_ERR_CLOSED, OR_ERR_TRUNCATED as for recv. */
or_err or_bearssl_step(or_bearssl *c);

/* Plain text; or_io results. After 0, wait for what want_recv and want_send say.
   recv: OR_ERR_CLOSED after the peer's close_notify; OR_ERR_TRUNCATED when the transport
   ended without it, which an attacker can cause.
   send takes what fits into a record; call or_bearssl_flush after the last piece. */
ptrdiff_t or_bearssl_recv(or_bearssl *c, void *buf, size_t len);
ptrdiff_t or_bearssl_send(or_bearssl *c, const void *buf, size_t len);

/* Send what is buffered. OR_OK: all of it went to the transport; OR_NEED_MORE: not yet. */
or_err or_bearssl_flush(or_bearssl *c);

/* Is decrypted text waiting? Then do not sleep on the transport. */
bool or_bearssl_pending(const or_bearssl *c);

/* Say close_notify if the transport takes it at once, and wipe all keys. */
void or_bearssl_close(or_bearssl *c);

/* An or_io for the plain text; send flushes by itself. */
or_io or_bearssl_io(or_bearssl *c);

/* Why it failed, in words that a person can act on; at most size bytes with the NUL. */
void or_bearssl_error(const or_bearssl *c, char *text, size_t size);

#endif
