/* Fuzz target of the HTTP part. The first two bytes choose what to do, the rest is input:
     reading   however a stream is cut, the same comes out of it
     writing   what the writers write, the reader reads back the same
     URLs      what is accepted has parts that lie inside it, and a host and port that the
               writer takes */
#define OR_IMPLEMENTATION
#include "or.h"

#include "fuzz.h"
#include "http_log.h"

static void must(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "fuzz_http: broken: %s\n", what);
    abort();
}

/* Read in pieces of at most `step` bytes (0: all at once); first piece `first` bytes. */
static void read_in(http_log *l, uint8_t how, const char *s, size_t n, size_t first, size_t step)
{
    static const or_http_limits limits[2] = {{0, 0, 0}, {64, 3, 5}};
    http_log_init(l, (how & 1) != 0 ? OR_HTTP_CLIENT : OR_HTTP_SERVER, &limits[how >> 1 & 1]);
    if ((how & 4) != 0) or_http_expect_no_body(&l->h);
    if (first > n) first = n;
    http_log_feed(l, s, first);
    for (size_t at = first; at < n;) {
        size_t k = step == 0 || step > n - at ? n - at : step;
        http_log_feed(l, s + at, k);
        at += k;
    }
    http_log_eof(l);
    must(l->broken == NULL, l->broken);
}

static void fuzz_read(uint8_t how, uint8_t cut, const char *s, size_t n)
{
    static http_log whole, pieces;
    if (n > 8000) n = 8000; /* the log of escaped bytes has to fit */
    read_in(&whole, how, s, n, n, 0);
    for (int i = 0; i < 3; i++) {
        size_t first = i == 0 ? cut : i == 1 ? n - (cut < n ? cut : n) : 0;
        read_in(&pieces, how, s, n, first, i == 2 ? 1 : i == 1 ? 7 : 0);
        must(strcmp(whole.text, pieces.text) == 0, "a split changes what is read");
        http_log_free(&pieces);
    }
    http_log_free(&whole);
}

/* Take the bytes up to the next '|' off *s. */
static or_str take(or_str *s)
{
    size_t n = 0;
    while (n < s->len && s->ptr[n] != '|') n++;
    or_str part = or_str_of(s->ptr, n);
    size_t skip = n < s->len ? n + 1 : n;
    *s = or_str_of(s->ptr + skip, s->len - skip);
    return part;
}

/* method|target|host|name|value|name|value ... */
static void fuzz_write(const char *s, size_t n)
{
    static char   mem[1 << 16];
    or_buf        b;
    or_http       h;
    or_http_event ev;
    or_str        rest = or_str_of(s, n), name, value;
    or_str        method = take(&rest), target = take(&rest), host = take(&rest), fields = rest;
    size_t        pos = 0;
    or_http_limits limits = {1 << 16, 0, 0};
    or_buf_init(&b, mem, sizeof mem);
    or_http_put_request(&b, method, target, host);
    for (int i = 0; i < 90 && rest.len > 0; i++) {
        name = take(&rest);
        value = take(&rest);
        or_http_put_field(&b, name, value);
    }
    if (or_http_put_head_end(&b) != OR_OK) return;

    or_str in = or_buf_str(&b);
    or_http_init(&h, OR_HTTP_SERVER, &limits);
    or_err e = or_http_next(&h, &in, &ev);
    /* fields of framing may contradict each other: the writer does not compare them */
    if (e != OR_OK) {
        must(e == OR_ERR_HTTP || e == OR_ERR_CODING || e == OR_ERR_HEAD, "written but not read");
        must(h.head.num_fields > 1 || b.len > 1 << 14, "a request line that is not read");
        return;
    }
    must(in.len == 0, "the head ends where it was ended");
    must(or_str_eq(h.head.method, method) && or_str_eq(h.head.target, target), "request line");
    must(or_http_field_next(&h.head, &pos, &name, &value) && or_str_eq(value, host), "host");
    for (int i = 0; i < 90 && fields.len > 0; i++) {
        or_str want_name = take(&fields), want_value = or_str_trim(take(&fields));
        must(or_http_field_next(&h.head, &pos, &name, &value), "a field is missing");
        must(or_str_eq(name, want_name) && or_str_eq(value, want_value), "a field differs");
    }
    must(!or_http_field_next(&h.head, &pos, &name, &value), "a field too many");
}

static void fuzz_url(const char *s, size_t n)
{
    or_url  url;
    or_buf  b;
    or_str  text = or_str_of(s, n);
    if (or_url_read(text, &url) != OR_OK) return;
    must(http_log_inside(url.host, s, n) && http_log_inside(url.authority, s, n) &&
         http_log_inside(url.path, s, n) && http_log_inside(url.query, s, n), "parts of a URL");
    must(url.host.len > 0 && url.port != 0, "host and port");
    must(url.path.len == 0 || url.path.ptr[0] == '/', "path");
    or_buf_init_counting(&b);
    must(or_http_put_request(&b, OR_STR("GET"), text, url.authority) == OR_OK, "as a target");
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 2) return;
    or_str s = or_str_of((const char *)data + 2, size - 2);
    char  *exact = (char *)malloc(s.len != 0 ? s.len : 1);
    if (exact == NULL) abort();
    memcpy(exact, s.ptr, s.len);
    switch (data[0] >> 3 & 3) { /* the low bits of '0' to '7' are for fuzz_read */
    case 2: fuzz_read(data[0], data[1], exact, s.len); break;
    case 3: fuzz_write(exact, s.len); break;
    default: fuzz_url(exact, s.len); break;
    }
    free(exact);
}
