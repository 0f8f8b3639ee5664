/* Where the money went: activity, usage, sessions and datasets, from rows of chosen days at a
   chosen time. The list of models is put together by hand. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "proxy/clock.h"
#include "proxy/manage_back.h"
#include "proxy/market.h"
#include "proxy/mem.h"
#include "tests/test.h"

/* 2026-11-21, a Saturday; and as a day. */
enum { NOW = 1795269600, TODAY = NOW / 86400 };

/* ---- what is below ---- */

static or_endpoint  endpoints[2];
static market_model models[] = {{OR_STR_INIT("acme/big"), {NULL, 0}, 0, 2}};
static market       only;

market *market_now(void)
{
    only.catalogue.endpoints = endpoints;
    only.catalogue.num = 2;
    return &only;
}

const market_model *market_find(const market *m, or_str id)
{
    (void)m;
    return or_str_eq(id, models[0].id) ? &models[0] : NULL;
}

bool conf_matches(or_str pattern, or_str text)
{
    return or_str_eq(pattern, text);
}

/* ---- help ---- */

static or_buf       out;
static manage_reply reply;

/* What it answers; "" and the status in reply when it refuses. */
static or_str ask_at(manage_look *look, const char *query, int64_t now_s)
{
    or_json_writer w;
    or_buf_clear(&out);
    reply.status = 200;
    or_json_writer_init(&w, &out);
    if (!look(&w, or_str_z(query), now_s, &reply)) {
        CHECK(reply.status >= 400 && reply.message[0] != 0, query);
        return OR_STR("");
    }
    CHECK_ERR(or_json_writer_end(&w), OR_OK, query);
    return or_buf_str(&out);
}

static or_str ask(manage_look *look, const char *query)
{
    return ask_at(look, query, NOW);
}

static void refused(manage_look *look, const char *query, uint16_t status, const char *word)
{
    (void)ask(look, query);
    CHECK(reply.status == status, query);
    CHECK(strstr(reply.message, word) != NULL, reply.message);
}

static bool has(const char *text)
{
    return or_str_find(or_buf_str(&out), or_str_z(text), 0) < out.len;
}

/* Does the one come before the other? */
static bool ordered(const char *first, const char *second)
{
    size_t a = or_str_find(or_buf_str(&out), or_str_z(first), 0);
    size_t b = or_str_find(or_buf_str(&out), or_str_z(second), 0);
    return a < b && b < out.len;
}

static unsigned count(const char *text)
{
    unsigned n = 0;
    or_str   rest = or_buf_str(&out);
    for (;;) {
        size_t at = or_str_find(rest, or_str_z(text), 0);
        if (at >= rest.len) return n;
        n++;
        rest = or_str_of(rest.ptr + at + 1, rest.len - at - 1);
    }
}

static const char *const hashes[] = {
    "aaaaaaaa00000000000000000000000000000000000000000000000000000001",
    "aaaaaaaa11111111111111111111111111111111111111111111111111111112",
    "bbbbbbbb22222222222222222222222222222222222222222222222222222223",
};

static const char *of_key(int i)
{
    static char query[100];
    snprintf(query, sizeof query, "api_key_hash=%s", hashes[i]);
    return query;
}

static account *add_key(int i, const char *name)
{
    char         body[200], error[200];
    or_json_doc  doc;
    or_arena     arena;
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    snprintf(body, sizeof body, "{\"name\":\"%s\"}", name);
    CHECK_ERR(or_json_parse(&doc, or_str_z(body), 0, &arena), OR_OK, name);
    keys_rules *r = keys_read(NULL, &doc, 0, NULL, error, sizeof error);
    if (r == NULL) abort();
    snprintf(r->key.id, sizeof r->key.id, "%s", hashes[i]);
    or_arena_reset(&arena);
    return books_put_key(r, NOW);
}

static void add(int32_t day, const char *model, const char *provider, const char *key,
                const char *app, uint64_t tokens, int64_t own, int64_t byok)
{
    tally_names n = {day, or_str_z(model), or_str_z(provider), or_str_z(key), or_str_z(app)};
    tally_sum   s;
    memset(&s, 0, sizeof s);
    s.requests = 1;
    s.prompt_tokens = tokens - tokens / 4;
    s.completion_tokens = tokens / 4;
    s.reasoning_tokens = tokens / 10;
    s.own = own;
    s.byok = byok;
    tally_add(&n, &s);
}

static void add_session(const char *id, const char *key, int64_t at, unsigned turns, int64_t own)
{
    tally_sum s;
    memset(&s, 0, sizeof s);
    s.requests = turns;
    s.prompt_tokens = turns * 10;
    s.own = own;
    tally_add_session(or_str_z(id), or_str_z(key), at, &s);
}

/* ---- activity ---- */

static void test_activity(void)
{
    static const struct {
        int         ago;
        const char *date;
        bool        seen;
    } days[] = {
        {0, "2026-11-21", false}, {1, "2026-11-20", true},   {2, "2026-11-19", true},
        {30, "2026-10-22", true}, {31, "2026-10-21", false}, {-1, "2026-11-22", false},
    };
    char query[64];
    tally_forget();
    CHECK_STR(ask(manage_put_activity, ""), OR_STR("{\"data\":[]}"), "nothing yet");
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++)
        add(TODAY - days[i].ago, "acme/big", "alpha/fp8", hashes[0], "", 40, 1500000, 250);
    add(TALLY_NO_DAY, "acme/big", "alpha/fp8", hashes[0], "", 40, 1, 1);
    ask(manage_put_activity, "");
    CHECK(count("\"date\"") == 3 && ordered("2026-11-20", "2026-11-19"), "the newest day first");
    CHECK(has("{\"date\":\"2026-11-20\",\"model\":\"acme/big\",\"model_permaslug\":\"acme/big\","
              "\"endpoint_id\":\"alpha/fp8\",\"provider_name\":\"Alpha\",\"requests\":1,"
              "\"prompt_tokens\":30,\"completion_tokens\":10,\"reasoning_tokens\":4,"
              "\"usage\":0.0000015,\"byok_usage_inference\":0.00000000025}"),
          "a row, exactly");
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        snprintf(query, sizeof query, "x=1&date=%s", days[i].date);
        ask(manage_put_activity, query);
        CHECK(days[i].seen ? count("\"date\"") == 1 && has(days[i].date) : reply.status == 400,
              days[i].date);
    }
    /* one second to midnight, and one after: yesterday is another day */
    int64_t midnight = (int64_t)(TODAY + 1) * 86400;
    ask_at(manage_put_activity, "", midnight - 1);
    CHECK(!has("2026-11-21") && has("2026-10-22"), "before midnight");
    ask_at(manage_put_activity, "", midnight);
    CHECK(has("2026-11-21") && !has("2026-10-22"), "after midnight");
    CHECK_STR(ask_at(manage_put_activity, "", 0), OR_STR("{\"data\":[]}"), "no clock");
}

static void test_activity_groups(void)
{
    tally_forget();
    add(TODAY - 1, "acme/big", "alpha", hashes[0], "one", 8, 5, 0);
    add(TODAY - 1, "acme/big", "alpha", hashes[1], "two", 8, 6, 1);
    add(TODAY - 1, "acme/big", "beta", hashes[1], "two", 8, 7, 0);
    add(TODAY - 1, "acme/small", "alpha", "", "", 8, 0, 0);
    ask(manage_put_activity, "");
    CHECK(count("\"date\"") == 3, "by model and endpoint");
    CHECK(has("\"endpoint_id\":\"alpha\",\"provider_name\":\"alpha\",\"requests\":2,"
              "\"prompt_tokens\":12,\"completion_tokens\":4,\"reasoning_tokens\":0,"
              "\"usage\":0.000000000011,\"byok_usage_inference\":0.000000000001"),
          "keys and apps are added up");
    ask(manage_put_activity, of_key(2));
    CHECK(count("\"date\"") == 0, "a key without any");
    ask(manage_put_activity, of_key(1));
    CHECK(count("\"date\"") == 2 && has("\"usage\":0.000000000006,"), "of one key");
    refused(manage_put_activity, "api_key_hash=cccccccc", 404, "cccccccc");
    refused(manage_put_activity, "date=yesterday", 400, "date");
    refused(manage_put_activity, "date=2026-11-20T00:00:00Z", 400, "date");
    refused(manage_put_activity, "date=2026-02-30", 400, "date");
    refused(manage_put_activity, "date=%zz", 400, "date");
    ask(manage_put_activity, "date=&user_id=u&group_by=workspace&workspace_id=w");
    CHECK(count("\"date\"") == 3, "others are passed over");
}

static void test_bad_text(void)
{
    tally_forget();
    add(TODAY - 1, "bad/\xff\xfe", "p\xc3", hashes[0], "\xff", 8, 5, 0);
    ask(manage_put_activity, "");
    CHECK(has("\"model\":\"?\"") && has("\"endpoint_id\":\"?\""), "not UTF-8");
    ask(manage_put_usage, "by=app");
    CHECK(has("\"name\":\"?\""), "not UTF-8");
}

/* ---- usage ---- */

static void test_usage(void)
{
    tally_forget();
    add(TODAY, "b", "p1", hashes[0], "app", 40, 3000000000000, 0);
    add(TODAY, "a", "p1", hashes[1], "", 40, 1000000000000, 2000000000000);
    add(TODAY - 1, "c", "p2", "", "app", 40, 1, 0);
    add(TODAY - 9, "d", "p2", hashes[2], "", 40, 0, 9000000000000);
    add(TALLY_NO_DAY, "e", "p3", "", "", 40, 0, 0);
    ask(manage_put_usage, "");
    CHECK(count("\"name\"") == 5 && ordered("\"d\"", "\"a\"") && ordered("\"a\"", "\"b\"") &&
              ordered("\"b\"", "\"c\"") && ordered("\"c\"", "\"e\""),
          "by money, then by name");
    CHECK(has("\"total\":{\"requests\":5,\"prompt_tokens\":150,\"completion_tokens\":50,"
              "\"reasoning_tokens\":20,\"cached_tokens\":0,\"usage\":4.000000000001,"
              "\"byok_usage\":11,\"unknown_costs\":0,\"estimated\":0}"),
          "the sum of all");
    ask(manage_put_usage, "by=day");
    CHECK(ordered("\"\"", "2026-11-12") && ordered("2026-11-12", "2026-11-20") &&
              ordered("2026-11-20", "2026-11-21") && count("\"name\"") == 4,
          "by date, what has none first");
    ask(manage_put_usage, "by=key");
    CHECK(has("{\"name\":\"oven\",\"hash\":\"bbbbbbbb2222") && has("{\"name\":\"\",\"hash\":null,"),
          "keys by name");
    ask(manage_put_usage, "by=app");
    CHECK(count("\"name\"") == 2 && has("{\"name\":\"app\",\"requests\":2,"), "apps");
    ask(manage_put_usage, "by=provider&days=1");
    CHECK(count("\"name\"") == 1 && has("\"usage\":4,\"byok_usage\":2,"), "today");
    ask(manage_put_usage, "by=provider&days=2");
    CHECK(count("\"name\"") == 2, "yesterday, too");
    ask(manage_put_usage, "date=2026-11-12");
    CHECK(count("\"name\"") == 1 && has("\"d\""), "one day");
    ask(manage_put_usage, "key=oven");
    CHECK(count("\"name\"") == 1 && has("\"d\""), "one key, by its name");
    ask(manage_put_usage, "key=bbbbbbbb");
    CHECK(count("\"name\"") == 1 && has("\"d\""), "one key, by the beginning of its hash");
    refused(manage_put_usage, "key=aaaaaaaa", 409, "2 keys");
    refused(manage_put_usage, "key=nobody", 404, "nobody");
    refused(manage_put_usage, "by=colour", 400, "by");
    refused(manage_put_usage, "days=0", 400, "days");
    refused(manage_put_usage, "days=-1", 400, "days");
    refused(manage_put_usage, "days=1e3", 400, "days");
    refused(manage_put_usage, "days=99999999999999999999", 400, "days");
    refused(manage_put_usage, "days=3&date=2026-11-12", 400, "either");
    (void)ask_at(manage_put_usage, "days=3", 0);
    CHECK(reply.status == 503, "no clock");
}

/* As many rows as there are, and one more; and no memory. */
static void test_many(void)
{
    char model[32];
    tally_forget();
    for (int i = 0; i < TALLY_MAX_ROWS + 200; i++) {
        snprintf(model, sizeof model, "m/%d", i);
        add(TODAY, model, "p", "", "", 4, i, 0);
    }
    ask(manage_put_usage, "");
    CHECK(count("\"name\"") > TALLY_MAX_ROWS / 2 - 20 && has("\"name\":\"other\""), "all of them");
    CHECK(has("\"total\":{\"requests\":4296,"), "none is lost");
    ask(manage_put_usage, "by=provider");
    CHECK(count("\"name\"") == 2, "groups");
    size_t used = mem_used();
    mem_set_limit(used + 1000);
    (void)ask(manage_put_usage, "");
    CHECK(reply.status == 503 && mem_used() == used, "no memory");
    mem_set_limit(SIZE_MAX);
}

static void test_sessions(void)
{
    tally_forget();
    add_session("s one", hashes[0], NOW - 100, 1, 5);
    add_session("s one", hashes[0], NOW - 50, 1, 5);
    add_session("two", "", NOW - 86400 * 3, 3, 7);
    ask(manage_put_sessions, "");
    CHECK(ordered("\"two\"", "\"s one\""), "the last one used first");
    CHECK(has("{\"session_id\":\"s one\",\"key\":\"aaaaaaaa00000000000000000000000000000000000000"
              "000000000000000001\",\"requests\":2,\"prompt_tokens\":20,\"completion_tokens\":0,"
              "\"usage\":0.00000000001,\"byok_usage\":0,\"first_at\":\"2026-11-21T13:58:20Z\","
              "\"last_at\":\"2026-11-21T13:59:10Z\"}"),
          "a session, exactly");
    ask(manage_put_sessions, "session_id=s+one");
    CHECK(count("session_id") == 1 && has("s one"), "one of them");
    ask(manage_put_sessions, "session_id=s%20one");
    CHECK(count("session_id") == 1 && has("s one"), "one of them");
    CHECK_STR(ask(manage_put_sessions, "session_id=x"), OR_STR("{\"data\":[]}"), "none");
    ask(manage_put_usage, "by=session&days=1");
    CHECK(count("\"name\"") == 1 && has("s one"), "by the day of its last use");
    ask(manage_put_usage, "by=session");
    CHECK(ordered("s one", "two"), "by money");
}

/* What a snapshot says, read again: the same sums, rows and order. */
static void restart(void)
{
    static or_buf lines;
    or_arena      arena;
    or_json_doc   doc;
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    or_buf_init_growing(&lines, &mem_allocator, 16 << 20);
    or_json_writer w;
    or_json_writer_init(&w, &lines);
    or_json_begin_array(&w);
    for (const tally_row *r = tally_rows(); r != NULL; r = r->next) {
        or_json_begin_object(&w);
        tally_put_row(&w, r);
        or_json_end_object(&w);
    }
    for (const tally_session *s = tally_sessions(); s != NULL; s = s->next) {
        or_json_begin_object(&w);
        tally_put_session(&w, s);
        or_json_end_object(&w);
    }
    or_json_end_array(&w);
    tally_forget();
    CHECK_ERR(or_json_parse(&doc, or_buf_str(&lines), 0, &arena), OR_OK, "lines");
    for (int i = or_json_first(&doc, 0); i >= 0; i = or_json_next(&doc, i))
        CHECK(or_json_find(&doc, i, "/model") >= 0 ? tally_fold_row(&doc, i, &arena)
                                                   : tally_fold_session(&doc, i, &arena),
              "understood");
    or_arena_reset(&arena);
    or_buf_free(&lines);
}

static void test_restart(void)
{
    static const char *const looks[] = {"", "by=day", "by=provider"};
    char                     text[32];
    size_t                   size = 4 << 20;
    char                    *before = malloc(size);
    if (before == NULL) abort();
    tally_forget();
    for (int i = 0; i < TALLY_MAX_ROWS + 200; i++) {
        snprintf(text, sizeof text, "m/%d", i);
        add(TODAY, text, "p", "", "", 4, i, 0);
    }
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        snprintf(before, size, "%.*s", (int)ask(manage_put_usage, looks[i]).len, out.ptr);
        restart();
        CHECK(or_str_eq(ask(manage_put_usage, looks[i]), or_str_z(before)), "usage");
    }
    tally_forget();
    for (int i = 0; i < TALLY_MAX_SESSIONS; i++) {
        snprintf(text, sizeof text, "s%03d.", i);
        add_session(text, "", NOW + i / 3, 1, i); /* several in one second */
    }
    snprintf(before, size, "%.*s", (int)ask(manage_put_sessions, "").len, out.ptr);
    restart();
    CHECK(or_str_eq(ask(manage_put_sessions, ""), or_str_z(before)), "sessions");
    add_session("new", "", NOW + 1000, 1, 1);
    ask(manage_put_sessions, "");
    CHECK(!has("s000.") && has("s001.") && has("s255."), "the one used longest ago goes");
    free(before);
}

/* ---- datasets ---- */

static void test_rankings(void)
{
    char model[32];
    tally_forget();
    for (int i = 0; i < 53; i++) {
        snprintf(model, sizeof model, "m/%02d", i);
        add(TODAY - 1, model, "p", "", "", (uint64_t)(1000 - i), 0, 0);
    }
    add(TODAY - 1, "", "", "", "", 100000, 0, 0);
    add(TODAY - 2, "b", "p", "", "", 7, 0, 0);
    add(TODAY - 2, "a", "p", "", "", 7, 0, 0);
    add(TODAY, "c", "p", "", "", 7, 0, 0);
    add(TODAY - 32, "d", "p", "", "", 7, 0, 0);
    ask(manage_put_rankings, "");
    CHECK(count("\"date\"") == 53, "50, the others, and those of the day before");
    CHECK(ordered("\"a\"", "\"b\"") && ordered("\"b\"", "m/00") && ordered("m/00", "m/49") &&
              ordered("m/49", "other") && !has("m/50"),
          "by day, tokens, name");
    CHECK(has("{\"date\":\"2026-11-20\",\"model_permaslug\":\"other\","
              "\"total_tokens\":\"102847\"}"),
          "the others");
    CHECK(has("\"meta\":{\"as_of\":\"2026-11-21T14:00:00Z\",\"version\":\"v1\","
              "\"start_date\":\"2026-10-21\",\"end_date\":\"2026-11-20\"}"),
          "meta");
    ask(manage_put_rankings, "start_date=2026-11-21&end_date=2026-11-21");
    CHECK(count("\"date\"") == 1 && has("\"c\""), "today, when asked for");
    ask(manage_put_rankings, "period=week&end_date=2026-11-21");
    CHECK(has("\"date\":\"2026-11-16\",\"model_permaslug\":\"m/00\"") && !has("-20\",\"model"),
          "weeks begin on Monday");
    ask(manage_put_rankings, "period=month&start_date=2026-01-01&end_date=2026-11-21");
    CHECK(ordered("{\"date\":\"2026-10-01\",\"model_permaslug\":\"d\"", "2026-11-01"), "months");
    refused(manage_put_rankings, "period=year", 400, "period");
    refused(manage_put_rankings, "start_date=2026-11-21&end_date=2026-11-20", 400, "start_date");
    refused(manage_put_rankings, "category=legal", 400, "category");
    refused(manage_put_rankings, "modality=text", 400, "modality");
}

static void test_apps(void)
{
    tally_forget();
    add(TODAY - 1, "m", "p", "", "steady", 900, 0, 0);
    add(TODAY - 1, "m", "p", "", "rising", 600, 0, 0);
    add(TODAY - 1, "n", "p", "", "rising", 10, 0, 0);
    add(TODAY - 1, "m", "p", "", "", 5000, 0, 0);
    for (int i = 2; i <= 4; i++) add(TODAY - i, "m", "p", "", "steady", 900, 0, 0);
    add(TODAY - 3, "m", "p", "", "rising", 300, 0, 0);
    add(TODAY - 5, "m", "p", "", "rising", 9000, 0, 0);
    ask(manage_put_apps, "start_date=2026-11-20");
    CHECK(ordered("steady", "rising") && count("\"rank\"") == 2, "by tokens; no name is no app");
    CHECK(has("{\"rank\":2,\"app_id\":") &&
              has("\"app_name\":\"rising\",\"total_requests\":2,\"total_tokens\":\"610\"}"),
          "an app");
    ask(manage_put_apps, "start_date=2026-11-20&offset=1&limit=1");
    CHECK(count("\"rank\"") == 1 && has("\"rank\":2,"), "ranks stay");
    ask(manage_put_apps, "start_date=2026-11-20&sort=trending");
    CHECK(count("\"rank\"") == 1 && has("\"rank\":1,") && has("rising"), "who grew");
    refused(manage_put_apps, "sort=best", 400, "sort");
    refused(manage_put_apps, "limit=0", 400, "limit");
    refused(manage_put_apps, "limit=101", 400, "limit");
    refused(manage_put_apps, "subcategory=game", 400, "subcategory");
}

static void test_session_costs(void)
{
    tally_forget();
    CHECK_STR(ask(manage_put_session_costs, ""),
              OR_STR("{\"data\":[],\"meta\":{\"as_of\":\"2026-11-21T14:00:00Z\",\"version\":\"v1\","
                     "\"window_days\":null,\"window_end_date\":null}}"),
              "none");
    add_session("1", hashes[2], NOW, 1, 10);
    add_session("2", hashes[2], NOW, 1, 1);
    add_session("3", hashes[2], NOW, 1, 100);
    add_session("4", hashes[2], NOW, 2, 4);
    add_session("5", hashes[2], NOW, 9, 7);
    add_session("6", hashes[2], NOW, 10, 7);
    add_session("7", hashes[2], NOW, 49, 9);
    add_session("8", hashes[2], NOW, 50, 9);
    add_session("9", "", NOW, 1, 3);
    ask(manage_put_session_costs, "");
    CHECK(count("turn_range") == 5, "by key and turns");
    CHECK(has("{\"app_name\":\"oven\",\"app_slug\":\"oven\",\"model_permaslug\":\"all\","
              "\"turn_range\":\"1-turn\",\"median_session_cost_usd\":0.00000000001}"),
          "the one in the middle");
    CHECK(has("\"2-9-turns\",\"median_session_cost_usd\":0.000000000005"), "between two");
    CHECK(has("\"10-49-turns\",\"median_session_cost_usd\":0.000000000008"), "10 and 49");
    CHECK(has("\"50-plus-turns\""), "50");
    ask(manage_put_session_costs, "app_slug=oven&turn_range=2-9-turns");
    CHECK(count("turn_range") == 1, "one cell");
    ask(manage_put_session_costs, "offset=1&limit=2");
    CHECK(count("turn_range") == 2 && has("1-turn\",\"median_session_cost_usd\":0.00000000001}"),
          "a page");
    ask(manage_put_session_costs, "model=acme/big");
    CHECK(count("turn_range") == 0, "models are not told apart");
    refused(manage_put_session_costs, "turn_range=3", 400, "turn_range");
    refused(manage_put_session_costs, "limit=501", 400, "limit");
}

/* A key that is gone keeps its past. */
static void test_deleted(void)
{
    account *a = manage_find_key(or_str_z("oven"), false, &reply);
    CHECK(a != NULL, "there");
    books_delete_key(a, NOW);
    tally_forget();
    add(TODAY - 1, "acme/big", "alpha", hashes[2], "", 8, 5, 0);
    CHECK(manage_find_key(or_str_z("oven"), true, &reply) == NULL, "by name");
    CHECK(reply.status == 404, "by name");
    CHECK(manage_find_key(or_str_z(hashes[2]), false, &reply) == NULL, "not among those there are");
    CHECK(manage_find_key(or_str_z(hashes[2]), true, &reply) == a, "by its hash");
    ask(manage_put_usage, "by=key");
    CHECK(has("{\"name\":\"oven\",\"hash\":\"bbbb"), "its name is known");
    books_forget_key(a);
    ask(manage_put_usage, "by=key");
    CHECK(has("{\"name\":\"bbbbbbbb2222"), "its hash is");
}

int main(void)
{
    or_buf_init_growing(&out, &mem_allocator, 16 << 20);
    endpoints[0].provider = OR_STR("alpha");
    endpoints[0].provider_name = OR_STR("Alpha");
    endpoints[0].tag = OR_STR("alpha/fp8");
    endpoints[1].provider = OR_STR("alpha");
    if (!books_begin()) abort();
    add_key(0, "kitchen");
    add_key(1, "kitchen2");
    add_key(2, "oven");
    test_activity();
    test_activity_groups();
    test_bad_text();
    test_usage();
    test_many();
    test_sessions();
    test_restart();
    test_rankings();
    test_apps();
    test_session_costs();
    test_deleted();
    tally_forget();
    books_end();
    or_buf_free(&out);
    CHECK(mem_used() == 0, "all memory is back");
    TEST_MAIN_END("test_manage");
}
