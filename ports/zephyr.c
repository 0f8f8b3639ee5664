#include "ports/zephyr.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <zephyr/random/random.h>

#if !defined(CONFIG_NET_SOCKETS_SOCKOPT_TLS)
#error "ports/zephyr needs CONFIG_NET_SOCKETS_SOCKOPT_TLS=y in prj.conf"
#endif
#if defined(CONFIG_MBEDTLS_SSL_MAX_CONTENT_LEN) && CONFIG_MBEDTLS_SSL_MAX_CONTENT_LEN < 16384
#error "servers send full TLS records: CONFIG_MBEDTLS_SSL_MAX_CONTENT_LEN=16384 in prj.conf"
#endif
#if defined(CONFIG_MBEDTLS_BUILTIN) && !defined(CONFIG_MBEDTLS_HAVE_TIME_DATE)
#error "the dates of certificates would not be checked: CONFIG_MBEDTLS_HAVE_TIME_DATE=y in prj.conf"
#endif

uint32_t or_zephyr_now_ms(void)
{
    return k_uptime_get_32();
}

or_err or_zephyr_random(void *buf, size_t len)
{
    return sys_csrand_get(buf, len) == 0 ? OR_OK : OR_ERR_IO;
}

/* ---- opening ---- */

typedef struct request {
    const char      *host;
    uint16_t         port;
    const sec_tag_t *tags; /* NULL: no TLS */
    size_t           num_tags;
} request;

static bool set(int fd, int option, const void *value, size_t len)
{
    return zsock_setsockopt(fd, SOL_TLS, option, value, (socklen_t)len) == 0;
}

/* All three or no connection: what Zephyr does without them is less than verification. */
static bool demand_verification(int fd, const request *r)
{
    int verify = TLS_PEER_VERIFY_REQUIRED;
    return set(fd, TLS_SEC_TAG_LIST, r->tags, r->num_tags * sizeof *r->tags) &&
           set(fd, TLS_HOSTNAME, r->host, strlen(r->host) + 1) &&
           set(fd, TLS_PEER_VERIFY, &verify, sizeof verify);
}

static bool try_address(or_zephyr *z, const request *r, struct zsock_addrinfo *a)
{
    struct sockaddr *to = a->ai_addr;
    if (to->sa_family == AF_INET6)
        net_sin6(to)->sin6_port = htons(r->port);
    else
        net_sin(to)->sin_port = htons(r->port);
    int protocol = r->tags != NULL ? IPPROTO_TLS_1_2 : IPPROTO_TCP;
    int fd = zsock_socket(a->ai_family, SOCK_STREAM, protocol);
    if (fd < 0) {
        z->number = errno;
        return false;
    }
    if ((r->tags == NULL || demand_verification(fd, r)) &&
        zsock_connect(fd, to, a->ai_addrlen) == 0) {
        z->fd = fd;
        return true;
    }
    z->number = errno;
    zsock_close(fd);
    return false;
}

static or_err open_any(or_zephyr *z, const request *r)
{
    struct zsock_addrinfo want, *found = NULL;
    memset(z, 0, sizeof *z);
    z->end = OR_ERR_IO;
    memset(&want, 0, sizeof want);
    want.ai_family = AF_UNSPEC;
    want.ai_socktype = SOCK_STREAM;
    if (zsock_getaddrinfo(r->host, NULL, &want, &found) != 0) {
        z->end = OR_ERR_ABSENT;
        return z->end;
    }
    for (struct zsock_addrinfo *a = found; a != NULL && !z->open; a = a->ai_next)
        z->open = try_address(z, r, a);
    zsock_freeaddrinfo(found);
    if (!z->open) return z->end;
    z->end = OR_OK;
    z->tls = r->tags != NULL;
    return OR_OK;
}

or_err or_zephyr_open(or_zephyr *z, const char *host, uint16_t port)
{
    request r = {host, port, NULL, 0};
    return open_any(z, &r);
}

/* Digits and dots only, or a colon in it. */
static bool is_address(const char *host)
{
    return strchr(host, ':') != NULL || host[strspn(host, "0123456789.")] == 0;
}

or_err or_zephyr_open_tls(or_zephyr *z, const char *host, uint16_t port, const sec_tag_t *tags,
                          size_t num_tags)
{
    request r = {host, port, tags, num_tags};
    if (tags != NULL && num_tags > 0 && !is_address(host)) return open_any(z, &r);
    memset(z, 0, sizeof *z);
    z->end = OR_ERR_ARG;
    return z->end;
}

/* ---- transport ---- */

or_err or_zephyr_wait(const or_zephyr *z, bool write, uint32_t timeout_ms)
{
    struct zsock_pollfd p;
    p.fd = z->fd;
    p.events = write ? ZSOCK_POLLOUT : ZSOCK_POLLIN;
    p.revents = 0;
    if (!z->open) return OR_ERR_IO;
    int n = zsock_poll(&p, 1, timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX);
    if (n > 0) return OR_OK;
    return n == 0 ? OR_ERR_TIMEOUT : OR_ERR_IO;
}

/* Why it is not open. */
static or_err gone(const or_zephyr *z)
{
    return z->end != OR_OK ? z->end : OR_ERR_CLOSED;
}

static ptrdiff_t failure(or_zephyr *z)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    z->number = errno;
    return OR_ERR_IO;
}

static ptrdiff_t io_recv(void *user, void *buf, size_t len)
{
    or_zephyr *z = user;
    if (!z->open) return gone(z);
    if (z->end != OR_OK) return z->end;
    ptrdiff_t n = zsock_recv(z->fd, buf, len, ZSOCK_MSG_DONTWAIT);
    if (n > 0) return n;
    n = n < 0 ? failure(z) : z->tls ? (ptrdiff_t)OR_ERR_TRUNCATED : (ptrdiff_t)OR_ERR_CLOSED;
    if (n < 0) z->end = (or_err)n;
    return n;
}

static ptrdiff_t io_send(void *user, const void *buf, size_t len)
{
    or_zephyr *z = user;
    if (!z->open) return gone(z);
    if (len < z->unsent) return OR_ERR_ARG;
    if (z->unsent > 0) len = z->unsent; /* mbedTLS wants the same length again */
    z->unsent = 0;
    ptrdiff_t n = zsock_send(z->fd, buf, len, ZSOCK_MSG_DONTWAIT);
    if (n < 0) n = failure(z);
    if (n == 0 && z->tls) z->unsent = len;
    return n;
}

or_io or_zephyr_io(or_zephyr *z)
{
    or_io io;
    io.recv = io_recv;
    io.send = io_send;
    io.user = z;
    return io;
}

void or_zephyr_close(or_zephyr *z)
{
    if (z->open) zsock_close(z->fd);
    z->open = false;
    z->end = OR_ERR_CLOSED;
}
