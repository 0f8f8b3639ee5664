#include "proxy/conf_back.h"

/* The sections; `form` is how they are written, `needs` what a name is missing. */
const group_form conf_groups[] = {
    {"", "", NULL},
    {"limits", "limits", NULL},
    {"timeout", "timeout", NULL},
    {"organization", "organization", NULL},
    {"provider", "provider NAME", "a provider needs a name"},
    {"endpoint", "endpoint PROVIDER MODEL", "an endpoint needs a provider and a model"},
    {"key", "key NAME", "a key needs a name"},
    {"aliases", "aliases", NULL},
    {"preset", "preset NAME", "a preset needs a name"},
    {"app", "app NAME", "an app needs a name"},
    {"user", "user NAME", "a user needs a name"},
};

/* A name, NULL at the end; those behind a NULL are understood but not advertised. */
static const choice yes_no[] = {{"yes", 1}, {"no", 0}, {NULL, 0}, {"true", 1}, {"false", 0},
                                {NULL, 0}};
static const choice yes_no_fact[] = {{"yes", OR_YES}, {"no", OR_NO}, {NULL, 0}, {"true", OR_YES},
                                     {"false", OR_NO}, {NULL, 0}};
static const choice collection[] = {{"allow", OR_YES}, {"deny", OR_NO}, {NULL, 0}, {NULL, 0}};
static const choice log_forms[] = {{"text", 0}, {"json", 1}, {NULL, 0}, {NULL, 0}};
static const choice unknown_prices[] = {{"refuse", CONF_PRICE_REFUSE},
                                        {"ceiling", CONF_PRICE_CEILING},
                                        {"allow", CONF_PRICE_ALLOW}, {NULL, 0}, {NULL, 0}};
static const choice unsupported[] = {{"drop", CONF_UNSUPPORTED_DROP},
                                     {"warn", CONF_UNSUPPORTED_WARN},
                                     {"reject", CONF_UNSUPPORTED_REJECT}, {NULL, 0}, {NULL, 0}};
const choice conf_kinds[] = {{"openai", PROVIDER_OPENAI}, {"openrouter", PROVIDER_OPENROUTER},
                               {"ollama", PROVIDER_OLLAMA}, {"azure", PROVIDER_AZURE},
                               {"anthropic", PROVIDER_ANTHROPIC}, {"gemini", PROVIDER_GEMINI},
                               {"demo", PROVIDER_DEMO}, {NULL, 0}, {NULL, 0}};
static const choice windows[] = {{"daily", OR_WINDOW_DAILY}, {"weekly", OR_WINDOW_WEEKLY},
                                 {"monthly", OR_WINDOW_MONTHLY}, {"none", OR_WINDOW_NONE},
                                 {NULL, 0}, {NULL, 0}};
static const choice no_yes[] = {{"yes", 0}, {"no", 1}, {NULL, 0}, {"true", 0}, {"false", 1},
                                {NULL, 0}};
static const choice ledgers[] = {{"full", 0}, {"totals", 1}, {NULL, 0}, {NULL, 0}};
static const choice hangups[] = {{"cancel", 0}, {"drain", 1}, {NULL, 0}, {NULL, 0}};
static const choice prepaids[] = {{"auto", OR_UNKNOWN}, {"yes", OR_YES}, {"no", OR_NO}, {NULL, 0},
                                  {"true", OR_YES}, {"false", OR_NO}, {NULL, 0}};
static const choice sandboxes[] = {{"yes", CONF_SANDBOX_YES}, {"no", CONF_SANDBOX_NO},
                                   {"require", CONF_SANDBOX_REQUIRE}, {NULL, 0}, {NULL, 0}};
static const choice roles[] = {{"inference", 0}, {"management", 1}, {NULL, 0}, {NULL, 0}};
static const choice quantizations[] = {
    {"int4", OR_QUANT_INT4}, {"int8", OR_QUANT_INT8}, {"fp4", OR_QUANT_FP4},
    {"mxfp4", OR_QUANT_MXFP4}, {"nvfp4", OR_QUANT_NVFP4}, {"fp6", OR_QUANT_FP6},
    {"fp8", OR_QUANT_FP8}, {"mxfp8", OR_QUANT_MXFP8}, {"fp16", OR_QUANT_FP16},
    {"bf16", OR_QUANT_BF16}, {"fp32", OR_QUANT_FP32}, {"unknown", OR_QUANT_UNKNOWN}, {NULL, 0},
    {NULL, 0}};
static const choice modalities[] = {
    {"text", OR_MODALITY_TEXT}, {"image", OR_MODALITY_IMAGE}, {"file", OR_MODALITY_FILE},
    {"audio", OR_MODALITY_AUDIO}, {"video", OR_MODALITY_VIDEO},
    {"embeddings", OR_MODALITY_EMBEDDINGS}, {"rerank", OR_MODALITY_RERANK}, {NULL, 0}, {NULL, 0}};

/* A row: group, key, type, the structure and its field; then what the type asks for. */
#define ROW(g, k, t, s, f)       {g, k, t, offsetof(s, f), 0, NULL, 0, 0, 0}
#define PICK(g, k, t, s, f, c)   {g, k, t, offsetof(s, f), 0, c, 0, 0, 0}
#define PAIR(g, k, t, s, f, n)   {g, k, t, offsetof(s, f), offsetof(s, n), NULL, 0, 0, 0}
#define NUM(g, k, t, s, f, d, a, z) {g, k, t, offsetof(s, f), 0, NULL, d, a, z}
#define PRICE(k, t, p) \
    {ENDPOINT, k, t, offsetof(conf_endpoint, offer.prices.base), OR_PRICE_##p, NULL, 0, 0, 0}
#define UNTIL_LATER(g, k)        {g, k, LATER, 0, 0, NULL, 0, 0, 0}
/* What every account can have: `at` is where its conf_limits are. */
#define LIMITS_OF(g, s, at)                                                                     \
    ROW(g, "limit", MONEY, s, at.limit_pico_usd),                                               \
    PICK(g, "limit_reset", CHOICE, s, at.limit_reset, windows),                                 \
    PICK(g, "include_byok_in_limit", BOOL, s, at.leave_byok_out, no_yes),                       \
    NUM(g, "requests_per_minute", COUNT32, s, at.requests_per_minute, 0, 1, MILLION),           \
    NUM(g, "tokens_per_minute", COUNT32, s, at.tokens_per_minute, 0, 1, TOKENS),                \
    NUM(g, "max_concurrent", COUNT32, s, at.max_concurrent, 0, 1, MILLION),                     \
    NUM(g, "free_requests_per_day", COUNT32, s, at.free_requests_per_day, 0, 1, MILLION)

const setting conf_settings[] = {
    ROW(TOP, "listen", LISTEN, conf, listen),
    ROW(TOP, "state", TEXT, conf, state),
    ROW(TOP, "catalog", TEXT, conf, catalog),
    ROW(TOP, "ca", TEXT, conf, ca),
    ROW(TOP, "user", TEXT, conf, user),
    PICK(TOP, "sandbox", CHOICE, conf, sandbox, sandboxes),
    PICK(TOP, "open", BOOL, conf, open, yes_no),
    NUM(TOP, "heartbeat", DURATION, conf, heartbeat, 5 * SECOND, 10, DAY),
    NUM(TOP, "refresh", INTERVAL, conf, refresh, 60 * MINUTE, 10, DAY),
    PICK(TOP, "log", BOOL, conf, log_json, log_forms),
    ROW(TOP, "default_model", TEXT, conf, default_model),
    PAIR(TOP, "auto_models", LIST, conf, auto_models, num_auto_models),
    ROW(TOP, "provider_preferences", PREFS, conf, provider_preferences),
    PICK(TOP, "unknown_price", CHOICE, conf, unknown_price, unknown_prices),
    ROW(TOP, "price_ceiling_prompt", CEILING, conf, ceiling_prompt),
    ROW(TOP, "price_ceiling_completion", CEILING, conf, ceiling_completion),
    ROW(TOP, "management_key", MANAGEMENT, conf, management_hash),
    ROW(TOP, "decisions", TEXT, conf, decisions),
    UNTIL_LATER(TOP, "log_content"),
    PICK(TOP, "on_hangup", BOOL, conf, drain_hangups, hangups),
    PICK(TOP, "on_unsupported", CHOICE, conf, on_unsupported, unsupported),
    PICK(TOP, "ledger", BOOL, conf, ledger_totals, ledgers),
    NUM(TOP, "ledger_sync", SYNC, conf, ledger_sync, 0, 10, DAY),
    NUM(TOP, "ledger_days", COUNT32, conf, ledger_days, 400, 0, 36500),
    PICK(TOP, "prepaid", CHOICE, conf, prepaid, prepaids),
    NUM(TOP, "default_max_tokens", COUNT32, conf, default_max_tokens, OR_COST_DEFAULT_OUTPUT, 1,
        TOKENS),
    ROW(TOP, "alert_webhook", TEXT, conf, alert_webhook),
    NUM(LIMITS, "head", SIZE, conf, limits.head, 16 * KIB, 256, MIB),
    NUM(LIMITS, "body", SIZE, conf, limits.body, 20 * MIB, 1, 1024 * MIB),
    NUM(LIMITS, "answer", SIZE, conf, limits.answer, 32 * MIB, 1024, 1024 * MIB),
    NUM(LIMITS, "connections", COUNT, conf, limits.connections, 1024, 1, 100000),
    NUM(LIMITS, "memory", SIZE, conf, limits.memory, 64 * MIB, 256 * KIB, UINT32_MAX),
    NUM(LIMITS, "generations", COUNT, conf, limits.generations, 200, 0, 100000),
    NUM(LIMITS, "decisions", SIZE, conf, limits.decisions, MIB, 4 * KIB, 1024 * MIB),
    NUM(LIMITS, "ledger", SIZE, conf, limits.ledger, 64 * MIB, 4 * MIB, UINT32_MAX),
    NUM(LIMITS, "accounts", COUNT, conf, limits.accounts, 10000, 100, MILLION),
    NUM(TIMEOUT, "connect", DURATION, conf, timeout.connect, 10 * SECOND, 1, DAY),
    NUM(TIMEOUT, "first_token", DURATION, conf, timeout.first_token, 10 * MINUTE, 1, DAY),
    NUM(TIMEOUT, "between_bytes", DURATION, conf, timeout.between_bytes, 2 * MINUTE, 1, DAY),
    NUM(TIMEOUT, "total", DURATION, conf, timeout.total, 30 * MINUTE, 1, DAY),
    NUM(TIMEOUT, "client", DURATION, conf, timeout.client, 30 * SECOND, 1, DAY),
    NUM(TIMEOUT, "drain", DURATION, conf, timeout.drain, 30 * SECOND, 1, DAY),
    NUM(TIMEOUT, "hangup", DURATION, conf, timeout.hangup, MINUTE, 1, DAY),
    LIMITS_OF(ORGANIZATION, conf, organization),
    PICK(PROVIDER, "kind", CHOICE, conf_provider, kind, conf_kinds),
    ROW(PROVIDER, "base_url", TEXT, conf_provider, base_url),
    ROW(PROVIDER, "key", SECRET, conf_provider, keys),
    ROW(PROVIDER, "name", TEXT, conf_provider, title),
    ROW(PROVIDER, "ca", TEXT, conf_provider, ca),
    PICK(PROVIDER, "data_collection", CHOICE, conf_provider, collects_data, collection),
    PICK(PROVIDER, "zdr", CHOICE, conf_provider, zdr, yes_no_fact),
    PICK(PROVIDER, "quantization", CHOICE, conf_provider, quantization, quantizations),
    ROW(PROVIDER, "region", TEXT, conf_provider, region),
    NUM(PROVIDER, "weight", COUNT16, conf_provider, weight, 0, 1, UINT16_MAX),
    PICK(PROVIDER, "any_model", BOOL, conf_provider, any_model, yes_no),
    PICK(PROVIDER, "list", BOOL, conf_provider, list, yes_no),
    PICK(PROVIDER, "endpoints", BOOL, conf_provider, endpoints, yes_no),
    ROW(ENDPOINT, "upstream_model", STR, conf_endpoint, offer.upstream_model),
    ROW(ENDPOINT, "tag", STR, conf_endpoint, offer.tag),
    PRICE("prompt", PER_MILLION, PROMPT),
    PRICE("completion", PER_MILLION, COMPLETION),
    PRICE("input_cache_read", PER_MILLION, INPUT_CACHE_READ),
    PRICE("input_cache_write", PER_MILLION, INPUT_CACHE_WRITE),
    PRICE("internal_reasoning", PER_MILLION, INTERNAL_REASONING),
    PRICE("image", EACH, IMAGE),
    PRICE("request", EACH, REQUEST),
    ROW(ENDPOINT, "discount", SHARE, conf_endpoint, offer.prices.discount_ppb),
    NUM(ENDPOINT, "context_length", COUNT32, conf_endpoint, offer.context_length, 0, 1, TOKENS),
    NUM(ENDPOINT, "max_completion_tokens", COUNT32, conf_endpoint, offer.max_completion_tokens, 0,
        1, TOKENS),
    PAIR(ENDPOINT, "supported_parameters", PARAMS, conf_endpoint, offer.parameters,
         offer.parameters_known),
    PICK(ENDPOINT, "input_modalities", BITS, conf_endpoint, offer.input_modalities, modalities),
    PICK(ENDPOINT, "output_modalities", BITS, conf_endpoint, offer.output_modalities, modalities),
    PICK(ENDPOINT, "data_collection", CHOICE, conf_endpoint, offer.collects_data, collection),
    PICK(ENDPOINT, "zdr", CHOICE, conf_endpoint, offer.zdr, yes_no_fact),
    PICK(ENDPOINT, "quantization", CHOICE, conf_endpoint, offer.quantization, quantizations),
    ROW(ENDPOINT, "region", STR, conf_endpoint, offer.region),
    NUM(ENDPOINT, "weight", COUNT16, conf_endpoint, offer.weight, 0, 1, UINT16_MAX),
    ROW(KEY, "key", CLIENT, conf_key, hash),
    PICK(KEY, "disabled", BOOL, conf_key, disabled, yes_no),
    ROW(KEY, "expires_at", TIME, conf_key, expires_at),
    PAIR(KEY, "models", LIST, conf_key, models, num_models),
    PAIR(KEY, "providers", LIST, conf_key, providers, num_providers),
    ROW(KEY, "max_cost_per_request", MONEY, conf_key, max_cost_pico_usd),
    NUM(KEY, "max_tokens_per_request", COUNT64, conf_key, max_tokens, 0, 1, TOKENS),
    LIMITS_OF(KEY, conf_key, limits),
    PICK(KEY, "role", BOOL, conf_key, management, roles),
    PAIR(KEY, "tags", LIST, conf_key, tags, num_tags),
    ROW(KEY, "preset", TEXT, conf_key, preset),
    ROW(PRESET, "model", TEXT, conf_preset, model),
    ROW(PRESET, "models", NAMES, conf_preset, models),
    ROW(PRESET, "provider", PREFS, conf_preset, provider),
    ROW(PRESET, "system", TEXT, conf_preset, system),
    ROW(PRESET, "parameters", OBJECT, conf_preset, parameters),
    PAIR(APP, "match", LIST, conf_scope, match, num_match),
    LIMITS_OF(APP, conf_scope, limits),
    PAIR(USER, "match", LIST, conf_scope, match, num_match),
    LIMITS_OF(USER, conf_scope, limits),
};
const size_t conf_num_settings = sizeof conf_settings / sizeof conf_settings[0];
typedef char all_fit[sizeof conf_settings / sizeof conf_settings[0] <= MAX_SETTINGS ? 1 : -1];
