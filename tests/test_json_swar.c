/* The same vectors for processors without SSE2. */
#define OR_NO_SIMD
#include "tests/test_json.c"
