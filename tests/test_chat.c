/* Answers and streams, in every shape that upstreams are known to send. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/answer_log.h"
#include "tests/test.h"

#define S(text)     OR_STR_INIT(text)
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

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
     "text(a)reasoning_parts(tu)finish(stop)"},
    {"reasoning", MESSAGE("{\"content\":\"a\",\"reasoning\":\"r\"}"), "text(a)reasoning(r)finish(stop)"},
    {"reasoning_content", MESSAGE("{\"content\":\"a\",\"reasoning_content\":\"r\"}"),
     "text(a)reasoning_content(r)finish(stop)"},
    {"reasoning in both", MESSAGE("{\"reasoning\":\"r\",\"reasoning_content\":\"r\"}"),
     "reasoning(r)finish(stop)"},
    {"reasoning_details", MESSAGE("{\"reasoning_details\":[{\"text\":\"r\"},{\"data\":\"x\"},{\"text\":"
                                  "\"s\"}]}"), "reasoning_parts(rs)details([{\"text\":\"r\"},{\"data\":\"x\"},{\"text\":\"s\"}])finish(stop)"},
    {"refused", MESSAGE("{\"content\":\"\",\"refusal\":\"no\"}"), "text()refusal(no)finish(stop)"},
    {"everything", "{\"id\":\"i\",\"object\":\"chat.completion\",\"created\":1790000000,\"system_fingerprint\":null,"
     "\"service_tier\":\"flex\",\"choices\":[{\"index\":0,\"logprobs\":{\"content\":[]},\"message\":{\"role\":"
     "\"assistant\",\"content\":\"x\",\"annotations\":[{\"type\":\"url_citation\"}],\"audio\":{\"id\":\"a\"},"
     "\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:a\"}},{},{\"image_url\":{\"url\":\"b\\/c\"}}]}}]}",
     "id(i)tier(flex)created1790000000text(x)annotations([{\"type\":\"url_citation\"}])audio({\"id\":\"a\"})"
     "logprobs({\"content\":[]})image(data:a)image(b/c)"},
    {"created with a fraction", "{\"created\":1790000000.25,\"choices\":[{\"message\":{}}]}", "created1790000000"},
    {"null everywhere", "{\"id\":null,\"created\":null,\"usage\":null,\"service_tier\":null,\"choices\":[{\"logprobs\":null,"
     "\"message\":{\"content\":\"x\",\"audio\":null,\"images\":null,\"annotations\":null,\"tool_calls\":null,"
     "\"refusal\":null,\"reasoning\":null,\"reasoning_content\":null,\"reasoning_details\":null},"
     "\"finish_reason\":\"stop\"}]}", "text(x)finish(stop)"},
    {"empty lists", MESSAGE("{\"content\":[],\"images\":[],\"tool_calls\":[],\"annotations\":[],\"reasoning_details\":[]}"),
     "details([])annotations([])finish(stop)"},
    {"two choices", "{\"choices\":[{\"index\":1,\"message\":{\"content\":\"b\"}},{\"index\":0,\"message\":{\"content\":"
     "\"a\"}}]}", "text(b)"},
    {"names with escapes", "{\"ch\\u006fices\":[{\"message\":{\"c\\u006fntent\":\"x\"}}],\"\\u0069d\":\"i\",\"idx\":\"j\"}",
     "id(i)text(x)"},
    {"the first of two counts", "{\"id\":\"i\",\"id\":\"j\",\"choices\":[{\"message\":{\"content\":\"x\"},\"message\":{"
     "\"content\":\"y\"}}]}", "id(i)text(x)"},
    {"parts with escapes", MESSAGE("{\"content\":[{\"text\":\"a\\n\"},5,{\"image\":1},{\"text\":6},{\"text\":\"\\u00e9\"}]}"),
     "text(a\n\303\251)finish(stop)"},
    {"a thought as text", MESSAGE("{\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\"},{\"text\":\"a\"}]}"),
     "text(a)reasoning_parts(t)finish(stop)"},
    {"reasoning empty", MESSAGE("{\"content\":\"a\",\"reasoning\":\"\",\"reasoning_content\":\"r\"}"),
     "text(a)reasoning_content(r)finish(stop)"},
    {"reasoning and details", MESSAGE("{\"reasoning\":\"r\",\"reasoning_details\":[{\"text\":\"r\"}]}"),
     "reasoning(r)details([{\"text\":\"r\"}])finish(stop)"},
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
    {"call with a thought", MESSAGE("{\"tool_calls\":[{\"id\":\"c\",\"extra_content\":{\"google\":{\"thought_signature\":"
                                    "\"s\"}},\"function\":{\"name\":\"f\"}}]}"),
     "call0(c):(f)=()+({\"google\":{\"thought_signature\":\"s\"}})finish(calls)native(stop)"},
    {"calls with odd indexes", MESSAGE("{\"tool_calls\":[7,{\"index\":5,\"id\":\"a\"},{\"index\":5,\"id\":\"b\"}]}"),
     "call0(a)=()call1(b)=()finish(calls)native(stop)"},
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
    {"finish stop_sequence", FINISH("\"stop_sequence\""), "text(x)finish(stop)native(stop_sequence)"},
    {"finish COMPLETE", FINISH("\"COMPLETE\""), "text(x)finish(stop)native(COMPLETE)"},
    {"finish load", FINISH("\"load\""), "text(x)finish(stop)native(load)"},
    {"finish content_filtered", FINISH("\"content_filtered\""), "text(x)finish(filter)native(content_filtered)"},
    {"finish refusal", FINISH("\"refusal\""), "text(x)finish(filter)native(refusal)"},
    {"finish function_call", FINISH("\"function_call\""), "text(x)finish(stop)native(function_call)"},
    {"finish max_tokens", FINISH("\"max_tokens\""), "text(x)finish(length)native(max_tokens)"},

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
    {"a sum alone", USAGE("{\"total_tokens\":200}"), "finish(stop)"},
    {"counts below nothing", USAGE("{\"prompt_tokens\":-100,\"completion_tokens\":-100,"
                                   "\"total_tokens\":200}"), "finish(stop)"},
    {"one count of two", USAGE("{\"prompt_tokens\":18446744073709551616,\"completion_tokens\":1}"),
     "finish(stop)"},
    {"one count is a word", USAGE("{\"prompt_tokens\":\"x\",\"completion_tokens\":1}"), "finish(stop)"},
    {"odd counts with a cost", USAGE("{\"prompt_tokens\":-1,\"completion_tokens\":1,\"cost\":0.5}"),
     "finish(stop)usage(0,1,1,0,0,0$0.5)"},
    {"cost just below nothing", USAGE("{\"prompt_tokens\":1,\"cost\":-1e-300}"),
     "finish(stop)usage(1,0,1,0,0,0)"},
    {"all zero", USAGE("{\"prompt_tokens\":0,\"completion_tokens\":0}"), "finish(stop)"},
    {"usage of all kinds", USAGE("{\"prompt_tokens\":9,\"completion_tokens\":8,\"total_tokens\":17,\"is_byok\":true,"
     "\"cost\":0.1,\"cost_details\":{\"upstream_inference_cost\":0.25,\"upstream_inference_prompt_cost\":7},"
     "\"prompt_tokens_details\":{\"cached_tokens\":1,\"cache_write_tokens\":2,\"audio_tokens\":3,"
     "\"video_tokens\":4,\"cached_tokens_details\":{\"audio_tokens\":5}},"
     "\"completion_tokens_details\":{\"reasoning_tokens\":6,\"image_tokens\":7,\"audio_tokens\":8,"
     "\"accepted_prediction_tokens\":9,\"rejected_prediction_tokens\":10},"
     "\"server_tool_use_details\":{\"web_search_requests\":11,\"tool_calls_requested\":12}}"),
     "finish(stop)usage(9,8,17,1,2,6 audio3 cached_audio5 video4 images_out7 audio_out8 accepted9 rejected10 "
     "searches11 byok$0.1/$0.25)"},
    {"searches by the other name", USAGE("{\"prompt_tokens\":1,\"server_tool_use\":{\"web_search_requests\":3}}"),
     "finish(stop)usage(1,0,1,0,0,0 searches3)"},
    {"cache of anthropic", USAGE("{\"prompt_tokens\":9,\"cache_read_input_tokens\":2,\"cache_creation_input_tokens\":5,"
     "\"cache_creation\":{\"ephemeral_5m_input_tokens\":1,\"ephemeral_1h_input_tokens\":4}}"),
     "finish(stop)usage(9,0,9,2,5,0 1h4)"},
    {"cache in the details", USAGE("{\"prompt_tokens\":9,\"prompt_tokens_details\":{\"cache_creation_tokens\":5,"
     "\"cache_creation_token_details\":{\"ephemeral_1h_input_tokens\":7}}}"),
     "finish(stop)usage(9,0,9,0,7,0 1h7)"},
    {"cached twice", USAGE("{\"prompt_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":4},"
                           "\"prompt_cache_hit_tokens\":4}"), "finish(stop)usage(9,0,9,4,0,0)"},
    {"ticks of xai", USAGE("{\"prompt_tokens\":1,\"cost_in_usd_ticks\":37500}"),
     "finish(stop)usage(1,0,1,0,0,0$0.00000375)"},
    {"cost before ticks", USAGE("{\"cost_in_usd_ticks\":1,\"cost\":2}"), "finish(stop)usage(0,0,0,0,0,0$2)"},
    {"reasoning beside the details", USAGE("{\"prompt_tokens\":1,\"completion_tokens\":5,\"reasoning_tokens\":2}"),
     "finish(stop)usage(1,5,6,0,0,2)"},
    {"upstream cost only", USAGE("{\"prompt_tokens\":1,\"cost\":null,\"cost_details\":{\"upstream_inference_cost\":0}}"),
     "finish(stop)usage(1,0,1,0,0,0/$0)"},
    {"upstream cost null", USAGE("{\"prompt_tokens\":1,\"cost_details\":{\"upstream_inference_cost\":null}}"),
     "finish(stop)usage(1,0,1,0,0,0)"},
    {"byok false", USAGE("{\"prompt_tokens\":1,\"is_byok\":false}"), "finish(stop)usage(1,0,1,0,0,0)"},
    {"counts as text and as 5.0", USAGE("{\"prompt_tokens\":\"4\",\"completion_tokens\":5.0}"),
     "finish(stop)usage(4,5,9,0,0,0)"},
    {"usage in the choice", "{\"choices\":[{\"message\":{},\"usage\":{\"prompt_tokens\":3}}]}", "usage(3,0,3,0,0,0)"},
    {"usage null before that of groq", "{\"choices\":[{\"message\":{}}],\"usage\":null,\"x_groq\":{\"id\":\"x\","
     "\"usage\":{\"prompt_tokens\":3}}}", "usage(3,0,3,0,0,0)"},
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
    {"error of the request", "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"param\":\"max_tokens\","
                             "\"code\":\"context_length_exceeded\"}}",
     "error0(m)(invalid_request_error)code(context_length_exceeded)param(max_tokens)"},
    {"error details", "{\"error\":{\"code\":429,\"message\":\"m\",\"metadata\":{\"provider_name\":\"P\",\"raw\":"
                      "\"{\\\"x\\\":1}\",\"provider_code\":\"slow\",\"retry_after\":2}}}",
     "error429(m)(slow)by(P)raw({\"x\":1})after2000"},
    {"error raw object", "{\"error\":{\"code\":502,\"message\":\"m\",\"metadata\":{\"provider_name\":null,\"raw\":"
                         "{\"y\":[2]}}}}", "error502(m)raw({\"y\":[2]})"},
    {"error_type wins", "{\"error\":{\"message\":\"m\",\"error_type\":\"e\",\"type\":\"t\"}}", "error0(m)(e)"},
    {"error_type of metadata wins", "{\"error\":{\"type\":\"t\",\"message\":\"m\",\"metadata\":{\"error_type\":\"e\"}}}",
     "error0(m)(e)"},
    {"error availability", "{\"error\":{\"http_status\":503,\"message\":\"m\",\"availability\":{\"code\":"
                           "\"temporarily_unavailable\",\"retryable\":true,\"retry_after\":\"1.5\"}}}",
     "error503(m)retryafter1500"},
    {"error not retryable", "{\"error\":{\"code\":404,\"message\":\"m\",\"availability\":{\"retryable\":false}}}",
     "error404(m)no-retry"},
    {"error of gemini", "{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{"
                        "\"@type\":\"x/ErrorInfo\"},{\"@type\":\"x/RetryInfo\",\"retryDelay\":\"17s\"}]}}",
     "error429(m)(RESOURCE_EXHAUSTED)after17000"},
    {"error delays", "{\"error\":{\"message\":\"m\",\"metadata\":{\"retry_after\":-1},\"availability\":{"
                     "\"retry_after\":99999999999}}}", "error0(m)after2147483647"},
    {"error of mistral", "{\"object\":\"error\",\"message\":\"m\",\"type\":\"t\",\"param\":null,\"code\":\"3280\","
                         "\"raw_status_code\":400}", "error400(m)(t)code(3280)"},
    {"error of cerebras", "{\"message\":\"m\",\"type\":\"t\",\"param\":\"p\",\"code\":\"c\"}",
     "error0(m)(t)code(c)param(p)"},
    {"error of xai", "{\"code\":\"bad key\",\"error\":\"text\"}", "error0(text)(bad key)"},
    {"error of fireworks", "{\"fault\":{\"faultstring\":\"f\",\"detail\":{\"errorcode\":\"x\"}}}", "error0(f)"},
    {"error of llama.cpp", "{\"error\":{\"code\":400,\"message\":\"m\",\"type\":\"exceed_context_size_error\","
                           "\"n_ctx\":4096}}", "error400(m)(exceed_context_size_error)"},
    {"error of lm studio", "{\"error\":{\"message\":\"x\"},\"message\":\"y\"}", "error0(x)"},
    {"error with the status beside", "{\"error\":{\"message\":\"x\"},\"status\":503}", "error503(x)"},
    {"error inside error", "{\"error\":{\"error\":\"x\"}}", "error0(x)"},
    {"error of responses", "{\"error\":{\"code\":\"invalid_prompt\",\"message\":\"m\"},\"metadata\":null,"
                           "\"error_type\":\"e\"}", "error0(m)(e)code(invalid_prompt)"},
    {"error codes", "{\"error\":{\"code\":99,\"status\":1000,\"statusCode\":\"999\"}}", "error999()"},
    {"error empty string", "{\"error\":\"\",\"choices\":[{\"message\":{\"content\":\"x\"}}]}", "text(x)"},
    {"error false", "{\"error\":false,\"choices\":[{\"message\":{\"content\":\"x\"}}]}", "text(x)"},
    {"error in choice as text", "{\"choices\":[{\"message\":{\"content\":\"x\"},\"error\":\"e\"}]}", "text(x)error0(e)"},
    {"error of the root before that of the choice", "{\"choices\":[{\"error\":\"e\"}],\"error\":\"f\"}", "error0(f)"},
    {"message beside choices", "{\"message\":\"m\",\"choices\":[{\"message\":{\"content\":\"x\"}}]}", "text(x)"},
    {"message that is a number", "{\"message\":5}", "!the answer is JSON but not a chat completion"},
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
    log_answer(log, &a);
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

#define EVENT(json)  "data: " json "\n\n"
#define DELTA(d)     EVENT("{\"choices\":[{\"delta\":" d ",\"finish_reason\":null}]}")
#define STOP         EVENT("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}")
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
    {"done with blanks (G10)", STOP "data:  [DONE] \n\n", "finish(stop)|done|", OR_END_COMPLETE},
    {"finish with content", EVENT("{\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}"),
     "text(a)finish(length)|", OR_END_COMPLETE},
    {"usage chunk", STOP EVENT("{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}") DONE,
     "finish(stop)|usage(1,2,3,0,0,0)|done|", OR_END_COMPLETE},
    {"usage null", EVENT("{\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}") STOP DONE,
     "text(a)|finish(stop)|done|", OR_END_COMPLETE},
    {"usage only", EVENT("{\"usage\":{\"prompt_tokens\":1}}") STOP, "usage(1,0,1,0,0,0)|finish(stop)|",
     OR_END_COMPLETE},
    {"choices null", EVENT("{\"choices\":null}") STOP, "|finish(stop)|", OR_END_COMPLETE},
    {"choices empty", EVENT("{\"choices\":[],\"prompt_filter_results\":[]}") STOP, "|finish(stop)|",
     OR_END_COMPLETE},
    {"ping", EVENT("{\"type\":\"ping\"}") STOP, "!the answer is JSON but not a chat completion|finish(stop)|",
     OR_END_COMPLETE},
    {"delta null", EVENT("{\"choices\":[{\"delta\":null}]}") STOP, "|finish(stop)|", OR_END_COMPLETE},
    {"whole message", EVENT("{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}"),
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

    {"calls with thoughts", CALL("{\"index\":0,\"id\":\"a\",\"extra_content\":{\"x\":1},\"function\":{\"name\":\"f\"}}") STOP,
     "call0(a):(f)=()+({\"x\":1})|finish(calls)native(stop)|", OR_END_COMPLETE},
    {"call as object in pieces", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}}") STOP,
     "call0(a):(f)=({\"x\":1})|finish(calls)native(stop)|", OR_END_COMPLETE},
    {"calls and finish in one", EVENT("{\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\","
     "\"arguments\":\"{}\"}}]},\"finish_reason\":\"\"}]}") DONE, "call0(a):(f)=({})finish(calls)|done|", OR_END_COMPLETE},
    {"reasoning in parts", DELTA("{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"t\"}]}]}")
     DELTA("{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}") STOP, "reasoning_parts(t)|text(a)|finish(stop)|",
     OR_END_COMPLETE},
    {"reasoning after text", DELTA("{\"content\":\"a\"}") DELTA("{\"reasoning_content\":\"r\"}") STOP,
     "text(a)|reasoning_content(r)|finish(stop)|", OR_END_COMPLETE},
    {"two choices", EVENT("{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x\"}}]}")
     EVENT("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}")
     EVENT("{\"choices\":[{\"index\":0,\"delta\":{}},{\"index\":1,\"delta\":{\"content\":\"y\"},\"finish_reason\":\"length\"}]}"),
     "text(x)||text(y)finish(length)|", OR_END_COMPLETE},
    {"a choice without its index", EVENT("{\"choices\":[{\"index\":3,\"delta\":{\"content\":\"x\"}}]}")
     EVENT("{\"choices\":[{\"delta\":{\"content\":\"y\"}}]}") STOP, "text(x)|text(y)|finish(stop)|", OR_END_COMPLETE},
    {"legacy text", EVENT("{\"choices\":[{\"text\":\"a\",\"index\":0}]}") EVENT("{\"choices\":[{\"text\":\"\",\"finish_reason\":\"stop\"}]}"),
     "text(a)|text()finish(stop)|", OR_END_COMPLETE},
    {"image and audio", DELTA("{\"images\":[{\"image_url\":{\"url\":\"u\"}}]}") DELTA("{\"audio\":{\"data\":\"QQ\"}}") STOP,
     "image(u)|audio({\"data\":\"QQ\"})|finish(stop)|", OR_END_COMPLETE},
    {"logprobs and annotations", EVENT("{\"choices\":[{\"delta\":{\"annotations\":[1]},\"logprobs\":{\"content\":[2]}}]}") STOP,
     "annotations([1])logprobs({\"content\":[2]})|finish(stop)|", OR_END_COMPLETE},
    {"roles", DELTA("{\"role\":\"\",\"content\":\"a\"}") DELTA("{\"role\":null,\"content\":null}") STOP,
     "text(a)||finish(stop)|", OR_END_COMPLETE},
    {"finish twice", DELTA("{\"content\":\"a\"}") STOP STOP DONE, "text(a)|finish(stop)|finish(stop)|done|", OR_END_COMPLETE},
    {"usage on the finish chunk", EVENT("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"usage\":{\"prompt_tokens\":2}}]}"),
     "finish(stop)usage(2,0,2,0,0,0)|", OR_END_COMPLETE},
    {"usage in every chunk", EVENT("{\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":2}}")
     EVENT("{\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":5}}") STOP,
     "text(a)usage(2,0,2,0,0,0)|usage(2,5,7,0,0,0)|finish(stop)|", OR_END_COMPLETE},
    {"usage after the finish, one empty choice", STOP EVENT("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},"
     "\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":2,\"cost\":1}}") DONE,
     "finish(stop)|text()usage(2,0,2,0,0,0$1)|done|", OR_END_COMPLETE},
    {"only an id", EVENT("{\"id\":\"i\",\"object\":\"chat.completion.chunk\"}") STOP,
     "!the answer is JSON but not a chat completionid(i)|finish(stop)|", OR_END_COMPLETE},
    {"event: error", "event: error\n" EVENT("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}"),
     "error0(m)(overloaded_error)|", OR_END_ERROR},
    {"error after calls", CALL("{\"index\":0,\"id\":\"a\"}") EVENT("{\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}"),
     "call0(a)=()|error0(m)(server_error)|", OR_END_ERROR},
    {"error in the choice", EVENT("{\"choices\":[{\"delta\":{},\"error\":{\"code\":502,\"message\":\"m\"}}]}"),
     "error502(m)|", OR_END_ERROR},
    {"overloaded", EVENT("{\"choices\":[{\"delta\":{},\"finish_reason\":\"insufficient_system_resource\"}]}") DONE,
     "finish(error)native(insufficient_system_resource)|done|", OR_END_ERROR},
    {"tags of thoughts in the text are text (G60)",
     DELTA("{\"content\":\"<thi\"}") DELTA("{\"content\":\"nk>a</think>\"}") STOP,
     "text(<thi)|text(nk>a</think>)|finish(stop)|", OR_END_COMPLETE},
    {"cut pair of surrogates", DELTA("{\"content\":\"\\ud83d\"}") DELTA("{\"content\":\"\\ude00\"}") STOP,
     "text(\357\277\275)|text(\357\277\275)|finish(stop)|", OR_END_COMPLETE},
    {"array", EVENT("[]") STOP, "!the answer is JSON but not a chat completion|finish(stop)|", OR_END_COMPLETE},
    {"no space after data (G6)", "data:{\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata:[DONE]\r\n\r\n",
     "text(a)finish(stop)|done|", OR_END_COMPLETE},
    {"error first", EVENT("{\"error\":{\"code\":503,\"message\":\"m\"}}"), "error503(m)|", OR_END_ERROR},
    {"error after content", DELTA("{\"content\":\"a\"}")
     EVENT("{\"error\":{\"code\":502,\"message\":\"m\"},\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}")
     DONE, "text(a)|finish(error)error502(m)|done|", OR_END_ERROR},
    {"error field", DELTA("{\"content\":\"a\"}") "error: {\"code\":500,\"message\":\"m\"}\n\n",
     "text(a)|error500(m)|", OR_END_ERROR},
    {"error null", EVENT("{\"error\":null,\"choices\":[{\"delta\":{\"content\":\"a\"}}]}") STOP,
     "text(a)|finish(stop)|", OR_END_COMPLETE},
    {"error of groq", EVENT("{\"choices\":[{\"delta\":{}}],\"x_groq\":{\"error\":\"over\"}}"), "error0(over)|",
     OR_END_ERROR},
    {"finish is error", EVENT("{\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}") DONE,
     "finish(error)|done|", OR_END_ERROR},
    {"not JSON", EVENT("{\"choices\":") STOP DONE, "!input ended before it was complete|finish(stop)|done|",
     OR_END_COMPLETE},
};

typedef struct replay {
    or_buf         carry, log;
    or_sse         sse;
    or_chat_stream stream;
    char           carry_mem[512], log_mem[1024], last[200];
} replay;

static void begin(replay *r, bool quick)
{
    or_buf_init(&r->carry, r->carry_mem, sizeof r->carry_mem);
    or_buf_init(&r->log, r->log_mem, sizeof r->log_mem);
    or_sse_init(&r->sse, &r->carry);
    or_chat_stream_init(&r->stream);
    r->stream.last = r->last;
    r->stream.last_size = quick ? sizeof r->last : 0;
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
        if (e == OR_OK || e == OR_ERR_ANSWER) log_answer(&r->log, &d);
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
            begin(&r, n % 2 == 0);
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

#define CHUNK_OF(s) "{\"id\":\"a1\",\"created\":7,\"choices\":[{\"index\":0,\"delta\":{" s \
                 "},\"finish_reason\":null}],\"model\":\"m\",\"usage\":null}"
#define CHOICES(s) "{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" s "\"}}]"
#define PADDED(s, padding) CHOICES(s) ",\"obfuscation\":\"" padding "\"}"
#define TEXT(s)  CHUNK_OF("\"content\":\"" s "\"")

/* Two events, and whether the second one need not be read again. */
static const struct {
    const char *name, *first, *second;
    bool        repeats;
} twins[] = {
    {"another text", TEXT("one"), TEXT("two"), true},
    {"a longer one", TEXT("one"), TEXT("three"), true},
    {"the same", TEXT("one"), TEXT("one"), true},
    {"escapes", TEXT("one"), TEXT("a\\n\\u00e9\\ud83d\\ude00\\\""), true},
    {"letters of two bytes", TEXT("one"), TEXT("\xc3\xa9\xe2\x82\xac"), true},
    {"a text that looks like its end", TEXT("one"), TEXT("\\\"},"), true},
    {"escapes at first", TEXT("a\\n"), TEXT("two"), false},
    {"no text", TEXT("one"), TEXT(""), false},
    {"no text at first", TEXT(""), TEXT("two"), false},
    {"not UTF-8", TEXT("one"), TEXT("\xc3"), false},
    {"a bad escape", TEXT("one"), TEXT("\\x"), false},
    {"a control byte", TEXT("one"), TEXT("\t"), false},
    {"one member more", TEXT("one"), CHUNK_OF("\"content\":\"x\",\"refusal\":\"no\""), false},
    {"the text stands twice", CHUNK_OF("\"content\":\"x\",\"content\":\"y\""),
     CHUNK_OF("\"content\":\"\",\"content\":\"y\""), false},
    {"twice, the first counts", CHUNK_OF("\"content\":\"x\",\"content\":\"y\""),
     CHUNK_OF("\"content\":\"z\",\"content\":\"y\""), true},
    {"reasoning beside it", CHUNK_OF("\"reasoning\":\"r\",\"content\":\"x\""),
     CHUNK_OF("\"reasoning\":\"r\",\"content\":\"z\""), false},
    {"parts", CHUNK_OF("\"content\":[{\"type\":\"text\",\"text\":\"x\"}]"),
     CHUNK_OF("\"content\":[{\"type\":\"text\",\"text\":\"y\"}]"), false},
    {"the end", TEXT("one"), "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}", false},
    {"another id", TEXT("one"),
     "{\"id\":\"a2\",\"created\":7,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},"
     "\"finish_reason\":null}],\"model\":\"m\",\"usage\":null}", false},
    {"usage in the end", TEXT("one"),
     "{\"id\":\"a1\",\"created\":7,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},"
     "\"finish_reason\":null}],\"model\":\"m\",\"usage\":{\"prompt_tokens\":1}}", false},
    {"a call", CHUNK_OF("\"content\":\"x\",\"tool_calls\":[{\"index\":0,\"id\":\"i\"}]"),
     CHUNK_OF("\"content\":\"y\",\"tool_calls\":[{\"index\":0,\"id\":\"i\"}]"), false},
    {"padding", PADDED("one", "aB3"), PADDED("three", "x"), true},
    {"padding of other kinds", PADDED("one", ""), PADDED("a\\n", "\\\"\\u00e9\xc3\xa9"), true},
    {"none of it", PADDED("one", "aB3"), PADDED("two", ""), true},
    {"padding that ends the event early", PADDED("one", "aB3"), PADDED("two", "x\"} "), false},
    {"padding that is no string", PADDED("one", "aB3"), PADDED("two", "\xff"), false},
    {"padding now", CHOICES("one") "}", PADDED("two", "aB3"), false},
    {"and no more", PADDED("one", "aB3"), CHOICES("two") "}", false},
    {"something behind it", PADDED("one", "aB3"), CHOICES("two") ",\"obfuscation\":\"x\",\"usage\":{}}",
     false},
    {"an id behind the text, and padding", CHOICES("one") ",\"id\":\"a\",\"obfuscation\":\"x\"}",
     CHOICES("two") ",\"id\":\"a\",\"obfuscation\":\"x\"}", false},
    {"a text that looks like padding", PADDED("one", "aB3"),
     PADDED("\\\"obfuscation\\\":\\\"", "x"), true},
    {"cut short", TEXT("one"), "{\"id\":\"a1\",\"created\":7,\"choices\":[{\"index\":0,", false},
    {"cut in its text", TEXT("one"),
     "{\"id\":\"a1\",\"created\":7,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"tw", false},
};

/* What an event says is the same with and without memory for the one before, whatever fits. */
static void test_repeats(void)
{
    static char memory[2][8192], last[512];
    for (size_t i = 0; i < sizeof twins / sizeof twins[0]; i++) {
        size_t len = strlen(twins[i].first);
        for (size_t size = 0; size <= len + 1; size += size + 2 < len ? 16 : 1) {
            or_chat_stream quick, slow;
            or_chat_stream_init(&quick);
            or_chat_stream_init(&slow);
            quick.last = last;
            quick.last_size = (uint32_t)size;
            for (int k = 0; k < 4; k++) { /* first, second, second, first */
                const char   *text = k % 3 == 0 ? twins[i].first : twins[i].second;
                or_str        ev = test_exact(or_str_z(text));
                char          a[1024], b[1024];
                or_buf        log, want;
                or_arena      arena, other;
                or_chat_delta d, plain;
                or_arena_init(&arena, memory[0], sizeof memory[0]);
                or_arena_init(&other, memory[1], sizeof memory[1]);
                or_buf_init(&log, a, sizeof a);
                or_buf_init(&want, b, sizeof b);
                or_err e = or_chat_stream_next(&slow, ev, &other, &plain);
                CHECK_ERR(or_chat_stream_next(&quick, ev, &arena, &d), e, twins[i].name);
                if (e == OR_OK) {
                    log_answer(&log, &d);
                    log_answer(&want, &plain);
                    CHECK_STR(or_buf_str(&log), or_buf_str(&want), twins[i].name);
                }
                CHECK(!plain.repeats, twins[i].name);
                if (k == 1)
                    CHECK(d.repeats == (twins[i].repeats && size >= len), twins[i].name);
                CHECK(quick.content == slow.content && quick.finish == slow.finish, twins[i].name);
                free((void *)(uintptr_t)ev.ptr);
            }
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
        CHECK(d.num_tool_calls == (i < OR_CHAT_MAX_CALLS ? 1 : 0), "no call that has no place");
    }
}

/* ---- collecting ---- */

#define DETAIL(d)   DELTA("{\"reasoning_details\":[" d "]}")
#define THOUGHT(m)  "{\"type\":\"reasoning.text\",\"index\":0," m "}"
#define DETAILS(d)  "\"content\":\"\",\"reasoning_details\":[" d "]"
#define FUNCTION(f) "\"type\":\"function\",\"function\":" f

/* A stream as the message that goes back. */
static const struct {
    const char *name, *in, *want;
} collections[] = {
    {"text", DELTA("{\"content\":\"a\"}") DELTA("{\"content\":\"\"}") DELTA("{\"content\":\"b\\\"c\"}") STOP DONE,
     "\"content\":\"ab\\\"c\""},
    {"nothing", STOP DONE, "\"content\":\"\""},
    {"refusal", DELTA("{\"refusal\":\"n\"}") DELTA("{\"refusal\":\"o\"}") STOP, "\"content\":\"\",\"refusal\":\"no\""},
    {"sorted", DELTA("{\"content\":\"a\"}") DELTA("{\"reasoning\":\"r\"}") DELTA("{\"content\":\"b\"}")
     DELTA("{\"refusal\":\"n\"}") DELTA("{\"reasoning\":\"s\"}"),
     "\"content\":\"ab\",\"refusal\":\"n\",\"reasoning\":\"rs\""},
    {"reasoning_content", DELTA("{\"reasoning_content\":\"r\"}") DELTA("{\"content\":\"b\"}"),
     "\"content\":\"b\",\"reasoning_content\":\"r\""},
    {"reasoning in parts stays out", DELTA("{\"content\":[{\"thinking\":\"t\"},{\"text\":\"a\"}]}"), "\"content\":\"a\""},
    {"calls", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\"}}")
     CALL("{\"index\":1,\"id\":\"b\",\"extra_content\":{\"e\":1},\"function\":{\"name\":\"g\"}}")
     CALL("{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\"}}")
     CALL("{\"index\":1,\"extra_content\":{\"e\":1},\"function\":{\"arguments\":\"{}\"}}") DELTA("{\"content\":\"late\"}") STOP,
     "\"content\":\"late\",\"tool_calls\":[{\"id\":\"a\"," FUNCTION("{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}")
     "},{\"id\":\"b\",\"extra_content\":{\"e\":1}," FUNCTION("{\"name\":\"g\",\"arguments\":\"{}\"}") "}]"},
    {"calls alone", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}") STOP,
     "\"content\":null,\"tool_calls\":[{\"id\":\"a\"," FUNCTION("{\"name\":\"f\",\"arguments\":\"{}\"}") "}]"},
    {"calls without ids", CALL("{\"index\":0,\"function\":{\"name\":\"f\"}}") CALL("{\"index\":1,\"function\":{\"name\":\"g\"}}"),
     "\"content\":null,\"tool_calls\":[{\"id\":\"call_9\"," FUNCTION("{\"name\":\"f\",\"arguments\":\"{}\"}")
     "},{\"id\":\"call_15\"," FUNCTION("{\"name\":\"g\",\"arguments\":\"{}\"}") "}]"},

    {"details: null becomes the signature", DETAIL(THOUGHT("\"text\":\"a\\ud83d\",\"signature\":null"))
     DETAIL(THOUGHT("\"text\":\"\\ude00b\",\"signature\":null")) DETAIL(THOUGHT("\"text\":\"\",\"signature\":\"c2lnbg==\"")),
     DETAILS(THOUGHT("\"text\":\"a\\ud83d\\ude00b\",\"signature\":\"c2lnbg==\""))},
    {"details: null before the text", DETAIL(THOUGHT("\"signature\":null,\"text\":\"a\"")) DETAIL(THOUGHT("\"text\":\"bc\""))
     DETAIL(THOUGHT("\"signature\":\"123\"")), DETAILS(THOUGHT("\"signature\":\"123\",\"text\":\"abc\""))},
    {"details: empty signature", DETAIL(THOUGHT("\"text\":\"a\",\"signature\":\"\""))
     DETAIL(THOUGHT("\"text\":\"b\",\"signature\":\"xyz\"")), DETAILS(THOUGHT("\"text\":\"ab\",\"signature\":\"xyz\""))},
    {"details: no place for the signature", DETAIL(THOUGHT("\"text\":\"a\"")) DETAIL(THOUGHT("\"signature\":\"xyz\"")),
     DETAILS("{\"type\":\"reasoning.text\",\"index\":0,\"text\":\"a\",\"signature\":\"xyz\"}")},
    {"details: never signed", DETAIL(THOUGHT("\"text\":\"a\",\"signature\":null")) DETAIL(THOUGHT("\"text\":\"b\",\"signature\":null")),
     DETAILS(THOUGHT("\"text\":\"ab\",\"signature\":null"))},
    {"details: what is signed is over", DETAIL(THOUGHT("\"text\":\"a\",\"signature\":\"xyz\"")) DETAIL(THOUGHT("\"text\":\"b\"")),
     DETAILS(THOUGHT("\"text\":\"a\",\"signature\":\"xyz\"") "," THOUGHT("\"text\":\"b\""))},
    {"details: what was signed later is over", DETAIL(THOUGHT("\"text\":\"a\"")) DETAIL(THOUGHT("\"signature\":\"xyz\""))
     DETAIL(THOUGHT("\"text\":\"b\"")), DETAILS(THOUGHT("\"text\":\"a\",\"signature\":\"xyz\"") "," THOUGHT("\"text\":\"b\""))},
    {"details: another index", DETAIL("{\"index\":0,\"text\":\"a\"},{\"index\":0,\"text\":\"b\"},{\"index\":1,\"text\":\"c\"}")
     DETAIL("{\"index\":1,\"text\":\"d\"}"), DETAILS("{\"index\":0,\"text\":\"ab\"},{\"index\":1,\"text\":\"cd\"}")},
    {"details: another type", DETAIL("{\"type\":\"reasoning.summary\",\"index\":0,\"summary\":\"a\"}")
     DETAIL("{\"type\":\"reasoning.summary\",\"index\":0,\"summary\":\"b\"}") DETAIL(THOUGHT("\"text\":\"c\"")),
     DETAILS("{\"type\":\"reasoning.summary\",\"index\":0,\"summary\":\"ab\"}," THOUGHT("\"text\":\"c\""))},
    {"details: another id", DETAIL("{\"index\":0,\"id\":\"x\",\"text\":\"a\"}") DETAIL("{\"index\":0,\"id\":\"y\",\"text\":\"b\"}"),
     DETAILS("{\"index\":0,\"id\":\"x\",\"text\":\"a\"},{\"index\":0,\"id\":\"y\",\"text\":\"b\"}")},
    {"details: data without an index is whole", DETAIL("{\"type\":\"reasoning.encrypted\",\"data\":\"a\"}")
     DETAIL("{\"type\":\"reasoning.encrypted\",\"data\":\"b\"}"),
     DETAILS("{\"type\":\"reasoning.encrypted\",\"data\":\"a\"},{\"type\":\"reasoning.encrypted\",\"data\":\"b\"}")},
    {"details: data in pieces", DETAIL("{\"index\":2,\"data\":\"a\",\"id\":null}") DETAIL("{\"index\":2,\"data\":\"b\"}"),
     DETAILS("{\"index\":2,\"data\":\"ab\",\"id\":null}")},
    {"details: text without an index", DETAIL("{\"text\":\"a\"}") DETAIL("{\"text\":\"b\"}"), DETAILS("{\"text\":\"ab\"}")},
    {"details: neither text nor signature", DETAIL("{\"index\":0,\"text\":\"a\"}") DETAIL("{\"index\":0}") DETAIL("{\"index\":0,\"text\":null}")
     DETAIL("7,{\"type\":\"reasoning.server_tool_call\",\"arguments\":{\"text\":\"x\"}}"),
     DETAILS("{\"index\":0,\"text\":\"a\"},{\"index\":0},{\"index\":0,\"text\":null},{\"type\":\"reasoning.server_tool_call\","
             "\"arguments\":{\"text\":\"x\"}}")},
    {"details: before calls and behind", DETAIL(THOUGHT("\"text\":\"a\"")) CALL("{\"id\":\"c\",\"function\":{\"name\":\"f\"}}")
     DETAIL(THOUGHT("\"text\":\"b\"")) DETAIL(THOUGHT("\"signature\":\"xyz\"")) DELTA("{\"content\":\"x\"}"),
     "\"content\":\"x\",\"reasoning_details\":[" THOUGHT("\"text\":\"ab\",\"signature\":\"xyz\"") "],\"tool_calls\":[{\"id\":"
     "\"c\"," FUNCTION("{\"name\":\"f\",\"arguments\":\"{}\"}") "}]"},
};

/* Collect a stream into `out`; then the message as JSON, or the error. */
static or_err collect(const char *in, or_buf *out, uint32_t max_calls, or_buf *json)
{
    static char     memory[8192], pieces[512];
    or_tool_call    some[4];
    or_arena        arena;
    or_buf          carry;
    or_sse          sse;
    or_sse_event    ev;
    or_chat_stream  stream;
    or_chat_delta   d;
    or_chat_collect c;
    or_msg          m;
    or_str          rest = or_str_z(in);
    or_err          e = OR_OK;
    or_buf_init(&carry, pieces, sizeof pieces);
    or_sse_init(&sse, &carry);
    or_chat_stream_init(&stream);
    memset(some, 0x55, sizeof some);
    or_chat_collect_init(&c, out, some, max_calls);
    while (or_sse_next(&sse, &rest, &ev) == OR_OK) {
        or_arena_init(&arena, memory, sizeof memory);
        if (or_chat_stream_next(&stream, ev.data, &arena, &d) != OR_OK) abort();
        or_err now = or_chat_collect_add(&c, &d);
        CHECK(e == OR_OK || now == e, "errors stick");
        e = now;
    }
    or_err end = or_chat_collect_end(&c, &m);
    CHECK(e == OR_OK || end == e, "errors stick");
    if (end != OR_OK) return end;
    or_chat_desc desc = {.msgs = &m, .num_msgs = 1};
    return or_chat_write(json, &desc);
}

static void test_collect(void)
{
    static char mem[2048], json_mem[2048];
    or_buf      out, json;
    for (size_t i = 0; i < COUNT(collections); i++) {
        const char *name = collections[i].name, *in = collections[i].in;
        char        want[1024];
        snprintf(want, sizeof want, "{\"messages\":[{\"role\":\"assistant\",%s}]}", collections[i].want);
        or_buf_init(&out, mem, sizeof mem);
        or_buf_put_z(&out, "earlier");
        or_buf_init(&json, json_mem, sizeof json_mem);
        CHECK_ERR(collect(in, &out, 4, &json), OR_OK, name);
        CHECK_STR(or_buf_str(&json), or_str_z(want), name);
        CHECK_STR(or_str_of(mem, 7), OR_STR("earlier"), name);
        size_t need = out.len;
        for (size_t n = 7; n <= need; n++) { /* every size; only the last suffices */
            char *exact = malloc(n);
            if (exact == NULL) abort();
            or_buf_init(&out, exact, n);
            or_buf_put_z(&out, "earlier");
            or_buf_clear(&json);
            CHECK_ERR(collect(in, &out, 4, &json), n < need ? OR_ERR_SPACE : OR_OK, name);
            if (n == need) CHECK_STR(or_buf_str(&json), or_str_z(want), name);
            free(exact);
        }
        for (unsigned long n = 1;; n++) { /* each allocation fails once */
            test_heap    heap = {0, n, 0};
            or_allocator allocator = TEST_ALLOCATOR(&heap);
            or_buf_init_growing(&out, &allocator, 4096);
            or_buf_clear(&json);
            or_err e = collect(in, &out, 4, &json);
            CHECK_ERR(e, heap.calls >= n ? OR_ERR_MEMORY : OR_OK, name);
            or_buf_free(&out);
            CHECK(heap.outstanding == 0, name);
            if (e == OR_OK) break;
        }
    }
    const char *three = CALL("{\"id\":\"a\",\"function\":{\"name\":\"f\"}}") CALL("{\"id\":\"b\",\"function\":{\"name\":\"f\"}}")
        CALL("{\"id\":\"c\",\"function\":{\"name\":\"f\"}}") DELTA("{\"content\":\"x\"}");
    for (uint32_t n = 2; n <= 4; n++) {
        or_buf_init(&out, mem, sizeof mem);
        or_buf_init(&json, json_mem, sizeof json_mem);
        CHECK_ERR(collect(three, &out, n, &json), n < 3 ? OR_ERR_TOKENS : OR_OK, "calls");
    }
    or_buf_init_counting(&out);
    CHECK_ERR(collect(three, &out, 4, &json), OR_ERR_ARG, "a counting buffer keeps nothing");
}

/* A whole answer can be collected, too. */
static void test_collect_answer(void)
{
    static char     memory[4096], mem[256], json_mem[512];
    or_arena        arena;
    or_buf          out, json;
    or_chat_answer  a;
    or_chat_collect c;
    or_tool_call    some[2];
    or_msg          m;
    or_arena_init(&arena, memory, sizeof memory);
    or_buf_init(&out, mem, sizeof mem);
    or_buf_init(&json, json_mem, sizeof json_mem);
    or_str body = OR_STR("{\"choices\":[{\"message\":{\"content\":\"t\",\"reasoning\":\"r\",\"tool_calls\":[{\"index\":1,\"id\":"
                         "\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"b\",\"function\":{\"name\":\"g\"}}]}}]}");
    CHECK_ERR(or_chat_read(body, &arena, &a), OR_OK, "answer");
    or_chat_collect_init(&c, &out, some, 2);
    CHECK_ERR(or_chat_collect_add(&c, &a), OR_OK, "answer");
    CHECK_ERR(or_chat_collect_end(&c, &m), OR_OK, "answer");
    CHECK(m.tool_calls == some && m.num_tool_calls == 2 && some[1].index == 1, "answer");
    or_chat_desc d = {.msgs = &m, .num_msgs = 1};
    CHECK_ERR(or_chat_write(&json, &d), OR_OK, "answer");
    CHECK_STR(or_buf_str(&json), OR_STR("{\"messages\":[{\"role\":\"assistant\",\"content\":\"t\",\"reasoning\":\"r\","
                                        "\"tool_calls\":[{\"id\":\"a\"," FUNCTION("{\"name\":\"f\",\"arguments\":\"{}\"}")
                                        "},{\"id\":\"b\"," FUNCTION("{\"name\":\"g\",\"arguments\":\"{}\"}") "}]}]}"), "answer");
}

/* Pieces in any order: each kind in its own order, and nothing of another. */
static void test_collect_any_order(void)
{
    static char mem[8192], want[3 + 4 * 3][512];
    uint32_t    seed = 12345;
    for (int round = 0; round < 200; round++) {
        or_buf          out;
        or_chat_collect c;
        or_tool_call    some[4];
        or_msg          m;
        memset(want, 0, sizeof want);
        or_buf_init(&out, mem, sizeof mem);
        or_chat_collect_init(&c, &out, some, 4);
        for (int i = 0; i < 40; i++) {
            char          piece[8];
            or_chat_delta d;
            or_tool_call  call;
            memset(&d, 0, sizeof d);
            memset(&call, 0, sizeof call);
            seed = seed * 1664525 + 1013904223;
            snprintf(piece, sizeof piece, "%.*s", (int)(seed >> 28) % 6 + 1, "abcdef");
            unsigned kind = seed >> 8 & 3;
            call.index = seed >> 10 & 3;
            if (kind < 3) {
                *(kind == 0 ? &d.text : kind == 1 ? &d.reasoning : &d.refusal) = or_str_z(piece);
                strcat(want[kind], piece);
            } else {
                d.tool_calls = &call;
                d.num_tool_calls = 1;
                unsigned part = (seed >> 12) % 3;
                *(part == 0 ? &call.id : part == 1 ? &call.name : &call.arguments) = or_str_z(piece);
                strcat(want[3 + 3 * call.index + part], piece);
            }
            CHECK_ERR(or_chat_collect_add(&c, &d), OR_OK, "any order");
        }
        CHECK_ERR(or_chat_collect_end(&c, &m), OR_OK, "any order");
        CHECK_STR(or_str_of(m.content.ptr, m.content.len), or_str_z(want[0]), "text");
        CHECK_STR(m.reasoning, or_str_z(want[1]), "reasoning");
        CHECK_STR(m.refusal, or_str_z(want[2]), "refusal");
        for (uint32_t i = 0; i < m.num_tool_calls; i++) {
            if (*want[3 + 3 * i] != 0) CHECK_STR(some[i].id, or_str_z(want[3 + 3 * i]), "id");
            else CHECK(some[i].id.len > 5 && memcmp(some[i].id.ptr, "call_", 5) == 0, "id");
            CHECK_STR(some[i].name, or_str_z(want[4 + 3 * i]), "name");
            CHECK_STR(some[i].arguments, or_str_z(want[5 + 3 * i]), "arguments");
        }
    }
}

int main(void)
{
    test_answers();
    test_streams();
    test_repeats();
    test_many_calls();
    test_collect();
    test_collect_answer();
    test_collect_any_order();
    TEST_MAIN_END("test_chat");
}
