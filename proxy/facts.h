/* What a chat request asks, found and checked in one scan of its body. Unknown members
   pass; a known one of a wrong type, or given twice, is refused by name, since the next
   reader may see something else in it than we did. */
#ifndef FACTS_H
#define FACTS_H

#include "or.h"

typedef struct facts {
    or_str   model;        /* raw JSON string without quotes; absent when not given */
    uint32_t num_messages;
    bool     stream;
} facts;

/* False: *message says what is wrong and where, in one line. */
bool facts_read(or_str body, facts *f, char *message, size_t message_size);

#endif
