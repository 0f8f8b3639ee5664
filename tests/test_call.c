/* The engine: what each behaviour of upstreams becomes, whole, cut everywhere, slowly, with
   every failure of memory and transport; time to the millisecond, money to the pico-dollar. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "call_play.h"
#include "test.h"

/* Every so many of the places where something can be cut. What has no operating system is slow
   here, since it is emulated. */
#ifndef TEST_STRIDE
#if defined(__unix__) || defined(__APPLE__)
#define TEST_STRIDE 1
#else
#define TEST_STRIDE 13
#endif
#endif

/* ---- what upstreams send ---- */

#define STREAM_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
#define STREAM      "%" STREAM_HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define UNTIL_CLOSE STREAM_HEAD "\r\n"
#define WITH(status, fields) \
    "%HTTP/1.1 " status " Word\r\nContent-Type: application/json\r\n" fields \
    "Content-Length: *\r\n\r\n"
#define JSON(status) WITH(status, "")
#define DATA(status, type, length) \
    "HTTP/1.1 " status " Word\r\nContent-Type: " type "\r\nContent-Length: " length "\r\n\r\n"

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

#define TYPED(type, json) "event: " type "\ndata: {\"type\":\"" type "\"," json "}\n\n"
#define M_START TYPED("message_start", "\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":10}}") \
                TYPED("content_block_start", "\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
#define M_HI    TYPED("content_block_delta", "\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}") \
                TYPED("content_block_stop", "\"index\":0")
#define M_STOP  TYPED("message_delta", "\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":5}")
#define M_DONE  "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define M_ERROR TYPED("error", "\"error\":{\"type\":\"overloaded_error\",\"message\":\"no\"}")
#define G_HI    EV("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}],\"role\":\"model\"}}]}")
#define G_STOP  EV("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\"}]," \
                   "\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":5}}")
#define R_START TYPED("response.created", "\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\"}")
#define R_HI    TYPED("response.output_text.delta", "\"item_id\":\"msg_1\",\"delta\":\"Hi\"")
#define R_DONE  TYPED("response.completed", "\"response\":{\"status\":\"completed\",\"output\":[]," \
                      "\"usage\":{\"input_tokens\":10,\"output_tokens\":5,\"total_tokens\":15}}")

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

/* What is different from call_play_init. */
enum { WHOLLY = 1, OTHER = 2, NO_STATS = 4, SMALL = 8, ONCE = 16, FOUR = 32, SENDV = 64, EITHER = 128,
       MESSAGES = 256, GEMINI = 512, RESPONSES = 1024 };

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
    {"stream without [DONE] (G10)", 0, "0", {STREAM TEXT("Hi") STOP}, "c0 b[0] (Hi)(;stop) =complete $12000E k"},
    {"stream without [DONE] until close", 0, "0", {UNTIL_CLOSE TEXT("Hi") STOP USAGE},
     "c0 b[0] (Hi)(;stop)() =complete $20000C x"},
    {"stream whose last event lacks its blank line (G9)", 0, "0",
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
    {"a stream of another kind", OTHER, "0", {DATA("200", "text/event-stream", "5") "data:"},
     "c0 b[0]data: =complete $10000E k"},
    {"data", OTHER, "0", {DATA("202", "audio/mpeg; rate=1", "6") "sounds"},
     "c0 b[0]sounds =complete $10000E k"},
    {"data, none", OTHER, "0", {DATA("200", "audio/mpeg", "0")}, "c0 b[0] =complete $10000E k"},
    {"JSON with parameters is no data", OTHER, "0",
     {DATA("201", "application/json; charset=utf-8", "2") "{}"}, "c0 a =complete $10000E k"},
    {"data, cut", OTHER, "01", {DATA("200", "audio/mpeg", "9") "sounds", JSON("200") "1"},
     "c0 b[0]sounds =cut[TRUNCATED P] $10000E x"},
    {"data, refused", OTHER, "01", {DATA("503", "audio/mpeg", "2") "no", DATA("200", "a/b", "3") "yes"},
     "c0 f[503 P] k c1 b[0]yes =complete $30000E k"},
    {"another key after 429", 0, "0+1", {JSON("429") "{}", GOOD},
     "c0 f[429 R] k c0 b[1] (Hi)(;stop)() =complete $20000C k"},
    {"another key after 401", 0, "0+1", {JSON("401") "{}", GOOD},
     "c0 f[401 K] k c0 b[1] (Hi)(;stop)() =complete $20000C k"},
    {"another key does not help a provider that is down", 0, "0+1", {JSON("503") "{}", GOOD},
     "c0 f[503 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
    {"nor a provider whose turn is over", 0, "0+1", {JSON("503") "{}", JSON("429") "{}"},
     "c0 f[503 P] k c1 =error[429 R] $0C k"},
    {"all keys are over their rate", 0, "0++", {JSON("429") "{}", JSON("429") "{}", JSON("429") "{}"},
     "c0 f[429 R] k c0 f[429 R] k c0 =error[429 R] $0C k"},
    {"a stream where either will do", WHOLLY | EITHER, "0", {GOOD},
     "c0 b[1] (Hi)(;stop)() =complete $20000C k"},
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
    {"silence behind a finish that opened it", 0, "01", {"+" UNTIL_CLOSE STOP, GOOD},
     "c0 b[0] (;stop) =cut[TIMEOUT B P] $10000E x"},
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

    /* ---- dialects ---- */
    {"Messages", MESSAGES, "0", {STREAM M_START M_HI M_STOP M_DONE},
     "c0 b[2] (Hi)()(;stop) =complete $20000C k"},
    {"Messages until close, without its last event", MESSAGES, "0",
     {UNTIL_CLOSE M_START M_HI M_STOP}, "c0 b[2] (Hi)()(;stop) =complete $20000C x"},
    {"Messages that were cut", MESSAGES, "0", {UNTIL_CLOSE M_START M_HI},
     "c0 b[2] (Hi)() =cut[TRUNCATED P] $12000E x"},
    {"Messages: an error before the content", MESSAGES, "01",
     {STREAM M_START M_ERROR, STREAM M_START M_HI M_STOP M_DONE},
     "c0 f[529 P] x c1 b[2] (Hi)()(;stop) =complete $55000C k"},
    {"Messages: an error behind the content", MESSAGES, "0", {STREAM M_START M_HI M_ERROR},
     "c0 b[2] (Hi)() =error[529 P] $12000E x"},
    {"Messages: whole", MESSAGES | WHOLLY, "0",
     {JSON("200") "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"Hello\"}],"
      "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":10,\"output_tokens\":5}}"},
     "c0 a(Hello;stop) =complete $20000C k"},
    {"Gemini", GEMINI, "0", {STREAM G_HI G_STOP}, "c0 b[0] (Hi)(;stop) =complete $20000C k"},
    {"Gemini that was cut", GEMINI, "0", {UNTIL_CLOSE G_HI},
     "c0 b[0] (Hi) =cut[TRUNCATED P] $12000E x"},
    {"Gemini: an error in an array, with status 200", GEMINI, "01",
     {JSON("200") "[{\"error\":{\"code\":503,\"message\":\"no\"}}]", STREAM G_HI G_STOP},
     "c0 f[503 P] k c1 b[0] (Hi)(;stop) =complete $55000C k"},
    {"Responses: its last event says it all", RESPONSES, "0", {STREAM R_START R_HI R_DONE},
     "c0 b[1] (Hi)(;stop) =complete $20000C k"},
    {"Responses: nothing but its last event", RESPONSES, "0", {STREAM R_START R_DONE},
     "c0 b[1] (;stop) =complete $20000C k"},
    {"Responses that were cut", RESPONSES, "0", {UNTIL_CLOSE R_START R_HI},
     "c0 b[1] (Hi) =cut[TRUNCATED P] $12000E x"},
};

#define NUM_VECTORS (sizeof vectors / sizeof vectors[0])

static void set_up(call_play *p, const vector *v)
{
    call_play_init(p, v->plan);
    for (int i = 0; i < 5; i++) p->answers[i] = v->answers[i];
    p->desc.stream = (v->flags & (WHOLLY | OTHER)) == 0;
    p->desc.other = (v->flags & OTHER) != 0;
    p->desc.either = (v->flags & EITHER) != 0;
    if ((v->flags & MESSAGES) != 0) p->speak = OR_DIALECT_MESSAGES;
    if ((v->flags & GEMINI) != 0) p->speak = OR_DIALECT_GEMINI;
    if ((v->flags & RESPONSES) != 0) p->speak = OR_DIALECT_RESPONSES;
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

/* The bytes of each connection in two pieces, so that chunks and events are cut anywhere (G13). */
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
    static const char *const words[] = {"\"finish_reason\":\"", "\"stop_reason\":\"",
                                        "\"finishReason\":\"", "\"status\":\"completed\""};
    bool any = other;
    for (int i = 0; i < 4; i++) any = any || strstr(text, words[i]) != NULL;
    return any;
}

static bool is_chunked(const call_play *p, size_t which)
{
    return which < CALL_ANSWERS && p->answers[which] != NULL &&
           strstr(p->answers[which], "chunked\r\n") != NULL;
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
                    all = call_plain(&p, which, is_chunked(&p, which), plain, sizeof plain);
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

/* ---- events that repeat ---- */

#define NAMED(t, more) \
    "{\"id\":\"gen-9\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"" t \
    "\"},\"finish_reason\":null}]" more "}"

/* What comes is the same with desc.last, which makes it fast, and without. */
static const char *const repeating[] = {
    EV(NAMED("a", "")) EV(NAMED("bc", "")) EV(NAMED("d\\n\\u00e9", "")) EV(NAMED("", "")) EV(NAMED("e", ""))
        EV(NAMED("f", "")) HI,
    /* line ends of other kinds, no blank, comments, types and ids, several lines of data */
    "data:" NAMED("a", "") "\r\n\r\n" "data:" NAMED("b", "") "\r\n\r\n" "data:" NAMED("c", "") "\n\n"
        ": x\n" EV(NAMED("d", "")) EV(NAMED("e", "")) "event: t\n" EV(NAMED("f", "")) EV(NAMED("g", ""))
        "id: 5\n" EV(NAMED("h", "")) EV(NAMED("i", "")) "data: \n" EV(NAMED("j", "")) HI,
    EV(NAMED("a", "")) "data: " NAMED("b", "") "\ndata: \n\n" EV(NAMED("c", ""))
        "data: " NAMED("d", "") "\n: comment\n\n" EV(NAMED("e", "") " ") EV(NAMED("f", "")) HI,
    "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"a\"}}]}\n\n"
        "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"b\"}}]}\n\n" HI,
    /* padding, and what only looks like the event before */
    EV(NAMED("a", ",\"obfuscation\":\"xyz\"")) EV(NAMED("b", ",\"obfuscation\":\"\""))
        EV(NAMED("c", ",\"obfuscation\":\"xy\\\"z\"")) EV(NAMED("d", "")) EV(NAMED("e", ",\"x\":1"))
        EV(NAMED("f", ",\"x\":1")) EV(NAMED("g", ",\"x\":1") "x") "data: [DONE]\n\n",
    EV(NAMED("a", "")) EV(NAMED("b", "")) EV("{\"error\":{\"message\":\"no\"}}") EV(NAMED("c", "")),
    EV(NAMED("a", "")) EV(NAMED("b", "")) STOP EV(NAMED("c", "")) DONE EV(NAMED("d", "")),
    TEXT("a") TEXT("b") ": only a comment\n\n" TEXT("c") "data:\n\n" TEXT("d") TEXT("e") HI,
};

typedef struct told {
    char     text[8192];
    or_buf   buf;
    unsigned repeats;
} told;

/* Whoever shares desc.decoded has filled it meanwhile. */
static void tell(call_play *p, const or_call_event *ev)
{
    static const or_str other = OR_STR_INIT(ANSWER("\"finish_reason\":\"length\""));
    char           mem[2048];
    or_arena       arena;
    told          *t = (told *)p->user;
    if (ev != NULL && ev->kind == OR_CALL_DELTA) {
        const or_chat_delta *d = ev->delta;
        const or_str all[] = {ev->sse->data, ev->sse->type, ev->sse->id, ev->sse->raw, d->text, d->id,
                              d->model, d->native_finish};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            or_buf_put_str(&t->buf, all[i]);
            or_buf_put_char(&t->buf, all[i].ptr != NULL ? '|' : '-');
        }
        or_buf_put_u64(&t->buf, d->created + (unsigned)d->finish + d->usage.prompt_tokens);
        or_buf_put_char(&t->buf, '\n');
        t->repeats += d->repeats;
    }
    or_arena_init(&arena, mem, sizeof mem);
    if (p->desc.last != NULL && (ev == NULL || ev->kind == OR_CALL_DELTA))
        CHECK_ERR(or_chat_read(other, &arena, p->desc.decoded), OR_OK, "other");
}

static unsigned play_repeating(told *t, const char *answer, ptrdiff_t cut, char *last, size_t size)
{
    static call_play      p;
    static or_chat_answer decoded;
    static const vector   any = {"repeats", 0, "0", {NULL}, NULL};
    ptrdiff_t             steps[2] = {cut, 1 << 20};
    set_up(&p, &any);
    p.answers[0] = answer;
    p.which = 0;
    p.recv.steps = steps;
    p.recv.num_steps = cut > 0 ? 2 : 0;
    p.desc.decoded = last != NULL ? &decoded : NULL;
    p.desc.last = last;
    p.desc.last_size = (uint32_t)size;
    p.hook = tell;
    p.user = t;
    or_buf_init(&t->buf, t->text, sizeof t->text);
    t->repeats = 0;
    call_play_run(&p);
    CHECK(p.broken == NULL && t->buf.err == OR_OK, p.broken != NULL ? p.broken : "room");
    or_buf_put_z(&t->buf, p.log);
    call_play_free(&p);
    return t->repeats;
}

static void test_repeats(void)
{
    static const char *const heads[] = {UNTIL_CLOSE, STREAM};
    static char     last[256], answer[4096];
    static told     with, without;
    const size_t    num = sizeof repeating / sizeof repeating[0];
    const unsigned  wanted[] = {3, 8, 1, 0, 3, 1, 1, 5};
    for (size_t i = 0; i < num; i++)
        for (size_t h = 0; h < 2; h++) {
            snprintf(answer, sizeof answer, "%s%s", heads[h], repeating[i]);
            (void)play_repeating(&without, answer, 0, NULL, 0);
            unsigned n = play_repeating(&with, answer, 0, last, sizeof last);
            CHECK_STR(or_buf_str(&with.buf), or_buf_str(&without.buf), "at once");
            if (h == 0) CHECK(n == wanted[i], repeating[i]);
            for (size_t cut = 1; cut < strlen(answer); cut += TEST_STRIDE) {
                (void)play_repeating(&without, answer, (ptrdiff_t)cut, NULL, 0);
                (void)play_repeating(&with, answer, (ptrdiff_t)cut, last, sizeof last);
                CHECK_STR(or_buf_str(&with.buf), or_buf_str(&without.buf), repeating[i]);
            }
        }
    size_t size = strlen(NAMED("a", ""));
    CHECK(play_repeating(&with, UNTIL_CLOSE EV(NAMED("a", "")) EV(NAMED("bc", "")), 0, last, size) == 1,
          "it fits");
    CHECK(play_repeating(&with, UNTIL_CLOSE EV(NAMED("a", "")) EV(NAMED("b", "")), 0, last, size - 1) == 0,
          "a byte too long");
}

/* ---- memory ---- */

static void test_memory(void)
{
    static call_play p;
    static char      input[100], scratch[4096];
    or_chat_answer   decoded;
    or_arena         arena;
    for (int way = 0; way < 8; way++) {
        const char *name = "a byte less than or_call_need";
        set_up(&p, &vectors[0]);
        if ((way & 1) != 0) {
            p.desc.input = input;
            p.desc.input_size = sizeof input;
        }
        if ((way & 2) != 0) {
            or_arena_init(&arena, scratch, sizeof scratch);
            p.desc.arena = &arena;
        }
        size_t need = or_call_need(&p.desc);
        if ((way & 4) != 0) p.desc.decoded = &decoded;
        if ((way & 4) != 0) CHECK(need - or_call_need(&p.desc) >= sizeof decoded, "less in mem");
        CHECK_ERR(call_begin(&p, 1), OR_ERR_SPACE, name);
        CHECK(p.budget.open == NULL, name);
        or_call_event ev;
        CHECK_ERR(or_call_next(&p.call, 0, &ev), OR_DONE, "a call that did not begin is over");
        CHECK(or_call_wake(&p.call, 0) == OR_NEVER, "and waits for nothing");
        run(&p, name);
        expect(&p, &vectors[0], name);
    }
    set_up(&p, &vectors[0]);
    p.desc.max_head = p.desc.max_event = p.desc.max_held = p.desc.max_answer = UINT32_MAX;
    CHECK(or_call_need(&p.desc) > 0xFFFFFFFFu / 2, "limits that nothing can hold");
    p.desc.mem = scratch;
    p.desc.mem_size = sizeof scratch;
    CHECK_ERR(or_call_begin(&p.call, &p.desc, 0), OR_ERR_SPACE, "do not wrap");
}

static void test_arguments(void)
{
    static call_play p;
    static char      input[1];
    set_up(&p, &vectors[0]);
    p.plan.num = 0;
    CHECK_ERR(call_begin(&p, 0), OR_ERR_ARG, "an empty plan");
    p.desc.plan = NULL;
    CHECK(or_call_need(&p.desc) == 0, "no plan, no need");
    CHECK_ERR(or_call_begin(&p.call, &p.desc, 0), OR_ERR_ARG, "no plan");
    call_play_free(&p);
    set_up(&p, &vectors[0]);
    p.desc.catalogue = NULL;
    CHECK_ERR(call_begin(&p, 0), OR_ERR_ARG, "no catalogue");
    p.desc.catalogue = &p.catalogue;
    p.desc.input = input;
    CHECK_ERR(call_begin(&p, 0), OR_ERR_ARG, "input of no size");
    p.desc.input_size = 1;
    run(&p, "input of one byte");
    expect(&p, &vectors[0], "input of one byte");
}

/* Buffers that grow: the same comes out; when memory fails, nothing leaks and nothing is
   complete that was not. */
static void test_growing(void)
{
    static call_play p;
    static char      plain[CALL_LOG];
    for (size_t i = 0; i < NUM_VECTORS; i++)
        for (unsigned long fail = 0;; fail++) {
            test_heap    heap = {0, fail, 0};
            or_allocator allocator = TEST_ALLOCATOR(&heap);
            set_up(&p, &vectors[i]);
            p.desc.allocator = &allocator;
            p.slowly = i % 2 == 1; /* heads in pieces too */
            call_play_run(&p);
            CHECK(p.broken == NULL, p.broken != NULL ? p.broken : vectors[i].name);
            (void)call_plain(&p, p.served, is_chunked(&p, p.served), plain, sizeof plain);
            call_play_free(&p);
            CHECK(heap.outstanding == 0, vectors[i].name);
            bool failed = fail != 0 && heap.calls >= fail;
            if (!failed) expect(&p, &vectors[i], "growing");
            if (p.end.end == OR_END_COMPLETE)
                CHECK(may_be_complete(plain, p.desc.other), vectors[i].name);
            if (fail != 0 && !failed) break;
        }
}

/* ---- time ---- */

typedef struct wait_case {
    const char      *name;
    or_call_timeouts t;
    const char      *plan, *answers[3], *want;
    uint32_t         passed_ms;
} wait_case;

static void test_timeouts(void)
{
    static const wait_case cases[] = {
        {"connect", {70, 0, 0, 0}, "0", {"?"}, "c0 =error[TIMEOUT C P] $0C x", 70},
        {"first token", {0, 80, 0, 0}, "0", {"+"}, "c0 =error[TIMEOUT F P] $10000E x", 80},
        {"first token, opening", {0, 80, 0, 0}, "0", {"+" UNTIL_CLOSE ROLE PING},
         "c0 =error[TIMEOUT F P] $10000E x", 80},
        {"first token, head of a whole answer", {0, 80, 0, 0}, "0",
         {"+HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"}, "c0 =error[TIMEOUT F P] $10000E x", 80},
        {"between bytes", {0, 0, 90, 0}, "0", {"+" UNTIL_CLOSE TEXT("Hi")},
         "c0 b[0] (Hi) =cut[TIMEOUT B P] $12000E x", 90},
        {"between bytes of a whole answer", {0, 0, 90, 0}, "0",
         {"+HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"}, "c0 =error[TIMEOUT B P] $10000E x", 90},
        {"of each attempt", {70, 80, 0, 0}, "01", {"?", "+"},
         "c0 f[TIMEOUT C P] x c1 =error[TIMEOUT F P] $30000E x", 150},
        {"total while connecting", {70, 0, 0, 100}, "01", {"?", "?"},
         "c0 f[TIMEOUT C P] x c1 =error[TIMEOUT T P] $0C x", 100},
        {"total at the same time as another", {70, 0, 0, 70}, "01", {"?", "?"},
         "c0 =error[TIMEOUT T P] $0C x", 70},
        {"total before content", {0, 0, 0, 100}, "01", {"+", "+"}, "c0 =error[TIMEOUT T P] $10000E x", 100},
        {"total after content", {0, 0, 0, 100}, "01", {"+" UNTIL_CLOSE TEXT("Hi")},
         "c0 b[0] (Hi) =cut[TIMEOUT T P] $12000E x", 100},
        {"without total", {70, 0, 0, OR_NEVER}, "01", {"?", "?"},
         "c0 f[TIMEOUT C P] x c1 =error[TIMEOUT C P] $0C x", 140},
        {"without connect", {OR_NEVER, 0, 0, 3000000000u}, "0", {"?"}, "c0 =error[TIMEOUT T P] $0C x",
         INT32_MAX},
        {"defaults", {0, 0, 0, 0}, "01", {"?", "+" UNTIL_CLOSE TEXT("Hi")},
         "c0 f[TIMEOUT C P] x c1 b[0] (Hi) =cut[TIMEOUT B P] $35000E x", 130000},
        {"default of the first token", {0, 0, 0, 0}, "0", {"+"}, "c0 =error[TIMEOUT F P] $10000E x", 600000},
        {"default of the total", {0, OR_NEVER, 0, 0}, "0", {"+"}, "c0 =error[TIMEOUT T P] $10000E x", 1800000},
        {"body of an error", {0, 0, 0, 0}, "0", {"+HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n"},
         "c0 =error[404 K] $0C x", 5000},
        {"body of an error, less", {0, 40, 0, 0}, "0", {"+HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n{"},
         "c0 =error[404 K] $0C x", 40},
        {"the end of a message", {0, 0, 0, 0}, "0", {"+" UNTIL_CLOSE TEXT("Hi") STOP DONE},
         "c0 b[0] (Hi)(;stop) =complete $12000E x", 1000},
    };
    static call_play p;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (uint32_t before = 0; before < 400; before += before < 200 ? TEST_STRIDE : 50) {
            const wait_case *t = &cases[i];
            call_play_init(&p, t->plan);
            for (int k = 0; k < 3; k++) p.answers[k] = t->answers[k];
            p.desc.timeouts = t->t;
            p.now = 0u - before; /* wraps on the way */
            run(&p, t->name);
            CHECK(strcmp(p.log, t->want) == 0, p.log);
            CHECK(p.passed_ms == t->passed_ms, t->name);
        }
}

/* Drive a call whose upstream sends one more piece of text every so often; returns when it
   ended. */
static uint32_t drip(call_play *p, const char *first, const char *piece, uint32_t every, uint32_t max)
{
    static char   text[CALL_LOG * 4];
    or_call_event ev;
    or_err        e;
    strcpy(text, first);
    p->answers[0] = "+";
    call_begin(p, 0);
    for (uint32_t t = 0; t <= max; t++) {
        if (t > 0 && t % every == 0) strcat(text, piece);
        if (p->connected) p->io.in = or_str_z(text);
        do {
            e = or_call_next(&p->call, p->now + t, &ev);
            if (e == OR_OK) call_on_event(p, &ev);
            if (p->connected) p->io.in = or_str_z(text);
        } while (e == OR_OK || (e == OR_NEED_MORE && p->call.again));
        if (e == OR_DONE) {
            CHECK(p->broken == NULL, p->broken != NULL ? p->broken : "drip");
            call_play_free(p);
            return t;
        }
    }
    or_call_cancel(&p->call);
    while ((e = or_call_next(&p->call, p->now + max, &ev)) == OR_OK) call_on_event(p, &ev);
    CHECK_ERR(e, OR_DONE, "cancelled");
    call_play_free(p);
    return UINT32_MAX;
}

/* G4: comments are no content. */
static void test_comments(void)
{
    static call_play p;
    call_play_init(&p, "0");
    p.desc.timeouts.first_token_ms = 100;
    p.desc.timeouts.between_bytes_ms = 30;
    CHECK(drip(&p, UNTIL_CLOSE, PING, 10, 1000) == 100, "comments are no token");
    call_play_init(&p, "0");
    p.desc.timeouts.first_token_ms = 100;
    p.desc.timeouts.between_bytes_ms = 30;
    CHECK(drip(&p, UNTIL_CLOSE TEXT("Hi"), PING, 30, 800) == UINT32_MAX,
          "they are bytes, each in the last moment");
    call_play_init(&p, "0");
    p.desc.timeouts.between_bytes_ms = 30;
    CHECK(drip(&p, UNTIL_CLOSE TEXT("Hi"), PING, 31, 1000) == 30, "a moment too late");
    call_play_init(&p, "0");
    p.desc.timeouts.between_bytes_ms = 30;
    p.desc.timeouts.total_ms = 200;
    CHECK(drip(&p, UNTIL_CLOSE TEXT("Hi"), PING, 10, 1000) == 200, "comments do not stop the total");
    call_play_init(&p, "0");
    p.desc.timeouts.between_bytes_ms = 30;
    CHECK(drip(&p, "HTTP/1.1 500 No\r\n\r\n<html>", "x", 10, 9000) == 5000,
          "nor can a dripping error");
}

/* A flood of comments: each call returns, and the timer is not deaf. */
static void test_flood(void)
{
    static call_play p;
    static char      text[CALL_LOG * 4];
    strcpy(text, UNTIL_CLOSE);
    while (strlen(text) < sizeof text - 100) strcat(text, PING);
    call_play_init(&p, "0");
    p.answers[0] = text;
    p.desc.timeouts.first_token_ms = 5;
    call_begin(&p, 0);
    or_call_event ev;
    or_err        e = OR_NEED_MORE;
    uint32_t      turns = 0;
    while (e != OR_DONE && turns < 1000) {
        uint32_t recvs = p.recvs;
        e = or_call_next(&p.call, turns / 2, &ev); /* two turns a millisecond */
        CHECK(p.recvs <= recvs + 1, "one recv a turn");
        if (e == OR_OK) call_on_event(&p, &ev);
        if (e == OR_NEED_MORE) turns++;
    }
    CHECK(strcmp(p.log, "c0 =error[TIMEOUT F P] $10000E x") == 0, p.log);
    call_play_free(&p);
}

/* Who comes back late finds what came in time. */
static void test_late(void)
{
    static call_play p;
    or_call_event    ev;
    static const char *const texts[] = {UNTIL_CLOSE TEXT("Hi") STOP DONE,
                                        "HTTP/1.1 200 OK\r\n\r\n" ANSWER("\"finish_reason\":\"stop\"")};
    for (int i = 0; i < 2; i++) {
        uint32_t now = 0;
        call_play_init(&p, "0");
        p.answers[0] = texts[i];
        call_begin(&p, 0);
        for (or_err e = OR_OK; e != OR_DONE && now < UINT32_MAX / 2; now += 100000) {
            e = or_call_next(&p.call, now, &ev); /* a slow consumer: total is 1.8 million */
            if (e == OR_OK) call_on_event(&p, &ev);
        }
        CHECK(p.broken == NULL && p.end.end == OR_END_COMPLETE, p.log);
        call_play_free(&p);
    }
    /* all at once, and only then the next call, an hour late */
    call_play_init(&p, "0");
    p.answers[0] = "+" UNTIL_CLOSE TEXT("Hi") STOP DONE;
    p.desc.timeouts.total_ms = OR_NEVER;
    call_begin(&p, 0);
    p.io.open = true;
    for (int i = 0; i < 3; i++)
        if (or_call_next(&p.call, 0, &ev) == OR_OK) call_on_event(&p, &ev);
    for (or_err e = OR_OK; e != OR_DONE && p.broken == NULL; p.steps++) {
        e = or_call_next(&p.call, 3600000 + (p.steps > 20 ? 2000u : 0u), &ev);
        if (e == OR_OK) call_on_event(&p, &ev);
    }
    CHECK(p.end.end == OR_END_COMPLETE, p.log);
    call_play_free(&p);
}

/* ---- rounds ---- */

static void note_wait(call_play *p, const or_call_event *ev)
{
    if (ev != NULL && ev->kind == OR_CALL_FAILED) p->waited_ms = p->passed_ms;
    if (ev != NULL && ev->kind == OR_CALL_CONNECT && ev->attempt > 1)
        p->waited_ms = p->passed_ms - p->waited_ms;
}

static void test_backoff(void)
{
    static const struct {
        uint32_t backoff_ms, max_ms, low, high;
        uint32_t round; /* how many rounds were before */
    } cases[] = {
        {1, 0, 1, 1, 0},      {100, 0, 50, 100, 0},  {100, 0, 100, 200, 1}, {100, 0, 200, 400, 2},
        {100, 150, 75, 150, 1}, {200, 150, 75, 150, 0}, {0, 0, 250, 500, 0}, {0, 0, 4000, 8000, 6},
        {1u << 31, 20, 10, 20, 3}, {1000, UINT32_MAX, 32000, 64000, 6}, {UINT32_MAX, 0, 4000, 8000, 0},
    };
    static call_play p;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t least = UINT32_MAX, most = 0;
        for (uint32_t seed = 0; seed < 400; seed++) {
            call_play_init(&p, "0");
            for (uint32_t k = 0; k <= cases[i].round && k < 7; k++) p.answers[k] = STATUS("503");
            p.answers[cases[i].round + 1] = GOOD;
            p.desc.tries = 8;
            p.desc.backoff_ms = cases[i].backoff_ms;
            p.desc.backoff_max_ms = cases[i].max_ms;
            p.desc.seed = seed;
            p.hook = note_wait;
            run(&p, "backoff");
            CHECK(p.end.end == OR_END_COMPLETE, p.log);
            if (p.waited_ms < least) least = p.waited_ms;
            if (p.waited_ms > most) most = p.waited_ms;
        }
        CHECK(least >= cases[i].low && least <= cases[i].low + (cases[i].high - cases[i].low) / 20,
              "shortest wait");
        CHECK(most <= cases[i].high && most >= cases[i].high - (cases[i].high - cases[i].low) / 20,
              "longest wait");
    }
}

static void test_retry_after(void)
{
    static const struct {
        const char *name, *plan, *answers[4];
        uint32_t    tries, total_ms, waited_ms, left_ms; /* left: in the failure at the end */
        const char *want;
    } cases[] = {
        {"seconds", "0", {WITH("429", "Retry-After: 20\r\n") "", GOOD}, 2, 0, 20000, 0,
         "c0 f[429 R] k c0 b[1] (Hi)(;stop)() =complete $20000C k"},
        {"milliseconds win", "0", {WITH("503", "Retry-After: 20\r\nRetry-After-Ms: 12345\r\n") "", GOOD}, 2, 0,
         12345, 0, "c0 f[503 P] k c0 b[1] (Hi)(;stop)() =complete $20000C k"},
        {"a date", "0",
         {WITH("429", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:00 GMT\r\n") "",
          GOOD},
         2, 0, 23000, 0, "c0 f[429 R] k c0 b[1] (Hi)(;stop)() =complete $20000C k"},
        {"in the error", "0",
         {JSON("429") "{\"error\":{\"code\":429,\"message\":\"\",\"metadata\":{\"retry_after\":11}}}", GOOD}, 2, 0, 0, 0, NULL},
        {"the least of all", "01",
         {WITH("429", "Retry-After: 30\r\n") "", WITH("429", "Retry-After: 20\r\n") "", GOOD}, 3, 0, 20000, 0,
         "c0 f[429 R] k c1 f[429 R] k c0 b[1] (Hi)(;stop)() =complete $20000C k"},
        {"kept for the caller", "01",
         {WITH("429", "Retry-After: 20\r\n") "", WITH("429", "Retry-After: 30\r\n") ""}, 0, 0, 0, 20000,
         "c0 f[429 R] k c1 =error[429 R] $0C k"},
        {"none is none", "01", {WITH("429", "Retry-After: 0\r\n") "", STATUS("500")}, 0, 0, 0, 0,
         "c0 f[429 R] k c1 =error[500 P] $0C k"},
        {"an answer's is nobody's", "0", {WITH("200", "Retry-After: 20\r\n") "{\"choices\":[]}"}, 0, 0, 0, 20000, NULL},
        {"just in time", "0", {WITH("429", "Retry-After: 20\r\n") "", GOOD}, 2, 20001, 20000, 0,
         "c0 f[429 R] k c0 b[1] (Hi)(;stop)() =complete $20000C k"},
        {"no use to wait", "0", {WITH("429", "Retry-After: 20\r\n") "", GOOD}, 2, 20000, 0, 20000,
         "c0 =error[429 R] $0C k"},
        {"the backoff is too long", "0", {STATUS("503"), GOOD}, 2, 250, 0, 0, "c0 =error[503 P] $0C k"},
    };
    static call_play p;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].want == NULL) continue;
        call_play_init(&p, cases[i].plan);
        for (int k = 0; k < 4; k++) p.answers[k] = cases[i].answers[k];
        p.desc.tries = cases[i].tries;
        p.desc.timeouts.total_ms = cases[i].total_ms;
        run(&p, cases[i].name);
        CHECK(strcmp(p.log, cases[i].want) == 0, p.log);
        CHECK(p.passed_ms == cases[i].waited_ms, cases[i].name);
        CHECK(p.failure.retry_after_ms == cases[i].left_ms, cases[i].name);
    }
}

/* ---- money ---- */

/* The most that the question can cost at endpoint 0 and 1. */
#define BOUND_0 240000
#define BOUND_1 620000

static void test_max_cost(void)
{
    static const struct {
        const char *name, *plan, *answers[3];
        int64_t     max;
        const char *want;
    } cases[] = {
        {"enough", "0", {GOOD}, BOUND_0, "c0 b[1] (Hi)(;stop)() =complete $20000C k"},
        {"more", "0", {GOOD}, BOUND_0 + 1, "c0 b[1] (Hi)(;stop)() =complete $20000C k"},
        {"less", "0", {GOOD}, BOUND_0 - 1, "=error[BUDGET U] $0C"},
        {"only the cheaper", "10", {GOOD}, BOUND_1 - 1, "c0 b[1] (Hi)(;stop)() =complete $20000C k"},
        {"no price", "4", {GOOD}, 1, "=error[BUDGET U] $0C"},
        {"errors cost nothing", "01", {STATUS("503"), GOOD}, BOUND_1,
         "c0 f[503 P] k c1 b[1] (Hi)(;stop)() =complete $55000C k"},
        {"what failed may have cost", "01", {"", GOOD}, BOUND_0 + BOUND_1,
         "c0 f[CLOSED P] x c1 b[1] (Hi)(;stop)() =complete $65000E k"},
        {"so much that the next would be too much", "01", {"", GOOD}, BOUND_0 + BOUND_1 - 1,
         "c0 f[CLOSED P] x c0 b[1] (Hi)(;stop)() =complete $30000E k"},
        {"not when it was not asked", "01", {"-", GOOD}, BOUND_1,
         "c0 f[IO P] x c1 b[1] (Hi)(;stop)() =complete $55000C k"},
        {"the cheaper once more", "10", {"", GOOD}, BOUND_0 + BOUND_0,
         "c0 f[CLOSED P] x c0 b[1] (Hi)(;stop)() =complete $30000E k"},
        {"but not a third time", "10", {"", "", GOOD}, BOUND_0 + BOUND_0,
         "c0 f[CLOSED P] x c0 =error[CLOSED P] $20000E x"},
    };
    static call_play p;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        call_play_init(&p, cases[i].plan);
        for (int k = 0; k < 3; k++) p.answers[k] = cases[i].answers[k];
        p.desc.max_cost_pico_usd = cases[i].max;
        p.desc.tries = 4;
        run(&p, cases[i].name);
        CHECK(strcmp(p.log, cases[i].want) == 0, p.log);
    }
}

/* While it runs the dearest candidate is reserved. */
static void look_at_reserve(call_play *p, const or_call_event *ev)
{
    int64_t want = *(const int64_t *)p->user;
    if (ev != NULL && ev->kind == OR_CALL_END) return;
    if (!p->call.ended && p->budget.reserved_pico_usd != want) call_broke(p, "reserved");
    if (!p->call.ended && p->call.reservation.owner != 7) call_broke(p, "owner");
}

static void test_budget(void)
{
    static const struct {
        const char *name, *plan, *answers[3];
        int64_t     limit, reserved, spent;
        const char *want;
    } cases[] = {
        {"the dearest", "01", {GOOD}, BOUND_1, BOUND_1, 20000, "c0 b[1] (Hi)(;stop)() =complete $20000C k"},
        {"a pico-dollar less", "01", {GOOD}, BOUND_1 - 1, 0, 0, "ERR_BUDGET"},
        {"what the upstream says", "0",
         {STREAM TEXT("Hi") STOP EV("{\"choices\":[],\"usage\":{\"total_tokens\":1,\"cost\":0.00000099}}") DONE},
         BOUND_1, BOUND_0, 990000, "c0 b[0] (Hi)(;stop)() =complete $990000U k"},
        {"a guess when cut", "0", {UNTIL_CLOSE TEXT("Hello")}, BOUND_0, BOUND_0, 14000,
         "c0 b[0] (Hello) =cut[TRUNCATED P] $14000E x"},
        {"errors", "0", {STATUS("503")}, BOUND_0, BOUND_0, 0, "c0 =error[503 P] $0C k"},
        {"no price and a limit", "04", {GOOD}, BOUND_1, 0, 0, "ERR_BUDGET"},
        {"no price and no limit", "4", {GOOD}, -1, 0, 0, "c4 b[1] (Hi)(;stop)() =complete $0? k"},
        {"no price later", "04", {"", GOOD}, -1, BOUND_0, BOUND_0,
         "c0 f[CLOSED P] x c4 b[1] (Hi)(;stop)() =complete $0? k"},
        {"no price before", "40", {"", GOOD}, -1, BOUND_0, BOUND_0,
         "c4 f[CLOSED P] x c0 b[1] (Hi)(;stop)() =complete $0? k"},
        {"no price, not asked", "40", {"-", GOOD}, -1, BOUND_0, 20000,
         "c4 f[IO P] x c0 b[1] (Hi)(;stop)() =complete $20000C k"},
        {"no price, no answer", "4", {""}, -1, 0, 0, "c4 =error[CLOSED P] $0? x"},
    };
    static call_play p;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t reserved = cases[i].reserved;
        call_play_init(&p, cases[i].plan);
        for (int k = 0; k < 3; k++) p.answers[k] = cases[i].answers[k];
        or_budget_init(&p.budget, OR_WINDOW_NONE, cases[i].limit);
        p.desc.owner = 7;
        p.hook = look_at_reserve;
        p.user = &reserved;
        run(&p, cases[i].name);
        CHECK(strcmp(p.log, cases[i].want) == 0, p.log);
        CHECK(p.budget.spent_pico_usd == cases[i].spent, cases[i].name);
    }
    /* the reservation may be taken away with its owner */
    call_play_init(&p, "0");
    p.answers[0] = GOOD;
    call_begin(&p, 0);
    CHECK(or_budget_abandon(&p.budget, 0, true) == 1, "abandoned");
    while (call_step(&p)) {}
    CHECK(p.budget.spent_pico_usd == BOUND_0 && p.broken == NULL, "not charged twice");
    call_play_free(&p);
}

/* What failed attempts may have cost, as it is before END tells the whole. */
static int64_t past[2]; /* at BEGIN, at END */
static int64_t whole;

static void look_at_past(call_play *p, const or_call_event *ev)
{
    if (ev == NULL) return;
    if (ev->kind == OR_CALL_BEGIN) past[0] = or_call_past_cost(&p->call);
    if (ev->kind != OR_CALL_END) return;
    past[1] = or_call_past_cost(&p->call);
    whole = ev->cost.pico_usd;
}

static void test_past_cost(void)
{
    static const struct {
        const char *name, *plan, *answers[2];
    } cases[] = {{"none", "1", {GOOD}},
                 {"a guess", "01", {"", GOOD}},
                 {"an error costs nothing", "01", {STATUS("503"), GOOD}},
                 {"at no known price", "41", {"", GOOD}}};
    static call_play p;
    int64_t          alone = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        call_play_init(&p, cases[i].plan);
        p.answers[0] = cases[i].answers[0];
        p.answers[1] = cases[i].answers[1];
        p.hook = look_at_past;
        run(&p, cases[i].name);
        CHECK(past[0] == past[1], "the same before and at the end");
        if (i == 0) alone = whole;
        CHECK(i == 3 ? past[1] == -1 : past[1] == whole - alone, cases[i].name);
        CHECK((past[1] > 0) == (i == 1), cases[i].name);
    }
}

static void test_insured(void)
{
    static call_play p;
    call_play_init(&p, "0");
    p.answers[0] = "";
    p.desc.cost.insured = true;
    run(&p, "insured");
    CHECK(strcmp(p.log, "c0 =error[CLOSED P] $0C x") == 0, p.log);
    call_play_init(&p, "0");
    p.answers[0] = JSON("200") "{\"data\":[],\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}";
    p.desc.cost.insured = p.desc.other = true;
    run(&p, "insured embeddings");
    CHECK(strcmp(p.log, "c0 a =complete $7000C k") == 0, p.log);
}

/* ---- pause, cancel ---- */

/* Pauses at step *user, for an hour. */
static void pause_once(call_play *p, const or_call_event *ev)
{
    (void)ev;
    if (p->steps != *(const uint32_t *)p->user || p->call.ended) return;
    or_call_pause(&p->call, p->now, true);
    if (p->connected && p->call.state == ORI_CALL_READING) {
        or_call_event other;
        or_err        e;
        p->now += 3600000;
        while ((e = or_call_next(&p->call, p->now, &other)) == OR_OK) call_on_event(p, &other);
        if (e == OR_NEED_MORE && !p->call.ended && p->call.want_recv) call_broke(p, "paused, and wants to receive");
        if (e == OR_NEED_MORE && !p->call.ended && or_call_wake(&p->call, p->now) != OR_NEVER)
            call_broke(p, "paused, and waits for something");
    }
    or_call_pause(&p->call, p->now, false);
    if (or_call_wake(&p->call, p->now) != 0 && p->call.state != ORI_CALL_OVER)
        call_broke(p, "or_call_wake after the pause");
}

/* A pause changes nothing, whenever. */
static void test_pause(void)
{
    static call_play p;
    for (size_t i = 0; i < NUM_VECTORS; i++)
        for (uint32_t at = 1;; at += TEST_STRIDE) {
            set_up(&p, &vectors[i]);
            p.desc.timeouts.total_ms = OR_NEVER;
            p.hook = pause_once;
            p.user = &at;
            run(&p, vectors[i].name);
            expect(&p, &vectors[i], "paused");
            if (at >= p.steps) break;
        }
    /* the total runs on */
    call_play_init(&p, "0");
    p.answers[0] = "+" UNTIL_CLOSE TEXT("Hi");
    p.desc.timeouts.total_ms = 500;
    call_begin(&p, 0);
    or_call_pause(&p.call, 0, true);
    CHECK(or_call_wake(&p.call, 0) == 0, "a pause does not stop what has to be done");
    while (call_step(&p)) {}
    CHECK(p.passed_ms == 500, "total while paused");
    CHECK(strcmp(p.log, "c0 =error[TIMEOUT T P] $10000E x") == 0, p.log);
    call_play_free(&p);
    /* and a pause starts the byte timer anew */
    call_play_init(&p, "0");
    p.answers[0] = "+" UNTIL_CLOSE TEXT("Hi");
    p.desc.timeouts.between_bytes_ms = 100;
    call_begin(&p, 0);
    or_call_event ev;
    for (or_err e = OR_OK; e != OR_NEED_MORE || p.call.again;) {
        e = or_call_next(&p.call, 0, &ev);
        if (e == OR_OK) call_on_event(&p, &ev);
    }
    or_call_pause(&p.call, 90, true);
    or_call_pause(&p.call, 190, false);
    p.now = 190;
    while (call_step(&p)) {}
    CHECK(p.passed_ms == 100, "from the end of the pause");
    call_play_free(&p);
}

static void cancel_once(call_play *p, const or_call_event *ev)
{
    (void)ev;
    if (p->steps != *(const uint32_t *)p->user) return;
    or_call_cancel(&p->call);
    if (or_call_wake(&p->call, p->now) != 0) call_broke(p, "or_call_wake after a cancel");
    p->waited_ms = p->passed_ms;
}

/* At every step of every vector: END at once, nothing left behind. */
static void test_cancel(void)
{
    static call_play p;
    for (size_t i = 0; i < NUM_VECTORS; i++)
        for (uint32_t at = 0;; at += TEST_STRIDE) {
            const vector *v = &vectors[i];
            test_heap     heap = {0, 0, 0};
            or_allocator  allocator = TEST_ALLOCATOR(&heap);
            set_up(&p, v);
            p.desc.allocator = &allocator;
            p.hook = cancel_once;
            p.user = &at;
            call_begin(&p, 0);
            if (at == 0) cancel_once(&p, NULL);
            while (call_step(&p)) {}
            CHECK(p.broken == NULL, p.broken != NULL ? p.broken : v->name);
            if (p.broken == NULL) call_balance(&p);
            CHECK(p.broken == NULL && p.state == CALL_OVER, v->name);
            CHECK(heap.outstanding == 0, v->name);
            CHECK(at >= p.steps || p.passed_ms == p.waited_ms, "a cancel does not wait");
            if (strstr(p.log, "CANCELLED") == NULL)
                CHECK(strcmp(p.log, v->want) == 0 || strstr(p.log, "=complete") != NULL, p.log);
            if (at == 0) CHECK(strcmp(p.log, "=error[CANCELLED U] $0C") == 0, p.log);
            call_play_free(&p);
            if (at > p.steps) break;
        }
}

/* What a hang-up costs. */
static void test_cancel_cost(void)
{
    static const struct {
        uint32_t    at;
        const char *want;
    } cases[] = {
        {1, "c0 =error[CANCELLED U] $10000E x"}, /* connected at once, and sent with the next step */
        {4, "c0 b[0] (Hello) =cut[CANCELLED U] $14000E x"},
    };
    static call_play p;
    for (size_t i = 0; i < 2; i++) {
        uint32_t at = cases[i].at;
        call_play_init(&p, "01");
        p.answers[0] = i == 0 ? "+" : "+" UNTIL_CLOSE TEXT("Hello");
        p.hook = cancel_once;
        p.user = &at;
        if (i == 0) at = 2;
        run(&p, "cost of a cancel");
        CHECK(strcmp(p.log, cases[i].want) == 0, p.log);
    }
}

/* ---- the rest ---- */

/* The very next plan knows. */
static void test_statistics(void)
{
    static call_play p;
    or_candidate     list[CALL_ENDPOINTS];
    or_plan          plan;
    or_route_request request;
    or_moment        moment;
    or_str           model = OR_STR("acme/big");
    or_health        health;
    memset(&request, 0, sizeof request);
    memset(&moment, 0, sizeof moment);
    request.models = &model;
    request.num_models = 1;

    call_play_init(&p, "01");
    p.answers[0] = WITH("429", "Retry-After: 60\r\n") "";
    p.answers[1] = STATUS("503");
    run(&p, "statistics");
    or_stats_health(&p.stats[0], p.now, false, &health);
    CHECK(health.cooling_ms == 60000, "who said so cools");
    or_stats_health(&p.stats[1], p.now, false, &health);
    CHECK(health.cooling_ms == 0 && health.outage, "who did not say so does not");
    or_plan_init(&plan, list, CALL_ENDPOINTS);
    CHECK_ERR(or_route_plan(&plan, &request, &p.catalogue, p.stats, &moment), OR_OK, "plan");
    CHECK(plan.num_out == 1 && plan.list[plan.num].endpoint == 0, "the one that cools is out");
    CHECK(plan.list[plan.num].reason == OR_ROUTE_COOLING, "for that reason");
    CHECK(plan.list[plan.num - 1].endpoint == 1, "the one that failed is last");

    call_play_init(&p, "0");
    p.answers[0] = "+" UNTIL_CLOSE TEXT("Hi");
    p.desc.timeouts.between_bytes_ms = 10;
    run(&p, "cut");
    CHECK(p.stats[0].outcomes[OR_FAULT_PROVIDER] == 1, "a cut stream is a failure");
    call_play_init(&p, "0");
    p.answers[0] = STATUS("400");
    run(&p, "400");
    or_stats_health(&p.stats[0], p.now, false, &health);
    CHECK(p.stats[0].outcomes[OR_FAULT_CALLER] == 1 && !health.outage, "the caller's is none");
}

static void test_measures(void)
{
    static call_play p;
    or_health        health;
    call_play_init(&p, "0");
    p.now = 1000;
    p.answers[0] = "?";
    call_begin(&p, 0);
    call_step(&p); /* CONNECT */
    p.answers[1] = "+";
    p.now = 1200;
    p.slowly = false;
    call_connect(&p, p.now);
    p.io.in = or_str_z(UNTIL_CLOSE ROLE);
    for (int i = 0; i < 4; i++) {
        or_call_event ev;
        if (or_call_next(&p.call, p.now, &ev) == OR_OK) call_on_event(&p, &ev);
    }
    CHECK(p.call.attempt_ms == 1200, "attempt_ms");
    p.now = 1500; /* the first token after 300 ms, the end after 1300 */
    p.io.in = or_str_z(UNTIL_CLOSE ROLE TEXT("Hi"));
    for (int i = 0; i < 6; i++) {
        or_call_event ev;
        if (or_call_next(&p.call, p.now, &ev) == OR_OK) call_on_event(&p, &ev);
    }
    p.now = 2500;
    p.io.in = or_str_z(UNTIL_CLOSE ROLE HI);
    p.io.open = false;
    while (call_step(&p)) {}
    or_stats_health(&p.stats[0], p.now, true, &health);
    CHECK(health.latency_ms.p50 == 300, "to the first token");
    CHECK(health.throughput_milli.p50 == 3846, "5 tokens in 1300 ms");
    CHECK(strcmp(p.log, "c0 b[1] (Hi)(;stop)() =complete $20000C x") == 0, p.log);
    call_play_free(&p);
}

/* More than was asked for: that connection is not for others. */
static void test_more_than_one(void)
{
    static call_play p;
    char             text[400];
    static const char answer[] = ANSWER("\"finish_reason\":\"stop\"");
    sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%sHTTP/1.1 200 OK\r\n",
            (int)sizeof answer - 1, answer);
    call_play_init(&p, "0");
    p.answers[0] = text;
    run(&p, "two answers");
    CHECK(strcmp(p.log, "c0 a(Hello;stop) =complete $20000C x") == 0, p.log);
}

static void test_question(void)
{
    static call_play p;
    for (int way = 0; way < 2; way++) {
        call_play_init(&p, "0");
        p.answers[0] = "+";
        p.slowly = way == 1;
        p.desc.sendv = way == 0 ? call_sendv : NULL;
        call_begin(&p, 0);
        for (int i = 0; i < 200; i++) {
            or_call_event ev;
            if (or_call_next(&p.call, 0, &ev) == OR_OK)
                call_on_event(&p, &ev);
            else
                CHECK(p.call.want_send == (p.io.send.moved < 33), "want_send");
        }
        CHECK_STR(ram_io_sent(&p.io), OR_STR("POST / HTTP/1.1\r\n\r\n{\"question\":1}"), "all of it, in order");
        or_call_cancel(&p.call);
        while (call_step(&p)) {}
        call_play_free(&p);
    }
}

static void keep_texts(call_play *p, const or_call_event *ev)
{
    char *texts = (char *)p->user;
    if (ev == NULL || ev->failure == NULL) return;
    strncat(texts, ev->failure->error.message.ptr != NULL ? ev->failure->error.message.ptr : "",
            ev->failure->error.message.len);
    strcat(texts, "|");
    strncat(texts, ev->failure->body.ptr != NULL ? ev->failure->body.ptr : "", ev->failure->body.len);
    strcat(texts, "|");
}

static void test_texts(void)
{
    static call_play p;
    char             texts[500] = "";
    call_play_init(&p, "01");
    p.answers[0] = JSON("503") "{\"error\":{\"message\":\"a\"}}";
    p.answers[1] = UNTIL_CLOSE TEXT("Hi") EV("{\"error\":{\"message\":\"b\\u0021\"}}");
    p.hook = keep_texts;
    p.user = texts;
    run(&p, "texts");
    CHECK(strcmp(texts, "a|{\"error\":{\"message\":\"a\"}}|b!|{\"error\":{\"message\":\"b\\u0021\"}}|") == 0, texts);
    CHECK(strcmp(p.call.id, "") == 0, "no id");

    call_play_init(&p, "0");
    p.answers[0] = GOOD;
    run(&p, "id");
    CHECK(strcmp(p.call.id, "gen-7") == 0, "the id of the first event");
    call_play_init(&p, "0");
    p.answers[0] = WITH("200", "X-Generation-Id: gen-9\r\n") ANSWER("\"finish_reason\":\"stop\"");
    run(&p, "id");
    CHECK(strcmp(p.call.id, "gen-9") == 0, "the id of the head");
    call_play_init(&p, "0");
    p.answers[0] = WITH("200", "X-Generation-Id: a b\r\n") ANSWER("\"finish_reason\":\"stop\"");
    run(&p, "id");
    CHECK(strcmp(p.call.id, "gen-8") == 0, "but not any");
}

/* Too late answers to CONNECT, refusals of all kinds. */
static void test_connecting(void)
{
    static const struct {
        or_err      why;
        const char *want;
    } cases[] = {
        {OR_ERR_IO, "c0 =error[IO P] $0C x"},         {OR_ERR_TIMEOUT, NULL},
        {OR_ERR_MEMORY, "c0 =error[MEMORY U] $0C x"}, {OR_ERR_SPACE, "c0 =error[SPACE U] $0C x"},
        {OR_ERR_ARG, "c0 =error[ARG U] $0C x"},       {OR_NEED_MORE, "c0 =error[ARG U] $0C x"},
    };
    static call_play p;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].want == NULL) continue;
        call_play_init(&p, "0");
        p.answers[0] = "?";
        call_begin(&p, 0);
        call_step(&p);
        or_call_refused(&p.call, cases[i].why);
        CHECK(or_call_wake(&p.call, 0) == 0, "refused, and nothing to do");
        while (call_step(&p)) {}
        CHECK(strcmp(p.log, cases[i].want) == 0, p.log);
        or_call_refused(&p.call, OR_ERR_IO);
        call_connect(&p, 0);
        or_call_event ev;
        CHECK_ERR(or_call_next(&p.call, 0, &ev), OR_DONE, "what is over stays over");
        call_play_free(&p);
    }
}

static void test_classify(void)
{
    static const struct {
        uint16_t    status;
        const char *type, *code, *message;
        or_fault    fault;
        or_act      act;
    } cases[] = {
        {200, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {301, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {399, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {400, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
        {401, NULL, NULL, NULL, OR_FAULT_KEY, OR_ACT_NEXT},
        {402, NULL, NULL, NULL, OR_FAULT_KEY, OR_ACT_NEXT},
        {403, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT},
        {404, NULL, NULL, NULL, OR_FAULT_KEY, OR_ACT_NEXT},
        {405, NULL, NULL, NULL, OR_FAULT_KEY, OR_ACT_NEXT},
        {406, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
        {407, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
        {408, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {409, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {410, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {411, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
        {413, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
        {420, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
        {421, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {422, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
        {423, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {425, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {426, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {428, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
        {429, NULL, NULL, NULL, OR_FAULT_RATE, OR_ACT_NEXT},
        {430, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
        {451, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT},
        {498, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {499, NULL, NULL, NULL, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
        {500, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {529, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {999, NULL, NULL, NULL, OR_FAULT_PROVIDER, OR_ACT_NEXT},
        {400, "invalid_request_error", "invalid_value", "no", OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
        {400, "invalid_request_error", "context_length_exceeded", "", OR_FAULT_CALLER, OR_ACT_BIGGER},
        {400, "context_length_exceeded", NULL, "", OR_FAULT_CALLER, OR_ACT_BIGGER},
        {500, NULL, NULL, "the maximum context length is 8192", OR_FAULT_CALLER, OR_ACT_BIGGER},
        {400, "exceed_context_size_error", NULL, "", OR_FAULT_CALLER, OR_ACT_BIGGER},
        {400, NULL, NULL, "request exceeds the available context size", OR_FAULT_CALLER, OR_ACT_BIGGER},
        {400, "invalid_request_error", NULL, "prompt is too long: 2 tokens > 1", OR_FAULT_CALLER, OR_ACT_BIGGER},
        {400, NULL, NULL, "The input token count (9) exceeds", OR_FAULT_CALLER, OR_ACT_BIGGER},
        {400, "invalid_request_error", "unsupported_parameter", "", OR_FAULT_CALLER, OR_ACT_OTHER},
        {400, "invalid_request_error", "unsupported_value", "", OR_FAULT_CALLER, OR_ACT_OTHER},
        {429, "insufficient_quota", NULL, "", OR_FAULT_KEY, OR_ACT_NEXT},
        {400, "invalid_request_error", NULL, "Your credit balance is too low", OR_FAULT_KEY, OR_ACT_NEXT},
        {400, NULL, "invalid_api_key", "", OR_FAULT_KEY, OR_ACT_NEXT},
        {400, NULL, NULL, "Incorrect API key provided: x***", OR_FAULT_KEY, OR_ACT_NEXT},
        {400, NULL, "API_KEY_INVALID", "", OR_FAULT_KEY, OR_ACT_NEXT},
        {400, NULL, NULL, "API key not valid. Please pass a valid API key.", OR_FAULT_KEY, OR_ACT_NEXT},
        {502, "rate_limit_error", NULL, "", OR_FAULT_RATE, OR_ACT_NEXT},
        {502, NULL, NULL, "", OR_FAULT_PROVIDER, OR_ACT_NEXT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_chat_error e;
        or_fault      fault = OR_FAULT_NUM;
        memset(&e, 0, sizeof e);
        e.type = or_str_z(cases[i].type);
        e.code_text = or_str_z(cases[i].code);
        e.message = or_str_z(cases[i].message);
        or_act act = or_call_classify(cases[i].status, cases[i].message != NULL ? &e : NULL, &fault);
        if (act != cases[i].act || fault != cases[i].fault)
            fprintf(stderr, "%u: act %d, fault %d\n", cases[i].status, act, fault);
        CHECK(act == cases[i].act && fault == cases[i].fault, "classify");
    }
}

/* G51: seconds, fractions, dates, nonsense. */
static void test_retry_after_ms(void)
{
    static const struct {
        const char *value, *date;
        int64_t     now; /* -1: unknown */
        uint32_t    want;
    } cases[] = {
        {"0", NULL, -1, 0},
        {"1", NULL, -1, 1000},
        {"1.5", NULL, -1, 1500},
        {"0.0004", NULL, -1, 0},
        {"-1", NULL, -1, 0},
        {"2147483", NULL, -1, 2147483000u},
        {"2147484", NULL, -1, INT32_MAX},
        {"99999999999999999999", NULL, -1, INT32_MAX},
        {"-99999999999999999999", NULL, -1, 0},
        {"", NULL, -1, 0},
        {NULL, NULL, -1, 0},
        {"soon", NULL, 0, 0},
        {"1 s", NULL, -1, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, -1, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, 784111776, 1000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, 784111777, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, 784111778, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, INT64_MAX, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, INT64_MIN, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:35 GMT", 784111778, 2000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", "now", 784111774, 3000},
        {"Thu, 01 Jan 1970 00:00:01 GMT", NULL, 0, 1000},
        {"Tue, 29 Feb 2000 00:00:00 GMT", NULL, 951782399, 1000},
        {"Wed, 01 Mar 2000 00:00:00 GMT", NULL, 951868799, 1000},
        {"Thu, 31 Dec 2026 23:59:59 GMT", NULL, 1798761598, 1000},
        {"Mon, 01 Mar 2100 00:00:00 GMT", NULL, 4107542399, 1000},
        {"Fri, 31 Dec 9999 23:59:59 GMT", NULL, 0, INT32_MAX},
        {"Wed, 31 Dec 1969 23:59:59 GMT", NULL, 0, 0},
        {"Sun, 06 Nov 1994 08:49:37 CET", NULL, 784111776, 0},
        {"Sun, 06 Now 1994 08:49:37 GMT", NULL, 784111776, 0},
        {"Sun, +6 Nov 1994 08:49:37 GMT", NULL, 784111776, 0},
        {"Sun, 06 Nov 1994 08:49:3x GMT", NULL, 784111776, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT ", NULL, 784111776, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        or_str  value = test_exact(or_str_z(cases[i].value));
        or_wall now = {cases[i].now != -1, cases[i].now};
        CHECK(or_retry_after_ms(value, or_str_z(cases[i].date), now) == cases[i].want,
              cases[i].value != NULL ? cases[i].value : "absent");
        free((void *)(uintptr_t)value.ptr);
    }
}

int main(void)
{
    test_vectors();
    test_splits();
    test_cuts();
    test_repeats();
    test_memory();
    test_arguments();
    test_growing();
    test_timeouts();
    test_comments();
    test_flood();
    test_late();
    test_backoff();
    test_retry_after();
    test_max_cost();
    test_budget();
    test_past_cost();
    test_insured();
    test_pause();
    test_cancel();
    test_cancel_cost();
    test_statistics();
    test_measures();
    test_more_than_one();
    test_question();
    test_texts();
    test_connecting();
    test_classify();
    test_retry_after_ms();
    TEST_MAIN_END("test_call");
}
