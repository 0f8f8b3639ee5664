/* ports/mbedtls - a TLS client over any or_io, with mbedTLS, for or.h

   Tried with mbedTLS 2.28.3 (Debian 12, in every test run) and 3.6.6 (Debian 13, by hand) on
   x86-64 against OpenSSL. Cortex-M3: 2 KB of code and words beside mbedTLS; a connection is
   0.6 KB beside what mbedTLS takes from its heap: about 45 KB while the handshake runs, with
   records of 16 KB both ways. MBEDTLS_SSL_IN_CONTENT_LEN has to stay so, since servers send
   full records; MBEDTLS_SSL_OUT_CONTENT_LEN may be 4096.

   Build ports/mbedtls.c along and link -lmbedtls -lmbedx509 -lmbedcrypto. It opens no socket.

   Protocol TLS 1.2, with mbedTLS 3 also 1.3 where it is configured (then call psa_crypto_init
   first); ECDHE with AES-GCM or ChaCha20-Poly1305 only. No renegotiation, no resumption.

   The server's certificate is always verified; nothing switches that off. mbedTLS checks
   chain, dates, host name, key usage, extended key usage, SHA-256 or better, RSA of at least
   2048 bits; this port refuses a certificate without subjectAltName, and hosts given as an
   address (mbedTLS 2.28 cannot match one). Not checked: name constraints; revocation.

   Dates need a clock: mbedtls_platform_set_time or time(), right before the first handshake. */
#ifndef OR_MBEDTLS_H
#define OR_MBEDTLS_H

#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "or.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a connection is made of. trust must stay; the rest is borrowed during the call. */
typedef struct or_mbedtls_desc {
    mbedtls_x509_crt *trust; /* required: trust anchors, of mbedtls_x509_crt_parse */
    or_str            host;  /* required: a name, at most 253 bytes */
    int (*random)(void *user, unsigned char *buf, size_t len); /* required, for instance
                                                                  mbedtls_ctr_drbg_random */
    void *random_user;
    or_io io; /* required: the transport */
} or_mbedtls_desc;

/* A connection; must not be moved. */
typedef struct or_mbedtls {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config  config;
    or_io               io;
    or_err              err;
    or_err              transport;    /* why the transport failed, if it did */
    int                 tls_error;    /* mbedTLS's code, or 0 */
    uint32_t            verify_flags; /* MBEDTLS_X509_BADCERT_... of a refused certificate */
    size_t              unsent;       /* bytes that or_mbedtls_send has to be given again */
    bool                open;         /* the handshake is done */
    bool                no_names;     /* the server's certificate has no subjectAltName */
    char                host[254];
    /* what the transport has to be ready for; when neither is set, call again at once */
    bool want_recv, want_send;
} or_mbedtls;

/* Prepare. OR_ERR_ARG: something required is missing, or host is not a name. OR_ERR_MEMORY:
   mbedTLS had none (tls_error has its code). After any result but OR_OK there is nothing to
   close. */
or_err or_mbedtls_begin(or_mbedtls *c, const or_mbedtls_desc *d);

/* Go on with the handshake as far as the transport goes. OR_OK: it is done. OR_NEED_MORE: it is
   not; wait for what want_recv and want_send say. OR_ERR_IO: refused or failed
   (or_mbedtls_error says why). OR_ERR_CLOSED, OR_ERR_TRUNCATED as for recv. */
or_err or_mbedtls_step(or_mbedtls *c);

/* Plain text; or_io results. After 0, wait for what want_recv and want_send say.
   recv: OR_ERR_CLOSED after the peer's close_notify; OR_ERR_TRUNCATED when the transport
   ended without it, which an attacker can cause.
   send: after 0 call again with the same bytes, more may follow them: mbedTLS has already
   encrypted them. Fewer are OR_ERR_ARG. What it says is taken has gone to the transport. */
ptrdiff_t or_mbedtls_recv(or_mbedtls *c, void *buf, size_t len);
ptrdiff_t or_mbedtls_send(or_mbedtls *c, const void *buf, size_t len);

/* Is decrypted text waiting? Then do not sleep on the transport. */
bool or_mbedtls_pending(const or_mbedtls *c);

/* Say close_notify if the transport takes it at once, wipe all keys, give the memory back. */
void or_mbedtls_close(or_mbedtls *c);

/* An or_io for the plain text. */
or_io or_mbedtls_io(or_mbedtls *c);

/* Why it failed, in words that a person can act on; at most size bytes with the NUL. */
void or_mbedtls_error(const or_mbedtls *c, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
