#include "proxy/tally.h"

#include <string.h>

#include "proxy/clock.h"
#include "proxy/mem.h"
#include "proxy/member.h"

enum { BUCKETS = 512, MAX_OTHERS = 16 }; /* rows for all the rest of a day, beside the others */

static tally_row     *rows, *buckets[BUCKETS];
static tally_session *sessions;
static unsigned       num_rows, num_sessions;

static uint64_t add_u64(uint64_t a, uint64_t b)
{
    return or_sat_add_u64(a, b);
}

static int64_t add_money(int64_t a, int64_t b)
{
    if (b >= 0) return or_money_add(a, b);
    return a > -(b + 1) ? a + b : 0;
}

void tally_sum_add(tally_sum *a, const tally_sum *b)
{
    a->requests = add_u64(a->requests, b->requests);
    a->prompt_tokens = add_u64(a->prompt_tokens, b->prompt_tokens);
    a->completion_tokens = add_u64(a->completion_tokens, b->completion_tokens);
    a->reasoning_tokens = add_u64(a->reasoning_tokens, b->reasoning_tokens);
    a->cached_tokens = add_u64(a->cached_tokens, b->cached_tokens);
    a->unknown = add_u64(a->unknown, b->unknown);
    a->estimated = add_u64(a->estimated, b->estimated);
    a->own = add_money(a->own, b->own);
    a->byok = add_money(a->byok, b->byok);
}

/* ---- rows ---- */

/* No more than is kept of a name, in whole letters. */
static or_str cut(or_str s)
{
    size_t n = s.len < TALLY_MAX_TEXT ? s.len : TALLY_MAX_TEXT;
    while (n > 0 && n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80) n--;
    return or_str_of(s.ptr != NULL ? s.ptr : "", n);
}

static uint32_t hash_text(uint32_t h, or_str s)
{
    for (size_t i = 0; i < s.len; i++) h = (h ^ (unsigned char)s.ptr[i]) * 16777619u; /* FNV-1a */
    return (h ^ 0xff) * 16777619u;
}

static uint32_t hash_names(const tally_names *n)
{
    uint32_t h = 2166136261u ^ (uint32_t)n->day;
    h = hash_text(h, n->model);
    h = hash_text(h, n->provider);
    h = hash_text(h, n->key);
    return hash_text(h, n->app);
}

static bool is_row(const tally_row *r, const tally_names *n)
{
    return r->day == n->day && or_str_eq(r->model, n->model) &&
           or_str_eq(r->provider, n->provider) && or_str_eq(r->key, n->key) &&
           or_str_eq(r->app, n->app);
}

static void drop(tally_row **at)
{
    tally_row  *r = *at;
    tally_row **same = &buckets[r->hash % BUCKETS];
    *at = r->next;
    while (*same != r) same = &(*same)->same;
    *same = r->same;
    num_rows--;
    mem_free(r, r->size);
}

/* Rows of the oldest day go, unless that is today. False: there is no older day. */
static bool drop_oldest_day(int32_t today)
{
    int32_t oldest = today;
    for (const tally_row *r = rows; r != NULL; r = r->next)
        if (r->day != TALLY_NO_DAY && r->day < oldest) oldest = r->day;
    if (oldest >= today) return false;
    for (tally_row **at = &rows; *at != NULL;)
        if ((*at)->day == oldest)
            drop(at);
        else
            at = &(*at)->next;
    return true;
}

/* Room for a row of its own? One day gets half of all places at most: else a client that calls its
   app otherwise each time would put an end to what was counted on all days before. */
static bool has_room(int32_t day, unsigned max)
{
    unsigned of_day = 0, most = max / 2 - MAX_OTHERS;
    if (num_rows >= most)
        for (const tally_row *r = rows; r != NULL; r = r->next) of_day += r->day == day;
    return of_day < most && (num_rows < max || drop_oldest_day(day));
}

static or_str keep(char **at, or_str s)
{
    or_str kept = or_str_of(*at, s.len);
    if (s.len > 0) memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return kept;
}

static tally_row *make_row(const tally_names *n, uint32_t hash)
{
    size_t     size = sizeof(tally_row) + n->model.len + n->provider.len + n->key.len + n->app.len;
    tally_row *r = mem_alloc(size);
    if (r == NULL) return NULL;
    char *at = (char *)(r + 1);
    r->size = size;
    r->day = n->day;
    r->hash = hash;
    r->model = keep(&at, n->model);
    r->provider = keep(&at, n->provider);
    r->key = keep(&at, n->key);
    r->app = keep(&at, n->app);
    r->next = rows;
    rows = r;
    r->same = buckets[hash % BUCKETS];
    buckets[hash % BUCKETS] = r;
    num_rows++;
    return r;
}

static tally_row *find(const tally_names *n, uint32_t hash)
{
    for (tally_row *r = buckets[hash % BUCKETS]; r != NULL; r = r->same)
        if (r->hash == hash && is_row(r, n)) return r;
    return NULL;
}

static tally_row *row_of(const tally_names *given, unsigned max)
{
    tally_names n = {given->day, cut(given->model), cut(given->provider), cut(given->key),
                     cut(given->app)};
    uint32_t    hash = hash_names(&n);
    tally_row  *r = find(&n, hash);
    if (r != NULL) return r;
    if (has_room(n.day, max) && (r = make_row(&n, hash)) != NULL) return r;
    /* what has no place of its own is not lost: one row for all the rest of that day */
    n.model = n.provider = n.app = OR_STR("other");
    n.key = OR_STR("");
    hash = hash_names(&n);
    r = find(&n, hash);
    return r != NULL ? r : make_row(&n, hash);
}

void tally_add(const tally_names *n, const tally_sum *s)
{
    tally_row *r = row_of(n, TALLY_MAX_ROWS);
    if (r == NULL) return;
    tally_sum_add(&r->sum, s);
    r->dirty = true;
}

const tally_row *tally_rows(void)
{
    return rows;
}

/* ---- sessions ---- */

/* The session, moved to the front. */
static tally_session *session_of(or_str id, or_str key)
{
    tally_session **at = &sessions, *s;
    id = cut(id);
    while (*at != NULL && !(or_str_eq((*at)->id, id) && or_str_eq((*at)->key, key)))
        at = &(*at)->next;
    s = *at;
    if (s != NULL) {
        *at = s->next;
    } else {
        if (num_sessions == TALLY_MAX_SESSIONS) {
            for (at = &sessions; (*at)->next != NULL; at = &(*at)->next) {
            }
            mem_free(*at, (*at)->size);
            *at = NULL;
            num_sessions--;
        }
        size_t size = sizeof *s + id.len + key.len;
        s = mem_alloc(size);
        if (s == NULL) return NULL;
        char *text = (char *)(s + 1);
        s->size = size;
        s->id = keep(&text, id);
        s->key = keep(&text, key);
        num_sessions++;
    }
    s->next = sessions;
    sessions = s;
    return s;
}

void tally_add_session(or_str id, or_str key, int64_t unix_s, const tally_sum *sum)
{
    tally_session *s = id.len > 0 ? session_of(id, key) : NULL;
    if (s == NULL) return;
    tally_sum_add(&s->sum, sum);
    if (s->first == 0) s->first = unix_s;
    if (unix_s > s->last) s->last = unix_s;
    s->dirty = true;
}

const tally_session *tally_sessions(void)
{
    return sessions;
}

/* ---- as JSON ---- */

static const struct {
    const char *name;
    size_t      offset;
} counts[] = {
    {"requests", offsetof(tally_sum, requests)},
    {"prompt_tokens", offsetof(tally_sum, prompt_tokens)},
    {"completion_tokens", offsetof(tally_sum, completion_tokens)},
    {"reasoning_tokens", offsetof(tally_sum, reasoning_tokens)},
    {"cached_tokens", offsetof(tally_sum, cached_tokens)},
    {"unknown_costs", offsetof(tally_sum, unknown)},
    {"estimated", offsetof(tally_sum, estimated)},
    {"own_pico_usd", offsetof(tally_sum, own)},
    {"byok_pico_usd", offsetof(tally_sum, byok)},
};
enum { NUM_COUNTS = sizeof counts / sizeof counts[0] };

static void put_sum(or_json_writer *w, const tally_sum *s)
{
    for (size_t i = 0; i < NUM_COUNTS; i++) {
        uint64_t n;
        memcpy(&n, (const char *)s + counts[i].offset, sizeof n); /* money is never negative */
        if (n > 0) member_u64(w, counts[i].name, n);
    }
}

void tally_put_row(or_json_writer *w, const tally_row *r)
{
    char day[CLOCK_TEXT];
    if (r->day != TALLY_NO_DAY) clock_day_text(r->day, day);
    member_z(w, "day", r->day != TALLY_NO_DAY ? day : NULL);
    member_str(w, "model", r->model);
    member_str(w, "provider", r->provider);
    member_str(w, "key", r->key);
    if (r->app.len > 0) member_str(w, "app", r->app);
    put_sum(w, &r->sum);
}

void tally_put_session(or_json_writer *w, const tally_session *s)
{
    member_str(w, "id", s->id);
    member_str(w, "key", s->key);
    member_u64(w, "first", (uint64_t)s->first);
    member_u64(w, "last", (uint64_t)s->last);
    put_sum(w, &s->sum);
}

static or_str text_of(const or_json_doc *doc, int tok, const char *pointer, or_arena *arena)
{
    or_str s;
    return or_json_get_str(doc, or_json_find(doc, tok, pointer), arena, &s) == OR_OK ? s
                                                                                     : OR_STR("");
}

static void read_sum(const or_json_doc *doc, int tok, tally_sum *s)
{
    char pointer[32];
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < NUM_COUNTS; i++) {
        uint64_t n = 0;
        pointer[0] = '/';
        memcpy(pointer + 1, counts[i].name, strlen(counts[i].name) + 1);
        (void)or_json_get_u64(doc, or_json_find(doc, tok, pointer), &n);
        if (counts[i].offset >= offsetof(tally_sum, own) && n > INT64_MAX) n = INT64_MAX;
        memcpy((char *)s + counts[i].offset, &n, sizeof n);
    }
}

bool tally_fold_row(const or_json_doc *doc, int tok, or_arena *arena)
{
    int64_t     day_s;
    or_str      day = text_of(doc, tok, "/day", arena);
    tally_names n = {TALLY_NO_DAY, text_of(doc, tok, "/model", arena),
                     text_of(doc, tok, "/provider", arena), text_of(doc, tok, "/key", arena),
                     text_of(doc, tok, "/app", arena)};
    if (clock_read(day, &day_s)) n.day = clock_day(day_s);
    /* a snapshot has the rows of all the rest, too: none of those behind may end up in them */
    tally_row *r = row_of(&n, TALLY_MAX_ROWS + MAX_OTHERS);
    if (r != NULL) read_sum(doc, tok, &r->sum);
    return r != NULL;
}

/* Behind those that were used later: snapshots begin with the last one used. */
static void sink(tally_session *s)
{
    tally_session **at = &sessions;
    *at = s->next;
    while (*at != NULL && (*at)->last >= s->last) at = &(*at)->next;
    s->next = *at;
    *at = s;
}

bool tally_fold_session(const or_json_doc *doc, int tok, or_arena *arena)
{
    tally_session *s =
        session_of(text_of(doc, tok, "/id", arena), text_of(doc, tok, "/key", arena));
    uint64_t first = 0, last = 0;
    if (s == NULL) return false;
    (void)or_json_get_u64(doc, or_json_find(doc, tok, "/first"), &first);
    (void)or_json_get_u64(doc, or_json_find(doc, tok, "/last"), &last);
    s->first = (int64_t)first;
    s->last = (int64_t)last;
    read_sum(doc, tok, &s->sum);
    sink(s);
    return true;
}

void tally_clean(void)
{
    for (tally_row *r = rows; r != NULL; r = r->next) r->dirty = false;
    for (tally_session *s = sessions; s != NULL; s = s->next) s->dirty = false;
}

void tally_forget(void)
{
    while (rows != NULL) drop(&rows);
    while (sessions != NULL) {
        tally_session *s = sessions;
        sessions = s->next;
        mem_free(s, s->size);
    }
    num_sessions = 0;
}
