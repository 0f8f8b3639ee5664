/* Any bytes as a whole answer, and as the events of a stream: no crash, and what is given back
   lies in the input or the arena. What was collected of a stream can be sent back: the message
   that comes of it is JSON. The same bytes as every text and raw field of a request: either it
   is refused, with a name, or it is JSON. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/fuzz.h"

static char   memory[65536];
static size_t sum; /* so that every byte given back is read */

static void touch(or_str s)
{
    for (size_t i = 0; i < s.len; i++) sum += (unsigned char)s.ptr[i];
}

static void touch_answer(const or_chat_answer *a)
{
    const or_str all[] = {a->id, a->model, a->provider, a->service_tier, a->text, a->reasoning,
                          a->refusal, a->native_finish, a->error.message, a->error.type,
                          a->error.code_text, a->error.param, a->error.provider, a->error.raw};
    const or_str raw[] = {a->reasoning_details, a->annotations, a->audio, a->logprobs};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) touch(all[i]);
    for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++)
        if (raw[i].ptr != NULL && or_json_check(raw[i], NULL) != OR_OK) abort();
    for (uint32_t i = 0; i < a->num_images; i++) touch(a->images[i]);
    for (uint32_t i = 0; i < a->num_tool_calls; i++) {
        touch(a->tool_calls[i].id);
        touch(a->tool_calls[i].name);
        touch(a->tool_calls[i].arguments);
        touch(a->tool_calls[i].extra_content);
    }
    if (a->usage.cost_pico_usd < 0 || a->usage.upstream_cost_pico_usd < 0) abort();
}

/* Written it is JSON, else the fault has a name; and counting comes to the same length. */
static void check_desc(const or_chat_desc *d)
{
    static char   out_mem[1 << 18];
    or_buf        out, nothing;
    or_chat_fault fault;
    or_buf_init(&out, out_mem, sizeof out_mem);
    or_buf_init_counting(&nothing);
    or_err e = or_chat_write(&out, d);
    if (e == OR_ERR_SPACE) return;
    if (or_chat_check(d, &fault) != e || or_chat_write(&nothing, d) != e) abort();
    if (out.len != nothing.len || (e == OR_OK) != (fault.field == NULL)) abort();
    if (e == OR_OK && or_json_check(or_buf_str(&out), NULL) != OR_OK) abort();
}

static void fuzz_stream(or_str in)
{
    static char     pieces[4096], said[16384];
    static char     names[2] = "f";
    or_arena        arena;
    or_buf          carry, text;
    or_sse          sse;
    or_sse_event    ev;
    or_chat_stream  stream;
    or_chat_delta   d;
    or_chat_collect c;
    or_tool_call    calls[8];
    or_msg          m;
    or_buf_init(&carry, pieces, sizeof pieces);
    or_sse_init(&sse, &carry);
    or_chat_stream_init(&stream);
    or_buf_init(&text, said, sizeof said);
    or_chat_collect_init(&c, &text, calls, 8);
    while (or_sse_next(&sse, &in, &ev) == OR_OK) {
        or_arena_init(&arena, memory, sizeof memory);
        if (or_chat_stream_next(&stream, ev.data, &arena, &d) != OR_OK) continue;
        touch_answer(&d);
        for (uint32_t i = 0; i < d.num_tool_calls; i++)
            if (d.tool_calls[i].index >= OR_CHAT_MAX_CALLS) abort();
        (void)or_chat_collect_add(&c, &d);
    }
    if (or_chat_stream_end(&stream, true) == OR_END_COMPLETE && stream.finish == OR_FINISH_NONE)
        abort();
    if (or_chat_collect_end(&c, &m) != OR_OK) return;
    for (uint32_t i = 0; i < c.num_calls; i++) /* the only thing that an upstream can leave out */
        if (calls[i].name.len == 0) calls[i].name = or_str_of(names, 1);
    or_chat_desc  desc;
    or_chat_fault fault;
    memset(&desc, 0, sizeof desc);
    desc.msgs = &m;
    desc.num_msgs = 1;
    check_desc(&desc);
    or_err e = or_chat_check(&desc, &fault);
    if (e != OR_OK && e != OR_ERR_DEPTH) abort(); /* one level deeper than it came */
}

/* The input in two halves: texts, and raw JSON. */
static void fuzz_request(or_str in)
{
    or_str          text = or_str_of(in.ptr, in.len / 2);
    or_str          raw = or_str_of(in.ptr + text.len, in.len - text.len);
    or_tool_call    call;
    or_part         parts[3];
    or_msg          msgs[4];
    or_tool         tool;
    or_pair         pair;
    or_chat_desc    d;
    uint32_t        num = 4, first, end;
    memset(&call, 0, sizeof call);
    memset(parts, 0, sizeof parts);
    memset(msgs, 0, sizeof msgs);
    memset(&tool, 0, sizeof tool);
    memset(&d, 0, sizeof d);
    call.id = call.name = call.arguments = text;
    parts[0].text = text;
    parts[1].kind = OR_PART_FILE;
    parts[1].bytes = in;
    parts[1].mime = parts[1].filename = text;
    parts[2].kind = OR_PART_RAW;
    parts[2].raw = raw;
    msgs[0].parts = parts;
    msgs[0].num_parts = in.len > 0 && (in.ptr[0] & 1) != 0 ? 3 : 2;
    msgs[1].role = OR_ROLE_ASSISTANT;
    msgs[1].tool_calls = &call;
    msgs[1].num_tool_calls = 1;
    msgs[2].role = OR_ROLE_TOOL;
    msgs[2].content = msgs[2].tool_call_id = text;
    msgs[3].content = text;
    pair.name = pair.value = text;
    d.msgs = msgs;
    d.num_msgs = 4;
    d.user = d.session_id = text;
    d.metadata = &pair;
    d.num_metadata = in.len % 2;
    d.extra = raw;
    check_desc(&d);
    d.extra.ptr = NULL;
    d.response_format = raw;
    tool.name = OR_STR("f");
    tool.parameters = raw;
    d.tools = &tool;
    d.num_tools = 1;
    check_desc(&d);
    if (or_chat_fit(msgs, num, in.len, &first, &end) == OR_OK && (first > end || end >= num))
        abort();
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    or_str         in = or_str_of((const char *)data, size);
    or_arena       arena;
    or_chat_answer a;
    or_arena_init(&arena, memory, sizeof memory);
    if (or_chat_read(in, &arena, &a) == OR_OK) touch_answer(&a);
    fuzz_stream(in);
    fuzz_request(in);
}
