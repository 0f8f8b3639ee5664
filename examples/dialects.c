/* dialects.c - ask Claude or Gemini at its own address, and print what it thinks and says

   cc -I. examples/dialects.c ports/link.c ports/posix.c ports/bearssl.c -lbearssl -o dialects
   OR_API_KEY=... ./dialects messages https://api.anthropic.com claude-sonnet-4-6 "Why is it?"
   OR_API_KEY=... ./dialects gemini https://generativelanguage.googleapis.com gemini-2.5-flash "Why?" */
#define OR_IMPLEMENTATION
#include "or.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/link.h"

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

static void print(FILE *to, or_str text)
{
    if (text.len > 0) fwrite(text.ptr, 1, text.len, to);
}

int main(int argc, char **argv)
{
    static char      mem[200000];
    static or_link   link;
    static or_client client;
    or_call_event    ev;
    or_moment        now = or_link_moment();
    int              status = 1;
    if (argc != 5) return fail("usage", "dialects chat|messages|gemini URL MODEL TEXT");
    bool messages = strcmp(argv[1], "messages") == 0, gemini = strcmp(argv[1], "gemini") == 0;
    or_provider    provider = {.base_url = or_str_z(argv[2]),
                               .key = or_str_z(getenv("OR_API_KEY")),
                               .dialect = messages ? OR_DIALECT_MESSAGES
                                          : gemini ? OR_DIALECT_GEMINI
                                                   : OR_DIALECT_CHAT};
    or_msg         msg = {.content = or_str_z(argv[4])};
    or_reasoning   think = {.effort = OR_STR("low")};
    or_chat_desc   chat = {.model = or_str_z(argv[3]), .msgs = &msg, .num_msgs = 1, .stream = true,
                           .reasoning = &think, .max_tokens = 2048};
    or_client_desc desc = {.providers = &provider, .num_providers = 1,
                           .mem = mem, .mem_size = sizeof mem};

    or_err e = or_client_begin(&client, &desc, &chat, &now);
    if (e != OR_OK) return fail(argv[2], or_err_text(e));
    while (or_link_next(&link, &client, &ev) == OR_OK) {
        if (ev.kind == OR_CALL_DELTA) {
            print(stderr, ev.delta->reasoning);
            print(stdout, ev.delta->text);
        }
        if (ev.kind != OR_CALL_END) continue;
        printf("\n%llu tokens in, %llu out\n", (unsigned long long)ev.usage.prompt_tokens,
               (unsigned long long)ev.usage.completion_tokens);
        status = ev.end != OR_END_COMPLETE;
        if (status == 0) continue;
        fail(argv[2], link.error[0] ? link.error : or_err_text(ev.failure->err));
        print(stderr, ev.failure->error.message);
    }
    return status;
}
