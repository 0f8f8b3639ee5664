#include "proxy/expand.h"

#include <stdio.h>
#include <string.h>

#include "proxy/ev.h"
#include "proxy/fetch.h"
#include "proxy/log.h"

enum {
    MAX_WANTED = 64, /* models whose endpoints are kept up to date */
    MAX_NAME = 64,
    MAX_ID = 128,
    AGAIN_MS = 60000 /* at least, after a failure as well */
};

typedef struct wanted {
    char     provider[MAX_NAME], id[MAX_ID], path[MAX_ID + 32];
    fetch   *f;
    uint32_t asked_ms; /* when the last answer was asked for */
    uint32_t used_ms;
    bool     asked;
} wanted;

static wanted all[MAX_WANTED];

static const conf_provider *find_provider(const conf *settings, const char *name)
{
    for (unsigned i = 0; i < settings->num_providers; i++)
        if (strcmp(settings->providers[i].name, name) == 0) return &settings->providers[i];
    return NULL;
}

static void on_list(void *user, const fetch_result *r)
{
    wanted              *w = user;
    char                 error[256];
    bool                 news = false;
    conf                *settings = market_now()->settings;
    const conf_provider *p = find_provider(settings, w->provider);
    w->f = NULL;
    if (p == NULL) return; /* the settings changed meanwhile */
    if (r->error != NULL)
        log_line("%s: no endpoints of %s: %s", w->provider, w->id, r->error);
    else if (!market_learn_endpoints(settings, p, or_str_z(w->id), r->body, &news, error,
                                     sizeof error))
        log_line("%s: no endpoints of %s: %s", w->provider, w->id, error);
    else if (news && !market_make(settings, error, sizeof error))
        log_line("models: %s", error);
}

/* The slot of that model, or the one that was used least lately and is not busy. */
static wanted *find(const char *provider, or_str id)
{
    wanted *best = NULL;
    for (int i = 0; i < MAX_WANTED; i++) {
        wanted *w = &all[i];
        if (strcmp(w->provider, provider) == 0 && or_str_eq(or_str_z(w->id), id)) return w;
        if (w->f != NULL) continue;
        if (best == NULL || !w->asked ||
            (best->asked && or_ms_diff(w->used_ms, best->used_ms) > 0))
            best = w;
    }
    if (best == NULL) return NULL;
    memset(best, 0, sizeof *best);
    snprintf(best->provider, sizeof best->provider, "%s", provider);
    memcpy(best->id, id.ptr, id.len);
    snprintf(best->path, sizeof best->path, "/models/%s/endpoints", best->id);
    return best;
}

static void ask(market *m, unsigned target, or_str id)
{
    const conf_provider *p = &m->settings->providers[target];
    uint32_t             wait = m->settings->refresh > AGAIN_MS ? m->settings->refresh : AGAIN_MS;
    wanted              *w = find(p->name, id);
    if (w == NULL) return;
    w->used_ms = ev_now();
    if (w->f != NULL || (w->asked && or_ms_diff(w->asked_ms, ev_now()) < (int32_t)wait)) return;
    w->asked = true;
    w->asked_ms = ev_now();
    w->f = fetch_begin(m, target, w->path, on_list, w);
}

static bool is_wanted(const conf *settings)
{
    for (unsigned i = 0; i < settings->num_providers; i++)
        if (settings->providers[i].endpoints) return true;
    return false;
}

void expand_want(market *m, or_str model)
{
    if (!is_wanted(m->settings)) return;
    const market_model *found = market_find(m, model);
    if (found == NULL || m->settings->refresh == 0 || found->id.len >= MAX_ID) return;
    for (uint32_t i = 0; i < found->num; i++) {
        const or_endpoint *e = &m->catalogue.endpoints[found->first + i];
        if (e->router && m->settings->providers[e->target].endpoints) ask(m, e->target, found->id);
    }
}

void expand_shutdown(void)
{
    for (int i = 0; i < MAX_WANTED; i++)
        if (all[i].f != NULL) fetch_cancel(all[i].f);
    memset(all, 0, sizeof all);
}
