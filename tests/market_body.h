/* What the tests of market, decide and rewrite share: settings from a text, a market from
   them and from lists of models, and a clock that moves by hand (the Makefile wraps it).
   Nothing is connected to: addresses are never dialled. */
#ifndef MARKET_BODY_H
#define MARKET_BODY_H

#include <sys/stat.h>
#include <unistd.h>

#include "proxy/decide.h"
#include "proxy/demo.h"
#include "proxy/ev.h"
#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/uplink.h"
#include "tests/test.h"

static uint32_t now_ms = 1000 * 1000;

uint32_t __wrap_or_posix_now_ms(void);
uint32_t __wrap_or_posix_now_ms(void)
{
    return now_ms;
}

int demo_connect(void)
{
    return -1;
}

static char error[512]; /* of what was called last */

/* A file with this text; its path. */
static inline const char *put_file(const char *path, const char *text, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(text, 1, size, f) != size || fclose(f) != 0) abort();
    return path;
}

/* A folder of this test's own. */
static inline const char *folder(void)
{
    static char path[32];
    if (path[0] == 0 && mkdtemp(strcpy(path, "/tmp/test_market_XXXXXX")) == NULL) abort();
    return path;
}

static inline void remove_folder(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder());
    if (system(command) != 0) abort();
}

/* Settings that are good. */
static inline conf *settings_of(const char *text)
{
    char       path[64];
    conf_error e = {""};
    conf      *c = conf_new();
    snprintf(path, sizeof path, "%s/conf", folder());
    put_file(path, text, strlen(text));
    if (c == NULL || !conf_read_file(c, path, &e) || !conf_finish(c, &e)) {
        fprintf(stderr, "%s\n%s\n", e.text, text);
        abort();
    }
    return c;
}

/* A market of these settings from now on, without anything that was learned before. */
static inline void start(const char *text)
{
    market_shutdown();
    conf *c = settings_of(text);
    if (!market_make(c, error, sizeof error)) {
        fprintf(stderr, "%s\n%s\n", error, text);
        abort();
    }
    conf_drop(c);
}

static inline const conf_provider *provider_of(const char *name)
{
    const conf *c = market_now()->settings;
    for (unsigned i = 0; i < c->num_providers; i++)
        if (strcmp(c->providers[i].name, name) == 0) return &c->providers[i];
    abort();
}

/* The provider says that this is its list of models; a new market knows it. */
static inline bool learn(const char *provider, or_str body)
{
    bool  news = false;
    conf *c = market_now()->settings;
    error[0] = 0;
    if (!market_learn(c, provider_of(provider), body, &news, error, sizeof error)) return false;
    return market_make(c, error, sizeof error);
}

static inline bool learn_z(const char *provider, const char *body)
{
    or_str exact = test_exact(or_str_z(body));
    bool   good = learn(provider, exact);
    free((void *)(uintptr_t)exact.ptr);
    return good;
}

/* That provider's endpoint of the model; NULL. */
static inline const or_endpoint *offer(const char *model, const char *provider)
{
    const market       *m = market_now();
    const market_model *found = market_find(m, or_str_z(model));
    for (uint32_t i = 0; found != NULL && i < found->num; i++) {
        const or_endpoint *e = &m->catalogue.endpoints[found->first + i];
        if (or_str_eq(e->provider, or_str_z(provider))) return e;
    }
    return NULL;
}

/* How many endpoints that provider has, in lists. */
static inline unsigned offers(const char *provider)
{
    unsigned      n = 0;
    const market *m = market_now();
    for (uint32_t i = 0; i < m->num_listed; i++)
        n += or_str_eq(m->catalogue.endpoints[i].provider, or_str_z(provider));
    return n;
}

#endif
