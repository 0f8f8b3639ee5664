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

/* Head and body of the request, into one buffer. */
static or_err put_request(or_buf *out, const or_url *url, const char *model, const char *text)
{
    static char  mem[32768], target[300], key[300];
    const char  *secret = getenv("OR_API_KEY");
    or_msg       msg = {.content = or_str_z(text)};
    or_chat_desc d = {.model = or_str_z(model), .msgs = &msg, .num_msgs = 1, .stream = true};
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

/* What one event adds. */
static void show(or_chat_stream *stream, or_str data)
{
    static char   mem[32768];
    or_arena      arena;
    or_chat_delta delta;
    or_arena_init(&arena, mem, sizeof mem);
    if (or_chat_stream_next(stream, data, &arena, &delta) != OR_OK) return; /* not for us */
    if (delta.error.set)
        fprintf(stderr, "%.*s\n", (int)delta.error.message.len, delta.error.message.ptr);
    if (delta.text.len > 0) fwrite(delta.text.ptr, 1, delta.text.len, stdout);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static or_link link;
    static char    request[40960], input[65536], pieces[65536];
    or_url         url;
    or_buf         out, carry;
    or_http        http;
    or_http_event  ev = {0};
    or_sse         sse;
    or_sse_event   event;
    or_chat_stream stream;
    size_t         len = 0;
    ptrdiff_t      n = 0;
    if (argc != 4) return fail("usage", "stream URL MODEL TEXT");
    if (or_url_read(or_str_z(argv[1]), &url) != OR_OK) return fail(argv[1], "not a URL");
    or_buf_init(&out, request, sizeof request);
    if (put_request(&out, &url, argv[2], argv[3]) != OR_OK) return fail("request", "too long");
    if (or_link_open(&link, &url, 120000) != OR_OK) return fail(argv[1], link.error);
    if (or_link_send(&link, or_buf_str(&out)) != OR_OK) return fail(argv[1], "cannot send");

    or_http_init(&http, OR_HTTP_CLIENT, NULL);
    or_buf_init(&carry, pieces, sizeof pieces);
    or_sse_init(&sse, &carry);
    or_chat_stream_init(&stream);
    while (ev.kind != OR_HTTP_END && !stream.done) {
        n = or_link_recv(&link, input + len, sizeof input - len);
        if (n < 0) break;
        or_str in = or_str_of(input, len + (size_t)n);
        or_err e;
        while ((e = or_http_next(&http, &in, &ev)) == OR_OK && ev.kind != OR_HTTP_END)
            while (ev.kind == OR_HTTP_BODY && or_sse_next(&sse, &ev.data, &event) == OR_OK)
                show(&stream, event.data);
        if (e < 0) return fail(argv[1], or_err_text(e));
        if (http.head.status >= 300) return fail(argv[1], or_http_reason(http.head.status));
        len = in.len; /* the start of a head that is not complete yet */
        if (len > 0) memmove(input, in.ptr, len);
    }
    bool clean = ev.kind == OR_HTTP_END || (n < 0 && or_http_eof(&http, &ev) == OR_OK);
    or_link_close(&link);
    printf("\n");
    return or_chat_stream_end(&stream, clean) == OR_END_COMPLETE ? 0 : fail(argv[1], "cut short");
}
