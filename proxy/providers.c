#include "proxy/providers.h"

#include <string.h>

/* The rows are what vendors' documents, their SDKs and other gateways' adapters said in
   2026-11. A row errs on the side of sending what every server takes: a name too many is a
   400, a name too few is a default. */

/* OpenAI's own bookkeeping: nothing that another vendor's model would do anything with. */
#define OF_OPENAI                                                                             \
    "user", "store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key",      \
        "prompt_cache_options", "prompt_cache_retention", "web_search_options", "moderation", \
        "verbosity", "logit_bias"

/* 422 extra_forbidden for what it does not know; usage comes unasked. */
static const char *const mistral_drop[] = {
    OF_OPENAI, "stream_options", "logprobs", "top_logprobs", "modalities", "audio", "functions",
    "function_call", NULL};
static const char *const mistral_rename[] = {"seed", "random_seed", NULL};

/* 400 INVALID_ARGUMENT for names that it does not know. */
static const char *const google_drop[] = {OF_OPENAI, "prediction", NULL};

/* 400 for names that are not OpenAI's: what OpenRouter's clients are used to is not among them. */
#define NO_SAMPLERS "top_k", "min_p", "repetition_penalty"
static const char *const openai_drop[] = {NO_SAMPLERS, NULL};
static const char *const groq_drop[] = {NO_SAMPLERS, "logprobs", "top_logprobs", "logit_bias", NULL};
static const char *const cerebras_drop[] = {NO_SAMPLERS, "frequency_penalty", "presence_penalty",
                                            "logit_bias", NULL};

/* What nobody has but OpenRouter and those who speak like it. */
#define FOREIGN (OR_LACKS_CACHE_CONTROL | OR_LACKS_DETAILS)
/* OpenAI's own API: it knows `refusal` and `annotations`, and tells no reasoning. */
#define OPENAI_LACKS (OR_LACKS_CACHE_CONTROL | OR_LACKS_REASONING)

/* The last models of OpenAI's that are no chat models. */
static const char *const openai_text_models[] = {"instruct", "davinci", "babbage", NULL};

static const provider_facts rows[] = {
    {.name = "openrouter", .title = "OpenRouter", .base_url = "https://openrouter.ai/api/v1",
     .key_env = "OPENROUTER_API_KEY", .kind = PROVIDER_OPENROUTER, .messages = true,
     .responses = true},
    /* Its reasoning models refuse max_tokens; all of its chat models take the other name. */
    {.name = "openai", .title = "OpenAI", .base_url = "https://api.openai.com/v1",
     .key_env = "OPENAI_API_KEY", .cap = PROVIDER_CAP_COMPLETION, .lacks = OPENAI_LACKS,
     .responses = true, .no_completions = true, .text_models = openai_text_models,
     .drop = openai_drop},
    {.name = "anthropic", .title = "Anthropic", .base_url = "https://api.anthropic.com",
     .key_env = "ANTHROPIC_API_KEY", .kind = PROVIDER_ANTHROPIC,
     .dialect = OR_DIALECT_MESSAGES, .messages = true, .no_completions = true},
    /* Both names are in use: the vendor's, and that of its models. */
    {.name = "google", .title = "Google",
     .base_url = "https://generativelanguage.googleapis.com", .key_env = "GEMINI_API_KEY",
     .kind = PROVIDER_GEMINI, .dialect = OR_DIALECT_GEMINI, .no_completions = true},
    {.name = "gemini", .title = "Google",
     .base_url = "https://generativelanguage.googleapis.com", .key_env = "GEMINI_API_KEY",
     .kind = PROVIDER_GEMINI, .dialect = OR_DIALECT_GEMINI, .no_completions = true},
    /* The two by their OpenAI-compatible addresses, for kind = openai. Anthropic's is for
       trying out, and says so: it passes over most of what it does not know. */
    {.name = "anthropic-openai", .title = "Anthropic",
     .base_url = "https://api.anthropic.com/v1", .key_env = "ANTHROPIC_API_KEY",
     .lacks = FOREIGN | OR_LACKS_DEVELOPER, .no_completions = true},
    /* It answers 400 to names that it does not know, in messages too. */
    {.name = "google-openai", .title = "Google",
     .base_url = "https://generativelanguage.googleapis.com/v1beta/openai",
     .key_env = "GEMINI_API_KEY", .lacks = FOREIGN | OR_LACKS_REASONING | OR_LACKS_DEVELOPER,
     .no_completions = true, .strict = true, .drop = google_drop},
    /* It takes role developer, and its own `reasoning` back; null members of an assistant's
       message it refuses, `refusal` and the like are most often null. */
    {.name = "groq", .title = "Groq", .base_url = "https://api.groq.com/openai/v1",
     .key_env = "GROQ_API_KEY", .cap = PROVIDER_CAP_COMPLETION, .lacks = FOREIGN,
     .no_completions = true, .drop = groq_drop},
    {.name = "together", .title = "Together", .base_url = "https://api.together.xyz/v1",
     .key_env = "TOGETHER_API_KEY", .cap = PROVIDER_CAP_TOKENS,
     .lacks = FOREIGN | OR_LACKS_DEVELOPER},
    /* With tools it wants its reasoning_content back, and content as a string where the model
       sees no images; completions are at another address, /beta. */
    {.name = "deepseek", .title = "DeepSeek", .base_url = "https://api.deepseek.com/v1",
     .key_env = "DEEPSEEK_API_KEY", .cap = PROVIDER_CAP_TOKENS,
     .lacks = FOREIGN | OR_LACKS_DEVELOPER | OR_WANTS_REASONING | OR_WANTS_TEXT,
     .no_completions = true},
    /* It refuses each member that it does not know (422), ids of calls that are not its own,
       and a user's turn right behind a tool's. */
    {.name = "mistral", .title = "Mistral", .base_url = "https://api.mistral.ai/v1",
     .key_env = "MISTRAL_API_KEY", .cap = PROVIDER_CAP_TOKENS,
     .lacks = FOREIGN | OR_LACKS_DEVELOPER | OR_LACKS_NAME | OR_LACKS_STRICT |
              OR_LACKS_REASONING | OR_WANTS_SHORT_IDS | OR_WANTS_TURNS,
     .no_completions = true, .no_stream_options = true, .any_choice = true, .strict = true,
     .drop = mistral_drop, .rename = mistral_rename},
    {.name = "xai", .title = "xAI", .base_url = "https://api.x.ai/v1", .key_env = "XAI_API_KEY",
     .cap = PROVIDER_CAP_TOKENS,
     .lacks = FOREIGN | OR_LACKS_DEVELOPER | OR_LACKS_NAME | OR_LACKS_STRICT,
     .no_completions = true},
    {.name = "fireworks", .title = "Fireworks",
     .base_url = "https://api.fireworks.ai/inference/v1", .key_env = "FIREWORKS_API_KEY",
     .cap = PROVIDER_CAP_TOKENS, .lacks = FOREIGN | OR_LACKS_DEVELOPER,
     .no_stream_options = true},
    {.name = "cerebras", .title = "Cerebras", .base_url = "https://api.cerebras.ai/v1",
     .key_env = "CEREBRAS_API_KEY", .cap = PROVIDER_CAP_COMPLETION,
     .lacks = FOREIGN | OR_LACKS_DEVELOPER, .drop = cerebras_drop},
    /* It passes over max_completion_tokens in silence, its ids have three digits, and a
       history with null content or with "" for arguments is a 400. */
    {.name = "ollama", .title = "Ollama", .base_url = "http://127.0.0.1:11434",
     .kind = PROVIDER_OLLAMA, .cap = PROVIDER_CAP_TOKENS,
     .lacks = FOREIGN | OR_LACKS_DEVELOPER | OR_WANTS_CONTENT | OR_WANTS_ARGUMENTS,
     .local = true, .no_ids = true},
    {.name = "lmstudio", .title = "LM Studio", .base_url = "http://127.0.0.1:1234/v1",
     .cap = PROVIDER_CAP_TOKENS, .lacks = FOREIGN | OR_LACKS_DEVELOPER, .local = true},
    {.name = "llamacpp", .title = "llama.cpp", .base_url = "http://127.0.0.1:8080/v1",
     .lacks = FOREIGN | OR_LACKS_DEVELOPER, .local = true},
    {.name = "vllm", .title = "vLLM", .base_url = "http://127.0.0.1:8000/v1",
     .lacks = FOREIGN | OR_LACKS_DEVELOPER, .local = true},
    /* Each customer has an address of his own. */
    {.name = "azure", .title = "Azure", .key_env = "AZURE_OPENAI_API_KEY",
     .kind = PROVIDER_AZURE, .lacks = OPENAI_LACKS, .drop = openai_drop},
    {.name = "demo", .title = "Demo", .kind = PROVIDER_DEMO, .no_completions = true,
     .local = true},
};
enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

/* What every server understands: max_tokens, system instead of developer, and no marks for the
   cache. It may be another gateway, which knows what to do with the rest. */
static const provider_facts unknown = {.name = "", .title = "", .cap = PROVIDER_CAP_TOKENS,
                                       .lacks = OR_LACKS_DEVELOPER | OR_LACKS_CACHE_CONTROL};

const provider_facts *provider_find(const char *slug)
{
    for (size_t i = 0; i < NUM_ROWS; i++)
        if (strcmp(rows[i].name, slug) == 0) return &rows[i];
    return &unknown;
}

const provider_facts *provider_rows(unsigned *num)
{
    *num = NUM_ROWS;
    return rows;
}

bool provider_is_openrouter(provider_kind kind)
{
    return kind == PROVIDER_OPENROUTER || kind == PROVIDER_DEMO;
}

bool provider_has_completions(const provider_facts *f, or_str model)
{
    if (f->dialect != OR_DIALECT_CHAT) return false;
    for (const char *const *w = f->text_models; w != NULL && *w != NULL; w++)
        if (or_str_find(model, or_str_z(*w), 0) < model.len) return true;
    return !f->no_completions;
}

bool provider_is_openai_member(or_str name)
{
    static const or_str members[] = {
#define M(name) OR_STR_INIT(name)
        /* chat */
        M("model"), M("messages"), M("stream"), M("stream_options"), M("max_tokens"),
        M("max_completion_tokens"), M("temperature"), M("top_p"), M("n"), M("seed"), M("stop"),
        M("presence_penalty"), M("frequency_penalty"), M("logit_bias"), M("logprobs"),
        M("top_logprobs"), M("tools"), M("tool_choice"), M("parallel_tool_calls"),
        M("functions"), M("function_call"), M("response_format"), M("reasoning_effort"),
        M("verbosity"), M("modalities"), M("audio"), M("prediction"), M("metadata"), M("store"),
        M("user"), M("safety_identifier"), M("service_tier"), M("prompt_cache_key"),
        M("prompt_cache_options"), M("prompt_cache_retention"), M("web_search_options"),
        M("moderation"),
        /* completions */
        M("prompt"), M("suffix"), M("echo"), M("best_of"),
        /* embeddings */
        M("input"), M("dimensions"), M("encoding_format"),
#undef M
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (or_str_eq(members[i], name)) return true;
    return false;
}

/* ---- parameters ---- */

static bool is_listed(const char *const *list, const char *name)
{
    for (; list != NULL && *list != NULL; list++)
        if (strcmp(*list, name) == 0) return true;
    return false;
}

/* Is what this parameter says sent under a name of OpenAI's? reasoning becomes
   reasoning_effort, structured_outputs is a form of response_format. */
static bool is_openai_parameter(const char *name)
{
    return provider_is_openai_member(or_str_z(name)) || strcmp(name, "reasoning") == 0 ||
           strcmp(name, "structured_outputs") == 0;
}

uint32_t provider_parameters(const provider_facts *f)
{
    static const char *const names[] = {
#define X(name, json) json,
        OR_PARAMS(X)
#undef X
    };
    uint32_t bits = or_dialect_parameters(f->dialect);
    for (unsigned i = 0; i < OR_PARAM_NUM; i++)
        if (is_listed(f->drop, names[i]) || (f->strict && !is_openai_parameter(names[i])))
            bits &= ~((uint32_t)1 << i);
    return bits;
}

bool provider_restricts(const provider_facts *f)
{
    return f->dialect != OR_DIALECT_CHAT || f->strict || f->drop != NULL;
}

/* ---- targets ---- */

static bool ends_with(or_str text, const char *end)
{
    size_t n = strlen(end);
    return text.len >= n && memcmp(text.ptr + text.len - n, end, n) == 0;
}

static bool begins_with(or_str text, const char *begin)
{
    size_t n = strlen(begin);
    return text.len >= n && memcmp(text.ptr, begin, n) == 0;
}

/* As one segment of a path, or a value of a query. Source: RFC 3986 section 2.3. */
static void put_encoded(or_buf *out, or_str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            or_buf_put_char(out, (char)c);
            continue;
        }
        or_buf_put_char(out, '%');
        or_buf_put_char(out, hex[c >> 4]);
        or_buf_put_char(out, hex[c & 15]);
    }
}

static void put_query(or_buf *out, or_str query)
{
    if (query.ptr == NULL) return;
    or_buf_put_char(out, '?');
    or_buf_put_str(out, query);
}

static bool is_azure_classic(or_str base_path)
{
    return base_path.len == 0 || ends_with(base_path, "/openai");
}

/* Classic paths are refused without a version; /openai/v1 and the like want none. */
static void put_azure_query(or_buf *out, or_str base_path, or_str query)
{
    bool classic = is_azure_classic(base_path) ||
                   or_str_find(base_path, OR_STR("/openai/deployments/"), 0) < base_path.len;
    if (classic && query.len == 0) query = OR_STR("api-version=" PROVIDER_AZURE_VERSION);
    put_query(out, query);
}

/* Azure's own SDKs put a deployment in front of these; the rest stands beside deployments. */
static bool is_of_deployment(or_str path)
{
    static const char *const paths[] = {"/chat/completions", "/completions", "/embeddings",
                                        "/audio/", "/images/"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (begins_with(path, paths[i])) return true;
    return false;
}

static void put_azure(or_buf *out, or_str base_path, or_str query, or_str path, or_str model)
{
    or_buf_put_str(out, base_path);
    if (is_azure_classic(base_path)) {
        if (base_path.len == 0) or_buf_put_z(out, "/openai");
        if (model.len > 0 && is_of_deployment(path)) {
            or_buf_put_z(out, "/deployments/");
            put_encoded(out, model);
        }
    }
    or_buf_put_str(out, path);
    put_azure_query(out, base_path, query);
}

/* What stands between a base_url that has no version and a path. */
static const char *version_of(provider_kind kind)
{
    return kind == PROVIDER_ANTHROPIC ? "/v1" : kind == PROVIDER_GEMINI ? "/v1beta" : "";
}

static or_err all_or_nothing(or_buf *out, size_t from, or_err e)
{
    if (e == OR_OK) e = out->err;
    if (e != OR_OK) out->len = from;
    return e;
}

or_err provider_put_target(or_buf *out, provider_kind kind, or_str base_path, or_str query,
                           or_dialect speak, or_str path, or_str model, bool stream)
{
    size_t from = out->len;
    bool   bare = version_of(kind)[0] != 0;
    or_err e = OR_OK;
    if (kind == PROVIDER_AZURE) {
        put_azure(out, base_path, query, path, model);
        return all_or_nothing(out, from, OR_OK);
    }
    or_buf_put_str(out, base_path);
    if (bare && (speak == OR_DIALECT_MESSAGES || speak == OR_DIALECT_GEMINI)) {
        e = or_dialect_put_path(out, speak, model, stream);
    } else {
        or_buf_put_z(out, version_of(kind));
        or_buf_put_str(out, path);
        put_query(out, query);
    }
    return all_or_nothing(out, from, e);
}

static void put_page(or_buf *out, const char *path, const char *name, or_str page)
{
    or_buf_put_z(out, path);
    if (page.len == 0) return;
    or_buf_put_char(out, '&');
    or_buf_put_z(out, name);
    or_buf_put_char(out, '=');
    put_encoded(out, page);
}

/* A path that deployments of one model have: the list is beside them. */
static or_str azure_root(or_str base_path)
{
    size_t at = or_str_find(base_path, OR_STR("/deployments/"), 0);
    return or_str_of(base_path.ptr, at);
}

or_err provider_put_list(or_buf *out, provider_kind kind, or_str base_path, or_str query,
                         or_str page)
{
    size_t from = out->len;
    if (kind == PROVIDER_OLLAMA && ends_with(base_path, "/v1")) base_path.len -= 3;
    switch (kind) {
    case PROVIDER_OLLAMA: /* its own list stands beside OpenAI's paths and says more */
        or_buf_put_str(out, base_path);
        or_buf_put_z(out, "/api/tags");
        put_query(out, query);
        break;
    case PROVIDER_ANTHROPIC:
        or_buf_put_str(out, base_path);
        put_page(out, "/v1/models?limit=1000", "after_id", page);
        break;
    case PROVIDER_GEMINI:
        or_buf_put_str(out, base_path);
        put_page(out, "/v1beta/models?pageSize=1000", "pageToken", page);
        break;
    case PROVIDER_AZURE:
        put_azure(out, azure_root(base_path), query, OR_STR("/models"), OR_STR(""));
        break;
    default:
        or_buf_put_str(out, base_path);
        or_buf_put_z(out, "/models");
        put_query(out, query);
    }
    return all_or_nothing(out, from, OR_OK);
}

/* ---- fields ---- */

or_err provider_put_key(or_buf *head, provider_kind kind, const char *key)
{
    char   mem[4200];
    or_buf value;
    switch (kind) {
    case PROVIDER_AZURE: return or_http_put_field(head, OR_STR("api-key"), or_str_z(key));
    case PROVIDER_ANTHROPIC: return or_http_put_field(head, OR_STR("x-api-key"), or_str_z(key));
    case PROVIDER_GEMINI: return or_http_put_field(head, OR_STR("x-goog-api-key"), or_str_z(key));
    default: break;
    }
    or_buf_init(&value, mem, sizeof mem);
    or_buf_put_z(&value, "Bearer ");
    or_buf_put_z(&value, key);
    or_err e = value.err;
    if (e == OR_OK) e = or_http_put_field(head, OR_STR("Authorization"), or_buf_str(&value));
    or_wipe(mem, value.len);
    return e;
}

or_err provider_put_version(or_buf *head, provider_kind kind, or_str asked)
{
    if (kind != PROVIDER_ANTHROPIC) return OR_OK;
    return or_http_put_field(head, OR_STR("anthropic-version"),
                             asked.len > 0 ? asked : OR_STR(OR_ANTHROPIC_VERSION));
}
