/* Any bytes as an answer in each dialect, and as the events of its stream: no crash, what is given
   back lies in the input or the arena, what is raw is JSON, and an event that failed changed
   nothing. What was collected of a stream can be sent back. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/fuzz.h"

static char   memory[65536];
static size_t sum; /* so that every byte given back is read */

static void touch(or_str s)
{
    for (size_t i = 0; i < s.len; i++) sum += (unsigned char)s.ptr[i];
}

static void check_raw(or_str json, char bracket)
{
    if (json.ptr == NULL) return;
    or_err e = or_json_check(json, NULL);
    if ((e != OR_OK && e != OR_ERR_DEPTH) || json.ptr[0] != bracket) abort();
}

static void check_answer(const or_chat_answer *a)
{
    const or_str all[] = {a->id, a->model, a->provider, a->service_tier, a->text, a->reasoning,
                          a->refusal, a->native_finish, a->error.message, a->error.type,
                          a->error.code_text, a->error.param, a->error.provider, a->error.raw};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) touch(all[i]);
    check_raw(a->reasoning_details, '[');
    check_raw(a->annotations, '[');
    for (uint32_t i = 0; i < a->num_images; i++) touch(a->images[i]);
    for (uint32_t i = 0; i < a->num_tool_calls; i++) {
        touch(a->tool_calls[i].id);
        touch(a->tool_calls[i].name);
        touch(a->tool_calls[i].arguments);
        check_raw(a->tool_calls[i].extra_content, '{');
    }
    if (a->usage.cost_pico_usd < 0 || a->usage.upstream_cost_pico_usd < 0) abort();
    if ((unsigned)a->finish > OR_FINISH_ERROR) abort();
}

static void check_collected(or_chat_collect *c, or_tool_call *calls)
{
    or_msg        m;
    or_chat_desc  desc;
    or_chat_fault fault;
    if (or_chat_collect_end(c, &m) != OR_OK) return;
    for (uint32_t i = 0; i < c->num_calls; i++) /* the only thing that an upstream can leave out */
        if (calls[i].name.len == 0) calls[i].name = OR_STR("f");
    memset(&desc, 0, sizeof desc);
    desc.msgs = &m;
    desc.num_msgs = 1;
    or_err e = or_chat_check(&desc, &fault);
    if (e != OR_OK && e != OR_ERR_DEPTH) abort(); /* deeper than it came */
}

static void fuzz_stream(or_dialect from, or_str in, size_t room)
{
    static char       pieces[4096], said[16384];
    or_arena          arena;
    or_buf            carry, text;
    or_sse            sse;
    or_sse_event      ev;
    or_dialect_stream dialect, before;
    or_chat_stream    stream, earlier;
    or_chat_delta     d;
    or_chat_collect   c;
    or_tool_call      calls[8];
    or_buf_init(&carry, pieces, sizeof pieces);
    or_sse_init(&sse, &carry);
    or_chat_stream_init(&stream);
    or_dialect_stream_init(&dialect, from);
    or_buf_init(&text, said, sizeof said);
    or_chat_collect_init(&c, &text, calls, 8);
    while (or_sse_next(&sse, &in, &ev) == OR_OK) {
        before = dialect;
        earlier = stream;
        or_arena_init(&arena, memory, room);
        if (or_dialect_stream_next(&dialect, &stream, ev.data, &arena, &d) != OR_OK) {
            if (memcmp(&dialect, &before, sizeof before) != 0) abort();
            if (memcmp(&stream, &earlier, offsetof(or_chat_stream, calls)) != 0) abort();
            continue;
        }
        check_answer(&d);
        for (uint32_t i = 0; i < d.num_tool_calls; i++)
            if (d.tool_calls[i].index >= stream.num_calls) abort();
        (void)or_chat_collect_add(&c, &d);
    }
    if (or_chat_stream_end(&stream, true) == OR_END_COMPLETE && stream.finish == OR_FINISH_NONE)
        abort();
    check_collected(&c, calls);
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    static const or_dialect dialects[] = {OR_DIALECT_MESSAGES, OR_DIALECT_GEMINI,
                                          OR_DIALECT_RESPONSES};
    or_str                  in = or_str_of((const char *)data, size);
    or_arena                arena;
    or_chat_answer          a;
    for (int i = 0; i < 3; i++) {
        or_arena_init(&arena, memory, sizeof memory);
        if (or_dialect_read(dialects[i], in, &arena, &a) == OR_OK) check_answer(&a);
        or_arena_init(&arena, memory, size * 8); /* sometimes too small */
        if (size * 8 < sizeof memory && or_dialect_read(dialects[i], in, &arena, &a) == OR_OK)
            check_answer(&a);
        fuzz_stream(dialects[i], in, sizeof memory);
        fuzz_stream(dialects[i], in, 1024);
    }
}
