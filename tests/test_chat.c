/* Requests to the byte; answers and streams in every shape that upstreams are known to send. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/test.h"

/* ---- requests ---- */

static void check_request(const or_chat_desc *d, const char *want, const char *name)
{
    static char mem[4096];
    or_buf      out;
    size_t      size = strlen(want);
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_chat_write(&out, d), OR_OK, name);
    CHECK_STR(or_buf_str(&out), or_str_z(want), name);
    for (size_t n = 0; n <= size; n++) { /* every size of buffer; only the last suffices */
        char *exact = malloc(n + 1);
        if (exact == NULL) abort();
        or_buf_init(&out, exact, n);
        CHECK_ERR(or_chat_write(&out, d), n < size ? OR_ERR_SPACE : OR_OK, name);
        free(exact);
    }
}

static void test_requests(void)
{
    or_msg       hello = {.content = OR_STR_INIT("Hi \"you\"\n")};
    or_chat_desc d = {.msgs = &hello, .num_msgs = 1};
    check_request(&d, "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\\n\"}]}", "least");

    or_str       models[] = {OR_STR_INIT("b/x"), OR_STR_INIT("c/y")}, stop[] = {OR_STR_INIT("END")};
    or_tool_call call = {0, OR_STR_INIT("c1"), OR_STR_INIT("f"), OR_STR_INIT("{\"a\":1}")};
    or_tool      tool = {OR_STR_INIT("f"), OR_STR_INIT("does f"), OR_STR_INIT("{\"type\":\"object\"}")};
    or_msg       msgs[] = {
        {.role = OR_ROLE_SYSTEM, .content = OR_STR_INIT("s")},
        {.role = OR_ROLE_DEVELOPER, .content = OR_STR_INIT("d"), .name = OR_STR_INIT("n")},
        {.content_parts = OR_STR_INIT("[{\"type\":\"text\",\"text\":\"t\"}]")},
        {.role = OR_ROLE_ASSISTANT, .tool_calls = &call, .num_tool_calls = 1},
        {.role = OR_ROLE_TOOL, .content = OR_STR_INIT("r"), .tool_call_id = OR_STR_INIT("c1")},
    };
    d = (or_chat_desc){.model = OR_STR_INIT("a/w"), .models = models, .num_models = 2, .msgs = msgs,
                       .num_msgs = 5, .tools = &tool, .num_tools = 1,
                       .tool_choice = OR_STR_INIT("\"auto\""),
                       .response_format = OR_STR_INIT("{\"type\":\"json_object\"}"),
                       .reasoning_effort = OR_STR_INIT("low"), .stop = stop, .num_stop = 1,
                       .max_tokens = 7, .temperature_milli = {true, 0}, .top_p_milli = {true, 950},
                       .seed = {true, -3}, .user = OR_STR_INIT("u"), .session_id = OR_STR_INIT("k"),
                       .stream = true};
    check_request(&d,
                  "{\"model\":\"a/w\",\"models\":[\"b/x\",\"c/y\"],\"messages\":["
                  "{\"role\":\"system\",\"content\":\"s\"},"
                  "{\"role\":\"developer\",\"content\":\"d\",\"name\":\"n\"},"
                  "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\"}]},"
                  "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":"
                  "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]},"
                  "{\"role\":\"tool\",\"content\":\"r\",\"tool_call_id\":\"c1\"}],"
                  "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":"
                  "\"does f\",\"parameters\":{\"type\":\"object\"}}}],\"tool_choice\":\"auto\","
                  "\"response_format\":{\"type\":\"json_object\"},\"reasoning_effort\":\"low\","
                  "\"stop\":[\"END\"],\"max_tokens\":7,\"temperature\":0,\"top_p\":0.95,\"seed\":-3,"
                  "\"user\":\"u\",\"session_id\":\"k\",\"stream\":true,"
                  "\"stream_options\":{\"include_usage\":true}}",
                  "all");
}

static void check_refused(const or_chat_desc *d, or_err want, const char *name)
{
    static char mem[4096];
    or_buf      out;
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_chat_write(&out, d), want, name);
}

static void test_wrong_requests(void)
{
    static char  text[258];
    or_msg       m = {.content = OR_STR_INIT("x")};
    or_tool      t = {.name = OR_STR_INIT("f")};
    or_str       stop[5] = {OR_STR_INIT("a"), OR_STR_INIT("b"), OR_STR_INIT("c"), OR_STR_INIT("d"),
                            OR_STR_INIT("e")};
    or_chat_desc good = {.msgs = &m, .num_msgs = 1, .tools = &t, .num_tools = 1, .stop = stop}, d = good;
    memset(text, 'x', sizeof text);
    d.num_msgs = 0;
    check_refused(&d, OR_ERR_ARG, "no messages");
    for (unsigned n = 256; n <= 257; n++) {
        d = good;
        d.session_id = or_str_of(text, n);
        check_refused(&d, n <= 256 ? OR_OK : OR_ERR_ARG, "session_id");
    }
    for (unsigned n = 3; n <= 5; n++) {
        d = good;
        d.num_stop = n;
        check_refused(&d, n <= 4 ? OR_OK : OR_ERR_ARG, "stop");
    }
    for (int n = -1; n <= 2001; n += n == 0 ? 1999 : 1) {
        d = good;
        d.temperature_milli.set = true;
        d.temperature_milli.value = n;
        check_refused(&d, n >= 0 && n <= 2000 ? OR_OK : OR_ERR_ARG, "temperature");
    }
    for (unsigned n = 0; n <= 65; n += n == 0 ? 63 : 1) {
        t.name = or_str_of(text, n);
        check_refused(&good, n >= 1 && n <= 64 ? OR_OK : OR_ERR_ARG, "tool name length");
    }
    t.name = OR_STR("a.b");
    check_refused(&good, OR_ERR_ARG, "tool name byte");
    t.name = OR_STR("A_z-9");
    check_refused(&good, OR_OK, "tool name");
    m.role = OR_ROLE_TOOL;
    check_refused(&good, OR_ERR_ARG, "tool message without id");
    m.role = OR_ROLE_USER;
    m.num_tool_calls = 1;
    check_refused(&good, OR_ERR_ARG, "calls of a user");
    m.num_tool_calls = 0;
    m.content = OR_STR("\xff");
    check_refused(&good, OR_ERR_UTF8, "not UTF-8");
    m.content_parts = OR_STR("[1,]");
    check_refused(&good, OR_ERR_JSON, "not JSON");
}

/* ---- logs of what was read ---- */

static void log_str(or_buf *log, const char *name, or_str s)
{
    if (s.ptr == NULL) return;
    or_buf_put_z(log, name);
    or_buf_put_char(log, '(');
    or_buf_put_str(log, s);
    or_buf_put_char(log, ')');
}

static void log_calls(or_buf *log, const or_tool_call *calls, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        or_buf_put_z(log, "call");
        or_buf_put_u64(log, calls[i].index);
        log_str(log, "", calls[i].id);
        log_str(log, ":", calls[i].name);
        log_str(log, "=", calls[i].arguments);
    }
}

static void log_usage(or_buf *log, const or_usage *u)
{
    const uint64_t n[6] = {u->prompt_tokens, u->completion_tokens, u->total_tokens,
                           u->cached_tokens, u->cache_write_tokens, u->reasoning_tokens};
    if (!u->set) return;
    or_buf_put_z(log, "usage");
    for (int i = 0; i < 6; i++) {
        or_buf_put_char(log, i == 0 ? '(' : ',');
        or_buf_put_u64(log, n[i]);
    }
    if (u->cost_set) {
        or_buf_put_char(log, '$');
        or_decimal_put(log, u->cost_pico_usd, 12);
    }
    or_buf_put_char(log, ')');
}

static void log_error(or_buf *log, const or_chat_error *e)
{
    if (!e->set) return;
    or_buf_put_z(log, "error");
    or_buf_put_i64(log, e->code);
    log_str(log, "", e->message);
    log_str(log, "", e->type);
}

static const char *const finishes[] = {"", "stop", "length", "calls", "filter", "error"};

static void log_finish(or_buf *log, or_finish finish, or_str native)
{
    if (finish != OR_FINISH_NONE) log_str(log, "finish", or_str_z(finishes[finish]));
    if (native.len > 0 && !or_str_eq(native, or_str_z(finishes[finish]))) log_str(log, "native", native);
}

/* ---- whole answers ---- */

#define MESSAGE(m)          "{\"choices\":[{\"message\":" m ",\"finish_reason\":\"stop\"}]}"
#define USAGE(u)            "{\"choices\":[{\"message\":{},\"finish_reason\":\"stop\"}],\"usage\":" u "}"
#define FINISH(word)        "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":" word "}]}"

static const struct {
    const char *name, *in, *want; /* want: the log, or '!' and the error's text */
} answers[] = {
    {"plain", "{\"id\":\"i\",\"model\":\"m\",\"provider\":\"P\",\"choices\":[{\"message\":{\"content\":"
              "\"a\\nb\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"end_turn\"}]}",
     "id(i)model(m)provider(P)text(a\nb)finish(stop)native(end_turn)"},
    {"leading blank lines", "\n\n  " MESSAGE("{\"content\":\"x\"}"), "text(x)finish(stop)"},
    {"null content", MESSAGE("{\"content\":null}"), "finish(stop)"},
    {"refusal", MESSAGE("{\"content\":null,\"refusal\":\"no\"}"), "refusal(no)finish(stop)"},
    {"parts", MESSAGE("{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"text\":\"b\"}]}"),
     "text(ab)finish(stop)"},
    {"thinking parts", MESSAGE("{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"text\":\"t\"},"
                               "{\"text\":\"u\"}]},{\"type\":\"text\",\"text\":\"a\"}]}"),
     "text(a)reasoning(tu)finish(stop)"},
    {"reasoning", MESSAGE("{\"content\":\"a\",\"reasoning\":\"r\"}"), "text(a)reasoning(r)finish(stop)"},
    {"reasoning_content", MESSAGE("{\"content\":\"a\",\"reasoning_content\":\"r\"}"),
     "text(a)reasoning(r)finish(stop)"},
    {"reasoning in both", MESSAGE("{\"reasoning\":\"r\",\"reasoning_content\":\"r\"}"),
     "reasoning(r)finish(stop)"},
    {"reasoning_details", MESSAGE("{\"reasoning_details\":[{\"text\":\"r\"},{\"data\":\"x\"},{\"text\":"
                                  "\"s\"}]}"), "reasoning(rs)finish(stop)"},
    {"wrong types", "{\"id\":5,\"model\":null,\"choices\":[{\"message\":{\"content\":7,\"tool_calls\":3,"
                    "\"reasoning\":{}},\"finish_reason\":9}],\"usage\":\"none\"}", ""},
    {"legacy text", "{\"choices\":[{\"text\":\"t\",\"finish_reason\":\"stop\"}]}", "text(t)finish(stop)"},
    {"call", "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"function\":{"
             "\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]},\"finish_reason\":\"tool_calls\"}]}",
     "call0(c):(f)=({\"a\":1})finish(calls)native(tool_calls)"},
    {"arguments as object", MESSAGE("{\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\","
                                    "\"arguments\":{\"a\": 1.50}}}]}"),
     "call0(c):(f)=({\"a\": 1.50})finish(calls)native(stop)"},
    {"arguments null", MESSAGE("{\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\","
                               "\"arguments\":null}}]}"), "call0(c):(f)=()finish(calls)native(stop)"},
    {"calls empty", "{\"choices\":[{\"message\":{\"tool_calls\":[]},\"finish_reason\":\"tool_calls\"}]}",
     "finish(stop)native(tool_calls)"},
    {"finish empty with call", "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"c\"}]},"
                               "\"finish_reason\":\"\"}]}", "call0(c)=()finish(calls)"},

    {"finish length", FINISH("\"MAX_TOKENS\""), "text(x)finish(length)native(MAX_TOKENS)"},
    {"finish model_length", FINISH("\"model_length\""), "text(x)finish(length)native(model_length)"},
    {"finish eos", FINISH("\"eos\""), "text(x)finish(stop)native(eos)"},
    {"finish unknown", FINISH("\"whatever\""), "text(x)finish(stop)native(whatever)"},
    {"finish safety", FINISH("\"SAFETY\""), "text(x)finish(filter)native(SAFETY)"},
    {"finish filter", FINISH("\"content_filter\""), "text(x)finish(filter)native(content_filter)"},
    {"finish resource", FINISH("\"insufficient_system_resource\""),
     "text(x)finish(error)native(insufficient_system_resource)"},
    {"finish error", FINISH("\"error\""), "text(x)finish(error)"},
    {"finish null", FINISH("null"), "text(x)"},

    {"usage", USAGE("{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11,\"cost\":0.00071,"
                    "\"prompt_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":1},"
                    "\"completion_tokens_details\":{\"reasoning_tokens\":1}}"),
     "finish(stop)usage(9,2,11,4,1,1$0.00071)"},
    {"cost through a double", USAGE("{\"prompt_tokens\":1,\"cost\":0.0007100000000000001}"),
     "finish(stop)usage(1,0,1,0,0,0$0.00071)"},
    {"cost tiny", USAGE("{\"prompt_tokens\":1,\"cost\":3.75e-8}"),
     "finish(stop)usage(1,0,1,0,0,0$0.0000000375)"},
    {"cost string", USAGE("{\"cost\":\"0.5\"}"), "finish(stop)usage(0,0,0,0,0,0$0.5)"},
    {"cost null", USAGE("{\"prompt_tokens\":1,\"cost\":null}"), "finish(stop)usage(1,0,1,0,0,0)"},
    {"cost negative", USAGE("{\"prompt_tokens\":1,\"cost\":-1}"), "finish(stop)usage(1,0,1,0,0,0)"},
    {"cost too large", USAGE("{\"prompt_tokens\":1,\"cost\":1e30}"), "finish(stop)usage(1,0,1,0,0,0)"},
    {"cost zero is known", USAGE("{\"prompt_tokens\":0,\"cost\":0}"), "finish(stop)usage(0,0,0,0,0,0$0)"},
    {"total too small", USAGE("{\"prompt_tokens\":5,\"completion_tokens\":6,\"total_tokens\":3}"),
     "finish(stop)usage(5,6,11,0,0,0)"},
    {"reasoning beside", USAGE("{\"prompt_tokens\":5,\"completion_tokens\":6,\"total_tokens\":18,"
                               "\"completion_tokens_details\":{\"reasoning_tokens\":7}}"),
     "finish(stop)usage(5,13,18,0,0,7)"},
    {"cache hits", USAGE("{\"prompt_tokens\":5,\"prompt_cache_hit_tokens\":3}"),
     "finish(stop)usage(5,0,5,3,0,0)"},
    {"null counts", USAGE("{\"prompt_tokens\":5,\"completion_tokens\":null,\"prompt_tokens_details\":"
                          "null}"), "finish(stop)usage(5,0,5,0,0,0)"},
    {"absurd counts", USAGE("{\"prompt_tokens\":9223372036854775807,\"completion_tokens\":"
                            "9223372036854775807,\"total_tokens\":-4}"),
     "finish(stop)usage(9223372036854775807,9223372036854775807,18446744073709551614,0,0,0)"},
    {"all zero", USAGE("{\"prompt_tokens\":0,\"completion_tokens\":0}"), "finish(stop)"},
    {"usage of groq", "{\"choices\":[{\"message\":{}}],\"x_groq\":{\"usage\":{\"prompt_tokens\":3}}}",
     "usage(3,0,3,0,0,0)"},

    {"error openai", "{\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":null,\"code\":null}}",
     "error0(m)(t)"},
    {"error openrouter", "{\"error\":{\"code\":502,\"message\":\"m\",\"metadata\":{\"error_type\":\"e\"}}}",
     "error502(m)(e)"},
    {"error code string", "{\"error\":{\"code\":\"401\",\"message\":\"m\"}}", "error401(m)(401)"},
    {"error flat", "{\"object\":\"error\",\"message\":\"m\",\"type\":\"t\",\"code\":400}", "error400(m)(t)"},
    {"error message", "{\"message\":\"m\"}", "error0(m)"},
    {"error detail", "{\"detail\":\"d\"}", "error0(d)"},
    {"error detail list", "{\"detail\":[{\"loc\":[1],\"msg\":\"x\"}]}", "error0([{\"loc\":[1],\"msg\":\"x\"}])"},
    {"error string", "{\"error\":\"e\"}", "error0(e)"},
    {"error fault", "{\"fault\":{\"faultstring\":\"f\"}}", "error0(f)"},
    {"error array", "[{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"EXHAUSTED\"}}]",
     "error429(m)(EXHAUSTED)"},
    {"error azure", "{\"statusCode\":401,\"message\":\"m\"}", "error401(m)"},
    {"error anthropic", "{\"type\":\"error\",\"error\":{\"type\":\"t\",\"message\":\"m\"}}", "error0(m)(t)"},
    {"error message object", "{\"error\":{\"message\":{\"a\":1}}}", "error0({\"a\":1})"},
    {"error empty", "{\"error\":{}}", "error0()"},
    {"error null", "{\"error\":null,\"choices\":[{\"message\":{\"content\":\"x\"}}]}", "text(x)"},
    {"error in choice", "{\"choices\":[{\"message\":{\"content\":\"x\"},\"error\":{\"code\":502,\"message\":"
                        "\"m\"}}]}", "text(x)error502(m)"},

    {"empty object", "{}", "!the answer is JSON but not a chat completion"},
    {"choices empty", "{\"choices\":[]}", "!the answer is JSON but not a chat completion"},
    {"a string", "\"x\"", "!the answer is JSON but not a chat completion"},
    {"an empty array", "[]", "!the answer is JSON but not a chat completion"},
    {"HTML", "<html>", "!malformed JSON"},
    {"nothing", "", "!input ended before it was complete"},
};

static or_err read_answer(or_str in, or_arena *arena, or_buf *log)
{
    or_chat_answer a;
    or_err         e = or_chat_read(in, arena, &a);
    or_buf_clear(log);
    if (e != OR_OK) {
        or_buf_put_char(log, '!');
        or_buf_put_z(log, or_err_text(e));
        return e;
    }
    log_str(log, "id", a.id);
    log_str(log, "model", a.model);
    log_str(log, "provider", a.provider);
    log_str(log, "text", a.text);
    log_str(log, "reasoning", a.reasoning);
    log_str(log, "refusal", a.refusal);
    log_calls(log, a.tool_calls, a.num_tool_calls);
    log_finish(log, a.finish, a.native_finish);
    log_usage(log, &a.usage);
    log_error(log, &a.error);
    return e;
}

static void test_answers(void)
{
    static char memory[16384], log_mem[4096];
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        or_arena arena;
        or_buf   log;
        or_str   in = test_exact(or_str_z(answers[i].in));
        or_buf_init(&log, log_mem, sizeof log_mem);
        or_arena_init(&arena, memory, sizeof memory);
        or_err whole = read_answer(in, &arena, &log);
        CHECK_STR(or_buf_str(&log), or_str_z(answers[i].want), answers[i].name);

        size_t need = arena.peak;
        for (size_t n = 0; n < need && whole == OR_OK; n += 8) { /* any smaller arena is too small */
            or_arena_init(&arena, memory, n);
            CHECK_ERR(read_answer(in, &arena, &log), OR_ERR_SPACE, answers[i].name);
        }
        for (size_t n = 0; n < in.len && whole == OR_OK; n++) { /* no cut answer is an answer */
            or_str cut = test_exact(or_str_of(in.ptr, n));
            or_arena_init(&arena, memory, sizeof memory);
            CHECK_ERR(read_answer(cut, &arena, &log), OR_ERR_TRUNCATED, answers[i].name);
            free((void *)(uintptr_t)cut.ptr);
        }
        free((void *)(uintptr_t)in.ptr);
    }
}

/* ---- streams ---- */

#define D(json)      "data: " json "\n\n"
#define DELTA(d)     D("{\"choices\":[{\"delta\":" d ",\"finish_reason\":null}]}")
#define STOP         D("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}")
#define DONE         "data: [DONE]\n\n"
#define CALL(c)      DELTA("{\"tool_calls\":[" c "]}")

static const struct {
    const char *name, *in, *want;
    or_end      end; /* when the HTTP body was complete */
} streams[] = {
    {"plain", DELTA("{\"role\":\"assistant\",\"content\":\"\"}") DELTA("{\"content\":\"a\"}")
              DELTA("{\"content\":\"b\"}") STOP DONE, "text()|text(a)|text(b)|finish(stop)|done|",
     OR_END_COMPLETE},
    {"no done", DELTA("{\"content\":\"a\"}") STOP, "text(a)|finish(stop)|", OR_END_COMPLETE},
    {"no finish", DELTA("{\"content\":\"a\"}") DONE, "text(a)|done|", OR_END_TRUNCATED},
    {"nothing", "", "", OR_END_TRUNCATED},
    {"comments only", ": a\n\n: b\n\n", "", OR_END_TRUNCATED},
    {"after done", STOP DONE DELTA("{\"content\":\"a\"}"), "finish(stop)|done||", OR_END_COMPLETE},
    {"done with blanks", STOP "data:  [DONE] \n\n", "finish(stop)|done|", OR_END_COMPLETE},
    {"finish with content", D("{\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}"),
     "text(a)finish(length)|", OR_END_COMPLETE},
    {"usage chunk", STOP D("{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}") DONE,
     "finish(stop)|usage(1,2,3,0,0,0)|done|", OR_END_COMPLETE},
    {"usage null", D("{\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}") STOP DONE,
     "text(a)|finish(stop)|done|", OR_END_COMPLETE},
    {"usage only", D("{\"usage\":{\"prompt_tokens\":1}}") STOP, "usage(1,0,1,0,0,0)|finish(stop)|",
     OR_END_COMPLETE},
    {"choices null", D("{\"choices\":null}") STOP, "|finish(stop)|", OR_END_COMPLETE},
    {"choices empty", D("{\"choices\":[],\"prompt_filter_results\":[]}") STOP, "|finish(stop)|",
     OR_END_COMPLETE},
    {"ping", D("{\"type\":\"ping\"}") STOP, "!the answer is JSON but not a chat completion|finish(stop)|",
     OR_END_COMPLETE},
    {"delta null", D("{\"choices\":[{\"delta\":null}]}") STOP, "|finish(stop)|", OR_END_COMPLETE},
    {"whole message", D("{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}"),
     "text(a)finish(stop)|", OR_END_COMPLETE},
    {"reasoning", DELTA("{\"reasoning\":\"r\",\"reasoning_content\":\"r\"}") STOP DONE,
     "reasoning(r)|finish(stop)|done|", OR_END_COMPLETE},

    {"calls in fragments", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}")
     CALL("{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\"}}")
     CALL("{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{\"}}")
     CALL("{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\"}}")
     CALL("{\"index\":1,\"function\":{\"arguments\":\"}\"}}") STOP DONE,
     "call0(a):(f)=()|call0=({\"x)|call1(b):(g)=({)|call0=(\":1})|call1=(})|finish(calls)native(stop)|done|",
     OR_END_COMPLETE},
    {"calls in one delta", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}},{\"index\":1,\"id\":"
                                "\"b\",\"function\":{\"name\":\"g\"}}") STOP,
     "call0(a):(f)=()call1(b):(g)=()|finish(calls)native(stop)|", OR_END_COMPLETE},
    {"calls without index", CALL("{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"1\"}}")
     CALL("{\"function\":{\"arguments\":\"2\"}}") CALL("{\"id\":\"b\",\"function\":{\"name\":\"g\"}}")
     CALL("{\"id\":\"a\",\"function\":{\"arguments\":\"3\"}}") STOP,
     "call0(a):(f)=(1)|call0=(2)|call1(b):(g)=()|call0=(3)|finish(calls)native(stop)|", OR_END_COMPLETE},
    {"calls all with index 0", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}")
     CALL("{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"g\"}}")
     CALL("{\"index\":0,\"function\":{\"arguments\":\"x\"}}") STOP,
     "call0(a):(f)=()|call1(b):(g)=()|call1=(x)|finish(calls)native(stop)|", OR_END_COMPLETE},
    {"calls from index 1", CALL("{\"index\":1,\"id\":\"a\",\"function\":{\"name\":\"f\"}}")
     CALL("{\"index\":3,\"id\":\"b\",\"function\":{\"name\":\"g\"}}") STOP,
     "call0(a):(f)=()|call1(b):(g)=()|finish(calls)native(stop)|", OR_END_COMPLETE},
    {"calls repeat id and name", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}")
     CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"x\"}}") STOP,
     "call0(a):(f)=()|call0=(x)|finish(calls)native(stop)|", OR_END_COMPLETE},
    {"calls name late", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"\"}}")
     CALL("{\"index\":0,\"id\":\"\",\"function\":{\"name\":\"f\"}}") STOP,
     "call0(a)=()|call0:(f)=()|finish(calls)native(stop)|", OR_END_COMPLETE},
    {"fragment inside an escape", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"arguments\":\"\\\"\\\\u00\"}}")
     STOP, "call0(a)=(\"\\u00)|finish(calls)native(stop)|", OR_END_COMPLETE},

    {"error first", D("{\"error\":{\"code\":503,\"message\":\"m\"}}"), "error503(m)|", OR_END_ERROR},
    {"error after content", DELTA("{\"content\":\"a\"}")
     D("{\"error\":{\"code\":502,\"message\":\"m\"},\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}")
     DONE, "text(a)|finish(error)error502(m)|done|", OR_END_ERROR},
    {"error field", DELTA("{\"content\":\"a\"}") "error: {\"code\":500,\"message\":\"m\"}\n\n",
     "text(a)|error500(m)|", OR_END_ERROR},
    {"error null", D("{\"error\":null,\"choices\":[{\"delta\":{\"content\":\"a\"}}]}") STOP,
     "text(a)|finish(stop)|", OR_END_COMPLETE},
    {"error of groq", D("{\"choices\":[{\"delta\":{}}],\"x_groq\":{\"error\":\"over\"}}"), "error0(over)|",
     OR_END_ERROR},
    {"finish is error", D("{\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}") DONE,
     "finish(error)|done|", OR_END_ERROR},
    {"not JSON", D("{\"choices\":") STOP DONE, "!input ended before it was complete|finish(stop)|done|",
     OR_END_COMPLETE},
};

typedef struct replay {
    or_buf         carry, log;
    or_sse         sse;
    or_chat_stream stream;
    char           carry_mem[512], log_mem[1024];
} replay;

static void begin(replay *r)
{
    or_buf_init(&r->carry, r->carry_mem, sizeof r->carry_mem);
    or_buf_init(&r->log, r->log_mem, sizeof r->log_mem);
    or_sse_init(&r->sse, &r->carry);
    or_chat_stream_init(&r->stream);
}

static void feed(replay *r, const char *data, size_t len)
{
    static char   memory[8192];
    or_arena      arena;
    or_sse_event  ev;
    or_chat_delta d;
    or_str        exact = test_exact(or_str_of(data, len)), in = exact;
    while (or_sse_next(&r->sse, &in, &ev) == OR_OK) {
        or_arena_init(&arena, memory, sizeof memory);
        or_err e = or_chat_stream_next(&r->stream, ev.data, &arena, &d);
        if (e != OR_OK) {
            or_buf_put_char(&r->log, '!');
            or_buf_put_z(&r->log, or_err_text(e));
        }
        if (d.done) or_buf_put_z(&r->log, "done");
        log_str(&r->log, "text", d.text);
        log_str(&r->log, "reasoning", d.reasoning);
        log_calls(&r->log, d.tool_calls, d.num_tool_calls);
        log_finish(&r->log, d.finish, d.native_finish);
        log_usage(&r->log, &d.usage);
        log_error(&r->log, &d.error);
        or_buf_put_char(&r->log, '|');
    }
    free((void *)(uintptr_t)exact.ptr);
}

static void test_streams(void)
{
    static replay r;
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        const char *in = streams[i].in;
        size_t      len = strlen(in);
        for (size_t n = 0; n <= len; n++) {
            begin(&r);
            feed(&r, in, n);
            /* cut here: complete only when a finish was seen, and then only with [DONE] or a
               clean end of the body */
            or_end cut = or_chat_stream_end(&r.stream, false);
            CHECK(cut != OR_END_COMPLETE || r.stream.done, streams[i].name);
            CHECK(or_chat_stream_end(&r.stream, true) != OR_END_COMPLETE ||
                      r.stream.finish != OR_FINISH_NONE, streams[i].name);
            feed(&r, in + n, len - n);
            CHECK_STR(or_buf_str(&r.log), or_str_z(streams[i].want), streams[i].name);
            CHECK(or_chat_stream_end(&r.stream, true) == streams[i].end, streams[i].name);
        }
    }
}

static void test_many_calls(void)
{
    static char    memory[4096];
    or_chat_stream s;
    or_chat_delta  d;
    or_arena       arena;
    or_chat_stream_init(&s);
    for (int i = 0; i <= OR_CHAT_MAX_CALLS; i++) {
        char text[160];
        snprintf(text, sizeof text,
                 "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,\"id\":\"c%d\"}]}}]}", i, i);
        or_arena_init(&arena, memory, sizeof memory);
        CHECK_ERR(or_chat_stream_next(&s, or_str_z(text), &arena, &d),
                  i < OR_CHAT_MAX_CALLS ? OR_OK : OR_ERR_TOKENS, "calls");
    }
}

int main(void)
{
    test_requests();
    test_wrong_requests();
    test_answers();
    test_streams();
    test_many_calls();
    TEST_MAIN_END("test_chat");
}
