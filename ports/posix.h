/* ports/posix - sockets, dialling, clock, entropy and names on POSIX systems, for or.h

   Tried on Debian 12 (x86-64, glibc 2.36). About 5 KB of code. Build ports/posix.c along;
   include or.h before or let this header do it.

   What blocks: or_posix_resolve (libc's resolver), or_posix_wait and or_posix_connect. All
   else returns at once. Threads: or_posix_resolve may run in any thread; objects belong to
   one thread at a time.

   Macros: OR_POSIX_NEXT_FAMILY_MS  when the next address is tried beside the first (250)
           OR_POSIX_MAX_ADDRESSES   addresses of one host that are tried (8) */
#ifndef OR_POSIX_H
#define OR_POSIX_H

#include <sys/socket.h>

#include "or.h"

#ifndef OR_POSIX_NEXT_FAMILY_MS
#define OR_POSIX_NEXT_FAMILY_MS 250
#endif
#ifndef OR_POSIX_MAX_ADDRESSES
#define OR_POSIX_MAX_ADDRESSES 8
#endif

/* Milliseconds on a clock that never jumps; wraps after 49.7 days. */
uint32_t or_posix_now_ms(void);

/* Seconds since 1970, by the wall clock, which may be wrong. */
int64_t or_posix_unix_s(void);

/* Random bytes fit for keys. OR_ERR_IO: the system gives none. */
or_err or_posix_random(void *buf, size_t len);

/* An address with its port. */
typedef struct or_posix_addr {
    struct sockaddr_storage address;
    socklen_t               len;
} or_posix_addr;

/* Is it a numeric address (without brackets)? Then or_posix_resolve does not block. */
bool or_posix_is_literal(const char *host);

/* The addresses of a host, families alternating and IPv6 first (RFC 8305 section 4), at
   most max of them. When the lookup of both families fails, IPv4 is asked alone: some
   resolvers answer a missing AAAA record with "no such name".
   OR_ERR_ABSENT: no address; error, at most error_size bytes, says why. */
or_err or_posix_resolve(const char *host, uint16_t port, or_posix_addr *addresses, uint32_t max,
                        uint32_t *num, char *error, size_t error_size);

/* A connection being made: the addresses in order, the next one started when one fails or
   after OR_POSIX_NEXT_FAMILY_MS; at most two at a time; the first that connects wins. */
typedef struct or_posix_dial {
    or_posix_addr addresses[OR_POSIX_MAX_ADDRESSES];
    uint32_t      num, next;    /* next: the first one not yet tried */
    int           fd[2];        /* attempts in progress; -1: none. Wait for writability */
    uint8_t       which[2];     /* their addresses */
    uint32_t      next_ms;      /* when to call step again at the latest, if timer is set */
    bool          timer;
    uint32_t      failed;       /* attempts so far */
    char          error[240];   /* each of them: "connect to 127.0.0.1:9: ...; connect to" */
} or_posix_dial;

/* Begin. Then call or_posix_dial_step at once. */
void or_posix_dial_start(or_posix_dial *d, const or_posix_addr *addresses, uint32_t num);

/* Go on. OR_OK: *fd is connected (non-blocking, close-on-exec, TCP_NODELAY) and yours.
   OR_NEED_MORE: wait until one of d->fd is writable or, when d->timer, until d->next_ms.
   OR_ERR_IO: none worked; d->error has the reasons. */
or_err or_posix_dial_step(or_posix_dial *d, uint32_t now_ms, int *fd);

/* Give up: closes what is open. */
void or_posix_dial_abandon(or_posix_dial *d);

/* "127.0.0.1:80", "[::1]:80". */
void or_posix_addr_text(const or_posix_addr *a, char *text, size_t size);

/* An or_io over a connected socket. *fd must stay while the or_io is used. errno is that
   of the last failure. */
or_io or_posix_io(int *fd);

/* Wait until fd is readable (write false) or writable. OR_ERR_TIMEOUT, OR_ERR_IO. */
or_err or_posix_wait(int fd, bool write, uint32_t timeout_ms);

/* Resolve and connect, blocking: the descriptor stays non-blocking. error as above. */
or_err or_posix_connect(const char *host, uint16_t port, uint32_t timeout_ms, int *fd, char *error,
                        size_t error_size);

#endif
