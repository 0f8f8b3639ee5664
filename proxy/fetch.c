#include "proxy/fetch.h"

#include <stdio.h>
#include <string.h>

#include "proxy/exchange.h"
#include "proxy/mem.h"
#include "proxy/pages.h"

enum {
    MAX_LIST = 16 * 1024 * 1024, /* bytes of a list: OpenRouter's has about one */
    MAX_TARGET = 8192,           /* bytes of a path with its query: names of pages are long */
    TIMEOUT_MS = 30000
};

struct fetch {
    exchange       x;
    ev_task        task;
    market        *m; /* NULL: a POST to `host` */
    unsigned       target;
    upstream_host *host;
    const char    *path; /* NULL: that of its list of models */
    or_buf         page; /* of the list */
    or_buf         body;
    void (*done)(void *user, const fetch_result *r);
    void        *user;
    or_buf       head;
    or_str       pieces[2];
    or_endpoint  endpoint;
    or_catalogue catalogue;
    or_candidate candidate;
    or_plan      plan;
    uint64_t     memory[2];
};

void fetch_put_fields(or_buf *head, const conf_provider *p, unsigned key)
{
    if (p->num_keys > 0) provider_put_key(head, p->kind, p->keys[key % p->num_keys]);
    or_http_put_field(head, OR_STR("User-Agent"), OR_STR("orproxy/" OR_VERSION));
    or_http_put_field(head, OR_STR("Accept-Encoding"), OR_STR("identity"));
}

static upstream_host *on_host(void *user, uint32_t endpoint)
{
    fetch *f = user;
    (void)endpoint;
    return f->host;
}

static void put_target(or_buf *target, const fetch *f)
{
    or_str base = upstream_base_path(f->host), query = upstream_query(f->host);
    if (f->path == NULL) {
        provider_put_list(target, f->m->settings->providers[f->target].kind, base, query,
                          or_buf_str(&f->page));
        return;
    }
    or_buf_put_str(target, base);
    or_buf_put_z(target, f->path);
    if (f->m != NULL || query.ptr == NULL) return;
    or_buf_put_char(target, '?');
    or_buf_put_str(target, query);
}

static void put_fields(fetch *f)
{
    if (f->m != NULL) {
        fetch_put_fields(&f->head, &f->m->settings->providers[f->target],
                         market_take_key(f->m, f->target, ev_now()));
        provider_put_version(&f->head, f->m->settings->providers[f->target].kind, OR_STR(""));
        or_http_put_field(&f->head, OR_STR("Accept"), OR_STR("application/json"));
        return;
    }
    or_http_put_field(&f->head, OR_STR("User-Agent"), OR_STR("orproxy/" OR_VERSION));
    or_http_put_field(&f->head, OR_STR("Accept-Encoding"), OR_STR("identity"));
    or_http_put_field(&f->head, OR_STR("Content-Type"), OR_STR("application/json"));
    or_http_put_length(&f->head, f->body.len);
}

static or_err on_request(void *user, uint32_t endpoint, const or_str **pieces, uint32_t *num)
{
    fetch *f = user;
    char   mem[MAX_TARGET];
    or_buf target;
    (void)endpoint;
    or_buf_init(&target, mem, sizeof mem);
    put_target(&target, f);
    or_buf_clear(&f->head);
    or_http_put_request(&f->head, f->m != NULL ? OR_STR("GET") : OR_STR("POST"),
                        or_buf_str(&target), upstream_authority(f->host));
    put_fields(f);
    or_http_put_head_end(&f->head);
    f->pieces[0] = or_buf_str(&f->head);
    f->pieces[1] = or_buf_str(&f->body);
    *pieces = f->pieces;
    *num = f->m != NULL ? 1 : 2;
    return target.err != OR_OK ? target.err : f->head.err;
}

static void tell(fetch *f, const fetch_result *r)
{
    void (*done)(void *, const fetch_result *) = f->done;
    f->done = NULL;
    if (done != NULL) done(f->user, r);
}

static void on_event(void *user, const or_call_event *ev)
{
    fetch       *f = user;
    char         text[512];
    fetch_result r = {0};
    if (ev->kind == OR_CALL_ANSWER) {
        r.status = 200;
        r.body = ev->body;
        tell(f, &r);
        return;
    }
    if (ev->kind != OR_CALL_END) return;
    if (ev->end == OR_END_COMPLETE) { /* an answer that is no JSON, or that was told already */
        r.status = 200;
        r.body = OR_STR("");
        tell(f, &r);
        return;
    }
    r.status = ev->failure->status;
    if (f->m == NULL && f->x.call.http.head.status / 100 == 2) { /* whatever it said to a POST */
        r.status = f->x.call.http.head.status;
        tell(f, &r);
        return;
    }
    or_err      e = ev->failure->err;
    const char *why = e == OR_ERR_IO || e == OR_ERR_TRUNCATED ? exchange_error(&f->x) : "";
    if (e == OR_ERR_REFUSED)
        snprintf(text, sizeof text, "answered with status %u", r.status);
    else /* an answer may be too short although the connection is sound */
        snprintf(text, sizeof text, "%s", why[0] != 0 ? why : or_err_text(e));
    r.error = text;
    tell(f, &r);
}

static void on_rest(void *user)
{
    (void)user;
}

static void release(void *user)
{
    fetch *f = user;
    if (f->head.ptr != NULL) or_wipe(f->head.ptr, f->head.cap);
    or_buf_free(&f->head);
    or_buf_free(&f->page);
    or_buf_free(&f->body);
    if (f->m != NULL) market_drop(f->m);
    upstream_host_drop(f->host);
    mem_free(f, sizeof *f);
}

static void on_over(void *user)
{
    fetch *f = user;
    ev_defer(&f->task);
}

static fetch *begin(fetch *f)
{
    static const exchange_hooks hooks = {on_host, on_request, on_event, on_rest, on_over};
    or_call_desc                d;
    memset(&d, 0, sizeof d);
    f->task.run = release;
    f->task.user = f;
    f->catalogue.endpoints = &f->endpoint;
    f->catalogue.num = 1;
    or_plan_init(&f->plan, &f->candidate, 1);
    f->plan.num = 1;
    or_buf_init_growing(&f->head, &mem_allocator, 16 * 1024);
    d.plan = &f->plan;
    d.catalogue = &f->catalogue;
    d.other = true;
    d.timeouts.first_token_ms = d.timeouts.between_bytes_ms = TIMEOUT_MS;
    d.timeouts.total_ms = TIMEOUT_MS;
    d.max_answer = MAX_LIST;
    d.mem = f->memory;
    d.mem_size = sizeof f->memory;
    exchange_shared(&d);
    if (exchange_begin(&f->x, &d, &hooks, f) != OR_OK) {
        release(f);
        return NULL;
    }
    ev_defer(&f->x.task); /* later, so that done comes after this returned */
    return f;
}

static fetch *new_get(market *m, unsigned target, void (*done)(void *user, const fetch_result *r),
                      void *user)
{
    fetch *f = mem_alloc(sizeof *f);
    if (f == NULL) return NULL;
    f->m = market_hold(m);
    f->target = target;
    f->host = upstream_host_hold(m->hosts[target]);
    f->done = done;
    f->user = user;
    or_buf_init_growing(&f->body, &mem_allocator, 0);
    or_buf_init_growing(&f->page, &mem_allocator, PAGES_MAX_TOKEN);
    return f;
}

fetch *fetch_begin(market *m, unsigned target, const char *path,
                   void (*done)(void *user, const fetch_result *r), void *user)
{
    fetch *f = new_get(m, target, done, user);
    if (f == NULL) return NULL;
    f->path = path;
    return begin(f);
}

fetch *fetch_list(market *m, unsigned target, or_str page,
                  void (*done)(void *user, const fetch_result *r), void *user)
{
    fetch *f = new_get(m, target, done, user);
    if (f == NULL) return NULL;
    if (or_buf_put_str(&f->page, page) != OR_OK) {
        release(f);
        return NULL;
    }
    return begin(f);
}

fetch *fetch_post(upstream_host *host, or_str json, void (*done)(void *user, const fetch_result *r),
                  void *user)
{
    fetch *f = mem_alloc(sizeof *f);
    if (f == NULL) return NULL;
    f->host = upstream_host_hold(host);
    f->path = "";
    f->done = done;
    f->user = user;
    or_buf_init_growing(&f->body, &mem_allocator, json.len);
    if (or_buf_put_str(&f->body, json) != OR_OK) {
        release(f);
        return NULL;
    }
    return begin(f);
}

void fetch_cancel(fetch *f)
{
    f->done = NULL;
    exchange_cancel(&f->x);
}
