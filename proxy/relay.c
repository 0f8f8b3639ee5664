#include "proxy/relay_back.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proxy/ev.h"
#include "proxy/expand.h"
#include "proxy/gen.h"
#include "proxy/mem.h"
#include "proxy/preset.h"
#include "proxy/uplink.h"

enum {
    MAX_TURNS = 4,     /* keys of a provider that one request tries */
    MAX_SHOWN = 256,   /* bytes of a client's field that records repeat */
    FIRST_BLOCK = 2048 /* of a request's arena */
};

static relay   *relays;
static unsigned num_relays, num_streams;

unsigned relay_num_streams(void)
{
    return num_streams;
}

bool relay_is_crowded(const relay *r)
{
    return num_relays > settings_of(r)->limits.connections;
}

/* ---- ends ---- */

void relay_forget_client(relay *r, uint16_t status, const char *end)
{
    r->c = NULL;
    r->r.status = status;
    r->r.end = end;
    ev_timer_stop(&r->beat);
}

static void finish(relay *r)
{
    if (r->over) return;
    r->over = true;
    ev_timer_stop(&r->beat);
    if (r->prev != NULL) r->prev->next = r->next;
    if (r->next != NULL) r->next->prev = r->prev;
    if (relays == r) relays = r->next;
    num_relays--;
    num_streams -= r->f.stream;
    ev_defer(&r->task);
}

static void on_task(void *user)
{
    relay *r = user;
    rewrite_forget(&r->rw);
    or_buf_free(&r->out);
    or_buf_free(&r->echo);
    or_buf_free(&r->body);
    shape_collect_free(r->collect);
    if (r->d.m != NULL) decide_end(&r->d);
    or_arena_reset(&r->arena);
    mem_free(r, sizeof *r + FIRST_BLOCK);
}


void relay_shutdown(void)
{
    while (relays != NULL) {
        relay *r = relays;
        or_call_cancel(&r->x.call);
        exchange_pump(&r->x); /* gives its memory back */
        finish(r);
    }
    relay_stream_shutdown();
}

void relay_gone(void *owner)
{
    relay *r = owner;
    if (r->c == NULL) return;
    r->r.cancelled = true;
    relay_forget_client(r, 499, "client hung up");
    exchange_cancel(&r->x); /* and with it what the provider is doing */
}

void relay_drained(void *owner)
{
    relay *r = owner;
    if (r->x.paused) exchange_pause(&r->x, false);
}

/* ---- events ---- */

static void on_rest(void *user)
{
    relay_flush(user); /* they are in the input, which is about to be overwritten */
}

static void on_over(void *user)
{
    relay *r = user;
    /* must not be: but who waits gets an answer, and nobody keeps a pointer to what is freed */
    if (r->c != NULL) relay_fail(r, 502, "ended without a word", 0);
    finish(r);
}

static void on_failure(relay *r, const or_call_event *ev)
{
    char                   text[512];
    const or_call_failure *f = ev->failure;
    uint32_t wait_s = f->retry_after_ms / 1000 + (f->retry_after_ms % 1000 != 0);
    if (r->c == NULL) return;
    if (r->x.call.is_data && r->committed) {
        relay_end_data(r, false);
    } else if (f->err == OR_ERR_REFUSED) {
        relay_refused(r, ev, wait_s);
    } else {
        uint16_t status = relay_describe_failure(r, f, text, sizeof text);
        bool     offline = uplink_is_down() && f->status == 0 && f->err != OR_ERR_CANCELLED &&
                       !upstream_is_near(r->d.m->hosts[endpoint_of(r)->target]);
        if (offline) wait_s = uplink_next_probe_ms() / 1000 + 1;
        relay_fail(r, offline ? 503 : status, text, status == 503 && wait_s == 0 ? 1 : wait_s);
    }
}

static void on_end(relay *r, const or_call_event *ev)
{
    or_usage usage = ev->usage;
    if (ev->failure != NULL && ev->attempt > 0 && ev->failure->err != OR_ERR_CANCELLED) {
        relay_rest_key(r, ev->failure);
        if (!r->r.served)
            relay_note_attempt(r, ev->failure->status, relay_word(ev->failure));
        else
            r->r.attempts[(r->r.num_attempts < RECORD_MAX_ATTEMPTS ? r->r.num_attempts
                                                                   : RECORD_MAX_ATTEMPTS) - 1]
                .word = "truncated";
    }
    relay_take_id(r);
    relay_guess_usage(r, &usage);
    if (r->r.served || ev->cost.source != OR_COST_UNKNOWN) relay_note_usage(r, &usage, &ev->cost);
    if (ev->failure == NULL) {
        decide_note(&r->d, r->x.call.endpoint, &usage);
        if (r->c != NULL && r->x.call.is_data)
            relay_end_data(r, true);
        else if (r->c != NULL && r->collect != NULL)
            relay_end_collecting(r);
        else if (r->c != NULL && r->committed)
            relay_end_stream(r);
    } else {
        on_failure(r, ev);
    }
    record_tell(&r->r);
}

static void on_event(void *user, const or_call_event *ev)
{
    relay *r = user;
    r->native = provider_of(r)->kind == PROVIDER_OPENROUTER ||
                provider_of(r)->kind == PROVIDER_DEMO;
    switch (ev->kind) {
    case OR_CALL_FAILED:
        relay_note_attempt(r, ev->failure->status, relay_word(ev->failure));
        relay_rest_key(r, ev->failure);
        break;
    case OR_CALL_BEGIN: relay_on_begin(r, ev); break;
    case OR_CALL_DELTA: relay_on_delta(r, ev); break;
    case OR_CALL_DATA: relay_on_data(r, ev); break;
    case OR_CALL_ANSWER: relay_on_answer(r, ev); break;
    case OR_CALL_END: on_end(r, ev); break;
    case OR_CALL_CONNECT:
    case OR_CALL_CLOSE: break; /* the exchange's */
    }
}

/* Nothing was sent for a while: show the client that we live. */
static void on_beat(ev_timer *t)
{
    relay *r = t->user;
    relay_commit(r);
    if (r->c == NULL) return;
    if (!r->x.paused) {
        relay_add_piece(r, OR_STR(": ORPROXY PROCESSING\n\n"));
        relay_flush(r);
    }
    if (r->c != NULL) relay_set_beat(r);
}

/* ---- the request ---- */

static upstream_host *on_host(void *user, uint32_t endpoint)
{
    relay *r = user;
    r->attempt_ms = ev_now();
    return r->d.m->hosts[r->d.m->catalogue.endpoints[endpoint].target];
}

static const or_candidate *candidate_of(const relay *r, uint32_t endpoint)
{
    uint32_t i = 0;
    while (r->d.plan.list[i].endpoint != endpoint) i++;
    return &r->d.plan.list[i];
}

static or_err on_request(void *user, uint32_t endpoint, const or_str **list, uint32_t *num)
{
    relay             *r = user;
    const or_endpoint *e = &r->d.m->catalogue.endpoints[endpoint];
    if (r->c == NULL) return OR_ERR_CANCELLED; /* and its head, which rewriting reads, is gone */
    r->key = market_take_key(r->d.m, e->target, ev_now());
    or_buf_clear(&r->echo);
    return rewrite_request(&r->rw, candidate_of(r, endpoint), r->key, &r->out, &r->arena, list, num,
                           r->f.echo && r->f.stream ? &r->echo : NULL);
}

/* In the settings 0 switches a timeout off. */
static uint32_t never(uint32_t ms)
{
    return ms > 0 ? ms : OR_NEVER;
}

static bool all_prices_known(const decision *d)
{
    for (uint32_t i = 0; i < d->plan.num; i++)
        if (d->plan.list[i].price == UINT64_MAX) return false;
    return true;
}

/* May every candidate's answer be one that OpenRouter insures? */
static bool all_are_insured(const decision *d)
{
    for (uint32_t i = 0; i < d->plan.num; i++) {
        uint16_t target = d->m->catalogue.endpoints[d->plan.list[i].endpoint].target;
        if (d->m->settings->providers[target].kind != PROVIDER_OPENROUTER) return false;
    }
    return true;
}

/* The plan for the call: where a provider has several keys, each gets its turn. */
static or_err plan_turns(relay *r)
{
    uint32_t max = r->d.plan.num * MAX_TURNS;
    r->plan = r->d.plan;
    or_candidate *list = or_arena_alloc(&r->arena, max * sizeof *list);
    if (list == NULL) return OR_ERR_MEMORY;
    or_plan_init(&r->plan, list, max);
    for (uint32_t i = 0; i < r->d.plan.num; i++) {
        const or_candidate *c = &r->d.plan.list[i];
        uint16_t            target = r->d.m->catalogue.endpoints[c->endpoint].target;
        unsigned            keys = settings_of(r)->providers[target].num_keys;
        list[r->plan.num++] = *c;
        for (unsigned k = 1; k < keys && k < MAX_TURNS; k++) {
            list[r->plan.num] = *c;
            list[r->plan.num++].again = true;
        }
    }
    return OR_OK;
}

static bool has_keys(const relay *r)
{
    for (unsigned i = 0; i < settings_of(r)->num_providers; i++)
        if (settings_of(r)->providers[i].num_keys > 1) return true;
    return false;
}

static or_err begin_call(relay *r)
{
    static const exchange_hooks hooks = {on_host, on_request, on_event, on_rest, on_over};
    const conf  *settings = settings_of(r);
    or_call_desc d;
    memset(&d, 0, sizeof d);
    d.plan = &r->d.plan;
    if (has_keys(r)) {
        if (plan_turns(r) != OR_OK) return OR_ERR_MEMORY;
        d.plan = &r->plan;
    }
    d.catalogue = &r->d.m->catalogue;
    d.stats = r->d.m->stats;
    d.stream = r->f.stream && (r->f.kind == FACTS_CHAT || r->f.kind == FACTS_COMPLETIONS);
    d.either = true;
    d.other = r->f.kind == FACTS_OTHER || r->f.kind == FACTS_EMBEDDINGS;
    d.timeouts.connect_ms = never(settings->timeout.connect);
    d.timeouts.first_token_ms = never(settings->timeout.first_token);
    d.timeouts.between_bytes_ms = never(settings->timeout.between_bytes);
    d.timeouts.total_ms = never(settings->timeout.total);
    d.bound = r->d.bound;
    d.cost.now = r->d.moment.wall;
    d.cost.insured = all_are_insured(&r->d);
    d.seed = r->d.moment.seed;
    if (r->d.key != NULL && r->d.key->max_cost_pico_usd > 0 && all_prices_known(&r->d))
        d.max_cost_pico_usd = r->d.key->max_cost_pico_usd;
    d.max_event = RELAY_MAX_EVENT;
    d.max_held = RELAY_MAX_HELD;
    d.max_answer = (uint32_t)settings->limits.answer;
    exchange_shared(&d);
    d.mem_size = or_call_need(&d);
    d.mem = or_arena_alloc(&r->arena, d.mem_size);
    if (d.mem == NULL) return OR_ERR_MEMORY;
    return exchange_begin(&r->x, &d, &hooks, r);
}

static void refuse_memory(client *c)
{
    envelope e = {.status = 503, .message = OR_STR("no memory: limits.memory is reached")};
    client_error(c, &e, OR_STR("Retry-After: 1\r\n"));
}

static relay *new_relay(void)
{
    relay *r = mem_alloc(sizeof *r + FIRST_BLOCK);
    if (r == NULL) return NULL;
    or_arena_init_growing(&r->arena, r + 1, FIRST_BLOCK, &mem_allocator);
    or_buf_init_growing(&r->body, &mem_allocator, SIZE_MAX);
    or_buf_init_growing(&r->out, &mem_allocator, 64 * 1024 * 1024);
    or_buf_init_growing(&r->echo, &mem_allocator, RELAY_MAX_EVENT);
    r->task.run = on_task;
    r->beat.fire = on_beat;
    r->task.user = r->beat.user = r;
    r->r.began_ms = ev_now();
    r->r.first_ms = r->r.added_ms = -1;
    r->r.f = &r->f;
    r->r.d = &r->d;
    r->r.end = "error";
    r->created = (uint64_t)time(NULL);
    return r;
}

/* A field of the client's head that outlives it. */
static or_str keep_field(relay *r, const or_http_head *head, const char *name)
{
    or_str value = or_http_field(head, or_str_z(name), NULL), none = or_str_of(NULL, 0);
    if (value.len == 0 || value.len > MAX_SHOWN) return none;
    char *copy = or_arena_alloc(&r->arena, value.len);
    if (copy == NULL) return none;
    memcpy(copy, value.ptr, value.len);
    return or_str_of(copy, value.len);
}

static void note_client(relay *r, const or_http_head *head)
{
    gen_name made;
    gen_new(&made);
    snprintf(r->r.id, sizeof r->r.id, "%s", made.text);
    r->r.referer = keep_field(r, head, "http-referer");
    r->r.title = keep_field(r, head, "x-openrouter-title");
    if (r->r.title.ptr == NULL) r->r.title = keep_field(r, head, "x-title");
    r->r.user_agent = keep_field(r, head, "user-agent");
    r->metadata = or_str_eq_nocase(or_http_field(head, OR_STR("x-openrouter-metadata"), NULL),
                                   OR_STR("enabled"));
}

static void refuse(relay *r, client *c, const refusal *why)
{
    char     mem[512];
    or_str   fields = relay_fields(r, mem, sizeof mem, false, why->retry_after_s);
    envelope e = why->e;
    r->r.status = e.status;
    if (r->metadata && r->d.plan.num + r->d.plan.num_out > 0) e.router_metadata = relay_metadata(r);
    client_error(c, &e, fields);
    if (strcmp(r->r.path, "/route") != 0) record_tell(&r->r); /* that one is a question only */
}

/* A preset of ours: from here on the request is what it would have been without it. 0, or the
   status to refuse with. */
static uint16_t apply_preset(relay *r, char *message, size_t size)
{
    or_str             unknown;
    or_buf             body;
    const conf_preset *p = preset_find(conf_now(), &r->f, &unknown);
    if (p == NULL) return 0;
    or_buf_init_growing(&body, &mem_allocator, SIZE_MAX);
    or_err e = preset_apply(p, &r->f, &body);
    or_buf_free(&r->body);
    r->body = body;
    if (e != OR_OK) {
        snprintf(message, size, "preset %s: no memory: limits.memory is reached", p->name);
        return 503;
    }
    bool ok = facts_read(or_buf_str(&r->body), r->f.kind, &r->arena, &r->f, message, size);
    return ok ? 0 : 400;
}

/* The body and what it asks. 0, or the status to refuse with. */
static uint16_t read_body(relay *r, client *c, facts_kind kind, char *message, size_t size)
{
    if (client_take_body(c, &r->body) != OR_OK) {
        snprintf(message, size, "no memory: limits.memory is reached");
        return 503;
    }
    if (!facts_read(or_buf_str(&r->body), kind, &r->arena, &r->f, message, size)) return 400;
    return apply_preset(r, message, size);
}

/* Read and decide. False: the client has its answer. */
static bool prepare(relay *r, client *c, facts_kind kind, const char *path, const conf_key *key)
{
    char                message[256];
    const or_http_head *head = client_head(c);
    refusal             why;
    note_client(r, head);
    r->r.path = path;
    uint16_t wrong = read_body(r, c, kind, message, sizeof message);
    if (wrong != 0) {
        char     mem[512];
        envelope e = {.status = wrong, .message = or_str_z(message)};
        r->f.stream = false;
        client_error(c, &e, relay_fields(r, mem, sizeof mem, false, wrong == 503));
        record_refused(path, key, wrong, message);
        return false;
    }
    or_str session = or_http_field(head, OR_STR("x-session-id"), NULL);
    if (!decide(&r->d, &r->f, key, session, &r->arena, &why)) {
        refuse(r, c, &why);
        r->f.stream = false;
        return false;
    }
    r->r.session = keep_field(r, head, "x-session-id");
    return true;
}

void relay_request(client *c, facts_kind kind, const char *path, const conf_key *key)
{
    relay *r = new_relay();
    if (r == NULL) {
        refuse_memory(c);
        return;
    }
    if (!prepare(r, c, kind, path, key)) {
        ev_defer(&r->task);
        return;
    }
    r->rw.f = &r->f;
    r->rw.d = &r->d;
    r->rw.client = client_head(c);
    r->rw.path = path;
    r->rw.session = r->r.session;
    for (uint32_t i = 0; i < r->d.request.num_models; i++)
        expand_want(r->d.m, r->d.request.models[i]);
    if (begin_call(r) != OR_OK) {
        refuse_memory(c);
        ev_defer(&r->task);
        r->f.stream = false;
        return;
    }
    r->next = relays;
    if (relays != NULL) relays->prev = r;
    relays = r;
    num_relays++;
    num_streams += r->f.stream;
    r->c = c;
    client_owner(c, r);
    relay_set_beat(r);
    exchange_pump(&r->x);
}

void relay_route(client *c, const conf_key *key)
{
    relay *r = new_relay();
    or_buf body;
    if (r == NULL) {
        refuse_memory(c);
        return;
    }
    or_buf_init_growing(&body, &mem_allocator, 1024 * 1024);
    if (prepare(r, c, FACTS_CHAT, "/route", key)) {
        if (decide_put_answer(&body, &r->d) == OR_OK)
            client_reply(c, 200, "application/json", or_str_of(NULL, 0), or_buf_str(&body));
        else
            refuse_memory(c);
    }
    r->f.stream = false;
    or_buf_free(&body);
    ev_defer(&r->task);
}
