#include "proxy/tls.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ports/bearssl.h"
#include "ports/posix.h"
#include "proxy/ev.h"
#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/roots.h"

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

/* The trust anchors of one file, as it was when it was read. */
typedef struct trust {
    or_bearssl_trust read;
    struct timespec  changed;
    off_t            size;
    unsigned         refs;
    struct trust    *next;
    size_t           path_size; /* with its NUL */
    char             path[];    /* as roots_find found it */
} trust;

struct tls_host {
    trust             *trust;
    or_bearssl_session session;
    or_str             name;
};

static trust *trusts;

/* ---- trust anchors ---- */

static trust *find_trust(const char *path, const struct stat *file)
{
    for (trust *t = trusts; t != NULL; t = t->next)
        if (strcmp(t->path, path) == 0 && t->size == file->st_size &&
            t->changed.tv_sec == file->st_mtim.tv_sec &&
            t->changed.tv_nsec == file->st_mtim.tv_nsec)
            return t;
    return NULL;
}

static trust *read_trust(const char *path, const struct stat *file, char *error, size_t error_size)
{
    size_t path_size = strlen(path) + 1;
    trust *t = mem_alloc(sizeof *t + path_size);
    if (t == NULL) {
        snprintf(error, error_size, "no memory for trust anchors: limits.memory is reached");
        return NULL;
    }
    if (!roots_load(&t->read, path, &mem_allocator, error, error_size)) {
        mem_free(t, sizeof *t + path_size);
        return NULL;
    }
    if (t->read.skipped > 0)
        log_line("%zu certificates of the trust anchors cannot be used", t->read.skipped);
    memcpy(t->path, path, path_size);
    t->path_size = path_size;
    t->changed = file->st_mtim;
    t->size = file->st_size;
    t->next = trusts;
    trusts = t;
    return t;
}

/* Looks at the file before it is read: one that changes in between is read again next time. */
static trust *hold_trust(const char *ca, char *error, size_t error_size)
{
    struct stat file;
    const char *path = roots_find(ca);
    memset(&file, 0, sizeof file);
    (void)stat(path, &file); /* what cannot be looked at cannot be read either, and that says why */
    trust *t = find_trust(path, &file);
    if (t == NULL) t = read_trust(path, &file, error, error_size);
    if (t != NULL) t->refs++;
    return t;
}

static void drop_trust(trust *t)
{
    trust **at = &trusts;
    if (--t->refs > 0) return;
    while (*at != t) at = &(*at)->next;
    *at = t->next;
    or_bearssl_trust_free(&t->read);
    mem_free(t, sizeof *t + t->path_size);
}

unsigned tls_num_trusts(void)
{
    unsigned n = 0;
    for (const trust *t = trusts; t != NULL; t = t->next) n++;
    return n;
}

/* ---- hosts ---- */

tls_host *tls_host_new(or_str name, const char *ca, char *error, size_t error_size)
{
    tls_host *h = mem_alloc(sizeof *h);
    if (h == NULL) {
        snprintf(error, error_size, "no memory for TLS: limits.memory is reached");
        return NULL;
    }
    h->name = name;
    h->trust = hold_trust(ca, error, error_size);
    if (h->trust != NULL) return h;
    mem_free(h, sizeof *h);
    return NULL;
}

void tls_host_free(tls_host *h)
{
    if (h == NULL) return;
    drop_trust(h->trust);
    or_wipe(h, sizeof *h); /* the session is a secret */
    mem_free(h, sizeof *h);
}

/* ---- connections ---- */

static void free_tls(tls *t)
{
    mem_free(t->handshake, sizeof *t->handshake);
    mem_free(t, sizeof *t);
}

tls *tls_open(tls_host *h, int fd, char *error, size_t error_size)
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
    or_bearssl_desc d = {.trust = &h->trust->read,
                         .handshake = t->handshake,
                         .session = &h->session,
                         .host = h->name,
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
