/* A request's way to its decision, for the tests of decide and rewrite. */
#ifndef DECIDE_BODY_H
#define DECIDE_BODY_H

#include "proxy/preset.h"
#include "tests/market_body.h"

/* A request in work; end it with finish. */
typedef struct asked {
    or_arena arena;
    or_buf   body; /* when a preset changed it */
    facts    f;
    decision d;
    refusal  why;
    bool     good;
} asked;

static inline void ask_as(asked *a, facts_kind kind, or_str body, const conf_key *key,
                          or_str session)
{
    char message[300] = "";
    or_arena_init_growing(&a->arena, NULL, 0, &mem_allocator);
    if (!facts_read(body, kind, &a->arena, &a->f, message, sizeof message)) {
        fprintf(stderr, "%.*s: %s\n", (int)body.len, body.ptr, message);
        abort();
    }
    or_str             unknown;
    const conf_preset *p = preset_find(market_now()->settings, &a->f, &unknown);
    or_buf_init_growing(&a->body, &mem_allocator, SIZE_MAX);
    if (p != NULL && (preset_apply(p, &a->f, &a->body) != OR_OK ||
                      !facts_read(or_buf_str(&a->body), kind, &a->arena, &a->f, message,
                                  sizeof message))) {
        fprintf(stderr, "%.*s: %s\n", (int)a->body.len, a->body.ptr, message);
        abort();
    }
    decide_who who = {key, false, session};
    a->good = decide(&a->d, &a->f, &who, &a->arena, &a->why);
}

static inline void finish(asked *a)
{
    decide_end(&a->d);
    or_buf_free(&a->body);
    or_arena_reset(&a->arena);
}

/* A chat request with these members in front of its messages. */
static inline const char *chat(const char *members)
{
    static char text[8192];
    snprintf(text, sizeof text, "{%s%s\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
             members, members[0] != 0 ? "," : "");
    return text;
}

static inline const conf_key *key_of(const char *name)
{
    const conf *c = market_now()->settings;
    for (unsigned i = 0; name != NULL && i < c->num_keys; i++)
        if (strcmp(c->keys[i].name, name) == 0) return &c->keys[i];
    return NULL;
}

/* "alpha=acme/big beta=acme/big" for the candidates, or "404 why". */
static inline const char *outcome(const asked *a)
{
    static char text[2048];
    size_t      used = 0;
    text[0] = 0;
    if (!a->good) {
        snprintf(text, sizeof text, "%u %.*s", a->why.e.status, (int)a->why.e.message.len,
                 a->why.e.message.ptr);
        return text;
    }
    for (uint32_t i = 0; i < a->d.plan.num && used < sizeof text - 300; i++) {
        const or_endpoint *e = &a->d.m->catalogue.endpoints[a->d.plan.list[i].endpoint];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s=%.*s", i > 0 ? " " : "",
                                 (int)e->tag.len, e->tag.ptr, (int)e->model.len, e->model.ptr);
    }
    return text;
}

/* What comes of a chat request with these members. */
static inline const char *decided(const char *members, const char *key)
{
    asked       a;
    ask_as(&a, FACTS_CHAT, or_str_z(chat(members)), key_of(key), or_str_of(NULL, 0));
    const char *text = outcome(&a);
    finish(&a);
    return text;
}

/* It is that, or when `want` ends in "...", begins so. */
static inline bool says(const char *got, const char *want)
{
    size_t n = strlen(want);
    bool   prefix = n > 3 && strcmp(want + n - 3, "...") == 0;
    bool   good = prefix ? strncmp(got, want, n - 3) == 0 : strcmp(got, want) == 0;
    if (!good) fprintf(stderr, "  got  \"%s\"\n  want \"%s\"\n", got, want);
    return good;
}

#endif
