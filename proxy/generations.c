#include "proxy/generations.h"

#include <string.h>

#include "proxy/clock.h"
#include "proxy/mem.h"
#include "proxy/member.h"

/* One block: the struct, its lists, then its texts behind each other. */
typedef struct kept {
    struct kept *next; /* younger */
    size_t       size;
    generation   g;
} kept;

static kept  *oldest, *youngest;
static size_t num;

/* ---- keeping ---- */

static void drop_oldest(void)
{
    kept *k = oldest;
    oldest = k->next;
    if (oldest == NULL) youngest = NULL;
    num--;
    mem_free(k, k->size);
}

/* Both passes over the texts: their length, or a copy of each at *at. */
static void take_text(or_str *s, size_t *len, char **at)
{
    *len += s->len;
    if (at == NULL || s->ptr == NULL) return;
    if (s->len > 0) memcpy(*at, s->ptr, s->len);
    s->ptr = *at;
    *at += s->len;
}

static size_t take_texts(generation *g, generation_attempt *attempts,
                         generation_endpoint *endpoints, char **at)
{
    or_str *const texts[] = {&g->id,       &g->key,           &g->upstream_id, &g->model,
                             &g->provider, &g->native_finish, &g->referer,     &g->user_agent,
                             &g->user,     &g->session,       &g->title};
    size_t        len = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) take_text(texts[i], &len, at);
    for (uint32_t i = 0; i < g->num_attempts; i++) {
        take_text(&attempts[i].provider, &len, at);
        take_text(&attempts[i].model, &len, at);
    }
    for (uint32_t i = 0; i < g->num_endpoints; i++) {
        take_text(&endpoints[i].provider, &len, at);
        take_text(&endpoints[i].tag, &len, at);
        take_text(&endpoints[i].model, &len, at);
        take_text(&endpoints[i].upstream_model, &len, at);
    }
    return len;
}

void generations_add(size_t max, const generation *g)
{
    while (num > 0 && num >= max) drop_oldest();
    if (max == 0) return;
    generation           copy = *g;
    size_t               attempts = g->num_attempts * sizeof *g->attempts;
    size_t               endpoints = g->num_endpoints * sizeof *g->endpoints;
    generation_attempt  *a = (generation_attempt *)(uintptr_t)g->attempts;
    generation_endpoint *e = (generation_endpoint *)(uintptr_t)g->endpoints;
    size_t size = sizeof(kept) + endpoints + attempts + take_texts(&copy, a, e, NULL);
    kept  *k = mem_allocator.alloc(NULL, size);
    if (k == NULL) return;
    e = (generation_endpoint *)(k + 1);
    a = (generation_attempt *)(e + g->num_endpoints);
    char *text = (char *)(a + g->num_attempts);
    if (endpoints > 0) memcpy(e, g->endpoints, endpoints);
    if (attempts > 0) memcpy(a, g->attempts, attempts);
    (void)take_texts(&copy, a, e, &text);
    copy.attempts = a;
    copy.endpoints = e;
    *k = (kept){NULL, size, copy};
    if (youngest != NULL)
        youngest->next = k;
    else
        oldest = k;
    youngest = k;
    num++;
}

void generations_clear(void)
{
    while (num > 0) drop_oldest();
}

/* ---- telling ---- */

/* The shape wants a number. Unknown is -1, as OpenRouter says it of prices; never 0. */
static void put_total(or_json_writer *w, const char *name, const or_cost *c)
{
    or_json_put_key(w, or_str_z(name));
    if (c->source == OR_COST_UNKNOWN)
        or_json_put_i64(w, -1);
    else
        or_json_put_decimal(w, c->pico_usd, 12);
}

static void put_usage(or_json_writer *w, const generation *g)
{
    const or_usage *u = &g->usage;
    const struct {
        const char *name;
        uint64_t    n;
    } counts[] = {
        {"tokens_prompt", u->prompt_tokens},
        {"tokens_completion", u->completion_tokens},
        {"native_tokens_prompt", u->prompt_tokens},
        {"native_tokens_completion", u->completion_tokens},
        {"native_tokens_reasoning", u->reasoning_tokens},
        {"native_tokens_cached", u->cached_tokens},
        {"native_tokens_completion_images", u->image_output_tokens},
        {"num_search_results", u->web_searches},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (u->set)
            member_u64(w, counts[i].name, counts[i].n);
        else
            member_null(w, counts[i].name);
    }
    put_total(w, "total_cost", &g->cost);
    put_total(w, "usage", &g->cost);
    member_bool(w, "is_byok", g->byok);
    member_bool(w, "estimated", g->cost.source == OR_COST_ESTIMATED);
    if (u->upstream_cost_set)
        member_usd(w, "upstream_inference_cost", u->upstream_cost_pico_usd);
    else if (g->byok)
        member_cost(w, "upstream_inference_cost", &g->cost);
    else
        member_null(w, "upstream_inference_cost");
}

static void put_attempt(or_json_writer *w, const generation_attempt *a)
{
    or_json_begin_object(w);
    member_str(w, "provider_name", a->provider);
    member_str(w, "model_permaslug", a->model);
    if (a->status > 0)
        member_u64(w, "status", a->status);
    else
        member_null(w, "status");
    member_u64(w, "latency", a->ms);
    member_bool(w, "is_byok", a->is_byok);
    if (a->word != NULL) member_z(w, "error", a->word);
    or_json_end_object(w);
}

/* Members that nobody here can fill, which clients want to see all the same. */
static void put_nulls(or_json_writer *w)
{
    static const char *const names[] = {
        "app_id",   "cache_discount",      "moderation_latency",
        "num_media_prompt", "num_media_completion", "num_input_audio_prompt", "num_fetches",
        "web_search_engine", "preset_id",  "request_id",           "response_cache_source_id",
        "workspace_id",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) member_null(w, names[i]);
}

static void put_candidate(or_json_writer *w, const generation_endpoint *e)
{
    member_str(w, "upstream_model", e->upstream_model);
    or_json_put_key(w, OR_STR("price"));
    if (e->priced) {
        or_json_begin_object(w);
        member_price(w, "prompt", e->prompt);
        member_price(w, "completion", e->completion);
        or_json_end_object(w);
    } else {
        or_json_put_null(w);
    }
    member_cost(w, "worst_cost", &e->worst);
    member_bool(w, "drawn", e->drawn);
    member_bool(w, "sticky", e->sticky);
    or_json_put_key(w, OR_STR("health"));
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("uptime"));
    or_json_put_decimal(w, e->uptime_permille, 1);
    member_bool(w, "outage", e->outage);
    member_bool(w, "open", e->open);
    member_u64(w, "cooling_ms", e->cooling_ms);
    or_json_end_object(w);
}

static void put_endpoints(or_json_writer *w, const char *name, const generation_endpoint *list,
                          uint32_t count, bool kept_ones)
{
    or_json_put_key(w, or_str_z(name));
    or_json_begin_array(w);
    for (const generation_endpoint *e = list; e < list + count; e++) {
        if ((e->reason == OR_ROUTE_KEPT) != kept_ones) continue;
        or_json_begin_object(w);
        member_str(w, "provider", e->provider);
        member_str(w, "tag", e->tag);
        member_str(w, "model", e->model);
        if (kept_ones) {
            put_candidate(w, e);
        } else {
            member_z(w, "excluded_by", or_route_reason_by(e->reason));
            member_z(w, "reason", or_route_reason_text(e->reason));
        }
        or_json_end_object(w);
    }
    or_json_end_array(w);
}

void generations_put_routing(or_json_writer *w, const generation_endpoint *list, uint32_t count)
{
    put_endpoints(w, "candidates", list, count, true);
    put_endpoints(w, "excluded", list, count, false);
}

static or_err put(or_buf *out, const generation *g)
{
    or_json_writer w;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    member_str(&w, "id", g->id);
    member_str(&w, "upstream_id", g->upstream_id);
    member_str(&w, "model", g->model);
    member_str(&w, "provider_name", g->provider);
    member_z(&w, "api_type", g->type);
    clock_put(&w, "created_at", g->created);
    member_bool(&w, "streamed", g->streamed);
    member_bool(&w, "cancelled", g->cancelled);
    member_z(&w, "finish_reason", g->finish);
    member_str(&w, "native_finish_reason", g->native_finish);
    put_usage(&w, g);
    member_ms(&w, "latency", g->first_ms);
    member_ms(&w, "generation_time", g->took_ms);
    member_str(&w, "origin", g->referer.ptr != NULL ? g->referer : OR_STR(""));
    member_str(&w, "http_referer", g->referer);
    member_str(&w, "user_agent", g->user_agent);
    member_str(&w, "external_user", g->user);
    member_str(&w, "session_id", g->session);
    member_z(&w, "router", g->router);
    member_z(&w, "service_tier", NULL);
    member_z(&w, "data_region", "global");
    put_nulls(&w);
    member_str(&w, "app_title", g->title);
    member_z(&w, "end", g->end);
    member_u64(&w, "status", g->status);
    or_json_put_key(&w, OR_STR("provider_responses"));
    or_json_begin_array(&w);
    for (uint32_t i = 0; i < g->num_attempts; i++) put_attempt(&w, &g->attempts[i]);
    or_json_end_array(&w);
    or_json_put_key(&w, OR_STR("routing"));
    or_json_begin_object(&w);
    generations_put_routing(&w, g->endpoints, g->num_endpoints);
    or_json_end_object(&w);
    or_json_end_object(&w);
    return or_json_writer_end(&w);
}

/* The youngest of that id; key NULL: whosever it is. */
static or_err put_found(or_buf *out, or_str id, const or_str *key)
{
    const generation *found = NULL;
    for (const kept *k = oldest; k != NULL; k = k->next)
        if (or_str_eq(k->g.id, id) && (key == NULL || or_str_eq(k->g.key, *key))) found = &k->g;
    return found != NULL ? put(out, found) : OR_ERR_ABSENT;
}

or_err generations_put(or_buf *out, or_str id, or_str key)
{
    return put_found(out, id, &key);
}

or_err generations_put_any(or_buf *out, or_str id)
{
    return put_found(out, id, NULL);
}
