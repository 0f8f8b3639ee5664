#include "proxy/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "or.h"

typedef union address {
    struct sockaddr     any;
    struct sockaddr_in  v4;
    struct sockaddr_in6 v6;
} address;

/* Read "ADDR:PORT"; 0 when it is malformed, else the length of the address. */
static socklen_t read_address(const char *text, address *a)
{
    char        host[64];
    const char *colon = strrchr(text, ':');
    uint64_t    port;
    memset(a, 0, sizeof *a);
    if (colon == NULL || or_u64_read(or_str_z(colon + 1), &port) != OR_OK || port > 65535) return 0;
    bool   bracketed = text[0] == '[' && colon > text && colon[-1] == ']';
    size_t len = (size_t)(colon - text) - (bracketed ? 2 : 0);
    if (len >= sizeof host) return 0;
    memcpy(host, text + (bracketed ? 1 : 0), len);
    host[len] = 0;
    if (bracketed) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons((uint16_t)port);
        return inet_pton(AF_INET6, host, &a->v6.sin6_addr) == 1 ? sizeof a->v6 : 0;
    }
    if (strcmp(host, "localhost") == 0) strcpy(host, "127.0.0.1");
    a->v4.sin_family = AF_INET;
    a->v4.sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &a->v4.sin_addr) == 1 ? sizeof a->v4 : 0;
}

static bool address_is_loopback(const address *a)
{
    if (a->any.sa_family == AF_INET) return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

bool net_is_address(const char *text)
{
    address a;
    return read_address(text, &a) != 0;
}

bool net_is_loopback(const char *text)
{
    address a;
    return read_address(text, &a) != 0 && address_is_loopback(&a);
}

static void name_of(int fd, net_name *name)
{
    address   a;
    socklen_t len = sizeof a;
    char      host[INET6_ADDRSTRLEN] = "?";
    memset(&a, 0, sizeof a);
    (void)getsockname(fd, &a.any, &len);
    if (a.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof host);
        snprintf(name->text, sizeof name->text, "[%s]:%u", host, ntohs(a.v6.sin6_port));
    } else {
        inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof host);
        snprintf(name->text, sizeof name->text, "%s:%u", host, ntohs(a.v4.sin_port));
    }
}

static bool set_flags(int fd)
{
    return fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

bool net_listen(const char *text, int *fd, bool *loopback, net_name *bound, char *error,
                size_t error_size)
{
    address   a;
    int       on = 1;
    socklen_t len = read_address(text, &a);
    *loopback = address_is_loopback(&a);
    *fd = socket(a.any.sa_family, SOCK_STREAM, 0);
    if (*fd >= 0) {
        setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        /* [::] and 0.0.0.0 of one port are two listeners, each with its own name */
        if (a.any.sa_family == AF_INET6)
            setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (set_flags(*fd) && bind(*fd, &a.any, len) == 0 && listen(*fd, 1024) == 0) {
            name_of(*fd, bound);
            return true;
        }
    }
    const char *mend = errno == EADDRINUSE ? ": another program has it, choose another port"
                       : errno == EACCES   ? ": ports below 1024 need root"
                                           : "";
    snprintf(error, error_size, "cannot listen on %s: %s%s", text, strerror(errno), mend);
    if (*fd >= 0) close(*fd);
    return false;
}

bool net_connect(const char *text, int *fd, char *error, size_t error_size)
{
    address   a;
    socklen_t len = read_address(text, &a);
    if (len == 0) {
        snprintf(error, error_size, "\"%s\" is no numeric ADDR:PORT", text);
        return false;
    }
    if (a.any.sa_family == AF_INET && a.v4.sin_addr.s_addr == htonl(INADDR_ANY))
        a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (a.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a.v6.sin6_addr))
        a.v6.sin6_addr = in6addr_loopback;
    *fd = socket(a.any.sa_family, SOCK_STREAM, 0);
    if (*fd >= 0 && set_flags(*fd) &&
        (connect(*fd, &a.any, len) == 0 || errno == EINPROGRESS))
        return true;
    snprintf(error, error_size, "%s", strerror(errno));
    if (*fd >= 0) close(*fd);
    return false;
}

bool net_listen_unix(const char *path, int *fd, char *error, size_t error_size)
{
    struct sockaddr_un a;
    memset(&a, 0, sizeof a);
    a.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof a.sun_path) {
        snprintf(error, error_size, "%s is longer than a socket's path may be (%zu bytes)", path,
                 sizeof a.sun_path - 1);
        return false;
    }
    memcpy(a.sun_path, path, strlen(path));
    *fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (*fd >= 0) {
        unlink(path);
        mode_t before = umask(0177);
        bool   bound = bind(*fd, (struct sockaddr *)&a, sizeof a) == 0;
        umask(before);
        if (bound && set_flags(*fd) && listen(*fd, 16) == 0) return true;
    }
    snprintf(error, error_size, "cannot listen on %s: %s", path, strerror(errno));
    if (*fd >= 0) close(*fd);
    return false;
}

int net_accept(int listener)
{
    int on = 1;
#if defined(__linux__)
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0 && !set_flags(fd)) {
        close(fd);
        return -1;
    }
#endif
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

bool net_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) return false;
    if (set_flags(fds[0]) && set_flags(fds[1])) return true;
    close(fds[0]);
    close(fds[1]);
    return false;
}
