/* The ledger's files: what a crash, a full disk or a hand leaves of them, and what is made of it.
 */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/chain.h"
#include "proxy/ev.h"
#include "proxy/ledger.h"
#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/member.h"
#include "tests/test.h"

/* ---- an owner whose whole state is a sum ---- */

static uint64_t sum, folded, news;
static bool     understands = true;
static char     dir[64];
static char     error[512];

static uint64_t number_in(or_str line, const char *name)
{
    char     mark[32];
    uint64_t n = 0;
    snprintf(mark, sizeof mark, "\"%s\":", name);
    size_t at = or_str_find(line, or_str_z(mark), 0), end;
    if (at >= line.len) return 0;
    at += strlen(mark);
    for (end = at; end < line.len && line.ptr[end] >= '0' && line.ptr[end] <= '9';) end++;
    (void)or_u64_read(or_str_of(line.ptr + at, end - at), &n);
    return n;
}

static bool on_fold(or_str line)
{
    folded++;
    sum += number_in(line, "add");
    if (or_str_find(line, OR_STR("\"sum\":"), 0) < line.len) sum = number_in(line, "sum");
    return understands;
}

static unsigned fat; /* kilobytes of snapshots beside it */

static void put_fat(or_json_writer *w)
{
    char fill[1024];
    memset(fill, 'x', sizeof fill);
    member_str(w, "fill", or_str_of(fill, sizeof fill));
}

static void on_snapshot(void)
{
    or_json_writer *w;
    for (unsigned i = 0; i < fat; i++) {
        w = ledger_begin("account");
        put_fat(w);
        (void)ledger_end(false);
    }
    w = ledger_begin("account");
    member_u64(w, "sum", sum);
    if (fat > 0) put_fat(w);
    (void)ledger_end(false);
    (void)ledger_begin("snapshot_end");
    (void)ledger_end(false);
}

static void on_news(void)
{
    news++;
}

static const ledger_hooks hooks = {on_fold, on_snapshot, on_news};

static bool open_it(uint32_t sync_ms, uint64_t max_bytes)
{
    ledger_desc d = {dir, &hooks, sync_ms, max_bytes, 0};
    sum = folded = 0;
    error[0] = 0;
    return ledger_open(&d, error, sizeof error);
}

static uint64_t add(uint64_t n, bool urgent)
{
    or_json_writer *w = ledger_begin("request");
    sum += n;
    member_u64(w, "add", n);
    return ledger_end(urgent);
}

/* Turn the loop until a line is on disk. */
static void until_durable(uint64_t n)
{
    while (ledger_durable() < n && ledger_status() == LEDGER_OK) (void)ev_turn();
}

static void path_of(char path[128], const char *name)
{
    snprintf(path, 128, "%.60s/%.60s", dir, name);
}

static void make_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/orproxy-ledger-XXXXXX");
    if (mkdtemp(dir) == NULL) abort();
}

static unsigned num_files(const char *end)
{
    unsigned       n = 0;
    DIR           *d = opendir(dir);
    struct dirent *e;
    while ((e = readdir(d)) != NULL) {
        size_t len = strlen(e->d_name), m = strlen(end);
        n += len > m && strcmp(e->d_name + len - m, end) == 0;
    }
    closedir(d);
    return n;
}

static void remove_dir(void)
{
    char           path[400];
    DIR           *d = opendir(dir);
    struct dirent *e;
    while ((e = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.') unlink(path);
    }
    closedir(d);
    rmdir(dir);
}

static or_str read_file(const char *name)
{
    char        path[128];
    struct stat st;
    path_of(path, name);
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0) abort();
    char *p = malloc((size_t)st.st_size + 1);
    if (p == NULL || read(fd, p, (size_t)st.st_size) != st.st_size) abort();
    close(fd);
    return or_str_of(p, (size_t)st.st_size);
}

static void write_file(const char *name, or_str text)
{
    char path[128];
    path_of(path, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, text.ptr, text.len) != (ssize_t)text.len) abort();
    close(fd);
}

static void forget(or_str text)
{
    free((void *)(uintptr_t)text.ptr);
}

static const char first[] = "ledger-000001.jsonl", second[] = "ledger-000002.jsonl";

/* ---- ---- */

static void test_again_and_again(void)
{
    make_dir();
    CHECK(open_it(0, 64 << 20), error);
    CHECK(ledger_status() == LEDGER_OK && ledger_fault()[0] == 0, "sound");
    uint64_t n = add(5, false);
    CHECK(n > 0 && !ledger_has(n) && ledger_has(0), "not yet");
    until_durable(n);
    CHECK(ledger_has(n) && news > 0, "on disk");
    or_str text = read_file(first);
    CHECK(or_str_find(text, OR_STR("\"add\":5"), 0) < text.len, "in the file");
    forget(text);
    n = add(6, false); /* written by the end */
    ledger_close();
    for (int i = 0; i < 5; i++) {
        CHECK(open_it(0, 64 << 20) && sum == 11 + (uint64_t)i, "what was");
        CHECK(ledger_durable() >= n, "numbers go on");
        n = add(1, true);
        ledger_close();
    }
    CHECK(num_files(".jsonl") == 1, "one segment");
    CHECK(ledger_begin("request") == NULL && ledger_status() == LEDGER_OFF, "closed");
    remove_dir();
    CHECK(mem_used() == 0, "all is given back");
}

static void test_in_company(void)
{
    make_dir();
    CHECK(open_it(3600 * 1000, 64 << 20), error);
    until_durable(1); /* the first snapshot is urgent */
    uint64_t     n = 0;
    ledger_facts f;
    ledger_tell(&f);
    uint64_t before = f.syncs;
    for (int i = 0; i < 100; i++) n = add(1, false);
    ev_finish();
    CHECK(!ledger_has(n), "they wait for company");
    n = add(1, true);
    until_durable(n);
    ledger_tell(&f);
    CHECK(ledger_has(n) && f.syncs <= before + 2,
          "one that is urgent takes all along, in one sync");
    ledger_close();
    remove_dir();
}

static bool late;

static void on_late(ev_timer *t)
{
    (void)t;
    late = true;
}

/* Lines that are not urgent and came while the thread had work, which here fails for a second. */
static void test_late_company(void)
{
    struct rlimit before, limit;
    ev_timer      deadline = {.fire = on_late};
    make_dir();
    signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0 && open_it(100, 64 << 20), error);
    until_durable(1);
    limit = before;
    limit.rlim_cur = 1;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0, "limit");
    (void)add(1, true);
    while (ledger_status() == LEDGER_OK) (void)ev_turn();
    uint64_t n = add(2, false);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0, "limit");
    late = false;
    ev_timer_set(&deadline, 5000);
    while (ledger_durable() < n && !late) (void)ev_turn();
    CHECK(!late, "they are written when their time has come");
    ev_timer_stop(&deadline);
    ledger_close();
    remove_dir();
}

static void test_two(void)
{
    int status;
    make_dir();
    CHECK(open_it(0, 64 << 20), error);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        ledger_desc d = {dir, &hooks, 0, 64 << 20, 0};
        char        text[512], want[128];
        /* this process has the parent's state in memory: only the lock is of interest */
        int  fd = open(dir, O_RDONLY | O_DIRECTORY);
        bool opened = fd >= 0 && ledger_open(&d, text, sizeof text);
        snprintf(want, sizeof want, "pid %ld", (long)getppid());
        _exit(opened || strstr(text, want) == NULL);
    }
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the second one is told who has it");
    ledger_close();
    remove_dir();
}

/* Cut anywhere: what stands in whole lines in front of the cut is there, and nothing else. */
static void test_cuts(void)
{
    make_dir();
    CHECK(open_it(0, 64 << 20), error);
    uint64_t n = 0;
    for (uint64_t i = 1; i <= 4; i++) n = add(i * 10, true);
    until_durable(n);
    ledger_close();
    or_str whole = read_file(first);
    size_t snapshot = or_str_find(whole, OR_STR("snapshot_end"), 0);
    snapshot +=
        or_str_find(or_str_of(whole.ptr + snapshot, whole.len - snapshot), OR_STR("\n"), 0) + 1;
    for (size_t cut = 0; cut <= whole.len; cut++) {
        uint64_t want = 0, lines = 0;
        size_t   good = 0;
        for (size_t i = 0; i < cut; i++) /* an independent reader: whole lines only */
            if (whole.ptr[i] == '\n') {
                want += number_in(or_str_of(whole.ptr + good, i - good), "add");
                good = i + 1;
                lines++;
            }
        write_file(first, or_str_of(whole.ptr, cut));
        CHECK(open_it(0, 64 << 20), error);
        CHECK(ledger_status() == LEDGER_OK, "sound");
        if (cut < snapshot) {
            CHECK(sum == 0 && (cut == 0 || num_files(".torn") == 1), "begun anew, and said so");
        } else {
            CHECK(sum == want && folded == lines, "what is whole");
        }
        n = add(7, true);
        until_durable(n);
        ledger_close();
        CHECK(open_it(0, 64 << 20) && sum == (cut < snapshot ? 0 : want) + 7, "and it goes on");
        ledger_close();
        char path[128];
        path_of(path, "ledger-000001.torn");
        unlink(path);
    }
    /* what a disk may leave behind a cut */
    static const char *const junk[] = {
        "\0\0\0\0\0\0\0\0", "{\"n\":9,\"ti", "\n", "\n\n", "garbage\n", "}\n"};
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        char  *text = malloc(whole.len + 16);
        size_t m = i == 0 ? 8 : strlen(junk[i]);
        memcpy(text, whole.ptr, whole.len);
        memcpy(text + whole.len, junk[i], m);
        write_file(first, or_str_of(text, whole.len + m));
        CHECK(open_it(0, 64 << 20) && ledger_status() == LEDGER_OK && sum == 100,
              "junk at the end");
        ledger_close();
        or_str after = read_file(first);
        CHECK(after.len > whole.len && memcmp(after.ptr, whole.ptr, whole.len) == 0 &&
                  or_str_find(after, OR_STR("\"type\":\"torn\""), 0) < after.len,
              "cut off, with a record");
        forget(after);
        free(text);
    }
    forget(whole);
    remove_dir();
}

/* Changed: nothing is written, what was spent counts, until the owner accepts it. */
static void check_broken(or_str text, const char *name)
{
    uint64_t n;
    write_file(first, text);
    CHECK(open_it(0, 64 << 20), error);
    CHECK(ledger_status() == LEDGER_BROKEN && strstr(ledger_fault(), "audit accept") != NULL, name);
    n = add(1000, true);
    for (int i = 0; i < 3; i++) ev_finish();
    or_str after = read_file(first);
    CHECK(or_str_eq(after, text), "nothing is written");
    forget(after);
    (void)n;
    ledger_close();
    CHECK(open_it(0, 64 << 20) && ledger_status() == LEDGER_BROKEN, "and so after another start");
    uint64_t before = sum;
    ledger_accept();
    CHECK(ledger_status() == LEDGER_OK, "accepted");
    n = add(5, true);
    until_durable(n);
    ledger_close();
    CHECK(num_files(".jsonl") == 2, "a segment of its own");
    CHECK(open_it(0, 64 << 20) && ledger_status() == LEDGER_OK && sum == before + 5, "it goes on");
    ledger_close();
    after = read_file(first);
    CHECK(or_str_eq(after, text), "the evidence stays");
    forget(after);
    char path[128];
    path_of(path, second);
    unlink(path);
}

static void test_changes(void)
{
    make_dir();
    CHECK(open_it(0, 64 << 20), error);
    uint64_t n = 0;
    for (uint64_t i = 1; i <= 3; i++) n = add(i * 10, true);
    until_durable(n);
    ledger_close();
    or_str whole = read_file(first);
    size_t at[16], num = 0;
    at[num++] = 0;
    for (size_t i = 0; i < whole.len; i++)
        if (whole.ptr[i] == '\n') at[num++] = i + 1;
    char *text = malloc(whole.len);
    for (size_t i = 0; i + 1 < num; i++) { /* a digit in each line; the last one, too */
        memcpy(text, whole.ptr, whole.len);
        text[at[i] + 5] ^= 1;
        check_broken(or_str_of(text, whole.len), "a byte");
    }
    for (size_t i = 1; i + 2 < num; i++) { /* each line but the last left out: that one is a cut */
        memcpy(text, whole.ptr, at[i]);
        memcpy(text + at[i], whole.ptr + at[i + 1], whole.len - at[i + 1]);
        check_broken(or_str_of(text, whole.len - (at[i + 1] - at[i])), "a line");
    }
    /* two lines in another order */
    size_t a = at[num - 3], b = at[num - 2], c = at[num - 1];
    memcpy(text, whole.ptr, a);
    memcpy(text + a, whole.ptr + b, c - b);
    memcpy(text + a + (c - b), whole.ptr + a, b - a);
    check_broken(or_str_of(text, whole.len), "the order");
    /* good, but not understood: a line of a later version, say */
    write_file(first, whole);
    understands = false;
    CHECK(open_it(0, 64 << 20) && ledger_status() == LEDGER_BROKEN, "not understood");
    ledger_close();
    write_file(first, or_str_of(whole.ptr, whole.len - 5)); /* the same, and torn behind it */
    CHECK(open_it(0, 64 << 20) && ledger_status() == LEDGER_BROKEN, "not understood, torn");
    CHECK(strstr(ledger_fault(), "at line 1 of") != NULL, ledger_fault());
    understands = true;
    ledger_close();
    free(text);
    forget(whole);
    remove_dir();
}

static void add_many(uint64_t lines)
{
    uint64_t n = 0;
    char     fill[1024];
    memset(fill, 'x', sizeof fill);
    for (uint64_t i = 0; i < lines; i++) {
        or_json_writer *w = ledger_begin("request");
        sum++;
        member_u64(w, "add", 1);
        member_str(w, "fill", or_str_of(fill, sizeof fill));
        n = ledger_end(i % 100 == 99);
        if (i % 100 == 99) until_durable(n);
    }
    until_durable(n);
}

static void test_segments(void)
{
    char path[128];
    make_dir();
    CHECK(open_it(0, 64 << 20), error);
    add_many(3000); /* about 3.3 MB */
    ledger_facts f;
    ledger_tell(&f);
    CHECK(f.segment >= 3 && num_files(".jsonl") == f.segment && num_files(".new") == 0, "segments");
    ledger_close();
    /* the chain through all of them, by the rule in chain.h */
    chain c;
    chain_begin(&c);
    for (uint32_t i = 1; i <= f.segment; i++) {
        char name[32];
        snprintf(name, sizeof name, "ledger-%06u.jsonl", (unsigned)i);
        or_str   text = read_file(name), rest = text;
        bool     begins = or_str_find(text, or_str_z(c.hash), 0) < 300;
        unsigned bad = 0;
        CHECK(begins, "says what it follows");
        while (rest.len > 0) {
            size_t n = or_str_find(rest, OR_STR("\n"), 0);
            bad += chain_check(&c, or_str_of(rest.ptr, n)) != OR_OK;
            rest = or_str_of(rest.ptr + n + 1, rest.len - n - 1);
        }
        CHECK(bad == 0, "chained");
        forget(text);
    }
    CHECK(open_it(0, 64 << 20) && sum == 3000 && folded < 1500, "the newest is enough");
    ledger_close();
    /* its snapshot is torn: the one before has all that was in front of it */
    char newest[32];
    snprintf(newest, sizeof newest, "ledger-%06u.jsonl", (unsigned)f.segment);
    or_str text = read_file(newest);
    write_file(newest, or_str_of(text.ptr, 150));
    forget(text);
    CHECK(open_it(0, 64 << 20) && ledger_status() == LEDGER_OK && num_files(".torn") == 1,
          "put aside");
    CHECK(sum > 1500 && sum < 3000, "the one before it");
    add_many(2000);
    ledger_close();
    CHECK(open_it(0, 64 << 20) && sum > 3500, "numbers of segments go on");
    ledger_close();
    /* a segment that was not finished is nothing */
    path_of(path, "ledger-000099.new");
    write_file("ledger-000099.new", OR_STR("{\"n\":1"));
    CHECK(open_it(0, 64 << 20) && access(path, F_OK) != 0, "removed");
    ledger_close();
    remove_dir();
}

/* A snapshot that finds no memory: the segment goes on, and the next one is whole. */
static void test_no_memory(void)
{
    ledger_facts f;
    make_dir();
    CHECK(open_it(0, 64 << 20), error);
    add_many(800);
    fat = 3000;
    mem_set_limit(mem_used() + (2 << 20));
    add_many(300);
    ledger_tell(&f);
    CHECK(f.segment == 1 && ledger_status() == LEDGER_OK,
          "no segment without all that belongs into it");
    uint64_t n = f.number;
    mem_set_limit(256 << 20);
    add_many(100);
    ledger_tell(&f);
    CHECK(f.segment == 2 && f.number == n + 100 + fat + 3, "and then there is one");
    CHECK(!ledger_is_full(), "its size is no jam");
    ledger_close();
    CHECK(open_it(0, 64 << 20) && ledger_status() == LEDGER_OK && sum == 1200, "nothing is lost");
    ledger_close();
    fat = 0;
    remove_dir();
    CHECK(mem_used() == 0, "all is given back");
}

static void test_retention(void)
{
    make_dir();
    CHECK(open_it(0, 4 << 20), error);
    add_many(12000); /* 13 MB */
    ledger_facts f;
    ledger_tell(&f);
    unsigned files = num_files(".jsonl");
    CHECK(f.segment > 8 && files >= 2 && files <= 5, "the oldest go, the newest two stay");
    ledger_close();
    CHECK(open_it(0, 4 << 20) && sum == 12000, "nothing is lost");
    ledger_close();
    remove_dir();
}

/* Segments go by their age, too: but for the newest two. */
static void test_age(void)
{
    const struct timespec long_ago[2] = {{1000000000, 0}, {1000000000, 0}};
    const ledger_desc     aged = {dir, &hooks, 0, 64 << 20, 30};
    char                  path[128], name[40];
    make_dir();
    CHECK(open_it(0, 64 << 20), error);
    add_many(4500); /* 5 MB */
    ledger_facts f;
    ledger_tell(&f);
    CHECK(f.segment >= 4 && num_files(".jsonl") == f.segment, "all are there");
    for (uint32_t i = 1; i <= f.segment; i++) {
        snprintf(name, sizeof name, "ledger-%06u.jsonl", (unsigned)i);
        path_of(path, name);
        if (i != 2) CHECK(utimensat(AT_FDCWD, path, long_ago, 0) == 0, name);
    }
    ledger_change(&aged);
    uint32_t before = f.segment;
    while (f.segment == before) {
        add_many(100);
        ledger_tell(&f);
    }
    for (uint32_t i = 1; i <= f.segment; i++) { /* of the newest two it was the older */
        snprintf(name, sizeof name, "ledger-%06u.jsonl", (unsigned)i);
        path_of(path, name);
        CHECK((access(path, F_OK) == 0) == (i == 2 || i >= before), name);
    }
    ledger_close();
    remove_dir();
}

/* Where snapshots are large, segments are, too: to write one takes time, which everybody waits. */
static void test_large_snapshots(void)
{
    ledger_facts f;
    make_dir();
    CHECK(open_it(0, 64 << 20), error);
    fat = 1000;
    while (ledger_tell(&f), f.segment == 1) add_many(100);
    uint64_t snapshot = f.bytes;
    CHECK(snapshot > 1024 * 1024 && snapshot < 2 * 1024 * 1024, "a large one");
    while (f.bytes < (LEDGER_SNAPSHOTS + 1) * snapshot - 200 * 1024) {
        add_many(100);
        ledger_tell(&f);
        CHECK(f.segment == 2, "not yet");
    }
    add_many(400);
    ledger_tell(&f);
    CHECK(f.segment == 3, "now");
    fat = 0;
    ledger_close();
    remove_dir();
}

/* A disk that takes no more, in the middle of a line: RLIMIT_FSIZE cuts writes short as a full disk
   does. Afterwards everything is there. */
static void test_full_disk(void)
{
    struct rlimit before, limit;
    make_dir();
    signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0, "limit");
    CHECK(open_it(0, 64 << 20), error);
    uint64_t n = add(1, true);
    until_durable(n);
    or_str text = read_file(first);
    limit = before;
    limit.rlim_cur = text.len + 100; /* half a line */
    forget(text);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0, "limit");
    n = add(2, true);
    while (ledger_status() == LEDGER_OK) (void)ev_turn();
    CHECK(ledger_status() == LEDGER_FAILING && strstr(ledger_fault(), "cannot be written") != NULL,
          ledger_fault());
    CHECK(!(ledger_durable() >= n) && ledger_has(n), "not on disk, and nobody has to wait for it");
    uint64_t m = add(3, true); /* waits in memory */
    CHECK(m == n + 1 && !ledger_is_full(), "kept");
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0, "limit");
    while (ledger_status() != LEDGER_OK || ledger_durable() < m) (void)ev_turn();
    ledger_close();
    CHECK(open_it(0, 64 << 20) && ledger_status() == LEDGER_OK && sum == 6,
          "nothing is lost, nothing torn");
    ledger_close();
    /* full until the end: what was durable is whole */
    CHECK(open_it(0, 64 << 20), error);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0, "limit");
    (void)add(4, true);
    while (ledger_status() == LEDGER_OK) (void)ev_turn();
    for (int i = 0; i < 5000 && !ledger_is_full(); i++) {
        char            fill[1024];
        or_json_writer *w = ledger_begin("request");
        memset(fill, 'x', sizeof fill);
        member_str(w, "fill", or_str_of(fill, sizeof fill));
        (void)ledger_end(false);
    }
    CHECK(ledger_is_full(), "what waits has an end");
    ledger_close();
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0, "limit");
    CHECK(open_it(0, 64 << 20) && ledger_status() == LEDGER_OK && sum == 6, "what was durable");
    ledger_close();
    remove_dir();
    CHECK(mem_used() == 0, "all is given back");
}

static void test_bad_places(void)
{
    make_dir();
    write_file(first, OR_STR("this is not a ledger\n"));
    CHECK(open_it(0, 64 << 20) && num_files(".torn") == 1 && sum == 0,
          "not one of ours: put aside");
    ledger_close();
    char path[128];
    path_of(path, first);
    unlink(path);
    write_file(second, OR_STR("{\"n\":5}\n"));
    CHECK(!open_it(0, 64 << 20) && strstr(error, "no whole snapshot") != NULL, error);
    CHECK(ledger_status() == LEDGER_OFF, "closed");
    path_of(path, second);
    unlink(path);
    /* a link in a folder that others may write to is not followed: what it points to would be
     * emptied */
    char lock[128], other[128];
    path_of(lock, "lock");
    path_of(other, "other");
    write_file("other", OR_STR("not ours"));
    unlink(lock);
    CHECK(symlink(other, lock) == 0 && !open_it(0, 64 << 20), "a link for a lock");
    or_str text = read_file("other");
    CHECK_STR(text, OR_STR("not ours"), "as it was");
    forget(text);
    remove_dir();
    snprintf(dir, sizeof dir, "/nonexistent/orproxy");
    CHECK(!open_it(0, 64 << 20) && strstr(error, "/nonexistent/orproxy/lock") != NULL, error);
}

int main(void)
{
    mem_set_limit(256 << 20);
    log_mute();
    if (!ev_open(64)) abort();
    test_again_and_again();
    test_in_company();
    test_late_company();
    test_two();
    test_cuts();
    test_changes();
    test_segments();
    test_no_memory();
    test_retention();
    test_age();
    test_large_snapshots();
    test_full_disk();
    test_bad_places();
    ev_finish();
    ev_close();
    TEST_MAIN_END("test_ledger");
}
