/* What is measured of endpoints, and what follows from it: percentiles over a window, outage,
   uptime, breaker, cooling; and the conversations that stay with one of them. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/route_case.h"
#include "tests/test.h"

/* ---- statistics ---- */

static or_health health_at(const or_stats *s, uint32_t now_ms)
{
    or_health h;
    or_stats_health(s, now_ms, true, &h);
    return h;
}

static void end_attempt(or_stats *s, uint32_t now_ms, or_fault fault)
{
    or_outcome o = {fault, 100, 1000, 50, 0};
    or_stats_begin(s, now_ms);
    or_stats_end(s, now_ms, &o);
}

/* By definition: the smallest value that so many percent of all are not above. */
static uint32_t naive_percentile(const uint32_t *v, uint32_t num, uint32_t percent, bool rate)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < num; i++) {
        uint32_t good = 0;
        for (uint32_t k = 0; k < num; k++) good += rate ? v[k] >= v[i] : v[k] <= v[i];
        if (good * 100 < percent * num) continue;
        if (best == 0 || (rate ? v[i] > best : v[i] < best)) best = v[i];
    }
    return best;
}

/* Everything that ever happened, in a list without an end: what counts are the successes among
   the last OR_STATS_SAMPLES, in units of 128 ms not older than the window. */
typedef struct history {
    uint32_t when, latency, rate;
} history;

static bool same_percentiles(const history *all, uint32_t num, uint32_t now, bool rate,
                             const or_percentiles *got)
{
    uint32_t v[OR_STATS_SAMPLES], n = 0;
    for (uint32_t i = num > OR_STATS_SAMPLES ? num - OR_STATS_SAMPLES : 0; i < num; i++) {
        uint32_t value = rate ? all[i].rate : all[i].latency;
        uint32_t age = ((now >> 7) - (all[i].when >> 7)) & 0x1ffffff;
        if (now - all[num - 1].when > OR_STATS_WINDOW_MS) break;
        if (value > 0 && age <= OR_STATS_WINDOW_MS / 128) v[n++] = value;
    }
    return got->p50 == naive_percentile(v, n, 50, rate) &&
           got->p75 == naive_percentile(v, n, 75, rate) &&
           got->p90 == naive_percentile(v, n, 90, rate) &&
           got->p99 == naive_percentile(v, n, 99, rate);
}

static void test_percentiles(void)
{
    enum { MOST = 120 };
    static history all[MOST];
    uint32_t       wrong = 0;
    for (uint32_t round = 0; round < TEST_ROUNDS / 500 + 4 && wrong == 0; round++) {
        or_stats s;
        uint32_t now = UINT32_MAX - random_below(2000000), step = 1 + random_below(30000);
        memset(&s, 0, sizeof s);
        for (uint32_t n = 0; n < MOST; n++) {
            or_outcome o = {OR_FAULT_NONE, random_below(5) * random_below(4000),
                            random_below(4) * random_below(9000), random_below(500), 0};
            history   *h = &all[n];
            now += random_below(step);
            if (random_below(40) == 0) now += OR_STATS_WINDOW_MS - 5000 + random_below(10000);
            if (random_below(6) == 0) o.fault = OR_FAULT_PROVIDER;
            h->when = now;
            h->latency = o.fault != OR_FAULT_NONE ? 0 : o.first_token_ms > 0 ? o.first_token_ms : 1;
            h->rate = o.fault != OR_FAULT_NONE || o.duration_ms == 0
                          ? 0
                          : (uint32_t)((uint64_t)o.tokens * 1000000 / o.duration_ms);
            or_stats_begin(&s, now);
            or_stats_end(&s, now, &o);
            or_health got = health_at(&s, now);
            wrong += !same_percentiles(all, n + 1, now, false, &got.latency_ms);
            wrong += !same_percentiles(all, n + 1, now, true, &got.throughput_milli);
            uint32_t later = now + random_below(OR_STATS_WINDOW_MS + 2000);
            got = health_at(&s, later);
            wrong += !same_percentiles(all, n + 1, later, false, &got.latency_ms);
            wrong += !same_percentiles(all, n + 1, later, true, &got.throughput_milli);
        }
    }
    CHECK(wrong == 0, "percentiles");
}

/* Windows to the unit of 128 ms; begun anywhere, also where the clock wraps. */
static void test_windows(void)
{
    static const uint32_t begin[] = {0, 1, 128, 1000000, UINT32_MAX - 200000, UINT32_MAX - 20000,
                                     UINT32_MAX};
    for (size_t i = 0; i < sizeof begin / sizeof begin[0]; i++) {
        uint32_t t = begin[i] & ~127u, w = OR_STATS_WINDOW_MS & ~127u,
                 o = OR_STATS_OUTAGE_MS & ~127u;
        or_stats s;
        memset(&s, 0, sizeof s);
        end_attempt(&s, t, OR_FAULT_NONE);
        CHECK(health_at(&s, t).latency_ms.p50 == 100, "at once");
        CHECK(health_at(&s, t + w).latency_ms.p99 == 100, "n-1");
        CHECK(health_at(&s, t + OR_STATS_WINDOW_MS).latency_ms.p50 == 100, "n");
        CHECK(health_at(&s, t + OR_STATS_WINDOW_MS + 1).latency_ms.p50 == 0, "n+1");
        CHECK(health_at(&s, t + OR_STATS_WINDOW_MS + 1).throughput_milli.p50 == 0, "n+1");
        for (uint32_t far = 1; far < 512; far++) /* all round the clock of samples, and of ms */
            CHECK(health_at(&s, t + far * 8388608u).latency_ms.p50 == 0, "far away");
        CHECK(health_at(&s, t - 1).latency_ms.p50 == 0, "before");
        /* an older one goes while the younger one stays */
        end_attempt(&s, t + 1000, OR_FAULT_NONE);
        CHECK(health_at(&s, t + w + 128).latency_ms.p50 == 100, "the second");
        memset(&s, 0, sizeof s);
        end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(health_at(&s, t + o).outage, "outage n-1");
        CHECK(health_at(&s, t + OR_STATS_OUTAGE_MS).outage, "outage n");
        CHECK(!health_at(&s, t + OR_STATS_OUTAGE_MS + 1).outage, "outage n+1");
        CHECK(!health_at(&s, t - 1).outage, "outage before");
    }
}

static void test_outage(void)
{
    or_stats s;
    memset(&s, 0, sizeof s);
    CHECK(!health_at(&s, 5).outage && health_at(&s, 5).uptime_permille == 1000, "new");
    end_attempt(&s, 1000, OR_FAULT_NONE);
    CHECK(!health_at(&s, 1000).outage, "1 of 1");
    end_attempt(&s, 1000, OR_FAULT_PROVIDER);
    CHECK(health_at(&s, 1000).outage, "1 of 2: as often as not");
    end_attempt(&s, 1000, OR_FAULT_NONE);
    CHECK(!health_at(&s, 1000).outage, "2 of 3");
    end_attempt(&s, 1000, OR_FAULT_KEY);
    CHECK(health_at(&s, 1000).outage, "a refused key is a failure too");
    memset(&s, 0, sizeof s);
    end_attempt(&s, 1000, OR_FAULT_RATE);
    end_attempt(&s, 1000, OR_FAULT_CALLER);
    end_attempt(&s, 1000, OR_FAULT_US);
    CHECK(!health_at(&s, 1000).outage && s.num == 0, "these are not");
    CHECK(s.outcomes[OR_FAULT_RATE] == 1 && s.outcomes[OR_FAULT_CALLER] == 1 &&
              s.outcomes[OR_FAULT_US] == 1 && s.outcomes[OR_FAULT_NONE] == 0, "but are counted");
    /* the ring is full of the last ones */
    memset(&s, 0, sizeof s);
    for (uint32_t n = 0; n < OR_STATS_SAMPLES; n++) end_attempt(&s, n, OR_FAULT_PROVIDER);
    for (uint32_t n = 0; n < OR_STATS_SAMPLES / 2; n++) end_attempt(&s, 300 + n, OR_FAULT_NONE);
    CHECK(s.num == OR_STATS_SAMPLES && health_at(&s, 600).outage, "half of the ring");
    end_attempt(&s, 600, OR_FAULT_NONE);
    CHECK(s.num == OR_STATS_SAMPLES && !health_at(&s, 600).outage, "more than half");
    /* an attempt that ends without having begun, a duration of 0, no tokens */
    or_outcome o = {OR_FAULT_NONE, 0, 0, 5, 0};
    memset(&s, 0, sizeof s);
    or_stats_end(&s, 0, &o);
    CHECK(s.in_flight == 0 && health_at(&s, 0).throughput_milli.p50 == 0, "nothing known");
    CHECK(health_at(&s, 0).latency_ms.p50 == 1, "but it was there");
    or_stats_begin(&s, 0);
    or_stats_begin(&s, 0);
    CHECK(s.in_flight == 2, "in flight");
    o.duration_ms = 1;
    o.tokens = UINT32_MAX;
    or_stats_end(&s, 0, &o);
    CHECK(s.in_flight == 1 && health_at(&s, 0).throughput_milli.p50 == UINT32_MAX, "saturates");
    or_health h;
    or_stats_health(&s, 0, false, &h);
    CHECK(h.latency_ms.p50 == 0 && h.throughput_milli.p50 == 0, "not asked for");
    s.outcomes[OR_FAULT_NONE] = UINT32_MAX;
    or_stats_end(&s, 0, &o);
    CHECK(s.outcomes[OR_FAULT_NONE] == UINT32_MAX, "counts stop at the end");
}

#define HALF_DAY 43200000u

static void test_uptime(void)
{
    static const uint32_t begin[] = {0, UINT32_MAX - 1000};
    for (int k = 0; k < 2; k++) {
        uint32_t t = begin[k];
        or_stats s;
        memset(&s, 0, sizeof s);
        for (int n = 0; n < 99; n++) end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(health_at(&s, t).uptime_permille == 1000, "99 attempts say nothing");
        end_attempt(&s, t, OR_FAULT_NONE);
        CHECK(health_at(&s, t).uptime_permille == 10, "100 do");
        CHECK(health_at(&s, t + 2 * HALF_DAY - 1).uptime_permille == 10, "for a day");
        CHECK(health_at(&s, t + 2 * HALF_DAY).uptime_permille == 1000, "and no longer");
        for (int n = 0; n < 100; n++) end_attempt(&s, t + HALF_DAY - 1, OR_FAULT_NONE);
        CHECK(health_at(&s, t + HALF_DAY - 1).uptime_permille == 505, "101 of 200");
        for (int n = 0; n < 50; n++) end_attempt(&s, t + HALF_DAY + 500, OR_FAULT_NONE);
        CHECK(health_at(&s, t + HALF_DAY + 500).uptime_permille == 604, "151 of 250");
        CHECK(health_at(&s, t + 2 * HALF_DAY - 1).uptime_permille == 604,
              "until the first half goes");
        CHECK(health_at(&s, t + 2 * HALF_DAY).uptime_permille == 1000, "50 attempts left");
        for (int n = 0; n < 50; n++) end_attempt(&s, t + 2 * HALF_DAY, OR_FAULT_PROVIDER);
        CHECK(health_at(&s, t + 2 * HALF_DAY).uptime_permille == 500, "50 of 100");
        memset(&s, 0, sizeof s);
        for (int n = 0; n < 100; n++) end_attempt(&s, t, OR_FAULT_NONE);
        CHECK(health_at(&s, t).uptime_permille == 1000, "all of 100");
        end_attempt(&s, t + 5 * HALF_DAY, OR_FAULT_PROVIDER);
        CHECK(health_at(&s, t + 5 * HALF_DAY).uptime_permille == 1000, "after a long pause");
    }
}

/* CLOSED -> OPEN -> HALF-OPEN -> CLOSED, or OPEN for twice the time. */
static void test_breaker(void)
{
    static const uint32_t begin[] = {1000, UINT32_MAX - 12000};
    for (int k = 0; k < 2; k++) {
        uint32_t t = begin[k], time = OR_STATS_OPEN_MS;
        or_stats s;
        memset(&s, 0, sizeof s);
        for (int n = 1; n < OR_STATS_TRIP; n++) end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(!health_at(&s, t).open, "n-1 failures");
        end_attempt(&s, t, OR_FAULT_NONE);
        for (int n = 1; n < OR_STATS_TRIP; n++) end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(!health_at(&s, t).open, "in a row, that is");
        end_attempt(&s, t, OR_FAULT_CALLER);
        end_attempt(&s, t, OR_FAULT_US);
        CHECK(!health_at(&s, t).open, "whoever else is to blame does not count");
        for (int n = 0; n < 10; n++) or_stats_begin(&s, t); /* ten in parallel */
        end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(health_at(&s, t).open, "n failures");
        or_outcome bad = {OR_FAULT_PROVIDER, 0, 0, 0, 0};
        for (int n = 0; n < 10; n++) or_stats_end(&s, t + 1, &bad);
        end_attempt(&s, t + 2, OR_FAULT_PROVIDER); /* tried all the same, for want of others */
        CHECK(health_at(&s, t + time - 1).open, "n-1 ms");
        CHECK(!health_at(&s, t + time).open, "n ms: what began before it opened adds nothing");
        for (int n = 0; n < 9; n++) {
            t += time;
            CHECK(!health_at(&s, t).open, "half open");
            or_stats_begin(&s, t);
            CHECK(health_at(&s, t).open, "one trial only");
            or_stats_end(&s, t, &bad);
            if (n < 6) time *= 2;
            CHECK(health_at(&s, t + time - 1).open, "twice as long, n-1");
            CHECK(!health_at(&s, t + time).open, "twice as long, n");
        }
        CHECK(time == 64 * OR_STATS_OPEN_MS, "64 times at most");
        t += time;
        or_stats_begin(&s, t);
        bad.fault = OR_FAULT_CALLER;
        or_stats_end(&s, t, &bad);
        CHECK(!health_at(&s, t).open && s.open, "a trial that says nothing: another one may");
        end_attempt(&s, t, OR_FAULT_NONE);
        CHECK(!health_at(&s, t).open && !s.open, "closed");
        for (int n = 1; n < OR_STATS_TRIP; n++) end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(!health_at(&s, t).open, "counts anew");
        end_attempt(&s, t, OR_FAULT_PROVIDER);
        CHECK(!health_at(&s, t + OR_STATS_OPEN_MS).open, "from the shortest time on");
    }
    or_stats s;
    memset(&s, 0, sizeof s);
    end_attempt(&s, 0, OR_FAULT_KEY);
    CHECK(health_at(&s, OR_STATS_OPEN_MS - 1).open, "a refused key opens at once");
    CHECK(!health_at(&s, OR_STATS_OPEN_MS).open, "for the same time");
    memset(&s, 0, sizeof s);
    end_attempt(&s, 0, OR_FAULT_RATE);
    CHECK(health_at(&s, 0).open && health_at(&s, 0).cooling_ms == 0,
          "so does a 429 without a time");
    memset(&s, 0, sizeof s);
    for (int n = 0; n < 300; n++) end_attempt(&s, 0, OR_FAULT_PROVIDER);
    CHECK(s.streak == UINT8_MAX, "a streak does not wrap");
}

static void test_cooling(void)
{
    static const uint32_t begin[] = {0, UINT32_MAX - 500};
    or_stats              s;
    for (int k = 0; k < 2; k++) {
        uint32_t   t = begin[k];
        or_outcome o = {OR_FAULT_RATE, 0, 0, 0, 1000};
        memset(&s, 0, sizeof s);
        or_stats_end(&s, t, &o);
        CHECK(health_at(&s, t).cooling_ms == 1000 && !health_at(&s, t).open, "asked to wait");
        CHECK(health_at(&s, t + 999).cooling_ms == 1, "n-1");
        CHECK(health_at(&s, t + 1000).cooling_ms == 0, "n");
        end_attempt(&s, t + 10, OR_FAULT_NONE);
        CHECK(health_at(&s, t + 10).cooling_ms == 990,
              "a success that began earlier changes nothing");
        o.retry_after_ms = 0;
        or_stats_end(&s, t + 20, &o);
        CHECK(health_at(&s, t + 20).cooling_ms == 980, "nor does a 429 without a time");
        o.retry_after_ms = 1;
        or_stats_end(&s, t + 100, &o);
        CHECK(health_at(&s, t + 100).cooling_ms == 1, "the last word counts");
        CHECK(health_at(&s, t + 101).cooling_ms == 0, "the last word counts");
        for (uint32_t days = 1; days < 49; days++)
            CHECK(health_at(&s, t + days * 86400000u).cooling_ms == 0, "weeks later");
        for (uint32_t more = 0; more < 2; more++) {
            o.retry_after_ms = OR_STATS_COOL_MS - 1 + 2 * more;
            or_stats_end(&s, t, &o);
            CHECK(health_at(&s, t).cooling_ms == OR_STATS_COOL_MS - 1 + more, "an hour at most");
        }
        o.fault = OR_FAULT_PROVIDER; /* 503 with Retry-After */
        o.retry_after_ms = 700;
        or_stats_end(&s, t, &o);
        CHECK(health_at(&s, t).cooling_ms == 700, "overloaded");
        o.fault = OR_FAULT_CALLER;
        o.retry_after_ms = 9000;
        or_stats_end(&s, t, &o);
        CHECK(health_at(&s, t).cooling_ms == 700, "not for this");
    }
    /* an open breaker is not open again weeks later either */
    memset(&s, 0, sizeof s);
    end_attempt(&s, 0, OR_FAULT_KEY);
    for (uint32_t days = 1; days < 49; days++)
        CHECK(!health_at(&s, days * 86400000u).open, "weeks later");
}

/* ---- sticky conversations ---- */

static or_conversation conversation(const char *session)
{
    or_conversation c;
    memset(&c, 0, sizeof c);
    c.account = OR_STR("me");
    c.model = the_model;
    c.session_id = or_str_z(session);
    c.prompt_cache_key = OR_STR("k");
    c.first_system = OR_STR("be brief");
    c.first_message = OR_STR("hello");
    return c;
}

static void test_sticky_key(void)
{
    or_conversation a = conversation("s"), b = conversation("s");
    b.prompt_cache_key = b.first_system = b.first_message = OR_STR("other");
    CHECK(or_sticky_key(&a) == or_sticky_key(&b), "the session before all");
    b.session_id = OR_STR("t");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "session");
    b.session_id = a.session_id;
    b.account = OR_STR("you");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "account");
    b.account = a.account;
    b.model = OR_STR("m/y");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "model");
    a.session_id = b.session_id = or_str_of(NULL, 0);
    b = a;
    b.first_system = b.first_message = OR_STR("other");
    CHECK(or_sticky_key(&a) == or_sticky_key(&b), "then the cache key");
    b.prompt_cache_key = OR_STR("kez");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "cache key");
    b.session_id = a.prompt_cache_key;
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "a session is no cache key");
    a.prompt_cache_key = b.prompt_cache_key = b.session_id = or_str_of(NULL, 0);
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "then the texts");
    b.first_system = OR_STR("be");
    b.first_message = OR_STR(" briefhello");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "texts have an end");
    b = a;
    CHECK(or_sticky_key(&a) == or_sticky_key(&b), "equal");
    b.first_message = OR_STR("hullo");
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "message");
    static char long_text[2][3 * 4096]; /* up to 8192 bytes all of it counts, then both ends do */
    for (size_t len = 8191; len <= 8193; len++)
        for (size_t at = 4095; at <= len - 4096; at++) {
            memset(long_text, 'x', sizeof long_text);
            long_text[1][at] = 'y';
            a.first_message = or_str_of(long_text[0], len);
            b.first_message = or_str_of(long_text[1], len);
            bool inner = len == 8193 && at == 4096;
            CHECK((or_sticky_key(&a) == or_sticky_key(&b)) == inner, "a long text: its ends");
        }
    b.first_message = or_str_of(long_text[0], 3 * 4096);
    a.first_message = or_str_of(long_text[0], 3 * 4096 - 1);
    CHECK(or_sticky_key(&a) != or_sticky_key(&b), "a long text: its length");
    memset(&a, 0, sizeof a);
    CHECK(or_sticky_key(&a) != 0, "nothing at all");
    or_endpoint e = endpoint("a", 1), f = endpoint("a", 2);
    CHECK(or_endpoint_id(&e) == or_endpoint_id(&f), "prices do not tell endpoints apart");
    CHECK(or_endpoint_id(&e) == UINT64_C(18047444010051378020),
          "the same over restarts and machines");
    f.model = OR_STR("m/y");
    CHECK(or_endpoint_id(&e) != or_endpoint_id(&f), "models do");
    f = endpoint("a/x", 1);
    CHECK(or_endpoint_id(&e) != or_endpoint_id(&f), "tags do");
    f.tag = or_str_of(NULL, 0);
    CHECK(or_endpoint_id(&e) == or_endpoint_id(&f), "without a tag the provider");
}

static unsigned slots_with(const or_sticky_slot slots[3], uint64_t key)
{
    return (slots[0].key == key ? 1u : 0u) + (slots[1].key == key) + (slots[2].key == key);
}

static void test_sticky(void)
{
    static const uint32_t begin[] = {0, UINT32_MAX - 1000};
    or_endpoint           a = endpoint("a", 5), b = endpoint("b", 5);
    or_usage              none, hit;
    memset(&none, 0, sizeof none);
    hit = none;
    hit.cached_tokens = 1;
    for (int k = 0; k < 2; k++) {
        uint32_t       t = begin[k];
        or_sticky_slot slots[3];
        or_sticky      s = {slots, 3};
        memset(slots, 0, sizeof slots);
        CHECK(or_sticky_find(&s, 1, t) == 0, "empty");
        CHECK(or_sticky_find(&s, 0, t) == 0, "no key");
        or_sticky_note(&s, 1, true, &a, &none, t);
        CHECK(or_sticky_find(&s, 1, t) == or_endpoint_id(&a), "named: after any success");
        CHECK(or_sticky_find(&s, 2, t) == 0, "another key");
        CHECK(or_sticky_find(&s, 1, t + OR_STICKY_IDLE_MS - 1) == or_endpoint_id(&a), "n-1");
        CHECK(or_sticky_find(&s, 1, t + OR_STICKY_IDLE_MS) == 0, "n");
        CHECK(or_sticky_find(&s, 1, t + OR_STICKY_IDLE_MS + 1) == 0, "n+1");
        CHECK(or_sticky_find(&s, 1, t - 1) == 0, "before");
        or_sticky_note(&s, 1, true, &b, &none, t + 100);
        CHECK(or_sticky_find(&s, 1, t + 100) == or_endpoint_id(&b), "moves");
        CHECK(or_sticky_find(&s, 1, t + 100 + OR_STICKY_IDLE_MS - 1) == or_endpoint_id(&b),
              "renewed");
        CHECK(slots_with(slots, 0) == 2, "in its own slot");

        /* not named: only after a hit that costs less */
        t += 100;
        or_sticky_note(&s, 2, false, &a, &none, t);
        CHECK(or_sticky_find(&s, 2, t) == 0, "no hit");
        or_sticky_note(&s, 2, false, &a, &hit, t);
        CHECK(or_sticky_find(&s, 2, t) == 0, "a hit without a price");
        or_price_set(&a.prices.base, OR_PRICE_INPUT_CACHE_READ, 5);
        or_sticky_note(&s, 2, false, &a, &hit, t);
        CHECK(or_sticky_find(&s, 2, t) == 0, "that is not lower");
        or_price_set(&a.prices.base, OR_PRICE_INPUT_CACHE_READ, 4);
        or_sticky_note(&s, 2, false, &a, &none, t);
        CHECK(or_sticky_find(&s, 2, t) == 0, "lower, but no hit");
        or_sticky_note(&s, 2, false, &a, &hit, t);
        CHECK(or_sticky_find(&s, 2, t) == or_endpoint_id(&a), "a hit that costs less");
        or_sticky_note(&s, 2, false, &a, &none, t + 50);
        CHECK(or_sticky_find(&s, 2, t + 50 + OR_STICKY_IDLE_MS - 1) == or_endpoint_id(&a),
              "renewed by each success");
        or_sticky_note(&s, 2, false, &b, &none, t + 60);
        CHECK(or_sticky_find(&s, 2, t + 60) == or_endpoint_id(&a), "not moved by a guest");
        a.prices.base.known = 1u << OR_PRICE_INPUT_CACHE_READ;
        or_sticky_note(&s, 7, false, &a, &hit, t);
        CHECK(or_sticky_find(&s, 7, t) == 0, "lower than what?");
        a.prices.base.known = 1u << OR_PRICE_PROMPT;
        or_sticky_note(&s, 7, false, &a, &hit, t);
        CHECK(or_sticky_find(&s, 7, t) == 0, "what is lower?");
        a = endpoint("a", 5);

        /* full: the one that is idle for longest goes; a dead one before it */
        memset(slots, 0, sizeof slots);
        for (uint32_t n = 0; n < 3; n++) or_sticky_note(&s, n + 1, true, &a, &none, t + n);
        or_sticky_note(&s, 1, true, &a, &none, t + 3);
        or_sticky_note(&s, 9, true, &b, &none, t + 5);
        CHECK(slots_with(slots, 9) == 1 && slots_with(slots, 2) == 0, "the oldest is replaced");
        CHECK(slots_with(slots, 1) == 1 && slots_with(slots, 3) == 1, "the others stay");
        or_sticky_note(&s, 3, true, &b, &none, t + OR_STICKY_IDLE_MS);
        CHECK(slots_with(slots, 3) == 1 && or_sticky_find(&s, 3, t + OR_STICKY_IDLE_MS) ==
              or_endpoint_id(&b), "its own slot");
        or_sticky_note(&s, 8, true, &b, &none, t + OR_STICKY_IDLE_MS + 3);
        CHECK(slots_with(slots, 8) == 1 && slots_with(slots, 1) == 0, "a dead one is replaced");
        CHECK(slots_with(slots, 9) == 1, "and no other");
        or_sticky_note(&s, 3, true, &a, &none, t + 3 * OR_STICKY_IDLE_MS);
        CHECK(slots_with(slots, 3) == 1 && slots_with(slots, 8) == 1,
              "its own one even when all are dead");
        s.num = 0;
        or_sticky_note(&s, 1, true, &a, &none, t);
        CHECK(or_sticky_find(&s, 1, t) == 0, "no slots");
    }
}

int main(void)
{
    test_percentiles();
    test_windows();
    test_outage();
    test_uptime();
    test_breaker();
    test_cooling();
    test_sticky_key();
    test_sticky();
    TEST_MAIN_END("test_stats");
}
