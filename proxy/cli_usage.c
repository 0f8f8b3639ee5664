/* orproxy usage: requests, tokens and cost, as a table with bars or for a spreadsheet. */
#include <string.h>
#include <unistd.h>

#include "proxy/cli_parts.h"
#include "proxy/mem.h"

/* ---- parts: pure ---- */

void cli_csv_put(or_buf *out, or_str cell)
{
    bool quoted = false;
    for (size_t i = 0; i < cell.len; i++)
        if (cell.ptr[i] == 0 || strchr(",\"\r\n", cell.ptr[i]) != NULL) quoted = true;
    if (quoted) or_buf_put_char(out, '"');
    /* Excel and its kin also take a tab and a line end for nothing in front of a formula.
       Source: OWASP, "CSV Injection". */
    if (cell.len > 0 && cell.ptr[0] != 0 && strchr("=+-@\t\r\n", cell.ptr[0]) != NULL)
        or_buf_put_char(out, '\'');
    for (size_t i = 0; i < cell.len; i++) {
        if (cell.ptr[i] == '"') or_buf_put_char(out, '"');
        or_buf_put_char(out, cell.ptr[i]);
    }
    if (quoted) or_buf_put_char(out, '"');
}

/* part * scale / whole, rounded down; 0 <= part <= whole, whole > 0. Both are halved until the
   product fits, which changes the ratio by less than what is shown of it. */
static int64_t ratio(int64_t part, int64_t whole, int64_t scale)
{
    while (whole > INT64_MAX / scale) {
        part /= 2;
        whole /= 2;
    }
    return part * scale / whole;
}

void cli_bar_put(or_buf *out, int64_t part, int64_t most, bool blocks)
{
    if (part <= 0 || most <= 0) return;
    int64_t eighths = ratio(part < most ? part : most, most, 8 * CLI_BAR);
    if (eighths == 0) eighths = 1;
    for (int64_t i = 0; i < eighths / 8; i++) or_buf_put_z(out, blocks ? "\xE2\x96\x88" : "#");
    if (!blocks) {
        if (eighths < 8) or_buf_put_char(out, '#');
    } else if (eighths % 8 > 0) { /* U+2589 is seven eighths, U+258F one */
        or_buf_put_z(out, "\xE2\x96");
        or_buf_put_char(out, (char)(0x90 - eighths % 8));
    }
}

void cli_put_share(or_buf *out, int64_t part, int64_t whole)
{
    if (whole <= 0) {
        or_buf_put_char(out, '-');
        return;
    }
    int64_t tenths = part <= 0 ? 0 : ratio(part < whole ? part : whole, whole, 1000);
    or_buf_put_i64(out, tenths / 10);
    or_buf_put_char(out, '.');
    or_buf_put_i64(out, tenths % 10);
    or_buf_put_z(out, " %");
}

/* ---- the answer ---- */

typedef struct report {
    cli_doc d;
    int     list, total; /* tokens of the rows, and of the row of all */
    int64_t whole, most; /* pico-USD: of all rows, and of the largest */
    bool    bars, blocks;
} report;

/* 0: it is not known. */
static int64_t cost_of(report *r, int row)
{
    int64_t pico;
    return cli_doc_usd_sum(&r->d, row, "/usage", "/byok_usage", &pico) ? pico : 0;
}

/* Is it true, or a number that is not 0? */
static bool some(cli_doc *d, int row, const char *pointer)
{
    return cli_doc_is(d, row, pointer) || cli_doc_count(d, row, pointer) > 0;
}

/* "~0.0123 + 2 of unknown cost" */
static void put_cost(or_buf *out, report *r, int row)
{
    uint64_t unknown = cli_doc_count(&r->d, row, "/unknown_costs");
    int64_t  pico;
    if (some(&r->d, row, "/estimated")) or_buf_put_char(out, '~');
    if (cli_doc_usd_sum(&r->d, row, "/usage", "/byok_usage", &pico))
        or_decimal_put(out, pico, 12);
    else
        or_buf_put_z(out, "unknown");
    if (unknown == 0) return;
    or_buf_put_z(out, " + ");
    or_buf_put_u64(out, unknown);
    or_buf_put_z(out, " of unknown cost");
}

static void add_number(cli_table *t, uint64_t n)
{
    char   mem[24];
    or_buf cell;
    or_buf_init(&cell, mem, sizeof mem);
    or_buf_put_u64(&cell, n);
    cli_table_add(t, or_buf_str(&cell));
}

static void add_row(cli_table *t, report *r, int row, or_str name, bool bar)
{
    char   mem[128];
    or_buf cell;
    cli_table_add(t, name.len > 0 ? name : OR_STR("-"));
    add_number(t, cli_doc_count(&r->d, row, "/requests"));
    add_number(t, or_sat_add_u64(cli_doc_count(&r->d, row, "/prompt_tokens"),
                                 cli_doc_count(&r->d, row, "/completion_tokens")));
    or_buf_init(&cell, mem, sizeof mem);
    put_cost(&cell, r, row);
    cli_table_add(t, or_buf_str(&cell));
    or_buf_init(&cell, mem, sizeof mem);
    cli_put_share(&cell, cost_of(r, row), r->whole);
    cli_table_add(t, or_buf_str(&cell));
    if (!r->bars) return;
    or_buf_init(&cell, mem, sizeof mem);
    if (bar) cli_bar_put(&cell, cost_of(r, row), r->most, r->blocks);
    cli_table_add(t, or_buf_str(&cell));
}

static int print_table(report *r)
{
    static const char *const head[] = {"NAME", "REQUESTS", "TOKENS", "COST", "SHARE", ""};
    const or_json_doc       *json = &r->d.json;
    cli_table                t;
    unsigned                 columns = r->bars ? 6 : 5;
    cli_table_begin(&t, columns, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4);
    for (unsigned i = 0; i < columns; i++) cli_table_add_z(&t, head[i]);
    for (int i = or_json_first(json, r->list); i >= 0; i = or_json_next(json, i))
        add_row(&t, r, i, cli_doc_text(&r->d, i, "/name"), true);
    add_row(&t, r, r->total, OR_STR("all"), false);
    if (!cli_table_print(&t)) return CLI_FAILED;
    if (cli_colours(stderr)) fputs("cost: USD\n", stderr);
    return CLI_OK;
}

/* ---- CSV ---- */

static const char *const numbers[] = {"requests",         "prompt_tokens", "completion_tokens",
                                      "reasoning_tokens", "cached_tokens", "unknown_costs"};
enum { NUM_NUMBERS = sizeof numbers / sizeof numbers[0] };

/* Text from outside, which a terminal may be shown, too. */
static void put_text_cell(or_buf *out, or_str text)
{
    or_buf clean;
    or_buf_init_growing(&clean, &mem_allocator, CLI_MAX_TABLE);
    cli_put_clean(&clean, text, false);
    if (clean.err != OR_OK) out->err = clean.err;
    cli_csv_put(out, or_buf_str(&clean));
    or_buf_free(&clean);
}

/* Numbers are ours: a minus sign in front of one is no formula. */
static void put_csv_row(or_buf *out, report *r, int row, bool hash)
{
    int64_t pico;
    char    pointer[40];
    put_text_cell(out, cli_doc_text(&r->d, row, "/name"));
    for (size_t i = 0; i < NUM_NUMBERS; i++) {
        snprintf(pointer, sizeof pointer, "/%s", numbers[i]);
        or_buf_put_char(out, ',');
        or_buf_put_u64(out, cli_doc_count(&r->d, row, pointer));
    }
    or_buf_put_z(out, some(&r->d, row, "/estimated") ? ",yes," : ",no,");
    if (cli_doc_usd_sum(&r->d, row, "/usage", "/byok_usage", &pico)) or_decimal_put(out, pico, 12);
    if (hash) {
        or_buf_put_char(out, ',');
        put_text_cell(out, cli_doc_text(&r->d, row, "/hash"));
    }
    or_buf_put_z(out, "\r\n");
}

static int print_csv(report *r, const char *by)
{
    const or_json_doc *json = &r->d.json;
    bool               hash = strcmp(by, "key") == 0, good;
    or_buf             out;
    or_buf_init_growing(&out, &mem_allocator, CLI_MAX_TABLE);
    or_buf_put_z(&out, by);
    for (size_t i = 0; i < NUM_NUMBERS; i++) {
        or_buf_put_char(&out, ',');
        or_buf_put_z(&out, numbers[i]);
    }
    or_buf_put_z(&out, hash ? ",estimated,cost_usd,hash\r\n" : ",estimated,cost_usd\r\n");
    for (int i = or_json_first(json, r->list); i >= 0; i = or_json_next(json, i))
        put_csv_row(&out, r, i, hash);
    if (out.err != OR_OK) cli_say("the table is too large: %s", or_err_text(out.err));
    good = out.err == OR_OK && cli_print(or_buf_str(&out));
    or_buf_free(&out);
    return good ? CLI_OK : CLI_FAILED;
}

/* ---- the command ---- */

static void measure(report *r)
{
    const or_json_doc *json = &r->d.json;
    for (int i = or_json_first(json, r->list); i >= 0; i = or_json_next(json, i)) {
        int64_t cost = cost_of(r, i);
        if (cost > r->most) r->most = cost;
    }
    r->whole = cost_of(r, r->total);
}

static int print_report(const cli_command *c, or_str body, const char *by, unsigned days)
{
    report r;
    int    status;
    memset(&r, 0, sizeof r);
    or_err e = cli_doc_begin(&r.d, body);
    r.list = or_json_find(&r.d.json, 0, "/data");
    r.total = or_json_find(&r.d.json, 0, "/total");
    r.bars = c->bars || isatty(STDOUT_FILENO);
    r.blocks = cli_utf8();
    if (or_json_type_at(&r.d.json, r.list) != OR_JSON_ARRAY) {
        cli_say("the gateway's answer cannot be read: %s",
                or_err_text(e != OR_OK ? e : OR_ERR_TYPE));
        status = CLI_FAILED;
    } else if (c->csv) {
        status = print_csv(&r, by);
    } else if (or_json_first(&r.d.json, r.list) < 0) {
        cli_say("no requests in the last %u days", days);
        status = CLI_OK;
    } else {
        measure(&r);
        status = print_table(&r);
    }
    cli_doc_end(&r.d);
    return status;
}

int cli_usage(const cli_command *c, const cli_gateway *g)
{
    enum { DAYS = 30 };
    const char  *by = c->by != NULL ? c->by : "model";
    unsigned     days = c->days > 0 ? c->days : DAYS;
    cli_link     link = {g, -1};
    cli_exchange x;
    char         target[80];
    snprintf(target, sizeof target, "/api/v1/usage?by=%s&days=%u", by, days);
    int status = cli_link_ask(&link, &x, OR_STR("GET"), or_str_z(target), or_str_of(NULL, 0));
    if (status == 0)
        status = c->json ? cli_print_json(or_buf_str(&x.body))
                         : print_report(c, or_buf_str(&x.body), by, days);
    cli_exchange_end(&x);
    cli_link_end(&link);
    return status;
}
