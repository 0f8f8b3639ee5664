#include "proxy/keys.h"

#include <stdio.h>
#include <string.h>

#include "proxy/clock.h"
#include "proxy/mem.h"
#include "proxy/member.h"

enum { MAX_LIST = 64, MAX_DOLLARS = 1000000 };

static const char *const windows[] = {NULL, "daily", "weekly", "monthly"};

const char *keys_window_name(or_window w)
{
    return windows[w];
}

typedef enum type { NAME, BOOL, NOT, MONEY, WINDOW, TIME, COUNT32, COUNT64, LIST, TEXT } type;

typedef struct member {
    const char *name;
    type        type;
    size_t      offset, second; /* LIST: the unsigned that counts it */
} member;

#define LIMIT(n, t, f)                        \
    {                                         \
        n, t, offsetof(conf_key, limits.f), 0 \
    }
#define ROW(n, t, f)                   \
    {                                  \
        n, t, offsetof(conf_key, f), 0 \
    }
#define LISTED(n, f, c)                                       \
    {                                                         \
        n, LIST, offsetof(conf_key, f), offsetof(conf_key, c) \
    }

static const member members[] = {
    ROW("name", NAME, name),
    ROW("disabled", BOOL, disabled),
    LIMIT("limit", MONEY, limit_pico_usd),
    LIMIT("limit_reset", WINDOW, limit_reset),
    LIMIT("include_byok_in_limit", NOT, leave_byok_out),
    ROW("expires_at", TIME, expires_at),
    LIMIT("requests_per_minute", COUNT32, requests_per_minute),
    LIMIT("tokens_per_minute", COUNT32, tokens_per_minute),
    LIMIT("max_concurrent", COUNT32, max_concurrent),
    LIMIT("free_requests_per_day", COUNT32, free_requests_per_day),
    ROW("max_cost_per_request", MONEY, max_cost_pico_usd),
    ROW("max_tokens_per_request", COUNT64, max_tokens),
    LISTED("models", models, num_models),
    LISTED("providers", providers, num_providers),
    LISTED("tags", tags, num_tags),
    ROW("preset", TEXT, preset),
};
enum { NUM_MEMBERS = sizeof members / sizeof members[0] };

static bool is_limit(const member *m)
{
    return m->offset >= offsetof(conf_key, limits) &&
           m->offset < offsetof(conf_key, limits) + sizeof(conf_limits);
}

static bool fail(char *error, size_t size, const char *name, const char *what)
{
    snprintf(error, size, "%s: %s", name, what);
    return false;
}

/* ---- reading ---- */

typedef struct reader {
    const or_json_doc *doc;
    or_arena          *arena; /* texts */
    char              *error;
    size_t             error_size;
} reader;

static bool is_clean(or_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f) return false;
    return true;
}

/* A text that ends in a NUL. */
static bool read_text(reader *r, const char *name, int tok, or_str *out)
{
    or_str text;
    if (or_json_type_at(r->doc, tok) != OR_JSON_STRING)
        return fail(r->error, r->error_size, name, "use a string");
    if (or_json_get_str(r->doc, tok, r->arena, &text) != OR_OK)
        return fail(r->error, r->error_size, name, "it is too long, or not UTF-8");
    if (text.len == 0 || text.len > KEYS_MAX_NAME || !is_clean(text))
        return fail(r->error, r->error_size, name,
                    "use 1 to 128 bytes of text without control characters");
    char *copy = or_arena_alloc(r->arena, text.len + 1);
    if (copy == NULL) return fail(r->error, r->error_size, name, "no memory");
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    *out = or_str_of(copy, text.len);
    return true;
}

static bool read_list(reader *r, const member *m, conf_key *k, int tok)
{
    unsigned n = 0;
    if (or_json_type_at(r->doc, tok) != OR_JSON_ARRAY)
        return fail(r->error, r->error_size, m->name, "use an array of strings");
    or_str *list = or_arena_alloc(r->arena, MAX_LIST * sizeof *list);
    if (list == NULL) return fail(r->error, r->error_size, m->name, "no memory");
    for (int i = or_json_first(r->doc, tok); i >= 0; i = or_json_next(r->doc, i)) {
        if (n == MAX_LIST) return fail(r->error, r->error_size, m->name, "more than 64 entries");
        if (!read_text(r, m->name, i, &list[n++])) return false;
    }
    *(const or_str **)(void *)((char *)k + m->offset) = list;
    *(unsigned *)(void *)((char *)k + m->second) = n;
    return true;
}

/* The bytes of a string between its quotes. */
static or_str inside(const or_json_doc *doc, int tok)
{
    or_str raw = or_json_raw(doc, tok);
    return raw.len >= 2 && raw.ptr[0] == '"' ? or_str_of(raw.ptr + 1, raw.len - 2) : raw;
}

static bool read_window(reader *r, const member *m, void *at, int tok)
{
    or_str raw = inside(r->doc, tok);
    if (or_json_type_at(r->doc, tok) == OR_JSON_STRING)
        for (unsigned i = OR_WINDOW_DAILY; i <= OR_WINDOW_MONTHLY; i++)
            if (or_json_str_is_z(raw, windows[i])) {
                or_window w = (or_window)i;
                memcpy(at, &w, sizeof w);
                return true;
            }
    return fail(r->error, r->error_size, m->name, "use \"daily\", \"weekly\", \"monthly\" or null");
}

static bool read_money(reader *r, const member *m, void *at, int tok)
{
    int64_t n;
    or_str  text = or_json_raw(r->doc, tok);
    if (or_json_type_at(r->doc, tok) != OR_JSON_NUMBER || or_decimal_read(text, 12, &n) != OR_OK ||
        n < 0 || n > (int64_t)MAX_DOLLARS * 1000000000000)
        return fail(r->error, r->error_size, m->name,
                    "use USD as a number from 0 to 1000000 with at most 12 decimals, or null");
    memcpy(at, &n, sizeof n);
    return true;
}

static bool read_count(reader *r, const member *m, void *at, int tok)
{
    uint64_t n, max = m->type == COUNT32 ? 1000000000u : 1000000000000u;
    if (or_json_get_u64(r->doc, tok, &n) != OR_OK || n == 0 || n > max)
        return fail(r->error, r->error_size, m->name, "use a whole number from 1 on, or null");
    if (m->type == COUNT64)
        memcpy(at, &n, sizeof n);
    else
        *(uint32_t *)at = (uint32_t)n;
    return true;
}

static bool read_flag(reader *r, const member *m, void *at, int tok)
{
    bool b;
    if (or_json_get_bool(r->doc, tok, &b) != OR_OK)
        return fail(r->error, r->error_size, m->name, "use true or false");
    *(bool *)at = m->type == NOT ? !b : b;
    return true;
}

static bool read_time(reader *r, const member *m, void *at, int tok)
{
    or_str  text;
    int64_t t;
    if (or_json_type_at(r->doc, tok) != OR_JSON_STRING ||
        or_json_get_str(r->doc, tok, r->arena, &text) != OR_OK || !clock_read(text, &t) || t == 0)
        return fail(r->error, r->error_size, m->name,
                    "use a time in UTC with seconds, such as \"2026-12-31T23:59:59Z\", or null");
    memcpy(at, &t, sizeof t);
    return true;
}

/* null: the limit goes. */
static bool clear(reader *r, const member *m, conf_key *k)
{
    void   *at = (char *)k + m->offset;
    int64_t none = -1;
    switch (m->type) {
    case MONEY: memcpy(at, &none, sizeof none); return true;
    case WINDOW: memset(at, 0, sizeof(or_window)); return true;
    case TIME:
    case COUNT64: memset(at, 0, sizeof(int64_t)); return true;
    case COUNT32: memset(at, 0, sizeof(uint32_t)); return true;
    case TEXT: *(const char **)at = NULL; return true;
    case LIST: *(unsigned *)(void *)((char *)k + m->second) = 0; return true;
    default: return fail(r->error, r->error_size, m->name, "it cannot be null");
    }
}

static bool read_member(reader *r, const member *m, conf_key *k, int tok)
{
    void  *at = (char *)k + m->offset;
    or_str text;
    if (or_json_type_at(r->doc, tok) == OR_JSON_NULL) return clear(r, m, k);
    switch (m->type) {
    case NAME:
    case TEXT:
        if (!read_text(r, m->name, tok, &text)) return false;
        *(const char **)at = text.ptr;
        return true;
    case BOOL:
    case NOT: return read_flag(r, m, at, tok);
    case MONEY: return read_money(r, m, at, tok);
    case WINDOW: return read_window(r, m, at, tok);
    case TIME: return read_time(r, m, at, tok);
    case COUNT32:
    case COUNT64: return read_count(r, m, at, tok);
    case LIST: return read_list(r, m, k, tok);
    }
    return false;
}

static bool is_named(const char *const *names, or_str raw)
{
    for (; names != NULL && *names != NULL; names++)
        if (or_json_str_is_z(raw, *names)) return true;
    return false;
}

static const member *find(const or_json_doc *doc, int name)
{
    or_str raw = inside(doc, name);
    for (size_t i = 0; i < NUM_MEMBERS; i++)
        if (or_json_str_is_z(raw, members[i].name)) return &members[i];
    return NULL;
}

static bool read_all(reader *r, conf_key *k, int tok, const char *const *also, bool only_limits)
{
    char text[200];
    if (or_json_type_at(r->doc, tok) != OR_JSON_OBJECT) {
        snprintf(r->error, r->error_size, "use a JSON object");
        return false;
    }
    for (int i = or_json_first(r->doc, tok); i >= 0; i = or_json_next(r->doc, i)) {
        const member *m = find(r->doc, i);
        or_str        name = inside(r->doc, i);
        if (m == NULL && is_named(also, name)) continue;
        if (m == NULL || (only_limits && !is_limit(m))) {
            snprintf(text, sizeof text, "%.*s", (int)(name.len < 64 ? name.len : 64), name.ptr);
            return fail(r->error, r->error_size, text, "this member is not known here");
        }
        if (!read_member(r, m, k, i + 1)) return false;
    }
    if (k->limits.limit_pico_usd < 0) k->limits.limit_reset = OR_WINDOW_NONE;
    return true;
}

bool keys_read_limits(conf_limits *l, const or_json_doc *doc, int tok, char *error, size_t size)
{
    conf_key k;
    reader   r = {doc, NULL, error, size};
    memset(&k, 0, sizeof k);
    k.limits.limit_pico_usd = -1;
    if (!read_all(&r, &k, tok, NULL, true)) return false;
    *l = k.limits;
    return true;
}

/* ---- a block of its own ---- */

static char *keep(char **at, const char *text, size_t len)
{
    char *kept = *at;
    memcpy(kept, text, len);
    kept[len] = 0;
    *at += len + 1;
    return kept;
}

keys_rules *keys_copy(const conf_key *k)
{
    static const struct {
        size_t list, num;
    } lists[] = {
        {offsetof(conf_key, models), offsetof(conf_key, num_models)},
        {offsetof(conf_key, providers), offsetof(conf_key, num_providers)},
        {offsetof(conf_key, tags), offsetof(conf_key, num_tags)},
    };
    size_t size = sizeof(keys_rules) + strlen(k->name) + 1;
    if (k->preset != NULL) size += strlen(k->preset) + 1;
    for (size_t i = 0; i < 3; i++) {
        const or_str *list =
            *(const or_str *const *)(const void *)((const char *)k + lists[i].list);
        unsigned num = *(const unsigned *)(const void *)((const char *)k + lists[i].num);
        for (unsigned j = 0; j < num; j++) size += sizeof(or_str) + list[j].len + 1;
    }
    keys_rules *r = mem_alloc(size);
    if (r == NULL) return NULL;
    r->key = *k;
    r->size = size;
    or_str *entry = (or_str *)(void *)(r + 1);
    char   *at = (char *)(entry + k->num_models + k->num_providers + k->num_tags);
    for (size_t i = 0; i < 3; i++) {
        const or_str *list =
            *(const or_str *const *)(const void *)((const char *)k + lists[i].list);
        unsigned num = *(const unsigned *)(const void *)((const char *)k + lists[i].num);
        *(const or_str **)(void *)((char *)&r->key + lists[i].list) = num > 0 ? entry : NULL;
        for (unsigned j = 0; j < num; j++, entry++)
            *entry = or_str_of(keep(&at, list[j].ptr, list[j].len), list[j].len);
    }
    r->key.name = keep(&at, k->name, strlen(k->name));
    if (k->preset != NULL) r->key.preset = keep(&at, k->preset, strlen(k->preset));
    return r;
}

keys_rules *keys_read(const conf_key *base, const or_json_doc *doc, int tok,
                      const char *const *also, char *error, size_t size)
{
    conf_key    k;
    or_arena    arena;
    reader      r = {doc, &arena, error, size};
    keys_rules *made = NULL;
    memset(&k, 0, sizeof k);
    k.limits.limit_pico_usd = k.max_cost_pico_usd = -1;
    if (base != NULL) k = *base;
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    if (read_all(&r, &k, tok, also, false)) {
        if (k.name == NULL)
            snprintf(error, size, "name is missing");
        else if ((made = keys_copy(&k)) == NULL)
            snprintf(error, size, "no memory: limits.memory is reached");
    }
    or_arena_reset(&arena);
    return made;
}

void keys_free(keys_rules *r)
{
    if (r != NULL) mem_free(r, r->size);
}

/* ---- writing ---- */

static void put_member(or_json_writer *w, const member *m, const conf_key *k)
{
    const char *at = (const char *)k + m->offset;
    int64_t     n = 0;
    uint32_t    count = 0;
    or_window   window;
    if (m->type == MONEY || m->type == TIME || m->type == COUNT64) memcpy(&n, at, sizeof n);
    if (m->type == COUNT32) memcpy(&count, at, sizeof count);
    switch (m->type) {
    case NAME:
    case TEXT: member_z(w, m->name, *(const char *const *)(const void *)at); break;
    case BOOL: member_bool(w, m->name, *(const bool *)at); break;
    case NOT: member_bool(w, m->name, !*(const bool *)at); break;
    case MONEY:
        if (n >= 0)
            member_usd(w, m->name, n);
        else
            member_null(w, m->name);
        break;
    case WINDOW:
        memcpy(&window, at, sizeof window);
        member_z(w, m->name, windows[window]);
        break;
    case TIME:
        clock_put(w, m->name, n);
        break;
    case COUNT32:
        if (count > 0)
            member_u64(w, m->name, count);
        else
            member_null(w, m->name);
        break;
    case COUNT64:
        if (n > 0)
            member_u64(w, m->name, (uint64_t)n);
        else
            member_null(w, m->name);
        break;
    case LIST: {
        const or_str *list = *(const or_str *const *)(const void *)at;
        unsigned      num = *(const unsigned *)(const void *)((const char *)k + m->second);
        or_json_put_key(w, or_str_z(m->name));
        or_json_begin_array(w);
        for (unsigned i = 0; i < num; i++) or_json_put_str(w, list[i]);
        or_json_end_array(w);
        break;
    }
    }
}

/* Does a member say what it says when it is not there? */
static bool is_default(const member *m, const conf_key *k)
{
    const char *at = (const char *)k + m->offset;
    int64_t     n;
    uint32_t    count;
    switch (m->type) {
    case NAME: return false;
    case TEXT: return *(const char *const *)(const void *)at == NULL;
    case BOOL:
    case NOT: return !*(const bool *)at;
    case MONEY: memcpy(&n, at, sizeof n); return n < 0;
    case TIME:
    case COUNT64: memcpy(&n, at, sizeof n); return n == 0;
    case WINDOW:
    case COUNT32: memcpy(&count, at, sizeof count); return count == 0;
    case LIST: return *(const unsigned *)(const void *)((const char *)k + m->second) == 0;
    }
    return false;
}

void keys_put(or_json_writer *w, const conf_key *k, bool all)
{
    for (size_t i = 0; i < NUM_MEMBERS; i++)
        if (all || !is_default(&members[i], k)) put_member(w, &members[i], k);
}

void keys_put_limits(or_json_writer *w, const conf_limits *l, bool all)
{
    conf_key k;
    memset(&k, 0, sizeof k);
    k.limits = *l;
    for (size_t i = 0; i < NUM_MEMBERS; i++)
        if (is_limit(&members[i]) && (all || !is_default(&members[i], &k)))
            put_member(w, &members[i], &k);
}
