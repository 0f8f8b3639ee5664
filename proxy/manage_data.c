#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proxy/clock.h"
#include "proxy/manage_back.h"
#include "proxy/member.h"
#include "proxy/query.h"

enum { WINDOW_DAYS = 30, TOP_MODELS = 50, MAX_APPS = 100, MAX_CELLS = 500, MAX_SKIP = 5000 };

/* ---- what the datasets have in common ---- */

/* Both included. */
typedef struct range {
    int32_t first, last;
} range;

static bool read_range(or_str query, int64_t now_s, range *t, manage_reply *r)
{
    t->last = clock_day(now_s) - 1;
    t->first = TALLY_NO_DAY;
    if (!manage_day(query, "end_date", &t->last, r) ||
        !manage_day(query, "start_date", &t->first, r))
        return false;
    if (t->first == TALLY_NO_DAY) t->first = t->last - WINDOW_DAYS;
    return t->first <= t->last || manage_fail(r, 400, "start_date: it is after end_date");
}

/* A filter by what is not kept would be no filter. */
static bool refuse_filters(or_str query, const char *const *names, manage_reply *r)
{
    for (; *names != NULL; names++)
        if (query_find(query, *names).len > 0)
            return manage_fail(r, 400, "%s: that is not known of what went through here", *names);
    return true;
}

static void put_day(or_json_writer *w, const char *name, int32_t day)
{
    char text[CLOCK_TEXT];
    clock_day_text(day, text);
    member_z(w, name, text);
}

static void put_now(or_json_writer *w, int64_t now_s)
{
    clock_put(w, "as_of", now_s);
    member_z(w, "version", "v1");
}

static void put_meta(or_json_writer *w, int64_t now_s, const range *t)
{
    or_json_put_key(w, OR_STR("meta"));
    or_json_begin_object(w);
    put_now(w, now_s);
    put_day(w, "start_date", t->first);
    put_day(w, "end_date", t->last);
    or_json_end_object(w);
}

/* Totals are strings there: JavaScript's numbers end at 2^53. */
static void put_total(or_json_writer *w, uint64_t tokens)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, tokens);
    member_z(w, "total_tokens", text);
}

/* ---- GET /datasets/rankings-daily ---- */

static bool read_period(or_str query, or_window *period, manage_reply *r)
{
    char   mem[MANAGE_MAX_TEXT];
    or_str text;
    if (!manage_parameter(query, "period", mem, &text, r)) return false;
    *period = or_str_eq(text, OR_STR("week"))    ? OR_WINDOW_WEEKLY
              : or_str_eq(text, OR_STR("month")) ? OR_WINDOW_MONTHLY
                                                 : OR_WINDOW_DAILY;
    return *period != OR_WINDOW_DAILY || text.len == 0 || or_str_eq(text, OR_STR("day")) ||
           manage_fail(r, 400, "period: use day, week or month");
}

static bool is_other(const manage_group *g)
{
    return or_str_eq(g->name, OR_STR("other"));
}

/* By date, then by tokens, and what is no model of its own at the end of its date. */
static int compare_rankings(const void *x, const void *y)
{
    const manage_group *a = x, *b = y;
    uint64_t            m = manage_tokens(&a->sum), n = manage_tokens(&b->sum);
    if (a->day != b->day) return a->day < b->day ? -1 : 1;
    if (is_other(a) != is_other(b)) return is_other(a) ? 1 : -1;
    if (m != n) return m < n ? 1 : -1;
    return manage_compare_texts(a->name, b->name);
}

static void put_ranking(or_json_writer *w, int32_t day, or_str model, uint64_t tokens)
{
    or_json_begin_object(w);
    put_day(w, "date", day);
    manage_put_text(w, "model_permaslug", model);
    put_total(w, tokens);
    or_json_end_object(w);
}

static void put_rankings(or_json_writer *w, const manage_groups *g)
{
    unsigned place = 0;
    uint64_t rest = 0;
    for (size_t i = 0; i < g->num; i++) {
        const manage_group *x = &g->list[i];
        bool                last = i + 1 == g->num || g->list[i + 1].day != x->day;
        if (is_other(x) || place++ >= TOP_MODELS)
            rest = or_sat_add_u64(rest, manage_tokens(&x->sum));
        else
            put_ranking(w, x->day, x->name, manage_tokens(&x->sum));
        if (!last) continue;
        if (rest > 0) put_ranking(w, x->day, OR_STR("other"), rest);
        place = 0;
        rest = 0;
    }
}

bool manage_put_rankings(or_json_writer *w, or_str query, int64_t now_s, manage_reply *r)
{
    static const char *const filters[] = {"modality", "context_bucket", "category", "language_type",
                                          NULL};
    manage_groups            g;
    range                    t;
    or_window                period;
    if (!refuse_filters(query, filters, r) || !read_range(query, now_s, &t, r) ||
        !read_period(query, &period, r) || !manage_groups_begin(&g, r))
        return false;
    for (const tally_row *row = tally_rows(); row != NULL; row = row->next) {
        if (row->day < t.first || row->day > t.last) continue;
        manage_group *x = manage_groups_add(&g);
        x->day = (int32_t)(or_window_start(period, (int64_t)row->day * 86400) / 86400);
        x->name = row->model.len > 0 ? row->model : OR_STR("other");
        x->sum = row->sum;
    }
    manage_groups_merge(&g);
    manage_groups_sort(&g, compare_rankings);
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("data"));
    or_json_begin_array(w);
    put_rankings(w, &g);
    or_json_end_array(w);
    put_meta(w, now_s, &t);
    or_json_end_object(w);
    manage_groups_end(&g);
    return true;
}

/* ---- GET /datasets/app-rankings ---- */

static int compare_popular(const void *x, const void *y)
{
    const manage_group *a = x, *b = y;
    uint64_t            m = manage_tokens(&a->sum), n = manage_tokens(&b->sum);
    if (m != n) return m < n ? 1 : -1;
    return manage_compare_texts(a->name, b->name);
}

/* Tokens above the average of the three periods before. */
static uint64_t growth(const manage_group *g)
{
    uint64_t now = manage_tokens(&g->sum), then = g->before / 3;
    return now > then ? now - then : 0;
}

static int compare_trending(const void *x, const void *y)
{
    const manage_group *a = x, *b = y;
    uint64_t            m = growth(a), n = growth(b);
    if (m != n) return m < n ? 1 : -1;
    return manage_compare_texts(a->name, b->name);
}

/* Apps of the time, and what they took in the three periods of the same length before it. */
static void collect_apps(manage_groups *g, const range *t)
{
    int64_t span = (int64_t)t->last - t->first + 1;
    for (const tally_row *row = tally_rows(); row != NULL; row = row->next) {
        if (row->app.len == 0 || row->day == TALLY_NO_DAY || row->day > t->last) continue;
        if (row->day < t->first - 3 * span) continue;
        manage_group *x = manage_groups_add(g);
        x->name = row->app;
        if (row->day < t->first)
            x->before = manage_tokens(&row->sum);
        else
            x->sum = row->sum;
    }
}

/* The same number for the same name, always. */
static uint32_t app_id(or_str name)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++) h = (h ^ (unsigned char)name.ptr[i]) * 16777619u;
    return h;
}

static void put_apps(or_json_writer *w, const manage_groups *g, bool trending, uint64_t skip,
                     uint64_t limit)
{
    uint64_t rank = 0;
    for (size_t i = 0; i < g->num && rank < skip + limit; i++) {
        const manage_group *x = &g->list[i];
        if (x->sum.requests == 0 || (trending && growth(x) == 0) || ++rank <= skip) continue;
        or_json_begin_object(w);
        member_u64(w, "rank", rank);
        member_u64(w, "app_id", app_id(x->name));
        manage_put_text(w, "app_name", x->name);
        member_u64(w, "total_requests", x->sum.requests);
        put_total(w, manage_tokens(&x->sum));
        or_json_end_object(w);
    }
}

static bool read_sort(or_str query, bool *trending, manage_reply *r)
{
    char   mem[MANAGE_MAX_TEXT];
    or_str text;
    if (!manage_parameter(query, "sort", mem, &text, r)) return false;
    *trending = or_str_eq(text, OR_STR("trending"));
    return *trending || text.len == 0 || or_str_eq(text, OR_STR("popular")) ||
           manage_fail(r, 400, "sort: use popular or trending");
}

bool manage_put_apps(or_json_writer *w, or_str query, int64_t now_s, manage_reply *r)
{
    static const char *const filters[] = {"category", "subcategory", NULL};
    manage_groups            g;
    range                    t;
    bool                     trending;
    uint64_t                 limit = TOP_MODELS, skip = 0;
    if (!refuse_filters(query, filters, r) || !read_range(query, now_s, &t, r) ||
        !read_sort(query, &trending, r) || !manage_count(query, "limit", 1, MAX_APPS, &limit, r) ||
        !manage_count(query, "offset", 0, MAX_APPS, &skip, r) || !manage_groups_begin(&g, r))
        return false;
    collect_apps(&g, &t);
    manage_groups_merge(&g);
    manage_groups_sort(&g, trending ? compare_trending : compare_popular);
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("data"));
    or_json_begin_array(w);
    put_apps(w, &g, trending, skip, limit);
    or_json_end_array(w);
    put_meta(w, now_s, &t);
    or_json_end_object(w);
    manage_groups_end(&g);
    return true;
}

/* ---- GET /datasets/session-cost ---- */

/* Sessions are kept by key, not by app and model: the key stands for the app, and this for all
   models. */
#define ANY_MODEL "all"

static const struct {
    const char *name;
    uint64_t    most;
} turns[] = {{"1-turn", 1}, {"2-9-turns", 9}, {"10-49-turns", 49}, {"50-plus-turns", UINT64_MAX}};

static int32_t turns_of(const tally_session *s)
{
    int32_t i = 0;
    while (s->sum.requests > turns[i].most) i++;
    return i;
}

static int compare_costs(const void *x, const void *y)
{
    const manage_group *a = x, *b = y;
    int                 order = manage_compare_texts(a->second, b->second);
    if (order != 0) return order;
    if (a->day != b->day) return a->day < b->day ? -1 : 1;
    int64_t m = or_money_add(a->sum.own, a->sum.byok), n = or_money_add(b->sum.own, b->sum.byok);
    return (m > n) - (m < n);
}

static int64_t median(const manage_group *list, size_t num)
{
    const tally_sum *high = &list[num / 2].sum, *low = &list[(num - 1) / 2].sum;
    int64_t          m = or_money_add(low->own, low->byok), n = or_money_add(high->own, high->byok);
    return m + (n - m) / 2;
}

static void put_cell(or_json_writer *w, const manage_group *list, size_t num)
{
    const account *a = books_key(list->second);
    or_str         name = a != NULL ? or_str_z(a->key->name) : list->second;
    or_json_begin_object(w);
    manage_put_text(w, "app_name", name);
    manage_put_text(w, "app_slug", name);
    member_z(w, "model_permaslug", ANY_MODEL);
    member_z(w, "turn_range", turns[list->day].name);
    member_usd(w, "median_session_cost_usd", median(list, num));
    or_json_end_object(w);
}

/* What the parameters leave of the sessions. */
typedef struct cells {
    char     texts[3][MANAGE_MAX_TEXT];
    or_str   slug, model, range;
    uint64_t limit, skip;
} cells;

static bool read_cells(or_str query, cells *q, manage_reply *r)
{
    unsigned i = 0, num = sizeof turns / sizeof turns[0];
    q->limit = 100;
    q->skip = 0;
    if (!manage_parameter(query, "app_slug", q->texts[0], &q->slug, r) ||
        !manage_parameter(query, "model", q->texts[1], &q->model, r) ||
        !manage_parameter(query, "turn_range", q->texts[2], &q->range, r) ||
        !manage_count(query, "limit", 1, MAX_CELLS, &q->limit, r) ||
        !manage_count(query, "offset", 0, MAX_SKIP, &q->skip, r))
        return false;
    while (i < num && !or_str_eq(q->range, or_str_z(turns[i].name))) i++;
    return i < num || q->range.len == 0 ||
           manage_fail(r, 400, "turn_range: use 1-turn, 2-9-turns, 10-49-turns or 50-plus-turns");
}

static bool is_wanted(const cells *q, const manage_group *g)
{
    const account *a = books_key(g->second);
    or_str         name = a != NULL ? or_str_z(a->key->name) : g->second;
    return (q->slug.len == 0 || or_str_eq(q->slug, name)) &&
           (q->model.len == 0 || or_str_eq(q->model, OR_STR(ANY_MODEL))) &&
           (q->range.len == 0 || or_str_eq(q->range, or_str_z(turns[g->day].name)));
}

static void put_cells(or_json_writer *w, const manage_groups *g, const cells *q)
{
    uint64_t place = 0;
    for (size_t i = 0, end; i < g->num; i = end) {
        const manage_group *x = &g->list[i];
        for (end = i + 1; end < g->num && g->list[end].day == x->day &&
                          or_str_eq(g->list[end].second, x->second);)
            end++;
        if (!is_wanted(q, x) || place++ < q->skip || place > q->skip + q->limit) continue;
        put_cell(w, x, end - i);
    }
}

bool manage_put_session_costs(or_json_writer *w, or_str query, int64_t now_s, manage_reply *r)
{
    manage_groups g;
    cells         q;
    if (!read_cells(query, &q, r) || !manage_groups_begin(&g, r)) return false;
    for (const tally_session *s = tally_sessions(); s != NULL; s = s->next) {
        manage_group *x = manage_groups_add(&g);
        x->day = turns_of(s);
        x->second = s->key;
        x->sum = s->sum;
    }
    manage_groups_sort(&g, compare_costs);
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("data"));
    or_json_begin_array(w);
    put_cells(w, &g, &q);
    or_json_end_array(w);
    or_json_put_key(w, OR_STR("meta"));
    or_json_begin_object(w);
    put_now(w, now_s);
    member_null(w, "window_days"); /* the last sessions, however old */
    member_null(w, "window_end_date");
    or_json_end_object(w);
    or_json_end_object(w);
    manage_groups_end(&g);
    return true;
}
