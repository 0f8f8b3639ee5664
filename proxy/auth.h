/* Whose request is it? Keys are compared as SHA-256, in constant time. */
#ifndef AUTH_H
#define AUTH_H

#include "or.h"
#include "proxy/books.h"

typedef struct auth {
    account *who;        /* the client's key; NULL: nobody's in particular */
    bool     management; /* a management key */
} auth;

/* Read who sent this head. prefer_x: a non-empty x-api-key wins over a bearer token.
   0, or the status to refuse with: 401. *why (static) says why. While there are no keys
   everybody is nobody in particular. */
uint16_t auth_read(const or_http_head *head, bool prefer_x, auth *a, const char **why);

#endif
