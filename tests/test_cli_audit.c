/* A ledger as it was written, and what can be done to one. The gateway and the settings are
   stand-ins. */
#define OR_IMPLEMENTATION
#include <sys/stat.h>
#include <unistd.h>

#include "or.h"
#include "proxy/chain.h"
#include "proxy/cli_parts.h"
#include "proxy/conf.h"
#include "proxy/mem.h"
#include "tests/capture.h"
#include "tests/test.h"

static char dir[] = "/tmp/orproxy-audit-XXXXXX";
static bool held;

const conf *conf_now(void)
{
    static conf none;
    return &none;
}

bool cli_state_is_held(const char *state)
{
    CHECK(strcmp(state, dir) == 0, "the folder");
    return held;
}

int cli_link_ask(cli_link *l, cli_exchange *x, or_str method, or_str target, or_str body)
{
    (void)l, (void)x, (void)method, (void)target, (void)body;
    abort();
}

void cli_link_end(cli_link *l)
{
    (void)l;
}

/* ---- segments ---- */

enum { MAX_FILE = 16384, FILES = 9 };

static char     mem[FILES + 1][MAX_FILE];
static or_buf   file[FILES + 1]; /* by number */
static chain    now;
static unsigned n;

static const char *path_of(unsigned number)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/ledger-%06u.jsonl", dir, number);
    return path;
}

static void add(unsigned number, const char *type, const char *more)
{
    char   text[512];
    size_t from = file[number].len;
    n++;
    snprintf(text, sizeof text, "{\"n\":%u,\"time\":\"2026-11-21T16:00:%02uZ\",\"type\":\"%s\"%s",
             n, n, type, more);
    or_buf_put_z(&file[number], text);
    CHECK_ERR(chain_seal(&now, &file[number], from), OR_OK, "seal");
}

static void begin_segment(unsigned number)
{
    char more[128] = "";
    if (number > 1) snprintf(more, sizeof more, ",\"previous\":\"%s\"", now.hash);
    add(number, "snapshot", more);
}

/* Three segments of four lines. */
static void make(void)
{
    chain_begin(&now);
    n = 0;
    held = false;
    for (unsigned i = 1; i <= FILES; i++) or_buf_init(&file[i], mem[i], MAX_FILE);
    for (unsigned i = 1; i <= 3; i++) {
        begin_segment(i);
        for (int k = 0; k < 3; k++) add(i, "request", ",\"tokens\":{\"n\":5},\"cost_pico_usd\":77");
    }
}

/* Where the line begins, from 1. */
static char *line(unsigned number, unsigned which)
{
    char *at = file[number].ptr;
    while (--which > 0) at = strchr(at, '\n') + 1;
    return at;
}

static void remove_bytes(unsigned number, char *from, size_t len)
{
    memmove(from, from + len, (size_t)(file[number].ptr + file[number].len - from) - len);
    file[number].len -= len;
}

static void remove_line(unsigned number, unsigned which)
{
    char *at = line(number, which);
    remove_bytes(number, at, (size_t)(strchr(at, '\n') + 1 - at));
}

static void insert(unsigned number, unsigned which, const char *text)
{
    char  *at = line(number, which);
    size_t len = strlen(text);
    memmove(at + len, at, (size_t)(file[number].ptr + file[number].len - at));
    memcpy(at, text, len);
    file[number].len += len;
}

static void swap_lines(unsigned number, unsigned which)
{
    char  *a = line(number, which), *b = line(number, which + 1);
    char   first[1024];
    size_t len = (size_t)(b - a), other = (size_t)(strchr(b, '\n') + 1 - b);
    memcpy(first, a, len);
    memmove(a, b, other);
    memcpy(a + other, first, len);
}

/* Segments of which `without` has no bit are there. */
static void write_files(unsigned without)
{
    for (unsigned i = 1; i <= FILES; i++) {
        unlink(path_of(i));
        if (without >> i & 1 || (file[i].len == 0 && i > 3)) continue;
        FILE *f = fopen(path_of(i), "w");
        if (f == NULL) abort();
        fwrite(file[i].ptr, 1, file[i].len, f);
        fclose(f);
    }
}

static int run(bool json, char *said, size_t size)
{
    capture     s;
    cli_command c;
    memset(&c, 0, sizeof c);
    c.name = "audit";
    c.action = "verify";
    c.state = dir;
    c.json = json;
    capture_begin(&s);
    int status = cli_audit(&c, NULL);
    capture_end(&s, said, size);
    CHECK(mem_used() == 0, "memory is given back");
    return status;
}

static void check(const char *name, unsigned without, int want, const char *part)
{
    static char said[65536];
    write_files(without);
    CHECK(run(false, said, sizeof said) == want, name);
    if (strstr(said, part) == NULL) {
        CHECK(false, name);
        fprintf(stderr, "  said: %s\n  want: %s\n", said, part);
    } else {
        test_passed++;
    }
    CHECK(run(true, said, sizeof said) == want, name);
    CHECK_ERR(or_json_check(or_str_z(said), NULL), OR_OK, name);
    CHECK((strstr(said, "\"whole\":true") != NULL) == (want == 0), name);
}

/* ---- good ---- */

static void test_good(void)
{
    make();
    check("good", 0, 0,
          "SEGMENT              LINES  FIRST                 LAST\n"
          "ledger-000001.jsonl      4  2026-11-21T16:00:01Z  2026-11-21T16:00:04Z\n"
          "ledger-000002.jsonl      4  2026-11-21T16:00:05Z  2026-11-21T16:00:08Z\n"
          "ledger-000003.jsonl      4  2026-11-21T16:00:09Z  2026-11-21T16:00:12Z\n"
          "whole: 3 segments, 12 lines\n");
    check("the oldest was removed", 1u << 1, 0,
          "segments before ledger-000002.jsonl were removed: what its first line goes on from "
          "cannot be checked\nwhole: 2 segments, 8 lines\n");
    check("only the newest is left", 1u << 1 | 1u << 2, 0, "whole: 1 segment, 4 lines\n");
    make();
    add(3, "request", ",\"type\":\"x\\u0000\",\"time\":null");
    check("no time", 0, 0, "whole: 3 segments, 13 lines\n");
}

/* Nothing was before the first line of all; that it says so is as good. */
static void test_first_previous(void)
{
    char more[128];
    for (int wrong = 0; wrong < 2; wrong++) {
        make();
        or_buf_clear(&file[1]);
        or_buf_clear(&file[2]);
        or_buf_clear(&file[3]);
        chain_begin(&now);
        if (wrong) now.hash[0] = '1';
        n = 0;
        snprintf(more, sizeof more, ",\"previous\":\"%s\"", now.hash);
        add(1, "snapshot", more);
        add(1, "request", "");
        check("previous of the first", 1u << 2 | 1u << 3, wrong,
              wrong ? "ledger-000001.jsonl:1: n=1: its \"previous\" is not" : "whole: 1 segment");
    }
}

static void test_tail(void)
{
    make();
    size_t whole = file[3].len, last = (size_t)(line(3, 4) - file[3].ptr);
    for (size_t len = last + 1; len < whole; len++) { /* cut at every byte of the last line */
        file[3].len = len;
        held = false;
        check("torn", 0, 0, "torn tail: the last ");
        held = true;
        check("being written", 0, 0, "the last line is being written");
    }
    file[3].len = last;
    held = false;
    check("a whole line less cannot be seen", 0, 0, "whole: 3 segments, 11 lines");
    file[3].len = 0;
    check("the newest is empty", 0, 0, "nothing was written yet");
    held = true;
    check("the newest is empty, and somebody writes", 0, 0, "being written");
    make();
    file[2].len--;
    check("torn, and not the newest", 0, 1,
          "ledger-000002.jsonl:4: the file ends inside this line");
}

/* ---- bad ---- */

/* Each byte of a segment in the middle, its line ends included, another one. */
static void test_every_byte(void)
{
    static char said[65536];
    make();
    for (size_t i = 0; i < file[2].len; i++) {
        char was = file[2].ptr[i];
        file[2].ptr[i] = was == '\n' ? ' ' : (char)(was ^ 1);
        write_files(0);
        CHECK(run(false, said, sizeof said) == 1, "a changed byte");
        CHECK(strstr(said, "BROKEN") != NULL && strstr(said, "\nledger-00000") != NULL, said);
        file[2].ptr[i] = was;
    }
}

static void test_changed(void)
{
    make();
    *(strstr(line(2, 3), "77")) = '1';
    check("a cost", 0, 1,
          "BROKEN at 1 place, the first:\nledger-000002.jsonl:3: n=7: its hash does not fit");
    make();
    char *hash = strstr(line(2, 3), "\"hash\":\"") + 8;
    *hash = *hash == 'a' ? 'b' : 'a';
    check("a hash", 0, 1, "BROKEN at 2 places, the first:\nledger-000002.jsonl:3: n=7: its hash");
    make();
    insert(2, 4, "\n");
    check("an empty line", 0, 1, "ledger-000002.jsonl:4: it cannot be read");
    make();
    insert(2, 4, "null\n");
    check("no object", 0, 1, "ledger-000002.jsonl:4: it cannot be read");
    make();
    insert(2, 4, "{}\n");
    check("no number", 0, 1, "ledger-000002.jsonl:4: it has no number n");
    make();
    *(strchr(line(2, 3), '\n') - 1) = ' ';
    check("no end of the object", 0, 1, "ledger-000002.jsonl:3: n=7: it cannot be read");
    make();
    memcpy(strstr(line(2, 3), "\"hash\""), "\"hsah\"", 6);
    check("no hash", 0, 1, "ledger-000002.jsonl:3: n=7: it has no hash at its end");
    make();
    memcpy(strstr(line(2, 3), "\"type\""), "\"n\":12", 6);
    check("not JSON", 0, 1, "ledger-000002.jsonl:3: n=7: it cannot be read");
    make();
    *(line(2, 4) - 1) = ' ';
    check("two lines made one", 0, 1, "ledger-000002.jsonl:3: ");
    make();
    insert(2, 4, "\r"); /* now in front of line 4: white space to JSON */
    check("a space too much", 0, 1, "ledger-000002.jsonl:4: n=8: ");
    make();
    char *end = strchr(line(2, 3), '\n');
    memmove(end + 1, end, (size_t)(file[2].ptr + file[2].len - end));
    *end = '\r';
    file[2].len++;
    check("a carriage return", 0, 1, "ledger-000002.jsonl:3: n=7: it has no hash at its end");
}

static void test_moved(void)
{
    char copy[1024];
    make();
    remove_line(2, 3);
    check("a line removed", 0, 1,
          "ledger-000002.jsonl:3: n=8: n=7 should be here: it was removed, or moved");
    make();
    remove_line(2, 4);
    check("the last of a segment removed", 0, 1, "ledger-000003.jsonl:1: n=9: n=8 should be here");
    make();
    remove_line(1, 1);
    check("the first of all", 0, 1, "ledger-000001.jsonl:1: n=2: n=1 should be here");
    make();
    remove_line(2, 1);
    check("the first of a segment", 0, 1, "ledger-000002.jsonl:1: n=6: n=5 should be here");
    check("the first of those that are left", 1u << 1, 1,
          "ledger-000002.jsonl:1: n=6: it has no \"previous\"");
    make();
    snprintf(copy, sizeof copy, "%.*s", (int)(line(2, 4) - line(2, 3)), line(2, 3));
    insert(2, 4, copy);
    check("a line twice", 0, 1,
          "ledger-000002.jsonl:4: n=7: n=8 should be here: a line was put in, or moved");
    make();
    swap_lines(2, 2);
    check("two lines swapped", 0, 1, "ledger-000002.jsonl:2: n=7: n=6 should be here");
    make();
    insert(2, 3,
           "{\"n\":7,\"type\":\"request\",\"hash\":"
           "\"0000000000000000000000000000000000000000000000000000000000000000\"}\n");
    check("a line put in, with a number that fits", 0, 1,
          "ledger-000002.jsonl:3: n=7: its hash does not fit");
}

/* Lines that were sealed again after a change: then the next segment does not fit. */
static void test_sealed_again(void)
{
    make();
    chain  first;
    or_buf again;
    char   text[MAX_FILE];
    chain_begin(&first);
    or_buf_init(&again, text, sizeof text);
    for (unsigned i = 1; i <= 4; i++) {
        size_t from = again.len;
        char  *at = line(1, i);
        or_buf_put(&again, at, (size_t)(strstr(at, ",\"hash\"") - at));
        if (i == 3) *(strstr(text + from, "77")) = '1';
        chain_seal(&first, &again, from);
    }
    memcpy(file[1].ptr, text, again.len);
    check("the rest of a segment is sealed again", 0, 1,
          "ledger-000002.jsonl:1: n=5: its \"previous\" is not the hash of the segment before");
}

static void test_segments(void)
{
    make();
    check("a segment is missing", 1u << 2, 1,
          "BROKEN at 1 place, the first:\nledger-000003.jsonl:1: n=9: the segment before it, "
          "ledger-000002.jsonl, is missing");
    file[3].len = 0;
    check("missing, and an empty one behind it", 1u << 2, 1,
          "ledger-000003.jsonl:1: the segment before it, ledger-000002.jsonl, is missing");
    make();
    file[2].len = 0;
    check("an empty one in the middle", 0, 1, "ledger-000002.jsonl:1: the segment is empty");
    make();
    *(strstr(line(2, 1), "previous\":\"") + 11) ^= 1;
    check("a wrong previous", 0, 1,
          "ledger-000002.jsonl:1: n=5: its \"previous\" is not the hash of the segment before");
    check("of the first that is left", 1u << 1, 1,
          "ledger-000002.jsonl:1: n=5: its hash does not fit");
    make();
    memcpy(mem[4], mem[2], MAX_FILE); /* in another's place */
    memcpy(mem[2], mem[3], MAX_FILE);
    memcpy(mem[3], mem[4], MAX_FILE);
    check("two segments swapped", 0, 1, "ledger-000002.jsonl:1: n=9: n=5 should be here");
    static char said[4096];
    for (unsigned i = 1; i <= FILES; i++) unlink(path_of(i));
    CHECK(run(false, said, sizeof said) == 1 && said[0] == 0, "no ledger is no good one");
}

/* ---- accepted ---- */

/* The next segment, which accepts what is in this one as it is now. */
static void accept(unsigned number)
{
    char name[32], more[256], hex[CHAIN_HASH + 1];
    chain_hash_text(or_buf_str(&file[number]), hex);
    snprintf(name, sizeof name, "ledger-%06u.jsonl", number);
    snprintf(more, sizeof more, ",\"file\":\"%s\",\"bytes\":%zu,\"sha256\":\"%s\"", name,
             file[number].len, hex);
    begin_segment(number + 1);
    add(number + 1, "account", "");
    add(number + 1, "snapshot_end", "");
    add(number + 1, "accepted", more);
}

static void test_accepted(void)
{
    make();
    *(strstr(line(3, 3), "77")) = '1';
    accept(3);
    check("a change", 0, 0,
          "1 earlier break was accepted at 2026-11-21T16:00:16Z (orproxy audit accept)\nwhole: ");
    *(strstr(line(3, 2), "77")) = '1';
    check("another one since, in the same segment", 0, 1,
          "ledger-000003.jsonl:2: n=10: its hash does not");
    make();
    *(strstr(line(3, 3), "77")) = '1';
    accept(3);
    *(strstr(line(4, 2), "account")) = 'b';
    check("the segment that goes on from there", 0, 1,
          "ledger-000004.jsonl:2: n=14: its hash does not");
    make();
    *(strstr(line(3, 3), "77")) = '1';
    accept(3);
    *(strstr(line(2, 3), "77")) = '1';
    check("a segment before it", 0, 1, "ledger-000002.jsonl:3: n=7: its hash does not");
    make();
    *(strstr(line(3, 3), "77")) = '1';
    or_buf_put_z(&file[3], "no line of ours");
    accept(3);
    add(4, "request", ",\"cost_pico_usd\":77");
    check("with a torn end, too", 0, 0, "2 earlier breaks were accepted");
    remove_line(4, 4);
    check("the record of it is needed", 0, 1, "ledger-000003.jsonl:3: n=11: its hash");
    make();
    accept(3);
    check("nothing was broken", 0, 0, "whole: 4 segments, 16 lines");
}

/* With less and less memory: never a ledger that is called whole and was not read. */
static void test_memory(void)
{
    static char said[65536];
    make();
    *(strstr(line(2, 3), "77")) = '1';
    write_files(0);
    for (size_t limit = 0; limit < 70000; limit += 499) {
        mem_set_limit(limit);
        CHECK(run(false, said, sizeof said) == 1 && strstr(said, "whole") == NULL, "said");
        CHECK(run(true, said, sizeof said) == 1 && strstr(said, ":true") == NULL, "as JSON");
    }
    mem_set_limit(SIZE_MAX);
}

int main(void)
{
    if (mkdtemp(dir) == NULL) abort();
    test_good();
    test_first_previous();
    test_tail();
    test_every_byte();
    test_changed();
    test_moved();
    test_sealed_again();
    test_segments();
    test_accepted();
    test_memory();
    for (unsigned i = 1; i <= FILES; i++) unlink(path_of(i));
    rmdir(dir);
    TEST_MAIN_END("test_cli_audit");
}
