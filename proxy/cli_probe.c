#include "proxy/cli_probe.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "ports/posix.h"
#include "proxy/cli_parts.h"
#include "proxy/mem.h"
#include "proxy/pages.h"
#include "proxy/roots.h"

enum {
    HEAD_MAX = 64 << 10,
    TOTAL_MS = 60000 /* for all of it, however slowly bytes come */
};

static bool is_late(const cli_probe *p)
{
    return or_ms_diff(p->begun_ms, or_posix_now_ms()) > TOTAL_MS;
}

static void fail(cli_probe *p, const char *error, const char *advice)
{
    snprintf(p->error, sizeof p->error, "%s", error);
    snprintf(p->advice, sizeof p->advice, "%s", advice);
}

/* ---- resolve, connect, TLS ---- */

static bool resolve(cli_probe *p, or_posix_addr *addresses, uint32_t *num)
{
    char host[256], error[256];
    p->step = CLI_RESOLVE;
    if (p->url.host.len >= sizeof host) {
        fail(p, "the host name is too long", "correct base_url");
        return false;
    }
    snprintf(host, sizeof host, "%.*s", (int)p->url.host.len, p->url.host.ptr);
    if (or_posix_resolve(host, p->url.port, addresses, OR_POSIX_MAX_ADDRESSES, num, error,
                         sizeof error) == OR_OK)
        return true;
    fail(p, error, "is the name in base_url right, and does this machine reach its name server?");
    return false;
}

/* Until one of the attempts says something, or the next is due. */
static void wait_dial(const or_posix_dial *d, int32_t left_ms)
{
    int32_t       wait = d->timer ? or_ms_diff(or_posix_now_ms(), d->next_ms) : left_ms;
    struct pollfd fds[2] = {{d->fd[0], POLLOUT, 0}, {d->fd[1], POLLOUT, 0}};
    if (wait > left_ms) wait = left_ms;
    (void)poll(fds, 2, wait > 0 ? wait : 0);
}

static bool dial(cli_probe *p, const or_posix_addr *addresses, uint32_t num)
{
    or_posix_dial d;
    uint32_t      start = or_posix_now_ms();
    int32_t       left;
    or_err        e;
    p->step = CLI_CONNECT;
    or_posix_dial_start(&d, addresses, num);
    while ((e = or_posix_dial_step(&d, or_posix_now_ms(), &p->link.fd)) == OR_NEED_MORE) {
        left = (int32_t)p->timeout_ms - or_ms_diff(start, or_posix_now_ms());
        if (left <= 0) break;
        wait_dial(&d, left);
    }
    if (e == OR_OK) return true;
    fail(p, e == OR_NEED_MORE ? "no answer in the time of timeout.connect" : d.error,
         p->provider->facts->local ? "is it running, and at this port?"
                                   : "is the port in base_url right, and the way out open?");
    or_posix_dial_abandon(&d);
    return false;
}

static or_err shake_hands(cli_probe *p)
{
    or_link        *l = &p->link;
    uint8_t         seed[32];
    or_bearssl_desc d = {&l->trust,   &l->handshake,     NULL,
                         p->url.host, or_posix_unix_s(), seed,
                         l->records,  sizeof l->records, l->socket};
    or_err          e = or_posix_random(seed, sizeof seed);
    if (e == OR_OK) e = or_bearssl_begin(&l->tls, &d);
    or_wipe(seed, sizeof seed);
    l->is_tls = e == OR_OK;
    while (e == OR_OK && (e = or_bearssl_step(&l->tls)) == OR_NEED_MORE)
        e = is_late(p) ? OR_ERR_TIMEOUT : or_posix_wait(l->fd, l->tls.want_send, p->timeout_ms);
    return e;
}

static bool secure(cli_probe *p)
{
    or_link *l = &p->link;
    char     error[256];
    p->step = CLI_TLS;
    p->tls = p->url.tls;
    l->timeout_ms = p->timeout_ms;
    l->socket = or_posix_io(&l->fd);
    if (!p->tls) return true;
    if (!roots_load(&l->trust, roots_find(p->ca), &mem_allocator, error, sizeof error)) {
        fail(p, error, "name a PEM file of certificates with ca, or install ca-certificates");
        return false;
    }
    or_err e = shake_hands(p);
    if (e == OR_OK) return true;
    if (e == OR_ERR_TIMEOUT)
        snprintf(error, sizeof error, "the handshake: %s", or_err_text(e));
    else
        or_bearssl_error(&l->tls, error, sizeof error);
    fail(p, error,
         "is base_url https on purpose, and the server's certificate signed by whom ca "
         "names?");
    return false;
}

/* ---- the list of models ---- */

/* What is asked for: a page of the list of models, or another path. */
typedef struct question {
    const char *path; /* NULL: the list */
    or_str      page;
} question;

static void put_target(const cli_probe *p, or_buf *out, const question *q)
{
    if (q->path == NULL) {
        provider_put_list(out, p->provider->kind, p->url.path, p->url.query, q->page);
        return;
    }
    or_buf_put_str(out, p->url.path);
    or_buf_put_z(out, q->path);
}

static or_err put_request(const cli_probe *p, or_buf *out, const question *q)
{
    char   mem[8192];
    or_buf target;
    or_buf_init(&target, mem, sizeof mem);
    put_target(p, &target, q);
    if (target.err != OR_OK) return target.err;
    or_http_put_request(out, OR_STR("GET"), or_buf_str(&target), p->url.authority);
    or_http_put_field(out, OR_STR("Accept"), OR_STR("application/json"));
    or_http_put_field(out, OR_STR("User-Agent"), OR_STR("orproxy/" OR_VERSION));
    if (p->key != NULL) provider_put_key(out, p->provider->kind, p->key);
    provider_put_version(out, p->provider->kind, OR_STR(""));
    return or_http_put_head_end(out);
}

/* One event of the answer. OR_DONE: its end. */
static or_err on_event(cli_probe *p, const or_http *h, const or_http_event *ev, or_buf *body)
{
    if (ev->kind == OR_HTTP_HEAD && h->head.status >= 200) p->status = h->head.status;
    if (ev->kind == OR_HTTP_BODY) return or_buf_put_str(body, ev->data);
    return ev->kind == OR_HTTP_END ? OR_DONE : OR_OK;
}

/* OR_OK: the whole answer is in body. */
static or_err receive(cli_probe *p, or_buf *rx, or_buf *body)
{
    or_http        h;
    or_http_event  ev;
    or_http_limits limits = {.max_head = HEAD_MAX};
    or_http_init(&h, OR_HTTP_CLIENT, &limits);
    for (;;) {
        or_str in = or_buf_str(rx);
        or_err e = OR_OK;
        while (e == OR_OK && (e = or_http_next(&h, &in, &ev)) == OR_OK)
            e = on_event(p, &h, &ev, body);
        if (e == OR_DONE) return OR_OK;
        if (e < 0) return e;
        or_buf_take(rx, rx->len - in.len);
        if (is_late(p)) return OR_ERR_TIMEOUT;
        if (or_buf_reserve(rx, CLI_READ) != OR_OK) return rx->err;
        ptrdiff_t n = or_link_recv(&p->link, rx->ptr + rx->len, CLI_READ);
        if (n == OR_ERR_CLOSED) return or_http_eof(&h, &ev);
        if (n < 0) return (or_err)n;
        rx->len += (size_t)n;
    }
}

or_err cli_count_models(or_str body, uint32_t *num)
{
    cli_doc d;
    or_err  e = cli_doc_begin(&d, body);
    int     list = or_json_find(&d.json, 0, "/data");
    if (list < 0) list = or_json_find(&d.json, 0, "/models");
    if (list < 0) list = or_json_find(&d.json, 0, "");
    *num = 0;
    if (e == OR_OK && or_json_type_at(&d.json, list) != OR_JSON_ARRAY) e = OR_ERR_TYPE;
    if (e == OR_OK) *num = (uint32_t)d.json.tok[list].size;
    cli_doc_end(&d);
    return e;
}

static const struct {
    uint16_t    low, high;
    const char *advice;
} advices[] = {
    {401, 401, "the key is not valid there: correct what `key` names"},
    {402, 402, "the account there has no credit"},
    {403, 403, "the key may not do that, or this place may not: look at the account there"},
    {404, 405,
     "nothing is there: base_url has to be what SDKs take, most often ending in /v1 (but not of "
     "kind anthropic or gemini); if this provider has no list of models, say list = no"},
    {429, 429, "too many requests for now: try again later"},
    {300, 399, "it points elsewhere: put the right address into base_url"},
    {500, 599, "the provider has a problem: try again later"},
};

static void fail_status(cli_probe *p, or_str body)
{
    char           text[400];
    or_arena       arena;
    or_chat_answer answer;
    or_buf         out;
    or_buf_init(&out, text, sizeof text - 1);
    or_buf_put_u64(&out, p->status);
    or_buf_put_z(&out, " ");
    or_buf_put_z(&out, or_http_reason(p->status));
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    if (or_chat_read(body, &arena, &answer) == OR_OK && answer.error.set) {
        or_str s = answer.error.message;
        or_buf_put_z(&out, ": ");
        cli_put_clean(&out, or_str_of(s.ptr, s.len < 200 ? s.len : 200), true);
    }
    or_arena_reset(&arena);
    text[out.len] = 0;
    fail(p, text, "");
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (p->status >= advices[i].low && p->status <= advices[i].high)
            snprintf(p->advice, sizeof p->advice, "%s", advices[i].advice);
    if (p->status == 401 && p->key == NULL)
        snprintf(p->advice, sizeof p->advice, "it wants a key: say key = env:NAME or file:PATH%s%s",
                 p->provider->facts->key_env != NULL ? ", most often env:" : "",
                 p->provider->facts->key_env != NULL ? p->provider->facts->key_env : "");
}

static or_err ask(cli_probe *p, const question *q, or_buf *rx, or_buf *body)
{
    or_buf out;
    or_err e;
    or_buf_init_growing(&out, &mem_allocator, HEAD_MAX);
    e = put_request(p, &out, q);
    if (e == OR_OK) e = or_link_send(&p->link, or_buf_str(&out));
    if (out.len > 0) or_wipe(out.ptr, out.len); /* the key is in it */
    or_buf_free(&out);
    return e == OR_OK ? receive(p, rx, body) : e;
}

/* What came in answer; false: p->error says why. */
static bool read_answer(cli_probe *p, or_err e, const question *q, or_str body)
{
    char     error[200];
    uint32_t num = 0;
    if (e == OR_ERR_ARG)
        fail(p, "the key has a character that no request can carry", "correct what `key` names");
    else if (e != OR_OK)
        fail(p, or_err_text(e), "is base_url that of such a server?");
    else if (p->status != 200)
        fail_status(p, body);
    else if (q->path == NULL && (e = cli_count_models(body, &num)) != OR_OK) {
        snprintf(error, sizeof error, "what came is no list of models: %s", or_err_text(e));
        fail(p, error, "is base_url right? If this provider has no list, say list = no");
    }
    p->num_models += num;
    return p->error[0] == 0;
}

/* False: p->error says why. next, when not NULL, has room for the name of a page: *page is what
   comes behind this one. */
static bool get(cli_probe *p, const question *q, char *next, or_str *page)
{
    or_buf rx, body;
    or_buf_init_growing(&rx, &mem_allocator, HEAD_MAX + 2 * CLI_READ);
    or_buf_init_growing(&body, &mem_allocator, CLI_MAX_ANSWER);
    p->step = CLI_MODELS;
    or_err e = ask(p, q, &rx, &body);
    bool   good = read_answer(p, e, q, or_buf_str(&body));
    if (good && next != NULL) *page = pages_next(p->provider->kind, or_buf_str(&body), next);
    or_buf_free(&rx);
    or_buf_free(&body);
    return good;
}

static bool connect_to(cli_probe *p)
{
    or_posix_addr addresses[OR_POSIX_MAX_ADDRESSES];
    uint32_t      num = 0;
    or_link_close(&p->link);
    return resolve(p, addresses, &num) && dial(p, addresses, num) && secure(p);
}

/* OpenRouter lists its models for any key: only /key tells whether this one is good. Who speaks
   its dialect without that is not blamed. */
static bool key_is_good(cli_probe *p)
{
    if (p->provider->kind != PROVIDER_OPENROUTER || p->key == NULL) return true;
    question key = {"/key", {NULL, 0}};
    if (connect_to(p) && get(p, &key, NULL, NULL)) return true;
    if (p->step != CLI_MODELS || (p->status != 404 && p->status != 405)) return false;
    p->error[0] = p->advice[0] = 0;
    return true;
}

/* All pages of the list, each on a connection of its own: nothing is said of keeping one. */
static bool list_models(cli_probe *p)
{
    char     name[2][PAGES_MAX_TOKEN];
    question q = {NULL, {NULL, 0}};
    for (int i = 0; i < PAGES_MAX; i++) {
        if (i > 0 && !connect_to(p)) return false;
        if (!get(p, &q, name[i % 2], &q.page)) return false;
        if (q.page.len == 0) return true;
    }
    return true;
}

void cli_probe_run(cli_probe *p)
{
    p->begun_ms = or_posix_now_ms();
    p->link.fd = -1;
    p->step = CLI_RESOLVE;
    if (or_url_read(or_str_z(p->provider->base_url), &p->url) != OR_OK)
        fail(p, "base_url is no http or https URL", "correct base_url");
    else if (key_is_good(p) && connect_to(p) && (!p->provider->list || list_models(p)))
        p->step = CLI_STEPS;
    or_link_close(&p->link);
    p->took_ms = (uint32_t)or_ms_diff(p->begun_ms, or_posix_now_ms());
}
