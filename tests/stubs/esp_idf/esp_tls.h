/* A stub of ESP-IDF 5's esp_tls.h: what ports/esp_idf uses, and beside it the fields that
   would switch verification off, for the test to look at. */
#ifndef ESP_TLS_H
#define ESP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef int esp_err_t;
#define ESP_OK   0
#define ESP_FAIL -1

#define ESP_TLS_ERR_SSL_WANT_READ  -0x6900
#define ESP_TLS_ERR_SSL_WANT_WRITE -0x6880

typedef struct esp_tls              esp_tls_t;
typedef struct esp_tls_last_error  *esp_tls_error_handle_t;

typedef struct esp_tls_cfg {
    const char         **alpn_protos;
    const unsigned char *cacert_buf;
    unsigned int         cacert_bytes;
    bool                 non_block;
    int                  timeout_ms;
    bool                 use_global_ca_store;
    const char          *common_name;
    bool                 skip_common_name;
    esp_err_t (*crt_bundle_attach)(void *conf);
    bool is_plain_tcp;
} esp_tls_cfg_t;

esp_tls_t *esp_tls_init(void);
int        esp_tls_conn_new_async(const char *host, int len, int port, const esp_tls_cfg_t *config,
                                  esp_tls_t *tls);
ssize_t    esp_tls_conn_read(esp_tls_t *tls, void *buf, size_t len);
ssize_t    esp_tls_conn_write(esp_tls_t *tls, const void *buf, size_t len);
int        esp_tls_conn_destroy(esp_tls_t *tls);
ssize_t    esp_tls_get_bytes_avail(esp_tls_t *tls);
esp_err_t  esp_tls_get_conn_sockfd(esp_tls_t *tls, int *fd);
esp_err_t  esp_tls_get_error_handle(esp_tls_t *tls, esp_tls_error_handle_t *h);
esp_err_t  esp_tls_get_and_clear_last_error(esp_tls_error_handle_t h, int *code, int *flags);

#endif
