/* The client's request as one provider wants it: bytes as they came but for the members that
   have to change. */
#ifndef REWRITE_H
#define REWRITE_H

#include "proxy/decide.h"

/* What stays the same over all attempts of a request, and behind it what the last one was. Texts
   are borrowed. */
typedef struct rewrite {
    const facts        *f;      /* of the request as a chat completion, or as it came */
    const decision     *d;
    const or_http_head *client; /* for the fields that may go on; NULL: none */
    const char         *path;   /* behind the base path: "/chat/completions" */
    or_str              session; /* of the x-session-id field, when the body has none */
    or_dialect          speaks; /* what the client speaks */
    or_str              theirs; /* MESSAGES, RESPONSES: the body as the client sent it, for who
                                   speaks that too; absent: f->body stands for it */
    or_dialect_loss     asked;  /* what of theirs is not in f->body */
    or_dialect          wire;   /* the dialect that the last request, and so its answer, is in */
    or_dialect_loss     loss;   /* what of the client's request is not in it; after an error what
                                   it failed for */
    or_err              why;    /* after OR_ERR_DIALECT: that, or what is wrong with the request */
    /* private */
    or_str                body; /* what is edited: theirs, f->body, or what was made of it, ... */
    const or_json_member *members; /* ... and its members */
    uint32_t              num_members;
    const or_json_member *own;     /* of theirs */
    uint32_t              num_own;
    bool                  other;   /* it passes: only what is about routing is changed */
    or_buf                made[2]; /* bodies that were translated */
    char                 *head;    /* of the last request, which holds a key */
    size_t                head_len;
} rewrite;

/* Take the client's body, which stays where it is, as `theirs`. No member may be there twice: its
   provider might read the one that was not looked at. OR_ERR_DUPLICATE, its raw name in *twice;
   OR_ERR_TOKENS: more than FACTS_MAX_MEMBERS; OR_ERR_MEMORY, and those of or_json_members. */
or_err rewrite_keep(rewrite *r, or_str body, or_arena *arena, or_str *twice);

/* Does that provider speak what this client speaks, so that its bytes can pass? Not when they hold
   reasoning of another, which it would refuse. */
bool rewrite_passes(const rewrite *r, const provider_facts *known);

/* Overwrite the key in what rewrite_request wrote last, and free what it kept: to be called before
   its buffer is freed. */
void rewrite_forget(rewrite *r);

/* Give back what all requests share. */
void rewrite_shutdown(void);

/* The request for the candidate with that endpoint: head and body. out keeps the head, values
   that were made, and small bodies; of larger ones pieces of the client's stay where they are.
   key   which of the provider's keys
   list  the pieces, in the arena
   body  when not NULL: gets the body as it is sent, for debug
   OR_ERR_MEMORY, OR_ERR_SPACE; OR_ERR_ARG: a field cannot be sent on; OR_ERR_DIALECT: the
   provider's dialect has no words for it, or not for r->loss, and on_unsupported = reject; or it
   is not what the chat dialect says: r->why. No error is the provider's. */
or_err rewrite_request(rewrite *r, const or_candidate *c, unsigned key, or_buf *out,
                       or_arena *arena, const or_str **list, uint32_t *num, or_buf *body);

/* The name by which that endpoint's provider knows the model. */
or_str rewrite_model(const rewrite *r, const or_candidate *c);

#endif
