#include "proxy/tls.h"

#include <stdio.h>

#include "ports/bearssl.h"
#include "ports/posix.h"
#include "proxy/ev.h"
#include "proxy/log.h"
#include "proxy/mem.h"

/* Records of 4 KB out: a small request fits into one, and more would cost memory on each of
   thousands of streams. */
enum { BUFFER = BR_SSL_BUFSIZE_INPUT + 4096 + 85 };

struct tls {
    or_bearssl            c;
    or_bearssl_handshake *handshake; /* given back when it is over */
    int                   fd;
    char                  error[256];
    unsigned char         buffer[BUFFER];
};

static or_bearssl_trust   trust;
static or_bearssl_session session;
static or_str             host;

bool tls_setup(or_str name, const char *ca, char *error, size_t error_size)
{
    host = name;
    if (or_bearssl_trust_load(&trust, ca, &mem_allocator, error, error_size) != OR_OK) return false;
    if (trust.skipped > 0)
        log_line("%zu certificates of the trust anchors cannot be used", trust.skipped);
    return true;
}

static void free_tls(tls *t)
{
    mem_free(t->handshake, sizeof *t->handshake);
    mem_free(t, sizeof *t);
}

tls *tls_open(int fd, char *error, size_t error_size)
{
    uint8_t seed[32];
    tls    *t = mem_alloc(sizeof *t);
    if (t != NULL) t->handshake = mem_alloc(sizeof *t->handshake);
    if (t == NULL || t->handshake == NULL) {
        snprintf(error, error_size, "no memory for TLS: limits.memory is reached");
        if (t != NULL) mem_free(t, sizeof *t);
        return NULL;
    }
    t->fd = fd;
    or_bearssl_desc d = {.trust = &trust,
                         .handshake = t->handshake,
                         .session = &session,
                         .host = host,
                         .unix_s = or_posix_unix_s(),
                         .seed = seed,
                         .buffer = t->buffer,
                         .buffer_size = sizeof t->buffer,
                         .io = or_posix_io(&t->fd)};
    or_err e = or_posix_random(seed, sizeof seed);
    if (e == OR_OK) e = or_bearssl_begin(&t->c, &d);
    or_wipe(seed, sizeof seed);
    if (e == OR_OK) return t;
    snprintf(error, error_size, "cannot begin TLS: %s", or_err_text(e));
    free_tls(t);
    return NULL;
}

or_err tls_handshake(tls *t)
{
    or_err e = or_bearssl_step(&t->c);
    if (e == OR_NEED_MORE) return e;
    mem_free(t->handshake, sizeof *t->handshake);
    t->handshake = NULL;
    return e;
}

unsigned tls_want(const tls *t, unsigned want)
{
    unsigned events = t->c.want_send ? EV_WRITE : 0u;
    if (t->c.open ? (want & EV_READ) != 0 : t->c.want_recv) events |= EV_READ;
    return events;
}

ptrdiff_t tls_send(tls *t, const struct iovec *iov, size_t num)
{
    ptrdiff_t total = 0;
    for (size_t i = 0; i < num; i++)
        for (size_t at = 0; at < iov[i].iov_len;) {
            ptrdiff_t n = or_bearssl_send(&t->c, (const char *)iov[i].iov_base + at,
                                          iov[i].iov_len - at);
            if (n < 0) return n;
            if (n == 0) return total; /* a record is waiting for the transport */
            at += (size_t)n;
            total += n;
        }
    or_err e = or_bearssl_flush(&t->c);
    return e < 0 ? (ptrdiff_t)e : total;
}

ptrdiff_t tls_recv(tls *t, void *buf, size_t len)
{
    return or_bearssl_recv(&t->c, buf, len);
}

bool tls_pending(const tls *t)
{
    return or_bearssl_pending(&t->c);
}

const char *tls_error(tls *t)
{
    or_bearssl_error(&t->c, t->error, sizeof t->error);
    return t->error;
}

void tls_close(tls *t)
{
    or_bearssl_close(&t->c);
    free_tls(t);
}
