#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/posix.h"
#include "proxy/chain.h"
#include "proxy/clock.h"
#include "proxy/ev.h"
#include "proxy/gate.h"
#include "proxy/manage_back.h"
#include "proxy/mem.h"
#include "proxy/member.h"
#include "proxy/query.h"

#define NOT_TAKEN "the ledger does not take it: no memory, or no room on the disk"

enum { PAGE = 100, SECRET = 32 }; /* keys of a page; random bytes of a key */

/* ---- a key as JSON ---- */

static void put_key(or_json_writer *w, account *a)
{
    const conf_key *k = a->key;
    char            created[CLOCK_TEXT];
    books_clock(a, ev_now(), clock_wall());
    clock_text(a->created_at, created);
    or_json_begin_object(w);
    member_z(w, "hash", a->id);
    member_z(w, "label", k->label);
    keys_put(w, k, true);
    manage_put_remaining(w, a);
    manage_put_spending(w, a);
    member_z(w, "created_at", created); /* never null: 1970 says that nobody knows */
    clock_put(w, "updated_at", a->updated_at);
    member_null(w, "creator_user_id");
    member_null(w, "external_user");
    member_z(w, "workspace_id", "default");
    member_z(w, "source", a->in_conf ? "config" : "api");
    member_z(w, "role", k->management ? "management" : "inference");
    member_u64(w, "concurrent", a->concurrent);
    member_u64(w, "requests", a->num_requests);
    or_json_end_object(w);
}

/* secret: shown this once; NULL. Into a buffer that is begun here. */
static bool put_answer(or_buf *body, or_json_writer *w, account *k, const char *secret)
{
    or_buf_init_growing(body, &mem_allocator, MANAGE_MAX_ANSWER);
    or_json_writer_init(w, body);
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("data"));
    put_key(w, k);
    if (secret != NULL) member_z(w, "key", secret);
    or_json_end_object(w);
    return or_json_writer_end(w) == OR_OK;
}

static void send_key(const manage_ask *a, account *k, bool held)
{
    or_buf         body;
    or_json_writer w;
    (void)put_answer(&body, &w, k, NULL);
    manage_send(a->c, 200, &body, &w, held);
}

/* ---- GET /keys ---- */

/* The youngest first: an order that stays from page to page and over restarts. */
static int compare_keys(const void *x, const void *y)
{
    const account *a = *(account *const *)x, *b = *(account *const *)y;
    if (a->created_at != b->created_at) return a->created_at < b->created_at ? 1 : -1;
    return strcmp(a->id, b->id);
}

static bool is_listed(const account *a, bool disabled)
{
    return a->kind == ACCOUNT_KEY && !a->deleted && (disabled || !a->key->disabled);
}

static bool put_list(or_json_writer *w, or_str query, manage_reply *r)
{
    or_str    flag = query_find(query, "include_disabled");
    bool      disabled = or_str_eq(flag, OR_STR("true")) || or_str_eq(flag, OR_STR("1"));
    uint64_t  offset = 0;
    size_t    num = 0, at = 0, size;
    account **list;
    if (!manage_count(query, "offset", 0, UINT32_MAX, &offset, r)) return false;
    for (account *a = books_next(NULL); a != NULL; a = books_next(a)) num += is_listed(a, disabled);
    if (!or_mul_size(num + 1, sizeof *list, &size) || (list = mem_alloc(size)) == NULL)
        return manage_fail(r, 503, "no memory for the list: limits.memory is reached");
    for (account *a = books_next(NULL); a != NULL; a = books_next(a))
        if (is_listed(a, disabled)) list[at++] = a;
    qsort(list, num, sizeof *list, compare_keys);
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("data"));
    or_json_begin_array(w);
    for (uint64_t i = offset; i < num && i < offset + PAGE; i++) put_key(w, list[i]);
    or_json_end_array(w);
    or_json_end_object(w);
    mem_free(list, size);
    return true;
}

void manage_list_keys(const manage_ask *a)
{
    or_buf         body;
    or_json_writer w;
    manage_reply   r;
    or_buf_init_growing(&body, &mem_allocator, MANAGE_MAX_ANSWER);
    or_json_writer_init(&w, &body);
    if (put_list(&w, client_head(a->c)->query, &r)) {
        manage_send(a->c, 200, &body, &w, false);
        return;
    }
    or_buf_free(&body);
    manage_refuse(a->c, &r);
}

/* ---- one key ---- */

static account *find(const manage_ask *a, manage_reply *r)
{
    char   text[3 * KEYS_MAX_NAME];
    or_str name;
    if (query_decode(a->rest, false, text, sizeof text, &name))
        return manage_find_key(name, false, r);
    (void)manage_fail(r, 404, "that is no key's hash or name");
    return NULL;
}

void manage_get_key(const manage_ask *a)
{
    manage_reply r;
    account     *k = find(a, &r);
    if (k != NULL)
        send_key(a, k, false);
    else
        manage_refuse(a->c, &r);
}

/* The one that a change is for; NULL. */
static account *find_own(const manage_ask *a, manage_reply *r)
{
    account *k = find(a, r);
    if (k == NULL) return NULL;
    if (!k->in_conf) return manage_can_write(r) ? k : NULL;
    (void)manage_fail(r, 403, "this key is from the settings: edit its section [key %s] there",
                      k->key->name);
    return NULL;
}

static int64_t now_s(void)
{
    or_wall now = clock_wall();
    return now.known ? now.unix_s : 0;
}

/* The rules that a body asks for, on top of *base. NULL: r says what is wrong. */
static keys_rules *read_rules(const manage_ask *a, const conf_key *base, const char *const *also,
                              manage_reply *r)
{
    or_json_doc doc;
    or_arena    arena;
    char        error[300] = "";
    keys_rules *rules = NULL;
    if (manage_read_body(a, &doc, &arena, r)) {
        int external = or_json_find(&doc, 0, "/external");
        rules = keys_read(base, &doc, 0, also, error, sizeof error);
        if (rules == NULL) /* the only one of its reasons that is not the body's */
            (void)manage_fail(r, strstr(error, "no memory") != NULL ? 503 : 400, "%s", error);
        if (rules != NULL && or_json_find(&doc, external, "/api_key") >= 0) {
            (void)manage_fail(r, 400, "external.api_key: keys of others are not here");
            keys_free(rules);
            rules = NULL;
        }
    }
    or_arena_reset(&arena);
    if (rules == NULL || rules->key.preset == NULL ||
        conf_find_preset(conf_now(), or_str_z(rules->key.preset)) != NULL)
        return rules;
    (void)manage_fail(r, 400, "preset: there is no [preset %s] in the settings", rules->key.preset);
    keys_free(rules);
    return NULL;
}

/* ---- POST /keys ---- */

/* Of keys that were made at run time: those there are, those remembered (deleted ones, too), and
   of the latter the one that was deleted first and can be forgotten. */
static void count_made(size_t *there, size_t *known, account **first)
{
    *there = *known = 0;
    *first = NULL;
    for (account *a = books_next(NULL); a != NULL; a = books_next(a)) {
        if (a->kind != ACCOUNT_KEY || a->in_conf) continue;
        ++*known;
        *there += !a->deleted;
        if (a->deleted && a->users == 0 && (*first == NULL || a->updated_at < (*first)->updated_at))
            *first = a;
    }
}

/* Deleted keys are kept for their history, as long as there is room. */
static bool make_room(manage_reply *r)
{
    size_t   max = conf_now()->limits.accounts, there, known;
    account *first;
    count_made(&there, &known, &first);
    if (there >= max)
        return manage_fail(r, 400,
                           "no room for another key: limits.accounts is %zu; delete some, "
                           "or raise it",
                           max);
    if (known >= max && first != NULL) books_forget_key(first);
    return true;
}

/* A new secret, and what is known of it. */
static bool invent(conf_key *k, char secret[16 + 2 * SECRET], manage_reply *r)
{
    uint8_t random[SECRET];
    int     n = snprintf(secret, 16, "sk-or-v1-");
    if (or_posix_random(random, sizeof random) != OR_OK)
        return manage_fail(r, 503, "the system gives no random numbers");
    for (size_t i = 0; i < SECRET; i++) snprintf(secret + n + 2 * i, 3, "%02x", random[i]);
    or_wipe(random, sizeof random);
    chain_hash_text(or_str_z(secret), k->id);
    for (size_t i = 0; i < sizeof k->hash; i++) {
        unsigned byte = 0;
        (void)sscanf(k->id + 2 * i, "%2x", &byte);
        k->hash[i] = (uint8_t)byte;
    }
    conf_label(or_str_z(secret), k->label);
    return true;
}

static account *create(const manage_ask *a, char *secret, manage_reply *r)
{
    static const char *const also[] = {"creator_user_id", "external", "workspace_id", NULL};
    keys_rules              *rules = read_rules(a, NULL, also, r);
    account                 *made = NULL;
    if (rules == NULL) return NULL;
    if (manage_can_write(r) && make_room(r) && invent(&rules->key, secret, r)) {
        made = books_put_key(rules, now_s());
        if (made == NULL) (void)manage_fail(r, 503, "no memory: limits.memory is reached");
    }
    if (made == NULL) keys_free(rules);
    return made;
}

/* The answer first: once the key is in the ledger, nobody but it can tell the secret. */
void manage_create_key(const manage_ask *a)
{
    char           secret[16 + 2 * SECRET];
    or_buf         body;
    or_json_writer w;
    manage_reply   r;
    account       *made = create(a, secret, &r);
    bool           whole = made != NULL && put_answer(&body, &w, made, secret);
    or_wipe(secret, sizeof secret);
    if (whole && gate_note_key(made)) {
        manage_send(a->c, 201, &body, &w, true);
        return;
    }
    if (made != NULL) {
        if (whole)
            (void)manage_fail(&r, 503, NOT_TAKEN);
        else
            (void)manage_fail(&r, 503, "no memory: limits.memory is reached");
        or_wipe(body.ptr, body.len);
        or_buf_free(&body);
        books_forget_key(made);
    }
    manage_refuse(a->c, &r);
}

/* ---- PATCH and DELETE ---- */

/* As it was before a change that the ledger did not take. */
static bool undo(account *k, const account *before, manage_reply *r)
{
    k->budget = before->budget;
    k->lease_pico = before->lease_pico;
    k->updated_at = before->updated_at;
    k->deleted = before->deleted;
    k->told = before->told;
    return manage_fail(r, 503, NOT_TAKEN);
}

static bool change(account *k, keys_rules *rules, manage_reply *r)
{
    account     before = *k;
    keys_rules *old = keys_copy(k->key); /* the account's own are gone when it has the new ones */
    if (old == NULL) {
        keys_free(rules);
        return manage_fail(r, 503, "no memory: limits.memory is reached");
    }
    (void)books_put_key(rules, now_s());
    if (gate_note_key(k)) {
        keys_free(old);
        return true;
    }
    (void)books_put_key(old, now_s());
    return undo(k, &before, r);
}

void manage_change_key(const manage_ask *a)
{
    manage_reply r;
    account     *k = find_own(a, &r);
    keys_rules  *rules = k != NULL ? read_rules(a, k->key, NULL, &r) : NULL;
    if (rules != NULL && change(k, rules, &r))
        send_key(a, k, true);
    else
        manage_refuse(a->c, &r);
}

void manage_delete_key(const manage_ask *a)
{
    char           mem[32]; /* what is done has to be told, with or without memory */
    or_buf         body;
    or_json_writer w;
    manage_reply   r;
    account       *k = find_own(a, &r);
    if (k != NULL) {
        account before = *k;
        books_delete_key(k, now_s());
        if (!gate_note_key(k)) {
            (void)undo(k, &before, &r);
            k = NULL;
        }
    }
    if (k == NULL) {
        manage_refuse(a->c, &r);
        return;
    }
    or_buf_init(&body, mem, sizeof mem);
    or_json_writer_init(&w, &body);
    or_json_begin_object(&w);
    member_bool(&w, "deleted", true);
    or_json_end_object(&w);
    manage_send(a->c, 200, &body, &w, true);
}
