/* Lists of models in pages: which one is next, and all of them as one list. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "proxy/pages.h"
#include "tests/test.h"

static const struct {
    const char   *name;
    provider_kind kind;
    const char   *body, *next;
} cases[] = {
    {"anthropic", PROVIDER_ANTHROPIC, "{\"data\":[{}],\"has_more\":true,\"last_id\":\"c-1\"}",
     "c-1"},
    {"its last", PROVIDER_ANTHROPIC, "{\"data\":[{}],\"has_more\":false,\"last_id\":\"c-1\"}", ""},
    {"order", PROVIDER_ANTHROPIC, "{\"last_id\":\"c-1\",\"has_more\":true,\"data\":[]}", "c-1"},
    {"no more", PROVIDER_ANTHROPIC, "{\"last_id\":\"c-1\"}", ""},
    {"no id", PROVIDER_ANTHROPIC, "{\"has_more\":true,\"last_id\":null}", ""},
    {"deeper", PROVIDER_ANTHROPIC,
     "{\"data\":[{\"last_id\":\"x\",\"has_more\":true}],\"x\":{\"has_more\":true,\"last_id\":\"y\"}"
     "}",
     ""},
    {"gemini", PROVIDER_GEMINI, "{\"models\":[],\"nextPageToken\":\"Cg\\u0041/+\\/=\"}", "CgA/+/="},
    {"escaped name", PROVIDER_GEMINI, "{\"next\\u0050ageToken\":\"t\"}", "t"},
    {"its last", PROVIDER_GEMINI, "{\"models\":[]}", ""},
    {"empty", PROVIDER_GEMINI, "{\"models\":[],\"nextPageToken\":\"\"}", ""},
    {"a number", PROVIDER_GEMINI, "{\"nextPageToken\":5}", ""},
    {"broken", PROVIDER_GEMINI, "{\"nextPageToken\":\"t\"", ""},
    {"broken", PROVIDER_GEMINI, "{\"nextPageToken\":\"t\"}}", ""},
    {"not an object", PROVIDER_GEMINI, "[\"nextPageToken\"]", ""},
    {"not a list", PROVIDER_GEMINI, "", ""},
    {"without pages", PROVIDER_OPENAI,
     "{\"has_more\":true,\"last_id\":\"c-1\",\"nextPageToken\":\"t\"}", ""},
};

static void test_next(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char mem[PAGES_MAX_TOKEN];
        CHECK_STR(pages_next(cases[i].kind, or_str_z(cases[i].body), mem), or_str_z(cases[i].next),
                  cases[i].name);
    }
}

static void test_long_tokens(void)
{
    for (int n = PAGES_MAX_TOKEN - 1; n <= PAGES_MAX_TOKEN + 1; n++) {
        char mem[PAGES_MAX_TOKEN], body[PAGES_MAX_TOKEN + 64];
        snprintf(body, sizeof body, "{\"nextPageToken\":\"%0*d\"}", n, 7);
        or_str next = pages_next(PROVIDER_GEMINI, or_str_z(body), mem);
        CHECK(next.len == (n <= PAGES_MAX_TOKEN ? (size_t)n : 0), "long token");
    }
}

/* Pages, NULL at the end, and the list that they are. */
static const struct {
    const char *pages[4], *want;
} joined[] = {
    {{"{\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"has_more\":true}", "{\"data\":[{\"id\":\"c\"}]}",
      NULL},
     "[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"}]"},
    {{"{\"models\":[\n {\"name\":\"]\"}\r\n\t]}", "{\"x\":[1],\"models\":[{}]}", NULL},
     "[{\"name\":\"]\"},{}]"},
    {{"{\"data\":[]}", "{\"data\":[ \n ]}", "{\"data\":[{}]}", NULL}, "[{}]"},
    {{"{\"data\":[{}]}", "{\"data\":[]}", "{\"data\":[1]}", NULL}, "[{},1]"},
    {{"{\"data\":[]}", NULL}, "[]"},
};

static or_err join(or_buf *out, const char *const *pages)
{
    for (; *pages != NULL; pages++)
        if (pages_add(out, or_str_z(*pages)) != OR_OK) return out->err;
    return pages_end(out);
}

static void test_join(void)
{
    for (size_t i = 0; i < sizeof joined / sizeof joined[0]; i++) {
        char   mem[128];
        size_t whole = strlen(joined[i].want);
        for (size_t cap = 0; cap <= whole; cap++) {
            or_buf out;
            or_buf_init(&out, mem, cap);
            CHECK_ERR(join(&out, joined[i].pages), cap < whole ? OR_ERR_SPACE : OR_OK,
                      joined[i].want);
            if (cap < whole) continue;
            CHECK_STR(or_buf_str(&out), or_str_z(joined[i].want), joined[i].want);
            CHECK_ERR(or_json_check(or_buf_str(&out), NULL), OR_OK, joined[i].want);
        }
    }
}

/* What is no page adds nothing, wherever it is cut. */
static void test_bad_pages(void)
{
    static const char *const bad[] = {"",
                                      "5",
                                      "[]",
                                      "[{}]",
                                      "{}",
                                      "{\"data\":5}",
                                      "{\"data\":{}}",
                                      "{\"x\":{\"data\":[]}}",
                                      "{\"data\":[1,]}",
                                      "<html>"};
    static const char        whole[] = "{\"data\":[{\"id\":\"a\"}],\"has_more\":true}";
    char                     mem[128];
    or_buf                   out;
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(pages_add(&out, or_str_z("{\"data\":[1]}")), OR_OK, "first");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(pages_add(&out, or_str_z(bad[i])) < 0, bad[i]);
        CHECK_STR(or_buf_str(&out), OR_STR("[1"), bad[i]);
    }
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        CHECK(pages_add(&out, or_str_of(whole, n)) < 0, "cut");
        CHECK_STR(or_buf_str(&out), OR_STR("[1"), "cut");
    }
}

int main(void)
{
    test_next();
    test_long_tokens();
    test_join();
    test_bad_pages();
    TEST_MAIN_END("test_pages");
}
