#include "proxy/books.h"

#include <stdio.h>
#include <string.h>

#include "proxy/mem.h"
#include "proxy/member.h"

enum { BUCKETS = 1024 };

static account *all, **others = &all; /* keys come first: where the others begin */
static account *buckets[BUCKETS];
static account *organization, *credits;
static size_t   num_scopes; /* apps and users */
static char     management[65];

static const char *const kinds[ACCOUNT_KINDS] = {"organization", "credits", "key", "app", "user"};

const char *books_kind(account_kind kind)
{
    return kinds[kind];
}

const char *books_name(const account *a, char *text, size_t size)
{
    if (a->kind == ACCOUNT_ORGANIZATION)
        snprintf(text, size, "the organization");
    else if (a->kind == ACCOUNT_CREDITS)
        snprintf(text, size, "the credits");
    else
        snprintf(text, size, "%s %.128s", kinds[a->kind],
                 a->kind == ACCOUNT_KEY ? a->key->name : a->id);
    return text;
}

/* ---- accounts ---- */

static unsigned bucket_of(account_kind kind, or_str id)
{
    uint32_t h = 2166136261u + (uint32_t)kind;
    for (size_t i = 0; i < id.len; i++) h = (h ^ (unsigned char)id.ptr[i]) * 16777619u; /* FNV-1a */
    return h % BUCKETS;
}

/* Names of apps and users may hold a NUL; kept texts end at it, and so does what is looked for. */
static or_str until_nul(or_str id)
{
    const char *end = id.len > 0 ? memchr(id.ptr, 0, id.len) : NULL;
    return end != NULL ? or_str_of(id.ptr, (size_t)(end - id.ptr)) : id;
}

static account *find(account_kind kind, or_str id)
{
    id = until_nul(id);
    for (account *a = buckets[bucket_of(kind, id)]; a != NULL; a = a->same)
        if (a->kind == kind && or_str_eq(or_str_z(a->id), id)) return a;
    return NULL;
}

static account *make(account_kind kind, or_str id)
{
    id = until_nul(id);
    account *a = mem_alloc(sizeof *a + id.len + 1);
    if (a == NULL) return NULL;
    char    *text = (char *)(a + 1);
    unsigned b = bucket_of(kind, id);
    if (id.len > 0) memcpy(text, id.ptr, id.len);
    a->kind = kind;
    a->id = text;
    a->limits.limit_pico_usd = -1;
    or_budget_init(&a->budget, OR_WINDOW_NONE, -1);
    a->dirty = true;
    account **at = kind == ACCOUNT_KEY ? &all : others;
    a->next = *at;
    *at = a;
    if (kind == ACCOUNT_KEY && others == &all) others = &a->next;
    a->same = buckets[b];
    buckets[b] = a;
    num_scopes += kind == ACCOUNT_APP || kind == ACCOUNT_USER;
    return a;
}

static bool is_key(const account *a)
{
    return a != NULL && a->kind == ACCOUNT_KEY;
}

static void free_rules(keys_rules **list)
{
    while (*list != NULL) {
        keys_rules *r = *list;
        *list = r->next;
        keys_free(r);
    }
}

static void destroy(account *a)
{
    account **at = &all, **same = &buckets[bucket_of(a->kind, or_str_z(a->id))];
    while (*at != a) at = &(*at)->next;
    *at = a->next;
    if (others == &a->next) others = at;
    while (*same != a) same = &(*same)->same;
    *same = a->same;
    num_scopes -= a->kind == ACCOUNT_APP || a->kind == ACCOUNT_USER;
    free_rules(&a->rules);
    mem_free(a, sizeof *a + strlen(a->id) + 1);
}

bool books_begin(void)
{
    organization = make(ACCOUNT_ORGANIZATION, OR_STR(""));
    credits = make(ACCOUNT_CREDITS, OR_STR(""));
    return organization != NULL && credits != NULL;
}

void books_end(void)
{
    while (all != NULL) destroy(all);
    organization = credits = NULL;
    management[0] = 0;
}

account *books_organization(void)
{
    return organization;
}

account *books_credits(void)
{
    return credits;
}

account *books_next(const account *a)
{
    return a == NULL ? all : a->next;
}

void books_hold(account *a)
{
    a->users++;
}

void books_drop(account *a)
{
    if (--a->users == 0 && a->rules != NULL) free_rules(&a->rules->next);
}

/* ---- money and time ---- */

void books_clock(account *a, uint32_t now_ms, or_wall wall)
{
    int64_t  start = a->budget.start;
    uint32_t elapsed = a->budget.elapsed_s;
    or_budget_clock(&a->budget, now_ms, wall);
    if ((start > 0 && a->budget.start > start) || a->budget.elapsed_s < elapsed)
        a->lease_pico = 0; /* another window: another lease */
    int64_t day = wall.known ? or_window_start(OR_WINDOW_DAILY, wall.unix_s) : 0;
    if (!wall.known || day <= a->day) return;
    if (a->day > 0) {
        bool week =
            or_window_start(OR_WINDOW_WEEKLY, day) > or_window_start(OR_WINDOW_WEEKLY, a->day);
        bool month =
            or_window_start(OR_WINDOW_MONTHLY, day) > or_window_start(OR_WINDOW_MONTHLY, a->day);
        a->own.day = a->byok.day = 0;
        if (week) a->own.week = a->byok.week = 0;
        if (month) a->own.month = a->byok.month = 0;
    }
    a->day = day;
}

int64_t books_share(const account *a, int64_t pico, int64_t byok)
{
    return a->limits.leave_byok_out ? (pico > byok ? pico - byok : 0) : pico;
}

static void add(int64_t *to, int64_t n)
{
    *to = n >= 0 ? or_money_add(*to, n) : *to > -(n + 1) ? *to + n : 0;
}

static void spend(spending *s, int64_t n)
{
    add(&s->total, n);
    add(&s->day, n);
    add(&s->week, n);
    add(&s->month, n);
}

void books_spend(account *a, int64_t own, int64_t byok)
{
    spend(&a->own, own);
    spend(&a->byok, byok);
    a->dirty = true;
}

static void correct(const account *a, spending *s, int64_t n, int64_t at)
{
    add(&s->total, n);
    if (at >= a->day) add(&s->day, n);
    if (at >= or_window_start(OR_WINDOW_WEEKLY, a->day)) add(&s->week, n);
    if (at >= or_window_start(OR_WINDOW_MONTHLY, a->day)) add(&s->month, n);
}

void books_correct(account *a, int64_t own, int64_t byok, int64_t at)
{
    correct(a, &a->own, own, at);
    correct(a, &a->byok, byok, at);
    a->dirty = true;
    if (a->budget.window != OR_WINDOW_NONE && at < a->budget.start) return;
    add(&a->budget.spent_pico_usd, a->limits.leave_byok_out ? own : own + byok);
}

int64_t books_take_lease(account *a)
{
    int64_t unused = a->lease_pico - a->budget.spent_pico_usd;
    a->lease_pico = 0;
    if (unused <= 0) return 0;
    add(&a->budget.spent_pico_usd, unused);
    bool own = a->limits.leave_byok_out || (a->own.total > 0 && a->byok.total == 0);
    books_spend(a, own ? unused : 0, own ? 0 : unused); /* as a guess, like the amount */
    return unused;
}

static int64_t in_window(const spending *s, or_window w)
{
    switch (w) {
    case OR_WINDOW_DAILY: return s->day;
    case OR_WINDOW_WEEKLY: return s->week;
    case OR_WINDOW_MONTHLY: return s->month;
    default: return s->total;
    }
}

/* What a window that begins now would have seen. */
static int64_t spent_in(const account *a, or_window w)
{
    int64_t byok = in_window(&a->byok, w);
    return books_share(a, or_money_add(in_window(&a->own, w), byok), byok);
}

/* Another limit: what was spent stays spent. */
static void set_limits(account *a, const conf_limits *l)
{
    bool window = l->limit_reset != a->limits.limit_reset;
    bool share = l->leave_byok_out != a->limits.leave_byok_out;
    a->limits = *l;
    a->budget.limited = l->limit_pico_usd >= 0;
    a->budget.limit_pico_usd = a->budget.limited ? l->limit_pico_usd : 0;
    if (!window && !share) return;
    a->budget.window = l->limit_reset;
    a->budget.spent_pico_usd = spent_in(a, l->limit_reset);
    a->budget.start = a->day > 0 ? or_window_start(l->limit_reset, a->day) : 0;
    a->budget.doubtful_pico_usd = 0;
    a->lease_pico = 0;
}

void books_set_credits(int64_t total_pico, bool enforced)
{
    credits->limits.limit_pico_usd = total_pico;
    credits->budget.limited = enforced;
    credits->budget.limit_pico_usd = total_pico > 0 ? total_pico : 0;
    credits->dirty = true;
}

/* ---- keys ---- */

account *books_key(or_str id)
{
    return find(ACCOUNT_KEY, id);
}

account *books_key_of(const char id[65])
{
    account *found = NULL;
    for (account *a = buckets[bucket_of(ACCOUNT_KEY, or_str_of(id, 64))]; a != NULL; a = a->same)
        if (a->kind == ACCOUNT_KEY && !a->deleted &&
            or_str_eq_secret(or_str_z(a->id), or_str_of(id, 64)))
            found = a;
    return found;
}

void books_set_management(const char *id)
{
    snprintf(management, sizeof management, "%s", id);
}

const char *books_management(void)
{
    return management;
}

bool books_have_keys(void)
{
    for (const account *a = all; is_key(a); a = a->next)
        if (!a->deleted && !a->key->management) return true;
    return false;
}

bool books_had_keys(void)
{
    for (const account *a = all; is_key(a); a = a->next)
        if (!a->in_conf && !a->key->management) return true;
    return false;
}

bool books_know_secrets(void)
{
    return is_key(all) || management[0] != 0;
}

account *books_find_key(or_str text)
{
    account *found = NULL;
    unsigned num = 0;
    for (account *a = all; is_key(a); a = a->next) {
        if (a->deleted) continue;
        or_str id = or_str_z(a->id);
        if (or_str_eq(id, text)) return a;
        bool begins = text.len >= 8 && text.len < id.len &&
                      or_str_eq_nocase(or_str_of(id.ptr, text.len), text);
        if (!begins && !or_str_eq(or_str_z(a->key->name), text)) continue;
        found = a;
        num++;
    }
    return num == 1 ? found : NULL;
}

static void set_rules(account *a, keys_rules *rules)
{
    rules->next = a->rules;
    a->rules = rules;
    a->key = &rules->key;
    if (a->users == 0) free_rules(&rules->next);
    set_limits(a, &rules->key.limits);
    a->dirty = true;
}

account *books_put_key(keys_rules *rules, int64_t now_s)
{
    or_str   id = or_str_of(rules->key.id, 64);
    account *a = find(ACCOUNT_KEY, id);
    if (a == NULL) {
        a = make(ACCOUNT_KEY, id);
        if (a == NULL) return NULL;
        a->created_at = now_s;
    } else {
        a->updated_at = now_s;
    }
    set_rules(a, rules);
    return a;
}

void books_delete_key(account *a, int64_t now_s)
{
    a->deleted = true;
    a->updated_at = now_s;
    a->dirty = true;
}

void books_forget_key(account *a)
{
    destroy(a);
}

static bool is_in(const conf *c, or_str id)
{
    for (unsigned i = 0; i < c->num_keys; i++)
        if (or_str_eq(or_str_of(c->keys[i].id, 64), id)) return true;
    return false;
}

/* The account that this section had with an earlier secret. */
static account *earlier_of(const conf *c, const conf_key *k)
{
    for (account *a = all; is_key(a); a = a->next)
        if (a->in_conf && !a->deleted && strcmp(a->key->name, k->name) == 0 &&
            !is_in(c, or_str_z(a->id)))
            return a;
    return NULL;
}

/* What was spent with the old secret is spent with the new one. */
static void inherit(account *a, account *from)
{
    or_reservation *open = a->budget.open; /* of its own requests, where it was there before */
    int64_t         reserved = a->budget.reserved_pico_usd;
    a->limits = from->limits;
    a->budget = from->budget;
    a->budget.reserved_pico_usd = reserved;
    a->budget.open = open;
    a->own = from->own;
    a->byok = from->byok;
    a->day = from->day;
    a->requests = from->requests;
    a->tokens = from->tokens;
    a->num_requests = from->num_requests;
    a->free_day = from->free_day;
    a->free_used = from->free_used;
    a->lease_pico = 0;
    a->created_at = from->created_at;
}

/* Sections that are gone keep their history, and rules of their own to name it by. */
static bool part_with(account *a, int64_t now_s)
{
    keys_rules *rules = keys_copy(a->key);
    if (rules == NULL) return false;
    set_rules(a, rules);
    if (!a->deleted) books_delete_key(a, now_s);
    return true;
}

static bool follow_key(const conf *c, const conf_key *k, int64_t now_s)
{
    account *a = find(ACCOUNT_KEY, or_str_of(k->id, 64)), *earlier = NULL;
    if (a == NULL || (a->in_conf && a->deleted)) /* new, or an old secret is back */
        earlier = earlier_of(c, k);
    if (a == NULL) {
        a = make(ACCOUNT_KEY, or_str_of(k->id, 64));
        if (a == NULL) return false;
        a->created_at = now_s;
    }
    if (earlier != NULL) inherit(a, earlier);
    a->in_conf = true;
    a->deleted = false;
    a->key = k;
    set_limits(a, &k->limits);
    a->dirty = true;
    return true;
}

bool books_follow(const conf *c, int64_t now_s)
{
    bool ok = true;
    for (unsigned i = 0; i < c->num_keys; i++) ok = follow_key(c, &c->keys[i], now_s) && ok;
    for (account *a = all; is_key(a); a = a->next)
        if (a->in_conf && !a->deleted && !is_in(c, or_str_z(a->id)))
            ok = part_with(a, now_s) && ok;
    set_limits(organization, &c->organization);
    organization->dirty = true;
    return ok;
}

/* ---- apps and users ---- */

static const conf_scope *scope_for(account_kind kind, or_str name, const conf *c)
{
    const conf_scope *list = kind == ACCOUNT_APP ? c->apps : c->users;
    unsigned          num = kind == ACCOUNT_APP ? c->num_apps : c->num_users;
    for (unsigned i = 0; i < num; i++)
        for (unsigned k = 0; k < list[i].num_match; k++)
            if (conf_matches(list[i].match[k], name)) return &list[i];
    return NULL;
}

/* Was all that it spent in windows that are over, by the organization's clock? */
static bool is_past(const account *a)
{
    const or_budget *b = &a->budget;
    return b->start > 0 && organization->day > 0 && b->doubtful_pico_usd == 0 &&
           or_window_start(b->window, organization->day) > b->start;
}

/* One that has nothing to remember makes room. */
static bool make_room(size_t max)
{
    if (num_scopes < max) return true;
    for (account *a = all; a != NULL; a = a->next) {
        if (a->kind != ACCOUNT_APP && a->kind != ACCOUNT_USER) continue;
        if (a->users > 0 || a->budget.reserved_pico_usd > 0) continue;
        if (a->budget.spent_pico_usd > 0 && !is_past(a)) continue;
        destroy(a);
        return true;
    }
    return false;
}

account *books_scope(account_kind kind, or_str name, const conf *c, bool *full)
{
    name = until_nul(name);
    const conf_scope *s = name.len > 0 ? scope_for(kind, name, c) : NULL;
    *full = false;
    if (s == NULL) return NULL;
    account *a = find(kind, name);
    if (a == NULL) {
        a = make_room(c->limits.accounts) ? make(kind, name) : NULL;
        *full = a == NULL;
        if (a == NULL) return NULL;
    }
    if (memcmp(&a->limits, &s->limits, sizeof s->limits) != 0) {
        set_limits(a, &s->limits);
        a->dirty = true;
    }
    return a;
}

/* ---- as JSON ---- */

/* What is 0 is not written. */
static void put_count(or_json_writer *w, const char *name, int64_t n)
{
    if (n > 0) member_u64(w, name, (uint64_t)n);
}

static void put_spending(or_json_writer *w, const char *name, const spending *s)
{
    if (s->total == 0) return;
    or_json_put_key(w, or_str_z(name));
    or_json_begin_object(w);
    put_count(w, "total", s->total);
    put_count(w, "day", s->day);
    put_count(w, "week", s->week);
    put_count(w, "month", s->month);
    or_json_end_object(w);
}

static void put_rules(or_json_writer *w, const account *a)
{
    or_json_begin_object(w);
    if (a->kind == ACCOUNT_KEY)
        keys_put(w, a->key, false);
    else
        keys_put_limits(w, &a->limits, false);
    or_json_end_object(w);
}

void books_put(or_json_writer *w, const account *a)
{
    member_z(w, "kind", kinds[a->kind]);
    member_z(w, "id", a->id);
    if (a->kind == ACCOUNT_KEY) {
        member_z(w, "label", a->key->label);
        member_z(w, "source", a->in_conf ? "config" : "api");
        if (a->deleted) member_bool(w, "deleted", true);
        put_count(w, "created_at", a->created_at);
        put_count(w, "updated_at", a->updated_at);
    }
    or_json_put_key(w, OR_STR("rules"));
    put_rules(w, a);
    or_json_put_key(w, OR_STR("window"));
    or_json_begin_object(w);
    put_count(w, "spent_pico_usd", a->budget.spent_pico_usd);
    put_count(w, "doubtful_pico_usd", a->budget.doubtful_pico_usd);
    put_count(w, "start", a->budget.start);
    put_count(w, "elapsed_s", a->budget.elapsed_s);
    or_json_end_object(w);
    put_spending(w, "own_pico_usd", &a->own);
    put_spending(w, "byok_pico_usd", &a->byok);
    put_count(w, "day", a->day);
    put_count(w, "requests", (int64_t)(a->num_requests < INT64_MAX ? a->num_requests : INT64_MAX));
    put_count(w, "free_day", a->free_day);
    put_count(w, "free_used", a->free_used);
    put_count(w, "lease_pico_usd", a->lease_pico);
}

uint64_t books_rules_hash(const account *a)
{
    or_buf         text;
    or_json_writer w;
    uint64_t       h = 14695981039346656037u;
    or_buf_init_growing(&text, &mem_allocator, KEYS_MAX_SIZE);
    or_json_writer_init(&w, &text);
    put_rules(&w, a);
    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.ptr[i]) * 1099511628211u; /* FNV-1a */
    or_buf_free(&text);
    return (h ^ (uint64_t)a->deleted) | 1;
}

static uint64_t count_of(const or_json_doc *doc, int tok, const char *pointer)
{
    uint64_t n = 0;
    (void)or_json_get_u64(doc, or_json_find(doc, tok, pointer), &n);
    return n < INT64_MAX ? n : INT64_MAX;
}

static int64_t money_of(const or_json_doc *doc, int tok, const char *pointer)
{
    return (int64_t)count_of(doc, tok, pointer);
}

static bool flag_of(const or_json_doc *doc, int tok, const char *pointer)
{
    bool b = false;
    (void)or_json_get_bool(doc, or_json_find(doc, tok, pointer), &b);
    return b;
}

static void read_spending(const or_json_doc *doc, int tok, spending *s)
{
    s->total = money_of(doc, tok, "/total");
    s->day = money_of(doc, tok, "/day");
    s->week = money_of(doc, tok, "/week");
    s->month = money_of(doc, tok, "/month");
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_id(conf_key *k, or_str id)
{
    if (id.len != 64) return false;
    for (size_t i = 0; i < 32; i++) {
        int high = nibble(id.ptr[2 * i]), low = nibble(id.ptr[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        k->hash[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(k->id, id.ptr, 64);
    k->id[64] = 0;
    return true;
}

static bool fold_key(account *a, const or_json_doc *doc, int tok, int rules, or_arena *arena)
{
    char        error[200];
    or_str      label, source;
    keys_rules *r = keys_read(NULL, doc, rules, NULL, error, sizeof error);
    if (r == NULL || !read_id(&r->key, or_str_z(a->id))) {
        keys_free(r);
        return false;
    }
    if (or_json_get_str(doc, or_json_find(doc, tok, "/label"), arena, &label) == OR_OK)
        snprintf(r->key.label, sizeof r->key.label, "%.*s", (int)(label.len < 23 ? label.len : 23),
                 label.ptr);
    set_rules(a, r);
    if (or_json_get_str(doc, or_json_find(doc, tok, "/source"), arena, &source) == OR_OK)
        a->in_conf = or_str_eq(source, OR_STR("config"));
    a->deleted = flag_of(doc, tok, "/deleted");
    a->created_at = money_of(doc, tok, "/created_at");
    a->updated_at = money_of(doc, tok, "/updated_at");
    return true;
}

static void fold_numbers(account *a, const or_json_doc *doc, int tok)
{
    int window = or_json_find(doc, tok, "/window");
    or_budget_init(&a->budget, a->limits.limit_reset, a->limits.limit_pico_usd);
    a->budget.spent_pico_usd = money_of(doc, window, "/spent_pico_usd");
    a->budget.doubtful_pico_usd = money_of(doc, window, "/doubtful_pico_usd");
    a->budget.start = money_of(doc, window, "/start");
    a->budget.elapsed_s = (uint32_t)count_of(doc, window, "/elapsed_s");
    read_spending(doc, or_json_find(doc, tok, "/own_pico_usd"), &a->own);
    read_spending(doc, or_json_find(doc, tok, "/byok_pico_usd"), &a->byok);
    a->day = money_of(doc, tok, "/day");
    a->num_requests = count_of(doc, tok, "/requests");
    a->free_day = money_of(doc, tok, "/free_day");
    a->free_used = (uint32_t)count_of(doc, tok, "/free_used");
    a->lease_pico = money_of(doc, tok, "/lease_pico_usd");
}

bool books_fold(const or_json_doc *doc, int tok, or_arena *arena)
{
    or_str      kind, id;
    char        error[200];
    conf_limits limits;
    unsigned    k = 0;
    int         rules = or_json_find(doc, tok, "/rules");
    if (or_json_get_str(doc, or_json_find(doc, tok, "/kind"), arena, &kind) != OR_OK ||
        or_json_get_str(doc, or_json_find(doc, tok, "/id"), arena, &id) != OR_OK)
        return false;
    while (k < ACCOUNT_KINDS && !or_str_eq(kind, or_str_z(kinds[k]))) k++;
    if (k == ACCOUNT_KINDS) return false;
    account *a = find((account_kind)k, id);
    if (a == NULL && k == ACCOUNT_KEY && id.len != 64) return false;
    bool made = a == NULL;
    if (made) a = make((account_kind)k, id);
    if (a == NULL) return false;
    bool good = true;
    if (k == ACCOUNT_KEY) {
        good = fold_key(a, doc, tok, rules, arena);
    } else {
        good = keys_read_limits(&limits, doc, rules, error, sizeof error);
        if (good) a->limits = limits;
    }
    if (!good) {
        if (made) destroy(a);
        return false;
    }
    fold_numbers(a, doc, tok);
    a->told = books_rules_hash(a);
    return true;
}
