/* The catalogue's answers, from a market that is put together by hand. What the market and the
   settings do for them is done here in the simplest way, so that only this part is tested. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "proxy/mem.h"
#include "proxy/models.h"
#include "tests/test.h"

const market_model *market_find(const market *m, or_str id)
{
    for (uint32_t i = 0; i < m->num_models; i++)
        if (m->models[i].num > 0 &&
            or_route_model_is(id, &m->catalogue, &m->catalogue.endpoints[m->models[i].first], NULL))
            return &m->models[i];
    return NULL;
}

bool conf_matches(or_str pattern, or_str text)
{
    size_t n = pattern.len;
    if (n == 0 || pattern.ptr[n - 1] != '*') return or_str_eq_nocase(pattern, text);
    return text.len >= n - 1 &&
           or_str_eq_nocase(or_str_of(pattern.ptr, n - 1), or_str_of(text.ptr, n - 1));
}

/* ---- a market ---- */

#define BIG                                                                                        \
    "{\"id\":\"acme/big\",\"canonical_slug\":\"acme/big-2026-05\",\"name\":\"Acme: Big \\u00e9\"," \
    "\"created\":1779000000,\"context_length\":200000,\"description\":\"The big one\","            \
    "\"architecture\":{\"modality\":\"text+image->text\",\"input_modalities\":[\"text\","          \
    "\"image\"],"                                                                                  \
    "\"output_modalities\":[\"text\"],\"tokenizer\":\"Acme\",\"instruct_type\":null},"             \
    "\"pricing\":{\"prompt\":\"0.0000015\",\"completion\":\"0.000006\",\"overrides\":[{"           \
    "\"min_prompt_tokens\":128000,\"prompt\":\"0.000003\"}]},"                                     \
    "\"supported_parameters\":[\"tools\",\"novelty\"],\"benchmarks\":{\"artificial_analysis\":"    \
    "{\"intelligence_index\":61.5,\"coding_index\":50,\"agentic_index\":null},\"design_arena\":[]" \
    "},"                                                                                           \
    "\"future\":[1,{\"a\":2}],\"top_provider\":{\"context_length\":200000}}"

static const char *const lists[] = {
    /* through an OpenRouter: keeps what it said */
    "{\"data\":[" BIG "]}",
    /* the same model from alpha, dearer, and known to alpha only: another variant */
    "{\"data\":[{\"id\":\"acme/big\",\"canonical_slug\":\"acme/big-2026-05\",\"tag\":\"alpha\","
    "\"provider_name\":\"Alpha Cloud\",\"context_length\":100000,\"quantization\":\"fp8\","
    "\"zdr\":true,\"region\":\"eu\",\"supported_parameters\":[\"tools\",\"tool_choice\",\"seed\"],"
    "\"pricing\":{\"prompt\":\"0.000002\",\"completion\":\"0.000008\","
    "\"input_cache_read\":\"0.00000015\",\"discount\":0.1}},"
    "{\"id\":\"acme/big:free\",\"canonical_slug\":\"acme/big-2026-05\",\"tag\":\"alpha\","
    "\"pricing\":{\"prompt\":\"0\",\"completion\":\"0\"}},"
    "{\"id\":\"acme/vec\",\"tag\":\"alpha\",\"architecture\":{\"output_modalities\":"
    "[\"embeddings\"],\"input_modalities\":[\"text\"]},\"pricing\":{\"prompt\":\"0.0000000375\"}},"
    "{\"id\":\"attic/llama3:8b\",\"tag\":\"attic\",\"context_length\":8192}]}",
};

static market        shop;
static market_model  shelf[8];
static or_stats      stats[16];
static conf          settings;
static unsigned char memory[2][131072];

static void open_shop(void)
{
    or_arena    keep, scratch;
    or_endpoint defaults;
    memset(&shop, 0, sizeof shop);
    memset(&settings, 0, sizeof settings);
    memset(&defaults, 0, sizeof defaults);
    memset(stats, 0, sizeof stats);
    or_arena_init(&keep, memory[0], sizeof memory[0]);
    or_arena_init(&scratch, memory[1], sizeof memory[1]);
    for (unsigned i = 0; i < 2; i++) {
        defaults.provider = OR_STR("openrouter");
        CHECK_ERR(
            or_catalogue_read(&shop.catalogue, or_str_z(lists[i]), &defaults, &keep, &scratch),
            OR_OK, "the catalogue");
    }
    settings.num_providers = 3;
    settings.providers[0].name = "openrouter";
    settings.providers[0].title = "OpenRouter";
    settings.providers[1].name = "alpha";
    settings.providers[1].title = "Alpha \"Cloud\"";
    settings.providers[2].name = "attic";
    shop.settings = &settings;
    shop.stats = stats;
    shop.made_at = 1780000000;
    shop.num_listed = shop.catalogue.num;
    for (uint32_t i = 0; i < shop.catalogue.num; i++) {
        or_str id = shop.catalogue.endpoints[i].model;
        if (shop.num_models == 0 || !or_str_eq(shelf[shop.num_models - 1].id, id))
            shelf[shop.num_models++] = (market_model){id, {NULL, 0}, i, 0};
        shelf[shop.num_models - 1].num++;
    }
    shelf[0].object = or_str_z(BIG);
    shop.models = shelf;
}

/* ---- asking ---- */

static char         text[65536];
static or_buf       out;
static models_reply reply;
static or_arena     arena;
static or_json_doc  doc;

static void read_answer(bool good, const char *name)
{
    static unsigned char tokens[262144];
    CHECK(good == (reply.status == 200), name);
    or_arena_init(&arena, tokens, sizeof tokens);
    if (good) CHECK_ERR(or_json_parse(&doc, or_buf_str(&out), 0, &arena), OR_OK, name);
}

static bool ask_for(const char *query, const models_ask *more)
{
    models_ask ask = {0};
    if (more != NULL) ask = *more;
    or_str exact = test_exact(or_str_z(query));
    ask.path = OR_STR("/api/v1/models");
    ask.query = exact;
    memset(&reply, 0, sizeof reply);
    or_buf_init(&out, text, sizeof text);
    bool good = models_list(&out, &shop, &ask, &reply);
    free((void *)(uintptr_t)exact.ptr);
    read_answer(good, query);
    return good;
}

static or_str at(const char *pointer)
{
    return or_json_raw(&doc, or_json_find(&doc, 0, pointer));
}

/* The ids of the list, with spaces between. */
static or_str ids(void)
{
    static char line[512];
    size_t      len = 0;
    for (int i = or_json_first(&doc, or_json_find(&doc, 0, "/data")); i >= 0;
         i = or_json_next(&doc, i)) {
        or_str id;
        if (or_json_get_str(&doc, or_json_find(&doc, i, "/id"), &arena, &id) != OR_OK) abort();
        len += (size_t)snprintf(line + len, sizeof line - len, "%s%.*s", len > 0 ? " " : "",
                                (int)id.len, id.ptr);
    }
    return or_str_of(line, len);
}

/* ---- tests ---- */

static const struct {
    const char *query, *ids;
} found[] = {
    {"", "acme/big acme/big:free attic/llama3:8b"},
    {"&&unknown=1&=2&%zz=3&", "acme/big acme/big:free attic/llama3:8b"},
    {"sort=&limit=&q=", "acme/big acme/big:free attic/llama3:8b"},
    {"output_modalities=all", "acme/big acme/big:free acme/vec attic/llama3:8b"},
    {"output_modalities=embeddings,rerank", "acme/vec"},
    {"output_modalities=speech", ""},
    {"input_modalities=text%2Cimage", "acme/big"},
    {"supported_parameters=tools,seed", "acme/big"},
    {"supported_parameters=top_k", ""},
    {"q=BIG", "acme/big acme/big:free"},
    {"q=acme%3A+big", "acme/big"},
    {"q=llama+8b", "attic/llama3:8b"},
    {"context=8192", "acme/big attic/llama3:8b"},
    {"context=8193", "acme/big"},
    {"min_price=1.5", "acme/big"},
    {"min_price=1.500001", ""},
    {"max_price=1.4", "acme/big:free"},
    {"max_output_price=6&min_output_price=0", "acme/big acme/big:free"},
    {"model_authors=attic,%20other", "attic/llama3:8b"},
    {"model_authors=", "acme/big acme/big:free attic/llama3:8b"},
    {"providers=alpha%20cloud", "acme/big"},
    {"providers=alpha", "acme/big acme/big:free"},
    {"providers=attic,openrouter", "acme/big attic/llama3:8b"},
    {"zdr=true", "acme/big"},
    {"region=eu&zdr=true", "acme/big"},
    {"region=us", ""},
    {"arch=acme", "acme/big"},
    {"distillable=true", ""},
    {"distillable=false", "acme/big acme/big:free attic/llama3:8b"},
    {"category=programming", ""},
    {"min_intelligence_index=61.5", "acme/big"},
    {"min_intelligence_index=61.6", ""},
    {"min_agentic_index=0", ""},
    {"max_age_days=12", "acme/big"},
    {"max_age_days=10", ""},
    {"min_age_days=11", "acme/big"},
    {"sort=newest", "acme/big acme/big:free attic/llama3:8b"},
    {"sort=pricing-low-to-high", "acme/big:free acme/big attic/llama3:8b"},
    {"sort=pricing-high-to-low", "acme/big acme/big:free attic/llama3:8b"},
    {"sort=context-high-to-low", "acme/big attic/llama3:8b acme/big:free"},
    {"sort=latency-low-to-high", "attic/llama3:8b acme/big:free acme/big"},
    {"sort=throughput-high-to-low", "acme/big:free attic/llama3:8b acme/big"},
    {"sort=top-weekly", "acme/big acme/big:free attic/llama3:8b"},
    {"sort=design-arena-elo-high-to-low", "acme/big acme/big:free attic/llama3:8b"},
    {"sort=coding-high-to-low", "acme/big acme/big:free attic/llama3:8b"},
    {"limit=1", "acme/big"},
    {"offset=1&limit=1", "acme/big:free"},
    {"offset=3", ""},
    {"offset=4294967295&limit=1000", ""},
    {"use_rss=false", "acme/big acme/big:free attic/llama3:8b"},
};

static void add_outcome(uint32_t endpoint, or_fault fault, uint32_t latency, uint32_t tokens)
{
    or_outcome o = {fault, latency, 1000, tokens, 0};
    or_stats_begin(&stats[endpoint], 1000);
    or_stats_end(&stats[endpoint], 1000, &o);
}

static void test_filters(void)
{
    models_ask ask = {.now_ms = 1000};
    open_shop();
    add_outcome(2, OR_FAULT_NONE, 300, 90);
    add_outcome(4, OR_FAULT_NONE, 200, 30);
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        CHECK(ask_for(found[i].query, &ask), found[i].query);
        CHECK_STR(ids(), or_str_z(found[i].ids), found[i].query);
    }
}

static void test_refusals(void)
{
    static const char *const bad[] = {"sort=best",
                                      "limit=0",
                                      "limit=1001",
                                      "limit=x",
                                      "limit=-1",
                                      "offset=-1",
                                      "offset=1.5",
                                      "offset=99999999999999999999",
                                      "category=cooking",
                                      "supported_parameters=tools,magic",
                                      "supported_parameters=tools,,",
                                      "input_modalities=smell",
                                      "input_modalities=all",
                                      "output_modalities=smell",
                                      "context=big",
                                      "min_price=cheap",
                                      "max_price=-1",
                                      "min_output_price=1e99",
                                      "max_output_price=%",
                                      "q=%0a",
                                      "q=%e",
                                      "q=%4",
                                      "distillable=maybe",
                                      "zdr=false",
                                      "region=mars",
                                      "max_age_days=x",
                                      "min_tool_success_rate=0x1",
                                      "use_rss=true",
                                      "use_rss_chat_links=1",
                                      "s%6frt=best",
                                      "a=1&sort=best&b=2"};
    char                     long_value[700];
    open_shop();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!ask_for(bad[i], NULL), bad[i]);
        CHECK(reply.status == 400, bad[i]);
        or_str name = or_str_of(bad[i], strcspn(bad[i], "="));
        if (bad[i][0] == 'a' || bad[i][1] == '%') name = OR_STR("sort");
        CHECK(memcmp(reply.message, name.ptr, name.len) == 0 && reply.message[name.len] == ' ',
              reply.message);
        CHECK(strlen(reply.message) + 1 < sizeof reply.message, bad[i]);
    }
    for (int n = MODELS_MAX_VALUE; n <= MODELS_MAX_VALUE + 1; n++) {
        snprintf(long_value, sizeof long_value, "q=%0*d", n, 0);
        CHECK(ask_for(long_value, NULL) == (n == MODELS_MAX_VALUE), "length of a value");
    }
}

static void test_paging(void)
{
    open_shop();
    ask_for("q=acme&offset=0&output_modalities=all&limit=2", NULL);
    CHECK_STR(at("/links/next"),
              OR_STR("\"/api/v1/models?q=acme&output_modalities=all&offset=2&limit=2\""), "next");
    CHECK_STR(at("/total_count"), OR_STR("3"), "all, not those of the page");
    CHECK_STR(at("/first_id"), OR_STR("\"acme/big\""), "first");
    CHECK_STR(at("/last_id"), OR_STR("\"acme/big:free\""), "last");
    CHECK_STR(at("/has_more"), OR_STR("false"), "has_more");
    CHECK_STR(at("/object"), OR_STR("\"list\""), "object");
    ask_for("offset=2&limit=1", NULL);
    CHECK_STR(at("/links/next"), OR_STR("null"), "the last page");
    ask_for("", NULL);
    CHECK_STR(at("/links/next"), OR_STR("null"), "all of it");
}

static void test_key(void)
{
    or_str     patterns[] = {OR_STR("acme/*")}, providers[] = {OR_STR("att*"), OR_STR("alpha")};
    conf_key   key = {.models = patterns, .num_models = 1};
    models_ask ask = {.key = &key};
    open_shop();
    ask_for("", &ask);
    CHECK_STR(ids(), OR_STR("acme/big acme/big:free"), "models of a key");
    key = (conf_key){.providers = providers, .num_providers = 1};
    ask_for("", &ask);
    CHECK_STR(ids(), OR_STR("attic/llama3:8b"), "providers of a key");
    key.num_providers = 2;
    ask_for("", &ask);
    CHECK_STR(ids(), OR_STR("acme/big acme/big:free attic/llama3:8b"), "two providers");
    CHECK_STR(at("/data/0/pricing/prompt"), OR_STR("\"0.000002\""),
              "the price of those it may use");
    ask = (models_ask){.embeddings = true};
    ask_for("", &ask);
    CHECK_STR(ids(), OR_STR("acme/vec"), "embeddings");
}

static void test_raw_model(void)
{
    open_shop();
    ask_for("q=big", NULL);
    CHECK_STR(at("/data/0/name"), OR_STR("\"Acme: Big \\u00e9\""), "as it was");
    CHECK_STR(at("/data/0/future"), OR_STR("[1,{\"a\":2}]"), "as it was");
    CHECK(at("/data/0/pricing/overrides/0").ptr != NULL, "prices that hold are kept whole");
    CHECK_STR(at("/data/0/supported_parameters"),
              OR_STR("[\"tools\",\"novelty\",\"seed\",\"tool_choice\"]"),
              "all endpoints' together");
    CHECK_STR(at("/data/0/top_provider"),
              OR_STR("{\"context_length\":200000,\"max_completion_tokens\":null,"
                     "\"is_moderated\":false}"),
              "not without is_moderated");
    CHECK_STR(at("/data/0/supported_voices"), OR_STR("null"), "was missing");
    CHECK_STR(at("/data/0/created_at"), OR_STR("\"2026-05-17T06:40:00Z\""), "a date");
    CHECK_STR(at("/data/0/owned_by"), OR_STR("\"acme\""), "owner");
    CHECK_STR(at("/data/0/links/details"), OR_STR("\"/api/v1/models/acme/big/endpoints\""), "link");
    /* a section makes it cheaper */
    or_endpoint *e = (or_endpoint *)(uintptr_t)&shop.catalogue.endpoints[1];
    or_price_set(&e->prices.base, OR_PRICE_PROMPT, 37500);
    or_price_set(&e->prices.base, OR_PRICE_COMPLETION, 1);
    ask_for("q=big", NULL);
    CHECK_STR(at("/data/0/pricing"),
              OR_STR("{\"prompt\":\"0.0000000375\",\"completion\":\"0.000000000001\","
                     "\"input_cache_read\":\"0.00000015\",\"discount\":0.1}"),
              "ours");
    shelf[0].object = OR_STR("{\"id\":5,\"name\":[],\"name\":\"x\",\"created\":1.5,\"cre");
    ask_for("q=big", NULL);
    CHECK_STR(at("/data/0/name"), OR_STR("\"acme/big\""), "of a wrong type");
    CHECK_STR(at("/data/0/created"), OR_STR("1780000000"), "of a wrong type");
}

static void test_own_model(void)
{
    open_shop();
    ask_for("q=llama3", NULL);
    CHECK_STR(
        or_json_raw(&doc, or_json_find(&doc, 0, "/data/0")),
        OR_STR("{\"id\":\"attic/llama3:8b\",\"canonical_slug\":\"attic/llama3:8b\","
               "\"name\":\"attic/llama3:8b\",\"object\":\"model\",\"type\":\"model\","
               "\"created\":1780000000,\"owned_by\":\"attic\","
               "\"display_name\":\"attic/llama3:8b\",\"created_at\":\"2026-05-28T20:26:40Z\","
               "\"description\":\"\",\"context_length\":8192,\"architecture\":{\"modality\":"
               "\"text->text\",\"input_modalities\":[\"text\"],\"output_modalities\":[\"text\"],"
               "\"tokenizer\":\"Other\",\"instruct_type\":null},\"pricing\":{\"prompt\":\"-1\","
               "\"completion\":\"-1\"},\"top_provider\":{\"context_length\":8192,"
               "\"max_completion_tokens\":null,\"is_moderated\":false},"
               "\"per_request_limits\":null,\"supported_parameters\":[],"
               "\"supported_voices\":null,\"default_parameters\":null,\"links\":{\"details\":"
               "\"/api/v1/models/attic/llama3:8b/endpoints\"}}"),
        "built");
}

/* Switched off, or in a list without an endpoint here. */
static void test_no_endpoint(void)
{
    open_shop();
    or_endpoint *e = (or_endpoint *)(uintptr_t)shop.catalogue.endpoints;
    e[0].disabled = e[4].disabled = true;
    ask_for("", NULL);
    CHECK_STR(ids(), OR_STR("acme/big acme/big:free"), "what is off is not shown");
    CHECK_STR(at("/data/0/pricing/prompt"), OR_STR("\"0.000002\""), "nor its price");
    shelf[0].num = 0;
    ask_for("", NULL);
    CHECK_STR(at("/data/0/pricing/prompt"), OR_STR("\"0.0000015\""), "what the list says");
    shelf[0].object = OR_STR("{\"pricing\":{\"prompt\":1}}");
    ask_for("", NULL);
    CHECK_STR(at("/data/0/pricing"), OR_STR("{\"prompt\":\"-1\",\"completion\":\"-1\"}"),
              "nothing is known");
    CHECK_STR(at("/data/0/context_length"), OR_STR("null"), "nothing is known");
}

static void begin(void)
{
    memset(&reply, 0, sizeof reply);
    or_buf_init(&out, text, sizeof text);
}

static void test_one(void)
{
    static const struct {
        const char *id, *want;
    } cases[] = {{"acme/big", "\"acme/big\""},
                 {"acme%2Fbig", "\"acme/big\""},
                 {"ACME/Big", "\"acme/big\""},
                 {"acme/big-2026-05", "\"acme/big\""},
                 {"acme/big:nitro", "\"acme/big\""},
                 {"acme/big%3Afree:floor", "\"acme/big:free\""},
                 {"attic/llama3:8b", "\"attic/llama3:8b\""},
                 {"acme/big:batch", NULL},
                 {"acme/none", NULL},
                 {"", NULL},
                 {"%", NULL},
                 {"acme/big%00", NULL},
                 {"acme/big%2", NULL}};
    open_shop();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_str id = test_exact(or_str_z(cases[i].id));
        for (int wrapped = 0; wrapped < 2; wrapped++) {
            begin();
            bool good = wrapped ? models_one(&out, &shop, id, &reply)
                                : models_openai_one(&out, &shop, id, &reply);
            read_answer(good, cases[i].id);
            CHECK(good == (cases[i].want != NULL), cases[i].id);
            if (good)
                CHECK_STR(at(wrapped ? "/data/id" : "/id"), or_str_z(cases[i].want), cases[i].id);
            else
                CHECK(reply.status == 404, cases[i].id);
        }
        free((void *)(uintptr_t)id.ptr);
    }
}

static bool endpoints_of(const char *id)
{
    begin();
    bool good = models_endpoints(&out, &shop, or_str_z(id), 1000, &reply);
    read_answer(good, id);
    return good;
}

static void test_endpoints(void)
{
    open_shop();
    for (uint32_t i = 0; i < 3; i++) add_outcome(1, OR_FAULT_NONE, 400, 55);
    add_outcome(1, OR_FAULT_PROVIDER, 0, 0);
    for (int i = 0; i < 3; i++) add_outcome(2, OR_FAULT_PROVIDER, 0, 0);
    CHECK(endpoints_of("acme/big-2026-05"), "by its permanent slug");
    CHECK_STR(at("/data/id"), OR_STR("\"acme/big\""), "id");
    CHECK_STR(at("/data/description"), OR_STR("\"The big one\""), "description");
    CHECK_STR(at("/data/architecture/tokenizer"), OR_STR("\"Acme\""), "architecture");
    CHECK_STR(at("/data/endpoints/0/provider_name"), OR_STR("\"OpenRouter\""), "from the settings");
    CHECK_STR(at("/data/endpoints/0/uptime_last_1d"), OR_STR("null"), "no data");
    CHECK_STR(at("/data/endpoints/0/latency_last_30m"), OR_STR("null"), "no data");
    CHECK_STR(
        at("/data/endpoints/1"),
        OR_STR("{\"name\":\"Alpha Cloud: acme/big\",\"model_id\":\"acme/big\",\"model_name\":"
               "\"Acme: Big \\u00e9\",\"provider_name\":\"Alpha Cloud\",\"tag\":\"alpha\","
               "\"context_length\":100000,\"max_completion_tokens\":null,"
               "\"max_prompt_tokens\":null,\"pricing\":{\"prompt\":\"0.000002\",\"completion\":"
               "\"0.000008\",\"input_cache_read\":\"0.00000015\",\"discount\":0.1},"
               "\"quantization\":\"fp8\",\"supported_parameters\":[\"seed\",\"tools\","
               "\"tool_choice\"],\"supports_implicit_caching\":true,\"supports_tool_choice\":"
               "{\"auto\":true,\"function\":true,\"none\":true,\"required\":true},"
               "\"supports_voice_cloning\":false,\"status\":0,\"uptime_last_1d\":75,"
               "\"uptime_last_30m\":null,\"uptime_last_5m\":null,\"latency_last_30m\":"
               "{\"p50\":400,\"p75\":400,\"p90\":400,\"p99\":400},\"throughput_last_30m\":"
               "{\"p50\":55,\"p75\":55,\"p90\":55,\"p99\":55}}"),
        "an endpoint");
    CHECK(endpoints_of("acme/big:free"), "a variant");
    CHECK_STR(at("/data/endpoints/0/status"), OR_STR("-3"), "the breaker is open");
    CHECK(endpoints_of("acme/big:batch"), "a variant that is not there");
    CHECK_STR(at("/data/endpoints"), OR_STR("[]"), "nothing");
    CHECK(endpoints_of("attic/llama3"), "the other way round");
    CHECK_STR(at("/data/endpoints"), OR_STR("[]"), "nothing");
    CHECK(!endpoints_of("acme/none:free") && reply.status == 404, "unknown");
    shop.num_listed = 1;
    CHECK(endpoints_of("acme/big"), "those made for a request are not shown");
    CHECK(at("/data/endpoints/1").ptr == NULL, "those made for a request are not shown");
}

static void test_others(void)
{
    models_ask ask = {0};
    open_shop();
    begin();
    read_answer(models_zdr(&out, &shop, 0, &reply), "zdr");
    CHECK_STR(at("/data/0/tag"), OR_STR("\"alpha\""), "zdr");
    CHECK(at("/data/1").ptr == NULL, "only one");
    begin();
    read_answer(models_count(&out, &shop, &ask, &reply), "count");
    CHECK_STR(or_buf_str(&out), OR_STR("{\"data\":{\"count\":3}}"), "count");
    ask.query = OR_STR("output_modalities=all");
    begin();
    read_answer(models_count(&out, &shop, &ask, &reply), "count");
    CHECK_STR(or_buf_str(&out), OR_STR("{\"data\":{\"count\":4}}"), "count of all");
    begin();
    read_answer(models_providers(&out, &shop, &reply), "providers");
    CHECK_STR(
        at("/data/1"),
        OR_STR("{\"name\":\"Alpha \\\"Cloud\\\"\",\"slug\":\"alpha\",\"privacy_policy_url\":null,"
               "\"terms_of_service_url\":null,\"status_page_url\":null,\"headquarters\":null,"
               "\"datacenters\":null}"),
        "a provider");
    CHECK_STR(at("/data/2/name"), OR_STR("\"attic\""), "without a title");
    shop.num_models = 0;
    ask_for("sort=newest", NULL);
    CHECK_STR(or_buf_str(&out),
              OR_STR("{\"object\":\"list\",\"data\":[],\"has_more\":false,"
                     "\"first_id\":null,\"last_id\":null,\"total_count\":0,"
                     "\"links\":{\"next\":null}}"),
              "an empty market");
}

/* Without memory each answer is refused, and nothing stays behind. */
static void test_memory(void)
{
    models_ask ask = {.path = OR_STR("/models"), .query = OR_STR("sort=newest")};
    open_shop();
    begin();
    CHECK(models_list(&out, &shop, &ask, &reply), "enough");
    size_t len = out.len;
    for (size_t cap = 0; cap < len; cap += 7) {
        or_buf_init(&out, text, cap);
        CHECK(!models_list(&out, &shop, &ask, &reply) && reply.status == 503, "a full buffer");
    }
    mem_set_limit(10);
    begin();
    CHECK(!models_list(&out, &shop, &ask, &reply) && reply.status == 503, "nothing to sort in");
    mem_set_limit(SIZE_MAX);
    CHECK(mem_used() == 0, "all was given back");
    shelf[1].id = OR_STR("a\xff");
    begin();
    ask.query = or_str_of(NULL, 0);
    CHECK(!models_list(&out, &shop, &ask, &reply) && reply.status == 500, "not UTF-8");
}

int main(void)
{
    test_filters();
    test_refusals();
    test_paging();
    test_key();
    test_raw_model();
    test_own_model();
    test_no_endpoint();
    test_one();
    test_endpoints();
    test_others();
    test_memory();
    TEST_MAIN_END("test_models");
}
