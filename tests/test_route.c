/* Routing: every line of tests/vectors/route.jsonl is a decision, worked out by hand from the
   rules, that or_route_replay has to make again. Then what needs many seeds or much memory: the
   dice, random requests, records; and the names of models and endpoints.

   Run from the top of the repository, or say -DTEST_VECTORS=\"...\". */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/route_case.h"
#include "tests/test.h"

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

/* With an index of the names it is the same plan. */
static void check_index(const ori_replay *line, const or_plan *want, const char *name)
{
    static uint32_t     index[1 + 64 + 2 * 64];
    static or_candidate list[32];
    or_catalogue        c = line->catalogue;
    or_plan             plan;
    ori_route           route = {&line->request, &c, &line->moment, &plan};
    CHECK(c.num <= 64 && or_catalogue_index_size(64) == sizeof index / sizeof index[0], name);
    or_catalogue_index(&c, index);
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
    check_index(&line, &plan, name);
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
    r->moment.seed = random_bits();
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

/* What the caller left out for money, any of it in any order, is so when the line is replayed. */
static void test_record_left_out(void)
{
    static char      mem[65536];
    or_endpoint      e[5];
    or_catalogue     c = {e, 5, NULL, 0, NULL}, replayed;
    or_route_request q = request();
    or_moment        moment = {0, {true, 5}, 3, 0};
    or_candidate     list[5];
    or_plan          plan, again;
    or_arena         a;
    or_buf           out;
    char             text[8192];
    bool             same;
    uint32_t         made[4];
    static const char *const tags[] = {"p", "p/x", "q", "r", "s"};
    for (unsigned i = 0; i < 5; i++) e[i] = endpoint(tags[i], 1 + i);
    e[4].disabled = true;
    for (unsigned first = 0; first <= 4; first++)
        for (unsigned second = 0; second <= 4; second++) {
            or_plan_init(&plan, list, 5);
            CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_OK, "plan");
            CHECK(plan.num == 4 && plan.num_out == 1, "four of five");
            for (uint32_t i = 0; i < 4; i++) made[i] = list[i].endpoint;
            if (first < plan.num) or_plan_leave_out(&plan, first);
            uint32_t gone = first < 4 ? plan.list[plan.num].endpoint : 9;
            if (second < plan.num) or_plan_leave_out(&plan, second);
            CHECK(plan.num + plan.num_out == 5, "none is lost");
            for (uint32_t i = 0; i < plan.num; i++)
                CHECK(plan.list[i].reason == OR_ROUTE_KEPT && plan.list[i].endpoint != gone,
                      "kept");
            for (uint32_t i = 0, at = 0; i < plan.num; i++, at++) {
                while (at < 4 && made[at] != plan.list[i].endpoint) at++;
                CHECK(at < 4, "in their order");
            }
            for (uint32_t i = plan.num; i < 4; i++)
                CHECK(plan.list[i].reason == OR_ROUTE_BUDGET, "left out");
            or_buf_init(&out, text, sizeof text);
            CHECK_ERR(or_route_record(&out, &plan, &q, &c, &moment), OR_OK, "record");
            or_arena_init(&a, mem, sizeof mem);
            CHECK_ERR(or_route_replay(or_buf_str(&out), &a, &again, &replayed, &same, NULL), OR_OK,
                      text);
            CHECK(same && again.num == plan.num && again.num_out == plan.num_out, text);
        }
    /* a line that says it of an endpoint that is not in it differs */
    or_plan_init(&plan, list, 5);
    CHECK_ERR(or_route_plan(&plan, &q, &c, NULL, &moment), OR_OK, "plan");
    or_plan_leave_out(&plan, 3);
    or_buf_init(&out, text, sizeof text);
    CHECK_ERR(or_route_record(&out, &plan, &q, &c, &moment), OR_OK, "record");
    char *name = strstr(text, "[[\"");
    CHECK(name != NULL, text);
    if (name == NULL) return;
    name[3] = 'z';
    or_arena_init(&a, mem, sizeof mem);
    CHECK_ERR(or_route_replay(or_buf_str(&out), &a, &again, &replayed, &same, NULL), OR_OK, text);
    CHECK(!same && again.num == 4, "of nobody");
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

/* What a search finds is what or_route_model_is says of each endpoint, in their order. */
static void check_search(const or_catalogue *c, or_str name, const char *how)
{
    or_model_search s;
    or_model_search_begin(&s, c, name);
    for (uint32_t i = 0; i < c->num; i++)
        if (or_route_model_is(name, c, &c->endpoints[i], NULL))
            CHECK(or_model_search_next(&s) && s.endpoint == i, how);
    CHECK(!or_model_search_next(&s) && !or_model_search_next(&s), how);
}

static void test_model_search(void)
{
    static const or_str models[][2] = {
        {OR_STR_INIT("a/x"), OR_STR_INIT("a/x-2026")},
        {OR_STR_INIT("a/x:free"), OR_STR_INIT("a/x-2026:free")},
        {OR_STR_INIT("llama3:8b"), {NULL, 0}},
        {OR_STR_INIT("a/x"), {NULL, 0}},
        {OR_STR_INIT("llama3:70b"), OR_STR_INIT("b/llama")},
        {OR_STR_INIT("b/llama"), OR_STR_INIT("a/x")},
        {OR_STR_INIT(""), OR_STR_INIT("c/y")},
        {OR_STR_INIT(":free"), {NULL, 0}},
        {{NULL, 0}, {NULL, 0}},
    };
    static const or_alias aliases[] = {{OR_STR_INIT("~a/latest"), OR_STR_INIT("a/x")},
                                       {OR_STR_INIT("c/y"), OR_STR_INIT("b/llama")},
                                       {OR_STR_INIT("Z:free"), OR_STR_INIT("llama3:8b")}};
    static const char *const asked[] = {
        "a/x",       "A/X",         "a/x:free",   "a/x:nitro", "a/x:free:nitro", "a/x-2026",
        "llama3:8b", "llama3:70b",  "llama3",     "b/llama",   "b/llama:floor",  "~a/latest",
        "c/y",       "c/y:nitro",   "z:free",     "z",         "",               ":free",
        ":nitro",    "a/x-2026:x",  "a",          "a/xx",      "nobody/knows",   "~A/Latest:free",
    };
    enum { NUM = sizeof models / sizeof models[0] };
    or_endpoint     list[NUM];
    uint32_t        index[1 + 16 + 2 * NUM];
    or_catalogue    c = {list, NUM, aliases, 0, NULL};
    or_model_search s;
    uint32_t        num = 0;
    for (uint32_t i = 0; i < NUM; i++) {
        list[i] = endpoint("p", 1);
        list[i].model = models[i][0];
        list[i].canonical = models[i][1];
    }
    CHECK(or_catalogue_index_size(NUM) == sizeof index / sizeof index[0], "its size");
    for (c.num_aliases = 0; c.num_aliases <= 3; c.num_aliases++)
        for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
            c.index = NULL;
            check_search(&c, or_str_z(asked[i]), asked[i]);
            or_catalogue_index(&c, index);
            check_search(&c, or_str_z(asked[i]), "with an index");
            for (c.num = 0; c.num < NUM; c.num++) /* of more than the catalogue has */
                check_search(&c, or_str_z(asked[i]), "the first");
        }
    c.num_aliases = 0;
    check_search(&c, or_str_of(NULL, 0), "absent");

    /* that the index is looked at: of an empty one nothing is found */
    or_model_search_begin(&s, &c, OR_STR("a/x"));
    while (or_model_search_next(&s)) num++;
    CHECK(num == 3, "three endpoints");
    memset(index, 0, sizeof index);
    or_model_search_begin(&s, &c, OR_STR("a/x"));
    CHECK(!or_model_search_next(&s), "an empty index");
    for (uint32_t size = 0; size <= NUM; size++) { /* each size, in as much memory as it asks for */
        uint32_t *mem = malloc(or_catalogue_index_size(size) * sizeof *mem);
        c.num = size;
        or_catalogue_index(&c, mem);
        check_search(&c, OR_STR("b/llama"), "a size");
        free(mem);
    }
    c.index = NULL;
    c.num = 0;
    or_model_search_begin(&s, &c, OR_STR("a/x"));
    CHECK(!or_model_search_next(&s), "an empty catalogue");
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
    test_record_left_out();
    test_record_space();
    test_names();
    test_model_search();
    TEST_MAIN_END("test_route");
}
