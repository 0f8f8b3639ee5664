/* orproxy route: whom a request would go to, and why. */
#include <string.h>
#include <unistd.h>

#include "proxy/cli_parts.h"
#include "proxy/mem.h"

/* ---- the request ---- */

/* The member `provider` as a raw object. False: it was said why. */
static bool put_prefs(or_buf *out, const char *prefs)
{
    size_t at = 0;
    or_str text = or_str_trim(or_str_z(prefs));
    or_err e = or_json_check(text, &at);
    if (e == OR_OK && text.ptr[0] != '{') e = OR_ERR_TYPE;
    if (e != OR_OK) {
        cli_say("--prefs: %s at byte %zu: give a JSON object, e.g. '{\"sort\":\"price\"}'",
                or_err_text(e), at);
        return false;
    }
    or_buf_put_z(out, "{\"provider\":");
    or_buf_put_str(out, text);
    or_buf_put_char(out, '}');
    return true;
}

static bool write_request(const cli_command *c, or_buf *body, or_str text, or_str extra)
{
    static const or_tool tool = {.name = OR_STR_INIT("tool"),
                                 .parameters = OR_STR_INIT("{\"type\":\"object\"}")};
    or_chat_desc         d = {0};
    or_chat_fault        fault = {0};
    or_msg               msg = {.content = text};
    or_str               models[CLI_MAX_MODELS], list = or_str_z(c->model), item;
    while (d.num_models < CLI_MAX_MODELS && cli_next_item(&list, &item))
        models[d.num_models++] = item;
    if (d.num_models > 0) d.model = models[0];
    d.models = models + 1;
    d.num_models -= d.num_models > 0;
    d.msgs = &msg;
    d.num_msgs = 1;
    d.tools = &tool;
    d.num_tools = c->tools;
    d.max_tokens = c->max_tokens;
    d.extra = extra;
    or_err e = or_chat_write(body, &d);
    if (e == OR_OK) return true;
    (void)or_chat_check(&d, &fault);
    cli_say("route: the request cannot be written: %s%s%s", fault.field != NULL ? fault.field : "",
            fault.field != NULL ? ": " : "", or_err_text(e));
    return false;
}

static bool put_request(const cli_command *c, or_buf *body)
{
    or_buf text, extra;
    bool   good;
    or_buf_init_growing(&text, &mem_allocator, CLI_MAX_TEXT);
    or_buf_init_growing(&extra, &mem_allocator, CLI_MAX_TEXT);
    cli_put_words(c, &text);
    if (text.len == 0) or_buf_put_z(&text, "Hello");
    good = c->prefs == NULL || put_prefs(&extra, c->prefs);
    good = good && write_request(c, body, or_buf_str(&text),
                                 c->prefs != NULL ? or_buf_str(&extra) : or_str_of(NULL, 0));
    or_buf_free(&text);
    or_buf_free(&extra);
    return good;
}

/* ---- the answer ---- */

/* The p50 of percentiles, which are a list or an object; 0: none. */
static uint64_t median(cli_doc *d, int health, const char *list, const char *object)
{
    uint64_t n = cli_doc_count(d, health, list);
    return n > 0 ? n : cli_doc_count(d, health, object);
}

static void put_fact(or_buf *out, const char *before, uint64_t n, const char *after)
{
    if (n == 0) return;
    or_buf_put_z(out, out->len > 0 ? ", " : "");
    or_buf_put_z(out, before);
    or_buf_put_u64(out, n);
    or_buf_put_z(out, after);
}

static void put_word(or_buf *out, bool yes, const char *word)
{
    if (yes) put_fact(out, word, 1, "");
    if (yes) out->len--; /* the number */
}

static void add_health(cli_doc *d, cli_table *t, int tok)
{
    char     mem[256];
    or_buf   out;
    int      health = or_json_find(&d->json, tok, "/health");
    uint64_t uptime = cli_doc_count(d, health, "/uptime_permille");
    or_buf_init(&out, mem, sizeof mem);
    put_word(&out, cli_doc_is(d, tok, "/sticky"), "stays here");
    put_word(&out, cli_doc_is(d, tok, "/drawn"), "drawn");
    put_word(&out, cli_doc_is(d, health, "/open"), "breaker open");
    put_word(&out, cli_doc_is(d, health, "/outage"), "failing");
    put_fact(&out, "cooling ", (cli_doc_count(d, health, "/cooling_ms") + 999) / 1000, " s");
    if (uptime > 0 && uptime < 1000) put_fact(&out, "up ", uptime, " of 1000");
    put_fact(&out, "first token ", median(d, health, "/latency_ms/0", "/latency_ms/p50"), " ms");
    put_fact(&out, "", median(d, health, "/throughput_milli/0", "/throughput_milli/p50") / 1000,
             " tokens/s");
    if (out.len == 0) or_buf_put_z(&out, "ok");
    cli_table_add(t, or_buf_str(&out));
}

/* An amount in USD as the API gives it, or "unknown". */
static void put_amount(or_buf *out, or_str number)
{
    int64_t pico;
    if (or_decimal_round(number, 12, &pico) == OR_OK)
        or_decimal_put(out, pico, 12);
    else
        or_buf_put_z(out, "unknown");
}

static void add_candidate(cli_doc *d, cli_table *t, int tok, unsigned place)
{
    char   mem[64];
    or_buf cell;
    or_str tag = cli_doc_text(d, tok, "/tag");
    cli_table_add_count(t, place);
    cli_table_add(t, tag.len > 0 ? tag : cli_doc_text(d, tok, "/provider"));
    cli_table_add(t, cli_doc_text(d, tok, "/model"));
    cli_table_add_price(t, cli_doc_value(d, tok, "/price/prompt"));
    cli_table_add_price(t, cli_doc_value(d, tok, "/price/completion"));
    or_buf_init(&cell, mem, sizeof mem);
    put_amount(&cell, cli_doc_value(d, tok, "/worst_cost"));
    cli_table_add(t, or_buf_str(&cell));
    add_health(d, t, tok);
}

static bool print_candidates(cli_doc *d, int list)
{
    static const char *const head[] = {"",           "ENDPOINT",      "MODEL", "PROMPT",
                                       "COMPLETION", "AT MOST (USD)", "HEALTH"};
    cli_table                t;
    unsigned                 place = 0;
    int                      first = or_json_first(&d->json, list);
    if (first < 0) return true;
    cli_table_begin(&t, 7, 1u | 1u << 3 | 1u << 4 | 1u << 5);
    for (int i = 0; i < 7; i++) cli_table_add_z(&t, head[i]);
    for (int i = first; i >= 0; i = or_json_next(&d->json, i)) add_candidate(d, &t, i, ++place);
    return cli_table_print(&t);
}

static bool print_excluded(cli_doc *d, int list)
{
    static const char *const head[] = {"LEFT OUT", "MODEL", "BY", "BECAUSE"};
    cli_table                t;
    int                      first = or_json_first(&d->json, list);
    if (first < 0) return true;
    cli_table_begin(&t, 4, 0);
    for (int i = 0; i < 4; i++) cli_table_add_z(&t, head[i]);
    for (int i = first; i >= 0; i = or_json_next(&d->json, i)) {
        or_str tag = cli_doc_text(d, i, "/tag");
        cli_table_add(&t, tag.len > 0 ? tag : cli_doc_text(d, i, "/provider"));
        cli_table_add(&t, cli_doc_text(d, i, "/model"));
        cli_table_add(&t, cli_doc_text(d, i, "/excluded_by"));
        cli_table_add(&t, cli_doc_text(d, i, "/reason"));
    }
    return cli_table_print(&t);
}

static bool print_title(cli_doc *d, int data)
{
    or_buf out;
    bool   good;
    or_buf_init_growing(&out, &mem_allocator, CLI_READ);
    cli_put_clean(&out, cli_doc_text(d, data, "/model"), true);
    or_buf_put_z(&out, " (");
    cli_put_clean(&out, cli_doc_text(d, data, "/strategy"), true);
    or_buf_put_z(&out, "), at most ");
    put_amount(&out, cli_doc_value(d, data, "/worst_cost"));
    or_buf_put_z(&out, " USD; prices: USD per million tokens\n\n");
    good = cli_print(or_buf_str(&out));
    or_buf_free(&out);
    return good;
}

static int print_plan(or_str body)
{
    cli_doc d;
    or_err  e = cli_doc_begin(&d, body);
    int     data = or_json_find(&d.json, 0, "/data"), status = CLI_FAILED;
    int     list = or_json_find(&d.json, data, "/candidates");
    if (or_json_type_at(&d.json, list) != OR_JSON_ARRAY)
        cli_say("the gateway's decision cannot be read: %s",
                or_err_text(e != OR_OK ? e : OR_ERR_TYPE));
    else if (print_title(&d, data) && print_candidates(&d, list) && cli_print(OR_STR("\n")) &&
             print_excluded(&d, or_json_find(&d.json, data, "/excluded")))
        status = CLI_OK;
    cli_doc_end(&d);
    return status;
}

/* The error that the request would get, and who was left out. */
static int print_refusal(const cli_exchange *x)
{
    cli_doc d;
    if (x->clean && cli_doc_begin(&d, or_buf_str(&x->body)) == OR_OK)
        (void)print_excluded(&d, or_json_find(&d.json, 0, "/error/metadata/routing/excluded"));
    if (x->clean) cli_doc_end(&d);
    return cli_print_failure(x);
}

static int ask(const cli_command *c, int fd, or_str body)
{
    cli_exchange x;
    int          status;
    cli_exchange_begin(&x, fd, OR_STR("POST"), OR_STR("/api/v1/route"), body, NULL, NULL);
    cli_exchange_run(&x);
    bool good = x.clean && x.status == 200;
    if (c->json && x.clean)
        status = cli_print_json(or_buf_str(&x.body));
    else
        status = good ? print_plan(or_buf_str(&x.body)) : print_refusal(&x);
    cli_exchange_end(&x);
    return good ? status : CLI_FAILED;
}

int cli_route(const cli_command *c, const cli_gateway *g)
{
    or_buf body;
    int    fd = -1, status = CLI_USAGE;
    or_buf_init_growing(&body, &mem_allocator, 6 * (size_t)CLI_MAX_TEXT);
    if (put_request(c, &body)) {
        status = g->start(g->user, &fd, 1);
        if (status == 0) status = ask(c, fd, or_buf_str(&body));
        if (fd >= 0) close(fd);
    }
    or_buf_free(&body);
    return status;
}
