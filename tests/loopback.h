/* A peer for ports that are run over POSIX sockets on the host: a thread that accepts one
   connection on 127.0.0.1 and does one thing with it. */
#ifndef LOOPBACK_H
#define LOOPBACK_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/exchange.h"

enum { LOOPBACK_SERVE, LOOPBACK_RESET, LOOPBACK_ECHO };

typedef struct loopback {
    int       kind, listener, fd;
    uint16_t  port;
    or_err    served;
    pthread_t thread;
} loopback;

static inline ptrdiff_t loopback_recv(void *user, void *buf, size_t len)
{
    ssize_t n = recv(((loopback *)user)->fd, buf, len, 0);
    return n > 0 ? n : n == 0 ? (ptrdiff_t)OR_ERR_CLOSED : (ptrdiff_t)OR_ERR_IO;
}

static inline ptrdiff_t loopback_send(void *user, const void *buf, size_t len)
{
    ssize_t n = send(((loopback *)user)->fd, buf, len, MSG_NOSIGNAL);
    return n > 0 ? n : (ptrdiff_t)OR_ERR_IO;
}

static inline or_err loopback_wait(void *user, bool write)
{
    (void)user;
    (void)write;
    return OR_ERR_IO; /* its sockets block */
}

static inline void *loopback_main(void *user)
{
    loopback     *l = (loopback *)user;
    exchange      x = {{loopback_recv, loopback_send, l}, loopback_wait, l};
    struct linger at_once = {1, 0};
    char          buf[4096];
    ssize_t       n;
    l->fd = accept(l->listener, NULL, NULL);
    if (l->fd < 0) return NULL;
    if (l->kind == LOOPBACK_SERVE) l->served = exchange_serve(&x);
    if (l->kind == LOOPBACK_RESET) {
        (void)recv(l->fd, buf, 1, 0);
        setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    while (l->kind == LOOPBACK_ECHO && (n = recv(l->fd, buf, sizeof buf, 0)) > 0)
        if (send(l->fd, buf, (size_t)n, MSG_NOSIGNAL) != n) break;
    close(l->fd);
    return NULL;
}

/* A socket on a port of its own; listening, so that connecting works, or only bound. */
static inline int loopback_listen(uint16_t *port, bool really)
{
    struct sockaddr_in a;
    socklen_t          len = sizeof a;
    int                fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || (really && listen(fd, 4) != 0)) abort();
    getsockname(fd, (struct sockaddr *)&a, &len);
    *port = ntohs(a.sin_port);
    return fd;
}

static inline void loopback_start(loopback *l, int kind)
{
    memset(l, 0, sizeof *l);
    l->kind = kind;
    l->served = OR_NEED_MORE;
    l->listener = loopback_listen(&l->port, true);
    if (pthread_create(&l->thread, NULL, loopback_main, l) != 0) abort();
}

static inline void loopback_end(loopback *l)
{
    pthread_join(l->thread, NULL);
    close(l->listener);
}

#endif
