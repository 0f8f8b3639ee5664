/* Accounts: who may spend how much, and what each has spent. The organisation, credits, each
   key, and each app and user that a section of the settings limits. Reads no clock and
   writes no file: time is told, and what the ledger says comes in through books_fold_*. */
#ifndef BOOKS_H
#define BOOKS_H

#include "or.h"
#include "proxy/conf.h"
#include "proxy/keys.h"
#include "proxy/rate.h"

typedef enum account_kind {
    ACCOUNT_ORGANIZATION, /* everything */
    ACCOUNT_CREDITS,      /* prepaid: its limit is what was paid in */
    ACCOUNT_KEY,
    ACCOUNT_APP,
    ACCOUNT_USER,
    ACCOUNT_KINDS
} account_kind;

/* Pico-USD, by the UTC calendar, whatever the limit's window is. */
typedef struct spending {
    int64_t total, day, week, month;
} spending;

typedef struct account account;
struct account {
    account     *next, *same; /* all; those with this hash */
    account_kind kind;
    const char  *id; /* KEY: the SHA-256 of the key in hex; APP, USER: the name; else "" */
    conf_limits  limits;
    or_budget    budget;    /* of money, in the window of limits.limit_reset */
    spending     own, byok; /* what OpenRouter charged; what other providers bill */
    int64_t      day;       /* that the calendars of these two are at, unix seconds; 0: none yet */
    rate         requests, tokens;
    uint64_t     tokens_open; /* that requests in work may take */
    uint64_t     num_requests;
    uint32_t     concurrent;
    int64_t      free_day; /* as `day`, for ... */
    uint32_t     free_used;
    int64_t      created_at, updated_at; /* unix seconds; 0: not known */
    int64_t      lease_pico; /* ledger = totals: spending up to here is in the ledger already ... */
    uint64_t     lease_line; /* ... by this line */
    bool         dirty;      /* changed since it was written */
    unsigned     users;      /* requests in work that point here */

    /* ACCOUNT_KEY */
    const conf_key *key;     /* its rules; never NULL */
    keys_rules     *rules;   /* its own; then those that requests in work still look at */
    bool            in_conf; /* it has a [key NAME] */
    bool            deleted; /* or its section is gone: it opens nothing */
    uint64_t        told;    /* hash of the rules that the ledger knows */
};

/* Begin with nothing but organisation and credits. False: no memory. */
bool books_begin(void);
void books_end(void);

account *books_organization(void);
account *books_credits(void);

/* All accounts, one after the other, keys first; NULL begins, and ends. */
account *books_next(const account *a);

/* The key with that id. Deleted ones, too. NULL. */
account *books_key(or_str id);

/* The key whose secret has this SHA-256 in hex; compared in constant time. NULL; not a deleted
   one. */
account *books_key_of(const char id[65]);

/* The key with that id, that beginning of an id (8 digits or more) or that name, if there is only
   one such that is not deleted. */
account *books_find_key(or_str text);

/* The SHA-256 of the management key that the ledger knows, in hex; "": none. */
void        books_set_management(const char *id);
const char *books_management(void);

/* Is there a key that opens something; or was one made at run time, even if it is deleted by now?
 */
bool books_have_keys(void);
bool books_had_keys(void);

/* Is there any secret that a client's can be compared with, but for the settings' management key?
 */
bool books_know_secrets(void);

/* The app or user of that name, made when a section of the settings matches. NULL: none does; or,
   with *full, there is no room for another account (limits.accounts). */
account *books_scope(account_kind kind, or_str name, const conf *c, bool *full);

/* A key that was made or changed at run time: rules pass into the account's hands. New keys: id
   is that of rules->key. NULL: no memory. */
account *books_put_key(keys_rules *rules, int64_t now_s);
void     books_delete_key(account *a, int64_t now_s);

/* As if it had never been: a key that the ledger did not take, or a deleted one that makes room.
   Not while a request holds it. */
void books_forget_key(account *a);

/* Keys and limits are those of these settings from now on. A section whose secret was changed
   keeps what was spent. False: no memory. */
bool books_follow(const conf *c, int64_t now_s);

/* Tell an account the time: before its numbers are looked at or changed. */
void books_clock(account *a, uint32_t now_ms, or_wall wall);

/* The amount that an account counts of `pico`, of which `byok` is billed by others. */
int64_t books_share(const account *a, int64_t pico, int64_t byok);

/* Money was spent. The budget is not changed by it. */
void books_spend(account *a, int64_t own, int64_t byok);

/* What was spent at that time (0: not known) was more, or (negative) less: in the budget and in the
   sums of those windows that the time is in. */
void books_correct(account *a, int64_t own, int64_t byok, int64_t at);

/* Set the credits paid in; enforced: a request that they cannot pay for is refused. */
void books_set_credits(int64_t total_pico, bool enforced);

/* A lease that was not used up counts as spent, after a crash. How much that is. */
int64_t books_take_lease(account *a);

/* Requests in work: as long as one holds an account its rules and texts stay. */
void books_hold(account *a);
void books_drop(account *a);

/* "key kitchen", "the organization": for messages; in a buffer of its own. */
const char *books_name(const account *a, char *text, size_t size);
const char *books_kind(account_kind kind); /* "key", ... */

/* An account as an object's members, and the same read. False: it cannot be understood. */
void books_put(or_json_writer *w, const account *a);
bool books_fold(const or_json_doc *doc, int tok, or_arena *arena);

/* Hash of the rules as they are written: do they have to be written again? */
uint64_t books_rules_hash(const account *a);

#endif
