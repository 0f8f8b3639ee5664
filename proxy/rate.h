/* How much of something there was in the last minute: a window that slides in steps of a second.
   It is 60 to 61 s long, so in no 60 s is more counted than the limit. */
#ifndef RATE_H
#define RATE_H

#include "or.h"

enum { RATE_SLOTS = 61, RATE_SLOT_MS = 1000 };

/* Zeroed: nothing was counted. */
typedef struct rate {
    uint32_t began_ms; /* of the newest slot */
    uint32_t newest;   /* its index */
    bool     used;     /* began_ms counts */
    uint32_t slots[RATE_SLOTS];
} rate;

/* Let time pass, and what there is then. Times are or_ms_diff's. */
uint64_t rate_sum(rate *r, uint32_t now_ms);

/* Count n, now. */
void rate_add(rate *r, uint32_t now_ms, uint64_t n);

/* Milliseconds, at least 1, until the sum is at most `limit` if nothing more is counted. */
uint32_t rate_wait_ms(rate *r, uint32_t now_ms, uint64_t limit);

#endif
