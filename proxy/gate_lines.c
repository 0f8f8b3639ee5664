#include <stdio.h>
#include <string.h>

#include "proxy/clock.h"
#include "proxy/ev.h"
#include "proxy/gate_back.h"
#include "proxy/ledger.h"
#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/member.h"

enum { MAX_ESTIMATES = 1000, MAX_ASKED = 256 };

/* ---- requests ---- */

static void member_i64(or_json_writer *w, const char *name, int64_t n)
{
    or_json_put_key(w, or_str_z(name));
    or_json_put_i64(w, n);
}

/* The price that it was charged by, per unit, as lists of models have it. */
static void put_price(or_json_writer *w, const record *r, const gate_entry *e)
{
    or_price_list prices;
    uint32_t i = r->num_attempts <= RECORD_MAX_ATTEMPTS ? r->num_attempts : RECORD_MAX_ATTEMPTS;
    if (i == 0) {
        member_null(w, "price");
        return;
    }
    const or_endpoint *p = &r->d->m->catalogue.endpoints[r->attempts[i - 1].endpoint];
    or_prices_at(&p->prices, e->sum.prompt_tokens, r->d->moment.wall, &prices);
    or_json_put_key(w, OR_STR("price"));
    or_json_begin_object(w);
    for (int key = 0; key < OR_PRICE_NUM; key++)
        if ((prices.known >> key & 1) != 0)
            member_price(w, or_price_name((or_price_key)key), prices.pico[key]);
    if (p->prices.discount_ppb > 0) {
        or_json_put_key(w, OR_STR("discount"));
        or_json_put_decimal(w, p->prices.discount_ppb, 9);
    }
    or_json_end_object(w);
}

static void put_tokens(or_json_writer *w, const or_usage *u, bool known)
{
    static const struct {
        const char *name;
        size_t      offset;
    } counts[] = {
        {"prompt", offsetof(or_usage, prompt_tokens)},
        {"completion", offsetof(or_usage, completion_tokens)},
        {"cached", offsetof(or_usage, cached_tokens)},
        {"cache_write", offsetof(or_usage, cache_write_tokens)},
        {"reasoning", offsetof(or_usage, reasoning_tokens)},
        {"audio", offsetof(or_usage, audio_tokens)},
        {"image_output", offsetof(or_usage, image_output_tokens)},
        {"audio_output", offsetof(or_usage, audio_output_tokens)},
        {"web_searches", offsetof(or_usage, web_searches)},
    };
    or_json_put_key(w, OR_STR("tokens"));
    if (!known) {
        or_json_put_null(w);
        return;
    }
    or_json_begin_object(w);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint64_t n;
        memcpy(&n, (const char *)u + counts[i].offset, sizeof n);
        if (i < 2 || n > 0) member_u64(w, counts[i].name, n);
    }
    or_json_end_object(w);
}

static void put_names(or_json_writer *w, const gate_entry *e)
{
    member_str(w, "key", e->key);
    if (e->app.len > 0) member_str(w, "app", e->app);
    if (e->user.len > 0) member_str(w, "user", e->user);
}

static void put_money(or_json_writer *w, const gate_entry *e)
{
    if (e->known)
        member_i64(w, "cost_pico_usd", e->own + e->byok);
    else
        member_null(w, "cost_pico_usd");
    if (e->known) member_i64(w, "byok_pico_usd", e->byok);
    member_i64(w, "charged_pico_usd", e->charged);
    if (e->charged_byok != e->byok) member_i64(w, "charged_byok_pico_usd", e->charged_byok);
    member_bool(w, "estimated", e->estimated || (!e->known && e->charged > 0));
    if (e->free_day > 0) member_i64(w, "free_day", e->free_day);
}

/* Odd counts, by the bits of gate.c's odd_parts. */
static void put_odd(or_json_writer *w, uint32_t odd)
{
    static const char *const names[] = {"cached above prompt", "reasoning above completion",
                                        "a count that cannot be"};
    if (odd == 0) return;
    or_json_put_key(w, OR_STR("clamped"));
    or_json_begin_array(w);
    for (int i = 0; i < 3; i++)
        if ((odd >> i & 1) != 0) or_json_put_str(w, or_str_z(names[i]));
    or_json_end_array(w);
}

/* A cut letter would cost the line. */
or_str gate_cut(or_str s)
{
    if (s.len <= MAX_ASKED) return s;
    s.len = MAX_ASKED;
    while (s.len > 0 && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80) s.len--;
    return s;
}

uint64_t gate_put_request(const record *r, const gate_entry *e, uint32_t odd)
{
    or_json_writer *w = ledger_begin("request");
    if (w == NULL) return 0;
    member_str(w, "id", e->id);
    if (e->reserve_id.len > 0 && !or_str_eq(e->reserve_id, e->id))
        member_str(w, "reserve_id", e->reserve_id); /* the provider's id has taken its place */
    if (e->upstream_id.len > 0) member_str(w, "upstream_id", e->upstream_id);
    put_names(w, e);
    if (r->d->key != NULL) member_z(w, "key_name", r->d->key->name);
    if (e->session.len > 0) member_str(w, "session", e->session);
    member_z(w, "path", r->path);
    member_str(w, "asked", gate_cut(r->d->asked));
    member_str(w, "model", e->model);
    member_str(w, "provider", e->provider);
    member_str(w, "section", e->section);
    put_tokens(w, &r->usage, r->usage.set || r->cost.source == OR_COST_ESTIMATED);
    put_price(w, r, e);
    put_money(w, e);
    if (r->cost.upstream_set) member_i64(w, "upstream_cost_pico_usd", r->cost.upstream_pico_usd);
    if (r->cost.computed_set) member_i64(w, "computed_cost_pico_usd", r->cost.computed_pico_usd);
    member_bool(w, "is_byok", r->byok);
    put_odd(w, odd);
    member_u64(w, "status", r->status);
    member_z(w, "outcome", r->end);
    member_bool(w, "streamed", r->streamed);
    member_u64(w, "attempts", r->num_attempts);
    member_u64(w, "ms", (uint32_t)or_ms_diff(r->began_ms, ev_now()));
    if (r->first_ms >= 0) member_u64(w, "first_ms", (uint32_t)r->first_ms);
    return ledger_end(false);
}

static void put_reserve(or_json_writer *w, const gate_ticket *t)
{
    member_z(w, "id", t->id);
    for (unsigned i = 0; i < t->num; i++)
        if (t->who[i]->kind == ACCOUNT_KEY) member_z(w, "key", t->who[i]->id);
    if (t->app.len > 0) member_str(w, "app", t->app);
    if (t->user.len > 0) member_str(w, "user", t->user);
    member_str(w, "model", t->model);
    member_i64(w, "reserved_pico_usd", t->pico);
    member_i64(w, "byok_pico_usd", t->byok_pico);
    if (t->upstream_id[0] == 0) return;
    member_z(w, "upstream_id", t->upstream_id);
    member_z(w, "section", t->section);
}

uint64_t gate_put_reserve(const gate_ticket *t, bool urgent)
{
    or_json_writer *w = ledger_begin("reserve");
    if (w == NULL) return 0;
    put_reserve(w, t);
    return ledger_end(urgent);
}

uint64_t gate_put_account(const char *type, account *a, bool urgent)
{
    or_json_writer *w = ledger_begin(type);
    if (w == NULL) return 0;
    books_put(w, a);
    uint64_t n = ledger_end(urgent);
    if (n != 0) a->dirty = false;
    return n;
}

uint64_t gate_put_lease(const account *a)
{
    or_json_writer *w = ledger_begin("lease");
    if (w == NULL) return 0;
    member_z(w, "kind", books_kind(a->kind));
    member_z(w, "id", a->id);
    member_i64(w, "lease_pico_usd", a->lease_pico);
    member_i64(w, "start", a->budget.start);
    return ledger_end(true);
}

void gate_put_management(void)
{
    or_json_writer *w = books_management()[0] != 0 ? ledger_begin("management_key") : NULL;
    if (w == NULL) return;
    member_z(w, "sha256", books_management());
    (void)ledger_end(true);
}

/* ---- totals and snapshots ---- */

/* A reservation that the ledger has and no end to it yet. */
typedef struct left_open {
    struct left_open *next;
    gate_estimate     e; /* texts; id first */
} left_open;

static left_open *lefts;

/* Everything that changed since the last such line, as it is now. */
uint64_t gate_put_totals(void)
{
    bool any = false;
    for (const account *a = books_next(NULL); a != NULL; a = books_next(a)) any = any || a->dirty;
    or_json_writer *w = any ? ledger_begin("totals") : NULL;
    if (w == NULL) return 0;
    or_json_put_key(w, OR_STR("accounts"));
    or_json_begin_array(w);
    for (account *a = books_next(NULL); a != NULL; a = books_next(a)) {
        if (!a->dirty) continue;
        or_json_begin_object(w);
        books_put(w, a);
        or_json_end_object(w);
    }
    or_json_end_array(w);
    or_json_put_key(w, OR_STR("usage"));
    or_json_begin_array(w);
    for (const tally_row *r = tally_rows(); r != NULL; r = r->next) {
        if (!r->dirty) continue;
        or_json_begin_object(w);
        tally_put_row(w, r);
        or_json_end_object(w);
    }
    or_json_end_array(w);
    or_json_put_key(w, OR_STR("sessions"));
    or_json_begin_array(w);
    for (const tally_session *s = tally_sessions(); s != NULL; s = s->next) {
        if (!s->dirty) continue;
        or_json_begin_object(w);
        tally_put_session(w, s);
        or_json_end_object(w);
    }
    or_json_end_array(w);
    uint64_t n = ledger_end(true);
    if (n == 0) return 0; /* next time, then */
    for (account *a = books_next(NULL); a != NULL; a = books_next(a)) a->dirty = false;
    tally_clean();
    return n;
}

static void put_estimate(or_json_writer *w, const gate_estimate *e)
{
    member_z(w, "id", e->id);
    member_z(w, "upstream_id", e->upstream_id);
    member_z(w, "section", e->section);
    member_z(w, "key", e->key);
    member_z(w, "app", e->app);
    member_z(w, "user", e->user);
    member_z(w, "model", e->model);
    member_z(w, "provider", e->provider);
    member_i64(w, "own_pico_usd", e->own);
    member_i64(w, "byok_pico_usd", e->byok);
    member_u64(w, "at", (uint64_t)e->at);
}

static void put_left(const gate_estimate *e)
{
    or_json_writer *w = ledger_begin("reserve");
    if (w == NULL) return;
    member_z(w, "id", e->id);
    member_z(w, "key", e->key);
    member_z(w, "app", e->app);
    member_z(w, "user", e->user);
    member_z(w, "model", e->model);
    member_i64(w, "reserved_pico_usd", e->own + e->byok);
    member_i64(w, "byok_pico_usd", e->byok);
    member_z(w, "upstream_id", e->upstream_id);
    member_z(w, "section", e->section);
    (void)ledger_end(false);
}

/* What is dirty stays it: a snapshot that finds no memory has not happened. */
void gate_snapshot(void)
{
    or_json_writer *w;
    gate_put_management();
    for (const account *a = books_next(NULL); a != NULL; a = books_next(a)) {
        if ((w = ledger_begin("account")) == NULL) return;
        books_put(w, a);
        (void)ledger_end(false);
    }
    for (const tally_row *r = tally_rows(); r != NULL; r = r->next) {
        if ((w = ledger_begin("usage")) == NULL) return;
        tally_put_row(w, r);
        (void)ledger_end(false);
    }
    for (const tally_session *s = tally_sessions(); s != NULL; s = s->next) {
        if ((w = ledger_begin("session")) == NULL) return;
        tally_put_session(w, s);
        (void)ledger_end(false);
    }
    for (const gate_ticket *t = gate_tickets(); t != NULL; t = t->next)
        if (t->journalled) (void)gate_put_reserve(t, false);
    for (const left_open *x = lefts; x != NULL; x = x->next) put_left(&x->e);
    for (const gate_estimate *e = gate_estimates(); e != NULL; e = e->next) {
        if ((w = ledger_begin("estimate")) == NULL) return;
        put_estimate(w, e);
        (void)ledger_end(false);
    }
    if (ledger_begin("snapshot_end") != NULL) (void)ledger_end(false);
}

/* ---- estimates ---- */

static gate_estimate *estimates;
static unsigned       num_estimates;
static void (*on_estimate)(void);

gate_estimate *gate_estimates(void)
{
    return estimates;
}

void gate_on_estimate(void (*hook)(void))
{
    on_estimate = hook;
}

static const char *keep(char **at, or_str s)
{
    const char *kept = *at;
    if (s.len > 0) memcpy(*at, s.ptr, s.len);
    (*at)[s.len] = 0;
    *at += s.len + 1;
    return kept;
}

static bool is_openrouter(or_str section)
{
    const conf *c = conf_now();
    for (unsigned i = 0; i < c->num_providers; i++)
        if (or_str_eq(or_str_z(c->providers[i].name), section))
            return c->providers[i].kind == PROVIDER_OPENROUTER;
    return false;
}

void gate_add_estimate(const gate_entry *e)
{
    if (e->upstream_id.len == 0 || num_estimates >= MAX_ESTIMATES || !is_openrouter(e->section))
        return;
    size_t size = sizeof(gate_estimate) + 8 + e->id.len + e->upstream_id.len + e->section.len +
                  e->key.len + e->app.len + e->user.len + e->model.len + e->provider.len;
    gate_estimate *x = mem_alloc(size);
    if (x == NULL) return;
    char *at = (char *)(x + 1);
    x->size = size;
    x->id = keep(&at, e->id);
    x->upstream_id = keep(&at, e->upstream_id);
    x->section = keep(&at, e->section);
    x->key = keep(&at, e->key);
    x->app = keep(&at, e->app);
    x->user = keep(&at, e->user);
    x->model = keep(&at, e->model);
    x->provider = keep(&at, e->provider);
    x->own = e->charged - e->charged_byok;
    x->byok = e->charged_byok;
    x->at = e->wall.known ? e->wall.unix_s : 0;
    x->next = estimates;
    estimates = x;
    num_estimates++;
    if (on_estimate != NULL) on_estimate();
}

static void take_out(gate_estimate *e)
{
    gate_estimate **at = &estimates;
    while (*at != e) at = &(*at)->next;
    *at = e->next;
    num_estimates--;
}

static void forget_estimate(gate_estimate *e)
{
    take_out(e);
    mem_free(e, e->size);
}

/* A correction, live and from the ledger: budgets, totals and the row of that day. */
static void correct(const gate_estimate *e, int64_t own, int64_t byok, uint32_t now_ms,
                    or_wall wall)
{
    const int64_t most = INT64_MAX / 2; /* of one correction: the sum of two is no overflow */
    account      *who[GATE_ACCOUNTS];
    gate_entry    entry;
    tally_sum     sum;
    own = own > most ? most : own < -most ? -most : own;
    byok = byok > most ? most : byok < -most ? -most : byok;
    memset(&entry, 0, sizeof entry);
    memset(&sum, 0, sizeof sum);
    entry.key = or_str_z(e->key);
    entry.app = or_str_z(e->app);
    entry.user = or_str_z(e->user);
    unsigned    num = gate_who(&entry, who);
    tally_names names = {e->at > 0 ? clock_day(e->at) : TALLY_NO_DAY, or_str_z(e->model),
                         or_str_z(e->provider), or_str_z(e->key), or_str_z(e->app)};
    for (unsigned i = 0; i < num; i++) {
        books_clock(who[i], now_ms, wall);
        books_correct(who[i], own, byok, e->at);
    }
    sum.own = own;
    sum.byok = byok;
    tally_add(&names, &sum);
}

/* Its last line. It is taken out before, since a snapshot may begin behind that line. */
static void end_estimate(gate_estimate *e, int64_t own, int64_t byok, const char *why)
{
    or_json_writer *w = ledger_begin("adjustment");
    take_out(e);
    if (w != NULL) {
        put_estimate(w, e);
        member_i64(w, "own_change_pico_usd", own);
        member_i64(w, "byok_change_pico_usd", byok);
        member_z(w, "why", why);
        (void)ledger_end(false);
    }
    mem_free(e, e->size);
}

void gate_adjust(gate_estimate *e, int64_t own, int64_t byok, const char *why)
{
    correct(e, own - e->own, byok - e->byok, ev_now(), clock_wall());
    end_estimate(e, own - e->own, byok - e->byok, why);
}

void gate_give_up(gate_estimate *e)
{
    end_estimate(e, 0, 0, "nobody knows: the estimate stands");
}

/* ---- folding ---- */

typedef struct line {
    or_json_doc doc;
    or_arena    arena;
    or_wall     wall;
} line;

static or_str text_of(line *l, int tok, const char *pointer)
{
    or_str s;
    return or_json_get_str(&l->doc, or_json_find(&l->doc, tok, pointer), &l->arena, &s) == OR_OK
               ? s
               : OR_STR("");
}

static int64_t money_of(line *l, const char *pointer)
{
    int64_t n = 0;
    (void)or_json_get_i64(&l->doc, or_json_find(&l->doc, 0, pointer), &n);
    return n;
}

/* A whole, and the part of it that others bill: neither below nothing, the part no larger. */
static bool is_split(int64_t all, int64_t byok)
{
    return byok >= 0 && byok <= all;
}

static uint64_t count_of(line *l, const char *pointer)
{
    uint64_t n = 0;
    (void)or_json_get_u64(&l->doc, or_json_find(&l->doc, 0, pointer), &n);
    return n;
}

static bool flag_of(line *l, const char *pointer)
{
    bool b = false;
    (void)or_json_get_bool(&l->doc, or_json_find(&l->doc, 0, pointer), &b);
    return b;
}

static left_open **find_left(or_str id)
{
    left_open **at = &lefts;
    while (*at != NULL && !or_str_eq(or_str_z((*at)->e.id), id)) at = &(*at)->next;
    return at;
}

static void drop_left(left_open **at)
{
    left_open *x = *at;
    *at = x->next;
    mem_free(x, x->e.size);
}

static bool add_left(const gate_entry *e)
{
    size_t size = sizeof(left_open) + 8 + e->id.len + e->upstream_id.len + e->section.len +
                  e->key.len + e->app.len + e->user.len + e->model.len;
    left_open *x = mem_alloc(size);
    if (x == NULL) return false;
    char *at = (char *)(x + 1);
    x->e.size = size;
    x->e.id = keep(&at, e->id);
    x->e.upstream_id = keep(&at, e->upstream_id);
    x->e.section = keep(&at, e->section);
    x->e.key = keep(&at, e->key);
    x->e.app = keep(&at, e->app);
    x->e.user = keep(&at, e->user);
    x->e.model = keep(&at, e->model);
    x->e.provider = "";
    x->e.own = e->charged - e->charged_byok;
    x->e.byok = e->charged_byok;
    x->e.at = e->wall.known ? e->wall.unix_s : 0;
    x->next = lefts;
    lefts = x;
    return true;
}

static void read_names(line *l, gate_entry *e)
{
    memset(e, 0, sizeof *e);
    e->id = text_of(l, 0, "/id");
    e->reserve_id = text_of(l, 0, "/reserve_id");
    e->upstream_id = text_of(l, 0, "/upstream_id");
    e->key = text_of(l, 0, "/key");
    e->app = text_of(l, 0, "/app");
    e->user = text_of(l, 0, "/user");
    e->session = text_of(l, 0, "/session");
    e->model = text_of(l, 0, "/model");
    e->provider = text_of(l, 0, "/provider");
    e->section = text_of(l, 0, "/section");
    e->wall = l->wall;
}

static bool fold_request(line *l)
{
    gate_entry  e;
    account    *who[GATE_ACCOUNTS];
    left_open **left;
    read_names(l, &e);
    e.known =
        or_json_type_at(&l->doc, or_json_find(&l->doc, 0, "/cost_pico_usd")) == OR_JSON_NUMBER;
    e.estimated = flag_of(l, "/estimated");
    e.byok = money_of(l, "/byok_pico_usd");
    int64_t cost = money_of(l, "/cost_pico_usd");
    e.charged = money_of(l, "/charged_pico_usd");
    e.charged_byok = or_json_find(&l->doc, 0, "/charged_byok_pico_usd") >= 0
                         ? money_of(l, "/charged_byok_pico_usd")
                         : (e.byok < e.charged ? e.byok : e.charged);
    if (!is_split(cost, e.byok) || !is_split(e.charged, e.charged_byok)) return false;
    e.own = cost - e.byok;
    e.counts = count_of(l, "/attempts") > 0;
    e.free_day = money_of(l, "/free_day");
    e.sum.requests = 1;
    e.sum.prompt_tokens = count_of(l, "/tokens/prompt");
    e.sum.completion_tokens = count_of(l, "/tokens/completion");
    e.sum.reasoning_tokens = count_of(l, "/tokens/reasoning");
    e.sum.cached_tokens = count_of(l, "/tokens/cached");
    unsigned num = gate_who(&e, who);
    for (unsigned i = 0; i < num; i++) {
        account *a = who[i];
        books_clock(a, 0, l->wall);
        gate_charge(a, books_share(a, e.charged, e.charged_byok));
        if (e.free_day > a->free_day) {
            a->free_day = e.free_day;
            a->free_used = 0;
        }
        a->free_used += e.free_day > 0 && e.free_day == a->free_day;
    }
    gate_count(&e, who, num);
    left = find_left(e.reserve_id.len > 0 ? e.reserve_id : e.id);
    if (*left != NULL) drop_left(left);
    if (e.estimated) gate_add_estimate(&e);
    return true;
}

static bool fold_reserve(line *l)
{
    gate_entry e;
    read_names(l, &e);
    e.charged = money_of(l, "/reserved_pico_usd");
    e.charged_byok = money_of(l, "/byok_pico_usd");
    return e.id.len > 0 && is_split(e.charged, e.charged_byok) && add_left(&e);
}

/* The reservation again, with what is known of it now. */
static bool fold_started(line *l)
{
    left_open **at = find_left(text_of(l, 0, "/id"));
    gate_entry  e;
    if (*at == NULL) return true;
    const gate_estimate *x = &(*at)->e;
    memset(&e, 0, sizeof e);
    e.id = or_str_z(x->id);
    e.key = or_str_z(x->key);
    e.app = or_str_z(x->app);
    e.user = or_str_z(x->user);
    e.model = or_str_z(x->model);
    e.upstream_id = text_of(l, 0, "/upstream_id");
    e.section = text_of(l, 0, "/section");
    e.charged = x->own + x->byok;
    e.charged_byok = x->byok;
    e.wall = l->wall;
    if (!add_left(&e)) return false;
    left_open *made = lefts; /* in front: the other one is behind it */
    lefts = made->next;
    drop_left(find_left(or_str_z(made->e.id)));
    made->next = lefts;
    lefts = made;
    return true;
}

static gate_estimate *find_estimate(or_str id)
{
    gate_estimate *e = estimates;
    while (e != NULL && !or_str_eq(or_str_z(e->id), id)) e = e->next;
    return e;
}

static bool fold_estimate(line *l)
{
    gate_entry e;
    read_names(l, &e);
    e.charged_byok = money_of(l, "/byok_pico_usd");
    if (!or_add_i64(money_of(l, "/own_pico_usd"), e.charged_byok, &e.charged) ||
        !is_split(e.charged, e.charged_byok))
        return false;
    e.wall.unix_s = (int64_t)count_of(l, "/at");
    e.wall.known = e.wall.unix_s > 0;
    gate_add_estimate(&e);
    return true;
}

static bool fold_adjustment(line *l)
{
    gate_estimate *e = find_estimate(text_of(l, 0, "/id"));
    gate_estimate  given;
    int64_t        own = money_of(l, "/own_change_pico_usd");
    int64_t        byok = money_of(l, "/byok_change_pico_usd");
    if (e == NULL) { /* its own words will do */
        char   mem[1024];
        char  *at = mem;
        or_str key = text_of(l, 0, "/key"), app = text_of(l, 0, "/app"),
               user = text_of(l, 0, "/user");
        or_str model = text_of(l, 0, "/model"), provider = text_of(l, 0, "/provider");
        if (key.len + app.len + user.len + model.len + provider.len + 8 > sizeof mem) return false;
        memset(&given, 0, sizeof given);
        given.key = keep(&at, key);
        given.app = keep(&at, app);
        given.user = keep(&at, user);
        given.model = keep(&at, model);
        given.provider = keep(&at, provider);
        given.at = (int64_t)count_of(l, "/at");
        correct(&given, own, byok, 0, l->wall);
        return true;
    }
    correct(e, own, byok, 0, l->wall);
    forget_estimate(e);
    return true;
}

static bool fold_credits(line *l)
{
    int64_t total = money_of(l, "/total_pico_usd");
    if (total < 0) return false;
    books_set_credits(total, true);
    return true;
}

static bool fold_account(line *l)
{
    return books_fold(&l->doc, 0, &l->arena);
}

static bool fold_usage(line *l)
{
    return tally_fold_row(&l->doc, 0, &l->arena);
}

static bool fold_session(line *l)
{
    return tally_fold_session(&l->doc, 0, &l->arena);
}

static bool fold_management(line *l)
{
    or_str sha = text_of(l, 0, "/sha256");
    char   id[65];
    if (sha.len != 64) return false;
    memcpy(id, sha.ptr, 64);
    id[64] = 0;
    books_set_management(id);
    return true;
}

static bool fold_each(line *l, const char *pointer,
                      bool (*fold)(const or_json_doc *doc, int tok, or_arena *arena))
{
    bool ok = true;
    int  list = or_json_find(&l->doc, 0, pointer);
    for (int i = or_json_first(&l->doc, list); i >= 0; i = or_json_next(&l->doc, i))
        ok = fold(&l->doc, i, &l->arena) && ok;
    return ok;
}

static bool fold_totals(line *l)
{
    bool ok = fold_each(l, "/accounts", books_fold);
    ok = fold_each(l, "/usage", tally_fold_row) && ok;
    return fold_each(l, "/sessions", tally_fold_session) && ok;
}

static bool fold_lease(line *l)
{
    or_str   kind = text_of(l, 0, "/kind"), id = text_of(l, 0, "/id");
    unsigned k = 0;
    bool     full;
    while (k < ACCOUNT_KINDS && !or_str_eq(kind, or_str_z(books_kind((account_kind)k)))) k++;
    /* an app or a user may have no other line before its first lease */
    account *a = k == ACCOUNT_ORGANIZATION ? books_organization()
                 : k == ACCOUNT_CREDITS    ? books_credits()
                 : k == ACCOUNT_KEY        ? books_key(id)
                 : k < ACCOUNT_KINDS       ? books_scope((account_kind)k, id, conf_now(), &full)
                                           : NULL;
    if (a == NULL) return k < ACCOUNT_KINDS;
    books_clock(a, 0, l->wall);
    a->lease_pico = money_of(l, "/lease_pico_usd");
    if (a->lease_pico < 0) return false;
    return true;
}

/* A good end: what leases had left over was not spent. */
static bool fold_close(line *l)
{
    (void)l;
    for (account *a = books_next(NULL); a != NULL; a = books_next(a)) a->lease_pico = 0;
    return true;
}

static bool fold_nothing(line *l)
{
    (void)l;
    return true;
}

bool gate_fold(or_str text)
{
    static const struct {
        const char *type;
        bool (*fold)(line *l);
    } types[] = {
        {"request", fold_request},       {"reserve", fold_reserve},
        {"started", fold_started},       {"account", fold_account},
        {"key", fold_account},           {"usage", fold_usage},
        {"session", fold_session},       {"totals", fold_totals},
        {"lease", fold_lease},           {"credits", fold_credits},
        {"adjustment", fold_adjustment}, {"estimate", fold_estimate},
        {"close", fold_close},           {"management_key", fold_management},
        {"snapshot", fold_nothing},      {"snapshot_end", fold_nothing},
        {"open", fold_nothing},          {"torn", fold_nothing},
        {"accepted", fold_nothing},
    };
    line    l;
    int64_t at;
    bool    ok = false;
    memset(&l, 0, sizeof l);
    or_arena_init_growing(&l.arena, NULL, 0, &mem_allocator);
    if (or_json_parse(&l.doc, text, 0, &l.arena) == OR_OK) {
        or_str type = text_of(&l, 0, "/type");
        l.wall.known = clock_read(text_of(&l, 0, "/time"), &at);
        if (l.wall.known) l.wall.unix_s = at;
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
            if (or_str_eq(type, or_str_z(types[i].type))) ok = types[i].fold(&l);
    }
    or_arena_reset(&l.arena);
    return ok;
}

/* ---- after a crash ---- */

/* A request that was in work when the process ended: nobody knows what it cost, so it is charged
   at its worst. */
static void charge_left(const left_open *x)
{
    gate_entry      e;
    account        *who[GATE_ACCOUNTS];
    or_json_writer *w = ledger_begin("request");
    memset(&e, 0, sizeof e);
    e.id = or_str_z(x->e.id);
    e.upstream_id = or_str_z(x->e.upstream_id);
    e.section = or_str_z(x->e.section);
    e.key = or_str_z(x->e.key);
    e.app = or_str_z(x->e.app);
    e.user = or_str_z(x->e.user);
    e.model = or_str_z(x->e.model);
    e.provider = e.session = OR_STR("");
    e.own = x->e.own;
    e.byok = x->e.byok;
    e.charged = x->e.own + x->e.byok;
    e.charged_byok = x->e.byok;
    e.known = e.estimated = e.counts = true;
    e.sum.requests = 1;
    e.wall = clock_wall();
    unsigned num = gate_who(&e, who);
    for (unsigned i = 0; i < num; i++) {
        books_clock(who[i], 0, e.wall);
        gate_charge(who[i], books_share(who[i], e.charged, e.charged_byok));
    }
    gate_count(&e, who, num);
    gate_add_estimate(&e);
    if (w == NULL) return;
    member_str(w, "id", e.id);
    if (e.upstream_id.len > 0) member_str(w, "upstream_id", e.upstream_id);
    put_names(w, &e);
    member_str(w, "asked", e.model);
    member_str(w, "model", e.model);
    if (e.section.len > 0) member_str(w, "section", e.section);
    put_money(w, &e);
    member_z(w, "outcome", "lost");
    member_u64(w, "attempts", 1);
    (void)ledger_end(true);
}

void gate_recover(void)
{
    unsigned num = 0;
    char     name[160];
    while (lefts != NULL) {
        left_open *x = lefts;
        lefts = x->next; /* before its line: a snapshot may begin behind that */
        charge_left(x);
        mem_free(x, x->e.size);
        num++;
    }
    if (num > 0)
        log_line(
            "ledger: %u requests were in work when orproxy ended: each is charged what it could "
            "cost at most",
            num);
    for (account *a = books_next(NULL); a != NULL; a = books_next(a)) {
        a->budget.ticking = false; /* lines do not tell the monotonic time */
        int64_t more = books_take_lease(a);
        if (more == 0) continue;
        or_json_writer *w = ledger_begin("account");
        log_line(
            "ledger: %s: what was spent since the last totals is not known: its whole lease is "
            "charged",
            books_name(a, name, sizeof name));
        if (w == NULL) continue;
        books_put(w, a);
        member_i64(w, "lease_charged_pico_usd", more);
        (void)ledger_end(true);
    }
}

void gate_forget(void)
{
    while (estimates != NULL) forget_estimate(estimates);
    while (lefts != NULL) drop_left(&lefts);
}
