/* Chat requests in the words of other dialects, to the byte. In the vectors ' stands for ". */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/test.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

enum { ROOM = 1 << 16 };

/* The text with " for ', in a block of exactly its size. */
static or_str quoted(const char *text)
{
    or_str s = test_exact(or_str_z(text));
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\'') ((char *)s.ptr)[i] = '"';
    return s;
}

static void drop(or_str s)
{
    free((void *)s.ptr);
}

/* The losses as one line: "seed stop +reasoning". */
static void list_losses(const or_dialect_loss *loss, char *line, size_t size)
{
    line[0] = 0;
    for (uint32_t i = 0; i < loss->num; i++)
        snprintf(line + strlen(line), size - strlen(line), "%s%s", i > 0 ? " " : "",
                 loss->names[i]);
    if (loss->reasoning)
        snprintf(line + strlen(line), size - strlen(line), "%s+reasoning", line[0] ? " " : "");
}

static or_err write_to(or_buf *out, or_dialect to, const or_dialect_request *q)
{
    or_dialect_loss loss = {{NULL}, 0, false, false};
    return or_dialect_write(out, to, q, &loss, NULL);
}

/* Every size of buffer that is too small is an error that leaves what stood there. The largest
   may be a little more than the result. */
static void check_small(or_dialect to, const or_dialect_request *q, size_t size, const char *name)
{
    char  *mem = malloc(size + 256);
    or_buf out;
    if (mem == NULL) abort();
    for (size_t n = 1; n <= size; n++) {
        char *exact = malloc(n);
        if (exact == NULL) abort();
        or_buf_init(&out, exact, n);
        or_buf_put_char(&out, '#');
        CHECK_ERR(write_to(&out, to, q), OR_ERR_SPACE, name);
        CHECK(out.len == 1 && exact[0] == '#', name);
        free(exact);
    }
    or_buf_init(&out, mem, size + 256);
    or_buf_put_char(&out, '#');
    CHECK_ERR(write_to(&out, to, q), OR_OK, name);
    CHECK(out.len == size + 1, name);
    free(mem);
}

/* A heap that fails at the n-th block. */
static void check_heap(or_dialect to, const or_dialect_request *q, const char *name)
{
    for (unsigned long n = 1; n < 20; n++) {
        test_heap    heap = {0, n, 0};
        or_allocator a = TEST_ALLOCATOR(&heap);
        or_buf       out;
        or_err       e;
        or_buf_init_growing(&out, &a, ROOM);
        e = write_to(&out, to, q);
        CHECK(heap.calls < n ? e == OR_OK : e == OR_ERR_MEMORY && out.len == 0, name);
        or_buf_free(&out);
        CHECK(heap.outstanding == 0, name);
        if (heap.calls < n) return;
    }
}

/* Cut anywhere it is no request. */
static void check_cuts(or_dialect to, const or_dialect_request *whole, const char *name)
{
    static char        mem[ROOM];
    or_dialect_request q = *whole;
    size_t             len = or_str_trim(whole->body).len; /* white space may be cut */
    for (size_t n = 0; n < len; n++) {
        or_str          cut = test_exact(or_str_of(whole->body.ptr, n));
        or_dialect_loss loss = {{NULL}, 0, false, false};
        const char     *bad = "?";
        or_buf          out;
        or_buf_init(&out, mem, sizeof mem);
        q.body = cut;
        CHECK_ERR(or_dialect_write(&out, to, &q, &loss, &bad), OR_ERR_TRUNCATED, name);
        CHECK(out.len == 0 && bad == NULL, name);
        drop(cut);
    }
}

static void check_write(or_dialect to, const or_dialect_request *q, const char *want_text,
                        const char *lost, const char *name)
{
    static char     mem[ROOM];
    char            line[512];
    or_dialect_loss loss = {{NULL}, 0, false, false};
    const char     *bad = "?";
    or_str          want = quoted(want_text);
    or_buf          out;
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_dialect_write(&out, to, q, &loss, &bad), OR_OK, name);
    CHECK_STR(or_buf_str(&out), want, name);
    CHECK_ERR(or_json_check(or_buf_str(&out), NULL), OR_OK, name);
    CHECK(bad == NULL, name);
    list_losses(&loss, line, sizeof line);
    CHECK_STR(or_str_z(line), or_str_z(lost), name);
    check_small(to, q, want.len, name);
    check_heap(to, q, name);
    drop(want);
}

typedef struct vector {
    const char *name, *model, *body, *want, *lost;
} vector;

static void check_vectors(or_dialect to, uint32_t lacks, const vector *v, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        or_dialect_request q = {{NULL, 0}, {NULL, 0}, 0, 0, 0};
        q.body = quoted(v[i].body);
        q.model = or_str_z(v[i].model);
        q.lacks = lacks;
        check_write(to, &q, v[i].want, v[i].lost, v[i].name);
        check_cuts(to, &q, v[i].name);
        drop(q.body);
    }
}

/* ---- Messages ---- */

#define ASK(messages) "{'model':'x','messages':[" messages "]}"
#define WITH(members) "{'messages':[{'role':'user','content':'hi'}]," members "}"
#define M             "{'model':'m','max_tokens':8192,"
#define TURNS(turns)  "'messages':[" turns "]"
#define U(blocks)     "{'role':'user','content':[" blocks "]}"
#define A(blocks)     "{'role':'assistant','content':[" blocks "]}"
#define T(text)       "{'type':'text','text':'" text "'}"
#define HI            TURNS(U(T("hi")))
#define CALL(id, name, args)                                                     \
    "{'id':'" id "','type':'function','function':{'name':'" name "','arguments':" args "}}"
#define CALLS(calls)        "{'role':'assistant','content':null,'tool_calls':[" calls "]}"
#define RESULT(id, text)    "{'role':'tool','tool_call_id':'" id "','content':'" text "'}"
#define USER(text)          "{'role':'user','content':'" text "'}"
#define SAID(text)          "{'role':'assistant','content':'" text "'}"
#define USE(id, name, args) "{'type':'tool_use','id':'" id "','name':'" name "','input':" args "}"
#define RES(id, text)       "{'type':'tool_result','tool_use_id':'" id "','content':[" T(text) "]}"
#define NORES(id)                                                                  \
    "{'type':'tool_result','tool_use_id':'" id "','content':[" T("no result") "]," \
    "'is_error':true}"
#define STUB(name) "{'name':'" name "','input_schema':{'type':'object','properties':{}}}"
#define STUBS(s)   "'tools':[" s "],'tool_choice':{'type':'none'},"
#define MARK       "'cache_control':{'type':'ephemeral'}"
#define IMAGE(url) "{'role':'user','content':[{'type':'image_url','image_url':{'url':'" url "'}}]}"
#define FILE_(data) \
    "{'role':'user','content':[{'type':'file','file':{'filename':'f','file_data':'" data "'}}]}"
#define PICTURE(mime, data) \
    "{'type':'image','source':{'type':'base64','media_type':'" mime "','data':'" data "'}}"

static const vector messages[] = {
    {"a word", "m", ASK(USER("hi")), M HI "}", ""},
    {"escapes stay as they are (G16, G19, G22)", "m",
     ASK(USER("\\ud83d\\uDE00 \\ud83d \\u0000 \\/ / \xC3\xA9")),
     M TURNS(U(T("\\ud83d\\uDE00 \\ud83d \\u0000 \\/ / \xC3\xA9"))) "}", ""},
    {"leading system texts in order (G43)", "m",
     ASK("{'role':'system','content':[{'type':'text','text':'a'," MARK "},{'type':'text',"
     "'text':''}]"
         "},{'role':'developer','content':'b'}," USER("hi")),
     M "'system':[{'type':'text','text':'a'," MARK "}," T("b") "]," HI "}", ""},
    {"a system message in the middle (G43)", "m",
     ASK(USER("a") ",{'role':'system','content':'b'}," USER("c")),
     M TURNS(U(T("a") "," T("<system>b</system>") "," T("c"))) "}", ""},
    {"only system messages (G42)", "m", ASK("{'role':'system','content':'a'}"),
     M TURNS(U(T("a"))) "}", ""},
    {"neighbours become one turn (G42)", "m",
     ASK(USER("a") "," USER("b") "," SAID("c") "," SAID("d") "," USER("e")),
     M TURNS(U(T("a") "," T("b")) "," A(T("c") "," T("d")) "," U(T("e"))) "}", ""},
    {"the assistant first (G42)", "m", ASK(SAID("a") "," USER("b")),
     M TURNS(U(T("(continue)")) "," A(T("a")) "," U(T("b"))) "}", ""},
    {"white space at the end of the last text (G42)", "m",
     ASK(USER("a") "," SAID(" b \\n\\u0020\\t ")), M TURNS(U(T("a")) "," A(T(" b"))) "}", ""},
    {"but not of others, nor what looks like it", "m",
     ASK(SAID("a ") "," USER("b ") ",{'role':'assistant','content':[{'type':'text','text':'c '},"
                                   "{'type':'text','text':'d\\\\n '}]}"),
     M TURNS(U(T("(continue)")) "," A(T("a ")) "," U(T("b ")) "," A(T("c ") "," T("d\\\\n"))) "}",
     ""},
    {"nothing said (G41)", "m",
     ASK(USER("a") "," SAID("") "," SAID(" \\n") ",{'role':'assistant','content':[]},"
                   "{'role':'assistant','content':null},{'role':'assistant'}," USER("b")),
     M TURNS(U(T("a") "," T("b"))) "}", ""},
    {"nothing at all (G41)", "m", ASK(USER("") ",{'role':'user','content':null}"),
     M TURNS(U(T("(continue)"))) "}", ""},
    {"a refusal", "m", ASK(USER("a") ",{'role':'assistant','content':null,'refusal':'no '}"),
     M TURNS(U(T("a")) "," A(T("no"))) "}", ""},
    {"names of speakers", "m",
     ASK("{'role':'user','name':'Ann','content':'a'},{'role':'assistant','name':'B','content':'b'}"
         ",{'role':'user','name':'C','content':''}," USER("d")),
     M TURNS(U(T("Ann: a")) "," A(T("b")) "," U(T("d"))) "}", "messages.name"},
    {"a call and its result, no tools (G40)", "m",
     ASK(USER("a") "," CALLS(CALL("x", "f", "'{\\'b\\':4}'")) ","
                                       RESULT("x", "31")),
     M STUBS(STUB("f")) TURNS(U(T("a")) "," A(USE("x", "f", "{'b':4}")) "," U(RES("x", "31"))) "}",
     ""},
    {"results in the order of the calls, the user's words behind (G37)", "m",
     ASK(CALLS(CALL("x", "f", "'{}'") "," CALL("y", "g", "'{}'") "," CALL("z", "f", "'{}'")) ","
         RESULT("y", "2") "," USER("w") "," RESULT("x", "1") "," RESULT("y", "3") ","
         RESULT("q", "4")),
     M STUBS(STUB("f") "," STUB("g"))
     TURNS(U(T("(continue)")) "," A(USE("x", "f", "{}") "," USE("y", "g", "{}") ","
                                    USE("z", "f", "{}"))
           "," U(RES("x", "1") "," RES("y", "2") "," NORES("z") "," T("w") ","
                 T("<tool_result>3</tool_result>") "," T("<tool_result>4</tool_result>"))) "}", ""},
    {"calls at the end, none answered, no tools (G40)", "m",
     ASK(USER("a") "," CALLS(CALL("x", "f", "'{}'"))),
     M STUBS(STUB("f")) TURNS(U(T("a")) "," A(USE("x", "f", "{}")) "," U(NORES("x"))) "}", ""},
    {"calls of a turn in two messages", "m",
     ASK(USER("a") "," CALLS(CALL("x", "f", "'{}'")) "," CALLS(CALL("y", "f", "'{}'")) ","
         RESULT("x", "1") "," RESULT("y", "2")),
     M STUBS(STUB("f")) TURNS(U(T("a")) "," A(USE("x", "f", "{}") "," USE("y", "f", "{}")) ","
                              U(RES("x", "1") "," RES("y", "2"))) "}", ""},
    {"ids: illegal, missing, twice (G33)", "m",
     ASK(USER("a") "," CALLS(CALL("a.b", "f", "'{}'") "," CALL("c", "f", "'{}'") ","
                             CALL("c", "f", "'{}'") ",{'function':{'name':'f'}}") ","
         RESULT("a.b", "1") "," RESULT("c", "2") "," RESULT("c", "3") ","
         "{'role':'tool','content':'4'}"),
     M STUBS(STUB("f"))
     TURNS(U(T("a")) "," A(USE("or--a-2Eb", "f", "{}") "," USE("c", "f", "{}") ","
                           USE("c_3", "f", "{}") "," USE("call_4", "f", "{}")) ","
           U(RES("or--a-2Eb", "1") "," RES("c", "2") "," RES("c_3", "3") "," RES("call_4", "4")))
     "}", ""},
    {"names that are illegal (G34)", "m",
     ASK(USER("a") "," CALLS(CALL("x", "a.b:c", "'{}'")) "," RESULT("x", "1")),
     M STUBS(STUB("or--a-2Eb-3Ac")) TURNS(U(T("a")) "," A(USE("x", "or--a-2Eb-3Ac", "{}")) ","
                                          U(RES("x", "1"))) "}", ""},
    {"arguments of every kind (G35, G21)", "m",
     ASK(USER("a") "," CALLS(CALL("a", "f", "''") "," CALL("b", "f", "null") ","
         CALL("c", "f", "'null'") "," CALL("d", "f", "{'n':9007199254740993}") ","
         CALL("e", "f", "'\\'{}\\''") "," CALL("f", "f", "'{\\'a\\':'") "," CALL("g", "f", "'[1]'")
         "," CALL("h", "f", "' {\\'n\\':1.0,\\'e\\':1e-7,\\'s\\':\\'\\\\u00e9\\\\n\\'} '") ","
         CALL("i", "f", "7") ",{'id':'j','type':'custom','custom':{'name':'f','input':'a\\n'}}"
         ",{'id':'k','type':'custom','custom':{'name':'f'}}")),
     M STUBS(STUB("f"))
     TURNS(U(T("a")) "," A(USE("a", "f", "{}") "," USE("b", "f", "{}") "," USE("c", "f", "{}") ","
           USE("d", "f", "{'n':9007199254740993}") "," USE("e", "f", "{'_raw':'\\'{}\\''}") ","
           USE("f", "f", "{'_raw':'{\\'a\\':'}") "," USE("g", "f", "{'_raw':'[1]'}") ","
           USE("h", "f", " {'n':1.0,'e':1e-7,'s':'\\u00e9\\n'} ") ","
           USE("i", "f", "{'_raw':7}") "," USE("j", "f", "{'input':'a\\n'}") ","
           USE("k", "f", "{'input':''}")) ","
           U(NORES("a") "," NORES("b") "," NORES("c") "," NORES("d") "," NORES("e") ","
             NORES("f") "," NORES("g") "," NORES("h") "," NORES("i") "," NORES("j") ","
             NORES("k"))) "}", ""},
    {"results with parts, empty, marked, failed (G38)", "m",
     ASK(USER("a") "," CALLS(CALL("a", "f", "'{}'") "," CALL("b", "f", "'{}'") ","
         CALL("c", "f", "'{}'")) ",{'role':'tool','tool_call_id':'a','content':[{'type':'text',"
         "'text':'p'},{'type':'image_url','image_url':{'url':'data:image/png;base64,AA=='}}]},"
         "{'role':'tool','tool_call_id':'b','content':''," MARK "},"
         "{'role':'tool','tool_call_id':'c','content':'no','is_error':true}"),
     M STUBS(STUB("f"))
     TURNS(U(T("a")) "," A(USE("a", "f", "{}") "," USE("b", "f", "{}") "," USE("c", "f", "{}")) ","
           U("{'type':'tool_result','tool_use_id':'a','content':[" T("p") ","
             PICTURE("image/png", "AA==") "]},{'type':'tool_result','tool_use_id':'b'," MARK "},"
             "{'type':'tool_result','tool_use_id':'c','content':[" T("no") "],'is_error':true}"))
     "}", ""},
    {"the older function calls", "m",
     WITH("'functions':[{'name':'f','parameters':{'type':'object'}}],'function_call':{'name':'f'}"),
     M "'tools':[{'name':'f','input_schema':{'type':'object'}}],"
     "'tool_choice':{'type':'tool','name':'f'}," HI "}", ""},
    {"the older function calls in a history", "m",
     ASK(USER("a") ",{'role':'assistant','function_call':{'name':'f','arguments':'{}'}},"
                   "{'role':'function','name':'f','content':'1'}"),
     M STUBS(STUB("f")) TURNS(U(T("a")) "," A(USE("call_1", "f", "{}")) "," U(RES("call_1", "1")))
     "}", ""},
    {"signed thinking stands first, the rest is left out (G46)", "m",
     ASK(USER("a") ",{'role':'assistant','content':'b','reasoning':'r','reasoning_details':["
         "{'type':'reasoning.text','text':'t','signature':'s','format':'anthropic-claude-v1'," MARK
         "},{'type':'reasoning.encrypted','data':'d','format':'anthropic-claude-v1'},"
         "{'type':'reasoning.text','text':'u','signature':'v'}]}," USER("c")),
     M TURNS(U(T("a")) "," A("{'type':'thinking','thinking':'t','signature':'s'},"
             "{'type':'redacted_thinking','data':'d'}," T("b")) "," U(T("c"))) "}", "+reasoning"},
    {"thinking of others and without a signature (G46)", "m",
     ASK(USER("a") ",{'role':'assistant','content':'b','reasoning_details':["
         "{'type':'reasoning.text','text':'t','signature':'','format':'anthropic-claude-v1'},"
         "{'type':'reasoning.encrypted','data':'d','format':'google-gemini-v1'},"
         "{'type':'reasoning.encrypted','data':'d'},{'type':'reasoning.summary','summary':'s'},7]}"
         "," USER("c")),
     M TURNS(U(T("a")) "," A(T("b")) "," U(T("c"))) "}", "+reasoning"},
    {"plain reasoning (G46)", "m",
     ASK(USER("a") ",{'role':'assistant','content':'b','reasoning_content':'t'}," USER("c")),
     M TURNS(U(T("a")) "," A(T("b")) "," U(T("c"))) "}", "+reasoning"},
    {"the last four marks stay (G45)", "m",
     "{'messages':[{'role':'system','content':[{'type':'text','text':'a'," MARK "},"
     "{'type':'text','text':''," MARK "}]},{'role':'user','content':[{'type':'text','text':'b',"
     MARK
     "},{'type':'text','text':'c','prompt_cache_breakpoint':{'mode':'explicit'}}]},"
     "{'role':'user','content':'d'," MARK "}]," MARK ",'tools':[{'type':'function','function':"
     "{'name':'f'}," MARK "}]}",
     M "'tools':[{'name':'f','input_schema':{'type':'object','properties':{}}}],"
     "'system':[" T("a") "],'messages':[{'role':'user','content':["
     "{'type':'text','text':'b'," MARK "},{'type':'text','text':'c'," MARK "},"
     "{'type':'text','text':'d'," MARK "}]}]," MARK "}", ""},
    {"a picture as data (G44)", "m", ASK(IMAGE("DATA:Image/JPG;charset=a;base64,AA\\/+\\nA A=\\r")),
     M TURNS(U(PICTURE("image/jpeg", "AA/+AA="))) "}", ""},
    {"a picture on the web, bare", "m",
     ASK("{'role':'user','content':[{'type':'text','text':'a'},{'type':'image_url','image_url':"
         "'HTTPS:\\/\\/h/p'," MARK "}]}"),
     M TURNS(U(T("a") ",{'type':'image','source':{'type':'url','url':'HTTPS:\\/\\/h/p'}," MARK "}"))
     "}", ""},
    {"a PDF", "m", ASK(FILE_("data:application/pdf;base64,AA==")),
     M TURNS(U("{'type':'document','source':{'type':'base64','media_type':'application/pdf',"
               "'data':'AA=='},'title':'f'}")) "}", ""},
    {"a file on the web", "m", ASK(FILE_("https://h/f.pdf")),
     M TURNS(U("{'type':'document','source':{'type':'url','url':'https://h/f.pdf'},'title':'f'}"))
     "}", ""},
    {"a text in base64", "m", ASK(FILE_("data:text\\/csv;base64,YSwiYiIKw6kJXA==")),
     M TURNS(U("{'type':'document','source':{'type':'text','media_type':'text/plain','data':"
               "'a,\\u0022b\\u0022\\u000a\xC3\xA9\\u0009\\u005c'},'title':'f'}")) "}", ""},
    {"a text in percents", "m", ASK(FILE_("data:,a%20b%c3%a9%2")),
     M TURNS(U("{'type':'document','source':{'type':'text','media_type':'text/plain','data':"
               "'a b\xC3\xA9%2'},'title':'f'}")) "}", ""},
    {"parts nobody knows, and pictures of the assistant", "m",
     ASK("{'role':'user','content':[{'type':'x'},'a',{'type':'thinking'}]},{'role':'assistant',"
         "'content':[{'type':'text','text':'b'},{'type':'image_url','image_url':{"
         "'url':'https://h'}}"
         ",{'type':'refusal','refusal':'c'}],'images':[{}],'audio':{'id':'d'}}," USER("e")),
     M TURNS(U(T("a")) "," A(T("b") "," T("c")) "," U(T("e"))) "}",
     "messages.content messages.images messages.audio +reasoning"},
};

/* Members besides messages. */
#define TOOL(members) "{'type':'function','function':{'name':'f'" members "}}"
#define F             "'tools':[{'name':'f','input_schema':{'type':'object','properties':{}}}],"
#define ONE           "'tools':[" TOOL("") "]"
#define CLAUDE(model, tokens) "{'model':'" model "','max_tokens':" tokens ","
#define SHOW          "'thinking':{'type':'adaptive','display':'summarized'},"
static const vector members[] = {
    {"sampling", "m", WITH("'temperature':1.00,'top_p':0.5,'top_k':40,'stream':true"),
     M HI ",'temperature':1.00,'top_p':0.5,'top_k':40,'stream':true}", ""},
    {"too warm", "m", WITH("'temperature':1.01"), M HI ",'temperature':1}", ""},
    {"far too warm", "m", WITH("'temperature':1e400"), M HI ",'temperature':1}", ""},
    {"nulls say nothing (G57)", "m",
     WITH("'temperature':null,'max_tokens':null,'stream':null,'stop':null,'tools':null,'n':null"),
     M HI "}", ""},
    {"the smaller of two limits", "m", WITH("'max_tokens':9,'max_completion_tokens':8"),
     "{'model':'m','max_tokens':8," HI "}", ""},
    {"limits of nothing (G57)", "m", WITH("'max_tokens':0,'max_completion_tokens':7e1"),
     "{'model':'m','max_tokens':70," HI "}", ""},
    {"more than the model has (G58)", "claude-3-haiku-20240307", WITH("'max_tokens':4097"),
     CLAUDE("claude-3-haiku-20240307", "4096") HI "}", ""},
    {"no limit, and a small model", "claude-3-haiku-20240307", WITH("'top_k':0"),
     CLAUDE("claude-3-haiku-20240307", "4096") HI "}", ""},
    {"stop", "m", WITH("'stop':'a'"), M HI ",'stop_sequences':['a']}", ""},
    {"stops", "m", WITH("'stop':['a',' \\n','b','']"), M HI ",'stop_sequences':['a','b']}", "stop"},
    {"blank stops", "m", WITH("'stop':[' ']"), M HI "}", "stop"},
    {"no stops", "m", WITH("'stop':[]"), M HI "}", ""},
    {"who asks", "m", WITH("'user':'a'"), M HI ",'metadata':{'user_id':'a'}}", ""},
    {"who asks, twice", "m", WITH("'user':'a','safety_identifier':'b'"),
     M HI ",'metadata':{'user_id':'b'}}", ""},
    {"what says nothing is no loss", "m",
     WITH("'n':1,'seed':null,'logprobs':false,'top_logprobs':0,'frequency_penalty':0.0,"
          "'presence_penalty':0,'repetition_penalty':1.0,'logit_bias':{},'store':false,"
          "'metadata':{},'service_tier':'auto','modalities':['text'],'min_p':0,"
          "'parallel_tool_calls':true,'response_format':{'type':'text'}"), M HI "}", ""},
    {"what is lost", "m",
     WITH("'n':2,'seed':0,'logprobs':true,'top_logprobs':3,'frequency_penalty':0.1,"
     "'presence_penalty'"
          ":-1,'logit_bias':{'5':1},'prediction':{'type':'content'},'modalities':['text','audio'],"
          "'audio':{'voice':'a'},'store':true,'metadata':{'a':'b'},'service_tier':'flex',"
          "'min_p':0.1"),
     M HI "}", "n seed logprobs top_logprobs frequency_penalty presence_penalty logit_bias "
     "prediction modalities audio store metadata service_tier min_p"},
    {"what is for the router", "m",
     WITH("'models':['a'],'provider':{'a':1},'plugins':[1],'route':'a','transforms':['a'],"
          "'session_id':'a','trace':{'a':1},'preset':'a','debug':{'a':1},'usage':{'a':1},"
          "'stream_options':{'a':1},'prompt_cache_key':'a'"), M HI "}", ""},
    {"what nobody knows", "m", WITH("'guided_regex':'a'"), M HI "}", "extra"},
    {"tools without, with empty and with null parameters (G36)", "m",
     WITH("'tools':[{'type':'function','function':{'name':'a'}},{'type':'function','function':"
          "{'name':'b','description':'d','parameters':null}},{'type':'function','function':"
          "{'name':'c','parameters':{}}}]"),
     M "'tools':[" STUB("a") ",{'name':'b','description':'d','input_schema':{'type':'object',"
     "'properties':{}}}," STUB("c") "]," HI "}", ""},
    {"schemas whose root is no object (G36, G20)", "m",
     WITH("'tools':[" TOOL(",'parameters':{'properties':{'a':{'a':1,'a':2}}}") ","
          TOOL(",'parameters':{'type':'string'}") ","
          TOOL(",'parameters':{'type':'object','anyOf':[]}") "]"),
     M "'tools':[{'name':'f','input_schema':{'type':'object','properties':{'a':{'a':1,'a':2}}}},"
     "{'name':'f','input_schema':{'type':'object','properties':{'input':{'type':'string'}},"
     "'required':['input']}},{'name':'f','input_schema':{'type':'object','properties':{'input':"
     "{'type':'object','anyOf':[]}},'required':['input']}}]," HI "}", "tools.parameters"},
    {"custom tools, and tools of a server", "m",
     WITH("'tools':[{'type':'custom','custom':{'name':'c','description':'d','format':{'type':"
          "'grammar'}}},{'type':'openrouter:web_search'}]"),
     M "'tools':[{'name':'c','description':'d','input_schema':{'type':'object','properties':{"
     "'input':{'type':'string'}},'required':['input']}}]," HI "}", "tools.format tools"},
    {"strict where it is known", "claude-sonnet-4-5",
     WITH("'tools':[" TOOL(",'strict':true") "]"),
     CLAUDE("claude-sonnet-4-5", "8192") "'tools':[{'name':'f','input_schema':{'type':'object',"
     "'properties':{}},'strict':true}]," HI "}", ""},
    {"strict where it is not", "m", WITH("'tools':[" TOOL(",'strict':true") "]"), M F HI "}",
     "tools.strict"},
    {"no tools (G39)", "m", WITH("'tools':[],'tool_choice':'required','parallel_tool_calls':false"),
     M HI "}", ""},
    {"choice none", "m", WITH(ONE ",'tool_choice':'none','parallel_tool_calls':false"),
     M F "'tool_choice':{'type':'none'}," HI "}", ""},
    {"choice auto", "m", WITH(ONE ",'tool_choice':'auto'"),
     M F "'tool_choice':{'type':'auto'}," HI "}", ""},
    {"choice required", "m", WITH(ONE ",'tool_choice':'required'"),
     M F "'tool_choice':{'type':'any'}," HI "}", ""},
    {"one at a time", "m", WITH(ONE ",'parallel_tool_calls':false"),
     M F "'tool_choice':{'type':'auto','disable_parallel_tool_use':true}," HI "}", ""},
    {"a named choice", "m",
     WITH(ONE ",'tool_choice':{'type':'function','function':{'name':'f'}},"
     "'parallel_tool_calls':false"),
     M F "'tool_choice':{'type':'tool','name':'f','disable_parallel_tool_use':true}," HI "}", ""},
    {"a choice of no tool (G39)", "m",
     WITH(ONE ",'tool_choice':{'type':'function','function':{'name':'g'}}"),
     M F "'tool_choice':{'type':'auto'}," HI "}", "tool_choice"},
    {"allowed tools (G39)", "m",
     WITH("'tools':[" TOOL("") ",{'type':'function','function':{'name':'g'}}],'tool_choice':{"
     "'type':"
          "'allowed_tools','allowed_tools':{'mode':'required','tools':[{'type':'function',"
          "'function'"
          ":{'name':'g'}}]}}"),
     M "'tools':[" STUB("g") "],'tool_choice':{'type':'any'}," HI "}", ""},
    {"a choice that a model refuses", "claude-opus-5-5-20261001",
     WITH(ONE ",'tool_choice':'required'"),
     CLAUDE("claude-opus-5-5-20261001", "8192") F "'tool_choice':{'type':'auto'}," HI "}",
     "tool_choice"},
    {"not both temperature and top_p", "claude-opus-4-1", WITH("'temperature':0.5,'top_p':0.5"),
     CLAUDE("claude-opus-4-1", "8192") HI ",'temperature':0.5}", "top_p"},
    {"top_p alone", "claude-opus-4-1", WITH("'top_p':0.5"),
     CLAUDE("claude-opus-4-1", "8192") HI ",'top_p':0.5}", ""},
    {"no sampling", "claude-opus-4-7", WITH("'temperature':0.5,'top_p':0.5,'top_k':1"),
     CLAUDE("claude-opus-4-7", "8192") HI "}", "temperature top_p top_k"},
    {"no sampling, and none lost", "anthropic.Claude-Opus-5@20261101",
     WITH("'temperature':1,'top_p':0.99"),
     CLAUDE("anthropic.Claude-Opus-5@20261101", "8192") HI "}", ""},
    {"an unknown version meets the strictest row", "claude-opus-4-9",
     WITH(ONE ",'tool_choice':'required','reasoning_effort':'none'"),
     CLAUDE("claude-opus-4-9", "8192") F "'tool_choice':{'type':'auto'}," HI "}",
     "tool_choice reasoning"},
    {"thinking by a budget", "m",
     WITH("'reasoning_effort':'medium','temperature':0.5,'top_k':3,'top_p':0.95," ONE
          ",'tool_choice':'required'"),
     M F "'tool_choice':{'type':'auto'}," HI ",'thinking':{'type':'enabled','budget_tokens':4096},"
     "'top_p':0.95}", "tool_choice temperature top_k"},
    {"a budget above the limit raises it", "m",
     WITH("'max_tokens':2000,'top_p':0.94,'reasoning':{'max_tokens':3000}"),
     "{'model':'m','max_tokens':5000," HI ",'thinking':{'type':'enabled','budget_tokens':3000}}",
     "top_p"},
    {"but not above what the model has", "claude-sonnet-4-5",
     WITH("'max_tokens':63999,'reasoning':{'max_tokens':70000}"),
     CLAUDE("claude-sonnet-4-5", "64000") HI
     ",'thinking':{'type':'enabled','budget_tokens':63999}}", ""},
    {"the least budget", "m", WITH("'max_tokens':1025,'reasoning':{'effort':'minimal'}"),
     "{'model':'m','max_tokens':1025," HI ",'thinking':{'type':'enabled',"
     "'budget_tokens':1024}}", ""},
    {"thinking off", "m", WITH("'reasoning':{'enabled':false}"),
     M HI ",'thinking':{'type':'disabled'}}", ""},
    {"a model that cannot", "claude-3-5-haiku-latest", WITH("'reasoning':{'enabled':true}"),
     CLAUDE("claude-3-5-haiku-latest", "8192") HI "}", "reasoning"},
    {"thinking by effort", "claude-opus-4-6", WITH("'reasoning':{'effort':'xhigh','exclude':true}"),
     CLAUDE("claude-opus-4-6", "8192") HI ",'thinking':{'type':'adaptive','display':'omitted'},"
     "'output_config':{'effort':'high'}}", ""},
    {"the least effort", "claude-sonnet-5", WITH("'reasoning_effort':'minimal'"),
     CLAUDE("claude-sonnet-5", "8192") HI "," SHOW "'output_config':{'effort':'low'}}", ""},
    {"a budget where efforts are better", "claude-sonnet-4.6",
     WITH("'reasoning':{'max_tokens':2048}"),
     CLAUDE("claude-sonnet-4.6", "8192") HI
     ",'thinking':{'type':'enabled','budget_tokens':2048}}", ""},
    {"a budget as an effort", "claude-haiku-5-5", WITH("'reasoning':{'max_tokens':2048}"),
     CLAUDE("claude-haiku-5-5", "8192") HI "," SHOW "'output_config':{'effort':'medium'}}", ""},
    {"off is refused", "claude-fable-5", WITH("'reasoning_effort':'none'"),
     CLAUDE("claude-fable-5", "8192") HI "}", "reasoning"},
    {"off is between tools", "claude-sonnet-5-5", WITH("'reasoning_effort':'none'"),
     CLAUDE("claude-sonnet-5-5", "8192") HI ",'thinking':{'type':'between_tools'}}", ""},
    {"off is not for the highest efforts", "claude-opus-5",
     WITH("'reasoning_effort':'none','verbosity':'max'"),
     CLAUDE("claude-opus-5", "8192") HI
     ",'thinking':{'type':'disabled'},'output_config':{'effort':'high'}}", ""},
    {"verbosity where there is none", "m", WITH("'verbosity':'low'"), M HI "}", "verbosity"},
    {"an effort that nobody knows", "claude-opus-5", WITH("'reasoning_effort':'huge'"),
     CLAUDE("claude-opus-5", "8192") HI "," SHOW "'output_config':{'effort':'medium'}}",
     "reasoning_effort"},
    {"no budget in a turn with unsigned calls (G46)", "m",
     "{'reasoning_effort':'low',"  ONE ",'messages':[" USER("a") "," CALLS(CALL("x", "f", "'{}'"))
     "," RESULT("x", "1") "]}",
     M F TURNS(U(T("a")) "," A(USE("x", "f", "{}")) "," U(RES("x", "1"))) "}", "reasoning"},
    {"no thinking before an answer that is begun (G42)", "claude-opus-5",
     "{'reasoning_effort':'low','messages':[" USER("a") "," SAID("b") "]}",
     CLAUDE("claude-opus-5", "8192") TURNS(U(T("a")) "," A(T("b"))) "}", "reasoning"},
    {"a budget in a turn after unsigned calls", "m",
     "{'reasoning_effort':'low'," ONE ",'messages':[" USER("a") "," CALLS(CALL("x", "f", "'{}'"))
     "," RESULT("x", "1") "," USER("b") "]}",
     M F TURNS(U(T("a")) "," A(USE("x", "f", "{}")) "," U(RES("x", "1") "," T("b")))
     ",'thinking':{'type':'enabled','budget_tokens':1638}}", ""},
    {"a budget in a turn with signed calls", "m",
     "{'reasoning_effort':'low'," ONE ",'messages':[" USER("a") ",{'role':'assistant',"
     "'tool_calls':["
     CALL("x", "f", "'{}'") "],'reasoning_details':[{'type':'reasoning.text','text':'t',"
     "'signature':'s','format':'anthropic-claude-v1'}]}," RESULT("x", "1") "]}",
     M F TURNS(U(T("a")) "," A("{'type':'thinking','thinking':'t','signature':'s'},"
     USE("x", "f", "{}")) "," U(RES("x", "1")))
     ",'thinking':{'type':'enabled','budget_tokens':1638}}", ""},
    {"no budget in a turn with calls that another signed", "m",
     "{'reasoning_effort':'low'," ONE ",'messages':[" USER("a") ",{'role':'assistant',"
     "'tool_calls':["
     CALL("x", "f", "'{}'") "],'reasoning_details':[{'type':'reasoning.encrypted','data':'s',"
     "'format':'google-gemini-v1'}]}," RESULT("x", "1") "]}",
     M F TURNS(U(T("a")) "," A(USE("x", "f", "{}")) "," U(RES("x", "1"))) "}",
     "reasoning +reasoning"},
    {"a schema for the answer", "claude-opus-4-5",
     WITH("'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':"
          "'object', 'a':1.0}}}"),
     CLAUDE("claude-opus-4-5", "8192") HI ",'output_config':{'format':{'type':'json_schema',"
     "'schema':{'type':'object', 'a':1.0}}}}", ""},
    {"a schema in words", "m",
     WITH("'response_format':{'type':'json_schema','json_schema':{'schema':{'type':'object'}}}"),
     M "'system':[" T("Answer with one JSON object and nothing else. It has to follow this JSON "
     "Schema: {\\'type\\':\\'object\\'}") "]," HI "}", "response_format"},
    {"JSON in words, behind the system's", "m",
     "{'messages':[{'role':'system','content':'s'}," USER("hi")
     "],'response_format':{'type':'json_object'}}",
     M "'system':[" T("s") "," T("Answer with one JSON object and nothing else.") "]," HI "}",
     "response_format"},
    {"a form that nobody knows", "m", WITH("'response_format':{'type':'grammar'}"), M HI "}",
     "response_format"},
};

/* ---- Gemini ---- */

#define GU(parts)  "{'role':'user','parts':[" parts "]}"
#define GM(parts)  "{'role':'model','parts':[" parts "]}"
#define GT(text)   "{'text':'" text "'}"
#define G(turns)   "'contents':[" turns "]"
#define GHI        "{" G(GU(GT("hi")))
#define GC(config) GHI ",'generationConfig':{" config "}}"
#define GCALL(id, name, args) \
    "{'functionCall':{'id':'" id "','name':'" name "','args':" args "}}"
#define GSIGNED(id, name, args, sign)                                  \
    "{'functionCall':{'id':'" id "','name':'" name "','args':" args "}," \
    "'thoughtSignature':'" sign "'}"
#define GRES(id, name, response) \
    "{'functionResponse':{'id':'" id "','name':'" name "','response':" response "}}"
#define SKIP "skip_thought_signature_validator"
#define GF   ",'tools':[{'functionDeclarations':[{'name':'f'}]}]"

static const vector gemini[] = {
    {"a word", "gemini-2.5-flash", ASK(USER("hi")), GHI "}", ""},
    {"system, and one in the middle (G43)", "gemini-2.5-flash",
     ASK("{'role':'system','content':[{'type':'text','text':'a'},{'type':'text','text':'b'," MARK
         "}]}," USER("c") ",{'role':'developer','content':'d'}"),
     "{'systemInstruction':{'parts':[" GT("a") "," GT("b") "]},"
     G(GU(GT("c") "," GT("<system>d</system>"))) "}", "cache_control"},
    {"only system (G42)", "gemini-2.5-flash", ASK("{'role':'system','content':'a'}"),
     "{" G(GU(GT("a"))) "}", ""},
    {"no system instruction there", "gemma-3-27b-it",
     ASK("{'role':'system','content':'a'}," USER("b")), "{" G(GU(GT("a") "," GT("b"))) "}", ""},
    {"neighbours, and the assistant first (G42)", "gemini-2.5-flash",
     ASK(SAID("a ") "," SAID("b ")),
     "{" G(GU(GT("(continue)")) "," GM(GT("a ") "," GT("b "))) "}", ""},
    {"calls and results, out of order and missing (G37)", "gemini-2.5-pro",
     ASK(USER("a") "," CALLS(CALL("x", "f", "'{\\'n\\':1}'") "," CALL("y", "g", "''") ","
         CALL("z", "h", "'{'")) "," RESULT("y", "2") "," USER("b") ","
         RESULT("x", "{\\'r\\':[1.0]}")),
     "{" G(GU(GT("a")) "," GM(GCALL("x", "f", "{'n':1}") "," GCALL("y", "g", "{}") ","
           GCALL("z", "h", "{'_raw':'{'}")) "," GU(GRES("x", "f", "{'r':[1.0]}") ","
           GRES("y", "g", "{'output':'2'}") "," GRES("z", "h", "{'error':'no result'}") ","
           GT("b"))) "}", ""},
    {"results with parts and empty (G38)", "gemini-2.5-pro",
     ASK(USER("a") "," CALLS(CALL("x", "f", "''") "," CALL("y", "f", "''"))
         ",{'role':'tool','tool_call_id':'x','content':[{'type':'text','text':'p'},{'type':"
         "'image_url','image_url':{'url':'data:image/png;base64,AA=='}},{'type':'text',"
         "'text':'q'}]}"
         "," RESULT("y", "")),
     "{" G(GU(GT("a")) "," GM(GCALL("x", "f", "{}") "," GCALL("y", "f", "{}")) ","
           GU(GRES("x", "f", "{'output':'p\\nq'}") "," GRES("y", "f", "{'output':''}")
              ",{'inlineData':{'mimeType':'image/png','data':'AA=='}}")) "}", ""},
    {"names that are illegal (G34)", "gemini-2.5-pro",
     ASK(USER("a") "," CALLS(CALL("x", "a.b:c-d", "''") "," CALL("y", "1a", "''") ","
         CALL("z", "-a", "''") "," CALL("w", "a b", "''"))),
     "{" G(GU(GT("a")) "," GM(GCALL("x", "a.b:c-d", "{}") "," GCALL("y", "or--1a", "{}") ","
           GCALL("z", "or---2Da", "{}") "," GCALL("w", "or--a-20b", "{}")) "," GU(
           GRES("x", "a.b:c-d", "{'error':'no result'}") ","
           GRES("y", "or--1a", "{'error':'no result'}") ","
           GRES("z", "or---2Da", "{'error':'no result'}") ","
           GRES("w", "or--a-20b", "{'error':'no result'}"))) "}", ""},
    {"signatures of calls and of text", "gemini-3-flash",
     ASK(USER("a") ",{'role':'assistant','content':'t','tool_calls':[{'id':'x','type':'function',"
         "'function':{'name':'f','arguments':'{}'},'extra_content':{'google':{'thought_signature':"
         "'s1'}}},{'id':'y','type':'function','function':{'name':'f','arguments':'{}'}},"
         "{'id':'z','type':'function','function':{'name':'f','arguments':'{}'}}],"
         "'reasoning_details':[{'type':'reasoning.encrypted','data':'s2','id':'y','format':"
         "'google-gemini-v1'},{'type':'reasoning.encrypted','data':'s3','id':null,'format':"
         "'google-gemini-v1'}]}," RESULT("x", "1") "," RESULT("y", "2") "," RESULT("z", "3")),
     "{" G(GU(GT("a")) "," GM("{'text':'t','thoughtSignature':'s3'},"
           GSIGNED("x", "f", "{}", "s1") "," GSIGNED("y", "f", "{}", "s2") ","
           GCALL("z", "f", "{}")) "," GU(GRES("x", "f", "{'output':'1'}") ","
           GRES("y", "f", "{'output':'2'}") "," GRES("z", "f", "{'output':'3'}"))) "}", ""},
    {"a signature that is lost, of any turn (G46)", "gemini-3-flash",
     ASK(USER("a") "," CALLS(CALL("v", "f", "''")) "," RESULT("v", "1") "," USER("b") ","
         CALLS(CALL("x", "f", "''") "," CALL("y", "f", "''")) "," RESULT("x", "1") ","
         RESULT("y", "2") ",{'role':'assistant','reasoning':'r','tool_calls':[" CALL("z", "f", "''")
         "]}," RESULT("z", "3")),
     "{" G(GU(GT("a")) "," GM(GSIGNED("v", "f", "{}", SKIP)) ","
           GU(GRES("v", "f", "{'output':'1'}") "," GT("b")) "," GM(GSIGNED("x", "f", "{}", SKIP) "," GCALL("y", "f", "{}")) ","
           GU(GRES("x", "f", "{'output':'1'}") "," GRES("y", "f", "{'output':'2'}")) ","
           GM(GSIGNED("z", "f", "{}", SKIP)) "," GU(GRES("z", "f", "{'output':'3'}"))) "}",
     "+reasoning"},
    {"pictures, sound, films and files", "gemini-2.5-flash",
     ASK("{'role':'user','content':[{'type':'image_url','image_url':{'url':"
         "'data:image/*;base64,AA=='}},{'type':'image_url','image_url':{"
         "'url':'https://h/a.JPG?b'}},"
         "{'type':'input_audio','input_audio':{'data':'AA==','format':'wav'}},"
         "{'type':'video_url','video_url':{'url':'https://h/a'}},"
         "{'type':'file','file':{'file_data':'data:application/pdf;base64,AA=='}},"
         "{'type':'file','file':{'file_id':'https://h/v1beta/files/a'}}]}"),
     "{" G(GU("{'inlineData':{'mimeType':'image/jpeg','data':'AA=='}},"
           "{'fileData':{'mimeType':'image/jpeg','fileUri':'https://h/a.JPG?b'}},"
           "{'inlineData':{'mimeType':'audio/wav','data':'AA=='}},"
           "{'fileData':{'fileUri':'https://h/a'}},"
           "{'inlineData':{'mimeType':'application/pdf','data':'AA=='}},"
           "{'fileData':{'fileUri':'https://h/v1beta/files/a'}}")) "}", ""},
    {"numbers", "gemini-2.0-flash",
     WITH("'max_tokens':5,'temperature':1.5,'top_p':0.50,'top_k':3,'seed':-1,"
     "'presence_penalty':0.1,"
          "'frequency_penalty':0.2,'logprobs':true,'top_logprobs':2,'stream':true"),
     GC("'maxOutputTokens':5,'temperature':1.5,'topP':0.50,'topK':3,'seed':-1,"
        "'presencePenalty':0.1,'frequencyPenalty':0.2,'responseLogprobs':true,'logprobs':2"), ""},
    {"penalties that 2.5 refuses", "gemini-2.5-flash",
     WITH("'presence_penalty':0.1,'frequency_penalty':0"), GHI "}", "presence_penalty"},
    {"more than the model has (G58)", "gemini-2.0-flash", WITH("'max_tokens':9000"),
     GC("'maxOutputTokens':8192"), ""},
    {"six stops", "gemini-2.0-flash", WITH("'stop':['a','b','c','d','e','f']"),
     GC("'stopSequences':['a','b','c','d','e']"), "stop"},
    {"five stops", "gemini-2.0-flash", WITH("'stop':['a','b','c','d','e']"),
     GC("'stopSequences':['a','b','c','d','e']"), ""},
    {"what is lost", "gemini-2.0-flash",
     WITH("'n':2,'user':'a','store':true,'logit_bias':{'1':1},'verbosity':'low'," ONE
          ",'parallel_tool_calls':false"),
     GHI GF "}", "n user store logit_bias verbosity parallel_tool_calls"},
    {"declarations: schemas as they stand, or none (G36)", "gemini-2.0-flash",
     WITH("'tools':[" TOOL(",'parameters':{}") "," TOOL(",'parameters':{'type':'object',"
     "'properties'"
          ":{}}") "," TOOL(",'description':'d','parameters':{ '$schema':'a','type':'object', "
          "'properties':{'strict':{'$schema':1.0}},'strict':true}") ","
          TOOL(",'strict':true,'parameters':{'type': 'string'}") ",{'type':'custom','custom':"
          "{'name':'c'}}]"),
     GHI ",'tools':[{'functionDeclarations':[{'name':'f'},{'name':'f'},{'name':'f','description':"
     "'d','parametersJsonSchema':{'type':'object','properties':{'strict':{'$schema':1.0}}}},"
     "{'name':'f','parametersJsonSchema':{'type': 'string'}},{'name':'c','parametersJsonSchema':"
     "{'type':'object','properties':{'input':{'type':'string'}},'required':['input']}}]}]}",
     "tools.strict"},
    {"choice none", "gemini-2.0-flash", WITH(ONE ",'tool_choice':'none'"),
     GHI GF ",'toolConfig':{'functionCallingConfig':{'mode':'NONE'}}}", ""},
    {"choice required, thinking", "gemini-3-flash",
     WITH(ONE ",'tool_choice':'required','reasoning_effort':'low'"),
     GHI GF ",'toolConfig':{'functionCallingConfig':{'mode':'ANY'}},'generationConfig':"
     "{'thinkingConfig':{'includeThoughts':true,'thinkingLevel':'LOW'}}}", ""},
    {"a named choice", "gemini-2.0-flash", WITH(ONE ",'tool_choice':{'type':'function','function':"
     "{'name':'f'}}"), GHI GF ",'toolConfig':{'functionCallingConfig':{'mode':'ANY',"
     "'allowedFunctionNames':['f']}}}", ""},
    {"no tools (G39)", "gemini-2.0-flash", WITH("'tools':[],"
     "'tool_choice':'required'"), GHI "}", ""},
    {"budgets", "gemini-2.5-flash", WITH("'reasoning':{'effort':'high','exclude':true}"),
     GC("'thinkingConfig':{'thinkingBudget':24576}"), ""},
    {"a budget of one's own", "gemini-2.5-flash", WITH("'reasoning':{'max_tokens':77}"),
     GC("'thinkingConfig':{'includeThoughts':true,'thinkingBudget':77}"), ""},
    {"off", "gemini-2.5-flash", WITH("'reasoning_effort':'none'"),
     GC("'thinkingConfig':{'thinkingBudget':0}"), ""},
    {"off is refused", "gemini-2.5-pro", WITH("'reasoning_effort':'none'"),
     GC("'thinkingConfig':{'thinkingBudget':128}"), "reasoning"},
    {"levels", "gemini-4", WITH("'reasoning':{'enabled':false}"),
     GC("'thinkingConfig':{'thinkingLevel':'MINIMAL'}"), ""},
    {"two levels", "gemini-3-pro-preview", WITH("'reasoning':{'enabled':true}"),
     GC("'thinkingConfig':{'includeThoughts':true,'thinkingLevel':'HIGH'}"), ""},
    {"a level for a budget", "gemini-3-flash", WITH("'reasoning':{'max_tokens':8192}"),
     GC("'thinkingConfig':{'includeThoughts':true,'thinkingLevel':'MEDIUM'}"), ""},
    {"a model that cannot", "gemini-2.5-flash-image", WITH("'reasoning_effort':'low'"), GHI "}",
     "reasoning"},
    {"JSON by a schema", "gemini-2.5-flash",
     WITH("'response_format':{'type':'json_schema','json_schema':{'schema':{'$schema':'a',"
     "'b':1}}}"),
     GC("'responseMimeType':'application/json','responseJsonSchema':{'b':1}"), ""},
    {"JSON and tools", "gemini-2.5-flash", WITH(ONE ",'response_format':{'type':'json_object'}"),
     GHI GF "}", "response_format"},
    {"JSON and tools, later", "gemini-3-flash", WITH(ONE ",'response_format':{"
     "'type':'json_object'}"),
     GHI GF ",'generationConfig':{'responseMimeType':'application/json'}}", ""},
    {"pictures wanted", "gemini-2.5-flash-image", WITH("'modalities':['image','text','smell']"),
     GC("'responseModalities':['IMAGE','TEXT']"), "modalities"},
};

/* ---- chat ---- */

#define C(messages) "{'model':'m','messages':[" messages "]}"

static void test_chat_one_by_one(void)
{
    static const struct {
        uint32_t lacks;
        vector   v;
    } rows[] = {
        {0, {"nothing to change", "m", " {'a':1, 'model' : 'x','messages':[{"
        " 'role':'developer'}]} ",
             " {'a':1, 'model' : 'm','messages':[{ 'role':'developer'}]} ", ""}},
        {0, {"no model", "a\"b", "{'messages':[ ]}", "{'messages':[ ],'model':'a\\'b'}", ""}},
        {0, {"nothing", "m", "{ }", "{'model':'m' }", ""}},
        {0, {"two models (G20)", "m", "{'model':'a','b':1,'model':'c'}", "{'model':'m',"
        "'b':1}", ""}},
        {OR_LACKS_DEVELOPER, {"developer", "m", ASK("{'role':'developer','content':'developer'}"),
                              C("{'role':'system','content':'developer'}"), ""}},
        {OR_LACKS_NAME, {"name", "m",
            ASK("{'name':'a','role':'user','content':''},{'role':'tool','name':'b'},{'role':'user',"
                "'name':'c'}"),
            C("{'role':'user','content':''},{'role':'tool','name':'b'},{'role':'user'}"), ""}},
        {OR_LACKS_STRICT, {"strict", "m",
            "{'model':'a','tools':[{'type':'function','strict':1,'function':{'strict':true,"
            "'name':'a'"
            ",'parameters':{'strict':true}}}]}",
            "{'model':'m','tools':[{'type':'function','strict':1,'function':{'name':'a',"
            "'parameters':"
            "{'strict':true}}}]}", ""}},
        {OR_LACKS_CACHE_CONTROL, {"marks", "m",
            "{'tools':[{'type':'function','function':{'name':'a'," MARK "}," MARK "}],'messages':["
            "{'role':'user'," MARK ",'content':[{" MARK ",'type':'text','text':'a'},{'type':'text',"
            "'text':'b'," MARK "}]}],'model':'x'}",
            "{'tools':[{'type':'function','function':{'name':'a'}}],'messages':[{'role':'user',"
            "'content':[{'type':'text','text':'a'},{'type':'text','text':'b'}]}],"
            "'model':'m'}", ""}},
        {OR_LACKS_REASONING, {"reasoning (G46)", "m",
            ASK("{'role':'assistant','reasoning':'a','reasoning_content':'b','content':'c',"
                "'reasoning_details':[{}],'refusal':null}"),
            C("{'role':'assistant','content':'c','refusal':null}"), "+reasoning"}},
        {OR_LACKS_REASONING, {"no reasoning", "m", ASK("{'role':'assistant','reasoning':null}"),
                              C("{'role':'assistant'}"), ""}},
        {OR_LACKS_DETAILS, {"details", "m",
            ASK("{'refusal':null,'annotations':[],'images':[],'role':'assistant','reasoning':'a',"
                "'reasoning_details':[{}]}"),
            C("{'role':'assistant','reasoning':'a'}"), "+reasoning"}},
        {OR_WANTS_CONTENT, {"content (G41)", "m",
            ASK("{'role':'assistant','content':null},{'role':'assistant'},{'role':'user','content'"
                ":null}"),
            C("{'role':'assistant','content':''},{'role':'assistant','content':''},{'role':'user',"
              "'content':null}"), ""}},
        {OR_WANTS_ARGUMENTS, {"arguments (G35)", "m",
            ASK(CALLS(CALL("a", "f", "''") "," CALL("b", "f", "null") "," CALL("c", "f", "'[]'") ","
                CALL("d", "f", "'{'") "," CALL("e", "f", "' {\\'a\\': 1}'") ","
                CALL("f", "f", "{'a':1}") ",{'id':'g','function':{'name':'f'}}")),
            C(CALLS(CALL("a", "f", "'{}'") "," CALL("b", "f", "'{}'") "," CALL("c", "f", "'{}'") ","
                CALL("d", "f", "'{}'") "," CALL("e", "f", "' {\\'a\\': 1}'") ","
                CALL("f", "f", "'{\\'a\\':1}'") ",{'id':'g','function':{'arguments':'{}',"
                "'name':'f'}}")), ""}},
        {OR_WANTS_TEXT, {"text", "m",
            ASK("{'role':'user','content':[{'type':'text','text':'a\\n'},{'type':'text',"
            "'text':'b'}]}"
                ",{'role':'user','content':[]},{'role':'user','content':[{'type':'text',"
                "'text':'c'},"
                "{'type':'image_url','image_url':{'url':'d'}}]}"),
            C("{'role':'user','content':'a\\n\\nb'},{'role':'user','content':''},{'role':'user',"
              "'content':[{'type':'text','text':'c'},{'type':'image_url','image_url':{"
              "'url':'d'}}]}"),
            ""}},
        {OR_WANTS_TURNS, {"turns", "m",
            ASK("{'role':'assistant','content':''}," RESULT("x", "1") ",{'role':'assistant',"
            "'content'"
                ":null}," USER("a") "," SAID("b") "," USER("c") ",{'role':'assistant'}"),
            C(RESULT("x", "1") "," SAID("OK.") "," USER("a") "," SAID("b") "," USER("c")), ""}},
        {OR_WANTS_TURNS, {"no turn at all", "m", ASK("{'role':'assistant'}"), C(""), ""}},
        {OR_WANTS_REASONING, {"reasoning_content", "m",
            ASK("{'role':'assistant','reasoning':'a','content':'b'},{'role':'assistant',"
            "'reasoning':"
                "'a','reasoning_content':'c'},{'role':'assistant','reasoning':null,'tool_calls':["
                CALL("x", "f", "'{}'") "]},{'role':'assistant','reasoning_content':'',"
                "'tool_calls':[]"
                "}"),
            C("{'role':'assistant','reasoning_content':'a','content':'b'},{'role':'assistant',"
              "'reasoning_content':'c'},{'reasoning_content':' ','role':'assistant','tool_calls':["
              CALL("x", "f", "'{}'") "]},{'role':'assistant','tool_calls':[]}"), ""}},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        check_vectors(OR_DIALECT_CHAT, rows[i].lacks, &rows[i].v, 1);
}

/* Nine letters or digits, equal for equal ids however they are escaped. */
static void test_short_ids(void)
{
    static char        mem[4096];
    static const char  letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char        *at[4];
    or_dialect_request q = {{NULL, 0}, OR_STR_INIT("m"), 0, 0, OR_WANTS_SHORT_IDS};
    or_buf             out;
    q.body = quoted(ASK(CALLS(CALL("call_1", "f", "'{}'") "," CALL("abcDEF123", "f", "'{}'") ","
                              CALL("abcDEF12_", "f", "'{}'")) ","
                        RESULT("c\\u0061ll_1", "1") "," RESULT("abcDEF123", "2")));
    or_buf_init(&out, mem, sizeof mem - 1);
    CHECK_ERR(write_to(&out, OR_DIALECT_CHAT, &q), OR_OK, "ids");
    mem[out.len] = 0;
    at[0] = strstr(mem, "\"id\":\"") + 6;
    at[1] = strstr(at[0], "\"id\":\"") + 6;
    at[2] = strstr(at[1], "\"id\":\"") + 6;
    at[3] = strstr(at[2], "\"tool_call_id\":\"") + 16;
    for (int i = 0; i < 4; i++)
        CHECK(strspn(at[i], letters) == 9 && at[i][9] == '"', "ids");
    CHECK(memcmp(at[0], at[3], 9) == 0, "the result's id is the call's");
    CHECK(memcmp(at[1], "abcDEF123", 9) == 0, "a short one stays");
    CHECK(memcmp(at[2], at[1], 9) != 0 && memcmp(at[2], at[0], 9) != 0, "others differ");
    CHECK(strstr(at[3], "\"tool_call_id\":\"abcDEF123\"") != NULL, "a short one stays");
    check_small(OR_DIALECT_CHAT, &q, out.len, "ids");
    drop(q.body);
}

/* ---- whatever may stand anywhere ---- */

/* With that in the place of the value. Whatever it is, the result is JSON, or nothing and an
   error with a name. */
static void check_instead(or_str body, or_str old, const char *instead, const char *name)
{
    static char             text[ROOM], mem[ROOM];
    static const or_dialect all[] = {OR_DIALECT_MESSAGES, OR_DIALECT_GEMINI, OR_DIALECT_CHAT};
    or_dialect_request      q = {{NULL, 0}, OR_STR_INIT("gemini-3"), 0, 0, 0xFFF};
    or_buf                  in, out;
    or_buf_init(&in, text, sizeof text);
    or_buf_put(&in, body.ptr, (size_t)(old.ptr - body.ptr));
    or_buf_put_z(&in, instead);
    or_buf_put(&in, old.ptr + old.len, (size_t)(body.ptr + body.len - old.ptr) - old.len);
    q.body = test_exact(or_buf_str(&in));
    for (size_t i = 0; i < COUNT(all); i++) {
        or_dialect_loss loss = {{NULL}, 0, false, false};
        const char     *bad = "?";
        or_err          e;
        or_buf_init(&out, mem, sizeof mem);
        e = or_dialect_write(&out, all[i], &q, &loss, &bad);
        if (e == OR_OK) {
            CHECK_ERR(or_json_check(or_buf_str(&out), NULL), OR_OK, name);
            CHECK(bad == NULL, name);
        } else {
            CHECK(e == OR_ERR_TYPE || e == OR_ERR_DIALECT, name);
            CHECK(out.len == 0 && (bad != NULL || old.ptr == body.ptr), name);
            CHECK(all[i] != OR_DIALECT_CHAT || old.ptr == body.ptr, name);
        }
    }
    drop(q.body);
}

/* Every value of every vector in turn becomes something else. */
static void check_any(const vector *v, size_t num)
{
    static const char *const instead[] = {"null", "true",      "-1e9",         "\"\"",
                                          "[]",   "{}",        "\"a\\u0000\"", "[[{}],1]",
                                          "{\"type\":\"\"}", "\"{\\\"a\\\":1}\""};
    for (size_t i = 0; i < num; i++) {
        or_str       body = quoted(v[i].body);
        or_json_scan scan, ahead;
        or_json_item item;
        or_json_scan_init(&scan, body);
        while (or_json_scan_next(&scan, &item) == OR_OK) {
            or_str old = item.value;
            if (item.type == OR_JSON_END) continue;
            ahead = scan;
            if (or_json_scan_skip(&ahead, &item) == OR_OK) old = item.value;
            if (item.type == OR_JSON_STRING) old = or_str_of(old.ptr - 1, old.len + 2);
            for (size_t k = 0; k < COUNT(instead); k++)
                check_instead(body, old, instead[k], v[i].name);
        }
        drop(body);
    }
}

/* ---- errors and limits ---- */

#define PART(part) ASK("{'role':'user','content':[" part "]}")

static void test_errors(void)
{
    static const struct {
        const char *name, *body;
        int         to; /* M, G, C or * */
        or_err      want;
        const char *bad;
    } rows[] = {
        {"not an object", "[]", '*', OR_ERR_TYPE, NULL},
        {"not JSON", "{'a':1,}", '*', OR_ERR_JSON, NULL},
        {"NaN (G20)", "{'a':NaN}", '*', OR_ERR_JSON, NULL},
        {"no messages (G42)", "{}", '2', OR_ERR_DIALECT, "messages"},
        {"zero messages (G42)", "{'messages':[]}", '2', OR_ERR_DIALECT, "messages"},
        {"messages of a type", "{'messages':{}}", '2', OR_ERR_TYPE, "messages"},
        {"a message of a type", "{'messages':['a']}", '2', OR_ERR_TYPE, "messages"},
        {"no role", ASK("{'content':'a'}"), '2', OR_ERR_TYPE, "messages.role"},
        {"a role", ASK("{'role':'critic','content':'a'}"), '2', OR_ERR_TYPE, "messages.role"},
        {"content of a type", ASK("{'role':'user','content':1}"), '2', OR_ERR_TYPE,
         "messages.content"},
        {"a part of a type", PART("1"), '2', OR_ERR_TYPE, "messages.content"},
        {"calls of a type", ASK("{'role':'assistant','tool_calls':{}}"), '2', OR_ERR_TYPE,
         "messages.tool_calls"},
        {"a call without a name", ASK("{'role':'assistant','tool_calls':[{'id':'a'}]}"), '2',
         OR_ERR_TYPE, "messages.tool_calls"},
        {"stream in words (G57)", WITH("'stream':'true'"), '2', OR_ERR_TYPE, "stream"},
        {"a number in words (G57)", WITH("'temperature':'1'"), '2', OR_ERR_TYPE, "temperature"},
        {"less than none (G57)", WITH("'max_tokens':-1"), '2', OR_ERR_TYPE, "max_tokens"},
        {"half a token", WITH("'max_completion_tokens':1.5"), '2', OR_ERR_TYPE,
         "max_completion_tokens"},
        {"half a budget", WITH("'reasoning':{'max_tokens':1.5}"), '2', OR_ERR_TYPE, "reasoning"},
        {"stop of a type", WITH("'stop':1"), '2', OR_ERR_TYPE, "stop"},
        {"stops of a type", WITH("'stop':['a',1]"), '2', OR_ERR_TYPE, "stop"},
        {"tools of a type", WITH("'tools':{}"), '2', OR_ERR_TYPE, "tools"},
        {"a tool of a type", WITH("'tools':[1]"), '2', OR_ERR_TYPE, "tools"},
        {"a tool without a name", WITH("'tools':[{'function':{}}]"), '2', OR_ERR_TYPE, "tools"},
        {"choice of a type", WITH(ONE ",'tool_choice':1"), '2', OR_ERR_TYPE, "tool_choice"},
        {"sound", PART("{'type':'input_audio','input_audio':{'data':'','format':'wav'}}"), 'M',
         OR_ERR_DIALECT, "messages.input_audio"},
        {"sound without a format", PART("{'type':'input_audio','input_audio':{'data':''}}"), 'G',
         OR_ERR_DIALECT, "messages.input_audio"},
        {"films", PART("{'type':'video_url','video_url':{'url':'https://h'}}"), 'M', OR_ERR_DIALECT,
         "messages.video_url"},
        {"bare base64 (G44)", PART("{'type':'image_url','image_url':{'url':'iVBO'}}"), '2',
         OR_ERR_DIALECT, "messages.image_url"},
        {"no URL (G44)", PART("{'type':'image_url','image_url':{}}"), '2', OR_ERR_DIALECT,
         "messages.image_url"},
        {"missing ;base64 (G44)", PART("{'type':'image_url','image_url':{'url':'data:image/png,"
        "AA'}}"),
         '2', OR_ERR_DIALECT, "messages.image_url"},
        {"svg (G44)", PART("{'type':'image_url','image_url':{'url':'data:image/svg+xml;base64,"
        "AA'}}"),
         'M', OR_ERR_DIALECT, "messages.image_url"},
        {"a mime type that is none (G44)",
         PART("{'type':'image_url','image_url':{'url':'data:a\\'b;base64,"
         "AA'}}"), '2', OR_ERR_DIALECT,
         "messages.image_url"},
        {"a text that is none", PART("{'type':'file','file':{'file_data':'data:text/plain;base64,"
        "/w=='}}"),
         'M', OR_ERR_DIALECT, "messages.file"},
        {"a file of a kind", PART("{'type':'file','file':{'file_data':'data:a/b;base64,AA'}}"), 'M',
         OR_ERR_DIALECT, "messages.file"},
        {"somebody's file", PART("{'type':'file','file':{"
        "'file_id':'file-1'}}"), '2', OR_ERR_DIALECT,
         "messages.file"},
    };
    static const struct {
        or_dialect to;
        char       letter;
    } all[] = {{OR_DIALECT_MESSAGES, 'M'}, {OR_DIALECT_GEMINI, 'G'}, {OR_DIALECT_CHAT, 'C'}};
    for (size_t i = 0; i < COUNT(rows) * COUNT(all); i++) {
        size_t             k = i / COUNT(all), d = i % COUNT(all);
        or_dialect_request q = {{NULL, 0}, OR_STR_INIT("m"), 0, 0, 0};
        or_dialect_loss    loss = {{NULL}, 0, false, false};
        const char        *bad = "?";
        char               mem[1024];
        or_buf             out;
        if (rows[k].to != '*' && rows[k].to != all[d].letter &&
            (rows[k].to != '2' || all[d].letter == 'C'))
            continue;
        q.body = quoted(rows[k].body);
        or_buf_init(&out, mem, sizeof mem);
        or_buf_put_char(&out, '#');
        CHECK_ERR(or_dialect_write(&out, all[d].to, &q, &loss, &bad), rows[k].want, rows[k].name);
        CHECK_STR(or_str_z(bad), or_str_z(rows[k].bad), rows[k].name);
        CHECK(out.len == 1 && out.err == OR_OK, rows[k].name);
        CHECK_ERR(or_dialect_write(&out, all[d].to, &q, &loss, NULL), rows[k].want, rows[k].name);
        drop(q.body);
    }
}

static void test_wrong_use(void)
{
    static const or_dialect none[] = {OR_DIALECT_TEXT, OR_DIALECT_RESPONSES, (or_dialect)9};
    or_dialect_request      q = {OR_STR_INIT("{\"messages\":[]}"), OR_STR_INIT("m"), 0, 0, 0};
    char                    mem[64];
    or_buf                  out;
    or_buf_init(&out, mem, sizeof mem);
    for (size_t i = 0; i < COUNT(none); i++)
        CHECK_ERR(write_to(&out, none[i], &q), OR_ERR_ARG, "no such translation");
    q.model = or_str_of("\xFF", 1);
    CHECK_ERR(write_to(&out, OR_DIALECT_CHAT, &q), OR_ERR_UTF8, "a model that is no text");
    CHECK(out.len == 0, "nothing left");
    or_buf_init_counting(&out);
    CHECK_ERR(write_to(&out, OR_DIALECT_CHAT, &q), OR_ERR_ARG, "counting");
    or_buf_init(&out, mem, 1);
    or_buf_put_z(&out, "ab");
    CHECK_ERR(write_to(&out, OR_DIALECT_CHAT, &q), OR_ERR_SPACE, "an error that stuck");
}

/* q->max_tokens counts more than the body's, output_limit more than the table, and thinking does
   not raise what the caller named. */
static void test_limits(void)
{
    static const struct {
        uint32_t    max_tokens, output_limit;
        const char *members, *want;
    } rows[] = {
        {0, 0, "'max_tokens':4097", "4096"},
        {100, 0, "'max_tokens':7", "100"},
        {0, 5000, "'max_tokens':5001", "5000"},
        {0, 5000, "'max_tokens':5000", "5000"},
        {0, 5000, "'max_tokens':4999", "4999"},
        {6000, 5000, "'n':1", "5000"},
        {0, 9000, "'n':1", "8192"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char               body[256], want[256];
        or_dialect_request q = {{NULL, 0}, OR_STR_INIT("claude-3-haiku"), 0, 0, 0};
        snprintf(body, sizeof body, "{'messages':[" USER("hi") "],%s}", rows[i].members);
        snprintf(want, sizeof want, CLAUDE("claude-3-haiku", "%s") HI "}", rows[i].want);
        q.body = quoted(body);
        q.max_tokens = rows[i].max_tokens;
        q.output_limit = rows[i].output_limit;
        check_write(OR_DIALECT_MESSAGES, &q, want, "", rows[i].members);
        drop(q.body);
    }
    for (uint32_t max = 1023; max < 1028; max++) {
        char               want[256];
        or_dialect_request q = {{NULL, 0}, OR_STR_INIT("m"), 0, 0, 0};
        q.body = quoted(WITH("'reasoning':{'max_tokens':2000}"));
        q.max_tokens = max;
        snprintf(want, sizeof want,
                 max < 1025 ? "{'model':'m','max_tokens':%u," HI "}"
                            : "{'model':'m','max_tokens':%u," HI
                              ",'thinking':{'type':'enabled','budget_tokens':%u}}", max, max - 1);
        check_write(OR_DIALECT_MESSAGES, &q, want, max < 1025 ? "reasoning" : "", "a cap");
        drop(q.body);
    }
}

/* As many pieces as are allowed, one more, and far more than that of what has no limit. */
static void test_counts(void)
{
    static char        body[1 << 18], mem[1 << 20];
    or_dialect_request q = {{NULL, 0}, OR_STR_INIT("m"), 0, 0, 0};
    or_buf             in, out;
    for (uint32_t num = OR_CHAT_MAX_CALLS - 1; num <= OR_CHAT_MAX_CALLS + 1; num++) {
        or_buf_init(&in, body, sizeof body);
        or_buf_put_z(&in, "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[");
        for (uint32_t i = 0; i < num; i++) {
            or_buf_put_z(&in, i > 0 ? ",{\"id\":\"" : "{\"id\":\"");
            or_buf_put_u64(&in, i);
            or_buf_put_z(&in, "\",\"function\":{\"name\":\"f\"}}");
        }
        or_buf_put_z(&in, "]}]}");
        q.body = or_buf_str(&in);
        or_buf_init(&out, mem, sizeof mem);
        CHECK_ERR(write_to(&out, OR_DIALECT_MESSAGES, &q),
                  num > OR_CHAT_MAX_CALLS ? OR_ERR_TOKENS : OR_OK, "calls of a turn");
        CHECK((out.len == 0) == (num > OR_CHAT_MAX_CALLS), "calls of a turn");
    }
    for (uint32_t num = OR_DIALECT_MAX_TOOLS - 1; num <= OR_DIALECT_MAX_TOOLS + 1; num++) {
        or_buf_init(&in, body, sizeof body);
        or_buf_put_z(&in, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":[");
        for (uint32_t i = 0; i < num; i++)
            or_buf_put_z(&in, i > 0 ? ",{\"function\":{\"name\":\"f\"}}"
                                    : "{\"function\":{\"name\":\"f\"}}");
        or_buf_put_z(&in, "]}");
        q.body = or_buf_str(&in);
        or_buf_init(&out, mem, sizeof mem);
        CHECK_ERR(write_to(&out, OR_DIALECT_GEMINI, &q),
                  num > OR_DIALECT_MAX_TOOLS ? OR_ERR_TOKENS : OR_OK, "tools");
    }
    for (uint32_t num = OR_DIALECT_MAX_TOOLS - 1; num <= OR_DIALECT_MAX_TOOLS + 1; num++) {
        or_buf_init(&in, body, sizeof body);
        or_buf_put_z(&in, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":["
                          "{\"function\":{\"name\":\"f\"}},{\"function\":{\"name\":\"last\"}}],"
                          "\"tool_choice\":{\"allowed_tools\":{\"tools\":[");
        for (uint32_t i = 1; i < num; i++) or_buf_put_z(&in, "{\"name\":\"ff\"},");
        or_buf_put_z(&in, "{\"name\":\"last\"}]}}}");
        q.body = or_buf_str(&in);
        or_buf_init(&out, mem, sizeof mem);
        CHECK_ERR(write_to(&out, OR_DIALECT_GEMINI, &q),
                  num > OR_DIALECT_MAX_TOOLS ? OR_ERR_TOKENS : OR_OK, "allowed tools");
        if (num > OR_DIALECT_MAX_TOOLS) continue;
        CHECK(or_str_find(or_buf_str(&out), OR_STR("[{\"name\":\"last\"}]"), 0) < out.len,
              "allowed tools");
    }
    for (uint32_t num = OR_DIALECT_MAX_TOOLS - 1; num <= OR_DIALECT_MAX_TOOLS + 1; num++) {
        or_buf_init(&in, body, sizeof body);
        or_buf_put_z(&in, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}");
        for (uint32_t i = 0; i < 2 * num; i++) {
            or_buf_put_z(&in, ",{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"x\","
                              "\"function\":{\"name\":\"f");
            or_buf_put_u64(&in, i % num);
            or_buf_put_z(&in, "\"}}]},{\"role\":\"user\",\"content\":\"a\"}");
        }
        or_buf_put_z(&in, "]}");
        q.body = or_buf_str(&in);
        or_buf_init(&out, mem, sizeof mem);
        CHECK_ERR(in.err, OR_OK, "stubs");
        CHECK_ERR(write_to(&out, OR_DIALECT_MESSAGES, &q),
                  num > OR_DIALECT_MAX_TOOLS ? OR_ERR_TOKENS : OR_OK, "stubs");
    }
    or_buf_init(&in, body, sizeof body);
    or_buf_put_z(&in, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}");
    for (int i = 0; i < 2000; i++) or_buf_put_z(&in, ",{\"role\":\"user\",\"content\":\"a\"}");
    or_buf_put_z(&in, "]}");
    q.body = or_buf_str(&in);
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(write_to(&out, OR_DIALECT_MESSAGES, &q), OR_OK, "messages");
    CHECK_ERR(or_json_check(or_buf_str(&out), NULL), OR_OK, "messages");
}

/* A long id becomes one of 64 bytes, and another one another (G33). */
static void test_long_ids(void)
{
    char               a[300], b[300], body[2048];
    static char        mem[8192];
    or_dialect_request q = {{NULL, 0}, OR_STR_INIT("m"), 0, 0, 0};
    or_buf             out;
    const char        *first, *second;
    for (size_t len = 64; len < 300; len += len < 66 ? 1 : 78) {
        memset(a, 'x', len);
        a[len] = 0;
        memcpy(b, a, len + 1);
        b[len - 1] = 'y';
        snprintf(body, sizeof body, ASK(USER("a") "," CALLS(CALL("%s", "f", "'{}'") ","
                 CALL("%s", "f", "'{}'")) "," RESULT("%s", "2")), a, b, b);
        q.body = quoted(body);
        or_buf_init(&out, mem, sizeof mem - 1);
        CHECK_ERR(write_to(&out, OR_DIALECT_MESSAGES, &q), OR_OK, "long ids");
        mem[out.len] = 0;
        first = strstr(mem, "\"id\":\"") + 6;
        second = strstr(first, "\"id\":\"") + 6;
        CHECK(strcspn(first, "\"") == 64 && strcspn(second, "\"") == 64, "long ids");
        CHECK(memcmp(first, second, 64) != 0, "long ids stay apart");
        first = strstr(strstr(mem, "tool_use_id") + 14, "tool_use_id") + 14;
        CHECK(memcmp(first, second, 64) == 0, "long ids stay together");
        drop(q.body);
    }
}

/* ---- the path, and the parameters ---- */

static void test_path(void)
{
    static const struct {
        or_dialect  d;
        const char *model;
        bool        stream;
        const char *want;
    } rows[] = {
        {OR_DIALECT_CHAT, "a/b", true, "/chat/completions"},
        {OR_DIALECT_TEXT, "a", false, "/completions"},
        {OR_DIALECT_RESPONSES, "a", false, "/responses"},
        {OR_DIALECT_MESSAGES, "", true, "/v1/messages"},
        {OR_DIALECT_GEMINI, "gemini-3-pro", false, "/v1beta/models/gemini-3-pro:generateContent"},
        {OR_DIALECT_GEMINI, "models/a_b~c", true,
         "/v1beta/models/a_b~c:streamGenerateContent?alt=sse"},
        {OR_DIALECT_GEMINI, "tunedModels/x", false, "/v1beta/tunedModels/x:generateContent"},
        /* G56 */
        {OR_DIALECT_GEMINI, "a:b@c d/%?#\xC3\xA9", false,
         "/v1beta/models/a%3Ab%40c%20d/%25%3F%23%C3%A9:generateContent"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t size = strlen(rows[i].want);
        for (size_t n = 0; n <= size; n++) {
            char  *mem = malloc(n + 1);
            or_buf out;
            if (mem == NULL) abort();
            or_buf_init(&out, mem, n);
            CHECK_ERR(or_dialect_put_path(&out, rows[i].d, or_str_z(rows[i].model), rows[i].stream),
                      n < size ? OR_ERR_SPACE : OR_OK, rows[i].want);
            CHECK_STR(or_buf_str(&out), or_str_z(n < size ? "" : rows[i].want), rows[i].want);
            free(mem);
        }
    }
    or_buf out;
    char   mem[64];
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_dialect_put_path(&out, OR_DIALECT_GEMINI, OR_STR(""), true), OR_ERR_ARG,
              "no model");
    CHECK_ERR(or_dialect_put_path(&out, (or_dialect)5, OR_STR("a"), true), OR_ERR_ARG,
              "no dialect");
    CHECK(out.len == 0, "nothing left");
}

/* What is said to be spoken is not lost, and the other way round. */
static void test_parameters(void)
{
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"temperature", "0.5"}, {"top_p", "0.5"}, {"top_k", "5"}, {"min_p", "0.5"},
        {"top_a", "0.5"},
        {"frequency_penalty", "0.5"}, {"presence_penalty", "0.5"}, {"repetition_penalty", "0.5"},
        {"max_tokens", "5"}, {"max_completion_tokens", "5"}, {"logit_bias", "{'1':1}"},
        {"logprobs", "true"}, {"prediction", "{'a':1}"}, {"seed", "5"}, {"stop", "'a'"},
        {"response_format", "{'type':'text'}"}, {"structured_outputs", "true"}, {"tools", "[]"},
        {"tool_choice", "'auto'"}, {"parallel_tool_calls", "false"}, {"include_reasoning", "true"},
        {"reasoning", "{}"}, {"reasoning_effort", "'low'"}, {"web_search_options", "{'a':1}"},
    };
    static const struct {
        or_dialect  to;
        const char *model;
    } all[] = {{OR_DIALECT_MESSAGES, "claude-3-7-sonnet"}, {OR_DIALECT_GEMINI, "gemini-3-flash"}};
    CHECK(or_dialect_parameters(OR_DIALECT_CHAT) == ((uint32_t)1 << OR_PARAM_NUM) - 1, "chat");
    CHECK((or_dialect_parameters(OR_DIALECT_TEXT) & or_param_bit(OR_STR("tools"))) == 0, "text");
    CHECK((or_dialect_parameters(OR_DIALECT_TEXT) & or_param_bit(OR_STR("top_p"))) != 0, "text");
    CHECK((or_dialect_parameters(OR_DIALECT_RESPONSES) & or_param_bit(OR_STR("tools"))) != 0,
          "responses");
    for (size_t i = 0; i < COUNT(rows) * COUNT(all); i++) {
        size_t             k = i / COUNT(all), d = i % COUNT(all);
        uint32_t           spoken = or_dialect_parameters(all[d].to);
        uint32_t           bit = or_param_bit(or_str_z(rows[k].name));
        char               body[256], mem[1024], line[256];
        or_dialect_request q = {{NULL, 0}, {NULL, 0}, 0, 0, 0};
        or_dialect_loss    loss = {{NULL}, 0, false, false};
        or_buf             out;
        snprintf(body, sizeof body, "{'messages':[" USER("hi") "],'%s':%s}", rows[k].name,
                 rows[k].value);
        q.body = quoted(body);
        q.model = or_str_z(all[d].model);
        or_buf_init(&out, mem, sizeof mem);
        CHECK_ERR(or_dialect_write(&out, all[d].to, &q, &loss, NULL), OR_OK, rows[k].name);
        list_losses(&loss, line, sizeof line);
        CHECK_STR(or_str_z(line),
                  or_str_z((spoken & bit) != 0 ? "" : rows[k].name),
                  rows[k].name);
        drop(q.body);
    }
}

/* More losses than are listed: each once, and no more than there is room for. */
static void test_many_losses(void)
{
    static char        mem[1024];
    or_dialect_request q = {{NULL, 0}, OR_STR_INIT("m"), 0, 0, 0};
    or_dialect_loss    loss = {{NULL}, 0, false, false};
    or_buf             out;
    q.body = quoted(WITH("'n':2,'seed':1,'logprobs':true,'top_logprobs':1,'frequency_penalty':1,"
                         "'presence_penalty':1,'logit_bias':{'1':1},'prediction':{'a':1},"
                         "'audio':{'a'"
                         ":1},'store':true,'metadata':{'a':'b'},'service_tier':'flex','min_p':1,"
                         "'top_a':1,'moderation':1,'image_config':{'a':1},'x_search_filter':{"
                         "'a':1},"
                         "'verbosity':'low','b':1,'c':2"));
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_dialect_write(&out, OR_DIALECT_MESSAGES, &q, &loss, NULL), OR_OK, "losses");
    CHECK(loss.num == OR_DIALECT_MAX_LOSSES, "losses");
    for (uint32_t i = 0; i < loss.num; i++)
        for (uint32_t k = 0; k < i; k++)
            CHECK(strcmp(loss.names[i], loss.names[k]) != 0, "each once");
    drop(q.body);
}

int main(void)
{
    check_vectors(OR_DIALECT_MESSAGES, 0, messages, COUNT(messages));
    check_vectors(OR_DIALECT_MESSAGES, 0, members, COUNT(members));
    check_vectors(OR_DIALECT_GEMINI, 0, gemini, COUNT(gemini));
    test_chat_one_by_one();
    check_any(messages, COUNT(messages));
    check_any(members, COUNT(members));
    check_any(gemini, COUNT(gemini));
    test_short_ids();
    test_errors();
    test_wrong_use();
    test_limits();
    test_counts();
    test_long_ids();
    test_path();
    test_parameters();
    test_many_losses();
    TEST_MAIN_END("test_dialect_write");
}
