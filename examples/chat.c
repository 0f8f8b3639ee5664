/* chat.c - ask a question, wait for the whole answer, print it with its cost

   cc -I. examples/chat.c ports/link.c ports/posix.c ports/bearssl.c -lbearssl -o chat
   OR_API_KEY=sk-... ./chat https://openrouter.ai/api/v1 openrouter/auto "Why is the sky blue?" */
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

/* Head and body of the request, into one buffer. */
static or_err put_request(or_buf *out, const or_url *url, const char *model, const char *text)
{
    static char  mem[32768], target[300], key[300];
    const char  *secret = getenv("OR_API_KEY");
    or_msg       msg = {.content = or_str_z(text)};
    or_chat_desc d = {.model = or_str_z(model), .msgs = &msg, .num_msgs = 1};
    or_buf       body;
    or_buf_init(&body, mem, sizeof mem);
    if (or_chat_write(&body, &d) != OR_OK) return OR_ERR_SPACE;
    snprintf(target, sizeof target, "%.*s/chat/completions", (int)url->path.len, url->path.ptr);
    snprintf(key, sizeof key, "Bearer %s", secret != NULL ? secret : "none");
    or_http_put_request(out, OR_STR("POST"), or_str_z(target), url->authority);
    or_http_put_field(out, OR_STR("Authorization"), or_str_z(key));
    or_http_put_field(out, OR_STR("Content-Type"), OR_STR("application/json"));
    or_http_put_length(out, body.len);
    or_http_put_head_end(out);
    return or_buf_put_str(out, or_buf_str(&body));
}

/* Receive the whole body of one answer. */
static or_err get_answer(or_link *link, or_buf *body)
{
    static char   input[65536];
    or_http       http;
    or_http_event ev = {0};
    size_t        len = 0;
    or_http_init(&http, OR_HTTP_CLIENT, NULL);
    for (;;) {
        ptrdiff_t n = or_link_recv(link, input + len, sizeof input - len);
        if (n < 0) return n == OR_ERR_CLOSED ? or_http_eof(&http, &ev) : (or_err)n;
        or_str in = or_str_of(input, len + (size_t)n);
        or_err e;
        while ((e = or_http_next(&http, &in, &ev)) == OR_OK) {
            if (ev.kind == OR_HTTP_END) return body->err;
            if (ev.kind == OR_HTTP_BODY) or_buf_put_str(body, ev.data);
        }
        if (e < 0) return e;
        len = in.len; /* the start of a head that is not complete yet */
        if (len > 0) memmove(input, in.ptr, len);
    }
}

int main(int argc, char **argv)
{
    static or_link link;
    static char    request[40960], reply[1 << 20], memory[1 << 20], digits[32];
    or_url         url;
    or_buf         out, body, cost;
    or_arena       arena;
    or_chat_answer answer;
    or_err         e;
    if (argc != 4) return fail("usage", "chat URL MODEL TEXT");
    if (or_url_read(or_str_z(argv[1]), &url) != OR_OK) return fail(argv[1], "not a URL");
    or_buf_init(&out, request, sizeof request);
    if (put_request(&out, &url, argv[2], argv[3]) != OR_OK) return fail("request", "too long");
    if (or_link_open(&link, &url, 600000) != OR_OK) return fail(argv[1], link.error);
    if (or_link_send(&link, or_buf_str(&out)) != OR_OK) return fail(argv[1], "cannot send");

    or_buf_init(&body, reply, sizeof reply);
    e = get_answer(&link, &body);
    or_link_close(&link);
    if (e != OR_OK) return fail(argv[1], or_err_text(e));
    or_arena_init(&arena, memory, sizeof memory);
    e = or_chat_read(or_buf_str(&body), &arena, &answer);
    if (e != OR_OK) return fail(argv[1], or_err_text(e));
    if (answer.error.set) {
        fprintf(stderr, "%.*s\n", (int)answer.error.message.len, answer.error.message.ptr);
        return 1;
    }
    printf("%.*s\n", (int)answer.text.len, answer.text.len > 0 ? answer.text.ptr : "");
    if (!answer.usage.cost_set) return 0; /* unknown, which is not the same as free */
    or_buf_init(&cost, digits, sizeof digits);
    or_decimal_put(&cost, answer.usage.cost_pico_usd, 12);
    fprintf(stderr, "cost: %.*s USD\n", (int)cost.len, cost.ptr);
    return 0;
}
