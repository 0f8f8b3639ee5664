/* The scan, skipping values, and whole parses beside plain jsmn and memcpy over the same text,
   side by side in one run. Prints; judges nothing. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIZE = 12 << 20, TOKENS = 1 << 17, ROUNDS = 30 };

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

static double seconds(void (*work)(or_str), or_str s, int repeat)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < repeat; i++) work(s);
    clock_gettime(CLOCK_MONOTONIC, &b);
    return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
}

/* They take turns, and the best turn of each counts: others work on this machine, too. */
static void bench(const char *name, size_t n, int repeat)
{
    static void (*const works[])(or_str) = {jsmn, scan, parse, move};
    double best[4] = {0};
    or_str s = or_str_of(text, n);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < 4; i++) {
            double speed = (double)s.len * repeat / seconds(works[i], s, repeat) / 1e9;
            if (speed > best[i]) best[i] = speed;
        }
    printf("%-22s jsmn %5.2f GB/s; scan %4.1f x, parse %4.1f x, memcpy %5.1f x jsmn\n", name, best[0],
           best[1] / best[0], best[2] / best[0], best[3] / best[0]);
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
    bench("10 MB, one string", put(n, "\"}]}"), 1);
    for (n = put(0, head); n < 1000000;) n = put(n, message);
    bench("1 MB, chat", put(n, "\"}]}"), 2);
    for (n = put(0, head); n < 1000000;) n = put(n, "\xE4\xB8\xAD\xE6\x96\x87\xE5\xAD\x97\xE7\xAC\xA6");
    bench("1 MB, Chinese", put(n, "\"}]}"), 2);
    n = put(0, "{\"id\":\"gen-1790000001-Zz9Yy8Xx7Ww6Vv5Uu4Tt\",\"provider\":\"Alpha\",\"model\":\"acme/big-1\","
               "\"object\":\"chat.completion.chunk\",\"created\":1790000001,\"choices\":[{\"index\":0,"
               "\"delta\":{\"role\":\"assistant\",\"content\":\"31\"},\"finish_reason\":null,"
               "\"native_finish_reason\":null,\"logprobs\":null}],\"system_fingerprint\":null}");
    bench("280 bytes, a chunk", n, 2000);
    return 0;
}
