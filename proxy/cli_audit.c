/* orproxy audit: is the ledger as it was written? Reads the segments itself and changes nothing,
   so that the answer does not depend on the gateway that wrote them. */
#include <bearssl.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/chain.h"
#include "proxy/cli_parts.h"
#include "proxy/conf.h"
#include "proxy/mem.h"

enum { NAME = 40, TIME = 40, WHY = 200 };

/* The first line that does not follow from those before it. */
typedef struct finding {
    char          file[NAME];
    unsigned long line;
    bool          has_n;
    uint64_t      n;
    char          why[WHY];
} finding;

/* Where the chain stands after a line. */
typedef struct place {
    chain    c;
    uint64_t n;
    bool     known; /* else the next line begins it: those before were removed */
} place;

typedef struct segment {
    uint64_t          number;
    char              name[NAME];
    bool              newest;
    uint64_t          lines;
    char              first[TIME], last[TIME]; /* times of lines; "": none that had one */
    uint64_t          bytes;
    br_sha256_context sha; /* of them */
} segment;

/* A segment that was read, as a record of type `accepted` names it. */
typedef struct sealed {
    char     name[NAME];
    uint64_t bytes, breaks;
    char     sha256[CHAIN_HASH + 1];
} sealed;

typedef struct audit {
    const char *state;
    place       at;
    sealed      before;  /* the segment before this one */
    uint64_t    missing; /* the segment that should be before this one; 0: none is */
    uint64_t    breaks;  /* not accepted */
    finding     first;   /* of them */
    finding     own;     /* the first in this segment; line 0: none */
    uint64_t    accepted;
    char        accepted_at[TIME];
    uint64_t    lines, segments, oldest;
    bool        has_tail, held; /* the newest segment has no whole last line; somebody writes it */
    size_t      tail;           /* bytes of it */
    bool        stopped;        /* a file could not be read */
} audit;

/* What of a line is needed. Texts are raw. */
typedef struct entry {
    bool     has_n;
    uint64_t n;
    or_str   previous, time, type;
    or_str   file, sha256; /* of an `accepted` */
    uint64_t bytes;
} entry;

/* ---- a line ---- */

static or_err take_member(const or_json_item *item, entry *out)
{
    bool number = item->type == OR_JSON_NUMBER, text = item->type == OR_JSON_STRING;
    if (or_json_str_is(item->key, OR_STR("n"))) {
        if (out->has_n) return OR_ERR_DUPLICATE;
        out->has_n = number && or_u64_read(item->value, &out->n) == OR_OK;
    }
    if (text && or_json_str_is(item->key, OR_STR("previous"))) out->previous = item->value;
    if (text && or_json_str_is(item->key, OR_STR("time"))) out->time = item->value;
    if (text && or_json_str_is(item->key, OR_STR("type"))) out->type = item->value;
    if (text && or_json_str_is(item->key, OR_STR("file"))) out->file = item->value;
    if (text && or_json_str_is(item->key, OR_STR("sha256"))) out->sha256 = item->value;
    if (number && or_json_str_is(item->key, OR_STR("bytes")))
        (void)or_u64_read(item->value, &out->bytes);
    return OR_OK;
}

/* The whole line is validated. */
static or_err read_entry(or_str text, entry *out)
{
    or_json_scan s;
    or_json_item item;
    memset(out, 0, sizeof *out);
    or_json_scan_init(&s, text);
    or_err e = or_json_scan_next(&s, &item);
    if (e == OR_OK && item.type != OR_JSON_OBJECT) return OR_ERR_TYPE;
    while (e == OR_OK && (e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (item.type == OR_JSON_END) continue;
        e = take_member(&item, out);
        if (e == OR_OK) e = or_json_scan_skip(&s, &item);
    }
    return e == OR_DONE ? OR_OK : e;
}

static bool is_hash(or_str s)
{
    if (s.len != CHAIN_HASH) return false;
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
            return false;
    return true;
}

/* Go on from this hash. */
static void set_hash(place *p, or_str hash)
{
    memcpy(p->c.hash, hash.ptr, CHAIN_HASH);
    p->c.hash[CHAIN_HASH] = 0;
    p->known = true;
}

/* The hash at the end of a line, whether it is right or not; absent: none is there. */
static or_str hash_of(or_str text)
{
    const size_t end = 2; /* "} */
    if (text.len < CHAIN_HASH + end) return or_str_of(NULL, 0);
    or_str hash = or_str_of(text.ptr + text.len - end - CHAIN_HASH, CHAIN_HASH);
    return is_hash(hash) ? hash : or_str_of(NULL, 0);
}

/* Does its number follow? False: why says why not. */
static bool check_number(const place *at, const segment *s, const entry *x, char why[WHY])
{
    uint64_t want = at->n + 1;
    if (!x->has_n) {
        snprintf(why, WHY, "it has no number n");
        return false;
    }
    /* the first that is left of a ledger may have any */
    if (x->n == want || (!at->known && s->number > 1)) return true;
    if (x->n > want)
        snprintf(why, WHY, "n=%llu should be here: it was removed, or moved",
                 (unsigned long long)want);
    else
        snprintf(why, WHY, "n=%llu should be here: a line was put in, or moved",
                 (unsigned long long)want);
    return false;
}

/* The first line of a segment names the hash of the last one of the segment before. */
static bool check_previous(place *at, const segment *s, const entry *x, char why[WHY])
{
    if (x->previous.ptr == NULL && s->number == 1) return true; /* nothing was before it */
    if (!is_hash(x->previous)) {
        snprintf(why, WHY, "it has no \"previous\": a segment begins with another line");
        return false;
    }
    if (!at->known && s->number > 1) {
        set_hash(at, x->previous);
        return true;
    }
    if (memcmp(x->previous.ptr, at->c.hash, CHAIN_HASH) == 0) return true;
    snprintf(why, WHY, "its \"previous\" is not the hash of the segment before it");
    return false;
}

/* Is it the line that follows? Moves *at on. False: why says why not. */
static bool check_entry(place *at, const segment *s, const entry *x, or_str text, char why[WHY])
{
    bool first = s->lines == 1;
    if (!check_number(at, s, x, why) || (first && !check_previous(at, s, x, why))) return false;
    or_err e = chain_check(&at->c, text);
    if (e == OR_OK) {
        at->n = x->n;
        at->known = true;
        return true;
    }
    snprintf(why, WHY,
             e == OR_ERR_JSON
                 ? "it has no hash at its end"
                 : "its hash does not fit: this line was changed, or the one before it");
    return false;
}

/* ---- breaks of the chain ---- */

static void report(audit *a, const segment *s, unsigned long line, const entry *x, const char *why)
{
    finding f;
    memset(&f, 0, sizeof f);
    memcpy(f.file, s->name, NAME);
    f.line = line;
    f.has_n = x != NULL && x->has_n;
    f.n = f.has_n ? x->n : 0;
    snprintf(f.why, WHY, "%s", why);
    if (a->own.line == 0) a->own = f;
    if (a->breaks++ == 0) a->first = f;
}

/* After a break what is there counts, so that the next one is a break of its own. */
static void go_on(audit *a, const entry *x, or_str text)
{
    or_str hash = hash_of(text);
    if (hash.ptr != NULL) set_hash(&a->at, hash);
    a->at.n = x->has_n ? x->n : a->at.n + 1;
}

static void copy_time(char out[TIME], or_str time)
{
    if (time.len == 0 || time.len >= TIME || memchr(time.ptr, '\\', time.len) != NULL) return;
    memcpy(out, time.ptr, time.len);
    out[time.len] = 0;
}

/* The record says what was broken by the digest of the segment before: the breaks in that one were
   accepted, as long as nothing in it changed since. */
static void accept_breaks(audit *a, const entry *x)
{
    const sealed *b = &a->before;
    if (b->breaks == 0 || !or_str_eq(x->file, or_str_z(b->name)) || x->bytes != b->bytes ||
        !or_str_eq(x->sha256, or_str_z(b->sha256)))
        return;
    a->accepted += b->breaks;
    a->breaks -= b->breaks;
    a->before.breaks = 0;
    if (strcmp(a->first.file, b->name) == 0) a->first = a->own;
    a->accepted_at[0] = 0;
    copy_time(a->accepted_at, x->time);
}

/* ---- a segment ---- */

/* x: the first line there is behind a gap in the numbers of segments; NULL: none is. */
static void report_gap(audit *a, const segment *s, const entry *x)
{
    char why[WHY];
    snprintf(why, WHY, "the segment before it, ledger-%06llu.jsonl, is missing",
             (unsigned long long)a->missing);
    report(a, s, 1, x, why);
    a->missing = 0;
    a->at.known = false;
}

static void take_line(audit *a, segment *s, unsigned long number, or_str text)
{
    char   why[WHY];
    entry  x;
    or_err e = read_entry(text, &x);
    s->lines++;
    if (a->missing != 0) report_gap(a, s, &x);
    place before = a->at;
    if (e == OR_OK) {
        if (s->first[0] == 0) copy_time(s->first, x.time);
        copy_time(s->last, x.time);
        if (s->lines == 1 && a->before.breaks > 0) { /* where a broken one ends is not sure */
            if (is_hash(x.previous)) set_hash(&a->at, x.previous);
            a->at.n = x.n - 1;
        }
        if (check_entry(&a->at, s, &x, text, why)) {
            if (or_str_eq(x.type, OR_STR("accepted"))) accept_breaks(a, &x);
            return;
        }
    } else {
        snprintf(why, WHY, "it cannot be read: %s", or_err_text(e));
    }
    a->at = before;
    report(a, s, number, &x, why);
    go_on(a, &x, text);
}

/* Its last line has no end. */
static void take_tail(audit *a, segment *s, unsigned long number, size_t bytes)
{
    if (!s->newest) {
        report(a, s, number, NULL, "the file ends inside this line");
        return;
    }
    a->has_tail = true;
    a->tail = bytes;
}

static void read_lines(audit *a, segment *s, cli_lines *l)
{
    or_str line;
    or_err e;
    while ((e = cli_lines_next(l, &line)) != OR_DONE) {
        if (e == OR_ERR_IO) {
            cli_say("%s:%lu: %s", l->path, l->number, strerror(errno));
            a->stopped = true;
            return;
        }
        if (e == OR_OK) br_sha256_update(&s->sha, l->raw.ptr, l->raw.len);
        if (e == OR_OK) s->bytes += l->raw.len;
        if (e != OR_OK) {
            s->lines++;
            report(a, s, l->number, NULL, "it is longer than any line that was written");
            a->at.n++;
        } else if (l->raw.ptr[l->raw.len - 1] != '\n') {
            take_tail(a, s, l->number, l->raw.len);
        } else { /* '\r' is no part of a line that orproxy writes: it would not fit the hash */
            take_line(a, s, l->number, or_str_of(l->raw.ptr, l->raw.len - 1));
        }
    }
    if (s->lines == 0 && a->missing != 0) report_gap(a, s, NULL);
    if (s->lines == 0 && s->newest)
        a->has_tail = true;
    else if (s->lines == 0)
        report(a, s, 1, NULL, "the segment is empty");
}

/* What the next one may say of it. */
static void seal(audit *a, const segment *s, uint64_t breaks)
{
    uint8_t hash[32];
    br_sha256_out(&s->sha, hash);
    for (int i = 0; i < 32; i++) snprintf(a->before.sha256 + 2 * i, 3, "%02x", hash[i]);
    memcpy(a->before.name, s->name, NAME);
    a->before.bytes = s->bytes;
    a->before.breaks = breaks;
}

static bool read_segment(audit *a, segment *s)
{
    char      path[4096];
    cli_lines l;
    int       n = snprintf(path, sizeof path, "%s/%s", a->state, s->name);
    if (n < 0 || (size_t)n >= sizeof path) {
        cli_say("the name of the folder is too long");
        return false;
    }
    uint64_t breaks = a->breaks;
    br_sha256_init(&s->sha);
    memset(&a->own, 0, sizeof a->own);
    bool good = cli_lines_open(&l, path);
    if (good) read_lines(a, s, &l);
    if (good) cli_lines_close(&l);
    a->lines += s->lines;
    seal(a, s, a->breaks > breaks ? a->breaks - breaks : 0);
    return good && !a->stopped;
}

/* ---- the folder ---- */

static void name_segment(uint64_t number, char name[NAME])
{
    snprintf(name, NAME, "ledger-%06llu.jsonl", (unsigned long long)number);
}

/* 0: the file is no segment. */
static uint64_t number_of(const char *file)
{
    char     name[NAME];
    uint64_t number;
    size_t   len = strlen(file);
    if (len < 13 || strncmp(file, "ledger-", 7) != 0) return 0;
    if (or_u64_read(or_str_of(file + 7, len - 13), &number) != OR_OK) return 0;
    name_segment(number, name);
    return strcmp(name, file) == 0 ? number : 0;
}

static uint64_t number_at(const or_buf *numbers, size_t i)
{
    uint64_t number;
    memcpy(&number, numbers->ptr + i * sizeof number, sizeof number);
    return number;
}

/* Put it in its place among those that are there, smallest first. */
static void insert(or_buf *numbers, uint64_t number)
{
    size_t i = numbers->len / sizeof number;
    or_buf_put(numbers, (const char *)&number, sizeof number);
    if (numbers->err != OR_OK) return;
    for (; i > 0 && number_at(numbers, i - 1) > number; i--)
        memcpy(numbers->ptr + i * sizeof number, numbers->ptr + (i - 1) * sizeof number,
               sizeof number);
    memcpy(numbers->ptr + i * sizeof number, &number, sizeof number);
}

/* False: it was said why. */
static bool list_segments(const char *state, or_buf *numbers)
{
    DIR           *d = opendir(state);
    struct dirent *file;
    if (d == NULL) {
        cli_say("cannot open the folder %s: %s", state, strerror(errno));
        return false;
    }
    while ((file = readdir(d)) != NULL) {
        uint64_t number = number_of(file->d_name);
        if (number > 0) insert(numbers, number);
    }
    closedir(d);
    if (numbers->err != OR_OK)
        cli_say("too many segments: %s", or_err_text(numbers->err));
    else if (numbers->len == 0)
        cli_say("there is no ledger in %s", state);
    return numbers->err == OR_OK && numbers->len > 0;
}

/* ---- what is said about it ---- */

typedef struct paper {
    bool           json;
    cli_table      table;
    or_buf         out;
    or_json_writer w;
} paper;

static void begin_paper(paper *p, const audit *a, bool json)
{
    static const char *const head[] = {"SEGMENT", "LINES", "FIRST", "LAST"};
    p->json = json;
    or_buf_init_growing(&p->out, &mem_allocator, CLI_MAX_TABLE);
    or_json_writer_init(&p->w, &p->out);
    cli_table_begin(&p->table, 4, 1u << 1);
    for (int i = 0; i < 4; i++) cli_table_add_z(&p->table, head[i]);
    or_json_begin_object(&p->w);
    or_json_put_key(&p->w, OR_STR("data"));
    or_json_begin_object(&p->w);
    or_json_put_key(&p->w, OR_STR("state"));
    or_json_put_str(&p->w, or_str_z(a->state));
    or_json_put_key(&p->w, OR_STR("segments"));
    or_json_begin_array(&p->w);
}

static void put_count(or_json_writer *w, const char *name, uint64_t n)
{
    or_json_put_key(w, or_str_z(name));
    or_json_put_u64(w, n);
}

/* "": null */
static void put_text(or_json_writer *w, const char *name, const char *text)
{
    or_json_put_key(w, or_str_z(name));
    if (text[0] != 0)
        or_json_put_str(w, or_str_z(text));
    else
        or_json_put_null(w);
}

static void add_segment(paper *p, const segment *s)
{
    char lines[24];
    snprintf(lines, sizeof lines, "%llu", (unsigned long long)s->lines);
    cli_table_add_z(&p->table, s->name);
    cli_table_add_z(&p->table, lines);
    cli_table_add_z(&p->table, s->first[0] != 0 ? s->first : "-");
    cli_table_add_z(&p->table, s->last[0] != 0 ? s->last : "-");
    or_json_begin_object(&p->w);
    put_text(&p->w, "file", s->name);
    put_count(&p->w, "lines", s->lines);
    put_text(&p->w, "first", s->first);
    put_text(&p->w, "last", s->last);
    or_json_end_object(&p->w);
}

static void put_finding(or_json_writer *w, const finding *f)
{
    or_json_begin_object(w);
    put_text(w, "file", f->file);
    put_count(w, "line", f->line);
    or_json_put_key(w, OR_STR("n"));
    if (f->has_n)
        or_json_put_u64(w, f->n);
    else
        or_json_put_null(w);
    put_text(w, "why", f->why);
    or_json_end_object(w);
}

static int print_json(paper *p, const audit *a)
{
    char            oldest[NAME] = "";
    or_json_writer *w = &p->w;
    if (a->oldest > 1) name_segment(a->oldest, oldest);
    or_json_end_array(w);
    put_count(w, "lines", a->lines);
    or_json_put_key(w, OR_STR("whole"));
    or_json_put_bool(w, a->breaks == 0);
    put_count(w, "breaks", a->breaks);
    or_json_put_key(w, OR_STR("first_break"));
    if (a->breaks > 0)
        put_finding(w, &a->first);
    else
        or_json_put_null(w);
    put_count(w, "accepted_breaks", a->accepted);
    put_text(w, "accepted_at", a->accepted_at);
    put_text(w, "removed_before", oldest);
    put_text(w, "tail", !a->has_tail ? "" : a->held ? "being written" : "torn");
    put_count(w, "tail_bytes", a->tail);
    or_json_end_object(w);
    or_json_end_object(w);
    if (or_json_writer_end(w) == OR_OK) return cli_print_json(or_buf_str(&p->out));
    cli_say("audit: %s", or_err_text(or_json_writer_end(w)));
    return CLI_FAILED;
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static void print_notes(const audit *a)
{
    char oldest[NAME];
    name_segment(a->oldest, oldest);
    if (a->oldest > 1)
        printf("segments before %s were removed: what its first line goes on from cannot be "
               "checked\n",
               oldest);
    if (a->accepted > 0)
        printf("%llu earlier break%s accepted%s%s (orproxy audit accept)\n",
               (unsigned long long)a->accepted, a->accepted == 1 ? " was" : "s were",
               a->accepted_at[0] != 0 ? " at " : "", a->accepted_at);
    if (a->has_tail && a->held)
        printf("the last line is being written: an orproxy runs\n");
    else if (a->has_tail && a->tail == 0)
        printf("nothing was written yet to the newest segment\n");
    else if (a->has_tail)
        printf("torn tail: the last %zu bytes are no whole line, because orproxy was ended while "
               "it wrote; its next start sets them aside\n",
               a->tail);
}

/* "whole: 3 segments, 1200 lines", or where it is broken. */
static void put_verdict(or_buf *out, const audit *a)
{
    const finding *f = &a->first;
    char           text[WHY + 200], n[32] = "";
    if (f->has_n) snprintf(n, sizeof n, "n=%llu: ", (unsigned long long)f->n);
    if (a->breaks == 0)
        snprintf(text, sizeof text, "whole: %llu segment%s, %llu line%s\n",
                 (unsigned long long)a->segments, plural(a->segments), (unsigned long long)a->lines,
                 plural(a->lines));
    else
        snprintf(text, sizeof text, "BROKEN at %llu place%s, the first:\n%s:%lu: %s%s\n",
                 (unsigned long long)a->breaks, plural(a->breaks), f->file, f->line, n, f->why);
    or_buf_put_z(out, text);
}

static int print_text(paper *p, const audit *a)
{
    char   mem[WHY + 200];
    or_buf verdict;
    if (!cli_table_print(&p->table)) return CLI_FAILED;
    print_notes(a);
    or_buf_init(&verdict, mem, sizeof mem);
    put_verdict(&verdict, a);
    return cli_print(or_buf_str(&verdict)) ? CLI_OK : CLI_FAILED;
}

/* ---- the commands ---- */

/* All segments, oldest first. False: one cannot be read. */
static bool read_segments(audit *a, paper *p, const or_buf *numbers)
{
    a->segments = numbers->len / sizeof(uint64_t);
    a->oldest = number_at(numbers, 0);
    for (size_t i = 0; i < a->segments; i++) {
        segment s;
        memset(&s, 0, sizeof s);
        s.number = number_at(numbers, i);
        s.newest = i + 1 == a->segments;
        name_segment(s.number, s.name);
        if (i > 0 && s.number != number_at(numbers, i - 1) + 1) a->missing = s.number - 1;
        if (!read_segment(a, &s)) return false;
        add_segment(p, &s);
    }
    return true;
}

/* Read all of it; what begin_paper began is the caller's to end. */
static bool examine(audit *a, paper *p, const char *state, bool json)
{
    or_buf numbers;
    memset(a, 0, sizeof *a);
    a->state = state;
    chain_begin(&a->at.c);
    or_buf_init_growing(&numbers, &mem_allocator, CLI_MAX_TABLE);
    begin_paper(p, a, json);
    bool read = list_segments(state, &numbers) && read_segments(a, p, &numbers);
    if (read) a->held = a->has_tail && cli_state_is_held(state);
    or_buf_free(&numbers);
    return read;
}

static void end_paper(paper *p)
{
    cli_table_end(&p->table);
    or_buf_free(&p->out);
}

static int verify(const char *state, bool json)
{
    audit a;
    paper p;
    int   status = CLI_FAILED;
    if (examine(&a, &p, state, json)) {
        status = json ? print_json(&p, &a) : print_text(&p, &a);
        if (a.breaks > 0) status = CLI_FAILED;
    }
    end_paper(&p);
    return status;
}

/* A folder that is missing is made at the start, if the one around it allows that. */
static bool may_be_made(const char *state, or_buf *out)
{
    char   around[600];
    size_t n = strlen(state);
    if (access(state, F_OK) == 0) return true;
    while (n > 1 && state[n - 1] == '/') n--;
    while (n > 0 && state[n - 1] != '/') n--;
    while (n > 1 && state[n - 1] == '/') n--;
    snprintf(around, sizeof around, "%.*s", n > 0 ? (int)n : 1, n > 0 ? state : ".");
    if (access(around, W_OK | X_OK) == 0) return true;
    int why = errno;
    or_buf_put_z(out, "it is not there, and this user cannot make it in ");
    or_buf_put_z(out, around);
    or_buf_put_z(out, ": ");
    or_buf_put_z(out, strerror(why));
    or_buf_put_char(out, '\n');
    return false;
}

bool cli_audit_check(const char *state, or_buf *out)
{
    audit a;
    paper p;
    char  lock[600];
    snprintf(lock, sizeof lock, "%.500s/lock", state);
    if (access(state, F_OK) == 0 && access(state, R_OK | W_OK | X_OK) != 0) {
        or_buf_put_z(out, "this user may not use the folder: see its owner and mode\n");
        return false;
    }
    if (!may_be_made(state, out)) return false;
    if (access(lock, F_OK) != 0) {
        or_buf_put_z(out, "no ledger yet: the first start makes it\n");
        return true;
    }
    bool read = examine(&a, &p, state, false);
    if (read) put_verdict(out, &a);
    end_paper(&p);
    return read && a.breaks == 0;
}

static int print_accepted(or_str body)
{
    cli_doc d;
    or_err  e = cli_doc_begin(&d, body);
    or_str  message = cli_doc_text(&d, 0, "/data/message");
    if (message.len == 0) message = OR_STR("the ledger goes on from what could be read");
    if (e == OR_OK)
        cli_say("%.*s", (int)message.len, message.ptr);
    else
        cli_say("the gateway's answer cannot be read: %s", or_err_text(e));
    cli_doc_end(&d);
    return e == OR_OK ? CLI_OK : CLI_FAILED;
}

static int accept_ledger(const cli_command *c, const cli_gateway *g)
{
    cli_link     link = {g, -1};
    cli_exchange x;
    int          status =
        cli_link_ask(&link, &x, OR_STR("POST"), OR_STR("/api/v1/audit/accept"), OR_STR("{}"));
    if (status == 0)
        status =
            c->json ? cli_print_json(or_buf_str(&x.body)) : print_accepted(or_buf_str(&x.body));
    cli_exchange_end(&x);
    cli_link_end(&link);
    return status;
}

int cli_audit(const cli_command *c, const cli_gateway *g)
{
    if (strcmp(c->action, "accept") == 0) return accept_ledger(c, g);
    const char *state = c->state != NULL ? c->state : conf_now()->state;
    if (state != NULL) return verify(state, c->json);
    cli_say("audit: give --state DIR, or state = FOLDER in the settings");
    return CLI_USAGE;
}
