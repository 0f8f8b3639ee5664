/* Requests to the byte; answers and streams in every shape that upstreams are known to send. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/answer_log.h"
#include "tests/test.h"

#define S(text)     OR_STR_INIT(text)
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* ---- requests ---- */

/* Written as wanted, and into every size of buffer: only the last suffices, and what does not
   fit leaves nothing. */
static void check_request(const or_chat_desc *d, const char *want, const char *name)
{
    static char   mem[8192];
    or_buf        out;
    or_chat_fault fault;
    size_t        size = strlen(want);
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_chat_write(&out, d), OR_OK, name);
    CHECK_STR(or_buf_str(&out), or_str_z(want), name);
    CHECK_ERR(or_json_check(or_buf_str(&out), NULL), OR_OK, name);
    CHECK_ERR(or_chat_check(d, &fault), OR_OK, name);
    CHECK(fault.field == NULL && fault.member == NULL, name);
    for (size_t n = 0; n <= size; n++) {
        char *exact = malloc(n + 1);
        if (exact == NULL) abort();
        or_buf_init(&out, exact, n);
        CHECK_ERR(or_chat_write(&out, d), n < size ? OR_ERR_SPACE : OR_OK, name);
        CHECK(out.len == (n < size ? 0 : size), name);
        free(exact);
    }
}

static const or_msg        hi = {.content = S("hi")};
static const or_str        two[] = {S("b/x"), S("c\"y")};
static const or_reasoning  low = {.effort = S("low")};
static const or_reasoning  think = {.max_tokens = 9, .enabled = {true, 1}, .exclude = true,
                                    .summary = S("auto")};
static const or_format     as_text = {.kind = OR_FORMAT_TEXT};
static const or_format     as_json = {.kind = OR_FORMAT_JSON};
static const or_format     as_schema = {.kind = OR_FORMAT_SCHEMA, .name = S("n")};
static const or_format     as_strict = {.kind = OR_FORMAT_SCHEMA, .name = S("n"),
                                        .description = S("d"), .schema = S("{\"type\":\"object\"}"),
                                        .strict = {true, 0}};
static const or_prefs      prefs = {.order = two, .num_order = 1, .no_fallbacks = true};
static const or_pair       pairs[17] = {{S("k"), S("v")}, {S("k2"), S("\"")}};
static const or_tool       plain_tool = {.name = S("f")};
static const or_tool       tools[] = {{.name = S("A_z-9"), .description = S("d"),
                                       .parameters = S(" {}"), .strict = {true, 1}},
                                      {.raw = S("{\"type\":\"openrouter:web_search\"}")}};

/* Each field alone: `want` is what it adds to the least request, before and after messages. */
#define D .msgs = &hi, .num_msgs = 1
static const struct {
    const char  *before, *want;
    or_chat_desc d;
} fields[] = {
    {"", "", {D}},
    {"\"model\":\"a/w\",", "", {D, .model = S("a/w")}},
    {"\"models\":[\"b/x\",\"c\\\"y\"],", "", {D, .models = two, .num_models = 2}},
    {"", ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]",
     {D, .tools = &plain_tool, .num_tools = 1}},
    {"", ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"A_z-9\",\"description\":\"d\","
         "\"parameters\": {},\"strict\":true}},{\"type\":\"openrouter:web_search\"}]",
     {D, .tools = tools, .num_tools = 2}},
    {"", ",\"tool_choice\":\"auto\"", {D, .tool_choice = S("\"auto\"")}},
    {"", ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", {D, .tool = S("f")}},
    {"", ",\"parallel_tool_calls\":false", {D, .parallel_tool_calls = {true, 0}}},
    {"", ",\"parallel_tool_calls\":true", {D, .parallel_tool_calls = {true, 1}}},
    {"", ",\"max_tool_calls\":30", {D, .max_tool_calls = 30}},
    {"", ",\"stop_server_tools_when\":[{}]", {D, .stop_server_tools_when = S("[{}]")}},
    {"", ",\"response_format\":{\"type\":\"python\"}", {D, .response_format = S("{\"type\":\"python\"}")}},
    {"", ",\"response_format\":{\"type\":\"text\"}", {D, .format = &as_text}},
    {"", ",\"response_format\":{\"type\":\"json_object\"}", {D, .format = &as_json}},
    {"", ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\"}}",
     {D, .format = &as_schema}},
    {"", ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"description\":"
         "\"d\",\"schema\":{\"type\":\"object\"},\"strict\":false}}", {D, .format = &as_strict}},
    {"", ",\"reasoning_effort\":\"low\"", {D, .reasoning_effort = S("low")}},
    {"", ",\"reasoning\":{\"effort\":\"low\"}", {D, .reasoning = &low}},
    {"", ",\"reasoning\":{\"max_tokens\":9,\"enabled\":true,\"exclude\":true,\"summary\":\"auto\"}",
     {D, .reasoning = &think}},
    {"", ",\"stop\":[\"b/x\"]", {D, .stop = two, .num_stop = 1}},
    {"", ",\"max_tokens\":4294967295", {D, .max_tokens = UINT32_MAX}},
    {"", ",\"max_completion_tokens\":1", {D, .max_completion_tokens = 1}},
    {"", ",\"temperature\":0", {D, .temperature_milli = {true, 0}}},
    {"", ",\"top_p\":0.95", {D, .top_p_milli = {true, 950}}},
    {"", ",\"top_k\":40", {D, .top_k = {true, 40}}},
    {"", ",\"top_a\":1", {D, .top_a_milli = {true, 1000}}},
    {"", ",\"min_p\":0.001", {D, .min_p_milli = {true, 1}}},
    {"", ",\"frequency_penalty\":-0.5", {D, .frequency_penalty_milli = {true, -500}}},
    {"", ",\"presence_penalty\":2", {D, .presence_penalty_milli = {true, 2000}}},
    {"", ",\"repetition_penalty\":1.1", {D, .repetition_penalty_milli = {true, 1100}}},
    {"", ",\"seed\":-2147483648", {D, .seed = {true, INT32_MIN}}},
    {"", ",\"logit_bias\":{\"5\":-1}", {D, .logit_bias = S("{\"5\":-1}")}},
    {"", ",\"logprobs\":true", {D, .logprobs = true}},
    {"", ",\"logprobs\":true,\"top_logprobs\":20", {D, .logprobs = true, .top_logprobs = {true, 20}}},
    {"", ",\"modalities\":[\"b/x\",\"c\\\"y\"]", {D, .modalities = two, .num_modalities = 2}},
    {"", ",\"image_config\":{\"a\":1}", {D, .image_config = S("{\"a\":1}")}},
    {"", ",\"audio\":{\"voice\":\"x\"}", {D, .audio = S("{\"voice\":\"x\"}")}},
    {"", ",\"prediction\":{}", {D, .prediction = S("{}")}},
    {"", ",\"verbosity\":\"low\"", {D, .verbosity = S("low")}},
    {"", ",\"provider\":{\"order\":[\"b/x\"],\"allow_fallbacks\":false}", {D, .provider = &prefs}},
    {"", ",\"plugins\":[{\"id\":\"web\"}]", {D, .plugins = S("[{\"id\":\"web\"}]")}},
    {"", ",\"preset\":\"p\"", {D, .preset = S("p")}},
    {"", ",\"service_tier\":\"flex\"", {D, .service_tier = S("flex")}},
    {"", ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}", {D, .cache_control = S(OR_CACHE_1H)}},
    {"", ",\"prompt_cache_key\":\"k\"", {D, .prompt_cache_key = S("k")}},
    {"", ",\"prompt_cache_options\":{}", {D, .prompt_cache_options = S("{}")}},
    {"", ",\"web_search_options\":{}", {D, .web_search_options = S("{}")}},
    {"", ",\"x_search_filter\":{}", {D, .x_search_filter = S("{}")}},
    {"", ",\"user\":\"u\"", {D, .user = S("u")}},
    {"", ",\"session_id\":\"k\"", {D, .session_id = S("k")}},
    {"", ",\"metadata\":{\"k\":\"v\",\"k2\":\"\\\"\"}", {D, .metadata = pairs, .num_metadata = 2}},
    {"", ",\"trace\":{\"trace_id\":\"t\"}", {D, .trace = S("{\"trace_id\":\"t\"}")}},
    {"", ",\"usage\":{\"include\":true}", {D, .include_usage = true}},
    {"", ",\"debug\":{\"echo_upstream_body\":true}", {D, .echo_upstream_body = true}},
    {"", ",\"stream\":true,\"stream_options\":{\"include_usage\":true}", {D, .stream = true}},
    {"", ",\"stream\":true", {D, .stream = true, .no_stream_options = true}},
    {"", "", {D, .no_stream_options = true}},
    {"", ",\"n\":2,\"a\\\"b\":\"x\\n\",\"m\":[1]", {D, .extra = S(" {\"n\" : 2, \"a\\\"b\":\"x\\n\",\"m\":[1]}")}},
    {"", "", {D, .extra = S("{}")}},
    {"", ",\"temperature\":0.12345", {D, .extra = S("{\"temperature\":0.12345}")}},
    /* empty is not absent; lists without elements and NULL lists are */
    {"", ",\"user\":\"\"", {D, .user = S("")}},
    {"", "", {D, .models = two, .tools = tools, .stop = two, .metadata = pairs, .modalities = two}},
    {"", "", {D, .num_models = 3, .num_tools = 1, .num_stop = 9, .num_metadata = 99}},
};

static void test_fields(void)
{
    for (size_t i = 0; i < COUNT(fields); i++) {
        char want[512];
        snprintf(want, sizeof want, "{%s\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}",
                 fields[i].before, fields[i].want);
        check_request(&fields[i].d, want, want);
    }
}

static const or_tool_call two_calls[] = {
    {.id = S("c1"), .name = S("f.g"), .arguments = S("{\"a\":1}")},
    {.id = S("c2"), .name = S("g"), .extra_content = S("{\"google\":{}}")},
};
static const or_part one_part[] = {{.text = S("t")}};
static const or_part parts[] = {
    {.text = S("t"), .cache_control = S(OR_CACHE_5M)},
    {.kind = OR_PART_IMAGE, .url = S("https://x/y.png"), .detail = S("low")},
    {.kind = OR_PART_IMAGE, .bytes = S("\xff\x00\x01"), .mime = S("image/png")},
    {.kind = OR_PART_IMAGE, .base64 = S("QUJD"), .mime = S("image/jpeg"),
     .cache_control = S(OR_CACHE_1H)},
    {.kind = OR_PART_FILE, .url = S("https://x/y.pdf"), .filename = S("y.pdf")},
    {.kind = OR_PART_FILE, .bytes = S("AB"), .mime = S("application/pdf"), .filename = S("z")},
    {.kind = OR_PART_FILE, .file_id = S("file-1")},
    {.kind = OR_PART_AUDIO, .bytes = S("A"), .format = S("wav")},
    {.kind = OR_PART_AUDIO, .base64 = S("QQ=="), .format = S("mp3")},
    {.kind = OR_PART_VIDEO, .url = S("https://x/y.mp4"), .processing = S("static")},
    {.kind = OR_PART_VIDEO, .bytes = S(""), .mime = S("video/mp4")},
    {.kind = OR_PART_RAW, .raw = S("{\"type\":\"new\"}")},
};

/* Each kind of message. */
static const struct {
    const char *want;
    or_msg      m;
} messages[] = {
    {"{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\\n\"}", {.content = S("Hi \"you\"\n")}},
    {"{\"role\":\"user\",\"content\":\"\"}", {.content = S("")}},
    {"{\"role\":\"system\",\"content\":\"s\"}", {.role = OR_ROLE_SYSTEM, .content = S("s")}},
    {"{\"role\":\"developer\",\"content\":\"d\",\"name\":\"n\"}",
     {.role = OR_ROLE_DEVELOPER, .content = S("d"), .name = S("n")}},
    {"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\"}]}", {.parts = one_part, .num_parts = 1}},
    {"{\"role\":\"user\",\"content\":[1]}", {.content_parts = S("[1]")}},
    {"{\"role\":\"assistant\",\"content\":null}", {.role = OR_ROLE_ASSISTANT}},
    {"{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":\"f\",\"reasoning\":\"r\","
     "\"reasoning_details\":[{}],\"annotations\":[1],\"images\":[2],\"audio\":{\"id\":\"x\"}}",
     {.role = OR_ROLE_ASSISTANT, .content = S("a"), .refusal = S("f"), .reasoning = S("r"),
      .reasoning_details = S("[{}]"), .annotations = S("[1]"), .images = S("[2]"),
      .audio = S("{\"id\":\"x\"}")}},
    {"{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"r\",\"tool_calls\":[{\"id\":\"c1\","
     "\"type\":\"function\",\"function\":{\"name\":\"f.g\",\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":\"c2\","
     "\"extra_content\":{\"google\":{}},\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":"
     "\"{}\"}}]}",
     {.role = OR_ROLE_ASSISTANT, .reasoning_content = S("r"), .tool_calls = two_calls, .num_tool_calls = 2}},
    {"{\"role\":\"tool\",\"content\":\"r\",\"tool_call_id\":\"c1\"}",
     {.role = OR_ROLE_TOOL, .content = S("r"), .tool_call_id = S("c1")}},
    {"{\"role\":\"assistant\",\"content\":\"a\",\"prefix\":true}",
     {.role = OR_ROLE_ASSISTANT, .content = S("a"), .extra = S("{\"prefix\":true}")}},
    {"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\",\"cache_control\":{\"type\":\"ephemeral\""
     "}},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\",\"detail\":\"low\"}},"
     "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,/wAB\"}},"
     "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/jpeg;base64,QUJD\"},\"cache_control\":{"
     "\"type\":\"ephemeral\",\"ttl\":\"1h\"}},"
     "{\"type\":\"file\",\"file\":{\"file_data\":\"https://x/y.pdf\",\"filename\":\"y.pdf\"}},"
     "{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,QUI=\",\"filename\":\"z\"}},"
     "{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}},"
     "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":\"wav\"}},"
     "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":\"mp3\"}},"
     "{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://x/y.mp4\",\"processing\":\"static\"}},"
     "{\"type\":\"video_url\",\"video_url\":{\"url\":\"data:video/mp4;base64,\"}},"
     "{\"type\":\"new\"}]}",
     {.parts = parts, .num_parts = COUNT(parts)}},
};

static void test_messages(void)
{
    or_msg all[COUNT(messages)];
    char   want[8192] = "";
    for (size_t i = 0; i < COUNT(messages); i++) {
        or_chat_desc d = {.msgs = &messages[i].m, .num_msgs = 1};
        char         one[2048];
        snprintf(one, sizeof one, "{\"messages\":[%s]}", messages[i].want);
        check_request(&d, one, messages[i].want);
        all[i] = messages[i].m;
        snprintf(want + strlen(want), sizeof want - strlen(want), "%s%s",
                 i > 0 ? "," : "{\"messages\":[", messages[i].want);
    }
    or_chat_desc d = {.msgs = all, .num_msgs = COUNT(all), .stream = true, .no_stream_options = true};
    strcat(want, "],\"stream\":true}");
    check_request(&d, want, "all messages");
}

/* ---- what is refused, where, and why ---- */

static char many[600]; /* "xxx..." */

static const or_part no_text = {.text = S("")};
static const or_part bad_parts[][1] = {
    {{.kind = OR_PART_IMAGE}},
    {{.kind = OR_PART_IMAGE, .url = S("u"), .base64 = S("QQ==")}},
    {{.kind = OR_PART_IMAGE, .bytes = S("A")}},
    {{.kind = OR_PART_IMAGE, .url = S("u"), .filename = S("f")}},
    {{.kind = OR_PART_IMAGE, .file_id = S("f")}},
    {{.kind = OR_PART_FILE, .url = S("u"), .file_id = S("f")}},
    {{.kind = OR_PART_FILE, .url = S("u"), .detail = S("low")}},
    {{.kind = OR_PART_AUDIO, .url = S("u"), .format = S("wav")}},
    {{.kind = OR_PART_AUDIO, .base64 = S("QQ==")}},
    {{.kind = OR_PART_AUDIO, .base64 = S("QQ=="), .format = S("")}},
    {{.kind = OR_PART_VIDEO, .url = S("u"), .format = S("mp4")}},
    {{.kind = (or_part_kind)(OR_PART_RAW + 1), .raw = S("{}")}},
    {{.kind = OR_PART_RAW, .raw = S("[]")}},
    {{.kind = OR_PART_RAW}},
    {{.text = S("t"), .cache_control = S("1")}},
    {{.kind = OR_PART_IMAGE, .url = S("\xff")}},
};
static const or_err bad_parts_want[] = {
    OR_ERR_ABSENT, OR_ERR_DUPLICATE, OR_ERR_ABSENT, OR_ERR_ARG,   OR_ERR_ARG,  OR_ERR_DUPLICATE,
    OR_ERR_ARG,    OR_ERR_ARG,       OR_ERR_ABSENT, OR_ERR_ABSENT, OR_ERR_ARG, OR_ERR_ARG,
    OR_ERR_TYPE,   OR_ERR_ABSENT,    OR_ERR_TYPE,   OR_ERR_UTF8,
};

static const or_msg bad_msgs[] = {
    {.role = (or_role)(OR_ROLE_TOOL + 1), .content = S("x")},
    {.role = OR_ROLE_USER},
    {.role = OR_ROLE_TOOL, .tool_call_id = S("c")},
    {.role = OR_ROLE_TOOL, .content = S("x")},
    {.role = OR_ROLE_TOOL, .content = S("x"), .tool_call_id = S("")},
    {.content = S("x"), .tool_call_id = S("c")},
    {.content = S("x"), .tool_calls = two_calls, .num_tool_calls = 1},
    {.content = S("x"), .refusal = S("r")},
    {.content = S("x"), .reasoning = S("r")},
    {.content = S("x"), .reasoning_content = S("r")},
    {.content = S("x"), .reasoning_details = S("[]")},
    {.content = S("x"), .annotations = S("[]")},
    {.content = S("x"), .images = S("[]")},
    {.content = S("x"), .audio = S("{}")},
    {.content = S("x"), .content_parts = S("[]")},
    {.content = S("x"), .parts = one_part, .num_parts = 1},
    {.content_parts = S("[]"), .parts = one_part, .num_parts = 1},
    {.parts = &no_text, .num_parts = 1},
    {.num_parts = 1},
    {.content_parts = S("{}")},
    {.content_parts = S("[1,]")},
    {.content = S("\xff")},
    {.content = S("x"), .extra = S("{\"role\":\"x\"}")},
    {.content = S("x"), .extra = S("{\"cont\\u0065nt\":\"x\"}")},
    {.role = OR_ROLE_ASSISTANT, .extra = S("{\"content\":\"x\"}")},
    {.content = S("x"), .extra = S("[]")},
};
static const struct {
    or_err      err;
    const char *member;
} bad_msgs_want[] = {
    {OR_ERR_ARG, "role"},
    {OR_ERR_ABSENT, "content"},
    {OR_ERR_ABSENT, "content"},
    {OR_ERR_ABSENT, "tool_call_id"},
    {OR_ERR_ABSENT, "tool_call_id"},
    {OR_ERR_ARG, "tool_call_id"},
    {OR_ERR_ARG, "tool_calls"},
    {OR_ERR_ARG, "refusal"},
    {OR_ERR_ARG, "reasoning"},
    {OR_ERR_ARG, "reasoning_content"},
    {OR_ERR_ARG, "reasoning_details"},
    {OR_ERR_ARG, "annotations"},
    {OR_ERR_ARG, "images"},
    {OR_ERR_ARG, "audio"},
    {OR_ERR_DUPLICATE, "content"},
    {OR_ERR_DUPLICATE, "content"},
    {OR_ERR_DUPLICATE, "content"},
    {OR_ERR_ABSENT, "content"},
    {OR_ERR_ABSENT, "content"},
    {OR_ERR_TYPE, "content"},
    {OR_ERR_JSON, "content"},
    {OR_ERR_UTF8, "content"},
    {OR_ERR_DUPLICATE, "extra"},
    {OR_ERR_DUPLICATE, "extra"},
    {OR_ERR_DUPLICATE, "extra"},
    {OR_ERR_TYPE, "extra"},
};

static const or_tool_call bad_calls[][1] = {
    {{.name = S("f")}},
    {{.id = S(""), .name = S("f")}},
    {{.id = S("c")}},
    {{.id = S("c"), .name = S("f"), .extra_content = S("[]")}},
};

static const or_reasoning both = {.effort = S("low"), .max_tokens = 1};
static const or_reasoning odd = {.enabled = {true, 2}};
static const or_format    nameless = {.kind = OR_FORMAT_SCHEMA};
static const or_format    listed = {.kind = OR_FORMAT_SCHEMA, .name = S("n"), .schema = S("[]")};
static const or_format    unknown = {.kind = (or_format_kind)(OR_FORMAT_SCHEMA + 1)};
static const or_tool      dotted[] = {{.name = S("f")}, {.name = S("a.b")}};
static const or_tool      untyped = {.name = S("f"), .parameters = S("true")};
static const or_tool      raw_list = {.raw = S("[]")};
static const or_pair      bracket = {S("a[b"), S("v")}, no_name = {S(""), S("v")};
static const or_pair      no_value = {S("n"), {NULL, 0}}, bracket2 = {S("]"), S("v")};
static const or_str       gap[] = {S("a"), {NULL, 0}};

static const struct {
    or_err       err;
    const char  *field, *member;
    uint32_t     index;
    or_chat_desc d;
} refused[] = {
    {OR_ERR_ABSENT, "messages", NULL, 0, {.model = S("m")}},
    {OR_ERR_ABSENT, "messages", NULL, 0, {.msgs = &hi}},
    {OR_ERR_ABSENT, "messages", NULL, 0, {.num_msgs = 1}},
    {OR_ERR_UTF8, "model", NULL, 0, {D, .model = S("\xff")}},
    {OR_ERR_ABSENT, "models", NULL, 1, {D, .models = gap, .num_models = 2}},
    {OR_ERR_ABSENT, "stop", NULL, 1, {D, .stop = gap, .num_stop = 2}},
    {OR_ERR_ARG, "tools", "name", 1, {D, .tools = dotted, .num_tools = 2}},
    {OR_ERR_TYPE, "tools", "parameters", 0, {D, .tools = &untyped, .num_tools = 1}},
    {OR_ERR_TYPE, "tools", NULL, 0, {D, .tools = &raw_list, .num_tools = 1}},
    {OR_ERR_JSON, "tool_choice", NULL, 0, {D, .tool_choice = S("auto")}},
    {OR_ERR_DUPLICATE, "tool_choice", NULL, 0, {D, .tool_choice = S("1"), .tool = S("f")}},
    {OR_ERR_ARG, "tool_choice", "name", 0, {D, .tool = S("a b")}},
    {OR_ERR_TYPE, "stop_server_tools_when", NULL, 0, {D, .stop_server_tools_when = S("{}")}},
    {OR_ERR_TYPE, "response_format", NULL, 0, {D, .response_format = S("[]")}},
    {OR_ERR_DUPLICATE, "response_format", NULL, 0, {D, .response_format = S("{}"), .format = &as_text}},
    {OR_ERR_ABSENT, "response_format", "name", 0, {D, .format = &nameless}},
    {OR_ERR_TYPE, "response_format", "schema", 0, {D, .format = &listed}},
    {OR_ERR_ARG, "response_format", NULL, 0, {D, .format = &unknown}},
    {OR_ERR_DUPLICATE, "reasoning", NULL, 0, {D, .reasoning = &both}},
    {OR_ERR_DUPLICATE, "reasoning", NULL, 0, {D, .reasoning = &low, .reasoning_effort = S("low")}},
    {OR_ERR_RANGE, "reasoning", "enabled", 0, {D, .reasoning = &odd}},
    {OR_ERR_ARG, "top_logprobs", NULL, 0, {D, .top_logprobs = {true, 0}}},
    {OR_ERR_RANGE, "parallel_tool_calls", NULL, 0, {D, .parallel_tool_calls = {true, 2}}},
    {OR_ERR_TYPE, "logit_bias", NULL, 0, {D, .logit_bias = S("5")}},
    {OR_ERR_TYPE, "image_config", NULL, 0, {D, .image_config = S("null")}},
    {OR_ERR_TYPE, "audio", NULL, 0, {D, .audio = S("[]")}},
    {OR_ERR_TYPE, "prediction", NULL, 0, {D, .prediction = S("[]")}},
    {OR_ERR_TYPE, "plugins", NULL, 0, {D, .plugins = S("{}")}},
    {OR_ERR_TYPE, "cache_control", NULL, 0, {D, .cache_control = S("\"x\"")}},
    {OR_ERR_TYPE, "prompt_cache_options", NULL, 0, {D, .prompt_cache_options = S("1")}},
    {OR_ERR_TYPE, "web_search_options", NULL, 0, {D, .web_search_options = S("1")}},
    {OR_ERR_TYPE, "x_search_filter", NULL, 0, {D, .x_search_filter = S("1")}},
    {OR_ERR_TYPE, "trace", NULL, 0, {D, .trace = S("\"t\"")}},
    {OR_ERR_ARG, "metadata", NULL, 0, {D, .metadata = &bracket, .num_metadata = 1}},
    {OR_ERR_ARG, "metadata", NULL, 0, {D, .metadata = &bracket2, .num_metadata = 1}},
    {OR_ERR_RANGE, "metadata", NULL, 0, {D, .metadata = &no_name, .num_metadata = 1}},
    {OR_ERR_ABSENT, "metadata", NULL, 0, {D, .metadata = &no_value, .num_metadata = 1}},
    {OR_ERR_TYPE, "extra", NULL, 0, {D, .extra = S("[]")}},
    {OR_ERR_JSON, "extra", NULL, 0, {D, .extra = S("{\"a\":}")}},
    {OR_ERR_TRUNCATED, "extra", NULL, 0, {D, .extra = S("")}},
    {OR_ERR_DUPLICATE, "extra", NULL, 0, {D, .extra = S("{\"messages\":[]}")}},
    {OR_ERR_DUPLICATE, "extra", NULL, 0, {D, .user = S("u"), .extra = S("{\"a\":1,\"us\\u0065r\":\"v\"}")}},
    {OR_ERR_DUPLICATE, "extra", NULL, 0, {D, .stream = true, .extra = S("{\"stream_options\":{}}")}},
};

static void check_refused(const or_chat_desc *d, or_err want, const char *field, const char *member,
                          uint32_t index)
{
    static char   mem[8192];
    or_buf        out;
    or_chat_fault fault;
    or_buf_init(&out, mem, sizeof mem);
    or_buf_put_z(&out, "before");
    CHECK_ERR(or_chat_write(&out, d), want, field);
    if (want != OR_OK) CHECK_STR(or_buf_str(&out), OR_STR("before"), field);
    CHECK_ERR(or_chat_check(d, &fault), want, field);
    CHECK_ERR(or_chat_check(d, NULL), want, field);
    if (want == OR_OK) {
        CHECK(fault.field == NULL, field);
        return;
    }
    CHECK_STR(or_str_z(fault.field), or_str_z(field), field);
    CHECK_STR(or_str_z(fault.member), or_str_z(member), field);
    CHECK(fault.index == index, field);
}

static void test_refused(void)
{
    or_msg msgs[3] = {hi, hi, hi};
    for (size_t i = 0; i < COUNT(refused); i++)
        check_refused(&refused[i].d, refused[i].err, refused[i].field, refused[i].member, refused[i].index);
    or_chat_desc d = {.msgs = msgs, .num_msgs = 3};
    for (size_t i = 0; i < COUNT(bad_msgs); i++) {
        msgs[1] = bad_msgs[i];
        check_refused(&d, bad_msgs_want[i].err, "messages", bad_msgs_want[i].member, 1);
    }
    for (size_t i = 0; i < COUNT(bad_parts); i++) {
        msgs[1] = (or_msg){.parts = bad_parts[i], .num_parts = 1};
        check_refused(&d, bad_parts_want[i], "messages", "content", 1);
    }
    for (size_t i = 0; i < COUNT(bad_calls); i++) {
        msgs[1] = (or_msg){.role = OR_ROLE_ASSISTANT, .tool_calls = bad_calls[i], .num_tool_calls = 1};
        check_refused(&d, i < 3 ? OR_ERR_ABSENT : OR_ERR_TYPE, "messages", "tool_calls", 1);
    }
}

/* Every number that has a range, at its ends. */
static void test_ranges(void)
{
    static const struct {
        const char *name;
        size_t      at;
        int32_t     low, high;
    } opts[] = {
        {"temperature", offsetof(or_chat_desc, temperature_milli), 0, 2000},
        {"top_p", offsetof(or_chat_desc, top_p_milli), 0, 1000},
        {"top_a", offsetof(or_chat_desc, top_a_milli), 0, 1000},
        {"min_p", offsetof(or_chat_desc, min_p_milli), 0, 1000},
        {"frequency_penalty", offsetof(or_chat_desc, frequency_penalty_milli), -2000, 2000},
        {"presence_penalty", offsetof(or_chat_desc, presence_penalty_milli), -2000, 2000},
        {"repetition_penalty", offsetof(or_chat_desc, repetition_penalty_milli), 0, 2000},
        {"top_k", offsetof(or_chat_desc, top_k), 0, INT32_MAX},
        {"top_logprobs", offsetof(or_chat_desc, top_logprobs), 0, 20},
        {"parallel_tool_calls", offsetof(or_chat_desc, parallel_tool_calls), 0, 1},
        {"seed", offsetof(or_chat_desc, seed), INT32_MIN, INT32_MAX},
    };
    for (size_t i = 0; i < COUNT(opts); i++)
        for (int64_t n = -1; n <= 1; n++)
            for (int end = 0; end < 2; end++) {
                int64_t      value = (end == 0 ? opts[i].low : opts[i].high) + n;
                or_chat_desc d = {D, .logprobs = true};
                or_opt       o = {true, (int32_t)value};
                if (value < INT32_MIN || value > INT32_MAX) continue;
                memcpy((char *)&d + opts[i].at, &o, sizeof o);
                check_refused(&d, value >= opts[i].low && value <= opts[i].high ? OR_OK : OR_ERR_RANGE,
                              opts[i].name, NULL, 0);
            }
    for (uint32_t n = 29; n <= 31; n++) {
        or_chat_desc d = {D, .max_tool_calls = n};
        check_refused(&d, n <= 30 ? OR_OK : OR_ERR_RANGE, "max_tool_calls", NULL, 0);
    }
    for (uint32_t n = 3; n <= 5; n++) {
        static const or_str stop[] = {S("a"), S("b"), S("c"), S("d"), S("e")};
        or_chat_desc        d = {D, .stop = stop, .num_stop = n};
        check_refused(&d, n <= 4 ? OR_OK : OR_ERR_RANGE, "stop", NULL, 0);
    }
}

/* Every text and list that has a length, at its end; characters of one and of two bytes. */
static void test_lengths(void)
{
    static char two_bytes[1200];
    or_pair     some[17];
    memset(many, 'x', sizeof many);
    for (size_t i = 0; i < sizeof two_bytes; i += 2) memcpy(two_bytes + i, "\xc3\xa9", 2);
    for (size_t n = 255; n <= 257; n++) {
        or_chat_desc d = {D, .session_id = {many, n}}, e = {D, .session_id = {two_bytes, 2 * n}};
        check_refused(&d, n <= 256 ? OR_OK : OR_ERR_RANGE, "session_id", NULL, 0);
        check_refused(&e, n <= 256 ? OR_OK : OR_ERR_RANGE, "session_id", NULL, 0);
    }
    for (size_t n = 0; n <= 65; n += n == 1 ? 62 : 1) {
        or_tool      t = {.name = {many, n}};
        or_format    f = {.kind = OR_FORMAT_SCHEMA, .name = {many, n}};
        or_pair      p = {{two_bytes, 2 * n}, S("v")};
        or_err       want = n == 0 ? OR_ERR_ABSENT : n <= 64 ? OR_OK : OR_ERR_RANGE;
        or_chat_desc d = {D, .tools = &t, .num_tools = 1}, e = {D, .format = &f};
        or_chat_desc g = {D, .metadata = &p, .num_metadata = 1}, h = {D, .tool = {many, n}};
        check_refused(&d, want, "tools", "name", 0);
        check_refused(&e, want, "response_format", "name", 0);
        check_refused(&h, want, "tool_choice", "name", 0);
        check_refused(&g, want == OR_OK ? OR_OK : OR_ERR_RANGE, "metadata", NULL, 0);
    }
    for (size_t n = 511; n <= 513; n++) {
        or_pair      p = {S("n"), {two_bytes, 2 * n}};
        or_chat_desc d = {D, .metadata = &p, .num_metadata = 1};
        check_refused(&d, n <= 512 ? OR_OK : OR_ERR_RANGE, "metadata", NULL, 0);
    }
    for (uint32_t n = 15; n <= 17; n++) {
        or_chat_desc d = {D, .metadata = some, .num_metadata = n};
        for (uint32_t i = 0; i < 17; i++) some[i] = (or_pair){{many, i + 1}, S("v")};
        check_refused(&d, n <= 16 ? OR_OK : OR_ERR_RANGE, "metadata", NULL, 0);
    }
    for (size_t n = 63; n <= 65; n++) { /* a name in extra that needs unescaping */
        char         text[128];
        or_chat_desc d = {D};
        snprintf(text, sizeof text, "{\"\\n%.*s\":1}", (int)n - 1, many);
        d.extra = or_str_z(text);
        check_refused(&d, n <= 64 ? OR_OK : OR_ERR_RANGE, "extra", NULL, 0);
    }
    for (int c = 0; c < 256; c++) {
        char         text[2] = {(char)c, 'f'};
        or_tool      t = {.name = {text, 2}};
        or_chat_desc d = {D, .tools = &t, .num_tools = 1};
        bool         ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '_' || c == '-';
        check_refused(&d, ok ? OR_OK : OR_ERR_ARG, "tools", "name", 0);
    }
}

/* Growing output: each allocation fails once, and nothing is lost. */
static void test_growing(void)
{
    for (unsigned long n = 1;; n++) {
        test_heap    heap = {0, n, 0};
        or_allocator allocator = TEST_ALLOCATOR(&heap);
        or_buf       out;
        or_chat_desc d = {.msgs = &messages[COUNT(messages) - 1].m, .num_msgs = 1, .metadata = pairs,
                          .num_metadata = 2};
        or_buf_init_growing(&out, &allocator, 65536);
        or_err e = or_chat_write(&out, &d);
        CHECK_ERR(e, heap.calls >= n ? OR_ERR_MEMORY : OR_OK, "growing");
        CHECK(e == OR_OK || out.len == 0, "growing");
        or_buf_free(&out);
        CHECK(heap.outstanding == 0, "growing");
        if (heap.calls < n) break;
    }
}

/* ---- base64 ---- */

static void base64_of(or_str bytes, size_t piece, or_buf *out)
{
    or_json_writer w;
    or_json_writer_init(&w, out);
    or_json_begin_str(&w);
    for (size_t i = 0; i < bytes.len; i += piece) {
        size_t n = bytes.len - i < piece ? bytes.len - i : piece;
        CHECK_ERR(or_chat_put_base64(&w, or_str_of(bytes.ptr + i, n)), OR_OK, "base64");
    }
    or_json_end_str(&w);
    CHECK_ERR(or_json_writer_end(&w), OR_OK, "base64");
}

static void test_base64(void)
{
    /* RFC 4648 section 10 */
    static const char *const known[][2] = {
        {"", "\"\""},           {"f", "\"Zg==\""},         {"fo", "\"Zm8=\""},
        {"foo", "\"Zm9v\""},    {"foob", "\"Zm9vYg==\""},  {"fooba", "\"Zm9vYmE=\""},
        {"foobar", "\"Zm9vYmFy\""},
    };
    static char mem[2][512], bytes[256];
    or_buf      a, b;
    for (size_t i = 0; i < COUNT(known); i++) {
        or_buf_init(&a, mem[0], sizeof mem[0]);
        base64_of(or_str_z(known[i][0]), 300, &a);
        CHECK_STR(or_buf_str(&a), or_str_z(known[i][1]), known[i][0]);
    }
    for (int i = 0; i < 256; i++) bytes[i] = (char)(i * 7);
    for (size_t n = 0; n <= 256; n++) { /* in pieces as in one */
        or_str in = test_exact(or_str_of(bytes, n));
        or_buf_init(&a, mem[0], sizeof mem[0]);
        base64_of(in, 300, &a);
        CHECK(a.len == 2 + (n + 2) / 3 * 4, "base64 length");
        for (size_t piece = 3; piece <= 99; piece += 48) {
            or_buf_init(&b, mem[1], sizeof mem[1]);
            base64_of(in, piece, &b);
            CHECK_STR(or_buf_str(&b), or_buf_str(&a), "base64 in pieces");
        }
        /* and back */
        uint32_t bits = 0;
        size_t   at = 0;
        for (size_t i = 1; i + 1 < a.len && a.ptr[i] != '='; i++) {
            static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            bits = bits << 6 | (uint32_t)(strchr(digits, a.ptr[i]) - digits);
            if ((i - 1) % 4 == 0) continue;
            unsigned shift = 6 - 2 * (unsigned)((i - 1) % 4);
            CHECK(at < n && (unsigned char)in.ptr[at] == (bits >> shift & 255), "base64 back");
            at++;
        }
        CHECK(at == n, "base64 back");
        free((void *)(uintptr_t)in.ptr);
    }
}

/* ---- history ---- */

/* A conversation in letters: s system, d developer, u user, a assistant, c assistant with the
   call c1, C with c2, t the result of c1, T of c2. */
static uint32_t history_of(const char *letters, or_msg *msgs)
{
    static const or_tool_call c2 = {.id = S("c2"), .name = S("g")};
    uint32_t                  n = 0;
    for (; letters[n] != 0; n++) {
        or_msg m = {.content = {letters + n, 1}, .role = OR_ROLE_ASSISTANT};
        switch (letters[n]) {
        case 's': m.role = OR_ROLE_SYSTEM; break;
        case 'd': m.role = OR_ROLE_DEVELOPER; break;
        case 'u': m.role = OR_ROLE_USER; break;
        case 'c': m.tool_calls = two_calls; break;
        case 'C': m.tool_calls = &c2; break;
        case 't':
        case 'T':
            m.role = OR_ROLE_TOOL;
            m.tool_call_id = letters[n] == 't' ? OR_STR("c1") : OR_STR("c2");
            break;
        default: break;
        }
        m.num_tool_calls = m.tool_calls != NULL;
        msgs[n] = m;
    }
    return n;
}

/* The bytes of the messages as they are in a request. */
static size_t history_bytes(const or_msg *msgs, uint32_t num)
{
    or_buf       nothing;
    or_chat_desc d = {.msgs = msgs, .num_msgs = num};
    if (num == 0) return 2;
    or_buf_init_counting(&nothing);
    if (or_chat_write(&nothing, &d) != OR_OK) abort();
    return nothing.len - strlen("{\"messages\":}");
}

/* What is kept as the budget shrinks, '|' between; '!' is OR_ERR_SPACE. */
static const struct {
    const char *letters, *want;
} histories[] = {
    {"u", "u|!"},
    {"ua", "ua|!"},
    {"su", "su|!"},
    {"", "|!"},
    {"s", "s|!"},
    {"sdua", "sdua|!"},
    {"uaua", "uaua|ua|!"},
    {"uauau", "uauau|uau|u|!"},
    {"sduauau", "sduauau|sduau|sdu|!"},
    {"suctauctau", "suctauctau|suctau|su|!"},
    {"suctctaua", "suctctaua|sua|!"},
    {"uact", "uact|!"},             /* the turn that is going on stays whole */
    {"uauact", "uauact|uact|!"},
    {"auau", "auau|uau|u|!"},       /* a greeting is a turn of its own */
    {"aaa", "aaa|!"},               /* nothing to begin with */
    {"uuauu", "uuauu|uu|!"},        /* messages in a row are one turn */
    {"uasuau", "uasuau|suau|u|!"},  /* a note belongs to the question behind it */
    {"uadsua", "uadsua|dsua|!"},
    {"uasau", "uasau|u|!"},         /* but a note alone begins nothing */
    {"uas", "uas|!"},
    {"ucuta", "ucuta|!"},           /* a result comes late: it stays with its call */
    {"uauctuau", "uauctuau|uctuau|uau|u|!"},
    {"ucuCTau", "ucuCTau|uCTau|u|!"},
};

static void test_history(void)
{
    for (size_t i = 0; i < COUNT(histories); i++) {
        or_msg      all[16], msgs[16];
        const char *name = histories[i].letters;
        char        got[128] = "", last[32] = "?";
        uint32_t    num = history_of(name, all);
        for (size_t budget = history_bytes(all, num) + 1; budget + 1 > 0; budget--) {
            uint32_t kept = num, first = 77, end = 88;
            char     now[32] = "!";
            memcpy(msgs, all, sizeof msgs);
            or_err e = or_chat_trim(msgs, &kept, budget);
            CHECK_ERR(or_chat_fit(all, num, budget, &first, &end), e, name);
            if (e == OR_OK) {
                for (uint32_t k = 0; k < kept; k++) now[k] = *msgs[k].content.ptr;
                now[kept] = 0;
                CHECK(history_bytes(msgs, kept) <= budget, name);
                CHECK(end >= first && end - first == num - kept, name);
            } else {
                CHECK_ERR(e, OR_ERR_SPACE, name);
                CHECK(kept == num && memcmp(msgs, all, num * sizeof *msgs) == 0, name);
                CHECK(first == 77 && end == 88, name);
            }
            if (strcmp(now, last) == 0) continue;
            /* what was kept until now did not fit any more, by one byte */
            if (*last != '?' && num > 0) {
                uint32_t n = history_of(last, msgs);
                CHECK(history_bytes(msgs, n) == budget + 1, name);
            }
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *last == '?' ? "" : "|", now);
            strcpy(last, now);
        }
        CHECK_STR(or_str_z(got), or_str_z(histories[i].want), name);
    }
    or_msg   wrong[2] = {hi, {.role = OR_ROLE_TOOL, .content = S("x")}};
    uint32_t num = 2;
    CHECK_ERR(or_chat_trim(wrong, &num, 1000), OR_ERR_ABSENT, "history with a mistake");
    CHECK(num == 2, "history with a mistake");
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
    test_fields();
    test_messages();
    test_refused();
    test_ranges();
    test_lengths();
    test_growing();
    test_base64();
    test_history();
    test_answers();
    test_streams();
    test_repeats();
    test_many_calls();
    test_collect();
    test_collect_answer();
    test_collect_any_order();
    TEST_MAIN_END("test_chat");
}
