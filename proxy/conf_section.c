#include "proxy/conf_back.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

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
        if (or_str_eq(word, or_str_z(conf_groups[i].word))) return true;
        names[i] = conf_groups[i].word;
    }
    nearest = conf_nearest(conf_name_of(word, text, sizeof text), names + 1, NUM_GROUPS - 1);
    for (unsigned i = 1; i < NUM_GROUPS && nearest != NULL; i++)
        if (conf_groups[i].word == nearest)
            return conf_unknown(o, "section", text, conf_groups[i].form);
    return conf_unknown(o, "section", text, NULL);
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
        return conf_fail(o, "\"%s\" is not a name: use up to %d letters, digits and - _ .",
                         conf_name_of(word, text, sizeof text), CONF_MAX_NAME);
    p->name[word.len] = 0;
    return true;
}

static bool read_place(place *p, const char *section, const origin *o)
{
    memset(p, 0, sizeof *p);
    if (!find_group(p, next_word(&section), o)) return false;
    or_str name = next_word(&section), model = {0};
    if (p->group == ENDPOINT) model = next_word(&section);
    if (conf_groups[p->group].needs != NULL &&
        (name.len == 0 || (p->group == ENDPOINT && model.len == 0)))
        return conf_fail(o, "%s: [%s]", conf_groups[p->group].needs, conf_groups[p->group].form);
    if (next_word(&section).len > 0 || (conf_groups[p->group].needs == NULL && name.len > 0))
        return conf_fail(o, "too many words: use [%s]", conf_groups[p->group].form);
    if (model.len > CONF_MAX_MODEL)
        return conf_fail(o, "a model's name of more than %d bytes", CONF_MAX_MODEL);
    p->model = model;
    return name.len == 0 || read_name(p, name, o);
}

conf_provider *conf_find_provider(conf *c, const char *name)
{
    for (unsigned i = 0; i < c->num_providers; i++)
        if (strcmp(c->providers[i].name, name) == 0) return &c->providers[i];
    return NULL;
}

static conf_provider *make_provider(conf *c, const place *p, const origin *o)
{
    if (c->num_providers == CONF_MAX_PROVIDERS) {
        conf_fail(o, "more than %d providers", CONF_MAX_PROVIDERS);
        return NULL;
    }
    conf_provider *made = &c->providers[c->num_providers];
    memset(made, 0, sizeof *made);
    if (!conf_keep_text(c, p->name, &made->name, o)) return NULL;
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
    conf_endpoint *all = conf_grow(c->endpoints, c->num_endpoints, &c->kept->max_endpoints,
                                   sizeof *all, "endpoints", o);
    if (all == NULL) return NULL;
    c->endpoints = all;
    conf_endpoint *made = &all[c->num_endpoints];
    if (!conf_keep_str(c, p->model, &made->offer.model, o) ||
        !conf_keep_str(c, or_str_z(p->name), &made->offer.provider, o))
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
    conf_key *all = conf_grow(c->keys, c->num_keys, &c->kept->max_keys, sizeof *all, "keys", o);
    if (all == NULL) return NULL;
    c->keys = all;
    all[c->num_keys].max_cost_pico_usd = all[c->num_keys].limits.limit_pico_usd = -1;
    if (!conf_keep_text(c, p->name, &all[c->num_keys].name, o)) return NULL;
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
        conf_grow(c->presets, c->num_presets, &c->kept->max_presets, sizeof *all, "presets", o);
    if (all == NULL) return NULL;
    c->presets = all;
    if (!conf_keep_text(c, p->name, &all[c->num_presets].name, o)) return NULL;
    return &all[c->num_presets++];
}

/* An [app NAME] or a [user NAME]. */
static conf_scope *enter_scope(const conf_scope **list, unsigned *num, unsigned *max, conf *c,
                               const place *p, const origin *o)
{
    conf_scope *all = (conf_scope *)(uintptr_t)*list;
    for (unsigned i = 0; i < *num; i++)
        if (strcmp(all[i].name, p->name) == 0) return &all[i];
    all = conf_grow(all, *num, max, sizeof *all, "sections", o);
    if (all == NULL) return NULL;
    *list = all;
    all[*num].limits.limit_pico_usd = -1;
    if (!conf_keep_text(c, p->name, &all[*num].name, o)) return NULL;
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
        provider = conf_find_provider(c, p->name);
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
    if ((*given)->where == NULL && !conf_keep_text(c, o->where, &(*given)->where, o)) return NULL;
    return object;
}

/* A [section] line of a file. */
bool conf_begin_section(conf *c, const char *section, const origin *o)
{
    place       p;
    conf_place *given;
    if (section[0] == 0) return conf_fail(o, "a section needs a name, such as [limits]");
    if (enter(c, section, &p, &given, o) == NULL) return false;
    if (given->line != 0)
        return conf_fail(o, "section [%s] was given in line %u already", section, given->line);
    given->line = o->line;
    return true;
}

/* ---- one setting ---- */

/* The key in the wrong section: say in which ones it would be right. */
static bool misplaced(const char *key, const origin *o)
{
    char all[160] = "";
    for (size_t i = 0; i < conf_num_settings; i++) {
        if (strcmp(conf_settings[i].key, key) != 0 || conf_settings[i].type == LATER) continue;
        conf_append(all, sizeof all, all[0] != 0 ? " or " : "");
        conf_append(all, sizeof all,
                    conf_settings[i].group == TOP ? "the top, above all sections" : "[");
        conf_append(all, sizeof all, conf_groups[conf_settings[i].group].form);
        conf_append(all, sizeof all, conf_settings[i].group == TOP ? "" : "]");
    }
    if (all[0] != 0) conf_fail(o, "unknown key \"%s\" here: it belongs under %s", key, all);
    return all[0] != 0;
}

/* The setting of that key; NULL with the error filled. */
static const setting *find(group g, const char *key, const origin *o)
{
    const char *names[conf_num_settings];
    size_t      num = 0;
    for (size_t i = 0; i < conf_num_settings; i++) {
        if (conf_settings[i].group != g) continue;
        if (strcmp(conf_settings[i].key, key) == 0) return &conf_settings[i];
        if (conf_settings[i].type != LATER) names[num++] = conf_settings[i].key;
    }
    if (!misplaced(key, o)) conf_unknown(o, "key", key, conf_nearest(key, names, num));
    return NULL;
}

/* In a file each key stands once in its section, but for those of which there may be several. */
static bool note_line(const setting *s, const origin *o)
{
    if (o->given == NULL || s->type == LISTEN || s->type == SECRET) return true;
    unsigned *line = &o->given[s - conf_settings];
    if (*line != 0) return conf_fail(o, "%s was given in line %u already", s->key, *line);
    *line = o->line;
    return true;
}

static bool set_alias(conf *c, const char *name, const char *model, const origin *o)
{
    or_alias *all = (or_alias *)(uintptr_t)c->aliases;
    unsigned  i = 0;
    if (strcmp(name, model) == 0) return conf_fail(o, "alias \"%s\" stands for itself", name);
    while (i < c->num_aliases && !or_str_eq(all[i].name, or_str_z(name))) i++;
    if (i < c->num_aliases && o->given != NULL)
        return conf_fail(o, "alias \"%s\" is given twice", name);
    if (i < c->num_aliases) return conf_keep_str(c, or_str_z(model), &all[i].model, o);
    all = conf_grow(all, c->num_aliases, &c->kept->max_aliases, sizeof *all, "aliases", o);
    if (all == NULL) return false;
    c->aliases = all;
    if (!conf_keep_str(c, or_str_z(name), &all[i].name, o) ||
        !conf_keep_str(c, or_str_z(model), &all[i].model, o))
        return false;
    c->num_aliases++;
    return true;
}

bool conf_take_setting(conf *c, const char *section, const char *key, const char *value,
                       const origin *o)
{
    place          p;
    conf_place    *given;
    const setting *s = NULL;
    if (!conf_check_text(or_str_z(section), o) || !conf_check_text(or_str_z(key), o) ||
        !conf_check_text(or_str_z(value), o) || !read_place(&p, section, o))
        return false;
    if (p.group != ALIASES && (s = find(p.group, key, o)) == NULL) return false;
    if (key[0] == 0) return conf_fail(o, "a name is missing in front of the =");
    if (value[0] == 0) return conf_fail(o, "%s has no value", key);
    void *object = enter(c, section, &p, &given, o);
    if (object == NULL) return false;
    if (s == NULL) return set_alias(c, key, value, o);
    if (s->type == SYNC) c->kept->sync_given = true;
    if (s->choices == conf_kinds) ((conf_provider *)object)->kind_given = true;
    return note_line(s, o) && conf_set_key(c, object, s, value, o);
}

bool conf_set_value(conf *c, const char *section, const char *key, const char *value,
                    const char *where, conf_error *e)
{
    const origin o = {where, e, 0, NULL, false};
    return conf_take_setting(c, section, key, value, &o);
}

bool conf_set(conf *c, const char *assignment, conf_error *e)
{
    char         name[CONF_MAX_NAME + CONF_MAX_MODEL + 64], where[sizeof name + 8];
    const char  *equals = strchr(assignment, '=');
    const origin command = {"--set", e, 0, NULL, true};
    if (equals == NULL || (size_t)(equals - assignment) >= sizeof name)
        return conf_fail(&command, "\"%s\" is not section.key=value", assignment);
    memcpy(name, assignment, (size_t)(equals - assignment));
    name[equals - assignment] = 0;
    snprintf(where, sizeof where, "--set %s", name);
    const origin o = {where, e, 0, NULL, true};
    /* The names of models have dots, those of settings have none; an alias is such a name. */
    char *dot = strncmp(name, "aliases.", 8) == 0 ? strchr(name, '.') : strrchr(name, '.');
    if (dot == NULL) return conf_take_setting(c, "", name, equals + 1, &o);
    *dot = 0;
    return conf_take_setting(c, name, dot + 1, equals + 1, &o);
}
