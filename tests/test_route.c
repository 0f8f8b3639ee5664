/* Routing: every line of tests/vectors/route.jsonl is a decision, worked out by hand from the
   rules, that or_route_replay has to make again. Then what needs many seeds, time or state:
   the dice, statistics, breaker, sticky conversations; reading of catalogues and preferences.

   TEST_ROUNDS is how many random cases of each kind are tried; lower it with -D where a machine
   is emulated. Run from the top of the repository, or say -DTEST_VECTORS=\"...\". */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/test.h"

#ifndef TEST_ROUNDS
#define TEST_ROUNDS 20000
#endif
#ifndef TEST_VECTORS
#define TEST_VECTORS "tests/vectors/route.jsonl"
#endif

static char     memory[131072], scratch_memory[32768];
static or_arena arena, scratch;

static void begin_arenas(void)
{
    or_arena_init(&arena, memory, sizeof memory);
    or_arena_init(&scratch, scratch_memory, sizeof scratch_memory);
}

static uint64_t random_state = 20261121;

static uint32_t random_below(uint32_t n)
{
    return (uint32_t)(ori_route_random(random_state++, 0) % n);
}

static bool random_bool(void)
{
    return random_below(2) == 0;
}

/* ---- vectors ---- */

static void print_str(or_str s)
{
    fprintf(stderr, "  %.*s\n", (int)s.len, s.ptr);
}

/* With memory exactly as large as needed, and one byte less. */
static void check_vector_memory(or_str line, size_t need, const char *name)
{
    or_plan      plan;
    or_catalogue catalogue;
    or_arena     exact;
    bool         same;
    char        *block = (char *)malloc(need);
    if (block == NULL) abort();
    or_arena_init(&exact, block, need);
    CHECK_ERR(or_route_replay(line, &exact, &plan, &catalogue, &same, NULL), OR_OK, name);
    or_arena_init(&exact, block, need - 1);
    CHECK_ERR(or_route_replay(line, &exact, &plan, &catalogue, &same, NULL), OR_ERR_SPACE, name);
    free(block);
}

/* With hashes of the names in the catalogue it is the same plan. */
static void check_names(const ori_replay *line, const or_plan *want, const char *name)
{
    static uint32_t     names[2 * 64];
    static or_candidate list[32];
    or_catalogue        c = line->catalogue;
    or_plan             plan;
    ori_route           route = {&line->request, &c, &line->moment, &plan};
    CHECK(c.num <= 64, name);
    for (uint32_t i = 0; i < c.num && i < 64; i++) {
        names[2 * i] = or_model_hash(c.endpoints[i].model);
        names[2 * i + 1] = or_model_hash(c.endpoints[i].canonical);
    }
    c.names = names;
    memset(list, 0, sizeof list);
    or_plan_init(&plan, list, 32);
    (void)ori_route_run(&route, NULL, line->healths);
    CHECK(plan.num == want->num && plan.num_out == want->num_out, name);
    for (uint32_t i = 0; i < plan.num + plan.num_out; i++)
        CHECK(plan.list[i].endpoint == want->list[i].endpoint &&
                  plan.list[i].reason == want->list[i].reason, name);
}

/* Recorded anew, the decision still is the same: so everything it depended on was written. */
static void check_vector_record(or_str text, const char *name)
{
    static ori_replay   line;
    static or_candidate list[32];
    static char         recorded[16384];
    or_json_doc         doc;
    ori_prefs           r = {&doc, 0, &arena, OR_OK, NULL, false};
    or_plan             plan;
    ori_route           route = {&line.request, &line.catalogue, &line.moment, &plan};
    or_buf              out;
    bool                same = false;
    memset(&line, 0, sizeof line);
    begin_arenas();
    CHECK_ERR(or_json_parse(&doc, text, 0, &arena), OR_OK, name);
    CHECK_ERR(ori_replay_read(&r, &line), OR_OK, name);
    or_plan_init(&plan, list, 32);
    (void)ori_route_run(&route, NULL, line.healths);
    check_names(&line, &plan, name);
    or_buf_init(&out, recorded, sizeof recorded);
    CHECK_ERR(or_route_record(&out, &plan, &line.request, &line.catalogue, &line.moment), OR_OK,
              name);
    begin_arenas();
    CHECK_ERR(or_route_replay(or_buf_str(&out), &arena, &plan, &line.catalogue, &same, NULL), OR_OK,
              name);
    CHECK(same, name);
}

static void check_vector(or_str text)
{
    or_str       line = test_exact(text), label;
    or_plan      plan;
    or_catalogue catalogue;
    or_json_doc  doc;
    or_buf       difference;
    bool         same = false;
    char         name[128], changes[2048];
    begin_arenas();
    CHECK_ERR(or_json_parse(&doc, line, 0, &arena), OR_OK, "a line");
    CHECK_ERR(or_json_get_str(&doc, or_json_find(&doc, 0, "/name"), &arena, &label), OR_OK, "name");
    snprintf(name, sizeof name, "%.*s", (int)label.len, label.ptr);
    begin_arenas();
    or_buf_init(&difference, changes, sizeof changes);
    CHECK_ERR(or_route_replay(line, &arena, &plan, &catalogue, &same, &difference), OR_OK, name);
    CHECK(same, name);
    if (!same) print_str(or_buf_str(&difference));
    CHECK(difference.len == 0 || !same, name);
    check_vector_memory(line, arena.peak, name);
    check_vector_record(line, name);
    free((void *)line.ptr);
}

static void test_vectors(void)
{
    static char line[8192];
    unsigned    count = 0;
    FILE       *f = fopen(TEST_VECTORS, "r");
    CHECK(f != NULL, TEST_VECTORS);
    if (f == NULL) return;
    while (fgets(line, sizeof line, f) != NULL) {
        size_t n = strlen(line);
        CHECK(n > 0 && line[n - 1] == '\n', "a line fits");
        if (n < 2) continue;
        check_vector(or_str_of(line, n - 1));
        count++;
    }
    fclose(f);
    CHECK(count > 300, "all lines were read");
}

/* Memory of every size, and an allocator that has none. */
static void test_replay_memory(void)
{
    static const char line[] =
        "{\"request\":{\"models\":[\"m\\u002fx\"],\"provider\":{\"only\":[\"a\",\"\\u0062\"]}},"
        "\"endpoints\":[{\"model_id\":\"m\\/x\",\"tag\":\"a\",\"pricing\":{\"overrides\":[{}]}}],"
        "\"aliases\":[[\"~m\",\"m\\/x\"]],\"plan\":[\"a m/x\"],\"out\":[]}";
    test_heap    heap = {0, 1, 0};
    or_allocator allocator = TEST_ALLOCATOR(&heap);
    or_plan      plan;
    or_catalogue catalogue;
    bool         same;
    begin_arenas();
    CHECK_ERR(or_route_replay(OR_STR(line), &arena, &plan, &catalogue, &same, NULL), OR_OK, "all");
    CHECK(same, "all");
    size_t need = arena.peak;
    for (size_t n = 0; n <= need; n += 4) {
        char *exact = (char *)malloc(n + 1);
        if (exact == NULL) abort();
        or_arena_init(&arena, exact, n);
        CHECK_ERR(or_route_replay(OR_STR(line), &arena, &plan, &catalogue, &same, NULL),
                  n < need ? OR_ERR_SPACE : OR_OK, "every size");
        CHECK(same == (n >= need), "every size");
        free(exact);
    }
    or_arena_init_growing(&arena, NULL, 0, &allocator);
    CHECK_ERR(or_route_replay(OR_STR(line), &arena, &plan, &catalogue, &same, NULL), OR_ERR_MEMORY,
              "no memory");
    or_arena_reset(&arena);
    CHECK(heap.outstanding == 0, "given back");
}

static void test_replay_wrong(void)
{
    static const struct {
        const char *line;
        or_err      err;
        bool        same;
    } cases[] = {
        {"", OR_ERR_TRUNCATED, false},
        {"{", OR_ERR_TRUNCATED, false},
        {"{]", OR_ERR_JSON, false},
        {"null", OR_ERR_TYPE, false},
        {"[]", OR_ERR_TYPE, false},
        {"[\"request\",{},\"endpoints\",[]]", OR_ERR_TYPE, false},
        {"{}", OR_ERR_TYPE, false},
        {"{\"request\":{}}", OR_ERR_TYPE, false},
        {"{\"endpoints\":[]}", OR_ERR_TYPE, false},
        {"{\"request\":[],\"endpoints\":[]}", OR_ERR_TYPE, false},
        {"{\"request\":{},\"endpoints\":{}}", OR_ERR_TYPE, false},
        {"{\"request\":{},\"endpoints\":[],\"aliases\":{}}", OR_ERR_TYPE, false},
        {"{\"request\":{\"models\":5},\"endpoints\":[]}", OR_ERR_TYPE, false},
        {"{\"request\":{\"models\":[5]},\"endpoints\":[]}", OR_ERR_TYPE, false},
        {"{\"request\":{\"provider\":{\"zdr\":1}},\"endpoints\":[]}", OR_ERR_TYPE, false},
        {"{\"request\":{\"provider\":{\"max_price\":{\"prompt\":-1}}},\"endpoints\":[]}",
         OR_ERR_RANGE, false},
        {"{\"request\":{\"sticky\":1.5},\"endpoints\":[]}", OR_ERR_RANGE, false},
        {"{\"request\":{},\"endpoints\":[{\"tag\":5}]}", OR_ERR_TYPE, false},
        {"{\"request\":{},\"endpoints\":[]}", OR_OK, false},                 /* no plan */
        {"{\"request\":{},\"endpoints\":[],\"plan\":[]}", OR_OK, false},     /* no out */
        {"{\"request\":{},\"endpoints\":[],\"plan\":[],\"out\":[]}", OR_OK, true}, /* no models */
        {"{\"request\":{},\"endpoints\":[],\"plan\":[],\"out\":[],\"x\":[1]}", OR_OK, true},
        {"{\"request\":{\"models\":[\"m\"]},\"endpoints\":[],\"plan\":[\"a m\"],\"out\":[]}", OR_OK,
         false},
        {"{\"request\":{\"models\":[\"m\"]},\"endpoints\":[{\"model_id\":\"m\"}],\"plan\":[\" m\"],"
         "\"out\":[]}", OR_OK, true}, /* without a name */
        {"{\"request\":{\"models\":[\"\"]},\"endpoints\":[5,[],{},\"model_id\"],"
         "\"aliases\":[5,[],[\"a\"],{}],\"plan\":[],\"out\":[]}", OR_OK, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_str       line = test_exact(or_str_z(cases[i].line));
        or_plan      plan;
        or_catalogue catalogue;
        bool         same = true;
        begin_arenas();
        CHECK_ERR(or_route_replay(line, &arena, &plan, &catalogue, &same, NULL), cases[i].err,
                  cases[i].line);
        CHECK(same == cases[i].same, cases[i].line);
        free((void *)line.ptr);
    }
    /* a difference is told */
    or_plan      plan;
    or_catalogue catalogue;
    bool         same;
    char         text[256];
    or_buf       difference;
    begin_arenas();
    or_buf_init(&difference, text, sizeof text);
    CHECK_ERR(or_route_replay(OR_STR("{\"request\":{\"models\":[\"m\"]},\"endpoints\":["
                                     "{\"model_id\":\"m\",\"provider\":\"p\"}],\"plan\":[],"
                                     "\"out\":[[\"p m\",\"disabled\"]]}"),
                              &arena, &plan, &catalogue, &same, &difference), OR_OK, "difference");
    CHECK_STR(or_buf_str(&difference),
              OR_STR("recorded [] [[\"p m\",\"disabled\"]], now {\"plan\":[\"p m\"],\"out\":[]}"),
              "difference");
    CHECK(plan.num == 1 && catalogue.num == 1 && plan.list[0].reason == OR_ROUTE_KEPT, "results");
    CHECK(plan.list[0].health.uptime_permille == 1000, "healthy when nothing is told");
}

/* ---- plans in memory ---- */

static const or_str the_model = OR_STR_INIT("m/x");

static or_endpoint endpoint(const char *tag, uint64_t pico)
{
    or_endpoint e;
    memset(&e, 0, sizeof e);
    e.model = the_model;
    e.tag = or_str_z(tag);
    e.provider = or_str_of(e.tag.ptr, or_str_find(e.tag, OR_STR("/"), 0));
    or_price_set(&e.prices.base, OR_PRICE_PROMPT, pico);
    or_price_set(&e.prices.base, OR_PRICE_COMPLETION, pico);
    return e;
}

static or_route_request request(void)
{
    or_route_request q;
    memset(&q, 0, sizeof q);
    q.models = &the_model;
    q.num_models = 1;
    return q;
}

static void test_plan_memory(void)
{
    or_endpoint      e[3] = {endpoint("a", 1), endpoint("b", 2), endpoint("c", 3)};
    or_catalogue     c = {e, 3, NULL, 0, NULL};
    or_route_request q = request();
    or_moment        moment = {0, {false, 0}, 1, 0};
    or_candidate     list[3];
    or_plan          plan;
    or_plan_init(&plan, list, 3);
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_OK, "n");
    CHECK(plan.num == 3 && plan.num_out == 0, "n");
    or_plan_init(&plan, list, 2);
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_ERR_SPACE, "n-1");
    CHECK(plan.num == 0 && plan.num_out == 0, "no half plan");
    or_plan_init(&plan, NULL, 0);
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_ERR_SPACE, "0");
    or_plan_init(&plan, list, 3);
    q.num_models = 0;
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_ERR_ARG, "no model");
    q = request();
    or_str other = OR_STR("m/y");
    q.models = &other;
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_ERR_MODEL, "unknown model");
    CHECK(plan.num == 0 && plan.num_out == 0, "unknown model");
    q = request();
    q.known_price = true;
    for (int i = 0; i < 3; i++) memset(&e[i].prices, 0, sizeof e[i].prices);
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_ERR_ROUTE, "nothing left");
    CHECK(plan.num == 0 && plan.num_out == 3, "with reasons");
    CHECK(list[0].reason == OR_ROUTE_UNKNOWN_PRICE && list[0].price == UINT64_MAX, "with reasons");
    e[0] = endpoint("a", 7);
    e[0].disabled = true;
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_ERR_ROUTE, "nothing left");
    CHECK(list[0].reason == OR_ROUTE_DISABLED && list[0].price == 28, "left out ones have a price");
}

/* What the candidates of a plan tell. */
static void test_candidates(void)
{
    or_endpoint e[4] = {endpoint("a", 5), endpoint("b", 2), endpoint("c", 3), endpoint("d", 9)};
    or_catalogue     c = {e, 4, NULL, 0, NULL};
    or_route_request q = request();
    or_moment        moment = {0, {false, 0}, 1, 0};
    or_str           order[] = {OR_STR_INIT("z"), OR_STR_INIT("d")};
    or_candidate     list[4];
    or_plan          plan;
    or_plan_init(&plan, list, 4);
    q.prefs.sort = OR_SORT_PRICE;
    q.sticky = or_endpoint_id(&e[2]);
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_OK, "plan");
    CHECK(list[0].endpoint == 2 && list[0].sticky && !list[1].sticky, "sticky");
    CHECK(list[1].endpoint == 1 && list[1].price == 8 && !list[1].drawn, "price");
    CHECK(list[0].order == UINT32_MAX && list[0].sort == OR_SORT_PRICE, "no order");
    q.prefs.order = order;
    q.prefs.num_order = 2;
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_OK, "plan");
    CHECK(list[0].endpoint == 3 && list[0].order == 1 && !list[1].sticky, "order");
    q = request();
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_OK, "plan");
    CHECK(list[0].drawn && !list[1].drawn && list[0].sort == OR_SORT_DEFAULT, "drawn");
    CHECK(list[0].health.uptime_permille == 1000 && list[0].rank == 0, "healthy");
    c.num = 2;
    q.sticky = or_endpoint_id(&e[0]);
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_OK, "plan");
    CHECK(!list[0].drawn && !list[1].drawn, "one alone is not drawn");
}

/* Percentiles are looked up where something depends on them, and nowhere else. */
static void test_measured(void)
{
    or_endpoint  e[2] = {endpoint("a", 1), endpoint("b", 100000)};
    or_catalogue c = {e, 2, NULL, 0, NULL};
    or_stats     stats[2];
    or_moment    moment = {0, {false, 0}, 1, 0};
    or_outcome   slow = {OR_FAULT_NONE, 900, 1000, 10, 0}, fast = {OR_FAULT_NONE, 100, 1000, 20, 0};
    memset(stats, 0, sizeof stats);
    or_stats_end(&stats[0], 0, &slow);
    or_stats_end(&stats[1], 0, &fast);
    for (int k = 0; k < 6; k++) {
        or_route_request q = request();
        or_candidate     list[2];
        or_plan          plan;
        or_str           nitro = OR_STR("m/x:nitro");
        or_plan_init(&plan, list, 2);
        q.prefs.sort = k == 0 ? OR_SORT_LATENCY : k == 1 ? OR_SORT_THROUGHPUT : OR_SORT_DEFAULT;
        if (k == 2) q.prefs.max_latency_ms.p99 = 500;
        if (k == 3) q.prefs.min_throughput_milli.p75 = 15000;
        if (k == 4) q.models = &nitro;
        CHECK_ERR(or_route_plan(&plan, &q, &c, stats, &moment), OR_OK, "measured");
        CHECK(list[0].endpoint == (k < 5 ? 1u : 0u), "measured");
        CHECK(list[0].health.latency_ms.p50 == (k < 5 ? 100u : 0u), "only where it is needed");
        CHECK(list[1].slow == (k == 2 || k == 3), "slow");
    }
}

static void test_retry_after(void)
{
    or_endpoint      e[3] = {endpoint("a", 1), endpoint("b", 2), endpoint("c", 3)};
    or_catalogue     c = {e, 3, NULL, 0, NULL};
    or_route_request q = request();
    or_stats         stats[3];
    or_moment        moment = {1000, {false, 0}, 1, 0};
    or_outcome       busy = {OR_FAULT_RATE, 0, 0, 0, 5000};
    or_candidate     list[3];
    or_plan          plan;
    or_plan_init(&plan, list, 3);
    memset(stats, 0, sizeof stats);
    or_stats_end(&stats[0], 1000, &busy);
    CHECK_ERR(or_route_plan(&plan, &q, &c, stats, &moment), OR_OK, "others");
    CHECK(plan.num == 2 && plan.retry_after_ms == 0, "at the very next pick");
    CHECK(list[2].reason == OR_ROUTE_COOLING && list[2].health.cooling_ms == 5000, "how long");
    busy.retry_after_ms = 3000;
    or_stats_end(&stats[1], 1000, &busy);
    e[2].disabled = true;
    CHECK_ERR(or_route_plan(&plan, &q, &c, stats, &moment), OR_ERR_ROUTE, "all");
    CHECK(plan.retry_after_ms == 3000, "the shortest wait");
    moment.now_ms = 3999;
    CHECK_ERR(or_route_plan(&plan, &q, &c, stats, &moment), OR_ERR_ROUTE, "n-1");
    CHECK(plan.retry_after_ms == 1, "n-1");
    moment.now_ms = 4000;
    CHECK_ERR(or_route_plan(&plan, &q, &c, stats, &moment), OR_OK, "n");
    CHECK(plan.num == 1 && list[0].endpoint == 1, "n");
}

/* ---- the dice ---- */

#define FACES 4

/* Is count out of TEST_ROUNDS within three sigma of a share of num / all? In integers. */
static bool likely(uint32_t count, uint64_t num, uint64_t all)
{
    int64_t off = (int64_t)(count * all) - (int64_t)(num * TEST_ROUNDS);
    return (uint64_t)(off * off) <= 9 * TEST_ROUNDS * num * (all - num);
}

static void test_dice(void)
{
    static const struct {
        const char *name;
        uint64_t    pico[FACES];
        uint32_t    share[FACES];
    } cases[] = {
        {"1 and 3 dollars", {1000000, 3000000}, {9, 1}},
        {"3 and 1 dollars", {3000000, 1000000}, {1, 9}},
        {"1, 2, 3", {1000000, 2000000, 3000000}, {36, 9, 4}},
        {"equal", {5, 5, 5, 5}, {1, 1, 1, 1}},
        {"smallest unit", {1, 2}, {4, 1}},
        {"largest", {UINT64_C(1000000000000000000), UINT64_C(2000000000000000000)}, {4, 1}},
        {"above 2^32",
         {UINT64_C(5000000000), UINT64_C(10000000000), UINT64_C(5000000000)},
         {4, 1, 4}},
        {"around 2^32", {UINT64_C(1073741823), UINT64_C(1073741824)}, {1, 1}},
        {"free and paid", {0, 1000000}, {1, 0}},
        {"all free", {0, 0, 0}, {1, 1, 1}},
        {"no chance", {1, 1000000}, {1, 0}},
        {"unknown and known", {UINT64_MAX, 1000000}, {0, 1}},
        {"all unknown", {UINT64_MAX, UINT64_MAX}, {1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_endpoint      e[FACES];
        or_catalogue     c = {e, 0, NULL, 0, NULL};
        or_route_request q = request();
        uint32_t         count[FACES] = {0, 0, 0, 0}, all = 0;
        static const char *const tags[] = {"a", "b", "c", "d"};
        for (; c.num < FACES; c.num++) {
            if (c.num > 1 && cases[i].share[c.num] == 0) break;
            e[c.num] = endpoint(tags[c.num], cases[i].pico[c.num]);
            if (cases[i].pico[c.num] == UINT64_MAX) e[c.num].prices.base.known = 0;
            all += cases[i].share[c.num];
        }
        for (uint32_t n = 0; n < TEST_ROUNDS; n++) {
            or_candidate list[FACES];
            or_plan      plan;
            or_moment    moment = {0, {false, 0}, n, 0};
            or_plan_init(&plan, list, FACES);
            if (or_route_plan(&plan, &q, &c, NULL, &moment) != OR_OK) break;
            count[list[0].endpoint]++;
        }
        for (uint32_t k = 0; k < c.num; k++)
            CHECK(likely(count[k], cases[i].share[k], all), cases[i].name);
    }
}

static void test_weights(void)
{
    or_endpoint      e[3] = {endpoint("a", 1), endpoint("b", 9), endpoint("c", 5)};
    or_catalogue     c = {e, 3, NULL, 0, NULL};
    or_route_request q = request();
    uint32_t         count[3] = {0, 0, 0};
    e[1].weight = 3; /* a has none, which is 1 */
    e[2].weight = 2;
    q.prefs.sort = OR_SORT_WEIGHT;
    for (uint32_t n = 0; n < TEST_ROUNDS; n++) {
        or_candidate list[3];
        or_plan      plan;
        or_moment    moment = {0, {false, 0}, n * UINT64_C(0x100000001), 0};
        or_plan_init(&plan, list, 3);
        if (or_route_plan(&plan, &q, &c, NULL, &moment) != OR_OK) break;
        count[list[0].endpoint]++;
    }
    for (uint32_t k = 0; k < 3; k++) CHECK(likely(count[k], k == 0 ? 1 : 4 - k, 6), "weights");
}

/* ---- random requests: pure, and the same again ---- */

#define MANY 8

static const or_str some_models[] = {OR_STR_INIT("m/x"),        OR_STR_INIT("m/x:free"),
                                     OR_STR_INIT("m/y"),        OR_STR_INIT("m/x:nitro"),
                                     OR_STR_INIT("m/y:floor"),  OR_STR_INIT("~m/l"),
                                     OR_STR_INIT("m/z:exacto"), OR_STR_INIT("M/Y:online")};
static const or_str some_tags[] = {
    OR_STR_INIT("a"), OR_STR_INIT("a/x"),        OR_STR_INIT("b"),     OR_STR_INIT("b/flex"),
    OR_STR_INIT("c"), OR_STR_INIT("a/priority"), OR_STR_INIT("d\"\\"), OR_STR_INIT("")};
static const or_str some_providers[] = {OR_STR_INIT("a"), OR_STR_INIT("b"), OR_STR_INIT("c"),
                                        OR_STR_INIT("Dee")};
static const or_str some_regions[] = {OR_STR_INIT("eu"), OR_STR_INIT("us")};

typedef struct random_case {
    or_route_request request;
    or_prefs         policy;
    or_str           models[3], names[3][3];
    or_endpoint      endpoints[MANY];
    or_price_rule    rules[2];
    or_alias         alias;
    or_catalogue     catalogue;
    or_stats         stats[MANY];
    or_moment        moment;
} random_case;

static const or_str *random_names(or_str *list, uint32_t *num)
{
    *num = random_below(3) == 0 ? 1 + random_below(3) : 0;
    for (uint32_t i = 0; i < *num; i++)
        list[i] = random_bool() ? some_tags[random_below(8)] : some_providers[random_below(4)];
    return *num > 0 ? list : NULL;
}

static void random_percentiles(or_percentiles *p)
{
    if (random_below(4) != 0) return;
    p->p50 = random_below(3) * random_below(2000);
    p->p75 = random_below(2) * random_below(3000);
    p->p90 = random_below(2) * random_below(3000);
    p->p99 = random_below(2) * random_below(3000);
}

static void random_prefs(or_prefs *p, or_str (*names)[3])
{
    p->order = random_names(names[0], &p->num_order);
    p->ignore = random_names(names[2], &p->num_ignore);
    if (random_bool()) p->only = random_names(names[1], &p->num_only);
    p->no_fallbacks = random_below(5) == 0;
    p->require_parameters = random_below(8) == 0;
    p->deny_data_collection = random_below(8) == 0;
    p->zdr = random_below(8) == 0;
    p->distillable_text = random_below(8) == 0;
    if (random_below(6) == 0) p->quantizations = random_below(1u << (OR_QUANT_NUM + 1));
    p->sort = (or_sort)random_below(OR_SORT_NUM);
    p->across_models = random_below(4) == 0;
    random_percentiles(&p->min_throughput_milli);
    random_percentiles(&p->max_latency_ms);
    for (unsigned key = 0; key <= OR_PRICE_AUDIO; key++)
        if (random_below(12) == 0 &&
            (key <= OR_PRICE_IMAGE || key == OR_PRICE_AUDIO))
            or_price_set(&p->max_price, (or_price_key)key, random_below(3000000));
}

static void random_prices(or_price_list *list)
{
    for (unsigned key = 0; key < OR_PRICE_NUM; key++) {
        uint32_t what = random_below(20);
        if (what == 0) list->named |= 1u << key;
        if (what > (key <= OR_PRICE_COMPLETION ? 1u : 15u))
            or_price_set(list, (or_price_key)key, random_below(4) * random_below(1000000));
    }
}

static void random_stats(or_stats *s)
{
    for (uint32_t n = random_below(70), now = random_below(1000); n > 0; n--) {
        or_outcome o = {OR_FAULT_NONE, random_below(3000), random_below(20000), random_below(900),
                        0};
        now += random_below(9000);
        if (random_below(4) == 0) o.fault = (or_fault)random_below(OR_FAULT_NUM);
        if (random_below(8) == 0) o.retry_after_ms = random_below(400000);
        or_stats_begin(s, now);
        or_stats_end(s, now, &o);
    }
}

static uint64_t random_bits(void)
{
    uint64_t high = random_below(UINT32_MAX);
    return high << 32 | random_below(UINT32_MAX);
}

static void random_endpoint(random_case *r, or_endpoint *e)
{
    e->model = some_models[random_below(3)];
    if (random_below(4) == 0) e->canonical = OR_STR("~m/l");
    e->tag = some_tags[random_below(7)];
    e->provider = or_str_of(e->tag.ptr, or_str_find(e->tag, OR_STR("/"), 0));
    if (random_below(4) == 0) e->provider_name = some_providers[random_below(4)];
    if (random_below(8) == 0) e->tag = or_str_of(NULL, 0);
    if (random_bool()) e->region = some_regions[random_below(2)];
    random_prices(&e->prices.base);
    e->prices.discount_ppb = random_below(3) == 0 ? random_below(1000000001) : 0;
    if (random_bool()) {
        e->prices.rules = r->rules;
        e->prices.num_rules = 1 + random_below(2);
    }
    e->context_length = random_below(3) * random_below(3000);
    e->max_prompt_tokens = random_below(2) * random_below(3000);
    e->max_completion_tokens = random_below(2) * random_below(3000);
    e->parameters_known = random_bool();
    e->parameters_at_most = e->parameters_known && random_bool();
    if (e->parameters_known) e->parameters = random_below(1u << OR_PARAM_NUM);
    e->input_modalities = (uint16_t)(random_bool() ? 0 : 1 | random_below(128));
    e->output_modalities = (uint16_t)(random_bool() ? 0 : 1 | random_below(128));
    e->weight = (uint16_t)(random_below(2) * random_below(65536));
    e->quality_permille = (uint16_t)(random_below(2) * random_below(1001));
    e->quantization = (or_quantization)random_below(OR_QUANT_NUM);
    e->collects_data = (or_tri)random_below(3);
    e->zdr = (or_tri)random_below(3);
    e->distillable = (or_tri)random_below(3);
    e->status = (int8_t)(random_below(4) == 0 ? -(int)random_below(11) : 0);
    e->byok = random_below(5) == 0;
    e->disabled = random_below(20) == 0;
    e->router = random_below(6) == 0;
    e->target = (uint16_t)random_below(70);
}

static void random_all(random_case *r)
{
    or_route_request *q = &r->request;
    memset(r, 0, sizeof *r);
    for (uint32_t i = 0; i < 3; i++) r->models[i] = some_models[random_below(8)];
    q->models = r->models;
    q->num_models = 1 + random_below(3);
    random_prefs(&q->prefs, r->names);
    if (random_below(4) == 0) q->policy = &r->policy;
    r->policy.zdr = random_bool();
    r->policy.ignore = &some_tags[random_below(7)];
    r->policy.num_ignore = random_below(2);
    if (random_below(4) == 0) q->parameters = random_below(1u << OR_PARAM_NUM);
    q->input_modalities = (uint16_t)(random_below(4) == 0 ? random_below(128) : 1);
    q->output_modalities = (uint16_t)(random_below(8) == 0 ? random_below(128) : 1);
    q->prompt_tokens = random_below(2) * random_below(2000);
    q->max_tokens = random_below(2) * random_below(2000);
    q->tier = random_bool() ? OR_TIER_NONE : (or_tier)random_below(4);
    if (random_below(8) == 0) q->region = some_regions[random_below(2)];
    q->known_price = random_below(8) == 0;
    q->needs_router = random_below(10) == 0;
    if (random_below(4) == 0) q->barred = random_bits();
    if (random_below(4) == 0) q->offline = random_bits();
    for (uint32_t i = 0; i < 2; i++) {
        random_prices(&r->rules[i].prices);
        r->rules[i].min_prompt_tokens = random_below(2) * random_below(2000);
        r->rules[i].utc_start = (uint16_t)(random_below(24) * 100);
        r->rules[i].utc_end = (uint16_t)(random_below(25) * 100);
        r->rules[i].utc_days = (uint8_t)(random_bool() ? 0 : random_below(256) | 128);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        random_endpoint(r, &r->endpoints[i]);
        random_stats(&r->stats[i]);
    }
    r->alias.name = OR_STR("~m/l");
    r->alias.model = some_models[random_below(3)];
    r->catalogue.endpoints = r->endpoints;
    r->catalogue.num = 1 + random_below(MANY);
    r->catalogue.aliases = &r->alias;
    r->catalogue.num_aliases = random_below(2);
    if (random_below(3) == 0) q->sticky = or_endpoint_id(&r->endpoints[random_below(MANY)]);
    r->moment.now_ms = 200000 + random_below(300000);
    r->moment.wall.known = random_bool();
    r->moment.wall.unix_s = 1794787200 + random_below(700000);
    r->moment.seed = ori_route_random(random_state++, 1);
    r->moment.turn = random_below(100);
}

/* Every endpoint at most once, kept ones without a reason, left out ones with one. */
static bool is_sound(const random_case *r, const or_plan *p)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < p->num + p->num_out; i++) {
        const or_candidate *c = &p->list[i];
        if (c->endpoint >= r->catalogue.num || (seen >> c->endpoint & 1) != 0) return false;
        if ((c->reason == OR_ROUTE_KEPT) != (i < p->num)) return false;
        if (c->model >= r->request.num_models) return false;
        seen |= 1u << c->endpoint;
    }
    return true;
}

static void test_random(void)
{
    static random_case  r, before;
    static or_candidate list[MANY], again[MANY];
    static char         text[32768];
    uint32_t            planned = 0, wrong = 0;
    for (uint32_t n = 0; n < TEST_ROUNDS / 10 && wrong == 0; n++) {
        or_plan      plan, second;
        or_catalogue catalogue;
        or_buf       line, difference;
        char         changes[2048];
        bool         same = false;
        random_all(&r);
        memcpy(&before, &r, sizeof r);
        memset(list, 0x55, sizeof list);
        memset(again, 0xaa, sizeof again);
        or_plan_init(&plan, list, MANY);
        or_plan_init(&second, again, MANY);
        or_err e = or_route_plan(&plan, &r.request, &r.catalogue, r.stats, &r.moment);
        CHECK_ERR(or_route_plan(&second, &r.request, &r.catalogue, r.stats, &r.moment), e, "again");
        wrong += memcmp(&before, &r, sizeof r) != 0;
        wrong += plan.num != second.num || plan.num_out != second.num_out;
        for (uint32_t i = 0; i < plan.num + plan.num_out && i < MANY; i++)
            wrong += list[i].endpoint != again[i].endpoint || list[i].reason != again[i].reason;
        CHECK(wrong == 0, "a pure function");
        CHECK(is_sound(&r, &plan), "a sound plan");
        planned += e == OR_OK;

        begin_arenas();
        or_buf_init(&line, text, sizeof text);
        or_buf_init(&difference, changes, sizeof changes);
        CHECK_ERR(or_route_record(&line, &plan, &r.request, &r.catalogue, &r.moment), OR_OK,
                  "record");
        CHECK_ERR(
            or_route_replay(or_buf_str(&line), &arena, &second, &catalogue, &same, &difference),
            OR_OK, "replay");
        CHECK(same, "the same again");
        if (same) continue;
        wrong++;
        print_str(or_buf_str(&line));
        print_str(or_buf_str(&difference));
    }
    CHECK(planned > 0 || TEST_ROUNDS < 2000, "enough of them had a plan");
}

/* All there is to record, to the byte: what was not said is not written. */
static void test_record(void)
{
    or_endpoint      e[3] = {endpoint("a/x", 1500000), endpoint("b", 2), endpoint("c", 3)};
    or_alias         aliases[] = {{OR_STR_INIT("~m/y"), OR_STR_INIT("m/y")},
                                  {OR_STR_INIT("~m/x"), OR_STR_INIT("m/x")}};
    or_catalogue     c = {e, 3, aliases, 2, NULL};
    or_route_request q = request();
    or_stats         stats[3];
    or_moment        moment = {0, {true, -5}, UINT64_MAX, 7};
    or_prefs         policy;
    or_price_rule    rules[2], *rule = &rules[0];
    or_outcome       good = {OR_FAULT_NONE, 100, 1000, 20, 0}, busy = {OR_FAULT_RATE, 0, 0, 0, 900};
    or_candidate     list[3];
    or_plan          plan;
    or_buf           out;
    char             text[4096];
    memset(stats, 0, sizeof stats);
    memset(&policy, 0, sizeof policy);
    memset(rules, 0, sizeof rules);
    or_stats_end(&stats[0], 0, &good);
    or_stats_end(&stats[2], 0, &busy);
    or_price_set(&rule->prices, OR_PRICE_COMPLETION, 5);
    rule->prices.named |= 1u << OR_PRICE_AUDIO;
    rule->min_prompt_tokens = 1000;
    rule->utc_start = 2200;
    rule->utc_end = 600;
    rule->utc_days = 1 | 1 << 6;
    or_price_set(&rules[1].prices, OR_PRICE_PROMPT, 0);
    e[0].prices.rules = rules;
    e[0].prices.num_rules = 2;
    e[0].prices.discount_ppb = 100000000;
    e[0].canonical = OR_STR("m/x-1");
    e[0].provider_name = OR_STR("A");
    e[0].region = OR_STR("eu");
    e[0].context_length = 1001;
    e[0].max_prompt_tokens = 1000;
    e[0].max_completion_tokens = 999;
    e[0].parameters_known = true;
    e[0].parameters = 1u << OR_PARAM_VERBOSITY;
    e[0].input_modalities = OR_MODALITY_TEXT | OR_MODALITY_RERANK;
    e[0].output_modalities = OR_MODALITY_RERANK;
    e[0].quantization = OR_QUANT_FP8;
    e[0].collects_data = OR_NO;
    e[0].zdr = OR_YES;
    e[0].distillable = OR_NO;
    e[0].weight = 3;
    e[0].quality_permille = 900;
    e[0].byok = true;
    e[0].status = -1;
    e[1].model = OR_STR("m/z"); /* not asked for, not recorded */
    e[2].disabled = true;
    memset(&e[2].prices, 0, sizeof e[2].prices);
    q.policy = &policy;
    policy.zdr = true;
    q.prefs.max_latency_ms.p50 = 5000;
    q.parameters = 1;
    q.input_modalities = OR_MODALITY_TEXT | OR_MODALITY_RERANK;
    q.output_modalities = OR_MODALITY_RERANK;
    q.prompt_tokens = 10;
    q.max_tokens = 20;
    q.tier = OR_TIER_DEFAULT;
    q.region = OR_STR("EU");
    q.sticky = 12345;
    q.known_price = true;
    or_plan_init(&plan, list, 3);
    CHECK_ERR(or_route_plan(&plan, &q, &c, stats, &moment), OR_OK, "record");
    or_buf_init(&out, text, sizeof text);
    CHECK_ERR(or_route_record(&out, &plan, &q, &c, &moment), OR_OK, "record");
    static const char want[] =
        "{\"seed\":18446744073709551615,\"turn\":7,\"unix\":-5,\"request\":{\"models\":[\"m/x\"],"
        "\"provider\":{\"preferred_max_latency\":{\"p50\":5}},\"policy\":{\"zdr\":true},"
        "\"parameters\":[\"temperature\"],\"input_modalities\":[\"text\",\"rerank\"],"
        "\"output_modalities\":[\"rerank\"],\"prompt_tokens\":10,\"max_tokens\":20,"
        "\"service_tier\":\"default\",\"region\":\"EU\",\"sticky\":12345,\"known_price\":true},"
        "\"endpoints\":[{\"model_id\":\"m/x\",\"canonical_slug\":\"m/x-1\",\"tag\":\"a/x\","
        "\"provider\":\"a\",\"provider_name\":\"A\",\"region\":\"eu\",\"context_length\":1001,"
        "\"max_prompt_tokens\":1000,\"max_completion_tokens\":999,\"pricing\":{"
        "\"prompt\":0.0000015,\"completion\":0.0000015,\"discount\":0.1,\"overrides\":[{"
        "\"min_prompt_tokens\":1000,\"utc_start\":2200,\"utc_end\":600,"
        "\"utc_days\":[\"monday\",\"sunday\"],\"completion\":0.000000000005,\"audio\":\"-1\"},"
        "{\"prompt\":0}]},"
        "\"supported_parameters\":[\"verbosity\"],\"input_modalities\":[\"text\",\"rerank\"],"
        "\"output_modalities\":[\"rerank\"],\"quantization\":\"fp8\",\"data_collection\":\"deny\","
        "\"zdr\":true,\"distillable\":false,\"weight\":3,\"quality\":900,\"is_byok\":true,"
        "\"status\":-1,\"health\":{\"latency_ms\":[100,100,100,100],"
        "\"throughput_milli\":[20000,20000,20000,20000],\"uptime_permille\":1000}},"
        "{\"model_id\":\"m/x\",\"tag\":\"c\",\"provider\":\"c\",\"input_modalities\":[],"
        "\"output_modalities\":[],\"disabled\":true,\"health\":{\"cooling_ms\":900,"
        "\"uptime_permille\":1000}}],\"aliases\":[[\"~m/x\",\"m/x\"]],"
        "\"plan\":[\"a/x m/x\"],\"out\":[[\"c m/x\",\"disabled\"]]}";
    CHECK_STR(or_buf_str(&out), OR_STR(want), "record");
}

static void test_record_space(void)
{
    static random_case r;
    or_candidate       list[MANY];
    or_plan            plan;
    or_buf             out;
    char               text[4096];
    random_all(&r);
    r.catalogue.num = 2;
    or_plan_init(&plan, list, MANY);
    (void)or_route_plan(&plan, &r.request, &r.catalogue, NULL, &r.moment);
    or_buf_init(&out, text, sizeof text);
    CHECK_ERR(or_route_record(&out, &plan, &r.request, &r.catalogue, &r.moment), OR_OK, "fits");
    size_t need = out.len;
    or_buf_init(&out, text, need);
    CHECK_ERR(or_route_record(&out, &plan, &r.request, &r.catalogue, &r.moment), OR_OK, "n");
    or_buf_init(&out, text, need - 1);
    CHECK_ERR(or_route_record(&out, &plan, &r.request, &r.catalogue, &r.moment), OR_ERR_SPACE,
              "n-1");
}

/* ---- statistics ---- */

static or_health health_at(const or_stats *s, uint32_t now_ms)
{
    or_health h;
    or_stats_health(s, now_ms, true, &h);
    return h;
}

static void end_attempt(or_stats *s, uint32_t now_ms, or_fault fault)
{
    or_outcome o = {fault, 100, 1000, 50, 0};
    or_stats_begin(s, now_ms);
    or_stats_end(s, now_ms, &o);
}

/* By definition: the smallest value that so many percent of all are not above. */
static uint32_t naive_percentile(const uint32_t *v, uint32_t num, uint32_t percent, bool rate)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < num; i++) {
        uint32_t good = 0;
        for (uint32_t k = 0; k < num; k++) good += rate ? v[k] >= v[i] : v[k] <= v[i];
        if (good * 100 < percent * num) continue;
        if (best == 0 || (rate ? v[i] > best : v[i] < best)) best = v[i];
    }
    return best;
}

/* Everything that ever happened, in a list without an end: what counts are the successes among
   the last OR_STATS_SAMPLES, in units of 128 ms not older than the window. */
typedef struct history {
    uint32_t when, latency, rate;
} history;

static bool same_percentiles(const history *all, uint32_t num, uint32_t now, bool rate,
                             const or_percentiles *got)
{
    uint32_t v[OR_STATS_SAMPLES], n = 0;
    for (uint32_t i = num > OR_STATS_SAMPLES ? num - OR_STATS_SAMPLES : 0; i < num; i++) {
        uint32_t value = rate ? all[i].rate : all[i].latency;
        uint32_t age = ((now >> 7) - (all[i].when >> 7)) & 0x1ffffff;
        if (now - all[num - 1].when > OR_STATS_WINDOW_MS) break;
        if (value > 0 && age <= OR_STATS_WINDOW_MS / 128) v[n++] = value;
    }
    return got->p50 == naive_percentile(v, n, 50, rate) &&
           got->p75 == naive_percentile(v, n, 75, rate) &&
           got->p90 == naive_percentile(v, n, 90, rate) &&
           got->p99 == naive_percentile(v, n, 99, rate);
}

static void test_percentiles(void)
{
    enum { MOST = 120 };
    static history all[MOST];
    uint32_t       wrong = 0;
    for (uint32_t round = 0; round < TEST_ROUNDS / 500 + 4 && wrong == 0; round++) {
        or_stats s;
        uint32_t now = UINT32_MAX - random_below(2000000), step = 1 + random_below(30000);
        memset(&s, 0, sizeof s);
        for (uint32_t n = 0; n < MOST; n++) {
            or_outcome o = {OR_FAULT_NONE, random_below(5) * random_below(4000),
                            random_below(4) * random_below(9000), random_below(500), 0};
            history   *h = &all[n];
            now += random_below(step);
            if (random_below(40) == 0) now += OR_STATS_WINDOW_MS - 5000 + random_below(10000);
            if (random_below(6) == 0) o.fault = OR_FAULT_PROVIDER;
            h->when = now;
            h->latency = o.fault != OR_FAULT_NONE ? 0 : o.first_token_ms > 0 ? o.first_token_ms : 1;
            h->rate = o.fault != OR_FAULT_NONE || o.duration_ms == 0
                          ? 0
                          : (uint32_t)((uint64_t)o.tokens * 1000000 / o.duration_ms);
            or_stats_begin(&s, now);
            or_stats_end(&s, now, &o);
            or_health got = health_at(&s, now);
            wrong += !same_percentiles(all, n + 1, now, false, &got.latency_ms);
            wrong += !same_percentiles(all, n + 1, now, true, &got.throughput_milli);
            uint32_t later = now + random_below(OR_STATS_WINDOW_MS + 2000);
            got = health_at(&s, later);
            wrong += !same_percentiles(all, n + 1, later, false, &got.latency_ms);
            wrong += !same_percentiles(all, n + 1, later, true, &got.throughput_milli);
        }
    }
    CHECK(wrong == 0, "percentiles");
}

/* Windows to the unit of 128 ms; begun anywhere, also where the clock wraps. */
static void test_windows(void)
{
    static const uint32_t begin[] = {0, 1, 128, 1000000, UINT32_MAX - 200000, UINT32_MAX - 20000,
                                     UINT32_MAX};
    for (size_t i = 0; i < sizeof begin / sizeof begin[0]; i++) {
        uint32_t t = begin[i] & ~127u, w = OR_STATS_WINDOW_MS & ~127u,
                 o = OR_STATS_OUTAGE_MS & ~127u;
        or_stats s;
        memset(&s, 0, sizeof s);
        end_attempt(&s, t, OR_FAULT_NONE);
        CHECK(health_at(&s, t).latency_ms.p50 == 100, "at once");
        CHECK(health_at(&s, t + w).latency_ms.p99 == 100, "n-1");
        CHECK(health_at(&s, t + OR_STATS_WINDOW_MS).latency_ms.p50 == 100, "n");
        CHECK(health_at(&s, t + OR_STATS_WINDOW_MS + 1).latency_ms.p50 == 0, "n+1");
        CHECK(health_at(&s, t + OR_STATS_WINDOW_MS + 1).throughput_milli.p50 == 0, "n+1");
        for (uint32_t far = 1; far < 512; far++) /* all round the clock of samples, and of ms */
            CHECK(health_at(&s, t + far * 8388608u).latency_ms.p50 == 0, "far away");
        CHECK(health_at(&s, t - 1).latency_ms.p50 == 0, "before");
        /* an older one goes while the younger one stays */
        end_attempt(&s, t + 1000, OR_FAULT_NONE);
        CHECK(health_at(&s, t + w + 128).latency_ms.p50 == 100, "the second");
        memset(&s, 0, sizeof s);
        end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(health_at(&s, t + o).outage, "outage n-1");
        CHECK(health_at(&s, t + OR_STATS_OUTAGE_MS).outage, "outage n");
        CHECK(!health_at(&s, t + OR_STATS_OUTAGE_MS + 1).outage, "outage n+1");
        CHECK(!health_at(&s, t - 1).outage, "outage before");
    }
}

static void test_outage(void)
{
    or_stats s;
    memset(&s, 0, sizeof s);
    CHECK(!health_at(&s, 5).outage && health_at(&s, 5).uptime_permille == 1000, "new");
    end_attempt(&s, 1000, OR_FAULT_NONE);
    CHECK(!health_at(&s, 1000).outage, "1 of 1");
    end_attempt(&s, 1000, OR_FAULT_PROVIDER);
    CHECK(health_at(&s, 1000).outage, "1 of 2: as often as not");
    end_attempt(&s, 1000, OR_FAULT_NONE);
    CHECK(!health_at(&s, 1000).outage, "2 of 3");
    end_attempt(&s, 1000, OR_FAULT_KEY);
    CHECK(health_at(&s, 1000).outage, "a refused key is a failure too");
    memset(&s, 0, sizeof s);
    end_attempt(&s, 1000, OR_FAULT_RATE);
    end_attempt(&s, 1000, OR_FAULT_CALLER);
    end_attempt(&s, 1000, OR_FAULT_US);
    CHECK(!health_at(&s, 1000).outage && s.num == 0, "these are not");
    CHECK(s.outcomes[OR_FAULT_RATE] == 1 && s.outcomes[OR_FAULT_CALLER] == 1 &&
              s.outcomes[OR_FAULT_US] == 1 && s.outcomes[OR_FAULT_NONE] == 0, "but are counted");
    /* the ring is full of the last ones */
    memset(&s, 0, sizeof s);
    for (uint32_t n = 0; n < OR_STATS_SAMPLES; n++) end_attempt(&s, n, OR_FAULT_PROVIDER);
    for (uint32_t n = 0; n < OR_STATS_SAMPLES / 2; n++) end_attempt(&s, 300 + n, OR_FAULT_NONE);
    CHECK(s.num == OR_STATS_SAMPLES && health_at(&s, 600).outage, "half of the ring");
    end_attempt(&s, 600, OR_FAULT_NONE);
    CHECK(s.num == OR_STATS_SAMPLES && !health_at(&s, 600).outage, "more than half");
    /* an attempt that ends without having begun, a duration of 0, no tokens */
    or_outcome o = {OR_FAULT_NONE, 0, 0, 5, 0};
    memset(&s, 0, sizeof s);
    or_stats_end(&s, 0, &o);
    CHECK(s.in_flight == 0 && health_at(&s, 0).throughput_milli.p50 == 0, "nothing known");
    CHECK(health_at(&s, 0).latency_ms.p50 == 1, "but it was there");
    or_stats_begin(&s, 0);
    or_stats_begin(&s, 0);
    CHECK(s.in_flight == 2, "in flight");
    o.duration_ms = 1;
    o.tokens = UINT32_MAX;
    or_stats_end(&s, 0, &o);
    CHECK(s.in_flight == 1 && health_at(&s, 0).throughput_milli.p50 == UINT32_MAX, "saturates");
    or_health h;
    or_stats_health(&s, 0, false, &h);
    CHECK(h.latency_ms.p50 == 0 && h.throughput_milli.p50 == 0, "not asked for");
    s.outcomes[OR_FAULT_NONE] = UINT32_MAX;
    or_stats_end(&s, 0, &o);
    CHECK(s.outcomes[OR_FAULT_NONE] == UINT32_MAX, "counts stop at the end");
}

#define HALF_DAY 43200000u

static void test_uptime(void)
{
    static const uint32_t begin[] = {0, UINT32_MAX - 1000};
    for (int k = 0; k < 2; k++) {
        uint32_t t = begin[k];
        or_stats s;
        memset(&s, 0, sizeof s);
        for (int n = 0; n < 99; n++) end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(health_at(&s, t).uptime_permille == 1000, "99 attempts say nothing");
        end_attempt(&s, t, OR_FAULT_NONE);
        CHECK(health_at(&s, t).uptime_permille == 10, "100 do");
        CHECK(health_at(&s, t + 2 * HALF_DAY - 1).uptime_permille == 10, "for a day");
        CHECK(health_at(&s, t + 2 * HALF_DAY).uptime_permille == 1000, "and no longer");
        for (int n = 0; n < 100; n++) end_attempt(&s, t + HALF_DAY - 1, OR_FAULT_NONE);
        CHECK(health_at(&s, t + HALF_DAY - 1).uptime_permille == 505, "101 of 200");
        for (int n = 0; n < 50; n++) end_attempt(&s, t + HALF_DAY + 500, OR_FAULT_NONE);
        CHECK(health_at(&s, t + HALF_DAY + 500).uptime_permille == 604, "151 of 250");
        CHECK(health_at(&s, t + 2 * HALF_DAY - 1).uptime_permille == 604,
              "until the first half goes");
        CHECK(health_at(&s, t + 2 * HALF_DAY).uptime_permille == 1000, "50 attempts left");
        for (int n = 0; n < 50; n++) end_attempt(&s, t + 2 * HALF_DAY, OR_FAULT_PROVIDER);
        CHECK(health_at(&s, t + 2 * HALF_DAY).uptime_permille == 500, "50 of 100");
        memset(&s, 0, sizeof s);
        for (int n = 0; n < 100; n++) end_attempt(&s, t, OR_FAULT_NONE);
        CHECK(health_at(&s, t).uptime_permille == 1000, "all of 100");
        end_attempt(&s, t + 5 * HALF_DAY, OR_FAULT_PROVIDER);
        CHECK(health_at(&s, t + 5 * HALF_DAY).uptime_permille == 1000, "after a long pause");
    }
}

/* CLOSED -> OPEN -> HALF-OPEN -> CLOSED, or OPEN for twice the time. */
static void test_breaker(void)
{
    static const uint32_t begin[] = {1000, UINT32_MAX - 12000};
    for (int k = 0; k < 2; k++) {
        uint32_t t = begin[k], time = OR_STATS_OPEN_MS;
        or_stats s;
        memset(&s, 0, sizeof s);
        for (int n = 1; n < OR_STATS_TRIP; n++) end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(!health_at(&s, t).open, "n-1 failures");
        end_attempt(&s, t, OR_FAULT_NONE);
        for (int n = 1; n < OR_STATS_TRIP; n++) end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(!health_at(&s, t).open, "in a row, that is");
        end_attempt(&s, t, OR_FAULT_CALLER);
        end_attempt(&s, t, OR_FAULT_US);
        CHECK(!health_at(&s, t).open, "whoever else is to blame does not count");
        for (int n = 0; n < 10; n++) or_stats_begin(&s, t); /* ten in parallel */
        end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(health_at(&s, t).open, "n failures");
        or_outcome bad = {OR_FAULT_PROVIDER, 0, 0, 0, 0};
        for (int n = 0; n < 10; n++) or_stats_end(&s, t + 1, &bad);
        end_attempt(&s, t + 2, OR_FAULT_PROVIDER); /* tried all the same, for want of others */
        CHECK(health_at(&s, t + time - 1).open, "n-1 ms");
        CHECK(!health_at(&s, t + time).open, "n ms: what began before it opened adds nothing");
        for (int n = 0; n < 9; n++) {
            t += time;
            CHECK(!health_at(&s, t).open, "half open");
            or_stats_begin(&s, t);
            CHECK(health_at(&s, t).open, "one trial only");
            or_stats_end(&s, t, &bad);
            if (n < 6) time *= 2;
            CHECK(health_at(&s, t + time - 1).open, "twice as long, n-1");
            CHECK(!health_at(&s, t + time).open, "twice as long, n");
        }
        CHECK(time == 64 * OR_STATS_OPEN_MS, "64 times at most");
        t += time;
        or_stats_begin(&s, t);
        bad.fault = OR_FAULT_CALLER;
        or_stats_end(&s, t, &bad);
        CHECK(!health_at(&s, t).open && s.open, "a trial that says nothing: another one may");
        end_attempt(&s, t, OR_FAULT_NONE);
        CHECK(!health_at(&s, t).open && !s.open, "closed");
        for (int n = 1; n < OR_STATS_TRIP; n++) end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(!health_at(&s, t).open, "counts anew");
        end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(!health_at(&s, t + OR_STATS_OPEN_MS).open, "from the shortest time on");
    }
    or_stats s;
    memset(&s, 0, sizeof s);
    end_attempt(&s, 0, OR_FAULT_KEY);
    CHECK(health_at(&s, OR_STATS_OPEN_MS - 1).open, "a refused key opens at once");
    CHECK(!health_at(&s, OR_STATS_OPEN_MS).open, "for the same time");
    memset(&s, 0, sizeof s);
    end_attempt(&s, 0, OR_FAULT_RATE);
    CHECK(health_at(&s, 0).open && health_at(&s, 0).cooling_ms == 0,
          "so does a 429 without a time");
    memset(&s, 0, sizeof s);
    for (int n = 0; n < 300; n++) end_attempt(&s, 0, OR_FAULT_PROVIDER);
    CHECK(s.streak == UINT8_MAX, "a streak does not wrap");
}

static void test_cooling(void)
{
    static const uint32_t begin[] = {0, UINT32_MAX - 500};
    or_stats              s;
    for (int k = 0; k < 2; k++) {
        uint32_t   t = begin[k];
        or_outcome o = {OR_FAULT_RATE, 0, 0, 0, 1000};
        memset(&s, 0, sizeof s);
        or_stats_end(&s, t, &o);
        CHECK(health_at(&s, t).cooling_ms == 1000 && !health_at(&s, t).open, "asked to wait");
        CHECK(health_at(&s, t + 999).cooling_ms == 1, "n-1");
        CHECK(health_at(&s, t + 1000).cooling_ms == 0, "n");
        end_attempt(&s, t + 10, OR_FAULT_NONE);
        CHECK(health_at(&s, t + 10).cooling_ms == 990,
              "a success that began earlier changes nothing");
        o.retry_after_ms = 0;
        or_stats_end(&s, t + 20, &o);
        CHECK(health_at(&s, t + 20).cooling_ms == 980, "nor does a 429 without a time");
        o.retry_after_ms = 1;
        or_stats_end(&s, t + 100, &o);
        CHECK(health_at(&s, t + 100).cooling_ms == 1, "the last word counts");
        CHECK(health_at(&s, t + 101).cooling_ms == 0, "the last word counts");
        for (uint32_t days = 1; days < 49; days++)
            CHECK(health_at(&s, t + days * 86400000u).cooling_ms == 0, "weeks later");
        for (uint32_t more = 0; more < 2; more++) {
            o.retry_after_ms = OR_STATS_COOL_MS - 1 + 2 * more;
            or_stats_end(&s, t, &o);
            CHECK(health_at(&s, t).cooling_ms == OR_STATS_COOL_MS - 1 + more, "an hour at most");
        }
        o.fault = OR_FAULT_PROVIDER; /* 503 with Retry-After */
        o.retry_after_ms = 700;
        or_stats_end(&s, t, &o);
        CHECK(health_at(&s, t).cooling_ms == 700, "overloaded");
        o.fault = OR_FAULT_CALLER;
        o.retry_after_ms = 9000;
        or_stats_end(&s, t, &o);
        CHECK(health_at(&s, t).cooling_ms == 700, "not for this");
    }
    /* an open breaker is not open again weeks later either */
    memset(&s, 0, sizeof s);
    end_attempt(&s, 0, OR_FAULT_KEY);
    for (uint32_t days = 1; days < 49; days++)
        CHECK(!health_at(&s, days * 86400000u).open, "weeks later");
}

/* ---- sticky conversations ---- */

static or_conversation conversation(const char *session)
{
    or_conversation c;
    memset(&c, 0, sizeof c);
    c.account = OR_STR("me");
    c.model = the_model;
    c.session_id = or_str_z(session);
    c.prompt_cache_key = OR_STR("k");
    c.first_system = OR_STR("be brief");
    c.first_message = OR_STR("hello");
    return c;
}

static void test_sticky_key(void)
{
    or_conversation a = conversation("s"), b = conversation("s");
    b.prompt_cache_key = b.first_system = b.first_message = OR_STR("other");
    CHECK(or_sticky_key(&a) == or_sticky_key(&b), "the session before all");
    b.session_id = OR_STR("t");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "session");
    b.session_id = a.session_id;
    b.account = OR_STR("you");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "account");
    b.account = a.account;
    b.model = OR_STR("m/y");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "model");
    a.session_id = b.session_id = or_str_of(NULL, 0);
    b = a;
    b.first_system = b.first_message = OR_STR("other");
    CHECK(or_sticky_key(&a) == or_sticky_key(&b), "then the cache key");
    b.prompt_cache_key = OR_STR("kez");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "cache key");
    b.session_id = a.prompt_cache_key;
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "a session is no cache key");
    a.prompt_cache_key = b.prompt_cache_key = b.session_id = or_str_of(NULL, 0);
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "then the texts");
    b.first_system = OR_STR("be");
    b.first_message = OR_STR(" briefhello");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "texts have an end");
    b = a;
    CHECK(or_sticky_key(&a) == or_sticky_key(&b), "equal");
    b.first_message = OR_STR("hullo");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "message");
    static char long_text[2][3 * 4096]; /* up to 8192 bytes all of it counts, then both ends do */
    for (size_t len = 8191; len <= 8193; len++)
        for (size_t at = 4095; at <= len - 4096; at++) {
            memset(long_text, 'x', sizeof long_text);
            long_text[1][at] = 'y';
            a.first_message = or_str_of(long_text[0], len);
            b.first_message = or_str_of(long_text[1], len);
            bool inner = len == 8193 && at == 4096;
            CHECK((or_sticky_key(&a) == or_sticky_key(&b)) == inner, "a long text: its ends");
        }
    b.first_message = or_str_of(long_text[0], 3 * 4096);
    a.first_message = or_str_of(long_text[0], 3 * 4096 - 1);
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "a long text: its length");
    memset(&a, 0, sizeof a);
    CHECK(or_sticky_key(&a) != 0, "nothing at all");
    or_endpoint e = endpoint("a", 1), f = endpoint("a", 2);
    CHECK(or_endpoint_id(&e) == or_endpoint_id(&f), "prices do not tell endpoints apart");
    CHECK(or_endpoint_id(&e) == UINT64_C(18047444010051378020),
          "the same over restarts and machines");
    f.model = OR_STR("m/y");
    CHECK(or_endpoint_id(&e) != or_endpoint_id(&f), "models do");
    f = endpoint("a/x", 1);
    CHECK(or_endpoint_id(&e) != or_endpoint_id(&f), "tags do");
    f.tag = or_str_of(NULL, 0);
    CHECK(or_endpoint_id(&e) == or_endpoint_id(&f), "without a tag the provider");
}

static unsigned slots_with(const or_sticky_slot slots[3], uint64_t key)
{
    return (slots[0].key == key ? 1u : 0u) + (slots[1].key == key) + (slots[2].key == key);
}

static void test_sticky(void)
{
    static const uint32_t begin[] = {0, UINT32_MAX - 1000};
    or_endpoint           a = endpoint("a", 5), b = endpoint("b", 5);
    or_usage              none, hit;
    memset(&none, 0, sizeof none);
    hit = none;
    hit.cached_tokens = 1;
    for (int k = 0; k < 2; k++) {
        uint32_t       t = begin[k];
        or_sticky_slot slots[3];
        or_sticky      s = {slots, 3};
        memset(slots, 0, sizeof slots);
        CHECK(or_sticky_find(&s, 1, t) == 0, "empty");
        CHECK(or_sticky_find(&s, 0, t) == 0, "no key");
        or_sticky_note(&s, 1, true, &a, &none, t);
        CHECK(or_sticky_find(&s, 1, t) == or_endpoint_id(&a), "named: after any success");
        CHECK(or_sticky_find(&s, 2, t) == 0, "another key");
        CHECK(or_sticky_find(&s, 1, t + OR_STICKY_IDLE_MS - 1) == or_endpoint_id(&a), "n-1");
        CHECK(or_sticky_find(&s, 1, t + OR_STICKY_IDLE_MS) == 0, "n");
        CHECK(or_sticky_find(&s, 1, t + OR_STICKY_IDLE_MS + 1) == 0, "n+1");
        CHECK(or_sticky_find(&s, 1, t - 1) == 0, "before");
        or_sticky_note(&s, 1, true, &b, &none, t + 100);
        CHECK(or_sticky_find(&s, 1, t + 100) == or_endpoint_id(&b), "moves");
        CHECK(or_sticky_find(&s, 1, t + 100 + OR_STICKY_IDLE_MS - 1) == or_endpoint_id(&b),
              "renewed");
        CHECK(slots_with(slots, 0) == 2, "in its own slot");

        /* not named: only after a hit that costs less */
        t += 100;
        or_sticky_note(&s, 2, false, &a, &none, t);
        CHECK(or_sticky_find(&s, 2, t) == 0, "no hit");
        or_sticky_note(&s, 2, false, &a, &hit, t);
        CHECK(or_sticky_find(&s, 2, t) == 0, "a hit without a price");
        or_price_set(&a.prices.base, OR_PRICE_INPUT_CACHE_READ, 5);
        or_sticky_note(&s, 2, false, &a, &hit, t);
        CHECK(or_sticky_find(&s, 2, t) == 0, "that is not lower");
        or_price_set(&a.prices.base, OR_PRICE_INPUT_CACHE_READ, 4);
        or_sticky_note(&s, 2, false, &a, &none, t);
        CHECK(or_sticky_find(&s, 2, t) == 0, "lower, but no hit");
        or_sticky_note(&s, 2, false, &a, &hit, t);
        CHECK(or_sticky_find(&s, 2, t) == or_endpoint_id(&a), "a hit that costs less");
        or_sticky_note(&s, 2, false, &a, &none, t + 50);
        CHECK(or_sticky_find(&s, 2, t + 50 + OR_STICKY_IDLE_MS - 1) == or_endpoint_id(&a),
              "renewed by each success");
        or_sticky_note(&s, 2, false, &b, &none, t + 60);
        CHECK(or_sticky_find(&s, 2, t + 60) == or_endpoint_id(&a), "not moved by a guest");
        a.prices.base.known = 1u << OR_PRICE_INPUT_CACHE_READ;
        or_sticky_note(&s, 7, false, &a, &hit, t);
        CHECK(or_sticky_find(&s, 7, t) == 0, "lower than what?");
        a.prices.base.known = 1u << OR_PRICE_PROMPT;
        or_sticky_note(&s, 7, false, &a, &hit, t);
        CHECK(or_sticky_find(&s, 7, t) == 0, "what is lower?");
        a = endpoint("a", 5);

        /* full: the one that is idle for longest goes; a dead one before it */
        memset(slots, 0, sizeof slots);
        for (uint32_t n = 0; n < 3; n++) or_sticky_note(&s, n + 1, true, &a, &none, t + n);
        or_sticky_note(&s, 1, true, &a, &none, t + 3);
        or_sticky_note(&s, 9, true, &b, &none, t + 5);
        CHECK(slots_with(slots, 9) == 1 && slots_with(slots, 2) == 0, "the oldest is replaced");
        CHECK(slots_with(slots, 1) == 1 && slots_with(slots, 3) == 1, "the others stay");
        or_sticky_note(&s, 3, true, &b, &none, t + OR_STICKY_IDLE_MS);
        CHECK(slots_with(slots, 3) == 1 && or_sticky_find(&s, 3, t + OR_STICKY_IDLE_MS) ==
              or_endpoint_id(&b), "its own slot");
        or_sticky_note(&s, 8, true, &b, &none, t + OR_STICKY_IDLE_MS + 3);
        CHECK(slots_with(slots, 8) == 1 && slots_with(slots, 1) == 0, "a dead one is replaced");
        CHECK(slots_with(slots, 9) == 1, "and no other");
        or_sticky_note(&s, 3, true, &a, &none, t + 3 * OR_STICKY_IDLE_MS);
        CHECK(slots_with(slots, 3) == 1 && slots_with(slots, 8) == 1,
              "its own one even when all are dead");
        s.num = 0;
        or_sticky_note(&s, 1, true, &a, &none, t);
        CHECK(or_sticky_find(&s, 1, t) == 0, "no slots");
    }
}

/* ---- names ---- */

static void test_names(void)
{
    static const struct {
        const char *name, *tag, *provider_name;
        bool        is;
    } cases[] = {
        {"p", "p", "", true},
        {"P", "p", "", true},
        {"p", "p/x", "", true},
        {"p", "p/y", "", true},
        {"p", "p/flex", "", false},
        {"p", "p/priority", "", false},
        {"p", "p/x/Flex", "", false},
        {"p", "p/flexible", "", true},
        {"p/flex", "p/flex", "", true},
        {"P/Priority", "p/priority", "", true},
        {"p/x", "p/x", "", true},
        {"p/x", "p", "", false},
        {"p/x", "p/y", "", false},
        {"p/x", "p/xy", "", false},
        {"p/", "p/x", "", false},
        {"Pee Cloud", "p/x", "Pee Cloud", true},
        {"pee cloud", "p/x", "Pee Cloud", true},
        {"Pee Cloud", "p/flex", "Pee Cloud", false},
        {"Pee", "p/x", "Pee Cloud", false},
        {"", "p", "", false},
        {"", "", "", false},
        {"pq", "p", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_endpoint e = endpoint(cases[i].tag, 1);
        if (cases[i].provider_name[0] != 0) e.provider_name = or_str_z(cases[i].provider_name);
        CHECK(or_route_name_is(or_str_z(cases[i].name), &e) == cases[i].is, cases[i].name);
    }
    or_endpoint e = endpoint("p/x", 1);
    e.tag = or_str_of(NULL, 0);
    CHECK(or_route_name_is(OR_STR("p"), &e) && !or_route_name_is(OR_STR("p/x"), &e), "no tag");

    or_catalogue none;
    or_variants  v;
    memset(&none, 0, sizeof none);
    e = endpoint("a", 1);
    CHECK(or_route_model_is(OR_STR("m/x:nitro:online"), &none, &e, &v), "variants");
    CHECK(v.nitro && v.online && !v.floor && v.sort == OR_SORT_THROUGHPUT, "variants");
    CHECK(!or_route_model_is(OR_STR("m/y:floor:exacto"), &none, &e, &v), "another model");
    CHECK(!v.nitro && !v.online && v.floor && v.sort == OR_SORT_EXACTO,
          "its variants all the same");
    CHECK(or_route_model_is(OR_STR("m/x"), &none, &e, NULL), "no variants wanted");
    CHECK(!or_route_model_is(or_str_of(NULL, 0), &none, &e, &v), "absent");
    CHECK(!or_route_model_is(OR_STR("nitro"), &none, &e, &v) && v.sort == OR_SORT_DEFAULT,
          "a name is no suffix");

    CHECK(or_param_bit(OR_STR("temperature")) == 1, "first");
    CHECK(or_param_bit(OR_STR("verbosity")) == 1u << OR_PARAM_VERBOSITY, "last");
    CHECK(or_param_bit(OR_STR("temperatur")) == 0 && or_param_bit(OR_STR("")) == 0, "none");
    CHECK(or_param_bit(or_str_of(NULL, 0)) == 0, "absent");
    for (int i = 0; i < OR_ROUTE_REASON_NUM; i++) {
        CHECK((or_route_reason_by((or_route_reason)i)[0] == 0) == (i == 0), "a word");
        CHECK(or_route_reason_text((or_route_reason)i)[0] != 0, "a text");
    }
    CHECK(or_route_reason_by(OR_ROUTE_REASON_NUM)[0] == 0, "no such reason");
    CHECK_STR(or_str_z(or_route_reason_by(OR_ROUTE_FALLBACKS)), OR_STR("allow_fallbacks"), "last");
    CHECK_STR(or_str_z(or_route_reason_text(OR_ROUTE_KEPT)), OR_STR("in the plan"), "first");
    CHECK_STR(or_str_z(or_quantization_name(OR_QUANT_FP32)), OR_STR("fp32"), "quantization");
    CHECK_STR(or_str_z(or_quantization_name(OR_QUANT_NUM)), OR_STR("unknown"), "quantization");
    CHECK_STR(or_str_z(or_sort_name(OR_SORT_ROUND_ROBIN)), OR_STR("round_robin"), "sort");
    CHECK(or_sort_name(OR_SORT_DEFAULT) == NULL && or_sort_name(OR_SORT_NUM) == NULL, "no sort");
}

/* ---- preferences ---- */

/* Reads as `in`, writes as `out` (NULL: the same). */
static void test_prefs(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"{}", NULL},
        {"null", "{}"},
        {"{\"order\":[\"a\",\"b/x\"],\"only\":[\"c\"],\"ignore\":[\"d\",\"e\"],"
         "\"allow_fallbacks\":false,\"require_parameters\":true,\"data_collection\":\"deny\","
         "\"zdr\":true,\"enforce_distillable_text\":true,\"quantizations\":[\"int4\",\"fp32\"],"
         "\"sort\":\"price\",\"preferred_min_throughput\":{\"p50\":50,\"p99\":0.001},"
         "\"preferred_max_latency\":{\"p75\":1.5,\"p90\":2},\"max_price\":{\"prompt\":1,"
         "\"completion\":2.5,\"request\":0.01,\"image\":0,\"audio\":0.000000000001}}",
         NULL},
        {"{\"order\":null,\"only\":null,\"ignore\":null,\"allow_fallbacks\":null,"
         "\"require_parameters\":null,\"data_collection\":null,\"zdr\":null,"
         "\"enforce_distillable_text\":null,\"quantizations\":null,\"sort\":null,"
         "\"preferred_min_throughput\":null,\"preferred_max_latency\":null,\"max_price\":null}",
         "{}"},
        {"{\"allow_fallbacks\":true,\"require_parameters\":false,\"data_collection\":\"allow\","
         "\"zdr\":false,\"enforce_distillable_text\":false}",
         "{}"},
        {"{\"data_collection\":\"other\"}", "{\"data_collection\":\"deny\"}"},
        {"{\"sort\":{\"by\":\"latency\"}}", "{\"sort\":\"latency\"}"},
        {"{\"sort\":{\"by\":\"latency\",\"partition\":\"model\"}}", "{\"sort\":\"latency\"}"},
        {"{\"sort\":{\"by\":\"exacto\",\"partition\":\"none\"}}", NULL},
        {"{\"sort\":{\"partition\":\"none\"}}", NULL},
        {"{\"sort\":{\"by\":null,\"partition\":null}}", "{}"},
        {"{\"sort\":\"throughput\"}", NULL},
        {"{\"sort\":\"weight\"}", NULL},
        {"{\"sort\":\"round_robin\"}", NULL},
        {"{\"sort\":\"next year\"}", "{}"},
        {"{\"sort\":\"\"}", "{}"},
        {"{\"preferred_max_latency\":2}", "{\"preferred_max_latency\":{\"p50\":2}}"},
        {"{\"preferred_max_latency\":\"2\"}", "{\"preferred_max_latency\":{\"p50\":2}}"},
        {"{\"preferred_max_latency\":{\"p75\":1}}", NULL},
        {"{\"preferred_max_latency\":{\"p90\":1}}", NULL},
        {"{\"preferred_max_latency\":{\"p99\":1}}", NULL},
        {"{\"preferred_max_latency\":0.0004}", "{}"},
        {"{\"preferred_max_latency\":0.0005}", "{\"preferred_max_latency\":{\"p50\":0.001}}"},
        {"{\"preferred_min_throughput\":99999999999}",
         "{\"preferred_min_throughput\":{\"p50\":4294967.295}}"},
        {"{\"preferred_min_throughput\":{\"p50\":null,\"p95\":7}}", "{}"},
        {"{\"max_price\":{\"prompt\":\"0.0000015\",\"completion\":null,\"other\":-1}}",
         "{\"max_price\":{\"prompt\":0.000002}}"},
        {"{\"max_price\":{}}", "{}"},
        {"{\"quantizations\":[\"fp9\"]}", "{\"quantizations\":[\"none\"]}"},
        {"{\"quantizations\":[\"fp9\",\"fp8\"]}", "{\"quantizations\":[\"fp8\",\"none\"]}"},
        {"{\"quantizations\":[]}", "{}"},
        {"{\"order\":[],\"only\":[\"\"]}", NULL},
        {"{\"or\\u0064er\":[\"\\u0061\\n\"],\"experimental\":{\"x\":[1]},\"options\":5}",
         "{\"order\":[\"a\\n\"]}"},
        {"{\"zdr\":true,\"zdr\":false}", "{\"zdr\":true}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char           text[1024];
        or_json_doc    doc;
        or_json_writer w;
        or_buf         out;
        or_prefs       p;
        const char    *in = cases[i].in, *want = cases[i].out != NULL ? cases[i].out : in;
        for (int again = 0; again < 2; again++, in = want) { /* what was written reads the same */
            begin_arenas();
            CHECK_ERR(or_json_parse(&doc, or_str_z(in), 0, &arena), OR_OK, in);
            CHECK_ERR(or_prefs_read(&doc, 0, &arena, &p, NULL), OR_OK, in);
            or_buf_init(&out, text, sizeof text);
            or_json_writer_init(&w, &out);
            CHECK_ERR(or_prefs_write(&w, &p), OR_OK, in);
            CHECK_STR(or_buf_str(&out), or_str_z(want), in);
        }
    }
    or_json_doc doc;
    or_prefs    p;
    const char *bad = NULL;
    begin_arenas();
    memset(&p, 0x55, sizeof p);
    CHECK_ERR(or_json_parse(&doc, OR_STR("{}"), 0, &arena), OR_OK, "none");
    CHECK_ERR(or_prefs_read(&doc, or_json_find(&doc, 0, "/provider"), &arena, &p, &bad), OR_OK,
              "none");
    CHECK(p.num_order == 0 && p.sort == OR_SORT_DEFAULT && bad == NULL, "none");
}

static void test_wrong_prefs(void)
{
    static const struct {
        const char *in, *bad;
        or_err      err;
    } cases[] = {
        {"[]", "provider", OR_ERR_TYPE},
        {"\"a\"", "provider", OR_ERR_TYPE},
        {"false", "provider", OR_ERR_TYPE},
        {"{\"order\":\"a\"}", "order", OR_ERR_TYPE},
        {"{\"order\":[1]}", "order", OR_ERR_TYPE},
        {"{\"only\":{}}", "only", OR_ERR_TYPE},
        {"{\"ignore\":[\"a\",null]}", "ignore", OR_ERR_TYPE},
        {"{\"allow_fallbacks\":\"false\"}", "allow_fallbacks", OR_ERR_TYPE},
        {"{\"require_parameters\":1}", "require_parameters", OR_ERR_TYPE},
        {"{\"zdr\":\"yes\"}", "zdr", OR_ERR_TYPE},
        {"{\"enforce_distillable_text\":[]}", "enforce_distillable_text", OR_ERR_TYPE},
        {"{\"data_collection\":false}", "data_collection", OR_ERR_TYPE},
        {"{\"quantizations\":\"fp8\"}", "quantizations", OR_ERR_TYPE},
        {"{\"quantizations\":[8]}", "quantizations", OR_ERR_TYPE},
        {"{\"sort\":5}", "sort", OR_ERR_TYPE},
        {"{\"sort\":[\"price\"]}", "sort", OR_ERR_TYPE},
        {"{\"sort\":{\"by\":5}}", "by", OR_ERR_TYPE},
        {"{\"sort\":{\"partition\":true}}", "partition", OR_ERR_TYPE},
        {"{\"preferred_min_throughput\":true}", "preferred_min_throughput", OR_ERR_TYPE},
        {"{\"preferred_min_throughput\":{\"p50\":[]}}", "preferred_min_throughput", OR_ERR_TYPE},
        {"{\"preferred_max_latency\":\"fast\"}", "preferred_max_latency", OR_ERR_TYPE},
        {"{\"preferred_max_latency\":-1}", "preferred_max_latency", OR_ERR_RANGE},
        {"{\"preferred_max_latency\":1e30}", "preferred_max_latency", OR_ERR_RANGE},
        {"{\"max_price\":5}", "max_price", OR_ERR_TYPE},
        {"{\"max_price\":{\"prompt\":true}}", "max_price", OR_ERR_TYPE},
        {"{\"max_price\":{\"prompt\":\"\"}}", "max_price", OR_ERR_TYPE},
        {"{\"max_price\":{\"audio\":-0.1}}", "max_price", OR_ERR_RANGE},
        {"{\"zdr\":1,\"order\":5}", "order", OR_ERR_TYPE}, /* in the order of reading */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_json_doc doc;
        or_prefs    p;
        const char *bad = "none";
        begin_arenas();
        CHECK_ERR(or_json_parse(&doc, or_str_z(cases[i].in), 0, &arena), OR_OK, cases[i].in);
        CHECK_ERR(or_prefs_read(&doc, 0, &arena, &p, &bad), cases[i].err, cases[i].in);
        CHECK_STR(or_str_z(bad), or_str_z(cases[i].bad), cases[i].in);
    }
    /* memory: a byte too little, and before any other error */
    static const char text[] = "{\"order\":[\"\\u0061\",\"b\"],\"only\":[\"c\"],\"zdr\":1}";
    or_json_doc doc;
    or_prefs    p;
    or_arena    small;
    begin_arenas();
    CHECK_ERR(or_json_parse(&doc, OR_STR(text), 0, &arena), OR_OK, "memory");
    or_arena_init(&small, scratch_memory, sizeof scratch_memory);
    CHECK_ERR(or_prefs_read(&doc, 0, &small, &p, NULL), OR_ERR_TYPE, "memory");
    CHECK(p.only[0].ptr > text && p.only[0].ptr < text + sizeof text, "texts are borrowed");
    size_t need = small.peak;
    for (size_t n = 0; n <= need; n++) {
        char *exact = (char *)malloc(n + 1);
        if (exact == NULL) abort();
        or_arena_init(&small, exact, n);
        CHECK_ERR(or_prefs_read(&doc, 0, &small, &p, NULL), n < need ? OR_ERR_SPACE : OR_ERR_TYPE,
                  "memory");
        free(exact);
    }
}

/* ---- catalogues ---- */

static or_endpoint catalogue_defaults(void)
{
    or_endpoint d;
    memset(&d, 0, sizeof d);
    d.provider = OR_STR("home");
    d.provider_name = OR_STR("Home");
    d.zdr = OR_YES;
    d.target = 7;
    return d;
}

static or_err read_catalogue(or_catalogue *c, const char *json)
{
    or_endpoint d = catalogue_defaults();
    or_str      text = test_exact(or_str_z(json));
    or_err      e = or_catalogue_read(c, text, &d, &arena, &scratch);
    memset((void *)text.ptr, 'x', text.len); /* it is not needed afterwards */
    free((void *)text.ptr);
    return e;
}

static void test_models(void)
{
    static const char models[] =
        "{\"data\":[{\"id\":\"acme/big-1\",\"canonical_slug\":\"acme/big-1-2026-05\","
        "\"name\":\"Acme\",\"context_length\":200000,\"architecture\":{\"input_modalities\":"
        "[\"text\",\"image\",\"smell\"],\"output_modalities\":[\"text\"]},\"pricing\":{\"prompt\":"
        "\"0.0000015\",\"completion\":\"0.000006\",\"overrides\":[{\"min_prompt_tokens\":128000,"
        "\"prompt\":\"0.000003\"}]},\"top_provider\":{\"context_length\":190000,"
        "\"max_completion_tokens\":32000,\"is_moderated\":false},\"per_request_limits\":null,"
        "\"supported_parameters\":[\"max_tokens\",\"tools\",\"new_one\"]},"
        "{\"id\":\"openrouter/auto\",\"pricing\":{\"prompt\":\"-1\",\"completion\":\"-1\"},"
        "\"context_length\":null,\"architecture\":null},"
        "{\"id\":\"~acme/big-latest\",\"alias_target\":{\"slug\":\"acme/"
        "big-1\",\"name\":\"Acme\"}},"
        "{\"name\":\"no id\"},5,null,\"text\",[],{\"id\":\"b\\u002fc\",\"alias_target\":null},"
        "{\"id\":5},{\"id\":\"\"}],\"total_count\":3,\"links\":{\"next\":null}}";
    or_catalogue c;
    memset(&c, 0, sizeof c);
    begin_arenas();
    CHECK_ERR(read_catalogue(&c, models), OR_OK, "models");
    CHECK(c.num == 3 && c.num_aliases == 1, "models");
    if (c.num != 3 || c.num_aliases != 1) return;
    const or_endpoint *e = &c.endpoints[0];
    CHECK_STR(e->model, OR_STR("acme/big-1"), "id");
    CHECK_STR(e->canonical, OR_STR("acme/big-1-2026-05"), "canonical");
    CHECK_STR(e->provider, OR_STR("home"), "default");
    CHECK(e->provider_name.len == 4 && e->zdr == OR_YES && e->target == 7, "defaults");
    CHECK(e->tag.ptr == NULL && e->upstream_model.ptr == NULL, "not said");
    CHECK(e->context_length == 190000 && e->max_completion_tokens == 32000, "of the top provider");
    CHECK(e->input_modalities == (OR_MODALITY_TEXT | OR_MODALITY_IMAGE), "in");
    CHECK(e->output_modalities == OR_MODALITY_TEXT, "out");
    CHECK(e->parameters_known &&
              e->parameters == (1u << OR_PARAM_MAX_TOKENS | 1u << OR_PARAM_TOOLS), "parameters");
    CHECK(e->prices.base.pico[OR_PRICE_PROMPT] == 1500000 && e->prices.num_rules == 1, "prices");
    CHECK(e->prices.rules[0].prices.pico[OR_PRICE_PROMPT] == 3000000, "rules");
    e = &c.endpoints[1];
    CHECK(e->prices.base.known == 0 && e->prices.base.named == 3, "-1 is unknown");
    CHECK(e->context_length == 0 && e->input_modalities == 0 && !e->parameters_known, "null");
    CHECK_STR(c.endpoints[2].model, OR_STR("b/c"), "escaped");
    CHECK_STR(c.aliases[0].name, OR_STR("~acme/big-latest"), "alias");
    CHECK_STR(c.aliases[0].model, OR_STR("acme/big-1"), "alias");

    /* more of them are added */
    CHECK_ERR(read_catalogue(&c, "{\"data\":[{\"id\":\"more\"}]}"), OR_OK, "more");
    CHECK(c.num == 4 && c.num_aliases == 1, "more");
    CHECK_STR(c.endpoints[0].model, OR_STR("acme/big-1"), "the old ones stay");
    CHECK_STR(c.endpoints[3].model, OR_STR("more"), "the new one");
    CHECK_STR(c.aliases[0].model, OR_STR("acme/big-1"), "the old ones stay");
}

static void test_endpoints(void)
{
    static const char endpoints[] =
        "{\"data\":{\"id\":\"acme\\/big\",\"name\":\"Acme\",\"endpoints\":[{\"name\":\"Alpha\","
        "\"provider_name\":\"Alpha Cloud\",\"tag\":\"alpha/turbo\",\"context_length\":1000,"
        "\"max_completion_tokens\":100,\"max_prompt_tokens\":900,\"quantization\":\"fp8\","
        "\"status\":-2,\"supported_parameters\":[],\"pricing\":{\"prompt\":\"1e-6\","
        "\"discount\":0.1}},{\"model_id\":\"acme/big:free\",\"provider\":\"beta\","
        "\"tag\":\"b/x\",\"region\":\"eu\",\"data_collection\":\"deny\",\"zdr\":false,"
        "\"distillable\":true,\"weight\":5,\"quality\":990,\"is_byok\":true,\"disabled\":true,"
        "\"upstream_model\":\"big\",\"quantization\":null,\"status\":0},"
        "{\"tag\":\"c\",\"quantization\":\"new\",\"status\":1000,\"weight\":70000,\"quality\":2000,"
        "\"context_length\":-5,\"max_prompt_tokens\":1.5,\"data_collection\":\"allow\","
        "\"zdr\":null}]}}";
    or_catalogue c;
    memset(&c, 0, sizeof c);
    begin_arenas();
    CHECK_ERR(read_catalogue(&c, endpoints), OR_OK, "endpoints");
    CHECK(c.num == 3, "endpoints");
    if (c.num != 3) return;
    const or_endpoint *e = &c.endpoints[0];
    CHECK_STR(e->model, OR_STR("acme/big"), "the model's id");
    CHECK_STR(e->provider, OR_STR("alpha"), "provider from the tag");
    CHECK_STR(e->provider_name, OR_STR("Alpha Cloud"), "display name");
    CHECK_STR(e->tag, OR_STR("alpha/turbo"), "tag");
    CHECK(e->context_length == 1000 && e->max_completion_tokens == 100 &&
              e->max_prompt_tokens == 900, "limits");
    CHECK(e->quantization == OR_QUANT_FP8 && e->status == -2, "quantization, status");
    CHECK(e->parameters_known && e->parameters == 0, "no parameters, and that is known");
    CHECK(e->prices.discount_ppb == 100000000, "discount");
    CHECK(e->collects_data == OR_UNKNOWN && e->distillable == OR_UNKNOWN && !e->byok, "not said");
    e = &c.endpoints[1];
    CHECK_STR(e->model, OR_STR("acme/big:free"), "its own id");
    CHECK_STR(e->provider, OR_STR("beta"), "said, not taken from the tag");
    CHECK_STR(e->region, OR_STR("eu"), "region");
    CHECK_STR(e->upstream_model, OR_STR("big"), "upstream_model");
    CHECK(e->collects_data == OR_NO && e->zdr == OR_NO && e->distillable == OR_YES, "policy");
    CHECK(e->weight == 5 && e->quality_permille == 990 && e->byok && e->disabled, "ours");
    e = &c.endpoints[2];
    CHECK(e->weight == UINT16_MAX && e->quality_permille == 1000 && e->status == 0, "too large");
    CHECK(e->context_length == 0 && e->max_prompt_tokens == 0, "no counts");
    CHECK(e->quantization == OR_QUANT_UNKNOWN && e->collects_data == OR_YES && e->zdr == OR_YES,
          "words");

    memset(&c, 0, sizeof c);
    begin_arenas();
    CHECK_ERR(read_catalogue(&c, " {\"x\":[{}],\"data\" : [ {\"model_id\":\"m\",\"tag\":\"t\"},"
                                 "{\"id\":\"n\",\"status\":-1,\"status\":0,"
                                 "\"quantization\":\"deny\"} ] } "), OR_OK, "list");
    CHECK(c.num == 2 && c.endpoints[1].status == -1,
          "a list of endpoints; the first member counts");
    CHECK(c.endpoints[1].collects_data == OR_UNKNOWN, "one word is not another");
    size_t peak = scratch.peak;
    CHECK_ERR(read_catalogue(&c, "{\"data\":[{\"id\":\"n\"},{\"id\":\"n\"},{\"id\":\"n\"},"
                                 "{\"id\":\"n\"},{\"id\":\"n\"},{\"id\":\"n\"},{\"id\":\"n\"},"
                                 "{\"id\":\"n\"}]}"), OR_OK, "many");
    CHECK(c.num == 10 && scratch.peak == peak, "scratch is for one entry at a time");
    CHECK_ERR(read_catalogue(&c, "{\"data\":[]}"), OR_OK, "empty");
    CHECK_ERR(read_catalogue(&c, "{\"data\":{\"id\":null,\"endpoints\":[{\"tag\":\"t\"}]}}"), OR_OK,
              "without an id");
    CHECK(c.num == 10, "nothing was added");
}

static void test_wrong_catalogues(void)
{
    static const struct {
        const char *json;
        or_err      err;
    } cases[] = {
        {"", OR_ERR_TRUNCATED},
        {"[]", OR_ERR_TYPE},
        {"{}", OR_ERR_TYPE},
        {"{\"data\":5}", OR_ERR_TYPE},
        {"{\"data\":\"x\"}", OR_ERR_TYPE},
        {"{\"data\":{}}", OR_ERR_TYPE},
        {"{\"data\":{\"id\":\"a\"}}", OR_ERR_TYPE},
        {"{\"data\":{\"endpoints\":{}}}", OR_ERR_TYPE},
        {"{\"error\":{\"message\":\"no\"}}", OR_ERR_TYPE},
        {"{\"data\":[{\"id\":\"a\"}", OR_ERR_TRUNCATED},
        {"{\"data\":[{\"id\":\"a\"}]}x", OR_ERR_JSON},
        {"{\"data\":[{\"id\":\"a\"},{\"id\":\"\xff\"}]}", OR_ERR_UTF8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_endpoint  old = catalogue_defaults();
        or_catalogue c = {&old, 1, NULL, 0, NULL};
        begin_arenas();
        CHECK_ERR(read_catalogue(&c, cases[i].json), cases[i].err, cases[i].json);
        CHECK(c.endpoints == &old && c.num == 1, "unchanged");
    }
}

/* Arenas of every size; then each allocation failing in turn. Never half an entry. */
static void test_catalogue_memory(void)
{
    static const char json[] =
        "{\"data\":{\"id\":\"m\\/x\",\"endpoints\":[{\"context_length\":\"wrong type\","
        "\"tag\":\"a\\/x\",\"pricing\":{\"prompt\":\"1\",\"overrides\":[{},{}]}},"
        "{\"model_id\":\"~l\",\"alias_target\":{\"slug\":\"m\"}}]}}";
    or_endpoint d = catalogue_defaults();
    size_t      need[2];
    begin_arenas();
    or_catalogue c;
    memset(&c, 0, sizeof c);
    CHECK_ERR(read_catalogue(&c, json), OR_OK, "memory");
    CHECK(c.num == 1 && c.num_aliases == 1 && c.endpoints[0].prices.num_rules == 2, "memory");
    need[0] = arena.peak;
    need[1] = scratch.peak;
    for (int which = 0; which < 2; which++)
        for (size_t n = 0; n <= need[which]; n++) {
            char *exact = (char *)malloc(n + 1);
            if (exact == NULL) abort();
            begin_arenas();
            or_arena_init(which == 0 ? &arena : &scratch, exact, n);
            memset(&c, 0, sizeof c);
            or_err e = or_catalogue_read(&c, OR_STR(json), &d, &arena, &scratch);
            CHECK_ERR(e, n < need[which] ? OR_ERR_SPACE : OR_OK, "every size");
            CHECK(c.num == (e == OR_OK), "all or nothing");
            free(exact);
        }
    test_heap    heap = {0, 0, 0};
    or_allocator allocator = TEST_ALLOCATOR(&heap);
    or_err       e = OR_ERR_MEMORY;
    for (unsigned long n = 1; n < 50 && e != OR_OK; n++) {
        or_arena keep;
        heap.calls = 0;
        heap.fail_at = n;
        begin_arenas();
        or_arena_init_growing(&keep, NULL, 0, &allocator);
        memset(&c, 0, sizeof c);
        e = or_catalogue_read(&c, OR_STR(json), &d, &keep, &scratch);
        CHECK(e == OR_OK || (e == OR_ERR_MEMORY && c.num == 0), "each allocation");
        or_arena_reset(&keep);
        CHECK(heap.outstanding == 0, "given back");
    }
    CHECK(e == OR_OK, "in the end it works");
}

int main(void)
{
    test_vectors();
    test_replay_memory();
    test_replay_wrong();
    test_plan_memory();
    test_candidates();
    test_measured();
    test_retry_after();
    test_dice();
    test_weights();
    test_random();
    test_record();
    test_record_space();
    test_percentiles();
    test_windows();
    test_outage();
    test_uptime();
    test_breaker();
    test_cooling();
    test_sticky_key();
    test_sticky();
    test_names();
    test_prefs();
    test_wrong_prefs();
    test_models();
    test_endpoints();
    test_wrong_catalogues();
    test_catalogue_memory();
    TEST_MAIN_END("test_route");
}
