/* orproxy credits: what was paid in, what is used, what is left. */
#include "proxy/cli_parts.h"
#include "proxy/mem.h"

static void add_row(cli_table *t, const char *name, int64_t pico_usd)
{
    char   mem[40];
    or_buf cell;
    or_buf_init(&cell, mem, sizeof mem);
    cli_put_usd(&cell, pico_usd);
    cli_table_add_z(t, name);
    cli_table_add(t, or_buf_str(&cell));
}

static int print_credits(or_str body)
{
    cli_doc   d;
    cli_table t;
    int64_t   total, used, left;
    int       status = CLI_FAILED;
    or_err    e = cli_doc_begin(&d, body);
    if (!cli_doc_usd(&d, 0, "/data/total_credits", &total) ||
        !cli_doc_usd(&d, 0, "/data/total_usage", &used) || used == INT64_MIN ||
        !or_add_i64(total, -used, &left)) {
        cli_say("the gateway's answer cannot be read: %s",
                or_err_text(e != OR_OK ? e : OR_ERR_TYPE));
    } else {
        cli_table_begin(&t, 2, 1u << 1);
        add_row(&t, "total", total);
        add_row(&t, "used", used);
        if (total > 0) add_row(&t, "left", left); /* else nothing is limited by them */
        status = cli_table_print(&t) ? CLI_OK : CLI_FAILED;
    }
    cli_doc_end(&d);
    return status;
}

/* {"amount":10,"note":"..."}, the amount as it was given. Absent where credits are only shown. */
static or_err put_request(const cli_command *c, or_buf *out)
{
    or_json_writer w;
    if (c->num_words == 0) return OR_OK;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("amount"));
    or_json_put_raw(&w, or_str_z(c->words[0]));
    if (c->note != NULL) {
        or_json_put_key(&w, OR_STR("note"));
        or_json_put_str(&w, or_str_z(c->note));
    }
    or_json_end_object(&w);
    return or_json_writer_end(&w);
}

int cli_credits(const cli_command *c, const cli_gateway *g)
{
    cli_link     link = {g, -1};
    cli_exchange x;
    or_buf       body;
    or_buf_init_growing(&body, &mem_allocator, CLI_MAX_TEXT);
    or_err e = put_request(c, &body);
    if (e != OR_OK) {
        cli_say("credits: the note cannot be sent: %s", or_err_text(e));
        or_buf_free(&body);
        return CLI_USAGE;
    }
    int status = cli_link_ask(&link, &x, c->num_words > 0 ? OR_STR("POST") : OR_STR("GET"),
                              OR_STR("/api/v1/credits"), or_buf_str(&body));
    if (status == 0)
        status = c->json ? cli_print_json(or_buf_str(&x.body)) : print_credits(or_buf_str(&x.body));
    cli_exchange_end(&x);
    cli_link_end(&link);
    or_buf_free(&body);
    return status;
}
