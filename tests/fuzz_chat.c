/* Any bytes as a whole answer, and as the events of a stream: no crash, and what is given back
   lies in the input or the arena. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/fuzz.h"

static char   memory[65536];
static size_t sum; /* so that every byte given back is read */

static void touch(or_str s)
{
    for (size_t i = 0; i < s.len; i++) sum += (unsigned char)s.ptr[i];
}

static void touch_calls(const or_tool_call *calls, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        touch(calls[i].id);
        touch(calls[i].name);
        touch(calls[i].arguments);
    }
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    or_str         in = or_str_of((const char *)data, size);
    or_arena       arena;
    or_chat_answer a;
    or_arena_init(&arena, memory, sizeof memory);
    if (or_chat_read(in, &arena, &a) == OR_OK) {
        touch(a.text);
        touch(a.reasoning);
        touch(a.refusal);
        touch(a.native_finish);
        touch(a.error.message);
        touch_calls(a.tool_calls, a.num_tool_calls);
    }

    char           pieces[256];
    or_buf         carry;
    or_sse         sse;
    or_sse_event   ev;
    or_chat_stream stream;
    or_chat_delta  d;
    or_buf_init(&carry, pieces, sizeof pieces);
    or_sse_init(&sse, &carry);
    or_chat_stream_init(&stream);
    while (or_sse_next(&sse, &in, &ev) == OR_OK) {
        or_arena_init(&arena, memory, sizeof memory);
        if (or_chat_stream_next(&stream, ev.data, &arena, &d) != OR_OK) continue;
        touch(d.text);
        touch(d.reasoning);
        touch(d.error.message);
        touch_calls(d.tool_calls, d.num_tool_calls);
        for (uint32_t i = 0; i < d.num_tool_calls; i++)
            if (d.tool_calls[i].index >= OR_CHAT_MAX_CALLS) abort();
    }
    if (or_chat_stream_end(&stream, true) == OR_END_COMPLETE && stream.finish == OR_FINISH_NONE) abort();
}
