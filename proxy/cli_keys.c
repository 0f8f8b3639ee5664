/* orproxy keys: keys of clients, and their limits. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proxy/cli_parts.h"
#include "proxy/mem.h"

enum {
    PAGE = 100,      /* keys in one answer of GET /keys */
    MAX_PAGES = 1000 /* an answer that never comes to its end */
};

static int cannot_read(or_err e)
{
    cli_say("the gateway's answer cannot be read: %s", or_err_text(e != OR_OK ? e : OR_ERR_TYPE));
    return CLI_FAILED;
}

/* ---- what is shown of a key ---- */

/* "0.25" of an amount; "-" when there is none. */
static void put_amount(or_buf *out, cli_doc *d, int key, const char *a, const char *b)
{
    int64_t pico;
    if (cli_doc_usd_sum(d, key, a, b, &pico))
        or_decimal_put(out, pico, 12);
    else
        or_buf_put_char(out, '-');
}

/* "5 USD monthly" */
static void put_limit(or_buf *out, cli_doc *d, int key)
{
    int64_t pico;
    or_str  reset = cli_doc_text(d, key, "/limit_reset");
    if (!cli_doc_usd(d, key, "/limit", &pico)) {
        or_buf_put_z(out, "none");
        return;
    }
    cli_put_usd(out, pico);
    if (reset.len > 0) or_buf_put_char(out, ' ');
    or_buf_put_str(out, reset);
}

/* Times of this form, in UTC, are in order as texts; what is behind the seconds does not count. */
static bool has_expired(cli_doc *d, int key)
{
    enum { SECONDS = 19 }; /* 2026-12-31T23:59:59 */
    char   mem[40];
    or_buf now;
    or_str at = cli_doc_text(d, key, "/expires_at");
    or_buf_init(&now, mem, sizeof mem);
    cli_put_time(&now, (int64_t)time(NULL));
    return at.len > SECONDS && memcmp(at.ptr, mem, SECONDS) <= 0;
}

static const char *state_of(cli_doc *d, int key)
{
    if (cli_doc_is(d, key, "/disabled")) return "disabled";
    if (has_expired(d, key)) return "expired";
    if (or_str_eq(cli_doc_text(d, key, "/source"), OR_STR("config"))) return "config";
    return "active";
}

static void add_amount(cli_table *t, cli_doc *d, int key, const char *a, const char *b)
{
    char   mem[40];
    or_buf cell;
    or_buf_init(&cell, mem, sizeof mem);
    put_amount(&cell, d, key, a, b);
    cli_table_add(t, or_buf_str(&cell));
}

static void add_limit(cli_table *t, cli_doc *d, int key)
{
    or_buf cell;
    or_buf_init_growing(&cell, &mem_allocator, CLI_MAX_TABLE);
    put_limit(&cell, d, key);
    cli_table_add(t, or_buf_str(&cell));
    or_buf_free(&cell);
}

static void add_text(cli_table *t, or_str text)
{
    cli_table_add(t, text.len > 0 ? text : OR_STR("-"));
}

static void add_key(cli_table *t, cli_doc *d, int key)
{
    enum { SHOWN = 12 };
    or_str hash = cli_doc_text(d, key, "/hash");
    if (hash.len > SHOWN) hash.len = SHOWN;
    add_text(t, cli_doc_text(d, key, "/name"));
    add_text(t, cli_doc_text(d, key, "/label"));
    add_text(t, hash);
    add_limit(t, d, key);
    add_amount(t, d, key, "/usage", "/byok_usage");
    add_amount(t, d, key, "/limit_remaining", NULL);
    add_amount(t, d, key, "/usage_daily", "/byok_usage_daily");
    add_amount(t, d, key, "/usage_monthly", "/byok_usage_monthly");
    cli_table_add_z(t, state_of(d, key));
}

/* A line of `keys show`, when there is something to say. */
static void add_line(cli_table *t, const char *name, or_str value)
{
    if (value.len == 0 || or_str_eq(value, OR_STR("null"))) return;
    cli_table_add_z(t, name);
    cli_table_add(t, value);
}

static void add_money(cli_table *t, cli_doc *d, const char *name, const char *a, const char *b)
{
    int64_t pico;
    char    mem[40];
    or_buf  value;
    if (!cli_doc_usd_sum(d, 0, a, b, &pico)) return;
    or_buf_init(&value, mem, sizeof mem);
    cli_put_usd(&value, pico);
    add_line(t, name, or_buf_str(&value));
}

static void add_list(cli_table *t, cli_doc *d, const char *name, const char *pointer)
{
    or_buf list;
    or_buf_init_growing(&list, &mem_allocator, CLI_MAX_TABLE);
    int first = or_json_first(&d->json, or_json_find(&d->json, 0, pointer));
    for (int i = first; i >= 0; i = or_json_next(&d->json, i)) {
        or_buf_put_z(&list, i == first ? "" : ", ");
        or_buf_put_str(&list, cli_doc_text(d, i, ""));
    }
    add_line(t, name, or_buf_str(&list));
    or_buf_free(&list);
}

/* All lines that stand under /data. */
static void add_lines(cli_table *t, cli_doc *d)
{
    static const char *const texts[][2] = {
        {"name", "/data/name"}, {"key", "/data/label"}, {"hash", "/data/hash"}};
    static const char *const limits[][2] = {{"requests a minute", "/data/requests_per_minute"},
                                            {"tokens a minute", "/data/tokens_per_minute"},
                                            {"requests at once", "/data/max_concurrent"},
                                            {"free requests a day", "/data/free_requests_per_day"},
                                            {"cost of a request", "/data/max_cost_per_request"},
                                            {"tokens of a request", "/data/max_tokens_per_request"},
                                            {"role", "/data/role"},
                                            {"preset", "/data/preset"},
                                            {"made", "/data/created_at"},
                                            {"changed", "/data/updated_at"},
                                            {"expires", "/data/expires_at"}};
    int                      key = or_json_find(&d->json, 0, "/data");
    or_buf                   limit;
    for (size_t i = 0; i < 3; i++) add_line(t, texts[i][0], cli_doc_value(d, 0, texts[i][1]));
    add_line(t, "state", or_str_z(state_of(d, key)));
    or_buf_init_growing(&limit, &mem_allocator, CLI_MAX_TABLE);
    put_limit(&limit, d, key);
    add_line(t, "limit", or_buf_str(&limit));
    or_buf_free(&limit);
    add_money(t, d, "left", "/data/limit_remaining", NULL);
    if (or_json_type_at(&d->json, or_json_find(&d->json, key, "/include_byok_in_limit")) ==
        OR_JSON_FALSE)
        add_line(t, "not in the limit", OR_STR("what providers bill to you"));
    add_money(t, d, "spent", "/data/usage", "/data/byok_usage");
    add_money(t, d, "today", "/data/usage_daily", "/data/byok_usage_daily");
    add_money(t, d, "this week", "/data/usage_weekly", "/data/byok_usage_weekly");
    add_money(t, d, "this month", "/data/usage_monthly", "/data/byok_usage_monthly");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        add_line(t, limits[i][0], cli_doc_value(d, 0, limits[i][1]));
    add_list(t, d, "models", "/data/models");
    add_list(t, d, "providers", "/data/providers");
    add_list(t, d, "tags", "/data/tags");
}

static int print_key(or_str body)
{
    cli_doc   d;
    cli_table t;
    or_err    e = cli_doc_begin(&d, body);
    int       status;
    if (or_json_type_at(&d.json, or_json_find(&d.json, 0, "/data")) != OR_JSON_OBJECT) {
        status = cannot_read(e);
    } else {
        cli_table_begin(&t, 2, 0);
        add_lines(&t, &d);
        status = cli_table_print(&t) ? CLI_OK : CLI_FAILED;
    }
    cli_doc_end(&d);
    return status;
}

/* ---- list ---- */

/* The keys of a page, and (all, for --json) their texts. -1: it cannot be read. */
static int take_page(or_str body, cli_table *t, or_buf *all)
{
    cli_doc d;
    int     num = 0;
    or_err  e = cli_doc_begin(&d, body);
    int     list = or_json_find(&d.json, 0, "/data");
    if (or_json_type_at(&d.json, list) == OR_JSON_ARRAY) {
        for (int i = or_json_first(&d.json, list); i >= 0; i = or_json_next(&d.json, i), num++) {
            add_key(t, &d, i);
            if (all->len > 0) or_buf_put_char(all, ',');
            or_buf_put_str(all, or_json_raw(&d.json, i));
        }
    } else {
        (void)cannot_read(e);
        num = -1;
    }
    cli_doc_end(&d);
    return num;
}

static int take_pages(cli_link *l, cli_table *t, or_buf *all)
{
    int num = PAGE;
    for (unsigned page = 0; num == PAGE && page < MAX_PAGES; page++) {
        cli_exchange x;
        char         target[80];
        snprintf(target, sizeof target, "/api/v1/keys?include_disabled=true&offset=%u",
                 page * PAGE);
        int status = cli_link_ask(l, &x, OR_STR("GET"), or_str_z(target), or_str_of(NULL, 0));
        num = status == 0 ? take_page(or_buf_str(&x.body), t, all) : -1;
        cli_exchange_end(&x);
        if (num < 0) return status != 0 ? status : CLI_FAILED;
    }
    return CLI_OK;
}

static int print_all(or_buf *all)
{
    if (all->err != OR_OK) {
        cli_say("the list of keys is too long: %s", or_err_text(all->err));
        return CLI_FAILED;
    }
    return cli_print(OR_STR("{\"data\":[")) && cli_print(or_buf_str(all)) &&
                   cli_print(OR_STR("]}\n"))
               ? CLI_OK
               : CLI_FAILED;
}

static int list_keys(const cli_command *c, cli_link *l)
{
    static const char *const head[] = {"NAME", "KEY",   "HASH",  "LIMIT", "SPENT",
                                       "LEFT", "TODAY", "MONTH", "STATE"};
    cli_table                t;
    or_buf                   all; /* pages of --json as one answer */
    or_buf_init_growing(&all, &mem_allocator, CLI_MAX_ANSWER);
    cli_table_begin(&t, 9, 0xF << 4);
    for (int i = 0; i < 9; i++) cli_table_add_z(&t, head[i]);
    int status = take_pages(l, &t, &all);
    if (status == CLI_OK && c->json)
        status = print_all(&all);
    else if (status == CLI_OK && all.len == 0)
        cli_say("no keys: orproxy keys create NAME makes one");
    else if (status == CLI_OK) {
        status = cli_table_print(&t) ? CLI_OK : CLI_FAILED; /* ends it */
        if (status == CLI_OK && cli_colours(stderr)) fputs("amounts: USD\n", stderr);
    }
    cli_table_end(&t);
    or_buf_free(&all);
    return status;
}

/* ---- create, show, update ---- */

static void put_text(or_json_writer *w, const char *name, const char *value)
{
    if (value == NULL) return;
    or_json_put_key(w, or_str_z(name));
    or_json_put_str(w, or_str_z(value));
}

/* A number that was checked, as it was given; 0 takes the limit away. */
static void put_number(or_json_writer *w, const char *name, const char *value)
{
    uint64_t n;
    if (value == NULL || or_u64_read(or_str_z(value), &n) != OR_OK) return;
    or_json_put_key(w, or_str_z(name));
    if (n == 0)
        or_json_put_null(w);
    else
        or_json_put_u64(w, n);
}

static void put_list(or_json_writer *w, const char *name, const char *value)
{
    or_str item, list = or_str_z(value != NULL ? value : "");
    if (value == NULL) return;
    or_json_put_key(w, or_str_z(name));
    or_json_begin_array(w);
    while (cli_next_item(&list, &item)) or_json_put_str(w, item);
    or_json_end_array(w);
}

static void put_limits(const cli_command *c, or_json_writer *w)
{
    if (c->limit != NULL || c->no_limit) {
        or_json_put_key(w, OR_STR("limit"));
        or_json_put_raw(w, c->limit != NULL ? or_str_z(c->limit) : OR_STR("null"));
    }
    if (c->limit_reset != NULL && strcmp(c->limit_reset, "none") == 0) {
        or_json_put_key(w, OR_STR("limit_reset"));
        or_json_put_null(w);
    } else {
        put_text(w, "limit_reset", c->limit_reset);
    }
    if (c->byok || c->no_byok) {
        or_json_put_key(w, OR_STR("include_byok_in_limit"));
        or_json_put_bool(w, c->byok);
    }
    put_number(w, "requests_per_minute", c->rpm);
    put_number(w, "tokens_per_minute", c->tpm);
    put_number(w, "max_concurrent", c->max_concurrent);
}

/* False: it was said why. */
static bool put_expiry(const cli_command *c, or_json_writer *w)
{
    enum { CLOCK_IS_SET = 1700000000 }; /* 2023: a box without a clock says 1970 */
    char    mem[40];
    or_buf  at;
    int64_t now = (int64_t)time(NULL);
    if (c->expires == NULL) return true;
    or_json_put_key(w, OR_STR("expires_at"));
    if (strcmp(c->expires, "never") == 0) {
        or_json_put_null(w);
        return true;
    }
    or_buf_init(&at, mem, sizeof mem);
    or_err e = cli_put_expiry(&at, or_str_z(c->expires), now);
    if (e != OR_OK) {
        cli_say(e == OR_ERR_RANGE ? "--expires \"%.100s\" is not in the future"
                                  : "--expires \"%.100s\" is no time: give one such as "
                                    "2026-12-31T23:59:59Z, 2026-12-31, 30d or never",
                c->expires);
        return false;
    }
    if (now < CLOCK_IS_SET) {
        cli_say("--expires: the clock of this machine is not set");
        return false;
    }
    or_json_put_str(w, or_buf_str(&at));
    return true;
}

/* What was given of a key as JSON. False: it was said why. */
static bool put_settings(const cli_command *c, const char *name, or_buf *out)
{
    or_json_writer w;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    put_text(&w, "name", name);
    put_limits(c, &w);
    if (!put_expiry(c, &w)) return false;
    put_list(&w, "models", c->models);
    put_list(&w, "providers", c->providers);
    if (c->disable || c->enable) {
        or_json_put_key(&w, OR_STR("disabled"));
        or_json_put_bool(&w, c->disable);
    }
    or_json_end_object(&w);
    or_err e = or_json_writer_end(&w);
    if (e != OR_OK) cli_say("keys: what was given cannot be sent: %s", or_err_text(e));
    return e == OR_OK;
}

/* The new key alone on standard output, so that a script can take it; the rest beside it. */
static int print_new(or_str body)
{
    cli_doc d;
    char    mem[256];
    or_buf  limit;
    or_err  e = cli_doc_begin(&d, body);
    or_str  key = cli_doc_text(&d, 0, "/key"), name = cli_doc_text(&d, 0, "/data/name");
    int     status = CLI_OK;
    or_buf_init(&limit, mem, sizeof mem);
    put_limit(&limit, &d, or_json_find(&d.json, 0, "/data"));
    if (key.len == 0) {
        status = cannot_read(e);
    } else if (!cli_print(key) || !cli_print(OR_STR("\n"))) {
        cli_say("the new key could not be written: delete \"%.*s\" and make another one",
                (int)name.len, name.ptr);
        status = CLI_FAILED;
    } else {
        cli_say("\"%.*s\" made, limit: %.*s; this key is shown only now", (int)name.len, name.ptr,
                (int)limit.len, limit.ptr);
    }
    cli_doc_end(&d);
    return status;
}

static int create_key(const cli_command *c, cli_link *l)
{
    cli_exchange x;
    or_buf       body;
    int          status = CLI_USAGE;
    or_buf_init_growing(&body, &mem_allocator, CLI_MAX_TEXT);
    if (put_settings(c, c->words[0], &body)) {
        status = cli_link_ask(l, &x, OR_STR("POST"), OR_STR("/api/v1/keys"), or_buf_str(&body));
        if (status == 0)
            status = c->json ? cli_print_json(or_buf_str(&x.body)) : print_new(or_buf_str(&x.body));
        if (x.body.len > 0) or_wipe(x.body.ptr, x.body.len); /* the key is in it */
        cli_exchange_end(&x);
    }
    or_buf_free(&body);
    return status;
}

/* One request about the key that the command names; print: what came of it. */
static int ask_about(const cli_command *c, cli_link *l, or_str method, or_str body,
                     int (*print)(or_str body))
{
    cli_exchange x;
    or_buf       target;
    or_buf_init_growing(&target, &mem_allocator, OR_HTTP_MAX_HEAD);
    or_buf_put_z(&target, "/api/v1/keys/");
    cli_put_escaped(&target, or_str_z(c->words[0]), true); /* a name may hold '/' */
    if (c->words[0][0] == 0 || target.err != OR_OK) {
        cli_say("keys %s: no key has a name that is empty or that long", c->action);
        or_buf_free(&target);
        return CLI_USAGE;
    }
    int status = cli_link_ask(l, &x, method, or_buf_str(&target), body);
    if (status == 0) status = print(or_buf_str(&x.body));
    cli_exchange_end(&x);
    or_buf_free(&target);
    return status;
}

static int update_key(const cli_command *c, cli_link *l)
{
    or_buf body;
    int    status = CLI_USAGE;
    or_buf_init_growing(&body, &mem_allocator, CLI_MAX_TEXT);
    if (put_settings(c, c->new_name, &body)) {
        if (or_str_eq(or_buf_str(&body), OR_STR("{}")))
            cli_say("keys update: nothing to change was given: see orproxy keys --help");
        else
            status = ask_about(c, l, OR_STR("PATCH"), or_buf_str(&body),
                               c->json ? cli_print_json : print_key);
    }
    or_buf_free(&body);
    return status;
}

/* ---- delete ---- */

static int ask_person(or_str body)
{
    char    answer[16] = "", mem[40];
    cli_doc d;
    or_buf  spent;
    or_err  e = cli_doc_begin(&d, body);
    int     key = or_json_find(&d.json, 0, "/data");
    or_str  name = cli_doc_text(&d, key, "/name"), label = cli_doc_text(&d, key, "/label");
    if (key < 0) {
        cli_doc_end(&d);
        return cannot_read(e);
    }
    or_buf_init(&spent, mem, sizeof mem);
    put_amount(&spent, &d, key, "/usage", "/byok_usage");
    cli_say("delete \"%.*s\" (%.*s, which spent %.*s USD)? It cannot be undone. y/N", (int)name.len,
            name.ptr, (int)label.len, label.ptr, (int)spent.len, spent.ptr);
    cli_doc_end(&d);
    if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return CLI_OK;
    cli_say("not deleted");
    return CLI_FAILED;
}

static int print_deleted(or_str body)
{
    (void)body;
    return cli_print(OR_STR("deleted\n")) ? CLI_OK : CLI_FAILED;
}

static int delete_key(const cli_command *c, cli_link *l)
{
    or_str nothing = or_str_of(NULL, 0);
    if (!c->yes && !isatty(STDIN_FILENO)) {
        cli_say("keys delete: nobody can be asked here: give --yes if it is meant");
        return CLI_USAGE;
    }
    int status = c->yes ? CLI_OK : ask_about(c, l, OR_STR("GET"), nothing, ask_person);
    if (status != CLI_OK) return status;
    if (!c->yes) cli_link_end(l); /* it may have been closed while the person thought */
    return ask_about(c, l, OR_STR("DELETE"), nothing, c->json ? cli_print_json : print_deleted);
}

int cli_keys(const cli_command *c, const cli_gateway *g)
{
    cli_link link = {g, -1};
    int      status;
    if (strcmp(c->action, "list") == 0)
        status = list_keys(c, &link);
    else if (strcmp(c->action, "create") == 0)
        status = create_key(c, &link);
    else if (strcmp(c->action, "show") == 0)
        status = ask_about(c, &link, OR_STR("GET"), or_str_of(NULL, 0),
                           c->json ? cli_print_json : print_key);
    else if (strcmp(c->action, "update") == 0)
        status = update_key(c, &link);
    else
        status = delete_key(c, &link);
    cli_link_end(&link);
    return status;
}
