/* The scan, skipping values, and whole parses beside plain jsmn and memcpy over the same text,
   side by side in one run. Prints; judges nothing. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIZE = 12 << 20, TOKENS = 1 << 17, ROUNDS = 7 };

static char      text[SIZE], copy[SIZE];
static jsmntok_t tokens[TOKENS];

static void scan(or_str s)
{
    or_json_scan scan;
    or_json_item item;
    or_json_scan_init(&scan, s);
    while (or_json_scan_next(&scan, &item) == OR_OK)
        if (item.depth == 1) (void)or_json_scan_skip(&scan, &item);
    if (scan.err != OR_OK) abort();
}

static void parse(or_str s)
{
    static char memory[sizeof tokens];
    or_arena    arena;
    or_json_doc doc;
    or_arena_init(&arena, memory, sizeof memory);
    if (or_json_parse(&doc, s, 0, &arena) != OR_OK) abort();
}

static void jsmn(or_str s)
{
    jsmn_parser p;
    jsmn_init(&p);
    if (jsmn_parse(&p, s.ptr, s.len, tokens, TOKENS) < 0) abort();
}

static void move(or_str s)
{
    memcpy(copy, s.ptr, s.len);
    __asm__ volatile("" : : "r"(copy) : "memory");
}

/* GB/s of the best of several rounds. */
static double speed(void (*work)(or_str), or_str s, int repeat)
{
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int i = 0; i < repeat; i++) work(s);
        clock_gettime(CLOCK_MONOTONIC, &b);
        double seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
        double rate = (double)s.len * repeat / seconds / 1e9;
        if (rate > best) best = rate;
    }
    return best;
}

static void bench(const char *name, size_t n, int repeat)
{
    or_str s = or_str_of(text, n);
    double base = speed(jsmn, s, repeat);
    printf("%-22s jsmn %5.2f GB/s; scan %4.1f x, parse %4.1f x, memcpy %5.1f x jsmn\n", name, base,
           speed(scan, s, repeat) / base, speed(parse, s, repeat) / base, speed(move, s, repeat) / base);
}

static size_t put(size_t n, const char *s)
{
    size_t len = strlen(s);
    memcpy(text + n, s, len);
    return n + len;
}

int main(void)
{
    static const char head[] = "{\"model\":\"a\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"";
    static const char message[] = "An ordinary line with \\\"quotes\\\", a break\\nand some more words.\"},"
                                  "{\"role\":\"user\",\"content\":\"";
    size_t n = put(0, head);
    for (int i = 0; i < 10 << 20; i++) text[n++] = "ABCDEFGHijklmnopqrst0123456789+/"[i * 7 & 31];
    bench("10 MB, one string", put(n, "\"}]}"), 2);
    for (n = put(0, head); n < 1000000;) n = put(n, message);
    bench("1 MB, chat", put(n, "\"}]}"), 20);
    for (n = put(0, head); n < 1000000;) n = put(n, "\xE4\xB8\xAD\xE6\x96\x87\xE5\xAD\x97\xE7\xAC\xA6");
    bench("1 MB, Chinese", put(n, "\"}]}"), 20);
    n = put(0, "{\"id\":\"gen-1790000001-Zz9Yy8Xx7Ww6Vv5Uu4Tt\",\"provider\":\"Alpha\",\"model\":\"acme/big-1\","
               "\"object\":\"chat.completion.chunk\",\"created\":1790000001,\"choices\":[{\"index\":0,"
               "\"delta\":{\"role\":\"assistant\",\"content\":\"31\"},\"finish_reason\":null,"
               "\"native_finish_reason\":null,\"logprobs\":null}],\"system_fingerprint\":null}");
    bench("280 bytes, a chunk", n, 20000);
    return 0;
}
