#define OR_IMPLEMENTATION
#include "test.h"

/* What a reader said, as text: for each event <type> when there is one, [data], #id and
   @retry when there are any; "+" before what only the end of the stream gave. */
typedef struct log {
    char   text[256];
    or_buf out;
} log;

static void log_init(log *l)
{
    or_buf_init(&l->out, l->text, sizeof l->text);
}

static void log_event(log *l, const or_sse_event *ev)
{
    if (ev->type.len > 0) {
        or_buf_put_char(&l->out, '<');
        or_buf_put_str(&l->out, ev->type);
        or_buf_put_char(&l->out, '>');
    }
    or_buf_put_char(&l->out, '[');
    or_buf_put_str(&l->out, ev->data);
    or_buf_put_char(&l->out, ']');
    if (ev->id.len > 0) {
        or_buf_put_char(&l->out, '#');
        or_buf_put_str(&l->out, ev->id);
    }
    if (ev->retry_ms > 0) {
        or_buf_put_char(&l->out, '@');
        or_buf_put_u64(&l->out, ev->retry_ms);
    }
}

/* One input, in a block of its own. */
static or_err feed(or_sse *p, or_str part, log *l)
{
    or_str       exact = test_exact(part), in = exact;
    or_sse_event ev;
    or_err       e;
    while ((e = or_sse_next(p, &in, &ev)) == OR_OK) {
        bool inside = ev.raw.ptr == NULL ||
                      (ev.raw.ptr >= exact.ptr && ev.raw.ptr + ev.raw.len == in.ptr);
        CHECK(inside, "raw ends where reading stands");
        log_event(l, &ev);
    }
    if (e == OR_NEED_MORE) CHECK(in.len == 0, "all input is used");
    free((void *)exact.ptr);
    return e;
}

static void finish(or_sse *p, log *l)
{
    or_sse_event ev;
    or_err       e = or_sse_end(p, &ev);
    if (e == OR_OK) {
        or_buf_put_char(&l->out, '+');
        log_event(l, &ev);
        CHECK(ev.raw.ptr == NULL, "what the end gives has no raw text");
        e = or_sse_end(p, &ev);
    }
    CHECK(e == OR_DONE || e == p->err, "the end comes once");
}

static const struct {
    const char *name;
    or_str      in;
    const char *want;
} cases[] = {
    /* The numbers are those of the list of edge cases in ACCEPTANCE.md. */
    {"one event", OR_STR_INIT("data: a\n\n"), "[a]"},
    {"two events", OR_STR_INIT("data: a\n\ndata: b\n\n"), "[a][b]"},
    {"crlf is one end", OR_STR_INIT("data: a\r\ndata: b\r\n\r\n"), "[a\nb]"},
    {"bare cr", OR_STR_INIT("data: a\r\rdata: b\r\r"), "[a][b]"},
    {"mixed ends (G2)", OR_STR_INIT("data: a\r\ndata: b\ndata: c\r\r\n\ndata: d\n\r"), "[a\nb\nc][d]"},
    {"crlf then lf is two ends", OR_STR_INIT("data: a\r\n\ndata: b\r\n\n"), "[a][b]"},
    {"cr, then an event", OR_STR_INIT("data: a\r\n\rdata: b\n\n"), "[a][b]"},
    {"mark at the start (G3)", OR_STR_INIT("\xEF\xBB\xBF" "data: a\n\n"), "[a]"},
    {"one mark only", OR_STR_INIT("\xEF\xBB\xBF\xEF\xBB\xBF" "data: a\n\ndata: b\n\n"), "[b]"},
    {"half a mark", OR_STR_INIT("\xEF\xBB" "data: a\ndata: b\n\n"), "[b]"},
    {"half a mark alone", OR_STR_INIT("\xEF\ndata: b\n\n"), "[b]"},
    {"mark then blank", OR_STR_INIT("\xEF\xBB\xBF\n\ndata: b\n\n"), "[b]"},
    {"late mark", OR_STR_INIT("data: a\n\n\xEF\xBB\xBF" "data: b\n\n"), "[a]"},
    {"comments (G4)", OR_STR_INIT(": ping\n\n:\ndata: a\n: between\n:data: no\ndata: b\n\n"), "[a\nb]"},
    {"no colon", OR_STR_INIT("data\n\n"), "[]"},
    {"no colon twice (G5)", OR_STR_INIT("data\ndata\n\n"), "[\n]"},
    {"empty data", OR_STR_INIT("data:\n\n"), "[]"},
    {"empty, then not", OR_STR_INIT("data:\ndata: a\n\n"), "[\na]"},
    {"last line empty", OR_STR_INIT("data: a\ndata\n\n"), "[a\n]"},
    {"no space", OR_STR_INIT("data:a\n\n"), "[a]"},
    {"two spaces (G6)", OR_STR_INIT("data:  a\n\n"), "[ a]"},
    {"spaces behind", OR_STR_INIT("data: a \n\n"), "[a ]"},
    {"a tab is no space", OR_STR_INIT("data:\ta\n\n"), "[\ta]"},
    {"colons in the value", OR_STR_INIT("data: a: b::\n\n"), "[a: b::]"},
    {"controls in the value", OR_STR_INIT("data: \t\t\t\t\t\t\t\t\x01 \x0B\x0C\x0E a\n\n"),
     "[\t\t\t\t\t\t\t\t\x01 \x0B\x0C\x0E a]"},
    {"long value", OR_STR_INIT("data: 0123456789abcdef0123456789abcdef0123456789abcdef\x8D\n\n"),
     "[0123456789abcdef0123456789abcdef0123456789abcdef\x8D]"},
    {"space before the name", OR_STR_INIT(" data: a\ndata: b\n\n"), "[b]"},
    {"space after the name", OR_STR_INIT("data : a\ndata: b\n\n"), "[b]"},
    {"names are case-sensitive", OR_STR_INIT("Data: a\ndata: b\n\n"), "[b]"},
    {"longer names", OR_STR_INIT("datax: a\ndata1234: a\ndat: a\ndata: b\n\n"), "[b]"},
    {"unknown fields", OR_STR_INIT("foo: x\nbar\nretries: 5\ndata: a\n\n"), "[a]"},
    {"event type", OR_STR_INIT("event: t\ndata: a\n\ndata: b\n\n"), "<t>[a][b]"},
    {"type after data", OR_STR_INIT("data: a\nevent: t\n\n"), "<t>[a]"},
    {"last type counts", OR_STR_INIT("event: t\nevent: u\ndata: a\n\n"), "<u>[a]"},
    {"empty type", OR_STR_INIT("event: t\nevent\ndata: a\n\n"), "[a]"},
    {"type without data (G11)", OR_STR_INIT("event: t\n\ndata: a\n\n"), "[a]"},
    {"type that is cut", OR_STR_INIT("event: 0123456789abcdef0123456789abcdefXY\ndata: a\n\n"),
     "<0123456789abcdef0123456789abcdef>[a]"},
    {"type of 32", OR_STR_INIT("event: 0123456789abcdef0123456789abcdef\ndata: a\n\n"),
     "<0123456789abcdef0123456789abcdef>[a]"},
    {"id stays", OR_STR_INIT("id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"), "[a]#7[b]#7[c]"},
    {"id without data", OR_STR_INIT("id: 7\n\ndata: a\n\n"), "[a]#7"},
    {"id with NUL", OR_STR_INIT("id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n"), "[a]#7[b]#7"},
    {"id of 64",
     OR_STR_INIT("id: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\ndata: a\n\n"),
     "[a]#0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
    {"id of 65",
     OR_STR_INIT("id:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefX\ndata: a\n\n"),
     "[a]"},
    {"id of 100",
     OR_STR_INIT("id: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                 "0123456789abcdef0123456789abcdef0123\nid: 7\ndata: a\n\n"), "[a]#7"},
    {"retry", OR_STR_INIT("retry: 1500\ndata: a\n\ndata: b\n\n"), "[a]@1500[b]"},
    {"retry on its own", OR_STR_INIT("retry: 1500\n\ndata: a\n\ndata: b\n\n"), "[a]@1500[b]"},
    {"retry is digits", OR_STR_INIT("retry: 1s\nretry: -1\nretry:  1\nretry\ndata: a\n\n"), "[a]"},
    {"largest retry", OR_STR_INIT("retry: 4294967294\ndata: a\n\n"), "[a]@4294967294"},
    {"retry too large", OR_STR_INIT("retry: 4294967296\ndata: a\n\n"), "[a]@4294967295"},
    {"retry far too large", OR_STR_INIT("retry: 99999999999999999999999\ndata: a\n\n"),
     "[a]@4294967295"},
    {"retry of 65 digits",
     OR_STR_INIT("retry: 00000000000000000000000000000000000000000000000000000000000000001\n"
                 "data: a\n\n"), "[a]"},
    {"error as a field (G11)", OR_STR_INIT("error: {\"code\":500}\n\ndata: b\n\n"),
     "<error>[{\"code\":500}][b]"},
    {"error after data", OR_STR_INIT("data: a\nerror: b\n\n"), "<error>[a\nb]"},
    {"error event", OR_STR_INIT("event: error\ndata: x\n\n"), "<error>[x]"},
    {"blank lines", OR_STR_INIT("\n\n\r\r\n\ndata: a\n\n\n\n"), "[a]"},
    {"cut before the blank line", OR_STR_INIT("data: a\n"), "+[a]"},
    {"cut in the line (G9)", OR_STR_INIT("data: a\n\ndata: b"), "[a]+[b]"},
    {"cut in the second line", OR_STR_INIT("data: a\ndata: b"), "+[a\nb]"},
    {"cut in a name", OR_STR_INIT("data: a\ndat"), "+[a]"},
    {"cut after a name", OR_STR_INIT("data: a\ndata"), "+[a]"},
    {"cut after a name only", OR_STR_INIT("data"), ""},
    {"cut in a type", OR_STR_INIT("data: a\nevent: t"), "+<t>[a]"},
    {"cut in a comment", OR_STR_INIT("data: a\n: t"), "+[a]"},
    {"cut without data", OR_STR_INIT("event: t\nid: 5\n"), ""},
    {"cut in a mark", OR_STR_INIT("\xEF\xBB"), ""},
    {"done", OR_STR_INIT("data: [DONE]\n\n"), "[[DONE]]"},
    {"nothing", OR_STR_INIT(""), ""},
};
enum { NUM_CASES = sizeof cases / sizeof cases[0] };

/* Three inputs, one of them possibly empty, for each pair of places to cut. */
/* G1: an event may be split anywhere. */
static void test_every_split(size_t k)
{
    or_str s = cases[k].in;
    for (size_t j = 0; j <= s.len; j++)
        for (size_t i = 0; i <= j; i++) {
            char   mem[80];
            log    l;
            or_buf carry;
            or_sse p;
            log_init(&l);
            or_buf_init(&carry, mem, sizeof mem);
            or_sse_init(&p, &carry);
            feed(&p, or_str_of(s.ptr, i), &l);
            feed(&p, or_str_of(s.ptr + i, j - i), &l);
            feed(&p, or_str_of(s.ptr + j, s.len - j), &l);
            finish(&p, &l);
            CHECK_STR(or_buf_str(&l.out), or_str_z(cases[k].want), cases[k].name);
        }
}

/* G8: thousands of tiny reads. */
static void test_single_bytes(size_t k)
{
    char   mem[80];
    log    l;
    or_buf carry;
    or_sse p;
    log_init(&l);
    or_buf_init(&carry, mem, sizeof mem);
    or_sse_init(&p, &carry);
    for (size_t i = 0; i < cases[k].in.len; i++) feed(&p, or_str_of(cases[k].in.ptr + i, 1), &l);
    finish(&p, &l);
    CHECK_STR(or_buf_str(&l.out), or_str_z(cases[k].want), cases[k].name);
}

/* Lines whose ends stand at every distance from a word boundary, among bytes that look
   like ends to a careless comparison. */
static void test_line_len(void)
{
    for (size_t len = 0; len <= 80; len++)
        for (size_t at = 0; at <= len; at++)
            for (unsigned fill = 0; fill < 4; fill++) {
                char text[80];
                memset(text, "x\t\x0B\x8A"[fill], len);
                if (at < len) text[at] = at % 2 ? '\n' : '\r';
                or_str s = test_exact(or_str_of(text, len));
                CHECK(ori_line_len(s) == at, "line length");
                free((void *)s.ptr);
            }
    for (unsigned c = 0; c < 256; c++) {
        char text[64];
        memset(text, 'x', sizeof text);
        text[13] = (char)c;
        text[40] = '\n';
        bool ends = c == '\n' || c == '\r';
        CHECK(ori_line_len(or_str_of(text, 64)) == (ends ? 13u : 40u), "each byte");
    }
}

static void test_zero_copy(void)
{
    char         mem[64];
    or_buf       carry;
    or_sse       p;
    or_sse_event ev;
    or_str       text = OR_STR(": hi\nevent: t\ndata: abc\n\ndata: d\r\n\r\ndata: e\ndata: f\n\ndata: g");
    or_str       in = text;
    or_buf_init(&carry, mem, sizeof mem);
    or_sse_init(&p, &carry);
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "first");
    CHECK(ev.data.ptr == text.ptr + 20, "data points into the input");
    CHECK_STR(ev.raw, OR_STR(": hi\nevent: t\ndata: abc\n\n"), "raw");
    CHECK(p.comments == 1, "comments are counted");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "second");
    CHECK_STR(ev.raw, OR_STR("data: d\r\n\r\n"), "raw ends after the LF");
    CHECK(ev.data.ptr == ev.raw.ptr + 6, "second points into the input");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "third");
    CHECK_STR(ev.raw, OR_STR("data: e\ndata: f\n\n"), "raw of two lines");
    CHECK_STR(ev.data, OR_STR("e\nf"), "joined");
    CHECK(ev.data.ptr == mem, "two lines are gathered in carry");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_NEED_MORE, "cut");
    in = OR_STR("h\n\ndata: i\n\n");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "fourth");
    CHECK(ev.raw.ptr == NULL, "no raw for what straddles");
    CHECK_STR(ev.data, OR_STR("gh"), "straddling data");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "fifth");
    CHECK_STR(ev.raw, OR_STR("data: i\n\n"), "raw again");
    in = OR_STR("data: j\r\n\r");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "ends at CR");
    in = OR_STR("\ndata: k\n\n");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "begins with its LF");
    CHECK_STR(ev.raw, OR_STR("data: k\n\n"), "without that LF");
    in = OR_STR(": ping\n\ndata: l\n\n");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "a comment of its own");
    CHECK_STR(ev.raw, OR_STR("data: l\n\n"), "belongs to nothing");
    in = OR_STR("data:");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_NEED_MORE, "cut before the value");
    in = OR_STR(" m\n\n");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "value whole");
    CHECK(ev.data.ptr == in.ptr - 3 && ev.raw.ptr == NULL, "is not copied");
}

/* Data of exactly what carry holds passes, one byte more does not, however it is cut. */
static void test_limit(void)
{
    static const struct {
        or_str in;
        size_t data;
    } limits[] = {
        {OR_STR_INIT("data: 0123456789\n\n"), 10},
        {OR_STR_INIT("data: 01234\ndata: 6789\n\n"), 10},
        {OR_STR_INIT("data\ndata: 123456789\n\n"), 10},
        {OR_STR_INIT("data: 012345678\ndata\n\n"), 10},
        {OR_STR_INIT("data\n\n"), 0},
    };
    for (size_t k = 0; k < sizeof limits / sizeof limits[0]; k++)
        for (size_t cap = limits[k].data > 0 ? limits[k].data - 1 : 0; cap < 12; cap++)
            for (size_t i = 0; i <= limits[k].in.len; i++)
                for (unsigned grow = 0; grow < 2; grow++) {
                    char         mem[12];
                    test_heap    heap = {0, 0, 0};
                    or_allocator allocator = TEST_ALLOCATOR(&heap);
                    or_str       in = limits[k].in;
                    or_buf       carry;
                    or_sse       p;
                    or_sse_event ev;
                    log          l;
                    log_init(&l);
                    or_buf_init(&carry, mem, cap);
                    if (grow) or_buf_init_growing(&carry, &allocator, cap);
                    or_sse_init(&p, &carry);
                    or_err first = feed(&p, or_str_of(in.ptr, i), &l);
                    or_err e = feed(&p, or_str_of(in.ptr + i, in.len - i), &l);
                    /* G7: an event is as large as carry may become, and no larger */
                    or_err want = cap < limits[k].data ? OR_ERR_EVENT : OR_NEED_MORE;
                    CHECK_ERR(e, want, "limit");
                    CHECK(first == OR_NEED_MORE || first == want, "no other error before");
                    CHECK((l.out.len > 0) == (want == OR_NEED_MORE), "no event beside the error");
                    if (e == OR_ERR_EVENT) {
                        in = OR_STR("\n\ndata: a\n\n");
                        CHECK_ERR(or_sse_next(&p, &in, &ev), OR_ERR_EVENT, "sticks");
                        CHECK_ERR(or_sse_end(&p, &ev), OR_ERR_EVENT, "sticks at the end");
                    }
                    or_buf_free(&carry);
                    CHECK(heap.outstanding == 0, "all given back");
                }
}

static void test_allocator(void)
{
    or_str text = OR_STR("data: a\ndata: b\n\n");
    for (unsigned long n = 1; n < 4; n++) {
        test_heap    heap = {0, n, 0};
        or_allocator allocator = TEST_ALLOCATOR(&heap);
        or_buf       carry;
        or_sse       p;
        or_sse_event ev;
        or_str       in = text;
        or_buf_init_growing(&carry, &allocator, 1000);
        or_sse_init(&p, &carry);
        or_err want = n == 1 ? OR_ERR_MEMORY : OR_OK;
        CHECK_ERR(or_sse_next(&p, &in, &ev), want, "allocation fails");
        if (n == 1) {
            heap.fail_at = 0;
            in = text;
            CHECK_ERR(or_sse_next(&p, &in, &ev), want, "sticks");
        }
        or_buf_free(&carry);
        CHECK(heap.outstanding == 0, "all given back");
    }
}

/* An event may be large, then its memory given back, and the stream goes on. */
static void test_free_between(void)
{
    test_heap    heap = {0, 0, 0};
    or_allocator allocator = TEST_ALLOCATOR(&heap);
    or_buf       carry;
    or_sse       p;
    or_sse_event ev;
    or_str       in = OR_STR("data: a\ndata: b\n\ndata: c\ndata: d\n\n");
    or_buf_init_growing(&carry, &allocator, 1000);
    or_sse_init(&p, &carry);
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "before");
    or_buf_free(&carry);
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "after");
    CHECK_STR(ev.data, OR_STR("c\nd"), "after");
    or_buf_free(&carry);
}

static void test_misuse(void)
{
    or_buf       carry;
    or_sse       p;
    or_sse_event ev;
    or_str       in = OR_STR("data: a\n\n");
    char         mem[8];
    or_buf_init_counting(&carry);
    or_sse_init(&p, &carry);
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_ERR_ARG, "a buffer that keeps nothing");
    or_buf_init(&carry, mem, sizeof mem);
    or_sse_init(&p, &carry);
    CHECK_ERR(or_sse_end(&p, &ev), OR_DONE, "empty stream");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_DONE, "after the end");
    or_sse_init(&p, &carry);
    in = or_str_of(NULL, 0);
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_NEED_MORE, "absent input");
}

/* A line of 10 MB, then an event for every two bytes: both would take minutes if any
   step looked at more than the new bytes. */
static void test_no_quadratic(void)
{
    enum { PIECE = 100, PIECES = 30000, SINGLE = 200000 }; /* fits the 16 MB of an mps2 board */
    test_heap    heap = {0, 0, 0};
    or_allocator allocator = TEST_ALLOCATOR(&heap);
    char         piece[PIECE];
    or_buf       carry;
    or_sse       p;
    or_sse_event ev;
    or_str       in = OR_STR("data: ");
    memset(piece, 'x', sizeof piece);
    or_buf_init_growing(&carry, &allocator, (size_t)PIECE * PIECES);
    or_sse_init(&p, &carry);
    or_sse_next(&p, &in, &ev);
    for (int i = 0; i < PIECES; i++) {
        in = or_str_of(piece, sizeof piece);
        if (or_sse_next(&p, &in, &ev) != OR_NEED_MORE) CHECK(false, "long line");
    }
    in = OR_STR("\n\n");
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "long line");
    CHECK(ev.data.len == (size_t)PIECE * PIECES, "long line is whole");
    CHECK(heap.calls < 24, "the buffer doubles");
    unsigned long events = 0;
    for (int i = 0; i < SINGLE; i++) {
        in = or_str_of(&"data\n\n"[i % 6], 1);
        if (or_sse_next(&p, &in, &ev) == OR_OK) events++;
    }
    CHECK(events == SINGLE / 6, "single bytes");
    or_buf_free(&carry);
}

static void test_writer(void)
{
    static const struct {
        const char *name;
        or_str      type, data;
        const char *want;
    } rows[] = {
        {"plain", {NULL, 0}, OR_STR_INIT("{}"), "data: {}\n\n"},
        {"type", OR_STR_INIT("error"), OR_STR_INIT("{}"), "event: error\ndata: {}\n\n"},
        {"empty type", OR_STR_INIT(""), OR_STR_INIT("{}"), "event: \ndata: {}\n\n"},
        {"lines", {NULL, 0}, OR_STR_INIT("a\nb\r\nc\rd\r\re\n"),
         "data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: e\ndata: \n\n"},
        {"cr at the end", {NULL, 0}, OR_STR_INIT("a\r"), "data: a\ndata: \n\n"},
        {"empty", {NULL, 0}, OR_STR_INIT(""), "data: \n\n"},
        {"absent", {NULL, 0}, {NULL, 0}, "data: \n\n"},
        {"leading space", {NULL, 0}, OR_STR_INIT(" a"), "data:  a\n\n"},
    };
    char   mem[128];
    or_buf out;
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        size_t need = strlen(rows[k].want);
        for (size_t cap = 0; cap <= need + 1; cap++) {
            or_buf_init(&out, mem, cap);
            or_err want = cap < need ? OR_ERR_SPACE : OR_OK;
            CHECK_ERR(or_sse_put(&out, rows[k].type, rows[k].data), want, rows[k].name);
        }
        CHECK_STR(or_buf_str(&out), or_str_z(rows[k].want), rows[k].name);
    }
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_sse_put(&out, OR_STR("a\nb"), OR_STR("x")), OR_ERR_ARG, "type with LF");
    CHECK_ERR(out.err, OR_ERR_ARG, "sticks in the buffer");
    CHECK(out.len == 0, "and nothing is written");
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_sse_put(&out, OR_STR("a\r"), OR_STR("x")), OR_ERR_ARG, "type with CR");
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_sse_put_comment(&out, OR_STR("ping")), OR_OK, "comment");
    CHECK_ERR(or_sse_put_comment(&out, OR_STR("a\ndata: b")), OR_OK, "comment of two lines");
    CHECK_STR(or_buf_str(&out), OR_STR(": ping\n\n: a\n: data: b\n\n"), "comments");
}

/* What the writer wrote, the reader reads: line ends become LF, nothing else changes. */
static void test_round_trip(void)
{
    or_str       data = OR_STR("a\r\n b\r\rc: d\n\n\xF0\x9F\x98\x80\n");
    char         mem[128], carry_mem[64];
    or_buf       out, carry;
    or_sse       p;
    or_sse_event ev;
    or_buf_init(&out, mem, sizeof mem);
    or_sse_put(&out, OR_STR("t"), data);
    or_str in = or_buf_str(&out);
    or_buf_init(&carry, carry_mem, sizeof carry_mem);
    or_sse_init(&p, &carry);
    CHECK_ERR(or_sse_next(&p, &in, &ev), OR_OK, "round trip");
    CHECK_STR(ev.data, OR_STR("a\n b\n\nc: d\n\n\xF0\x9F\x98\x80\n"), "round trip");
    CHECK_STR(ev.type, OR_STR("t"), "round trip");
    CHECK(in.len == 0, "round trip");
}

int main(void)
{
    for (size_t k = 0; k < NUM_CASES; k++) {
        test_every_split(k);
        test_single_bytes(k);
    }
    test_line_len();
    test_zero_copy();
    test_limit();
    test_allocator();
    test_free_between();
    test_misuse();
    test_no_quadratic();
    test_writer();
    test_round_trip();
    TEST_MAIN_END("test_sse");
}
