/* A stub of Zephyr 3.7: what ports/zephyr uses, and the options it asks for. */
#ifndef ZEPHYR_KERNEL_H
#define ZEPHYR_KERNEL_H

#include <stdint.h>

#define CONFIG_NET_SOCKETS_SOCKOPT_TLS     1
#define CONFIG_MBEDTLS_BUILTIN             1
#define CONFIG_MBEDTLS_HAVE_TIME_DATE      1
#define CONFIG_MBEDTLS_SSL_MAX_CONTENT_LEN 16384

uint32_t k_uptime_get_32(void);

#endif
