/* Compiled with -ffreestanding -nostdlib and without floating point registers; tests/run.sh
   looks at what the object still wants from outside. Also what `make size` measures. */
#define OR_IMPLEMENTATION
#include "or.h"
