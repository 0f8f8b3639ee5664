/* orproxy check: are the providers there, and is something odd in the settings? */
#include <stdlib.h>
#include <string.h>

#include "proxy/cli_parts.h"
#include "proxy/cli_probe.h"
#include "proxy/mem.h"

enum { COLUMNS = 6 };

/* ---- the table ---- */

static void add_row(cli_table *t, const char *name, const char *const cells[CLI_STEPS],
                    const char *time)
{
    cli_table_add_z(t, name);
    for (int i = 0; i < CLI_STEPS; i++) cli_table_add_z(t, cells[i]);
    cli_table_add_z(t, time);
}

static void add_probe(cli_table *t, const cli_probe *p, const char *name)
{
    const char *cells[CLI_STEPS];
    char        models[24], time[32];
    or_buf      out;
    for (int i = 0; i < CLI_STEPS; i++)
        cells[i] = i < (int)p->step ? "ok" : i == (int)p->step ? "failed" : "-";
    if (p->step > CLI_TLS && !p->tls) cells[CLI_TLS] = "none";
    snprintf(models, sizeof models, "%u", p->num_models);
    if (p->step == CLI_STEPS) cells[CLI_MODELS] = p->provider->list ? models : "-";
    or_buf_init(&out, time, sizeof time - 1);
    cli_put_seconds(&out, p->took_ms);
    time[out.len] = 0;
    add_row(t, name, cells, time);
}

/* ---- the providers ---- */

/* False: it failed. */
static bool probe(cli_table *t, or_buf *notes, const conf *c, const conf_provider *p, unsigned key)
{
    char       name[128];
    bool       good;
    cli_probe *probe = mem_alloc(sizeof *probe);
    if (probe == NULL) {
        cli_say("check: %s: out of memory: limits.memory is too small", p->name);
        return false;
    }
    probe->provider = p;
    probe->key = key < p->num_keys ? p->keys[key] : NULL;
    probe->ca = p->ca != NULL ? p->ca : c->ca;
    probe->timeout_ms = c->timeout.connect < INT32_MAX ? c->timeout.connect : INT32_MAX;
    snprintf(name, sizeof name, key > 0 ? "%.100s key %u" : "%.100s", p->name, key + 1);
    if (cli_colours(stderr)) fprintf(stderr, "\r\033[K%s ...", name);
    cli_probe_run(probe);
    if (cli_colours(stderr)) fputs("\r\033[K", stderr);
    add_probe(t, probe, name);
    good = probe->step == CLI_STEPS;
    if (!good) {
        or_buf_put_z(notes, name);
        or_buf_put_z(notes, ": ");
        cli_put_clean(notes, or_str_z(probe->error), true);
        or_buf_put_z(notes, probe->advice[0] != 0 ? "\n    " : "");
        or_buf_put_z(notes, probe->advice);
        or_buf_put_char(notes, '\n');
    }
    or_wipe(probe, sizeof *probe);
    mem_free(probe, sizeof *probe);
    return good;
}

/* Without a key once, else with each of them. */
static bool probe_provider(cli_table *t, or_buf *notes, const conf *c, const conf_provider *p)
{
    static const char *const none[CLI_STEPS] = {"-", "-", "-", "simulated"};
    bool                     good = true;
    unsigned                 num = p->num_keys > 0 ? p->num_keys : 1;
    if (p->kind == PROVIDER_DEMO || p->base_url == NULL) {
        add_row(t, p->name, none, "-");
        return true;
    }
    for (unsigned i = 0; i < num; i++) good = probe(t, notes, c, p, i) && good;
    return good;
}

static bool check_providers(const conf *c, or_buf *notes)
{
    static const char *const head[CLI_STEPS] = {"RESOLVE", "CONNECT", "TLS", "MODELS"};
    cli_table                t;
    bool                     good = true;
    if (c->num_providers == 0) {
        cli_say("check: no provider is set up: add a [provider NAME] section");
        return false;
    }
    cli_table_begin(&t, COLUMNS, 1u << 4 | 1u << 5);
    add_row(&t, "PROVIDER", head, "TIME");
    for (unsigned i = 0; i < c->num_providers; i++)
        good = probe_provider(&t, notes, c, &c->providers[i]) && good;
    return cli_table_print(&t) && good;
}

/* ---- what is odd ---- */

static void put(or_buf *out, const char *a, const char *b, const char *text)
{
    or_buf_put_z(out, a);
    or_buf_put_z(out, b);
    or_buf_put_z(out, text);
}

static bool is_set(const char *name)
{
    const char *value = name != NULL ? getenv(name) : NULL;
    return value != NULL && *value != 0;
}

static void note_missing_key(or_buf *out, const conf_provider *p)
{
    const char *name = p->facts->key_env;
    if (p->num_keys > 0 || name == NULL || p->kind == PROVIDER_DEMO) return;
    put(out, "provider ", p->name, " has no key: ");
    put(out, is_set(name) ? "" : "most likely it refuses requests; say ", "key = env:", name);
    or_buf_put_z(out, is_set(name) ? " would use the one that is set\n" : "\n");
}

/* Is there a provider whose key is often in this variable? */
static bool has_user_of(const conf *c, const char *variable)
{
    for (unsigned i = 0; i < c->num_providers; i++) {
        const char *name = c->providers[i].facts->key_env;
        if (name != NULL && strcmp(name, variable) == 0) return true;
    }
    return false;
}

/* Of rows that share a variable the first one speaks for it. */
static bool is_first(const provider_facts *rows, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (rows[k].key_env != NULL && strcmp(rows[k].key_env, rows[i].key_env) == 0) return false;
    return true;
}

/* A variable of a well-known provider that no section asks for. */
static void note_unused_keys(or_buf *out, const conf *c)
{
    unsigned              num;
    const provider_facts *rows = provider_rows(&num);
    for (unsigned i = 0; i < num; i++) {
        if (!is_set(rows[i].key_env) || has_user_of(c, rows[i].key_env)) continue;
        if (!is_first(rows, i)) continue;
        put(out, rows[i].key_env, " is set, but there is no ", "provider ");
        put(out, rows[i].name, ": a section [provider ", rows[i].name);
        put(out, "] with key = env:", rows[i].key_env, " would use it\n");
    }
}

static bool price_unknown(const or_endpoint *e)
{
    uint32_t need = 1u << OR_PRICE_PROMPT | 1u << OR_PRICE_COMPLETION;
    return (e->prices.base.known & need) != need;
}

/* How many [endpoint] sections a provider has, and how many of them without prices. */
static unsigned count_endpoints(const conf *c, unsigned provider, unsigned *unpriced)
{
    unsigned num = 0;
    *unpriced = 0;
    for (unsigned i = 0; i < c->num_endpoints; i++) {
        if (c->endpoints[i].offer.target != provider) continue;
        num++;
        *unpriced += price_unknown(&c->endpoints[i].offer);
    }
    return num;
}

/* A key with a limit of money is not served where a price is unknown: OpenRouter and the demo
   tell their prices, other providers need [endpoint] sections. */
static void note_prices(or_buf *out, const conf *c, const conf_key *key)
{
    bool limited = key->max_cost_pico_usd >= 0 || key->limits.limit_pico_usd >= 0 ||
                   c->organization.limit_pico_usd >= 0;
    if (!limited || c->unknown_price != CONF_PRICE_REFUSE) return;
    for (unsigned i = 0; i < c->num_providers; i++) {
        const conf_provider *p = &c->providers[i];
        unsigned             unpriced, num = count_endpoints(c, i, &unpriced);
        if (provider_is_openrouter(p->kind)) continue;
        if (num > 0 && unpriced == 0) continue;
        put(out, "key ", key->name, " has a limit of money, and prices of provider ");
        put(out, p->name, " are unknown", num > 0 ? " in some [endpoint] sections" : "");
        or_buf_put_z(out, ": it is not served there; give prompt and completion in [endpoint ");
        put(out, p->name, " MODEL]", ", or say unknown_price = ceiling\n");
    }
}

static void note_oddities(or_buf *out, const conf *c)
{
    for (unsigned i = 0; i < c->num_providers; i++) note_missing_key(out, &c->providers[i]);
    note_unused_keys(out, c);
    for (unsigned i = 0; i < c->num_keys; i++) note_prices(out, c, &c->keys[i]);
}

int cli_check(const cli_command *command)
{
    const conf *c = conf_now();
    or_buf      failures, odd, state;
    (void)command;
    or_buf_init_growing(&failures, &mem_allocator, CLI_MAX_TABLE);
    or_buf_init_growing(&odd, &mem_allocator, CLI_MAX_TABLE);
    or_buf_init_growing(&state, &mem_allocator, CLI_MAX_TABLE);
    bool good = check_providers(c, &failures);
    note_oddities(&odd, c);
    if (c->state != NULL) {
        put(&state, "\nstate ", c->state, ": ");
        good = cli_audit_check(c->state, &state) && good;
    }
    if (failures.len > 0)
        good = cli_print(OR_STR("\n")) && cli_print(or_buf_str(&failures)) && good;
    if (state.len > 0) good = cli_print(or_buf_str(&state)) && good;
    if (odd.len > 0) {
        good = cli_print(OR_STR("\nto look at:\n")) && good;
        good = cli_print(or_buf_str(&odd)) && good;
    }
    or_buf_free(&failures);
    or_buf_free(&odd);
    or_buf_free(&state);
    return good ? CLI_OK : CLI_FAILED;
}
