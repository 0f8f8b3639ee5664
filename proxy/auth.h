/* Whose request is it? Keys are compared as SHA-256, in constant time. */
#ifndef AUTH_H
#define AUTH_H

#include "or.h"
#include "proxy/conf.h"

typedef struct auth {
    const conf_key *key;        /* of conf_now; NULL: nobody's in particular */
    bool            management; /* the management key */
} auth;

/* Read who sent this head. prefer_x: a non-empty x-api-key wins over a bearer token.
   0, or the status to refuse with: 401. *why (static) says why. Without any keys in the
   settings everybody is nobody in particular. */
uint16_t auth_read(const or_http_head *head, bool prefer_x, auth *a, const char **why);

#endif
