/* orproxy models: what can be asked for. */
#include <unistd.h>

#include "proxy/cli_parts.h"
#include "proxy/mem.h"

enum { MAX_ASKED = 2000 }; /* models whose providers are asked for, one request each */

typedef struct listing {
    int       fd;
    bool      usable; /* fd can take another request */
    unsigned  asked;
    cli_doc   doc;
    cli_table table;
} listing;

/* The tags of a model's endpoints, from the answer about them. */
static void put_tags(or_buf *out, or_str body)
{
    cli_doc d;
    if (cli_doc_begin(&d, body) == OR_OK) {
        int first = or_json_first(&d.json, or_json_find(&d.json, 0, "/data/endpoints"));
        for (int i = first; i >= 0; i = or_json_next(&d.json, i)) {
            or_str tag = cli_doc_text(&d, i, "/tag");
            or_buf_put_z(out, i == first ? "" : ", ");
            or_buf_put_str(out, tag.len > 0 ? tag : cli_doc_text(&d, i, "/provider_name"));
        }
    }
    cli_doc_end(&d);
}

static void put_providers(listing *l, or_buf *out, or_str id)
{
    cli_exchange x;
    char         mem[1024];
    or_buf       target;
    if (!l->usable || l->asked++ >= MAX_ASKED) return;
    or_buf_init(&target, mem, sizeof mem);
    or_buf_put_z(&target, "/api/v1/models/");
    cli_put_escaped(&target, id, false);
    or_buf_put_z(&target, "/endpoints");
    if (target.err != OR_OK) return;
    cli_exchange_begin(&x, l->fd, OR_STR("GET"), or_buf_str(&target), or_str_of(NULL, 0), NULL,
                       NULL);
    cli_exchange_run(&x);
    l->usable = x.keep;
    if (x.clean && x.status == 200) put_tags(out, or_buf_str(&x.body));
    cli_exchange_end(&x);
}

static void add_model(listing *l, int tok)
{
    or_buf   providers;
    uint64_t context = cli_doc_count(&l->doc, tok, "/context_length");
    or_str   id = cli_doc_text(&l->doc, tok, "/id");
    cli_table_add(&l->table, id);
    cli_table_add_count(&l->table, context);
    cli_table_add_price(&l->table, cli_doc_value(&l->doc, tok, "/pricing/prompt"));
    cli_table_add_price(&l->table, cli_doc_value(&l->doc, tok, "/pricing/completion"));
    or_buf_init_growing(&providers, &mem_allocator, CLI_MAX_TABLE);
    put_providers(l, &providers, id);
    cli_table_add(&l->table, providers.len > 0 ? or_buf_str(&providers) : OR_STR("-"));
    or_buf_free(&providers);
}

/* The table of an answer of GET /models. */
static int print_table(listing *l, or_str body)
{
    static const char *const head[] = {"MODEL", "CONTEXT", "PROMPT", "COMPLETION", "PROVIDERS"};
    const or_json_doc       *json = &l->doc.json;
    or_err                   e = cli_doc_begin(&l->doc, body);
    int                      list = or_json_find(json, 0, "/data");
    int                      first = or_json_first(json, list), status = CLI_FAILED;
    if (or_json_type_at(json, list) != OR_JSON_ARRAY) {
        cli_say("the gateway's list of models cannot be read: %s",
                or_err_text(e != OR_OK ? e : OR_ERR_TYPE));
    } else if (first < 0) {
        cli_say("no such model: orproxy models lists all, orproxy check says which providers are "
                "there");
    } else {
        cli_table_begin(&l->table, 5, 1u << 1 | 1u << 2 | 1u << 3);
        for (int i = 0; i < 5; i++) cli_table_add_z(&l->table, head[i]);
        for (int i = first; i >= 0; i = or_json_next(json, i)) add_model(l, i);
        status = cli_table_print(&l->table) ? CLI_OK : CLI_FAILED;
        if (status == CLI_OK && cli_colours(stderr))
            fputs("prices: USD per million tokens\n", stderr);
    }
    cli_doc_end(&l->doc);
    return status;
}

int cli_models_list(int fd, or_str search, bool json, bool *keep)
{
    cli_exchange x;
    or_buf       target;
    listing      l = {.fd = fd};
    int          status;
    or_buf_init_growing(&target, &mem_allocator, CLI_READ);
    or_buf_put_z(&target, "/api/v1/models?output_modalities=all");
    if (search.len > 0) {
        or_buf_put_z(&target, "&q=");
        cli_put_escaped(&target, search, true);
    }
    cli_exchange_begin(&x, fd, OR_STR("GET"), or_buf_str(&target), or_str_of(NULL, 0), NULL, NULL);
    cli_exchange_run(&x);
    l.usable = x.keep;
    if (!x.clean || x.status != 200)
        status = cli_print_failure(&x);
    else if (json)
        status = cli_print_json(or_buf_str(&x.body));
    else
        status = print_table(&l, or_buf_str(&x.body));
    *keep = l.usable;
    cli_exchange_end(&x);
    or_buf_free(&target);
    return status;
}

int cli_models(const cli_command *c, const cli_gateway *g)
{
    char   mem[4096];
    or_buf search;
    int    fd = -1;
    bool   keep;
    or_buf_init(&search, mem, sizeof mem);
    cli_put_words(c, &search);
    if (search.err != OR_OK) {
        cli_say("models: the text to search for is longer than %zu bytes", sizeof mem);
        return CLI_USAGE;
    }
    int status = g->start(g->user, &fd, 1);
    if (status != 0) return status;
    status = cli_models_list(fd, or_buf_str(&search), c->json, &keep);
    close(fd);
    return status;
}
