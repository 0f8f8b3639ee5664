#include "ports/lwip_sockets.h"

#include "lwip/opt.h"

#if !LWIP_SOCKET
#error "ports/lwip_sockets needs LWIP_SOCKET 1 in lwipopts.h; without an RTOS use ports/lwip_raw"
#endif
#if !LWIP_SOCKET_POLL
#error "ports/lwip_sockets needs LWIP_SOCKET_POLL 1 in lwipopts.h (lwIP 2.1 or newer)"
#endif

#include "lwip/api.h"
#include "lwip/sockets.h"
#include "lwip/sys.h"
#if LWIP_SOCKET_EXTERNAL_HEADERS
#include <fcntl.h>
#include <netinet/tcp.h>
#endif

#include <limits.h>
#include <string.h>

uint32_t or_lwip_sockets_now_ms(void)
{
    return sys_now();
}

or_err or_lwip_sockets_resolve(const char *host, ip_addr_t *address)
{
    if (ipaddr_aton(host, address)) return OR_OK;
#if LWIP_DNS
    if (netconn_gethostbyname(host, address) == ERR_OK) return OR_OK;
#endif
    return OR_ERR_ABSENT;
}

/* Ready within timeout_ms: 1, not: 0, broken: -1. */
static int ready(const or_lwip_sockets *s, bool write, uint32_t timeout_ms)
{
    struct pollfd p;
    p.fd = s->fd;
    p.events = write ? POLLOUT : POLLIN;
    p.revents = 0;
    return lwip_poll(&p, 1, timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX);
}

static int begin_connect(int fd, const ip_addr_t *address, uint16_t port)
{
#if LWIP_IPV6
    if (IP_IS_V6(address)) {
        struct sockaddr_in6 to;
        memset(&to, 0, sizeof to);
        to.sin6_family = AF_INET6;
        to.sin6_port = lwip_htons(port);
        memcpy(&to.sin6_addr, ip_2_ip6(address)->addr, sizeof to.sin6_addr);
        to.sin6_scope_id = ip6_addr_zone(ip_2_ip6(address));
        return lwip_connect(fd, (const struct sockaddr *)&to, sizeof to);
    }
#endif
#if LWIP_IPV4
    struct sockaddr_in to;
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = lwip_htons(port);
    to.sin_addr.s_addr = ip4_addr_get_u32(ip_2_ip4(address));
    return lwip_connect(fd, (const struct sockaddr *)&to, sizeof to);
#else
    return -1;
#endif
}

static or_err fail(or_lwip_sockets *s, or_err e, int number)
{
    or_lwip_sockets_close(s);
    s->end = e;
    s->number = number;
    return e;
}

or_err or_lwip_sockets_open(or_lwip_sockets *s, const ip_addr_t *address, uint16_t port,
                            uint32_t timeout_ms)
{
    int on = 1;
    memset(s, 0, sizeof *s);
    s->start_ms = sys_now();
    s->timeout_ms = timeout_ms;
    s->fd = lwip_socket(IP_IS_V6(address) ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0) return fail(s, OR_ERR_MEMORY, errno);
    s->has_fd = true;
    (void)lwip_setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (lwip_fcntl(s->fd, F_SETFL, O_NONBLOCK) != 0) return fail(s, OR_ERR_IO, errno);
    if (begin_connect(s->fd, address, port) != 0 && errno != EINPROGRESS)
        return fail(s, OR_ERR_IO, errno);
    return OR_OK;
}

/* What there is to say while it is not connected; OR_OK: it is being connected. */
static or_err not_open(const or_lwip_sockets *s)
{
    if (s->has_fd) return OR_OK;
    return s->end != OR_OK ? s->end : OR_ERR_CLOSED;
}

or_err or_lwip_sockets_step(or_lwip_sockets *s)
{
    int       number = 0;
    socklen_t size = sizeof number;
    if (s->open) return OR_OK;
    if (!s->has_fd) return not_open(s);
    if (ready(s, true, 0) <= 0) {
        if (or_ms_diff(s->start_ms, sys_now()) < (int32_t)s->timeout_ms) return OR_NEED_MORE;
        return fail(s, OR_ERR_TIMEOUT, 0);
    }
    if (lwip_getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &number, &size) != 0) number = errno;
    if (number != 0) return fail(s, OR_ERR_IO, number);
    s->open = true;
    return OR_OK;
}

or_err or_lwip_sockets_wait(const or_lwip_sockets *s, bool write, uint32_t timeout_ms)
{
    int n = s->has_fd ? ready(s, write, timeout_ms) : -1;
    if (n > 0) return OR_OK;
    return n == 0 ? OR_ERR_TIMEOUT : OR_ERR_IO;
}

static ptrdiff_t failure(or_lwip_sockets *s)
{
    if (errno == EWOULDBLOCK || errno == EAGAIN) return 0;
    s->number = errno;
    return OR_ERR_IO;
}

/* lwIP tells of an end once, and of ENOTCONN after it: so it is remembered. */
static ptrdiff_t io_recv(void *user, void *buf, size_t len)
{
    or_lwip_sockets *s = user;
    if (!s->open) return not_open(s);
    if (s->end != OR_OK) return s->end;
    ptrdiff_t n = lwip_recv(s->fd, buf, len, 0);
    if (n > 0) return n;
    n = n == 0 ? (ptrdiff_t)OR_ERR_CLOSED : failure(s);
    if (n < 0) s->end = (or_err)n;
    return n;
}

static ptrdiff_t io_send(void *user, const void *buf, size_t len)
{
    or_lwip_sockets *s = user;
    if (!s->open) return not_open(s);
    ptrdiff_t n = lwip_send(s->fd, buf, len, 0);
    return n >= 0 ? n : failure(s);
}

or_io or_lwip_sockets_io(or_lwip_sockets *s)
{
    or_io io;
    io.recv = io_recv;
    io.send = io_send;
    io.user = s;
    return io;
}

void or_lwip_sockets_close(or_lwip_sockets *s)
{
    if (s->has_fd) lwip_close(s->fd);
    s->has_fd = s->open = false;
    s->end = OR_ERR_CLOSED;
}
