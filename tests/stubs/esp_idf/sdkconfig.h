/* A stub of a project's sdkconfig: what ports/esp_idf asks for. */
#ifndef SDKCONFIG_H
#define SDKCONFIG_H

#define CONFIG_ESP_TLS_USING_MBEDTLS       1
#define CONFIG_MBEDTLS_HAVE_TIME_DATE      1
#define CONFIG_MBEDTLS_CERTIFICATE_BUNDLE  1
#define CONFIG_MBEDTLS_SSL_IN_CONTENT_LEN  16384
#define CONFIG_MBEDTLS_SSL_OUT_CONTENT_LEN 4096

#endif
