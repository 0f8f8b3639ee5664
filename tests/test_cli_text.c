/* What the commands print: text from outside made harmless, amounts, tables. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "proxy/cli_parts.h"
#include "proxy/mem.h"
#include "tests/test.h"

static char   mem[4096];
static or_buf out;

static or_str begin(void)
{
    or_buf_init(&out, mem, sizeof mem);
    return or_str_of(mem, 0);
}

static const struct {
    const char *name, *in, *want;
} texts[] = {
    {"plain", "Hello, world", "Hello, world"},
    {"line ends and tabs stay", "a\n\tb\n", "a\n\tb\n"},
    {"no carriage return", "a\r\nb\rc", "a\nbc"},
    {"no colours", "\033[31mred\033[0m", "[31mred[0m"},
    {"no title", "\033]0;title\007x", "]0;titlex"},
    {"no backspace, no delete", "a\bb\177c", "abc"},
    {"no C1: CSI in two bytes",
     "a\xC2\x9B"
     "31mb",
     "a31mb"},
    {"the last of C1, and what is behind", "\xC2\x9F|\xC2\xA0|", "|\xC2\xA0|"},
    {"UTF-8 stays", "\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80", "\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80"},
    {"not UTF-8: a lone byte",
     "a\x9B"
     "b",
     "a\xEF\xBF\xBD"
     "b"},
    {"not UTF-8: cut", "a\xE6\x97", "a\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"not UTF-8: overlong escape", "\xC0\x9B", "\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"not UTF-8: overlong in three", "\xE0\x80\x9B", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"not UTF-8: surrogate", "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"not UTF-8: too large", "\xF4\x90\x80\x80",
     "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
};

static void test_clean(void)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        or_str in = test_exact(or_str_z(texts[i].in));
        begin();
        cli_put_clean(&out, in, false);
        CHECK_STR(or_buf_str(&out), or_str_z(texts[i].want), texts[i].name);
        free((void *)in.ptr);
    }
    begin();
    cli_put_clean(&out, OR_STR("a\nb\tc\0d"), true);
    CHECK_STR(or_buf_str(&out), OR_STR("a b cd"), "one line, without NUL");
}

/* Whatever comes: no control byte is left, and what is left is clean. */
static void test_clean_all_bytes(void)
{
    uint32_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        char   text[12], again[64];
        or_buf twice;
        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1664525 + 1013904223;
            text[i] = (char)(seed >> 24);
        }
        begin();
        cli_put_clean(&out, or_str_of(text, sizeof text), true);
        for (size_t i = 0; i < out.len; i++)
            CHECK((unsigned char)mem[i] >= 0x20 && mem[i] != 0x7F, "random bytes");
        or_buf_init(&twice, again, sizeof again);
        cli_put_clean(&twice, or_buf_str(&out), true);
        CHECK_STR(or_buf_str(&twice), or_buf_str(&out), "clean is clean");
    }
}

static void test_width(void)
{
    CHECK(cli_width(OR_STR("abc")) == 3, "letters");
    CHECK(cli_width(OR_STR("\xC3\xA9")) == 1, "e acute");
    CHECK(cli_width(OR_STR("e\xCC\x81")) == 1, "e and an accent");
    CHECK(cli_width(OR_STR("\xE6\x97\xA5\xE6\x9C\xAC")) == 4, "two wide ones");
    CHECK(cli_width(OR_STR("")) == 0, "nothing");
}

static const struct {
    const char *in, *want;
} prices[] = {
    {"0.00000015", "0.15"}, {"0.000001", "1"},
    {"0", "free"},          {"0.0", "free"},
    {"-1", "unknown"},      {"", "unknown"},
    {"null", "unknown"},    {"0.00000003752", "0.03752"},
    {"1e-6", "1"},          {"1000000", "1000000000000"},
};

static void test_amounts(void)
{
    for (size_t i = 0; i < sizeof prices / sizeof prices[0]; i++) {
        begin();
        cli_put_price(&out, or_str_z(prices[i].in));
        CHECK_STR(or_buf_str(&out), or_str_z(prices[i].want), prices[i].in);
    }
    begin();
    cli_put_usd(&out, 1200000);
    CHECK_STR(or_buf_str(&out), OR_STR("0.0000012 USD"), "usd");
    begin();
    cli_put_seconds(&out, 61059);
    CHECK_STR(or_buf_str(&out), OR_STR("61.05 s"), "seconds");
}

static void test_escaped(void)
{
    begin();
    cli_put_escaped(&out, OR_STR("acme/big:free \xC3\xA9?&\n"), false);
    CHECK_STR(or_buf_str(&out), OR_STR("acme/big:free%20%C3%A9%3F%26%0A"), "path");
    begin();
    cli_put_escaped(&out, OR_STR("a/b c&d=e%\0"), true);
    CHECK_STR(or_buf_str(&out), OR_STR("a%2Fb%20c%26d%3De%25%00"), "query");
}

static void test_items(void)
{
    or_str list = OR_STR(" a , b,,c ,"), item = OR_STR("");
    CHECK(cli_next_item(&list, &item) && or_str_eq(item, OR_STR("a")), "first");
    CHECK(cli_next_item(&list, &item) && or_str_eq(item, OR_STR("b")), "second");
    CHECK(cli_next_item(&list, &item) && or_str_eq(item, OR_STR("c")), "third");
    CHECK(!cli_next_item(&list, &item), "no more");
}

static void test_table(void)
{
    static const char *const cells[] = {"NAME", "N",   "TEXT", "\xC3\xA9t\xC3\xA9", "7", "x\033y",
                                        "b",    "123", ""};
    cli_table                t;
    cli_table_begin(&t, 3, 1u << 1);
    for (size_t i = 0; i < 9; i++) cli_table_add_z(&t, cells[i]);
    begin();
    cli_table_put(&t, &out, false);
    CHECK_STR(or_buf_str(&out),
              OR_STR("NAME    N  TEXT\n\xC3\xA9t\xC3\xA9     7  xy\nb     123  \n"), "table");
    begin();
    cli_table_put(&t, &out, true);
    CHECK(or_str_find(or_buf_str(&out), OR_STR("\033[1mNAME    N  TEXT\033[0m\n"), 0) == 0, "head");
    cli_table_end(&t);
    CHECK(mem_used() == 0, "memory is given back");
}

static const struct {
    const char *in, *want; /* want NULL: OR_ERR_ARG, "": OR_ERR_RANGE */
} expiries[] = {
    {"2026-12-31T23:59:59Z", "2026-12-31T23:59:59Z"},
    {"2026-12-31", "2026-12-31T00:00:00Z"},
    {"2028-02-29", "2028-02-29T00:00:00Z"},
    {"2027-02-29", NULL},
    {"2027-13-01", NULL},
    {"2027-1-01", NULL},
    {"2027-01-0a", NULL},
    {"+027-01-01", NULL},
    {"2026-12-31T24:00:00Z", NULL},
    {"2026-12-31T23:59:59", NULL},
    {"2026-12-31 23:59:59Z", NULL},
    {"2026-12-31T23:59:59+01:00", NULL},
    {"1s", "2026-11-21T16:00:01Z"},
    {"90m", "2026-11-21T17:30:00Z"},
    {"24h", "2026-11-22T16:00:00Z"},
    {"30d", "2026-12-21T16:00:00Z"},
    {"0d", ""},
    {"2026-11-21", ""},
    {"2026-11-21T16:00:00Z", ""},
    {"2026-11-21T16:00:01Z", "2026-11-21T16:00:01Z"},
    {"30", NULL},
    {"d", NULL},
    {"", NULL},
    {"-1d", NULL},
    {"1.5h", NULL},
    {"30 d", NULL},
    {"99999999999999999999d", NULL},
    {"366001d", NULL},
};

static void test_expiry(void)
{
    const int64_t now = 1795276800; /* 2026-11-21T16:00:00Z */
    for (size_t i = 0; i < sizeof expiries / sizeof expiries[0]; i++) {
        const char *want = expiries[i].want;
        or_str      in = test_exact(or_str_z(expiries[i].in));
        begin();
        CHECK_ERR(cli_put_expiry(&out, in, now),
                  want == NULL ? OR_ERR_ARG : want[0] == 0 ? OR_ERR_RANGE : OR_OK, expiries[i].in);
        CHECK_STR(or_buf_str(&out), or_str_z(want != NULL ? want : ""), expiries[i].in);
        free((void *)in.ptr);
    }
}

int main(void)
{
    test_clean();
    test_clean_all_bytes();
    test_width();
    test_amounts();
    test_escaped();
    test_items();
    test_table();
    test_expiry();
    TEST_MAIN_END("test_cli_text");
}
