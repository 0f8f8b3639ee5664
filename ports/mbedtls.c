#include "ports/mbedtls.h"

#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/version.h>
#include <mbedtls/x509.h>

#include <stdio.h>
#include <string.h>

#if MBEDTLS_VERSION_NUMBER < 0x021C0000 || MBEDTLS_VERSION_MAJOR > 3
#error "ports/mbedtls is written for mbedTLS 2.28 to 3.6"
#endif
#if !defined(MBEDTLS_SSL_CLI_C) || !defined(MBEDTLS_X509_CRT_PARSE_C) || \
    !defined(MBEDTLS_SSL_SERVER_NAME_INDICATION)
#error \
    "mbedTLS needs MBEDTLS_SSL_CLI_C, MBEDTLS_X509_CRT_PARSE_C, MBEDTLS_SSL_SERVER_NAME_INDICATION"
#endif
#if !defined(MBEDTLS_HAVE_TIME_DATE)
#error "mbedTLS would not look at the dates of certificates: define MBEDTLS_HAVE_TIME_DATE \
and set the clock (ESP-IDF: CONFIG_MBEDTLS_HAVE_TIME_DATE)"
#endif

enum { MAX_PIECE = 16384 }; /* plain text in one record */

/* ---- transport ---- */

/* An end or error of the transport goes around mbedTLS, which has no code for it. */
static int bio_result(or_mbedtls *c, ptrdiff_t n, int not_now)
{
    if (n > 0) return (int)n;
    if (n == 0) return not_now;
    c->transport = (or_err)n;
    return MBEDTLS_ERR_SSL_CONN_EOF;
}

static int bio_recv(void *user, unsigned char *buf, size_t len)
{
    or_mbedtls *c = user;
    ptrdiff_t   n = c->io.recv(c->io.user, buf, len);
    if (n == OR_ERR_CLOSED) n = OR_ERR_TRUNCATED; /* no close_notify came */
    return bio_result(c, n, MBEDTLS_ERR_SSL_WANT_READ);
}

static int bio_send(void *user, const unsigned char *buf, size_t len)
{
    or_mbedtls *c = user;
    return bio_result(c, c->io.send(c->io.user, buf, len), MBEDTLS_ERR_SSL_WANT_WRITE);
}

/* ---- the connection ---- */

/* mbedTLS falls back to the common name, which RFC 9525 section 2 forbids. */
static int check_names(void *user, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    or_mbedtls *c = user;
    if (depth == 0 && certificate->subject_alt_names.buf.p == NULL) {
        c->no_names = true;
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    }
    return 0;
}

static int set_up(or_mbedtls *c, const or_mbedtls_desc *d)
{
    static const int suites[] = {
#if defined(MBEDTLS_TLS1_3_AES_128_GCM_SHA256)
        MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
        MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
        MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
#endif
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        0,
    };
    mbedtls_ssl_config *config = &c->config;
    int n = mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                        MBEDTLS_SSL_PRESET_DEFAULT);
    if (n != 0) return n;
#if MBEDTLS_VERSION_MAJOR < 3 /* later ones speak nothing older */
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#endif
#if defined(MBEDTLS_SSL_ALPN)
    static const char *protocols[] = {"http/1.1", NULL};
    n = mbedtls_ssl_conf_alpn_protocols(config, protocols);
    if (n != 0) return n;
#endif
    mbedtls_ssl_conf_ciphersuites(config, suites);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(config, d->trust, NULL);
    mbedtls_ssl_conf_verify(config, check_names, c);
    mbedtls_ssl_conf_rng(config, d->random, d->random_user);
    n = mbedtls_ssl_setup(&c->ssl, config);
    if (n == 0) n = mbedtls_ssl_set_hostname(&c->ssl, c->host);
    mbedtls_ssl_set_bio(&c->ssl, c, bio_send, bio_recv, NULL);
    return n;
}

/* Digits and dots only, or a colon in it. */
static bool is_address(or_str host)
{
    bool numeric = true;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if (c == ':') return true;
        numeric = numeric && (c == '.' || (c >= '0' && c <= '9'));
    }
    return numeric;
}

or_err or_mbedtls_begin(or_mbedtls *c, const or_mbedtls_desc *d)
{
    if (d->trust == NULL || d->random == NULL || d->io.recv == NULL || d->io.send == NULL ||
        d->host.len == 0 || d->host.len >= sizeof c->host || is_address(d->host))
        return OR_ERR_ARG;
    memset(c, 0, sizeof *c);
    memcpy(c->host, d->host.ptr, d->host.len);
    c->io = d->io;
    c->want_send = true; /* our hello */
    mbedtls_ssl_init(&c->ssl);
    mbedtls_ssl_config_init(&c->config);
    int n = set_up(c, d);
    if (n == 0) return OR_OK;
    or_mbedtls_close(c);
    c->tls_error = n;
    return OR_ERR_MEMORY;
}

/* The first failure stays. */
static or_err fail(or_mbedtls *c, or_err e, int tls_error)
{
    c->err = e;
    c->tls_error = tls_error;
    c->want_recv = c->want_send = false;
    if (!c->open) c->verify_flags = mbedtls_ssl_get_verify_result(&c->ssl);
    if (c->verify_flags == UINT32_MAX) c->verify_flags = 0; /* it did not come so far */
    return e;
}

/* What a result that moved nothing means: OR_NEED_MORE or a failure. */
static or_err result_of(or_mbedtls *c, int n)
{
    c->want_recv = n == MBEDTLS_ERR_SSL_WANT_READ;
    c->want_send = n == MBEDTLS_ERR_SSL_WANT_WRITE || (c->want_recv && c->unsent > 0);
    switch (n) {
    case MBEDTLS_ERR_SSL_WANT_READ:
    case MBEDTLS_ERR_SSL_WANT_WRITE:
    case MBEDTLS_ERR_SSL_ASYNC_IN_PROGRESS:
    case MBEDTLS_ERR_SSL_CRYPTO_IN_PROGRESS: /* a slice of arithmetic is done */
#if defined(MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
    case MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET:
#endif
        return OR_NEED_MORE;
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY: return fail(c, OR_ERR_CLOSED, 0);
    case MBEDTLS_ERR_SSL_ALLOC_FAILED: return fail(c, OR_ERR_MEMORY, n);
    default: break;
    }
    /* only bio_result says CONN_EOF; mbedtls_ssl_read makes a 0 of it */
    if (n == 0 || n == MBEDTLS_ERR_SSL_CONN_EOF) return fail(c, c->transport, 0);
    return fail(c, OR_ERR_IO, n);
}

or_err or_mbedtls_step(or_mbedtls *c)
{
    if (c->open || c->err != OR_OK) return c->err;
    int n = mbedtls_ssl_handshake(&c->ssl);
    if (n != 0) return result_of(c, n);
    if (mbedtls_ssl_get_verify_result(&c->ssl) != 0) /* not with VERIFY_REQUIRED; all rests on it */
        return fail(c, OR_ERR_IO, MBEDTLS_ERR_X509_CERT_VERIFY_FAILED);
    c->open = true;
    c->want_recv = true;
    c->want_send = false;
    return OR_OK;
}

bool or_mbedtls_pending(const or_mbedtls *c)
{
    return c->open && c->err == OR_OK && mbedtls_ssl_check_pending(&c->ssl) != 0;
}

ptrdiff_t or_mbedtls_recv(or_mbedtls *c, void *buf, size_t len)
{
    if (!c->open || c->err != OR_OK) return c->err;
    int n = mbedtls_ssl_read(&c->ssl, buf, len);
    if (n > 0) return n;
    or_err e = result_of(c, n);
    return e == OR_NEED_MORE ? 0 : (ptrdiff_t)e;
}

ptrdiff_t or_mbedtls_send(or_mbedtls *c, const void *buf, size_t len)
{
    if (!c->open || c->err != OR_OK) return c->err;
    if (len > MAX_PIECE) len = MAX_PIECE;
    if (len < c->unsent) return OR_ERR_ARG;
    if (c->unsent > 0) len = c->unsent; /* mbedTLS wants the same length again */
    c->unsent = 0;
    int n = mbedtls_ssl_write(&c->ssl, buf, len);
    if (n > 0) return n;
    or_err e = result_of(c, n);
    if (e != OR_NEED_MORE) return e;
    c->unsent = len;
    return 0;
}

void or_mbedtls_close(or_mbedtls *c)
{
    if (c->open && c->err == OR_OK) (void)mbedtls_ssl_close_notify(&c->ssl);
    mbedtls_ssl_free(&c->ssl); /* wipes */
    mbedtls_ssl_config_free(&c->config);
    c->open = c->want_recv = c->want_send = false;
    if (c->err == OR_OK) c->err = OR_ERR_CLOSED;
}

static ptrdiff_t io_recv(void *user, void *buf, size_t len)
{
    return or_mbedtls_recv(user, buf, len);
}

static ptrdiff_t io_send(void *user, const void *buf, size_t len)
{
    return or_mbedtls_send(user, buf, len);
}

or_io or_mbedtls_io(or_mbedtls *c)
{
    or_io io;
    io.recv = io_recv;
    io.send = io_send;
    io.user = c;
    return io;
}

/* ---- words ---- */

/* What is wrong with a certificate; the first that applies is the most telling. */
static const struct {
    uint32_t    flag;
    const char *text;
} reasons[] = {
    {MBEDTLS_X509_BADCERT_EXPIRED, "certificate expired, or this machine's clock is wrong"},
    {MBEDTLS_X509_BADCERT_FUTURE, "certificate is not yet valid, or this machine's clock is wrong"},
    {MBEDTLS_X509_BADCERT_BAD_MD, "certificate is signed with SHA-1 or MD5, which can be forged"},
    {MBEDTLS_X509_BADCERT_BAD_KEY, "certificate has an RSA key of less than 2048 bits"},
    {MBEDTLS_X509_BADCERT_BAD_PK, "certificate uses an algorithm that is not supported"},
    {MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "certificate is not for servers (extended key usage)"},
    {MBEDTLS_X509_BADCERT_KEY_USAGE, "certificate is not for servers (key usage)"},
    {MBEDTLS_X509_BADCERT_NOT_TRUSTED,
     "certificate is signed by an authority that is not among the trust anchors"},
    {MBEDTLS_X509_BADCERT_REVOKED, "certificate was revoked"},
};

static void put_refusal(const or_mbedtls *c, char *text, size_t size)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if ((c->verify_flags & reasons[i].flag) != 0) {
            snprintf(text, size, "%s", reasons[i].text);
            return;
        }
    if (c->no_names)
        snprintf(text, size, "certificate names no host (no subjectAltName)");
    else if ((c->verify_flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0)
        snprintf(text, size, "certificate is not for %s", c->host);
    else
        snprintf(text, size, "certificate refused (flags 0x%lx)", (unsigned long)c->verify_flags);
}

void or_mbedtls_error(const or_mbedtls *c, char *text, size_t size)
{
    if (c->tls_error != 0 && c->verify_flags != 0) {
        put_refusal(c, text, size);
        return;
    }
    switch (c->tls_error) {
    case 0: snprintf(text, size, "TLS: %s", or_err_text(c->err)); break;
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
        snprintf(text, size,
                 "the server ended the TLS connection with an alert (no common settings?)");
        break;
    case MBEDTLS_ERR_SSL_INVALID_MAC:
        snprintf(text, size, "a record was corrupted on its way");
        break;
    default: snprintf(text, size, "TLS error -0x%04X of mbedTLS", (unsigned)-c->tls_error); break;
    }
}
