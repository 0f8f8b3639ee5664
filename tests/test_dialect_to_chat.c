/* Requests of clients as chat requests, to the byte: Messages, Responses and the older
   completions; what is lost on the way, what is refused, and how many tokens it may be. JSON is
   written with ' for " here. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/test.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

enum { ROOM = 16384 };

/* Text of a vector as JSON, in a block of exactly its size; free it. */
static or_str json(const char *text)
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

/* "a b" for the losses a and b, " +" behind them when reasoning was left out. */
static void list_losses(char *text, size_t size, const or_dialect_loss *loss)
{
    size_t n = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < loss->num; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s", i > 0 ? " " : "", loss->names[i]);
    if (loss->reasoning) snprintf(text + n, size - n, "%s+", n > 0 ? " " : "");
}

/* What is written, and into every size of buffer: only the last suffices. What does not fit, and
   what is cut anywhere, leaves nothing. */
static void check_chat(or_dialect from, const char *in, const char *want, const char *lost,
                       const char *name)
{
    static char     mem[ROOM], losses[512];
    or_str          body = json(in), chat = json(want);
    or_buf          out;
    or_dialect_loss loss;
    const char     *bad;
    memset(&loss, 0, sizeof loss);
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_dialect_to_chat(&out, from, body, &loss, &bad), OR_OK, name);
    CHECK_STR(or_buf_str(&out), chat, name);
    CHECK_ERR(or_json_check(or_buf_str(&out), NULL), OR_OK, name);
    list_losses(losses, sizeof losses, &loss);
    CHECK_STR(or_str_z(losses), or_str_z(lost), name);
    for (size_t n = 0; n <= chat.len; n++) {
        char *exact = malloc(n + 1);
        if (exact == NULL) abort();
        or_buf_init(&out, exact, n);
        CHECK_ERR(or_dialect_to_chat(&out, from, body, NULL, NULL),
                  n < chat.len ? OR_ERR_SPACE : OR_OK, name);
        CHECK(out.len == (n < chat.len ? 0 : chat.len), name);
        free(exact);
    }
    size_t end = body.len;
    while (body.ptr[end - 1] != '}') end--; /* only white space may be cut off */
    for (size_t n = 0; n < end; n++) {
        or_str cut = test_exact(or_str_of(body.ptr, n));
        or_buf_init(&out, mem, sizeof mem);
        CHECK_ERR(or_dialect_to_chat(&out, from, cut, &loss, &bad), OR_ERR_TRUNCATED, name);
        CHECK(out.len == 0, name);
        drop(cut);
    }
    drop(body);
    drop(chat);
}

/* Refused, and nothing is written behind what was there. */
static void check_bad(or_dialect from, const char *in, or_err want, const char *member)
{
    char        mem[ROOM];
    or_str      body = json(in);
    or_buf      out;
    const char *bad = NULL;
    or_buf_init(&out, mem, sizeof mem);
    or_buf_put_z(&out, "kept");
    CHECK_ERR(or_dialect_to_chat(&out, from, body, NULL, &bad), want, in);
    CHECK_STR(or_str_z(bad), or_str_z(member), in);
    CHECK_STR(or_buf_str(&out), OR_STR("kept"), in);
    CHECK(out.err == OR_OK, in);
    drop(body);
}

typedef struct vector {
    const char *name, *in, *want, *lost;
} vector;

/* Only the messages; or only other members, with the least of messages. */
#define M(messages) "{'messages':[" messages "]}"
#define HI          "{'role':'user','content':'hi'}"
#define U(blocks)   "{'role':'user','content':[" blocks "]}"
#define A(blocks)   "{'role':'assistant','content':[" blocks "]}"
#define T(text)     "{'type':'text','text':'" text "'}"
#define CACHE       "'cache_control':{'type':'ephemeral'}"
#define USED \
    "{'type':'tool_use','id':'t1','name':'f','input':{'a':1e-7, 'b':[ 90071992547409931 ]}}"

#define PNG "{'type':'image','source':{'type':'base64','media_type':'image/png','data':'QUJD'}}"

#define PNG_PART     "{'type':'image_url','image_url':{'url':'data:image/png;base64,QUJD'}}"
#define RESULT(more) "{'type':'tool_result','tool_use_id':'t1'" more "}"
#define TOOL(more)   "{'role':'tool','tool_call_id':'t1','content':" more "}"

/* ---- MESSAGES: messages ---- */

static const vector messages[] = {
    {"G16 G22: as they are",
     M(HI ",{'role':'assistant','content':'a\\u00e9\\ud83d\\ude00 \\ud83d \\/'}," HI),
     M(HI ",{'role':'assistant','content':'a\\u00e9\\ud83d\\ude00 \\ud83d \\/'}," HI), ""},
    {"G19: NUL", M("{'role':'user','content':'a\\u0000b'}"),
     M("{'role':'user','content':'a\\u0000b'}"), ""},
    {"G42: same role twice, prefill", M(HI "," HI ",{'content':'It','role':'assistant'}"),
     M(HI "," HI ",{'role':'assistant','content':'It'}"), ""},
    {"assistant first", M("{'role':'assistant','content':''}"),
     M("{'role':'assistant','content':''}"), ""},
    {"G41: content without blocks", M(U("") "," A("")),
     M("{'role':'user','content':''},{'role':'assistant','content':''}"), ""},
    {"white space", M(U(T("  ")) "," A(T(" "))),
     M(U(T("  ")) ",{'role':'assistant','content':' '}"), ""},
    {"G43: system in the middle",
     M(HI ",{'role':'system','content':'s'},{'role':'system','content':[" T("a") "," T("b") "]}"),
     M(HI ",{'role':'system','content':'s'},{'role':'system','content':'a\\n\\nb'}"), ""},
    {"texts are parts", M(U(T("a") "," T("b"))), M(U(T("a") "," T("b"))), ""},
    {"marks for caches", M(U("{'type':'text'," CACHE ",'text':'a'}")),
     M(U("{'type':'text','text':'a'," CACHE "}")), ""},
    {"G45: five marks", /* not ours to count */
     M(U("{'type':'text','text':''," CACHE "},{'type':'text','text':'b'," CACHE
         "}") "," U("{'type':'text','text':'c'," CACHE "},{'type':'text','text':'d'," CACHE
                    "},{'type':'text','text':'e'," CACHE "}")),
     M(U("{'type':'text','text':''," CACHE "},{'type':'text','text':'b'," CACHE
         "}") "," U("{'type':'text','text':'c'," CACHE "},{'type':'text','text':'d'," CACHE
                    "},{'type':'text','text':'e'," CACHE "}")),
     ""},
    {"assistant's texts", M(A(T("a") "," T("") "," T("b"))),
     M("{'role':'assistant','content':'ab'}"), ""},
    {"assistant's text marked", M(A(T("a") ",{'type':'text','text':'b'," CACHE "}")),
     M(A(T("a") ",{'type':'text','text':'b'," CACHE "}")), ""},
    {"G45: mark without a place", M(A("{'type':'tool_use','id':'t1','name':'f'," CACHE "}")),
     M("{'role':'assistant','content':null,'tool_calls':[{'type':'function','id':'t1','function':{'"
       "name':'f','arguments':'{}'}}]}"),
     "messages.cache_control"},
    {"G21: call", M(A(T("a") "," USED)), /* arguments to the byte */
     M("{'role':'assistant','content':'a','tool_calls':[{'type':'function','id':'t1','function':{'"
       "name':'f','arguments':"
       "'{\\'a\\':1e-7, \\'b\\':[ 90071992547409931 ]}'}}]}"),
     ""},
    {"G31 G34: two calls",
     M(A(USED ",{'type':'tool_use','id':'t2','name':'n.s:x','input':{'s':'\\u0022\\\\'}}")),
     M("{'role':'assistant','content':null,'tool_calls':[{'type':'function','id':'t1','function':{'"
       "name':'f','arguments':"
       "'{\\'a\\':1e-7, \\'b\\':[ 90071992547409931 "
       "]}'}},{'type':'function','id':'t2','function':{'name':'n.s:x',"
       "'arguments':'{\\'s\\':\\'\\\\u0022\\\\\\\\\\'}'}}]}"),
     ""},
    {"G33 G35: input null", M(A("{'type':'tool_use','id':'','name':'f','input':null}")),
     M("{'role':'assistant','content':null,'tool_calls':[{'type':'function','id':'','function':{'"
       "name':'f','arguments':'{}'}}]}"),
     ""},
    {"result", M(U(RESULT(",'content':'5 m'"))), M(TOOL("'5 m'")), ""},
    {"G38: result without content",
     M(U(RESULT("") "," RESULT(",'content':null") "," RESULT(",'content':[]") "," RESULT(
         ",'content':''"))),
     M(TOOL("''") "," TOOL("''") "," TOOL("''") "," TOOL("''")), ""},
    {"G37: results before the rest",
     M(U(T("a") "," RESULT(",'content':[" T("b") "," T("c") "]") "," T("d") "," RESULT(
         ",'content':'e'"))),
     M(TOOL("'b\\nc'") "," TOOL("'e'") "," U(T("a") "," T("d"))), ""},
    {"G38: result is an error",
     M(U(RESULT(",'is_error':true,'content':'no'") "," RESULT(",'is_error':true") "," RESULT(
         ",'is_error':false,'content':'f'"))),
     M(TOOL("'Error: no'") "," TOOL("'Error: '") "," TOOL("'f'")), ""},
    {"G38: result with images",
     M(U(RESULT(",'content':[" T("see") "," PNG "]") "," RESULT(",'content':[" PNG
                                                                "]") "," T("and"))),
     M(TOOL("'see'") "," TOOL("'[in the next message]'") "," U(PNG_PART "," PNG_PART "," T("and"))),
     ""},
    {"result marked", M(U(RESULT(",'content':'a'," CACHE))),
     M(TOOL("[{'type':'text','text':'a'," CACHE "}]")), ""},
    {"mark inside a result", M(U(RESULT(",'content':[{'type':'text','text':'a'," CACHE "}]"))),
     M(TOOL("'a'")), "messages.cache_control"},
    {"result that cannot be said",
     M(U(RESULT(",'content':[{'type':'tool_reference','tool_name':5}]"))), M(TOOL("'[left out]'")),
     "messages.tool_reference"},
    {"G44: image by url",
     M(U("{'type':'image','source':{'url':'https://h/i.png','type':'url'}," CACHE
         "}")), /* not fetched */
     M(U("{'type':'image_url','image_url':{'url':'https://h/i.png'}," CACHE "}")), ""},
    {"G44: image odd",
     M(U("{'type':'image','source':{'type':'base64','media_type':'IMAGE/"
         "svg+xml;charset=x','data':'QU\\nJD'}}")),
     M(U("{'type':'image_url','image_url':{'url':'data:IMAGE/svg+xml;charset=x;base64,QU\\nJD'}}")),
     ""},
    {"image of a file", M(U("{'type':'image','source':{'type':'file','file_id':'f'}}")),
     M("{'role':'user','content':'[left out]'}"), "messages.image"},
    {"pdf",
     M(U("{'type':'document','title':'a.pdf','source':{'type':'base64','media_type':'application/"
         "pdf','data':'QUJD'}}")),
     M(U("{'type':'file','file':{'file_data':'data:application/"
         "pdf;base64,QUJD','filename':'a.pdf'}}")),
     ""},
    {"pdf by url",
     M(U("{'type':'document','context':'c','source':{'type':'url','url':'https://h/a.pdf'}}")),
     M(U("{'type':'file','file':{'file_data':'https://h/a.pdf'}}")), "messages.context"},
    {"document of text",
     M(U("{'type':'document','title':'T','context':'C','citations':{'enabled':true},'source':{'"
         "type':'text','media_type':'text/plain','data':'words'}}")),
     M(U(T("T\\n\\nC\\n\\nwords"))), "messages.citations"},
    {"document of blocks",
     M(U("{'type':'document','citations':{'enabled':false},'source':{'type':'content','content':"
         "[" T("a") "," PNG "," T("b") "]}," CACHE "}")),
     M(U("{'type':'text','text':'a\\n\\nb'," CACHE "}," PNG_PART)), ""},
    {"document of a string",
     M(U("{'type':'document','source':{'type':'content','content':'all'}}")), M(U(T("all"))), ""},
    {"document of a file",
     M(U(T("a") ",{'type':'document','source':{'type':'file','file_id':'f'}}")), M(U(T("a"))),
     "messages.document"},
    {"search result",
     M(U("{'type':'search_result','source':'https://h','title':'T','content':[" T("a") "," T(
         "b") "]}")),
     M(U(T("T\\n\\nhttps://h\\n\\na\\n\\nb"))), ""},
    {"search result of a tool",
     M(U(RESULT(
         ",'content':[{'type':'search_result','source':'s','title':'T','content':[" T("a") "]}]"))),
     M(TOOL("'T\\ns\\na'")), ""},
    {"tools of the server",
     M(A(T("a") ",{'type':'server_tool_use','id':5},{'type':'web_search_tool_result','content':{}"
                "}") "," A("{'type':'compaction','content':'x'}") "," U("{'type':'container_upload'"
                                                                        "}")),
     M("{'role':'assistant','content':'a'},{'role':'assistant','content':'[left "
       "out]'},{'role':'user','content':'[left out]'}"),
     "messages.server_tool_use messages.web_search_tool_result messages.compaction "
     "messages.container_upload"},
    {"where it does not belong", M(U(USED "," T("a")) "," A(RESULT("") "," T("b"))),
     M(U(T("a")) ",{'role':'assistant','content':'b'}"), "messages.tool_use messages.tool_result"},
    {"result beside what cannot be said", M(U(RESULT("") ",{'type':'container_upload'}")),
     M(TOOL("''")), "messages.container_upload"},
    {"result with an image of a file",
     M(U(RESULT(",'content':[{'type':'image','source':{'type':'file','file_id':'f'}}]"))),
     M(TOOL("'[left out]'")), "messages.image"},
    {"document with an image of a file",
     M(U("{'type':'document','source':{'type':'content','content':[{'type':'image','source':{"
         "'type':'file'}}," T("a") "]}}")),
     M(U(T("a"))), "messages.image"},
    {"members of other blocks", M(U("{'type':'text','title':'x','context':'y','text':'a'}")),
     M(U(T("a"))), ""},
    {"citations that came", M(A("{'type':'text','text':'a','citations':[{}]}," T("b"))),
     M("{'role':'assistant','content':'ab'}"), "messages.citations"},
    {"unheard of", M(U("{'type':'hologram'}," T("a"))), M(U(T("a"))), "messages"},
};

/* ---- MESSAGES: reasoning ---- */

#define THOUGHT(more) "{'type':'thinking','thinking':'hm'" more "}"
#define PACKED        "or.detail:"
static const vector thinking[] = {
    {"signed", M(A(THOUGHT(",'signature':'c2ln'") "," T("a"))),
     M("{'role':'assistant','content':'a','reasoning':'hm','reasoning_details':[{'type':'reasoning."
       "text','text':'hm','signature':'c2ln','format':'anthropic-claude-v1','index':0}]}"),
     ""},
    {"G46: not signed", M(A(THOUGHT(",'signature':''") "," THOUGHT("") "," USED)),
     M("{'role':'assistant','content':null,'reasoning':'hmhm','reasoning_details':[{'type':'"
       "reasoning.text','text':'hm','format':'unknown','index':0},"
       "{'type':'reasoning.text','text':'hm','format':'unknown','index':1}],'tool_calls':[{'type':'"
       "function','id':'t1','function':{'name':'f','arguments':"
       "'{\\'a\\':1e-7, \\'b\\':[ 90071992547409931 ]}'}}]}"),
     ""},
    {"nothing but thoughts", M(A(THOUGHT(",'signature':'s'"))),
     M("{'role':'assistant','content':'','reasoning':'hm','reasoning_details':[{'type':'reasoning."
       "text','text':'hm','signature':'s','format':'anthropic-claude-v1','index':0}]}"),
     ""},
    {"text kept back", M(A("{'type':'thinking','thinking':'','signature':'s'}," T("a"))),
     M("{'role':'assistant','content':'a','reasoning_details':[{'type':'reasoning.text','text':'','"
       "signature':'s','format':'anthropic-claude-v1','index':0}]}"),
     ""},
    {"empty", M(A("{'type':'thinking','thinking':'','signature':''}," T("a"))),
     M("{'role':'assistant','content':'a'}"), ""},
    {"redacted", M(A("{'type':'redacted_thinking','data':'ZA'}," T("a"))),
     M("{'role':'assistant','content':'a','reasoning_details':[{'type':'reasoning.encrypted','data'"
       ":'ZA','format':'anthropic-claude-v1','index':0}]}"),
     ""},
    {"G45: mark on a thought", M(A(THOUGHT("," CACHE) "," T("a"))),
     M("{'role':'assistant','content':'a','reasoning':'hm','reasoning_details':[{'type':'reasoning."
       "text','text':'hm','format':'unknown','index':0}]}"),
     "messages.cache_control"},
    {"G46: another provider's",
     M(A(THOUGHT("") ",{'type':'redacted_thinking','data':'" PACKED
                     " { \\'data\\':\\'x\\\\n\\u00e9\\' ,\\'index\\': 7}\\n'}," T("a"))),
     M("{'role':'assistant','content':'a','reasoning':'hm','reasoning_details':[{ "
       "'data':'x\\n\xc3\xa9' ,"
       "'index': 7}]}"),
     ""},
    {"signed beside another provider's",
     M(A("{'type':'redacted_thinking','data':'" PACKED "{}'}," THOUGHT(",'signature':'s'"))),
     M("{'role':'assistant','content':'','reasoning':'hm','reasoning_details':[{},{'type':'"
       "reasoning."
       "text','text':'hm','signature':'s','format':'anthropic-claude-v1','index':1}]}"),
     ""},
    {"only another provider's", M(A("{'type':'redacted_thinking','data':'\\u006fr.detail:{}'}")),
     M("{'role':'assistant','content':'','reasoning_details':[{}]}"), ""},
};

/* What is packed and is no object is left out, alone and between others. */
static void test_packed(void)
{
    static const char *const bad[] = {
        "",     " ",       "5",           "[{}]", "{", "{}{}", "{\\'a\\':\\'\\n\\'}",
        "null", "\\'x\\'", "{\\'a\\':1,}"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char            in[512], mem[1024];
        or_buf          out;
        or_dialect_loss loss;
        memset(&loss, 0, sizeof loss);
        snprintf(in, sizeof in, M(A("{'type':'redacted_thinking','data':'" PACKED "%s'}")), bad[i]);
        or_str body = json(in), want = json(M("{'role':'assistant','content':''}"));
        or_buf_init(&out, mem, sizeof mem);
        CHECK_ERR(or_dialect_to_chat(&out, OR_DIALECT_MESSAGES, body, &loss, NULL), OR_OK, in);
        CHECK_STR(or_buf_str(&out), want, in);
        CHECK(loss.reasoning && loss.num == 0, in);
        drop(body);
        drop(want);
        memset(&loss, 0, sizeof loss);
        snprintf(in, sizeof in,
                 M(A("{'type':'redacted_thinking','data':'x'},{'type':'redacted_thinking','data':"
                     "'" PACKED "%s'},{'type':'redacted_thinking','data':'" PACKED "{}'}")),
                 bad[i]);
        body = json(in);
        want = json(M("{'role':'assistant','content':'','reasoning_details':[{'type':'reasoning."
                      "encrypted','data':'x','format':'anthropic-claude-v1','index':0},{}]}"));
        or_buf_init(&out, mem, sizeof mem);
        CHECK_ERR(or_dialect_to_chat(&out, OR_DIALECT_MESSAGES, body, &loss, NULL), OR_OK, in);
        CHECK_STR(or_buf_str(&out), want, in);
        CHECK(loss.reasoning, in);
        drop(body);
        drop(want);
    }
}

/* ---- MESSAGES: the other members ---- */

/* Members before, as the body has them; then those that come before and behind the messages. */
#define B(members)        "{'messages':[" HI "]," members "}"
#define W(before, behind) "{" before "'messages':[" HI "]" behind "}"
#define SYSTEM(content)   "{'messages':[{'role':'system','content':" content "}," HI "]}"
#define F(name)           "{'type':'function','function':{'name':'" name "'}}"
#define X64               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"
static const vector members[] = {
    {"model and settings",
     "{'model':'a/b','messages':[" HI
     "],'max_tokens':5,'temperature':1.0,'top_p':1e-7,'top_k':0,'stream':false,'metadata':{}}",
     W("'model':'a/b','temperature':1.0,'top_p':1e-7,'top_k':0,'stream':false,", ",'max_tokens':5"),
     ""},
    {"G57: null is absent",
     B("'max_tokens':null,'system':null,'tools':null,'thinking':null,'metadata':null,'container':"
       "null,'model':null,'x':null"),
     W("", ""), ""},
    {"G57: max_tokens 0", B("'max_tokens':0"), W("", ""), "max_tokens"},
    {"G20: the first counts", B("'model':'a','mod\\u0065l':'b','tools':[{'name':'f'}],'tools':[]"),
     W("'model':'a',", ",'tools':[" F("f") "]"), ""},
    {"OpenRouter's",
     B("'models':['a'],'provider':{'order':['x']},'plugins':[{'id':'web'}],'session_id':'s','trace'"
       ":{},'user':'u','preset':'p','route':'fallback',"
       "'transforms':[],'debug':{},'usage':{},'stop_server_tools_when':[]," CACHE
       ",'service_tier':'standard_only'"),
     W("'models':['a'],'provider':{'order':['x']},'plugins':[{'id':'web'}],'session_id':'s','trace'"
       ":{},'user':'u','preset':'p','route':'fallback',"
       "'transforms':[],'debug':{},'usage':{},'stop_server_tools_when':[]," CACHE
       ",'service_tier':'standard_only',",
       ""),
     ""},
    {"Anthropic's own",
     B("'container':'c','context_management':{},'mcp_servers':[{}],'diagnostics':{},'inference_geo'"
       ":'us','betas':['x']"),
     W("", ""), "container context_management mcp_servers diagnostics inference_geo betas"},
    {"nothing in them", B("'mcp_servers':[],'betas':[]"), W("", ""), ""},
    {"unheard of", B("'colour':1,'n':2"), W("", ""), "unknown"},
    {"system", B("'system':'s\\n'"), SYSTEM("'s\\n'"), ""},
    {"system empty", B("'system':''"), W("", ""), ""},
    {"system without blocks", B("'system':[]"), W("", ""), ""},
    {"system of empty blocks", B("'system':[" T("") "]"), W("", ""), ""},
    {"G42: only system messages", "{'system':'s','messages':[{'role':'system','content':''}]}",
     M("{'role':'system','content':'s'},{'role':'system','content':''}"), ""},
    {"G43: system of blocks", B("'system':[" T("a") "," T("b") "]"), SYSTEM("'a\\n\\nb'"), ""},
    {"G43: system marked", B("'system':[" T("a") ",{'type':'text','text':'b'," CACHE "}]"),
     SYSTEM("[" T("a") ",{'type':'text','text':'b'," CACHE "}]"), ""},
    {"Claude Code's first block",
     B("'system':[" T("x-anthropic-billing-header: cc_version=1") "," T("b") "]"), SYSTEM("'b'"),
     ""},
    {"its block alone", B("'system':[" T("x-anthropic-billing-header") "]"), W("", ""), ""},
    {"its block is not the first", B("'system':[" T("a") "," T("x-anthropic-billing-header") "]"),
     SYSTEM("'a\\n\\nx-anthropic-billing-header'"), ""},
    {"not quite its block", B("'system':[" T("x-anthropic-billing-heade") "]"),
     SYSTEM("'x-anthropic-billing-heade'"), ""},
    {"stop", B("'stop_sequences':['a','b','c','d']"), W("", ",'stop':['a','b','c','d']"), ""},
    {"one stop too many", B("'stop_sequences':['a','b','c','d','e']"),
     W("", ",'stop':['a','b','c','d']"), "stop"},
    {"no stop", B("'stop_sequences':[]"), W("", ""), ""},
    {"user", B("'metadata':{'user_id':'u','x':1}"), W("", ",'user':'u'"), "metadata"},
    {"user of both names", B("'metadata':{'user_id':'u'},'user':'v'"), W("'user':'v',", ""), ""},
    {"user null", B("'metadata':{'user_id':null,'x':null}"), W("", ""), ""},
    {"user of 63 characters", B("'metadata':{'user_id':'" X64 "'}"), W("", ",'user':'" X64 "'"),
     ""},
    {"user of 64", B("'metadata':{'user_id':'" X64 "f'}"), W("", ",'user':'" X64 "f'"), ""},
    {"user of 65", B("'metadata':{'user_id':'" X64 "fg'}"), W("", ",'user':'" X64 "f'"), ""},
    {"user cut behind an escape", B("'metadata':{'user_id':'" X64 "\\ud83d\\ude00\\ude00'}"),
     W("", ",'user':'" X64 "\\ud83d\\ude00'"), ""},
    {"user cut behind a character", B("'metadata':{'user_id':'" X64 "\xe2\x82\xac\xe2\x82\xac'}"),
     W("", ",'user':'" X64 "\xe2\x82\xac'"), ""},
    {"speed", B("'speed':'fast'"), W("", ",'service_tier':'fast'"), ""},
    {"speed beside a tier", B("'speed':'fast','service_tier':'auto'"),
     W("'service_tier':'auto',", ""), "speed"},
    {"fallbacks", B("'fallbacks':[{'model':'a','max_tokens':1},{'model':'b'}]"),
     W("", ",'models':['a','b']"), ""},
    {"fallbacks beside models", B("'fallbacks':[{'model':'a'}],'models':['b']"),
     W("'models':['b'],", ""), "fallbacks"},
    {"no fallbacks", B("'fallbacks':[]"), W("", ""), ""},
    {"budget", B("'thinking':{'type':'enabled','budget_tokens':2048}"),
     W("", ",'reasoning':{'max_tokens':2048}"), ""},
    {"no budget", B("'thinking':{'type':'enabled'}"), W("", ",'reasoning':{'enabled':true}"), ""},
    {"budget and effort",
     B("'thinking':{'type':'enabled','budget_tokens':2048},'output_config':{'effort':'low'}"),
     W("", ",'reasoning':{'max_tokens':2048},'verbosity':'low'"), ""},
    {"adaptive", B("'thinking':{'type':'adaptive'}"), W("", ",'reasoning':{'enabled':true}"), ""},
    {"adaptive with effort",
     B("'output_config':{'effort':'xhigh'},'thinking':{'type':'adaptive','display':'omitted'}"),
     W("", ",'reasoning':{'effort':'xhigh'}"), ""},
    {"disabled", B("'thinking':{'type':'disabled'},'output_config':{'effort':'low'}"),
     W("", ",'reasoning':{'enabled':false},'verbosity':'low'"), ""},
    {"thinking unheard of", B("'thinking':{'type':'between_tools'}"),
     W("", ",'reasoning':{'enabled':true}"), "reasoning"},
    {"effort alone", B("'output_config':{'effort':'low','format':null}"),
     W("", ",'verbosity':'low'"), ""},
    {"format", B("'output_config':{'format':{'type':'json_schema','schema':{'type' : 'object'}}}"),
     W("", ",'response_format':{'type':'json_schema','json_schema':{'name':'answer','strict':true,'"
           "schema':{'type' : 'object'}}}"),
     ""},
    {"format unheard of", B("'output_config':{'format':{'type':'grammar'},'task_budget':{}}"),
     W("", ""), "response_format output_config"},
    {"G21: tool",
     B("'tools':[{'name':'f','description':'d','input_schema':{'type':'object', "
       "'x':9007199254740993},'strict':true," CACHE "}]"),
     W("", ",'tools':[{'type':'function','function':{'name':'f','description':'d','parameters':{'"
           "type':'object', 'x':9007199254740993},'strict':true}," CACHE "}]"),
     ""},
    {"G36: tool without a schema",
     B("'tools':[{'name':'f'},{'type':'custom','name':'g','input_schema':null},{'type':null,'name':"
       "'h','input_schema':{}}]"),
     W("", ",'tools':[" F("f") "," F(
               "g") ",{'type':'function','function':{'name':'h','parameters':{}}}]"),
     ""},
    {"tools of the server",
     B("'tools':[{'type':'bash_20250124','name':'bash'},{'name':'f','input_examples':[{}]},{'type':"
       "'openrouter:web_search','parameters':{}}]"),
     W("", ",'tools':[" F("f") ",{'type':'openrouter:web_search','parameters':{}}]"),
     "tools tools.input_examples"},
    {"G39: no tools",
     B("'tools':[],'tool_choice':{'type':'auto','disable_parallel_tool_use':true}"), W("", ""), ""},
    {"choice any",
     B("'tools':[{'name':'f'}],'tool_choice':{'type':'any','disable_parallel_tool_use':true}"),
     W("", ",'tools':[" F("f") "],'tool_choice':'required','parallel_tool_calls':false"), ""},
    {"choice auto",
     B("'tools':[{'name':'f'}],'tool_choice':{'type':'auto','disable_parallel_tool_use':false}"),
     W("", ",'tools':[" F("f") "],'tool_choice':'auto'"), ""},
    {"choice none", B("'tools':[{'name':'f'}],'tool_choice':{'type':'none'}"),
     W("", ",'tools':[" F("f") "],'tool_choice':'none'"), ""},
    {"choice of a name", B("'tool_choice':{'type':'tool','name':'\\u0066'},'tools':[{'name':'f'}]"),
     W("", ",'tools':[" F("f") "],'tool_choice':{'type':'function','function':{'name':'\\u0066'}}"),
     ""},
    {"G39: choice of a tool that is lost",
     B("'tools':[{'name':'f'},{'type':'bash_20250124','name':'bash'}],'tool_choice':{'type':'tool',"
       "'name':'bash','disable_parallel_tool_use':true}"),
     W("", ",'tools':[" F("f") "],'parallel_tool_calls':false"), "tools tool_choice"},
    {"choice of a name in other words",
     B("'tool_choice':{'type':'tool','name':'f'},'tools':[{'name':'\\u0066'}]"),
     W("", ",'tools':[" F("\\u0066") "],'tool_choice':{'type':'function','function':{'name':'f'}}"),
     ""},
    {"choice of an escaped name",
     B("'tool_choice':{'type':'tool','name':'\\u0066'},'tools':[{'name':'\\u0066'}]"),
     W("", ",'tools':[" F(
               "\\u0066") "],'tool_choice':{'type':'function','function':{'name':'\\u0066'}}"),
     ""},
    {"G39: choice without tools", B("'tool_choice':{'type':'any'}"), W("", ""), "tool_choice"},
    {"G40: no choice, calls in the history", "{'messages':[" A(USED) "]}", /* as it is */
     M("{'role':'assistant','content':null,'tool_calls':[{'type':'function','id':'t1','function':{'"
       "name':'f','arguments':'{\\'a\\':1e-7, \\'b\\':[ 90071992547409931 ]}'}}]}"),
     ""},
    {"white space around", " \n{ 'messages' : [ " HI " ] }\r\n", W("", ""), ""},
};

/* ---- MESSAGES: what is refused ---- */

static const struct {
    const char *in, *bad;
    or_err      err;
} refused[] = {
    {"[]", "", OR_ERR_TYPE},
    {"5", "", OR_ERR_TYPE},
    {"{'a':1,}", "", OR_ERR_JSON}, /* G20 */
    {"{'a':NaN}", "", OR_ERR_JSON},
    {"{'a':'\xff'}", "", OR_ERR_UTF8},
    {"{}", "messages", OR_ERR_TYPE}, /* G42 */
    {"{'messages':[]}", "messages", OR_ERR_TYPE},
    {"{'messages':[ ]}", "messages", OR_ERR_TYPE},
    {"{'messages':null}", "messages", OR_ERR_TYPE},
    {"{'messages':{}}", "messages", OR_ERR_TYPE},
    {"{'messages':'[{}]'}", "messages", OR_ERR_TYPE},
    {M("{'role':'system','content':[]}"), "messages", OR_ERR_DIALECT}, /* G42 */
    {M("5"), "messages", OR_ERR_TYPE},
    {M("null"), "messages", OR_ERR_TYPE},
    {M("{'role':'user'}"), "messages.content", OR_ERR_TYPE}, /* G41 */
    {M("{'role':'assistant','content':null}"), "messages.content", OR_ERR_TYPE},
    {M("{'role':'user','content':{}}"), "messages.content", OR_ERR_TYPE},
    {M("{'content':'a'}"), "messages.role", OR_ERR_TYPE},
    {M("{'role':'tool','content':'a'}"), "messages.role", OR_ERR_TYPE},
    {M("{'role':5,'content':'a'}"), "messages.role", OR_ERR_TYPE},
    {M(HI "," U("'a'")), "messages.content", OR_ERR_TYPE},
    {M(U("{}")), "messages.content", OR_ERR_TYPE},
    {M(U("{'type':5}")), "messages.content", OR_ERR_TYPE},
    {M(U("{'type':'text'}")), "messages.content", OR_ERR_TYPE},
    {M(U("{'type':'text','text':5}")), "messages.content", OR_ERR_TYPE},
    {M(U("{'type':'text','text':'a','cache_control':1}")), "messages.content", OR_ERR_TYPE},
    {M(U("{'type':'image'}")), "messages.content", OR_ERR_TYPE},
    {M(U("{'type':'image','source':'u'}")), "messages.content", OR_ERR_TYPE},
    {M(U("{'type':'image','source':{'type':'base64','media_type':'m'}}")), "messages.content",
     OR_ERR_TYPE},
    {M(U("{'type':'image','source':{'type':'base64','data':'QQ'}}")), "messages.content",
     OR_ERR_TYPE},
    {M(U("{'type':'image','source':{'type':'url'}}")), "messages.content", OR_ERR_TYPE},
    {M(U("{'type':'image','source':{'type':'url','url':5}}")), "messages.content", OR_ERR_TYPE},
    {M(U("{'type':'search_result'}")), "messages.content", OR_ERR_TYPE},
    {M(U("{'type':'tool_result'}")), "messages.content", OR_ERR_TYPE},
    {M(U(RESULT(",'content':5"))), "messages.content", OR_ERR_TYPE},
    {M(U(RESULT(",'content':[5]"))), "messages.content", OR_ERR_TYPE},
    {M(U(RESULT(",'is_error':'true'"))), "messages.content", OR_ERR_TYPE},
    {M(A("{'type':'tool_use','name':'f'}")), "messages.content", OR_ERR_TYPE}, /* G33 */
    {M(A("{'type':'tool_use','id':'t'}")), "messages.content", OR_ERR_TYPE},
    {M(A("{'type':'tool_use','id':'t','name':'f','input':'{}'}")), "messages.content",
     OR_ERR_TYPE}, /* G35 */
    {M(A("{'type':'thinking'}")), "messages.content", OR_ERR_TYPE},
    {M(A("{'type':'redacted_thinking'}")), "messages.content", OR_ERR_TYPE},
    {M("{'role':'system','content':[5]}"), "messages.content", OR_ERR_TYPE},
    {B("'system':5"), "system", OR_ERR_TYPE},
    {B("'system':[{'type':'text'}]"), "system", OR_ERR_TYPE},
    {B("'model':5"), "model", OR_ERR_TYPE},
    {B("'stream':'true'"), "stream", OR_ERR_TYPE},      /* G57 */
    {B("'max_tokens':'5'"), "max_tokens", OR_ERR_TYPE}, /* G57 */
    {B("'temperature':'1'"), "temperature", OR_ERR_TYPE},
    {B("'stop_sequences':'a'"), "stop_sequences", OR_ERR_TYPE},
    {B("'stop_sequences':['a',5]"), "stop_sequences", OR_ERR_TYPE},
    {B("'tools':{}"), "tools", OR_ERR_TYPE},
    {B("'tools':[5]"), "tools", OR_ERR_TYPE},
    {B("'tools':[{}]"), "tools", OR_ERR_TYPE},
    {B("'tools':[{'type':5,'name':'f'}]"), "tools", OR_ERR_TYPE},
    {B("'tools':[{'name':'f','input_schema':'x'}]"), "tools", OR_ERR_TYPE},
    {B("'tool_choice':'auto'"), "tool_choice", OR_ERR_TYPE},
    {B("'tool_choice':{}"), "tool_choice", OR_ERR_TYPE},
    {B("'tool_choice':{'type':'tool'}"), "tool_choice", OR_ERR_TYPE},
    {B("'tool_choice':{'type':'tool','name':5}"), "tool_choice", OR_ERR_TYPE},
    {B("'tool_choice':{'type':'any','disable_parallel_tool_use':1}"), "tool_choice", OR_ERR_TYPE},
    {B("'thinking':true"), "thinking", OR_ERR_TYPE},
    {B("'thinking':{}"), "thinking", OR_ERR_TYPE},
    {B("'thinking':{'type':'enabled','budget_tokens':'1'}"), "thinking", OR_ERR_TYPE},
    {B("'output_config':{'effort':1}"), "output_config", OR_ERR_TYPE},
    {B("'output_config':{'format':'json'}"), "output_config", OR_ERR_TYPE},
    {B("'metadata':{'user_id':5}"), "metadata", OR_ERR_TYPE},
    {B("'fallbacks':['a']"), "fallbacks", OR_ERR_TYPE},
    {B("'fallbacks':[{'model':5}]"), "fallbacks", OR_ERR_TYPE},
    {B("'provider':'x'"), "provider", OR_ERR_TYPE},
};

/* ---- RESPONSES ---- */

#define I(items)   "{'input':[" items "]}"
#define R(members) "{'input':'hi'," members "}"

#define CALL(id) "{'type':'function_call','call_id':'" id "','name':'f','arguments':'{\\'a\\': 1}'}"

#define CALLED(id) \
    "{'type':'function','id':'" id "','function':{'name':'f','arguments':'{\\'a\\': 1}'}}"
#define SAID(text)                                                                        \
    "{'type':'message','role':'assistant','content':[{'type':'output_text','text':'" text \
    "','annotations':[]}]}"
#define OUT(more) "{'type':'function_call_output','call_id':'t1'" more "}"
#define IN(text)  "{'type':'input_text','text':'" text "'}"
static const vector responses[] = {
    {"a string", "{'model':'m','input':'hi'}", W("'model':'m',", ""), ""},
    {"an empty string", "{'input':''}", M("{'role':'user','content':''}"), ""},
    {"instructions", "{'instructions':'s','input':'hi'}", SYSTEM("'s'"), ""},
    {"instructions empty", "{'instructions':'','input':'hi'}", W("", ""), ""},
    {"G43: messages",
     I("{'role':'developer','content':'d'},{'role':'system','content':[" IN("a") "," IN(
         "b") "]},{'type':'message','role':'user','content':'q'},{'type':'message','role':'"
              "assistant','content':'a'}"),
     M("{'role':'developer','content':'d'},{'role':'system','content':'a\\n\\nb'},{'role':'user','"
       "content':'q'},{'role':'assistant','content':'a'}"),
     ""},
    {"parts",
     I("{'role':'user','content':[" IN(
         "a") ",{'type':'input_image','image_url':'https://h/"
              "i.png','detail':'low'},{'type':'input_image','image_url':'data:image/"
              "png;base64,QQ','detail':null},"
              "{'type':'input_file','filename':'a.pdf','file_data':'data:application/"
              "pdf;base64,QQ'},{'type':'input_file','file_url':'https://h/"
              "a.pdf'},{'type':'input_file','file_id':'f'},"
              "{'type':'input_audio','input_audio':{'data':'QQ','format':'wav'}},{'type':'input_"
              "text','text':'b','prompt_cache_breakpoint':{'mode':'explicit'}}]}"),
     M(U(T("a") ",{'type':'image_url','image_url':{'url':'https://h/"
                "i.png','detail':'low'}},{'type':'image_url','image_url':{'url':'data:image/"
                "png;base64,QQ'}},"
                "{'type':'file','file':{'file_data':'data:application/"
                "pdf;base64,QQ','filename':'a.pdf'}},{'type':'file','file':{'file_data':'https://h/"
                "a.pdf'}},{'type':'file','file':{'file_id':'f'}},"
                "{'type':'input_audio','input_audio':{'data':'QQ','format':'wav'}},{'type':'text','"
                "text':'b','prompt_cache_breakpoint':{'mode':'explicit'}}")),
     ""},
    {"parts that cannot be said",
     I("{'role':'user','content':[{'type':'input_image','file_id':'f'},{'type':'input_file'},{'"
       "type':'input_smell'}]}"),
     M("{'role':'user','content':'[left out]'}"),
     "messages messages.input_image messages.input_file"},
    {"one turn",
     I("{'type':'reasoning','summary':[{'type':'summary_text','text':'s'}]}," SAID("a") "," CALL(
         "t1") "," CALL("t2") "," OUT(",'output':'o'")),
     M("{'role':'assistant','content':'a','reasoning':'s','tool_calls':[" CALLED("t1") "," CALLED(
         "t2") "]}," TOOL("'o'")),
     ""},
    {"two turns",
     I(CALL("t1") "," OUT("") "," CALL("t2") ",{'role':'user','content':'q'}," SAID("a")),
     M("{'role':'assistant','content':null,'tool_calls':[" CALLED("t1") "]}," TOOL(
         "''") ",{'role':'assistant','content':null,'tool_calls':[" CALLED("t2") "]},"
                                                                                 "{'role':'user','"
                                                                                 "content':'q'},{'"
                                                                                 "role':'assistant'"
                                                                                 ",'content':'a'}"),
     ""},
    {"two messages in a turn", I(SAID("a") "," SAID("") "," SAID("b")),
     M("{'role':'assistant','content':'a\\n\\nb'}"), ""},
    {"parts of a message",
     I("{'role':'assistant','content':[{'type':'output_text','text':'a'},{'type':'output_text','"
       "text':'b'}]}," SAID("c")),
     M("{'role':'assistant','content':'ab\\n\\nc'}"), ""},
    {"G41: nothing said", I(SAID("")), M("{'role':'assistant','content':''}"), ""},
    {"refusal", I("{'role':'assistant','content':[{'type':'refusal','refusal':'no'}]}"),
     M("{'role':'assistant','content':'','refusal':'no'}"), ""},
    {"annotations",
     I("{'role':'assistant','content':[{'type':'output_text','text':'a','annotations':[{}]}]}"),
     M("{'role':'assistant','content':'a'}"), "messages.annotations"},
    {"G35: arguments",
     I("{'type':'function_call','call_id':'t','name':'f','arguments':''},{'type':'function_call','"
       "call_id':'t','name':'f'},{'type':'function_call','call_id':'t','name':'f','arguments':'{x'"
       "}"),
     M("{'role':'assistant','content':null,'tool_calls':[{'type':'function','id':'t','function':{'"
       "name':'f','arguments':''}},{'type':'function','id':'t','function':{'name':'f','arguments':'"
       "{}'}},"
       "{'type':'function','id':'t','function':{'name':'f','arguments':'{x'}}]}"),
     ""},
    {"custom tool",
     I("{'type':'custom_tool_call','call_id':'t1','name':'p','input':'*\\n\\'\\u0041'},{'type':'"
       "custom_tool_call_output','call_id':'t1','output':'o'}"),
     M("{'role':'assistant','content':null,'tool_calls':[{'type':'function','id':'t1','function':{'"
       "name':'p','arguments':'{\\'input\\':\\'*\\\\n\\\\\\'\\\\u0041\\'}'}}]}," TOOL("'o'")),
     ""},
    {"G38: outputs with images",
     I(OUT(",'output':[" IN("a") ",{'type':'input_image','image_url':'u'}," IN("b") "]") "," OUT(
         ",'output':[{'type':'input_file','file_id':'f'}]") ",{'role':'user','content':'q'}"),
     M(TOOL("'a\\nb'") "," TOOL("'[in the next message]'") "," U(
         "{'type':'image_url','image_url':{'url':'u'}},{'type':'"
         "file','file':{'file_id':'f'}}") ",{'role':'user','"
                                          "content':'q'}"),
     ""},
    {"G37: result of an unknown call", I(OUT(",'output':'o'") ",{'role':'user','content':'q'}"),
     M(TOOL("'o'") ",{'role':'user','content':'q'}"), ""},
    {"lost items do not part",
     I("{'type':'web_search_call'}," CALL("t1") ",{'type':'compaction'}," CALL(
         "t2") ",{'type':'new_call'}," OUT("") ",{'type':'mcp_list_tools'}"),
     M("{'role':'assistant','content':null,'tool_calls':[" CALLED("t1") "," CALLED("t2") "]}," TOOL(
         "''")),
     "input.web_search_call input.compaction input input.mcp_list_tools"},
    {"a lost item before a result", I("{'type':'web_search_call'}," OUT("") "," OUT("")),
     M(TOOL("''") "," TOOL("''")), "input.web_search_call"},
    {"whole reasoning",
     I("{'type':'reasoning','summary':[{'type':'summary_text','text':'s'}],'content':[{'type':'"
       "reasoning_text','text':'a'},{'type':'reasoning_text','text':'b'}]}," SAID("c")),
     M("{'role':'assistant','content':'c','reasoning':'a\\n\\nb'}"), ""},
    {"packed reasoning",
     I("{'type':'reasoning','summary':[],'encrypted_content':'or.details: [{\\'data\\':\\'x\\'}, "
       "{}] '}," CALL("t1") ",{'type':'reasoning','content':[],'summary':[],'encrypted_content':'"
                            "or.details:[{}]'}"),
     M("{'role':'assistant','content':null,'reasoning_details':[{'data':'x'}, "
       "{},{}],'tool_calls':[" CALLED("t1") "]}"),
     ""},
    {"G46: foreign reasoning",
     I("{'type':'reasoning','summary':[],'encrypted_content':'gAAA'}," SAID("a")),
     M("{'role':'assistant','content':'a'}"), "+"},
    {"no reasoning", I("{'type':'reasoning','encrypted_content':''}," SAID("a")),
     M("{'role':'assistant','content':'a'}"), ""},
    {"reasoning to no end",
     I("{'type':'reasoning','summary':[{'type':'summary_text','text':'s'}]},{'role':'user','"
       "content':'q'}"),
     M("{'role':'user','content':'q'}"), "+"},
    {"no state",
     R("'previous_response_id':null,'conversation':null,'prompt':null,'background':false,'store':"
       "false"),
     W("", ""), ""},
    {"settings",
     R("'max_output_tokens':9,'temperature':0,'top_p':1,'stream':true,'user':'u','metadata':{'k':'"
       "v'},'prompt_cache_key':'k','safety_identifier':'s','service_tier':'flex','max_tool_calls':"
       "3,'stream_options':{'include_obfuscation':false}"),
     W("'max_completion_tokens':9,'temperature':0,'top_p':1,'stream':true,'user':'u','metadata':{'"
       "k':'v'},'prompt_cache_key':'k','safety_identifier':'s','service_tier':'flex','max_tool_"
       "calls':3,",
       ""),
     ""},
    {"OpenRouter's",
     R("'models':['a'],'provider':{},'plugins':[],'session_id':'s','trace':{},'top_k':1,'min_p':0,'"
       "modalities':['text'],'image_config':{}"),
     W("'models':['a'],'provider':{},'plugins':[],'session_id':'s','trace':{},'top_k':1,'min_p':0,'"
       "modalities':['text'],'image_config':{},",
       ""),
     ""},
    {"what changes nothing",
     R("'truncation':'disabled','top_logprobs':0,'include':['reasoning.encrypted_content'],'"
       "context_management':[],'text':{},'reasoning':{},'tools':[]"),
     W("", ""), ""},
    {"what is lost",
     R("'truncation':'auto','top_logprobs':2,'include':['reasoning.encrypted_content','message."
       "output_text.logprobs'],'context_management':[{}],'x':1"),
     W("", ""), "truncation top_logprobs context_management unknown include"},
    {"schema",
     R("'text':{'format':{'type':'json_schema','name':'n','description':'d','schema':{'type':'"
       "object'},'strict':false},'verbosity':'low'}"),
     W("", ",'verbosity':'low','response_format':{'type':'json_schema','json_schema':{'name':'n','"
           "description':'d','strict':false,'schema':{'type':'object'}}}"),
     ""},
    {"schema with less", R("'text':{'format':{'type':'json_schema','strict':null}}"),
     W("", ",'response_format':{'type':'json_schema','json_schema':{'name':'answer'}}"), ""},
    {"object", R("'text':{'format':{'type':'json_object'}}"),
     W("", ",'response_format':{'type':'json_object'}"), ""},
    {"text", R("'text':{'format':{'type':'text'}}"), W("", ""), ""},
    {"format unheard of", R("'text':{'format':{'type':'grammar'}}"), W("", ""), "response_format"},
    {"reasoning", R("'reasoning':{'effort':'low','summary':null,'max_tokens':5}"),
     W("", ",'reasoning':{'effort':'low','max_tokens':5}"), ""},
    {"reasoning of nothing", R("'reasoning':{'effort':null}"), W("", ""), ""},
    {"G36: tools",
     R("'tools':[{'type':'function','name':'f','description':'d','parameters':{},'strict':true},{'"
       "type':'function','name':'g','parameters':null,'strict':null}],'parallel_tool_calls':false,'"
       "tool_choice':'required'"),
     W("", ",'tools':[{'type':'function','function':{'name':'f','description':'d','parameters':{},'"
           "strict':true}}," F("g") "],'parallel_tool_calls':false,'tool_choice':'required'"),
     ""},
    {"custom tools",
     R("'tools':[{'type':'custom','name':'p','description':'d','format':{'type':'grammar'}},{'type'"
       ":'custom','name':'q','format':{'type':'text'}}],'tool_choice':{'type':'custom','name':'q'"
       "}"),
     W("", ",'tools':[{'type':'function','function':{'name':'p','description':'d','parameters':{'"
           "type':'object','properties':{'input':{'type':'string'}},'required':['input']}}},"
           "{'type':'function','function':{'name':'q','parameters':{'type':'object','properties':{'"
           "input':{'type':'string'}},'required':['input']}}}],"
           "'tool_choice':{'type':'function','function':{'name':'q'}}"),
     "tools.format"},
    {"namespaces",
     R("'tools':[{'type':'namespace','name':'n','tools':[{'type':'function','name':'f'},{'type':'"
       "namespace','name':'o','tools':[]},{'type':'function','name':'g'}]},{'type':'web_search'},"
       "{'type':'namespace','name':'e'},{'type':'openrouter:datetime'}],'tool_choice':{'type':'"
       "function','name':'g'}"),
     W("", ",'tools':[" F("f") "," F("g") ",{'type':'openrouter:datetime'}],'tool_choice':{'type':'"
                                          "function','function':{'name':'g'}}"),
     "tools"},
    {"tools of the server",
     R("'tools':[{'type':'web_search'},{'type':'mcp','name':5}],'tool_choice':{'type':'web_search'}"
       ",'parallel_tool_calls':true"),
     W("", ""), "tools tool_choice"},
    {"G39: choice of a tool that is not there",
     R("'tools':[{'type':'function','name':'f'}],'tool_choice':{'type':'function','name':'g'}"),
     W("", ",'tools':[" F("f") "]"), "tool_choice"},
    {"G39: choice without tools", R("'tool_choice':'auto'"), W("", ""), ""},
    {"choice of none without tools", R("'tool_choice':'none','parallel_tool_calls':true"),
     W("", ""), ""},
    {"must choose without tools", R("'tool_choice':'required'"), W("", ""), "tool_choice"},
    {"choice among some",
     R("'tools':[{'type':'function','name':'f'}],'tool_choice':{'type':'allowed_tools','mode':'"
       "required','tools':[{'type':'function','name':'f'},7,{'type':'mcp'},{'name':'g'}]}"),
     W("", ",'tools':[" F("f") "],'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':"
           "'required','tools':[{'type':'function','function':{'name':'f'}},{'type':'function',"
           "'function':{'name':'g'}}]}}"), ""},
    {"choice of OpenRouter's",
     R("'tools':[{'type':'openrouter:datetime'}],'tool_choice':{'type':'openrouter:datetime'}"),
     W("",
       ",'tools':[{'type':'openrouter:datetime'}],'tool_choice':{'type':'openrouter:datetime'}"),
     ""},
};

static const struct {
    const char *in, *bad;
    or_err      err;
} not_responses[] = {
    {"{}", "input", OR_ERR_TYPE},
    {"{'input':null}", "input", OR_ERR_TYPE},
    {"{'input':5}", "input", OR_ERR_TYPE},
    {"{'input':[]}", "input", OR_ERR_TYPE}, /* G42 */
    {"{'input':[],'instructions':'s'}", "input", OR_ERR_TYPE},
    {I("{'type':'web_search_call'}"), "input", OR_ERR_DIALECT},
    {I("{'type':'reasoning','summary':[]}"), "input", OR_ERR_DIALECT},
    {I("5"), "input", OR_ERR_TYPE},
    {I("{}"), "input.item_reference", OR_ERR_DIALECT},
    {I("{'id':'msg_1'}"), "input.item_reference", OR_ERR_DIALECT},
    {I(SAID("a") ",{'type':'item_reference','id':'msg_1'}"), "input.item_reference",
     OR_ERR_DIALECT},
    {I("{'role':'user'}"), "input", OR_ERR_TYPE},
    {I("{'role':'user','content':5}"), "input", OR_ERR_TYPE},
    {I("{'role':'tool','content':'a'}"), "input", OR_ERR_TYPE},
    {I("{'role':'user','content':[{'type':'input_text'}]}"), "input", OR_ERR_TYPE},
    {I("{'role':'user','content':[{'type':'input_image','image_url':{'url':'u'}}]}"), "input",
     OR_ERR_TYPE},
    {I("{'type':5}"), "input", OR_ERR_TYPE},
    {I("{'type':'function_call','name':'f'}"), "input", OR_ERR_TYPE},
    {I("{'type':'function_call','call_id':'c'}"), "input", OR_ERR_TYPE},
    {I("{'type':'function_call','call_id':'c','name':'f','arguments':{}}"), "input",
     OR_ERR_TYPE}, /* G35 */
    {I("{'type':'custom_tool_call','call_id':'c','name':'f'}"), "input", OR_ERR_TYPE},
    {I("{'type':'function_call_output','output':'o'}"), "input", OR_ERR_TYPE},
    {I(OUT(",'output':5")), "input", OR_ERR_TYPE},
    {I("{'type':'reasoning','summary':'s'}," SAID("a")), "input", OR_ERR_TYPE},
    {R("'store':true"), "store", OR_ERR_DIALECT},
    {R("'store':1"), "store", OR_ERR_TYPE},
    {R("'background':true"), "background", OR_ERR_DIALECT},
    {R("'previous_response_id':'resp_1'"), "previous_response_id", OR_ERR_DIALECT},
    {R("'conversation':'c'"), "conversation", OR_ERR_DIALECT},
    {R("'conversation':{'id':'c'}"), "conversation", OR_ERR_DIALECT},
    {R("'prompt':{'id':'p'}"), "prompt", OR_ERR_DIALECT},
    {R("'instructions':[]"), "instructions", OR_ERR_TYPE},
    {R("'max_output_tokens':'9'"), "max_output_tokens", OR_ERR_TYPE}, /* G57 */
    {R("'parallel_tool_calls':1"), "parallel_tool_calls", OR_ERR_TYPE},
    {R("'text':'x'"), "text", OR_ERR_TYPE},
    {R("'text':{'format':'x'}"), "text", OR_ERR_TYPE},
    {R("'text':{'verbosity':1}"), "text", OR_ERR_TYPE},
    {R("'text':{'format':{'type':'json_schema','schema':5}}"), "text", OR_ERR_TYPE},
    {R("'reasoning':'low'"), "reasoning", OR_ERR_TYPE},
    {R("'tools':[{'type':'function'}]"), "tools", OR_ERR_TYPE},
    {R("'tools':[{'type':'namespace','name':'n','tools':[{'type':'function'}]}]"), "tools",
     OR_ERR_TYPE},
    {R("'tool_choice':'any'"), "tool_choice", OR_ERR_TYPE},
    {R("'tool_choice':5"), "tool_choice", OR_ERR_TYPE},
    {R("'tool_choice':{'type':'function'}"), "tool_choice", OR_ERR_TYPE},
};

/* ---- TEXT ---- */

static const vector texts[] = {
    {"a string", "{'prompt':'hi'}", W("", ""), ""},
    {"one of a list", "{'prompt':[ 'hi' ]}", W("", ""), ""},
    {"the rest to the byte",
     "{'model' : 'm','prompt':'hi','n':1.0, 'n':[ 2 ],'m\\u0041x':null,'stop':'\\/'}",
     "{'messages':[" HI "],'model':'m','n':1.0,'n':[ 2 ],'m\\u0041x':null,'stop':'\\/'}", ""},
    {"lost",
     "{'suffix':'s','echo':true,'best_of':2,'logprobs':3,'messages':[],'prompt':'hi','prompt':5}",
     W("", ""), "suffix echo best_of logprobs messages"},
    {"nothing lost", "{'suffix':null,'echo':false,'best_of':1,'logprobs':null,'prompt':'hi'}",
     W("", ""), ""},
};

static const struct {
    const char *in, *bad;
    or_err      err;
} not_texts[] = {
    {"{}", "prompt", OR_ERR_TYPE},
    {"{'prompt':null}", "prompt", OR_ERR_TYPE},
    {"{'prompt':5}", "prompt", OR_ERR_TYPE},
    {"{'prompt':{}}", "prompt", OR_ERR_TYPE},
    {"{'prompt':[]}", "prompt", OR_ERR_DIALECT},
    {"{'prompt':['a','b']}", "prompt", OR_ERR_DIALECT},
    {"{'prompt':[1,2]}", "prompt", OR_ERR_DIALECT},
    {"{'prompt':[[1,2]]}", "prompt", OR_ERR_DIALECT},
};

static void test_vectors(void)
{
    static const struct {
        const vector *list;
        size_t        num;
        or_dialect    from;
    } all[] = {{messages, COUNT(messages), OR_DIALECT_MESSAGES},
               {thinking, COUNT(thinking), OR_DIALECT_MESSAGES},
               {members, COUNT(members), OR_DIALECT_MESSAGES},
               {responses, COUNT(responses), OR_DIALECT_RESPONSES},
               {texts, COUNT(texts), OR_DIALECT_TEXT}};
    for (size_t i = 0; i < COUNT(all); i++)
        for (size_t k = 0; k < all[i].num; k++) {
            const vector *v = &all[i].list[k];
            check_chat(all[i].from, v->in, v->want, v->lost, v->name);
        }
    for (size_t i = 0; i < COUNT(refused); i++)
        check_bad(OR_DIALECT_MESSAGES, refused[i].in, refused[i].err, refused[i].bad);
    for (size_t i = 0; i < COUNT(not_responses); i++)
        check_bad(OR_DIALECT_RESPONSES, not_responses[i].in, not_responses[i].err,
                  not_responses[i].bad);
    for (size_t i = 0; i < COUNT(not_texts); i++)
        check_bad(OR_DIALECT_TEXT, not_texts[i].in, not_texts[i].err, not_texts[i].bad);
    check_bad(OR_DIALECT_CHAT, "{}", OR_ERR_ARG, "");
    check_bad(OR_DIALECT_GEMINI, "{}", OR_ERR_ARG, "");
    check_bad((or_dialect)99, "{}", OR_ERR_ARG, "");
}

/* A buffer that failed before is not written, and a counting one cannot be used. */
static void test_buffers(void)
{
    char   mem[8];
    or_buf out;
    or_str body = json("{'prompt':'hi'}");
    or_buf_init_counting(&out);
    CHECK_ERR(or_dialect_to_chat(&out, OR_DIALECT_TEXT, body, NULL, NULL), OR_ERR_ARG, "counting");
    or_buf_init(&out, mem, sizeof mem);
    or_buf_put(&out, "12345678", 8);
    or_buf_put_char(&out, '9');
    CHECK_ERR(or_dialect_to_chat(&out, OR_DIALECT_TEXT, body, NULL, NULL), OR_ERR_SPACE, "failed");
    CHECK_STR(or_buf_str(&out), OR_STR("12345678"), "failed");
    for (unsigned long n = 0; n < 2; n++) {
        test_heap          heap = {0, n, 0};
        const or_allocator a = TEST_ALLOCATOR(&heap);
        or_buf_init_growing(&out, &a, 1000);
        CHECK_ERR(or_dialect_to_chat(&out, OR_DIALECT_TEXT, body, NULL, NULL),
                  n == 0 ? OR_OK : OR_ERR_MEMORY, "heap");
        CHECK(n == 0 ? out.len > 0 : out.len == 0, "heap");
        or_buf_free(&out);
        CHECK(heap.outstanding == 0, "heap");
    }
    drop(body);
}

/* n arrays, one in another, in a member; two levels more than OR_JSON_MAX_DEPTH allows are kept
   for what is written around. */
static or_str nested(const char *before, size_t n, const char *behind)
{
    size_t a = strlen(before), b = strlen(behind);
    char  *p = malloc(a + 2 * n + b + 1);
    if (p == NULL) abort();
    memcpy(p, before, a);
    memset(p + a, '[', n);
    memset(p + a + n, ']', n);
    memcpy(p + a + 2 * n, behind, b + 1);
    or_str s = json(p);
    free(p);
    return s;
}

/* G20 */
static void test_depth(void)
{
    static const struct {
        const char *name, *before, *behind;
        or_dialect  from;
        size_t      around; /* levels that stand around the arrays */
        bool        packed; /* and are left out when there are too many */
    } cases[] = {
        {"schema", "{'messages':[" HI "],'tools':[{'name':'f','input_schema':{'a':", "}}]}",
         OR_DIALECT_MESSAGES, 4 + 2, false},
        {"mark", "{'messages':[" HI "],'system':[{'type':'text','text':'a','cache_control':{'a':",
         "}}]}", OR_DIALECT_MESSAGES, 4 + 2, false},
        {"parameters", "{'input':'hi','tools':[{'type':'function','name':'f','parameters':{'a':",
         "}}]}", OR_DIALECT_RESPONSES, 4 + 2, false},
        {"detail",
         "{'messages':[{'role':'assistant','content':[{'type':'redacted_thinking','data':'or."
         "detail:{\\'a\\':",
         "}'}]}]}", OR_DIALECT_MESSAGES, 5, true},
        {"details",
         "{'input':[" SAID("a") ",{'type':'reasoning','encrypted_content':'or.details:[{\\'a\\':",
         "}]'}]}", OR_DIALECT_RESPONSES, 5, true},
    };
    static char mem[ROOM];
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t more = 0; more < 2; more++) {
            or_str body = nested(cases[i].before, OR_JSON_MAX_DEPTH - cases[i].around + more,
                                 cases[i].behind);
            or_buf out;
            or_dialect_loss loss;
            memset(&loss, 0, sizeof loss);
            or_buf_init(&out, mem, sizeof mem);
            or_err e = or_dialect_to_chat(&out, cases[i].from, body, &loss, NULL);
            CHECK_ERR(e, more > 0 && !cases[i].packed ? OR_ERR_DEPTH : OR_OK, cases[i].name);
            CHECK(loss.reasoning == (more > 0 && cases[i].packed), cases[i].name);
            if (e == OR_OK)
                CHECK_ERR(or_json_check(or_buf_str(&out), NULL), OR_OK, cases[i].name);
            else
                CHECK(out.len == 0, cases[i].name);
            drop(body);
        }
}

/* More kinds of losses than are listed; each is named once. */
static void test_losses(void)
{
    static char              in[4096], mem[ROOM];
    static const char *const types[] = {"server_tool_use",
                                        "web_search_tool_result",
                                        "web_fetch_tool_result",
                                        "code_execution_tool_result",
                                        "bash_code_execution_tool_result",
                                        "text_editor_code_execution_tool_result",
                                        "tool_search_tool_result",
                                        "tool_reference",
                                        "mcp_tool_use",
                                        "mcp_tool_result",
                                        "container_upload",
                                        "compaction",
                                        "thinking",
                                        "redacted_thinking",
                                        "refusal",
                                        "tool_use",
                                        "x"};
    or_dialect_loss          loss;
    or_buf                   out;
    size_t n = (size_t)snprintf(in, sizeof in, "{'messages':[{'role':'user','content':[");
    for (int twice = 0; twice < 2; twice++)
        for (size_t i = 0; i < COUNT(types); i++)
            n += (size_t)snprintf(
                in + n, sizeof in - n,
                "{'type':'%s','thinking':'','data':'','refusal':'','id':'','name':''},", types[i]);
    snprintf(in + n - 1, sizeof in - n + 1, "]}]}");
    or_str body = json(in);
    memset(&loss, 0, sizeof loss);
    or_buf_init(&out, mem, sizeof mem);
    CHECK_ERR(or_dialect_to_chat(&out, OR_DIALECT_MESSAGES, body, &loss, NULL), OR_OK, "losses");
    CHECK(loss.num == OR_DIALECT_MAX_LOSSES, "losses");
    for (uint32_t i = 0; i < loss.num; i++)
        CHECK(strcmp(loss.names[i] + strlen("messages."), types[i]) == 0, types[i]);
    drop(body);
}

/* G38, G57: a result of 1 MB. */
static void test_large(void)
{
    enum { SIZE = 1 << 20 };
    char  *text = malloc(SIZE + 256), *mem = malloc(SIZE + 256);
    or_buf body, out;
    if (text == NULL || mem == NULL) abort();
    or_buf_init(&body, text, SIZE + 256);
    or_str head = json("{'messages':[{'role':'user','content':[{'type':'tool_result','tool_use_id':"
                       "'t1','content':'");
    or_buf_put_str(&body, head);
    memset(text + body.len, 'x', SIZE);
    body.len += SIZE;
    or_buf_put_z(&body, "\"}]}]}");
    or_buf_init(&out, mem, SIZE + 256);
    CHECK_ERR(or_dialect_to_chat(&out, OR_DIALECT_MESSAGES, or_buf_str(&body), NULL, NULL), OR_OK,
              "1 MB");
    CHECK(out.len > SIZE && or_json_check(or_buf_str(&out), NULL) == OR_OK, "1 MB");
    CHECK(or_dialect_count_tokens(or_buf_str(&body)) == 4 + (SIZE * 2 + 6) / 7, "1 MB");
    drop(head);
    free(text);
    free(mem);
}

/* ---- tokens ---- */

static const struct {
    const char *in;
    uint64_t    want;
} counts[] = {
    {"", 0},
    {"5", 0},
    {"[]", 0},
    {"{}", 0},
    {"{'model':'a/very-long-name','metadata':{'a':'bbbbbbbbbbbbbbb'}}", 0},
    {"{'prompt':'1234567'}", 2},
    {"{'prompt':'12345678'}", 3},
    {"{'prompt':['1234567','1234567']}", 4},
    {"{'prompt':'\\n\\n\\n\\n\\n\\n\\n'}", 2},
    {"{'prompt':'\\u4e2d\\u4e2d1'}", 2},
    {"{'prompt':'\xe4\xb8\xad\xe4\xb8\xad"
     "1'}",
     2},
    {"{'prompt':'\\u4e2d\\u4e2d\\u4e2d\\u4e2d\\u4e2d\\u4e2d\\u4e2d'}", 6},
    {"{'input':'1234567'}", 2},
    {"{'messages':[{'role':'user','content':'1234567'}]}", 6},
    {"{'messages':[{'role':'user','content':[{'type':'text','text':'1234567'},{'type':'text','text'"
     ":'1234567'}]}]}",
     8},
    {"{'system':'1234567','messages':[{'role':'user','content':''}]}", 6},
    {"{'messages':[{'role':'assistant','tool_calls':[{'id':'call_1','type':'function','function':{'"
     "name':'f','arguments':'123456'}}]}]}",
     6},
    {"{'messages':[{'role':'user','content':[{'type':'image_url','image_url':{'url':'data:image/"
     "png;base64,QUJDQUJDQUJD'}}]}]}",
     1504},
    {"{'messages':[{'role':'user','content':[" PNG "]}]}", 1504},
    {"{'messages':[{'role':'user','content':[" PNG "," PNG "]}]}", 3004},
    {"{'messages':[{'role':'user','content':[{'type':'document','source':{'type':'text','media_"
     "type':'text/plain','data':'1234567'}}]}]}",
     6},
    {"{'messages':[{'role':'user','content':[{'type':'document','source':{'type':'content','"
     "content':[" T("1234567") "," PNG "]}}]}]}",
     1506},
    {"{'messages':[{'role':'assistant','content':[{'type':'tool_use','id':'t','name':'','input':{'"
     "a':12}}]}]}",
     7},
    {"{'messages':[{'role':'assistant','content':[{'type':'thinking','thinking':'1234567','"
     "signature':'QUJDQUJD'},{'type':'redacted_thinking','data':'QUJDQUJD'}]}]}",
     6},
    {"{'messages':[{'role':'assistant','reasoning':'1234567','reasoning_details':[{'text':'1234567'"
     "}]}]}",
     6},
    {"{'messages':[{'content':[{'type':'document','source':{'type':'text','data':'1234567'}},{'"
     "type':'redacted_thinking','data':'QUJDQUJDQUJD'},{'type':'tool_result','content':[{'type':'"
     "document','source':{'type':'text','data':'1234567'}}]}]}]}",
     8},
    {"{'tools':[{'a':'1234567'}]}", 5}, /* 17 bytes */
    {"{'input':[{'role':'user','content':[{'type':'input_image','image_url':'https://"
     "h'},{'type':'input_file','filename':'a','file_data':'data:x;base64,QQ'}]}]}",
     3004},
    {"{'contents':[{'role':'user','parts':[{'text':'1234567'},{'inlineData':{'mimeType':'image/"
     "png','data':'QUJD'}},{'functionCall':{'name':'','args':{'a':1}}}]}]}",
     1508},
    {"{'systemInstruction':{'parts':[{'text':'1234567'}]},'contents':[{'parts':[{'text':'','"
     "thoughtSignature':'QUJDQUJD'}]}]}",
     6},
    {"{'messages':[{'role':'user','content':[{'type':'search_result','source':'1234567','title':'"
     "1234567','content':[" T("1234567") "]}]}]}",
     10},
};

static void test_tokens(void)
{
    for (size_t i = 0; i < COUNT(counts); i++) {
        or_str body = json(counts[i].in);
        CHECK(or_dialect_count_tokens(body) == counts[i].want, counts[i].in);
        for (size_t n = 0; n <= body.len; n++) { /* cut anywhere: what can be read of it */
            or_str cut = test_exact(or_str_of(body.ptr, n));
            CHECK(or_dialect_count_tokens(cut) <= counts[i].want + 1500, counts[i].in);
            drop(cut);
        }
        drop(body);
    }
}

int main(void)
{
    test_vectors();
    test_packed();
    test_buffers();
    test_depth();
    test_losses();
    test_large();
    test_tokens();
    TEST_MAIN_END("test_dialect_to_chat");
}
