/* A stub of Zephyr 3.7. */
#ifndef ZEPHYR_NET_TLS_CREDENTIALS_H
#define ZEPHYR_NET_TLS_CREDENTIALS_H

typedef int sec_tag_t;

#endif
