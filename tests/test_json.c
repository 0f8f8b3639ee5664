/* JSON: what is accepted and what is not, by every reader; splices that always stay valid; a
   writer that cannot be made to write anything else. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/test.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])

/* ---- validation ---- */

static or_err scan_all(or_str text, size_t *at)
{
    or_json_scan s;
    or_json_item item;
    or_err       e;
    or_json_scan_init(&s, text);
    while ((e = or_json_scan_next(&s, &item)) == OR_OK) {}
    CHECK_ERR(or_json_scan_next(&s, &item), e, "the end stays");
    *at = (size_t)(s.at - s.start);
    return e;
}

static const char *const good[] = {
    "null", "true", "false", "0", "-0", "1", "-1", "12", "0.5", "1.25e10", "1E+2", "1e-2", "0e0",
    "\"\"", "\"a\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\\uFFFF\\ud800\"", "[]", "{}", "[[]]",
    "[1,2]", "[1 , 2]", " [ ] ", "\t{\n}\r", "{\"a\":1}", "{ \"a\" : [ { } ] }", "{\"\":{\"\":\"\"}}",
    "{\"a\":1,\"a\":2}", "\"12345678\"", "\"1234567\\u00412345678\"", "\"\xC2\x80\"", "\"\xDF\xBF\"",
    "\"\xE0\xA0\x80\"", "\"\xEC\xBF\xBF\"", "\"\xED\x9F\xBF\"", "\"\xEE\x80\x80\"", "\"\xEF\xBF\xBF\"",
    "\"\xF0\x90\x80\x80\"", "\"\xF4\x8F\xBF\xBF\"", "\"abcdefg\xE4\xB8\xAD\xE6\x96\x87hij\"", "\"\x7f\"",
};

static const struct {
    const char *in;
    size_t      at;
    or_err      e;
} bad[] = {
    {"", 0, OR_ERR_TRUNCATED}, {" ", 1, OR_ERR_TRUNCATED}, {"nul", 3, OR_ERR_TRUNCATED},
    {"nulL", 3, OR_ERR_JSON}, {"nan", 1, OR_ERR_JSON}, {"Infinity", 0, OR_ERR_JSON},
    {"True", 0, OR_ERR_JSON}, {"truex", 4, OR_ERR_JSON}, {"-", 1, OR_ERR_TRUNCATED},
    {"+1", 0, OR_ERR_JSON}, {".5", 0, OR_ERR_JSON}, {"1.", 2, OR_ERR_TRUNCATED}, {"1.x", 2, OR_ERR_JSON},
    {"1e", 2, OR_ERR_TRUNCATED}, {"1e+", 3, OR_ERR_TRUNCATED}, {"1ex", 2, OR_ERR_JSON},
    {"0x1", 1, OR_ERR_JSON}, {"1 2", 2, OR_ERR_JSON}, {"-a", 1, OR_ERR_JSON}, {"--1", 1, OR_ERR_JSON},
    {"[", 1, OR_ERR_TRUNCATED}, {"[1", 2, OR_ERR_TRUNCATED}, {"[1,", 3, OR_ERR_TRUNCATED},
    {"[,1]", 1, OR_ERR_JSON}, {"[1,]", 3, OR_ERR_JSON}, {"[1 2]", 3, OR_ERR_JSON}, {"[1}", 2, OR_ERR_JSON},
    {"]", 0, OR_ERR_JSON}, {"[]]", 2, OR_ERR_JSON}, {"[][]", 2, OR_ERR_JSON}, {"{", 1, OR_ERR_TRUNCATED},
    {"{]", 1, OR_ERR_JSON}, {"{\"a\"", 4, OR_ERR_TRUNCATED}, {"{\"a\":", 5, OR_ERR_TRUNCATED},
    {"{\"a\" 1}", 5, OR_ERR_JSON}, {"{\"a\":}", 5, OR_ERR_JSON}, {"{\"a\":1", 6, OR_ERR_TRUNCATED},
    {"{\"a\":1,", 7, OR_ERR_TRUNCATED}, {"{\"a\":1,}", 7, OR_ERR_JSON}, {"{,}", 1, OR_ERR_JSON},
    {"{a:1}", 1, OR_ERR_JSON}, {"{1:1}", 1, OR_ERR_JSON}, {"{\"a\":1]", 6, OR_ERR_JSON},
    {"{\"a\",1}", 4, OR_ERR_JSON}, {"{\"a\":1:2}", 6, OR_ERR_JSON}, {"[\"a\":1]", 4, OR_ERR_JSON},
    {"{}{}", 2, OR_ERR_JSON}, {"\"", 1, OR_ERR_TRUNCATED}, {"\"a", 2, OR_ERR_TRUNCATED},
    {"'a'", 0, OR_ERR_JSON}, {"\"\n\"", 1, OR_ERR_JSON}, {"\"\x1f\"", 1, OR_ERR_JSON},
    {"\"1234567\t\"", 8, OR_ERR_JSON}, {"\"12345678\t\"", 9, OR_ERR_JSON},
    {"\"\\", 2, OR_ERR_TRUNCATED}, {"\"\\x\"", 2, OR_ERR_JSON}, {"\"\\u", 3, OR_ERR_TRUNCATED},
    {"\"\\u12", 5, OR_ERR_TRUNCATED}, {"\"\\u12g4\"", 5, OR_ERR_JSON}, {"\"\\U0041\"", 2, OR_ERR_JSON},
    {"\"\x80\"", 1, OR_ERR_UTF8}, {"\"\xBF\"", 1, OR_ERR_UTF8}, {"\"\xC0\x80\"", 1, OR_ERR_UTF8},
    {"\"\xC1\xBF\"", 1, OR_ERR_UTF8}, {"\"\xC2\"", 1, OR_ERR_UTF8}, {"\"\xC2", 1, OR_ERR_TRUNCATED},
    {"\"\xE0\x9F\xBF\"", 1, OR_ERR_UTF8}, {"\"\xED\xA0\x80\"", 1, OR_ERR_UTF8},
    {"\"\xE4\xB8\"", 1, OR_ERR_UTF8}, {"\"\xE4\xB8", 1, OR_ERR_TRUNCATED}, {"\"\xE4\x41\xB8\"", 1, OR_ERR_UTF8},
    {"\"\xF0\x8F\xBF\xBF\"", 1, OR_ERR_UTF8}, {"\"\xF4\x90\x80\x80\"", 1, OR_ERR_UTF8},
    {"\"\xF5\x80\x80\x80\"", 1, OR_ERR_UTF8}, {"\"\xFF\"", 1, OR_ERR_UTF8}, {"\xEF\xBB\xBF{}", 0, OR_ERR_JSON},
    {"/**/1", 0, OR_ERR_JSON}, {"{\"a\":tru}", 8, OR_ERR_JSON}, {"[trux]", 4, OR_ERR_JSON},
};

static void check_text(or_str text, or_err want, size_t at, const char *name)
{
    static char memory[65536];
    or_arena    arena;
    or_json_doc doc;
    size_t      where;
    or_str      in = test_exact(text);
    CHECK_ERR(scan_all(in, &where), want, name);
    CHECK(where == at, name);
    CHECK_ERR(or_json_check(in, &where), want == OR_DONE ? OR_OK : want, name);
    CHECK(where == at, name);
    or_arena_init(&arena, memory, sizeof memory);
    CHECK_ERR(or_json_parse(&doc, in, 0, &arena), want == OR_DONE ? OR_OK : want, name);
    CHECK(doc.at == at, name);
    free((void *)(uintptr_t)in.ptr);
}

static void test_validation(void)
{
    for (size_t i = 0; i < LEN(good); i++) check_text(or_str_z(good[i]), OR_DONE, strlen(good[i]), good[i]);
    for (size_t i = 0; i < LEN(bad); i++) check_text(or_str_z(bad[i].in), bad[i].e, bad[i].at, bad[i].in);
    check_text(OR_STR("\"a\0b\""), OR_ERR_JSON, 2, "NUL in a string");
    check_text(OR_STR("1\0"), OR_ERR_JSON, 1, "NUL behind the end");
}

/* A byte that is special is found wherever it stands in a word, and no cut is whole. */
static void test_places(void)
{
    static const struct {
        const char *what;
        or_err      e;
    } specials[] = {{"\n", OR_ERR_JSON}, {"\x80", OR_ERR_UTF8}, {"\\q", OR_ERR_JSON}, {"\\n", OR_DONE},
                    {"\xE4\xB8\xAD", OR_DONE}, {"\xF0\x9F\x98\x80", OR_DONE}, {"\"", OR_ERR_JSON}};
    for (size_t k = 0; k < LEN(specials); k++)
        for (size_t before = 0; before < 20; before++)
            for (size_t after = 0; after < 20; after += 3) {
                char   text[64] = "\"";
                size_t n = 1, at;
                memset(text + n, 'x', before);
                n += before;
                memcpy(text + n, specials[k].what, strlen(specials[k].what));
                n += strlen(specials[k].what);
                memset(text + n, 'y', after);
                n += after;
                text[n++] = '"';
                or_str in = test_exact(or_str_of(text, n));
                or_err e = scan_all(in, &at);
                CHECK_ERR(e, specials[k].e == OR_ERR_JSON && specials[k].what[0] == '"' && after == 0
                                 ? OR_ERR_JSON : specials[k].e, specials[k].what);
                free((void *)(uintptr_t)in.ptr);
                for (size_t cut = 0; cut < n && specials[k].e == OR_DONE; cut++) {
                    in = test_exact(or_str_of(text, cut));
                    CHECK_ERR(scan_all(in, &at), OR_ERR_TRUNCATED, "cut");
                    free((void *)(uintptr_t)in.ptr);
                }
            }
}

static void test_depth(void)
{
    char   text[2 * OR_JSON_MAX_DEPTH + 8];
    size_t at;
    for (unsigned n = OR_JSON_MAX_DEPTH - 1; n <= OR_JSON_MAX_DEPTH + 1; n++) {
        memset(text, '[', n);
        memset(text + n, ']', n);
        CHECK_ERR(scan_all(or_str_of(text, 2 * n), &at), n <= OR_JSON_MAX_DEPTH ? OR_DONE : OR_ERR_DEPTH,
                  "depth");
    }
    /* objects and arrays are told apart at every depth */
    size_t n = 0;
    for (unsigned i = 0; i < 20; i++) n += (size_t)sprintf(text + n, i % 3 ? "[" : "{\"a\":");
    text[n++] = '1';
    for (unsigned i = 20; i-- > 0;) text[n++] = i % 3 ? ']' : '}';
    CHECK_ERR(scan_all(or_str_of(text, n), &at), OR_DONE, "mixed");
    for (size_t i = n - 20; i < n; i++) {
        char saved = text[i];
        text[i] = saved == ']' ? '}' : ']';
        CHECK_ERR(scan_all(or_str_of(text, n), &at), OR_ERR_JSON, "wrong bracket");
        text[i] = saved;
    }
}

static void test_items(void)
{
    or_str       text = OR_STR("{\"a\":[1,\"x\\n\"],\"b\\u0063\":{},\"d\":null}");
    or_json_scan s;
    or_json_item i;
    or_json_scan_init(&s, text);
    CHECK(or_json_scan_next(&s, &i) == OR_OK && i.type == OR_JSON_OBJECT && i.depth == 0, "root");
    CHECK(or_json_scan_next(&s, &i) == OR_OK && i.type == OR_JSON_ARRAY && i.depth == 1, "array");
    CHECK_STR(i.key, OR_STR("a"), "key");
    CHECK(or_json_scan_next(&s, &i) == OR_OK && i.type == OR_JSON_NUMBER && i.depth == 2, "number");
    CHECK(i.key.ptr == NULL, "no key");
    CHECK(or_json_scan_next(&s, &i) == OR_OK && i.type == OR_JSON_STRING && i.escaped, "string");
    CHECK_STR(i.value, OR_STR("x\\n"), "raw");
    CHECK(or_json_scan_next(&s, &i) == OR_OK && i.type == OR_JSON_END && i.depth == 1, "end of array");
    CHECK(or_json_scan_next(&s, &i) == OR_OK && i.type == OR_JSON_OBJECT && i.key_escaped, "escaped key");
    CHECK_ERR(or_json_scan_skip(&s, &i), OR_OK, "skip");
    CHECK_STR(i.value, OR_STR("{}"), "skipped");
    CHECK(or_json_scan_next(&s, &i) == OR_OK && i.type == OR_JSON_NULL && !i.key_escaped, "null");
    CHECK_ERR(or_json_scan_skip(&s, &i), OR_OK, "skip of a scalar");
    CHECK(or_json_scan_next(&s, &i) == OR_OK && i.type == OR_JSON_END && i.depth == 0, "end");
    CHECK_ERR(or_json_scan_next(&s, &i), OR_DONE, "done");
}

/* ---- members and splice ---- */

static or_str join(const or_str *pieces, uint32_t num, char *out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < num; i++) {
        memcpy(out + n, pieces[i].ptr, pieces[i].len);
        n += pieces[i].len;
    }
    return or_str_of(out, n);
}

static const struct {
    const char *in, *edits, *want; /* edits: name=value or -name, separated by ';' */
} splices[] = {
    {"{}", "a=1", "{\"a\":1}"},
    {"{ }", "a=1", "{\"a\":1 }"},
    {"{}", "a=1;b=[2]", "{\"a\":1,\"b\":[2]}"},
    {"{\"a\":1}", "a=2", "{\"a\":2}"},
    {" { \"a\" : 1 } ", "a=2", " { \"a\" : 2 } "},
    {"{\"a\":1}", "b=2", "{\"a\":1,\"b\":2}"},
    {"{\"a\":1}", "-a", "{}"},
    {"{ \"a\" : 1 }", "-a", "{ }"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-a", "{\"b\":2,\"c\":3}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-b", "{\"a\":1,\"c\":3}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-c", "{\"a\":1,\"b\":2}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-a;-b", "{\"c\":3}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-b;-c", "{\"a\":1}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-a;-b;-c", "{}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-a;-b;-c;d=4", "{\"d\":4}"},
    {"{\"a\":1,\"b\":2}", "-a;b=9;c=3", "{\"b\":9,\"c\":3}"},
    {"{\"a\":1 , \"b\":2 }", "-b", "{\"a\":1 }"},
    {"{\"a\":1,\"a\":2}", "a=3", "{\"a\":3}"},
    {"{\"a\":1,\"b\":2,\"a\":3}", "a=4", "{\"a\":4,\"b\":2}"},
    {"{\"a\":1,\"b\":2,\"a\":3}", "-a", "{\"b\":2}"},
    {"{\"m\\u006fdel\":\"x\"}", "model=\"y\"", "{\"m\\u006fdel\":\"y\"}"},
    {"{\"a\":1.0e5,\"b\":\"\\u00e4\"}", "c=null", "{\"a\":1.0e5,\"b\":\"\\u00e4\",\"c\":null}"},
    {"{\"a\":1}", "-b", "{\"a\":1}"},
};

static uint32_t read_edits(char *text, or_json_edit *edits)
{
    uint32_t n = 0;
    for (char *p = strtok(text, ";"); p != NULL; p = strtok(NULL, ";"), n++) {
        char *equals = strchr(p, '=');
        edits[n].value = or_str_of(NULL, 0);
        edits[n].name = or_str_z(p + 1);
        if (equals == NULL) continue;
        edits[n].name = or_str_of(p, (size_t)(equals - p));
        edits[n].value = or_str_z(equals + 1);
    }
    return n;
}

static void test_splices(void)
{
    for (size_t i = 0; i < LEN(splices); i++) {
        or_json_member members[8];
        or_json_edit   edits[8];
        or_str         pieces[64];
        char           text[64], out[256];
        uint32_t       num, num_pieces = 0;
        or_str         in = test_exact(or_str_z(splices[i].in));
        snprintf(text, sizeof text, "%s", splices[i].edits);
        uint32_t num_edits = read_edits(text, edits);
        CHECK_ERR(or_json_members(in, members, 8, &num, NULL), OR_OK, splices[i].in);
        CHECK_ERR(or_json_splice(in, members, num, edits, num_edits, pieces, 64, &num_pieces), OR_OK,
                  splices[i].in);
        CHECK_STR(join(pieces, num_pieces, out), or_str_z(splices[i].want), splices[i].in);
        CHECK(num_pieces <= 6 * num_edits + 2, "as many pieces as promised");
        uint32_t need = num_pieces;
        for (uint32_t max = 0; max < need; max++)
            CHECK_ERR(or_json_splice(in, members, num, edits, num_edits, pieces, max, &num_pieces),
                      OR_ERR_SPACE, "pieces");
        free((void *)(uintptr_t)in.ptr);
    }
}

/* Every choice of keep, replace, remove for up to four members, with and without an insertion,
   with blanks everywhere or nowhere: always JSON, and the members that it should have. */
static void test_splices_all(void)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    for (unsigned blanks = 0; blanks < 2; blanks++)
        for (unsigned members = 0; members <= 4; members++)
            for (unsigned choice = 0; choice < 81 * 2; choice++) {
                or_json_member m[8];
                or_json_edit   edits[8];
                or_str         pieces[64];
                char           text[128], out[256];
                uint32_t       num, num_edits = 0, num_pieces, kept = 0;
                size_t         n = (size_t)sprintf(text, blanks ? " { " : "{");
                unsigned       rest = choice / 2;
                for (unsigned i = 0; i < members; i++, rest /= 3) {
                    n += (size_t)sprintf(text + n, blanks ? "%s \"%s\" : %u " : "%s\"%s\":%u", i ? "," : "",
                                         names[i], i);
                    if (rest % 3 != 2) kept++;
                    if (rest % 3 == 0) continue;
                    edits[num_edits].name = or_str_z(names[i]);
                    edits[num_edits++].value = rest % 3 == 1 ? OR_STR("[7]") : or_str_of(NULL, 0);
                }
                n += (size_t)sprintf(text + n, blanks ? " } " : "}");
                if (choice % 2) {
                    edits[num_edits].name = OR_STR("new");
                    edits[num_edits++].value = OR_STR("8");
                    kept++;
                }
                CHECK_ERR(or_json_members(or_str_of(text, n), m, 8, &num, NULL), OR_OK, text);
                CHECK_ERR(or_json_splice(or_str_of(text, n), m, num, edits, num_edits, pieces, 64,
                                         &num_pieces), OR_OK, text);
                or_str result = join(pieces, num_pieces, out);
                CHECK_ERR(or_json_members(result, m, 8, &num, NULL), OR_OK, text);
                CHECK(num == kept, text);
            }
}

static void test_members(void)
{
    or_json_member m[4];
    or_json_edit   edits[2] = {{OR_STR_INIT("a"), OR_STR_INIT("1")}, {OR_STR_INIT("a"), OR_STR_INIT("2")}};
    or_str         text = OR_STR("{\"a\":\"x\",\"b\":[1, 2],\"\\u0061\":true}"), pieces[8];
    uint32_t       num, num_pieces;
    size_t         at;
    or_err         e;
    CHECK_ERR(or_json_members(text, m, 4, &num, &at), OR_OK, "members");
    CHECK(num == 3 && m[0].type == OR_JSON_STRING && m[1].type == OR_JSON_ARRAY && m[2].type == OR_JSON_TRUE, "types");
    CHECK_STR(m[0].value, OR_STR("\"x\""), "string with quotes");
    CHECK_STR(m[1].value, OR_STR("[1, 2]"), "array");
    CHECK(or_json_member_find(m, num, OR_STR("b"), &e) == &m[1] && e == OR_OK, "find");
    CHECK(or_json_member_find(m, num, OR_STR("c"), &e) == NULL && e == OR_OK, "absent");
    (void)or_json_member_find(m, num, OR_STR("a"), &e);
    CHECK_ERR(e, OR_ERR_DUPLICATE, "twice, once escaped");
    for (uint32_t max = 0; max <= 4; max++)
        CHECK_ERR(or_json_members(text, m, max, &num, &at), max < 3 ? OR_ERR_TOKENS : OR_OK, "max");
    CHECK_ERR(or_json_members(OR_STR("[]"), m, 4, &num, &at), OR_ERR_TYPE, "an array");
    CHECK_ERR(or_json_members(OR_STR("{}x"), m, 4, &num, &at), OR_ERR_JSON, "more");
    CHECK(at == 2, "where");
    CHECK_ERR(or_json_members(OR_STR("{\"a\":[1,}"), m, 4, &num, &at), OR_ERR_JSON, "inside");
    CHECK(at == 8, "where inside");
    CHECK_ERR(or_json_members(OR_STR("{}"), NULL, 0, &num, &at), OR_OK, "none");
    CHECK_ERR(or_json_splice(OR_STR("{}"), m, 0, edits, 2, pieces, 8, &num_pieces), OR_ERR_ARG, "two of one");
    edits[1].name = OR_STR("b\"");
    CHECK_ERR(or_json_splice(OR_STR("{}"), m, 0, edits, 2, pieces, 8, &num_pieces), OR_ERR_ARG, "a quote");
    edits[1].name = OR_STR("b\\");
    CHECK_ERR(or_json_splice(OR_STR("{}"), m, 0, edits, 2, pieces, 8, &num_pieces), OR_ERR_ARG, "a backslash");
}

/* ---- tokens and lookup ---- */

static void test_lookup(void)
{
    static char  memory[8192];
    or_arena     arena;
    or_json_doc  doc;
    or_str       s;
    int64_t      n;
    uint64_t     u;
    bool         b;
    const char  *text = "{\"a\":[10,{\"b\":\"x\\u00e9\\ud83d\\ude00\"},[],{}],\"a/b\":1,\"m~n\":2,\"\":3,"
                        "\"e\\u0066\":4,\"t\":true,\"n\":null,\"p\":\"0.0000000375\",\"f\":5.0,\"g\":1.5,"
                        "\"h\":-3,\"i\":18446744073709551615,\"o\":{\"a\":{\"b\":{\"c\":9}}}}";
    static const struct {
        const char *pointer, *want;
    } cases[] = {
        {"", NULL}, {"/a", "[10,{\"b\":\"x\\u00e9\\ud83d\\ude00\"},[],{}]"}, {"/a/0", "10"},
        {"/a/1/b", "\"x\\u00e9\\ud83d\\ude00\""}, {"/a/2", "[]"}, {"/a/3", "{}"}, {"/a/4", ""},
        {"/a/01", ""}, {"/a/-", ""}, {"/a/x", ""}, {"/a~1b", "1"}, {"/m~0n", "2"}, {"/", "3"}, {"/ef", "4"},
        {"/t", "true"}, {"/n", "null"}, {"/zz", ""}, {"/t/x", ""}, {"a", ""}, {"/o/a/b/c", "9"},
        {"/o/a/b/d", ""}, {"/i", "18446744073709551615"},
    };
    or_arena_init(&arena, memory, sizeof memory);
    CHECK_ERR(or_json_parse(&doc, or_str_z(text), 0, &arena), OR_OK, "parse");
    for (size_t i = 0; i < LEN(cases); i++) {
        or_str raw = or_json_raw(&doc, or_json_find(&doc, 0, cases[i].pointer));
        CHECK_STR(raw, or_str_z(cases[i].want != NULL ? cases[i].want : text), cases[i].pointer);
    }
    CHECK(or_json_find(&doc, -1, "/a") == -1, "from nowhere");
    CHECK_ERR(or_json_get_str(&doc, or_json_find(&doc, 0, "/a/1/b"), &arena, &s), OR_OK, "string");
    CHECK_STR(s, OR_STR("x\xC3\xA9\xF0\x9F\x98\x80"), "unescaped");
    CHECK_ERR(or_json_get_str(&doc, or_json_find(&doc, 0, "/t"), &arena, &s), OR_ERR_TYPE, "not a string");
    CHECK_ERR(or_json_get_str(&doc, -1, &arena, &s), OR_ERR_ABSENT, "no string");
    CHECK_ERR(or_json_get_i64(&doc, or_json_find(&doc, 0, "/f"), &n), OR_OK, "5.0");
    CHECK(n == 5, "5.0 is five");
    CHECK_ERR(or_json_get_i64(&doc, or_json_find(&doc, 0, "/g"), &n), OR_ERR_RANGE, "1.5");
    CHECK_ERR(or_json_get_i64(&doc, or_json_find(&doc, 0, "/p"), &n), OR_ERR_TYPE, "a string");
    CHECK_ERR(or_json_get_i64(&doc, or_json_find(&doc, 0, "/i"), &n), OR_ERR_RANGE, "2^64-1 signed");
    CHECK(or_json_get_u64(&doc, or_json_find(&doc, 0, "/i"), &u) == OR_OK && u == UINT64_MAX, "2^64-1");
    CHECK_ERR(or_json_get_u64(&doc, or_json_find(&doc, 0, "/h"), &u), OR_ERR_RANGE, "negative");
    CHECK_ERR(or_json_get_u64(&doc, or_json_find(&doc, 0, "/zz"), &u), OR_ERR_ABSENT, "absent");
    CHECK(or_json_get_decimal(&doc, or_json_find(&doc, 0, "/p"), 12, &n) == OR_OK && n == 37500, "price");
    CHECK(or_json_get_bool(&doc, or_json_find(&doc, 0, "/t"), &b) == OR_OK && b, "true");
    CHECK_ERR(or_json_get_bool(&doc, or_json_find(&doc, 0, "/n"), &b), OR_ERR_TYPE, "null is no bool");

    int names = 0, elements = 0;
    for (int i = or_json_first(&doc, 0); i >= 0; i = or_json_next(&doc, i)) names++;
    for (int i = or_json_first(&doc, or_json_find(&doc, 0, "/a")); i >= 0; i = or_json_next(&doc, i)) elements++;
    CHECK(names == 13 && elements == 4, "siblings");
    CHECK(or_json_first(&doc, or_json_find(&doc, 0, "/a/2")) == -1, "empty array");
    CHECK(or_json_type_at(&doc, -1) == OR_JSON_NONE && or_json_type_at(&doc, doc.num) == OR_JSON_NONE, "type");
    for (int i = 1; i < doc.num; i++)
        CHECK(doc.tok[i].parent >= 0 && doc.tok[i].parent < i, "parent links");
}

static void test_limits(void)
{
    static uint64_t memory[128]; /* aligned: "arena" below counts bytes */
    or_arena        arena;
    or_json_doc     doc;
    or_str          text = OR_STR("{\"a\":[1,2,3]}"), s;
    for (uint32_t max = 5; max <= 7; max++) { /* root, name, array and three numbers: six */
        or_arena_init(&arena, memory, sizeof memory);
        CHECK_ERR(or_json_parse(&doc, text, max, &arena), max < 6 ? OR_ERR_TOKENS : OR_OK, "tokens");
    }
    for (size_t n = 0; n <= 6 * sizeof(or_json_tok) + 8; n += 4) {
        or_arena_init(&arena, memory, n);
        CHECK_ERR(or_json_parse(&doc, text, 0, &arena), n < 6 * sizeof(or_json_tok) ? OR_ERR_SPACE : OR_OK, "arena");
    }
    test_heap    h = {0, 1, 0};
    or_allocator failing = TEST_ALLOCATOR(&h);
    or_arena_init_growing(&arena, NULL, 0, &failing);
    CHECK_ERR(or_json_parse(&doc, text, 0, &arena), OR_ERR_MEMORY, "no memory");
    or_arena_init(&arena, memory, sizeof memory);
    CHECK_ERR(or_json_parse(&doc, OR_STR("\"\\n\""), 0, &arena), OR_OK, "string");
    or_arena_init(&arena, memory, 0);
    CHECK_ERR(or_json_get_str(&doc, 0, &arena, &s), OR_ERR_SPACE, "unescape needs room");
}

/* Raw strings and what they are, or are not. */
static void test_str_is(void)
{
    static const struct {
        const char *raw, *plain;
        bool        is;
    } cases[] = {
        {"", "", true},           {"", "a", false},          {"a", "", false},
        {"abc", "abc", true},     {"abc", "abd", false},     {"ab", "abc", false},
        {"abc", "ab", false},     {"\\n", "\n", true},      {"\\n", "\\n", false},
        {"a\\n", "a\\n", false}, {"a\\\\n", "a\\n", true}, {"a\\\\n", "a\\\\n", false},
        {"\\u0061bc", "abc", true}, {"a\\u0062c", "abc", true}, {"ab\\u0063", "abc", true},
        {"a\\u0062", "abc", false}, {"a\\u0062cd", "abc", false}, {"\\u0062bc", "abc", false},
        {"a\\u0000", "a", false}, {"\\u0000", "", false},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        or_str raw = test_exact(or_str_z(cases[i].raw)), plain = or_str_z(cases[i].plain);
        CHECK(or_json_str_is(raw, plain) == cases[i].is, cases[i].raw);
        CHECK(or_json_str_is_z(raw, cases[i].plain) == cases[i].is, cases[i].raw);
        free((void *)(uintptr_t)raw.ptr);
    }
    CHECK(or_json_str_is(or_str_of(NULL, 0), OR_STR("")), "absent");
    CHECK(or_json_str_is_z(or_str_of(NULL, 0), ""), "absent");
    CHECK(!or_json_str_is_z(or_str_of(NULL, 0), "a"), "absent");
}

static void test_unescape(void)
{
    static const struct {
        const char *raw, *want;
    } cases[] = {
        {"", ""}, {"abc", "abc"}, {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u4e2d", "A\xC3\xA9\xE4\xB8\xAD"}, {"\\uD83D\\uDE00", "\xF0\x9F\x98\x80"},
        {"\\ud83d", "\xEF\xBF\xBD"}, {"\\ude00", "\xEF\xBF\xBD"}, {"\\ud83d\\n", "\xEF\xBF\xBD\n"},
        {"\\ud83d\\u0041", "\xEF\xBF\xBD" "A"}, {"\\ud83dx", "\xEF\xBF\xBDx"},
        {"\\udc00\\udc00", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\\udbff\\udfff", "\xF4\x8F\xBF\xBF"}, {"\\ud83d\\ud83d\\ude00", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        or_str raw = test_exact(or_str_z(cases[i].raw)), out;
        size_t need = strlen(cases[i].want);
        CHECK(need <= raw.len, "never longer");
        for (size_t cap = 0; cap <= need; cap++) {
            char  *buf = malloc(cap + 1);
            or_err e = or_json_unescape(raw, buf, cap, &out);
            CHECK_ERR(e, cap < need ? OR_ERR_SPACE : OR_OK, cases[i].raw);
            if (e == OR_OK) CHECK_STR(out, or_str_z(cases[i].want), cases[i].raw);
            free(buf);
        }
        CHECK(or_json_str_is_z(raw, cases[i].want), cases[i].raw);
        CHECK(need == 0 || !or_json_str_is(raw, or_str_of(cases[i].want, need - 1)), cases[i].raw);
        CHECK(!or_json_str_is(raw, OR_STR("something else")), cases[i].raw);
        free((void *)(uintptr_t)raw.ptr);
    }
    or_str out;
    char   buf[8];
    CHECK(or_json_unescape(OR_STR("\\u0000x"), buf, sizeof buf, &out) == OR_OK && out.len == 2 && buf[0] == 0, "NUL");
}

/* ---- writer ---- */

/* Random calls: whatever they are, a writer that says OR_OK wrote JSON. */
static void test_writer_random(void)
{
    static char mem[4096];
    unsigned    state = 12345, complete = 0;
    for (unsigned run = 0; run < 20000; run++) {
        or_buf         out;
        or_json_writer w;
        size_t         at;
        or_buf_init(&out, mem, sizeof mem);
        or_json_writer_init(&w, &out);
        for (unsigned calls = 0; calls < 12; calls++) {
            state = state * 1103515245u + 12345u;
            switch (state >> 16 & 15) {
            case 0: or_json_begin_object(&w); break;
            case 1: or_json_end_object(&w); break;
            case 2: or_json_begin_array(&w); break;
            case 3: or_json_end_array(&w); break;
            case 4: case 5: or_json_put_key(&w, OR_STR("k\"\n")); break;
            case 6: or_json_put_str(&w, OR_STR("v\\\x01\xC3\xA9")); break;
            case 7: or_json_put_i64(&w, INT64_MIN); break;
            case 8: or_json_put_u64(&w, UINT64_MAX); break;
            case 9: or_json_put_bool(&w, true); break;
            case 10: or_json_put_null(&w); break;
            case 11: or_json_put_decimal(&w, -15, 1); break;
            case 12: or_json_put_raw(&w, OR_STR(" [1] ")); break;
            case 13: or_json_begin_str(&w); break;
            case 14: or_json_put_part(&w, OR_STR("p")); break;
            case 15: or_json_end_str(&w); break;
            }
            if (or_json_writer_end(&w) != OR_OK) continue;
            complete++;
            CHECK_ERR(scan_all(or_buf_str(&out), &at), OR_DONE, "what the writer wrote");
        }
    }
    CHECK(complete > 1000, "some were complete");
}

static void test_writer(void)
{
    static char    mem[256];
    or_buf         out;
    or_json_writer w;
    or_buf_init(&out, mem, sizeof mem);
    or_json_writer_init(&w, &out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("a"));
    or_json_begin_array(&w);
    or_json_put_i64(&w, -1);
    or_json_put_decimal(&w, 37500, 12);
    or_json_end_array(&w);
    or_json_put_key(&w, OR_STR("b"));
    or_json_begin_str(&w);
    or_json_put_part(&w, OR_STR("x"));
    or_json_put_part(&w, OR_STR("\x1f\"y\""));
    or_json_end_str(&w);
    CHECK_ERR(or_json_writer_end(&w), OR_ERR_ARG, "not closed");
    or_json_end_object(&w);
    CHECK_ERR(or_json_writer_end(&w), OR_OK, "closed");
    or_str want = OR_STR("{\"a\":[-1,0.0000000375],\"b\":\"x\\u001f\\\"y\\\"\"}");
    CHECK_STR(or_buf_str(&out), want, "written");
    for (size_t n = 0; n < want.len; n++) {
        or_buf_init(&out, mem, n);
        or_json_writer_init(&w, &out);
        CHECK_ERR(or_json_put_raw(&w, want), OR_ERR_SPACE, "buffer too small");
        CHECK_ERR(or_json_writer_end(&w), OR_ERR_SPACE, "sticks");
    }
    for (size_t n = 0; n < 5; n++) { /* the very call that does not fit says so */
        or_buf_init(&out, mem, n);
        or_json_writer_init(&w, &out);
        CHECK_ERR(or_json_begin_object(&w), n < 1 ? OR_ERR_SPACE : OR_OK, "begin");
        CHECK_ERR(or_json_put_key(&w, OR_STR("a")), n < 5 ? OR_ERR_SPACE : OR_OK, "key");
        or_buf_init(&out, mem, n);
        or_json_writer_init(&w, &out);
        CHECK_ERR(or_json_begin_str(&w), n < 1 ? OR_ERR_SPACE : OR_OK, "begin of a string");
        CHECK_ERR(or_json_put_part(&w, OR_STR("bc")), n < 3 ? OR_ERR_SPACE : OR_OK, "part");
        CHECK_ERR(or_json_end_str(&w), n < 4 ? OR_ERR_SPACE : OR_OK, "end of a string");
    }
    or_buf_init(&out, mem, sizeof mem);
    or_json_writer_init(&w, &out);
    CHECK_ERR(or_json_put_str(&w, OR_STR("\xC3")), OR_ERR_UTF8, "not UTF-8");
    CHECK_ERR(or_json_put_null(&w), OR_ERR_UTF8, "sticks");
    static char deep[2 * OR_JSON_MAX_DEPTH];
    or_buf_init(&out, deep, sizeof deep);
    or_json_writer_init(&w, &out);
    for (int i = 0; i < OR_JSON_MAX_DEPTH; i++) CHECK_ERR(or_json_begin_array(&w), OR_OK, "depth");
    CHECK_ERR(or_json_begin_array(&w), OR_ERR_DEPTH, "too deep");
}

int main(void)
{
    test_validation();
    test_places();
    test_depth();
    test_items();
    test_splices();
    test_splices_all();
    test_members();
    test_lookup();
    test_limits();
    test_str_is();
    test_unescape();
    test_writer();
    test_writer_random();
    TEST_MAIN_END("test_json");
}
