/* The last generations, for GET /generation: a ring of finished JSON objects. */
#ifndef GENERATIONS_H
#define GENERATIONS_H

#include "or.h"

/* Remember one: its id, whose it is ("" when there are no keys), and what to tell of it. The
   oldest makes room; without memory it is not remembered. max is conf.limits.generations. */
void generations_add(size_t max, or_str id, or_str key, or_str json);

/* The object of that id if it is that key's; absent. */
or_str generations_find(or_str id, or_str key);
or_str generations_find_any(or_str id); /* whosever it is */

void generations_clear(void);

#endif
