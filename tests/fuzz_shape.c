/* Any bytes as a stream (events are parted by blank lines), a whole answer and embeddings of a
   provider: what is written is JSON on one line, or nothing and no state changed where there is
   no room. Any bytes as a number: read, written, read. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "proxy/member.c"
#include "proxy/shape.c"
#include "proxy/shape_collect.c"
#include "proxy/shape_f32.c"
#include "tests/fuzz.h"

static char memory[1 << 18], shaped[1 << 18];

static const shape    names = {OR_STR_INIT("gen-1-a"), OR_STR_INIT("m"), OR_STR_INIT("P"), 1, false,
                               false, 0, 0};
static const or_usage no_usage;
static const or_cost  no_cost;

static void *take(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void give(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}

static const or_allocator heap = {take, give, NULL};

/* One event, or none; its data. */
static or_str check_event(or_str text)
{
    if (text.len == 0) return text;
    if (text.len < 8 || memcmp(text.ptr, "data: ", 6) != 0) abort();
    or_str data = or_str_of(text.ptr + 6, text.len - 8);
    if (memcmp(data.ptr + data.len, "\n\n", 2) != 0) abort();
    if (memchr(data.ptr, '\n', data.len) != NULL || memchr(data.ptr, '\r', data.len) != NULL)
        abort();
    if (or_json_check(data, NULL) != OR_OK) abort();
    return data;
}

/* The same with memory for what came before: each chunk twice, so that there is something to
   repeat. What comes of it may not differ. */
static void fuzz_repeats(or_str in)
{
    static char    last[2][512], other[sizeof shaped];
    or_chat_stream quick, slow;
    shape_stream   with, without;
    or_chat_stream_init(&quick);
    or_chat_stream_init(&slow);
    memset(&with, 0, sizeof with);
    memset(&without, 0, sizeof without);
    quick.last = last[0];
    with.last = last[1];
    quick.last_size = with.last_size = sizeof last[0];
    for (bool again = false; in.len > 0; again = !again) {
        size_t        end = or_str_find(in, OR_STR("\n\n"), 0);
        or_str        chunk = or_str_of(in.ptr, end);
        or_arena      arena, second;
        or_chat_delta d, plain;
        or_buf        a, b;
        or_arena_init(&arena, memory, sizeof memory / 2);
        or_arena_init(&second, (char *)memory + sizeof memory / 2, sizeof memory / 2);
        or_err e = or_chat_stream_next(&quick, chunk, &arena, &d);
        if (e != or_chat_stream_next(&slow, chunk, &second, &plain)) abort();
        if (e == OR_OK && !d.done) {
            if (!or_str_eq(d.text, plain.text) || !or_str_eq(d.id, plain.id) ||
                d.created != plain.created || quick.finish != slow.finish ||
                quick.content != slow.content)
                abort();
            or_buf_init(&a, shaped, sizeof shaped);
            or_buf_init(&b, other, sizeof other);
            if (shape_chunk(&a, &names, &with, chunk, &d) !=
                    shape_chunk(&b, &names, &without, chunk, &plain) ||
                !or_str_eq(or_buf_str(&a), or_buf_str(&b)))
                abort();
        }
        if (again)
            in = end + 2 < in.len ? or_str_of(in.ptr + end + 2, in.len - end - 2)
                                  : or_str_of(NULL, 0);
    }
}

static void fuzz_stream(or_str in)
{
    or_chat_stream stream;
    shape_stream   state;
    shape_collect *c = shape_collect_new(&heap, 65536);
    or_buf         out;
    if (c == NULL) abort();
    memset(&state, 0, sizeof state);
    or_chat_stream_init(&stream);
    while (in.len > 0) {
        size_t        end = or_str_find(in, OR_STR("\n\n"), 0), cap = in.len % 512;
        or_str        chunk = or_str_of(in.ptr, end);
        or_arena      arena;
        or_chat_delta d;
        in = end + 2 < in.len ? or_str_of(in.ptr + end + 2, in.len - end - 2) : or_str_of(NULL, 0);
        or_arena_init(&arena, memory, sizeof memory);
        if (or_chat_stream_next(&stream, chunk, &arena, &d) != OR_OK || d.done) continue;
        shape_stream before = state, small = state;
        or_buf_init(&out, shaped, cap);
        or_err e = shape_chunk(&out, &names, &small, chunk, &d);
        if (e != OR_OK && (out.len != 0 || memcmp(&small, &before, sizeof small) != 0)) abort();
        size_t len = out.len;
        or_buf_init(&out, shaped, sizeof shaped);
        or_err all = shape_chunk(&out, &names, &state, chunk, &d);
        if (e == OR_OK && (all != OR_OK || out.len != len)) abort();
        if (all == OR_OK && out.len > 0) (void)check_event(or_buf_str(&out));
        (void)shape_collect_add(c, &d);
    }
    or_buf_init(&out, shaped, sizeof shaped);
    or_err e = shape_collect_end(c, &out, &names, &no_usage, &no_cost, or_str_of(NULL, 0));
    if (e == OR_OK && or_json_check(or_buf_str(&out), NULL) != OR_OK) abort();
    shape_collect_free(c);
}

static void fuzz_answer(or_str in)
{
    or_arena       arena;
    or_chat_answer a;
    or_buf         out;
    or_arena_init(&arena, memory, sizeof memory);
    if (or_chat_read(in, &arena, &a) != OR_OK) return;
    or_buf_init(&out, shaped, sizeof shaped);
    or_err e = shape_answer(&out, &names, in, &a, &no_usage, &no_cost, or_str_of(NULL, 0));
    if (e == OR_OK && or_json_check(or_buf_str(&out), NULL) != OR_OK) abort();
    or_buf_init(&out, shaped, sizeof shaped);
    if (shape_answer_as_stream(&out, &names, in, &a) != OR_OK) return;
    or_str text = or_buf_str(&out);
    while (text.len > 0) {
        size_t end = or_str_find(text, OR_STR("\n\n"), 0) + 2;
        (void)check_event(or_str_of(text.ptr, end));
        text = or_str_of(text.ptr + end, text.len - end);
    }
}

static void fuzz_embeddings(or_str in)
{
    for (int base64 = 0; base64 < 2; base64++) {
        or_buf out;
        or_buf_init(&out, shaped, sizeof shaped);
        or_err e = shape_embeddings(&out, &names, in, base64 != 0, &no_usage, &no_cost);
        if (e == OR_OK && or_json_check(or_buf_str(&out), NULL) != OR_OK) abort();
        if (e != OR_OK && out.len != 0) abort();
    }
}

static void fuzz_number(or_str in)
{
    uint32_t bits, again;
    char     mem[32];
    or_buf   out;
    or_buf_init(&out, mem, sizeof mem);
    if (shape_f32_read(in, &bits) != OR_OK) return;
    if (shape_f32_put(&out, bits) != OR_OK) abort();
    if (shape_f32_read(or_buf_str(&out), &again) != OR_OK || again != bits) abort();
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    or_str in = or_str_of((const char *)data, size);
    fuzz_stream(in);
    fuzz_repeats(in);
    fuzz_answer(in);
    fuzz_embeddings(in);
    fuzz_number(in);
}
