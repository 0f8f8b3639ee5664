/* A whole chat completion over a pair of or_io: what every transport has to carry. The client
   sends a request that is longer than a segment and gathers a streamed answer; the server
   checks the request and answers in chunks that cut events anywhere. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <string.h>

#include "or.h"

typedef struct exchange {
    or_io io;
    or_err (*wait)(void *user, bool write); /* after "not now" */
    void *user;
} exchange;

static const char *const exchange_words[] = {"The", " sky",    " is", " bl\\u00fce",
                                             ",",   " mostly", "."};
#define EXCHANGE_TEXT       \
    "The sky is bl\xc3\xbc" \
    "e, mostly."

static inline or_err exchange_send(const exchange *x, or_str s)
{
    while (s.len > 0) {
        ptrdiff_t n = x->io.send(x->io.user, s.ptr, s.len);
        if (n < 0) return (or_err)n;
        if ((size_t)n > s.len) return OR_ERR_RANGE;
        s = or_str_of(s.ptr + n, s.len - (size_t)n);
        if (n == 0) {
            or_err e = x->wait(x->user, true);
            if (e != OR_OK) return e;
        }
    }
    return OR_OK;
}

/* At least one byte, or why not. */
static inline ptrdiff_t exchange_recv(const exchange *x, void *buf, size_t len)
{
    for (;;) {
        ptrdiff_t n = x->io.recv(x->io.user, buf, len);
        if (n != 0) return n;
        or_err e = x->wait(x->user, false);
        if (e != OR_OK) return e;
    }
}

static inline or_err exchange_put_request(or_buf *out)
{
    static char  question[3000], mem[4096];
    or_msg       msg;
    or_chat_desc d;
    or_buf       body;
    memset(question, 'q', sizeof question);
    memset(&msg, 0, sizeof msg);
    memset(&d, 0, sizeof d);
    msg.content = or_str_of(question, sizeof question);
    d.model = OR_STR("demo/echo");
    d.msgs = &msg;
    d.num_msgs = 1;
    d.stream = true;
    or_buf_init(&body, mem, sizeof mem);
    or_chat_write(&body, &d);
    or_http_put_request(out, OR_STR("POST"), OR_STR("/v1/chat/completions"), OR_STR("localhost"));
    or_http_put_field(out, OR_STR("Content-Type"), OR_STR("application/json"));
    or_http_put_length(out, body.len);
    or_http_put_head_end(out);
    or_buf_put_str(out, or_buf_str(&body));
    return body.err != OR_OK ? body.err : out->err;
}

/* Receive the next message; its body into *body. OR_OK at its end. */
static inline or_err exchange_take(const exchange *x, or_http *http, or_buf *body)
{
    char          input[777];
    size_t        len = 0;
    or_http_event ev;
    for (;;) {
        ptrdiff_t n = exchange_recv(x, input + len, sizeof input - len);
        if (n < 0) return n == OR_ERR_CLOSED ? or_http_eof(http, &ev) : (or_err)n;
        or_str in = or_str_of(input, len + (size_t)n);
        or_err e;
        while ((e = or_http_next(http, &in, &ev)) == OR_OK) {
            if (ev.kind == OR_HTTP_END) return body->err;
            if (ev.kind == OR_HTTP_BODY) or_buf_put_str(body, ev.data);
        }
        if (e < 0) return e;
        len = in.len;
        memmove(input, in.ptr, len);
    }
}

/* Ask, and gather the text of the answer. OR_OK: the stream is whole. */
static inline or_err exchange_ask(const exchange *x, or_buf *text)
{
    static char    request[8192], events[8192], pieces[1024], mem[4096];
    or_buf         out, body, carry;
    or_http        http;
    or_sse         sse;
    or_sse_event   event;
    or_chat_stream stream;
    or_chat_delta  delta;
    or_arena       arena;
    or_buf_init(&out, request, sizeof request);
    or_buf_init(&body, events, sizeof events);
    or_buf_init(&carry, pieces, sizeof pieces);
    or_err e = exchange_put_request(&out);
    if (e == OR_OK) e = exchange_send(x, or_buf_str(&out));
    or_http_init(&http, OR_HTTP_CLIENT, NULL);
    if (e == OR_OK) e = exchange_take(x, &http, &body);
    if (e != OR_OK) return e;
    or_str in = or_buf_str(&body);
    or_sse_init(&sse, &carry);
    or_chat_stream_init(&stream);
    while (or_sse_next(&sse, &in, &event) == OR_OK) {
        or_arena_init(&arena, mem, sizeof mem);
        if (or_chat_stream_next(&stream, event.data, &arena, &delta) == OR_OK && delta.text.len > 0)
            or_buf_put_str(text, delta.text);
    }
    return or_chat_stream_end(&stream, true) == OR_END_COMPLETE ? text->err : OR_ERR_TRUNCATED;
}

/* Serve one request; what the client sent is compared with what it should have sent. */
static inline or_err exchange_serve(const exchange *x)
{
    static const size_t sizes[] = {1, 5, 2, 61, 3, 17, 400};
    char                request[8192], got[8192], events[4096], answer[16384];
    or_buf              want, body, sse, out;
    or_http             http;
    or_buf_init(&want, request, sizeof request);
    or_buf_init(&body, got, sizeof got);
    or_buf_init(&sse, events, sizeof events);
    or_buf_init(&out, answer, sizeof answer);
    or_http_init(&http, OR_HTTP_SERVER, NULL);
    or_err e = exchange_put_request(&want);
    if (e == OR_OK) e = exchange_take(x, &http, &body);
    if (e != OR_OK) return e;
    or_str sent = or_buf_str(&want), head = OR_STR("\r\n\r\n");
    size_t at = or_str_find(sent, head, 0) + head.len;
    if (!or_str_eq(or_buf_str(&body), or_str_of(sent.ptr + at, sent.len - at))) return OR_ERR_JSON;

    or_sse_put_comment(&sse, OR_STR("thinking"));
    for (size_t i = 0; i < sizeof exchange_words / sizeof exchange_words[0]; i++) {
        or_buf_put_z(&sse, "data: {\"choices\":[{\"delta\":{\"content\":\"");
        or_buf_put_z(&sse, exchange_words[i]);
        or_buf_put_z(&sse, "\"}}]}\n\n");
    }
    or_buf_put_z(&sse, "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    or_sse_put(&sse, or_str_of(NULL, 0), OR_STR("[DONE]"));
    or_http_put_status(&out, 200);
    or_http_put_field(&out, OR_STR("Content-Type"), OR_STR("text/event-stream"));
    or_http_put_field(&out, OR_STR("Transfer-Encoding"), OR_STR("chunked"));
    or_http_put_head_end(&out);
    for (size_t i = 0, k = 0, n; i < sse.len; i += n, k++) {
        char line[18];
        n = sizes[k % 7] < sse.len - i ? sizes[k % 7] : sse.len - i;
        or_buf_put(&out, line, or_http_chunk_head(line, n));
        or_buf_put(&out, sse.ptr + i, n);
        or_buf_put_z(&out, OR_HTTP_CHUNK_END);
    }
    or_buf_put_z(&out, OR_HTTP_LAST_CHUNK);
    if (sse.err != OR_OK || out.err != OR_OK) return OR_ERR_SPACE;
    for (size_t i = 0, k = 0, n; i < out.len; i += n, k++) {
        n = sizes[k % 5] < out.len - i ? sizes[k % 5] : out.len - i;
        e = exchange_send(x, or_str_of(out.ptr + i, n));
        if (e != OR_OK) return e;
    }
    return OR_OK;
}

#endif
