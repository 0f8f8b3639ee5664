#include "proxy/api.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proxy/auth.h"
#include "proxy/ev.h"
#include "proxy/generations.h"
#include "proxy/manage.h"
#include "proxy/market.h"
#include "proxy/mem.h"
#include "proxy/metrics.h"
#include "proxy/models.h"
#include "proxy/query.h"
#include "proxy/record.h"
#include "proxy/relay.h"
#include "proxy/uplink.h"

static api_reach reach;

/* Who may ask. */
typedef enum access {
    ACCESS_ALL,       /* no key is needed */
    ACCESS_KEY,       /* inference: a client's key, where there are keys */
    ACCESS_ANY_KEY,   /* a client's or a management key */
    ACCESS_MANAGEMENT, /* a management key */
    ACCESS_METRICS     /* the same, but this machine without keys */
} access;

typedef manage_ask ask; /* what a handler gets */

typedef struct route {
    or_str      method;
    or_str      path; /* without /api and a trailing slash; '*' at its end: anything */
    access      access;
    void      (*handle)(const ask *a);
    facts_kind  kind;     /* inference */
    const char *upstream; /* inference: the provider's path */
    or_dialect  speaks;   /* what its requests and answers are in */
} route;

static const or_str no_fields = {NULL, 0};

static void refuse(client *c, uint16_t status, const char *message, const char *fields)
{
    envelope e = {.status = status, .message = or_str_z(message)};
    client_error(c, &e, or_str_z(fields));
}

/* ---- answers of our own ---- */

static void health(const ask *a)
{
    client_reply(a->c, 200, "application/json", no_fields,
                 OR_STR("{\"status\":\"ok\",\"version\":\"" OR_VERSION "\"}\n"));
}

static const char page[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>orproxy</title>\n"
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44em;margin:3em auto;padding:0 1em}"
    "pre{background:#8882;padding:1em;overflow:auto}</style>\n"
    "<h1>orproxy " OR_VERSION "</h1>\n"
    "<p>OpenRouter's API on this machine. Point any OpenAI or OpenRouter client here:</p>\n"
    "<pre>base URL   http://THIS-HOST:PORT/v1   (or /api/v1)</pre>\n"
    "<pre>curl -N http://THIS-HOST:PORT/v1/chat/completions \\\n"
    "  -H 'Content-Type: application/json' -H 'Authorization: Bearer KEY' \\\n"
    "  -d '{\"model\":\"MODEL\",\"stream\":true,\"messages\":"
    "[{\"role\":\"user\",\"content\":\"Hello\"}]}'</pre>\n"
    "<p><a href=\"/v1/models\">models</a> &middot; <a href=\"/v1/providers\">providers</a> &middot; "
    "<a href=\"/metrics\">metrics</a> &middot; <a href=\"/healthz\">health</a></p>\n"
    "</html>\n";

static void home(const ask *a)
{
    client_reply(a->c, 200, "text/html; charset=utf-8",
                 OR_STR("Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
                        "X-Content-Type-Options: nosniff\r\n"),
                 OR_STR(page));
}

static void metrics(const ask *a)
{
    or_buf        body;
    metrics_state s = {.connections = client_count(),
                       .busy = client_busy(),
                       .streams = relay_num_streams(),
                       .idle_upstreams = upstream_num_idle(),
                       .memory = mem_used(),
                       .memory_peak = mem_peak(),
                       .memory_limit = conf_now()->limits.memory,
                       .uplink_down = uplink_is_down(),
                       .m = market_now()};
    or_buf_init_growing(&body, &mem_allocator, 4 * 1024 * 1024);
    if (metrics_put(&body, &s) == OR_OK)
        client_reply(a->c, 200, "text/plain; version=0.0.4; charset=utf-8", no_fields,
                     or_buf_str(&body));
    else
        refuse(a->c, 503, "no memory: limits.memory is reached", "Retry-After: 1\r\n");
    or_buf_free(&body);
}

static void tell_generation(const ask *a)
{
    or_buf body;
    char   message[200];
    or_str id = query_find(client_head(a->c)->query, "id");
    or_err e;
    if (id.len == 0) {
        refuse(a->c, 400, "id is missing: use /v1/generation?id=gen-...", NULL);
        return;
    }
    or_buf_init_growing(&body, &mem_allocator, 256 * 1024);
    or_buf_put_z(&body, "{\"data\":");
    if (a->manages)
        e = generations_put_any(&body, id);
    else
        e = generations_put(&body, id, or_str_z(a->who != NULL ? a->who->id : ""));
    or_buf_put_z(&body, "}");
    if (e == OR_ERR_ABSENT) {
        snprintf(message, sizeof message, "no generation is called %.*s, or it is too long ago",
                 (int)(id.len < 80 ? id.len : 80), id.ptr);
        refuse(a->c, 404, message, NULL);
    } else if (e == OR_OK && body.err == OR_OK) {
        client_reply(a->c, 200, "application/json", no_fields, or_buf_str(&body));
    } else {
        refuse(a->c, 503, "no memory: limits.memory is reached", "Retry-After: 1\r\n");
    }
    or_buf_free(&body);
}

/* ---- the catalogue ---- */

/* One of the answers of models.h. */
typedef bool (*make_models)(or_buf *body, const ask *a, const models_ask *m, models_reply *r);

static void send_models(const ask *a, make_models make)
{
    or_buf              body;
    models_reply        r;
    const or_http_head *h = client_head(a->c);
    models_ask          m = {.path = h->path,
                             .query = h->query,
                             .now_ms = ev_now(),
                             .now_s = (int64_t)time(NULL)};
    or_buf_init_growing(&body, &mem_allocator, 64 * 1024 * 1024);
    if (make(&body, a, &m, &r))
        client_reply(a->c, 200, "application/json", no_fields, or_buf_str(&body));
    else
        refuse(a->c, r.status, r.message, r.status == 503 ? "Retry-After: 1\r\n" : NULL);
    or_buf_free(&body);
}

static bool make_list(or_buf *body, const ask *a, const models_ask *m, models_reply *r)
{
    models_ask list = *m;
    list.embeddings = or_str_eq(a->path, OR_STR("/v1/embeddings/models"));
    if (or_str_eq(a->path, OR_STR("/v1/models/user")) && a->who != NULL) list.key = a->who->key;
    return models_list(body, market_now(), &list, r);
}

static bool make_count(or_buf *body, const ask *a, const models_ask *m, models_reply *r)
{
    (void)a;
    return models_count(body, market_now(), m, r);
}

static bool make_one(or_buf *body, const ask *a, const models_ask *m, models_reply *r)
{
    (void)m;
    return models_one(body, market_now(), a->rest, r);
}

/* /v1/models/ID, and /v1/models/ID/endpoints. */
static bool make_below(or_buf *body, const ask *a, const models_ask *m, models_reply *r)
{
    or_str id = a->rest, end = OR_STR("/endpoints");
    if (id.len <= end.len || memcmp(id.ptr + id.len - end.len, end.ptr, end.len) != 0)
        return models_openai_one(body, market_now(), id, r);
    return models_endpoints(body, market_now(), or_str_of(id.ptr, id.len - end.len), m->now_ms, r);
}

static bool make_zdr(or_buf *body, const ask *a, const models_ask *m, models_reply *r)
{
    (void)a;
    return models_zdr(body, market_now(), m->now_ms, r);
}

static bool make_providers(or_buf *body, const ask *a, const models_ask *m, models_reply *r)
{
    (void)a;
    (void)m;
    return models_providers(body, market_now(), r);
}

static void list_models(const ask *a)
{
    send_models(a, make_list);
}

static void count_models(const ask *a)
{
    send_models(a, make_count);
}

static void one_model(const ask *a)
{
    send_models(a, make_one);
}

static void below_models(const ask *a)
{
    send_models(a, make_below);
}

static void list_zdr(const ask *a)
{
    send_models(a, make_zdr);
}

static void list_providers(const ask *a)
{
    send_models(a, make_providers);
}

/* An estimate: nobody is asked, and it costs nothing. */
static void count_tokens(const ask *a)
{
    char         mem[64];
    or_buf       body;
    or_json_item item;
    or_json_scan s;
    or_str       request = client_body(a->c);
    or_json_scan_init(&s, request);
    if (or_json_check(request, NULL) != OR_OK || or_json_scan_next(&s, &item) != OR_OK ||
        item.type != OR_JSON_OBJECT) {
        refuse(a->c, 400, "request body is not a JSON object", NULL);
        return;
    }
    or_buf_init(&body, mem, sizeof mem);
    or_buf_put_z(&body, "{\"input_tokens\":");
    or_buf_put_u64(&body, or_dialect_count_tokens(request));
    or_buf_put_z(&body, ",\"estimated\":true}");
    client_reply(a->c, 200, "application/json", no_fields, or_buf_str(&body));
}

static void explain_route(const ask *a)
{
    relay_route(a->c, a->who);
}

/* ---- paths ---- */

#define GET(path, access, handle) \
    {OR_STR_INIT("GET"), OR_STR_INIT(path), access, handle, 0, NULL, OR_DIALECT_CHAT}
#define HEAD(path, access, handle) \
    {OR_STR_INIT("HEAD"), OR_STR_INIT(path), access, handle, 0, NULL, OR_DIALECT_CHAT}
#define CHANGE(method, path, handle) \
    {OR_STR_INIT(method), OR_STR_INIT(path), ACCESS_MANAGEMENT, handle, 0, NULL, OR_DIALECT_CHAT}
#define POST(path, kind) \
    {OR_STR_INIT("POST"), OR_STR_INIT("/v1" path), ACCESS_KEY, NULL, kind, path, OR_DIALECT_CHAT}
#define SPEAK(path, kind, dialect) \
    {OR_STR_INIT("POST"), OR_STR_INIT("/v1" path), ACCESS_KEY, NULL, kind, path, dialect}

static const route routes[] = {
    POST("/chat/completions", FACTS_CHAT),
    SPEAK("/completions", FACTS_COMPLETIONS, OR_DIALECT_TEXT),
    POST("/embeddings", FACTS_EMBEDDINGS),
    SPEAK("/responses", FACTS_CHAT, OR_DIALECT_RESPONSES),
    SPEAK("/messages", FACTS_CHAT, OR_DIALECT_MESSAGES),
    {OR_STR_INIT("POST"), OR_STR_INIT("/v1/messages/count_tokens"), ACCESS_KEY, count_tokens,
     FACTS_CHAT, NULL, OR_DIALECT_MESSAGES},
    POST("/rerank", FACTS_OTHER),
    POST("/images", FACTS_OTHER),
    POST("/images/generations", FACTS_OTHER),
    POST("/audio/speech", FACTS_OTHER),
    POST("/audio/transcriptions", FACTS_OTHER),
    POST("/moderations", FACTS_OTHER),
    POST("/videos", FACTS_OTHER),
    {OR_STR_INIT("POST"), OR_STR_INIT("/v1/route"), ACCESS_KEY, explain_route, FACTS_CHAT, NULL,
     OR_DIALECT_CHAT},
    GET("/v1/generation", ACCESS_ANY_KEY, tell_generation),
    GET("/v1/key", ACCESS_ANY_KEY, manage_key),
    GET("/v1/keys", ACCESS_MANAGEMENT, manage_list_keys),
    CHANGE("POST", "/v1/keys", manage_create_key),
    GET("/v1/keys/*", ACCESS_MANAGEMENT, manage_get_key),
    CHANGE("PATCH", "/v1/keys/*", manage_change_key),
    CHANGE("DELETE", "/v1/keys/*", manage_delete_key),
    GET("/v1/credits", ACCESS_MANAGEMENT, manage_credits),
    CHANGE("POST", "/v1/credits", manage_pay),
    GET("/v1/limits", ACCESS_MANAGEMENT, manage_limits),
    GET("/v1/activity", ACCESS_MANAGEMENT, manage_activity),
    GET("/v1/usage", ACCESS_MANAGEMENT, manage_usage),
    GET("/v1/sessions", ACCESS_MANAGEMENT, manage_sessions),
    GET("/v1/datasets/rankings-daily", ACCESS_MANAGEMENT, manage_rankings),
    GET("/v1/datasets/app-rankings", ACCESS_MANAGEMENT, manage_apps),
    GET("/v1/datasets/session-cost", ACCESS_MANAGEMENT, manage_session_costs),
    CHANGE("POST", "/v1/audit/accept", manage_accept),
    GET("/v1/models", ACCESS_ALL, list_models),
    GET("/v1/models/user", ACCESS_KEY, list_models),
    GET("/v1/models/count", ACCESS_ALL, count_models),
    GET("/v1/embeddings/models", ACCESS_ALL, list_models),
    GET("/v1/models/*", ACCESS_ALL, below_models),
    GET("/v1/model/*", ACCESS_ALL, one_model),
    GET("/v1/providers", ACCESS_ALL, list_providers),
    GET("/v1/endpoints/zdr", ACCESS_ALL, list_zdr),
    GET("/healthz", ACCESS_ALL, health),
    HEAD("/healthz", ACCESS_ALL, health),
    GET("/metrics", ACCESS_METRICS, metrics),
    GET("/", ACCESS_ALL, home),
    HEAD("/", ACCESS_ALL, home),
};
enum { NUM_ROUTES = sizeof routes / sizeof routes[0] };

/* The path as the table has it: /api/v1/x/ is /v1/x. */
static or_str normalise(or_str path)
{
    or_str api = OR_STR("/api/");
    if (path.len >= api.len && or_str_eq(or_str_of(path.ptr, api.len), api))
        path = or_str_of(path.ptr + api.len - 1, path.len - api.len + 1);
    while (path.len > 1 && path.ptr[path.len - 1] == '/') path.len--;
    return path;
}

/* What a path's clients understand, whatever its method: errors are told in that. */
static or_dialect on_speaks(const or_http_head *h)
{
    or_str path = normalise(h->path);
    for (size_t i = 0; i < NUM_ROUTES; i++)
        if (or_str_eq(routes[i].path, path)) return routes[i].speaks;
    return OR_DIALECT_CHAT;
}

static bool fits(const route *r, or_str path, or_str *rest)
{
    size_t n = r->path.len - 1;
    *rest = or_str_of("", 0);
    if (r->path.ptr[n] != '*') return or_str_eq(r->path, path);
    if (path.len <= n || memcmp(path.ptr, r->path.ptr, n) != 0) return false;
    *rest = or_str_of(path.ptr + n, path.len - n);
    return true;
}

/* The route of a request, and in *a its path. NULL: *allowed lists the methods that the path
   has ("": none). */
static const route *find(const or_http_head *h, ask *a, char *allowed, size_t size)
{
    int used = 0;
    a->path = normalise(h->path);
    allowed[0] = 0;
    for (size_t i = 0; i < NUM_ROUTES; i++) {
        if (!fits(&routes[i], a->path, &a->rest)) continue;
        if (or_str_eq(routes[i].method, h->method)) return &routes[i];
        if (used == 0 || strstr(allowed, routes[i].method.ptr) == NULL)
            used += snprintf(allowed + used, size - (size_t)used, "%s%s", used > 0 ? ", " : "",
                             routes[i].method.ptr);
    }
    return NULL;
}

/* ---- who may ask ---- */

/* host[:port] without its port. */
static or_str without_port(or_str host)
{
    if (host.len > 0 && host.ptr[0] == '[') {
        size_t end = or_str_find(host, OR_STR("]"), 0);
        return end < host.len ? or_str_of(host.ptr, end + 1) : host;
    }
    host.len = or_str_find(host, OR_STR(":"), 0);
    return host;
}

/* localhost, a name under it, 127.x.x.x, [::1]. Only such names cannot be pointed at this
   machine by somebody else's DNS. */
static bool is_local_name(or_str host)
{
    or_str name = without_port(host), suffix = OR_STR(".localhost");
    if (or_str_eq_nocase(name, OR_STR("localhost")) || or_str_eq(name, OR_STR("[::1]")))
        return true;
    if (name.len > suffix.len &&
        or_str_eq_nocase(or_str_of(name.ptr + name.len - suffix.len, suffix.len), suffix))
        return true;
    if (name.len < 5 || !or_str_eq(or_str_of(name.ptr, 4), OR_STR("127."))) return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] != '.' && (name.ptr[i] < '0' || name.ptr[i] > '9')) return false;
    return true;
}

/* Is the Origin the host that the request was sent to? */
static bool is_same_host(or_str origin, or_str host)
{
    or_url url;
    return or_url_read(origin, &url) == OR_OK && or_str_eq_nocase(url.authority, host);
}

/* Without keys only this machine is served, and what a page in a browser here may send is told
   by two fields that it cannot forge. With keys, who has one may come from anywhere. */
static bool is_guarded(void)
{
    return reach == API_LOCAL && !books_have_keys() && !conf_now()->open;
}

/* NULL, or why the request is refused. */
static const char *refusal_of(const client *c)
{
    const or_http_head *h = client_head(c);
    or_str              origin = or_http_field(h, OR_STR("origin"), NULL);
    if (books_have_keys() || client_is_owner(c)) return NULL;
    if (origin.ptr != NULL && !is_same_host(origin, h->host))
        return "Origin is another site: without keys only pages from here are served";
    if (!is_guarded()) return NULL;
    if (h->host.ptr != NULL && !is_local_name(h->host))
        return "Host is not a name of this machine: without keys only localhost is served";
    return NULL;
}

/* Whose request it is, into *a. False: it was refused. */
static bool admit(const route *r, ask *a)
{
    client     *c = a->c;
    auth        by;
    const char *why = "no key: this address needs one, and none was made yet (orproxy keys create)";
    bool        messages = r->speaks == OR_DIALECT_MESSAGES;
    bool        open = reach == API_LOCAL || conf_now()->open;
    a->who = NULL;
    a->manages = client_is_owner(c);
    if (r->access == ACCESS_ALL || a->manages) return true;
    uint16_t status = auth_read(client_head(c), messages, &by, &why);
    a->who = by.who;
    a->manages = by.management;
    if (status == 0 && by.management && r->access != ACCESS_KEY) return true;
    if (r->access == ACCESS_METRICS && is_guarded()) return true;
    if (status == 0 && (r->access == ACCESS_MANAGEMENT || r->access == ACCESS_METRICS)) {
        refuse(c, 403,
               "this needs a management key (management_key in the settings, or the one that the "
               "first start showed), or the command line on the machine itself", NULL);
        return false;
    }
    if (status == 0 && by.management) {
        refuse(c, 403, "a management key is not for inference: use a client's key", NULL);
        return false;
    }
    if (status == 0 && by.who == NULL && !open) status = 401; /* the last key was deleted */
    if (status == 0) return true;
    if ((r->access == ACCESS_MANAGEMENT || r->access == ACCESS_METRICS) &&
        strncmp(why, "no key: send", 12) == 0)
        why = "this needs a management key: send Authorization: Bearer KEY";
    size_t version = strncmp(r->path.ptr, "/v1/", 4) == 0 ? 3 : 0; /* logs leave it out */
    record_refused(r->path.ptr + version, by.who != NULL ? by.who->key : NULL, status, why);
    refuse(c, status, why, "WWW-Authenticate: Bearer\r\n");
    return false;
}

/* ---- hooks ---- */

/* A browser asks whether it may ask. */
static void preflight(client *c, const or_http_head *h)
{
    char   mem[1400];
    or_buf fields;
    or_str asked = or_http_field(h, OR_STR("access-control-request-headers"), NULL);
    or_buf_init(&fields, mem, sizeof mem);
    or_http_put_field(&fields, OR_STR("Access-Control-Allow-Methods"),
                      OR_STR("GET, POST, PATCH, PUT, DELETE"));
    if (asked.len > 0 && asked.len <= 1024)
        or_http_put_field(&fields, OR_STR("Access-Control-Allow-Headers"), asked);
    or_http_put_field(&fields, OR_STR("Access-Control-Max-Age"), OR_STR("600"));
    client_reply(c, 204, "", or_buf_str(&fields), or_str_of("", 0));
}

/* What lets a page of another site read the answer. */
static void on_fields(const client *c, or_buf *head)
{
    or_str origin = or_http_field(client_head(c), OR_STR("origin"), NULL);
    if (origin.ptr == NULL || refusal_of(c) != NULL) return;
    if (origin.len > 512) return; /* no browser's: the answer's head has its limits */
    or_http_put_field(head, OR_STR("Access-Control-Allow-Origin"), origin);
    or_http_put_field(head, OR_STR("Vary"), OR_STR("Origin"));
    or_http_put_field(head, OR_STR("Access-Control-Expose-Headers"),
                      OR_STR("X-Generation-Id, Retry-After, X-RateLimit-Limit, "
                             "X-RateLimit-Remaining, X-RateLimit-Reset, X-Orproxy-Route, "
                             "X-Orproxy-Unsupported"));
}

static bool on_head(client *c)
{
    char                allowed[64], fields[96], message[256];
    ask                 a = {.c = c};
    const or_http_head *h = client_head(c);
    const char         *why = refusal_of(c);
    if (why != NULL) {
        refuse(c, 403, why, NULL);
        return false;
    }
    if (or_str_eq(h->method, OR_STR("OPTIONS"))) {
        preflight(c, h);
        return false;
    }
    const route *r = find(h, &a, allowed, sizeof allowed);
    if (r != NULL) return client_came_whole(c) || admit(r, &a); /* before a body that may be large */
    int method = h->method.len < 32 ? (int)h->method.len : 32;
    int path = h->path.len < 128 ? (int)h->path.len : 128;
    if (allowed[0] == 0) {
        snprintf(message, sizeof message, "nothing here is called %.*s", path, h->path.ptr);
        refuse(c, 404, message, NULL);
    } else {
        snprintf(message, sizeof message, "%.*s is not for %.*s: use %s", method, h->method.ptr,
                 path, h->path.ptr, allowed);
        snprintf(fields, sizeof fields, "Allow: %s\r\n", allowed);
        refuse(c, 405, message, fields);
    }
    return false;
}

static void on_request(client *c)
{
    char         allowed[64];
    ask          a = {.c = c};
    const route *r = find(client_head(c), &a, allowed, sizeof allowed);
    /* on_head let it through; the settings may have changed since */
    if (r == NULL || !admit(r, &a)) return;
    if (r->handle != NULL)
        r->handle(&a);
    else
        relay_request(c, r->kind, r->speaks, r->upstream, a.who);
}

const client_hooks *api_setup(api_reach who)
{
    static const client_hooks hooks = {on_head,     on_request, relay_gone, relay_drained,
                                       relay_ended, on_speaks,  on_fields};
    reach = who;
    return &hooks;
}
