/* What the files of gate share; nobody else's business.

   gate.c       who may, what is set aside, what it cost
   gate_lines.c what the ledger is told, and what it told */
#ifndef GATE_BACK_H
#define GATE_BACK_H

#include "proxy/gate.h"
#include "proxy/tally.h"

/* What a request took, for the books: live, and from its line in the ledger. Amounts in pico-USD.
 */
typedef struct gate_entry {
    or_str    reserve_id; /* of its reservation in the ledger; "" */
    or_str    id, upstream_id, key, app, user, session, model, provider, section;
    int64_t   own, byok; /* cost: OpenRouter's, others' */
    bool      known, estimated;
    int64_t   charged, charged_byok; /* what limits count, and of it what others bill */
    bool      counts;                /* it was tried: it belongs into the tally */
    int64_t   free_day;
    tally_sum sum; /* without money */
    or_wall   wall;
} gate_entry;

/* The accounts of an entry, at most GATE_ACCOUNTS; how many. */
unsigned gate_who(const gate_entry *e, account **who);

/* As much of a model's name as is kept, in whole letters. */
or_str gate_cut(or_str s);

/* Count it: everything but budgets. */
void gate_count(const gate_entry *e, account *const *who, unsigned num);

/* Charge a budget for which nothing was reserved. */
void gate_charge(account *a, int64_t pico);

/* Open tickets that have reserved something. */
gate_ticket *gate_tickets(void);

/* ---- gate_lines.c ---- */

bool gate_fold(or_str line);
void gate_snapshot(void);

/* After the opening: what a crash left open is charged. */
void gate_recover(void);

uint64_t gate_put_request(const record *r, const gate_entry *e, uint32_t odd);
uint64_t gate_put_reserve(const gate_ticket *t, bool urgent);
uint64_t gate_put_account(const char *type, account *a, bool urgent);
uint64_t gate_put_totals(void);
uint64_t gate_put_lease(const account *a);
void     gate_put_management(void);
void     gate_add_estimate(const gate_entry *e);
void     gate_forget(void);

#endif
