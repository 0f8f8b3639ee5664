#define OR_IMPLEMENTATION
#include "or.h"

#include "fuzz.h"

/* Hash of everything a reader says when the text comes in parts of at most `step` bytes,
   each in a block of its own. */
static uint64_t fuzz_read(const uint8_t *data, size_t size, size_t step)
{
    char     mem[64];
    uint64_t hash = 14695981039346656037u;
    or_buf   carry;
    or_sse   p;
    or_err   e = OR_NEED_MORE;
    or_buf_init(&carry, mem, sizeof mem);
    or_sse_init(&p, &carry);
    for (size_t at = 0; at <= size; at += step) {
        size_t       n = size - at < step ? size - at : step;
        char        *part = (char *)malloc(n != 0 ? n : 1);
        or_str       in = or_str_of(part, n);
        or_sse_event ev;
        if (part == NULL) abort();
        if (n != 0) memcpy(part, data + at, n);
        bool last = size - at < step;
        while ((e = or_sse_next(&p, &in, &ev)) == OR_OK || (last && e == OR_NEED_MORE)) {
            if (e == OR_NEED_MORE && (e = or_sse_end(&p, &ev)) != OR_OK) break;
            or_str texts[3];
            texts[0] = ev.data;
            texts[1] = ev.type;
            texts[2] = ev.id;
            for (int k = 0; k < 3; k++) {
                for (size_t i = 0; i < texts[k].len; i++)
                    hash = (hash ^ (uint8_t)texts[k].ptr[i]) * 1099511628211u;
                hash = (hash ^ texts[k].len) * 1099511628211u;
            }
            hash = (hash ^ ev.retry_ms) * 1099511628211u;
        }
        free(part);
        if (e != OR_NEED_MORE) break;
    }
    return hash ^ (uint64_t)(uint32_t)e ^ p.comments;
}

/* However it is cut, the same text says the same. */
static void fuzz_one(const uint8_t *data, size_t size)
{
    if (size > 4096) size = 4096;
    uint64_t whole = fuzz_read(data, size, size + 1);
    for (size_t step = 1; step <= 9; step += step < 3 ? 1 : 3)
        if (fuzz_read(data, size, step) != whole) abort();
}
