/* or.h - version 0.1.0 - talk to OpenRouter and to everything that speaks like it

   MANUAL-PLACEHOLDER
*/
#ifndef OR_H
#define OR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OR_VERSION "0.1.0"

/* Put before every public function. `#define OR_API static` keeps the whole
   library private to one file. */
#ifndef OR_API
#define OR_API extern
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
#ifndef OR_HTTP_MAX_CHUNK_EXT
#define OR_HTTP_MAX_CHUNK_EXT 256 /* bytes of extensions on one chunk; OR_ERR_CHUNK */
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
    X(ERR_JSON, -8, "not JSON")                                                    \
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
    X(ERR_ANSWER, -23, "the answer is JSON but not a chat completion")

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

/* Is this raw string (from between quotes) equal to `plain` once its escapes are
   undone? "mod\u0065l" is "model" to every server, so it must be to us. */
OR_API bool or_json_str_is(or_str raw, or_str plain);

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
   until the caller moves or overwrites them. */
typedef struct or_http_head {
    or_str   method;          /* request: case-sensitive token */
    or_str   target;          /* request: as sent */
    or_str   path;            /* request: target without scheme, authority and query */
    or_str   query;           /* request: after '?'; absent when there is none */
    or_str   host;            /* request: of an absolute target, else the Host field;
                                 absent only in HTTP/1.0 */
    or_str   reason;          /* response: may be empty */
    or_str   fields;          /* the raw field lines, for or_http_field_next */
    uint64_t content_length;  /* OR_HTTP_NO_LENGTH when there is none */
    uint16_t status;          /* response: 100 to 999 */
    uint16_t num_fields;
    uint8_t  minor;           /* HTTP/1.minor: 0 or 1 */
    bool     chunked;         /* the body comes in chunks */
    bool     has_body;        /* BODY events may follow (a Content-Length of 0 is none) */
    bool     keep_alive;      /* the connection may serve another message after END */
    bool     expect_continue; /* request: the client waits for "100 Continue" */
} or_http_head;

/* Limits of a reader; 0 takes the default. */
typedef struct or_http_limits {
    uint32_t max_head;   /* bytes (default: OR_HTTP_MAX_HEAD) */
    uint16_t max_fields; /* lines (default: OR_HTTP_MAX_FIELDS) */
    uint64_t max_body;   /* bytes after framing is removed (default: no limit) */
} or_http_limits;

typedef struct or_http {
    or_http_head   head;
    or_http_limits limits;
    or_err         err;
    uint8_t        role;
    uint8_t        state;
    bool           no_body;   /* the answer to come belongs to a HEAD request */
    uint32_t       scanned;   /* bytes of the head already searched for its end */
    uint32_t       line_size; /* of chunk extensions or trailers read so far */
    uint64_t       left;      /* of the chunk or the body */
    uint64_t       body_size; /* of this message so far */
} or_http;

typedef struct or_http_event {
    or_http_kind kind;
    or_str       data; /* BODY only; points into the input */
} or_http_event;

/* limits may be NULL. */
OR_API void or_http_init(or_http *h, or_http_role role, const or_http_limits *limits);

/* The response to come answers a HEAD request: it has no body whatever its head
   says. Holds for one (final) response. */
OR_API void or_http_expect_no_body(or_http *h);

/* The next event from the bytes in *in.

   in   all bytes received and not yet consumed; moved past what was used. A head is
        consumed only when it is complete, so while NEED_MORE is returned before a
        HEAD, keep the bytes and append to them; bodies are consumed as they come
   ev   filled on OR_OK

   OR_NEED_MORE   everything usable was used
   OR_ERR_HEAD    longer than max_head, or more than max_fields (answer 431)
   OR_ERR_CODING  Transfer-Encoding that is not exactly "chunked" (answer 501)
   OR_ERR_BODY    larger than max_body (answer 413); from Content-Length at once,
                  with the head filled in, else when the bytes pass it
   OR_ERR_CHUNK   malformed chunk framing, too long extensions or trailers
   OR_ERR_HTTP    malformed or ambiguous in any other way (answer 400)
   After an error close the connection; the same error is returned for ever.

   Client role: a 1xx head is reported like any other, is followed by no BODY and no
   END, and the next HEAD is the real one; 101 is OR_ERR_HTTP, since nothing here
   asks for an upgrade. Server role: an empty line before a request is skipped.
   Trailer fields are checked and dropped: merging them into a head lets a sender
   set framing fields late.
   Source: RFC 9112 sections 2 to 7 and 9.3, RFC 9110 sections 5, 8.6, 10.1.1, 15. */
OR_API or_err or_http_next(or_http *h, or_str *in, or_http_event *ev);

/* The transport ended after everything in hand went through or_http_next.
   OR_OK             *ev is the END of a body that was delimited by the close
   OR_ERR_CLOSED     between two messages: a clean end
   OR_ERR_TRUNCATED  inside a head or body: what came is not the whole message */
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

/* Write a head: one request or status line, any number of fields, the end. Names,
   values, methods and targets with bytes that would break the line (CR, LF, NUL,
   space in a target ...) are OR_ERR_ARG in out->err: that stops header injection.
   Status lines get the standard reason phrase. */
OR_API or_err or_http_put_request(or_buf *out, or_str method, or_str target, or_str host);
OR_API or_err or_http_put_status(or_buf *out, uint16_t status);
OR_API or_err or_http_put_field(or_buf *out, or_str name, or_str value);
OR_API or_err or_http_put_length(or_buf *out, uint64_t content_length);
OR_API or_err or_http_put_head_end(or_buf *out);

/* Chunked framing around bytes that are sent from where they are: the line before
   them (returns its length, at most 18), then the bytes, then OR_HTTP_CHUNK_END;
   after the last chunk OR_HTTP_LAST_CHUNK. n is at least 1. */
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

/* ============================================================== chat ==
   Build a chat completion request; read a whole answer; read a stream of chunks.
   Shapes: OpenAI's chat completions as OpenRouter extends them. */

typedef enum or_role {
    OR_ROLE_USER = 0,
    OR_ROLE_SYSTEM,
    OR_ROLE_DEVELOPER,
    OR_ROLE_ASSISTANT,
    OR_ROLE_TOOL
} or_role;

/* A call of a function by the model, whole or (in a delta) a fragment. */
typedef struct or_tool_call {
    uint32_t index;     /* which call of this answer a fragment belongs to */
    or_str   id;        /* delta: absent but in the first fragment */
    or_str   name;      /* delta: absent but in the first fragment */
    or_str   arguments; /* JSON text; delta: the next piece of it, never JSON by itself */
} or_tool_call;

typedef struct or_msg {
    or_role             role;           /* (default: user) */
    or_str              content;        /* text; absent is sent as null */
    or_str              content_parts;  /* instead of content: a raw JSON array of parts */
    or_str              name;           /* (default: not sent) */
    or_str              tool_call_id;   /* required for role tool */
    const or_tool_call *tool_calls;     /* role assistant: calls made in that turn */
    uint32_t            num_tool_calls;
} or_msg;

typedef struct or_tool {
    or_str name;        /* required; letters, digits, _ and -, at most 64 */
    or_str description; /* (default: not sent) */
    or_str parameters;  /* raw JSON Schema object (default: not sent) */
} or_tool;

/* What to ask. Zero it, set what you need. Everything is borrowed during the call. */
typedef struct or_chat_desc {
    or_str         model;             /* e.g. OR_STR("vendor/model") (default: not sent) */
    const or_str  *models;            /* fallback models in order (default: not sent) */
    uint32_t       num_models;
    const or_msg  *msgs;              /* required */
    uint32_t       num_msgs;          /* at least 1 */
    const or_tool *tools;             /* (default: not sent) */
    uint32_t       num_tools;
    or_str         tool_choice;       /* raw JSON, e.g. OR_STR("\"auto\"") (default: not sent) */
    or_str         response_format;   /* raw JSON (default: not sent) */
    or_str         reasoning_effort;  /* "low", "medium", "high" ... (default: not sent) */
    const or_str  *stop;              /* stop sequences (default: not sent) */
    uint32_t       num_stop;          /* at most 4 */
    uint32_t       max_tokens;        /* tokens (default: 0, not sent) */
    or_opt         temperature_milli; /* thousandths, 0 to 2000 (default: not sent) */
    or_opt         top_p_milli;       /* thousandths, 0 to 1000 (default: not sent) */
    or_opt         seed;              /* (default: not sent) */
    or_str         user;              /* (default: not sent) */
    or_str         session_id;        /* at most 256 bytes (default: not sent) */
    bool           stream;            /* ask for server-sent events (default: false) */
} or_chat_desc;

/* Write the request body. OR_ERR_ARG: a required field is missing or a value is out of
   range; OR_ERR_UTF8, OR_ERR_JSON ...: a text or raw field is not what it says;
   OR_ERR_SPACE: out is full. */
OR_API or_err or_chat_write(or_buf *out, const or_chat_desc *d);

typedef enum or_finish {
    OR_FINISH_NONE = 0, /* not finished */
    OR_FINISH_STOP,
    OR_FINISH_LENGTH,
    OR_FINISH_TOOL_CALLS,
    OR_FINISH_CONTENT_FILTER,
    OR_FINISH_ERROR
} or_finish;

/* Token counts as the upstream gave them; cost in pico-USD (1e-12). */
typedef struct or_usage {
    bool     set;           /* false: the upstream said nothing; counts are unknown, not 0 */
    bool     cost_set;      /* cost_pico_usd was given; otherwise unknown, not 0 */
    uint64_t prompt_tokens; /* cached ones included */
    uint64_t completion_tokens; /* reasoning included */
    uint64_t total_tokens;
    uint64_t cached_tokens;
    uint64_t cache_write_tokens;
    uint64_t reasoning_tokens;
    int64_t  cost_pico_usd;
} or_usage;

/* An error object of the upstream, in any of the shapes that are in use. */
typedef struct or_chat_error {
    bool    set;
    int32_t code;    /* numeric code, usually an HTTP status; 0 when there is none */
    or_str  message; /* "" when there is none */
    or_str  type;    /* error_type, type or a textual code; absent when there is none */
} or_chat_error;

/* A whole answer: of the first choice. Texts point into the body or the arena. */
typedef struct or_chat_answer {
    or_str              id, model, provider; /* absent when not sent */
    or_str              text;                /* absent when null */
    or_str              reasoning;
    or_str              refusal;
    const or_tool_call *tool_calls;
    uint32_t            num_tool_calls;
    or_finish           finish;
    or_str              native_finish; /* the provider's own word; absent when not sent */
    or_usage            usage;
    or_chat_error       error; /* set: there is no answer, or it broke off */
} or_chat_answer;

/* Read the body of an answer or of an error response, any HTTP status.
   OR_OK          answer or error is filled (look at answer->error.set)
   OR_ERR_ANSWER  JSON, but neither a completion nor an error
   OR_ERR_SPACE   the arena is full
   and the errors of or_json_parse. */
OR_API or_err or_chat_read(or_str body, or_arena *arena, or_chat_answer *answer);

/* What one event of a stream adds, of the first choice. Valid until the arena is reset
   or the event's bytes move. */
typedef struct or_chat_delta {
    or_str              id, model, provider;
    or_str              text;
    or_str              reasoning;
    or_str              refusal;
    const or_tool_call *tool_calls;
    uint32_t            num_tool_calls;
    or_finish           finish;
    or_str              native_finish;
    or_usage            usage;
    or_chat_error       error;
    bool                done; /* "[DONE]" */
} or_chat_delta;

/* How a stream ended. */
typedef enum or_end {
    OR_END_OPEN = 0,  /* not yet */
    OR_END_COMPLETE,  /* a finish reason came, and [DONE] or a clean end after it */
    OR_END_ERROR,     /* the upstream sent an error */
    OR_END_TRUNCATED  /* it stopped without either: what came is not the whole answer */
} or_end;

/* State across the events of one stream. Zero it with or_chat_stream_init. */
typedef struct or_chat_stream {
    or_usage  usage;   /* last seen */
    or_finish finish;  /* last seen */
    bool      done;    /* [DONE] was seen */
    bool      error;   /* an error was seen */
    bool      content; /* text, reasoning or a tool call was seen */
} or_chat_stream;

OR_API void or_chat_stream_init(or_chat_stream *s);

/* Read the data of one server-sent event. Empty data, and everything after [DONE], give
   an empty delta. OR_ERR_ANSWER: JSON of another shape. OR_ERR_SPACE: arena full. Other
   errors: not JSON. A failure does not stick: the caller decides whether to go on. */
OR_API or_err or_chat_stream_next(or_chat_stream *s, or_str data, or_arena *arena,
                                  or_chat_delta *delta);

/* The verdict when the body is over. clean: its HTTP framing was complete. */
OR_API or_end or_chat_stream_end(const or_chat_stream *s, bool clean);

#ifdef __cplusplus
}
#endif
#endif /* OR_H */

/* ===================================================================== */
#ifdef OR_IMPLEMENTATION
#ifndef ORI_IMPLEMENTED
#define ORI_IMPLEMENTED

#include <limits.h>
#include <string.h>

#ifdef JSMN_H
#error "or.h includes jsmn.h itself, with its own settings: remove your include of jsmn.h before or.h"
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
    volatile unsigned char *p = (volatile unsigned char *)ptr;
    while (len-- > 0) *p++ = 0;
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
    if (a->allocator == NULL || !or_add_size(need, ORI_ROUND(sizeof(ori_block)), &size)) return false;
    if (size < ORI_MIN_BLOCK) size = ORI_MIN_BLOCK;
    if (size < SIZE_MAX / 2 && a->size > size / 2) size = a->size < SIZE_MAX / 4 ? a->size * 2 : size;
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

or_err or_buf_put_str(or_buf *b, or_str s)
{
    return or_buf_put(b, s.ptr, s.len);
}

or_err or_buf_put_z(or_buf *b, const char *z)
{
    return or_buf_put_str(b, or_str_z(z));
}

or_err or_buf_put_char(or_buf *b, char c)
{
    return or_buf_put(b, &c, 1);
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

or_err or_decimal_read(or_str s, unsigned scale, int64_t *out)
{
    ori_number n;
    uint64_t   exponent = 0, value = 0;
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
    int64_t shift = (n.exponent_negative ? -(int64_t)exponent : (int64_t)exponent) + (int64_t)scale -
                    (int64_t)n.fraction.len;

    for (uint64_t i = 0; i < digits; i++) {
        char c = i < n.whole.len ? n.whole.ptr[i] : n.fraction.ptr[i - n.whole.len];
        bool below = (int64_t)(digits - i) + shift <= 0; /* smaller than 10^-scale */
        if (below && c != '0') return OR_ERR_RANGE;
        if (below) continue;
        if (!or_mul_u64(value, 10, &value) || !or_add_u64(value, (uint64_t)(c - '0'), &value))
            return OR_ERR_RANGE;
    }
    for (; shift > 0; shift--)
        if (!or_mul_u64(value, 10, &value)) return OR_ERR_RANGE;
    if (value > (uint64_t)INT64_MAX + (n.negative ? 1u : 0u)) return OR_ERR_RANGE;
    *out = !n.negative ? (int64_t)value : -(int64_t)(value - 1) - 1;
    return OR_OK;
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

/* >> http ------------------------------------------------------------- */

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

   A word at a time: a byte below 0x0E is seldom anything but a line end, so one
   comparison stands for two; where one turns up its word is looked at byte by byte. */
static size_t ori_line_len(or_str s)
{
    const size_t n = sizeof(size_t);
    size_t       i = 0;
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

or_err or_sse_next(or_sse *p, or_str *in, or_sse_event *ev)
{
    or_str view = {NULL, 0};
    if (p->err != OR_OK) return p->err;
    if (p->state == ORI_SSE_OVER) return OR_DONE;
    ori_sse_forget(p);
    if (p->after_cr && in->len > 0) {
        p->after_cr = false;
        if (*in->ptr == '\n') ori_skip(in, 1); /* the second half of an end already seen */
    }
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

/* >> chat ------------------------------------------------------------- */

#endif /* ORI_IMPLEMENTED */
#endif /* OR_IMPLEMENTATION */

/* LICENCE-PLACEHOLDER */
