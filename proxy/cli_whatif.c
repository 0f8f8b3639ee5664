/* orproxy what-if: what recorded requests would have cost with other settings. */
#include <errno.h>
#include <string.h>

#include "proxy/cli_parts.h"
#include "proxy/demo.h"
#include "proxy/market.h"
#include "proxy/mem.h"

enum {
    MAX_ROWS = 1024, /* models that are told apart; further ones are one row */
    MAX_NAME = 128   /* bytes of a model's name */
};

/* Costs, and how many are not known. */
typedef struct sum {
    int64_t       pico_usd;
    unsigned long unknown;
} sum;

typedef struct row {
    char          model[MAX_NAME];
    unsigned long requests;
    unsigned long nowhere; /* no endpoint of the other settings takes it */
    sum           then, other;
} row;

typedef struct report {
    row          *rows; /* MAX_ROWS and the one of the further models */
    unsigned      num;
    unsigned long unreadable;         /* lines */
    unsigned long unfinished, failed; /* without an outcome; without an answer */
} report;

static void add(sum *s, bool known, int64_t pico_usd)
{
    if (known)
        s->pico_usd = or_money_add(s->pico_usd, pico_usd > 0 ? pico_usd : 0);
    else
        s->unknown++;
}

static row *row_of(report *r, or_str model)
{
    char   name[MAX_NAME];
    or_buf out;
    or_buf_init(&out, name, sizeof name - 1);
    cli_put_clean(&out, model, true);
    name[out.len] = 0;
    for (unsigned i = 0; i < r->num; i++)
        if (strcmp(r->rows[i].model, name) == 0) return &r->rows[i];
    if (r->num == MAX_ROWS) {
        strcpy(r->rows[MAX_ROWS].model, "(further models)");
        return &r->rows[MAX_ROWS];
    }
    strcpy(r->rows[r->num].model, name);
    return &r->rows[r->num++];
}

/* Who would be asked first with the other settings; NULL: nobody. */
static const or_endpoint *choose(market *m, or_route_request *q, const or_moment *moment,
                                 or_arena *arena)
{
    or_plan plan;
    q->policy = &m->policy; /* what the owner wants there */
    for (uint32_t i = 0; i < q->num_models; i++)
        (void)market_admit(m, q->models[i], market_find(m, q->models[i]) != NULL);
    or_candidate *list = or_arena_alloc(arena, m->catalogue.num * sizeof *list);
    if (list == NULL) return NULL;
    or_plan_init(&plan, list, m->catalogue.num);
    if (or_route_plan(&plan, q, &m->catalogue, NULL, moment) != OR_OK || plan.num == 0) return NULL;
    return &m->catalogue.endpoints[plan.list[0].endpoint];
}

/* What the outcome says of usage and cost. As much is taken to come from a cache there. */
static void read_outcome(cli_doc *d, int outcome, or_usage *u)
{
    memset(u, 0, sizeof *u);
    int prompt = or_json_find(&d->json, outcome, "/prompt_tokens");
    int completion = or_json_find(&d->json, outcome, "/completion_tokens");
    u->set = or_json_get_u64(&d->json, prompt, &u->prompt_tokens) == OR_OK &&
             or_json_get_u64(&d->json, completion, &u->completion_tokens) == OR_OK;
    u->cached_tokens = cli_doc_count(d, outcome, "/cached_tokens");
    u->total_tokens = or_sat_add_u64(u->prompt_tokens, u->completion_tokens);
    u->cost_set =
        or_decimal_round(cli_doc_value(d, outcome, "/cost"), 12, &u->cost_pico_usd) == OR_OK;
}

/* A request that no provider answered cost nothing, and would tell nothing of prices. */
static bool has_failed(cli_doc *d, int outcome, const or_usage *u)
{
    uint64_t status = cli_doc_count(d, outcome, "/status");
    return !u->set && !u->cost_set && status >= 400;
}

static void compare(report *r, market *m, cli_doc *d, int outcome, or_route_request *q,
                    const or_moment *moment)
{
    or_usage      u;
    or_cost       cost;
    or_cost_facts facts = {.now = moment->wall};
    or_str        model = cli_doc_text(d, outcome, "/model");
    read_outcome(d, outcome, &u);
    if (has_failed(d, outcome, &u)) {
        r->failed++;
        return;
    }
    row *at = row_of(r, model.len > 0 || q->num_models == 0 ? model : q->models[0]);
    at->requests++;
    add(&at->then, u.cost_set, u.cost_pico_usd);
    const or_endpoint *e = choose(m, q, moment, &d->arena);
    if (e == NULL) {
        at->nowhere++;
        return;
    }
    u.cost_set = false; /* what it cost then says nothing of the price here */
    or_cost_of(&e->prices, &u, &facts, &cost);
    add(&at->other, cost.source != OR_COST_UNKNOWN, cost.pico_usd);
}

static void take_line(report *r, market *m, const cli_lines *l, or_str line)
{
    cli_doc          d;
    or_arena         arena;
    or_route_request q;
    or_moment        moment;
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    or_err e = cli_doc_begin(&d, line);
    if (e == OR_OK) e = or_route_recorded(line, &arena, &q, &moment);
    int outcome = or_json_find(&d.json, 0, "/outcome");
    if (e != OR_OK) {
        r->unreadable++;
        cli_say("%s:%lu: cannot be read: %s", l->path, l->number, or_err_text(e));
    } else if (or_json_type_at(&d.json, outcome) != OR_JSON_OBJECT) {
        r->unfinished++;
    } else {
        compare(r, m, &d, outcome, &q, &moment);
    }
    cli_doc_end(&d);
    or_arena_reset(&arena);
}

static void take_all(report *r, market *m, cli_lines *l)
{
    or_str line;
    or_err e;
    while ((e = cli_lines_next(l, &line)) != OR_DONE) {
        if (e == OR_OK && line.len > 0) take_line(r, m, l, line);
        if (e == OR_OK) continue;
        r->unreadable++;
        cli_say("%s:%lu: cannot be read: %s", l->path, l->number,
                e == OR_ERR_SPACE ? "the line is too long" : strerror(errno));
        if (e != OR_ERR_SPACE) break;
    }
}

/* ---- the table ---- */

static void add_number(cli_table *t, unsigned long n)
{
    char text[24];
    snprintf(text, sizeof text, "%lu", n);
    cli_table_add_z(t, text);
}

/* A sum of which nothing is known is unknown, not 0. */
static void add_sum(cli_table *t, const sum *s, unsigned long of)
{
    char   mem[40];
    or_buf cell;
    or_buf_init(&cell, mem, sizeof mem);
    if (of > 0 && s->unknown >= of)
        or_buf_put_z(&cell, "unknown");
    else
        or_decimal_put(&cell, s->pico_usd, 12);
    cli_table_add(t, or_buf_str(&cell));
    add_number(t, s->unknown);
}

static void add_row(cli_table *t, const row *r)
{
    cli_table_add_z(t, r->model);
    add_number(t, r->requests);
    add_sum(t, &r->then, r->requests);
    if (r->nowhere < r->requests) {
        add_sum(t, &r->other, r->requests - r->nowhere);
    } else {
        cli_table_add_z(t, "-");
        add_number(t, 0);
    }
    add_number(t, r->nowhere);
}

static void add_to_total(row *total, const row *r)
{
    total->requests += r->requests;
    total->nowhere += r->nowhere;
    total->then.pico_usd = or_money_add(total->then.pico_usd, r->then.pico_usd);
    total->then.unknown += r->then.unknown;
    total->other.pico_usd = or_money_add(total->other.pico_usd, r->other.pico_usd);
    total->other.unknown += r->other.unknown;
}

static int print_report(const report *r)
{
    static const char *const head[] = {"MODEL",     "REQUESTS",     "COST (USD)", "UNKNOWN",
                                       "OTHERWISE", "THEN UNKNOWN", "NOBODY"};
    cli_table                t;
    row                      total = {.model = "total"};
    cli_table_begin(&t, 7, 0x7E);
    for (int i = 0; i < 7; i++) cli_table_add_z(&t, head[i]);
    for (unsigned i = 0; i <= MAX_ROWS; i++) {
        if (r->rows[i].requests == 0) continue;
        add_row(&t, &r->rows[i]);
        add_to_total(&total, &r->rows[i]);
    }
    add_row(&t, &total);
    if (!cli_table_print(&t)) return CLI_FAILED;
    if (total.nowhere > 0)
        cli_say("%lu requests (NOBODY) have no endpoint with these settings: they are in the cost, "
                "not in what it would be otherwise",
                total.nowhere);
    if (r->unfinished > 0) cli_say("%lu decisions without an outcome were left out", r->unfinished);
    if (r->failed > 0) cli_say("%lu requests that failed were left out", r->failed);
    return r->unreadable > 0 ? CLI_FAILED : CLI_OK;
}

/* Nothing is asked here; but the simulated provider is in this process. */
static void learn_demo(const conf *c)
{
    char   error[256];
    bool   news;
    or_buf list;
    or_buf_init_growing(&list, &mem_allocator, CLI_MAX_ANSWER);
    for (unsigned i = 0; i < c->num_providers; i++)
        if (c->providers[i].kind == PROVIDER_DEMO && demo_put_models(&list) == OR_OK)
            (void)market_learn(c, &c->providers[i], or_buf_str(&list), &news, error, sizeof error);
    or_buf_free(&list);
}

/* The market of the settings in force; NULL: it was said why. */
static market *open_market(void)
{
    char error[512];
    if (market_now() == NULL) learn_demo(conf_now());
    if (market_now() == NULL && !market_make((conf *)conf_now(), error, sizeof error)) {
        cli_say("what-if: %s", error);
        return NULL;
    }
    return market_now();
}

int cli_what_if(const cli_command *c)
{
    cli_lines l;
    report    r = {0};
    int       status = CLI_FAILED;
    market   *m = open_market();
    if (m == NULL || !cli_lines_open(&l, c->words[0])) return CLI_FAILED;
    r.rows = mem_alloc((MAX_ROWS + 1) * sizeof *r.rows);
    if (r.rows == NULL) {
        cli_say("out of memory: limits.memory is too small");
    } else {
        take_all(&r, m, &l);
        status = print_report(&r);
    }
    mem_free(r.rows, (MAX_ROWS + 1) * sizeof *r.rows);
    cli_lines_close(&l);
    return status;
}
