#include "proxy/metrics.h"

#include <stdio.h>
#include <string.h>

#include "proxy/books.h"
#include "proxy/clock.h"
#include "proxy/ev.h"
#include "proxy/ledger.h"

enum { MAX_SERIES = 512, MAX_LABEL = 96, NUM_BUCKETS = 12, MAX_ENDPOINTS = 500, MAX_LIMITS = 500 };

/* One combination of labels. */
typedef struct series {
    char     model[MAX_LABEL], provider[MAX_LABEL], key[MAX_LABEL], outcome[16];
    uint64_t requests, prompt_tokens, completion_tokens, unknown_costs;
    int64_t  pico_usd;
} series;

typedef struct histogram {
    uint64_t buckets[NUM_BUCKETS], count, sum_ms;
} histogram;

static const uint32_t bounds_ms[NUM_BUCKETS] = {1,    5,    10,   25,    50,    100,
                                                250,  500,  1000, 2500,  10000, 60000};

static series    all[MAX_SERIES];
static unsigned  num_series;
static histogram first_token, added;
static uint64_t  attempts, fallbacks;

static void copy_label(char *to, or_str from)
{
    size_t n = from.len < MAX_LABEL - 1 ? from.len : MAX_LABEL - 1;
    while (n > 0 && n < from.len && ((unsigned char)from.ptr[n] & 0xc0) == 0x80) n--; /* UTF-8 */
    if (n > 0) memcpy(to, from.ptr, n);
    to[n] = 0;
}

/* The series of these labels; when there are too many, one for all others. */
static series *find(const series *labels)
{
    size_t size = offsetof(series, requests);
    for (unsigned i = 0; i < num_series; i++)
        if (memcmp(&all[i], labels, size) == 0) return &all[i];
    if (num_series == MAX_SERIES) {
        memset(&all[MAX_SERIES - 1], 0, size);
        snprintf(all[MAX_SERIES - 1].model, MAX_LABEL, "other");
        snprintf(all[MAX_SERIES - 1].outcome, 16, "other");
        return &all[MAX_SERIES - 1];
    }
    all[num_series] = *labels;
    return &all[num_series++];
}

static void observe(histogram *h, int32_t ms)
{
    if (ms < 0) return;
    h->count++;
    h->sum_ms += (uint32_t)ms;
    for (int i = 0; i < NUM_BUCKETS; i++)
        if ((uint32_t)ms <= bounds_ms[i]) h->buckets[i]++;
}

void metrics_add(const metrics_request *r)
{
    static series labels; /* zeroed to the end of each text: compared as bytes */
    memset(&labels, 0, sizeof labels);
    copy_label(labels.model, r->model);
    copy_label(labels.provider, r->provider);
    copy_label(labels.key, r->key);
    if (r->truncated)
        snprintf(labels.outcome, sizeof labels.outcome, "truncated");
    else
        snprintf(labels.outcome, sizeof labels.outcome, "%u", r->status);
    series *s = find(&labels);
    s->requests++;
    if (r->usage.set) { /* guesses are no counts */
        s->prompt_tokens = or_sat_add_u64(s->prompt_tokens, r->usage.prompt_tokens);
        s->completion_tokens = or_sat_add_u64(s->completion_tokens, r->usage.completion_tokens);
    }
    if (r->cost.source == OR_COST_UNKNOWN)
        s->unknown_costs += r->attempts > 0;
    else
        s->pico_usd = or_money_add(s->pico_usd, r->cost.pico_usd);
    attempts += r->attempts;
    if (r->attempts > 1) fallbacks += r->attempts - 1;
    observe(&first_token, r->first_token_ms);
    observe(&added, r->added_ms);
}

/* ---- text ---- */

static void put_family(or_buf *out, const char *name, const char *type, const char *help)
{
    or_buf_put_z(out, "# HELP orproxy_");
    or_buf_put_z(out, name);
    or_buf_put_char(out, ' ');
    or_buf_put_z(out, help);
    or_buf_put_z(out, "\n# TYPE orproxy_");
    or_buf_put_z(out, name);
    or_buf_put_char(out, ' ');
    or_buf_put_z(out, type);
    or_buf_put_char(out, '\n');
}

static void put_value(or_buf *out, const char *text)
{
    or_buf_put_char(out, '"');
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') or_buf_put_char(out, '\\');
        if (*text == '\n')
            or_buf_put_z(out, "\\n");
        else
            or_buf_put_char(out, *text);
    }
    or_buf_put_char(out, '"');
}

static void put_label(or_buf *out, const char *name, const char *text, char before)
{
    or_buf_put_char(out, before);
    or_buf_put_z(out, name);
    or_buf_put_char(out, '=');
    put_value(out, text);
}

static void begin_sample(or_buf *out, const char *name, const series *s)
{
    or_buf_put_z(out, "orproxy_");
    or_buf_put_z(out, name);
    put_label(out, "model", s->model, '{');
    put_label(out, "provider", s->provider, ',');
    put_label(out, "key", s->key, ',');
    put_label(out, "outcome", s->outcome, ',');
}

static void put_count(or_buf *out, const char *name, const series *s, const char *kind, uint64_t n)
{
    begin_sample(out, name, s);
    if (kind != NULL) put_label(out, "kind", kind, ',');
    or_buf_put_z(out, "} ");
    or_buf_put_u64(out, n);
    or_buf_put_char(out, '\n');
}

static void put_series(or_buf *out)
{
    put_family(out, "requests_total", "counter", "Requests, by who served and how they ended.");
    for (unsigned i = 0; i < num_series; i++)
        put_count(out, "requests_total", &all[i], NULL, all[i].requests);
    put_family(out, "tokens_total", "counter", "Tokens, as the providers counted them.");
    for (unsigned i = 0; i < num_series; i++) {
        put_count(out, "tokens_total", &all[i], "prompt", all[i].prompt_tokens);
        put_count(out, "tokens_total", &all[i], "completion", all[i].completion_tokens);
    }
    put_family(out, "cost_usd_total", "counter", "Cost in USD, where it is known.");
    for (unsigned i = 0; i < num_series; i++) {
        begin_sample(out, "cost_usd_total", &all[i]);
        or_buf_put_z(out, "} ");
        or_decimal_put(out, all[i].pico_usd, 12);
        or_buf_put_char(out, '\n');
    }
    put_family(out, "unknown_costs_total", "counter", "Requests whose cost nobody knows.");
    for (unsigned i = 0; i < num_series; i++)
        put_count(out, "unknown_costs_total", &all[i], NULL, all[i].unknown_costs);
}

static void put_histogram(or_buf *out, const char *name, const char *help, const histogram *h)
{
    put_family(out, name, "histogram", help);
    for (int i = 0; i <= NUM_BUCKETS; i++) {
        or_buf_put_z(out, "orproxy_");
        or_buf_put_z(out, name);
        or_buf_put_z(out, "_bucket{le=\"");
        if (i < NUM_BUCKETS)
            or_decimal_put(out, bounds_ms[i], 3);
        else
            or_buf_put_z(out, "+Inf");
        or_buf_put_z(out, "\"} ");
        or_buf_put_u64(out, i < NUM_BUCKETS ? h->buckets[i] : h->count);
        or_buf_put_char(out, '\n');
    }
    or_buf_put_z(out, "orproxy_");
    or_buf_put_z(out, name);
    or_buf_put_z(out, "_sum ");
    or_decimal_put(out, (int64_t)h->sum_ms, 3);
    or_buf_put_z(out, "\norproxy_");
    or_buf_put_z(out, name);
    or_buf_put_z(out, "_count ");
    or_buf_put_u64(out, h->count);
    or_buf_put_char(out, '\n');
}

static void put_number(or_buf *out, const char *name, const char *type, const char *help,
                       uint64_t n)
{
    put_family(out, name, type, help);
    or_buf_put_z(out, "orproxy_");
    or_buf_put_z(out, name);
    or_buf_put_char(out, ' ');
    or_buf_put_u64(out, n);
    or_buf_put_char(out, '\n');
}

/* 0 closed, 1 cooling or out, 2 open: for endpoints that were ever tried. */
static void put_breakers(or_buf *out, const market *m)
{
    char     text[MAX_LABEL];
    unsigned shown = 0;
    put_family(out, "endpoint_state", "gauge",
               "0 healthy, 1 failing or told to wait, 2 breaker open.");
    for (uint32_t i = 0; i < m->catalogue.num && shown < MAX_ENDPOINTS; i++) {
        const or_endpoint *e = &m->catalogue.endpoints[i];
        or_health          h;
        uint32_t           tried = 0;
        for (int k = 0; k < OR_FAULT_NUM; k++) tried += m->stats[i].outcomes[k];
        if (tried == 0 || e->disabled) continue;
        shown++;
        or_stats_health(&m->stats[i], ev_now(), false, &h);
        or_buf_put_z(out, "orproxy_endpoint_state");
        copy_label(text, e->tag);
        put_label(out, "endpoint", text, '{');
        copy_label(text, e->model);
        put_label(out, "model", text, ',');
        or_buf_put_z(out, "} ");
        or_buf_put_char(out, h.open ? '2' : h.outage || h.cooling_ms > 0 ? '1' : '0');
        or_buf_put_char(out, '\n');
    }
}

static int64_t limit_of(const account *a)
{
    return a->budget.limit_pico_usd;
}

static int64_t spent_of(const account *a)
{
    return a->budget.spent_pico_usd;
}

static int64_t reserved_of(const account *a)
{
    return a->budget.reserved_pico_usd;
}

/* One amount of each account with a limit of money; of too many, some. */
static void put_limit(or_buf *out, const char *name, const char *help,
                      int64_t (*amount)(const account *a))
{
    char     text[MAX_LABEL];
    unsigned shown = 0;
    or_wall  wall = clock_wall();
    put_family(out, name, "gauge", help);
    for (account *a = books_next(NULL); a != NULL && shown < MAX_LIMITS; a = books_next(a)) {
        if (!a->budget.limited || a->deleted) continue;
        shown++;
        books_clock(a, ev_now(), wall);
        copy_label(text, or_str_z(a->kind == ACCOUNT_KEY ? a->key->name
                                  : a->id[0] != 0        ? a->id
                                                         : books_kind(a->kind)));
        or_buf_put_z(out, "orproxy_");
        or_buf_put_z(out, name);
        put_label(out, "kind", books_kind(a->kind), '{');
        put_label(out, "name", text, ',');
        or_buf_put_z(out, "} ");
        or_decimal_put(out, amount(a), 12);
        or_buf_put_char(out, '\n');
    }
}

/* What was paid in and not spent: below 0 where credits are not enforced. */
static void put_credits(or_buf *out)
{
    const account *a = books_credits();
    if (a == NULL || a->limits.limit_pico_usd < 0) return;
    put_family(out, "credits_usd", "gauge", "Credits that are left.");
    or_buf_put_z(out, "orproxy_credits_usd ");
    or_decimal_put(out, a->limits.limit_pico_usd - a->budget.spent_pico_usd, 12);
    or_buf_put_char(out, '\n');
}

static void put_ledger(or_buf *out)
{
    ledger_facts f;
    memset(&f, 0, sizeof f);
    if (ledger_status() != LEDGER_OFF) ledger_tell(&f);
    put_number(out, "ledger_state", "gauge", "0 off, 1 good, 2 cannot be written, 3 broken.",
               (uint64_t)ledger_status());
    put_number(out, "ledger_lines_total", "counter", "Lines of the ledger, in all segments.",
               f.number);
    put_number(out, "ledger_bytes", "gauge", "Bytes of its newest segment.", f.bytes);
    put_number(out, "ledger_waiting_bytes", "gauge", "Bytes on their way to the disk.", f.waiting);
}

or_err metrics_put(or_buf *out, const metrics_state *s)
{
    put_series(out);
    put_histogram(out, "first_token_seconds", "From the request to the first content.",
                  &first_token);
    put_histogram(out, "added_seconds",
                  "Before the provider that served was asked: routing, connecting, failed attempts.",
                  &added);
    put_number(out, "attempts_total", "counter", "Requests to providers.", attempts);
    put_number(out, "fallbacks_total", "counter", "Attempts after the first of a request.",
               fallbacks);
    put_breakers(out, s->m);
    put_number(out, "client_connections", "gauge", "Open connections of clients.", s->connections);
    put_number(out, "requests_in_flight", "gauge", "Requests in work.", s->busy);
    put_number(out, "open_streams", "gauge", "Streams in work.", s->streams);
    put_number(out, "idle_upstream_connections", "gauge", "Connections kept for the next request.",
               s->idle_upstreams);
    put_number(out, "memory_bytes", "gauge", "Memory of traffic and catalogue.", s->memory);
    put_number(out, "memory_peak_bytes", "gauge", "The most there ever was.", s->memory_peak);
    put_number(out, "memory_limit_bytes", "gauge", "limits.memory.", s->memory_limit);
    put_number(out, "uplink_up", "gauge", "0 while no far provider can be reached.",
               s->uplink_down ? 0 : 1);
    put_limit(out, "limit_usd", "Limits of money, in their windows.", limit_of);
    put_limit(out, "limit_spent_usd", "Of that spent.", spent_of);
    put_limit(out, "limit_reserved_usd", "Of that set aside for requests in work.", reserved_of);
    put_credits(out);
    put_ledger(out);
    return out->err;
}
