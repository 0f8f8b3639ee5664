/* Amounts added, bars, CSV; and what is printed of an answer, for which the gateway is a
   stand-in. */
#define OR_IMPLEMENTATION

#include "or.h"
#include "proxy/cli_parts.h"
#include "proxy/mem.h"
#include "tests/capture.h"
#include "tests/test.h"

static char        mem[4096], asked[256];
static or_buf      out;
static const char *answer;

int cli_link_ask(cli_link *l, cli_exchange *x, or_str method, or_str target, or_str body)
{
    (void)l;
    memset(x, 0, sizeof *x);
    snprintf(asked, sizeof asked, "%.*s %.*s", (int)method.len, method.ptr, (int)target.len,
             target.ptr);
    CHECK(body.len == 0, "GET");
    or_buf_init_growing(&x->body, &mem_allocator, CLI_MAX_ANSWER);
    or_buf_put_z(&x->body, answer);
    return 0;
}

void cli_link_end(cli_link *l)
{
    (void)l;
}

static void begin(void)
{
    or_buf_init(&out, mem, sizeof mem);
}

/* ---- amounts ---- */

static const struct {
    const char *json, *want; /* want NULL: no amount */
} sums[] = {
    {"{\"a\":0.1,\"b\":0.2}", "0.3"},
    {"{\"a\":11.2,\"b\":0}", "11.2"},
    {"{\"a\":1}", "1"},
    {"{\"a\":1,\"b\":null}", "1"},
    {"{\"a\":0.000000000001,\"b\":9000000}", "9000000.000000000001"},
    {"{\"a\":1e-7,\"b\":\"2.5\"}", "2.5000001"},
    {"{\"a\":-1,\"b\":0.25}", "-0.75"},
    {"{\"a\":0.30000000000000004,\"b\":0}", "0.3"}, /* through somebody's floating point */
    {"{\"a\":null,\"b\":1}", NULL},
    {"{\"b\":1}", NULL},
    {"{\"a\":true}", NULL},
    {"{\"a\":\"many\"}", NULL},
    {"{\"a\":9000000,\"b\":9000000}", NULL}, /* more than fits */
    {"{\"a\":10000000}", NULL},
};

static void test_sums(void)
{
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        cli_doc d;
        int64_t pico = 0;
        CHECK_ERR(cli_doc_begin(&d, or_str_z(sums[i].json)), OR_OK, sums[i].json);
        bool good = cli_doc_usd_sum(&d, 0, "/a", "/b", &pico);
        begin();
        or_decimal_put(&out, pico, 12);
        CHECK(good == (sums[i].want != NULL), sums[i].json);
        if (good && sums[i].want != NULL)
            CHECK_STR(or_buf_str(&out), or_str_z(sums[i].want), sums[i].json);
        cli_doc_end(&d);
    }
}

/* ---- CSV ---- */

static const struct {
    const char *in, *want;
} cells[] = {
    {"", ""},
    {"acme/big", "acme/big"},
    {"a b", "a b"},
    {"a,b", "\"a,b\""},
    {"a\"b", "\"a\"\"b\""},
    {"\"", "\"\"\"\""},
    {"a\nb", "\"a\nb\""},
    {"a\rb", "\"a\rb\""},
    {"=1+1", "'=1+1"},
    {"+1", "'+1"},
    {"-1", "'-1"},
    {"@SUM(A1)", "'@SUM(A1)"},
    {"\t=1", "'\t=1"},
    {"\n=1", "\"'\n=1\""},
    {"=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""},
    {"a=b", "a=b"},
    {"'=1", "'=1"},
};

static void test_csv(void)
{
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        or_str in = test_exact(or_str_z(cells[i].in));
        begin();
        cli_csv_put(&out, in);
        CHECK_STR(or_buf_str(&out), or_str_z(cells[i].want), cells[i].in);
        free((void *)in.ptr);
    }
    begin();
    cli_csv_put(&out, OR_STR("\0"));
    CHECK_STR(or_buf_str(&out), OR_STR("\"\0\""), "NUL is no end");
}

/* ---- bars and shares ---- */

static const struct {
    int64_t     part, most;
    const char *blocks, *plain, *share;
} bars[] = {
    {0, 0, "", "", "-"},
    {5, 0, "", "", "-"},
    {0, 8, "", "", "0.0 %"},
    {-1, 8, "", "", "0.0 %"},
    {1, 24, "\xE2\x96\x88", "#", "4.1 %"},
    {1, 192, "\xE2\x96\x8F", "#", "0.5 %"}, /* one eighth */
    {7, 192, "\xE2\x96\x89", "#", "3.6 %"},
    {9, 192, "\xE2\x96\x88\xE2\x96\x8F", "#", "4.6 %"},
    {15, 192, "\xE2\x96\x88\xE2\x96\x89", "#", "7.8 %"},
    {16, 192, "\xE2\x96\x88\xE2\x96\x88", "##", "8.3 %"},
    {1, INT64_MAX, "\xE2\x96\x8F", "#", "0.0 %"}, /* something is more than nothing */
    {INT64_MAX / 11, INT64_MAX, NULL, "##", "9.0 %"},
    {INT64_MAX, INT64_MAX, NULL, "########################", "100.0 %"},
    {9, 8, NULL, "########################", "100.0 %"},
};

static void test_bars(void)
{
    for (size_t i = 0; i < sizeof bars / sizeof bars[0]; i++) {
        begin();
        cli_bar_put(&out, bars[i].part, bars[i].most, true);
        if (bars[i].blocks != NULL)
            CHECK_STR(or_buf_str(&out), or_str_z(bars[i].blocks), bars[i].share);
        CHECK(cli_width(or_buf_str(&out)) <= CLI_BAR, bars[i].share);
        begin();
        cli_bar_put(&out, bars[i].part, bars[i].most, false);
        CHECK_STR(or_buf_str(&out), or_str_z(bars[i].plain), bars[i].share);
        begin();
        cli_put_share(&out, bars[i].part, bars[i].most);
        CHECK_STR(or_buf_str(&out), or_str_z(bars[i].share), bars[i].plain);
    }
}

/* ---- the command ---- */

#define ROW(name, requests, tokens, usage, byok, unknown, estimated)                  \
    "{\"name\":\"" name "\",\"requests\":" requests "," tokens ",\"usage\":" usage    \
    ",\"byok_usage\":" byok ",\"unknown_costs\":" unknown ",\"estimated\":" estimated \
    ",\"hash\":\"ab12\"}"
#define TOKENS(p, c)                                                                       \
    "\"prompt_tokens\":" p ",\"completion_tokens\":" c ",\"reasoning_tokens\":1,\"cached_" \
    "tokens\":2"

static const char usual[] =
    "{\"data\":[" ROW("acme/big", "3", TOKENS("100", "20"), "0.3", "0", "0",
                      "0") "," ROW("=evil,\\u001b[31m", "2", TOKENS("10", "5"), "0.05", "0.05", "0",
                                   "1") "," ROW("local", "1", TOKENS("1", "1"), "0", "0", "1",
                                                "0") "],"
                                                     "\"total\":" ROW("", "6", TOKENS("111", "26"),
                                                                      "0.35", "0.05", "1", "1") "}";

static const char table[] =
    "NAME         REQUESTS  TOKENS                      COST   SHARE  \n"
    "acme/big            3     120                       0.3  75.0 %  ########################\n"
    "=evil,[31m         2      15                      ~0.1  25.0 %  ########\n"
    "local               1       2   0 + 1 of unknown cost   0.0 %  \n"
    "all                 6     137  ~0.4 + 1 of unknown cost  100.0 %  \n";

static int run(const char *text, const cli_command *c, char *said, size_t size)
{
    capture s;
    answer = text;
    capture_begin(&s);
    int status = cli_usage(c, NULL);
    capture_end(&s, said, size);
    CHECK(mem_used() == 0, "memory is given back");
    return status;
}

/* The texts but for runs of spaces, which follow from the widest cell. */
static void squeeze(char *text)
{
    char *to = text;
    for (char *from = text; *from != 0; from++)
        if (*from != ' ' || (from[1] != ' ' && from[1] != '\n')) *to++ = *from;
    *to = 0;
}

static void test_command(void)
{
    char        said[4096], want[4096];
    cli_command c;
    memset(&c, 0, sizeof c);
    c.name = "usage";
    setenv("LC_ALL", "C", 1);
    CHECK(run(usual, &c, said, sizeof said) == 0, "table");
    CHECK(strcmp(asked, "GET /api/v1/usage?by=model&days=30") == 0, asked);
    CHECK(strchr(said, '#') == NULL, "no bars where there is no terminal");
    c.bars = true;
    c.by = "key";
    c.days = 7;
    CHECK(run(usual, &c, said, sizeof said) == 0, "table with bars");
    CHECK(strcmp(asked, "GET /api/v1/usage?by=key&days=7") == 0, asked);
    snprintf(want, sizeof want, "%s", table);
    squeeze(said);
    squeeze(want);
    CHECK_STR(or_str_z(said), or_str_z(want), "table with bars");
    setenv("LC_ALL", "", 1); /* counts as not set */
    setenv("LC_CTYPE", "de_DE.utf8", 1);
    CHECK(run(usual, &c, said, sizeof said) == 0 && strstr(said, "\xE2\x96\x88") != NULL, "UTF-8");
    c.csv = true;
    CHECK(run(usual, &c, said, sizeof said) == 0, "CSV");
    CHECK_STR(or_str_z(said),
              OR_STR("key,requests,prompt_tokens,completion_tokens,reasoning_tokens,cached_tokens,"
                     "unknown_costs,estimated,cost_usd,hash\r\n"
                     "acme/big,3,100,20,1,2,0,no,0.3,ab12\r\n"
                     "\"'=evil,[31m\",2,10,5,1,2,0,yes,0.1,ab12\r\n"
                     "local,1,1,1,1,2,1,no,0,ab12\r\n"),
              "CSV");
}

static void test_other_answers(void)
{
    char        said[4096];
    cli_command c;
    memset(&c, 0, sizeof c);
    c.name = "usage";
    CHECK(run("{\"data\":[],\"total\":{}}", &c, said, sizeof said) == 0 && said[0] == 0, "nothing");
    CHECK(run("{\"data\":{}}", &c, said, sizeof said) == 1 && said[0] == 0, "no list");
    CHECK(run("oops", &c, said, sizeof said) == 1 && said[0] == 0, "no JSON");
    CHECK(run("{\"data\":[{}]}", &c, said, sizeof said) == 0, "a row without anything");
    CHECK(strstr(said, "unknown") != NULL, said);
    c.json = true;
    CHECK(run("{\"x\":1}", &c, said, sizeof said) == 0 && strcmp(said, "{\"x\":1}\n") == 0, said);
    c.json = false;
    c.csv = true;
    CHECK(run("{\"data\":[],\"total\":{}}", &c, said, sizeof said) == 0, "nothing as CSV");
    CHECK(strncmp(said, "model,requests,", 15) == 0 && strstr(said, "cost_usd\r\n") != NULL, said);
}

/* With less and less memory: said, given back, and nothing that is half. */
static void test_memory(void)
{
    char        said[4096], whole[4096];
    cli_command c;
    memset(&c, 0, sizeof c);
    c.name = "usage";
    for (int csv = 0; csv < 2; csv++) {
        c.csv = csv == 1;
        CHECK(run(usual, &c, whole, sizeof whole) == 0, "enough");
        for (size_t limit = 0; limit < 20000; limit += 97) {
            mem_set_limit(limit);
            int status = run(usual, &c, said, sizeof said);
            CHECK(status == 0 ? strcmp(said, whole) == 0 : said[0] == 0, "all or nothing");
        }
        mem_set_limit(SIZE_MAX);
    }
}

int main(void)
{
    test_sums();
    test_csv();
    test_bars();
    test_command();
    test_other_answers();
    test_memory();
    TEST_MAIN_END("test_cli_usage");
}
