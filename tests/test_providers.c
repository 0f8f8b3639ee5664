/* How providers are asked: the target of each kind of request, lists, keys, and which parameters
   they take. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "proxy/providers.h"
#include "tests/test.h"

/* ---- targets ---- */

#define CHAT    "/chat/completions"
#define VERSION "?api-version=" PROVIDER_AZURE_VERSION

/* query NULL: absent. G56: bases with and without versions and queries, models with / : @ */
static const struct {
    provider_kind kind;
    const char   *base, *query;
    or_dialect    speak;
    const char   *path, *model;
    bool          stream;
    const char   *want;
} targets[] = {
    {PROVIDER_OPENAI, "/v1", NULL, OR_DIALECT_CHAT, CHAT, "a/b", true, "/v1" CHAT},
    {PROVIDER_OPENAI, "", NULL, OR_DIALECT_CHAT, "/embeddings", "", false, "/embeddings"},
    {PROVIDER_OPENROUTER, "/api/v1", NULL, OR_DIALECT_CHAT, "/messages", "m", true,
     "/api/v1/messages"},
    {PROVIDER_OPENROUTER, "/api/v1", NULL, OR_DIALECT_MESSAGES, "/messages", "m", true,
     "/api/v1/messages"},
    {PROVIDER_OLLAMA, "/v1", NULL, OR_DIALECT_CHAT, CHAT, "q:8b", false, "/v1" CHAT},
    {PROVIDER_DEMO, "", NULL, OR_DIALECT_CHAT, CHAT, "m", false, CHAT},
    {PROVIDER_ANTHROPIC, "", NULL, OR_DIALECT_MESSAGES, CHAT, "m", false, "/v1/messages"},
    {PROVIDER_ANTHROPIC, "/sub", NULL, OR_DIALECT_MESSAGES, CHAT, "m", true, "/sub/v1/messages"},
    {PROVIDER_ANTHROPIC, "/sub", NULL, OR_DIALECT_CHAT, "/messages/count_tokens", "m", false,
     "/sub/v1/messages/count_tokens"},
    {PROVIDER_GEMINI, "", NULL, OR_DIALECT_GEMINI, CHAT, "g-2", false,
     "/v1beta/models/g-2:generateContent"},
    {PROVIDER_GEMINI, "/sub", NULL, OR_DIALECT_GEMINI, CHAT, "g-2", true,
     "/sub/v1beta/models/g-2:streamGenerateContent?alt=sse"},
    {PROVIDER_GEMINI, "", NULL, OR_DIALECT_CHAT, "/files", "", false, "/v1beta/files"},
    /* classic */
    {PROVIDER_AZURE, "", NULL, OR_DIALECT_CHAT, CHAT, "gpt-4o", true,
     "/openai/deployments/gpt-4o" CHAT VERSION},
    {PROVIDER_AZURE, "/openai", NULL, OR_DIALECT_CHAT, CHAT, "gpt-4o", true,
     "/openai/deployments/gpt-4o" CHAT VERSION},
    {PROVIDER_AZURE, "/gw/openai", "api-version=2025-01-01-preview", OR_DIALECT_CHAT, CHAT, "d",
     false, "/gw/openai/deployments/d" CHAT "?api-version=2025-01-01-preview"},
    {PROVIDER_AZURE, "", "", OR_DIALECT_CHAT, CHAT, "d", false,
     "/openai/deployments/d" CHAT VERSION},
    {PROVIDER_AZURE, "", NULL, OR_DIALECT_CHAT, CHAT, "acme/a:b@c d%\xc3\xa9~-._", false,
     "/openai/deployments/acme%2Fa%3Ab%40c%20d%25%C3%A9~-._" CHAT VERSION},
    {PROVIDER_AZURE, "", NULL, OR_DIALECT_CHAT, "/embeddings", "e", false,
     "/openai/deployments/e/embeddings" VERSION},
    {PROVIDER_AZURE, "", NULL, OR_DIALECT_TEXT, "/completions", "e", false,
     "/openai/deployments/e/completions" VERSION},
    {PROVIDER_AZURE, "", NULL, OR_DIALECT_CHAT, "/audio/speech", "e", false,
     "/openai/deployments/e/audio/speech" VERSION},
    {PROVIDER_AZURE, "", NULL, OR_DIALECT_RESPONSES, "/responses", "e", false,
     "/openai/responses" VERSION},
    {PROVIDER_AZURE, "", NULL, OR_DIALECT_CHAT, CHAT, "", false, "/openai" CHAT VERSION},
    /* as given */
    {PROVIDER_AZURE, "/openai/deployments/d", "api-version=1", OR_DIALECT_CHAT, CHAT, "x", false,
     "/openai/deployments/d" CHAT "?api-version=1"},
    {PROVIDER_AZURE, "/openai/deployments/d", NULL, OR_DIALECT_CHAT, CHAT, "x", false,
     "/openai/deployments/d" CHAT VERSION},
    {PROVIDER_AZURE, "/openai/v1", NULL, OR_DIALECT_CHAT, CHAT, "x/y", false, "/openai/v1" CHAT},
    {PROVIDER_AZURE, "/openai/v1", "api-version=preview", OR_DIALECT_CHAT, CHAT, "x", false,
     "/openai/v1" CHAT "?api-version=preview"},
    {PROVIDER_AZURE, "/models", "api-version=1", OR_DIALECT_CHAT, CHAT, "x", false,
     "/models" CHAT "?api-version=1"},
    {PROVIDER_AZURE, "/myopenai", NULL, OR_DIALECT_CHAT, CHAT, "x", false, "/myopenai" CHAT},
};

static or_err put_target(or_buf *out, size_t i)
{
    return provider_put_target(
        out, targets[i].kind, or_str_z(targets[i].base), or_str_z(targets[i].query),
        targets[i].speak, or_str_z(targets[i].path), or_str_z(targets[i].model), targets[i].stream);
}

/* With every buffer that is too small, behind something that is there already. */
static void test_targets(void)
{
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        size_t whole = 2 + strlen(targets[i].want);
        char   mem[256];
        for (size_t cap = 2; cap <= whole; cap++) {
            or_buf out;
            or_buf_init(&out, mem, cap);
            or_buf_put_z(&out, "> ");
            or_err e = put_target(&out, i);
            CHECK_ERR(e, cap < whole ? OR_ERR_SPACE : OR_OK, targets[i].want);
            CHECK(cap == whole || out.len == 2, targets[i].want);
            if (cap < whole) continue;
            CHECK_STR(or_str_of(mem + 2, out.len - 2), or_str_z(targets[i].want), targets[i].want);
        }
    }
}

static const struct {
    provider_kind kind;
    const char   *base, *query, *page, *want;
} lists[] = {
    {PROVIDER_OPENAI, "/v1", NULL, "", "/v1/models"},
    {PROVIDER_OPENAI, "/v1", NULL, "x", "/v1/models"},
    {PROVIDER_OPENROUTER, "/api/v1", NULL, "", "/api/v1/models"},
    {PROVIDER_OLLAMA, "/v1", NULL, "", "/api/tags"},
    {PROVIDER_OLLAMA, "", NULL, "", "/api/tags"},
    {PROVIDER_OLLAMA, "/sub/v1", NULL, "", "/sub/api/tags"},
    {PROVIDER_ANTHROPIC, "", NULL, "", "/v1/models?limit=1000"},
    {PROVIDER_ANTHROPIC, "/sub", NULL, "claude-x", "/sub/v1/models?limit=1000&after_id=claude-x"},
    {PROVIDER_GEMINI, "", NULL, "", "/v1beta/models?pageSize=1000"},
    {PROVIDER_GEMINI, "", NULL, "a+b/c=&d",
     "/v1beta/models?pageSize=1000&pageToken=a%2Bb%2Fc%3D%26d"},
    {PROVIDER_AZURE, "", NULL, "", "/openai/models" VERSION},
    {PROVIDER_AZURE, "/openai", "api-version=1", "", "/openai/models?api-version=1"},
    {PROVIDER_AZURE, "/openai/deployments/d", "api-version=1", "", "/openai/models?api-version=1"},
    {PROVIDER_AZURE, "/openai/v1", NULL, "", "/openai/v1/models"},
};

static void test_lists(void)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        size_t whole = strlen(lists[i].want);
        char   mem[256];
        for (size_t cap = 0; cap <= whole; cap++) {
            or_buf out;
            or_buf_init(&out, mem, cap);
            or_err e = provider_put_list(&out, lists[i].kind, or_str_z(lists[i].base),
                                         or_str_z(lists[i].query), or_str_z(lists[i].page));
            CHECK_ERR(e, cap < whole ? OR_ERR_SPACE : OR_OK, lists[i].want);
            CHECK_STR(or_buf_str(&out), or_str_z(cap < whole ? "" : lists[i].want), lists[i].want);
        }
    }
}

/* ---- fields ---- */

static const struct {
    provider_kind kind;
    const char   *key, *version, *asked;
} fields[] = {
    {PROVIDER_OPENAI, "Authorization: Bearer sk-1\r\n", "", ""},
    {PROVIDER_OPENROUTER, "Authorization: Bearer sk-1\r\n", "", ""},
    {PROVIDER_OLLAMA, "Authorization: Bearer sk-1\r\n", "", ""},
    {PROVIDER_AZURE, "api-key: sk-1\r\n", "", ""},
    {PROVIDER_ANTHROPIC, "x-api-key: sk-1\r\n", "anthropic-version: 2023-06-01\r\n",
     "anthropic-version: 2026-10-21\r\n"},
    {PROVIDER_GEMINI, "x-goog-api-key: sk-1\r\n", "", ""},
};

static void test_fields(void)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char   mem[128];
        or_buf head;
        or_buf_init(&head, mem, sizeof mem);
        CHECK_ERR(provider_put_key(&head, fields[i].kind, "sk-1"), OR_OK, fields[i].key);
        CHECK_STR(or_buf_str(&head), or_str_z(fields[i].key), fields[i].key);
        or_buf_clear(&head);
        CHECK_ERR(provider_put_version(&head, fields[i].kind, OR_STR("")), OR_OK, fields[i].key);
        CHECK_STR(or_buf_str(&head), or_str_z(fields[i].version), "ours");
        or_buf_clear(&head);
        CHECK_ERR(provider_put_version(&head, fields[i].kind, OR_STR("2026-10-21")), OR_OK, "");
        CHECK_STR(or_buf_str(&head), or_str_z(fields[i].asked), "the client's");
        or_buf_init(&head, mem, 10);
        CHECK_ERR(provider_put_key(&head, fields[i].kind, "sk-1"), OR_ERR_SPACE, "no room");
        or_buf_init(&head, mem, sizeof mem);
        CHECK_ERR(provider_put_key(&head, fields[i].kind, "a\nb: c"), OR_ERR_ARG, "two fields");
    }
}

/* ---- parameters ---- */

static bool takes(const char *provider, const char *parameter)
{
    uint32_t bit = or_param_bit(or_str_z(parameter));
    CHECK(bit != 0, parameter);
    return (provider_parameters(provider_find(provider)) & bit) != 0;
}

static void test_parameters(void)
{
    static const char *const all_take[] = {"temperature", "max_tokens", "tools"};
    unsigned                 num;
    const provider_facts    *rows = provider_rows(&num);
    for (unsigned i = 0; i < num; i++) {
        for (size_t k = 0; k < sizeof all_take / sizeof all_take[0]; k++)
            CHECK(takes(rows[i].name, all_take[k]), rows[i].name);
        CHECK((provider_parameters(&rows[i]) & ~or_dialect_parameters(rows[i].dialect)) == 0,
              rows[i].name);
        bool all = provider_parameters(&rows[i]) == or_dialect_parameters(OR_DIALECT_CHAT);
        CHECK(all == !provider_restricts(&rows[i]), rows[i].name);
    }
    CHECK(takes("groq", "seed") && !takes("groq", "logprobs") && !takes("groq", "logit_bias"),
          "groq drops these");
    CHECK(takes("together", "top_k"), "who is not strict is sent what the client says");
    CHECK(!takes("mistral", "top_k") && takes("mistral", "seed") && !takes("mistral", "verbosity"),
          "strict");
    CHECK(takes("mistral", "structured_outputs") && takes("mistral", "reasoning"),
          "by other names");
    CHECK(takes("google-openai", "reasoning_effort") && !takes("google-openai", "prediction"), "");
    CHECK(!takes("anthropic", "seed") && !takes("anthropic", "logit_bias"), "by dialect");
    CHECK(!takes("gemini", "logit_bias"), "by dialect");
    CHECK(!provider_restricts(provider_find("nobody")) &&
              !provider_restricts(provider_find("vllm")),
          "nothing is known");
}

int main(void)
{
    test_targets();
    test_lists();
    test_fields();
    test_parameters();
    TEST_MAIN_END("test_providers");
}
