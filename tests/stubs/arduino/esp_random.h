/* A stub of Arduino-ESP32 3. */
#ifndef ESP_RANDOM_STUB_H
#define ESP_RANDOM_STUB_H

#include <stddef.h>

extern "C" void esp_fill_random(void *buf, size_t len);

#endif
