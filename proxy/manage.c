#include <stdio.h>
#include <string.h>

#include "proxy/clock.h"
#include "proxy/ev.h"
#include "proxy/gate.h"
#include "proxy/ledger.h"
#include "proxy/manage_back.h"
#include "proxy/mem.h"
#include "proxy/member.h"

enum {
    UNLIMITED = 1000000000
}; /* what a client is shown of a count without a limit, where null
      is not allowed: the highest limit that can be set */

static const or_str no_fields = {NULL, 0};

/* ---- answers ---- */

void manage_refuse(client *c, const manage_reply *r)
{
    envelope e = {.status = r->status, .message = or_str_z(r->message)};
    bool     passes = ledger_status() == LEDGER_OK || ledger_status() == LEDGER_FAILING;
    client_error(c, &e, r->status == 503 && passes ? OR_STR("Retry-After: 5\r\n") : no_fields);
}

/* The answer ends when what it tells of is on disk: a key that somebody has, or is rid of, must
   not come or go again by a crash. */
static void hold(client *c)
{
    ledger_facts f;
    ledger_tell(&f);
    if (!ledger_has(f.number)) client_hold(c, f.number);
}

void manage_send(client *c, uint16_t status, or_buf *body, const or_json_writer *w, bool held)
{
    manage_reply r;
    or_err       e = or_json_writer_end(w);
    if (held) hold(c);
    if (e == OR_OK && body->err == OR_OK) {
        client_reply(c, status, "application/json", no_fields, or_buf_str(body));
    } else {
        (void)manage_fail(&r, 503, "no memory for this answer: limits.memory is reached");
        manage_refuse(c, &r);
    }
    or_wipe(body->ptr, body->len); /* a new key may be in it */
    or_buf_free(body);
}

/* An answer from what is in the books. */
static void look(const manage_ask *a, manage_look *put)
{
    or_buf         body;
    or_json_writer w;
    manage_reply   r;
    or_wall        now = clock_wall();
    or_buf_init_growing(&body, &mem_allocator, MANAGE_MAX_ANSWER);
    or_json_writer_init(&w, &body);
    if (put(&w, client_head(a->c)->query, now.known ? now.unix_s : 0, &r)) {
        manage_send(a->c, 200, &body, &w, false);
        return;
    }
    or_buf_free(&body);
    manage_refuse(a->c, &r);
}

void manage_activity(const manage_ask *a)
{
    look(a, manage_put_activity);
}

void manage_usage(const manage_ask *a)
{
    look(a, manage_put_usage);
}

void manage_sessions(const manage_ask *a)
{
    look(a, manage_put_sessions);
}

void manage_rankings(const manage_ask *a)
{
    look(a, manage_put_rankings);
}

void manage_apps(const manage_ask *a)
{
    look(a, manage_put_apps);
}

void manage_session_costs(const manage_ask *a)
{
    look(a, manage_put_session_costs);
}

/* ---- requests ---- */

bool manage_read_body(const manage_ask *a, or_json_doc *doc, or_arena *arena, manage_reply *r)
{
    or_str body = client_body(a->c);
    or_arena_init_growing(arena, NULL, 0, &mem_allocator);
    if (body.len > KEYS_MAX_SIZE)
        return manage_fail(r, 413, "the body is longer than %d bytes", (int)KEYS_MAX_SIZE);
    or_err e = or_json_parse(doc, body, 0, arena);
    if (e == OR_ERR_MEMORY) return manage_fail(r, 503, "no memory: limits.memory is reached");
    if (e != OR_OK)
        return manage_fail(r, 400, "the body is not JSON: %s at byte %zu", or_err_text(e), doc->at);
    return or_json_type_at(doc, 0) == OR_JSON_OBJECT ||
           manage_fail(r, 400, "the body is not a JSON object");
}

bool manage_can_write(manage_reply *r)
{
    if (ledger_status() == LEDGER_OFF)
        return manage_fail(r, 503,
                           "keys and credits need state = FOLDER in the settings: there is "
                           "nowhere to keep them");
    return (ledger_status() == LEDGER_OK && !ledger_is_full()) ||
           manage_fail(r, 503, "%s", ledger_fault());
}

/* ---- members ---- */

void manage_put_spending(or_json_writer *w, const account *a)
{
    member_usd(w, "usage", a->own.total);
    member_usd(w, "usage_daily", a->own.day);
    member_usd(w, "usage_weekly", a->own.week);
    member_usd(w, "usage_monthly", a->own.month);
    member_usd(w, "byok_usage", a->byok.total);
    member_usd(w, "byok_usage_daily", a->byok.day);
    member_usd(w, "byok_usage_weekly", a->byok.week);
    member_usd(w, "byok_usage_monthly", a->byok.month);
}

void manage_put_remaining(or_json_writer *w, const account *a)
{
    int64_t left = a->budget.limit_pico_usd - a->budget.spent_pico_usd;
    if (a->limits.limit_pico_usd >= 0)
        member_usd(w, "limit_remaining", left > 0 ? left : 0);
    else
        member_null(w, "limit_remaining");
}

/* ---- GET /key ---- */

static void put_free_requests(or_json_writer *w, const account *a)
{
    or_wall  now = clock_wall();
    int64_t  day = now.known ? or_window_start(OR_WINDOW_DAILY, now.unix_s) : 0;
    uint32_t used = day > a->free_day ? 0 : a->free_used;
    uint32_t limit = a->limits.free_requests_per_day;
    if (limit == 0) limit = UNLIMITED;
    or_json_put_key(w, OR_STR("free_model_daily_requests"));
    or_json_begin_object(w);
    member_u64(w, "limit", limit);
    member_u64(w, "used", used);
    member_u64(w, "remaining", used < limit ? limit - used : 0);
    or_json_end_object(w);
}

static void put_constants(or_json_writer *w)
{
    member_null(w, "creator_user_id");
    member_null(w, "organization_id");
    member_z(w, "workspace_id", "default");
    member_raw(w, "allowed_data_regions", OR_STR("[\"global\"]"));
    or_json_put_key(w, OR_STR("rate_limit"));
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("requests"));
    or_json_put_i64(w, -1);
    member_z(w, "interval", "10s");
    member_z(w, "note", "deprecated: says nothing");
    or_json_end_object(w);
}

/* Prepaid, and nothing was paid in yet? */
static bool is_free_tier(void)
{
    return books_credits()->budget.limited && books_credits()->limits.limit_pico_usd <= 0;
}

static const char *label_of(const manage_ask *a)
{
    if (a->who != NULL) return a->who->key->label;
    return !a->manages ? "no key" : client_is_owner(a->c) ? "owner" : "management key";
}

void manage_key(const manage_ask *a)
{
    or_buf         body;
    or_json_writer w;
    account       *org = books_organization(), *of = a->who != NULL && !a->manages ? a->who : org;
    books_clock(org, ev_now(), clock_wall());
    books_clock(of, ev_now(), clock_wall());
    or_buf_init_growing(&body, &mem_allocator, MANAGE_MAX_ANSWER);
    or_json_writer_init(&w, &body);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_object(&w);
    member_z(&w, "label", label_of(a));
    keys_put_limits(&w, &of->limits, true);
    manage_put_remaining(&w, of);
    manage_put_spending(&w, of);
    member_bool(&w, "is_free_tier", is_free_tier());
    member_bool(&w, "is_management_key", a->manages);
    member_bool(&w, "is_provisioning_key", a->manages);
    clock_put(&w, "expires_at", a->who != NULL ? a->who->key->expires_at : 0);
    put_free_requests(&w, of->limits.free_requests_per_day > 0 ? of : org);
    put_constants(&w);
    or_json_end_object(&w);
    or_json_end_object(&w);
    manage_send(a->c, 200, &body, &w, false);
}

/* ---- credits ---- */

static void send_credits(const manage_ask *a, bool held)
{
    char           mem[160]; /* a payment has to be told, with or without memory */
    or_buf         body;
    or_json_writer w;
    const account *x = books_credits();
    int64_t        total = x->limits.limit_pico_usd;
    or_buf_init(&body, mem, sizeof mem);
    or_json_writer_init(&w, &body);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_object(&w);
    member_usd(&w, "total_credits", total > 0 ? total : 0);
    member_usd(&w, "total_usage", or_money_add(x->own.total, x->byok.total));
    or_json_end_object(&w);
    or_json_end_object(&w);
    manage_send(a->c, 200, &body, &w, held);
}

void manage_credits(const manage_ask *a)
{
    send_credits(a, false);
}

/* The members of POST /credits. */
static bool read_payment(const or_json_doc *doc, or_arena *arena, int64_t *pico, or_str *note,
                         manage_reply *r)
{
    *pico = 0;
    *note = or_str_of("", 0);
    for (int i = or_json_first(doc, 0); i >= 0; i = or_json_next(doc, i)) {
        or_str       name;
        or_json_type type = or_json_type_at(doc, i + 1);
        if (or_json_get_str(doc, i, arena, &name) != OR_OK)
            return manage_fail(r, 503, "no memory: limits.memory is reached");
        if (or_str_eq(name, OR_STR("amount"))) {
            if (type != OR_JSON_NUMBER ||
                or_decimal_read(or_json_raw(doc, i + 1), 12, pico) != OR_OK)
                return manage_fail(r, 400, "amount: use USD as a number with at most 12 decimals");
        } else if (!or_str_eq(name, OR_STR("note"))) {
            return manage_fail(r, 400, "%.*s: this member is not known here",
                               (int)(name.len < 64 ? name.len : 64), name.ptr);
        } else if (type != OR_JSON_NULL && (or_json_get_str(doc, i + 1, arena, note) != OR_OK ||
                                            note->len > MANAGE_MAX_TEXT)) {
            return manage_fail(r, 400, "note: use a string of at most %d bytes",
                               (int)MANAGE_MAX_TEXT);
        }
    }
    return *pico != 0 || manage_fail(r, 400, "amount: it is missing, or 0");
}

void manage_pay(const manage_ask *a)
{
    or_json_doc  doc;
    or_arena     arena;
    manage_reply r;
    int64_t      pico;
    or_str       note;
    char         error[400];
    bool         good = manage_read_body(a, &doc, &arena, &r) &&
                read_payment(&doc, &arena, &pico, &note, &r) && manage_can_write(&r);
    if (good && !gate_add_credits(pico, note, error, sizeof error))
        good = manage_fail(&r, ledger_status() == LEDGER_OK ? 400 : 503, "%s", error);
    or_arena_reset(&arena);
    if (good)
        send_credits(a, true);
    else
        manage_refuse(a->c, &r);
}

/* ---- limits ---- */

static bool is_limited(const account *a)
{
    const conf_limits *l = &a->limits;
    if (a->kind == ACCOUNT_CREDITS) return a->budget.limited;
    return !a->deleted &&
           (l->limit_pico_usd >= 0 || l->requests_per_minute > 0 || l->tokens_per_minute > 0 ||
            l->max_concurrent > 0 || l->free_requests_per_day > 0);
}

/* How much of it is spent; of no money at all, all. */
static uint64_t percent_of(int64_t spent, int64_t limit)
{
    if (limit == 0) return 100;
    int64_t rest = spent % limit;
    int64_t part = limit > INT64_MAX / 100 ? rest / (limit / 100) : rest * 100 / limit;
    return (uint64_t)(spent / limit) * 100 + (uint64_t)part;
}

static void put_budget(or_json_writer *w, const account *a)
{
    const or_budget *b = &a->budget;
    member_usd(w, "spent", b->spent_pico_usd);
    member_usd(w, "reserved", b->reserved_pico_usd);
    if (b->limited) {
        member_usd(w, "remaining", or_budget_left(b));
        member_u64(w, "percent", percent_of(b->spent_pico_usd, b->limit_pico_usd));
    } else {
        member_null(w, "remaining");
        member_null(w, "percent");
    }
}

/* What counts for no limit is not counted. */
static void put_rate(or_json_writer *w, const char *name, rate *r, uint64_t limit)
{
    if (limit > 0)
        member_u64(w, name, rate_sum(r, ev_now()));
    else
        member_null(w, name);
}

static void put_limit(or_json_writer *w, account *a)
{
    const char *name = a->kind == ACCOUNT_KEY                              ? a->key->name
                       : a->kind == ACCOUNT_APP || a->kind == ACCOUNT_USER ? a->id
                                                                           : books_kind(a->kind);
    books_clock(a, ev_now(), clock_wall());
    or_json_begin_object(w);
    member_z(w, "kind", books_kind(a->kind));
    manage_put_text(w, "name", or_str_z(name));
    if (a->kind == ACCOUNT_KEY) member_z(w, "hash", a->id);
    keys_put_limits(w, &a->limits, true);
    put_budget(w, a);
    member_u64(w, "concurrent", a->concurrent);
    put_rate(w, "requests_last_minute", &a->requests, a->limits.requests_per_minute);
    put_rate(w, "tokens_last_minute", &a->tokens, a->limits.tokens_per_minute);
    or_json_end_object(w);
}

static void put_ledger(or_json_writer *w)
{
    static const char *const names[] = {"off", "ok", "failing", "broken"};
    ledger_facts             f;
    memset(&f, 0, sizeof f);
    if (ledger_status() != LEDGER_OFF) ledger_tell(&f);
    or_json_put_key(w, OR_STR("ledger"));
    or_json_begin_object(w);
    member_z(w, "state", names[ledger_status()]);
    member_z(w, "message", ledger_status() > LEDGER_OK ? ledger_fault() : "");
    member_u64(w, "segment", f.segment);
    member_u64(w, "bytes", f.bytes);
    member_u64(w, "number", f.number);
    member_u64(w, "waiting", f.waiting);
    or_json_end_object(w);
}

void manage_limits(const manage_ask *a)
{
    or_buf         body;
    or_json_writer w;
    or_buf_init_growing(&body, &mem_allocator, MANAGE_MAX_ANSWER);
    or_json_writer_init(&w, &body);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_array(&w);
    for (account_kind kind = ACCOUNT_ORGANIZATION; kind < ACCOUNT_KINDS; kind++)
        for (account *x = books_next(NULL); x != NULL; x = books_next(x))
            if (x->kind == kind && is_limited(x)) put_limit(&w, x);
    or_json_end_array(&w);
    put_ledger(&w);
    or_json_end_object(&w);
    manage_send(a->c, 200, &body, &w, false);
}

void manage_accept(const manage_ask *a)
{
    char           mem[640];
    or_buf         body;
    or_json_writer w;
    manage_reply   r;
    char           error[400] = "no memory: limits.memory is reached";
    if (!gate_accept(error, sizeof error)) {
        (void)manage_fail(&r, 409, "%s", error);
        manage_refuse(a->c, &r);
        return;
    }
    or_buf_init(&body, mem, sizeof mem);
    or_json_writer_init(&w, &body);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_object(&w);
    member_bool(&w, "accepted", true);
    member_z(&w, "message", error);
    or_json_end_object(&w);
    or_json_end_object(&w);
    manage_send(a->c, 200, &body, &w, true);
}
