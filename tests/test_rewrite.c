/* What is sent to a provider: the client's bytes but for the members that have to change. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include "proxy/rewrite.h"
#include "tests/decide_body.h"

/* ---- one request, written ---- */

typedef struct sent {
    asked   a;
    rewrite r;
    or_buf  out, body, wire; /* wire: what is sent, in one piece */
    or_err  err;
    const or_str *list;
    uint32_t      num;
} sent;

static void write_it(sent *s, const or_http_head *client, const char *path, unsigned key)
{
    memset(&s->r, 0, sizeof s->r);
    s->r.f = &s->a.f;
    s->r.d = &s->a.d;
    s->r.client = client;
    s->r.path = path;
    s->r.session = OR_STR("");
    or_buf_init_growing(&s->out, &mem_allocator, 1 << 26);
    or_buf_init_growing(&s->body, &mem_allocator, 1 << 26);
    or_buf_init_growing(&s->wire, &mem_allocator, 1 << 26);
    s->num = 0;
    s->err = OR_ERR_ARG;
    if (!s->a.good || s->a.d.plan.num == 0) return;
    s->err = rewrite_request(&s->r, &s->a.d.plan.list[0], key, &s->out, &s->a.arena, &s->list, &s->num,
                             &s->body);
    for (uint32_t i = 0; s->err == OR_OK && i < s->num; i++) or_buf_put_str(&s->wire, s->list[i]);
}

static void put_back(sent *s)
{
    rewrite_forget(&s->r);
    or_str left = or_buf_str(&s->out);
    CHECK(or_str_find(left, OR_STR("TEST_KEY"), 0) == left.len, "no key is left in memory");
    or_buf_free(&s->out);
    or_buf_free(&s->body);
    or_buf_free(&s->wire);
    finish(&s->a);
}

/* The request for the first candidate; put_back it. */
static void send_as(sent *s, facts_kind kind, or_str body, const char *key)
{
    ask_as(&s->a, kind, body, key_of(key), or_str_of(NULL, 0));
    write_it(s, NULL, "/chat/completions", 0);
}

/* The body is what is behind the head, as long as the head says. */
static bool is_framed(const sent *s)
{
    char   length[40];
    or_str wire = or_buf_str(&s->wire), end = OR_STR("\r\n\r\n");
    size_t at = or_str_find(wire, end, 0);
    if (at == wire.len) return false;
    or_str head = or_str_of(wire.ptr, at), body = or_str_of(wire.ptr + at + 4, wire.len - at - 4);
    snprintf(length, sizeof length, "\r\nContent-Length: %zu", body.len);
    return or_str_eq(body, or_buf_str(&s->body)) &&
           or_str_find(head, or_str_z(length), 0) < head.len;
}

static or_str head_of(const sent *s)
{
    or_str wire = or_buf_str(&s->wire);
    return or_str_of(wire.ptr, or_str_find(wire, OR_STR("\r\n\r\n"), 0));
}

static bool head_has(const sent *s, const char *text)
{
    or_str head = head_of(s);
    return or_str_find(head, or_str_z(text), 0) < head.len;
}

/* ---- direct providers ---- */

#define ALL_PROVIDERS                                                                          \
    "[provider openai]\nbase_url = http://10.0.0.1/v1\nany_model = yes\n"                      \
    "[provider mistral]\nbase_url = http://10.0.0.2/v1\nany_model = yes\n"                     \
    "[provider google]\nkind = openai\nbase_url = http://10.0.0.3/v1\nany_model = yes\n"       \
    "[provider groq]\nbase_url = http://10.0.0.4/v1\nany_model = yes\n"                        \
    "[provider ollama]\nbase_url = http://10.0.0.5:11434\nany_model = yes\n"                   \
    "[provider vllm]\nbase_url = http://10.0.0.6/v1\nany_model = yes\n"                        \
    "[provider new]\nkind = openai\nbase_url = http://10.0.0.7/v1\nany_model = yes\n"          \
    "[key brief]\nkey = env:TEST_KEY_1\nmax_tokens_per_request = 100\n"

#define NAMED "\"messages\":[{\"role\":\"user\",\"content\":\"hi\",\"name\":\"n\"}]"
#define M "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define DEV(role) "\"messages\":[{\"role\":\"" role "\",\"content\":\"a\"},{\"role\":\"user\"}]"

/* `in` and `out` stand behind {"model":"a/b", and in front of }. */
static const struct {
    const char *provider, *in, *out;
} direct[] = {
    {"openai", M, M},
    {"openai", " " M " ,\n\"x\" : [1 , 2.50]", " " M " ,\n\"x\" : [1 , 2.50]"},
    /* the name of the limit */
    {"openai", M ",\"max_tokens\":5", M ",\"max_completion_tokens\":5"},
    {"openai", M ",\"max_completion_tokens\":5", M ",\"max_completion_tokens\":5"},
    {"new", M ",\"max_completion_tokens\":5", M ",\"max_tokens\":5"},
    {"new", M ",\"max_tokens\":5", M ",\"max_tokens\":5"},
    {"new", "\"max_tokens\":5,\"max_completion_tokens\":7," M, "\"max_tokens\":5," M},
    {"openai", "\"max_tokens\":7,\"max_completion_tokens\":5," M, "\"max_completion_tokens\":5," M},
    {"openai", "\"max_tokens\":5,\"max_completion_tokens\":7," M, "\"max_completion_tokens\":5," M},
    {"vllm", "\"max_tokens\":5,\"max_completion_tokens\":7," M, "\"max_completion_tokens\":5," M},
    {"vllm", "\"max_tokens\":5," M, "\"max_tokens\":5," M},
    {"new", "\"max_tokens\":null,\"max_completion_tokens\":7," M, "\"max_tokens\":7," M},
    {"new", "\"max_tokens\":null," M, M},
    {"new", "\"max_\\u0074okens\":5," M, "\"max_\\u0074okens\":5," M},
    /* usage in streams */
    {"new", "\"stream\":true," M, "\"stream\":true," M ",\"stream_options\":{\"include_usage\":true}"},
    {"new", "\"stream\":true,\"stream_options\":{\"include_usage\":false}," M,
     "\"stream\":true,\"stream_options\":{\"include_usage\":true}," M},
    {"new", "\"stream\":false,\"stream_options\":{}," M, "\"stream\":false," M},
    {"mistral", "\"stream\":true,\"stream_options\":{}," M, "\"stream\":true," M},
    /* roles */
    {"openai", DEV("developer"), DEV("developer")},
    {"new", DEV("developer"), DEV("system")},
    {"new", DEV("dev\\u0065loper"), DEV("system")},
    {"new", DEV("developers"), DEV("developers")},
    {"new", "\"messages\":[{\"role\":\"developer\"},{\"role\":\"developer\"},{\"role\":\"user\"},"
            "{\"content\":\"developer\",\"role\":\"developer\"}],\"user\":\"developer\"",
     "\"messages\":[{\"role\":\"system\"},{\"role\":\"system\"},{\"role\":\"user\"},"
     "{\"content\":\"developer\",\"role\":\"system\"}],\"user\":\"developer\""},
    {"new", "\"messages\":[{\"r\\u006fle\":\"developer\",\"content\":[{\"type\":\"text\",\"role\":\"developer\"}]}]",
     "\"messages\":[{\"r\\u006fle\":\"system\",\"content\":[{\"type\":\"text\",\"role\":\"developer\"}]}]"},
    /* names, members that are refused, members nobody knows */
    {"mistral", M ",\"seed\":7", M ",\"random_seed\":7"},
    {"mistral", M ",\"seed\":null,\"user\":\"u\",\"logit_bias\":{},\"logprobs\":true", M},
    {"mistral", M ",\"top_k\":5,\"min_p\":0.1,\"temperature\":1.0", M ",\"temperature\":1.0"},
    {"mistral", M ",\"us\\u0065r\":\"u\"", M},
    /* histories, by what its row says; of nobody's else */
    {"mistral", NAMED, M},
    {"groq", NAMED, NAMED},
    {"google", M ",\"prediction\":{},\"store\":true,\"top_k\":1,\"seed\":1", M ",\"seed\":1"},
    {"groq", M ",\"logprobs\":true,\"top_k\":5,\"top_p\":1", M ",\"top_p\":1"},
    {"new", M ",\"top_k\":5,\"anything\":{\"a\":[]}", M ",\"top_k\":5,\"anything\":{\"a\":[]}"},
    /* tool_choice */
    {"mistral", M ",\"tool_choice\":\"required\"", M ",\"tool_choice\":\"any\""},
    {"mistral", M ",\"tool_choice\":\"auto\"", M ",\"tool_choice\":\"auto\""},
    {"new", M ",\"tool_choice\":\"required\"", M ",\"tool_choice\":\"required\""},
    /* null is as good as absent, and some servers refuse it */
    {"new", "\"stop\":null," M ",\"top_p\":null,\"x\":null,\"tools\":null", M},
    {"new", "\"stop\":\"null\"," M, "\"stop\":\"null\"," M},
    /* reasoning */
    {"new", M ",\"reasoning\":{\"effort\":\"high\"}", M ",\"reasoning_effort\":\"high\""},
    {"new", M ",\"reasoning\":{\"max_tokens\":2047}", M ",\"reasoning_effort\":\"low\""},
    {"new", M ",\"reasoning\":{\"max_tokens\":2048}", M ",\"reasoning_effort\":\"medium\""},
    {"new", M ",\"reasoning\":{\"max_tokens\":8191}", M ",\"reasoning_effort\":\"medium\""},
    {"new", M ",\"reasoning\":{\"max_tokens\":8192}", M ",\"reasoning_effort\":\"high\""},
    {"new", M ",\"reasoning\":{\"enabled\":true}", M ",\"reasoning_effort\":\"medium\""},
    {"new", M ",\"reasoning\":{\"enabled\":false}", M},
    {"new", M ",\"reasoning\":null", M},
    {"new", M ",\"reasoning\":{\"effort\":\"high\"},\"reasoning_effort\":\"low\"",
     M ",\"reasoning_effort\":\"low\""},
    /* OpenRouter's and ours */
    {"new", "\"models\":[\"c/d\"],\"provider\":{\"order\":[\"new\"]},\"route\":\"fallback\",\"usage\":{},"
            "\"session_id\":\"s\",\"trace\":{},\"debug\":{},\"include_reasoning\":true,\"top_a\":0.5,"
            "\"image_config\":{},\"stop_server_tools_when\":[],\"max_tool_calls\":3,"
            "\"cache_control\":{},\"structured_outputs\":true," M, M},
    {"new", "\"plugins\":[],\"transforms\":[],\"preset\":null," M, M},
    {"new", "\"tra\\u0063e\":{}," M, M},
};

/* The one provider of that name takes it. */
static or_str whole(const char *inside, const char *provider)
{
    static char text[4096];
    bool        has = strstr(inside, "\"provider\"") != NULL || provider == NULL;
    snprintf(text, sizeof text, "{\"model\":\"a/b\",%s%s%s%s}", inside,
             has ? "" : ",\"provider\":{\"only\":[\"", has ? "" : provider, has ? "" : "\"]}");
    return or_str_z(text);
}

static void test_direct(void)
{
    start(ALL_PROVIDERS);
    for (size_t i = 0; i < sizeof direct / sizeof direct[0]; i++) {
        sent   s;
        char   want[4096];
        or_str in = test_exact(whole(direct[i].in, direct[i].provider));
        send_as(&s, FACTS_CHAT, in, NULL);
        snprintf(want, sizeof want, "{\"model\":\"a/b\",%s}", direct[i].out);
        CHECK_ERR(s.err, OR_OK, direct[i].in);
        CHECK_STR(or_buf_str(&s.body), or_str_z(want), direct[i].provider);
        CHECK(s.err != OR_OK || is_framed(&s), direct[i].in);
        put_back(&s);
        free((void *)(uintptr_t)in.ptr);
    }
}

/* The limit of the key is sent where the request has none, by the right name. */
static void test_key_limit(void)
{
    static const struct {
        const char *provider, *in, *out;
    } rows[] = {
        {"new", M, M ",\"max_tokens\":100"},
        {"openai", M, M ",\"max_completion_tokens\":100"},
        {"new", "\"max_tokens\":null," M, "\"max_tokens\":100," M},
        {"new", "\"max_tokens\":0," M, "\"max_tokens\":100," M},
        {"openai", "\"max_tokens\":0," M, M ",\"max_completion_tokens\":100"},
        {"new", "\"max_tokens\":5," M, "\"max_tokens\":5," M},
    };
    start(ALL_PROVIDERS);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sent s;
        char want[512];
        snprintf(want, sizeof want, "{\"model\":\"a/b\",%s}", rows[i].out);
        send_as(&s, FACTS_CHAT, whole(rows[i].in, rows[i].provider), "brief");
        CHECK_STR(or_buf_str(&s.body), or_str_z(want), rows[i].in);
        put_back(&s);
    }
}

/* What is passed through is not chat: its members are its own. */
static void test_other_kinds(void)
{
    static const char *const bodies[] = {
        "{\"model\":\"a/b\",\"input\":\"x\",\"reasoning\":{\"effort\":\"low\"},\"max_tool_calls\":2}",
        "{\"model\":\"a/b\",\"query\":\"x\",\"documents\":[\"y\"],\"top_n\":1}",
        "{\"model\":\"a/b\",\"system\":\"x\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\"}]}",
    };
    start("[provider mistral]\nbase_url = http://10.0.0.2/v1\nany_model = yes\n");
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        sent s;
        send_as(&s, FACTS_OTHER, or_str_z(bodies[i]), NULL);
        CHECK_ERR(s.err, OR_OK, bodies[i]);
        CHECK_STR(or_buf_str(&s.body), or_str_z(bodies[i]), "passed through");
        put_back(&s);
    }
}

static void test_models(void)
{
    static const struct {
        const char *model, *out;
    } rows[] = {
        {"new/m1", "{\"model\":\"m1\"," M "}"},       {"m1", "{\"model\":\"m1\"," M "}"},
        {"m1:nitro", "{\"model\":\"m1\"," M "}"},     {"fast", "{\"model\":\"u \\\"1\\\"\"," M "}"},
        {"acme/big", "{\"model\":\"u \\\"1\\\"\"," M "}"}, {"acme\\/x:8b", "{\"model\":\"acme\\/x:8b\"," M "}"},
    };
    start("[provider new]\nkind = openai\nbase_url = http://10.0.0.7/v1\n"
          "[endpoint new acme/big]\nupstream_model = u \"1\"\n[aliases]\nfast = acme/big\n");
    CHECK(learn_z("new", "[{\"id\":\"m1\"},{\"id\":\"acme/x:8b\"}]"), "list");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sent s;
        char text[256];
        snprintf(text, sizeof text, "{\"model\":\"%s\"," M "}", rows[i].model);
        send_as(&s, FACTS_CHAT, or_str_z(text), NULL);
        CHECK_STR(or_buf_str(&s.body), or_str_z(rows[i].out), rows[i].model);
        put_back(&s);
    }
}

/* ---- OpenRouter ---- */

#define ROUTER "[provider openrouter]\nbase_url = http://10.0.0.9/api/v1\ndata_collection = deny\n"
#define LIST                                                                                   \
    "{\"data\":[{\"id\":\"acme/big\",\"canonical_slug\":\"acme/big-2026\","                    \
    "\"pricing\":{\"prompt\":\"0.0000005\",\"completion\":\"0.000001\"}},{\"id\":\"acme/big:free\"}]}"

static void check_router(const char *in, const char *out)
{
    sent   s;
    or_str exact = test_exact(or_str_z(in));
    send_as(&s, FACTS_CHAT, exact, NULL);
    CHECK_ERR(s.err, OR_OK, s.a.good ? in : outcome(&s.a));
    CHECK_STR(or_buf_str(&s.body), or_str_z(out), in);
    CHECK(s.err != OR_OK || is_framed(&s), in);
    put_back(&s);
    free((void *)(uintptr_t)exact.ptr);
}

static void test_router(void)
{
    static const char *const same[] = {
        "{\"model\":\"acme/big\"," M "}",
        " { \"model\" : \"acme/big\" ,\n" M ",\"plugins\":[{\"id\":\"web\"}],\"reasoning\":{\"effort\":\"x\"},"
        "\"stop\":null,\"usage\":{\"include\":true},\"max_tokens\":5,\"max_completion_tokens\":6,"
        "\"messages2\":[{\"role\":\"developer\"}]} ",
        "{\"model\":\"acme/big:online\"," M "}", "{\"model\":\"acme/big:nitro\"," M "}",
        "{\"model\":\"acme/big:free\"," M "}", "{\"model\":\"acme/big:free:online\"," M "}",
        "{\"model\":\"acme\\/big\"," M "}",
        "{\"model\":\"acme/big\"," M ",\"provider\":{\"order\":[\"x\"],\"unknown\":1}}",
        "{\"model\":\"acme/big\"," DEV("developer") "}",
    };
    start(ROUTER);
    CHECK(learn_z("openrouter", LIST), "list");
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) check_router(same[i], same[i]);
    check_router("{\"models\":[\"acme/big\",\"c/d\"],\"route\":\"fallback\"," M "}",
                 "{" M ",\"model\":\"acme/big\"}");
    check_router("{\"model\":\"acme/big-2026:online\"," M "}", "{\"model\":\"acme/big:online\"," M "}");
}

static void test_router_policy(void)
{
    start("provider_preferences = {\"data_collection\":\"deny\",\"sort\":\"latency\","
          "\"max_price\":{\"prompt\":1}}\n" ROUTER);
    CHECK(learn_z("openrouter", LIST), "list");
    check_router("{\"model\":\"acme/big\"," M "}",
                 "{\"model\":\"acme/big\"," M ",\"provider\":{\"data_collection\":\"deny\","
                 "\"sort\":\"latency\",\"max_price\":{\"prompt\":1}}}");
    check_router("{\"model\":\"acme/big\",\"provider\":{\"zdr\":true,\"sort\":\"price\"}," M "}",
                 "{\"model\":\"acme/big\",\"provider\":{\"data_collection\":\"deny\",\"zdr\":true,"
                 "\"sort\":\"price\",\"max_price\":{\"prompt\":1}}," M "}");
}

/* The owner's lists of providers hold at OpenRouter, too, and of two prices the lower. */
static void test_router_filters(void)
{
    start("provider_preferences = {\"ignore\":[\"evil\"],\"max_price\":{\"prompt\":1}}\n" ROUTER);
    CHECK(learn_z("openrouter", LIST), "list");
    sent s;
    send_as(&s, FACTS_CHAT, OR_STR("{\"model\":\"acme/big\"," M ",\"provider\":{\"ignore\":[\"slow\"],"
                                   "\"max_price\":{\"prompt\":5}}}"), NULL);
    or_str body = or_buf_str(&s.body);
    CHECK(or_str_find(body, OR_STR("\"evil\""), 0) < body.len, "the owner's ignore");
    CHECK(or_str_find(body, OR_STR("\"slow\""), 0) < body.len, "the request's ignore");
    CHECK(or_str_find(body, OR_STR("\"prompt\":5"), 0) == body.len, "the owner's max_price");
    put_back(&s);
}

/* x-session-id becomes a member for OpenRouter, where the body has none. */
static void test_session(void)
{
    static const struct {
        const char *in, *session, *out;
    } rows[] = {
        {"{\"model\":\"acme/big\"," M "}", "s\"1", "{\"model\":\"acme/big\"," M ",\"session_id\":\"s\\\"1\"}"},
        {"{\"model\":\"acme/big\",\"session_id\":\"b\"," M "}", "s", "{\"model\":\"acme/big\",\"session_id\":\"b\"," M "}"},
        {"{\"model\":\"acme/big\",\"session_id\":null," M "}", "s", "{\"model\":\"acme/big\",\"session_id\":\"s\"," M "}"},
    };
    start(ROUTER);
    CHECK(learn_z("openrouter", LIST), "list");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sent s;
        send_as(&s, FACTS_CHAT, or_str_z(rows[i].in), NULL);
        s.r.session = or_str_z(rows[i].session);
        or_buf_clear(&s.body);
        s.err = rewrite_request(&s.r, &s.a.d.plan.list[0], 0, &s.out, &s.a.arena, &s.list, &s.num, &s.body);
        CHECK_ERR(s.err, OR_OK, rows[i].in);
        CHECK_STR(or_buf_str(&s.body), or_str_z(rows[i].out), rows[i].in);
        put_back(&s);
    }
}

/* ---- presets ---- */

#define PRESET                                                                                 \
    "[preset p]\nmodel = a/b\nsystem = Be \"short\".\n"                                        \
    "parameters = {\"temperature\":0.50,\"top_p\":1,\"max_tokens\":9,\"seed\":3}\n"

static void check_preset(const char *provider, const char *in, const char *out)
{
    sent s;
    char text[1024];
    snprintf(text, sizeof text, "{\"model\":\"a/b@preset/p\",\"provider\":{\"only\":[\"%s\"]},%s}", provider, in);
    send_as(&s, FACTS_CHAT, or_str_z(text), NULL);
    snprintf(text, sizeof text, "{\"model\":\"a/b\",%s}", out);
    CHECK_ERR(s.err, OR_OK, in);
    CHECK_STR(or_buf_str(&s.body), or_str_z(text), provider);
    put_back(&s);
}

#define SYSTEM "{\"role\":\"system\",\"content\":\"Be \\\"short\\\".\"},"

static void test_preset(void)
{
    start(ALL_PROVIDERS PRESET);
    check_preset("new", M ",\"temperature\":1",
                 "\"messages\":[" SYSTEM "{\"role\":\"user\",\"content\":\"hi\"}],\"temperature\":1,"
                 "\"top_p\":1,\"max_tokens\":9,\"seed\":3");
    check_preset("new", "\"max_tokens\":2,\"top_p\":2,\"seed\":null,\"temperature\":0," M,
                 "\"max_tokens\":2,\"top_p\":2,\"seed\":3,\"temperature\":0,"
                 "\"messages\":[" SYSTEM "{\"role\":\"user\",\"content\":\"hi\"}]");
    check_preset("new", "\"max_tokens\":2,\"top_p\":2,\"seed\":3,\"temperature\":0," DEV("developer"),
                 "\"max_tokens\":2,\"top_p\":2,\"seed\":3,\"temperature\":0,"
                 "\"messages\":[" SYSTEM "{\"role\":\"system\",\"content\":\"a\"},{\"role\":\"user\"}]");
}

/* Its parameters are written as that provider wants them, and keep the key's limit. */
static void test_preset_deviations(void)
{
    sent s;
    start(ALL_PROVIDERS "[preset p]\nparameters = {\"max_tokens\":900,\"top_k\":5,\"seed\":3,"
                        "\"reasoning\":{\"effort\":\"low\"}}\n");
    send_as(&s, FACTS_CHAT, OR_STR("{\"model\":\"a/b@preset/p\"," M ",\"provider\":{\"only\":[\"mistral\"]}}"), NULL);
    or_str body = or_buf_str(&s.body);
    CHECK(or_str_find(body, OR_STR("top_k"), 0) == body.len, "strict");
    CHECK(or_str_find(body, OR_STR("\"seed\""), 0) == body.len, "renamed");
    CHECK(or_str_find(body, OR_STR("\"reasoning\""), 0) == body.len, "OpenRouter's");
    put_back(&s);
    send_as(&s, FACTS_CHAT, OR_STR("{\"model\":\"a/b@preset/p\"," M ",\"provider\":{\"only\":[\"openai\"]}}"), "brief");
    body = or_buf_str(&s.body);
    CHECK(or_str_find(body, OR_STR("900"), 0) == body.len, "more than the key may ask for");
    CHECK(or_str_find(body, OR_STR("\"max_tokens\""), 0) == body.len, "the name of the limit");
    put_back(&s);
}

/* ---- heads ---- */

static void test_heads(void)
{
    sent s;
    start("[provider openai]\nbase_url = http://10.0.0.1:81/x/v1/\nany_model = yes\n"
          "key = env:TEST_KEY_1\nkey = env:TEST_KEY_2\n"
          "[provider azure]\nbase_url = http://10.0.0.2/openai?api-version=1\nany_model = yes\nkey = env:TEST_KEY_1\n"
          "[provider ollama]\nbase_url = http://10.0.0.3:11434\nany_model = yes\n");
    for (unsigned key = 0; key < 4; key++) {
        ask_as(&s.a, FACTS_EMBEDDINGS, whole("\"input\":\"x\"", "openai"), NULL,
               or_str_of(NULL, 0));
        write_it(&s, NULL, "/embeddings", key);
        CHECK(head_has(&s, "POST /x/v1/embeddings HTTP/1.1\r\n"), "target");
        CHECK(head_has(&s, "\r\nHost: 10.0.0.1:81\r\n"), "host");
        CHECK(head_has(&s, key % 2 == 0 ? "\r\nAuthorization: Bearer TEST_KEY_1\r\n"
                                        : "\r\nAuthorization: Bearer TEST_KEY_2\r\n"), "keys in turn");
        CHECK(head_has(&s, "\r\nAccept: application/json\r\n"), "accept");
        CHECK(head_has(&s, "\r\nContent-Type: application/json\r\n"), "type");
        put_back(&s);
    }
    send_as(&s, FACTS_CHAT, whole(M ",\"stream\":true", "azure"), NULL);
    CHECK(head_has(&s, "\r\napi-key: TEST_KEY_1\r\n") && !head_has(&s, "Authorization"), "azure");
    CHECK(head_has(&s, "POST /openai/deployments/a%2Fb/chat/completions"
                       "?api-version=1 HTTP/1.1\r\n"), "query");
    CHECK(head_has(&s, "\r\nAccept: text/event-stream, application/json\r\n"), "stream");
    put_back(&s);
    send_as(&s, FACTS_CHAT, whole(M, "ollama"), NULL);
    CHECK(head_has(&s, "POST /v1/chat/completions HTTP/1.1") && !head_has(&s, "Authorization"), "ollama");
    put_back(&s);
}

/* Of the client's head, OpenRouter sees who the app is; nobody sees more. */
static void test_client_fields(void)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer client\r\n"
                               "X-Title: App\r\nHTTP-Referer: http://r\r\nCookie: c\r\nX-Forwarded-For: 1\r\n\r\n";
    for (int direct_one = 0; direct_one < 2; direct_one++) {
        sent          s;
        or_http       http;
        or_http_event ev;
        or_str        in = or_str_of(head, sizeof head - 1);
        start(direct_one ? ALL_PROVIDERS : ROUTER "any_model = yes\n");
        or_http_init(&http, OR_HTTP_SERVER, NULL);
        CHECK_ERR(or_http_next(&http, &in, &ev), OR_OK, "head");
        ask_as(&s.a, FACTS_CHAT, whole(M, direct_one ? "new" : "openrouter"), NULL, or_str_of(NULL, 0));
        write_it(&s, &http.head, "/chat/completions", 0);
        CHECK_ERR(s.err, OR_OK, "sent");
        CHECK(head_has(&s, "X-Title: App") == !direct_one, "title");
        CHECK(head_has(&s, "HTTP-Referer: http://r") == !direct_one, "referer");
        CHECK(!head_has(&s, "client") && !head_has(&s, "Cookie") && !head_has(&s, "Forwarded"), "no more");
        put_back(&s);
    }
}

/* ---- sizes ---- */

static char large[512 * 1024];

/* A request whose message has n bytes. */
static or_str of_size(size_t n)
{
    size_t used = (size_t)snprintf(large, sizeof large,
                                   "{\"model\":\"a/b\",\"max_completion_tokens\":5,\"trace\":{},\"messages\":"
                                   "[{\"role\":\"developer\",\"content\":\"");
    memset(large + used, 'x', n);
    used += n;
    used += (size_t)snprintf(large + used, sizeof large - used,
                             "\"},{\"role\":\"user\"}],\"provider\":{\"only\":[\"new\"]}}");
    return or_str_of(large, used);
}

/* Small ones are sent in one piece, large ones in several: the same bytes. */
static void test_sizes(void)
{
    static const size_t sizes[] = {0, 1000, 55000, 56800, 56900, 57000, 57100, 57200, 58000, 65536, 300000};
    bool                one = false, several = false;
    start(ALL_PROVIDERS);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        sent s;
        send_as(&s, FACTS_CHAT, of_size(sizes[i]), NULL);
        CHECK_ERR(s.err, OR_OK, "size");
        CHECK(is_framed(&s), "framed");
        CHECK_ERR(or_json_check(or_buf_str(&s.body), NULL), OR_OK, "JSON");
        size_t want = sizes[i] + strlen("{\"model\":\"a/b\",\"max_tokens\":5,\"messages\":[{\"role\":\"system\","
                                        "\"content\":\"\"},{\"role\":\"user\"}]}");
        CHECK(s.body.len == want, "bytes");
        one = one || s.num == 1;
        several = several || s.num > 1;
        put_back(&s);
    }
    CHECK(one && several, "both ways");
}

/* As many members as are taken, and one more. */
static void test_members(void)
{
    for (int n = 95; n <= 97; n++)
        for (int null = 0; null < 2; null++) {
            char   text[4096], message[300];
            size_t used = (size_t)snprintf(text, sizeof text, "{\"model\":\"a/b\"," M);
            for (int i = 2; i < n; i++)
                used += (size_t)snprintf(text + used, sizeof text - used, ",\"x%d\":%s", i, null ? "null" : "1");
            snprintf(text + used, sizeof text - used, "}");
            sent s;
            start("[provider new]\nkind = openai\nbase_url = http://10.0.0.7/v1\n");
            or_arena_init_growing(&s.a.arena, NULL, 0, &mem_allocator);
            bool good = facts_read(or_str_z(text), FACTS_CHAT, &s.a.arena, &s.a.f, message, sizeof message);
            CHECK(good == (n <= 96), "members");
            or_arena_reset(&s.a.arena);
            if (!good) continue;
            send_as(&s, FACTS_CHAT, or_str_z(text), NULL);
            CHECK_ERR(s.err, OR_OK, "members");
            CHECK_STR(or_buf_str(&s.body), null ? OR_STR("{\"model\":\"a/b\"," M "}") : or_str_z(text), "members");
            put_back(&s);
        }
}

/* Many roles. */
static void test_many_roles(void)
{
    sent   s;
    size_t used = (size_t)snprintf(large, sizeof large, "{\"model\":\"a/b\",\"messages\":[");
    for (int i = 0; i < 400; i++)
        used += (size_t)snprintf(large + used, sizeof large - used, "%s{\"role\":\"developer\"}", i > 0 ? "," : "");
    used += (size_t)snprintf(large + used, sizeof large - used, "]}");
    start("[provider new]\nkind = openai\nbase_url = http://10.0.0.7/v1\n");
    send_as(&s, FACTS_CHAT, or_str_of(large, used), NULL);
    CHECK_ERR(s.err, OR_OK, "400 messages of the developer");
    CHECK(s.body.len == used - 400 * 3, "all of them");
    put_back(&s);
}

/* Any limit of memory: all of it or an error. */
static void test_memory(void)
{
    unsigned failed = 0;
    start(ALL_PROVIDERS PRESET);
    or_str body = whole(M ",\"preset\":\"p\",\"stream\":true", "new");
    for (size_t room = 0; room < 96 * 1024; room += 251) {
        sent s;
        ask_as(&s.a, FACTS_CHAT, body, NULL, or_str_of(NULL, 0));
        mem_set_limit(mem_used() + room);
        write_it(&s, NULL, "/chat/completions", 0);
        mem_set_limit(SIZE_MAX);
        failed += s.err != OR_OK;
        CHECK(s.err == OR_OK || s.err == OR_ERR_MEMORY, or_err_text(s.err));
        put_back(&s);
    }
    CHECK(failed > 0 && failed < 96 * 1024 / 251, "some failed");
}

int main(void)
{
    setenv("TEST_KEY_1", "TEST_KEY_1", 1);
    setenv("TEST_KEY_2", "TEST_KEY_2", 1);
    ev_open(64);
    log_mute();
    test_direct();
    test_key_limit();
    test_other_kinds();
    test_models();
    test_router();
    test_router_policy();
    test_router_filters();
    test_session();
    test_preset();
    test_preset_deviations();
    test_heads();
    test_client_fields();
    test_sizes();
    test_members();
    test_many_roles();
    test_memory();
    market_shutdown();
    rewrite_shutdown();
    CHECK(mem_used() == 0, "all memory is back");
    ev_close();
    remove_folder();
    TEST_MAIN_END("test_rewrite");
}
