/* Answers in a client's dialect: exact events and bodies, cut everywhere, in buffers of all sizes;
   interleaved calls in every order; chat completions and their chunks. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/test.h"

#define S(text)     OR_STR_INIT(text)
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* Vectors say ' for ", to be readable. */
static or_str quoted(const char *text, char *mem, size_t size)
{
    size_t n = 0;
    for (; *text != 0; text++) {
        if (n + 1 >= size) abort();
        mem[n++] = *text == '\'' ? '"' : *text;
    }
    mem[n] = 0;
    return or_str_of(mem, n);
}

/* ---- one answer ---- */

/* What a test sends: deltas as a chat stream has them, one a line: the delta object, or ! and
   the finish reason. */
typedef struct play {
    or_dialect     to;
    bool           stream;
    or_reply_facts facts;
    or_usage       usage;
    const or_cost *cost;
    or_str         metadata;
    size_t         out_size, hold_size;
} play;

static char out_mem[1 << 18], hold_mem[1 << 16];

static or_err play_line(or_reply *r, or_buf *out, or_chat_stream *s, or_str line)
{
    char          chunk[8192], arena_mem[16384];
    or_arena      arena;
    or_chat_delta d;
    int           n;
    or_arena_init(&arena, arena_mem, sizeof arena_mem);
    if (line.len > 0 && line.ptr[0] == '!')
        n = snprintf(chunk, sizeof chunk,
                     "{\"choices\":[{\"delta\":{},\"finish_reason\":\"%.*s\"}]}",
                     (int)line.len - 1, line.ptr + 1);
    else
        n = snprintf(chunk, sizeof chunk, "{\"choices\":[{\"delta\":%.*s}]}", (int)line.len,
                     line.ptr);
    if (n < 0 || (size_t)n >= sizeof chunk) abort();
    if (or_chat_stream_next(s, or_str_of(chunk, (size_t)n), &arena, &d) != OR_OK) {
        fprintf(stderr, "not a chunk: %s\n", chunk);
        abort();
    }
    return or_reply_add(r, out, &d);
}

/* Adds the lines; *err is the first error. Returns what was written, in out_mem. */
static or_str play_lines(const play *p, const char *text, or_err *err)
{
    char           mem[16384];
    or_str         lines = quoted(text, mem, sizeof mem);
    or_buf         out, hold;
    or_reply       r;
    or_chat_stream s;
    or_chat_stream_init(&s);
    or_buf_init(&out, out_mem, p->out_size);
    or_buf_init(&hold, hold_mem, p->hold_size);
    or_reply_init(&r, p->to, &p->facts, p->stream, &hold);
    *err = OR_OK;
    for (size_t at = 0; at < lines.len && *err == OR_OK;) {
        size_t end = or_str_find(lines, OR_STR("\n"), at), before = out.len;
        *err = play_line(&r, &out, &s, or_str_of(lines.ptr + at, end - at));
        if (*err != OR_OK) CHECK(out.len == before, text);
        at = end + 1;
    }
    size_t before = out.len;
    if (*err == OR_OK) *err = or_reply_end(&r, &out, &p->usage, p->cost, p->metadata);
    if (*err != OR_OK) {
        CHECK(out.len == before || out.len < p->out_size, text);
        or_chat_delta d;
        memset(&d, 0, sizeof d);
        CHECK_ERR(or_reply_add(&r, &out, &d), *err, text); /* it sticks */
        CHECK_ERR(or_reply_end(&r, &out, &p->usage, p->cost, p->metadata), *err, text);
        CHECK(out.len == before, text);
    }
    return or_buf_str(&out);
}

static void play_init(play *p, or_dialect to, bool stream)
{
    memset(p, 0, sizeof *p);
    p->to = to;
    p->stream = stream;
    p->facts.id = OR_STR("gen-1-aB");
    p->facts.model = OR_STR("acme/big");
    p->facts.created = 7;
    p->usage.set = true;
    p->out_size = sizeof out_mem;
    p->hold_size = sizeof hold_mem;
}

/* ---- streams, made short ---- */

static or_str member(or_json_doc *doc, const char *pointer)
{
    return or_json_raw(doc, or_json_find(doc, 0, pointer));
}

/* Events without what each has: "event: x\ndata: {"type":"x",REST}\n\n" becomes "x REST\n", the
   numbers of a sequence and objects of whole responses (but status, error, output) left out. Each
   is checked for that. */
static or_str shorten(or_str events, char *mem, size_t size, const char *name)
{
    or_buf   out;
    uint64_t sequence = 0;
    or_buf_init(&out, mem, size);
    while (events.len > 0) {
        size_t      end = or_str_find(events, OR_STR("\n\n"), 0), line;
        char        arena_mem[32768], want[160];
        or_arena    arena;
        or_json_doc doc;
        or_str      event = or_str_of(events.ptr, end), data;
        CHECK(end < events.len, name);
        line = or_str_find(event, OR_STR("\ndata: "), 0);
        CHECK(line < event.len && memcmp(event.ptr, "event: ", 7) == 0, name);
        if (line >= event.len) break;
        int type = (int)line - 7;
        data = or_str_of(event.ptr + line + 7, event.len - line - 7);
        or_arena_init(&arena, arena_mem, sizeof arena_mem);
        CHECK_ERR(or_json_parse(&doc, data, 0, &arena), OR_OK, name);
        CHECK(or_str_find(data, OR_STR("\n"), 0) == data.len, name);
        snprintf(want, sizeof want, "{\"type\":\"%.*s\"", type, event.ptr + 7);
        if (member(&doc, "/sequence_number").ptr != NULL)
            snprintf(want + strlen(want), 40, ",\"sequence_number\":%llu",
                     (unsigned long long)sequence++);
        CHECK(data.len > strlen(want) && memcmp(data.ptr, want, strlen(want)) == 0, name);
        or_buf_put(&out, event.ptr + 7, (size_t)type);
        data = or_str_of(data.ptr + strlen(want), data.len - strlen(want) - 1);
        if (data.len > 0) data.ptr++, data.len--; /* the comma */
        if (member(&doc, "/response").ptr != NULL) {
            static const char *const members[] = {"/response/status", "/response/error",
                                                  "/response/incomplete_details",
                                                  "/response/output"};
            for (size_t i = 0; i < COUNT(members); i++) {
                or_buf_put_char(&out, ' ');
                or_buf_put_str(&out, member(&doc, members[i]));
            }
        } else if (data.len > 0) {
            or_buf_put_char(&out, ' ');
            or_buf_put_str(&out, data);
        }
        or_buf_put_char(&out, '\n');
        events.ptr += end + 2;
        events.len -= end + 2;
    }
    CHECK_ERR(out.err, OR_OK, name);
    return or_buf_str(&out);
}

#define START \
    "message_start 'message':{'id':'gen-1-aB','type':'message','role':'assistant','model':" \
    "'acme/big','content':[],'stop_reason':null,'stop_sequence':null,'usage':{'input_tokens':0," \
    "'cache_creation_input_tokens':0,'cache_read_input_tokens':0,'output_tokens':0}}\n"
#define BLOCK(i, block) "content_block_start 'index':" i ",'content_block':{'type':" block "}\n"
#define DELTA(i, delta) "content_block_delta 'index':" i ",'delta':{'type':" delta "}\n"
#define STOP(i)         "content_block_stop 'index':" i "\n"
#define USAGE0 \
    "'usage':{'input_tokens':0,'cache_creation_input_tokens':0,'cache_read_input_tokens':0," \
    "'output_tokens':0}"
#define END(why) \
    "message_delta 'delta':{'stop_reason':'" why "','stop_sequence':null}," USAGE0 "\nmessage_stop\n"
#define TEXT_AT(i) BLOCK(i, "'text','text':''")
#define SAYS(i, t) DELTA(i, "'text_delta','text':'" t "'")
#define THINK_AT(i) BLOCK(i, "'thinking','thinking':'','signature':''")
#define THINKS(i, t) DELTA(i, "'thinking_delta','thinking':'" t "'")
#define SIGNS(i, t) DELTA(i, "'signature_delta','signature':'" t "'") STOP(i)
#define CALL_AT(i, id, name) BLOCK(i, "'tool_use','id':'" id "','name':'" name "','input':{}")
#define ARGS(i, t) DELTA(i, "'input_json_delta','partial_json':'" t "'")
#define SEALED(i, t) BLOCK(i, "'redacted_thinking','data':'" t "'") STOP(i)
#define CALL(n, id, name, args) \
    "{'tool_calls':[{'index':" n ",'id':'" id "','function':{'name':'" name "','arguments':'" args \
    "'}}]}\n"
#define MORE(n, args) "{'tool_calls':[{'index':" n ",'function':{'arguments':'" args "'}}]}\n"
#define DETAIL(rest) "{'reasoning_details':[{'type':'reasoning." rest "}]}\n"

/* What comes in, the events of MESSAGES, the content and the stop reason of a whole message. */
static const struct {
    const char *name, *in, *events, *content, *reason;
} messages[] = {
    {"text", "{'role':'assistant','content':''}\n{'content':'a'}\n{'content':'b\\n\\u00e9'}\n!stop\n",
     START TEXT_AT("0") SAYS("0", "a") SAYS("0", "b\\n\xC3\xA9") STOP("0") END("end_turn"),
     "{'type':'text','text':'ab\\n\xC3\xA9'}", "end_turn"},
    {"G59: nothing at all", "{}\n!stop\n", START END("end_turn"), "", "end_turn"},
    {"G29: no finish reason", "{'content':'a'}\n",
     START TEXT_AT("0") SAYS("0", "a") STOP("0") END("end_turn"), "{'type':'text','text':'a'}",
     "end_turn"},
    {"G19: NUL, G16: a pair and a lone one", "{'content':'\\u0000\\ud83d\\ude00\\ud83d'}\n!length\n",
     START TEXT_AT("0") SAYS("0", "\\u0000\xF0\x9F\x98\x80\xEF\xBF\xBD") STOP("0")
         END("max_tokens"),
     "{'type':'text','text':'\\u0000\xF0\x9F\x98\x80\xEF\xBF\xBD'}", "max_tokens"},
    {"G26: all in one delta",
     "{'reasoning':'r','content':'c','tool_calls':[{'index':0,'id':'i','function':{'name':'f',"
     "'arguments':'{}'}}]}\n!stop\n",
     START THINK_AT("0") THINKS("0", "r") SIGNS("0", "") TEXT_AT("1") SAYS("1", "c") STOP("1")
         CALL_AT("2", "i", "f") ARGS("2", "{}") STOP("2") END("tool_use"),
     "{'type':'thinking','thinking':'r','signature':''},{'type':'text','text':'c'},"
     "{'type':'tool_use','id':'i','name':'f','input':{}}",
     "tool_use"},
    {"G27: thinking goes on after text", "{'reasoning':'r'}\n{'content':'c'}\n{'reasoning':'s'}\n",
     START THINK_AT("0") THINKS("0", "r") SIGNS("0", "") TEXT_AT("1") SAYS("1", "c") STOP("1")
         THINK_AT("2") THINKS("2", "s") SIGNS("2", "") END("end_turn"),
     "{'type':'thinking','thinking':'r','signature':''},{'type':'text','text':'c'},"
     "{'type':'thinking','thinking':'s','signature':''}",
     "end_turn"},
    {"a signed thought, told twice",
     "{'reasoning':'a\\/','reasoning_details':[{'type':'reasoning.text','text':'a\\/','format':"
     "'anthropic-claude-v1','index':0}]}\n"
     "{'reasoning':'b','reasoning_details':[{'type':'reasoning.text','text':'b','index':0}]}\n"
     DETAIL("text','signature':'c2ln','format':'anthropic-claude-v1','index':0")
     "{'content':'c'}\n",
     START THINK_AT("0") THINKS("0", "a\\/") THINKS("0", "b") SIGNS("0", "c2ln") TEXT_AT("1")
         SAYS("1", "c") STOP("1") END("end_turn"),
     "{'type':'thinking','thinking':'a\\/b','signature':'c2ln'},{'type':'text','text':'c'}",
     "end_turn"},
    {"two signed thoughts in one delta",
     "{'reasoning_details':[{'type':'reasoning.text','text':'a','signature':'A','format':"
     "'anthropic-claude-v1'},{'type':'reasoning.text','text':'b','signature':'B','format':"
     "'anthropic-claude-v1'},{'type':'reasoning.text','text':'','signature':'B','format':"
     "'anthropic-claude-v1'},{'type':'reasoning.text','text':'','signature':'C','format':"
     "'anthropic-claude-v1'}]}\n",
     START THINK_AT("0") THINKS("0", "a") SIGNS("0", "A") THINK_AT("1") THINKS("1", "b")
         SIGNS("1", "B") THINK_AT("2") SIGNS("2", "C") END("end_turn"),
     "{'type':'thinking','thinking':'a','signature':'A'},{'type':'thinking','thinking':'b',"
     "'signature':'B'},{'type':'thinking','thinking':'','signature':'C'}",
     "end_turn"},
    {"sealed by Anthropic", DETAIL("encrypted','data':'x=','format':'anthropic-claude-v1'")
     "{'content':'c'}\n",
     START SEALED("0", "x=") TEXT_AT("1") SAYS("1", "c") STOP("1") END("end_turn"),
     "{'type':'redacted_thinking','data':'x='},{'type':'text','text':'c'}", "end_turn"},
    {"sealed by others",
     "{'reasoning':'r','reasoning_details':[{'type':'reasoning.summary','summary':'r'},"
     "{'type':'reasoning.encrypted','data':'x','id':null,'format':'openai-responses-v1'},"
     "{'type':'reasoning.text','text':'','signature':'g','format':'google-gemini-v1'},"
     "{'type':'reasoning.text','text':null,'signature':''},7]}\n",
     START THINK_AT("0") THINKS("0", "r") SIGNS("0", "")
         SEALED("1", "or.detail:{\\'type\\':\\'reasoning.encrypted\\',\\'data\\':\\'x\\',\\'id\\':null,"
                     "\\'format\\':\\'openai-responses-v1\\'}")
             SEALED("2", "or.detail:{\\'type\\':\\'reasoning.text\\',\\'text\\':\\'\\',\\'signature\\':"
                         "\\'g\\',\\'format\\':\\'google-gemini-v1\\'}") END("end_turn"),
     "{'type':'thinking','thinking':'r','signature':''},{'type':'redacted_thinking','data':"
     "'or.detail:{\\'type\\':\\'reasoning.encrypted\\',\\'data\\':\\'x\\',\\'id\\':null,\\'format\\':"
     "\\'openai-responses-v1\\'}'},{'type':'redacted_thinking','data':'or.detail:{\\'type\\':"
     "\\'reasoning.text\\',\\'text\\':\\'\\',\\'signature\\':\\'g\\',\\'format\\':"
     "\\'google-gemini-v1\\'}'}",
     "end_turn"},
    {"G47: a refusal is text", "{'content':'c'}\n{'refusal':'no'}\n!stop\n",
     START TEXT_AT("0") SAYS("0", "c") SAYS("0", "no") STOP("0") END("refusal"),
     "{'type':'text','text':'cno'}", "refusal"},
    {"G47: content_filter", "{'content':'c'}\n!content_filter\n",
     START TEXT_AT("0") SAYS("0", "c") STOP("0") END("refusal"), "{'type':'text','text':'c'}",
     "refusal"},
    {"a call in pieces, G17: cut in escapes",
     CALL("0", "call_1", "get.tide", "") MORE("0", "{\\'a\\':\\'\\\\u00") MORE("0", "e9\\\\")
         MORE("0", "\\\\}\\'") MORE("0", ",\\'n\\':1e400}") "!tool_calls\n",
     START CALL_AT("0", "call_1", "get.tide") ARGS("0", "{\\'a\\':\\'\\\\u00") ARGS("0", "e9\\\\")
         ARGS("0", "\\\\}\\'") ARGS("0", ",\\'n\\':1e400}") STOP("0") END("tool_use"),
     "{'type':'tool_use','id':'call_1','name':'get.tide','input':{'a':'\\u00e9\\\\}','n':1e400}}",
     "tool_use"},
    {"G31: interleaved calls",
     CALL("0", "a", "f", "{\\'x\\':") CALL("1", "b", "g", "{\\'y\\'") MORE("0", "[{}]")
         MORE("1", ":2}") "{'content':'t'}\n" MORE("0", "}") "!tool_calls\n",
     START CALL_AT("0", "a", "f") ARGS("0", "{\\'x\\':") ARGS("0", "[{}]") ARGS("0", "}") STOP("0")
         CALL_AT("1", "b", "g") ARGS("1", "{\\'y\\':2}") STOP("1") TEXT_AT("2") SAYS("2", "t")
             STOP("2") END("tool_use"),
     "{'type':'tool_use','id':'a','name':'f','input':{'x':[{}]}},{'type':'tool_use','id':'b',"
     "'name':'g','input':{'y':2}},{'type':'text','text':'t'}",
     "tool_use"},
    {"G33: no id", CALL("0", "", "f", "{}") CALL("1", "b", "g", "{}") "!tool_calls\n",
     START CALL_AT("0", "toolu_1-aB_0", "f") ARGS("0", "{}") STOP("0") CALL_AT("1", "b", "g")
         ARGS("1", "{}") STOP("1") END("tool_use"),
     "{'type':'tool_use','id':'toolu_1-aB_0','name':'f','input':{}},{'type':'tool_use','id':'b',"
     "'name':'g','input':{}}",
     "tool_use"},
    {"G35: what comes behind a whole call that was followed",
     CALL("0", "", "f", "{}") CALL("1", "b", "g", "{") CALL("0", "late", "f", "{\\'x\\':1}")
         MORE("0", " ") MORE("1", "}") "!tool_calls\n",
     START CALL_AT("0", "toolu_1-aB_0", "f") ARGS("0", "{}") STOP("0") CALL_AT("1", "b", "g")
         ARGS("1", "{") ARGS("1", "}") STOP("1") END("tool_use"),
     "{'type':'tool_use','id':'toolu_1-aB_0','name':'f','input':{}},{'type':'tool_use','id':'b',"
     "'name':'g','input':{}}",
     "tool_use"},
    {"G35: no arguments", CALL("0", "a", "f", "") "!stop\n",
     START CALL_AT("0", "a", "f") STOP("0") END("tool_use"),
     "{'type':'tool_use','id':'a','name':'f','input':{}}", "tool_use"},
    {"a quote in id and name, a blank behind the object",
     CALL("0", "a\\'b", "f\\\\", "{}") MORE("0", " ") "!stop\n",
     START CALL_AT("0", "a\\'b", "f\\\\") ARGS("0", "{}") ARGS("0", " ") STOP("0") END("tool_use"),
     "{'type':'tool_use','id':'a\\'b','name':'f\\\\','input':{} }", "tool_use"},
    {"blanks before the object", CALL("0", "a", "f", "\\t {\\'x\\':1}") "!stop\n",
     START CALL_AT("0", "a", "f") ARGS("0", "\\t {\\'x\\':1}") STOP("0") END("tool_use"),
     "{'type':'tool_use','id':'a','name':'f','input':{'x':1}}", "tool_use"},
    {"G35: null", CALL("0", "a", "f", " null") "!stop\n",
     START CALL_AT("0", "a", "f") ARGS("0", " null") STOP("0") END("tool_use"),
     "{'type':'tool_use','id':'a','name':'f','input':{}}", "tool_use"},
    {"G35: no object, waiting for the end", CALL("0", "a", "f", "[1]") CALL("1", "b", "g", "{}"),
     START CALL_AT("0", "a", "f") ARGS("0", "[1]") STOP("0") CALL_AT("1", "b", "g")
         ARGS("1", "{}") STOP("1") END("tool_use"),
     "{'type':'tool_use','id':'a','name':'f','input':{'_raw':'[1]'}},{'type':'tool_use','id':'b',"
     "'name':'g','input':{}}",
     "tool_use"},
    {"G35: cut by the limit", CALL("0", "a", "f", "{\\'x\\':\\'") "!length\n",
     START CALL_AT("0", "a", "f") ARGS("0", "{\\'x\\':\\'") STOP("0") END("max_tokens"),
     "{'type':'tool_use','id':'a','name':'f','input':{'_raw':'{\\'x\\':\\''}}", "max_tokens"},
    {"the limit, but the call is whole", CALL("0", "a", "f", "{}") "!length\n",
     START CALL_AT("0", "a", "f") ARGS("0", "{}") STOP("0") END("tool_use"),
     "{'type':'tool_use','id':'a','name':'f','input':{}}", "tool_use"},
    {"G28: more after the finish", CALL("0", "a", "f", "{") "!tool_calls\n" MORE("0", "}") "!stop\n",
     START CALL_AT("0", "a", "f") ARGS("0", "{") ARGS("0", "}") STOP("0") END("tool_use"),
     "{'type':'tool_use','id':'a','name':'f','input':{}}", "tool_use"},
    {"annotations are left out", "{'content':'c','annotations':[{'type':'url_citation'}]}\n",
     START TEXT_AT("0") SAYS("0", "c") STOP("0") END("end_turn"), "{'type':'text','text':'c'}",
     "end_turn"},
};

static void check_message(const char *in, const char *content, const char *reason, const char *name)
{
    char   want[8192], mem[8192];
    play   p;
    or_err e;
    play_init(&p, OR_DIALECT_MESSAGES, false);
    snprintf(want, sizeof want,
             "{'id':'gen-1-aB','type':'message','role':'assistant','model':'acme/big','content':["
             "%s],'stop_reason':'%s','stop_sequence':null," USAGE0 "}",
             content, reason);
    or_str got = play_lines(&p, in, &e);
    CHECK_ERR(e, OR_OK, name);
    CHECK_STR(got, quoted(want, mem, sizeof mem), name);
    CHECK_ERR(or_json_check(got, NULL), OR_OK, name);
}

static void test_messages(void)
{
    for (size_t i = 0; i < COUNT(messages); i++) {
        char   mem[16384], want[16384];
        play   p;
        or_err e;
        play_init(&p, OR_DIALECT_MESSAGES, true);
        or_str got = play_lines(&p, messages[i].in, &e);
        CHECK_ERR(e, OR_OK, messages[i].name);
        CHECK_STR(shorten(got, mem, sizeof mem, messages[i].name),
                  quoted(messages[i].events, want, sizeof want), messages[i].name);
        check_message(messages[i].in, messages[i].content, messages[i].reason, messages[i].name);
    }
}

/* ---- Responses ---- */

#define BEGUN \
    "response.created 'in_progress' null null []\nresponse.in_progress 'in_progress' null null []\n"
#define ADDED(i, item) "response.output_item.added 'output_index':" i ",'item':{'type':" item "}\n"
#define DONE(i, item)  "response.output_item.done 'output_index':" i ",'item':{'type':" item "}\n"
#define AT(event, prefix, i) \
    "response." event " 'item_id':'" prefix "_1-aB_" i "','output_index':" i
#define MSG(i, state, parts) \
    "'message','id':'msg_1-aB_" i "','status':'" state "','role':'assistant','content':[" parts "]"
#define OUT_TEXT(t) "{'type':'output_text','text':'" t "','annotations':[],'logprobs':[]}"
#define TEXT_BEGUN(i) \
    ADDED(i, MSG(i, "in_progress", "")) \
    AT("content_part.added", "msg", i) ",'content_index':0,'part':" OUT_TEXT("") "\n"
#define TEXT_DELTA(i, t) \
    AT("output_text.delta", "msg", i) ",'content_index':0,'delta':'" t "','logprobs':[]\n"
#define TEXT_DONE(i, t, state) \
    AT("output_text.done", "msg", i) ",'content_index':0,'text':'" t "','logprobs':[]\n" \
    AT("content_part.done", "msg", i) ",'content_index':0,'part':" OUT_TEXT(t) "\n" \
    DONE(i, MSG(i, state, OUT_TEXT(t)))
#define FC(i, state, id, name, args) \
    "'function_call','id':'fc_1-aB_" i "','status':'" state "','call_id':'" id "','name':'" name \
    "','arguments':'" args "'"
#define FC_BEGUN(i, id, name) ADDED(i, FC(i, "in_progress", id, name, ""))
#define FC_DELTA(i, t) AT("function_call_arguments.delta", "fc", i) ",'delta':'" t "'\n"
#define FC_DONE(i, id, name, args, state) \
    AT("function_call_arguments.done", "fc", i) ",'arguments':'" args "','name':'" name "'\n" \
    DONE(i, FC(i, state, id, name, args))
#define SUMMARY(t) "{'type':'summary_text','text':'" t "'}"
#define RS(i, rest) "'reasoning','id':'rs_1-aB_" i "','summary':[" rest
#define THOUGHT_BEGUN(i) \
    ADDED(i, RS(i, "]")) \
    AT("reasoning_summary_part.added", "rs", i) ",'summary_index':0,'part':" SUMMARY("") "\n"
#define THOUGHT_DELTA(i, t) \
    AT("reasoning_summary_text.delta", "rs", i) ",'summary_index':0,'delta':'" t "'\n"
#define THOUGHT_DONE(i, t, rest) \
    AT("reasoning_summary_text.done", "rs", i) ",'summary_index':0,'text':'" t "'\n" \
    AT("reasoning_summary_part.done", "rs", i) ",'summary_index':0,'part':" SUMMARY(t) "\n" \
    DONE(i, RS(i, SUMMARY(t) "]" rest))
#define CTC(state, input) \
    "'custom_tool_call','id':'ctc_1-aB_0','status':'" state "','call_id':'a','name':'sql'," \
    "'input':'" input "'"
#define SEAL_OF(json) ",'encrypted_content':'or.details:[" json "]'"
#define SIGNED_JSON \
    "{\\'type\\':\\'reasoning.text\\',\\'text\\':\\'ab\\',\\'format\\':\\'anthropic-claude-v1\\'," \
    "\\'index\\':0,\\'signature\\':\\'c2ln\\'}"

#define ITEM "{'type':"

static const char request[] =
    "{ 'tools' : [ {'type':'custom','name':'sql'},\n{'type':'function','name':'f'}, 5 ],\r\n"
    "'instructions':'be\\nbrief','temperature':0.70,'top_p':null,'metadata':{'k':\n'v'},"
    "'store':false,'max_output_tokens':9,'max_output_tokens':8}";

static const struct {
    const char *name, *in, *events, *end, *output;
} responses[] = {
    {"text", "{'content':'a'}\n{'content':'b'}\n!stop\n",
     TEXT_BEGUN("0") TEXT_DELTA("0", "a") TEXT_DELTA("0", "b") TEXT_DONE("0", "ab", "completed"),
     "response.completed 'completed' null null", ITEM MSG("0", "completed", OUT_TEXT("ab")) "}"},
    {"G59: nothing at all", "{}\n!stop\n", "", "response.completed 'completed' null null", ""},
    {"G29: cut by the limit", "{'content':'a'}\n!length\n",
     TEXT_BEGUN("0") TEXT_DELTA("0", "a") TEXT_DONE("0", "a", "incomplete"),
     "response.incomplete 'incomplete' null {'reason':'max_output_tokens'}",
     ITEM MSG("0", "incomplete", OUT_TEXT("a")) "}"},
    {"G47: filtered", "!content_filter\n", "",
     "response.incomplete 'incomplete' null {'reason':'content_filter'}", ""},
    {"G47: a refusal", "{'refusal':'n'}\n{'refusal':'o'}\n",
     ADDED("0", MSG("0", "in_progress", "")) AT("content_part.added", "msg", "0")
     ",'content_index':0,'part':{'type':'refusal','refusal':''}\n" AT("refusal.delta", "msg", "0")
     ",'content_index':0,'delta':'n'\n" AT("refusal.delta", "msg", "0")
     ",'content_index':0,'delta':'o'\n" AT("refusal.done", "msg", "0")
     ",'content_index':0,'refusal':'no'\n" AT("content_part.done", "msg", "0")
     ",'content_index':0,'part':{'type':'refusal','refusal':'no'}\n"
     DONE("0", MSG("0", "completed", "{'type':'refusal','refusal':'no'}")),
     "response.completed 'completed' null null",
     ITEM MSG("0", "completed", "{'type':'refusal','refusal':'no'}") "}"},
    {"G26: thought, text, call",
     "{'reasoning':'r','content':'c','tool_calls':[{'index':0,'id':'i','function':{'name':'f',"
     "'arguments':'{\\'a\\':1}'}}]}\n!tool_calls\n",
     THOUGHT_BEGUN("0") THOUGHT_DELTA("0", "r") THOUGHT_DONE("0", "r", "") TEXT_BEGUN("1")
         TEXT_DELTA("1", "c") TEXT_DONE("1", "c", "completed") FC_BEGUN("2", "i", "f")
             FC_DELTA("2", "{\\'a\\':1}") FC_DONE("2", "i", "f", "{\\'a\\':1}", "completed"),
     "response.completed 'completed' null null",
     ITEM RS("0", SUMMARY("r") "]") "}," ITEM MSG("1", "completed", OUT_TEXT("c")) "}," ITEM
     FC("2", "completed", "i", "f", "{\\'a\\':1}") "}"},
    {"G31: interleaved calls stay so",
     CALL("0", "a", "f", "{") CALL("1", "b", "g", "{") MORE("0", "}") MORE("1", "}") "!tool_calls\n",
     FC_BEGUN("0", "a", "f") FC_DELTA("0", "{") FC_BEGUN("1", "b", "g") FC_DELTA("1", "{")
         FC_DELTA("0", "}") FC_DONE("0", "a", "f", "{}", "completed") FC_DELTA("1", "}")
             FC_DONE("1", "b", "g", "{}", "completed"),
     "response.completed 'completed' null null",
     ITEM FC("0", "completed", "a", "f", "{}") "}," ITEM FC("1", "completed", "b", "g", "{}") "}"},
    {"G33: no id", CALL("0", "", "f", "{}") CALL("1", "b", "g", "{") "!length\n",
     FC_BEGUN("0", "call_1-aB_0", "f") FC_DELTA("0", "{}")
         FC_DONE("0", "call_1-aB_0", "f", "{}", "completed") FC_BEGUN("1", "b", "g")
             FC_DELTA("1", "{") FC_DONE("1", "b", "g", "{", "incomplete"),
     "response.incomplete 'incomplete' null {'reason':'max_output_tokens'}",
     ITEM FC("0", "completed", "call_1-aB_0", "f", "{}") "}," ITEM
     FC("1", "incomplete", "b", "g", "{") "}"},
    {"a custom tool", CALL("0", "a", "sql", "{\\'inp") MORE("0", "ut\\':\\'x\\\\n\\'}") "!tool_calls\n",
     ADDED("0", CTC("in_progress", "")) AT("custom_tool_call_input.delta", "ctc", "0")
     ",'delta':'x\\n'\n" AT("custom_tool_call_input.done", "ctc", "0") ",'input':'x\\n'\n"
     DONE("0", CTC("completed", "x\\n")),
     "response.completed 'completed' null null", ITEM CTC("completed", "x\\n") "}"},
    {"a custom tool, cut", CALL("0", "a", "sql", "{\\'inp") "!length\n",
     ADDED("0", CTC("in_progress", "")) AT("custom_tool_call_input.delta", "ctc", "0")
     ",'delta':'{\\'inp'\n" AT("custom_tool_call_input.done", "ctc", "0") ",'input':'{\\'inp'\n"
     DONE("0", CTC("incomplete", "{\\'inp")),
     "response.incomplete 'incomplete' null {'reason':'max_output_tokens'}",
     ITEM CTC("incomplete", "{\\'inp") "}"},
    {"what is signed comes back whole",
     DETAIL("text','text':'a','format':'anthropic-claude-v1','index':0")
     DETAIL("text','text':'b','format':'anthropic-claude-v1','index':0")
     DETAIL("text','signature':'c2ln','format':'anthropic-claude-v1','index':0") "{'content':'c'}\n",
     THOUGHT_BEGUN("0") THOUGHT_DELTA("0", "a") THOUGHT_DELTA("0", "b")
         THOUGHT_DONE("0", "ab", SEAL_OF(SIGNED_JSON)) TEXT_BEGUN("1") TEXT_DELTA("1", "c")
             TEXT_DONE("1", "c", "completed"),
     "response.completed 'completed' null null",
     ITEM RS("0", SUMMARY("ab") "]" SEAL_OF(SIGNED_JSON)) "}," ITEM
     MSG("1", "completed", OUT_TEXT("c")) "}"},
    {"sealed, and nothing else", DETAIL("encrypted','data':'x','format':'openai-responses-v1'"),
     ADDED("0", RS("0", "]"))
     DONE("0", RS("0", "]" SEAL_OF("{\\'type\\':\\'reasoning.encrypted\\',\\'data\\':\\'x\\',"
                                   "\\'format\\':\\'openai-responses-v1\\'}"))),
     "response.completed 'completed' null null",
     ITEM RS("0", "]" SEAL_OF("{\\'type\\':\\'reasoning.encrypted\\',\\'data\\':\\'x\\',\\'format\\':"
                             "\\'openai-responses-v1\\'}")) "}"},
    {"G27: unsigned details are not kept",
     "{'reasoning_details':[{'type':'reasoning.text','text':'r'}]}\n{'content':'c'}\n"
     "{'reasoning':'s'}\n",
     THOUGHT_BEGUN("0") THOUGHT_DELTA("0", "r") THOUGHT_DONE("0", "r", "") TEXT_BEGUN("1")
         TEXT_DELTA("1", "c") TEXT_DONE("1", "c", "completed") THOUGHT_BEGUN("2")
             THOUGHT_DELTA("2", "s") THOUGHT_DONE("2", "s", ""),
     "response.completed 'completed' null null",
     ITEM RS("0", SUMMARY("r") "]") "}," ITEM MSG("1", "completed", OUT_TEXT("c")) "}," ITEM
     RS("2", SUMMARY("s") "]") "}"},
};

static void test_responses(void)
{
    for (size_t i = 0; i < COUNT(responses); i++) {
        char        mem[16384], want[16384], text[16384], asked[512], output[4096];
        const char *name = responses[i].name;
        play        p;
        or_err      e;
        or_arena    arena;
        or_json_doc doc;
        play_init(&p, OR_DIALECT_RESPONSES, true);
        p.facts.request = quoted(request, asked, sizeof asked);
        or_str got = play_lines(&p, responses[i].in, &e);
        CHECK_ERR(e, OR_OK, name);
        snprintf(text, sizeof text, BEGUN "%s%s [%s]\n", responses[i].events, responses[i].end,
                 responses[i].output);
        CHECK_STR(shorten(got, mem, sizeof mem, name), quoted(text, want, sizeof want), name);
        p.stream = false;
        got = play_lines(&p, responses[i].in, &e);
        CHECK_ERR(e, OR_OK, name);
        or_arena_init(&arena, mem, sizeof mem);
        CHECK_ERR(or_json_parse(&doc, got, 0, &arena), OR_OK, name);
        snprintf(text, sizeof text, "[%s]", responses[i].output);
        CHECK_STR(member(&doc, "/output"), quoted(text, output, sizeof output), name);
    }
}

/* ---- the objects around the content, to the byte ---- */

static or_cost cost_of(or_cost_source source, int64_t pico)
{
    or_cost c;
    memset(&c, 0, sizeof c);
    c.source = source;
    c.pico_usd = pico;
    return c;
}

static void test_response_object(void)
{
    static const char want[] =
        "{'id':'resp_1-aB','object':'response','created_at':7,'status':'completed','error':null,"
        "'incomplete_details':null,'model':'acme/big','provider':'Al\\'pha','output':[],"
        "'tools':[ {'type':'custom','name':'sql'},{'type':'function','name':'f'}, 5 ],"
        "'instructions':'be\\nbrief','temperature':0.70,'metadata':{'k':'v'},'max_output_tokens':9,"
        "'max_tool_calls':null,'parallel_tool_calls':true,'prompt_cache_key':null,'reasoning':{"
        "'effort':null,'summary':null},'safety_identifier':null,'service_tier':'auto','text':"
        "{'format':{'type':'text'}},'tool_choice':'auto','top_logprobs':0,'top_p':1,'truncation':"
        "'disabled',"
        "'user':null,'store':false,'previous_response_id':null,'background':false,'usage':{"
        "'input_tokens':100,'input_tokens_details':{'cached_tokens':30,'cache_write_tokens':20},"
        "'output_tokens':9,'output_tokens_details':{'reasoning_tokens':4},'total_tokens':109,"
        "'cost':0.0025,'is_byok':true,'cost_details':{'upstream_inference_cost':0.0025}},"
        "'openrouter_metadata':{'a':1}}";
    char    mem[4096], asked[512];
    or_cost cost = cost_of(OR_COST_COMPUTED, 2500000000);
    play    p;
    or_err  e;
    play_init(&p, OR_DIALECT_RESPONSES, false);
    p.facts.request = quoted(request, asked, sizeof asked);
    p.facts.provider = OR_STR("Al\"pha");
    p.usage.prompt_tokens = 100;
    p.usage.cached_tokens = 30;
    p.usage.cache_write_tokens = 20;
    p.usage.completion_tokens = 9;
    p.usage.reasoning_tokens = 4;
    p.usage.is_byok = true;
    p.cost = &cost;
    p.metadata = OR_STR("{\"a\":\n1}");
    or_str got = play_lines(&p, "!stop\n", &e);
    CHECK_ERR(e, OR_OK, "response");
    or_str whole = quoted(want, mem, sizeof mem);
    CHECK_STR(got, whole, "response");
    CHECK_ERR(or_json_check(got, NULL), OR_OK, "response");
    p.usage.set = false; /* unknown, not 0 */
    got = play_lines(&p, "!stop\n", &e);
    CHECK(or_str_find(got, OR_STR(",\"estimated\":true}"), 0) < got.len, "G49: cost alone");
    p.cost = NULL;
    got = play_lines(&p, "!stop\n", &e);
    CHECK(or_str_find(got, OR_STR(",\"usage\":null,"), 0) < got.len, "no usage");
}

/* Ids are the request's, without what that begins with. */
static void test_ids(void)
{
    static const char *const rows[][2] = {{"gen-1", "1"},   {"gen_1", "1"}, {"gen1", "gen1"},
                                          {"gen-", "gen-"}, {"-a", "-a"},   {"gen", "gen"},
                                          {"G-1", "G-1"},   {"g-a-b", "a-b"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char   want[64];
        play   p;
        or_err e;
        play_init(&p, OR_DIALECT_RESPONSES, false);
        p.facts.id = or_str_z(rows[i][0]);
        or_str got = play_lines(&p, "!stop\n", &e);
        int    n = snprintf(want, sizeof want, "{\"id\":\"resp_%s\",", rows[i][1]);
        CHECK(got.len > (size_t)n, rows[i][0]);
        CHECK_STR(or_str_of(got.ptr, (size_t)n), or_str_z(want), rows[i][0]);
    }
}

/* G48, G49 */
static void test_message_usage(void)
{
    static const struct {
        const char    *name, *want;
        or_usage       u;
        bool           has_cost;
        or_cost_source source;
    } rows[] = {
        {"plain",
         "{'input_tokens':50,'cache_creation_input_tokens':20,'cache_read_input_tokens':30,"
         "'output_tokens':9}",
         {.set = true, .prompt_tokens = 100, .cached_tokens = 30, .cache_write_tokens = 20,
          .completion_tokens = 9}, false, OR_COST_UNKNOWN},
        {"thoughts, and a cache for an hour",
         "{'input_tokens':80,'cache_creation_input_tokens':20,'cache_read_input_tokens':0,"
         "'cache_creation':{'ephemeral_5m_input_tokens':15,'ephemeral_1h_input_tokens':5},"
         "'output_tokens':9,'output_tokens_details':{'thinking_tokens':4}}",
         {.set = true, .prompt_tokens = 100, .cache_write_tokens = 20, .cache_write_1h_tokens = 5,
          .completion_tokens = 9, .reasoning_tokens = 4}, false, OR_COST_UNKNOWN},
        {"absurd: more cached than there is",
         "{'input_tokens':0,'cache_creation_input_tokens':18446744073709551615,"
         "'cache_read_input_tokens':30,'output_tokens':0}",
         {.set = true, .prompt_tokens = 10, .cached_tokens = 30, .cache_write_tokens = UINT64_MAX},
         false, OR_COST_UNKNOWN},
        {"computed",
         "{'input_tokens':1,'cache_creation_input_tokens':0,'cache_read_input_tokens':0,"
         "'output_tokens':0,'cost':0.000001,'is_byok':false}",
         {.set = true, .prompt_tokens = 1}, true, OR_COST_COMPUTED},
        {"from upstream",
         "{'input_tokens':1,'cache_creation_input_tokens':0,'cache_read_input_tokens':0,"
         "'output_tokens':0,'server_tool_use':{'web_search_requests':2},'cost':0.000001,"
         "'is_byok':false,'cost_details':{'upstream_inference_cost':0.5}}",
         {.set = true, .prompt_tokens = 1, .web_searches = 2, .upstream_cost_set = true,
          .upstream_cost_pico_usd = 500000000000}, true, OR_COST_UPSTREAM},
        {"estimated",
         "{'input_tokens':1,'cache_creation_input_tokens':0,'cache_read_input_tokens':0,"
         "'output_tokens':0,'cost':0.000001,'is_byok':false,'estimated':true}",
         {.set = true, .prompt_tokens = 1}, true, OR_COST_ESTIMATED},
        {"unknown",
         "{'input_tokens':0,'cache_creation_input_tokens':0,'cache_read_input_tokens':0,"
         "'output_tokens':0,'cost':null,'is_byok':true,'estimated':true}",
         {.is_byok = true}, true, OR_COST_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        or_cost     cost = cost_of(rows[i].source, 1000000);
        char        mem[4096], want[512];
        play        p;
        or_err      e;
        or_arena    arena;
        or_json_doc doc;
        play_init(&p, OR_DIALECT_MESSAGES, false);
        p.usage = rows[i].u;
        p.cost = rows[i].has_cost ? &cost : NULL;
        p.facts.provider = OR_STR("Alpha");
        p.metadata = OR_STR("{\"a\":1}");
        or_str got = play_lines(&p, "!stop\n", &e);
        CHECK_ERR(e, OR_OK, rows[i].name);
        or_arena_init(&arena, mem, sizeof mem);
        CHECK_ERR(or_json_parse(&doc, got, 0, &arena), OR_OK, rows[i].name);
        CHECK_STR(member(&doc, "/usage"), quoted(rows[i].want, want, sizeof want), rows[i].name);
        CHECK_STR(member(&doc, "/provider"), OR_STR("\"Alpha\""), rows[i].name);
        CHECK_STR(member(&doc, "/openrouter_metadata"), OR_STR("{\"a\":1}"), rows[i].name);
    }
}

/* ---- cut anywhere, too small anywhere ---- */

/* The same answer whole, as one delta, and in deltas of one character each: the same content. */
static void test_pieces(void)
{
    static const char       text[] = "a\"\n\xC3\xA9\xF0\x9F\x98\x80z";
    static const char       args[] = "{\"k\":\"\\u00e9}\\\"\"}";
    static const or_dialect to[] = {OR_DIALECT_MESSAGES, OR_DIALECT_RESPONSES};
    or_tool_call            call = {.index = 0, .id = S("i"), .name = S("f")};
    const or_reply_facts    facts = {.id = S("x"), .model = S("m")};
    const or_usage          u = {.set = true};
    const or_str            none = {NULL, 0};
    for (size_t k = 0; k < 4; k++) {
        char   want_mem[4096], got_mem[32768];
        or_buf out, hold;
        or_reply r;
        or_chat_delta d;
        memset(&d, 0, sizeof d);
        or_buf_init(&hold, hold_mem, sizeof hold_mem);
        or_buf_init(&out, want_mem, sizeof want_mem);
        or_reply_init(&r, to[k % 2], &facts, false, &hold);
        d.reasoning = d.text = OR_STR(text);
        d.tool_calls = &call;
        d.num_tool_calls = 1;
        call.arguments = OR_STR(args);
        CHECK_ERR(or_reply_add(&r, &out, &d), OR_OK, "whole");
        CHECK(out.len == 0, "nothing before the end");
        CHECK_ERR(or_reply_end(&r, &out, &u, NULL, none), OR_OK, "whole");
        or_str want = or_buf_str(&out);
        or_buf_init(&out, got_mem, sizeof got_mem);
        or_reply_init(&r, to[k % 2], &facts, k >= 2, &hold);
        for (int part = 0; part < 3; part++) {
            or_str all = part == 2 ? OR_STR(args) : OR_STR(text);
            for (size_t at = 0, n; at < all.len; at += n) {
                n = 1;
                while (at + n < all.len && ((unsigned char)all.ptr[at + n] & 0xC0) == 0x80) n++;
                memset(&d, 0, sizeof d);
                or_str piece = or_str_of(all.ptr + at, n);
                if (part == 0) d.reasoning = piece;
                if (part == 1) d.text = piece;
                if (part == 2) {
                    call.arguments = piece;
                    if (at > 0) call.id = call.name = none;
                    d.tool_calls = &call;
                    d.num_tool_calls = 1;
                }
                CHECK_ERR(or_reply_add(&r, &out, &d), OR_OK, "a piece");
                if (k == 2) CHECK(hold.len <= 2, "what is written at once is not kept");
            }
        }
        call.id = OR_STR("i");
        call.name = OR_STR("f");
        CHECK_ERR(or_reply_end(&r, &out, &u, NULL, none), OR_OK, "pieces");
        const or_reply_error gone = {.status = 500};
        size_t               end = out.len;
        CHECK_ERR(or_reply_fail(&r, &out, &gone), OR_ERR_ARG, "it is over");
        CHECK_ERR(or_reply_add(&r, &out, &d), OR_ERR_ARG, "it is over");
        CHECK(out.len == end, "it is over");
        if (k < 2) {
            CHECK_STR(or_buf_str(&out), want, "pieces");
        } else if (k == 3) { /* the last event repeats all of it */
            or_str got = or_buf_str(&out);
            CHECK(got.len > want.len + 3 &&
                      memcmp(got.ptr + got.len - want.len - 3, want.ptr, want.len) == 0,
                  "pieces");
        }
    }
}

/* Too small at every size: an error that sticks, and nothing but whole events before it. */
static void test_sizes(void)
{
    static const char in[] =
        "{'reasoning':'r'}\n" CALL("0", "", "f", "{\\'x\\':") CALL("1", "b", "g", "{\\'y\\':2}")
        "{'content':'t'}\n" MORE("0", "1}") DETAIL("encrypted','data':'x'") "!tool_calls\n";
    for (int k = 0; k < 4; k++) {
        static char want_mem[16384];
        play        p;
        or_err      e;
        play_init(&p, k < 2 ? OR_DIALECT_MESSAGES : OR_DIALECT_RESPONSES, k % 2 == 0);
        or_str want = play_lines(&p, in, &e);
        CHECK_ERR(e, OR_OK, "enough");
        CHECK(want.len < sizeof want_mem, "enough");
        memcpy(want_mem, want.ptr, want.len);
        want.ptr = want_mem;
        for (size_t n = 0; n <= want.len; n++) {
            p.out_size = n;
            or_str got = play_lines(&p, in, &e);
            CHECK_ERR(e, n < want.len ? OR_ERR_SPACE : OR_OK, "out");
            CHECK(got.len <= n && memcmp(got.ptr, want.ptr, got.len) == 0, "out");
            CHECK(got.len == 0 || !p.stream || memcmp(got.ptr + got.len - 2, "\n\n", 2) == 0,
                  "out");
        }
        p.out_size = sizeof out_mem;
        bool enough = false;
        for (size_t n = 0; n < 1024; n++) {
            p.hold_size = n;
            or_str got = play_lines(&p, in, &e);
            if (e == OR_OK) CHECK_STR(got, want, "hold");
            else CHECK_ERR(e, OR_ERR_SPACE, "hold");
            CHECK(!enough || e == OR_OK, "more is enough, too");
            enough = e == OR_OK;
        }
        CHECK(enough, "hold");
    }
}

/* Every allocation fails once: hold grows on a heap. */
static void test_memory(void)
{
    for (unsigned long fail_at = 1; fail_at < 9; fail_at++) {
        test_heap            heap = {0, fail_at, 0};
        or_allocator         a = TEST_ALLOCATOR(&heap);
        const or_reply_facts facts = {.id = S("x"), .model = S("m")};
        const or_usage       u = {.set = true};
        const or_reply_error gone = {.status = 500, .message = S("m")};
        or_buf               hold, out;
        or_reply             r;
        or_chat_delta        d;
        or_err               e = OR_OK;
        memset(&d, 0, sizeof d);
        d.text = OR_STR("0123456789012345678901234567890123456789012345678901234567890123");
        or_buf_init(&out, out_mem, sizeof out_mem);
        or_buf_init_growing(&hold, &a, 4096);
        or_reply_init(&r, OR_DIALECT_RESPONSES, &facts, true, &hold);
        for (int i = 0; i < 16 && e == OR_OK; i++) e = or_reply_add(&r, &out, &d);
        CHECK_ERR(e, heap.calls >= fail_at ? OR_ERR_MEMORY : OR_OK, "hold grows");
        if (e == OR_OK) {
            CHECK_ERR(or_reply_end(&r, &out, &u, NULL, or_str_of(NULL, 0)), OR_OK, "hold grows");
        } else { /* the client can be told, with what was said before */
            CHECK_ERR(or_reply_fail(&r, &out, &gone), OR_OK, "told");
            char   mem[16384];
            or_str log = shorten(or_buf_str(&out), mem, sizeof mem, "told");
            CHECK(or_str_find(log, OR_STR("response.failed"), 0) < log.len, "told");
        }
        or_buf_free(&hold);
        CHECK(heap.outstanding == 0, "all is given back");
    }
}

/* OR_REPLY_MAX_ITEMS: texts and thoughts in turn. */
static void test_items(void)
{
    for (int k = 0; k < 4; k++)
        for (uint32_t n = OR_REPLY_MAX_ITEMS - 1; n <= OR_REPLY_MAX_ITEMS + 1; n++) {
            const or_reply_facts facts = {.id = S("x"), .model = S("m")};
            const or_usage       u = {.set = true};
            or_buf               out, hold;
            or_reply             r;
            or_chat_delta        d;
            or_err               e = OR_OK;
            or_buf_init(&out, out_mem, sizeof out_mem);
            or_buf_init(&hold, hold_mem, sizeof hold_mem);
            or_reply_init(&r, k < 2 ? OR_DIALECT_MESSAGES : OR_DIALECT_RESPONSES, &facts,
                          k % 2 == 0, &hold);
            for (uint32_t i = 0; i < n && e == OR_OK; i++) {
                memset(&d, 0, sizeof d);
                *(i % 2 == 0 ? &d.text : &d.reasoning) = OR_STR("x");
                e = or_reply_add(&r, &out, &d);
                CHECK_ERR(e, i < OR_REPLY_MAX_ITEMS ? OR_OK : OR_ERR_TOKENS, "items");
            }
            if (n == OR_REPLY_MAX_ITEMS) { /* a call, or something sealed, would be one more */
                static const char *const more[] = {"{'type':'reasoning.encrypted','data':'x'}",
                                                   "{'signature':'x','format':'anthropic-x'},"
                                                   "{'signature':'y','format':'anthropic-x'}"};
                static const or_tool_call call = {.id = S("i"), .name = S("f")};
                or_reply                  was = r;
                for (int i = 0; i < 3; i++) {
                    char mem[128], details[128];
                    memset(&d, 0, sizeof d);
                    snprintf(details, sizeof details, "[%s]", more[i % 2]);
                    if (i < 2) d.reasoning_details = quoted(details, mem, sizeof mem);
                    if (i == 2) d.tool_calls = &call, d.num_tool_calls = 1;
                    d.text = i < 2 ? OR_STR("x") : or_str_of(NULL, 0); /* the last is a thought */
                    r = was;
                    CHECK_ERR(or_reply_add(&r, &out, &d), OR_ERR_TOKENS, "one more");
                }
                continue;
            }
            if (e == OR_OK) e = or_reply_end(&r, &out, &u, NULL, or_str_of(NULL, 0));
            CHECK_ERR(e, n <= OR_REPLY_MAX_ITEMS ? OR_OK : OR_ERR_TOKENS, "items");
        }
}

/* ---- G31: three calls of three fragments each, in every order of their fragments ---- */

static const char *const fragments[3][3] = {
    {"{\\'a\\':\\'}", "\\\\\\'{", "\\'}"},
    {"", "{\\'b\\':[{}", "]}"},
    {"{", "\\'c\\':{\\'d\\':1}", "} "}, /* the blank belongs to it */
};

static void play_order(const int *order, const char *name)
{
    char        in[2048] = "", mem[16384], want[4096], want_mem[4096];
    int         seen[3] = {0, 0, 0}, first[3], num = 0;
    play        p;
    or_err      e;
    for (int i = 0; i < 9; i++) {
        int    c = order[i];
        size_t n = strlen(in);
        if (seen[c] == 0) first[num++] = c;
        if (seen[c] == 0)
            snprintf(in + n, sizeof in - n, CALL("%d", "id%d", "f%d", "%s"), c, c, c,
                     fragments[c][0]);
        else
            snprintf(in + n, sizeof in - n, MORE("%d", "%s"), c, fragments[c][seen[c]]);
        seen[c]++;
    }
    play_init(&p, OR_DIALECT_MESSAGES, true);
    or_str log = shorten(play_lines(&p, in, &e), mem, sizeof mem, name);
    CHECK_ERR(e, OR_OK, name);
    size_t at = 0;
    for (int i = 0; i < 3; i++) { /* blocks in the order of first sight, arguments unchanged */
        or_str block;
        int    c = first[i];
        snprintf(want, sizeof want, CALL_AT("%d", "id%d", "f%d"), i, c, c);
        block = quoted(want, want_mem, sizeof want_mem);
        at = or_str_find(log, block, at) + block.len;
        char   all[256] = "";
        size_t end = or_str_find(log, OR_STR("content_block_stop"), at);
        CHECK(end < log.len, name);
        while (at < end) {
            size_t from = or_str_find(log, OR_STR("\"partial_json\":\""), at) + 16;
            size_t to = or_str_find(log, OR_STR("\"}\n"), from);
            if (to > end) break;
            snprintf(all + strlen(all), sizeof all - strlen(all), "%.*s", (int)(to - from),
                     log.ptr + from);
            at = to;
        }
        snprintf(want, sizeof want, "%s%s%s", fragments[c][0], fragments[c][1], fragments[c][2]);
        CHECK_STR(or_str_z(all), quoted(want, want_mem, sizeof want_mem), name);
        at = end;
    }
}

static void test_orders(void)
{
    int count = 0;
    for (int n = 0; n < 19683; n++) { /* 3^9, of which 1680 have each call three times */
        int order[9], have[3] = {0, 0, 0}, m = n;
        for (int i = 0; i < 9; i++, m /= 3) have[order[i] = m % 3]++;
        if (have[0] != 3 || have[1] != 3) continue;
        char name[32];
        snprintf(name, sizeof name, "G31: order %d", n);
        play_order(order, name);
        count++;
    }
    CHECK(count == 1680, "all orders");
}

/* ---- errors ---- */

static void test_errors(void)
{
    static const struct {
        uint16_t    status;
        const char *messages, *type, *code, *failed;
    } rows[] = {
        {400, "invalid_request_error", "invalid_request_error", "null", "invalid_prompt"},
        {401, "authentication_error", "invalid_request_error", "'invalid_api_key'", "server_error"},
        {402, "billing_error", "insufficient_quota", "'insufficient_quota'", "server_error"},
        {403, "permission_error", "invalid_request_error", "null", "server_error"},
        {404, "not_found_error", "invalid_request_error", "null", "server_error"},
        {408, "timeout_error", "server_error", "null", "server_error"},
        {409, "conflict_error", "invalid_request_error", "null", "server_error"},
        {413, "request_too_large", "invalid_request_error", "null", "invalid_prompt"},
        {422, "invalid_request_error", "invalid_request_error", "null", "invalid_prompt"},
        {429, "rate_limit_error", "requests", "'rate_limit_exceeded'", "rate_limit_exceeded"},
        {499, "invalid_request_error", "invalid_request_error", "null", "invalid_prompt"},
        {500, "api_error", "server_error", "null", "server_error"},
        {502, "api_error", "server_error", "null", "server_error"},
        {503, "overloaded_error", "server_error", "'overloaded'", "server_error"},
        {504, "timeout_error", "server_error", "null", "server_error"},
        {529, "overloaded_error", "server_error", "'overloaded'", "server_error"},
        {0, "api_error", "server_error", "null", "server_error"},
        {UINT16_MAX, "api_error", "server_error", "null", "server_error"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int full = 0; full < 2; full++) {
            char           text[512], mem[512], small[512];
            or_reply_error e = {.status = rows[i].status, .message = S("a\"b")};
            or_buf         out;
            or_dialect     to[] = {OR_DIALECT_MESSAGES, OR_DIALECT_RESPONSES};
            if (full) e.id = OR_STR("gen-1"), e.metadata = OR_STR("{\"k\":\n1}");
            for (int k = 0; k < 2; k++) {
                if (k == 0)
                    snprintf(text, sizeof text,
                             "{'type':'error','error':{'type':'%s','message':'a\\'b'%s}%s}",
                             rows[i].messages, full ? ",'metadata':{'k':1}" : "",
                             full ? ",'request_id':'gen-1'" : "");
                else
                    snprintf(text, sizeof text,
                             "{'error':{'type':'%s','param':null,'code':%s,'message':'a\\'b'%s}}",
                             rows[i].type, rows[i].code, full ? ",'metadata':{'k':1}" : "");
                or_str want = quoted(text, mem, sizeof mem);
                for (size_t n = 0; n <= want.len; n++) { /* behind what is there */
                    or_buf_init(&out, small, n + 1);
                    or_buf_put_char(&out, '!');
                    CHECK_ERR(or_reply_put_error(&out, to[k], &e),
                              n < want.len ? OR_ERR_SPACE : OR_OK, text);
                    CHECK(out.len == (n < want.len ? 1 : n + 1), text);
                }
                or_buf_take(&out, 1);
                CHECK_STR(or_buf_str(&out), want, text);
                CHECK_ERR(or_json_check(or_buf_str(&out), NULL), OR_OK, text);
            }
            const or_reply_facts facts = {.id = S("x"), .model = S("m")};
            or_buf               hold;
            or_reply             r;
            char                 log_mem[4096];
            or_buf_init(&hold, hold_mem, sizeof hold_mem);
            or_buf_init(&out, out_mem, sizeof out_mem);
            or_reply_init(&r, OR_DIALECT_RESPONSES, &facts, true, &hold);
            CHECK_ERR(or_reply_fail(&r, &out, &e), OR_OK, "fail"); /* created first */
            snprintf(text, sizeof text,
                     BEGUN "response.failed 'failed' {'code':'%s','message':'a\\'b'%s} null []\n",
                     rows[i].failed, full ? ",'metadata':{'k':1}" : "");
            CHECK_STR(shorten(or_buf_str(&out), log_mem, sizeof log_mem, text),
                      quoted(text, mem, sizeof mem), text);
        }
    or_buf         out;
    or_reply_error bad = {.status = 500, .message = S("\xFF")};
    or_buf_init(&out, out_mem, sizeof out_mem);
    CHECK_ERR(or_reply_put_error(&out, OR_DIALECT_MESSAGES, &bad), OR_ERR_UTF8, "UTF-8");
    CHECK_ERR(or_reply_put_error(&out, OR_DIALECT_RESPONSES, &bad), OR_ERR_UTF8, "UTF-8");
    CHECK_ERR(or_reply_put_error(&out, OR_DIALECT_CHAT, &bad), OR_ERR_ARG, "no such dialect");
    CHECK(out.len == 0, "nothing is left");
    bad.message = OR_STR("m");
    bad.id = OR_STR("\xFF");
    CHECK_ERR(or_reply_put_error(&out, OR_DIALECT_MESSAGES, &bad), OR_ERR_UTF8, "UTF-8");
    CHECK_ERR(or_reply_put_error(&out, OR_DIALECT_RESPONSES, &bad), OR_OK, "an id is not said");
    CHECK(out.len > 0 && out.err == OR_OK, "nothing else is left");
}

/* The stream breaks off: G50 in the middle, before anything, and after an error of our own. */
static void test_fail(void)
{
    static const or_reply_error gone = {.status = 429, .message = S("slow down"), .id = S("q")};
    static const char *const    error =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":"
        "\"slow down\"},\"request_id\":\"q\"}\n\n";
    for (int k = 0; k < 8; k++) {
        const or_reply_facts facts = {.id = S("gen-1-aB"), .model = S("m")};
        const or_usage       u = {.set = true};
        bool                 to_messages = k % 2 == 0, added = k >= 2 && k < 6, stuck = k >= 4;
        or_buf               out, hold;
        or_reply             r;
        or_chat_delta        d;
        char                 mem[8192];
        memset(&d, 0, sizeof d);
        or_buf_init(&out, out_mem, sizeof out_mem);
        or_buf_init(&hold, hold_mem, 4);
        or_reply_init(&r, to_messages ? OR_DIALECT_MESSAGES : OR_DIALECT_RESPONSES, &facts, true,
                      &hold);
        d.text = OR_STR("hi");
        if (added) CHECK_ERR(or_reply_add(&r, &out, &d), OR_OK, "before");
        d.text = OR_STR("\xFF");
        if (stuck) CHECK_ERR(or_reply_add(&r, &out, &d), OR_ERR_UTF8, "stuck");
        size_t at = out.len;
        CHECK_ERR(or_reply_fail(&r, &out, &gone), OR_OK, "fail");
        or_str got = or_str_of(out.ptr + at, out.len - at);
        if (to_messages) {
            CHECK_STR(got, or_str_z(error), "fail");
        } else {
            or_str log = shorten(or_buf_str(&out), mem, sizeof mem, "fail");
            char   want_mem[512];
            or_str want = quoted(added ? "null [" ITEM MSG("0", "incomplete", OUT_TEXT("hi")) "}]\n"
                                       : "null []\n",
                                 want_mem, sizeof want_mem);
            CHECK(log.len > want.len, "what was said");
            CHECK_STR(or_str_of(log.ptr + log.len - want.len, want.len), want, "what was said");
        }
        at = out.len;
        CHECK_ERR(or_reply_fail(&r, &out, &gone), OR_ERR_ARG, "once");
        CHECK_ERR(or_reply_end(&r, &out, &u, NULL, or_str_of(NULL, 0)), OR_ERR_ARG, "it is over");
        CHECK_ERR(or_reply_add(&r, &out, &d), OR_ERR_ARG, "it is over");
        CHECK(out.len == at, "it is over");
    }
    or_buf               out, hold;
    or_reply             r;
    const or_reply_facts facts = {.id = S("x"), .model = S("m")};
    for (size_t n = 0; n <= strlen(error); n++) { /* a whole event, or nothing */
        char small[512];
        or_buf_init(&out, small, n);
        or_buf_init(&hold, hold_mem, 4);
        or_reply_init(&r, OR_DIALECT_MESSAGES, &facts, true, &hold);
        CHECK_ERR(or_reply_fail(&r, &out, &gone), n < strlen(error) ? OR_ERR_SPACE : OR_OK,
                  "small");
        CHECK(out.len == (n < strlen(error) ? 0 : n), "small");
    }
    const or_usage      u = {.set = true};
    static or_tool_call call = {.name = S("f"), .arguments = S("{}")};
    or_chat_delta       d;
    memset(&d, 0, sizeof d);
    d.tool_calls = &call;
    d.num_tool_calls = 1;
    or_buf_init(&out, out_mem, sizeof out_mem);
    or_buf_init(&hold, hold_mem, 3); /* no room for the id that has to be made at the end */
    or_reply_init(&r, OR_DIALECT_MESSAGES, &facts, true, &hold);
    CHECK_ERR(or_reply_add(&r, &out, &d), OR_OK, "no id yet");
    CHECK_ERR(or_reply_end(&r, &out, &u, NULL, or_str_of(NULL, 0)), OR_ERR_SPACE, "no id");
    size_t at = out.len;
    CHECK_ERR(or_reply_fail(&r, &out, &gone), OR_OK, "an end that failed can be told");
    CHECK_STR(or_str_of(out.ptr + at, out.len - at), or_str_z(error), "an end that failed");
    or_buf_init(&out, out_mem, sizeof out_mem);
    or_reply_init(&r, OR_DIALECT_MESSAGES, &facts, false, &hold); /* whole: the body of an error */
    CHECK_ERR(or_reply_fail(&r, &out, &gone), OR_OK, "whole");
    CHECK_STR(or_buf_str(&out), or_str_of(error + 19, strlen(error) - 21), "whole");
}

static void test_misuse(void)
{
    const or_reply_facts facts = {.id = S("x"), .model = S("m")};
    or_buf               out, hold;
    or_reply             r;
    or_chat_delta        d;
    memset(&d, 0, sizeof d);
    or_buf_init(&out, out_mem, sizeof out_mem);
    or_buf_init(&hold, hold_mem, 8);
    or_reply_init(&r, OR_DIALECT_GEMINI, &facts, true, &hold);
    CHECK_ERR(or_reply_add(&r, &out, &d), OR_ERR_ARG, "no such dialect");
    or_buf_init_counting(&hold);
    or_reply_init(&r, OR_DIALECT_MESSAGES, &facts, true, &hold);
    CHECK_ERR(or_reply_add(&r, &out, &d), OR_ERR_ARG, "a hold that keeps nothing");
    or_buf_clear(&out);
    CHECK_ERR(or_reply_put_ping(&out, OR_DIALECT_MESSAGES), OR_OK, "ping");
    CHECK_ERR(or_reply_put_ping(&out, OR_DIALECT_RESPONSES), OR_OK, "ping");
    CHECK_STR(or_buf_str(&out), OR_STR("event: ping\ndata: {\"type\":\"ping\"}\n\n: ping\n\n"),
              "ping");
    or_buf_init(&out, out_mem, 34);
    CHECK_ERR(or_reply_put_ping(&out, OR_DIALECT_MESSAGES), OR_ERR_SPACE, "ping");
    CHECK(out.len == 0, "ping");
}

/* ---- chat completions ---- */

static const or_str       pictures[] = {S("data:1"), S("u")};
static const or_tool_call calls[] = {
    {.index = 0, .id = S("i"), .name = S("f"), .arguments = S("{\"a\":1}"),
     .extra_content = S("{\"g\":\n{}}")},
    {.index = 1, .arguments = S("x")}};

#define CHOICE(rest)  "{'choices':[{'index':0," rest "]}"
#define FINISH(word)  ",'finish_reason':" word ",'logprobs':null}"

static const struct {
    const char    *name;
    or_chat_answer a;
    const char    *answer, *chunk, *text;
} completions[] = {
    {"text", {.text = S("a\"")},
     CHOICE("'message':{'role':'assistant','content':'a\\''}" FINISH("null")),
     CHOICE("'delta':{'role':'assistant','content':'a\\''}" FINISH("null")),
     CHOICE("'text':'a\\''" FINISH("null"))},
    {"nothing", {.id = S("x")},
     CHOICE("'message':{'role':'assistant','content':null}" FINISH("null")),
     CHOICE("'delta':{'role':'assistant','content':''}" FINISH("null")),
     CHOICE("'text':''" FINISH("null"))},
    {"usage alone", {.usage = {.set = true}},
     CHOICE("'message':{'role':'assistant','content':null}" FINISH("null")), "{'choices':[]}",
     "{'choices':[]}"},
    {"usage with the end", {.usage = {.set = true}, .finish = OR_FINISH_STOP},
     CHOICE("'message':{'role':'assistant','content':null}" FINISH("'stop'")),
     CHOICE("'delta':{'role':'assistant','content':''}" FINISH("'stop'")),
     CHOICE("'text':''" FINISH("'stop'"))},
    {"all",
     {.text = S("t"), .reasoning = S("r"), .refusal = S("n"), .reasoning_details = S("[{}]"),
      .annotations = S("[\n1]"), .audio = S("{\"data\":\"\"}"), .logprobs = S("{\"content\":[]}"),
      .images = pictures, .num_images = 2, .tool_calls = calls, .num_tool_calls = 2,
      .finish = OR_FINISH_TOOL_CALLS, .native_finish = S("tool_use")},
     CHOICE("'message':{'role':'assistant','content':'t','refusal':'n','reasoning':'r',"
            "'reasoning_details':[{}],'tool_calls':[{'id':'i','type':'function','function':{'name':"
            "'f','arguments':'{\\'a\\':1}'},'extra_content':{'g':{}}},{'type':'function','function':"
            "{'arguments':'x'}}],'annotations':[1],'images':[{'type':'image_url','image_url':{'url':"
            "'data:1'}},{'type':'image_url','image_url':{'url':'u'}}],'audio':{'data':''}},"
            "'finish_reason':'tool_calls','native_finish_reason':'tool_use','logprobs':{'content':"
            "[]}}"),
     CHOICE("'delta':{'role':'assistant','content':'t','refusal':'n','reasoning':'r',"
            "'reasoning_details':[{}],'tool_calls':[{'index':0,'id':'i','type':'function',"
            "'function':{'name':'f','arguments':'{\\'a\\':1}'},'extra_content':{'g':{}}},{'index':1,"
            "'type':'function','function':{'arguments':'x'}}],'annotations':[1],'images':[{'type':"
            "'image_url','image_url':{'url':'data:1'}},{'type':'image_url','image_url':{'url':'u'}}"
            "],'audio':{'data':''}},'finish_reason':'tool_calls','native_finish_reason':"
            "'tool_use','logprobs':{'content':[]}}"),
     CHOICE("'text':'t'" FINISH("'tool_calls'"))},
    {"G41: calls without text", {.tool_calls = calls + 1, .num_tool_calls = 1},
     CHOICE("'message':{'role':'assistant','content':null,'tool_calls':[{'type':'function',"
            "'function':{'arguments':'x'}}]}" FINISH("null")),
     CHOICE("'delta':{'role':'assistant','content':null,'tool_calls':[{'index':1,'type':"
            "'function','function':{'arguments':'x'}}]}" FINISH("null")),
     CHOICE("'text':''" FINISH("null"))},
    {"length", {.finish = OR_FINISH_LENGTH},
     CHOICE("'message':{'role':'assistant','content':null}" FINISH("'length'")),
     CHOICE("'delta':{'role':'assistant','content':''}" FINISH("'length'")),
     CHOICE("'text':''" FINISH("'length'"))},
    {"filter", {.finish = OR_FINISH_CONTENT_FILTER},
     CHOICE("'message':{'role':'assistant','content':null}" FINISH("'content_filter'")),
     CHOICE("'delta':{'role':'assistant','content':''}" FINISH("'content_filter'")),
     CHOICE("'text':''" FINISH("'content_filter'"))},
    {"error", {.finish = OR_FINISH_ERROR},
     CHOICE("'message':{'role':'assistant','content':null}" FINISH("'error'")),
     CHOICE("'delta':{'role':'assistant','content':''}" FINISH("'error'")),
     CHOICE("'text':''" FINISH("'error'"))},
    {"[DONE]", {.done = true},
     CHOICE("'message':{'role':'assistant','content':null}" FINISH("null")), "", ""},
};

static void check_completion(const or_chat_answer *a, bool chunk, bool text, const char *want_text,
                             const char *name)
{
    char   mem[2048], small[2049];
    or_str want = quoted(want_text, mem, sizeof mem);
    or_buf out;
    for (size_t n = 0; n <= want.len; n++) {
        or_buf_init(&out, small, n + 1);
        or_buf_put_char(&out, '!');
        or_err e = chunk ? or_dialect_put_chunk(&out, a, text) : or_dialect_put_answer(&out, a, text);
        CHECK_ERR(e, n < want.len ? OR_ERR_SPACE : OR_OK, name);
        CHECK(out.len == (n < want.len ? 1 : n + 1), name);
    }
    or_buf_take(&out, 1);
    CHECK_STR(or_buf_str(&out), want, name);
    if (want.len > 0) CHECK_ERR(or_json_check(want, NULL), OR_OK, name);
}

static void test_completions(void)
{
    for (size_t i = 0; i < COUNT(completions); i++) {
        const or_chat_answer *a = &completions[i].a;
        check_completion(a, false, false, completions[i].answer, completions[i].name);
        check_completion(a, true, false, completions[i].chunk, completions[i].name);
        if (!a->done && !a->usage.set)
            check_completion(a, false, true, completions[i].text, completions[i].name);
        check_completion(a, true, true, completions[i].text, completions[i].name);
    }
    or_chat_answer bad = {.text = S("\xFF")};
    or_buf         out;
    or_buf_init(&out, out_mem, sizeof out_mem);
    CHECK_ERR(or_dialect_put_answer(&out, &bad, false), OR_ERR_UTF8, "UTF-8");
    CHECK_ERR(or_dialect_put_chunk(&out, &bad, true), OR_ERR_UTF8, "UTF-8");
    CHECK(out.len == 0 && out.err == OR_OK, "UTF-8");
}

int main(void)
{
    test_messages();
    test_responses();
    test_response_object();
    test_ids();
    test_message_usage();
    test_pieces();
    test_sizes();
    test_memory();
    test_items();
    test_orders();
    test_errors();
    test_fail();
    test_misuse();
    test_completions();
    TEST_MAIN_END("test_reply");
}
