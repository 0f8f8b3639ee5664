#include "proxy/conf.h"

#include <bearssl.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/chain.h"
#include "proxy/clock.h"

/* >> the tables ------------------------------------------------------ */

typedef enum group {
    TOP,
    LIMITS,
    TIMEOUT,
    ORGANIZATION,
    PROVIDER,
    ENDPOINT,
    KEY,
    ALIASES,
    PRESET,
    APP,
    USER
} group;

/* The sections; `form` is how they are written, `needs` what a name is missing. */
static const struct {
    const char *word, *form, *needs;
} groups[] = {
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
enum { NUM_GROUPS = sizeof groups / sizeof groups[0] };

typedef enum type {
    LISTEN,     /* the top's list of addresses */
    TEXT,       /* const char * */
    STR,        /* or_str */
    SECRET,     /* one more of a provider's keys */
    MANAGEMENT, /* the hash of the management key */
    CLIENT,     /* the hash of a client's key */
    BOOL,       /* bool; the names are `choices` */
    CHOICE,     /* an enum; the names are `choices` */
    COUNT,      /* size_t */
    COUNT16,
    COUNT32,
    COUNT64,
    SIZE,     /* size_t of bytes */
    DURATION, /* uint32_t of milliseconds */
    INTERVAL, /* the same, or never: 0 */
    SYNC,     /* the same, or each: 0 */
    LIST,     /* const or_str *, and an unsigned at offset `second` */
    NAMES,    /* the same list, kept as a JSON array: or_str */
    OBJECT,   /* or_str: JSON that holds members of a request */
    PREFS,    /* or_str: JSON as the member `provider` */
    PARAMS,   /* uint32_t of or_param bits, and the bool at `second` */
    BITS,     /* uint16_t, any of `choices` */
    PER_MILLION, /* price in an or_price_list; `second` is its or_price_key */
    EACH,        /* the same, for one instead of a million */
    CEILING,     /* uint64_t pico-USD of one, given for a million */
    MONEY,       /* int64_t pico-USD */
    SHARE,       /* uint32_t parts per billion */
    TIME,        /* int64_t unix seconds */
    LATER        /* settled, but not in this version */
} type;

typedef struct choice {
    const char *name;
    unsigned    value;
} choice;

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
static const choice kinds[] = {{"openai", PROVIDER_OPENAI}, {"openrouter", PROVIDER_OPENROUTER},
                               {"ollama", PROVIDER_OLLAMA}, {"azure", PROVIDER_AZURE},
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

/* Every key there is. min and max are inclusive: bytes, milliseconds or a count. The README's
   table and examples/orproxy.conf repeat the defaults. */
typedef struct setting {
    group         group;
    const char   *key;
    type          type;
    size_t        offset, second;
    const choice *choices;
    uint64_t      standard, min, max;
} setting;

#define SECOND   1000u
#define MINUTE   (60u * SECOND)
#define DAY      (24u * 60u * MINUTE)
#define KIB      1024u
#define MIB      (1024u * KIB)
#define MILLION  1000000u
#define TOKENS   1000000000u /* the most that a limit in tokens may be */
#define DOLLARS  1000000u    /* the most that an amount or a price for a million may be */

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

static const setting settings[] = {
    ROW(TOP, "listen", LISTEN, conf, listen),
    ROW(TOP, "state", TEXT, conf, state),
    ROW(TOP, "catalog", TEXT, conf, catalog),
    ROW(TOP, "ca", TEXT, conf, ca),
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
    UNTIL_LATER(TOP, "on_unsupported"),
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
    PICK(PROVIDER, "kind", CHOICE, conf_provider, kind, kinds),
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
enum { NUM_SETTINGS = sizeof settings / sizeof settings[0] };

/* >> errors ---------------------------------------------------------- */

/* Where a setting comes from. */
typedef struct origin {
    const char *where;
    conf_error *e;
    unsigned    line;  /* of the file; 0: from elsewhere */
    unsigned   *given; /* file: the line in which this section gave each setting */
    bool        replaces; /* --set: what it says of a list stands instead of the file's */
} origin;

static bool fail(const origin *o, const char *format, ...)
{
    char   *text = o->e->text;
    size_t  size = sizeof o->e->text;
    va_list args;
    int     n = snprintf(text, size, "%s%s", o->where, o->where[0] != 0 ? ": " : "");
    if (n < 0 || (size_t)n >= size) return false;
    va_start(args, format);
    vsnprintf(text + n, size - (size_t)n, format, args);
    va_end(args);
    for (; *text != 0; text++) /* it may quote anything, and goes to a terminal */
        if ((unsigned char)*text < ' ' || *text == 0x7f) *text = '?';
    return false;
}

/* Edits (insert, delete, replace) from a to b; names longer than the row are far away. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[64];
    size_t   n = strlen(b);
    if (n >= sizeof row / sizeof row[0] || strlen(a) >= 2 * sizeof row / sizeof row[0])
        return UINT32_MAX;
    for (unsigned j = 0; j <= n; j++) row[j] = j;
    for (unsigned i = 1; *a != 0; a++, i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            unsigned best = diagonal + (*a != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

const char *conf_nearest(const char *name, const char *const *names, size_t num)
{
    const char *best = NULL;
    unsigned    least = (unsigned)strlen(name) / 3 + 2; /* farther is no help */
    for (size_t i = 0; i < num; i++) {
        unsigned d = distance(name, names[i]);
        if (d >= least) continue;
        least = d;
        best = names[i];
    }
    return best;
}

static bool unknown(const origin *o, const char *what, const char *name, const char *nearest)
{
    if (nearest != NULL)
        return fail(o, "unknown %s \"%s\": did you mean \"%s\"?", what, name, nearest);
    return fail(o, "unknown %s \"%s\"", what, name);
}

/* Append to a text of that size what fits. */
static void append(char *text, size_t size, const char *more)
{
    size_t n = strlen(text);
    snprintf(text + n, size - n, "%s", more);
}

/* >> memory ---------------------------------------------------------- */

/* Texts live in the arena, whose blocks are wiped before they are given back; the arrays that
   grow live in blocks of their own. */
struct conf_kept {
    or_arena arena;
    unsigned max_endpoints, max_keys, max_presets, max_aliases, max_apps, max_users; /* room there
                                                                                      is */
    bool     listen_replaced;      /* by --set */
    bool     has_ceiling_prompt, has_ceiling_completion;
    bool     sync_given; /* ledger_sync */
    conf_place fixed[NUM_GROUPS]; /* of sections that are there once */
};

static void *block_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void block_free(void *user, void *ptr, size_t size)
{
    (void)user;
    or_wipe(ptr, size);
    free(ptr);
}

static const or_allocator blocks = {block_alloc, block_free, NULL};

/* Zeroed memory that lives as long as the conf; NULL with the error filled. */
static void *room(conf *c, size_t size, const origin *o)
{
    void *p = or_arena_alloc(&c->kept->arena, size);
    if (p == NULL) fail(o, "out of memory");
    return p == NULL ? NULL : memset(p, 0, size);
}

static char *keep(conf *c, or_str text, const origin *o)
{
    char *p = room(c, text.len + 1, o);
    if (p != NULL && text.len > 0) memcpy(p, text.ptr, text.len);
    return p;
}

static bool keep_text(conf *c, const char *value, const char **out, const origin *o)
{
    const char *p = keep(c, or_str_z(value), o);
    if (p != NULL) *out = p;
    return p != NULL;
}

static bool keep_str(conf *c, or_str value, or_str *out, const origin *o)
{
    const char *p = keep(c, value, o);
    if (p != NULL) *out = or_str_of(p, value.len);
    return p != NULL;
}

/* The array with room for one more; NULL with the error filled. */
static void *grow(const void *array, unsigned num, unsigned *max, size_t size, const char *what,
                  const origin *o)
{
    void *a = (void *)(uintptr_t)array;
    if (num == CONF_MAX_SECTIONS) {
        fail(o, "more than %d %s", CONF_MAX_SECTIONS, what);
        return NULL;
    }
    if (num == *max) {
        unsigned more = *max == 0 ? 4 : *max * 2;
        a = realloc(a, more * size);
        if (a == NULL) {
            fail(o, "out of memory");
            return NULL;
        }
        *max = more;
    }
    memset((char *)a + num * size, 0, size);
    return a;
}

conf *conf_new(void)
{
    conf             *c = calloc(1, sizeof *c);
    struct conf_kept *k = calloc(1, sizeof *k);
    if (c == NULL || k == NULL) {
        free(c);
        free(k);
        return NULL;
    }
    or_arena_init_growing(&k->arena, NULL, 0, &blocks);
    c->kept = k;
    c->refs = 1;
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        const setting *s = &settings[i];
        char          *at = (char *)c + s->offset;
        if (s->group > TIMEOUT) continue;
        if (s->type == DURATION || s->type == INTERVAL)
            *(uint32_t *)(void *)at = (uint32_t)s->standard;
        if (s->type == SIZE || s->type == COUNT) *(size_t *)(void *)at = (size_t)s->standard;
        if (s->type == COUNT32) *(uint32_t *)(void *)at = (uint32_t)s->standard;
    }
    c->organization.limit_pico_usd = -1;
    return c;
}

conf *conf_hold(conf *c)
{
    c->refs++;
    return c;
}

static void free_array(const void *array)
{
    free((void *)(uintptr_t)array);
}

void conf_drop(conf *c)
{
    if (c == NULL || --c->refs > 0) return;
    or_arena_reset(&c->kept->arena);
    free(c->kept);
    free_array(c->endpoints);
    free_array(c->keys);
    free_array(c->presets);
    free_array(c->aliases);
    free_array(c->apps);
    free_array(c->users);
    free(c);
}

static conf *in_force;

const conf *conf_now(void)
{
    return in_force;
}

void conf_use(conf *c)
{
    conf *old = in_force;
    in_force = c == NULL ? NULL : conf_hold(c);
    conf_drop(old);
}

/* >> values ---------------------------------------------------------- */

/* Bytes of the UTF-8 character at p, with end behind the text; 0: there is none.
   Source: RFC 3629. */
static size_t utf8_length(const unsigned char *p, const unsigned char *end)
{
    size_t n = *p < 0x80 ? 1 : *p < 0xC2 ? 0 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : *p < 0xF5 ? 4 : 0;
    if (n == 0 || (size_t)(end - p) < n) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F)) return 0;
    if ((*p == 0xF0 && p[1] < 0x90) || (*p == 0xF4 && p[1] > 0x8F)) return 0;
    return n;
}

/* Settings go into header fields, JSON and terminals: only clean text comes in. */
static bool check_text(or_str text, const origin *o)
{
    const unsigned char *p = (const unsigned char *)text.ptr, *end = p + text.len;
    for (size_t n; p < end; p += n) {
        if ((*p < ' ' && *p != '\t') || *p == 0x7f)
            return fail(o, "a control character (byte 0x%02x): this should be UTF-8 text", *p);
        n = utf8_length(p, end);
        if (n == 0) return fail(o, "byte 0x%02x is not UTF-8 text", *p);
    }
    return true;
}

/* Digits, then one of the units; the result must be within the setting's limits. */
static bool read_number(const setting *s, const char *value, uint64_t *out)
{
    static const struct {
        type        type;
        const char *unit;
        uint64_t    factor;
    } units[] = {
        {COUNT, "", 1},         {SIZE, "", 1},      {SIZE, "k", KIB},
        {SIZE, "M", MIB},       {SIZE, "G", 1024ull * MIB},
        {DURATION, "ms", 1},    {DURATION, "s", SECOND}, {DURATION, "m", MINUTE},
        {DURATION, "h", 60 * MINUTE}, {DURATION, "d", DAY},
    };
    type     of = s->type == SIZE || s->type == DURATION ? s->type
                : s->type == INTERVAL || s->type == SYNC ? DURATION : COUNT;
    size_t   digits = strspn(value, "0123456789");
    uint64_t n;
    if (or_u64_read(or_str_of(value, digits), &n) != OR_OK) return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (units[i].type != of || strcmp(units[i].unit, value + digits) != 0) continue;
        return or_mul_u64(n, units[i].factor, out) && *out >= s->min && *out <= s->max;
    }
    return false;
}

static bool is_never(const char *value)
{
    static const char *const words[] = {"0", "0s", "0ms", "0m", "0h", "0d", "never", "off", "no"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(value, words[i]) == 0) return true;
    return false;
}

static bool set_number(const setting *s, void *at, const char *value, const origin *o)
{
    unsigned long long min = s->min, max = s->max;
    uint64_t           n = 0;
    bool               never = (s->type == INTERVAL && is_never(value)) ||
                 (s->type == SYNC && strcmp(value, "each") == 0);
    if (!never && !read_number(s, value, &n)) {
        if (s->type == SIZE)
            return fail(o, "%s is \"%s\": use a size such as 512k or 20M, from %llu to %llu bytes",
                        s->key, value, min, max);
        if (s->type == DURATION)
            return fail(o, "%s is \"%s\": use a duration such as 500ms, 30s or 5m, up to 1d",
                        s->key, value);
        if (s->type == INTERVAL)
            return fail(o, "%s is \"%s\": use a duration such as 30m or 1h, up to 1d, or never",
                        s->key, value);
        if (s->type == SYNC)
            return fail(o, "%s is \"%s\": use each, or a duration such as 5s or 15m, up to 1d",
                        s->key, value);
        return fail(o, "%s is \"%s\": use a number from %llu to %llu", s->key, value, min, max);
    }
    switch (s->type) {
    case COUNT16: *(uint16_t *)at = (uint16_t)n; break;
    case COUNT64: *(uint64_t *)at = n; break;
    case COUNT:
    case SIZE: *(size_t *)at = (size_t)n; break;
    default: *(uint32_t *)at = (uint32_t)n; break;
    }
    return true;
}

/* The choice of that name; NULL. */
static const choice *find_choice(const choice *choices, or_str name)
{
    for (int ends = 0; ends < 2; choices++) {
        if (choices->name == NULL) ends++;
        else if (or_str_eq(or_str_z(choices->name), name)) return choices;
    }
    return NULL;
}

/* "a, b or c" */
static void list_choices(const choice *choices, char *text, size_t size)
{
    text[0] = 0;
    for (size_t i = 0; choices[i].name != NULL; i++) {
        if (i > 0) append(text, size, choices[i + 1].name == NULL ? " or " : ", ");
        append(text, size, choices[i].name);
    }
}

static bool set_choice(const setting *s, void *at, const char *value, const origin *o)
{
    const choice *found = find_choice(s->choices, or_str_z(value));
    char          all[160];
    if (found != NULL && s->type == BOOL) {
        *(bool *)at = found->value != 0;
        return true;
    }
    if (found != NULL) { /* all enums here have the size of an unsigned: see the check below */
        memcpy(at, &found->value, sizeof found->value);
        return true;
    }
    if (s->choices == kinds && (strcmp(value, "anthropic") == 0 || strcmp(value, "gemini") == 0))
        return fail(o, "kind \"%s\" is not in this version: it speaks through its "
                       "OpenAI-compatible address, kind = openai and base_url = %s", value,
                    provider_find(value[0] == 'a' ? "anthropic" : "google")->base_url);
    list_choices(s->choices, all, sizeof all);
    return fail(o, "%s is \"%s\": use %s", s->key, value, all);
}

typedef char enums_are_unsigned[sizeof(or_tri) == sizeof(unsigned) &&
                                sizeof(or_quantization) == sizeof(unsigned) &&
                                sizeof(provider_kind) == sizeof(unsigned) &&
                                sizeof(or_window) == sizeof(unsigned) &&
                                sizeof(conf_unknown_price) == sizeof(unsigned) ? 1 : -1];

/* The next entry of a comma list, moved over; false with the error filled when it is empty. */
static bool next_entry(const char *key, const char **list, or_str *entry, const origin *o)
{
    size_t n = strcspn(*list, ",");
    *entry = or_str_trim(or_str_of(*list, n));
    *list += n + ((*list)[n] == ',');
    if (entry->len > 0) return true;
    return fail(o, "%s has an empty entry: write names with commas between, such as a, b", key);
}

static unsigned count_entries(const char *list)
{
    unsigned n = 1;
    for (; *list != 0; list++) n += *list == ',';
    return n;
}

static bool set_list(conf *c, const setting *s, char *object, const char *value, const origin *o)
{
    unsigned num = count_entries(value);
    if (num > CONF_MAX_LIST) return fail(o, "%s has more than %d entries", s->key, CONF_MAX_LIST);
    or_str *list = room(c, num * sizeof *list, o);
    if (list == NULL) return false;
    for (unsigned i = 0; i < num; i++) {
        or_str entry;
        if (!next_entry(s->key, &value, &entry, o) || !keep_str(c, entry, &list[i], o))
            return false;
    }
    *(const or_str **)(void *)(object + s->offset) = list;
    *(unsigned *)(void *)(object + s->second) = num;
    return true;
}

/* The list as a JSON array; false with the error filled. */
static bool write_names(const setting *s, or_buf *out, const char *value, const origin *o)
{
    or_json_writer w;
    unsigned       num = count_entries(value);
    if (num > CONF_MAX_LIST) return fail(o, "%s has more than %d entries", s->key, CONF_MAX_LIST);
    or_json_writer_init(&w, out);
    or_json_begin_array(&w);
    for (unsigned i = 0; i < num; i++) {
        or_str entry;
        if (!next_entry(s->key, &value, &entry, o)) return false;
        or_json_put_str(&w, entry);
    }
    or_json_end_array(&w);
    return or_json_writer_end(&w) == OR_OK || fail(o, "out of memory");
}

static bool set_names(conf *c, const setting *s, or_str *at, const char *value, const origin *o)
{
    or_buf out;
    or_buf_init_growing(&out, &blocks, SIZE_MAX);
    bool good = write_names(s, &out, value, o) && keep_str(c, or_buf_str(&out), at, o);
    or_buf_free(&out);
    return good;
}

/* The name in a buffer for conf_nearest. */
static const char *name_of(or_str name, char *buf, size_t size)
{
    snprintf(buf, size, "%.*s", (int)(name.len < size ? name.len : size - 1), name.ptr);
    return buf;
}

static bool set_params(const setting *s, char *object, const char *value, const origin *o)
{
    static const char *const names[] = {
#define X(name, json) json,
        OR_PARAMS(X)
#undef X
    };
    uint32_t all = 0;
    char     name[64];
    for (unsigned num = count_entries(value); num > 0; num--) {
        or_str   entry;
        uint32_t bit;
        if (!next_entry(s->key, &value, &entry, o)) return false;
        bit = or_param_bit(entry);
        if (bit == 0) {
            name_of(entry, name, sizeof name);
            return unknown(o, "parameter", name, conf_nearest(name, names, OR_PARAM_NUM));
        }
        all |= bit;
    }
    *(uint32_t *)(void *)(object + s->offset) = all;
    *(bool *)(object + s->second) = true;
    return true;
}

static bool set_bits(const setting *s, uint16_t *at, const char *value, const origin *o)
{
    unsigned bits = 0;
    char     name[64], all[160];
    for (unsigned num = count_entries(value); num > 0; num--) {
        or_str        entry;
        const choice *found;
        if (!next_entry(s->key, &value, &entry, o)) return false;
        found = find_choice(s->choices, entry);
        if (found == NULL) {
            list_choices(s->choices, all, sizeof all);
            return fail(o, "%s has \"%s\": use %s", s->key, name_of(entry, name, sizeof name),
                        all);
        }
        bits |= found->value;
    }
    *at = (uint16_t)bits;
    return true;
}

/* An amount of at most DOLLARS, exactly, in units of 10^-scale. */
static bool read_amount(const char *value, unsigned scale, int64_t *out)
{
    int64_t max = DOLLARS;
    for (unsigned i = 0; i < scale; i++) max *= 10;
    return or_decimal_read(or_str_z(value), scale, out) == OR_OK && *out >= 0 && *out <= max;
}

/* USD for a million tokens are millionths of a USD, 1e6 pico-USD, for one. */
static bool read_per_million(const setting *s, const char *value, int64_t *pico, const origin *o)
{
    if (read_amount(value, 6, pico)) return true;
    return fail(o, "%s is \"%s\": use USD for a million tokens, such as 0.59, with at most 6 "
                   "decimals, up to %u", s->key, value, DOLLARS);
}

static bool read_dollars(const setting *s, const char *value, int64_t *pico, const origin *o)
{
    if (read_amount(value, 12, pico)) return true;
    return fail(o, "%s is \"%s\": use USD, such as 0.05, with at most 12 decimals, up to %u",
                s->key, value, DOLLARS);
}

static bool set_money(conf *c, const setting *s, void *at, const char *value, const origin *o)
{
    int64_t n;
    if (s->type == SHARE) {
        if (or_decimal_read(or_str_z(value), 9, &n) != OR_OK || n < 0 || n > 1000000000)
            return fail(o, "%s is \"%s\": use a share from 0 to 1, such as 0.25", s->key, value);
        *(uint32_t *)at = (uint32_t)n;
        return true;
    }
    if (!(s->type == PER_MILLION || s->type == CEILING ? read_per_million(s, value, &n, o)
                                                       : read_dollars(s, value, &n, o)))
        return false;
    if (s->type == MONEY) {
        *(int64_t *)at = n;
    } else if (s->type == CEILING) {
        *(uint64_t *)at = (uint64_t)n;
        if (at == (void *)&c->ceiling_prompt) c->kept->has_ceiling_prompt = true;
        else c->kept->has_ceiling_completion = true;
    } else {
        or_price_set(at, (or_price_key)s->second, (uint64_t)n);
    }
    return true;
}

static bool set_time(const setting *s, int64_t *at, const char *value, const origin *o)
{
    int64_t t;
    if (!clock_read(or_str_z(value), &t) || t == 0) /* 0 says never */
        return fail(o, "%s is \"%s\": use a day or a time in UTC, such as 2027-01-31 or "
                       "2027-01-31T12:00:00Z", s->key, value);
    *at = t;
    return true;
}

/* >> JSON in settings ------------------------------------------------- */

/* A misspelt member would be passed over, and with it, say, a ban on data collection. */
static bool check_prefs_names(const setting *s, const or_json_doc *doc, or_arena *arena,
                              const origin *o)
{
    static const char *const names[] = {
        "order", "allow_fallbacks", "require_parameters", "data_collection", "zdr",
        "enforce_distillable_text", "only", "ignore", "quantizations", "sort",
        "preferred_min_throughput", "preferred_max_latency", "max_price"};
    enum { NUM = sizeof names / sizeof names[0] };
    for (int tok = or_json_first(doc, 0); tok >= 0; tok = or_json_next(doc, tok)) {
        or_str name;
        char   text[64];
        size_t i = 0;
        if (or_json_get_str(doc, tok, arena, &name) != OR_OK) return fail(o, "out of memory");
        while (i < NUM && !or_str_eq(or_str_z(names[i]), name)) i++;
        if (i < NUM) continue;
        name_of(name, text, sizeof text);
        const char *nearest = conf_nearest(text, names, NUM);
        return fail(o, "%s has an unknown member \"%s\"%s%s%s", s->key, text,
                    nearest ? ": did you mean \"" : "", nearest ? nearest : "",
                    nearest ? "\"?" : "");
    }
    return true;
}

/* A preset does not decide how a request is answered, nor what it says. */
static bool check_preset_names(const setting *s, const or_json_doc *doc, or_arena *arena,
                               const origin *o)
{
    static const char *const others[] = {"model", "models", "provider", "preset", "messages",
                                         "prompt", "input", "stream", "stream_options"};
    for (int tok = or_json_first(doc, 0); tok >= 0; tok = or_json_next(doc, tok)) {
        or_str name;
        if (or_json_get_str(doc, tok, arena, &name) != OR_OK) return fail(o, "out of memory");
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            if (or_str_eq(or_str_z(others[i]), name))
                return fail(o, "%s: \"%s\" cannot be among them%s", s->key, others[i],
                            i < 3 ? ": it has a line of its own here" : "");
    }
    return true;
}

/* What a member of the wrong type or size is called in errors. */
static bool bad_member(const setting *s, or_err err, const char *bad, const origin *o)
{
    if (bad == NULL || bad[0] == 0) return fail(o, "%s: %s", s->key, or_err_text(err));
    if (err == OR_ERR_RANGE)
        return fail(o, "%s: \"%s\" is negative or too large", s->key, bad);
    if (err == OR_ERR_TYPE) return fail(o, "%s: \"%s\" has the wrong type", s->key, bad);
    return fail(o, "%s: \"%s\": %s", s->key, bad, or_err_text(err));
}

/* The members by the readers that requests go through: what they take here, they take later. */
static bool check_members(const setting *s, or_str json, or_arena *arena, const origin *o)
{
    or_json_doc      doc;
    or_prefs         prefs;
    or_route_request request;
    const char      *bad = NULL;
    or_err           err = or_json_parse(&doc, json, 0, arena);
    if (err == OR_OK && s->type == OBJECT) {
        if (!check_preset_names(s, &doc, arena, o)) return false;
        err = or_route_request_read(&request, json, arena, &bad);
    } else if (err == OR_OK) {
        err = or_prefs_read(&doc, 0, arena, &prefs, &bad);
        if (err == OR_OK && !check_prefs_names(s, &doc, arena, o)) return false;
    }
    return err == OR_OK || bad_member(s, err, bad, o);
}

static bool set_json(conf *c, const setting *s, or_str *at, const char *value, const origin *o)
{
    or_arena scratch;
    or_str   json = or_str_z(value);
    size_t   wrong = 0;
    or_err   err = or_json_check(json, &wrong);
    bool     good;
    if (err != OR_OK)
        return fail(o, "%s is not JSON at byte %zu: %s", s->key, wrong + 1, or_err_text(err));
    if (value[0] != '{')
        return fail(o, "%s is not a JSON object: use {\"name\":value, ...}", s->key);
    or_arena_init_growing(&scratch, NULL, 0, &blocks);
    good = check_members(s, json, &scratch, o);
    or_arena_reset(&scratch);
    return good && keep_str(c, json, at, o);
}

/* >> secrets ---------------------------------------------------------- */

enum { MAX_SECRET = 4096 }; /* bytes, NUL included */

/* The first line of the file. */
static bool read_secret_file(const char *path, char line[MAX_SECRET], const origin *o)
{
    FILE *f = fopen(path, "r");
    if (f == NULL) return fail(o, "cannot read %s: %s", path, strerror(errno));
    setvbuf(f, NULL, _IONBF, 0); /* no copy of it stays behind in a buffer */
    errno = 0;
    bool read = fgets(line, MAX_SECRET, f) != NULL;
    int  error = ferror(f) ? errno : 0;
    fclose(f);
    if (error != 0) return fail(o, "cannot read %s: %s", path, strerror(error));
    if (!read) return fail(o, "%s is empty: it should hold the key", path);
    return true;
}

/* env:NAME or file:PATH, trimmed, into line. */
static bool read_secret(const char *value, char line[MAX_SECRET], const origin *o)
{
    if (strncmp(value, "env:", 4) == 0) {
        const char *secret = getenv(value + 4);
        if (secret == NULL || secret[0] == 0)
            return fail(o, "environment variable %s is not set", value + 4);
        if (snprintf(line, MAX_SECRET, "%s", secret) >= MAX_SECRET) line[MAX_SECRET - 2] = 'x';
    } else if (strncmp(value, "file:", 5) == 0) {
        if (!read_secret_file(value + 5, line, o)) return false;
    } else {
        return fail(o, "a key is not written here: use env:NAME or file:PATH");
    }
    if (strlen(line) == MAX_SECRET - 1 && line[MAX_SECRET - 2] != '\n')
        return fail(o, "the key in %s is longer than %d bytes", value, MAX_SECRET - 2);
    line[strcspn(line, "\r\n")] = 0;
    size_t n = strlen(line);
    while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t')) line[--n] = 0;
    bool good = n > 0;
    for (size_t i = 0; i < n; i++) /* it goes into a header line */
        if ((unsigned char)line[i] <= ' ' || (unsigned char)line[i] >= 0x7f) good = false;
    return good || fail(o, "the key in %s is empty, has spaces or is not ASCII", value);
}

static bool add_secret(conf *c, conf_provider *p, const char *secret, const origin *o)
{
    if (o->replaces && !p->keys_replaced) p->num_keys = 0;
    p->keys_replaced |= o->replaces;
    if (p->num_keys == CONF_MAX_SECRETS)
        return fail(o, "more than %d keys for one provider", CONF_MAX_SECRETS);
    if (!keep_text(c, secret, &p->keys[p->num_keys], o)) return false;
    p->num_keys++;
    return true;
}

/* Clients' keys are kept as hashes: what is not here cannot leak. */
static void hash_secret(const char *secret, uint8_t hash[32])
{
    br_sha256_context sha;
    br_sha256_init(&sha);
    br_sha256_update(&sha, secret, strlen(secret));
    br_sha256_out(&sha, hash);
    or_wipe(&sha, sizeof sha);
}

void conf_label(or_str secret, char label[CONF_MAX_LABEL])
{
    const char *p = secret.ptr;
    size_t      n = secret.len;
    if (n >= 32) /* what is shown of a short one would be too much of it */
        snprintf(label, CONF_MAX_LABEL, "%.12s...%.3s", p, p + n - 3);
    else
        snprintf(label, CONF_MAX_LABEL, "...");
}

static bool set_secret(conf *c, const setting *s, void *object, const char *value,
                       const origin *o)
{
    char line[MAX_SECRET];
    bool good = read_secret(value, line, o);
    if (good && s->type == SECRET) good = add_secret(c, object, line, o);
    if (good && s->type == CLIENT) {
        conf_key *k = object;
        hash_secret(line, k->hash);
        chain_hash_text(or_str_z(line), k->id);
        conf_label(or_str_z(line), k->label);
        k->has_hash = true;
    }
    if (good && s->type == MANAGEMENT) {
        hash_secret(line, c->management_hash);
        c->has_management_key = true;
    }
    or_wipe(line, sizeof line);
    return good;
}

static bool add_listen(conf *c, const char *value, const origin *o)
{
    if (o->replaces && !c->kept->listen_replaced) c->num_listen = 0;
    c->kept->listen_replaced |= o->replaces;
    if (c->num_listen == CONF_MAX_LISTEN)
        return fail(o, "more than %d listen addresses", CONF_MAX_LISTEN);
    if (!keep_text(c, value, &c->listen[c->num_listen], o)) return false;
    c->num_listen++;
    return true;
}

/* >> sections --------------------------------------------------------- */

/* A section's name in parts. */
typedef struct place {
    group  group;
    char   name[CONF_MAX_NAME + 1];
    or_str model; /* of an endpoint */
} place;

/* The next word of the text. */
static or_str next_word(const char **text)
{
    *text += strspn(*text, " \t");
    size_t n = strcspn(*text, " \t");
    *text += n;
    return or_str_of(*text - n, n);
}

static bool find_group(place *p, or_str word, const origin *o)
{
    const char *names[NUM_GROUPS], *nearest;
    char        text[64];
    for (unsigned i = 0; i < NUM_GROUPS; i++) {
        p->group = (group)i;
        if (or_str_eq(word, or_str_z(groups[i].word))) return true;
        names[i] = groups[i].word;
    }
    nearest = conf_nearest(name_of(word, text, sizeof text), names + 1, NUM_GROUPS - 1);
    for (unsigned i = 1; i < NUM_GROUPS && nearest != NULL; i++)
        if (names[i] == nearest) return unknown(o, "section", text, groups[i].form);
    return unknown(o, "section", text, NULL);
}

/* Names go into paths, headers and logs. */
static bool read_name(place *p, or_str word, const origin *o)
{
    char text[80];
    bool lower = p->group == PROVIDER || p->group == ENDPOINT;
    bool good = word.len <= CONF_MAX_NAME;
    for (size_t i = 0; good && i < word.len; i++) {
        unsigned char ch = (unsigned char)word.ptr[i];
        good = isalnum(ch) || ch == '-' || ch == '_' || ch == '.';
        p->name[i] = (char)(lower ? tolower(ch) : ch);
    }
    if (!good)
        return fail(o, "\"%s\" is not a name: use up to %d letters, digits and - _ .",
                    name_of(word, text, sizeof text), CONF_MAX_NAME);
    p->name[word.len] = 0;
    return true;
}

static bool read_place(place *p, const char *section, const origin *o)
{
    memset(p, 0, sizeof *p);
    if (!find_group(p, next_word(&section), o)) return false;
    or_str name = next_word(&section), model = {0};
    if (p->group == ENDPOINT) model = next_word(&section);
    if (groups[p->group].needs != NULL &&
        (name.len == 0 || (p->group == ENDPOINT && model.len == 0)))
        return fail(o, "%s: [%s]", groups[p->group].needs, groups[p->group].form);
    if (next_word(&section).len > 0 || (groups[p->group].needs == NULL && name.len > 0))
        return fail(o, "too many words: use [%s]", groups[p->group].form);
    if (model.len > CONF_MAX_MODEL)
        return fail(o, "a model's name of more than %d bytes", CONF_MAX_MODEL);
    p->model = model;
    return name.len == 0 || read_name(p, name, o);
}

static conf_provider *find_provider(conf *c, const char *name)
{
    for (unsigned i = 0; i < c->num_providers; i++)
        if (strcmp(c->providers[i].name, name) == 0) return &c->providers[i];
    return NULL;
}

static conf_provider *make_provider(conf *c, const place *p, const origin *o)
{
    if (c->num_providers == CONF_MAX_PROVIDERS) {
        fail(o, "more than %d providers", CONF_MAX_PROVIDERS);
        return NULL;
    }
    conf_provider *made = &c->providers[c->num_providers];
    memset(made, 0, sizeof *made);
    if (!keep_text(c, p->name, &made->name, o)) return NULL;
    made->facts = provider_find(made->name);
    made->kind = made->facts->kind;
    made->list = true;
    c->num_providers++;
    return made;
}

/* The last one first: lines of one section follow each other. */
static conf_endpoint *find_endpoint(const conf *c, const place *p)
{
    for (unsigned i = c->num_endpoints; i-- > 0;) {
        const or_endpoint *e = &c->endpoints[i].offer;
        if (or_str_eq(e->model, p->model) && or_str_eq(e->provider, or_str_z(p->name)))
            return (conf_endpoint *)(uintptr_t)&c->endpoints[i];
    }
    return NULL;
}

static conf_endpoint *make_endpoint(conf *c, const place *p, const origin *o)
{
    conf_endpoint *all = grow(c->endpoints, c->num_endpoints, &c->kept->max_endpoints, sizeof *all,
                              "endpoints", o);
    if (all == NULL) return NULL;
    c->endpoints = all;
    conf_endpoint *made = &all[c->num_endpoints];
    if (!keep_str(c, p->model, &made->offer.model, o) ||
        !keep_str(c, or_str_z(p->name), &made->offer.provider, o))
        return NULL;
    c->num_endpoints++;
    return made;
}

static conf_key *find_key(const conf *c, const char *name)
{
    for (unsigned i = c->num_keys; i-- > 0;)
        if (strcmp(c->keys[i].name, name) == 0) return (conf_key *)(uintptr_t)&c->keys[i];
    return NULL;
}

static conf_key *make_key(conf *c, const place *p, const origin *o)
{
    conf_key *all = grow(c->keys, c->num_keys, &c->kept->max_keys, sizeof *all, "keys", o);
    if (all == NULL) return NULL;
    c->keys = all;
    all[c->num_keys].max_cost_pico_usd = all[c->num_keys].limits.limit_pico_usd = -1;
    if (!keep_text(c, p->name, &all[c->num_keys].name, o)) return NULL;
    return &all[c->num_keys++];
}

const conf_preset *conf_find_preset(const conf *c, or_str name)
{
    for (unsigned i = c->num_presets; i-- > 0;)
        if (or_str_eq(or_str_z(c->presets[i].name), name)) return &c->presets[i];
    return NULL;
}

static conf_preset *make_preset(conf *c, const place *p, const origin *o)
{
    conf_preset *all =
        grow(c->presets, c->num_presets, &c->kept->max_presets, sizeof *all, "presets", o);
    if (all == NULL) return NULL;
    c->presets = all;
    if (!keep_text(c, p->name, &all[c->num_presets].name, o)) return NULL;
    return &all[c->num_presets++];
}

/* An [app NAME] or a [user NAME]. */
static conf_scope *enter_scope(const conf_scope **list, unsigned *num, unsigned *max, conf *c,
                               const place *p, const origin *o)
{
    conf_scope *all = (conf_scope *)(uintptr_t)*list;
    for (unsigned i = 0; i < *num; i++)
        if (strcmp(all[i].name, p->name) == 0) return &all[i];
    all = grow(all, *num, max, sizeof *all, "sections", o);
    if (all == NULL) return NULL;
    *list = all;
    all[*num].limits.limit_pico_usd = -1;
    if (!keep_text(c, p->name, &all[*num].name, o)) return NULL;
    return &all[(*num)++];
}

/* What the section's settings are stored in, made if need be, and where it was first given.
   NULL with the error filled. */
static void *object_of(conf *c, const place *p, conf_place **given, const origin *o)
{
    conf_provider *provider;
    conf_endpoint *endpoint;
    conf_key      *key;
    conf_preset   *preset;
    conf_scope    *scope;
    switch (p->group) {
    case APP:
        scope = enter_scope(&c->apps, &c->num_apps, &c->kept->max_apps, c, p, o);
        if (scope != NULL) *given = &scope->place;
        return scope;
    case USER:
        scope = enter_scope(&c->users, &c->num_users, &c->kept->max_users, c, p, o);
        if (scope != NULL) *given = &scope->place;
        return scope;
    case PROVIDER:
        provider = find_provider(c, p->name);
        if (provider == NULL && (provider = make_provider(c, p, o)) == NULL) return NULL;
        *given = &provider->place;
        return provider;
    case ENDPOINT:
        endpoint = find_endpoint(c, p);
        if (endpoint == NULL && (endpoint = make_endpoint(c, p, o)) == NULL) return NULL;
        *given = &endpoint->place;
        return endpoint;
    case KEY:
        key = find_key(c, p->name);
        if (key == NULL && (key = make_key(c, p, o)) == NULL) return NULL;
        *given = &key->place;
        return key;
    case PRESET:
        preset = (conf_preset *)(uintptr_t)conf_find_preset(c, or_str_z(p->name));
        if (preset == NULL && (preset = make_preset(c, p, o)) == NULL) return NULL;
        *given = &preset->place;
        return preset;
    default: *given = &c->kept->fixed[p->group]; return c;
    }
}

/* The object of that section; its place is noted. */
static void *enter(conf *c, const char *section, place *p, conf_place **given, const origin *o)
{
    if (!read_place(p, section, o)) return NULL;
    void *object = object_of(c, p, given, o);
    if (object == NULL) return NULL;
    if ((*given)->where == NULL && !keep_text(c, o->where, &(*given)->where, o)) return NULL;
    return object;
}

/* A [section] line of a file. */
static bool begin_section(conf *c, const char *section, const origin *o)
{
    place       p;
    conf_place *given;
    if (section[0] == 0) return fail(o, "a section needs a name, such as [limits]");
    if (enter(c, section, &p, &given, o) == NULL) return false;
    if (given->line != 0)
        return fail(o, "section [%s] was given in line %u already", section, given->line);
    given->line = o->line;
    return true;
}

/* >> one setting ------------------------------------------------------ */

/* The key in the wrong section: say in which ones it would be right. */
static bool misplaced(const char *key, const origin *o)
{
    char all[160] = "";
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        if (strcmp(settings[i].key, key) != 0 || settings[i].type == LATER) continue;
        append(all, sizeof all, all[0] != 0 ? " or " : "");
        append(all, sizeof all, settings[i].group == TOP ? "the top, above all sections" : "[");
        append(all, sizeof all, groups[settings[i].group].form);
        append(all, sizeof all, settings[i].group == TOP ? "" : "]");
    }
    if (all[0] != 0) fail(o, "unknown key \"%s\" here: it belongs under %s", key, all);
    return all[0] != 0;
}

/* The setting of that key; NULL with the error filled. */
static const setting *find(group g, const char *key, const origin *o)
{
    const char *names[NUM_SETTINGS];
    size_t      num = 0;
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        if (settings[i].group != g) continue;
        if (strcmp(settings[i].key, key) == 0) return &settings[i];
        if (settings[i].type != LATER) names[num++] = settings[i].key;
    }
    if (!misplaced(key, o)) unknown(o, "key", key, conf_nearest(key, names, num));
    return NULL;
}

/* In a file each key stands once in its section, but for those of which there may be several. */
static bool note_line(const setting *s, const origin *o)
{
    if (o->given == NULL || s->type == LISTEN || s->type == SECRET) return true;
    unsigned *line = &o->given[s - settings];
    if (*line != 0) return fail(o, "%s was given in line %u already", s->key, *line);
    *line = o->line;
    return true;
}

static bool set_key(conf *c, void *object, const setting *s, const char *value, const origin *o)
{
    void *at = (char *)object + s->offset;
    switch (s->type) {
    case LISTEN: return add_listen(c, value, o);
    case TEXT: return keep_text(c, value, at, o);
    case STR: return keep_str(c, or_str_z(value), at, o);
    case SECRET:
    case MANAGEMENT:
    case CLIENT: return set_secret(c, s, object, value, o);
    case BOOL:
    case CHOICE: return set_choice(s, at, value, o);
    case COUNT:
    case COUNT16:
    case COUNT32:
    case COUNT64:
    case SIZE:
    case DURATION:
    case INTERVAL:
    case SYNC: return set_number(s, at, value, o);
    case LIST: return set_list(c, s, object, value, o);
    case NAMES: return set_names(c, s, at, value, o);
    case OBJECT:
    case PREFS: return set_json(c, s, at, value, o);
    case PARAMS: return set_params(s, object, value, o);
    case BITS: return set_bits(s, at, value, o);
    case PER_MILLION:
    case EACH:
    case CEILING:
    case MONEY:
    case SHARE: return set_money(c, s, at, value, o);
    case TIME: return set_time(s, at, value, o);
    case LATER: break;
    }
    return fail(o, "%s: this version does not do that yet: remove the line", s->key);
}

static bool set_alias(conf *c, const char *name, const char *model, const origin *o)
{
    or_alias *all = (or_alias *)(uintptr_t)c->aliases;
    unsigned  i = 0;
    if (strcmp(name, model) == 0) return fail(o, "alias \"%s\" stands for itself", name);
    while (i < c->num_aliases && !or_str_eq(all[i].name, or_str_z(name))) i++;
    if (i < c->num_aliases && o->given != NULL) return fail(o, "alias \"%s\" is given twice", name);
    if (i < c->num_aliases) return keep_str(c, or_str_z(model), &all[i].model, o);
    all = grow(all, c->num_aliases, &c->kept->max_aliases, sizeof *all, "aliases", o);
    if (all == NULL) return false;
    c->aliases = all;
    if (!keep_str(c, or_str_z(name), &all[i].name, o) ||
        !keep_str(c, or_str_z(model), &all[i].model, o))
        return false;
    c->num_aliases++;
    return true;
}

static bool set_value(conf *c, const char *section, const char *key, const char *value,
                      const origin *o)
{
    place          p;
    conf_place    *given;
    const setting *s = NULL;
    if (!check_text(or_str_z(section), o) || !check_text(or_str_z(key), o) ||
        !check_text(or_str_z(value), o) || !read_place(&p, section, o))
        return false;
    if (p.group != ALIASES && (s = find(p.group, key, o)) == NULL) return false;
    if (key[0] == 0) return fail(o, "a name is missing in front of the =");
    if (value[0] == 0) return fail(o, "%s has no value", key);
    void *object = enter(c, section, &p, &given, o);
    if (object == NULL) return false;
    if (s == NULL) return set_alias(c, key, value, o);
    if (s->type == SYNC) c->kept->sync_given = true;
    return note_line(s, o) && set_key(c, object, s, value, o);
}

bool conf_set_value(conf *c, const char *section, const char *key, const char *value,
                    const char *where, conf_error *e)
{
    const origin o = {where, e, 0, NULL, false};
    return set_value(c, section, key, value, &o);
}

bool conf_set(conf *c, const char *assignment, conf_error *e)
{
    char         name[CONF_MAX_NAME + CONF_MAX_MODEL + 64], where[sizeof name + 8];
    const char  *equals = strchr(assignment, '=');
    const origin command = {"--set", e, 0, NULL, true};
    if (equals == NULL || (size_t)(equals - assignment) >= sizeof name)
        return fail(&command, "\"%s\" is not section.key=value", assignment);
    memcpy(name, assignment, (size_t)(equals - assignment));
    name[equals - assignment] = 0;
    snprintf(where, sizeof where, "--set %s", name);
    const origin o = {where, e, 0, NULL, true};
    /* The names of models have dots, those of settings have none; an alias is such a name. */
    char *dot = strncmp(name, "aliases.", 8) == 0 ? strchr(name, '.') : strrchr(name, '.');
    if (dot == NULL) return set_value(c, "", name, equals + 1, &o);
    *dot = 0;
    return set_value(c, name, dot + 1, equals + 1, &o);
}

/* >> files ------------------------------------------------------------ */

/* A file while it is read. */
typedef struct reader {
    conf    *c;
    FILE    *f;
    unsigned number;                 /* of the line */
    unsigned given[NUM_SETTINGS];    /* line of each key in this section */
    char     section[CONF_MAX_NAME + CONF_MAX_MODEL + 64];
    char     line[CONF_MAX_LINE];
} reader;

/* s without white space at its ends, in place. */
static char *strip(char *s)
{
    while (*s == ' ' || *s == '\t') s++;
    size_t n = strlen(s);
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t')) s[--n] = 0;
    return s;
}

/* Cut a comment off: '#' at the start or after white space. */
static void uncomment(char *line)
{
    for (char *p = line; *p != 0; p++)
        if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
            *p = 0;
            return;
        }
}

/* The next line, without its end and the file's BOM; NULL at the end of the file, or with
   *good false and the error filled. */
static char *next_line(reader *r, bool *good, const origin *o)
{
    size_t n = 0;
    int    ch;
    while ((ch = getc(r->f)) != EOF && ch != '\n') {
        if (ch == 0) *good = fail(o, "a NUL byte: this should be UTF-8 text");
        else if (n == sizeof r->line - 1)
            *good = fail(o, "line is longer than %zu bytes", sizeof r->line - 1);
        if (!*good) return NULL;
        r->line[n++] = (char)ch;
    }
    if (ch == EOF && n == 0) return NULL;
    if (n > 0 && r->line[n - 1] == '\r') n--;
    r->line[n] = 0;
    return r->number == 1 && strncmp(r->line, "\xEF\xBB\xBF", 3) == 0 ? r->line + 3 : r->line;
}

static bool read_section(reader *r, char *line, const origin *o)
{
    size_t n = strlen(line);
    if (line[n - 1] != ']') return fail(o, "\"%s\" has no closing bracket", line);
    line[n - 1] = 0;
    line = strip(line + 1);
    if (strlen(line) >= sizeof r->section) return fail(o, "the section's name is too long");
    snprintf(r->section, sizeof r->section, "%s", line);
    memset(r->given, 0, sizeof r->given);
    return begin_section(r->c, line, o);
}

static bool read_line(reader *r, char *text, const origin *o)
{
    if (!check_text(or_str_z(text), o)) return false;
    uncomment(text);
    char *line = strip(text);
    if (line[0] == 0) return true;
    if (line[0] == '[') return read_section(r, line, o);
    char *equals = strchr(line, '=');
    if (equals == NULL) return fail(o, "\"%s\" is neither key = value nor [section]", line);
    *equals = 0;
    return set_value(r->c, r->section, strip(line), strip(equals + 1), o);
}

bool conf_read_file(conf *c, const char *path, conf_error *e)
{
    char         where[300];
    bool         good = true;
    const origin of_file = {path, e, 0, NULL, false};
    reader      *r = calloc(1, sizeof *r);
    if (r == NULL) return fail(&of_file, "out of memory");
    r->c = c;
    r->f = fopen(path, "r");
    if (r->f == NULL) good = fail(&of_file, "%s", strerror(errno));
    while (good) {
        snprintf(where, sizeof where, "%s:%u", path, ++r->number);
        const origin o = {where, e, r->number, r->given, false};
        char        *line = next_line(r, &good, &o);
        if (line == NULL) break;
        good = read_line(r, line, &o);
    }
    if (good && ferror(r->f)) good = fail(&of_file, "%s", strerror(errno));
    if (r->f != NULL) fclose(r->f);
    free(r);
    return good;
}

void conf_clear_providers(conf *c)
{
    c->num_providers = 0;
    c->num_endpoints = 0;
}

/* >> the whole -------------------------------------------------------- */

static origin at_place(const conf_place *p, conf_error *e)
{
    return (origin){p->where == NULL ? "" : p->where, e, 0, NULL, false};
}

static or_str host_of(const char *url)
{
    or_url u;
    return or_url_read(or_str_z(url), &u) == OR_OK ? u.authority : or_str_z(NULL);
}

/* How the provider deviates: its name says it, else its address, else its kind. */
static const provider_facts *facts_of(const conf_provider *p)
{
    unsigned              num;
    const provider_facts *rows = provider_rows(&num), *f = provider_find(p->name);
    if (f->name[0] != 0 && f->kind == p->kind) return f;
    for (unsigned i = 0; i < num && p->base_url != NULL; i++) {
        or_str host = host_of(p->base_url);
        if (rows[i].kind == p->kind && !rows[i].local && rows[i].base_url != NULL &&
            or_str_eq_nocase(host, host_of(rows[i].base_url)))
            return &rows[i];
    }
    for (const choice *k = kinds; k->name != NULL; k++)
        if (k->value == (unsigned)p->kind && p->kind != PROVIDER_OPENAI)
            return provider_find(k->name);
    return provider_find("");
}

static bool cut_end(or_str *text, const char *end)
{
    size_t n = strlen(end);
    if (text->len < n || memcmp(text->ptr + text->len - n, end, n) != 0) return false;
    text->len -= n;
    return true;
}

/* People copy addresses with a slash, or with the path of a request, at the end. */
static bool tidy_base_url(conf *c, conf_provider *p, const origin *o)
{
    or_str url = or_str_z(p->base_url), tidy = url;
    if (or_str_find(url, OR_STR("?"), 0) == url.len) {
        while (cut_end(&tidy, "/")) continue;
        if (cut_end(&tidy, "/chat/completions")) while (cut_end(&tidy, "/")) continue;
        if (p->kind == PROVIDER_OLLAMA && cut_end(&tidy, "/v1"))
            while (cut_end(&tidy, "/")) continue;
    }
    if (tidy.len == url.len) return true;
    p->base_url = keep(c, tidy, o);
    return p->base_url != NULL;
}

static bool check_base_url(const conf_provider *p, const origin *o)
{
    or_url url;
    if (or_url_read(or_str_z(p->base_url), &url) != OR_OK)
        return fail(o, "provider %s: \"%s\" is not an http or https URL: use e.g. "
                       "https://host/v1", p->name, p->base_url);
    if (url.query.ptr == NULL) return true;
    bool version = url.query.len > 12 && memcmp(url.query.ptr, "api-version=", 12) == 0;
    if (p->kind == PROVIDER_AZURE && version) return true;
    return fail(o, "provider %s: \"%s\" has a query: only ?api-version=... of kind azure can be "
                   "there", p->name, p->base_url);
}

static bool finish_provider(conf *c, conf_provider *p, conf_error *e)
{
    const origin o = at_place(&p->place, e);
    p->facts = facts_of(p);
    if (p->title == NULL)
        p->title = strcmp(p->facts->name, p->name) == 0 ? p->facts->title : p->name;
    if (p->kind == PROVIDER_DEMO) return true;
    if (p->base_url == NULL) p->base_url = p->facts->base_url;
    if (p->base_url == NULL && p->kind == PROVIDER_AZURE)
        return fail(&o, "provider %s has no base_url, e.g. "
                        "https://RESOURCE.openai.azure.com/openai/v1", p->name);
    if (p->base_url == NULL)
        return fail(&o, "provider %s has no base_url, e.g. https://host/v1", p->name);
    return tidy_base_url(c, p, &o) && check_base_url(p, &o);
}

static bool no_such_provider(const conf *c, const or_endpoint *offer, const origin *o)
{
    const char *names[CONF_MAX_PROVIDERS], *nearest;
    char        name[CONF_MAX_NAME + 1];
    for (unsigned i = 0; i < c->num_providers; i++) names[i] = c->providers[i].name;
    nearest = conf_nearest(name_of(offer->provider, name, sizeof name), names, c->num_providers);
    if (nearest != NULL)
        return fail(o, "endpoint \"%s\" of provider \"%s\", which is not configured: did you mean "
                       "\"%s\"?", offer->model.ptr, name, nearest);
    return fail(o, "endpoint \"%s\" of provider \"%s\", which is not configured: add [provider %s]",
                offer->model.ptr, name, name);
}

static bool finish_endpoint(conf *c, conf_endpoint *x, conf_error *e)
{
    const origin         o = at_place(&x->place, e);
    or_endpoint         *offer = &x->offer;
    const conf_provider *p = find_provider(c, offer->provider.ptr);
    if (p == NULL) return no_such_provider(c, offer, &o);
    offer->target = (uint16_t)(p - c->providers);
    offer->provider_name = or_str_z(p->title);
    if (offer->tag.ptr == NULL) offer->tag = offer->provider;
    if (offer->upstream_model.ptr == NULL) offer->upstream_model = offer->model;
    if (offer->region.ptr == NULL) offer->region = or_str_z(p->region);
    if (offer->weight == 0) offer->weight = p->weight;
    if (offer->quantization == OR_QUANT_UNKNOWN) offer->quantization = p->quantization;
    if (offer->collects_data == OR_UNKNOWN) offer->collects_data = p->collects_data;
    if (offer->zdr == OR_UNKNOWN) offer->zdr = p->zdr;
    return true;
}

/* Spending that was forgotten at a restart would be no limit. */
static bool check_limits(const conf *c, const conf_limits *l, const conf_place *p, const char *what,
                         const char *name, conf_error *e)
{
    const origin o = at_place(p, e);
    if (l->limit_pico_usd < 0 && l->limit_reset != OR_WINDOW_NONE)
        return fail(&o, "%s%s: limit_reset goes with a limit: add limit = USD", what, name);
    if (l->limit_pico_usd >= 0 && c->state == NULL)
        return fail(&o, "%s%s: limit needs a folder to keep what was spent over a restart: add "
                        "state = FOLDER at the top", what, name);
    return true;
}

static bool finish_scopes(conf *c, const conf_scope *list, unsigned num, const char *what,
                          conf_error *e)
{
    for (unsigned i = 0; i < num; i++) {
        conf_scope  *s = (conf_scope *)(uintptr_t)&list[i];
        const origin o = at_place(&s->place, e);
        if (!check_limits(c, &s->limits, &s->place, what, s->name, e)) return false;
        if (s->num_match > 0) continue;
        or_str *only = room(c, sizeof *only, &o);
        if (only == NULL) return false;
        *only = or_str_z(s->name);
        s->match = only;
        s->num_match = 1;
    }
    return true;
}

static bool check_ledger(conf *c, const origin *o)
{
    or_url url;
    if (c->ledger_totals && c->kept->sync_given && c->ledger_sync == 0)
        return fail(o, "ledger_sync = each goes with ledger = full: with totals give the time "
                       "between two lines, such as 15m");
    if (c->ledger_totals && c->ledger_sync == 0) c->ledger_sync = 15 * MINUTE;
    if (c->prepaid == OR_YES && c->state == NULL)
        return fail(o, "prepaid needs a folder to keep credits in: add state = FOLDER");
    if (c->alert_webhook != NULL && or_url_read(or_str_z(c->alert_webhook), &url) != OR_OK)
        return fail(o, "alert_webhook is \"%s\": use an http or https URL", c->alert_webhook);
    return check_limits(c, &c->organization, &c->kept->fixed[ORGANIZATION], "organization", "", o->e);
}

/* Two clients with one key could not be told apart, and a client with the management key would
   be no client. */
static bool check_key(const conf *c, unsigned i, conf_error *e)
{
    const conf_key *k = &c->keys[i];
    const origin    o = at_place(&k->place, e);
    if (!k->has_hash)
        return fail(&o, "key %s has no key: add key = env:NAME or file:PATH", k->name);
    if (!check_limits(c, &k->limits, &k->place, "key ", k->name, e)) return false;
    if (k->preset != NULL && conf_find_preset(c, or_str_z(k->preset)) == NULL)
        return fail(&o, "key %s: there is no [preset %s]", k->name, k->preset);
    if (c->has_management_key && memcmp(k->hash, c->management_hash, sizeof k->hash) == 0)
        return fail(&o, "key %s is the management_key: clients need one of their own", k->name);
    for (unsigned j = 0; j < i; j++)
        if (memcmp(k->hash, c->keys[j].hash, sizeof k->hash) == 0)
            return fail(&o, "keys %s and %s are the same secret: each client needs one of its own",
                        c->keys[j].name, k->name);
    return true;
}

bool conf_finish(conf *c, conf_error *e)
{
    const origin o = {"", e, 0, NULL, false};
    if (c->num_providers == 0)
        return fail(&o, "no provider: set OPENROUTER_API_KEY, give --upstream URL, or try --demo");
    if (c->num_listen == 0 && !add_listen(c, "127.0.0.1:8787", &o)) return false;
    for (unsigned i = 0; i < c->num_providers; i++)
        if (!finish_provider(c, &c->providers[i], e)) return false;
    for (unsigned i = 0; i < c->num_endpoints; i++)
        if (!finish_endpoint(c, (conf_endpoint *)(uintptr_t)&c->endpoints[i], e)) return false;
    for (unsigned i = 0; i < c->num_keys; i++)
        if (!check_key(c, i, e)) return false;
    if (!check_ledger(c, &o) || !finish_scopes(c, c->apps, c->num_apps, "app ", e) ||
        !finish_scopes(c, c->users, c->num_users, "user ", e))
        return false;
    if (c->unknown_price == CONF_PRICE_CEILING &&
        !(c->kept->has_ceiling_prompt && c->kept->has_ceiling_completion))
        return fail(&o, "unknown_price = ceiling needs price_ceiling_prompt and "
                        "price_ceiling_completion, in USD for a million tokens");
    return true;
}

bool conf_matches(or_str pattern, or_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0; /* after the last *: where it was retried */
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = ++p;
            from = t;
        } else if (p < pattern.len && or_str_eq_nocase(or_str_of(pattern.ptr + p, 1),
                                                       or_str_of(text.ptr + t, 1))) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*') p++;
    return p == pattern.len;
}
