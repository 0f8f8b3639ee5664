/* Management: keys, credits, limits and where the money went, as OpenRouter's API has them and
   beyond. Handlers of the table in proxy/api.c, which has decided who may ask.

   What changes something is in the ledger, and where ledger_sync = each on the disk, before it
   is answered. */
#ifndef MANAGE_H
#define MANAGE_H

#include "proxy/books.h"
#include "proxy/client.h"

/* What a handler gets. */
typedef struct manage_ask {
    client  *c;
    or_str   path;    /* as the table has it */
    or_str   rest;    /* of the path, for a route that ends in '*' */
    account *who;     /* the key that asks; NULL: nobody's in particular */
    bool     manages; /* by a management key, or by the owner's socket */
} manage_ask;

/* GET /v1/key: of the key that asks; the organization's for who manages, or without keys. */
void manage_key(const manage_ask *a);

/* /v1/keys, and /v1/keys/HASH, where HASH may also be its beginning or the key's name. */
void manage_list_keys(const manage_ask *a);
void manage_create_key(const manage_ask *a);
void manage_get_key(const manage_ask *a);
void manage_change_key(const manage_ask *a);
void manage_delete_key(const manage_ask *a);

/* /v1/credits, /v1/limits, POST /v1/audit/accept. */
void manage_credits(const manage_ask *a);
void manage_pay(const manage_ask *a);
void manage_limits(const manage_ask *a);
void manage_accept(const manage_ask *a);

/* What was spent on what: /v1/activity, /v1/usage, /v1/sessions. */
void manage_activity(const manage_ask *a);
void manage_usage(const manage_ask *a);
void manage_sessions(const manage_ask *a);

/* /v1/datasets: OpenRouter's public statistics, of what went through here. */
void manage_rankings(const manage_ask *a);
void manage_apps(const manage_ask *a);
void manage_session_costs(const manage_ask *a);

#endif
