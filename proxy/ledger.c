#include "proxy/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proxy/chain.h"
#include "proxy/clock.h"
#include "proxy/ev.h"
#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/member.h"

enum {
    RETRY_MS = 1000,
    RETRY_BYTES = 64 * 1024, /* until a segment that found no memory is tried again */
    MAX_PATH = 1024
};

/* What the thread is given: bytes to add to the segment and, from `cut` on, to a new one. */
typedef struct job {
    or_buf      bytes;
    size_t      cut;       /* SIZE_MAX: no new segment */
    uint64_t    last;      /* number of the last line in it */
    bool        begun;     /* the part before the cut is on disk already */
    uint64_t    max_bytes; /* of all segments */
    uint32_t    days;
    int         error; /* errno; 0: done */
    const char *what;  /* that failed; static */
} job;

static const ledger_hooks *hooks;
static ledger_desc         desc;
static char                dir[MAX_PATH];
static ledger_state        state;
static char                fault[400];
static ledger_break        what_broke;
static int                 lock_fd = -1;

/* the loop's */
static chain          last, on_disk; /* on_disk: as it was read */
static uint64_t       number, durable;
static uint32_t       segment;
static uint64_t       segment_bytes, rotate_at, snapshot_bytes, syncs;
static or_buf         waiting; /* lines for the next job */
static size_t         cut;     /* in `waiting`: a segment begins there; SIZE_MAX */
static size_t         line_at; /* where the line in work began */
static or_json_writer writer;
static bool           in_snapshot, snapshot_lost, busy, urgent_waits, torn;
static char           torn_text[200];
static ev_task        flush_task;
static ev_timer       flush_timer;

/* the thread's, while `busy` */
static job      work;
static int      fd = -1;
static uint64_t good; /* bytes of the segment that are on disk */
static bool     tidy; /* it ends there, and so does the position of fd */
static uint32_t fd_segment;

static pthread_t       thread;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  wanted = PTHREAD_COND_INITIALIZER;
static bool            has_work, stop, has_thread;
static int             wake[2] = {-1, -1};
static ev_io           wake_io;

static void flush(void);

/* ---- files ---- */

static void path_of(char path[MAX_PATH + 32], uint32_t n, const char *end)
{
    snprintf(path, MAX_PATH + 32, "%s/ledger-%06u%s", dir, (unsigned)n, end);
}

/* The number in "ledger-000012.jsonl"; 0: it is another file. */
static uint32_t number_of(const char *name)
{
    unsigned n;
    char     end[8] = "";
    if (sscanf(name, "ledger-%6u.%7s", &n, end) != 2 || strcmp(end, "jsonl") != 0) return 0;
    return strlen(name) == strlen("ledger-000000.jsonl") ? n : 0;
}

/* The largest number below `below`, and the smallest of all; 0: there is none. */
static uint32_t newest_below(uint32_t below, uint32_t *oldest)
{
    uint32_t       best = 0, least = 0;
    DIR           *d = opendir(dir);
    struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        uint32_t n = number_of(e->d_name);
        if (n == 0 || n >= below) continue;
        if (n > best) best = n;
        if (least == 0 || n < least) least = n;
    }
    if (d != NULL) closedir(d);
    if (oldest != NULL) *oldest = least;
    return best;
}

static int sync_dir(void)
{
    int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d < 0) return -1;
    int bad = fsync(d);
    close(d);
    return bad;
}

/* ---- the thread ---- */

static int failed(const char *what)
{
    work.error = errno != 0 ? errno : EIO;
    work.what = what;
    return -1;
}

static int write_all(int to, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(to, p, n);
        if (w < 0 && errno == EINTR) continue;
        if (w <= 0) return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

/* Add to the segment. What an earlier attempt may have left behind the good part goes first. */
static int add(const char *p, size_t n)
{
    char path[MAX_PATH + 32];
    if (n == 0) return 0;
    path_of(path, fd_segment, ".jsonl");
    if (fd < 0) {
        if ((fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC)) < 0) return failed("open");
        tidy = false;
    }
    if (!tidy && (ftruncate(fd, (off_t)good) != 0 || lseek(fd, (off_t)good, SEEK_SET) < 0))
        return failed("truncate");
    tidy = false;
    if (write_all(fd, p, n) != 0) return failed("write");
    if (fdatasync(fd) != 0) return failed("sync");
    good += n;
    tidy = true;
    return 0;
}

/* A new segment is there as a whole or not at all: it gets its name when it is on disk. */
static int begin_segment(const char *p, size_t n)
{
    char path[MAX_PATH + 32], made[MAX_PATH + 32];
    path_of(path, fd_segment + 1, ".jsonl");
    path_of(made, fd_segment + 1, ".new");
    int next = open(made, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (next < 0) return failed("create");
    if (write_all(next, p, n) != 0 || fsync(next) != 0) {
        int saved = errno;
        close(next);
        errno = saved;
        return failed("write");
    }
    if (rename(made, path) != 0 || sync_dir() != 0) {
        int saved = errno;
        close(next);
        errno = saved;
        return failed("rename");
    }
    if (fd >= 0) close(fd);
    fd = next;
    good = n;
    tidy = true;
    fd_segment++;
    return 0;
}

/* Old segments go: all state is in the newest; the one before it stays, for a torn start. */
static void prune(void)
{
    char           path[MAX_PATH + 32];
    struct stat    st;
    uint32_t       oldest;
    uint64_t       total = 0;
    time_t         now = time(NULL);
    DIR           *d = opendir(dir);
    struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        uint32_t n = number_of(e->d_name);
        path_of(path, n, ".jsonl");
        if (n == 0 || stat(path, &st) != 0) continue;
        bool old = work.days > 0 && now > st.st_mtime &&
                   (uint64_t)(now - st.st_mtime) > (uint64_t)work.days * 86400;
        if (!old || n + 1 >= fd_segment || unlink(path) != 0) total += (uint64_t)st.st_size;
    }
    if (d != NULL) closedir(d);
    while (total > work.max_bytes) {
        (void)newest_below(UINT32_MAX, &oldest);
        path_of(path, oldest, ".jsonl");
        if (oldest + 1 >= fd_segment || stat(path, &st) != 0 || unlink(path) != 0) break;
        total -= (uint64_t)st.st_size;
    }
}

static void do_work(void)
{
    size_t split = work.cut < work.bytes.len ? work.cut : work.bytes.len;
    work.error = 0;
    errno = 0;
    if (!work.begun && add(work.bytes.ptr, split) != 0) return;
    work.begun = true;
    if (work.cut == SIZE_MAX) return;
    if (begin_segment(work.bytes.ptr + split, work.bytes.len - split) == 0) prune();
}

static void *run(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    for (;;) {
        while (!has_work && !stop) pthread_cond_wait(&wanted, &mutex);
        if (!has_work) break;
        pthread_mutex_unlock(&mutex);
        do_work();
        pthread_mutex_lock(&mutex);
        has_work = false;
        pthread_mutex_unlock(&mutex); /* first: who is woken wants it */
        ssize_t n = write(wake[1], "", 1);
        (void)n;
        pthread_mutex_lock(&mutex);
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* ---- the loop's side of it ---- */

static void set_state(ledger_state s, const char *text)
{
    if (s == LEDGER_FAILING && state != LEDGER_FAILING)
        log_line("%s in %s: limited keys are refused until it can be", text, dir);
    if (s == LEDGER_OK && state == LEDGER_FAILING) log_line("ledger: it can be written again");
    state = s;
    snprintf(fault, sizeof fault, "%s", text);
}

static void take_result(void)
{
    char text[300];
    syncs++;
    if (work.error == 0) {
        durable = work.last;
        or_buf_clear(&work.bytes);
        if (work.bytes.cap > 64 * 1024) or_buf_free(&work.bytes);
        if (state == LEDGER_FAILING) set_state(LEDGER_OK, "");
    } else {
        snprintf(text, sizeof text, "the ledger cannot be written (%s: %s)", work.what,
                 strerror(work.error));
        set_state(LEDGER_FAILING, text);
    }
}

static void give_work(void)
{
    busy = true;
    pthread_mutex_lock(&mutex);
    has_work = true;
    pthread_mutex_unlock(&mutex);
    pthread_cond_signal(&wanted);
}

static void on_wake(ev_io *io, unsigned events)
{
    char bytes[16];
    (void)events;
    while (read(io->fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
    }
    pthread_mutex_lock(&mutex);
    bool done = busy && !has_work;
    pthread_mutex_unlock(&mutex);
    if (!done) return;
    busy = false;
    take_result();
    if (work.error != 0)
        ev_timer_set(&flush_timer, RETRY_MS);
    else if (urgent_waits)
        flush();
    else if (waiting.len > 0 && flush_timer.index == 0) /* its time came while that was written */
        ev_timer_set(&flush_timer, desc.sync_ms);
    hooks->news();
}

/* What waits becomes the next job. False: there is nothing. */
static bool take_waiting(void)
{
    or_buf empty = work.bytes;
    if (waiting.len == 0) return false;
    work.bytes = waiting;
    waiting = empty;
    work.cut = cut;
    work.last = number;
    work.begun = false;
    work.max_bytes = desc.max_bytes;
    work.days = desc.days;
    cut = SIZE_MAX;
    urgent_waits = false;
    return true;
}

/* Hand what waits to the thread; or, when it was refused, the same again. */
static void flush(void)
{
    if (busy || state == LEDGER_OFF || state == LEDGER_BROKEN) return;
    if (work.bytes.len == 0) {
        if (!take_waiting()) return;
        ev_timer_stop(&flush_timer);
    }
    give_work();
}

static void on_flush(void *user)
{
    (void)user;
    if (work.bytes.len > 0 && !busy) return; /* it was refused: the timer tries again */
    flush();
}

static void on_timer(ev_timer *t)
{
    (void)t;
    flush();
}

/* ---- lines ---- */

static void put_head(const char *type)
{
    or_wall now = clock_wall();
    or_json_writer_init(&writer, &waiting);
    or_json_begin_object(&writer);
    member_u64(&writer, "n", number + 1);
    clock_put(&writer, "time", now.known ? now.unix_s : 0);
    member_z(&writer, "type", type);
}

or_json_writer *ledger_begin(const char *type)
{
    if (state == LEDGER_OFF) return NULL;
    line_at = waiting.len;
    put_head(type);
    return &writer;
}

static uint64_t seal(void)
{
    or_json_end_object(&writer);
    or_err e = or_json_writer_end(&writer);
    if (e == OR_OK) {
        waiting.len--; /* the brace comes behind the hash */
        e = chain_seal(&last, &waiting, line_at);
    }
    if (e == OR_OK && state == LEDGER_BROKEN) { /* what would be accepted is the sum */
        waiting.len = line_at;
        last = on_disk;
        return 0;
    }
    if (e != OR_OK) { /* as if it had not been begun */
        if (waiting.len > line_at) waiting.len = line_at;
        waiting.err = OR_OK;
        if (in_snapshot)
            snapshot_lost = true;
        else
            log_line("ledger: a line is lost: %s", or_err_text(e));
        return 0;
    }
    segment_bytes += waiting.len - line_at;
    return ++number;
}

/* The bytes from here on are a new segment: its first line says what it follows. Its snapshot is
   whole or not at all, since a start reads nothing else: an account that found no memory in it
   would have spent nothing. False: all is as it was. */
static bool rotate(void)
{
    char     previous[CHAIN_HASH + 1];
    chain    last_before = last;
    uint64_t number_before = number, bytes_before = segment_bytes;
    memcpy(previous, last.hash, sizeof previous);
    cut = waiting.len;
    segment++;
    segment_bytes = 0;
    in_snapshot = true;
    snapshot_lost = false;
    line_at = waiting.len;
    put_head("snapshot");
    member_z(&writer, "previous", previous);
    member_u64(&writer, "segment", segment);
    member_u64(&writer, "version", 1);
    (void)seal();
    hooks->snapshot();
    in_snapshot = false;
    if (snapshot_lost) {
        waiting.len = cut;
        cut = SIZE_MAX;
        segment--;
        last = last_before;
        number = number_before;
        segment_bytes = bytes_before;
        rotate_at = segment_bytes + RETRY_BYTES;
        return false;
    }
    snapshot_bytes = segment_bytes;
    uint64_t lines = LEDGER_SNAPSHOTS * snapshot_bytes;
    rotate_at = segment_bytes + (lines > LEDGER_SEGMENT ? lines : LEDGER_SEGMENT);
    return true;
}

uint64_t ledger_end(bool urgent)
{
    uint64_t n = seal();
    if (in_snapshot) return n;
    if (segment_bytes > rotate_at && cut == SIZE_MAX && state == LEDGER_OK &&
        !(busy && work.cut != SIZE_MAX))
        (void)rotate();
    if (urgent || desc.sync_ms == 0) {
        urgent_waits = true;
        ev_defer(&flush_task);
    } else if (flush_timer.index == 0) {
        ev_timer_set(&flush_timer, desc.sync_ms);
    }
    return n;
}

uint64_t ledger_durable(void)
{
    return durable;
}

bool ledger_has(uint64_t n)
{
    return n <= durable || state != LEDGER_OK;
}

const ledger_break *ledger_broken(void)
{
    return &what_broke;
}

ledger_state ledger_status(void)
{
    return state;
}

const char *ledger_fault(void)
{
    return state == LEDGER_OK && ledger_is_full() ? "the disk does not keep up with the ledger"
                                                  : fault;
}

bool ledger_is_full(void)
{
    return waiting.len + work.bytes.len > LEDGER_MAX_WAITING + snapshot_bytes; /* one is no jam */
}

void ledger_tell(ledger_facts *f)
{
    f->segment = segment;
    f->number = number;
    f->bytes = segment_bytes;
    f->waiting = waiting.len + work.bytes.len;
    f->syncs = syncs;
}

/* ---- opening ---- */

static bool take_lock(char *error, size_t size)
{
    char    path[MAX_PATH + 32], pid[24] = "";
    ssize_t n;
    snprintf(path, sizeof path, "%s/lock", dir);
    lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600); /* it is emptied below */
    if (lock_fd < 0 && errno == EROFS) { /* what can be read is served; the folder does as a lock */
        lock_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (lock_fd < 0) lock_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (lock_fd < 0) {
        snprintf(error, size, "cannot open %s: %s", path, strerror(errno));
        return false;
    }
    int held = -1;
    for (int i = 0; i < 5 && (held = flock(lock_fd, LOCK_EX | LOCK_NB)) != 0; i++) {
        const struct timespec moment = {0, 50 * 1000 * 1000}; /* somebody may just have looked */
        nanosleep(&moment, NULL);
    }
    if (held != 0) {
        n = read(lock_fd, pid, sizeof pid - 1);
        pid[n > 0 ? (size_t)n : 0] = 0;
        pid[strcspn(pid, "\n")] = 0;
        snprintf(error, size,
                 "%s is held by another orproxy (pid %s): each needs a state of its own", path,
                 pid[0] != 0 ? pid : "unknown");
        close(lock_fd);
        lock_fd = -1;
        return false;
    }
    n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(lock_fd, 0) != 0 || pwrite(lock_fd, pid, (size_t)n, 0) != n)
        log_line("ledger: %s: %s", path,
                 strerror(errno)); /* a full disk: the lock holds all the same */
    return true;
}

/* A segment while it is read. */
typedef struct reading {
    or_str   text;
    size_t   at, good; /* behind the last good line */
    unsigned line;     /* number of the line in the file */
    unsigned bad_line; /* the first bad one; 0 */
    bool     complete; /* its snapshot is */
    bool     later;    /* whole lines follow behind a bad one */
    bool     unclear;  /* a good one was not understood: bad_line */
} reading;

static bool next_line(reading *r, or_str *line)
{
    if (r->at >= r->text.len) return false;
    const char *p = r->text.ptr + r->at;
    const char *end = memchr(p, '\n', r->text.len - r->at);
    *line = or_str_of(p, end != NULL ? (size_t)(end - p) : r->text.len - r->at);
    r->at += line->len + (end != NULL);
    r->line++;
    return true;
}

static bool ends_snapshot(or_str line)
{
    or_str mark = OR_STR("\"type\":\"snapshot_end\"");
    return or_str_find(line, mark, 0) < line.len;
}

/* The hash that a line says it has; NULL: it has none. */
static bool own_hash(or_str line, chain *c)
{
    if (line.len < CHAIN_HASH + 12 || memcmp(line.ptr + line.len - 2, "\"}", 2) != 0) return false;
    const char *hash = line.ptr + line.len - 2 - CHAIN_HASH;
    if (memcmp(hash - 9, ",\"hash\":\"", 9) != 0) return false;
    memcpy(c->hash, hash, CHAIN_HASH);
    return true;
}

/* "previous" of a segment's first line is what it was chained to. */
static bool begins_segment(or_str line, chain *c)
{
    or_str mark = OR_STR("\"type\":\"snapshot\",\"previous\":\"");
    size_t at = or_str_find(line, mark, 0);
    if (at >= line.len || line.len - at < mark.len + CHAIN_HASH) return false;
    memcpy(c->hash, line.ptr + at + mark.len, CHAIN_HASH);
    return true;
}

/* Look through a segment: which lines are good, is its snapshot whole? Folds nothing. */
static void look_through(reading *r, chain *c)
{
    or_str line;
    while (next_line(r, &line)) {
        bool  whole = r->text.ptr[r->at - 1] == '\n';
        bool  first = r->line == 1;
        chain stated;
        chain_begin(&stated);
        bool good_line =
            whole && (!first || begins_segment(line, c)) && chain_check(c, line) == OR_OK;
        if (good_line && r->bad_line == 0) {
            r->good = r->at;
            r->complete = r->complete || ends_snapshot(line);
        } else if (r->bad_line == 0) {
            r->bad_line = r->line;
            if (whole && own_hash(line, &stated)) r->later = true; /* changed, not torn */
        } else if (whole && own_hash(line, &stated)) {
            r->later = true;
        }
    }
}

static uint64_t n_of(or_str line)
{
    uint64_t n = 0;
    size_t   end = 5;
    if (line.len < 6 || memcmp(line.ptr, "{\"n\":", 5) != 0) return 0;
    while (end < line.len && line.ptr[end] >= '0' && line.ptr[end] <= '9') end++;
    (void)or_u64_read(or_str_of(line.ptr + 5, end - 5), &n);
    return n;
}

/* Fold what is good; of a broken segment everything that can be understood, since what was
   spent behind the break was spent. */
static void fold_all(reading *r, bool broken)
{
    or_str line;
    chain  stated, c;
    size_t end = broken ? r->text.len : r->good;
    r->at = 0;
    r->line = 0;
    chain_begin(&last);
    what_broke.num = 0;
    while (r->at < end && next_line(r, &line)) {
        c = last;
        if (r->line == 1) (void)begins_segment(line, &c);
        what_broke.num += chain_check(&c, line) != OR_OK;
        if (!own_hash(line, &stated)) continue;
        memcpy(last.hash, stated.hash, CHAIN_HASH);
        number = n_of(line);
        if (hooks->fold(line) || r->unclear) continue;
        r->unclear = true; /* comes before a torn tail */
        if (r->bad_line == 0 || r->line < r->bad_line) r->bad_line = r->line;
    }
}

static bool map_file(const char *path, reading *r, char *error, size_t size)
{
    struct stat st;
    int         f = open(path, O_RDONLY | O_CLOEXEC);
    memset(r, 0, sizeof *r);
    if (f < 0 || fstat(f, &st) != 0) {
        snprintf(error, size, "cannot read %s: %s", path, strerror(errno));
        if (f >= 0) close(f);
        return false;
    }
    r->text = or_str_of("", 0);
    if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, f, 0);
        if (p == MAP_FAILED) {
            snprintf(error, size, "cannot read %s: %s", path, strerror(errno));
            close(f);
            return false;
        }
        r->text = or_str_of(p, (size_t)st.st_size);
    }
    close(f);
    return true;
}

static void unmap(reading *r)
{
    if (r->text.len > 0) munmap((void *)(uintptr_t)r->text.ptr, r->text.len);
    r->text = or_str_of("", 0);
}

/* Go on with this segment. */
static void adopt(uint32_t n, reading *r)
{
    char path[MAX_PATH + 32];
    bool broken = r->bad_line != 0 && r->later;
    path_of(path, n, ".jsonl");
    segment = fd_segment = n;
    fold_all(r, broken);
    broken = broken || r->unclear;
    if (broken) {
        set_state(LEDGER_BROKEN, "");
        snprintf(what_broke.file, sizeof what_broke.file, "ledger-%06u.jsonl", (unsigned)n);
        what_broke.bytes = r->text.len;
        what_broke.line = r->bad_line;
        chain_hash_text(r->text, what_broke.sha256);
        snprintf(
            fault, sizeof fault,
            "the ledger is broken at line %u of %s: orproxy audit verify shows it, orproxy audit "
            "accept goes on and takes what can be read as it stands",
            r->bad_line, what_broke.file);
        log_line("%s (in %s)", fault, dir);
        segment_bytes = r->text.len;
        good = r->text.len;
    } else if (r->good < r->text.len) {
        torn = true;
        snprintf(torn_text, sizeof torn_text, "ledger-%06u.jsonl", (unsigned)n);
        log_line(
            "ledger: the last %zu bytes of %s were torn by a power cut or crash: they are cut off",
            r->text.len - r->good, path);
    }
    if (broken) return;
    good = segment_bytes = r->good;
    rotate_at = LEDGER_SEGMENT; /* the first job opens the file, and cuts it */
}

/* A segment without a whole snapshot goes out of the way. */
static bool put_aside(uint32_t n, const char *then, char *error, size_t size)
{
    char path[MAX_PATH + 32], aside[MAX_PATH + 32];
    path_of(path, n, ".jsonl");
    path_of(aside, n, ".torn");
    if (rename(path, aside) != 0) {
        snprintf(error, size, "cannot rename %s: %s", path, strerror(errno));
        return false;
    }
    log_line("ledger: the snapshot of %s is torn: it is put aside as %s, and %s", path, aside,
             then);
    return true;
}

/* The newest segment whose snapshot is whole; those behind it are put aside. */
static bool read_newest(char *error, size_t size)
{
    char     path[MAX_PATH + 32];
    reading  r;
    uint32_t oldest, n = newest_below(UINT32_MAX, &oldest);
    for (; n > 0; n = newest_below(n, NULL)) {
        chain c;
        chain_begin(&c);
        path_of(path, n, ".jsonl");
        if (!map_file(path, &r, error, size)) return false;
        look_through(&r, &c);
        bool usable = r.complete || r.later;
        if (usable) adopt(n, &r);
        unmap(&r);
        if (usable) return true;
        if (n == oldest && n > 1) {
            snprintf(error, size,
                     "%s has no whole snapshot and there is no segment before it: "
                     "restore one from a backup, or move it away to begin anew",
                     path);
            return false;
        }
        if (!put_aside(n, n == oldest ? "the books begin anew" : "the segment before it is used",
                       error, size))
            return false;
    }
    return true;
}

static bool start_thread(void)
{
    wake_io.ready = on_wake;
    if (!ev_add_pipe(&wake_io, wake)) return false;
    stop = has_work = false;
    has_thread = ev_start_thread(&thread, run);
    if (!has_thread) ev_remove_pipe(&wake_io, wake);
    return has_thread;
}

static void remove_unfinished(void)
{
    char           path[MAX_PATH + 280];
    DIR           *d = opendir(dir);
    struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        size_t n = strlen(e->d_name);
        if (strncmp(e->d_name, "ledger-", 7) != 0 || n < 4 ||
            strcmp(e->d_name + n - 4, ".new") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        unlink(path);
    }
    if (d != NULL) closedir(d);
}

void ledger_change(const ledger_desc *d)
{
    desc = *d;
    hooks = d->hooks;
}

static void note_tear(void)
{
    or_json_writer *w;
    if (!torn || (w = ledger_begin("torn")) == NULL) return;
    member_z(w, "file", torn_text);
    (void)ledger_end(true);
    torn = false;
}

bool ledger_open(const ledger_desc *d, char *error, size_t size)
{
    ledger_change(d);
    snprintf(dir, sizeof dir, "%s", d->dir);
    number = durable = segment_bytes = snapshot_bytes = rotate_at = syncs = 0;
    segment = fd_segment = 0;
    good = 0;
    cut = SIZE_MAX;
    chain_begin(&last);
    or_buf_init_growing(&waiting, &mem_allocator, 64 * 1024 * 1024);
    or_buf_init_growing(&work.bytes, &mem_allocator, 64 * 1024 * 1024);
    flush_task.run = on_flush;
    flush_timer.fire = on_timer;
    if (!take_lock(error, size)) return false;
    remove_unfinished();
    state = LEDGER_OK;
    fault[0] = 0;
    if (!read_newest(error, size)) {
        ledger_close();
        return false;
    }
    if (!start_thread()) {
        snprintf(error, size, "cannot start the ledger's thread: %s", strerror(errno));
        ledger_close();
        return false;
    }
    durable = number;
    on_disk = last;
    if (segment == 0) {
        if (!rotate()) {
            snprintf(error, size, "no memory for the ledger: limits.memory is reached");
            ledger_close();
            return false;
        }
        urgent_waits = true;
        ev_defer(&flush_task);
    }
    note_tear();
    return true;
}

bool ledger_accept(void)
{
    if (state != LEDGER_BROKEN) return false;
    state = LEDGER_OK;
    /* lines that came meanwhile were not written: the new segment says their sum */
    or_buf_clear(&waiting);
    cut = SIZE_MAX;
    number = durable;
    last = on_disk;
    if (!rotate()) {
        state = LEDGER_BROKEN;
        return false;
    }
    fault[0] = 0;
    urgent_waits = true;
    ev_defer(&flush_task);
    return true;
}

static void stop_thread(void)
{
    if (!has_thread) return;
    pthread_mutex_lock(&mutex);
    stop = true;
    pthread_cond_signal(&wanted);
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    has_thread = false;
    ev_remove_pipe(&wake_io, wake);
}

void ledger_close(void)
{
    if (state == LEDGER_OFF && lock_fd < 0) return;
    stop_thread();
    if (busy) {
        busy = false;
        take_result();
    }
    for (int i = 0; i < 2 && state != LEDGER_BROKEN && state != LEDGER_OFF;
         i++) { /* now ourselves */
        if (work.bytes.len == 0 && !take_waiting()) break;
        do_work();
        take_result();
        if (work.error != 0) break;
    }
    if (work.bytes.len + waiting.len > 0 && state == LEDGER_FAILING)
        log_line("ledger: %zu bytes could not be written: %s", work.bytes.len + waiting.len, fault);
    ev_timer_stop(&flush_timer);
    if (fd >= 0) close(fd);
    if (lock_fd >= 0) close(lock_fd);
    fd = lock_fd = -1;
    or_buf_free(&waiting);
    or_buf_free(&work.bytes);
    state = LEDGER_OFF;
}
