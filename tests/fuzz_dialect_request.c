/* Any bytes as a request in each dialect that clients speak: what comes out is a chat request,
   JSON that the routing can read, with at least one message and no member twice; or an error, and
   then nothing is left behind. One byte less of room is an error, too. Their tokens are counted. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/fuzz.h"

static char chat[1 << 17], small[1 << 17], memory[1 << 16];

/* A request that was written. dialect TEXT passes what is there twice. */
static void check_chat(or_str text, or_dialect from)
{
    static or_json_member members[256];
    or_route_request      q;
    or_arena              arena;
    uint32_t              num;
    bool                  messages = false;
    if (or_json_check(text, NULL) != OR_OK) abort();
    or_arena_init(&arena, memory, sizeof memory);
    or_err e = or_route_request_read(&q, text, &arena, NULL);
    if (e != OR_OK && e != OR_ERR_TYPE && e != OR_ERR_RANGE && e != OR_ERR_SPACE) abort();
    e = or_json_members(text, members, 256, &num, NULL);
    if (e == OR_ERR_TOKENS) return;
    if (e != OR_OK) abort();
    for (uint32_t i = 0; i < num; i++) {
        (void)or_json_member_find(members, num, members[i].name, &e);
        if (from != OR_DIALECT_TEXT && e != OR_OK) abort();
        if (!or_str_eq(members[i].name, OR_STR("messages"))) continue;
        messages = members[i].value.len > 2 && members[i].type == OR_JSON_ARRAY;
    }
    if (!messages) abort();
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    static const or_dialect from[] = {OR_DIALECT_TEXT, OR_DIALECT_MESSAGES, OR_DIALECT_RESPONSES};
    or_str                  in = or_str_of((const char *)data, size);
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        or_buf          out;
        or_dialect_loss loss;
        const char     *bad = NULL;
        memset(&loss, 0, sizeof loss);
        or_buf_init(&out, chat, sizeof chat);
        or_buf_put_z(&out, "before");
        or_err e = or_dialect_to_chat(&out, from[i], in, &loss, &bad);
        if (memcmp(chat, "before", 6) != 0 || loss.num > OR_DIALECT_MAX_LOSSES) abort();
        for (uint32_t k = 0; k < loss.num; k++)
            if (loss.names[k] == NULL || loss.names[k][0] == 0) abort();
        if (e != OR_OK) {
            if (out.len != 6 || bad == NULL) abort();
            continue;
        }
        check_chat(or_str_of(chat + 6, out.len - 6), from[i]);
        size_t len = out.len - 6;
        or_buf_init(&out, small, len - 1);
        if (or_dialect_to_chat(&out, from[i], in, NULL, NULL) != OR_ERR_SPACE) abort();
        if (out.len != 0) abort();
    }
    if (or_dialect_count_tokens(in) > 2 * (uint64_t)size * 1500) abort();
}
