#include "proxy/relay_back.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proxy/ev.h"
#include "proxy/expand.h"
#include "proxy/gen.h"
#include "proxy/ledger.h"
#include "proxy/mem.h"
#include "proxy/member.h"
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

void relay_settle(relay *r, client *c)
{
    if (!r->settled) {
        r->settled = true;
        r->line = gate_settle(&r->ticket, &r->r);
    }
    if (c != NULL && gate_holds(r->line)) client_hold(c, r->line);
}

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
    ev_timer_stop(&r->hangup);
    gate_leave(&r->ticket);
    relay_dialect_rest();
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
    gate_leave(&r->ticket); /* of one that did not get far */
    rewrite_forget(&r->rw);
    or_buf_free(&r->out);
    or_buf_free(&r->echo);
    or_buf_free(&r->body);
    or_buf_free(&r->theirs);
    or_buf_free(&r->hold);
    shape_collect_free(r->collect);
    if (r->d.m != NULL) decide_end(&r->d);
    or_arena_reset(&r->arena);
    mem_free(r, sizeof *r + FIRST_BLOCK);
}


/* It ends before anybody was asked. */
static void end_waiting(relay *r)
{
    r->waiting = false;
    relay_settle(r, NULL);
    record_tell(&r->r);
    finish(r);
}

void relay_shutdown(void)
{
    while (relays != NULL) {
        relay *r = relays;
        if (r->waiting) {
            end_waiting(r);
            continue;
        }
        or_call_cancel(&r->x.call);
        exchange_pump(&r->x); /* gives its memory back */
        finish(r);
    }
    relay_stream_shutdown();
    relay_dialect_shutdown();
    rewrite_shutdown();
}

void relay_gone(void *owner)
{
    relay *r = owner;
    if (r->c == NULL) return;
    r->r.cancelled = true;
    relay_forget_client(r, 499, "client hung up");
    if (r->waiting) {
        end_waiting(r);
    } else if (settings_of(r)->drain_hangups && r->x.call.attempts > 0 && !relay_is_crowded(r)) {
        /* the provider finishes, and bills, all the same: then what it took is known, too. But
           timers, descriptors and memory are for limits.connections: not for all who ever hung up */
        ev_timer_set(&r->hangup, settings_of(r)->timeout.hangup);
        if (r->x.paused) exchange_pause(&r->x, false);
    } else {
        exchange_cancel(&r->x); /* and with it what the provider is doing */
    }
}

static void on_hangup(ev_timer *t)
{
    relay *r = t->user;
    exchange_cancel(&r->x);
}

void relay_drained(void *owner)
{
    relay *r = owner;
    if (r->x.paused) exchange_pause(&r->x, false);
}

void relay_ended(void *owner)
{
    relay *r = owner;
    if (r->c != NULL && r->x.call.desc.stream) ev_timer_set(&r->beat, 1); /* a comment is sent */
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
    bool cancelled = ev->failure != NULL && ev->failure->err == OR_ERR_CANCELLED;
    if (cancelled && ev->attempt > 0 && !r->r.served && ev->attempt > r->r.num_attempts)
        relay_note_attempt(r, 0, "cancelled"); /* it may have been at work for us */
    if (ev->failure != NULL && ev->attempt > 0 && !cancelled) {
        relay_rest_key(r, ev->failure);
        if (!r->r.served)
            relay_note_attempt(r, ev->failure->status, relay_word(ev->failure));
        else
            relay_note_cut(r);
    }
    relay_take_id(r);
    relay_guess_usage(r, &usage);
    if (!r->settled && (r->r.served || ev->cost.source != OR_COST_UNKNOWN))
        relay_note_usage(r, &usage, &ev->cost);
    if (ev->failure == NULL) {
        decide_note(&r->d, r->x.call.endpoint, &usage);
        if (r->c != NULL && r->x.call.is_data)
            relay_end_data(r, true);
        else if (r->c != NULL && relay_is_collecting(r))
            relay_end_collecting(r);
        else if (r->c != NULL && r->committed)
            relay_end_stream(r);
    } else {
        on_failure(r, ev);
    }
    relay_settle(r, NULL);
    record_tell(&r->r);
}

static void on_event(void *user, const or_call_event *ev)
{
    relay *r = user;
    r->native = provider_is_openrouter(provider_of(r)->kind) && r->rw.wire == r->rw.speaks;
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
        char   mem[64];
        or_buf ping;
        or_buf_init(&ping, mem, sizeof mem);
        if (r->rw.speaks == OR_DIALECT_MESSAGES) (void)or_reply_put_ping(&ping, r->rw.speaks);
        relay_add_piece(r, ping.len > 0 ? or_buf_str(&ping) : OR_STR(": ORPROXY PROCESSING\n\n"));
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
    or_err err = rewrite_request(&r->rw, candidate_of(r, endpoint), r->key, &r->out, &r->arena,
                                 list, num, r->f.echo && r->f.stream ? &r->echo : NULL);
    or_call_speak(&r->x.call, r->rw.wire == OR_DIALECT_TEXT ? OR_DIALECT_CHAT : r->rw.wire);
    return err;
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

/* Memory for the last event of a stream and for what it became; without it all goes on, slowly. */
static void remember_events(relay *r, or_call_desc *d)
{
    enum { LAST_EVENT = 448, LAST_CHUNK = 576 };
    char *mem = or_arena_alloc(&r->arena, LAST_EVENT + LAST_CHUNK);
    if (mem == NULL) return;
    d->last = mem;
    d->last_size = LAST_EVENT;
    r->stream.last = mem + LAST_EVENT;
    r->stream.last_size = LAST_CHUNK;
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
    if (r->ticket.reserved && r->ticket.pico > 0 && all_prices_known(&r->d) &&
        (d.max_cost_pico_usd == 0 || r->ticket.pico < d.max_cost_pico_usd))
        d.max_cost_pico_usd = r->ticket.pico; /* with what failed attempts may have cost, too */
    d.max_event = RELAY_MAX_EVENT;
    d.max_held = RELAY_MAX_HELD;
    d.max_answer = (uint32_t)settings->limits.answer;
    exchange_shared(&d);
    d.mem_size = or_call_need(&d);
    d.mem = or_arena_alloc(&r->arena, d.mem_size);
    if (d.mem == NULL) return OR_ERR_MEMORY;
    if (d.stream) remember_events(r, &d);
    return exchange_begin(&r->x, &d, &hooks, r);
}

static void refuse_memory(client *c)
{
    envelope e = {.status = 503, .message = OR_STR("no memory: limits.memory is reached")};
    client_error(c, &e, OR_STR("Retry-After: 1\r\n"));
}

static relay *new_relay(void)
{
    relay *r = mem_allocator.alloc(NULL, sizeof *r + FIRST_BLOCK);
    if (r == NULL) return NULL;
    memset(r, 0, sizeof *r); /* and not the block behind it */
    or_arena_init_growing(&r->arena, r + 1, FIRST_BLOCK, &mem_allocator);
    or_buf_init_growing(&r->body, &mem_allocator, SIZE_MAX);
    or_buf_init_growing(&r->theirs, &mem_allocator, SIZE_MAX);
    or_buf_init_growing(&r->out, &mem_allocator, 64 * 1024 * 1024);
    or_buf_init_growing(&r->echo, &mem_allocator, RELAY_MAX_EVENT);
    r->task.run = on_task;
    r->beat.fire = on_beat;
    r->hangup.fire = on_hangup;
    r->task.user = r->beat.user = r->hangup.user = r;
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
    size_t n = value.len < MAX_SHOWN ? value.len : MAX_SHOWN; /* more of it is no other name */
    while (n > 0 && n < value.len && ((unsigned char)value.ptr[n] & 0xc0) == 0x80) n--;
    char *copy = n > 0 ? or_arena_alloc(&r->arena, n) : NULL;
    if (copy == NULL) return none;
    memcpy(copy, value.ptr, n);
    bool clean = member_is_text(or_str_of(copy, n));
    for (size_t i = 0; i < n && !clean; i++) /* records and limits go by it: it has to be text */
        if ((unsigned char)copy[i] >= 0x80) copy[i] = '?';
    return or_str_of(copy, n);
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

/* Limits of ours say more than Retry-After. */
static or_str put_rate(const refusal *why, or_str fields, char *mem, size_t size)
{
    or_buf b;
    char   text[24];
    if (why->rate_limit == 0) return fields;
    or_buf_init(&b, mem, size);
    or_buf_put_str(&b, fields);
    snprintf(text, sizeof text, "%u", (unsigned)why->rate_limit);
    or_http_put_field(&b, OR_STR("X-RateLimit-Limit"), or_str_z(text));
    snprintf(text, sizeof text, "%u", (unsigned)why->rate_remaining);
    or_http_put_field(&b, OR_STR("X-RateLimit-Remaining"), or_str_z(text));
    snprintf(text, sizeof text, "%lld", (long long)why->rate_reset_ms);
    if (why->rate_reset_ms > 0) or_http_put_field(&b, OR_STR("X-RateLimit-Reset"), or_str_z(text));
    return or_buf_str(&b);
}

/* Refused before the decision, or by it. */
static void refuse(relay *r, client *c, const account *who, const refusal *why)
{
    char     mem[512], more[768], text[256];
    or_str   fields = relay_fields(r, mem, sizeof mem, false, why->retry_after_s);
    envelope e = why->e;
    bool     decided = r->d.plan.num + r->d.plan.num_out > 0;
    r->r.status = e.status;
    if (r->metadata && decided) e.router_metadata = relay_metadata(r);
    client_error(c, &e, put_rate(why, fields, more, sizeof more));
    if (strcmp(r->r.path, "/route") == 0) return; /* that one is a question only */
    if (r->d.m != NULL && r->d.asked.len > 0) {
        record_tell(&r->r);
        return;
    }
    int shown = e.message.len < 250 ? (int)e.message.len : 250;
    snprintf(text, sizeof text, "%.*s", shown, e.message.ptr);
    record_refused(r->r.path, who != NULL ? who->key : NULL, e.status, text);
}

static uint16_t status_of_wrong(const facts *f)
{
    return f->members != NULL ? 400 : 503;
}

/* A preset of ours: from here on the request is what it would have been without it. 0, or the
   status to refuse with. */
static uint16_t apply_preset(relay *r, const conf_key *key, char *message, size_t size)
{
    or_str             unknown = or_str_of(NULL, 0);
    or_buf             body;
    const conf_preset *p = preset_find(conf_now(), &r->f, &unknown);
    if (p == NULL && key != NULL && key->preset != NULL && r->f.preset.len == 0 && unknown.len == 0)
        p = conf_find_preset(conf_now(), or_str_z(key->preset)); /* the key's own */
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
    r->rw.theirs = or_str_of(NULL, 0); /* it has not what the preset says */
    return ok ? 0 : status_of_wrong(&r->f);
}

/* A body in another dialect becomes a chat completion. */
static uint16_t translate(relay *r, char *message, size_t size)
{
    const char *bad = NULL;
    or_str      body = or_buf_str(&r->theirs), twice = or_str_of(NULL, 0);
    or_err      e = or_dialect_to_chat(&r->body, r->rw.speaks, body, &r->rw.asked, &bad);
    if (e == OR_OK) e = rewrite_keep(&r->rw, body, &r->arena, &twice);
    if (e == OR_OK) return 0;
    if (e == OR_ERR_MEMORY || e == OR_ERR_SPACE) {
        snprintf(message, size, "no memory: limits.memory is reached");
        return 503;
    }
    bool empty = bad != NULL && (strcmp(bad, "messages") == 0 || strcmp(bad, "input") == 0);
    if (e == OR_ERR_DIALECT && empty)
        snprintf(message, size, "%s holds nothing that a model can be asked", bad);
    else if (e == OR_ERR_DIALECT)
        snprintf(message, size, "%s is not served: nothing is kept here from one request to the "
                 "next, so send all of it", bad != NULL ? bad : "request body");
    else if (e == OR_ERR_TYPE && bad != NULL)
        snprintf(message, size, "%s is missing or has a wrong type", bad);
    else if (e == OR_ERR_DUPLICATE)
        snprintf(message, size, "%.*s is given twice", (int)(twice.len < 100 ? twice.len : 100),
                 twice.ptr);
    else if (facts_read(body, FACTS_OTHER, &r->arena, &r->f, message, size))
        snprintf(message, size, "request body: %s", or_err_text(e));
    return 400;
}

/* The body and what it asks. 0, or the status to refuse with. */
static uint16_t read_body(relay *r, client *c, facts_kind kind, const conf_key *key, char *message,
                          size_t size)
{
    if (client_take_body(c, relay_is_chat(r) ? &r->body : &r->theirs) != OR_OK) {
        snprintf(message, size, "no memory: limits.memory is reached");
        return 503;
    }
    uint16_t status = relay_is_chat(r) ? 0 : translate(r, message, size);
    if (status != 0) return status;
    if (!facts_read(or_buf_str(&r->body), kind, &r->arena, &r->f, message, size))
        return status_of_wrong(&r->f);
    status = apply_preset(r, key, message, size);
    r->f.request.lowers_output = r->rw.speaks == OR_DIALECT_MESSAGES; /* it has to name one */
    return status;
}

static void refuse_body(relay *r, client *c, const account *who, uint16_t status,
                        const char *message)
{
    char     mem[512];
    envelope e = {.status = status, .message = or_str_z(message)};
    client_error(c, &e, relay_fields(r, mem, sizeof mem, false, status == 503));
    record_refused(r->r.path, who != NULL ? who->key : NULL, status, message);
}

/* The client's own bytes, when nobody who may serve it reads them. */
static void drop_theirs(relay *r)
{
    if (r->rw.speaks != OR_DIALECT_MESSAGES) return; /* RESPONSES are repeated in the answer */
    for (uint32_t i = 0; i < r->d.plan.num; i++) {
        uint16_t target = r->d.m->catalogue.endpoints[r->d.plan.list[i].endpoint].target;
        if (rewrite_passes(&r->rw, settings_of(r)->providers[target].facts)) return;
    }
    r->rw.theirs = or_str_of(NULL, 0);
    or_buf_free(&r->theirs);
}

/* Read and decide. False: the client has its answer. */
static bool prepare(relay *r, client *c, facts_kind kind, const account *who, bool limited)
{
    char       message[256];
    refusal    why;
    decide_who whose = {who != NULL ? who->key : NULL, limited,
                        or_http_field(client_head(c), OR_STR("x-session-id"), NULL)};
    uint16_t   wrong = read_body(r, c, kind, whose.key, message, sizeof message);
    if (wrong != 0) {
        refuse_body(r, c, who, wrong, message);
        return false;
    }
    bool asks = strcmp(r->r.path, "/route") != 0;
    or_str user = facts_plain(r->f.user, &r->arena);
    bool   enters = !asks || gate_add_user(&r->ticket, user, &r->arena, &why);
    whose.limited = limited || gate_is_limited(&r->ticket); /* the user may be the only one who is */
    if (!enters || !decide(&r->d, &r->f, &whose, &r->arena, &why)) {
        refuse(r, c, who, &why);
        return false;
    }
    drop_theirs(r);
    r->r.session = facts_plain(r->f.session_id, &r->arena);
    if (r->r.session.len == 0) r->r.session = keep_field(r, client_head(c), "x-session-id");
    if (r->r.session.len > 0) r->ticket.session = r->r.session;
    if (user.len > 0) r->r.user = user;
    return true;
}

static void discard(relay *r)
{
    r->f.stream = false; /* it was not counted */
    ev_defer(&r->task);
}

/* Ask the providers. */
static void begin(relay *r)
{
    client *c = r->c;
    if (begin_call(r) == OR_OK) {
        relay_set_beat(r);
        exchange_pump(&r->x);
        return;
    }
    relay_forget_client(r, 503, "error");
    client_owner(c, NULL);
    refuse_memory(c);
    end_waiting(r);
}

/* The reservation is on disk; or it cannot be, and nothing may be spent. */
static void on_reserved(void *user, bool ok)
{
    char     mem[512], text[500];
    relay   *r = user;
    client  *c = r->c;
    if (ok) {
        r->waiting = false;
        begin(r);
        return;
    }
    snprintf(text, sizeof text, "there is a limit on this request, and what it spends cannot be "
             "written down: %s", ledger_fault());
    envelope e = {.status = 503, .message = or_str_z(text)};
    relay_forget_client(r, 503, "error");
    client_owner(c, NULL);
    client_error(c, &e, relay_fields(r, mem, sizeof mem, false, 5));
    end_waiting(r);
}

static void enlist(relay *r, client *c)
{
    r->next = relays;
    if (relays != NULL) relays->prev = r;
    relays = r;
    num_relays++;
    num_streams += r->f.stream;
    r->c = c;
    client_owner(c, r);
}

void relay_request(client *c, facts_kind kind, or_dialect speaks, const char *path, account *who)
{
    refusal why;
    relay  *r = new_relay();
    if (r == NULL) {
        refuse_memory(c);
        return;
    }
    r->r.path = path;
    r->rw.speaks = speaks;
    note_client(r, client_head(c));
    or_str app = r->r.title.len > 0 ? r->r.title : r->r.referer;
    if (!gate_enter(&r->ticket, who, app, &r->arena, &why)) {
        refuse(r, c, who, &why);
        discard(r);
        return;
    }
    if (!prepare(r, c, kind, who, gate_is_limited(&r->ticket))) {
        discard(r);
        return;
    }
    if (!gate_reserve(&r->ticket, &r->d, &r->f, r->r.id, &r->arena, &why)) {
        refuse(r, c, who, &why);
        discard(r);
        return;
    }
    r->rw.f = &r->f;
    r->rw.d = &r->d;
    r->rw.client = client_head(c);
    r->rw.path = path;
    r->rw.session = r->r.session;
    for (uint32_t i = 0; i < r->d.request.num_models; i++)
        expand_want(r->d.m, r->d.request.models[i]);
    enlist(r, c);
    if (gate_wait(&r->ticket, on_reserved, r))
        begin(r);
    else
        r->waiting = true;
}

void relay_route(client *c, const account *who)
{
    relay *r = new_relay();
    or_buf body;
    if (r == NULL) {
        refuse_memory(c);
        return;
    }
    r->r.path = "/route";
    note_client(r, client_head(c));
    or_buf_init_growing(&body, &mem_allocator, 1024 * 1024);
    if (prepare(r, c, FACTS_CHAT, who, who != NULL && who->budget.limited)) {
        if (decide_put_answer(&body, &r->d) == OR_OK)
            client_reply(c, 200, "application/json", or_str_of(NULL, 0), or_buf_str(&body));
        else
            refuse_memory(c);
    }
    or_buf_free(&body);
    discard(r);
}
