/* What surrounds an orproxy that runs inside a test: a clock that moves by hand, threads that run
   when they are told to, connections that are socket pairs, names and a disk that can fail. The
   functions are wrapped by the Makefile (WORLD), so the proxy is what it always is. */
#ifndef PROXY_WORLD_H
#define PROXY_WORLD_H

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ports/posix.h"
#include "proxy/ev.h"
#include "proxy/net.h"

enum { WORLD_NOON = 1795262400 }; /* 2026-11-21, a Saturday, 12:00 UTC */

typedef enum world_dial { DIAL_WORKS, DIAL_REFUSED, DIAL_NO_ROUTE, DIAL_HANGS } world_dial;

static struct {
    uint32_t   ms;    /* since noon */
    bool       idle;  /* the loop had nothing to do in its last turn ... */
    int        wait;  /* ... but for a timer in so many ms; -1: for none */
    bool       no_names, no_disk, no_descriptors;
    bool       paused; /* threads get no turn */
    world_dial dial;
    uint32_t   random;
    void *(*threads[8])(void *unused);
    unsigned num_threads;
    bool     in_thread;
    jmp_buf  back; /* out of a thread that has nothing to do */
    int      hanging[16]; /* other ends of what dials that hang wait for */
    unsigned num_hanging;
} world;

/* The test's: what is said in the log, and a new connection to a provider. False: refuse it. */
static void world_on_log(or_str line);
static bool world_on_dial(int fd);

/* ---- time and chance ---- */

uint32_t __wrap_or_posix_now_ms(void);
uint32_t __wrap_or_posix_now_ms(void)
{
    return UINT32_MAX - 60 * 1000 + world.ms; /* wraps in the second minute */
}

time_t __wrap_time(time_t *t);
time_t __wrap_time(time_t *t)
{
    time_t now = WORLD_NOON + world.ms / 1000;
    if (t != NULL) *t = now;
    return now;
}

or_err __wrap_or_posix_random(void *buf, size_t len);
or_err __wrap_or_posix_random(void *buf, size_t len)
{
    unsigned char *to = buf;
    while (len-- > 0) {
        world.random = world.random * 1103515245u + 12345u;
        *to++ = (unsigned char)(world.random >> 16);
    }
    return OR_OK;
}

int __real_epoll_wait(int fd, struct epoll_event *events, int max, int timeout);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
    int n = __real_epoll_wait(fd, events, max, 0);
    world.idle = n == 0 && timeout != 0;
    world.wait = timeout;
    return n;
}

/* ---- threads: each runs until it waits for something to do ---- */

bool __wrap_ev_start_thread(pthread_t *thread, void *(*run_it)(void *unused));
bool __wrap_ev_start_thread(pthread_t *thread, void *(*run_it)(void *unused))
{
    if (world.num_threads == sizeof world.threads / sizeof world.threads[0]) abort();
    world.threads[world.num_threads++] = run_it;
    *thread = world.num_threads;
    return true;
}

int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    if (!world.in_thread) return __real_pthread_cond_wait(cond, mutex);
    pthread_mutex_unlock(mutex);
    longjmp(world.back, 1);
}

static void world_run_thread(unsigned i)
{
    world.in_thread = true;
    if (world.threads[i] != NULL && setjmp(world.back) == 0) world.threads[i](NULL);
    world.in_thread = false;
}

static inline void world_run_threads(void)
{
    for (unsigned i = 0; i < world.num_threads && !world.paused; i++) world_run_thread(i);
}

int __real_pthread_detach(pthread_t thread);
int __wrap_pthread_detach(pthread_t thread);
int __wrap_pthread_detach(pthread_t thread)
{
    return thread > world.num_threads ? __real_pthread_detach(thread) : 0;
}

int __real_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_join(pthread_t thread, void **result)
{
    if (thread > world.num_threads) return __real_pthread_join(thread, result);
    world_run_thread((unsigned)thread - 1); /* it was told to stop */
    world.threads[thread - 1] = NULL;
    return 0;
}

/* ---- the network ---- */

or_err __real_or_posix_resolve(const char *host, uint16_t port, or_posix_addr *addresses,
                               uint32_t max, uint32_t *num, char *error, size_t error_size);
or_err __wrap_or_posix_resolve(const char *host, uint16_t port, or_posix_addr *addresses,
                               uint32_t max, uint32_t *num, char *error, size_t error_size);
or_err __wrap_or_posix_resolve(const char *host, uint16_t port, or_posix_addr *addresses,
                               uint32_t max, uint32_t *num, char *error, size_t error_size)
{
    if (!or_posix_is_literal(host)) host = "192.0.2.1";
    else if (world.in_thread) abort();
    if (!world.in_thread || !world.no_names)
        return __real_or_posix_resolve(host, port, addresses, max, num, error, error_size);
    *num = 0;
    snprintf(error, error_size, "resolve: %s", gai_strerror(EAI_AGAIN));
    return OR_ERR_ABSENT;
}

/* What a dial that hangs has for a socket is never writable, and ready when it hangs no more. */
static or_err world_hang(or_posix_dial *d)
{
    int ends[2];
    if (d->fd[0] >= 0) close(d->fd[0]); /* it hung no more, and now it does again */
    d->fd[0] = -1;
    if (world.num_hanging == sizeof world.hanging / sizeof world.hanging[0]) return OR_ERR_IO;
    if (pipe(ends) != 0) abort();
    d->fd[0] = ends[0];
    d->timer = false;
    world.hanging[world.num_hanging++] = ends[1];
    return OR_NEED_MORE;
}

static inline void world_set_dial(world_dial how)
{
    world.dial = how;
    while (how != DIAL_HANGS && world.num_hanging > 0) close(world.hanging[--world.num_hanging]);
}

or_err __wrap_or_posix_dial_step(or_posix_dial *d, uint32_t now_ms, int *fd);
or_err __wrap_or_posix_dial_step(or_posix_dial *d, uint32_t now_ms, int *fd)
{
    int ends[2], why = world.dial == DIAL_NO_ROUTE ? ENETUNREACH : ECONNREFUSED;
    (void)now_ms;
    if (world.dial == DIAL_HANGS && world_hang(d) == OR_NEED_MORE) return OR_NEED_MORE;
    or_posix_dial_abandon(d);
    if (world.dial == DIAL_WORKS && world.no_descriptors) why = EMFILE;
    if (world.dial == DIAL_WORKS && !world.no_descriptors && net_pair(ends)) {
        *fd = ends[0];
        if (world_on_dial(ends[1])) return OR_OK;
        close(ends[0]);
        close(ends[1]);
    }
    snprintf(d->error, sizeof d->error, "connect: %s", strerror(why));
    d->failed++;
    return OR_ERR_IO;
}

int __real_net_accept(int listener);
int __wrap_net_accept(int listener);
int __wrap_net_accept(int listener)
{
    if (!world.no_descriptors) return __real_net_accept(listener);
    errno = EMFILE;
    return -1;
}

/* ---- the kernel's limits are for the process, which is the test's ---- */

int __wrap_setrlimit(int what, const struct rlimit *limit);
int __wrap_setrlimit(int what, const struct rlimit *limit)
{
    (void)what;
    (void)limit;
    return 0;
}

/* ---- the disk, and the log ---- */

static int world_sync(void)
{
    errno = ENOSPC;
    return world.no_disk ? -1 : 0;
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd;
    return world_sync();
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    (void)fd;
    return world_sync();
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    if (fd == STDERR_FILENO) {
        world_on_log(or_str_of(data, len));
        return (ssize_t)len;
    }
    errno = ENOSPC;
    if (world.no_disk && world.in_thread && len > 1) return -1; /* one byte wakes the loop */
    return __real_write(fd, data, len);
}

/* A world where everything works, at noon. */
static inline void world_begin(void)
{
    world_set_dial(DIAL_WORKS);
    memset(&world, 0, sizeof world);
    world.random = 2463534242u;
}

#endif
