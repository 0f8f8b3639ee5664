/* What a direct provider says, and what a client is told. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "proxy/shape.h"
#include "tests/test.h"

static char memory[1 << 20];

static const shape sample = {OR_STR_INIT("gen-17-Ab9"), OR_STR_INIT("acme/big"),
                             OR_STR_INIT("Alpha \"Cloud\""), 1790000000, false,
                             false, 0, 0};
static const shape legacy = {OR_STR_INIT("gen-17-Ab9"), OR_STR_INIT("acme/big"),
                             OR_STR_INIT("Alpha"), 1790000000, true,
                             false, 0, 0};

/* What most chunks of the tests begin with, given and wanted. */
#define THEIRS "{\"id\":\"x\",\"object\":\"o\",\"created\":5,\"model\":\"m\",\"choices\":"
#define HEAD                                                                             \
    "{\"id\":\"gen-17-Ab9\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\"" \
    ":\"acme/big\",\"choices\":"
#define TAIL ",\"provider\":\"Alpha \\\"Cloud\\\"\"}"

static or_arena fresh(void)
{
    or_arena a;
    or_arena_init(&a, memory, sizeof memory);
    return a;
}

/* The data of each event in a stream's text is JSON on one line, and ends. */
static void check_events(or_str text, const char *name)
{
    while (text.len > 0) {
        size_t end = or_str_find(text, OR_STR("\n\n"), 0);
        CHECK(end < text.len && end > 6 && memcmp(text.ptr, "data: ", 6) == 0, name);
        if (end >= text.len || end <= 6) return;
        or_str data = or_str_of(text.ptr + 6, end - 6);
        CHECK_ERR(or_json_check(data, NULL), OR_OK, name);
        CHECK(memchr(data.ptr, '\n', data.len) == NULL, name);
        text = or_str_of(text.ptr + end + 2, text.len - end - 2);
    }
}

/* The same into a block of exactly that size works, and any smaller one says so. */
static void check_room(const shape *s, const shape_stream *before, or_str chunk,
                       const or_chat_delta *d, or_str want, const char *name)
{
    for (size_t less = 0; less <= want.len; less++) {
        shape_stream state = *before;
        size_t       cap = want.len - less;
        char        *mem = (char *)malloc(cap > 0 ? cap : 1);
        or_buf       out;
        if (mem == NULL) abort();
        or_buf_init(&out, mem, cap);
        CHECK_ERR(shape_chunk(&out, s, &state, chunk, d), less ? OR_ERR_SPACE : OR_OK, name);
        CHECK_STR(or_buf_str(&out), less ? or_str_of(mem, 0) : want, name);
        if (less > 0) CHECK(memcmp(&state, before, sizeof state) == 0, name);
        free(mem);
    }
}

/* Chunks of one stream, separated by line ends ("\n" in the chunk itself is not possible here);
   what comes of them likewise, without "data: " and blank lines. A line of "-" is nothing. */
static void run_with(const shape *s, const char *name, const char *in, const char *want,
                     bool quick)
{
    static char    last[2][1024];
    or_chat_stream stream, again;
    shape_stream   state;
    or_chat_stream_init(&stream);
    or_chat_stream_init(&again);
    memset(&state, 0, sizeof state);
    if (quick) {
        stream.last = last[0];
        state.last = last[1];
        stream.last_size = state.last_size = sizeof last[0];
    }
    while (*in != 0) {
        static char  mem[65536];
        size_t       len = strcspn(in, "\n"), want_len = strcspn(want, "\n");
        or_str       chunk = test_exact(or_str_of(in, len)), line = or_str_of(want, want_len);
        or_arena     arena = fresh();
        shape_stream before = state;
        or_chat_delta d, back;
        or_buf       out;
        or_buf_init(&out, mem, sizeof mem);
        CHECK_ERR(or_chat_stream_next(&stream, chunk, &arena, &d), OR_OK, name);
        CHECK_ERR(shape_chunk(&out, s, &state, chunk, &d), OR_OK, name);
        or_str got = or_buf_str(&out);
        check_events(got, name);
        if (got.len > 8) got = or_str_of(got.ptr + 6, got.len - 8);
        CHECK_STR(got.len > 0 ? got : OR_STR("-"), line, name);
        check_room(s, &before, chunk, &d, or_buf_str(&out), name);
        if (out.len > 0) { /* it still says the same */
            CHECK_ERR(or_chat_stream_next(&again, got, &arena, &back), OR_OK, name);
            CHECK_STR(back.text, d.text, name);
            CHECK_STR(back.reasoning, d.reasoning, name);
            CHECK(back.finish == d.finish && back.num_tool_calls == d.num_tool_calls, name);
            for (uint32_t i = 0; i < back.num_tool_calls && i < d.num_tool_calls; i++) {
                CHECK(back.tool_calls[i].index == d.tool_calls[i].index, name);
                CHECK_STR(back.tool_calls[i].arguments, d.tool_calls[i].arguments, name);
                CHECK_STR(back.tool_calls[i].name, d.tool_calls[i].name, name);
            }
        }
        free((void *)chunk.ptr);
        in += len + (in[len] != 0);
        want += want_len + (want[want_len] != 0);
    }
    CHECK(*want == 0, name);
}

/* Memory for the chunk before changes nothing. */
static void run_chunks(const shape *s, const char *name, const char *in, const char *want)
{
    run_with(s, name, in, want, false);
    run_with(s, name, in, want, true);
}

static const struct {
    const char *name, *in, *want;
} chunks[] = {
    {"and padding",
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"obfuscation\":\"x1\"}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"bcd\"}}],\"obfuscation\":\"y\"}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"\\n\"}}],\"obfuscation\":\"\"}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"e\"}}],\"obfuscation\":\"\\u00e9z\"}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"f\"}}],\"obfuscation\":\"abc\"}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"g\"}}],\"obfuscation\":\"d\"}",
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"a\",\"role\":\"assistant\"}}],\"obfuscation\":\"x1\"" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"bcd\"}}],\"obfuscation\":\"y\"" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"\\n\"}}],\"obfuscation\":\"\"" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"e\"}}],\"obfuscation\":\"\\u00e9z\"" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"f\"}}],\"obfuscation\":\"abc\"" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"g\"}}],\"obfuscation\":\"d\"" TAIL},
    {"nothing new but the text",
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}],\"usage\":null}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"bcd\"},\"finish_reason\":null}],\"usage\":null}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"\\n\\u00e9\\\"\"},\"finish_reason\":null}],\"usage\":null}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"bcd\"},\"finish_reason\":null}],\"usage\":null}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"e\"},\"finish_reason\":null}],\"usage\":null}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"f\"},\"finish_reason\":null}],\"usage\":null}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"g\"},\"finish_reason\":null}],\"usage\":null}",
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"a\",\"role\":\"assistant\"},\"finish_reason\":null}],\"usage\":null" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"bcd\"},\"finish_reason\":null}],\"usage\":null" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"\\n\\u00e9\\\"\"},\"finish_reason\":null}],\"usage\":null" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"bcd\"},\"finish_reason\":null}],\"usage\":null" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"e\"},\"finish_reason\":null}],\"usage\":null" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":null}],\"usage\":null" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"f\"},\"finish_reason\":null}],\"usage\":null" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"g\"},\"finish_reason\":null}],\"usage\":null" TAIL},
    {"plain, finish, usage",
     THEIRS "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
            "\"finish_reason\":null}],\"usage\":null}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"a\\u00e9\\ud83d\\ude00\"},\"logprobs\":null,"
            "\"finish_reason\":null}],\"usage\":null}\n"
     THEIRS "[{\"index\":0,\"delta\":{},\"finish_reason\":\"eos\"}],\"usage\":null}\n"
     THEIRS "[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":5,\"total_tokens\":13}}",
     HEAD "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
          "\"finish_reason\":null}],\"usage\":null" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"a\\u00e9\\ud83d\\ude00\"},\"logprobs\":null,"
          "\"finish_reason\":null}],\"usage\":null" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\",\"native_finish_reason\":\"eos\""
          "}],\"usage\":null" TAIL "\n-"},
    {"usage on the finish chunk, running usage, no role (G30), no members at all",
     "{\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"total_tokens\":3}}\n"
     "{\"usage\":{\"total_tokens\":4},\"choices\":[{\"finish_reason\":\"max_tokens\",\"delta\":"
     "{\"content\":\"b\"},\"native_finish_reason\":null}],\"x\":[1,{\"y\":12345678901234567890}]}",
     "{\"choices\":[{\"delta\":{\"content\":\"a\",\"role\":\"assistant\"},\"index\":0}],\"id\":"
     "\"gen-17-Ab9\",\"provider\":\"Alpha \\\"Cloud\\\"\",\"model\":\"acme/big\",\"object\":"
     "\"chat.completion.chunk\",\"created\":1790000000}\n"
     "{\"choices\":[{\"delta\":{\"content\":\"b\"},\"index\":0,\"finish_reason\":\"length\","
     "\"native_finish_reason\":\"max_tokens\"}],\"x\":[1,{\"y\":12345678901234567890}],\"id\":"
     "\"gen-17-Ab9\",\"provider\":\"Alpha \\\"Cloud\\\"\",\"model\":\"acme/big\",\"object\":"
     "\"chat.completion.chunk\",\"created\":1790000000}"},
    {"choices null, empty, missing; delta null or missing; message in a stream",
     THEIRS "null,\"usage\":{\"total_tokens\":1}}\n"
     THEIRS "[],\"prompt_filter_results\":[]}\n"
     THEIRS "[],\"usage\":{\"total_tokens\":1},\"timings\":{\"n\":1}}\n"
     "{\"usage\":{\"total_tokens\":1},\"service_tier\":\"flex\"}\n"
     THEIRS "[{\"index\":0,\"delta\":null}]}\n"
     THEIRS "[{\"index\":0,\"finish_reason\":null}]}\n"
     THEIRS "[{\"index\":0,\"message\":{\"content\":\"a\"}}]}",
     "-\n"
     HEAD "[],\"prompt_filter_results\":[]" TAIL "\n"
     HEAD "[],\"timings\":{\"n\":1}" TAIL "\n"
     "-\n"
     HEAD "[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{},\"finish_reason\":null}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"a\"}}]" TAIL},
    {"reasoning_content is mirrored, once",
     THEIRS "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"reasoning_content\":\"h\\n\"}}]}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"reasoning\":null,\"reasoning_content\":\"i\"}}]}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"reasoning\":\"j\",\"reasoning_content\":\"j\"}}]}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"reasoning\":\"\",\"content\":\"k\"}}]}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\""
            ":\"l\"}]}}]}",
     HEAD "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"reasoning_content\":\"h\\n\","
          "\"reasoning\":\"h\\n\"}}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"reasoning_content\":\"i\",\"reasoning\":\"i\"}}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"reasoning\":\"j\",\"reasoning_content\":\"j\"}}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"reasoning\":\"\",\"content\":\"k\"}}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":"
          "\"l\"}],\"reasoning\":\"l\"}}]" TAIL},
    {"content in parts",
     THEIRS "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
            "\"thinking\":[{\"type\":\"text\",\"text\":\"h\\\"m\"}]},{\"type\":\"text\",\"text\":"
            "\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}}]}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":[]}}]}",
     HEAD "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"ab\",\"reasoning\":"
          "\"h\\\"m\"}}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"\"}}]" TAIL},
    {"tool calls: dense indexes, type, ids and names once, endings",
     THEIRS "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{"
            "\"index\":1,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"c1\",\"type\":"
            "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"\"}}]}}]}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"tool_calls\":[null,{\"id\":\"c2\",\"type\":\"function\","
            "\"function\":{\"name\":\"g\",\"arguments\":{\"a\":[1, 2]}},\"z\":1}]}}]}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":"
            "null}}]}}]}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"content\":null,\"tool_calls\":[]},\"finish_reason\":\"\"}]}",
     HEAD "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{"
          "\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"\"},\"type\":"
          "\"function\"}]}}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
          "\"{\\\"\"}}]}}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"c2\",\"type\":"
          "\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{\\\"a\\\":[1, 2]}\"},\"z\":1"
          "}]}}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\""
          "}}]}}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"content\":null},\"finish_reason\":\"tool_calls\","
          "\"native_finish_reason\":\"\"}]" TAIL},
    {"a call without an id gets one, and keeps it",
     THEIRS "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"\","
            "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n"
     THEIRS "[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
            "\"{}\"}}]},\"finish_reason\":\"stop\"}]}",
     HEAD "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,"
          "\"function\":{\"name\":\"f\",\"arguments\":\"\"},\"id\":\"call_0_Ab9\",\"type\":"
          "\"function\"}]}}]" TAIL "\n"
     HEAD "[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":"
          "\"{}\"},\"id\":\"call_1_Ab9\",\"type\":\"function\"}]},\"finish_reason\":\"tool_calls\","
          "\"native_finish_reason\":\"stop\"}]" TAIL},
    {"an ending in calls that were not made",
     THEIRS "[{\"index\":0,\"delta\":{\"role\":\"\",\"content\":\"a\"},\"finish_reason\":"
            "\"tool_calls\"}]}",
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"a\",\"role\":\"assistant\"},\"finish_reason\":"
          "\"stop\",\"native_finish_reason\":\"tool_calls\"}]" TAIL},
    {"endings in their own words stay beside ours",
     THEIRS "[{\"index\":0,\"finish_reason\":\"stop\",\"native_finish_reason\":\"END_TURN\","
            "\"delta\":{\"role\":\"assistant\"}}]}",
     HEAD "[{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":\"stop\","
          "\"native_finish_reason\":\"END_TURN\"}]" TAIL},
    {"several choices, each with its own ending, role and calls",
     THEIRS "[{\"index\":0,\"delta\":{\"content\":\"a\"}},{\"index\":1,\"delta\":{\"tool_calls\":[{"
            "\"id\":\"c\",\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n"
     THEIRS "[{\"delta\":{\"content\":\"b\"},\"index\":1,\"finish_reason\":\"STOP\"}]}\n"
     THEIRS "[{\"delta\":{\"reasoning_content\":\"b\"},\"index\":2,\"finish_reason\":\"SAFETY\"},"
            "{\"delta\":{},\"finish_reason\":\"model_length\"}]}",
     HEAD "[{\"index\":0,\"delta\":{\"content\":\"a\",\"role\":\"assistant\"}},{\"index\":1,"
          "\"delta\":{\"tool_calls\":[{\"id\":\"c\",\"index\":0,\"function\":{\"name\":\"f\","
          "\"arguments\":\"{}\"},\"type\":\"function\"}],\"role\":\"assistant\"}}]" TAIL "\n"
     HEAD "[{\"delta\":{\"content\":\"b\"},\"index\":1,\"finish_reason\":\"tool_calls\","
          "\"native_finish_reason\":\"STOP\"}]" TAIL "\n"
     HEAD "[{\"delta\":{\"reasoning_content\":\"b\",\"role\":\"assistant\",\"reasoning\":\"b\"},"
          "\"index\":2,\"finish_reason\":\"content_filter\",\"native_finish_reason\":\"SAFETY\"},"
          "{\"delta\":{},\"index\":0,\"finish_reason\":\"length\",\"native_finish_reason\":"
          "\"model_length\"}]" TAIL},
    {"twice, escaped names, blanks",
     " { \"id\" : 1 , \"i\\u0064\":2,\"a\": [ ], \"model\":3,\"model\":4 ,\"choices\": [ { \"index\""
     ":0, \"delta\":{ \"role\":\"assistant\", \"content\":\"a\",\"x\":1},\"ind\\u0065x\":7} ],"
     "\"choices\":5,\"created\":1.5,\"object\":null, \"provider\":\"p\" } ",
     "{\"id\":\"gen-17-Ab9\",\"a\": [ ],\"model\":\"acme/big\",\"choices\":[{\"index\""
     ":0,\"delta\":{\"role\":\"assistant\", \"content\":\"a\",\"x\":1}}],\"created\":2,"
     "\"object\":\"chat.completion.chunk\",\"provider\":\"Alpha \\\"Cloud\\\"\"}"},
    {"running usage behind a name that needs escapes: no room is no reason to drop the content",
     "{\"provider\":1,\"id\":1,\"model\":1,\"object\":1,\"created\":5,\"choices\":[{\"index\":0,"
     "\"delta\":{\"role\":\"assistant\",\"content\":\"a\"}}],\"usage\":{\"total_tokens\":3}}",
     "{\"provider\":\"Alpha \\\"Cloud\\\"\",\"id\":\"gen-17-Ab9\",\"model\":\"acme/big\",\"object\":"
     "\"chat.completion.chunk\",\"created\":5,\"choices\":[{\"index\":0,\"delta\":{\"role\":"
     "\"assistant\",\"content\":\"a\"}}]}"},
    {"created as text, an error passes",
     "{\"id\":\"x\",\"object\":\"o\",\"created\":\"7\",\"model\":\"m\",\"error\":{\"code\":502,"
     "\"message\":\"no\"},\"usage\":{\"total_tokens\":1},\"choices\":[]}",
     "{\"id\":\"gen-17-Ab9\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":"
     "\"acme/big\",\"error\":{\"code\":502,\"message\":\"no\"},\"choices\":[]" TAIL},
};

static void test_chunks(void)
{
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++)
        run_chunks(&sample, chunks[i].name, chunks[i].in, chunks[i].want);
    run_chunks(&legacy, "older completions",
               "{\"choices\":[{\"text\":\"a\",\"index\":0,\"finish_reason\":null}]}\n"
               "{\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"length\"}]}",
               "{\"choices\":[{\"text\":\"a\",\"index\":0,\"finish_reason\":null}],\"id\":"
               "\"gen-17-Ab9\",\"provider\":\"Alpha\",\"model\":\"acme/big\",\"object\":"
               "\"text_completion\",\"created\":1790000000}\n"
               "{\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"length\","
               "\"native_finish_reason\":\"length\"}],\"id\":\"gen-17-Ab9\",\"provider\":\"Alpha\","
               "\"model\":\"acme/big\",\"object\":\"text_completion\",\"created\":1790000000}");
}

/* What no chunk can be made of: nothing is written, nothing remembered. */
static void test_bad_chunks(void)
{
    static const struct {
        const char *in;
        or_err      want;
    } bad[] = {
        {"", OR_ERR_TRUNCATED},
        {"[]", OR_ERR_TYPE},
        {"5", OR_ERR_TYPE},
        {"{", OR_ERR_TRUNCATED},
        {"{}x", OR_ERR_JSON},
        {"{\"choices\":[{\"delta\":{\"role\":\"assistant\",}}]}", OR_ERR_JSON},
        {"{\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":tru", OR_ERR_TRUNCATED},
        {"{\"choices\":[{\"delta\":{\"content\":[{\"text\":\"a\"},}", OR_ERR_JSON},
        {"{\"choices\":[{\"delta\":{\"reasoning_details\":[{", OR_ERR_TRUNCATED},
        {"{\"usage\":{\"total_tokens\":1},", OR_ERR_TRUNCATED},
        {"{\"a\":\"\xff\"}", OR_ERR_UTF8},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char          mem[4096] = "before";
        or_str        in = test_exact(or_str_z(bad[i].in));
        or_buf        out;
        shape_stream  state, zero;
        or_chat_delta none;
        memset(&none, 0, sizeof none);
        memset(&state, 0, sizeof state);
        zero = state;
        or_buf_init(&out, mem, sizeof mem);
        or_buf_put_z(&out, "before");
        or_err e = shape_chunk(&out, &sample, &state, in, &none);
        CHECK(e == bad[i].want || (bad[i].want == OR_ERR_TRUNCATED && e == OR_ERR_JSON), bad[i].in);
        CHECK_STR(or_buf_str(&out), OR_STR("before"), bad[i].in);
        CHECK(memcmp(&state, &zero, sizeof zero) == 0, bad[i].in);
        free((void *)in.ptr);
    }
}

/* Line ends between values are no line ends of the event. */
static void test_line_ends(void)
{
    static const char in[] = "{\r\n \"choices\":[\n{\"index\":0,\n\"delta\":{\"a\":[1,\n\r2]}}],\n"
                             "\"x\":\n{\n}}";
    char           mem[1024];
    or_arena       arena = fresh();
    or_buf         out;
    or_chat_stream stream;
    or_chat_delta  d;
    shape_stream   state;
    memset(&state, 0, sizeof state);
    or_chat_stream_init(&stream);
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_chat_stream_next(&stream, or_str_z(in), &arena, &d), OR_OK, "line ends");
    CHECK_ERR(shape_chunk(&out, &sample, &state, or_str_z(in), &d), OR_OK, "line ends");
    check_events(or_buf_str(&out), "line ends");
    CHECK(memchr(out.ptr, '\r', out.len) == NULL, "line ends");
}

/* ---- usage ---- */

static or_usage some_usage(void)
{
    or_usage u;
    memset(&u, 0, sizeof u);
    u.set = true;
    u.prompt_tokens = 812;
    u.completion_tokens = 5;
    u.total_tokens = 817;
    u.cached_tokens = 512;
    return u;
}

static or_cost some_cost(or_cost_source source, int64_t pico_usd)
{
    or_cost c;
    memset(&c, 0, sizeof c);
    c.source = source;
    c.pico_usd = pico_usd;
    return c;
}

#define COUNTS "\"prompt_tokens\":812,\"completion_tokens\":5,\"total_tokens\":817,"
#define DETAILS                                                                               \
    "\"prompt_tokens_details\":{\"cached_tokens\":512,\"cache_write_tokens\":0,\"audio_tokens\":" \
    "0,\"video_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0,\"image_tokens\":" \
    "0,\"audio_tokens\":0}"

static void check_usage(const or_usage *u, const or_cost *cost, const char *want)
{
    char           mem[2048];
    or_buf         out;
    or_json_writer w;
    or_buf_init(&out, mem, sizeof mem);
    or_json_writer_init(&w, &out);
    CHECK_ERR(shape_put_usage(&w, &sample, u, cost), OR_OK, want);
    CHECK_ERR(or_json_writer_end(&w), OR_OK, want);
    CHECK_STR(or_buf_str(&out), or_str_z(want), want);
}

static void test_usage(void)
{
    or_usage u = some_usage(), none;
    or_cost  cost = some_cost(OR_COST_COMPUTED, 710000000), unknown = some_cost(OR_COST_UNKNOWN, 0);
    memset(&none, 0, sizeof none);
    check_usage(&u, &cost, "{" COUNTS "\"cost\":0.00071,\"is_byok\":false," DETAILS "}");
    check_usage(&u, &unknown, "{" COUNTS "\"cost\":null,\"is_byok\":false," DETAILS "}");
    check_usage(&u, NULL, "{" COUNTS "\"cost\":null,\"is_byok\":false," DETAILS "}");
    u.is_byok = true;
    check_usage(&u, &unknown, "{" COUNTS "\"cost\":null,\"is_byok\":true," DETAILS "}");
    cost.pico_usd = 1;
    check_usage(&u, &cost, "{" COUNTS "\"cost\":0.000000000001,\"is_byok\":true," DETAILS
                           ",\"cost_details\":{\"upstream_inference_cost\":0.000000000001}}");
    cost.source = OR_COST_ESTIMATED;
    u.upstream_cost_set = true;
    u.upstream_cost_pico_usd = 20000000000000;
    u.web_searches = 2;
    check_usage(&u, &cost, "{" COUNTS "\"cost\":0.000000000001,\"is_byok\":true," DETAILS
                           ",\"cost_details\":{\"upstream_inference_cost\":20},"
                           "\"server_tool_use_details\":{\"web_search_requests\":2},"
                           "\"estimated\":true}");
    check_usage(&none, &unknown,
                "{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0,\"cost\":null,"
                "\"is_byok\":false,\"prompt_tokens_details\":{\"cached_tokens\":0,"
                "\"cache_write_tokens\":0,\"audio_tokens\":0,\"video_tokens\":0},"
                "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"image_tokens\":0,"
                "\"audio_tokens\":0},\"estimated\":true}");
}

static void test_usage_chunk(void)
{
    char     mem[2048];
    or_usage u = some_usage();
    or_cost  cost = some_cost(OR_COST_COMPUTED, 710000000);
    or_buf   out;
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(shape_usage_chunk(&out, &sample, &u, &cost, OR_STR("{\"a\":\n1}")), OR_OK, "usage");
    CHECK_STR(or_buf_str(&out),
              OR_STR("data: {\"id\":\"gen-17-Ab9\",\"provider\":\"Alpha \\\"Cloud\\\"\",\"model\":"
                     "\"acme/big\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
                     "\"choices\":[],\"usage\":{" COUNTS "\"cost\":0.00071,\"is_byok\":false,"
                     DETAILS "},\"openrouter_metadata\":{\"a\": 1}}\n\n"),
              "usage chunk");
    size_t len = out.len;
    for (size_t cap = 0; cap <= len; cap++) {
        or_buf_init(&out, mem, cap);
        or_err e = shape_usage_chunk(&out, &sample, &u, &cost, OR_STR("{\"a\":\n1}"));
        CHECK(e == (cap < len ? OR_ERR_SPACE : OR_OK) && out.len == (cap < len ? 0 : len), "room");
    }
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(shape_usage_chunk(&out, &sample, &u, &cost, OR_STR("{")), OR_ERR_TRUNCATED, "bad");
    CHECK(out.len == 0, "bad metadata");
}

/* ---- whole answers ---- */

#define WHOLE_HEAD                                                                     \
    "{\"id\":\"gen-17-Ab9\",\"object\":\"chat.completion\",\"created\":5,\"model\":\"acme/" \
    "big\",\"choices\":"
#define WHOLE_TAIL ",\"provider\":\"Alpha \\\"Cloud\\\"\",\"system_fingerprint\":null}"
#define USAGE "{" COUNTS "\"cost\":0.00071,\"is_byok\":false," DETAILS

static const struct {
    const char *name, *in, *want;
} answers[] = {
    {"plain, with usage of their own",
     THEIRS "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":[]"
            ",\"z\":1},\"finish_reason\":\"eos\"}],\"usage\":{\"total_tokens\":1,\"queue_time\":"
            "0.5,\"cost\":3,\"a\\u0062\":\"x\",\"o\":{\"b\":[]}},\"service_tier\":\"flex\"}",
     WHOLE_HEAD "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\",\"z\":1},"
                "\"finish_reason\":\"stop\",\"native_finish_reason\":\"eos\"}],\"usage\":" USAGE
                ",\"queue_time\":0.5,\"a\\u0062\":\"x\",\"o\":{\"b\":[]}},\"service_tier\":\"flex\""
                WHOLE_TAIL},
    {"calls without content, id, type",
     THEIRS "[{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{}}},{"
            "\"id\":\"c\",\"index\":9,\"type\":\"custom\",\"custom\":{}}]},\"finish_reason\":"
            "\"stop\"}],\"usage\":null}",
     WHOLE_HEAD "[{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\""
                "},\"id\":\"call_0_Ab9\",\"type\":\"function\"},{\"id\":\"c\",\"index\":9,\"type\":"
                "\"custom\",\"custom\":{}}],\"role\":\"assistant\",\"content\":null},\"index\":0,"
                "\"finish_reason\":\"tool_calls\",\"native_finish_reason\":\"stop\"}],\"usage\":"
                USAGE "}" WHOLE_TAIL},
    {"several choices, one without an ending; no usage",
     THEIRS "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"reasoning_content\":\"h\","
            "\"content\":\"a\"}},{\"message\":{\"content\":[{\"text\":\"b\"},{\"thinking\":\"c\"}]},"
            "\"finish_reason\":\"tool_calls\"}]}",
     WHOLE_HEAD "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"reasoning_content\":\"h\","
                "\"content\":\"a\",\"reasoning\":\"h\"},\"finish_reason\":null},{\"message\":{"
                "\"content\":\"b\",\"role\":\"assistant\",\"reasoning\":\"c\"},\"index\":1,"
                "\"finish_reason\":\"stop\",\"native_finish_reason\":\"tool_calls\"}],\"provider\":"
                "\"Alpha \\\"Cloud\\\"\",\"usage\":" USAGE "},\"system_fingerprint\":null}"},
};

static void check_answer(size_t i)
{
    static char    mem[8192];
    const char    *name = answers[i].name;
    or_str         in = test_exact(or_str_z(answers[i].in));
    or_arena       arena = fresh();
    or_chat_answer a, back;
    or_usage       u = some_usage();
    or_cost        cost = some_cost(OR_COST_COMPUTED, 710000000);
    or_buf         out;
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_chat_read(in, &arena, &a), OR_OK, name);
    CHECK_ERR(shape_answer(&out, &sample, in, &a, &u, &cost, or_str_of(NULL, 0)), OR_OK, name);
    CHECK_STR(or_buf_str(&out), or_str_z(answers[i].want), name);
    CHECK_ERR(or_chat_read(or_buf_str(&out), &arena, &back), OR_OK, name);
    CHECK_STR(back.text, a.text, name);
    CHECK_STR(back.reasoning, a.reasoning, name);
    CHECK(back.finish == a.finish && back.num_tool_calls == a.num_tool_calls, name);
    CHECK(back.usage.total_tokens == 817 && back.usage.cost_pico_usd == 710000000, name);
    size_t len = out.len;
    or_buf_init(&out, mem, len - 1);
    CHECK_ERR(shape_answer(&out, &sample, in, &a, &u, &cost, or_str_of(NULL, 0)), OR_ERR_SPACE,
              name);
    CHECK(out.len == 0, name);
    or_buf_init(&out, mem, len);
    CHECK_ERR(shape_answer(&out, &sample, in, &a, &u, &cost, or_str_of(NULL, 0)), OR_OK, name);
    free((void *)in.ptr);
}

static void test_answers(void)
{
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) check_answer(i);
}

static void check_as_stream(const char *name, const char *body, const char *want)
{
    char           mem[4096];
    or_str         in = test_exact(or_str_z(body));
    or_arena       arena = fresh();
    or_chat_answer a;
    or_buf         out;
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_chat_read(in, &arena, &a), OR_OK, name);
    CHECK_ERR(shape_answer_as_stream(&out, &sample, in, &a), OR_OK, name);
    CHECK_STR(or_buf_str(&out), or_str_z(want), name);
    check_events(or_buf_str(&out), name);
    size_t len = out.len;
    for (size_t cap = 0; cap <= len; cap++) {
        or_buf_init(&out, mem, cap);
        or_err e = shape_answer_as_stream(&out, &sample, in, &a);
        CHECK(e == (cap < len ? OR_ERR_SPACE : OR_OK) && out.len == (cap < len ? 0 : len), name);
    }
    free((void *)in.ptr);
}

#define ENDS                                                                                  \
    "data: {\"id\":\"gen-17-Ab9\",\"provider\":\"Alpha \\\"Cloud\\\"\",\"model\":\"acme/big\"," \
    "\"object\":\"chat.completion.chunk\",\"created\":5,\"choices\":"

static void test_as_stream(void)
{
    check_as_stream(
        "calls and an unknown member",
        THEIRS "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"audio\":{},"
               "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\","
               "\"arguments\":\"{}\"}}],\"x\":\n1},\"finish_reason\":\"stop\",\"logprobs\":null},"
               "{\"message\":{\"content\":\"b\"},\"finish_reason\":\"length\"}],\"usage\":{},\"y\":2}",
        "data: " HEAD "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"audio\":{},"
               "\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{"
               "\"name\":\"f\",\"arguments\":\"{}\"}}],\"x\": 1},\"logprobs\":null,"
               "\"finish_reason\":null},{\"delta\":{\"content\":\"b\",\"role\":\"assistant\"},"
               "\"index\":1,\"finish_reason\":null}],\"y\":2" TAIL "\n\n"
        ENDS "[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\",\"native_finish_reason\":"
             "\"stop\"},{\"index\":1,\"delta\":{},\"finish_reason\":\"length\","
             "\"native_finish_reason\":\"length\"}]}\n\n");
    check_as_stream("no ending is made up",
                    THEIRS "[{\"index\":0,\"message\":{\"content\":\"b\"},\"finish_reason\":null}]}",
                    "data: " HEAD "[{\"index\":0,\"delta\":{\"content\":\"b\",\"role\":\"assistant\"}"
                    ",\"finish_reason\":null}]" TAIL "\n\n");
    check_as_stream("older completions",
                    THEIRS "[{\"index\":0,\"text\":\"b\",\"finish_reason\":\"stop\"}]}",
                    "data: " HEAD "[{\"index\":0,\"text\":\"b\",\"finish_reason\":null}]" TAIL "\n\n"
                    ENDS "[{\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\","
                    "\"native_finish_reason\":\"stop\"}]}\n\n");
}

/* ---- a stream as a whole answer ---- */

static const or_allocator *heap_of(test_heap *heap)
{
    static or_allocator a;
    const or_allocator  b = TEST_ALLOCATOR(heap);
    a = b;
    return &a;
}

/* Feeds the data of all events (lines) of a stream; the whole answer in mem, or the error. */
static or_err collect(test_heap *heap, size_t max, const char *in, or_buf *out)
{
    or_chat_stream stream;
    or_err         e = OR_OK;
    or_usage       u = some_usage();
    or_cost        cost = some_cost(OR_COST_COMPUTED, 710000000);
    shape_collect *c = shape_collect_new(heap_of(heap), max);
    if (c == NULL) return OR_ERR_MEMORY;
    or_chat_stream_init(&stream);
    for (size_t len; *in != 0 && e == OR_OK; in += len + (in[len] != 0)) {
        or_arena      arena = fresh();
        or_chat_delta d;
        len = strcspn(in, "\n");
        or_str data = test_exact(or_str_of(in, len));
        if (len > 6 && memcmp(in, "data: ", 6) == 0) {
            data.ptr += 6;
            data.len -= 6;
        }
        CHECK_ERR(or_chat_stream_next(&stream, data, &arena, &d), OR_OK, in);
        e = shape_collect_add(c, &d);
        free((void *)(data.len == len ? data.ptr : data.ptr - 6));
    }
    or_err end = shape_collect_end(c, out, &sample, &u, &cost, or_str_of(NULL, 0));
    if (e != OR_OK) CHECK_ERR(end, e, "the first error sticks");
    shape_collect_free(c);
    CHECK(heap->outstanding == 0, "all memory is given back");
    return end;
}

static const struct {
    const char *name, *in, *want;
} streams[] = {
    {"all that a message has",
     "{\"created\":5,\"service_tier\":\"flex\",\"choices\":[{\"delta\":{\"role\":\"assistant\","
     "\"reasoning_content\":\"hm\"}}]}\n"
     "{\"choices\":[{\"delta\":{\"content\":\"a\\n\",\"images\":[{\"image_url\":{\"url\":\"data:x\""
     "}}]}}]}\n"
     "{\"choices\":[{\"delta\":{\"content\":\"b\",\"annotations\":[{\"type\":\"url_citation\"}],"
     "\"audio\":{\"id\":\"u\",\"data\":\"AA\"}}}]}\n"
     "{\"choices\":[{\"delta\":{\"reasoning_details\":[{\"type\":\"t\",\"index\":0,\"text\":\"x\"}],"
     "\"annotations\":[{\"type\":\"file\"}],\"audio\":{\"data\":\"BB\",\"expires_at\":9}}}]}\n"
     "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":"
     "\"f\",\"arguments\":\"{\\\"a\\\"\"}}]}}]}\n"
     "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]}"
     ",\"finish_reason\":\"eos\"}]}\n[DONE]",
     "\"service_tier\":\"flex\",\"choices\":[{\"index\":0,\"logprobs\":null,\"finish_reason\":"
     "\"tool_calls\",\"native_finish_reason\":\"eos\",\"message\":{\"role\":\"assistant\",\"content\""
     ":\"a\\nb\",\"refusal\":null,\"reasoning\":\"hmx\",\"reasoning_details\":[{\"type\":\"t\","
     "\"index\":0,\"text\":\"x\"}],\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":"
     "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}],\"images\":[{\"type\":\"image_url\","
     "\"image_url\":{\"url\":\"data:x\"}}],\"annotations\":[{\"type\":\"url_citation\"},{\"type\":"
     "\"file\"}],\"audio\":{\"id\":\"u\",\"data\":\"AABB\",\"transcript\":\"\",\"expires_at\":9}}}]"},
    {"a refusal, and no ending",
     "{\"created\":5,\"choices\":[{\"delta\":{\"refusal\":\"no\"}}]}",
     "\"choices\":[{\"index\":0,\"logprobs\":null,\"finish_reason\":null,\"native_finish_reason\":"
     "null,\"message\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":\"no\",\"reasoning\":"
     "null}}]"},
    {"calls only",
     "{\"created\":5,\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"c\",\"extra_content\":{\"g\""
     ":1},\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},\"finish_reason\":\"stop\"}]}",
     "\"choices\":[{\"index\":0,\"logprobs\":null,\"finish_reason\":\"tool_calls\","
     "\"native_finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":null,"
     "\"refusal\":null,\"reasoning\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
     "\"function\":{\"name\":\"f\",\"arguments\":\"\"},\"extra_content\":{\"g\":1}}]}}]"},
};

/* Stream, whole answer, stream, whole answer: the two whole ones are the same. */
static void check_round(const char *name, or_str whole)
{
    static char    events[65536], mem[65536];
    test_heap      heap = {0, 0, 0};
    or_arena       arena = fresh();
    or_chat_answer a;
    or_buf         out;
    or_buf_init(&out, events, sizeof events - 1);
    CHECK_ERR(or_chat_read(whole, &arena, &a), OR_OK, name);
    CHECK_ERR(shape_answer_as_stream(&out, &sample, whole, &a), OR_OK, name);
    events[out.len] = 0;
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(collect(&heap, 65536, events, &out), OR_OK, name);
    CHECK_STR(or_buf_str(&out), whole, name);
}

static void test_collect(void)
{
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        static char mem[65536], want[65536];
        test_heap   heap = {0, 0, 0};
        or_buf      out, text;
        or_err      e;
        or_buf_init(&out, mem, sizeof mem);
        or_buf_init(&text, want, sizeof want);
        or_buf_put_z(&text, "{\"id\":\"gen-17-Ab9\",\"provider\":\"Alpha \\\"Cloud\\\"\",\"model\":"
                            "\"acme/big\",\"object\":\"chat.completion\",\"created\":5,"
                            "\"system_fingerprint\":null,");
        or_buf_put_z(&text, streams[i].want);
        or_buf_put_z(&text, ",\"usage\":" USAGE "}}");
        CHECK_ERR(collect(&heap, 65536, streams[i].in, &out), OR_OK, streams[i].name);
        CHECK_STR(or_buf_str(&out), or_buf_str(&text), streams[i].name);
        check_round(streams[i].name, or_buf_str(&out));
        size_t len = out.len;
        or_buf_init(&out, mem, len - 1);
        CHECK_ERR(collect(&heap, 65536, streams[i].in, &out), OR_ERR_SPACE, streams[i].name);
        CHECK(out.len == 0, streams[i].name);
        or_buf_init(&out, mem, len);
        CHECK_ERR(collect(&heap, 65536, streams[i].in, &out), OR_OK, streams[i].name);
        unsigned long calls = heap.calls;
        for (unsigned long n = 1; n <= calls; n++) { /* each allocation fails in turn */
            heap.calls = 0;
            heap.fail_at = n;
            or_buf_init(&out, mem, sizeof mem);
            e = collect(&heap, 65536, streams[i].in, &out);
            CHECK(e == OR_OK || (e == OR_ERR_MEMORY && out.len == 0), streams[i].name);
        }
    }
}

static void test_collect_limit(void)
{
    static const char in[] = "{\"choices\":[{\"delta\":{\"content\":\"0123456789\"}}]}";
    char              mem[2048];
    test_heap         heap = {0, 0, 0};
    or_buf            out;
    for (size_t max = 9; max <= 11; max++) {
        or_buf_init(&out, mem, sizeof mem);
        CHECK_ERR(collect(&heap, max, in, &out), max < 10 ? OR_ERR_SPACE : OR_OK, "limit");
    }
}

/* ---- embeddings ---- */

static void check_embeddings(const char *in, bool base64, or_err want_err, const char *want)
{
    char     mem[4096], all[4096];
    or_str   body = test_exact(or_str_z(in));
    or_usage u = some_usage();
    or_cost  cost = some_cost(OR_COST_COMPUTED, 710000000);
    or_buf   out, text;
    or_buf_init(&out, mem, sizeof mem);
    or_buf_init(&text, all, sizeof all);
    CHECK_ERR(shape_embeddings(&out, &sample, body, base64, &u, &cost), want_err, in);
    if (want_err == OR_OK) {
        or_buf_put_z(&text, "{\"object\":\"list\",\"data\":");
        or_buf_put_z(&text, want);
        or_buf_put_z(&text, ",\"id\":\"gen-17-Ab9\",\"provider\":\"Alpha \\\"Cloud\\\"\",\"model\":"
                            "\"acme/big\",\"usage\":" USAGE "}}");
        CHECK_ERR(or_json_check(or_buf_str(&out), NULL), OR_OK, in);
    }
    CHECK_STR(or_buf_str(&out), or_buf_str(&text), in);
    free((void *)body.ptr);
}

static void test_embeddings(void)
{
    static const char *const numbers = "{\"object\":\"x\",\"data\":[{\"object\":\"embedding\","
                                       "\"index\":0,\"embedding\":[1,-0.5, 1e-3]},{\"embedding\":[]}]}";
    static const char *const text = "{\"object\":1,\"data\":[{\"embedding\":\"AACAPwAAAL9vEoM6\","
                                    "\"embedding\":[1]}]}";
    check_embeddings(numbers, true, OR_OK,
                     "[{\"object\":\"embedding\",\"index\":0,\"embedding\":\"AACAPwAAAL9vEoM6\"},"
                     "{\"embedding\":\"\"}]");
    check_embeddings(numbers, false, OR_OK,
                     "[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1,-0.5, 1e-3]},"
                     "{\"embedding\":[]}]");
    check_embeddings(text, false, OR_OK, "[{\"embedding\":[1,-0.5,0.001]}]");
    check_embeddings(text, true, OR_OK, "[{\"embedding\":\"AACAPwAAAL9vEoM6\"}]");
    check_embeddings("{\"object\":1,\"data\":[{\"embedding\":\"AACAPw==\"},{\"embedding\":\"\"},{"
                     "\"embedding\":\"\\/\\u002f9\\/fw\"}]}",
                     false, OR_OK, "[{\"embedding\":[1]},{\"embedding\":[]},"
                     "{\"embedding\":[3.4028235e38]}]");
    check_embeddings("{\"data\":[{\"embedding\":\"AACAP\"}]}", false, OR_ERR_ANSWER, "");
    check_embeddings("{\"data\":[{\"embedding\":\"AACA*w==\"}]}", false, OR_ERR_ANSWER, "");
    check_embeddings("{\"data\":[{\"embedding\":\"AAC=Pw==\"}]}", false, OR_ERR_ANSWER, "");
    check_embeddings("{\"data\":[{\"embedding\":\"AACAfw==\"}]}", false, OR_ERR_RANGE, "");
    check_embeddings("{\"data\":[{\"embedding\":[1e39]}]}", true, OR_ERR_RANGE, "");
    check_embeddings("{\"data\":[{\"embedding\":[\"1\"]}]}", true, OR_ERR_ANSWER, "");
    check_embeddings("{\"data\":[{\"embedding\":[[1]]}]}", true, OR_ERR_ANSWER, "");
    check_embeddings("{\"data\":[{\"embedding\":null}]}", true, OR_ERR_ANSWER, "");
    check_embeddings("{\"data\":[{}]}", true, OR_ERR_ANSWER, "");
    check_embeddings("{\"data\":[1]}", true, OR_ERR_ANSWER, "");
    check_embeddings("{\"data\":{}}", true, OR_ERR_ANSWER, "");
    check_embeddings("{\"dat\":[]}", true, OR_ERR_ANSWER, "");
    check_embeddings("[]", true, OR_ERR_TYPE, "");
    check_embeddings("{\"data\":[{\"embedding\":[1,", true, OR_ERR_TRUNCATED, "");
}

/* More numbers than are encoded at once: the text goes back and forth without a change. */
static void test_long_embeddings(void)
{
    static char mem[65536], back[65536], in[32768];
    or_usage    u = some_usage();
    or_buf      list, out, again;
    for (size_t num = 298; num < 903; num += num < 303 ? 1 : 299) {
        or_buf_init(&list, in, sizeof in);
        or_buf_put_z(&list, "{\"id\":\"gen-17-Ab9\",\"data\":[{\"embedding\":[");
        for (size_t i = 0; i < num; i++) {
            if (i > 0) or_buf_put_char(&list, ',');
            (void)shape_f32_put(&list, 0x3C000000u + (uint32_t)i * 7919);
        }
        or_buf_put_z(&list, "]}]}");
        or_buf_init(&out, mem, sizeof mem);
        or_buf_init(&again, back, sizeof back);
        CHECK_ERR(shape_embeddings(&out, &sample, or_buf_str(&list), true, &u, NULL), OR_OK, "long");
        CHECK_ERR(shape_embeddings(&again, &sample, or_buf_str(&out), false, &u, NULL), OR_OK,
                  "long");
        CHECK(again.len > list.len && memcmp(again.ptr, list.ptr, list.len - 1) == 0, "long");
    }
}

/* ---- numbers ---- */

static uint64_t random_state = 88172645463325252u;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Against the C library's conversion, which only tests may use. */
static void check_number(const char *text)
{
    float    f = strtof(text, NULL);
    uint32_t want, got = 0;
    or_str   s = test_exact(or_str_z(text));
    memcpy(&want, &f, sizeof want);
    or_err e = shape_f32_read(s, &got);
    if ((want & 0x7F800000) == 0x7F800000)
        CHECK_ERR(e, OR_ERR_RANGE, text);
    else
        CHECK(e == OR_OK && got == want, text);
    free((void *)s.ptr);
}

static void check_bits(uint32_t bits)
{
    char     mem[32];
    or_buf   out;
    uint32_t back = 0;
    or_buf_init(&out, mem, sizeof mem - 1);
    or_err e = shape_f32_put(&out, bits);
    mem[out.len] = 0;
    if ((bits & 0x7F800000) == 0x7F800000) {
        CHECK_ERR(e, OR_ERR_RANGE, "not a number");
        return;
    }
    CHECK(e == OR_OK && or_json_check(or_buf_str(&out), NULL) == OR_OK, mem);
    CHECK(shape_f32_read(or_buf_str(&out), &back) == OR_OK && back == bits, mem);
    check_number(mem);
}

static void test_hard_numbers(void)
{
    static const char *const hard[] = {
        "0", "-0", "0.0", "0e99999", "1", "-1", "1.0", "16777216", "16777217", "16777218",
        "16777219", "16777217.0000000000000000000000000000000000000000000000000000000001",
        "33554431", "33554434.5", "3.4028234663852886e38", "3.4028235e38", "3.40282356e38",
        "340282356779733661637539395458142568447", "340282356779733661637539395458142568448",
        "340282356779733661637539395458142568447.99999", "1e38", "1e39", "9e99999999999999999999",
        "1.17549435e-38", "1.1754943e-38", "1.1754942e-38", "1.401298464324817e-45", "1.4e-45",
        "7.006492321624085e-46", "7.006492321624086e-46", "7.0064923216240854e-46",
        "7.00649232162408535461864791644958065640130970938257885878534141944895541342930300743319"
        "094181060791015625e-46",
        "7.00649232162408535461864791644958065640130970938257885878534141944895541342930300743319"
        "0941810607910156250000000000000000000000000000001e-46",
        "2.10194769648722560638559437493487419692039291281477365763560242583468662402879090222995"
        "7282543182373046875e-45",
        "1e-46", "1e-9999999999999999999", "0.1", "0.3", "1e-27", "1e-28", "9999999999999999999",
        "99999999999999999999", "0.000000000000000000000000000000000000000000001",
        "1000000000000000000000000000000000000000e-39", "1E+2", "1e02",
    };
    static const char *const wrong[] = {"", "-", ".5", "5.", "1e", "1e+", "1x", "e5", "0x1", "1 ",
                                        "inf", "nan", "--1", "1e5x"};
    static const uint32_t    bits[] = {0, 0x80000000, 1, 2, 0x7FFFFF, 0x800000, 0x800001,
                                       0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0x7FC00000, 0xFF800000,
                                       0x3F800000, 0x4B800000, 0x3DCCCCCD, 0x4E6E6B28, 0x4E6E6B27,
                                       0x3A83126F, 0x15AE43FD, 0x501502F9};
    uint32_t                 got;
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++) check_number(hard[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_ERR(shape_f32_read(or_str_z(wrong[i]), &got), OR_ERR_ARG, wrong[i]);
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) check_bits(bits[i]);
}

static void test_random_numbers(void)
{
    char text[512];
    for (int i = 0; i < 20000; i++) {
        uint32_t bits = (uint32_t)random64();
        float    f, next;
        check_bits(bits);
        if ((bits & 0x7F800000) == 0x7F800000) continue;
        uint32_t above = bits + 1;
        memcpy(&f, &bits, sizeof f);
        memcpy(&next, &above, sizeof next);
        snprintf(text, sizeof text, "%.*g", (int)(random64() % 20) + 1, (double)f);
        check_number(text);
        if ((above & 0x7F800000) == 0x7F800000) continue;
        double middle = ((double)f + (double)next) / 2; /* exactly between two, or cut short */
        snprintf(text, sizeof text, "%.*e", (int)(random64() % 130), middle);
        check_number(text);
        snprintf(text, sizeof text, "%.160f", middle);
        check_number(text);
        snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)(random64() >> random64() % 64),
                 (unsigned long long)(random64() >> random64() % 64), (int)(random64() % 120) - 70);
        check_number(text);
    }
}

int main(void)
{
    test_chunks();
    test_bad_chunks();
    test_line_ends();
    test_usage();
    test_usage_chunk();
    test_answers();
    test_as_stream();
    test_collect();
    test_collect_limit();
    test_embeddings();
    test_long_embeddings();
    test_hard_numbers();
    test_random_numbers();
    TEST_MAIN_END("test_shape");
}
