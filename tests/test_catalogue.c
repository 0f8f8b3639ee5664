/* Reading what routing decides by: the preferences of a request, and catalogues of models and
   endpoints, in memory of every size. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/test.h"

static char     memory[131072], scratch_memory[32768];
static or_arena arena, scratch;

static void begin_arenas(void)
{
    or_arena_init(&arena, memory, sizeof memory);
    or_arena_init(&scratch, scratch_memory, sizeof scratch_memory);
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
    test_prefs();
    test_wrong_prefs();
    test_models();
    test_endpoints();
    test_wrong_catalogues();
    test_catalogue_memory();
    TEST_MAIN_END("test_catalogue");
}
