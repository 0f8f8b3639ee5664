/* ports/lwip_raw - TCP through lwIP's raw (callback) API, for or.h: for systems without an RTOS,
   and where the socket layer is too large

   Tried with lwIP 2.1.3 (Debian's liblwip, NO_SYS 0 with core locking) on x86-64: inside one
   stack over IPv4 and IPv6, and through a tap device against Linux's TCP. Compiled for
   Cortex-M3 with NO_SYS 1: 0.7 KB of code; a connection is 32 bytes beside lwIP's. Not run on
   a device.

   Build ports/lwip_raw.c along, with lwIP and your lwipopts.h in the include path.

   Nothing blocks. Every function has to be called where lwIP may be called: with NO_SYS 1 from
   the main loop that also feeds lwIP; otherwise from any thread, as the functions take the
   core lock by themselves.

   Received bytes stay in lwIP's pbufs until they are read, and only then the window opens
   again: a slow reader slows the sender down and costs TCP_WND bytes at most. Bytes to send
   are copied into lwIP as far as TCP_SND_BUF has room; the others stay with the caller.

   TCP_WND: TLS over this port works with any, as bytes are taken out of the window one by
   one. A layer that takes whole records only (altcp_tls) stops for ever when TCP_WND is
   smaller than a record with its overhead (16.7 KB): use 24 * TCP_MSS, or 32 KB.

   Names: dns_gethostbyname of lwIP; its callback cannot be cancelled, so let it write to
   memory that stays. No random bytes: LWIP_RAND is not fit for keys.

   Macros, for ports/lwip_raw.c:
       OR_LWIP_RAW_LOCK(), OR_LWIP_RAW_UNLOCK()  around each use of lwIP. Default: nothing with
           NO_SYS 1, else LOCK_TCPIP_CORE() and UNLOCK_TCPIP_CORE(). On the Pico SDK with
           pico_cyw43_arch_lwip_threadsafe_background: cyw43_arch_lwip_begin() and _end() */
#ifndef OR_LWIP_RAW_H
#define OR_LWIP_RAW_H

#include "lwip/ip_addr.h"
#include "lwip/tcp.h"

#include "or.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A connection; must not be moved while open. Zeroed is a closed one: begin so. */
typedef struct or_lwip_raw {
    /* yours, set before or_lwip_raw_open: called by lwIP, in its context, when something
       changed. May set a flag or wake a task, and must not call back into this port or lwIP:
       lwIP frees a connection behind its own back unless ERR_ABRT comes out of the callback.
       (default: NULL, then look now and then) */
    void (*wake)(void *user);
    void *user;

    struct tcp_pcb *pcb;   /* NULL: none, or lwIP has freed it */
    struct pbuf    *in;    /* received and not yet read */
    uint16_t        in_at; /* bytes of its first pbuf that have been read */
    bool            open, ended;
    uint32_t        start_ms, timeout_ms;
    or_err          err;    /* why there is no pcb */
    err_t           number; /* lwIP's code of the last failure */
} or_lwip_raw;

/* Milliseconds since some moment; wraps after 49.7 days. */
uint32_t or_lwip_raw_now_ms(void);

/* Begin to connect; on failure there is nothing to close. OR_ERR_MEMORY: no connection left.
   OR_ERR_IO: no way there. Then call step. */
or_err or_lwip_raw_open(or_lwip_raw *s, const ip_addr_t *address, uint16_t port,
                        uint32_t timeout_ms);

/* OR_OK: connected. OR_NEED_MORE: not yet. OR_ERR_IO refused or unreachable, OR_ERR_TIMEOUT:
   closed again. */
or_err or_lwip_raw_step(or_lwip_raw *s);

/* An or_io over it; *s must stay while the or_io is used. What came before a reset can still
   be read, then it is OR_ERR_IO. */
or_io or_lwip_raw_io(or_lwip_raw *s);

/* What is already with lwIP is still sent; unread bytes are dropped, and the peer sees a
   reset then. */
void or_lwip_raw_close(or_lwip_raw *s);

#ifdef __cplusplus
}
#endif

#endif
