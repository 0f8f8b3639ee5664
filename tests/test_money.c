/* Prices, costs and upper bounds to the pico-dollar; windows against a calendar that counts
   days one by one; budgets in every order in which things can happen.

   TEST_ROUNDS is how many random cases of each kind are tried, TEST_DEPTH how many steps the
   exhaustive ones take: both can be lowered with -D where a machine is emulated. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/test.h"

#ifndef TEST_ROUNDS
#define TEST_ROUNDS 20000
#endif
#ifndef TEST_DEPTH
#define TEST_DEPTH 5
#endif

static uint64_t random_state = 20261121;

static uint64_t random_bits(void)
{
    return ori_route_random(random_state++, 0);
}

static uint64_t random_below(uint64_t n)
{
    return random_bits() % n;
}

/* ---- prices ---- */

static const or_wall no_wall = {false, 0};

static or_wall at(int64_t unix_s)
{
    or_wall w = {true, unix_s};
    return w;
}

static void test_price_read(void)
{
    static const struct {
        const char *text;
        or_err      err;
        uint64_t    pico;
    } cases[] = {
        {"0.0000000375", OR_OK, 37500},
        {"3.75e-8", OR_OK, 37500},
        {"0.0000015", OR_OK, 1500000},
        {"1", OR_OK, 1000000000000},
        {"0", OR_OK, 0},
        {"0.000", OR_OK, 0},
        {"-0", OR_OK, 0},
        {"0e5", OR_OK, 0},
        {"-0.0e9", OR_OK, 0},
        {"1e-12", OR_OK, 1},
        {"1e-13", OR_OK, 1},               /* rounds to 0, but is not free */
        {"0.00000000000001", OR_OK, 1},
        {"5e-13", OR_OK, 1},
        {"1.5e-12", OR_OK, 2},             /* half up */
        {"1.4999e-12", OR_OK, 1},
        {"1e-400", OR_OK, 1},
        {"0.00000008333333333333334", OR_OK, 83333}, /* a real one */
        {"9223372.036854775807", OR_OK, INT64_MAX},
        {"9223372.036854775808", OR_ERR_RANGE, 7},
        {"1e400", OR_ERR_RANGE, 7},
        {"-1", OR_ERR_RANGE, 7},
        {"-1e-12", OR_ERR_RANGE, 7},
        {"-1e-13", OR_ERR_RANGE, 7},
        {"", OR_ERR_ARG, 7},
        {"free", OR_ERR_ARG, 7},
        {"0x1", OR_ERR_ARG, 7},
        {" 1", OR_ERR_ARG, 7},
        {"1 ", OR_ERR_ARG, 7},
        {"$1", OR_ERR_ARG, 7},
        {".5", OR_ERR_ARG, 7},
        {"1,5", OR_ERR_ARG, 7},
        {"NaN", OR_ERR_ARG, 7},
        {"-", OR_ERR_ARG, 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_str   text = test_exact(or_str_z(cases[i].text));
        uint64_t pico = 7; /* not touched by a failure */
        CHECK_ERR(or_price_read(text, &pico), cases[i].err, cases[i].text);
        CHECK(pico == cases[i].pico, cases[i].text);
        free((void *)text.ptr);
    }
    uint64_t pico = 7;
    CHECK_ERR(or_price_read(or_str_of(NULL, 0), &pico), OR_ERR_ARG, "absent");
    CHECK(or_str_eq(or_str_z(or_price_name(OR_PRICE_PROMPT)), OR_STR("prompt")), "first name");
    CHECK(or_str_eq(or_str_z(or_price_name(OR_PRICE_WEB_SEARCH)), OR_STR("web_search")), "last");
    CHECK(or_price_name(OR_PRICE_NUM)[0] == 0, "no name");
}

static char     memory[65536];
static or_arena arena;

/* Read a `pricing` object; the arena starts anew. */
static or_err read_prices(const char *json, or_prices *out)
{
    or_json_doc doc;
    or_arena_init(&arena, memory, sizeof memory);
    or_err e = or_json_parse(&doc, or_str_z(json), 0, &arena);
    return e != OR_OK ? e : or_prices_read(&doc, 0, &arena, out);
}

#define BIT(key) (1u << OR_PRICE_##key)

static void test_prices_read(void)
{
    or_prices p;
    CHECK_ERR(read_prices("{\"prompt\":\"0.0000000375\",\"completion\":0.000000075,"
                          "\"request\":\"0\",\"image\":null,\"web_search\":\"-1\","
                          "\"audio\":\"soon\",\"\":\"5\","
                          "\"input_cache_read\":{},\"pr\\u006fmpt2\":\"1\",\"new_key\":\"1\"}", &p),
              OR_OK, "pricing");
    CHECK(p.base.known == (BIT(PROMPT) | BIT(COMPLETION) | BIT(REQUEST)), "known");
    CHECK(p.base.named == (p.base.known | BIT(IMAGE) | BIT(WEB_SEARCH) | BIT(AUDIO) |
                           BIT(INPUT_CACHE_READ)), "named");
    CHECK(p.base.pico[OR_PRICE_PROMPT] == 37500, "string");
    CHECK(p.base.pico[OR_PRICE_COMPLETION] == 75000, "number");
    CHECK(p.base.pico[OR_PRICE_REQUEST] == 0, "free");
    CHECK(p.num_rules == 0 && p.discount_ppb == 0, "nothing else");

    CHECK_ERR(read_prices("{\"pr\\u006fmpt\":\"1e-12\"}", &p), OR_OK, "escaped name");
    CHECK(p.base.pico[OR_PRICE_PROMPT] == 1, "escaped name");
    CHECK_ERR(read_prices("[]", &p), OR_ERR_TYPE, "array");
    CHECK_ERR(read_prices("null", &p), OR_ERR_TYPE, "null");
    CHECK(p.base.named == 0, "zeroed");

    static const struct {
        const char *json;
        uint32_t    ppb;
    } discounts[] = {
        {"{\"discount\":0}", 0},
        {"{\"discount\":0.25}", 250000000},
        {"{\"discount\":\"0.25\"}", 250000000},
        {"{\"discount\":0.30000000000000004}", 300000000},
        {"{\"discount\":1e-9}", 1},
        {"{\"discount\":1}", 1000000000},
        {"{\"discount\":1.000000001}", 0}, /* nobody pays to be used */
        {"{\"discount\":-0.1}", 0},
        {"{\"discount\":null}", 0},
        {"{\"discount\":\"10%\"}", 0},
    };
    for (size_t i = 0; i < sizeof discounts / sizeof discounts[0]; i++) {
        CHECK_ERR(read_prices(discounts[i].json, &p), OR_OK, discounts[i].json);
        CHECK(p.discount_ppb == discounts[i].ppb, discounts[i].json);
    }
}

static void test_rules_read(void)
{
    or_prices p;
    CHECK_ERR(read_prices("{\"overrides\":[5,{\"min_prompt_tokens\":128000,\"prompt\":\"2e-12\"},"
                          "{\"utc_start\":1630,\"utc_end\":30,\"utc_days\":[\"monday\",\"Sunday\"],"
                          "\"completion\":\"-1\"},{\"utc_days\":[\"someday\"]},{\"utc_days\":[]},"
                          "{\"utc_days\":null,\"min_prompt_tokens\":-1,\"utc_start\":\"9\"},"
                          "{\"utc_days\":\"monday\"},{\"utc_start\":65636,\"utc_end\":2400}]}", &p),
              OR_OK, "rules");
    CHECK(p.num_rules == 7, "objects only");
    if (p.num_rules != 7) return;
    CHECK(p.rules[0].min_prompt_tokens == 128000 && p.rules[0].prices.named == BIT(PROMPT) &&
              p.rules[0].prices.pico[OR_PRICE_PROMPT] == 2, "threshold");
    CHECK(p.rules[1].utc_start == 1630 && p.rules[1].utc_end == 30, "times");
    CHECK((p.rules[1].utc_days & 127) == (1 | 1 << 6), "days, in any case");
    CHECK(p.rules[1].prices.named == BIT(COMPLETION) && p.rules[1].prices.known == 0, "unknown");
    CHECK((p.rules[2].utc_days & 127) == 0 && p.rules[2].utc_days != 0, "unknown day: never");
    CHECK((p.rules[3].utc_days & 127) == 0 && p.rules[3].utc_days != 0, "no day: never");
    CHECK(p.rules[4].utc_days == 0 && p.rules[4].min_prompt_tokens == 0, "null: no condition");
    CHECK((p.rules[5].utc_days & 127) == 0 && p.rules[5].utc_days != 0, "not a list: never");
    CHECK(p.rules[6].utc_start == 2400 && p.rules[6].utc_end == 2400, "times are not cut to fit");
    CHECK_ERR(read_prices("{\"overrides\":{}}", &p), OR_OK, "not a list");
    CHECK(p.num_rules == 0, "not a list");

    /* the arena one byte too small, and an allocator that fails */
    or_json_doc  doc;
    test_heap    heap = {0, 0, 0};
    or_allocator allocator = TEST_ALLOCATOR(&heap);
    or_arena     small;
    char         block[sizeof(or_price_rule) + 16];
    CHECK_ERR(or_json_parse(&doc, OR_STR("{\"overrides\":[{}]}"), 0, &arena), OR_OK, "doc");
    or_arena_init(&small, block, sizeof block);
    CHECK_ERR(or_prices_read(&doc, 0, &small, &p), OR_OK, "fits");
    size_t need = small.peak;
    char  *exact = (char *)malloc(need - 1);
    or_arena_init(&small, exact, need - 1);
    CHECK_ERR(or_prices_read(&doc, 0, &small, &p), OR_ERR_SPACE, "one byte too small");
    free(exact);
    heap.fail_at = 1;
    or_arena_init_growing(&small, NULL, 0, &allocator);
    CHECK_ERR(or_prices_read(&doc, 0, &small, &p), OR_ERR_MEMORY, "no memory");
    or_arena_reset(&small);
    CHECK(heap.outstanding == 0, "given back");
}

/* 2026-11-16 was a Monday. */
#define MONDAY INT64_C(1794787200)
#define HOUR   3600
#define DAY    86400

/* Which of rules priced 1, 2, 4 ... hold, as the sum; they name different keys. */
static void test_rules(void)
{
    static const struct {
        const char *name, *rule;
        uint64_t    tokens;
        int64_t     from_monday; /* seconds; -1: time unknown */
        bool        holds;
    } cases[] = {
        {"below", "\"min_prompt_tokens\":1000", 999, -1, false},
        {"at", "\"min_prompt_tokens\":1000", 1000, -1, false},
        {"above", "\"min_prompt_tokens\":1000", 1001, -1, true},
        {"1 is a condition", "\"min_prompt_tokens\":1", 1, -1, false},
        {"no condition", "\"x\":1", 0, -1, true},
        {"before", "\"utc_start\":900,\"utc_end\":1730", 0, 9 * HOUR - 1, false},
        {"first second", "\"utc_start\":900,\"utc_end\":1730", 0, 9 * HOUR, true},
        {"last second", "\"utc_start\":900,\"utc_end\":1730", 0, 17 * HOUR + 1799, true},
        {"end", "\"utc_start\":900,\"utc_end\":1730", 0, 17 * HOUR + 1800, false},
        {"minutes count", "\"utc_start\":959,\"utc_end\":1000", 0, 9 * HOUR + 59 * 60, true},
        {"time unknown", "\"utc_start\":900,\"utc_end\":1730", 0, -1, false},
        {"evening", "\"utc_start\":2200,\"utc_end\":600", 0, 22 * HOUR, true},
        {"over midnight", "\"utc_start\":2200,\"utc_end\":600", 0, DAY, true},
        {"morning", "\"utc_start\":2200,\"utc_end\":600", 0, DAY + 6 * HOUR - 1, true},
        {"after it", "\"utc_start\":2200,\"utc_end\":600", 0, DAY + 6 * HOUR, false},
        {"before it", "\"utc_start\":2200,\"utc_end\":600", 0, 22 * HOUR - 1, false},
        {"until midnight", "\"utc_start\":1800,\"utc_end\":2400", 0, DAY - 1, true},
        {"start alone", "\"utc_start\":1800", 0, DAY - 1, true},
        {"start alone, early", "\"utc_start\":1800", 0, 18 * HOUR - 1, false},
        {"end alone", "\"utc_end\":600", 0, 6 * HOUR - 1, true},
        {"end alone, late", "\"utc_end\":600", 0, 6 * HOUR, false},
        {"monday", "\"utc_days\":[\"monday\"]", 0, 0, true},
        {"monday, last second", "\"utc_days\":[\"monday\"]", 0, DAY - 1, true},
        {"tuesday", "\"utc_days\":[\"monday\"]", 0, DAY, false},
        {"sunday", "\"utc_days\":[\"sunday\"]", 0, 6 * DAY, true},
        {"sunday before", "\"utc_days\":[\"sunday\"]", 0, -2, true}, /* -2: the second before */
        {"weekend", "\"utc_days\":[\"saturday\",\"sunday\"]", 0, 5 * DAY, true},
        {"day unknown", "\"utc_days\":[\"thursday\"]", 0, -1, false}, /* 1970-01-01 was one */
        {"hour unknown", "\"utc_start\":2200,\"utc_end\":600", 0, -1, false},
        {"before 1970", "\"utc_start\":2359,\"utc_end\":2400", 0, -MONDAY - 1, true},
        {"day before 1970", "\"utc_days\":[\"wednesday\"]", 0, -MONDAY - 1, true},
        {"start is end", "\"utc_start\":900,\"utc_end\":900", 0, 10 * HOUR, true},
        {"no such day", "\"utc_days\":[\"moonday\"]", 0, 0, false},
        {"all hold", "\"min_prompt_tokens\":9,\"utc_days\":[\"monday\"],\"utc_start\":100,"
                     "\"utc_end\":200", 10, HOUR, true},
        {"tokens fail", "\"min_prompt_tokens\":9,\"utc_days\":[\"monday\"],\"utc_start\":100,"
                        "\"utc_end\":200", 9, HOUR, false},
        {"day fails", "\"min_prompt_tokens\":9,\"utc_days\":[\"monday\"],\"utc_start\":100,"
                      "\"utc_end\":200", 10, DAY + HOUR, false},
        {"hour fails", "\"min_prompt_tokens\":9,\"utc_days\":[\"monday\"],\"utc_start\":100,"
                       "\"utc_end\":200", 10, 2 * HOUR, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char          json[256];
        or_prices     p;
        or_price_list now;
        or_wall       wall = at(MONDAY + cases[i].from_monday);
        if (cases[i].from_monday == -1) wall = no_wall;
        if (cases[i].from_monday == -2) wall = at(MONDAY - 1);
        snprintf(json, sizeof json,
                 "{\"prompt\":\"5e-12\",\"overrides\":[{%s,\"prompt\":\"9e-12\"}]}",
                 cases[i].rule);
        CHECK_ERR(read_prices(json, &p), OR_OK, cases[i].name);
        or_prices_at(&p, cases[i].tokens, wall, &now);
        CHECK(now.pico[OR_PRICE_PROMPT] == (cases[i].holds ? 9u : 5u), cases[i].name);
    }
}

static void test_rules_by_key(void)
{
    or_prices     p;
    or_price_list now;
    CHECK_ERR(read_prices("{\"prompt\":\"1e-12\",\"completion\":\"2e-12\",\"overrides\":["
                          "{\"prompt\":\"3e-12\",\"input_cache_read\":\"1e-12\"},"
                          "{\"min_prompt_tokens\":10,\"prompt\":\"4e-12\",\"completion\":\"-1\"},"
                          "{\"prompt\":\"5e-12\",\"min_prompt_tokens\":20}]}", &p), OR_OK, "rules");
    or_prices_at(&p, 1, no_wall, &now);
    CHECK(now.pico[OR_PRICE_PROMPT] == 3 && now.pico[OR_PRICE_COMPLETION] == 2 &&
              now.pico[OR_PRICE_INPUT_CACHE_READ] == 1, "first rule");
    CHECK(now.known == (BIT(PROMPT) | BIT(COMPLETION) | BIT(INPUT_CACHE_READ)), "known");
    CHECK(now.named == now.known, "named by a rule");
    or_prices_at(&p, 11, no_wall, &now);
    CHECK(now.pico[OR_PRICE_PROMPT] == 4 && now.pico[OR_PRICE_INPUT_CACHE_READ] == 1, "later wins");
    CHECK((now.known & BIT(COMPLETION)) == 0 && (now.named & BIT(COMPLETION)) != 0,
          "a rule can make a price unknown");
    or_prices_at(&p, 21, no_wall, &now);
    CHECK(now.pico[OR_PRICE_PROMPT] == 5, "last wins");
}

/* ---- cost ---- */

/* Prices of one each, so that a sum tells what was counted: powers of ten by key. */
#define ALL_KEYS                                                                             \
    "\"prompt\":\"1e-12\",\"completion\":\"1e-11\",\"request\":\"1e-10\",\"image\":\"1e-9\"," \
    "\"image_output\":\"1e-8\",\"audio\":\"1e-7\",\"audio_output\":\"1e-6\","                 \
    "\"input_audio_cache\":\"1e-5\",\"input_cache_read\":\"1e-4\",\"input_cache_write\":\"1e-3\"," \
    "\"input_cache_write_1h\":\"1e-2\",\"internal_reasoning\":\"1e-1\",\"web_search\":\"1\""

typedef struct cost_case {
    const char   *name, *pricing;
    or_usage      u;
    or_cost_facts f;
    const char   *want; /* USD; NULL: unknown */
    uint32_t      missing;
} cost_case;

static const cost_case costs[] = {
    /* every kind of token, alone and mixed */
    {"nothing but the request", "{" ALL_KEYS "}", {.set = true}, {0}, "0.0000000001", 0},
    {"prompt", "{" ALL_KEYS "}", {.set = true, .prompt_tokens = 3}, {0}, "0.000000000103", 0},
    {"completion", "{" ALL_KEYS "}", {.set = true, .completion_tokens = 3}, {0},
     "0.00000000013", 0},
    {"one of each", "{" ALL_KEYS "}",
     {.set = true, .prompt_tokens = 15, .cached_tokens = 5, .cache_write_tokens = 5,
      .cache_write_1h_tokens = 2, .audio_tokens = 5, .cached_audio_tokens = 3,
      .completion_tokens = 10, .reasoning_tokens = 4, .image_output_tokens = 3,
      .audio_output_tokens = 2, .web_searches = 1}, {.images = 2},
     /* plain prompt 15-5-5-2 = 3, completion 10-4-3-2 = 1, request 1, images 2, image out 3,
        fresh audio 5-3 = 2, audio out 2, cached audio 3, read 5-3 = 2, write 5-2 = 3, hour 2,
        reasoning 4, search 1 */
     "1.423232232113", 0},
    {"cached is part of prompt", "{" ALL_KEYS "}",
     {.set = true, .prompt_tokens = 10, .cached_tokens = 10}, {0}, "0.0010000001", 0},
    {"reasoning is part of completion", "{" ALL_KEYS "}",
     {.set = true, .completion_tokens = 2, .reasoning_tokens = 2}, {0}, "0.2000000001", 0},

    /* what stands for a price that is not named */
    {"cached as prompt", "{\"prompt\":\"2e-12\",\"completion\":\"0\"}",
     {.set = true, .prompt_tokens = 10, .cached_tokens = 4, .cache_write_tokens = 3,
      .cache_write_1h_tokens = 1, .audio_tokens = 3}, {0}, "0.00000000002", 0},
    {"hour as write", "{\"prompt\":\"0\",\"input_cache_write\":\"3e-12\"}",
     {.set = true, .prompt_tokens = 9, .cache_write_tokens = 3, .cache_write_1h_tokens = 2}, {0},
     "0.000000000009", 0},
    {"cached audio as audio", "{\"prompt\":\"0\",\"audio\":\"3e-12\"}",
     {.set = true, .prompt_tokens = 9, .cached_tokens = 2, .audio_tokens = 3,
      .cached_audio_tokens = 2}, {0}, "0.000000000009", 0},
    {"out as completion", "{\"completion\":\"5e-12\"}",
     {.set = true, .completion_tokens = 9, .reasoning_tokens = 2, .image_output_tokens = 2,
      .audio_output_tokens = 2}, {0}, "0.000000000045", 0},
    {"reasoning at 0 is completion", "{\"completion\":\"5e-12\",\"internal_reasoning\":\"0\"}",
     {.set = true, .completion_tokens = 9, .reasoning_tokens = 2}, {0}, "0.000000000045", 0},
    {"reasoning unknown", "{\"completion\":\"5e-12\",\"internal_reasoning\":\"-1\"}",
     {.set = true, .completion_tokens = 9, .reasoning_tokens = 2}, {0}, NULL,
     BIT(INTERNAL_REASONING)},
    {"free cache", "{\"prompt\":\"5e-12\",\"input_cache_read\":\"0\"}",
     {.set = true, .prompt_tokens = 9, .cached_tokens = 2}, {0}, "0.000000000035", 0},
    {"images without a price", "{\"prompt\":\"1e-12\"}", {.set = true, .prompt_tokens = 1},
     {.images = 9}, "0.000000000001", 0},
    {"images with one", "{\"prompt\":\"1e-12\",\"image\":\"0.01\"}",
     {.set = true, .prompt_tokens = 1}, {.images = 9}, "0.090000000001", 0},

    /* an upstream that contradicts itself: parts are at most the whole */
    {"more cached than prompt", "{" ALL_KEYS "}",
     {.set = true, .prompt_tokens = 2, .cached_tokens = 9}, {0}, "0.0002000001", 0},
    {"cached and written more", "{" ALL_KEYS "}",
     {.set = true, .prompt_tokens = 5, .cached_tokens = 3, .cache_write_tokens = 9}, {0},
     "0.0023000001", 0},
    {"hour more than written", "{" ALL_KEYS "}",
     {.set = true, .prompt_tokens = 5, .cache_write_tokens = 2, .cache_write_1h_tokens = 9}, {0},
     "0.020000000103", 0},
    {"audio more than prompt", "{" ALL_KEYS "}",
     {.set = true, .prompt_tokens = 2, .audio_tokens = 9}, {0}, "0.0000002001", 0},
    {"audio more than what is left", "{" ALL_KEYS "}",
     {.set = true, .prompt_tokens = 5, .cached_tokens = 2, .cache_write_tokens = 2,
      .audio_tokens = 5}, {0}, "0.0022001001", 0},
    {"cached audio more than cached", "{" ALL_KEYS "}",
     {.set = true, .prompt_tokens = 5, .cached_tokens = 1, .audio_tokens = 3,
      .cached_audio_tokens = 3}, {0}, "0.000010200102", 0},
    {"cached audio more than audio", "{" ALL_KEYS "}",
     {.set = true, .prompt_tokens = 5, .cached_tokens = 3, .audio_tokens = 1,
      .cached_audio_tokens = 3}, {0}, "0.000210000102", 0},
    {"reasoning more than completion", "{" ALL_KEYS "}",
     {.set = true, .completion_tokens = 2, .reasoning_tokens = 9, .image_output_tokens = 9,
      .audio_output_tokens = 9}, {0}, "0.2000000001", 0},
    {"images out more than is left", "{" ALL_KEYS "}",
     {.set = true, .completion_tokens = 3, .reasoning_tokens = 1, .image_output_tokens = 9,
      .audio_output_tokens = 9}, {0}, "0.1000000201", 0},
    {"audio out more than is left", "{" ALL_KEYS "}",
     {.set = true, .completion_tokens = 3, .reasoning_tokens = 1, .image_output_tokens = 1,
      .audio_output_tokens = 9}, {0}, "0.1000010101", 0},

    /* unknown is not 0, and only what is needed has to be known */
    {"no prices", "{}", {.set = true, .prompt_tokens = 1, .completion_tokens = 1}, {0}, NULL,
     BIT(PROMPT) | BIT(COMPLETION)},
    {"-1", "{\"prompt\":\"-1\",\"completion\":\"-1\"}",
     {.set = true, .prompt_tokens = 1, .completion_tokens = 1}, {0}, NULL,
     BIT(PROMPT) | BIT(COMPLETION)},
    {"free", "{\"prompt\":\"0\",\"completion\":\"0\"}",
     {.set = true, .prompt_tokens = 1, .completion_tokens = 1}, {0}, "0", 0},
    {"not needed", "{\"prompt\":\"1e-12\"}", {.set = true, .prompt_tokens = 1}, {0},
     "0.000000000001", 0},
    {"search without a price", "{\"prompt\":\"0\"}", {.set = true, .web_searches = 1}, {0}, NULL,
     BIT(WEB_SEARCH)},
    {"request unknown", "{\"prompt\":\"0\",\"request\":\"-1\"}", {.set = true}, {0}, NULL,
     BIT(REQUEST)},
    {"image unknown", "{\"prompt\":\"0\",\"image\":\"-1\"}", {.set = true}, {.images = 1}, NULL,
     BIT(IMAGE)},
    {"audio unknown and named", "{\"prompt\":\"1e-12\",\"audio\":\"-1\"}",
     {.set = true, .prompt_tokens = 2, .audio_tokens = 1}, {0}, NULL, BIT(AUDIO)},
    {"nothing said", "{" ALL_KEYS "}", {.set = false, .prompt_tokens = 9}, {0}, NULL, 0},

    /* thresholds count the prompt */
    {"at the threshold", "{\"prompt\":\"1e-12\",\"overrides\":[{\"min_prompt_tokens\":10,"
     "\"prompt\":\"2e-12\"}]}", {.set = true, .prompt_tokens = 10}, {0}, "0.00000000001", 0},
    {"above the threshold", "{\"prompt\":\"1e-12\",\"overrides\":[{\"min_prompt_tokens\":10,"
     "\"prompt\":\"2e-12\"}]}", {.set = true, .prompt_tokens = 11}, {0}, "0.000000000022", 0},
    {"by the time", "{\"prompt\":\"1e-12\",\"overrides\":[{\"utc_days\":[\"monday\"],"
     "\"prompt\":\"2e-12\"}]}", {.set = true, .prompt_tokens = 11}, {.now = {true, MONDAY}},
     "0.000000000022", 0},

    /* discounts are taken from the sum, once, and rounded half up */
    {"half of 3", "{\"prompt\":\"1e-12\",\"discount\":0.5}", {.set = true, .prompt_tokens = 3}, {0},
     "0.000000000002", 0},
    {"a third of 4", "{\"prompt\":\"1e-12\",\"discount\":0.666666667}",
     {.set = true, .prompt_tokens = 4}, {0}, "0.000000000001", 0},
    {"0.1 of 14", "{\"prompt\":\"1e-12\",\"discount\":0.9}",
     {.set = true, .prompt_tokens = 14}, {0}, "0.000000000001", 0},
    {"0.1 of 15", "{\"prompt\":\"1e-12\",\"discount\":0.9}",
     {.set = true, .prompt_tokens = 15}, {0}, "0.000000000002", 0},
    {"everything", "{\"prompt\":\"1\",\"discount\":1}", {.set = true, .prompt_tokens = 15}, {0},
     "0", 0},
    {"of a large sum", "{\"prompt\":\"9000000\",\"discount\":0.000000001}",
     {.set = true, .prompt_tokens = 1}, {0}, "8999999.991", 0},

    /* insurance */
    {"empty answer", "{" ALL_KEYS "}", {.set = true, .prompt_tokens = 9},
     {.insured = true, .unfinished = true}, "0", 0},
    {"empty, not insured", "{" ALL_KEYS "}", {.set = true, .prompt_tokens = 9},
     {.unfinished = true}, "0.000000000109", 0},
    {"empty but finished", "{" ALL_KEYS "}", {.set = true, .prompt_tokens = 9}, {.insured = true},
     "0.000000000109", 0},
    {"unfinished, not empty", "{" ALL_KEYS "}",
     {.set = true, .prompt_tokens = 9, .completion_tokens = 1},
     {.insured = true, .unfinished = true}, "0.000000000119", 0},
    {"failed", "{" ALL_KEYS "}", {.set = true, .prompt_tokens = 9, .completion_tokens = 1},
     {.insured = true, .failed = true}, "0", 0},
    {"failed, not insured", "{" ALL_KEYS "}", {.set = true, .prompt_tokens = 9}, {.failed = true},
     "0.000000000109", 0},
    {"failed after a search", "{" ALL_KEYS "}",
     {.set = true, .prompt_tokens = 9, .web_searches = 2}, {.insured = true, .failed = true},
     "2", 0},

    /* the limits of the unit: largest exact sum, then saturation */
    {"largest", "{\"prompt\":\"9223372.036854775807\"}", {.set = true, .prompt_tokens = 1}, {0},
     "9223372.036854775807", 0},
};

static void check_usd(int64_t pico, const char *want, const char *name)
{
    char   text[64];
    or_buf out;
    or_buf_init(&out, text, sizeof text);
    CHECK_ERR(or_decimal_put(&out, pico, 12), OR_OK, name);
    CHECK_STR(or_buf_str(&out), or_str_z(want), name);
}

static void test_costs(void)
{
    for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++) {
        const cost_case *k = &costs[i];
        or_prices        p;
        or_cost          c;
        CHECK_ERR(read_prices(k->pricing, &p), OR_OK, k->name);
        or_cost_of(&p, &k->u, &k->f, &c);
        CHECK(c.source == (k->want != NULL ? OR_COST_COMPUTED : OR_COST_UNKNOWN), k->name);
        CHECK(c.computed_set == (k->want != NULL), k->name);
        CHECK(c.missing == k->missing, k->name);
        CHECK(!c.saturated && !c.upstream_set, k->name);
        CHECK(c.computed_pico_usd == c.pico_usd, k->name);
        check_usd(c.pico_usd, k->want != NULL ? k->want : "0", k->name);
    }
}

/* The price that doubles lose: through reading, cost, and print. */
static void test_to_the_pico(void)
{
    or_prices p;
    or_cost   c;
    or_usage  u = {.set = true, .prompt_tokens = 1, .completion_tokens = 1000000007};
    CHECK_ERR(read_prices("{\"prompt\":\"0.0000000375\",\"completion\":\"0.0000000375\"}", &p),
              OR_OK, "exact");
    or_cost_of(&p, &u, NULL, &c);
    check_usd(c.pico_usd, "37.5000003", "1000000008 x 37500");
    u.completion_tokens = 0;
    or_cost_of(&p, &u, NULL, &c);
    check_usd(c.pico_usd, "0.0000000375", "one");
    CHECK(c.source == OR_COST_COMPUTED, "without facts nothing is estimated");
    CHECK_ERR(read_prices("{\"prompt\":\"1e-12\",\"image\":\"1\",\"overrides\":["
                          "{\"utc_days\":[\"thursday\"],\"prompt\":\"1\"}]}", &p),
              OR_OK, "no facts");
    or_cost_of(&p, &u, NULL, &c);
    check_usd(c.pico_usd, "0.000000000001", "without facts no images and no time");
}

static void test_saturation(void)
{
    static const struct {
        const char *name;
        uint64_t    in, out;
        bool        saturated;
        int64_t     pico;
    } cases[] = {
        {"fits", (uint64_t)INT64_MAX, 0, false, INT64_MAX},
        {"product above INT64_MAX", (uint64_t)INT64_MAX + 1, 0, true, INT64_MAX},
        {"product above 64 bits", UINT64_MAX, 1, true, INT64_MAX},
        {"sum fits", (uint64_t)INT64_MAX - 3, 1, false, INT64_MAX},
        {"sum above", (uint64_t)INT64_MAX - 2, 1, true, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_prices p;
        or_cost   c;
        or_usage  u = {.set = true};
        memset(&p, 0, sizeof p);
        or_price_set(&p.base, OR_PRICE_PROMPT, 1);
        or_price_set(&p.base, OR_PRICE_COMPLETION, 3);
        u.prompt_tokens = cases[i].in;
        u.completion_tokens = cases[i].out;
        or_cost_of(&p, &u, NULL, &c);
        CHECK(c.saturated == cases[i].saturated, cases[i].name);
        CHECK(c.pico_usd == cases[i].pico, cases[i].name);
    }
    or_prices p;
    or_cost   c;
    or_usage  u = {.set = true, .prompt_tokens = 2, .completion_tokens = 2};
    memset(&p, 0, sizeof p);
    or_price_set(&p.base, OR_PRICE_PROMPT, UINT64_MAX);
    or_price_set(&p.base, OR_PRICE_COMPLETION, UINT64_MAX);
    p.discount_ppb = 500000000;
    or_cost_of(&p, &u, NULL, &c);
    CHECK(c.saturated && c.pico_usd == INT64_MAX / 2 + 1, "discount of a saturated sum");
    p.discount_ppb = 4000000000u;
    or_cost_of(&p, &u, NULL, &c);
    CHECK(c.pico_usd == 0, "a discount above 1 is all");
    CHECK(or_money_add(INT64_MAX, 1) == INT64_MAX, "add");
    CHECK(or_money_add(INT64_MAX - 1, 1) == INT64_MAX, "add n");
    CHECK(or_money_add(INT64_MAX - 2, 1) == INT64_MAX - 1, "add n-1");
}

/* Who said it: the upstream's word before ours, and both kept. */
static void test_sources(void)
{
    static const struct {
        const char    *name;
        or_usage       u;
        or_cost_facts  f;
        bool           priced;
        or_cost_source source;
        int64_t        pico, upstream, computed;
    } cases[] = {
        {"computed", {.set = true, .prompt_tokens = 5}, {0}, true, OR_COST_COMPUTED, 5, 0, 5},
        {"estimated", {.set = true, .prompt_tokens = 5}, {.estimated = true}, true,
         OR_COST_ESTIMATED, 5, 0, 5},
        {"upstream wins", {.set = true, .prompt_tokens = 5, .cost_set = true, .cost_pico_usd = 9},
         {.estimated = true}, true, OR_COST_UPSTREAM, 9, 9, 5},
        {"upstream says free", {.set = true, .prompt_tokens = 5, .cost_set = true}, {0}, true,
         OR_COST_UPSTREAM, 0, 0, 5},
        {"upstream knows, we do not", {.set = true, .prompt_tokens = 5, .cost_set = true,
         .cost_pico_usd = 9}, {0}, false, OR_COST_UPSTREAM, 9, 9, 0},
        {"a negative cost is no word", {.set = true, .prompt_tokens = 5, .cost_set = true,
         .cost_pico_usd = -9}, {0}, true, OR_COST_COMPUTED, 5, 0, 5},
        {"not byok: the provider's bill is in the cost",
         {.set = true, .prompt_tokens = 5, .cost_set = true, .cost_pico_usd = 9,
          .upstream_cost_set = true, .upstream_cost_pico_usd = 7}, {0}, true, OR_COST_UPSTREAM,
         9, 9, 5},
        {"byok: fee and bill",
         {.set = true, .prompt_tokens = 5, .is_byok = true, .cost_set = true, .cost_pico_usd = 2,
          .upstream_cost_set = true, .upstream_cost_pico_usd = 7}, {0}, true, OR_COST_UPSTREAM,
         9, 9, 5},
        {"byok: fee and a free bill",
         {.set = true, .prompt_tokens = 5, .is_byok = true, .cost_set = true, .cost_pico_usd = 2,
          .upstream_cost_set = true}, {0}, true, OR_COST_UPSTREAM, 2, 2, 5},
        {"byok: fee alone is not the cost",
         {.set = true, .prompt_tokens = 5, .is_byok = true, .cost_set = true, .cost_pico_usd = 1},
         {0}, true, OR_COST_COMPUTED, 6, 0, 5},
        {"byok: fee alone, no prices",
         {.set = true, .prompt_tokens = 5, .is_byok = true, .cost_set = true, .cost_pico_usd = 2},
         {0}, false, OR_COST_UNKNOWN, 0, 0, 0},
        {"byok: bill alone",
         {.set = true, .prompt_tokens = 5, .is_byok = true, .upstream_cost_set = true,
          .upstream_cost_pico_usd = 7}, {0}, true, OR_COST_COMPUTED, 5, 0, 5},
        {"byok: a negative bill is no word",
         {.set = true, .prompt_tokens = 5, .is_byok = true, .cost_set = true, .cost_pico_usd = 2,
          .upstream_cost_set = true, .upstream_cost_pico_usd = -7}, {0}, true, OR_COST_COMPUTED,
         7, 0, 5},
        {"byok: a negative fee is none",
         {.set = true, .prompt_tokens = 5, .is_byok = true, .cost_set = true, .cost_pico_usd = -2,
          .upstream_cost_set = true, .upstream_cost_pico_usd = 7}, {0}, true, OR_COST_COMPUTED,
         5, 0, 5},
        {"byok: saturates",
         {.set = true, .is_byok = true, .cost_set = true, .cost_pico_usd = 2,
          .upstream_cost_set = true, .upstream_cost_pico_usd = INT64_MAX}, {0}, true,
         OR_COST_UPSTREAM, INT64_MAX, INT64_MAX, 0},
    };
    or_prices p;
    memset(&p, 0, sizeof p);
    or_price_set(&p.base, OR_PRICE_PROMPT, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_cost c;
        or_cost_of(cases[i].priced ? &p : NULL, &cases[i].u, &cases[i].f, &c);
        CHECK(c.source == cases[i].source, cases[i].name);
        CHECK(c.pico_usd == cases[i].pico, cases[i].name);
        CHECK(c.upstream_pico_usd == cases[i].upstream, cases[i].name);
        CHECK(c.computed_pico_usd == cases[i].computed, cases[i].name);
        CHECK(c.upstream_set == (cases[i].source == OR_COST_UPSTREAM), cases[i].name);
        CHECK(c.computed_set == cases[i].priced, cases[i].name);
    }
}

/* ---- bounds ---- */

static void test_bounds(void)
{
    static const struct {
        const char    *name, *pricing;
        or_bound_facts f;
        const char    *want; /* NULL: unknown */
    } cases[] = {
        {"bytes and tokens", "{\"prompt\":\"1e-12\",\"completion\":\"1e-9\"}",
         {.prompt_bytes = 10, .image_tokens = 5, .max_tokens = 2}, "0.000000002015"},
        {"context caps the prompt", "{\"prompt\":\"1e-12\",\"completion\":\"0\"}",
         {.prompt_bytes = 10, .image_tokens = 5, .max_tokens = 2, .context_length = 12},
         "0.000000000012"},
        {"output limit caps the answer", "{\"prompt\":\"0\",\"completion\":\"1e-12\"}",
         {.max_tokens = 100, .output_limit = 99}, "0.000000000099"},
        {"max_tokens below the limit", "{\"prompt\":\"0\",\"completion\":\"1e-12\"}",
         {.max_tokens = 98, .output_limit = 99}, "0.000000000098"},
        {"context caps the answer", "{\"prompt\":\"0\",\"completion\":\"1e-12\"}",
         {.max_tokens = 100, .context_length = 50}, "0.00000000005"},
        {"least context", "{\"prompt\":\"1e-12\",\"completion\":\"1e-11\"}",
         {.prompt_bytes = 9, .max_tokens = 100, .context_length = 1}, "0.000000000011"},
        {"an empty prompt counts as one token", "{\"prompt\":\"3e-12\",\"completion\":\"0\"}",
         {.max_tokens = 1}, "0.000000000003"},
        {"so does one token", "{\"prompt\":\"3e-12\",\"completion\":\"0\"}",
         {.prompt_bytes = 1, .max_tokens = 1}, "0.000000000003"},
        {"the limit before the context", "{\"prompt\":\"0\",\"completion\":\"1e-12\"}",
         {.max_tokens = 100, .output_limit = 60, .context_length = 50}, "0.00000000006"},
        {"no max_tokens: the limit", "{\"prompt\":\"0\",\"completion\":\"1e-12\"}",
         {.output_limit = 8191}, "0.000000008191"},
        {"no max_tokens: at most the default", "{\"prompt\":\"0\",\"completion\":\"1e-12\"}",
         {.output_limit = 8193}, "0.000000008192"},
        {"nothing known", "{\"prompt\":\"0\",\"completion\":\"1e-12\"}", {.prompt_bytes = 1},
         "0.000000008192"},
        {"dearest in", "{\"prompt\":\"1e-12\",\"completion\":\"0\",\"input_cache_read\":\"0\","
         "\"input_cache_write_1h\":\"5e-12\",\"audio\":\"2e-12\"}", {.prompt_bytes = 3},
         "0.000000000015"},
        {"dearest out", "{\"prompt\":\"0\",\"completion\":\"1e-12\",\"audio_output\":\"7e-12\"}",
         {.prompt_bytes = 3, .max_tokens = 2}, "0.000000000014"},
        {"dearest rule", "{\"prompt\":\"1e-12\",\"completion\":\"0\",\"overrides\":["
         "{\"min_prompt_tokens\":999,\"prompt\":\"4e-12\"},{\"prompt\":\"3e-12\"}]}",
         {.prompt_bytes = 3}, "0.000000000012"},
        {"a rule does not make it known", "{\"completion\":\"0\",\"overrides\":["
         "{\"prompt\":\"4e-12\"}]}", {.prompt_bytes = 3}, NULL},
        {"a rule may make it unknown", "{\"prompt\":\"0\",\"completion\":\"0\",\"overrides\":["
         "{\"utc_start\":1,\"utc_end\":2,\"prompt\":\"-1\"},{\"prompt\":\"1\"}]}",
         {.prompt_bytes = 3}, NULL},
        {"so may a kind of token", "{\"prompt\":\"0\",\"completion\":\"0\",\"audio\":\"-1\"}",
         {.prompt_bytes = 3}, NULL},
        {"unknown without a prompt", "{\"completion\":\"0\"}", {.max_tokens = 1}, NULL},
        {"unknown completion", "{\"prompt\":\"0\"}", {.max_tokens = 1}, NULL},
        {"request and images", "{\"prompt\":\"0\",\"completion\":\"0\",\"request\":\"0.5\","
         "\"image\":\"0.01\"}", {.images = 3}, "0.53"},
        {"dearest request", "{\"prompt\":\"0\",\"completion\":\"0\",\"request\":\"0.5\","
         "\"overrides\":[{\"request\":\"0.7\"},{\"image\":\"0.02\"}]}", {.images = 3}, "0.76"},
        {"searches", "{\"prompt\":\"0\",\"completion\":\"0\",\"web_search\":\"0.004\"}",
         {.web_searches = 3}, "0.012"},
        {"searches unknown", "{\"prompt\":\"0\",\"completion\":\"0\"}", {.web_searches = 1}, NULL},
        {"discount", "{\"prompt\":\"1e-12\",\"completion\":\"0\",\"discount\":0.5}",
         {.prompt_bytes = 5}, "0.000000000003"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_prices p;
        or_cost   c;
        CHECK_ERR(read_prices(cases[i].pricing, &p), OR_OK, cases[i].name);
        or_cost_bound(&p, &cases[i].f, &c);
        CHECK(c.source == (cases[i].want != NULL ? OR_COST_ESTIMATED : OR_COST_UNKNOWN),
              cases[i].name);
        CHECK(c.computed_set == (cases[i].want != NULL) && (c.missing == 0) == c.computed_set,
              cases[i].name);
        CHECK(!c.saturated, cases[i].name);
        check_usd(c.pico_usd, cases[i].want != NULL ? cases[i].want : "0", cases[i].name);
    }
    or_prices      p;
    or_cost        c;
    or_bound_facts f = {.prompt_bytes = UINT64_MAX, .image_tokens = UINT64_MAX, .max_tokens = 1};
    CHECK_ERR(read_prices("{\"prompt\":\"1\",\"completion\":\"1\"}", &p), OR_OK, "huge");
    or_cost_bound(&p, &f, &c);
    CHECK(c.saturated && c.pico_usd == INT64_MAX, "huge");
}

static void random_list(or_price_list *list)
{
    memset(list, 0, sizeof *list);
    for (int key = 0; key < OR_PRICE_NUM; key++) {
        uint64_t what = random_below(50); /* 2 % unknown, the most important ones seldom absent */
        if (what == 0) list->named |= 1u << key;
        if (what >= (key <= OR_PRICE_COMPLETION ? 5u : 30u))
            or_price_set(list, (or_price_key)key, random_below(4) * random_below(1000));
    }
}

/* A part of a whole, and sometimes more than it. */
static uint64_t random_part(uint64_t whole)
{
    return random_below(4) == 0 ? random_below(2 * whole + 2) : random_below(whole + 1);
}

static void random_usage(or_usage *u, uint64_t in, uint64_t out)
{
    memset(u, 0, sizeof *u);
    u->set = true;
    u->prompt_tokens = random_below(in + 1);
    u->completion_tokens = random_below(out + 1);
    u->cached_tokens = random_part(in);
    u->cache_write_tokens = random_part(in);
    u->cache_write_1h_tokens = random_part(in);
    u->audio_tokens = random_part(in);
    u->cached_audio_tokens = random_part(in);
    u->reasoning_tokens = random_part(out);
    u->image_output_tokens = random_part(out);
    u->audio_output_tokens = random_part(out);
}

/* A bound that is known is at least any cost, which is then known too. */
static void test_bound_holds(void)
{
    uint32_t known = 0;
    for (uint32_t n = 0; n < TEST_ROUNDS; n++) {
        static or_price_rule rules[3];
        or_prices            p;
        or_bound_facts       f = {.prompt_bytes = random_below(500),
                                  .image_tokens = random_below(50),
                                  .max_tokens = 1 + random_below(300),
                                  .images = (uint32_t)random_below(3),
                                  .web_searches = (uint32_t)random_below(2)};
        or_cost              bound, cost;
        memset(&p, 0, sizeof p);
        random_list(&p.base);
        if (random_below(2) == 0) p.discount_ppb = (uint32_t)random_below(1000000001);
        if (random_below(2) == 0) f.context_length = 1 + random_below(400);
        if (random_below(2) == 0) f.output_limit = 1 + random_below(200);
        p.rules = rules;
        p.num_rules = (uint32_t)random_below(4);
        for (uint32_t i = 0; i < p.num_rules; i++) {
            memset(&rules[i], 0, sizeof rules[i]);
            random_list(&rules[i].prices);
            rules[i].min_prompt_tokens = random_below(300);
            rules[i].utc_days = (uint8_t)random_below(128);
            rules[i].utc_start = (uint16_t)(random_below(24) * 100);
            rules[i].utc_end = (uint16_t)(random_below(24) * 100);
        }
        or_cost_bound(&p, &f, &bound);
        if (bound.source == OR_COST_UNKNOWN) continue;
        known++;
        for (int k = 0; k < 8; k++) {
            or_usage      u;
            or_cost_facts facts = {.images = (uint32_t)random_below(f.images + 1),
                                   .now = at(MONDAY + (int64_t)random_below(700000))};
            if (random_below(2) == 0) facts.now = no_wall;
            uint64_t in = f.prompt_bytes + f.image_tokens, out = f.max_tokens;
            if (f.context_length > 0 && f.context_length < in) in = f.context_length;
            if (f.output_limit > 0 && f.output_limit < out) out = f.output_limit;
            if (f.context_length > 0 && f.context_length < out) out = f.context_length;
            random_usage(&u, in, out);
            u.web_searches = random_below(f.web_searches + 1);
            or_cost_of(&p, &u, &facts, &cost);
            if (cost.computed_set && cost.pico_usd <= bound.pico_usd) continue;
            CHECK(cost.computed_set && cost.pico_usd <= bound.pico_usd, "bound");
            return;
        }
    }
    CHECK(known > TEST_ROUNDS / 20, "enough known bounds");
}

/* ---- windows ---- */

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days counted one by one from 1601-01-01, a Monday, to the end of 2401. */
static void test_window_calendar(void)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t          day = INT64_C(-134774), month = day, wrong = 0;
    int              weekday = 0;
    for (int year = 1601; year <= 2401; year++)
        for (int m = 0; m < 12; m++) {
            int length = days[m] + (m == 1 && is_leap(year) ? 1 : 0);
            month = day;
            for (int d = 0; d < length; d++, day++, weekday = (weekday + 1) % 7) {
                int64_t monday = day - weekday;
                for (int k = 0; k < 3; k++) {
                    int64_t t = day * DAY + (k == 0 ? 0 : k == 1 ? DAY / 2 : DAY - 1);
                    wrong += or_window_start(OR_WINDOW_DAILY, t) != day * DAY;
                    wrong += or_window_start(OR_WINDOW_WEEKLY, t) != monday * DAY;
                    wrong += or_window_start(OR_WINDOW_MONTHLY, t) != month * DAY;
                }
            }
        }
    CHECK(day == INT64_C(157785), "the calendar of the test itself: 2402-01-01");
    CHECK(wrong == 0, "window starts");
}

/* Values that the C library's calendar gave (date -u -d @N, GNU coreutils 9.1). */
static void test_window_start(void)
{
    static const struct {
        int64_t t, day, week, month;
    } cases[] = {
        {0, 0, -259200, 0},                                        /* 1970-01-01, a Thursday */
        {-1, -86400, -259200, -2678400},                           /* 1969-12-31 23:59:59 */
        {INT64_C(951782400), 951782400, 951696000, 949363200},     /* 2000-02-29, a Tuesday */
        {INT64_C(951868799), 951782400, 951696000, 949363200},     /* its last second */
        {INT64_C(951868800), 951868800, 951696000, 951868800},     /* 2000-03-01 */
        {INT64_C(1795256523), 1795219200, 1794787200, 1793491200}, /* 2026-11-21 10:22:03 */
        {INT64_C(4107542400), 4107542400, 4107542400, 4107542400}, /* 2100-03-01, a Monday */
        {INT64_C(-2203891200), -2203891200, -2204150400, -2203891200}, /* 1900-03-01, a Thursday */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(or_window_start(OR_WINDOW_NONE, cases[i].t) == 0, "none");
        CHECK(or_window_start(OR_WINDOW_DAILY, cases[i].t) == cases[i].day, "day");
        CHECK(or_window_start(OR_WINDOW_WEEKLY, cases[i].t) == cases[i].week, "week");
        CHECK(or_window_start(OR_WINDOW_MONTHLY, cases[i].t) == cases[i].month, "month");
    }
}

/* ---- budgets ---- */

static void test_budget_edges(void)
{
    or_budget      b;
    or_reservation r, other;
    memset(&r, 0, sizeof r);
    memset(&other, 0, sizeof other);
    or_budget_init(&b, OR_WINDOW_NONE, 10);
    CHECK(or_budget_left(&b) == 10, "left");
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 11), OR_ERR_BUDGET, "n+1");
    CHECK(!r.open && b.reserved_pico_usd == 0, "nothing happened");
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 9), OR_OK, "n-1");
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 1), OR_ERR_ARG, "open already");
    CHECK_ERR(or_budget_reserve(&b, &other, 1, -1), OR_ERR_ARG, "negative");
    CHECK_ERR(or_budget_reserve(&b, &other, 2, 2), OR_ERR_BUDGET, "9 + 2");
    CHECK_ERR(or_budget_reserve(&b, &other, 2, 1), OR_OK, "9 + 1: n");
    CHECK(or_budget_left(&b) == 0, "nothing left");
    or_budget_settle(&b, &r, 4);
    CHECK(b.spent_pico_usd == 4 && b.reserved_pico_usd == 1 && or_budget_left(&b) == 5, "settled");
    or_budget_settle(&b, &r, 4);
    or_budget_release(&b, &r);
    CHECK(b.spent_pico_usd == 4 && b.reserved_pico_usd == 1, "closed is closed");
    or_budget_release(&b, &other);
    CHECK(b.spent_pico_usd == 4 && b.reserved_pico_usd == 0 && b.open == NULL, "released");
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 6), OR_OK, "again");
    or_budget_settle(&b, &r, -3);
    CHECK(b.spent_pico_usd == 4, "a negative cost is none");
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 1), OR_OK, "1");
    or_budget_settle(&b, &r, 100);
    CHECK(b.spent_pico_usd == 104 && or_budget_left(&b) == 0, "dearer than reserved: all counts");
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 0), OR_OK, "nothing needs nothing");
    or_budget_release(&b, &r);

    or_budget_init(&b, OR_WINDOW_NONE, 0);
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 0), OR_OK, "limit 0: free requests");
    CHECK_ERR(or_budget_reserve(&b, &other, 1, 1), OR_ERR_BUDGET, "limit 0");
    or_budget_release(&b, &r);

    or_budget_init(&b, OR_WINDOW_NONE, -1);
    CHECK(or_budget_left(&b) == INT64_MAX, "no limit");
    CHECK_ERR(or_budget_reserve(&b, &r, 1, INT64_MAX), OR_OK, "no limit");
    CHECK_ERR(or_budget_reserve(&b, &other, 1, 1), OR_ERR_BUDGET, "sums do not wrap");
    CHECK_ERR(or_budget_reserve(&b, &other, 1, 0), OR_OK, "nothing");
    or_budget_settle(&b, &r, INT64_MAX);
    or_budget_settle(&b, &other, 5);
    CHECK(b.spent_pico_usd == INT64_MAX, "saturates");

    or_budget_init(&b, OR_WINDOW_NONE, INT64_MAX);
    CHECK_ERR(or_budget_reserve(&b, &r, 1, INT64_MAX), OR_OK, "largest limit");
    CHECK_ERR(or_budget_reserve(&b, &other, 1, 1), OR_ERR_BUDGET, "largest limit");
}

static void test_budget_abandon(void)
{
    or_budget      b;
    or_reservation r[4];
    memset(r, 0, sizeof r);
    or_budget_init(&b, OR_WINDOW_NONE, 100);
    for (uint32_t i = 0; i < 4; i++)
        CHECK_ERR(or_budget_reserve(&b, &r[i], i % 2, 10 + (int64_t)i), OR_OK, "reserve");
    CHECK(or_budget_abandon(&b, 7, true) == 0, "nobody's");
    CHECK(or_budget_abandon(&b, 1, false) == 2, "released");
    CHECK(b.spent_pico_usd == 0 && b.reserved_pico_usd == 22, "released");
    CHECK(r[0].open && !r[1].open && r[2].open && !r[3].open, "only its own");
    CHECK(or_budget_abandon(&b, 0, true) == 2, "charged");
    CHECK(b.spent_pico_usd == 22 && b.reserved_pico_usd == 0 && b.open == NULL, "charged");
    CHECK(or_budget_abandon(&b, 0, true) == 0, "once");
}

/* Every order in which actors reserve and end, with any end. The whole world is copied before
   each step and put back after, to the same place, so that its pointers stay true. */
#define ACTORS 4
enum { END_SETTLE, END_LESS, END_RELEASE, END_CRASH, NUM_ENDS };

static struct {
    or_budget      b;
    or_reservation r[ACTORS];
    uint8_t        step[ACTORS]; /* 0: has to reserve, 1: has to end, 2: done */
    int64_t        settled;      /* by the test's own count */
} world;

static unsigned long worlds, wrong_worlds;

static void check_world(int64_t limit)
{
    int64_t  open = 0;
    unsigned count = 0;
    for (int i = 0; i < ACTORS; i++) open += world.r[i].open ? world.r[i].pico_usd : 0;
    for (or_reservation *r = world.b.open; r != NULL; r = r->next, count++)
        if (!r->open || (r->next != NULL && r->next->prev != r)) wrong_worlds++;
    for (int i = 0; i < ACTORS; i++) count -= world.r[i].open;
    if (count != 0 || open != world.b.reserved_pico_usd) wrong_worlds++;
    if (world.b.spent_pico_usd != world.settled) wrong_worlds++;
    if (world.b.spent_pico_usd + world.b.reserved_pico_usd > limit) wrong_worlds++;
    worlds++;
}

static void end_actor(uint32_t i, int how)
{
    int64_t amount = world.r[i].open ? world.r[i].pico_usd : 0;
    int64_t part = how == END_RELEASE ? 0 : how == END_LESS ? amount / 2 : amount;
    if (how == END_CRASH)
        or_budget_abandon(&world.b, i, true);
    else if (how == END_RELEASE)
        or_budget_release(&world.b, &world.r[i]);
    else
        or_budget_settle(&world.b, &world.r[i], part);
    world.settled += part;
}

static void every_order(const int64_t *amounts, int64_t limit)
{
    for (uint32_t i = 0; i < ACTORS; i++) {
        if (world.step[i] == 2) continue;
        for (int how = 0; how < (world.step[i] == 0 ? 1 : NUM_ENDS); how++) {
            char saved[sizeof world];
            memcpy(saved, &world, sizeof world);
            if (world.step[i]++ == 1) {
                end_actor(i, how);
            } else {
                int64_t used = world.b.spent_pico_usd + world.b.reserved_pico_usd;
                bool    fits = used + amounts[i] <= limit;
                or_err  e = or_budget_reserve(&world.b, &world.r[i], i, amounts[i]);
                if (e != (fits ? OR_OK : OR_ERR_BUDGET)) wrong_worlds++;
                if (!fits) world.step[i] = 2;
            }
            check_world(limit);
            every_order(amounts, limit);
            memcpy(&world, saved, sizeof world);
        }
    }
}

static void test_budget_orders(void)
{
    static const int64_t amounts[] = {3, 4, 5, 6}, limits[] = {0, 6, 9, 12, 17, 18};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (TEST_DEPTH < 5 && i % 3 != 2) continue;
        memset(&world, 0, sizeof world);
        or_budget_init(&world.b, OR_WINDOW_NONE, limits[i]);
        every_order(amounts, limits[i]);
    }
    CHECK(wrong_worlds == 0, "orders");
    CHECK(worlds > 100000 || TEST_DEPTH < 5, "orders");
}

/* ---- budgets and clocks ----

   What or_budget promises, told a second time and independently: the highest window that the
   wall clock named, the monotonic time since the last beginning, and what was settled since.
   In the same run the true time is known to the test, and so is what each true window got. */

#define TICKS 64 /* quarter windows of true time, at most */

typedef struct ideal {
    or_window window;
    int64_t   length;     /* seconds: what a window ends after without a clock */
    int64_t   highest;    /* window start; 0: none */
    int64_t   since;      /* seconds of monotonic time since the last beginning */
    int64_t   settled;    /* since then */
    int64_t   carried;    /* of the window before, at most: perhaps settled in this one */
    int64_t   doubtful;   /* settled while the clock was missing or behind */
    bool      told, blind, always_right, never_wrong;
    int64_t   now;        /* true time, unix seconds */
    uint32_t  now_ms;
    int64_t   got[TICKS]; /* settled in each true window, by its number since the first */
    uint32_t  tick;
} ideal;

/* The largest share of a limit that a true window got, by what was wrong with the clock. */
static int64_t most_right, most_missing;
static unsigned long clock_worlds, clock_wrong;

static struct {
    or_budget      b;
    or_reservation r;
    ideal          i;
} clocked;

enum { TELL_RIGHT, TELL_NOTHING, TELL_BEHIND, TELL_AHEAD, NUM_TELLS };

static void tell(int what)
{
    ideal  *i = &clocked.i;
    or_wall wall = {what != TELL_NOTHING, i->now};
    if (what == TELL_BEHIND) wall.unix_s -= i->length;
    if (what == TELL_AHEAD) wall.unix_s += i->length;
    if (what != TELL_RIGHT) i->always_right = false;
    if (what >= TELL_BEHIND) i->never_wrong = false;
    or_budget_clock(&clocked.b, i->now_ms, wall);

    if (!i->told) i->since = 0; /* nobody counted before */
    i->told = true;
    int64_t start = wall.known ? or_window_start(i->window, wall.unix_s) : 0;
    if (wall.known && i->highest == 0) i->highest = start;
    i->blind = !wall.known || start < i->highest;
    bool begins = i->blind ? i->since >= i->length : start > i->highest;
    if (begins) {
        i->carried = i->blind ? 0 : i->doubtful;
        i->settled = i->since = 0;
        if (!i->blind) i->highest = start;
    }
    if (begins || !i->blind) i->doubtful = 0;
    if (clocked.b.spent_pico_usd != i->carried + i->settled) clock_wrong++;
}

static void advance(int64_t seconds)
{
    clocked.i.now += seconds;
    clocked.i.since += seconds;
    clocked.i.now_ms += (uint32_t)seconds * 1000u;
}

/* Which true window it is: months have different lengths, so they are found, not computed. */
static uint32_t true_window(void)
{
    static const int64_t first = MONDAY; /* in November; the first true window begins later */
    int64_t  start = or_window_start(clocked.i.window, clocked.i.now);
    uint32_t n = 0;
    for (int64_t t = first; or_window_start(clocked.i.window, t) < start; n++)
        t = or_window_start(clocked.i.window, t) + clocked.i.length + DAY / 2;
    return n % TICKS;
}

static void spend(int64_t most, int64_t limit)
{
    int64_t amount = or_budget_left(&clocked.b);
    ideal  *i = &clocked.i;
    if (amount > most) amount = most;
    if (or_budget_reserve(&clocked.b, &clocked.r, 1, amount) != OR_OK) clock_wrong++;
    or_budget_settle(&clocked.b, &clocked.r, amount);
    i->settled += amount;
    if (i->blind) i->doubtful += amount;
    int64_t *got = &i->got[true_window()];
    *got += amount;
    if (i->settled > limit) clock_wrong++;
    if (clocked.b.spent_pico_usd + clocked.b.reserved_pico_usd > limit) clock_wrong++;
    if (i->always_right && *got > most_right) most_right = *got;
    if (i->never_wrong && *got > most_missing) most_missing = *got;
    clock_worlds++;
}

/* Each step: true time goes on by 0, half or (not for months: 24 days) a whole window, the clock
   is told in one of `tells` ways, and then all that is left is spent, or nothing, or just 1. */
static void every_clock(int depth, int tells, int spends, int64_t limit)
{
    if (depth == 0) return;
    for (int move = 0; move < (clocked.i.window == OR_WINDOW_MONTHLY ? 2 : 3); move++)
        for (int what = 0; what < tells; what++)
            for (int how = 0; how < spends; how++) {
                char saved[sizeof clocked];
                memcpy(saved, &clocked, sizeof clocked);
                advance(clocked.i.length / 2 * move);
                tell(what);
                spend(how == 0 ? limit : how - 1, limit);
                every_clock(depth - 1, tells, spends, limit);
                memcpy(&clocked, saved, sizeof clocked);
            }
}

static void begin_clock(or_window w, int64_t offset, int64_t limit)
{
    memset(&clocked, 0, sizeof clocked);
    or_budget_init(&clocked.b, w, limit);
    clocked.i.window = w;
    clocked.i.length = w == OR_WINDOW_DAILY ? DAY : w == OR_WINDOW_WEEKLY ? 7 * DAY : 31 * DAY;
    clocked.i.always_right = clocked.i.never_wrong = true;
    clocked.i.blind = true;
    clocked.i.now = MONDAY + offset;
    clocked.i.now_ms = UINT32_MAX - 1000; /* the monotonic clock wraps on the way */
}

static void test_budget_clocks(void)
{
    static const or_window windows[] = {OR_WINDOW_DAILY, OR_WINDOW_WEEKLY, OR_WINDOW_MONTHLY};
    for (int k = 0; k < 3; k++) {
        begin_clock(windows[k], 0, 4);
        every_clock(TEST_DEPTH - 1, NUM_TELLS, 3, 4);
        begin_clock(windows[k], DAY / 3, 4);
        every_clock(TEST_DEPTH, NUM_TELLS, 1, 4);
        begin_clock(windows[k], DAY / 3, 4);
        every_clock(TEST_DEPTH + 1, TELL_BEHIND, 2, 4);
    }
    CHECK(clock_wrong == 0, "clocks");
    CHECK(most_right == 4, "a clock that is right: one limit");
    CHECK(most_missing == 8, "a clock that was missing: two limits at most, and that occurs");
}

/* Without a clock each window has its full length, to the millisecond, and so has the next. */
static void test_budget_lengths(void)
{
    static const struct {
        or_window window;
        uint32_t  days;
    } cases[] = {{OR_WINDOW_DAILY, 1}, {OR_WINDOW_WEEKLY, 7}, {OR_WINDOW_MONTHLY, 31}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_budget      b;
        or_reservation r;
        uint32_t       now = UINT32_MAX - 99; /* wraps at once */
        memset(&r, 0, sizeof r);
        or_budget_init(&b, cases[i].window, 10);
        or_budget_clock(&b, now, no_wall);
        for (int k = 0; k < 3; k++) {
            CHECK_ERR(or_budget_reserve(&b, &r, 1, 10), OR_OK, "a new window");
            or_budget_settle(&b, &r, 10);
            for (uint32_t d = 0; d < cases[i].days; d++) {
                or_budget_clock(&b, now + 1, no_wall);
                or_budget_clock(&b, now += DAY * 1000u - 1, no_wall);
                CHECK(or_budget_left(&b) == 0, "n-1");
                if (d + 1 < cases[i].days) or_budget_clock(&b, now += 1, no_wall);
            }
            or_budget_clock(&b, now += 1, no_wall);
            CHECK(or_budget_left(&b) == 10, "n");
        }
    }
}

/* Named cases of the same, readable one by one. */
static void test_budget_windows(void)
{
    or_budget      b;
    or_reservation r, late;
    memset(&r, 0, sizeof r);
    memset(&late, 0, sizeof late);

    or_budget_init(&b, OR_WINDOW_DAILY, 10);
    or_budget_clock(&b, 0, at(MONDAY + DAY - 1));
    CHECK_ERR(or_budget_reserve(&b, &late, 1, 4), OR_OK, "monday");
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 6), OR_OK, "monday");
    or_budget_settle(&b, &r, 6);
    or_budget_clock(&b, 999, at(MONDAY + DAY - 1));
    CHECK(or_budget_left(&b) == 0, "still monday");
    or_budget_clock(&b, 1000, at(MONDAY + DAY));
    CHECK(b.spent_pico_usd == 0 && or_budget_left(&b) == 6, "tuesday; what is open stays reserved");
    or_budget_settle(&b, &late, 4);
    CHECK(b.spent_pico_usd == 4, "and counts when it is settled");

    or_budget_clock(&b, 2000, at(MONDAY + DAY - 1));
    CHECK(b.spent_pico_usd == 4, "set back: nothing is forgotten");
    or_budget_clock(&b, 3000, at(MONDAY + DAY));
    CHECK(b.spent_pico_usd == 4, "a window that began does not begin again");
    or_budget_clock(&b, 4000, at(MONDAY + 2 * DAY));
    CHECK(b.spent_pico_usd == 0, "the next one does");

    /* without a clock: after 24 hours on the other one, to the millisecond */
    or_budget_init(&b, OR_WINDOW_DAILY, 10);
    or_budget_clock(&b, 5, no_wall);
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 7), OR_OK, "blind");
    or_budget_settle(&b, &r, 7);
    or_budget_clock(&b, 5 + DAY * 1000u - 1, no_wall);
    CHECK(b.spent_pico_usd == 7, "n-1");
    or_budget_clock(&b, 5 + DAY * 1000u, no_wall);
    CHECK(b.spent_pico_usd == 0, "n");
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 3), OR_OK, "blind");
    or_budget_settle(&b, &r, 3);
    or_budget_clock(&b, 6 + DAY * 1000u, at(MONDAY));
    CHECK(b.spent_pico_usd == 3, "the clock arrives: all so far was in this window");
    or_budget_clock(&b, 7 + DAY * 1000u, no_wall);
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 2), OR_OK, "gone");
    or_budget_settle(&b, &r, 2);
    or_budget_clock(&b, 8 + DAY * 1000u, at(MONDAY + DAY));
    CHECK(b.spent_pico_usd == 2, "back in a new window: it gets what was settled meanwhile");
    or_budget_clock(&b, 9 + DAY * 1000u, at(MONDAY + 2 * DAY));
    CHECK(b.spent_pico_usd == 0, "once");

    /* the clock goes back for good */
    or_budget_init(&b, OR_WINDOW_DAILY, 10);
    or_budget_clock(&b, 0, at(MONDAY + 50 * DAY));
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 10), OR_OK, "all");
    or_budget_settle(&b, &r, 10);
    for (uint32_t hour = 1; hour < 24; hour++) or_budget_clock(&b, hour * 3600000u, at(MONDAY));
    CHECK(b.spent_pico_usd == 10, "23 hours");
    or_budget_clock(&b, 24 * 3600000u, at(MONDAY));
    CHECK(b.spent_pico_usd == 0, "24 hours");

    /* after a restart, before the clock is told */
    or_budget_init(&b, OR_WINDOW_DAILY, 10);
    b.start = MONDAY;
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 3), OR_OK, "restarted");
    or_budget_settle(&b, &r, 3);
    or_budget_clock(&b, 0, at(MONDAY + DAY));
    CHECK(b.spent_pico_usd == 3, "perhaps it was spent today");

    /* seconds are not lost between calls, and no window never ends */
    or_budget_init(&b, OR_WINDOW_DAILY, 10);
    for (uint32_t ms = 0; ms < 10500; ms += 7) or_budget_clock(&b, ms, no_wall);
    CHECK(b.elapsed_s == 10, "milliseconds add up");
    or_budget_clock(&b, 10000, no_wall);
    or_budget_clock(&b, 11500, no_wall);
    CHECK(b.elapsed_s <= 12, "time that goes back does not count double");
    or_budget_init(&b, OR_WINDOW_NONE, 10);
    or_budget_clock(&b, 0, at(MONDAY));
    CHECK_ERR(or_budget_reserve(&b, &r, 1, 10), OR_OK, "all");
    or_budget_settle(&b, &r, 10);
    for (uint32_t days = 20; days < 800; days += 20) {
        or_budget_clock(&b, days * DAY * 1000u, days % 40 == 0 ? at(MONDAY + days * DAY) : no_wall);
        CHECK(or_budget_left(&b) == 0, "a limit for ever");
    }
}

int main(void)
{
    test_price_read();
    test_prices_read();
    test_rules_read();
    test_rules();
    test_rules_by_key();
    test_costs();
    test_to_the_pico();
    test_saturation();
    test_sources();
    test_bounds();
    test_bound_holds();
    test_window_calendar();
    test_window_start();
    test_budget_edges();
    test_budget_abandon();
    test_budget_orders();
    test_budget_clocks();
    test_budget_lengths();
    test_budget_windows();
    TEST_MAIN_END("test_money");
}
