/* Translations there and back. The input is taken as a request of MESSAGES, of RESPONSES and as a
   chat request: what it says is in every translation of it, and a second round changes nothing
   more. What does not begin as JSON is a script for the deltas of an answer: as MESSAGES and
   RESPONSES, whole and as a stream that is cut somewhere, it says what the deltas said. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/fuzz.h"

#if defined(__unix__) || defined(__APPLE__)
enum { MOST = 1 << 16, ROOM = 1 << 20 };
#else /* 16 MB of RAM for it all */
enum { MOST = 1 << 14, ROOM = 1 << 18 };
#endif

/* What a request says, in pieces. */
enum { USER, ASSISTANT, RESULT, CALL_ID, CALL_NAME, INPUT, THOUGHT, MEDIA, KINDS };

/* Takes a piece: of strings what stands between the quotes; of INPUT the JSON text. */
typedef void (*take)(int kind, or_str raw);

static or_str none(void)
{
    return or_str_of(NULL, 0);
}

/* ---- readers ---- */

static or_str in_array(const or_json_item *item)
{
    return item->type == OR_JSON_ARRAY ? item->value : none();
}

static void give_string(take give, int kind, const or_json_item *item)
{
    if (item->type == OR_JSON_STRING) give(kind, item->value);
}

static void read_blocks(or_json_item content, int role, take give);

static void read_block(or_str block, int role, take give)
{
    static const char names[] = "type text id name input content thinking signature data source";
    or_json_item             m[10], data;
    ori_dialect_pick(block, names, 10, m);
    if (ori_dialect_is(&m[0], "text")) give_string(give, role, &m[1]);
    if (ori_dialect_is(&m[0], "tool_use")) {
        give_string(give, CALL_ID, &m[2]);
        give_string(give, CALL_NAME, &m[3]);
        if (m[4].type == OR_JSON_OBJECT) give(INPUT, m[4].value);
    }
    if (ori_dialect_is(&m[0], "tool_result")) read_blocks(m[5], RESULT, give);
    if (ori_dialect_is(&m[0], "thinking") && m[7].value.len > 0) {
        give_string(give, THOUGHT, &m[6]);
        give_string(give, THOUGHT, &m[7]);
    }
    /* What is another provider's goes back to that one, not to this. */
    if (ori_dialect_is(&m[0], "redacted_thinking") &&
        ori_in_after(m[8].value, "or.detail:").ptr == NULL)
        give_string(give, THOUGHT, &m[8]);
    if (!ori_dialect_is(&m[0], "image")) return;
    data = ori_dialect_get(m[9].value, "type");
    data = ori_dialect_get(m[9].value, ori_dialect_is(&data, "base64") ? "data" : "url");
    give_string(give, MEDIA, &data);
}

static void read_blocks(or_json_item content, int role, take give)
{
    ori_dialect_list l;
    or_json_item     block;
    give_string(give, role, &content);
    ori_dialect_begin(&l, in_array(&content));
    while (ori_dialect_next(&l, &block))
        if (block.type == OR_JSON_OBJECT) read_block(block.value, role, give);
}

static void read_messages(or_str body, take give)
{
    static const char names[] = "role content";
    ori_dialect_list         l;
    or_json_item             item = ori_dialect_get(body, "system"), m[2];
    /* Claude Code's first block is left out: it is no instruction. */
    if (or_str_find(item.value, OR_STR("x-anthropic-billing-header"), 0) == item.value.len)
        read_blocks(item, USER, give);
    item = ori_dialect_get(body, "messages");
    ori_dialect_begin(&l, in_array(&item));
    while (ori_dialect_next(&l, &item)) {
        ori_dialect_pick(item.value, names, 2, m);
        read_blocks(m[1], ori_dialect_is(&m[0], "assistant") ? ASSISTANT : USER, give);
    }
}

/* The calls of a message, and its signed thoughts. */
static void read_turn(or_str msg, take give)
{
    or_json_item       item = ori_dialect_get(msg, "reasoning_details");
    ori_dialect_list   l;
    ori_dialect_detail d;
    ori_dialect_calls  calls;
    ori_dialect_call   call;
    ori_dialect_begin(&l, ori_dialect_inside(&item));
    while (ori_dialect_next_detail(&l, &d)) {
        bool sealed = or_str_eq(d.type, OR_STR("reasoning.encrypted"));
        if (!ori_dialect_is_thinking(&d)) continue;
        give(THOUGHT, sealed ? d.data : d.text);
        if (!sealed) give(THOUGHT, d.signature);
    }
    ori_dialect_begin_calls(&calls, msg);
    while (ori_dialect_next_call(&calls, &call)) {
        give(CALL_ID, call.asked.id);
        give(CALL_NAME, call.asked.name);
        if (call.arguments.type == OR_JSON_STRING || call.arguments.type == OR_JSON_OBJECT)
            give(INPUT, ori_dialect_text(&call.arguments));
    }
}

static void read_part(const or_json_item *part, int role, take give)
{
    static const char names[] = "text refusal image_url";
    or_json_item             m[3], mark;
    or_str                   url;
    size_t                   comma;
    if (part->type == OR_JSON_STRING) give(role, part->value);
    if (part->type != OR_JSON_OBJECT) return;
    ori_dialect_pick(part->value, names, 3, m);
    mark = m[m[0].type == OR_JSON_STRING ? 0 : 1];
    give_string(give, role, &mark);
    url = ori_dialect_url_of(&m[2]);
    comma = or_str_find(url, OR_STR(";base64,"), 0);
    if (mark.type == OR_JSON_STRING || url.len == 0) return;
    if (comma < url.len)
        give(MEDIA, or_str_of(url.ptr + comma + 8, url.len - comma - 8));
    else if (ori_dialect_starts(url, "http"))
        give(MEDIA, url);
}

static void read_chat(or_str body, take give)
{
    static const char names[] = "content refusal";
    ori_dialect_list         l, parts;
    or_json_item             item = ori_dialect_get(body, "messages"), m[2], part;
    ori_dialect_begin(&l, in_array(&item));
    while (ori_dialect_next(&l, &item)) {
        char c = ori_dialect_role(item.value);
        int  role = c == 'a' ? ASSISTANT : c == 't' ? RESULT : USER;
        ori_dialect_pick(item.value, names, 2, m);
        give_string(give, role, &m[0]);
        if (c == 'a') give_string(give, role, &m[1]);
        ori_dialect_begin(&parts, in_array(&m[0]));
        while (ori_dialect_next(&parts, &part)) read_part(&part, role, give);
        if (c == 'a') read_turn(item.value, give);
    }
}

static void read_gemini_part(or_str part, int role, take give)
{
    static const char names[] = "text functionCall functionResponse inlineData fileData";
    static const char inner[] = "id name args response data fileUri";
    or_json_item             m[5], f[6];
    ori_dialect_pick(part, names, 5, m);
    give_string(give, role, &m[0]);
    for (int i = 1; i < 5; i++) {
        ori_dialect_pick(m[i].value, inner, 6, f);
        if (i == 1) give_string(give, CALL_ID, &f[0]);
        if (i == 1) give_string(give, CALL_NAME, &f[1]);
        if (i == 1 && f[2].type == OR_JSON_OBJECT) give(INPUT, f[2].value);
        if (i == 2 && f[3].type == OR_JSON_OBJECT) {
            or_json_item output = ori_dialect_get(f[3].value, "output");
            give(RESULT, f[3].value);
            give_string(give, RESULT, &output);
        }
        if (i == 3) give_string(give, MEDIA, &f[4]);
        if (i == 4) give_string(give, MEDIA, &f[5]);
    }
}

static void read_gemini(or_str body, take give)
{
    ori_dialect_list l, parts;
    or_json_item     item = ori_dialect_get(body, "systemInstruction"), role, list, part;
    list = ori_dialect_get(item.value, "parts");
    ori_dialect_begin(&parts, in_array(&list));
    while (ori_dialect_next(&parts, &part)) read_gemini_part(part.value, USER, give);
    item = ori_dialect_get(body, "contents");
    ori_dialect_begin(&l, in_array(&item));
    while (ori_dialect_next(&l, &item)) {
        role = ori_dialect_get(item.value, "role");
        list = ori_dialect_get(item.value, "parts");
        ori_dialect_begin(&parts, in_array(&list));
        while (ori_dialect_next(&parts, &part))
            read_gemini_part(part.value, ori_dialect_is(&role, "model") ? ASSISTANT : USER, give);
    }
}

/* ---- is what was said still said? ---- */

/* All pieces of the translation, kind by kind, and how far those of the original were found:
   texts of one role keep their order. */
static char            said_memory[KINDS][ROOM], piece_memory[ROOM];
static or_buf          said[KINDS];
static size_t          found[2];
static or_dialect_loss lost;

/* Texts may be joined and trimmed, so white space does not count. */
static void squeeze(or_buf *b, size_t from)
{
    size_t to = from;
    for (size_t i = from; i < b->len; i++)
        if (b->ptr[i] != ' ' && (b->ptr[i] < '\t' || b->ptr[i] > '\r')) b->ptr[to++] = b->ptr[i];
    b->len = to;
}

static void note_piece(int kind, or_str raw)
{
    or_buf *b = &said[kind];
    size_t  from = b->len;
    if (kind == CALL_ID || kind == CALL_NAME) {
        char     memory[2048];
        or_arena arena;
        or_arena_init(&arena, memory, sizeof memory);
        or_buf_put_str(b, ori_dialect_restore(raw, &arena));
    } else if (kind == INPUT) {
        or_buf_put_str(b, raw);
    } else {
        ori_dialect_put_unescaped(b, raw);
    }
    squeeze(b, from);
    if (kind != USER && kind != ASSISTANT) or_buf_put_char(b, '\n');
}

static bool is_held(int kind, or_str text, size_t from)
{
    or_str all = or_buf_str(&said[kind]);
    size_t at = or_str_find(or_str_of(all.ptr + from, all.len - from), text, 0) + from;
    if (text.len == 0) return true;
    if (at >= all.len) return false;
    if (kind == USER || kind == ASSISTANT) found[kind] = at + text.len;
    return true;
}

/* Arguments as they have to come: the object in the string, else {} or the text as `_raw`. */
static void put_input(or_buf *b, or_str raw)
{
    or_json_item item;
    or_json_scan scan;
    size_t       from = b->len;
    or_json_scan_init(&scan, raw);
    if (or_json_scan_next(&scan, &item) != OR_OK) abort();
    if (item.type == OR_JSON_STRING) {
        ori_dialect_put_unescaped(b, item.value);
        squeeze(b, from);
        if (b->len == from || or_str_eq(ori_dialect_since(b, from), OR_STR("null"))) {
            b->len = from;
            return;
        }
        size_t end = b->len;
        if (ori_dialect_put_object_in(b, item.value)) {
            b->len = end;
            return;
        }
        b->len = from;
    }
    or_buf_put_str(b, item.type == OR_JSON_STRING ? item.value : raw);
    squeeze(b, from);
}

static void find_piece(int kind, or_str raw)
{
    or_buf b;
    or_str text;
    or_buf_init(&b, piece_memory, sizeof piece_memory);
    if (raw.len == 0) return;
    for (uint32_t i = 0; i < lost.num; i++)
        if (ori_dialect_starts(or_str_z(lost.names[i]), "messages")) return;
    if (lost.num == OR_DIALECT_MAX_LOSSES || (kind == THOUGHT && lost.reasoning)) return;
    /* A long name or id ends in a hash. */
    if ((kind == CALL_ID || kind == CALL_NAME) && raw.len > 18) return;
    if (kind == INPUT)
        put_input(&b, raw);
    else
        ori_dialect_put_unescaped(&b, raw);
    squeeze(&b, 0);
    text = or_buf_str(&b);
    if (kind == RESULT) {
        /* Of a tool that nobody called it is in the user's words. */
        size_t before = found[USER];
        if (!is_held(RESULT, text, 0) && !is_held(USER, text, 0)) abort();
        found[USER] = before;
        return;
    }
    if (!is_held(kind, text, kind <= ASSISTANT ? found[kind] : 0)) abort();
}

typedef void (*reader)(or_str body, take give);

/* lost: what the translation reported. */
static void check_said(or_str first, reader read_first, or_str second, reader read_second)
{
    for (int i = 0; i < KINDS; i++) or_buf_init(&said[i], said_memory[i], ROOM);
    found[USER] = found[ASSISTANT] = 0;
    read_second(second, note_piece);
    read_first(first, find_piece);
}

/* ---- requests ---- */

static char chat_memory[2][ROOM], there_memory[3][ROOM];

static or_err to_chat(or_dialect from, or_str body, int slot, or_str *chat)
{
    or_buf      out;
    const char *bad = NULL;
    or_buf_init(&out, chat_memory[slot], ROOM);
    or_err e = or_dialect_to_chat(&out, from, body, &lost, &bad);
    if (e != OR_OK && bad == NULL) abort();
    *chat = or_buf_str(&out);
    if (e == OR_OK && or_json_check(*chat, NULL) != OR_OK) abort();
    return e;
}

static or_err from_chat(or_dialect to, or_str body, or_str model, int slot, or_str *text)
{
    or_buf             out;
    or_dialect_request q;
    or_buf_init(&out, there_memory[slot], ROOM);
    memset(&q, 0, sizeof q);
    q.body = body;
    q.model = model;
    or_err e = or_dialect_write(&out, to, &q, &lost, NULL);
    *text = or_buf_str(&out);
    if (e == OR_OK && or_json_check(*text, NULL) != OR_OK) abort();
    return e;
}

/* From a request that was written on to the second after it: the last two are the same. The first
   may differ from them, since neighbours are joined and a missing result is an error only once;
   and names that are no longer plain get longer each time. */
static void check_rounds(or_str first, or_str model)
{
    or_str chat, texts[3];
    texts[0] = first;
    for (int i = 1; i < 3; i++) {
        memset(&lost, 0, sizeof lost);
        or_err e = to_chat(OR_DIALECT_MESSAGES, texts[i - 1], 1, &chat);
        if (e == OR_ERR_DEPTH) return; /* a schema or arguments */
        if (e != OR_OK) abort();
        if (from_chat(OR_DIALECT_MESSAGES, chat, model, i, &texts[i]) != OR_OK) abort();
        check_said(texts[i - 1], read_messages, texts[i], read_messages);
    }
    if (or_str_find(texts[1], OR_STR("\"or--"), 0) < texts[1].len) return;
    if (!or_str_eq(texts[1], texts[2])) abort();
}

/* As chat, for a server that lacks nothing: all members as they stand, but for the model. */
static void check_copy(or_str chat)
{
    static char      memory[ROOM];
    ori_dialect_list l, copied;
    or_json_item     item, copy;
    or_str           text;
    bool             named = false;
    or_buf           out;
    if (from_chat(OR_DIALECT_CHAT, chat, OR_STR("m"), 0, &text) != OR_OK) abort();
    or_buf_init(&out, memory, sizeof memory);
    ori_dialect_begin(&l, chat);
    ori_dialect_begin(&copied, text);
    while (ori_dialect_next(&l, &item)) {
        bool model = or_json_str_is(item.key, OR_STR("model"));
        if (model && named) continue;
        named = named || model;
        if (!ori_dialect_next(&copied, &copy) || !or_str_eq(item.key, copy.key)) abort();
        if (!or_str_eq(ori_dialect_text(&copy), model ? OR_STR("\"m\"") : ori_dialect_text(&item)))
            abort();
    }
    if (!named && (!ori_dialect_next(&copied, &copy) || !ori_dialect_is(&copy, "m"))) abort();
    if (ori_dialect_next(&copied, &copy)) abort();
}

static void check_requests(or_str in)
{
    static const char *const models[] = {"m", "claude-sonnet-4-6", "claude-opus-5-5",
                                         "claude-3-5-haiku"};
    static const char *const geminis[] = {"gemini-3-pro", "gemini-2.5-flash", "gemma-3"};
    or_str                   chat, text, model = or_str_z(models[in.len % 4]);
    memset(&lost, 0, sizeof lost);
    if (to_chat(OR_DIALECT_MESSAGES, in, 0, &chat) == OR_OK) {
        check_copy(chat);
        if (from_chat(OR_DIALECT_MESSAGES, chat, model, 0, &text) == OR_OK) {
            check_said(in, read_messages, text, read_messages);
            check_rounds(text, model);
        }
    }
    memset(&lost, 0, sizeof lost);
    if (to_chat(OR_DIALECT_RESPONSES, in, 0, &chat) == OR_OK) {
        check_copy(chat);
        if (from_chat(OR_DIALECT_MESSAGES, chat, model, 0, &text) == OR_OK)
            check_said(chat, read_chat, text, read_messages);
    }
    memset(&lost, 0, sizeof lost);
    if (from_chat(OR_DIALECT_MESSAGES, in, model, 0, &text) == OR_OK) {
        check_said(in, read_chat, text, read_messages);
        check_rounds(text, model);
        check_copy(in);
    }
    memset(&lost, 0, sizeof lost);
    if (from_chat(OR_DIALECT_GEMINI, in, or_str_z(geminis[in.len % 3]), 0, &text) == OR_OK) {
        lost.reasoning = true; /* signatures of Anthropic have no place there */
        check_said(in, read_chat, text, read_gemini);
    }
}

/* ---- answers ---- */

enum { MOST_CALLS = 4, MOST_DELTAS = 20, REPLIES = 4 };

static const char *const call_ids[] = {"call_0", "call_1", "toolu_2", "x"};
static const char *const call_names[] = {"f", "get_tide", "a.b", "or--x"};
static const char *const arguments[] = {"{}",
                                        "{\"a\":1}",
                                        "{\"k\":\"\\\"}{\\\\\",\"n\":[1,{\"b\":null}]}",
                                        "{\"s\":\"\\u00e9\\n\"}",
                                        " {\"a\" : [ ] }",
                                        "",
                                        "[1]",
                                        "plain"};

/* One answer, as it is told to all. */
typedef struct answer {
    const uint8_t  *at, *end; /* the script */
    or_reply        replies[REPLIES];
    or_buf          holds[REPLIES], outs[REPLIES];
    or_chat_collect told;
    or_buf          joined; /* text and refusals: one text in MESSAGES */
    or_str          args[MOST_CALLS];
    size_t          fed[MOST_CALLS];
    uint32_t        num_calls, num_seals;
    int             last_call; /* the last piece that began is this call; -1: no call */
    bool            refused;
    or_finish       finish;
    or_usage        usage;
    or_err          err;
} answer;

static char           told_text[ROOM], joined_text[ROOM], hold_memory[REPLIES][ROOM / 4];
static char           out_memory[REPLIES][ROOM];
static or_tool_call   told_calls[MOST_CALLS], back_calls[MOST_CALLS];
static or_reply_facts facts;

static uint8_t next_byte(answer *a)
{
    return a->at < a->end ? *a->at++ : 0;
}

/* Up to four pieces of text, among them what is escaped and what looks like an event's end. */
static or_str some_text(answer *a, char *memory)
{
    static const char *const pieces[] = {
        "a",  "\"", "\\",   "\n",     "\xC3\xA9", "\xF0\x9D\x84\x9E",
        "{",  " ",  "\x01", "data: ", "\r\n\r\n", "<",
        "or", "[",  "'",    "xyz"};
    uint8_t n = next_byte(a) % 5;
    size_t  len = 0;
    for (uint8_t i = 0; i < n; i++) {
        or_str piece = or_str_z(pieces[next_byte(a) % 16]);
        memcpy(memory + len, piece.ptr, piece.len);
        len += piece.len;
    }
    return or_str_of(memory, len);
}

static void tell(answer *a, const or_chat_delta *d)
{
    if (or_chat_collect_add(&a->told, d) != OR_OK) abort();
    or_buf_put_str(&a->joined, d->text);
    or_buf_put_str(&a->joined, d->refusal);
    if (d->refusal.len > 0) a->refused = true;
    if (d->finish != OR_FINISH_NONE) a->finish = d->finish;
    for (int i = 0; i < REPLIES && a->err == OR_OK; i++)
        a->err = or_reply_add(&a->replies[i], &a->outs[i], d);
}

/* Reasoning with what has to come back: its text stands in both places, as chat has it. */
static void tell_details(answer *a, bool sealed)
{
    char           text[64], memory[512];
    or_chat_delta  d;
    or_buf         b;
    or_json_writer w;
    memset(&d, 0, sizeof d);
    or_buf_init(&b, memory, sizeof memory);
    or_json_writer_init(&w, &b);
    or_json_begin_array(&w);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("type"));
    or_json_put_str(&w, sealed ? OR_STR("reasoning.encrypted") : OR_STR("reasoning.text"));
    if (!sealed) {
        d.reasoning = some_text(a, text);
        or_json_put_key(&w, OR_STR("text"));
        or_json_put_str(&w, d.reasoning);
    }
    char seal[] = "seal-A-";
    seal[5] = (char)('A' + a->num_seals++ % 26);
    or_json_put_key(&w, sealed ? OR_STR("data") : OR_STR("signature"));
    or_json_put_str(&w, or_str_z(seal));
    or_json_put_key(&w, OR_STR("format"));
    or_json_put_str(&w, next_byte(a) % 2 != 0 ? OR_STR("anthropic-claude-v1") : OR_STR("x-v1"));
    or_json_put_key(&w, OR_STR("index"));
    or_json_put_u64(&w, a->num_seals);
    or_json_end_object(&w);
    or_json_end_array(&w);
    if (or_json_writer_end(&w) != OR_OK) abort();
    d.reasoning_details = or_buf_str(&b);
    a->last_call = -1;
    tell(a, &d);
}

/* Up to n bytes more of the arguments of call k, which is new when there are only so many. */
static void tell_call(answer *a, uint32_t k, size_t n)
{
    or_chat_delta d;
    or_tool_call  call;
    memset(&d, 0, sizeof d);
    memset(&call, 0, sizeof call);
    call.index = k;
    if (k == a->num_calls) {
        a->args[k] = or_str_z(arguments[next_byte(a) % 8]);
        a->fed[k] = 0;
        a->num_calls++;
        a->last_call = (int)k;
        call.id = or_str_z(call_ids[k]);
        call.name = or_str_z(call_names[k]);
    }
    if (n > a->args[k].len - a->fed[k]) n = a->args[k].len - a->fed[k];
    call.arguments = or_str_of(a->args[k].ptr + a->fed[k], n);
    a->fed[k] += n;
    d.tool_calls = &call;
    d.num_tool_calls = 1;
    tell(a, &d);
}

static void tell_text(answer *a, int kind)
{
    char          memory[64];
    or_chat_delta d;
    memset(&d, 0, sizeof d);
    or_str text = some_text(a, memory);
    if (kind == 0) d.text = text;
    if (kind == 1) d.reasoning = text;
    if (kind == 2) d.refusal = text;
    if (text.len > 0) a->last_call = -1;
    tell(a, &d);
}

/* Deltas until the script is over. The arguments of calls become whole then, but for an answer
   that was cut off. */
static void tell_all(answer *a)
{
    static const or_finish finishes[] = {OR_FINISH_NONE, OR_FINISH_STOP, OR_FINISH_TOOL_CALLS,
                                         OR_FINISH_LENGTH, OR_FINISH_CONTENT_FILTER};
    or_chat_delta          d;
    bool                   cut;
    memset(&d, 0, sizeof d);
    d.finish = finishes[next_byte(a) % 5];
    cut = d.finish == OR_FINISH_LENGTH && next_byte(a) % 2 != 0;
    a->usage.set = true;
    a->usage.cached_tokens = next_byte(a);
    a->usage.cache_write_tokens = next_byte(a);
    a->usage.prompt_tokens = a->usage.cached_tokens + a->usage.cache_write_tokens + next_byte(a);
    a->usage.completion_tokens = next_byte(a);
    a->usage.reasoning_tokens = next_byte(a);
    a->usage.total_tokens = a->usage.prompt_tokens + a->usage.completion_tokens;
    for (int i = 0; i < MOST_DELTAS && a->at < a->end; i++) {
        uint8_t op = next_byte(a) % 12;
        if (op < 3) tell_text(a, 0);
        if (op == 3) tell_text(a, 1);
        if (op == 4) tell_text(a, 2);
        if (op == 5 || op == 6) tell_details(a, op == 6);
        if (op == 7 && a->num_calls < MOST_CALLS) tell_call(a, a->num_calls, next_byte(a) % 8);
        if (op > 7 && a->num_calls > 0) tell_call(a, op % a->num_calls, next_byte(a) % 16);
    }
    for (uint32_t k = 0; k < a->num_calls && !cut; k++) tell_call(a, k, a->args[k].len);
    tell(a, &d);
}

/* What a reader is told as the end. A call is one, unless the limit came in its midst; MESSAGES
   has one word for what was filtered and what the model refused. */
static or_finish finish_for(const answer *a, or_dialect to)
{
    bool calls = a->num_calls > 0, cut = false;
    if (to == OR_DIALECT_RESPONSES) {
        if (a->finish == OR_FINISH_LENGTH || a->finish == OR_FINISH_CONTENT_FILTER)
            return a->finish;
        return calls ? OR_FINISH_TOOL_CALLS : OR_FINISH_STOP;
    }
    if (a->last_call >= 0 && a->finish == OR_FINISH_LENGTH) {
        or_str so_far = or_str_of(a->args[a->last_call].ptr, a->fed[a->last_call]);
        cut = so_far.len == 0 || or_json_check(so_far, NULL) != OR_OK ||
              or_str_find(so_far, OR_STR("{"), 0) > 1;
    }
    if (calls && !cut) return OR_FINISH_TOOL_CALLS;
    if (a->refused || a->finish == OR_FINISH_CONTENT_FILTER) return OR_FINISH_CONTENT_FILTER;
    return a->finish == OR_FINISH_LENGTH ? OR_FINISH_LENGTH : OR_FINISH_STOP;
}

/* Arguments come back as they were, and {} for none. A whole answer of MESSAGES has an object in
   their place: without the white space before it, and what is none as its member `_raw`. */
static void check_arguments(or_str want, or_str got, bool whole)
{
    or_json_item raw;
    char         memory[64];
    or_str       text;
    if (whole) {
        const char *end = want.ptr + want.len;
        want.ptr = ori_json_skip_space(want.ptr, end);
        want.len = (size_t)(end - want.ptr);
    }
    if (or_str_eq(got, want) || (want.len == 0 && or_str_eq(got, OR_STR("{}")))) return;
    raw = ori_dialect_get(got, "_raw");
    if (!whole || raw.type != OR_JSON_STRING) abort();
    if (or_json_unescape(raw.value, memory, sizeof memory, &text) != OR_OK) abort();
    if (or_str_find(text, want, 0) == text.len) abort();
}

static void check_usage(const or_usage *want, const or_usage *got)
{
    if (!got->set || want->prompt_tokens != got->prompt_tokens ||
        want->completion_tokens != got->completion_tokens ||
        want->total_tokens != got->total_tokens || want->cached_tokens != got->cached_tokens ||
        want->cache_write_tokens != got->cache_write_tokens ||
        want->reasoning_tokens != got->reasoning_tokens || got->cost_pico_usd != 1234)
        abort();
}

/* What came back against what was told. */
static void check_back(answer *a, const or_msg *told, or_chat_collect *back, bool whole,
                       or_dialect to)
{
    or_msg m;
    if (or_chat_collect_end(back, &m) != OR_OK) abort();
    if (to == OR_DIALECT_MESSAGES) {
        if (!or_str_eq(m.content, or_buf_str(&a->joined)) || m.refusal.len > 0) abort();
    } else if (!or_str_eq(m.content, told->content) || !or_str_eq(m.refusal, told->refusal)) {
        abort();
    }
    if (!or_str_eq(m.reasoning, told->reasoning)) abort();
    for (uint32_t i = 0; i < a->num_seals; i++) {
        char seal[] = "seal-A-";
        seal[5] = (char)('A' + i % 26);
        if (or_str_find(m.reasoning_details, or_str_z(seal), 0) >= m.reasoning_details.len) abort();
    }
    if (back->num_calls != a->num_calls) abort();
    for (uint32_t i = 0; i < a->num_calls; i++) {
        if (!or_str_eq(back_calls[i].id, told_calls[i].id)) abort();
        /* What looks like a name of ours is read as one. */
        if (i != 3 && !or_str_eq(back_calls[i].name, told_calls[i].name)) abort();
        check_arguments(or_str_of(a->args[i].ptr, a->fed[i]), back_calls[i].arguments,
                        whole && to == OR_DIALECT_MESSAGES);
    }
}

/* The events in two pieces, the first of `cut` bytes. */
static void read_stream(answer *a, const or_msg *told, or_dialect to, or_str events, size_t cut)
{
    static char       pieces[ROOM], memory[ROOM], text[ROOM];
    or_dialect_stream dialect;
    or_chat_stream    stream;
    or_chat_collect   back;
    or_chat_delta     d;
    or_sse_event      ev;
    or_sse            sse;
    or_arena          arena;
    or_buf            carry, out;
    or_str            in[2];
    in[0] = or_str_of(events.ptr, cut);
    in[1] = or_str_of(events.ptr + cut, events.len - cut);
    or_buf_init(&carry, pieces, sizeof pieces);
    or_buf_init(&out, text, sizeof text);
    or_sse_init(&sse, &carry);
    or_chat_stream_init(&stream);
    or_dialect_stream_init(&dialect, to);
    or_chat_collect_init(&back, &out, back_calls, MOST_CALLS);
    for (int i = 0; i < 2; i++)
        while (or_sse_next(&sse, &in[i], &ev) == OR_OK) {
            or_arena_init(&arena, memory, sizeof memory);
            if (or_dialect_stream_next(&dialect, &stream, ev.data, &arena, &d) != OR_OK) abort();
            if (or_chat_collect_add(&back, &d) != OR_OK) abort();
        }
    if (or_chat_stream_end(&stream, true) != OR_END_COMPLETE || !stream.done) abort();
    if (stream.finish != finish_for(a, to)) abort();
    check_usage(&a->usage, &stream.usage);
    check_back(a, told, &back, false, to);
}

static void read_whole(answer *a, const or_msg *told, or_dialect to, or_str body)
{
    static char     memory[ROOM], text[ROOM];
    or_chat_answer  read;
    or_chat_collect back;
    or_arena        arena;
    or_buf          out;
    or_arena_init(&arena, memory, sizeof memory);
    or_buf_init(&out, text, sizeof text);
    or_chat_collect_init(&back, &out, back_calls, MOST_CALLS);
    if (or_json_check(body, NULL) != OR_OK) abort();
    if (or_dialect_read(to, body, &arena, &read) != OR_OK || read.error.set) abort();
    if (read.finish != finish_for(a, to)) abort();
    check_usage(&a->usage, &read.usage);
    if (or_chat_collect_add(&back, &read) != OR_OK) abort();
    check_back(a, told, &back, true, to);
}

static void check_answers(const uint8_t *data, size_t size)
{
    static answer a;
    or_msg        told;
    or_cost       cost;
    memset(&a, 0, sizeof a);
    memset(&cost, 0, sizeof cost);
    cost.source = OR_COST_UPSTREAM;
    cost.pico_usd = 1234;
    facts.id = OR_STR("gen-1");
    facts.model = OR_STR("m");
    a.at = data;
    a.end = data + size;
    a.last_call = -1;
    for (int i = 0; i < REPLIES; i++) {
        or_buf_init(&a.holds[i], hold_memory[i], sizeof hold_memory[i]);
        or_buf_init(&a.outs[i], out_memory[i], sizeof out_memory[i]);
        or_reply_init(&a.replies[i], i % 2 != 0 ? OR_DIALECT_RESPONSES : OR_DIALECT_MESSAGES,
                      &facts, i < 2, &a.holds[i]);
    }
    or_buf_init(&a.joined, joined_text, sizeof joined_text);
    or_buf told_out;
    or_buf_init(&told_out, told_text, sizeof told_text);
    or_chat_collect_init(&a.told, &told_out, told_calls, MOST_CALLS);
    size_t cut = size > 1 ? (size_t)data[size - 1] * 256 + data[size / 2] : 0;
    tell_all(&a);
    for (int i = 0; i < REPLIES && a.err == OR_OK; i++)
        a.err = or_reply_end(&a.replies[i], &a.outs[i], &a.usage, &cost, none());
    if (a.err != OR_OK) abort(); /* fewer pieces than a reply has room for */
    if (or_chat_collect_end(&a.told, &told) != OR_OK) abort();
    for (int i = 0; i < REPLIES; i++) {
        or_str     text = or_buf_str(&a.outs[i]);
        or_dialect to = i % 2 != 0 ? OR_DIALECT_RESPONSES : OR_DIALECT_MESSAGES;
        if (i < 2)
            read_stream(&a, &told, to, text, cut % (text.len + 1));
        else
            read_whole(&a, &told, to, text);
    }
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    if (size > MOST) return;
    if (size > 0 && (data[0] == '{' || data[0] <= ' '))
        check_requests(or_str_of((const char *)data, size));
    else
        check_answers(data, size);
}
