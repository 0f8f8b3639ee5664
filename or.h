/* or.h - version 0.6.0 - talk to OpenRouter, and to everything that speaks like it

   Chat completions for firmware and applications: requests, streams, tool calls, fallback
   over providers and models, exact cost, budgets; the same with Anthropic's and Gemini's own
   dialects. It opens no socket, reads no clock,
   allocates nothing and keeps no global: it turns bytes into events and intentions into
   bytes, in memory that you own. C99, also C++11, also freestanding; no floating point.

   DO THIS
   In one source file, before the include:

       #define OR_IMPLEMENTATION
       #include "or.h"

   and only the include in all others. The implementation needs jsmn.h (one header,
   Debian: libjsmn-dev) in the include path; do not include it yourself. Of libc it
   needs memcpy, memmove, memset and memcmp.

   THE COMMON CASE
   Ask, print what comes, know how it ended. With ports/link for the sockets and TLS:

       or_provider    provider = {.base_url = OR_STR("https://openrouter.ai/api/v1"),
                                  .key = or_str_z(getenv("OPENROUTER_API_KEY"))};
       or_msg         msg = {.content = OR_STR("Why is the sky blue?")};
       or_chat_desc   chat = {.model = OR_STR("openrouter/auto"), .msgs = &msg,
                              .num_msgs = 1, .stream = true};
       or_client_desc desc = {.providers = &provider, .num_providers = 1,
                              .mem = mem, .mem_size = sizeof mem};
       or_moment      now = or_link_moment();
       if (or_client_begin(&client, &desc, &chat, &now) != OR_OK) return 1;
       while (or_link_next(&link, &client, &ev) == OR_OK) {
           if (ev.kind == OR_CALL_DELTA && ev.delta->text.len > 0)
               fwrite(ev.delta->text.ptr, 1, ev.delta->text.len, stdout);
           if (ev.kind == OR_CALL_END) complete = ev.end == OR_END_COMPLETE;
       }

   examples/stream.c is the whole program. More providers in the array, or more models in
   chat.models, and it falls back: nothing else changes. On a microcontroller the loop calls
   or_client_next instead, opens a transport when it is told CONNECT, and does other work
   while that returns OR_NEED_MORE: examples/bare.c.

   MACROS, to be defined before the include, the same in every file
       OR_API               in front of every function       extern
       OR_JSMN_H            how jsmn is found                 <jsmn.h>
       OR_NO_SIMD           no SSE2 even where there is       not defined
       OR_NO_DIALECT        chat completions only             not defined
       OR_NO_ROUTE          no routing, and no call, client   not defined
       OR_NO_CATALOGUE      no catalogue in JSON, no replay   not defined
       OR_NO_CALL           no engine, and no client          not defined
       OR_NO_CLIENT         no client                         not defined
       OR_JSON_MAX_DEPTH    nested arrays and objects         128
       OR_HTTP_MAX_HEAD     bytes of one head                 16384
       OR_HTTP_MAX_FIELDS   field lines in one head           100
       OR_HTTP_MAX_INTERIM  1xx heads before a response       32
       OR_HTTP_MAX_CHUNK_EXT  bytes of extensions on a chunk  256
       OR_HTTP_MAX_TRAILER  bytes of trailer fields           4096
       OR_CHAT_MAX_CALLS    tool calls of a streamed answer   64
       OR_COST_DEFAULT_OUTPUT  tokens of an unlimited answer  8192
       OR_STATS_SAMPLES     attempts behind percentiles       48
       OR_STATS_WINDOW_MS   how old they may be               300000
       OR_STATS_OUTAGE_MS   how long a failure demotes        30000
       OR_STATS_TRIP        failures that open the breaker    3
       OR_STATS_OPEN_MS     for how long, at first            5000
       OR_STATS_COOL_MS     the longest pause asked for       3600000
       OR_STICKY_IDLE_MS    a conversation is forgotten       600000
       OR_CALL_INPUT        bytes received at once            1024
       OR_CALL_SCRATCH      bytes to decode one event in      4096

   A COMPLETE EXAMPLE
   Without any transport: what the events of a stream say, and how the stream ended.

       #define OR_IMPLEMENTATION
       #include "or.h"
       #include <stdio.h>

       int main(void)
       {
           or_str in = OR_STR("data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"},"
                              "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
           static char    pieces[4096], memory[4096];
           or_buf         carry;
           or_arena       arena;
           or_sse         sse;
           or_sse_event   event;
           or_chat_stream stream;
           or_chat_delta  delta;
           or_buf_init(&carry, pieces, sizeof pieces);
           or_arena_init(&arena, memory, sizeof memory);
           or_sse_init(&sse, &carry);
           or_chat_stream_init(&stream);
           while (or_sse_next(&sse, &in, &event) == OR_OK) {
               or_arena_reset(&arena);
               if (or_chat_stream_next(&stream, event.data, &arena, &delta) == OR_OK)
                   printf("%.*s", (int)delta.text.len, delta.text.len ? delta.text.ptr : "");
           }
           return or_chat_stream_end(&stream, true) == OR_END_COMPLETE ? 0 : 1;
       }

   THE PARTS, each uses only those above it
       base       strings, errors, arenas, buffers, transports, checked integers
       json       three validating readers, a writer, splicing of members
       http       HTTP/1.1 both ways, smuggling-proof
       sse        server-sent events both ways
       money      prices, usage, cost, budgets
       prefs      OpenRouter's `provider` object
       chat       requests, answers, deltas, histories
       dialect    the same for Anthropic's Messages, Gemini, OpenAI's Responses, both ways
       route      endpoints, statistics, who is tried in which order and why
       catalogue  model lists in JSON; decisions recorded and replayed
       call       attempts over your transports: timeouts, retries, fallback, three ends
       client     all of it together for the common case
   Every layer can be used by itself; the linker drops what you do not call.

   THE WAY OF A REQUEST
       or_client_begin     the plan (or_route_plan) and the call (or_call_begin)
       or_client_next      -> CONNECT: open a transport to client->url
       or_client_connected writes the request for this endpoint; it is sent
       or_client_next      -> BEGIN, DELTA ... or ANSWER, then END; CLOSE for the transport
   A gateway has the two halves by themselves: or_route_reader takes what or_route_plan wants
   from a body that is being scanned anyway, and a call with desc.either takes a stream that
   was not asked for, one with desc.other any body, as DATA when it is not JSON.
   Below that, if you want to do it by hand:
       or_chat_write       what you want              -> JSON body
       or_http_put_*       method, host, fields       -> head; send head and body
       or_http_next        bytes as they come         -> HEAD, BODY ..., END
       or_chat_read        a whole body               -> answer or error
       or_sse_next         bytes of a streamed body   -> events
       or_chat_stream_next the data of an event       -> text, reasoning, calls, usage
       or_chat_stream_end  how the body ended         -> complete, error or truncated
   By hand, look at the status and at the Content-Type before you choose between the two
   ways to read: errors before the first token are whole JSON bodies even when a stream was
   asked for, and an answer with status 200 may hold an error.

   MEMORY
   State lives in structs that you own; do not move them while in use. Bulk memory comes
   from an or_arena over a block of yours; its `peak` tells how large the block has to
   be. Output goes into an or_buf: over a block of yours, or growing from an
   or_allocator up to a maximum, or only counting (to learn a Content-Length first).
   An or_str borrows; each function says for how long its results are valid. A call needs
   or_call_need(desc) bytes, a client or_client_need(desc), and takes nothing after it has
   begun; the limits in or_call_desc are what that depends on. No function has a frame above 512
   bytes, but those of part dialect: or_dialect_write takes up to 14 KB of stack in all (8 KB on
   32-bit machines), the other translators up to 8 KB.

   INPUT AND OUTPUT
   Readers take an or_str by pointer, use what they can and move it past what they used.
   Any input may be cut anywhere: OR_NEED_MORE means "append bytes and call again". or_io
   is the shape of a transport; ports/ has some, or write your own two functions: bytes
   moved, 0 for "not now", a negative or_err.

   TIME
   Is passed in where it is needed, as uint32_t milliseconds that may wrap; or_ms_diff
   compares. Wall clock time is an or_wall, and may be unknown. So may be random bits: the
   seed in an or_moment only spreads load.

   ERRORS
   OR_ERRORS below is the list. 0 is success, positive means "not finished", negative
   failed. The first failure of a reader, buffer or writer sticks, so do several steps
   and look once. or_err_text gives words. What an upstream said is in or_call_failure.

   LIMITS
   Everything is bounded by a number that you choose: the depth of JSON (macro), values
   in a document (argument and arena), a head (or_http_limits), a body (or_http_limits),
   an event (the carry buffer), what is written (the or_buf), attempts, time and money of a
   call (or_call_desc). Reaching one is an error of its own name, never a crash and never a
   cut result that looks whole.

   DIALECTS
   A provider that speaks Anthropic's Messages or Gemini's generateContent needs one word,
   or_provider.dialect; everything else stays as it is, and fallback goes across. What such a
   provider has no words for is left out. By hand: or_dialect_write makes its request of a chat
   request, or_call_speak tells a call what is spoken, or_dialect_read and
   or_dialect_stream_next read its answers. Signatures of reasoning are in reasoning_details:
   give the answer back as or_chat_collect_end makes it, and they go to whom they belong. The
   way back, or_dialect_to_chat and or_reply, is for programs that serve such clients.

   HOW AN ANSWER ENDS
   COMPLETE: a finish reason came, and the end of the stream after it. ERROR: the upstream
   said that it failed. TRUNCATED: it stopped without either, so what came is not the whole
   answer. There is no fourth way, and a cut stream is never complete.

   FALLBACK
   Up to the first content a failed attempt leads to the next candidate; afterwards none
   does. Whose fault a failure was decides what is tried: another endpoint (no connection,
   timeout, 5xx, 429, a key that is refused), only another model (the request itself is
   wrong), an endpoint with a larger context or other parameters (when the error says so).
   One budget covers the whole chain: tries, time, money. When all candidates failed and
   tries are left, it waits: exponential, half of it by chance, and at least as long as a
   Retry-After asked for.

   ROUTING
   Endpoints are what providers offer: a model at a price with limits. Build them in code,
   or read OpenRouter's /models with or_catalogue_read. or_route_plan filters and ranks
   them as OpenRouter does (order, only, ignore, sort, max_price, quantizations, zdr,
   thresholds, :nitro and :floor ...) and says for each one left out why. By default healthy
   ones come first and the first of them is drawn with weight 1/price^2. or_stats, one for
   each endpoint, makes it learn: outages, a breaker, cooldown, percentiles. An endpoint that
   is a router, as OpenRouter is, gets the preferences and applies them itself. Bits for
   or_endpoint.target bar providers from a caller, or say that they cannot be reached now.
   The plan is a pure function of its arguments; or_route_record writes them as one line,
   or_route_replay comes to the same plan from it, and or_route_recorded gives the request
   back, to decide it with other endpoints.

   MONEY
   Prices and costs are integers of pico-USD (1e-12 USD): "0.0000000375" is 37500, and
   or_decimal_put turns it back. A price is known, free or unknown; a cost says whether the
   upstream reported it, or it was computed, or estimated, or is unknown. or_budget holds a
   limit for a day, a week or a month: reserve the most that a request can cost, settle what
   it did cost. Give one to or_call_desc and that happens by itself.

   JSON
   Reading validates everything (RFC 8259) before you see it. Three readers: or_json_scan
   (pull events, for large bodies), or_json_members with or_json_splice (edit the
   top-level members of a document without touching or copying the rest) and
   or_json_parse (tokens and lookup by JSON Pointer). Numbers are read as exact integers
   or as decimals scaled by a power of ten. or_json_writer cannot write anything that is
   not JSON.

   HTTP/1.1
   or_http reads requests or responses and refuses what two readers could understand
   differently (RFC 9112 section 6.3). Bodies come out without their framing and without
   a copy. Writing refuses bytes that would end a line.

   SERVER-SENT EVENTS
   or_sse reads to the WHATWG rules; an event that lies whole in the input is not copied.

   SECRETS
   A provider's key is written into the request's buffer when an attempt begins and wiped
   when it is over. It is in no error text. Better than a key on a device is a gateway on
   the LAN that holds it: orproxy, in the same repository.

   SIZES
   `make size` prints them for your compiler; the README has tables.

   WHAT IT DOES NOT DO
   No sockets, TLS, name lookup or clock (see ports/). No HTTP/2, no compression (asks for
   identity).

   LICENCE
   MIT No Attribution or public domain, as you like: see the end of this file.
*/
#ifndef OR_H
#define OR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OR_VERSION "0.6.0"

/* Put before every public function. `#define OR_API static` keeps the whole
   library private to one file. */
#ifndef OR_API
#define OR_API extern
#endif

/* Parts that are not wanted; what needs them goes with them. */
#ifdef OR_NO_ROUTE
#define OR_NO_CATALOGUE
#define OR_NO_CALL
#endif
#ifdef OR_NO_CALL
#define OR_NO_CLIENT
#endif

/* Limits. Each is a number with a unit; reaching it is a named error. Define
   another value before the include, the same one in every file. */
#ifndef OR_JSON_MAX_DEPTH
#define OR_JSON_MAX_DEPTH 128 /* nested arrays and objects; OR_ERR_DEPTH */
#endif
#ifndef OR_HTTP_MAX_HEAD
#define OR_HTTP_MAX_HEAD 16384 /* bytes of one head; OR_ERR_HEAD */
#endif
#ifndef OR_HTTP_MAX_FIELDS
#define OR_HTTP_MAX_FIELDS 100 /* field lines in one head; OR_ERR_HEAD */
#endif
#ifndef OR_HTTP_MAX_INTERIM
#define OR_HTTP_MAX_INTERIM 32 /* 1xx heads before a response, at most 255; OR_ERR_HEAD */
#endif
#ifndef OR_HTTP_MAX_CHUNK_EXT
#define OR_HTTP_MAX_CHUNK_EXT 256 /* bytes of extensions on one chunk; OR_ERR_CHUNK */
#endif
#ifndef OR_CHAT_MAX_CALLS
#define OR_CHAT_MAX_CALLS 64 /* tool calls of one streamed answer; OR_ERR_TOKENS */
#endif
#ifndef OR_HTTP_MAX_TRAILER
#define OR_HTTP_MAX_TRAILER 4096 /* bytes of trailer fields; OR_ERR_CHUNK */
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ============================================================== base ==
   Errors, strings, memory, I/O, integers. */

/* Every result that a function of this library can give. Zero is success,
   positive is "not finished, not a failure", negative is a failure. */
#define OR_ERRORS(X)                                                               \
    X(OK, 0, "success")                                                            \
    X(NEED_MORE, 1, "input used up; call again with more bytes")                   \
    X(DONE, 2, "finished; nothing more will come")                                 \
    X(ERR_ARG, -1, "wrong use of this function")                                   \
    X(ERR_SPACE, -2, "a caller-supplied buffer or arena is full")                  \
    X(ERR_MEMORY, -3, "the caller's allocator had no memory")                      \
    X(ERR_RANGE, -4, "number does not fit or would lose digits")                   \
    X(ERR_TYPE, -5, "value has another JSON type")                                 \
    X(ERR_ABSENT, -6, "no such member")                                            \
    X(ERR_UTF8, -7, "text is not UTF-8")                                           \
    X(ERR_JSON, -8, "malformed JSON")                                              \
    X(ERR_DEPTH, -9, "JSON is nested deeper than OR_JSON_MAX_DEPTH")               \
    X(ERR_TOKENS, -10, "JSON has more values or members than allowed")             \
    X(ERR_DUPLICATE, -11, "a JSON member stands twice")                            \
    X(ERR_HTTP, -12, "malformed or ambiguous HTTP")                                \
    X(ERR_HEAD, -13, "HTTP head has too many bytes or fields")                     \
    X(ERR_CODING, -14, "transfer coding other than chunked")                       \
    X(ERR_CHUNK, -15, "malformed or oversized chunk framing")                      \
    X(ERR_BODY, -16, "HTTP body is larger than allowed")                           \
    X(ERR_URL, -17, "not an http or https URL")                                    \
    X(ERR_EVENT, -18, "server-sent event is larger than allowed")                  \
    X(ERR_TRUNCATED, -19, "input ended before it was complete")                    \
    X(ERR_CLOSED, -20, "the other side closed the connection")                     \
    X(ERR_IO, -21, "the transport failed")                                         \
    X(ERR_TIMEOUT, -22, "took too long")                                           \
    X(ERR_ANSWER, -23, "the answer is JSON but not a chat completion")             \
    X(ERR_BUDGET, -24, "the budget does not allow it")                             \
    X(ERR_MODEL, -25, "no such model in the catalogue")                            \
    X(ERR_ROUTE, -26, "no endpoint of the model is left")                          \
    X(ERR_REFUSED, -27, "the upstream answered with an error")                     \
    X(ERR_UNASKED, -28, "the answer is compressed or a stream, unasked")           \
    X(ERR_OPENING, -29, "too much came before the first content of the stream")    \
    X(ERR_CANCELLED, -30, "cancelled by the caller")                               \
    X(ERR_DIALECT, -31, "the provider's dialect has no words for it")

typedef enum or_err {
#define ORI_X(name, value, text) OR_##name = value,
    OR_ERRORS(ORI_X)
#undef ORI_X
} or_err;

/* The text of the table above. Never NULL; static. */
OR_API const char *or_err_text(or_err e);

/* Bytes that belong to somebody else: not NUL-terminated, borrowed unless said
   otherwise. A NULL ptr means "absent", which is not the same as empty. */
typedef struct or_str {
    const char *ptr;
    size_t      len;
} or_str;

/* An or_str of a string literal; OR_STR_INIT is for static tables. */
#ifdef __cplusplus
#define OR_STR(s) (or_str{(s), sizeof(s) - 1})
#else
#define OR_STR(s) ((or_str){(s), sizeof(s) - 1})
#endif
#define OR_STR_INIT(s) {(s), sizeof(s) - 1}

/* An or_str of ptr[0..len), and of a C string up to its NUL (NULL: absent). */
OR_API or_str or_str_of(const char *ptr, size_t len);
OR_API or_str or_str_z(const char *z);
OR_API bool   or_str_eq(or_str a, or_str b);

/* Equal but for the case of A-Z (RFC 9110 tokens, host names). */
OR_API bool or_str_eq_nocase(or_str a, or_str b);

/* Index of the first `needle` in s at or after `from`; s.len when there is none.
   An empty needle is found at `from`. */
OR_API size_t or_str_find(or_str s, or_str needle, size_t from);

/* s without leading and trailing spaces and tabs. */
OR_API or_str or_str_trim(or_str s);

/* Equal, in a time that depends on the lengths only: for keys and hashes. */
OR_API bool or_str_eq_secret(or_str a, or_str b);

/* Overwrite memory that held a secret, in a way the compiler keeps. */
OR_API void or_wipe(void *ptr, size_t len);

/* The caller's heap: both functions or neither. alloc returns memory aligned
   for any type, or NULL. free gets the size that was asked for. */
typedef struct or_allocator {
    void *(*alloc)(void *user, size_t size);
    void (*free)(void *user, void *ptr, size_t size);
    void *user;
} or_allocator;

/* Bump allocation over a caller's block. With an allocator it takes further
   blocks when the first is full; without one, full is NULL.

   Layout: [ used ...... | free ...... ] of the current block; blocks taken from
   the allocator are chained through their first bytes and freed by
   or_arena_free. Zero-initialised is a valid arena without memory. */
typedef struct or_arena {
    unsigned char      *base;      /* current block */
    size_t              size;      /* of the current block */
    size_t              used;      /* of the current block */
    size_t              total;     /* bytes handed out in all blocks since the last reset */
    size_t              peak;      /* largest `total` ever seen: size your block by it */
    const or_allocator *allocator; /* NULL: the first block is all there is */
    unsigned char      *first;     /* the caller's block, current again after a reset */
    size_t              first_size;
} or_arena;

OR_API void or_arena_init(or_arena *a, void *mem, size_t size);
OR_API void or_arena_init_growing(or_arena *a, void *mem, size_t size,
                                  const or_allocator *allocator);

/* size bytes, aligned for any scalar type; NULL when there is no room. A size of
   0 gives a valid pointer. */
OR_API void *or_arena_alloc(or_arena *a, size_t size);

/* Forget all allocations; blocks from the allocator are given back. */
OR_API void or_arena_reset(or_arena *a);

/* A byte buffer that is written at its end. Three kinds:
     fixed     over a caller's block: full is OR_ERR_SPACE
     growing   from an or_allocator, up to max bytes: above is OR_ERR_SPACE
     counting  keeps nothing but the length: to learn a Content-Length first
   The first failure sticks in err; later puts do nothing, so callers may write
   a whole message and look once. Fields are readable at any time. */
typedef struct or_buf {
    char               *ptr;
    size_t              len;
    size_t              cap;
    size_t              max;
    const or_allocator *allocator;
    or_err              err;
    bool                counting;
} or_buf;

OR_API void or_buf_init(or_buf *b, void *mem, size_t cap);
OR_API void or_buf_init_growing(or_buf *b, const or_allocator *allocator, size_t max);
OR_API void or_buf_init_counting(or_buf *b);

/* Append; return b->err. */
OR_API or_err or_buf_put(or_buf *b, const void *ptr, size_t len);
OR_API or_err or_buf_put_str(or_buf *b, or_str s);
OR_API or_err or_buf_put_z(or_buf *b, const char *z);
OR_API or_err or_buf_put_char(or_buf *b, char c);
OR_API or_err or_buf_put_u64(or_buf *b, uint64_t n);
OR_API or_err or_buf_put_i64(or_buf *b, int64_t n);

/* Room for n more bytes at ptr + len (then add to len yourself); return b->err.
   Not for counting buffers (OR_ERR_ARG). */
OR_API or_err or_buf_reserve(or_buf *b, size_t n);

/* Drop the first n bytes and move the rest to the front. */
OR_API void or_buf_take(or_buf *b, size_t n);

/* Everything in it. Valid until the next call that changes the buffer. */
OR_API or_str or_buf_str(const or_buf *b);

/* Empty it and forget its error; growing buffers keep their memory. */
OR_API void or_buf_clear(or_buf *b);

/* Give a growing buffer's memory back. Does nothing for other kinds. */
OR_API void or_buf_free(or_buf *b);

/* A transport that the caller opened. Results of recv and send:
     > 0   bytes moved, at most len
     0     not now: wait until it is readable or writable, then call again
     < 0   an or_err; end of stream is OR_ERR_CLOSED, never 0
   Neither is called with len 0. Neither blocks unless the caller wants to. */
typedef struct or_io {
    ptrdiff_t (*recv)(void *user, void *buf, size_t len);
    ptrdiff_t (*send)(void *user, const void *buf, size_t len);
    void *user;
} or_io;

/* A number that may be absent: for settings where zero means something. */
typedef struct or_opt {
    bool    set;
    int32_t value;
} or_opt;

/* Checked arithmetic: false when the result does not fit, *out untouched. */
OR_API bool or_add_u64(uint64_t a, uint64_t b, uint64_t *out);
OR_API bool or_mul_u64(uint64_t a, uint64_t b, uint64_t *out);
OR_API bool or_add_i64(int64_t a, int64_t b, int64_t *out);
OR_API bool or_mul_i64(int64_t a, int64_t b, int64_t *out);
OR_API bool or_add_size(size_t a, size_t b, size_t *out);
OR_API bool or_mul_size(size_t a, size_t b, size_t *out);

/* The sum, or the largest number where it does not fit. */
OR_API uint64_t or_sat_add_u64(uint64_t a, uint64_t b);

/* Milliseconds from a to b on a wrapping clock (49.7 days); negative when b is
   earlier. All times in this library are such uint32_t milliseconds. */
OR_API int32_t or_ms_diff(uint32_t a, uint32_t b);

/* Decimal digits only, no sign, no space, at least one. OR_ERR_ARG: not that;
   OR_ERR_RANGE: above UINT64_MAX. */
OR_API or_err or_u64_read(or_str s, uint64_t *out);

/* A decimal number as an exact integer of units of 10^-scale, scale 0 to 18:
   or_decimal_read("0.0000000375", 12, &n) gives n = 37500 (pico). Accepts the
   grammar of a JSON number, exponent included; no float is involved.
   OR_ERR_ARG    not a number in that grammar
   OR_ERR_RANGE  does not fit, or has a nonzero digit below 10^-scale
   Source: RFC 8259 section 6. */
OR_API or_err or_decimal_read(or_str s, unsigned scale, int64_t *out);

/* The same, rounded half up where digits are smaller than 10^-scale: for amounts that went
   through somebody's floating point, such as 0.0007100000000000001. */
OR_API or_err or_decimal_round(or_str s, unsigned scale, int64_t *out);

/* The reverse, shortest form: (37500, 12) writes "0.0000000375", (5, 0) "5". */
OR_API or_err or_decimal_put(or_buf *out, int64_t n, unsigned scale);

/* ============================================================== json ==
   Three ways to read, all validating in full (RFC 8259: separators, literals,
   numbers, escapes, UTF-8, one root, nothing after it):
     or_json_scan     pull events, one pass, no memory but the scan itself; skips
                      whole values at the speed of memory. For large bodies.
     or_json_members  the top-level members of an object in one pass; what
                      or_json_splice edits.
     or_json_parse    jsmn tokens with parent links in an arena; lookup by path.
                      For small documents and for answers.
   The text must stay where it is while results are used: they point into it. */

typedef enum or_json_type {
    OR_JSON_NONE = 0,
    OR_JSON_NULL,
    OR_JSON_FALSE,
    OR_JSON_TRUE,
    OR_JSON_NUMBER,
    OR_JSON_STRING,
    OR_JSON_ARRAY,
    OR_JSON_OBJECT,
    OR_JSON_END /* or_json_scan_next only: the end of the array or object at `depth` */
} or_json_type;

/* The English name with its article ("an object"), for messages. Never NULL. */
OR_API const char *or_json_type_text(or_json_type type);

/* One step of a scan. Strings are raw: without their quotes, escapes not undone. */
typedef struct or_json_item {
    or_json_type type;
    bool         escaped;     /* STRING: holds a backslash, so unescape before use */
    bool         key_escaped; /* the same for the key */
    uint16_t     depth;       /* 0 for the root, 1 for its members ... */
    or_str       key;         /* raw member name; ptr NULL in arrays and at the root */
    or_str       value;       /* raw value. ARRAY, OBJECT: the opening bracket only,
                                 the whole text after or_json_scan_skip. END: the
                                 closing bracket */
} or_json_item;

typedef struct or_json_scan {
    const char *start, *at, *end; /* the text; `at` is where reading stands or failed */
    or_err      err;
    uint8_t     state;
    uint16_t    depth;
    uint8_t     is_object[(OR_JSON_MAX_DEPTH + 7) / 8]; /* one bit per open container */
} or_json_scan;

OR_API void or_json_scan_init(or_json_scan *s, or_str text);

/* The next value or end of container, in document order.
   OR_OK             *item is filled; its pointers reach into the text
   OR_DONE           the root ended and only white space followed
   OR_ERR_JSON       malformed at s->at
   OR_ERR_UTF8       bytes that are not UTF-8 at s->at
   OR_ERR_DEPTH      too deep at s->at
   OR_ERR_TRUNCATED  the text ends inside the document
   After an error the same error is returned for ever. */
OR_API or_err or_json_scan_next(or_json_scan *s, or_json_item *item);

/* Call after or_json_scan_next gave an ARRAY or OBJECT: goes to its end, validating,
   and makes item->value the whole of it. Other types: does nothing. No END item
   follows. Errors as or_json_scan_next. */
OR_API or_err or_json_scan_skip(or_json_scan *s, or_json_item *item);

/* Is the whole text one JSON value? OR_OK, or the error of or_json_scan_next; *at, when not
   NULL, is where reading stopped. */
OR_API or_err or_json_check(or_str text, size_t *at);

/* Is this raw string (from between quotes) equal to `plain` once its escapes are
   undone? "mod\u0065l" is "model" to every server, so it must be to us. */
OR_API bool or_json_str_is(or_str raw, or_str plain);
OR_API bool or_json_str_is_z(or_str raw, const char *plain);

/* One member of the root object. */
typedef struct or_json_member {
    or_str       name;  /* raw, without quotes */
    or_str       value; /* raw JSON text, strings with their quotes */
    or_json_type type;
} or_json_member;

/* Validate `text`, whose root must be an object, and list its members in order.
   members   filled up to *num; may be NULL when max is 0
   OR_ERR_TYPE    the root is not an object
   OR_ERR_TOKENS  more than max members
   and the errors of or_json_scan_next. Where it failed: *at, an offset into the
   text (NULL when not wanted). */
OR_API or_err or_json_members(or_str text, or_json_member *members, uint32_t max,
                              uint32_t *num, size_t *at);

/* The member with that (unescaped) name; NULL when absent. OR_ERR_DUPLICATE in *e
   when it stands twice: readers disagree on which one counts, so none does.
   e may be NULL only where duplicates were excluded before. */
OR_API const or_json_member *or_json_member_find(const or_json_member *members, uint32_t num,
                                                 or_str name, or_err *e);

/* One change to the members of a document. value is raw JSON, written as it is
   (make it with or_json_writer); a NULL ptr removes the member. A name that
   exists is replaced in its place, else it is added at the end. */
typedef struct or_json_edit {
    or_str name; /* plain, without quotes and escapes */
    or_str value;
} or_json_edit;

/* Apply edits to the document that or_json_members listed, byte-exactly: what is
   not edited is not touched, no byte is copied. The result is a list of pieces
   that point into `text`, `edits` and static storage, for writev or or_buf_put_str.
   pieces   at least 3 * num_edits * 2 + 2 entries never run out
   Every occurrence of an edited name is replaced (first) or removed (rest).
   OR_ERR_SPACE  more than max pieces. OR_ERR_ARG  two edits of one name, or a
   name that needs escaping. */
OR_API or_err or_json_splice(or_str text, const or_json_member *members, uint32_t num,
                             const or_json_edit *edits, uint32_t num_edits, or_str *pieces,
                             uint32_t max, uint32_t *num_pieces);

/* A token as jsmn gives it, with finer types. Object members are two tokens: the
   name (a STRING whose size is 1) and, as its child, the value. Strings start and
   end inside their quotes. */
typedef struct or_json_tok {
    int type;   /* or_json_type */
    int start;  /* offset of the first byte */
    int end;    /* offset after the last byte */
    int size;   /* members of an object, elements of an array, 1 for a name */
    int parent; /* index of the containing token; -1 for the root */
} or_json_tok;

typedef struct or_json_doc {
    or_str             text;
    const or_json_tok *tok; /* tok[0] is the root; in the arena */
    int                num;
    size_t             at; /* offset of the failure after an error */
} or_json_doc;

/* Validate `text` and list its tokens in the arena.
   max_tokens  0: as many as the arena holds
   OR_ERR_TOKENS  more values than max_tokens. OR_ERR_SPACE  arena full.
   OR_ERR_RANGE   text longer than INT_MAX (jsmn counts in int).
   and the errors of or_json_scan_next. */
OR_API or_err or_json_parse(or_json_doc *doc, or_str text, uint32_t max_tokens, or_arena *arena);

/* The token that a JSON Pointer (RFC 6901, "" or "/choices/0/delta") names, seen
   from token `from`; -1 when there is none (also for from == -1, so calls chain).
   Of duplicate names the first counts. */
OR_API int or_json_find(const or_json_doc *doc, int from, const char *pointer);

/* First child of an array or object (for objects: the first name), next sibling;
   -1 at the end. The value of the member whose name is token t is t + 1. */
OR_API int or_json_first(const or_json_doc *doc, int tok);
OR_API int or_json_next(const or_json_doc *doc, int tok);

/* Type of token tok; OR_JSON_NONE for -1. */
OR_API or_json_type or_json_type_at(const or_json_doc *doc, int tok);

/* The bytes of a value, strings with their quotes. Absent for -1. */
OR_API or_str or_json_raw(const or_json_doc *doc, int tok);

/* The text of a STRING with escapes undone: points into the document when there
   are none, else into the arena. Lone surrogates become U+FFFD. tok -1 is
   OR_ERR_ABSENT, another type OR_ERR_TYPE, arena full OR_ERR_SPACE. */
OR_API or_err or_json_get_str(const or_json_doc *doc, int tok, or_arena *arena, or_str *out);

/* Whole numbers: 5, 5.0 and 5e0 are all five. OR_ERR_ABSENT, OR_ERR_TYPE,
   OR_ERR_RANGE (fraction, or does not fit). */
OR_API or_err or_json_get_i64(const or_json_doc *doc, int tok, int64_t *out);
OR_API or_err or_json_get_u64(const or_json_doc *doc, int tok, uint64_t *out);
OR_API or_err or_json_get_bool(const or_json_doc *doc, int tok, bool *out);

/* A NUMBER, or a STRING that holds one (prices), in units of 10^-scale. */
OR_API or_err or_json_get_decimal(const or_json_doc *doc, int tok, unsigned scale, int64_t *out);

/* Undo the escapes of a validated raw string into buf.
   OR_ERR_SPACE: needs more than cap bytes (raw.len always suffices). */
OR_API or_err or_json_unescape(or_str raw, char *buf, size_t cap, or_str *out);

/* Write JSON piece by piece into an or_buf. It cannot produce anything else: a call
   that does not fit the grammar (a value without a name inside an object, a second
   root, an end without a begin) is OR_ERR_ARG, text that is not UTF-8 OR_ERR_UTF8,
   and the first error sticks. Output is compact. */
typedef struct or_json_writer {
    or_buf  *out;
    or_err   err;
    uint16_t depth;
    uint8_t  state;
    uint8_t  is_object[(OR_JSON_MAX_DEPTH + 7) / 8];
} or_json_writer;

OR_API void   or_json_writer_init(or_json_writer *w, or_buf *out);
OR_API or_err or_json_begin_object(or_json_writer *w);
OR_API or_err or_json_end_object(or_json_writer *w);
OR_API or_err or_json_begin_array(or_json_writer *w);
OR_API or_err or_json_end_array(or_json_writer *w);
OR_API or_err or_json_put_key(or_json_writer *w, or_str name);
OR_API or_err or_json_put_str(or_json_writer *w, or_str value);
OR_API or_err or_json_put_i64(or_json_writer *w, int64_t value);
OR_API or_err or_json_put_u64(or_json_writer *w, uint64_t value);
OR_API or_err or_json_put_bool(or_json_writer *w, bool value);
OR_API or_err or_json_put_null(or_json_writer *w);

/* value units of 10^-scale as a JSON number. */
OR_API or_err or_json_put_decimal(or_json_writer *w, int64_t value, unsigned scale);

/* A value that is JSON already; checked (OR_ERR_JSON and its kin when it is not). */
OR_API or_err or_json_put_raw(or_json_writer *w, or_str json);

/* A string in pieces, for text that is not in one place: begin, any number of
   parts (a UTF-8 character may not be cut between two), end. */
OR_API or_err or_json_begin_str(or_json_writer *w);
OR_API or_err or_json_put_part(or_json_writer *w, or_str part);
OR_API or_err or_json_end_str(or_json_writer *w);

/* OR_OK when exactly one root value is complete, else the error that stuck or
   OR_ERR_ARG. */
OR_API or_err or_json_writer_end(const or_json_writer *w);

/* ============================================================== http ==
   HTTP/1.0 and 1.1 messages, both roles, incrementally. The reader is strict where
   two readers could disagree about where a message ends, because that is how
   requests are smuggled (RFC 9112 sections 6.3, 11): bare CR or LF as a line end,
   obs-fold, space before a colon, Content-Length twice or beside Transfer-Encoding,
   anything but a single "chunked", control bytes in values are all refused. */

typedef enum or_http_role {
    OR_HTTP_SERVER, /* reads requests */
    OR_HTTP_CLIENT  /* reads responses */
} or_http_role;

typedef enum or_http_kind {
    OR_HTTP_HEAD, /* h->head is filled */
    OR_HTTP_BODY, /* data: the next bytes of the body, framing removed */
    OR_HTTP_END   /* the message is complete; the next call reads the next one */
} or_http_kind;

#define OR_HTTP_NO_LENGTH UINT64_MAX

/* A head. Its or_strs point into the bytes given to or_http_next and are valid
   until the caller moves or overwrites them; the rest is valid until the first
   byte of the next head is read. */
typedef struct or_http_head {
    or_str   method;          /* request: case-sensitive token */
    or_str   target;          /* request: as sent */
    or_str   path;            /* request: target without scheme, authority and query, never
                                 empty; "*" for OPTIONS of the whole server. Not decoded */
    or_str   query;           /* request: after '?'; absent when there is none */
    or_str   host;            /* request: host[:port] of an absolute target, else of the Host
                                 field, which may be empty; absent only in HTTP/1.0 */
    or_str   reason;          /* response: may be empty */
    or_str   fields;          /* the raw field lines, for or_http_field_next */
    uint64_t content_length;  /* OR_HTTP_NO_LENGTH when there is none */
    uint16_t status;          /* response: 100 to 999 */
    uint16_t num_fields;
    uint8_t  minor;           /* HTTP/1.minor: 0 or 1 */
    bool     chunked;         /* the body comes in chunks */
    bool     has_body;        /* BODY events may follow (a Content-Length of 0 is none) */
    bool     keep_alive;      /* the connection may serve another message after END */
    bool     expect_continue; /* request: the client waits for "100 Continue" with its body */
    bool     expect_other;    /* request: it expects something else (answer 417) */
    uint32_t names;           /* private: which fields there may be; 0 is not known */
} or_http_head;

/* Limits of a reader; 0 takes the default. */
typedef struct or_http_limits {
    uint32_t max_head;   /* bytes, blank line included (default: OR_HTTP_MAX_HEAD) */
    uint16_t max_fields; /* lines (default: OR_HTTP_MAX_FIELDS) */
    uint64_t max_body;   /* bytes after framing is removed (default: no limit) */
} or_http_limits;

typedef struct or_http {
    or_http_head   head;
    or_http_limits limits;    /* with the defaults filled in */
    or_err         err;
    uint16_t       answer;    /* server role, after an error of or_http_next: the status
                                 to answer with: 400, 413, 414, 431, 500, 501 or 505 */
    uint8_t        role;
    uint8_t        state;
    uint8_t        seen;      /* fields met in this head that decide how it is read */
    bool           no_body;   /* the answer to come belongs to a HEAD request */
    uint8_t        interim;   /* 1xx heads before it so far */
    uint32_t       scanned;   /* bytes of the head already read: no byte is read twice
                                 however small the pieces are */
    uint32_t       line;      /* where the head's line that is being read starts */
    uint32_t       fields_at; /* where its fields start: the length of its first line */
    uint32_t       line_size; /* chunk size digits, extension or trailer bytes so far */
    uint64_t       left;      /* of the chunk or the body */
    uint64_t       body_size; /* of this message so far */
} or_http;

typedef struct or_http_event {
    or_http_kind kind;
    or_str       data; /* BODY only, never empty; points into the input */
} or_http_event;

/* limits may be NULL. */
OR_API void or_http_init(or_http *h, or_http_role role, const or_http_limits *limits);

/* The response to come answers a HEAD request: it has no body whatever its head
   says. Holds for one (final) response. */
OR_API void or_http_expect_no_body(or_http *h);

/* The next event from the bytes in *in.

   in   all bytes received and not yet consumed; moved past what was used. A head is
        consumed only when it is complete, so while NEED_MORE is returned before a
        HEAD, keep the bytes and append to them (their address may change); bodies are
        consumed as they come
   ev   filled on OR_OK

   OR_NEED_MORE   everything usable was used
   OR_DONE        the last message said that the connection ends with it; what
                  follows it in *in is not HTTP and is left there
   OR_ERR_HEAD    longer than max_head, or more than max_fields (answer 431); more than
                  OR_HTTP_MAX_INTERIM heads with 1xx
   OR_ERR_CODING  Transfer-Encoding that is not exactly "chunked" (answer 501)
   OR_ERR_BODY    larger than max_body (answer 413); from Content-Length at once,
                  with the head filled in, else when a chunk or a byte passes it
   OR_ERR_CHUNK   malformed chunk framing, too long extensions or trailers
   OR_ERR_ARG     bytes of an incomplete head were dropped
   OR_ERR_HTTP    malformed or ambiguous in any other way (answer 400; 505 when all that
                  is wrong is a version other than HTTP/1.0 and 1.1)
   After an error close the connection; the same error is returned for ever. The
   status to answer with stands in h->answer; but for OR_ERR_BODY the or_strs of h->head
   are not to be used then.

   Call until the result is not OR_OK, also when *in is empty: END needs no byte.

   Client role: a 1xx head is reported like any other, is followed by no BODY and no
   END, and the next HEAD is the real one; 101 is OR_ERR_HTTP, since nothing here
   asks for an upgrade. A 204 that announces a body is the last on its connection.
   Server role: one empty line before a request is skipped; CONNECT is OR_ERR_HTTP.
   Trailer fields are checked and dropped: merging them into a head lets a sender
   set framing fields late.
   Source: RFC 9112 sections 2 to 7 and 9.3, RFC 9110 sections 5, 8.6, 10.1.1, 15. */
OR_API or_err or_http_next(or_http *h, or_str *in, or_http_event *ev);

/* The transport ended after everything in hand went through or_http_next.
   OR_OK             *ev is the END of a body that was delimited by the close
   OR_ERR_CLOSED     between two messages: a clean end
   OR_ERR_TRUNCATED  inside a head or body, or before the head that has to follow a
                     1xx: what came is not the whole message
   After an error that error. */
OR_API or_err or_http_eof(or_http *h, or_http_event *ev);

/* Walk the field lines of a head: *pos starts at 0; false after the last. value has
   no white space at its ends. */
OR_API bool or_http_field_next(const or_http_head *head, size_t *pos, or_str *name,
                               or_str *value);

/* Value of the first field with that name (any case); absent when there is none.
   *count, when not NULL, gets how many there are. */
OR_API or_str or_http_field(const or_http_head *head, or_str name, uint32_t *count);

/* Is `token` (any case) in this comma-separated list? */
OR_API bool or_http_has_token(or_str list, or_str token);

/* Write a head: one request or status line, any number of fields, the end. What the
   reader above would refuse is OR_ERR_ARG in out->err, and nothing of that line is
   written: CR, LF, NUL and other control bytes, a space in a target, a name that is
   no token, an empty host. That stops header injection. White space at the ends of a
   value is not written. Status lines get the standard reason phrase. */
OR_API or_err or_http_put_request(or_buf *out, or_str method, or_str target, or_str host);
OR_API or_err or_http_put_status(or_buf *out, uint16_t status);
OR_API or_err or_http_put_field(or_buf *out, or_str name, or_str value);
OR_API or_err or_http_put_length(or_buf *out, uint64_t content_length);
OR_API or_err or_http_put_head_end(or_buf *out);

/* Chunked framing around bytes that are sent from where they are: the line before
   them (returns its length, at most 18), then the bytes, then OR_HTTP_CHUNK_END;
   after the last chunk OR_HTTP_LAST_CHUNK. n is at least 1: a chunk of 0 would end
   the body, so for 0 nothing is written and 0 returned. */
OR_API size_t or_http_chunk_head(char line[18], size_t n);
#define OR_HTTP_CHUNK_END  "\r\n"
#define OR_HTTP_LAST_CHUNK "0\r\n\r\n"

/* The standard reason phrase; "Unknown" for codes without one. */
OR_API const char *or_http_reason(uint16_t status);

/* An http or https URL in parts that point into it. */
typedef struct or_url {
    bool     tls;
    or_str   host;      /* without the brackets of an IPv6 literal */
    or_str   authority; /* host[:port] as written, for the Host field */
    uint16_t port;      /* 80 or 443 when not given */
    or_str   path;      /* from the first '/', without trailing slashes; may be empty */
    or_str   query;     /* after '?'; absent when there is none */
} or_url;

/* OR_ERR_URL: another scheme, user information, an empty or malformed host or port,
   a fragment, or bytes that have no place in a URL. Source: RFC 3986. */
OR_API or_err or_url_read(or_str text, or_url *url);

/* Split host[:port], the form of a Host field. The host is an IPv6 literal (given
   without its brackets) or letters, digits, '-', '.' and '_': less than RFC 3986
   allows, but all that names a host. *port is 0 when not given. OR_ERR_URL: empty or
   malformed host or port. */
OR_API or_err or_host_read(or_str text, or_str *host, uint16_t *port);

/* =============================================================== sse ==
   Server-sent events to the WHATWG rules: a BOM, CR, LF and CRLF also across reads,
   comments, data in several lines, event, id, retry, no space after the colon. One
   deviation: a line "error: ..." counts as data of an event of type "error", since
   llama.cpp sent errors so until September 2025.
   Source: HTML Living Standard, section 9.2.6. */

typedef struct or_sse_event {
    or_str   data;     /* data lines joined by LF; may be empty, never absent */
    or_str   type;     /* of `event:`; empty means "message" */
    or_str   id;       /* last seen `id:`, also of earlier events; empty at first */
    uint32_t retry_ms; /* of the last `retry:` since the event before; 0 when there was
                          none, UINT32_MAX for all that is larger */
    or_str   raw;      /* the event as received, with its comments and blank line, when it
                          lies whole in the input of this call; else absent */
} or_sse_event;

/* Reader. Data that is one line, whole in one input, is not copied; what straddles two
   inputs, or has several lines, is gathered in `carry`. However it is cut, the data of
   one event may have at most carry->max bytes: give it a fixed or a growing or_buf,
   and leave that alone. Only while an event is in hand (after OR_OK, before the next
   call) may it be freed with or_buf_free, as after one that was unusually large. */
typedef struct or_sse {
    or_buf  *carry;
    or_err   err;
    uint64_t comments; /* comment lines seen so far: keep-alives */
    /* private */
    uint32_t retry_ms;
    uint8_t  state;
    uint8_t  field;     /* whose value is being read */
    uint8_t  type_len, id_len;
    uint8_t  name_len;
    uint8_t  value_len;
    uint8_t  bom;       /* bytes of the mark seen */
    bool     after_cr;  /* the last input ended in CR: an LF belongs to it */
    bool     has_data;  /* a data field was seen since the last blank line */
    bool     given;     /* that event was returned: forget it in the next call */
    bool     cut;       /* the event began in an earlier input */
    char     name[5];   /* no field that matters has a longer name */
    char     value[65]; /* of event, id or retry; when full it was longer than counts */
    char     type[32];  /* longer event types are cut: none in use is longer */
    char     id[64];    /* a longer id is ignored, like one with a NUL */
} or_sse;

/* Empties carry. */
OR_API void or_sse_init(or_sse *p, or_buf *carry);

/* The next event from *in, which is moved past what was used.
   OR_OK          *ev is filled; its pointers are valid until the next call, or until
                  the input is moved
   OR_NEED_MORE   no complete event; all of *in was used
   OR_ERR_EVENT   the data of an event is larger than carry may become. Sticks.
   OR_ERR_MEMORY  the allocator of carry failed. Sticks.
   OR_ERR_ARG     carry only counts
   OR_DONE        or_sse_end was called */
OR_API or_err or_sse_next(or_sse *p, or_str *in, or_sse_event *ev);

/* The stream ended, after everything in hand went through or_sse_next. The rules drop
   an event without its blank line; but the last event of a sloppy server is worth
   keeping, so it is returned once when it has data: OR_OK. OR_DONE when nothing was
   pending, and always after that; errors as or_sse_next. The caller decides whether
   the event is whole (it is when it parses as JSON or is "[DONE]"). */
OR_API or_err or_sse_end(or_sse *p, or_sse_event *ev);

/* Write one event; data is split at its line ends (CR, LF, CRLF) into several data
   lines. type may be absent; OR_ERR_ARG in out->err when it holds a line end. */
OR_API or_err or_sse_put(or_buf *out, or_str type, or_str data);

/* Write a comment, the keep-alive of SSE; text is split like data. */
OR_API or_err or_sse_put_comment(or_buf *out, or_str text);

/* ============================================================= money ==
   Prices, usage, cost, budgets: integers of pico-USD (1e-12 USD), exact. A price is known,
   free (known to be 0) or unknown, and unknown never counts as 0. */

/* What can have a price, by the names of OpenRouter's `pricing` object. */
#define OR_PRICE_KEYS(X)                                                             \
    X(PROMPT, "prompt")                             /* token in */                   \
    X(COMPLETION, "completion")                     /* token out */                  \
    X(REQUEST, "request")                           /* request */                    \
    X(IMAGE, "image")                               /* image in */                   \
    X(IMAGE_TOKEN, "image_token")                   /* image token in */             \
    X(IMAGE_OUTPUT, "image_output")                 /* image token out */            \
    X(AUDIO, "audio")                               /* audio token in */             \
    X(AUDIO_OUTPUT, "audio_output")                 /* audio token out */            \
    X(INPUT_AUDIO_CACHE, "input_audio_cache")       /* cached audio token in */      \
    X(INPUT_CACHE_READ, "input_cache_read")         /* token read from a cache */    \
    X(INPUT_CACHE_WRITE, "input_cache_write")       /* token kept for 5 minutes */   \
    X(INPUT_CACHE_WRITE_1H, "input_cache_write_1h") /* token kept for an hour */     \
    X(INTERNAL_REASONING, "internal_reasoning")     /* reasoning token out */        \
    X(WEB_SEARCH, "web_search")                     /* search */

typedef enum or_price_key {
#define ORI_X(name, json) OR_PRICE_##name,
    OR_PRICE_KEYS(ORI_X)
#undef ORI_X
    OR_PRICE_NUM
} or_price_key;

/* The name of a key in JSON; static. */
OR_API const char *or_price_name(or_price_key key);

/* Prices by key. Zeroed: all unknown. A key that is not `known` may still be `named`: an
   override that makes a price unknown. */
typedef struct or_price_list {
    uint32_t known;                  /* 1u << key: pico[key] counts */
    uint32_t named;                  /* 1u << key: it was mentioned at all */
    uint64_t pico[OR_PRICE_NUM];     /* pico-USD for one unit; 0 is free */
} or_price_list;

/* Make one price known. */
OR_API void or_price_set(or_price_list *list, or_price_key key, uint64_t pico_usd);

/* Wall clock time, where there is one. Zeroed: not known. */
typedef struct or_wall {
    bool    known;
    int64_t unix_s; /* seconds since 1970-01-01 00:00 UTC */
} or_wall;

/* Prices that hold under conditions; all given ones must be true. */
typedef struct or_price_rule {
    uint64_t      min_prompt_tokens; /* holds for more than so many; 0: no condition */
    uint16_t      utc_start;         /* HHMM, 0 to 2359; start == end: no condition */
    uint16_t      utc_end;           /* HHMM, not included; before start: over midnight */
    uint8_t       utc_days;          /* 1 << day, Monday is 0, 7 never comes; 0: no condition */
    or_price_list prices;            /* those named replace the earlier ones */
} or_price_rule;

/* All prices of an endpoint. rules are borrowed; later ones that hold win, key by key. */
typedef struct or_prices {
    or_price_list        base;
    uint32_t             discount_ppb; /* parts per billion off the total, 0 to 1e9 */
    uint32_t             num_rules;
    const or_price_rule *rules;
} or_prices;

/* Read a price such as "0.0000000375", as a string or a number: exactly, in pico-USD. Digits
   below a pico-USD are rounded half up, but a price above 0 never becomes 0.
   OR_ERR_RANGE: negative ("-1" says unknown) or too large. OR_ERR_ARG: not a number. */
OR_API or_err or_price_read(or_str text, uint64_t *pico_usd);

/* Read a `pricing` object: token tok of doc. A price that is null, negative or not a number is
   unknown. Rules go into the arena. OR_ERR_TYPE: not an object. OR_ERR_SPACE, OR_ERR_MEMORY.
   Source: OpenRouter's models API, read 2026-11. */
OR_API or_err or_prices_read(const or_json_doc *doc, int tok, or_arena *arena, or_prices *out);

/* The prices that hold for a prompt of so many tokens at that time. Without a known time,
   rules with a time do not hold. */
OR_API void or_prices_at(const or_prices *p, uint64_t prompt_tokens, or_wall now,
                         or_price_list *out);

/* Token counts as the upstream gave them; costs in pico-USD. */
typedef struct or_usage {
    bool     set;                /* false: the upstream said nothing; unknown, not 0 */
    bool     cost_set;           /* cost_pico_usd was given; otherwise unknown, not 0 */
    bool     upstream_cost_set;  /* upstream_cost_pico_usd was given */
    bool     is_byok;            /* the provider sends its own bill for upstream_cost */
    uint64_t prompt_tokens;      /* cached, written and audio ones included */
    uint64_t completion_tokens;  /* reasoning included */
    uint64_t total_tokens;
    uint64_t cached_tokens;      /* read from a cache */
    uint64_t cache_write_tokens; /* written to one, both lifetimes */
    uint64_t cache_write_1h_tokens; /* of these, those kept for an hour */
    uint64_t audio_tokens;       /* of the prompt */
    uint64_t cached_audio_tokens;
    uint64_t video_tokens;
    uint64_t reasoning_tokens;   /* of the completion */
    uint64_t image_output_tokens;
    uint64_t audio_output_tokens;
    uint64_t accepted_prediction_tokens, rejected_prediction_tokens;
    uint64_t web_searches;       /* server_tool_use_details.web_search_requests */
    int64_t  cost_pico_usd;
    int64_t  upstream_cost_pico_usd; /* cost_details.upstream_inference_cost */
} or_usage;

/* What a cost rests on besides usage. Zeroed is a plain request at an unknown time. */
typedef struct or_cost_facts {
    uint32_t images;       /* in the prompt, for a price per image */
    or_wall  now;          /* for rules with times */
    bool     estimated;    /* usage is a guess: so is the cost */
    bool     insured;      /* this upstream charges nothing but searches for an answer without a
                              completion token and without a finish reason, or that ended in an
                              error */
    bool     unfinished;   /* there was no finish reason */
    bool     failed;       /* the finish reason was "error" */
} or_cost_facts;

typedef enum or_cost_source {
    OR_COST_UNKNOWN = 0, /* no usage, or a price that is needed is unknown */
    OR_COST_UPSTREAM,    /* the upstream said so */
    OR_COST_COMPUTED,    /* usage times prices */
    OR_COST_ESTIMATED    /* guessed usage times prices, or an upper bound */
} or_cost_source;

/* What one request costs its owner, whoever sends the bill. */
typedef struct or_cost {
    or_cost_source source;
    int64_t        pico_usd;      /* the cost; 0 when unknown */
    bool           upstream_set;  /* what the upstream reported, kept beside ... */
    bool           computed_set;  /* ... what the prices give */
    bool           saturated;     /* larger than 9.2 million USD: the true cost is higher */
    int64_t        upstream_pico_usd;
    int64_t        computed_pico_usd;
    uint32_t       missing;       /* 1u << key: needed, but unknown */
} or_cost;

/* The cost of usage u at prices p (NULL: all unknown). The upstream's report wins where there
   is one; with is_byok it is the fee plus what the provider bills.
   Formula: cached tokens without a price of their own cost as prompt, written and audio ones
   too, reasoning as completion, also where internal_reasoning is 0: catalogues say that of
   models that bill it. Rules count prompt tokens. Parts are cut to the whole that they are of.
   Source: OpenRouter's usage accounting and prompt caching pages, read 2026-11. */
OR_API void or_cost_of(const or_prices *p, const or_usage *u, const or_cost_facts *facts,
                       or_cost *out);

/* The most that a request can cost at prices p, before it is made: under any rule, at any time,
   with every token of the dearest kind. A token is at least one byte, so no prompt has more
   tokens than bytes.
   prompt_bytes   of the messages, tools and the like, without images and files
   image_tokens   an upper bound for all that is not text
   max_tokens     asked for (0: not said)
   output_limit   of the endpoint (0: unknown); context_length likewise
   Without max_tokens the endpoint's limit counts, at most OR_COST_DEFAULT_OUTPUT: that is a
   guess, so send max_tokens where the bound has to hold. Source is ESTIMATED, or UNKNOWN when
   the price of prompt or completion is, or may become, unknown. What an upstream adds of its
   own, such as a fee for using your key there, is not in it. */
typedef struct or_bound_facts {
    uint64_t prompt_bytes;
    uint64_t image_tokens;
    uint64_t max_tokens;
    uint64_t output_limit;
    uint64_t context_length;
    uint32_t images;
    uint32_t web_searches;
} or_bound_facts;

#ifndef OR_COST_DEFAULT_OUTPUT
#define OR_COST_DEFAULT_OUTPUT 8192 /* tokens of an answer whose length nobody limited */
#endif

OR_API void or_cost_bound(const or_prices *p, const or_bound_facts *facts, or_cost *out);

/* a + b, at most INT64_MAX: for totals. Both at least 0. */
OR_API int64_t or_money_add(int64_t a, int64_t b);

/* When a limit starts anew, in UTC. */
typedef enum or_window {
    OR_WINDOW_NONE = 0, /* never */
    OR_WINDOW_DAILY,    /* at midnight */
    OR_WINDOW_WEEKLY,   /* Monday at midnight */
    OR_WINDOW_MONTHLY   /* the first at midnight */
} or_window;

/* The start of the window that unix_s is in; 0 for OR_WINDOW_NONE. */
OR_API int64_t or_window_start(or_window w, int64_t unix_s);

/* A reservation: money set aside for a request in work. Lives with the request, must not be
   moved while open. Zeroed is closed. */
typedef struct or_reservation {
    struct or_reservation *next, *prev;
    int64_t                pico_usd;
    uint32_t               owner; /* the connection or task that it ends with */
    bool                   open;
} or_reservation;

/* A limit on spending. spent + reserved never goes over the limit by reserving, so it is
   never overspent as long as no request costs more than its reservation.

   Money counts when it is settled, in the window that or_budget_clock told last; what is open
   when a window begins stays reserved in the new one.

   A window begins when the wall clock names a later one than ever before. While there is no
   wall clock, or it is behind that, a window begins only after a full length (1, 7 or 31 days)
   of monotonic time since the last beginning. From one beginning to the next no more than the
   limit is settled, whatever the clocks do: so setting a clock back or to and fro gains
   nothing. In terms of the calendar: while the wall clock is right, no window gets more than
   its limit. Where the clock was missing for a time and otherwise right, what was settled
   meanwhile also counts in the window that the clock names when it comes back, and no window
   gets more than twice its limit (a beginning without a clock may fall into its middle).

   To survive a restart keep limit, window, spent, start, elapsed_s and the open reservations
   (charge those to spent). */
typedef struct or_budget {
    bool            limited;  /* false: only counts */
    or_window       window;
    int64_t         limit_pico_usd;
    int64_t         spent_pico_usd;    /* settled in this window */
    int64_t         reserved_pico_usd; /* sum of the open reservations */
    int64_t         start;     /* latest window start seen, unix seconds; 0: none yet */
    int64_t         doubtful_pico_usd; /* settled while the time was in doubt */
    uint32_t        elapsed_s; /* monotonic time in this window */
    uint32_t        last_ms;
    uint32_t        rest_ms;
    bool            ticking;   /* last_ms counts */
    bool            blind;     /* no wall clock, or it was set back */
    or_reservation *open;
} or_budget;

/* limit_pico_usd < 0: no limit, only counting. */
OR_API void or_budget_init(or_budget *b, or_window window, int64_t limit_pico_usd);

/* Tell the time; call before reserving and before settling (once for all that happens in one
   turn), and at least once in 24 days. wall.known is for the caller to decide: a clock before
   the time of the build is not known. */
OR_API void or_budget_clock(or_budget *b, uint32_t now_ms, or_wall wall);

/* Set money aside.
   OR_ERR_BUDGET  spent, reserved and this are more than the limit
   OR_ERR_ARG     negative, or r is open already */
OR_API or_err or_budget_reserve(or_budget *b, or_reservation *r, uint32_t owner,
                                int64_t pico_usd);

/* The request ended and cost so much (in place of what was reserved), or nothing. Does
   nothing when r is not open, so every way out may call it. */
OR_API void or_budget_settle(or_budget *b, or_reservation *r, int64_t pico_usd);
OR_API void or_budget_release(or_budget *b, or_reservation *r);

/* The owner is gone: end all its reservations, charged in full (charge) or released. Returns
   how many. */
OR_API uint32_t or_budget_abandon(or_budget *b, uint32_t owner, bool charge);

/* What can still be reserved; INT64_MAX without a limit. */
OR_API int64_t or_budget_left(const or_budget *b);

/* ======================================================= preferences ==
   OpenRouter's `provider` object: which endpoints may serve, and which of them first. The
   request builder writes it, the routing reads it. */

typedef enum or_quantization {
    OR_QUANT_UNKNOWN = 0,
    OR_QUANT_INT4,
    OR_QUANT_INT8,
    OR_QUANT_FP4,
    OR_QUANT_MXFP4,
    OR_QUANT_NVFP4,
    OR_QUANT_FP6,
    OR_QUANT_FP8,
    OR_QUANT_MXFP8,
    OR_QUANT_FP16,
    OR_QUANT_BF16,
    OR_QUANT_FP32,
    OR_QUANT_NUM
} or_quantization;

/* "int4" ...; static. */
OR_API const char *or_quantization_name(or_quantization q);

typedef enum or_sort {
    OR_SORT_DEFAULT = 0, /* healthy ones first, the first of them drawn by 1/price^2 */
    OR_SORT_PRICE,
    OR_SORT_THROUGHPUT,
    OR_SORT_LATENCY,
    OR_SORT_EXACTO,      /* quality of tool calls */
    OR_SORT_WEIGHT,      /* ours: the first drawn by or_endpoint.weight */
    OR_SORT_ROUND_ROBIN, /* ours: each in turn */
    OR_SORT_NUM
} or_sort;

/* "price" ...; NULL for OR_SORT_DEFAULT. */
OR_API const char *or_sort_name(or_sort s);

/* Percentiles; 0 is "not given". */
typedef struct or_percentiles {
    uint32_t p50, p75, p90, p99;
} or_percentiles;

/* Zeroed: no preference. Lists are borrowed. */
typedef struct or_prefs {
    const or_str  *order; /* try these first, in this order */
    uint32_t       num_order;
    const or_str  *only;
    uint32_t       num_only;
    const or_str  *ignore;
    uint32_t       num_ignore;
    bool           no_fallbacks;         /* allow_fallbacks: false */
    bool           require_parameters;
    bool           deny_data_collection; /* data_collection: "deny" */
    bool           zdr;
    bool           distillable_text;     /* enforce_distillable_text */
    uint32_t       quantizations;        /* 1u << or_quantization; 0: any */
    or_sort        sort;
    bool           across_models;        /* sort.partition "none" */
    or_percentiles min_throughput_milli; /* preferred_min_throughput, thousandths of tokens/s */
    or_percentiles max_latency_ms;       /* preferred_max_latency */
    or_price_list  max_price;            /* PROMPT, COMPLETION for a token; REQUEST, IMAGE, AUDIO */
} or_prefs;

/* Read a `provider` object: token tok of doc, -1 or null for none. Members that are null or not
   known are passed over, and so is a `sort` nobody knows; an unknown quantization admits
   nothing, and data_collection is "deny" unless it is "allow". Lists and texts go into the
   arena.
   OR_ERR_TYPE    it, or the member named in *bad (static; may be NULL), has a wrong type
   OR_ERR_RANGE   *bad is negative or too large
   OR_ERR_SPACE, OR_ERR_MEMORY
   Source: OpenRouter's provider routing page and SDK 1.3, read 2026-11. */
OR_API or_err or_prefs_read(const or_json_doc *doc, int tok, or_arena *arena, or_prefs *out,
                            const char **bad);

/* Write it as one value, without what is not set. */
OR_API or_err or_prefs_write(or_json_writer *w, const or_prefs *p);

/* ============================================================== chat ==
   Build a chat completion request; read a whole answer; read a stream of chunks; keep a
   conversation within a budget. Shapes: OpenAI's chat completions as OpenRouter extends them.

   "raw" means JSON text that is written as it is, after a check. Raw objects and arrays have
   to be that. Where nothing else is said, a field that is zeroed is not sent. */

typedef enum or_role {
    OR_ROLE_USER = 0,
    OR_ROLE_SYSTEM,
    OR_ROLE_DEVELOPER,
    OR_ROLE_ASSISTANT,
    OR_ROLE_TOOL
} or_role;

/* A call of a function by the model, whole or (in a delta) a fragment. */
typedef struct or_tool_call {
    uint32_t index;         /* which call of this answer a fragment belongs to */
    or_str   id;            /* delta: absent but in the first fragment */
    or_str   name;          /* delta: absent but in the first fragment */
    or_str   arguments;     /* JSON text; delta: the next piece of it, never JSON by itself */
    or_str   extra_content; /* raw object that Gemini wants back; absent when not sent */
} or_tool_call;

/* What a part of a message is. */
typedef enum or_part_kind {
    OR_PART_TEXT = 0,
    OR_PART_IMAGE,
    OR_PART_FILE, /* PDF and the like */
    OR_PART_AUDIO,
    OR_PART_VIDEO,
    OR_PART_RAW
} or_part_kind;

/* One part of a message that is more than text. All kinds but TEXT and RAW need one of url,
   bytes, base64 (and FILE also takes file_id); AUDIO takes no url. */
typedef struct or_part {
    or_part_kind kind;
    or_str       text;          /* TEXT: required */
    or_str       url;           /* https: or data: */
    or_str       bytes;         /* the content itself; written as base64, without a buffer */
    or_str       base64;        /* the content, encoded already */
    or_str       mime;          /* "image/png"; required with bytes or base64, not for AUDIO */
    or_str       format;        /* AUDIO: required, "wav", "mp3" ... */
    or_str       filename;      /* FILE */
    or_str       file_id;       /* FILE */
    or_str       detail;        /* IMAGE: "low", "high" ... */
    or_str       processing;    /* VIDEO: "agentic" or "static" */
    or_str       cache_control; /* raw object, OR_CACHE_5M or such; not for RAW */
    or_str       raw;           /* RAW: the whole part, a raw object */
} or_part;

/* For cache_control, as OR_STR(OR_CACHE_5M): keep the prompt up to here for so long. */
#define OR_CACHE_5M "{\"type\":\"ephemeral\"}"
#define OR_CACHE_1H "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"

typedef struct or_msg {
    or_role             role;           /* (default: user) */
    or_str              content;        /* text; required, but of the assistant (sent as null) */
    or_str              content_parts;  /* instead of content: a raw array of parts */
    or_str              name;
    or_str              tool_call_id;   /* role tool only, required there */
    const or_tool_call *tool_calls;     /* role assistant: calls made in that turn */
    uint32_t            num_tool_calls;
    const or_part      *parts;          /* instead of content */
    uint32_t            num_parts;
    /* role assistant: what the answer had, to be given back unmodified */
    or_str              refusal;
    or_str              reasoning;
    or_str              reasoning_content; /* the same for servers that want this name */
    or_str              reasoning_details; /* raw array */
    or_str              annotations;       /* raw array */
    or_str              images;            /* raw array */
    or_str              audio;             /* raw object */
    or_str              extra;             /* raw object: see or_chat_desc */
} or_msg;

typedef struct or_tool {
    or_str name;        /* required; letters, digits, _ and -, at most 64 */
    or_str description;
    or_str parameters;  /* raw JSON Schema object */
    or_opt strict;      /* 1: calls follow the schema exactly */
    or_str raw;         /* instead of all above: a raw object, such as a server tool */
} or_tool;

/* How to think. Of effort and max_tokens only one. */
typedef struct or_reasoning {
    or_str   effort;     /* "none", "minimal", "low", "medium", "high", "xhigh", "max" */
    uint32_t max_tokens; /* tokens */
    or_opt   enabled;    /* 1: with the default effort */
    bool     exclude;    /* think, but do not show it */
    or_str   summary;    /* "auto", "concise", "detailed" */
} or_reasoning;

typedef enum or_format_kind {
    OR_FORMAT_TEXT = 0,
    OR_FORMAT_JSON,  /* any JSON object */
    OR_FORMAT_SCHEMA /* JSON by the schema below */
} or_format_kind;

/* What the text of the answer has to be. */
typedef struct or_format {
    or_format_kind kind;
    or_str         name;        /* SCHEMA: required; letters, digits, _ and -, at most 64 */
    or_str         description; /* SCHEMA */
    or_str         schema;      /* SCHEMA: raw JSON Schema object */
    or_opt         strict;      /* SCHEMA; 1: exactly */
} or_format;

typedef struct or_pair {
    or_str name;  /* 1 to 64 characters, no [ or ] */
    or_str value; /* 1 to 512 characters */
} or_pair;

/* What to ask. Zero it, set what you need. Everything is borrowed during the call. Fields
   whose names end in _milli are thousandths: 700 is written as 0.7. */
typedef struct or_chat_desc {
    or_str         model;             /* e.g. OR_STR("vendor/model") */
    const or_str  *models;            /* fallback models in order */
    uint32_t       num_models;
    const or_msg  *msgs;              /* required */
    uint32_t       num_msgs;          /* at least 1 */
    const or_tool *tools;
    uint32_t       num_tools;
    or_str         tool_choice;       /* raw, e.g. OR_STR("\"auto\"") */
    or_str         response_format;   /* raw object */
    or_str         reasoning_effort;  /* the name of reasoning.effort at OpenAI and others */
    const or_str  *stop;              /* stop sequences */
    uint32_t       num_stop;          /* at most 4 */
    uint32_t       max_tokens;        /* tokens; the older name, which some servers need */
    or_opt         temperature_milli; /* 0 to 2000 */
    or_opt         top_p_milli;       /* 0 to 1000 */
    or_opt         seed;
    or_str         user;
    or_str         session_id;        /* at most 256 characters */
    bool           stream;            /* ask for server-sent events, with usage at the end */
    bool           no_stream_options; /* for servers that refuse stream_options */
    bool           logprobs;
    bool           include_usage;     /* usage.include: for servers that want to be asked */
    bool           echo_upstream_body; /* debug.echo_upstream_body; shows prompts */

    const or_prefs     *provider;        /* which endpoints may serve */
    const or_reasoning *reasoning;
    const or_format    *format;          /* instead of response_format */
    or_str         tool;                 /* instead of tool_choice: the tool that must be called */
    or_opt         parallel_tool_calls;  /* 0 or 1 */
    uint32_t       max_tool_calls;       /* steps of server tools, at most 30 */
    or_str         stop_server_tools_when; /* raw array */
    or_str         plugins;              /* raw array */
    or_str         preset;
    uint32_t       max_completion_tokens; /* tokens, reasoning included */
    or_opt         top_k;                /* at least 0 */
    or_opt         top_a_milli;          /* 0 to 1000 */
    or_opt         min_p_milli;          /* 0 to 1000 */
    or_opt         frequency_penalty_milli;  /* -2000 to 2000 */
    or_opt         presence_penalty_milli;   /* -2000 to 2000 */
    or_opt         repetition_penalty_milli; /* 0 to 2000 */
    or_opt         top_logprobs;         /* 0 to 20; needs logprobs */
    or_str         logit_bias;           /* raw object */
    const or_str  *modalities;           /* "text", "image", "audio" */
    uint32_t       num_modalities;
    or_str         image_config;         /* raw object */
    or_str         audio;                /* raw object */
    or_str         prediction;           /* raw object */
    or_str         service_tier;         /* "auto", "default", "flex", "priority" ... */
    or_str         verbosity;            /* "low", "medium", "high" ... */
    or_str         cache_control;        /* raw object, OR_CACHE_5M or such */
    or_str         prompt_cache_key;
    or_str         prompt_cache_options; /* raw object */
    or_str         web_search_options;   /* raw object */
    or_str         x_search_filter;      /* raw object */
    or_str         trace;                /* raw object */
    const or_pair *metadata;
    uint32_t       num_metadata;         /* at most 16 */
    or_str         extra; /* raw object: further members, for what has no field here. One that
                             a field has written too is OR_ERR_DUPLICATE: readers disagree on
                             which of two counts */
} or_chat_desc;

/* Where a description is wrong. */
typedef struct or_chat_fault {
    const char *field;  /* the member's name in JSON, e.g. "messages"; static; NULL: nowhere */
    const char *member; /* what is wrong in it, e.g. "tool_call_id"; static; NULL: itself */
    uint32_t    index;  /* of the message or tool it is in */
} or_chat_fault;

/* Can it be written? Costs as much as writing. fault may be NULL.
   OR_ERR_ABSENT     a required field is missing
   OR_ERR_RANGE      a number, a length or a count is out of range
   OR_ERR_DUPLICATE  two fields that say the same thing, or a member of extra that is one
   OR_ERR_ARG        a value that is not allowed there, or a field that does not go with the
                     role or the kind
   OR_ERR_TYPE       a raw field is not the object or array that it has to be
   OR_ERR_UTF8, OR_ERR_JSON ...  a text or raw field is not what it says */
OR_API or_err or_chat_check(const or_chat_desc *d, or_chat_fault *fault);

/* Write the request body. Errors as or_chat_check, and OR_ERR_SPACE, OR_ERR_MEMORY from out;
   then nothing was added to out. */
OR_API or_err or_chat_write(or_buf *out, const or_chat_desc *d);

/* Write bytes as base64 into a string that or_json_begin_str began. In several calls, all but
   the last need a length that is a multiple of 3. */
OR_API or_err or_chat_put_base64(or_json_writer *w, or_str bytes);

/* Which messages fit into max_bytes of JSON, brackets and commas included? Those before
   *first and from *end on; the oldest between them are to be dropped (none: *first == *end).
   System and developer messages at the start stay. What is dropped are whole turns, from a
   user's message (with the system's and developer's right before it) to the next one's; the
   last turn stays, and a call is never parted from its result.
   OR_ERR_SPACE   not even the start and the last turn fit
   Other errors: as or_chat_check, a message is wrong. */
OR_API or_err or_chat_fit(const or_msg *msgs, uint32_t num, size_t max_bytes, uint32_t *first,
                          uint32_t *end);

/* The same, done: *num messages become those that fit. An error changes nothing. */
OR_API or_err or_chat_trim(or_msg *msgs, uint32_t *num, size_t max_bytes);

typedef enum or_finish {
    OR_FINISH_NONE = 0, /* not finished */
    OR_FINISH_STOP,
    OR_FINISH_LENGTH,
    OR_FINISH_TOOL_CALLS,
    OR_FINISH_CONTENT_FILTER,
    OR_FINISH_ERROR
} or_finish;

/* An error object of the upstream, in any of the shapes that are in use. */
typedef struct or_chat_error {
    bool     set;
    int32_t  code;           /* numeric code, usually an HTTP status; 0 when there is none */
    or_str   message;        /* "" when there is none */
    or_str   type;           /* error_type, type or a textual code; absent when there is none */
    or_str   code_text;      /* a code in words or digits, "context_length_exceeded" */
    or_str   param;          /* the request's member that it is about */
    or_str   provider;       /* metadata.provider_name: who failed */
    or_str   raw;            /* metadata.raw: what they said, as text or JSON */
    or_opt   retryable;      /* availability.retryable: 0 or 1 where the upstream said so */
    uint32_t retry_after_ms; /* 0 when not said (look at the Retry-After field, too) */
} or_chat_error;

/* Where reasoning stood; whoever gives it back has to put it there again. */
typedef enum or_reasoning_place {
    OR_REASONING_PLAIN = 0, /* "reasoning" */
    OR_REASONING_CONTENT,   /* "reasoning_content" */
    OR_REASONING_PARTS      /* parts of the content, or reasoning_details only */
} or_reasoning_place;

/* An answer, or what one event of a stream adds to it: of one choice, the first that comes.
   Texts point into the body (or the event) and the arena. Absent when not sent. */
typedef struct or_chat_answer {
    or_str              id, model, provider, service_tier;
    uint64_t            created;      /* unix seconds; 0 when not sent */
    or_str              text;
    or_str              reasoning;
    or_reasoning_place  reasoning_place;
    or_str              refusal;
    or_str              reasoning_details; /* raw array */
    or_str              annotations;       /* raw array */
    or_str              audio;             /* raw object; delta: a fragment */
    or_str              logprobs;          /* raw object */
    const or_str       *images;            /* URLs, most often data: */
    uint32_t            num_images;
    const or_tool_call *tool_calls;
    uint32_t            num_tool_calls;
    or_finish           finish;
    or_str              native_finish; /* the provider's own word */
    or_usage            usage;
    or_chat_error       error; /* set: there is no answer, or it broke off */
    bool                done;  /* delta: "[DONE]" */
    bool                repeats; /* delta: its event is the one before, byte for byte, but for the
                                    characters of two strings: the one that `text` was read from,
                                    and OpenAI's padding (`obfuscation`). Told only where
                                    or_chat_stream has memory for that */
    or_str              raw, padding; /* repeats: the two as they stand in the event */
} or_chat_answer;

typedef or_chat_answer or_chat_delta;

/* Read the body of an answer or of an error response, any HTTP status.
   OR_OK          answer or error is filled (look at answer->error.set)
   OR_ERR_ANSWER  JSON, but neither a completion nor an error
   OR_ERR_SPACE   the arena is full
   and the errors of or_json_parse. */
OR_API or_err or_chat_read(or_str body, or_arena *arena, or_chat_answer *answer);

/* How a stream ended. */
typedef enum or_end {
    OR_END_OPEN = 0,  /* not yet */
    OR_END_COMPLETE,  /* a finish reason came, and [DONE] or a clean end after it */
    OR_END_ERROR,     /* the upstream sent an error */
    OR_END_TRUNCATED  /* it stopped without either: what came is not the whole answer */
} or_end;

/* A tool call of a stream: what its fragments are told apart by. Private. */
typedef struct or_chat_call {
    uint32_t index, id; /* as sent (UINT32_MAX: none); a hash of the id (0: none) */
} or_chat_call;

/* A part of an event that moves. Private. */
typedef struct or_span {
    int32_t  at;
    uint32_t len;
} or_span;

/* State across the events of one stream. Begin it with or_chat_stream_init. */
typedef struct or_chat_stream {
    or_usage     usage;   /* last seen */
    or_finish    finish;  /* last seen */
    bool         done;    /* [DONE] was seen */
    bool         error;   /* an error was seen */
    bool         content; /* text, reasoning (details, too), a refusal, an image, audio or a call
                             was seen */
    bool         chosen;  /* choice counts */
    uint64_t     choice;  /* the index of the choice that is read */
    /* Memory for the last event, to be set after or_chat_stream_init (default: none). Most events
       of a stream differ in their text only: where they fit in here, the others are compared and
       not read again, which is many times as fast. */
    char        *last;
    uint32_t     last_size;
    /* private: the event in `last` is head bytes, its text, tail bytes; head is 0 when there is
       none. The padding is left out behind the first `pad` bytes of the tail; 0: it has none.
       Where its strings are, from its start or, negative, from its end */
    uint32_t     head, tail, pad;
    or_span      names[4]; /* id, model, provider, service_tier */
    uint64_t     created;
    uint32_t     num_calls;
    or_chat_call calls[OR_CHAT_MAX_CALLS];
    uint8_t      told[(OR_CHAT_MAX_CALLS + 3) / 4]; /* of each: its id, its name */
} or_chat_stream;

OR_API void or_chat_stream_init(or_chat_stream *s);

/* Read the data of one server-sent event; what it adds is valid until the arena is reset or
   the event's bytes move. Empty data, and everything after [DONE], give an empty delta.
   Fragments of tool calls get dense indexes from 0, and id and name once, whatever the
   upstream repeats or leaves out; their arguments are to be appended.
   OR_ERR_ANSWER: JSON of another shape. OR_ERR_SPACE: arena full. OR_ERR_TOKENS: more than
   OR_CHAT_MAX_CALLS calls. Other errors: not JSON. A failure does not stick: the caller
   decides whether to go on.
   A surrogate pair that the upstream cut between two events is U+FFFD in both. */
OR_API or_err or_chat_stream_next(or_chat_stream *s, or_str data, or_arena *arena,
                                  or_chat_delta *delta);

/* The characters of `"obfuscation":"..."` in a part of an event, wherever that stands: OpenAI
   makes events of one size with it, and nobody reads it. Absent when there is none. */
OR_API or_str or_chat_padding(or_str json);

/* The verdict when the body is over. clean: its HTTP framing was complete. */
OR_API or_end or_chat_stream_end(const or_chat_stream *s, bool clean);

/* Puts the deltas of a stream together again, for the history and for calling tools. All text
   goes to the end of `out`, sorted: whatever comes is put behind its own kind, which moves
   what stands after it (most often nothing does). Leave out alone until or_chat_collect_end.

   out = [ earlier | reasoning | refusal | text | reasoning_details | call 0 | call 1 ... ] */
typedef struct or_chat_collect {
    or_buf       *out;
    size_t        start;     /* where this answer begins in out */
    or_str        sections[4];
    or_tool_call *calls;     /* the caller's; before the end only their lengths count */
    uint32_t      num_calls;
    uint32_t      max_calls;
    or_reasoning_place place;
    or_err        err;
    uint32_t      detail; /* what the last of the reasoning_details is told apart by */
    size_t        text_before; /* where its text goes on, in bytes before its end; 0: nowhere */
    size_t        sign_before, sign_len; /* where its signature belongs, and what is there now */
} or_chat_collect;

/* calls: room for as many calls as the answer may have. */
OR_API void or_chat_collect_init(or_chat_collect *c, or_buf *out, or_tool_call *calls,
                                 uint32_t max_calls);

/* Add a delta, or a whole answer. Pieces of reasoning_details that belong together become
   one. Errors stick:
   OR_ERR_SPACE, OR_ERR_MEMORY  from out
   OR_ERR_TOKENS                more than max_calls calls */
OR_API or_err or_chat_collect_add(or_chat_collect *c, const or_chat_delta *delta);

/* What was collected as the assistant's message, to be sent back as it is; its tool_calls are
   c->calls. A call that came without an id gets one. The message points into out, so it is
   valid as long as the bytes of out stay where they are: give a fixed or_buf when it has to
   outlive further use of out. */
OR_API or_err or_chat_collect_end(or_chat_collect *c, or_msg *msg);

#ifndef OR_NO_DIALECT
/* =========================================================== dialect ==
   Other wire formats than chat completions, with chat completions (a request) and
   or_chat_answer (what comes back) in the middle.

   To talk to a provider that speaks one:
       or_dialect_write        a chat request     -> its request: MESSAGES, GEMINI, CHAT
       or_dialect_put_path     where that is sent
       or_dialect_read         a whole answer     -> or_chat_answer
       or_dialect_stream_next  data of an event   -> or_chat_delta
   To be talked to by a client that speaks one:
       or_dialect_to_chat      its request        -> a chat request: MESSAGES, RESPONSES, TEXT
       or_reply_add, _end      answer or deltas   -> its answer, whole or as events
       or_reply_fail           an error           -> its error

   Strings, numbers, schemas and arguments are copied as they stand, never parsed and printed
   again. What a dialect has no words for is in an or_dialect_loss. Sources: the vendors' API
   references and SDKs, read 2026-11. */

typedef enum or_dialect {
    OR_DIALECT_CHAT = 0, /* OpenAI's chat completions, as OpenRouter extends them */
    OR_DIALECT_TEXT,     /* OpenAI's older completions: a prompt in, text out */
    OR_DIALECT_MESSAGES, /* Anthropic's Messages, version 2023-06-01 */
    OR_DIALECT_GEMINI,   /* Google's generateContent, v1beta */
    OR_DIALECT_RESPONSES /* OpenAI's Responses, without state on the server */
} or_dialect;

#define OR_ANTHROPIC_VERSION "2023-06-01" /* what MESSAGES is, for the field anthropic-version */

#ifndef OR_NO_ROUTE
/* The parameters that it has words for, as bits of or_param: what to filter endpoints by. */
OR_API uint32_t or_dialect_parameters(or_dialect d);
#endif

/* How servers that speak chat completions fall short of what a history may hold; bits. */
enum {
    OR_LACKS_DEVELOPER = 1 << 0,     /* role developer: becomes system */
    OR_LACKS_NAME = 1 << 1,          /* `name` of a message that is no tool's */
    OR_LACKS_STRICT = 1 << 2,        /* `strict` of a tool's function */
    OR_LACKS_CACHE_CONTROL = 1 << 3, /* cache_control of parts, messages and tools */
    OR_LACKS_REASONING = 1 << 4,     /* reasoning, reasoning_content, reasoning_details */
    OR_LACKS_DETAILS = 1 << 5,       /* reasoning_details, refusal, annotations, images */
    OR_WANTS_CONTENT = 1 << 6,       /* an assistant's content: null becomes "" */
    OR_WANTS_ARGUMENTS = 1 << 7,     /* arguments of calls: "" and no object become "{}" */
    OR_WANTS_TEXT = 1 << 8,          /* strings: parts that are all text are joined */
    OR_WANTS_SHORT_IDS = 1 << 9,     /* ids of calls: 9 letters or digits, made from the id */
    OR_WANTS_TURNS = 1 << 10,        /* an assistant's message between a tool's and a user's; and
                                        none that is empty */
    OR_WANTS_REASONING = 1 << 11     /* reasoning under the name reasoning_content, and " " where
                                        a message with calls has none */
};

/* What could not be said. Names are members of the chat request, static: "seed", "logit_bias",
   "messages.name"; "extra" for members that nobody knows. */
enum { OR_DIALECT_MAX_LOSSES = 16 };
typedef struct or_dialect_loss {
    const char *names[OR_DIALECT_MAX_LOSSES]; /* each once; more than fit are not listed */
    uint32_t    num;
    bool        reasoning; /* reasoning or a signature of another provider was left out */
    bool        foreign;   /* or_dialect_to_chat: the request holds reasoning that its dialect's own
                              provider would refuse: only its translation can be sent */
} or_dialect_loss;

typedef struct or_dialect_request {
    or_str   body;          /* required: a chat completion request, a JSON object */
    or_str   model;         /* required: what the provider calls it; decides what it takes */
    uint32_t max_tokens;    /* in place of the body's (default: 0, the body's) */
    uint32_t output_limit;  /* most that the model can give: what is more is lowered to it
                               (default: 0, by the model's name where that tells) */
    uint32_t lacks;         /* CHAT: OR_LACKS_ and OR_WANTS_ bits */
} or_dialect_request;

/* More tools than any provider takes. */
enum { OR_DIALECT_MAX_TOOLS = 512 };

/* Append the request in that dialect, one JSON object. For CHAT only `messages`, `tools` and
   `model` are changed. loss is filled, not cleared. After an error out is as it was, but for
   out->err.

   MESSAGES has to name max_tokens: where nobody did it is what the model can give, at most
   8192. A budget for thinking raises the body's, but never q->max_tokens.
   OR_ERR_DIALECT  there is no way to say it (audio to Anthropic, no message at all); *bad, when
                   not NULL, names the member; static
   OR_ERR_TYPE     a member is not what the chat dialect says; *bad
   OR_ERR_TOKENS   more than OR_CHAT_MAX_CALLS calls in one turn, or OR_DIALECT_MAX_TOOLS; *bad
   OR_ERR_ARG      no such translation, or out only counts: what was written is looked at
   OR_ERR_SPACE, OR_ERR_MEMORY from out (which may need a little more than the result), and the
   errors of or_json_check. */
OR_API or_err or_dialect_write(or_buf *out, or_dialect to, const or_dialect_request *q,
                               or_dialect_loss *loss, const char **bad);

/* Append the path (and query) behind a provider's base_url without version, "/v1/messages" or
   "/v1beta/models/MODEL:streamGenerateContent?alt=sse"; the model is percent-encoded. For CHAT,
   TEXT and RESPONSES what follows a base_url that ends in /v1: "/chat/completions". */
OR_API or_err or_dialect_put_path(or_buf *out, or_dialect d, or_str model, bool stream);

/* Append a chat request that says what this request in a client's dialect says. Members that
   OpenRouter adds (models, provider, plugins ...) pass. loss, bad and errors as or_dialect_write,
   loss may be NULL, and names are those of the client's dialect where chat has none;
   OR_ERR_DIALECT  also for what needs a state on the server: previous_response_id, store true,
                   item_reference, background, conversation, prompt of RESPONSES
   OR_ERR_DEPTH    also where the result would be nested too deep: it can be 2 levels deeper
   OR_ERR_ARG      also for a counting out: what comes packed is checked behind its writing */
OR_API or_err or_dialect_to_chat(or_buf *out, or_dialect from, or_str body, or_dialect_loss *loss,
                                 const char **bad);

/* As or_chat_read, of that dialect. Errors in all shapes that or_chat_read knows are found in
   each. MESSAGES, GEMINI, RESPONSES; CHAT and TEXT are or_chat_read. */
OR_API or_err or_dialect_read(or_dialect from, or_str body, or_arena *arena,
                              or_chat_answer *answer);

/* What a stream of that dialect has to remember besides an or_chat_stream. Private. */
typedef struct or_dialect_stream {
    or_dialect dialect;
    or_usage   usage;    /* MESSAGES: what was said so far, but for the prompt */
    uint64_t   input;    /* MESSAGES: input_tokens; what a cache holds is beside it */
    uint32_t   block;    /* index of the next reasoning detail */
    uint32_t   call;     /* MESSAGES: of the open tool block */
    uint8_t    kind;     /* MESSAGES: of the open block */
    bool       said;     /* text or an image came; RESPONSES: of the open item */
    bool       thinking; /* GEMINI: so was the last part; RESPONSES: the open item told some */
    bool       odd;      /* MESSAGES: a count could not be read */
    uint8_t    calls[OR_CHAT_MAX_CALLS]; /* RESPONSES: what came of each */
    uint64_t   told[2];  /* RESPONSES: which of the first items told some text; bits */
} or_dialect_stream;

OR_API void or_dialect_stream_init(or_dialect_stream *d, or_dialect from);

/* As or_chat_stream_next, of that dialect; s is begun with or_chat_stream_init and ended with
   or_chat_stream_end. An event adds to one delta; pings and unknown ones give an empty delta.
   What ends the stream there (message_stop, response.completed ...) sets delta->done, and may say
   more in the same delta: the finish, the usage. GEMINI has no such event. Input of a custom tool
   of RESPONSES comes as arguments {"input":"..."}.
   Signatures come as reasoning_details in OpenRouter's form ("reasoning.text" with a
   `signature`, "reasoning.encrypted" with `data`), and Gemini's of a call also in its
   extra_content. */
OR_API or_err or_dialect_stream_next(or_dialect_stream *d, or_chat_stream *s, or_str data,
                                     or_arena *arena, or_chat_delta *delta);

/* What an answer to a client says besides the model's words. Texts are borrowed. */
typedef struct or_reply_facts {
    or_str   id;       /* required: letters, digits, _ and -; ids of items are made from it */
    or_str   model;    /* required */
    or_str   provider; /* OpenRouter's member (default: not sent) */
    uint64_t created;  /* unix seconds */
    or_str   request;  /* RESPONSES: the client's request as or_dialect_to_chat took it, for the
                          members that are repeated and for its custom tools (default: none) */
} or_reply_facts;

/* A piece of an answer: a run of text or of reasoning, or a call. Private. */
typedef struct or_reply_item {
    uint8_t  kind, state;
    uint8_t  args;  /* where in its arguments: in a string, behind a backslash, at the end ... */
    uint32_t depth; /* of these */
    uint32_t call;
    size_t   len[3];
} or_reply_item;

enum { OR_REPLY_MAX_ITEMS = OR_CHAT_MAX_CALLS + 32 };

/* Writes an answer in a client's dialect: MESSAGES, RESPONSES. As a stream every delta becomes
   events at once; what cannot be said yet waits in `hold`, and RESPONSES keeps all text there,
   since its last events repeat it. Not as a stream all is kept and written at the end. So the
   memory is this struct and what hold may grow to. */
typedef struct or_reply {
    const or_reply_facts *facts;
    or_buf        *hold;
    or_dialect     to;
    or_err         err;
    bool           stream;
    /* private */
    bool           begun, ended, filtered;
    or_finish      finish;
    uint64_t       sequence;  /* RESPONSES: of the next event */
    uint32_t       num_items; /* these many came, */
    uint32_t       index;     /* these were announced, */
    uint32_t       open;      /* and these are closed */
    or_chat_collect details;  /* RESPONSES: puts reasoning_details together */
    or_reply_item  items[OR_REPLY_MAX_ITEMS];
} or_reply;

/* facts and hold must stay; hold is emptied, is the reply's alone until the end, and may be fixed
   or growing. */
OR_API void or_reply_init(or_reply *r, or_dialect to, const or_reply_facts *facts, bool stream,
                          or_buf *hold);

/* Add what a delta, or a whole answer, says. As a stream: its events ("event: ...\ndata:
   ...\n\n") are appended to out, which is not used otherwise. The first call writes the first
   event, whatever the delta says. Texts need whole characters. Annotations, images, audio and a
   call's extra_content have no place in these dialects and are left out. Errors stick; then out
   is as it was, but for out->err:
   OR_ERR_SPACE, OR_ERR_MEMORY  from hold or out
   OR_ERR_TOKENS                more than OR_REPLY_MAX_ITEMS pieces
   OR_ERR_UTF8                  a text is not UTF-8
   OR_ERR_ARG                   another dialect, a counting hold, or after the end */
OR_API or_err or_reply_add(or_reply *r, or_buf *out, const or_chat_delta *delta);

/* The answer is complete: its last events, or all of it as one JSON object, are appended to
   out. cost (may be NULL) and what u says of it become OpenRouter's usage.cost, is_byok and
   cost_details; cost is null when unknown, and a usage that is not set is marked as estimated.
   metadata: raw object for openrouter_metadata; absent: none. An answer that was cut off by an
   error is for or_reply_fail. Errors as or_reply_add. */
OR_API or_err or_reply_end(or_reply *r, or_buf *out, const or_usage *u, const or_cost *cost,
                           or_str metadata);

/* An error to tell to a client. */
typedef struct or_reply_error {
    uint16_t status;   /* HTTP's: the type follows from it */
    or_str   message;  /* UTF-8 */
    or_str   id;       /* of the request (default: not sent) */
    or_str   metadata; /* raw object: OpenRouter's `metadata` of errors (default: not sent) */
} or_reply_error;

/* Append the body of an error response in that dialect: MESSAGES, RESPONSES. */
OR_API or_err or_reply_put_error(or_buf *out, or_dialect to, const or_reply_error *e);

/* The stream broke off: its last event. Works before anything was added, and after an error of
   the reply itself (with an out that has none), too. Not as a stream: or_reply_put_error.
   OR_ERR_ARG: it has ended. */
OR_API or_err or_reply_fail(or_reply *r, or_buf *out, const or_reply_error *e);

/* Append what shows a client that the server lives: "event: ping" for MESSAGES, else a comment. */
OR_API or_err or_reply_put_ping(or_buf *out, or_dialect to);

/* Append a chat completion, or a chunk of one, that says what the answer or delta says: JSON
   without id, model, created and usage, which orproxy and its like have their own of. text: a
   text_completion. A chunk for "[DONE]" is nothing. */
OR_API or_err or_dialect_put_answer(or_buf *out, const or_chat_answer *answer, bool text);
OR_API or_err or_dialect_put_chunk(or_buf *out, const or_chat_delta *delta, bool text);

/* An estimate of the tokens of a request in any dialect, from its bytes: a token for each 3.5
   bytes of text and schemas, 4 for a message, 1500 for an image or a file. Of what is no JSON
   object as far as it can be read. Not for bills. */
OR_API uint64_t or_dialect_count_tokens(or_str body);
#endif /* OR_NO_DIALECT */

#ifndef OR_NO_ROUTE
/* ============================================================= route ==
   Which endpoints may serve a request, in which order they are tried, and why each other one
   was left out. or_route_plan is a pure function of its arguments: equal inputs, equal plan,
   on every machine. Source: OpenRouter's provider routing, model routing and prompt caching
   pages, read 2026-11; the default ranking is the one published until August 2026. */

/* The parameters of a chat request that endpoints say they support. */
#define OR_PARAMS(X)                                                                       \
    X(TEMPERATURE, "temperature") X(TOP_P, "top_p") X(TOP_K, "top_k") X(MIN_P, "min_p")    \
    X(TOP_A, "top_a") X(FREQUENCY_PENALTY, "frequency_penalty")                            \
    X(PRESENCE_PENALTY, "presence_penalty") X(REPETITION_PENALTY, "repetition_penalty")    \
    X(MAX_TOKENS, "max_tokens") X(MAX_COMPLETION_TOKENS, "max_completion_tokens")          \
    X(LOGIT_BIAS, "logit_bias") X(LOGPROBS, "logprobs") X(TOP_LOGPROBS, "top_logprobs")    \
    X(PREDICTION, "prediction") X(SEED, "seed") X(RESPONSE_FORMAT, "response_format")      \
    X(STRUCTURED_OUTPUTS, "structured_outputs") X(STOP, "stop") X(TOOLS, "tools")          \
    X(TOOL_CHOICE, "tool_choice") X(PARALLEL_TOOL_CALLS, "parallel_tool_calls")            \
    X(INCLUDE_REASONING, "include_reasoning") X(REASONING, "reasoning")                    \
    X(REASONING_EFFORT, "reasoning_effort") X(WEB_SEARCH_OPTIONS, "web_search_options")    \
    X(VERBOSITY, "verbosity")

typedef enum or_param {
#define ORI_X(name, json) OR_PARAM_##name,
    OR_PARAMS(ORI_X)
#undef ORI_X
    OR_PARAM_NUM
} or_param;

/* 1u << or_param of that name; 0 when there is none. */
OR_API uint32_t or_param_bit(or_str name);

/* Kinds of content, as bits. */
enum {
    OR_MODALITY_TEXT = 1,
    OR_MODALITY_IMAGE = 2,
    OR_MODALITY_FILE = 4,
    OR_MODALITY_AUDIO = 8,
    OR_MODALITY_VIDEO = 16,
    OR_MODALITY_EMBEDDINGS = 32,
    OR_MODALITY_RERANK = 64
};

/* A fact that may not be known. */
typedef enum or_tri { OR_UNKNOWN = 0, OR_YES, OR_NO } or_tri;

/* service_tier of a request; of an endpoint: the end of its tag. */
typedef enum or_tier {
    OR_TIER_NONE = 0, /* not given, or "auto" */
    OR_TIER_DEFAULT,  /* "default": given, so that variants do not admit others */
    OR_TIER_FLEX,
    OR_TIER_PRIORITY  /* also "fast" */
} or_tier;

/* One provider's offer of one model. Texts are borrowed. */
typedef struct or_endpoint {
    or_str    model;          /* required: slug with its catalogue variant, "acme/big:free" */
    or_str    canonical;      /* the model's permanent slug (default: none) */
    or_str    provider;       /* required: slug, "alpha" */
    or_str    provider_name;  /* for people (default: provider) */
    or_str    tag;            /* this endpoint's own slug, "alpha/turbo" (default: provider) */
    or_str    upstream_model; /* what the provider calls it (default: model) */
    or_str    region;         /* where data stays, "eu" (default: not known) */
    or_prices prices;         /* (default: unknown) */
    uint32_t  context_length; /* tokens in and out together (default: 0, unknown) */
    uint32_t  max_prompt_tokens;     /* (default: 0, unknown) */
    uint32_t  max_completion_tokens; /* (default: 0, unknown) */
    uint32_t  parameters;            /* 1u << or_param, when parameters_known */
    uint16_t  input_modalities;      /* (default: 0, unknown) */
    uint16_t  output_modalities;     /* (default: 0, unknown) */
    uint16_t  weight;                /* for OR_SORT_WEIGHT (default: 0, which counts as 1) */
    uint16_t  quality_permille;      /* of tool calls, for OR_SORT_EXACTO (default: 0, unknown) */
    or_quantization quantization;
    or_tri    collects_data;
    or_tri    zdr;
    or_tri    distillable;
    int8_t    status;         /* 0 is normal, below 0 degraded */
    bool      parameters_known;
    bool      parameters_at_most; /* they are what its provider has words for; whether the model
                                     takes them nobody said */
    bool      byok;           /* the caller's own key: tried before all others */
    bool      disabled;
    bool      router;         /* chooses among endpoints of its own, as OpenRouter does: see
                                 or_route_plan */
    uint16_t  target;         /* for the caller: which provider of its own */
} or_endpoint;

/* A number that tells this endpoint (its tag and model) from others, over restarts too. */
OR_API uint64_t or_endpoint_id(const or_endpoint *e);

typedef struct or_alias {
    or_str name;  /* "~acme/big-latest" */
    or_str model; /* the slug it stands for */
} or_alias;

typedef struct or_catalogue {
    const or_endpoint *endpoints;
    uint32_t           num;
    const or_alias    *aliases;
    uint32_t           num_aliases;
    const uint32_t    *index; /* of or_catalogue_index: a model's endpoints are found without
                                 looking at all others (default: none) */
} or_catalogue;

/* Who is to blame for a failed attempt. */
typedef enum or_fault {
    OR_FAULT_NONE = 0, /* it succeeded */
    OR_FAULT_PROVIDER, /* no connection, timeout, 5xx, broken answer */
    OR_FAULT_RATE,     /* 429: too much for now */
    OR_FAULT_KEY,      /* our key there: refused, without credit, without that model */
    OR_FAULT_CALLER,   /* the request itself */
    OR_FAULT_US,       /* cancelled, out of memory */
    OR_FAULT_NUM
} or_fault;

#ifndef OR_STATS_SAMPLES
#define OR_STATS_SAMPLES 48 /* attempts that percentiles are taken from, at most 255 */
#endif
#ifndef OR_STATS_WINDOW_MS
#define OR_STATS_WINDOW_MS 300000 /* and how old they may be, at most 1 hour */
#endif
#ifndef OR_STATS_OUTAGE_MS
#define OR_STATS_OUTAGE_MS 30000 /* how long a failure makes others go first */
#endif
#ifndef OR_STATS_TRIP
#define OR_STATS_TRIP 3 /* failures in a row that open the breaker */
#endif
#ifndef OR_STATS_OPEN_MS
#define OR_STATS_OPEN_MS 5000 /* for how long; doubles with each failed trial, 64 times at most */
#endif
#ifndef OR_STATS_COOL_MS
/* The longest that an endpoint is left alone because it said so: asking once an hour costs
   nothing, and a wrong Retry-After (a date, a slip of a unit) would bar it for weeks. */
#define OR_STATS_COOL_MS 3600000
#endif

/* What is remembered of an endpoint. Zeroed is a new one. About 650 bytes. Times given for one
   endpoint never go back.

   The last attempts are a ring of samples; everything about "the last minutes" is computed
   from it. The breaker: CLOSED -- OR_STATS_TRIP failures in a row --> OPEN -- after its time
   --> HALF-OPEN, one trial -- success --> CLOSED, failure --> OPEN for twice the time. */
typedef struct or_sample {
    uint16_t when;       /* units of 128 ms, wrapping */
    uint16_t failed;
    uint32_t latency_ms; /* 0: not known */
    uint32_t rate_milli; /* tokens/s; 0: not known */
} or_sample;

typedef struct or_stats {
    uint32_t  in_flight;
    uint32_t  outcomes[OR_FAULT_NUM]; /* how many attempts ended in each or_fault */
    /* private */
    uint32_t  last_ms;       /* of the youngest sample */
    uint32_t  cool_ms, cool_from_ms; /* asked to be left alone for so long, since then */
    uint32_t  open_ms, open_from_ms; /* the breaker, when open */
    uint32_t  day_ms;        /* begin of the younger half day */
    uint32_t  day_ok[2], day_failed[2];
    uint8_t   num, first; /* samples */
    uint8_t   streak;     /* failures in a row */
    uint8_t   trips;      /* how often the breaker opened in a row */
    bool      open, trial, day_begun;
    or_sample samples[OR_STATS_SAMPLES];
} or_stats;

/* The last attempt failed for its key alone (OR_FAULT_KEY, OR_FAULT_RATE), and there is another
   key: the endpoint need not wait, nor is its breaker open. */
OR_API void or_stats_forgive(or_stats *s);

/* How an attempt went. */
typedef struct or_outcome {
    or_fault fault;
    uint32_t first_token_ms; /* from the request to the first content */
    uint32_t duration_ms;    /* to the end */
    uint32_t tokens;         /* of the completion; 0: not known */
    uint32_t retry_after_ms; /* the provider asked for a pause; 0: it did not */
} or_outcome;

/* An attempt begins; it ends, always. */
OR_API void or_stats_begin(or_stats *s, uint32_t now_ms);
OR_API void or_stats_end(or_stats *s, uint32_t now_ms, const or_outcome *o);

/* What the statistics say now; everything the ranking looks at. */
typedef struct or_health {
    or_percentiles latency_ms;       /* first token; p90: 90 % were faster. 0: no data */
    or_percentiles throughput_milli; /* tokens/s; p90: 90 % were at least as fast */
    uint32_t       cooling_ms;       /* asked to wait so long; 0: not */
    uint16_t       uptime_permille;  /* of the last half to whole day; 1000 below 100 attempts */
    bool           outage;           /* failed in the last 30 s, as often as not */
    bool           open;             /* by the breaker */
} or_health;

/* percentiles: compute those too, which takes longer. */
OR_API void or_stats_health(const or_stats *s, uint32_t now_ms, bool percentiles, or_health *out);

/* What a request needs. Zeroed but for models. Texts are borrowed. */
typedef struct or_route_request {
    const or_str   *models; /* required: `model`, then `models`; with variants */
    uint32_t        num_models;
    or_prefs        prefs;             /* of the request */
    const or_prefs *policy;            /* of the account: filters apply too (default: none) */
    uint32_t        parameters;        /* 1u << or_param: those that were sent */
    uint16_t        input_modalities;  /* needed */
    uint16_t        output_modalities; /* needed */
    uint32_t        prompt_tokens;     /* an estimate (default: 0, unknown) */
    uint32_t        max_tokens;        /* (default: 0, not sent) */
    or_tier         tier;
    or_str          region;        /* (default: any) */
    uint64_t        sticky;        /* or_endpoint_id that served the last turn (default: 0) */
    uint64_t        barred;        /* 1 << or_endpoint.target: not for whoever asks */
    uint64_t        offline;       /* 1 << or_endpoint.target: cannot be reached now */
    bool            needs_router;  /* only or_endpoint.router can serve it */
    bool            known_price;   /* leave out endpoints whose price is unknown */
    bool            lowers_output; /* max_tokens is a wish: endpoints that give less will do */
} or_route_request;

/* When, and by which dice. */
typedef struct or_moment {
    uint32_t now_ms;
    or_wall  wall; /* for prices that depend on the time of day */
    uint64_t seed; /* random bits, new for each request */
    uint32_t turn; /* for OR_SORT_ROUND_ROBIN: counts requests */
} or_moment;

/* Why an endpoint was left out; the second text is OpenRouter's word in `excluded_by`, or
   ours. */
#define OR_ROUTE_REASONS(X)                                                                    \
    X(KEPT, "", "in the plan")                                                                 \
    X(DISABLED, "disabled", "switched off")                                                    \
    X(BARRED, "key_providers", "not for this key")                                             \
    X(ROUTER, "needs_router", "the request has members that only OpenRouter understands")      \
    X(TIER, "service_tier", "of another service tier")                                         \
    X(ONLY, "allowed_providers", "not among the allowed providers")                            \
    X(IGNORED, "ignored_providers", "among the ignored providers")                             \
    X(TRAINING, "data_policy:training", "may collect data")                                    \
    X(ZDR, "data_policy:zdr", "may retain data")                                               \
    X(REGION, "data_region", "in another region, or nobody knows where")                       \
    X(DISTILLABLE, "distillable_text", "distillation is not allowed")                          \
    X(MODALITY, "modality", "cannot take or give that kind of content")                        \
    X(CONTEXT, "context_length", "prompt and answer do not fit its context")                   \
    X(MAX_TOKENS, "max_tokens", "cannot give that many tokens")                                \
    X(QUANTIZATION, "quantization", "of another quantization")                                 \
    X(MAX_PRICE, "max_price", "too dear")                                                      \
    X(UNKNOWN_PRICE, "unknown_price", "its price is not known")                                \
    X(PARAMETERS, "require_parameters", "lacks a parameter of the request")                    \
    X(PREFERENCE, "preferred_parameters", "lacks a parameter that another endpoint has")       \
    X(COOLING, "cooling", "asked to be left alone for a while")                                \
    X(OFFLINE, "offline", "cannot be reached: the uplink is down")                             \
    X(EXPANDED, "expanded", "its own endpoints are in the plan")                               \
    X(FALLBACKS, "allow_fallbacks", "fallbacks are not allowed")                               \
    X(BUDGET, "budget", "may cost more than may be spent") /* or_plan_leave_out */

typedef enum or_route_reason {
#define ORI_X(name, by, text) OR_ROUTE_##name,
    OR_ROUTE_REASONS(ORI_X)
#undef ORI_X
    OR_ROUTE_REASON_NUM
} or_route_reason;

/* The words of the table above; static. */
OR_API const char *or_route_reason_by(or_route_reason r);
OR_API const char *or_route_reason_text(or_route_reason r);

/* An endpoint of one of the requested models. */
typedef struct or_candidate {
    uint32_t        endpoint; /* index in the catalogue */
    uint32_t        model;    /* index in the request's models */
    or_route_reason reason;
    or_health       health;
    uint64_t        price;    /* 3 x prompt + completion, pico-USD; UINT64_MAX: unknown */
    uint32_t        order;    /* place in prefs.order; UINT32_MAX: not there */
    uint8_t         rank;     /* 0 healthy, 1 degraded or out, 2 mostly down */
    or_sort         sort;     /* of its model, variants included */
    bool            slow;     /* misses a preferred throughput or latency */
    bool            sticky;   /* served the last turn of this conversation */
    bool            drawn;    /* came first by the dice */
    bool            again;    /* for the caller to set: the endpoint of the one before by another
                                 key. or_call tries it only when that key was refused or over its
                                 rate */
} or_candidate;

/* list[0..num) are to be tried in this order, list[num..num + num_out) were left out. */
typedef struct or_plan {
    or_candidate *list;
    uint32_t      max;
    uint32_t      num;
    uint32_t      num_out;
    uint32_t      retry_after_ms; /* nothing left but endpoints that cool: the shortest wait */
} or_plan;

/* list: memory for all endpoints of the requested models. */
OR_API void or_plan_init(or_plan *p, or_candidate *list, uint32_t max);

/* For the caller, behind or_route_plan: list[index], index < num, is not to be tried. It becomes the
   first of those left out, for BUDGET, and is so in a replay, too. */
OR_API void or_plan_leave_out(or_plan *p, uint32_t index);

/* Make the plan. stats: one for each endpoint of the catalogue; may be NULL.
   The order, first difference first: meets the preferred throughput and latency; place of its
   model; breaker not open; the caller's own key; served this conversation; place in `order`;
   priority, when service_tier asks for it; then by `sort`. Only the sorts with chance in them
   (default, weight, round robin) look at outages and uptime first, and only they balance, but
   not what `order` names.
   An endpoint that is a router applies preferences itself, to endpoints that are not in this
   catalogue: pass them on, the policy's too. So of them only `ignore` and require_parameters
   leave it out, `only` of the policy, and `only` of the request (or `order` without fallbacks)
   where it names another endpoint of the model here. Where
   the catalogue has endpoints behind it (not routers, of the same target), these are tried in
   its place as long as any of them is left.
   OR_ERR_MODEL   the catalogue has none of the models
   OR_ERR_ROUTE   no endpoint is left; the list has the reasons
   OR_ERR_SPACE   the list is too short
   OR_ERR_ARG     no model was asked for */
OR_API or_err or_route_plan(or_plan *p, const or_route_request *request,
                            const or_catalogue *catalogue, const or_stats *stats,
                            const or_moment *moment);

/* Is this name, from `order` and the like, this endpoint's? "p" and the display name are
   all of p but its flex and priority tiers; "p/x" is only itself. Case does not count. In a
   plan "p" also means the tier that service_tier asks for and, in `ignore`, every tier. */
OR_API bool or_route_name_is(or_str name, const or_endpoint *e);

/* The suffixes of a model name that are about routing. */
typedef struct or_variants {
    or_sort sort;   /* :nitro :floor :exacto, the last one; else DEFAULT */
    bool    nitro, floor;
    bool    online; /* :online */
} or_variants;

/* Does `name`, as in a request, mean this endpoint's model? *v (may be NULL) gets its routing
   suffixes in any case. Suffixes that are not about routing belong to the name. */
OR_API bool or_route_model_is(or_str name, const or_catalogue *catalogue, const or_endpoint *e,
                              or_variants *v);

/* The endpoints for which that is so, in the order of the catalogue; faster where it has an index.
   name and catalogue must stay. */
typedef struct or_model_search {
    uint32_t endpoint; /* index of the one that was found */
    /* private */
    uint32_t            next;
    const or_catalogue *catalogue;
    or_str              name, base;
    bool                aliased, indexed;
} or_model_search;

OR_API void or_model_search_begin(or_model_search *s, const or_catalogue *catalogue, or_str name);
OR_API bool or_model_search_next(or_model_search *s); /* false: no more */

/* Conversations that stay with the endpoint that has their prompt in its cache. The caller's
   slots, zeroed; more slots remember more conversations. Each has 8 slots to stand in, and takes
   the place of the one there that is idle for longest. */
#ifndef OR_STICKY_IDLE_MS
#define OR_STICKY_IDLE_MS 600000 /* forgotten after so long without a success */
#endif

typedef struct or_sticky_slot {
    uint64_t key, endpoint;
    uint32_t last_ms;
} or_sticky_slot;

typedef struct or_sticky {
    or_sticky_slot *slots;
    uint32_t        num;
} or_sticky;

/* What identifies a conversation. The first that is given counts: session_id,
   prompt_cache_key, else the first system and the first other message together (of one that is
   longer than 8 KB the first and the last 4 KB, and its length). */
typedef struct or_conversation {
    or_str account, model;
    or_str session_id, prompt_cache_key;
    or_str first_system, first_message;
} or_conversation;

/* A hash of it, never 0. */
OR_API uint64_t or_sticky_key(const or_conversation *c);

/* The endpoint (or_endpoint_id) to stay with; 0: none. */
OR_API uint64_t or_sticky_find(const or_sticky *s, uint64_t key, uint32_t now_ms);

/* After a success: stay with e when that is worth it. Named conversations (a session_id or
   prompt_cache_key was given) always; others once a cache hit was seen that costs less. */
OR_API void or_sticky_note(or_sticky *s, uint64_t key, bool named, const or_endpoint *e,
                           const or_usage *u, uint32_t now_ms);

#ifndef OR_NO_CATALOGUE
/* Read a catalogue: OpenRouter's GET /models ({"data":[model...]}), the endpoints of a model
   ({"data":{"id":...,"endpoints":[...]}}) or a list of endpoints ({"data":[endpoint...]}).
   What it says is added to c.
   defaults  what entries that do not say get: provider and the like; required members as in
             or_endpoint but for the model
   keep      takes all that c points to; json is not needed afterwards
   scratch   for one entry at a time; is reset
   Entries without an id are passed over. Errors of or_json_scan_next; OR_ERR_TYPE: of another
   shape; OR_ERR_SPACE, OR_ERR_MEMORY: an arena is full. On failure c is unchanged. */
OR_API or_err or_catalogue_read(or_catalogue *c, or_str json, const or_endpoint *defaults,
                                or_arena *keep, or_arena *scratch);

/* Make an index of the endpoints' names in `mem`, which must stay, and set it. To be made anew when
   one of them changes or moves.
   mem   or_catalogue_index_size(num) numbers; num is of endpoints, less than 2^29 */
OR_API size_t or_catalogue_index_size(uint32_t num);
OR_API void   or_catalogue_index(or_catalogue *catalogue, uint32_t *mem);

/* Write a decision as one line of JSON, without a line end: all that it depended on, and
   what came out. plan is what or_route_plan made of the other arguments. */
OR_API or_err or_route_record(or_buf *out, const or_plan *plan, const or_route_request *request,
                              const or_catalogue *catalogue, const or_moment *moment);

/* Make the decision of such a line again. *same: it came out as recorded.
   plan       its list in the arena
   catalogue  the endpoints of the line
   difference gets, when not NULL and not the same, what was recorded and what came out now
   Errors of or_json_parse and or_prefs_read; OR_ERR_TYPE: not a recorded decision. A line
   without a "plan" is not the same as anything. */
OR_API or_err or_route_replay(or_str line, or_arena *arena, or_plan *plan,
                              or_catalogue *catalogue, bool *same, or_buf *difference);

/* What such a line was decided from but for the endpoints, to decide it by others. Everything
   is in the arena; moment->now_ms is 0. Errors as or_route_replay. */
OR_API or_err or_route_recorded(or_str line, or_arena *arena, or_route_request *request,
                                or_moment *moment);
#endif /* OR_NO_CATALOGUE */
#endif /* OR_NO_ROUTE */

#ifndef OR_NO_CALL
/* ============================================================== call ==
   The engine: takes a plan, drives attempts over transports that the caller opens, and is
   the one place where fallback lives.

       or_call_begin
       loop: or_call_next -> OR_OK         an event, below
                          -> OR_NEED_MORE  unless call->again is set, wait until
                                           call->want_recv, want_send or or_call_wake says
                                           so, then again
                          -> OR_DONE       all is said and released

   Events, in order. An attempt is CONNECT ... CLOSE; FAILED comes before the CLOSE of one that
   failed when another is to follow (without it the connection had died while idle); BEGIN or
   ANSWER at most once; END exactly once, without an attempt when there was none left, no time
   or a cancel between two:

       (CONNECT FAILED? CLOSE)* ( CONNECT (BEGIN (DELTA | DATA)* | ANSWER)? END CLOSE | END )

   A stream is held back until its first content, tool call or finish: until then any failure
   leads to the next candidate, after it none does. What came before is in BEGIN's `held`.
   An answer, whole ones too, is complete only with a finish reason and its end; END says which
   of the three it was. DATA has no word for its finish: its end is the proof. The same code
   serves a blocking loop, an event loop and a superloop: nothing here waits, nothing is called
   but the transport, and that receives once between two OR_NEED_MORE, so that others have
   their turn. */

#ifndef OR_CALL_INPUT
#define OR_CALL_INPUT 1024 /* bytes received at once, when the caller gives no memory for it */
#endif
#ifndef OR_CALL_SCRATCH
#define OR_CALL_SCRATCH 4096 /* bytes for decoding one event or answer, likewise */
#endif

/* Milliseconds, at most INT32_MAX. 0 takes the default, OR_NEVER switches one off. Bytes that
   are here already are used before a timeout counts, however late or_call_next is called. */
#define OR_NEVER UINT32_MAX
typedef struct or_call_timeouts {
    uint32_t connect_ms;       /* until or_call_connected (default: 10 s) */
    uint32_t first_token_ms;   /* from then to the first content; for a whole answer to its
                                  first byte. Comments do not count (default: 10 min). The body
                                  of an error that is told by its status gets 5 s at most */
    uint32_t between_bytes_ms; /* of silence after that; comments do count (default: 2 min) */
    uint32_t total_ms;         /* for all attempts and waits together (default: 30 min) */
} or_call_timeouts;

typedef struct or_call_desc {
    const or_plan      *plan;      /* required; must stay, as the next two */
    const or_catalogue *catalogue; /* required: the one of the plan */
    or_stats           *stats;     /* one for each endpoint; fed back (default: none) */
    bool                stream;    /* server-sent events were asked for */
    bool                either;    /* without `stream`: a stream is taken all the same */
    bool                other;     /* not a chat completion: any answer will do, with any status
                                      of 200 to 299. Of JSON only the objects `usage` and `error`
                                      are understood; what is not JSON comes as DATA */

    /* the one budget for retries */
    uint32_t         tries;          /* attempts in all (default: one for each candidate) */
    or_call_timeouts timeouts;
    uint32_t         backoff_ms;     /* before the second round of candidates, doubled for
                                        each further one, half of it by chance (default: 500) */
    uint32_t         backoff_max_ms; /* (default: 8 s) */
    int64_t          max_cost_pico_usd; /* attempts that could make it cost more, together with
                                           what failed ones may have cost, are not made
                                           (default: 0, no limit) */

    /* money */
    or_bound_facts   bound;  /* for upper bounds, and for estimates where usage is missing */
    or_cost_facts    cost;   /* images, time; the rest is filled in */
    or_budget       *budget; /* reserve the dearest candidate, settle at the end (default: none) */
    uint32_t         owner;  /* of the reservation */

    /* limits, bytes */
    uint32_t max_head;   /* of the answer (default: OR_HTTP_MAX_HEAD) */
    uint32_t max_event;  /* one server-sent event (default: 16384) */
    uint32_t max_held;   /* a stream's opening (default: 4096) */
    uint32_t max_answer; /* a whole answer, and of an error what is kept (default: 16384) */

    /* memory: or_call_need(desc) bytes at mem; less when parts of it come from elsewhere */
    void               *mem;
    size_t              mem_size;
    const or_allocator *allocator;  /* buffers grow up to their limits instead (default: none) */
    char               *input;      /* to receive into; may serve all calls of a thread, since
                                       each has used up what it received when or_call_next
                                       returns OR_NEED_MORE (default: in mem) */
    size_t              input_size;
    or_arena           *arena;      /* to decode in; reset for each event; may be shared likewise
                                       (default: in mem) */
    or_chat_answer     *decoded;    /* what an event becomes; may be shared likewise, and only
                                       calls write there (default: in mem) */
    char               *last;       /* or_chat_stream.last, for speed (default: none) */
    uint32_t            last_size;
    /* sends several pieces in one go, as or_io.send with its user (default: piece by piece) */
    ptrdiff_t (*sendv)(void *user, const or_str *pieces, size_t num);
    uint64_t            seed;       /* for the chance in backoff */
} or_call_desc;

typedef enum or_call_kind {
    OR_CALL_CONNECT, /* open a transport to `endpoint`, then or_call_connected or
                        or_call_refused; `fresh`: not one that was idle */
    OR_CALL_FAILED,  /* this attempt failed, see `failure`; another one is to follow */
    OR_CALL_CLOSE,   /* the transport is not needed any more; `keep`: it can serve again. Comes
                        once for each CONNECT, also while still connecting or when refused */
    OR_CALL_BEGIN,   /* a stream, or DATA, begins that will be delivered; `held` */
    OR_CALL_DELTA,   /* an event of it: `sse`, `delta` */
    OR_CALL_DATA,    /* desc.other: `body`, the next bytes of an answer that is not JSON */
    OR_CALL_ANSWER,  /* a whole answer: `body`, `answer` (NULL with desc.other) */
    OR_CALL_END      /* `end`, `failure` unless complete, `usage`, `cost`. For an error in a
                        stream, as for FAILED, also `sse` and `delta` */
} or_call_kind;

typedef enum or_call_timer {
    OR_TIMER_NONE = 0,
    OR_TIMER_CONNECT,
    OR_TIMER_FIRST_TOKEN,
    OR_TIMER_BETWEEN_BYTES,
    OR_TIMER_TOTAL
} or_call_timer;

/* Why an attempt, or the call, failed. Texts are valid until the next or_call_next. An END
   between two attempts has the failure of the last one, without its texts, or the timeout. */
typedef struct or_call_failure {
    or_err        err;   /* OR_OK: none. OR_ERR_REFUSED: the upstream said so, see below */
    or_call_timer timer; /* for OR_ERR_TIMEOUT */
    uint16_t      status;         /* of the answer; 0: there was none */
    or_fault      fault;
    or_chat_error error;          /* what the upstream said */
    or_str        body;           /* the answer or event that said it */
    uint32_t      retry_after_ms; /* the least that any attempt was told since the last wait */
} or_call_failure;

/* Everything that does not belong to the kind is zero. Pointers are valid until the next
   or_call_next; sse->raw until OR_NEED_MORE, so that events can be passed on together. */
typedef struct or_call_event {
    or_call_kind           kind;
    uint32_t               endpoint; /* index in the catalogue; not for an END without attempt */
    uint32_t               attempt;  /* 1 for the first */
    bool                   fresh;
    bool                   keep;
    or_str                 held;
    or_str                 body;
    const or_sse_event    *sse;
    const or_chat_delta   *delta;
    const or_chat_answer  *answer;
    const or_call_failure *failure;
    or_end                 end;
    or_usage               usage;
    or_cost                cost;
} or_call_event;

/* One request in work. Must not be moved. The first part may be read at any time. */
typedef struct or_call {
    bool     want_recv, want_send; /* what the transport should be watched for */
    bool     again;                /* there may be more at once: call again without waiting */
    bool     opened;               /* BEGIN or ANSWER was given */
    bool     is_stream;            /* the answer is one */
    bool     is_data;              /* the answer comes as DATA */
    uint32_t attempts;             /* so far */
    uint32_t endpoint;             /* of the current one */
    uint32_t attempt_ms;           /* when it was connected */
    or_http  http;                 /* its answer: http.head.status, and in the call after
                                      which it is first seen the fields */
    or_chat_stream progress;       /* what the stream has brought so far */
    uint64_t content_bytes;        /* text, reasoning and arguments delivered */
    char     id[64];               /* of the generation: X-Generation-Id, else the first id in
                                      the answer; "" when unknown, or longer than 63 bytes */
#ifndef OR_NO_DIALECT
    or_dialect_stream dialect;     /* of the attempt: see or_call_speak */
#endif
    /* private */
    or_call_desc    desc;
    or_call_failure failure;
    or_io           io;
    const or_str   *pieces;        /* of the request */
    uint32_t        num_pieces;
    size_t          sent;          /* bytes of them */
    or_str          in;            /* received, not yet used */
    or_str          body;          /* of a stream: out of its framing, not yet used */
    or_buf          rx, carry, held, answer;
    or_arena        own_arena;
    or_sse          sse;
    or_sse_event    event;
    or_reservation  reservation;
    uint8_t        *marks;         /* of each candidate */
    uint32_t        candidate;     /* in the plan */
    uint32_t        round;
    uint32_t        stage_ms, total_ms; /* deadlines */
    uint32_t        first_ms;      /* when the first content came */
    uint32_t        told_ms;       /* Retry-After of this attempt */
    int64_t         past_pico_usd; /* what failed attempts cost, as far as one can tell, and ... */
    int64_t         risk_pico_usd; /* ... at most */
    or_err          refused;       /* by or_call_refused */
    uint16_t        status;        /* of the answer; 0 before its head is complete */
    uint8_t         state, after;  /* after: the state behind a CLOSE */
    bool            has_stage, has_total, paused, reused, stale_retried, fresh, got_bytes, begun;
    bool            spoilt, counted, keep, pending, ended, cancelled, at_end;
    bool            asked;         /* the whole question was sent */
    bool            guessed;       /* past_pico_usd counts */
    bool            unpriced;      /* something was spent at unknown prices */
    bool            received;      /* since the last OR_NEED_MORE */
    bool            once;          /* tries were not given: no second round */
} or_call;

/* Bytes that a call with this description needs at desc->mem. */
OR_API size_t or_call_need(const or_call_desc *d);

/* Begin. desc is copied; what it points to must stay until OR_DONE.
   OR_ERR_ARG     no plan or catalogue, or an empty plan; input of no size
   OR_ERR_SPACE   mem_size is less than or_call_need(desc)
   OR_ERR_BUDGET  the budget has no room for the dearest candidate, or its price is unknown
   After a failure there is nothing to release. */
OR_API or_err or_call_begin(or_call *c, const or_call_desc *d, uint32_t now_ms);

/* See above. Each call does a bounded amount of work: it sends what goes, receives once, or
   uses what it received. The buffers of an allocator are given back at OR_DONE, so to give up
   or_call_cancel and go on to that. */
OR_API or_err or_call_next(or_call *c, uint32_t now_ms, or_call_event *ev);

/* The answer to CONNECT: the transport is open (with TLS and all), and this is to be sent:
   head and body. io is copied; the pieces must stay until CLOSE. Does nothing when the call has
   given up waiting: CLOSE tells.
   reused  it was idle before: should it turn out dead, the same candidate is connected to
           again, and that counts as the same attempt */
OR_API void or_call_connected(or_call *c, uint32_t now_ms, const or_io *io, bool reused,
                              const or_str *pieces, uint32_t num);

#ifndef OR_NO_DIALECT
/* The request of this attempt, and so its answer, is in that dialect: to be said between CONNECT
   and or_call_connected. Not said: chat completions. What comes out are deltas and answers as
   ever; `sse` and `body` are what the provider sent. */
OR_API void or_call_speak(or_call *c, or_dialect d);
#endif

/* The answer to CONNECT, at once or later: it did not work. why is an error, and OR_ERR_ARG,
   OR_ERR_DIALECT, OR_ERR_MEMORY and OR_ERR_SPACE are not blamed on the provider. */
OR_API void or_call_refused(or_call *c, or_err why);

/* Stop receiving, and go on: back-pressure. Events of what was received still come. While
   paused the provider is not blamed for silence; the total time runs on. */
OR_API void or_call_pause(or_call *c, uint32_t now_ms, bool paused);

/* End it. What comes next is END with OR_ERR_CANCELLED (behind the CLOSE of a failed attempt,
   when that is due), unless END was there already, and then CLOSE without delay. */
OR_API void or_call_cancel(or_call *c);

/* What the failed attempts so far may have cost, guessed, in pico-USD; -1: at unknown prices. The
   cost at END has it; who tells the cost of a whole answer before, adds it. */
OR_API int64_t or_call_past_cost(const or_call *c);

/* Milliseconds until or_call_next has something to do even if no byte comes: 0 when
   call->again is set; OR_NEVER. */
OR_API uint32_t or_call_wake(const or_call *c, uint32_t now_ms);

/* What a status (and error, may be NULL) means: whose fault, and what helps. */
typedef enum or_act {
    OR_ACT_NEXT = 0,   /* another endpoint */
    OR_ACT_NEXT_MODEL, /* no other endpoint of this model would do better */
    OR_ACT_BIGGER,     /* an endpoint with a larger context */
    OR_ACT_OTHER       /* an endpoint with other parameters */
} or_act;
OR_API or_act or_call_classify(uint16_t status, const or_chat_error *error, or_fault *fault);

/* Value of a Retry-After field (seconds, or a date) in milliseconds; 0 when it is neither, or
   a date and neither `date` (the Date field; may be absent) nor the wall clock tells now. At
   most INT32_MAX. Source: RFC 9110 sections 5.6.7, 10.2.3. */
OR_API uint32_t or_retry_after_ms(or_str value, or_str date, or_wall now);
#endif /* OR_NO_CALL */

#ifndef OR_NO_CLIENT
/* ============================================================ client ==
   The common case in a few calls: providers with URLs and keys, a request, a plan, a call. The
   caller still opens the transports:

       or_client_begin
       loop: or_client_next -> CONNECT: open a transport to client->url, or_client_connected
                            -> CLOSE:   close it (or keep it when ev.keep)
                            -> DELTA, ANSWER, END: the answer, as in or_call

   ports/link does the opening and closing for programs that may block. */

typedef struct or_provider {
    or_str        base_url;   /* required; with /v1, as SDKs take it: "https://openrouter.ai/api/v1";
                                 for another dialect without: "https://api.anthropic.com" */
    or_str        key;        /* sent as a bearer token (in the field of its dialect), and wiped
                                 from the request's buffer when the attempt is over (default: none
                                 is sent) */
    const or_str *fields;     /* further header fields: name, value, name, value ... */
    uint32_t      num_fields; /* or_strs in it, so twice as many as fields */
    bool          openrouter; /* takes OpenRouter's `provider` object; by itself for hosts that
                                 are or end in openrouter.ai */
#ifndef OR_NO_DIALECT
    or_dialect    dialect;    /* what it speaks: CHAT, MESSAGES, GEMINI (default: CHAT) */
    uint32_t      lacks;      /* CHAT: OR_LACKS_ and OR_WANTS_ bits (default: 0, nothing) */
#endif
} or_provider;

typedef struct or_client_desc {
    const or_provider  *providers;     /* required; must stay, as all that is borrowed */
    uint32_t            num_providers; /* at least 1 */
    const or_catalogue *catalogue;     /* endpoints, whose `target` is the index of their
                                          provider (default: each provider takes each model of
                                          the request; the order is that of the providers) */
    or_call_desc        call;          /* limits, timeouts, tries, stats, budget; plan, catalogue
                                          and memory are filled in */
    uint64_t            sticky;        /* as in or_route_request */
    uint32_t            max_request;   /* bytes of head and body (default: 8192); where a provider
                                          has a `dialect` or `lacks`, of the chat request as well */
    uint32_t            max_models;    /* of the request (default: 4) */
    void               *mem;           /* or_client_need(desc) bytes */
    size_t              mem_size;
} or_client_desc;

/* One request in work; must not be moved. */
typedef struct or_client {
    or_url           url;      /* at CONNECT: where to */
    const or_provider *provider; /* and whose */
    or_plan          plan;     /* who was chosen and left out, and why */
    or_route_request request;  /* what the plan was made from */
    or_catalogue     catalogue;
    or_call          call;
    /* private */
    or_client_desc desc;
    or_chat_desc   chat;
    or_buf         out;
    or_str         pieces[2];
} or_client;

/* Bytes needed at desc->mem. */
OR_API size_t or_client_need(const or_client_desc *d);

/* Plan and begin. chat is copied, but what it points to must stay until OR_DONE.
   OR_ERR_ARG     a required field is missing, chat is not valid, or an endpoint's target is
                  no provider
   OR_ERR_URL     a provider's base_url is none
   OR_ERR_SPACE   mem is too small, or the request needs more than max_request, or it has more
                  than max_models models
   and the errors of or_route_plan (client->plan has the reasons), or_chat_write and
   or_call_begin. */
OR_API or_err or_client_begin(or_client *c, const or_client_desc *d, const or_chat_desc *chat,
                              const or_moment *moment);

/* or_call_next, with client->url and client->provider filled at CONNECT. */
OR_API or_err or_client_next(or_client *c, uint32_t now_ms, or_call_event *ev);

/* The transport is open: writes the request for this endpoint and hands it to the call. A
   failure to do that comes out of or_client_next. */
OR_API void or_client_connected(or_client *c, uint32_t now_ms, const or_io *io, bool reused);

/* It could not be opened. */
OR_API void or_client_refused(or_client *c, or_err why);

/* What the routing needs to know of a chat request: its top-level members, in one pass.
   models     `model` and then `models`, in the arena
   prefs      of `provider`; parameters, max_tokens (the smaller of the two names), tier,
              input_modalities (by the types of content parts)
   prompt_tokens  estimated as a quarter of the bytes, files and images aside
   Not set: policy, region, sticky, known_price, lowers_output.
   OR_ERR_TYPE, OR_ERR_RANGE: *bad (static, may be NULL) names the member. OR_ERR_SPACE,
   OR_ERR_MEMORY, and the errors of or_json_scan_next. */
OR_API or_err or_route_request_read(or_route_request *q, or_str body, or_arena *arena,
                                    const char **bad);

/* The same for a caller that scans the body anyway: zero it, fill request and arena, give it
   each item (those of depth 1 but for the array `messages` after or_json_scan_skip), then end
   it. Errors as above, and r->bad. */
typedef struct or_route_reader {
    or_route_request *request; /* zeroed */
    or_arena         *arena;
    const char       *bad;     /* the member that is wrong; static */
    size_t            other;   /* private: bytes that are not text */
    bool              in_messages;
} or_route_reader;
OR_API or_err or_route_reader_add(or_route_reader *r, const or_json_item *item);
OR_API void   or_route_reader_end(or_route_reader *r, size_t body_len);
#endif /* OR_NO_CLIENT */

#ifdef __cplusplus
}
#endif
#endif /* OR_H */

/* ===================================================================== */
#ifdef OR_IMPLEMENTATION
#ifndef ORI_IMPLEMENTED
#define ORI_IMPLEMENTED

#include <limits.h>
#if defined(__STDC_HOSTED__) && __STDC_HOSTED__ == 0
/* Freestanding compilers may come without string.h; the four functions have to be there. */
#ifdef __cplusplus
extern "C" {
#endif
void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int   memcmp(const void *a, const void *b, size_t len);
#ifdef __cplusplus
}
#endif
#else
#include <string.h>
#endif
#if defined(__SSE2__) && defined(__GNUC__) && !defined(OR_NO_SIMD)
#define ORI_SSE2
#include <emmintrin.h>
#endif

/* Small, and called from so many places that it would only make them larger. */
#ifdef __GNUC__
#define ORI_NOINLINE __attribute__((noinline))
#else
#define ORI_NOINLINE
#endif

#ifdef JSMN_H
#error \
    "or.h includes jsmn.h itself, with its own settings: remove your include of jsmn.h before or.h"
#endif
#ifndef OR_JSMN_H
#define OR_JSMN_H <jsmn.h>
#endif
#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include OR_JSMN_H

/* >> base ------------------------------------------------------------- */

const char *or_err_text(or_err e)
{
    switch (e) {
#define ORI_X(name, value, text)                                                   \
    case OR_##name: return text;
        OR_ERRORS(ORI_X)
#undef ORI_X
    }
    return "unknown error";
}

or_str or_str_of(const char *ptr, size_t len)
{
    or_str s;
    s.ptr = ptr;
    s.len = len;
    return s;
}

or_str or_str_z(const char *z)
{
    size_t n = 0;
    if (z != NULL)
        while (z[n] != 0) n++;
    return or_str_of(z, n);
}

bool or_str_eq(or_str a, or_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static char ori_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool or_str_eq_nocase(or_str a, or_str b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (ori_lower(a.ptr[i]) != ori_lower(b.ptr[i])) return false;
    return true;
}

size_t or_str_find(or_str s, or_str needle, size_t from)
{
    for (size_t i = from; i <= s.len && needle.len <= s.len - i; i++)
        if (needle.len == 0 || memcmp(s.ptr + i, needle.ptr, needle.len) == 0) return i;
    return s.len;
}

static bool ori_blank(char c)
{
    return c == ' ' || c == '\t';
}

or_str or_str_trim(or_str s)
{
    while (s.len > 0 && ori_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && ori_blank(s.ptr[s.len - 1])) s.len--;
    return s;
}

bool or_str_eq_secret(or_str a, or_str b)
{
    volatile unsigned char diff = 0;
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        diff = (unsigned char)(diff | ((unsigned char)a.ptr[i] ^ (unsigned char)b.ptr[i]));
    return diff == 0;
}

void or_wipe(void *ptr, size_t len)
{
#ifdef __GNUC__
    if (len > 0) memset(ptr, 0, len);
    __asm__ volatile("" : : "r"(ptr) : "memory"); /* who knows who reads it: it has to be done */
#else
    volatile unsigned char *p = (volatile unsigned char *)ptr;
    while (len-- > 0) *p++ = 0;
#endif
}

/* What every allocation is rounded to: enough for any scalar type. */
typedef union ori_align {
    void    *p;
    uint64_t u;
    size_t   s;
} ori_align;

/* Header of a block that came from the allocator. */
typedef struct ori_block {
    unsigned char *prev_base; /* the block that was current before */
    size_t         prev_size;
} ori_block;

#define ORI_ROUND(n)   (((n) + sizeof(ori_align) - 1) / sizeof(ori_align) * sizeof(ori_align))
#define ORI_MIN_BLOCK  ((size_t)4096)

void or_arena_init_growing(or_arena *a, void *mem, size_t size, const or_allocator *allocator)
{
    memset(a, 0, sizeof *a);
    /* a block that is not aligned gives up its first bytes */
    size_t skew = (size_t)((uintptr_t)mem % sizeof(ori_align));
    size_t skip = skew != 0 ? sizeof(ori_align) - skew : 0;
    if (mem != NULL && size > skip) {
        a->base = (unsigned char *)mem + skip;
        a->size = size - skip;
    }
    a->first = a->base;
    a->first_size = a->size;
    a->allocator = allocator;
}

void or_arena_init(or_arena *a, void *mem, size_t size)
{
    or_arena_init_growing(a, mem, size, NULL);
}

static bool ori_arena_grow(or_arena *a, size_t need)
{
    size_t size;
    if (a->allocator == NULL || !or_add_size(need, ORI_ROUND(sizeof(ori_block)), &size))
        return false;
    if (size < ORI_MIN_BLOCK) size = ORI_MIN_BLOCK;
    if (size < SIZE_MAX / 2 && a->size > size / 2)
        size = a->size < SIZE_MAX / 4 ? a->size * 2 : size;
    if (size < need) return false;
    unsigned char *mem = (unsigned char *)a->allocator->alloc(a->allocator->user, size);
    if (mem == NULL) return false;
    ori_block head;
    head.prev_base = a->base;
    head.prev_size = a->size;
    memcpy(mem, &head, sizeof head);
    a->base = mem;
    a->size = size;
    a->used = ORI_ROUND(sizeof(ori_block));
    return true;
}

void *or_arena_alloc(or_arena *a, size_t size)
{
    size_t need = size;
    if (size > SIZE_MAX - sizeof(ori_align)) return NULL;
    need = ORI_ROUND(size == 0 ? 1 : size);
    if ((a->base == NULL || need > a->size - a->used) && !ori_arena_grow(a, need)) return NULL;
    void *p = a->base + a->used;
    a->used += need;
    a->total += need;
    if (a->total > a->peak) a->peak = a->total;
    return p;
}

void or_arena_reset(or_arena *a)
{
    while (a->base != a->first) {
        ori_block head;
        memcpy(&head, a->base, sizeof head);
        a->allocator->free(a->allocator->user, a->base, a->size);
        a->base = head.prev_base;
        a->size = head.prev_size;
    }
    a->used = 0;
    a->total = 0;
}

void or_buf_init(or_buf *b, void *mem, size_t cap)
{
    memset(b, 0, sizeof *b);
    b->ptr = (char *)mem;
    b->cap = mem != NULL ? cap : 0;
    b->max = b->cap;
}

void or_buf_init_growing(or_buf *b, const or_allocator *allocator, size_t max)
{
    memset(b, 0, sizeof *b);
    b->allocator = allocator;
    b->max = max;
}

void or_buf_init_counting(or_buf *b)
{
    memset(b, 0, sizeof *b);
    b->counting = true;
}

static or_err ori_buf_fail(or_buf *b, or_err e)
{
    if (b->err == OR_OK) b->err = e;
    return b->err;
}

or_err or_buf_reserve(or_buf *b, size_t n)
{
    size_t need, cap;
    if (b->err != OR_OK) return b->err;
    if (b->counting) return ori_buf_fail(b, OR_ERR_ARG);
    if (n <= b->cap - b->len) return OR_OK;
    if (!or_add_size(b->len, n, &need) || need > b->max || b->allocator == NULL)
        return ori_buf_fail(b, OR_ERR_SPACE);
    cap = b->cap < b->max / 2 ? b->cap * 2 : b->max;
    if (cap < 256 && b->max >= 256) cap = 256;
    if (cap < need) cap = need;
    char *ptr = (char *)b->allocator->alloc(b->allocator->user, cap);
    if (ptr == NULL) return ori_buf_fail(b, OR_ERR_MEMORY);
    if (b->len > 0) memcpy(ptr, b->ptr, b->len);
    if (b->ptr != NULL) b->allocator->free(b->allocator->user, b->ptr, b->cap);
    b->ptr = ptr;
    b->cap = cap;
    return OR_OK;
}

or_err or_buf_put(or_buf *b, const void *ptr, size_t len)
{
    if (b->err != OR_OK || len == 0) return b->err;
    if (b->counting)
        return or_add_size(b->len, len, &b->len) ? OR_OK : ori_buf_fail(b, OR_ERR_RANGE);
    if (len > b->cap - b->len && or_buf_reserve(b, len) != OR_OK) return b->err;
    memcpy(b->ptr + b->len, ptr, len);
    b->len += len;
    return OR_OK;
}

ORI_NOINLINE or_err or_buf_put_str(or_buf *b, or_str s)
{
    return or_buf_put(b, s.ptr, s.len);
}

ORI_NOINLINE or_err or_buf_put_z(or_buf *b, const char *z)
{
    return or_buf_put_str(b, or_str_z(z));
}

ORI_NOINLINE or_err or_buf_put_char(or_buf *b, char c)
{
    if (b->err != OR_OK || b->len >= b->cap) return or_buf_put(b, &c, 1);
    b->ptr[b->len++] = c;
    return OR_OK;
}

/* Decimal digits of n at the end of d; returns where they start. */
static size_t ori_digits(char d[20], uint64_t n)
{
    size_t i = 20;
    do {
        d[--i] = (char)('0' + (char)(n % 10));
        n /= 10;
    } while (n != 0);
    return i;
}

/* |n| without overflow at INT64_MIN */
static uint64_t ori_abs(int64_t n)
{
    return n < 0 ? (uint64_t)(-(n + 1)) + 1 : (uint64_t)n;
}

or_err or_buf_put_u64(or_buf *b, uint64_t n)
{
    char   d[20];
    size_t i = ori_digits(d, n);
    return or_buf_put(b, d + i, sizeof d - i);
}

or_err or_buf_put_i64(or_buf *b, int64_t n)
{
    if (n < 0) or_buf_put_char(b, '-');
    return or_buf_put_u64(b, ori_abs(n));
}

void or_buf_take(or_buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
        return;
    }
    if (!b->counting && n > 0) memmove(b->ptr, b->ptr + n, b->len - n);
    b->len -= n;
}

or_str or_buf_str(const or_buf *b)
{
    return or_str_of(b->ptr != NULL ? b->ptr : "", b->counting ? 0 : b->len);
}

void or_buf_clear(or_buf *b)
{
    b->len = 0;
    b->err = OR_OK;
}

void or_buf_free(or_buf *b)
{
    if (b->allocator == NULL) return;
    if (b->ptr != NULL) b->allocator->free(b->allocator->user, b->ptr, b->cap);
    b->ptr = NULL;
    b->len = b->cap = 0;
}

bool or_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a > UINT64_MAX - b) return false;
    *out = a + b;
    return true;
}

bool or_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b != 0 && a > UINT64_MAX / b) return false;
    *out = a * b;
    return true;
}

bool or_add_i64(int64_t a, int64_t b, int64_t *out)
{
    if (b >= 0 ? a > INT64_MAX - b : a < INT64_MIN - b) return false;
    *out = a + b;
    return true;
}

bool or_mul_i64(int64_t a, int64_t b, int64_t *out)
{
    uint64_t u;
    bool     negative = (a < 0) != (b < 0);
    if (!or_mul_u64(ori_abs(a), ori_abs(b), &u)) return false;
    if (u > (uint64_t)INT64_MAX + (negative ? 1u : 0u)) return false;
    *out = !negative ? (int64_t)u : u == 0 ? 0 : -(int64_t)(u - 1) - 1;
    return true;
}

bool or_add_size(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b) return false;
    *out = a + b;
    return true;
}

bool or_mul_size(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b) return false;
    *out = a * b;
    return true;
}

uint64_t or_sat_add_u64(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

int32_t or_ms_diff(uint32_t a, uint32_t b)
{
    uint32_t d = b - a;
    return d <= INT32_MAX ? (int32_t)d : -(int32_t)(UINT32_MAX - d) - 1;
}

static bool ori_digit(char c)
{
    return c >= '0' && c <= '9';
}

or_err or_u64_read(or_str s, uint64_t *out)
{
    uint64_t n = 0;
    if (s.len == 0) return OR_ERR_ARG;
    for (size_t i = 0; i < s.len; i++)
        if (!ori_digit(s.ptr[i])) return OR_ERR_ARG;
    for (size_t i = 0; i < s.len; i++) {
        if (!or_mul_u64(n, 10, &n) || !or_add_u64(n, (uint64_t)(s.ptr[i] - '0'), &n))
            return OR_ERR_RANGE;
    }
    *out = n;
    return OR_OK;
}

/* The parts of a JSON number. */
typedef struct ori_number {
    bool   negative;
    or_str whole, fraction; /* digits */
    or_str exponent;        /* digits, may be empty */
    bool   exponent_negative;
} ori_number;

/* Take the digits at the start of *s. */
static or_str ori_take_digits(or_str *s)
{
    size_t n = 0;
    while (n < s->len && ori_digit(s->ptr[n])) n++;
    or_str digits = or_str_of(s->ptr, n);
    s->ptr += n;
    s->len -= n;
    return digits;
}

static bool ori_take_char(or_str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c) return false;
    s->ptr++;
    s->len--;
    return true;
}

/* Take a number by the grammar of RFC 8259 section 6 from the start of *s. */
static bool ori_take_number(or_str *s, ori_number *n)
{
    memset(n, 0, sizeof *n);
    n->negative = ori_take_char(s, '-');
    n->whole = ori_take_digits(s);
    if (n->whole.len == 0 || (n->whole.len > 1 && n->whole.ptr[0] == '0')) return false;
    if (ori_take_char(s, '.')) {
        n->fraction = ori_take_digits(s);
        if (n->fraction.len == 0) return false;
    }
    if (ori_take_char(s, 'e') || ori_take_char(s, 'E')) {
        n->exponent_negative = ori_take_char(s, '-');
        if (!n->exponent_negative) (void)ori_take_char(s, '+');
        n->exponent = ori_take_digits(s);
        if (n->exponent.len == 0) return false;
    }
    return true;
}

static or_err ori_decimal(or_str s, unsigned scale, bool exact, int64_t *out)
{
    ori_number n;
    uint64_t   exponent = 0, value = 0;
    bool       up = false;
    if (s.len == 0 || scale > 18 || !ori_take_number(&s, &n) || s.len != 0) return OR_ERR_ARG;
    if (n.exponent.len > 0 && or_u64_read(n.exponent, &exponent) != OR_OK) exponent = UINT64_MAX;

    /* The digits are whole then fraction; `shift` counts how many digits of the
       result lie to the right of the last one given. */
    uint64_t digits = (uint64_t)n.whole.len + n.fraction.len;
    bool     zero = true;
    for (uint64_t i = 0; i < digits && zero; i++)
        zero = (i < n.whole.len ? n.whole.ptr[i] : n.fraction.ptr[i - n.whole.len]) == '0';
    if (zero) {
        *out = 0;
        return OR_OK;
    }
    if (exponent > (uint64_t)INT32_MAX || digits > (uint64_t)INT32_MAX) return OR_ERR_RANGE;
    int64_t shift = (n.exponent_negative ? -(int64_t)exponent : (int64_t)exponent) +
                    (int64_t)scale - (int64_t)n.fraction.len;

    for (uint64_t i = 0; i < digits; i++) {
        char c = i < n.whole.len ? n.whole.ptr[i] : n.fraction.ptr[i - n.whole.len];
        bool below = (int64_t)(digits - i) + shift <= 0; /* smaller than 10^-scale */
        if (below && c != '0' && exact) return OR_ERR_RANGE;
        if (below) {
            up = up || ((int64_t)(digits - i) + shift == 0 && c >= '5');
            continue;
        }
        if (!or_mul_u64(value, 10, &value) || !or_add_u64(value, (uint64_t)(c - '0'), &value))
            return OR_ERR_RANGE;
    }
    for (; shift > 0; shift--)
        if (!or_mul_u64(value, 10, &value)) return OR_ERR_RANGE;
    if (up) value++; /* what was cut off is not what came near UINT64_MAX */
    if (value > (uint64_t)INT64_MAX + (n.negative ? 1u : 0u)) return OR_ERR_RANGE;
    *out = !n.negative ? (int64_t)value : value == 0 ? 0 : -(int64_t)(value - 1) - 1;
    return OR_OK;
}

or_err or_decimal_read(or_str s, unsigned scale, int64_t *out)
{
    return ori_decimal(s, scale, true, out);
}

or_err or_decimal_round(or_str s, unsigned scale, int64_t *out)
{
    return ori_decimal(s, scale, false, out);
}

or_err or_decimal_put(or_buf *out, int64_t n, unsigned scale)
{
    char   d[20];
    char   text[42];
    size_t len = 0, first = ori_digits(d, ori_abs(n)), have = sizeof d - first;
    if (scale > 18) return ori_buf_fail(out, OR_ERR_ARG);
    if (n < 0) text[len++] = '-';
    if (have > scale) {
        memcpy(text + len, d + first, have - scale);
        len += have - scale;
    } else {
        text[len++] = '0';
    }
    /* fraction: leading zeros, then the last digits, without trailing zeros */
    size_t end = sizeof d;
    while (end > first && end > sizeof d - scale && d[end - 1] == '0') end--;
    if (n != 0 && end > sizeof d - scale) {
        text[len++] = '.';
        for (size_t i = sizeof d - scale; i < end; i++) text[len++] = i < first ? '0' : d[i];
    }
    return or_buf_put(out, text, len);
}

/* >> json ------------------------------------------------------------- */

const char *or_json_type_text(or_json_type type)
{
    switch (type) {
    case OR_JSON_NONE: return "nothing";
    case OR_JSON_NULL: return "null";
    case OR_JSON_FALSE: return "false";
    case OR_JSON_TRUE: return "true";
    case OR_JSON_NUMBER: return "a number";
    case OR_JSON_STRING: return "a string";
    case OR_JSON_ARRAY: return "an array";
    case OR_JSON_OBJECT: return "an object";
    case OR_JSON_END: return "the end of a container";
    }
    return "nothing";
}

/* What the next byte has to begin. */
enum {
    ORI_JSON_VALUE,       /* a value: the root, or after ':' or ',' in an array */
    ORI_JSON_FIRST_VALUE, /* a value or ']' */
    ORI_JSON_KEY,         /* a name: after ',' in an object */
    ORI_JSON_FIRST_KEY,   /* a name or '}' */
    ORI_JSON_NEXT,        /* ',' or the closing bracket */
    ORI_JSON_AFTER        /* nothing but white space: the root is over */
};

void or_json_scan_init(or_json_scan *s, or_str text)
{
    memset(s, 0, sizeof *s);
    s->start = s->at = text.ptr;
    s->end = text.ptr != NULL ? text.ptr + text.len : NULL;
    s->state = ORI_JSON_VALUE;
}

static or_err ori_json_fail(or_json_scan *s, const char *at, or_err e)
{
    s->at = at;
    s->err = e;
    return e;
}

/* Malformed at p, or cut there when p is the end. */
static or_err ori_json_bad(or_json_scan *s, const char *p)
{
    return ori_json_fail(s, p, p == s->end ? OR_ERR_TRUNCATED : OR_ERR_JSON);
}

static bool ori_json_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *ori_json_skip_space(const char *p, const char *end)
{
    while (p < end && ori_json_space(*p)) p++;
    return p;
}

static bool ori_json_in_object(const or_json_scan *s)
{
    unsigned i = (unsigned)s->depth - 1;
    return s->depth > 0 && (s->is_object[i / 8] >> (i % 8) & 1) != 0;
}

#define ORI_JSON_ONES  ((uint64_t)0x0101010101010101u)
#define ORI_JSON_HIGHS (ORI_JSON_ONES * 0x80)

/* Some byte of w is zero: a bit in ORI_JSON_HIGHS at the first such. */
static uint64_t ori_json_has_zero(uint64_t w)
{
    return (w - ORI_JSON_ONES) & ~w & ORI_JSON_HIGHS;
}

/* Is one of the eight bytes at p something else than plain string text? */
static bool ori_json_special(const char *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return (ori_json_has_zero(w ^ ORI_JSON_ONES * '"') |
            ori_json_has_zero(w ^ ORI_JSON_ONES * '\\') |
            ((w - ORI_JSON_ONES * 0x20) & ~w & ORI_JSON_HIGHS) | (w & ORI_JSON_HIGHS)) != 0;
}

/* The first byte in [p, end) that is not plain string text: '"', '\\', a control byte or
   the start of a character outside ASCII. Most of a large body is spent here. */
static const char *ori_json_plain(const char *p, const char *end)
{
#ifdef ORI_SSE2
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* as signed bytes, what is outside ASCII is below the space too */
        __m128i special = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
                                       _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                                    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
        unsigned mask = (unsigned)_mm_movemask_epi8(special);
        if (mask != 0) return p + __builtin_ctz(mask);
        p += 16;
    }
#endif
    if (end - p >= 8) { /* words; the last one begins among bytes that were seen already */
        const char *last = end - 8, *at = p;
        while (!ori_json_special(at)) {
            p = at + 8;
            if (p == end) return end;
            at = p < last ? p : last;
        }
    }
    for (; p < end; p++) {
        unsigned c = (unsigned char)*p;
        if (c - 0x20u >= 0x60u || c == '"' || c == '\\') break;
    }
    return p;
}

static bool ori_json_continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Length of the UTF-8 character at p (not ASCII); 0 malformed, -1 cut at the end.
   Source: RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF. */
static int ori_json_utf8_len(const char *p, const char *end)
{
    unsigned char c = (unsigned char)*p;
    unsigned char low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned char high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    int n = c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    if (n == 0) return 0;
    for (int i = 1; i < n; i++) {
        if (p + i == end) return -1;
        if (i == 1 && ((unsigned char)p[1] < low || (unsigned char)p[1] > high)) return 0;
        if (!ori_json_continues(p[i])) return 0;
    }
    return n;
}

/* Skip characters outside ASCII; those of three bytes (most scripts of Asia) without a call.
   Stops at ASCII, at the end, or at what is no character (*n is then ori_json_utf8_len's word). */
static const char *ori_json_utf8_skip(const char *p, const char *end, int *n)
{
    *n = 1;
    while (p < end && (unsigned char)*p >= 0x80) {
        unsigned char c = (unsigned char)*p;
        if (end - p >= 3 && c > 0xE0 && c < 0xF0 && c != 0xED && ori_json_continues(p[1]) &&
            ori_json_continues(p[2])) {
            p += 3;
            continue;
        }
        *n = ori_json_utf8_len(p, end);
        if (*n <= 0) break;
        p += *n;
    }
    return p;
}

static int ori_json_hex(char c)
{
    if (ori_digit(c)) return c - '0';
    c = ori_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Check the escape at p (a backslash); its length, 0 when malformed (*bad is where). */
static size_t ori_json_escape(const char *p, const char *end, const char **bad)
{
    *bad = p + 1;
    if (p + 1 == end) return 0;
    if (p[1] != 'u') {
        for (const char *e = "\"\\/bfnrt"; *e != 0; e++)
            if (p[1] == *e) return 2;
        return 0;
    }
    for (int i = 2; i < 6; i++) {
        *bad = p + i;
        if (p + i == end || ori_json_hex(p[i]) < 0) return 0;
    }
    return 6;
}

/* Read a string whose opening quote is at s->at: its raw text, and s->at behind it. */
static or_err ori_json_string(or_json_scan *s, or_str *raw, bool *escaped)
{
    const char *p = s->at + 1, *bad;
    *escaped = false;
    for (;;) {
        p = ori_json_plain(p, s->end);
        if (p == s->end) return ori_json_fail(s, p, OR_ERR_TRUNCATED);
        if (*p == '"') break;
        if (*p == '\\') {
            size_t n = ori_json_escape(p, s->end, &bad);
            if (n == 0) return ori_json_bad(s, bad);
            *escaped = true;
            p += n;
        } else if ((unsigned char)*p < 0x20) {
            return ori_json_fail(s, p, OR_ERR_JSON);
        } else {
            int n;
            p = ori_json_utf8_skip(p, s->end, &n);
            if (n <= 0) return ori_json_fail(s, p, n < 0 ? OR_ERR_TRUNCATED : OR_ERR_UTF8);
        }
    }
    *raw = or_str_of(s->at + 1, (size_t)(p - s->at - 1));
    s->at = p + 1;
    return OR_OK;
}

static or_err ori_json_literal(or_json_scan *s, const char *word, or_json_item *item,
                               or_json_type type)
{
    const char *p = s->at;
    for (; *word != 0; word++, p++)
        if (p == s->end || *p != *word) return ori_json_bad(s, p);
    item->type = type;
    item->value = or_str_of(s->at, (size_t)(p - s->at));
    s->at = p;
    return OR_OK;
}

static or_err ori_json_number(or_json_scan *s, or_json_item *item)
{
    or_str     rest = or_str_of(s->at, (size_t)(s->end - s->at));
    ori_number n;
    bool       good = ori_take_number(&rest, &n);
    if (!good) return ori_json_bad(s, rest.ptr);
    item->type = OR_JSON_NUMBER;
    item->value = or_str_of(s->at, (size_t)(rest.ptr - s->at));
    s->at = rest.ptr;
    return OR_OK;
}

static or_err ori_json_open(or_json_scan *s, or_json_item *item, bool object)
{
    if (s->depth == OR_JSON_MAX_DEPTH) return ori_json_fail(s, s->at, OR_ERR_DEPTH);
    uint8_t bit = (uint8_t)(1u << (s->depth % 8));
    uint8_t *byte = &s->is_object[s->depth / 8];
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    s->depth++;
    s->state = object ? ORI_JSON_FIRST_KEY : ORI_JSON_FIRST_VALUE;
    item->type = object ? OR_JSON_OBJECT : OR_JSON_ARRAY;
    item->value = or_str_of(s->at, 1);
    s->at++;
    return OR_OK;
}

static or_err ori_json_close(or_json_scan *s, or_json_item *item)
{
    item->type = OR_JSON_END;
    item->value = or_str_of(s->at, 1);
    s->at++;
    s->depth--;
    item->depth = s->depth;
    s->state = s->depth > 0 ? ORI_JSON_NEXT : ORI_JSON_AFTER;
    return OR_OK;
}

/* The value at s->at. */
static or_err ori_json_value(or_json_scan *s, or_json_item *item)
{
    or_err e;
    item->depth = s->depth;
    switch (*s->at) {
    case '{': return ori_json_open(s, item, true);
    case '[': return ori_json_open(s, item, false);
    case '"':
        item->type = OR_JSON_STRING;
        e = ori_json_string(s, &item->value, &item->escaped);
        break;
    case 't': e = ori_json_literal(s, "true", item, OR_JSON_TRUE); break;
    case 'f': e = ori_json_literal(s, "false", item, OR_JSON_FALSE); break;
    case 'n': e = ori_json_literal(s, "null", item, OR_JSON_NULL); break;
    default: e = ori_json_number(s, item); break;
    }
    if (e == OR_OK) s->state = s->depth > 0 ? ORI_JSON_NEXT : ORI_JSON_AFTER;
    return e;
}

/* The name at s->at with its colon; then the value comes. */
static or_err ori_json_key(or_json_scan *s, or_json_item *item)
{
    if (*s->at != '"') return ori_json_bad(s, s->at);
    or_err e = ori_json_string(s, &item->key, &item->key_escaped);
    if (e != OR_OK) return e;
    s->at = ori_json_skip_space(s->at, s->end);
    if (s->at == s->end || *s->at != ':') return ori_json_bad(s, s->at);
    s->at = ori_json_skip_space(s->at + 1, s->end);
    if (s->at == s->end) return ori_json_bad(s, s->at);
    return ori_json_value(s, item);
}

or_err or_json_scan_next(or_json_scan *s, or_json_item *item)
{
    memset(item, 0, sizeof *item);
    if (s->err != OR_OK) return s->err;
    s->at = ori_json_skip_space(s->at, s->end);
    if (s->state == ORI_JSON_AFTER)
        return s->at == s->end ? OR_DONE : ori_json_fail(s, s->at, OR_ERR_JSON);
    if (s->at == s->end) return ori_json_bad(s, s->at);
    char close = ori_json_in_object(s) ? '}' : ']';
    if (s->state == ORI_JSON_NEXT) {
        if (*s->at == close) return ori_json_close(s, item);
        if (*s->at != ',') return ori_json_bad(s, s->at);
        s->at = ori_json_skip_space(s->at + 1, s->end);
        s->state = close == '}' ? ORI_JSON_KEY : ORI_JSON_VALUE;
        if (s->at == s->end) return ori_json_bad(s, s->at);
    } else if (s->state == ORI_JSON_FIRST_KEY || s->state == ORI_JSON_FIRST_VALUE) {
        if (*s->at == close) return ori_json_close(s, item);
    }
    bool key = s->state == ORI_JSON_FIRST_KEY || s->state == ORI_JSON_KEY;
    return key ? ori_json_key(s, item) : ori_json_value(s, item);
}

or_err or_json_scan_skip(or_json_scan *s, or_json_item *item)
{
    or_json_item inner;
    if (item->type != OR_JSON_ARRAY && item->type != OR_JSON_OBJECT) return s->err;
    while (s->err == OR_OK && s->depth > item->depth) (void)or_json_scan_next(s, &inner);
    if (s->err == OR_OK) item->value.len = (size_t)(s->at - item->value.ptr);
    return s->err;
}

or_err or_json_check(or_str text, size_t *at)
{
    or_json_scan s;
    or_json_item item;
    or_json_scan_init(&s, text);
    or_err e = or_json_scan_next(&s, &item);
    if (e == OR_OK) e = or_json_scan_skip(&s, &item);
    if (e == OR_OK) e = or_json_scan_next(&s, &item);
    if (at != NULL) *at = text.ptr != NULL ? (size_t)(s.at - s.start) : 0;
    return e == OR_DONE ? OR_OK : e;
}

or_err or_json_members(or_str text, or_json_member *members, uint32_t max, uint32_t *num,
                       size_t *at)
{
    or_json_scan s;
    or_json_item item;
    or_err       e;
    *num = 0;
    or_json_scan_init(&s, text);
    e = or_json_scan_next(&s, &item);
    if (e == OR_OK && item.type != OR_JSON_OBJECT) e = OR_ERR_TYPE;
    while (e == OR_OK && (e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (item.type == OR_JSON_END) continue;
        or_json_type type = item.type;
        const char  *value = item.value.ptr;
        if ((e = or_json_scan_skip(&s, &item)) != OR_OK) break;
        if (*num == max) {
            e = OR_ERR_TOKENS;
            break;
        }
        if (type == OR_JSON_STRING) value--; /* the quotes belong to it here */
        members[*num].name = item.key;
        members[*num].value = or_str_of(value, (size_t)(s.at - value));
        members[(*num)++].type = type;
    }
    if (at != NULL) *at = text.ptr != NULL ? (size_t)(s.at - s.start) : 0;
    return e == OR_DONE ? OR_OK : e;
}

const or_json_member *or_json_member_find(const or_json_member *members, uint32_t num, or_str name,
                                          or_err *e)
{
    const or_json_member *found = NULL;
    if (e != NULL) *e = OR_OK;
    for (uint32_t i = 0; i < num; i++) {
        if (!or_json_str_is(members[i].name, name)) continue;
        if (found == NULL) found = &members[i];
        else if (e != NULL) *e = OR_ERR_DUPLICATE;
    }
    return found;
}

/* A list of pieces being made; neighbours in memory become one. */
typedef struct ori_json_pieces {
    or_str  *list;
    uint32_t max, num;
    or_err   err;
} ori_json_pieces;

static void ori_json_piece(ori_json_pieces *p, const char *from, const char *to)
{
    if (from == to || p->err != OR_OK) return;
    if (p->num > 0 && p->list[p->num - 1].ptr + p->list[p->num - 1].len == from) {
        p->list[p->num - 1].len += (size_t)(to - from);
    } else if (p->num == p->max) {
        p->err = OR_ERR_SPACE;
    } else {
        p->list[p->num++] = or_str_of(from, (size_t)(to - from));
    }
}

static void ori_json_piece_str(ori_json_pieces *p, or_str s)
{
    ori_json_piece(p, s.ptr, s.ptr + s.len);
}

/* Can this name stand between quotes as it is, and does no other edit have it? */
static bool ori_json_edit_ok(const or_json_edit *edits, uint32_t num, uint32_t i)
{
    or_str      name = edits[i].name;
    const char *end = name.ptr + name.len;
    if (ori_json_plain(name.ptr, end) != end) return false;
    for (uint32_t j = i + 1; j < num; j++)
        if (or_str_eq(edits[j].name, name)) return false;
    return true;
}

static uint32_t ori_json_edit_of(const or_json_edit *edits, uint32_t num, or_str name)
{
    uint32_t i = 0;
    while (i < num && !or_json_str_is(name, edits[i].name)) i++;
    return i;
}

/* Did an earlier member have the name of edit e? */
static bool ori_json_seen(const or_json_member *members, uint32_t before, const or_json_edit *e)
{
    for (uint32_t i = 0; i < before; i++)
        if (or_json_str_is(members[i].name, e->name)) return true;
    return false;
}

or_err or_json_splice(or_str text, const or_json_member *members, uint32_t num,
                      const or_json_edit *edits, uint32_t num_edits, or_str *pieces, uint32_t max,
                      uint32_t *num_pieces)
{
    ori_json_pieces  p;
    const char *end = text.ptr + text.len;
    const char *at = ori_json_skip_space(text.ptr, end) + 1; /* behind '{' */
    bool        any = false; /* a member was kept */
    p.list = pieces;
    p.max = max;
    p.num = 0;
    p.err = OR_OK;
    *num_pieces = 0;
    for (uint32_t i = 0; i < num_edits; i++)
        if (!ori_json_edit_ok(edits, num_edits, i)) return OR_ERR_ARG;
    ori_json_piece(&p, text.ptr, at);
    for (uint32_t i = 0; i < num; i++) {
        const or_json_member *m = &members[i];
        const char *name = m->name.ptr - 1, *value_end = m->value.ptr + m->value.len;
        uint32_t    k = ori_json_edit_of(edits, num_edits, m->name);
        bool        edited = k < num_edits;
        if (!edited || (edits[k].value.ptr != NULL && !ori_json_seen(members, i, &edits[k]))) {
            if (!any && i > 0) at = name; /* the comma in front belonged to a removed one */
            any = true;
            ori_json_piece(&p, at, edited ? m->value.ptr : value_end);
            if (edited) ori_json_piece_str(&p, edits[k].value);
        }
        at = value_end;
    }
    for (uint32_t k = 0; k < num_edits; k++) {
        if (edits[k].value.ptr == NULL || ori_json_seen(members, num, &edits[k])) continue;
        ori_json_piece_str(&p, any ? OR_STR(",\"") : OR_STR("\""));
        ori_json_piece_str(&p, edits[k].name);
        ori_json_piece_str(&p, OR_STR("\":"));
        ori_json_piece_str(&p, edits[k].value);
        any = true;
    }
    ori_json_piece(&p, at, end);
    *num_pieces = p.num;
    return p.err;
}

static or_json_type ori_json_type_of(const jsmntok_t *t, const char *text)
{
    if (t->type == JSMN_OBJECT) return OR_JSON_OBJECT;
    if (t->type == JSMN_ARRAY) return OR_JSON_ARRAY;
    if (t->type == JSMN_STRING) return OR_JSON_STRING;
    switch (text[t->start]) {
    case 't': return OR_JSON_TRUE;
    case 'f': return OR_JSON_FALSE;
    case 'n': return OR_JSON_NULL;
    default: return OR_JSON_NUMBER;
    }
}

/* Tokens are made in place: the memory of each jsmn token becomes ours. */
typedef char ori_json_tok_fits[sizeof(or_json_tok) >= sizeof(jsmntok_t) ? 1 : -1];

static or_err ori_json_tokens(or_json_doc *doc, void *mem, uint32_t num)
{
    jsmn_parser parser;
    char       *bytes = (char *)mem;
    jsmn_init(&parser);
    if (jsmn_parse(&parser, doc->text.ptr, doc->text.len, (jsmntok_t *)mem, num) != (int)num)
        return OR_ERR_JSON; /* cannot be: the scan saw exactly these */
    for (uint32_t i = 0; i < num; i++) {
        jsmntok_t   from;
        or_json_tok to;
        memcpy(&from, bytes + i * sizeof to, sizeof from);
        to.type = (int)ori_json_type_of(&from, doc->text.ptr);
        to.start = from.start;
        to.end = from.end;
        to.size = from.size;
        to.parent = from.parent;
        memcpy(bytes + i * sizeof to, &to, sizeof to);
    }
    return OR_OK;
}

or_err or_json_parse(or_json_doc *doc, or_str text, uint32_t max_tokens, or_arena *arena)
{
    or_json_scan s;
    or_json_item item, root;
    uint32_t     num = 0;
    size_t       size;
    or_err       e;
    memset(doc, 0, sizeof *doc);
    memset(&root, 0, sizeof root);
    doc->text = text;
    if (text.len > (size_t)INT_MAX) return OR_ERR_RANGE;
    or_json_scan_init(&s, text);
    while ((e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (num == 0) root = item;
        if (item.type != OR_JSON_END) num += item.key.ptr != NULL ? 2 : 1;
        if (max_tokens != 0 && num > max_tokens) {
            e = OR_ERR_TOKENS;
            break;
        }
    }
    doc->at = text.ptr != NULL ? (size_t)(s.at - s.start) : 0;
    if (e != OR_DONE) return e;
    if (!or_mul_size(num, sizeof(or_json_tok), &size)) return OR_ERR_SPACE;
    or_json_tok *tok = (or_json_tok *)or_arena_alloc(arena, size);
    if (tok == NULL) return arena->allocator != NULL ? OR_ERR_MEMORY : OR_ERR_SPACE;
    doc->tok = tok;
    doc->num = (int)num;
    if (root.type == OR_JSON_OBJECT || root.type == OR_JSON_ARRAY)
        return ori_json_tokens(doc, tok, num);
    tok->type = (int)root.type; /* jsmn in strict mode has no scalars at the root */
    tok->start = (int)(root.value.ptr - text.ptr);
    tok->end = tok->start + (int)root.value.len;
    tok->size = 0;
    tok->parent = -1;
    return OR_OK;
}

or_json_type or_json_type_at(const or_json_doc *doc, int tok)
{
    return tok >= 0 && tok < doc->num ? (or_json_type)doc->tok[tok].type : OR_JSON_NONE;
}

int or_json_first(const or_json_doc *doc, int tok)
{
    or_json_type type = or_json_type_at(doc, tok);
    if (type != OR_JSON_ARRAY && type != OR_JSON_OBJECT) return -1;
    return doc->tok[tok].size > 0 ? tok + 1 : -1;
}

int or_json_next(const or_json_doc *doc, int tok)
{
    if (tok < 0 || tok >= doc->num) return -1;
    int parent = doc->tok[tok].parent, end = doc->tok[tok].end, i = tok + 1;
    if (doc->tok[tok].size == 1 && doc->tok[tok].type == OR_JSON_STRING) { /* a name */
        end = doc->tok[i].end;
        i++;
    }
    while (i < doc->num && doc->tok[i].start < end) i++;
    return i < doc->num && doc->tok[i].parent == parent ? i : -1;
}

static or_str ori_json_text(const or_json_doc *doc, int tok)
{
    const or_json_tok *t = &doc->tok[tok];
    return or_str_of(doc->text.ptr + t->start, (size_t)(t->end - t->start));
}

or_str or_json_raw(const or_json_doc *doc, int tok)
{
    if (or_json_type_at(doc, tok) == OR_JSON_NONE) return or_str_of(NULL, 0);
    or_str s = ori_json_text(doc, tok);
    if (doc->tok[tok].type == OR_JSON_STRING) {
        s.ptr--;
        s.len += 2;
    }
    return s;
}

/* Does the raw name equal the reference token of a JSON Pointer, with its ~0 and ~1? */
static bool ori_json_name_is(or_str raw, const char *ref, size_t len)
{
    char   plain[64];
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = ref[i];
        if (n == sizeof plain) return false;
        if (c == '~' && i + 1 < len) c = ref[++i] == '1' ? '/' : '~';
        plain[n++] = c;
    }
    return or_json_str_is(raw, or_str_of(plain, n));
}

static int ori_json_step(const or_json_doc *doc, int tok, const char *ref, size_t len)
{
    uint64_t index;
    int      i = or_json_first(doc, tok);
    if (or_json_type_at(doc, tok) == OR_JSON_OBJECT) {
        while (i >= 0 && !ori_json_name_is(ori_json_text(doc, i), ref, len))
            i = or_json_next(doc, i);
        return i >= 0 ? i + 1 : -1;
    }
    if (or_u64_read(or_str_of(ref, len), &index) != OR_OK || (len > 1 && *ref == '0')) return -1;
    while (i >= 0 && index-- > 0) i = or_json_next(doc, i);
    return i;
}

int or_json_find(const or_json_doc *doc, int from, const char *pointer)
{
    while (from >= 0 && *pointer == '/') {
        size_t len = 0;
        pointer++;
        while (pointer[len] != 0 && pointer[len] != '/') len++;
        from = ori_json_step(doc, from, pointer, len);
        pointer += len;
    }
    return from >= 0 && from < doc->num && *pointer == 0 ? from : -1;
}

static uint32_t ori_json_hex4(const char *p)
{
    uint32_t n = 0;
    for (int i = 0; i < 4; i++) n = n << 4 | (uint32_t)ori_json_hex(p[i]);
    return n;
}

/* Undo the escape at *p (validated); the code point, *p behind it. */
static uint32_t ori_json_unescape_one(const char **p, const char *end)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char              c = (*p)[1];
    if (c != 'u') {
        *p += 2;
        for (int i = 0; i < 5; i++)
            if (c == from[i]) return (uint32_t)to[i];
        return (uint32_t)c;
    }
    uint32_t high = ori_json_hex4(*p + 2);
    *p += 6;
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        uint32_t low = ori_json_hex4(*p + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *p += 6;
            return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return 0xFFFD;
}

static size_t ori_json_utf8_put(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | c);
    return n;
}

or_err or_json_unescape(or_str raw, char *buf, size_t cap, or_str *out)
{
    const char *p = raw.ptr, *end = p + raw.len;
    size_t      len = 0;
    while (p < end) {
        char        piece[4];
        const char *from = p;
        size_t      n;
        if (*p == '\\') {
            n = ori_json_utf8_put(ori_json_unescape_one(&p, end), piece);
            from = piece;
        } else {
            while (p < end && *p != '\\') p++;
            n = (size_t)(p - from);
        }
        if (n > cap - len) return OR_ERR_SPACE;
        memcpy(buf + len, from, n);
        len += n;
    }
    *out = or_str_of(buf, len);
    return OR_OK;
}

static bool ori_json_escaped(or_str raw)
{
    const char *p = raw.ptr, *end;
    if (raw.len == 0) return false; /* absent: no arithmetic with its pointer */
    end = p + raw.len;
    while ((p = ori_json_plain(p, end)) < end && *p != '\\') p++;
    return p < end;
}

bool or_json_str_is(or_str raw, or_str plain)
{
    if (raw.len == 0) return plain.len == 0; /* absent: no arithmetic with its pointer */
    if (raw.len < plain.len) return false;   /* an escape is longer than what it stands for */
    if (raw.len == plain.len) /* with an escape it would stand for less */
        return memcmp(raw.ptr, plain.ptr, raw.len) == 0 && !ori_json_escaped(raw);
    const char *p = raw.ptr, *end = p + raw.len;
    size_t      at = 0;
    while (p < end) {
        if (*p != '\\') {
            if (at == plain.len || *p++ != plain.ptr[at++]) return false;
            continue;
        }
        char   piece[4];
        size_t n = ori_json_utf8_put(ori_json_unescape_one(&p, end), piece);
        if (n > plain.len - at || memcmp(plain.ptr + at, piece, n) != 0) return false;
        at += n;
    }
    return at == plain.len;
}

bool or_json_str_is_z(or_str raw, const char *plain)
{
    size_t i = 0;
    while (i < raw.len && raw.ptr[i] == plain[i] && plain[i] != '\\' && plain[i] != 0) i++;
    if (i == raw.len || raw.ptr[i] != '\\') return i == raw.len && plain[i] == 0;
    return or_json_str_is(or_str_of(raw.ptr + i, raw.len - i), or_str_z(plain + i));
}

or_err or_json_get_str(const or_json_doc *doc, int tok, or_arena *arena, or_str *out)
{
    or_json_type type = or_json_type_at(doc, tok);
    if (type != OR_JSON_STRING) return type == OR_JSON_NONE ? OR_ERR_ABSENT : OR_ERR_TYPE;
    or_str raw = ori_json_text(doc, tok);
    *out = raw;
    if (!ori_json_escaped(raw)) return OR_OK;
    char *buf = (char *)or_arena_alloc(arena, raw.len);
    if (buf == NULL) return arena->allocator != NULL ? OR_ERR_MEMORY : OR_ERR_SPACE;
    return or_json_unescape(raw, buf, raw.len, out);
}

or_err or_json_get_decimal(const or_json_doc *doc, int tok, unsigned scale, int64_t *out)
{
    or_json_type type = or_json_type_at(doc, tok);
    if (type == OR_JSON_NONE) return OR_ERR_ABSENT;
    if (type != OR_JSON_NUMBER && type != OR_JSON_STRING) return OR_ERR_TYPE;
    or_err e = or_decimal_read(ori_json_text(doc, tok), scale, out);
    return e == OR_ERR_ARG ? OR_ERR_TYPE : e;
}

or_err or_json_get_i64(const or_json_doc *doc, int tok, int64_t *out)
{
    if (or_json_type_at(doc, tok) == OR_JSON_STRING) return OR_ERR_TYPE;
    return or_json_get_decimal(doc, tok, 0, out);
}

or_err or_json_get_u64(const or_json_doc *doc, int tok, uint64_t *out)
{
    int64_t n;
    if (or_json_type_at(doc, tok) == OR_JSON_NUMBER &&
        or_u64_read(ori_json_text(doc, tok), out) == OR_OK)
        return OR_OK;
    or_err e = or_json_get_i64(doc, tok, &n);
    if (e == OR_OK && n < 0) e = OR_ERR_RANGE;
    if (e == OR_OK) *out = (uint64_t)n;
    return e;
}

or_err or_json_get_bool(const or_json_doc *doc, int tok, bool *out)
{
    or_json_type type = or_json_type_at(doc, tok);
    if (type == OR_JSON_NONE) return OR_ERR_ABSENT;
    if (type != OR_JSON_TRUE && type != OR_JSON_FALSE) return OR_ERR_TYPE;
    *out = type == OR_JSON_TRUE;
    return OR_OK;
}

/* What the writer expects next. */
enum {
    ORI_JSON_PUT_ROOT,
    ORI_JSON_PUT_FIRST,
    ORI_JSON_PUT_MORE,
    ORI_JSON_PUT_VALUE,
    ORI_JSON_PUT_TEXT,
    ORI_JSON_PUT_KEY_TEXT,
    ORI_JSON_PUT_DONE
};

void or_json_writer_init(or_json_writer *w, or_buf *out)
{
    memset(w, 0, sizeof *w);
    w->out = out;
}

static or_err ori_json_put_fail(or_json_writer *w, or_err e)
{
    if (w->err == OR_OK) w->err = e;
    return w->err;
}

static bool ori_json_put_in_object(const or_json_writer *w)
{
    unsigned i = (unsigned)w->depth - 1;
    return w->depth > 0 && (w->is_object[i / 8] >> (i % 8) & 1) != 0;
}

/* A value may come here: write the comma that it needs. */
static bool ori_json_put_begin_value(or_json_writer *w)
{
    if (w->err != OR_OK) return false;
    bool element = !ori_json_put_in_object(w) && w->depth > 0;
    if (w->state == ORI_JSON_PUT_ROOT || w->state == ORI_JSON_PUT_VALUE ||
        (element && w->state == ORI_JSON_PUT_FIRST))
        return true;
    if (element && w->state == ORI_JSON_PUT_MORE) {
        or_buf_put_char(w->out, ',');
        return true;
    }
    (void)ori_json_put_fail(w, OR_ERR_ARG);
    return false;
}

static or_err ori_json_put_end_value(or_json_writer *w)
{
    w->state = w->depth > 0 ? ORI_JSON_PUT_MORE : ORI_JSON_PUT_DONE;
    return w->out->err != OR_OK ? ori_json_put_fail(w, w->out->err) : w->err;
}

static or_err ori_json_put_plain(or_json_writer *w, or_str text)
{
    if (!ori_json_put_begin_value(w)) return w->err;
    or_buf_put_str(w->out, text);
    return ori_json_put_end_value(w);
}

static or_err ori_json_put_open(or_json_writer *w, bool object)
{
    if (!ori_json_put_begin_value(w)) return w->err;
    if (w->depth == OR_JSON_MAX_DEPTH) return ori_json_put_fail(w, OR_ERR_DEPTH);
    uint8_t  bit = (uint8_t)(1u << (w->depth % 8));
    uint8_t *byte = &w->is_object[w->depth / 8];
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    w->depth++;
    w->state = ORI_JSON_PUT_FIRST;
    or_buf_put_char(w->out, object ? '{' : '[');
    return w->out->err != OR_OK ? ori_json_put_fail(w, w->out->err) : OR_OK;
}

static or_err ori_json_put_close(or_json_writer *w, bool object)
{
    if (w->err != OR_OK) return w->err;
    if (w->depth == 0 || ori_json_put_in_object(w) != object ||
        (w->state != ORI_JSON_PUT_FIRST && w->state != ORI_JSON_PUT_MORE))
        return ori_json_put_fail(w, OR_ERR_ARG);
    w->depth--;
    or_buf_put_char(w->out, object ? '}' : ']');
    return ori_json_put_end_value(w);
}

or_err or_json_begin_object(or_json_writer *w)
{
    return ori_json_put_open(w, true);
}

or_err or_json_end_object(or_json_writer *w)
{
    return ori_json_put_close(w, true);
}

or_err or_json_begin_array(or_json_writer *w)
{
    return ori_json_put_open(w, false);
}

or_err or_json_end_array(or_json_writer *w)
{
    return ori_json_put_close(w, false);
}

/* A string that needs nothing but its quotes, as most names and ids do, with what stands around
   it: behind a name a colon. False: it is not one, and nothing was written. */
static bool ori_json_put_whole(or_json_writer *w, bool comma, or_str text, bool name)
{
    or_buf *out = w->out;
    size_t  room = out->cap - out->len;
    if (out->err != OR_OK || out->counting || room < 4 || room - 4 < text.len || text.len == 0 ||
        ori_json_plain(text.ptr, text.ptr + text.len) != text.ptr + text.len)
        return false;
    char *to = out->ptr + out->len; /* one that counts has none */
    if (comma) *to++ = ',';
    *to++ = '"';
    memcpy(to, text.ptr, text.len);
    to += text.len;
    *to++ = '"';
    if (name) *to++ = ':';
    out->len = (size_t)(to - out->ptr);
    return true;
}

/* Text of a string, escaped and checked. */
static or_err ori_json_put_text(or_json_writer *w, or_str text)
{
    static const char hex[] = "0123456789abcdef", from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
    const char       *p = text.ptr, *end = p + text.len;
    while (p < end && w->err == OR_OK) {
        const char *plain = ori_json_plain(p, end);
        or_buf_put(w->out, p, (size_t)(plain - p));
        p = plain;
        if (p == end) break;
        unsigned char c = (unsigned char)*p;
        if (c >= 0x80) {
            int n;
            plain = ori_json_utf8_skip(p, end, &n);
            if (n <= 0) return ori_json_put_fail(w, OR_ERR_UTF8);
            or_buf_put(w->out, p, (size_t)(plain - p));
            p = plain;
            continue;
        }
        char   escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        size_t n = 6;
        for (int i = 0; i < 7; i++)
            if (*p == from[i]) {
                escape[1] = to[i];
                n = 2;
            }
        or_buf_put(w->out, escape, n);
        p++;
    }
    return w->out->err != OR_OK ? ori_json_put_fail(w, w->out->err) : w->err;
}

or_err or_json_put_key(or_json_writer *w, or_str name)
{
    if (w->err != OR_OK) return w->err;
    if (!ori_json_put_in_object(w) ||
        (w->state != ORI_JSON_PUT_FIRST && w->state != ORI_JSON_PUT_MORE))
        return ori_json_put_fail(w, OR_ERR_ARG);
    bool more = w->state == ORI_JSON_PUT_MORE;
    w->state = ORI_JSON_PUT_VALUE;
    if (ori_json_put_whole(w, more, name, true)) return OR_OK;
    if (more) or_buf_put_char(w->out, ',');
    or_buf_put_char(w->out, '"');
    if (ori_json_put_text(w, name) != OR_OK) return w->err;
    or_buf_put(w->out, "\":", 2);
    return w->out->err != OR_OK ? ori_json_put_fail(w, w->out->err) : OR_OK;
}

or_err or_json_begin_str(or_json_writer *w)
{
    if (!ori_json_put_begin_value(w)) return w->err;
    or_buf_put_char(w->out, '"');
    w->state = ORI_JSON_PUT_TEXT;
    return w->out->err != OR_OK ? ori_json_put_fail(w, w->out->err) : OR_OK;
}

or_err or_json_put_part(or_json_writer *w, or_str part)
{
    if (w->err != OR_OK) return w->err;
    if (w->state != ORI_JSON_PUT_TEXT) return ori_json_put_fail(w, OR_ERR_ARG);
    if (part.len == 0) return OR_OK; /* it may be absent: no arithmetic on NULL */
    return ori_json_put_text(w, part);
}

or_err or_json_end_str(or_json_writer *w)
{
    if (w->err != OR_OK) return w->err;
    if (w->state != ORI_JSON_PUT_TEXT) return ori_json_put_fail(w, OR_ERR_ARG);
    or_buf_put_char(w->out, '"');
    return ori_json_put_end_value(w);
}

or_err or_json_put_str(or_json_writer *w, or_str value)
{
    if (w->state == ORI_JSON_PUT_VALUE && w->err == OR_OK &&
        ori_json_put_whole(w, false, value, false))
        return ori_json_put_end_value(w);
    (void)or_json_begin_str(w);
    (void)or_json_put_part(w, value);
    return or_json_end_str(w);
}

or_err or_json_put_i64(or_json_writer *w, int64_t value)
{
    return or_json_put_decimal(w, value, 0);
}

or_err or_json_put_u64(or_json_writer *w, uint64_t value)
{
    char   d[20];
    size_t i = ori_digits(d, value);
    return ori_json_put_plain(w, or_str_of(d + i, sizeof d - i));
}

or_err or_json_put_bool(or_json_writer *w, bool value)
{
    return ori_json_put_plain(w, value ? OR_STR("true") : OR_STR("false"));
}

or_err or_json_put_null(or_json_writer *w)
{
    return ori_json_put_plain(w, OR_STR("null"));
}

or_err or_json_put_decimal(or_json_writer *w, int64_t value, unsigned scale)
{
    char   text[42];
    or_buf b;
    or_buf_init(&b, text, sizeof text);
    if (or_decimal_put(&b, value, scale) != OR_OK) return ori_json_put_fail(w, b.err);
    return ori_json_put_plain(w, or_buf_str(&b));
}

or_err or_json_put_raw(or_json_writer *w, or_str json)
{
    or_err e = or_json_check(json, NULL);
    if (e != OR_OK) return ori_json_put_fail(w, e);
    return ori_json_put_plain(w, json);
}

or_err or_json_writer_end(const or_json_writer *w)
{
    if (w->err != OR_OK) return w->err;
    return w->state == ORI_JSON_PUT_DONE ? OR_OK : OR_ERR_ARG;
}

/* >> http ------------------------------------------------------------- */

/* What a byte may be part of.
   TOKEN  methods and field names (RFC 9110 section 5.6.2)
   TEXT   field values, reasons, chunk extensions: printable, space, tab, 0x80 and up
   URL    targets: printable ASCII but space " # < > and backslash. More than RFC 3986
          has, since browsers send | { } ^ [ ] in queries
   HOST   names in an authority */
enum { ORI_HTTP_TOKEN = 1, ORI_HTTP_TEXT = 2, ORI_HTTP_URL = 4, ORI_HTTP_HOST = 8 };

static const uint8_t ori_http_class[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    2, 7, 2, 3, 7, 7, 7, 7, 6, 6, 7, 7, 6, 15, 15, 6,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 6, 2, 6, 2, 6,
    6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 2, 6, 7, 15,
    7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 7, 6, 7, 0,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
};

static bool ori_http_is(char c, unsigned what)
{
    return (ori_http_class[(unsigned char)c] & what) != 0;
}

/* The value of a hexadecimal digit; 16 for another byte. */
static unsigned ori_http_hex(char c)
{
    if (ori_digit(c)) return (unsigned)(c - '0');
    c = ori_lower(c);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* How many bytes at the start of s are of that class. */
static size_t ori_http_span(or_str s, unsigned what)
{
    size_t n = 0;
    for (; s.len - n >= 4; n += 4) { /* most of the time for a head is spent here */
        if (!ori_http_is(s.ptr[n], what)) return n;
        if (!ori_http_is(s.ptr[n + 1], what)) return n + 1;
        if (!ori_http_is(s.ptr[n + 2], what)) return n + 2;
        if (!ori_http_is(s.ptr[n + 3], what)) return n + 3;
    }
    while (n < s.len && ori_http_is(s.ptr[n], what)) n++;
    return n;
}

/* How many bytes of s stand before the first a or b. */
static size_t ori_http_until(or_str s, char a, char b)
{
    size_t n = 0;
    while (n < s.len && s.ptr[n] != a && s.ptr[n] != b) n++;
    return n;
}

static or_str ori_http_tail(or_str s, size_t n)
{
    return or_str_of(s.ptr + n, s.len - n);
}

/* Take what stands before the first '/' or '?' off *s. */
static or_str ori_http_take_authority(or_str *s)
{
    size_t n = ori_http_until(*s, '/', '?');
    or_str authority = or_str_of(s->ptr, n);
    *s = ori_http_tail(*s, n);
    return authority;
}

/* Take "http://" or "https://" off *s. */
static bool ori_http_take_scheme(or_str *s, bool *tls)
{
    size_t n = s->len >= 8 && ori_lower(s->ptr[4]) == 's' ? 8 : 7;
    if (s->len < n) return false;
    *tls = n == 8;
    if (!or_str_eq_nocase(or_str_of(s->ptr, n), *tls ? OR_STR("https://") : OR_STR("http://")))
        return false;
    *s = ori_http_tail(*s, n);
    return true;
}

static void ori_http_split_query(or_str s, or_str *path, or_str *query)
{
    size_t n = ori_http_until(s, '?', '?');
    *path = or_str_of(s.ptr, n);
    *query = n < s.len ? ori_http_tail(s, n + 1) : or_str_of(NULL, 0);
}

/* The length of the host at the start of s, brackets included; 0 when there is none. */
static size_t ori_http_host_size(or_str s)
{
    size_t n = 1;
    if (s.len == 0 || s.ptr[0] != '[') return ori_http_span(s, ORI_HTTP_HOST);
    while (n < s.len && (ori_http_hex(s.ptr[n]) < 16 || s.ptr[n] == ':' || s.ptr[n] == '.')) n++;
    return n > 2 && n < s.len && s.ptr[n] == ']' ? n + 1 : 0;
}

or_err or_host_read(or_str text, or_str *host, uint16_t *port)
{
    uint64_t number = 0;
    size_t   n = ori_http_host_size(text);
    if (n == 0) return OR_ERR_URL;
    if (n < text.len) {
        or_str digits = ori_http_tail(text, n + 1);
        if (text.ptr[n] != ':' || digits.len > 5 || or_u64_read(digits, &number) != OR_OK ||
            number == 0 || number > 65535)
            return OR_ERR_URL;
    }
    *host = text.ptr[0] == '[' ? or_str_of(text.ptr + 1, n - 2) : or_str_of(text.ptr, n);
    *port = (uint16_t)number;
    return OR_OK;
}

or_err or_url_read(or_str text, or_url *url)
{
    or_str rest = text;
    if (ori_http_span(text, ORI_HTTP_URL) != text.len || !ori_http_take_scheme(&rest, &url->tls))
        return OR_ERR_URL;
    url->authority = ori_http_take_authority(&rest);
    if (or_host_read(url->authority, &url->host, &url->port) != OR_OK) return OR_ERR_URL;
    if (url->port == 0) url->port = url->tls ? 443 : 80;
    ori_http_split_query(rest, &url->path, &url->query);
    while (url->path.len > 0 && url->path.ptr[url->path.len - 1] == '/') url->path.len--;
    return OR_OK;
}

/* Where the next byte belongs. */
enum {
    ORI_HTTP_START,         /* a message, or an empty line before a request */
    ORI_HTTP_SKIPPED,       /* a message, after that empty line */
    ORI_HTTP_INTERIM,       /* a head, after one with a 1xx status */
    ORI_HTTP_LINES,         /* inside a head */
    ORI_HTTP_LENGTH,        /* a body; h->left more bytes */
    ORI_HTTP_UNTIL_CLOSE,   /* a body; h->left more bytes are allowed */
    ORI_HTTP_SIZE,          /* digits of a chunk size; h->line_size so far */
    ORI_HTTP_EXTENSION,     /* chunk extensions; h->line_size bytes so far */
    ORI_HTTP_SIZE_LF,       /* the LF after them */
    ORI_HTTP_DATA,          /* a chunk; h->left more bytes */
    ORI_HTTP_DATA_CR,       /* the CR after a chunk */
    ORI_HTTP_DATA_LF,       /* its LF */
    ORI_HTTP_TRAILER,       /* a trailer field, or the empty line that ends the body */
    ORI_HTTP_TRAILER_NAME,  /* h->line_size counts all trailer bytes */
    ORI_HTTP_TRAILER_VALUE,
    ORI_HTTP_TRAILER_LF,
    ORI_HTTP_LAST_LF,       /* the LF of the empty line */
    ORI_HTTP_COMPLETE,      /* no more of this message: END is due */
    ORI_HTTP_OVER           /* nothing: the connection served its last message */
};

/* Bits of h->seen. */
enum {
    ORI_HTTP_HAS_HOST = 1,
    ORI_HTTP_HAS_LENGTH = 2,
    ORI_HTTP_HAS_CODING = 4,
    ORI_HTTP_HAS_CLOSE = 8,
    ORI_HTTP_HAS_KEEP_ALIVE = 16
};

void or_http_init(or_http *h, or_http_role role, const or_http_limits *limits)
{
    memset(h, 0, sizeof *h);
    if (limits != NULL) h->limits = *limits;
    if (h->limits.max_head == 0) h->limits.max_head = OR_HTTP_MAX_HEAD;
    if (h->limits.max_fields == 0) h->limits.max_fields = OR_HTTP_MAX_FIELDS;
    if (h->limits.max_body == 0) h->limits.max_body = UINT64_MAX;
    h->role = (uint8_t)role;
    h->state = ORI_HTTP_START;
}

void or_http_expect_no_body(or_http *h)
{
    h->no_body = true;
}

static or_err ori_http_fail(or_http *h, or_err e, uint16_t answer)
{
    h->err = e;
    h->answer = answer;
    return e;
}

static or_err ori_http_bad(or_http *h)
{
    return ori_http_fail(h, OR_ERR_HTTP, 400);
}

/* Exactly HTTP/1.0 or HTTP/1.1. */
static or_err ori_http_version(or_http *h, or_str v)
{
    if (v.len != 8 || memcmp(v.ptr, "HTTP/", 5) != 0 || !ori_digit(v.ptr[5]) || v.ptr[6] != '.' ||
        !ori_digit(v.ptr[7]))
        return ori_http_bad(h);
    if (v.ptr[5] != '1' || v.ptr[7] > '1') return ori_http_fail(h, OR_ERR_HTTP, 505);
    h->head.minor = (uint8_t)(v.ptr[7] - '0');
    return OR_OK;
}

/* Split head->target into path, query and, of an absolute target, host. */
static bool ori_http_target(or_http_head *head)
{
    or_str   rest = head->target, host;
    uint16_t port;
    bool     tls;
    head->path = rest;
    if (or_str_eq(head->method, OR_STR("CONNECT"))) return false;
    if (or_str_eq(rest, OR_STR("*"))) return or_str_eq(head->method, OR_STR("OPTIONS"));
    if (rest.len == 0 || rest.ptr[0] != '/') {
        if (!ori_http_take_scheme(&rest, &tls)) return false;
        head->host = ori_http_take_authority(&rest);
        if (or_host_read(head->host, &host, &port) != OR_OK) return false;
    }
    ori_http_split_query(rest, &head->path, &head->query);
    if (head->path.len == 0) head->path = OR_STR("/");
    return true;
}

static or_err ori_http_request_line(or_http *h, or_str line)
{
    or_http_head *head = &h->head;
    size_t        n = ori_http_span(line, ORI_HTTP_TOKEN);
    if (n == 0 || n == line.len || line.ptr[n] != ' ') return ori_http_bad(h);
    head->method = or_str_of(line.ptr, n);
    line = ori_http_tail(line, n + 1);
    n = ori_http_span(line, ORI_HTTP_URL);
    if (n == line.len || line.ptr[n] != ' ') return ori_http_bad(h);
    head->target = or_str_of(line.ptr, n);
    if (!ori_http_target(head)) return ori_http_bad(h);
    return ori_http_version(h, ori_http_tail(line, n + 1));
}

/* The space after the status may be missing when there is no reason: servers do that,
   and nothing depends on it. */
static or_err ori_http_status_line(or_http *h, or_str line)
{
    uint64_t status;
    if (line.len < 12) return ori_http_bad(h);
    if (ori_http_version(h, or_str_of(line.ptr, 8)) != OR_OK) return h->err;
    if (line.ptr[8] != ' ' || or_u64_read(or_str_of(line.ptr + 9, 3), &status) != OR_OK ||
        status < 100 || status == 101 || (line.len > 12 && line.ptr[12] != ' '))
        return ori_http_bad(h);
    h->head.status = (uint16_t)status;
    h->head.reason = ori_http_tail(line, line.len > 12 ? 13 : 12);
    return OR_OK;
}

static or_err ori_http_first_line(or_http *h, or_str line)
{
    return h->role == OR_HTTP_SERVER ? ori_http_request_line(h, line)
                                     : ori_http_status_line(h, line);
}

static or_err ori_http_read_host(or_http *h, or_str value)
{
    or_str   host;
    uint16_t port;
    if ((h->seen & ORI_HTTP_HAS_HOST) != 0) return ori_http_bad(h);
    if (value.len > 0 && or_host_read(value, &host, &port) != OR_OK) return ori_http_bad(h);
    h->seen |= ORI_HTTP_HAS_HOST;
    if (h->head.host.ptr == NULL) h->head.host = value;
    return OR_OK;
}

/* Twice is refused even when equal: of "5, 5" some readers take one, some none. */
static or_err ori_http_read_length(or_http *h, or_str value)
{
    if ((h->seen & ORI_HTTP_HAS_LENGTH) != 0) return ori_http_bad(h);
    h->seen |= ORI_HTTP_HAS_LENGTH;
    if (or_u64_read(value, &h->head.content_length) != OR_OK ||
        h->head.content_length == OR_HTTP_NO_LENGTH)
        return ori_http_bad(h);
    return OR_OK;
}

static or_err ori_http_read_coding(or_http *h, or_str value)
{
    if ((h->seen & ORI_HTTP_HAS_CODING) != 0 || !or_str_eq_nocase(value, OR_STR("chunked")))
        return ori_http_fail(h, OR_ERR_CODING, 501);
    h->seen |= ORI_HTTP_HAS_CODING;
    return OR_OK;
}

/* Take the first element of a comma-separated list off *list; false after the last. */
static bool ori_http_take_element(or_str *list, or_str *element)
{
    if (list->len == 0) return false;
    size_t n = ori_http_until(*list, ',', ',');
    *element = or_str_trim(or_str_of(list->ptr, n));
    *list = ori_http_tail(*list, n < list->len ? n + 1 : n);
    return true;
}

static void ori_http_read_connection(or_http *h, or_str value)
{
    or_str element;
    while (ori_http_take_element(&value, &element)) {
        if (or_str_eq_nocase(element, OR_STR("close"))) h->seen |= ORI_HTTP_HAS_CLOSE;
        if (or_str_eq_nocase(element, OR_STR("keep-alive"))) h->seen |= ORI_HTTP_HAS_KEEP_ALIVE;
    }
}

static void ori_http_read_expect(or_http *h, or_str value)
{
    or_str element;
    while (ori_http_take_element(&value, &element)) {
        if (or_str_eq_nocase(element, OR_STR("100-continue"))) h->head.expect_continue = true;
        else if (element.len > 0) h->head.expect_other = true;
    }
}

/* Is this name, of the same length, that lower-case one? Among TOKEN bytes only letters
   become a letter, and only '-' a '-', when bit 0x20 is set. */
static bool ori_http_name_is(or_str name, const char *lower)
{
    for (size_t i = 0; i < name.len; i++)
        if ((name.ptr[i] | 0x20) != lower[i]) return false;
    return true;
}

/* Act on the few fields that decide framing. */
static or_err ori_http_field_value(or_http *h, or_str name, or_str value)
{
    bool server = h->role == OR_HTTP_SERVER;
    switch (name.len) {
    case 4:
        if (server && ori_http_name_is(name, "host")) return ori_http_read_host(h, value);
        break;
    case 6:
        if (server && ori_http_name_is(name, "expect")) ori_http_read_expect(h, value);
        break;
    case 10:
        if (ori_http_name_is(name, "connection")) ori_http_read_connection(h, value);
        break;
    case 14:
        if (ori_http_name_is(name, "content-length")) return ori_http_read_length(h, value);
        break;
    case 17:
        if (ori_http_name_is(name, "transfer-encoding")) return ori_http_read_coding(h, value);
        break;
    }
    return OR_OK;
}

/* One of 32 bits, the same for a name in any case. */
static uint32_t ori_http_name_bit(or_str name)
{
    size_t first = (unsigned char)name.ptr[0] | 0x20u;
    size_t last = (unsigned char)name.ptr[name.len - 1] | 0x20u;
    return (uint32_t)1 << ((name.len + 5 * first + 3 * last) & 31);
}

/* The bytes of the line are TEXT; what is left to check is its shape. n: how many TOKEN
   bytes it starts with; 0 when that is not known. */
static or_err ori_http_field_line(or_http *h, or_str line, size_t n)
{
    if (n == 0) n = ori_http_span(line, ORI_HTTP_TOKEN);
    if (n == 0 || n == line.len || line.ptr[n] != ':') return ori_http_bad(h);
    if (h->head.num_fields >= h->limits.max_fields) return ori_http_fail(h, OR_ERR_HEAD, 431);
    h->head.num_fields++;
    h->head.names |= ori_http_name_bit(or_str_of(line.ptr, n));
    return ori_http_field_value(h, or_str_of(line.ptr, n), or_str_trim(ori_http_tail(line, n + 1)));
}

/* Does the status, or the method that was asked with, rule out a body? */
static bool ori_http_bodiless(const or_http *h)
{
    uint16_t status = h->head.status;
    return h->role == OR_HTTP_CLIENT &&
           (h->no_body || status < 200 || status == 204 || status == 304);
}

/* The head is whole: how long is its body, and does the connection live on?
   Sets the next state. Source: RFC 9112 sections 6.3, 9.3. */
static or_err ori_http_frame(or_http *h)
{
    or_http_head *head = &h->head;
    bool          has_length = (h->seen & ORI_HTTP_HAS_LENGTH) != 0;
    bool          has_coding = (h->seen & ORI_HTTP_HAS_CODING) != 0;
    if (has_coding && (has_length || head->minor == 0)) return ori_http_bad(h);
    if (h->role == OR_HTTP_SERVER && head->minor == 1 && (h->seen & ORI_HTTP_HAS_HOST) == 0)
        return ori_http_bad(h);

    head->keep_alive = (h->seen & ORI_HTTP_HAS_CLOSE) == 0 &&
                       (head->minor == 1 || (h->seen & ORI_HTTP_HAS_KEEP_ALIVE) != 0);
    h->left = head->content_length;
    h->state = ORI_HTTP_COMPLETE;
    if (ori_http_bodiless(h)) {
        /* whoever announces a body with a 204 may send it: do not read it as an answer */
        if (head->status == 204 && (has_coding || (has_length && h->left > 0)))
            head->keep_alive = false;
        if (head->status < 200) {
            if (h->interim++ == OR_HTTP_MAX_INTERIM) return ori_http_fail(h, OR_ERR_HEAD, 431);
            h->state = ORI_HTTP_INTERIM;
        }
    } else if (has_coding) {
        h->left = 0;
        h->state = ORI_HTTP_SIZE;
    } else if (has_length) {
        if (h->left > 0) h->state = ORI_HTTP_LENGTH;
    } else if (h->role == OR_HTTP_CLIENT) {
        h->left = h->limits.max_body;
        h->state = ORI_HTTP_UNTIL_CLOSE;
        head->keep_alive = false;
    }
    head->chunked = h->state == ORI_HTTP_SIZE;
    head->has_body = h->state != ORI_HTTP_COMPLETE && h->state != ORI_HTTP_INTERIM;
    head->expect_continue = head->expect_continue && head->minor == 1 && head->has_body;
    if (h->state == ORI_HTTP_LENGTH && h->left > h->limits.max_body)
        return ori_http_fail(h, OR_ERR_BODY, 413);
    return OR_OK;
}

/* The head is text[0..size). moved: earlier calls saw parts of it, perhaps elsewhere, so
   pointers into the lines read then are taken anew. */
static or_err ori_http_head_end(or_http *h, const char *text, size_t size, bool moved)
{
    or_http_head *head = &h->head;
    head->fields = or_str_of(text + h->fields_at, size - 2 - h->fields_at);
    if (moved) {
        head->host = or_str_of(NULL, 0);
        (void)ori_http_first_line(h, or_str_of(text, h->fields_at - 2));
        if (h->role == OR_HTTP_SERVER && head->host.ptr == NULL)
            head->host = or_http_field(head, OR_STR("host"), NULL);
    }
    return ori_http_frame(h);
}

/* The first byte in p[at..end) that is not TEXT; end when there is none. Looks at a
   word at a time: each sum or difference has a top bit set where a byte is 0x80 or more,
   0x7f, below 0x20. A tab or 0x80 stops the words too; the byte loop then passes it. */
static size_t ori_http_text_end(const char *p, size_t at, size_t end)
{
    const size_t ones = SIZE_MAX / 255;
    size_t       w;
    while (end - at >= sizeof w) {
        memcpy(&w, p + at, sizeof w);
        if ((w | (w + ones) | (w - ones * 0x20)) & (ones * 0x80)) break;
        at += sizeof w;
    }
    while (at < end && ori_http_is(p[at], ORI_HTTP_TEXT)) at++;
    return at;
}

/* One line of a head, without its CRLF, not empty; n as above. */
static or_err ori_http_line(or_http *h, or_str line, size_t n)
{
    if (h->line > 0) return ori_http_field_line(h, line, n);
    h->fields_at = (uint32_t)line.len + 2;
    return ori_http_first_line(h, line);
}

/* Read lines as far as they are complete; *size is that of the whole head on OR_OK. */
static or_err ori_http_lines(or_http *h, or_str in, size_t *size)
{
    bool   moved = h->scanned > 0;
    size_t end = in.len < h->limits.max_head ? in.len : h->limits.max_head;
    for (;;) {
        size_t at = h->scanned, name = 0;
        if (at == h->line && at > 0)
            name = ori_http_span(or_str_of(in.ptr + at, end - at), ORI_HTTP_TOKEN);
        at = ori_http_text_end(in.ptr, at + name, end);
        h->scanned = (uint32_t)at;
        if (at < end && in.ptr[at] != '\r') return ori_http_bad(h);
        if (end - at < 2) break;
        if (in.ptr[at + 1] != '\n') return ori_http_bad(h);
        h->scanned += 2;
        if (at == h->line) {
            *size = h->scanned;
            return at == 0 ? ori_http_bad(h) : ori_http_head_end(h, in.ptr, *size, moved);
        }
        if (ori_http_line(h, or_str_of(in.ptr + h->line, at - h->line), name) != OR_OK)
            return h->err;
        h->line = h->scanned;
    }
    if (end < h->limits.max_head) return OR_NEED_MORE;
    return ori_http_fail(h, OR_ERR_HEAD, h->line == 0 ? 414 : 431);
}

/* Is there an empty line before the request? OR_NEED_MORE: cannot be said yet. */
static or_err ori_http_skip_line(or_http *h, or_str *in)
{
    if (h->state != ORI_HTTP_START || h->role != OR_HTTP_SERVER || in->ptr[0] != '\r')
        return OR_OK;
    if (in->len < 2) return OR_NEED_MORE;
    if (in->ptr[1] == '\n') {
        h->state = ORI_HTTP_SKIPPED;
        *in = ori_http_tail(*in, 2);
    }
    return OR_OK;
}

/* Prepare for the head whose first byte is here. */
static void ori_http_begin(or_http *h)
{
    memset(&h->head, 0, sizeof h->head);
    h->head.content_length = OR_HTTP_NO_LENGTH;
    h->seen = 0;
    h->scanned = h->line = h->line_size = 0;
    h->left = h->body_size = 0;
    h->state = ORI_HTTP_LINES;
}

static or_err ori_http_head(or_http *h, or_str *in, or_http_event *ev)
{
    size_t size = 0;
    or_err e;
    if (in->len == 0) return OR_NEED_MORE;
    if (h->state != ORI_HTTP_LINES) {
        if (ori_http_skip_line(h, in) == OR_NEED_MORE || in->len == 0) return OR_NEED_MORE;
        ori_http_begin(h);
    }
    if (in->len < h->scanned) return ori_http_fail(h, OR_ERR_ARG, 500);
    e = ori_http_lines(h, *in, &size);
    if (e != OR_OK) return e;
    *in = ori_http_tail(*in, size);
    ev->kind = OR_HTTP_HEAD;
    return OR_OK;
}

static or_err ori_http_body(or_http *h, or_str *in, or_http_event *ev)
{
    size_t n = h->left < in->len ? (size_t)h->left : in->len;
    if (in->len == 0) return OR_NEED_MORE;
    if (n == 0) return ori_http_fail(h, OR_ERR_BODY, 413); /* UNTIL_CLOSE at its limit */
    ev->kind = OR_HTTP_BODY;
    ev->data = or_str_of(in->ptr, n);
    *in = ori_http_tail(*in, n);
    h->body_size += n;
    h->left -= n;
    if (h->left == 0 && h->state == ORI_HTTP_LENGTH) h->state = ORI_HTTP_COMPLETE;
    if (h->left == 0 && h->state == ORI_HTTP_DATA) h->state = ORI_HTTP_DATA_CR;
    return OR_OK;
}

/* The size is known and its line over. */
static or_err ori_http_chunk_begin(or_http *h)
{
    h->line_size = 0;
    h->state = h->left > 0 ? ORI_HTTP_DATA : ORI_HTTP_TRAILER;
    if (h->left > h->limits.max_body - h->body_size) return ori_http_fail(h, OR_ERR_BODY, 413);
    return OR_OK;
}

/* A byte of the size line. 16 digits, leading zeros included, cannot overflow. White
   space around the size, a sign, "0x" and '_' are what other readers' number parsers
   let pass. */
static bool ori_http_size_byte(or_http *h, char c)
{
    unsigned digit = ori_http_hex(c);
    if (h->state == ORI_HTTP_SIZE && digit < 16) {
        h->left = h->left << 4 | digit;
        return h->line_size++ < 16;
    }
    if (h->state == ORI_HTTP_SIZE) {
        if (h->line_size == 0 || (c != ';' && c != '\r')) return false;
        h->line_size = 0;
        h->state = ORI_HTTP_EXTENSION;
    }
    if (c == '\r') h->state = ORI_HTTP_SIZE_LF;
    return c == '\r' || (ori_http_is(c, ORI_HTTP_TEXT) && h->line_size++ < OR_HTTP_MAX_CHUNK_EXT);
}

/* A byte of a trailer line. */
static bool ori_http_trailer_byte(or_http *h, char c)
{
    if (h->state == ORI_HTTP_TRAILER && c == '\r') {
        h->state = ORI_HTTP_LAST_LF;
        return true;
    }
    if (h->line_size++ >= OR_HTTP_MAX_TRAILER) return false;
    switch (h->state) {
    case ORI_HTTP_TRAILER:
        h->state = ORI_HTTP_TRAILER_NAME;
        return ori_http_is(c, ORI_HTTP_TOKEN);
    case ORI_HTTP_TRAILER_NAME:
        if (c == ':') h->state = ORI_HTTP_TRAILER_VALUE;
        return c == ':' || ori_http_is(c, ORI_HTTP_TOKEN);
    case ORI_HTTP_TRAILER_VALUE:
        if (c == '\r') h->state = ORI_HTTP_TRAILER_LF;
        return c == '\r' || ori_http_is(c, ORI_HTTP_TEXT);
    }
    h->state = ORI_HTTP_TRAILER;
    return c == '\n';
}

/* A byte that must be exactly that one. */
static bool ori_http_expect(or_http *h, char c, char want, uint8_t next)
{
    h->state = next;
    return c == want;
}

/* One byte of what stands around chunks. */
static or_err ori_http_chunk_byte(or_http *h, char c)
{
    bool ok;
    switch (h->state) {
    case ORI_HTTP_SIZE:
    case ORI_HTTP_EXTENSION: ok = ori_http_size_byte(h, c); break;
    case ORI_HTTP_SIZE_LF:
        ok = c == '\n';
        if (ok) return ori_http_chunk_begin(h);
        break;
    case ORI_HTTP_DATA_CR: ok = ori_http_expect(h, c, '\r', ORI_HTTP_DATA_LF); break;
    case ORI_HTTP_DATA_LF: ok = ori_http_expect(h, c, '\n', ORI_HTTP_SIZE); break;
    case ORI_HTTP_LAST_LF: ok = ori_http_expect(h, c, '\n', ORI_HTTP_COMPLETE); break;
    default: ok = ori_http_trailer_byte(h, c); break;
    }
    return ok ? OR_OK : ori_http_fail(h, OR_ERR_CHUNK, 400);
}

/* What mostly stands between chunks, at once: the end of one, and a size without extensions. False:
   it is something else, or not all there, and nothing was taken. */
static bool ori_http_between(or_http *h, or_str *in)
{
    size_t   n = h->state == ORI_HTTP_DATA_CR ? 2 : 0, start = n;
    uint64_t size = 0;
    if (n == 0 ? h->state != ORI_HTTP_SIZE || h->line_size > 0
               : in->len < 2 || in->ptr[0] != '\r' || in->ptr[1] != '\n')
        return false;
    for (unsigned digit; n < in->len && n - start < 8; n++) {
        digit = ori_http_hex(in->ptr[n]);
        if (digit == 16) break;
        size = size << 4 | digit;
    }
    if (n == start || in->len - n < 2 || in->ptr[n] != '\r' || in->ptr[n + 1] != '\n') return false;
    *in = ori_http_tail(*in, n + 2);
    h->left = size;
    (void)ori_http_chunk_begin(h);
    return true;
}

static or_err ori_http_end(or_http *h, or_http_event *ev)
{
    h->state = h->head.keep_alive ? ORI_HTTP_START : ORI_HTTP_OVER;
    h->no_body = false;
    h->interim = 0;
    ev->kind = OR_HTTP_END;
    return OR_OK;
}

or_err or_http_next(or_http *h, or_str *in, or_http_event *ev)
{
    ev->data = or_str_of(NULL, 0);
    while (h->err == OR_OK) {
        switch (h->state) {
        case ORI_HTTP_START:
        case ORI_HTTP_SKIPPED:
        case ORI_HTTP_INTERIM:
        case ORI_HTTP_LINES: return ori_http_head(h, in, ev);
        case ORI_HTTP_LENGTH:
        case ORI_HTTP_UNTIL_CLOSE:
        case ORI_HTTP_DATA: return ori_http_body(h, in, ev);
        case ORI_HTTP_COMPLETE: return ori_http_end(h, ev);
        case ORI_HTTP_OVER: return OR_DONE;
        default:
            if (in->len == 0) return OR_NEED_MORE;
            if (ori_http_between(h, in)) break;
            (void)ori_http_chunk_byte(h, *in->ptr);
            *in = ori_http_tail(*in, 1);
        }
    }
    return h->err;
}

or_err or_http_eof(or_http *h, or_http_event *ev)
{
    ev->data = or_str_of(NULL, 0);
    if (h->err != OR_OK) return h->err;
    switch (h->state) {
    case ORI_HTTP_START:
    case ORI_HTTP_SKIPPED:
    case ORI_HTTP_OVER: h->err = OR_ERR_CLOSED; return h->err;
    case ORI_HTTP_UNTIL_CLOSE:
    case ORI_HTTP_COMPLETE:
        (void)ori_http_end(h, ev);
        h->state = ORI_HTTP_OVER;
        return OR_OK;
    }
    h->err = OR_ERR_TRUNCATED;
    return h->err;
}

bool or_http_field_next(const or_http_head *head, size_t *pos, or_str *name, or_str *value)
{
    if (*pos >= head->fields.len) return false;
    or_str rest = ori_http_tail(head->fields, *pos);
    size_t n = ori_http_span(rest, ORI_HTTP_TOKEN);
    size_t end = ori_http_text_end(rest.ptr, n, rest.len);
    /* never true for a head that was read */
    if (n == rest.len || rest.ptr[n] != ':' || end == rest.len) return false;
    *name = or_str_of(rest.ptr, n);
    *value = or_str_trim(or_str_of(rest.ptr + n + 1, end - n - 1));
    *pos += end + 2;
    return true;
}

or_str or_http_field(const or_http_head *head, or_str name, uint32_t *count)
{
    or_str   n, v, first = or_str_of(NULL, 0), fields = head->fields;
    size_t   pos = 0;
    uint32_t found = 0;
    if (head->names != 0 && name.len > 0 && (head->names & ori_http_name_bit(name)) == 0)
        pos = fields.len; /* most that are asked for are not there */
    while (fields.len - pos > name.len) {
        const char *line = fields.ptr + pos;
        /* most lines are passed over by where their colon is not */
        if (line[name.len] != ':' || !or_str_eq_nocase(or_str_of(line, name.len), name)) {
            pos = ori_http_text_end(fields.ptr, pos, fields.len) + 2;
            if (pos > fields.len) break; /* never true for a head that was read */
            continue;
        }
        if (!or_http_field_next(head, &pos, &n, &v)) break;
        if (found++ == 0) first = v;
        if (count == NULL) break;
    }
    if (count != NULL) *count = found;
    return first;
}

bool or_http_has_token(or_str list, or_str token)
{
    or_str element;
    while (ori_http_take_element(&list, &element))
        if (element.len > 0 && or_str_eq_nocase(element, token)) return true;
    return false;
}

/* Append all parts or, when they do not fit, none. */
static or_err ori_http_put(or_buf *out, const or_str *parts, size_t num)
{
    size_t size = 0;
    for (size_t i = 0; i < num; i++)
        if (!or_add_size(size, parts[i].len, &size)) return ori_buf_fail(out, OR_ERR_RANGE);
    if (!out->counting && or_buf_reserve(out, size) != OR_OK) return out->err;
    for (size_t i = 0; i < num; i++) or_buf_put(out, parts[i].ptr, parts[i].len);
    return out->err;
}

or_err or_http_put_request(or_buf *out, or_str method, or_str target, or_str host)
{
    or_http_head head;
    or_str       name;
    uint16_t     port;
    head.method = method;
    head.target = target;
    if (method.len == 0 || ori_http_span(method, ORI_HTTP_TOKEN) != method.len ||
        ori_http_span(target, ORI_HTTP_URL) != target.len || !ori_http_target(&head) ||
        or_host_read(host, &name, &port) != OR_OK)
        return ori_buf_fail(out, OR_ERR_ARG);
    or_str parts[6] = {method, OR_STR_INIT(" "), target, OR_STR_INIT(" HTTP/1.1\r\nHost: "),
                       host,   OR_STR_INIT("\r\n")};
    return ori_http_put(out, parts, 6);
}

or_err or_http_put_status(or_buf *out, uint16_t status)
{
    char digits[20];
    if (status < 100 || status > 999) return ori_buf_fail(out, OR_ERR_ARG);
    or_str parts[5] = {OR_STR_INIT("HTTP/1.1 "), {digits + ori_digits(digits, status), 3},
                       OR_STR_INIT(" "), or_str_z(or_http_reason(status)), OR_STR_INIT("\r\n")};
    return ori_http_put(out, parts, 5);
}

or_err or_http_put_field(or_buf *out, or_str name, or_str value)
{
    value = or_str_trim(value);
    if (name.len == 0 || ori_http_span(name, ORI_HTTP_TOKEN) != name.len ||
        ori_http_text_end(value.ptr, 0, value.len) != value.len)
        return ori_buf_fail(out, OR_ERR_ARG);
    or_str parts[4] = {name, OR_STR_INIT(": "), value, OR_STR_INIT("\r\n")};
    return ori_http_put(out, parts, 4);
}

or_err or_http_put_length(or_buf *out, uint64_t content_length)
{
    char   digits[20];
    size_t n = ori_digits(digits, content_length);
    if (content_length == OR_HTTP_NO_LENGTH) return ori_buf_fail(out, OR_ERR_ARG);
    return or_http_put_field(out, OR_STR("Content-Length"),
                             or_str_of(digits + n, sizeof digits - n));
}

or_err or_http_put_head_end(or_buf *out)
{
    return or_buf_put(out, "\r\n", 2);
}

size_t or_http_chunk_head(char line[18], size_t n)
{
    char   digits[16];
    size_t i = sizeof digits, len;
    if (n == 0) return 0;
    for (; n > 0; n >>= 4) digits[--i] = "0123456789abcdef"[n & 15];
    len = sizeof digits - i;
    memcpy(line, digits + i, len);
    memcpy(line + len, "\r\n", 2);
    return len + 2;
}

/* Source: RFC 9110 section 15; 425, 428, 429, 431, 511: RFC 8470, RFC 6585. */
const char *or_http_reason(uint16_t status)
{
    static const struct { uint16_t status; const char *text; } reasons[] = {
        {100, "Continue"}, {101, "Switching Protocols"}, {103, "Early Hints"},
        {200, "OK"}, {201, "Created"}, {202, "Accepted"},
        {203, "Non-Authoritative Information"}, {204, "No Content"}, {205, "Reset Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"}, {301, "Moved Permanently"}, {302, "Found"},
        {303, "See Other"}, {304, "Not Modified"}, {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"}, {401, "Unauthorized"}, {402, "Payment Required"},
        {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
        {406, "Not Acceptable"}, {407, "Proxy Authentication Required"},
        {408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"}, {411, "Length Required"},
        {412, "Precondition Failed"}, {413, "Content Too Large"}, {414, "URI Too Long"},
        {415, "Unsupported Media Type"}, {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"}, {421, "Misdirected Request"},
        {422, "Unprocessable Content"}, {425, "Too Early"}, {426, "Upgrade Required"},
        {428, "Precondition Required"}, {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
        {503, "Service Unavailable"}, {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"}, {511, "Network Authentication Required"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status) return reasons[i].text;
    return "Unknown";
}

/* >> sse -------------------------------------------------------------- */

/* Where the next byte belongs. BOM: still at the start of the stream, p->bom bytes of
   the mark seen. NAME: the field name, gathered in p->name. SPACE: right after the
   colon. VALUE: the rest of the line. SKIP: a comment, or a field without meaning.
   OVER: or_sse_end was called.

   The data of an event is in one of two places: `view`, a stretch of this call's input,
   as long as it is in one piece; else carry, and then all of it is there. */
enum {
    ORI_SSE_BOM,
    ORI_SSE_NAME,
    ORI_SSE_SPACE,
    ORI_SSE_VALUE,
    ORI_SSE_SKIP,
    ORI_SSE_OVER
};

enum { ORI_SSE_DATA, ORI_SSE_EVENT, ORI_SSE_ID, ORI_SSE_RETRY, ORI_SSE_ERROR, ORI_SSE_FIELDS };

/* None is longer than or_sse.name. */
static const or_str ori_sse_fields[ORI_SSE_FIELDS] = {
    OR_STR_INIT("data"), OR_STR_INIT("event"), OR_STR_INIT("id"), OR_STR_INIT("retry"),
    OR_STR_INIT("error"),
};

void or_sse_init(or_sse *p, or_buf *carry)
{
    memset(p, 0, sizeof *p);
    p->carry = carry;
    or_buf_clear(carry);
    if (carry->counting) p->err = OR_ERR_ARG;
}

static void ori_skip(or_str *s, size_t n)
{
    s->ptr += n;
    s->len -= n;
}

static bool ori_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* Not zero when one of the bytes at p is below 0x0E: the top bit of the first such byte
   is then set. Bits above it mean nothing, since the subtraction may have borrowed. */
static size_t ori_word_low(const char *p)
{
    size_t w;
    memcpy(&w, p, sizeof w);
    return (w - SIZE_MAX / 255 * 0x0E) & ~w & (SIZE_MAX / 255 * 0x80);
}

/* Bytes of s before its first CR or LF; s.len when there is none.

   A word, or vector, at a time: a byte below 0x0E is seldom anything but a line end, so one
   comparison stands for two; where one turns up its word is looked at byte by byte. */
static size_t ori_line_len(or_str s)
{
    const size_t n = sizeof(size_t);
    size_t       i = 0;
#ifdef ORI_SSE2
    for (; s.len - i >= 64; i += 64) {
        const __m128i *p = (const __m128i *)(const void *)(s.ptr + i);
        __m128i low = _mm_min_epu8(_mm_min_epu8(_mm_loadu_si128(p), _mm_loadu_si128(p + 1)),
                                   _mm_min_epu8(_mm_loadu_si128(p + 2), _mm_loadu_si128(p + 3)));
        low = _mm_cmpeq_epi8(low, _mm_min_epu8(low, _mm_set1_epi8(0x0D)));
        if (_mm_movemask_epi8(low) != 0) break;
    }
    for (; s.len - i >= 16; i += 16) {
        __m128i  v = _mm_loadu_si128((const __m128i *)(const void *)(s.ptr + i));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(
            _mm_cmpeq_epi8(v, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\r'))));
        if (mask != 0) return i + (size_t)__builtin_ctz(mask);
    }
#endif
    for (;;) {
        for (; s.len - i >= 4 * n; i += 4 * n) {
            const char *p = s.ptr + i;
            if (ori_word_low(p) | ori_word_low(p + n) | ori_word_low(p + 2 * n) |
                ori_word_low(p + 3 * n))
                break;
        }
        while (s.len - i >= n && ori_word_low(s.ptr + i) == 0) i += n;
        for (size_t end = i + n; i < end; i++)
            if (i == s.len || ori_line_end(s.ptr[i])) return i;
    }
}

/* Append to carry. What would not fit is refused before the buffer sees it, so that a
   buffer error can only be the allocator's. */
static void ori_sse_gather(or_sse *p, or_str s)
{
    if (s.len > p->carry->max - p->carry->len)
        p->err = OR_ERR_EVENT;
    else if (or_buf_put_str(p->carry, s) != OR_OK)
        p->err = OR_ERR_MEMORY;
}

static void ori_sse_gather_view(or_sse *p, or_str *view)
{
    if (view->ptr == NULL) return;
    ori_sse_gather(p, *view);
    *view = or_str_of(NULL, 0);
}

static void ori_sse_begin_data(or_sse *p, or_str *view)
{
    p->state = ORI_SSE_SPACE;
    p->field = ORI_SSE_DATA;
    if (p->has_data) {
        ori_sse_gather_view(p, view);
        if (p->err == OR_OK) ori_sse_gather(p, or_str_of("\n", 1));
    }
    p->has_data = true;
}

/* The name of a field is complete. */
static void ori_sse_begin_field(or_sse *p, or_str *view)
{
    or_str name = or_str_of(p->name, p->name_len);
    for (p->field = 0; p->field < ORI_SSE_FIELDS; p->field++)
        if (or_str_eq(name, ori_sse_fields[p->field])) break;
    if (p->field == ORI_SSE_ERROR) {
        p->type_len = (uint8_t)name.len;
        memcpy(p->type, name.ptr, name.len);
    }
    p->value_len = 0;
    p->state = p->field == ORI_SSE_FIELDS ? ORI_SSE_SKIP : ORI_SSE_SPACE;
    if (p->field == ORI_SSE_DATA || p->field == ORI_SSE_ERROR) ori_sse_begin_data(p, view);
}

/* The next stretch of the value of the current field. */
static void ori_sse_value(or_sse *p, or_str s, or_str *view)
{
    if (p->field != ORI_SSE_DATA) {
        size_t room = sizeof p->value - p->value_len, n = s.len < room ? s.len : room;
        memcpy(p->value + p->value_len, s.ptr, n);
        p->value_len = (uint8_t)(p->value_len + n);
    } else if (view->ptr == NULL && p->carry->len == 0) {
        *view = s;
        if (s.len > p->carry->max) p->err = OR_ERR_EVENT;
    } else {
        ori_sse_gather_view(p, view);
        if (p->err == OR_OK) ori_sse_gather(p, s);
    }
}

static void ori_sse_retry(or_sse *p, or_str digits)
{
    uint64_t ms;
    or_err   e = or_u64_read(digits, &ms);
    if (e == OR_ERR_ARG) return;
    p->retry_ms = e == OR_OK && ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

/* A line that is not blank is complete. */
static void ori_sse_end_field(or_sse *p)
{
    bool   cut = p->value_len == sizeof p->value;
    or_str value = or_str_of(p->value, p->value_len);
    if (p->state == ORI_SSE_SKIP) return;
    switch (p->field) {
    case ORI_SSE_EVENT:
        p->type_len = (uint8_t)(value.len < sizeof p->type ? value.len : sizeof p->type);
        memcpy(p->type, value.ptr, p->type_len);
        break;
    case ORI_SSE_ID:
        if (cut || or_str_find(value, or_str_of("", 1), 0) < value.len) break;
        p->id_len = (uint8_t)value.len;
        memcpy(p->id, value.ptr, value.len);
        break;
    case ORI_SSE_RETRY:
        if (!cut) ori_sse_retry(p, value);
        break;
    }
}

/* One mark at the start of the stream is no part of it. The first bytes of a mark that
   then goes on otherwise begin a field that nobody knows. */
static void ori_sse_skip_bom(or_sse *p, or_str *in)
{
    while (p->state == ORI_SSE_BOM && in->len > 0) {
        if (*in->ptr != "\xEF\xBB\xBF"[p->bom]) {
            p->state = p->bom == 0 ? ORI_SSE_NAME : ORI_SSE_SKIP;
            p->cut = p->bom != 0;
        } else {
            ori_skip(in, 1);
            if (++p->bom == 3) p->state = ORI_SSE_NAME;
        }
    }
}

/* Take bytes of the field name, up to its colon. */
static void ori_sse_read_name(or_sse *p, or_str *in, or_str *view)
{
    char c = *in->ptr;
    if (p->name_len == 0 && in->len >= 5 && memcmp(in->ptr, "data:", 5) == 0) {
        ori_skip(in, 5); /* the usual line, at once */
        ori_sse_begin_data(p, view);
        return;
    }
    ori_skip(in, 1);
    if (c == ':' && p->name_len == 0) {
        p->comments++;
        p->state = ORI_SSE_SKIP;
    } else if (c == ':') {
        ori_sse_begin_field(p, view);
    } else if (p->name_len == sizeof p->name) {
        p->state = ORI_SSE_SKIP;
    } else {
        p->name[p->name_len++] = c;
    }
}

/* Take bytes up to and with the end of the line; false when it is not there yet. */
static bool ori_sse_read_line(or_sse *p, or_str *in, or_str *view)
{
    while (in->len > 0 && p->err == OR_OK) {
        if (p->state == ORI_SSE_NAME && !ori_line_end(*in->ptr)) {
            ori_sse_read_name(p, in, view);
            continue;
        }
        if (p->state == ORI_SSE_SPACE) {
            p->state = ORI_SSE_VALUE;
            if (*in->ptr == ' ') ori_skip(in, 1);
            continue;
        }
        if (p->state != ORI_SSE_NAME) {
            size_t n = ori_line_len(*in);
            if (p->state == ORI_SSE_VALUE) ori_sse_value(p, or_str_of(in->ptr, n), view);
            ori_skip(in, n);
            if (in->len == 0) break;
        }
        p->after_cr = *in->ptr == '\r';
        ori_skip(in, 1);
        if (p->after_cr && in->len > 0) {
            p->after_cr = false;
            if (*in->ptr == '\n') ori_skip(in, 1);
        }
        return p->err == OR_OK;
    }
    return false;
}

/* A blank line came. Without data it only ends what `event:` said. */
static bool ori_sse_dispatch(or_sse *p, or_str view, or_sse_event *ev)
{
    if (!p->has_data) {
        p->type_len = 0;
        return false;
    }
    ev->data = view.ptr != NULL ? view : or_buf_str(p->carry);
    ev->type = or_str_of(p->type, p->type_len);
    ev->id = or_str_of(p->id, p->id_len);
    ev->retry_ms = p->retry_ms;
    p->given = true;
    return true;
}

/* The caller is done with the event that was returned last. */
static void ori_sse_forget(or_sse *p)
{
    if (!p->given) return;
    p->given = p->has_data = false;
    p->type_len = 0;
    p->retry_ms = 0;
    or_buf_clear(p->carry);
}

/* The usual event, one line of data, where all of it is there. n: so many bytes are known to have
   no line end, and to be all of its data, if it is the usual one; 0: nothing is known. */
static bool ori_sse_take_usual(or_sse *p, or_str *in, size_t n, or_sse_event *ev)
{
    ori_sse_forget(p);
    if (p->state != ORI_SSE_NAME || p->name_len > 0 || p->type_len > 0 || p->has_data || p->cut ||
        p->after_cr || in->len < 8 || memcmp(in->ptr, "data:", 5) != 0)
        return false;
    size_t      before = in->ptr[5] == ' ' ? 6 : 5, left = in->len - before;
    const char *data = in->ptr + before;
    if (n == 0) n = ori_line_len(or_str_of(data, left));
    if (left - n < 2 || data[n] != '\n' || data[n + 1] != '\n' || n > p->carry->max) return false;
    ev->raw = or_str_of(in->ptr, before + n + 2);
    p->has_data = true;
    ori_skip(in, ev->raw.len);
    return ori_sse_dispatch(p, or_str_of(data, n), ev);
}

or_err or_sse_next(or_sse *p, or_str *in, or_sse_event *ev)
{
    or_str view = {NULL, 0};
    if (p->err != OR_OK) return p->err;
    if (p->state == ORI_SSE_OVER) return OR_DONE;
    if (p->after_cr && in->len > 0) {
        p->after_cr = false;
        if (*in->ptr == '\n') ori_skip(in, 1); /* the second half of an end already seen */
    }
    if (ori_sse_take_usual(p, in, 0, ev)) return OR_OK;
    ori_sse_skip_bom(p, in);
    const char *start = p->cut ? NULL : in->ptr;
    while (ori_sse_read_line(p, in, &view)) {
        bool blank = p->state == ORI_SSE_NAME && p->name_len == 0;
        if (!blank && p->state == ORI_SSE_NAME) ori_sse_begin_field(p, &view);
        if (!blank) ori_sse_end_field(p);
        p->state = ORI_SSE_NAME;
        p->name_len = 0;
        if (!blank) continue;
        p->cut = false;
        if (ori_sse_dispatch(p, view, ev)) {
            ev->raw = or_str_of(start, start != NULL ? (size_t)(in->ptr - start) : 0);
            return OR_OK;
        }
        start = in->ptr;
    }
    if (p->err == OR_OK) ori_sse_gather_view(p, &view);
    if (start != in->ptr) p->cut = true;
    return p->err != OR_OK ? p->err : OR_NEED_MORE;
}

or_err or_sse_end(or_sse *p, or_sse_event *ev)
{
    const or_str view = {NULL, 0};
    if (p->err != OR_OK) return p->err;
    if (p->state == ORI_SSE_OVER) return OR_DONE;
    ori_sse_forget(p);
    /* a name without its colon may be the first half of another */
    if (p->state != ORI_SSE_NAME) ori_sse_end_field(p);
    p->state = ORI_SSE_OVER;
    ev->raw = view;
    return ori_sse_dispatch(p, view, ev) ? OR_OK : OR_DONE;
}

/* Write text as lines, each with `name` before it. */
static void ori_sse_put_lines(or_buf *out, const char *name, or_str text)
{
    for (;;) {
        size_t n = ori_line_len(text);
        or_buf_put_z(out, name);
        or_buf_put(out, text.ptr, n);
        or_buf_put_char(out, '\n');
        if (n == text.len) return;
        bool crlf = text.ptr[n] == '\r' && n + 1 < text.len && text.ptr[n + 1] == '\n';
        ori_skip(&text, n + (crlf ? 2 : 1));
    }
}

or_err or_sse_put(or_buf *out, or_str type, or_str data)
{
    if (ori_line_len(type) < type.len) return ori_buf_fail(out, OR_ERR_ARG);
    if (type.ptr != NULL) ori_sse_put_lines(out, "event: ", type);
    ori_sse_put_lines(out, "data: ", data);
    return or_buf_put_char(out, '\n');
}

or_err or_sse_put_comment(or_buf *out, or_str text)
{
    ori_sse_put_lines(out, ": ", text);
    return or_buf_put_char(out, '\n');
}

/* >> money ------------------------------------------------------------ */

const char *or_price_name(or_price_key key)
{
    switch (key) {
#define ORI_X(name, json)                                                          \
    case OR_PRICE_##name: return json;
        OR_PRICE_KEYS(ORI_X)
#undef ORI_X
    case OR_PRICE_NUM: break;
    }
    return "";
}

void or_price_set(or_price_list *list, or_price_key key, uint64_t pico_usd)
{
    list->known |= (uint32_t)1 << key;
    list->named |= (uint32_t)1 << key;
    list->pico[key] = pico_usd;
}

static uint64_t ori_money_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What is left of an amount after a discount in parts per billion, rounded half up. In two
   steps, so that no product needs more than 64 bits. */
static uint64_t ori_money_discounted(uint64_t pico, uint32_t ppb)
{
    const uint32_t all = 1000000000u;
    uint32_t       kept = ppb < all ? all - ppb : 0;
    return pico / all * kept + (pico % all * kept + all / 2) / all;
}

int64_t or_money_add(int64_t a, int64_t b)
{
    int64_t sum;
    return or_add_i64(a, b, &sum) ? sum : INT64_MAX;
}

or_err or_price_read(or_str text, uint64_t *pico_usd)
{
    int64_t n;
    or_err  e = or_decimal_round(text, 12, &n);
    if (e != OR_OK) return e;
    /* too small to see is not free: only zeros are */
    for (size_t i = 0; n == 0 && i < text.len && (text.ptr[i] | 0x20) != 'e'; i++)
        if (text.ptr[i] >= '1' && text.ptr[i] <= '9') n = text.ptr[0] == '-' ? -1 : 1;
    if (n < 0) return OR_ERR_RANGE;
    *pico_usd = (uint64_t)n;
    return OR_OK;
}

static or_str ori_money_text(const or_json_doc *doc, int tok)
{
    or_str raw = or_json_raw(doc, tok);
    if (or_json_type_at(doc, tok) == OR_JSON_STRING) raw = or_str_of(raw.ptr + 1, raw.len - 2);
    return raw;
}

static void ori_money_read_list(const or_json_doc *doc, int object, or_price_list *list)
{
    for (int i = or_json_first(doc, object); i >= 0; i = or_json_next(doc, i)) {
        for (int key = 0; key < OR_PRICE_NUM; key++) {
            uint64_t pico;
            or_str   name = or_str_z(or_price_name((or_price_key)key));
            if (!or_json_str_is(ori_money_text(doc, i), name)) continue;
            list->named |= (uint32_t)1 << key;
            if (or_price_read(ori_money_text(doc, i + 1), &pico) == OR_OK)
                or_price_set(list, (or_price_key)key, pico);
        }
    }
}

static uint64_t ori_money_count(const or_json_doc *doc, int object, const char *pointer)
{
    uint64_t n;
    return or_json_get_u64(doc, or_json_find(doc, object, pointer), &n) == OR_OK ? n : 0;
}

static const char *const ori_money_days[] = {"monday", "tuesday",  "wednesday", "thursday",
                                             "friday", "saturday", "sunday"};

static void ori_money_read_rule(const or_json_doc *doc, int object, or_price_rule *rule)
{
    int          days = or_json_find(doc, object, "/utc_days");
    or_json_type type = or_json_type_at(doc, days);
    rule->min_prompt_tokens = ori_money_count(doc, object, "/min_prompt_tokens");
    rule->utc_start = (uint16_t)ori_money_min(ori_money_count(doc, object, "/utc_start"), 2400);
    rule->utc_end = (uint16_t)ori_money_min(ori_money_count(doc, object, "/utc_end"), 2400);
    /* the eighth day never comes: a list without a day that we know does not hold always */
    if (type != OR_JSON_NONE && type != OR_JSON_NULL) rule->utc_days = 1u << 7;
    for (int i = or_json_first(doc, days); i >= 0; i = or_json_next(doc, i))
        for (unsigned day = 0; day < 7; day++)
            if (or_str_eq_nocase(ori_money_text(doc, i), or_str_z(ori_money_days[day])))
                rule->utc_days = (uint8_t)(rule->utc_days | 1u << day);
    ori_money_read_list(doc, object, &rule->prices);
}

or_err or_prices_read(const or_json_doc *doc, int tok, or_arena *arena, or_prices *out)
{
    int64_t off;
    memset(out, 0, sizeof *out);
    if (or_json_type_at(doc, tok) != OR_JSON_OBJECT) return OR_ERR_TYPE;
    ori_money_read_list(doc, tok, &out->base);
    /* rounded: discounts went through floating point, 0.30000000000000004 */
    or_str discount = ori_money_text(doc, or_json_find(doc, tok, "/discount"));
    if (or_decimal_round(discount, 9, &off) == OR_OK && off > 0 && off <= 1000000000)
        out->discount_ppb = (uint32_t)off;
    int rules = or_json_find(doc, tok, "/overrides");
    if (or_json_type_at(doc, rules) != OR_JSON_ARRAY) return OR_OK;
    size_t         size = (size_t)doc->tok[rules].size * sizeof(or_price_rule);
    or_price_rule *list = (or_price_rule *)or_arena_alloc(arena, size);
    if (list == NULL) return arena->allocator != NULL ? OR_ERR_MEMORY : OR_ERR_SPACE;
    memset(list, 0, size);
    out->rules = list;
    for (int i = or_json_first(doc, rules); i >= 0; i = or_json_next(doc, i))
        if (or_json_type_at(doc, i) == OR_JSON_OBJECT)
            ori_money_read_rule(doc, i, &list[out->num_rules++]);
    return OR_OK;
}

/* Days since 1970-01-01 and seconds in the day, also before then. */
static int64_t ori_money_day(int64_t unix_s, int32_t *second)
{
    int64_t day = unix_s / 86400, rest = unix_s % 86400;
    if (rest < 0) {
        rest += 86400;
        day--;
    }
    *second = (int32_t)rest;
    return day;
}

/* 0 is Monday; 1970-01-01 was a Thursday. */
static unsigned ori_money_weekday(int64_t day)
{
    return (unsigned)(((day + 3) % 7 + 7) % 7);
}

static bool ori_money_rule_holds(const or_price_rule *r, uint64_t prompt_tokens, or_wall now)
{
    bool has_time = r->utc_start != r->utc_end;
    if (r->min_prompt_tokens > 0 && prompt_tokens <= r->min_prompt_tokens) return false;
    if (!has_time && r->utc_days == 0) return true;
    if (!now.known) return false;
    int32_t second;
    int64_t day = ori_money_day(now.unix_s, &second);
    int32_t hhmm = second / 3600 * 100 + second / 60 % 60;
    if (r->utc_days != 0 && (r->utc_days >> ori_money_weekday(day) & 1) == 0) return false;
    if (r->utc_start < r->utc_end) return hhmm >= r->utc_start && hhmm < r->utc_end;
    return hhmm >= r->utc_start || hhmm < r->utc_end;
}

void or_prices_at(const or_prices *p, uint64_t prompt_tokens, or_wall now, or_price_list *out)
{
    *out = p->base;
    for (uint32_t i = 0; i < p->num_rules; i++) {
        const or_price_list *rule = &p->rules[i].prices;
        if (!ori_money_rule_holds(&p->rules[i], prompt_tokens, now)) continue;
        for (int key = 0; key < OR_PRICE_NUM; key++)
            if ((rule->named >> key & 1) != 0) out->pico[key] = rule->pico[key];
        out->known = (out->known & ~rule->named) | rule->known;
        out->named |= rule->named;
    }
}

/* What a key costs as when it was not named: the key itself where nothing else tells. */
static uint8_t ori_money_instead(int key)
{
    switch (key) {
    case OR_PRICE_INPUT_CACHE_READ:
    case OR_PRICE_INPUT_CACHE_WRITE:
    case OR_PRICE_IMAGE_TOKEN:
    case OR_PRICE_AUDIO: return OR_PRICE_PROMPT;
    case OR_PRICE_INPUT_CACHE_WRITE_1H: return OR_PRICE_INPUT_CACHE_WRITE;
    case OR_PRICE_INPUT_AUDIO_CACHE: return OR_PRICE_AUDIO;
    case OR_PRICE_INTERNAL_REASONING:
    case OR_PRICE_IMAGE_OUTPUT:
    case OR_PRICE_AUDIO_OUTPUT: return OR_PRICE_COMPLETION;
    default: return (uint8_t)key;
    }
}

/* Does a key have a price of its own? Catalogues give internal_reasoning as 0 for models whose
   reasoning is billed as completion, so there 0 says nothing. */
static bool ori_money_apart(const or_price_list *list, int key)
{
    if (key == OR_PRICE_INTERNAL_REASONING && list->pico[key] == 0 && (list->known >> key & 1) != 0)
        return false;
    return (list->named >> key & 1) != 0;
}

/* The key whose price counts for `key`. */
static int ori_money_charged(const or_price_list *list, int key)
{
    while (ori_money_instead(key) != key && !ori_money_apart(list, key))
        key = ori_money_instead(key);
    return key;
}

/* Requests and images that no price is named for cost nothing extra. */
static bool ori_money_free(const or_price_list *list, int key)
{
    return (key == OR_PRICE_REQUEST || key == OR_PRICE_IMAGE) && (list->named >> key & 1) == 0;
}

/* A sum of counts times prices. */
typedef struct ori_money {
    const or_price_list *list;
    int64_t              sum;
    uint32_t             missing;
    bool                 saturated;
} ori_money;

static void ori_money_put(ori_money *m, uint64_t count, int key)
{
    uint64_t product;
    if (count == 0) return;
    key = ori_money_charged(m->list, key);
    if ((m->list->known >> key & 1) == 0) {
        if (!ori_money_free(m->list, key)) m->missing |= (uint32_t)1 << key;
        return;
    }
    if (!or_mul_u64(count, m->list->pico[key], &product) || product > INT64_MAX) {
        product = INT64_MAX;
        m->saturated = true;
    }
    m->saturated = m->saturated || m->sum > INT64_MAX - (int64_t)product;
    m->sum = or_money_add(m->sum, (int64_t)product);
}

static void ori_money_put_usage(ori_money *m, const or_usage *u, uint32_t images)
{
    /* parts are never more than the whole, whatever an upstream says */
    uint64_t prompt = u->prompt_tokens, completion = u->completion_tokens;
    uint64_t cached = ori_money_min(u->cached_tokens, prompt);
    uint64_t written = ori_money_min(u->cache_write_tokens, prompt - cached);
    uint64_t hour = ori_money_min(u->cache_write_1h_tokens, written);
    uint64_t audio = ori_money_min(u->audio_tokens, prompt);
    uint64_t cached_audio = ori_money_min(u->cached_audio_tokens, ori_money_min(audio, cached));
    uint64_t plain = prompt - cached - written;
    uint64_t fresh_audio = ori_money_min(audio - cached_audio, plain);
    uint64_t reasoning = ori_money_min(u->reasoning_tokens, completion);
    uint64_t image = ori_money_min(u->image_output_tokens, completion - reasoning);
    uint64_t spoken = ori_money_min(u->audio_output_tokens, completion - reasoning - image);
    ori_money_put(m, plain - fresh_audio, OR_PRICE_PROMPT);
    ori_money_put(m, cached - cached_audio, OR_PRICE_INPUT_CACHE_READ);
    ori_money_put(m, written - hour, OR_PRICE_INPUT_CACHE_WRITE);
    ori_money_put(m, hour, OR_PRICE_INPUT_CACHE_WRITE_1H);
    ori_money_put(m, fresh_audio, OR_PRICE_AUDIO);
    ori_money_put(m, cached_audio, OR_PRICE_INPUT_AUDIO_CACHE);
    ori_money_put(m, completion - reasoning - image - spoken, OR_PRICE_COMPLETION);
    ori_money_put(m, reasoning, OR_PRICE_INTERNAL_REASONING);
    ori_money_put(m, image, OR_PRICE_IMAGE_OUTPUT);
    ori_money_put(m, spoken, OR_PRICE_AUDIO_OUTPUT);
    ori_money_put(m, 1, OR_PRICE_REQUEST);
    ori_money_put(m, images, OR_PRICE_IMAGE);
}

static void ori_money_compute(const or_prices *p, const or_usage *u, const or_cost_facts *f,
                              or_cost *out)
{
    or_price_list now;
    ori_money     m = {NULL, 0, 0, false};
    bool          empty = u->completion_tokens == 0 && f->unfinished;
    m.list = &now;
    or_prices_at(p, u->prompt_tokens, f->now, &now);
    if (!f->insured || !(empty || f->failed)) ori_money_put_usage(&m, u, f->images);
    ori_money_put(&m, u->web_searches, OR_PRICE_WEB_SEARCH); /* done, insured or not */
    m.sum = (int64_t)ori_money_discounted((uint64_t)m.sum, p->discount_ppb);
    out->missing = m.missing;
    out->saturated = m.saturated;
    out->computed_set = m.missing == 0;
    out->computed_pico_usd = m.missing == 0 ? m.sum : 0;
}

void or_cost_of(const or_prices *p, const or_usage *u, const or_cost_facts *facts, or_cost *out)
{
    static const or_prices     no_prices = {{0, 0, {0}}, 0, 0, NULL};
    static const or_cost_facts no_facts = {0, {false, 0}, false, false, false, false};
    memset(out, 0, sizeof *out);
    if (!u->set) return;
    if (facts == NULL) facts = &no_facts;
    ori_money_compute(p != NULL ? p : &no_prices, u, facts, out);
    /* with the caller's own key the report is only a fee: without the provider's bill it says
       nothing about the whole */
    out->upstream_set = u->cost_set && u->cost_pico_usd >= 0 &&
                        (!u->is_byok || (u->upstream_cost_set && u->upstream_cost_pico_usd >= 0));
    if (out->upstream_set) {
        out->upstream_pico_usd = u->cost_pico_usd;
        if (u->is_byok)
            out->upstream_pico_usd = or_money_add(u->cost_pico_usd, u->upstream_cost_pico_usd);
        out->pico_usd = out->upstream_pico_usd;
        out->source = OR_COST_UPSTREAM;
    } else if (out->computed_set) {
        out->pico_usd = out->computed_pico_usd;
        if (u->is_byok && u->cost_set && u->cost_pico_usd > 0)
            out->pico_usd = or_money_add(out->pico_usd, u->cost_pico_usd);
        out->source = facts->estimated ? OR_COST_ESTIMATED : OR_COST_COMPUTED;
    }
}

/* Make list[to] at least what `from` costs in `more`; unknown stays unknown. */
static void ori_money_raise(or_price_list *list, const or_price_list *more, int from, int to)
{
    uint32_t bit = (uint32_t)1 << to;
    if ((more->named >> from & 1) == 0) return;
    if ((more->known >> from & 1) == 0) {
        list->known &= ~bit;
        list->named |= bit;
    } else if ((list->known & bit) != 0) {
        if (more->pico[from] > list->pico[to]) list->pico[to] = more->pico[from];
    } else if (ori_money_free(list, to)) {
        or_price_set(list, (or_price_key)to, more->pico[from]);
    }
}

void or_cost_bound(const or_prices *p, const or_bound_facts *f, or_cost *out)
{
    or_price_list list = p->base;
    ori_money     m = {NULL, 0, 0, false};
    uint64_t      in = or_sat_add_u64(f->prompt_bytes, f->image_tokens);
    uint64_t      limit = f->output_limit, tokens = f->max_tokens;
    m.list = &list;
    memset(out, 0, sizeof *out);
    if (f->context_length > 0) in = ori_money_min(in, f->context_length);
    if (limit == 0) limit = f->context_length;
    if (tokens == 0) tokens = OR_COST_DEFAULT_OUTPUT;
    if (limit > 0) tokens = ori_money_min(tokens, limit);
    /* any rule may hold, and any token may be of the dearest kind: of five keys the rest */
    for (uint32_t i = 0; i <= p->num_rules; i++)
        for (int key = 0; key < OR_PRICE_NUM; key++) {
            int to = key;
            while (ori_money_instead(to) != to) to = ori_money_instead(to);
            ori_money_raise(&list, i == 0 ? &p->base : &p->rules[i - 1].prices, key, to);
        }
    ori_money_put(&m, in > 0 ? in : 1, OR_PRICE_PROMPT);
    ori_money_put(&m, tokens, OR_PRICE_COMPLETION);
    ori_money_put(&m, 1, OR_PRICE_REQUEST);
    ori_money_put(&m, f->images, OR_PRICE_IMAGE);
    ori_money_put(&m, f->web_searches, OR_PRICE_WEB_SEARCH);
    m.sum = (int64_t)ori_money_discounted((uint64_t)m.sum, p->discount_ppb);
    out->missing = m.missing;
    out->saturated = m.saturated;
    if (m.missing != 0) return;
    out->computed_set = true;
    out->computed_pico_usd = out->pico_usd = m.sum;
    out->source = OR_COST_ESTIMATED;
}

/* Days since 1970-01-01 of the first of the month that `day` is in, from the year 0 on. Counts
   days from the first of March of a year 400 a: there every month but the last has a fixed place.
   Source: the usual proleptic Gregorian arithmetic. */
static int64_t ori_money_month_start(int64_t day)
{
    int32_t in_400 = (int32_t)((day + 719468) % 146097); /* 719468: days since 0000-03-01 */
    int32_t year = (in_400 - in_400 / 1460 + in_400 / 36524 - in_400 / 146096) / 365;
    int32_t in_year = in_400 - (365 * year + year / 4 - year / 100);
    int32_t month = (5 * in_year + 2) / 153; /* 0 is March */
    return day - (in_year - (153 * month + 2) / 5);
}

int64_t or_window_start(or_window w, int64_t unix_s)
{
    int32_t second;
    int64_t day = ori_money_day(unix_s, &second);
    switch (w) {
    case OR_WINDOW_NONE: return 0;
    case OR_WINDOW_DAILY: break;
    case OR_WINDOW_WEEKLY: day -= (int64_t)ori_money_weekday(day); break;
    case OR_WINDOW_MONTHLY: day = ori_money_month_start(day); break;
    }
    return day * 86400;
}

void or_budget_init(or_budget *b, or_window window, int64_t limit_pico_usd)
{
    memset(b, 0, sizeof *b);
    b->limited = limit_pico_usd >= 0;
    b->limit_pico_usd = b->limited ? limit_pico_usd : 0;
    b->window = window;
    b->blind = true;
}

static uint32_t ori_budget_span_s(or_window w)
{
    return w == OR_WINDOW_DAILY ? 86400u : w == OR_WINDOW_WEEKLY ? 7 * 86400u : 31 * 86400u;
}

void or_budget_clock(or_budget *b, uint32_t now_ms, or_wall wall)
{
    int32_t passed = b->ticking ? or_ms_diff(b->last_ms, now_ms) : 0;
    if (passed > 0) {
        b->rest_ms += (uint32_t)passed;
        b->elapsed_s += b->rest_ms / 1000;
        b->rest_ms %= 1000;
    }
    b->last_ms = now_ms;
    b->ticking = true;
    if (b->window == OR_WINDOW_NONE) return;
    int64_t start = wall.known ? or_window_start(b->window, wall.unix_s) : 0;
    if (wall.known && b->start == 0) b->start = start; /* all so far was in this window */
    b->blind = !wall.known || start < b->start;
    if (b->blind) {
        if (b->elapsed_s < ori_budget_span_s(b->window)) return;
        b->spent_pico_usd = b->doubtful_pico_usd = 0;
    } else if (start > b->start) {
        b->spent_pico_usd = b->doubtful_pico_usd; /* perhaps spent in this window already */
        b->start = start;
    } else {
        b->doubtful_pico_usd = 0;
        return;
    }
    if (!b->blind) b->doubtful_pico_usd = 0;
    b->elapsed_s = b->rest_ms = 0;
}

int64_t or_budget_left(const or_budget *b)
{
    int64_t used = or_money_add(b->spent_pico_usd, b->reserved_pico_usd);
    if (!b->limited) return INT64_MAX;
    return used < b->limit_pico_usd ? b->limit_pico_usd - used : 0;
}

or_err or_budget_reserve(or_budget *b, or_reservation *r, uint32_t owner, int64_t pico_usd)
{
    if (pico_usd < 0 || r->open) return OR_ERR_ARG;
    if (pico_usd > or_budget_left(b)) return OR_ERR_BUDGET;
    if (b->reserved_pico_usd > INT64_MAX - pico_usd) return OR_ERR_BUDGET;
    r->pico_usd = pico_usd;
    r->owner = owner;
    r->open = true;
    r->prev = NULL;
    r->next = b->open;
    if (b->open != NULL) b->open->prev = r;
    b->open = r;
    b->reserved_pico_usd += pico_usd;
    return OR_OK;
}

void or_budget_settle(or_budget *b, or_reservation *r, int64_t pico_usd)
{
    if (!r->open) return;
    if (r->prev != NULL) r->prev->next = r->next;
    if (r->next != NULL) r->next->prev = r->prev;
    if (b->open == r) b->open = r->next;
    b->reserved_pico_usd -= r->pico_usd;
    r->open = false;
    if (pico_usd < 0) pico_usd = 0;
    b->spent_pico_usd = or_money_add(b->spent_pico_usd, pico_usd);
    if (b->blind) b->doubtful_pico_usd = or_money_add(b->doubtful_pico_usd, pico_usd);
}

void or_budget_release(or_budget *b, or_reservation *r)
{
    or_budget_settle(b, r, 0);
}

uint32_t or_budget_abandon(or_budget *b, uint32_t owner, bool charge)
{
    uint32_t        num = 0;
    or_reservation *next;
    for (or_reservation *r = b->open; r != NULL; r = next) {
        next = r->next;
        if (r->owner != owner) continue;
        or_budget_settle(b, r, charge ? r->pico_usd : 0);
        num++;
    }
    return num;
}

/* >> prefs ------------------------------------------------------------ */

static const char *const ori_prefs_quantizations[] = {
    "unknown", "int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16",
    "fp32"};
static const char *const ori_prefs_sorts[] = {NULL,     "price",  "throughput", "latency",
                                              "exacto", "weight", "round_robin"};

const char *or_quantization_name(or_quantization q)
{
    return ori_prefs_quantizations[(unsigned)q < OR_QUANT_NUM ? q : OR_QUANT_UNKNOWN];
}

const char *or_sort_name(or_sort s)
{
    return ori_prefs_sorts[(unsigned)s < OR_SORT_NUM ? s : OR_SORT_DEFAULT];
}

/* Index of a name in a table; num when it is not there. */
static uint32_t ori_prefs_index(or_str name, const char *const *table, uint32_t num)
{
    uint32_t i = 0;
    while (i < num && (table[i] == NULL || !or_str_eq(name, or_str_z(table[i])))) i++;
    return i;
}

/* What is being read, and what of it failed. */
typedef struct ori_prefs {
    const or_json_doc *doc;
    int                object;
    or_arena          *arena;
    or_err             err;
    const char        *bad;
    bool               keep; /* texts are copied into the arena: the document goes */
} ori_prefs;

/* The first error counts, but a want of memory before all: it may leave things out. */
static void ori_prefs_fail(ori_prefs *r, const char *name, or_err e)
{
    if (r->err != OR_OK && e != OR_ERR_SPACE && e != OR_ERR_MEMORY) return;
    r->err = e;
    r->bad = name;
}

static or_err ori_prefs_full(const or_arena *a)
{
    return a->allocator != NULL ? OR_ERR_MEMORY : OR_ERR_SPACE;
}

/* Zeroed memory for num things; NULL, and an error, when there is none. */
static void *ori_prefs_alloc(ori_prefs *r, const char *name, size_t num, size_t size)
{
    void *mem = or_mul_size(num, size, &size) ? or_arena_alloc(r->arena, size) : NULL;
    if (mem != NULL)
        memset(mem, 0, size);
    else
        ori_prefs_fail(r, name, ori_prefs_full(r->arena));
    return mem;
}

/* The value of a member; -1 when it is absent, null, or of another type, which is an error.
   type NONE takes any. */
static int ori_prefs_member(ori_prefs *r, int object, const char *name, or_json_type type)
{
    if (or_json_type_at(r->doc, object) != OR_JSON_OBJECT) return -1;
    for (int i = or_json_first(r->doc, object); i >= 0; i = or_json_next(r->doc, i)) {
        or_json_type found = or_json_type_at(r->doc, i + 1);
        if (!or_json_str_is_z(ori_money_text(r->doc, i), name)) continue;
        if (found == OR_JSON_NULL) return -1;
        if (type == OR_JSON_TRUE && found == OR_JSON_FALSE) return i + 1;
        if (type == OR_JSON_NONE || found == type) return i + 1;
        ori_prefs_fail(r, name, OR_ERR_TYPE);
        return -1;
    }
    return -1;
}

static bool ori_prefs_bool(ori_prefs *r, const char *name, bool instead)
{
    int tok = ori_prefs_member(r, r->object, name, OR_JSON_TRUE);
    return tok < 0 ? instead : or_json_type_at(r->doc, tok) == OR_JSON_TRUE;
}

static or_str ori_prefs_str(ori_prefs *r, const char *name, int tok)
{
    or_str s = or_str_of(NULL, 0);
    or_err e = tok < 0 ? OR_OK : or_json_get_str(r->doc, tok, r->arena, &s);
    if (e != OR_OK) ori_prefs_fail(r, name, e);
    if (e != OR_OK || !r->keep || s.ptr == NULL) return s;
    char *copy = (char *)ori_prefs_alloc(r, name, s.len, 1);
    if (copy != NULL) memcpy(copy, s.ptr, s.len);
    return or_str_of(copy, copy != NULL ? s.len : 0);
}

static const or_str *ori_prefs_list(ori_prefs *r, const char *name, uint32_t *num)
{
    int tok = ori_prefs_member(r, r->object, name, OR_JSON_ARRAY);
    *num = 0;
    if (tok < 0) return NULL;
    or_str *list =
        (or_str *)ori_prefs_alloc(r, name, (size_t)r->doc->tok[tok].size, sizeof(or_str));
    if (list == NULL) return NULL;
    for (int i = or_json_first(r->doc, tok); i >= 0; i = or_json_next(r->doc, i))
        list[(*num)++] = ori_prefs_str(r, name, i);
    return list;
}

/* A number, also as a string, of units of 10^-scale; not negative. */
static uint64_t ori_prefs_number(ori_prefs *r, const char *name, int tok, unsigned scale)
{
    int64_t n = 0;
    or_err  e = OR_ERR_TYPE;
    if (tok < 0) return 0;
    or_json_type type = or_json_type_at(r->doc, tok);
    if (type == OR_JSON_NUMBER || type == OR_JSON_STRING)
        e = or_decimal_round(ori_money_text(r->doc, tok), scale, &n);
    if (e == OR_OK && n < 0) e = OR_ERR_RANGE;
    if (e != OR_OK) ori_prefs_fail(r, name, e == OR_ERR_ARG ? OR_ERR_TYPE : e);
    return e == OR_OK ? (uint64_t)n : 0;
}

static uint32_t ori_prefs_milli(ori_prefs *r, const char *name, int tok)
{
    uint64_t n = ori_prefs_number(r, name, tok, 3);
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static const char *const ori_prefs_names[] = {"p50", "p75", "p90", "p99"};

/* or_percentiles as an array: four members of one type have no gaps. */
typedef uint32_t ori_four[sizeof(or_percentiles) / sizeof(uint32_t)];

static void ori_prefs_percentiles(ori_prefs *r, const char *name, or_percentiles *out)
{
    ori_four v = {0, 0, 0, 0};
    int      tok = ori_prefs_member(r, r->object, name, OR_JSON_NONE);
    if (or_json_type_at(r->doc, tok) != OR_JSON_OBJECT)
        v[0] = ori_prefs_milli(r, name, tok);
    else
        for (int i = 0; i < 4; i++)
            v[i] = ori_prefs_milli(r, name,
                                   ori_prefs_member(r, tok, ori_prefs_names[i], OR_JSON_NONE));
    memcpy(out, v, sizeof *out);
}

/* Prices for a million tokens (prompt and completion: micro-USD for a million are pico-USD for
   one) or for one unit. */
static const struct {
    uint8_t key, scale;
} ori_prefs_prices[] = {{OR_PRICE_PROMPT, 6},
                        {OR_PRICE_COMPLETION, 6},
                        {OR_PRICE_REQUEST, 12},
                        {OR_PRICE_IMAGE, 12},
                        {OR_PRICE_AUDIO, 12}};

static void ori_prefs_max_price(ori_prefs *r, or_price_list *out)
{
    int object = ori_prefs_member(r, r->object, "max_price", OR_JSON_OBJECT);
    for (size_t i = 0; i < sizeof ori_prefs_prices / sizeof ori_prefs_prices[0]; i++) {
        or_price_key key = (or_price_key)ori_prefs_prices[i].key;
        int          tok = ori_prefs_member(r, object, or_price_name(key), OR_JSON_NONE);
        if (tok >= 0)
            or_price_set(out, key,
                         ori_prefs_number(r, "max_price", tok, ori_prefs_prices[i].scale));
    }
}

static void ori_prefs_sort(ori_prefs *r, or_prefs *out)
{
    int    tok = ori_prefs_member(r, r->object, "sort", OR_JSON_NONE);
    or_str by;
    if (or_json_type_at(r->doc, tok) == OR_JSON_OBJECT) {
        int part = ori_prefs_member(r, tok, "partition", OR_JSON_STRING);
        out->across_models = or_str_eq(ori_prefs_str(r, "sort", part), OR_STR("none"));
        tok = ori_prefs_member(r, tok, "by", OR_JSON_STRING);
    }
    by = ori_prefs_str(r, "sort", tok);
    /* a word of next year's is no error: the default serves */
    out->sort = (or_sort)(ori_prefs_index(by, ori_prefs_sorts, OR_SORT_NUM) % OR_SORT_NUM);
}

static void ori_prefs_quants(ori_prefs *r, or_prefs *out)
{
    uint32_t      num;
    const or_str *list = ori_prefs_list(r, "quantizations", &num);
    for (uint32_t i = 0; i < num; i++) /* an unknown word admits nothing, not everything */
        out->quantizations |= (uint32_t)1
                              << ori_prefs_index(list[i], ori_prefs_quantizations, OR_QUANT_NUM);
}

or_err or_prefs_read(const or_json_doc *doc, int tok, or_arena *arena, or_prefs *p,
                     const char **bad)
{
    ori_prefs r = {doc, tok, arena, OR_OK, "provider", false};
    memset(p, 0, sizeof *p);
    if (or_json_type_at(doc, tok) == OR_JSON_OBJECT) {
        p->order = ori_prefs_list(&r, "order", &p->num_order);
        p->only = ori_prefs_list(&r, "only", &p->num_only);
        p->ignore = ori_prefs_list(&r, "ignore", &p->num_ignore);
        p->no_fallbacks = !ori_prefs_bool(&r, "allow_fallbacks", true);
        p->require_parameters = ori_prefs_bool(&r, "require_parameters", false);
        p->zdr = ori_prefs_bool(&r, "zdr", false);
        p->distillable_text = ori_prefs_bool(&r, "enforce_distillable_text", false);
        int collect = ori_prefs_member(&r, tok, "data_collection", OR_JSON_STRING);
        /* the safe reading of a word that is not known */
        p->deny_data_collection =
            collect >= 0 &&
            !or_str_eq(ori_prefs_str(&r, "data_collection", collect), OR_STR("allow"));
        ori_prefs_quants(&r, p);
        ori_prefs_sort(&r, p);
        ori_prefs_percentiles(&r, "preferred_min_throughput", &p->min_throughput_milli);
        ori_prefs_percentiles(&r, "preferred_max_latency", &p->max_latency_ms);
        ori_prefs_max_price(&r, &p->max_price);
    } else if (or_json_type_at(doc, tok) != OR_JSON_NULL && tok >= 0) {
        r.err = OR_ERR_TYPE;
    }
    if (bad != NULL && r.err != OR_OK) *bad = r.bad;
    return r.err;
}

static void ori_prefs_put_bool(or_json_writer *w, const char *name, bool put, bool value)
{
    if (!put) return;
    or_json_put_key(w, or_str_z(name));
    or_json_put_bool(w, value);
}

static void ori_prefs_put_str(or_json_writer *w, const char *name, const char *value)
{
    or_json_put_key(w, or_str_z(name));
    or_json_put_str(w, or_str_z(value));
}

static void ori_prefs_put_list(or_json_writer *w, const char *name, const or_str *list,
                               uint32_t num)
{
    if (list == NULL && num == 0) return;
    or_json_put_key(w, or_str_z(name));
    or_json_begin_array(w);
    for (uint32_t i = 0; i < num; i++) or_json_put_str(w, list[i]);
    or_json_end_array(w);
}

static void ori_prefs_put_percentiles(or_json_writer *w, const char *name,
                                      const or_percentiles *p)
{
    ori_four v;
    memcpy(v, p, sizeof v);
    if ((v[0] | v[1] | v[2] | v[3]) == 0) return;
    or_json_put_key(w, or_str_z(name));
    or_json_begin_object(w);
    for (int i = 0; i < 4; i++)
        if (v[i] != 0) {
            or_json_put_key(w, or_str_z(ori_prefs_names[i]));
            or_json_put_decimal(w, v[i], 3);
        }
    or_json_end_object(w);
}

static void ori_prefs_put_max_price(or_json_writer *w, const or_price_list *list)
{
    if (list->known == 0) return;
    or_json_put_key(w, OR_STR("max_price"));
    or_json_begin_object(w);
    for (size_t i = 0; i < sizeof ori_prefs_prices / sizeof ori_prefs_prices[0]; i++) {
        or_price_key key = (or_price_key)ori_prefs_prices[i].key;
        if ((list->known >> key & 1) == 0) continue;
        or_json_put_key(w, or_str_z(or_price_name(key)));
        or_json_put_decimal(w, (int64_t)ori_money_min(list->pico[key], INT64_MAX),
                            ori_prefs_prices[i].scale);
    }
    or_json_end_object(w);
}

static void ori_prefs_put_sort(or_json_writer *w, const or_prefs *p)
{
    const char *by = or_sort_name(p->sort);
    if (by == NULL && !p->across_models) return;
    if (!p->across_models) {
        ori_prefs_put_str(w, "sort", by);
        return;
    }
    or_json_put_key(w, OR_STR("sort"));
    or_json_begin_object(w);
    if (by != NULL) ori_prefs_put_str(w, "by", by);
    ori_prefs_put_str(w, "partition", "none");
    or_json_end_object(w);
}

or_err or_prefs_write(or_json_writer *w, const or_prefs *p)
{
    or_json_begin_object(w);
    ori_prefs_put_list(w, "order", p->order, p->num_order);
    ori_prefs_put_list(w, "only", p->only, p->num_only);
    ori_prefs_put_list(w, "ignore", p->ignore, p->num_ignore);
    ori_prefs_put_bool(w, "allow_fallbacks", p->no_fallbacks, false);
    ori_prefs_put_bool(w, "require_parameters", p->require_parameters, true);
    if (p->deny_data_collection) ori_prefs_put_str(w, "data_collection", "deny");
    ori_prefs_put_bool(w, "zdr", p->zdr, true);
    ori_prefs_put_bool(w, "enforce_distillable_text", p->distillable_text, true);
    if (p->quantizations != 0) {
        or_json_put_key(w, OR_STR("quantizations"));
        or_json_begin_array(w);
        for (int q = 0; q < OR_QUANT_NUM; q++)
            if ((p->quantizations >> q & 1) != 0)
                or_json_put_str(w, or_str_z(ori_prefs_quantizations[q]));
        /* an empty list would admit everything */
        if (p->quantizations >> OR_QUANT_NUM != 0) or_json_put_str(w, OR_STR("none"));
        or_json_end_array(w);
    }
    ori_prefs_put_sort(w, p);
    ori_prefs_put_percentiles(w, "preferred_min_throughput", &p->min_throughput_milli);
    ori_prefs_put_percentiles(w, "preferred_max_latency", &p->max_latency_ms);
    ori_prefs_put_max_price(w, &p->max_price);
    return or_json_end_object(w);
}

/* >> chat ------------------------------------------------------------- */

/* How a field of a request is written. Up to PAIRS it begins with a pointer, NULL when there
   is nothing to write; from MSGS to PAIRS a count follows the pointer. NAME to MSGS have to be
   there. From BOOL_OPT to MILLI_PM2 it is an or_opt with a range in ori_chat_ranges. */
enum {
    ORI_CHAT_STR,
    ORI_CHAT_STR256, /* at most 256 characters */
    ORI_CHAT_CHOOSE,
    ORI_CHAT_RAW,
    ORI_CHAT_OBJECT,
    ORI_CHAT_ARRAY,
    ORI_CHAT_PREFS,
    ORI_CHAT_REASONING,
    ORI_CHAT_FORMAT,
    ORI_CHAT_NAME,     /* of a function or schema */
    ORI_CHAT_REQUIRED, /* string that is not empty */
    ORI_CHAT_MSGS,
    ORI_CHAT_LIST, /* of strings */
    ORI_CHAT_TOOLS,
    ORI_CHAT_PARTS,
    ORI_CHAT_CALLS,
    ORI_CHAT_PAIRS,
    ORI_CHAT_BOOL_OPT,
    ORI_CHAT_INT,
    ORI_CHAT_FROM_0,
    ORI_CHAT_TOP_LOGPROBS,
    ORI_CHAT_MILLI_1,
    ORI_CHAT_MILLI_2,
    ORI_CHAT_MILLI_PM2,
    ORI_CHAT_U32,       /* uint32_t; 0 is absent */
    ORI_CHAT_ONLY_TRUE, /* bool; false is absent */
    ORI_CHAT_FLAG,      /* bool, as an object with one member, whose name is behind the NUL */
    ORI_CHAT_STREAM_OPTIONS,
    ORI_CHAT_ROLE,
    ORI_CHAT_CONTENT,  /* or_str; null when there are no parts either */
    ORI_CHAT_ARGUMENTS /* or_str; an empty object when absent, since some servers parse it */
};

typedef struct ori_chat_row {
    const char *name;
    uint16_t    at; /* offset of the field in its struct */
    uint8_t     kind;
    uint8_t     arg; /* LIST, PAIRS, U32: the most; others: 1 << each role or kind of part that
                        may have it. 0: no limit */
} ori_chat_row;

#define ORI_CHAT_AT(type, field) (uint16_t) offsetof(type, field)
#define ORI_CHAT_ROWS(rows)      (rows), sizeof(rows) / sizeof((rows)[0])

#define ORI_CHAT_D(field) ORI_CHAT_AT(or_chat_desc, field)
static const ori_chat_row ori_chat_desc_rows[] = {
    {"model", ORI_CHAT_D(model), ORI_CHAT_STR, 0},
    {"models", ORI_CHAT_D(models), ORI_CHAT_LIST, 0},
    {"messages", ORI_CHAT_D(msgs), ORI_CHAT_MSGS, 0},
    {"tools", ORI_CHAT_D(tools), ORI_CHAT_TOOLS, 0},
    {"tool_choice", ORI_CHAT_D(tool_choice), ORI_CHAT_RAW, 0},
    {"tool_choice", ORI_CHAT_D(tool), ORI_CHAT_CHOOSE, 0},
    {"parallel_tool_calls", ORI_CHAT_D(parallel_tool_calls), ORI_CHAT_BOOL_OPT, 0},
    {"max_tool_calls", ORI_CHAT_D(max_tool_calls), ORI_CHAT_U32, 30},
    {"stop_server_tools_when", ORI_CHAT_D(stop_server_tools_when), ORI_CHAT_ARRAY, 0},
    {"response_format", ORI_CHAT_D(response_format), ORI_CHAT_OBJECT, 0},
    {"response_format", ORI_CHAT_D(format), ORI_CHAT_FORMAT, 0},
    {"reasoning_effort", ORI_CHAT_D(reasoning_effort), ORI_CHAT_STR, 0},
    {"reasoning", ORI_CHAT_D(reasoning), ORI_CHAT_REASONING, 0},
    {"stop", ORI_CHAT_D(stop), ORI_CHAT_LIST, 4},
    {"max_tokens", ORI_CHAT_D(max_tokens), ORI_CHAT_U32, 0},
    {"max_completion_tokens", ORI_CHAT_D(max_completion_tokens), ORI_CHAT_U32, 0},
    {"temperature", ORI_CHAT_D(temperature_milli), ORI_CHAT_MILLI_2, 0},
    {"top_p", ORI_CHAT_D(top_p_milli), ORI_CHAT_MILLI_1, 0},
    {"top_k", ORI_CHAT_D(top_k), ORI_CHAT_FROM_0, 0},
    {"top_a", ORI_CHAT_D(top_a_milli), ORI_CHAT_MILLI_1, 0},
    {"min_p", ORI_CHAT_D(min_p_milli), ORI_CHAT_MILLI_1, 0},
    {"frequency_penalty", ORI_CHAT_D(frequency_penalty_milli), ORI_CHAT_MILLI_PM2, 0},
    {"presence_penalty", ORI_CHAT_D(presence_penalty_milli), ORI_CHAT_MILLI_PM2, 0},
    {"repetition_penalty", ORI_CHAT_D(repetition_penalty_milli), ORI_CHAT_MILLI_2, 0},
    {"seed", ORI_CHAT_D(seed), ORI_CHAT_INT, 0},
    {"logit_bias", ORI_CHAT_D(logit_bias), ORI_CHAT_OBJECT, 0},
    {"logprobs", ORI_CHAT_D(logprobs), ORI_CHAT_ONLY_TRUE, 0},
    {"top_logprobs", ORI_CHAT_D(top_logprobs), ORI_CHAT_TOP_LOGPROBS, 0},
    {"modalities", ORI_CHAT_D(modalities), ORI_CHAT_LIST, 0},
    {"image_config", ORI_CHAT_D(image_config), ORI_CHAT_OBJECT, 0},
    {"audio", ORI_CHAT_D(audio), ORI_CHAT_OBJECT, 0},
    {"prediction", ORI_CHAT_D(prediction), ORI_CHAT_OBJECT, 0},
    {"verbosity", ORI_CHAT_D(verbosity), ORI_CHAT_STR, 0},
    {"provider", ORI_CHAT_D(provider), ORI_CHAT_PREFS, 0},
    {"plugins", ORI_CHAT_D(plugins), ORI_CHAT_ARRAY, 0},
    {"preset", ORI_CHAT_D(preset), ORI_CHAT_STR, 0},
    {"service_tier", ORI_CHAT_D(service_tier), ORI_CHAT_STR, 0},
    {"cache_control", ORI_CHAT_D(cache_control), ORI_CHAT_OBJECT, 0},
    {"prompt_cache_key", ORI_CHAT_D(prompt_cache_key), ORI_CHAT_STR, 0},
    {"prompt_cache_options", ORI_CHAT_D(prompt_cache_options), ORI_CHAT_OBJECT, 0},
    {"web_search_options", ORI_CHAT_D(web_search_options), ORI_CHAT_OBJECT, 0},
    {"x_search_filter", ORI_CHAT_D(x_search_filter), ORI_CHAT_OBJECT, 0},
    {"user", ORI_CHAT_D(user), ORI_CHAT_STR, 0},
    {"session_id", ORI_CHAT_D(session_id), ORI_CHAT_STR256, 0},
    {"metadata", ORI_CHAT_D(metadata), ORI_CHAT_PAIRS, 16},
    {"trace", ORI_CHAT_D(trace), ORI_CHAT_OBJECT, 0},
    {"usage\0include", ORI_CHAT_D(include_usage), ORI_CHAT_FLAG, 0},
    {"debug\0echo_upstream_body", ORI_CHAT_D(echo_upstream_body), ORI_CHAT_FLAG, 0},
    {"stream", ORI_CHAT_D(stream), ORI_CHAT_ONLY_TRUE, 0},
    {"stream_options\0include_usage", ORI_CHAT_D(stream), ORI_CHAT_STREAM_OPTIONS, 0},
};

#define ORI_CHAT_M(field) ORI_CHAT_AT(or_msg, field)
static const ori_chat_row ori_chat_msg_rows[] = {
    {"role", ORI_CHAT_M(role), ORI_CHAT_ROLE, 0},
    {"content", ORI_CHAT_M(content_parts), ORI_CHAT_ARRAY, 0},
    {"content", ORI_CHAT_M(parts), ORI_CHAT_PARTS, 0},
    {"content", ORI_CHAT_M(content), ORI_CHAT_CONTENT, 0},
    {"name", ORI_CHAT_M(name), ORI_CHAT_STR, 0},
    {"tool_call_id", ORI_CHAT_M(tool_call_id), ORI_CHAT_REQUIRED, 1 << OR_ROLE_TOOL},
    {"refusal", ORI_CHAT_M(refusal), ORI_CHAT_STR, 1 << OR_ROLE_ASSISTANT},
    {"reasoning", ORI_CHAT_M(reasoning), ORI_CHAT_STR, 1 << OR_ROLE_ASSISTANT},
    {"reasoning_content", ORI_CHAT_M(reasoning_content), ORI_CHAT_STR, 1 << OR_ROLE_ASSISTANT},
    {"reasoning_details", ORI_CHAT_M(reasoning_details), ORI_CHAT_ARRAY, 1 << OR_ROLE_ASSISTANT},
    {"tool_calls", ORI_CHAT_M(tool_calls), ORI_CHAT_CALLS, 1 << OR_ROLE_ASSISTANT},
    {"annotations", ORI_CHAT_M(annotations), ORI_CHAT_ARRAY, 1 << OR_ROLE_ASSISTANT},
    {"images", ORI_CHAT_M(images), ORI_CHAT_ARRAY, 1 << OR_ROLE_ASSISTANT},
    {"audio", ORI_CHAT_M(audio), ORI_CHAT_OBJECT, 1 << OR_ROLE_ASSISTANT},
};

#define ORI_CHAT_P(field) ORI_CHAT_AT(or_part, field)
static const ori_chat_row ori_chat_part_rows[] = {
    {"text", ORI_CHAT_P(text), ORI_CHAT_REQUIRED, 1 << OR_PART_TEXT},
    {"cache_control", ORI_CHAT_P(cache_control), ORI_CHAT_OBJECT, 0},
};
static const ori_chat_row ori_chat_media_rows[] = {
    {"filename", ORI_CHAT_P(filename), ORI_CHAT_STR, 1 << OR_PART_FILE},
    {"file_id", ORI_CHAT_P(file_id), ORI_CHAT_STR, 1 << OR_PART_FILE},
    {"detail", ORI_CHAT_P(detail), ORI_CHAT_STR, 1 << OR_PART_IMAGE},
    {"processing", ORI_CHAT_P(processing), ORI_CHAT_STR, 1 << OR_PART_VIDEO},
    {"format", ORI_CHAT_P(format), ORI_CHAT_REQUIRED, 1 << OR_PART_AUDIO},
};

static const ori_chat_row ori_chat_call_rows[] = {
    {"id", ORI_CHAT_AT(or_tool_call, id), ORI_CHAT_REQUIRED, 0},
    {"extra_content", ORI_CHAT_AT(or_tool_call, extra_content), ORI_CHAT_OBJECT, 0},
};
static const ori_chat_row ori_chat_function_rows[] = {
    {"name", ORI_CHAT_AT(or_tool_call, name), ORI_CHAT_REQUIRED, 0},
    {"arguments", ORI_CHAT_AT(or_tool_call, arguments), ORI_CHAT_ARGUMENTS, 0},
};

static const ori_chat_row ori_chat_tool_rows[] = {
    {"name", ORI_CHAT_AT(or_tool, name), ORI_CHAT_NAME, 0},
    {"description", ORI_CHAT_AT(or_tool, description), ORI_CHAT_STR, 0},
    {"parameters", ORI_CHAT_AT(or_tool, parameters), ORI_CHAT_OBJECT, 0},
    {"strict", ORI_CHAT_AT(or_tool, strict), ORI_CHAT_BOOL_OPT, 0},
};
static const ori_chat_row ori_chat_choice_rows[] = {{"name", 0, ORI_CHAT_NAME, 0}};

static const ori_chat_row ori_chat_schema_rows[] = {
    {"name", ORI_CHAT_AT(or_format, name), ORI_CHAT_NAME, 0},
    {"description", ORI_CHAT_AT(or_format, description), ORI_CHAT_STR, 0},
    {"schema", ORI_CHAT_AT(or_format, schema), ORI_CHAT_OBJECT, 0},
    {"strict", ORI_CHAT_AT(or_format, strict), ORI_CHAT_BOOL_OPT, 0},
};

static const ori_chat_row ori_chat_reasoning_rows[] = {
    {"effort", ORI_CHAT_AT(or_reasoning, effort), ORI_CHAT_STR, 0},
    {"max_tokens", ORI_CHAT_AT(or_reasoning, max_tokens), ORI_CHAT_U32, 0},
    {"enabled", ORI_CHAT_AT(or_reasoning, enabled), ORI_CHAT_BOOL_OPT, 0},
    {"exclude", ORI_CHAT_AT(or_reasoning, exclude), ORI_CHAT_ONLY_TRUE, 0},
    {"summary", ORI_CHAT_AT(or_reasoning, summary), ORI_CHAT_STR, 0},
};

/* In every list the count follows its pointer without a gap. */
typedef char ori_chat_count_follows[offsetof(or_chat_desc, num_models) ==
                                            offsetof(or_chat_desc, models) + sizeof(void *)
                                        ? 1
                                        : -1];

/* A request, or a message of it, in the making. */
typedef struct ori_chat_out {
    or_json_writer w;
    or_chat_fault  fault;
} ori_chat_out;

/* The members that a table lists. variant: the role of a message, the kind of a part, else 0.
   Messages, parts and the like come back here: as deep as the tables nest. */
static void ori_chat_put_fields(ori_chat_out *o, const ori_chat_row *rows, size_t num,
                                const void *from, unsigned variant);

static void ori_chat_fail(ori_chat_out *o, or_err e)
{
    if (e != OR_OK) (void)ori_json_put_fail(&o->w, e);
}

static void ori_chat_put_key(ori_chat_out *o, const char *name)
{
    (void)or_json_put_key(&o->w, or_str_z(name));
}

static void ori_chat_put_word(ori_chat_out *o, const char *word)
{
    (void)or_json_put_str(&o->w, or_str_z(word));
}

static void ori_chat_put_piece(ori_chat_out *o, const char *text)
{
    (void)or_json_put_part(&o->w, or_str_z(text));
}

/* Is arg the most elements or the largest number? */
static bool ori_chat_has_max(const ori_chat_row *row)
{
    return row->arg != 0 &&
           (row->kind == ORI_CHAT_LIST || row->kind == ORI_CHAT_PAIRS || row->kind == ORI_CHAT_U32);
}

/* The pointer that a field begins with, and the count behind it. */
static const void *ori_chat_pointer(const void *field, uint32_t *num)
{
    const void *ptr;
    memcpy(&ptr, field, sizeof ptr);
    if (num != NULL) memcpy(num, (const char *)field + sizeof ptr, sizeof *num);
    return ptr;
}

/* Is there anything to write for this row? */
static bool ori_chat_given(const ori_chat_row *row, const void *from)
{
    const void *field = (const char *)from + row->at;
    uint32_t    num = 1;
    if (row->kind <= ORI_CHAT_PAIRS)
        return ori_chat_pointer(field, row->kind < ORI_CHAT_MSGS ? NULL : &num) != NULL && num > 0;
    if (row->kind < ORI_CHAT_U32) return ((const or_opt *)field)->set;
    if (row->kind == ORI_CHAT_U32) return *(const uint32_t *)field != 0;
    if (row->kind == ORI_CHAT_STREAM_OPTIONS && ((const or_chat_desc *)from)->no_stream_options)
        return false;
    if (row->kind <= ORI_CHAT_STREAM_OPTIONS) return *(const bool *)field;
    if (row->kind != ORI_CHAT_CONTENT) return true;
    const or_msg *m = (const or_msg *)from;
    return m->content.ptr != NULL ||
           (m->content_parts.ptr == NULL && (m->parts == NULL || m->num_parts == 0));
}

/* Did one of the first num rows write a member of that (raw) name? */
static bool ori_chat_written(const ori_chat_row *rows, size_t num, const void *from, or_str name)
{
    for (size_t i = 0; i < num; i++)
        if (or_json_str_is_z(name, rows[i].name) && ori_chat_given(&rows[i], from))
            return true;
    return false;
}

static size_t ori_chat_characters(or_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) n += (s.ptr[i] & 0xC0) != 0x80;
    return n;
}

static or_err ori_chat_check_name(or_str name)
{
    if (name.len == 0) return OR_ERR_ABSENT;
    if (name.len > 64) return OR_ERR_RANGE;
    for (size_t i = 0; i < name.len; i++) {
        char c = ori_lower(name.ptr[i]);
        if (!ori_digit(c) && (c < 'a' || c > 'z') && c != '_' && c != '-') return OR_ERR_ARG;
    }
    return OR_OK;
}

static void ori_chat_put_str(ori_chat_out *o, uint8_t kind, or_str s)
{
    if (kind == ORI_CHAT_STR256 && ori_chat_characters(s) > 256) ori_chat_fail(o, OR_ERR_RANGE);
    if (kind == ORI_CHAT_NAME) ori_chat_fail(o, ori_chat_check_name(s));
    if (kind == ORI_CHAT_REQUIRED && s.len == 0) ori_chat_fail(o, OR_ERR_ABSENT);
    if (kind == ORI_CHAT_ARGUMENTS && s.len == 0) s = OR_STR("{}");
    if (o->w.err != OR_OK) return;
    or_json_put_str(&o->w, s);
}

static void ori_chat_put_pair(ori_chat_out *o, const or_pair *p)
{
    size_t n = ori_chat_characters(p->name);
    if (n == 0 || n > 64 || ori_chat_characters(p->value) > 512) ori_chat_fail(o, OR_ERR_RANGE);
    for (size_t i = 0; i < p->name.len; i++)
        if (p->name.ptr[i] == '[' || p->name.ptr[i] == ']') ori_chat_fail(o, OR_ERR_ARG);
    or_json_put_key(&o->w, p->name);
    ori_chat_put_str(o, ORI_CHAT_REQUIRED, p->value);
}

/* JSON that begins with that bracket; 0: any JSON. */
static void ori_chat_put_raw(ori_chat_out *o, or_str json, char bracket)
{
    if (json.ptr == NULL) ori_chat_fail(o, OR_ERR_ABSENT);
    or_json_put_raw(&o->w, json);
    while (json.len > 0 && (unsigned char)*json.ptr <= ' ') {
        json.ptr++;
        json.len--;
    }
    if (bracket != 0 && (json.len == 0 || *json.ptr != bracket)) ori_chat_fail(o, OR_ERR_TYPE);
}

/* The next member or element in the root: its value whole, strings with their quotes. */
static bool ori_chat_next(or_json_scan *s, or_json_item *item)
{
    if (or_json_scan_next(s, item) != OR_OK || item->type == OR_JSON_END) return false;
    (void)or_json_scan_skip(s, item);
    if (item->type == OR_JSON_STRING)
        item->value = or_str_of(item->value.ptr - 1, item->value.len + 2);
    return true;
}

/* The members of a raw object, into the object of these fields. */
static void ori_chat_put_extra(ori_chat_out *o, const ori_chat_row *rows, size_t num,
                               const void *from, or_str extra)
{
    or_json_scan s;
    or_json_item item;
    char         plain[64];
    or_err       e = OR_OK;
    if (o->w.err != OR_OK || extra.ptr == NULL) return;
    or_json_scan_init(&s, extra);
    e = or_json_check(extra, NULL);
    if (e == OR_OK && or_json_scan_next(&s, &item) == OR_OK && item.type != OR_JSON_OBJECT)
        e = OR_ERR_TYPE;
    while (e == OR_OK && ori_chat_next(&s, &item)) {
        if (ori_chat_written(rows, num, from, item.key)) e = OR_ERR_DUPLICATE;
        if (item.key_escaped && or_json_unescape(item.key, plain, sizeof plain, &item.key) != OR_OK)
            e = OR_ERR_RANGE;
        or_json_put_key(&o->w, item.key);
        or_json_put_raw(&o->w, item.value);
    }
    ori_chat_fail(o, e);
    if (o->w.err != OR_OK) o->fault.field = "extra";
}

/* "type":type,type:{ */
static void ori_chat_begin_typed(ori_chat_out *o, const char *type)
{
    ori_chat_put_key(o, "type");
    ori_chat_put_word(o, type);
    ori_chat_put_key(o, type);
    or_json_begin_object(&o->w);
}

/* The fields, and the end of the object that they are in. */
static void ori_chat_end_fields(ori_chat_out *o, const ori_chat_row *rows, size_t num,
                                const void *from, unsigned variant)
{
    ori_chat_put_fields(o, rows, num, from, variant);
    or_json_end_object(&o->w);
}

/* {"type":type,type:{fields}}; the outer object is begun. */
static void ori_chat_end_typed(ori_chat_out *o, const char *type, const ori_chat_row *rows,
                               size_t num, const void *from)
{
    ori_chat_begin_typed(o, type);
    ori_chat_end_fields(o, rows, num, from, 0);
    or_json_end_object(&o->w);
}

or_err or_chat_put_base64(or_json_writer *w, or_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char              text[64];
    uint32_t          bits = 0;
    unsigned          num = 0, n = 0; /* of bits that are not written; of digits in text */
    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | (unsigned char)bytes.ptr[i];
        for (num += 8; num >= 6;) {
            num -= 6;
            text[n++] = digits[bits >> num & 63];
        }
        if (n < sizeof text) continue;
        (void)or_json_put_part(w, or_str_of(text, n));
        n = 0;
    }
    if (num > 0) text[n++] = digits[bits << (6 - num) & 63];
    while (n % 4 > 0) text[n++] = '=';
    return or_json_put_part(w, or_str_of(text, n));
}

/* The content of a part that is not text; file_id is a field of its own. */
static void ori_chat_put_data(ori_chat_out *o, const or_part *p, const char *name)
{
    or_json_writer *w = &o->w;
    bool            url = p->url.ptr != NULL, audio = p->kind == OR_PART_AUDIO;
    int sources = url + (p->bytes.ptr != NULL) + (p->base64.ptr != NULL) + (p->file_id.ptr != NULL);
    if (sources != 1) ori_chat_fail(o, sources == 0 ? OR_ERR_ABSENT : OR_ERR_DUPLICATE);
    if (p->file_id.ptr != NULL) return;
    ori_chat_put_key(o, name);
    or_json_begin_str(w);
    if (url) {
        if (audio) ori_chat_fail(o, OR_ERR_ARG);
        or_json_put_part(w, p->url);
    } else if (!audio) {
        if (p->mime.len == 0) ori_chat_fail(o, OR_ERR_ABSENT);
        ori_chat_put_piece(o, "data:");
        or_json_put_part(w, p->mime);
        ori_chat_put_piece(o, ";base64,");
    }
    if (p->base64.ptr != NULL) or_json_put_part(w, p->base64);
    (void)or_chat_put_base64(w, p->bytes);
    or_json_end_str(w);
}

static void ori_chat_put_part(ori_chat_out *o, const or_part *p)
{
    static const char *const types[] = {"image_url",   "url",  "file",      "file_data",
                                        "input_audio", "data", "video_url", "url"};
    unsigned                 kind = (unsigned)p->kind;
    if (kind > OR_PART_VIDEO) {
        if (kind > OR_PART_RAW) ori_chat_fail(o, OR_ERR_ARG);
        ori_chat_put_raw(o, p->raw, '{');
        return;
    }
    or_json_begin_object(&o->w);
    if (kind == OR_PART_TEXT) {
        ori_chat_put_key(o, "type");
        ori_chat_put_word(o, "text");
    } else {
        const char *const *type = &types[2 * (kind - OR_PART_IMAGE)];
        ori_chat_begin_typed(o, type[0]);
        ori_chat_put_data(o, p, type[1]);
        ori_chat_end_fields(o, ORI_CHAT_ROWS(ori_chat_media_rows), p, kind);
    }
    ori_chat_end_fields(o, ORI_CHAT_ROWS(ori_chat_part_rows), p, kind);
}

static void ori_chat_put_msg(ori_chat_out *o, const or_msg *m)
{
    or_json_begin_object(&o->w);
    ori_chat_put_fields(o, ORI_CHAT_ROWS(ori_chat_msg_rows), m, (unsigned)m->role & 7);
    ori_chat_put_extra(o, ORI_CHAT_ROWS(ori_chat_msg_rows), m, m->extra);
    or_json_end_object(&o->w);
}

static void ori_chat_put_tool(ori_chat_out *o, const or_tool *t)
{
    if (t->raw.ptr != NULL) {
        ori_chat_put_raw(o, t->raw, '{');
        return;
    }
    or_json_begin_object(&o->w);
    ori_chat_end_typed(o, "function", ORI_CHAT_ROWS(ori_chat_tool_rows), t);
}

static void ori_chat_put_call(ori_chat_out *o, const or_tool_call *c)
{
    or_json_begin_object(&o->w);
    ori_chat_put_fields(o, ORI_CHAT_ROWS(ori_chat_call_rows), c, 0);
    ori_chat_end_typed(o, "function", ORI_CHAT_ROWS(ori_chat_function_rows), c);
}

static void ori_chat_put_element(ori_chat_out *o, uint8_t kind, const void *at)
{
    switch (kind) {
    case ORI_CHAT_MSGS: ori_chat_put_msg(o, (const or_msg *)at); break;
    case ORI_CHAT_TOOLS: ori_chat_put_tool(o, (const or_tool *)at); break;
    case ORI_CHAT_PARTS: ori_chat_put_part(o, (const or_part *)at); break;
    case ORI_CHAT_CALLS: ori_chat_put_call(o, (const or_tool_call *)at); break;
    case ORI_CHAT_PAIRS: ori_chat_put_pair(o, (const or_pair *)at); break;
    default: ori_chat_put_str(o, ORI_CHAT_REQUIRED, *(const or_str *)at); break;
    }
}

/* A list: its elements lie one after another. */
static void ori_chat_put_list(ori_chat_out *o, const ori_chat_row *row, const void *field)
{
    static const uint16_t sizes[] = {sizeof(or_msg),  sizeof(or_str),       sizeof(or_tool),
                                     sizeof(or_part), sizeof(or_tool_call), sizeof(or_pair)};
    uint32_t              num;
    const char           *at = (const char *)ori_chat_pointer(field, &num);
    bool                  pairs = row->kind == ORI_CHAT_PAIRS;
    if (ori_chat_has_max(row) && num > row->arg) ori_chat_fail(o, OR_ERR_RANGE);
    (void)(pairs ? or_json_begin_object(&o->w) : or_json_begin_array(&o->w));
    for (uint32_t i = 0; i < num && o->w.err == OR_OK; i++) {
        ori_chat_put_element(o, row->kind, at + (size_t)i * sizes[row->kind - ORI_CHAT_MSGS]);
        if (o->w.err != OR_OK) o->fault.index = i; /* the outermost list comes last */
    }
    (void)(pairs ? or_json_end_object(&o->w) : or_json_end_array(&o->w));
}

static void ori_chat_put_format(ori_chat_out *o, const or_format *f)
{
    or_json_begin_object(&o->w);
    if (f->kind == OR_FORMAT_SCHEMA) {
        ori_chat_end_typed(o, "json_schema", ORI_CHAT_ROWS(ori_chat_schema_rows), f);
        return;
    }
    if ((unsigned)f->kind > OR_FORMAT_SCHEMA) ori_chat_fail(o, OR_ERR_ARG);
    ori_chat_put_key(o, "type");
    ori_chat_put_word(o, f->kind == OR_FORMAT_TEXT ? "text" : "json_object");
    or_json_end_object(&o->w);
}

static void ori_chat_put_opt(ori_chat_out *o, uint8_t kind, or_opt n)
{
    static const struct {
        int32_t low, high;
    } ranges[] = {{0, 1},    {INT32_MIN, INT32_MAX}, {0, INT32_MAX}, {0, 20}, {0, 1000},
                  {0, 2000}, {-2000, 2000}};
    unsigned i = (unsigned)kind - ORI_CHAT_BOOL_OPT;
    if (n.value < ranges[i].low || n.value > ranges[i].high) ori_chat_fail(o, OR_ERR_RANGE);
    if (kind == ORI_CHAT_BOOL_OPT)
        or_json_put_bool(&o->w, n.value != 0);
    else
        or_json_put_decimal(&o->w, n.value, kind >= ORI_CHAT_MILLI_1 ? 3 : 0);
}

/* The value of a row. What depends on two fields is checked at the later one. */
static void ori_chat_put_value(ori_chat_out *o, const ori_chat_row *row, const void *from)
{
    static const char *const roles[] = {"user", "system", "developer", "assistant", "tool"};
    const void              *field = (const char *)from + row->at;
    const or_chat_desc      *d = (const or_chat_desc *)from; /* when the row is one of its */
    const or_msg            *m = (const or_msg *)from;
    const or_str            *s = (const or_str *)field;
    or_json_writer          *w = &o->w;
    switch (row->kind) {
    case ORI_CHAT_RAW:
    case ORI_CHAT_OBJECT:
    case ORI_CHAT_ARRAY: ori_chat_put_raw(o, *s, "\0{["[row->kind - ORI_CHAT_RAW]); break;
    case ORI_CHAT_CHOOSE:
        or_json_begin_object(w);
        ori_chat_end_typed(o, "function", ORI_CHAT_ROWS(ori_chat_choice_rows), field);
        break;
    case ORI_CHAT_PREFS: (void)or_prefs_write(w, d->provider); break;
    case ORI_CHAT_FORMAT: ori_chat_put_format(o, d->format); break;
    case ORI_CHAT_REASONING:
        if (d->reasoning->effort.ptr != NULL &&
            (d->reasoning->max_tokens > 0 || d->reasoning_effort.ptr != NULL))
            ori_chat_fail(o, OR_ERR_DUPLICATE);
        or_json_begin_object(w);
        ori_chat_end_fields(o, ORI_CHAT_ROWS(ori_chat_reasoning_rows), d->reasoning, 0);
        break;
    case ORI_CHAT_MSGS:
    case ORI_CHAT_LIST:
    case ORI_CHAT_TOOLS:
    case ORI_CHAT_PARTS:
    case ORI_CHAT_CALLS:
    case ORI_CHAT_PAIRS: ori_chat_put_list(o, row, field); break;
    case ORI_CHAT_U32:
        if (ori_chat_has_max(row) && *(const uint32_t *)field > row->arg)
            ori_chat_fail(o, OR_ERR_RANGE);
        or_json_put_u64(w, *(const uint32_t *)field);
        break;
    case ORI_CHAT_ONLY_TRUE: or_json_put_bool(w, true); break;
    case ORI_CHAT_FLAG:
    case ORI_CHAT_STREAM_OPTIONS:
        or_json_begin_object(w);
        ori_chat_put_key(o, row->name + or_str_z(row->name).len + 1);
        or_json_put_bool(w, true);
        or_json_end_object(w);
        break;
    case ORI_CHAT_ROLE:
        if ((unsigned)m->role > OR_ROLE_TOOL)
            ori_chat_fail(o, OR_ERR_ARG);
        else
            ori_chat_put_word(o, roles[m->role]);
        break;
    case ORI_CHAT_CONTENT:
        if (s->ptr != NULL)
            or_json_put_str(w, *s);
        else if (m->role == OR_ROLE_ASSISTANT)
            or_json_put_null(w);
        else
            ori_chat_fail(o, OR_ERR_ABSENT);
        break;
    case ORI_CHAT_STR:
    case ORI_CHAT_STR256:
    case ORI_CHAT_NAME:
    case ORI_CHAT_REQUIRED:
    case ORI_CHAT_ARGUMENTS: ori_chat_put_str(o, row->kind, *s); break;
    default:
        if (row->kind == ORI_CHAT_TOP_LOGPROBS && !d->logprobs) ori_chat_fail(o, OR_ERR_ARG);
        ori_chat_put_opt(o, row->kind, *(const or_opt *)field);
        break;
    }
}

static void ori_chat_put_fields(ori_chat_out *o, const ori_chat_row *rows, size_t num,
                                const void *from, unsigned variant)
{
    for (size_t i = 0; i < num && o->w.err == OR_OK; i++) {
        const ori_chat_row *row = &rows[i];
        bool allowed = row->arg == 0 || ori_chat_has_max(row) || (row->arg >> variant & 1) != 0;
        bool required = row->kind >= ORI_CHAT_NAME && row->kind <= ORI_CHAT_MSGS;
        bool given = ori_chat_given(row, from);
        if (!given && !(required && allowed)) continue;
        or_str name = or_str_z(row->name);
        if (!given)
            ori_chat_fail(o, OR_ERR_ABSENT);
        else if (!allowed)
            ori_chat_fail(o, OR_ERR_ARG);
        else if (ori_chat_written(rows, i, from, name))
            ori_chat_fail(o, OR_ERR_DUPLICATE);
        else if (or_json_put_key(&o->w, name) == OR_OK)
            ori_chat_put_value(o, row, from);
        if (o->w.err == OR_OK) continue;
        o->fault.member = o->fault.field;
        o->fault.field = row->name;
    }
}

static void ori_chat_begin(ori_chat_out *o, or_buf *out)
{
    memset(o, 0, sizeof *o);
    or_json_writer_init(&o->w, out);
}

static or_err ori_chat_put_desc(or_buf *out, const or_chat_desc *d, or_chat_fault *fault)
{
    ori_chat_out o;
    ori_chat_begin(&o, out);
    or_json_begin_object(&o.w);
    ori_chat_put_fields(&o, ORI_CHAT_ROWS(ori_chat_desc_rows), d, 0);
    ori_chat_put_extra(&o, ORI_CHAT_ROWS(ori_chat_desc_rows), d, d->extra);
    or_json_end_object(&o.w);
    if (fault != NULL) *fault = o.fault;
    return or_json_writer_end(&o.w);
}

or_err or_chat_check(const or_chat_desc *d, or_chat_fault *fault)
{
    or_buf nothing;
    or_buf_init_counting(&nothing);
    return ori_chat_put_desc(&nothing, d, fault);
}

or_err or_chat_write(or_buf *out, const or_chat_desc *d)
{
    size_t before = out->len;
    or_err e = ori_chat_put_desc(out, d, NULL);
    if (e != OR_OK) out->len = before;
    return e;
}

/* The bytes of one message, and of the comma or bracket behind it. */
static or_err ori_chat_measure(const or_msg *m, size_t *bytes)
{
    or_buf       nothing;
    ori_chat_out o;
    or_buf_init_counting(&nothing);
    ori_chat_begin(&o, &nothing);
    ori_chat_put_msg(&o, m);
    *bytes = nothing.len + 1;
    return o.w.err;
}

static bool ori_chat_is_system(const or_msg *m)
{
    return m->role == OR_ROLE_SYSTEM || m->role == OR_ROLE_DEVELOPER;
}

/* May the history begin with message i instead of 0? A turn has to begin there, and no result
   may come before a call. */
static bool ori_chat_may_begin(const or_msg *msgs, uint32_t num, uint32_t i)
{
    if (msgs[i - 1].role < OR_ROLE_ASSISTANT) return false;
    while (i < num && ori_chat_is_system(&msgs[i])) i++;
    if (i == num || msgs[i].role != OR_ROLE_USER) return false;
    while (i < num && msgs[i].role != OR_ROLE_TOOL && msgs[i].num_tool_calls == 0) i++;
    return i == num || msgs[i].role != OR_ROLE_TOOL;
}

or_err or_chat_fit(const or_msg *msgs, uint32_t num, size_t max_bytes, uint32_t *first,
                   uint32_t *end)
{
    size_t   total = num > 0 ? 1 : 2, bytes;
    uint32_t head = 0, kept, next;
    or_err   e;
    while (head < num && ori_chat_is_system(&msgs[head])) head++;
    for (next = 0; next < num; next++) {
        if ((e = ori_chat_measure(&msgs[next], &bytes)) != OR_OK) return e;
        total += bytes;
    }
    for (kept = head; total > max_bytes; kept = next) {
        next = kept + 1;
        while (next < num && !ori_chat_may_begin(msgs, num, next)) next++;
        if (next >= num) return OR_ERR_SPACE;
        for (uint32_t i = kept; i < next; i++) {
            (void)ori_chat_measure(&msgs[i], &bytes);
            total -= bytes;
        }
    }
    *first = head;
    *end = kept;
    return OR_OK;
}

or_err or_chat_trim(or_msg *msgs, uint32_t *num, size_t max_bytes)
{
    uint32_t first, end;
    or_err   e = or_chat_fit(msgs, *num, max_bytes, &first, &end);
    if (e != OR_OK) return e;
    if (end > first) memmove(msgs + first, msgs + end, (*num - end) * sizeof *msgs);
    *num -= end - first;
    return OR_OK;
}

/* The places of an answer that matter, in the order in which they are read: an object comes
   before what is in it. Those from CHOICES on are values. */
enum {
    ORI_CHAT_ROOT,
    ORI_CHAT_X_GROQ,
    ORI_CHAT_CHOICE,
    ORI_CHAT_MESSAGE,
    ORI_CHAT_USAGE,
    ORI_CHAT_PROMPT,
    ORI_CHAT_CACHED,
    ORI_CHAT_CREATION,
    ORI_CHAT_COMPLETION,
    ORI_CHAT_COSTS,
    ORI_CHAT_TOOL_USE,
    ORI_CHAT_ERROR,
    ORI_CHAT_FAULT,
    ORI_CHAT_METADATA,
    ORI_CHAT_AVAILABILITY,
    ORI_CHAT_DETAILS,
    ORI_CHAT_CALL,
    ORI_CHAT_FUNCTION,
    ORI_CHAT_CHOICES,
    ORI_CHAT_FLAT, /* a member of the root that makes the root an error */
    ORI_CHAT_FINISH,
    ORI_CHAT_TEXT,
    ORI_CHAT_THOUGHT,         /* "reasoning" */
    ORI_CHAT_THOUGHT_CONTENT, /* "reasoning_content" */
    ORI_CHAT_THOUGHT_DETAILS,
    ORI_CHAT_TOOL_CALLS,
    ORI_CHAT_INDEX,
    ORI_CHAT_IMAGES,
    ORI_CHAT_COST,
    ORI_CHAT_TICKS,
    ORI_CHAT_UPSTREAM_COST,
    ORI_CHAT_PLACES
};

/* What a member is. Where several have one destination the first that says something counts:
   upstreams give one thing two names. Other types than expected count as absent, since they
   disagree about nearly all of them. */
enum {
    ORI_CHAT_GO,   /* a place, unless null or false */
    ORI_CHAT_SEEN, /* a place, even so */
    ORI_CHAT_STRING,
    ORI_CHAT_BETTER, /* a string that replaces an earlier one */
    ORI_CHAT_SHOW,   /* a string, or the raw array or object */
    ORI_CHAT_JSON,   /* a raw array or object */
    ORI_CHAT_COUNT,  /* uint64_t */
    ORI_CHAT_CODE,   /* int32_t, a status */
    ORI_CHAT_YES,    /* bool */
    ORI_CHAT_YES_NO, /* or_opt */
    ORI_CHAT_DELAY   /* seconds into uint32_t milliseconds */
};

typedef struct ori_chat_member {
    const char *name;
    uint16_t    at; /* GO, SEEN: the place that it is; others: offset of what it goes to */
    uint8_t     kind;
    uint8_t     place; /* what it is a member of */
} ori_chat_member;

#define ORI_CHAT_A(field) ORI_CHAT_AT(or_chat_answer, field)
#define ORI_CHAT_U(field) (uint16_t)(offsetof(or_chat_answer, usage) + offsetof(or_usage, field))
#define ORI_CHAT_E(field) \
    (uint16_t)(offsetof(or_chat_answer, error) + offsetof(or_chat_error, field))

/* Sorted by place. */
static const ori_chat_member ori_chat_members[] = {
    {"id", ORI_CHAT_A(id), ORI_CHAT_STRING, ORI_CHAT_ROOT},
    {"model", ORI_CHAT_A(model), ORI_CHAT_STRING, ORI_CHAT_ROOT},
    {"provider", ORI_CHAT_A(provider), ORI_CHAT_STRING, ORI_CHAT_ROOT},
    {"service_tier", ORI_CHAT_A(service_tier), ORI_CHAT_STRING, ORI_CHAT_ROOT},
    {"created", ORI_CHAT_A(created), ORI_CHAT_COUNT, ORI_CHAT_ROOT},
    {"choices", ORI_CHAT_CHOICES, ORI_CHAT_SEEN, ORI_CHAT_ROOT},
    {"usage", ORI_CHAT_USAGE, ORI_CHAT_GO, ORI_CHAT_ROOT},
    {"error", ORI_CHAT_ERROR, ORI_CHAT_GO, ORI_CHAT_ROOT},
    {"x_groq", ORI_CHAT_X_GROQ, ORI_CHAT_GO, ORI_CHAT_ROOT},
    {"message", ORI_CHAT_FLAT, ORI_CHAT_GO, ORI_CHAT_ROOT},
    {"detail", ORI_CHAT_FLAT, ORI_CHAT_GO, ORI_CHAT_ROOT},
    {"fault", ORI_CHAT_FLAT, ORI_CHAT_GO, ORI_CHAT_ROOT},

    {"usage", ORI_CHAT_USAGE, ORI_CHAT_GO, ORI_CHAT_X_GROQ},
    {"error", ORI_CHAT_ERROR, ORI_CHAT_GO, ORI_CHAT_X_GROQ},

    {"message", ORI_CHAT_MESSAGE, ORI_CHAT_GO, ORI_CHAT_CHOICE}, /* some stream whole messages */
    {"delta", ORI_CHAT_MESSAGE, ORI_CHAT_GO, ORI_CHAT_CHOICE},
    {"text", ORI_CHAT_A(text), ORI_CHAT_STRING, ORI_CHAT_CHOICE}, /* the older completions */
    {"finish_reason", ORI_CHAT_FINISH, ORI_CHAT_GO, ORI_CHAT_CHOICE},
    {"native_finish_reason", ORI_CHAT_A(native_finish), ORI_CHAT_STRING, ORI_CHAT_CHOICE},
    {"logprobs", ORI_CHAT_A(logprobs), ORI_CHAT_JSON, ORI_CHAT_CHOICE},
    {"error", ORI_CHAT_ERROR, ORI_CHAT_GO, ORI_CHAT_CHOICE},
    {"usage", ORI_CHAT_USAGE, ORI_CHAT_GO, ORI_CHAT_CHOICE},

    {"content", ORI_CHAT_TEXT, ORI_CHAT_GO, ORI_CHAT_MESSAGE},
    {"reasoning", ORI_CHAT_THOUGHT, ORI_CHAT_GO, ORI_CHAT_MESSAGE},
    {"reasoning_content", ORI_CHAT_THOUGHT_CONTENT, ORI_CHAT_GO, ORI_CHAT_MESSAGE},
    {"reasoning_details", ORI_CHAT_THOUGHT_DETAILS, ORI_CHAT_GO, ORI_CHAT_MESSAGE},
    {"refusal", ORI_CHAT_A(refusal), ORI_CHAT_STRING, ORI_CHAT_MESSAGE},
    {"tool_calls", ORI_CHAT_TOOL_CALLS, ORI_CHAT_GO, ORI_CHAT_MESSAGE},
    {"images", ORI_CHAT_IMAGES, ORI_CHAT_GO, ORI_CHAT_MESSAGE},
    {"audio", ORI_CHAT_A(audio), ORI_CHAT_JSON, ORI_CHAT_MESSAGE},
    {"annotations", ORI_CHAT_A(annotations), ORI_CHAT_JSON, ORI_CHAT_MESSAGE},

    {"prompt_tokens", ORI_CHAT_U(prompt_tokens), ORI_CHAT_COUNT, ORI_CHAT_USAGE},
    {"completion_tokens", ORI_CHAT_U(completion_tokens), ORI_CHAT_COUNT, ORI_CHAT_USAGE},
    {"total_tokens", ORI_CHAT_U(total_tokens), ORI_CHAT_COUNT, ORI_CHAT_USAGE},
    {"cost", ORI_CHAT_COST, ORI_CHAT_GO, ORI_CHAT_USAGE},
    {"cost_in_usd_ticks", ORI_CHAT_TICKS, ORI_CHAT_GO, ORI_CHAT_USAGE},
    {"is_byok", ORI_CHAT_U(is_byok), ORI_CHAT_YES, ORI_CHAT_USAGE},
    {"prompt_tokens_details", ORI_CHAT_PROMPT, ORI_CHAT_GO, ORI_CHAT_USAGE},
    {"completion_tokens_details", ORI_CHAT_COMPLETION, ORI_CHAT_GO, ORI_CHAT_USAGE},
    {"cost_details", ORI_CHAT_COSTS, ORI_CHAT_GO, ORI_CHAT_USAGE},
    {"server_tool_use_details", ORI_CHAT_TOOL_USE, ORI_CHAT_GO, ORI_CHAT_USAGE},
    {"server_tool_use", ORI_CHAT_TOOL_USE, ORI_CHAT_GO, ORI_CHAT_USAGE},
    {"reasoning_tokens", ORI_CHAT_U(reasoning_tokens), ORI_CHAT_COUNT, ORI_CHAT_USAGE},
    {"prompt_cache_hit_tokens", ORI_CHAT_U(cached_tokens), ORI_CHAT_COUNT, ORI_CHAT_USAGE},
    {"cache_read_input_tokens", ORI_CHAT_U(cached_tokens), ORI_CHAT_COUNT, ORI_CHAT_USAGE},
    {"cache_creation_input_tokens", ORI_CHAT_U(cache_write_tokens), ORI_CHAT_COUNT, ORI_CHAT_USAGE},
    {"cache_creation", ORI_CHAT_CREATION, ORI_CHAT_GO, ORI_CHAT_USAGE},

    {"cached_tokens", ORI_CHAT_U(cached_tokens), ORI_CHAT_COUNT, ORI_CHAT_PROMPT},
    {"cached_tokens_details", ORI_CHAT_CACHED, ORI_CHAT_GO, ORI_CHAT_PROMPT},
    {"cache_write_tokens", ORI_CHAT_U(cache_write_tokens), ORI_CHAT_COUNT, ORI_CHAT_PROMPT},
    {"cache_creation_tokens", ORI_CHAT_U(cache_write_tokens), ORI_CHAT_COUNT, ORI_CHAT_PROMPT},
    {"cache_creation_token_details", ORI_CHAT_CREATION, ORI_CHAT_GO, ORI_CHAT_PROMPT},
    {"audio_tokens", ORI_CHAT_U(audio_tokens), ORI_CHAT_COUNT, ORI_CHAT_PROMPT},
    {"video_tokens", ORI_CHAT_U(video_tokens), ORI_CHAT_COUNT, ORI_CHAT_PROMPT},

    {"audio_tokens", ORI_CHAT_U(cached_audio_tokens), ORI_CHAT_COUNT, ORI_CHAT_CACHED},

    {"ephemeral_1h_input_tokens", ORI_CHAT_U(cache_write_1h_tokens), ORI_CHAT_COUNT,
     ORI_CHAT_CREATION},

    {"reasoning_tokens", ORI_CHAT_U(reasoning_tokens), ORI_CHAT_COUNT, ORI_CHAT_COMPLETION},
    {"image_tokens", ORI_CHAT_U(image_output_tokens), ORI_CHAT_COUNT, ORI_CHAT_COMPLETION},
    {"audio_tokens", ORI_CHAT_U(audio_output_tokens), ORI_CHAT_COUNT, ORI_CHAT_COMPLETION},
    {"accepted_prediction_tokens", ORI_CHAT_U(accepted_prediction_tokens), ORI_CHAT_COUNT,
     ORI_CHAT_COMPLETION},
    {"rejected_prediction_tokens", ORI_CHAT_U(rejected_prediction_tokens), ORI_CHAT_COUNT,
     ORI_CHAT_COMPLETION},

    {"upstream_inference_cost", ORI_CHAT_UPSTREAM_COST, ORI_CHAT_GO, ORI_CHAT_COSTS},

    {"web_search_requests", ORI_CHAT_U(web_searches), ORI_CHAT_COUNT, ORI_CHAT_TOOL_USE},

    {"message", ORI_CHAT_E(message), ORI_CHAT_SHOW, ORI_CHAT_ERROR},
    {"error", ORI_CHAT_E(message), ORI_CHAT_STRING, ORI_CHAT_ERROR},
    {"detail", ORI_CHAT_E(message), ORI_CHAT_SHOW, ORI_CHAT_ERROR},
    {"fault", ORI_CHAT_FAULT, ORI_CHAT_GO, ORI_CHAT_ERROR},
    {"type", ORI_CHAT_E(type), ORI_CHAT_STRING, ORI_CHAT_ERROR},
    {"error_type", ORI_CHAT_E(type), ORI_CHAT_BETTER, ORI_CHAT_ERROR},
    {"code", ORI_CHAT_E(code), ORI_CHAT_CODE, ORI_CHAT_ERROR},
    {"code", ORI_CHAT_E(code_text), ORI_CHAT_STRING, ORI_CHAT_ERROR},
    {"status", ORI_CHAT_E(code), ORI_CHAT_CODE, ORI_CHAT_ERROR},
    {"status", ORI_CHAT_E(type), ORI_CHAT_STRING, ORI_CHAT_ERROR},
    {"statusCode", ORI_CHAT_E(code), ORI_CHAT_CODE, ORI_CHAT_ERROR},
    {"http_status", ORI_CHAT_E(code), ORI_CHAT_CODE, ORI_CHAT_ERROR},
    {"raw_status_code", ORI_CHAT_E(code), ORI_CHAT_CODE, ORI_CHAT_ERROR},
    {"param", ORI_CHAT_E(param), ORI_CHAT_STRING, ORI_CHAT_ERROR},
    {"metadata", ORI_CHAT_METADATA, ORI_CHAT_GO, ORI_CHAT_ERROR},
    {"availability", ORI_CHAT_AVAILABILITY, ORI_CHAT_GO, ORI_CHAT_ERROR},
    {"details", ORI_CHAT_DETAILS, ORI_CHAT_GO, ORI_CHAT_ERROR},

    {"faultstring", ORI_CHAT_E(message), ORI_CHAT_STRING, ORI_CHAT_FAULT},

    {"error_type", ORI_CHAT_E(type), ORI_CHAT_BETTER, ORI_CHAT_METADATA},
    {"provider_code", ORI_CHAT_E(code_text), ORI_CHAT_STRING, ORI_CHAT_METADATA},
    {"provider_name", ORI_CHAT_E(provider), ORI_CHAT_STRING, ORI_CHAT_METADATA},
    {"raw", ORI_CHAT_E(raw), ORI_CHAT_SHOW, ORI_CHAT_METADATA},
    {"retry_after", ORI_CHAT_E(retry_after_ms), ORI_CHAT_DELAY, ORI_CHAT_METADATA},

    {"retryable", ORI_CHAT_E(retryable), ORI_CHAT_YES_NO, ORI_CHAT_AVAILABILITY},
    {"retry_after", ORI_CHAT_E(retry_after_ms), ORI_CHAT_DELAY, ORI_CHAT_AVAILABILITY},

    {"retryDelay", ORI_CHAT_E(retry_after_ms), ORI_CHAT_DELAY, ORI_CHAT_DETAILS},

    {"index", ORI_CHAT_INDEX, ORI_CHAT_GO, ORI_CHAT_CALL},
    {"id", ORI_CHAT_AT(or_tool_call, id), ORI_CHAT_STRING, ORI_CHAT_CALL},
    {"extra_content", ORI_CHAT_AT(or_tool_call, extra_content), ORI_CHAT_JSON, ORI_CHAT_CALL},
    {"function", ORI_CHAT_FUNCTION, ORI_CHAT_GO, ORI_CHAT_CALL},

    {"name", ORI_CHAT_AT(or_tool_call, name), ORI_CHAT_STRING, ORI_CHAT_FUNCTION},
    {"arguments", ORI_CHAT_AT(or_tool_call, arguments), ORI_CHAT_SHOW,
     ORI_CHAT_FUNCTION}, /* some send an object */

    {NULL, 0, 0, ORI_CHAT_PLACES},
};

/* An answer that is being read. Only a full arena is an error. */
typedef struct ori_chat {
    or_json_doc     doc;
    or_arena       *arena;
    or_chat_answer *answer;
    void           *to; /* what the members go to: the answer, or a call of it */
    or_err          err;
    bool            odd_count; /* tokens in or out are told, and cannot be read */
    int             tok[ORI_CHAT_PLACES]; /* -1: not there */
} ori_chat;

static void *ori_chat_alloc(ori_chat *c, size_t size)
{
    void *mem = or_arena_alloc(c->arena, size);
    if (mem == NULL) c->err = c->arena->allocator != NULL ? OR_ERR_MEMORY : OR_ERR_SPACE;
    return mem;
}

/* A string; absent for anything else. */
static or_str ori_chat_str(ori_chat *c, int tok)
{
    or_str s = or_str_of(NULL, 0);
    or_err e = or_json_get_str(&c->doc, tok, c->arena, &s);
    if (e == OR_ERR_SPACE || e == OR_ERR_MEMORY) c->err = e;
    return e == OR_OK ? s : or_str_of(NULL, 0);
}

static or_str ori_chat_raw(ori_chat *c, int tok)
{
    return or_json_type_at(&c->doc, tok) >= OR_JSON_ARRAY ? or_json_raw(&c->doc, tok)
                                                          : or_str_of(NULL, 0);
}

/* A number, or a string that holds one, in units of 10^-scale; false: not one, or negative. */
static bool ori_chat_number(ori_chat *c, int tok, unsigned scale, int64_t *n)
{
    or_json_type type = or_json_type_at(&c->doc, tok);
    if (type != OR_JSON_NUMBER && type != OR_JSON_STRING) return false;
    or_str s = ori_json_text(&c->doc, tok);
    if (type == OR_JSON_STRING && s.len > 0 && s.ptr[s.len - 1] == 's') s.len--; /* "17s" */
    return s.len > 0 && s.ptr[0] != '-' && or_decimal_round(s, scale, n) == OR_OK;
}

static void ori_chat_take_str(or_str *to, or_str s, bool replace)
{
    if (s.ptr != NULL && (to->len == 0 || (replace && s.len > 0))) *to = s;
}

static void ori_chat_take_number(ori_chat *c, const ori_chat_member *m, int tok, void *to)
{
    int64_t n;
    if (!ori_chat_number(c, tok, m->kind == ORI_CHAT_DELAY ? 3 : 0, &n)) {
        bool tokens = m->at == ORI_CHAT_U(prompt_tokens) || m->at == ORI_CHAT_U(completion_tokens);
        if (tokens && or_json_type_at(&c->doc, tok) != OR_JSON_NULL) c->odd_count = true;
        return;
    }
    if (m->kind == ORI_CHAT_COUNT) {
        uint64_t *count = (uint64_t *)to;
        if (*count == 0) *count = (uint64_t)n;
    } else if (m->kind == ORI_CHAT_CODE) {
        int32_t *code = (int32_t *)to;
        if (*code == 0 && n >= 100 && n <= 999) *code = (int32_t)n;
    } else {
        uint32_t *ms = (uint32_t *)to;
        if (*ms == 0) *ms = n < INT32_MAX ? (uint32_t)n : (uint32_t)INT32_MAX;
    }
}

static void ori_chat_take(ori_chat *c, const ori_chat_member *m, int tok)
{
    or_json_type type = or_json_type_at(&c->doc, tok);
    bool         yes = type == OR_JSON_TRUE;
    void        *to = (char *)c->to + m->at;
    or_opt      *opt = (or_opt *)to; /* where it is one */
    or_str       s;
    switch (m->kind) {
    case ORI_CHAT_GO:
        if (type == OR_JSON_NULL || type == OR_JSON_FALSE) break; /* fall through */
    case ORI_CHAT_SEEN:
        if (c->tok[m->at] < 0) c->tok[m->at] = tok;
        break;
    case ORI_CHAT_STRING:
    case ORI_CHAT_BETTER:
        ori_chat_take_str((or_str *)to, ori_chat_str(c, tok), m->kind == ORI_CHAT_BETTER);
        break;
    case ORI_CHAT_SHOW:
    case ORI_CHAT_JSON:
        s = ori_chat_raw(c, tok);
        if (s.ptr == NULL && m->kind == ORI_CHAT_SHOW) s = ori_chat_str(c, tok);
        ori_chat_take_str((or_str *)to, s, false);
        break;
    case ORI_CHAT_YES: *(bool *)to = yes; break;
    case ORI_CHAT_YES_NO:
        opt->set = yes || type == OR_JSON_FALSE;
        opt->value = yes;
        break;
    default: ori_chat_take_number(c, m, tok, to); break;
    }
}

static bool ori_chat_named(const ori_chat *c, int tok, const char *name)
{
    return or_json_str_is_z(ori_json_text(&c->doc, tok), name);
}

/* The members of an object, or of each object in an array, that belong to a place. */
static void ori_chat_read(ori_chat *c, int place, int tok)
{
    const or_json_doc     *doc = &c->doc;
    const ori_chat_member *first = ori_chat_members, *m;
    bool                   list = or_json_type_at(doc, tok) == OR_JSON_ARRAY;
    while (first->place < place) first++;
    if (list) tok = or_json_first(doc, tok);
    for (; tok >= 0; tok = list ? or_json_next(doc, tok) : -1)
        if (or_json_type_at(doc, tok) == OR_JSON_OBJECT)
            for (int i = or_json_first(doc, tok); i >= 0; i = or_json_next(doc, i)) {
                or_str name = ori_json_text(doc, i);
                char   begin = name.len > 0 ? *name.ptr : 0;
                for (m = first; m->place == place; m++) /* most differ in their first byte */
                    if ((begin == *m->name || begin == '\\') && or_json_str_is_z(name, m->name))
                        ori_chat_take(c, m, i + 1);
            }
}

/* The texts in an array of parts put together. inner: the thoughts instead, which stand in
   such a part as a text or as parts again: {"type":"thinking","thinking":[{"text":...}]}. */
static or_str ori_chat_join(ori_chat *c, int array, bool inner)
{
    const or_json_tok *tok = c->doc.tok;
    or_str             all = or_str_of(NULL, 0), piece;
    size_t             cap = or_json_raw(&c->doc, array).len; /* no text is longer than its JSON */
    char              *mem = NULL;
    if (or_json_type_at(&c->doc, array) != OR_JSON_ARRAY) return all;
    for (int i = array + 1; i < c->doc.num && tok[i].start < tok[array].end; i++) {
        if (tok[i].type != OR_JSON_STRING || tok[i].size != 1) continue; /* not a name */
        if (tok[i + 1].type != OR_JSON_STRING) continue;
        bool direct = tok[tok[i].parent].parent == array;
        if (direct && inner ? !ori_chat_named(c, i, "thinking")
                            : direct == inner || !ori_chat_named(c, i, "text"))
            continue;
        if (mem == NULL && (mem = (char *)ori_chat_alloc(c, cap)) == NULL) return all;
        (void)or_json_unescape(ori_json_text(&c->doc, i + 1), mem + all.len, cap - all.len, &piece);
        all = or_str_of(mem, all.len + piece.len);
    }
    return all;
}

/* Text; and reasoning from one of the places where it may stand, never two, since some
   servers mirror it. */
static void ori_chat_finish_text(ori_chat *c)
{
    or_chat_answer *a = c->answer;
    int             content = c->tok[ORI_CHAT_TEXT], details = c->tok[ORI_CHAT_THOUGHT_DETAILS];
    or_str          text = ori_chat_str(c, content);
    if (text.ptr == NULL) text = ori_chat_join(c, content, false);
    if (text.ptr != NULL) a->text = text;
    a->reasoning_details = ori_chat_raw(c, details);
    a->reasoning = ori_chat_str(c, c->tok[ORI_CHAT_THOUGHT]);
    a->reasoning_place = OR_REASONING_PLAIN;
    if (a->reasoning.len == 0) {
        a->reasoning = ori_chat_str(c, c->tok[ORI_CHAT_THOUGHT_CONTENT]);
        a->reasoning_place = OR_REASONING_CONTENT;
    }
    if (a->reasoning.len > 0) return;
    a->reasoning_place = OR_REASONING_PARTS;
    a->reasoning = ori_chat_join(c, content, true);
    if (a->reasoning.len == 0) a->reasoning = ori_chat_join(c, details, false);
}

/* URLs of the images that a model made. */
static void ori_chat_finish_images(ori_chat *c)
{
    const or_json_doc *doc = &c->doc;
    int                list = c->tok[ORI_CHAT_IMAGES];
    if (or_json_type_at(doc, list) != OR_JSON_ARRAY || doc->tok[list].size == 0) return;
    or_str *urls = (or_str *)ori_chat_alloc(c, (size_t)doc->tok[list].size * sizeof *urls);
    if (urls == NULL) return;
    c->answer->images = urls;
    for (int i = or_json_first(doc, list); i >= 0; i = or_json_next(doc, i)) {
        or_str url = ori_chat_str(c, or_json_find(doc, i, "/image_url/url"));
        if (url.ptr != NULL) urls[c->answer->num_images++] = url;
    }
}

/* The calls of a message or delta, with the indexes that stand there, else UINT32_MAX. */
static or_tool_call *ori_chat_read_calls(ori_chat *c, uint32_t *num)
{
    const or_json_doc *doc = &c->doc;
    int                list = c->tok[ORI_CHAT_TOOL_CALLS];
    *num = 0;
    if (or_json_type_at(doc, list) != OR_JSON_ARRAY || doc->tok[list].size == 0) return NULL;
    size_t        size = (size_t)doc->tok[list].size * sizeof(or_tool_call);
    or_tool_call *calls = (or_tool_call *)ori_chat_alloc(c, size);
    if (calls == NULL) return NULL;
    memset(calls, 0, size);
    for (int i = or_json_first(doc, list); i >= 0; i = or_json_next(doc, i)) {
        or_tool_call *call = &calls[*num];
        uint64_t      index;
        if (or_json_type_at(doc, i) != OR_JSON_OBJECT) continue;
        c->to = call;
        c->tok[ORI_CHAT_FUNCTION] = c->tok[ORI_CHAT_INDEX] = -1;
        ori_chat_read(c, ORI_CHAT_CALL, i);
        ori_chat_read(c, ORI_CHAT_FUNCTION, c->tok[ORI_CHAT_FUNCTION]);
        if (call->arguments.ptr == NULL) call->arguments = OR_STR("");
        call->index = UINT32_MAX;
        if (or_json_get_u64(doc, c->tok[ORI_CHAT_INDEX], &index) == OR_OK && index < UINT32_MAX)
            call->index = (uint32_t)index;
        (*num)++;
    }
    return calls;
}

/* Words for the end of an answer, in lower case. Source: the vendors' documentation and what
   their servers were seen to send. What is unknown counts as a stop. */
static const struct {
    const char *word;
    uint8_t     finish;
} ori_chat_finishes[] = {
    {"length", OR_FINISH_LENGTH},
    {"max_tokens", OR_FINISH_LENGTH},
    {"model_length", OR_FINISH_LENGTH},
    {"tool_calls", OR_FINISH_TOOL_CALLS},
    {"function_call", OR_FINISH_TOOL_CALLS},
    {"tool_use", OR_FINISH_TOOL_CALLS},
    {"content_filter", OR_FINISH_CONTENT_FILTER},
    {"content_filtered", OR_FINISH_CONTENT_FILTER},
    {"safety", OR_FINISH_CONTENT_FILTER},
    {"refusal", OR_FINISH_CONTENT_FILTER},
    {"error", OR_FINISH_ERROR},
    {"insufficient_system_resource", OR_FINISH_ERROR},
};

static or_finish ori_chat_finish(or_str word, bool has_calls)
{
    or_finish finish = word.len > 0 ? OR_FINISH_STOP : OR_FINISH_NONE;
    if (word.ptr == NULL) return OR_FINISH_NONE;
    for (size_t i = 0; i < sizeof ori_chat_finishes / sizeof ori_chat_finishes[0]; i++)
        if (or_str_eq_nocase(word, or_str_z(ori_chat_finishes[i].word)))
            finish = (or_finish)ori_chat_finishes[i].finish;
    /* some say "stop", or nothing at all, after calls; some "tool_calls" without any */
    if (has_calls && (finish == OR_FINISH_STOP || finish == OR_FINISH_NONE))
        return OR_FINISH_TOOL_CALLS;
    if (!has_calls && finish == OR_FINISH_TOOL_CALLS) return OR_FINISH_STOP;
    return finish;
}

static void ori_chat_finish_usage(ori_chat *c)
{
    or_usage *u = &c->answer->usage;
    u->cost_set = ori_chat_number(c, c->tok[ORI_CHAT_COST], 12, &u->cost_pico_usd) ||
                  ori_chat_number(c, c->tok[ORI_CHAT_TICKS], 2, &u->cost_pico_usd);
    u->upstream_cost_set =
        ori_chat_number(c, c->tok[ORI_CHAT_UPSTREAM_COST], 12, &u->upstream_cost_pico_usd);
    if (!u->cost_set) u->cost_pico_usd = 0;
    if (!u->upstream_cost_set) u->upstream_cost_pico_usd = 0;
    if (u->cache_write_tokens < u->cache_write_1h_tokens)
        u->cache_write_tokens = u->cache_write_1h_tokens;

    /* xAI counts reasoning beside the completion, all others inside it */
    uint64_t sum = or_sat_add_u64(u->prompt_tokens, u->completion_tokens);
    if (u->reasoning_tokens > 0 && u->total_tokens == or_sat_add_u64(sum, u->reasoning_tokens))
        u->completion_tokens = or_sat_add_u64(u->completion_tokens, u->reasoning_tokens);
    sum = or_sat_add_u64(u->prompt_tokens, u->completion_tokens);
    if (u->total_tokens < sum) u->total_tokens = sum;
    /* all zeros: it was not known yet; a sum without its parts, or a count that cannot be read,
       tells nothing that could be priced */
    u->set = (sum > 0 && !c->odd_count) || u->cost_set;
}

/* An error in any of its shapes: in an "error" member, an object or a text; in one of the
   choice or of x_groq; or flat, when nothing is an answer. Members of the root fill what the
   error itself does not say. */
static void ori_chat_finish_error(ori_chat *c)
{
    or_chat_error *e = &c->answer->error;
    int            tok = c->tok[ORI_CHAT_ERROR];
    or_json_type   type = or_json_type_at(&c->doc, tok), flat;
    flat = or_json_type_at(&c->doc, c->tok[ORI_CHAT_FLAT]);
    e->set = type == OR_JSON_OBJECT ||
             (type == OR_JSON_STRING && ori_json_text(&c->doc, tok).len > 0) ||
             (c->tok[ORI_CHAT_CHOICE] < 0 && (flat == OR_JSON_STRING || flat >= OR_JSON_ARRAY));
    if (!e->set) return;
    e->message = ori_chat_str(c, tok);
    for (int place = ORI_CHAT_ERROR; place < ORI_CHAT_CALL; place++) {
        ori_chat_read(c, place, c->tok[place]);
        if (place == ORI_CHAT_ERROR) ori_chat_read(c, place, c->tok[ORI_CHAT_ROOT]);
    }
    if (e->message.ptr == NULL) e->message = OR_STR("");
    if (e->type.ptr == NULL) e->type = e->code_text;
}

/* FNV-1a; 0 is kept for "no id". */
static uint32_t ori_chat_hash(or_str s)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < s.len; i++) h = (h ^ (unsigned char)s.ptr[i]) * 16777619u;
    return s.len == 0 ? 0 : h == 0 ? 1 : h;
}

/* Which call of the stream a fragment belongs to: upstreams leave out the index, start it at
   one, or use one index for several ids. A new id is a new call.
   Returns OR_CHAT_MAX_CALLS when there are too many. */
static uint32_t ori_chat_call_of(or_chat_stream *s, const or_tool_call *call)
{
    uint32_t id = ori_chat_hash(call->id), i = s->num_calls;
    bool     has_index = call->index != UINT32_MAX;
    while (i > 0) {
        const or_chat_call *known = &s->calls[i - 1];
        if (has_index ? known->index == call->index : id == 0 || known->id == id) break;
        i--;
    }
    if (i > 0 && (id == 0 || s->calls[i - 1].id == 0 || s->calls[i - 1].id == id)) {
        if (id != 0) s->calls[i - 1].id = id;
        return i - 1;
    }
    if (s->num_calls == OR_CHAT_MAX_CALLS) return OR_CHAT_MAX_CALLS;
    i = s->num_calls++;
    s->calls[i].index = call->index;
    s->calls[i].id = id;
    return i;
}

enum { ORI_CHAT_ID_TOLD = 1, ORI_CHAT_NAME_TOLD = 2 };

/* What was told of call k so far, and, for the next time, more of it. */
static unsigned ori_chat_tell(or_chat_stream *s, uint32_t k, unsigned more)
{
    unsigned shift = k % 4 * 2, all = s->told[k / 4];
    s->told[k / 4] = (uint8_t)(all | more << shift);
    return all >> shift & 3u;
}

/* Dense indexes; id and name in one fragment only, whatever the upstream repeats. */
static or_err ori_chat_order_calls(or_chat_stream *s, or_tool_call *calls, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        or_tool_call *call = &calls[i];
        if (s == NULL) { /* a whole answer */
            call->index = i;
            continue;
        }
        uint32_t k = ori_chat_call_of(s, call);
        if (k == OR_CHAT_MAX_CALLS) return OR_ERR_TOKENS;
        call->index = k;
        bool     id = call->id.len > 0, name = call->name.len > 0;
        unsigned now = (unsigned)id * ORI_CHAT_ID_TOLD | (unsigned)name * ORI_CHAT_NAME_TOLD;
        unsigned told = ori_chat_tell(s, k, now);
        if (!id || (told & ORI_CHAT_ID_TOLD) != 0) call->id = or_str_of(NULL, 0);
        if (!name || (told & ORI_CHAT_NAME_TOLD) != 0) call->name = or_str_of(NULL, 0);
    }
    return OR_OK;
}

/* The calls; and the finish reason, now that it is known whether there were calls. */
static or_err ori_chat_finish_calls(ori_chat *c, or_chat_stream *s)
{
    or_chat_answer *a = c->answer;
    or_tool_call   *calls = ori_chat_read_calls(c, &a->num_tool_calls);
    or_str          word = ori_chat_str(c, c->tok[ORI_CHAT_FINISH]);
    a->tool_calls = calls;
    if (c->err != OR_OK) return c->err;
    or_err e = ori_chat_order_calls(s, calls, a->num_tool_calls);
    a->finish = ori_chat_finish(word, (s != NULL ? s->num_calls : a->num_tool_calls) > 0);
    if (a->native_finish.ptr == NULL) a->native_finish = word;
    return e;
}

/* The choice to read: of a stream always the same one. Many leave the index out. */
static int ori_chat_choose(ori_chat *c, or_chat_stream *s)
{
    const or_json_doc *doc = &c->doc;
    int                list = c->tok[ORI_CHAT_CHOICES];
    for (int i = or_json_first(doc, list); i >= 0; i = or_json_next(doc, i)) {
        uint64_t index;
        if (s == NULL || or_json_get_u64(doc, or_json_find(doc, i, "/index"), &index) != OR_OK)
            return i;
        if (!s->chosen) {
            s->chosen = true;
            s->choice = index;
        }
        if (s->choice == index) return i;
    }
    return -1;
}

/* The object to read: the root, or the only element of a root array (Gemini's errors). */
static int ori_chat_find_root(const or_json_doc *doc)
{
    int root = or_json_type_at(doc, 0) == OR_JSON_ARRAY ? or_json_first(doc, 0) : 0;
    return or_json_type_at(doc, root) == OR_JSON_OBJECT ? root : -1;
}

/* Read text into *a; s is NULL for a whole answer. */
static or_err ori_chat_decode(ori_chat *c, or_str text, or_arena *arena, or_chat_answer *a,
                              or_chat_stream *s)
{
    or_err e = or_json_parse(&c->doc, text, 0, arena);
    if (e != OR_OK) return e;
    c->arena = arena;
    c->to = c->answer = a;
    c->err = OR_OK;
    c->odd_count = false;
    for (int i = 0; i < ORI_CHAT_PLACES; i++) c->tok[i] = -1;
    c->tok[ORI_CHAT_ROOT] = ori_chat_find_root(&c->doc);
    if (c->tok[ORI_CHAT_ROOT] < 0) return OR_ERR_ANSWER;
    for (int place = ORI_CHAT_ROOT; place < ORI_CHAT_ERROR; place++) {
        if (place == ORI_CHAT_CHOICE) c->tok[place] = ori_chat_choose(c, s);
        ori_chat_read(c, place, c->tok[place]);
    }
    ori_chat_finish_text(c);
    ori_chat_finish_images(c);
    ori_chat_finish_usage(c);
    ori_chat_finish_error(c);
    e = ori_chat_finish_calls(c, s);
    if (e == OR_OK) e = c->err;
    if (e != OR_OK) a->num_images = a->num_tool_calls = 0;
    return e;
}

or_err or_chat_read(or_str body, or_arena *arena, or_chat_answer *a)
{
    ori_chat c;
    memset(a, 0, sizeof *a);
    or_err e = ori_chat_decode(&c, body, arena, a, NULL);
    if (e != OR_OK) return e;
    bool answered = or_json_type_at(&c.doc, c.tok[ORI_CHAT_MESSAGE]) == OR_JSON_OBJECT;
    return answered || a->text.ptr != NULL || a->error.set ? OR_OK : OR_ERR_ANSWER;
}

void or_chat_stream_init(or_chat_stream *s)
{
    memset(s, 0, sizeof *s);
}

static void ori_chat_note(or_chat_stream *s, const or_chat_delta *d)
{
    if (d->usage.set) s->usage = d->usage;
    if (d->finish != OR_FINISH_NONE) s->finish = d->finish;
    if (d->error.set) s->error = true;
    if (d->text.len > 0 || d->reasoning.len > 0 || d->refusal.len > 0 || d->num_images > 0 ||
        d->audio.ptr != NULL || d->num_tool_calls > 0 || d->reasoning_details.len > 2)
        s->content = true; /* "[]" is no detail */
}

/* id, model, provider and service_tier stand one after another. */
typedef char ori_chat_names_follow[offsetof(or_chat_answer, service_tier) ==
                                           offsetof(or_chat_answer, id) + 3 * sizeof(or_str)
                                       ? 1
                                       : -1];

static or_str *ori_chat_name(or_chat_answer *a, int i)
{
    return (or_str *)(void *)((char *)a + offsetof(or_chat_answer, id)) + i;
}

/* Does s lie in the event outside of its text? Then say where. */
static bool ori_chat_span(const or_chat_stream *st, or_str data, or_str s, or_span *at)
{
    at->len = 0;
    at->at = 0;
    if (s.len == 0) return true;
    if (s.ptr < data.ptr || s.ptr + s.len > data.ptr + data.len) return false; /* was escaped */
    size_t from = (size_t)(s.ptr - data.ptr);
    at->len = (uint32_t)s.len;
    at->at = from < st->head ? (int32_t)from : -(int32_t)(data.len - from);
    return true;
}

static or_str ori_chat_at(or_str data, or_span at)
{
    if (at.len == 0) return or_str_of(NULL, 0);
    return or_str_of(at.at >= 0 ? data.ptr + at.at : data.ptr + data.len - (size_t)-at.at, at.len);
}

or_str or_chat_padding(or_str json)
{
    or_str       name = OR_STR("\"obfuscation\":\""), raw;
    or_json_scan scan;
    bool         escaped;
    size_t       at = or_str_find(json, name, 0);
    if (at == json.len) return or_str_of(NULL, 0);
    or_json_scan_init(&scan, json);
    scan.at = json.ptr + at + name.len - 1;
    return ori_json_string(&scan, &raw, &escaped) == OR_OK ? raw : or_str_of(NULL, 0);
}

/* Keep an event that says nothing but some text. What else is in it is then the same in each
   event that differs from it between the quotes of that text only, and means the same. */
static void ori_chat_learn(or_chat_stream *s, or_str data, or_chat_delta *d)
{
    or_str t = d->text;
    s->head = 0;
    if (s->last == NULL || data.len > s->last_size || t.len == 0 || t.ptr <= data.ptr ||
        t.ptr + t.len >= data.ptr + data.len || t.ptr[-1] != '"' || t.ptr[t.len] != '"' ||
        ori_line_len(data) < data.len) /* no line of a stream repeats that */
        return;
    if (d->reasoning.ptr != NULL || d->refusal.ptr != NULL || d->reasoning_details.ptr != NULL ||
        d->annotations.ptr != NULL || d->audio.ptr != NULL || d->logprobs.ptr != NULL ||
        d->native_finish.ptr != NULL || d->num_images > 0 || d->num_tool_calls > 0 ||
        d->finish != OR_FINISH_NONE || d->usage.set || d->error.set)
        return;
    uint32_t    head = (uint32_t)(t.ptr - data.ptr);
    const char *behind = t.ptr + t.len;
    or_str      padding = or_chat_padding(or_str_of(behind, data.len - head - t.len));
    s->head = head;
    s->tail = (uint32_t)(data.len - t.len - padding.len) - head;
    s->pad = padding.ptr != NULL ? (uint32_t)(padding.ptr - behind) : 0;
    s->created = d->created;
    for (int i = 0; i < 4; i++)
        if (!ori_chat_span(s, data, *ori_chat_name(d, i), &s->names[i]) ||
            (s->names[i].at < 0 && s->pad > 0)) { /* the padding moves it */
            s->head = 0;
            return;
        }
    memcpy(s->last, data.ptr, head);
    memcpy(s->last + head, behind, s->pad);
    memcpy(s->last + head + s->pad, data.ptr + data.len - (s->tail - s->pad), s->tail - s->pad);
}

/* Does the scan stand before a string with its opening quote? Then read it and these bytes. */
static bool ori_chat_string_then(or_json_scan *scan, or_str *raw, bool *escaped, or_str then)
{
    if (ori_json_string(scan, raw, escaped) != OR_OK) return false;
    scan->at--; /* the quote belongs to what follows */
    if ((size_t)(scan->end - scan->at) < then.len || memcmp(scan->at, then.ptr, then.len) != 0)
        return false;
    scan->at += then.len;
    return true;
}

/* Read an event that is the one before but for its text, at the beginning of in, and say how long
   it is; 0: it is another. A text of no length is another too: a second member could then be the
   text. In *d, which has to be clear or what this wrote before, nothing else is set. */
static size_t ori_chat_repeat(const or_chat_stream *s, or_str in, or_arena *arena,
                              or_chat_delta *d)
{
    or_json_scan scan;
    or_str       raw, text, tail, data, padding = {NULL, 0};
    bool         escaped, any;
    if (s->done || s->head == 0 || in.len <= (size_t)s->head + s->tail ||
        memcmp(in.ptr, s->last, s->head) != 0)
        return 0;
    scan.at = in.ptr + s->head - 1;
    scan.end = in.ptr + in.len;
    tail = or_str_of(s->last + s->head, s->pad > 0 ? s->pad : s->tail);
    if (!ori_chat_string_then(&scan, &raw, &escaped, tail) || raw.len == 0) return 0;
    if (s->pad > 0) {
        scan.at--; /* the quote in front of the padding */
        tail = or_str_of(tail.ptr + s->pad, s->tail - s->pad);
        if (!ori_chat_string_then(&scan, &padding, &any, tail)) return 0;
    }
    data = or_str_of(in.ptr, (size_t)(scan.at - in.ptr));
    text = raw;
    if (escaped) {
        char *buf = (char *)or_arena_alloc(arena, raw.len);
        if (buf == NULL || or_json_unescape(raw, buf, raw.len, &text) != OR_OK) return 0;
    }
    d->text = text;
    d->raw = raw;
    d->padding = padding;
    for (int i = 0; i < 4; i++) *ori_chat_name(d, i) = ori_chat_at(data, s->names[i]);
    d->created = s->created;
    d->repeats = true;
    return data.len;
}

or_err or_chat_stream_next(or_chat_stream *s, or_str data, or_arena *arena, or_chat_delta *d)
{
    ori_chat c;
    memset(d, 0, sizeof *d);
    if (ori_chat_repeat(s, data, arena, d) == data.len) return OR_OK;
    if (d->repeats) memset(d, 0, sizeof *d); /* and something behind it */
    or_str word = or_str_trim(data); /* some put blanks around [DONE] */
    s->head = 0;
    if (s->done || word.len == 0) return OR_OK;
    if (or_str_eq(word, OR_STR("[DONE]"))) {
        d->done = s->done = true;
        return OR_OK;
    }
    or_err e = ori_chat_decode(&c, data, arena, d, s);
    if (e != OR_OK) return e;
    ori_chat_note(s, d);
    ori_chat_learn(s, data, d);
    return c.tok[ORI_CHAT_CHOICES] >= 0 || c.tok[ORI_CHAT_USAGE] >= 0 || d->error.set
               ? OR_OK
               : OR_ERR_ANSWER;
}

or_end or_chat_stream_end(const or_chat_stream *s, bool clean)
{
    if (s->error || s->finish == OR_FINISH_ERROR) return OR_END_ERROR;
    if (s->finish != OR_FINISH_NONE && (s->done || clean)) return OR_END_COMPLETE;
    return OR_END_TRUNCATED;
}

/* Sections of what is collected; from CALLS on four for each call. */
enum {
    ORI_CHAT_IN_REASONING,
    ORI_CHAT_IN_REFUSAL,
    ORI_CHAT_IN_TEXT,
    ORI_CHAT_IN_DETAILS,
    ORI_CHAT_IN_CALLS
};

void or_chat_collect_init(or_chat_collect *c, or_buf *out, or_tool_call *calls, uint32_t max_calls)
{
    memset(c, 0, sizeof *c);
    c->out = out;
    c->start = out->len;
    c->calls = calls;
    c->max_calls = max_calls;
    if (out->counting) c->err = OR_ERR_ARG;
}

/* The four texts of a call lie one after another. */
typedef char ori_chat_texts_follow[offsetof(or_tool_call, extra_content) ==
                                           offsetof(or_tool_call, id) + 3 * sizeof(or_str)
                                       ? 1
                                       : -1];

static or_str *ori_chat_section(or_chat_collect *c, uint32_t n)
{
    if (n < ORI_CHAT_IN_CALLS) return &c->sections[n];
    char *call = (char *)&c->calls[n / 4 - 1];
    return (or_str *)(void *)(call + offsetof(or_tool_call, id) + n % 4 * sizeof(or_str));
}

static size_t ori_chat_section_end(or_chat_collect *c, uint32_t n)
{
    size_t end = c->start;
    for (uint32_t i = 0; i <= n; i++) end += ori_chat_section(c, i)->len;
    return end;
}

/* Put text into section n, so many bytes before its end. */
static void ori_chat_keep(or_chat_collect *c, uint32_t n, or_str text, size_t before)
{
    size_t at = ori_chat_section_end(c, n) - before, end = c->out->len;
    if (c->err != OR_OK || text.len == 0) return;
    if ((c->err = or_buf_put_str(c->out, text)) != OR_OK) return;
    ori_chat_section(c, n)->len += text.len;
    if (end == at) return;
    char *to = c->out->ptr + at;
    memmove(to + text.len, to, end - at);
    memcpy(to, text.ptr, text.len);
}

static void ori_chat_keep_json(or_chat_collect *c, const char *json, size_t before)
{
    ori_chat_keep(c, ORI_CHAT_IN_DETAILS, or_str_z(json), before);
}

/* The members that do not tell pieces of a detail apart: texts, then the signature. */
static int ori_chat_detail_member(or_str key)
{
    static const char *const names[] = {"data", "text", "summary", "signature"};
    int                      i = 0;
    while (i < 4 && !or_str_eq(key, or_str_z(names[i]))) i++;
    return i;
}

/* The open detail gets its signature, in place of what stands there: null, "" or nothing. */
static void ori_chat_sign_detail(or_chat_collect *c, or_str signature)
{
    size_t old = c->sign_len, kept = signature.len - old;
    if (old == 0) {
        ori_chat_keep_json(c, ",\"signature\":", 1);
        c->sign_before = 1;
    }
    ori_chat_keep(c, ORI_CHAT_IN_DETAILS, or_str_of(signature.ptr, kept), c->sign_before);
    size_t end = ori_chat_section_end(c, ORI_CHAT_IN_DETAILS);
    if (c->err == OR_OK) memcpy(c->out->ptr + end - c->sign_before, signature.ptr + kept, old);
    c->text_before = 0;
}

/* One element of reasoning_details. A text that comes in pieces is put together as it is,
   escapes and all, in its first piece; the last one brings the signature. Two pieces belong
   together when their other members are the same; data without an index, which nobody could
   tell from the next, is whole. */
static void ori_chat_collect_detail(or_chat_collect *c, or_str element)
{
    const char  *end = element.ptr + element.len;
    or_json_scan s;
    or_json_item item;
    or_str       text = {NULL, 0}, signature = {NULL, 0};
    uint32_t     same = 0;
    bool         pieces = false;
    or_json_scan_init(&s, element);
    (void)or_json_scan_next(&s, &item);
    while (ori_chat_next(&s, &item)) {
        int m = ori_chat_detail_member(item.key);
        if (m == 3) {
            signature = item.value;
        } else if (m < 3 && item.type == OR_JSON_STRING) {
            text = or_str_of(item.value.ptr + 1, item.value.len - 2);
            pieces = pieces || m > 0;
        } else if (item.type != OR_JSON_NULL) {
            same = same * 31 ^ ori_chat_hash(item.value);
            pieces = pieces || or_str_eq(item.key, OR_STR("index"));
        }
    }
    bool is_signed = signature.len > 4; /* else null or empty */
    if (c->text_before > 0 && same == c->detail && (text.ptr != NULL || is_signed)) {
        ori_chat_keep(c, ORI_CHAT_IN_DETAILS, text, c->text_before);
        if (c->sign_before > c->text_before) c->sign_before += text.len;
        if (is_signed) ori_chat_sign_detail(c, signature);
        return;
    }
    ori_chat_keep_json(c, c->sections[ORI_CHAT_IN_DETAILS].len > 0 ? "," : "[", 0);
    ori_chat_keep(c, ORI_CHAT_IN_DETAILS, element, 0);
    c->detail = same;
    c->text_before = 0;
    if (pieces && text.ptr != NULL && !is_signed)
        c->text_before = (size_t)(end - text.ptr) - text.len;
    c->sign_len = signature.len;
    c->sign_before = c->sign_len > 0 ? (size_t)(end - signature.ptr) : 0;
}

static void ori_chat_collect_call(or_chat_collect *c, const or_tool_call *call)
{
    if (call->index >= c->max_calls) {
        if (c->err == OR_OK) c->err = OR_ERR_TOKENS;
        return;
    }
    while (c->num_calls <= call->index) {
        memset(&c->calls[c->num_calls], 0, sizeof *call);
        c->calls[c->num_calls].index = c->num_calls;
        c->num_calls++;
    }
    uint32_t n = ORI_CHAT_IN_CALLS + 4 * call->index;
    ori_chat_keep(c, n, call->id, 0);
    ori_chat_keep(c, n + 1, call->name, 0);
    ori_chat_keep(c, n + 2, call->arguments, 0);
    if (ori_chat_section(c, n + 3)->len == 0) ori_chat_keep(c, n + 3, call->extra_content, 0);
}

or_err or_chat_collect_add(or_chat_collect *c, const or_chat_delta *d)
{
    or_json_scan s;
    or_json_item item;
    if (d->reasoning.len > 0) c->place = d->reasoning_place;
    ori_chat_keep(c, ORI_CHAT_IN_REASONING, d->reasoning, 0);
    ori_chat_keep(c, ORI_CHAT_IN_REFUSAL, d->refusal, 0);
    ori_chat_keep(c, ORI_CHAT_IN_TEXT, d->text, 0);
    or_json_scan_init(&s, d->reasoning_details);
    if (d->reasoning_details.len > 0 && or_json_scan_next(&s, &item) == OR_OK)
        while (ori_chat_next(&s, &item))
            if (item.type == OR_JSON_OBJECT) ori_chat_collect_detail(c, item.value);
    for (uint32_t i = 0; i < d->num_tool_calls; i++) ori_chat_collect_call(c, &d->tool_calls[i]);
    return c->err;
}

or_err or_chat_collect_end(or_chat_collect *c, or_msg *msg)
{
    memset(msg, 0, sizeof *msg);
    if (c->sections[ORI_CHAT_IN_DETAILS].len > 0) ori_chat_keep_json(c, "]", 0);
    for (uint32_t i = 0; i < c->num_calls; i++) {
        char   mem[32];
        or_buf id;
        if (c->calls[i].id.len > 0) continue;
        or_buf_init(&id, mem, sizeof mem);
        or_buf_put_z(&id, "call_");
        or_buf_put_u64(&id, c->out->len); /* no other call of the history has that */
        ori_chat_keep(c, ORI_CHAT_IN_CALLS + 4 * i, or_buf_str(&id), 0);
    }
    if (c->err != OR_OK) return c->err;
    size_t at = c->start;
    for (uint32_t n = 0; n < ORI_CHAT_IN_CALLS + 4 * c->num_calls; n++) {
        or_str *s = ori_chat_section(c, n);
        s->ptr = s->len > 0 ? c->out->ptr + at : NULL;
        at += s->len;
    }
    msg->role = OR_ROLE_ASSISTANT;
    msg->content = c->sections[ORI_CHAT_IN_TEXT];
    if (msg->content.len == 0 && c->num_calls == 0) msg->content = OR_STR("");
    msg->refusal = c->sections[ORI_CHAT_IN_REFUSAL];
    msg->reasoning_details = c->sections[ORI_CHAT_IN_DETAILS];
    if (c->place == OR_REASONING_PLAIN) msg->reasoning = c->sections[ORI_CHAT_IN_REASONING];
    if (c->place == OR_REASONING_CONTENT)
        msg->reasoning_content = c->sections[ORI_CHAT_IN_REASONING];
    msg->tool_calls = c->calls;
    msg->num_tool_calls = c->num_calls;
    return OR_OK;
}

#ifndef OR_NO_DIALECT
/* >> dialect ---------------------------------------------------------- */

/* Every reader and writer here walks the text with or_json_scan, object by object: nothing is
   kept but where it is, so no count of members, messages or parts needs a limit. */

/* ---- pieces of input ---- */

/* The whole text of a value, strings with their quotes. */
static or_str ori_dialect_text(const or_json_item *item)
{
    or_str v = item->value;
    return item->type == OR_JSON_STRING ? or_str_of(v.ptr - 1, v.len + 2) : v;
}

/* Members or elements one after another, each as a whole. Only for text that was checked. */
typedef struct ori_dialect_list {
    or_json_scan scan;
    bool         more;
} ori_dialect_list;

/* list: the text of an array or object; anything else has nothing in it. */
static ORI_NOINLINE void ori_dialect_begin(ori_dialect_list *l, or_str list)
{
    or_json_item item;
    or_json_scan_init(&l->scan, list);
    l->more =
        list.len > 0 && or_json_scan_next(&l->scan, &item) == OR_OK && item.type >= OR_JSON_ARRAY;
}

static ORI_NOINLINE bool ori_dialect_next(ori_dialect_list *l, or_json_item *item)
{
    if (!l->more) return false;
    l->more = or_json_scan_next(&l->scan, item) == OR_OK && item->type != OR_JSON_END &&
              or_json_scan_skip(&l->scan, item) == OR_OK;
    return l->more;
}

/* Lists of words are strings with a space between two. The next word; false at the end. */
static bool ori_dialect_next_word(const char **words, or_str *word)
{
    const char *p = *words;
    while (*p == ' ') p++;
    *word = or_str_of(p, 0);
    while (p[word->len] != 0 && p[word->len] != ' ') word->len++;
    *words = p + word->len;
    return word->len > 0;
}

/* Which of the words a raw string is; as many as there are: none. */
static uint32_t ori_dialect_word(or_str raw, const char *words)
{
    uint32_t i = 0;
    or_str   word;
    while (ori_dialect_next_word(&words, &word) && !or_json_str_is(raw, word)) i++;
    return i;
}

/* Is it one of them? */
static bool ori_dialect_listed(or_str raw, const char *words)
{
    or_str word;
    while (ori_dialect_next_word(&words, &word))
        if (or_json_str_is(raw, word)) return true;
    return false;
}

/* The members of an object that have these num names: type OR_JSON_NONE for what is not there or
   null. Of duplicates the first counts. */
static void ori_dialect_pick(or_str object, const char *names, uint32_t num, or_json_item *found)
{
    ori_dialect_list l;
    or_json_item     item;
    memset(found, 0, num * sizeof *found);
    ori_dialect_begin(&l, object);
    while (ori_dialect_next(&l, &item)) {
        uint32_t i = num;
        if (item.key.ptr != NULL && item.type != OR_JSON_NULL)
            i = ori_dialect_word(item.key, names);
        if (i < num && found[i].type == OR_JSON_NONE) found[i] = item;
    }
}

/* One member. */
static ORI_NOINLINE or_json_item ori_dialect_get(or_str object, const char *name)
{
    or_json_item item;
    ori_dialect_pick(object, name, 1, &item);
    return item;
}

/* Is it this string? */
static ORI_NOINLINE bool ori_dialect_is(const or_json_item *item, const char *text)
{
    return item->type == OR_JSON_STRING && or_json_str_is_z(item->value, text);
}

/* The raw text of a string; absent for anything else. */
static or_str ori_dialect_str(const or_json_item *item)
{
    return item->type == OR_JSON_STRING ? item->value : or_str_of(NULL, 0);
}

/* The text that a part of a message is or has; type OR_JSON_NONE when it has none. */
static or_json_item ori_dialect_part_text(const or_json_item *part)
{
    return part->type == OR_JSON_OBJECT ? ori_dialect_get(part->value, "text") : *part;
}

/* Which of the words it is; as many as there are: none. */
static uint32_t ori_dialect_which(const or_json_item *item, const char *words)
{
    return ori_dialect_word(ori_dialect_str(item), words);
}

/* Which of the words the member `type` of an object is. */
static uint32_t ori_dialect_type(or_str object, const char *words)
{
    or_json_item type = ori_dialect_get(object, "type");
    return ori_dialect_which(&type, words);
}

/* Text of an object or array; absent for anything else. */
static or_str ori_dialect_inside(const or_json_item *item)
{
    return item->type >= OR_JSON_ARRAY ? item->value : or_str_of(NULL, 0);
}

/* The elements of an array; of anything else none. */
static void ori_dialect_begin_array(ori_dialect_list *l, const or_json_item *item)
{
    ori_dialect_begin(l, item->type == OR_JSON_ARRAY ? item->value : or_str_of(NULL, 0));
}

/* The next character of a raw string: what an escape stands for, else one byte. */
static uint32_t ori_dialect_char(const char **p, const char *end)
{
    return **p == '\\' ? ori_json_unescape_one(p, end) : (unsigned char)*(*p)++;
}

static bool ori_dialect_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The end of raw without white space before it; raw.ptr when there is nothing else. */
static const char *ori_dialect_text_end(or_str raw)
{
    const char *p = raw.ptr, *end = p + raw.len, *last = p;
    while (p < end) {
        uint32_t c = ori_dialect_char(&p, end);
        if (!ori_dialect_space(c)) last = p;
    }
    return last;
}

static bool ori_dialect_blank(or_str raw)
{
    const char *p = raw.ptr, *end = p + raw.len;
    while (p < end)
        if (!ori_dialect_space(ori_dialect_char(&p, end))) return false;
    return true;
}

/* The byte that two hexadecimal digits at p are; -1: there are none. */
static int ori_dialect_hex_byte(const char *p, const char *end)
{
    int high = end - p >= 2 ? ori_json_hex(p[0]) : -1;
    int low = high >= 0 ? ori_json_hex(p[1]) : -1;
    return low < 0 ? -1 : high << 4 | low;
}

/* ---- pieces of output ---- */

/* Raw text between two pieces of JSON. */
static ORI_NOINLINE void ori_dialect_wrap(or_buf *out, const char *before, or_str raw,
                                          const char *after)
{
    or_buf_put_z(out, before);
    or_buf_put_str(out, raw);
    or_buf_put_z(out, after);
}

/* Begin a member of an object (or an element: name NULL): the comma, and the name. *any says
   whether something stands before it. */
static ORI_NOINLINE void ori_dialect_put_name(or_buf *out, bool *any, const char *name)
{
    if (*any) or_buf_put_char(out, ',');
    *any = true;
    if (name == NULL) return;
    ori_dialect_wrap(out, "\"", or_str_z(name), "\":");
}

/* A member whose value is raw JSON. */
static void ori_dialect_put(or_buf *out, bool *any, const char *name, or_str raw)
{
    ori_dialect_put_name(out, any, name);
    or_buf_put_str(out, raw);
}

/* A string that is not JSON yet. */
static or_err ori_dialect_put_str(or_buf *out, or_str text)
{
    or_json_writer w;
    or_json_writer_init(&w, out);
    or_json_put_str(&w, text);
    return or_json_writer_end(&w);
}

/* The last digits of n, hexadecimal; a: the first of the letters, 'a' or 'A'. */
static void ori_dialect_put_hex(or_buf *out, uint32_t n, uint32_t digits, char a)
{
    while (digits-- > 0) {
        uint32_t d = n >> 4 * digits & 15;
        or_buf_put_char(out, (char)(d < 10 ? '0' + d : (unsigned char)a + d - 10));
    }
}

static ORI_NOINLINE void ori_dialect_lose(or_dialect_loss *loss, const char *name)
{
    for (uint32_t i = 0; i < loss->num; i++)
        if (or_str_eq(or_str_z(loss->names[i]), or_str_z(name))) return;
    if (loss->num < OR_DIALECT_MAX_LOSSES) loss->names[loss->num++] = name;
}

/* ---- names that a dialect does not allow ---- */

static bool ori_dialect_letter(char c)
{
    return ori_lower(c) >= 'a' && ori_lower(c) <= 'z';
}

/* A letter, a digit, or one of `also`. */
static bool ori_dialect_plain_char(char c, const char *also)
{
    while (*also != 0 && *also != c) also++;
    return *also != 0 || ori_dialect_letter(c) || ori_digit(c);
}

/* Names of functions and ids of calls with characters (or a length) that the other side refuses
   are written as "or--" and what they are, each byte but letters, digits and _ as -HH. What
   would be taken for such a name is written so too, hence ori_dialect_restore is its inverse. */
static bool ori_dialect_is_plain(or_str name, const char *also, size_t max)
{
    for (size_t i = 0; i < name.len; i++)
        if (!ori_dialect_plain_char(name.ptr[i], also)) return false;
    return name.len > 0 && name.len <= max && (name.len < 4 || memcmp(name.ptr, "or--", 4) != 0);
}

/* raw: from between the quotes of a string; also: the characters that are allowed besides letters
   and digits, _ among them; max: bytes. What gets longer than that ends in a hash, and stays so. */
static void ori_dialect_put_plain(or_buf *out, or_str raw, const char *also, size_t max)
{
    char     mem[260]; /* longer names are cut, and told apart by the hash of all */
    or_str   name = raw;
    size_t   from = out->len;
    uint32_t h = ori_chat_hash(raw);
    if (raw.len > sizeof mem) name = or_str_of(raw.ptr, 0);
    if (raw.len <= sizeof mem && or_json_unescape(raw, mem, sizeof mem, &name) != OR_OK)
        name = or_str_of(raw.ptr, 0);
    if (ori_dialect_is_plain(name, also, max)) {
        or_buf_put_str(out, name);
        return;
    }
    or_buf_put_z(out, "or--");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (ori_dialect_plain_char(c, "_")) {
            or_buf_put_char(out, c);
            continue;
        }
        or_buf_put_char(out, '-');
        ori_dialect_put_hex(out, (unsigned char)c, 2, 'A');
    }
    if (out->err != OR_OK || (name.len > 0 && out->len - from <= max)) return;
    if (out->len - from > max - 8) out->len = from + max - 8;
    ori_dialect_put_hex(out, h, 8, 'A');
}

/* The name that was written so; the name itself when it was not. */
static or_str ori_dialect_restore(or_str name, or_arena *arena)
{
    char  *mem;
    size_t n = 0;
    if (name.len < 5 || memcmp(name.ptr, "or--", 4) != 0) return name;
    mem = (char *)or_arena_alloc(arena, name.len);
    if (mem == NULL) return name;
    for (size_t i = 4; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '-') {
            int byte = ori_dialect_hex_byte(name.ptr + i + 1, name.ptr + name.len);
            if (byte < 0) return name;
            c = (char)byte;
            i += 2;
        }
        mem[n++] = c;
    }
    return or_str_of(mem, n);
}

/* ---- chat requests: what their members are ---- */

/* The members of a chat request: its name, the dialects that have words for it, and the value
   that says no more than its absence does (NEVER: none but {}, [] and "", which never do). ROUTE:
   it is for whoever routes, not for the model, so it ends here without a word. */
enum {
    ORI_TO_T = 1 << OR_DIALECT_TEXT,
    ORI_TO_M = 1 << OR_DIALECT_MESSAGES,
    ORI_TO_G = 1 << OR_DIALECT_GEMINI,
    ORI_TO_R = 1 << OR_DIALECT_RESPONSES,
    ORI_TO_MG = ORI_TO_M | ORI_TO_G,
    ORI_TO_MGR = ORI_TO_MG | ORI_TO_R,
    ORI_TO_MGT = ORI_TO_MG | ORI_TO_T,
    ORI_TO_ALL = ORI_TO_MGR | ORI_TO_T,
    ORI_TO_ROUTE = 1 << 7
};

/* Such values; their texts are in ori_dialect_idles. */
enum {
    ORI_IDLE_NEVER,
    ORI_IDLE_0,
    ORI_IDLE_1,
    ORI_IDLE_FALSE,
    ORI_IDLE_TRUE,
    ORI_IDLE_TEXT,
    ORI_IDLE_AUTO
};

/* READ: those that somebody asks for. They come first, since only they are kept. */
#define ORI_DIALECT_MEMBERS_READ(X)                                       \
    X(MESSAGES, "messages", ORI_TO_MGR, NEVER)                            \
    X(STREAM, "stream", ORI_TO_ALL, NEVER)                                \
    X(MAX_TOKENS, "max_tokens", ORI_TO_ALL, NEVER)                        \
    X(MAX_COMPLETION, "max_completion_tokens", ORI_TO_ALL, NEVER)         \
    X(TEMPERATURE, "temperature", ORI_TO_ALL, NEVER)                      \
    X(TOP_P, "top_p", ORI_TO_ALL, NEVER)                                  \
    X(TOP_K, "top_k", ORI_TO_MGT, NEVER)                                  \
    X(FREQUENCY_PENALTY, "frequency_penalty", ORI_TO_G | ORI_TO_T, 0)     \
    X(PRESENCE_PENALTY, "presence_penalty", ORI_TO_G | ORI_TO_T, 0)       \
    X(SEED, "seed", ORI_TO_G | ORI_TO_T, NEVER)                           \
    X(STOP, "stop", ORI_TO_MGT, NEVER)                                    \
    X(LOGPROBS, "logprobs", ORI_TO_G | ORI_TO_T, FALSE)                   \
    X(TOP_LOGPROBS, "top_logprobs", ORI_TO_G | ORI_TO_R, 0)               \
    X(RESPONSE_FORMAT, "response_format", ORI_TO_MGR, NEVER)              \
    X(TOOLS, "tools", ORI_TO_MGR, NEVER)                                  \
    X(TOOL_CHOICE, "tool_choice", ORI_TO_MGR, NEVER)                      \
    X(PARALLEL, "parallel_tool_calls", ORI_TO_M | ORI_TO_R, TRUE)         \
    X(FUNCTIONS, "functions", ORI_TO_MG, NEVER)                           \
    X(FUNCTION_CALL, "function_call", ORI_TO_MG, NEVER)                   \
    X(INCLUDE_REASONING, "include_reasoning", ORI_TO_MGR, NEVER)          \
    X(REASONING, "reasoning", ORI_TO_MGR, NEVER)                          \
    X(REASONING_EFFORT, "reasoning_effort", ORI_TO_MGR, NEVER)            \
    X(VERBOSITY, "verbosity", ORI_TO_M | ORI_TO_R, NEVER)                 \
    X(MODALITIES, "modalities", ORI_TO_G, TEXT)                           \
    X(USER, "user", ORI_TO_M | ORI_TO_R | ORI_TO_T, NEVER)                \
    X(SAFETY_IDENTIFIER, "safety_identifier", ORI_TO_M | ORI_TO_R, NEVER) \
    X(CACHE_CONTROL, "cache_control", ORI_TO_M, NEVER)

#define ORI_DIALECT_MEMBERS(X)                                       \
    ORI_DIALECT_MEMBERS_READ(X)                                      \
    X(MODEL, "model", ORI_TO_ALL, NEVER)                             \
    X(TOP_A, "top_a", ORI_TO_T, 0)                                   \
    X(MIN_P, "min_p", ORI_TO_T, 0)                                   \
    X(REPETITION_PENALTY, "repetition_penalty", ORI_TO_T, 1)         \
    X(LOGIT_BIAS, "logit_bias", ORI_TO_T, NEVER)                     \
    X(PREDICTION, "prediction", 0, NEVER)                            \
    X(STRUCTURED_OUTPUTS, "structured_outputs", ORI_TO_MGR, NEVER)   \
    X(N, "n", ORI_TO_T, 1)                                           \
    X(AUDIO, "audio", 0, NEVER)                                      \
    X(IMAGE_CONFIG, "image_config", 0, NEVER)                        \
    X(STORE, "store", 0, FALSE)                                      \
    X(METADATA, "metadata", ORI_TO_R, NEVER)                         \
    X(SERVICE_TIER, "service_tier", ORI_TO_R, AUTO)                  \
    X(MAX_TOOL_CALLS, "max_tool_calls", ORI_TO_R, NEVER)             \
    X(STOP_SERVER_TOOLS, "stop_server_tools_when", 0, NEVER)         \
    X(WEB_SEARCH_OPTIONS, "web_search_options", 0, NEVER)            \
    X(X_SEARCH_FILTER, "x_search_filter", 0, NEVER)                  \
    X(MODERATION, "moderation", 0, NEVER)                            \
    X(CACHE_OPTIONS, "prompt_cache_options", ORI_TO_R, NEVER)        \
    X(CACHE_RETENTION, "prompt_cache_retention", ORI_TO_R, NEVER)    \
    X(CACHE_KEY, "prompt_cache_key", ORI_TO_R | ORI_TO_ROUTE, NEVER) \
    X(MODELS, "models", ORI_TO_ROUTE, NEVER)                         \
    X(PROVIDER, "provider", ORI_TO_ROUTE, NEVER)                     \
    X(PLUGINS, "plugins", ORI_TO_ROUTE, NEVER)                       \
    X(ROUTE, "route", ORI_TO_ROUTE, NEVER)                           \
    X(TRANSFORMS, "transforms", ORI_TO_ROUTE, NEVER)                 \
    X(SESSION_ID, "session_id", ORI_TO_ROUTE, NEVER)                 \
    X(TRACE, "trace", ORI_TO_ROUTE, NEVER)                           \
    X(PRESET, "preset", ORI_TO_ROUTE, NEVER)                         \
    X(DEBUG, "debug", ORI_TO_ROUTE, NEVER)                           \
    X(USAGE, "usage", ORI_TO_ROUTE, NEVER)                           \
    X(STREAM_OPTIONS, "stream_options", ORI_TO_ROUTE, NEVER)

enum {
#define ORI_X(id, name, to, idle) ORI_M_##id,
    ORI_DIALECT_MEMBERS(ORI_X)
#undef ORI_X
        ORI_M_NUM,
#define ORI_X(id, name, to, idle) +1
    ORI_M_READ = 0 ORI_DIALECT_MEMBERS_READ(ORI_X)
#undef ORI_X
};

/* Which of them were there is kept in one word. */
typedef char ori_dialect_members_fit[ORI_M_NUM <= 64 ? 1 : -1];

typedef struct ori_dialect_member {
    const char *name;
    uint8_t     to, idle;
} ori_dialect_member;

static const char *const ori_dialect_idles[] = {NULL,   "0",          "1",       "false",
                                                "true", "[\"text\"]", "\"auto\""};

static const ori_dialect_member ori_dialect_members[ORI_M_NUM] = {
#define ORI_X(id, name, to, idle) {name, to, ORI_IDLE_##idle},
    ORI_DIALECT_MEMBERS(ORI_X)
#undef ORI_X
};

#ifndef OR_NO_ROUTE
uint32_t or_dialect_parameters(or_dialect d)
{
    uint32_t bits = 0;
    if (d == OR_DIALECT_CHAT) return ((uint32_t)1 << OR_PARAM_NUM) - 1;
    for (uint32_t i = 0; i < ORI_M_NUM; i++)
        if ((ori_dialect_members[i].to >> d & 1) != 0)
            bits |= or_param_bit(or_str_z(ori_dialect_members[i].name));
    return bits;
}
#endif

/* ---- the path ---- */

static void ori_dialect_put_encoded(or_buf *out, or_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (ori_dialect_plain_char(c, "-._~/")) {
            or_buf_put_char(out, c);
            continue;
        }
        or_buf_put_char(out, '%');
        ori_dialect_put_hex(out, (unsigned char)c, 2, 'A');
    }
}

static bool ori_dialect_starts(or_str text, const char *with)
{
    or_str s = or_str_z(with);
    return text.len >= s.len && memcmp(text.ptr, s.ptr, s.len) == 0;
}

or_err or_dialect_put_path(or_buf *out, or_dialect d, or_str model, bool stream)
{
    static const char *const paths[] = {"/chat/completions", "/completions", "/v1/messages", "",
                                        "/responses"};
    size_t                   from = out->len;
    if ((unsigned)d >= sizeof paths / sizeof *paths) return OR_ERR_ARG;
    if (d != OR_DIALECT_GEMINI) {
        or_buf_put_z(out, paths[d]);
    } else {
        /* The vendor's own resource names, "tunedModels/x", stand where "models/x" does. */
        if (model.len == 0) return OR_ERR_ARG;
        or_buf_put_z(out, "/v1beta/");
        if (!ori_dialect_starts(model, "models/") && !ori_dialect_starts(model, "tunedModels/"))
            or_buf_put_z(out, "models/");
        ori_dialect_put_encoded(out, model);
        or_buf_put_z(out, stream ? ":streamGenerateContent?alt=sse" : ":generateContent");
    }
    if (out->err != OR_OK) out->len = from;
    return out->err;
}

/* ---- what models take ---- */

/* What is known of a model by its name. */
enum {
    ORI_NO_SAMPLING = 1 << 0,    /* temperature, top_p and top_k are errors */
    ORI_NOT_BOTH = 1 << 1,       /* of temperature and top_p only one */
    ORI_NO_THINKING = 1 << 2,    /* it cannot */
    ORI_ADAPTIVE = 1 << 3,       /* thinking by effort, not by a budget */
    ORI_NO_BUDGET = 1 << 4,      /* a budget is an error */
    ORI_NO_OFF = 1 << 5,         /* thinking cannot be turned off */
    ORI_OFF_IS_LOW = 1 << 6,     /* off does not go with the efforts xhigh and max */
    ORI_BETWEEN = 1 << 7,        /* instead of off it thinks between tools only */
    ORI_NO_FORCE = 1 << 8,       /* no tool can be forced */
    ORI_FORMAT = 1 << 9,         /* takes a schema for its answer, and strict tools */
    ORI_NO_XHIGH = 1 << 10,      /* between high and max it has nothing */
    ORI_NO_PENALTY = 1 << 11,    /* frequency_penalty and presence_penalty are errors */
    ORI_NO_SYSTEM = 1 << 12,     /* no instruction apart from the user's words */
    ORI_UNSIGNED = 1 << 13,      /* calls may be given back without a signature */
    ORI_TOOLS_OR_JSON = 1 << 14, /* no JSON mode where there are tools */
    ORI_TWO_LEVELS = 1 << 15     /* thinks low or high */
};

#define ORI_CLAUDE_5  (ORI_NO_SAMPLING | ORI_ADAPTIVE | ORI_FORMAT)
#define ORI_STRICTEST (ORI_CLAUDE_5 | ORI_NO_BUDGET | ORI_NO_OFF | ORI_NO_FORCE)

typedef struct ori_dialect_model {
    const char *name; /* part of the model's name, lower case; "": any */
    uint32_t    flags;
    uint32_t    max_output; /* tokens; 0: not known */
} ori_dialect_model;

/* The first row counts whose name is in the model's, and not followed by a further version:
   "opus-4" is not "opus-4-9". So a version that nobody knows here meets the strictest row.
   Source: Anthropic's model and migration pages, read 2026-11. */
static const ori_dialect_model ori_dialect_claude[] = {
    {"sonnet-5-5", ORI_STRICTEST | ORI_BETWEEN, 128000},
    {"opus-5-5", ORI_STRICTEST, 128000},
    {"fable-5-1", ORI_STRICTEST, 128000},
    {"fable-5", ORI_CLAUDE_5 | ORI_NO_BUDGET | ORI_NO_OFF, 128000},
    {"haiku-5-5", ORI_CLAUDE_5 | ORI_NO_BUDGET | ORI_OFF_IS_LOW, 128000},
    {"opus-5", ORI_CLAUDE_5 | ORI_OFF_IS_LOW, 128000},
    {"sonnet-5", ORI_CLAUDE_5, 128000},
    {"opus-4-8", ORI_CLAUDE_5, 128000},
    {"opus-4-7", ORI_CLAUDE_5, 128000},
    {"opus-4-6", ORI_NOT_BOTH | ORI_ADAPTIVE | ORI_FORMAT | ORI_NO_XHIGH, 128000},
    {"sonnet-4-6", ORI_NOT_BOTH | ORI_ADAPTIVE | ORI_FORMAT | ORI_NO_XHIGH, 128000},
    {"opus-4-5", ORI_NOT_BOTH | ORI_FORMAT, 64000},
    {"sonnet-4-5", ORI_NOT_BOTH | ORI_FORMAT, 64000},
    {"haiku-4-5", ORI_NOT_BOTH | ORI_FORMAT, 64000},
    {"opus-4-1", ORI_NOT_BOTH, 32000},
    {"opus-4", ORI_NOT_BOTH, 32000},
    {"sonnet-4", ORI_NOT_BOTH, 64000},
    {"claude-3-7", 0, 64000},
    {"claude-3-5", ORI_NO_THINKING, 8192},
    {"claude-3", ORI_NO_THINKING, 4096},
    {"claude-2", ORI_NO_THINKING, 4096},
    {"claude-instant", ORI_NO_THINKING, 4096},
    {"claude", ORI_STRICTEST, 128000},
    {"", 0, 0}, /* somebody else's model behind this dialect */
};

/* Source: Google's thinking, function calling and Gemma pages, read 2026-11. */
static const ori_dialect_model ori_dialect_gemini[] = {
    {"gemma", ORI_NO_SYSTEM | ORI_NO_THINKING | ORI_UNSIGNED | ORI_TOOLS_OR_JSON, 0},
    {"gemini-1", ORI_NO_THINKING | ORI_UNSIGNED | ORI_TOOLS_OR_JSON, 8192},
    {"gemini-2-0", ORI_NO_THINKING | ORI_UNSIGNED | ORI_TOOLS_OR_JSON, 8192},
    {"gemini-2-5-flash-image", ORI_NO_THINKING | ORI_UNSIGNED | ORI_TOOLS_OR_JSON | ORI_NO_PENALTY,
     32768},
    {"gemini-2-5-pro", ORI_NO_OFF | ORI_UNSIGNED | ORI_TOOLS_OR_JSON | ORI_NO_PENALTY, 65536},
    {"gemini-2", ORI_UNSIGNED | ORI_TOOLS_OR_JSON | ORI_NO_PENALTY, 65536},
    {"gemini-3-pro", ORI_ADAPTIVE | ORI_FORMAT | ORI_TWO_LEVELS, 65536},
    {"", ORI_ADAPTIVE | ORI_FORMAT, 0},
};

static char ori_dialect_model_char(char c)
{
    return c == '.' ? '-' : ori_lower(c);
}

/* Does name stand in model at `at`, and no further version behind it? A date is none. */
static bool ori_dialect_model_at(or_str model, size_t at, or_str name, bool versions)
{
    size_t end = at + name.len, digits = 0;
    for (size_t i = 0; i < name.len; i++)
        if (ori_dialect_model_char(model.ptr[at + i]) != name.ptr[i]) return false;
    if (!versions) return true;
    if (end < model.len && ori_digit(model.ptr[end])) return false;
    if (end == model.len || ori_dialect_model_char(model.ptr[end]) != '-') return true;
    while (end + 1 + digits < model.len && ori_digit(model.ptr[end + 1 + digits])) digits++;
    return digits == 0 || digits > 2;
}

static const ori_dialect_model *ori_dialect_find_model(const ori_dialect_model *row, or_str model,
                                                       bool versions)
{
    for (;; row++) {
        or_str name = or_str_z(row->name);
        bool   strict = versions && ori_digit(name.len > 0 ? name.ptr[name.len - 1] : 'x');
        if (name.len == 0) return row;
        for (size_t at = 0; at + name.len <= model.len; at++)
            if (ori_dialect_model_at(model, at, name, strict)) return row;
    }
}

/* ---- a request in the making ---- */

/* A call of the assistant's turn that was written last, and its result. The id that is written
   is made from its own, its number among all calls, and whether it stood before. */
typedef struct ori_dialect_asked {
    or_str   id, name; /* raw; absent when not sent */
    or_str   result;   /* the message; absent: none came */
    or_str   sign;     /* GEMINI: its signature among the reasoning_details */
    uint32_t number;
    bool     again, first;
} ori_dialect_asked;

typedef struct ori_dialect_call {
    ori_dialect_asked asked;
    or_json_item      arguments;
    or_str            object;
    bool              custom; /* arguments are plain text */
} ori_dialect_call;

/* How to think. */
enum {
    ORI_THINK_UNSET = 0,
    ORI_THINK_OFF,
    ORI_THINK_MINIMAL,
    ORI_THINK_LOW,
    ORI_THINK_MEDIUM,
    ORI_THINK_HIGH,
    ORI_THINK_XHIGH,
    ORI_THINK_MAX
};

/* Which tool to call. */
enum { ORI_CHOOSE_UNSET = 0, ORI_CHOOSE_NONE, ORI_CHOOSE_AUTO, ORI_CHOOSE_ANY, ORI_CHOOSE_NAMED };

typedef struct ori_dialect_out {
    or_buf                   *out;
    const or_dialect_request *q;
    or_dialect_loss          *loss;
    const ori_dialect_model  *model;
    const char               *bad;
    or_err                    err;
    bool                      gemini;
    or_json_item              m[ORI_M_READ];

    bool     any;             /* a member of the root was written */
    uint8_t  think;           /* ORI_THINK_ */
    uint64_t budget;          /* tokens to think with; 0: as the effort says */
    uint64_t max_tokens;      /* 0: not said */
    bool     hide;            /* think, but do not show it */
    uint8_t  choose;          /* ORI_CHOOSE_ */
    or_str   chosen, allowed; /* raw name; array of the tools that may be called */
    bool     found;           /* the chosen tool is there */
    uint32_t num_tools;

    /* Blocks go into the system's instruction ('s'), a user's turn ('u'), an assistant's ('a')
       or the result of a call ('r'). A turn is begun by its first block, so none is empty and
       neighbours of one role are one turn. */
    char        role;
    bool        turns; /* some message that is not the system's says something */
    bool        any_turn, any_block;
    const char *last_user;   /* behind its last message the present turn begins */
    or_str      prefix;      /* the speaker's name, for the next text */
    or_str      sign;        /* signature for the next text */
    bool        trim;        /* the next text is the last of all, and the assistant's */
    uint32_t    marks, skip; /* cache_controls that came; of these the first are left out */
    uint32_t    num_calls, number;
    union {
        ori_dialect_asked calls[OR_CHAT_MAX_CALLS];
        uint32_t          hashes[OR_DIALECT_MAX_TOOLS]; /* of stubs, before there is any call */
    } u;
} ori_dialect_out;

static void ori_dialect_fail(ori_dialect_out *w, or_err e, const char *bad)
{
    if (w->err != OR_OK) return;
    w->err = e;
    w->bad = bad;
}

static bool ori_dialect_has(const ori_dialect_out *w, uint32_t member)
{
    return w->m[member].type != OR_JSON_NONE;
}

static void ori_dialect_put_model_name(ori_dialect_out *w)
{
    if (ori_dialect_put_str(w->out, w->q->model) == OR_ERR_UTF8)
        ori_dialect_fail(w, OR_ERR_UTF8, "model");
}

static void ori_dialect_lose_member(ori_dialect_out *w, uint32_t member)
{
    if (ori_dialect_has(w, member)) ori_dialect_lose(w->loss, ori_dialect_members[member].name);
}

/* Does the value say no more than nothing would? */
static bool ori_dialect_idle(const or_json_item *item, const char *idle)
{
    or_str  text = ori_dialect_text(item);
    int64_t a, b;
    if (item->type == OR_JSON_STRING && item->value.len == 0) return true;
    if (item->type >= OR_JSON_ARRAY) {
        ori_dialect_list l;
        or_json_item     inner;
        ori_dialect_begin(&l, text);
        if (!ori_dialect_next(&l, &inner)) return true;
    }
    if (idle == NULL) return false;
    if (item->type == OR_JSON_NUMBER)
        return or_decimal_round(text, 9, &a) == OR_OK &&
               or_decimal_read(or_str_z(idle), 9, &b) == OR_OK && a == b;
    return or_str_eq(text, or_str_z(idle));
}

/* Where every member is, and which of them this dialect has no words for. */
static void ori_dialect_read_members(ori_dialect_out *w)
{
    ori_dialect_list l;
    or_json_item     item;
    uint64_t         seen = 0;
    uint32_t         to = w->gemini ? ORI_TO_G : ORI_TO_M;
    ori_dialect_begin(&l, w->q->body);
    while (ori_dialect_next(&l, &item)) {
        uint32_t i = 0;
        if (item.type == OR_JSON_NULL) continue;
        while (i < ORI_M_NUM && !or_json_str_is_z(item.key, ori_dialect_members[i].name))
            i++;
        if (i == ORI_M_NUM) {
            ori_dialect_lose(w->loss, "extra");
            continue;
        }
        if ((seen >> i & 1) != 0) continue;
        seen |= (uint64_t)1 << i;
        if (i < ORI_M_READ) w->m[i] = item;
        if ((ori_dialect_members[i].to & (to | ORI_TO_ROUTE)) == 0 &&
            !ori_dialect_idle(&item, ori_dialect_idles[ori_dialect_members[i].idle]))
            ori_dialect_lose(w->loss, ori_dialect_members[i].name);
    }
}

/* Members that have one type only. */
static void ori_dialect_check_types(ori_dialect_out *w)
{
    static const struct {
        uint8_t member, type;
    } rows[] = {
        {ORI_M_MESSAGES, OR_JSON_ARRAY},
        {ORI_M_MAX_TOKENS, OR_JSON_NUMBER},
        {ORI_M_MAX_COMPLETION, OR_JSON_NUMBER},
        {ORI_M_TEMPERATURE, OR_JSON_NUMBER},
        {ORI_M_TOP_P, OR_JSON_NUMBER},
        {ORI_M_TOP_K, OR_JSON_NUMBER},
        {ORI_M_SEED, OR_JSON_NUMBER},
        {ORI_M_FREQUENCY_PENALTY, OR_JSON_NUMBER},
        {ORI_M_PRESENCE_PENALTY, OR_JSON_NUMBER},
        {ORI_M_TOP_LOGPROBS, OR_JSON_NUMBER},
        {ORI_M_STREAM, OR_JSON_TRUE},
        {ORI_M_LOGPROBS, OR_JSON_TRUE},
        {ORI_M_PARALLEL, OR_JSON_TRUE},
        {ORI_M_INCLUDE_REASONING, OR_JSON_TRUE},
        {ORI_M_TOOLS, OR_JSON_ARRAY},
        {ORI_M_FUNCTIONS, OR_JSON_ARRAY},
        {ORI_M_RESPONSE_FORMAT, OR_JSON_OBJECT},
        {ORI_M_REASONING, OR_JSON_OBJECT},
        {ORI_M_REASONING_EFFORT, OR_JSON_STRING},
        {ORI_M_VERBOSITY, OR_JSON_STRING},
        {ORI_M_MODALITIES, OR_JSON_ARRAY},
        {ORI_M_CACHE_CONTROL, OR_JSON_OBJECT},
        {ORI_M_USER, OR_JSON_STRING},
        {ORI_M_SAFETY_IDENTIFIER, OR_JSON_STRING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        or_json_type type = w->m[rows[i].member].type;
        if (type == OR_JSON_FALSE) type = OR_JSON_TRUE;
        if (type != OR_JSON_NONE && type != (or_json_type)rows[i].type)
            ori_dialect_fail(w, OR_ERR_TYPE, ori_dialect_members[rows[i].member].name);
    }
}

/* ---- text as it stands ---- */

/* A raw string without its escapes, at the end of out. */
static void ori_dialect_put_unescaped(or_buf *out, or_str raw)
{
    const char *p = raw.ptr, *end = p + raw.len;
    while (p < end) {
        const char *from = p;
        char        piece[4];
        if (*p == '\\') {
            or_buf_put(out, piece, ori_json_utf8_put(ori_json_unescape_one(&p, end), piece));
            continue;
        }
        while (p < end && *p != '\\') p++;
        or_buf_put(out, from, (size_t)(p - from));
    }
}

static or_str ori_dialect_since(const or_buf *out, size_t from)
{
    return or_str_of(out->ptr + from, out->len - from);
}

/* If the raw string holds a JSON object, write that. It has to be in out to be looked at, so
   counting buffers will not do. */
static bool ori_dialect_put_object_in(or_buf *out, or_str raw)
{
    size_t from = out->len;
    or_str text;
    ori_dialect_put_unescaped(out, raw);
    if (out->err != OR_OK) return true;
    text = ori_dialect_since(out, from);
    while (text.len > 0 && ori_json_space(*text.ptr)) text = or_str_of(text.ptr + 1, text.len - 1);
    if (text.len > 0 && *text.ptr == '{' && or_json_check(text, NULL) == OR_OK) return true;
    out->len = from;
    return false;
}

static void ori_dialect_put_arguments(or_buf *out, const ori_dialect_call *call)
{
    const or_json_item *a = &call->arguments;
    or_str              text = ori_dialect_text(a);
    if (call->custom) {
        ori_dialect_wrap(out, "{\"input\":", a->type == OR_JSON_STRING ? text : OR_STR("\"\""),
                         "}");
    } else if (a->type == OR_JSON_OBJECT) {
        or_buf_put_str(out, text);
    } else if (a->type == OR_JSON_NONE ||
               (a->type == OR_JSON_STRING &&
                (ori_dialect_blank(a->value) || or_json_str_is(a->value, OR_STR("null"))))) {
        or_buf_put_z(out, "{}");
    } else if (a->type != OR_JSON_STRING || !ori_dialect_put_object_in(out, a->value)) {
        ori_dialect_wrap(out, "{\"_raw\":", text, "}");
    }
}

/* ---- blocks and turns ---- */

static void ori_dialect_end_turn(ori_dialect_out *w)
{
    if (w->role == 's') or_buf_put_z(w->out, w->gemini ? "]}" : "]");
    if (w->role == 'u' || w->role == 'a') or_buf_put_z(w->out, "]}");
    w->role = 0;
}

static void ori_dialect_begin_turn(ori_dialect_out *w, char role)
{
    ori_dialect_end_turn(w);
    w->role = role;
    w->any_block = false;
    if (role == 's') {
        ori_dialect_put_name(w->out, &w->any, w->gemini ? "systemInstruction" : "system");
        or_buf_put_z(w->out, w->gemini ? "{\"parts\":[" : "[");
        return;
    }
    if (!w->any_turn) {
        ori_dialect_put_name(w->out, &w->any, w->gemini ? "contents" : "messages");
        or_buf_put_char(w->out, '[');
    }
    ori_dialect_put_name(w->out, &w->any_turn, NULL);
    or_buf_put_z(w->out, role == 'u' ? "{\"role\":\"user\","
                         : w->gemini ? "{\"role\":\"model\","
                                     : "{\"role\":\"assistant\",");
    or_buf_put_z(w->out, w->gemini ? "\"parts\":[" : "\"content\":[");
}

/* The comma before a block of that role, and what has to be begun for it. */
static void ori_dialect_begin_block(ori_dialect_out *w, char role)
{
    if (role == 'r') {
        if (!w->any_block) or_buf_put_z(w->out, ",\"content\":[");
    } else if (w->role != role) {
        ori_dialect_begin_turn(w, role);
    }
    ori_dialect_put_name(w->out, &w->any_block, NULL);
}

/* The cache_control of an object, or what says the same for OpenAI's models; absent when it has
   none. */
static or_str ori_dialect_mark(or_str object)
{
    or_json_item found[2];
    ori_dialect_pick(object, "cache_control prompt_cache_breakpoint", 2, found);
    if (found[0].type == OR_JSON_OBJECT) return found[0].value;
    return found[1].type == OR_JSON_OBJECT ? OR_STR(OR_CACHE_5M) : or_str_of(NULL, 0);
}

/* The mark of an object, behind a block. */
static void ori_dialect_put_mark(ori_dialect_out *w, or_str object)
{
    or_str mark = ori_dialect_mark(object);
    if (mark.ptr == NULL) return;
    if (w->gemini) {
        ori_dialect_lose(w->loss, "cache_control");
        return;
    }
    if (++w->marks <= w->skip) return;
    or_buf_put_z(w->out, ",\"cache_control\":");
    or_buf_put_str(w->out, mark);
}

static void ori_dialect_put_sign(or_buf *out, or_str sign)
{
    if (sign.len > 0) ori_dialect_wrap(out, ",\"thoughtSignature\":\"", sign, "\"");
}

/* Text between other words. */
static void ori_dialect_put_wrapped(ori_dialect_out *w, char role, const char *before, or_str raw,
                                    const char *after, or_str marked)
{
    if (ori_dialect_blank(raw)) return;
    ori_dialect_begin_block(w, role);
    or_buf_put_z(w->out, w->gemini ? "{\"text\":\"" : "{\"type\":\"text\",\"text\":\"");
    or_buf_put_str(w->out, w->prefix);
    if (w->prefix.len > 0) or_buf_put_z(w->out, ": ");
    or_buf_put_z(w->out, before);
    if (w->trim) raw.len = (size_t)(ori_dialect_text_end(raw) - raw.ptr);
    or_buf_put_str(w->out, raw);
    or_buf_put_z(w->out, after);
    or_buf_put_char(w->out, '"');
    ori_dialect_put_sign(w->out, w->sign);
    ori_dialect_put_mark(w, marked);
    or_buf_put_char(w->out, '}');
    w->prefix = w->sign = or_str_of(NULL, 0);
}

static void ori_dialect_put_text(ori_dialect_out *w, char role, or_str raw, or_str marked)
{
    ori_dialect_put_wrapped(w, role, "", raw, "", marked);
}

/* ---- pictures and files ---- */

/* A URL, taken apart. */
typedef struct ori_dialect_url {
    bool   data, base64; /* data: with the content in it, else it is on the web */
    or_str mime;         /* data: lower case, "image/png" */
    or_str body;         /* raw: of data what is behind the comma, else the whole URL */
    char   mem[160];
} ori_dialect_url;

/* Drop what is behind the first ';' in mime, and say whether "base64" is the last of it. */
static bool ori_dialect_read_mime(ori_dialect_url *u)
{
    or_str word = OR_STR(";base64");
    size_t len = or_str_find(u->mime, OR_STR(";"), 0);
    u->base64 = u->mime.len >= word.len &&
                or_str_eq(or_str_of(u->mime.ptr + u->mime.len - word.len, word.len), word);
    u->mime = or_str_trim(or_str_of(u->mime.ptr, len));
    for (size_t i = 0; i < u->mime.len; i++)
        if ((unsigned char)u->mime.ptr[i] <= ' ' || u->mime.ptr[i] == '"' ||
            u->mime.ptr[i] == '\\' || (unsigned char)u->mime.ptr[i] >= 0x7F)
            return false;
    return true;
}

static bool ori_dialect_read_url(or_str raw, ori_dialect_url *u)
{
    const char *p = raw.ptr, *end = p + raw.len;
    size_t      n = 0;
    or_str      head;
    memset(u, 0, sizeof *u);
    while (p < end && *p != ',' && n + 4 <= sizeof u->mem) {
        uint32_t c = ori_dialect_char(&p, end);
        u->mem[n++] = c < 0x80 ? ori_lower((char)c) : '\x7F';
    }
    head = or_str_of(u->mem, n);
    u->body = raw;
    if (ori_dialect_starts(head, "https://") || ori_dialect_starts(head, "http://") ||
        ori_dialect_starts(head, "gs://"))
        return true;
    if (!ori_dialect_starts(head, "data:") || p == end || *p != ',') return false;
    u->data = true;
    u->mime = or_str_of(u->mem + 5, n - 5);
    u->body = or_str_of(p + 1, (size_t)(end - p - 1));
    return ori_dialect_read_mime(u);
}

/* base64 with the white space left out that some encoders put there. */
static void ori_dialect_put_base64(or_buf *out, or_str raw)
{
    const char *p = raw.ptr, *end = p + raw.len;
    while (p < end) {
        const char *from = p;
        while (p < end && *p != '\\' && *p != ' ') p++;
        or_buf_put(out, from, (size_t)(p - from));
        if (p < end && *p == ' ') {
            p++;
        } else if (p < end) {
            uint32_t c = ori_json_unescape_one(&p, end);
            if (c > ' ' && c < 0x7F && c != '"' && c != '\\') or_buf_put_char(out, (char)c);
        }
    }
}

/* One byte of a text, in a JSON string. */
static void ori_dialect_put_byte(or_buf *out, uint32_t c)
{
    if (c >= ' ' && c != '"' && c != '\\') {
        or_buf_put_char(out, (char)c);
        return;
    }
    or_buf_put_z(out, "\\u00");
    ori_dialect_put_hex(out, c, 2, 'a');
}

static int ori_dialect_base64_digit(uint32_t c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 64; i++)
        if ((uint32_t)(unsigned char)digits[i] == c) return i;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* What a data: URL holds, as a JSON string; false when that is no text. */
static bool ori_dialect_put_decoded(or_buf *out, const ori_dialect_url *u)
{
    const char *p = u->body.ptr, *end = p + u->body.len;
    uint32_t    bits = 0, num = 0;
    size_t      from = out->len;
    or_buf_put_char(out, '"');
    while (p < end) {
        uint32_t c = ori_dialect_char(&p, end);
        if (!u->base64) {
            int byte = c == '%' ? ori_dialect_hex_byte(p, end) : -1;
            if (byte >= 0) p += 2;
            ori_dialect_put_byte(out, byte >= 0 ? (uint32_t)byte : c & 0xFF);
            continue;
        }
        int digit = ori_dialect_base64_digit(c);
        if (digit < 0) continue;
        bits = bits << 6 | (uint32_t)digit;
        num += 6;
        if (num < 8) continue;
        num -= 8;
        ori_dialect_put_byte(out, bits >> num & 0xFF);
    }
    or_buf_put_char(out, '"');
    return out->err != OR_OK || or_json_check(ori_dialect_since(out, from), NULL) == OR_OK;
}

/* The mime type that a picture has at Anthropic; absent when it takes no such picture. */
static or_str ori_dialect_picture(or_str mime)
{
    static const char *const known[] = {"image/jpeg", "image/png", "image/gif", "image/webp"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (or_str_eq(mime, or_str_z(known[i]))) return mime;
    if (or_str_eq(mime, OR_STR("image/jpg"))) return or_str_z(known[0]);
    return or_str_of(NULL, 0);
}

/* "source":{...} of data that came with the request; false when there is no such source. */
static bool ori_dialect_put_source(or_buf *out, const ori_dialect_url *u, or_str picture)
{
    bool pdf = or_str_eq(u->mime, OR_STR("application/pdf"));
    if (picture.ptr == NULL && !pdf) {
        if (u->mime.len > 0 && !ori_dialect_starts(u->mime, "text/")) return false;
        or_buf_put_z(out, "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":");
        if (!ori_dialect_put_decoded(out, u)) return false;
        or_buf_put_char(out, '}');
        return true;
    }
    if (!u->base64) return false;
    ori_dialect_wrap(out, "\"source\":{\"type\":\"base64\",\"media_type\":\"",
                     pdf ? u->mime : picture, "\",\"data\":\"");
    ori_dialect_put_base64(out, u->body);
    or_buf_put_z(out, "\"}");
    return true;
}

/* image, or a document with its title. bad: the member that it came in. */
static void ori_dialect_put_document(ori_dialect_out *w, char role, const ori_dialect_url *u,
                                     const char *bad, bool image, or_str title, or_str marked)
{
    or_str picture = ori_dialect_picture(u->mime);
    bool   drawn = u->data ? picture.ptr != NULL : image;
    if (image && u->data && !drawn && !or_str_eq(u->mime, OR_STR("application/pdf"))) {
        ori_dialect_fail(w, OR_ERR_DIALECT, bad);
        return;
    }
    ori_dialect_begin_block(w, role);
    or_buf_put_z(w->out, drawn ? "{\"type\":\"image\"," : "{\"type\":\"document\",");
    if (!u->data) {
        ori_dialect_wrap(w->out, "\"source\":{\"type\":\"url\",\"url\":\"", u->body, "\"}");
    } else if (!ori_dialect_put_source(w->out, u, picture)) {
        ori_dialect_fail(w, OR_ERR_DIALECT, bad);
    }
    if (!drawn && title.len > 0) {
        ori_dialect_wrap(w->out, ",\"title\":\"", title, "\"");
    }
    ori_dialect_put_mark(w, marked);
    or_buf_put_char(w->out, '}');
}

/* What a file on the web is, by its name; NULL when that does not tell. */
static const char *ori_dialect_mime_of(or_str url)
{
    static const char *const rows[][2] = {
        {".png", "image/png"},         {".jpg", "image/jpeg"},      {".jpeg", "image/jpeg"},
        {".webp", "image/webp"},       {".gif", "image/gif"},       {".heic", "image/heic"},
        {".heif", "image/heif"},       {".pdf", "application/pdf"}, {".txt", "text/plain"},
        {".md", "text/markdown"},      {".csv", "text/csv"},        {".html", "text/html"},
        {".json", "application/json"}, {".mp3", "audio/mp3"},       {".wav", "audio/wav"},
        {".ogg", "audio/ogg"},         {".flac", "audio/flac"},     {".mp4", "video/mp4"},
        {".mov", "video/mov"},         {".webm", "video/webm"},     {".mpeg", "video/mpeg"},
    };
    url.len = or_str_find(url, OR_STR("?"), 0);
    url.len = or_str_find(url, OR_STR("#"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        or_str end = or_str_z(rows[i][0]);
        if (url.len > end.len &&
            or_str_eq_nocase(or_str_of(url.ptr + url.len - end.len, end.len), end))
            return rows[i][1];
    }
    return NULL;
}

static void ori_dialect_put_gemini_media(ori_dialect_out *w, char role, const ori_dialect_url *u,
                                         const char *bad, or_str marked)
{
    const char *mime = u->data ? NULL : ori_dialect_mime_of(u->body);
    bool jpeg = or_str_eq(u->mime, OR_STR("image/jpg")) || or_str_eq(u->mime, OR_STR("image/*"));
    if (u->data && (!u->base64 || u->mime.len == 0)) {
        ori_dialect_fail(w, OR_ERR_DIALECT, bad);
        return;
    }
    ori_dialect_begin_block(w, role);
    if (u->data) {
        ori_dialect_wrap(w->out, "{\"inlineData\":{\"mimeType\":\"",
                         jpeg ? OR_STR("image/jpeg") : u->mime, "\",\"data\":\"");
        ori_dialect_put_base64(w->out, u->body);
    } else {
        or_buf_put_z(w->out, "{\"fileData\":{");
        if (mime != NULL) ori_dialect_wrap(w->out, "\"mimeType\":\"", or_str_z(mime), "\",");
        ori_dialect_wrap(w->out, "\"fileUri\":\"", u->body, "");
    }
    or_buf_put_z(w->out, "\"}}");
    ori_dialect_put_mark(w, marked);
}

/* url: raw. */
static void ori_dialect_put_media(ori_dialect_out *w, char role, or_str url, const char *bad,
                                  bool image, or_str title, or_str marked)
{
    ori_dialect_url u;
    if (url.ptr == NULL || !ori_dialect_read_url(url, &u))
        ori_dialect_fail(w, OR_ERR_DIALECT, bad);
    else if (w->gemini)
        ori_dialect_put_gemini_media(w, role, &u, bad, marked);
    else
        ori_dialect_put_document(w, role, &u, bad, image, title, marked);
}

/* ---- parts of a message ---- */

enum {
    ORI_PART_TYPE,
    ORI_PART_TEXT,
    ORI_PART_REFUSAL,
    ORI_PART_IMAGE,
    ORI_PART_FILE,
    ORI_PART_AUDIO,
    ORI_PART_VIDEO,
    ORI_PART_OLD_VIDEO,
    ORI_PART_NUM
};

/* The URL in an image_url or video_url: some clients send it bare. */
static or_str ori_dialect_url_of(const or_json_item *item)
{
    or_json_item url = *item;
    if (item->type == OR_JSON_OBJECT) url = ori_dialect_get(item->value, "url");
    return ori_dialect_str(&url);
}

static void ori_dialect_put_file(ori_dialect_out *w, char role, or_str file, or_str marked)
{
    or_json_item f[3];
    or_str       url;
    ori_dialect_pick(file, "file_data filename file_id", 3, f);
    url = ori_dialect_str(&f[0]);
    /* Gemini's ids of files are URLs. Others are only known where they were made. */
    if (url.ptr == NULL && w->gemini) url = ori_dialect_str(&f[2]);
    ori_dialect_put_media(w, role, url, "messages.file", false, ori_dialect_str(&f[1]), marked);
}

static void ori_dialect_put_audio(ori_dialect_out *w, char role, or_str audio, or_str marked)
{
    or_json_item f[2];
    ori_dialect_pick(audio, "data format", 2, f);
    if (!w->gemini || f[0].type != OR_JSON_STRING || f[1].type != OR_JSON_STRING) {
        ori_dialect_fail(w, OR_ERR_DIALECT, "messages.input_audio");
        return;
    }
    ori_dialect_begin_block(w, role);
    ori_dialect_wrap(w->out, "{\"inlineData\":{\"mimeType\":\"audio/", f[1].value,
                     "\",\"data\":\"");
    ori_dialect_put_base64(w->out, f[0].value);
    or_buf_put_z(w->out, "\"}}");
    ori_dialect_put_mark(w, marked);
}

/* Anthropic's models see pictures in what the user says and in results only, and Gemini's
   results are an object of text. */
static bool ori_dialect_takes_media(const ori_dialect_out *w, char role)
{
    return role != 's' && (role != 'a' || w->gemini);
}

static void ori_dialect_put_part_media(ori_dialect_out *w, char role, const or_json_item *f,
                                       or_str marked)
{
    const or_json_item *video =
        f[ORI_PART_VIDEO].type != OR_JSON_NONE ? &f[ORI_PART_VIDEO] : &f[ORI_PART_OLD_VIDEO];
    or_str none = or_str_of(NULL, 0);
    if (!ori_dialect_takes_media(w, role))
        ori_dialect_lose(w->loss, "messages.content");
    else if (f[ORI_PART_IMAGE].type != OR_JSON_NONE)
        ori_dialect_put_media(w, role, ori_dialect_url_of(&f[ORI_PART_IMAGE]), "messages.image_url",
                              true, none, marked);
    else if (f[ORI_PART_FILE].type == OR_JSON_OBJECT)
        ori_dialect_put_file(w, role, f[ORI_PART_FILE].value, marked);
    else if (f[ORI_PART_AUDIO].type == OR_JSON_OBJECT)
        ori_dialect_put_audio(w, role, f[ORI_PART_AUDIO].value, marked);
    else if (video->type == OR_JSON_NONE)
        ori_dialect_lose(w->loss, "messages.content");
    else if (!w->gemini)
        ori_dialect_fail(w, OR_ERR_DIALECT, "messages.video_url");
    else
        ori_dialect_put_media(w, role, ori_dialect_url_of(video), "messages.video_url", false, none,
                              marked);
}

/* media: what is to be written, the text (0), the rest (1) or both (2). */
static void ori_dialect_put_part(ori_dialect_out *w, char role, const or_json_item *part,
                                 or_str marked, int media)
{
    or_json_item f[ORI_PART_NUM];
    if (part->type == OR_JSON_STRING) {
        if (media != 1) ori_dialect_put_text(w, role, part->value, marked);
        return;
    }
    if (part->type != OR_JSON_OBJECT) {
        ori_dialect_fail(w, OR_ERR_TYPE, "messages.content");
        return;
    }
    ori_dialect_pick(part->value,
                     "type text refusal image_url file input_audio video_url input_video",
                     ORI_PART_NUM, f);
    if (marked.ptr == NULL || ori_dialect_mark(part->value).ptr != NULL) marked = part->value;
    if (f[ORI_PART_TEXT].type != OR_JSON_STRING) f[ORI_PART_TEXT] = f[ORI_PART_REFUSAL];
    if (f[ORI_PART_TEXT].type == OR_JSON_STRING) {
        if (media != 1) ori_dialect_put_text(w, role, f[ORI_PART_TEXT].value, marked);
    } else if (ori_dialect_is(&f[ORI_PART_TYPE], "thinking")) {
        w->loss->reasoning = true;
    } else if (media != 0) {
        ori_dialect_put_part_media(w, role, f, marked);
    }
}

/* The content of a message; marked: what has a cache_control for the last of it. */
static void ori_dialect_put_content(ori_dialect_out *w, char role, const or_json_item *content,
                                    or_str marked, int media)
{
    ori_dialect_list l, ahead;
    or_json_item     part, next;
    bool             trim = w->trim;
    if (content->type == OR_JSON_STRING && media != 1)
        ori_dialect_put_text(w, role, content->value, marked);
    if (content->type != OR_JSON_ARRAY) return;
    ori_dialect_begin(&l, content->value);
    while (w->err == OR_OK && ori_dialect_next(&l, &part)) {
        bool last;
        ahead = l;
        last = !ori_dialect_next(&ahead, &next);
        w->trim = trim && last;
        ori_dialect_put_part(w, role, &part, last ? marked : or_str_of(NULL, 0), media);
    }
    w->trim = false;
}

/* ---- reasoning that is given back ---- */

typedef struct ori_dialect_detail {
    or_str type, format, text, signature, data, id;
} ori_dialect_detail;

static bool ori_dialect_next_detail(ori_dialect_list *l, ori_dialect_detail *d)
{
    or_json_item item, f[6];
    if (!ori_dialect_next(l, &item)) return false;
    ori_dialect_pick(ori_dialect_inside(&item), "type format text signature data id", 6, f);
    d->type = ori_dialect_str(&f[0]);
    d->format = ori_dialect_str(&f[1]);
    d->text = ori_dialect_str(&f[2]);
    d->signature = ori_dialect_str(&f[3]);
    d->data = ori_dialect_str(&f[4]);
    d->id = ori_dialect_str(&f[5]);
    return true;
}

/* Is it Anthropic's own, signed or sealed? Anything else is an error there. */
static bool ori_dialect_is_thinking(const ori_dialect_detail *d)
{
    bool sealed = or_str_eq(d->type, OR_STR("reasoning.encrypted"));
    if (d->format.ptr == NULL || !ori_dialect_starts(d->format, "anthropic")) return false;
    if (sealed) return d->data.len > 0;
    return d->signature.len > 0 && or_str_eq(d->type, OR_STR("reasoning.text"));
}

/* Never marked for the cache, which is an error there. */
static bool ori_dialect_put_thinking(ori_dialect_out *w, const ori_dialect_detail *d)
{
    if (!ori_dialect_is_thinking(d)) return false;
    ori_dialect_begin_block(w, 'a');
    if (or_str_eq(d->type, OR_STR("reasoning.text"))) {
        ori_dialect_wrap(w->out, "{\"type\":\"thinking\",\"thinking\":\"", d->text, "");
        ori_dialect_wrap(w->out, "\",\"signature\":\"", d->signature, "\"}");
    } else {
        ori_dialect_wrap(w->out, "{\"type\":\"redacted_thinking\",\"data\":\"", d->data, "\"}");
    }
    return true;
}

static bool ori_dialect_is_google(const ori_dialect_detail *d)
{
    return d->format.ptr != NULL && ori_dialect_starts(d->format, "google-gemini");
}

/* The reasoning of an assistant's message, as far as it is this provider's own. The text of
   Gemini's thoughts is not wanted back, and its signatures belong to other parts. */
static void ori_dialect_put_reasoning(ori_dialect_out *w, or_str msg)
{
    or_json_item       f[3];
    ori_dialect_list   l;
    ori_dialect_detail d;
    bool               any = false;
    ori_dialect_pick(msg, "reasoning_details reasoning reasoning_content", 3, f);
    ori_dialect_begin(&l, ori_dialect_inside(&f[0]));
    while (ori_dialect_next_detail(&l, &d)) {
        bool own = w->gemini ? ori_dialect_is_google(&d) : ori_dialect_put_thinking(w, &d);
        if (!own) w->loss->reasoning = true;
        any = true;
    }
    for (int i = 1; i < 3 && !any; i++)
        if (f[i].type == OR_JSON_STRING && f[i].value.len > 0) w->loss->reasoning = true;
}

/* The next of Gemini's signatures among the details, and the id of the call that it is for: absent
   when it is for the text. */
static bool ori_dialect_next_sign(ori_dialect_list *l, or_str *id, or_str *sign)
{
    ori_dialect_detail d;
    while (ori_dialect_next_detail(l, &d)) {
        *id = d.id;
        *sign = d.data.len > 0 ? d.data : d.signature;
        if (ori_dialect_is_google(&d) && sign->len > 0) return true;
    }
    return false;
}

/* The signature for the text. */
static or_str ori_dialect_text_sign(or_str msg)
{
    or_json_item     details = ori_dialect_get(msg, "reasoning_details");
    ori_dialect_list l;
    or_str           id, sign;
    ori_dialect_begin(&l, ori_dialect_inside(&details));
    while (ori_dialect_next_sign(&l, &id, &sign))
        if (id.len == 0) return sign;
    return or_str_of(NULL, 0);
}

/* ---- calls and their results ---- */

/* Calls of a message: tool_calls, or the older function_call. */
typedef struct ori_dialect_calls {
    ori_dialect_list list;
    or_str           legacy;
} ori_dialect_calls;

static void ori_dialect_begin_calls(ori_dialect_calls *c, or_str msg)
{
    or_json_item f[2];
    ori_dialect_pick(msg, "tool_calls function_call", 2, f);
    ori_dialect_begin_array(&c->list, &f[0]);
    c->legacy = c->list.more || f[1].type != OR_JSON_OBJECT ? or_str_of(NULL, 0) : f[1].value;
}

static bool ori_dialect_next_call(ori_dialect_calls *c, ori_dialect_call *call)
{
    or_json_item item, f[3], g[3];
    or_str       from = c->legacy;
    memset(call, 0, sizeof *call);
    memset(f, 0, sizeof f);
    if (from.ptr == NULL) {
        if (!ori_dialect_next(&c->list, &item)) return false;
        call->object = ori_dialect_inside(&item);
        ori_dialect_pick(call->object, "id function custom", 3, f);
        call->custom = f[1].type == OR_JSON_NONE && f[2].type != OR_JSON_NONE;
        from = ori_dialect_inside(call->custom ? &f[2] : &f[1]);
    }
    c->legacy = or_str_of(NULL, 0);
    ori_dialect_pick(from, "name arguments input", 3, g);
    call->asked.id = ori_dialect_str(&f[0]);
    call->asked.name = ori_dialect_str(&g[0]);
    call->arguments = call->custom ? g[2] : g[1];
    return true;
}

/* Every call gets an id that no other of its turn has. */
static void ori_dialect_put_id(ori_dialect_out *w, const ori_dialect_asked *call)
{
    or_buf_put_z(w->out, "\"");
    if (call->id.len > 0) ori_dialect_put_plain(w->out, call->id, "_-", 64);
    if (call->id.len == 0) or_buf_put_z(w->out, "call");
    if (call->id.len == 0 || call->again) {
        or_buf_put_char(w->out, '_');
        or_buf_put_u64(w->out, call->number);
    }
    or_buf_put_z(w->out, "\"");
}

/* Gemini's names begin with a letter or _; others are written as if that were not plain. */
static void ori_dialect_put_function_name(ori_dialect_out *w, or_str raw)
{
    char c = raw.len > 0 ? raw.ptr[0] : '_';
    or_buf_put_char(w->out, '"');
    if (!w->gemini) {
        ori_dialect_put_plain(w->out, raw, "_-", 128);
    } else if (ori_dialect_letter(c) || c == '_' || c == '\\') {
        ori_dialect_put_plain(w->out, raw, "_-.:", 64);
    } else if (ori_dialect_is_plain(raw, "_", 60)) {
        or_buf_put_z(w->out, "or--");
        or_buf_put_str(w->out, raw);
    } else {
        /* Below its own length it cannot be plain. */
        ori_dialect_put_plain(w->out, raw, "_", raw.len > 60 ? 60 : 64);
    }
    or_buf_put_char(w->out, '"');
}

/* The signature that goes with a call to Gemini. The first of a turn that has none gets the word
   that Google documents for calls of other models. */
static or_str ori_dialect_sign_of(const ori_dialect_out *w, const ori_dialect_call *call)
{
    or_json_item extra = ori_dialect_get(call->object, "extra_content");
    or_json_item google = ori_dialect_get(ori_dialect_inside(&extra), "google");
    or_json_item item = ori_dialect_get(ori_dialect_inside(&google), "thought_signature");
    or_str       sign = ori_dialect_str(&item);
    if (sign.len == 0) sign = call->asked.sign;
    if (sign.len == 0 && call->asked.first && (w->model->flags & ORI_UNSIGNED) == 0)
        sign = OR_STR("skip_thought_signature_validator");
    return sign;
}

static void ori_dialect_put_call(ori_dialect_out *w, const ori_dialect_call *call)
{
    ori_dialect_begin_block(w, 'a');
    or_buf_put_z(w->out,
                 w->gemini ? "{\"functionCall\":{\"id\":" : "{\"type\":\"tool_use\",\"id\":");
    ori_dialect_put_id(w, &call->asked);
    or_buf_put_z(w->out, ",\"name\":");
    ori_dialect_put_function_name(w, call->asked.name);
    or_buf_put_z(w->out, w->gemini ? ",\"args\":" : ",\"input\":");
    ori_dialect_put_arguments(w->out, call);
    if (w->gemini) {
        or_str sign = ori_dialect_sign_of(w, call);
        or_buf_put_char(w->out, '}');
        ori_dialect_put_sign(w->out, sign);
    }
    ori_dialect_put_mark(w, call->object);
    or_buf_put_char(w->out, '}');
}

/* What is to be known of the calls of a message, to write them and for their results. */
static void ori_dialect_note_calls(ori_dialect_out *w, or_str msg)
{
    ori_dialect_calls calls;
    ori_dialect_call  call;
    ori_dialect_begin_calls(&calls, msg);
    while (w->err == OR_OK && ori_dialect_next_call(&calls, &call)) {
        if (w->num_calls == OR_CHAT_MAX_CALLS)
            ori_dialect_fail(w, OR_ERR_TOKENS, "messages.tool_calls");
        if (call.asked.name.len == 0) ori_dialect_fail(w, OR_ERR_TYPE, "messages.tool_calls");
        if (w->err != OR_OK) return;
        call.asked.number = ++w->number;
        call.asked.first = w->num_calls == 0;
        for (uint32_t i = 0; i < w->num_calls; i++)
            if (or_str_eq(w->u.calls[i].id, call.asked.id)) call.asked.again = true;
        w->u.calls[w->num_calls++] = call.asked;
    }
}

/* Gemini's signatures of a message, to the calls from `from` on. Every detail is looked at once:
   there may be as many as fit into a body. */
static void ori_dialect_match_signs(ori_dialect_out *w, or_str msg, uint32_t from)
{
    or_json_item     details = ori_dialect_get(msg, "reasoning_details");
    ori_dialect_list l;
    or_str           id, sign;
    ori_dialect_begin(&l, ori_dialect_inside(&details));
    while (ori_dialect_next_sign(&l, &id, &sign))
        for (uint32_t i = from; i < w->num_calls && id.len > 0; i++)
            if (w->u.calls[i].sign.len == 0 && or_str_eq(w->u.calls[i].id, id))
                w->u.calls[i].sign = sign;
}

static void ori_dialect_put_calls(ori_dialect_out *w, or_str msg)
{
    uint32_t          i = w->num_calls;
    ori_dialect_calls calls;
    ori_dialect_call  call;
    ori_dialect_note_calls(w, msg);
    if (w->err != OR_OK || i == w->num_calls) return;
    if (w->gemini) ori_dialect_match_signs(w, msg, i);
    ori_dialect_begin_calls(&calls, msg);
    for (; i < w->num_calls && ori_dialect_next_call(&calls, &call); i++) {
        call.asked = w->u.calls[i];
        ori_dialect_put_call(w, &call);
    }
}

/* The call that a tool's message answers, which has no result yet; NULL when there is none. */
static ori_dialect_asked *ori_dialect_call_for(ori_dialect_out *w, or_str msg)
{
    or_json_item item = ori_dialect_get(msg, "tool_call_id");
    or_str       id = ori_dialect_str(&item);
    for (uint32_t i = 0; i < w->num_calls; i++)
        if (w->u.calls[i].result.ptr == NULL && or_str_eq(w->u.calls[i].id, id))
            return &w->u.calls[i];
    return NULL;
}

/* Is the message the result of one of the calls? */
static bool ori_dialect_is_result(const ori_dialect_out *w, or_str msg)
{
    for (uint32_t i = 0; i < w->num_calls; i++)
        if (w->u.calls[i].result.ptr == msg.ptr) return true;
    return false;
}

static void ori_dialect_put_tool_result(ori_dialect_out *w, const ori_dialect_asked *call)
{
    or_json_item f[2];
    bool         outer = w->any_block;
    ori_dialect_pick(call->result, "content is_error", 2, f);
    or_buf_put_z(w->out, "{\"type\":\"tool_result\",\"tool_use_id\":");
    ori_dialect_put_id(w, call);
    w->any_block = false;
    if (call->result.ptr == NULL)
        ori_dialect_put_text(w, 'r', OR_STR("no result"), or_str_of(NULL, 0));
    else
        ori_dialect_put_content(w, 'r', &f[0], or_str_of(NULL, 0), 2);
    if (w->any_block) or_buf_put_char(w->out, ']');
    w->any_block = outer;
    if (call->result.ptr == NULL || f[1].type == OR_JSON_TRUE)
        or_buf_put_z(w->out, ",\"is_error\":true");
    ori_dialect_put_mark(w, call->result);
    or_buf_put_char(w->out, '}');
}

/* All text of a content, as one JSON string. */
static void ori_dialect_put_joined(or_buf *out, const or_json_item *content, const char *between)
{
    ori_dialect_list l;
    or_json_item     part, text;
    bool             any = false;
    or_buf_put_char(out, '"');
    or_buf_put_str(out, ori_dialect_str(content));
    ori_dialect_begin_array(&l, content);
    while (ori_dialect_next(&l, &part)) {
        text = ori_dialect_part_text(&part);
        if (text.type != OR_JSON_STRING) continue;
        if (any) or_buf_put_z(out, between);
        any = true;
        or_buf_put_str(out, text.value);
    }
    or_buf_put_char(out, '"');
}

static void ori_dialect_put_response(ori_dialect_out *w, const ori_dialect_asked *call)
{
    or_json_item content = ori_dialect_get(call->result, "content");
    or_buf_put_z(w->out, "{\"functionResponse\":{\"id\":");
    ori_dialect_put_id(w, call);
    or_buf_put_z(w->out, ",\"name\":");
    ori_dialect_put_function_name(w, call->name);
    or_buf_put_z(w->out, ",\"response\":");
    if (call->result.ptr == NULL) {
        or_buf_put_z(w->out, "{\"error\":\"no result\"}");
    } else if (content.type != OR_JSON_STRING ||
               !ori_dialect_put_object_in(w->out, content.value)) {
        or_buf_put_z(w->out, "{\"output\":");
        ori_dialect_put_joined(w->out, &content, "\\n");
        or_buf_put_char(w->out, '}');
    }
    or_buf_put_z(w->out, "}}");
    ori_dialect_put_mark(w, call->result);
}

static void ori_dialect_put_results(ori_dialect_out *w)
{
    for (uint32_t i = 0; i < w->num_calls && w->err == OR_OK; i++) {
        ori_dialect_begin_block(w, 'u');
        if (w->gemini)
            ori_dialect_put_response(w, &w->u.calls[i]);
        else
            ori_dialect_put_tool_result(w, &w->u.calls[i]);
    }
}

/* ---- messages ---- */

/* 's', 'u', 'a', 't' (a result); 0: no such role. */
static char ori_dialect_role(or_str msg)
{
    or_json_item role = ori_dialect_get(msg, "role");
    return "ssuatt"[ori_dialect_which(&role, "system developer user assistant tool function")];
}

/* Is there anything in it to be written? */
static bool ori_dialect_says(or_str msg)
{
    or_json_item      f[2], part, text;
    ori_dialect_list  l;
    ori_dialect_calls calls;
    ori_dialect_call  call;
    ori_dialect_pick(msg, "content refusal", 2, f);
    for (int i = 0; i < 2; i++)
        if (f[i].type == OR_JSON_STRING && !ori_dialect_blank(f[i].value)) return true;
    ori_dialect_begin_array(&l, &f[0]);
    while (ori_dialect_next(&l, &part)) {
        text = ori_dialect_part_text(&part);
        if (text.type != OR_JSON_STRING || !ori_dialect_blank(text.value)) return true;
    }
    ori_dialect_begin_calls(&calls, msg);
    return ori_dialect_next_call(&calls, &call);
}

/* The next message that says something; its role, 0 at the end. */
static char ori_dialect_next_message(ori_dialect_list *l, or_str *msg)
{
    or_json_item item;
    while (ori_dialect_next(l, &item)) {
        char role = ori_dialect_role(item.value);
        *msg = item.value;
        if (role == 't' || ori_dialect_says(*msg)) return role;
    }
    return 0;
}

/* Every message is an object with a role, and its content, name and calls are what they have
   to be. Sets what has to be known of all of them before any is written. */
static void ori_dialect_check_messages(ori_dialect_out *w)
{
    or_json_item     item, f[2];
    ori_dialect_list l;
    bool             any = false;
    ori_dialect_begin(&l, ori_dialect_inside(&w->m[ORI_M_MESSAGES]));
    while (w->err == OR_OK && ori_dialect_next(&l, &item)) {
        char role = item.type == OR_JSON_OBJECT ? ori_dialect_role(item.value) : 0;
        if (role == 0) {
            ori_dialect_fail(w, OR_ERR_TYPE,
                             item.type == OR_JSON_OBJECT ? "messages.role" : "messages");
            break;
        }
        ori_dialect_pick(item.value, "content tool_calls", 2, f);
        if (f[0].type != OR_JSON_NONE && f[0].type != OR_JSON_STRING && f[0].type != OR_JSON_ARRAY)
            ori_dialect_fail(w, OR_ERR_TYPE, "messages.content");
        if (f[1].type != OR_JSON_NONE && f[1].type != OR_JSON_ARRAY)
            ori_dialect_fail(w, OR_ERR_TYPE, "messages.tool_calls");
        if (role == 'u') w->last_user = item.value.ptr;
        if (role != 's' && (role == 't' || ori_dialect_says(item.value))) w->turns = true;
        any = true;
    }
    if (!any) ori_dialect_fail(w, OR_ERR_DIALECT, "messages");
}

static void ori_dialect_put_assistant(ori_dialect_out *w, or_str msg, bool last)
{
    static const char *const lost[] = {"messages.images", "messages.audio", "messages.name"};
    or_json_item             f[5];
    ori_dialect_calls        calls;
    ori_dialect_call         call;
    or_str                   none = or_str_of(NULL, 0);
    ori_dialect_pick(msg, "content refusal images audio name", 5, f);
    ori_dialect_begin_calls(&calls, msg);
    for (int i = 2; i < 5; i++)
        if (f[i].type != OR_JSON_NONE && !ori_dialect_idle(&f[i], NULL))
            ori_dialect_lose(w->loss, lost[i - 2]);
    ori_dialect_put_reasoning(w, msg);
    if (w->gemini) w->sign = ori_dialect_text_sign(msg);
    last = last && !w->gemini && w->num_calls == 0 && !ori_dialect_next_call(&calls, &call);
    w->trim = last && (f[1].type != OR_JSON_STRING || ori_dialect_blank(f[1].value));
    ori_dialect_put_content(w, 'a', &f[0], msg, 2);
    w->trim = last;
    if (f[1].type == OR_JSON_STRING) ori_dialect_put_text(w, 'a', f[1].value, none);
    w->trim = false;
    w->sign = none;
    ori_dialect_put_calls(w, msg);
}

/* What is said in the middle by the system, or by a tool that nobody called, stays where it is,
   as the user's words between marks. */
static void ori_dialect_put_noted(ori_dialect_out *w, or_str msg, const char *before,
                                  const char *after)
{
    or_json_item     content = ori_dialect_get(msg, "content"), part;
    or_str           none = or_str_of(NULL, 0);
    ori_dialect_list l;
    if (content.type == OR_JSON_STRING)
        ori_dialect_put_wrapped(w, 'u', before, content.value, after, msg);
    if (content.type != OR_JSON_ARRAY) return;
    ori_dialect_begin(&l, content.value);
    while (ori_dialect_next(&l, &part)) {
        or_json_item text = ori_dialect_part_text(&part);
        if (text.type == OR_JSON_STRING)
            ori_dialect_put_wrapped(w, 'u', before, text.value, after,
                                    part.type == OR_JSON_OBJECT ? part.value : none);
        else
            ori_dialect_put_part(w, 'u', &part, none, 1);
    }
}

/* A message in the user's turn. */
static void ori_dialect_put_user(ori_dialect_out *w, char role, or_str msg)
{
    or_json_item f[2];
    ori_dialect_pick(msg, "content name", 2, f);
    if (role == 's') {
        ori_dialect_put_noted(w, msg, "<system>", "</system>");
    } else if (role == 't' && ori_dialect_is_result(w, msg)) {
        /* Its text was said in the call's response, which has no room for pictures. */
        if (w->gemini) ori_dialect_put_content(w, 'u', &f[0], or_str_of(NULL, 0), 1);
    } else if (role == 't') {
        ori_dialect_put_noted(w, msg, "<tool_result>", "</tool_result>");
    } else {
        w->prefix = ori_dialect_str(&f[1]);
        ori_dialect_put_content(w, 'u', &f[0], msg, 2);
        if (w->prefix.len > 0) ori_dialect_lose(w->loss, "messages.name");
        w->prefix = or_str_of(NULL, 0);
    }
}

/* The results in a user's turn, to their calls. */
static void ori_dialect_match_results(ori_dialect_out *w, ori_dialect_list l)
{
    or_str msg = or_str_of(NULL, 0);
    char   role;
    while ((role = ori_dialect_next_message(&l, &msg)) != 0 && role != 'a') {
        ori_dialect_asked *call = role == 't' ? ori_dialect_call_for(w, msg) : NULL;
        if (call != NULL) call->result = msg;
    }
}

/* All turns from *at on. */
static void ori_dialect_put_turns(ori_dialect_out *w, ori_dialect_list at)
{
    or_str msg = or_str_of(NULL, 0);
    char   role = ori_dialect_next_message(&at, &msg);
    while (role != 0 && w->err == OR_OK) {
        ori_dialect_list turn = at;
        w->num_calls = 0;
        if (role == 'a' && !w->any_turn)
            ori_dialect_put_text(w, 'u', OR_STR("(continue)"), or_str_of(NULL, 0));
        while (role == 'a' && w->err == OR_OK) {
            or_str next = or_str_of(NULL, 0);
            turn = at;
            role = ori_dialect_next_message(&at, &next);
            ori_dialect_put_assistant(w, msg, role == 0);
            msg = next;
        }
        if (w->num_calls > 0) ori_dialect_match_results(w, turn);
        ori_dialect_put_results(w);
        while (role != 0 && role != 'a' && w->err == OR_OK) {
            ori_dialect_put_user(w, role, msg);
            role = ori_dialect_next_message(&at, &msg);
        }
    }
}

/* Instructions that stand first; *at is then behind them. */
static void ori_dialect_put_system(ori_dialect_out *w, ori_dialect_list *at, char role)
{
    ori_dialect_list ahead = *at;
    or_str           msg = or_str_of(NULL, 0);
    while (ori_dialect_next_message(&ahead, &msg) == 's') {
        or_json_item content = ori_dialect_get(msg, "content");
        ori_dialect_put_content(w, role, &content, msg, 2);
        *at = ahead;
    }
}

/* How the answer has to look, said in words where the dialect has no member for it. */
static void ori_dialect_put_instruction(ori_dialect_out *w, char role, or_str schema)
{
    or_json_writer text;
    ori_dialect_begin_block(w, role);
    or_buf_put_z(w->out, "{\"type\":\"text\",\"text\":");
    or_json_writer_init(&text, w->out);
    or_json_begin_str(&text);
    or_json_put_part(&text, OR_STR("Answer with one JSON object and nothing else."));
    if (schema.len > 0) or_json_put_part(&text, OR_STR(" It has to follow this JSON Schema: "));
    or_json_put_part(&text, schema);
    or_json_end_str(&text);
    or_buf_put_char(w->out, '}');
}

/* system and messages. instruct: say that JSON is wanted, by that schema if there is one. */
static void ori_dialect_put_conversation(ori_dialect_out *w, bool instruct, or_str schema)
{
    char             role = !w->turns || (w->model->flags & ORI_NO_SYSTEM) != 0 ? 'u' : 's';
    ori_dialect_list at;
    ori_dialect_begin(&at, w->m[ORI_M_MESSAGES].value);
    ori_dialect_put_system(w, &at, role);
    if (instruct) ori_dialect_put_instruction(w, role, schema);
    if (w->role == 's') ori_dialect_end_turn(w);
    ori_dialect_put_turns(w, at);
    if (!w->any_turn) ori_dialect_put_text(w, 'u', OR_STR("(continue)"), or_str_of(NULL, 0));
    ori_dialect_end_turn(w);
    or_buf_put_char(w->out, ']');
}

/* ---- tools ---- */

typedef struct ori_dialect_tool {
    or_str       name, description; /* raw */
    or_json_item parameters;
    or_str       object, inside; /* the tool; its function, or custom */
    bool         custom, strict;
} ori_dialect_tool;

/* The name in {"function":{"name"}}, {"custom":{"name"}} or {"name"}. */
static or_str ori_dialect_named(or_str object)
{
    or_json_item f[3];
    ori_dialect_pick(object, "function custom name", 3, f);
    for (int i = 0; i < 2; i++)
        if (f[i].type == OR_JSON_OBJECT) f[2] = ori_dialect_get(f[i].value, "name");
    return ori_dialect_str(&f[2]);
}

/* tool_choice, or the older function_call. */
static void ori_dialect_read_choice(ori_dialect_out *w)
{
    static const uint8_t words[] = {ORI_CHOOSE_NONE, ORI_CHOOSE_AUTO, ORI_CHOOSE_ANY,
                                    ORI_CHOOSE_UNSET};
    uint32_t             member =
        ori_dialect_has(w, ORI_M_TOOL_CHOICE) ? ORI_M_TOOL_CHOICE : ORI_M_FUNCTION_CALL;
    or_json_item *item = &w->m[member], allowed, mode, tools;
    w->choose = words[ori_dialect_which(item, "none auto required")];
    if (item->type == OR_JSON_NONE || w->choose != ORI_CHOOSE_UNSET) return;
    if (item->type != OR_JSON_OBJECT) {
        ori_dialect_fail(w, OR_ERR_TYPE, ori_dialect_members[member].name);
        return;
    }
    w->chosen = ori_dialect_named(item->value);
    allowed = ori_dialect_get(item->value, "allowed_tools");
    if (allowed.type == OR_JSON_OBJECT) {
        tools = ori_dialect_get(allowed.value, "tools");
        mode = ori_dialect_get(allowed.value, "mode");
        w->allowed = ori_dialect_inside(&tools);
        w->choose = ori_dialect_is(&mode, "required") ? ORI_CHOOSE_ANY : ORI_CHOOSE_AUTO;
    } else if (w->chosen.len > 0) {
        w->choose = ORI_CHOOSE_NAMED;
    } else {
        ori_dialect_lose(w->loss, "tool_choice");
    }
}

/* The names of the tools that may be called, found once: to look for each tool's in the list would
   take as long as both are long. Of a name only its begin is kept, since a quote ends it. */
typedef struct ori_dialect_names {
    const char *begin[OR_DIALECT_MAX_TOOLS];
    uint32_t    num;
} ori_dialect_names;

static void ori_dialect_read_allowed(ori_dialect_out *w, ori_dialect_names *names)
{
    ori_dialect_list l;
    or_json_item     item;
    names->num = 0;
    ori_dialect_begin(&l, w->allowed);
    while (w->err == OR_OK && ori_dialect_next(&l, &item)) {
        or_str name = ori_dialect_named(ori_dialect_inside(&item));
        if (name.len == 0) continue;
        if (names->num == OR_DIALECT_MAX_TOOLS)
            ori_dialect_fail(w, OR_ERR_TOKENS, "tool_choice");
        else
            names->begin[names->num++] = name.ptr;
    }
}

static bool ori_dialect_allowed(const ori_dialect_out *w, const ori_dialect_names *names,
                                or_str name)
{
    const char *end = w->q->body.ptr + w->q->body.len;
    if (w->allowed.ptr == NULL) return true;
    for (uint32_t i = 0; i < names->num; i++)
        if (name.len < (size_t)(end - names->begin[i]) && names->begin[i][name.len] == '"' &&
            memcmp(names->begin[i], name.ptr, name.len) == 0)
            return true;
    return false;
}

/* legacy: an element of `functions`. False: not a tool that the client itself runs. */
static bool ori_dialect_read_tool(ori_dialect_out *w, or_str tool, bool legacy, ori_dialect_tool *t)
{
    or_json_item f[2], g[5];
    memset(t, 0, sizeof *t);
    ori_dialect_pick(tool, "function custom", 2, f);
    t->object = tool;
    t->inside = tool;
    t->custom = !legacy && f[0].type == OR_JSON_NONE;
    if (!legacy) t->inside = ori_dialect_inside(&f[t->custom ? 1 : 0]);
    if (t->inside.ptr == NULL) {
        ori_dialect_lose(w->loss, "tools");
        return false;
    }
    ori_dialect_pick(t->inside, "name description parameters strict format", 5, g);
    t->name = ori_dialect_str(&g[0]);
    t->description = ori_dialect_str(&g[1]);
    t->parameters = g[2];
    t->strict = g[3].type == OR_JSON_TRUE;
    if (t->name.len == 0) ori_dialect_fail(w, OR_ERR_TYPE, "tools");
    if (t->custom && g[4].type == OR_JSON_OBJECT && ori_dialect_type(g[4].value, "text") != 0)
        ori_dialect_lose(w->loss, "tools.format");
    return w->err == OR_OK;
}

/* A custom tool takes one text; here that is an object with one string. */
#define ORI_CUSTOM_SCHEMA                                                                  \
    "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[" \
    "\"input\"]}"

/* A schema whose root is an object, as Anthropic wants it. Another becomes its only member. */
static void ori_dialect_put_schema(ori_dialect_out *w, const ori_dialect_tool *t)
{
    or_json_item f[4];
    or_str       s = ori_dialect_inside(&t->parameters);
    bool         any, plain;
    ori_dialect_pick(s, "type oneOf anyOf allOf", 4, f);
    any = !ori_dialect_idle(&t->parameters, NULL) && t->parameters.type != OR_JSON_NONE;
    plain = f[1].type == OR_JSON_NONE && f[2].type == OR_JSON_NONE && f[3].type == OR_JSON_NONE;
    if (t->custom) {
        or_buf_put_z(w->out, ORI_CUSTOM_SCHEMA);
    } else if (!any) {
        or_buf_put_z(w->out, "{\"type\":\"object\",\"properties\":{}}");
    } else if (plain && ori_dialect_is(&f[0], "object")) {
        or_buf_put_str(w->out, s);
    } else if (plain && t->parameters.type == OR_JSON_OBJECT && f[0].type == OR_JSON_NONE) {
        or_buf_put_z(w->out, "{\"type\":\"object\",");
        or_buf_put_str(w->out, or_str_of(s.ptr + 1, s.len - 1));
    } else {
        ori_dialect_lose(w->loss, "tools.parameters");
        ori_dialect_wrap(w->out, "{\"type\":\"object\",\"properties\":{\"input\":",
                         ori_dialect_text(&t->parameters), "},\"required\":[\"input\"]}");
    }
}

/* A schema for Gemini: what stands at its root for other vendors only is left out. */
static void ori_dialect_put_clean_schema(or_buf *out, or_str schema)
{
    static const char names[] = "$schema strict";
    or_json_item      f[2], item;
    ori_dialect_list  l;
    bool              any = false;
    ori_dialect_pick(schema, names, 2, f);
    if (f[0].type == OR_JSON_NONE && f[1].type == OR_JSON_NONE) {
        or_buf_put_str(out, schema);
        return;
    }
    or_buf_put_char(out, '{');
    ori_dialect_begin(&l, schema);
    while (ori_dialect_next(&l, &item)) {
        if (ori_dialect_listed(item.key, names)) continue;
        ori_dialect_put_name(out, &any, NULL);
        or_buf_put_str(out, or_str_of(item.key.ptr - 1, item.key.len + 2));
        or_buf_put_char(out, ':');
        or_buf_put_str(out, ori_dialect_text(&item));
    }
    or_buf_put_char(out, '}');
}

static void ori_dialect_put_parameters(ori_dialect_out *w, const ori_dialect_tool *t)
{
    or_str       schema = ori_dialect_inside(&t->parameters);
    or_json_item p = ori_dialect_get(schema, "properties");
    bool         object = ori_dialect_type(schema, "object") == 0;
    bool         nothing = p.type == OR_JSON_OBJECT && ori_dialect_idle(&p, NULL);
    if (!t->custom &&
        (t->parameters.type != OR_JSON_OBJECT || ori_dialect_idle(&t->parameters, NULL) ||
         nothing || (p.type == OR_JSON_NONE && object)))
        return;
    or_buf_put_z(w->out, ",\"parametersJsonSchema\":");
    if (t->custom)
        or_buf_put_z(w->out, ORI_CUSTOM_SCHEMA);
    else
        ori_dialect_put_clean_schema(w->out, schema);
}

static void ori_dialect_put_tool(ori_dialect_out *w, const ori_dialect_tool *t)
{
    bool strict = t->strict && !w->gemini && (w->model->flags & ORI_FORMAT) != 0;
    or_buf_put_z(w->out, "{\"name\":");
    ori_dialect_put_function_name(w, t->name);
    if (t->description.len > 0) {
        ori_dialect_wrap(w->out, ",\"description\":\"", t->description, "\"");
    }
    if (w->gemini) {
        ori_dialect_put_parameters(w, t);
    } else {
        or_json_item mark = ori_dialect_get(t->object, "cache_control");
        or_buf_put_z(w->out, ",\"input_schema\":");
        ori_dialect_put_schema(w, t);
        if (strict) or_buf_put_z(w->out, ",\"strict\":true");
        ori_dialect_put_mark(w, mark.type != OR_JSON_NONE ? t->object : t->inside);
    }
    if (t->strict && !strict) ori_dialect_lose(w->loss, "tools.strict");
    or_buf_put_char(w->out, '}');
}

/* The comma, or what the list begins with. */
static void ori_dialect_begin_tool(ori_dialect_out *w)
{
    if (w->num_tools == OR_DIALECT_MAX_TOOLS) ori_dialect_fail(w, OR_ERR_TOKENS, "tools");
    if (w->num_tools++ > 0) {
        or_buf_put_char(w->out, ',');
        return;
    }
    ori_dialect_put_name(w->out, &w->any, "tools");
    or_buf_put_z(w->out, w->gemini ? "[{\"functionDeclarations\":[" : "[");
}

/* Is there a stub of that name already? Told by the hashes of those that are, as they are
   written; else its own joins them. */
static bool ori_dialect_stub_known(ori_dialect_out *w, or_str name)
{
    uint32_t *hashes = w->u.hashes, h;
    size_t    end = w->out->len;
    ori_dialect_put_function_name(w, name);
    if (w->out->err != OR_OK) return false;
    h = ori_chat_hash(ori_dialect_since(w->out, end));
    w->out->len = end;
    for (uint32_t i = 0; i < w->num_tools; i++)
        if (hashes[i] == h) return true;
    if (w->num_tools < OR_DIALECT_MAX_TOOLS) hashes[w->num_tools] = h;
    return false;
}

/* Anthropic refuses calls in the history of a request without tools, so those that were called
   are named, each once. */
static void ori_dialect_put_stubs(ori_dialect_out *w)
{
    or_str            msg = or_str_of(NULL, 0);
    ori_dialect_list  l;
    ori_dialect_calls calls;
    ori_dialect_call  call;
    ori_dialect_begin(&l, ori_dialect_inside(&w->m[ORI_M_MESSAGES]));
    while (w->err == OR_OK && ori_dialect_next_message(&l, &msg) != 0) {
        ori_dialect_begin_calls(&calls, msg);
        while (w->err == OR_OK && ori_dialect_next_call(&calls, &call)) {
            if (ori_dialect_stub_known(w, call.asked.name)) continue;
            if (w->out->err != OR_OK) return;
            ori_dialect_begin_tool(w);
            or_buf_put_z(w->out, "{\"name\":");
            ori_dialect_put_function_name(w, call.asked.name);
            or_buf_put_z(w->out, ",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}");
        }
    }
}

/* The tools that the client itself runs and that may be called. */
static void ori_dialect_put_listed(ori_dialect_out *w)
{
    bool              legacy = !ori_dialect_has(w, ORI_M_TOOLS);
    or_json_item      item;
    ori_dialect_tool  t;
    ori_dialect_list  l;
    ori_dialect_names allowed;
    ori_dialect_read_allowed(w, &allowed);
    ori_dialect_begin(&l, ori_dialect_inside(&w->m[legacy ? ORI_M_FUNCTIONS : ORI_M_TOOLS]));
    while (w->err == OR_OK && ori_dialect_next(&l, &item)) {
        if (item.type != OR_JSON_OBJECT) ori_dialect_fail(w, OR_ERR_TYPE, "tools");
        if (w->err != OR_OK || !ori_dialect_read_tool(w, item.value, legacy, &t)) continue;
        if (!ori_dialect_allowed(w, &allowed, t.name)) continue;
        if (or_str_eq(t.name, w->chosen)) w->found = true;
        ori_dialect_begin_tool(w);
        ori_dialect_put_tool(w, &t);
    }
}

static void ori_dialect_put_tools(ori_dialect_out *w)
{
    ori_dialect_read_choice(w);
    ori_dialect_put_listed(w);
    if (w->num_tools == 0) {
        w->choose = ORI_CHOOSE_UNSET;
        if (!w->gemini) ori_dialect_put_stubs(w);
        if (w->num_tools > 0) w->choose = ORI_CHOOSE_NONE;
    }
    if (w->num_tools > 0) or_buf_put_z(w->out, w->gemini ? "]}]" : "]");
    if (w->choose == ORI_CHOOSE_NAMED && !w->found) {
        ori_dialect_lose(w->loss, "tool_choice");
        w->choose = ORI_CHOOSE_AUTO;
    }
}

static void ori_dialect_put_tool_choice(ori_dialect_out *w)
{
    static const char *const words[] = {"auto", "none", "auto", "any", "tool"};
    bool one = w->m[ORI_M_PARALLEL].type == OR_JSON_FALSE && w->choose != ORI_CHOOSE_NONE;
    bool thinking = w->think > ORI_THINK_OFF;
    if (w->num_tools == 0) return;
    if (w->choose >= ORI_CHOOSE_ANY && (thinking || (w->model->flags & ORI_NO_FORCE) != 0)) {
        ori_dialect_lose(w->loss, "tool_choice");
        w->choose = ORI_CHOOSE_AUTO;
    }
    if (w->choose == ORI_CHOOSE_UNSET && !one) return;
    ori_dialect_put_name(w->out, &w->any, "tool_choice");
    ori_dialect_wrap(w->out, "{\"type\":\"", or_str_z(words[w->choose]), "\"");
    if (w->choose == ORI_CHOOSE_NAMED) {
        or_buf_put_z(w->out, ",\"name\":");
        ori_dialect_put_function_name(w, w->chosen);
    }
    if (one) or_buf_put_z(w->out, ",\"disable_parallel_tool_use\":true");
    or_buf_put_char(w->out, '}');
}

/* ---- numbers ---- */

/* In millionths; what does not fit is the nearest that does. */
static int64_t ori_dialect_millionths(const or_json_item *item)
{
    int64_t n = 0;
    if (or_decimal_round(item->value, 6, &n) == OR_OK) return n;
    return item->value.len > 0 && *item->value.ptr == '-' ? INT64_MIN : INT64_MAX;
}

/* A count; 0 when it is not there. */
static uint64_t ori_dialect_count(ori_dialect_out *w, const or_json_item *item, const char *name)
{
    int64_t n = 0;
    or_err  e = OR_OK;
    if (item->type == OR_JSON_NONE) return 0;
    if (item->type == OR_JSON_NUMBER) e = or_decimal_read(item->value, 0, &n);
    if (item->type != OR_JSON_NUMBER || e != OR_OK || n < 0) ori_dialect_fail(w, OR_ERR_TYPE, name);
    return n < 0 ? 0 : (uint64_t)n;
}

/* The most that the model can give; 0: not known. */
static uint64_t ori_dialect_limit(const ori_dialect_out *w)
{
    return w->q->output_limit != 0 ? w->q->output_limit : w->model->max_output;
}

/* What was asked for, at most what the model can give. Of the body's two the smaller counts. */
static void ori_dialect_read_max(ori_dialect_out *w)
{
    uint64_t a = ori_dialect_count(w, &w->m[ORI_M_MAX_TOKENS], "max_tokens");
    uint64_t b = ori_dialect_count(w, &w->m[ORI_M_MAX_COMPLETION], "max_completion_tokens");
    uint64_t limit = ori_dialect_limit(w);
    if (a == 0 || (b != 0 && b < a)) a = b;
    if (w->q->max_tokens != 0) a = w->q->max_tokens;
    w->max_tokens = limit != 0 && a > limit ? limit : a;
}

/* ---- how to think ---- */

static const char *const ori_dialect_efforts[] = {"",       "none", "minimal", "low",
                                                  "medium", "high", "xhigh",   "max"};

static uint8_t ori_dialect_effort(const or_json_item *item)
{
    for (uint8_t i = ORI_THINK_OFF; i <= ORI_THINK_MAX; i++)
        if (ori_dialect_is(item, ori_dialect_efforts[i])) return i;
    return ORI_THINK_UNSET;
}

/* reasoning, reasoning_effort and include_reasoning. */
static void ori_dialect_read_think(ori_dialect_out *w)
{
    or_json_item f[4];
    ori_dialect_pick(ori_dialect_inside(&w->m[ORI_M_REASONING]),
                     "effort max_tokens enabled exclude", 4, f);
    if (f[0].type == OR_JSON_NONE) f[0] = w->m[ORI_M_REASONING_EFFORT];
    w->think = ori_dialect_effort(&f[0]);
    if (f[0].type != OR_JSON_NONE && w->think == ORI_THINK_UNSET) {
        ori_dialect_lose(w->loss, "reasoning_effort");
        w->think = ORI_THINK_MEDIUM;
    }
    w->budget = ori_dialect_count(w, &f[1], "reasoning");
    if (w->think == ORI_THINK_UNSET && (f[2].type == OR_JSON_TRUE || w->budget > 0))
        w->think = ORI_THINK_MEDIUM;
    if (f[2].type == OR_JSON_FALSE) w->think = ORI_THINK_OFF;
    w->hide = f[3].type == OR_JSON_TRUE || w->m[ORI_M_INCLUDE_REASONING].type == OR_JSON_FALSE;
    if (w->think > ORI_THINK_OFF && (w->model->flags & ORI_NO_THINKING) != 0) {
        ori_dialect_lose(w->loss, "reasoning");
        w->think = ORI_THINK_UNSET;
    }
}

/* Percent of the whole answer for each effort, as OpenRouter reckons. */
static const uint8_t ori_dialect_shares[] = {0, 0, 10, 20, 50, 80, 95, 95};

enum { ORI_MIN_BUDGET = 1024, ORI_MAX_BUDGET = 128000, ORI_DEFAULT_MAX = 8192 };

/* A budget is smaller than the whole, which grows for it as far as the model lets it; but not
   where the caller named it. */
static void ori_dialect_fit_budget(ori_dialect_out *w)
{
    uint64_t limit = w->q->max_tokens != 0 ? w->max_tokens : ori_dialect_limit(w);
    uint64_t max = w->max_tokens;
    if (w->budget == 0)
        w->budget = max / 100 * ori_dialect_shares[w->think] +
                    max % 100 * ori_dialect_shares[w->think] / 100;
    if (w->budget > ORI_MAX_BUDGET) w->budget = ORI_MAX_BUDGET;
    if (w->budget < ORI_MIN_BUDGET) w->budget = ORI_MIN_BUDGET;
    if (w->budget >= max) max += w->budget;
    if (limit != 0 && max > limit) max = limit;
    if (w->budget >= max) w->budget = max - 1;
    if (w->budget >= ORI_MIN_BUDGET) {
        w->max_tokens = max;
        return;
    }
    ori_dialect_lose(w->loss, "reasoning");
    w->think = ORI_THINK_UNSET;
}

/* Is a budget to be named, not an effort? */
static bool ori_dialect_budgeted(const ori_dialect_out *w)
{
    if ((w->model->flags & ORI_ADAPTIVE) == 0) return true;
    return w->budget > 0 && (w->model->flags & ORI_NO_BUDGET) == 0;
}

/* With a budget the turn that is not over has to begin with signed thinking where it has calls.
   A history from elsewhere has none, so there cannot be any more in this turn. */
static bool ori_dialect_turn_unsigned(const ori_dialect_out *w)
{
    ori_dialect_list   l, details;
    ori_dialect_calls  calls;
    ori_dialect_call   call;
    ori_dialect_detail d;
    or_json_item       item, found;
    ori_dialect_begin(&l, ori_dialect_inside(&w->m[ORI_M_MESSAGES]));
    while (ori_dialect_next(&l, &item)) {
        bool is_signed = false;
        if (item.value.ptr <= w->last_user || ori_dialect_role(item.value) != 'a') continue;
        ori_dialect_begin_calls(&calls, item.value);
        if (!ori_dialect_next_call(&calls, &call)) continue;
        found = ori_dialect_get(item.value, "reasoning_details");
        ori_dialect_begin(&details, ori_dialect_inside(&found));
        while (ori_dialect_next_detail(&details, &d))
            is_signed = is_signed || ori_dialect_is_thinking(&d);
        return !is_signed;
    }
    return false;
}

/* Does the assistant have the last word, to be continued? No model thinks before that. */
static bool ori_dialect_is_begun(const ori_dialect_out *w)
{
    ori_dialect_list  l;
    ori_dialect_calls calls;
    ori_dialect_call  call;
    or_str            msg = or_str_of(NULL, 0), last = msg;
    ori_dialect_begin(&l, ori_dialect_inside(&w->m[ORI_M_MESSAGES]));
    while (ori_dialect_next_message(&l, &msg) != 0) last = msg;
    ori_dialect_begin_calls(&calls, last);
    return ori_dialect_role(last) == 'a' && !ori_dialect_next_call(&calls, &call);
}

static void ori_dialect_settle_think(ori_dialect_out *w)
{
    uint64_t limit = ori_dialect_limit(w);
    if (w->max_tokens == 0) w->max_tokens = ORI_DEFAULT_MAX;
    if (limit != 0 && w->max_tokens > limit) w->max_tokens = limit;
    if (w->think <= ORI_THINK_OFF) return;
    if (ori_dialect_is_begun(w) || (ori_dialect_budgeted(w) && ori_dialect_turn_unsigned(w))) {
        ori_dialect_lose(w->loss, "reasoning");
        w->think = ORI_THINK_UNSET;
    } else if (ori_dialect_budgeted(w)) {
        ori_dialect_fit_budget(w);
    } else if (w->budget > 0) {
        w->think = ORI_THINK_MINIMAL;
        while (w->think < ORI_THINK_XHIGH &&
               w->max_tokens / 100 * ori_dialect_shares[w->think] < w->budget)
            w->think++;
    }
}

/* The effort that Anthropic's output_config has a word for; 0: none. */
static uint8_t ori_dialect_config_effort(ori_dialect_out *w, bool budgeted)
{
    uint32_t flags = w->model->flags;
    uint8_t  effort = w->think > ORI_THINK_OFF && !budgeted ? w->think : 0;
    if ((flags & ORI_ADAPTIVE) == 0) {
        ori_dialect_lose_member(w, ORI_M_VERBOSITY);
        return 0;
    }
    if (effort == 0) effort = ori_dialect_effort(&w->m[ORI_M_VERBOSITY]);
    if (effort == ORI_THINK_OFF) effort = 0;
    if (effort == ORI_THINK_MINIMAL) effort = ORI_THINK_LOW;
    if (effort == ORI_THINK_XHIGH && (flags & ORI_NO_XHIGH) != 0) effort = ORI_THINK_HIGH;
    if (effort > ORI_THINK_HIGH && w->think == ORI_THINK_OFF && (flags & ORI_OFF_IS_LOW) != 0)
        effort = ORI_THINK_HIGH;
    return effort;
}

static void ori_dialect_put_think(ori_dialect_out *w, bool budgeted)
{
    uint32_t flags = w->model->flags;
    if (w->think == ORI_THINK_UNSET ||
        (w->think == ORI_THINK_OFF && (flags & ORI_NO_THINKING) != 0))
        return;
    if (w->think == ORI_THINK_OFF && (flags & (ORI_NO_OFF | ORI_BETWEEN)) == ORI_NO_OFF) {
        ori_dialect_lose(w->loss, "reasoning");
        return;
    }
    ori_dialect_put_name(w->out, &w->any, "thinking");
    if (w->think == ORI_THINK_OFF) {
        or_buf_put_z(w->out, (flags & ORI_BETWEEN) != 0 ? "{\"type\":\"between_tools\"}"
                                                        : "{\"type\":\"disabled\"}");
    } else if (budgeted) {
        or_buf_put_z(w->out, "{\"type\":\"enabled\",\"budget_tokens\":");
        or_buf_put_u64(w->out, w->budget);
        or_buf_put_char(w->out, '}');
    } else {
        or_buf_put_z(w->out, "{\"type\":\"adaptive\",\"display\":\"");
        or_buf_put_z(w->out, w->hide ? "omitted\"}" : "summarized\"}");
    }
}

/* ---- the form of the answer ---- */

enum { ORI_FORM_TEXT = 0, ORI_FORM_JSON, ORI_FORM_SCHEMA };

/* What response_format asks for; the schema when it has one. */
static int ori_dialect_form(ori_dialect_out *w, or_str *schema)
{
    or_str       object = ori_dialect_inside(&w->m[ORI_M_RESPONSE_FORMAT]);
    uint32_t     type = ori_dialect_type(object, "text json_object json_schema");
    or_json_item s;
    *schema = or_str_of(NULL, 0);
    if (object.ptr == NULL || type == 0) return ORI_FORM_TEXT;
    if (type == 1) return ORI_FORM_JSON;
    if (type != 2) {
        ori_dialect_lose(w->loss, "response_format");
        return ORI_FORM_TEXT;
    }
    s = ori_dialect_get(object, "json_schema");
    s = ori_dialect_get(ori_dialect_inside(&s), "schema");
    *schema = ori_dialect_inside(&s);
    return schema->ptr != NULL ? ORI_FORM_SCHEMA : ORI_FORM_JSON;
}

/* ---- a request of MESSAGES ---- */

static void ori_dialect_put_raw(ori_dialect_out *w, const char *name, uint32_t member)
{
    if (ori_dialect_has(w, member))
        ori_dialect_put(w->out, &w->any, name, ori_dialect_text(&w->m[member]));
}

/* The sequences that have something to be seen, at most `most`. */
static void ori_dialect_put_stop(ori_dialect_out *w, const char *name, uint32_t most)
{
    or_json_item    *stop = &w->m[ORI_M_STOP], item = *stop;
    ori_dialect_list l;
    uint32_t         num = 0;
    bool             any = false;
    ori_dialect_begin_array(&l, stop);
    if (stop->type == OR_JSON_NONE || (stop->type == OR_JSON_ARRAY && !ori_dialect_next(&l, &item)))
        return;
    do {
        if (item.type != OR_JSON_STRING) ori_dialect_fail(w, OR_ERR_TYPE, "stop");
        if (w->err != OR_OK) return;
        if (ori_dialect_blank(item.value) || num == most) {
            if (item.value.len > 0) ori_dialect_lose(w->loss, "stop");
            continue;
        }
        if (num++ == 0) {
            ori_dialect_put_name(w->out, &w->any, name);
            or_buf_put_char(w->out, '[');
        }
        ori_dialect_put(w->out, &any, NULL, ori_dialect_text(&item));
    } while (ori_dialect_next(&l, &item));
    if (num > 0) or_buf_put_char(w->out, ']');
}

/* temperature, top_p and top_k, as far as the model takes them. */
static void ori_dialect_put_sampling(ori_dialect_out *w)
{
    const or_json_item *t = &w->m[ORI_M_TEMPERATURE], *p = &w->m[ORI_M_TOP_P];
    uint32_t            flags = w->model->flags;
    bool                thinking = w->think > ORI_THINK_OFF;
    bool                temperature = t->type != OR_JSON_NONE, top_p = p->type != OR_JSON_NONE;
    bool top_k = ori_dialect_has(w, ORI_M_TOP_K) && !ori_dialect_idle(&w->m[ORI_M_TOP_K], "0");
    if (temperature && (thinking || (flags & ORI_NO_SAMPLING) != 0)) {
        if (ori_dialect_millionths(t) != 1000000) ori_dialect_lose(w->loss, "temperature");
        temperature = false;
    }
    if (top_p && ((flags & ORI_NO_SAMPLING) != 0 || ((flags & ORI_NOT_BOTH) != 0 && temperature) ||
                  (thinking && ori_dialect_millionths(p) < 950000))) {
        if (ori_dialect_millionths(p) < 990000) ori_dialect_lose(w->loss, "top_p");
        top_p = false;
    }
    if (top_k && (thinking || (flags & ORI_NO_SAMPLING) != 0)) {
        ori_dialect_lose(w->loss, "top_k");
        top_k = false;
    }
    if (temperature && ori_dialect_millionths(t) > 1000000)
        ori_dialect_put(w->out, &w->any, "temperature", OR_STR("1"));
    else if (temperature)
        ori_dialect_put_raw(w, "temperature", ORI_M_TEMPERATURE);
    if (top_p) ori_dialect_put_raw(w, "top_p", ORI_M_TOP_P);
    if (top_k) ori_dialect_put_raw(w, "top_k", ORI_M_TOP_K);
}

static void ori_dialect_put_config(ori_dialect_out *w, bool budgeted, or_str schema)
{
    uint8_t effort = ori_dialect_config_effort(w, budgeted);
    bool    any = false;
    if (effort == 0 && schema.len == 0) return;
    ori_dialect_put_name(w->out, &w->any, "output_config");
    or_buf_put_char(w->out, '{');
    if (effort != 0) {
        ori_dialect_put_name(w->out, &any, "effort");
        (void)ori_dialect_put_str(w->out, or_str_z(ori_dialect_efforts[effort]));
    }
    if (schema.len > 0) {
        ori_dialect_put_name(w->out, &any, "format");
        ori_dialect_wrap(w->out, "{\"type\":\"json_schema\",\"schema\":", schema, "}");
    }
    or_buf_put_char(w->out, '}');
}

/* Who asks, and the cache_control of all. */
static void ori_dialect_put_user_and_mark(ori_dialect_out *w)
{
    uint32_t user =
        ori_dialect_has(w, ORI_M_SAFETY_IDENTIFIER) ? ORI_M_SAFETY_IDENTIFIER : ORI_M_USER;
    if (ori_dialect_has(w, user) && w->m[user].value.len > 0) {
        ori_dialect_put_name(w->out, &w->any, "metadata");
        ori_dialect_wrap(w->out, "{\"user_id\":", ori_dialect_text(&w->m[user]), "}");
    }
    if (ori_dialect_has(w, ORI_M_CACHE_CONTROL) && ++w->marks > w->skip)
        ori_dialect_put_raw(w, "cache_control", ORI_M_CACHE_CONTROL);
}

static void ori_dialect_put_model(ori_dialect_out *w)
{
    ori_dialect_put_name(w->out, &w->any, "model");
    ori_dialect_put_model_name(w);
}

/* Tools come before the system's words and these before the messages, as they do in the cache:
   so the marks are counted in its order. */
static void ori_dialect_put_messages(ori_dialect_out *w)
{
    or_str schema;
    int    form = ori_dialect_form(w, &schema);
    bool   native = form == ORI_FORM_SCHEMA && (w->model->flags & ORI_FORMAT) != 0, budgeted;
    ori_dialect_settle_think(w);
    budgeted = ori_dialect_budgeted(w);
    if (form != ORI_FORM_TEXT && !native) ori_dialect_lose(w->loss, "response_format");
    or_buf_put_char(w->out, '{');
    ori_dialect_put_model(w);
    ori_dialect_put_name(w->out, &w->any, "max_tokens");
    or_buf_put_u64(w->out, w->max_tokens);
    ori_dialect_put_tools(w);
    ori_dialect_put_tool_choice(w);
    ori_dialect_put_conversation(w, form != ORI_FORM_TEXT && !native, schema);
    ori_dialect_put_think(w, budgeted);
    ori_dialect_put_config(w, budgeted, native ? schema : or_str_of(NULL, 0));
    ori_dialect_put_sampling(w);
    ori_dialect_put_stop(w, "stop_sequences", UINT32_MAX);
    ori_dialect_put_user_and_mark(w);
    ori_dialect_put_raw(w, "stream", ORI_M_STREAM);
    or_buf_put_char(w->out, '}');
}

/* ---- a request of GEMINI ---- */

static void ori_dialect_put_tool_config(ori_dialect_out *w)
{
    static const char *const modes[] = {"", "NONE", "AUTO", "ANY", "ANY"};
    if (w->m[ORI_M_PARALLEL].type == OR_JSON_FALSE && w->num_tools > 0)
        ori_dialect_lose_member(w, ORI_M_PARALLEL);
    if (w->choose == ORI_CHOOSE_UNSET || w->num_tools == 0) return;
    ori_dialect_put_name(w->out, &w->any, "toolConfig");
    ori_dialect_wrap(w->out, "{\"functionCallingConfig\":{\"mode\":\"", or_str_z(modes[w->choose]),
                     "\"");
    if (w->choose == ORI_CHOOSE_NAMED) {
        or_buf_put_z(w->out, ",\"allowedFunctionNames\":[");
        ori_dialect_put_function_name(w, w->chosen);
        or_buf_put_char(w->out, ']');
    }
    or_buf_put_z(w->out, "}}");
}

static const char *ori_dialect_level(const ori_dialect_out *w)
{
    static const char *const levels[] = {"",       "MINIMAL", "MINIMAL", "LOW",
                                         "MEDIUM", "HIGH",    "HIGH",    "HIGH"};
    uint8_t                  think = w->think;
    if (w->budget > 0)
        think = w->budget <= 1024   ? ORI_THINK_LOW
                : w->budget <= 8192 ? ORI_THINK_MEDIUM
                                    : ORI_THINK_HIGH;
    if ((w->model->flags & ORI_TWO_LEVELS) == 0) return levels[think];
    return think < ORI_THINK_MEDIUM ? "LOW" : "HIGH";
}

static uint64_t ori_dialect_gemini_budget(ori_dialect_out *w)
{
    static const uint32_t budgets[] = {0, 0, 512, 1024, 8192, 24576, 24576, 24576};
    if (w->think == ORI_THINK_OFF && (w->model->flags & ORI_NO_OFF) != 0) {
        ori_dialect_lose(w->loss, "reasoning");
        return 128;
    }
    return w->think > ORI_THINK_OFF && w->budget > 0 ? w->budget : budgets[w->think];
}

static void ori_dialect_put_thinking_config(ori_dialect_out *w, bool *any)
{
    if (w->think == ORI_THINK_UNSET || (w->model->flags & ORI_NO_THINKING) != 0) return;
    ori_dialect_put_name(w->out, any, "thinkingConfig");
    or_buf_put_char(w->out, '{');
    if (w->think > ORI_THINK_OFF && !w->hide) or_buf_put_z(w->out, "\"includeThoughts\":true,");
    if ((w->model->flags & ORI_ADAPTIVE) != 0) {
        ori_dialect_wrap(w->out, "\"thinkingLevel\":\"", or_str_z(ori_dialect_level(w)), "\"}");
        return;
    }
    or_buf_put_z(w->out, "\"thinkingBudget\":");
    or_buf_put_u64(w->out, ori_dialect_gemini_budget(w));
    or_buf_put_char(w->out, '}');
}

static void ori_dialect_put_gemini_form(ori_dialect_out *w, bool *any)
{
    or_str schema;
    int    form = ori_dialect_form(w, &schema);
    if (form == ORI_FORM_TEXT) return;
    if (w->num_tools > 0 && (w->model->flags & ORI_TOOLS_OR_JSON) != 0) {
        ori_dialect_lose(w->loss, "response_format");
        return;
    }
    ori_dialect_put(w->out, any, "responseMimeType", OR_STR("\"application/json\""));
    if (form != ORI_FORM_SCHEMA) return;
    ori_dialect_put_name(w->out, any, "responseJsonSchema");
    ori_dialect_put_clean_schema(w->out, schema);
}

/* "TEXT", "IMAGE", "AUDIO". */
static void ori_dialect_put_modalities(ori_dialect_out *w, bool *any)
{
    static const char *const theirs[] = {"\"TEXT\"", "\"IMAGE\"", "\"AUDIO\""};
    or_json_item            *m = &w->m[ORI_M_MODALITIES], item;
    ori_dialect_list         l;
    bool                     some = false;
    if (m->type == OR_JSON_NONE || ori_dialect_idle(m, NULL)) return;
    ori_dialect_put_name(w->out, any, "responseModalities");
    or_buf_put_char(w->out, '[');
    ori_dialect_begin(&l, m->value);
    while (ori_dialect_next(&l, &item)) {
        uint32_t i = ori_dialect_which(&item, "text image audio");
        if (i == 3)
            ori_dialect_lose(w->loss, "modalities");
        else
            ori_dialect_put(w->out, &some, NULL, or_str_z(theirs[i]));
    }
    or_buf_put_char(w->out, ']');
}

/* Members of generationConfig that only change their name. */
static void ori_dialect_put_gemini_numbers(ori_dialect_out *w, bool *any)
{
    static const struct {
        uint8_t     member;
        uint32_t    unless;
        const char *name;
    } rows[] = {
        {ORI_M_TEMPERATURE, 0, "temperature"},
        {ORI_M_TOP_P, 0, "topP"},
        {ORI_M_TOP_K, 0, "topK"},
        {ORI_M_SEED, 0, "seed"},
        {ORI_M_PRESENCE_PENALTY, ORI_NO_PENALTY, "presencePenalty"},
        {ORI_M_FREQUENCY_PENALTY, ORI_NO_PENALTY, "frequencyPenalty"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const or_json_item *item = &w->m[rows[i].member];
        if (item->type == OR_JSON_NONE) continue;
        if ((w->model->flags & rows[i].unless) == 0)
            ori_dialect_put(w->out, any, rows[i].name, item->value);
        else if (!ori_dialect_idle(item, "0"))
            ori_dialect_lose_member(w, rows[i].member);
    }
    if (w->m[ORI_M_LOGPROBS].type != OR_JSON_TRUE) return;
    ori_dialect_put(w->out, any, "responseLogprobs", OR_STR("true"));
    if (ori_dialect_has(w, ORI_M_TOP_LOGPROBS))
        ori_dialect_put(w->out, any, "logprobs", w->m[ORI_M_TOP_LOGPROBS].value);
}

/* The members of generationConfig; whether there are any. */
static bool ori_dialect_put_generation(ori_dialect_out *w)
{
    bool outer = w->any, any;
    w->any = false;
    if (w->max_tokens != 0) {
        ori_dialect_put_name(w->out, &w->any, "maxOutputTokens");
        or_buf_put_u64(w->out, w->max_tokens);
    }
    ori_dialect_put_gemini_numbers(w, &w->any);
    ori_dialect_put_stop(w, "stopSequences", 5);
    ori_dialect_put_gemini_form(w, &w->any);
    ori_dialect_put_thinking_config(w, &w->any);
    ori_dialect_put_modalities(w, &w->any);
    any = w->any;
    w->any = outer;
    return any;
}

/* Written twice, since the first time only counts: an empty object is not to stand there. */
static void ori_dialect_put_generation_config(ori_dialect_out *w)
{
    or_buf *out = w->out;
    or_buf  nowhere;
    bool    any;
    or_buf_init_counting(&nowhere);
    w->out = &nowhere;
    any = ori_dialect_put_generation(w);
    w->out = out;
    if (!any) return;
    ori_dialect_put_name(w->out, &w->any, "generationConfig");
    or_buf_put_char(w->out, '{');
    (void)ori_dialect_put_generation(w);
    or_buf_put_char(w->out, '}');
}

static void ori_dialect_put_gemini(ori_dialect_out *w)
{
    or_buf_put_char(w->out, '{');
    ori_dialect_put_conversation(w, false, or_str_of(NULL, 0));
    ori_dialect_put_tools(w);
    ori_dialect_put_tool_config(w);
    ori_dialect_put_generation_config(w);
    or_buf_put_char(w->out, '}');
}

/* ---- a request of CHAT, for servers that lack something ---- */

/* A copy of the body with changes: what stands before them is copied when they come, so they
   have to come in the order of the text. */
typedef struct ori_dialect_copy {
    or_buf          *out;
    const char      *done; /* up to here */
    uint32_t         lacks;
    or_dialect_loss *loss;
} ori_dialect_copy;

/* What stands from `from` to `to` is left out. */
static void ori_dialect_cut(ori_dialect_copy *c, const char *from, const char *to)
{
    if (from > c->done) or_buf_put(c->out, c->done, (size_t)(from - c->done));
    if (to > c->done) c->done = to;
}

static void ori_dialect_change(ori_dialect_copy *c, or_str old, or_str text)
{
    ori_dialect_cut(c, old.ptr, old.ptr + old.len);
    or_buf_put_str(c->out, text);
}

/* An object or array of which members are kept or dropped, with the commas between them. */
typedef struct ori_dialect_keep {
    const char *open; /* behind its bracket */
    const char *kept; /* where the last that was kept ends; NULL: none was */
    const char *end;  /* where the last ends that was dropped before any was kept */
} ori_dialect_keep;

static void ori_dialect_begin_keep(ori_dialect_keep *k, or_str container)
{
    k->open = container.ptr + 1;
    k->kept = k->end = NULL;
}

static const char *ori_dialect_item_start(const or_json_item *item)
{
    return item->key.ptr != NULL ? item->key.ptr - 1 : ori_dialect_text(item).ptr;
}

static const char *ori_dialect_item_end(const or_json_item *item)
{
    or_str text = ori_dialect_text(item);
    return text.ptr + text.len;
}

static void ori_dialect_keep_item(ori_dialect_copy *c, ori_dialect_keep *k,
                                  const or_json_item *item)
{
    if (k->kept == NULL && k->end != NULL)
        ori_dialect_cut(c, k->open, ori_dialect_item_start(item));
    k->kept = ori_dialect_item_end(item);
}

static void ori_dialect_drop_item(ori_dialect_copy *c, ori_dialect_keep *k,
                                  const or_json_item *item)
{
    if (k->kept != NULL)
        ori_dialect_cut(c, k->kept, ori_dialect_item_end(item));
    else
        k->end = ori_dialect_item_end(item);
}

static void ori_dialect_end_keep(ori_dialect_copy *c, ori_dialect_keep *k)
{
    if (k->kept == NULL && k->end != NULL) ori_dialect_cut(c, k->open, k->end);
}

/* A member in front of all others of an object that has some. */
static void ori_dialect_insert(ori_dialect_copy *c, or_str object, const char *member)
{
    ori_dialect_cut(c, object.ptr, object.ptr + 1);
    ori_dialect_wrap(c->out, "{", or_str_z(member), ",");
}

/* An id of nine letters or digits: itself, or made from it, so that a call and its result stay
   together. */
static void ori_dialect_shorten(ori_dialect_copy *c, const or_json_item *item)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    or_str            raw = ori_dialect_str(item);
    const char       *p = raw.ptr, *end;
    uint64_t          h = 14695981039346656037u;
    char              id[9];
    bool              plain = raw.len == sizeof id;
    if (p == NULL) return;
    end = p + raw.len;
    while (p < end) {
        uint32_t ch = (unsigned char)*p;
        char     piece[4] = {*p, 0, 0, 0};
        size_t   n = 1;
        if (ch == '\\')
            n = ori_json_utf8_put(ori_json_unescape_one(&p, end), piece);
        else
            p++;
        plain = plain && n == 1 && ori_dialect_plain_char(piece[0], "");
        for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)piece[i]) * 1099511628211u;
    }
    if (plain) return;
    for (size_t i = 0; i < sizeof id; i++, h /= 62) id[i] = letters[h % 62];
    ori_dialect_change(c, raw, or_str_of(id, sizeof id));
}

/* Does the string hold a JSON object? */
static bool ori_dialect_holds_object(or_buf *out, or_str raw)
{
    size_t from = out->len;
    bool   holds = ori_dialect_put_object_in(out, raw);
    if (out->err == OR_OK) out->len = from;
    return holds;
}

/* One call's function: its arguments. */
static void ori_dialect_copy_function(ori_dialect_copy *c, or_str function)
{
    ori_dialect_list l;
    or_json_item     item;
    bool             any = false;
    or_json_item     arguments = ori_dialect_get(function, "arguments");
    if ((c->lacks & OR_WANTS_ARGUMENTS) == 0) return;
    ori_dialect_begin(&l, function);
    while (ori_dialect_next(&l, &item)) {
        if (!or_json_str_is(item.key, OR_STR("arguments"))) {
            any = true;
            continue;
        }
        if (item.type == OR_JSON_OBJECT) {
            ori_dialect_cut(c, item.value.ptr, item.value.ptr + item.value.len);
            (void)ori_dialect_put_str(c->out, item.value);
        } else if (item.type != OR_JSON_STRING || !ori_dialect_holds_object(c->out, item.value)) {
            ori_dialect_change(c, ori_dialect_text(&item), OR_STR("\"{}\""));
        }
        arguments = item;
    }
    if (arguments.type == OR_JSON_NONE && any)
        ori_dialect_insert(c, function, "\"arguments\":\"{}\"");
}

static void ori_dialect_copy_calls(ori_dialect_copy *c, or_str calls)
{
    ori_dialect_list l, members;
    or_json_item     call, item;
    ori_dialect_begin(&l, calls);
    while (ori_dialect_next(&l, &call)) {
        ori_dialect_begin(&members, ori_dialect_inside(&call));
        while (ori_dialect_next(&members, &item)) {
            if ((c->lacks & OR_WANTS_SHORT_IDS) != 0 && or_json_str_is(item.key, OR_STR("id")))
                ori_dialect_shorten(c, &item);
            if (item.type == OR_JSON_OBJECT && or_json_str_is(item.key, OR_STR("function")))
                ori_dialect_copy_function(c, item.value);
        }
    }
}

/* Is content an array of nothing but text? */
static bool ori_dialect_all_text(or_str content)
{
    ori_dialect_list l;
    or_json_item     part, text;
    ori_dialect_begin(&l, content);
    while (ori_dialect_next(&l, &part)) {
        text = ori_dialect_get(ori_dialect_inside(&part), "text");
        if (part.type != OR_JSON_STRING && text.type != OR_JSON_STRING) return false;
    }
    return true;
}

/* An object without the members that are listed in `drop`; its member `function` without those in
   `inner`, when that is not NULL. */
static void ori_dialect_copy_object(ori_dialect_copy *c, or_str object, const char *drop,
                                    const char *inner)
{
    ori_dialect_list l;
    ori_dialect_keep keep;
    or_json_item     item;
    ori_dialect_begin(&l, object);
    ori_dialect_begin_keep(&keep, object);
    while (ori_dialect_next(&l, &item)) {
        if (ori_dialect_listed(item.key, drop)) {
            ori_dialect_drop_item(c, &keep, &item);
            continue;
        }
        ori_dialect_keep_item(c, &keep, &item);
        if (inner != NULL && item.type == OR_JSON_OBJECT &&
            or_json_str_is(item.key, OR_STR("function")))
            ori_dialect_copy_object(c, item.value, inner, NULL);
    }
    ori_dialect_end_keep(c, &keep);
}

/* The objects of an array, likewise. */
static void ori_dialect_copy_objects(ori_dialect_copy *c, or_str list, const char *drop,
                                     const char *inner)
{
    ori_dialect_list l;
    or_json_item     item;
    ori_dialect_begin(&l, list);
    while (ori_dialect_next(&l, &item))
        if (item.type == OR_JSON_OBJECT) ori_dialect_copy_object(c, item.value, drop, inner);
}

static void ori_dialect_copy_content(ori_dialect_copy *c, const or_json_item *content, char role)
{
    if (content->type == OR_JSON_NULL && role == 'a' && (c->lacks & OR_WANTS_CONTENT) != 0)
        ori_dialect_change(c, content->value, OR_STR("\"\""));
    if (content->type != OR_JSON_ARRAY) return;
    if ((c->lacks & OR_WANTS_TEXT) != 0 && ori_dialect_all_text(content->value)) {
        ori_dialect_cut(c, content->value.ptr, content->value.ptr + content->value.len);
        ori_dialect_put_joined(c->out, content, "\\n");
        return;
    }
    if ((c->lacks & OR_LACKS_CACHE_CONTROL) != 0)
        ori_dialect_copy_objects(c, content->value, "cache_control", NULL);
}

/* Members of a message that some servers refuse. */
static const struct {
    const char *name;
    uint32_t    lacks;
} ori_dialect_refused[] = {
    {"name", OR_LACKS_NAME},
    {"cache_control", OR_LACKS_CACHE_CONTROL},
    {"reasoning", OR_LACKS_REASONING},
    {"reasoning_content", OR_LACKS_REASONING},
    {"reasoning_details", OR_LACKS_REASONING | OR_LACKS_DETAILS},
    {"refusal", OR_LACKS_DETAILS},
    {"annotations", OR_LACKS_DETAILS},
    {"images", OR_LACKS_DETAILS},
};

/* What of a message counts for its members. */
typedef struct ori_dialect_message {
    char role;  /* as ori_dialect_role */
    bool calls; /* it has some */
    bool named; /* its reasoning_content is something */
} ori_dialect_message;

static bool ori_dialect_is_refused(ori_dialect_copy *c, const or_json_item *item,
                                   const ori_dialect_message *m)
{
    bool thought = ori_dialect_listed(item->key, "reasoning reasoning_content");
    if (thought && (c->lacks & OR_WANTS_REASONING) != 0) {
        bool own = or_json_str_is(item->key, OR_STR("reasoning_content"));
        return item->type != OR_JSON_STRING || item->value.len == 0 || (m->named && !own);
    }
    for (size_t i = 0; i < sizeof ori_dialect_refused / sizeof *ori_dialect_refused; i++) {
        if ((c->lacks & ori_dialect_refused[i].lacks) == 0 ||
            !or_json_str_is_z(item->key, ori_dialect_refused[i].name))
            continue;
        if (m->role == 't' && ori_dialect_refused[i].lacks == OR_LACKS_NAME) return false;
        if ((thought || i == 4) && item->type != OR_JSON_NULL) c->loss->reasoning = true;
        return true;
    }
    return false;
}

/* A member that stays, with what changes in it. */
static void ori_dialect_copy_member(ori_dialect_copy *c, const or_json_item *item,
                                    const ori_dialect_message *m)
{
    if (or_json_str_is(item->key, OR_STR("role"))) {
        if ((c->lacks & OR_LACKS_DEVELOPER) != 0 && ori_dialect_is(item, "developer"))
            ori_dialect_change(c, item->value, OR_STR("system"));
    } else if (or_json_str_is(item->key, OR_STR("content"))) {
        ori_dialect_copy_content(c, item, m->role);
    } else if (or_json_str_is(item->key, OR_STR("tool_calls"))) {
        ori_dialect_copy_calls(c, ori_dialect_inside(item));
    } else if (or_json_str_is(item->key, OR_STR("tool_call_id"))) {
        if ((c->lacks & OR_WANTS_SHORT_IDS) != 0) ori_dialect_shorten(c, item);
    } else if (or_json_str_is(item->key, OR_STR("reasoning"))) {
        if ((c->lacks & OR_WANTS_REASONING) != 0)
            ori_dialect_change(c, item->key, OR_STR("reasoning_content"));
    }
}

static void ori_dialect_copy_message(ori_dialect_copy *c, or_str msg)
{
    or_json_item        f[3], item, content;
    ori_dialect_list    l;
    ori_dialect_keep    keep;
    ori_dialect_message m;
    bool                filled = false;
    ori_dialect_pick(msg, "tool_calls reasoning reasoning_content", 3, f);
    m.role = ori_dialect_role(msg);
    m.calls = f[0].type == OR_JSON_ARRAY && !ori_dialect_idle(&f[0], NULL);
    m.named = f[2].type == OR_JSON_STRING && f[2].value.len > 0;
    /* Whatever is inserted stands in front, and every message has a role behind it. */
    if ((c->lacks & OR_WANTS_REASONING) != 0 && m.calls && !m.named &&
        (f[1].type != OR_JSON_STRING || f[1].value.len == 0)) {
        ori_dialect_insert(c, msg, "\"reasoning_content\":\" \"");
    }
    ori_dialect_begin_keep(&keep, msg);
    ori_dialect_begin(&l, msg);
    while (ori_dialect_next(&l, &item)) {
        if (ori_dialect_is_refused(c, &item, &m)) {
            ori_dialect_drop_item(c, &keep, &item);
            continue;
        }
        ori_dialect_keep_item(c, &keep, &item);
        ori_dialect_copy_member(c, &item, &m);
        content = item;
        if (or_json_str_is(content.key, OR_STR("content"))) filled = true;
    }
    if (!filled && m.role == 'a' && (c->lacks & OR_WANTS_CONTENT) != 0) {
        ori_dialect_cut(c, msg.ptr + msg.len - 1, msg.ptr + msg.len);
        or_buf_put_z(c->out, keep.kept != NULL ? ",\"content\":\"\"}" : "\"content\":\"\"}");
    }
    ori_dialect_end_keep(c, &keep);
}

static void ori_dialect_copy_messages(ori_dialect_copy *c, or_str messages)
{
    ori_dialect_list l;
    ori_dialect_keep keep;
    or_json_item     item;
    char             before = 0;
    bool             turns = (c->lacks & OR_WANTS_TURNS) != 0;
    ori_dialect_begin(&l, messages);
    ori_dialect_begin_keep(&keep, messages);
    while (ori_dialect_next(&l, &item)) {
        char role = item.type == OR_JSON_OBJECT ? ori_dialect_role(item.value) : 0;
        if (turns && role == 'a' && !ori_dialect_says(item.value)) {
            ori_dialect_drop_item(c, &keep, &item);
            continue;
        }
        ori_dialect_keep_item(c, &keep, &item);
        if (turns && role == 'u' && before == 't') {
            ori_dialect_cut(c, item.value.ptr, item.value.ptr);
            or_buf_put_z(c->out, "{\"role\":\"assistant\",\"content\":\"OK.\"},");
        }
        if (role != 0) ori_dialect_copy_message(c, item.value);
        before = role;
    }
    ori_dialect_end_keep(c, &keep);
}

static void ori_dialect_copy_tools(ori_dialect_copy *c, or_str tools)
{
    bool        strict = (c->lacks & OR_LACKS_STRICT) != 0;
    const char *outer = "", *inner = strict ? "strict" : "";
    if ((c->lacks & OR_LACKS_CACHE_CONTROL) != 0) {
        outer = "cache_control";
        inner = strict ? "cache_control strict" : outer;
    }
    ori_dialect_copy_objects(c, tools, outer, inner);
}

static void ori_dialect_copy_root(ori_dialect_out *w, ori_dialect_copy *c)
{
    ori_dialect_list l;
    ori_dialect_keep keep;
    or_json_item     item;
    bool             named = false, any = false;
    or_str           body = w->q->body;
    body.ptr = ori_json_skip_space(body.ptr, body.ptr + body.len);
    ori_dialect_begin(&l, w->q->body);
    ori_dialect_begin_keep(&keep, body);
    while (w->err == OR_OK && ori_dialect_next(&l, &item)) {
        bool model = or_json_str_is(item.key, OR_STR("model"));
        any = true;
        if (model && named) {
            ori_dialect_drop_item(c, &keep, &item);
            continue;
        }
        ori_dialect_keep_item(c, &keep, &item);
        if (model) {
            or_str old = ori_dialect_text(&item);
            ori_dialect_cut(c, old.ptr, old.ptr + old.len);
            ori_dialect_put_model_name(w);
            named = true;
        } else if (item.type == OR_JSON_ARRAY && or_json_str_is(item.key, OR_STR("messages"))) {
            ori_dialect_copy_messages(c, item.value);
        } else if (item.type == OR_JSON_ARRAY && or_json_str_is(item.key, OR_STR("tools"))) {
            ori_dialect_copy_tools(c, item.value);
        }
    }
    if (!named && w->err == OR_OK) {
        const char *close = any ? keep.kept : keep.open;
        ori_dialect_cut(c, close, close);
        or_buf_put_z(c->out, any ? ",\"model\":" : "\"model\":");
        ori_dialect_put_model_name(w);
    }
}

static void ori_dialect_put_chat(ori_dialect_out *w)
{
    ori_dialect_copy c;
    const char      *end = w->q->body.ptr + w->q->body.len;
    c.out = w->out;
    c.done = w->q->body.ptr;
    c.lacks = w->q->lacks;
    c.loss = w->loss;
    ori_dialect_copy_root(w, &c);
    ori_dialect_cut(&c, end, end);
}

/* ---- or_dialect_write ---- */

static void ori_dialect_put_request(ori_dialect_out *w, or_dialect to)
{
    or_str name = w->q->model;
    w->gemini = to == OR_DIALECT_GEMINI;
    if (to == OR_DIALECT_CHAT) {
        ori_dialect_put_chat(w);
        return;
    }
    w->model = w->gemini ? ori_dialect_find_model(ori_dialect_gemini, name, false)
                         : ori_dialect_find_model(ori_dialect_claude, name, true);
    ori_dialect_read_members(w);
    ori_dialect_check_types(w);
    ori_dialect_check_messages(w);
    ori_dialect_read_max(w);
    ori_dialect_read_think(w);
    if (w->err != OR_OK) return;
    if (w->gemini)
        ori_dialect_put_gemini(w);
    else
        ori_dialect_put_messages(w);
}

or_err or_dialect_write(or_buf *out, or_dialect to, const or_dialect_request *q,
                        or_dialect_loss *loss, const char **bad)
{
    enum { MOST_MARKS = 4 }; /* of Anthropic's cache; the last reach farthest */
    ori_dialect_out w;
    or_json_item    root;
    or_json_scan    scan;
    size_t          from = out->len;
    uint32_t        skip = 0;
    or_err          e = or_json_check(q->body, NULL);
    if (bad != NULL) *bad = NULL;
    if (out->err != OR_OK) return out->err;
    if (out->counting ||
        (to != OR_DIALECT_CHAT && to != OR_DIALECT_MESSAGES && to != OR_DIALECT_GEMINI))
        return OR_ERR_ARG;
    if (e != OR_OK) return e;
    or_json_scan_init(&scan, q->body);
    if (or_json_scan_next(&scan, &root) != OR_OK || root.type != OR_JSON_OBJECT) return OR_ERR_TYPE;
    for (;;) {
        memset(&w, 0, sizeof w);
        w.out = out;
        w.q = q;
        w.loss = loss;
        w.skip = skip;
        ori_dialect_put_request(&w, to);
        if (w.err != OR_OK || out->err != OR_OK || w.marks - w.skip <= MOST_MARKS) break;
        out->len = from;
        skip = w.marks - MOST_MARKS;
    }
    if (w.err == OR_OK) w.err = out->err;
    if (w.err != OR_OK) out->len = from;
    if (w.err != OR_OK && bad != NULL) *bad = w.bad;
    return w.err;
}

/* ---- other requests to chat ---- */

/* A translation. What is wrong is found once and sticks; writing goes on to nowhere then. */
typedef struct ori_in {
    or_buf          *out;
    or_dialect_loss *loss;
    or_err           err;
    const char      *bad;
    const char      *where;   /* the member that is being read: what a wrong type is blamed on */
    bool             members; /* some of the request were written */
    bool             messages;
} ori_in;

static bool ori_in_fail(ori_in *t, or_err e, const char *bad)
{
    if (t->err != OR_OK) return false;
    t->err = e;
    t->bad = bad;
    return false;
}

/* Is it of this type, TRUE standing for both booleans? Whether it is there is asked elsewhere. */
static bool ori_in_want(ori_in *t, const or_json_item *item, or_json_type type, const char *bad)
{
    bool same = item->type == type || (type == OR_JSON_TRUE && item->type == OR_JSON_FALSE);
    if (same || type == OR_JSON_NONE || item->type == OR_JSON_NONE) return true;
    return ori_in_fail(t, OR_ERR_TYPE, bad);
}

/* Are the members there that are needed (bits), and all of their types (NONE: any)? */
static bool ori_in_types(ori_in *t, const or_json_item *m, const uint8_t *types, uint32_t num,
                         uint32_t needs, const char *bad)
{
    for (uint32_t i = 0; i < num; i++) {
        if ((needs >> i & 1) != 0 && m[i].type == OR_JSON_NONE)
            return ori_in_fail(t, OR_ERR_TYPE, bad);
        if (!ori_in_want(t, &m[i], (or_json_type)types[i], bad)) return false;
    }
    return true;
}

/* As or_json_check, for text that will stand `around` levels deep; *root: its value. */
static or_err ori_in_check(or_str text, unsigned around, or_json_item *root)
{
    or_json_scan s;
    or_json_item item;
    or_err       e;
    memset(root, 0, sizeof *root);
    or_json_scan_init(&s, text);
    while ((e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (root->type == OR_JSON_NONE) *root = item;
        if (item.type == OR_JSON_END && item.depth == 0)
            root->value.len = (size_t)(s.at - root->value.ptr);
        if ((item.type == OR_JSON_ARRAY || item.type == OR_JSON_OBJECT) &&
            item.depth + around >= OR_JSON_MAX_DEPTH)
            return OR_ERR_DEPTH;
    }
    return e == OR_DONE ? OR_OK : e;
}

/* What follows `start` in a raw string; absent when it begins otherwise. */
static or_str ori_in_after(or_str raw, const char *start)
{
    const char *p = raw.ptr, *end;
    if (p == NULL) return raw;
    for (end = p + raw.len; *start != 0; start++) {
        uint32_t c = p < end ? ori_dialect_char(&p, end) : 0;
        if (c != (unsigned char)*start) return or_str_of(NULL, 0);
    }
    return or_str_of(p, (size_t)(end - p));
}

/* Is there no list, or nothing in it? */
static bool ori_in_is_empty(const or_json_item *list)
{
    ori_dialect_list l;
    or_json_item     item;
    ori_dialect_begin_array(&l, list);
    return !ori_dialect_next(&l, &item);
}

/* Do two raw strings say the same? Escapes on both sides are compared as they stand. */
static bool ori_in_same(or_str a, or_str b)
{
    if (!ori_json_escaped(a)) return or_json_str_is(b, a);
    if (!ori_json_escaped(b)) return or_json_str_is(a, b);
    return or_str_eq(a, b);
}

/* A string that is made of raw pieces. Begun at the first that is not empty. */
typedef struct ori_in_text {
    const char *open, *between;
    bool        any;
} ori_in_text;

static void ori_in_piece(ori_in *t, ori_in_text *text, or_str raw)
{
    if (raw.len == 0) return;
    or_buf_put_z(t->out, text->any ? text->between : text->open);
    or_buf_put_str(t->out, raw);
    text->any = true;
}

static void ori_in_piece_end(ori_in *t, const ori_in_text *text, const char *otherwise)
{
    or_buf_put_z(t->out, text->any ? "\"" : otherwise);
}

/* Begin a message; `"content":` comes next. */
static void ori_in_message(ori_in *t, const char *role)
{
    ori_dialect_put_name(t->out, &t->messages, NULL);
    ori_dialect_wrap(t->out, "{\"role\":\"", or_str_z(role), "\"");
}

/* A member of an object where another one stands before it; nothing when it is absent. */
static void ori_in_also(ori_in *t, const char *name, const or_json_item *item)
{
    bool any = true;
    if (item->type != OR_JSON_NONE) ori_dialect_put(t->out, &any, name, ori_dialect_text(item));
}

/* ---- blocks and parts of messages ---- */

/* Members of the blocks of MESSAGES and the parts of RESPONSES, and what type they have to be. */
#define ORI_IN_BLOCK_MEMBERS(X)                      \
    X(TYPE, "type", STRING)                          \
    X(TEXT, "text", STRING)                          \
    X(CACHE, "cache_control", OBJECT)                \
    X(BREAKPOINT, "prompt_cache_breakpoint", OBJECT) \
    X(SOURCE, "source", NONE)                        \
    X(TITLE, "title", STRING)                        \
    X(CONTEXT, "context", STRING)                    \
    X(CITATIONS, "citations", NONE)                  \
    X(ANNOTATIONS, "annotations", ARRAY)             \
    X(CONTENT, "content", NONE)                      \
    X(ID, "id", STRING)                              \
    X(NAME, "name", STRING)                          \
    X(INPUT, "input", OBJECT)                        \
    X(TOOL_USE_ID, "tool_use_id", STRING)            \
    X(IS_ERROR, "is_error", TRUE)                    \
    X(THINKING, "thinking", STRING)                  \
    X(SIGNATURE, "signature", STRING)                \
    X(DATA, "data", STRING)                          \
    X(REFUSAL, "refusal", STRING)                    \
    X(IMAGE_URL, "image_url", STRING)                \
    X(DETAIL, "detail", STRING)                      \
    X(FILE_DATA, "file_data", STRING)                \
    X(FILE_URL, "file_url", STRING)                  \
    X(FILE_ID, "file_id", STRING)                    \
    X(FILENAME, "filename", STRING)                  \
    X(AUDIO, "input_audio", OBJECT)

enum {
#define ORI_X(name, json, type) ORI_IN_BLOCK_##name,
    ORI_IN_BLOCK_MEMBERS(ORI_X)
#undef ORI_X
        ORI_IN_BLOCK_NUM
};

static const char ori_in_block_names[] =
#define ORI_X(name, json, type) json " "
    ORI_IN_BLOCK_MEMBERS(ORI_X)
#undef ORI_X
    ;

static const uint8_t ori_in_block_types[] = {
#define ORI_X(name, json, type) OR_JSON_##type,
    ORI_IN_BLOCK_MEMBERS(ORI_X)
#undef ORI_X
};

enum {
    ORI_IN_KIND_OTHER,
    ORI_IN_KIND_TEXT,
    ORI_IN_KIND_IMAGE,
    ORI_IN_KIND_DOCUMENT,
    ORI_IN_KIND_SEARCH,
    ORI_IN_KIND_CALL,
    ORI_IN_KIND_RESULT,
    ORI_IN_KIND_THINKING,
    ORI_IN_KIND_REDACTED,
    ORI_IN_KIND_REFUSAL,
    ORI_IN_KIND_LINK, /* an image of RESPONSES */
    ORI_IN_KIND_FILE,
    ORI_IN_KIND_AUDIO
};

#define ORI_IN_BIT(kind)   ((uint32_t)1 << ORI_IN_KIND_##kind)
#define ORI_IN_NEEDS(name) ((uint32_t)1 << ORI_IN_BLOCK_##name)
#define ORI_IN_KINDS_MEDIA                                                            \
    (ORI_IN_BIT(IMAGE) | ORI_IN_BIT(DOCUMENT) | ORI_IN_BIT(LINK) | ORI_IN_BIT(FILE) | \
     ORI_IN_BIT(AUDIO))
#define ORI_IN_KINDS_SHOWN (ORI_IN_BIT(TEXT) | ORI_IN_BIT(SEARCH) | ORI_IN_KINDS_MEDIA)

/* Types of blocks as losses. Those with a kind are lost where they do not belong. */
#define ORI_IN_LOST "messages."
static const struct {
    const char *lost;
    uint8_t     kind;
    uint32_t    needs;
} ori_in_block_kinds[] = {
    {ORI_IN_LOST "text", ORI_IN_KIND_TEXT, ORI_IN_NEEDS(TEXT)},
    {ORI_IN_LOST "image", ORI_IN_KIND_IMAGE, ORI_IN_NEEDS(SOURCE)},
    {ORI_IN_LOST "document", ORI_IN_KIND_DOCUMENT, ORI_IN_NEEDS(SOURCE)},
    {ORI_IN_LOST "search_result", ORI_IN_KIND_SEARCH, ORI_IN_NEEDS(CONTENT)},
    {ORI_IN_LOST "tool_use", ORI_IN_KIND_CALL, ORI_IN_NEEDS(ID) | ORI_IN_NEEDS(NAME)},
    {ORI_IN_LOST "tool_result", ORI_IN_KIND_RESULT, ORI_IN_NEEDS(TOOL_USE_ID)},
    {ORI_IN_LOST "thinking", ORI_IN_KIND_THINKING, ORI_IN_NEEDS(THINKING)},
    {ORI_IN_LOST "redacted_thinking", ORI_IN_KIND_REDACTED, ORI_IN_NEEDS(DATA)},
    {ORI_IN_LOST "server_tool_use", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "web_search_tool_result", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "web_fetch_tool_result", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "code_execution_tool_result", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "bash_code_execution_tool_result", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "text_editor_code_execution_tool_result", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "tool_search_tool_result", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "tool_reference", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "mcp_tool_use", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "mcp_tool_result", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "container_upload", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "compaction", ORI_IN_KIND_OTHER, 0},
    {ORI_IN_LOST "input_text", ORI_IN_KIND_TEXT, ORI_IN_NEEDS(TEXT)},
    {ORI_IN_LOST "output_text", ORI_IN_KIND_TEXT, ORI_IN_NEEDS(TEXT)},
    {ORI_IN_LOST "summary_text", ORI_IN_KIND_TEXT, ORI_IN_NEEDS(TEXT)},
    {ORI_IN_LOST "reasoning_text", ORI_IN_KIND_TEXT, ORI_IN_NEEDS(TEXT)},
    {ORI_IN_LOST "refusal", ORI_IN_KIND_REFUSAL, ORI_IN_NEEDS(REFUSAL)},
    {ORI_IN_LOST "input_image", ORI_IN_KIND_LINK, 0},
    {ORI_IN_LOST "input_file", ORI_IN_KIND_FILE, 0},
    {ORI_IN_LOST "input_audio", ORI_IN_KIND_AUDIO, ORI_IN_NEEDS(AUDIO)},
};

typedef struct ori_in_block {
    uint32_t     kind;
    const char  *lost;
    or_json_item m[ORI_IN_BLOCK_NUM];
} ori_in_block;

static bool ori_in_block_has(const ori_in_block *b, uint32_t member)
{
    return b->m[member].type != OR_JSON_NONE;
}

/* Find its kind, and whether the members are what that asks for. */
static bool ori_in_block_check(ori_in *t, ori_in_block *b)
{
    uint32_t needs = ORI_IN_NEEDS(TYPE);
    b->kind = ORI_IN_KIND_OTHER;
    b->lost = "messages";
    for (size_t i = 0; i < sizeof ori_in_block_kinds / sizeof ori_in_block_kinds[0]; i++)
        if (ori_dialect_is(&b->m[ORI_IN_BLOCK_TYPE],
                           ori_in_block_kinds[i].lost + sizeof(ORI_IN_LOST) - 1)) {
            b->kind = ori_in_block_kinds[i].kind;
            b->lost = ori_in_block_kinds[i].lost;
            needs |= ori_in_block_kinds[i].needs;
        }
    /* of others nobody reads more than the type */
    if (!ori_in_types(t, b->m, ori_in_block_types,
                      b->kind == ORI_IN_KIND_OTHER ? 1 : ORI_IN_BLOCK_NUM, needs, t->where))
        return false;
    if (b->kind == ORI_IN_KIND_IMAGE || b->kind == ORI_IN_KIND_DOCUMENT)
        return ori_in_want(t, &b->m[ORI_IN_BLOCK_SOURCE], OR_JSON_OBJECT, t->where);
    return true;
}

/* The next block of a list; false at the end, and where one is wrong. */
static bool ori_in_block_next(ori_in *t, ori_dialect_list *l, ori_in_block *b)
{
    or_json_item item;
    if (t->err != OR_OK || !ori_dialect_next(l, &item)) return false;
    if (item.type != OR_JSON_OBJECT) return ori_in_fail(t, OR_ERR_TYPE, t->where);
    ori_dialect_pick(item.value, ori_in_block_names, ORI_IN_BLOCK_NUM, b->m);
    return ori_in_block_check(t, b);
}

/* The kinds in a list, as bits. Those that are not among `allowed` will not be said. */
static uint32_t ori_in_blocks_survey(ori_in *t, ori_dialect_list l, uint32_t allowed)
{
    ori_in_block b;
    or_json_item cites;
    uint32_t     kinds = 0;
    while (ori_in_block_next(t, &l, &b)) {
        kinds |= (uint32_t)1 << b.kind;
        if ((allowed >> b.kind & 1) == 0) ori_dialect_lose(t->loss, b.lost);
        cites = ori_dialect_get(b.m[ORI_IN_BLOCK_CITATIONS].value, "enabled");
        if (cites.type == OR_JSON_TRUE || !ori_in_is_empty(&b.m[ORI_IN_BLOCK_CITATIONS]))
            ori_dialect_lose(t->loss, "messages.citations");
        if (!ori_in_is_empty(&b.m[ORI_IN_BLOCK_ANNOTATIONS]))
            ori_dialect_lose(t->loss, "messages.annotations");
        if (ori_in_block_has(&b, ORI_IN_BLOCK_CACHE) &&
            (b.kind == ORI_IN_KIND_CALL || b.kind == ORI_IN_KIND_THINKING))
            ori_dialect_lose(t->loss, "messages.cache_control");
    }
    return kinds;
}

/* A string, or the texts in a list of blocks. */
static void ori_in_texts(ori_in *t, ori_in_text *text, const or_json_item *content)
{
    ori_dialect_list l;
    or_json_item     item, m[2];
    if (content->type == OR_JSON_STRING) {
        ori_in_piece(t, text, content->value);
        return;
    }
    ori_dialect_begin_array(&l, content);
    while (ori_dialect_next(&l, &item)) {
        ori_dialect_pick(item.value, "type text", 2, m);
        if (ori_dialect_is(&m[0], "text") && m[1].type == OR_JSON_STRING)
            ori_in_piece(t, text, m[1].value);
    }
}

/* Is the source of a document text, so that it is said as such? */
static bool ori_in_block_is_text(const ori_in_block *b)
{
    if (b->kind != ORI_IN_KIND_DOCUMENT)
        return b->kind == ORI_IN_KIND_TEXT || b->kind == ORI_IN_KIND_SEARCH;
    return ori_dialect_type(b->m[ORI_IN_BLOCK_SOURCE].value, "text content") < 2;
}

/* Will it be an image or a file in the chat? Those that only the vendor's server has will not. */
static bool ori_in_block_is_shown(const ori_in_block *b)
{
    if (b->kind == ORI_IN_KIND_LINK) return ori_in_block_has(b, ORI_IN_BLOCK_IMAGE_URL);
    if (b->kind == ORI_IN_KIND_FILE)
        return ori_in_block_has(b, ORI_IN_BLOCK_FILE_DATA) ||
               ori_in_block_has(b, ORI_IN_BLOCK_FILE_URL) ||
               ori_in_block_has(b, ORI_IN_BLOCK_FILE_ID);
    if (b->kind != ORI_IN_KIND_IMAGE && b->kind != ORI_IN_KIND_DOCUMENT)
        return b->kind == ORI_IN_KIND_AUDIO;
    return ori_dialect_type(b->m[ORI_IN_BLOCK_SOURCE].value, "base64 url") < 2;
}

/* What a block says in text: a document and a search result with what they are called. */
static void ori_in_block_put_text(ori_in *t, ori_in_text *text, const ori_in_block *b)
{
    or_json_item        inner;
    const or_json_item *m = b->m;
    if (b->kind == ORI_IN_KIND_TEXT) ori_in_piece(t, text, m[ORI_IN_BLOCK_TEXT].value);
    if (b->kind == ORI_IN_KIND_TEXT || !ori_in_block_is_text(b)) return;
    ori_in_piece(t, text, m[ORI_IN_BLOCK_TITLE].value);
    if (b->kind == ORI_IN_KIND_SEARCH && m[ORI_IN_BLOCK_SOURCE].type == OR_JSON_STRING)
        ori_in_piece(t, text, m[ORI_IN_BLOCK_SOURCE].value);
    if (b->kind == ORI_IN_KIND_SEARCH) ori_in_texts(t, text, &m[ORI_IN_BLOCK_CONTENT]);
    if (b->kind != ORI_IN_KIND_DOCUMENT) return;
    ori_in_piece(t, text, m[ORI_IN_BLOCK_CONTEXT].value);
    inner = ori_dialect_get(m[ORI_IN_BLOCK_SOURCE].value, "data");
    if (inner.type == OR_JSON_NONE)
        inner = ori_dialect_get(m[ORI_IN_BLOCK_SOURCE].value, "content");
    ori_in_texts(t, text, &inner);
}

/* Parts of a message that is begun when there is a first one. */
typedef struct ori_in_parts {
    const char *role;
    bool        any;
} ori_in_parts;

static void ori_in_part(ori_in *t, ori_in_parts *parts, const char *type)
{
    if (!parts->any) {
        ori_in_message(t, parts->role);
        or_buf_put_z(t->out, ",\"content\":[");
    }
    ori_dialect_put_name(t->out, &parts->any, NULL);
    ori_dialect_wrap(t->out, "{\"type\":\"", or_str_z(type), "\"");
}

/* The end of a part, with what its block says of caches. */
static void ori_in_part_end(ori_in *t, const ori_in_block *b)
{
    ori_in_also(t, "cache_control", &b->m[ORI_IN_BLOCK_CACHE]);
    ori_in_also(t, "prompt_cache_breakpoint", &b->m[ORI_IN_BLOCK_BREAKPOINT]);
    or_buf_put_char(t->out, '}');
}

static void ori_in_block_put_text_part(ori_in *t, ori_in_parts *parts, const ori_in_block *b)
{
    ori_in_text text = {"\"", "\\n\\n", false};
    ori_in_part(t, parts, "text");
    or_buf_put_z(t->out, ",\"text\":");
    ori_in_block_put_text(t, &text, b);
    ori_in_piece_end(t, &text, "\"\"");
    ori_in_part_end(t, b);
}

/* The address of an image or a file in a block of MESSAGES, as a string: a data URL when the
   bytes are here. m: type, media_type, data and url of the source. */
static void ori_in_block_put_source(ori_in *t, const or_json_item *m)
{
    or_buf_put_char(t->out, '"');
    if (m[2].type != OR_JSON_NONE) {
        or_buf_put_z(t->out, "data:");
        or_buf_put_str(t->out, m[1].value);
        or_buf_put_z(t->out, ";base64,");
    }
    or_buf_put_str(t->out, m[2].type != OR_JSON_NONE ? m[2].value : m[3].value);
    or_buf_put_char(t->out, '"');
}

/* A block with an image or a document of MESSAGES. */
static void ori_in_block_put_media(ori_in *t, ori_in_parts *parts, const ori_in_block *b)
{
    static const uint8_t strings[] = {OR_JSON_STRING, OR_JSON_STRING, OR_JSON_STRING,
                                      OR_JSON_STRING};
    or_json_item         m[4];
    bool                 image = b->kind == ORI_IN_KIND_IMAGE;
    ori_dialect_pick(b->m[ORI_IN_BLOCK_SOURCE].value, "type media_type data url", 4, m);
    if (!ori_in_types(t, m, strings, 4, 0, t->where)) return;
    bool base64 = ori_dialect_is(&m[0], "base64");
    m[base64 ? 3 : 2].type = OR_JSON_NONE;
    if (m[base64 ? 2 : 3].type == OR_JSON_NONE || (base64 && m[1].type == OR_JSON_NONE)) {
        (void)ori_in_fail(t, OR_ERR_TYPE, t->where);
        return;
    }
    if (ori_in_block_has(b, ORI_IN_BLOCK_CONTEXT)) ori_dialect_lose(t->loss, "messages.context");
    ori_in_part(t, parts, image ? "image_url" : "file");
    or_buf_put_z(t->out, image ? ",\"image_url\":{\"url\":" : ",\"file\":{\"file_data\":");
    ori_in_block_put_source(t, m);
    if (!image) ori_in_also(t, "filename", &b->m[ORI_IN_BLOCK_TITLE]);
    or_buf_put_char(t->out, '}');
    ori_in_part_end(t, b);
}

/* The images in a document that is made of blocks. */
static void ori_in_block_put_inner(ori_in *t, ori_in_parts *parts, const ori_in_block *b)
{
    ori_dialect_list l;
    ori_in_block     inner;
    or_json_item     content = ori_dialect_get(b->m[ORI_IN_BLOCK_SOURCE].value, "content");
    ori_dialect_begin_array(&l, &content);
    (void)ori_in_blocks_survey(t, l, ORI_IN_BIT(TEXT) | ORI_IN_BIT(IMAGE));
    while (ori_in_block_next(t, &l, &inner))
        if (inner.kind == ORI_IN_KIND_IMAGE && ori_in_block_is_shown(&inner))
            ori_in_block_put_media(t, parts, &inner);
        else if (inner.kind == ORI_IN_KIND_IMAGE)
            ori_dialect_lose(t->loss, inner.lost);
}

/* An image or a file of RESPONSES. */
static void ori_in_block_put_link(ori_in *t, ori_in_parts *parts, const ori_in_block *b)
{
    static const uint8_t     from[] = {ORI_IN_BLOCK_FILE_DATA, ORI_IN_BLOCK_FILE_URL,
                                       ORI_IN_BLOCK_FILE_ID};
    static const char *const as[] = {"file_data", "file_data", "file_id"};
    const or_json_item      *url = &b->m[ORI_IN_BLOCK_IMAGE_URL];
    bool                     any = false;
    uint32_t                 i = 0;
    ori_in_part(t, parts, b->kind == ORI_IN_KIND_LINK ? "image_url" : "file");
    if (b->kind == ORI_IN_KIND_LINK) {
        or_buf_put_z(t->out, ",\"image_url\":{");
        ori_dialect_put(t->out, &any, "url", ori_dialect_text(url));
        ori_in_also(t, "detail", &b->m[ORI_IN_BLOCK_DETAIL]);
    } else {
        while (i < 2 && !ori_in_block_has(b, from[i])) i++;
        or_buf_put_z(t->out, ",\"file\":{");
        ori_dialect_put(t->out, &any, as[i], ori_dialect_text(&b->m[from[i]]));
        ori_in_also(t, "filename", &b->m[ORI_IN_BLOCK_FILENAME]);
    }
    or_buf_put_char(t->out, '}');
    ori_in_part_end(t, b);
}

/* What a block shows besides text. */
static void ori_in_block_put_shown(ori_in *t, ori_in_parts *parts, const ori_in_block *b)
{
    if (ori_in_block_is_text(b)) {
        if (b->kind == ORI_IN_KIND_DOCUMENT) ori_in_block_put_inner(t, parts, b);
    } else if (!ori_in_block_is_shown(b)) {
        if ((ORI_IN_KINDS_MEDIA >> b->kind & 1) != 0) ori_dialect_lose(t->loss, b->lost);
    } else if (b->kind == ORI_IN_KIND_LINK || b->kind == ORI_IN_KIND_FILE) {
        ori_in_block_put_link(t, parts, b);
    } else if (b->kind == ORI_IN_KIND_AUDIO) {
        ori_in_part(t, parts, "input_audio");
        ori_in_also(t, "input_audio", &b->m[ORI_IN_BLOCK_AUDIO]);
        ori_in_part_end(t, b);
    } else {
        ori_in_block_put_media(t, parts, b);
    }
}

/* ---- messages ---- */

/* What stands where a message would be empty since nothing of it can be said. */
#define ORI_IN_LEFT_OUT "\"[left out]\""

/* Content has to be a string or a list. */
static bool ori_in_content(ori_in *t, const or_json_item *content)
{
    if (content->type == OR_JSON_STRING || content->type == OR_JSON_ARRAY) return true;
    return ori_in_fail(t, OR_ERR_TYPE, t->where);
}

/* A message with the content of another one; it is left open. */
static void ori_in_begin_plain(ori_in *t, const char *role, or_str content)
{
    ori_in_message(t, role);
    ori_dialect_wrap(t->out, ",\"content\":", content, "");
}

static void ori_in_put_plain(ori_in *t, const char *role, or_str content)
{
    ori_in_begin_plain(t, role, content);
    or_buf_put_char(t->out, '}');
}

/* The texts of a list as the content of a message, which is left open: joined, or as parts
   where one has a mark for caches. False, and nothing is written, when there are none. */
static bool ori_in_blocks_put_texts(ori_in *t, const char *role, ori_dialect_list l,
                                    const char *between)
{
    ori_dialect_list again = l;
    ori_in_block     b;
    ori_in_parts     parts = {role, false};
    ori_in_text      text = {",\"content\":\"", between, false};
    bool             marked = false, any = false;
    while (ori_in_block_next(t, &again, &b)) {
        if (b.kind != ORI_IN_KIND_TEXT) continue;
        any = any || b.m[ORI_IN_BLOCK_TEXT].value.len > 0;
        marked = marked || ori_in_block_has(&b, ORI_IN_BLOCK_CACHE) ||
                 ori_in_block_has(&b, ORI_IN_BLOCK_BREAKPOINT);
    }
    if (!any) return false;
    if (!marked) ori_in_message(t, role);
    while (ori_in_block_next(t, &l, &b)) {
        if (b.kind != ORI_IN_KIND_TEXT) continue;
        if (marked)
            ori_in_block_put_text_part(t, &parts, &b);
        else
            ori_in_block_put_text(t, &text, &b);
    }
    or_buf_put_char(t->out, marked ? ']' : '"');
    return true;
}

/* A message of the system or the developer. */
static void ori_in_put_system(ori_in *t, const char *role, ori_dialect_list l)
{
    (void)ori_in_blocks_survey(t, l, ORI_IN_BIT(TEXT));
    if (ori_in_blocks_put_texts(t, role, l, "\\n\\n")) or_buf_put_char(t->out, '}');
}

/* The images and files of a tool's result, which its message cannot hold. */
static void ori_in_put_shown(ori_in *t, ori_in_parts *parts, const or_json_item *content)
{
    ori_dialect_list l;
    ori_in_block     b;
    ori_dialect_begin_array(&l, content);
    while (ori_in_block_next(t, &l, &b)) ori_in_block_put_shown(t, parts, &b);
}

/* What a tool gave back. result: its error flag and its mark for caches count; NULL: none. */
static void ori_in_put_result(ori_in *t, const or_json_item *id, const or_json_item *content,
                              const ori_in_block *result)
{
    ori_dialect_list l;
    ori_in_block     b;
    bool        failed = result != NULL && result->m[ORI_IN_BLOCK_IS_ERROR].type == OR_JSON_TRUE;
    bool        marked = result != NULL && ori_in_block_has(result, ORI_IN_BLOCK_CACHE);
    ori_in_text text = {failed ? "\"Error: " : "\"", "\\n", false};
    uint32_t    kinds;
    bool        shown = false;
    if (content->type != OR_JSON_NONE && !ori_in_content(t, content)) return;
    ori_dialect_begin_array(&l, content);
    kinds = ori_in_blocks_survey(t, l, ORI_IN_KINDS_SHOWN);
    ori_in_message(t, "tool");
    ori_in_also(t, "tool_call_id", id);
    or_buf_put_z(t->out, marked ? ",\"content\":[{\"type\":\"text\",\"text\":" : ",\"content\":");
    if (content->type == OR_JSON_STRING) ori_in_piece(t, &text, content->value);
    while (ori_in_block_next(t, &l, &b)) {
        ori_in_block_put_text(t, &text, &b);
        shown = shown || ori_in_block_is_shown(&b);
        if (ori_in_block_has(&b, ORI_IN_BLOCK_CACHE))
            ori_dialect_lose(t->loss, "messages.cache_control");
    }
    if (!text.any && shown)
        ori_in_piece(t, &text, OR_STR("[in the next message]"));
    else if (!text.any && (kinds & ~ORI_IN_BIT(TEXT)) != 0)
        ori_in_piece(t, &text, OR_STR("[left out]"));
    ori_in_piece_end(t, &text, failed ? "\"Error: \"" : "\"\"");
    if (marked) {
        ori_in_also(t, "cache_control", &result->m[ORI_IN_BLOCK_CACHE]);
        or_buf_put_z(t->out, "}]");
    }
    or_buf_put_char(t->out, '}');
}

/* A user's message: first what tools gave back, each a message, then the rest as one. */
static void ori_in_put_user(ori_in *t, const or_json_item *content)
{
    ori_dialect_list begin, l;
    ori_in_block     b;
    ori_in_parts     parts = {"user", false};
    uint32_t         kinds;
    if (content->type == OR_JSON_STRING) {
        ori_in_put_plain(t, "user", ori_dialect_text(content));
        return;
    }
    ori_dialect_begin(&begin, content->value);
    kinds = ori_in_blocks_survey(t, begin, ORI_IN_KINDS_SHOWN | ORI_IN_BIT(RESULT));
    for (l = begin; ori_in_block_next(t, &l, &b);)
        if (b.kind == ORI_IN_KIND_RESULT)
            ori_in_put_result(t, &b.m[ORI_IN_BLOCK_TOOL_USE_ID], &b.m[ORI_IN_BLOCK_CONTENT], &b);
    for (l = begin; ori_in_block_next(t, &l, &b);)
        if (b.kind == ORI_IN_KIND_RESULT) ori_in_put_shown(t, &parts, &b.m[ORI_IN_BLOCK_CONTENT]);
    for (l = begin; ori_in_block_next(t, &l, &b);) {
        if (ori_in_block_is_text(&b)) ori_in_block_put_text_part(t, &parts, &b);
        ori_in_block_put_shown(t, &parts, &b);
    }
    if (parts.any) {
        or_buf_put_z(t->out, "]}");
    } else if ((kinds & ORI_IN_BIT(RESULT)) == 0) {
        ori_in_put_plain(t, "user", kinds == 0 ? OR_STR("\"\"") : OR_STR(ORI_IN_LEFT_OUT));
    }
}

/* ---- reasoning that comes back ---- */

/* Elements of reasoning_details, begun when there is a first one. */
static void ori_in_detail(ori_in *t, uint32_t *num)
{
    or_buf_put_z(t->out, (*num)++ == 0 ? ",\"reasoning_details\":[" : ",");
}

/* Is it a detail, or a list of them? Of the list *text is what stands between the brackets. */
static bool ori_in_are_details(const or_json_item *item, bool list, or_str *text)
{
    ori_dialect_list l;
    or_json_item     detail;
    *text = item->value;
    if (!list || item->type != OR_JSON_ARRAY || ori_in_is_empty(item))
        return !list && item->type == OR_JSON_OBJECT;
    ori_dialect_begin(&l, item->value);
    while (ori_dialect_next(&l, &detail))
        if (detail.type != OR_JSON_OBJECT) return false;
    *text = or_str_of(text->ptr + 1, text->len - 2);
    return true;
}

/* Details that were packed into a string when they went to the client: JSON text of one, or of a
   list of them. They go back as they were. What is no such thing is left out. */
static void ori_in_put_packed(ori_in *t, uint32_t *num, or_str raw, bool list)
{
    or_buf      *out = t->out;
    size_t       from = out->len, start;
    uint32_t     before = *num;
    or_str       text;
    or_json_item root;
    ori_in_detail(t, num);
    start = out->len;
    ori_dialect_put_unescaped(out, raw);
    if (out->err != OR_OK) return;
    text = ori_dialect_since(out, start);
    /* around it: the request, its messages, the message, and the list when it is only one */
    if (ori_in_check(text, list ? 3 : 4, &root) != OR_OK ||
        !ori_in_are_details(&root, list, &text)) {
        out->len = from;
        *num = before;
        t->loss->reasoning = true;
        return;
    }
    memmove(out->ptr + start, text.ptr, text.len);
    out->len = start + text.len;
}

/* A thought as an element of reasoning_details, in OpenRouter's words for what Anthropic signs. */
static void ori_in_messages_put_detail(ori_in *t, const ori_in_block *b, uint32_t *num)
{
    const or_json_item *m = b->m;
    bool                is_signed = m[ORI_IN_BLOCK_SIGNATURE].value.len > 0;
    bool                redacted = b->kind == ORI_IN_KIND_REDACTED;
    or_str              packed;
    if (!redacted && !is_signed && m[ORI_IN_BLOCK_THINKING].value.len == 0) return;
    packed = ori_in_after(m[ORI_IN_BLOCK_DATA].value, "or.detail:");
    if (redacted && packed.ptr != NULL) {
        ori_in_put_packed(t, num, packed, false);
        return;
    }
    ori_in_detail(t, num);
    or_buf_put_z(t->out,
                 redacted ? "{\"type\":\"reasoning.encrypted\"" : "{\"type\":\"reasoning.text\"");
    if (redacted) ori_in_also(t, "data", &m[ORI_IN_BLOCK_DATA]);
    if (!redacted) ori_in_also(t, "text", &m[ORI_IN_BLOCK_THINKING]);
    if (!redacted && is_signed) ori_in_also(t, "signature", &m[ORI_IN_BLOCK_SIGNATURE]);
    or_buf_put_z(t->out, redacted || is_signed ? ",\"format\":\"anthropic-claude-v1\""
                                               : ",\"format\":\"unknown\"");
    or_buf_put_z(t->out, ",\"index\":");
    or_buf_put_u64(t->out, *num - 1);
    or_buf_put_char(t->out, '}');
}

/* What the model thought, from blocks: as text, and with the signatures that its provider asks
   to see again. Where those came packed the text is said in them, or as `reasoning`. */
static void ori_in_messages_put_thinking(ori_in *t, ori_dialect_list begin)
{
    ori_dialect_list l;
    ori_in_block     b;
    ori_in_text      text = {",\"reasoning\":\"", "", false};
    uint32_t         num = 0;
    bool             packed = false;
    for (l = begin; ori_in_block_next(t, &l, &b);) {
        if (b.kind == ORI_IN_KIND_THINKING)
            ori_in_piece(t, &text, b.m[ORI_IN_BLOCK_THINKING].value);
        if (b.kind == ORI_IN_KIND_THINKING && b.m[ORI_IN_BLOCK_SIGNATURE].value.len == 0)
            t->loss->foreign = true;
        if (b.kind == ORI_IN_KIND_REDACTED)
            packed = packed || ori_in_after(b.m[ORI_IN_BLOCK_DATA].value, "or.detail:").ptr != NULL;
    }
    ori_in_piece_end(t, &text, "");
    t->loss->foreign = t->loss->foreign || packed;
    for (l = begin; ori_in_block_next(t, &l, &b);)
        if (b.kind == ORI_IN_KIND_REDACTED ||
            (b.kind == ORI_IN_KIND_THINKING &&
             (!packed || b.m[ORI_IN_BLOCK_SIGNATURE].value.len > 0)))
            ori_in_messages_put_detail(t, &b, &num);
    if (num > 0) or_buf_put_char(t->out, ']');
}

/* Begin a call in tool_calls; its arguments, a string, come next. */
static void ori_in_call(ori_in *t, bool *any, const or_json_item *id, const or_json_item *name)
{
    or_buf_put_z(t->out, *any ? "," : ",\"tool_calls\":[");
    *any = true;
    or_buf_put_z(t->out, "{\"type\":\"function\"");
    ori_in_also(t, "id", id);
    ori_dialect_wrap(t->out, ",\"function\":{\"name\":", ori_dialect_text(name), ",\"arguments\":");
}

/* ---- MESSAGES ---- */

static void ori_in_messages_put_assistant(ori_in *t, const or_json_item *content)
{
    ori_dialect_list l;
    ori_in_block     b;
    bool             any = false;
    const uint32_t   known =
        ORI_IN_BIT(TEXT) | ORI_IN_BIT(CALL) | ORI_IN_BIT(THINKING) | ORI_IN_BIT(REDACTED);
    uint32_t kinds;
    if (content->type == OR_JSON_STRING) {
        ori_in_put_plain(t, "assistant", ori_dialect_text(content));
        return;
    }
    ori_dialect_begin(&l, content->value);
    kinds = ori_in_blocks_survey(t, l, known);
    if (!ori_in_blocks_put_texts(t, "assistant", l, "")) {
        bool said = kinds == 0 || (kinds & known) != 0;
        ori_in_begin_plain(t, "assistant",
                           (kinds & ORI_IN_BIT(CALL)) != 0 ? OR_STR("null")
                           : said                          ? OR_STR("\"\"")
                                                           : OR_STR(ORI_IN_LEFT_OUT));
    }
    ori_in_messages_put_thinking(t, l);
    while (ori_in_block_next(t, &l, &b)) {
        const or_json_item *input = &b.m[ORI_IN_BLOCK_INPUT];
        if (b.kind != ORI_IN_KIND_CALL) continue;
        ori_in_call(t, &any, &b.m[ORI_IN_BLOCK_ID], &b.m[ORI_IN_BLOCK_NAME]);
        ori_dialect_put_str(t->out, input->type == OR_JSON_NONE ? OR_STR("{}") : input->value);
        or_buf_put_z(t->out, "}}");
    }
    or_buf_put_z(t->out, any ? "]}" : "}");
}

/* Claude Code's first block is another one at each request, which no cache survives. */
static void ori_in_messages_put_system(ori_in *t, const or_json_item *system)
{
    ori_dialect_list l, second;
    ori_in_block     b;
    t->where = "system";
    if (system->type == OR_JSON_NONE || !ori_in_content(t, system)) return;
    if (system->type == OR_JSON_STRING) {
        if (system->value.len == 0) return;
        ori_in_put_plain(t, "system", ori_dialect_text(system));
        return;
    }
    ori_dialect_begin(&l, system->value);
    second = l;
    if (ori_in_block_next(t, &second, &b) && b.kind == ORI_IN_KIND_TEXT &&
        ori_in_after(b.m[ORI_IN_BLOCK_TEXT].value, "x-anthropic-billing-header").ptr != NULL)
        l = second;
    ori_in_put_system(t, "system", l);
}

static void ori_in_messages_put_messages(ori_in *t, or_str messages)
{
    ori_dialect_list l;
    or_json_item     item, m[2];
    ori_dialect_begin(&l, messages);
    while (t->err == OR_OK && ori_dialect_next(&l, &item)) {
        t->where = "messages";
        if (!ori_in_want(t, &item, OR_JSON_OBJECT, "messages")) return;
        ori_dialect_pick(item.value, "role content", 2, m);
        t->where = "messages.content";
        if (!ori_in_content(t, &m[1])) return;
        if (ori_dialect_is(&m[0], "user")) {
            ori_in_put_user(t, &m[1]);
        } else if (ori_dialect_is(&m[0], "assistant")) {
            ori_in_messages_put_assistant(t, &m[1]);
        } else if (!ori_dialect_is(&m[0], "system")) {
            (void)ori_in_fail(t, OR_ERR_TYPE, "messages.role");
        } else if (m[1].type == OR_JSON_STRING) {
            ori_in_put_plain(t, "system", ori_dialect_text(&m[1]));
        } else {
            ori_dialect_list blocks;
            ori_dialect_begin(&blocks, m[1].value);
            ori_in_put_system(t, "system", blocks);
        }
    }
}

/* ---- tools ---- */

enum {
    ORI_IN_TOOL_TYPE,
    ORI_IN_TOOL_NAME,
    ORI_IN_TOOL_DESCRIPTION,
    ORI_IN_TOOL_SCHEMA, /* MESSAGES */
    ORI_IN_TOOL_PARAMETERS,
    ORI_IN_TOOL_STRICT,
    ORI_IN_TOOL_CACHE,
    ORI_IN_TOOL_FORMAT,
    ORI_IN_TOOL_EXAMPLES,
    ORI_IN_TOOL_TOOLS, /* of a namespace */
    ORI_IN_TOOL_NUM
};

enum {
    ORI_IN_TOOL_LOST,
    ORI_IN_TOOL_FUNCTION,
    ORI_IN_TOOL_CUSTOM,
    ORI_IN_TOOL_SPACE,
    ORI_IN_TOOL_SERVER
};

typedef struct ori_in_tool {
    uint32_t     kind;
    or_str       text; /* all of it */
    or_json_item m[ORI_IN_TOOL_NUM];
} ori_in_tool;

/* The kinds of tools: in MESSAGES a custom one is what else is called a function. */
static uint32_t ori_in_tool_kind(or_dialect from, const or_json_item *type)
{
    static const uint8_t kinds[] = {ORI_IN_TOOL_FUNCTION, ORI_IN_TOOL_CUSTOM, ORI_IN_TOOL_SPACE,
                                    ORI_IN_TOOL_LOST};
    if (type->type == OR_JSON_STRING && ori_in_after(type->value, "openrouter:").ptr != NULL)
        return ORI_IN_TOOL_SERVER;
    if (from == OR_DIALECT_MESSAGES)
        return type->type == OR_JSON_NONE || ori_dialect_is(type, "custom") ? ORI_IN_TOOL_FUNCTION
                                                                            : ORI_IN_TOOL_LOST;
    return kinds[ori_dialect_which(type, "function custom namespace")];
}

static bool ori_in_tool_next(ori_in *t, or_dialect from, ori_dialect_list *l, ori_in_tool *tool)
{
    static const uint8_t types[] = {OR_JSON_STRING, OR_JSON_STRING, OR_JSON_STRING, OR_JSON_OBJECT,
                                    OR_JSON_OBJECT, OR_JSON_TRUE,   OR_JSON_OBJECT, OR_JSON_OBJECT,
                                    OR_JSON_ARRAY,  OR_JSON_ARRAY};
    or_json_item         item;
    if (t->err != OR_OK || !ori_dialect_next(l, &item)) return false;
    if (!ori_in_want(t, &item, OR_JSON_OBJECT, "tools")) return false;
    tool->text = item.value;
    ori_dialect_pick(item.value,
                     "type name description input_schema parameters strict cache_control format "
                     "input_examples tools",
                     ORI_IN_TOOL_NUM, tool->m);
    if (!ori_in_want(t, &tool->m[ORI_IN_TOOL_TYPE], OR_JSON_STRING, "tools")) return false;
    tool->kind = ori_in_tool_kind(from, &tool->m[ORI_IN_TOOL_TYPE]);
    if (tool->kind == ORI_IN_TOOL_LOST || tool->kind == ORI_IN_TOOL_SERVER) return true;
    return ori_in_types(t, tool->m, types, ORI_IN_TOOL_NUM, 1 << ORI_IN_TOOL_NAME, "tools");
}

/* A function, or as one the custom tool of RESPONSES: free text becomes its only argument. */
static void ori_in_tool_put(ori_in *t, const ori_in_tool *tool, bool *any)
{
    const or_json_item *m = tool->m;
    or_json_item        format = ori_dialect_get(m[ORI_IN_TOOL_FORMAT].value, "type");
    or_buf_put_z(t->out, *any ? "," : ",\"tools\":[");
    *any = true;
    if (tool->kind == ORI_IN_TOOL_SERVER) {
        or_buf_put_str(t->out, tool->text);
        return;
    }
    or_buf_put_z(t->out, "{\"type\":\"function\",\"function\":{\"name\":");
    or_buf_put_str(t->out, ori_dialect_text(&m[ORI_IN_TOOL_NAME]));
    ori_in_also(t, "description", &m[ORI_IN_TOOL_DESCRIPTION]);
    if (tool->kind == ORI_IN_TOOL_CUSTOM) {
        or_buf_put_z(t->out, ",\"parameters\":" ORI_CUSTOM_SCHEMA);
        if (format.type != OR_JSON_NONE && !ori_dialect_is(&format, "text"))
            ori_dialect_lose(t->loss, "tools.format");
    } else {
        ori_in_also(t, "parameters",
                    m[ORI_IN_TOOL_SCHEMA].type != OR_JSON_NONE ? &m[ORI_IN_TOOL_SCHEMA]
                                                               : &m[ORI_IN_TOOL_PARAMETERS]);
        ori_in_also(t, "strict", &m[ORI_IN_TOOL_STRICT]);
    }
    or_buf_put_char(t->out, '}');
    ori_in_also(t, "cache_control", &m[ORI_IN_TOOL_CACHE]);
    or_buf_put_char(t->out, '}');
    if (m[ORI_IN_TOOL_EXAMPLES].type != OR_JSON_NONE)
        ori_dialect_lose(t->loss, "tools.input_examples");
}

/* The tools of a list, those in namespaces beside the others; are there any? *found: the one with
   the name that is wanted is among them. */
static bool ori_in_put_tools(ori_in *t, or_dialect from, const or_json_item *tools,
                             const or_json_item *wanted, bool *found)
{
    ori_dialect_list l, inner;
    ori_in_tool      tool;
    bool             any = false, inside = false;
    *found = false;
    ori_dialect_begin(&l, tools->value);
    ori_dialect_begin(&inner, or_str_of(NULL, 0));
    for (;;) {
        inside = ori_in_tool_next(t, from, &inner, &tool);
        if (!inside && !ori_in_tool_next(t, from, &l, &tool)) break;
        if (tool.kind == ORI_IN_TOOL_SPACE && !inside) {
            ori_dialect_begin(&inner, tool.m[ORI_IN_TOOL_TOOLS].value);
        } else if (tool.kind == ORI_IN_TOOL_LOST || tool.kind == ORI_IN_TOOL_SPACE) {
            ori_dialect_lose(t->loss, "tools");
        } else {
            ori_in_tool_put(t, &tool, &any);
            *found = *found || (tool.m[ORI_IN_TOOL_NAME].type == OR_JSON_STRING &&
                                wanted->type == OR_JSON_STRING &&
                                ori_in_same(tool.m[ORI_IN_TOOL_NAME].value, wanted->value));
        }
    }
    if (any) or_buf_put_char(t->out, ']');
    return any;
}

/* A tool that must be called, when it is among those that were said. */
static void ori_in_put_named(ori_in *t, const or_json_item *name, bool found)
{
    if (name->type == OR_JSON_NONE) {
        (void)ori_in_fail(t, OR_ERR_TYPE, "tool_choice");
        return;
    }
    if (!found) {
        ori_dialect_lose(t->loss, "tool_choice");
        return;
    }
    ori_dialect_put_name(t->out, &t->members, "tool_choice");
    ori_dialect_wrap(
        t->out, "{\"type\":\"function\",\"function\":{\"name\":", ori_dialect_text(name), "}}");
}

/* ---- members of the request ---- */

enum {
    ORI_IN_MEMBER_PASS,  /* as it is, perhaps under another name */
    ORI_IN_MEMBER_READ,  /* elsewhere */
    ORI_IN_MEMBER_LOSE,  /* unless it is what `as` says: that changes nothing */
    ORI_IN_MEMBER_STATE, /* true, or what is no boolean, asks for what a server has to keep */
    ORI_IN_MEMBER_SKIP   /* about the answer's form: nothing is lost */
};

/* What a member is passed as, or what it has to be so that nothing is lost; NAME: as it is called,
   or nothing. */
enum { ORI_IN_AS_NAME, ORI_IN_AS_COMPLETION, ORI_IN_AS_EMPTY, ORI_IN_AS_DISABLED, ORI_IN_AS_0 };
static const char *const ori_in_as[] = {NULL, "max_completion_tokens", "[]", "\"disabled\"", "0"};

typedef struct ori_in_row {
    const char *name;
    uint8_t     type; /* TRUE: a boolean; NONE: any */
    uint8_t     how, as;
} ori_in_row;

/* What chat requests have under the same name: OpenRouter's own members, and those that it takes
   in each of its dialects. */
static const ori_in_row ori_in_members_common[] = {
    {"model", OR_JSON_STRING, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"stream", OR_JSON_TRUE, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"temperature", OR_JSON_NUMBER, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"top_p", OR_JSON_NUMBER, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"top_k", OR_JSON_NUMBER, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"top_a", OR_JSON_NUMBER, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"min_p", OR_JSON_NUMBER, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"frequency_penalty", OR_JSON_NUMBER, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"presence_penalty", OR_JSON_NUMBER, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"repetition_penalty", OR_JSON_NUMBER, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"seed", OR_JSON_NUMBER, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"models", OR_JSON_ARRAY, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"provider", OR_JSON_OBJECT, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"plugins", OR_JSON_ARRAY, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"session_id", OR_JSON_STRING, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"trace", OR_JSON_OBJECT, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"user", OR_JSON_STRING, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"preset", OR_JSON_STRING, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"route", OR_JSON_STRING, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"transforms", OR_JSON_ARRAY, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"debug", OR_JSON_OBJECT, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"usage", OR_JSON_OBJECT, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"stop_server_tools_when", OR_JSON_ARRAY, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"max_tool_calls", OR_JSON_NUMBER, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"cache_control", OR_JSON_OBJECT, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"service_tier", OR_JSON_STRING, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"image_config", OR_JSON_OBJECT, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"modalities", OR_JSON_ARRAY, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
};

static const ori_in_row ori_in_members_messages[] = {
    {"messages", OR_JSON_ARRAY, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"system", OR_JSON_NONE, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"max_tokens", OR_JSON_NUMBER, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"stop_sequences", OR_JSON_ARRAY, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"tools", OR_JSON_ARRAY, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"tool_choice", OR_JSON_OBJECT, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"thinking", OR_JSON_OBJECT, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"output_config", OR_JSON_OBJECT, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"metadata", OR_JSON_OBJECT, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"speed", OR_JSON_STRING, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"fallbacks", OR_JSON_ARRAY, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"container", OR_JSON_NONE, ORI_IN_MEMBER_LOSE, ORI_IN_AS_NAME},
    {"context_management", OR_JSON_NONE, ORI_IN_MEMBER_LOSE, ORI_IN_AS_NAME},
    {"mcp_servers", OR_JSON_NONE, ORI_IN_MEMBER_LOSE, ORI_IN_AS_EMPTY},
    {"diagnostics", OR_JSON_NONE, ORI_IN_MEMBER_LOSE, ORI_IN_AS_NAME},
    {"inference_geo", OR_JSON_NONE, ORI_IN_MEMBER_LOSE, ORI_IN_AS_NAME},
    {"betas", OR_JSON_NONE, ORI_IN_MEMBER_LOSE, ORI_IN_AS_EMPTY},
};

static const ori_in_row ori_in_members_responses[] = {
    {"input", OR_JSON_NONE, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"instructions", OR_JSON_STRING, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"tools", OR_JSON_ARRAY, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"tool_choice", OR_JSON_NONE, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"parallel_tool_calls", OR_JSON_TRUE, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"text", OR_JSON_OBJECT, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"reasoning", OR_JSON_OBJECT, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"include", OR_JSON_ARRAY, ORI_IN_MEMBER_READ, ORI_IN_AS_NAME},
    {"max_output_tokens", OR_JSON_NUMBER, ORI_IN_MEMBER_PASS, ORI_IN_AS_COMPLETION},
    {"metadata", OR_JSON_OBJECT, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"prompt_cache_key", OR_JSON_STRING, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"prompt_cache_retention", OR_JSON_STRING, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"prompt_cache_options", OR_JSON_OBJECT, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"safety_identifier", OR_JSON_STRING, ORI_IN_MEMBER_PASS, ORI_IN_AS_NAME},
    {"truncation", OR_JSON_STRING, ORI_IN_MEMBER_LOSE, ORI_IN_AS_DISABLED},
    {"top_logprobs", OR_JSON_NUMBER, ORI_IN_MEMBER_LOSE, ORI_IN_AS_0},
    {"context_management", OR_JSON_NONE, ORI_IN_MEMBER_LOSE, ORI_IN_AS_EMPTY},
    {"stream_options", OR_JSON_OBJECT, ORI_IN_MEMBER_SKIP, ORI_IN_AS_NAME},
    {"previous_response_id", OR_JSON_STRING, ORI_IN_MEMBER_STATE, ORI_IN_AS_NAME},
    {"conversation", OR_JSON_NONE, ORI_IN_MEMBER_STATE, ORI_IN_AS_NAME},
    {"prompt", OR_JSON_OBJECT, ORI_IN_MEMBER_STATE, ORI_IN_AS_NAME},
    {"background", OR_JSON_TRUE, ORI_IN_MEMBER_STATE, ORI_IN_AS_NAME},
    {"store", OR_JSON_TRUE, ORI_IN_MEMBER_STATE, ORI_IN_AS_NAME},
};

enum { ORI_IN_MEMBERS_COMMON = sizeof ori_in_members_common / sizeof ori_in_members_common[0] };

/* Which of them were there is kept in one word. */
typedef char
    ori_in_members_fit[sizeof ori_in_members_responses / sizeof ori_in_members_responses[0] +
                                   ORI_IN_MEMBERS_COMMON <=
                               64
                           ? 1
                           : -1];

/* The row that a name has, of the dialect's own or the common ones; their sum: none. */
static uint32_t ori_in_row_of(const ori_in_row *own, uint32_t num, or_str key)
{
    for (uint32_t i = 0; i < num + ORI_IN_MEMBERS_COMMON; i++)
        if (or_json_str_is(key,
                           or_str_z(i < num ? own[i].name : ori_in_members_common[i - num].name)))
            return i;
    return num + ORI_IN_MEMBERS_COMMON;
}

static void ori_in_put_member(ori_in *t, const ori_in_row *row, const or_json_item *item)
{
    or_str      text = ori_dialect_text(item);
    const char *as = ori_in_as[row->as];
    if (!ori_in_want(t, item, (or_json_type)row->type, row->name)) return;
    switch (row->how) {
    case ORI_IN_MEMBER_PASS:
        ori_dialect_put(t->out, &t->members, as != NULL ? as : row->name, text);
        break;
    case ORI_IN_MEMBER_LOSE:
        if (as == NULL || !or_str_eq(text, or_str_z(as))) ori_dialect_lose(t->loss, row->name);
        break;
    case ORI_IN_MEMBER_STATE:
        if (item->type != OR_JSON_FALSE) (void)ori_in_fail(t, OR_ERR_DIALECT, row->name);
        break;
    default: break;
    }
}

/* Every member: its type, and what needs nothing but its row. Of two with one name the first
   counts. */
static void ori_in_put_members(ori_in *t, or_str body, const ori_in_row *own, uint32_t num)
{
    ori_dialect_list l;
    or_json_item     item;
    uint64_t         seen = 0;
    ori_dialect_begin(&l, body);
    while (t->err == OR_OK && ori_dialect_next(&l, &item)) {
        uint32_t i = ori_in_row_of(own, num, item.key);
        if (item.type == OR_JSON_NULL) continue;
        if (i == num + ORI_IN_MEMBERS_COMMON) {
            ori_dialect_lose(t->loss, "unknown");
            continue;
        }
        if ((seen >> i & 1) != 0) continue;
        seen |= (uint64_t)1 << i;
        ori_in_put_member(t, i < num ? &own[i] : &ori_in_members_common[i - num], &item);
    }
}

/* A schema that the answer has to keep to. */
static void ori_in_put_schema(ori_in *t, or_str name, const or_json_item *description,
                              const or_json_item *schema, or_str strict)
{
    bool any = false;
    ori_dialect_put_name(t->out, &t->members, "response_format");
    or_buf_put_z(t->out, "{\"type\":\"json_schema\",\"json_schema\":{");
    ori_dialect_put(t->out, &any, "name", name);
    ori_in_also(t, "description", description);
    if (strict.ptr != NULL) ori_dialect_put(t->out, &any, "strict", strict);
    ori_in_also(t, "schema", schema);
    or_buf_put_z(t->out, "}}");
}

/* ---- MESSAGES: members ---- */

enum {
    ORI_IN_ASKS_MESSAGES,
    ORI_IN_ASKS_SYSTEM,
    ORI_IN_ASKS_MAX_TOKENS,
    ORI_IN_ASKS_STOP,
    ORI_IN_ASKS_TOOLS,
    ORI_IN_ASKS_CHOICE,
    ORI_IN_ASKS_THINKING,
    ORI_IN_ASKS_OUTPUT,
    ORI_IN_ASKS_METADATA,
    ORI_IN_ASKS_USER,
    ORI_IN_ASKS_TIER,
    ORI_IN_ASKS_SPEED,
    ORI_IN_ASKS_FALLBACKS,
    ORI_IN_ASKS_MODELS,
    ORI_IN_ASKS_NUM
};

enum { ORI_IN_MAX_STOP = 4, ORI_IN_MAX_USER = 64 }; /* sequences, characters: what chat allows */

static void ori_in_messages_put_limits(ori_in *t, const or_json_item *m)
{
    ori_dialect_list l;
    or_json_item     item;
    int64_t          max = 1;
    uint32_t         num = 0;
    if (m[ORI_IN_ASKS_MAX_TOKENS].type != OR_JSON_NONE) {
        /* 0 only warms a cache, which a chat request cannot ask for */
        if (or_decimal_read(m[ORI_IN_ASKS_MAX_TOKENS].value, 0, &max) == OR_OK && max == 0)
            ori_dialect_lose(t->loss, "max_tokens");
        else
            ori_dialect_put(t->out, &t->members, "max_tokens", m[ORI_IN_ASKS_MAX_TOKENS].value);
    }
    ori_dialect_begin(&l, m[ORI_IN_ASKS_STOP].value);
    for (; ori_dialect_next(&l, &item); num++) {
        if (item.type != OR_JSON_STRING) {
            (void)ori_in_fail(t, OR_ERR_TYPE, "stop_sequences");
            return;
        }
        if (num == 0) ori_dialect_put_name(t->out, &t->members, "stop");
        if (num < ORI_IN_MAX_STOP) or_buf_put_char(t->out, num == 0 ? '[' : ',');
        if (num < ORI_IN_MAX_STOP) or_buf_put_str(t->out, ori_dialect_text(&item));
    }
    if (num > 0) or_buf_put_char(t->out, ']');
    if (num > ORI_IN_MAX_STOP) ori_dialect_lose(t->loss, "stop");
}

static void ori_in_messages_put_choice(ori_in *t, const or_json_item *choice,
                                       const or_json_item *tools)
{
    static const char *const as[] = {"\"required\"", "\"auto\"", "\"none\""};
    or_json_item             m[3];
    uint32_t                 k;
    bool                     any, found = false;
    ori_dialect_pick(choice->value, "type name disable_parallel_tool_use", 3, m);
    k = ori_dialect_which(&m[0], "any auto none tool");
    if (choice->type != OR_JSON_NONE && k == 4) (void)ori_in_fail(t, OR_ERR_TYPE, "tool_choice");
    if (k != 3) m[1].type = OR_JSON_NONE;
    (void)ori_in_want(t, &m[1], OR_JSON_STRING, "tool_choice");
    (void)ori_in_want(t, &m[2], OR_JSON_TRUE, "tool_choice");
    if (t->err != OR_OK) return;
    any = ori_in_put_tools(t, OR_DIALECT_MESSAGES, tools, &m[1], &found);
    if (k == 3) ori_in_put_named(t, &m[1], found);
    if (!any) { /* none to choose from */
        if (k == 0) ori_dialect_lose(t->loss, "tool_choice");
        return;
    }
    if (k < 3) ori_dialect_put(t->out, &t->members, "tool_choice", or_str_z(as[k]));
    if (m[2].type == OR_JSON_TRUE)
        ori_dialect_put(t->out, &t->members, "parallel_tool_calls", OR_STR("false"));
}

/* How much the model may think. Where nothing is said of thinking, effort is about the answer:
   OpenRouter has it as verbosity. */
static void ori_in_messages_put_reasoning(ori_in *t, const or_json_item *thinking,
                                          or_json_item effort)
{
    or_json_item m[2];
    bool         disabled, adaptive, any = false;
    ori_dialect_pick(thinking->value, "type budget_tokens", 2, m);
    (void)ori_in_want(t, &m[1], OR_JSON_NUMBER, "thinking");
    if (thinking->type != OR_JSON_NONE && m[0].type != OR_JSON_STRING)
        (void)ori_in_fail(t, OR_ERR_TYPE, "thinking");
    disabled = ori_dialect_is(&m[0], "disabled");
    adaptive = ori_dialect_is(&m[0], "adaptive");
    if (thinking->type != OR_JSON_NONE) {
        ori_dialect_put_name(t->out, &t->members, "reasoning");
        or_buf_put_char(t->out, '{');
        if (disabled)
            ori_dialect_put(t->out, &any, "enabled", OR_STR("false"));
        else if (adaptive && effort.type != OR_JSON_NONE)
            ori_dialect_put(t->out, &any, "effort", ori_dialect_text(&effort));
        else if (m[1].type != OR_JSON_NONE)
            ori_dialect_put(t->out, &any, "max_tokens", m[1].value);
        else
            ori_dialect_put(t->out, &any, "enabled", OR_STR("true"));
        or_buf_put_char(t->out, '}');
        if (!disabled && !adaptive && !ori_dialect_is(&m[0], "enabled"))
            ori_dialect_lose(t->loss, "reasoning");
    }
    if (effort.type != OR_JSON_NONE && !adaptive)
        ori_dialect_put(t->out, &t->members, "verbosity", ori_dialect_text(&effort));
}

static void ori_in_messages_put_output(ori_in *t, const or_json_item *m)
{
    ori_dialect_list l;
    or_json_item     item, o[2], type, schema, none;
    memset(&none, 0, sizeof none);
    ori_dialect_pick(m[ORI_IN_ASKS_OUTPUT].value, "effort format", 2, o);
    (void)ori_in_want(t, &o[0], OR_JSON_STRING, "output_config");
    (void)ori_in_want(t, &o[1], OR_JSON_OBJECT, "output_config");
    ori_in_messages_put_reasoning(t, &m[ORI_IN_ASKS_THINKING], o[0]);
    type = ori_dialect_get(o[1].value, "type");
    schema = ori_dialect_get(o[1].value, "schema");
    if (ori_dialect_is(&type, "json_schema") && schema.type == OR_JSON_OBJECT)
        ori_in_put_schema(t, OR_STR("\"answer\""), &none, &schema, OR_STR("true"));
    else if (o[1].type != OR_JSON_NONE)
        ori_dialect_lose(t->loss, "response_format");
    ori_dialect_begin(&l, m[ORI_IN_ASKS_OUTPUT].value);
    while (ori_dialect_next(&l, &item))
        if (item.type != OR_JSON_NULL && !ori_dialect_listed(item.key, "effort format"))
            ori_dialect_lose(t->loss, "output_config");
}

/* The first characters of a raw string, escapes and UTF-8 left whole. */
static or_str ori_in_first(or_str raw, uint32_t characters)
{
    const char *p = raw.ptr, *end = p + raw.len;
    for (; characters > 0 && p < end; characters--) {
        (void)ori_dialect_char(&p, end);
        while (p < end && ori_json_continues(*p)) p++;
    }
    return or_str_of(raw.ptr, (size_t)(p - raw.ptr));
}

/* Members that have another name in chat requests and may stand there under that one, too, which
   then counts: user, service_tier. */
static void ori_in_messages_put_others(ori_in *t, const or_json_item *m)
{
    ori_dialect_list l;
    or_json_item     item;
    or_str           user;
    ori_dialect_begin(&l, m[ORI_IN_ASKS_METADATA].value);
    while (ori_dialect_next(&l, &item))
        if (!or_json_str_is(item.key, OR_STR("user_id")) && item.type != OR_JSON_NULL)
            ori_dialect_lose(t->loss, "metadata");
    item = ori_dialect_get(m[ORI_IN_ASKS_METADATA].value, "user_id");
    if (!ori_in_want(t, &item, OR_JSON_STRING, "metadata")) return;
    if (item.type != OR_JSON_NONE && m[ORI_IN_ASKS_USER].type == OR_JSON_NONE) {
        user = ori_in_first(item.value, ORI_IN_MAX_USER);
        ori_dialect_put_name(t->out, &t->members, "user");
        ori_dialect_wrap(t->out, "\"", user, "\"");
    }
    item = m[ORI_IN_ASKS_SPEED];
    if (item.type != OR_JSON_NONE && m[ORI_IN_ASKS_TIER].type == OR_JSON_NONE)
        ori_dialect_put(t->out, &t->members, "service_tier", ori_dialect_text(&item));
    else if (item.type != OR_JSON_NONE)
        ori_dialect_lose(t->loss, "speed");
}

/* The models to fall back to; where `models` stands as well, that counts. */
static void ori_in_messages_put_fallbacks(ori_in *t, const or_json_item *m)
{
    ori_dialect_list l;
    or_json_item     item, model;
    uint32_t         num = 0;
    if (m[ORI_IN_ASKS_MODELS].type != OR_JSON_NONE) {
        if (!ori_in_is_empty(&m[ORI_IN_ASKS_FALLBACKS])) ori_dialect_lose(t->loss, "fallbacks");
        return;
    }
    ori_dialect_begin(&l, m[ORI_IN_ASKS_FALLBACKS].value);
    for (; ori_dialect_next(&l, &item); num++) {
        if (!ori_in_want(t, &item, OR_JSON_OBJECT, "fallbacks")) return;
        model = ori_dialect_get(item.value, "model");
        if (model.type != OR_JSON_STRING) {
            (void)ori_in_fail(t, OR_ERR_TYPE, "fallbacks");
            return;
        }
        if (num == 0) ori_dialect_put_name(t->out, &t->members, "models");
        or_buf_put_char(t->out, num == 0 ? '[' : ',');
        or_buf_put_str(t->out, ori_dialect_text(&model));
    }
    if (num > 0) or_buf_put_char(t->out, ']');
}

static void ori_in_messages_to_chat(ori_in *t, or_str body)
{
    or_json_item m[ORI_IN_ASKS_NUM];
    ori_in_put_members(t, body, ori_in_members_messages,
                       sizeof ori_in_members_messages / sizeof ori_in_members_messages[0]);
    if (t->err != OR_OK) return;
    ori_dialect_pick(body,
                     "messages system max_tokens stop_sequences tools tool_choice thinking "
                     "output_config metadata user service_tier speed fallbacks models",
                     ORI_IN_ASKS_NUM, m);
    ori_dialect_put_name(t->out, &t->members, "messages");
    or_buf_put_char(t->out, '[');
    ori_in_messages_put_system(t, &m[ORI_IN_ASKS_SYSTEM]);
    if (ori_in_is_empty(&m[ORI_IN_ASKS_MESSAGES])) (void)ori_in_fail(t, OR_ERR_TYPE, "messages");
    if (t->err == OR_OK) ori_in_messages_put_messages(t, m[ORI_IN_ASKS_MESSAGES].value);
    if (!t->messages) (void)ori_in_fail(t, OR_ERR_DIALECT, "messages");
    or_buf_put_char(t->out, ']');
    if (t->err == OR_OK)
        ori_in_messages_put_choice(t, &m[ORI_IN_ASKS_CHOICE], &m[ORI_IN_ASKS_TOOLS]);
    if (t->err == OR_OK) ori_in_messages_put_limits(t, m);
    if (t->err == OR_OK) ori_in_messages_put_output(t, m);
    if (t->err == OR_OK) ori_in_messages_put_others(t, m);
    if (t->err == OR_OK) ori_in_messages_put_fallbacks(t, m);
}

/* ---- RESPONSES: items ---- */

#define ORI_IN_ITEM_MEMBERS(X)        \
    X(TYPE, "type", STRING)           \
    X(ROLE, "role", STRING)           \
    X(CONTENT, "content", NONE)       \
    X(CALL_ID, "call_id", STRING)     \
    X(NAME, "name", STRING)           \
    X(ARGUMENTS, "arguments", STRING) \
    X(INPUT, "input", STRING)         \
    X(OUTPUT, "output", NONE)         \
    X(SUMMARY, "summary", ARRAY)      \
    X(ENCRYPTED, "encrypted_content", STRING)

enum {
#define ORI_X(name, json, type) ORI_IN_ITEM_##name,
    ORI_IN_ITEM_MEMBERS(ORI_X)
#undef ORI_X
        ORI_IN_ITEM_NUM
};

static const char ori_in_item_names[] =
#define ORI_X(name, json, type) json " "
    ORI_IN_ITEM_MEMBERS(ORI_X)
#undef ORI_X
    ;

static const uint8_t ori_in_item_types[] = {
#define ORI_X(name, json, type) OR_JSON_##type,
    ORI_IN_ITEM_MEMBERS(ORI_X)
#undef ORI_X
};

enum {
    ORI_IN_ITEM_OTHER,
    ORI_IN_ITEM_MESSAGE,
    ORI_IN_ITEM_SAID, /* a message of the assistant */
    ORI_IN_ITEM_CALLED,
    ORI_IN_ITEM_CUSTOM,
    ORI_IN_ITEM_THOUGHT,
    ORI_IN_ITEM_RESULT,
    ORI_IN_ITEM_REFERENCE
};

#define ORI_IN_ITEM_BIT(kind)   ((uint32_t)1 << ORI_IN_ITEM_##kind)
#define ORI_IN_ITEM_NEEDS(name) ((uint32_t)1 << ORI_IN_ITEM_##name)
#define ORI_IN_ITEMS_ASSISTANT                                                   \
    (ORI_IN_ITEM_BIT(SAID) | ORI_IN_ITEM_BIT(CALLED) | ORI_IN_ITEM_BIT(CUSTOM) | \
     ORI_IN_ITEM_BIT(THOUGHT))

#define ORI_IN_LOST_ITEM "input."
static const struct {
    const char *lost;
    uint8_t     kind;
    uint32_t    needs;
} ori_in_item_kinds[] = {
    {ORI_IN_LOST_ITEM "message", ORI_IN_ITEM_MESSAGE,
     ORI_IN_ITEM_NEEDS(ROLE) | ORI_IN_ITEM_NEEDS(CONTENT)},
    {ORI_IN_LOST_ITEM "function_call", ORI_IN_ITEM_CALLED,
     ORI_IN_ITEM_NEEDS(CALL_ID) | ORI_IN_ITEM_NEEDS(NAME)},
    {ORI_IN_LOST_ITEM "custom_tool_call", ORI_IN_ITEM_CUSTOM,
     ORI_IN_ITEM_NEEDS(CALL_ID) | ORI_IN_ITEM_NEEDS(NAME) | ORI_IN_ITEM_NEEDS(INPUT)},
    {ORI_IN_LOST_ITEM "reasoning", ORI_IN_ITEM_THOUGHT, 0},
    {ORI_IN_LOST_ITEM "function_call_output", ORI_IN_ITEM_RESULT, ORI_IN_ITEM_NEEDS(CALL_ID)},
    {ORI_IN_LOST_ITEM "custom_tool_call_output", ORI_IN_ITEM_RESULT, ORI_IN_ITEM_NEEDS(CALL_ID)},
    {ORI_IN_LOST_ITEM "item_reference", ORI_IN_ITEM_REFERENCE, 0},
    {ORI_IN_LOST_ITEM "web_search_call", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "file_search_call", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "computer_call", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "computer_call_output", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "local_shell_call", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "local_shell_call_output", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "shell_call", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "shell_call_output", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "apply_patch_call", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "apply_patch_call_output", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "image_generation_call", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "code_interpreter_call", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "mcp_call", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "mcp_list_tools", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "mcp_approval_request", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "mcp_approval_response", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "tool_search_call", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "tool_search_output", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "additional_tools", ORI_IN_ITEM_OTHER, 0},
    {ORI_IN_LOST_ITEM "compaction", ORI_IN_ITEM_OTHER, 0},
};

typedef struct ori_in_item {
    uint32_t     kind;
    or_json_item m[ORI_IN_ITEM_NUM];
} ori_in_item;

/* An item without a type is a message, or with nothing but an id a reference. */
static bool ori_in_item_check(ori_in *t, ori_in_item *i)
{
    uint32_t    needs = ORI_IN_ITEM_NEEDS(TYPE);
    const char *lost = "input";
    i->kind = ORI_IN_ITEM_OTHER;
    for (size_t k = 0; k < sizeof ori_in_item_kinds / sizeof ori_in_item_kinds[0]; k++) {
        const char *name = ori_in_item_kinds[k].lost + sizeof(ORI_IN_LOST_ITEM) - 1;
        bool        message = ori_in_item_kinds[k].kind == ORI_IN_ITEM_MESSAGE;
        uint32_t    implied = message ? ORI_IN_ITEM_ROLE : ORI_IN_ITEM_TYPE;
        if (!ori_dialect_is(&i->m[ORI_IN_ITEM_TYPE], name) &&
            (i->m[ORI_IN_ITEM_TYPE].type != OR_JSON_NONE || i->m[implied].type == OR_JSON_NONE))
            continue;
        i->kind = ori_in_item_kinds[k].kind;
        needs = ori_in_item_kinds[k].needs;
        lost = ori_in_item_kinds[k].lost;
    }
    if (i->kind == ORI_IN_ITEM_REFERENCE ||
        (i->m[ORI_IN_ITEM_TYPE].type == OR_JSON_NONE && i->kind == ORI_IN_ITEM_OTHER))
        return ori_in_fail(t, OR_ERR_DIALECT, "input.item_reference");
    /* of others nobody reads more than the type */
    if (!ori_in_types(t, i->m, ori_in_item_types,
                      i->kind == ORI_IN_ITEM_OTHER ? 1 : ORI_IN_ITEM_NUM, needs, "input"))
        return false;
    if (i->kind == ORI_IN_ITEM_OTHER) ori_dialect_lose(t->loss, lost);
    if (i->kind != ORI_IN_ITEM_MESSAGE) return true;
    if (ori_dialect_is(&i->m[ORI_IN_ITEM_ROLE], "assistant")) i->kind = ORI_IN_ITEM_SAID;
    return ori_in_content(t, &i->m[ORI_IN_ITEM_CONTENT]);
}

static bool ori_in_item_next(ori_in *t, ori_dialect_list *l, ori_in_item *i)
{
    or_json_item item;
    if (t->err != OR_OK || !ori_dialect_next(l, &item)) return false;
    if (item.type != OR_JSON_OBJECT) return ori_in_fail(t, OR_ERR_TYPE, "input");
    ori_dialect_pick(item.value, ori_in_item_names, ORI_IN_ITEM_NUM, i->m);
    return ori_in_item_check(t, i);
}

/* Items that become one message, or that are told in one go. */
typedef struct ori_in_run {
    ori_dialect_list l;
    uint32_t         num;   /* that are left of it */
    uint32_t         kinds; /* bits */
} ori_in_run;

/* The items from *l on that are of these kinds; what is lost does not part them. *l is moved
   behind them. */
static void ori_in_run_begin(ori_in *t, ori_in_run *run, ori_dialect_list *l, uint32_t kinds)
{
    ori_dialect_list next = *l;
    ori_in_item      i;
    run->l = *l;
    run->num = run->kinds = 0;
    while (ori_in_item_next(t, &next, &i) &&
           ((uint32_t)1 << i.kind & (kinds | ORI_IN_ITEM_BIT(OTHER))) != 0) {
        run->kinds |= (uint32_t)1 << i.kind;
        *l = next;
        run->num++;
    }
}

/* The next item in it that is of these kinds. */
static bool ori_in_run_next(ori_in *t, ori_in_run *run, uint32_t kinds, ori_in_item *i)
{
    for (; run->num > 0 && ori_in_item_next(t, &run->l, i); run->num--) {
        if ((kinds >> i->kind & 1) == 0) continue;
        run->num--;
        return true;
    }
    return false;
}

static void ori_in_responses_put_message(ori_in *t, const or_json_item *m)
{
    static const char *const roles[] = {"system", "developer"};
    const or_json_item      *content = &m[ORI_IN_ITEM_CONTENT];
    ori_dialect_list         l;
    uint32_t                 k = 0;
    if (ori_dialect_is(&m[ORI_IN_ITEM_ROLE], "user")) {
        ori_in_put_user(t, content);
        return;
    }
    while (k < 2 && !ori_dialect_is(&m[ORI_IN_ITEM_ROLE], roles[k])) k++;
    if (k == 2) {
        (void)ori_in_fail(t, OR_ERR_TYPE, "input");
        return;
    }
    ori_dialect_begin_array(&l, content);
    if (content->type == OR_JSON_ARRAY) {
        ori_in_put_system(t, roles[k], l);
        return;
    }
    ori_in_put_plain(t, roles[k], ori_dialect_text(content));
}

/* Outputs of tools: a message each, and then one with the images and files in them. */
static void ori_in_responses_put_results(ori_in *t, ori_in_run run)
{
    ori_in_run   again = run;
    ori_in_parts parts = {"user", false};
    ori_in_item  i;
    while (ori_in_run_next(t, &run, ORI_IN_ITEM_BIT(RESULT), &i))
        ori_in_put_result(t, &i.m[ORI_IN_ITEM_CALL_ID], &i.m[ORI_IN_ITEM_OUTPUT], NULL);
    while (ori_in_run_next(t, &again, ORI_IN_ITEM_BIT(RESULT), &i))
        ori_in_put_shown(t, &parts, &i.m[ORI_IN_ITEM_OUTPUT]);
    if (parts.any) or_buf_put_z(t->out, "]}");
}

/* The texts of one kind in what the assistant said. */
static void ori_in_item_put_said(ori_in *t, ori_in_text *text, const or_json_item *content,
                                 uint32_t kind)
{
    ori_dialect_list l;
    ori_in_block     b;
    const char      *between = text->between;
    if (content->type == OR_JSON_STRING && kind == ORI_IN_KIND_TEXT)
        ori_in_piece(t, text, content->value);
    ori_dialect_begin_array(&l, content);
    (void)ori_in_blocks_survey(t, l, ORI_IN_BIT(TEXT) | ORI_IN_BIT(REFUSAL));
    while (ori_in_block_next(t, &l, &b)) {
        if (b.kind != kind) continue;
        ori_in_piece(
            t, text,
            b.m[kind == ORI_IN_KIND_TEXT ? ORI_IN_BLOCK_TEXT : ORI_IN_BLOCK_REFUSAL].value);
        if (text->any) text->between = ""; /* parts of one message are one text */
    }
    text->between = between;
}

/* What the model thought, from reasoning items: the text (what it is, else what sums it up), and
   the details that went out packed as encrypted_content. */
static void ori_in_responses_put_thoughts(ori_in *t, ori_in_run run)
{
    ori_dialect_list inner;
    ori_in_run       again = run;
    ori_in_text      text = {",\"reasoning\":\"", "\\n\\n", false};
    ori_in_item      i;
    uint32_t         num = 0;
    while (ori_in_run_next(t, &run, ORI_IN_ITEM_BIT(THOUGHT), &i)) {
        const or_json_item *full = &i.m[ORI_IN_ITEM_CONTENT], *sum = &i.m[ORI_IN_ITEM_SUMMARY];
        ori_in_block        b;
        bool                whole = full->type == OR_JSON_ARRAY && full->value.len > 2;
        ori_dialect_begin(&inner, whole ? full->value : sum->value);
        while (ori_in_block_next(t, &inner, &b)) ori_in_block_put_text(t, &text, &b);
    }
    ori_in_piece_end(t, &text, "");
    while (ori_in_run_next(t, &again, ORI_IN_ITEM_BIT(THOUGHT), &i)) {
        or_str packed = ori_in_after(i.m[ORI_IN_ITEM_ENCRYPTED].value, "or.details:");
        /* what is not sealed is known by its id only, to a server that keeps it */
        t->loss->foreign =
            t->loss->foreign || packed.ptr != NULL || i.m[ORI_IN_ITEM_ENCRYPTED].value.len == 0;
        if (packed.ptr != NULL)
            ori_in_put_packed(t, &num, packed, true);
        else if (i.m[ORI_IN_ITEM_ENCRYPTED].value.len > 0)
            t->loss->reasoning = true;
    }
    if (num > 0) or_buf_put_char(t->out, ']');
}

/* The arguments of a call; a custom tool has free text, which becomes the argument `input`. */
static void ori_in_item_put_arguments(ori_in *t, const ori_in_item *i)
{
    or_json_writer w;
    if (i->kind == ORI_IN_ITEM_CALLED) {
        or_json_item arguments = i->m[ORI_IN_ITEM_ARGUMENTS];
        bool         any = arguments.type != OR_JSON_NONE;
        or_buf_put_str(t->out, any ? ori_dialect_text(&arguments) : OR_STR("\"{}\""));
        return;
    }
    or_json_writer_init(&w, t->out);
    or_json_begin_str(&w);
    or_json_put_part(&w, OR_STR("{\"input\":"));
    or_json_put_part(&w, ori_dialect_text(&i->m[ORI_IN_ITEM_INPUT]));
    or_json_put_part(&w, OR_STR("}"));
    or_json_end_str(&w);
}

/* What the assistant said, thought and called in a run of items, as one message. */
static void ori_in_responses_put_assistant(ori_in *t, ori_in_run begin)
{
    const uint32_t called = ORI_IN_ITEM_BIT(CALLED) | ORI_IN_ITEM_BIT(CUSTOM);
    ori_in_run     run = begin;
    ori_in_item    i;
    ori_in_text    text = {"\"", "\\n\\n", false}, refusal = {",\"refusal\":\"", "", false};
    bool           any = false, calls = (begin.kinds & called) != 0;
    if (!calls && (begin.kinds & ORI_IN_ITEM_BIT(SAID)) == 0) { /* thought, and came to nothing */
        t->loss->reasoning = true;
        return;
    }
    ori_in_message(t, "assistant");
    or_buf_put_z(t->out, ",\"content\":");
    while (ori_in_run_next(t, &run, ORI_IN_ITEM_BIT(SAID), &i))
        ori_in_item_put_said(t, &text, &i.m[ORI_IN_ITEM_CONTENT], ORI_IN_KIND_TEXT);
    ori_in_piece_end(t, &text, calls ? "null" : "\"\"");
    run = begin;
    while (ori_in_run_next(t, &run, ORI_IN_ITEM_BIT(SAID), &i))
        ori_in_item_put_said(t, &refusal, &i.m[ORI_IN_ITEM_CONTENT], ORI_IN_KIND_REFUSAL);
    ori_in_piece_end(t, &refusal, "");
    ori_in_responses_put_thoughts(t, begin);
    run = begin;
    while (ori_in_run_next(t, &run, called, &i)) {
        ori_in_call(t, &any, &i.m[ORI_IN_ITEM_CALL_ID], &i.m[ORI_IN_ITEM_NAME]);
        ori_in_item_put_arguments(t, &i);
        or_buf_put_z(t->out, "}}");
    }
    or_buf_put_z(t->out, any ? "]}" : "}");
}

static void ori_in_responses_put_items(ori_in *t, or_str input)
{
    ori_dialect_list l;
    ori_in_run       run;
    ori_in_item      i;
    t->where = "input";
    ori_dialect_begin(&l, input);
    while (t->err == OR_OK) {
        ori_in_run_begin(t, &run, &l, ORI_IN_ITEMS_ASSISTANT);
        if ((run.kinds & ORI_IN_ITEMS_ASSISTANT) != 0) {
            ori_in_responses_put_assistant(t, run);
            continue;
        }
        ori_in_run_begin(t, &run, &l, ORI_IN_ITEM_BIT(RESULT));
        if (run.num > 0) {
            ori_in_responses_put_results(t, run);
            continue;
        }
        if (!ori_in_item_next(t, &l, &i)) break;
        ori_in_responses_put_message(t, i.m);
    }
}

/* ---- RESPONSES: members ---- */

enum {
    ORI_IN_WANTS_INPUT,
    ORI_IN_WANTS_INSTRUCTIONS,
    ORI_IN_WANTS_TOOLS,
    ORI_IN_WANTS_CHOICE,
    ORI_IN_WANTS_PARALLEL,
    ORI_IN_WANTS_TEXT,
    ORI_IN_WANTS_REASONING,
    ORI_IN_WANTS_INCLUDE,
    ORI_IN_WANTS_NUM
};

/* Of the tools these only, under chat's names. */
static void ori_in_responses_put_allowed(ori_in *t, or_str choice)
{
    or_json_item     m[2], tool, name;
    ori_dialect_list l;
    bool             any = false;
    ori_dialect_pick(choice, "mode tools", 2, m);
    ori_dialect_put_name(t->out, &t->members, "tool_choice");
    ori_dialect_wrap(t->out, "{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":",
                     or_str_z(ori_dialect_is(&m[0], "required") ? "\"required\"" : "\"auto\""),
                     ",\"tools\":[");
    ori_dialect_begin_array(&l, &m[1]);
    while (ori_dialect_next(&l, &tool)) {
        if (tool.type != OR_JSON_OBJECT) continue;
        name = ori_dialect_get(tool.value, "name");
        if (name.type != OR_JSON_STRING) continue;
        ori_dialect_put_name(t->out, &any, NULL);
        ori_dialect_wrap(t->out,
                         "{\"type\":\"function\",\"function\":{\"name\":", ori_dialect_text(&name),
                         "}}");
    }
    or_buf_put_z(t->out, "]}}");
}

static void ori_in_responses_put_choice(ori_in *t, const or_json_item *m)
{
    static const char *const words[] = {"\"auto\"", "\"none\"", "\"required\""};
    const or_json_item      *choice = &m[ORI_IN_WANTS_CHOICE];
    or_json_item             type, name;
    bool                     any, found = false, named;
    uint32_t                 k = 0;
    memset(&name, 0, sizeof name);
    type = ori_dialect_get(choice->type == OR_JSON_OBJECT ? choice->value : or_str_of(NULL, 0),
                           "type");
    named = ori_dialect_is(&type, "function") || ori_dialect_is(&type, "custom");
    if (named) name = ori_dialect_get(choice->value, "name");
    if (!ori_in_want(t, &name, OR_JSON_STRING, "tool_choice")) return;
    any = ori_in_put_tools(t, OR_DIALECT_RESPONSES, &m[ORI_IN_WANTS_TOOLS], &name, &found);
    if (any && m[ORI_IN_WANTS_PARALLEL].type != OR_JSON_NONE)
        ori_dialect_put(t->out, &t->members, "parallel_tool_calls", m[ORI_IN_WANTS_PARALLEL].value);
    if (choice->type == OR_JSON_NONE) return;
    if (named) {
        ori_in_put_named(t, &name, found);
        return;
    }
    while (k < 3 && !or_str_eq(ori_dialect_text(choice), or_str_z(words[k]))) k++;
    if (choice->type == OR_JSON_STRING && k == 3) {
        (void)ori_in_fail(t, OR_ERR_TYPE, "tool_choice");
    } else if (k < 3 && any) {
        ori_dialect_put(t->out, &t->members, "tool_choice", or_str_z(words[k]));
    } else if (choice->type == OR_JSON_OBJECT && type.type == OR_JSON_STRING && any &&
               ori_in_after(type.value, "openrouter:").ptr != NULL) {
        ori_dialect_put(t->out, &t->members, "tool_choice", choice->value);
    } else if (ori_dialect_is(&type, "allowed_tools") && any) {
        ori_in_responses_put_allowed(t, choice->value);
    } else if (choice->type == OR_JSON_OBJECT || k == 2) {
        ori_dialect_lose(t->loss, "tool_choice");
    } else if (choice->type != OR_JSON_STRING) {
        (void)ori_in_fail(t, OR_ERR_TYPE, "tool_choice");
    }
}

/* The form of the answer's text. */
static void ori_in_responses_put_text(ori_in *t, const or_json_item *text)
{
    static const uint8_t types[] = {OR_JSON_STRING, OR_JSON_STRING, OR_JSON_STRING, OR_JSON_OBJECT,
                                    OR_JSON_TRUE};
    or_json_item         format = ori_dialect_get(text->value, "format"), m[5];
    or_json_item         verbosity = ori_dialect_get(text->value, "verbosity");
    (void)ori_in_want(t, &verbosity, OR_JSON_STRING, "text");
    if (verbosity.type != OR_JSON_NONE)
        ori_dialect_put(t->out, &t->members, "verbosity", ori_dialect_text(&verbosity));
    (void)ori_in_want(t, &format, OR_JSON_OBJECT, "text");
    if (t->err != OR_OK || format.type == OR_JSON_NONE) return;
    ori_dialect_pick(format.value, "type name description schema strict", 5, m);
    if (!ori_in_types(t, m, types, 5, 0, "text")) return;
    if (ori_dialect_is(&m[0], "json_schema")) {
        or_str name = m[1].type != OR_JSON_NONE ? ori_dialect_text(&m[1]) : OR_STR("\"answer\"");
        ori_in_put_schema(t, name, &m[2], &m[3], m[4].value);
    } else if (ori_dialect_is(&m[0], "json_object")) {
        ori_dialect_put(t->out, &t->members, "response_format",
                        OR_STR("{\"type\":\"json_object\"}"));
    } else if (!ori_dialect_is(&m[0], "text")) {
        ori_dialect_lose(t->loss, "response_format");
    }
}

/* The same object in chat; what is null there is refused by some. */
static void ori_in_responses_put_reasoning(ori_in *t, const or_json_item *reasoning)
{
    ori_dialect_list l;
    or_json_item     item;
    bool             any = false;
    ori_dialect_begin(&l, reasoning->value);
    while (ori_dialect_next(&l, &item)) {
        if (item.type == OR_JSON_NULL) continue;
        if (!any) {
            ori_dialect_put_name(t->out, &t->members, "reasoning");
            or_buf_put_char(t->out, '{');
        }
        ori_dialect_put_name(t->out, &any, NULL);
        ori_dialect_wrap(t->out, "\"", item.key, "\":");
        or_buf_put_str(t->out, ori_dialect_text(&item));
    }
    if (any) or_buf_put_char(t->out, '}');
}

/* Reasoning comes packed without being asked for; there is nothing else to include. */
static void ori_in_responses_include(ori_in *t, const or_json_item *include)
{
    ori_dialect_list l;
    or_json_item     item;
    ori_dialect_begin(&l, include->value);
    while (ori_dialect_next(&l, &item))
        if (!ori_dialect_is(&item, "reasoning.encrypted_content"))
            ori_dialect_lose(t->loss, "include");
}

static void ori_in_responses_to_chat(ori_in *t, or_str body)
{
    or_json_item m[ORI_IN_WANTS_NUM], *input = &m[ORI_IN_WANTS_INPUT];
    size_t       from;
    ori_in_put_members(t, body, ori_in_members_responses,
                       sizeof ori_in_members_responses / sizeof ori_in_members_responses[0]);
    if (t->err != OR_OK) return;
    ori_dialect_pick(
        body, "input instructions tools tool_choice parallel_tool_calls text reasoning include",
        ORI_IN_WANTS_NUM, m);
    t->where = "input";
    if (!ori_in_content(t, input)) return;
    ori_dialect_put_name(t->out, &t->members, "messages");
    or_buf_put_char(t->out, '[');
    if (m[ORI_IN_WANTS_INSTRUCTIONS].value.len > 0) {
        ori_in_put_plain(t, "system", ori_dialect_text(&m[ORI_IN_WANTS_INSTRUCTIONS]));
    }
    from = t->out->len;
    if (input->type == OR_JSON_STRING) {
        ori_in_put_plain(t, "user", ori_dialect_text(input));
    } else {
        ori_in_responses_put_items(t, input->value);
    }
    if (t->out->len == from &&
        t->out->err == OR_OK) /* nothing there, or nothing that can be said */
        (void)ori_in_fail(t, ori_in_is_empty(input) ? OR_ERR_TYPE : OR_ERR_DIALECT, "input");
    or_buf_put_char(t->out, ']');
    if (t->err == OR_OK) ori_in_responses_put_choice(t, m);
    if (t->err == OR_OK) ori_in_responses_put_text(t, &m[ORI_IN_WANTS_TEXT]);
    if (t->err == OR_OK) ori_in_responses_put_reasoning(t, &m[ORI_IN_WANTS_REASONING]);
    if (t->err == OR_OK) ori_in_responses_include(t, &m[ORI_IN_WANTS_INCLUDE]);
}

/* ---- TEXT ---- */

/* The one string of a prompt: itself, or alone in a list. Tokens and several prompts have no
   place in a chat. */
static bool ori_in_text_prompt(ori_in *t, const or_json_item *prompt, or_str *text)
{
    ori_dialect_list l;
    or_json_item     item, more;
    if (prompt->type == OR_JSON_STRING) {
        *text = ori_dialect_text(prompt);
        return true;
    }
    if (prompt->type != OR_JSON_ARRAY) return ori_in_fail(t, OR_ERR_TYPE, "prompt");
    ori_dialect_begin(&l, prompt->value);
    if (!ori_dialect_next(&l, &item) || item.type != OR_JSON_STRING || ori_dialect_next(&l, &more))
        return ori_in_fail(t, OR_ERR_DIALECT, "prompt");
    *text = ori_dialect_text(&item);
    return true;
}

/* Every member but the prompt byte for byte, those aside that chat does not know. */
static void ori_in_text_to_chat(ori_in *t, or_str body)
{
    static const struct {
        const char *name, *same; /* what changes nothing */
    } lost[] = {{"suffix", "\"\""},    {"echo", "false"},    {"best_of", "1"},
                {"logprobs", "false"}, {"messages", "null"}, {"prompt", NULL}};
    ori_dialect_list l;
    or_json_item     item = ori_dialect_get(body, "prompt");
    or_str           text;
    if (!ori_in_text_prompt(t, &item, &text)) return;
    ori_dialect_put_name(t->out, &t->members, "messages");
    or_buf_put_char(t->out, '[');
    ori_in_put_plain(t, "user", text);
    or_buf_put_char(t->out, ']');
    ori_dialect_begin(&l, body);
    while (ori_dialect_next(&l, &item)) {
        uint32_t i = 0;
        text = ori_dialect_text(&item);
        while (i < 6 && !or_json_str_is_z(item.key, lost[i].name)) i++;
        if (i == 6) {
            ori_dialect_wrap(t->out, ",\"", item.key, "\":");
            or_buf_put_str(t->out, text);
        } else if (i < 5 && item.type != OR_JSON_NULL && !or_str_eq(text, or_str_z(lost[i].same))) {
            ori_dialect_lose(t->loss, lost[i].name);
        }
    }
}

/* ---- or_dialect_to_chat ---- */

/* What is written around a schema, and around a mark for caches of `system`. */
enum { ORI_IN_DEEPER = 2 };

or_err or_dialect_to_chat(or_buf *out, or_dialect from, or_str body, or_dialect_loss *loss,
                          const char **bad)
{
    static void (*const to_chat[])(ori_in *, or_str) = {
        NULL, ori_in_text_to_chat, ori_in_messages_to_chat, NULL, ori_in_responses_to_chat};
    or_dialect_loss nobody;
    ori_in          t;
    or_json_item    root;
    size_t          start = out->len;
    memset(&nobody, 0, sizeof nobody);
    memset(&t, 0, sizeof t);
    t.out = out;
    t.loss = loss != NULL ? loss : &nobody;
    t.bad = "";
    t.err = out->err;
    if ((unsigned)from > OR_DIALECT_RESPONSES || to_chat[from] == NULL || out->counting)
        (void)ori_in_fail(&t, OR_ERR_ARG, "");
    if (t.err == OR_OK) t.err = ori_in_check(body, ORI_IN_DEEPER, &root);
    if (t.err == OR_OK && root.type != OR_JSON_OBJECT) (void)ori_in_fail(&t, OR_ERR_TYPE, "");
    if (t.err == OR_OK) {
        or_buf_put_char(out, '{');
        to_chat[from](&t, body);
        or_buf_put_char(out, '}');
    }
    if (t.err == OR_OK) t.err = out->err;
    if (t.err != OR_OK) out->len = start;
    if (bad != NULL) *bad = t.bad;
    return t.err;
}

/* ---- tokens ---- */

/* What the strings of a request are to a model, by their names; what is not listed is text. */
enum { ORI_TOKENS_TEXT, ORI_TOKENS_NONE, ORI_TOKENS_MEDIA, ORI_TOKENS_RAW, ORI_TOKENS_SOURCE };

typedef struct ori_tokens_row {
    uint8_t     how;
    const char *names;
} ori_tokens_row;

static const ori_tokens_row ori_tokens_names[] = {
    {ORI_TOKENS_NONE, "type role id call_id tool_call_id tool_use_id status detail filename "
                      "media_type signature thoughtSignature thought_signature encrypted_content "
                      "cache_control prompt_cache_breakpoint"},
    {ORI_TOKENS_NONE, "data"},              /* of redacted_thinking */
    {ORI_TOKENS_NONE, "reasoning_details"}, /* `reasoning` says the same */
    {ORI_TOKENS_MEDIA, "image_url video_url input_audio file file_data file_url file_id inlineData "
                       "inline_data fileData"},
    {ORI_TOKENS_SOURCE, "source"},
    {ORI_TOKENS_RAW, "input args response"}, /* arguments that are JSON here */
    {ORI_TOKENS_TEXT, NULL},
};

/* Members of a request that a model gets to see. */
static const ori_tokens_row ori_tokens_members[] = {
    {ORI_TOKENS_TEXT, "messages input contents system instructions systemInstruction prompt "
                      "system_instruction suffix"},
    {ORI_TOKENS_RAW, "tools functions response_format output_config text generationConfig"},
    {ORI_TOKENS_NONE, NULL},
};

/* The row that has the name, else the last. */
static uint32_t ori_tokens_find(const ori_tokens_row *row, or_str name)
{
    for (; row->names != NULL; row++)
        if (ori_dialect_listed(name, row->names)) break;
    return row->how;
}

enum { ORI_TOKENS_OF_MEDIA = 1500, ORI_TOKENS_OF_MESSAGE = 4 };

/* The length of a raw string without its escapes; what \u stands for is mostly three bytes. */
static uint64_t ori_tokens_bytes(const or_json_item *item)
{
    or_str   raw = item->value;
    uint64_t n = raw.len;
    if (!item->escaped) return n;
    for (size_t i = 0; i + 1 < raw.len; i++) {
        if (raw.ptr[i] != '\\') continue;
        i++;
        n -= raw.ptr[i] == 'u' ? 3 : 1;
    }
    return n;
}

/* Is it the source of a document that is text, here or in blocks? s stands behind item. */
static bool ori_tokens_inline(or_json_scan s, or_json_item item)
{
    if (item.type == OR_JSON_STRING) return true; /* of a search result */
    if (or_json_scan_skip(&s, &item) != OR_OK) return false;
    return ori_dialect_type(item.value, "text content") < 2;
}

/* source: the depth of the source that item is in, whose data is text; 0: of none. A source in a
   source is an image, so that none is read twice. */
static uint32_t ori_tokens_how(const or_json_scan *s, const or_json_item *item, uint16_t source)
{
    uint32_t how = ORI_TOKENS_TEXT;
    if (item->key.ptr == NULL) return how;
    if (source > 0 && or_json_str_is(item->key, OR_STR("data"))) return how;
    how = ori_tokens_find(ori_tokens_names, item->key);
    if (how == ORI_TOKENS_SOURCE && (source > 0 || !ori_tokens_inline(*s, *item)))
        return ORI_TOKENS_MEDIA;
    return how;
}

/* Everything in one member of the request. s stands behind item. */
static void ori_tokens_member(or_json_scan *s, or_json_item item, uint64_t *bytes, uint64_t *tokens)
{
    uint16_t depth = item.depth, source = 0;
    for (;;) {
        uint32_t how = ORI_TOKENS_TEXT;
        if (item.depth <= source) source = 0; /* it is over */
        if (item.depth > depth) how = ori_tokens_how(s, &item, source);
        if (item.depth == depth + 1 && item.type == OR_JSON_OBJECT)
            *tokens += ORI_TOKENS_OF_MESSAGE;
        if (how == ORI_TOKENS_SOURCE) source = item.depth;
        if (how == ORI_TOKENS_MEDIA) *tokens += ORI_TOKENS_OF_MEDIA;
        if (how != ORI_TOKENS_MEDIA && how != ORI_TOKENS_NONE && item.type == OR_JSON_STRING)
            *bytes += ori_tokens_bytes(&item);
        if (how != ORI_TOKENS_TEXT && how != ORI_TOKENS_SOURCE &&
            or_json_scan_skip(s, &item) != OR_OK)
            return;
        if (how == ORI_TOKENS_RAW && item.type >= OR_JSON_ARRAY) *bytes += item.value.len;
        if (s->depth <= depth || or_json_scan_next(s, &item) != OR_OK) return;
    }
}

uint64_t or_dialect_count_tokens(or_str body)
{
    or_json_scan s;
    or_json_item item;
    uint64_t     bytes = 0, tokens = 0;
    or_json_scan_init(&s, body);
    if (or_json_scan_next(&s, &item) != OR_OK || item.type != OR_JSON_OBJECT) return 0;
    while (or_json_scan_next(&s, &item) == OR_OK && item.type != OR_JSON_END) {
        uint32_t how = ori_tokens_find(ori_tokens_members, item.key);
        if (how == ORI_TOKENS_TEXT)
            ori_tokens_member(&s, item, &bytes, &tokens);
        else if (or_json_scan_skip(&s, &item) != OR_OK)
            break;
        if (how == ORI_TOKENS_RAW) bytes += item.value.len;
    }
    return tokens + (bytes * 2 + 6) / 7;
}

/* ---- reading answers ---- */

/* What is being read: a whole answer, or one event of a stream. It is walked twice: first all
   that has to be put together is only counted, then it is written into memory of that size. So
   nothing that was counted may depend on what the walk writes. */
enum {
    ORI_READ_TEXT,
    ORI_READ_REASONING,
    ORI_READ_REFUSAL,
    ORI_READ_DETAILS,
    ORI_READ_ANNOTATIONS,
    ORI_READ_MADE, /* ids, URLs and arguments that do not stand in the JSON as they are */
    ORI_READ_OUTS
};

typedef struct ori_read {
    ori_chat          c;
    or_dialect_stream d; /* as it will be when all went well */
    or_chat_stream   *s; /* NULL: a whole answer */
    bool              counting;
    uint32_t          hash;                  /* GEMINI: of the answer, for the ids of its calls */
    uint32_t          num_calls, num_images; /* of this event or answer */
    or_tool_call     *calls;
    or_str           *images;
    or_tool_call      scratch; /* stands for a call while counting */
    or_buf            out[ORI_READ_OUTS];
} ori_read;

/* What of a call of RESPONSES came. */
enum { ORI_CALL_CUSTOM = 1, ORI_CALL_FED = 2, ORI_CALL_CLOSED = 4 };

/* The block of MESSAGES that is open. */
enum {
    ORI_BLOCK_NONE,
    ORI_BLOCK_OTHER,
    ORI_BLOCK_THINKING,
    ORI_BLOCK_TOOL,      /* without arguments so far */
    ORI_BLOCK_TOOL_FED,  /* they come in pieces */
    ORI_BLOCK_TOOL_WHOLE /* they came with its start */
};

static int ori_read_at(const ori_read *r, int from, const char *pointer)
{
    return or_json_find(&r->c.doc, from, pointer);
}

static or_json_type ori_read_type(const ori_read *r, int tok)
{
    return or_json_type_at(&r->c.doc, tok);
}

static bool ori_read_is(const ori_read *r, int tok, const char *text)
{
    return ori_read_type(r, tok) == OR_JSON_STRING &&
           or_json_str_is_z(ori_json_text(&r->c.doc, tok), text);
}

/* The first element of an array; -1 where there is none. */
static int ori_read_first(const ori_read *r, int list)
{
    return ori_read_type(r, list) == OR_JSON_ARRAY ? or_json_first(&r->c.doc, list) : -1;
}

/* Which of the words a string is; as many as there are: none. */
static uint32_t ori_read_word(const ori_read *r, int tok, const char *words)
{
    bool string = ori_read_type(r, tok) == OR_JSON_STRING;
    return ori_dialect_word(string ? ori_json_text(&r->c.doc, tok) : or_str_of(NULL, 0), words);
}

/* A string that is not empty, with its quotes; absent for anything else. */
static or_str ori_read_quoted(const ori_read *r, int tok)
{
    or_str raw = or_json_raw(&r->c.doc, tok);
    return ori_read_type(r, tok) == OR_JSON_STRING && raw.len > 2 ? raw : or_str_of(NULL, 0);
}

static or_str ori_read_quoted_at(const ori_read *r, int from, const char *pointer)
{
    return ori_read_quoted(r, ori_read_at(r, from, pointer));
}

static or_str ori_read_str(ori_read *r, int tok)
{
    return r->counting ? or_str_of(NULL, 0) : ori_chat_str(&r->c, tok);
}

/* Append a string, its escapes undone. Its JSON is never shorter than it. */
static void ori_read_append(ori_read *r, int to, int tok)
{
    or_str  text = ori_read_quoted(r, tok);
    or_buf *b = &r->out[to];
    if (text.ptr == NULL) return;
    if (!r->counting) {
        char *end = b->ptr + b->len;
        (void)or_json_unescape(ori_json_text(&r->c.doc, tok), end, b->cap - b->len, &text);
        b->len += text.len;
        return;
    }
    or_buf_put(b, text.ptr, text.len - 2);
}

/* What was made since its buffer was so long. */
static or_str ori_read_made(const ori_read *r, size_t since)
{
    const or_buf *b = &r->out[ORI_READ_MADE];
    return or_str_of(b->ptr != NULL ? b->ptr + since : "", b->len - since);
}

/* The name of a function as it was before it was written for the other side. */
static or_str ori_read_name(ori_read *r, int tok)
{
    or_str   name = ori_read_str(r, tok);
    or_arena room;
    if (name.len < 5 || memcmp(name.ptr, "or--", 4) != 0) return name;
    size_t size = name.len + sizeof(uint64_t); /* what a bump may be rounded up to */
    void  *mem = ori_chat_alloc(&r->c, size);
    if (mem == NULL) return name;
    or_arena_init(&room, mem, size);
    return ori_dialect_restore(name, &room);
}

/* ---- details and annotations ---- */

enum { ORI_DETAIL_TEXT, ORI_DETAIL_SUMMARY, ORI_DETAIL_ENCRYPTED };

/* An element of reasoning_details, from raw strings; nothing when there is nothing to say. */
static void ori_read_detail(ori_read *r, int kind, or_str value, or_str signature, or_str id)
{
    static const char *const types[] = {"\"reasoning.text\"", "\"reasoning.summary\"",
                                        "\"reasoning.encrypted\""};
    static const char *const members[] = {"text", "summary", "data"};
    static const char *const formats[] = {"", "", "\"anthropic-claude-v1\"", "\"google-gemini-v1\"",
                                          "\"openai-responses-v1\""};
    or_buf                  *out = &r->out[ORI_READ_DETAILS];
    bool                     any = false;
    if (value.ptr == NULL && signature.ptr == NULL) return;
    or_buf_put_char(out, out->len == 0 ? '[' : ',');
    or_buf_put_char(out, '{');
    ori_dialect_put(out, &any, "type", or_str_z(types[kind]));
    if (value.ptr != NULL) ori_dialect_put(out, &any, members[kind], value);
    if (signature.ptr != NULL) ori_dialect_put(out, &any, "signature", signature);
    if (id.ptr != NULL) ori_dialect_put(out, &any, "id", id);
    ori_dialect_put(out, &any, "format", or_str_z(formats[r->d.dialect]));
    ori_dialect_put_name(out, &any, "index");
    or_buf_put_u64(out, r->d.block);
    or_buf_put_char(out, '}');
}

/* A thought: shown, and kept to be given back. */
static void ori_read_thought(ori_read *r, int kind, int text, int signature)
{
    ori_read_append(r, ORI_READ_REASONING, text);
    ori_read_detail(r, kind, ori_read_quoted(r, text), ori_read_quoted(r, signature),
                    or_str_of(NULL, 0));
}

/* An annotation for a citation that names a URL; others have no place in a chat answer. */
static void ori_read_citation(ori_read *r, int tok)
{
    static const char *const from[] = {"/url", "/title", "/cited_text", "/start_index",
                                       "/end_index"};
    static const char *const to[] = {"url", "title", "content", "start_index", "end_index"};
    or_buf                  *out = &r->out[ORI_READ_ANNOTATIONS];
    bool                     any = false;
    if (ori_read_quoted_at(r, tok, "/url").ptr == NULL) return;
    or_buf_put_char(out, out->len == 0 ? '[' : ',');
    or_buf_put_z(out, "{\"type\":\"url_citation\",\"url_citation\":{");
    for (int i = 0; i < 5; i++) {
        int value = ori_read_at(r, tok, from[i]);
        if (ori_read_type(r, value) == (i < 3 ? OR_JSON_STRING : OR_JSON_NUMBER))
            ori_dialect_put(out, &any, to[i], or_json_raw(&r->c.doc, value));
    }
    or_buf_put_z(out, "}}");
}

static void ori_read_citations(ori_read *r, int list)
{
    for (int i = ori_read_first(r, list); i >= 0; i = or_json_next(&r->c.doc, i))
        ori_read_citation(r, i);
}

/* ---- calls and images ---- */

static uint32_t ori_read_calls(const ori_read *r)
{
    return r->s != NULL ? r->s->num_calls : r->num_calls;
}

/* The place for a fragment of call k, or (k: as many as there are) for a new call. NULL: too
   many. */
static or_tool_call *ori_read_call(ori_read *r, uint32_t k)
{
    or_tool_call *call = r->counting ? &r->scratch : &r->calls[r->num_calls];
    if (r->s != NULL && k == r->s->num_calls) {
        if (k == OR_CHAT_MAX_CALLS) {
            r->c.err = OR_ERR_TOKENS;
            return NULL;
        }
        memset(&r->s->calls[k], 0, sizeof r->s->calls[k]);
        r->s->calls[k].index = UINT32_MAX;
        (void)ori_chat_tell(r->s, k, ORI_CHAT_ID_TOLD | ORI_CHAT_NAME_TOLD);
        r->s->num_calls++;
    }
    r->num_calls++;
    memset(call, 0, sizeof *call);
    call->index = k;
    call->arguments = OR_STR("");
    return call;
}

/* Arguments as JSON text: an object as it stands, or a string that holds one (G35); "" when
   there is neither, or nothing in it. */
static or_str ori_read_arguments(ori_read *r, int tok)
{
    or_json_type type = ori_read_type(r, tok);
    if (type == OR_JSON_STRING && !r->counting) return ori_chat_str(&r->c, tok);
    if (type < OR_JSON_ARRAY || r->c.doc.tok[tok].size == 0) return OR_STR("");
    return or_json_raw(&r->c.doc, tok);
}

/* An image as a data: URL. mime: a string; or, when it is none, "image/" and the subtype. */
static void ori_read_image(ori_read *r, int data, int mime, int subtype)
{
    or_buf *out = &r->out[ORI_READ_MADE];
    size_t  since = out->len;
    if (ori_read_quoted(r, data).ptr == NULL) return;
    or_buf_put_z(out, "data:");
    if (ori_read_quoted(r, mime).ptr != NULL) {
        ori_read_append(r, ORI_READ_MADE, mime);
    } else {
        or_buf_put_z(out, "image/");
        if (ori_read_quoted(r, subtype).ptr == NULL) or_buf_put_z(out, "png");
        ori_read_append(r, ORI_READ_MADE, subtype);
    }
    or_buf_put_z(out, ";base64,");
    ori_read_append(r, ORI_READ_MADE, data);
    if (!r->counting) r->images[r->num_images] = ori_read_made(r, since);
    r->num_images++;
    r->d.said = true;
}

/* ---- endings and usage ---- */

enum { ORI_FINISH_BROKEN = OR_FINISH_ERROR + 1 }; /* an error, unless something was said */

/* Words for the end that ori_chat_finishes does not have: Anthropic's, Google's, and the states
   and reasons of Responses. */
static const struct {
    const char *words;
    uint8_t     finish;
} ori_read_finishes[] = {
    {"model_context_window_exceeded CONTINUATION incomplete max_output_tokens", OR_FINISH_LENGTH},
    {"RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT "
     "IMAGE_RECITATION IMAGE_OTHER",
     OR_FINISH_CONTENT_FILTER},
    {"MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS NO_IMAGE OTHER",
     ORI_FINISH_BROKEN},
    {"FINISH_REASON_UNSPECIFIED in_progress queued", OR_FINISH_NONE},
    {"failed cancelled", OR_FINISH_ERROR},
};

static void ori_read_finish(ori_read *r, or_str word)
{
    bool     calls = ori_read_calls(r) > 0;
    unsigned finish = ori_chat_finish(word, calls);
    if (r->counting || word.ptr == NULL) return;
    for (size_t i = 0; i < sizeof ori_read_finishes / sizeof ori_read_finishes[0]; i++) {
        const char *words = ori_read_finishes[i].words;
        or_str      known;
        while (ori_dialect_next_word(&words, &known))
            if (or_str_eq_nocase(word, known)) finish = ori_read_finishes[i].finish;
    }
    if (finish == ORI_FINISH_BROKEN)
        finish = calls ? OR_FINISH_TOOL_CALLS : r->d.said ? OR_FINISH_STOP : OR_FINISH_ERROR;
    r->c.answer->finish = (or_finish)finish;
    r->c.answer->native_finish = word;
}

/* A count that is missing or null is 0; what cannot be read makes the whole usage unknown. */
static uint64_t ori_read_count(ori_read *r, int from, const char *pointer)
{
    int     tok = ori_read_at(r, from, pointer);
    int64_t n = 0;
    if (ori_read_type(r, tok) <= OR_JSON_NULL || ori_chat_number(&r->c, tok, 0, &n))
        return (uint64_t)n;
    r->c.odd_count = true;
    return 0;
}

/* Id, model, time, tier; and where its error is: then its other members tell none. */
static void ori_read_facts(ori_read *r, int from)
{
    int64_t created;
    if (r->counting) return;
    ori_chat_read(&r->c, ORI_CHAT_ROOT, from);
    if (ori_chat_number(&r->c, ori_read_at(r, from, "/created_at"), 0, &created))
        r->c.answer->created = (uint64_t)created;
    r->c.tok[ORI_CHAT_ROOT] = r->c.tok[ORI_CHAT_FLAT] = -1;
}

/* What OpenRouter adds to the usage of every dialect, and what is named as in chat: costs,
   cache lifetimes, searches. */
static void ori_read_usage_rest(ori_read *r, int usage)
{
    ori_chat *c = &r->c;
    c->to = c->answer;
    c->tok[ORI_CHAT_USAGE] = usage;
    for (int place = ORI_CHAT_USAGE; place <= ORI_CHAT_TOOL_USE; place++)
        ori_chat_read(c, place, c->tok[place]);
}

/* ---- answers of MESSAGES ---- */

#define ORI_READ_D(field) ORI_CHAT_AT(or_dialect_stream, field)
static const struct {
    const char *pointer;
    uint16_t    at;
} ori_messages_counts[] = {
    {"/input_tokens", ORI_READ_D(input)},
    {"/cache_read_input_tokens", ORI_READ_D(usage.cached_tokens)},
    {"/cache_creation_input_tokens", ORI_READ_D(usage.cache_write_tokens)},
    {"/cache_creation/ephemeral_1h_input_tokens", ORI_READ_D(usage.cache_write_1h_tokens)},
    {"/output_tokens", ORI_READ_D(usage.completion_tokens)},
    {"/output_tokens_details/thinking_tokens", ORI_READ_D(usage.reasoning_tokens)},
    {"/server_tool_use/web_search_requests", ORI_READ_D(usage.web_searches)},
};

/* Counts come at the start and again, larger, at the end; what is null or missing there stays
   as it was. */
static void ori_messages_note_usage(ori_read *r, int usage)
{
    if (r->counting) return;
    for (size_t i = 0; i < sizeof ori_messages_counts / sizeof ori_messages_counts[0]; i++) {
        const char *pointer = ori_messages_counts[i].pointer;
        if (ori_read_type(r, ori_read_at(r, usage, pointer)) <= OR_JSON_NULL) continue;
        uint64_t n = ori_read_count(r, usage, pointer);
        memcpy((char *)&r->d + ori_messages_counts[i].at, &n, sizeof n);
    }
    r->d.odd = r->d.odd || r->c.odd_count;
    or_str tier = ori_read_str(r, ori_read_at(r, usage, "/service_tier"));
    if (tier.ptr != NULL) r->c.answer->service_tier = tier;
}

static void ori_messages_usage(ori_read *r, int usage)
{
    or_usage *u = &r->c.answer->usage, *all = &r->d.usage;
    ori_messages_note_usage(r, usage);
    if (r->counting || ori_read_type(r, usage) != OR_JSON_OBJECT) return;
    ori_read_usage_rest(r, usage);
    r->c.odd_count = r->d.odd;
    all->is_byok = all->is_byok || u->is_byok;
    *u = *all;
    if (u->cache_write_tokens < u->cache_write_1h_tokens)
        u->cache_write_tokens = u->cache_write_1h_tokens;
    u->prompt_tokens = or_sat_add_u64(r->d.input, u->cached_tokens);
    u->prompt_tokens = or_sat_add_u64(u->prompt_tokens, u->cache_write_tokens);
    ori_chat_finish_usage(&r->c);
}

/* The start of a tool block, or all of it. Servers that send arguments in pieces start with {},
   so what is not empty there is all of them: pieces that repeat it are passed over. */
static void ori_messages_tool(ori_read *r, int block)
{
    uint32_t      k = ori_read_calls(r);
    or_tool_call *call = ori_read_call(r, k);
    if (call == NULL) return;
    r->d.call = k;
    call->id = ori_read_str(r, ori_read_at(r, block, "/id"));
    call->name = ori_read_name(r, ori_read_at(r, block, "/name"));
    int  input = ori_read_at(r, block, "/input");
    bool whole = ori_read_quoted(r, input).ptr != NULL ||
                 (ori_read_type(r, input) >= OR_JSON_ARRAY && r->c.doc.tok[input].size > 0);
    call->arguments = ori_read_arguments(r, input);
    if (r->s == NULL && !whole) call->arguments = OR_STR("{}");
    r->d.kind = whole || r->s == NULL ? ORI_BLOCK_TOOL_WHOLE : ORI_BLOCK_TOOL;
}

static void ori_messages_feed(ori_read *r, or_str arguments)
{
    or_tool_call *call = ori_read_call(r, r->d.call);
    if (call != NULL) call->arguments = arguments;
    r->d.kind = ORI_BLOCK_TOOL_FED;
}

/* The open block ends; also when its stop did not come. A tool without parameters has no
   arguments so far. */
static void ori_messages_close(ori_read *r)
{
    if (r->d.kind == ORI_BLOCK_TOOL) ori_messages_feed(r, OR_STR("{}"));
    if (r->d.kind == ORI_BLOCK_THINKING) r->d.block++;
    r->d.kind = ORI_BLOCK_NONE;
}

/* The start of a block, which may hold all of it. */
static void ori_messages_block(ori_read *r, int block)
{
    int text = ori_read_at(r, block, "/text");
    r->d.kind = ORI_BLOCK_OTHER;
    switch (ori_read_word(r, ori_read_at(r, block, "/type"),
                          "text tool_use thinking redacted_thinking")) {
    case 0:
        ori_read_append(r, ORI_READ_TEXT, text);
        ori_read_citations(r, ori_read_at(r, block, "/citations"));
        if (ori_read_quoted(r, text).ptr != NULL) r->d.said = true;
        break;
    case 1: ori_messages_tool(r, block); break;
    case 2:
        r->d.kind = ORI_BLOCK_THINKING;
        ori_read_thought(r, ORI_DETAIL_TEXT, ori_read_at(r, block, "/thinking"),
                         ori_read_at(r, block, "/signature"));
        break;
    case 3:
        r->d.kind = ORI_BLOCK_THINKING;
        ori_read_detail(r, ORI_DETAIL_ENCRYPTED, ori_read_quoted_at(r, block, "/data"),
                        or_str_of(NULL, 0), or_str_of(NULL, 0));
        break;
    default: break; /* of tools that the server runs */
    }
}

/* A piece of the open block. False: arguments of no block. */
static bool ori_messages_delta(ori_read *r, int delta)
{
    int at = ori_read_at(r, delta, "/text");
    switch (ori_read_word(
        r, ori_read_at(r, delta, "/type"),
        "text_delta input_json_delta thinking_delta signature_delta citations_delta")) {
    case 0:
        ori_read_append(r, ORI_READ_TEXT, at);
        if (ori_read_quoted(r, at).ptr != NULL) r->d.said = true;
        break;
    case 1:
        at = ori_read_at(r, delta, "/partial_json");
        if (r->d.kind == ORI_BLOCK_NONE) return false;
        if (r->d.kind != ORI_BLOCK_TOOL && r->d.kind != ORI_BLOCK_TOOL_FED) break;
        if (ori_read_quoted(r, at).ptr == NULL) break;
        ori_messages_feed(r, ori_read_str(r, at));
        break;
    case 2:
        r->d.kind = ORI_BLOCK_THINKING;
        ori_read_thought(r, ORI_DETAIL_TEXT, ori_read_at(r, delta, "/thinking"), -1);
        break;
    case 3: ori_read_thought(r, ORI_DETAIL_TEXT, -1, ori_read_at(r, delta, "/signature")); break;
    case 4: ori_read_citation(r, ori_read_at(r, delta, "/citation")); break;
    default: break;
    }
    return true;
}

/* How it ended, from the message or the delta of message_delta. */
static void ori_messages_finish(ori_read *r, int from)
{
    int reason = ori_read_at(r, from, "/stop_reason");
    ori_read_finish(r, ori_read_str(r, reason));
    if (ori_read_is(r, reason, "refusal") && !r->d.said)
        ori_read_append(r, ORI_READ_REFUSAL, ori_read_at(r, from, "/stop_details/explanation"));
}

static bool ori_messages_event(ori_read *r, int root)
{
    int message = ori_read_at(r, root, "/message");
    switch (ori_read_word(r, ori_read_at(r, root, "/type"),
                          "message_start content_block_start content_block_delta "
                          "content_block_stop message_delta message_stop")) {
    case 0:
        ori_read_facts(r, message);
        ori_messages_note_usage(r, ori_read_at(r, message, "/usage"));
        break;
    case 1:
        ori_messages_close(r);
        ori_messages_block(r, ori_read_at(r, root, "/content_block"));
        break;
    case 2: return ori_messages_delta(r, ori_read_at(r, root, "/delta"));
    case 3: ori_messages_close(r); break;
    case 4:
        ori_messages_close(r);
        ori_messages_finish(r, ori_read_at(r, root, "/delta"));
        ori_messages_usage(r, ori_read_at(r, root, "/usage"));
        break;
    case 5: r->c.answer->done = true; break;
    default: break; /* a ping, or what is not known yet */
    }
    return true;
}

/* A whole message. */
static bool ori_messages_answer(ori_read *r, int root)
{
    const or_json_doc *doc = &r->c.doc;
    int                content = ori_read_at(r, root, "/content");
    bool               list = ori_read_type(r, content) == OR_JSON_ARRAY;
    if (!list && !ori_read_is(r, ori_read_at(r, root, "/type"), "message")) return false;
    for (int i = list ? or_json_first(doc, content) : -1; i >= 0; i = or_json_next(doc, i)) {
        ori_messages_block(r, i);
        ori_messages_close(r);
    }
    ori_messages_finish(r, root);
    ori_messages_usage(r, ori_read_at(r, root, "/usage"));
    ori_read_facts(r, root);
    if (r->c.answer->finish == OR_FINISH_NONE) /* without a reason: as complete as it looks */
        r->c.answer->finish = r->num_calls > 0 ? OR_FINISH_TOOL_CALLS
                              : r->d.said      ? OR_FINISH_STOP
                                               : OR_FINISH_ERROR;
    return true;
}

/* ---- answers of GEMINI ---- */

static const struct {
    const char *list, *modality;
    uint16_t    at; /* in or_usage */
} ori_gemini_modalities[] = {
    {"/promptTokensDetails", "AUDIO", ORI_CHAT_AT(or_usage, audio_tokens)},
    {"/promptTokensDetails", "VIDEO", ORI_CHAT_AT(or_usage, video_tokens)},
    {"/cacheTokensDetails", "AUDIO", ORI_CHAT_AT(or_usage, cached_audio_tokens)},
    {"/candidatesTokensDetails", "AUDIO", ORI_CHAT_AT(or_usage, audio_output_tokens)},
    {"/candidatesTokensDetails", "IMAGE", ORI_CHAT_AT(or_usage, image_output_tokens)},
};

static void ori_gemini_modality(ori_read *r, int usage, size_t row)
{
    const or_json_doc *doc = &r->c.doc;
    int                list = ori_read_at(r, usage, ori_gemini_modalities[row].list);
    for (int i = ori_read_first(r, list); i >= 0; i = or_json_next(doc, i)) {
        if (!ori_read_is(r, ori_read_at(r, i, "/modality"), ori_gemini_modalities[row].modality))
            continue;
        uint64_t n = ori_read_count(r, i, "/tokenCount");
        memcpy((char *)&r->c.answer->usage + ori_gemini_modalities[row].at, &n, sizeof n);
    }
}

/* Thoughts and the results of tools are counted beside the answer and the prompt. */
static void ori_gemini_usage(ori_read *r, int usage)
{
    or_usage *u = &r->c.answer->usage;
    if (r->counting || ori_read_type(r, usage) != OR_JSON_OBJECT) return;
    u->reasoning_tokens = ori_read_count(r, usage, "/thoughtsTokenCount");
    u->prompt_tokens = or_sat_add_u64(ori_read_count(r, usage, "/promptTokenCount"),
                                      ori_read_count(r, usage, "/toolUsePromptTokenCount"));
    u->completion_tokens =
        or_sat_add_u64(ori_read_count(r, usage, "/candidatesTokenCount"), u->reasoning_tokens);
    u->cached_tokens = ori_read_count(r, usage, "/cachedContentTokenCount");
    u->total_tokens = ori_read_count(r, usage, "/totalTokenCount");
    for (size_t i = 0; i < sizeof ori_gemini_modalities / sizeof ori_gemini_modalities[0]; i++)
        ori_gemini_modality(r, usage, i);
    ori_chat_finish_usage(&r->c);
}

/* What is signed has an index of its own among the details: it is never put together with
   what comes before or after it. */
static void ori_gemini_sign(ori_read *r, or_str signature, or_str id)
{
    if (signature.ptr == NULL) return;
    if (r->d.thinking) r->d.block++;
    r->d.thinking = false;
    ori_read_detail(r, ORI_DETAIL_ENCRYPTED, signature, or_str_of(NULL, 0), id);
    r->d.block++;
}

/* An id for a call that has none, with quotes: other answers of the history have other ones. */
static or_str ori_gemini_make_id(ori_read *r, uint32_t k)
{
    or_buf *out = &r->out[ORI_READ_MADE];
    size_t  since = out->len;
    or_buf_put_z(out, "\"call_");
    ori_dialect_put_hex(out, r->hash, 8, 'a');
    or_buf_put_char(out, '_');
    or_buf_put_u64(out, k);
    or_buf_put_char(out, '"');
    return ori_read_made(r, since);
}

static void ori_gemini_call(ori_read *r, int function, or_str signature)
{
    uint32_t      k = ori_read_calls(r);
    int           id = ori_read_at(r, function, "/id");
    or_str        quoted = ori_read_quoted(r, id);
    or_buf       *out = &r->out[ORI_READ_MADE];
    or_tool_call *call = ori_read_call(r, k);
    if (call == NULL) return;
    call->id = ori_read_str(r, id);
    if (quoted.ptr == NULL) {
        quoted = ori_gemini_make_id(r, k);
        call->id = or_str_of(quoted.ptr + 1, quoted.len - 2);
    }
    call->name = ori_read_name(r, ori_read_at(r, function, "/name"));
    call->arguments = ori_read_arguments(r, ori_read_at(r, function, "/args"));
    if (call->arguments.len == 0) call->arguments = OR_STR("{}");
    if (signature.ptr == NULL) return;
    size_t since = out->len;
    ori_dialect_wrap(out, "{\"google\":{\"thought_signature\":", signature, "}}");
    call->extra_content = ori_read_made(r, since);
    ori_gemini_sign(r, signature, quoted);
}

static void ori_gemini_part(ori_read *r, int part)
{
    int    text = ori_read_at(r, part, "/text"), data = ori_read_at(r, part, "/inlineData");
    int    function = ori_read_at(r, part, "/functionCall");
    or_str signature = ori_read_quoted_at(r, part, "/thoughtSignature");
    bool   thought = ori_read_type(r, ori_read_at(r, part, "/thought")) == OR_JSON_TRUE;
    if (!thought && r->d.thinking) r->d.block++;
    r->d.thinking = thought;
    if (thought) {
        ori_read_thought(r, ORI_DETAIL_TEXT, text, -1);
    } else {
        ori_read_append(r, ORI_READ_TEXT, text);
        if (ori_read_quoted(r, text).ptr != NULL) r->d.said = true;
    }
    ori_read_image(r, ori_read_at(r, data, "/data"), ori_read_at(r, data, "/mimeType"), -1);
    if (ori_read_type(r, function) == OR_JSON_OBJECT)
        ori_gemini_call(r, function, signature);
    else
        ori_gemini_sign(r, signature, or_str_of(NULL, 0));
}

/* The first candidate. Its index is left out where it is 0. */
static int ori_gemini_candidate(const ori_read *r, int list)
{
    const or_json_doc *doc = &r->c.doc;
    for (int i = ori_read_first(r, list); i >= 0; i = or_json_next(doc, i)) {
        uint64_t index = 0;
        if (or_json_get_u64(doc, ori_read_at(r, i, "/index"), &index) != OR_OK || index == 0)
            return i;
    }
    return -1;
}

/* There is no answer since the prompt was refused. */
static void ori_gemini_blocked(ori_read *r, int reason)
{
    if (ori_read_quoted(r, reason).ptr == NULL) return;
    or_buf_put_z(&r->out[ORI_READ_REFUSAL], "The prompt was blocked: ");
    ori_read_append(r, ORI_READ_REFUSAL, reason);
    if (r->counting) return;
    r->c.answer->finish = OR_FINISH_CONTENT_FILTER;
    r->c.answer->native_finish = ori_read_str(r, reason);
}

/* An event is an answer that holds what is new. */
static bool ori_gemini_event(ori_read *r, int root)
{
    static const char *const members[] = {"/candidates", "/usageMetadata", "/promptFeedback",
                                          "/responseId"};
    const or_json_doc       *doc = &r->c.doc;
    int                      list = ori_read_at(r, root, members[0]), i, parts;
    for (i = 0; i < 4 && ori_read_at(r, root, members[i]) < 0;) i++;
    if (i == 4) return false;
    or_str id = ori_read_quoted_at(r, root, "/responseId");
    r->hash = ori_chat_hash(id.ptr != NULL ? id : or_json_raw(doc, root));
    int candidate = ori_gemini_candidate(r, list);
    parts = ori_read_at(r, candidate, "/content/parts");
    if (ori_read_type(r, parts) == OR_JSON_ARRAY)
        for (i = or_json_first(doc, parts); i >= 0; i = or_json_next(doc, i)) ori_gemini_part(r, i);
    ori_read_finish(r, ori_read_str(r, ori_read_at(r, candidate, "/finishReason")));
    if (ori_read_type(r, list) != OR_JSON_ARRAY || doc->tok[list].size == 0)
        ori_gemini_blocked(r, ori_read_at(r, root, "/promptFeedback/blockReason"));
    ori_gemini_usage(r, ori_read_at(r, root, "/usageMetadata"));
    ori_chat_take_str(&r->c.answer->id, ori_read_str(r, ori_read_at(r, root, "/responseId")), true);
    ori_chat_take_str(&r->c.answer->model, ori_read_str(r, ori_read_at(r, root, "/modelVersion")),
                      true);
    return true;
}

/* ---- answers of RESPONSES ---- */

static void ori_responses_usage(ori_read *r, int usage)
{
    or_usage *u = &r->c.answer->usage;
    if (r->counting || ori_read_type(r, usage) != OR_JSON_OBJECT) return;
    r->c.tok[ORI_CHAT_PROMPT] = ori_read_at(r, usage, "/input_tokens_details");
    r->c.tok[ORI_CHAT_COMPLETION] = ori_read_at(r, usage, "/output_tokens_details");
    ori_read_usage_rest(r, usage);
    u->prompt_tokens = ori_read_count(r, usage, "/input_tokens");
    u->completion_tokens = ori_read_count(r, usage, "/output_tokens");
    ori_chat_finish_usage(&r->c);
}

static bool ori_responses_is_call(const ori_read *r, int item)
{
    return ori_read_word(r, ori_read_at(r, item, "/type"), "function_call custom_tool_call") < 2;
}

/* The arguments of a call that were not told, into *call. A custom tool's input is text, and
   becomes the member `input` of an object: as raw JSON it fits between its quotes. */
static void ori_responses_arguments(ori_read *r, or_tool_call *call, int item, uint8_t state,
                                    bool fresh, bool done)
{
    or_buf *out = &r->out[ORI_READ_MADE];
    size_t  since = out->len;
    if ((state & ORI_CALL_CUSTOM) == 0) {
        if (!done) return;
        call->arguments = ori_read_arguments(r, ori_read_at(r, item, "/arguments"));
        if (call->arguments.len == 0) call->arguments = OR_STR("{}");
        return;
    }
    if (fresh) or_buf_put_z(out, "{\"input\":\"");
    or_str input = ori_read_quoted_at(r, item, "/input");
    if (done && input.ptr != NULL && (state & ORI_CALL_FED) == 0)
        or_buf_put(out, input.ptr + 1, input.len - 2);
    if (done) or_buf_put_z(out, "\"}");
    call->arguments = ori_read_made(r, since);
}

/* A call's item: of a call k that is known, or (k: as many as there are) of a new one. done: the
   item is complete. What was told is not told again. */
static void ori_responses_call(ori_read *r, int item, uint32_t k, bool done)
{
    bool    fresh = k == ori_read_calls(r);
    uint8_t state = ori_read_is(r, ori_read_at(r, item, "/type"), "custom_tool_call");
    if (!fresh) {
        state = r->d.calls[k];
        if (!done || (state & ORI_CALL_CLOSED) != 0) return;
        r->d.calls[k] |= ORI_CALL_CLOSED;
        if (state == ORI_CALL_FED) return;
    }
    or_tool_call *call = ori_read_call(r, k);
    if (call == NULL) return;
    if (fresh) {
        int id = ori_read_at(r, item, "/call_id");
        if (ori_read_quoted(r, id).ptr == NULL) id = ori_read_at(r, item, "/id");
        call->id = ori_read_str(r, id);
        call->name = ori_read_name(r, ori_read_at(r, item, "/name"));
    }
    ori_responses_arguments(r, call, item, state, fresh, done);
    if (fresh && r->s != NULL) r->d.calls[k] = (uint8_t)(state | (done ? ORI_CALL_CLOSED : 0));
}

/* Which call an event is about: output_index tells, else the item's id (some servers change the
   ids from event to event, some send no index); without both, the last one. As many as there
   are: none that is known. */
static uint32_t ori_responses_find(ori_read *r, int root, int id, bool last)
{
    uint64_t index;
    uint32_t h = ori_chat_hash(ori_read_quoted(r, id)), num = r->s->num_calls;
    bool has = or_json_get_u64(&r->c.doc, ori_read_at(r, root, "/output_index"), &index) == OR_OK;
    if (!has && h == 0) return last && num > 0 ? num - 1 : num;
    for (uint32_t k = num; k > 0; k--)
        if (has ? r->s->calls[k - 1].index == index : r->s->calls[k - 1].id == h) return k - 1;
    return num;
}

/* The item of an event that begins or ends it. */
static void ori_responses_call_event(ori_read *r, int root, int item, bool done)
{
    int      id = ori_read_at(r, item, "/id");
    uint64_t index;
    uint32_t h = ori_chat_hash(ori_read_quoted(r, id)), num = r->s->num_calls;
    uint32_t k = ori_responses_find(r, root, id, done);
    if (!done && k < num && r->s->calls[k].id != h) k = num; /* one index for several calls */
    ori_responses_call(r, item, k, done);
    if (k < num || k == r->s->num_calls) return;
    r->s->calls[k].id = h;
    if (or_json_get_u64(&r->c.doc, ori_read_at(r, root, "/output_index"), &index) == OR_OK &&
        index < UINT32_MAX)
        r->s->calls[k].index = (uint32_t)index;
}

/* A piece of the arguments, or of a custom tool's input. */
static void ori_responses_fragment(ori_read *r, int root)
{
    int      delta = ori_read_at(r, root, "/delta");
    or_str   raw = ori_read_quoted(r, delta);
    uint32_t k = ori_responses_find(r, root, ori_read_at(r, root, "/item_id"), true);
    if (raw.ptr == NULL || k == r->s->num_calls || (r->d.calls[k] & ORI_CALL_CLOSED) != 0) return;
    or_tool_call *call = ori_read_call(r, k);
    call->arguments = (r->d.calls[k] & ORI_CALL_CUSTOM) != 0 ? or_str_of(raw.ptr + 1, raw.len - 2)
                                                             : ori_read_str(r, delta);
    r->d.calls[k] |= ORI_CALL_FED;
}

/* The texts of a list of parts: of a message's content, a summary or the content of reasoning. */
static void ori_responses_parts(ori_read *r, int list, int kind)
{
    const or_json_doc *doc = &r->c.doc;
    for (int i = ori_read_first(r, list); i >= 0; i = or_json_next(doc, i)) {
        int text = ori_read_at(r, i, "/text");
        if (kind >= 0) {
            ori_read_thought(r, kind, text, -1);
            continue;
        }
        ori_read_append(r, ORI_READ_TEXT, text);
        ori_read_append(r, ORI_READ_REFUSAL, ori_read_at(r, i, "/refusal"));
        ori_read_citations(r, ori_read_at(r, i, "/annotations"));
        if (ori_read_quoted(r, text).ptr != NULL) r->d.said = true;
    }
}

/* An item that is no call and is complete. told: its texts came as deltas. */
static void ori_responses_item(ori_read *r, int item, bool told)
{
    switch (ori_read_word(r, ori_read_at(r, item, "/type"),
                          "message reasoning image_generation_call")) {
    case 0:
        if (!told) ori_responses_parts(r, ori_read_at(r, item, "/content"), -1);
        break;
    case 1:
        if (!told) {
            ori_responses_parts(r, ori_read_at(r, item, "/summary"), ORI_DETAIL_SUMMARY);
            ori_responses_parts(r, ori_read_at(r, item, "/content"), ORI_DETAIL_TEXT);
        }
        ori_read_detail(r, ORI_DETAIL_ENCRYPTED, ori_read_quoted_at(r, item, "/encrypted_content"),
                        or_str_of(NULL, 0), ori_read_quoted_at(r, item, "/id"));
        r->d.block++;
        break;
    case 2:
        ori_read_image(r, ori_read_at(r, item, "/result"), -1,
                       ori_read_at(r, item, "/output_format"));
        break;
    default: break; /* of tools that the server runs */
    }
}

/* The bit of an event's item in *word of d.told; 0: none. */
static uint64_t ori_responses_bit(const ori_read *r, int root, int *word)
{
    uint64_t index;
    *word = 0;
    if (or_json_get_u64(&r->c.doc, ori_read_at(r, root, "/output_index"), &index) != OR_OK ||
        index >= 128)
        return 0;
    *word = (int)(index / 64);
    return (uint64_t)1 << index % 64;
}

/* Text of an item came. */
static void ori_responses_tell(ori_read *r, int root, bool *told)
{
    int      word;
    uint64_t bit = ori_responses_bit(r, root, &word);
    r->d.told[word] |= bit;
    *told = true;
}

/* The end of an item, whose texts came as deltas before it, or (with servers that do not stream)
   did not. Several may be open at once, told apart by output_index; with servers that send none
   it is the only one. */
static void ori_responses_item_event(ori_read *r, int root, int item)
{
    int      word;
    uint64_t bit = ori_responses_bit(r, root, &word);
    bool    *last =
        ori_read_is(r, ori_read_at(r, item, "/type"), "reasoning") ? &r->d.thinking : &r->d.said;
    bool told = *last;
    if (bit != 0 && (r->d.told[0] | r->d.told[1]) != 0) told = (r->d.told[word] & bit) != 0;
    ori_responses_item(r, item, told);
    *last = false;
}

/* A complete response has no open calls: those without arguments get {}. */
static void ori_responses_close_calls(ori_read *r)
{
    for (uint32_t k = 0; r->s != NULL && k < r->s->num_calls; k++)
        ori_responses_call(r, -1, k, true);
}

/* All that a complete response holds and that was not told: its calls in their order, and, when
   no event told anything, the rest. */
static void ori_responses_output(ori_read *r, int output)
{
    const or_json_doc *doc = &r->c.doc;
    bool               told = r->s != NULL && r->s->content;
    uint32_t           known = ori_read_calls(r), k = 0;
    for (int i = ori_read_first(r, output); i >= 0; i = or_json_next(doc, i)) {
        if (!ori_responses_is_call(r, i)) {
            if (!told) ori_responses_item(r, i, false);
        } else if (k < known || known == 0) {
            ori_responses_call(r, i, k++, true);
            if (r->c.err != OR_OK) return;
        }
    }
}

/* A response that ended. state: its status where that is not said. */
static void ori_responses_end(ori_read *r, int response, or_str state)
{
    int status = ori_read_at(r, response, "/status");
    int reason = ori_read_at(r, response, "/incomplete_details/reason");
    ori_read_facts(r, response);
    ori_responses_output(r, ori_read_at(r, response, "/output"));
    if (ori_read_is(r, status, "completed") ||
        (ori_read_quoted(r, status).ptr == NULL &&
         (or_str_eq(state, OR_STR("completed")) || or_str_eq(state, OR_STR("done")))))
        ori_responses_close_calls(r);
    if (ori_read_quoted(r, status).ptr != NULL) state = ori_read_str(r, status);
    if (ori_read_quoted(r, reason).ptr != NULL) state = ori_read_str(r, reason);
    ori_read_finish(r, state);
    ori_responses_usage(r, ori_read_at(r, response, "/usage"));
}

enum {
    ORI_EVENT_FACTS,
    ORI_EVENT_TEXT,
    ORI_EVENT_REFUSAL,
    ORI_EVENT_THOUGHT,
    ORI_EVENT_SUMMARY,
    ORI_EVENT_CITATION,
    ORI_EVENT_ADDED,
    ORI_EVENT_FRAGMENT,
    ORI_EVENT_ITEM,
    ORI_EVENT_END
};

/* Behind "response."; END has the state in its name. */
static const struct {
    const char *name;
    uint8_t     event;
} ori_responses_events[] = {
    {"created", ORI_EVENT_FACTS},
    {"in_progress", ORI_EVENT_FACTS},
    {"output_text.delta", ORI_EVENT_TEXT},
    {"content_part.delta", ORI_EVENT_TEXT}, /* its older name */
    {"refusal.delta", ORI_EVENT_REFUSAL},
    {"reasoning_summary_text.delta", ORI_EVENT_SUMMARY},
    {"reasoning_text.delta", ORI_EVENT_THOUGHT},
    {"output_text.annotation.added", ORI_EVENT_CITATION},
    {"output_item.added", ORI_EVENT_ADDED},
    {"function_call_arguments.delta", ORI_EVENT_FRAGMENT},
    {"custom_tool_call_input.delta", ORI_EVENT_FRAGMENT},
    {"output_item.done", ORI_EVENT_ITEM},
    {"completed", ORI_EVENT_END},
    {"incomplete", ORI_EVENT_END},
    {"failed", ORI_EVENT_END},
    {"cancelled", ORI_EVENT_END},
    {"done", ORI_EVENT_END}, /* an older name of all of them */
};

static void ori_responses_event_of(ori_read *r, int root, size_t row)
{
    int     response = ori_read_at(r, root, "/response"), delta = ori_read_at(r, root, "/delta");
    int     item = ori_read_at(r, root, "/item");
    uint8_t event = ori_responses_events[row].event;
    switch (event) {
    case ORI_EVENT_FACTS: ori_read_facts(r, response); break;
    case ORI_EVENT_TEXT:
        if (ori_read_type(r, delta) == OR_JSON_OBJECT) delta = ori_read_at(r, delta, "/text");
        ori_read_append(r, ORI_READ_TEXT, delta);
        ori_responses_tell(r, root, &r->d.said);
        break;
    case ORI_EVENT_REFUSAL:
        ori_read_append(r, ORI_READ_REFUSAL, delta);
        ori_responses_tell(r, root, &r->d.said);
        break;
    case ORI_EVENT_SUMMARY:
    case ORI_EVENT_THOUGHT:
        ori_read_thought(r, event == ORI_EVENT_THOUGHT ? ORI_DETAIL_TEXT : ORI_DETAIL_SUMMARY,
                         delta, -1);
        ori_responses_tell(r, root, &r->d.thinking);
        break;
    case ORI_EVENT_CITATION: ori_read_citation(r, ori_read_at(r, root, "/annotation")); break;
    case ORI_EVENT_FRAGMENT: ori_responses_fragment(r, root); break;
    case ORI_EVENT_ADDED:
        if (ori_responses_is_call(r, item)) ori_responses_call_event(r, root, item, false);
        break;
    case ORI_EVENT_ITEM:
        if (ori_responses_is_call(r, item))
            ori_responses_call_event(r, root, item, true);
        else
            ori_responses_item_event(r, root, item);
        break;
    default:
        ori_responses_end(r, response, or_str_z(ori_responses_events[row].name));
        r->c.answer->done = true;
        break;
    }
}

static bool ori_responses_event(ori_read *r, int root)
{
    static const char prefix[] = "response.";
    size_t            n = sizeof prefix - 1;
    or_str            type = ori_json_text(&r->c.doc, ori_read_at(r, root, "/type"));
    if (type.len <= n || memcmp(type.ptr, prefix, n) != 0) return true;
    for (size_t i = 0; i < sizeof ori_responses_events / sizeof ori_responses_events[0]; i++)
        if (or_str_eq(or_str_of(type.ptr + n, type.len - n),
                      or_str_z(ori_responses_events[i].name)))
            ori_responses_event_of(r, root, i);
    return true;
}

/* A whole response. */
static bool ori_responses_answer(ori_read *r, int root)
{
    if (ori_read_type(r, ori_read_at(r, root, "/output")) != OR_JSON_ARRAY &&
        !ori_read_is(r, ori_read_at(r, root, "/object"), "response"))
        return false;
    ori_responses_end(r, root, or_str_of(NULL, 0));
    if (!r->counting && r->c.answer->native_finish.ptr == NULL && (r->d.said || r->num_calls > 0))
        r->c.answer->finish = r->num_calls > 0 ? OR_FINISH_TOOL_CALLS : OR_FINISH_STOP;
    return true;
}

/* ---- both walks ---- */

/* What vendors call their errors, where no status stands beside it. */
static const struct {
    const char *word;
    int32_t     code;
} ori_read_codes[] = {
    {"invalid_request_error", 400},
    {"authentication_error", 401},
    {"billing_error", 402},
    {"permission_error", 403},
    {"not_found_error", 404},
    {"conflict_error", 409},
    {"request_too_large", 413},
    {"rate_limit_error", 429},
    {"api_error", 500},
    {"timeout_error", 504},
    {"overloaded_error", 529},
    {"invalid_prompt", 400},
    {"rate_limit_exceeded", 429},
    {"server_error", 500},
    {"INVALID_ARGUMENT", 400},
    {"FAILED_PRECONDITION", 400},
    {"UNAUTHENTICATED", 401},
    {"PERMISSION_DENIED", 403},
    {"NOT_FOUND", 404},
    {"RESOURCE_EXHAUSTED", 429},
    {"INTERNAL", 500},
    {"UNAVAILABLE", 503},
    {"DEADLINE_EXCEEDED", 504},
};

static void ori_read_code(or_chat_error *e)
{
    for (size_t i = 0; i < sizeof ori_read_codes / sizeof ori_read_codes[0]; i++) {
        or_str word = or_str_z(ori_read_codes[i].word);
        if (e->code == 0 && (or_str_eq(e->type, word) || or_str_eq(e->code_text, word)))
            e->code = ori_read_codes[i].code;
    }
}

/* Errors stand where chat has them, too: what it knows of their shapes holds here. */
static void ori_read_error(ori_read *r, int root, bool known)
{
    static const char *const flat[] = {"/message", "/detail", "/fault"};
    ori_chat                *c = &r->c;
    or_chat_error           *e = &c->answer->error;
    int                      error = ori_read_at(r, root, "/error");
    if (c->tok[ORI_CHAT_ERROR] < 0 && ori_read_type(r, error) >= OR_JSON_NUMBER)
        c->tok[ORI_CHAT_ERROR] = error;
    for (int i = 0; i < 3 && !known; i++) {
        int tok = ori_read_at(r, root, flat[i]);
        if (c->tok[ORI_CHAT_FLAT] < 0 && ori_read_type(r, tok) >= OR_JSON_NUMBER)
            c->tok[ORI_CHAT_FLAT] = tok;
    }
    c->to = c->answer;
    ori_chat_finish_error(c);
    if (!e->set) return;
    if (or_str_eq(e->type, OR_STR("error"))) e->type = e->code_text;
    int better = ori_read_at(r, root, "/response/error_type");
    if (better < 0) better = ori_read_at(r, root, "/error_type");
    ori_chat_take_str(&e->type, ori_chat_str(c, better), true);
    ori_read_code(e);
}

/* Is it one of the events that name their kind? */
static bool ori_read_is_event(const ori_read *r, int root)
{
    int type = ori_read_at(r, root, "/type");
    return ori_read_quoted(r, type).ptr != NULL && !ori_read_is(r, type, "error") &&
           !ori_read_is(r, ori_read_at(r, root, "/object"), "error");
}

/* False: not what this dialect says. */
static bool ori_read_walk(ori_read *r, int root)
{
    if (r->d.dialect == OR_DIALECT_GEMINI) return ori_gemini_event(r, root);
    if (r->s != NULL && !ori_read_is_event(r, root)) return false;
    if (r->d.dialect == OR_DIALECT_MESSAGES)
        return r->s != NULL ? ori_messages_event(r, root) : ori_messages_answer(r, root);
    return r->s != NULL ? ori_responses_event(r, root) : ori_responses_answer(r, root);
}

/* All elements of an array: what Google sends where a stream was asked for, but not as events. */
static bool ori_read_walk_all(ori_read *r, int root)
{
    bool known = ori_read_walk(r, root);
    for (int i = or_json_next(&r->c.doc, root); i >= 0; i = or_json_next(&r->c.doc, i)) {
        if (r->d.dialect != OR_DIALECT_GEMINI || !ori_read_walk(r, i)) known = false;
        int error = ori_read_at(r, i, "/error");
        if (ori_read_type(r, error) == OR_JSON_OBJECT) r->c.tok[ORI_CHAT_ERROR] = error;
    }
    return known;
}

static void ori_read_begin(ori_read *r, const or_dialect_stream *d, uint32_t num_calls, int root)
{
    r->d = *d;
    if (r->s != NULL) r->s->num_calls = num_calls;
    r->num_calls = r->num_images = 0;
    r->c.to = r->c.answer;
    r->c.odd_count = false;
    for (int i = 0; i < ORI_CHAT_PLACES; i++) r->c.tok[i] = -1;
    r->c.tok[ORI_CHAT_ROOT] = root;
}

/* Memory for all that was counted. */
static bool ori_read_alloc(ori_read *r)
{
    for (int i = 0; i < ORI_READ_OUTS; i++) {
        size_t size = r->out[i].len + (i == ORI_READ_DETAILS || i == ORI_READ_ANNOTATIONS);
        char  *mem = (char *)ori_chat_alloc(&r->c, size);
        if (mem == NULL) return false;
        or_buf_init(&r->out[i], mem, size);
    }
    r->calls = (or_tool_call *)ori_chat_alloc(&r->c, r->num_calls * sizeof *r->calls);
    r->images = (or_str *)ori_chat_alloc(&r->c, r->num_images * sizeof *r->images);
    r->counting = false;
    return r->c.err == OR_OK;
}

/* What was written becomes the answer's; absent where there is nothing. */
static void ori_read_give(ori_read *r)
{
    or_chat_answer *a = r->c.answer;
    or_str *const   to[] = {&a->text, &a->reasoning, &a->refusal, &a->reasoning_details,
                            &a->annotations};
    for (int i = 0; i < ORI_READ_MADE; i++) {
        or_buf *b = &r->out[i];
        if (b->len > 0 && i >= ORI_READ_DETAILS) or_buf_put_char(b, ']');
        if (b->len > 0) *to[i] = or_buf_str(b);
    }
    a->images = r->num_images > 0 ? r->images : NULL;
    a->num_images = r->num_images;
    a->tool_calls = r->num_calls > 0 ? r->calls : NULL;
    a->num_tool_calls = r->num_calls;
}

/* Read text into *a, and, if all went well, the state after it into *d. */
static or_err ori_dialect_decode(or_dialect_stream *d, or_chat_stream *s, or_str text,
                                 or_arena *arena, or_chat_answer *a)
{
    ori_read r;
    uint32_t before = s != NULL ? s->num_calls : 0;
    memset(&r, 0, sizeof r);
    or_err e = or_json_parse(&r.c.doc, text, 0, arena);
    if (e != OR_OK) return e;
    int root = ori_chat_find_root(&r.c.doc);
    if (root < 0) return OR_ERR_ANSWER;
    r.c.arena = arena;
    r.c.answer = a;
    r.s = s;
    r.counting = true;
    for (int i = 0; i < ORI_READ_OUTS; i++) or_buf_init_counting(&r.out[i]);
    ori_read_begin(&r, d, before, root);
    bool known = ori_read_walk_all(&r, root);
    if (r.c.err == OR_OK && ori_read_alloc(&r)) {
        ori_read_begin(&r, d, before, root);
        known = ori_read_walk_all(&r, root);
        ori_read_error(&r, root, known);
        ori_read_give(&r);
    }
    e = r.c.err != OR_OK ? r.c.err : known || a->error.set ? OR_OK : OR_ERR_ANSWER;
    if (e == OR_OK) {
        *d = r.d;
        return e;
    }
    if (s != NULL) s->num_calls = before;
    memset(a, 0, sizeof *a);
    return e;
}

or_err or_dialect_read(or_dialect from, or_str body, or_arena *arena, or_chat_answer *a)
{
    or_dialect_stream d;
    if (from <= OR_DIALECT_TEXT) return or_chat_read(body, arena, a);
    memset(a, 0, sizeof *a);
    if (from > OR_DIALECT_RESPONSES) return OR_ERR_ARG;
    or_dialect_stream_init(&d, from);
    return ori_dialect_decode(&d, NULL, body, arena, a);
}

void or_dialect_stream_init(or_dialect_stream *d, or_dialect from)
{
    memset(d, 0, sizeof *d);
    d->dialect = from;
}

or_err or_dialect_stream_next(or_dialect_stream *d, or_chat_stream *s, or_str data, or_arena *arena,
                              or_chat_delta *delta)
{
    or_str word = or_str_trim(data);
    if (d->dialect <= OR_DIALECT_TEXT || s->done || word.len == 0 ||
        or_str_eq(word, OR_STR("[DONE]")))
        return or_chat_stream_next(s, data, arena, delta);
    memset(delta, 0, sizeof *delta);
    if (d->dialect > OR_DIALECT_RESPONSES) return OR_ERR_ARG;
    or_err e = ori_dialect_decode(d, s, data, arena, delta);
    if (e != OR_OK) return e;
    ori_chat_note(s, delta);
    s->done = delta->done;
    return OR_OK;
}

/* ---- writing answers ---- */

/* What an item is. SEALED: reasoning that only its maker can read, for MESSAGES; RESPONSES keeps
   that in a THOUGHT. From CALL on they are calls. */
enum {
    ORI_REPLY_THOUGHT,
    ORI_REPLY_SEALED,
    ORI_REPLY_TEXT,
    ORI_REPLY_REFUSAL,
    ORI_REPLY_CALL,
    ORI_REPLY_CUSTOM
};

/* The texts of an item, as they lie in hold. What a THOUGHT has besides its own: MESSAGES its
   signature, RESPONSES its reasoning_details. All are kept as they stand between the quotes of
   a string, but those of calls, which are looked at, and the reasoning_details: these are kept
   as they are. */
enum { ORI_REPLY_SAID, ORI_REPLY_SEAL, ORI_REPLY_ID = ORI_REPLY_SEAL, ORI_REPLY_NAME };

/* How far an item got. IN_PART: the part that its text belongs to was announced, too. */
enum {
    ORI_REPLY_WAITS,
    ORI_REPLY_OPEN,
    ORI_REPLY_IN_PART,
    ORI_REPLY_CLOSED,
    ORI_REPLY_CUT /* closed before its end */
};

/* What the next byte of a call's arguments is. WHOLE: after the object; ODD: in something that
   is no object. */
enum {
    ORI_REPLY_ARGS_BEFORE,
    ORI_REPLY_ARGS_IN,
    ORI_REPLY_ARGS_STRING,
    ORI_REPLY_ARGS_ESCAPED,
    ORI_REPLY_ARGS_WHOLE,
    ORI_REPLY_ARGS_ODD
};

/* What kinds are called. NULL: that dialect has no such thing, or it has no parts. */
static const struct {
    const char *delta, *member;        /* MESSAGES */
    const char *prefix, *event, *said; /* RESPONSES: of ids; of events of its text; in them */
    const char *part, *part_index;     /* events and place of its only part */
} ori_reply_kinds[] = {
    {"thinking_delta", "thinking", "rs_", "response.reasoning_summary_text", "text",
     "response.reasoning_summary_part", "summary_index"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"text_delta", "text", "msg_", "response.output_text", "text", "response.content_part",
     "content_index"},
    {NULL, NULL, "msg_", "response.refusal", "refusal", "response.content_part", "content_index"},
    {"input_json_delta", "partial_json", "fc_", "response.function_call_arguments", "arguments",
     NULL, NULL},
    {NULL, NULL, "ctc_", "response.custom_tool_call_input", "input", NULL, NULL},
};

/* The first error counts. */
static void ori_reply_note(or_reply *r, or_err e)
{
    if (r->err == OR_OK) r->err = e;
}

/* ---- texts ---- */

/* Text as it stands between the quotes of a string; not escaped: it is that already. */
static or_err ori_reply_put_text(or_buf *out, or_str text, bool escape)
{
    or_json_writer w;
    if (!escape || text.len == 0) return or_buf_put_str(out, text);
    or_json_writer_init(&w, out);
    return ori_json_put_text(&w, text);
}

static void ori_reply_quote(or_reply *r, or_buf *out, or_str text, bool escape)
{
    or_buf_put_char(out, '"');
    ori_reply_note(r, ori_reply_put_text(out, text, escape));
    or_buf_put_char(out, '"');
}

/* Raw JSON without line ends, which would end the line of an event. Only white space has them. */
static void ori_reply_put_raw(or_buf *out, or_str raw)
{
    size_t from = 0;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] != '\n' && raw.ptr[i] != '\r') continue;
        or_buf_put(out, raw.ptr + from, i - from);
        from = i + 1;
    }
    if (raw.len > from) or_buf_put(out, raw.ptr + from, raw.len - from);
}

/* Where text n of item i begins in hold. */
static size_t ori_reply_at(const or_reply *r, uint32_t i, int n)
{
    size_t at = 0;
    for (uint32_t k = 0; k < i; k++)
        for (int m = 0; m < 3; m++) at += r->items[k].len[m];
    for (int m = 0; m < n; m++) at += r->items[i].len[m];
    return at;
}

static or_str ori_reply_text(const or_reply *r, uint32_t i, int n)
{
    size_t len = r->items[i].len[n];
    return len > 0 ? or_str_of(r->hold->ptr + ori_reply_at(r, i, n), len) : or_str_of("", 0);
}

/* Add to text n of item i; what lies behind it in hold moves. */
static void ori_reply_keep(or_reply *r, uint32_t i, int n, or_str text, bool escape)
{
    or_buf hole;
    or_buf_init_counting(&hole);
    ori_reply_note(r, ori_reply_put_text(&hole, text, escape));
    size_t size = hole.len, at = ori_reply_at(r, i, n) + r->items[i].len[n];
    if (r->err != OR_OK || size == 0) return;
    ori_reply_note(r, or_buf_reserve(r->hold, size));
    if (r->err != OR_OK) return;
    char *to = r->hold->ptr + at;
    memmove(to + size, to, r->hold->len - at);
    or_buf_init(&hole, to, size);
    (void)ori_reply_put_text(&hole, text, escape);
    r->hold->len += size;
    r->items[i].len[n] += size;
}

/* The first item that has texts is done with: they leave hold. */
static void ori_reply_drop(or_reply *r, uint32_t i, int texts)
{
    for (int n = 0; n < texts; n++) {
        or_buf_take(r->hold, r->items[i].len[n]);
        r->items[i].len[n] = 0;
    }
}

/* ---- ids ---- */

/* The request's id without what it begins with, "gen-". */
static or_str ori_reply_suffix(const or_reply *r)
{
    or_str id = r->facts->id;
    size_t n = 0;
    while (n < id.len && id.ptr[n] >= 'a' && id.ptr[n] <= 'z') n++;
    if (n == 0 || n + 1 >= id.len || (id.ptr[n] != '-' && id.ptr[n] != '_')) return id;
    return or_str_of(id.ptr + n + 1, id.len - n - 1);
}

static void ori_reply_put_id(const or_reply *r, or_buf *out, const char *prefix, uint32_t i)
{
    ori_dialect_wrap(out, prefix, ori_reply_suffix(r), "_");
    or_buf_put_u64(out, i);
}

/* A call that came without an id needs one. */
static void ori_reply_make_id(or_reply *r, uint32_t i)
{
    or_str suffix = ori_reply_suffix(r);
    char   mem[32];
    or_buf b;
    or_buf_init(&b, mem, sizeof mem);
    or_buf_put_char(&b, '_');
    or_buf_put_u64(&b, i);
    ori_reply_keep(r, i, ORI_REPLY_ID,
                   r->to == OR_DIALECT_MESSAGES ? OR_STR("toolu_") : OR_STR("call_"), false);
    ori_reply_keep(r, i, ORI_REPLY_ID, suffix, false);
    ori_reply_keep(r, i, ORI_REPLY_ID, or_buf_str(&b), false);
}

/* Does the client's request say that this is a tool whose input is text? */
static bool ori_reply_is_custom(const or_reply *r, or_str name)
{
    ori_dialect_list tools;
    or_json_item     tool, found[2];
    if (r->to != OR_DIALECT_RESPONSES || r->facts->request.len == 0) return false;
    ori_dialect_begin(&tools, ori_dialect_get(r->facts->request, "tools").value);
    while (ori_dialect_next(&tools, &tool)) {
        if (tool.type != OR_JSON_OBJECT) continue;
        ori_dialect_pick(tool.value, "type name", 2, found);
        if (ori_dialect_is(&found[0], "custom") && found[1].type == OR_JSON_STRING &&
            or_json_str_is(found[1].value, name))
            return true;
    }
    return false;
}

/* All that is to be known of an item before it is announced. */
static void ori_reply_settle(or_reply *r, uint32_t i)
{
    or_reply_item *item = &r->items[i];
    if (item->kind != ORI_REPLY_CALL) return;
    if (item->len[ORI_REPLY_ID] == 0) ori_reply_make_id(r, i);
    if (r->err == OR_OK && ori_reply_is_custom(r, ori_reply_text(r, i, ORI_REPLY_NAME)))
        item->kind = ORI_REPLY_CUSTOM;
}

/* ---- arguments ---- */

static void ori_reply_follow(or_reply_item *item, or_str text)
{
    for (size_t i = 0; i < text.len && item->args < ORI_REPLY_ARGS_WHOLE; i++) {
        char c = text.ptr[i];
        if (item->args == ORI_REPLY_ARGS_ESCAPED) {
            item->args = ORI_REPLY_ARGS_STRING;
        } else if (item->args == ORI_REPLY_ARGS_STRING) {
            if (c == '\\') item->args = ORI_REPLY_ARGS_ESCAPED;
            if (c == '"') item->args = ORI_REPLY_ARGS_IN;
        } else if (item->args == ORI_REPLY_ARGS_BEFORE) {
            if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
                item->args = c == '{' ? ORI_REPLY_ARGS_IN : ORI_REPLY_ARGS_ODD;
            item->depth = 1;
        } else if (c == '"') {
            item->args = ORI_REPLY_ARGS_STRING;
        } else if (c == '{' || c == '[') {
            item->depth++;
        } else if ((c == '}' || c == ']') && --item->depth == 0) {
            item->args = ORI_REPLY_ARGS_WHOLE;
        }
    }
}

/* The text that a custom tool is called with: `input` of the arguments of the function that it
   was made to be; all of them, where they are not that. *escape: it is not a string's inside. */
static or_str ori_reply_input(const or_reply *r, uint32_t i, bool *escape)
{
    or_str       args = ori_reply_text(r, i, ORI_REPLY_SAID);
    or_json_item input;
    memset(&input, 0, sizeof input);
    if (or_json_check(args, NULL) == OR_OK) input = ori_dialect_get(args, "input");
    *escape = input.type != OR_JSON_STRING;
    return *escape ? args : input.value;
}

/* The arguments as the object that MESSAGES wants. */
static void ori_reply_put_object(or_reply *r, or_buf *out, or_str args)
{
    or_str trimmed = args;
    while (trimmed.len > 0 && trimmed.ptr[0] <= ' ' && trimmed.ptr[0] > 0) {
        trimmed.ptr++;
        trimmed.len--;
    }
    if (trimmed.len == 0 || or_str_eq(trimmed, OR_STR("null"))) {
        or_buf_put_z(out, "{}");
    } else if (trimmed.ptr[0] == '{' && or_json_check(args, NULL) == OR_OK) {
        or_buf_put_str(out, trimmed);
    } else {
        or_buf_put_z(out, "{\"_raw\":");
        ori_reply_quote(r, out, args, true);
        or_buf_put_char(out, '}');
    }
}

/* ---- items, written ---- */

/* The text of an item as a string. */
static void ori_reply_put_said(or_reply *r, or_buf *out, uint32_t i, bool full)
{
    bool   escape = r->items[i].kind >= ORI_REPLY_CALL;
    or_str text = ori_reply_text(r, i, ORI_REPLY_SAID);
    if (r->items[i].kind == ORI_REPLY_CUSTOM) text = ori_reply_input(r, i, &escape);
    ori_reply_quote(r, out, full ? text : or_str_of("", 0), escape);
}

static void ori_reply_put_names(or_reply *r, or_buf *out, uint32_t i, const char *id)
{
    bool any = true;
    ori_dialect_put_name(out, &any, id);
    ori_reply_quote(r, out, ori_reply_text(r, i, ORI_REPLY_ID), true);
    ori_dialect_put_name(out, &any, "name");
    ori_reply_quote(r, out, ori_reply_text(r, i, ORI_REPLY_NAME), true);
}

/* A block of MESSAGES; not full: as it begins. */
static void ori_reply_put_block(or_reply *r, or_buf *out, uint32_t i, bool full)
{
    switch (r->items[i].kind) {
    case ORI_REPLY_THOUGHT:
        or_buf_put_z(out, "{\"type\":\"thinking\",\"thinking\":");
        ori_reply_put_said(r, out, i, full);
        or_buf_put_z(out, ",\"signature\":");
        ori_reply_quote(r, out, full ? ori_reply_text(r, i, ORI_REPLY_SEAL) : or_str_of("", 0),
                        false);
        break;
    case ORI_REPLY_SEALED:
        or_buf_put_z(out, "{\"type\":\"redacted_thinking\",\"data\":");
        ori_reply_put_said(r, out, i, true);
        break;
    case ORI_REPLY_CALL:
        or_buf_put_z(out, "{\"type\":\"tool_use\"");
        ori_reply_put_names(r, out, i, "id");
        or_buf_put_z(out, ",\"input\":");
        if (full) ori_reply_put_object(r, out, ori_reply_text(r, i, ORI_REPLY_SAID));
        if (!full) or_buf_put_z(out, "{}");
        break;
    default:
        or_buf_put_z(out, "{\"type\":\"text\",\"text\":");
        ori_reply_put_said(r, out, i, full);
        break;
    }
    or_buf_put_char(out, '}');
}

/* The part of an output item that its text is in. */
static void ori_reply_put_part(or_reply *r, or_buf *out, uint32_t i, bool full)
{
    bool text = r->items[i].kind == ORI_REPLY_TEXT, refusal = r->items[i].kind == ORI_REPLY_REFUSAL;
    or_buf_put_z(out, refusal ? "{\"type\":\"refusal\",\"refusal\":"
                      : text  ? "{\"type\":\"output_text\",\"text\":"
                              : "{\"type\":\"summary_text\",\"text\":");
    ori_reply_put_said(r, out, i, full);
    or_buf_put_z(out, text ? ",\"annotations\":[],\"logprobs\":[]}" : "}");
}

/* Has an element of reasoning_details what has to come back? */
static bool ori_reply_has_seal(or_str element)
{
    or_json_item found[2];
    ori_dialect_pick(element, "signature data", 2, found);
    return (found[0].type == OR_JSON_STRING && found[0].value.len > 0) ||
           (found[1].type == OR_JSON_STRING && found[1].value.len > 0);
}

/* The reasoning_details that have to come back, as one string; none: nothing. */
static void ori_reply_put_details(or_reply *r, or_buf *out, uint32_t i)
{
    ori_dialect_list l;
    or_json_item     item;
    bool             any = false;
    ori_dialect_begin(&l, ori_reply_text(r, i, ORI_REPLY_SEAL));
    while (ori_dialect_next(&l, &item)) { /* the array has no end yet; that of hold will do */
        if (!ori_reply_has_seal(item.value)) continue;
        or_buf_put_z(out, any ? "," : ",\"encrypted_content\":\"or.details:[");
        ori_reply_note(r, ori_reply_put_text(out, item.value, true));
        any = true;
    }
    if (any) or_buf_put_z(out, "]\"");
}

/* An output item of RESPONSES; not full: as it begins. */
static void ori_reply_put_output(or_reply *r, or_buf *out, uint32_t i, bool full)
{
    static const char *const types[] = {
        "reasoning", "", "message", "message", "function_call", "custom_tool_call"};
    const or_reply_item *item = &r->items[i];
    bool                 any = true;
    ori_dialect_wrap(out, "{\"type\":\"", or_str_z(types[item->kind]), "\",\"id\":\"");
    ori_reply_put_id(r, out, ori_reply_kinds[item->kind].prefix, i);
    or_buf_put_char(out, '"');
    if (item->kind == ORI_REPLY_THOUGHT) {
        or_buf_put_z(out, ",\"summary\":[");
        if (full && item->len[ORI_REPLY_SAID] > 0) ori_reply_put_part(r, out, i, true);
        or_buf_put_char(out, ']');
        if (full) ori_reply_put_details(r, out, i);
        or_buf_put_char(out, '}');
        return;
    }
    or_buf_put_z(out, !full                             ? ",\"status\":\"in_progress\""
                      : item->state == ORI_REPLY_CLOSED ? ",\"status\":\"completed\""
                                                        : ",\"status\":\"incomplete\"");
    if (item->kind >= ORI_REPLY_CALL) {
        ori_reply_put_names(r, out, i, "call_id");
        ori_dialect_put_name(out, &any, ori_reply_kinds[item->kind].said);
        ori_reply_put_said(r, out, i, full);
        or_buf_put_char(out, '}');
        return;
    }
    or_buf_put_z(out, ",\"role\":\"assistant\",\"content\":[");
    if (full) ori_reply_put_part(r, out, i, true);
    or_buf_put_z(out, "]}");
}

/* ---- events ---- */

/* The begin of an event, up to its first own member; its name is in two pieces. */
static void ori_reply_event(or_reply *r, or_buf *out, const char *name, const char *name_end)
{
    ori_dialect_wrap(out, "event: ", or_str_z(name), name_end);
    ori_dialect_wrap(out, "\ndata: {\"type\":\"", or_str_z(name), name_end);
    or_buf_put_char(out, '"');
    if (r->to != OR_DIALECT_RESPONSES) return;
    or_buf_put_z(out, ",\"sequence_number\":");
    or_buf_put_u64(out, r->sequence++);
}

static void ori_reply_end_event(or_buf *out)
{
    or_buf_put_z(out, "}\n\n");
}

/* An event of MESSAGES about a block. */
static void ori_reply_block_event(or_reply *r, or_buf *out, const char *name, uint32_t i)
{
    ori_reply_event(r, out, "content_block_", name);
    or_buf_put_z(out, ",\"index\":");
    or_buf_put_u64(out, i);
}

static void ori_reply_block_delta(or_reply *r, or_buf *out, uint32_t i, const char *type,
                                  const char *member)
{
    bool any = true;
    ori_reply_block_event(r, out, "delta", i);
    ori_dialect_wrap(out, ",\"delta\":{\"type\":\"", or_str_z(type), "\"");
    ori_dialect_put_name(out, &any, member);
}

/* An event of RESPONSES about what is in an output item. part: it is about its part. */
static void ori_reply_item_event(or_reply *r, or_buf *out, uint32_t i, bool part, const char *name)
{
    uint8_t kind = r->items[i].kind;
    ori_reply_event(r, out, part ? ori_reply_kinds[kind].part : ori_reply_kinds[kind].event, name);
    or_buf_put_z(out, ",\"item_id\":\"");
    ori_reply_put_id(r, out, ori_reply_kinds[kind].prefix, i);
    or_buf_put_z(out, "\",\"output_index\":");
    or_buf_put_u64(out, i);
    if (ori_reply_kinds[kind].part_index == NULL) return;
    bool any = true;
    ori_dialect_put_name(out, &any, ori_reply_kinds[kind].part_index);
    or_buf_put_char(out, '0');
}

/* An event of RESPONSES with a whole output item. */
static void ori_reply_output_event(or_reply *r, or_buf *out, uint32_t i, bool full)
{
    ori_reply_event(r, out, "response.output_item", full ? ".done" : ".added");
    or_buf_put_z(out, ",\"output_index\":");
    or_buf_put_u64(out, i);
    or_buf_put_z(out, ",\"item\":");
    ori_reply_put_output(r, out, i, full);
    ori_reply_end_event(out);
}

static void ori_reply_part_event(or_reply *r, or_buf *out, uint32_t i, bool full)
{
    ori_reply_item_event(r, out, i, true, full ? ".done" : ".added");
    or_buf_put_z(out, ",\"part\":");
    ori_reply_put_part(r, out, i, full);
    ori_reply_end_event(out);
}

/* More of the text of an item that was announced. */
static void ori_reply_put_delta(or_reply *r, or_buf *out, uint32_t i, or_str text, bool escape)
{
    or_reply_item *item = &r->items[i];
    if (text.len == 0 || item->kind == ORI_REPLY_SEALED) return;
    if (r->to == OR_DIALECT_MESSAGES) {
        ori_reply_block_delta(r, out, i, ori_reply_kinds[item->kind].delta,
                              ori_reply_kinds[item->kind].member);
        ori_reply_quote(r, out, text, escape);
        or_buf_put_char(out, '}');
    } else {
        if (ori_reply_kinds[item->kind].part != NULL && item->state == ORI_REPLY_OPEN) {
            ori_reply_part_event(r, out, i, false);
            item->state = ORI_REPLY_IN_PART;
        }
        ori_reply_item_event(r, out, i, false, ".delta");
        or_buf_put_z(out, ",\"delta\":");
        ori_reply_quote(r, out, text, escape);
        if (item->kind == ORI_REPLY_TEXT) or_buf_put_z(out, ",\"logprobs\":[]");
    }
    ori_reply_end_event(out);
}

/* ---- opening and closing ---- */

/* Items are announced in their order. MESSAGES writes them one after another, RESPONSES all at
   once; a call has to be told by its id and name, if they come at all. */
static bool ori_reply_may_open(const or_reply *r, bool end)
{
    uint32_t             i = r->index;
    const or_reply_item *item = &r->items[i];
    if (i == r->num_items || (r->to == OR_DIALECT_MESSAGES && i != r->open)) return false;
    if (end || item->kind < ORI_REPLY_CALL) return true;
    if (item->args == ORI_REPLY_ARGS_WHOLE && i + 1 < r->num_items) return true;
    return item->len[ORI_REPLY_ID] > 0 && item->len[ORI_REPLY_NAME] > 0;
}

static bool ori_reply_may_close(const or_reply *r, bool end)
{
    const or_reply_item *item = &r->items[r->open];
    if (r->open == r->index) return false;
    return end || (r->open + 1 < r->num_items &&
                   (item->kind < ORI_REPLY_CALL || item->args == ORI_REPLY_ARGS_WHOLE));
}

static void ori_reply_open(or_reply *r, or_buf *out)
{
    uint32_t i = r->index++;
    bool     call = r->items[i].kind >= ORI_REPLY_CALL;
    ori_reply_settle(r, i);
    r->items[i].state = ORI_REPLY_OPEN;
    if (r->to == OR_DIALECT_RESPONSES) {
        ori_reply_output_event(r, out, i, false);
    } else {
        ori_reply_block_event(r, out, "start", i);
        or_buf_put_z(out, ",\"content_block\":");
        ori_reply_put_block(r, out, i, false);
        ori_reply_end_event(out);
    }
    if (r->items[i].kind != ORI_REPLY_CUSTOM)
        ori_reply_put_delta(r, out, i, ori_reply_text(r, i, ORI_REPLY_SAID), call);
    if (r->to == OR_DIALECT_MESSAGES) ori_reply_drop(r, i, ORI_REPLY_SAID + 1);
}

static void ori_reply_close_block(or_reply *r, or_buf *out, uint32_t i)
{
    if (r->items[i].kind == ORI_REPLY_THOUGHT) {
        ori_reply_block_delta(r, out, i, "signature_delta", "signature");
        ori_reply_quote(r, out, ori_reply_text(r, i, ORI_REPLY_SEAL), false);
        or_buf_put_char(out, '}');
        ori_reply_end_event(out);
    }
    ori_reply_block_event(r, out, "stop", i);
    ori_reply_end_event(out);
    ori_reply_drop(r, i, 3);
}

static void ori_reply_close_output(or_reply *r, or_buf *out, uint32_t i, bool in_part)
{
    uint8_t kind = r->items[i].kind;
    bool    any = true, escape;
    if (kind == ORI_REPLY_CUSTOM) {
        or_str input = ori_reply_input(r, i, &escape);
        ori_reply_put_delta(r, out, i, input, escape);
    }
    if (in_part || kind >= ORI_REPLY_CALL) {
        ori_reply_item_event(r, out, i, false, ".done");
        ori_dialect_put_name(out, &any, ori_reply_kinds[kind].said);
        ori_reply_put_said(r, out, i, true);
        if (kind == ORI_REPLY_TEXT) or_buf_put_z(out, ",\"logprobs\":[]");
        if (kind == ORI_REPLY_CALL) {
            or_buf_put_z(out, ",\"name\":");
            ori_reply_quote(r, out, ori_reply_text(r, i, ORI_REPLY_NAME), true);
        }
        ori_reply_end_event(out);
    }
    if (in_part) ori_reply_part_event(r, out, i, true);
    ori_reply_output_event(r, out, i, true);
}

/* Was the answer cut off in its last item? */
static bool ori_reply_is_cut(const or_reply *r, uint32_t i)
{
    const or_reply_item *item = &r->items[i];
    if (i + 1 < r->num_items) return false;
    if (item->kind >= ORI_REPLY_CALL)
        return r->finish == OR_FINISH_LENGTH && item->args != ORI_REPLY_ARGS_WHOLE;
    return r->finish == OR_FINISH_LENGTH || r->finish == OR_FINISH_CONTENT_FILTER;
}

static void ori_reply_close(or_reply *r, or_buf *out, bool end)
{
    uint32_t       i = r->open++;
    or_reply_item *item = &r->items[i];
    bool           in_part = item->state == ORI_REPLY_IN_PART;
    item->state = end && ori_reply_is_cut(r, i) ? ORI_REPLY_CUT : ORI_REPLY_CLOSED;
    if (r->to == OR_DIALECT_MESSAGES)
        ori_reply_close_block(r, out, i);
    else
        ori_reply_close_output(r, out, i, in_part);
}

/* Write what has become sayable. end: nothing more will come. */
static void ori_reply_advance(or_reply *r, or_buf *out, bool end)
{
    while (r->stream && r->err == OR_OK) {
        if (ori_reply_may_close(r, end))
            ori_reply_close(r, out, end);
        else if (ori_reply_may_open(r, end))
            ori_reply_open(r, out);
        else
            break;
    }
}

/* ---- what comes in ---- */

/* The last item when it is of that kind, else a new one; NULL: too many. */
static or_reply_item *ori_reply_last(or_reply *r, or_buf *out, uint8_t kind, bool fresh)
{
    or_reply_item *item = r->num_items > 0 ? &r->items[r->num_items - 1] : NULL;
    if (item != NULL && item->kind == kind && !fresh) return item;
    if (r->num_items == OR_REPLY_MAX_ITEMS) ori_reply_note(r, OR_ERR_TOKENS);
    if (r->err != OR_OK) return NULL;
    item = &r->items[r->num_items++];
    memset(item, 0, sizeof *item);
    item->kind = kind;
    if (kind == ORI_REPLY_THOUGHT) or_chat_collect_init(&r->details, r->hold, NULL, 0);
    if (kind != ORI_REPLY_SEALED) ori_reply_advance(r, out, false); /* that has no deltas */
    return item;
}

/* More of the text of an item: to the client when it is announced, and into hold when it is not
   or when it has to be repeated. */
static void ori_reply_say(or_reply *r, or_buf *out, or_reply_item *item, or_str text, bool escape)
{
    if (item == NULL || r->err != OR_OK || text.len == 0) return;
    uint32_t i = (uint32_t)(item - r->items);
    bool     live = r->stream && i < r->index;
    if (live && item->kind != ORI_REPLY_CUSTOM) ori_reply_put_delta(r, out, i, text, escape);
    if (!live || r->to == OR_DIALECT_RESPONSES)
        ori_reply_keep(r, i, ORI_REPLY_SAID, text, escape && item->kind < ORI_REPLY_CALL);
}

static void ori_reply_add_text(or_reply *r, or_buf *out, uint8_t kind, or_str text)
{
    if (text.len > 0) ori_reply_say(r, out, ori_reply_last(r, out, kind, false), text, true);
}

/* A thought goes on after its signature: it is the next one. */
static void ori_reply_think(or_reply *r, or_buf *out, or_str text, bool escape)
{
    bool sealed = r->to == OR_DIALECT_MESSAGES && r->num_items > 0 &&
                  r->items[r->num_items - 1].len[ORI_REPLY_SEAL] > 0;
    if (text.len == 0) return;
    ori_reply_say(r, out, ori_reply_last(r, out, ORI_REPLY_THOUGHT, sealed), text, escape);
}

static void ori_reply_add_signature(or_reply *r, or_buf *out, or_str signature)
{
    or_reply_item *item = ori_reply_last(r, out, ORI_REPLY_THOUGHT, false);
    if (item != NULL && item->len[ORI_REPLY_SEAL] > 0) {
        if (or_str_eq(ori_reply_text(r, r->num_items - 1, ORI_REPLY_SEAL), signature)) return;
        item = ori_reply_last(r, out, ORI_REPLY_THOUGHT, true);
    }
    if (item != NULL) ori_reply_keep(r, r->num_items - 1, ORI_REPLY_SEAL, signature, false);
}

/* For RESPONSES all of them are gathered, since a signature belongs to a text that came before. */
static void ori_reply_gather(or_reply *r, or_buf *out, or_str element)
{
    bool thinks = r->num_items > 0 && r->items[r->num_items - 1].kind == ORI_REPLY_THOUGHT;
    if (!thinks && !ori_reply_has_seal(element)) return;
    or_reply_item *item = ori_reply_last(r, out, ORI_REPLY_THOUGHT, false);
    if (item == NULL) return;
    r->details.start = ori_reply_at(r, r->num_items - 1, ORI_REPLY_SEAL);
    ori_chat_collect_detail(&r->details, element);
    item->len[ORI_REPLY_SEAL] = r->details.sections[ORI_CHAT_IN_DETAILS].len;
    ori_reply_note(r, r->details.err);
}

enum {
    ORI_REPLY_DETAIL_TYPE,
    ORI_REPLY_DETAIL_TEXT,
    ORI_REPLY_DETAIL_SIGNATURE,
    ORI_REPLY_DETAIL_DATA,
    ORI_REPLY_DETAIL_FORMAT,
    ORI_REPLY_DETAIL_MEMBERS
};

/* The members of an element of reasoning_details that are strings. */
static void ori_reply_pick(or_str element, or_str *found)
{
    or_json_item items[ORI_REPLY_DETAIL_MEMBERS];
    ori_dialect_pick(element, "type text signature data format", ORI_REPLY_DETAIL_MEMBERS, items);
    for (int i = 0; i < ORI_REPLY_DETAIL_MEMBERS; i++)
        found[i] = items[i].type == OR_JSON_STRING ? items[i].value : or_str_of("", 0);
    if (!or_json_str_is(found[ORI_REPLY_DETAIL_TYPE], OR_STR("reasoning.text")))
        found[ORI_REPLY_DETAIL_TEXT] = or_str_of("", 0);
}

/* For MESSAGES what Anthropic made has its own places. What others sealed travels as a whole in
   the data of a block that clients give back unread. */
static void ori_reply_seal(or_reply *r, or_buf *out, or_str element, const or_str *found)
{
    or_str format = found[ORI_REPLY_DETAIL_FORMAT], data = found[ORI_REPLY_DETAIL_DATA];
    bool   ours = format.len >= 9 && memcmp(format.ptr, "anthropic", 9) == 0;
    if (data.len == 0 && found[ORI_REPLY_DETAIL_SIGNATURE].len == 0) return;
    if (ours && data.len == 0) {
        ori_reply_add_signature(r, out, found[ORI_REPLY_DETAIL_SIGNATURE]);
        return;
    }
    or_reply_item *item = ori_reply_last(r, out, ORI_REPLY_SEALED, true);
    if (!ours) ori_reply_say(r, out, item, OR_STR("or.detail:"), false);
    ori_reply_say(r, out, item, ours ? data : element, !ours);
}

/* Reasoning stands in two places. The one that tells signed texts apart counts, else the plain
   one, but never both. */
static void ori_reply_add_thoughts(or_reply *r, or_buf *out, const or_chat_delta *d)
{
    ori_dialect_list l;
    or_json_item     item;
    or_str           found[ORI_REPLY_DETAIL_MEMBERS];
    bool             told = false;
    ori_dialect_begin(&l, d->reasoning_details);
    while (ori_dialect_next(&l, &item)) {
        if (item.type != OR_JSON_OBJECT) continue;
        ori_reply_pick(item.value, found);
        told = told || found[ORI_REPLY_DETAIL_TEXT].len > 0;
    }
    if (!told) ori_reply_think(r, out, d->reasoning, true);
    ori_dialect_begin(&l, d->reasoning_details);
    while (r->err == OR_OK && ori_dialect_next(&l, &item)) {
        if (item.type != OR_JSON_OBJECT) continue;
        ori_reply_pick(item.value, found);
        ori_reply_think(r, out, found[ORI_REPLY_DETAIL_TEXT], false);
        if (r->to == OR_DIALECT_RESPONSES)
            ori_reply_gather(r, out, item.value);
        else
            ori_reply_seal(r, out, item.value, found);
    }
}

/* A fragment of a call. One that is whole, and was followed by something else, is over: it may be
   closed, and what comes yet is nothing. */
static void ori_reply_add_call(or_reply *r, or_buf *out, const or_tool_call *call)
{
    or_reply_item *item = NULL;
    for (uint32_t i = 0; i < r->num_items && item == NULL; i++)
        if (r->items[i].kind >= ORI_REPLY_CALL && r->items[i].call == call->index)
            item = &r->items[i];
    if (item == NULL) {
        item = ori_reply_last(r, out, ORI_REPLY_CALL, true);
        if (item == NULL) return;
        item->call = call->index;
    }
    uint32_t i = (uint32_t)(item - r->items);
    if (item->args == ORI_REPLY_ARGS_WHOLE && i + 1 < r->num_items) return;
    if (item->state == ORI_REPLY_WAITS && item->len[ORI_REPLY_ID] == 0)
        ori_reply_keep(r, i, ORI_REPLY_ID, call->id, false);
    if (item->state == ORI_REPLY_WAITS && item->len[ORI_REPLY_NAME] == 0)
        ori_reply_keep(r, i, ORI_REPLY_NAME, call->name, false);
    ori_reply_advance(r, out, false);
    ori_reply_say(r, out, item, call->arguments, true);
    ori_reply_follow(item, call->arguments);
}

/* ---- the answer around the items ---- */

static void ori_reply_put_cost(or_buf *out, const or_usage *u, const or_cost *cost)
{
    bool known = cost->source != OR_COST_UNKNOWN;
    or_buf_put_z(out, ",\"cost\":");
    if (known)
        or_decimal_put(out, cost->pico_usd, 12);
    else
        or_buf_put_z(out, "null");
    or_buf_put_z(out, u->is_byok ? ",\"is_byok\":true" : ",\"is_byok\":false");
    if (u->upstream_cost_set || (u->is_byok && known)) {
        or_buf_put_z(out, ",\"cost_details\":{\"upstream_inference_cost\":");
        or_decimal_put(out, u->upstream_cost_set ? u->upstream_cost_pico_usd : cost->pico_usd, 12);
        or_buf_put_char(out, '}');
    }
    if (!u->set || cost->source == OR_COST_ESTIMATED) or_buf_put_z(out, ",\"estimated\":true");
}

static void ori_reply_put_count(or_buf *out, const char *before, uint64_t n)
{
    or_buf_put_z(out, before);
    or_buf_put_u64(out, n);
}

/* Anthropic counts what a cache is read or written for beside the input, not in it. */
static void ori_reply_put_message_usage(or_buf *out, const or_usage *u, const or_cost *cost)
{
    uint64_t beside = or_sat_add_u64(u->cached_tokens, u->cache_write_tokens);
    ori_reply_put_count(out, ",\"usage\":{\"input_tokens\":",
                        u->prompt_tokens > beside ? u->prompt_tokens - beside : 0);
    ori_reply_put_count(out, ",\"cache_creation_input_tokens\":", u->cache_write_tokens);
    ori_reply_put_count(out, ",\"cache_read_input_tokens\":", u->cached_tokens);
    if (u->cache_write_1h_tokens > 0) {
        ori_reply_put_count(out, ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":",
                            u->cache_write_tokens > u->cache_write_1h_tokens
                                ? u->cache_write_tokens - u->cache_write_1h_tokens
                                : 0);
        ori_reply_put_count(out, ",\"ephemeral_1h_input_tokens\":", u->cache_write_1h_tokens);
        or_buf_put_char(out, '}');
    }
    ori_reply_put_count(out, ",\"output_tokens\":", u->completion_tokens);
    if (u->reasoning_tokens > 0) {
        or_buf_put_z(out, ",\"output_tokens_details\":");
        ori_reply_put_count(out, "{\"thinking_tokens\":", u->reasoning_tokens);
        or_buf_put_char(out, '}');
    }
    if (u->web_searches > 0) {
        ori_reply_put_count(out, ",\"server_tool_use\":{\"web_search_requests\":", u->web_searches);
        or_buf_put_char(out, '}');
    }
    if (cost != NULL) ori_reply_put_cost(out, u, cost);
    or_buf_put_char(out, '}');
}

static void ori_reply_put_response_usage(or_buf *out, const or_usage *u, const or_cost *cost)
{
    uint64_t total = u->total_tokens;
    if (total == 0) total = or_sat_add_u64(u->prompt_tokens, u->completion_tokens);
    ori_reply_put_count(out, ",\"usage\":{\"input_tokens\":", u->prompt_tokens);
    ori_reply_put_count(out, ",\"input_tokens_details\":{\"cached_tokens\":", u->cached_tokens);
    ori_reply_put_count(out, ",\"cache_write_tokens\":", u->cache_write_tokens);
    ori_reply_put_count(out, "},\"output_tokens\":", u->completion_tokens);
    ori_reply_put_count(out,
                        ",\"output_tokens_details\":{\"reasoning_tokens\":", u->reasoning_tokens);
    ori_reply_put_count(out, "},\"total_tokens\":", total);
    if (cost != NULL) ori_reply_put_cost(out, u, cost);
    or_buf_put_char(out, '}');
}

/* The model, and behind it the provider. */
static void ori_reply_put_origin(or_reply *r, or_buf *out)
{
    ori_reply_quote(r, out, r->facts->model, true);
    if (r->facts->provider.ptr == NULL) return;
    or_buf_put_z(out, ",\"provider\":");
    ori_reply_quote(r, out, r->facts->provider, true);
}

/* What begins a message of MESSAGES, up to its content. */
static void ori_reply_put_message(or_reply *r, or_buf *out)
{
    ori_dialect_wrap(out, "{\"id\":\"", r->facts->id,
                     "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    ori_reply_put_origin(r, out);
    or_buf_put_z(out, ",\"content\":[");
}

/* A call is said to be one, whatever the upstream says, but when the limit came in its midst: who
   would make that one? */
static const char *ori_reply_stop_reason(const or_reply *r)
{
    bool calls = false, cut = false;
    for (uint32_t i = 0; i < r->num_items; i++) {
        if (r->items[i].kind < ORI_REPLY_CALL) continue;
        calls = true;
        cut = ori_reply_is_cut(r, i);
    }
    if (calls && !cut) return "tool_use";
    if (r->filtered || r->finish == OR_FINISH_CONTENT_FILTER) return "refusal";
    return r->finish == OR_FINISH_LENGTH ? "max_tokens" : "end_turn";
}

static void ori_reply_put_stop(const or_reply *r, or_buf *out)
{
    ori_dialect_wrap(out, "\"stop_reason\":\"", or_str_z(ori_reply_stop_reason(r)),
                     "\",\"stop_sequence\":null");
}

static void ori_reply_put_metadata(or_buf *out, or_str metadata)
{
    if (metadata.len == 0) return;
    or_buf_put_z(out, ",\"openrouter_metadata\":");
    ori_reply_put_raw(out, metadata);
}

/* How a response of RESPONSES stands. */
typedef struct ori_reply_response {
    const char           *status;
    const char           *reason; /* why it is incomplete */
    const or_usage       *usage;
    const or_cost        *cost;
    const or_reply_error *error;
    or_str                metadata;
} ori_reply_response;

/* Members of a request that its response repeats, and what stands for those that are absent. */
static const struct {
    const char *name, *value;
} ori_reply_echo[] = {
    {"instructions", "null"},
    {"max_output_tokens", "null"},
    {"max_tool_calls", "null"},
    {"metadata", "{}"},
    {"parallel_tool_calls", "true"},
    {"prompt_cache_key", "null"},
    {"reasoning", "{\"effort\":null,\"summary\":null}"},
    {"safety_identifier", "null"},
    {"service_tier", "\"auto\""},
    {"temperature", "1"},
    {"text", "{\"format\":{\"type\":\"text\"}}"},
    {"tool_choice", "\"auto\""},
    {"tools", "[]"},
    {"top_logprobs", "0"},
    {"top_p", "1"},
    {"truncation", "\"disabled\""},
    {"user", "null"},
};

enum { ORI_REPLY_ECHO = sizeof ori_reply_echo / sizeof ori_reply_echo[0] };

/* What the request has goes first: one pass over a text that may be long. */
static void ori_reply_put_echo(const or_reply *r, or_buf *out)
{
    ori_dialect_list l;
    or_json_item     item;
    uint32_t         told = 0;
    bool             any = true;
    ori_dialect_begin(&l, r->facts->request);
    while (ori_dialect_next(&l, &item))
        for (uint32_t i = 0; i < ORI_REPLY_ECHO && item.key.ptr != NULL; i++) {
            or_str name = or_str_z(ori_reply_echo[i].name);
            if ((told >> i & 1) != 0 || item.type == OR_JSON_NULL ||
                !or_json_str_is(item.key, name))
                continue;
            told |= 1u << i;
            ori_dialect_put_name(out, &any, ori_reply_echo[i].name);
            ori_reply_put_raw(out, ori_dialect_text(&item));
        }
    for (uint32_t i = 0; i < ORI_REPLY_ECHO; i++)
        if ((told >> i & 1) == 0)
            ori_dialect_put(out, &any, ori_reply_echo[i].name, or_str_z(ori_reply_echo[i].value));
    or_buf_put_z(out, ",\"store\":false,\"previous_response_id\":null,\"background\":false");
}

/* What a status of HTTP is called. First match wins. RESPONSES: type and code of an error's body,
   and the code in a response that failed. */
static const struct {
    uint16_t    first, last;
    const char *messages, *type, *code, *failed;
} ori_reply_errors[] = {
    {401, 401, "authentication_error", "invalid_request_error", "\"invalid_api_key\"",
     "server_error"},
    {402, 402, "billing_error", "insufficient_quota", "\"insufficient_quota\"", "server_error"},
    {403, 403, "permission_error", "invalid_request_error", "null", "server_error"},
    {404, 404, "not_found_error", "invalid_request_error", "null", "server_error"},
    {408, 408, "timeout_error", "server_error", "null", "server_error"},
    {409, 409, "conflict_error", "invalid_request_error", "null", "server_error"},
    {413, 413, "request_too_large", "invalid_request_error", "null", "invalid_prompt"},
    {429, 429, "rate_limit_error", "requests", "\"rate_limit_exceeded\"", "rate_limit_exceeded"},
    {400, 499, "invalid_request_error", "invalid_request_error", "null", "invalid_prompt"},
    {503, 503, "overloaded_error", "server_error", "\"overloaded\"", "server_error"},
    {504, 504, "timeout_error", "server_error", "null", "server_error"},
    {529, 529, "overloaded_error", "server_error", "\"overloaded\"", "server_error"},
    {0, UINT16_MAX, "api_error", "server_error", "null", "server_error"},
};

static uint32_t ori_reply_error_row(uint16_t status)
{
    uint32_t i = 0;
    while (status < ori_reply_errors[i].first || status > ori_reply_errors[i].last) i++;
    return i;
}

/* The rest of an error object: its message and metadata. */
static or_err ori_reply_put_words(or_buf *out, const or_reply_error *e)
{
    or_buf_put_z(out, "\"message\":");
    or_err err = ori_dialect_put_str(out, e->message);
    if (e->metadata.len > 0) {
        or_buf_put_z(out, ",\"metadata\":");
        ori_reply_put_raw(out, e->metadata);
    }
    return err;
}

static void ori_reply_put_failure(or_reply *r, or_buf *out, const or_reply_error *e)
{
    if (e == NULL) {
        or_buf_put_z(out, "null");
        return;
    }
    ori_dialect_wrap(out, "{\"code\":\"",
                     or_str_z(ori_reply_errors[ori_reply_error_row(e->status)].failed), "\",");
    ori_reply_note(r, ori_reply_put_words(out, e));
    or_buf_put_char(out, '}');
}

/* The response object; its output are the items that were announced. */
static void ori_reply_put_response(or_reply *r, or_buf *out, const ori_reply_response *p)
{
    or_buf_put_z(out, "{\"id\":\"resp_");
    or_buf_put_str(out, ori_reply_suffix(r));
    ori_reply_put_count(out, "\",\"object\":\"response\",\"created_at\":", r->facts->created);
    ori_dialect_wrap(out, ",\"status\":\"", or_str_z(p->status), "\",\"error\":");
    ori_reply_put_failure(r, out, p->error);
    or_buf_put_z(out, ",\"incomplete_details\":");
    or_buf_put_z(out, p->reason != NULL ? "{\"reason\":\"" : "null");
    if (p->reason != NULL) or_buf_put_z(out, p->reason);
    or_buf_put_z(out, p->reason != NULL ? "\"},\"model\":" : ",\"model\":");
    ori_reply_put_origin(r, out);
    or_buf_put_z(out, ",\"output\":[");
    for (uint32_t i = 0; i < r->index; i++) {
        if (i > 0) or_buf_put_char(out, ',');
        ori_reply_put_output(r, out, i, true);
    }
    or_buf_put_char(out, ']');
    ori_reply_put_echo(r, out);
    if (p->usage != NULL && (p->usage->set || p->cost != NULL))
        ori_reply_put_response_usage(out, p->usage, p->cost);
    else
        or_buf_put_z(out, ",\"usage\":null");
    ori_reply_put_metadata(out, p->metadata);
    or_buf_put_char(out, '}');
}

static void ori_reply_response_event(or_reply *r, or_buf *out, const char *name,
                                     const ori_reply_response *p)
{
    ori_reply_event(r, out, "response.", name);
    or_buf_put_z(out, ",\"response\":");
    ori_reply_put_response(r, out, p);
    ori_reply_end_event(out);
}

/* The first events. */
static void ori_reply_begin(or_reply *r, or_buf *out)
{
    or_usage           none;
    ori_reply_response p;
    if (r->begun || !r->stream) return;
    r->begun = true;
    memset(&none, 0, sizeof none);
    if (r->to == OR_DIALECT_MESSAGES) {
        ori_reply_event(r, out, "message_start", "");
        or_buf_put_z(out, ",\"message\":");
        ori_reply_put_message(r, out);
        or_buf_put_z(out, "],\"stop_reason\":null,\"stop_sequence\":null");
        ori_reply_put_message_usage(out, &none, NULL); /* the last event has the true one */
        or_buf_put_char(out, '}');
        ori_reply_end_event(out);
        return;
    }
    memset(&p, 0, sizeof p);
    p.status = "in_progress";
    ori_reply_response_event(r, out, "created", &p);
    ori_reply_response_event(r, out, "in_progress", &p);
}

static void ori_reply_end_message(or_reply *r, or_buf *out, const or_usage *u, const or_cost *cost,
                                  or_str metadata)
{
    if (r->stream) {
        ori_reply_event(r, out, "message_delta", "");
        or_buf_put_z(out, ",\"delta\":{");
        ori_reply_put_stop(r, out);
        or_buf_put_char(out, '}');
    } else {
        ori_reply_put_message(r, out);
        for (uint32_t i = 0; i < r->num_items; i++) {
            if (i > 0) or_buf_put_char(out, ',');
            ori_reply_put_block(r, out, i, true);
        }
        or_buf_put_z(out, "],");
        ori_reply_put_stop(r, out);
    }
    ori_reply_put_message_usage(out, u, cost);
    ori_reply_put_metadata(out, metadata);
    if (!r->stream) {
        or_buf_put_char(out, '}');
        return;
    }
    ori_reply_end_event(out);
    ori_reply_event(r, out, "message_stop", "");
    ori_reply_end_event(out);
}

static void ori_reply_end_response(or_reply *r, or_buf *out, const or_usage *u, const or_cost *cost,
                                   or_str metadata)
{
    ori_reply_response p;
    memset(&p, 0, sizeof p);
    if (r->finish == OR_FINISH_LENGTH) p.reason = "max_output_tokens";
    if (r->finish == OR_FINISH_CONTENT_FILTER) p.reason = "content_filter";
    p.status = p.reason != NULL ? "incomplete" : "completed";
    p.usage = u;
    p.cost = cost;
    p.metadata = metadata;
    if (r->stream)
        ori_reply_response_event(r, out, p.status, &p);
    else
        ori_reply_put_response(r, out, &p);
}

/* What the client was told before a call. */
typedef struct ori_reply_mark {
    size_t   len;
    uint64_t sequence;
    uint32_t index;
    bool     begun;
} ori_reply_mark;

static ori_reply_mark ori_reply_here(const or_reply *r, const or_buf *out)
{
    ori_reply_mark m;
    m.len = out->len;
    m.sequence = r->sequence;
    m.index = r->index;
    m.begun = r->begun;
    return m;
}

/* Errors stick. Then out is as it was, and what was not told does not count: or_reply_fail goes on
   from there. */
static or_err ori_reply_done(or_reply *r, or_buf *out, const ori_reply_mark *m)
{
    ori_reply_note(r, out->err);
    if (r->err == OR_OK) return OR_OK;
    out->len = m->len;
    r->sequence = m->sequence;
    r->index = m->index;
    r->begun = m->begun;
    return r->err;
}

/* ---- what is called ---- */

void or_reply_init(or_reply *r, or_dialect to, const or_reply_facts *facts, bool stream,
                   or_buf *hold)
{
    memset(r, 0, sizeof *r);
    r->facts = facts;
    r->hold = hold;
    r->to = to;
    r->stream = stream;
    if (hold->counting || (to != OR_DIALECT_MESSAGES && to != OR_DIALECT_RESPONSES))
        r->err = OR_ERR_ARG;
    else
        or_buf_clear(hold);
}

or_err or_reply_add(or_reply *r, or_buf *out, const or_chat_delta *d)
{
    ori_reply_mark before = ori_reply_here(r, out);
    if (r->ended) ori_reply_note(r, OR_ERR_ARG);
    if (r->err != OR_OK) return r->err;
    ori_reply_begin(r, out);
    ori_reply_add_thoughts(r, out, d);
    ori_reply_add_text(r, out, ORI_REPLY_TEXT, d->text);
    ori_reply_add_text(r, out, r->to == OR_DIALECT_MESSAGES ? ORI_REPLY_TEXT : ORI_REPLY_REFUSAL,
                       d->refusal);
    for (uint32_t i = 0; i < d->num_tool_calls && r->err == OR_OK; i++)
        ori_reply_add_call(r, out, &d->tool_calls[i]);
    ori_reply_advance(r, out, false);
    if (d->refusal.len > 0) r->filtered = true;
    if (d->finish != OR_FINISH_NONE) r->finish = d->finish;
    return ori_reply_done(r, out, &before);
}

or_err or_reply_end(or_reply *r, or_buf *out, const or_usage *u, const or_cost *cost,
                    or_str metadata)
{
    ori_reply_mark before = ori_reply_here(r, out);
    if (r->ended) ori_reply_note(r, OR_ERR_ARG);
    if (r->err != OR_OK) return r->err;
    ori_reply_begin(r, out);
    ori_reply_advance(r, out, true);
    for (uint32_t i = 0; i < r->num_items && !r->stream; i++) {
        ori_reply_settle(r, i);
        r->items[i].state = ori_reply_is_cut(r, i) ? ORI_REPLY_CUT : ORI_REPLY_CLOSED;
        r->index = i + 1;
    }
    if (r->to == OR_DIALECT_MESSAGES)
        ori_reply_end_message(r, out, u, cost, metadata);
    else
        ori_reply_end_response(r, out, u, cost, metadata);
    r->ended = ori_reply_done(r, out, &before) == OR_OK;
    return r->err;
}

/* MESSAGES: the error object. */
static or_err ori_reply_put_plain_error(or_buf *out, const or_reply_error *e)
{
    ori_dialect_wrap(out, "{\"type\":\"error\",\"error\":{\"type\":\"",
                     or_str_z(ori_reply_errors[ori_reply_error_row(e->status)].messages), "\",");
    or_err err = ori_reply_put_words(out, e);
    or_buf_put_char(out, '}');
    if (e->id.ptr != NULL) {
        or_buf_put_z(out, ",\"request_id\":");
        or_err id_err = ori_dialect_put_str(out, e->id);
        if (err == OR_OK) err = id_err;
    }
    or_buf_put_char(out, '}');
    return err;
}

or_err or_reply_put_error(or_buf *out, or_dialect to, const or_reply_error *e)
{
    size_t   from = out->len;
    uint32_t row = ori_reply_error_row(e->status);
    or_err   err = OR_OK;
    if (to == OR_DIALECT_MESSAGES) {
        err = ori_reply_put_plain_error(out, e);
    } else if (to == OR_DIALECT_RESPONSES) {
        ori_dialect_wrap(out, "{\"error\":{\"type\":\"", or_str_z(ori_reply_errors[row].type),
                         "\",\"param\":null,\"code\":");
        or_buf_put_z(out, ori_reply_errors[row].code);
        or_buf_put_char(out, ',');
        err = ori_reply_put_words(out, e);
        or_buf_put_z(out, "}}");
    } else {
        return OR_ERR_ARG;
    }
    if (err == OR_OK) err = out->err;
    if (err != OR_OK) out->len = from;
    return err;
}

/* An earlier error is no reason to be silent: it is what the client has to be told. */
or_err or_reply_fail(or_reply *r, or_buf *out, const or_reply_error *e)
{
    ori_reply_mark     before = ori_reply_here(r, out);
    ori_reply_response p;
    if (r->ended || (r->to != OR_DIALECT_MESSAGES && r->to != OR_DIALECT_RESPONSES))
        return OR_ERR_ARG;
    r->err = OR_OK;
    r->ended = true;
    if (!r->stream) {
        ori_reply_note(r, or_reply_put_error(out, r->to, e));
    } else if (r->to == OR_DIALECT_MESSAGES) {
        or_buf_put_z(out, "event: error\ndata: ");
        ori_reply_note(r, ori_reply_put_plain_error(out, e));
        or_buf_put_z(out, "\n\n");
    } else {
        ori_reply_begin(r, out);
        memset(&p, 0, sizeof p);
        p.status = "failed";
        p.error = e;
        ori_reply_response_event(r, out, "failed", &p);
    }
    return ori_reply_done(r, out, &before);
}

or_err or_reply_put_ping(or_buf *out, or_dialect to)
{
    size_t from = out->len;
    or_buf_put_z(out, to == OR_DIALECT_MESSAGES ? "event: ping\ndata: {\"type\":\"ping\"}\n\n"
                                                : ": ping\n\n");
    if (out->err != OR_OK) out->len = from;
    return out->err;
}

/* ---- chat completions ---- */

static const char *const ori_reply_finishes[] = {
    "null", "\"stop\"", "\"length\"", "\"tool_calls\"", "\"content_filter\"", "\"error\""};

/* A choice of a chat completion that is being written. */
typedef struct ori_reply_choice {
    or_buf *out;
    or_err  err;
    bool    any; /* something stands before the next member */
} ori_reply_choice;

static void ori_reply_put_string(ori_reply_choice *c, const char *name, or_str text)
{
    if (text.ptr == NULL) return;
    ori_dialect_put_name(c->out, &c->any, name);
    or_err e = ori_dialect_put_str(c->out, text);
    if (c->err == OR_OK) c->err = e;
}

static void ori_reply_put_json(ori_reply_choice *c, const char *name, or_str raw)
{
    if (raw.ptr == NULL) return;
    ori_dialect_put_name(c->out, &c->any, name);
    ori_reply_put_raw(c->out, raw);
}

/* chunk: a fragment, told by its index. */
static void ori_reply_put_call(ori_reply_choice *c, const or_tool_call *call, bool chunk)
{
    or_buf_put_z(c->out, c->any ? ",{" : "{");
    c->any = false;
    if (chunk) {
        ori_dialect_put_name(c->out, &c->any, "index");
        or_buf_put_u64(c->out, call->index);
    }
    ori_reply_put_string(c, "id", call->id);
    ori_reply_put_json(c, "type", OR_STR("\"function\""));
    ori_dialect_put_name(c->out, &c->any, "function");
    or_buf_put_char(c->out, '{');
    c->any = false;
    ori_reply_put_string(c, "name", call->name);
    ori_reply_put_string(c, "arguments",
                         call->arguments.ptr != NULL ? call->arguments : or_str_of("", 0));
    or_buf_put_char(c->out, '}');
    ori_reply_put_json(c, "extra_content", call->extra_content);
    or_buf_put_char(c->out, '}');
    c->any = true;
}

static void ori_reply_put_images(ori_reply_choice *c, const or_chat_answer *a)
{
    if (a->num_images == 0) return;
    ori_dialect_put_name(c->out, &c->any, "images");
    for (uint32_t i = 0; i < a->num_images; i++) {
        or_buf_put_z(c->out, i > 0 ? ",{" : "[{");
        c->any = false;
        ori_reply_put_json(c, "type", OR_STR("\"image_url\""));
        ori_dialect_put_name(c->out, &c->any, "image_url");
        or_buf_put_char(c->out, '{');
        c->any = false;
        ori_reply_put_string(c, "url", a->images[i]);
        or_buf_put_z(c->out, "}}");
    }
    or_buf_put_char(c->out, ']');
    c->any = true;
}

/* The members of a message or, in a chunk, of its delta. Content is there in any case: readers
   of whole messages need it to be null, those of chunks add it up. */
static void ori_reply_put_said_members(ori_reply_choice *c, const or_chat_answer *a, bool chunk)
{
    c->any = false;
    ori_reply_put_json(c, "role", OR_STR("\"assistant\""));
    if (a->text.ptr != NULL)
        ori_reply_put_string(c, "content", a->text);
    else
        ori_reply_put_json(c, "content",
                           chunk && a->num_tool_calls == 0 ? OR_STR("\"\"") : OR_STR("null"));
    ori_reply_put_string(c, "refusal", a->refusal);
    if (a->reasoning.len > 0) ori_reply_put_string(c, "reasoning", a->reasoning);
    ori_reply_put_json(c, "reasoning_details", a->reasoning_details);
    if (a->num_tool_calls > 0) {
        ori_dialect_put_name(c->out, &c->any, "tool_calls");
        or_buf_put_char(c->out, '[');
        c->any = false;
        for (uint32_t i = 0; i < a->num_tool_calls; i++)
            ori_reply_put_call(c, &a->tool_calls[i], chunk);
        or_buf_put_char(c->out, ']');
    }
    ori_reply_put_json(c, "annotations", a->annotations);
    ori_reply_put_images(c, a);
    ori_reply_put_json(c, "audio", a->audio);
}

static or_err ori_reply_put_choice(or_buf *out, const or_chat_answer *a, bool text, bool chunk)
{
    ori_reply_choice c = {out, OR_OK, true};
    size_t           from = out->len;
    or_buf_put_z(out, "{\"choices\":[{\"index\":0");
    if (text) {
        ori_reply_put_string(&c, "text", a->text.ptr != NULL ? a->text : or_str_of("", 0));
    } else {
        ori_dialect_put_name(out, &c.any, chunk ? "delta" : "message");
        or_buf_put_char(out, '{');
        ori_reply_put_said_members(&c, a, chunk);
        or_buf_put_char(out, '}');
    }
    c.any = true;
    ori_reply_put_json(&c, "finish_reason", or_str_z(ori_reply_finishes[a->finish]));
    if (!text) ori_reply_put_string(&c, "native_finish_reason", a->native_finish);
    ori_reply_put_json(&c, "logprobs",
                       a->logprobs.ptr != NULL && !text ? a->logprobs : OR_STR("null"));
    or_buf_put_z(out, "}]}");
    if (c.err == OR_OK) c.err = out->err;
    if (c.err != OR_OK) out->len = from;
    return c.err;
}

or_err or_dialect_put_answer(or_buf *out, const or_chat_answer *answer, bool text)
{
    return ori_reply_put_choice(out, answer, text, false);
}

or_err or_dialect_put_chunk(or_buf *out, const or_chat_delta *d, bool text)
{
    size_t from = out->len;
    bool   says = d->text.ptr != NULL || d->reasoning.len > 0 || d->refusal.ptr != NULL ||
                d->reasoning_details.ptr != NULL || d->annotations.ptr != NULL ||
                d->audio.ptr != NULL || d->logprobs.ptr != NULL || d->num_images > 0 ||
                d->num_tool_calls > 0 || d->finish != OR_FINISH_NONE;
    if (d->done) return out->err;
    if (says || !d->usage.set) return ori_reply_put_choice(out, d, text, true);
    or_buf_put_z(out, "{\"choices\":[]}"); /* what comes with the usage alone */
    if (out->err != OR_OK) out->len = from;
    return out->err;
}
#endif /* OR_NO_DIALECT */

#ifndef OR_NO_ROUTE
/* >> route ------------------------------------------------------------ */

static const char *const ori_route_params[] = {
#define ORI_X(name, json) json,
    OR_PARAMS(ORI_X)
#undef ORI_X
};

static const char *const ori_route_tiers[] = {"auto", "default", "flex", "priority", "fast"};

#define ORI_PARAM(name) ((uint32_t)1 << OR_PARAM_##name)

uint32_t or_param_bit(or_str name)
{
    uint32_t i = ori_prefs_index(name, ori_route_params, OR_PARAM_NUM);
    return i < OR_PARAM_NUM ? (uint32_t)1 << i : 0;
}

static const char *const ori_route_reasons[][2] = {
#define ORI_X(name, by, text) {by, text},
    OR_ROUTE_REASONS(ORI_X)
#undef ORI_X
};

const char *or_route_reason_by(or_route_reason r)
{
    return ori_route_reasons[(unsigned)r < OR_ROUTE_REASON_NUM ? r : OR_ROUTE_KEPT][0];
}

const char *or_route_reason_text(or_route_reason r)
{
    return ori_route_reasons[(unsigned)r < OR_ROUTE_REASON_NUM ? r : OR_ROUTE_KEPT][1];
}

/* FNV-1a, 64 bits, eight bytes a step where words are that long; a byte that no text has ends
   each. */
static uint64_t ori_route_hash(uint64_t h, or_str s)
{
    size_t i = 0;
    for (; sizeof(size_t) == 8 && s.len - i >= 8; i += 8) {
        const unsigned char *p = (const unsigned char *)s.ptr + i;
        uint64_t w = (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
                     (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 |
                     (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56; /* one load, mostly */
        h = (h ^ w) * 1099511628211u;
        h ^= h >> 29;
    }
    for (; i < s.len; i++) h = (h ^ (unsigned char)s.ptr[i]) * 1099511628211u;
    return (h ^ 0xff) * 1099511628211u;
}

#define ORI_HASH_START 14695981039346656037u

static or_str ori_route_tag(const or_endpoint *e)
{
    return e->tag.ptr != NULL ? e->tag : e->provider;
}

uint64_t or_endpoint_id(const or_endpoint *e)
{
    uint64_t h = ori_route_hash(ori_route_hash(ORI_HASH_START, ori_route_tag(e)), e->model);
    return h != 0 ? h : 1;
}

/* ---- statistics ---- */

static uint16_t ori_stats_when(uint32_t now_ms)
{
    return (uint16_t)(now_ms >> 7); /* wraps together with now_ms */
}

static bool ori_stats_fresh(const or_stats *s, const or_sample *sample, uint32_t now_ms,
                            uint32_t window_ms)
{
    int32_t idle = or_ms_diff(s->last_ms, now_ms);
    if (idle < 0 || (uint32_t)idle > window_ms) return false;
    return (uint16_t)(ori_stats_when(now_ms) - sample->when) <= window_ms >> 7;
}

static const or_sample *ori_stats_at(const or_stats *s, unsigned i)
{
    return &s->samples[(s->first + i) % OR_STATS_SAMPLES];
}

/* Remember one attempt; what is too old goes, so that no age is ever ambiguous. */
static void ori_stats_put(or_stats *s, uint32_t now_ms, const or_sample *sample)
{
    while (s->num > 0 && (s->num == OR_STATS_SAMPLES ||
                          !ori_stats_fresh(s, ori_stats_at(s, 0), now_ms, OR_STATS_WINDOW_MS))) {
        s->first = (uint8_t)((s->first + 1) % OR_STATS_SAMPLES);
        s->num--;
    }
    s->samples[(s->first + s->num++) % OR_STATS_SAMPLES] = *sample;
    s->last_ms = now_ms;
}

static void ori_stats_inc(uint32_t *n)
{
    if (*n < UINT32_MAX) (*n)++;
}

#define ORI_STATS_HALF_DAY_MS 43200000u

/* How many of the two half days still count. */
static unsigned ori_stats_halves(const or_stats *s, uint32_t now_ms)
{
    uint32_t age = (now_ms - s->day_ms) / ORI_STATS_HALF_DAY_MS;
    return s->day_begun && age < 2 ? 2 - age : 0;
}

static void ori_stats_day(or_stats *s, uint32_t now_ms, bool failed)
{
    unsigned halves = ori_stats_halves(s, now_ms);
    if (halves < 2) {
        s->day_ok[1] = halves == 1 ? s->day_ok[0] : 0;
        s->day_failed[1] = halves == 1 ? s->day_failed[0] : 0;
        s->day_ok[0] = s->day_failed[0] = 0;
        s->day_ms = halves == 1 ? s->day_ms + ORI_STATS_HALF_DAY_MS : now_ms;
        s->day_begun = true;
    }
    ori_stats_inc(failed ? &s->day_failed[0] : &s->day_ok[0]);
}

/* Is the breaker open, and too early for a trial? */
static bool ori_stats_shut(const or_stats *s, uint32_t now_ms)
{
    return s->open && now_ms - s->open_from_ms < s->open_ms;
}

void or_stats_begin(or_stats *s, uint32_t now_ms)
{
    s->in_flight++;
    if (s->open && !ori_stats_shut(s, now_ms)) s->trial = true;
}

/* One more failure; `trips` opens the breaker whatever came before. Attempts that began before
   it opened fail later than that: they do not make its time longer, only a trial does. */
static void ori_stats_fail(or_stats *s, uint32_t now_ms, bool trips)
{
    if (s->streak < UINT8_MAX) s->streak++;
    if (s->open ? !s->trial : !trips && s->streak < OR_STATS_TRIP) return;
    s->open = true;
    s->open_from_ms = now_ms;
    s->open_ms = (uint32_t)OR_STATS_OPEN_MS << s->trips;
    if (s->trips < 6) s->trips++;
}

void or_stats_end(or_stats *s, uint32_t now_ms, const or_outcome *o)
{
    or_sample sample = {ori_stats_when(now_ms), 0, 0, 0};
    bool      failed = o->fault == OR_FAULT_PROVIDER || o->fault == OR_FAULT_KEY;
    if (s->in_flight > 0) s->in_flight--;
    ori_stats_inc(&s->outcomes[o->fault]);
    if (o->fault == OR_FAULT_NONE) {
        uint64_t rate = 0;
        sample.latency_ms = o->first_token_ms > 0 ? o->first_token_ms : 1;
        if (o->duration_ms > 0) rate = (uint64_t)o->tokens * 1000000u / o->duration_ms;
        sample.rate_milli = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
        s->streak = s->trips = 0;
        s->open = false;
    }
    if (failed || o->fault == OR_FAULT_NONE) {
        sample.failed = failed;
        ori_stats_put(s, now_ms, &sample);
        ori_stats_day(s, now_ms, failed);
    }
    /* a key that is refused will be refused again; a 429 without a time is a short one */
    if (failed) ori_stats_fail(s, now_ms, o->fault == OR_FAULT_KEY);
    if (o->fault == OR_FAULT_RATE && o->retry_after_ms == 0) ori_stats_fail(s, now_ms, true);
    if ((failed || o->fault == OR_FAULT_RATE) && o->retry_after_ms > 0) {
        bool long_one = o->retry_after_ms > OR_STATS_COOL_MS;
        s->cool_ms = long_one ? OR_STATS_COOL_MS : o->retry_after_ms;
        s->cool_from_ms = now_ms;
    }
    s->trial = false;
}

void or_stats_forgive(or_stats *s)
{
    s->cool_ms = 0;
    s->streak = s->trips = 0;
    s->open = s->trial = false;
}

/* Sort the values of fresh samples and pick four. *out is zeroed. */
static void ori_stats_percentiles(const or_stats *s, uint32_t now_ms, bool rate,
                                  or_percentiles *out)
{
    static const uint8_t percent[] = {50, 75, 90, 99};
    uint32_t             v[OR_STATS_SAMPLES];
    ori_four             picked;
    uint32_t             num = 0;
    for (unsigned i = 0; i < s->num; i++) {
        const or_sample *sample = ori_stats_at(s, i);
        uint32_t         value = rate ? sample->rate_milli : sample->latency_ms, k = num;
        if (value == 0 || !ori_stats_fresh(s, sample, now_ms, OR_STATS_WINDOW_MS)) continue;
        for (; k > 0 && v[k - 1] > value; k--) v[k] = v[k - 1];
        v[k] = value;
        num++;
    }
    if (num == 0) return;
    for (int i = 0; i < 4; i++) {
        uint32_t below = (percent[i] * num + 99) / 100; /* at least 1 */
        picked[i] = v[rate ? num - below : below - 1];
    }
    memcpy(out, picked, sizeof *out);
}

void or_stats_health(const or_stats *s, uint32_t now_ms, bool percentiles, or_health *out)
{
    uint32_t ok = 0, failed = 0;
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < s->num; i++) {
        const or_sample *sample = ori_stats_at(s, i);
        if (!ori_stats_fresh(s, sample, now_ms, OR_STATS_OUTAGE_MS)) continue;
        if (sample->failed)
            failed++;
        else
            ok++;
    }
    out->outage = failed > 0 && failed >= ok;
    out->open = ori_stats_shut(s, now_ms) || (s->open && s->trial);
    uint32_t cooled = now_ms - s->cool_from_ms;
    out->cooling_ms = cooled < s->cool_ms ? s->cool_ms - cooled : 0;
    uint64_t day_ok = 0, day = 0;
    for (unsigned i = 0, halves = ori_stats_halves(s, now_ms); i < halves; i++) {
        day_ok += s->day_ok[i];
        day += (uint64_t)s->day_ok[i] + s->day_failed[i];
    }
    out->uptime_permille = (uint16_t)(day >= 100 ? day_ok * 1000 / day : 1000);
    if (!percentiles) return;
    ori_stats_percentiles(s, now_ms, false, &out->latency_ms);
    ori_stats_percentiles(s, now_ms, true, &out->throughput_milli);
}

/* ---- names ---- */

/* The next part of a model name, up to a colon; false at the end. */
static bool ori_route_part(or_str *rest, or_str *part)
{
    size_t n;
    if (rest->ptr == NULL) return false;
    n = or_str_find(*rest, OR_STR(":"), 0);
    *part = or_str_of(rest->ptr, n);
    *rest = n < rest->len ? or_str_of(rest->ptr + n + 1, rest->len - n - 1) : or_str_of(NULL, 0);
    return true;
}

/* Is this part of a name about routing? Then *v, when not NULL, learns it. */
static bool ori_route_suffix(or_str part, or_variants *v)
{
    static const char *const words[] = {"nitro", "floor", "exacto", "online"};
    static const uint8_t     sorts[] = {OR_SORT_THROUGHPUT, OR_SORT_PRICE, OR_SORT_EXACTO};
    uint32_t                 i = ori_prefs_index(part, words, 4);
    if (i == 4) return false;
    if (v == NULL) return true;
    if (i < 3) v->sort = (or_sort)sorts[i];
    v->nitro = v->nitro || i == 0;
    v->floor = v->floor || i == 1;
    v->online = v->online || i == 3;
    return true;
}

/* Equal parts, those of `asked` that are about routing aside; the first part of `base` may be
   another than that of `name`, whose others then count (a permanent slug with a variant). */
static bool ori_route_same_model(or_str asked, or_str base, or_str name)
{
    or_str a, b, n;
    bool   first = true, more;
    while (ori_route_part(&asked, &a)) {
        if (!first && ori_route_suffix(a, NULL)) continue;
        if (!ori_route_part(&name, &n)) return false;
        more = first && ori_route_part(&base, &b);
        if (!or_str_eq_nocase(a, more ? b : n)) return false;
        first = false;
    }
    return !ori_route_part(&name, &n);
}

static void ori_route_variants(or_str name, or_variants *v)
{
    or_str part;
    memset(v, 0, sizeof *v);
    ori_route_part(&name, &part);
    while (ori_route_part(&name, &part)) ori_route_suffix(part, v);
}

/* Does the alias stand for this endpoint's model, its catalogue variant aside? */
static bool ori_route_alias_is(const or_alias *a, const or_endpoint *e)
{
    or_str rest = e->model, first;
    return ori_route_part(&rest, &first) && or_str_eq_nocase(a->model, first);
}

bool or_route_model_is(or_str name, const or_catalogue *c, const or_endpoint *e, or_variants *v)
{
    if (v != NULL) ori_route_variants(name, v);
    /* the first for endpoints that take any name as it is, routing suffixes and all */
    if (name.len > 0 && or_str_eq_nocase(name, e->model)) return true;
    if (ori_route_same_model(name, e->model, e->model)) return true;
    if (e->canonical.ptr != NULL && ori_route_same_model(name, e->canonical, e->model))
        return true;
    for (uint32_t i = 0; i < c->num_aliases; i++)
        if (ori_route_alias_is(&c->aliases[i], e) &&
            ori_route_same_model(name, c->aliases[i].name, e->model))
            return true;
    return false;
}

static or_tier ori_route_tier(const or_endpoint *e)
{
    or_str tag = ori_route_tag(e);
    size_t i = tag.len;
    while (i > 0 && tag.ptr[i - 1] != '/') i--;
    if (i == 0) return OR_TIER_NONE;
    or_str last = or_str_of(tag.ptr + i, tag.len - i);
    if (or_str_eq_nocase(last, OR_STR("flex"))) return OR_TIER_FLEX;
    return or_str_eq_nocase(last, OR_STR("priority")) ? OR_TIER_PRIORITY : OR_TIER_NONE;
}

/* any_tier: the name of a provider means its flex and priority tiers as well. */
static bool ori_route_names(or_str name, const or_endpoint *e, bool any_tier)
{
    if (name.len == 0) return false;
    if (or_str_eq_nocase(name, ori_route_tag(e))) return true;
    if (!any_tier && ori_route_tier(e) != OR_TIER_NONE) return false;
    return or_str_eq_nocase(name, e->provider) || or_str_eq_nocase(name, e->provider_name);
}

bool or_route_name_is(or_str name, const or_endpoint *e)
{
    return ori_route_names(name, e, false);
}

/* Place in the list; UINT32_MAX when it is not there. */
static uint32_t ori_route_place(const or_str *list, uint32_t num, const or_endpoint *e,
                                bool any_tier)
{
    for (uint32_t i = 0; i < num; i++)
        if (ori_route_names(list[i], e, any_tier)) return i;
    return UINT32_MAX;
}

/* ---- filters ---- */

/* What all filters look at. */
typedef struct ori_route {
    const or_route_request *request;
    const or_catalogue     *catalogue;
    const or_moment        *moment;
    or_plan                *plan;
} ori_route;

static const or_endpoint *ori_route_endpoint(const ori_route *r, const or_candidate *c)
{
    return &r->catalogue->endpoints[c->endpoint];
}

/* What is charged for each unit: rules and discount applied. */
static void ori_route_prices(const ori_route *r, const or_endpoint *e, or_price_list *list)
{
    or_prices_at(&e->prices, r->request->prompt_tokens, r->moment->wall, list);
    for (int key = 0; key < OR_PRICE_NUM && e->prices.discount_ppb > 0; key++)
        list->pico[key] = ori_money_discounted(list->pico[key], e->prices.discount_ppb);
}

/* 3 x prompt + completion, for most requests have more in than out. */
static uint64_t ori_route_blend(const or_price_list *list)
{
    uint32_t both = (uint32_t)1 << OR_PRICE_PROMPT | (uint32_t)1 << OR_PRICE_COMPLETION;
    uint64_t prompt;
    if ((list->known & both) != both) return UINT64_MAX;
    if (!or_mul_u64(list->pico[OR_PRICE_PROMPT], 3, &prompt)) return UINT64_MAX;
    return or_sat_add_u64(prompt, list->pico[OR_PRICE_COMPLETION]);
}

static or_route_reason ori_route_max_price(const or_price_list *max, const or_price_list *list)
{
    for (size_t i = 0; i < sizeof ori_prefs_prices / sizeof ori_prefs_prices[0]; i++) {
        int key = ori_prefs_prices[i].key, charged = ori_money_charged(list, key);
        if ((max->known >> key & 1) == 0) continue;
        if ((list->known >> charged & 1) == 0) {
            if (ori_money_free(list, charged)) continue;
            return OR_ROUTE_UNKNOWN_PRICE;
        }
        if (list->pico[charged] > max->pico[key]) return OR_ROUTE_MAX_PRICE;
    }
    return OR_ROUTE_KEPT;
}

/* fp4 and fp8 name families. */
static bool ori_route_quantization(uint32_t wanted, or_quantization q)
{
    uint32_t bit = (uint32_t)1 << q;
    if (q == OR_QUANT_MXFP4 || q == OR_QUANT_NVFP4) bit |= (uint32_t)1 << OR_QUANT_FP4;
    if (q == OR_QUANT_MXFP8) bit |= (uint32_t)1 << OR_QUANT_FP8;
    return wanted == 0 || (wanted & bit) != 0;
}

static bool ori_route_fits(const or_route_request *q, const or_endpoint *e)
{
    uint64_t all = (uint64_t)q->prompt_tokens + (q->max_tokens > 0 ? q->max_tokens : 1);
    if (e->max_prompt_tokens > 0 && q->prompt_tokens > e->max_prompt_tokens) return false;
    return e->context_length == 0 || all <= e->context_length;
}

/* Names of one thing: who takes one of them takes all. */
static uint32_t ori_route_lacks(uint32_t wanted, const or_endpoint *e)
{
    static const uint32_t twins[] = {
        ORI_PARAM(MAX_TOKENS) | ORI_PARAM(MAX_COMPLETION_TOKENS),
        ORI_PARAM(REASONING) | ORI_PARAM(REASONING_EFFORT) | ORI_PARAM(INCLUDE_REASONING),
    };
    uint32_t has = e->parameters_known ? e->parameters : 0;
    for (size_t i = 0; i < 2; i++)
        if ((has & twins[i]) != 0) has |= twins[i];
    return wanted & ~has;
}

/* Is the endpoint's target among these bits? */
static bool ori_route_in(uint64_t targets, const or_endpoint *e)
{
    return e->target < 64 && (targets >> e->target & 1) != 0;
}

/* What one set of preferences says of an endpoint. policy: that of the account. */
static or_route_reason ori_route_prefer(const or_prefs *p, const or_endpoint *e, or_tier tier,
                                        bool policy)
{
    /* who ignores a provider does not mean "but for its dearer tier" */
    if (ori_route_place(p->ignore, p->num_ignore, e, true) != UINT32_MAX) return OR_ROUTE_IGNORED;
    if (e->router && !policy) return OR_ROUTE_KEPT; /* it gets them itself */
    if (p->num_only > 0 &&
        ori_route_place(p->only, p->num_only, e, ori_route_tier(e) == tier) == UINT32_MAX)
        return OR_ROUTE_ONLY;
    if (e->router) return OR_ROUTE_KEPT;
    if (p->deny_data_collection && e->collects_data != OR_NO) return OR_ROUTE_TRAINING;
    if (p->zdr && e->zdr != OR_YES) return OR_ROUTE_ZDR;
    if (p->distillable_text && e->distillable != OR_YES) return OR_ROUTE_DISTILLABLE;
    if (!ori_route_quantization(p->quantizations, e->quantization)) return OR_ROUTE_QUANTIZATION;
    return OR_ROUTE_KEPT;
}

/* Endpoints of a tier take part when the request asks for it, by service_tier, by variant or
   by their full name. */
static bool ori_route_tier_ok(const or_route_request *q, const or_endpoint *e,
                              const or_variants *v)
{
    or_tier tier = ori_route_tier(e);
    bool    by_variant = q->tier != OR_TIER_DEFAULT && q->prefs.num_order == 0;
    if (tier == OR_TIER_NONE || tier == q->tier) return true;
    if (by_variant && (tier == OR_TIER_PRIORITY ? v->nitro : v->floor)) return true;
    return ori_route_place(q->prefs.order, q->prefs.num_order, e, false) != UINT32_MAX ||
           ori_route_place(q->prefs.only, q->prefs.num_only, e, false) != UINT32_MAX;
}

static or_route_reason ori_route_filter(const ori_route *r, or_candidate *c, const or_variants *v)
{
    const or_route_request *q = r->request;
    const or_endpoint      *e = ori_route_endpoint(r, c);
    const or_prefs         *sets[2];
    int                     num = q->policy != NULL ? 2 : 1;
    or_price_list           prices;
    or_route_reason         why;
    sets[0] = &q->prefs;
    sets[1] = q->policy;
    ori_route_prices(r, e, &prices);
    c->price = ori_route_blend(&prices);
    if (e->disabled) return OR_ROUTE_DISABLED;
    if (ori_route_in(q->barred, e)) return OR_ROUTE_BARRED;
    if (q->needs_router && !e->router) return OR_ROUTE_ROUTER;
    if (!ori_route_tier_ok(q, e, v)) return OR_ROUTE_TIER;
    for (int i = 0; i < num; i++)
        if ((why = ori_route_prefer(sets[i], e, q->tier, i == 1)) != OR_ROUTE_KEPT) return why;
    if (q->region.len > 0 && !or_str_eq_nocase(q->region, e->region)) return OR_ROUTE_REGION;
    if ((e->input_modalities != 0 && (q->input_modalities & ~e->input_modalities) != 0) ||
        (e->output_modalities != 0 && (q->output_modalities & ~e->output_modalities) != 0))
        return OR_ROUTE_MODALITY;
    if (!ori_route_fits(q, e)) return OR_ROUTE_CONTEXT;
    if (e->max_completion_tokens > 0 && q->max_tokens > e->max_completion_tokens &&
        !q->lowers_output)
        return OR_ROUTE_MAX_TOKENS;
    if (q->known_price && c->price == UINT64_MAX) return OR_ROUTE_UNKNOWN_PRICE;
    for (int i = 0; i < num; i++) {
        why = ori_route_max_price(&sets[i]->max_price, &prices);
        if (why != OR_ROUTE_KEPT && !e->router) return why;
        if (sets[i]->require_parameters && ori_route_lacks(q->parameters, e) != 0)
            return OR_ROUTE_PARAMETERS;
    }
    if (q->prefs.no_fallbacks && q->prefs.num_order > 0 && c->order == UINT32_MAX && !e->router)
        return OR_ROUTE_FALLBACKS;
    if (c->health.cooling_ms > 0) return OR_ROUTE_COOLING;
    return ori_route_in(q->offline, e) ? OR_ROUTE_OFFLINE : OR_ROUTE_KEPT;
}

/* Is an endpoint behind this router in the plan? */
static bool ori_route_is_expanded(const ori_route *r, const or_candidate *router)
{
    for (uint32_t i = 0; i < r->plan->num; i++) {
        const or_candidate *c = &r->plan->list[i];
        const or_endpoint  *e = ori_route_endpoint(r, c);
        if (c->model == router->model && c->reason == OR_ROUTE_KEPT && !e->router &&
            e->target == ori_route_endpoint(r, router)->target)
            return true;
    }
    return false;
}

/* Names that another endpoint of the model has are meant for that one: then a router goes. */
static void ori_route_yield(ori_route *r, uint32_t model)
{
    const or_prefs *p = &r->request->prefs;
    bool            only = false, order = false;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < r->plan->num; i++) {
            or_candidate      *c = &r->plan->list[i];
            const or_endpoint *e = ori_route_endpoint(r, c);
            bool               listed = ori_route_place(p->only, p->num_only, e, false) != UINT32_MAX;
            if (c->model != model || e->router != (pass == 1)) continue;
            only = only || (pass == 0 && listed);
            order = order || (pass == 0 && p->no_fallbacks && c->order != UINT32_MAX);
            if (pass == 0 || c->reason != OR_ROUTE_KEPT) continue;
            if (only && !listed) c->reason = OR_ROUTE_ONLY;
            if (order && c->order == UINT32_MAX) c->reason = OR_ROUTE_FALLBACKS;
            if (c->reason == OR_ROUTE_KEPT && ori_route_is_expanded(r, c))
                c->reason = OR_ROUTE_EXPANDED;
        }
}

/* When some endpoint of the model is of the flex tier (param 0) or has the parameter, those
   that are not or have not go. Also left out ones count, from the reason `least` on: neither
   a pause nor, for flex, a want of context is a reason to pay more than was asked for. */
static void ori_route_narrow(ori_route *r, uint32_t model, uint32_t param, or_route_reason least,
                             or_route_reason why)
{
    bool some = false;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < r->plan->num; i++) {
            or_candidate      *c = &r->plan->list[i];
            const or_endpoint *e = ori_route_endpoint(r, c);
            bool               kept = c->reason == OR_ROUTE_KEPT;
            if (c->model != model) continue;
            bool has = param == 0 ? ori_route_tier(e) == OR_TIER_FLEX
                                  : ori_route_lacks(param, e) == 0;
            if (pass == 1 && some && kept && !has) c->reason = why;
            kept = kept || (c->reason >= least && c->reason <= OR_ROUTE_COOLING);
            /* who only may have it is no reason against others */
            if (pass == 0) some = some || (kept && has && (param == 0 || !e->parameters_at_most));
        }
}

/* What is preferred of a model's endpoints as long as there are such. */
static void ori_route_soft(ori_route *r, uint32_t model)
{
    static const uint32_t soft[] = {ORI_PARAM(TOOLS), ORI_PARAM(TOOL_CHOICE),
                                    ORI_PARAM(RESPONSE_FORMAT), ORI_PARAM(VERBOSITY)};
    if (r->request->tier == OR_TIER_FLEX)
        ori_route_narrow(r, model, 0, OR_ROUTE_TRAINING, OR_ROUTE_TIER);
    for (size_t k = 0; k < sizeof soft / sizeof soft[0]; k++)
        if ((r->request->parameters & soft[k]) != 0)
            ori_route_narrow(r, model, soft[k], OR_ROUTE_COOLING, OR_ROUTE_PREFERENCE);
}

/* ---- ranking ---- */

static bool ori_route_over(const or_percentiles *got, const or_percentiles *limit)
{
    ori_four g, l;
    bool     over = false;
    memcpy(g, got, sizeof g);
    memcpy(l, limit, sizeof l);
    for (int i = 0; i < 4; i++) over = over || (l[i] > 0 && g[i] > l[i]);
    return over;
}

/* What has no data is no slower than any other. */
static bool ori_route_slow(const or_prefs *p, const or_health *h)
{
    if (h->latency_ms.p50 > 0 && ori_route_over(&h->latency_ms, &p->max_latency_ms)) return true;
    return h->throughput_milli.p50 > 0 &&
           ori_route_over(&p->min_throughput_milli, &h->throughput_milli);
}

static bool ori_route_wants_percentiles(const or_prefs *p, or_sort sort)
{
    static const or_percentiles none = {0, 0, 0, 0};
    return sort == OR_SORT_THROUGHPUT || sort == OR_SORT_LATENCY ||
           memcmp(&p->min_throughput_milli, &none, sizeof none) != 0 ||
           memcmp(&p->max_latency_ms, &none, sizeof none) != 0;
}

/* Smaller is better. */
static uint64_t ori_route_metric(const ori_route *r, const or_candidate *c)
{
    const or_endpoint *e = ori_route_endpoint(r, c);
    switch (c->sort) {
    case OR_SORT_THROUGHPUT: return UINT32_MAX - c->health.throughput_milli.p50;
    case OR_SORT_LATENCY:
        return c->health.latency_ms.p50 > 0 ? c->health.latency_ms.p50 : UINT32_MAX;
    case OR_SORT_EXACTO: return 1000u - (e->quality_permille < 1000 ? e->quality_permille : 1000u);
    case OR_SORT_WEIGHT: return UINT16_MAX - (uint64_t)(e->weight > 0 ? e->weight : 1);
    case OR_SORT_ROUND_ROBIN: return 0;
    default: return c->price;
    }
}

/* Does the ranking leave room for chance? */
static bool ori_route_mixed(or_sort s)
{
    return s == OR_SORT_DEFAULT || s == OR_SORT_WEIGHT || s == OR_SORT_ROUND_ROBIN;
}

/* Everything that comes before the metric. Equal: balanced among each other. */
static int ori_route_compare_class(const ori_route *r, const or_candidate *a,
                                   const or_candidate *b)
{
    const or_endpoint *ea = ori_route_endpoint(r, a), *eb = ori_route_endpoint(r, b);
    bool               across = r->request->prefs.across_models;
    bool               first_a = ori_route_tier(ea) == OR_TIER_PRIORITY;
    bool               first_b = ori_route_tier(eb) == OR_TIER_PRIORITY;
    if (a->slow != b->slow) return a->slow ? 1 : -1; /* may promote a fallback model */
    if (!across && a->model != b->model) return a->model > b->model ? 1 : -1;
    if (a->health.open != b->health.open) return a->health.open ? 1 : -1;
    if (ea->byok != eb->byok) return ea->byok ? -1 : 1;
    if (a->sticky != b->sticky) return a->sticky ? -1 : 1;
    if (a->order != b->order) return a->order > b->order ? 1 : -1;
    if (r->request->tier == OR_TIER_PRIORITY && first_a != first_b) return first_a ? -1 : 1;
    if (a->rank != b->rank && ori_route_mixed(a->sort)) return a->rank > b->rank ? 1 : -1;
    return 0;
}

static int ori_route_compare(const ori_route *r, const or_candidate *a, const or_candidate *b)
{
    int      order = ori_route_compare_class(r, a, b);
    uint64_t ma, mb;
    if (order != 0) return order;
    ma = ori_route_metric(r, a);
    mb = ori_route_metric(r, b);
    if (ma != mb) return ma > mb ? 1 : -1;
    return a->model != b->model ? (a->model > b->model ? 1 : -1)
           : a->endpoint > b->endpoint ? 1
                                       : -1;
}

/* splitmix64: each n gives other bits. Source: Steele, Lea, Flood, 2014. */
static uint64_t ori_route_random(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The share of a candidate in a draw, up to 2^32: 1/price^2 against the cheapest one. So free
   ones share all among themselves, and so do unknown prices when there are no others. */
static uint64_t ori_route_share(const ori_route *r, const or_candidate *c, uint64_t cheapest)
{
    if (c->sort == OR_SORT_WEIGHT) {
        uint16_t weight = ori_route_endpoint(r, c)->weight;
        return weight > 0 ? weight : 1;
    }
    if (c->price == cheapest) return (uint64_t)1 << 32;
    /* both below 2^32, so that the division fits; a ratio above 65535 is a share of 0 */
    uint64_t low = cheapest, price = c->price;
    while (price > UINT32_MAX) {
        price >>= 1;
        low >>= 1;
    }
    uint64_t ratio = (low << 16) / price;
    return ratio * ratio;
}

/* list[from..to) are equal but for the metric: draw the first, or take turns. */
static void ori_route_balance(const ori_route *r, uint32_t from, uint32_t to)
{
    or_candidate *list = r->plan->list, drawn;
    uint64_t      sum = 0;
    uint32_t      k = from;
    if (list[from].sort == OR_SORT_ROUND_ROBIN) {
        for (uint32_t n = r->moment->turn % (to - from); n > 0; n--) {
            drawn = list[from];
            memmove(&list[from], &list[from + 1], (to - from - 1) * sizeof drawn);
            list[to - 1] = drawn;
        }
        return;
    }
    for (uint32_t i = from; i < to; i++) sum += ori_route_share(r, &list[i], list[from].price);
    uint64_t at = ori_route_random(r->moment->seed, from) % sum;
    for (uint64_t share; at >= (share = ori_route_share(r, &list[k], list[from].price)); k++)
        at -= share;
    drawn = list[k];
    drawn.drawn = true;
    memmove(&list[from + 1], &list[from], (k - from) * sizeof drawn);
    list[from] = drawn;
}

/* Kept ones to the front, in order. Insertion: stable, in place, and lists are short. */
static void ori_route_order(ori_route *r)
{
    or_candidate *list = r->plan->list, moved;
    uint32_t      all = r->plan->num, kept = 0;
    for (uint32_t i = 0; i < all; i++) {
        uint32_t k = kept;
        if (list[i].reason != OR_ROUTE_KEPT) continue;
        moved = list[i];
        while (k > 0 && ori_route_compare(r, &moved, &list[k - 1]) < 0) k--;
        memmove(&list[k + 1], &list[k], (i - k) * sizeof moved);
        list[k] = moved;
        kept++;
    }
    r->plan->num = kept;
    r->plan->num_out = all - kept;
    for (uint32_t from = 0, to; from < kept; from = to) {
        for (to = from + 1; to < kept; to++)
            if (ori_route_compare_class(r, &list[from], &list[to]) != 0) break;
        /* `order` was given to know who comes first; ailing ones come last, cheapest first */
        bool fixed = list[from].order != UINT32_MAX ||
                     (from > 0 && (list[from].rank > 0 || list[from].health.open));
        if (to - from > 1 && !fixed && ori_route_mixed(list[from].sort))
            ori_route_balance(r, from, to);
    }
}

/* allow_fallbacks false: the first only; with `order` the filters left what it names. */
static void ori_route_cut(ori_route *r)
{
    or_plan *p = r->plan;
    if (!r->request->prefs.no_fallbacks || r->request->prefs.num_order > 0) return;
    for (; p->num > 1; p->num_out++) p->list[--p->num].reason = OR_ROUTE_FALLBACKS;
}

static or_sort ori_route_sort(const or_route_request *q, const or_variants *v)
{
    if (q->prefs.sort != OR_SORT_DEFAULT) return q->prefs.sort;
    if (v->sort != OR_SORT_DEFAULT) return v->sort;
    if (q->tier == OR_TIER_PRIORITY) return OR_SORT_THROUGHPUT;
    return q->tier == OR_TIER_FLEX ? OR_SORT_PRICE : OR_SORT_DEFAULT;
}

static uint8_t ori_route_rank(const or_endpoint *e, const or_health *h)
{
    if (h->uptime_permille < 800) return 2;
    return h->outage || e->status < 0 || h->uptime_permille < 950;
}

/* Fill one candidate and judge it. */
static void ori_route_judge(ori_route *r, or_candidate *c, const or_variants *v)
{
    const or_route_request *q = r->request;
    const or_endpoint      *e = ori_route_endpoint(r, c);
    c->order = ori_route_place(q->prefs.order, q->prefs.num_order, e, ori_route_tier(e) == q->tier);
    c->rank = ori_route_rank(e, &c->health);
    c->sticky = q->sticky != 0 && q->prefs.num_order == 0 && c->rank == 0 && !c->health.open &&
                q->sticky == or_endpoint_id(e);
    c->slow = ori_route_slow(&q->prefs, &c->health);
    c->reason = ori_route_filter(r, c, v);
}

static bool ori_route_listed(const or_plan *p, uint32_t endpoint)
{
    for (uint32_t i = 0; i < p->num; i++)
        if (p->list[i].endpoint == endpoint) return true;
    return false;
}

void or_plan_init(or_plan *p, or_candidate *list, uint32_t max)
{
    memset(p, 0, sizeof *p);
    p->list = list;
    p->max = max;
}

/* Is this the first part of the name? Lengths tell most model names apart. */
static bool ori_route_begins(or_str name, or_str part)
{
    return name.len >= part.len && (name.len == part.len || name.ptr[part.len] == ':') &&
           part.len > 0 && or_str_eq_nocase(or_str_of(name.ptr, part.len), part);
}

void or_plan_leave_out(or_plan *p, uint32_t index)
{
    or_candidate c = p->list[index];
    c.reason = OR_ROUTE_BUDGET;
    p->num--;
    p->num_out++;
    memmove(&p->list[index], &p->list[index + 1], (p->num - index) * sizeof c);
    p->list[p->num] = c;
}

/* ---- the index: a hash table of the names up to their first colon ----

   index[0] is the number of lists less one, 2^n - 1; then, for each list, and for `model` and
   `canonical` of each endpoint, the next name in the list: 2 * endpoint + 1, one more for
   `canonical`, 0 at the end. Lists are in the order of the catalogue. */

static uint32_t ori_route_list(const uint32_t *index, or_str name)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.len && name.ptr[i] != ':'; i++)
        h = (h ^ (unsigned char)ori_lower(name.ptr[i])) * 16777619u;
    return 1 + ((h ^ h >> 16) & index[0]);
}

/* Where the name behind this one is told. */
static uint32_t ori_route_behind(const uint32_t *index, uint32_t name)
{
    return 1 + index[0] + name;
}

void or_model_search_begin(or_model_search *s, const or_catalogue *c, or_str name)
{
    or_str rest = name;
    s->catalogue = c;
    s->name = name;
    s->base = or_str_of(NULL, 0);
    (void)ori_route_part(&rest, &s->base);
    s->aliased = s->base.len == 0; /* else only what begins with that part can be it */
    for (uint32_t i = 0; i < c->num_aliases && !s->aliased; i++)
        s->aliased = ori_route_begins(c->aliases[i].name, s->base);
    s->indexed = !s->aliased && c->index != NULL;
    s->endpoint = UINT32_MAX;
    s->next = s->indexed ? c->index[ori_route_list(c->index, s->base)] : 0;
}

/* The next endpoint that may be it; not less than catalogue->num: there is none. */
static uint32_t ori_route_step(or_model_search *s)
{
    if (!s->indexed) return s->next < s->catalogue->num ? s->next++ : UINT32_MAX;
    const uint32_t *index = s->catalogue->index;
    uint32_t        name = s->next;
    if (name == 0) return UINT32_MAX;
    s->next = index[ori_route_behind(index, name)];
    return (name - 1) / 2;
}

bool or_model_search_next(or_model_search *s)
{
    const or_catalogue *c = s->catalogue;
    uint32_t            i;
    while ((i = ori_route_step(s)) < c->num) {
        const or_endpoint *e = &c->endpoints[i];
        if (i == s->endpoint) continue; /* both of its names are in the list */
        if (!s->aliased && !ori_route_begins(e->model, s->base) &&
            !ori_route_begins(e->canonical, s->base))
            continue;
        if (!or_route_model_is(s->name, c, e, NULL)) continue;
        s->endpoint = i;
        return true;
    }
    s->endpoint = UINT32_MAX;
    return false;
}

/* All endpoints of one of the requested models. healths, when not NULL, are told (a replay);
   else they come from the statistics. */
static or_err ori_route_add(ori_route *r, uint32_t model, const or_stats *stats,
                            const or_health *healths)
{
    const or_route_request *q = r->request;
    or_plan                *p = r->plan;
    or_variants             v;
    or_model_search         found;
    /* one list can have one order only: that of the first model */
    ori_route_variants(q->models[q->prefs.across_models ? 0 : model], &v);
    or_sort sort = ori_route_sort(q, &v);
    bool    more = ori_route_wants_percentiles(&q->prefs, sort);
    ori_route_variants(q->models[model], &v);
    or_model_search_begin(&found, r->catalogue, q->models[model]);
    while (or_model_search_next(&found)) {
        uint32_t i = found.endpoint;
        if (ori_route_listed(p, i)) continue; /* a model that was asked for twice */
        if (p->num == p->max) return OR_ERR_SPACE;
        or_candidate *c = &p->list[p->num++];
        memset(c, 0, sizeof *c);
        c->endpoint = i;
        c->model = model;
        c->sort = sort;
        c->health.uptime_permille = 1000;
        if (healths != NULL)
            c->health = healths[i];
        else if (stats != NULL)
            or_stats_health(&stats[i], r->moment->now_ms, more, &c->health);
        ori_route_judge(r, c, &v);
    }
    ori_route_yield(r, model);
    ori_route_soft(r, model);
    return OR_OK;
}

static or_err ori_route_run(ori_route *r, const or_stats *stats, const or_health *healths)
{
    or_plan *p = r->plan;
    or_err   e = r->request->num_models > 0 ? OR_OK : OR_ERR_ARG;
    or_plan_init(p, p->list, p->max);
    for (uint32_t model = 0; model < r->request->num_models && e == OR_OK; model++)
        e = ori_route_add(r, model, stats, healths);
    if (e == OR_OK && p->num == 0) e = OR_ERR_MODEL;
    if (e != OR_OK) {
        p->num = 0;
        return e;
    }
    ori_route_order(r);
    ori_route_cut(r);
    for (uint32_t i = 0; i < p->num_out && p->num == 0; i++) {
        uint32_t wait = p->list[i].health.cooling_ms;
        if (p->list[i].reason == OR_ROUTE_COOLING &&
            (p->retry_after_ms == 0 || wait < p->retry_after_ms))
            p->retry_after_ms = wait;
    }
    return p->num > 0 ? OR_OK : OR_ERR_ROUTE;
}

or_err or_route_plan(or_plan *p, const or_route_request *request, const or_catalogue *catalogue,
                     const or_stats *stats, const or_moment *moment)
{
    ori_route r = {request, catalogue, moment, p};
    return ori_route_run(&r, stats, NULL);
}

/* ---- sticky conversations ---- */

/* A text may be megabytes of a picture: of a long one both ends, and how long it is, tell enough. */
static uint64_t ori_sticky_hash(uint64_t h, or_str text)
{
    enum { END = 4096 };
    uint64_t len = text.len;
    if (len <= 2 * END) return ori_route_hash(h, text);
    h = ori_route_hash(h, or_str_of(text.ptr, END));
    h = ori_route_hash(h, or_str_of(text.ptr + text.len - END, END));
    return (h ^ len) * 1099511628211u;
}

uint64_t or_sticky_key(const or_conversation *c)
{
    uint64_t h = ori_route_hash(ori_route_hash(ORI_HASH_START, c->account), c->model);
    if (c->session_id.len > 0)
        h = ori_route_hash(h, c->session_id);
    else if (c->prompt_cache_key.len > 0)
        h = ori_route_hash(ori_route_hash(h, OR_STR("cache")), c->prompt_cache_key);
    else
        h = ori_sticky_hash(ori_sticky_hash(ori_route_hash(h, OR_STR("text")), c->first_system),
                            c->first_message);
    return h != 0 ? h : 1;
}

static bool ori_sticky_alive(const or_sticky_slot *slot, uint32_t now_ms)
{
    int32_t idle = or_ms_diff(slot->last_ms, now_ms);
    return slot->key != 0 && idle >= 0 && idle < OR_STICKY_IDLE_MS;
}

/* A conversation has its slot among a few neighbours, so that finding it does not cost more the
   more there are. */
enum { ORI_STICKY_WAYS = 8 };

static uint32_t ori_sticky_ways(const or_sticky *s)
{
    return s->num < ORI_STICKY_WAYS ? s->num : (uint32_t)ORI_STICKY_WAYS;
}

static or_sticky_slot *ori_sticky_slot(const or_sticky *s, uint64_t key, uint32_t way)
{
    return &s->slots[((uint32_t)(key % s->num) + way) % s->num];
}

uint64_t or_sticky_find(const or_sticky *s, uint64_t key, uint32_t now_ms)
{
    for (uint32_t i = 0; i < ori_sticky_ways(s); i++) {
        const or_sticky_slot *slot = ori_sticky_slot(s, key, i);
        if (slot->key == key && ori_sticky_alive(slot, now_ms)) return slot->endpoint;
    }
    return 0;
}

void or_sticky_note(or_sticky *s, uint64_t key, bool named, const or_endpoint *e,
                    const or_usage *u, uint32_t now_ms)
{
    const or_price_list *p = &e->prices.base;
    uint32_t             both = 1u << OR_PRICE_PROMPT | 1u << OR_PRICE_INPUT_CACHE_READ;
    or_sticky_slot      *slot;
    bool                 cheaper = (p->known & both) == both &&
                   p->pico[OR_PRICE_INPUT_CACHE_READ] < p->pico[OR_PRICE_PROMPT];
    if (s->num == 0 || (!named && !(u->cached_tokens > 0 && cheaper) &&
                        or_sticky_find(s, key, now_ms) != or_endpoint_id(e)))
        return;
    /* its own slot, else a dead one, else the one that is idle for longest */
    slot = ori_sticky_slot(s, key, 0);
    for (uint32_t i = 0; i < ori_sticky_ways(s); i++) {
        or_sticky_slot *other = ori_sticky_slot(s, key, i);
        bool            dead = !ori_sticky_alive(other, now_ms);
        if (other->key == key) {
            slot = other;
            break;
        }
        if (!ori_sticky_alive(slot, now_ms)) continue;
        if (dead || or_ms_diff(other->last_ms, slot->last_ms) > 0) slot = other;
    }
    slot->key = key;
    slot->endpoint = or_endpoint_id(e);
    slot->last_ms = now_ms;
}
#endif /* OR_NO_ROUTE */

#ifndef OR_NO_CATALOGUE
/* >> catalogue -------------------------------------------------------- */

static uint32_t ori_route_lists(uint32_t num)
{
    uint32_t lists = 1;
    while (lists < num) lists *= 2;
    return lists;
}

size_t or_catalogue_index_size(uint32_t num)
{
    return 1 + (size_t)ori_route_lists(num) + 2 * (size_t)num;
}

void or_catalogue_index(or_catalogue *c, uint32_t *mem)
{
    memset(mem, 0, or_catalogue_index_size(c->num) * sizeof *mem);
    mem[0] = ori_route_lists(c->num) - 1;
    for (uint32_t i = 2 * c->num; i > 0; i--) {
        const or_endpoint *e = &c->endpoints[(i - 1) / 2];
        or_str             name = i % 2 == 1 ? e->model : e->canonical;
        if (name.len == 0 || name.ptr[0] == ':') continue; /* a search for it takes all */
        uint32_t list = ori_route_list(mem, name);
        mem[ori_route_behind(mem, i)] = mem[list];
        mem[list] = i;
    }
    c->index = mem;
}

static const char *const ori_route_modalities[] = {"text",  "image",      "file",  "audio",
                                                   "video", "embeddings", "rerank"};

/* The bits of the names in an array; 0 when there is none. */
static uint32_t ori_route_read_bits(ori_prefs *r, const char *name, const char *const *table,
                                    uint32_t num)
{
    uint32_t bits = 0;
    int      tok = ori_prefs_member(r, r->object, name, OR_JSON_ARRAY);
    if (tok < 0) return 0;
    for (int i = or_json_first(r->doc, tok); i >= 0; i = or_json_next(r->doc, i)) {
        uint32_t k = ori_prefs_index(ori_money_text(r->doc, i), table, num);
        if (k < num) bits |= (uint32_t)1 << k;
    }
    return bits;
}

/* A string member; what was there before when it is absent. */
static void ori_route_read_str(ori_prefs *r, const char *name, or_str *out)
{
    int tok = ori_prefs_member(r, r->object, name, OR_JSON_STRING);
    if (tok >= 0) *out = ori_prefs_str(r, name, tok);
}

/* A count up to `max`; unchanged when it is absent or not a count. */
static void ori_route_read_count(ori_prefs *r, const char *name, uint64_t max, uint32_t *out)
{
    uint64_t n;
    int      tok = ori_prefs_member(r, r->object, name, OR_JSON_NUMBER);
    if (tok >= 0 && or_json_get_u64(r->doc, tok, &n) == OR_OK)
        *out = (uint32_t)ori_money_min(n, max);
}

static void ori_route_read_tri(ori_prefs *r, const char *name, or_tri *out)
{
    int tok = ori_prefs_member(r, r->object, name, OR_JSON_TRUE);
    if (tok >= 0) *out = or_json_type_at(r->doc, tok) == OR_JSON_TRUE ? OR_YES : OR_NO;
}

/* Members of an endpoint or model object that stand in this object itself. */
static void ori_route_read_members(ori_prefs *r, or_endpoint *e)
{
    static const char *const bad[] = {"allow", "deny"};
    uint32_t                 n, weight = e->weight, quality = e->quality_permille;
    or_str                   word = or_str_of(NULL, 0);
    ori_route_read_count(r, "context_length", UINT32_MAX, &e->context_length);
    ori_route_read_count(r, "max_prompt_tokens", UINT32_MAX, &e->max_prompt_tokens);
    ori_route_read_count(r, "max_completion_tokens", UINT32_MAX, &e->max_completion_tokens);
    ori_route_read_count(r, "weight", UINT16_MAX, &weight);
    ori_route_read_count(r, "quality", 1000, &quality);
    e->weight = (uint16_t)weight;
    e->quality_permille = (uint16_t)quality;
    n = ori_route_read_bits(r, "input_modalities", ori_route_modalities, 7);
    if (n != 0) e->input_modalities = (uint16_t)n;
    n = ori_route_read_bits(r, "output_modalities", ori_route_modalities, 7);
    if (n != 0) e->output_modalities = (uint16_t)n;
    if (ori_prefs_member(r, r->object, "supported_parameters", OR_JSON_ARRAY) >= 0) {
        e->parameters_known = true;
        e->parameters =
            ori_route_read_bits(r, "supported_parameters", ori_route_params, OR_PARAM_NUM);
    }
    ori_route_read_str(r, "quantization", &word);
    n = ori_prefs_index(word, ori_prefs_quantizations, OR_QUANT_NUM);
    if (n < OR_QUANT_NUM) e->quantization = (or_quantization)n;
    word = or_str_of(NULL, 0);
    ori_route_read_str(r, "data_collection", &word);
    n = ori_prefs_index(word, bad, 2);
    if (n < 2) e->collects_data = n == 0 ? OR_YES : OR_NO;
    ori_route_read_tri(r, "zdr", &e->zdr);
    ori_route_read_tri(r, "distillable", &e->distillable);
    e->byok = ori_prefs_bool(r, "is_byok", e->byok);
    e->parameters_at_most = ori_prefs_bool(r, "parameters_at_most", e->parameters_at_most);
    e->disabled = ori_prefs_bool(r, "disabled", e->disabled);
    int64_t status;
    int     tok = ori_prefs_member(r, r->object, "status", OR_JSON_NUMBER);
    if (or_json_get_i64(r->doc, tok, &status) == OR_OK && status >= INT8_MIN && status <= INT8_MAX)
        e->status = (int8_t)status;
}

static void ori_route_read_endpoint(ori_prefs *r, or_endpoint *e)
{
    static const char *const inner[] = {"architecture", "top_provider"};
    int                      object = r->object, prices;
    or_str                   tag = e->tag;
    ori_route_read_members(r, e);
    for (int i = 0; i < 2; i++) {
        r->object = ori_prefs_member(r, object, inner[i], OR_JSON_OBJECT);
        if (r->object >= 0) ori_route_read_members(r, e);
        r->object = object;
    }
    ori_route_read_str(r, "id", &e->model);
    ori_route_read_str(r, "model_id", &e->model);
    ori_route_read_str(r, "canonical_slug", &e->canonical);
    ori_route_read_str(r, "provider_name", &e->provider_name);
    ori_route_read_str(r, "tag", &e->tag);
    ori_route_read_str(r, "upstream_model", &e->upstream_model);
    ori_route_read_str(r, "region", &e->region);
    if (e->tag.ptr != tag.ptr)
        e->provider = or_str_of(e->tag.ptr, or_str_find(e->tag, OR_STR("/"), 0));
    ori_route_read_str(r, "provider", &e->provider);
    prices = ori_prefs_member(r, object, "pricing", OR_JSON_OBJECT);
    if (prices >= 0) {
        or_err err = or_prices_read(r->doc, prices, r->arena, &e->prices);
        if (err != OR_OK) ori_prefs_fail(r, "pricing", err);
    }
}

/* The raw value of a member of a raw object, and its type; NONE when absent. */
static or_err ori_catalogue_member(or_str object, const char *name, or_str *value,
                                   or_json_type *type)
{
    or_json_scan s;
    or_json_item item;
    or_err       e;
    *type = OR_JSON_NONE;
    or_json_scan_init(&s, object);
    e = or_json_scan_next(&s, &item);
    if (e == OR_OK && item.type != OR_JSON_OBJECT) return OR_ERR_TYPE;
    while (e == OR_OK && (e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (item.type == OR_JSON_END) continue;
        or_str key = item.key;
        e = or_json_scan_skip(&s, &item);
        if (e == OR_OK && or_json_str_is_z(key, name)) {
            *value = item.value;
            *type = item.type;
        }
    }
    return e == OR_DONE ? OR_OK : e;
}

/* What is being added. */
typedef struct ori_catalogue {
    or_endpoint *base; /* what an entry starts as; in keep, for stacks are small */
    or_arena    *keep, *scratch;
    or_endpoint *endpoints;
    or_alias    *aliases;
    uint32_t     num, num_aliases;
} ori_catalogue;

static or_err ori_catalogue_entry(ori_catalogue *c, or_str text)
{
    or_json_doc  doc;
    or_endpoint *e = &c->endpoints[c->num];
    or_str       target = or_str_of(NULL, 0);
    ori_prefs    r = {&doc, 0, c->keep, OR_OK, NULL, true};
    or_arena_reset(c->scratch);
    or_err err = or_json_parse(&doc, text, 0, c->scratch);
    if (err != OR_OK) return err;
    *e = *c->base;
    ori_route_read_endpoint(&r, e);
    r.object = ori_prefs_member(&r, 0, "alias_target", OR_JSON_OBJECT);
    if (r.object >= 0) ori_route_read_str(&r, "slug", &target);
    if (r.err == OR_ERR_SPACE || r.err == OR_ERR_MEMORY) return r.err;
    if (e->model.len == 0) return OR_OK;
    if (target.len > 0) {
        c->aliases[c->num_aliases].name = e->model;
        c->aliases[c->num_aliases++].model = target;
    } else {
        c->num++;
    }
    return OR_OK;
}

/* Each object of a raw array: counted in *num, or read when c is there. */
static or_err ori_catalogue_each(ori_catalogue *c, or_str list, uint32_t *num)
{
    or_json_scan s;
    or_json_item item;
    or_json_scan_init(&s, list);
    or_err e = or_json_scan_next(&s, &item);
    while (e == OR_OK && (e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (item.type == OR_JSON_END) continue;
        e = or_json_scan_skip(&s, &item);
        if (e != OR_OK || item.type != OR_JSON_OBJECT) continue;
        (*num)++;
        if (c != NULL) e = ori_catalogue_entry(c, item.value);
    }
    return e == OR_DONE ? OR_OK : e;
}

/* The list of entries; for the endpoints of one model its id as well. */
static or_err ori_catalogue_find(ori_catalogue *c, or_str json, or_str *list)
{
    or_str       data, id;
    or_json_type type, id_type;
    or_err       e = ori_catalogue_member(json, "data", &data, &type);
    if (e == OR_OK && type == OR_JSON_OBJECT) {
        e = ori_catalogue_member(data, "id", &id, &id_type);
        if (e == OR_OK && id_type == OR_JSON_STRING) {
            char *name = (char *)or_arena_alloc(c->keep, id.len);
            if (name == NULL) return ori_prefs_full(c->keep);
            e = or_json_unescape(id, name, id.len, &c->base->model);
        }
        if (e == OR_OK) e = ori_catalogue_member(data, "endpoints", &data, &type);
    }
    if (e == OR_OK && type != OR_JSON_ARRAY) e = OR_ERR_TYPE;
    *list = data;
    return e;
}

or_err or_catalogue_read(or_catalogue *c, or_str json, const or_endpoint *defaults, or_arena *keep,
                         or_arena *scratch)
{
    ori_catalogue n;
    or_str        list;
    uint32_t      num = 0;
    size_t        size, aliases;
    n.base = (or_endpoint *)or_arena_alloc(keep, sizeof(or_endpoint));
    n.keep = keep;
    n.scratch = scratch;
    if (n.base == NULL) return ori_prefs_full(keep);
    *n.base = *defaults;
    or_err e = ori_catalogue_find(&n, json, &list);
    if (e == OR_OK) e = ori_catalogue_each(NULL, list, &num);
    if (e != OR_OK) return e;
    if (!or_mul_size((size_t)c->num + num, sizeof(or_endpoint), &size) ||
        !or_mul_size((size_t)c->num_aliases + num, sizeof(or_alias), &aliases))
        return OR_ERR_RANGE;
    n.endpoints = (or_endpoint *)or_arena_alloc(keep, size);
    n.aliases = (or_alias *)or_arena_alloc(keep, aliases);
    if (n.endpoints == NULL || n.aliases == NULL) return ori_prefs_full(keep);
    if (c->num > 0) memcpy(n.endpoints, c->endpoints, c->num * sizeof(or_endpoint));
    if (c->num_aliases > 0) memcpy(n.aliases, c->aliases, c->num_aliases * sizeof(or_alias));
    n.num = c->num;
    n.num_aliases = c->num_aliases;
    e = ori_catalogue_each(&n, list, &num);
    if (e != OR_OK) return e;
    c->endpoints = n.endpoints;
    c->num = n.num;
    c->aliases = n.aliases;
    c->num_aliases = n.num_aliases;
    return OR_OK;
}

/* ---- decisions as lines ---- */

static void ori_route_put_str(or_json_writer *w, const char *name, or_str s)
{
    if (s.ptr == NULL) return;
    or_json_put_key(w, or_str_z(name));
    or_json_put_str(w, s);
}

static void ori_route_put_count(or_json_writer *w, const char *name, uint64_t n)
{
    if (n == 0) return;
    or_json_put_key(w, or_str_z(name));
    or_json_put_u64(w, n);
}

static void ori_route_put_flag(or_json_writer *w, const char *name, bool flag)
{
    ori_prefs_put_bool(w, name, flag, true);
}

static void ori_route_put_bits(or_json_writer *w, const char *name, uint32_t bits,
                               const char *const *table, uint32_t num)
{
    or_json_put_key(w, or_str_z(name));
    or_json_begin_array(w);
    for (uint32_t i = 0; i < num; i++)
        if ((bits >> i & 1) != 0) or_json_put_str(w, or_str_z(table[i]));
    or_json_end_array(w);
}

static void ori_route_put_prices(or_json_writer *w, const or_price_list *list)
{
    for (int key = 0; key < OR_PRICE_NUM; key++) {
        if ((list->named >> key & 1) == 0) continue;
        or_json_put_key(w, or_str_z(or_price_name((or_price_key)key)));
        if ((list->known >> key & 1) != 0)
            or_json_put_decimal(w, (int64_t)ori_money_min(list->pico[key], INT64_MAX), 12);
        else
            or_json_put_str(w, OR_STR("-1"));
    }
}

static void ori_route_put_pricing(or_json_writer *w, const or_prices *p)
{
    if (p->base.named == 0 && p->num_rules == 0) return;
    or_json_put_key(w, OR_STR("pricing"));
    or_json_begin_object(w);
    ori_route_put_prices(w, &p->base);
    if (p->discount_ppb > 0) {
        or_json_put_key(w, OR_STR("discount"));
        or_json_put_decimal(w, p->discount_ppb, 9);
    }
    if (p->num_rules > 0) {
        or_json_put_key(w, OR_STR("overrides"));
        or_json_begin_array(w);
        for (uint32_t i = 0; i < p->num_rules; i++) {
            const or_price_rule *rule = &p->rules[i];
            or_json_begin_object(w);
            ori_route_put_count(w, "min_prompt_tokens", rule->min_prompt_tokens);
            ori_route_put_count(w, "utc_start", rule->utc_start);
            ori_route_put_count(w, "utc_end", rule->utc_end);
            if (rule->utc_days != 0)
                ori_route_put_bits(w, "utc_days", rule->utc_days, ori_money_days, 7);
            ori_route_put_prices(w, &rule->prices);
            or_json_end_object(w);
        }
        or_json_end_array(w);
    }
    or_json_end_object(w);
}

static void ori_route_put_percentiles(or_json_writer *w, const char *name,
                                      const or_percentiles *p)
{
    ori_four v;
    memcpy(v, p, sizeof v);
    if (v[0] == 0) return;
    or_json_put_key(w, or_str_z(name));
    or_json_begin_array(w);
    for (int i = 0; i < 4; i++) or_json_put_u64(w, v[i]);
    or_json_end_array(w);
}

static void ori_route_put_health(or_json_writer *w, const or_health *h)
{
    or_json_put_key(w, OR_STR("health"));
    or_json_begin_object(w);
    ori_route_put_percentiles(w, "latency_ms", &h->latency_ms);
    ori_route_put_percentiles(w, "throughput_milli", &h->throughput_milli);
    ori_route_put_count(w, "cooling_ms", h->cooling_ms);
    or_json_put_key(w, OR_STR("uptime_permille"));
    or_json_put_u64(w, h->uptime_permille);
    ori_route_put_flag(w, "outage", h->outage);
    ori_route_put_flag(w, "open", h->open);
    or_json_end_object(w);
}

static void ori_route_put_endpoint(or_json_writer *w, const or_endpoint *e, const or_health *h)
{
    or_json_begin_object(w);
    ori_route_put_str(w, "model_id", e->model);
    ori_route_put_str(w, "canonical_slug", e->canonical);
    ori_route_put_str(w, "tag", e->tag);
    ori_route_put_str(w, "provider", e->provider);
    ori_route_put_str(w, "provider_name", e->provider_name);
    ori_route_put_str(w, "region", e->region);
    ori_route_put_count(w, "context_length", e->context_length);
    ori_route_put_count(w, "max_prompt_tokens", e->max_prompt_tokens);
    ori_route_put_count(w, "max_completion_tokens", e->max_completion_tokens);
    ori_route_put_pricing(w, &e->prices);
    if (e->parameters_known)
        ori_route_put_bits(w, "supported_parameters", e->parameters, ori_route_params,
                           OR_PARAM_NUM);
    ori_route_put_bits(w, "input_modalities", e->input_modalities, ori_route_modalities, 7);
    ori_route_put_bits(w, "output_modalities", e->output_modalities, ori_route_modalities, 7);
    if (e->quantization != OR_QUANT_UNKNOWN)
        ori_prefs_put_str(w, "quantization", or_quantization_name(e->quantization));
    if (e->collects_data != OR_UNKNOWN)
        ori_prefs_put_str(w, "data_collection", e->collects_data == OR_YES ? "allow" : "deny");
    ori_prefs_put_bool(w, "zdr", e->zdr != OR_UNKNOWN, e->zdr == OR_YES);
    ori_prefs_put_bool(w, "distillable", e->distillable != OR_UNKNOWN, e->distillable == OR_YES);
    ori_route_put_count(w, "weight", e->weight);
    ori_route_put_count(w, "quality", e->quality_permille);
    ori_route_put_flag(w, "is_byok", e->byok);
    ori_route_put_flag(w, "disabled", e->disabled);
    ori_route_put_flag(w, "router", e->router);
    ori_route_put_flag(w, "parameters_at_most", e->parameters_at_most);
    ori_route_put_count(w, "target", e->target);
    if (e->status != 0) {
        or_json_put_key(w, OR_STR("status"));
        or_json_put_i64(w, e->status);
    }
    ori_route_put_health(w, h);
    or_json_end_object(w);
}

static void ori_route_put_request(or_json_writer *w, const or_route_request *q)
{
    or_json_begin_object(w);
    ori_prefs_put_list(w, "models", q->models, q->num_models);
    or_json_put_key(w, OR_STR("provider"));
    or_prefs_write(w, &q->prefs);
    if (q->policy != NULL) {
        or_json_put_key(w, OR_STR("policy"));
        or_prefs_write(w, q->policy);
    }
    ori_route_put_bits(w, "parameters", q->parameters, ori_route_params, OR_PARAM_NUM);
    ori_route_put_bits(w, "input_modalities", q->input_modalities, ori_route_modalities, 7);
    ori_route_put_bits(w, "output_modalities", q->output_modalities, ori_route_modalities, 7);
    ori_route_put_count(w, "prompt_tokens", q->prompt_tokens);
    ori_route_put_count(w, "max_tokens", q->max_tokens);
    if (q->tier != OR_TIER_NONE) ori_prefs_put_str(w, "service_tier", ori_route_tiers[q->tier]);
    ori_route_put_str(w, "region", q->region);
    ori_route_put_count(w, "sticky", q->sticky);
    ori_route_put_count(w, "barred", q->barred);
    ori_route_put_count(w, "offline", q->offline);
    ori_route_put_flag(w, "needs_router", q->needs_router);
    ori_route_put_flag(w, "known_price", q->known_price);
    ori_route_put_flag(w, "lowers_output", q->lowers_output);
    or_json_end_object(w);
}

/* The writer takes no absent texts. */
static or_str ori_route_text(or_str s)
{
    return s.ptr != NULL ? s : OR_STR("");
}

/* "tag model": the name of a candidate. */
static void ori_route_put_name(or_json_writer *w, const or_endpoint *e)
{
    or_json_begin_str(w);
    or_json_put_part(w, ori_route_text(ori_route_tag(e)));
    or_json_put_part(w, OR_STR(" "));
    or_json_put_part(w, e->model);
    or_json_end_str(w);
}

/* The members "plan" and "out". */
static void ori_route_put_plan(or_json_writer *w, const or_plan *p, const or_catalogue *c)
{
    or_json_put_key(w, OR_STR("plan"));
    or_json_begin_array(w);
    for (uint32_t i = 0; i < p->num; i++)
        ori_route_put_name(w, &c->endpoints[p->list[i].endpoint]);
    or_json_end_array(w);
    or_json_put_key(w, OR_STR("out"));
    or_json_begin_array(w);
    for (uint32_t i = p->num; i < p->num + p->num_out; i++) {
        or_json_begin_array(w);
        ori_route_put_name(w, &c->endpoints[p->list[i].endpoint]);
        or_json_put_str(w, or_str_z(or_route_reason_by(p->list[i].reason)));
        or_json_end_array(w);
    }
    or_json_end_array(w);
}

or_err or_route_record(or_buf *out, const or_plan *plan, const or_route_request *request,
                       const or_catalogue *c, const or_moment *moment)
{
    or_json_writer w;
    uint32_t       all = plan->num + plan->num_out;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    ori_route_put_count(&w, "seed", moment->seed);
    ori_route_put_count(&w, "turn", moment->turn);
    if (moment->wall.known) {
        or_json_put_key(&w, OR_STR("unix"));
        or_json_put_i64(&w, moment->wall.unix_s);
    }
    or_json_put_key(&w, OR_STR("request"));
    ori_route_put_request(&w, request);
    or_json_put_key(&w, OR_STR("endpoints"));
    or_json_begin_array(&w);
    /* in the catalogue's order, which breaks ties */
    for (uint32_t done = 0, next = 0; done < all; done++) {
        const or_candidate *least = NULL;
        for (uint32_t i = 0; i < all; i++) {
            const or_candidate *a = &plan->list[i];
            if (a->endpoint >= next && (least == NULL || a->endpoint < least->endpoint)) least = a;
        }
        ori_route_put_endpoint(&w, &c->endpoints[least->endpoint], &least->health);
        next = least->endpoint + 1;
    }
    or_json_end_array(&w);
    if (c->num_aliases > 0) {
        or_json_put_key(&w, OR_STR("aliases"));
        or_json_begin_array(&w);
        for (uint32_t i = 0; i < c->num_aliases; i++) {
            const or_alias *a = &c->aliases[i];
            bool            used = false;
            for (uint32_t k = 0; k < all && !used; k++)
                used = ori_route_alias_is(a, &c->endpoints[plan->list[k].endpoint]);
            if (!used) continue;
            or_json_begin_array(&w);
            or_json_put_str(&w, ori_route_text(a->name));
            or_json_put_str(&w, ori_route_text(a->model));
            or_json_end_array(&w);
        }
        or_json_end_array(&w);
    }
    ori_route_put_plan(&w, plan, c);
    or_json_end_object(&w);
    return or_json_writer_end(&w);
}

static void ori_route_read_prefs(ori_prefs *r, const char *name, or_prefs *p)
{
    const char *bad = name;
    int         tok = ori_prefs_member(r, r->object, name, OR_JSON_OBJECT);
    or_err      e = tok < 0 ? OR_OK : or_prefs_read(r->doc, tok, r->arena, p, &bad);
    if (e != OR_OK) ori_prefs_fail(r, bad, e);
}

static void ori_route_read_u64(ori_prefs *r, const char *name, uint64_t *out)
{
    int tok = ori_prefs_member(r, r->object, name, OR_JSON_NUMBER);
    if (tok >= 0 && or_json_get_u64(r->doc, tok, out) != OR_OK)
        ori_prefs_fail(r, name, OR_ERR_RANGE);
}

static void ori_route_read_request(ori_prefs *r, or_route_request *q, or_prefs *policy)
{
    or_str word = or_str_of(NULL, 0);
    q->models = ori_prefs_list(r, "models", &q->num_models);
    ori_route_read_prefs(r, "provider", &q->prefs);
    if (ori_prefs_member(r, r->object, "policy", OR_JSON_OBJECT) >= 0) q->policy = policy;
    ori_route_read_prefs(r, "policy", policy);
    q->parameters = ori_route_read_bits(r, "parameters", ori_route_params, OR_PARAM_NUM);
    q->input_modalities =
        (uint16_t)ori_route_read_bits(r, "input_modalities", ori_route_modalities, 7);
    q->output_modalities =
        (uint16_t)ori_route_read_bits(r, "output_modalities", ori_route_modalities, 7);
    ori_route_read_count(r, "prompt_tokens", UINT32_MAX, &q->prompt_tokens);
    ori_route_read_count(r, "max_tokens", UINT32_MAX, &q->max_tokens);
    ori_route_read_str(r, "service_tier", &word);
    uint32_t tier = ori_prefs_index(word, ori_route_tiers, 5);
    q->tier = tier == 4 ? OR_TIER_PRIORITY : tier < 4 ? (or_tier)tier : OR_TIER_NONE;
    ori_route_read_str(r, "region", &q->region);
    q->needs_router = ori_prefs_bool(r, "needs_router", false);
    q->known_price = ori_prefs_bool(r, "known_price", false);
    q->lowers_output = ori_prefs_bool(r, "lowers_output", false);
    ori_route_read_u64(r, "sticky", &q->sticky);
    ori_route_read_u64(r, "barred", &q->barred);
    ori_route_read_u64(r, "offline", &q->offline);
}

static void ori_route_read_four(ori_prefs *r, const char *name, or_percentiles *p)
{
    ori_four v = {0, 0, 0, 0};
    int      k = 0;
    for (int i = or_json_first(r->doc, ori_prefs_member(r, r->object, name, OR_JSON_ARRAY));
         i >= 0 && k < 4; i = or_json_next(r->doc, i)) {
        uint64_t n = 0;
        if (or_json_get_u64(r->doc, i, &n) != OR_OK) n = 0;
        v[k++] = (uint32_t)ori_money_min(n, UINT32_MAX);
    }
    memcpy(p, v, sizeof *p);
}

static void ori_route_read_health(ori_prefs *r, or_health *h)
{
    uint32_t uptime = 1000;
    int      object = r->object;
    r->object = ori_prefs_member(r, object, "health", OR_JSON_OBJECT);
    ori_route_read_four(r, "latency_ms", &h->latency_ms);
    ori_route_read_four(r, "throughput_milli", &h->throughput_milli);
    ori_route_read_count(r, "cooling_ms", UINT32_MAX, &h->cooling_ms);
    ori_route_read_count(r, "uptime_permille", 1000, &uptime);
    h->uptime_permille = (uint16_t)uptime;
    h->outage = ori_prefs_bool(r, "outage", false);
    h->open = ori_prefs_bool(r, "open", false);
    r->object = object;
}

/* Everything of a line, in the arena. */
typedef struct ori_replay {
    or_route_request request;
    or_prefs         policy;
    or_moment        moment;
    or_catalogue     catalogue;
    or_endpoint     *endpoints;
    or_health       *healths;
    or_alias        *aliases;
} ori_replay;

static or_err ori_replay_read(ori_prefs *r, ori_replay *line)
{
    int    list = ori_prefs_member(r, 0, "endpoints", OR_JSON_ARRAY);
    int    pairs = ori_prefs_member(r, 0, "aliases", OR_JSON_ARRAY);
    int    request = ori_prefs_member(r, 0, "request", OR_JSON_OBJECT);
    size_t num = list < 0 ? 0 : (size_t)r->doc->tok[list].size;
    size_t num_pairs = pairs < 0 ? 0 : (size_t)r->doc->tok[pairs].size;
    if (list < 0 || request < 0) return OR_ERR_TYPE;
    line->endpoints = (or_endpoint *)ori_prefs_alloc(r, NULL, num, sizeof(or_endpoint));
    line->healths = (or_health *)ori_prefs_alloc(r, NULL, num, sizeof(or_health));
    line->aliases = (or_alias *)ori_prefs_alloc(r, NULL, num_pairs, sizeof(or_alias));
    if (r->err != OR_OK) return r->err;
    for (int i = or_json_first(r->doc, list); i >= 0; i = or_json_next(r->doc, i)) {
        r->object = i;
        or_endpoint *e = &line->endpoints[line->catalogue.num];
        uint32_t     target = 0;
        ori_route_read_endpoint(r, e);
        /* not from lists of others: it is ours to say whom we call */
        ori_route_read_count(r, "target", UINT16_MAX, &target);
        e->target = (uint16_t)target;
        e->router = ori_prefs_bool(r, "router", false);
        ori_route_read_health(r, &line->healths[line->catalogue.num++]);
    }
    for (int i = or_json_first(r->doc, pairs); i >= 0; i = or_json_next(r->doc, i)) {
        or_alias *a = &line->aliases[line->catalogue.num_aliases++];
        int       name = or_json_first(r->doc, i);
        a->name = ori_prefs_str(r, "aliases", name);
        a->model = ori_prefs_str(r, "aliases", or_json_next(r->doc, name));
    }
    line->catalogue.endpoints = line->endpoints;
    line->catalogue.aliases = line->aliases;
    r->object = request;
    ori_route_read_request(r, &line->request, &line->policy);
    r->object = 0;
    ori_route_read_count(r, "turn", UINT32_MAX, &line->moment.turn);
    or_json_get_u64(r->doc, ori_prefs_member(r, 0, "seed", OR_JSON_NUMBER), &line->moment.seed);
    line->moment.wall.known =
        or_json_get_i64(r->doc, ori_prefs_member(r, 0, "unix", OR_JSON_NUMBER),
                        &line->moment.wall.unix_s) == OR_OK;
    return r->err;
}

/* Does the recorded plan say what the new one says? Both as compact JSON. */
static or_err ori_replay_compare(ori_prefs *r, const or_plan *plan, const or_catalogue *c,
                                 bool *same, or_buf *difference)
{
    or_json_writer w;
    or_json_doc    now;
    or_buf         counting, out;
    or_err         e;
    or_buf_init_counting(&counting);
    or_json_writer_init(&w, &counting);
    or_json_begin_object(&w);
    ori_route_put_plan(&w, plan, c);
    or_json_end_object(&w);
    char *mem = (char *)or_arena_alloc(r->arena, counting.len);
    if (mem == NULL) return ori_prefs_full(r->arena);
    or_buf_init(&out, mem, counting.len);
    or_json_writer_init(&w, &out);
    or_json_begin_object(&w);
    ori_route_put_plan(&w, plan, c);
    or_json_end_object(&w);
    if ((e = or_json_writer_end(&w)) != OR_OK) return e;
    if ((e = or_json_parse(&now, or_buf_str(&out), 0, r->arena)) != OR_OK) return e;
    or_str was_plan = or_json_raw(r->doc, or_json_find(r->doc, 0, "/plan"));
    or_str was_out = or_json_raw(r->doc, or_json_find(r->doc, 0, "/out"));
    *same = was_plan.ptr != NULL &&
            or_str_eq(was_plan, or_json_raw(&now, or_json_find(&now, 0, "/plan"))) &&
            or_str_eq(was_out, or_json_raw(&now, or_json_find(&now, 0, "/out")));
    if (*same || difference == NULL) return OR_OK;
    or_buf_put_z(difference, "recorded ");
    or_buf_put_str(difference, was_plan);
    or_buf_put_z(difference, " ");
    or_buf_put_str(difference, was_out);
    or_buf_put_z(difference, ", now ");
    return or_buf_put_str(difference, or_buf_str(&out));
}

/* Does an entry of the recorded `out` say that this one could not be paid? */
static bool ori_replay_is_unpaid(ori_prefs *r, int entry, const or_endpoint *e)
{
    or_str name = ori_prefs_str(r, "out", or_json_find(r->doc, entry, "/0"));
    or_str why = ori_prefs_str(r, "out", or_json_find(r->doc, entry, "/1"));
    or_str tag = ori_route_tag(e);
    return or_str_eq(why, or_str_z(or_route_reason_by(OR_ROUTE_BUDGET))) &&
           name.len == tag.len + 1 + e->model.len &&
           or_str_eq(or_str_of(name.ptr, tag.len), tag) &&
           or_str_eq(or_str_of(name.ptr + tag.len + 1, e->model.len), e->model);
}

/* What the caller left out for money, of which the line says nothing else: the last one first. */
static void ori_replay_leave_out(ori_prefs *r, or_plan *plan, const or_catalogue *c)
{
    int out = or_json_find(r->doc, 0, "/out");
    int num = or_json_type_at(r->doc, out) == OR_JSON_ARRAY ? r->doc->tok[out].size : 0;
    while (num-- > 0) {
        int entry = or_json_first(r->doc, out);
        for (int i = 0; i < num; i++) entry = or_json_next(r->doc, entry);
        for (uint32_t i = 0; i < plan->num; i++)
            if (ori_replay_is_unpaid(r, entry, &c->endpoints[plan->list[i].endpoint])) {
                or_plan_leave_out(plan, i);
                break;
            }
    }
}

/* Parse a line; all of it in the arena. */
static or_err ori_replay_line(ori_prefs *r, or_json_doc *doc, or_str text, ori_replay **out)
{
    or_err e = or_json_parse(doc, text, 0, r->arena);
    if (e != OR_OK) return e;
    ori_replay *line = (ori_replay *)or_arena_alloc(r->arena, sizeof *line);
    if (line == NULL) return ori_prefs_full(r->arena);
    memset(line, 0, sizeof *line);
    *out = line;
    return ori_replay_read(r, line);
}

or_err or_route_recorded(or_str text, or_arena *arena, or_route_request *request,
                         or_moment *moment)
{
    or_json_doc doc;
    ori_prefs   r = {&doc, 0, arena, OR_OK, NULL, true};
    ori_replay *line;
    or_err      e = ori_replay_line(&r, &doc, text, &line);
    if (e != OR_OK) return e;
    *request = line->request;
    *moment = line->moment;
    return OR_OK;
}

or_err or_route_replay(or_str text, or_arena *arena, or_plan *plan, or_catalogue *catalogue,
                       bool *same, or_buf *difference)
{
    or_json_doc doc;
    ori_prefs   r = {&doc, 0, arena, OR_OK, NULL, false};
    ori_route   route;
    ori_replay *line;
    *same = false;
    or_err e = ori_replay_line(&r, &doc, text, &line);
    if (e != OR_OK) return e;
    uint32_t      num = line->catalogue.num;
    or_candidate *list = (or_candidate *)or_arena_alloc(arena, num * sizeof *list);
    if (list == NULL) return ori_prefs_full(arena);
    or_plan_init(plan, list, num);
    *catalogue = line->catalogue;
    route.request = &line->request;
    route.catalogue = catalogue;
    route.moment = &line->moment;
    route.plan = plan;
    ori_route_run(&route, NULL, line->healths);
    ori_replay_leave_out(&r, plan, catalogue);
    return ori_replay_compare(&r, plan, catalogue, same, difference);
}
#endif /* OR_NO_CATALOGUE */

#ifndef OR_NO_CALL
/* >> call ------------------------------------------------------------- */

/* PICK -> CONNECT -> CONNECTING -> SENDING -> READING -> TAIL -> CLOSE -> OVER
     ^                  \______________|_________|  (failed)      |
     |__ WAIT (backoff) ______________________________________ FAILED
   TAIL: all was delivered, the connection is not yet at the end of its message. */
enum {
    ORI_CALL_PICK,
    ORI_CALL_CONNECT,
    ORI_CALL_CONNECTING,
    ORI_CALL_SENDING,
    ORI_CALL_READING,
    ORI_CALL_TAIL,
    ORI_CALL_CLOSE,
    ORI_CALL_WAIT,
    ORI_CALL_OVER
};

#define ORI_CALL_TAIL_MS  1000 /* for the rest of a message that was delivered */
#define ORI_CALL_ERROR_MS 5000 /* for the body of an error */

/* Marks of candidates. */
enum { ORI_CALL_TRIED = 1, ORI_CALL_RETRY = 2, ORI_CALL_SKIP = 4 };

/* Status to blame and next step; first match wins, none means (PROVIDER, NEXT).
   Source: RFC 9110 section 15; OpenRouter's and the providers' error pages, read 2026-11. */
static const struct {
    uint16_t low, high;
    uint8_t  fault, act;
} ori_call_statuses[] = {
    {400, 400, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL}, /* no equal endpoint would take it */
    {401, 402, OR_FAULT_KEY, OR_ACT_NEXT},          /* our key there, our credit there */
    {403, 403, OR_FAULT_CALLER, OR_ACT_NEXT},       /* refused for this content or place */
    {404, 405, OR_FAULT_KEY, OR_ACT_NEXT},          /* not set up there */
    {408, 410, OR_FAULT_PROVIDER, OR_ACT_NEXT},
    {413, 413, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
    {421, 421, OR_FAULT_PROVIDER, OR_ACT_NEXT},
    {422, 422, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
    {423, 426, OR_FAULT_PROVIDER, OR_ACT_NEXT},
    {429, 429, OR_FAULT_RATE, OR_ACT_NEXT},
    {451, 451, OR_FAULT_CALLER, OR_ACT_NEXT}, /* for legal reasons, there */
    {498, 498, OR_FAULT_PROVIDER, OR_ACT_NEXT},
    {400, 499, OR_FAULT_CALLER, OR_ACT_NEXT_MODEL},
};

/* Words in an error's type, code or message that say more than its status, or in place of
   one: errors inside a stream seldom have a number. Source: the same pages. */
static const struct {
    or_str  word;
    uint8_t fault, act;
} ori_call_words[] = {
    {OR_STR_INIT("context_length"), OR_FAULT_CALLER, OR_ACT_BIGGER},
    {OR_STR_INIT("exceed_context_size"), OR_FAULT_CALLER, OR_ACT_BIGGER},
    {OR_STR_INIT("maximum context length"), OR_FAULT_CALLER, OR_ACT_BIGGER},
    {OR_STR_INIT("available context size"), OR_FAULT_CALLER, OR_ACT_BIGGER},
    {OR_STR_INIT("prompt is too long"), OR_FAULT_CALLER, OR_ACT_BIGGER},
    {OR_STR_INIT("input token count"), OR_FAULT_CALLER, OR_ACT_BIGGER},
    {OR_STR_INIT("unsupported_parameter"), OR_FAULT_CALLER, OR_ACT_OTHER},
    {OR_STR_INIT("unsupported_value"), OR_FAULT_CALLER, OR_ACT_OTHER},
    {OR_STR_INIT("insufficient_quota"), OR_FAULT_KEY, OR_ACT_NEXT},
    {OR_STR_INIT("credit balance"), OR_FAULT_KEY, OR_ACT_NEXT},
    {OR_STR_INIT("invalid_api_key"), OR_FAULT_KEY, OR_ACT_NEXT},
    {OR_STR_INIT("Incorrect API key"), OR_FAULT_KEY, OR_ACT_NEXT},
    {OR_STR_INIT("API_KEY_INVALID"), OR_FAULT_KEY, OR_ACT_NEXT},
    {OR_STR_INIT("API key not valid"), OR_FAULT_KEY, OR_ACT_NEXT},
    {OR_STR_INIT("rate_limit"), OR_FAULT_RATE, OR_ACT_NEXT},
};

static bool ori_call_says(const or_chat_error *e, or_str word)
{
    const or_str texts[3] = {e->type, e->code_text, e->message};
    for (int i = 0; i < 3; i++)
        if (or_str_find(texts[i], word, 0) < texts[i].len) return true;
    return false;
}

or_act or_call_classify(uint16_t status, const or_chat_error *error, or_fault *fault)
{
    for (size_t i = 0; i < sizeof ori_call_words / sizeof ori_call_words[0] && error != NULL; i++)
        if (ori_call_says(error, ori_call_words[i].word)) {
            *fault = (or_fault)ori_call_words[i].fault;
            return (or_act)ori_call_words[i].act;
        }
    for (size_t i = 0; i < sizeof ori_call_statuses / sizeof ori_call_statuses[0]; i++)
        if (status >= ori_call_statuses[i].low && status <= ori_call_statuses[i].high) {
            *fault = (or_fault)ori_call_statuses[i].fault;
            return (or_act)ori_call_statuses[i].act;
        }
    *fault = OR_FAULT_PROVIDER;
    return OR_ACT_NEXT;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", the one form that servers send; -1 for others. */
static int64_t ori_call_date(or_str s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const uint8_t at[] = {5, 2, 12, 4, 17, 2, 20, 2, 23, 2}; /* place, digits */
    int32_t              n[5], month = 0;
    if (s.len != 29 || memcmp(s.ptr + 25, " GMT", 4) != 0) return -1;
    for (int i = 0; i < 5; i++) {
        uint64_t value;
        if (or_u64_read(or_str_of(s.ptr + at[2 * i], at[2 * i + 1]), &value) != OR_OK) return -1;
        n[i] = (int32_t)value;
    }
    while (month < 12 && memcmp(months + 3 * month, s.ptr + 8, 3) != 0) month++;
    if (month == 12 || n[1] < 1970) return -1;
    /* days before the first of that month, counted in years that begin in March */
    int32_t y = month < 2 ? n[1] - 1 : n[1], m = month < 2 ? month + 10 : month - 2;
    int32_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + n[0] - 1 - 719468;
    return (int64_t)days * 86400 + n[2] * 3600 + n[3] * 60 + n[4];
}

uint32_t or_retry_after_ms(or_str value, or_str date, or_wall now)
{
    int64_t ms;
    or_err  e = or_decimal_round(value, 3, &ms); /* some send fractions */
    if (e == OR_ERR_RANGE) ms = value.ptr[0] == '-' ? 0 : INT32_MAX;
    if (e == OR_ERR_ARG) {
        int64_t until = ori_call_date(value), from = ori_call_date(date);
        if (from < 0 && now.known) from = now.unix_s;
        ms = from < 0 || until <= from ? 0 : (until - from) * 1000;
    }
    return ms < 0 ? 0 : (uint32_t)ori_money_min((uint64_t)ms, INT32_MAX);
}

/* Times compare by subtraction, so none may be longer than half of the clock's range. */
static void ori_call_default(uint32_t *value, uint32_t instead)
{
    if (*value == 0) *value = instead;
    if (*value > INT32_MAX && *value != OR_NEVER) *value = INT32_MAX;
}

static void ori_call_defaults(or_call_desc *d)
{
    ori_call_default(&d->timeouts.connect_ms, 10000);
    ori_call_default(&d->timeouts.first_token_ms, 600000);
    ori_call_default(&d->timeouts.between_bytes_ms, 120000);
    ori_call_default(&d->timeouts.total_ms, 1800000);
    ori_call_default(&d->backoff_ms, 500);
    ori_call_default(&d->backoff_max_ms, 8000);
    ori_call_default(&d->max_head, OR_HTTP_MAX_HEAD);
    ori_call_default(&d->max_event, 16384);
    ori_call_default(&d->max_held, 4096);
    ori_call_default(&d->max_answer, 16384);
    ori_call_default(&d->tries, d->plan->num);
    if (d->input == NULL) d->input_size = OR_CALL_INPUT;
}

/* What mem is cut into: sizes of marks, input, rx, carry, held, answer, scratch, decoded. Returns
   all of it together. */
static size_t ori_call_sizes(const or_call_desc *d, size_t size[8])
{
    bool   grow = d->allocator != NULL;
    size_t need = sizeof(ori_align) - 1; /* mem may be at any address */
    size[0] = d->plan->num;
    size[1] = d->input == NULL ? d->input_size : 0;
    if (!or_add_size(d->max_head, d->input_size, &size[2])) size[2] = SIZE_MAX;
    size[3] = d->max_event;
    size[4] = d->max_held;
    size[5] = d->max_answer;
    size[6] = d->arena == NULL ? OR_CALL_SCRATCH : 0;
    size[7] = d->decoded == NULL ? sizeof *d->decoded : 0;
    for (int i = 0; i < 8; i++) {
        if (grow && i >= 2 && i <= 5) continue;
        if (size[i] > SIZE_MAX - sizeof(ori_align) - need) return SIZE_MAX;
        need += ORI_ROUND(size[i]);
    }
    return need;
}

size_t or_call_need(const or_call_desc *desc)
{
    or_call_desc d = *desc;
    size_t       size[8];
    if (d.plan == NULL) return 0;
    ori_call_defaults(&d);
    return ori_call_sizes(&d, size);
}

static or_err ori_call_memory(or_call *c)
{
    or_call_desc *d = &c->desc;
    or_buf       *bufs[4];
    size_t        size[8];
    or_arena      mem;
    bufs[0] = &c->rx;
    bufs[1] = &c->carry;
    bufs[2] = &c->held;
    bufs[3] = &c->answer;
    if (d->mem == NULL || d->mem_size < ori_call_sizes(d, size)) return OR_ERR_SPACE;
    or_arena_init(&mem, d->mem, d->mem_size); /* nothing below can fail */
    c->marks = (uint8_t *)or_arena_alloc(&mem, size[0]);
    memset(c->marks, 0, size[0]);
    if (d->input == NULL) d->input = (char *)or_arena_alloc(&mem, size[1]);
    for (int i = 0; i < 4; i++) {
        if (d->allocator != NULL)
            or_buf_init_growing(bufs[i], d->allocator, size[2 + i]);
        else
            or_buf_init(bufs[i], or_arena_alloc(&mem, size[2 + i]), size[2 + i]);
    }
    if (d->arena == NULL) {
        or_arena_init(&c->own_arena, or_arena_alloc(&mem, size[6]), size[6]);
        d->arena = &c->own_arena;
    }
    if (d->decoded == NULL) d->decoded = (or_chat_answer *)or_arena_alloc(&mem, size[7]);
    return OR_OK;
}

static const or_endpoint *ori_call_endpoint(const or_call *c, uint32_t candidate)
{
    return &c->desc.catalogue->endpoints[c->desc.plan->list[candidate].endpoint];
}

/* The most that an attempt with this candidate can cost; -1: unknown. */
static int64_t ori_call_bound(const or_call *c, uint32_t candidate)
{
    or_bound_facts     f = c->desc.bound;
    const or_endpoint *e = ori_call_endpoint(c, candidate);
    or_cost            cost;
    f.output_limit = e->max_completion_tokens;
    f.context_length = e->context_length;
    or_cost_bound(&e->prices, &f, &cost);
    return cost.source == OR_COST_UNKNOWN ? -1 : cost.pico_usd;
}

static or_err ori_call_reserve(or_call *c)
{
    int64_t dearest = 0;
    if (c->desc.budget == NULL) return OR_OK;
    for (uint32_t i = 0; i < c->desc.plan->num; i++) {
        int64_t bound = ori_call_bound(c, i);
        if (bound < 0 && c->desc.budget->limited) return OR_ERR_BUDGET;
        if (bound > dearest) dearest = bound;
    }
    return or_budget_reserve(c->desc.budget, &c->reservation, c->desc.owner, dearest);
}

or_err or_call_begin(or_call *c, const or_call_desc *d, uint32_t now_ms)
{
    or_err e;
    memset(c, 0, sizeof *c);
    c->state = ORI_CALL_OVER;
    c->ended = true;
    if (d->plan == NULL || d->catalogue == NULL || d->plan->num == 0) return OR_ERR_ARG;
    if (d->input != NULL && d->input_size == 0) return OR_ERR_ARG;
    c->desc = *d;
    c->once = d->tries == 0;
    ori_call_defaults(&c->desc);
    e = ori_call_memory(c);
    if (e == OR_OK) e = ori_call_reserve(c);
    if (e != OR_OK) return e;
    c->total_ms = now_ms + c->desc.timeouts.total_ms;
    c->has_total = c->desc.timeouts.total_ms != OR_NEVER;
    c->state = ORI_CALL_PICK;
    c->ended = false;
    c->again = true;
    return OR_OK;
}

static void ori_call_stage(or_call *c, uint32_t now_ms, uint32_t ms)
{
    c->has_stage = ms != OR_NEVER;
    c->stage_ms = now_ms + ms;
}

static bool ori_call_passed(bool has, uint32_t deadline_ms, uint32_t now_ms)
{
    return has && or_ms_diff(deadline_ms, now_ms) >= 0;
}

/* Did the upstream answer with an error? */
static bool ori_call_is_error(const or_call *c)
{
    if (c->desc.other && c->status / 100 == 2) return false;
    return c->status != 0 && c->status != 200;
}

/* What is awaited now, from now on? An error's body only tells more of what is known. */
static void ori_call_await(or_call *c, uint32_t now_ms)
{
    uint32_t ms = c->begun ? c->desc.timeouts.between_bytes_ms : c->desc.timeouts.first_token_ms;
    if (ori_call_is_error(c) && ms > ORI_CALL_ERROR_MS) ms = ORI_CALL_ERROR_MS;
    ori_call_stage(c, now_ms, ms);
}

/* Forget what belongs to the attempt before, but the least Retry-After. */
static void ori_call_reset(or_call *c)
{
    or_http_limits limits = {0, 0, 0};
    uint32_t       wait = c->failure.retry_after_ms;
    memset(&c->failure, 0, sizeof c->failure);
    c->failure.retry_after_ms = wait;
    limits.max_head = c->desc.max_head;
    or_http_init(&c->http, OR_HTTP_CLIENT, &limits);
    or_buf_clear(&c->rx);
    or_buf_clear(&c->held);
    or_buf_clear(&c->answer);
    or_sse_init(&c->sse, &c->carry);
    or_chat_stream_init(&c->progress);
    c->progress.last = c->desc.last;
    c->progress.last_size = c->desc.last_size;
#ifndef OR_NO_DIALECT
    or_dialect_stream_init(&c->dialect, OR_DIALECT_CHAT);
#endif
    c->id[0] = 0;
    c->sent = 0;
    c->status = 0;
    c->told_ms = 0;
    c->refused = OR_OK;
    c->asked = c->reused = c->is_stream = c->got_bytes = c->begun = c->spoilt = false;
    c->is_data = false;
}

static void ori_call_count_begin(or_call *c, uint32_t now_ms)
{
    if (c->desc.stats != NULL) or_stats_begin(&c->desc.stats[c->endpoint], now_ms);
    c->counted = true;
}

static void ori_call_count_end(or_call *c, uint32_t now_ms, or_fault fault)
{
    or_outcome o;
    if (!c->counted) return;
    c->counted = false;
    if (c->desc.stats == NULL) return;
    memset(&o, 0, sizeof o);
    o.fault = fault;
    o.retry_after_ms = c->told_ms;
    if (fault == OR_FAULT_NONE) {
        o.first_token_ms = c->first_ms - c->attempt_ms;
        o.duration_ms = now_ms - c->attempt_ms;
        o.tokens = (uint32_t)ori_money_min(c->progress.usage.completion_tokens, UINT32_MAX);
    }
    or_stats_end(&c->desc.stats[c->endpoint], now_ms, &o);
}

/* What this attempt costs: by its usage; else guessed from the bytes that went and came, when
   the whole question was sent and no error came back. Nobody bills errors. */
static void ori_call_cost(const or_call *c, or_usage *u, or_cost *cost)
{
    or_cost_facts facts = c->desc.cost;
    uint64_t      said = (c->content_bytes + 3) / 4; /* tokens, of about four bytes */
    *u = c->progress.usage;
    facts.unfinished = c->progress.finish == OR_FINISH_NONE;
    facts.failed = c->progress.finish == OR_FINISH_ERROR;
    if (!u->set) {
        if (!c->opened && (!c->asked || c->failure.err == OR_ERR_REFUSED)) {
            memset(cost, 0, sizeof *cost);
            cost->source = OR_COST_COMPUTED;
            return;
        }
        u->prompt_tokens = (c->desc.bound.prompt_bytes + 3) / 4;
        u->completion_tokens = said;
        u->set = facts.estimated = true;
        or_cost_of(&ori_call_endpoint(c, c->candidate)->prices, u, &facts, cost);
        memset(u, 0, sizeof *u); /* the counts were guessed */
        return;
    }
    or_usage counted = *u;
    /* some tell as they go, and more may have come since */
    facts.estimated = facts.unfinished && c->opened && c->is_stream;
    if (facts.estimated && counted.completion_tokens < said) counted.completion_tokens = said;
    or_cost_of(&ori_call_endpoint(c, c->candidate)->prices, &counted, &facts, cost);
}

/* ---- the end of an attempt ---- */

/* Leave this attempt's transport, then go to `after`. */
static void ori_call_leave(or_call *c, uint8_t after, bool keep)
{
    c->keep = keep && !c->spoilt;
    c->after = after;
    c->state = ORI_CALL_CLOSE;
    c->has_stage = false;
}

/* Fill END. The state is set by the caller. */
static or_err ori_call_end(or_call *c, or_call_event *ev, or_end end)
{
    ev->kind = OR_CALL_END;
    ev->end = end;
    ev->failure = end == OR_END_COMPLETE ? NULL : &c->failure;
    ori_call_cost(c, &ev->usage, &ev->cost);
    bool known = ev->cost.source != OR_COST_UNKNOWN && !c->unpriced;
    if (!known) {
        ev->cost.source = OR_COST_UNKNOWN;
        ev->cost.pico_usd = 0;
    } else if (c->guessed) {
        ev->cost.pico_usd = or_money_add(ev->cost.pico_usd, c->past_pico_usd);
        ev->cost.source = OR_COST_ESTIMATED;
    }
    if (c->desc.budget != NULL)
        or_budget_settle(c->desc.budget, &c->reservation,
                         known ? ev->cost.pico_usd : c->reservation.pico_usd);
    c->ended = true;
    c->has_total = false;
    return OR_OK;
}

/* END between two attempts, or before the first. */
static or_err ori_call_over(or_call *c, uint32_t now_ms, or_err why, or_call_timer timer,
                            or_call_event *ev)
{
    c->failure.err = why;
    c->failure.timer = timer;
    c->failure.fault = OR_FAULT_US;
    c->failure.status = 0;
    c->state = ORI_CALL_OVER;
    ori_call_count_end(c, now_ms, OR_FAULT_US);
    return ori_call_end(c, ev, OR_END_ERROR);
}

/* Candidates that would fail in the same way are passed over. */
static void ori_call_skip(or_call *c, or_act act)
{
    const or_candidate *list = c->desc.plan->list;
    const or_endpoint  *e = ori_call_endpoint(c, c->candidate);
    for (uint32_t i = 0; i < c->desc.plan->num; i++) {
        const or_endpoint *other = ori_call_endpoint(c, i);
        bool               same = list[i].model == list[c->candidate].model;
        bool               skip = false;
        if (act == OR_ACT_NEXT_MODEL) skip = same;
        if (act == OR_ACT_BIGGER)
            skip = e->context_length > 0 ? other->context_length > 0 &&
                                               other->context_length <= e->context_length
                                         : same;
        if (act == OR_ACT_OTHER)
            skip = same && other->parameters_known == e->parameters_known &&
                   other->parameters == e->parameters;
        if (skip || i == c->candidate) c->marks[i] = ORI_CALL_SKIP;
    }
}

/* Would this attempt fit into what may be spent? */
static bool ori_call_affordable(const or_call *c, uint32_t candidate)
{
    if (c->desc.max_cost_pico_usd <= 0) return true;
    int64_t bound = ori_call_bound(c, candidate);
    return bound >= 0 && or_money_add(c->risk_pico_usd, bound) <= c->desc.max_cost_pico_usd;
}

/* Another key is for where the one before was at fault, and nothing else was. */
static bool ori_call_in_turn(const or_call *c, uint32_t candidate)
{
    const or_candidate *list = c->desc.plan->list;
    or_fault            fault = c->failure.fault;
    if (!list[candidate].again) return true;
    return (fault == OR_FAULT_KEY || fault == OR_FAULT_RATE) &&
           list[c->candidate].endpoint == list[candidate].endpoint;
}

/* The first candidate with these of its marks that can be paid. */
static bool ori_call_find(const or_call *c, uint8_t mask, uint8_t marks, uint32_t *found)
{
    for (uint32_t i = 0; i < c->desc.plan->num; i++)
        if ((c->marks[i] & mask) == marks && ori_call_in_turn(c, i) && ori_call_affordable(c, i)) {
            *found = i;
            return true;
        }
    return false;
}

/* How long to wait before the next round: at least what the providers asked for. */
static uint32_t ori_call_backoff(const or_call *c)
{
    uint32_t ms = c->desc.backoff_ms, max = c->desc.backoff_max_ms;
    if (max > INT32_MAX) max = INT32_MAX;
    for (uint32_t i = 0; i < c->round && ms < max; i++) ms *= 2;
    if (ms > max) ms = max;
    ms = ms - ms / 2 + (uint32_t)(ori_route_random(c->desc.seed, c->round) >> 32) % (ms / 2 + 1);
    return c->failure.retry_after_ms > ms ? c->failure.retry_after_ms : ms;
}

/* What comes next: PICK (now, *next), WAIT, or OVER: nothing is left, or no time for it. */
static uint8_t ori_call_ahead(const or_call *c, uint32_t now_ms, uint32_t *next)
{
    int32_t left = c->has_total ? or_ms_diff(now_ms, c->total_ms) : INT32_MAX;
    if (c->opened || c->cancelled || c->attempts >= c->desc.tries || left <= 0)
        return ORI_CALL_OVER;
    if (ori_call_find(c, ORI_CALL_TRIED | ORI_CALL_SKIP, 0, next)) return ORI_CALL_PICK;
    if (c->once || !ori_call_find(c, ORI_CALL_RETRY, ORI_CALL_RETRY, next)) return ORI_CALL_OVER;
    return ori_call_backoff(c) < (uint32_t)left ? ORI_CALL_WAIT : ORI_CALL_OVER;
}

/* Keep what a failed attempt may have cost: a guess for the bill, the most for max_cost. */
static void ori_call_past(or_call *c)
{
    or_usage usage;
    or_cost  cost;
    ori_call_cost(c, &usage, &cost);
    c->asked = c->progress.usage.set = false; /* counted */
    if (cost.source == OR_COST_UNKNOWN) c->unpriced = true;
    if (cost.pico_usd == 0) return;
    int64_t bound = ori_call_bound(c, c->candidate);
    c->guessed = true;
    c->past_pico_usd = or_money_add(c->past_pico_usd, cost.pico_usd);
    if (bound > 0) c->risk_pico_usd = or_money_add(c->risk_pico_usd, bound);
}

/* The attempt failed for failure.err and .fault. FAILED or END comes out. */
static or_err ori_call_fail(or_call *c, uint32_t now_ms, or_act act, bool keep, or_call_event *ev)
{
    or_call_failure *f = &c->failure;
    or_opt           retryable = f->error.retryable;
    uint32_t         next;
    bool             retry = f->fault == OR_FAULT_PROVIDER || f->fault == OR_FAULT_RATE;
    if (act != OR_ACT_NEXT || (retryable.set && retryable.value == 0)) retry = false;
    ori_call_count_end(c, now_ms, f->fault);
    if (c->told_ms > 0 && (f->retry_after_ms == 0 || c->told_ms < f->retry_after_ms))
        f->retry_after_ms = c->told_ms;
    if (retry)
        c->marks[c->candidate] |= ORI_CALL_RETRY;
    else
        ori_call_skip(c, act);
    if (!c->opened) ori_call_past(c);
    ev->failure = f;
    ev->kind = OR_CALL_FAILED;
    if (ori_call_ahead(c, now_ms, &next) != ORI_CALL_OVER) {
        ori_call_leave(c, ORI_CALL_PICK, keep);
        return OR_OK;
    }
    ori_call_leave(c, ORI_CALL_OVER, keep);
    bool truncated = c->opened && f->err != OR_ERR_REFUSED;
    return ori_call_end(c, ev, truncated ? OR_END_TRUNCATED : OR_END_ERROR);
}

/* The upstream said no, in this body or event. */
static or_err ori_call_refusal(or_call *c, uint32_t now_ms, uint16_t status,
                               const or_chat_error *error, or_str body, bool keep,
                               or_call_event *ev)
{
    or_act act = or_call_classify(status, error, &c->failure.fault);
    c->failure.err = OR_ERR_REFUSED;
    c->failure.timer = OR_TIMER_NONE;
    c->failure.status = status;
    c->failure.body = body;
    if (error != NULL) c->failure.error = *error;
    if (error != NULL && c->told_ms == 0) c->told_ms = error->retry_after_ms;
    return ori_call_fail(c, now_ms, act, keep, ev);
}

/* The answer is an error: its status says so. What there is of its body may say more. */
static or_err ori_call_error(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    or_str body = or_buf_str(&c->answer);
    or_arena_reset(c->desc.arena);
    or_chat_answer *a = c->desc.decoded;
    bool            said = or_chat_read(body, c->desc.arena, a) == OR_OK && a->error.set;
    return ori_call_refusal(c, now_ms, c->status, said ? &a->error : NULL, body,
                            c->at_end && c->http.head.keep_alive, ev);
}

/* The transport, the framing, the content or the time failed. */
static or_err ori_call_broken(or_call *c, uint32_t now_ms, or_err why, or_call_event *ev)
{
    bool ours = why == OR_ERR_ARG || why == OR_ERR_DIALECT || why == OR_ERR_MEMORY ||
                why == OR_ERR_SPACE || why == OR_ERR_CANCELLED;
    if (c->ended) { /* all was said; only the connection is of no more use */
        ori_call_leave(c, ORI_CALL_OVER, false);
        return OR_NEED_MORE;
    }
    if (ori_call_is_error(c) && why != OR_ERR_CANCELLED) return ori_call_error(c, now_ms, ev);
    c->failure.err = why;
    c->failure.status = c->status;
    c->failure.fault = ours ? OR_FAULT_US : OR_FAULT_PROVIDER;
    return ori_call_fail(c, now_ms, OR_ACT_NEXT, false, ev);
}

static or_err ori_call_late(or_call *c, uint32_t now_ms, or_call_timer timer, or_call_event *ev)
{
    c->failure.timer = timer;
    return ori_call_broken(c, now_ms, OR_ERR_TIMEOUT, ev);
}

/* Everything was delivered. */
static or_err ori_call_complete(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    ori_call_count_end(c, now_ms, OR_FAULT_NONE);
    if (c->at_end) {
        ori_call_leave(c, ORI_CALL_OVER, c->http.head.keep_alive);
    } else {
        c->state = ORI_CALL_TAIL;
        ori_call_stage(c, now_ms, ORI_CALL_TAIL_MS);
    }
    c->paused = false;
    return ori_call_end(c, ev, OR_END_COMPLETE);
}

/* The answer is over, by its own mark (done) or by its framing: is it whole? */
static or_err ori_call_verdict(or_call *c, uint32_t now_ms, bool clean, or_call_event *ev)
{
    if (or_chat_stream_end(&c->progress, clean) == OR_END_COMPLETE)
        return ori_call_complete(c, now_ms, ev);
    if (c->progress.finish == OR_FINISH_ERROR) /* and no word about which */
        return ori_call_refusal(c, now_ms, 502, NULL, or_str_of(NULL, 0), false, ev);
    return ori_call_broken(c, now_ms, OR_ERR_TRUNCATED, ev);
}

/* ---- reading ---- */

/* The first id counts; only plain characters, since it goes into heads and messages. */
static void ori_call_take_id(or_call *c, or_str id)
{
    bool fits = id.len < sizeof c->id && c->id[0] == 0;
    for (size_t i = 0; i < id.len && fits; i++) fits = id.ptr[i] > ' ' && id.ptr[i] < 0x7f;
    if (!fits || id.len == 0) return;
    memcpy(c->id, id.ptr, id.len);
    c->id[id.len] = 0;
}

static or_err ori_call_on_head(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    const or_http_head *h = &c->http.head;
    or_str              event_stream = OR_STR("text/event-stream");
    uint64_t            ms;
    if (h->status < 200) return OR_NEED_MORE;
    c->status = h->status;
    if (c->state == ORI_CALL_SENDING) { /* an answer before the end of the question */
        c->state = ORI_CALL_READING;
        c->spoilt = true;
    }
    ori_call_take_id(c, or_http_field(h, OR_STR("x-generation-id"), NULL));
    or_str type = or_http_field(h, OR_STR("content-type"), NULL);
    or_str coding = or_http_field(h, OR_STR("content-encoding"), NULL);
    c->told_ms = or_retry_after_ms(or_http_field(h, OR_STR("retry-after"), NULL),
                                   or_http_field(h, OR_STR("date"), NULL), c->desc.cost.now);
    if (or_u64_read(or_http_field(h, OR_STR("retry-after-ms"), NULL), &ms) == OR_OK)
        c->told_ms = (uint32_t)ori_money_min(ms, INT32_MAX);
    if (ori_call_is_error(c)) ori_call_await(c, now_ms);
    type = or_str_trim(or_str_of(type.ptr, or_str_find(type, OR_STR(";"), 0)));
    bool json = type.len == 0 || or_str_eq_nocase(type, OR_STR("application/json"));
    c->is_stream = c->status == 200 && !c->desc.other && or_str_eq_nocase(type, event_stream);
    bool plain = coding.len == 0 || or_str_eq_nocase(coding, OR_STR("identity"));
    if (!plain || (c->is_stream && !c->desc.stream && !c->desc.either))
        return ori_call_broken(c, now_ms, OR_ERR_UNASKED, ev);
    c->is_data = c->desc.other && !json && !ori_call_is_error(c);
    if (!c->is_data) return OR_NEED_MORE;
    c->opened = c->begun = true;
    c->first_ms = now_ms;
    c->progress.finish = OR_FINISH_STOP; /* it has no word for that: its end is the proof */
    ev->kind = OR_CALL_BEGIN;
    return OR_OK;
}

static void ori_call_count_content(or_call *c)
{
    const or_chat_answer *a = c->desc.decoded;
    c->content_bytes += a->text.len + a->reasoning.len + a->refusal.len;
    for (uint32_t i = 0; i < a->num_tool_calls; i++)
        c->content_bytes += a->tool_calls[i].arguments.len;
}

static or_err ori_call_give(or_call *c, or_call_event *ev)
{
    ev->kind = OR_CALL_DELTA;
    ev->sse = &c->event;
    ev->delta = c->desc.decoded;
    ori_call_count_content(c);
    return OR_OK;
}

/* Status for an error that came in a body with status 200. */
static uint16_t ori_call_error_status(const or_chat_error *error)
{
    return error->code >= 400 && error->code <= 599 ? (uint16_t)error->code : 502;
}

/* What the event says, and what it is kept as until content comes: its type matters where the
   dialect has types. */
#ifndef OR_NO_DIALECT
static or_err ori_call_decode(or_call *c)
{
    return or_dialect_stream_next(&c->dialect, &c->progress, c->event.data, c->desc.arena,
                                  c->desc.decoded);
}

static bool ori_call_is_chat(const or_call *c)
{
    return c->dialect.dialect <= OR_DIALECT_TEXT;
}

static or_err ori_call_hold(or_call *c)
{
    bool typed = c->dialect.dialect != OR_DIALECT_CHAT;
    return or_sse_put(&c->held, typed ? c->event.type : or_str_of(NULL, 0), c->event.data);
}

static or_err ori_call_decode_answer(or_call *c, or_str body)
{
    return or_dialect_read(c->dialect.dialect, body, c->desc.arena, c->desc.decoded);
}

void or_call_speak(or_call *c, or_dialect d)
{
    or_dialect_stream_init(&c->dialect, d);
}
#else
static or_err ori_call_decode(or_call *c)
{
    return or_chat_stream_next(&c->progress, c->event.data, c->desc.arena, c->desc.decoded);
}

static bool ori_call_is_chat(const or_call *c)
{
    (void)c;
    return true;
}

static or_err ori_call_hold(or_call *c)
{
    return or_sse_put(&c->held, or_str_of(NULL, 0), c->event.data);
}

static or_err ori_call_decode_answer(or_call *c, or_str body)
{
    return or_chat_read(body, c->desc.arena, c->desc.decoded);
}
#endif

/* The event before again but for its text, which is most of a stream: read and decoded at once,
   without a look for the end of its line. */
static bool ori_call_repeats(or_call *c)
{
    or_chat_delta *d = c->desc.decoded;
    or_str         data = c->body;
    if (!c->opened || !ori_call_is_chat(c) || data.len < 8) return false;
    ori_skip(&data, data.ptr[5] == ' ' ? 6 : 5); /* where it is after "data:" */
    or_arena_reset(c->desc.arena);
    if (!d->repeats) memset(d, 0, sizeof *d);
    size_t n = ori_chat_repeat(&c->progress, data, c->desc.arena, d);
    return n > 0 && ori_sse_take_usual(&c->sse, &c->body, n, &c->event);
}

static or_err ori_call_on_event(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    or_chat_delta *d = c->desc.decoded;
    if (c->event.data.len == 0) return OR_NEED_MORE; /* says nothing, and clients fail on it */
    or_arena_reset(c->desc.arena);
    or_err e = ori_call_decode(c);
    if (e == OR_ERR_ANSWER) return OR_NEED_MORE; /* a ping or the like */
    if (e != OR_OK) return ori_call_broken(c, now_ms, e, ev);
    ori_call_take_id(c, d->id);
    if (d->error.set || (!c->opened && d->finish == OR_FINISH_ERROR)) {
        ev->sse = &c->event;
        ev->delta = d;
        return ori_call_refusal(c, now_ms, ori_call_error_status(&d->error),
                                d->error.set ? &d->error : NULL, c->event.data, false, ev);
    }
    /* an end that says how it ended is an event of its own; the verdict comes behind it */
    if (d->done && d->finish == OR_FINISH_NONE) return ori_call_verdict(c, now_ms, false, ev);
    bool opens = c->progress.content || c->progress.finish != OR_FINISH_NONE;
    if (opens && !c->begun) {
        c->begun = true;
        c->first_ms = now_ms;
    }
    if (c->opened) return ori_call_give(c, ev);
    if (!opens) {
        if (ori_call_hold(c) == OR_OK) return OR_NEED_MORE;
        return ori_call_broken(c, now_ms,
                               c->held.err == OR_ERR_SPACE ? OR_ERR_OPENING : c->held.err, ev);
    }
    c->opened = c->pending = true;
    ev->kind = OR_CALL_BEGIN;
    ev->held = or_buf_str(&c->held);
    return OR_OK;
}

/* The body of a stream is over. */
static or_err ori_call_stream_end(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    or_err e;
    if (or_sse_end(&c->sse, &c->event) == OR_OK) {
        /* the last event may lack its blank line; it counts when it is whole */
        e = ori_call_on_event(c, now_ms, ev);
        if (e != OR_NEED_MORE) return e; /* comes back here when that was not all */
    }
    return ori_call_verdict(c, now_ms, true, ev);
}

/* An answer of another kind, such as embeddings: of it only usage and error are read, which
   stand in `held` then. OR_OK: it is JSON. */
static or_err ori_call_read_other(or_call *c, or_str body)
{
    or_json_scan s;
    or_json_item item;
    or_err       e;
    char         before = '{';
    or_json_scan_init(&s, body);
    while ((e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (item.depth != 1) continue;
        e = or_json_scan_skip(&s, &item);
        if (e != OR_OK) return e;
        if (item.type != OR_JSON_OBJECT || (!or_str_eq(item.key, OR_STR("usage")) &&
                                            !or_str_eq(item.key, OR_STR("error"))))
            continue;
        or_buf_put_char(&c->held, before);
        or_buf_put(&c->held, item.key.ptr - 1, item.key.len + 2);
        or_buf_put_char(&c->held, ':');
        or_buf_put_str(&c->held, item.value);
        before = ',';
    }
    if (e != OR_DONE) return e;
    or_buf_put_char(&c->held, '}');
    if (before == ',') (void)or_chat_read(or_buf_str(&c->held), c->desc.arena, c->desc.decoded);
    or_usage *u = &c->desc.decoded->usage;
    if (!u->set && u->total_tokens > 0 && u->prompt_tokens == 0) {
        u->prompt_tokens = u->total_tokens; /* embeddings have no other */
        u->set = true;
    }
    c->desc.decoded->finish = OR_FINISH_STOP; /* it is whole, and has no word for that */
    return OR_OK;
}

/* A whole message is in `answer`. */
static or_err ori_call_message(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    or_chat_answer *a = c->desc.decoded;
    or_str          body = or_buf_str(&c->answer);
    or_err          e;
    if (ori_call_is_error(c)) return ori_call_error(c, now_ms, ev);
    or_arena_reset(c->desc.arena);
    memset(a, 0, sizeof *a);
    e = c->desc.other ? ori_call_read_other(c, body) : ori_call_decode_answer(c, body);
    c->progress.usage = a->usage;
    c->progress.finish = a->finish;
    if (e == OR_OK && (a->error.set || a->finish == OR_FINISH_ERROR))
        return ori_call_refusal(c, now_ms, ori_call_error_status(&a->error),
                                a->error.set ? &a->error : NULL, body, c->http.head.keep_alive, ev);
    if (e != OR_OK) return ori_call_broken(c, now_ms, e, ev);
    ori_call_take_id(c, a->id);
    ori_call_count_content(c);
    c->opened = c->pending = true; /* END follows */
    ev->kind = OR_CALL_ANSWER;
    ev->body = body;
    ev->answer = c->desc.other ? NULL : a;
    return OR_OK;
}

static or_err ori_call_on_end(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    if (c->state == ORI_CALL_TAIL) {
        ori_call_leave(c, ORI_CALL_OVER, c->http.head.keep_alive);
        return OR_NEED_MORE;
    }
    if (c->is_stream) return ori_call_stream_end(c, now_ms, ev);
    if (c->is_data) return ori_call_verdict(c, now_ms, true, ev);
    return ori_call_message(c, now_ms, ev);
}

static or_err ori_call_on_body(or_call *c, uint32_t now_ms, or_str data, or_call_event *ev)
{
    if (!c->begun && !ori_call_is_error(c)) {
        c->begun = true;
        c->first_ms = now_ms;
    }
    if (c->is_data) {
        ev->kind = OR_CALL_DATA;
        ev->body = data;
        return OR_OK;
    }
    if (or_buf_put_str(&c->answer, data) == OR_OK) return OR_NEED_MORE;
    return ori_call_broken(c, now_ms, c->answer.err == OR_ERR_SPACE ? OR_ERR_BODY : c->answer.err,
                           ev);
}

/* The next event from what is here. OR_NEED_MORE: all of it was used. */
static or_err ori_call_use(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    or_http_event h;
    or_err        e;
    for (;;) {
        if (c->pending) {
            c->pending = false;
            if (!c->is_stream) return ori_call_verdict(c, now_ms, true, ev);
            return ori_call_give(c, ev);
        }
        if (c->progress.done && c->state == ORI_CALL_READING)
            return ori_call_verdict(c, now_ms, false, ev);
        while (c->body.len > 0 && c->state == ORI_CALL_READING) {
            if (ori_call_repeats(c)) return ori_call_give(c, ev);
            e = or_sse_next(&c->sse, &c->body, &c->event);
            if (e == OR_OK)
                e = ori_call_on_event(c, now_ms, ev);
            else if (e != OR_NEED_MORE)
                e = ori_call_broken(c, now_ms, e, ev);
            if (e != OR_NEED_MORE) return e;
        }
        if (c->at_end) return ori_call_on_end(c, now_ms, ev);
        e = or_http_next(&c->http, &c->in, &h);
        if (e == OR_NEED_MORE) return e;
        if (e != OR_OK) return ori_call_broken(c, now_ms, e == OR_DONE ? OR_ERR_HTTP : e, ev);
        e = OR_NEED_MORE;
        if (h.kind == OR_HTTP_HEAD) e = ori_call_on_head(c, now_ms, ev);
        if (h.kind == OR_HTTP_BODY && c->is_stream) c->body = h.data;
        if (h.kind == OR_HTTP_BODY && !c->is_stream) e = ori_call_on_body(c, now_ms, h.data, ev);
        if (h.kind == OR_HTTP_END) {
            c->at_end = true;
            c->spoilt = c->spoilt || c->in.len > 0; /* more than one answer */
        }
        if (e != OR_NEED_MORE) return e;
    }
}

/* What is left of the input is the start of a head: keep it. */
static or_err ori_call_keep(or_call *c)
{
    if (c->in.ptr == NULL) return OR_OK; /* nothing new came */
    if (c->in.len > 0 && c->rx.len == 0) {
        or_buf_put_str(&c->rx, c->in);
    } else if (c->rx.len > c->in.len) {
        or_buf_take(&c->rx, c->rx.len - c->in.len);
        if (c->rx.len == 0 && c->desc.allocator != NULL) or_buf_free(&c->rx);
    }
    c->in = or_str_of(NULL, 0);
    return c->rx.err;
}

/* The transport ended or failed. */
static or_err ori_call_closed(or_call *c, uint32_t now_ms, or_err why, or_call_event *ev)
{
    or_http_event h;
    c->spoilt = true;
    if (!c->got_bytes && c->reused && !c->stale_retried) {
        /* it died while it was idle: the provider never saw the request */
        c->stale_retried = c->fresh = true;
        c->asked = false;
        ori_call_leave(c, ORI_CALL_CONNECT, false);
        return OR_NEED_MORE;
    }
    if (why == OR_ERR_CLOSED && c->got_bytes) {
        why = OR_ERR_TRUNCATED;
        if (or_http_eof(&c->http, &h) == OR_OK) {
            c->at_end = true;
            return ori_call_use(c, now_ms, ev);
        }
    }
    return ori_call_broken(c, now_ms, why, ev);
}

/* Use the input, receive, use it: until there is an event or nothing more comes. What is here
   is used before a deadline counts. */
static or_err ori_call_read(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    for (;;) {
        bool   begun = c->begun;
        or_err e = ori_call_use(c, now_ms, ev);
        if (c->begun && !begun && c->state == ORI_CALL_READING) ori_call_await(c, now_ms);
        if (e != OR_NEED_MORE || c->state == ORI_CALL_CLOSE) return e;
        e = ori_call_keep(c);
        if (e != OR_OK) return ori_call_broken(c, now_ms, e, ev);
        if (ori_call_passed(c->has_total, c->total_ms, now_ms))
            return ori_call_late(c, now_ms, OR_TIMER_TOTAL, ev);
        if (c->paused) return OR_NEED_MORE;
        if (c->received) { /* what was given out may point into the input */
            c->again = true;
            return OR_NEED_MORE;
        }
        ptrdiff_t n = c->io.recv(c->io.user, c->desc.input, c->desc.input_size);
        if (n == 0) return OR_NEED_MORE;
        if (n < 0) return ori_call_closed(c, now_ms, (or_err)n, ev);
        c->received = c->got_bytes = true;
        c->in = or_str_of(c->desc.input, (size_t)n);
        if (c->rx.len > 0) {
            if (or_buf_put_str(&c->rx, c->in) != OR_OK)
                return ori_call_broken(c, now_ms, c->rx.err, ev);
            c->in = or_buf_str(&c->rx);
        }
        if (c->begun && c->state == ORI_CALL_READING) ori_call_await(c, now_ms);
    }
}

/* ---- sending ---- */

static ptrdiff_t ori_call_send_some(or_call *c)
{
    or_str   rest[8];
    uint32_t num = 0;
    size_t   skip = c->sent;
    for (uint32_t i = 0; i < c->num_pieces && num < 8; i++) {
        or_str piece = c->pieces[i];
        if (skip >= piece.len) {
            skip -= piece.len;
            continue;
        }
        rest[num++] = or_str_of(piece.ptr + skip, piece.len - skip);
        skip = 0;
        if (c->desc.sendv == NULL) break;
    }
    if (num == 0) return 0;
    if (c->desc.sendv != NULL) return c->desc.sendv(c->io.user, rest, num);
    return c->io.send(c->io.user, rest[0].ptr, rest[0].len);
}

static void ori_call_send(or_call *c)
{
    size_t    size = 0;
    ptrdiff_t n = 1;
    for (uint32_t i = 0; i < c->num_pieces; i++) size += c->pieces[i].len;
    while (c->sent < size && (n = ori_call_send_some(c)) > 0) c->sent += (size_t)n;
    if (n < 0) c->spoilt = true; /* it may have said why before it closed */
    if (c->sent == size) c->asked = true;
    if (c->asked || n < 0) c->state = ORI_CALL_READING;
}

void or_call_connected(or_call *c, uint32_t now_ms, const or_io *io, bool reused,
                       const or_str *pieces, uint32_t num)
{
    if (c->state != ORI_CALL_CONNECTING) return;
    c->io = *io;
    c->pieces = pieces;
    c->num_pieces = num;
    c->reused = reused;
    c->attempt_ms = now_ms;
    c->state = ORI_CALL_SENDING;
    c->again = true;
    ori_call_await(c, now_ms);
}

void or_call_refused(or_call *c, or_err why)
{
    if (c->state != ORI_CALL_CONNECTING) return;
    c->refused = why < 0 ? why : OR_ERR_ARG;
    c->again = true;
}

void or_call_pause(or_call *c, uint32_t now_ms, bool paused)
{
    if (c->paused == paused) return;
    c->paused = paused;
    if (paused) return;
    c->again = true;
    if (c->state == ORI_CALL_READING) ori_call_await(c, now_ms);
}

int64_t or_call_past_cost(const or_call *c)
{
    return c->unpriced ? -1 : c->guessed ? c->past_pico_usd : 0;
}

void or_call_cancel(or_call *c)
{
    c->cancelled = c->again = true;
}

/* ---- choosing ---- */

static or_err ori_call_pick(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    uint32_t next = 0;
    switch (ori_call_ahead(c, now_ms, &next)) {
    case ORI_CALL_PICK:
        c->marks[next] |= ORI_CALL_TRIED;
        c->candidate = next;
        c->endpoint = c->desc.plan->list[next].endpoint;
        c->attempts++;
        c->fresh = c->stale_retried = false;
        ori_call_count_begin(c, now_ms);
        c->state = ORI_CALL_CONNECT;
        return OR_NEED_MORE;
    case ORI_CALL_WAIT:
        ori_call_stage(c, now_ms, ori_call_backoff(c));
        for (uint32_t i = 0; i < c->desc.plan->num; i++)
            if ((c->marks[i] & ORI_CALL_RETRY) != 0) c->marks[i] = 0;
        c->round++;
        c->failure.retry_after_ms = 0; /* heeded */
        c->state = ORI_CALL_WAIT;
        return OR_NEED_MORE;
    }
    if (c->attempts == 0) return ori_call_over(c, now_ms, OR_ERR_BUDGET, OR_TIMER_NONE, ev);
    c->state = ORI_CALL_OVER;
    return ori_call_end(c, ev, OR_END_ERROR);
}

static or_err ori_call_connect(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    ori_call_reset(c);
    c->state = ORI_CALL_CONNECTING;
    ori_call_stage(c, now_ms, c->desc.timeouts.connect_ms);
    ev->kind = OR_CALL_CONNECT;
    ev->fresh = c->fresh;
    return OR_OK;
}

static void ori_call_free(or_call *c)
{
    if (c->desc.allocator == NULL) return;
    or_buf_free(&c->rx);
    or_buf_free(&c->carry);
    or_buf_free(&c->held);
    or_buf_free(&c->answer);
}

static or_err ori_call_close(or_call *c, or_call_event *ev)
{
    c->state = c->after;
    c->in = c->body = or_str_of(NULL, 0);
    c->at_end = c->pending = false;
    /* texts point to where the next attempt will be */
    memset(&c->failure.error, 0, sizeof c->failure.error);
    c->failure.body = or_str_of(NULL, 0);
    ev->kind = OR_CALL_CLOSE;
    ev->keep = c->keep;
    return OR_OK;
}

/* Before a step: a cancel, the total time, the end of a wait. OR_NEED_MORE: go on. */
static or_err ori_call_clock(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    bool total = ori_call_passed(c->has_total, c->total_ms, now_ms);
    bool active = c->state >= ORI_CALL_CONNECTING && c->state <= ORI_CALL_READING;
    if (c->state == ORI_CALL_CLOSE) return OR_NEED_MORE; /* that first */
    if (c->cancelled && (active || c->state == ORI_CALL_TAIL))
        return ori_call_broken(c, now_ms, OR_ERR_CANCELLED, ev);
    if (c->cancelled && !c->ended)
        return ori_call_over(c, now_ms, OR_ERR_CANCELLED, OR_TIMER_NONE, ev);
    if (total && c->state == ORI_CALL_CONNECTING)
        return ori_call_late(c, now_ms, OR_TIMER_TOTAL, ev);
    if (total && !active) return ori_call_over(c, now_ms, OR_ERR_TIMEOUT, OR_TIMER_TOTAL, ev);
    if (c->state == ORI_CALL_WAIT && ori_call_passed(c->has_stage, c->stage_ms, now_ms))
        c->state = ORI_CALL_PICK;
    return OR_NEED_MORE;
}

/* Does the deadline of this stage count? Not while the caller does not want bytes. */
static bool ori_call_timed(const or_call *c)
{
    return c->has_stage && !(c->paused && c->state == ORI_CALL_READING);
}

/* After a step that brought nothing: was it the last chance? */
static or_err ori_call_stalled(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    or_call_timer timer = c->state == ORI_CALL_CONNECTING ? OR_TIMER_CONNECT
                          : c->begun                      ? OR_TIMER_BETWEEN_BYTES
                                                          : OR_TIMER_FIRST_TOKEN;
    bool waits = c->state >= ORI_CALL_CONNECTING && c->state <= ORI_CALL_TAIL;
    if (!waits || !ori_call_passed(ori_call_timed(c), c->stage_ms, now_ms)) return OR_NEED_MORE;
    return ori_call_late(c, now_ms, timer, ev);
}

/* One step. OR_NEED_MORE with another state: call again. */
static or_err ori_call_step(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    switch (c->state) {
    case ORI_CALL_PICK: return ori_call_pick(c, now_ms, ev);
    case ORI_CALL_CONNECT: return ori_call_connect(c, now_ms, ev);
    case ORI_CALL_CONNECTING:
        return c->refused == OR_OK ? OR_NEED_MORE : ori_call_broken(c, now_ms, c->refused, ev);
    case ORI_CALL_SENDING:
        ori_call_send(c);
        return c->state == ORI_CALL_SENDING ? ori_call_read(c, now_ms, ev) : OR_NEED_MORE;
    case ORI_CALL_READING:
    case ORI_CALL_TAIL: return ori_call_read(c, now_ms, ev);
    case ORI_CALL_CLOSE: return ori_call_close(c, ev);
    default: return OR_NEED_MORE;
    }
}

or_err or_call_next(or_call *c, uint32_t now_ms, or_call_event *ev)
{
    or_err  e;
    uint8_t before;
    memset(ev, 0, sizeof *ev);
    c->again = false;
    do {
        before = c->state;
        e = ori_call_clock(c, now_ms, ev);
        if (e == OR_NEED_MORE) e = ori_call_step(c, now_ms, ev);
        if (e == OR_NEED_MORE && c->state == before) e = ori_call_stalled(c, now_ms, ev);
    } while (e == OR_NEED_MORE && c->state != before);
    ev->endpoint = c->endpoint;
    ev->attempt = c->attempts;
    c->want_send = c->state == ORI_CALL_SENDING;
    c->want_recv = !c->paused && c->state >= ORI_CALL_SENDING && c->state <= ORI_CALL_TAIL;
    if (e != OR_NEED_MORE) return e;
    c->received = false;
    if (c->state != ORI_CALL_OVER) return OR_NEED_MORE;
    ori_call_free(c);
    return OR_DONE;
}

uint32_t or_call_wake(const or_call *c, uint32_t now_ms)
{
    bool    timed = ori_call_timed(c);
    int32_t stage = timed ? or_ms_diff(now_ms, c->stage_ms) : INT32_MAX;
    int32_t total = c->has_total ? or_ms_diff(now_ms, c->total_ms) : INT32_MAX;
    int32_t first = stage < total ? stage : total;
    if (c->again) return 0;
    if (!timed && !c->has_total) return OR_NEVER;
    return first > 0 ? (uint32_t)first : 0;
}
#endif /* OR_NO_CALL */

#ifndef OR_NO_CLIENT
/* >> client ----------------------------------------------------------- */

/* Types of content parts and the modality that they need. */
static const struct {
    or_str   type;
    uint16_t modality;
} ori_client_parts[] = {
    {OR_STR_INIT("image_url"), OR_MODALITY_IMAGE},   {OR_STR_INIT("file"), OR_MODALITY_FILE},
    {OR_STR_INIT("input_audio"), OR_MODALITY_AUDIO}, {OR_STR_INIT("video_url"), OR_MODALITY_VIDEO},
    {OR_STR_INIT("input_video"), OR_MODALITY_VIDEO},
};

/* One member deep inside `messages`: the type of a part, or bytes that are not text. */
static void ori_client_message(or_route_request *q, const or_json_item *item, size_t *bytes)
{
    static const char *const data[] = {"url", "file_data", "data"};
    if (item->type != OR_JSON_STRING || item->key.ptr == NULL || item->depth < 4) return;
    if (or_json_str_is(item->key, OR_STR("type")))
        for (size_t i = 0; i < sizeof ori_client_parts / sizeof ori_client_parts[0]; i++)
            if (or_json_str_is(item->value, ori_client_parts[i].type))
                q->input_modalities |= ori_client_parts[i].modality;
    if (item->depth >= 5 && ori_prefs_index(item->key, data, 3) < 3) *bytes += item->value.len;
}

/* A member that has to be understood: parsed by itself. */
static or_err ori_client_member(or_route_request *q, or_arena *arena, const or_json_item *item,
                                const char **bad)
{
    static const char *const names[] = {"model", "models", "provider", "service_tier",
                                        "max_tokens", "max_completion_tokens",
                                        "max_output_tokens"};
    or_json_doc doc;
    uint64_t    tokens = 0;
    uint32_t    k = 0;
    ori_prefs   r = {&doc, 0, arena, OR_OK, NULL, false};
    or_str      text = item->value;
    while (k < 7 && !or_json_str_is_z(item->key, names[k])) k++;
    if (k == 7 || item->type == OR_JSON_NULL) return OR_OK;
    if (item->type == OR_JSON_STRING) text = or_str_of(text.ptr - 1, text.len + 2); /* its quotes */
    or_err e = or_json_parse(&doc, text, 0, arena);
    if (e != OR_OK) return e;
    *bad = names[k];
    or_json_type want = k == 1   ? OR_JSON_ARRAY
                        : k == 2 ? OR_JSON_OBJECT
                        : k < 4  ? OR_JSON_STRING
                                 : OR_JSON_NUMBER;
    if (item->type != want) return OR_ERR_TYPE;
    if (k == 0 || k == 1) {
        uint32_t num = k == 0 ? 1 : (uint32_t)doc.tok[0].size, at = 0;
        or_str  *list =
            (or_str *)or_arena_alloc(arena, ((size_t)q->num_models + num) * sizeof(or_str));
        if (list == NULL) return ori_prefs_full(arena);
        if (k == 0) list[at++] = ori_prefs_str(&r, names[k], 0); /* `model` comes first */
        for (uint32_t i = 0; i < q->num_models; i++) list[at++] = q->models[i];
        for (int i = k == 1 ? or_json_first(&doc, 0) : -1; i >= 0; i = or_json_next(&doc, i))
            list[at++] = ori_prefs_str(&r, names[k], i);
        q->models = list;
        q->num_models = at;
        return r.err;
    }
    if (k == 2) return or_prefs_read(&doc, 0, arena, &q->prefs, bad);
    if (k == 3) {
        uint32_t tier = ori_prefs_index(ori_prefs_str(&r, names[k], 0), ori_route_tiers, 5);
        q->tier = tier == 4 ? OR_TIER_PRIORITY : tier < 4 ? (or_tier)tier : OR_TIER_NONE;
        return r.err;
    }
    e = or_json_get_u64(&doc, 0, &tokens);
    if (e != OR_OK) return e;
    tokens = ori_money_min(tokens, UINT32_MAX);
    if (tokens > 0 && (q->max_tokens == 0 || tokens < q->max_tokens))
        q->max_tokens = (uint32_t)tokens;
    return OR_OK;
}

/* The array whose elements are looked into; all else of depth 1 is read as a whole. */
static bool ori_client_is_messages(const or_json_item *item)
{
    return item->type == OR_JSON_ARRAY && or_json_str_is(item->key, OR_STR("messages"));
}

or_err or_route_reader_add(or_route_reader *r, const or_json_item *item)
{
    if (item->type == OR_JSON_END || item->depth == 0) return OR_OK;
    if (item->depth > 1) {
        if (r->in_messages) ori_client_message(r->request, item, &r->other);
        return OR_OK;
    }
    r->in_messages = ori_client_is_messages(item);
    if (r->in_messages) return OR_OK;
    if (item->type != OR_JSON_NULL && !item->key_escaped)
        r->request->parameters |= or_param_bit(item->key);
    return ori_client_member(r->request, r->arena, item, &r->bad);
}

void or_route_reader_end(or_route_reader *r, size_t body_len)
{
    uint64_t text = body_len > r->other ? body_len - r->other : 0;
    r->request->prompt_tokens = (uint32_t)ori_money_min((text + 3) / 4, UINT32_MAX);
}

or_err or_route_request_read(or_route_request *q, or_str body, or_arena *arena, const char **bad)
{
    or_json_scan    s;
    or_json_item    item;
    or_route_reader r = {q, arena, "", 0, false};
    memset(q, 0, sizeof *q);
    or_json_scan_init(&s, body);
    or_err e = or_json_scan_next(&s, &item);
    if (e == OR_OK && item.type != OR_JSON_OBJECT) return OR_ERR_TYPE;
    while (e == OR_OK && (e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (item.depth == 1 && !ori_client_is_messages(&item)) e = or_json_scan_skip(&s, &item);
        if (e == OR_OK) e = or_route_reader_add(&r, &item);
    }
    if (bad != NULL) *bad = r.bad;
    if (e != OR_DONE) return e;
    or_route_reader_end(&r, body.len);
    return OR_OK;
}

static uint32_t ori_client_models(const or_client_desc *d)
{
    return d->max_models > 0 ? d->max_models : 4;
}

static uint32_t ori_client_room(const or_client_desc *d)
{
    return d->max_request > 0 ? d->max_request : 8192;
}

static uint32_t ori_client_endpoints(const or_client_desc *d)
{
    return d->catalogue != NULL ? d->catalogue->num : d->num_providers * ori_client_models(d);
}

/* The plan is not known yet when memory is asked for: as long as it can get. */
static size_t ori_client_call_need(const or_client_desc *d)
{
    or_call_desc call = d->call;
    or_plan      longest;
    or_plan_init(&longest, NULL, 0);
    longest.num = ori_client_endpoints(d);
    call.plan = &longest;
    return or_call_need(&call);
}

size_t or_client_need(const or_client_desc *d)
{
    size_t num = ori_client_endpoints(d);
    size_t need = 2 * sizeof(ori_align) + ORI_ROUND(ori_client_room(d)) +
                  ORI_ROUND(ori_client_models(d) * sizeof(or_str)) +
                  ORI_ROUND(num * sizeof(or_candidate));
    if (d->catalogue == NULL) need += ORI_ROUND(num * sizeof(or_endpoint));
    return need + ori_client_call_need(d);
}

/* Each provider takes each model. */
static or_err ori_client_any(or_client *c, or_arena *mem)
{
    uint32_t     num = c->request.num_models * c->desc.num_providers, n = 0;
    or_endpoint *list = (or_endpoint *)or_arena_alloc(mem, num * sizeof *list);
    if (list == NULL) return OR_ERR_SPACE;
    memset(list, 0, num * sizeof *list);
    for (uint32_t m = 0; m < c->request.num_models; m++)
        for (uint32_t p = 0; p < c->desc.num_providers; p++) {
            or_url url;
            or_err e = or_url_read(c->desc.providers[p].base_url, &url);
            if (e != OR_OK) return e;
            list[n].model = c->request.models[m];
            list[n].provider = url.host;
            list[n++].target = (uint16_t)p;
        }
    c->catalogue.endpoints = list;
    c->catalogue.num = num;
    memset(&c->request.prefs, 0, sizeof c->request.prefs); /* these are for OpenRouter then */
    c->request.prefs.sort = OR_SORT_ROUND_ROBIN; /* in their order */
    return OR_OK;
}

/* Models and preferences are the caller's; the rest is what the body says. */
static or_err ori_client_request(or_client *c, or_arena *mem)
{
    or_arena rest;
    or_str  *models = (or_str *)or_arena_alloc(mem, c->desc.max_models * sizeof *models);
    uint32_t num = 0;
    or_err   e = or_chat_write(&c->out, &c->chat);
    if (e != OR_OK) return e;
    if (models == NULL) return OR_ERR_SPACE;
    rest = *mem; /* what is parsed is not kept: only counts and bits are */
    e = or_route_request_read(&c->request, or_buf_str(&c->out), &rest, NULL);
    if (e != OR_OK) return e;
    if (c->chat.model.ptr != NULL) models[num++] = c->chat.model;
    for (uint32_t i = 0; i < c->chat.num_models; i++) {
        if (num == c->desc.max_models) return OR_ERR_SPACE;
        models[num++] = c->chat.models[i];
    }
    if (c->chat.provider != NULL)
        c->request.prefs = *c->chat.provider;
    else
        memset(&c->request.prefs, 0, sizeof c->request.prefs);
    c->request.models = models;
    c->request.num_models = num;
    c->request.sticky = c->desc.sticky;
    return num > 0 ? OR_OK : OR_ERR_ARG;
}

or_err or_client_begin(or_client *c, const or_client_desc *d, const or_chat_desc *chat,
                       const or_moment *moment)
{
    or_arena mem;
    or_err   e;
    memset(c, 0, sizeof *c);
    if (d->providers == NULL || d->num_providers == 0 || chat->msgs == NULL) return OR_ERR_ARG;
    if (d->mem_size < or_client_need(d)) return OR_ERR_SPACE;
    c->desc = *d;
    c->chat = *chat;
    c->desc.max_models = ori_client_models(d);
    c->desc.max_request = ori_client_room(d);
    for (uint32_t i = 0; i < d->num_providers; i++)
        if (or_url_read(d->providers[i].base_url, &c->url) != OR_OK) return OR_ERR_URL;
    or_arena_init(&mem, d->mem, d->mem_size);
    char *out = (char *)or_arena_alloc(&mem, c->desc.max_request);
    if (out == NULL) return OR_ERR_SPACE;
    or_buf_init(&c->out, out, c->desc.max_request);
    e = ori_client_request(c, &mem);
    if (e != OR_OK) return e;
    if (d->catalogue != NULL)
        c->catalogue = *d->catalogue;
    else if ((e = ori_client_any(c, &mem)) != OR_OK)
        return e;
    size_t        size = c->catalogue.num * sizeof(or_candidate);
    or_candidate *list = (or_candidate *)or_arena_alloc(&mem, size);
    if (list == NULL) return OR_ERR_SPACE;
    for (uint32_t i = 0; i < c->catalogue.num; i++)
        if (c->catalogue.endpoints[i].target >= d->num_providers) return OR_ERR_ARG;
    or_plan_init(&c->plan, list, c->catalogue.num);
    e = or_route_plan(&c->plan, &c->request, &c->catalogue, d->call.stats, moment);
    if (e != OR_OK) return e;
    or_call_desc *call = &c->desc.call;
    call->plan = &c->plan;
    call->catalogue = &c->catalogue;
    call->stream = chat->stream;
    call->seed = moment->seed;
    call->cost.now = moment->wall;
    call->bound.prompt_bytes = c->out.len;
    call->bound.max_tokens = c->request.max_tokens;
    call->mem = mem.base + mem.used;
    call->mem_size = mem.size - mem.used;
    return or_call_begin(&c->call, call, moment->now_ms);
}

static const or_endpoint *ori_client_endpoint(const or_client *c)
{
    return &c->catalogue.endpoints[c->call.endpoint];
}

or_err or_client_next(or_client *c, uint32_t now_ms, or_call_event *ev)
{
    or_err e = or_call_next(&c->call, now_ms, ev);
    if (e == OR_OK && ev->kind == OR_CALL_CLOSE) or_wipe(c->out.ptr, c->out.cap);
    if (e == OR_OK && ev->kind == OR_CALL_CONNECT) {
        c->provider = &c->desc.providers[ori_client_endpoint(c)->target];
        (void)or_url_read(c->provider->base_url, &c->url); /* it was good in or_client_begin */
    }
    return e;
}

/* Does this provider take OpenRouter's own members? */
static bool ori_client_openrouter(const or_client *c)
{
    static const char domain[] = "openrouter.ai";
    size_t            n = sizeof domain - 1, len = c->url.host.len;
    const char       *end = c->url.host.ptr + len - (len >= n ? n : 0);
    if (c->provider->openrouter) return true;
    return len >= n && memcmp(end, domain, n) == 0 && (len == n || end[-1] == '.');
}

static or_err ori_client_put_chat(or_client *c, or_str model)
{
    or_chat_desc   *chat = &c->chat; /* too large for the stack */
    const or_prefs *prefs = chat->provider;
    chat->model = model;
    chat->models = NULL; /* fallback is ours; the plan has them */
    chat->num_models = 0;
    if (!ori_client_openrouter(c)) chat->provider = NULL; /* it was for us */
    or_err e = or_chat_write(&c->out, chat);
    chat->provider = prefs;
    return e;
}

/* The body in this provider's dialect; *from is where it begins in out. */
static or_err ori_client_put_body(or_client *c, or_str model, size_t *from)
{
    or_err e = ori_client_put_chat(c, model);
    *from = 0;
#ifndef OR_NO_DIALECT
    or_dialect_request q;
    or_dialect_loss    loss;
    if (e != OR_OK || (c->provider->dialect == OR_DIALECT_CHAT && c->provider->lacks == 0))
        return e;
    memset(&q, 0, sizeof q);
    memset(&loss, 0, sizeof loss);
    *from = c->out.len;
    q.body = or_buf_str(&c->out);
    q.model = model;
    q.output_limit = ori_client_endpoint(c)->max_completion_tokens;
    q.lacks = c->provider->lacks;
    e = or_dialect_write(&c->out, c->provider->dialect, &q, &loss, NULL);
#endif
    return e;
}

static or_err ori_client_put_path(or_client *c, or_str model)
{
    or_buf *out = &c->out;
    or_buf_put_str(out, c->url.path);
#ifndef OR_NO_DIALECT
    or_dialect_put_path(out, c->provider->dialect, model, c->chat.stream);
    bool asks = c->provider->dialect == OR_DIALECT_GEMINI && c->chat.stream;
#else
    bool asks = false;
    (void)model;
    or_buf_put_z(out, "/chat/completions");
#endif
    if (c->url.query.ptr == NULL) return out->err;
    or_buf_put_char(out, asks ? '&' : '?');
    return or_buf_put_str(out, c->url.query);
}

/* How the key is sent: the field's name, and what stands in front of the key. */
static or_str ori_client_key_field(const or_provider *p, const char **prefix)
{
    *prefix = "";
#ifndef OR_NO_DIALECT
    if (p->dialect == OR_DIALECT_MESSAGES) return OR_STR("x-api-key");
    if (p->dialect == OR_DIALECT_GEMINI) return OR_STR("x-goog-api-key");
#else
    (void)p;
#endif
    *prefix = "Bearer ";
    return OR_STR("Authorization");
}

/* The body, then the head behind it, since that has to know its length. */
static or_err ori_client_write(or_client *c)
{
    const or_endpoint *e = ori_client_endpoint(c);
    const or_provider *p = c->provider;
    or_str             model = e->upstream_model.ptr != NULL ? e->upstream_model : e->model;
    const char        *prefix;
    or_str             key_field = ori_client_key_field(p, &prefix);
    size_t             from, body, target, at;
    or_buf            *out = &c->out;
    or_buf_clear(out);
    or_err err = ori_client_put_body(c, model, &from);
    if (err != OR_OK) return err;
    body = out->len;
    /* target and key are put together where the head will end up being longer than both */
    (void)ori_client_put_path(c, model);
    target = out->len;
    or_buf_put_z(out, prefix);
    or_buf_put_str(out, p->key);
    at = out->len;
    if (out->err != OR_OK) return out->err;
    or_http_put_request(out, OR_STR("POST"), or_str_of(out->ptr + body, target - body),
                        c->url.authority);
    if (p->key.ptr != NULL)
        or_http_put_field(out, key_field, or_str_of(out->ptr + target, at - target));
#ifndef OR_NO_DIALECT
    if (p->dialect == OR_DIALECT_MESSAGES)
        or_http_put_field(out, OR_STR("anthropic-version"), OR_STR(OR_ANTHROPIC_VERSION));
#endif
    or_http_put_field(out, OR_STR("Content-Type"), OR_STR("application/json"));
    or_http_put_field(out, OR_STR("Accept-Encoding"), OR_STR("identity"));
    for (uint32_t i = 0; i + 1 < p->num_fields; i += 2)
        or_http_put_field(out, p->fields[i], p->fields[i + 1]);
    or_http_put_length(out, body - from);
    or_http_put_head_end(out);
    c->pieces[0] = or_str_of(out->ptr + at, out->len - at);
    c->pieces[1] = or_str_of(out->ptr + from, body - from);
    return out->err;
}

void or_client_connected(or_client *c, uint32_t now_ms, const or_io *io, bool reused)
{
    or_err e = ori_client_write(c);
#ifndef OR_NO_DIALECT
    or_call_speak(&c->call, c->provider->dialect);
#endif
    if (e != OR_OK)
        or_call_refused(&c->call, e);
    else
        or_call_connected(&c->call, now_ms, io, reused, c->pieces, 2);
}

void or_client_refused(or_client *c, or_err why)
{
    or_call_refused(&c->call, why);
}
#endif /* OR_NO_CLIENT */

#endif /* ORI_IMPLEMENTED */
#endif /* OR_IMPLEMENTATION */

/* ---------------------------------------------------------------------
   This software is available under two licences; choose whichever you prefer.

   A - MIT No Attribution

   Copyright (c) 2026 the or.h authors

   Permission is hereby granted, free of charge, to any person obtaining a copy of this
   software and associated documentation files (the "Software"), to deal in the Software
   without restriction, including without limitation the rights to use, copy, modify,
   merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
   permit persons to whom the Software is furnished to do so.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
   INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A
   PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT
   HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF
   CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE
   OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

   B - Public domain (www.unlicense.org)

   This is free and unencumbered software released into the public domain. Anyone is free
   to copy, modify, publish, use, compile, sell, or distribute this software, either in
   source code form or as a compiled binary, for any purpose, commercial or
   non-commercial, and by any means. In jurisdictions that recognize copyright laws, the
   author or authors of this software dedicate any and all copyright interest in the
   software to the public domain. We make this dedication for the benefit of the public
   at large and to the detriment of our heirs and successors. We intend this dedication
   to be an overt act of relinquishment in perpetuity of all present and future rights to
   this software under copyright law.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
   INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A
   PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS BE LIABLE FOR
   ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
   OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
   DEALINGS IN THE SOFTWARE. */
