#include "proxy/conf_back.h"

#include <string.h>

/* A misspelt member would be passed over, and with it, say, a ban on data collection. */
static bool check_prefs_names(const setting *s, const or_json_doc *doc, or_arena *arena,
                              const origin *o)
{
    static const char *const names[] = {"order",
                                        "allow_fallbacks",
                                        "require_parameters",
                                        "data_collection",
                                        "zdr",
                                        "enforce_distillable_text",
                                        "only",
                                        "ignore",
                                        "quantizations",
                                        "sort",
                                        "preferred_min_throughput",
                                        "preferred_max_latency",
                                        "max_price"};
    enum { NUM = sizeof names / sizeof names[0] };
    for (int tok = or_json_first(doc, 0); tok >= 0; tok = or_json_next(doc, tok)) {
        or_str name;
        char   text[64];
        size_t i = 0;
        if (or_json_get_str(doc, tok, arena, &name) != OR_OK) return conf_fail(o, "out of memory");
        while (i < NUM && !or_str_eq(or_str_z(names[i]), name)) i++;
        if (i < NUM) continue;
        conf_name_of(name, text, sizeof text);
        const char *nearest = conf_nearest(text, names, NUM);
        return conf_fail(o, "%s has an unknown member \"%s\"%s%s%s", s->key, text,
                         nearest ? ": did you mean \"" : "", nearest ? nearest : "",
                         nearest ? "\"?" : "");
    }
    return true;
}

/* A preset does not decide how a request is answered, nor what it says. */
static bool check_preset_names(const setting *s, const or_json_doc *doc, or_arena *arena,
                               const origin *o)
{
    static const char *const others[] = {"model",  "models",   "provider",
                                         "preset", "messages", "prompt",
                                         "input",  "stream",   "stream_options"};
    for (int tok = or_json_first(doc, 0); tok >= 0; tok = or_json_next(doc, tok)) {
        or_str name;
        if (or_json_get_str(doc, tok, arena, &name) != OR_OK) return conf_fail(o, "out of memory");
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            if (or_str_eq(or_str_z(others[i]), name))
                return conf_fail(o, "%s: \"%s\" cannot be among them%s", s->key, others[i],
                                 i < 3 ? ": it has a line of its own here" : "");
    }
    return true;
}

/* What a member of the wrong type or size is called in errors. */
static bool bad_member(const setting *s, or_err err, const char *bad, const origin *o)
{
    if (bad == NULL || bad[0] == 0) return conf_fail(o, "%s: %s", s->key, or_err_text(err));
    if (err == OR_ERR_RANGE)
        return conf_fail(o, "%s: \"%s\" is negative or too large", s->key, bad);
    if (err == OR_ERR_TYPE) return conf_fail(o, "%s: \"%s\" has the wrong type", s->key, bad);
    return conf_fail(o, "%s: \"%s\": %s", s->key, bad, or_err_text(err));
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

bool conf_set_json(conf *c, const setting *s, or_str *at, const char *value, const origin *o)
{
    or_arena scratch;
    or_str   json = or_str_z(value);
    size_t   wrong = 0;
    or_err   err = or_json_check(json, &wrong);
    bool     good;
    if (err != OR_OK)
        return conf_fail(o, "%s is not JSON at byte %zu: %s", s->key, wrong + 1, or_err_text(err));
    if (value[0] != '{')
        return conf_fail(o, "%s is not a JSON object: use {\"name\":value, ...}", s->key);
    or_arena_init_growing(&scratch, NULL, 0, &conf_blocks);
    good = check_members(s, json, &scratch, o);
    or_arena_reset(&scratch);
    return good && conf_keep_str(c, json, at, o);
}
