/* A stub of Zephyr 3.7's sockets: addresses are those of the C library where it has any. */
#ifndef ZEPHYR_NET_SOCKET_H
#define ZEPHYR_NET_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#if defined(__linux__)
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>
#else /* a compile check without an operating system */
#include <sys/types.h>
typedef size_t   socklen_t;
typedef uint16_t sa_family_t;
struct sockaddr {
    sa_family_t sa_family;
    char        data[26];
};
struct sockaddr_in {
    sa_family_t sin_family;
    uint16_t    sin_port;
    uint32_t    sin_addr;
};
struct sockaddr_in6 {
    sa_family_t sin6_family;
    uint16_t    sin6_port;
    uint8_t     sin6_addr[16];
};
enum { AF_UNSPEC = 0, AF_INET = 1, AF_INET6 = 2, SOCK_STREAM = 1, IPPROTO_TCP = 6 };
#define htons(n) ((uint16_t)((n) << 8 | (n) >> 8))
#endif

#define IPPROTO_TLS_1_2 258
#define SOL_TLS         282

#define TLS_SEC_TAG_LIST 1
#define TLS_HOSTNAME     2
#define TLS_PEER_VERIFY  5

enum { TLS_PEER_VERIFY_NONE = 0, TLS_PEER_VERIFY_OPTIONAL = 1, TLS_PEER_VERIFY_REQUIRED = 2 };

#define ZSOCK_POLLIN       1
#define ZSOCK_POLLOUT      4
#define ZSOCK_MSG_DONTWAIT 0x40

struct zsock_pollfd {
    int   fd;
    short events;
    short revents;
};

struct zsock_addrinfo {
    struct zsock_addrinfo *ai_next;
    int                    ai_flags;
    int                    ai_family;
    int                    ai_socktype;
    int                    ai_protocol;
    int                    ai_eflags;
    socklen_t              ai_addrlen;
    struct sockaddr       *ai_addr;
    char                  *ai_canonname;
};

static inline struct sockaddr_in *net_sin(struct sockaddr *a)
{
    return (struct sockaddr_in *)(void *)a;
}

static inline struct sockaddr_in6 *net_sin6(struct sockaddr *a)
{
    return (struct sockaddr_in6 *)(void *)a;
}

int     zsock_socket(int family, int type, int proto);
int     zsock_close(int fd);
int     zsock_connect(int fd, const struct sockaddr *to, socklen_t len);
int     zsock_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
ssize_t zsock_send(int fd, const void *buf, size_t len, int flags);
ssize_t zsock_recv(int fd, void *buf, size_t len, int flags);
int     zsock_poll(struct zsock_pollfd *p, int n, int timeout);
int     zsock_getaddrinfo(const char *host, const char *service, const struct zsock_addrinfo *hints,
                          struct zsock_addrinfo **found);
void    zsock_freeaddrinfo(struct zsock_addrinfo *found);

#endif
