/* Any bytes as the body of a chat request: what is sent of it to OpenRouter, to a provider that
   refuses what it does not know and to one that takes anything is JSON, names the model that
   was decided on, has no member that is not for that provider, and all else as it came. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include "proxy/preset.h"
#include "proxy/rewrite.h"
#include "tests/fuzz.h"
#include "tests/market_body.h"

enum { MAX_SENT = FACTS_MAX_MEMBERS + 128 };

static const char settings[] =
    "provider_preferences = {\"sort\":\"price\"}\n"
    "[provider openrouter]\nbase_url = http://10.0.0.1/api/v1\nany_model = yes\n"
    "[provider mistral]\nbase_url = http://10.0.0.2/v1\nany_model = yes\n"
    "[provider new]\nkind = openai\nbase_url = http://10.0.0.3/v1\nany_model = yes\n"
    "[aliases]\nfast = acme/big\n"
    "[preset p]\nmodel = acme/big\nsystem = Be \"short\".\nparameters = {\"temperature\":0.5}\n"
    "provider = {\"ignore\":[\"x\"]}\n";

/* Members that other providers may not see. */
static const char *const of_openrouter[] = {"models", "provider", "plugins", "route", "transforms",
                                            "usage", "session_id", "trace", "preset", "debug",
                                            "reasoning", "top_a", "include_reasoning",
                                            "image_config", "x_search_filter", "cache_control",
                                            "stop_server_tools_when", "max_tool_calls",
                                            "prompt_cache_options", "structured_outputs"};

/* Members that may change; with a preset and for a strict provider, more of them. */
static const char *const ours[] = {"model", "models", "route", "provider", "preset", "max_tokens",
                                   "max_completion_tokens", "stream_options", "tool_choice", "seed",
                                   "random_seed", "reasoning_effort", "messages", "session_id"};

static bool is_one(or_str name, const char *const *list, size_t num)
{
    for (size_t i = 0; i < num; i++)
        if (or_json_str_is_z(name, list[i])) return true;
    return false;
}

#define IS_ONE(name, list) is_one((name), (list), sizeof(list) / sizeof(list)[0])

/* How often the member is there, by that very text. */
static unsigned count(const or_json_member *list, uint32_t num, const or_json_member *like)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < num; i++)
        n += or_str_eq(list[i].name, like->name) && or_str_eq(list[i].value, like->value);
    return n;
}

static void check_model(const rewrite *r, const or_candidate *c, const or_json_member *list,
                        uint32_t num)
{
    const or_json_member *m = or_json_member_find(list, num, OR_STR("model"), NULL);
    or_str                want = rewrite_model(r, c);
    if (m == NULL || m->type != OR_JSON_STRING) abort();
    or_str got = or_str_of(m->value.ptr + 1, m->value.len - 2);
    if (or_json_str_is(got, want)) return;
    if (!r->d->m->catalogue.endpoints[c->endpoint].router) abort();
    if (or_str_find(got, OR_STR(":"), 0) == got.len && or_str_find(got, OR_STR("@"), 0) == got.len)
        abort(); /* at most a variant or a preset of its own more */
}

static void check_members(const rewrite *r, const or_json_member *list, uint32_t num, bool router,
                          bool strict)
{
    const facts *f = r->f;
    for (uint32_t i = 0; i < num && !router; i++)
        if (IS_ONE(list[i].name, of_openrouter)) abort();
    for (uint32_t i = 0; i < f->num_members; i++) {
        const or_json_member *m = &f->members[i];
        bool                  escaped = or_str_find(m->name, OR_STR("\\"), 0) < m->name.len;
        if (IS_ONE(m->name, ours) || escaped || strict) continue;
        if (!router && (m->type == OR_JSON_NULL || IS_ONE(m->name, of_openrouter))) continue;
        if (count(list, num, m) != count(f->members, f->num_members, m)) abort();
    }
}

/* A router gets the messages as they came. For others or_dialect_write adapts them: what it makes of
   them is for fuzz_dialect_request to judge. */
static void check_messages(const rewrite *r, const or_json_member *list, uint32_t num, bool router)
{
    const or_json_member *m = or_json_member_find(list, num, OR_STR("messages"), NULL);
    const or_json_member *was = facts_member(r->f, OR_STR("messages"));
    if (m == NULL || was == NULL || m->type != OR_JSON_ARRAY) abort();
    if (router && !or_str_eq(m->value, was->value)) abort();
}

static void check_sent(const rewrite *r, const or_candidate *c, or_str body)
{
    static or_json_member list[MAX_SENT];
    uint32_t              num;
    const or_endpoint    *e = &r->d->m->catalogue.endpoints[c->endpoint];
    bool                  strict = r->d->m->settings->providers[e->target].facts->strict;
    if (or_json_check(body, NULL) != OR_OK) abort();
    if (or_json_members(body, list, MAX_SENT, &num, NULL) != OR_OK) abort();
    check_model(r, c, list, num);
    check_members(r, list, num, e->router, strict);
    check_messages(r, list, num, e->router);
}

static void send_it(rewrite *r, const or_candidate *c, or_arena *arena)
{
    or_buf        out, body;
    const or_str *pieces;
    uint32_t      num;
    size_t        all = 0;
    or_buf_init_growing(&out, &mem_allocator, 1 << 24);
    or_buf_init_growing(&body, &mem_allocator, 1 << 24);
    or_err e = rewrite_request(r, c, 0, &out, arena, &pieces, &num, &body);
    if (e == OR_OK) {
        for (uint32_t i = 0; i < num; i++) all += pieces[i].len;
        if (all <= body.len) abort();
        check_sent(r, c, or_buf_str(&body));
    } else if (e != OR_ERR_SPACE && e != OR_ERR_ARG) {
        abort();
    }
    rewrite_forget(r);
    or_buf_free(&out);
    or_buf_free(&body);
}

/* A preset of ours makes another body, which has to be good as well. */
static void use_preset(facts *f, or_arena *arena, or_buf *body)
{
    char               message[300] = "";
    or_str             unknown;
    const conf_preset *p = preset_find(market_now()->settings, f, &unknown);
    or_buf_init_growing(body, &mem_allocator, 1 << 24);
    if (p == NULL) return;
    if (preset_apply(p, f, body) != OR_OK) abort();
    if (!facts_read(or_buf_str(body), FACTS_CHAT, arena, f, message, sizeof message)) abort();
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    or_buf   by_preset;
    char     message[300] = "";
    or_arena arena;
    facts    f;
    decision d;
    refusal  why;
    rewrite  r;
    if (market_now() == NULL) {
        ev_open(16);
        log_mute();
        start(settings);
        remove_folder();
        test_passed++;
    }
    or_str body = test_exact(or_str_of((const char *)data, size));
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    if (!facts_read(body, FACTS_CHAT, &arena, &f, message, sizeof message)) {
        if (message[0] == 0) abort();
    } else {
        use_preset(&f, &arena, &by_preset);
        memset(&r, 0, sizeof r);
        r.f = &f;
        r.d = &d;
        r.path = "/chat/completions";
        decide_who who = {NULL, false, {NULL, 0}};
        if (decide(&d, &f, &who, &arena, &why))
            for (uint32_t i = 0; i < d.plan.num; i++) send_it(&r, &d.plan.list[i], &arena);
        else if (why.e.status < 400 || why.e.message.len == 0)
            abort();
        decide_end(&d);
        or_buf_free(&by_preset);
    }
    or_arena_reset(&arena);
    free((void *)(uintptr_t)body.ptr);
}
