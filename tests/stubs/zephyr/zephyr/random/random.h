/* A stub of Zephyr 3.7. */
#ifndef ZEPHYR_RANDOM_RANDOM_H
#define ZEPHYR_RANDOM_RANDOM_H

#include <stddef.h>

int sys_csrand_get(void *buf, size_t len);

#endif
