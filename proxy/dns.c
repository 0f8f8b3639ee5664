#include "proxy/dns.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proxy/ev.h"
#include "proxy/mem.h"

enum {
    CACHE = 64, /* names; more than a configuration has hosts */
    MAX_HOST = 254,
    FRESH_MS = 60 * 1000
};

struct dns_query {
    char     host[MAX_HOST];
    uint16_t port;
    dns_answer answer;
    void (*done)(void *user, const dns_answer *answer); /* NULL: forgotten */
    void      *user;
    dns_query *next;
};

typedef struct entry {
    char       host[MAX_HOST];
    uint16_t   port;
    uint32_t   asked; /* when the answer came */
    dns_answer answer;
} entry;

static entry    cache[CACHE];
static unsigned cache_used, cache_next;

/* Both lists are under the lock; everything else belongs to the loop's thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  more = PTHREAD_COND_INITIALIZER;
static dns_query      *asked, **asked_end = &asked;
static dns_query      *answered;

static int   wake[2] = {-1, -1};
static ev_io wake_io;

static void *work(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&lock);
        while (asked == NULL) pthread_cond_wait(&more, &lock);
        dns_query *q = asked;
        asked = q->next;
        if (asked == NULL) asked_end = &asked;
        pthread_mutex_unlock(&lock);

        q->answer.err = or_posix_resolve(q->host, q->port, q->answer.addresses, DNS_MAX_ADDRESSES,
                                         &q->answer.num, q->answer.error, sizeof q->answer.error);
        pthread_mutex_lock(&lock);
        q->next = answered;
        answered = q;
        pthread_mutex_unlock(&lock);
        ssize_t n = write(wake[1], "", 1); /* full: a wake-up is pending anyway */
        (void)n;
    }
    return NULL;
}

static entry *find(const char *host, uint16_t port)
{
    for (unsigned i = 0; i < cache_used; i++)
        if (cache[i].port == port && strcmp(cache[i].host, host) == 0) return &cache[i];
    return NULL;
}

/* Keep a good answer; turn a failure into the last good one. */
static void remember(dns_query *q)
{
    entry *e = find(q->host, q->port);
    if (q->answer.err != OR_OK) {
        if (e != NULL) q->answer = e->answer;
        return;
    }
    if (e == NULL) {
        e = &cache[cache_next++ % CACHE];
        if (cache_used < CACHE) cache_used++;
        memcpy(e->host, q->host, sizeof e->host);
        e->port = q->port;
    }
    e->answer = q->answer;
    e->asked = ev_now();
}

static void on_wake(ev_io *io, unsigned events)
{
    char bytes[64];
    (void)events;
    while (read(io->fd, bytes, sizeof bytes) > 0) {}
    pthread_mutex_lock(&lock);
    dns_query *q = answered;
    answered = NULL;
    pthread_mutex_unlock(&lock);
    while (q != NULL) {
        dns_query *next = q->next;
        remember(q);
        if (q->done != NULL) q->done(q->user, &q->answer);
        mem_free(q, sizeof *q);
        q = next;
    }
}

bool dns_setup(void)
{
    wake_io.ready = on_wake;
    if (!ev_add_pipe(&wake_io, wake)) return false;
    bool ok = true;
    for (int i = 0; i < DNS_THREADS && ok; i++) {
        pthread_t thread;
        ok = ev_start_thread(&thread, work);
        if (ok) pthread_detach(thread);
    }
    return ok;
}

static dns_query *fail(dns_answer *answer, or_err e, const char *text)
{
    answer->err = e;
    answer->num = 0;
    snprintf(answer->error, sizeof answer->error, "%s", text);
    return NULL;
}

dns_query *dns_ask(or_str host, uint16_t port, dns_answer *answer,
                   void (*done)(void *user, const dns_answer *answer), void *user)
{
    char name[MAX_HOST];
    if (host.len >= sizeof name) return fail(answer, OR_ERR_URL, "host name is too long");
    memcpy(name, host.ptr, host.len);
    name[host.len] = 0;
    const entry *e = find(name, port);
    if (e != NULL && or_ms_diff(e->asked, ev_now()) < FRESH_MS) {
        *answer = e->answer;
        return NULL;
    }
    if (or_posix_is_literal(name)) {
        answer->err = or_posix_resolve(name, port, answer->addresses, DNS_MAX_ADDRESSES,
                                       &answer->num, answer->error, sizeof answer->error);
        return NULL;
    }
    dns_query *q = mem_alloc(sizeof *q);
    if (q == NULL) return fail(answer, OR_ERR_MEMORY, "no memory for a name lookup");
    memcpy(q->host, name, sizeof q->host);
    q->port = port;
    q->done = done;
    q->user = user;
    pthread_mutex_lock(&lock);
    *asked_end = q;
    asked_end = &q->next;
    pthread_cond_signal(&more);
    pthread_mutex_unlock(&lock);
    return q;
}

/* Take it out of those that wait for a thread. Without a resolver each takes a thread half a
   minute, and those nobody waits for would hold up the others. */
static bool unqueue(dns_query *q)
{
    dns_query **at = &asked;
    while (*at != NULL && *at != q) at = &(*at)->next;
    if (*at == NULL) return false;
    *at = q->next;
    if (q->next == NULL) asked_end = at;
    return true;
}

void dns_forget(dns_query *q)
{
    pthread_mutex_lock(&lock);
    bool waited = unqueue(q);
    pthread_mutex_unlock(&lock);
    if (waited)
        mem_free(q, sizeof *q);
    else
        q->done = NULL; /* only the loop's thread looks at it */
}
