/* Money through the gate: whatever happens in whatever order, no limit is passed, and the ledger
   says what the books say. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <time.h>

#include "proxy/gate.h"
#include "proxy/generations.h"
#include "proxy/ledger.h"
#include "proxy/tally.h"
#include "tests/decide_body.h"

#define NOON 1795262400 /* 2026-11-21, a Saturday, 12:00 UTC */

static time_t unix_now = NOON;

time_t __wrap_time(time_t *t);
time_t __wrap_time(time_t *t)
{
    if (t != NULL) *t = unix_now;
    return unix_now;
}

static uint32_t seed = 7;

static unsigned tokens; /* max_tokens of the next requests; 0: any */

static uint32_t dice(uint32_t sides)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % sides;
}

static unsigned alerts[101];

static void on_alert(const account *a, unsigned percent)
{
    (void)a;
    alerts[percent]++;
}

static void on_durable(uint64_t number)
{
    (void)number;
}

static const gate_hooks hooks = {on_alert, on_durable};

/* ---- settings and states ---- */

#define PROVIDERS                                                                        \
    "[provider direct]\nbase_url=http://127.0.0.1:9/v1\nlist=no\n"                       \
    "[provider openrouter]\nbase_url=http://127.0.0.1:9/v1\nlist=no\n"                   \
    "[endpoint direct m/a]\nprompt=1\ncompletion=2\nmax_completion_tokens=1000\n"        \
    "[endpoint direct m/dear]\nprompt=100\ncompletion=200\nmax_completion_tokens=1000\n" \
    "[endpoint direct m/free]\nprompt=0\ncompletion=0\n"                                 \
    "[endpoint direct m/unknown]\n"                                                      \
    "[endpoint openrouter m/b]\nprompt=3\ncompletion=4\nmax_completion_tokens=1000\n"
#define KEYS                                                                             \
    "[key a]\nkey=env:TEST_A\nlimit=0.05\n"                                              \
    "[key b]\nkey=env:TEST_B\nlimit=0.02\nlimit_reset=daily\ninclude_byok_in_limit=no\n" \
    "[key c]\nkey=env:TEST_C\nfree_requests_per_day=3\n"
#define SCOPES                                                  \
    "[organization]\nlimit=0.2\nlimit_reset=weekly\n"           \
    "[app some]\nmatch=App*\nlimit=0.01\nlimit_reset=monthly\n" \
    "[user each]\nmatch=*\nlimit=0.03\n"

static char  state[64];
static conf *settings;

static void begin(const char *more, const char *rest)
{
    char text[8192];
    snprintf(state, sizeof state, "%s/state", folder());
    (void)mkdir(state, 0700);
    snprintf(text, sizeof text, "state=%s\n%s%s%s", state, more, PROVIDERS, rest);
    start(text);
    settings = market_now()->settings;
    conf_use(settings);
    CHECK(gate_open(settings, state, &hooks, error, sizeof error), error);
}

static void clear_state(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", state);
    if (system(command) != 0) abort();
}

/* The loop never sleeps. */
static ev_io busy;

static void on_busy(ev_io *io, unsigned events)
{
    (void)io;
    (void)events;
}

static void until_durable(uint64_t line)
{
    while (!ledger_has(line)) (void)ev_turn();
}

/* ---- requests ---- */

typedef struct asking {
    asked       a;
    gate_ticket t;
    record      r;
    bool        in_work;
} asking;

static account *who(const char *name)
{
    return name != NULL ? books_find_key(or_str_z(name)) : NULL;
}

/* A request as far as its reservation. The status it is refused with; 0. */
static uint16_t ask(asking *x, const char *key, const char *app, const char *user,
                    const char *model)
{
    static unsigned long number;
    char                 body[512], message[300];
    account             *k = who(key);
    memset(x, 0, sizeof *x);
    snprintf(body, sizeof body,
             "{\"model\":\"%s\",%s%s%s\"max_tokens\":%u,\"messages\":"
             "[{\"role\":\"user\",\"content\":\"hi\"}]}",
             model, user[0] ? "\"user\":\"" : "", user, user[0] ? "\"," : "",
             tokens > 0 ? tokens : (unsigned)(1 + dice(1000)));
    or_arena_init_growing(&x->a.arena, NULL, 0, &mem_allocator);
    or_buf_init_growing(&x->a.body, &mem_allocator, SIZE_MAX);
    or_buf_put_z(&x->a.body, body);
    bool ok = gate_enter(&x->t, k, or_str_z(app), &x->a.arena, &x->a.why);
    if (ok && !facts_read(or_buf_str(&x->a.body), FACTS_CHAT, &x->a.arena, &x->a.f, message,
                          sizeof message))
        abort();
    ok = ok && gate_add_user(&x->t, facts_plain(x->a.f.user, &x->a.arena), &x->a.arena, &x->a.why);
    decide_who by = {k != NULL ? k->key : NULL, gate_is_limited(&x->t), {NULL, 0}};
    ok = ok && decide(&x->a.d, &x->a.f, &by, &x->a.arena, &x->a.why);
    snprintf(x->r.id, sizeof x->r.id, "gen-%lu", ++number);
    ok = ok && gate_reserve(&x->t, &x->a.d, &x->a.f, x->r.id, &x->a.arena, &x->a.why);
    x->r.path = "/chat/completions";
    x->r.d = &x->a.d;
    x->r.f = &x->a.f;
    x->r.end = "error";
    x->in_work = ok;
    return ok ? 0 : x->a.why.e.status;
}

static void leave(asking *x)
{
    gate_leave(&x->t);
    if (x->a.d.m != NULL) decide_end(&x->a.d);
    or_buf_free(&x->a.body);
    or_arena_reset(&x->a.arena);
    x->in_work = false;
}

/* It ends: usage as the provider tells it. */
static uint64_t settle(asking *x, uint64_t prompt, uint64_t completion, bool told)
{
    const or_endpoint *e = &x->a.d.m->catalogue.endpoints[x->a.d.plan.list[0].endpoint];
    or_cost_facts      f;
    memset(&f, 0, sizeof f);
    x->r.num_attempts = 1;
    x->r.attempts[0].endpoint = x->a.d.plan.list[0].endpoint;
    x->r.attempts[0].status = x->r.status = 200;
    x->r.served = true;
    x->r.end = told ? "complete" : "client hung up";
    x->r.usage.set = true;
    x->r.usage.prompt_tokens = prompt;
    x->r.usage.completion_tokens = completion;
    f.estimated = !told;
    or_cost_of(&e->prices, &x->r.usage, &f, &x->r.cost);
    x->r.usage.set = told;
    x->r.byok = x->r.usage.is_byok =
        x->a.d.m->settings->providers[e->target].kind != PROVIDER_OPENROUTER;
    return gate_settle(&x->t, &x->r);
}

/* ---- the books as text ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *dump(void)
{
    static char *lines[512];
    unsigned     num = 0;
    size_t       size = 1;
    for (const account *a = books_next(NULL); a != NULL; a = books_next(a)) {
        or_buf         b;
        or_json_writer w;
        lines[num] = calloc(1, 4096);
        or_buf_init(&b, lines[num++], 4095);
        or_json_writer_init(&w, &b);
        or_json_begin_object(&w);
        books_put(&w, a);
        or_json_end_object(&w);
    }
    for (const tally_row *r = tally_rows(); r != NULL && num < 512; r = r->next) {
        or_buf         b;
        or_json_writer w;
        lines[num] = calloc(1, 1024);
        or_buf_init(&b, lines[num++], 1023);
        or_json_writer_init(&w, &b);
        or_json_begin_object(&w);
        tally_put_row(&w, r);
        or_json_end_object(&w);
    }
    qsort(lines, num, sizeof lines[0], by_text);
    for (unsigned i = 0; i < num; i++) size += strlen(lines[i]) + 1;
    char *text = calloc(1, size);
    for (unsigned i = 0; i < num; i++) {
        strcat(strcat(text, lines[i]), "\n");
        free(lines[i]);
    }
    return text;
}

static void copy_state(const char *from, const char *to)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s && cp -r %s %s", to, from, to);
    if (system(command) != 0) abort();
}

static void check_limits(void)
{
    for (const account *a = books_next(NULL); a != NULL; a = books_next(a)) {
        if (!a->budget.limited) continue;
        CHECK(a->budget.spent_pico_usd + a->budget.reserved_pico_usd <= a->budget.limit_pico_usd,
              "never above its limit");
        CHECK(a->budget.spent_pico_usd >= 0 && a->budget.reserved_pico_usd >= 0,
              "never below nothing");
    }
}

/* ---- live and folded are the same ---- */

enum { IN_WORK = 12 };

static asking works[IN_WORK];

static void step(unsigned *served, unsigned *refused)
{
    static const char *const        keys[] = {"a", "b", "c", NULL},
                             *const apps[] = {"App 1", "App 2", "x", ""},
                             *const users[] = {"u1", "u2", ""},
                             *const models[] = {"m/a", "m/b", "m/dear", "m/free", "m/unknown"};
    asking                         *x = &works[dice(IN_WORK)];
    if (!x->in_work) {
        uint16_t status = ask(x, keys[dice(4)], apps[dice(4)], users[dice(3)], models[dice(5)]);
        if (status == 0) return;
        ++*refused;
        CHECK(status == 402 || status == 429, "a limit, or a price that nobody knows");
        leave(x);
        return;
    }
    switch (dice(5)) {
    case 0: gate_settle(&x->t, &x->r); break; /* nobody was asked */
    case 1: settle(x, 3 + dice(20), 0, false); break;
    default: {
        uint64_t most = x->a.d.request.max_tokens;
        settle(x, 3 + dice(20), 1 + dice((uint32_t)most), true);
        ++*served;
    }
    }
    leave(x);
}

static void leave_all(void)
{
    for (int i = 0; i < IN_WORK; i++)
        if (works[i].in_work) {
            gate_settle(&works[i].t, &works[i].r);
            leave(&works[i]);
        }
}

/* The first line that differs. */
static void print_difference(const char *a, const char *b)
{
    while (*a != 0 && *b != 0) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n) != 0) {
            fprintf(stderr, "  live   %.*s\n  folded %.*s\n", (int)n, a, (int)m, b);
            return;
        }
        a += n + 1;
        b += m + 1;
    }
}

static void test_live_and_folded(void)
{
    unsigned served = 0, refused = 0;
    char     copy[80];
    clear_state();
    begin("ledger_sync=1h\n", KEYS SCOPES);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 60; i++) {
            step(&served, &refused);
            check_limits();
            if (dice(4) == 0) unix_now += dice(7200);
            /* somebody sets the clock back: what was seen of later days is in no line */
            if (round >= 30 && dice(100) == 0) unix_now -= 90000;
        }
        if (round % 3 == 0) unix_now += 86400 * (time_t)(1 + dice(10));
        leave_all();
        for (account *a = books_next(NULL); a != NULL; a = books_next(a))
            books_clock(a, now_ms, (or_wall){true, unix_now});
        char *live = dump();
        gate_close();
        CHECK(gate_open(settings, state, &hooks, error, sizeof error), error);
        for (account *a = books_next(NULL); a != NULL; a = books_next(a))
            books_clock(a, now_ms, (or_wall){true, unix_now});
        char *folded = dump();
        bool  same = round >= 30 || strcmp(live, folded) == 0;
        CHECK(same, "the ledger says what the books say");
        if (!same) print_difference(live, folded);
        free(live);
        free(folded);
    }
    CHECK(served > 200 && refused > 100, "both happened");
    CHECK(alerts[50] > 0 && alerts[80] > 0 && alerts[100] > 0, "alerts");
    gate_close();
    /* and so it does when it is read back from a copy, with every line folded twice over segments
     */
    snprintf(copy, sizeof copy, "%s/copy", folder());
    copy_state(state, copy);
    CHECK(gate_open(settings, copy, &hooks, error, sizeof error), error);
    gate_close();
}

/* A crash with requests in work: each is charged its worst, once. */
static void test_crash(void)
{
    char    crashed[80];
    asking  x, y;
    int64_t reserved;
    clear_state();
    begin("", KEYS);
    tokens = 200;
    CHECK(ask(&x, "a", "", "", "m/dear") == 0, "the first");
    CHECK(ask(&y, "a", "", "", "m/b") == 0, "the second");
    reserved = x.t.pico;
    until_durable(x.t.line);
    until_durable(y.t.line);
    gate_started(&y.t, &settings->providers[1], OR_STR("gen-theirs"));
    until_durable(settle(&x, 10, 10, true));
    int64_t spent = who("a")->budget.spent_pico_usd;
    CHECK(spent == 10 * 100000000ll + 10 * 200000000ll && reserved > spent, "settled");
    snprintf(crashed, sizeof crashed, "%s/crashed", folder());
    copy_state(state, crashed);
    int64_t open = y.t.pico;
    leave(&x);
    leave(&y);
    gate_close();
    for (int i = 0; i < 2; i++) {
        CHECK(gate_open(settings, crashed, &hooks, error, sizeof error), error);
        CHECK(who("a")->budget.spent_pico_usd == spent + open,
              "the one that was open, at its worst");
        CHECK(gate_estimates() != NULL && strcmp(gate_estimates()->upstream_id, "gen-theirs") == 0,
              "its provider can be asked");
        if (i == 0) gate_close();
    }
    gate_adjust(gate_estimates(), 77, 0, "as told");
    CHECK(who("a")->budget.spent_pico_usd == spent + 77 && gate_estimates() == NULL, "corrected");
    gate_close();
    CHECK(gate_open(settings, crashed, &hooks, error, sizeof error), error);
    CHECK(who("a")->budget.spent_pico_usd == spent + 77 && gate_estimates() == NULL, "for good");
    gate_close();
}

/* What a provider told later, of yesterday and of today, in limits with and without what others
 * bill. */
static void test_adjust(void)
{
    asking x;
    clear_state();
    begin("", KEYS);
    tokens = 100;
    time_t then = unix_now;
    for (int day = 0; day < 2; day++) {
        unix_now = then + day * 86400;
        CHECK(ask(&x, "b", "", "", "m/b") == 0, "a key that leaves out what others bill");
        gate_started(&x.t, &settings->providers[1], OR_STR("gen-theirs"));
        (void)settle(&x, 1000, 100, false);
        leave(&x);
    }
    const account *b = who("b");
    int64_t        one = 1000 * 3000000ll + 100 * 4000000ll;
    CHECK(b->own.total == 2 * one && b->own.day == one && b->budget.spent_pico_usd == one,
          "guessed");
    gate_estimate *today = gate_estimates(), *yesterday = today->next;
    gate_adjust(yesterday, 5, 0, "less"); /* its window is over */
    CHECK(b->own.total == one + 5 && b->own.day == one && b->budget.spent_pico_usd == one,
          "yesterday's");
    gate_adjust(today, 7, 0, "less");
    CHECK(b->own.total == 12 && b->own.day == 7 && b->budget.spent_pico_usd == 7, "today's");
    char *live = dump();
    gate_close();
    CHECK(gate_open(settings, state, &hooks, error, sizeof error), error);
    char *folded = dump();
    CHECK(strcmp(live, folded) == 0, "the ledger says what the books say");
    if (strcmp(live, folded) != 0) print_difference(live, folded);
    free(live);
    free(folded);
    CHECK(ask(&x, NULL, "", "", "m/b") == 0, "another");
    gate_started(&x.t, &settings->providers[1], OR_STR("gen-theirs"));
    (void)settle(&x, 10, 1, false);
    leave(&x);
    gate_adjust(gate_estimates(), INT64_MAX, INT64_MAX, "absurd");
    CHECK(books_organization()->budget.spent_pico_usd > (int64_t)1 << 61, "never free");
    gate_close();
    CHECK(gate_open(settings, state, &hooks, error, sizeof error) && ledger_status() == LEDGER_OK,
          error);
    gate_close();
    unix_now = then;
}

static unsigned num_estimates(void)
{
    unsigned n = 0;
    for (const gate_estimate *e = gate_estimates(); e != NULL; e = e->next) n++;
    return n;
}

/* The line of an estimate is the last of its segment: the next one knows of it. */
static void test_estimate_at_the_end(void)
{
    asking       x;
    ledger_facts f;
    clear_state();
    begin("", KEYS);
    tokens = 10;
    for (int i = 0; i < 5000; i++) {
        ledger_tell(&f);
        if (f.segment > 1) break;
        bool guessed = f.bytes > LEDGER_SEGMENT - 8000;
        CHECK(ask(&x, NULL, "", "", "m/b") == 0, "asked");
        if (guessed) gate_started(&x.t, &settings->providers[1], OR_STR("gen-theirs"));
        (void)settle(&x, 10, 1, !guessed);
        leave(&x);
        (void)ev_turn();
    }
    unsigned live = num_estimates();
    CHECK(f.segment == 2 && live > 2, "a segment that ends in an estimate");
    gate_close();
    CHECK(gate_open(settings, state, &hooks, error, sizeof error), error);
    CHECK(num_estimates() == live, "none is forgotten");
    gate_close();
}

/* Parallel requests: as many as can be paid for go through. */
static void test_parallel(void)
{
    static asking all[64];
    unsigned      good = 0;
    clear_state();
    begin("", "[key a]\nkey=env:TEST_A\nlimit=0.0201\n");
    tokens = 10;
    for (int i = 0; i < 64;
         i++) { /* each may cost 10 completion tokens of 0.0002 USD, and its bytes */
        asking  *x = &all[i];
        uint16_t status = ask(x, "a", "", "", "m/dear");
        if (status == 0)
            good++;
        else
            CHECK(status == 402 && strcmp(x->a.why.e.limit_source, "key") == 0, "the key's limit");
        check_limits();
    }
    int64_t each = all[0].t.pico;
    CHECK(good == 20100000000 / each && good > 0, "exactly those it can pay for");
    for (int i = 0; i < 64; i++) leave(&all[i]);
    CHECK(who("a")->budget.reserved_pico_usd == 0 && who("a")->concurrent == 0,
          "all is given back");
    gate_close();
}

/* A month of a flash chip's life in totals: 10,000 requests a day. */
static void test_totals(void)
{
    static const char *const keys[] = {"k1", "k2", "k3", "k4"}, *const models[] = {"m/a", "m/b",
                                                                                   "m/dear"};
    ledger_facts before, after;
    asking       x;
    clear_state();
    begin("ledger=totals\n",
          "[key k1]\nkey=env:TEST_A\nlimit=1000\nlimit_reset=daily\n"
          "[key k2]\nkey=env:TEST_B\nlimit=1000\nlimit_reset=monthly\n[key k3]\nkey=env:TEST_C\n"
          "[key k4]\nkey=env:TEST_D\n");
    unix_now = NOON + 10 * 86400;
    ledger_tell(&before);
    for (int i = 0; i < 10000; i++) {
        unix_now = NOON + 10 * 86400 + i * 864 / 100;
        now_ms += 8640;
        CHECK(ask(&x, keys[dice(4)], i % 2 ? "Open WebUI" : "Home Assistant", "",
                  models[dice(3)]) == 0,
              "served");
        (void)settle(&x, 10 + dice(1000), 1 + dice(500), true);
        leave(&x);
        (void)ev_turn();
    }
    until_durable(UINT64_MAX > 0 ? ledger_durable() : 0);
    for (int i = 0; i < 50; i++) (void)ev_turn();
    ledger_tell(&after);
    uint64_t bytes = after.bytes - before.bytes;
    printf("ledger = totals: %llu bytes for 10,000 requests in a day\n", (unsigned long long)bytes);
    CHECK(bytes > 10000 && bytes < 1000 * 1000, "under 1 MB");
    tokens = 0;
    /* a crash now charges no more than what was leased */
    char    crashed[80];
    int64_t spent[2] = {who("k1")->budget.spent_pico_usd, who("k2")->budget.spent_pico_usd};
    snprintf(crashed, sizeof crashed, "%s/crashed", folder());
    copy_state(state, crashed);
    char *live = dump();
    gate_close();
    CHECK(gate_open(settings, crashed, &hooks, error, sizeof error), error);
    for (int i = 0; i < 2; i++) {
        const account *a = who(keys[i]);
        CHECK(a->budget.spent_pico_usd >= spent[i], "nothing is free");
        CHECK(a->budget.spent_pico_usd <=
                  spent[i] + a->budget.limit_pico_usd / 20 + a->budget.limit_pico_usd / 100,
              "and not much more is charged");
    }
    gate_close();
    CHECK(gate_open(settings, state, &hooks, error, sizeof error), error);
    char *folded = dump();
    /* leases end with a clean close: all else is the same */
    CHECK(who("k1")->budget.spent_pico_usd == spent[0] && who("k3")->own.total > 0, "a clean end");
    free(live);
    free(folded);
    gate_close();
}

/* Other settings while requests run, as a reload has them. */
static void reload(const char *more, const char *rest)
{
    char text[8192];
    snprintf(text, sizeof text, "state=%s\n%s%s%s", state, more, PROVIDERS, rest);
    conf *c = settings_of(text);
    CHECK(market_make(c, error, sizeof error) && gate_follow(c), error);
    conf_use(c);
    settings = market_now()->settings;
    conf_drop(c);
}

static int64_t spent_by(const char *key)
{
    return who(key)->budget.spent_pico_usd;
}

/* Close, or crash as if everything were on disk, and begin again. */
static void again(bool crash, asking *open)
{
    char crashed[80];
    snprintf(crashed, sizeof crashed, "%s/crashed", folder());
    if (crash) {
        ledger_facts f;
        ledger_tell(&f);
        until_durable(f.number);
        copy_state(state, crashed);
    }
    if (open != NULL) leave(open);
    gate_close();
    CHECK(gate_open(settings, crash ? crashed : state, &hooks, error, sizeof error), error);
}

/* ledger = full, totals, full, with a request in work over each change: all of it is in the books,
   and nothing twice. */
static void test_modes(void)
{
    asking x, y;
    for (int crash = 0; crash < 2; crash++) {
        clear_state();
        begin("", KEYS);
        tokens = 100;
        CHECK(ask(&x, "a", "", "", "m/a") == 0, "told by its reservation");
        reload("ledger=totals\n", KEYS);
        until_durable(settle(&x, 10, 10, true));
        leave(&x);
        int64_t one = spent_by("a");
        again(crash == 1, NULL);
        CHECK(one > 0 && spent_by("a") >= one && spent_by("a") <= one + 50000000000 / 20,
              "from full");
        CHECK(crash == 1 || spent_by("a") == one, "and not charged twice");
        gate_close();

        clear_state();
        begin("ledger=totals\n", KEYS);
        CHECK(ask(&x, "a", "", "", "m/a") == 0 && ask(&y, "a", "", "", "m/a") == 0, "from a lease");
        (void)settle(&x, 10, 10, true);
        leave(&x);
        CHECK(ask(&x, NULL, "", "", "m/a") == 0, "without limit");
        (void)settle(&x, 10, 10, true);
        leave(&x);
        reload("", KEYS);
        int64_t open = y.t.pico, spent = spent_by("a"), all = books_organization()->byok.total;
        CHECK(spent > 0 && all == 2 * spent, "spent");
        if (crash == 0) {
            (void)settle(&y, 10, 10, true);
            spent += one;
            all += one;
        } else {
            spent += open; /* at its worst */
            all += open;
        }
        again(crash == 1, &y);
        CHECK(spent_by("a") == spent, "what was spent from the lease, no more and no less");
        CHECK(books_organization()->byok.total == all, "and without one");
        gate_close();
    }
}

/* Leases hold for users whom nothing but the lease tells of, and over the end of a window in which
   nothing was spent yet. */
static void test_leases(void)
{
    asking x;
    clear_state();
    begin("ledger=totals\n", "[user each]\nmatch=*\nlimit=1\n");
    tokens = 100;
    CHECK(ask(&x, NULL, "", "bob", "m/dear") == 0, "asked");
    until_durable(x.t.line);
    (void)settle(&x, 10, 100, true);
    int64_t spent = x.t.who[2]->budget.spent_pico_usd;
    leave(&x);
    again(true, NULL);
    CHECK(ask(&x, NULL, "", "bob", "m/dear") == 0, "asked");
    CHECK(x.t.who[2]->budget.spent_pico_usd >= spent && spent > 0,
          "a user's spending is not forgotten");
    leave(&x);
    gate_close();

    clear_state();
    begin("ledger=totals\n", "[key a]\nkey=env:TEST_A\nlimit=1\nlimit_reset=daily\n");
    CHECK(ask(&x, "a", "", "", "m/dear") == 0, "before midnight");
    leave(&x); /* it came to nothing */
    unix_now += 86400;
    CHECK(ask(&x, "a", "", "", "m/dear") == 0, "after it");
    until_durable(x.t.line);
    (void)settle(&x, 10, 100, true);
    spent = spent_by("a");
    leave(&x);
    again(true, NULL);
    books_clock(who("a"), now_ms, (or_wall){true, unix_now});
    CHECK(spent > 0 && spent_by("a") >= spent, "the lease is of the new window");
    gate_close();
}

/* free_requests_per_day: a model that costs something beside the free one is no way around it. */
static void test_free_beside_others(void)
{
    asking x;
    clear_state();
    begin("", KEYS);
    tokens = 10;
    for (int i = 0; i < 3; i++) {
        CHECK(ask(&x, "c", "", "u\",\"models\":[\"m/a\"],\"x\":\"", "m/free") == 0,
              "the free one first");
        CHECK(x.a.d.plan.num == 2, "and another");
        (void)settle(&x, 10, 1, true);
        leave(&x);
    }
    CHECK(who("c")->free_used == 3, "counted");
    CHECK(ask(&x, "c", "", "", "m/free") == 429, "used up");
    leave(&x);
    CHECK(ask(&x, "c", "", "u\",\"models\":[\"m/a\"],\"x\":\"", "m/free") == 0,
          "the other one is left");
    CHECK(x.a.d.plan.num == 1, "alone");
    (void)settle(&x, 10, 1, true);
    CHECK(x.r.cost.pico_usd > 0, "and it costs");
    leave(&x);
    unix_now += 86400;
    CHECK(ask(&x, "c", "", "u\",\"models\":[\"m/free\"],\"x\":\"", "m/a") == 0,
          "the other way round");
    CHECK(who("c")->free_used == 1, "perhaps");
    (void)settle(&x, 10, 1, true);
    CHECK(who("c")->free_used == 0 && x.r.cost.pico_usd > 0, "it was not");
    leave(&x);
    again(false, NULL);
    CHECK(ask(&x, "c", "", "", "m/free") == 0 && who("c")->free_used == 1, "and so in the ledger");
    leave(&x);
    gate_close();
}

static char    woken[16];
static asking *waits[6];

/* Who is called notes its letter; c takes d out of the queue, as a client that hangs up does. */
static void on_reserved(void *owner, bool ok)
{
    asking *x = owner;
    size_t  n = strlen(woken);
    for (unsigned i = 0; i < 6; i++)
        if (waits[i] == x && n + 1 < sizeof woken) woken[n] = (char)((ok ? 'a' : 'A') + (int)i);
    if (x == waits[2]) leave(waits[3]);
}

/* Reservations are answered in their order, each once, and not those that left. */
static void test_waiting(void)
{
    static asking x[6];
    begin("", KEYS SCOPES);
    tokens = 10;
    for (unsigned i = 0; i < 6; i++) {
        waits[i] = &x[i];
        CHECK(ask(&x[i], "a", "", "", "m/a") == 0, "reserved");
        CHECK(!gate_wait(&x[i].t, on_reserved, &x[i]), "it waits for the disk");
    }
    leave(&x[0]); /* the first, the last */
    leave(&x[5]);
    while (x[4].t.ready != NULL) (void)ev_turn();
    CHECK(strcmp(woken, "bce") == 0, woken);
    CHECK(gate_wait(&x[4].t, on_reserved, &x[4]), "it is there already");
    for (unsigned i = 1; i < 5; i++)
        if (x[i].in_work) leave(&x[i]);
    memset(woken, 0, sizeof woken);
    CHECK(ask(&x[0], "a", "", "", "m/a") == 0 && ask(&x[1], "a", "", "", "m/a") == 0, "again");
    uint64_t line = x[0].t.line;
    x[0].t.line = x[1].t.line; /* as if the second had a lease of before */
    x[1].t.line = line;
    CHECK(!gate_wait(&x[0].t, on_reserved, &x[0]) && !gate_wait(&x[1].t, on_reserved, &x[1]), "wait");
    while (x[0].t.ready != NULL || x[1].t.ready != NULL) (void)ev_turn();
    CHECK(strcmp(woken, "ba") == 0, woken);
    leave(&x[0]);
    leave(&x[1]);
    memset(woken, 0, sizeof woken);
    tokens = 0;
    gate_close();
    clear_state();
}

/* Without a clock, or with a ledger that cannot be written, who has such a limit is refused. */
static void test_fail_closed(void)
{
    asking x;
    clear_state();
    begin("", KEYS "[key old]\nkey=env:TEST_D\nexpires_at=2030-01-01\n");
    time_t then = unix_now;
    unix_now = 978307200; /* what some boards say without a battery */
    CHECK(ask(&x, "b", "", "", "m/a") == 503 && x.a.why.retry_after_s > 0, "a daily limit");
    or_str told = x.a.why.e.message;
    CHECK(or_str_find(told, OR_STR("(it says 2001-01-01)"), 0) < told.len, "what the clock says");
    leave(&x);
    CHECK(ask(&x, "old", "", "", "m/a") == 503, "a date");
    leave(&x);
    CHECK(ask(&x, "a", "", "", "m/a") == 0, "a limit for life needs no date");
    leave(&x);
    CHECK(ask(&x, "c", "", "", "m/a") == 503, "free requests by day");
    leave(&x);
    CHECK(ask(&x, NULL, "", "", "m/a") == 0, "nobody's limit");
    leave(&x);
    unix_now = then;
    gate_close();
}

/* Counts that cannot be: never free, never a crash. */
static void test_odd_usage(void)
{
    static const uint64_t counts[] = {
        0, 1, (uint64_t)1 << 31, (uint64_t)1 << 62, (uint64_t)1 << 63, UINT64_MAX};
    asking x;
    clear_state();
    begin("", KEYS);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        CHECK(ask(&x, NULL, "", "", "m/a") == 0, "asked");
        x.r.usage.cached_tokens = counts[i];
        x.r.usage.reasoning_tokens = counts[i];
        until_durable(settle(&x, counts[i], counts[i] / 2, true));
        CHECK(counts[i] == 0 || x.r.cost.pico_usd > 0, "not free");
        leave(&x);
    }
    CHECK(books_organization()->byok.total == INT64_MAX, "it saturates");
    gate_close();
    CHECK(gate_open(settings, state, &hooks, error, sizeof error) && ledger_status() == LEDGER_OK,
          error);
    CHECK(books_organization()->byok.total == INT64_MAX, "and is read again");
    gate_close();
}

int main(void)
{
    setenv("TEST_A", "sk-a", 1);
    setenv("TEST_B", "sk-b", 1);
    setenv("TEST_C", "sk-c", 1);
    setenv("TEST_D", "sk-d", 1);
    mem_set_limit(256 << 20);
    log_mute();
    busy.fd = eventfd(1, EFD_NONBLOCK);
    busy.ready = on_busy;
    if (!ev_open(64) || !ev_add(&busy, EV_READ)) abort();
    snprintf(state, sizeof state, "%s/state", folder());
    test_live_and_folded();
    test_crash();
    test_adjust();
    test_estimate_at_the_end();
    test_parallel();
    test_totals();
    test_modes();
    test_leases();
    test_free_beside_others();
    test_waiting();
    test_fail_closed();
    test_odd_usage();
    market_shutdown();
    conf_use(NULL);
    generations_clear();
    ev_remove(&busy);
    close(busy.fd);
    ev_finish();
    ev_close();
    remove_folder();
    TEST_MAIN_END("test_gate");
}
