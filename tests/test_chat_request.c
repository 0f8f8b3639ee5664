/* Requests to the byte, what is refused in them and why, base64 in pieces, and what of a history
   is dropped when it is too long. */
#define OR_IMPLEMENTATION
#include "or.h"
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
    TEST_MAIN_END("test_chat_request");
}
