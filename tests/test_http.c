/* The HTTP part: what is read, at every way to cut it, and what is written. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "http_log.h"
#include "ram_io.h"
#include "test.h"

#define S OR_HTTP_SERVER
#define C OR_HTTP_CLIENT
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_LOG "[POST / a 1.1 2 - cbk]"

typedef struct vector {
    const char  *name;
    or_http_role role;
    or_str       in;
    const char  *want;
} vector;

static const vector vectors[] = {
    /* request heads */
    {"request", S, OR_STR_INIT("GET /a/b HTTP/1.1\r\nHost: x.example:8080\r\nAccept: */*\r\n\r\n"),
     "[GET /a/b x.example:8080 1.1 2 - k].$closed"},
    {"query", S, OR_STR_INIT("GET /a?b=c?d/e HTTP/1.1\r\nHost: a\r\n\r\n"),
     "[GET /a?b=c?d/e a 1.1 1 - k].$closed"},
    {"empty query", S, OR_STR_INIT("GET /a? HTTP/1.1\r\nHost: a\r\n\r\n"),
     "[GET /a? a 1.1 1 - k].$closed"},
    {"1.0 without fields", S, OR_STR_INIT("GET / HTTP/1.0\r\n\r\n"), "[GET / - 1.0 0 - ].|$closed"},
    {"1.0 keep-alive", S,
     OR_STR_INIT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n"),
     "[GET / - 1.0 1 - k].[GET /b - 1.0 0 - ].|$closed"},
    {"1.0 keep-alive and close", S,
     OR_STR_INIT("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\nGET"),
     "[GET / - 1.0 1 - ].|$closed"},
    {"method is any token", S, OR_STR_INIT("m-!#.9 / HTTP/1.1\r\nHost: a\r\n\r\n"),
     "[m-!#.9 / a 1.1 1 - k].$closed"},
    {"absolute target", S, OR_STR_INIT("GET HTTP://b:1/c?d HTTP/1.1\r\nHost: a\r\n\r\n"),
     "[GET /c?d b:1 1.1 1 - k].$closed"},
    {"absolute target after Host is no other way", S,
     OR_STR_INIT("GET https://b HTTP/1.1\r\nHost: a\r\n\r\n"), "[GET / b 1.1 1 - k].$closed"},
    {"absolute target, query without path", S,
     OR_STR_INIT("GET http://b?c HTTP/1.0\r\n\r\n"), "[GET /?c b 1.0 0 - ].|$closed"},
    {"asterisk", S, OR_STR_INIT("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
     "[OPTIONS * a 1.1 1 - k].$closed"},
    {"asterisk for another method", S, OR_STR_INIT("GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
     "!http 400"},
    {"other scheme", S, OR_STR_INIT("GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"scheme without slashes", S, OR_STR_INIT("GET http:/bcd/ HTTP/1.1\r\nHost: a\r\n\r\n"),
     "!http 400"},
    {"scheme only", S, OR_STR_INIT("GET http: HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"absolute, no host", S, OR_STR_INIT("GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n"),
     "!http 400"},
    {"absolute, user information", S,
     OR_STR_INIT("GET http://u@b/p HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"relative target", S, OR_STR_INIT("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"relative target, long", S, OR_STR_INIT("GET abcdefghi/ HTTP/1.1\r\nHost: a\r\n\r\n"),
     "!http 400"},
    {"CONNECT", S, OR_STR_INIT("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"CONNECT to a path", S, OR_STR_INIT("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"authority target", S, OR_STR_INIT("GET a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"fragment", S, OR_STR_INIT("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"no target", S, OR_STR_INIT("GET HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"empty target", S, OR_STR_INIT("GET  HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"method only", S, OR_STR_INIT("GET\r\nHost: a\r\n\r\n"), "!http 400"},
    {"method and space", S, OR_STR_INIT("GET \r\nHost: a\r\n\r\n"), "!http 400"},
    {"no method", S, OR_STR_INIT(" / HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"tab after method", S, OR_STR_INIT("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"two spaces after method", S, OR_STR_INIT("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"two spaces before version", S, OR_STR_INIT("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
     "!http 400"},
    {"tab before version", S, OR_STR_INIT("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"space after version", S, OR_STR_INIT("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), "!http 400"},
    {"space in target", S, OR_STR_INIT("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"HTTP/0.9", S, OR_STR_INIT("GET /\r\n\r\n"), "!http 400"},
    {"HTTP/1.2", S, OR_STR_INIT("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), "!http 505"},
    {"HTTP/2.0", S, OR_STR_INIT("PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n"), "!http 505"},
    {"preface of HTTP/2", S, OR_STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "!http 400"},
    {"HTTP/0.1", S, OR_STR_INIT("GET / HTTP/0.1\r\nHost: a\r\n\r\n"), "!http 505"},
    {"HTTP/1.10", S, OR_STR_INIT("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), "!http 400"},
    {"HTTP/01.1", S, OR_STR_INIT("GET / HTTP/01.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"HTTP/1,1", S, OR_STR_INIT("GET / HTTP/1,1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"HTTP/1.x", S, OR_STR_INIT("GET / HTTP/1.x\r\nHost: a\r\n\r\n"), "!http 400"},
    {"HTTP/x.1", S, OR_STR_INIT("GET / HTTP/x.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"HTTP-1.1", S, OR_STR_INIT("GET / HTTP-1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"http/1.1", S, OR_STR_INIT("GET / http/1.1\r\nHost: a\r\n\r\n"), "!http 400"},
    {"HTTP/1.", S, OR_STR_INIT("GET / HTTP/1.\r\nHost: a\r\n\r\n"), "!http 400"},

    /* the empty line before a request */
    {"one empty line", S, OR_STR_INIT("\r\nGET / HTTP/1.0\r\n\r\n"), "[GET / - 1.0 0 - ].|$closed"},
    {"two empty lines", S, OR_STR_INIT("\r\n\r\nGET / HTTP/1.0\r\n\r\n"), "!http 400"},
    {"only an empty line", S, OR_STR_INIT("\r\n"), "$closed"},
    {"an empty line after each body", S,
     OR_STR_INIT(POST "Content-Length: 1\r\n\r\nx\r\n" POST "\r\n\r\n"),
     "[POST / a 1.1 2 1 bk](x).[POST / a 1.1 1 - k].$closed"},
    {"empty line of LF", S, OR_STR_INIT("\nGET / HTTP/1.0\r\n\r\n"), "!http 400"},
    {"CR alone before a request", S, OR_STR_INIT("\rGET / HTTP/1.0\r\n\r\n"), "!http 400"},
    {"empty line before a response", C, OR_STR_INIT("\r\nHTTP/1.1 200 OK\r\n\r\n"), "!http 400"},
    {"nothing", S, OR_STR_INIT(""), "$closed"},

    /* line ends */
    {"LF only", S, OR_STR_INIT("GET / HTTP/1.0\nHost: a\n\n"), "!http 400"},
    {"LF after a field", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n"), "!http 400"},
    {"LF as the empty line", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\n\n"), "!http 400"},
    {"CR alone in a value", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nB: c\rd\r\n\r\n"),
     "!http 400"},
    {"CR CR LF", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), "!http 400"},
    {"CR as the empty line", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\n\rX"), "!http 400"},
    {"TLS", S, OR_STR_INIT("\x16\x03\x01\x02"), "!http 400"},

    /* fields */
    {"values are trimmed, may be empty, hold 0x80 and up", S,
     OR_STR_INIT("GET / HTTP/1.1\r\nHost: \t a\t \r\nA:\r\nB:\tb\xff\x80 c\r\n\r\n"),
     "[GET / a 1.1 3 - k].$closed"},
    {"obs-fold", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"), "!http 400"},
    {"obs-fold with tab", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n"), "!http 400"},
    {"fold after the request line", S, OR_STR_INIT("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
     "!http 400"},
    {"space before colon", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), "!http 400"},
    {"no colon", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nabc\r\n\r\n"), "!http 400"},
    {"no name", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"), "!http 400"},
    {"NUL in a value", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nB: c\0d\r\n\r\n"), "!http 400"},
    {"NUL in a name", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nB\0: c\r\n\r\n"), "!http 400"},
    {"NUL in the target", S, OR_STR_INIT("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), "!http 400"},

    /* Host */
    {"no Host", S, OR_STR_INIT("GET / HTTP/1.1\r\nA: b\r\n\r\n"), "!http 400"},
    {"no Host, absolute", S, OR_STR_INIT("GET http://a/ HTTP/1.1\r\nA: b\r\n\r\n"), "!http 400"},
    {"Host twice", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n"), "!http 400"},
    {"Host twice in 1.0", S, OR_STR_INIT("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
     "!http 400"},
    {"empty Host", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "[GET /  1.1 1 - k].$closed"},
    {"IPv6 Host", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
     "[GET / [::1]:80 1.1 1 - k].$closed"},
    {"Host with a path", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "!http 400"},
    {"Host of one bad byte", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: /\r\n\r\n"), "!http 400"},
    {"no Host but others", S,
     OR_STR_INIT("GET / HTTP/1.1\r\nConnection: keep-alive, close\r\n"
                 "Content-Length: 1\r\n\r\n"), "!http 400"},
    {"no Host but a coding", S,
     OR_STR_INIT("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), "!http 400"},
    {"Host list", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), "!http 400"},
    {"Host with user information", S, OR_STR_INIT("GET / HTTP/1.1\r\nHost: u@b\r\n\r\n"),
     "!http 400"},
    {"bad Host beside an absolute target", S,
     OR_STR_INIT("GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n"), "!http 400"},
    {"a response may have any Host", C,
     OR_STR_INIT("HTTP/1.1 204 \r\nHost: a b\r\nHost: c\r\nExpect: d\r\n\r\n"),
     "[204  1.1 3 - k].$closed"},

    /* Content-Length */
    {"length", S, OR_STR_INIT(POST "Content-Length: 3\r\n\r\nabcX"),
     "[POST / a 1.1 2 3 bk](abc).$cut"},
    {"length 0", S, OR_STR_INIT(POST "Content-Length: 0\r\n\r\n"),
     "[POST / a 1.1 2 0 k].$closed"},
    {"length with leading zeros", S, OR_STR_INIT(POST "Content-Length: 03\r\n\r\nabc"),
     "[POST / a 1.1 2 3 bk](abc).$closed"},
    {"length above 32 bits", S, OR_STR_INIT(POST "Content-Length: 4294967301\r\n\r\nabcdef"),
     "[POST / a 1.1 2 4294967301 bk](abcdef)$cut"},
    {"largest length", S, OR_STR_INIT(POST "Content-Length: 18446744073709551614\r\n\r\nab"),
     "[POST / a 1.1 2 18446744073709551614 bk](ab)$cut"},
    {"length 2^64-1", S, OR_STR_INIT(POST "Content-Length: 18446744073709551615\r\n\r\n"),
     "!http 400"},
    {"length 2^64", S, OR_STR_INIT(POST "Content-Length: 18446744073709551616\r\n\r\n"),
     "!http 400"},
    {"length 2^64+5", S, OR_STR_INIT(POST "Content-Length: 18446744073709551621\r\n\r\n"),
     "!http 400"},
    {"length +5", S, OR_STR_INIT(POST "Content-Length: +5\r\n\r\nabcde"), "!http 400"},
    {"length -1", S, OR_STR_INIT(POST "Content-Length: -1\r\n\r\n"), "!http 400"},
    {"length 0x5", S, OR_STR_INIT(POST "Content-Length: 0x5\r\n\r\n"), "!http 400"},
    {"length 5a", S, OR_STR_INIT(POST "Content-Length: 5a\r\n\r\n"), "!http 400"},
    {"length 1 0", S, OR_STR_INIT(POST "Content-Length: 1 0\r\n\r\n"), "!http 400"},
    {"length 1_0", S, OR_STR_INIT(POST "Content-Length: 1_0\r\n\r\n"), "!http 400"},
    {"length 5.0", S, OR_STR_INIT(POST "Content-Length: 5.0\r\n\r\n"), "!http 400"},
    {"no length in length", S, OR_STR_INIT(POST "Content-Length:\r\n\r\n"), "!http 400"},
    {"length list", S, OR_STR_INIT(POST "Content-Length: 5,5\r\n\r\n"), "!http 400"},
    {"length twice, equal", S,
     OR_STR_INIT(POST "Content-Length: 1\r\nContent-length: 1\r\n\r\nx"), "!http 400"},
    {"length twice, different", S,
     OR_STR_INIT(POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"), "!http 400"},
    {"length: vertical tab", S, OR_STR_INIT(POST "Content-Length:\x0b" "5\r\n\r\n"), "!http 400"},
    {"space before colon of length", S, OR_STR_INIT(POST "Content-Length : 5\r\n\r\n"),
     "!http 400"},
    {"other names are other fields", S,
     OR_STR_INIT(POST "Content_Length: 5\r\nXontent-Length: 5\r\nContent-LengtX: 5\r\n"
                      "Xransfer-Encoding: y\r\nXonnection: close\r\nXxpect: z\r\nXost: b\r\n\r\n"),
     "[POST / a 1.1 8 - k].$closed"},

    /* Transfer-Encoding */
    {"chunked", S, OR_STR_INIT(CHUNKED "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"),
     CHUNKED_LOG "(abc0123456789abcdef).$closed"},
    {"CHUNKED", S, OR_STR_INIT(POST "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
     CHUNKED_LOG ".$closed"},
    {"chunked and length", S,
     OR_STR_INIT(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
     "!http 400"},
    {"length and chunked", S,
     OR_STR_INIT(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     "!http 400"},
    {"chunked in 1.0", S,
     OR_STR_INIT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "!http 400"},
    {"xchunked", S, OR_STR_INIT(POST "Transfer-Encoding: xchunked\r\n\r\n"), "!coding 501"},
    {"chunkedx", S, OR_STR_INIT(POST "Transfer-Encoding: chunkedx\r\n\r\n"), "!coding 501"},
    {"\"chunked\"", S, OR_STR_INIT(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"), "!coding 501"},
    {"chunked;q=1", S, OR_STR_INIT(POST "Transfer-Encoding: chunked;q=1\r\n\r\n"), "!coding 501"},
    {"chunked, identity", S, OR_STR_INIT(POST "Transfer-Encoding: chunked, identity\r\n\r\n"),
     "!coding 501"},
    {"identity, chunked", S, OR_STR_INIT(POST "Transfer-Encoding: identity, chunked\r\n\r\n"),
     "!coding 501"},
    {"gzip, chunked", S, OR_STR_INIT(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
     "!coding 501"},
    {"chunked, chunked", S, OR_STR_INIT(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
     "!coding 501"},
    {", chunked", S, OR_STR_INIT(POST "Transfer-Encoding: ,chunked\r\n\r\n"), "!coding 501"},
    {"identity", S, OR_STR_INIT(POST "Transfer-Encoding: identity\r\n\r\n"), "!coding 501"},
    {"empty coding", S, OR_STR_INIT(POST "Transfer-Encoding:\r\n\r\n"), "!coding 501"},
    {"coding twice", S,
     OR_STR_INIT(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
     "!coding 501"},
    {"coding twice, second unknown", S,
     OR_STR_INIT(POST "Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n\r\n"), "!coding 501"},
    {"length and xchunked", S,
     OR_STR_INIT(POST "Content-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\n"), "!coding 501"},
    {"coding: vertical tab", S, OR_STR_INIT(POST "Transfer-Encoding:\x0b" "chunked\r\n\r\n"),
     "!http 400"},
    {"coding: form feed after it", S, OR_STR_INIT(POST "Transfer-Encoding: chunked\x0c\r\n\r\n"),
     "!http 400"},
    {"coding: NUL after it", S, OR_STR_INIT(POST "Transfer-Encoding: chunked\0\r\n\r\n"),
     "!http 400"},
    {"coding: no-break space", S, OR_STR_INIT(POST "Transfer-Encoding: \xa0" "chunked\r\n\r\n"),
     "!coding 501"},
    {"space before colon of coding", S, OR_STR_INIT(POST "Transfer-Encoding : chunked\r\n\r\n"),
     "!http 400"},
    {"space before coding", S, OR_STR_INIT(POST " Transfer-Encoding: chunked\r\n\r\n"),
     "!http 400"},
    {"coding folded", S, OR_STR_INIT(POST "Transfer-Encoding:\r\n chunked\r\n\r\n"),
     "!coding 501"},
    {"coding after LF", S, OR_STR_INIT(POST "X: x\nTransfer-Encoding: chunked\r\n\r\n"),
     "!http 400"},
    {"coding after CR", S, OR_STR_INIT(POST "X: x\rTransfer-Encoding: chunked\r\n\r\n"),
     "!http 400"},

    /* chunks */
    {"size in both cases, leading zeros", S,
     OR_STR_INIT(CHUNKED "0A\r\n0123456789\r\n00b\r\n0123456789a\r\n000\r\n\r\n"),
     CHUNKED_LOG "(01234567890123456789a).$closed"},
    {"16 digits", S, OR_STR_INIT(CHUNKED "0000000000000001\r\na\r\n0000000000000000\r\n\r\n"),
     CHUNKED_LOG "(a).$closed"},
    {"17 digits", S, OR_STR_INIT(CHUNKED "00000000000000001\r\na\r\n"), CHUNKED_LOG "!chunk 400"},
    {"largest size", S, OR_STR_INIT(CHUNKED "ffffffffffffffff\r\na"), CHUNKED_LOG "(a)$cut"},
    {"sum of sizes too large", S, OR_STR_INIT(CHUNKED "1\r\na\r\nffffffffffffffff\r\na"),
     CHUNKED_LOG "(a)!body 413"},
    {"size 2^64", S, OR_STR_INIT(CHUNKED "10000000000000000\r\n"), CHUNKED_LOG "!chunk 400"},
    {"size 0x5", S, OR_STR_INIT(CHUNKED "0x5\r\nabcde\r\n"), CHUNKED_LOG "!chunk 400"},
    {"size +5", S, OR_STR_INIT(CHUNKED "+5\r\nabcde\r\n"), CHUNKED_LOG "!chunk 400"},
    {"size -5", S, OR_STR_INIT(CHUNKED "-5\r\nabcde\r\n"), CHUNKED_LOG "!chunk 400"},
    {"size 1_0", S, OR_STR_INIT(CHUNKED "1_0\r\n"), CHUNKED_LOG "!chunk 400"},
    {"space before size", S, OR_STR_INIT(CHUNKED " 5\r\nabcde\r\n"), CHUNKED_LOG "!chunk 400"},
    {"space after size", S, OR_STR_INIT(CHUNKED "5 \r\nabcde\r\n"), CHUNKED_LOG "!chunk 400"},
    {"space before extension", S, OR_STR_INIT(CHUNKED "5 ;a\r\nabcde\r\n"),
     CHUNKED_LOG "!chunk 400"},
    {"no size", S, OR_STR_INIT(CHUNKED "\r\n"), CHUNKED_LOG "!chunk 400"},
    {"no size but extension", S, OR_STR_INIT(CHUNKED ";a\r\n"), CHUNKED_LOG "!chunk 400"},
    {"size g", S, OR_STR_INIT(CHUNKED "g\r\n"), CHUNKED_LOG "!chunk 400"},
    {"NUL after size", S, OR_STR_INIT(CHUNKED "5\0\r\nabcde\r\n"), CHUNKED_LOG "!chunk 400"},
    {"extensions", S, OR_STR_INIT(CHUNKED "3;a=b; c=\"d;\xc3\t\"\r\nabc\r\n0;e\r\n\r\n"),
     CHUNKED_LOG "(abc).$closed"},
    {"size after a long extension", S,
     OR_STR_INIT(CHUNKED "1;aaaaaaaaaaaaaaaaaaaa\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
     CHUNKED_LOG "(ab).$closed"},
    {"no size after an extension", S, OR_STR_INIT(CHUNKED "1;a\r\na\r\n\r\n"),
     CHUNKED_LOG "(a)!chunk 400"},
    {"LF in an extension", S, OR_STR_INIT(CHUNKED "3;a\nxx\r\nabc\r\n"), CHUNKED_LOG "!chunk 400"},
    {"CR in an extension", S, OR_STR_INIT(CHUNKED "3;a\rxx\r\nabc\r\n"), CHUNKED_LOG "!chunk 400"},
    {"NUL in an extension", S, OR_STR_INIT(CHUNKED "3;\0\r\nabc\r\n"), CHUNKED_LOG "!chunk 400"},
    {"LF after size", S, OR_STR_INIT(CHUNKED "3\nabc\r\n"), CHUNKED_LOG "!chunk 400"},
    {"CR after size", S, OR_STR_INIT(CHUNKED "3\rabc\r\n"), CHUNKED_LOG "!chunk 400"},
    {"LF after data", S, OR_STR_INIT(CHUNKED "3\r\nabc\n0\r\n\r\n"), CHUNKED_LOG "(abc)!chunk 400"},
    {"CR after data", S, OR_STR_INIT(CHUNKED "3\r\nabc\r0\r\n\r\n"), CHUNKED_LOG "(abc)!chunk 400"},
    {"nothing after data", S, OR_STR_INIT(CHUNKED "3\r\nabc0\r\n\r\n"),
     CHUNKED_LOG "(abc)!chunk 400"},
    {"more data than size", S, OR_STR_INIT(CHUNKED "3\r\nabcd\r\n"), CHUNKED_LOG "(abc)!chunk 400"},
    {"other bytes for CRLF after data", S, OR_STR_INIT(CHUNKED "3\r\nabcXY0\r\n\r\n"),
     CHUNKED_LOG "(abc)!chunk 400"},
    {"trailers are dropped", S,
     OR_STR_INIT(CHUNKED "1\r\na\r\n0\r\nA: b\r\nContent-Length:\t9\xff\r\n\r\n"),
     CHUNKED_LOG "(a).$closed"},
    {"LF as the end", S, OR_STR_INIT(CHUNKED "0\r\n\n"), CHUNKED_LOG "!chunk 400"},
    {"CR as the end", S, OR_STR_INIT(CHUNKED "0\r\n\rX"), CHUNKED_LOG "!chunk 400"},
    {"request as trailer", S, OR_STR_INIT(CHUNKED "0\r\nGET / HTTP/1.1\r\n\r\n"),
     CHUNKED_LOG "!chunk 400"},
    {"trailer without colon", S, OR_STR_INIT(CHUNKED "0\r\nabc\r\n\r\n"), CHUNKED_LOG "!chunk 400"},
    {"trailer without name", S, OR_STR_INIT(CHUNKED "0\r\n: a\r\n\r\n"), CHUNKED_LOG "!chunk 400"},
    {"trailer folded", S, OR_STR_INIT(CHUNKED "0\r\na: b\r\n c\r\n\r\n"), CHUNKED_LOG "!chunk 400"},
    {"trailer ends in LF", S, OR_STR_INIT(CHUNKED "0\r\na: b\n\r\n"), CHUNKED_LOG "!chunk 400"},
    {"CR in a trailer", S, OR_STR_INIT(CHUNKED "0\r\na: b\rc\r\n\r\n"), CHUNKED_LOG "!chunk 400"},
    {"NUL in a trailer", S, OR_STR_INIT(CHUNKED "0\r\na: \0\r\n\r\n"), CHUNKED_LOG "!chunk 400"},

    /* pipelines and the life of the connection */
    {"pipeline", S,
     OR_STR_INIT(CHUNKED "1\r\na\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: c\r\n\r\n" POST
                         "Content-Length: 2\r\n\r\nxyGET / HTTP/1.0\r\n\r\nGET"),
     CHUNKED_LOG "(a).[GET /b c 1.1 1 - k].[POST / a 1.1 2 2 bk](xy).[GET / - 1.0 0 - ].|$closed"},
    {"close", S,
     OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1"),
     "[GET / a 1.1 2 - ].|$closed"},
    {"close in a list", S,
     OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nConnection: x ,\tClOsE\t,y\r\n\r\n"),
     "[GET / a 1.1 2 - ].|$closed"},
    {"close in a second field", S,
     OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n"
                 "connection: close\r\n\r\n"),
     "[GET / a 1.1 3 - ].|$closed"},
    {"close as a part of a word", S,
     OR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed, xclose\r\n\r\n"),
     "[GET / a 1.1 2 - k].$closed"},
    {"fields of one message do not reach the next", S,
     OR_STR_INIT(POST "Content-Length: 1\r\nExpect: x\r\n\r\nyGET / HTTP/1.1\r\nA: b\r\n\r\n"),
     "[POST / a 1.1 3 1 bkx](y).!http 400"},

    /* Expect */
    {"100-continue", S, OR_STR_INIT(POST "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\nx"),
     "[POST / a 1.1 3 1 bke](x).$closed"},
    {"100-continue without a body", S, OR_STR_INIT(POST "Expect: 100-continue\r\n\r\n"),
     "[POST / a 1.1 2 - k].$closed"},
    {"100-continue in 1.0", S,
     OR_STR_INIT("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"),
     "[POST / - 1.0 2 1 b](x).|$closed"},
    {"other expectation", S, OR_STR_INIT(POST "Expect: 200-ok\r\n\r\n"),
     "[POST / a 1.1 2 - kx].$closed"},
    {"both", S,
     OR_STR_INIT(POST "Content-Length: 1\r\nExpect: a=\"b\" ,, 100-continue,\r\n\r\nx"),
     "[POST / a 1.1 3 1 bkex](x).$closed"},
    {"empty Expect", S, OR_STR_INIT(POST "Expect: ,\r\n\r\n"), "[POST / a 1.1 2 - k].$closed"},

    /* responses */
    {"response", C, OR_STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"),
     "[200 OK 1.1 1 2 bk](ab).$closed"},
    {"no reason", C, OR_STR_INIT("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
     "[200  1.1 1 0 k].$closed"},
    {"no reason, no space", C, OR_STR_INIT("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
     "[200  1.1 1 0 k].$closed"},
    {"reason with spaces, tab and 0x80", C,
     OR_STR_INIT("HTTP/1.1 404  a b\t\x80\r\nContent-Length: 0\r\n\r\n"),
     "[404  a b\\x09\\x80 1.1 1 0 k].$closed"},
    {"until close", C, OR_STR_INIT("HTTP/1.1 200 OK\r\n\r\nabc"), "[200 OK 1.1 0 - b](abc)$end"},
    {"until close, empty", C, OR_STR_INIT("HTTP/1.1 200 OK\r\n\r\n"), "[200 OK 1.1 0 - b]$end"},
    {"until close in 1.0", C,
     OR_STR_INIT("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nabc"),
     "[200 OK 1.0 1 - b](abc)$end"},
    {"chunked response", C,
     OR_STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
     "[200 OK 1.1 1 - cbk](x).$closed"},
    {"chunked response in 1.0", C,
     OR_STR_INIT("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), "!http 400"},
    {"chunked and length in a response", C,
     OR_STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
     "!http 400"},
    {"1.0 with length and keep-alive", C,
     OR_STR_INIT("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"),
     "[200 OK 1.0 2 1 bk](x).$closed"},
    {"bytes after a last response", C,
     OR_STR_INIT("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200"),
     "[200 OK 1.1 2 1 b](x).|$closed"},
    {"100 then 200", C,
     OR_STR_INIT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nA: b\r\n\r\n"
                 "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
     "[100 Continue 1.1 0 - k][103  1.1 1 - k][200 OK 1.1 1 1 bk](x).$closed"},
    {"100 then nothing", C, OR_STR_INIT("HTTP/1.1 100 Continue\r\n\r\n"),
     "[100 Continue 1.1 0 - k]$cut"},
    {"100 with a length has no body", C,
     OR_STR_INIT("HTTP/1.1 100 \r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 \r\n\r\n"),
     "[100  1.1 1 5 k][204  1.1 0 - k].$closed"},
    {"199 is interim", C, OR_STR_INIT("HTTP/1.1 199 \r\n\r\nHTTP/1.1 204 \r\n\r\n"),
     "[199  1.1 0 - k][204  1.1 0 - k].$closed"},
    {"101", C, OR_STR_INIT("HTTP/1.1 101 \r\n\r\n"), "!http 400"},
    {"204", C, OR_STR_INIT("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 \r\n\r\n"),
     "[204 No Content 1.1 0 - k].[204  1.1 0 - k].$closed"},
    {"204 with length 0", C, OR_STR_INIT("HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n"),
     "[204  1.1 1 0 k].$closed"},
    {"204 that announces a body", C,
     OR_STR_INIT("HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 \r\n\r\n"),
     "[204  1.1 1 5 ].|$closed"},
    {"204 that announces one byte", C, OR_STR_INIT("HTTP/1.1 204 \r\nContent-Length: 1\r\n\r\nx"),
     "[204  1.1 1 1 ].|$closed"},
    {"204 that announces chunks", C,
     OR_STR_INIT("HTTP/1.1 204 \r\nTransfer-Encoding: chunked\r\n\r\n"),
     "[204  1.1 1 - ].|$closed"},
    {"304 with the length of the 200", C,
     OR_STR_INIT("HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\nHTTP/1.1 304 \r\n\r\n"),
     "[304  1.1 1 5 k].[304  1.1 0 - k].$closed"},
    {"304 with chunks", C, OR_STR_INIT("HTTP/1.1 304 \r\nTransfer-Encoding: chunked\r\n\r\n"),
     "[304  1.1 1 - k].$closed"},
    {"status 999", C, OR_STR_INIT("HTTP/1.1 999 \r\nContent-Length: 0\r\n\r\n"),
     "[999  1.1 1 0 k].$closed"},
    {"status 099", C, OR_STR_INIT("HTTP/1.1 099 \r\n\r\n"), "!http 400"},
    {"status of two digits", C, OR_STR_INIT("HTTP/1.1 20\r\n\r\n"), "!http 400"},
    {"status of four digits", C, OR_STR_INIT("HTTP/1.1 2000\r\n\r\n"), "!http 400"},
    {"status +20", C, OR_STR_INIT("HTTP/1.1 +20 \r\n\r\n"), "!http 400"},
    {"two spaces before status", C, OR_STR_INIT("HTTP/1.1  200 OK\r\n\r\n"), "!http 400"},
    {"no space before status", C, OR_STR_INIT("HTTP/1.1\t200 OK\r\n\r\n"), "!http 400"},
    {"ICY 200 OK", C, OR_STR_INIT("ICY 200 OK, fine\r\n\r\n"), "!http 400"},
    {"HTTP/2 200", C, OR_STR_INIT("HTTP/2.0 200 OK\r\n\r\n"), "!http 505"},
    {"status line of one byte", C, OR_STR_INIT("X\r\n\r\n"), "!http 400"},
    {"status line too short", C, OR_STR_INIT("HTTP/1.1\r\n\r\n"), "!http 400"},
    {"CR in the reason", C, OR_STR_INIT("HTTP/1.1 200 a\rb\r\n\r\n"), "!http 400"},
    {"LF only in a response", C, OR_STR_INIT("HTTP/1.1 200 OK\n\n"), "!http 400"},
};

static void check_log(const http_log *l, const char *want, const char *name, size_t i, size_t j)
{
    bool good = strcmp(l->text, want) == 0 && l->broken == NULL;
    CHECK(good, name);
    if (!good)
        fprintf(stderr, "  cut at %lu, %lu\n  got  %s\n  want %s\n  %s\n", (unsigned long)i,
                (unsigned long)j, l->text, want, l->broken != NULL ? l->broken : "");
}

/* s in three pieces */
static void replay(const vector *v, size_t i, size_t j)
{
    static http_log l;
    http_log_init(&l, v->role, NULL);
    http_log_feed(&l, v->in.ptr, i);
    http_log_feed(&l, v->in.ptr + i, j - i);
    http_log_feed(&l, v->in.ptr + j, v->in.len - j);
    http_log_eof(&l);
    check_log(&l, v->want, v->name, i, j);
    http_log_free(&l);
}

static void test_vectors(void)
{
    for (size_t k = 0; k < sizeof vectors / sizeof vectors[0]; k++) {
        const vector *v = &vectors[k];
        size_t        n = v->in.len;
        for (size_t j = 0; j <= n; j++) {
            replay(v, 0, j);
            for (size_t i = 1; i < j && n <= 100; i++) replay(v, i, j);
        }
        static http_log l;
        http_log_init(&l, v->role, NULL);
        for (size_t i = 0; i < n; i++) http_log_feed(&l, v->in.ptr + i, 1);
        http_log_eof(&l);
        check_log(&l, v->want, v->name, 1, 1);
        http_log_free(&l);
    }
}

/* Streams in parts with what a close after the whole part gives: 'C' a clean end, 'E' the
   end of a body, 'T' truncated. Anywhere inside a part it is 'T', or 'E' inside a body that
   the close delimits. */
static const struct { or_http_role role; const char *part; char at_end, inside; } parts[] = {
    {S, "", 'C', 'T'},
    {S, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 'C', 'T'},
    {S, "\r\n", 'C', 'C'},
    {S, POST "Content-Length: 3\r\n\r\nabc", 'C', 'T'},
    {S, CHUNKED "2;x=y\r\nab\r\n0\r\nA: b\r\n\r\n", 'C', 'T'},
    {S, POST "Connection: close\r\n\r\n", 'C', 'T'},
    {C, "", 'C', 'T'},
    {C, "HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n", 'C', 'T'},
    {C, "HTTP/1.1 100 \r\n\r\n", 'T', 'T'},
    {C, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 'C', 'T'},
    {C, "HTTP/1.1 200 OK\r\n\r\n", 'E', 'T'},
    {C, "abcd", 'E', 'E'},
};

static void test_eof(void)
{
    static http_log l;
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        for (size_t n = 0; n <= strlen(parts[p].part); n++) {
            http_log_init(&l, parts[p].role, NULL);
            for (size_t q = 0; q < p; q++)
                if (parts[q].role == parts[p].role)
                    http_log_feed(&l, parts[q].part, strlen(parts[q].part));
            char want = n == 0 ? (p > 0 && parts[p - 1].role == parts[p].role ? parts[p - 1].at_end
                                                                             : 'C')
                        : n == strlen(parts[p].part) ? parts[p].at_end
                                                     : parts[p].inside;
            http_log_feed(&l, parts[p].part, n);
            l.size = 0;
            http_log_eof(&l);
            const char *text = want == 'C' ? "$closed" : want == 'E' ? "$end" : "$cut";
            CHECK(strstr(l.text, text) != NULL && l.broken == NULL, parts[p].part);
            http_log_free(&l);
        }
    }
}

/* END that was not fetched before the transport ended is not lost. */
static void test_eof_before_end(void)
{
    or_http       h;
    or_http_event ev;
    or_str        in = OR_STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    or_http_init(&h, S, NULL);
    CHECK_ERR(or_http_next(&h, &in, &ev), OR_OK, "head");
    CHECK_ERR(or_http_eof(&h, &ev), OR_OK, "eof");
    CHECK(ev.kind == OR_HTTP_END, "eof");
    CHECK_ERR(or_http_next(&h, &in, &ev), OR_DONE, "after eof");
    CHECK_ERR(or_http_eof(&h, &ev), OR_ERR_CLOSED, "eof again");
    CHECK_ERR(or_http_next(&h, &in, &ev), OR_ERR_CLOSED, "sticks");
}

static void test_expect_no_body(void)
{
    static http_log l;
    const char     *in = "HTTP/1.1 103 \r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    http_log_init(&l, C, NULL);
    or_http_expect_no_body(&l.h);
    http_log_feed(&l, in, strlen(in));
    http_log_eof(&l);
    check_log(&l, "[103  1.1 0 - k][200 OK 1.1 1 5 k].[200 OK 1.1 1 1 bk](x).$closed", "HEAD",
              0, 0);
    http_log_free(&l);

    in = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    http_log_init(&l, C, NULL);
    or_http_expect_no_body(&l.h);
    http_log_feed(&l, in, strlen(in));
    http_log_eof(&l);
    check_log(&l, "[200 OK 1.1 1 - k].[200 OK 1.1 0 - b]$end", "HEAD, chunked", 0, 0);
    http_log_free(&l);

    or_http_limits limits = {0, 0, 2};
    in = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    http_log_init(&l, C, &limits);
    or_http_expect_no_body(&l.h);
    http_log_feed(&l, in, strlen(in));
    check_log(&l, "[200 OK 1.1 1 5 k].", "HEAD, larger than max_body", 0, 0);
    http_log_free(&l);
}

/* Feed whole, then byte by byte; both must give `want`. */
static void check_limited(or_http_role role, or_http_limits limits, or_str in, const char *want,
                          const char *name)
{
    static http_log l;
    http_log_init(&l, role, &limits);
    http_log_feed(&l, in.ptr, in.len);
    check_log(&l, want, name, 0, 0);
    http_log_free(&l);
    http_log_init(&l, role, &limits);
    for (size_t i = 0; i < in.len; i++) http_log_feed(&l, in.ptr + i, 1);
    check_log(&l, want, name, 1, 1);
    http_log_free(&l);
}

/* prefix, then n times c, then suffix; in static storage */
static or_str stretched(const char *prefix, char c, size_t n, const char *suffix)
{
    static char text[40000];
    size_t      a = strlen(prefix), b = strlen(suffix);
    if (a + n + b > sizeof text) abort();
    memcpy(text, prefix, a);
    memset(text + a, c, n);
    memcpy(text + a + n, suffix, b);
    return or_str_of(text, a + n + b);
}

static void test_limit_head(void)
{
    or_http_limits limits = {0, 0, 0};
    or_str         in = OR_STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); /* 27 bytes */
    static const struct { uint32_t max; const char *want; } heads[] = {
        {28, "[GET / a 1.1 1 - k]."}, {27, "[GET / a 1.1 1 - k]."}, {26, "!head 431"},
        {17, "!head 431"}, {16, "!head 431"}, {15, "!head 414"}, {1, "!head 414"},
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        limits.max_head = heads[i].max;
        check_limited(S, limits, in, heads[i].want, "max_head");
    }
    /* exactly max_head bytes without an end, and nothing more, is enough to know */
    limits.max_head = 20;
    check_limited(S, limits, or_str_of(in.ptr, 20), "!head 431", "max_head, no more bytes");
    check_limited(S, limits, or_str_of(in.ptr, 19), "", "max_head - 1, no more bytes");

    limits.max_head = 27;
    check_limited(S, limits, OR_STR("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                  "[GET / a 1.1 1 - k].", "an empty line before it does not count");

    limits.max_head = 0;
    const char *prefix = "GET / HTTP/1.1\r\nHost: a\r\nB: ";
    size_t      n = OR_HTTP_MAX_HEAD - strlen(prefix) - 4;
    check_limited(S, limits, stretched(prefix, 'x', n - 1, "\r\n\r\n"), "[GET / a 1.1 2 - k].",
                  "OR_HTTP_MAX_HEAD - 1");
    check_limited(S, limits, stretched(prefix, 'x', n, "\r\n\r\n"), "[GET / a 1.1 2 - k].",
                  "OR_HTTP_MAX_HEAD");
    check_limited(S, limits, stretched(prefix, 'x', n + 1, "\r\n\r\n"), "!head 431",
                  "OR_HTTP_MAX_HEAD + 1");
}

/* A request with n fields. */
static or_str with_fields(size_t n)
{
    static char text[4096];
    size_t      len = strlen(strcpy(text, "GET / HTTP/1.1\r\nHost: a\r\n"));
    for (size_t i = 1; i < n; i++) {
        memcpy(text + len, "B: c\r\n", 6);
        len += 6;
    }
    memcpy(text + len, "\r\n", 2);
    return or_str_of(text, len + 2);
}

static void test_limit_fields(void)
{
    or_http_limits limits = {0, 3, 0};
    check_limited(S, limits, with_fields(2), "[GET / a 1.1 2 - k].", "max_fields - 1");
    check_limited(S, limits, with_fields(3), "[GET / a 1.1 3 - k].", "max_fields");
    check_limited(S, limits, with_fields(4), "!head 431", "max_fields + 1");
    limits.max_fields = 0;
    CHECK(OR_HTTP_MAX_FIELDS == 100, "the texts below");
    check_limited(S, limits, with_fields(99), "[GET / a 1.1 99 - k].", "OR_HTTP_MAX_FIELDS - 1");
    check_limited(S, limits, with_fields(100), "[GET / a 1.1 100 - k].", "OR_HTTP_MAX_FIELDS");
    check_limited(S, limits, with_fields(101), "!head 431", "OR_HTTP_MAX_FIELDS + 1");
}

/* n heads with 1xx, and the answer twice: the count starts anew with each message. */
static void test_limit_interim(void)
{
    static const char once[] = "HTTP/1.1 102 \r\n\r\n", end[] = "HTTP/1.1 204 \r\n\r\n";
    CHECK(OR_HTTP_MAX_INTERIM == 32, "or set it here");
    for (int n = 31; n <= 33; n++) {
        or_http       h;
        or_http_event ev;
        or_err        e = OR_OK;
        int           finals = 0;
        or_http_init(&h, C, NULL);
        for (int message = 0; message < 2; message++)
            for (int i = 0; i <= n && e == OR_OK; i++) {
                or_str in = i < n ? OR_STR(once) : OR_STR(end);
                e = or_http_next(&h, &in, &ev);
                if (i < n || e != OR_OK) continue;
                finals++;
                e = or_http_next(&h, &in, &ev);
            }
        CHECK_ERR(e, n > 32 ? OR_ERR_HEAD : OR_OK, "how many");
        CHECK(finals == (n > 32 ? 0 : 2), "answers");
    }
}

static void test_limit_body(void)
{
    static const struct {
        or_http_role role;
        const char  *in;
        uint64_t     max;
        const char  *want;
    } b[] = {
        {S, POST "Content-Length: 3\r\n\r\nabc", 4, "[POST / a 1.1 2 3 bk](abc)."},
        {S, POST "Content-Length: 3\r\n\r\nabc", 3, "[POST / a 1.1 2 3 bk](abc)."},
        {S, POST "Content-Length: 3\r\n\r\nabc", 2, "!body 413"},
        {S, CHUNKED "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 4, CHUNKED_LOG "(abc)."},
        {S, CHUNKED "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 3, CHUNKED_LOG "(abc)."},
        {S, CHUNKED "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 2, CHUNKED_LOG "(ab)!body 413"},
        {S, CHUNKED "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 1, CHUNKED_LOG "!body 413"},
        {C, "HTTP/1.1 200 OK\r\n\r\nabc", 4, "[200 OK 1.1 0 - b](abc"},
        {C, "HTTP/1.1 200 OK\r\n\r\nabc", 3, "[200 OK 1.1 0 - b](abc"},
        {C, "HTTP/1.1 200 OK\r\n\r\nabc", 2, "[200 OK 1.1 0 - b](ab)!body 413"},
        /* the count starts anew with each message */
        {S, POST "Content-Length: 3\r\n\r\nabc" CHUNKED "3\r\nabc\r\n0\r\n\r\n", 3,
         "[POST / a 1.1 2 3 bk](abc)." CHUNKED_LOG "(abc)."},
    };
    or_http_limits limits = {0, 0, 0};
    for (size_t i = 0; i < sizeof b / sizeof b[0]; i++) {
        limits.max_body = b[i].max;
        check_limited(b[i].role, limits, or_str_z(b[i].in), b[i].want, "max_body");
    }

    /* refused by its length, the head is there for the answer */
    or_http       h;
    or_http_event ev;
    or_str        in = OR_STR(POST "Content-Length: 3\r\nConnection: close\r\n\r\nabc");
    limits.max_body = 2;
    or_http_init(&h, S, &limits);
    CHECK_ERR(or_http_next(&h, &in, &ev), OR_ERR_BODY, "max_body");
    CHECK(h.head.content_length == 3 && h.head.has_body && !h.head.keep_alive, "max_body, head");
    CHECK_STR(h.head.method, OR_STR("POST"), "max_body, head");
    CHECK_STR(or_http_field(&h.head, OR_STR("connection"), NULL), OR_STR("close"), "and fields");
}

static void test_limit_chunks(void)
{
    or_http_limits none = {0, 0, 0};
    const char    *good = CHUNKED_LOG ".", *bad = CHUNKED_LOG "!chunk 400";
    size_t         n = OR_HTTP_MAX_CHUNK_EXT - 1; /* the ';' counts */
    check_limited(S, none, stretched(CHUNKED "0;", 'x', n - 1, "\r\n\r\n"), good, "extension - 1");
    check_limited(S, none, stretched(CHUNKED "0;", 'x', n, "\r\n\r\n"), good, "extension");
    check_limited(S, none, stretched(CHUNKED "0;", 'x', n + 1, "\r\n\r\n"), bad, "extension + 1");
    n = OR_HTTP_MAX_TRAILER - 5; /* "A:", CR, LF and one more count */
    check_limited(S, none, stretched(CHUNKED "0\r\nA:", 'x', n, "\r\n\r\n"), good, "trailer - 1");
    check_limited(S, none, stretched(CHUNKED "0\r\nA:", 'x', n + 1, "\r\n\r\n"), good, "trailer");
    check_limited(S, none, stretched(CHUNKED "0\r\nA:", 'x', n + 2, "\r\n\r\n"), bad,
                  "trailer + 1");
    /* over several lines */
    check_limited(S, none, stretched(CHUNKED "0\r\nB:\r\nA:", 'x', n - 3, "\r\n\r\n"), good,
                  "trailers");
    check_limited(S, none, stretched(CHUNKED "0\r\nB:\r\nA:", 'x', n - 2, "\r\n\r\n"), bad,
                  "trailers + 1");
}

/* A head that comes byte by byte is read on, not anew. */
static void test_resumes(void)
{
    or_http       h;
    or_http_event ev;
    or_str        text = OR_STR("GET / HTTP/1.1\r\nHost: a\r\nB: cdefghijklmnopqrs\r\n\r\n");
    or_http_init(&h, S, NULL);
    for (size_t n = 1; n < text.len; n++) {
        or_str in = or_str_of(text.ptr, n);
        CHECK_ERR(or_http_next(&h, &in, &ev), OR_NEED_MORE, "byte by byte");
        CHECK(h.scanned >= n - 1 && in.len == n, "byte by byte");
        CHECK(h.head.num_fields == (n < 25 ? 0 : n < text.len - 2 ? 1 : 2), "each line once");
    }
    or_str in = text;
    CHECK_ERR(or_http_next(&h, &in, &ev), OR_OK, "last byte");
    CHECK(h.head.num_fields == 2 && in.len == 0, "last byte");
}

/* Which bytes may stand where, by the rules of the RFCs and not by the table. */
static bool is_alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_token(int c)
{
    return is_alnum(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_text(int c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool is_url(int c)
{
    return c > 0x20 && c < 0x7f && strchr("\"#<>\\", c) == NULL;
}

static bool is_host(int c)
{
    return is_alnum(c) || c == '-' || c == '.' || c == '_';
}

static bool is_hex(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static void test_bytes(void)
{
    /* '@' is where the byte goes. It stands in the middle of a long run too, since text is
       looked at by the word. */
    static const struct { or_http_role role; const char *in; bool (*is)(int); } where[] = {
        {S, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n", is_token},
        {S, "GET /a@b HTTP/1.1\r\nHost: a\r\n\r\n", is_url},
        {S, "GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n", NULL},
        {S, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", is_host},
        {S, "GET / HTTP/1.1\r\nHost: [1@2]\r\n\r\n", NULL},
        {S, "GET / HTTP/1.1\r\nHost: a\r\nB@C: d\r\n\r\n", NULL},
        {S, "GET / HTTP/1.1\r\nHost: a\r\nB: c@d\r\n\r\n", is_text},
        {S, "GET / HTTP/1.1\r\nHost: a\r\nB: c234567890123@56789012345678901234567890\r\n\r\n",
         is_text},
        {S, "GET / HTTP/1.1\r\nHost: a\r\nB: @\t34567890123@56789012345678901234567890\r\n\r\n",
         is_text},
        {C, "HTTP/1.1 200 a@b\r\n\r\n", is_text},
        {S, CHUNKED "0;a@b\r\n\r\n", is_text},
        {S, CHUNKED "0\r\nA@: b\r\n\r\n", NULL},
        {S, CHUNKED "0\r\n@: b\r\n\r\n", is_token},
        {S, CHUNKED "0\r\nA: b@c\r\n\r\n", is_text},
        {S, CHUNKED "0@\r\n\r\n", NULL},
    };
    for (size_t k = 0; k < sizeof where / sizeof where[0]; k++)
        for (int c = 0; c < 256; c++) {
            static http_log l;
            char            text[256];
            size_t          n = strlen(where[k].in);
            bool            want;
            memcpy(text, where[k].in, n);
            for (size_t i = 0; i < n; i++)
                if (text[i] == '@') text[i] = (char)c;
            switch (k) {
            case 2: want = is_host(c) || c == '/' || c == '?'; break;
            case 4: want = is_hex(c) || c == ':' || c == '.'; break;
            case 5: want = is_token(c) || c == ':'; break;
            case 11: want = is_token(c) || c == ':'; break;
            case 14: want = (is_hex(c) && c != '1') || c == ';'; break; /* 1: CR is data */
            default: want = where[k].is(c); break;
            }
            http_log_init(&l, where[k].role, NULL);
            http_log_feed(&l, text, n);
            bool good = l.h.err == OR_OK;
            CHECK(good == want && l.broken == NULL, where[k].in);
            if (good != want) fprintf(stderr, "  byte 0x%02x\n", (unsigned)c);
            http_log_free(&l);
        }
}

static void test_fields(void)
{
    or_http       h;
    or_http_event ev;
    or_str        name, value;
    size_t        pos = 0;
    uint32_t      count;
    or_str        text = test_exact(OR_STR("GET / HTTP/1.1\r\nHost: a\r\nX-A: \t b c\t \r\n"
                                           "x-b:\r\nx-A:d\r\n\r\n"));
    or_str        in = text;
    or_http_init(&h, S, NULL);
    CHECK_ERR(or_http_next(&h, &in, &ev), OR_OK, "fields");
    static const char *const want[] = {"Host", "a", "X-A", "b c", "x-b", "", "x-A", "d"};
    for (size_t i = 0; i < 8; i += 2) {
        CHECK(or_http_field_next(&h.head, &pos, &name, &value), "fields");
        CHECK_STR(name, or_str_z(want[i]), "name");
        CHECK_STR(value, or_str_z(want[i + 1]), "value");
    }
    CHECK(!or_http_field_next(&h.head, &pos, &name, &value), "after the last");
    CHECK(!or_http_field_next(&h.head, &pos, &name, &value), "after the last, again");
    CHECK_STR(or_http_field(&h.head, OR_STR("x-a"), &count), OR_STR("b c"), "first of two");
    CHECK(count == 2, "count");
    CHECK_STR(or_http_field(&h.head, OR_STR("X-A"), NULL), OR_STR("b c"), "without count");
    value = or_http_field(&h.head, OR_STR("x-b"), &count);
    CHECK(value.ptr != NULL && value.len == 0 && count == 1, "empty is not absent");
    value = or_http_field(&h.head, OR_STR("x"), &count);
    CHECK(value.ptr == NULL && count == 0, "absent");
    CHECK_STR(h.head.fields, or_str_of(text.ptr + 16, text.len - 18), "raw fields");
    pos = h.head.fields.len + 1;
    CHECK(!or_http_field_next(&h.head, &pos, &name, &value), "a position past the end");
    free((void *)text.ptr);

    /* lines that no reader let pass are the end of the walk, not of the memory */
    static const char *const odd[] = {"a", "a\r\n", "a:", "a: b", "\r\n", ":", ": a", "a b: c\r\n"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        or_http_head head;
        memset(&head, 0, sizeof head);
        head.fields = test_exact(or_str_z(odd[i]));
        pos = 0;
        CHECK(!or_http_field_next(&head, &pos, &name, &value), odd[i]);
        free((void *)head.fields.ptr);
    }
}

/* Text is looked at by the word: every byte at every place of one, between bytes that a
   carry or a borrow could run through. */
static void test_text_words(void)
{
    static const char fills[] = {'x', '~', '!', ' ', '\x7d'};
    for (size_t f = 0; f < sizeof fills; f++)
        for (size_t at = 0; at < 20; at++)
            for (int c = 0; c < 256; c++) {
                char   value[20], mem[64];
                or_buf b;
                memset(value, fills[f], sizeof value);
                value[at] = (char)c;
                or_buf_init(&b, mem, sizeof mem);
                CHECK((or_http_put_field(&b, OR_STR("A"), or_str_of(value, 20)) == OR_OK) ==
                          is_text(c), "text");
            }
}

/* Bytes of a head that were there before must be there again. */
static void test_dropped_bytes(void)
{
    or_http       h;
    or_http_event ev;
    or_str        in = OR_STR("GET / HTTP/1.1\r\nHo");
    or_http_init(&h, S, NULL);
    CHECK_ERR(or_http_next(&h, &in, &ev), OR_NEED_MORE, "a part");
    in = or_str_of(NULL, 0);
    CHECK_ERR(or_http_next(&h, &in, &ev), OR_NEED_MORE, "nothing new");
    in = OR_STR("GET / HTTP/1.1\r\nHo");
    CHECK_ERR(or_http_next(&h, &in, &ev), OR_NEED_MORE, "the same again");
    in = OR_STR("st: a\r\n\r\n");
    CHECK_ERR(or_http_next(&h, &in, &ev), OR_ERR_ARG, "only the rest");

    in = OR_STR("\r\n");
    or_http_init(&h, S, NULL);
    CHECK_ERR(or_http_next(&h, &in, &ev), OR_NEED_MORE, "empty line");
    CHECK(in.len == 0, "an empty line is taken at once");
}

static void test_has_token(void)
{
    static const struct { const char *list, *token; bool want; } t[] = {
        {"close", "close", true},     {"CLOSE", "close", true},    {"a, close", "close", true},
        {"close ,b", "close", true},  {"\tclose\t", "close", true}, {"a,,close", "close", true},
        {"xclose", "close", false},   {"closex", "close", false},  {"a close", "close", false},
        {"a", "a", true},             {"", "close", false},        {",", "close", false},
        {",", "", false},
        {"close;a", "close", false},  {"a,b", "a,b", false},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        or_str list = test_exact(or_str_z(t[i].list));
        CHECK(or_http_has_token(list, or_str_z(t[i].token)) == t[i].want, t[i].list);
        free((void *)list.ptr);
    }
    CHECK(!or_http_has_token(or_str_of(NULL, 0), OR_STR("a")), "absent list");
}

static void test_writers(void)
{
    char   mem[512];
    or_buf b;
    or_buf_init(&b, mem, sizeof mem);
    or_http_put_request(&b, OR_STR("POST"), OR_STR("/v1?a=b"), OR_STR("x.example:8080"));
    or_http_put_field(&b, OR_STR("A"), OR_STR(" \tb c\xff\t"));
    or_http_put_field(&b, OR_STR("B"), or_str_of(NULL, 0));
    or_http_put_length(&b, 12345678901u);
    CHECK_ERR(or_http_put_head_end(&b), OR_OK, "request");
    CHECK_STR(or_buf_str(&b),
              OR_STR("POST /v1?a=b HTTP/1.1\r\nHost: x.example:8080\r\nA: b c\xff\r\nB: \r\n"
                     "Content-Length: 12345678901\r\n\r\n"), "request");

    static const struct { uint16_t status; const char *want; } s[] = {
        {200, "HTTP/1.1 200 OK\r\n"}, {100, "HTTP/1.1 100 Continue\r\n"},
        {999, "HTTP/1.1 999 Unknown\r\n"}, {429, "HTTP/1.1 429 Too Many Requests\r\n"},
    };
    for (size_t i = 0; i < sizeof s / sizeof s[0]; i++) {
        or_buf_clear(&b);
        CHECK_ERR(or_http_put_status(&b, s[i].status), OR_OK, s[i].want);
        CHECK_STR(or_buf_str(&b), or_str_z(s[i].want), "status");
    }
    static const uint16_t bad[] = {0, 99, 1000, 65535};
    for (size_t i = 0; i < 4; i++) {
        or_buf_clear(&b);
        CHECK_ERR(or_http_put_status(&b, bad[i]), OR_ERR_ARG, "status");
        CHECK(b.len == 0, "status");
    }
    or_buf_clear(&b);
    CHECK_ERR(or_http_put_length(&b, OR_HTTP_NO_LENGTH), OR_ERR_ARG, "no length");
    or_buf_clear(&b);
    CHECK_ERR(or_http_put_length(&b, 0), OR_OK, "length 0");
    CHECK_STR(or_buf_str(&b), OR_STR("Content-Length: 0\r\n"), "length 0");
}

static void test_writers_refuse(void)
{
    char   mem[128];
    or_buf b;
    static const struct { or_str method, target, host; bool good; } r[] = {
        {OR_STR_INIT("GET"), OR_STR_INIT("/"), OR_STR_INIT("a"), true},
        {OR_STR_INIT("OPTIONS"), OR_STR_INIT("*"), OR_STR_INIT("a"), true},
        {OR_STR_INIT("GET"), OR_STR_INIT("http://b/"), OR_STR_INIT("[::1]"), true},
        {OR_STR_INIT("GET"), OR_STR_INIT("*"), OR_STR_INIT("a"), false},
        {OR_STR_INIT("CONNECT"), OR_STR_INIT("/"), OR_STR_INIT("a"), false},
        {OR_STR_INIT(""), OR_STR_INIT("/"), OR_STR_INIT("a"), false},
        {OR_STR_INIT("G T"), OR_STR_INIT("/"), OR_STR_INIT("a"), false},
        {OR_STR_INIT("GET\r\n"), OR_STR_INIT("/"), OR_STR_INIT("a"), false},
        {OR_STR_INIT("GET"), OR_STR_INIT(""), OR_STR_INIT("a"), false},
        {OR_STR_INIT("GET"), OR_STR_INIT("a"), OR_STR_INIT("a"), false},
        {OR_STR_INIT("GET"), OR_STR_INIT("/ HTTP/1.1\r\nA: b"), OR_STR_INIT("a"), false},
        {OR_STR_INIT("GET"), OR_STR_INIT("/\r"), OR_STR_INIT("a"), false},
        {OR_STR_INIT("GET"), OR_STR_INIT("/\n"), OR_STR_INIT("a"), false},
        {OR_STR_INIT("GET"), OR_STR_INIT("/\0"), OR_STR_INIT("a"), false},
        {OR_STR_INIT("GET"), OR_STR_INIT("/ "), OR_STR_INIT("a"), false},
        {OR_STR_INIT("GET"), OR_STR_INIT("/\x80"), OR_STR_INIT("a"), false},
        {OR_STR_INIT("GET"), OR_STR_INIT("/"), OR_STR_INIT(""), false},
        {OR_STR_INIT("GET"), OR_STR_INIT("/"), {NULL, 0}, false},
        {OR_STR_INIT("GET"), OR_STR_INIT("/"), OR_STR_INIT("a\r\nB: c"), false},
        {OR_STR_INIT("GET"), OR_STR_INIT("/"), OR_STR_INIT("a/b"), false},
        {OR_STR_INIT("GET"), OR_STR_INIT("/"), OR_STR_INIT("a "), false},
    };
    for (size_t i = 0; i < sizeof r / sizeof r[0]; i++) {
        or_buf_init(&b, mem, sizeof mem);
        CHECK_ERR(or_http_put_request(&b, r[i].method, r[i].target, r[i].host),
                  r[i].good ? OR_OK : OR_ERR_ARG, r[i].target.ptr);
        CHECK((b.len > 0) == r[i].good, r[i].target.ptr);
    }
    static const struct { or_str name, value; } f[] = {
        {OR_STR_INIT(""), OR_STR_INIT("b")},         {OR_STR_INIT("a b"), OR_STR_INIT("b")},
        {OR_STR_INIT("a:"), OR_STR_INIT("b")},       {OR_STR_INIT("a\r\nb"), OR_STR_INIT("b")},
        {OR_STR_INIT("a\0"), OR_STR_INIT("b")},      {OR_STR_INIT("a\x80"), OR_STR_INIT("b")},
        {OR_STR_INIT("a"), OR_STR_INIT("b\r\nc:d")}, {OR_STR_INIT("a"), OR_STR_INIT("b\n")},
        {OR_STR_INIT("a"), OR_STR_INIT("\rb")},      {OR_STR_INIT("a"), OR_STR_INIT("b\0c")},
        {OR_STR_INIT("a"), OR_STR_INIT("b\x7f")},
    };
    for (size_t i = 0; i < sizeof f / sizeof f[0]; i++) {
        or_buf_init(&b, mem, sizeof mem);
        CHECK_ERR(or_http_put_field(&b, f[i].name, f[i].value), OR_ERR_ARG, f[i].name.ptr);
        CHECK(b.len == 0, f[i].name.ptr);
        CHECK_ERR(or_http_put_head_end(&b), OR_ERR_ARG, "sticks");
    }
}

static void put_head(or_buf *b)
{
    or_http_put_request(b, OR_STR("GET"), OR_STR("/"), OR_STR("a"));
    or_http_put_field(b, OR_STR("B"), OR_STR("c"));
    or_http_put_head_end(b);
    or_http_put_status(b, 200);
    or_http_put_length(b, 5);
}

/* A line is written whole or not at all; counting counts the same; each allocation fails. */
static void test_writers_space(void)
{
    char      mem[128];
    or_buf    b, counting;
    test_heap heap = {0, 0, 0};
    or_buf_init(&b, mem, sizeof mem);
    put_head(&b);
    or_buf_init_counting(&counting);
    put_head(&counting);
    CHECK_ERR(b.err, OR_OK, "fits");
    CHECK(counting.len == b.len && counting.err == OR_OK, "counting");
    size_t need = b.len;
    for (size_t cap = 0; cap < need; cap++) {
        char *block = (char *)malloc(cap != 0 ? cap : 1);
        or_buf_init(&b, block, cap);
        put_head(&b);
        CHECK_ERR(b.err, OR_ERR_SPACE, "too small");
        CHECK(b.len == 0 || b.ptr[b.len - 1] == '\n', "whole lines");
        free(block);
    }
    or_allocator allocator = TEST_ALLOCATOR(&heap);
    for (heap.fail_at = 1; heap.fail_at < 4; heap.fail_at++) {
        heap.calls = 0;
        or_buf_init_growing(&b, &allocator, 4096);
        put_head(&b);
        CHECK_ERR(b.err, heap.fail_at == 1 ? OR_ERR_MEMORY : OR_OK, "allocation fails");
        CHECK(heap.calls == 1, "a small head is one allocation");
        or_buf_free(&b);
    }
    CHECK(heap.outstanding == 0, "all given back");
    or_str huge = or_str_of("a", SIZE_MAX);
    or_str half[2];
    half[0] = half[1] = huge;
    or_buf_init(&b, mem, sizeof mem);
    CHECK_ERR(ori_http_put(&b, half, 2), OR_ERR_RANGE, "sum of lengths");
}

static void test_chunk_head(void)
{
    static const struct { size_t n; const char *want; } c[] = {
        {0, ""}, {1, "1\r\n"}, {15, "f\r\n"}, {16, "10\r\n"}, {0xabcd, "abcd\r\n"},
        {0x1234567, "1234567\r\n"}, {0xffffffff, "ffffffff\r\n"},
    };
    char line[18];
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++)
        CHECK_STR(or_str_of(line, or_http_chunk_head(line, c[i].n)), or_str_z(c[i].want),
                  "chunk head");
    CHECK(or_http_chunk_head(line, SIZE_MAX) == sizeof(size_t) * 2 + 2, "largest");
}

static void test_reason(void)
{
    static const struct { uint16_t status; const char *want; } r[] = {
        {100, "Continue"},    {200, "OK"},           {402, "Payment Required"},
        {413, "Content Too Large"}, {511, "Network Authentication Required"},
        {0, "Unknown"},       {299, "Unknown"},      {306, "Unknown"},      {65535, "Unknown"},
    };
    for (size_t i = 0; i < sizeof r / sizeof r[0]; i++)
        CHECK_STR(or_str_z(or_http_reason(r[i].status)), or_str_z(r[i].want), "reason");
}

static void test_url(void)
{
    /* tls host authority port path query; "-" as query is absent; want NULL: refused */
    static const struct { const char *in, *want; } u[] = {
        {"http://a", "0 a a 80  -"},
        {"https://a", "1 a a 443  -"},
        {"HTTPS://A.example/", "1 A.example A.example 443  -"},
        {"https://openrouter.ai/api/v1", "1 openrouter.ai openrouter.ai 443 /api/v1 -"},
        {"https://openrouter.ai/api/v1//", "1 openrouter.ai openrouter.ai 443 /api/v1 -"},
        {"http://192.168.1.20:11434/", "0 192.168.1.20 192.168.1.20:11434 11434  -"},
        {"http://[::1]:8080/a", "0 ::1 [::1]:8080 8080 /a -"},
        {"http://[fe80::1.2.3.4]", "0 fe80::1.2.3.4 [fe80::1.2.3.4] 80  -"},
        {"http://a?b", "0 a a 80  b"},
        {"http://a/?b/", "0 a a 80  b/"},
        {"http://a/b/?", "0 a a 80 /b "},
        {"http://a/b?c?d", "0 a a 80 /b c?d"},
        {"http://[::]", "0 :: [::] 80  -"},
        {"http://a:1/", "0 a a:1 1  -"},
        {"http://a:65535", "0 a a:65535 65535  -"},
        {"http://a:00080", "0 a a:00080 80  -"},
        {"http://a_b-c", "0 a_b-c a_b-c 80  -"},
        {"http://a/b:c@d", "0 a a 80 /b:c@d -"},
        {"", NULL}, {"http", NULL}, {"http:", NULL}, {"http:/", NULL}, {"http://", NULL},
        {"https://", NULL}, {"https:/", NULL}, {"https", NULL}, {"httpx://a", NULL},
        {"ftp://abc", NULL}, {"ws://abcd", NULL}, {"//a", NULL}, {"abcdefghi/", NULL}, {"a", NULL},
        {"/", NULL},
        {"http:///a", NULL}, {"http://?a", NULL}, {"http://:80", NULL}, {"http://u@a", NULL},
        {"http://u:p@a", NULL}, {"http://a:", NULL}, {"http://a:0", NULL}, {"http://a:65536", NULL},
        {"http://a:000080", NULL}, {"http://a:+8", NULL}, {"http://a:8a", NULL},
        {"http://a:8:8", NULL}, {"http://[]", NULL}, {"http://[:]", NULL}, {"http://[::1", NULL},
        {"http://[::1]8", NULL},
        {"http://[::g]", NULL}, {"http://[fe80::1%25eth0]", NULL}, {"http://::1", NULL},
        {"http://[v1.a]", NULL}, {"http://a/#b", NULL}, {"http://a#b", NULL}, {"http://a b", NULL},
        {"http://a/b c", NULL}, {"http://a/\r\n", NULL}, {"http://a/\x80", NULL},
        {"http://a\\b", NULL}, {"http://a%41", NULL}, {" http://a", NULL}, {"http://a ", NULL},
        {"http://a/\"", NULL}, {"http://a/<", NULL}, {"http://[", NULL}, {"http://]", NULL},
    };
    for (size_t i = 0; i < sizeof u / sizeof u[0]; i++) {
        or_str text = test_exact(or_str_z(u[i].in));
        or_url url;
        or_err e = or_url_read(text, &url);
        CHECK_ERR(e, u[i].want != NULL ? OR_OK : OR_ERR_URL, u[i].in);
        if (e == OR_OK && u[i].want != NULL) {
            char got[200];
            or_str q = url.query.ptr != NULL ? url.query : OR_STR("-");
            snprintf(got, sizeof got, "%d %.*s %.*s %u %.*s %.*s", url.tls, (int)url.host.len,
                     url.host.ptr, (int)url.authority.len, url.authority.ptr, (unsigned)url.port,
                     (int)url.path.len, url.path.ptr, (int)q.len, q.ptr);
            CHECK_STR(or_str_z(got), or_str_z(u[i].want), u[i].in);
        }
        free((void *)text.ptr);
    }
}

static void test_host(void)
{
    or_str   host;
    uint16_t port;
    CHECK_ERR(or_host_read(OR_STR("localhost"), &host, &port), OR_OK, "host");
    CHECK_STR(host, OR_STR("localhost"), "host");
    CHECK(port == 0, "no port");
    CHECK_ERR(or_host_read(OR_STR("[::1]:8080"), &host, &port), OR_OK, "IPv6");
    CHECK_STR(host, OR_STR("::1"), "IPv6");
    CHECK(port == 8080, "port");
    CHECK_ERR(or_host_read(or_str_of(NULL, 0), &host, &port), OR_ERR_URL, "absent");
}

/* The scripted transport: does it do what its script says? */
static void test_ram_io(void)
{
    static const ptrdiff_t recv_steps[] = {2, 0, 100, 1};
    static const ptrdiff_t send_steps[] = {0, 3, OR_ERR_IO};
    ram_io                 io;
    char                   buf[16];
    memset(&io, 0, sizeof io);
    io.in = OR_STR("abcdefghijkl");
    io.recv.steps = recv_steps;
    io.recv.num_steps = 4;
    io.send.steps = send_steps;
    io.send.num_steps = 3;
    or_io t = ram_io_of(&io);
    CHECK(t.recv(t.user, buf, 16) == 2 && memcmp(buf, "ab", 2) == 0, "at most 2");
    CHECK(t.recv(t.user, buf, 16) == 0, "not now");
    CHECK(t.recv(t.user, buf, 4) == 4 && memcmp(buf, "cdef", 4) == 0, "what fits");
    CHECK(t.recv(t.user, buf, 16) == 1 && buf[0] == 'g', "at most 1");
    CHECK(t.recv(t.user, buf, 16) == 5 && memcmp(buf, "hijkl", 5) == 0, "after the steps");
    CHECK(t.recv(t.user, buf, 16) == OR_ERR_CLOSED, "closed");
    CHECK(t.recv(t.user, buf, 16) == OR_ERR_CLOSED, "stays closed");
    CHECK(io.recv.calls == 7 && io.recv.moved == 12, "counts");
    CHECK(t.send(t.user, "wxyz", 4) == 0, "not now");
    CHECK(t.send(t.user, "wxyz", 4) == 3, "short write");
    CHECK(t.send(t.user, "z", 1) == OR_ERR_IO, "failure");
    CHECK(t.send(t.user, "z", 1) == OR_ERR_IO, "stays failed");
    CHECK_STR(ram_io_sent(&io), OR_STR("wxy"), "sent");
    ram_io_free(&io);

    memset(&io, 0, sizeof io);
    io.in = OR_STR("abc");
    io.recv.close_at = 2;
    io.send.close_at = 1;
    t = ram_io_of(&io);
    CHECK(t.recv(t.user, buf, 16) == 2 && t.recv(t.user, buf, 16) == OR_ERR_CLOSED, "close at 2");
    CHECK(t.send(t.user, "xy", 2) == 1 && t.send(t.user, "y", 1) == OR_ERR_CLOSED, "close at 1");
    ram_io_free(&io);

    static const ptrdiff_t one[] = {1, 0};
    memset(&io, 0, sizeof io);
    io.in = OR_STR("ab");
    io.open = true;
    io.recv.steps = one;
    io.recv.num_steps = 2;
    io.recv.again = true;
    t = ram_io_of(&io);
    CHECK(t.recv(t.user, buf, 16) == 1 && t.recv(t.user, buf, 16) == 0 &&
          t.recv(t.user, buf, 16) == 1 && t.recv(t.user, buf, 16) == 0, "again");
    CHECK(t.recv(t.user, buf, 16) == 0 && t.recv(t.user, buf, 16) == 0, "open at its end");
    io.in = OR_STR("abc");
    CHECK(t.recv(t.user, buf, 16) == 1 && buf[0] == 'c', "fed again");
    ram_io_free(&io);
}

/* Everything over a transport that gives one byte, then nothing, in turn. */
static void test_over_ram_io(void)
{
    static const ptrdiff_t one[] = {1, 0, 3};
    static http_log        l;
    ram_io                 io;
    char                   buf[8];
    ptrdiff_t              n;
    memset(&io, 0, sizeof io);
    io.in = OR_STR(CHUNKED "5\r\nhello\r\n0\r\n\r\n");
    io.recv.steps = one;
    io.recv.num_steps = 3;
    io.recv.again = true;
    or_io t = ram_io_of(&io);
    http_log_init(&l, S, NULL);
    while ((n = t.recv(t.user, buf, sizeof buf)) >= 0)
        if (n > 0) http_log_feed(&l, buf, (size_t)n);
    http_log_eof(&l);
    check_log(&l, CHUNKED_LOG "(hello).$closed", "over a transport", 0, 0);
    http_log_free(&l);
    ram_io_free(&io);
}

int main(void)
{
    test_vectors();
    test_eof();
    test_eof_before_end();
    test_expect_no_body();
    test_limit_head();
    test_limit_fields();
    test_limit_interim();
    test_limit_body();
    test_limit_chunks();
    test_resumes();
    test_bytes();
    test_fields();
    test_text_words();
    test_dropped_bytes();
    test_has_token();
    test_writers();
    test_writers_refuse();
    test_writers_space();
    test_chunk_head();
    test_reason();
    test_url();
    test_host();
    test_ram_io();
    test_over_ram_io();
    TEST_MAIN_END("test_http");
}
