/* What a chat request may not be, and where the message says it. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "proxy/facts.h"
#include "tests/test.h"

static const struct {
    const char *in, *want; /* want: the message; "" when the request is good */
} cases[] = {
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", ""},
    {"{\"messages\":[{\"role\":\"user\",\"content\":null}]}", ""},
    {"{\"messages\":[{\"role\":\"user\"}]}", ""},
    {" {\"model\":null,\"stream\":null,\"messages\":[{\"role\":\"user\",\"content\":[]}]}\n", ""},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]}", ""},
    {"{\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"a\",\"x\":[1,[2]]}]}", ""},
    {"{\"unknown\":{\"messages\":1},\"messages\":[{\"role\":\"user\"}],\"more\":[[]]}", ""},
    {"{\"models\":[\"a\",\"b\"],\"messages\":[{\"role\":\"user\"}]}", ""},
    {"{\"stop\":\"x\",\"max_tokens\":0,\"tools\":[],\"messages\":[{\"role\":\"user\"}]}", ""},

    {"", "request body is empty: send a JSON object"},
    {"[]", "request body is an array: use an object"},
    {"\"x\"", "request body is a string: use an object"},
    {"{}", "messages is missing"},
    {"{\"messages\":[]}", "messages is empty: give at least one message"},
    {"{\"messages\":{}}", "messages is an object: use an array of messages"},
    {"{\"messages\":null}", "messages is null: use an array of messages"},
    {"{\"messages\":[1]}", "messages[0] is a number: use an object"},
    {"{\"messages\":[{\"role\":\"user\"},[]]}", "messages[1] is an array: use an object"},
    {"{\"messages\":[{}]}", "messages[0].role is missing"},
    {"{\"messages\":[{\"role\":\"user\"},{\"content\":\"a\"}]}", "messages[1].role is missing"},
    {"{\"messages\":[{\"role\":1}]}", "messages[0].role is a number: use a string"},
    {"{\"messages\":[{\"role\":\"user\"},{\"role\":\"user\",\"content\":5}]}",
     "messages[1].content is a number: use a string, an array of parts or null"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[\"a\"]}]}",
     "messages[0].content[0] is a string: use an object"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{},[]]}]}",
     "messages[0].content[1] is an array: use an object"},
    {"{\"messages\":[{\"role\":\"user\",\"role\":\"user\"}]}", "messages[0].role is given twice"},
    {"{\"messages\":[{\"role\":\"user\",\"r\\u006fle\":\"user\"}]}", "messages[0].role is given twice"},
    {"{\"model\":5}", "model is a number: use a string"},
    {"{\"m\\u006fdel\":5}", "model is a number: use a string"},
    {"{\"model\":\"a\",\"model\":\"b\"}", "model is given twice"},
    {"{\"model\":\"a\",\"m\\u006fdel\":\"b\"}", "model is given twice"},
    {"{\"models\":[\"a\",2]}", "models[1] is a number: use a string"},
    {"{\"stream\":\"true\"}", "stream is a string: use true or false"},
    {"{\"max_tokens\":\"5\"}", "max_tokens is a string: use a number"},
    {"{\"provider\":[]}", "provider is an array: use an object"},
    {"{\"tools\":{}}", "tools is an object: use an array of tools"},
    {"{\"stream\":true,}", "request body is not valid JSON: malformed JSON at byte 15"},
    {"{\"stream\":tru}", "request body is not valid JSON: malformed JSON at byte 13"},
    {"{\"messages\":[{\"role\":\"user\"}]}x", "request body is not valid JSON: malformed JSON at byte 30"},
    {"{\"messages\":[{\"role\":\"us\xff\"}]}",
     "request body is not valid JSON: text is not UTF-8 at byte 24"},
};

static bool read_facts(or_str body, facts *f, char *message, size_t size)
{
    static char mem[65536];
    or_arena    arena;
    or_arena_init(&arena, mem, sizeof mem);
    return facts_read(body, FACTS_CHAT, &arena, f, message, size);
}

static void test_cases(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char   message[256] = "";
        facts  f;
        or_str in = test_exact(or_str_z(cases[i].in));
        bool   good = read_facts(in, &f, message, sizeof message);
        CHECK(good == (cases[i].want[0] == 0), cases[i].in);
        CHECK_STR(or_str_z(message), or_str_z(cases[i].want), cases[i].in);
        free((void *)(uintptr_t)in.ptr);
    }
}

/* No cut of a good request is good. */
static void test_cut(void)
{
    const char *whole = "{\"model\":\"a/b\",\"stream\":true,\"models\":[\"c\"],\"messages\":"
                        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]},{\"role\":\"a\"}]}";
    char        message[256];
    facts       f;
    for (size_t n = 0; n < strlen(whole); n++) {
        or_str in = test_exact(or_str_of(whole, n));
        CHECK(!read_facts(in, &f, message, sizeof message), "cut");
        free((void *)(uintptr_t)in.ptr);
    }
    CHECK(read_facts(or_str_z(whole), &f, message, sizeof message), "whole");
    CHECK_STR(f.request.models[0], OR_STR("a/b"), "model");
    CHECK(f.stream, "stream");
    CHECK(f.num_messages == 2, "messages");
}

static void test_session_id(void)
{
    char  text[512], message[256];
    facts f;
    for (int n = 255; n <= 257; n++) {
        snprintf(text, sizeof text, "{\"session_id\":\"%0*d\",\"messages\":[{\"role\":\"user\"}]}", n, 0);
        CHECK(read_facts(or_str_z(text), &f, message, sizeof message) == (n <= 256), "session_id");
    }
}

/* What a history may have to be changed for, by what is in it. */
static void test_lacks(void)
{
    static const struct {
        const char *message, *more;
        uint32_t    lacks;
    } rows[] = {
        {"'role':'user','content':'x'", "", 0},
        {"'role':'developer','content':'x'", "", OR_LACKS_DEVELOPER},
        {"'role':'user','content':'developer'", "", 0},
        {"'role':'user','content':'x','name':'n'", "", OR_LACKS_NAME},
        {"'role':'assistant','content':'x','reasoning':'r'", "",
         OR_LACKS_REASONING | OR_WANTS_REASONING},
        {"'role':'assistant','content':'x','reasoning_content':null", "",
         OR_LACKS_REASONING | OR_WANTS_REASONING},
        {"'role':'assistant','content':'x','reasoning_d\\u0065tails':[]", "",
         OR_LACKS_REASONING | OR_LACKS_DETAILS | OR_WANTS_REASONING},
        {"'role':'assistant','content':'x','refusal':null", "", OR_LACKS_DETAILS},
        {"'role':'assistant','content':'x','annotations':[]", "", OR_LACKS_DETAILS},
        {"'role':'assistant','content':'x','images':[]", "", OR_LACKS_DETAILS},
        {"'role':'assistant','content':'x','tool_calls':[]", "",
         OR_WANTS_ARGUMENTS | OR_WANTS_SHORT_IDS | OR_WANTS_REASONING | OR_WANTS_CONTENT},
        {"'role':'assistant','content':null", "", OR_WANTS_CONTENT},
        {"'role':'assistant'", "", OR_WANTS_CONTENT | OR_WANTS_TURNS},
        {"'role':'assistant','content':''", "", OR_WANTS_TURNS},
        {"'role':'tool','content':'x','tool_call_id':'i'", "", OR_WANTS_SHORT_IDS | OR_WANTS_TURNS},
        {"'role':'user','content':'x','cache_control':{}", "", OR_LACKS_CACHE_CONTROL},
        {"'role':'user','content':[{'type':'text','text':'x'}]", "", OR_WANTS_TEXT},
        {"'role':'user','content':[{'type':'text','cache_control':{}}]", "",
         OR_WANTS_TEXT | OR_LACKS_CACHE_CONTROL},
        {"'role':'user','content':'x'", ",'tools':[{'function':{'strict':true}}]", OR_LACKS_STRICT},
        {"'role':'user','content':'x'", ",'tools':[{'cache_control':{}}]", OR_LACKS_CACHE_CONTROL},
        {"'role':'user','content':'x'", ",'tools':[]", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char  text[512], message[256] = "";
        facts f;
        snprintf(text, sizeof text, "{'messages':[{%s}]%s}", rows[i].message, rows[i].more);
        for (char *c = text; *c != 0; c++)
            if (*c == '\'') *c = '"';
        CHECK(read_facts(or_str_z(text), &f, message, sizeof message), message);
        CHECK(f.lacks == rows[i].lacks, text);
    }
}

int main(void)
{
    test_lacks();
    test_cases();
    test_cut();
    test_session_id();
    TEST_MAIN_END("test_facts");
}
