/* The engine: what each behaviour of upstreams becomes, whole, cut everywhere, slowly, with
   every failure of memory and transport; time to the millisecond, money to the pico-dollar. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "call_play.h"
#include "test.h"

/* Every so many of the places where something can be cut: more for slow machines. */
#ifndef TEST_STRIDE
#define TEST_STRIDE 1
#endif

/* ---- what upstreams send ---- */

#define STREAM_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
#define STREAM      "%" STREAM_HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define UNTIL_CLOSE STREAM_HEAD "\r\n"
#define WITH(status, fields) \
    "%HTTP/1.1 " status " Word\r\nContent-Type: application/json\r\n" fields \
    "Content-Length: *\r\n\r\n"
#define JSON(status) WITH(status, "")

#define EV(json)  "data: " json "\n\n"
#define ROLE      EV("{\"id\":\"gen-7\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}")
#define TEXT(t)   EV("{\"choices\":[{\"delta\":{\"content\":\"" t "\"},\"finish_reason\":null}]}")
#define FINISH(f) EV("{\"choices\":[{\"delta\":{},\"finish_reason\":\"" f "\"}]}")
#define STOP      FINISH("stop")
#define COUNTS    "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}"
#define USAGE     EV("{\"choices\":[],\"usage\":" COUNTS "}")
#define DONE      "data: [DONE]\n\n"
#define PING      ": OPENROUTER PROCESSING\n\n"
#define HI        TEXT("Hi") STOP USAGE DONE
#define GOOD      STREAM ROLE HI /* costs 20000 at endpoint 0, 55000 at 1, 90000 at 2, 125000 at 3 */

#define ANSWER(more) \
    "{\"id\":\"gen-8\",\"choices\":[{\"message\":{\"content\":\"Hello\"}," more "}],\"usage\":" COUNTS "}"
#define WHOLE      JSON("200") ANSWER("\"finish_reason\":\"stop\"")
#define ERROR(c)   "{\"error\":{\"code\":" c ",\"message\":\"no\"}}"
#define STATUS(s)  JSON(s) ERROR(s)

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

/* What is different from call_play_init. */
enum { WHOLLY = 1, OTHER = 2, NO_STATS = 4, SMALL = 8, ONCE = 16, FOUR = 32, SENDV = 64 };

typedef struct vector {
    const char *name;
    unsigned    flags;
    const char *plan;
    const char *answers[5];
    const char *want;
} vector;

static const vector vectors[] = {
    /* ---- answers ---- */
    {"stream", 0, "01", {GOOD}, "c0 b[1] (Hi)(;stop)() =complete $20000C k"},
    {"stream until close", 0, "0", {UNTIL_CLOSE ROLE HI}, "c0 b[1] (Hi)(;stop)() =complete $20000C x"},
    {"stream without [DONE]", 0, "0", {STREAM TEXT("Hi") STOP}, "c0 b[0] (Hi)(;stop) =complete $12000E k"},
    {"stream without [DONE] until close", 0, "0", {UNTIL_CLOSE TEXT("Hi") STOP USAGE},
     "c0 b[0] (Hi)(;stop)() =complete $20000C x"},
    {"stream whose last event lacks its blank line", 0, "0",
     {UNTIL_CLOSE TEXT("Hi") "data: {\"choices\":[{\"delta\":{\"content\":\"!\"},\"finish_reason\":\"stop\"}]}"},
     "c0 b[0] (Hi)(!;stop) =complete $12000E x"},
    {"stream of one event without its blank line", 0, "0",
     {UNTIL_CLOSE "data: {\"choices\":[{\"delta\":{\"content\":\"!\"},\"finish_reason\":\"stop\"}]}"},
     "c0 b[0] (!;stop) =complete $12000E x"},
    {"[DONE] that lacks its blank line", 0, "0", {UNTIL_CLOSE TEXT("Hi") STOP "data: [DONE]"},
     "c0 b[0] (Hi)(;stop) =complete $12000E x"},
    {"comments before and between", 0, "0", {STREAM PING PING ROLE PING TEXT("Hi") PING STOP PING DONE},
     "c0 b[1] (Hi)(;stop) =complete $12000E k"},
    {"two openings, empty events, pings in JSON", 0, "0",
     {STREAM "data:\n\n" ROLE EV("{\"type\":\"ping\"}") ROLE HI},
     "c0 b[2] (Hi)(;stop)() =complete $20000C k"},
    {"reasoning opens it", 0, "0",
     {STREAM ROLE EV("{\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}") HI},
     "c0 b[1] (hm)(Hi)(;stop)() =complete $20000C k"},
    {"a tool call opens it", 0, "0",
     {STREAM ROLE EV("{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                     "\"arguments\":\"12345678\"}}]}}]}") FINISH("tool_calls") DONE},
     "c0 b[1] ({12345678})(;tools) =complete $14000E k"},
    {"a finish opens it", 0, "0", {STREAM ROLE STOP DONE}, "c0 b[1] (;stop) =complete $10000E k"},
    {"a refusal opens it", 0, "0",
     {STREAM EV("{\"choices\":[{\"delta\":{\"refusal\":\"I will not\"}}]}") STOP DONE},
     "c0 b[0] ()(;stop) =complete $16000E k"},
    {"usage and its cost", 0, "0",
     {STREAM TEXT("Hi") STOP EV("{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,"
                                "\"total_tokens\":2,\"cost\":0.0000000375}}") DONE},
     "c0 b[0] (Hi)(;stop)() =complete $37500U k"},
    {"what comes behind [DONE] is nothing", 0, "0", {STREAM TEXT("Hi") STOP DONE TEXT("no") DONE EV("{")},
     "c0 b[0] (Hi)(;stop) =complete $12000E k"},
    {"whole", WHOLLY, "0", {WHOLE}, "c0 a(Hello;stop) =complete $20000C k"},
    {"whole until close", WHOLLY, "0", {"HTTP/1.1 200 OK\r\n\r\n" ANSWER("\"finish_reason\":\"stop\"")},
     "c0 a(Hello;stop) =complete $20000C x"},
    {"whole, not asked for", 0, "0", {WHOLE}, "c0 a(Hello;stop) =complete $20000C k"},
    {"whole behind blank lines", WHOLLY, "0", {JSON("200") "\n\n\n" ANSWER("\"finish_reason\":\"stop\"")},
     "c0 a(Hello;stop) =complete $20000C k"},
    {"whole on a connection that ends", WHOLLY, "0",
     {WITH("200", "Connection: close\r\n") ANSWER("\"finish_reason\":\"stop\"")},
     "c0 a(Hello;stop) =complete $20000C x"},
    {"whole without usage", WHOLLY, "0",
     {JSON("200") "{\"choices\":[{\"message\":{\"content\":\"Hello, all\"},\"finish_reason\":\"length\"}]}"},
     "c0 a(Hello, all;length) =complete $16000E k"},
    {"whole without an end", WHOLLY, "01", {JSON("200") ANSWER("\"finish_reason\":null")},
     "c0 a(Hello) =cut[TRUNCATED P] $20000C x"},
    {"interim heads", 0, "0", 
     {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" UNTIL_CLOSE ROLE HI},
     "c0 b[1] (Hi)(;stop)() =complete $20000C x"},
    {"three pieces in one go", SENDV, "0", {GOOD}, "c0 b[1] (Hi)(;stop)() =complete $20000C k"},
    {"no statistics, no budget", NO_STATS, "01", {STATUS("503"), GOOD},
     "c0 f[503 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"embeddings", OTHER, "0", {JSON("200") "{\"data\":[[1,2]],\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}"},
     "c0 a =complete $7000C k"},
    {"embeddings without usage", OTHER, "0", {JSON("200") "[{\"usage\":{}},\"usage\"]"},
     "c0 a =complete $10000E k"},
    {"embeddings with an error", OTHER, "01",
     {JSON("200") "{\"error\":{\"code\":429,\"message\":\"busy\"},\"usage\":null}", JSON("200") "{\"error\":null}"},
     "c0 f[429 R] k c1 a =complete $30000E k"},
    {"embeddings that are not JSON", OTHER, "01", {JSON("200") "{\"data\":[1,]}", JSON("200") "{}"},
     "c0 f[JSON P] x c1 a =complete $40000E k"},

    /* ---- fallback before the first content ---- */
    {"refused", 0, "01", {"-", GOOD}, "c0 f[IO P] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"connects too slowly", 0, "01", {"?", GOOD},
     "c0 f[TIMEOUT C P] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"500", 0, "01", {STATUS("500"), GOOD}, "c0 f[500 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"502", 0, "01", {STATUS("502"), GOOD}, "c0 f[502 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"503", 0, "01", {STATUS("503"), GOOD}, "c0 f[503 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"504", 0, "01", {STATUS("504"), GOOD}, "c0 f[504 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"524", 0, "01", {STATUS("524"), GOOD}, "c0 f[524 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"529", 0, "01", {STATUS("529"), GOOD}, "c0 f[529 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"498", 0, "01", {STATUS("498"), GOOD}, "c0 f[498 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"408", 0, "01", {STATUS("408"), GOOD}, "c0 f[408 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"429", 0, "01", {STATUS("429"), GOOD}, "c0 f[429 R] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"401", 0, "01", {STATUS("401"), GOOD}, "c0 f[401 K] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"402", 0, "01", {STATUS("402"), GOOD}, "c0 f[402 K] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"403", 0, "01", {STATUS("403"), GOOD}, "c0 f[403 C] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"404", 0, "01", {STATUS("404"), GOOD}, "c0 f[404 K] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"451", 0, "01", {STATUS("451"), GOOD}, "c0 f[451 C] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"302", 0, "01", {JSON("302"), GOOD}, "c0 f[302 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"204", 0, "01", {"HTTP/1.1 204 None\r\n\r\n", GOOD},
     "c0 f[204 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"400 is the caller's: no equal endpoint", 0, "01", {STATUS("400"), GOOD}, "c0 =error[400 C] $0C k"},
    {"413", 0, "01", {STATUS("413"), GOOD}, "c0 =error[413 C] $0C k"},
    {"422", 0, "01", {STATUS("422"), GOOD}, "c0 =error[422 C] $0C k"},
    {"400: another model", 0, "013", {STATUS("400"), GOOD},
     "c0 f[400 C] k c3 b[1] (Hi)(;stop)() =complete $125000C k"},
    {"400 later: those that may be tried again are of no use either", FOUR, "01",
     {STATUS("503"), STATUS("400"), GOOD}, "c0 f[503 P] k c1 =error[400 C] $0C k"},
    {"context: a larger one", 0, "012",
     {JSON("400") "{\"error\":{\"code\":\"context_length_exceeded\",\"type\":\"invalid_request_error\",\"message\":\"\"}}",
      GOOD},
     "c0 f[400 C] k c2 b[1] (Hi)(;stop)() =complete $90000C k"},
    {"context: none is larger", 0, "013",
     {JSON("400") "{\"error\":{\"message\":\"This model's maximum context length is 8000 tokens.\"}}", GOOD},
     "c0 =error[400 C] $0C k"},
    {"parameter: other parameters", 0, "013",
     {JSON("400") "{\"error\":{\"code\":\"unsupported_parameter\",\"message\":\"no\"}}", GOOD},
     "c0 f[400 C] k c3 b[1] (Hi)(;stop)() =complete $125000C k"},
    {"quota is the key's", 0, "01", {JSON("429") "{\"error\":{\"type\":\"insufficient_quota\"}}", GOOD},
     "c0 f[429 K] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"an error in an answer with 200", 0, "01", {JSON("200") ERROR("503"), GOOD},
     "c0 f[503 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"an error without code in an answer with 200", 0, "01",
     {JSON("200") "{\"error\":{\"message\":\"engine died\"}}", GOOD},
     "c0 f[502 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"an error in words in an answer with 200", 0, "01",
     {JSON("200") "{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"\"}}", GOOD},
     "c0 f[502 R] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"an answer that finished in an error", WHOLLY, "01",
     {JSON("200") "{\"choices\":[{\"message\":{\"content\":\"H\"},\"finish_reason\":\"error\"}]}", WHOLE},
     "c0 f[502 P] k c1 a(Hello;stop) =complete $55000C k"},
    {"an error event before content", 0, "01", {STREAM ROLE EV(ERROR("503")) DONE, GOOD},
     "c0 f[503 P] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"a finish of error before content", 0, "01", {STREAM ROLE FINISH("error") USAGE DONE, GOOD},
     "c0 f[502 P] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"an error event with usage", 0, "01",
     {STREAM EV("{\"error\":{\"code\":502,\"message\":\"\"},\"choices\":[],\"usage\":" COUNTS "}"), GOOD},
     "c0 f[502 P] x c1 b[1] (Hi)(;stop)() =complete $75000E k"},
    {"[DONE] without finish", 0, "01", {STREAM ROLE DONE, GOOD},
     "c0 f[TRUNCATED P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"the stream ends before content", 0, "01", {STREAM ROLE, GOOD},
     "c0 f[TRUNCATED P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"closed without a byte", 0, "01", {"", GOOD},
     "c0 f[CLOSED P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"closed in the head", 0, "01", {"HTTP/1.1 503 Wo", GOOD},
     "c0 f[TRUNCATED P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"closed behind an interim head", 0, "01", {"HTTP/1.1 100 Continue\r\n\r\n", GOOD},
     "c0 f[TRUNCATED P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"closed in the body of an error", 0, "01",
     {"HTTP/1.1 401 No\r\nContent-Length: 50\r\n\r\n{\"error\":{\"mess", GOOD},
     "c0 f[401 K] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"closed in a whole answer", WHOLLY, "01",
     {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" ANSWER("\"finish_reason\":\"stop\""), WHOLE},
     "c0 f[TRUNCATED P] x c1 a(Hello;stop) =complete $65000E k"},
    {"a whole answer cut, until close", WHOLLY, "01",
     {"HTTP/1.1 200 OK\r\n\r\n{\"choices\":[{\"message\":{\"content\":\"Hel", WHOLE},
     "c0 f[TRUNCATED P] x c1 a(Hello;stop) =complete $65000E k"},
    {"the head is too large", SMALL, "01", {"HTTP/1.1 200 OK\r\nX: " HUNDRED HUNDRED HUNDRED "\r\n\r\n", GOOD},
     "c0 f[HEAD P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"an event is too large", SMALL, "01", {STREAM TEXT(HUNDRED HUNDRED HUNDRED), GOOD},
     "c0 f[EVENT P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"the opening is too large", SMALL, "01", {STREAM ROLE ROLE ROLE ROLE HI, GOOD},
     "c0 f[OPENING P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"the answer is too large", SMALL | WHOLLY, "01", {JSON("200") "{\"x\":\"" HUNDRED HUNDRED HUNDRED "\"}", WHOLE},
     "c0 f[BODY P] x c1 a(Hello;stop) =complete $65000E k"},
    {"the error is too large: its status is enough", SMALL, "01",
     {JSON("404") "{\"error\":\"" HUNDRED HUNDRED HUNDRED "\"}", GOOD},
     "c0 f[404 K] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"the error is a page", 0, "01", {"%HTTP/1.1 503 No\r\nContent-Length: *\r\n\r\n<html>", GOOD},
     "c0 f[503 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"a stream that was not asked for", WHOLLY, "01", {GOOD, WHOLE},
     "c0 f[UNASKED P] x c1 a(Hello;stop) =complete $65000E k"},
    {"a stream of another kind", OTHER, "01", {GOOD, JSON("200") "1"}, "c0 f[UNASKED P] x c1 a =complete $40000E k"},
    {"compressed", 0, "01", {WITH("200", "Content-Encoding: gzip\r\n") "xx", GOOD},
     "c0 f[UNASKED P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"identity is not compressed", WHOLLY, "0",
     {WITH("200", "Content-Encoding: Identity\r\n") ANSWER("\"finish_reason\":\"stop\"")},
     "c0 a(Hello;stop) =complete $20000C k"},
    {"a compressed error has its status", 0, "01", {WITH("401", "Content-Encoding: br\r\n") "xx", GOOD},
     "c0 f[401 K] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"not HTTP", 0, "01", {"SSH-2.0-x\r\n", GOOD},
     "c0 f[HTTP P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"an event is not JSON", 0, "01", {STREAM EV("{"), GOOD},
     "c0 f[TRUNCATED P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"an answer is not JSON", WHOLLY, "01", {JSON("200") "<html>", WHOLE},
     "c0 f[JSON P] x c1 a(Hello;stop) =complete $65000E k"},
    {"an answer of another shape", WHOLLY, "01", {JSON("200") "{\"a\":1}", WHOLE},
     "c0 f[ANSWER P] x c1 a(Hello;stop) =complete $65000E k"},
    {"all fail: the last one's failure", 0, "01", {STATUS("500"), STATUS("403")},
     "c0 f[500 P] k c1 =error[403 C] $0C k"},
    {"all are refused", 0, "01", {"-", "-"}, "c0 f[IO P] x c1 =error[IO P] $0C x"},

    /* ---- nothing after the first content ---- */
    {"an error event", 0, "01", {STREAM TEXT("Hi") EV(ERROR("429")) DONE, GOOD},
     "c0 b[0] (Hi) =error[429 R] $12000E x"},
    {"a finish of error", 0, "01", {STREAM TEXT("Hi") FINISH("error") USAGE DONE, GOOD},
     "c0 b[0] (Hi)(;error)() =error[502 P] $20000C x"},
    {"cut", 0, "01", {UNTIL_CLOSE TEXT("Hi"), GOOD}, "c0 b[0] (Hi) =cut[TRUNCATED P] $12000E x"},
    {"cut between chunks", 0, "01",
     {STREAM_HEAD "Transfer-Encoding: chunked\r\n\r\n45\r\n" TEXT("Hi") "\r\n", GOOD},
     "c0 b[0] (Hi) =cut[TRUNCATED P] $12000E x"},
    {"ended without a finish", 0, "01", {STREAM TEXT("Hi"), GOOD}, "c0 b[0] (Hi) =cut[TRUNCATED P] $12000E x"},
    {"[DONE] without a finish, later", 0, "01", {STREAM TEXT("Hi") DONE, GOOD},
     "c0 b[0] (Hi) =cut[TRUNCATED P] $12000E x"},
    {"not JSON", 0, "01", {STREAM TEXT("Hi") EV("{]") STOP DONE, GOOD}, "c0 b[0] (Hi) =cut[JSON P] $12000E x"},
    {"a bad chunk", 0, "01",
     {STREAM_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\nz\r\n", GOOD},
     "c0 f[CHUNK P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"an event that is too large", SMALL, "01", {STREAM TEXT("Hi") TEXT(HUNDRED HUNDRED HUNDRED) STOP, GOOD},
     "c0 b[0] (Hi) =cut[EVENT P] $12000E x"},
    {"a finish, then cut", 0, "01",
     {STREAM_HEAD "Content-Length: 500\r\n\r\n" TEXT("Hi") STOP, GOOD},
     "c0 b[0] (Hi)(;stop) =cut[TRUNCATED P] $12000E x"},
    {"silence", 0, "01", {"+" UNTIL_CLOSE TEXT("Hi"), GOOD}, "c0 b[0] (Hi) =cut[TIMEOUT B P] $12000E x"},
    {"silence before content", 0, "01", {"+" UNTIL_CLOSE ROLE, GOOD},
     "c0 f[TIMEOUT F P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"silence behind the finish", 0, "01", {"+" UNTIL_CLOSE TEXT("Hi") STOP, GOOD},
     "c0 b[0] (Hi)(;stop) =cut[TIMEOUT B P] $12000E x"},
    {"silence in the body of an error", 0, "01", {"+HTTP/1.1 429 No\r\nContent-Length: 9\r\n\r\n{", GOOD},
     "c0 f[429 R] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},

    /* ---- after the end ---- */
    {"the end of the message does not come", 0, "0", {"+" UNTIL_CLOSE TEXT("Hi") STOP DONE},
     "c0 b[0] (Hi)(;stop) =complete $12000E x"},
    {"a bad chunk behind the end", 0, "0",
     {STREAM_HEAD "Transfer-Encoding: chunked\r\n\r\n55\r\n"
      "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n" DONE "\r\nz"},
     "c0 b[0] (Hi;stop) =complete $12000E x"},

    /* ---- connections ---- */
    {"an idle one that works", 0, "01", {">" GOOD}, "c0 b[1] (Hi)(;stop)() =complete $20000C k"},
    {"an idle one that had died", 0, "01", {">", GOOD}, "c0 x c0! b[1] (Hi)(;stop)() =complete $20000C k"},
    {"an idle one that dies while asked", 0, "01", {">!", GOOD}, "c0 x c0! b[1] (Hi)(;stop)() =complete $20000C k"},
    {"only once", 0, "01", {">", ">", GOOD}, "c0 x c0! f[CLOSED P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"an idle one is no attempt", ONCE, "0", {">", STATUS("503"), GOOD}, "c0 x c0! =error[503 P] $0C k"},
    {"an idle one that says something is none that had died", 0, "01", {">HTTP/1.1 ", GOOD},
     "c0 f[TRUNCATED P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
    {"an answer before the end of the question", 0, "01", {"<" STATUS("413"), GOOD}, "c0 =error[413 C] $0C x"},
    {"it says why before it closes", 0, "01", {"!" STATUS("429"), GOOD},
     "c0 f[429 R] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"it closes while asked", 0, "01", {"!", GOOD},
     "c0 f[CLOSED P] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"it does not take the question", 0, "01", {"<+", GOOD},
     "c0 f[TIMEOUT F P] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},

    /* ---- rounds ---- */
    {"again after a wait", FOUR, "01", {STATUS("503"), STATUS("429"), GOOD},
     "c0 f[503 P] k c1 f[429 R] k c0 b[1] (Hi)(;stop)() =complete $20000C k"},
    {"only those that may be better", FOUR, "01", {STATUS("401"), STATUS("503"), GOOD},
     "c0 f[401 K] k c1 f[503 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"tries are for all rounds", FOUR, "01",
     {STATUS("503"), STATUS("503"), STATUS("503"), STATUS("500"), GOOD},
     "c0 f[503 P] k c1 f[503 P] k c0 f[503 P] k c1 =error[500 P] $0C k"},
    {"it says that trying again is no use", FOUR, "0",
     {JSON("503") "{\"error\":{\"code\":503,\"message\":\"\",\"availability\":{\"retryable\":false}}}", GOOD},
     "c0 =error[503 P] $0C k"},
    {"one try", ONCE, "01", {STATUS("503"), GOOD}, "c0 =error[503 P] $0C k"},
};

#define NUM_VECTORS (sizeof vectors / sizeof vectors[0])

static void set_up(call_play *p, const vector *v)
{
    call_play_init(p, v->plan);
    for (int i = 0; i < 5; i++) p->answers[i] = v->answers[i];
    p->desc.stream = (v->flags & (WHOLLY | OTHER)) == 0;
    p->desc.other = (v->flags & OTHER) != 0;
    if ((v->flags & NO_STATS) != 0) p->desc.stats = NULL;
    if ((v->flags & NO_STATS) != 0) p->desc.budget = NULL;
    if ((v->flags & SENDV) != 0) p->desc.sendv = call_sendv;
    if ((v->flags & ONCE) != 0) p->desc.tries = 1;
    if ((v->flags & FOUR) != 0) p->desc.tries = 4;
    if ((v->flags & SMALL) == 0) return;
    p->desc.max_head = 200;
    p->desc.max_event = 250;
    p->desc.max_held = 300;
    p->desc.max_answer = 250;
}

/* Play it and give back what was taken; what came out is still in *p. */
static void run(call_play *p, const char *name)
{
    call_play_run(p);
    CHECK(p->broken == NULL, p->broken != NULL ? p->broken : name);
    if (p->broken != NULL) fprintf(stderr, "  in \"%s\": %s\n", name, p->log);
    call_play_free(p);
}

static void expect(const call_play *p, const vector *v, const char *how)
{
    if (strcmp(p->log, v->want) != 0)
        fprintf(stderr, "%s, %s:\n  got  %s\n  want %s\n", v->name, how, p->log, v->want);
    CHECK(strcmp(p->log, v->want) == 0, v->name);
}

static void test_vectors(void)
{
    static call_play p;
    for (size_t i = 0; i < NUM_VECTORS; i++) {
        const vector *v = &vectors[i];
        set_up(&p, v);
        run(&p, v->name);
        expect(&p, v, "at once");
        for (p.skew = 0; p.skew < 9; p.skew++) {
            size_t skew = p.skew;
            set_up(&p, v);
            p.skew = skew;
            p.slowly = true;
            p.now = UINT32_MAX - 300000; /* wraps in many of them */
            run(&p, v->name);
            expect(&p, v, "slowly, at any address");
        }
    }
}

/* The bytes of each connection in two pieces. */
static void test_splits(void)
{
    static call_play p;
    for (size_t i = 0; i < NUM_VECTORS; i++)
        for (size_t which = 0; which < 5 && vectors[i].answers[which] != NULL; which++)
            for (size_t k = 1;; k += TEST_STRIDE) {
                ptrdiff_t step = (ptrdiff_t)k;
                set_up(&p, &vectors[i]);
                p.which = which;
                p.recv.steps = p.send.steps = &step;
                p.recv.num_steps = p.send.num_steps = 1;
                run(&p, vectors[i].name);
                expect(&p, &vectors[i], "split");
                if (which >= p.connects || k >= p.received[which]) break;
            }
}

/* What can be complete by the plain text of what was received. */
static bool may_be_complete(const char *text, bool other)
{
    return other || strstr(text, "\"finish_reason\":\"") != NULL;
}

/* A connection that fails or closes at any byte: complete is only what was. */
static void test_cuts(void)
{
    static call_play p;
    static char      plain[CALL_LOG];
    for (size_t i = 0; i < NUM_VECTORS; i++)
        for (size_t which = 0; which < 5 && vectors[i].answers[which] != NULL; which++)
            for (size_t k = 1;; k += TEST_STRIDE) {
                const vector *v = &vectors[i];
                size_t        all;
                for (int how = 0; how < 2; how++) {
                    ptrdiff_t steps[2] = {(ptrdiff_t)k, how == 0 ? OR_ERR_IO : OR_ERR_CLOSED};
                    set_up(&p, v);
                    p.which = which;
                    p.recv.steps = steps;
                    p.recv.num_steps = 2;
                    call_play_run(&p);
                    CHECK(p.broken == NULL, p.broken != NULL ? p.broken : v->name);
                    all = call_plain(&p, which, plain, sizeof plain);
                    if (p.end.end == OR_END_COMPLETE && p.served == which) {
                        bool until_close = strstr(v->answers[which], "Length") == NULL &&
                                           strstr(v->answers[which], "chunked") == NULL;
                        bool over = strstr(plain, "data: [DONE]\n\n") != NULL ||
                                    p.received[which] == all ||
                                    (until_close && how == 1);
                        CHECK(may_be_complete(plain, p.desc.other), v->name);
                        CHECK(over, v->name);
                    }
                    call_play_free(&p);
                }
                if (which >= p.connects || k >= p.received[which]) break;
            }
}

int main(void)
{
    test_vectors();
    test_splits();
    test_cuts();
    TEST_MAIN_END("test_call");
}
