#include "proxy/gate.h"

#include <stdio.h>
#include <string.h>

#include "ports/posix.h"
#include "proxy/chain.h"
#include "proxy/clock.h"
#include "proxy/ev.h"
#include "proxy/ledger.h"
#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/member.h"
#include "proxy/gate_back.h"

enum {
    MESSAGE = 640,
    LEASE_SHARE = 20,      /* a lease is ahead by a 20th of its limit */
    TOTALS_PACE = 8 * 1024 /* bytes of totals in one ledger_sync: more wait accordingly longer */
};

static const gate_hooks *hooks;
static gate_ticket      *tickets; /* those that have reserved something */
static gate_ticket      *first_waiting, *last_waiting; /* in the order of their lines */
static ev_timer          totals_timer;

gate_ticket *gate_tickets(void)
{
    return tickets;
}

/* ---- refusals ---- */

static bool refuse(refusal *why, or_arena *arena, uint16_t status, const char *source,
                   const char *text)
{
    size_t n = strlen(text);
    char  *copy = or_arena_alloc(arena, n + 1);
    memset(why, 0, sizeof *why);
    why->e.status = copy != NULL ? status : 503;
    why->e.message =
        copy != NULL ? or_str_of(copy, n) : OR_STR("no memory: limits.memory is reached");
    if (copy != NULL) memcpy(copy, text, n + 1);
    why->e.limit_source = source;
    return false;
}

static const char *usd(int64_t pico, char text[48])
{
    or_buf b;
    or_buf_init(&b, text, 47);
    or_decimal_put(&b, pico, 12);
    text[b.len] = 0;
    return text;
}

static const char *window_of(const account *a)
{
    return a->limits.limit_reset == OR_WINDOW_NONE ? "" : keys_window_name(a->limits.limit_reset);
}

static const char *source_of(const account *a)
{
    return books_kind(a->kind);
}

/* ---- may it begin? ---- */

/* Limits that only hold when they can be written down, and when the day is known. */
static bool check_sound(const account *a, or_wall wall, or_arena *arena, refusal *why)
{
    char text[MESSAGE], name[160], day[CLOCK_TEXT];
    bool money = a->budget.limited;
    bool dated = (money && a->limits.limit_reset != OR_WINDOW_NONE) ||
                 a->limits.free_requests_per_day > 0 ||
                 (a->kind == ACCOUNT_KEY && a->key->expires_at > 0);
    if (money && ledger_status() > LEDGER_OK) {
        snprintf(text, sizeof text, "%s has a limit, and what it spends cannot be written down: %s",
                 books_name(a, name, sizeof name), ledger_fault());
        refuse(why, arena, 503, source_of(a), text);
        if (ledger_status() == LEDGER_FAILING) why->retry_after_s = 5;
        return false;
    }
    if (!dated || wall.known) return true;
    clock_day_text(clock_day(wall.unix_s), day);
    snprintf(text, sizeof text,
             "%s has a limit that depends on the date, and the clock of this "
             "machine is not set (it says %s): set it, for instance by NTP",
             books_name(a, name, sizeof name), day);
    refuse(why, arena, 503, source_of(a), text);
    why->retry_after_s = 30;
    return false;
}

static bool over_rate(const account *a, const char *what, uint32_t limit, uint64_t used,
                      uint32_t wait_ms, or_wall wall, or_arena *arena, refusal *why)
{
    char text[MESSAGE], name[160];
    snprintf(text, sizeof text,
             "Rate limit exceeded: %s of %s is %u, and %llu are used: try again "
             "in %u s",
             what, books_name(a, name, sizeof name), (unsigned)limit, (unsigned long long)used,
             (unsigned)((wait_ms + 999) / 1000));
    refuse(why, arena, 429, "rate", text);
    why->retry_after_s = (wait_ms + 999) / 1000;
    why->rate_limit = limit;
    why->rate_remaining = used < limit ? (uint32_t)(limit - used) : 0;
    why->rate_reset_ms = wall.known ? (wall.unix_s + why->retry_after_s) * 1000 : 0;
    return false;
}

static bool check_rates(account *a, or_wall wall, or_arena *arena, refusal *why)
{
    const conf_limits *l = &a->limits;
    uint32_t           now = ev_now();
    if (l->max_concurrent > 0 && a->concurrent >= l->max_concurrent)
        return over_rate(a, "max_concurrent", l->max_concurrent, a->concurrent, 1000, wall, arena,
                         why);
    if (l->requests_per_minute > 0) {
        uint64_t used = rate_sum(&a->requests, now);
        if (used >= l->requests_per_minute)
            return over_rate(a, "requests_per_minute", l->requests_per_minute, used,
                             rate_wait_ms(&a->requests, now, l->requests_per_minute - 1), wall,
                             arena, why);
    }
    if (l->tokens_per_minute > 0) {
        uint64_t used = rate_sum(&a->tokens, now) + a->tokens_open;
        if (used >= l->tokens_per_minute)
            return over_rate(a, "tokens_per_minute", l->tokens_per_minute, used,
                             rate_wait_ms(&a->tokens, now, l->tokens_per_minute - 1), wall, arena,
                             why);
    }
    return true;
}

/* One more account has a say. It is counted by those who were asked before. */
static bool join(gate_ticket *t, account *a, or_wall wall, or_arena *arena, refusal *why)
{
    books_clock(a, ev_now(), wall);
    if (!check_sound(a, wall, arena, why) || !check_rates(a, wall, arena, why)) return false;
    books_hold(a);
    a->concurrent++;
    t->who[t->num++] = a;
    return true;
}

/* A request that got so far counts, whatever becomes of it: who is refused for another reason
   hammers all the same. */
static void count_request(account *a)
{
    if (a->limits.requests_per_minute > 0) rate_add(&a->requests, ev_now(), 1);
}

static bool join_scope(gate_ticket *t, account_kind kind, or_str name, or_wall wall,
                       or_arena *arena, refusal *why)
{
    bool     full;
    char     text[MESSAGE];
    account *a = books_scope(kind, name, conf_now(), &full);
    if (full) {
        snprintf(text, sizeof text, "no room for another %s: limits.accounts is reached",
                 books_kind(kind));
        refuse(why, arena, 503, books_kind(kind), text);
        why->retry_after_s = 60;
        return false;
    }
    if (a == NULL) return true;
    if (!join(t, a, wall, arena, why)) return false;
    count_request(a);
    return true;
}

bool gate_enter(gate_ticket *t, account *key, or_str app, or_arena *arena, refusal *why)
{
    or_wall wall = clock_wall();
    memset(t, 0, sizeof *t);
    t->entered = true;
    t->app = app.len > 0 ? app : OR_STR("");
    t->user = t->session = OR_STR("");
    if (ledger_is_full()) {
        refuse(why, arena, 503, NULL, ledger_fault());
        why->retry_after_s = 5;
        return false;
    }
    if (!join(t, books_organization(), wall, arena, why) ||
        !join(t, books_credits(), wall, arena, why) ||
        (key != NULL && !join(t, key, wall, arena, why)))
        return false;
    for (unsigned i = 0; i < t->num; i++) count_request(t->who[i]);
    return join_scope(t, ACCOUNT_APP, t->app, wall, arena, why);
}

bool gate_add_user(gate_ticket *t, or_str user, or_arena *arena, refusal *why)
{
    t->user = user.len > 0 ? user : OR_STR("");
    return join_scope(t, ACCOUNT_USER, t->user, clock_wall(), arena, why);
}

bool gate_is_limited(const gate_ticket *t)
{
    for (unsigned i = 0; i < t->num; i++)
        if (t->who[i]->budget.limited) return true;
    return false;
}

/* ---- reserving ---- */

/* Candidates that somebody cannot pay for, as they are looked at. */
typedef struct afford {
    gate_ticket *t;
    decision    *d;
    account     *poor;           /* who could not pay, of the cheapest one ... */
    int64_t      least;          /* ... which may cost so much */
    int64_t      most, most_own; /* of those that stay: in all, and with what OpenRouter bills */
    int64_t      prompts;        /* what failed attempts may cost beside the one that serves */
} afford;

/* Does the provider send its own bill? */
static bool bills_itself(const decision *d, const or_endpoint *e)
{
    return !provider_is_openrouter(d->m->settings->providers[e->target].kind);
}

static bool can_pay(void *user, uint32_t endpoint)
{
    afford *x = user;
    or_cost worst;
    decide_worst(x->d, endpoint, &worst);
    bool byok = bills_itself(x->d, &x->d->m->catalogue.endpoints[endpoint]);
    for (unsigned i = 0; i < x->t->num; i++) {
        account *a = x->t->who[i];
        int64_t  need = books_share(a, worst.pico_usd, byok ? worst.pico_usd : 0);
        if (!a->budget.limited || need <= or_budget_left(&a->budget)) continue;
        if (x->poor == NULL || worst.pico_usd < x->least) {
            x->poor = a;
            x->least = worst.pico_usd;
        }
        return false;
    }
    if (worst.pico_usd > x->most) x->most = worst.pico_usd;
    if (!byok && worst.pico_usd > x->most_own) x->most_own = worst.pico_usd;
    return true;
}

static bool too_poor(const afford *x, or_arena *arena, refusal *why)
{
    char           text[MESSAGE], name[160], left[48], limit[48], least[48], assumed[80] = "";
    const account *a = x->poor;
    bool           running = a->budget.reserved_pico_usd > 0;
    bool           again = a->limits.limit_reset != OR_WINDOW_NONE;
    if (x->d->max_tokens > 0)
        snprintf(assumed, sizeof assumed, " (with %u tokens out, since max_tokens was not given)",
                 (unsigned)x->d->max_tokens);
    if (a->kind == ACCOUNT_CREDITS)
        snprintf(text, sizeof text,
                 "This request may cost %s USD%s, and of the credits %s USD are left%s: "
                 "add some (orproxy credits add), or send fewer messages or a lower max_tokens",
                 usd(x->least, least), assumed, usd(or_budget_left(&a->budget), left),
                 running ? " beside what running requests may take" : "");
    else
        snprintf(
            text, sizeof text,
            "This request may cost %s USD%s, and of the limit of %s (%s USD%s%s) "
            "%s USD are left%s: raise the limit%s, or send fewer messages or a lower max_tokens",
            usd(x->least, least), assumed, books_name(a, name, sizeof name),
            usd(a->budget.limit_pico_usd, limit), window_of(a)[0] != 0 ? " " : "", window_of(a),
            usd(or_budget_left(&a->budget), left),
            running ? " beside what running requests may take" : "",
            again ? ", wait for its reset" : "");
    refuse(why, arena, 402, source_of(a), text);
    if (running) why->retry_after_s = 1;
    /* a limit is seldom spent to its last digit: its end is when what is left is too little */
    if (a->budget.spent_pico_usd / 4 >= a->budget.limit_pico_usd / 5) hooks->alert(a, 100);
    return false;
}

static bool costs_nothing(const or_endpoint *e)
{
    const or_price_list *p = &e->prices.base;
    uint32_t             both = 1u << OR_PRICE_PROMPT | 1u << OR_PRICE_COMPLETION;
    return (p->known & both) == both && p->pico[OR_PRICE_PROMPT] == 0 &&
           p->pico[OR_PRICE_COMPLETION] == 0;
}

static bool costs(void *user, uint32_t endpoint)
{
    const decision *d = user;
    return !costs_nothing(&d->m->catalogue.endpoints[endpoint]);
}

/* May somebody serve it who costs nothing? */
static bool may_be_free(const decision *d)
{
    for (uint32_t i = 0; i < d->plan.num; i++)
        if (costs_nothing(&d->m->catalogue.endpoints[d->plan.list[i].endpoint])) return true;
    return false;
}

/* The daily number of requests of models that cost nothing. One that others may serve, too, is
   counted until it is known who did; when the number is used up it is left to these. */
static bool take_free(gate_ticket *t, decision *d, or_arena *arena, refusal *why)
{
    or_wall wall = clock_wall();
    int64_t day = wall.known ? or_window_start(OR_WINDOW_DAILY, wall.unix_s) : 0;
    if (day < books_organization()->free_day) day = books_organization()->free_day; /* set back */
    for (unsigned i = 0; i < t->num; i++) {
        account *a = t->who[i];
        if (day > a->free_day) {
            a->free_day = day;
            a->free_used = 0;
        }
        uint32_t limit = a->limits.free_requests_per_day;
        if (limit == 0 || a->free_used < limit) continue;
        if (t->mixed) return decide_filter(d, costs, d) > 0;
        int64_t left =
            day + 86400 - wall.unix_s; /* of a day that the clock has not reached: longer */
        return over_rate(a, "free_requests_per_day", limit, a->free_used,
                         (uint32_t)(left < 1000000 ? left : 1000000) * 1000, wall, arena, why);
    }
    for (unsigned i = 0; i < t->num; i++) t->who[i]->free_used++;
    t->free_day = day;
    return true;
}

/* Tokens that it may take, while nobody knows how many it will. */
static void open_tokens(gate_ticket *t, const decision *d, const facts *f)
{
    t->tokens = or_sat_add_u64(f->request.prompt_tokens, d->bound.max_tokens > 0
                                                             ? d->bound.max_tokens
                                                             : conf_now()->default_max_tokens);
    for (unsigned i = 0; i < t->num; i++)
        t->who[i]->tokens_open = or_sat_add_u64(t->who[i]->tokens_open, t->tokens);
}

/* A lease that reaches beyond what is spent and set aside. */
static bool extend_lease(account *a)
{
    int64_t before = a->lease_pico, limit = a->budget.limit_pico_usd;
    int64_t used = or_money_add(a->budget.spent_pico_usd, a->budget.reserved_pico_usd);
    if (used <= before) return true;
    int64_t ahead = or_money_add(used, limit / LEASE_SHARE);
    a->lease_pico = ahead < limit ? ahead : limit;
    uint64_t line = gate_put_lease(a);
    if (line != 0) {
        a->lease_line = line;
        return true;
    }
    a->lease_pico = before; /* what the ledger did not take is none */
    return false;
}

/* What the ledger has to be told before spending goes on, and the line to wait for. With totals no
   request is told: then a limited account spends from a lease, which is. False: no memory. */
static bool journal(gate_ticket *t)
{
    t->line = 0;
    if (ledger_status() == LEDGER_OFF) return true;
    if (t->journalled) return (t->line = gate_put_reserve(t, true)) != 0;
    for (unsigned i = 0; i < t->num; i++) {
        account *a = t->who[i];
        if (!a->budget.limited) continue;
        if (!extend_lease(a)) return false;
        if (a->lease_line > t->line) t->line = a->lease_line; /* another's may not be on disk yet */
    }
    return true;
}

static void release(gate_ticket *t)
{
    for (unsigned i = 0; i < t->num; i++) or_budget_release(&t->who[i]->budget, &t->held[i]);
    t->reserved = false;
}

static void enlist(gate_ticket *t)
{
    t->listed = true;
    t->next = tickets;
    if (tickets != NULL) tickets->prev = t;
    tickets = t;
}

static void unlist(gate_ticket *t)
{
    if (!t->listed) return;
    if (t->prev != NULL) t->prev->next = t->next;
    if (t->next != NULL) t->next->prev = t->prev;
    if (tickets == t) tickets = t->next;
    t->next = t->prev = NULL;
    t->listed = t->journalled = false;
}

bool gate_reserve(gate_ticket *t, decision *d, const facts *f, const char *id, or_arena *arena,
                  refusal *why)
{
    afford x = {t, d, NULL, 0, 0, 0, 0};
    snprintf(t->id, sizeof t->id, "%s", id);
    for (uint32_t i = 0; i < d->plan.num; i++)
        t->mixed = t->mixed || costs(d, d->plan.list[i].endpoint);
    if (may_be_free(d) && !take_free(t, d, arena, why)) return false;
    open_tokens(t, d, f);
    if (!gate_is_limited(t)) return true;
    t->model = gate_cut(d->asked);
    if (decide_filter(d, can_pay, &x) == 0) return too_poor(&x, arena, why);
    t->pico = x.most;
    t->byok_pico = x.most - x.most_own;
    for (unsigned i = 0; i < t->num; i++) {
        account *a = t->who[i];
        int64_t  need = books_share(a, t->pico, t->byok_pico);
        if (or_budget_reserve(&a->budget, &t->held[i], 0, need) == OR_OK) continue;
        x.poor = a; /* cannot be: each was asked what is left, and nothing happened since */
        x.least = need;
        release(t);
        return too_poor(&x, arena, why);
    }
    t->reserved = true;
    t->journalled = !conf_now()->ledger_totals && ledger_status() != LEDGER_OFF;
    enlist(t); /* before its line: a snapshot that begins behind that has it */
    if (!journal(t)) {
        unlist(t);
        release(t);
        refuse(why, arena, 503, NULL, "no memory for the ledger: limits.memory is reached");
        why->retry_after_s = 1;
        return false;
    }
    return true;
}

/* ---- waiting for the disk ---- */

static void stop_waiting(gate_ticket *t)
{
    if (t->ready == NULL) return;
    if (t->earlier != NULL) t->earlier->later = t->later;
    if (t->later != NULL) t->later->earlier = t->earlier;
    if (first_waiting == t) first_waiting = t->later;
    if (last_waiting == t) last_waiting = t->earlier;
    t->ready = NULL;
}

bool gate_wait(gate_ticket *t, void (*ready)(void *owner, bool ok), void *owner)
{
    gate_ticket *before = last_waiting;
    if (t->line == 0 || ledger_durable() >= t->line) return true;
    while (before != NULL && before->line > t->line) before = before->earlier; /* a lease's is older */
    t->earlier = before;
    t->later = before != NULL ? before->later : first_waiting;
    if (t->earlier != NULL) t->earlier->later = t;
    if (t->later != NULL) t->later->earlier = t;
    if (before == NULL) first_waiting = t;
    if (before == last_waiting) last_waiting = t;
    t->ready = ready;
    t->owner = owner;
    return false;
}

/* Each callback may make others begin or stop to wait. */
static void wake(void)
{
    gate_ticket *t;
    while ((t = first_waiting) != NULL) {
        bool there = ledger_durable() >= t->line;
        if (!there && ledger_status() == LEDGER_OK) return;
        void (*ready)(void *, bool) = t->ready;
        stop_waiting(t);
        ready(t->owner, there);
    }
}

static void on_news(void)
{
    wake();
    hooks->durable(ledger_status() == LEDGER_OK ? ledger_durable() : UINT64_MAX);
}

bool gate_holds(uint64_t line)
{
    return line > 0 && conf_now()->ledger_sync == 0 && !conf_now()->ledger_totals &&
           !ledger_has(line);
}

/* ---- settling ---- */

unsigned gate_who(const gate_entry *e, account **who)
{
    unsigned n = 0;
    bool     full;
    who[n++] = books_organization();
    who[n++] = books_credits();
    if (e->key.len > 0 && (who[n] = books_key(e->key)) != NULL) n++;
    if (e->app.len > 0 && (who[n] = books_scope(ACCOUNT_APP, e->app, conf_now(), &full)) != NULL)
        n++;
    if (e->user.len > 0 && (who[n] = books_scope(ACCOUNT_USER, e->user, conf_now(), &full)) != NULL)
        n++;
    return n;
}

void gate_charge(account *a, int64_t pico)
{
    or_reservation none;
    memset(&none, 0, sizeof none);
    if (or_budget_reserve(&a->budget, &none, 0, 0) == OR_OK)
        or_budget_settle(&a->budget, &none, pico);
}

void gate_count(const gate_entry *e, account *const *who, unsigned num)
{
    tally_names names = {e->wall.known ? clock_day(e->wall.unix_s) : TALLY_NO_DAY, e->model,
                         e->provider, e->key, e->app};
    tally_sum   sum = e->sum;
    if (!e->counts) return;
    sum.own = e->own;
    sum.byok = e->byok;
    sum.unknown = !e->known;
    sum.estimated = e->known && e->estimated;
    for (unsigned i = 0; i < num; i++) {
        books_spend(who[i], e->own, e->byok);
        who[i]->num_requests++;
    }
    tally_add(&names, &sum);
    tally_add_session(e->session, e->key, e->wall.known ? e->wall.unix_s : 0, &sum);
}

/* 50, 80 or 100 % of a limit were passed by what was just settled. */
static void look_at_limit(const account *a, int64_t before)
{
    static const unsigned steps[] = {100, 80, 50};
    const or_budget      *b = &a->budget;
    if (!b->limited || b->limit_pico_usd == 0) return;
    for (size_t i = 0; i < 3; i++) {
        int64_t mark =
            b->limit_pico_usd / 100 * steps[i] + b->limit_pico_usd % 100 * steps[i] / 100;
        if (before >= mark || b->spent_pico_usd < mark) continue;
        hooks->alert(a, steps[i]);
        return;
    }
}

/* Who was asked last; NULL: nobody. */
static const or_endpoint *last_of(const record *r)
{
    uint32_t n = r->num_attempts < RECORD_MAX_ATTEMPTS ? r->num_attempts : RECORD_MAX_ATTEMPTS;
    return n > 0 ? &r->d->m->catalogue.endpoints[r->attempts[n - 1].endpoint] : NULL;
}

/* OpenRouter's charge and what others bill, of the cost of a request. */
static void split(const record *r, const or_endpoint *last, gate_entry *e)
{
    int64_t cost = r->cost.pico_usd, bill = r->usage.upstream_cost_pico_usd;
    e->known = r->cost.source != OR_COST_UNKNOWN;
    e->estimated = r->cost.source == OR_COST_ESTIMATED;
    if (!e->known || last == NULL) return;
    if (bills_itself(r->d, last))
        e->byok = cost;
    else if (r->byok && r->usage.upstream_cost_set && bill > 0)
        e->byok = bill < cost ? bill : cost;
    e->own = cost - e->byok;
}

/* What a request took, from its record. */
static void describe(const gate_ticket *t, const record *r, gate_entry *e)
{
    const or_endpoint *last = last_of(r);
    memset(e, 0, sizeof *e);
    e->section = or_str_z(last != NULL ? r->d->m->settings->providers[last->target].name : "");
    e->id = or_str_z(r->id);
    e->upstream_id = t->upstream_id[0] != 0 ? or_str_z(t->upstream_id) : r->upstream_id;
    e->reserve_id = or_str_z(t->journalled ? t->id : "");
    e->key = r->d->key != NULL ? or_str_z(r->d->key->id) : OR_STR("");
    e->app = t->app;
    e->user = t->user;
    e->session = t->session;
    e->model = last != NULL ? last->model : OR_STR("");
    e->provider = last != NULL ? (last->tag.ptr != NULL ? last->tag : last->provider) : OR_STR("");
    e->counts = r->num_attempts > 0;
    e->free_day = t->free_day;
    e->wall = clock_wall();
    split(r, last, e);
    e->charged = e->own + e->byok;
    e->charged_byok = e->byok;
    if (!e->known && t->reserved && e->counts) { /* never free: as much as was set aside */
        e->charged = t->pico;
        e->charged_byok = t->byok_pico;
    }
    e->sum.requests = 1;
    if (r->usage.set || r->cost.source == OR_COST_ESTIMATED) {
        e->sum.prompt_tokens = r->usage.prompt_tokens;
        e->sum.completion_tokens = r->usage.completion_tokens;
        e->sum.reasoning_tokens = r->usage.reasoning_tokens;
        e->sum.cached_tokens = r->usage.cached_tokens;
    }
}

/* What an upstream said that cannot be: it was cut to what can, and the record says so. */
static uint32_t odd_parts(const or_usage *u)
{
    uint32_t odd = 0;
    if (u->cached_tokens > u->prompt_tokens) odd |= 1;
    if (u->reasoning_tokens > u->completion_tokens) odd |= 2;
    if (u->prompt_tokens > (uint64_t)1 << 48 || u->completion_tokens > (uint64_t)1 << 48) odd |= 4;
    return odd;
}

/* It was served by one that costs something: it does not count among the free ones. */
static void give_free_back(gate_ticket *t, const record *r)
{
    const or_endpoint *last = last_of(r);
    if (t->free_day == 0 || !t->mixed || last == NULL || costs_nothing(last)) return;
    for (unsigned i = 0; i < t->num; i++)
        t->who[i]->free_used -= t->who[i]->free_day == t->free_day && t->who[i]->free_used > 0;
    t->free_day = 0;
}

static void close_tokens(gate_ticket *t, const gate_entry *e)
{
    uint64_t took = or_sat_add_u64(e->sum.prompt_tokens, e->sum.completion_tokens);
    for (unsigned i = 0; i < t->num; i++) {
        account *a = t->who[i];
        a->tokens_open -= a->tokens_open < t->tokens ? a->tokens_open : t->tokens;
        if (a->limits.tokens_per_minute > 0) rate_add(&a->tokens, ev_now(), took);
    }
    t->tokens = 0;
}

uint64_t gate_settle(gate_ticket *t, const record *r)
{
    gate_entry e;
    uint64_t   line = 0;
    or_wall    wall = clock_wall();
    if (!t->entered || t->settled) return 0;
    t->settled = true;
    give_free_back(t, r);
    describe(t, r, &e);
    for (unsigned i = 0; i < t->num; i++) {
        account *a = t->who[i];
        int64_t  charge = books_share(a, e.charged, e.charged_byok);
        books_clock(a, ev_now(), wall);
        int64_t before = a->budget.spent_pico_usd;
        if (t->held[i].open)
            or_budget_settle(&a->budget, &t->held[i], charge);
        else
            gate_charge(a, charge);
        look_at_limit(a, before);
    }
    gate_count(&e, t->who, t->num);
    /* one whose reservation was told is told to its end, even if by now only totals are */
    bool told = (t->journalled || (e.counts && !conf_now()->ledger_totals)) &&
                ledger_status() != LEDGER_OFF;
    unlist(t); /* a snapshot from here on has it as settled */
    if (e.estimated && e.upstream_id.len > 0 && r->num_attempts > 0)
        gate_add_estimate(&e); /* before its line, as above: a snapshot behind that has it */
    if (told) line = gate_put_request(r, &e, odd_parts(&r->usage));
    close_tokens(t, &e);
    return line;
}

void gate_leave(gate_ticket *t)
{
    if (!t->entered) return;
    stop_waiting(t);
    release(t);
    unlist(t);
    for (unsigned i = 0; i < t->num; i++) {
        account *a = t->who[i];
        a->tokens_open -= a->tokens_open < t->tokens ? a->tokens_open : t->tokens;
        a->concurrent--;
        books_drop(a);
    }
    t->num = 0;
    t->entered = false;
}

void gate_started(gate_ticket *t, const conf_provider *p, or_str upstream_id)
{
    if (p->kind != PROVIDER_OPENROUTER || upstream_id.len == 0) return;
    if (upstream_id.len >= sizeof t->upstream_id || t->upstream_id[0] != 0) return;
    memcpy(t->upstream_id, upstream_id.ptr, upstream_id.len);
    t->section = p->name;
    or_json_writer *w = t->journalled ? ledger_begin("started") : NULL;
    if (w == NULL) return;
    member_z(w, "id", t->id);
    member_z(w, "section", t->section);
    member_z(w, "upstream_id", t->upstream_id);
    (void)ledger_end(false);
}

/* ---- totals ---- */

static void on_totals(ev_timer *timer)
{
    ledger_facts before, after;
    uint64_t     every = conf_now()->ledger_sync > 0 ? conf_now()->ledger_sync : 900000;
    ledger_tell(&before);
    (void)gate_put_totals();
    ledger_tell(&after);
    uint64_t wrote = after.bytes > before.bytes ? after.bytes - before.bytes : 0;
    uint64_t wait = every * (1 + wrote / TOTALS_PACE); /* so that a day stays under 1 MB */
    ev_timer_set(timer, wait < 86400000u ? (uint32_t)wait : 86400000u);
}

/* ---- management ---- */

bool gate_note_key(account *a)
{
    a->told = books_rules_hash(a);
    return ledger_status() == LEDGER_OK && gate_put_account("key", a, true) != 0;
}

static bool put_credits(int64_t pico, int64_t total, or_str note)
{
    or_json_writer *w = ledger_begin("credits");
    if (w == NULL) return false;
    or_json_put_key(w, OR_STR("amount_pico_usd"));
    or_json_put_i64(w, pico);
    member_u64(w, "total_pico_usd", (uint64_t)total);
    member_str(w, "note", note.len > 0 ? note : or_str_of(NULL, 0));
    return ledger_end(true) != 0;
}

bool gate_add_credits(int64_t pico, or_str note, char *error, size_t size)
{
    account *a = books_credits();
    books_clock(a, ev_now(), clock_wall());
    int64_t total = a->limits.limit_pico_usd;
    int64_t most = (int64_t)1000000 * 1000000000000;
    if (ledger_status() != LEDGER_OK) {
        snprintf(error, size, "%s",
                 ledger_status() == LEDGER_OFF ? "credits need state = FOLDER in the settings"
                                               : ledger_fault());
        return false;
    }
    if (total < 0) total = a->budget.spent_pico_usd; /* what was spent before there were credits */
    if (pico < 0 ? total + pico < a->budget.spent_pico_usd : total > most - pico) {
        snprintf(error, size,
                 pico < 0 ? "amount: less would be left than was spent already"
                          : "amount: more than 1000000 USD in all");
        return false;
    }
    int64_t before = a->limits.limit_pico_usd;
    bool    enforced = a->budget.limited;
    books_set_credits(total + pico, conf_now()->prepaid != OR_NO);
    if (put_credits(pico, total + pico, note)) return true;
    books_set_credits(before, enforced);
    snprintf(error, size, "the ledger does not take it: no memory, or no room on the disk");
    return false;
}

bool gate_accept(char *error, size_t size)
{
    char                text[400];
    const ledger_break *broke = ledger_broken();
    if (ledger_status() != LEDGER_BROKEN) {
        snprintf(error, size, "the ledger is not broken: there is nothing to accept");
        return false;
    }
    snprintf(text, sizeof text,
             "%u lines of %s do not fit the chain, the first is line %u: what they "
             "say, and what could not be read, was taken as it stands; look at keys and usage",
             broke->num, broke->file, broke->line);
    if (!ledger_accept()) {
        snprintf(error, size, "no memory: limits.memory is reached");
        return false;
    }
    or_json_writer *w = ledger_begin("accepted");
    if (w == NULL) return false;
    member_z(w, "file", broke->file); /* as it is now: another change to it is another break */
    member_u64(w, "bytes", broke->bytes);
    member_z(w, "sha256", broke->sha256);
    member_u64(w, "line", broke->line);
    member_u64(w, "lines", broke->num);
    (void)ledger_end(true);
    log_line("ledger: accepted by its owner: %s", text);
    snprintf(error, size, "%s", text);
    return true;
}

/* ---- opening ---- */

static void ledger_settings(const conf *c, ledger_desc *d)
{
    static const ledger_hooks of_ledger = {gate_fold, gate_snapshot, on_news};
    memset(d, 0, sizeof *d);
    d->dir = c->state;
    d->hooks = &of_ledger;
    d->sync_ms = c->ledger_sync;
    d->max_bytes = c->limits.ledger;
    d->days = c->ledger_days;
}

static void set_prepaid(const conf *c)
{
    account *a = books_credits();
    int64_t  total = a->limits.limit_pico_usd;
    bool     some = total >= 0;
    books_set_credits(total, c->prepaid == OR_YES || (c->prepaid == OR_UNKNOWN && some));
}

/* What the ledger does not know yet, or knows otherwise. */
static void tell_changes(void)
{
    for (account *a = books_next(NULL); a != NULL; a = books_next(a)) {
        uint64_t now = books_rules_hash(a);
        if (a->kind == ACCOUNT_CREDITS || now == a->told) continue;
        a->told = now;
        (void)gate_put_account(a->kind == ACCOUNT_KEY ? "key" : "account", a, false);
    }
}

bool gate_open(const conf *c, const char *state, const gate_hooks *h, char *error, size_t size)
{
    ledger_desc d;
    hooks = h;
    totals_timer.fire = on_totals;
    if (!books_begin()) {
        snprintf(error, size, "no memory for the books");
        return false;
    }
    ledger_settings(c, &d);
    d.dir = state;
    if (state != NULL && !ledger_open(&d, error, size)) {
        books_end();
        tally_forget();
        gate_forget();
        return false;
    }
    gate_recover();
    set_prepaid(c);
    if (!gate_follow(c)) {
        snprintf(error, size, "no memory for the books");
        gate_close();
        return false;
    }
    or_json_writer *w = ledger_begin("open");
    if (w != NULL) {
        member_z(w, "version", OR_VERSION);
        (void)ledger_end(true);
    }
    return true;
}

void gate_find_management(void)
{
    uint8_t random[32];
    char    secret[80] = "sk-or-v1-", id[CHAIN_HASH + 1];
    if (conf_now()->has_management_key || ledger_status() != LEDGER_OK ||
        books_management()[0] != 0)
        return;
    if (or_posix_random(random, sizeof random) != OR_OK) return;
    for (size_t i = 0; i < sizeof random; i++) snprintf(secret + 9 + 2 * i, 3, "%02x", random[i]);
    chain_hash_text(or_str_z(secret), id);
    books_set_management(id);
    gate_put_management();
    log_line(
        "the management key, for keys and credits over HTTP, shown this once: %s (lost it? set "
        "management_key = file:PATH)",
        secret);
    or_wipe(secret, sizeof secret);
    or_wipe(random, sizeof random);
}

/* From totals to requests: up to here the totals say everything, from here on the lines of
   requests, those in work among them. */
static void end_totals(void)
{
    for (account *a = books_next(NULL); a != NULL; a = books_next(a)) {
        a->dirty = a->dirty || a->lease_pico > 0;
        a->lease_pico = 0;
    }
    (void)gate_put_totals();
    for (gate_ticket *t = tickets; t != NULL; t = t->next) {
        if (t->journalled) continue;
        t->journalled = true;
        (void)gate_put_reserve(t, true);
    }
}

bool gate_follow(const conf *c)
{
    ledger_desc d;
    or_wall     now = clock_wall();
    bool        totals = conf_now()->ledger_totals;
    if (!books_follow(c, now.known ? now.unix_s : 0)) return false;
    set_prepaid(c);
    if (ledger_status() == LEDGER_OFF) return true;
    ledger_settings(c, &d);
    ledger_change(&d);
    tell_changes();
    if (totals && !c->ledger_totals) end_totals();
    if (c->ledger_totals)
        ev_timer_set(&totals_timer, c->ledger_sync);
    else
        ev_timer_stop(&totals_timer);
    return true;
}

void gate_close(void)
{
    ev_timer_stop(&totals_timer);
    if (ledger_status() != LEDGER_OFF) {
        if (conf_now() != NULL && conf_now()->ledger_totals) (void)gate_put_totals();
        or_json_writer *w = ledger_begin("close");
        if (w != NULL) (void)ledger_end(true);
    }
    ledger_close();
    books_end();
    tally_forget();
    gate_forget();
}
