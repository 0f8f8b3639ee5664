/* From a request to who is going to serve it: names, presets, pools, the rules of the owner
   and of the key, stickiness, and the words of each refusal. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include "tests/decide_body.h"

/* Three providers that cost 1, 2 and 3; sorted by price, so that nothing is drawn. */
#define PROVIDER(name, ip) "[provider " name "]\nkind = openai\nbase_url = http://" ip "/v1\n"
#define OFFER(provider, model, price)                                                         \
    "[endpoint " provider " " model "]\nprompt = " price "\ncompletion = " price              \
    "\ncontext_length = 1000000\nmax_completion_tokens = 1000\n"
#define TOP "provider_preferences = {\"sort\":\"price\"}\n"
#define REST                                                                                  \
    PROVIDER("alpha", "10.0.0.1") PROVIDER("beta", "10.0.0.2") PROVIDER("gamma", "10.0.0.3")  \
    OFFER("alpha", "acme/big", "1") OFFER("beta", "acme/big", "2") OFFER("gamma", "acme/big", "3") \
    OFFER("alpha", "acme/small", "0.1") "supported_parameters = max_tokens, temperature\n"    \
    OFFER("beta", "zero/free", "0") "supported_parameters = max_tokens, tools\n"              \
    "[endpoint gamma zero/dark]\ncontext_length = 1000000\n"   \
    "[aliases]\nfast = acme/small\n"

typedef struct row {
    const char *members, *want;
} row;

static void check_rows(const row *rows, size_t num, const char *key)
{
    for (size_t i = 0; i < num; i++)
        CHECK(says(decided(rows[i].members, key), rows[i].want), rows[i].members);
}

#define CHECK_ROWS(rows, key) check_rows(rows, sizeof(rows) / sizeof(rows)[0], key)

/* ---- names ---- */

static void test_names(void)
{
    static const row rows[] = {
        {"\"model\":\"acme/big\"", "alpha=acme/big beta=acme/big gamma=acme/big"},
        {"\"model\":\"ACME/Big:floor\"", "alpha=acme/big beta=acme/big gamma=acme/big"},
        {"\"model\":\"fast\"", "alpha=acme/small"},
        {"\"model\":\"acme\\/small\"", "alpha=acme/small"},
        {"\"models\":[\"zero/free\",\"acme/small\"]", "beta=zero/free alpha=acme/small"},
        {"\"model\":\"acme/small\",\"models\":[\"zero/free\"]", "alpha=acme/small beta=zero/free"},
        {"\"model\":\"no/such\",\"models\":[\"zero/free\"]", "beta=zero/free"},
        {"\"model\":\"no/such\"",
         "400 no/such is not a valid model ID: GET /v1/models lists them"},
        {"", "400 model is missing, and there is no default_model: GET /v1/models lists them"},
        {"\"model\":\"\"", "400 model is missing..."},
        {"\"model\":\"acme/big\",\"provider\":{\"only\":[\"none\"]}",
         "404 No endpoints found for acme/big: alpha (not among the allowed providers); beta (..."},
        {"\"model\":\"acme/big\",\"provider\":{\"only\":[\"Beta\"]}", "beta=acme/big"},
        {"\"model\":\"acme/big\",\"provider\":{\"ignore\":[\"alpha\"]}", "beta=acme/big gamma=acme/big"},
        {"\"model\":\"acme/big\",\"provider\":{\"order\":[\"gamma\"],\"sort\":\"price\"}",
         "gamma=acme/big alpha=acme/big beta=acme/big"},
        {"\"model\":\"acme/big\",\"provider\":{\"max_price\":{\"prompt\":1}}", "alpha=acme/big"},
        {"\"model\":\"acme/small\",\"tools\":[{\"type\":\"function\"}],"
         "\"provider\":{\"require_parameters\":true}",
         "404 No endpoints found for acme/small: alpha (lacks a parameter of the request)"},
    };
    start(TOP REST);
    CHECK_ROWS(rows, NULL);
    start("default_model = acme/small\n" TOP REST);
    CHECK(says(decided("", NULL), "alpha=acme/small"), "default_model");
    CHECK(says(decided("\"model\":null", NULL), "alpha=acme/small"), "default_model");
}

/* The strategy and the name of the first, as told. */
static void test_strategy(void)
{
    static const row rows[] = {
        {"\"model\":\"acme/big\"", "direct"},
        {"\"model\":\"fast\"", "alias"},
        {"\"model\":\"acme/big\",\"models\":[\"fast\"]", "fallback"},
        {"\"model\":\"openrouter/auto\"", "auto"},
        {"\"model\":\"openrouter/free\"", "free"},
    };
    start("auto_models = acme/small\n" TOP REST);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        asked a;
        ask_as(&a, FACTS_CHAT, or_str_z(chat(rows[i].members)), NULL, or_str_of(NULL, 0));
        CHECK(a.good && strcmp(a.d.strategy, rows[i].want) == 0, rows[i].members);
        finish(&a);
    }
}

/* An alias of a model that nobody lists means that model, too. */
static void test_alias_of_any(void)
{
    start(PROVIDER("alpha", "10.0.0.1") "any_model = yes\n[aliases]\nfast = acme/new\n");
    CHECK(says(decided("\"model\":\"acme/new\"", NULL), "alpha=acme/new"), "the model");
    CHECK(says(decided("\"model\":\"fast\"", NULL), "alpha=acme/new"), "its alias");
}

/* What was decided stays what it was while others are decided. */
static void test_admitted_stay(void)
{
    asked a;
    char  members[64];
    start(PROVIDER("alpha", "10.0.0.1") "any_model = yes\n" PROVIDER("beta", "10.0.0.2")
          "any_model = yes\n");
    ask_as(&a, FACTS_CHAT, OR_STR("{\"model\":\"acme/mine\",\"messages\":[{\"role\":\"user\"}]}"), NULL,
           or_str_of(NULL, 0));
    CHECK(a.good && a.d.plan.num == 2, "two candidates");
    for (int i = 0; i < 100; i++) {
        snprintf(members, sizeof members, "\"model\":\"other/m%d\"", i);
        (void)decided(members, NULL);
    }
    for (uint32_t i = 0; a.good && i < a.d.plan.num; i++)
        CHECK_STR(a.d.m->catalogue.endpoints[a.d.plan.list[i].endpoint].model, OR_STR("acme/mine"),
                  "a candidate of a request in work");
    finish(&a);
}

/* The first model of a long list is not pushed out by the last. */
static void test_many_models(void)
{
    char   text[1024] = "\"models\":[";
    size_t used = strlen(text);
    for (int i = 0; i < 40; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"x/m%d\"", i > 0 ? "," : "", i);
    snprintf(text + used, sizeof text - used, "]");
    start(PROVIDER("alpha", "10.0.0.1") "any_model = yes\n" PROVIDER("beta", "10.0.0.2")
          "any_model = yes\n");
    const char *got = decided(text, NULL);
    CHECK(strstr(got, "=x/m0 ") != NULL, "the first model");
}

/* ---- presets ---- */

#define PRESETS                                                                               \
    "[preset short]\nmodel = acme/small\nmodels = zero/free\nsystem = Be short.\n"            \
    "[preset picky]\nprovider = {\"only\":[\"gamma\"]}\n"                                      \
    "[preset both]\nmodels = acme/small, acme/big\nprovider = {\"order\":[\"beta\"],\"sort\":\"price\"}\n"

static void test_presets(void)
{
    static const row rows[] = {
        {"\"model\":\"@preset/short\"", "alpha=acme/small beta=zero/free"},
        {"\"preset\":\"short\"", "alpha=acme/small beta=zero/free"},
        {"\"model\":\"acme/big@preset/picky\"", "gamma=acme/big"},
        {"\"model\":\"acme/big\",\"preset\":\"picky\"", "gamma=acme/big"},
        {"\"model\":\"acme/big\",\"preset\":\"picky\",\"provider\":{\"only\":[\"beta\"]}", "beta=acme/big"},
        {"\"preset\":\"both\"", "alpha=acme/small beta=acme/big alpha=acme/big gamma=acme/big"},
        {"\"preset\":\"picky\"", "400 model is missing..."},
        {"\"model\":\"@preset/none\"", "404 preset none is not known here"},
        {"\"model\":\"acme/big@preset/none\"", "404 preset none is not known here"},
        {"\"model\":\"acme/big\",\"preset\":\"none\"", "404 preset none is not known here"},
        {"\"model\":\"acme/big\",\"preset\":\"\"", "alpha=acme/big beta=acme/big gamma=acme/big"},
    };
    start(TOP REST PRESETS);
    CHECK_ROWS(rows, NULL);
}

/* A preset that is not ours may be OpenRouter's. */
static void test_presets_of_router(void)
{
    start(REST PRESETS "[provider openrouter]\nbase_url = http://10.0.0.9/v1\nany_model = yes\n"
                       "[endpoint openrouter acme/big]\n");
    CHECK(says(decided("\"model\":\"acme/big\",\"preset\":\"theirs\"", NULL), "openrouter=acme/big"),
          "preset");
}

/* ---- pools ---- */

static void test_pools(void)
{
#define AUTO "\"model\":\"openrouter/auto\""
#define PLUGIN(members) ",\"plugins\":[{\"id\":\"auto-router\"," members "}]"
    static const row rows[] = {
        {AUTO, "beta=zero/free alpha=acme/small alpha=acme/big beta=acme/big gamma=acme/big"},
        {AUTO PLUGIN("\"allowed_models\":[\"acme/*\"]"),
         "alpha=acme/small alpha=acme/big beta=acme/big gamma=acme/big"},
        {AUTO PLUGIN("\"excluded_models\":[\"acme/*\"]"), "beta=zero/free"},
        {AUTO PLUGIN("\"allowed_models\":[\"*/big\"],\"excluded_models\":[\"acme/*\"]"),
         "404 no models match your request and model restrictions: openrouter/auto needs an "
         "OpenRouter provider, or auto_models in the settings"},
        {AUTO PLUGIN("\"allowed_models\":[]"),
         "beta=zero/free alpha=acme/small alpha=acme/big beta=acme/big gamma=acme/big"},
        {AUTO ",\"tools\":[{\"type\":\"function\"}]",
         "beta=zero/free"},
        {AUTO ",\"seed\":1", /* nobody has it: who comes near */
         "beta=zero/free alpha=acme/small alpha=acme/big beta=acme/big gamma=acme/big"},
        {AUTO ",\"provider\":{\"max_price\":{\"prompt\":0.5}}", "beta=zero/free alpha=acme/small"},
        {"\"model\":\"openrouter/free\"", "beta=zero/free"},
        {"\"model\":\"openrouter/free\",\"models\":[\"acme/small\"]", "beta=zero/free alpha=acme/small"},
    };
    start("auto_models = acme/big, acme/small, zero/free\n" TOP REST);
    CHECK_ROWS(rows, NULL);
    start(TOP PROVIDER("alpha", "10.0.0.1") OFFER("alpha", "acme/big", "1"));
    CHECK(says(decided("\"model\":\"openrouter/free\"", NULL),
               "404 no models match your request and model restrictions: openrouter/free needs an "
               "OpenRouter provider, or a model that is free"),
          "nothing free");
    start(REST "[provider openrouter]\nbase_url = http://10.0.0.9/v1\n");
    CHECK(says(decided(AUTO, NULL), "openrouter=openrouter/auto"), "OpenRouter's own");
}

/* ---- keys ---- */

#define KEYS                                                                                  \
    "[key big]\nkey = env:TEST_KEY_1\nmodels = */big\n"                                       \
    "[key beta]\nkey = env:TEST_KEY_2\nproviders = b*\n"                                      \
    "[key poor]\nkey = env:TEST_KEY_3\nmax_cost_per_request = 0.0015\n"                       \
    "[key brief]\nkey = env:TEST_KEY_4\nmax_tokens_per_request = 100\n"

static void test_keys(void)
{
    static const row big[] = {
        {"\"model\":\"acme/big\"", "alpha=acme/big beta=acme/big gamma=acme/big"},
        {"\"model\":\"acme/small\",\"models\":[\"acme/big\"]", "alpha=acme/big beta=acme/big gamma=acme/big"},
        {"\"model\":\"acme/small\"",
         "403 key big may not use acme/small: its `models` say what it may"},
    };
    static const row beta[] = {
        {"\"model\":\"acme/big\"", "beta=acme/big"},
        {"\"model\":\"acme/small\"", "403 No endpoints found for acme/small: alpha (not for this key)"},
    };
    start(TOP REST KEYS);
    CHECK_ROWS(big, "big");
    CHECK_ROWS(beta, "beta");
}

/* The most a request can cost: 1000 tokens of output at 1 USD a million is 0.001. */
static void test_max_cost(void)
{
    static const row refused[] = {
        {"\"model\":\"acme/big\"", "alpha=acme/big"},
        {"\"model\":\"acme/big\",\"max_tokens\":300", "alpha=acme/big beta=acme/big gamma=acme/big"},
        {"\"model\":\"acme/big\",\"provider\":{\"only\":[\"gamma\"]}",
         "402 this request may cost 0.0032..."},
        {"\"model\":\"zero/dark\"",
         "402 No endpoints found for zero/dark: gamma (its price is not known)"},
        {"\"model\":\"zero/free\"", "beta=zero/free"},
    };
    start(TOP REST KEYS);
    CHECK_ROWS(refused, "poor");
    start("unknown_price = allow\n" TOP REST KEYS);
    CHECK(says(decided("\"model\":\"zero/dark\"", "poor"), "gamma=zero/dark"), "allow");
    start("unknown_price = ceiling\nprice_ceiling_prompt = 1\nprice_ceiling_completion = 5\n" TOP REST
          KEYS);
    CHECK(says(decided("\"model\":\"zero/dark\",\"max_tokens\":100", "poor"), "gamma=zero/dark"), "ceiling");
    CHECK(says(decided("\"model\":\"zero/dark\",\"max_tokens\":1000", "poor"), "402 this request may..."),
          "above the ceiling");
}

static void test_max_tokens(void)
{
    static const struct {
        const char *members;
        uint32_t    sent;
    } rows[] = {{"", 100}, {"\"max_tokens\":null", 100}, {"\"max_tokens\":0", 100},
                {"\"max_tokens\":100", 0}, {"\"max_completion_tokens\":1", 0},
                {"\"max_tokens\":9,\"max_completion_tokens\":900", 0}};
    start("default_model = acme/big\n" TOP REST KEYS);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        asked a;
        ask_as(&a, FACTS_CHAT, or_str_z(chat(rows[i].members)), key_of("brief"), or_str_of(NULL, 0));
        CHECK(a.good && a.d.max_tokens == rows[i].sent, rows[i].members);
        finish(&a);
    }
    CHECK(says(decided("\"max_tokens\":101", "brief"),
               "403 max_tokens of 101 is more than key brief may ask for (100)"), "101");
    CHECK(says(decided("\"max_completion_tokens\":1e3", "brief"), "403 max_tokens of 1000..."), "1e3");
}

/* ---- the owner's preferences ---- */

static void test_policy(void)
{
    static const row filters[] = {
        {"\"model\":\"acme/big\"", "gamma=acme/big beta=acme/big"},
        {"\"model\":\"acme/big\",\"provider\":{\"order\":[\"beta\",\"alpha\"]}", "beta=acme/big gamma=acme/big"},
        {"\"model\":\"acme/big\",\"provider\":{\"only\":[\"alpha\"]}", "404 No endpoints found for..."},
        {"\"model\":\"acme/big\",\"provider\":{\"ignore\":[\"gamma\"]}", "beta=acme/big"},
    };
    start("provider_preferences = {\"ignore\":[\"alpha\"],\"order\":[\"gamma\"],\"sort\":\"price\"}\n" REST);
    CHECK_ROWS(filters, NULL);
    start("provider_preferences = {\"order\":[\"gamma\"]}\n" REST);
    CHECK(says(decided("\"model\":\"acme/big\",\"provider\":{\"sort\":\"price\"}", NULL),
               "alpha=acme/big beta=acme/big gamma=acme/big"),
          "the request's sort is not overruled by the owner's order");
    start("provider_preferences = {\"max_price\":{\"prompt\":2},\"sort\":\"price\"}\n" REST);
    CHECK(says(decided("\"model\":\"acme/big\",\"provider\":{\"max_price\":{\"prompt\":9}}", NULL),
               "alpha=acme/big beta=acme/big"), "max_price of both");
}

/* ---- what only OpenRouter serves ---- */

static void test_needs_router(void)
{
    static const char *const members[] = {
        "\"plugins\":[{\"id\":\"web\"}]", "\"transforms\":[\"middle-out\"]",
        "\"x_search_filter\":{}", "\"tools\":[{\"type\":\"openrouter:web_search\"}]"};
    char text[256], want[256];
    start(TOP REST);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        snprintf(text, sizeof text, "\"model\":\"acme/small\",%s", members[i]);
        snprintf(want, sizeof want, "404 No endpoints found for acme/small: %.*s needs an OpenRouter "
                 "provider, and there is none for this model",
                 (int)(strchr(members[i], ':') - members[i]), members[i]);
        CHECK(says(decided(text, NULL), want), members[i]);
    }
    CHECK(says(decided("\"model\":\"acme/small:online\"", NULL), "404 No endpoints found for..."), ":online");
    CHECK(says(decided("\"model\":\"acme/small\",\"plugins\":[{\"id\":\"web\",\"enabled\":false}]", NULL),
               "alpha=acme/small"), "switched off");
    start(REST "[provider openrouter]\nbase_url = http://10.0.0.9/v1\n[endpoint openrouter acme/big]\n");
    CHECK(says(decided("\"model\":\"acme/big\",\"plugins\":[{\"id\":\"web\"}]", NULL),
               "openrouter=acme/big"), "there is one");
    CHECK(says(decided("\"model\":\"acme/big:online\"", NULL), "openrouter=acme/big"), ":online");
}

/* ---- health ---- */

static void end_attempt(const char *provider, or_fault fault, uint32_t retry_after_ms)
{
    market    *m = market_now();
    or_outcome o = {.fault = fault, .retry_after_ms = retry_after_ms};
    uint32_t   i = (uint32_t)(offer("acme/big", provider) - m->catalogue.endpoints);
    or_stats_begin(&m->stats[i], now_ms);
    or_stats_end(&m->stats[i], now_ms, &o);
}

static void test_cooling(void)
{
    asked a;
    start(TOP REST);
    end_attempt("alpha", OR_FAULT_RATE, 30000);
    CHECK(says(decided("\"model\":\"acme/big\"", NULL), "beta=acme/big gamma=acme/big..."), "one cools");
    end_attempt("beta", OR_FAULT_RATE, 20000);
    end_attempt("gamma", OR_FAULT_RATE, 12001);
    ask_as(&a, FACTS_CHAT, or_str_z(chat("\"model\":\"acme/big\"")), NULL, or_str_of(NULL, 0));
    CHECK(!a.good && a.why.e.status == 429 && a.why.retry_after_s == 13, outcome(&a));
    CHECK(or_str_find(a.why.e.availability, OR_STR("capacity_exhausted"), 0) < a.why.e.availability.len,
          "availability");
    finish(&a);
}

static void on_uplink(bool down)
{
    (void)down;
}

/* Down: nothing far is tried; what is near still is. */
static void test_offline(void)
{
    asked a;
    uplink_setup(on_uplink);
    start("provider_preferences = {\"sort\":\"price\"}\n"
          "[provider far]\nkind = openai\nbase_url = http://far.example/v1\n" OFFER("far", "acme/big", "1")
          OFFER("far", "acme/far", "1") "[provider attic]\nkind = openai\nbase_url = http://attic.lan/v1\n"
          OFFER("attic", "acme/big", "2"));
    CHECK(says(decided("\"model\":\"acme/big\"", NULL), "far=acme/big attic=acme/big"), "up");
    uplink_note(market_now()->hosts[0], UPSTREAM_NO_ROUTE, false);
    CHECK(uplink_is_down(), "down");
    CHECK(says(decided("\"model\":\"acme/big\"", NULL), "attic=acme/big"), "near");
    ask_as(&a, FACTS_CHAT, or_str_z(chat("\"model\":\"acme/far\"")), NULL, or_str_of(NULL, 0));
    CHECK(!a.good && a.why.e.status == 503 && a.why.retry_after_s > 0, outcome(&a));
    CHECK(or_json_check(a.why.e.availability, NULL) == OR_OK, "availability");
    CHECK(or_json_check(a.why.e.routing, NULL) == OR_OK, "routing");
    finish(&a);
    uplink_shutdown();
}

/* ---- conversations ---- */

/* Serve it by gamma, the dearest; then it stays there. */
static void served_by_gamma(const char *members, const char *key, or_str session, uint64_t cached)
{
    asked    a;
    or_usage u;
    memset(&u, 0, sizeof u);
    u.cached_tokens = cached;
    ask_as(&a, FACTS_CHAT, or_str_z(chat(members)), key_of(key), session);
    if (a.good)
        decide_note(&a.d, (uint32_t)(offer("acme/big", "gamma") - a.d.m->catalogue.endpoints), &u);
    finish(&a);
}

static bool goes_to_gamma(const char *members, const char *key, or_str session)
{
    asked a;
    ask_as(&a, FACTS_CHAT, or_str_z(chat(members)), key_of(key), session);
    bool gamma = strncmp(outcome(&a), "gamma=", 6) == 0;
    CHECK(!a.good || a.d.plan.list[0].sticky == gamma, "told");
    finish(&a);
    return gamma;
}

#define BIG(more) "\"model\":\"acme/big\"" more

static void test_sessions(void)
{
    or_str none = or_str_of(NULL, 0);
    start(TOP REST KEYS);
    CHECK(!goes_to_gamma(BIG(",\"session_id\":\"s\""), NULL, none), "new");
    served_by_gamma(BIG(",\"session_id\":\"s\""), NULL, none, 0);
    CHECK(goes_to_gamma(BIG(",\"session_id\":\"s\""), NULL, none), "member");
    CHECK(goes_to_gamma(BIG(""), NULL, OR_STR("s")), "field");
    CHECK(goes_to_gamma(BIG(",\"session_id\":\"s\""), NULL, OR_STR("other")), "the member counts");
    CHECK(!goes_to_gamma(BIG(",\"session_id\":\"t\""), NULL, none), "another");
    CHECK(!goes_to_gamma(BIG(",\"session_id\":\"s\""), "big", none), "another's");
    served_by_gamma(BIG(",\"prompt_cache_key\":\"k\""), NULL, none, 0);
    CHECK(goes_to_gamma(BIG(",\"prompt_cache_key\":\"k\""), NULL, none), "prompt_cache_key");
}

/* Without a name only once a cache hit was seen that is cheaper. */
static void test_implicit(void)
{
    or_str none = or_str_of(NULL, 0);
    start(TOP PROVIDER("alpha", "10.0.0.1") PROVIDER("gamma", "10.0.0.3") OFFER("alpha", "acme/big", "1")
          OFFER("gamma", "acme/big", "3") "input_cache_read = 0.3\n" KEYS);
    served_by_gamma(BIG(""), "big", none, 0);
    CHECK(!goes_to_gamma(BIG(""), "big", none), "no hit");
    served_by_gamma(BIG(""), "big", none, 50);
    CHECK(goes_to_gamma(BIG(""), "big", none), "a hit");
}

static void test_long_session(void)
{
    char session[300];
    memset(session, 's', sizeof session);
    start(TOP REST);
    for (size_t n = 255; n <= 257; n++) {
        asked a;
        ask_as(&a, FACTS_CHAT, or_str_z(chat(BIG(""))), NULL, or_str_of(session, n));
        CHECK(a.good == (n <= 256), "x-session-id");
        CHECK(a.good || says(outcome(&a), "400 x-session-id is longer than 256 bytes"), "words");
        finish(&a);
    }
}

/* ---- telling ---- */

static void test_told(void)
{
    static const char *const bodies[] = {BIG(""), BIG(",\"provider\":{\"only\":[\"beta\"]}"),
                                         "\"model\":\"zero/dark\"", "\"model\":\"fast\",\"max_tokens\":5"};
    start(TOP REST);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        asked  a;
        or_buf out;
        or_buf_init_growing(&out, &mem_allocator, 65536);
        ask_as(&a, FACTS_CHAT, or_str_z(chat(bodies[i])), NULL, or_str_of(NULL, 0));
        CHECK_ERR(decide_put_answer(&out, &a.d), OR_OK, bodies[i]);
        CHECK_ERR(or_json_check(or_buf_str(&out), NULL), OR_OK, bodies[i]);
        bool dark = i == 2;
        CHECK((or_str_find(or_buf_str(&out), OR_STR("\"worst_cost\":null"), 0) < out.len) == dark, bodies[i]);
        or_buf_free(&out);
        finish(&a);
    }
}

/* A market may be replaced while a request holds its own. */
static void test_reload(void)
{
    asked a;
    start(TOP REST);
    ask_as(&a, FACTS_CHAT, or_str_z(chat(BIG(""))), NULL, or_str_of(NULL, 0));
    conf *c = settings_of(PROVIDER("new", "10.0.0.1"));
    CHECK(market_make(c, error, sizeof error), error);
    conf_drop(c);
    CHECK(says(outcome(&a), "alpha=acme/big beta=acme/big gamma=acme/big"), "old market");
    finish(&a);
}

/* Any limit of memory: what is due with enough of it, or a refusal in words. room: bytes of the
   arena's own; more: bytes there are beside it. */
static void decide_within(const char *body, size_t room, size_t more, uint16_t due)
{
    static unsigned char block[8192];
    asked                a;
    char                 message[300];
    or_arena_init_growing(&a.arena, block, room, &mem_allocator);
    mem_set_limit(mem_used() + more);
    if (facts_read(or_str_z(body), FACTS_CHAT, &a.arena, &a.f, message, sizeof message)) {
        decide_who who = {NULL, false, or_str_of(NULL, 0)};
        a.good = decide(&a.d, &a.f, &who, &a.arena, &a.why);
        uint16_t status = a.good ? 200 : a.why.e.status;
        CHECK(status == 503 || status == due, "memory");
        or_str said = a.good ? OR_STR("") : a.why.e.message;
        CHECK(a.good || said.len > 0, "in words");
        CHECK((status == 503) == (said.len > 9 && memcmp(said.ptr, "no memory", 9) == 0), "true");
        CHECK(status != 503 || a.why.retry_after_s == 1, "and when to come back");
        decide_end(&a.d);
    } else {
        CHECK(a.f.members == NULL, "it is not the body that is wrong");
    }
    mem_set_limit(SIZE_MAX);
    or_arena_reset(&a.arena);
}

static void test_memory(void)
{
    start("auto_models = acme/big, acme/small\n" TOP REST PRESETS);
    for (size_t room = 0; room <= 8192; room += 16)
        for (size_t more = 0; more <= 16384; more += 16384) {
            decide_within(chat("\"models\":[\"acme/big\",\"no/such\"]"), room, more, 200);
            decide_within(chat("\"model\":\"no/such\""), room, more, 400);
            decide_within(chat("\"model\":\"acme/big\",\"provider\":{\"only\":[\"none\"]}"), room,
                          more, 404);
        }
}

int main(void)
{
    for (char name[] = "TEST_KEY_1"; name[9] <= '4'; name[9]++) setenv(name, name, 1);
    ev_open(64);
    log_mute();
    test_names();
    test_strategy();
    test_alias_of_any();
    test_admitted_stay();
    test_many_models();
    test_presets();
    test_presets_of_router();
    test_pools();
    test_keys();
    test_max_cost();
    test_max_tokens();
    test_policy();
    test_needs_router();
    test_cooling();
    test_offline();
    test_sessions();
    test_implicit();
    test_long_session();
    test_told();
    test_reload();
    test_memory();
    market_shutdown();
    CHECK(mem_used() == 0, "all memory is back");
    ev_close();
    remove_folder();
    TEST_MAIN_END("test_decide");
}
