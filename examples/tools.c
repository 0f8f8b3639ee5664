/* tools.c - a conversation, one question a line, with a model that may call a function

   cc -I. examples/tools.c ports/link.c ports/posix.c ports/bearssl.c -lbearssl -o tools
   echo "Is the cellar cold?" | ./tools https://openrouter.ai/api/v1 openrouter/auto */
#define OR_IMPLEMENTATION
#include "or.h"

#include <stdio.h>
#include <stdlib.h>

#include "ports/link.h"

enum { MAX_MSGS = 100, MAX_CALLS = 8, HISTORY = 16384, ROUNDS = 8 };

static char     memory[1 << 20], words[1 << 20];
static or_arena arena; /* calls of earlier rounds */
static or_buf   text;  /* all that was said; does not move, so messages can point into it */
static or_msg   msgs[MAX_MSGS];
static uint32_t num_msgs;

static const or_tool thermometer = {
    .name = OR_STR_INIT("read_temperature"),
    .description = OR_STR_INIT("The temperature in a room of this house, in degrees Celsius"),
    .parameters = OR_STR_INIT("{\"type\":\"object\",\"required\":[\"room\"],\"properties\":{"
                              "\"room\":{\"type\":\"string\"}}}")};

static or_str read_temperature(const or_tool_call *call)
{
    char        mem[2048]; /* the model may send anything: look before you read */
    or_arena    scratch;
    or_json_doc doc;
    or_str      room;
    size_t      start = text.len;
    or_arena_init(&scratch, mem, sizeof mem);
    if (!or_str_eq(call->name, thermometer.name)) return OR_STR("There is no such function.");
    if (or_json_parse(&doc, call->arguments, 0, &scratch) != OR_OK ||
        or_json_get_str(&doc, or_json_find(&doc, 0, "/room"), &scratch, &room) != OR_OK)
        return OR_STR("Which room?");
    or_buf_put_str(&text, room);
    or_buf_put_z(&text, ": 12.5");
    return or_str_of(text.ptr + start, text.len - start);
}

/* Send the history, print the answer as it comes, and add it to the history. */
static or_err ask(const or_client_desc *desc, or_str model)
{
    static or_link   link;
    static or_client client;
    or_call_event    ev;
    or_chat_collect  answer;
    or_moment        now = or_link_moment();
    or_tool_call    *calls = or_arena_alloc(&arena, MAX_CALLS * sizeof *calls);
    or_chat_desc     chat = {.model = model, .msgs = msgs, .num_msgs = num_msgs, .stream = true,
                             .tools = &thermometer, .num_tools = 1};
    if (calls == NULL) return OR_ERR_SPACE;
    or_chat_collect_init(&answer, &text, calls, MAX_CALLS);
    or_err e = or_client_begin(&client, desc, &chat, &now);
    while (e == OR_OK && (e = or_link_next(&link, &client, &ev)) == OR_OK) {
        if (ev.kind == OR_CALL_DELTA) {
            or_chat_collect_add(&answer, ev.delta); /* or_chat_collect_end tells if it fits */
            printf("%.*s", (int)ev.delta->text.len, ev.delta->text.len ? ev.delta->text.ptr : "");
            fflush(stdout);
        }
        if (ev.kind == OR_CALL_END && ev.end != OR_END_COMPLETE)
            return ev.failure->err != OR_OK ? ev.failure->err : OR_ERR_TRUNCATED;
    }
    return e == OR_DONE ? or_chat_collect_end(&answer, &msgs[num_msgs++]) : e;
}

int main(int argc, char **argv)
{
    static char line[1000], mem[200000];
    or_provider    provider = {.base_url = or_str_z(argv[1]), .key = or_str_z(getenv("OR_API_KEY"))};
    or_client_desc desc = {.providers = &provider, .num_providers = 1, .mem = mem,
                           .mem_size = sizeof mem, .max_request = 2 * HISTORY};
    or_err         e = OR_OK;
    if (argc != 3) return fprintf(stderr, "usage: tools URL MODEL\n"), 1;
    or_arena_init(&arena, memory, sizeof memory);
    or_buf_init(&text, words, sizeof words);
    msgs[num_msgs++] = (or_msg){.role = OR_ROLE_SYSTEM, .content = OR_STR("Answer in a sentence.")};
    while (e == OR_OK && fgets(line, sizeof line, stdin) != NULL) {
        size_t start = text.len;
        or_buf_put_z(&text, line);
        msgs[num_msgs++] = (or_msg){.content = or_str_of(text.ptr + start, text.len - start)};
        for (int round = 0; e == OR_OK && round < ROUNDS; round++) {
            e = text.err != OR_OK ? text.err : or_chat_trim(msgs, &num_msgs, HISTORY);
            if (e == OR_OK && num_msgs + 2 + MAX_CALLS > MAX_MSGS) e = OR_ERR_SPACE;
            if (e == OR_OK) e = ask(&desc, or_str_z(argv[2]));
            const or_msg *said = &msgs[num_msgs - 1];
            if (e != OR_OK || said->num_tool_calls == 0) break;
            for (uint32_t i = 0; i < said->num_tool_calls; i++)
                msgs[num_msgs++] = (or_msg){.role = OR_ROLE_TOOL,
                                            .tool_call_id = said->tool_calls[i].id,
                                            .content = read_temperature(&said->tool_calls[i])};
        }
        printf("\n");
    }
    if (e != OR_OK) fprintf(stderr, "%s: %s\n", argv[1], or_err_text(e));
    return e != OR_OK;
}
