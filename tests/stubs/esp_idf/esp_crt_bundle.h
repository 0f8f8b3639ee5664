/* A stub of ESP-IDF 5. */
#ifndef ESP_CRT_BUNDLE_H
#define ESP_CRT_BUNDLE_H

#include "esp_tls.h"

esp_err_t esp_crt_bundle_attach(void *conf);

#endif
