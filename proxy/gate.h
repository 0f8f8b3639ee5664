/* The choke point of everything that costs: limit, reserve, settle. Every inference request
   has a ticket; what it took is in the books and in the ledger before its answer ends.

     gate_enter      rates, concurrency, is the ledger sound; counts the request
     gate_add_user   the same for the user that the body names
     gate_reserve    sets the worst case aside, and leaves out who could cost more than is left
     gate_wait       the reservation is on its way to the disk
     gate_settle     what it cost, in place of the reservation
     gate_leave      every ticket, in the end

   A reservation of an account with a limit of money is on disk before the provider is asked: one
   that a crash leaves open is charged at its worst case when the ledger is opened again. */
#ifndef GATE_H
#define GATE_H

#include "proxy/books.h"
#include "proxy/decide.h"
#include "proxy/record.h"

enum { GATE_ACCOUNTS = 5 };

typedef struct gate_ticket gate_ticket;
struct gate_ticket {
    gate_ticket   *next, *prev;
    account       *who[GATE_ACCOUNTS]; /* organization, credits, key, app, user; those there are */
    unsigned       num;
    or_reservation held[GATE_ACCOUNTS];
    int64_t        pico, byok_pico; /* reserved: the most, and of it the most that others bill */
    uint64_t       tokens;          /* counted as in work */
    uint64_t       line;            /* of the ledger: has to be on disk first; 0 */
    bool           entered, reserved, listed, journalled, settled;
    int64_t        free_day; /* of a model that costs nothing: the day it counts in; 0 */
    bool           mixed;    /* it may be served by one that costs something, too */
    char           id[64];
    or_str         app, user, session, model; /* borrowed; "" */
    char           upstream_id[96];           /* "": not known yet; and of which provider section */
    const char    *section;
    void (*ready)(void *user, bool ok); /* see gate_wait; NULL: it does not wait */
    void        *owner;
    gate_ticket *later, *earlier; /* of those that wait */
};

typedef struct gate_hooks {
    /* A limit is used up to so many percent now: 50, 80 or 100. */
    void (*alert)(const account *a, unsigned percent);
    /* Lines up to this number are on disk, or waiting for them would be in vain. */
    void (*durable)(uint64_t number);
} gate_hooks;

/* Open the books, with the ledger in the folder `state` (NULL: they are kept in memory only). c has
   to be in force. False: error says why. */
bool gate_open(const conf *c, const char *state, const gate_hooks *hooks, char *error,
               size_t error_size);
void gate_close(void);

/* The management key of the settings; else the one that the ledger knows; else one is made and
   shown in the log, this once. */
void gate_find_management(void);

/* Other settings are about to be in force: c must stay as long as they are. False: no memory,
   and nothing changed that matters. */
bool gate_follow(const conf *c);

/* May a request of this key (NULL: there are no keys) begin? app names the application, "" when
   it does not say. False: *why is filled. */
bool gate_enter(gate_ticket *t, account *key, or_str app, or_arena *arena, refusal *why);
bool gate_add_user(gate_ticket *t, or_str user, or_arena *arena, refusal *why);

/* Is there a limit of money on it? */
bool gate_is_limited(const gate_ticket *t);

/* After the decision, whose plan loses the candidates that could cost too much. */
bool gate_reserve(gate_ticket *t, decision *d, const facts *f, const char *id, or_arena *arena,
                  refusal *why);

/* True: go on. False: ready(owner, ok) is called once the reservation is on disk, or (not ok)
   cannot be. */
bool gate_wait(gate_ticket *t, void (*ready)(void *owner, bool ok), void *owner);

/* The provider has given the request an id: after a crash it can be asked by it. */
void gate_started(gate_ticket *t, const conf_provider *p, or_str upstream_id);

/* It ended: the cost is in r. The number of its line in the ledger; 0: there is none. */
uint64_t gate_settle(gate_ticket *t, const record *r);
void     gate_leave(gate_ticket *t);

/* Has an answer to wait for this line before it may end (ledger_sync = each)? */
bool gate_holds(uint64_t line);

/* ---- what management does ---- */

/* A key was created, changed or deleted: into the ledger. False: it cannot be written, and the
   caller takes the change back. */
bool gate_note_key(account *a);

/* Pay in (negative: take out). False: error says why. */
bool gate_add_credits(int64_t pico, or_str note, char *error, size_t error_size);

/* The owner accepts a broken ledger: text says what was taken. False: it says why not. */
bool gate_accept(char *text, size_t size);

/* ---- estimates, and what became of them ---- */

/* A cost that was guessed, of a request that its provider can be asked about. */
typedef struct gate_estimate {
    struct gate_estimate *next;
    const char           *id, *upstream_id, *section, *key, *app, *user, *model, *provider;
    int64_t               own, byok; /* charged, pico-USD */
    int64_t               at;        /* unix seconds; 0: not known */
    uint32_t              due_ms, tries;
    bool                  busy, scheduled;
    size_t                size;
} gate_estimate;

gate_estimate *gate_estimates(void);

/* The provider says what it was. */
void gate_adjust(gate_estimate *e, int64_t own, int64_t byok, const char *why);

/* Nobody will tell: the estimate stands. */
void gate_give_up(gate_estimate *e);

/* Told when there is a new one. */
void gate_on_estimate(void (*hook)(void));

#endif
