/* fallback.c - ask one provider after the other until one answers

   cc -I. examples/fallback.c ports/link.c ports/posix.c ports/bearssl.c -lbearssl -o fallback
   OR_API_KEY=sk-... ./fallback "Why is the sky blue?" URL MODEL [URL MODEL]... */
#define OR_IMPLEMENTATION
#include "or.h"

#include <stdio.h>
#include <stdlib.h>

#include "ports/link.h"

enum { MAX = 8 };

static or_link  link;
static or_stats stats[MAX]; /* a program that lives longer learns from them */

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

/* Why an attempt came to nothing: what the provider said, or what failed on the way. */
static void explain(const or_endpoint *e, const or_call_failure *f)
{
    or_str said = f->error.message;
    fprintf(stderr, "%.*s: ", (int)e->provider.len, e->provider.ptr);
    if (said.len > 0)
        fprintf(stderr, "%u %.*s\n", f->status, (int)said.len, said.ptr);
    else
        fprintf(stderr, "%s\n", link.error[0] ? link.error : or_err_text(f->err));
}

static void print_cost(const or_cost *c)
{
    static const char *const sources[] = {"", "", ", computed", ", estimated"};
    char                     text[32];
    or_buf                   usd;
    or_buf_init(&usd, text, sizeof text);
    or_decimal_put(&usd, c->pico_usd, 12);
    if (c->source == OR_COST_UNKNOWN)
        fprintf(stderr, "cost: unknown\n");
    else
        fprintf(stderr, "cost: %.*s USD%s\n", (int)usd.len, usd.ptr, sources[c->source]);
}

int main(int argc, char **argv)
{
    static char        mem[100000];
    static or_client   client;
    static or_endpoint list[MAX];
    static or_provider providers[MAX];
    or_catalogue       catalogue = {.endpoints = list};
    or_prefs           in_order = {.sort = OR_SORT_ROUND_ROBIN};
    or_msg             msg = {.content = or_str_z(argc > 1 ? argv[1] : "")};
    or_chat_desc       chat = {.model = OR_STR("any"), .msgs = &msg, .num_msgs = 1,
                               .stream = true, .provider = &in_order};
    or_client_desc     desc = {.providers = providers, .catalogue = &catalogue,
                               .call = {.stats = stats}, .mem = mem, .mem_size = sizeof mem};
    or_call_event      ev;
    or_url             url;
    int                status = 1;
    for (int i = 2; i + 1 < argc && catalogue.num < MAX; i += 2) {
        or_endpoint *e = &list[catalogue.num];
        if (or_url_read(or_str_z(argv[i]), &url) != OR_OK) return fail(argv[i], "not a URL");
        providers[catalogue.num].base_url = or_str_z(argv[i]);
        providers[catalogue.num].key = or_str_z(getenv("OR_API_KEY"));
        e->model = chat.model; /* one name for all of them here ... */
        e->upstream_model = or_str_z(argv[i + 1]); /* ... and their own there */
        e->provider = url.authority;
        e->target = (uint16_t)catalogue.num++;
    }
    desc.num_providers = catalogue.num;
    if (catalogue.num == 0) return fail("usage", "fallback TEXT URL MODEL [URL MODEL]...");
    or_moment now = or_link_moment();
    now.turn = 0; /* the first one first */
    or_err e = or_client_begin(&client, &desc, &chat, &now);
    if (e != OR_OK) return fail("request", or_err_text(e));
    while (or_link_next(&link, &client, &ev) == OR_OK) {
        if (ev.kind == OR_CALL_FAILED) explain(&list[ev.endpoint], ev.failure);
        if (ev.kind == OR_CALL_DELTA && ev.delta->text.len > 0)
            fwrite(ev.delta->text.ptr, 1, ev.delta->text.len, stdout);
        if (ev.kind != OR_CALL_END) continue;
        status = ev.end != OR_END_COMPLETE;
        printf("\n");
        if (ev.failure != NULL) explain(&list[ev.endpoint], ev.failure);
        or_str who = list[ev.endpoint].provider;
        fprintf(stderr, "%s %.*s, attempt %u\n", status == 0 ? "answered by" : "given up with",
                (int)who.len, who.ptr, (unsigned)ev.attempt);
        print_cost(&ev.cost);
    }
    return status;
}
