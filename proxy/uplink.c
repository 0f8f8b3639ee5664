#include "proxy/uplink.h"

#include <string.h>

#include "ports/posix.h"
#include "proxy/ev.h"

/* A round of probes goes to the host that failed last, and to another far one in turn: if
   the first is just dead, any other shows that the way is there. */
enum { FAILED_HOST, OTHER_HOST, TARGETS };

static struct {
    void (*changed)(bool down);
    upstream_host *target[TARGETS]; /* with references, from the first failure on; or NULL */
    upstream      *probe[TARGETS];  /* those under way */
    unsigned       failures;        /* in a row */
    bool           down, told;      /* told: what `changed` was told last */
    uint32_t       since, due, delay;
    ev_timer       timer; /* the next round, or the end of this one */
    ev_task        tell;
} way;

static void start_round(void);

bool uplink_is_down(void)
{
    return way.down;
}

uint32_t uplink_down_since(void)
{
    return way.since;
}

uint32_t uplink_next_probe_ms(void)
{
    int32_t left = or_ms_diff(ev_now(), way.due);
    return left > 0 ? (uint32_t)left : 1;
}

/* ---- telling ---- */

static void tell(void *unused)
{
    (void)unused;
    if (way.told == way.down) return; /* there and back within a turn */
    way.told = way.down;
    if (way.changed != NULL) way.changed(way.down);
}

/* At the end of the turn: who notes an attempt is in the middle of something. */
static void set_down(bool down)
{
    way.down = down;
    way.tell.run = tell;
    ev_defer(&way.tell);
}

/* ---- probes ---- */

static bool probing(void)
{
    return way.probe[FAILED_HOST] != NULL || way.probe[OTHER_HOST] != NULL;
}

static void end_probe(int i)
{
    if (way.probe[i] != NULL) upstream_close(way.probe[i]);
    way.probe[i] = NULL;
}

static void set_target(int i, upstream_host *h)
{
    upstream_host *old = way.target[i];
    way.target[i] = h != NULL ? upstream_host_hold(h) : NULL;
    upstream_host_drop(old);
}

/* The way is there: forget all about its absence. */
static void reached(void)
{
    way.failures = 0;
    ev_timer_stop(&way.timer);
    for (int i = 0; i < TARGETS; i++) {
        end_probe(i);
        set_target(i, NULL);
    }
    if (way.down) set_down(false);
}

/* Up to a quarter earlier, so that many boxes behind one way do not all come at once. */
static uint32_t with_jitter(uint32_t ms)
{
    uint32_t random = 0;
    (void)or_posix_random(&random, sizeof random);
    return ms - random % (ms / 4 + 1);
}

static void wait_for(uint32_t ms)
{
    way.due = ev_now() + ms;
    ev_timer_set(&way.timer, ms);
}

/* Each wait is twice the one before. */
static void next_wait(void)
{
    wait_for(with_jitter(way.delay));
    way.delay = way.delay < UPLINK_LAST_PROBE_MS / 2 ? 2 * way.delay : UPLINK_LAST_PROBE_MS;
}

static void on_timer(ev_timer *t)
{
    (void)t;
    if (!probing()) {
        start_round();
        return;
    }
    for (int i = 0; i < TARGETS; i++) end_probe(i);
    next_wait();
}

static void on_probe(void *user)
{
    upstream **slot = user;
    int        i = (int)(slot - way.probe);
    or_err     e = upstream_state(*slot);
    if (e == OR_NEED_MORE) return;
    if (e == OR_OK || upstream_reached(*slot) > UPSTREAM_DIAL) {
        reached();
        return;
    }
    end_probe(i);
    if (!probing()) next_wait();
}

static bool same_host(const upstream_host *a, const upstream_host *b)
{
    return or_str_eq(upstream_authority(a), upstream_authority(b));
}

/* The far host after the one of the last round that is not the failed one; NULL: none. After a
   reload there may be two of one provider. */
static upstream_host *other_host(void)
{
    upstream_host *failed = way.target[FAILED_HOST], *from = way.target[OTHER_HOST];
    if (from == NULL) from = failed;
    upstream_host *h = upstream_next_far(from);
    while (h != from && same_host(h, failed)) h = upstream_next_far(h);
    return same_host(h, failed) ? NULL : h;
}

static void start_round(void)
{
    set_target(OTHER_HOST, other_host());
    for (int i = 0; i < TARGETS; i++)
        if (way.target[i] != NULL)
            way.probe[i] = upstream_probe(way.target[i], on_probe, &way.probe[i]);
    if (probing())
        wait_for(UPLINK_PROBE_MS);
    else
        next_wait(); /* no memory */
}

/* ---- what others notice ---- */

static void go_down(void)
{
    way.since = ev_now();
    way.delay = UPLINK_FIRST_PROBE_MS;
    way.timer.fire = on_timer;
    set_down(true);
    next_wait();
}

void uplink_note(upstream_host *h, upstream_step step, bool ok)
{
    if (way.changed == NULL) return; /* it is over: no host is held any more */
    if (upstream_is_near(h)) return;
    if (ok || step > UPSTREAM_DIAL) {
        if (ok || step < UPSTREAM_OPEN || !way.down) reached();
        return;
    }
    set_target(FAILED_HOST, h);
    if (way.failures < UPLINK_FAILURES) way.failures++;
    if (step == UPSTREAM_NO_ROUTE) way.failures = UPLINK_FAILURES;
    if (!way.down && way.failures >= UPLINK_FAILURES) go_down();
}

void uplink_setup(void (*changed)(bool down))
{
    way.changed = changed;
}

/* Without a word: nobody is left to hear it. */
void uplink_shutdown(void)
{
    way.changed = NULL;
    reached();
}
