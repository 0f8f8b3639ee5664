/* ports/zephyr - TCP and TLS through Zephyr's sockets, for or.h

   Compiled against stubs of Zephyr 3.7's headers in tests/stubs, and run with them over POSIX
   sockets on x86-64; not run on a device. Cortex-M3: 0.7 KB of code; a connection is 16 bytes
   beside Zephyr's. After 4.2 Zephyr gave sockets new names: there this port needs its namespace
   compatibility mode (zephyr/net/net_compat.h).

   Build ports/zephyr.c along. prj.conf:
       CONFIG_NETWORKING=y  CONFIG_NET_TCP=y  CONFIG_NET_SOCKETS=y  CONFIG_DNS_RESOLVER=y
       CONFIG_NET_SOCKETS_SOCKOPT_TLS=y  CONFIG_TLS_CREDENTIALS=y
       CONFIG_MBEDTLS_SSL_MAX_CONTENT_LEN=16384   servers send full records; default 1500
       CONFIG_MBEDTLS_HAVE_TIME_DATE=y            or dates are not looked at; set the clock
       CONFIG_TEST_RANDOM_GENERATOR=n and a driver of the chip for or_zephyr_random

   What blocks: or_zephyr_open and or_zephyr_open_tls, with look-up
   (CONFIG_NET_SOCKETS_DNS_TIMEOUT), connecting (CONFIG_NET_SOCKETS_CONNECT_TIMEOUT) and the
   handshake, which Zephyr does inside connect; and or_zephyr_wait. All else returns at once.

   The server's certificate is always verified, against the credentials of the tags that you
   give and the host's name; nothing switches that off. Zephyr has the same result for a TLS
   connection that ended well and one that was cut: both are OR_ERR_TRUNCATED, so an answer
   over TLS has to tell its length, as those of all LLM servers do (chunked). */
#ifndef OR_ZEPHYR_H
#define OR_ZEPHYR_H

#include <zephyr/kernel.h>
#include <zephyr/net/socket.h>
#include <zephyr/net/tls_credentials.h>

#include "or.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A connection. Zeroed is a closed one. */
typedef struct or_zephyr {
    int    fd;
    bool   open, tls;
    or_err end;    /* how receiving ended; it stays so */
    int    number; /* errno of the last failure */
    size_t unsent; /* TLS: bytes that send has to be given again */
} or_zephyr;

/* Milliseconds since the start; wraps after 49.7 days. */
uint32_t or_zephyr_now_ms(void);

/* Random bytes fit for keys. OR_ERR_IO: the system gives none. */
or_err or_zephyr_random(void *buf, size_t len);

/* Look the host up and connect: plainly (for a gateway in the same network), or with TLS.
   tags name the trust anchors, added before with tls_credential_add.
   OR_ERR_ARG: no tags, or host is an address, which TLS_HOSTNAME cannot check
   OR_ERR_ABSENT: no such host
   OR_ERR_IO: no address could be connected, or TLS was refused; z->number tells of the last
   After any result but OR_OK there is nothing to close. */
or_err or_zephyr_open(or_zephyr *z, const char *host, uint16_t port);
or_err or_zephyr_open_tls(or_zephyr *z, const char *host, uint16_t port, const sec_tag_t *tags,
                          size_t num_tags);

/* Wait until it is readable (write false) or writable. OR_ERR_TIMEOUT, OR_ERR_IO. */
or_err or_zephyr_wait(const or_zephyr *z, bool write, uint32_t timeout_ms);

/* An or_io over it; *z must stay while the or_io is used. With TLS, after send gave 0 call
   again with the same bytes, more may follow them: they are encrypted already. Fewer are
   OR_ERR_ARG. */
or_io or_zephyr_io(or_zephyr *z);

void or_zephyr_close(or_zephyr *z);

#ifdef __cplusplus
}
#endif

#endif
