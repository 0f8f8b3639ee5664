/* ports/esp_idf - TLS through ESP-IDF's esp_tls with its certificate bundle, for or.h

   Compiled against stubs of ESP-IDF 5's headers in tests/stubs, and run with them over POSIX
   sockets on x86-64; not run on a device. Cortex-M3: 0.8 KB of code; a connection is 0.3 KB
   beside that of esp_tls (about 45 KB of heap, less with CONFIG_MBEDTLS_DYNAMIC_BUFFER).
   For http without TLS use ports/lwip_sockets; for TLS over something else ports/mbedtls.

   Build ports/esp_idf.c along; REQUIRES esp-tls mbedtls esp_timer. sdkconfig:
       CONFIG_MBEDTLS_CERTIFICATE_BUNDLE=y   unless you give your own authority
       CONFIG_MBEDTLS_HAVE_TIME_DATE=y       or dates are not looked at; run SNTP first
       CONFIG_MBEDTLS_SSL_IN_CONTENT_LEN     16384, servers send full records

   What blocks: the first or_esp_idf_step, with the look-up of the name and, since esp_tls
   forgets what it waits for after the first try, the TCP connection, at most timeout_ms; and
   or_esp_idf_wait. A handshake computes for some hundred milliseconds in one step: give it a
   task of its own with 8 KB of stack, and one that no watchdog expects an answer from.

   The server's certificate is always verified; nothing switches that off. esp_tls has the
   same result for a connection that ended well and one that was cut: both are
   OR_ERR_TRUNCATED, so an answer has to tell its length, as those of all LLM servers do
   (chunked).

   Macros, for ports/esp_idf.c:
       OR_ESP_IDF_MAX_PIECE  bytes in one record that is sent (default: 2048); not above
                             CONFIG_MBEDTLS_SSL_OUT_CONTENT_LEN */
#ifndef OR_ESP_IDF_H
#define OR_ESP_IDF_H

#include <esp_tls.h>

#include "or.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A connection; must not be moved. Zeroed is a closed one. */
typedef struct or_esp_idf {
    esp_tls_t    *tls; /* NULL: none */
    esp_tls_cfg_t config;
    bool          open;
    or_err        err;
    int           tls_error; /* esp_tls's or mbedTLS's code of the last failure */
    int           tls_flags; /* why a certificate was refused: MBEDTLS_X509_BADCERT_... */
    size_t        unsent;    /* bytes that send has to be given again */
    uint32_t      start_ms, timeout_ms;
    uint16_t      port;
    char          host[254];
} or_esp_idf;

/* Milliseconds since the start; wraps after 49.7 days. */
uint32_t or_esp_idf_now_ms(void);

/* Random bytes, fit for keys while Wi-Fi or Bluetooth runs. */
or_err or_esp_idf_random(void *buf, size_t len);

/* Begin. ca is an authority of your own in PEM, its size with the NUL at its end; it must stay.
   NULL is the certificate bundle. Then call step. OR_ERR_ARG: no host, or no bundle in this
   build; OR_ERR_MEMORY. Then there is nothing to close. */
or_err or_esp_idf_open(or_esp_idf *e, const char *host, uint16_t port, const char *ca,
                       size_t ca_size, uint32_t timeout_ms);

/* Go on. OR_OK: connected and verified. OR_NEED_MORE: not yet; wait until readable, for some
   milliseconds at most, or call again. OR_ERR_IO: not connected or refused, tls_flags says
   why; OR_ERR_TIMEOUT. After an error it is closed again. */
or_err or_esp_idf_step(or_esp_idf *e);

/* Wait until it is readable (write false) or writable; at once when decrypted bytes are
   waiting. OR_ERR_TIMEOUT, OR_ERR_IO. */
or_err or_esp_idf_wait(or_esp_idf *e, bool write, uint32_t timeout_ms);

/* An or_io over it; *e must stay while the or_io is used. After send gave 0 call again with
   the same bytes, more may follow them: they are encrypted already. Fewer are OR_ERR_ARG. */
or_io or_esp_idf_io(or_esp_idf *e);

void or_esp_idf_close(or_esp_idf *e);

#ifdef __cplusplus
}
#endif

#endif
