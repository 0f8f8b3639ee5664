#include "proxy/reconcile.h"

#include <stdio.h>
#include <string.h>

#include "proxy/ev.h"
#include "proxy/fetch.h"
#include "proxy/gate.h"
#include "proxy/log.h"
#include "proxy/mem.h"

enum { AT_ONCE = 4, MAX_PATH = 160 };

/* Records appear some seconds after the request; the uplink may be down for hours. */
static const uint32_t waits_ms[] = {2000, 10000, 60000, 300000, 1800000, 7200000, 21600000};
enum { TRIES = sizeof waits_ms / sizeof waits_ms[0] };

/* 1,000,000 USD for one request: more is not believed, and sums of it stay far from overflow. */
static const int64_t MAX_COST = (int64_t)1000000 * 1000000000000;

static struct asking {
    fetch         *f;
    gate_estimate *e;
    char           path[MAX_PATH];
} asking[AT_ONCE];

static ev_timer timer;

static void plan(void);

/* The cost that an answer of GET /generation tells. */
static bool read_cost(or_str body, int64_t *own, int64_t *byok)
{
    or_arena    arena;
    or_json_doc doc;
    bool        is_byok = false, ok = false;
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    *own = *byok = 0;
    if (or_json_parse(&doc, body, 0, &arena) == OR_OK) {
        int data = or_json_find(&doc, 0, "/data"), total = or_json_find(&doc, data, "/total_cost");
        (void)or_json_get_bool(&doc, or_json_find(&doc, data, "/is_byok"), &is_byok);
        ok = or_decimal_round(or_json_raw(&doc, total), 12, own) == OR_OK && *own >= 0 &&
             *own <= MAX_COST;
        if (is_byok)
            ok = or_decimal_round(
                     or_json_raw(&doc, or_json_find(&doc, data, "/upstream_inference_cost")), 12,
                     byok) == OR_OK &&
                 *byok >= 0 && *byok <= MAX_COST && ok;
    }
    or_arena_reset(&arena);
    return ok;
}

static void again(gate_estimate *e)
{
    e->busy = false;
    if (++e->tries < TRIES) {
        e->due_ms = ev_now() + waits_ms[e->tries];
        return;
    }
    log_line("the cost of %s stays an estimate: its provider does not tell", e->id);
    gate_give_up(e);
}

static void on_answer(void *user, const fetch_result *r)
{
    struct asking *a = user;
    gate_estimate *e = a->e;
    int64_t        own, byok;
    a->f = NULL;
    a->e = NULL;
    if (r->error == NULL && read_cost(r->body, &own, &byok))
        gate_adjust(e, own, byok, "as its provider says now");
    else
        again(e);
    plan();
}

/* An id goes into a query: only what needs no escape there. */
static bool is_plain(const char *id)
{
    size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
    return n > 0 && n <= 100 && id[n] == 0;
}

static void ask(gate_estimate *e)
{
    market        *m = market_now();
    struct asking *a = asking;
    unsigned       target = 0;
    while (a < asking + AT_ONCE && a->e != NULL) a++;
    if (a == asking + AT_ONCE) return;
    while (target < m->settings->num_providers &&
           strcmp(m->settings->providers[target].name, e->section) != 0)
        target++;
    if (target == m->settings->num_providers || !is_plain(e->upstream_id)) {
        again(e); /* a section that comes back with the next settings can be asked then */
        return;
    }
    snprintf(a->path, sizeof a->path, "/generation?id=%s", e->upstream_id);
    a->e = e;
    e->busy = true;
    a->f = fetch_begin(m, target, a->path, on_answer, a);
    if (a->f != NULL) return;
    a->e = NULL;
    again(e);
}

static void on_timer(ev_timer *t)
{
    gate_estimate *next;
    (void)t;
    for (gate_estimate *e = gate_estimates(); e != NULL; e = next) {
        next = e->next;
        if (!e->busy && or_ms_diff(e->due_ms, ev_now()) >= 0) ask(e);
    }
    plan();
}

/* Wake when the next one is due. */
static void plan(void)
{
    int32_t least = -1;
    for (gate_estimate *e = gate_estimates(); e != NULL; e = e->next) {
        if (!e->scheduled) {
            e->scheduled = true;
            e->due_ms = ev_now() + waits_ms[0];
        }
        if (e->busy) continue;
        int32_t left = or_ms_diff(ev_now(), e->due_ms);
        if (left < 1) left = 100; /* all places are taken */
        if (least < 0 || left < least) least = left;
    }
    if (least > 0)
        ev_timer_set(&timer, (uint32_t)least);
    else
        ev_timer_stop(&timer);
}

void reconcile_begin(void)
{
    timer.fire = on_timer;
    gate_on_estimate(plan);
    plan();
}

void reconcile_shutdown(void)
{
    gate_on_estimate(NULL);
    ev_timer_stop(&timer);
    for (int i = 0; i < AT_ONCE; i++)
        if (asking[i].f != NULL) fetch_cancel(asking[i].f);
    memset(asking, 0, sizeof asking);
}
