/* What comes in a URL: the parameters of a query, and percent-encoding. */
#ifndef QUERY_H
#define QUERY_H

#include "or.h"

/* The value of a parameter as it was sent, not decoded: the first one of that name. "" when it
   has none; absent when it is not there. */
or_str query_find(or_str query, const char *name);

/* Undo percent-encoding. False: malformed, a control byte, or more than cap bytes. */
bool query_decode(or_str in, bool plus_is_space, char *buf, size_t cap, or_str *out);

#endif
