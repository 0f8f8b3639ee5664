/* Changes of keys that the ledger does not take, or for which there is no memory: afterwards all
   is as before. Client, ledger and settings are played here. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "proxy/clock.h"
#include "proxy/ev.h"
#include "proxy/gate.h"
#include "proxy/ledger.h"
#include "proxy/manage.h"
#include "proxy/market.h"
#include "proxy/mem.h"
#include "tests/test.h"

/* ---- what is below and beside ---- */

static conf         settings;
static or_http_head head;
static or_str       body;
static uint16_t     status;
static char         answer[8192];
static ledger_state ledger = LEDGER_OK;
static bool         takes; /* the ledger does */
static uint64_t     held, lines;

const conf *conf_now(void)
{
    return &settings;
}

const conf_preset *conf_find_preset(const conf *c, or_str name)
{
    (void)c;
    (void)name;
    return NULL;
}

void conf_label(or_str secret, char label[CONF_MAX_LABEL])
{
    snprintf(label, CONF_MAX_LABEL, "%.12s", secret.ptr);
}

bool conf_matches(or_str pattern, or_str text)
{
    return or_str_eq(pattern, text);
}

uint32_t ev_now(void)
{
    return 1000;
}

market *market_now(void)
{
    static market none;
    return &none;
}

const market_model *market_find(const market *m, or_str id)
{
    (void)m;
    (void)id;
    return NULL;
}

const or_http_head *client_head(const client *c)
{
    (void)c;
    return &head;
}

or_str client_body(const client *c)
{
    (void)c;
    return body;
}

bool client_is_owner(const client *c)
{
    (void)c;
    return true;
}

void client_hold(client *c, uint64_t until)
{
    (void)c;
    held = until;
}

void client_reply(client *c, uint16_t code, const char *type, or_str fields, or_str text)
{
    (void)c;
    (void)type;
    (void)fields;
    status = code;
    snprintf(answer, sizeof answer, "%.*s", (int)text.len, text.ptr);
}

void client_error(client *c, const envelope *e, or_str fields)
{
    (void)c;
    (void)fields;
    status = e->status;
    snprintf(answer, sizeof answer, "%.*s", (int)e->message.len, e->message.ptr);
}

ledger_state ledger_status(void)
{
    return ledger;
}

const char *ledger_fault(void)
{
    return "the disk is full";
}

bool ledger_is_full(void)
{
    return false;
}

bool ledger_has(uint64_t number)
{
    return number == 0;
}

void ledger_tell(ledger_facts *f)
{
    memset(f, 0, sizeof *f);
    f->number = lines;
}

bool gate_note_key(account *a)
{
    a->told = 77;
    if (takes) lines++;
    return takes;
}

bool gate_add_credits(int64_t pico, or_str note, char *error, size_t size)
{
    (void)note;
    if (!takes) snprintf(error, size, "not taken");
    if (takes) books_set_credits(pico, true);
    return takes;
}

bool gate_accept(char *error, size_t size)
{
    snprintf(error, size, "nothing to accept");
    return false;
}

/* ---- help ---- */

static void ask(void (*handle)(const manage_ask *), const char *method, const char *rest,
                const char *text)
{
    manage_ask a;
    memset(&a, 0, sizeof a);
    a.rest = or_str_z(rest);
    a.manages = true;
    head.method = or_str_z(method);
    body = or_str_z(text);
    status = 0;
    held = 0;
    answer[0] = 0;
    handle(&a);
}

static bool has(const char *text)
{
    return strstr(answer, text) != NULL;
}

static unsigned num_keys(void)
{
    unsigned n = 0;
    for (account *a = books_next(NULL); a != NULL; a = books_next(a)) n += a->kind == ACCOUNT_KEY;
    return n;
}

static account *key(const char *name)
{
    return books_find_key(or_str_z(name));
}

/* What GET says of it. */
static const char *seen(const char *name)
{
    static char text[sizeof answer];
    ask(manage_get_key, "GET", name, "");
    memcpy(text, answer, sizeof text);
    return text;
}

#define RULES "{\"name\":\"a\",\"limit\":4,\"limit_reset\":\"daily\",\"models\":[\"x/*\",\"y\"]}"

/* ---- tests ---- */

static void test_taken(void)
{
    takes = true;
    ask(manage_create_key, "POST", "", RULES);
    CHECK(status == 201 && has("\"key\":\"sk-or-v1-") && held == lines, "told when it is on disk");
    CHECK(key("a") != NULL && strlen(key("a")->id) == 64, "there");
    ask(manage_get_key, "GET", "a", "");
    CHECK(status == 200 && held == 0 && !has("\"key\":"), "no secret, no waiting");
}

static void test_not_taken(void)
{
    char     before[sizeof answer];
    account *a = key("a");
    a->budget.spent_pico_usd = 1500000000000;
    a->told = 3;
    snprintf(before, sizeof before, "%s", seen("a"));
    takes = false;
    ask(manage_create_key, "POST", "", "{\"name\":\"b\"}");
    CHECK(status == 503 && key("b") == NULL && num_keys() == 1, "not made");
    ask(manage_change_key, "PATCH", "a",
        "{\"name\":\"z\",\"limit\":null,\"limit_reset\":\"monthly\",\"models\":[]}");
    CHECK(status == 503 && held == 0, "not changed");
    CHECK(strcmp(seen("a"), before) == 0, "as before");
    CHECK(a->told == 3 && a->budget.spent_pico_usd == 1500000000000 &&
              a->budget.window == OR_WINDOW_DAILY,
          "its window, too");
    ask(manage_delete_key, "DELETE", "a", "");
    CHECK(status == 503 && strcmp(seen("a"), before) == 0, "not deleted");
    ask(manage_pay, "POST", "", "{\"amount\":1}");
    CHECK(status == 400 && has("not taken"), "not paid");
    takes = true;
}

static void test_no_ledger(void)
{
    for (ledger = LEDGER_OFF; ledger <= LEDGER_BROKEN; ledger++) {
        if (ledger == LEDGER_OK) continue;
        const char *why = ledger == LEDGER_OFF ? "state = FOLDER" : "the disk is full";
        ask(manage_create_key, "POST", "", "{\"name\":\"b\"}");
        CHECK(status == 503 && has(why) && num_keys() == 1, why);
        ask(manage_change_key, "PATCH", "a", "{\"name\":\"z\"}");
        CHECK(status == 503 && has(why) && key("z") == NULL, why);
        ask(manage_delete_key, "DELETE", "a", "");
        CHECK(status == 503 && has(why) && key("a") != NULL, why);
        ask(manage_pay, "POST", "", "{\"amount\":1}");
        CHECK(status == 503 && has(why), why);
    }
    ledger = LEDGER_OK;
    ask(manage_accept, "POST", "", "");
    CHECK(status == 409 && has("nothing to accept"), "nothing to accept");
}

/* A request in work sees its rules to the end. */
static void test_held(void)
{
    account        *a = key("a");
    const conf_key *rules = a->key;
    books_hold(a);
    ask(manage_change_key, "PATCH", "a", "{\"limit\":9}");
    CHECK(status == 200 && a->key != rules && strcmp(rules->name, "a") == 0 &&
              rules->num_models == 2 && or_str_eq(rules->models[0], OR_STR("x/*")),
          "the old ones are still there");
    ask(manage_delete_key, "DELETE", "a", "");
    CHECK(status == 200 && strcmp(rules->name, "a") == 0 && key("a") == NULL, "deleted");
    books_drop(a);
}

/* Each step with less memory than it needs, byte by byte: done and told, or as if never asked.
   Only the answer to PATCH may be lost, which can be asked again. */
static void test_no_memory(void)
{
    static const struct {
        void (*handle)(const manage_ask *a);
        const char *method, *rest, *text;
        bool        needs; /* memory */
    } steps[] = {
        {manage_create_key, "POST", "", RULES, true},
        {manage_change_key, "PATCH", "a", "{\"tags\":[\"one\",\"two\"],\"limit\":7}", true},
        {manage_get_key, "GET", "a", "", true},
        {manage_list_keys, "GET", "", "", true},
        {manage_key, "GET", "", "", true},
        {manage_limits, "GET", "", "", true},
        {manage_credits, "GET", "", "", false},
        {manage_delete_key, "DELETE", "a", "", false},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        unsigned refused = 0, keys = num_keys();
        for (size_t more = 0; more < 100000; more += 7) {
            size_t   used = mem_used();
            uint64_t before = lines;
            mem_set_limit(used + more);
            ask(steps[i].handle, steps[i].method, steps[i].rest, steps[i].text);
            mem_set_limit(SIZE_MAX);
            if (status >= 200 && status < 300) break;
            refused++;
            CHECK(status == 503 && num_keys() == keys, answer);
            CHECK(lines == before ? mem_used() == used : steps[i].handle == manage_change_key,
                  answer);
        }
        CHECK(status < 300 && (refused > 3) == steps[i].needs, steps[i].method);
    }
}

/* Deleted ones make room, the first one first, but not those that are in use. */
static void test_room(void)
{
    account *kept = NULL;
    for (account *a = books_next(NULL); a != NULL; a = books_next(a)) kept = a;
    settings.limits.accounts = 4;
    while (num_keys() < 4) {
        ask(manage_create_key, "POST", "", "{\"name\":\"n\"}");
        if (status != 201) abort();
        account *a = NULL;
        for (account *x = books_next(NULL); x != NULL; x = books_next(x))
            if (x->kind == ACCOUNT_KEY && !x->deleted) a = x;
        ask(manage_delete_key, "DELETE", a->id, "");
        CHECK(status == 200, answer);
        kept = a;
    }
    books_hold(kept);
    char id[65];
    snprintf(id, sizeof id, "%s", kept->id);
    for (int i = 0; i < 10; i++) {
        ask(manage_create_key, "POST", "", "{\"name\":\"n\"}");
        CHECK(status == 201 && num_keys() <= 4, "room");
        ask(manage_delete_key, "DELETE", "n", "");
    }
    CHECK(books_key(or_str_z(id)) == kept, "in use");
    books_drop(kept);
    for (int i = 0; i < 4; i++) ask(manage_create_key, "POST", "", "{\"name\":\"n\"}");
    CHECK(status == 201, "four");
    ask(manage_create_key, "POST", "", "{\"name\":\"n\"}");
    CHECK(status == 400 && has("limits.accounts"), "not five");
}

int main(void)
{
    settings.limits.accounts = 100;
    if (!books_begin()) abort();
    test_taken();
    test_not_taken();
    test_no_ledger();
    test_held();
    test_no_memory();
    test_room();
    books_end();
    CHECK(mem_used() == 0, "all memory is back");
    TEST_MAIN_END("test_manage_keys");
}
