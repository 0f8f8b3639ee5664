/* Answers of other dialects, whole and as streams, in every shape that they are known to have.
   In the vectors ' stands for ", and each line of a stream is the data of one event. Names that
   begin with G and a number are edge cases that every translator meets. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/answer_log.h"
#include "tests/test.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

#define M OR_DIALECT_MESSAGES
#define G OR_DIALECT_GEMINI
#define R OR_DIALECT_RESPONSES

static char text_mem[16384];

/* The vector with its quotes; as a stream, with every line as an event. */
static or_str expand(const char *in, bool stream)
{
    or_buf b;
    or_buf_init(&b, text_mem, sizeof text_mem);
    if (stream && *in != 0) or_buf_put_z(&b, "data: ");
    for (; *in != 0; in++) {
        if (stream && *in == '\n') {
            or_buf_put_z(&b, "\n\n");
            if (in[1] != 0) or_buf_put_z(&b, "data: ");
        } else {
            or_buf_put_char(&b, *in == '\'' ? '"' : *in);
        }
    }
    if (b.err != OR_OK) abort();
    return or_buf_str(&b);
}

/* ---- whole answers ---- */

#define NOT_ONE "!the answer is JSON but not a chat completion"

static const struct {
    const char *name;
    or_dialect  from;
    const char *in, *want; /* want: the log, or '!' and the error's text */
} answers[] = {
    {"message", M,
     "{'id':'msg_1','type':'message','role':'assistant','model':'c','content':[{'type':'thinking',"
     "'thinking':'t\\n','signature':'Eq'},{'type':'text','text':'a','citations':null},{'type':'text'"
     ",'text':'\\u00e9'},{'type':'tool_use','id':'toolu_9','name':'f','input':{'x': 1.0}}],"
     "'stop_reason':'tool_use','usage':{'input_tokens':40,'cache_creation_input_tokens':7,"
     "'cache_read_input_tokens':1200,'cache_creation':{'ephemeral_5m_input_tokens':2,"
     "'ephemeral_1h_input_tokens':5},'output_tokens':31,'output_tokens_details':"
     "{'thinking_tokens':12},'service_tier':'standard','server_tool_use':{'web_search_requests':3}}}",
     "id(msg_1)model(c)tier(standard)text(a\303\251)reasoning(t\n)details([{'type':'reasoning.text',"
     "'text':'t\\n','signature':'Eq','format':'anthropic-claude-v1','index':0}])call0(toolu_9):(f)="
     "({'x': 1.0})finish(calls)native(tool_use)usage(1247,31,1278,1200,7,12 1h5 searches3)"},
    {"two thoughts and a hidden one", M,
     "{'type':'message','content':[{'type':'thinking','thinking':'a','signature':''},{'type':"
     "'redacted_thinking','data':'RR'},{'type':'thinking','thinking':'','signature':'S'},{'type':"
     "'text','text':'x'}],'stop_reason':'end_turn'}",
     "text(x)reasoning(a)details([{'type':'reasoning.text','text':'a','format':"
     "'anthropic-claude-v1','index':0},{'type':'reasoning.encrypted','data':'RR','format':"
     "'anthropic-claude-v1','index':1},{'type':'reasoning.text','signature':'S','format':"
     "'anthropic-claude-v1','index':2}])finish(stop)native(end_turn)"},
    {"G34 G35 several calls", M,
     "{'content':[{'type':'tool_use','id':'a','name':'or--x-2Ey','input':{}},{'type':'server_tool_use',"
     "'id':'s','name':'web_search','input':{'query':'q'}},{'type':'tool_use','id':'b','name':'g',"
     "'input':null},{'type':'tool_use','id':'c','name':'or--z','input':'{\\'y\\':2}'}],"
     "'stop_reason':'end_turn'}",
     "call0(a):(x.y)=({})call1(b):(g)=({})call2(c):(z)=({'y':2})finish(calls)native(end_turn)"},
    {"citations", M,
     "{'content':[{'type':'text','text':'x','citations':[{'type':'web_search_result_location','url':"
     "'u','title':'t','cited_text':'c','encrypted_index':'e'},{'type':'char_location',"
     "'document_index':0},{'url':'v','title':null}]}],'stop_reason':'end_turn'}",
     "text(x)annotations([{'type':'url_citation','url_citation':{'url':'u','title':'t','content':'c'}},"
     "{'type':'url_citation','url_citation':{'url':'v'}}])finish(stop)native(end_turn)"},
    {"G47 refusal", M,
     "{'type':'message','content':[],'stop_reason':'refusal','stop_details':{'type':'refusal',"
     "'category':'c','explanation':'no'}}",
     "refusal(no)finish(filter)native(refusal)"},
    {"G47 refusal after text", M,
     "{'content':[{'type':'text','text':'a'}],'stop_reason':'refusal','stop_details':{'explanation':"
     "'no'}}",
     "text(a)finish(filter)native(refusal)"},
    {"G47 refusal without a word", M, "{'type':'message','stop_reason':'refusal','stop_details':null}",
     "finish(filter)native(refusal)"},
    {"G47 pause_turn", M, "{'content':[],'stop_reason':'pause_turn'}", "finish(stop)native(pause_turn)"},
    {"G47 context", M, "{'content':[],'stop_reason':'model_context_window_exceeded'}",
     "finish(length)native(model_context_window_exceeded)"},
    {"max_tokens with a call", M,
     "{'content':[{'type':'tool_use','id':'a','name':'f','input':{'x':1}}],'stop_reason':'max_tokens'}",
     "call0(a):(f)=({'x':1})finish(length)native(max_tokens)"},
    {"G28 tool_use without a call", M, "{'content':[],'stop_reason':'tool_use'}", "finish(stop)native(tool_use)"},
    {"G59 empty", M, "{'type':'message','content':[],'stop_reason':'end_turn'}",
     "finish(stop)native(end_turn)"},
    {"no reason, text", M, "{'content':[{'type':'text','text':'a'}],'stop_reason':null}",
     "text(a)finish(stop)"},
    {"no reason, a call", M, "{'content':[{'type':'tool_use','id':'a','name':'f'}]}",
     "call0(a):(f)=({})finish(calls)"},
    {"no reason, nothing", M, "{'type':'message','content':[]}", "finish(error)"},
    {"OpenRouter's message", M,
     "{'type':'message','provider':'P','content':[],'stop_reason':'end_turn','usage':{'input_tokens':2,"
     "'output_tokens':3,'cost':0.0000125,'is_byok':true,'cost_details':{'upstream_inference_cost':"
     "'0.5'}}}",
     "provider(P)finish(stop)native(end_turn)usage(2,3,5,0,0,0 byok$0.0000125/$0.5)"},
    {"1h writes only", M,
     "{'content':[],'stop_reason':'end_turn','usage':{'input_tokens':1,'output_tokens':1,"
     "'cache_creation':{'ephemeral_1h_input_tokens':10}}}",
     "finish(stop)native(end_turn)usage(11,1,12,0,10,0 1h10)"},
    {"G48 usage with nulls", M,
     "{'content':[],'stop_reason':'end_turn','usage':{'input_tokens':'5','output_tokens':1e1,"
     "'cache_read_input_tokens':null,'server_tool_use':null}}",
     "finish(stop)native(end_turn)usage(5,10,15,0,0,0)"},
    {"G48 negative usage", M, "{'content':[],'stop_reason':'end_turn','usage':{'input_tokens':-5,"
     "'output_tokens':1}}", "finish(stop)native(end_turn)"},
    {"G48 usage that is none", M, "{'content':[],'stop_reason':'end_turn','usage':[1]}",
     "finish(stop)native(end_turn)"},
    {"odd types", M,
     "{'type':'message','id':1,'model':null,'content':[null,1,'x',[],{'type':1},{'type':'text','text':"
     "null},{'type':'text'},{'type':'thinking','thinking':3,'signature':{}},{'type':'tool_use','id':4,"
     "'name':[],'input':[]},{'type':'redacted_thinking'}],'stop_reason':7,'usage':'x'}",
     "call0=({})finish(calls)"},
    {"content is a text", M, "{'type':'message','content':'x','stop_reason':'end_turn'}",
     "finish(stop)native(end_turn)"},
    {"G18 G19 lone surrogate and NUL", M,
     "{'content':[{'type':'text','text':'\\ud83d.\\u0041\\ud83d\\ude00'}],'stop_reason':'end_turn'}",
     "text(\357\277\275.A\360\237\230\200)finish(stop)native(end_turn)"},
    {"G52 an error", M,
     "{'type':'error','error':{'type':'overloaded_error','message':'m'},'request_id':'r'}",
     "error529(m)(overloaded_error)"},
    {"an error of the gateway", M, "{'error':{'code':402,'message':'m','metadata':{'provider_name':'P'}}}",
     "error402(m)by(P)"},
    {"a chat answer", M, "{'choices':[{'message':{'content':'x'}}]}", NOT_ONE},
    {"an event", M, "{'type':'ping'}", NOT_ONE},

    {"generated", G,
     "{'candidates':[{'content':{'role':'model','parts':[{'text':'th','thought':true},{'text':'a'},{"
     "'text':'b','thoughtSignature':'S0'},{'functionCall':{'name':'f','args':{'x':[1]},'id':'k'},"
     "'thoughtSignature':'S1'},{'functionCall':{'name':'or--a-3Ab'}}]},'finishReason':'STOP','index':0}"
     "],'usageMetadata':{'promptTokenCount':10,'cachedContentTokenCount':4,'candidatesTokenCount':5,"
     "'thoughtsTokenCount':7,'toolUsePromptTokenCount':2,'totalTokenCount':24,'promptTokensDetails':[{"
     "'modality':'TEXT','tokenCount':7},{'modality':'AUDIO','tokenCount':3}]},'modelVersion':'g',"
     "'responseId':'r1'}",
     "id(r1)model(g)text(ab)reasoning(th)details([{'type':'reasoning.text','text':'th','format':"
     "'google-gemini-v1','index':0},{'type':'reasoning.encrypted','data':'S0','format':"
     "'google-gemini-v1','index':1},{'type':'reasoning.encrypted','data':'S1','id':'k','format':"
     "'google-gemini-v1','index':2}])call0(k):(f)=({'x':[1]})+({'google':{'thought_signature':'S1'}})"
     "call1(call_160c216a_1):(a:b)=({})finish(calls)native(STOP)usage(12,12,24,4,0,7 audio3)"},
    {"image", G,
     "{'candidates':[{'content':{'parts':[{'inlineData':{'mimeType':'image\\/jpeg','data':'QU\\/JD'},"
     "'thoughtSignature':'S'},{'inlineData':{'data':'QQ=='}},{'inlineData':{}}]},'finishReason':'STOP'}]}",
     "details([{'type':'reasoning.encrypted','data':'S','format':'google-gemini-v1','index':0}])"
     "image(data:image/jpeg;base64,QU/JD)image(data:image/png;base64,QQ==)finish(stop)native(STOP)"},
    {"G47 blocked", G, "{'promptFeedback':{'blockReason':'SAFETY'},'usageMetadata':{'promptTokenCount':3}}",
     "refusal(The prompt was blocked: SAFETY)finish(filter)native(SAFETY)usage(3,0,3,0,0,0)"},
    {"blocked, candidates empty", G, "{'candidates':[],'promptFeedback':{'blockReason':'OTHER'}}",
     "refusal(The prompt was blocked: OTHER)finish(filter)native(OTHER)"},
    {"feedback without a block", G,
     "{'candidates':[{'content':{'parts':[{'text':'a'}]},'finishReason':'STOP'}],'promptFeedback':{"
     "'blockReason':'SAFETY'}}", "text(a)finish(stop)native(STOP)"},
    {"second candidate", G,
     "{'candidates':[{'index':1,'content':{'parts':[{'text':'b'}]}},{'content':{'parts':[{'text':'a'}]},"
     "'finishReason':'MAX_TOKENS'}]}", "text(a)finish(length)native(MAX_TOKENS)"},
    {"no parts", G, "{'candidates':[{'finishReason':'SAFETY'}]}", "finish(filter)native(SAFETY)"},
    {"odd types", G,
     "{'candidates':[{'content':{'parts':[null,1,[],{'text':2},{'functionCall':'f'},{'functionCall':{"
     "'name':null,'args':[],'id':7}},{'thought':'true','text':'x'},{'inlineData':null},{"
     "'thoughtSignature':3}]},'finishReason':4,'index':'0'}],'usageMetadata':{'promptTokenCount':'2',"
     "'candidatesTokenCount':null,'promptTokensDetails':[1,{'modality':'AUDIO'}]},'responseId':9}",
     "text(x)call0(call_HASH_0)=({})usage(2,0,2,0,0,0)"},
    {"modalities", G,
     "{'candidates':[{'finishReason':'STOP'}],'usageMetadata':{'promptTokenCount':9,'candidatesTokenCount'"
     ":8,'promptTokensDetails':[{'modality':'VIDEO','tokenCount':5},{'modality':'AUDIO','tokenCount':2}],"
     "'cacheTokensDetails':[{'modality':'AUDIO','tokenCount':1}],'candidatesTokensDetails':[{'modality':"
     "'IMAGE','tokenCount':6},{'modality':'AUDIO','tokenCount':3}]}}",
     "finish(stop)native(STOP)usage(9,8,17,0,0,0 audio2 cached_audio1 video5 images_out6 audio_out3)"},
    {"G48 a count that cannot be read", G,
     "{'candidates':[{'finishReason':'STOP'}],'usageMetadata':{'promptTokenCount':9,'thoughtsTokenCount'"
     ":'many'}}", "finish(stop)native(STOP)"},
    {"an error", G,
     "{'error':{'code':429,'message':'m','status':'RESOURCE_EXHAUSTED','details':[{'@type':"
     "'type.googleapis.com/google.rpc.QuotaFailure'},{'@type':'type.googleapis.com/google.rpc.RetryInfo',"
     "'retryDelay':'21s'}]}}", "error429(m)(RESOURCE_EXHAUSTED)after21000"},
    {"G50 an error in an array", G, "[{'error':{'message':'m','status':'UNAVAILABLE'}}]",
     "error503(m)(UNAVAILABLE)"},
    {"an array of events", G,
     "[{'candidates':[{'content':{'parts':[{'text':'a'}]}}],'responseId':'r'},{'candidates':[{'content':{"
     "'parts':[{'text':'b'},{'functionCall':{'name':'f','id':'k'}}]},'finishReason':'STOP'}],'modelVersion':"
     "'g','usageMetadata':{'promptTokenCount':1}}]",
     "id(r)model(g)text(ab)call0(k):(f)=({})finish(calls)native(STOP)usage(1,0,1,0,0,0)"},
    {"an array that ends in an error", G,
     "[{'candidates':[{'content':{'parts':[{'text':'a'}]}}]},{'error':{'code':503,'message':'m'}}]",
     "text(a)error503(m)"},
    {"an array with something else", G, "[{'candidates':[]},{'x':1}]", NOT_ONE},
    {"an array of messages", M, "[{'content':[],'stop_reason':'end_turn'},{'content':[]}]", NOT_ONE},
    {"a message", G, "{'type':'message','content':[]}", NOT_ONE},

    {"response", R,
     "{'id':'resp_1','object':'response','created_at':12,'status':'completed','model':'m','error':null,"
     "'service_tier':'default','output':[{'type':'reasoning','id':'rs_1','summary':[{'type':"
     "'summary_text','text':'s'}],'encrypted_content':'E'},{'type':'message','content':[{'type':"
     "'output_text','text':'a','annotations':[{'type':'url_citation','url':'u','title':'t','start_index'"
     ":0,'end_index':1}]},{'type':'output_text','text':'b'}]},{'type':'function_call','id':'fc_1',"
     "'call_id':'c1','name':'or--f-2D','arguments':'{\\'x\\':1}'},{'type':'custom_tool_call','call_id':"
     "'c2','name':'g','input':'a\\'b'},{'type':'web_search_call'}],'usage':{'input_tokens':5,"
     "'input_tokens_details':{'cached_tokens':2,'cache_write_tokens':1},'output_tokens':6,"
     "'output_tokens_details':{'reasoning_tokens':3},'total_tokens':11,'cost':0.25,'is_byok':false,"
     "'cost_details':{'upstream_inference_cost':null,'upstream_inference_input_cost':0.1}}}",
     "id(resp_1)model(m)tier(default)created12text(ab)reasoning(s)details([{'type':'reasoning.summary',"
     "'summary':'s','format':'openai-responses-v1','index':0},{'type':'reasoning.encrypted','data':'E',"
     "'id':'rs_1','format':'openai-responses-v1','index':0}])annotations([{'type':'url_citation',"
     "'url_citation':{'url':'u','title':'t','start_index':0,'end_index':1}}])call0(c1):(f-)=({'x':1})"
     "call1(c2):(g)=({'input':'a\\'b'})finish(calls)native(completed)usage(5,6,11,2,1,3$0.25)"},
    {"upstream cost", R,
     "{'output':[],'status':'completed','usage':{'input_tokens':1,'output_tokens':1,'is_byok':true,'cost':0,"
     "'cost_details':{'upstream_inference_cost':0.5}}}",
     "finish(stop)native(completed)usage(1,1,2,0,0,0 byok$0/$0.5)"},
    {"refused", R,
     "{'status':'completed','output':[{'type':'message','content':[{'type':'refusal','refusal':'no'}]}]}",
     "refusal(no)finish(stop)native(completed)"},
    {"reasoning in the open", R,
     "{'status':'completed','output':[{'type':'reasoning','content':[{'type':'reasoning_text','text':'r'}],"
     "'summary':[]},{'type':'reasoning','encrypted_content':'F'}]}",
     "reasoning(r)details([{'type':'reasoning.text','text':'r','format':'openai-responses-v1','index':0},"
     "{'type':'reasoning.encrypted','data':'F','format':'openai-responses-v1','index':1}])finish(stop)"
     "native(completed)"},
    {"an image", R,
     "{'status':'completed','output':[{'type':'image_generation_call','result':'QQ==','output_format':"
     "'webp'},{'type':'image_generation_call','result':'QQ=='}]}",
     "image(data:image/webp;base64,QQ==)image(data:image/png;base64,QQ==)finish(stop)native(completed)"},
    {"incomplete", R,
     "{'object':'response','status':'incomplete','incomplete_details':{'reason':'max_output_tokens'}}",
     "finish(length)native(max_output_tokens)"},
    {"filtered", R, "{'status':'incomplete','incomplete_details':{'reason':'content_filter'},'output':[]}",
     "finish(filter)native(content_filter)"},
    {"incomplete, no reason", R, "{'status':'incomplete','incomplete_details':null,'output':[]}",
     "finish(length)native(incomplete)"},
    {"failed", R,
     "{'object':'response','status':'failed','error':{'code':'rate_limit_exceeded','message':'m'},"
     "'metadata':{'raw':'mine','provider_name':'me'},'output':[]}",
     "finish(error)native(failed)error429(m)(rate_limit_exceeded)"},
    {"failed without an error", R, "{'status':'failed','error':null,'output':[]}",
     "finish(error)native(failed)"},
    {"cancelled", R, "{'status':'cancelled','output':[]}", "finish(error)native(cancelled)"},
    {"not done", R, "{'status':'in_progress','output':[]}", "native(in_progress)"},
    {"no status", R, "{'output':[{'type':'message','content':[{'text':'x'}]}]}", "text(x)finish(stop)"},
    {"no status, nothing", R, "{'output':[]}", ""},
    {"odd types", R,
     "{'output':[null,1,[],{'type':2},{'type':'message','content':'x'},{'type':'message','content':[1,{"
     "'text':3,'annotations':{}}]},{'type':'reasoning','summary':'s','content':[null],'encrypted_content':"
     "1},{'type':'function_call','call_id':5,'id':'i','arguments':null},{'type':'function_call',"
     "'arguments':{'x':1}},{'type':'custom_tool_call','input':7}],'status':null,'usage':{'input_tokens':"
     "'3','output_tokens':null,'input_tokens_details':[],'total_tokens':'x'}}",
     "call0(i)=({})call1=({'x':1})call2=({'input':''})finish(calls)usage(3,0,3,0,0,0)"},
    {"error", R, "{'error':{'message':'m','type':'invalid_request_error','param':'p','code':null}}",
     "error400(m)(invalid_request_error)param(p)"},
    {"an error of OpenRouter", R, "{'error':{'code':502,'message':'m','metadata':{'error_type':'t'}}}",
     "error502(m)(t)"},
    {"a chat answer", R, "{'choices':[{'message':{'content':'x'}}]}", NOT_ONE},

    {"G20 a trailing comma", M, "{'content':[],}", "!malformed JSON"},
    {"G20 not a number", G, "{'candidates':[],'usageMetadata':{'promptTokenCount':NaN}}", "!malformed JSON"},
    {"G21 numbers as they stand", M,
     "{'content':[{'type':'tool_use','id':'a','name':'f','input':{'n':9007199254740993, 'e':1e-7,'n':1.0}}],"
     "'stop_reason':'tool_use'}",
     "call0(a):(f)=({'n':9007199254740993, 'e':1e-7,'n':1.0})finish(calls)native(tool_use)"},
    {"G21 time as a text", R, "{'output':[],'status':'completed','created_at':'1763700000'}",
     "created1763700000finish(stop)native(completed)"},
    {"G21 time with a fraction", R, "{'output':[],'status':'completed','created_at':1763700000.25}",
     "created1763700000finish(stop)native(completed)"},
    {"G26 all in one", G,
     "{'candidates':[{'content':{'parts':[{'functionCall':{'name':'f','id':'k','args':'{}'}},{'text':'a'},{"
     "'text':'t','thought':true}]},'finishReason':'STOP'}]}",
     "text(a)reasoning(t)details([{'type':'reasoning.text','text':'t','format':'google-gemini-v1','index':0}])"
     "call0(k):(f)=({})finish(calls)native(STOP)"},
    {"G53 a prompt that is too long", M,
     "{'type':'error','error':{'type':'invalid_request_error','message':'prompt is too long: 9 > 8'}}",
     "error400(prompt is too long: 9 > 8)(invalid_request_error)"},
    {"G53 the same in Google's words", G,
     "{'error':{'code':400,'message':'The input token count (9) exceeds','status':'INVALID_ARGUMENT'}}",
     "error400(The input token count (9) exceeds)(INVALID_ARGUMENT)"},
    {"G53 and in OpenAI's", R,
     "{'error':{'message':'m','type':'invalid_request_error','code':'context_length_exceeded'}}",
     "error400(m)(invalid_request_error)code(context_length_exceeded)"},
    {"flat errors", M, "{'object':'error','message':'m','type':'t','code':'3280'}", "error0(m)(t)code(3280)"},
    {"a detail", G, "{'detail':[{'msg':'x'}]}", "error0([{'msg':'x'}])"},
    {"a fault", R, "{'fault':{'faultstring':'m'}}", "error0(m)"},
    {"G50 error as text", G, "{'error':'m'}", "error0(m)"},
    {"a number", M, "5", NOT_ONE},
    {"an empty array", G, "[]", NOT_ONE},
    {"an empty object", R, "{}", NOT_ONE},
    {"G52 nothing", M, "", "!input ended before it was complete"},
    {"G12 HTML", G, "<html>", "!malformed JSON"},
};

/* Expected in place of a hash over what has no other name. */
static void hide_hash(or_buf *log)
{
    or_str s = or_buf_str(log);
    size_t at = or_str_find(s, OR_STR("(call_"), 0), hash = at + 6;
    if (at == s.len || s.len < hash + 8 || or_str_find(s, OR_STR("id("), 0) == 0) return;
    memcpy(log->ptr + hash, "HASH", 4);
    memmove(log->ptr + hash + 4, log->ptr + hash + 8, log->len - hash - 8);
    log->len -= 4;
}

static or_err read_answer(or_dialect from, or_str in, or_arena *arena, or_buf *log)
{
    or_chat_answer a;
    or_err         e = or_dialect_read(from, in, arena, &a);
    or_buf_clear(log);
    if (e != OR_OK) {
        or_buf_put_char(log, '!');
        or_buf_put_z(log, or_err_text(e));
        return e;
    }
    CHECK(a.reasoning_details.ptr == NULL || or_json_check(a.reasoning_details, NULL) == OR_OK, "details");
    CHECK(a.annotations.ptr == NULL || or_json_check(a.annotations, NULL) == OR_OK, "annotations");
    log_answer(log, &a);
    return e;
}

/* The wanted log with its quotes. */
static or_str wanted(const char *want, char *mem)
{
    size_t n = strlen(want);
    for (size_t i = 0; i < n; i++) mem[i] = want[i] == '\'' ? '"' : want[i];
    return or_str_of(mem, n);
}

static void test_answers(void)
{
    static char memory[32768], log_mem[4096], want_mem[4096];
    for (size_t i = 0; i < COUNT(answers); i++) {
        const char *name = answers[i].name;
        or_dialect  from = answers[i].from;
        or_arena    arena;
        or_buf      log;
        or_str      in = test_exact(expand(answers[i].in, false));
        or_buf_init(&log, log_mem, sizeof log_mem);
        or_arena_init(&arena, memory, sizeof memory);
        or_err whole = read_answer(from, in, &arena, &log);
        hide_hash(&log);
        CHECK_STR(or_buf_str(&log), wanted(answers[i].want, want_mem), name);

        size_t need = arena.peak;
        for (size_t n = 0; n < need && whole == OR_OK; n += 8) { /* any smaller arena is too small */
            or_arena_init(&arena, memory, n);
            CHECK_ERR(read_answer(from, in, &arena, &log), OR_ERR_SPACE, name);
        }
        for (size_t n = 0; n < in.len && whole == OR_OK; n++) { /* no cut answer is an answer */
            or_str cut = test_exact(or_str_of(in.ptr, n));
            or_arena_init(&arena, memory, sizeof memory);
            CHECK_ERR(read_answer(from, cut, &arena, &log), OR_ERR_TRUNCATED, name);
            free((void *)(uintptr_t)cut.ptr);
        }
        free((void *)(uintptr_t)in.ptr);
    }
}

/* Chat answers, and their streams, are read as ever. */
static void test_chat(void)
{
    static const or_dialect same[] = {OR_DIALECT_CHAT, OR_DIALECT_TEXT};
    static char             memory[4096];
    or_arena                arena;
    or_chat_answer          a;
    or_dialect_stream       d;
    or_chat_stream          s;
    for (int i = 0; i < 2; i++) {
        or_arena_init(&arena, memory, sizeof memory);
        CHECK_ERR(or_dialect_read(same[i], OR_STR("{\"choices\":[{\"text\":\"x\"}]}"), &arena, &a),
                  OR_OK, "chat");
        CHECK_STR(a.text, OR_STR("x"), "chat");
        or_dialect_stream_init(&d, same[i]);
        or_chat_stream_init(&s);
        CHECK_ERR(or_dialect_stream_next(&d, &s, OR_STR("{\"choices\":[{\"text\":\"y\"}]}"), &arena, &a),
                  OR_OK, "chunk");
        CHECK_STR(a.text, OR_STR("y"), "chunk");
        CHECK(s.content, "chunk");
    }
    or_dialect wrong = (or_dialect)(OR_DIALECT_RESPONSES + 1);
    CHECK_ERR(or_dialect_read(wrong, OR_STR("{}"), &arena, &a), OR_ERR_ARG, "no dialect");
    or_dialect_stream_init(&d, wrong);
    or_chat_stream_init(&s);
    CHECK_ERR(or_dialect_stream_next(&d, &s, OR_STR("{}"), &arena, &a), OR_ERR_ARG, "no dialect");
}

/* ---- streams ---- */

#define START \
    "{'type':'message_start','message':{'id':'m1','type':'message','model':'c','content':[]," \
    "'stop_reason':null,'usage':{'input_tokens':9,'cache_read_input_tokens':100," \
    "'cache_creation_input_tokens':20,'cache_creation':{'ephemeral_1h_input_tokens':5}," \
    "'output_tokens':1}}}\n"
#define BLOCK(b)  "{'type':'content_block_start','index':0,'content_block':" b "}\n"
#define PIECE(d)  "{'type':'content_block_delta','index':0,'delta':" d "}\n"
#define ARGS(a)   PIECE("{'type':'input_json_delta','partial_json':'" a "'}")
#define CLOSE     "{'type':'content_block_stop','index':0}\n"
#define TOOL(id)  BLOCK("{'type':'tool_use','id':'" id "','name':'f','input':{}}")
#define TEXT(t)   PIECE("{'type':'text_delta','text':'" t "'}")
#define END(r)    "{'type':'message_delta','delta':{'stop_reason':'" r "'},'usage':{'output_tokens':7}}\n"
#define STOP      "{'type':'message_stop'}\n"
#define USED      "usage(129,7,136,100,20,0 1h5)"
#define CLAUDE    "'format':'anthropic-claude-v1','index':"

#define PARTS(p)  "{'candidates':[{'content':{'parts':[" p "],'role':'model'}}],'responseId':'r1'}\n"
#define LAST(p, f) \
    "{'candidates':[{'content':{'parts':[" p "]},'finishReason':'" f "'}],'responseId':'r1'}\n"
#define GOOGLE    "'format':'google-gemini-v1','index':"

#define EV(type, rest) "{'type':'response." type "','sequence_number':3" rest "}\n"
#define ITEM(i, item)  EV("output_item.added", ",'output_index':" i ",'item':" item)
#define ITEM_DONE(i, item) EV("output_item.done", ",'output_index':" i ",'item':" item)
#define FUNCTION(id) "{'type':'function_call','id':'fc_" id "','call_id':'" id "','name':'f','arguments':''}"
#define COMPLETED \
    EV("completed", ",'response':{'status':'completed','usage':{'input_tokens':1,'output_tokens':2}}")
#define ENDED     "donefinish(stop)native(completed)usage(1,2,3,0,0,0)|"
#define ENDED_CALLS "donefinish(calls)native(completed)usage(1,2,3,0,0,0)|"

static const struct {
    const char *name;
    or_dialect  from;
    const char *in, *want; /* want: the log of each event, or '!' and the error's text */
    or_end      end;       /* when the HTTP body was complete */
} streams[] = {
    {"message", M,
     START "{'type':'ping'}\n" BLOCK("{'type':'thinking','thinking':'','signature':''}")
     PIECE("{'type':'thinking_delta','thinking':'t\\n'}") PIECE("{'type':'signature_delta','signature':'Eq'}")
     CLOSE BLOCK("{'type':'text','text':''}") TEXT("a") TEXT("") TEXT("b") CLOSE END("end_turn") STOP,
     "id(m1)model(c)|||reasoning(t\n)details([{'type':'reasoning.text','text':'t\\n'," CLAUDE "0}])|"
     "details([{'type':'reasoning.text','signature':'Eq'," CLAUDE "0}])|||text(a)||text(b)||"
     "finish(stop)native(end_turn)" USED "|done|", OR_END_COMPLETE},
    {"calls", M,
     START TOOL("a") ARGS("") ARGS("{\\'x\\':") ARGS("1}") CLOSE TOOL("b") ARGS("") CLOSE TOOL("c") CLOSE
     END("tool_use") STOP,
     "id(m1)model(c)|call0(a):(f)=()||call0=({'x':)|call0=(1})||call1(b):(f)=()||call1=({})|"
     "call2(c):(f)=()|call2=({})|finish(calls)native(tool_use)" USED "|done|", OR_END_COMPLETE},
    {"call after text and thoughts", M,
     BLOCK("{'type':'thinking','thinking':'x'}") CLOSE BLOCK("{'type':'redacted_thinking','data':'R'}") CLOSE
     BLOCK("{'type':'text','text':'a'}") CLOSE TOOL("a") CLOSE,
     "reasoning(x)details([{'type':'reasoning.text','text':'x'," CLAUDE "0}])||"
     "details([{'type':'reasoning.encrypted','data':'R'," CLAUDE "1}])||text(a)||call0(a):(f)=()|"
     "call0=({})|", OR_END_TRUNCATED},
    {"G35 arguments with the start", M,
     BLOCK("{'type':'tool_use','id':'a','name':'or--q-2E','input':{'x':1}}") ARGS("{\\'x\\':1}") CLOSE
     END("tool_use") STOP,
     "call0(a):(q.)=({'x':1})|||finish(calls)native(tool_use)usage(0,7,7,0,0,0)|done|", OR_END_COMPLETE},
    {"a block without its stop", M, TOOL("a") BLOCK("{'type':'thinking'}") TOOL("b") END("tool_use"),
     "call0(a):(f)=()|call0=({})|call1(b):(f)=()|call1=({})finish(calls)native(tool_use)"
     "usage(0,7,7,0,0,0)|", OR_END_COMPLETE},
    {"G17 fragments inside an escape", M, TOOL("a") ARGS("{\\'x\\':\\'\\\\") ARGS("u00e9\\'}") CLOSE,
     "call0(a):(f)=()|call0=({'x':'\\)|call0=(u00e9'})||", OR_END_TRUNCATED},
    {"G16 a cut pair of surrogates", M, TOOL("a") ARGS("\\ud83d") ARGS("\\ude00"),
     "call0(a):(f)=()|call0=(\357\277\275)|call0=(\357\277\275)|", OR_END_TRUNCATED},
    {"thoughts without their start", M,
     PIECE("{'type':'thinking_delta','thinking':'x'}") CLOSE PIECE("{'type':'thinking_delta','thinking':'y'}"),
     "reasoning(x)details([{'type':'reasoning.text','text':'x'," CLAUDE "0}])||"
     "reasoning(y)details([{'type':'reasoning.text','text':'y'," CLAUDE "1}])|", OR_END_TRUNCATED},
    {"arguments of no block", M, ARGS("1") END("end_turn") STOP,
     NOT_ONE "|finish(stop)native(end_turn)usage(0,7,7,0,0,0)|done|", OR_END_COMPLETE},
    {"a tool of the server", M,
     BLOCK("{'type':'server_tool_use','id':'s','name':'web_search','input':{}}") ARGS("{}") CLOSE
     BLOCK("{'type':'web_search_tool_result','content':[{'url':'u'}]}") CLOSE
     BLOCK("{'type':'text','text':''}")
     PIECE("{'type':'citations_delta','citation':{'url':'u','title':'t','cited_text':'c'}}")
     PIECE("{'type':'citations_delta','citation':{'document_index':1}}") TEXT("x") CLOSE,
     "||||||annotations([{'type':'url_citation','url_citation':{'url':'u','title':'t','content':'c'}}])||"
     "text(x)||", OR_END_TRUNCATED},
    {"G47 refusal", M,
     START "{'type':'message_delta','delta':{'stop_reason':'refusal','stop_details':{'explanation':'no'}}}\n"
     STOP, "id(m1)model(c)|refusal(no)finish(filter)native(refusal)|done|", OR_END_COMPLETE},
    {"G47 refusal after text", M,
     BLOCK("{'type':'text'}") TEXT("a") CLOSE
     "{'type':'message_delta','delta':{'stop_reason':'refusal','stop_details':{'explanation':'no'}}}\n",
     "|text(a)||finish(filter)native(refusal)|", OR_END_COMPLETE},
    {"G48 nulls at the end", M,
     START "{'type':'message_delta','delta':{'stop_reason':'end_turn'},'usage':{'input_tokens':null,"
     "'cache_read_input_tokens':null,'cache_creation':null,'output_tokens':50,'output_tokens_details':"
     "{'thinking_tokens':8},'cost':0.5}}\n" STOP,
     "id(m1)model(c)|finish(stop)native(end_turn)usage(129,50,179,100,20,8 1h5$0.5)|done|", OR_END_COMPLETE},
    {"G48 input again", M,
     START "{'type':'message_delta','delta':{},'usage':{'input_tokens':3,'output_tokens':5,"
     "'cache_read_input_tokens':0,'cache_creation_input_tokens':0,'cache_creation':{"
     "'ephemeral_1h_input_tokens':0}}}\n" END("max_tokens") STOP,
     "id(m1)model(c)|usage(3,5,8,0,0,0)|finish(length)native(max_tokens)usage(3,7,10,0,0,0)|done|",
     OR_END_COMPLETE},
    {"G48 a count that cannot be read", M,
     "{'type':'message_start','message':{'usage':{'input_tokens':'x'}}}\n" END("end_turn") STOP,
     "|finish(stop)native(end_turn)|done|", OR_END_COMPLETE},
    {"OpenRouter's start", M, "{'type':'message_start','message':{'id':'g','provider':'P'}}\n",
     "id(g)provider(P)|", OR_END_TRUNCATED},
    {"no message_stop", M, START TEXT("a") END("end_turn"),
     "id(m1)model(c)|text(a)|finish(stop)native(end_turn)" USED "|", OR_END_COMPLETE},
    {"no message_delta", M, START TEXT("a") STOP, "id(m1)model(c)|text(a)|done|", OR_END_TRUNCATED},
    {"G29 no reason", M, START TEXT("a") "{'type':'message_delta','delta':{'stop_reason':null}}\n",
     "id(m1)model(c)|text(a)||", OR_END_TRUNCATED},
    {"after the end", M, END("end_turn") STOP TEXT("x") "[DONE]\n",
     "finish(stop)native(end_turn)usage(0,7,7,0,0,0)|done|||", OR_END_COMPLETE},
    {"[DONE] instead of message_stop", M, END("end_turn") " [DONE] \n" TEXT("x"),
     "finish(stop)native(end_turn)usage(0,7,7,0,0,0)|done||", OR_END_COMPLETE},
    {"G50 error first", M, "{'type':'error','error':{'type':'overloaded_error','message':'m'}}\n",
     "error529(m)(overloaded_error)|", OR_END_ERROR},
    {"G50 error after content", M,
     START TEXT("a") "{'type':'error','error':{'type':'rate_limit_error','message':'m'},'request_id':'r'}\n",
     "id(m1)model(c)|text(a)|error429(m)(rate_limit_error)|", OR_END_ERROR},
    {"G50 error null", M, "{'type':'ping','error':null}\n" END("end_turn"),
     "|finish(stop)native(end_turn)usage(0,7,7,0,0,0)|", OR_END_COMPLETE},
    {"G50 error as text", M, "{'error':'over'}\n", "error0(over)|", OR_END_ERROR},
    {"unknown events", M,
     "{'type':'compaction','message':'hm'}\n" PIECE("{'type':'compaction_delta','x':1}")
     BLOCK("{'type':'compaction'}") END("compaction"),
     "|||finish(stop)native(compaction)usage(0,7,7,0,0,0)|", OR_END_COMPLETE},
    {"of another shape", M, "{'choices':[{'delta':{'content':'x'}}]}\n[]\n7\n{'type':\n" END("end_turn"),
     NOT_ONE "|" NOT_ONE "|" NOT_ONE "|!input ended before it was complete|finish(stop)native(end_turn)"
     "usage(0,7,7,0,0,0)|", OR_END_COMPLETE},
    {"odd types", M,
     "{'type':'message_start','message':null}\n{'type':'message_start','message':{'id':3,'usage':[]}}\n"
     "{'type':'content_block_start'}\n" BLOCK("[]") PIECE("null") PIECE("{'type':'text_delta','text':1}")
     PIECE("{'type':'thinking_delta'}") PIECE("{'type':'signature_delta','signature':null}")
     PIECE("{'type':'citations_delta','citation':'x'}") BLOCK("{'type':'tool_use','input':7}")
     ARGS("\\u0001") "{'type':'message_delta','delta':[],'usage':'x'}\n",
     "|||||||||call0=()|call0=(\1)||", OR_END_TRUNCATED},

    {"generated", G,
     PARTS("{'text':'t1','thought':true}") PARTS("{'text':'t2','thought':true,'thoughtSignature':'S'}")
     PARTS("{'text':'a'}") "{'candidates':[{'content':{'parts':[{'text':'b'}]},'finishReason':'STOP'}],"
     "'usageMetadata':{'promptTokenCount':3,'candidatesTokenCount':2,'thoughtsTokenCount':4,"
     "'totalTokenCount':9},'modelVersion':'g'}\n",
     "id(r1)reasoning(t1)details([{'type':'reasoning.text','text':'t1'," GOOGLE "0}])|id(r1)reasoning(t2)"
     "details([{'type':'reasoning.text','text':'t2'," GOOGLE "0},{'type':'reasoning.encrypted','data':'S',"
     GOOGLE "1}])|id(r1)text(a)|model(g)text(b)finish(stop)native(STOP)usage(3,6,9,0,0,4)|", OR_END_COMPLETE},
    {"G27 thoughts after content", G,
     PARTS("{'text':'t','thought':true}") PARTS("{'text':'a'}") PARTS("{'text':'u','thought':true}")
     LAST("{'text':'','thoughtSignature':'S'}", "STOP"),
     "id(r1)reasoning(t)details([{'type':'reasoning.text','text':'t'," GOOGLE "0}])|id(r1)text(a)|id(r1)"
     "reasoning(u)details([{'type':'reasoning.text','text':'u'," GOOGLE "1}])|id(r1)details([{'type':"
     "'reasoning.encrypted','data':'S'," GOOGLE "2}])finish(stop)native(STOP)|", OR_END_COMPLETE},
    {"calls in several events", G,
     PARTS("{'functionCall':{'name':'f','args':{}},'thoughtSignature':'S'}")
     PARTS("{'functionCall':{'name':'g','id':'k','args':{'x':1}}}") LAST("", "STOP"),
     "id(r1)details([{'type':'reasoning.encrypted','data':'S','id':'call_160c216a_0'," GOOGLE "0}])"
     "call0(call_160c216a_0):(f)=({})+({'google':{'thought_signature':'S'}})|id(r1)call1(k):(g)=({'x':1})|"
     "id(r1)finish(calls)native(STOP)|", OR_END_COMPLETE},
    {"G48 usage in every event", G,
     "{'candidates':[{'content':{'parts':[{'text':'a'}]}}],'usageMetadata':{'promptTokenCount':3}}\n"
     "{'candidates':[{'finishReason':'MAX_TOKENS'}],'usageMetadata':{'promptTokenCount':3,"
     "'candidatesTokenCount':5}}\n{'usageMetadata':{'promptTokenCount':3,'candidatesTokenCount':6}}\n",
     "text(a)usage(3,0,3,0,0,0)|finish(length)native(MAX_TOKENS)usage(3,5,8,0,0,0)|usage(3,6,9,0,0,0)|",
     OR_END_COMPLETE},
    {"G29 no finish reason", G, PARTS("{'text':'a'}"), "id(r1)text(a)|", OR_END_TRUNCATED},
    {"G47 blocked", G, "{'promptFeedback':{'blockReason':'PROHIBITED_CONTENT'},'responseId':'r1'}\n",
     "id(r1)refusal(The prompt was blocked: PROHIBITED_CONTENT)finish(filter)native(PROHIBITED_CONTENT)|",
     OR_END_COMPLETE},
    {"G47 malformed call", G, LAST("", "MALFORMED_FUNCTION_CALL"),
     "id(r1)finish(error)native(MALFORMED_FUNCTION_CALL)|", OR_END_ERROR},
    {"malformed call after thoughts", G,
     PARTS("{'text':'t','thought':true}") LAST("", "MALFORMED_FUNCTION_CALL"),
     "id(r1)reasoning(t)details([{'type':'reasoning.text','text':'t'," GOOGLE "0}])|"
     "id(r1)finish(error)native(MALFORMED_FUNCTION_CALL)|", OR_END_ERROR},
    {"malformed call after text", G, PARTS("{'text':'a'}") LAST("", "MALFORMED_FUNCTION_CALL"),
     "id(r1)text(a)|id(r1)finish(stop)native(MALFORMED_FUNCTION_CALL)|", OR_END_COMPLETE},
    {"malformed call after a call", G, LAST("{'functionCall':{'name':'f','id':'k'}}", "TOO_MANY_TOOL_CALLS"),
     "id(r1)call0(k):(f)=({})finish(calls)native(TOO_MANY_TOOL_CALLS)|", OR_END_COMPLETE},
    {"no image after an image", G, LAST("{'inlineData':{'mimeType':'image/png','data':'QQ'}}", "NO_IMAGE"),
     "id(r1)image(data:image/png;base64,QQ)finish(stop)native(NO_IMAGE)|", OR_END_COMPLETE},
    {"G50 error after content", G,
     PARTS("{'text':'a'}") "[{'error':{'code':503,'message':'m','status':'UNAVAILABLE'}}]\n",
     "id(r1)text(a)|error503(m)(UNAVAILABLE)|", OR_END_ERROR},
    {"G24 of another shape", G, "{'type':'ping'}\n{'candidates':null}\n" LAST("", "STOP"),
     NOT_ONE "||id(r1)finish(stop)native(STOP)|", OR_END_COMPLETE},
    {"G23 candidates empty", G, "{'candidates':[]}\n{'candidates':{}}\n" LAST("", "FINISH_REASON_UNSPECIFIED"),
     "||id(r1)native(FINISH_REASON_UNSPECIFIED)|", OR_END_TRUNCATED},
    {"G25 other candidates", G,
     "{'candidates':[{'index':1,'content':{'parts':[{'text':'b'}]},'finishReason':'STOP'}]}\n"
     "{'candidates':[{'index':0,'content':{'parts':[{'text':'a'}]}}]}\n", "|text(a)|", OR_END_TRUNCATED},

    {"response", R,
     EV("created", ",'response':{'id':'resp_1','model':'m','created_at':5,'status':'in_progress','error':null,"
        "'usage':null,'output':[]}")
     EV("in_progress", ",'response':{'id':'resp_1'}") ITEM("0", "{'type':'reasoning','id':'rs_1','summary':[]}")
     EV("reasoning_summary_part.added", ",'part':{'text':''}")
     EV("reasoning_summary_text.delta", ",'delta':'s'") EV("reasoning_summary_text.done", ",'text':'s'")
     ITEM_DONE("0", "{'type':'reasoning','id':'rs_1','summary':[{'text':'s'}],'encrypted_content':'E'}")
     ITEM("1", "{'type':'message','content':[]}") EV("content_part.added", ",'part':{'text':''}")
     EV("output_text.delta", ",'delta':'a','logprobs':[]") EV("output_text.delta", ",'delta':'b'")
     EV("output_text.annotation.added", ",'annotation':{'type':'url_citation','url':'u'}")
     EV("output_text.done", ",'text':'ab'")
     ITEM_DONE("1", "{'type':'message','content':[{'type':'output_text','text':'ab'}]}") COMPLETED "[DONE]\n",
     "id(resp_1)model(m)created5|id(resp_1)|||reasoning(s)details([{'type':'reasoning.summary','summary':'s',"
     "'format':'openai-responses-v1','index':0}])||details([{'type':'reasoning.encrypted','data':'E','id':"
     "'rs_1','format':'openai-responses-v1','index':0}])|||text(a)|text(b)|annotations([{'type':"
     "'url_citation','url_citation':{'url':'u'}}])|||" ENDED "|", OR_END_COMPLETE},
    {"G31 interleaved calls", R,
     ITEM("0", FUNCTION("a")) ITEM("1", FUNCTION("b"))
     EV("function_call_arguments.delta", ",'output_index':1,'item_id':'fc_b','delta':'{'")
     EV("function_call_arguments.delta", ",'output_index':0,'item_id':'fc_a','delta':'{\\'x'")
     EV("function_call_arguments.delta", ",'output_index':1,'item_id':'other','delta':'}'")
     EV("function_call_arguments.delta", ",'output_index':0,'item_id':'fc_a','delta':'\\':1}'")
     EV("function_call_arguments.done", ",'output_index':0,'arguments':'{\\'x\\':1}'")
     ITEM_DONE("0", "{'type':'function_call','id':'fc_a','call_id':'a','arguments':'{\\'x\\':1}'}")
     ITEM_DONE("1", "{'type':'function_call','id':'fc_b','call_id':'b','arguments':'{}'}") COMPLETED,
     "call0(a):(f)=()|call1(b):(f)=()|call1=({)|call0=({'x)|call1=(})|call0=(':1})||||" ENDED_CALLS,
     OR_END_COMPLETE},
    {"G32 calls without output_index", R,
     EV("output_item.added", ",'item':" FUNCTION("a")) EV("output_item.added", ",'item':" FUNCTION("b"))
     EV("function_call_arguments.delta", ",'item_id':'fc_a','delta':'1'")
     EV("function_call_arguments.delta", ",'item_id':'fc_b','delta':'2'")
     EV("function_call_arguments.delta", ",'delta':'3'")
     EV("function_call_arguments.delta", ",'item_id':'who','delta':'4'") COMPLETED,
     "call0(a):(f)=()|call1(b):(f)=()|call0=(1)|call1=(2)|call1=(3)||" ENDED_CALLS, OR_END_COMPLETE},
    {"G32 one index for all calls", R,
     ITEM("0", FUNCTION("a")) EV("function_call_arguments.delta", ",'output_index':0,'delta':'1'")
     ITEM("0", FUNCTION("b")) EV("function_call_arguments.delta", ",'output_index':0,'delta':'2'")
     ITEM("0", FUNCTION("b")) COMPLETED,
     "call0(a):(f)=()|call0=(1)|call1(b):(f)=()|call1=(2)||" ENDED_CALLS, OR_END_COMPLETE},
    {"G35 arguments never as deltas", R,
     ITEM("0", FUNCTION("a")) ITEM_DONE("0", "{'type':'function_call','id':'fc_a','arguments':'{\\'x\\':1}'}")
     ITEM_DONE("1", "{'type':'function_call','call_id':'b','name':'or--g-2E','arguments':''}")
     ITEM_DONE("1", "{'type':'function_call','call_id':'b','name':'g','arguments':''}") COMPLETED,
     "call0(a):(f)=()|call0=({'x':1})|call1(b):(g.)=({})||" ENDED_CALLS, OR_END_COMPLETE},
    {"arguments only at the end", R,
     ITEM("0", FUNCTION("a")) ITEM("1", FUNCTION("b"))
     EV("function_call_arguments.delta", ",'output_index':1,'delta':'{}'")
     EV("done", ",'response':{'output':[{'type':'message','content':[{'text':'no'}]},{'type':'function_call',"
        "'call_id':'a','arguments':'{\\'x\\':1}'},{'type':'function_call','call_id':'b','arguments':'{}'},"
        "{'type':'function_call','call_id':'c','arguments':'{}'}]}"),
     "call0(a):(f)=()|call1(b):(f)=()|call1=({})|donecall0=({'x':1})finish(calls)native(done)|", OR_END_COMPLETE},
    {"all at the end", R,
     EV("completed", ",'response':{'status':'completed','output':[{'type':'reasoning','summary':[{'text':'s'}]},"
        "{'type':'message','content':[{'text':'a'}]},{'type':'function_call','call_id':'c','name':'f'},{'type':"
        "'custom_tool_call','call_id':'d','name':'g','input':'i'}]}"),
     "donetext(a)reasoning(s)details([{'type':'reasoning.summary','summary':'s','format':"
     "'openai-responses-v1','index':0}])call0(c):(f)=({})call1(d):(g)=({'input':'i'})finish(calls)"
     "native(completed)|", OR_END_COMPLETE},
    {"calls without their ends", R,
     ITEM("0", FUNCTION("a")) ITEM("1", "{'type':'custom_tool_call','call_id':'b','name':'g'}")
     EV("custom_tool_call_input.delta", ",'output_index':1,'delta':'x'") ITEM("2", FUNCTION("c"))
     EV("function_call_arguments.delta", ",'output_index':2,'delta':'{}'") COMPLETED,
     "call0(a):(f)=()|call1(b):(g)=({'input':')|call1=(x)|call2(c):(f)=()|call2=({})|"
     "donecall0=({})call1=('})finish(calls)native(completed)usage(1,2,3,0,0,0)|", OR_END_COMPLETE},
    {"calls that were cut", R,
     ITEM("0", FUNCTION("a")) EV("incomplete", ",'response':{'incomplete_details':{'reason':'max_output_tokens'}}"),
     "call0(a):(f)=()|donefinish(length)native(max_output_tokens)|", OR_END_COMPLETE},
    {"a custom tool", R,
     ITEM("0", "{'type':'custom_tool_call','id':'ct_a','call_id':'a','name':'g','input':''}")
     EV("custom_tool_call_input.delta", ",'output_index':0,'delta':'x\\'\\n'")
     EV("custom_tool_call_input.delta", ",'output_index':0,'delta':'y'")
     EV("custom_tool_call_input.done", ",'output_index':0,'input':'x\\'\\ny'")
     ITEM_DONE("0", "{'type':'custom_tool_call','id':'ct_a','call_id':'a','name':'g','input':'x\\'\\ny'}")
     ITEM("1", "{'type':'custom_tool_call','id':'ct_b','call_id':'b','name':'g','input':''}")
     ITEM_DONE("1", "{'type':'custom_tool_call','id':'ct_b','call_id':'b','name':'g','input':'z'}") COMPLETED,
     "call0(a):(g)=({'input':')|call0=(x\\'\\n)|call0=(y)||call0=('})|call1(b):(g)=({'input':')|call1=(z'})|"
     ENDED_CALLS, OR_END_COMPLETE},
    {"texts never as deltas", R,
     ITEM_DONE("0", "{'type':'reasoning','summary':[{'text':'s'}]}")
     ITEM_DONE("1", "{'type':'message','content':[{'type':'output_text','text':'a'}]}")
     ITEM_DONE("2", "{'type':'message','content':[{'type':'refusal','refusal':'r'}]}")
     EV("refusal.delta", ",'delta':'q'")
     ITEM_DONE("3", "{'type':'message','content':[{'type':'refusal','refusal':'q'}]}") COMPLETED,
     "reasoning(s)details([{'type':'reasoning.summary','summary':'s','format':'openai-responses-v1','index':0}"
     "])|text(a)|refusal(r)|refusal(q)||" ENDED, OR_END_COMPLETE},
    {"several messages open at once", R,
     EV("output_text.delta", ",'output_index':0,'delta':'a'") ITEM("1", FUNCTION("a"))
     EV("output_text.delta", ",'output_index':2,'delta':'b'")
     EV("reasoning_text.delta", ",'output_index':3,'delta':'s'")
     EV("refusal.delta", ",'output_index':127,'delta':'q'")
     ITEM_DONE("0", "{'type':'message','content':[{'text':'a'}]}")
     ITEM_DONE("127", "{'type':'message','content':[{'refusal':'q'}]}")
     ITEM_DONE("2", "{'type':'message','content':[{'text':'b'}]}")
     ITEM_DONE("3", "{'type':'reasoning','content':[{'text':'s'}]}")
     ITEM_DONE("4", "{'type':'message','content':[{'text':'c'}]}")
     EV("output_text.delta", ",'output_index':128,'delta':'d'")
     ITEM_DONE("128", "{'type':'message','content':[{'text':'d'}]}") COMPLETED,
     "text(a)|call0(a):(f)=()|text(b)|reasoning(s)details([{'type':'reasoning.text','text':'s','format':"
     "'openai-responses-v1','index':0}])|refusal(q)|||||text(c)|text(d)||donecall0=({})finish(calls)native("
     "completed)usage(1,2,3,0,0,0)|",
     OR_END_COMPLETE},
    {"old names", R,
     EV("content_part.delta", ",'delta':'a'") EV("content_part.delta", ",'delta':{'type':'output_text','text':'b'}")
     EV("reasoning_text.delta", ",'delta':'r'") EV("done", ",'response':{'status':'completed'}"),
     "text(a)|text(b)|reasoning(r)details([{'type':'reasoning.text','text':'r','format':'openai-responses-v1',"
     "'index':0}])|donefinish(stop)native(completed)|", OR_END_COMPLETE},
    {"G28 incomplete", R,
     EV("output_text.delta", ",'delta':'a'")
     EV("incomplete", ",'response':{'status':'incomplete','incomplete_details':{'reason':'max_output_tokens'}}"),
     "text(a)|donefinish(length)native(max_output_tokens)|", OR_END_COMPLETE},
    {"failed", R,
     EV("output_text.delta", ",'delta':'a'")
     EV("failed", ",'response':{'status':'failed','error':{'code':'server_error','message':'m'},'error_type':"
        "'provider_unavailable'}"),
     "text(a)|donefinish(error)native(failed)error500(m)(provider_unavailable)code(server_error)|", OR_END_ERROR},
    {"an error", R,
     "{'type':'error','sequence_number':3,'code':'rate_limit_exceeded','message':'m','param':'p'}\n",
     "error429(m)(rate_limit_exceeded)param(p)|", OR_END_ERROR},
    {"an error in an object", R, "{'type':'error','error':{'code':null,'message':'m'}}\n", "error0(m)|",
     OR_END_ERROR},
    {"no end", R, EV("output_text.delta", ",'delta':'a'") "[DONE]\n", "text(a)|done|", OR_END_TRUNCATED},
    {"an image", R, ITEM_DONE("0", "{'type':'image_generation_call','result':'QQ'}") COMPLETED,
     "image(data:image/png;base64,QQ)|" ENDED, OR_END_COMPLETE},
    {"unknown events", R,
     EV("web_search_call.searching", "") EV("output_text.delta.x", ",'delta':'n'") "{'type':'keepalive'}\n"
     "{'type':'response.'}\n" COMPLETED, "||||" ENDED, OR_END_COMPLETE},
    {"of another shape", R, "{}\n{'choices':[]}\n{'type':null}\n" COMPLETED,
     NOT_ONE "|" NOT_ONE "|" NOT_ONE "|" ENDED, OR_END_COMPLETE},
    {"odd types", R,
     EV("created", ",'response':[]") EV("output_text.delta", ",'delta':7") EV("output_item.added", "")
     ITEM("-1", "{'type':'function_call'}") ITEM("'0'", "{'type':'function_call','call_id':1,'id':[]}")
     EV("function_call_arguments.delta", ",'output_index':1.5,'delta':'x'")
     EV("function_call_arguments.delta", ",'delta':{}") ITEM_DONE("0", "null") EV("completed", ",'response':null"),
     "|||call0=()|call1=()|call1=(x)|||donecall0=({})finish(calls)native(completed)|", OR_END_COMPLETE},
};

typedef struct replay {
    or_buf            carry, log;
    or_sse            sse;
    or_chat_stream    stream;
    or_dialect_stream dialect;
    char              carry_mem[2048], log_mem[4096];
} replay;

static void begin(replay *r, or_dialect from)
{
    or_buf_init(&r->carry, r->carry_mem, sizeof r->carry_mem);
    or_buf_init(&r->log, r->log_mem, sizeof r->log_mem);
    or_sse_init(&r->sse, &r->carry);
    or_chat_stream_init(&r->stream);
    or_dialect_stream_init(&r->dialect, from);
}

static bool same_state(const replay *r, const or_dialect_stream *d, const or_chat_stream *s)
{
    return memcmp(&r->dialect, d, sizeof *d) == 0 && memcmp(&r->stream, s, offsetof(or_chat_stream, calls)) == 0;
}

/* An arena that is too small is an error that changes nothing. */
static void starve(replay *r, or_str data)
{
    static char             memory[16384];
    const or_dialect_stream dialect = r->dialect;
    const or_chat_stream    stream = r->stream;
    or_arena                arena;
    or_chat_delta           d;
    or_arena_init(&arena, memory, sizeof memory);
    or_err whole = or_dialect_stream_next(&r->dialect, &r->stream, data, &arena, &d);
    r->dialect = dialect;
    r->stream = stream;
    size_t need = arena.peak;
    for (size_t n = 0; n < need && whole == OR_OK; n += 8) {
        or_arena_init(&arena, memory, n);
        CHECK_ERR(or_dialect_stream_next(&r->dialect, &r->stream, data, &arena, &d), OR_ERR_SPACE, "starved");
        CHECK(same_state(r, &dialect, &stream), "an error leaves the state");
        CHECK(d.num_tool_calls == 0 && d.num_images == 0 && d.text.ptr == NULL, "an error gives nothing");
    }
}

static void feed(replay *r, const char *data, size_t len, bool starved)
{
    static char   memory[16384];
    or_arena      arena;
    or_sse_event  ev;
    or_chat_delta d;
    or_str        exact = test_exact(or_str_of(data, len)), in = exact;
    while (or_sse_next(&r->sse, &in, &ev) == OR_OK) {
        if (starved) starve(r, ev.data);
        or_arena_init(&arena, memory, sizeof memory);
        or_err e = or_dialect_stream_next(&r->dialect, &r->stream, ev.data, &arena, &d);
        if (e != OR_OK) {
            or_buf_put_char(&r->log, '!');
            or_buf_put_z(&r->log, or_err_text(e));
        }
        log_answer(&r->log, &d);
        or_buf_put_char(&r->log, '|');
    }
    free((void *)(uintptr_t)exact.ptr);
}

static void test_streams(void)
{
    static replay r;
    static char   want_mem[4096];
    for (size_t i = 0; i < COUNT(streams); i++) {
        const char *name = streams[i].name;
        or_str      in = expand(streams[i].in, true), want = wanted(streams[i].want, want_mem);
        for (size_t n = 0; n <= in.len; n++) {
            begin(&r, streams[i].from);
            feed(&r, in.ptr, n, n == in.len);
            or_end cut = or_chat_stream_end(&r.stream, false);
            CHECK(cut != OR_END_COMPLETE || r.stream.done, name);
            CHECK(or_chat_stream_end(&r.stream, true) != OR_END_COMPLETE ||
                      r.stream.finish != OR_FINISH_NONE, name);
            feed(&r, in.ptr + n, in.len - n, false);
            CHECK_STR(or_buf_str(&r.log), want, name);
            CHECK(or_chat_stream_end(&r.stream, true) == streams[i].end, name);
        }
    }
}

/* What stands in an or_chat_stream after a stream, as after one of chat. */
static void test_state(void)
{
    static replay r;
    or_str in = expand(START TOOL("a") CLOSE TEXT("a") END("tool_use") STOP, true);
    begin(&r, OR_DIALECT_MESSAGES);
    feed(&r, in.ptr, in.len, false);
    CHECK(r.stream.done && r.stream.content && !r.stream.error, "flags");
    CHECK(r.stream.num_calls == 1 && r.stream.finish == OR_FINISH_TOOL_CALLS, "calls and finish");
    CHECK(r.stream.usage.set && r.stream.usage.prompt_tokens == 129, "usage");
    in = expand(START, true);
    begin(&r, OR_DIALECT_MESSAGES);
    feed(&r, in.ptr, in.len, false);
    CHECK(!r.stream.usage.set && !r.stream.content && !r.stream.done, "G49 nothing at the start");
}

/* At most OR_CHAT_MAX_CALLS calls; one more leaves the rest as it was. */
static void test_many_calls(void)
{
    static const struct {
        or_dialect  from;
        const char *event;
    } calls[] = {
        {OR_DIALECT_MESSAGES, BLOCK("{'type':'tool_use','id':'a','name':'f','input':{'x':1}}")},
        {OR_DIALECT_GEMINI, PARTS("{'functionCall':{'name':'f'}}")},
        {OR_DIALECT_RESPONSES, EV("output_item.done", ",'output_index':#,'item':" FUNCTION("a"))},
    };
    static char memory[16384], text[1024];
    for (size_t k = 0; k < COUNT(calls); k++) {
        or_chat_stream    s;
        or_dialect_stream d;
        or_chat_delta     delta;
        or_arena          arena;
        or_chat_stream_init(&s);
        or_dialect_stream_init(&d, calls[k].from);
        for (int i = 0; i <= OR_CHAT_MAX_CALLS; i++) {
            or_str in = expand(calls[k].event, false);
            size_t at = or_str_find(in, OR_STR("#"), 0), rest = at < in.len ? at + 1 : at;
            snprintf(text, sizeof text, "%.*s%d%.*s", (int)at, in.ptr, i, (int)(in.len - rest),
                     in.ptr + rest);
            if (at == in.len) snprintf(text, sizeof text, "%.*s", (int)in.len, in.ptr);
            or_arena_init(&arena, memory, sizeof memory);
            CHECK_ERR(or_dialect_stream_next(&d, &s, or_str_z(text), &arena, &delta),
                      i < OR_CHAT_MAX_CALLS ? OR_OK : OR_ERR_TOKENS, "calls");
            CHECK(delta.num_tool_calls == (i < OR_CHAT_MAX_CALLS ? 1 : 0), "no call without a place");
            CHECK(s.num_calls == (uint32_t)(i < OR_CHAT_MAX_CALLS ? i + 1 : i), "calls are counted");
        }
    }
}

/* A whole answer may have more. */
static void test_more_calls(void)
{
    static const struct {
        or_dialect  from;
        const char *begin, *call, *end;
    } wholes[] = {
        {M, "{'content':[", "{'type':'tool_use','id':'a','name':'f'}", "]}"},
        {G, "{'candidates':[{'content':{'parts':[", "{'functionCall':{'name':'f'}}", "]}}]}"},
        {R, "{'output':[", FUNCTION("a"), "]}"},
    };
    static char memory[1 << 17], body_mem[16384];
    for (size_t k = 0; k < COUNT(wholes); k++) {
        or_buf         body;
        or_arena       arena;
        or_chat_answer a;
        or_buf_init(&body, body_mem, sizeof body_mem);
        or_buf_put_str(&body, expand(wholes[k].begin, false));
        for (int i = 0; i < 2 * OR_CHAT_MAX_CALLS; i++) {
            if (i > 0) or_buf_put_char(&body, ',');
            or_buf_put_str(&body, expand(wholes[k].call, false));
        }
        or_buf_put_str(&body, expand(wholes[k].end, false));
        or_arena_init(&arena, memory, sizeof memory);
        CHECK_ERR(or_dialect_read(wholes[k].from, or_buf_str(&body), &arena, &a), OR_OK, "many calls");
        CHECK(a.num_tool_calls == 2 * OR_CHAT_MAX_CALLS, "many calls");
        CHECK(a.num_tool_calls > 0 && a.tool_calls[a.num_tool_calls - 1].index == a.num_tool_calls - 1,
              "dense indexes");
    }
}

/* G19: NUL is a character like others, in what is read and in what is made of it. */
static void test_nul(void)
{
    static char    memory[4096];
    or_arena       arena;
    or_chat_answer a;
    or_arena_init(&arena, memory, sizeof memory);
    or_str in = expand("{'content':[{'type':'text','text':'a\\u0000b'}]}", false);
    CHECK_ERR(or_dialect_read(M, in, &arena, &a), OR_OK, "G19");
    CHECK_STR(a.text, or_str_of("a\0b", 3), "G19");
    in = expand("{'promptFeedback':{'blockReason':'\\u0000'}}", false);
    CHECK_ERR(or_dialect_read(G, in, &arena, &a), OR_OK, "G19");
    CHECK_STR(a.refusal, or_str_of("The prompt was blocked: \0", 25), "G19");
}

/* The deltas of a stream put together are the message that can be sent back. */
static void test_collect(void)
{
    static char     memory[16384], out_mem[4096], want_mem[1024];
    static replay   r;
    or_tool_call    calls[4];
    or_chat_collect c;
    or_buf          out;
    or_msg          msg;
    or_str in = expand(BLOCK("{'type':'thinking'}") PIECE("{'type':'thinking_delta','thinking':'a'}")
        PIECE("{'type':'thinking_delta','thinking':'b'}") PIECE("{'type':'signature_delta','signature':'SIG'}")
        CLOSE BLOCK("{'type':'thinking'}") PIECE("{'type':'thinking_delta','thinking':'c'}") CLOSE
        TEXT("x") TEXT("y") TOOL("k") ARGS("{\\'x\\':") ARGS("1}") CLOSE END("tool_use") STOP, true);
    begin(&r, OR_DIALECT_MESSAGES);
    or_buf_init(&out, out_mem, sizeof out_mem);
    or_chat_collect_init(&c, &out, calls, 4);
    or_sse_event ev;
    while (or_sse_next(&r.sse, &in, &ev) == OR_OK) {
        or_arena      arena;
        or_chat_delta d;
        or_arena_init(&arena, memory, sizeof memory);
        CHECK_ERR(or_dialect_stream_next(&r.dialect, &r.stream, ev.data, &arena, &d), OR_OK, "collect");
        CHECK_ERR(or_chat_collect_add(&c, &d), OR_OK, "collect");
    }
    CHECK_ERR(or_chat_collect_end(&c, &msg), OR_OK, "collect");
    CHECK_STR(msg.content, OR_STR("xy"), "text");
    CHECK_STR(msg.reasoning, OR_STR("abc"), "reasoning");
    CHECK_STR(msg.reasoning_details, wanted("[{'type':'reasoning.text','text':'ab'," CLAUDE "0,'signature':"
        "'SIG'},{'type':'reasoning.text','text':'c'," CLAUDE "1}]", want_mem), "details");
    CHECK(msg.num_tool_calls == 1, "calls");
    CHECK_STR(calls[0].arguments, OR_STR("{\"x\":1}"), "arguments");
}

int main(void)
{
    test_answers();
    test_chat();
    test_streams();
    test_state();
    test_many_calls();
    test_more_calls();
    test_nul();
    test_collect();
    TEST_MAIN_END("test_dialect_read");
}
