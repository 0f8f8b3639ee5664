/* Reads a stream of HTTP messages piece by piece, in blocks of exact size that move each
   time, and writes down what came out, so that two ways to cut a stream can be compared:

     [GET /p?q a 1.1 2 5 bk]   request head: method, path?query, host, version, number of
                               fields, Content-Length ("-": none), flags
     [200 OK 1.1 2 5 bk]       response head
                               flags: c chunked, b has_body, k keep_alive,
                               e expect_continue, x expect_other
     (bytes)                   body, however many events it took
     .                         end of the message
     |                         OR_DONE: the connection is over
     !http 400                 error and h->answer
   and after http_log_eof:
     $closed $cut $end */
#ifndef HTTP_LOG_H
#define HTTP_LOG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "or.h"

typedef struct http_log {
    or_http     h;
    char       *in; /* not consumed yet; a block of exactly len bytes */
    size_t      len;
    char        text[65536];
    size_t      size;
    bool        in_body, over;
    const char *broken; /* a rule of the contract that was broken */
} http_log;

static inline void http_log_raw(http_log *l, const char *s)
{
    size_t n = strlen(s);
    if (n >= sizeof l->text - l->size) abort();
    memcpy(l->text + l->size, s, n + 1);
    l->size += n;
}

static inline void http_log_str(http_log *l, or_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char          b[8];
        unsigned char c = (unsigned char)s.ptr[i];
        snprintf(b, sizeof b, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
        http_log_raw(l, b);
    }
}

static inline void http_log_init(http_log *l, or_http_role role, const or_http_limits *limits)
{
    memset(l, 0, offsetof(http_log, text));
    l->text[0] = 0;
    l->size = 0;
    l->in_body = l->over = false;
    l->broken = NULL;
    l->in = (char *)malloc(1);
    or_http_init(&l->h, role, limits);
}

static inline void http_log_free(http_log *l)
{
    free(l->in);
}

static inline void http_log_head(http_log *l)
{
    const or_http_head *e = &l->h.head;
    char                b[64];
    if (l->h.role == OR_HTTP_SERVER) {
        http_log_raw(l, "[");
        http_log_str(l, e->method);
        http_log_raw(l, " ");
        http_log_str(l, e->path);
        if (e->query.ptr != NULL) http_log_raw(l, "?");
        http_log_str(l, e->query);
        http_log_raw(l, " ");
        http_log_str(l, e->host.ptr != NULL ? e->host : or_str_z("-"));
    } else {
        snprintf(b, sizeof b, "[%u ", (unsigned)e->status);
        http_log_raw(l, b);
        http_log_str(l, e->reason);
    }
    snprintf(b, sizeof b, " 1.%u %u ", (unsigned)e->minor, (unsigned)e->num_fields);
    http_log_raw(l, b);
    snprintf(b, sizeof b, "%llu", (unsigned long long)e->content_length);
    http_log_raw(l, e->content_length == OR_HTTP_NO_LENGTH ? "-" : b);
    snprintf(b, sizeof b, " %s%s%s%s%s]", e->chunked ? "c" : "", e->has_body ? "b" : "",
             e->keep_alive ? "k" : "", e->expect_continue ? "e" : "", e->expect_other ? "x" : "");
    http_log_raw(l, b);
}

static inline const char *http_log_error(or_err e)
{
    switch (e) {
    case OR_ERR_HTTP: return "http";
    case OR_ERR_HEAD: return "head";
    case OR_ERR_CODING: return "coding";
    case OR_ERR_CHUNK: return "chunk";
    case OR_ERR_BODY: return "body";
    default: return or_err_text(e);
    }
}

static inline bool http_log_inside(or_str part, const char *block, size_t len)
{
    return (part.ptr == NULL && part.len == 0) || or_str_eq(part, or_str_z("/")) ||
           (part.ptr >= block && part.len <= len &&
            part.ptr - block <= (ptrdiff_t)(len - part.len));
}

/* Rules that hold for every event. */
static inline void http_log_check(http_log *l, or_err e, or_str before, or_str after,
                                  const or_http_event *ev)
{
    const or_http_head *d = &l->h.head;
    if (after.ptr + after.len != before.ptr + before.len || after.len > before.len)
        l->broken = "*in moved other than forward";
    if (e == OR_OK && ev->kind == OR_HTTP_BODY &&
        (ev->data.len == 0 || ev->data.ptr + ev->data.len != after.ptr ||
         ev->data.ptr < before.ptr))
        l->broken = "BODY is not the bytes consumed";
    if ((e != OR_OK || ev->kind != OR_HTTP_BODY) && (ev->data.ptr != NULL || ev->data.len != 0))
        l->broken = "data without BODY";
    if (e == OR_OK && ev->kind == OR_HTTP_HEAD && before.len == after.len)
        l->broken = "HEAD consumed nothing";
    if (e == OR_OK && ev->kind == OR_HTTP_END && before.len - after.len > 2 &&
        l->h.head.chunked == false)
        l->broken = "END consumed bytes";
    if (e == OR_OK && ev->kind == OR_HTTP_HEAD &&
        !(http_log_inside(d->method, l->in, l->len) && http_log_inside(d->target, l->in, l->len) &&
          http_log_inside(d->path, l->in, l->len) && http_log_inside(d->query, l->in, l->len) &&
          http_log_inside(d->host, l->in, l->len) && http_log_inside(d->reason, l->in, l->len) &&
          http_log_inside(d->fields, l->in, l->len)))
        l->broken = "a part of the head points outside the input";
}

static inline void http_log_event(http_log *l, const or_http_event *ev)
{
    if (ev->kind == OR_HTTP_BODY && !l->in_body) http_log_raw(l, "(");
    if (ev->kind != OR_HTTP_BODY && l->in_body) http_log_raw(l, ")");
    l->in_body = ev->kind == OR_HTTP_BODY;
    if (ev->kind == OR_HTTP_BODY) http_log_str(l, ev->data);
    if (ev->kind == OR_HTTP_END) http_log_raw(l, ".");
    if (ev->kind == OR_HTTP_HEAD) http_log_head(l);
}

static inline void http_log_stop(http_log *l, or_err e)
{
    char b[64];
    l->over = true;
    if (l->in_body) http_log_raw(l, ")");
    l->in_body = false;
    snprintf(b, sizeof b, "!%s %u", http_log_error(e), (unsigned)l->h.answer);
    http_log_raw(l, e == OR_DONE ? "|" : b);
}

/* Append n bytes to what is in hand and read as far as it goes. */
static inline void http_log_feed(http_log *l, const char *s, size_t n)
{
    char *block = (char *)malloc(l->len + n != 0 ? l->len + n : 1);
    if (block == NULL) abort();
    memcpy(block, l->in, l->len);
    if (n > 0) memcpy(block + l->len, s, n);
    free(l->in);
    l->in = block;
    l->len += n;

    or_str        in = or_str_of(block, l->len), before;
    or_http_event ev;
    or_err        e;
    unsigned long rounds = 0;
    do {
        before = in;
        memset(&ev, 0x7f, sizeof ev);
        e = or_http_next(&l->h, &in, &ev);
        http_log_check(l, e, before, in, &ev);
        if (e == OR_OK) http_log_event(l, &ev);
        if (++rounds > 2 * l->len + 4) l->broken = "OR_OK without progress";
    } while (e == OR_OK && l->broken == NULL);
    before = in;
    if (or_http_next(&l->h, &in, &ev) != e || in.len != before.len)
        l->broken = "the same call again gives another result";
    if (e != OR_NEED_MORE && !l->over) http_log_stop(l, e);

    /* keep what was not consumed, in a block of its size */
    char *rest = (char *)malloc(in.len != 0 ? in.len : 1);
    if (rest == NULL) abort();
    memcpy(rest, in.ptr, in.len);
    free(l->in);
    l->in = rest;
    l->len = in.len;
}

static inline void http_log_eof(http_log *l)
{
    or_http_event ev;
    or_err        e;
    memset(&ev, 0x7f, sizeof ev);
    e = or_http_eof(&l->h, &ev);
    if (ev.data.ptr != NULL || ev.data.len != 0) l->broken = "data without BODY";
    if (e == OR_OK && ev.kind == OR_HTTP_END) {
        if (l->in_body) http_log_raw(l, ")");
        http_log_raw(l, "$end");
        if (or_http_eof(&l->h, &ev) != OR_ERR_CLOSED) l->broken = "eof after its END";
        return;
    }
    if (l->over && e != OR_ERR_CLOSED) return; /* the error stands in the log already */
    if (l->in_body) http_log_raw(l, ")");
    http_log_raw(l, e == OR_ERR_CLOSED ? "$closed" : e == OR_ERR_TRUNCATED ? "$cut" : "$?");
    if (or_http_eof(&l->h, &ev) != e) l->broken = "eof again gives another result";
}

#endif
