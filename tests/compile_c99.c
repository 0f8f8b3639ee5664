/* Only has to compile, as strict C99: the header twice, first the declarations alone, then with
   the implementation, after a header that turns the word "or" into an operator. */
#include <iso646.h>

#include "or.h"

#define OR_IMPLEMENTATION
#include "or.h"

extern const or_str compile_c99;
const or_str        compile_c99 = OR_STR_INIT("static tables need no code");
