/* What can be had: merging settings, files and lists of models, hostile ones included. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <glob.h>

#include "tests/market_body.h"

#define NEAR(name) "[provider " name "]\nkind = openai\nbase_url = http://10.0.0.1/v1\n"
#define ROUTER "[provider openrouter]\nbase_url = http://10.0.0.2/api/v1\n"

/* ---- lists ---- */

/* Each shape of a list: the model that comes out and what it is called there. */
static const struct {
    const char *name, *list, *model, *upstream, *other;
    uint32_t    context;
} shapes[] = {
    {"openai", "{\"object\":\"list\",\"data\":[{\"id\":\"m1\",\"object\":\"model\"}]}", "alpha/m1",
     "m1", "m1", 0},
    {"author", "{\"data\":[{\"id\":\"acme/m1\"}]}", "acme/m1", "acme/m1", NULL, 0},
    {"ollama", "{\"models\":[{\"name\":\"qwen3:8b\",\"model\":\"qwen3:8b\",\"size\":5}]}",
     "alpha/qwen3:8b", "qwen3:8b", "qwen3:8b", 0},
    {"together", "[{\"id\":\"acme/m2\",\"context_length\":4096}]", "acme/m2", "acme/m2", NULL, 4096},
    {"gemini", "{\"data\":[{\"id\":\"models/g-pro\"}]}", "alpha/g-pro", "g-pro", "g-pro", 0},
    {"groq", "{\"data\":[{\"id\":\"m\",\"context_window\":8192}]}", "alpha/m", "m", "m", 8192},
    {"vllm", "{\"data\":[{\"id\":\"m\",\"max_model_len\":32768}]}", "alpha/m", "m", "m", 32768},
    {"lmstudio", "{\"data\":[{\"id\":\"m\",\"max_context_length\":2048}]}", "alpha/m", "m", "m", 2048},
    {"llamacpp", "{\"models\":[],\"data\":[{\"id\":\"m\",\"meta\":{\"n_ctx_train\":1024}}]}",
     "alpha/m", "m", "m", 1024},
    {"too long a context", "{\"data\":[{\"id\":\"m\",\"context_length\":4294967296}]}", "alpha/m",
     "m", "m", 0},
    {"odd entries", "{\"x\":{\"data\":[{\"id\":\"no\"}]},\"data\":[1,null,[{\"id\":\"no\"}],{},"
     "{\"id\":5},{\"id\":\"\"},{\"id\":\"models/\"},{\"id\":\"m\\u0031\"}]}", "alpha/m1", "m1", "m1", 0},
};

static void test_shapes(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        start(NEAR("alpha"));
        CHECK(learn_z("alpha", shapes[i].list), shapes[i].name);
        const or_endpoint *e = offer(shapes[i].model, "alpha");
        CHECK(e != NULL, shapes[i].name);
        if (e == NULL) continue;
        CHECK_STR(e->model, or_str_z(shapes[i].model), shapes[i].name);
        CHECK_STR(e->upstream_model, or_str_z(shapes[i].upstream), shapes[i].name);
        CHECK(e->context_length == shapes[i].context, shapes[i].name);
        CHECK(e->prices.base.known == 0, shapes[i].name);
        if (shapes[i].other != NULL) CHECK(offer(shapes[i].other, "alpha") == e, shapes[i].name);
        CHECK(offer("no", "alpha") == NULL, shapes[i].name);
    }
}

#define KIND(name, kind) "[provider " name "]\nkind = " kind "\nbase_url = http://10.0.0.1\n"

/* The lists of other dialects: what each entry says, and which ones are left out. */
static const struct {
    const char *name, *kind, *list, *model, *upstream, *none;
    uint32_t    context, output;
} foreign[] = {
    {"anthropic", "anthropic",
     "{\"data\":[{\"type\":\"model\",\"id\":\"claude-x\",\"display_name\":\"X\",\"created_at\":"
     "\"2026-01-01T00:00:00Z\",\"max_input_tokens\":200000,\"max_tokens\":64000}],"
     "\"has_more\":false,\"first_id\":\"claude-x\",\"last_id\":\"claude-x\"}",
     "alpha/claude-x", "claude-x", "no", 200000, 64000},
    {"anthropic without limits", "anthropic",
     "{\"data\":[{\"id\":\"claude-x\",\"max_tokens\":null}]}", "alpha/claude-x", "claude-x", "no",
     0, 0},
    {"gemini", "gemini",
     "{\"models\":[{\"name\":\"models/embed\",\"supportedGenerationMethods\":[\"embedContent\"]},"
     "{\"name\":\"models/none\",\"supportedGenerationMethods\":[]},"
     "{\"name\":\"models/g-2\",\"displayName\":\"G\",\"inputTokenLimit\":1048576,"
     "\"outputTokenLimit\":65536,"
     "\"supportedGenerationMethods\":[\"countTokens\",\"generateContent\"]}]}",
     "alpha/g-2", "g-2", "embed", 1048576, 65536},
    {"gemini in pages", "gemini",
     "[{\"name\":\"models/none\",\"supportedGenerationMethods\":[\"x\",5,null]},"
     "{\"name\":\"models/g-2\"}]",
     "alpha/g-2", "g-2", "none", 0, 0},
    {"tuned", "gemini", "{\"models\":[{\"name\":\"tunedModels/x\"}]}", "tunedModels/x",
     "tunedModels/x", "x", 0, 0},
    {"words of others", "openai",
     "{\"data\":[{\"id\":\"m\",\"max_tokens\":5,\"outputTokenLimit\":6,"
     "\"supportedGenerationMethods\":[]}]}",
     "alpha/m", "m", "no", 0, 0},
};

static void test_foreign_lists(void)
{
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, KIND("alpha", "%s"), foreign[i].kind);
        start(text);
        CHECK(learn_z("alpha", foreign[i].list), foreign[i].name);
        CHECK(offers("alpha") == 1 && offer(foreign[i].none, "alpha") == NULL, foreign[i].name);
        const or_endpoint *e = offer(foreign[i].model, "alpha");
        CHECK(e != NULL, foreign[i].name);
        if (e == NULL) continue;
        CHECK_STR(e->upstream_model, or_str_z(foreign[i].upstream), foreign[i].name);
        CHECK(e->context_length == foreign[i].context, foreign[i].name);
        CHECK(e->max_completion_tokens == foreign[i].output, foreign[i].name);
    }
}

static uint32_t bits(const char *a, const char *b)
{
    return or_param_bit(or_str_z(a)) | or_param_bit(or_str_z(b));
}

/* Whose dialect or row restricts it claims no more; of whom nothing is known nothing is said. */
static void test_parameters(void)
{
    start(KIND("alpha", "anthropic") "[provider groq]\n[provider mistral]\n" NEAR("beta"));
    static const struct {
        const char *name, *has, *has_not;
    } cases[] = {
        {"alpha", "tools", "seed"}, {"groq", "seed", "logit_bias"}, {"mistral", "tools", "top_k"}};
    char model[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(learn_z(cases[i].name, "[{\"id\":\"m\"}]"), cases[i].name);
        snprintf(model, sizeof model, "%s/m", cases[i].name);
        const or_endpoint *e = offer(model, cases[i].name);
        CHECK(e != NULL && e->parameters_known, cases[i].name);
        if (e == NULL) continue;
        CHECK((e->parameters & bits(cases[i].has, cases[i].has_not)) ==
                  or_param_bit(or_str_z(cases[i].has)),
              cases[i].name);
        CHECK(e->parameters == provider_parameters(provider_of(cases[i].name)->facts),
              cases[i].name);
    }
    CHECK(learn_z("beta", "[{\"id\":\"m\"}]"), "beta");
    const or_endpoint *beta = offer("beta/m", "beta");
    CHECK(beta != NULL && !beta->parameters_known, "nothing is known");
}

/* What others tell of the model goes before, as far as the provider has words for it; what a
   section says, counts. */
static void test_parameters_of_others(void)
{
    /* clang-format off */
    start(KIND("alpha", "anthropic") ROUTER NEAR("beta")
          "[endpoint alpha acme/told]\nsupported_parameters = seed\n[endpoint alpha acme/big]\n");
    /* clang-format on */
    CHECK(learn_z("openrouter",
                  "{\"data\":[{\"id\":\"acme/big\",\"supported_parameters\":[\"tools\","
                  "\"seed\"],\"pricing\":{}},{\"id\":\"acme/small\","
                  "\"supported_parameters\":[\"tools\",\"seed\"],\"pricing\":{}}]}") &&
              learn_z("alpha", "[{\"id\":\"acme/small\"}]") &&
              learn_z("beta", "[{\"id\":\"acme/small\"}]"),
          error);
    const or_endpoint *big = offer("acme/big", "alpha"), *small = offer("acme/small", "alpha");
    const or_endpoint *told = offer("acme/told", "alpha"), *beta = offer("acme/small", "beta");
    const or_endpoint *router = offer("acme/small", "openrouter");
    CHECK(big != NULL && small != NULL && told != NULL && beta != NULL && router != NULL, "offers");
    if (big == NULL || small == NULL || told == NULL || beta == NULL || router == NULL) return;
    CHECK(big->parameters_known && big->parameters == or_param_bit(OR_STR("tools")), "a section");
    CHECK(small->parameters_known && small->parameters == big->parameters, "of the list");
    CHECK(told->parameters_known && told->parameters == or_param_bit(OR_STR("seed")), "told");
    CHECK(beta->parameters == bits("tools", "seed"), "not restricted");
    CHECK(router->parameters == bits("tools", "seed"), "a router knows itself");
}

/* A model that nobody lists. */
static void test_parameters_of_admitted(void)
{
    start(KIND("alpha", "gemini") NEAR("beta"));
    CHECK(market_admit(market_now(), OR_STR("any/m"), false) == 2, "both take it");
    const market *m = market_now();
    for (uint32_t i = m->num_listed; i < m->catalogue.num; i++) {
        const or_endpoint *e = &m->catalogue.endpoints[i];
        if (!e->disabled)
            CHECK(e->parameters_known == or_str_eq(e->provider, OR_STR("alpha")), "admitted");
    }
}

/* What cannot be used is refused, and what was there stays. */
static void test_refused_lists(void)
{
    static const char *const bad[] = {"", "x", "{", "5", "\"data\"", "null", "{}", "{\"data\":5}",
                                      "{\"data\":{}}", "{\"data\":[{\"id\":\"a\"}", "[{\"id\":\"a\"}]x",
                                      "{\"data\":[{\"id\":\"\xff\"}]}", "<html>"};
    static const char *const worse[] = {"[]", "{\"models\":[]}", "{\"data\":{\"endpoints\":5}}"};
    start(NEAR("alpha") ROUTER);
    CHECK(learn_z("alpha", "[{\"id\":\"m\"}]"), "good");
    CHECK(learn_z("openrouter", "{\"data\":[{\"id\":\"acme/big\"}]}"), "good");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!learn_z("alpha", bad[i]) && error[0] != 0, bad[i]);
        CHECK(!learn_z("openrouter", bad[i]) && error[0] != 0, bad[i]);
    }
    for (size_t i = 0; i < sizeof worse / sizeof worse[0]; i++)
        CHECK(!learn_z("openrouter", worse[i]), worse[i]);
    CHECK(offer("m", "alpha") != NULL && offer("acme/big", "openrouter") != NULL, "still there");
}

static void test_long_ids(void)
{
    char list[256];
    for (int n = 127; n <= 129; n++) {
        start(NEAR("alpha"));
        snprintf(list, sizeof list, "[{\"id\":\"%0*d\"}]", n, 7);
        CHECK(learn_z("alpha", list), "long id");
        CHECK(offers("alpha") == (n <= 128), "long id");
    }
}

/* A list of n models, "m0" and on. */
static or_str many(unsigned n)
{
    static char text[1 << 20];
    size_t      used = 0;
    text[used++] = '[';
    for (unsigned i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, 32, "%s{\"id\":\"m%u\"}", i > 0 ? "," : "", i);
    text[used++] = ']';
    return or_str_of(text, used);
}

/* However long a list is, what was learned can be lived with: either it is refused, or a
   market comes of it. */
static void test_many(void)
{
    static const unsigned sizes[] = {1000, 16000, 16383, 16384, 16385, 20000, 40000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char name[32];
        bool news = false;
        snprintf(name, sizeof name, "%u models", sizes[i]);
        start(NEAR("alpha"));
        market *m = market_now();
        bool    good = market_learn(m->settings, provider_of("alpha"), many(sizes[i]), &news, error,
                                    sizeof error);
        CHECK(good == (sizes[i] <= 20000), name);
        CHECK(!good || market_make(m->settings, error, sizeof error), name);
    }
}

/* Two lists that fit each but not together: the market is made without the second. */
static void test_many_together(void)
{
    start(NEAR("alpha") "[provider beta]\nkind = openai\nbase_url = http://10.0.0.3/v1\n"
                        "[endpoint alpha told]\nprompt = 1\ncompletion = 1\n");
    CHECK(learn("alpha", many(12000)), "first");
    CHECK(learn("beta", many(12000)) && offers("alpha") == 12001, "both");
    CHECK(offers("beta") == 0, "whole or not at all");
    CHECK(offer("told", "alpha") != NULL, "section");
}

/* A list cannot say what is ours to say. */
static void test_claims(void)
{
    start(NEAR("alpha") ROUTER "data_collection = allow\nzdr = no\n");
    CHECK(learn_z("openrouter",
                  "{\"data\":[{\"id\":\"acme/big\",\"target\":7,\"router\":false,\"disabled\":true,"
                  "\"data_collection\":\"deny\",\"zdr\":true,\"is_byok\":true,\"provider\":\"alpha\",\"tag\":\"alpha/x\",\"provider_name\":\"Evil\","
                  "\"upstream_model\":\"other\"}]}"),
          "claims");
    const or_endpoint *e = offer("acme/big", "openrouter");
    CHECK(e != NULL && offer("acme/big", "alpha") == NULL, "claims");
    if (e == NULL) return;
    CHECK(e->target == 1 && e->router && !e->disabled && !e->byok, "claims");
    CHECK(e->collects_data == OR_YES && e->zdr == OR_NO, "what the owner said of its data");
    CHECK_STR(e->tag, OR_STR("openrouter"), "tag");
    CHECK_STR(e->provider_name, OR_STR("OpenRouter"), "provider_name");
    CHECK(e->upstream_model.len == 0, "upstream_model");
}

/* Nor of a direct provider. */
static void test_claims_direct(void)
{
    start(NEAR("alpha"));
    CHECK(learn_z("alpha", "[{\"id\":\"m\",\"target\":9,\"router\":true,\"disabled\":true,"
                           "\"is_byok\":true,\"pricing\":{\"prompt\":\"0\",\"completion\":\"0\"},"
                           "\"provider\":\"x\",\"tag\":\"x\",\"upstream_model\":\"y\"}]"),
          "claims");
    const or_endpoint *e = offer("alpha/m", "alpha");
    CHECK(e != NULL && e->target == 0 && !e->router && !e->disabled && !e->byok, "claims");
    if (e == NULL) return;
    CHECK(e->prices.base.known == 0, "a price that nobody told");
    CHECK_STR(e->tag, OR_STR("alpha"), "tag");
    CHECK_STR(e->upstream_model, OR_STR("m"), "upstream_model");
}

/* ---- merging ---- */

static const char openrouter_list[] =
    "{\"data\":[{\"id\":\"acme/big\",\"name\":\"Big\",\"context_length\":1000,"
    "\"architecture\":{\"input_modalities\":[\"text\",\"image\"],\"output_modalities\":[\"text\"]},"
    "\"supported_parameters\":[\"tools\",\"seed\"],"
    "\"pricing\":{\"prompt\":\"0.000001\",\"completion\":\"0.000002\"}}]}";

/* From an OpenRouter list: context, modalities, parameters; never prices. */
static void test_donation(void)
{
    start(NEAR("alpha") ROUTER);
    CHECK(learn_z("openrouter", openrouter_list) && learn_z("alpha", "[{\"id\":\"acme/big\"}]"),
          "lists");
    const or_endpoint *e = offer("acme/big", "alpha"), *from = offer("acme/big", "openrouter");
    CHECK(e != NULL && from != NULL && e != from, "two offers");
    if (e == NULL || from == NULL) return;
    CHECK(e->context_length == 1000, "context");
    CHECK(e->input_modalities == (OR_MODALITY_TEXT | OR_MODALITY_IMAGE), "modalities");
    CHECK(e->parameters_known && e->parameters == from->parameters, "parameters");
    CHECK(e->prices.base.known == 0 && from->prices.base.known != 0, "prices");
    CHECK(market_find(market_now(), OR_STR("acme/big"))->num == 2, "one model");
    CHECK(market_find(market_now(), OR_STR("acme/big"))->object.ptr != NULL, "its object");
}

/* From the catalogue file: prices too, and offers of the OpenRouter provider until it says
   something itself. */
static void test_catalogue_file(void)
{
    char text[512], path[64];
    snprintf(path, sizeof path, "%s/catalog", folder());
    put_file(path, openrouter_list, strlen(openrouter_list));
    snprintf(text, sizeof text, "catalog = %s\n" NEAR("alpha") ROUTER
             "[endpoint alpha acme/big]\nupstream_model = b\n", path);
    start(text);
    const or_endpoint *e = offer("acme/big", "alpha");
    CHECK(e != NULL && e->prices.base.pico[OR_PRICE_PROMPT] == 1000000, "prices");
    CHECK(e != NULL && e->context_length == 1000, "context");
    CHECK(offers("openrouter") == 1, "offers");
    CHECK(market_now()->listed[1] && !market_now()->listed[0], "listed");
    CHECK(learn_z("openrouter", "{\"data\":[{\"id\":\"acme/other\"}]}"), "its own list");
    CHECK(offer("acme/big", "openrouter") == NULL && offers("openrouter") == 1, "its own list");
    put_file(path, "[]", 2);
    CHECK(!market_make(market_now()->settings, error, sizeof error), "bad file");
    CHECK(strstr(error, path) != NULL && strstr(error, "OpenRouter") != NULL, error);
    unlink(path);
    CHECK(!market_make(market_now()->settings, error, sizeof error), "no file");
    CHECK(strstr(error, "No such file") != NULL, error);
}

/* A section replaces what the list says of that model, by either name. */
static void test_sections(void)
{
    static const char *const lists[] = {"[{\"id\":\"u1\"},{\"id\":\"x\"}]", "[{\"id\":\"acme/big\"},{\"id\":\"x\"}]",
                                        "[{\"id\":\"ACME/Big\"},{\"id\":\"x\"}]"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        start(NEAR("alpha") "[endpoint alpha acme/big]\nupstream_model = u1\nprompt = 1\n"
                            "completion = 2\ncontext_length = 77\n");
        CHECK(learn_z("alpha", lists[i]), lists[i]);
        CHECK(offers("alpha") == 2, lists[i]);
        const or_endpoint *e = offer("acme/big", "alpha");
        CHECK(e != NULL && e->context_length == 77 && e->prices.base.known != 0, lists[i]);
        if (e != NULL) CHECK_STR(e->upstream_model, OR_STR("u1"), lists[i]);
    }
}

/* Of an OpenRouter provider as well. */
static void test_sections_of_router(void)
{
    start(ROUTER "[endpoint openrouter acme/big]\nprompt = 7\ncompletion = 8\n");
    CHECK(learn_z("openrouter", openrouter_list), "list");
    CHECK(offers("openrouter") == 1, "a section replaces the live entry");
    const or_endpoint *e = offer("acme/big", "openrouter");
    CHECK(e != NULL && e->prices.base.pico[OR_PRICE_PROMPT] == 7000000, "the section's price");
}

/* ---- files under state ---- */

static const char *state_file(const char *suffix)
{
    static char path[96];
    glob_t      found;
    snprintf(path, sizeof path, "%s/state/models-alpha*.json%s", folder(), suffix);
    if (glob(path, 0, NULL, &found) == 0) snprintf(path, sizeof path, "%s", found.gl_pathv[0]);
    globfree(&found);
    return path;
}

static void start_with_state(const char *url)
{
    char text[256];
    snprintf(text, sizeof text,
             "state = %s/state\n[provider alpha]\nkind = openai\nbase_url = %s\n", folder(), url);
    start(text);
}

static void test_state(void)
{
    char dir[64];
    snprintf(dir, sizeof dir, "%s/state", folder());
    start_with_state("http://10.0.0.1/v1"); /* the folder is not there: said, not fatal */
    CHECK(learn_z("alpha", "[{\"id\":\"m\"}]") && offer("m", "alpha") != NULL, "no folder");
    if (mkdir(dir, 0700) != 0) abort();
    CHECK(learn_z("alpha", "[{\"id\":\"m2\"}]"), "kept");
    CHECK(access(state_file(".new"), F_OK) != 0 && access(state_file(""), F_OK) == 0, "files");
    struct stat s;
    CHECK(stat(state_file(""), &s) == 0 && (s.st_mode & 0777) == 0600, "mode");
    start_with_state("http://10.0.0.1/v1");
    CHECK(offer("m2", "alpha") != NULL && market_now()->listed[0], "after a restart");
}

/* A file that is not JSON, not a list, cut, or a folder is as good as none. */
static void test_broken_state(void)
{
    static const char *const broken[] = {"", "x", "{\"data\":[{\"id\":\"m2\"}", "5", "{}"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        put_file(state_file(""), broken[i], strlen(broken[i]));
        start_with_state("http://10.0.0.1/v1");
        CHECK(offers("alpha") == 0 && !market_now()->listed[0], broken[i]);
        CHECK(market_admit(market_now(), OR_STR("any"), false) == 1, "so any model is passed");
    }
    char path[96];
    snprintf(path, sizeof path, "%s", state_file(""));
    unlink(path);
    if (mkdir(path, 0700) != 0) abort();
    start_with_state("http://10.0.0.1/v1");
    CHECK(learn_z("alpha", "[{\"id\":\"m\"}]"), "cannot be replaced");
    CHECK(access(state_file(".new"), F_OK) != 0, "nothing left behind");
    rmdir(path);
}

/* What one address said is not another's. */
static void test_other_base_url(void)
{
    start_with_state("http://10.0.0.1/v1");
    CHECK(learn_z("alpha", "[{\"id\":\"m\"}]"), "list");
    start_with_state("http://10.0.0.9/v1");
    CHECK(offers("alpha") == 0, "the list of another base_url");
}

/* ---- markets that follow each other ---- */

static void fail_once(market *m, uint32_t endpoint)
{
    or_outcome o = {.fault = OR_FAULT_PROVIDER};
    or_stats_begin(&m->stats[endpoint], now_ms);
    or_stats_end(&m->stats[endpoint], now_ms, &o);
}

static void test_statistics(void)
{
    start(NEAR("alpha"));
    CHECK(learn_z("alpha", "[{\"id\":\"m\"},{\"id\":\"z\"}]"), "list");
    fail_once(market_now(), (uint32_t)(offer("m", "alpha") - market_now()->catalogue.endpoints));
    CHECK(learn_z("alpha", "[{\"id\":\"a\"},{\"id\":\"m\"}]"), "another list");
    const market *m = market_now();
    for (uint32_t i = 0; i < m->num_listed; i++) {
        bool same = or_str_eq(m->catalogue.endpoints[i].model, OR_STR("alpha/m"));
        CHECK(m->stats[i].outcomes[OR_FAULT_PROVIDER] == same, "carried");
        CHECK(m->stats[i].in_flight == 0, "in flight");
    }
}

/* A request holds its market through reloads; the last one to let go ends it. */
static void test_references(void)
{
    start(NEAR("alpha"));
    CHECK(learn_z("alpha", "[{\"id\":\"m\"}]"), "list");
    size_t  before = mem_used();
    market *old = market_hold(market_now());
    CHECK(learn_z("alpha", "[{\"id\":\"n\"}]"), "reload");
    CHECK(market_now() != old && market_find(old, OR_STR("m")) != NULL, "old one");
    CHECK(market_find(old, OR_STR("n")) == NULL, "old one");
    conf *other = settings_of("[provider beta]\nkind = openai\nbase_url = http://10.0.0.4/v1\n");
    CHECK(market_make(other, error, sizeof error), "other settings");
    conf_drop(other);
    CHECK_STR(or_str_z(old->settings->providers[0].name), OR_STR("alpha"), "old settings");
    CHECK_STR(upstream_authority(old->hosts[0]), OR_STR("10.0.0.1"), "old host");
    CHECK(mem_used() > before, "both are there");
    market_drop(old);
    market_drop(NULL);
}

/* At every limit of memory: a market or an error, and what was there stays. */
static void test_memory(void)
{
    unsigned failed = 0;
    start(NEAR("alpha") ROUTER "[endpoint alpha a/b]\n[aliases]\nx = a/b\n");
    CHECK(learn_z("openrouter", openrouter_list) && learn_z("alpha", "[{\"id\":\"m\"}]"), "lists");
    conf *c = conf_hold(market_now()->settings);
    for (size_t room = 0; room < 400 * 1024; room += 509) {
        market *m = market_now();
        mem_set_limit(mem_used() + room);
        bool good = market_make(c, error, sizeof error);
        mem_set_limit(SIZE_MAX);
        failed += !good;
        CHECK(good ? market_now() != NULL : market_now() == m, "memory");
        CHECK(offer("a/b", "alpha") != NULL, "memory");
    }
    CHECK(failed > 0, "some failed");
    conf_drop(c);
}

/* ---- models that nobody lists ---- */

static void test_admit(void)
{
    char name[160];
    start(NEAR("alpha"));
    market *m = market_now();
    CHECK(market_admit(m, OR_STR(""), false) == 0, "no name");
    for (int n = 127; n <= 129; n++) {
        snprintf(name, sizeof name, "%0*d", n, 3);
        CHECK(market_admit(m, or_str_z(name), false) == (n <= 128), "long name");
    }
    CHECK(market_admit(m, OR_STR("acme/x"), false) == 1 && market_admit(m, OR_STR("acme/x"), false) == 1, "again");
    unsigned there = 0;
    for (uint32_t i = m->num_listed; i < m->catalogue.num; i++)
        there += or_str_eq(m->catalogue.endpoints[i].model, OR_STR("acme/x"));
    CHECK(there == 1, "one slot");
    or_model_search found;
    or_model_search_begin(&found, &m->catalogue, OR_STR("acme/x"));
    CHECK(or_model_search_next(&found) && found.endpoint >= m->num_listed, "it is found there");
    CHECK(learn_z("alpha", "[{\"id\":\"m\"}]"), "list");
    CHECK(market_admit(market_now(), OR_STR("acme/x"), false) == 0, "a list that is known counts");
}

/* Sections are a list too; any_model stays open. */
static void test_takes_any(void)
{
    start(NEAR("alpha") "[endpoint alpha a]\n");
    CHECK(market_admit(market_now(), OR_STR("x"), false) == 0, "sections");
    start(NEAR("alpha") "any_model = yes\n[endpoint alpha a]\n");
    CHECK(learn_z("alpha", "[{\"id\":\"m\"}]"), "list");
    CHECK(market_admit(market_now(), OR_STR("x"), false) == 1, "any_model");
    start("[provider demo]\nkind = demo\n");
    CHECK(market_admit(market_now(), OR_STR("x"), false) == 0, "demo");
    /* a model that another lists: whose list is not known may have it, too */
    start(NEAR("alpha") NEAR("beta") "any_model = yes\n" NEAR("gamma") "[endpoint gamma x]\n");
    CHECK(market_find(market_now(), OR_STR("x")) != NULL, "gamma's");
    CHECK(market_admit(market_now(), OR_STR("x"), true) == 2, "alpha, beta");
    CHECK(learn_z("beta", "[{\"id\":\"m\"}]"), "list");
    CHECK(market_admit(market_now(), OR_STR("x"), true) == 1, "alpha");
    CHECK(market_admit(market_now(), OR_STR("y"), false) == 2, "any_model: what nobody lists, too");
}

/* Endpoints in use keep their slot; of the others the one that waited longest goes. */
static void test_slots(void)
{
    char name[32];
    start(NEAR("alpha"));
    market  *m = market_now();
    uint32_t num = m->catalogue.num - m->num_listed, first = m->num_listed;
    CHECK(market_admit(m, OR_STR("busy"), false) == 1, "first");
    or_stats_begin(&m->stats[first], now_ms);
    for (uint32_t i = 0; i < 3 * num; i++) {
        snprintf(name, sizeof name, "m%u", (unsigned)i);
        CHECK(market_admit(m, or_str_z(name), false) == 1, name);
    }
    CHECK_STR(m->catalogue.endpoints[first].model, OR_STR("busy"), "in use");
    for (uint32_t i = 1; i < num; i++) or_stats_begin(&m->stats[first + i], now_ms);
    CHECK(market_admit(m, OR_STR("one more"), false) == 0, "all in use");
    CHECK(market_admit(m, OR_STR("busy"), false) == 1, "there already");
}

/* ---- names, policy ---- */

static void test_names(void)
{
    start(NEAR("alpha") "[aliases]\nfast = acme/big\n[endpoint alpha acme/big]\n"
                        "[endpoint alpha acme/big:free]\n");
    static const char *const same[] = {"acme/big", "ACME/BIG", "acme/big:nitro", "fast", "fast:floor",
                                       "acme/big:online"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        const market_model *m = market_find(market_now(), or_str_z(same[i]));
        CHECK(m != NULL && or_str_eq(m->id, OR_STR("acme/big")), same[i]);
    }
    CHECK(market_find(market_now(), OR_STR("")) == NULL, "no name");
    CHECK(market_find(market_now(), OR_STR("acme/big:")) == NULL, "a colon");
    const market_model *variant = market_find(market_now(), OR_STR("acme/big:free"));
    CHECK(variant != NULL && or_str_eq(variant->id, OR_STR("acme/big:free")), "variant");
}

static void test_policy(void)
{
    start("provider_preferences = {\"zdr\":true,\"ignore\":[\"beta\"]}\n" NEAR("alpha"));
    const or_prefs *p = &market_now()->policy;
    CHECK(p->zdr && p->num_ignore == 1 && or_str_eq(p->ignore[0], OR_STR("beta")), "policy");
}

int main(void)
{
    ev_open(16);
    log_mute();
    test_shapes();
    test_foreign_lists();
    test_parameters();
    test_parameters_of_others();
    test_parameters_of_admitted();
    test_refused_lists();
    test_long_ids();
    test_many();
    test_many_together();
    test_claims();
    test_claims_direct();
    test_donation();
    test_catalogue_file();
    test_sections();
    test_sections_of_router();
    test_state();
    test_broken_state();
    test_other_base_url();
    test_statistics();
    test_references();
    test_memory();
    test_admit();
    test_takes_any();
    test_slots();
    test_names();
    test_policy();
    market_shutdown();
    CHECK(mem_used() == 0, "all memory is back");
    ev_close();
    remove_folder();
    TEST_MAIN_END("test_market");
}
