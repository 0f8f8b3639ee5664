/* stream.c - print an answer as it comes, and tell whether it is whole

   cc -I. examples/stream.c ports/link.c ports/posix.c ports/bearssl.c -lbearssl -o stream
   OR_API_KEY=sk-... ./stream https://openrouter.ai/api/v1 openrouter/auto "Why is the sky blue?" */
#define OR_IMPLEMENTATION
#include "or.h"

#include <stdio.h>
#include <stdlib.h>

#include "ports/link.h"

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

int main(int argc, char **argv)
{
    static char      mem[100000];
    static or_link   link;
    static or_client client;
    or_call_event    ev;
    or_moment        now = or_link_moment();
    int              status = 1;
    if (argc != 4) return fail("usage", "stream URL MODEL TEXT");
    or_provider    provider = {.base_url = or_str_z(argv[1]), .key = or_str_z(getenv("OR_API_KEY"))};
    or_msg         msg = {.content = or_str_z(argv[3])};
    or_chat_desc   chat = {.model = or_str_z(argv[2]), .msgs = &msg, .num_msgs = 1, .stream = true};
    or_client_desc desc = {.providers = &provider, .num_providers = 1,
                           .mem = mem, .mem_size = sizeof mem};

    or_err e = or_client_begin(&client, &desc, &chat, &now);
    if (e != OR_OK) return fail(argv[1], or_err_text(e));
    while (or_link_next(&link, &client, &ev) == OR_OK) {
        if (ev.kind == OR_CALL_DELTA && ev.delta->text.len > 0) {
            fwrite(ev.delta->text.ptr, 1, ev.delta->text.len, stdout);
            fflush(stdout);
        }
        if (ev.kind != OR_CALL_END) continue;
        printf("\n");
        status = ev.end != OR_END_COMPLETE;
        if (status == 0) continue;
        or_str said = ev.failure->error.message;
        fprintf(stderr, "%s: %s: %s\n%.*s\n", argv[1],
                ev.end == OR_END_TRUNCATED ? "cut short" : "no answer",
                link.error[0] ? link.error : or_err_text(ev.failure->err), (int)said.len,
                said.len > 0 ? said.ptr : "");
    }
    return status;
}
