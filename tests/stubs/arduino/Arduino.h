/* A stub of Arduino.h for both cores: what ports/arduino.h uses. */
#ifndef ARDUINO_STUB_H
#define ARDUINO_STUB_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(ESP32)
#define ESP_ARDUINO_VERSION_MAJOR 3
#endif

unsigned long millis();

#if defined(ESP8266)
struct EspClass {
    uint8_t *random(uint8_t *buf, size_t len) const;
};
extern EspClass ESP;
#endif

#endif
