/* route.c - who may serve a request, in which order, and why each other one may not

   cc -I. examples/route.c -o route
   ./route [MODEL]                        such as acme/big:floor */
#define OR_IMPLEMENTATION
#include "or.h"

#include <stdio.h>

#define PER_MILLION(in, out)                                                              \
    {.base = {.known = 1u << OR_PRICE_PROMPT | 1u << OR_PRICE_COMPLETION,                 \
              .named = 1u << OR_PRICE_PROMPT | 1u << OR_PRICE_COMPLETION,                 \
              .pico = {[OR_PRICE_PROMPT] = (in)*1000000u, [OR_PRICE_COMPLETION] = (out)*1000000u}}}
#define OFFER(name) .model = OR_STR_INIT("acme/big"), .provider = OR_STR_INIT(name)

/* A catalogue may as well be read: or_catalogue_read. */
static const or_endpoint endpoints[] = {
    {OFFER("alpha"), .prices = PER_MILLION(1, 4), .context_length = 32768, .zdr = OR_YES},
    {OFFER("beta"), .prices = PER_MILLION(2, 5), .context_length = 131072, .zdr = OR_YES},
    {OFFER("gamma"), .prices = PER_MILLION(9, 9), .context_length = 131072, .zdr = OR_YES},
    {OFFER("delta"), .prices = PER_MILLION(1, 1), .context_length = 131072, .zdr = OR_NO},
    {OFFER("epsilon"), .context_length = 131072, .zdr = OR_YES},
    {OFFER("attic"), .prices = PER_MILLION(3, 3), .context_length = 8192, .zdr = OR_YES,
     .byok = true},
    {OFFER("zeta"), .prices = PER_MILLION(1, 2), .context_length = 131072, .zdr = OR_YES},
    {OFFER("eta"), .prices = PER_MILLION(2, 6), .context_length = 131072, .zdr = OR_YES},
};
enum { NUM = sizeof endpoints / sizeof endpoints[0] };

/* What the last minutes taught about them. */
static void remember(or_stats *stats, uint32_t now_ms)
{
    or_outcome busy = {.fault = OR_FAULT_RATE, .retry_after_ms = 20000};
    or_outcome down = {.fault = OR_FAULT_PROVIDER};
    or_outcome good = {.first_token_ms = 300, .duration_ms = 2000, .tokens = 150};
    or_stats_begin(&stats[0], now_ms);
    or_stats_end(&stats[0], now_ms, &down);
    or_stats_begin(&stats[1], now_ms);
    or_stats_end(&stats[1], now_ms, &good);
    or_stats_begin(&stats[6], now_ms);
    or_stats_end(&stats[6], now_ms, &busy);
}

static or_str provider(const or_candidate *c)
{
    return endpoints[c->endpoint].provider;
}

static void print_plan(const or_plan *p)
{
    for (uint32_t i = 0; i < p->num; i++) {
        const or_candidate *c = &p->list[i];
        printf("%u. %.*s%s%s%s%s\n", (unsigned)i + 1, (int)provider(c).len, provider(c).ptr,
               endpoints[c->endpoint].byok ? ", your own key" : "",
               c->drawn ? ", first by the dice" : "",
               c->health.outage ? ", failed just now" : "",
               c->health.open ? ", breaker open" : "");
    }
    for (uint32_t i = p->num; i < p->num + p->num_out; i++) {
        const or_candidate *c = &p->list[i];
        printf("-  %.*s: %s\n", (int)provider(c).len, provider(c).ptr,
               or_route_reason_text(c->reason));
    }
}

int main(int argc, char **argv)
{
    static or_stats  stats[NUM];
    or_candidate     list[NUM];
    or_plan          plan;
    or_str           model = or_str_z(argc > 1 ? argv[1] : "acme/big");
    or_catalogue     catalogue = {.endpoints = endpoints, .num = NUM};
    or_moment        moment = {.now_ms = 60000, .seed = 7}; /* random bits, in earnest */
    or_route_request request = {
        .models = &model, .num_models = 1, .prompt_tokens = 9000, .max_tokens = 500,
        .known_price = true, .prefs = {.zdr = true}};

    or_price_set(&request.prefs.max_price, OR_PRICE_PROMPT, 5 * 1000000);
    remember(stats, moment.now_ms);
    or_plan_init(&plan, list, NUM);
    or_err e = or_route_plan(&plan, &request, &catalogue, stats, &moment);
    print_plan(&plan);
    if (e != OR_OK) fprintf(stderr, "route: %s\n", or_err_text(e));
    return e == OR_OK ? 0 : 1;
}
