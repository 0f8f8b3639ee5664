/* A stub of ESP-IDF 5. */
#ifndef ESP_TIMER_H
#define ESP_TIMER_H

#include <stdint.h>

int64_t esp_timer_get_time(void); /* microseconds */

#endif
