/* ports/arduino.h with the stubs of Arduino-ESP32. */
#define ESP32
#include "tests/arduino_body.h"

int main()
{
    test_arduino();
    TEST_MAIN_END("test_arduino_esp32");
}
