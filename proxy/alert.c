#include "proxy/alert.h"

#include <stdio.h>
#include <string.h>

#include "proxy/clock.h"
#include "proxy/ev.h"
#include "proxy/fetch.h"
#include "proxy/log.h"
#include "proxy/member.h"
#include "proxy/providers.h"

enum { RECENT = 64, QUIET_MS = 60000, MAX_POSTS = 8 };

/* What was told lately: a key that is at its end is refused again and again. */
static struct {
    account_kind kind;
    char         id[72];
    unsigned     percent;
    uint32_t     at;
    bool         used;
} recent[RECENT];
static unsigned next_recent;

static fetch *posts[MAX_POSTS];
static bool   failing;

static bool was_told(const account *a, unsigned percent)
{
    for (unsigned i = 0; i < RECENT; i++)
        if (recent[i].used && recent[i].kind == a->kind && recent[i].percent == percent &&
            strncmp(recent[i].id, a->id, sizeof recent[i].id - 1) == 0 &&
            ev_now() - recent[i].at <
                QUIET_MS) /* unsigned: a limit by the month is told each month */
            return true;
    unsigned i = next_recent++ % RECENT;
    recent[i].used = true;
    recent[i].kind = a->kind;
    recent[i].percent = percent;
    recent[i].at = ev_now();
    snprintf(recent[i].id, sizeof recent[i].id, "%s", a->id);
    return false;
}

static void on_posted(void *user, const fetch_result *r)
{
    fetch **slot = user;
    *slot = NULL;
    if (r->error != NULL && !failing) log_line("alert_webhook: %s", r->error);
    failing = r->error != NULL;
}

static upstream_host *host_of(const char *url)
{
    char          error[256];
    conf_provider p;
    memset(&p, 0, sizeof p);
    p.name = p.title = "alert_webhook";
    p.base_url = url;
    p.kind = PROVIDER_OPENAI;
    p.facts = provider_find("");
    upstream_host *h = upstream_host_new(&p, conf_now()->ca, error, sizeof error);
    if (h == NULL) log_line("alert_webhook: %s", error);
    return h;
}

static or_err put(or_buf *out, const account *a, unsigned percent)
{
    or_json_writer w;
    or_wall        now = clock_wall();
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    member_z(&w, "event", "limit");
    clock_put(&w, "time", now.known ? now.unix_s : 0);
    member_z(&w, "kind", books_kind(a->kind));
    member_z(&w, "id", a->id);
    member_z(&w, "name", a->kind == ACCOUNT_KEY ? a->key->name : a->id);
    member_u64(&w, "percent", percent);
    member_usd(&w, "limit", a->budget.limit_pico_usd);
    member_z(&w, "limit_reset", keys_window_name(a->limits.limit_reset));
    member_usd(&w, "spent", a->budget.spent_pico_usd);
    or_json_end_object(&w);
    return or_json_writer_end(&w);
}

static void post(const account *a, unsigned percent)
{
    char     mem[1024];
    or_buf   body;
    unsigned i = 0;
    while (i < MAX_POSTS && posts[i] != NULL) i++;
    if (i == MAX_POSTS) return; /* the log has it */
    or_buf_init(&body, mem, sizeof mem);
    upstream_host *host =
        put(&body, a, percent) == OR_OK ? host_of(conf_now()->alert_webhook) : NULL;
    if (host == NULL) return;
    posts[i] = fetch_post(host, or_buf_str(&body), on_posted, &posts[i]);
    upstream_host_drop(host);
}

void alert_tell(const account *a, unsigned percent)
{
    char   name[160], spent[48], limit[48];
    or_buf b;
    if (was_told(a, percent)) return;
    or_buf_init(&b, spent, sizeof spent - 1);
    or_decimal_put(&b, a->budget.spent_pico_usd, 12);
    spent[b.len] = 0;
    or_buf_init(&b, limit, sizeof limit - 1);
    or_decimal_put(&b, a->budget.limit_pico_usd, 12);
    limit[b.len] = 0;
    const char *window = keys_window_name(a->limits.limit_reset);
    log_line("alert: %s: %u %% of its limit %s: %s of %s USD%s%s", books_name(a, name, sizeof name),
             percent, percent == 100 ? "is used up" : "are used", spent, limit,
             window != NULL ? " " : "", window != NULL ? window : "");
    if (conf_now()->alert_webhook != NULL) post(a, percent);
}

void alert_shutdown(void)
{
    for (unsigned i = 0; i < MAX_POSTS; i++)
        if (posts[i] != NULL) fetch_cancel(posts[i]);
    memset(posts, 0, sizeof posts);
    memset(recent, 0, sizeof recent);
}
