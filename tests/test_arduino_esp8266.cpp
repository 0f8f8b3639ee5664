/* ports/arduino.h with the stubs of the ESP8266 core. */
#define ESP8266
#include "tests/arduino_body.h"

int main()
{
    test_arduino();
    TEST_MAIN_END("test_arduino_esp8266");
}
