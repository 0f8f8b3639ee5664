#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* getrandom, clock_gettime and getaddrinfo under -std=c99 */
#endif
#include "ports/posix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/random.h>
#endif

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* the program has to ignore SIGPIPE */
#endif

uint32_t or_posix_now_ms(void)
{
    struct timespec t = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint32_t)((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

int64_t or_posix_unix_s(void)
{
    return (int64_t)time(NULL);
}

static or_err random_device(unsigned char *to, size_t len)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return OR_ERR_IO;
    while (len > 0) {
        ssize_t n = read(fd, to, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        to += n;
        len -= (size_t)n;
    }
    close(fd);
    return len == 0 ? OR_OK : OR_ERR_IO;
}

or_err or_posix_random(void *buf, size_t len)
{
    unsigned char *to = buf;
#if defined(__linux__)
    while (len > 0) {
        ssize_t n = getrandom(to, len, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == ENOSYS) return random_device(to, len);
        if (n <= 0) return OR_ERR_IO;
        to += n;
        len -= (size_t)n;
    }
    return OR_OK;
#else
    return random_device(to, len);
#endif
}

/* ---- names ---- */

bool or_posix_is_literal(const char *host)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static int look_up(const char *host, const char *port, int family, struct addrinfo **found)
{
    struct addrinfo want;
    memset(&want, 0, sizeof want);
    want.ai_family = family;
    want.ai_socktype = SOCK_STREAM;
    want.ai_flags = AI_NUMERICSERV | (or_posix_is_literal(host) ? AI_NUMERICHOST : 0);
    return getaddrinfo(host, port, &want, found);
}

/* The next entry of that family at or after *list. */
static const struct addrinfo *next_of(const struct addrinfo *list, int family)
{
    while (list != NULL && list->ai_family != family) list = list->ai_next;
    return list;
}

static void take_address(const struct addrinfo **from, int family, or_posix_addr *to,
                         uint32_t max, uint32_t *num)
{
    const struct addrinfo *a = next_of(*from, family);
    if (a == NULL || *num == max || a->ai_addrlen > sizeof to->address) {
        *from = NULL;
        return;
    }
    memset(&to[*num], 0, sizeof *to);
    memcpy(&to[*num].address, a->ai_addr, a->ai_addrlen);
    to[(*num)++].len = a->ai_addrlen;
    *from = a->ai_next;
}

or_err or_posix_resolve(const char *host, uint16_t port, or_posix_addr *addresses, uint32_t max,
                        uint32_t *num, char *error, size_t error_size)
{
    struct addrinfo *found = NULL;
    char             service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    *num = 0;
    int status = look_up(host, service, AF_UNSPEC, &found);
    if (status != 0) status = look_up(host, service, AF_INET, &found);
    if (status != 0) {
        const char *why = status == EAI_SYSTEM ? strerror(errno) : gai_strerror(status);
        snprintf(error, error_size, "resolve %s: %s", host, why);
        return OR_ERR_ABSENT;
    }
    const struct addrinfo *v6 = found, *v4 = found;
    while (v6 != NULL || v4 != NULL) {
        take_address(&v6, AF_INET6, addresses, max, num);
        take_address(&v4, AF_INET, addresses, max, num);
    }
    freeaddrinfo(found);
    if (*num > 0) return OR_OK;
    snprintf(error, error_size, "resolve %s: no address", host);
    return OR_ERR_ABSENT;
}

void or_posix_addr_text(const or_posix_addr *a, char *text, size_t size)
{
    char host[64] = "?", port[8] = "?";
    (void)getnameinfo((const struct sockaddr *)&a->address, a->len, host, sizeof host, port,
                      sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    bool v6 = a->address.ss_family == AF_INET6;
    snprintf(text, size, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

/* ---- dialling ---- */

void or_posix_dial_start(or_posix_dial *d, const or_posix_addr *addresses, uint32_t num)
{
    memset(d, 0, sizeof *d);
    d->num = num < OR_POSIX_MAX_ADDRESSES ? num : OR_POSIX_MAX_ADDRESSES;
    memcpy(d->addresses, addresses, d->num * sizeof *addresses);
    d->fd[0] = d->fd[1] = -1;
    snprintf(d->error, sizeof d->error, "connect: no address");
}

/* Add a failed attempt to the words, as far as they have room. */
static void note_failure(or_posix_dial *d, uint32_t which, int number)
{
    char   name[80];
    size_t used = d->failed > 0 ? strlen(d->error) : 0;
    or_posix_addr_text(&d->addresses[which], name, sizeof name);
    snprintf(d->error + used, sizeof d->error - used, "%sconnect to %s: %s", used > 0 ? "; " : "", name,
             strerror(number));
    d->failed++;
}

/* A socket that is connecting, or connected; -1 with errno. */
static int begin_connect(const or_posix_addr *a)
{
    int on = 1;
    int fd = socket(a->address.ss_family, SOCK_STREAM, 0);
    if (fd < 0) return -1;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(fd, (const struct sockaddr *)&a->address, a->len) == 0 ||
            errno == EINPROGRESS || errno == EINTR)
            return fd;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* Look at attempt i: OR_OK connected, OR_NEED_MORE not yet (or none), OR_ERR_IO failed, and
   then its slot is free. */
static or_err look_at(or_posix_dial *d, int i)
{
    struct pollfd p;
    int           number = 0;
    socklen_t     size = sizeof number;
    p.fd = d->fd[i];
    p.events = POLLOUT;
    p.revents = 0;
    if (p.fd < 0 || poll(&p, 1, 0) <= 0) return OR_NEED_MORE;
    if (getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &number, &size) != 0) number = errno;
    if (number == 0) return OR_OK;
    note_failure(d, d->which[i], number);
    close(p.fd);
    d->fd[i] = -1;
    return OR_ERR_IO;
}

/* Start the first address that can be started, if a slot is free. */
static void start_next(or_posix_dial *d, uint32_t now_ms)
{
    int i = d->fd[0] < 0 ? 0 : 1;
    while (d->next < d->num && d->fd[i] < 0) {
        uint32_t which = d->next++;
        d->fd[i] = begin_connect(&d->addresses[which]);
        d->which[i] = (uint8_t)which;
        if (d->fd[i] < 0) note_failure(d, which, errno);
    }
    d->next_ms = now_ms + OR_POSIX_NEXT_FAMILY_MS;
}

or_err or_posix_dial_step(or_posix_dial *d, uint32_t now_ms, int *fd)
{
    bool due = d->timer ? or_ms_diff(d->next_ms, now_ms) >= 0 : false;
    for (int i = 0; i < 2; i++) {
        or_err e = look_at(d, i);
        due |= e == OR_ERR_IO; /* a failure makes room for the next at once */
        if (e != OR_OK) continue;
        *fd = d->fd[i];
        d->fd[i] = -1;
        or_posix_dial_abandon(d);
        return OR_OK;
    }
    if (due || (d->fd[0] < 0 && d->fd[1] < 0)) start_next(d, now_ms);
    /* with both slots taken there is nothing to do until one of them says something */
    d->timer = d->next < d->num && (d->fd[0] < 0 || d->fd[1] < 0);
    return d->fd[0] < 0 && d->fd[1] < 0 ? OR_ERR_IO : OR_NEED_MORE;
}

void or_posix_dial_abandon(or_posix_dial *d)
{
    for (int i = 0; i < 2; i++) {
        if (d->fd[i] >= 0) close(d->fd[i]);
        d->fd[i] = -1;
    }
    d->next = d->num;
    d->timer = false;
}

/* ---- transport ---- */

static ptrdiff_t result_of(ssize_t n)
{
    if (n >= 0) return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return 0;
    return errno == EPIPE ? OR_ERR_CLOSED : OR_ERR_IO;
}

static ptrdiff_t io_recv(void *user, void *buf, size_t len)
{
    ssize_t n = recv(*(const int *)user, buf, len, 0);
    return n == 0 ? OR_ERR_CLOSED : result_of(n);
}

static ptrdiff_t io_send(void *user, const void *buf, size_t len)
{
    return result_of(send(*(const int *)user, buf, len, MSG_NOSIGNAL));
}

or_io or_posix_io(int *fd)
{
    or_io io;
    io.recv = io_recv;
    io.send = io_send;
    io.user = fd;
    return io;
}

or_err or_posix_wait(int fd, bool write, uint32_t timeout_ms)
{
    struct pollfd p;
    uint32_t      start = or_posix_now_ms();
    for (;;) {
        int32_t left = (int32_t)timeout_ms - or_ms_diff(start, or_posix_now_ms());
        p.fd = fd;
        p.events = write ? POLLOUT : POLLIN;
        p.revents = 0;
        int n = poll(&p, 1, left > 0 ? left : 0);
        if (n > 0) return OR_OK;
        if (n < 0 && errno != EINTR) return OR_ERR_IO;
        if (left <= 0) return OR_ERR_TIMEOUT;
    }
}

/* Wait for something to happen to a dial. */
static void wait_dial(const or_posix_dial *d, uint32_t now_ms, int32_t left_ms)
{
    struct pollfd p[2];
    int32_t       until = d->timer ? or_ms_diff(now_ms, d->next_ms) : left_ms;
    if (until > left_ms) until = left_ms;
    for (int i = 0; i < 2; i++) {
        p[i].fd = d->fd[i]; /* poll skips negative ones */
        p[i].events = POLLOUT;
        p[i].revents = 0;
    }
    (void)poll(p, 2, until > 0 ? until : 0);
}

or_err or_posix_connect(const char *host, uint16_t port, uint32_t timeout_ms, int *fd, char *error,
                        size_t error_size)
{
    or_posix_addr addresses[OR_POSIX_MAX_ADDRESSES];
    or_posix_dial dial;
    uint32_t      num, start = or_posix_now_ms();
    or_err        e = or_posix_resolve(host, port, addresses, OR_POSIX_MAX_ADDRESSES, &num, error,
                                       error_size);
    if (e != OR_OK) return e;
    or_posix_dial_start(&dial, addresses, num);
    for (;;) {
        uint32_t now = or_posix_now_ms();
        int32_t  left = (int32_t)timeout_ms - or_ms_diff(start, now);
        e = or_posix_dial_step(&dial, now, fd);
        if (e == OR_NEED_MORE && left <= 0) e = OR_ERR_TIMEOUT;
        if (e != OR_NEED_MORE) break;
        wait_dial(&dial, now, left);
    }
    if (e == OR_OK) return OR_OK;
    or_posix_dial_abandon(&dial);
    snprintf(error, error_size, "%s", e == OR_ERR_TIMEOUT ? "connect: took too long" : dial.error);
    return e;
}
