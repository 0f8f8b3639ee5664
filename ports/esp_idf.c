#include "ports/esp_idf.h"

#include <sdkconfig.h>

#include <string.h>
#include <sys/select.h>

#include <esp_random.h>
#include <esp_timer.h>
#if defined(CONFIG_MBEDTLS_CERTIFICATE_BUNDLE)
#include <esp_crt_bundle.h>
#endif

#ifndef OR_ESP_IDF_MAX_PIECE
#define OR_ESP_IDF_MAX_PIECE 2048
#endif

#if !defined(CONFIG_ESP_TLS_USING_MBEDTLS)
#error "ports/esp_idf needs CONFIG_ESP_TLS_USING_MBEDTLS=y in sdkconfig"
#endif
#if defined(CONFIG_ESP_TLS_SKIP_SERVER_CERT_VERIFY)
#error "verification is switched off: take CONFIG_ESP_TLS_SKIP_SERVER_CERT_VERIFY out of sdkconfig"
#endif
#if !defined(CONFIG_MBEDTLS_HAVE_TIME_DATE)
#error \
    "the dates of certificates would not be checked: CONFIG_MBEDTLS_HAVE_TIME_DATE=y in sdkconfig"
#endif
#if defined(CONFIG_MBEDTLS_SSL_IN_CONTENT_LEN) && CONFIG_MBEDTLS_SSL_IN_CONTENT_LEN < 16384
#error "servers send full TLS records: CONFIG_MBEDTLS_SSL_IN_CONTENT_LEN=16384 in sdkconfig"
#endif
#if defined(CONFIG_MBEDTLS_SSL_OUT_CONTENT_LEN) && \
    CONFIG_MBEDTLS_SSL_OUT_CONTENT_LEN < OR_ESP_IDF_MAX_PIECE
#error "OR_ESP_IDF_MAX_PIECE is above CONFIG_MBEDTLS_SSL_OUT_CONTENT_LEN: define it smaller"
#endif

uint32_t or_esp_idf_now_ms(void)
{
    return (uint32_t)(esp_timer_get_time() / 1000);
}

or_err or_esp_idf_random(void *buf, size_t len)
{
    esp_fill_random(buf, len);
    return OR_OK;
}

/* ---- opening ---- */

static or_err fail(or_esp_idf *e, or_err err)
{
    or_esp_idf_close(e);
    e->err = err;
    return err;
}

/* Whom to trust. */
static bool set_trust(esp_tls_cfg_t *config, const char *ca, size_t ca_size)
{
    if (ca != NULL) {
        config->cacert_buf = (const unsigned char *)ca;
        config->cacert_bytes = (unsigned)ca_size;
        return ca_size > 0 && ca[ca_size - 1] == 0;
    }
#if defined(CONFIG_MBEDTLS_CERTIFICATE_BUNDLE)
    config->crt_bundle_attach = esp_crt_bundle_attach;
    return true;
#else
    return false;
#endif
}

or_err or_esp_idf_open(or_esp_idf *e, const char *host, uint16_t port, const char *ca,
                       size_t ca_size, uint32_t timeout_ms)
{
    size_t len = strlen(host);
    memset(e, 0, sizeof *e);
    if (len == 0 || len >= sizeof e->host || !set_trust(&e->config, ca, ca_size))
        return fail(e, OR_ERR_ARG);
    memcpy(e->host, host, len);
    e->port = port;
    e->start_ms = or_esp_idf_now_ms();
    e->timeout_ms = timeout_ms;
    e->config.non_block = true;
    e->config.timeout_ms = timeout_ms < INT32_MAX ? (int)timeout_ms : INT32_MAX;
    if (timeout_ms == 0) e->config.timeout_ms = 1; /* 0 would be for ever */
    e->tls = esp_tls_init();
    return e->tls != NULL ? OR_OK : fail(e, OR_ERR_MEMORY);
}

static void note_error(or_esp_idf *e)
{
    esp_tls_error_handle_t h;
    int                    code = 0, flags = 0;
    if (esp_tls_get_error_handle(e->tls, &h) != ESP_OK) return;
    esp_err_t last = esp_tls_get_and_clear_last_error(h, &code, &flags);
    e->tls_error = code != 0 ? code : last;
    e->tls_flags = flags;
}

/* What there is to say while it is not connected; OR_OK: it is being connected. */
static or_err not_open(const or_esp_idf *e)
{
    if (e->tls != NULL) return OR_OK;
    return e->err != OR_OK ? e->err : OR_ERR_CLOSED;
}

or_err or_esp_idf_step(or_esp_idf *e)
{
    if (e->open) return OR_OK;
    if (e->tls == NULL) return not_open(e);
    int n = esp_tls_conn_new_async(e->host, (int)strlen(e->host), e->port, &e->config, e->tls);
    if (n == 1) {
        e->open = true;
        return OR_OK;
    }
    if (n < 0) {
        note_error(e);
        return fail(e, OR_ERR_IO);
    }
    if (or_ms_diff(e->start_ms, or_esp_idf_now_ms()) < (int32_t)e->timeout_ms) return OR_NEED_MORE;
    return fail(e, OR_ERR_TIMEOUT);
}

/* ---- transport ---- */

or_err or_esp_idf_wait(or_esp_idf *e, bool write, uint32_t timeout_ms)
{
    int            fd = -1;
    fd_set         set;
    struct timeval t;
    if (e->tls == NULL || esp_tls_get_conn_sockfd(e->tls, &fd) != ESP_OK || fd < 0)
        return OR_ERR_IO;
    if (e->open && !write && esp_tls_get_bytes_avail(e->tls) > 0) return OR_OK;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    t.tv_sec = (time_t)(timeout_ms / 1000);
    t.tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000);
    int n = select(fd + 1, write ? NULL : &set, write ? &set : NULL, NULL, &t);
    if (n > 0) return OR_OK;
    return n == 0 ? OR_ERR_TIMEOUT : OR_ERR_IO;
}

/* A result that moved nothing. */
static ptrdiff_t failure(or_esp_idf *e, ptrdiff_t n)
{
    if (n == ESP_TLS_ERR_SSL_WANT_READ || n == ESP_TLS_ERR_SSL_WANT_WRITE) return 0;
    e->tls_error = (int)n;
    e->err = OR_ERR_IO;
    return e->err;
}

static ptrdiff_t io_recv(void *user, void *buf, size_t len)
{
    or_esp_idf *e = user;
    if (!e->open) return not_open(e);
    if (e->err != OR_OK) return e->err;
    ptrdiff_t n = esp_tls_conn_read(e->tls, buf, len);
    if (n > 0) return n;
    if (n < 0) return failure(e, n);
    e->err = OR_ERR_TRUNCATED;
    return e->err;
}

/* One record at a time: with several, esp_tls may have encrypted a part that it did not count,
   and mbedTLS wants that same part again. */
static ptrdiff_t io_send(void *user, const void *buf, size_t len)
{
    or_esp_idf *e = user;
    if (!e->open) return not_open(e);
    if (e->err != OR_OK) return e->err;
    if (len > OR_ESP_IDF_MAX_PIECE) len = OR_ESP_IDF_MAX_PIECE;
    if (len < e->unsent) return OR_ERR_ARG;
    if (e->unsent > 0) len = e->unsent;
    e->unsent = 0;
    ptrdiff_t n = esp_tls_conn_write(e->tls, buf, len);
    if (n < 0) n = failure(e, n);
    if (n == 0) e->unsent = len;
    return n;
}

or_io or_esp_idf_io(or_esp_idf *e)
{
    or_io io;
    io.recv = io_recv;
    io.send = io_send;
    io.user = e;
    return io;
}

void or_esp_idf_close(or_esp_idf *e)
{
    if (e->tls != NULL) esp_tls_conn_destroy(e->tls);
    e->tls = NULL;
    e->open = false;
    e->err = OR_ERR_CLOSED;
}
