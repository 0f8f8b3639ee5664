#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/clock.h"
#include "proxy/manage_back.h"
#include "proxy/market.h"
#include "proxy/mem.h"
#include "proxy/member.h"
#include "proxy/query.h"

enum { ACTIVITY_DAYS = 30, MAX_DAYS = 36500 };

bool manage_fail(manage_reply *r, unsigned status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    r->status = (uint16_t)status;
    vsnprintf(r->message, sizeof r->message, format, args);
    va_end(args);
    return false;
}

/* ---- parameters ---- */

bool manage_parameter(or_str query, const char *name, char text[MANAGE_MAX_TEXT], or_str *out,
                      manage_reply *r)
{
    or_str raw = query_find(query, name);
    if (!query_decode(raw, true, text, MANAGE_MAX_TEXT, out))
        return manage_fail(r, 400, "%s: use at most %d bytes of percent-encoded text", name,
                           (int)MANAGE_MAX_TEXT);
    return true;
}

bool manage_count(or_str query, const char *name, uint64_t min, uint64_t max, uint64_t *out,
                  manage_reply *r)
{
    char     mem[MANAGE_MAX_TEXT];
    or_str   text;
    uint64_t n;
    if (!manage_parameter(query, name, mem, &text, r)) return false;
    if (text.len == 0) return true;
    if (or_u64_read(text, &n) != OR_OK || n < min || n > max)
        return manage_fail(r, 400, "%s: use a whole number from %llu to %llu", name,
                           (unsigned long long)min, (unsigned long long)max);
    *out = n;
    return true;
}

bool manage_day(or_str query, const char *name, int32_t *day, manage_reply *r)
{
    char    mem[MANAGE_MAX_TEXT];
    or_str  text;
    int64_t unix_s;
    if (!manage_parameter(query, name, mem, &text, r)) return false;
    if (text.len == 0) return true;
    if (text.len != 10 || !clock_read(text, &unix_s))
        return manage_fail(r, 400, "%s: use a day in UTC, such as 2026-12-31", name);
    *day = clock_day(unix_s);
    return true;
}

/* Does the key answer to that beginning of its hash, or that name? */
static bool is_called(const account *a, or_str text)
{
    or_str id = or_str_z(a->id);
    bool   begins =
        text.len >= 8 && text.len < id.len && or_str_eq_nocase(or_str_of(id.ptr, text.len), text);
    return begins || or_str_eq(or_str_z(a->key->name), text);
}

account *manage_find_key(or_str text, bool deleted, manage_reply *r)
{
    account *a = books_key(text);
    unsigned num = 0;
    int      shown = (int)(text.len < 80 ? text.len : 80);
    if (a != NULL && (deleted || !a->deleted)) return a;
    a = books_find_key(text);
    if (a != NULL) return a;
    for (a = books_next(NULL); a != NULL; a = books_next(a))
        num += a->kind == ACCOUNT_KEY && !a->deleted && is_called(a, text);
    if (num > 1)
        (void)manage_fail(r, 409,
                          "%u keys are called %.*s, or their hashes begin so: use the "
                          "whole hash of one",
                          num, shown, text.ptr);
    else
        (void)manage_fail(r, 404,
                          "no key has the hash %.*s, a hash that begins so (8 digits or "
                          "more), or that name",
                          shown, text.ptr);
    return NULL;
}

/* The hash of the key that a parameter names; absent when it is not there. */
static bool key_parameter(or_str query, const char *name, or_str *hash, manage_reply *r)
{
    char   mem[MANAGE_MAX_TEXT];
    or_str text;
    *hash = or_str_of(NULL, 0);
    if (!manage_parameter(query, name, mem, &text, r)) return false;
    if (text.len == 0) return true;
    const account *a = manage_find_key(text, true, r);
    if (a != NULL) *hash = or_str_z(a->id);
    return a != NULL;
}

/* ---- groups ---- */

bool manage_groups_begin(manage_groups *g, manage_reply *r)
{
    memset(g, 0, sizeof *g);
    for (const tally_row *row = tally_rows(); row != NULL; row = row->next) g->max++;
    for (const tally_session *s = tally_sessions(); s != NULL; s = s->next) g->max++;
    if (g->max == 0) return true;
    if (or_mul_size(g->max, sizeof *g->list, &g->size)) g->list = mem_alloc(g->size);
    return g->list != NULL || manage_fail(r, 503, "no memory to sort: limits.memory is reached");
}

manage_group *manage_groups_add(manage_groups *g)
{
    manage_group *x = &g->list[g->num++];
    memset(x, 0, sizeof *x);
    return x;
}

void manage_groups_end(manage_groups *g)
{
    if (g->list != NULL) mem_free(g->list, g->size);
    memset(g, 0, sizeof *g);
}

int manage_compare_texts(or_str a, or_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int    order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_names(const void *x, const void *y)
{
    const manage_group *a = x, *b = y;
    int                 order = (a->day > b->day) - (a->day < b->day);
    if (order == 0) order = manage_compare_texts(a->name, b->name);
    return order != 0 ? order : manage_compare_texts(a->second, b->second);
}

void manage_groups_sort(manage_groups *g, int (*compare)(const void *, const void *))
{
    if (g->num > 1) qsort(g->list, g->num, sizeof *g->list, compare);
}

void manage_groups_merge(manage_groups *g)
{
    size_t kept = 0;
    manage_groups_sort(g, compare_names);
    for (size_t i = 0; i < g->num; i++) {
        manage_group *last = kept > 0 ? &g->list[kept - 1] : NULL;
        if (last == NULL || compare_names(last, &g->list[i]) != 0) {
            g->list[kept++] = g->list[i];
            continue;
        }
        tally_sum_add(&last->sum, &g->list[i].sum);
        last->before = or_sat_add_u64(last->before, g->list[i].before);
    }
    g->num = kept;
}

uint64_t manage_tokens(const tally_sum *s)
{
    return or_sat_add_u64(s->prompt_tokens, s->completion_tokens);
}

static int64_t money_of(const manage_group *g)
{
    return or_money_add(g->sum.own, g->sum.byok);
}

static int compare_money(const void *x, const void *y)
{
    const manage_group *a = x, *b = y;
    int64_t             m = money_of(a), n = money_of(b);
    if (m != n) return m < n ? 1 : -1;
    return compare_names(x, y);
}

/* ---- GET /activity ---- */

static int compare_activity(const void *x, const void *y)
{
    const manage_group *a = x, *b = y;
    if (a->day != b->day) return a->day < b->day ? 1 : -1;
    return compare_names(x, y);
}

/* The name of the provider for people, as generations have it; while its endpoint is there. */
static or_str provider_name(or_str model, or_str tag)
{
    const market       *m = market_now();
    const market_model *found = market_find(m, model);
    for (uint32_t i = 0; found != NULL && i < found->num; i++) {
        const or_endpoint *e = &m->catalogue.endpoints[found->first + i];
        if (or_str_eq(e->tag.ptr != NULL ? e->tag : e->provider, tag))
            return e->provider_name.ptr != NULL ? e->provider_name : e->provider;
    }
    return tag;
}

void manage_put_text(or_json_writer *w, const char *name, or_str text)
{
    char           mem[8 * TALLY_MAX_TEXT];
    or_buf         probe;
    or_json_writer check;
    or_buf_init(&probe, mem, sizeof mem);
    or_json_writer_init(&check, &probe);
    member_str(w, name, or_json_put_str(&check, text) == OR_ERR_UTF8 ? OR_STR("?") : text);
}

static void put_activity_row(or_json_writer *w, const manage_group *g)
{
    char day[CLOCK_TEXT];
    clock_day_text(g->day, day);
    or_json_begin_object(w);
    member_z(w, "date", day);
    manage_put_text(w, "model", g->name);
    manage_put_text(w, "model_permaslug", g->name);
    manage_put_text(w, "endpoint_id", g->second);
    manage_put_text(w, "provider_name", provider_name(g->name, g->second));
    member_u64(w, "requests", g->sum.requests);
    member_u64(w, "prompt_tokens", g->sum.prompt_tokens);
    member_u64(w, "completion_tokens", g->sum.completion_tokens);
    member_u64(w, "reasoning_tokens", g->sum.reasoning_tokens);
    member_usd(w, "usage", g->sum.own);
    member_usd(w, "byok_usage_inference", g->sum.byok);
    or_json_end_object(w);
}

bool manage_put_activity(or_json_writer *w, or_str query, int64_t now_s, manage_reply *r)
{
    manage_groups g;
    or_str        key;
    int32_t       today = clock_day(now_s), date = TALLY_NO_DAY, last = today - 1;
    int32_t       first = today - ACTIVITY_DAYS;
    if (!manage_day(query, "date", &date, r) || !key_parameter(query, "api_key_hash", &key, r))
        return false;
    if (date != TALLY_NO_DAY && (date < first || date > last))
        return manage_fail(r, 400, "date: use one of the last %d completed days in UTC",
                           (int)ACTIVITY_DAYS);
    if (date != TALLY_NO_DAY) first = last = date;
    if (!manage_groups_begin(&g, r)) return false;
    for (const tally_row *row = tally_rows(); row != NULL; row = row->next) {
        if (row->day < first || row->day > last) continue;
        if (key.ptr != NULL && !or_str_eq(row->key, key)) continue;
        manage_group *x = manage_groups_add(&g);
        x->day = row->day;
        x->name = row->model;
        x->second = row->provider;
        x->sum = row->sum;
    }
    manage_groups_merge(&g);
    manage_groups_sort(&g, compare_activity);
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("data"));
    or_json_begin_array(w);
    for (size_t i = 0; i < g.num; i++) put_activity_row(w, &g.list[i]);
    or_json_end_array(w);
    or_json_end_object(w);
    manage_groups_end(&g);
    return true;
}

/* ---- GET /usage ---- */

typedef enum by { BY_MODEL, BY_PROVIDER, BY_KEY, BY_APP, BY_SESSION, BY_DAY, NUM_BYS } by;

static const char *const bys[NUM_BYS] = {"model", "provider", "key", "app", "session", "day"};

/* What is looked at. */
typedef struct usage_query {
    by      by;
    bool    all; /* days do not matter, not even that they are known */
    int32_t first, last;
    or_str  key; /* hash; absent: all */
} usage_query;

static bool read_by(or_str query, usage_query *q, manage_reply *r)
{
    char     mem[MANAGE_MAX_TEXT];
    or_str   text;
    unsigned i = 0;
    if (!manage_parameter(query, "by", mem, &text, r)) return false;
    while (i < NUM_BYS && !or_str_eq(text, or_str_z(bys[i]))) i++;
    q->by = (by)i;
    if (text.len == 0) q->by = BY_MODEL;
    return text.len == 0 || i < NUM_BYS ||
           manage_fail(r, 400, "by: use model, provider, key, app, session or day");
}

static bool read_usage(or_str query, int64_t now_s, usage_query *q, manage_reply *r)
{
    uint64_t days = 0;
    int32_t  date = TALLY_NO_DAY;
    memset(q, 0, sizeof *q);
    if (!read_by(query, q, r) || !manage_count(query, "days", 1, MAX_DAYS, &days, r) ||
        !manage_day(query, "date", &date, r) || !key_parameter(query, "key", &q->key, r))
        return false;
    q->all = days == 0 && date == TALLY_NO_DAY;
    if (days > 0 && date != TALLY_NO_DAY) return manage_fail(r, 400, "use either days or date");
    if (days > 0 && now_s == 0)
        return manage_fail(r, 503, "days: the clock of this machine is not set; use date");
    q->first = days > 0 ? clock_day(now_s) - (int32_t)days + 1 : date;
    q->last = days > 0 ? clock_day(now_s) : date;
    return true;
}

static bool is_asked(const usage_query *q, int32_t day, or_str key)
{
    if (q->key.ptr != NULL && !or_str_eq(key, q->key)) return false;
    return q->all || (day >= q->first && day <= q->last);
}

static void collect_rows(manage_groups *g, const usage_query *q)
{
    for (const tally_row *row = tally_rows(); row != NULL; row = row->next) {
        if (!is_asked(q, row->day, row->key)) continue;
        manage_group *x = manage_groups_add(g);
        x->sum = row->sum;
        switch (q->by) {
        case BY_MODEL: x->name = row->model; break;
        case BY_PROVIDER: x->name = row->provider; break;
        case BY_APP: x->name = row->app; break;
        case BY_KEY: x->second = row->key; break;
        default: x->day = row->day; break;
        }
    }
}

/* Of sessions only the sum is known: they are of the day when they were last used. */
static void collect_sessions(manage_groups *g, const usage_query *q)
{
    for (const tally_session *s = tally_sessions(); s != NULL; s = s->next) {
        if (!is_asked(q, s->last > 0 ? clock_day(s->last) : TALLY_NO_DAY, s->key)) continue;
        manage_group *x = manage_groups_add(g);
        x->name = s->id;
        x->sum = s->sum;
    }
}

/* Keys are sorted by the names that people know them by. */
static void name_keys(manage_groups *g)
{
    for (size_t i = 0; i < g->num; i++) {
        const account *a = books_key(g->list[i].second);
        g->list[i].name = a != NULL ? or_str_z(a->key->name) : g->list[i].second;
    }
}

static void put_sum(or_json_writer *w, const tally_sum *s)
{
    member_u64(w, "requests", s->requests);
    member_u64(w, "prompt_tokens", s->prompt_tokens);
    member_u64(w, "completion_tokens", s->completion_tokens);
    member_u64(w, "reasoning_tokens", s->reasoning_tokens);
    member_u64(w, "cached_tokens", s->cached_tokens);
    member_usd(w, "usage", s->own);
    member_usd(w, "byok_usage", s->byok);
    member_u64(w, "unknown_costs", s->unknown);
    member_u64(w, "estimated", s->estimated);
}

static void put_usage_row(or_json_writer *w, by how, const manage_group *g)
{
    char day[CLOCK_TEXT] = "";
    or_json_begin_object(w);
    if (how != BY_DAY) {
        manage_put_text(w, "name", g->name);
    } else {
        if (g->day != TALLY_NO_DAY) clock_day_text(g->day, day); /* "": the clock was not set */
        member_z(w, "name", day);
    }
    if (how == BY_KEY) member_str(w, "hash", g->second.len > 0 ? g->second : or_str_of(NULL, 0));
    put_sum(w, &g->sum);
    or_json_end_object(w);
}

bool manage_put_usage(or_json_writer *w, or_str query, int64_t now_s, manage_reply *r)
{
    manage_groups g;
    usage_query   q;
    tally_sum     total;
    memset(&total, 0, sizeof total);
    if (!read_usage(query, now_s, &q, r) || !manage_groups_begin(&g, r)) return false;
    if (q.by == BY_SESSION)
        collect_sessions(&g, &q);
    else
        collect_rows(&g, &q);
    manage_groups_merge(&g);
    if (q.by == BY_KEY) name_keys(&g);
    manage_groups_sort(&g, q.by == BY_DAY ? compare_names : compare_money);
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("data"));
    or_json_begin_array(w);
    for (size_t i = 0; i < g.num; i++) {
        put_usage_row(w, q.by, &g.list[i]);
        tally_sum_add(&total, &g.list[i].sum);
    }
    or_json_end_array(w);
    or_json_put_key(w, OR_STR("total"));
    or_json_begin_object(w);
    put_sum(w, &total);
    or_json_end_object(w);
    or_json_end_object(w);
    manage_groups_end(&g);
    return true;
}

/* ---- GET /sessions ---- */

static void put_session(or_json_writer *w, const tally_session *s)
{
    or_json_begin_object(w);
    manage_put_text(w, "session_id", s->id);
    member_str(w, "key", s->key.len > 0 ? s->key : or_str_of(NULL, 0));
    member_u64(w, "requests", s->sum.requests);
    member_u64(w, "prompt_tokens", s->sum.prompt_tokens);
    member_u64(w, "completion_tokens", s->sum.completion_tokens);
    member_usd(w, "usage", s->sum.own);
    member_usd(w, "byok_usage", s->sum.byok);
    clock_put(w, "first_at", s->first);
    clock_put(w, "last_at", s->last);
    or_json_end_object(w);
}

bool manage_put_sessions(or_json_writer *w, or_str query, int64_t now_s, manage_reply *r)
{
    char   mem[MANAGE_MAX_TEXT];
    or_str id;
    (void)now_s;
    if (!manage_parameter(query, "session_id", mem, &id, r)) return false;
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("data"));
    or_json_begin_array(w);
    for (const tally_session *s = tally_sessions(); s != NULL; s = s->next)
        if (id.len == 0 || or_str_eq(s->id, id)) put_session(w, s);
    or_json_end_array(w);
    or_json_end_object(w);
    return true;
}
