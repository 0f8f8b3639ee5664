/* ports/lwip_sockets - TCP through lwIP's socket API, for or.h

   Tried with lwIP 2.1.3 (Debian's liblwip) on x86-64: inside one stack over IPv4 and IPv6, and
   through a tap device against Linux's TCP. Compiled for Cortex-M3 with lwIP's own socket
   headers: 0.7 KB of code; a connection is 24 bytes beside lwIP's. Not run on a device.

   Build ports/lwip_sockets.c along, with lwIP and your lwipopts.h in the include path.

   What blocks: or_lwip_sockets_wait, and or_lwip_sockets_resolve for a name. All else returns
   at once. Threads: any, but a connection belongs to one at a time, and where several use
   sockets errno has to be one for each (LWIP_ERRNO_INCLUDE or the C library's).

   Settings of lwIP: LWIP_SOCKET and LWIP_SOCKET_POLL 1; LWIP_DNS 1 when names are to be
   looked up. Limits: one address for each attempt (try the other family yourself); no random
   bytes, since LWIP_RAND is not fit for keys: take those of the chip. */
#ifndef OR_LWIP_SOCKETS_H
#define OR_LWIP_SOCKETS_H

#include "lwip/ip_addr.h"

#include "or.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A connection. Zeroed is a closed one. */
typedef struct or_lwip_sockets {
    int      fd;
    bool     has_fd, open;
    uint32_t start_ms, timeout_ms;
    or_err   end;    /* how receiving ended; it stays so */
    int      number; /* errno of the last failure */
} or_lwip_sockets;

/* Milliseconds since some moment; wraps after 49.7 days. */
uint32_t or_lwip_sockets_now_ms(void);

/* The address of a host: numeric at once, a name by asking (IPv4 first).
   OR_ERR_ABSENT: none, or LWIP_DNS is 0. */
or_err or_lwip_sockets_resolve(const char *host, ip_addr_t *address);

/* Begin to connect; on failure there is nothing to close. OR_ERR_MEMORY: no socket left.
   OR_ERR_IO: no way there. Then call step. */
or_err or_lwip_sockets_open(or_lwip_sockets *s, const ip_addr_t *address, uint16_t port,
                            uint32_t timeout_ms);

/* OR_OK: connected. OR_NEED_MORE: not yet; wait until writable, or call now and then.
   OR_ERR_IO refused or unreachable, OR_ERR_TIMEOUT: closed again. */
or_err or_lwip_sockets_step(or_lwip_sockets *s);

/* Wait until it is readable (write false) or writable. OR_ERR_TIMEOUT, OR_ERR_IO. */
or_err or_lwip_sockets_wait(const or_lwip_sockets *s, bool write, uint32_t timeout_ms);

/* An or_io over it; *s must stay while the or_io is used. A reset is OR_ERR_IO. */
or_io or_lwip_sockets_io(or_lwip_sockets *s);

void or_lwip_sockets_close(or_lwip_sockets *s);

#ifdef __cplusplus
}
#endif

#endif
