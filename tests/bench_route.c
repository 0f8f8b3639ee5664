/* What it costs to decide where a request goes, with 400 models of three providers: or.h's plan
   over all their endpoints, orproxy's way to it (a scan of the body, rules, the plan), and how
   many of both a second has. Prints; asserts nothing about time.
       bench_route               nanoseconds
       bench_route plan|decide N  does it N times and nothing else, for an instruction counter */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <time.h>

#include "tests/decide_body.h"

enum { MODELS = 400, PROVIDERS = 3, TRIES = 7 };

static const char *const names[PROVIDERS] = {"alpha", "beta", "gamma"};

static const char settings[] =
    "[provider alpha]\nkind = openai\nbase_url = http://10.0.0.1/v1\n"
    "[provider beta]\nkind = openai\nbase_url = http://10.0.0.2/v1\n"
    "[provider gamma]\nkind = openai\nbase_url = http://10.0.0.3/v1\n";

static void learn_models(void)
{
    static char text[MODELS * 320 + 16];
    for (int p = 0; p < PROVIDERS; p++) {
        size_t n = (size_t)sprintf(text, "{\"data\":[");
        for (int i = 0; i < MODELS; i++)
            n += (size_t)sprintf(text + n,
                                 "%s{\"id\":\"vendor-%d/model-%d\",\"context_length\":131072,"
                                 "\"pricing\":{\"prompt\":\"0.0000%d\",\"completion\":\"0.0000%d\"},"
                                 "\"supported_parameters\":[\"max_tokens\",\"tools\"]}",
                                 i > 0 ? "," : "", i % 20, i, 10 + p, 40 + p);
        strcpy(text + n, "]}");
        if (!learn_z(names[p], text)) abort();
    }
}

static or_stats *stats;

/* Each endpoint has a past, so that there is something to be looked at. */
static void remember(uint32_t num)
{
    or_outcome good = {.first_token_ms = 300, .duration_ms = 2000, .tokens = 150};
    stats = calloc(num, sizeof *stats);
    for (uint32_t i = 0; i < num && stats != NULL; i++)
        for (uint32_t k = 0; k < OR_STATS_SAMPLES; k++) {
            or_stats_begin(&stats[i], now_ms);
            good.first_token_ms = 300 + (i * 7 + k * 13) % 100;
            or_stats_end(&stats[i], now_ms, &good);
        }
}

static void plan(const or_str *models, uint32_t num, or_sort sort)
{
    static or_candidate list[64];
    static uint64_t     seed;
    or_plan             p;
    const or_catalogue *catalogue = &market_now()->catalogue;
    or_route_request    request = {.models = models, .num_models = num, .prompt_tokens = 250,
                                   .max_tokens = 256, .parameters = 1u << OR_PARAM_TEMPERATURE};
    or_moment           moment = {.now_ms = now_ms, .seed = seed++};
    request.prefs.sort = sort;
    or_plan_init(&p, list, 64);
    if (or_route_plan(&p, &request, catalogue, stats, &moment) != OR_OK || p.num != num * PROVIDERS)
        abort();
}

static const or_str models[] = {OR_STR_INIT("vendor-17/model-337"),
                                OR_STR_INIT("vendor-1/model-21"), OR_STR_INIT("vendor-9/model-9")};

static void plan_one(void) { plan(models, 1, OR_SORT_DEFAULT); }
static void plan_three(void) { plan(models, 3, OR_SORT_DEFAULT); }
static void plan_fastest(void) { plan(models, 1, OR_SORT_THROUGHPUT); }

static void decide_one(void)
{
    asked a;
    ask_as(&a, FACTS_CHAT, or_str_z(chat("\"model\":\"vendor-17/model-337\",\"max_tokens\":256,"
                                         "\"temperature\":0.7")), NULL, (or_str){0});
    if (!a.good || a.d.plan.num != PROVIDERS) abort();
    finish(&a);
}

/* The best of several runs, in ns a call. */
static double best(void (*f)(void))
{
    double least = 1e18;
    for (int run = 0; run < TRIES; run++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int i = 0; i < 1000; i++) f();
        clock_gettime(CLOCK_MONOTONIC, &b);
        double ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 1000;
        if (ns < least) least = ns;
    }
    return least;
}

int main(int argc, char **argv)
{
    ev_open(64);
    log_mute();
    start(settings);
    learn_models();
    remember(market_now()->catalogue.num);
    if (argc == 3)
        for (long n = strtol(argv[2], NULL, 10); n > 0; n--)
            strcmp(argv[1], "plan") == 0 ? plan_one() : decide_one();
    else
        printf("bench_route: %d models of %d providers: a plan %.0f ns, for three models %.0f ns, "
               "by throughput %.0f ns; orproxy's decision, with the scan of the body %.0f ns\n",
               MODELS, PROVIDERS, best(plan_one), best(plan_three), best(plan_fastest),
               best(decide_one));
    market_shutdown();
    remove_folder();
    free(stats);
    return 0;
}
