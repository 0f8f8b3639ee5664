#include "proxy/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "or.h"

typedef enum type { LISTEN, TEXT, SECRET, KIND, BOOL, COUNT, SIZE, DURATION } type;

/* Every key there is. Limits are inclusive; min and max of sizes are bytes, of durations
   milliseconds. The README's table and examples/orproxy.conf repeat the defaults. */
typedef struct setting {
    const char *section, *key;
    type        type;
    size_t      offset;
    uint64_t    standard, min, max;
} setting;

#define AT(field)  offsetof(conf, field)
#define SECOND     1000u
#define MINUTE     (60u * SECOND)
#define DAY        (24u * 60u * MINUTE)
#define KIB        1024u
#define MIB        (1024u * KIB)

static const setting settings[] = {
    {"", "listen", LISTEN, 0, 0, 0, 0},
    {"", "ca", TEXT, AT(ca), 0, 0, 0},
    {"", "open", BOOL, AT(open), 0, 0, 0},
    {"", "heartbeat", DURATION, AT(heartbeat), 5 * SECOND, 10, DAY},
    {"limits", "head", SIZE, AT(limits.head), 16 * KIB, 256, MIB},
    {"limits", "body", SIZE, AT(limits.body), 20 * MIB, 1, 1024 * MIB},
    {"limits", "answer", SIZE, AT(limits.answer), 32 * MIB, 1024, 1024 * MIB},
    {"limits", "connections", COUNT, AT(limits.connections), 1024, 1, 100000},
    {"limits", "memory", SIZE, AT(limits.memory), 64 * MIB, 256 * KIB, UINT32_MAX},
    {"timeout", "connect", DURATION, AT(timeout.connect), 10 * SECOND, 1, DAY},
    {"timeout", "first_token", DURATION, AT(timeout.first_token), 10 * MINUTE, 1, DAY},
    {"timeout", "between_bytes", DURATION, AT(timeout.between_bytes), 2 * MINUTE, 1, DAY},
    {"timeout", "total", DURATION, AT(timeout.total), 30 * MINUTE, 1, DAY},
    {"timeout", "client", DURATION, AT(timeout.client), 30 * SECOND, 1, DAY},
    {"timeout", "drain", DURATION, AT(timeout.drain), 30 * SECOND, 1, DAY},
    {"provider", "kind", KIND, AT(provider.kind), 0, 0, 0},
    {"provider", "base_url", TEXT, AT(provider.base_url), 0, 0, 0},
    {"provider", "key", SECRET, AT(provider.key), 0, 0, 0},
    {"provider", "ca", TEXT, AT(provider.ca), 0, 0, 0},
};
enum { NUM_SETTINGS = sizeof settings / sizeof settings[0] };

/* Providers whose base URL everybody knows. */
static const struct {
    const char *name, *base_url;
} known_providers[] = {
    {"openrouter", "https://openrouter.ai/api/v1"},
    {"openai", "https://api.openai.com/v1"},
};

static bool fail(conf_error *e, const char *where, const char *format, ...)
{
    va_list args;
    int     n = snprintf(e->text, sizeof e->text, "%s%s", where, where[0] ? ": " : "");
    va_start(args, format);
    vsnprintf(e->text + n, sizeof e->text - (size_t)n, format, args);
    va_end(args);
    return false;
}

/* Copies of texts live as long as the process. */
typedef struct kept {
    struct kept *next;
    char         text[];
} kept;

static kept *all_kept;

static char *keep(const char *text)
{
    size_t size = strlen(text) + 1;
    kept  *k = malloc(sizeof *k + size);
    if (k == NULL) {
        fputs("orproxy: out of memory while reading the settings\n", stderr);
        exit(1);
    }
    k->next = all_kept;
    all_kept = k;
    return memcpy(k->text, text, size);
}

void conf_defaults(conf *c)
{
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        const setting *s = &settings[i];
        char          *at = (char *)c + s->offset;
        if (s->type == DURATION) *(uint32_t *)(void *)at = (uint32_t)s->standard;
        if (s->type == SIZE || s->type == COUNT) *(size_t *)(void *)at = (size_t)s->standard;
    }
}

/* Edits (insert, delete, replace) from a to b; names longer than the row are far away. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[64];
    size_t   n = strlen(b);
    if (n >= sizeof row / sizeof row[0]) return UINT32_MAX;
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

static bool unknown(conf_error *e, const char *where, const char *what, const char *name,
                    const char *nearest)
{
    if (nearest != NULL)
        return fail(e, where, "unknown %s \"%s\": did you mean \"%s\"?", what, name, nearest);
    return fail(e, where, "unknown %s \"%s\"", what, name);
}

/* The setting of that key; NULL with *e filled. */
static const setting *find(const char *section, const char *key, const char *where,
                           conf_error *e)
{
    const char *names[NUM_SETTINGS];
    size_t      num = 0;
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        if (strcmp(settings[i].section, section) != 0) continue;
        if (strcmp(settings[i].key, key) == 0) return &settings[i];
        names[num++] = settings[i].key;
    }
    const char *nearest = conf_nearest(key, names, num);
    for (size_t i = 0; i < NUM_SETTINGS && num > 0 && nearest == NULL; i++) {
        if (strcmp(settings[i].key, key) != 0) continue;
        fail(e, where, "unknown key \"%s\" here: it belongs under [%s%s]", key,
             settings[i].section, strcmp(settings[i].section, "provider") == 0 ? " NAME" : "");
        return NULL;
    }
    if (num > 0) {
        unknown(e, where, "key", key, nearest);
    } else {
        static const char *const sections[] = {"limits", "timeout", "provider NAME"};
        unknown(e, where, "section", section, conf_nearest(section, sections, 3));
    }
    return NULL;
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
    size_t   digits = strspn(value, "0123456789");
    uint64_t n;
    if (or_u64_read(or_str_of(value, digits), &n) != OR_OK) return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (units[i].type != s->type || strcmp(units[i].unit, value + digits) != 0) continue;
        return or_mul_u64(n, units[i].factor, out) && *out >= s->min && *out <= s->max;
    }
    return false;
}

/* env:NAME or file:PATH. The value ends at the first line end. */
static bool read_secret(const char *value, const char **out, const char *where, conf_error *e)
{
    char line[4096];
    if (strncmp(value, "env:", 4) == 0) {
        const char *secret = getenv(value + 4);
        if (secret == NULL || secret[0] == 0)
            return fail(e, where, "environment variable %s is not set", value + 4);
        snprintf(line, sizeof line, "%s", secret);
    } else if (strncmp(value, "file:", 5) == 0) {
        FILE *f = fopen(value + 5, "r");
        if (f == NULL) return fail(e, where, "cannot read %s: %s", value + 5, strerror(errno));
        bool read = fgets(line, sizeof line, f) != NULL;
        fclose(f);
        if (!read) return fail(e, where, "%s is empty: it should hold the key", value + 5);
    } else {
        return fail(e, where, "a key is not written here: use env:NAME or file:PATH");
    }
    line[strcspn(line, "\r\n")] = 0;
    or_str secret = or_str_trim(or_str_z(line));
    for (size_t i = 0; i < secret.len; i++)
        if (secret.ptr[i] <= ' ' || secret.ptr[i] == 0x7f)
            secret.len = 0; /* it goes into a header line */
    if (secret.len == 0 || secret.ptr != line)
        return fail(e, where, "the key in %s is empty or has spaces in it", value);
    line[secret.len] = 0;
    *out = keep(line);
    or_wipe(line, sizeof line);
    return true;
}

static bool read_kind(const char *value, conf_kind *out, const char *where, conf_error *e)
{
    static const char *const kinds[] = {"openai", "openrouter", "demo"};
    if (strcmp(value, "demo") == 0)
        *out = CONF_KIND_DEMO;
    else if (strcmp(value, "openai") == 0 || strcmp(value, "openrouter") == 0)
        *out = CONF_KIND_OPENAI;
    else
        return unknown(e, where, "kind", value, conf_nearest(value, kinds, 3));
    return true;
}

static bool read_bool(const char *value, bool *out)
{
    *out = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;
    return *out || strcmp(value, "no") == 0 || strcmp(value, "false") == 0;
}

/* Name the provider; its well-known base URL is the default. */
static bool name_provider(conf *c, const char *name, const char *where, conf_error *e)
{
    if (name[0] == 0) return fail(e, where, "a provider needs a name: [provider NAME]");
    if (c->provider.name != NULL && strcmp(c->provider.name, name) == 0) return true;
    if (c->provider.name != NULL)
        return fail(e, where, "a second provider \"%s\": this version serves one (\"%s\")", name,
                    c->provider.name);
    c->provider.name = keep(name);
    for (size_t i = 0; i < sizeof known_providers / sizeof known_providers[0]; i++)
        if (strcmp(known_providers[i].name, name) == 0 && c->provider.base_url == NULL)
            c->provider.base_url = known_providers[i].base_url;
    return true;
}

bool conf_set_value(conf *c, const char *section, const char *key, const char *value,
                    const char *where, conf_error *e)
{
    static const char provider[] = "provider ";
    bool              of_provider = strncmp(section, provider, sizeof provider - 1) == 0;
    const setting    *s = find(of_provider ? "provider" : section, key, where, e);
    if (s == NULL) return false;
    if (of_provider && !name_provider(c, section + sizeof provider - 1, where, e)) return false;
    if (!of_provider && strcmp(section, "provider") == 0)
        return fail(e, where, "a provider needs a name: [provider NAME]");

    void    *at = (char *)c + s->offset;
    uint64_t n;
    if (value[0] == 0) return fail(e, where, "%s has no value", key);
    switch (s->type) {
    case LISTEN:
        if (c->num_listen == CONF_MAX_LISTEN)
            return fail(e, where, "more than %d listen addresses", CONF_MAX_LISTEN);
        c->listen[c->num_listen++] = keep(value);
        return true;
    case TEXT: *(const char **)at = keep(value); return true;
    case SECRET: return read_secret(value, (const char **)at, where, e);
    case KIND: return read_kind(value, (conf_kind *)at, where, e);
    case BOOL:
        if (read_bool(value, (bool *)at)) return true;
        return fail(e, where, "%s is \"%s\": use yes or no", key, value);
    case COUNT:
        if (!read_number(s, value, &n))
            return fail(e, where, "%s is \"%s\": use a number from %llu to %llu", key, value,
                        (unsigned long long)s->min, (unsigned long long)s->max);
        *(size_t *)at = (size_t)n;
        return true;
    case SIZE:
        if (!read_number(s, value, &n))
            return fail(e, where,
                        "%s is \"%s\": use a size such as 512k or 20M, from %llu to %llu bytes",
                        key, value, (unsigned long long)s->min, (unsigned long long)s->max);
        *(size_t *)at = (size_t)n;
        return true;
    case DURATION:
        if (!read_number(s, value, &n))
            return fail(e, where,
                        "%s is \"%s\": use a duration such as 500ms, 30s or 5m, up to 1d", key,
                        value);
        *(uint32_t *)at = (uint32_t)n;
        return true;
    }
    return false;
}

bool conf_set(conf *c, const char *assignment, conf_error *e)
{
    char        name[256], where[300];
    const char *equals = strchr(assignment, '=');
    if (equals == NULL || (size_t)(equals - assignment) >= sizeof name)
        return fail(e, "--set", "\"%s\" is not section.key=value", assignment);
    memcpy(name, assignment, (size_t)(equals - assignment));
    name[equals - assignment] = 0;
    snprintf(where, sizeof where, "--set %s", name);
    char *dot = strrchr(name, '.');
    if (dot == NULL) return conf_set_value(c, "", name, equals + 1, where, e);
    *dot = 0;
    return conf_set_value(c, name, dot + 1, equals + 1, where, e);
}

/* s without white space at its ends, in place. */
static char *strip(char *s)
{
    while (isspace((unsigned char)*s)) s++;
    size_t n = strlen(s);
    while (n > 0 && isspace((unsigned char)s[n - 1])) s[--n] = 0;
    return s;
}

/* Cut a comment off: '#' at the start or after white space. */
static void uncomment(char *line)
{
    for (char *p = line; *p != 0; p++)
        if (*p == '#' && (p == line || isspace((unsigned char)p[-1]))) {
            *p = 0;
            return;
        }
}

/* Where each section began, to name both lines when one is given twice. */
typedef struct sections {
    struct {
        char     name[128];
        unsigned line;
    } seen[64];
    unsigned num;
} sections;

static bool enter_section(sections *all, const char *name, unsigned line, const char *where,
                          conf_error *e)
{
    for (unsigned i = 0; i < all->num; i++)
        if (strcmp(all->seen[i].name, name) == 0)
            return fail(e, where, "section [%s] was given in line %u already", name,
                        all->seen[i].line);
    if (all->num == sizeof all->seen / sizeof all->seen[0] ||
        strlen(name) >= sizeof all->seen[0].name)
        return fail(e, where, "too many sections, or too long a name");
    snprintf(all->seen[all->num].name, sizeof all->seen[0].name, "%s", name);
    all->seen[all->num++].line = line;
    return true;
}

/* One line of a file; *section is the current one and changes at a [section] line. */
static bool read_line(conf *c, char *text, unsigned number, sections *all, char *section,
                      size_t section_size, const char *where, conf_error *e)
{
    uncomment(text);
    char *line = strip(text);
    size_t len = strlen(line);
    if (len == 0) return true;
    if (line[0] == '[') {
        if (line[len - 1] != ']') return fail(e, where, "\"%s\" has no closing bracket", line);
        line[len - 1] = 0;
        line = strip(line + 1);
        snprintf(section, section_size, "%s", line);
        if (!enter_section(all, line, number, where, e)) return false;
        if (strncmp(line, "provider ", 9) == 0) return name_provider(c, line + 9, where, e);
        if (strcmp(line, "provider") == 0) return name_provider(c, "", where, e);
        if (strcmp(line, "limits") == 0 || strcmp(line, "timeout") == 0) return true;
        (void)find(line, "", where, e);
        return false;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) return fail(e, where, "\"%s\" is neither key = value nor [section]", line);
    *equals = 0;
    return conf_set_value(c, section, strip(line), strip(equals + 1), where, e);
}

bool conf_read_file(conf *c, const char *path, conf_error *e)
{
    char     line[2048], where[300], section[128] = "";
    sections all = {0};
    bool     ok = true;
    FILE    *f = fopen(path, "r");
    if (f == NULL) return fail(e, path, "%s", strerror(errno));
    for (unsigned number = 1; ok && fgets(line, sizeof line, f) != NULL; number++) {
        snprintf(where, sizeof where, "%s:%u", path, number);
        char *text = number == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0 ? line + 3 : line;
        if (strchr(line, '\n') == NULL && !feof(f))
            ok = fail(e, where, "line is longer than %zu bytes", sizeof line - 2);
        else
            ok = read_line(c, text, number, &all, section, sizeof section, where, e);
    }
    if (ok && ferror(f)) ok = fail(e, path, "%s", strerror(errno));
    fclose(f);
    return ok;
}

bool conf_check(const conf *c, conf_error *e)
{
    const conf_provider *p = &c->provider;
    or_url               url;
    if (p->name == NULL)
        return fail(e, "",
                    "no provider: set OPENROUTER_API_KEY, give --upstream URL, or try --demo");
    if (p->kind == CONF_KIND_DEMO) return true;
    if (p->base_url == NULL)
        return fail(e, "", "provider %s has no base_url, e.g. https://host/v1", p->name);
    if (or_url_read(or_str_z(p->base_url), &url) != OR_OK || url.query.ptr != NULL)
        return fail(e, "", "\"%s\" is not an http or https URL: use e.g. https://host/v1",
                    p->base_url);
    return true;
}
