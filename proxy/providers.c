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

static const char *const groq_drop[] = {"logprobs", "top_logprobs", "logit_bias", NULL};
static const char *const cerebras_drop[] = {"frequency_penalty", "presence_penalty",
                                            "logit_bias", NULL};

static const provider_facts rows[] = {
    {.name = "openrouter", .title = "OpenRouter", .base_url = "https://openrouter.ai/api/v1",
     .key_env = "OPENROUTER_API_KEY", .kind = PROVIDER_OPENROUTER},
    /* Its reasoning models refuse max_tokens; all of its chat models take the other name. */
    {.name = "openai", .title = "OpenAI", .base_url = "https://api.openai.com/v1",
     .key_env = "OPENAI_API_KEY", .cap = PROVIDER_CAP_COMPLETION},
    {.name = "anthropic", .title = "Anthropic", .base_url = "https://api.anthropic.com/v1",
     .key_env = "ANTHROPIC_API_KEY", .no_developer = true},
    {.name = "google", .title = "Google",
     .base_url = "https://generativelanguage.googleapis.com/v1beta/openai",
     .key_env = "GEMINI_API_KEY", .no_developer = true, .strict = true, .drop = google_drop},
    {.name = "groq", .title = "Groq", .base_url = "https://api.groq.com/openai/v1",
     .key_env = "GROQ_API_KEY", .cap = PROVIDER_CAP_COMPLETION, .drop = groq_drop},
    {.name = "together", .title = "Together", .base_url = "https://api.together.xyz/v1",
     .key_env = "TOGETHER_API_KEY", .cap = PROVIDER_CAP_TOKENS, .no_developer = true},
    {.name = "deepseek", .title = "DeepSeek", .base_url = "https://api.deepseek.com/v1",
     .key_env = "DEEPSEEK_API_KEY", .cap = PROVIDER_CAP_TOKENS, .no_developer = true},
    {.name = "mistral", .title = "Mistral", .base_url = "https://api.mistral.ai/v1",
     .key_env = "MISTRAL_API_KEY", .cap = PROVIDER_CAP_TOKENS, .no_stream_options = true,
     .no_developer = true, .any_choice = true, .strict = true, .drop = mistral_drop,
     .rename = mistral_rename},
    {.name = "xai", .title = "xAI", .base_url = "https://api.x.ai/v1", .key_env = "XAI_API_KEY",
     .cap = PROVIDER_CAP_TOKENS, .no_developer = true},
    {.name = "fireworks", .title = "Fireworks",
     .base_url = "https://api.fireworks.ai/inference/v1", .key_env = "FIREWORKS_API_KEY",
     .cap = PROVIDER_CAP_TOKENS, .no_stream_options = true, .no_developer = true},
    {.name = "cerebras", .title = "Cerebras", .base_url = "https://api.cerebras.ai/v1",
     .key_env = "CEREBRAS_API_KEY", .cap = PROVIDER_CAP_COMPLETION, .no_developer = true,
     .drop = cerebras_drop},
    /* It passes over max_completion_tokens in silence, and its ids have three digits. */
    {.name = "ollama", .title = "Ollama", .base_url = "http://127.0.0.1:11434",
     .kind = PROVIDER_OLLAMA, .cap = PROVIDER_CAP_TOKENS, .local = true, .no_developer = true,
     .no_ids = true},
    {.name = "lmstudio", .title = "LM Studio", .base_url = "http://127.0.0.1:1234/v1",
     .cap = PROVIDER_CAP_TOKENS, .local = true, .no_developer = true},
    {.name = "llamacpp", .title = "llama.cpp", .base_url = "http://127.0.0.1:8080/v1",
     .local = true, .no_developer = true},
    {.name = "vllm", .title = "vLLM", .base_url = "http://127.0.0.1:8000/v1", .local = true,
     .no_developer = true},
    /* Each customer has an address of his own. */
    {.name = "azure", .title = "Azure", .key_env = "AZURE_OPENAI_API_KEY",
     .kind = PROVIDER_AZURE},
    {.name = "demo", .title = "Demo", .kind = PROVIDER_DEMO, .local = true},
};
enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

/* What every server understands: max_tokens, and system instead of developer. */
static const provider_facts unknown = {
    .name = "", .title = "", .cap = PROVIDER_CAP_TOKENS, .no_developer = true};

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
