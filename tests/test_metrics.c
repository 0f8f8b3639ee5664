/* Counters and their text, and the ring of generations. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include "proxy/books.h"
#include "proxy/generations.h"
#include "proxy/metrics.h"
#include "tests/market_body.h"

static or_buf text;

static bool has(const char *line)
{
    return or_str_find(or_buf_str(&text), or_str_z(line), 0) < text.len;
}

static void print(void)
{
    metrics_state s;
    memset(&s, 0, sizeof s);
    s.connections = 3;
    s.memory_limit = 1000;
    s.uplink_down = true;
    s.m = market_now();
    or_buf_clear(&text);
    CHECK_ERR(metrics_put(&text, &s), OR_OK, "text");
}

/* Each line is a comment, or a name, labels in quotes that end, and a number; all is UTF-8. */
static bool is_line(or_str line)
{
    bool quoted = false;
    if (line.len == 0) return false;
    if (line.ptr[0] == '#') return true;
    for (size_t i = 0; i < line.len; i++) {
        if (quoted && line.ptr[i] == '\\') i++;
        else if (line.ptr[i] == '"') quoted = !quoted;
    }
    int64_t n;
    size_t  at = line.len;
    while (at > 0 && line.ptr[at - 1] != ' ') at--;
    return !quoted && or_decimal_read(or_str_of(line.ptr + at, line.len - at), 12, &n) == OR_OK;
}

static bool is_utf8(or_str s)
{
    char   mem[512];
    or_buf quoted;
    or_json_writer w;
    or_buf_init(&quoted, mem, sizeof mem);
    or_json_writer_init(&w, &quoted);
    or_json_put_str(&w, s);
    return or_json_writer_end(&w) == OR_OK;
}

static void check_lines(const char *name)
{
    or_str rest = or_buf_str(&text);
    while (rest.len > 0) {
        size_t n = or_str_find(rest, OR_STR("\n"), 0);
        CHECK(n < rest.len && is_line(or_str_of(rest.ptr, n)), name);
        CHECK(n > 500 || is_utf8(or_str_of(rest.ptr, n)), name);
        rest = or_str_of(rest.ptr + n + 1, rest.len - n - 1);
    }
}

static metrics_request request(const char *model, const char *provider, uint16_t status)
{
    metrics_request r;
    memset(&r, 0, sizeof r);
    r.model = or_str_z(model);
    r.provider = or_str_z(provider);
    r.status = status;
    r.attempts = 1;
    r.first_token_ms = r.added_ms = -1;
    return r;
}

static void test_counts(void)
{
    metrics_request r = request("a/b", "alpha", 200);
    r.key = OR_STR("k");
    r.attempts = 3;
    r.first_token_ms = 25;
    r.added_ms = 0;
    r.usage.set = true;
    r.usage.prompt_tokens = 10;
    r.usage.completion_tokens = 5;
    r.cost.source = OR_COST_COMPUTED;
    r.cost.pico_usd = 1500000;
    metrics_add(&r);
    r.usage.set = false; /* a guess */
    r.usage.prompt_tokens = 99;
    metrics_add(&r);
    r.truncated = true;
    r.cost.source = OR_COST_UNKNOWN;
    metrics_add(&r);
    print();
#define LABELS "{model=\"a/b\",provider=\"alpha\",key=\"k\",outcome=\"200\""
    CHECK(has("orproxy_requests_total" LABELS "} 2\n"), "requests");
    CHECK(has("orproxy_tokens_total" LABELS ",kind=\"prompt\"} 10\n"), "prompt");
    CHECK(has("orproxy_tokens_total" LABELS ",kind=\"completion\"} 5\n"), "completion");
    CHECK(has("orproxy_cost_usd_total" LABELS "} 0.000003\n"), "cost");
    CHECK(has("outcome=\"truncated\"} 1\n"), "truncated");
    CHECK(has("orproxy_unknown_costs_total" LABELS "} 0\n"), "unknown");
    CHECK(has("orproxy_first_token_seconds_bucket{le=\"0.01\"} 0\n"), "bucket");
    CHECK(has("orproxy_first_token_seconds_bucket{le=\"0.025\"} 3\n"), "bucket");
    CHECK(has("orproxy_first_token_seconds_bucket{le=\"+Inf\"} 3\n"), "bucket");
    CHECK(has("orproxy_first_token_seconds_sum 0.075\n"), "sum");
    CHECK(has("orproxy_attempts_total 9\n") && has("orproxy_fallbacks_total 6\n"), "attempts");
    CHECK(has("orproxy_client_connections 3\n") && has("orproxy_uplink_up 0\n"), "state");
    check_lines("counts");
}

/* Nobody served: no cost is missing, no time counts. */
static void test_refused(void)
{
    metrics_request r = request("", "", 401);
    r.attempts = 0;
    metrics_add(&r);
    print();
    CHECK(has("orproxy_unknown_costs_total{model=\"\",provider=\"\",key=\"\",outcome=\"401\"} 0\n"), "401");
    CHECK(has("orproxy_first_token_seconds_count 3\n"), "times");
}

/* Names of models are not ours: escaped, cut between characters, and not too many. */
static void test_labels(void)
{
    char            name[200];
    metrics_request r = request("q\"b\\n\nx", "p", 200);
    metrics_add(&r);
    print();
    CHECK(has("model=\"q\\\"b\\\\n\\nx\""), "escaped");
    for (int n = 90; n <= 98; n++) {
        memset(name, 'x', sizeof name);
        memcpy(name + n - 4, "\xf0\x9f\x98\x80", 5);
        r = request(name, "p", 200);
        metrics_add(&r);
    }
    print();
    check_lines("cut");
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "m%d", i);
        r = request(name, "p", 200);
        metrics_add(&r);
    }
    print();
    check_lines("many");
    CHECK(has("model=\"other\",provider=\"\",key=\"\",outcome=\"other\"}"), "other");
    CHECK(has("orproxy_requests_total" LABELS "} 2\n"), "the first ones stay");
}

static void test_breakers(void)
{
    or_outcome o = {.fault = OR_FAULT_RATE, .retry_after_ms = 9000};
    start("[provider alpha]\nkind = openai\nbase_url = http://10.0.0.1/v1\n"
          "[endpoint alpha a/b]\n[endpoint alpha a/c]\n[endpoint alpha a/d]\n");
    market *m = market_now();
    for (uint32_t i = 0; i < 2; i++) {
        if (i == 1) o = (or_outcome){.fault = OR_FAULT_NONE};
        or_stats_begin(&m->stats[i], ev_now());
        or_stats_end(&m->stats[i], ev_now(), &o);
    }
    print();
    CHECK(has("orproxy_endpoint_state{endpoint=\"alpha\",model=\"a/b\"} 1\n"), "cooling");
    CHECK(has("orproxy_endpoint_state{endpoint=\"alpha\",model=\"a/c\"} 0\n"), "healthy");
    CHECK(!has("model=\"a/d\""), "never tried");
    o.fault = OR_FAULT_PROVIDER;
    for (int i = 0; i < OR_STATS_TRIP; i++) {
        or_stats_begin(&m->stats[1], ev_now());
        or_stats_end(&m->stats[1], ev_now(), &o);
    }
    print();
    CHECK(has("model=\"a/c\"} 2\n"), "open");
}

static bool has_limit(const char *family, const char *labels, const char *value)
{
    char line[400];
    snprintf(line, sizeof line, "orproxy_%s{%s} %s\n", family, labels, value);
    return has(line);
}

static void test_limits(void)
{
    static char wrong[] = "caf\xc3\xa9 \"x\"\n";
    or_wall     wall = {false, 0};
    bool        full;
    conf       *c = settings_of("state = /nowhere\n[provider alpha]\nbase_url = http://10.0.0.1/v1\n"
                                "[organization]\nlimit = 20\n[app any]\nmatch = *\nlimit = 2\n");
    if (c == NULL) abort();
    print();
    CHECK(!has("credits_usd") && !has("limit_usd{") && has("orproxy_ledger_state 0\n"), "no books");
    if (!books_begin() || !books_follow(c, 0)) abort();
    account *a = books_scope(ACCOUNT_APP, or_str_z(wrong), c, &full);
    if (a == NULL) abort();
    books_clock(a, 0, wall);
    a->budget.spent_pico_usd = 1500000000000;
    a->budget.reserved_pico_usd = 1;
    print();
    CHECK(has_limit("limit_usd", "kind=\"organization\",name=\"organization\"", "20"), "all");
    CHECK(has_limit("limit_spent_usd", "kind=\"app\",name=\"caf\xc3\xa9 \\\"x\\\"\\n\"", "1.5"),
          "spent");
    CHECK(has_limit("limit_reserved_usd",
                    "kind=\"app\",name=\"caf\xc3\xa9 \\\"x\\\"\\n\"", "0.000000000001"),
          "reserved");
    CHECK(!has("credits_usd"), "no credits");
    books_set_credits(3000000000000, true);
    books_credits()->budget.spent_pico_usd = 4000000000000;
    print();
    CHECK(has("orproxy_credits_usd -1\n"), "overdrawn");
    CHECK(has_limit("limit_usd", "kind=\"credits\",name=\"credits\"", "3"), "credits");
    check_lines("limits");
    for (int i = 0; i < 600; i++) {
        char name[16];
        snprintf(name, sizeof name, "app %d", i);
        if (books_scope(ACCOUNT_APP, or_str_z(name), c, &full) == NULL) abort();
    }
    print();
    unsigned n = 0;
    for (or_str rest = or_buf_str(&text);; n++) {
        size_t at = or_str_find(rest, OR_STR("\norproxy_limit_usd{"), 0);
        if (at >= rest.len) break;
        rest = or_str_of(rest.ptr + at + 1, rest.len - at - 1);
    }
    CHECK(n == 500, "not more than 500");
    books_end();
    conf_drop(c);
}

/* ---- generations ---- */

static void remember(size_t max, const char *id, or_str key)
{
    generation_attempt  attempt = {.provider = OR_STR_INIT("p"), .model = OR_STR_INIT("m"), .status = 200};
    generation_endpoint two[2] = {{.tag = OR_STR_INIT("t1"), .reason = OR_ROUTE_KEPT},
                                  {.tag = OR_STR_INIT("t2"), .reason = OR_ROUTE_OFFLINE}};
    generation          g = {.id = or_str_z(id), .key = key, .attempts = &attempt,
                             .endpoints = two, .num_attempts = 1, .num_endpoints = 2};
    generations_add(max, &g);
    memset(&attempt, 'x', sizeof attempt); /* it has copies */
    memset(two, 'x', sizeof two);
}

/* Whether it is found, and what is told is about it. */
static bool knows(const char *id, const char *key)
{
    char   mem[4096], start[32];
    or_buf out;
    or_buf_init(&out, mem, sizeof mem);
    or_err e = key != NULL ? generations_put(&out, or_str_z(id), or_str_z(key))
                           : generations_put_any(&out, or_str_z(id));
    if (e == OR_ERR_ABSENT) return false;
    or_str told = or_buf_str(&out);
    snprintf(start, sizeof start, "{\"id\":\"%s\",", id);
    CHECK(e == OR_OK && or_json_check(told, NULL) == OR_OK, "JSON");
    CHECK(or_str_find(told, or_str_z(start), 0) == 0, "its id");
    CHECK(or_str_find(told, OR_STR("{\"provider_name\":\"p\",\"model_permaslug\":\"m\","), 0) < told.len,
          "its attempt");
    size_t one = or_str_find(told, OR_STR("\"tag\":\"t1\""), 0);
    size_t two = or_str_find(told, OR_STR("\"excluded\":[{\"provider\":null,\"tag\":\"t2\""), 0);
    CHECK(one < two && two < told.len, "its routing");
    return true;
}

static void test_generations(void)
{
    char   id[16], mem[1];
    or_str none = OR_STR("");
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "gen-%d", i);
        remember(3, id, i == 4 ? OR_STR("k") : none);
    }
    CHECK(!knows("gen-1", ""), "the oldest went");
    CHECK(knows("gen-2", ""), "kept");
    CHECK(knows("gen-4", "k"), "its key's");
    CHECK(!knows("gen-4", ""), "another's");
    CHECK(!knows("gen-3", "k"), "another's");
    CHECK(!knows("", ""), "no id");
    CHECK(knows("gen-4", NULL), "whosever it is");
    CHECK(!knows("gen-1", NULL), "the oldest went");
    or_buf small;
    or_buf_init(&small, mem, sizeof mem);
    CHECK(generations_put_any(&small, OR_STR("gen-4")) == OR_ERR_SPACE, "no room");
    remember(1, "one", none);
    CHECK(!knows("gen-4", "k"), "a smaller ring");
    remember(0, "two", none);
    CHECK(!knows("two", "") && !knows("one", ""), "none at all");
    remember(2, "one", none);
    mem_set_limit(mem_used());
    remember(2, "two", none);
    mem_set_limit(SIZE_MAX);
    CHECK(!knows("two", ""), "no memory");
    CHECK(knows("one", ""), "the others stay");
    generations_clear();
    generations_clear();
}

int main(void)
{
    ev_open(16);
    log_mute();
    or_buf_init_growing(&text, &mem_allocator, 4 << 20);
    start("[provider alpha]\nkind = openai\nbase_url = http://10.0.0.1/v1\n");
    test_counts();
    test_refused();
    test_labels();
    test_breakers();
    test_limits();
    test_generations();
    or_buf_free(&text);
    market_shutdown();
    CHECK(mem_used() == 0, "all memory is back");
    ev_close();
    remove_folder();
    TEST_MAIN_END("test_metrics");
}
