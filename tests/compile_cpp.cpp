// Only has to compile, as C++11: where "or" is an operator, void * does not convert by itself
// and a jump may not pass an initialiser.
#include "or.h"

#define OR_IMPLEMENTATION
#include "or.h"

or_str compile_cpp();
or_str compile_cpp()
{
    return OR_STR("a literal");
}
