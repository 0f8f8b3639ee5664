/* How fast the event reader is, beside glibc's memchr that only looks for the line ends
   of the same bytes. Prints; asserts nothing. */
#define _POSIX_C_SOURCE 199309L
#define OR_IMPLEMENTATION
#include "or.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { EVENTS = 3600, ROUNDS = 10, TRIES = 100 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static size_t lines_by_memchr(or_str in)
{
    size_t lines = 0;
    while (in.len > 0) {
        const char *end = (const char *)memchr(in.ptr, '\n', in.len);
        if (end == NULL) break;
        in.len -= (size_t)(end + 1 - in.ptr);
        in.ptr = end + 1;
        lines++;
    }
    return lines;
}

/* The whole corpus in inputs of `step` bytes. */
static size_t events_by_reader(or_str in, size_t step)
{
    static char  mem[4096];
    size_t       events = 0;
    or_buf       carry;
    or_sse       p;
    or_sse_event ev;
    or_buf_init(&carry, mem, sizeof mem);
    or_sse_init(&p, &carry);
    while (in.len > 0) {
        or_str part = or_str_of(in.ptr, in.len < step ? in.len : step);
        in.ptr += part.len;
        in.len -= part.len;
        while (or_sse_next(&p, &part, &ev) == OR_OK) events++;
    }
    return events;
}

int main(void)
{
    static char mem[EVENTS * 290];
    or_buf      out;
    or_buf_init(&out, mem, sizeof mem);
    for (unsigned i = 0; i < EVENTS; i++) {
        char text[320];
        int  n = snprintf(
            text, sizeof text,
            "{\"id\":\"gen-1790000001-Zz9Yy8Xx7Ww6Vv5Uu4Tt\",\"provider\":\"Alpha Cloud\","
             "\"model\":\"acme/big-1-2026-05\",\"object\":\"chat.completion.chunk\","
             "\"created\":1790000001,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
             "\"content\":\" word%05u\"},\"finish_reason\":null,\"logprobs\":null}]}", i);
        or_sse_put(&out, or_str_of(NULL, 0), or_str_of(text, (size_t)n));
    }
    or_str corpus = or_buf_str(&out);
    if (out.err != OR_OK) return 1;
    printf("%zu events of %zu bytes\n", (size_t)EVENTS, corpus.len / EVENTS);

    /* Rows take turns, and the best turn of each counts: others work on this machine, too. */
    static const size_t steps[] = {0, 1 << 30, 16384, 1460, 100}; /* 0: memchr */
    enum { ROWS = sizeof steps / sizeof steps[0] };
    double fastest[ROWS] = {0}, gb = (double)corpus.len * ROUNDS * 1e-9;
    for (int k = 0; k < TRIES; k++)
        for (int row = 0; row < ROWS; row++) {
            double start = now();
            size_t n = 0;
            for (int i = 0; i < ROUNDS; i++)
                n += row == 0 ? lines_by_memchr(corpus) : events_by_reader(corpus, steps[row]);
            double speed = gb / (now() - start);
            if (n != (size_t)EVENTS * ROUNDS * (row == 0 ? 2 : 1)) return 1;
            if (speed > fastest[row]) fastest[row] = speed;
        }
    printf("memchr              %6.2f GB/s\n", fastest[0]);
    for (int row = 1; row < ROWS; row++)
        printf("reads of %10zu %6.2f GB/s, %5.1f ns per event, %.2f x memchr\n", steps[row],
               fastest[row], (double)corpus.len / EVENTS / fastest[row], fastest[row] / fastest[0]);
    return 0;
}
