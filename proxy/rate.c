#include "proxy/rate.h"

#include <string.h>

static void pass(rate *r, uint32_t now_ms)
{
    int32_t passed = or_ms_diff(r->began_ms, now_ms);
    /* below 0: not used for so long that the difference has wrapped */
    if (!r->used || passed < 0 || passed >= RATE_SLOTS * RATE_SLOT_MS) {
        memset(r->slots, 0, sizeof r->slots);
        r->began_ms = now_ms;
        r->used = true;
        return;
    }
    for (; passed >= RATE_SLOT_MS; passed -= RATE_SLOT_MS) {
        r->newest = (r->newest + 1) % RATE_SLOTS;
        r->slots[r->newest] = 0;
        r->began_ms += RATE_SLOT_MS;
    }
}

uint64_t rate_sum(rate *r, uint32_t now_ms)
{
    uint64_t sum = 0;
    pass(r, now_ms);
    for (int i = 0; i < RATE_SLOTS; i++) sum += r->slots[i];
    return sum;
}

void rate_add(rate *r, uint32_t now_ms, uint64_t n)
{
    pass(r, now_ms);
    uint64_t sum = or_sat_add_u64(r->slots[r->newest], n);
    r->slots[r->newest] = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

uint32_t rate_wait_ms(rate *r, uint32_t now_ms, uint64_t limit)
{
    uint64_t sum = rate_sum(r, now_ms);
    int32_t  wait = RATE_SLOT_MS - or_ms_diff(r->began_ms, now_ms);
    for (uint32_t i = 1; i <= RATE_SLOTS; i++, wait += RATE_SLOT_MS) {
        sum -= r->slots[(r->newest + i) % RATE_SLOTS]; /* the oldest goes first */
        if (sum <= limit) break;
    }
    return wait > 0 ? (uint32_t)wait : 1;
}
