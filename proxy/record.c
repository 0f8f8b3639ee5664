#include "proxy/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proxy/clock.h"
#include "proxy/ev.h"
#include "proxy/generations.h"
#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/member.h"
#include "proxy/metrics.h"

enum {
    MAX_LINE = 256 * 1024, /* bytes of a record: a request has 64 models at most */
    MAX_SHOWN = 256
};

static const char *const finishes[] = {NULL,         "stop",           "length",
                                       "tool_calls", "content_filter", "error"};

/* ---- small pieces ---- */

static const or_endpoint *endpoint_of(const record *r, uint32_t attempt)
{
    return &r->d->m->catalogue.endpoints[r->attempts[attempt].endpoint];
}

static uint32_t kept_attempts(const record *r)
{
    return r->num_attempts < RECORD_MAX_ATTEMPTS ? r->num_attempts : RECORD_MAX_ATTEMPTS;
}

static or_str name_of(const or_endpoint *e)
{
    return e->provider_name.ptr != NULL ? e->provider_name : e->provider;
}

or_str record_provider(const record *r, uint32_t attempt)
{
    return name_of(endpoint_of(r, attempt));
}

/* What a client wrote and records repeat: no more of it than a name or an id needs, so that
   nothing keeps a request out of them. */
static or_str shown(or_str s)
{
    size_t n = s.len < MAX_SHOWN ? s.len : MAX_SHOWN;
    while (n > 0 && n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80) n--; /* whole letters */
    return or_str_of(s.ptr, n);
}

static or_str asked_of(const record *r)
{
    return shown(r->d->asked);
}

/* The endpoint that served; NULL. */
static const or_endpoint *server_of(const record *r)
{
    return r->served && r->num_attempts > 0 ? endpoint_of(r, kept_attempts(r) - 1) : NULL;
}

void record_put_route(or_buf *out, const record *r)
{
    for (uint32_t i = 0; i < kept_attempts(r); i++) {
        const record_attempt *a = &r->attempts[i];
        if (i > 0) or_buf_put_z(out, ", ");
        or_buf_put_str(out, endpoint_of(r, i)->tag);
        or_buf_put_char(out, '=');
        if (a->word != NULL)
            or_buf_put_z(out, a->word);
        else
            or_buf_put_u64(out, a->status);
    }
}

/* ---- objects ---- */

static void put_attempt(or_json_writer *w, const record *r, uint32_t i)
{
    const record_attempt *a = &r->attempts[i];
    or_json_begin_object(w);
    member_str(w, "provider", record_provider(r, i));
    member_str(w, "model", endpoint_of(r, i)->model);
    member_u64(w, "status", a->status);
    if (a->word != NULL) member_z(w, "error", a->word);
    or_json_end_object(w);
}

or_err record_put_metadata(or_buf *out, const record *r)
{
    or_json_writer     w;
    const or_plan     *p = &r->d->plan;
    const or_endpoint *server = server_of(r);
    char               summary[160];
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    member_str(&w, "requested", asked_of(r));
    member_z(&w, "strategy", r->d->strategy);
    member_str(&w, "region", server != NULL ? server->region : or_str_of(NULL, 0));
    snprintf(summary, sizeof summary, "available=%u, excluded=%u, attempts=%u", (unsigned)p->num,
             (unsigned)p->num_out, (unsigned)r->num_attempts);
    member_z(&w, "summary", summary);
    member_u64(&w, "attempt", r->served ? r->num_attempts : 0);
    member_bool(&w, "is_byok", r->byok);
    or_json_put_key(&w, OR_STR("endpoints"));
    or_json_begin_object(&w);
    member_u64(&w, "total", (uint64_t)p->num + p->num_out);
    or_json_put_key(&w, OR_STR("available"));
    or_json_begin_array(&w);
    for (uint32_t i = 0; i < p->num && i < RECORD_MAX_ATTEMPTS; i++) {
        const or_endpoint *e = &r->d->m->catalogue.endpoints[p->list[i].endpoint];
        or_json_begin_object(&w);
        member_str(&w, "provider", name_of(e));
        member_str(&w, "model", e->model);
        member_bool(&w, "selected", e == server);
        or_json_end_object(&w);
    }
    or_json_end_array(&w);
    or_json_end_object(&w);
    or_json_put_key(&w, OR_STR("attempts"));
    or_json_begin_array(&w);
    for (uint32_t i = 0; i < kept_attempts(r); i++) put_attempt(&w, r, i);
    or_json_end_array(&w);
    or_json_end_object(&w);
    return or_json_writer_end(&w);
}

or_err record_put_previous(or_buf *out, const record *r)
{
    or_json_writer w;
    or_json_writer_init(&w, out);
    or_json_begin_array(&w);
    for (uint32_t i = 0; i + 1 < kept_attempts(r); i++) {
        or_json_begin_object(&w);
        member_str(&w, "provider", record_provider(r, i));
        member_u64(&w, "status", r->attempts[i].status);
        member_z(&w, "code", r->attempts[i].word != NULL ? r->attempts[i].word : "refused");
        or_json_end_object(&w);
    }
    or_json_end_array(&w);
    return or_json_writer_end(&w);
}

/* ---- GET /generation ---- */

static const char *type_of(const record *r)
{
    if (r->f->kind == FACTS_EMBEDDINGS) return "embeddings";
    if (r->f->kind != FACTS_OTHER) return "completions";
    if (strcmp(r->path, "/rerank") == 0) return "rerank";
    if (strncmp(r->path, "/images", 7) == 0) return "image";
    if (strcmp(r->path, "/audio/speech") == 0) return "tts";
    if (strcmp(r->path, "/audio/transcriptions") == 0) return "stt";
    return strcmp(r->path, "/videos") == 0 ? "video" : NULL;
}

static or_str key_of(const record *r)
{
    return r->d->key != NULL ? or_str_z(r->d->key->name) : OR_STR("");
}

static uint32_t note_attempts(const record *r, generation_attempt *list)
{
    for (uint32_t i = 0; i < kept_attempts(r); i++) {
        const record_attempt *a = &r->attempts[i];
        const or_endpoint    *e = endpoint_of(r, i);
        list[i] = (generation_attempt){
            .provider = name_of(e), .model = e->model, .status = a->status, .word = a->word, .ms = a->ms,
            .is_byok = r->d->m->settings->providers[e->target].kind != PROVIDER_OPENROUTER};
    }
    return kept_attempts(r);
}

static const char *router_of(const record *r)
{
    if (strcmp(r->d->strategy, "auto") == 0) return "openrouter/auto";
    return strcmp(r->d->strategy, "free") == 0 ? "openrouter/free" : NULL;
}

static void tell_generation(const record *r)
{
    generation_attempt  attempts[RECORD_MAX_ATTEMPTS];
    generation_endpoint endpoints[2 * GENERATIONS_MAX_SHOWN];
    const or_endpoint  *server = server_of(r);
    int32_t             took = or_ms_diff(r->began_ms, ev_now());
    size_t              max = conf_now()->limits.generations;
    generation          g;
    memset(&g, 0, sizeof g);
    g.id = or_str_z(r->id);
    g.key = or_str_z(r->d->key != NULL ? r->d->key->id : "");
    g.upstream_id = r->upstream_id;
    g.model = server != NULL ? server->model : asked_of(r);
    if (server != NULL) g.provider = name_of(server);
    if (r->native_finish[0] != 0) g.native_finish = or_str_z(r->native_finish);
    g.referer = r->referer;
    g.user_agent = r->user_agent;
    g.user = r->user;
    g.session = r->session;
    g.title = r->title;
    g.type = type_of(r);
    g.finish = finishes[r->finish];
    g.router = router_of(r);
    g.end = r->end;
    g.created = (int64_t)time(NULL) - took / 1000;
    g.streamed = r->streamed;
    g.cancelled = r->cancelled;
    g.byok = r->byok;
    g.usage = r->usage;
    g.cost = r->cost;
    g.first_ms = r->first_ms;
    g.took_ms = took;
    g.status = r->status;
    g.attempts = attempts;
    g.num_attempts = note_attempts(r, attempts);
    g.endpoints = endpoints;
    g.num_endpoints = decide_endpoints(r->d, endpoints);
    generations_add(max, &g);
}

/* ---- the decisions file ---- */

static bool said; /* that they cannot be recorded */

static int open_decisions(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void record_begin(void)
{
    const char *path = conf_now()->decisions;
    int         fd = path != NULL ? open_decisions(path) : -1;
    said = path != NULL && fd < 0;
    if (said) log_line("cannot record decisions in %s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
}

/* Append a line; a file that has become too large makes room first. */
static void append(const char *path, size_t max, or_str line)
{
    char        old[1100];
    struct stat st;
    if (stat(path, &st) == 0 && (uint64_t)st.st_size + line.len > max) {
        snprintf(old, sizeof old, "%s.1", path);
        if (rename(path, old) != 0) { /* else it would grow without an end */
            if (!said) log_line("cannot rename %s: %s: no decisions are recorded", path, strerror(errno));
            said = true;
            return;
        }
    }
    int     fd = open_decisions(path);
    ssize_t n = fd >= 0 ? write(fd, line.ptr, line.len) : -1;
    if (n != (ssize_t)line.len && !said)
        log_line("cannot record decisions in %s: %s", path,
                 n < 0 ? strerror(errno) : "no room for a whole line");
    said = n != (ssize_t)line.len;
    if (fd >= 0) close(fd);
}

static void put_outcome(or_buf *line, const record *r)
{
    or_json_writer     w;
    const or_endpoint *server = server_of(r);
    line->len--; /* the closing brace */
    or_buf_put_z(line, ",\"outcome\":");
    or_json_writer_init(&w, line);
    or_json_begin_object(&w);
    member_z(&w, "id", r->id);
    member_str(&w, "provider", server != NULL ? server->tag : or_str_of(NULL, 0));
    member_str(&w, "model", server != NULL ? server->model : or_str_of(NULL, 0));
    member_u64(&w, "status", r->status);
    member_u64(&w, "attempts", r->num_attempts);
    if (r->usage.set) {
        member_u64(&w, "prompt_tokens", r->usage.prompt_tokens);
        member_u64(&w, "completion_tokens", r->usage.completion_tokens);
        member_u64(&w, "cached_tokens", r->usage.cached_tokens);
    }
    member_cost(&w, "cost", &r->cost);
    or_json_end_object(&w);
    or_buf_put_z(line, "}\n");
}

static void tell_decision(const record *r)
{
    const conf     *settings = conf_now();
    const decision *d = r->d;
    or_buf          line;
    if (settings->decisions == NULL || d->plan.num + d->plan.num_out == 0) return;
    or_buf_init_growing(&line, &mem_allocator, MAX_LINE);
    if (or_route_record(&line, &d->plan, &d->request, &d->m->catalogue, &d->moment) == OR_OK) {
        put_outcome(&line, r);
        if (line.err == OR_OK)
            append(settings->decisions, settings->limits.decisions, or_buf_str(&line));
    }
    or_buf_free(&line);
}

/* ---- the log ---- */

static void put_excluded(or_buf *out, const decision *d)
{
    uint32_t shown = 0;
    for (uint32_t i = d->plan.num; i < d->plan.num + d->plan.num_out && shown < 4; i++, shown++) {
        const or_candidate *c = &d->plan.list[i];
        or_buf_put_z(out, shown > 0 ? ", " : ", not ");
        or_buf_put_str(out, d->m->catalogue.endpoints[c->endpoint].tag);
        or_buf_put_z(out, " (");
        or_buf_put_z(out, or_route_reason_by(c->reason));
        or_buf_put_char(out, ')');
    }
    if (d->plan.num_out > shown) {
        or_buf_put_z(out, " and ");
        or_buf_put_u64(out, d->plan.num_out - shown);
        or_buf_put_z(out, " more");
    }
}

static void put_tokens(or_buf *out, const record *r)
{
    if (r->usage.set) {
        or_buf_put_z(out, ", ");
        or_buf_put_u64(out, r->usage.prompt_tokens);
        or_buf_put_char(out, '+');
        or_buf_put_u64(out, r->usage.completion_tokens);
        or_buf_put_z(out, " tokens");
    }
    if (r->num_attempts == 0) return;
    if (r->cost.source == OR_COST_UNKNOWN) {
        or_buf_put_z(out, ", cost unknown");
        return;
    }
    or_buf_put_z(out, r->cost.source == OR_COST_ESTIMATED ? ", about " : ", ");
    or_decimal_put(out, r->cost.pico_usd, 12);
    or_buf_put_z(out, " USD");
}

static void log_text(const record *r)
{
    char   mem[900];
    or_buf line;
    or_buf_init(&line, mem, sizeof mem);
    or_buf_put_z(&line, r->path + 1);
    or_buf_put_char(&line, ' ');
    or_buf_put_str(&line, asked_of(r));
    or_buf_put_z(&line, ": ");
    or_buf_put_u64(&line, r->status);
    or_buf_put_char(&line, ' ');
    or_buf_put_z(&line, r->end);
    or_buf_put_z(&line, " in ");
    or_buf_put_u64(&line, (uint32_t)or_ms_diff(r->began_ms, ev_now()));
    or_buf_put_z(&line, " ms");
    if (r->num_attempts > 0) {
        or_buf_put_z(&line, " by ");
        record_put_route(&line, r);
    }
    or_buf_put_z(&line, " of ");
    or_buf_put_u64(&line, r->d->plan.num);
    put_excluded(&line, r->d);
    put_tokens(&line, r);
    if (r->d->key != NULL) {
        or_buf_put_z(&line, ", key ");
        or_buf_put_z(&line, r->d->key->name);
    }
    log_line("%.*s", (int)line.len, mem);
}

static void log_object(const record *r)
{
    char               mem[4000], route[512];
    or_buf             line, tried;
    or_json_writer     w;
    const or_endpoint *server = server_of(r);
    or_buf_init(&line, mem, sizeof mem);
    or_buf_init(&tried, route, sizeof route);
    record_put_route(&tried, r);
    or_json_writer_init(&w, &line);
    or_json_begin_object(&w);
    clock_put(&w, "time", (int64_t)time(NULL));
    member_z(&w, "id", r->id);
    member_z(&w, "path", r->path);
    member_str(&w, "key", key_of(r));
    member_str(&w, "model", asked_of(r));
    member_str(&w, "served_model", server != NULL ? server->model : or_str_of(NULL, 0));
    member_str(&w, "provider", server != NULL ? server->tag : or_str_of(NULL, 0));
    member_u64(&w, "status", r->status);
    member_z(&w, "end", r->end);
    member_bool(&w, "streamed", r->streamed);
    member_u64(&w, "ms", (uint32_t)or_ms_diff(r->began_ms, ev_now()));
    member_ms(&w, "first_token_ms", r->first_ms);
    member_ms(&w, "added_ms", r->added_ms);
    if (r->usage.set) {
        member_u64(&w, "prompt_tokens", r->usage.prompt_tokens);
        member_u64(&w, "completion_tokens", r->usage.completion_tokens);
    }
    member_cost(&w, "cost", &r->cost);
    member_u64(&w, "candidates", r->d->plan.num);
    or_json_put_key(&w, OR_STR("excluded"));
    or_json_begin_object(&w);
    for (int reason = 1; reason < OR_ROUTE_REASON_NUM; reason++) {
        uint64_t n = 0;
        for (uint32_t i = r->d->plan.num; i < r->d->plan.num + r->d->plan.num_out; i++)
            n += (int)r->d->plan.list[i].reason == reason;
        if (n > 0) member_u64(&w, or_route_reason_by((or_route_reason)reason), n);
    }
    or_json_end_object(&w);
    member_str(&w, "attempts", or_buf_str(&tried));
    if (r->title.len > 0 && r->title.len < 128) member_str(&w, "app", r->title);
    or_json_end_object(&w);
    if (or_json_writer_end(&w) == OR_OK) log_object_line(or_buf_str(&line));
}

static void tell_metrics(const record *r)
{
    const or_endpoint *server = server_of(r);
    metrics_request    m;
    memset(&m, 0, sizeof m);
    if (server == NULL && r->num_attempts > 0) server = endpoint_of(r, kept_attempts(r) - 1);
    m.model = server != NULL ? server->model : OR_STR("");
    m.provider = server != NULL ? server->tag : OR_STR("");
    m.key = key_of(r);
    m.status = r->status;
    m.truncated = strcmp(r->end, "truncated") == 0;
    m.attempts = r->num_attempts;
    m.first_token_ms = r->first_ms;
    m.added_ms = r->added_ms;
    m.usage = r->usage;
    m.cost = r->cost;
    metrics_add(&m);
}

void record_refused(const char *path, const conf_key *key, uint16_t status, const char *why)
{
    char            mem[1024];
    or_buf          line;
    or_json_writer  w;
    metrics_request m;
    memset(&m, 0, sizeof m);
    m.model = OR_STR("");
    m.provider = OR_STR("");
    m.key = key != NULL ? or_str_z(key->name) : OR_STR("");
    m.status = status;
    m.first_token_ms = m.added_ms = -1;
    metrics_add(&m);
    if (!conf_now()->log_json) {
        log_line("%s: %u %s", path + 1, status, why);
        return;
    }
    or_buf_init(&line, mem, sizeof mem);
    or_json_writer_init(&w, &line);
    or_json_begin_object(&w);
    clock_put(&w, "time", (int64_t)time(NULL));
    member_z(&w, "path", path);
    member_str(&w, "key", m.key);
    member_u64(&w, "status", status);
    member_z(&w, "error", why);
    or_json_end_object(&w);
    if (or_json_writer_end(&w) == OR_OK) log_object_line(or_buf_str(&line));
}

void record_tell(const record *r)
{
    tell_metrics(r);
    if (conf_now()->log_json)
        log_object(r);
    else
        log_text(r);
    tell_generation(r);
    tell_decision(r);
}
