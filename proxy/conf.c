#include "proxy/conf_back.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors ---- */

bool conf_fail(const origin *o, const char *format, ...)
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

bool conf_unknown(const origin *o, const char *what, const char *name, const char *nearest)
{
    if (nearest != NULL)
        return conf_fail(o, "unknown %s \"%s\": did you mean \"%s\"?", what, name, nearest);
    return conf_fail(o, "unknown %s \"%s\"", what, name);
}

/* Append to a text of that size what fits. */
void conf_append(char *text, size_t size, const char *more)
{
    size_t n = strlen(text);
    snprintf(text + n, size - n, "%s", more);
}

/* ---- memory ---- */

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

const or_allocator conf_blocks = {block_alloc, block_free, NULL};

/* Zeroed memory that lives as long as the conf; NULL with the error filled. */
void *conf_room(conf *c, size_t size, const origin *o)
{
    void *p = or_arena_alloc(&c->kept->arena, size);
    if (p == NULL) conf_fail(o, "out of memory");
    return p == NULL ? NULL : memset(p, 0, size);
}

char *conf_keep(conf *c, or_str text, const origin *o)
{
    char *p = conf_room(c, text.len + 1, o);
    if (p != NULL && text.len > 0) memcpy(p, text.ptr, text.len);
    return p;
}

bool conf_keep_text(conf *c, const char *value, const char **out, const origin *o)
{
    const char *p = conf_keep(c, or_str_z(value), o);
    if (p != NULL) *out = p;
    return p != NULL;
}

bool conf_keep_str(conf *c, or_str value, or_str *out, const origin *o)
{
    const char *p = conf_keep(c, value, o);
    if (p != NULL) *out = or_str_of(p, value.len);
    return p != NULL;
}

/* The array with room for one more; NULL with the error filled. */
void *conf_grow(const void *array, unsigned num, unsigned *max, size_t size, const char *what,
                const origin *o)
{
    void *a = (void *)(uintptr_t)array;
    if (num == CONF_MAX_SECTIONS) {
        conf_fail(o, "more than %d %s", CONF_MAX_SECTIONS, what);
        return NULL;
    }
    if (num == *max) {
        unsigned more = *max == 0 ? 4 : *max * 2;
        void    *bigger = realloc(a, more * size);
        if (bigger == NULL) {
            conf_fail(o, "out of memory");
            return NULL;
        }
        a = bigger;
        *max = more;
    }
    memset((char *)a + num * size, 0, size);
    return a;
}

bool conf_keep_file(conf *c, const char *path, const origin *o)
{
    const char **files;
    if (c->num_files == CONF_MAX_SECTIONS) return true; /* as many folders there hardly are */
    files = conf_grow(c->files, c->num_files, &c->kept->max_files, sizeof *files, "files", o);
    if (files == NULL) return false;
    c->files = files;
    return conf_keep_text(c, path, &files[c->num_files], o) && ++c->num_files > 0;
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
    or_arena_init_growing(&k->arena, NULL, 0, &conf_blocks);
    c->kept = k;
    c->refs = 1;
    for (size_t i = 0; i < conf_num_settings; i++) {
        const setting *s = &conf_settings[i];
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

void conf_forgive(conf *c)
{
    c->kept->forgives = true;
}

bool conf_forgives(conf *c, const conf_error *e)
{
    if (!c->kept->forgives) return false;
    if (conf_missing(c) == NULL) c->kept->missing = *e;
    return true;
}

const char *conf_missing(const conf *c)
{
    return c->kept->missing.text[0] != 0 ? c->kept->missing.text : NULL;
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
    free_array(c->files);
    free(c);
}

size_t conf_size(const conf *c)
{
    const struct conf_kept *k = c->kept;
    return sizeof *c + sizeof *k + k->arena.total + k->max_endpoints * sizeof *c->endpoints +
           k->max_keys * sizeof *c->keys + k->max_presets * sizeof *c->presets +
           k->max_aliases * sizeof *c->aliases + k->max_apps * sizeof *c->apps +
           k->max_users * sizeof *c->users + k->max_files * sizeof *c->files;
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

/* The name in a buffer for conf_nearest. */
const char *conf_name_of(or_str name, char *buf, size_t size)
{
    snprintf(buf, size, "%.*s", (int)(name.len < size ? name.len : size - 1), name.ptr);
    return buf;
}

void conf_expect_clear(conf *c)
{
    c->kept->other_providers = true;
}

void conf_clear_providers(conf *c)
{
    c->kept->other_providers = false;
    c->num_providers = 0;
    c->num_endpoints = 0;
}

bool conf_matches(or_str pattern, or_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0; /* after the last *: where it was retried */
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = ++p;
            from = t;
        } else if (p < pattern.len &&
                   or_str_eq_nocase(or_str_of(pattern.ptr + p, 1), or_str_of(text.ptr + t, 1))) {
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
