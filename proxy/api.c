#include "proxy/api.h"

#include <stdio.h>

#include "proxy/facts.h"
#include "proxy/relay.h"

static bool check_local;

/* ---- handlers ---- */

static void chat(client *c)
{
    char  message[256];
    facts f;
    if (facts_read(client_body(c), &f, message, sizeof message)) {
        relay_chat(c, &f);
        return;
    }
    envelope e = {.status = 400, .message = or_str_z(message)};
    client_error(c, &e, or_str_of(NULL, 0));
}

static void health(client *c)
{
    client_reply(c, 200, "application/json", or_str_of(NULL, 0),
                 OR_STR("{\"status\":\"ok\",\"version\":\"" OR_VERSION "\"}\n"));
}

typedef struct route {
    or_str method;
    or_str path; /* without /api and a trailing slash */
    void (*handle)(client *c);
} route;

static const route routes[] = {
    {OR_STR_INIT("POST"), OR_STR_INIT("/v1/chat/completions"), chat},
    {OR_STR_INIT("GET"), OR_STR_INIT("/v1/models"), relay_models},
    {OR_STR_INIT("GET"), OR_STR_INIT("/healthz"), health},
    {OR_STR_INIT("HEAD"), OR_STR_INIT("/healthz"), health},
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

/* The route of a request. NULL: *allowed lists the methods that the path has ("": none). */
static const route *find(const or_http_head *h, char *allowed, size_t size)
{
    or_str path = normalise(h->path);
    int    used = 0;
    allowed[0] = 0;
    for (size_t i = 0; i < NUM_ROUTES; i++) {
        if (!or_str_eq(routes[i].path, path)) continue;
        if (or_str_eq(routes[i].method, h->method)) return &routes[i];
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

/* NULL, or why the request is refused. A page in a browser on this machine can send
   requests here; what it cannot do is to forge these two fields. */
static const char *refusal(const or_http_head *h)
{
    or_str origin = or_http_field(h, OR_STR("origin"), NULL);
    if (!check_local) return NULL;
    if (h->host.ptr != NULL && !is_local_name(h->host))
        return "Host is not a name of this machine: without keys only localhost is served";
    if (origin.ptr != NULL && !is_same_host(origin, h->host))
        return "Origin is another site: without keys only pages from here are served";
    return NULL;
}

/* ---- hooks ---- */

static void refuse(client *c, uint16_t status, const char *message, const char *fields)
{
    envelope e = {.status = status, .message = or_str_z(message)};
    client_error(c, &e, or_str_z(fields));
}

static bool on_head(client *c)
{
    char                allowed[64], fields[96], message[256];
    const or_http_head *h = client_head(c);
    const char         *why = refusal(h);
    if (why != NULL) {
        refuse(c, 403, why, NULL);
        return false;
    }
    if (find(h, allowed, sizeof allowed) != NULL) return true;
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
    const route *r = find(client_head(c), allowed, sizeof allowed);
    if (r != NULL) r->handle(c); /* on_head let it through */
}

const client_hooks *api_setup(const conf *settings, bool local)
{
    static const client_hooks hooks = {on_head, on_request, relay_gone, relay_drained};
    check_local = local && !settings->open;
    return &hooks;
}
