/* The one file with or.h's implementation. */
#define OR_IMPLEMENTATION
#include "or.h"
