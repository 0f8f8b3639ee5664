/* A stub of the ESP8266 core 3. */
#include "Client.h"
