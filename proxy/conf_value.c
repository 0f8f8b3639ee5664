#include "proxy/conf_back.h"

#include <stdio.h>
#include <string.h>

#include "proxy/clock.h"
#include "proxy/net.h"

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
bool conf_check_text(or_str text, const origin *o)
{
    const unsigned char *p = (const unsigned char *)text.ptr, *end = p + text.len;
    for (size_t n; p < end; p += n) {
        if ((*p < ' ' && *p != '\t') || *p == 0x7f)
            return conf_fail(o, "a control character (byte 0x%02x): this should be UTF-8 text", *p);
        n = utf8_length(p, end);
        if (n == 0) return conf_fail(o, "byte 0x%02x is not UTF-8 text", *p);
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
        {COUNT, "", 1},
        {SIZE, "", 1},
        {SIZE, "k", KIB},
        {SIZE, "M", MIB},
        {SIZE, "G", 1024ull * MIB},
        {DURATION, "ms", 1},
        {DURATION, "s", SECOND},
        {DURATION, "m", MINUTE},
        {DURATION, "h", 60 * MINUTE},
        {DURATION, "d", DAY},
    };
    type     of = s->type == SIZE || s->type == DURATION   ? s->type
                  : s->type == INTERVAL || s->type == SYNC ? DURATION
                                                           : COUNT;
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
    bool               never =
        (s->type == INTERVAL && is_never(value)) || (s->type == SYNC && strcmp(value, "each") == 0);
    if (!never && !read_number(s, value, &n)) {
        if (s->type == SIZE)
            return conf_fail(
                o, "%s is \"%s\": use a size such as 512k or 20M, from %llu to %llu bytes", s->key,
                value, min, max);
        if (s->type == DURATION)
            return conf_fail(o, "%s is \"%s\": use a duration such as 500ms, 30s or 5m, up to 1d",
                             s->key, value);
        if (s->type == INTERVAL)
            return conf_fail(o,
                             "%s is \"%s\": use a duration such as 30m or 1h, up to 1d, or never",
                             s->key, value);
        if (s->type == SYNC)
            return conf_fail(o, "%s is \"%s\": use each, or a duration such as 5s or 15m, up to 1d",
                             s->key, value);
        return conf_fail(o, "%s is \"%s\": use a number from %llu to %llu", s->key, value, min,
                         max);
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
        if (choices->name == NULL)
            ends++;
        else if (or_str_eq(or_str_z(choices->name), name))
            return choices;
    }
    return NULL;
}

/* "a, b or c" */
static void list_choices(const choice *choices, char *text, size_t size)
{
    text[0] = 0;
    for (size_t i = 0; choices[i].name != NULL; i++) {
        if (i > 0) conf_append(text, size, choices[i + 1].name == NULL ? " or " : ", ");
        conf_append(text, size, choices[i].name);
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
    list_choices(s->choices, all, sizeof all);
    return conf_fail(o, "%s is \"%s\": use %s", s->key, value, all);
}

typedef char enums_are_unsigned[sizeof(or_tri) == sizeof(unsigned) &&
                                        sizeof(or_quantization) == sizeof(unsigned) &&
                                        sizeof(provider_kind) == sizeof(unsigned) &&
                                        sizeof(or_window) == sizeof(unsigned) &&
                                        sizeof(conf_unknown_price) == sizeof(unsigned) &&
                                        sizeof(conf_unsupported) == sizeof(unsigned)
                                    ? 1
                                    : -1];

/* The next entry of a comma list, moved over; false with the error filled when it is empty. */
static bool next_entry(const char *key, const char **list, or_str *entry, const origin *o)
{
    size_t n = strcspn(*list, ",");
    *entry = or_str_trim(or_str_of(*list, n));
    *list += n + ((*list)[n] == ',');
    if (entry->len > 0) return true;
    return conf_fail(o, "%s has an empty entry: write names with commas between, such as a, b",
                     key);
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
    if (num > CONF_MAX_LIST)
        return conf_fail(o, "%s has more than %d entries", s->key, CONF_MAX_LIST);
    or_str *list = conf_room(c, num * sizeof *list, o);
    if (list == NULL) return false;
    for (unsigned i = 0; i < num; i++) {
        or_str entry;
        if (!next_entry(s->key, &value, &entry, o) || !conf_keep_str(c, entry, &list[i], o))
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
    if (num > CONF_MAX_LIST)
        return conf_fail(o, "%s has more than %d entries", s->key, CONF_MAX_LIST);
    or_json_writer_init(&w, out);
    or_json_begin_array(&w);
    for (unsigned i = 0; i < num; i++) {
        or_str entry;
        if (!next_entry(s->key, &value, &entry, o)) return false;
        or_json_put_str(&w, entry);
    }
    or_json_end_array(&w);
    return or_json_writer_end(&w) == OR_OK || conf_fail(o, "out of memory");
}

static bool set_names(conf *c, const setting *s, or_str *at, const char *value, const origin *o)
{
    or_buf out;
    or_buf_init_growing(&out, &conf_blocks, SIZE_MAX);
    bool good = write_names(s, &out, value, o) && conf_keep_str(c, or_buf_str(&out), at, o);
    or_buf_free(&out);
    return good;
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
            conf_name_of(entry, name, sizeof name);
            return conf_unknown(o, "parameter", name, conf_nearest(name, names, OR_PARAM_NUM));
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
            return conf_fail(o, "%s has \"%s\": use %s", s->key,
                             conf_name_of(entry, name, sizeof name), all);
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
    return conf_fail(o,
                     "%s is \"%s\": use USD for a million tokens, such as 0.59, with at most 6 "
                     "decimals, up to %u",
                     s->key, value, DOLLARS);
}

static bool read_dollars(const setting *s, const char *value, int64_t *pico, const origin *o)
{
    if (read_amount(value, 12, pico)) return true;
    return conf_fail(o, "%s is \"%s\": use USD, such as 0.05, with at most 12 decimals, up to %u",
                     s->key, value, DOLLARS);
}

static bool set_money(conf *c, const setting *s, void *at, const char *value, const origin *o)
{
    int64_t n;
    if (s->type == SHARE) {
        if (or_decimal_read(or_str_z(value), 9, &n) != OR_OK || n < 0 || n > 1000000000)
            return conf_fail(o, "%s is \"%s\": use a share from 0 to 1, such as 0.25", s->key,
                             value);
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
        if (at == (void *)&c->ceiling_prompt)
            c->kept->has_ceiling_prompt = true;
        else
            c->kept->has_ceiling_completion = true;
    } else {
        or_price_set(at, (or_price_key)s->second, (uint64_t)n);
    }
    return true;
}

static bool set_time(const setting *s, int64_t *at, const char *value, const origin *o)
{
    int64_t t;
    if (!clock_read(or_str_z(value), &t) || t == 0) /* 0 says never */
        return conf_fail(o,
                         "%s is \"%s\": use a day or a time in UTC, such as 2027-01-31 or "
                         "2027-01-31T12:00:00Z",
                         s->key, value);
    *at = t;
    return true;
}

bool conf_add_listen(conf *c, const char *value, const origin *o)
{
    if (o->replaces && !c->kept->listen_replaced) c->num_listen = 0;
    c->kept->listen_replaced |= o->replaces;
    if (c->num_listen == CONF_MAX_LISTEN)
        return conf_fail(o, "more than %d listen addresses", CONF_MAX_LISTEN);
    if (!net_is_address(value))
        return conf_fail(o,
                         "cannot listen on \"%s\": use a numeric ADDR:PORT such as 127.0.0.1:8787, "
                         "or [::]:8787", value);
    if (!conf_keep_text(c, value, &c->listen[c->num_listen], o)) return false;
    c->num_listen++;
    return true;
}

bool conf_set_key(conf *c, void *object, const setting *s, const char *value, const origin *o)
{
    void *at = (char *)object + s->offset;
    switch (s->type) {
    case LISTEN: return conf_add_listen(c, value, o);
    case TEXT: return conf_keep_text(c, value, at, o);
    case STR: return conf_keep_str(c, or_str_z(value), at, o);
    case SECRET:
    case MANAGEMENT:
    case CLIENT: return conf_set_secret(c, s, object, value, o);
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
    case PREFS: return conf_set_json(c, s, at, value, o);
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
    return conf_fail(o, "%s: this version does not do that yet: remove the line", s->key);
}
