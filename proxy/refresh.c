#include "proxy/refresh.h"

#include <stdio.h>
#include <string.h>

#include "proxy/ev.h"
#include "proxy/fetch.h"
#include "proxy/log.h"
#include "proxy/market.h"
#include "proxy/mem.h"
#include "proxy/pages.h"

enum {
    RETRY_MS = 15000,           /* after a failure; doubled up to conf.refresh */
    MAX_LIST = 16 * 1024 * 1024 /* bytes of all pages of a list */
};

/* One provider of the settings that asking began with. */
typedef struct asking {
    fetch   *f;
    uint32_t wait;   /* ms until the next attempt */
    uint32_t due;    /* when that is */
    bool     failed; /* was said in the log */
    or_buf   pages;  /* of a list that comes in more than one, those that came */
    unsigned num_pages;
    char     error[256];
} asking;

static asking   all[CONF_MAX_PROVIDERS];
static conf    *settings; /* held */
static unsigned num_running;
static bool     first;
static ev_timer timer;

/* A list that says something new is used at once: a slow provider does not hide another. */
static void make(void)
{
    char error[512];
    if (!market_make(settings, error, sizeof error)) log_line("models: %s", error);
}

/* Set the timer to the attempt that is due first. */
static void plan(void)
{
    uint32_t least = 0;
    for (unsigned i = 0; settings != NULL && i < settings->num_providers; i++) {
        if (all[i].f != NULL || all[i].wait == 0) continue;
        int32_t  left = or_ms_diff(ev_now(), all[i].due);
        uint32_t ms = left > 0 ? (uint32_t)left : 1;
        if (least == 0 || ms < least) least = ms;
    }
    if (least > 0)
        ev_timer_set(&timer, least);
    else
        ev_timer_stop(&timer);
}

static void again_in(asking *a, uint32_t ms)
{
    a->wait = ms;
    a->due = ev_now() + ms;
}

static void on_failure(asking *a, const conf_provider *p, const char *why)
{
    uint32_t ms = a->failed && a->wait > 0 ? a->wait * 2 : RETRY_MS;
    if (!a->failed) log_line("%s: no list of models: %s", p->name, why);
    a->failed = true;
    again_in(a, ms < settings->refresh ? ms : settings->refresh);
}

static void forget_pages(asking *a)
{
    or_buf_free(&a->pages);
    a->num_pages = 0;
}

static void on_list(void *user, const fetch_result *r);

/* Ask for a page; false: no memory. */
static bool ask_page(unsigned i, or_str page)
{
    all[i].f = fetch_list(market_now(), i, page, on_list, &all[i]);
    return all[i].f != NULL;
}

/* Take a page of a list. OR_NEED_MORE: another one is on its way. OR_OK: *list is all of it. */
static or_err take_page(asking *a, const conf_provider *p, or_str body, or_str *list)
{
    char   mem[PAGES_MAX_TOKEN];
    or_str next = pages_next(p->kind, body, mem);
    or_err e = OR_OK;
    *list = body;
    a->num_pages++;
    if (next.len == 0 && a->num_pages == 1) return OR_OK;
    if (a->num_pages == 1) or_buf_init_growing(&a->pages, &mem_allocator, MAX_LIST);
    e = pages_add(&a->pages, body);
    if (e != OR_OK) return e;
    if (next.len > 0 && a->num_pages < PAGES_MAX)
        return ask_page((unsigned)(a - all), next) ? OR_NEED_MORE : OR_ERR_MEMORY;
    if (next.len > 0)
        log_line("%s: its list of models has more than %d pages: the rest is left out", p->name,
                 PAGES_MAX);
    e = pages_end(&a->pages);
    *list = or_buf_str(&a->pages);
    return e;
}

/* The whole list came. */
static void learn(asking *a, const conf_provider *p, or_str list)
{
    bool news = false;
    if (!market_learn(settings, p, list, &news, a->error, sizeof a->error)) {
        on_failure(a, p, a->error);
        return;
    }
    if (a->failed) log_line("%s: its list of models is there", p->name);
    a->failed = false;
    if (news) make();
    if (settings->refresh > 0) again_in(a, settings->refresh);
}

static void on_list(void *user, const fetch_result *r)
{
    asking              *a = user;
    const conf_provider *p = &settings->providers[a - all];
    or_str               list;
    or_err               e = OR_OK;
    a->f = NULL;
    if (r->error == NULL) e = take_page(a, p, r->body, &list);
    if (e == OR_NEED_MORE) return;
    num_running--;
    if (r->error != NULL || e != OR_OK)
        on_failure(a, p, r->error != NULL ? r->error : or_err_text(e));
    else
        learn(a, p, list);
    forget_pages(a);
    if (num_running == 0) first = false;
    plan();
}

static void ask(unsigned i)
{
    num_running++;
    if (!ask_page(i, OR_STR(""))) {
        fetch_result r = {0, or_str_of(NULL, 0), "no memory"};
        on_list(&all[i], &r);
    }
}

static void on_timer(ev_timer *t)
{
    (void)t;
    for (unsigned i = 0; i < settings->num_providers; i++)
        if (all[i].f == NULL && all[i].wait > 0 && or_ms_diff(ev_now(), all[i].due) <= 0) ask(i);
    plan();
}

void refresh_shutdown(void)
{
    ev_timer_stop(&timer);
    for (unsigned i = 0; i < CONF_MAX_PROVIDERS; i++) {
        if (all[i].f != NULL) fetch_cancel(all[i].f);
        forget_pages(&all[i]);
    }
    memset(all, 0, sizeof all);
    num_running = 0;
    first = false;
    if (settings != NULL) conf_drop(settings);
    settings = NULL;
}

void refresh_begin(void)
{
    refresh_shutdown();
    timer.fire = on_timer;
    settings = conf_hold(market_now()->settings);
    first = true;
    for (unsigned i = 0; i < settings->num_providers; i++) {
        bool simulated = settings->providers[i].kind == PROVIDER_DEMO; /* asking it is free */
        if (settings->providers[i].list && (settings->refresh > 0 || simulated)) ask(i);
    }
    if (num_running == 0) first = false;
    plan();
}

bool refresh_is_busy(void)
{
    return first;
}

void refresh_hurry(void)
{
    for (unsigned i = 0; settings != NULL && i < settings->num_providers; i++)
        if (all[i].f == NULL && all[i].failed) ask(i);
    plan();
}
