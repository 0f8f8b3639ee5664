/* Endpoints of one model, and dice, for what tests routing.

   TEST_ROUNDS is how many random cases of each kind are tried; lower it with -D where a machine
   is emulated. */
#ifndef ROUTE_CASE_H
#define ROUTE_CASE_H

#include "or.h"

#ifndef TEST_ROUNDS
#define TEST_ROUNDS 20000
#endif

static const or_str the_model = OR_STR_INIT("m/x");

static inline or_endpoint endpoint(const char *tag, uint64_t pico)
{
    or_endpoint e;
    memset(&e, 0, sizeof e);
    e.model = the_model;
    e.tag = or_str_z(tag);
    e.provider = or_str_of(e.tag.ptr, or_str_find(e.tag, OR_STR("/"), 0));
    or_price_set(&e.prices.base, OR_PRICE_PROMPT, pico);
    or_price_set(&e.prices.base, OR_PRICE_COMPLETION, pico);
    return e;
}

static inline uint32_t random_below(uint32_t n)
{
    static uint64_t state = 20261121;
    return (uint32_t)(ori_route_random(state++, 0) % n);
}

#endif
