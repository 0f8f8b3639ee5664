/* Accounts, rules of keys, rates, sums and the chain: what the books are made of. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include "proxy/books.h"
#include "proxy/chain.h"
#include "proxy/clock.h"
#include "proxy/mem.h"
#include "proxy/tally.h"
#include "tests/test.h"

#define DAY  86400
#define NOON 1795262400 /* 2026-11-21, a Saturday, 12:00 UTC */

static or_wall at(int64_t unix_s)
{
    or_wall w = {true, unix_s};
    return w;
}

/* ---- chain ---- */

static void test_chain(void)
{
    char   mem[2048];
    or_buf b;
    chain  c, d;
    or_buf_init(&b, mem, sizeof mem);
    chain_begin(&c);
    for (int i = 1; i <= 3; i++) {
        size_t from = b.len;
        or_buf_put_z(&b, "{\"n\":");
        or_buf_put_u64(&b, (uint64_t)i);
        CHECK_ERR(chain_seal(&c, &b, from), OR_OK, "seal");
    }
    chain_begin(&d);
    or_str rest = or_buf_str(&b);
    size_t lines[4] = {0};
    for (int i = 0; i < 3; i++) {
        size_t n = or_str_find(rest, OR_STR("\n"), 0);
        lines[i + 1] = lines[i] + n + 1;
        CHECK_ERR(chain_check(&d, or_str_of(rest.ptr, n)), OR_OK, "check");
        rest = or_str_of(rest.ptr + n + 1, rest.len - n - 1);
    }
    CHECK(strcmp(c.hash, d.hash) == 0, "both are at the same place");
    /* each byte of the second line changed, and the line left out */
    for (size_t i = lines[1]; i + 1 < lines[2]; i++) {
        mem[i] ^= 1;
        chain_begin(&d);
        (void)chain_check(&d, or_str_of(mem, lines[1] - 1));
        CHECK(chain_check(&d, or_str_of(mem + lines[1], lines[2] - lines[1] - 1)) != OR_OK,
              "changed");
        mem[i] ^= 1;
    }
    chain_begin(&d);
    (void)chain_check(&d, or_str_of(mem, lines[1] - 1));
    chain before = d;
    CHECK_ERR(chain_check(&d, or_str_of(mem + lines[2], lines[3] - lines[2] - 1)), OR_ERR_ARG,
              "left out");
    CHECK(memcmp(&before, &d, sizeof d) == 0, "a bad line does not move it");
    CHECK_ERR(chain_check(&d, OR_STR("")), OR_ERR_JSON, "empty");
    CHECK_ERR(chain_check(&d, OR_STR("{\"n\":1}")), OR_ERR_JSON, "no hash");
    char hex[CHAIN_HASH + 1];
    chain_hash_text(OR_STR("abc"), hex); /* FIPS 180-4 */
    CHECK(strcmp(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0,
          hex);
}

/* ---- rate ---- */

/* In no 60 seconds more than the limit, whatever the pattern; and what waits long enough passes. */
static void test_rate(void)
{
    enum { LIMIT = 7, EVENTS = 4000 };
    static uint32_t when[EVENTS];
    uint32_t        seed = 1, now = UINT32_MAX - 100000; /* over the wrap */
    unsigned        num = 0, first = 0;
    rate            r;
    memset(&r, 0, sizeof r);
    for (int i = 0; i < EVENTS; i++) {
        seed = seed * 1103515245u + 12345u;
        now += seed >> 16 & 8191;
        if (rate_sum(&r, now) >= LIMIT) {
            uint32_t wait = rate_wait_ms(&r, now, LIMIT - 1);
            CHECK(wait >= 1 && wait <= RATE_SLOTS * RATE_SLOT_MS, "a wait that ends");
            if (i % 3 != 0) continue;
            rate early = r, late = r;
            CHECK(wait == 1 || rate_sum(&early, now + wait - 1) >= LIMIT, "no sooner");
            CHECK(rate_sum(&late, now + wait) < LIMIT, "then it passes");
            now += wait;
        }
        rate_add(&r, now, 1);
        when[num++] = now;
        while (or_ms_diff(when[first], now) >= 60000) first++;
        CHECK(num - first <= LIMIT, "never more in 60 s");
    }
    CHECK(num > 1000, "it lets pass");
    memset(&r, 0, sizeof r);
    rate_add(&r, 5, UINT64_MAX);
    rate_add(&r, 5, 1);
    CHECK(rate_sum(&r, 5) == UINT32_MAX, "it saturates");
    CHECK(rate_sum(&r, 5 + RATE_SLOTS * RATE_SLOT_MS) == 0, "and is over");
    for (uint32_t days = 1; days < 49; days++) { /* or_ms_diff tells 24 days apart, not more */
        memset(&r, 0, sizeof r);
        rate_add(&r, now, LIMIT);
        CHECK(rate_sum(&r, now + days * 86400000u) == 0, "however long it was not used");
    }
}

/* ---- rules ---- */

static keys_rules *rules_of(const conf_key *base, const char *json, char error[200])
{
    or_arena    arena;
    or_json_doc doc;
    error[0] = 0;
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    CHECK_ERR(or_json_parse(&doc, or_str_z(json), 0, &arena), OR_OK, json);
    static const char *const also[] = {"external", NULL};
    keys_rules              *r = keys_read(base, &doc, 0, also, error, 200);
    or_arena_reset(&arena);
    return r;
}

static void check_json(const conf_key *k, bool all, const char *want)
{
    char           mem[4096];
    or_buf         b;
    or_json_writer w;
    or_buf_init(&b, mem, sizeof mem);
    or_json_writer_init(&w, &b);
    or_json_begin_object(&w);
    keys_put(&w, k, all);
    or_json_end_object(&w);
    CHECK_ERR(or_json_writer_end(&w), OR_OK, want);
    CHECK_STR(or_buf_str(&b), or_str_z(want), "rules as JSON");
}

static void test_rules(void)
{
    static const struct {
        const char *json, *error;
    } bad[] = {
        {"[]", "use a JSON object"},
        {"{}", "name is missing"},
        {"{\"name\":null}", "name: it cannot be null"},
        {"{\"name\":\"\"}", "name: use 1 to 128 bytes of text without control characters"},
        {"{\"name\":\"a\\nb\"}", "name: use 1 to 128 bytes of text without control characters"},
        {"{\"name\":5}", "name: use a string"},
        {"{\"name\":\"a\",\"limit\":-1}",
         "limit: use USD as a number from 0 to 1000000 with at most 12 decimals, or null"},
        {"{\"name\":\"a\",\"limit\":1e30}",
         "limit: use USD as a number from 0 to 1000000 with at most 12 decimals, or null"},
        {"{\"name\":\"a\",\"limit\":1000000.01}",
         "limit: use USD as a number from 0 to 1000000 with at most 12 decimals, or null"},
        {"{\"name\":\"a\",\"limit\":\"5\"}",
         "limit: use USD as a number from 0 to 1000000 with at most 12 decimals, or null"},
        {"{\"name\":\"a\",\"limit\":1e-13}",
         "limit: use USD as a number from 0 to 1000000 with at most 12 decimals, or null"},
        {"{\"name\":\"a\",\"limit_reset\":\"hourly\"}",
         "limit_reset: use \"daily\", \"weekly\", \"monthly\" or null"},
        {"{\"name\":\"a\",\"expires_at\":\"2026-12-31T23:59Z\"}",
         "expires_at: use a time in UTC with seconds, such as \"2026-12-31T23:59:59Z\", or null"},
        {"{\"name\":\"a\",\"disabled\":1}", "disabled: use true or false"},
        {"{\"name\":\"a\",\"disabled\":null}", "disabled: it cannot be null"},
        {"{\"name\":\"a\",\"requests_per_minute\":0}",
         "requests_per_minute: use a whole number from 1 on, or null"},
        {"{\"name\":\"a\",\"max_concurrent\":1.5}",
         "max_concurrent: use a whole number from 1 on, or null"},
        {"{\"name\":\"a\",\"tokens_per_minute\":9223372036854775808}",
         "tokens_per_minute: use a whole number from 1 on, or null"},
        {"{\"name\":\"a\",\"models\":\"x\"}", "models: use an array of strings"},
        {"{\"name\":\"a\",\"models\":[5]}", "models: use a string"},
        {"{\"name\":\"a\",\"limits\":5}", "limits: this member is not known here"},
        {"{\"name\":\"a\",\"key\":\"sk-mine\"}", "key: this member is not known here"},
    };
    char error[200];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        keys_rules *r = rules_of(NULL, bad[i].json, error);
        CHECK(r == NULL, bad[i].json);
        CHECK_STR(or_str_z(error), or_str_z(bad[i].error), bad[i].json);
        keys_free(r);
    }
    keys_rules *r =
        rules_of(NULL,
                 "{\"name\":\"T\\u00e9st\",\"limit\":0.5,\"limit_reset\":\"weekly\","
                 "\"external\":{\"user\":\"x\"},\"models\":[\"a/*\",\"b\"],\"tags\":[\"t\"],"
                 "\"max_concurrent\":3,\"include_byok_in_limit\":false,"
                 "\"expires_at\":\"2026-12-31T23:59:59Z\",\"preset\":\"p\"}",
                 error);
    CHECK(r != NULL, error);
    if (r == NULL) return;
    check_json(
        &r->key, false,
        "{\"name\":\"T\xc3\xa9st\",\"limit\":0.5,\"limit_reset\":\"weekly\","
        "\"include_byok_in_limit\":false,\"expires_at\":\"2026-12-31T23:59:59Z\","
        "\"max_concurrent\":3,\"models\":[\"a/*\",\"b\"],\"tags\":[\"t\"],\"preset\":\"p\"}");
    keys_rules *s = rules_of(&r->key, "{\"limit\":null,\"models\":[],\"name\":\"n\"}", error);
    CHECK(s != NULL, error);
    keys_free(r); /* the second is on its own */
    if (s == NULL) return;
    check_json(&s->key, true,
               "{\"name\":\"n\",\"disabled\":false,\"limit\":null,\"limit_reset\":null,"
               "\"include_byok_in_limit\":false,\"expires_at\":\"2026-12-31T23:59:59Z\","
               "\"requests_per_minute\":null,\"tokens_per_minute\":null,\"max_concurrent\":3,"
               "\"free_requests_per_day\":null,\"max_cost_per_request\":null,"
               "\"max_tokens_per_request\":null,\"models\":[],\"providers\":[],\"tags\":[\"t\"],"
               "\"preset\":\"p\"}");
    keys_free(s);
    CHECK(mem_used() == 0, "all is given back");
}

/* ---- accounts ---- */

static account *new_key(const char *secret, const char *json)
{
    char        error[200];
    keys_rules *r = rules_of(NULL, json, error);
    if (r == NULL) abort();
    chain_hash_text(or_str_z(secret), r->key.id);
    account *a = books_put_key(r, NOON);
    if (a == NULL) abort();
    return a;
}

static void charge(account *a, int64_t own, int64_t byok)
{
    or_reservation r;
    memset(&r, 0, sizeof r);
    CHECK_ERR(or_budget_reserve(&a->budget, &r, 0, 0), OR_OK, "reserve");
    or_budget_settle(&a->budget, &r, books_share(a, own + byok, byok));
    books_spend(a, own, byok);
}

static void test_keys(void)
{
    const char *id_of_nobody = "0";
    char        id[65];
    CHECK(books_begin(), "memory");
    CHECK(!books_have_keys() && books_find_key(OR_STR("kitchen")) == NULL, "none at first");
    CHECK(!books_know_secrets(), "nothing to compare with");
    books_set_management(id_of_nobody);
    CHECK(books_know_secrets() && !books_have_keys(), "but that of the management key");
    books_set_management("");
    account *a = new_key("sk-1", "{\"name\":\"kitchen\"}"),
            *b = new_key("sk-2", "{\"name\":\"shop\"}");
    account *twin = new_key("sk-3", "{\"name\":\"shop\"}");
    CHECK(books_have_keys(), "now there are");
    chain_hash_text(OR_STR("sk-1"), id);
    CHECK(books_key_of(id) == a && books_key(or_str_z(id)) == a, "by its hash");
    CHECK(books_find_key(OR_STR("kitchen")) == a, "by its name");
    CHECK(books_find_key(OR_STR("shop")) == NULL, "a name of two");
    CHECK(books_find_key(or_str_of(b->id, 8)) == b, "by the beginning of its id");
    CHECK(books_find_key(or_str_of(b->id, 7)) == NULL, "which has 8 digits or more");
    books_delete_key(twin, NOON);
    CHECK(books_find_key(OR_STR("shop")) == b, "the deleted one does not count");
    chain_hash_text(OR_STR("sk-3"), id);
    CHECK(books_key_of(id) == NULL && books_key(or_str_z(id)) == twin, "it opens nothing");
    books_hold(a); /* a request looks at its rules while they change */
    const conf_key *old = a->key;
    char            error[200];
    keys_rules     *r = rules_of(a->key, "{\"name\":\"hall\"}", error);
    memcpy(r->key.id, a->id, 65);
    CHECK(books_put_key(r, NOON + 5) == a && a->updated_at == NOON + 5, "changed");
    CHECK(strcmp(old->name, "kitchen") == 0 && strcmp(a->key->name, "hall") == 0, "both are there");
    books_drop(a);
    books_end();
    CHECK(mem_used() == 0, "all is given back");
}

/* Windows and calendars, at UTC borders. */
static void test_windows(void)
{
    CHECK(books_begin(), "memory");
    account *a = new_key("sk-1", "{\"name\":\"k\",\"limit\":1,\"limit_reset\":\"weekly\"}");
    books_clock(a, 0, at(NOON));
    charge(a, 100, 20);
    CHECK(a->own.day == 100 && a->byok.week == 20 && a->budget.spent_pico_usd == 120, "counted");
    books_clock(a, 0, at(NOON + DAY / 2 - 1));
    CHECK(a->own.day == 100, "the last second of the day");
    books_clock(a, 0, at(NOON + DAY / 2));
    CHECK(a->own.day == 0 && a->own.week == 100 && a->budget.spent_pico_usd == 120, "Sunday");
    charge(a, 5, 0);
    books_clock(a, 0, at(NOON + 3 * DAY / 2));
    CHECK(a->own.week == 0 && a->own.month == 105 && a->budget.spent_pico_usd == 0, "Monday");
    charge(a, 7, 0);
    books_clock(a, 0, at(NOON)); /* the clock is set back: nothing begins anew */
    CHECK(a->own.day == 7 && a->budget.spent_pico_usd == 7, "set back");
    books_clock(a, 0, at(1796083200)); /* 2026-12-01 */
    CHECK(a->own.month == 0 && a->own.total == 112 && a->byok.total == 20, "another month");
    or_wall unknown = {false, 0};
    charge(a, 9, 0);
    books_clock(a, 0, unknown);
    CHECK(a->own.day == 9 && a->budget.spent_pico_usd == 9, "without a clock nothing begins anew");
    books_end();
}

static void test_limits_change(void)
{
    char error[200];
    CHECK(books_begin(), "memory");
    account *a = new_key("sk-1", "{\"name\":\"k\",\"limit\":1}");
    books_clock(a, 0, at(NOON - 3 * DAY));
    charge(a, 1000, 0);
    books_clock(a, 0, at(NOON));
    charge(a, 30, 4);
    CHECK(a->budget.spent_pico_usd == 1034, "for its life");
    keys_rules *r = rules_of(a->key, "{\"limit_reset\":\"daily\",\"limit\":2}", error);
    memcpy(r->key.id, a->id, 65);
    (void)books_put_key(r, NOON);
    CHECK(a->budget.spent_pico_usd == 34 && a->budget.limit_pico_usd == 2000000000000, "today's");
    r = rules_of(a->key, "{\"include_byok_in_limit\":false}", error);
    memcpy(r->key.id, a->id, 65);
    (void)books_put_key(r, NOON);
    CHECK(a->budget.spent_pico_usd == 30 && books_share(a, 10, 4) == 6, "without what others bill");
    r = rules_of(a->key, "{\"limit\":null}", error);
    memcpy(r->key.id, a->id, 65);
    (void)books_put_key(r, NOON);
    CHECK(!a->budget.limited && or_budget_left(&a->budget) == INT64_MAX, "none");
    books_correct(a, -1000, 0, NOON - 40 * DAY);
    books_end();
}

/* What an account says of itself makes the same account. */
static void test_fold(void)
{
    char           mem[8192], again[8192];
    or_buf         b;
    or_json_writer w;
    or_arena       arena;
    or_json_doc    doc;
    CHECK(books_begin(), "memory");
    account *a = new_key(
        "sk-1", "{\"name\":\"k\",\"limit\":1,\"limit_reset\":\"monthly\",\"models\":[\"a\"]}");
    books_clock(a, 0, at(NOON));
    charge(a, 1000, 20);
    a->num_requests = 2;
    a->free_day = NOON - DAY / 2;
    a->free_used = 3;
    a->lease_pico = 5000;
    uint64_t hash = books_rules_hash(a);
    or_buf_init(&b, mem, sizeof mem);
    or_json_writer_init(&w, &b);
    or_json_begin_object(&w);
    books_put(&w, a);
    or_json_end_object(&w);
    CHECK_ERR(or_json_writer_end(&w), OR_OK, "written");
    or_str text = or_buf_str(&b);
    books_end();
    CHECK(books_begin(), "memory");
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    CHECK_ERR(or_json_parse(&doc, text, 0, &arena), OR_OK, "parsed");
    CHECK(books_fold(&doc, 0, &arena), "understood");
    a = books_find_key(OR_STR("k"));
    CHECK(a != NULL && books_rules_hash(a) == hash && a->told == hash, "the same rules");
    or_buf_init(&b, again, sizeof again);
    or_json_writer_init(&w, &b);
    or_json_begin_object(&w);
    if (a != NULL) books_put(&w, a);
    or_json_end_object(&w);
    CHECK_STR(or_buf_str(&b), text, "there and back");
    static const char *const bad[] = {
        "{}", "{\"kind\":\"key\",\"id\":\"x\",\"rules\":{\"name\":\"a\"}}",
        "{\"kind\":\"x\",\"id\":\"\"}", "{\"kind\":\"key\",\"id\":\"\"}",
        "{\"kind\":\"app\",\"id\":\"a\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_ERR(or_json_parse(&doc, or_str_z(bad[i]), 0, &arena), OR_OK, bad[i]);
        CHECK(!books_fold(&doc, 0, &arena), bad[i]);
    }
    or_arena_reset(&arena);
    books_end();
    CHECK(mem_used() == 0, "all is given back");
}

/* ---- settings ---- */

static void add_key(conf_key *k, const char *name, const char *secret)
{
    memset(k, 0, sizeof *k);
    k->name = name;
    k->limits.limit_pico_usd = k->max_cost_pico_usd = -1;
    chain_hash_text(or_str_z(secret), k->id);
}

static void test_follow(void)
{
    conf     c;
    conf_key keys[2], old_key;
    memset(&c, 0, sizeof c);
    c.organization.limit_pico_usd = -1;
    c.keys = keys;
    c.num_keys = 1;
    add_key(&keys[0], "kitchen", "sk-old");
    keys[0].limits.limit_pico_usd = 500;
    CHECK(books_begin() && books_follow(&c, NOON), "memory");
    account *a = books_find_key(OR_STR("kitchen"));
    CHECK(a != NULL && a->in_conf && a->budget.limit_pico_usd == 500, "there");
    books_clock(a, 0, at(NOON));
    charge(a, 400, 0);
    add_key(&keys[0], "kitchen", "sk-new"); /* the owner changes the secret */
    keys[0].limits.limit_pico_usd = 500;
    a->key = &keys[0]; /* as it is in the old settings */
    CHECK(books_follow(&c, NOON + 1), "memory");
    account *b = books_find_key(OR_STR("kitchen"));
    CHECK(b != NULL && b != a && b->budget.spent_pico_usd == 400, "what was spent stays spent");
    CHECK(a->deleted && a->key != &keys[0], "the old secret opens nothing");
    charge(b, 50, 0);
    old_key = keys[0];
    b->key = &old_key;                      /* as it is in the old settings */
    add_key(&keys[0], "kitchen", "sk-old"); /* and back */
    keys[0].limits.limit_pico_usd = 500;
    CHECK(books_follow(&c, NOON + 1) && !a->deleted && b->deleted, "the old secret again");
    CHECK(a->budget.spent_pico_usd == 450, "with what was spent by the new one");
    a->key = &keys[1];
    keys[1] = keys[0];
    add_key(&keys[0], "kitchen", "sk-new");
    keys[0].limits.limit_pico_usd = 500;
    CHECK(books_follow(&c, NOON + 1) && b->budget.spent_pico_usd == 450, "and the new one");
    a = books_key(or_str_z(keys[1].id));
    c.num_keys = 0;
    CHECK(books_follow(&c, NOON + 2), "memory");
    CHECK(b->deleted && strcmp(b->key->name, "kitchen") == 0, "a section that is gone");
    c.num_keys = 1;
    CHECK(books_follow(&c, NOON + 3), "memory");
    CHECK(!b->deleted && b->budget.spent_pico_usd == 450 && b->key == &keys[0], "and is back");
    books_end();
    CHECK(mem_used() == 0, "all is given back");
}

static void test_scopes(void)
{
    static const or_str     any[] = {{"Web*", 4}}, all[] = {{"*", 1}};
    static const conf_scope apps[] = {
        {"web", any, 1, {100, OR_WINDOW_NONE, false, 0, 0, 0, 0}, {0}},
        {"rest", all, 1, {5, OR_WINDOW_NONE, false, 0, 0, 0, 0}, {0}}};
    conf c;
    bool full;
    char name[16];
    memset(&c, 0, sizeof c);
    c.apps = apps;
    c.num_apps = 2;
    c.limits.accounts = 3;
    CHECK(books_begin(), "memory");
    account *a = books_scope(ACCOUNT_APP, OR_STR("WebUI"), &c, &full);
    CHECK(a != NULL && a->budget.limit_pico_usd == 100, "the first that matches");
    CHECK(books_scope(ACCOUNT_APP, OR_STR("WebUI"), &c, &full) == a, "the same again");
    CHECK(books_scope(ACCOUNT_USER, OR_STR("WebUI"), &c, &full) == NULL && !full, "no section");
    CHECK(books_scope(ACCOUNT_APP, OR_STR(""), &c, &full) == NULL && !full, "nobody");
    charge(a, 1, 0);
    for (int i = 0; i < 5; i++) { /* those that spent nothing make room */
        snprintf(name, sizeof name, "n%d", i);
        account *b = books_scope(ACCOUNT_APP, or_str_z(name), &c, &full);
        CHECK(b != NULL && !full && b->budget.limit_pico_usd == 5, name);
        if (i < 2 && b != NULL) charge(b, i == 0 ? 1 : 0, 0);
    }
    account *d = books_scope(ACCOUNT_APP, OR_STR("d"), &c, &full);
    charge(d, 1, 0);
    CHECK(books_scope(ACCOUNT_APP, OR_STR("e"), &c, &full) == NULL && full, "full");
    CHECK(books_scope(ACCOUNT_APP, OR_STR("WebUI"), &c, &full) == a && !full, "who spent stays");
    books_end();
    CHECK(mem_used() == 0, "all is given back");
}

/* Each request looks for a key: it must not pass by thousands of apps and users. */
static void test_keys_come_first(void)
{
    static const or_str     all[] = {{"*", 1}};
    static const conf_scope each = {"each", all, 1, {5, OR_WINDOW_NONE, false, 0, 0, 0, 0}, {0}};
    conf     c;
    bool     full;
    char     name[32];
    account *key[4];
    memset(&c, 0, sizeof c);
    c.apps = &each;
    c.num_apps = 1;
    c.limits.accounts = 100;
    CHECK(books_begin(), "memory");
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "sk-%d", i);
        key[i] = new_key(name, "{\"name\":\"k\"}");
        CHECK(books_scope(ACCOUNT_APP, or_str_z(name), &c, &full) != NULL, name);
    }
    for (int gone = 0; gone <= 4; gone++) { /* the last one, the first one, those in between */
        unsigned keys = 0, others = 0;
        for (account *a = books_next(NULL); a != NULL; a = books_next(a)) {
            keys += a->kind == ACCOUNT_KEY;
            others += a->kind != ACCOUNT_KEY;
            CHECK(a->kind != ACCOUNT_KEY || others == 0, "behind another");
        }
        CHECK(keys == 4 - (unsigned)gone && others == 2 + 4 + (unsigned)gone, "all are there");
        CHECK(books_have_keys() == (gone < 4), "any");
        if (gone == 4) break;
        books_forget_key(key[gone == 0 ? 0 : gone == 1 ? 3 : gone - 1]);
        snprintf(name, sizeof name, "more-%d", gone);
        CHECK(books_scope(ACCOUNT_APP, or_str_z(name), &c, &full) != NULL, name);
    }
    new_key("sk-9", "{\"name\":\"k\"}");
    CHECK(books_next(NULL)->kind == ACCOUNT_KEY && books_have_keys(), "a new one");
    books_end();
    CHECK(mem_used() == 0, "all is given back");
}

/* What was spent on another day is nothing to remember of a daily limit. */
static void test_scopes_of_yesterday(void)
{
    static const or_str     all[] = {{"*", 1}};
    static const conf_scope each = {"each", all, 1, {100, OR_WINDOW_DAILY, false, 0, 0, 0, 0}, {0}};
    conf                    c;
    bool                    full;
    memset(&c, 0, sizeof c);
    c.users = &each;
    c.num_users = 1;
    c.limits.accounts = 1;
    CHECK(books_begin(), "memory");
    account *a = books_scope(ACCOUNT_USER, OR_STR("a"), &c, &full);
    books_clock(a, 0, at(NOON));
    books_clock(books_organization(), 0, at(NOON));
    charge(a, 10, 0);
    CHECK(books_scope(ACCOUNT_USER, OR_STR("b"), &c, &full) == NULL && full,
          "who spent today stays");
    books_clock(books_organization(), 0, at(NOON + 86400));
    CHECK(books_scope(ACCOUNT_USER, OR_STR("b"), &c, &full) != NULL && !full,
          "who spent yesterday goes");
    books_end();
}

/* A name with a NUL in it is one account, whose limit holds, and which can go. */
static void test_nul_in_a_name(void)
{
    static const or_str     all[] = {{"*", 1}};
    static const conf_scope each = {"each", all, 1, {100, OR_WINDOW_NONE, false, 0, 0, 0, 0}, {0}};
    conf                    c;
    bool                    full;
    memset(&c, 0, sizeof c);
    c.users = &each;
    c.num_users = 1;
    c.limits.accounts = 3;
    CHECK(books_begin(), "memory");
    account *a = books_scope(ACCOUNT_USER, or_str_of("u\0x", 3), &c, &full);
    CHECK(a != NULL && strcmp(a->id, "u") == 0, "kept as far as the NUL");
    CHECK(books_scope(ACCOUNT_USER, or_str_of("u\0x", 3), &c, &full) == a, "and found again");
    CHECK(books_scope(ACCOUNT_USER, or_str_of("\0x", 2), &c, &full) == NULL && !full, "no name");
    books_end();
    CHECK(mem_used() == 0, "all is given back");
}

static void test_credits(void)
{
    CHECK(books_begin(), "memory");
    account *a = books_credits();
    CHECK(!a->budget.limited, "not at first");
    charge(a, 70, 0);
    books_set_credits(170, true);
    CHECK(or_budget_left(&a->budget) == 100, "left");
    a->lease_pico = 90;
    CHECK(books_take_lease(a) == 20 && a->budget.spent_pico_usd == 90,
          "a lease counts after a crash");
    CHECK(books_take_lease(a) == 0, "once");
    books_end();
}

/* ---- sums ---- */

static tally_sum one(int64_t own)
{
    tally_sum s;
    memset(&s, 0, sizeof s);
    s.requests = 1;
    s.own = own;
    return s;
}

static void test_tally(void)
{
    char        name[32], mem[4096], again[4096];
    tally_names n = {20000, OR_STR("m"), OR_STR("p"), OR_STR("k"), OR_STR("")};
    tally_sum   s = one(5);
    int64_t     total = 0;
    unsigned    rows = 0;
    tally_add(&n, &s);
    tally_add(&n, &s);
    CHECK(tally_rows() != NULL && tally_rows()->next == NULL, "one row");
    CHECK(tally_rows()->sum.own == 10 && tally_rows()->sum.requests == 2, "summed");
    s.own = INT64_MAX;
    tally_add(&n, &s);
    CHECK(tally_rows()->sum.own == INT64_MAX, "it saturates");
    s.own = INT64_MIN;
    tally_add(&n, &s);
    CHECK(tally_rows()->sum.own == 0, "and never goes below nothing");
    tally_forget();
    s = one(1);
    for (int i = 0; i < TALLY_MAX_ROWS + 500; i++) { /* all of one day */
        snprintf(name, sizeof name, "m%d", i);
        n.model = or_str_z(name);
        tally_add(&n, &s);
    }
    for (const tally_row *r = tally_rows(); r != NULL; r = r->next, rows++) total += r->sum.own;
    CHECK(rows <= TALLY_MAX_ROWS / 2 && total == TALLY_MAX_ROWS + 500, "none is lost");
    n.day = 19999;
    tally_add(&n, &s);
    n.day = 20001;
    for (int i = 0; i < TALLY_MAX_ROWS; i++) {
        snprintf(name, sizeof name, "m%d", i);
        n.model = or_str_z(name);
        tally_add(&n, &s);
    }
    rows = 0;
    for (const tally_row *r = tally_rows(); r != NULL; r = r->next) rows += r->day == 20000;
    CHECK(rows > TALLY_MAX_ROWS / 2 - 20, "one day does not end another");
    n.day = 20002;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "m%d", i);
        n.model = or_str_z(name);
        tally_add(&n, &s);
    }
    rows = 0;
    for (const tally_row *r = tally_rows(); r != NULL; r = r->next) rows += r->day < 20001;
    CHECK(rows == 0, "the oldest day goes");
    tally_forget();
    /* there and back */
    n = (tally_names){TALLY_NO_DAY, OR_STR("m/\"x"), OR_STR("p"), OR_STR("k"), OR_STR("App")};
    s = one(7);
    s.prompt_tokens = 3;
    s.unknown = 1;
    tally_add(&n, &s);
    or_buf         b;
    or_json_writer w;
    or_json_doc    doc;
    or_arena       arena;
    for (int i = 0; i < 2; i++) {
        or_buf_init(&b, i == 0 ? mem : again, sizeof mem);
        or_json_writer_init(&w, &b);
        or_json_begin_object(&w);
        tally_put_row(&w, tally_rows());
        or_json_end_object(&w);
        if (i > 0) break;
        or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
        CHECK_ERR(or_json_parse(&doc, or_buf_str(&b), 0, &arena), OR_OK, "parsed");
        tally_forget();
        CHECK(tally_fold_row(&doc, 0, &arena), "understood");
    }
    CHECK_STR(or_buf_str(&b), or_str_of(mem, b.len), "there and back");
    or_arena_reset(&arena);
    for (int i = 0; i < TALLY_MAX_SESSIONS + 10; i++) {
        snprintf(name, sizeof name, "s%d", i);
        tally_add_session(or_str_z(name), OR_STR("k"), NOON + i, &s);
        tally_add_session(OR_STR("s0"), OR_STR("k"), NOON + i, &s);
    }
    CHECK(or_str_eq(tally_sessions()->id, OR_STR("s0")) &&
              tally_sessions()->sum.requests == TALLY_MAX_SESSIONS + 11,
          "one in use stays");
    CHECK(tally_sessions()->first == NOON &&
              tally_sessions()->last == NOON + TALLY_MAX_SESSIONS + 9,
          "times");
    tally_forget();
    CHECK(mem_used() == 0, "all is given back");
}

static void test_clock(void)
{
    char    text[CLOCK_TEXT];
    int64_t t = 0;
    clock_text(NOON, text);
    CHECK(strcmp(text, "2026-11-21T12:00:00Z") == 0 && clock_read(or_str_z(text), &t) && t == NOON,
          text);
    clock_day_text(clock_day(NOON), text);
    CHECK(strcmp(text, "2026-11-21") == 0 && clock_day(NOON) == NOON / DAY, text);
    CHECK(!clock_read(OR_STR("2026-11-21T12:00:00"), &t) && !clock_read(OR_STR(""), &t), "no zone");
    CHECK(clock_read(OR_STR("2026-11-21T12:00:00.123Z"), &t) && t == NOON, "milliseconds are cut");
}

int main(void)
{
    mem_set_limit(64 << 20);
    test_chain();
    test_rate();
    test_rules();
    test_keys();
    test_windows();
    test_limits_change();
    test_fold();
    test_follow();
    test_scopes();
    test_keys_come_first();
    test_scopes_of_yesterday();
    test_nul_in_a_name();
    test_credits();
    test_tally();
    test_clock();
    TEST_MAIN_END("test_books");
}
