/* What reading a request head of 560 bytes costs, beside memchr for a byte that is not in
   it. Prints; asserts nothing about time.
       bench_http          nanoseconds and the ratio
       bench_http count N  reads it N times and nothing else, for an instruction counter */
#define _POSIX_C_SOURCE 199309L
#define OR_IMPLEMENTATION
#include "or.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char request[] =
    "POST /api/v1/chat/completions HTTP/1.1\r\n"
    "Host: openrouter.example:8080\r\n"
    "Accept: application/json, text/event-stream\r\n"
    "Content-Type: application/json\r\n"
    "User-Agent: OpenAI/JS 4.104.0 (linux; x64) node/20.11.1\r\n"
    "X-Stainless-Lang: js\r\n"
    "X-Stainless-Package-Version: 4.104.0\r\n"
    "X-Stainless-OS: Linux\r\n"
    "X-Stainless-Arch: x64\r\n"
    "X-Stainless-Runtime: node\r\n"
    "X-Stainless-Retry-Count: 0\r\n"
    "Authorization: Bearer sk-or-v1-0123456789abcdef0123456789abcdef0123456789\r\n"
    "HTTP-Referer: https://app.example/\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "Content-Length: 1024\r\n\r\n";

/* volatile: the compiler may not search once for all */
static const char *volatile text = request;
static const void *volatile where;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void read_head(void)
{
    or_http       h;
    or_http_event ev;
    or_str        in = or_str_of(text, sizeof request - 1);
    or_http_init(&h, OR_HTTP_SERVER, NULL);
    if (or_http_next(&h, &in, &ev) != OR_OK || h.head.content_length != 1024) abort();
}

static void find_nothing(void)
{
    where = memchr(text, 1, sizeof request - 1);
}

/* The best of several runs, in ns a call. */
static double best(void (*f)(void))
{
    double least = 1e18;
    for (int run = 0; run < 20; run++) {
        double start = now_ns();
        for (int i = 0; i < 20000; i++) f();
        double ns = (now_ns() - start) / 20000;
        if (ns < least) least = ns;
    }
    return least;
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        for (long n = strtol(argv[2], NULL, 10); n > 0; n--) read_head();
        return 0;
    }
    double head = best(read_head), search = best(find_nothing);
    printf("bench_http: head of %lu bytes %.0f ns (%.2f GB/s), memchr %.0f ns, ratio %.1f\n",
           (unsigned long)sizeof request - 1, head, (double)(sizeof request - 1) / head, search,
           head / search);
    return 0;
}
