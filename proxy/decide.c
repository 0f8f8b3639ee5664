#include "proxy/decide.h"

#include <stdio.h>
#include <string.h>

#include "ports/posix.h"
#include "proxy/clock.h"
#include "proxy/ev.h"
#include "proxy/member.h"
#include "proxy/preset.h"
#include "proxy/uplink.h"

enum {
    MAX_MODELS = 64,   /* of one request, presets and pools included */
    CONVERSATIONS = 1024,
    MAX_REASONS = 6 /* endpoints that an error text names */
};

static or_sticky_slot slots[CONVERSATIONS];
static or_sticky      conversations = {slots, CONVERSATIONS};
static uint32_t       turn;

/* ---- dice and time ---- */

/* splitmix64 over a random start: nothing secret depends on it. */
static uint64_t random_bits(void)
{
    static uint64_t state;
    if (state == 0) (void)or_posix_random(&state, sizeof state);
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void set_moment(or_moment *m)
{
    m->now_ms = ev_now();
    m->wall = clock_wall();
    m->seed = random_bits();
    m->turn = turn++;
}

/* ---- refusals ---- */

static bool refuse(refusal *why, or_arena *arena, uint16_t status, const char *text)
{
    size_t n = strlen(text);
    char  *copy = or_arena_alloc(arena, n + 1);
    memset(why, 0, sizeof *why);
    why->e.status = copy != NULL ? status : 503;
    why->e.message =
        copy != NULL ? or_str_of(copy, n) : OR_STR("no memory: limits.memory is reached");
    if (copy != NULL) memcpy(copy, text, n + 1);
    why->retry_after_s = why->e.status == 503; /* what is short of us may be there soon */
    return false;
}

/* Shorter than any text it goes into. */
static int shown(or_str s)
{
    return s.len < 128 ? (int)s.len : 128;
}

/* What keeps JSON: an arena's block that is as long as it has to be. */
static or_str put_in_arena(or_arena *arena, or_err (*put)(or_buf *out, const void *what),
                           const void *what)
{
    or_buf count, out;
    or_buf_init_counting(&count);
    if (put(&count, what) != OR_OK) return or_str_of(NULL, 0);
    char *mem = or_arena_alloc(arena, count.len);
    if (mem == NULL) return or_str_of(NULL, 0);
    or_buf_init(&out, mem, count.len);
    return put(&out, what) == OR_OK ? or_buf_str(&out) : or_str_of(NULL, 0);
}

/* ---- the availability of a model, openrouter.ai's words ---- */

typedef struct availability {
    const decision *d;
    const char     *code;
    bool            retryable;
} availability;

static void put_models(or_json_writer *w, const decision *d)
{
    or_json_put_key(w, OR_STR("requested_models"));
    or_json_begin_array(w);
    for (uint32_t i = 0; i < d->request.num_models; i++)
        or_json_put_str(w, d->request.models[i]);
    or_json_end_array(w);
}

static void put_excluded_by(or_json_writer *w, const or_plan *p)
{
    uint32_t said = 0;
    or_json_put_key(w, OR_STR("excluded_by"));
    or_json_begin_array(w);
    for (uint32_t i = p->num; i < p->num + p->num_out; i++) {
        uint32_t bit = 1u << p->list[i].reason;
        if ((said & bit) == 0)
            or_json_put_str(w, or_str_z(or_route_reason_by(p->list[i].reason)));
        said |= bit;
    }
    or_json_end_array(w);
}

static or_err put_availability(or_buf *out, const void *what)
{
    const availability *a = what;
    or_json_writer      w;
    char                url[128];
    snprintf(url, sizeof url, "https://openrouter.ai/docs/errors#%s", a->code);
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    member_z(&w, "code", a->code);
    member_bool(&w, "retryable", a->retryable);
    put_models(&w, a->d);
    if (a->d->plan.num_out > 0) put_excluded_by(&w, &a->d->plan);
    member_z(&w, "docs_url", url);
    or_json_end_object(&w);
    return or_json_writer_end(&w);
}

static void note_endpoint(const decision *d, const or_candidate *c, generation_endpoint *to)
{
    const or_endpoint *e = &d->m->catalogue.endpoints[c->endpoint];
    or_price_list      prices;
    uint32_t           both = 1u << OR_PRICE_PROMPT | 1u << OR_PRICE_COMPLETION;
    memset(to, 0, sizeof *to);
    to->provider = e->provider_name.ptr != NULL ? e->provider_name : e->provider;
    to->tag = e->tag.ptr != NULL ? e->tag : e->provider;
    to->model = e->model;
    to->reason = c->reason;
    if (c->reason != OR_ROUTE_KEPT) return;
    to->upstream_model = e->upstream_model.ptr != NULL ? e->upstream_model : e->model;
    or_prices_at(&e->prices, d->request.prompt_tokens, d->moment.wall, &prices);
    to->priced = (prices.known & both) == both;
    to->prompt = prices.pico[OR_PRICE_PROMPT];
    to->completion = prices.pico[OR_PRICE_COMPLETION];
    decide_worst(d, c->endpoint, &to->worst);
    to->drawn = c->drawn;
    to->sticky = c->sticky;
    to->outage = c->health.outage;
    to->open = c->health.open;
    to->uptime_permille = c->health.uptime_permille;
    to->cooling_ms = c->health.cooling_ms;
}

uint32_t decide_endpoints(const decision *d, generation_endpoint *list)
{
    const or_plan *p = &d->plan;
    uint32_t       kept = p->num < GENERATIONS_MAX_SHOWN ? p->num : GENERATIONS_MAX_SHOWN;
    uint32_t       out = p->num_out < GENERATIONS_MAX_SHOWN ? p->num_out : GENERATIONS_MAX_SHOWN;
    for (uint32_t i = 0; i < kept; i++) note_endpoint(d, &p->list[i], &list[i]);
    for (uint32_t i = 0; i < out; i++) note_endpoint(d, &p->list[p->num + i], &list[kept + i]);
    return kept + out;
}

static void put_endpoints(or_json_writer *w, const decision *d)
{
    generation_endpoint list[2 * GENERATIONS_MAX_SHOWN];
    generations_put_routing(w, list, decide_endpoints(d, list));
}

static or_err put_routing(or_buf *out, const void *what)
{
    or_json_writer w;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    put_endpoints(&w, what);
    or_json_end_object(&w);
    return or_json_writer_end(&w);
}

/* "alpha may collect data; beta too dear": the first few. */
static void list_reasons(const decision *d, char *text, size_t size)
{
    const or_plan *p = &d->plan;
    size_t         used = 0;
    for (uint32_t i = 0; i < p->num_out && i < MAX_REASONS && used < size; i++) {
        const or_candidate *c = &p->list[p->num + i];
        or_str              tag = d->m->catalogue.endpoints[c->endpoint].tag;
        used += (size_t)snprintf(text + used, size - used, "%s%.*s (%s)", i > 0 ? "; " : "",
                                 shown(tag), tag.ptr, or_route_reason_text(c->reason));
    }
    if (p->num_out > MAX_REASONS && used < size)
        snprintf(text + used, size - used, "; and %u more", (unsigned)(p->num_out - MAX_REASONS));
}

static bool left_out_for(const or_plan *p, or_route_reason reason)
{
    for (uint32_t i = p->num; i < p->num + p->num_out; i++)
        if (p->list[i].reason == reason) return true;
    return false;
}

static bool no_model(const decision *d, or_arena *arena, refusal *why)
{
    char         text[512];
    availability a = {d, "model_not_found", false};
    if (market_is_full(d->m))
        return refuse(why, arena, 503, "too many models that no provider lists are in use at once");
    snprintf(text, sizeof text, "%.*s is not a valid model ID: GET /v1/models lists them",
             shown(d->asked), d->asked.ptr);
    refuse(why, arena, 400, text);
    why->e.availability = put_in_arena(arena, put_availability, &a);
    return false;
}

/* Endpoints there are, but none is left: the status by what would have helped. */
static bool no_endpoint(const decision *d, const facts *f, or_arena *arena, refusal *why)
{
    char           text[1024], reasons[800] = "";
    const or_plan *p = &d->plan;
    availability   a = {d, "constraint_filtered", false};
    uint16_t       status = 404;
    uint32_t       wait_s = 0;
    list_reasons(d, reasons, sizeof reasons);
    if (left_out_for(p, OR_ROUTE_OFFLINE)) {
        status = 503;
        wait_s = uplink_next_probe_ms() / 1000 + 1;
        a.code = "temporarily_unavailable";
    } else if (p->retry_after_ms > 0) {
        status = 429;
        wait_s = (p->retry_after_ms + 999) / 1000;
        a.code = "capacity_exhausted";
    } else if (d->request.known_price && left_out_for(p, OR_ROUTE_UNKNOWN_PRICE)) {
        status = 402;
    } else if (left_out_for(p, OR_ROUTE_BARRED)) {
        status = 403;
    }
    a.retryable = status == 503 || status == 429;
    if (left_out_for(p, OR_ROUTE_ROUTER) && status == 404 && f->needs_router != NULL)
        snprintf(text, sizeof text,
                 "No endpoints found for %.*s: \"%s\" needs an OpenRouter provider, and there is "
                 "none for this model",
                 shown(d->asked), d->asked.ptr, f->needs_router);
    else
        snprintf(text, sizeof text, "No endpoints found for %.*s: %s", shown(d->asked),
                 d->asked.ptr, reasons);
    refuse(why, arena, status, text);
    if (wait_s > 0) why->retry_after_s = wait_s;
    if (status == 402 || status == 403) why->e.limit_source = status == 402 ? "request" : "key";
    why->e.availability = put_in_arena(arena, put_availability, &a);
    why->e.routing = put_in_arena(arena, put_routing, d);
    return false;
}

/* ---- names ---- */

/* The models that the request will be routed by, as they are gathered. */
typedef struct names {
    or_str   list[MAX_MODELS];
    uint32_t num;
} names;

static void add_name(names *n, or_str name)
{
    if (name.len > 0 && n->num < MAX_MODELS) n->list[n->num++] = name;
}

static bool has_router(const conf *settings)
{
    for (unsigned i = 0; i < settings->num_providers; i++)
        if (settings->providers[i].kind == PROVIDER_OPENROUTER) return true;
    return false;
}

/* An alias that stands for a model by itself; with suffixes the plan knows it. */
static or_str unalias(const conf *settings, or_str name)
{
    for (unsigned i = 0; i < settings->num_aliases; i++)
        if (or_str_eq_nocase(settings->aliases[i].name, name)) return settings->aliases[i].model;
    return name;
}

static bool read_names(decision *d, const facts *f, names *n, or_arena *arena, refusal *why)
{
    char        text[256];
    const conf *settings = d->m->settings;
    for (uint32_t i = 0; i < f->request.num_models; i++) {
        or_str model = preset_model(f->request.models[i]);
        if (model.len < f->request.models[i].len) d->preset = f->request.models[i];
        add_name(n, model);
    }
    if (f->request.num_models > MAX_MODELS)
        return refuse(why, arena, 400, "models has more than 64 entries");
    if (d->preset.ptr == NULL) d->preset = f->preset;
    if (d->preset.len > 0 && !has_router(settings)) { /* ours were put in already */
        or_str mark = OR_STR("@preset/");
        size_t at = or_str_find(d->preset, mark, 0);
        or_str name = d->preset;
        if (at < name.len) name = or_str_of(name.ptr + at + mark.len, name.len - at - mark.len);
        snprintf(text, sizeof text, "preset %.*s is not known here", shown(name), name.ptr);
        return refuse(why, arena, 404, text);
    }
    if (n->num == 0 && settings->default_model != NULL)
        add_name(n, or_str_z(settings->default_model));
    if (n->num == 0)
        return refuse(why, arena, 400,
                      "model is missing, and there is no default_model: GET /v1/models lists them");
    d->asked = f->request.num_models > 0 ? f->request.models[0] : n->list[0];
    d->strategy = n->num > 1 ? "fallback" : "direct";
    if (unalias(settings, n->list[0]).ptr != n->list[0].ptr) d->strategy = "alias";
    for (uint32_t i = 0; i < n->num; i++) n->list[i] = unalias(settings, n->list[i]);
    return true;
}

/* ---- openrouter/auto and openrouter/free, where no OpenRouter serves them ---- */

/* Is the model among the patterns of that member of the plugin auto-router? *given: there are
   such. */
static bool plugin_lists(or_str plugins, const char *member, or_str model, bool *given)
{
    or_json_scan s;
    or_json_item item;
    bool         inside = false, found = false;
    *given = false;
    or_json_scan_init(&s, plugins);
    while (plugins.len > 0 && or_json_scan_next(&s, &item) == OR_OK) {
        if (item.depth == 2)
            inside = item.type == OR_JSON_ARRAY && or_json_str_is_z(item.key, member);
        if (item.depth != 3 || !inside || item.type != OR_JSON_STRING) continue;
        *given = true;
        found = found || conf_matches(item.value, model);
    }
    return found;
}

static bool allows(const or_str *patterns, unsigned num, or_str name)
{
    for (unsigned i = 0; i < num; i++)
        if (conf_matches(patterns[i], name)) return true;
    return num == 0;
}

static bool pool_admits(const facts *f, const conf_key *key, or_str model)
{
    if (key != NULL && !allows(key->models, key->num_models, model)) return false;
    bool given, listed = plugin_lists(f->plugins, "allowed_models", model, &given);
    if (given && !listed) return false;
    return !plugin_lists(f->plugins, "excluded_models", model, &given);
}

static bool is_free(const market *m, const market_model *model)
{
    uint32_t both = 1u << OR_PRICE_PROMPT | 1u << OR_PRICE_COMPLETION;
    for (uint32_t i = 0; i < model->num; i++) {
        const or_price_list *p = &m->catalogue.endpoints[model->first + i].prices.base;
        if ((p->known & both) == both && p->pico[OR_PRICE_PROMPT] == 0 &&
            p->pico[OR_PRICE_COMPLETION] == 0)
            return true;
    }
    return false;
}

/* The pool in place of the router: who can do it, cheapest first. */
static bool expand_router(decision *d, const facts *f, names *n, or_arena *arena, refusal *why)
{
    char        text[256];
    names       pool = {.num = 0};
    const conf *settings = d->m->settings;
    or_str      name = n->list[0];
    bool        is_auto = or_str_eq_nocase(name, OR_STR("openrouter/auto"));
    bool        is_free_router = or_str_eq_nocase(name, OR_STR("openrouter/free"));
    if ((!is_auto && !is_free_router) || market_find(d->m, name) != NULL ||
        market_admit(d->m, name, false) > 0)
        return true;
    for (unsigned i = 0; is_auto && i < settings->num_auto_models; i++)
        if (pool_admits(f, d->key, settings->auto_models[i]))
            add_name(&pool, settings->auto_models[i]);
    for (uint32_t i = 0; is_free_router && i < d->m->num_models; i++)
        if (is_free(d->m, &d->m->models[i]) && pool_admits(f, d->key, d->m->models[i].id))
            add_name(&pool, d->m->models[i].id);
    if (pool.num == 0) {
        snprintf(text, sizeof text,
                 "no models match your request and model restrictions: %.*s needs an OpenRouter "
                 "provider, or %s",
                 shown(name), name.ptr,
                 is_auto ? "auto_models in the settings" : "a model that is free");
        return refuse(why, arena, 404, text);
    }
    for (uint32_t i = 1; i < n->num; i++) add_name(&pool, n->list[i]);
    *n = pool;
    d->strategy = is_auto ? "auto" : "free";
    if (d->request.prefs.sort == OR_SORT_DEFAULT) d->request.prefs.sort = OR_SORT_PRICE;
    d->request.prefs.across_models = true;
    return true;
}

/* ---- rules of the owner and the key ---- */

static bool apply_key(decision *d, names *n, or_arena *arena, refusal *why)
{
    char            text[400];
    const conf     *settings = d->m->settings;
    const conf_key *key = d->key;
    uint32_t        kept = 0;
    or_str          first = n->list[0];
    if (d->limited && d->request.max_tokens == 0)
        d->max_tokens = settings->default_max_tokens; /* what worst cases assume has to hold */
    d->request.known_price = d->limited && settings->unknown_price == CONF_PRICE_REFUSE;
    if (key == NULL) return true;
    for (uint32_t i = 0; i < n->num; i++)
        if (allows(key->models, key->num_models, n->list[i])) n->list[kept++] = n->list[i];
    n->num = kept;
    if (kept == 0) {
        snprintf(text, sizeof text, "key %.100s may not use %.*s: its `models` say what it may",
                 key->name, shown(first), first.ptr);
        refuse(why, arena, 403, text);
        why->e.limit_source = "key";
        return false;
    }
    for (unsigned i = 0; i < settings->num_providers; i++)
        if (!allows(key->providers, key->num_providers, or_str_z(settings->providers[i].name)))
            d->request.barred |= (uint64_t)1 << i;
    if (key->max_tokens == 0 || d->request.max_tokens == 0 ||
        d->request.max_tokens <= key->max_tokens) {
        if (key->max_tokens > 0 && d->request.max_tokens == 0) {
            if (d->max_tokens == 0 || key->max_tokens < d->max_tokens)
                d->max_tokens =
                    (uint32_t)(key->max_tokens < UINT32_MAX ? key->max_tokens : UINT32_MAX);
            d->request.max_tokens = d->max_tokens;
        }
        return true;
    }
    snprintf(text, sizeof text, "max_tokens of %u is more than key %.100s may ask for (%llu)",
             (unsigned)d->request.max_tokens, key->name, (unsigned long long)key->max_tokens);
    refuse(why, arena, 403, text);
    why->e.limit_source = "request";
    return false;
}

/* Where the request's preferences leave something open the owner's count; the owner's filters
   do in any case. */
static void apply_preferences(decision *d, const facts *f)
{
    or_prefs       *p = &d->request.prefs;
    const or_prefs *policy = &d->m->policy;
    if (d->m->settings->provider_preferences.ptr == NULL) return;
    d->request.policy = policy;
    if (p->num_order == 0 && p->sort == OR_SORT_DEFAULT) {
        p->order = policy->order;
        p->num_order = policy->num_order;
        p->sort = policy->sort;
    }
    if (facts_member(f, OR_STR("provider")) == NULL) p->no_fallbacks |= policy->no_fallbacks;
    if (p->min_throughput_milli.p50 == 0) p->min_throughput_milli = policy->min_throughput_milli;
    if (p->max_latency_ms.p50 == 0) p->max_latency_ms = policy->max_latency_ms;
}

static void apply_needs(decision *d, const facts *f, const names *n)
{
    or_variants v;
    const conf *settings = d->m->settings;
    d->request.needs_router = f->needs_router != NULL ||
                              d->preset.len > 0;
    for (uint32_t i = 0; i < n->num; i++) {
        or_endpoint none = {.model = OR_STR_INIT("")};
        (void)or_route_model_is(n->list[i], &d->m->catalogue, &none, &v);
        d->request.needs_router = d->request.needs_router || v.online;
    }
    if (f->kind == FACTS_EMBEDDINGS) d->request.output_modalities = OR_MODALITY_EMBEDDINGS;
    for (unsigned i = 0; uplink_is_down() && i < settings->num_providers; i++)
        if (!upstream_is_near(d->m->hosts[i]))
            d->request.offline |= (uint64_t)1 << i;
}

static void apply_session(decision *d, const facts *f, or_str session)
{
    or_conversation c;
    memset(&c, 0, sizeof c);
    c.account = d->key != NULL ? or_str_z(d->key->id) : OR_STR("");
    c.model = d->request.models[0];
    c.session_id = f->session_id.len > 0 ? f->session_id : session;
    c.prompt_cache_key = f->prompt_cache_key;
    c.first_system = f->first_system;
    c.first_message = f->first_message;
    d->sticky_named = c.session_id.len > 0 || c.prompt_cache_key.len > 0;
    d->sticky_key = or_sticky_key(&c);
    d->request.sticky = or_sticky_find(&conversations, d->sticky_key, ev_now());
}

void decide_note(const decision *d, uint32_t endpoint, const or_usage *u)
{
    or_sticky_note(&conversations, d->sticky_key, d->sticky_named,
                   &d->m->catalogue.endpoints[endpoint], u, ev_now());
}

/* ---- the plan ---- */

/* Most plans are short: they are made in everybody's memory, and kept in as much as they take. */
static or_err plan(decision *d, or_arena *arena)
{
    static or_candidate usual[64];
    or_candidate       *list = usual;
    uint32_t            max = sizeof usual / sizeof usual[0];
    or_plan            *p = &d->plan;
    or_err              e;
    for (;;) {
        or_plan_init(p, list, max);
        e = or_route_plan(p, &d->request, &d->m->catalogue, d->m->stats, &d->moment);
        if (e != OR_ERR_SPACE) break;
        max *= 4;
        if ((list = or_arena_alloc(arena, max * sizeof *list)) == NULL) return OR_ERR_MEMORY;
    }
    if (list != usual) return e;
    uint32_t all = p->num + p->num_out;
    if ((list = or_arena_alloc(arena, (all + 1) * sizeof *list)) == NULL) return OR_ERR_MEMORY;
    memcpy(list, usual, all * sizeof *list);
    p->list = list;
    p->max = all;
    return e;
}

/* Each choice costs its completion; that the question is then paid as often is on the safe
   side. */
static void bound_choices(const or_prices *p, const or_bound_facts *b, uint32_t choices,
                          or_cost *out)
{
    or_cost_bound(p, b, out);
    int64_t one = out->pico_usd, times = choices > 1 ? choices : 1;
    out->pico_usd = one > INT64_MAX / times ? INT64_MAX : one * times;
}

void decide_worst(const decision *d, uint32_t endpoint, or_cost *out)
{
    const conf        *settings = d->m->settings;
    const or_endpoint *e = &d->m->catalogue.endpoints[endpoint];
    or_bound_facts     b = d->bound;
    or_prices          ceiling;
    b.output_limit = e->max_completion_tokens;
    b.context_length = e->context_length;
    bound_choices(&e->prices, &b, d->choices, out);
    if (out->source != OR_COST_UNKNOWN || settings->unknown_price != CONF_PRICE_CEILING) return;
    memset(&ceiling, 0, sizeof ceiling);
    or_price_set(&ceiling.base, OR_PRICE_PROMPT, settings->ceiling_prompt);
    or_price_set(&ceiling.base, OR_PRICE_COMPLETION, settings->ceiling_completion);
    bound_choices(&ceiling, &b, d->choices, out);
}

uint32_t decide_filter(decision *d, bool (*may)(void *user, uint32_t endpoint), void *user)
{
    or_plan *p = &d->plan;
    for (uint32_t i = 0; i < p->num; i++)
        p->list[i].reason = may(user, p->list[i].endpoint) ? OR_ROUTE_KEPT : OR_ROUTE_BUDGET;
    for (uint32_t i = p->num; i-- > 0;)
        if (p->list[i].reason != OR_ROUTE_KEPT) or_plan_leave_out(p, i);
    return p->num;
}

/* The dearest and the cheapest that were looked at, for the message. */
typedef struct dear {
    decision *d;
    or_cost   least;
    bool      any;
} dear;

static bool is_cheap_enough(void *user, uint32_t endpoint)
{
    dear   *x = user;
    or_cost worst;
    decide_worst(x->d, endpoint, &worst);
    if (!x->any || worst.pico_usd < x->least.pico_usd) x->least = worst;
    x->any = true;
    if (worst.source == OR_COST_UNKNOWN)
        return x->d->m->settings->unknown_price == CONF_PRICE_ALLOW;
    return worst.pico_usd <= x->d->key->max_cost_pico_usd;
}

/* Candidates that may cost more than the key allows for one request go. */
static bool apply_max_cost(decision *d, or_arena *arena, refusal *why)
{
    char   text[400], mem[40], most[40];
    or_buf money, max;
    dear   x = {d, {0}, false};
    if (d->key == NULL || d->key->max_cost_pico_usd < 0) return true;
    if (decide_filter(d, is_cheap_enough, &x) > 0) return true;
    or_buf_init(&money, mem, sizeof mem);
    or_decimal_put(&money, x.least.pico_usd, 12);
    or_buf_init(&max, most, sizeof most);
    or_decimal_put(&max, d->key->max_cost_pico_usd, 12);
    snprintf(text, sizeof text,
             "this request may cost %.*s USD, more than the %.*s that key %.100s may spend on one "
             "(max_cost_per_request): send fewer messages or a lower max_tokens",
             (int)money.len, mem, (int)max.len, most, d->key->name);
    refuse(why, arena, 402, text);
    why->e.limit_source = "request";
    return false;
}

static bool make_plan(decision *d, const facts *f, or_arena *arena, refusal *why)
{
    d->err = plan(d, arena);
    if (d->err == OR_ERR_ROUTE && strcmp(d->strategy, "auto") == 0 &&
        d->request.prefs.require_parameters &&
        !facts_member(f, OR_STR("provider"))) { /* nobody has them all: then who comes near */
        d->request.prefs.require_parameters = false;
        d->err = plan(d, arena);
    }
    if (d->err == OR_ERR_MODEL) return no_model(d, arena, why);
    if (d->err == OR_ERR_ROUTE) return no_endpoint(d, f, arena, why);
    if (d->err != OR_OK) return refuse(why, arena, 503, "no memory: limits.memory is reached");
    return apply_max_cost(d, arena, why);
}

/* Everybody in the plan, the excluded too: records name them at the end. */
static void pin_all(decision *d)
{
    for (uint32_t i = 0; i < d->plan.num + d->plan.num_out; i++)
        market_pin(d->m, d->plan.list[i].endpoint);
    d->pinned = d->plan.num + d->plan.num_out;
}

bool decide(decision *d, const facts *f, const decide_who *who, or_arena *arena, refusal *why)
{
    names  n = {.num = 0};
    or_str session = who->session;
    memset(d, 0, sizeof *d);
    d->m = market_hold(market_now());
    d->key = who->key;
    d->limited = who->limited || (who->key != NULL && who->key->max_cost_pico_usd >= 0);
    d->strategy = "direct";
    d->request = f->request;
    d->choices = f->choices;
    if (session.len > FACTS_MAX_SESSION)
        return refuse(why, arena, 400, "x-session-id is longer than 256 bytes");
    set_moment(&d->moment);
    if (!read_names(d, f, &n, arena, why)) return false;
    if (!apply_key(d, &n, arena, why)) return false;
    apply_preferences(d, f);
    if (!expand_router(d, f, &n, arena, why)) return false;
    if (strcmp(d->strategy, "auto") == 0) d->request.prefs.require_parameters = true;
    or_str *models = or_arena_alloc(arena, n.num * sizeof *models);
    if (models == NULL) return refuse(why, arena, 503, "no memory: limits.memory is reached");
    memcpy(models, n.list, n.num * sizeof *models);
    d->request.models = models;
    d->request.num_models = n.num;
    for (uint32_t i = n.num; i-- > 0;) /* the first one last: its places are not taken again */
        (void)market_admit(d->m, models[i], market_find(d->m, models[i]) != NULL);
    apply_needs(d, f, &n);
    apply_session(d, f, session);
    d->bound.prompt_bytes = f->body.len;
    d->bound.max_tokens = d->request.max_tokens > 0 ? d->request.max_tokens : d->max_tokens;
    bool made = make_plan(d, f, arena, why);
    pin_all(d);
    return made;
}

void decide_end(decision *d)
{
    for (uint32_t i = 0; i < d->pinned; i++) market_unpin(d->m, d->plan.list[i].endpoint);
    market_drop(d->m);
    d->m = NULL;
}

/* ---- telling ---- */

or_err decide_put_answer(or_buf *out, const decision *d)
{
    or_json_writer w;
    or_cost        worst, dearest = {0};
    for (uint32_t i = 0; i < d->plan.num; i++) {
        decide_worst(d, d->plan.list[i].endpoint, &worst);
        if (i == 0 || worst.source == OR_COST_UNKNOWN ||
            (dearest.source != OR_COST_UNKNOWN && worst.pico_usd > dearest.pico_usd))
            dearest = worst;
        if (dearest.source == OR_COST_UNKNOWN) break;
    }
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_object(&w);
    member_str(&w, "model", d->asked);
    member_str(&w, "strategy", or_str_z(d->strategy));
    put_endpoints(&w, d);
    member_cost(&w, "worst_cost", &dearest);
    or_json_end_object(&w);
    or_json_end_object(&w);
    return or_json_writer_end(&w);
}
