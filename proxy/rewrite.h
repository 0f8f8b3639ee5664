/* The client's request as one provider wants it: bytes as they came but for the members that
   have to change. */
#ifndef REWRITE_H
#define REWRITE_H

#include "proxy/decide.h"

/* What stays the same over all attempts of a request. Texts are borrowed. */
typedef struct rewrite {
    const facts        *f;
    const decision     *d;
    const or_http_head *client; /* for the fields that may go on; NULL: none */
    const char         *path;   /* behind the base path: "/chat/completions" */
    or_str              session; /* of the x-session-id field, when the body has none */
    /* private */
    char               *head;    /* of the last request, which holds a key */
    size_t              head_len;
} rewrite;

/* Overwrite the key in what rewrite_request wrote last: to be called before its buffer is
   freed. */
void rewrite_forget(rewrite *r);

/* The request for the candidate with that endpoint: head and body. out keeps the head, values
   that were made, and small bodies; of larger ones pieces of the client's stay where they are.
   key   which of the provider's keys
   list  the pieces, in the arena
   body  when not NULL: gets the body as it is sent, for debug
   OR_ERR_MEMORY, OR_ERR_SPACE; OR_ERR_ARG: a field cannot be sent on. */
or_err rewrite_request(rewrite *r, const or_candidate *c, unsigned key, or_buf *out,
                       or_arena *arena, const or_str **list, uint32_t *num, or_buf *body);

/* The name by which that endpoint's provider knows the model. */
or_str rewrite_model(const rewrite *r, const or_candidate *c);

#endif
