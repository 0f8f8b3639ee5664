/* cost.c - what an answer cost, what it could have cost at most, what a budget has left

   cc -I. examples/cost.c -o cost
   ./cost [PRICING [ANSWER [LIMIT]]]      JSON, JSON, USD: "$(cat pricing.json)" and so on */
#define OR_IMPLEMENTATION
#include "or.h"

#include <stdio.h>

static const char sample_pricing[] =
    "{\"prompt\":\"0.0000000375\",\"completion\":\"0.00000015\","
    "\"input_cache_read\":\"0.00000001\",\"overrides\":["
    "{\"min_prompt_tokens\":128000,\"prompt\":\"0.000000075\"}]}";
static const char sample_answer[] =
    "{\"choices\":[{\"message\":{\"content\":\"Rayleigh.\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":1201,\"completion_tokens\":7,\"total_tokens\":1208,"
    "\"prompt_tokens_details\":{\"cached_tokens\":1024}}}";

static int fail(const char *what, or_err e)
{
    fprintf(stderr, "cost: %s: %s\n", what, or_err_text(e));
    return 1;
}

/* Exact to the last digit: the amount never was a floating point number. */
static void print_usd(const char *what, int64_t pico_usd, const char *note)
{
    char   text[64];
    or_buf out;
    or_buf_init(&out, text, sizeof text);
    or_decimal_put(&out, pico_usd, 12);
    printf("%-10s %.*s USD%s\n", what, (int)out.len, out.ptr, note);
}

static void print_cost(const char *what, const or_cost *c)
{
    static const char *const notes[] = {"", ", says the upstream", ", computed", ", at most"};
    if (c->source != OR_COST_UNKNOWN) {
        print_usd(what, c->pico_usd, notes[c->source]);
        return;
    }
    printf("%-10s unknown, for want of:", what); /* which is not the same as 0 */
    for (int key = 0; key < OR_PRICE_NUM; key++)
        if ((c->missing >> key & 1) != 0) printf(" %s", or_price_name((or_price_key)key));
    printf("\n");
}

int main(int argc, char **argv)
{
    static char    memory[65536];
    or_str         pricing = or_str_z(argc > 1 ? argv[1] : sample_pricing);
    or_str         text = or_str_z(argc > 2 ? argv[2] : sample_answer);
    or_str         limit = or_str_z(argc > 3 ? argv[3] : "0.01");
    int64_t        limit_pico_usd;
    or_arena       arena;
    or_json_doc    doc;
    or_prices      prices;
    or_chat_answer answer;
    or_cost        bound, cost;
    or_budget      budget;
    or_reservation reservation = {0};
    or_err         e;

    or_arena_init(&arena, memory, sizeof memory);
    e = or_json_parse(&doc, pricing, 0, &arena);
    if (e == OR_OK) e = or_prices_read(&doc, 0, &arena, &prices);
    if (e != OR_OK) return fail("pricing", e);
    e = or_chat_read(text, &arena, &answer);
    if (e != OR_OK) return fail("answer", e);
    e = or_decimal_read(limit, 12, &limit_pico_usd);
    if (e != OR_OK) return fail("limit", e);

    /* Before the request: set the most that it can cost aside, so that requests in parallel
       cannot spend the same money. Here the prompt had 5000 bytes and max_tokens was 100. */
    or_bound_facts facts = {.prompt_bytes = 5000, .max_tokens = 100};
    or_cost_bound(&prices, &facts, &bound);
    print_cost("reserved", &bound);
    or_budget_init(&budget, OR_WINDOW_NONE, limit_pico_usd);
    e = bound.source == OR_COST_UNKNOWN
            ? OR_ERR_BUDGET
            : or_budget_reserve(&budget, &reservation, 1, bound.pico_usd);
    if (e != OR_OK) return fail("the request is not made", e);

    /* After it: what it did cost takes the place of what was reserved. */
    or_cost_of(&prices, &answer.usage, NULL, &cost);
    print_cost("cost", &cost);
    or_budget_settle(&budget, &reservation,
                     cost.source == OR_COST_UNKNOWN ? bound.pico_usd : cost.pico_usd);
    print_usd("left", or_budget_left(&budget), "");
    return 0;
}
