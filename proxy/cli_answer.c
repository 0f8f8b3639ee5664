/* One model's answer to one question: from the request to the line that says what it cost. */
#include <stdio.h>
#include <string.h>

#include "ports/posix.h"
#include "proxy/cli_parts.h"
#include "proxy/mem.h"

enum {
    MAX_FAILURE = 64 << 10, /* bytes of what went wrong */
    MAX_NAME = 200          /* bytes of a model's name that are shown */
};

static void copy(char *to, size_t size, or_str s)
{
    or_buf out;
    if (s.len == 0) return;
    or_buf_init(&out, to, size - 1);
    cli_put_clean(&out, s, true);
    to[out.len] = 0;
}

static void fail(cli_answer *a, const char *text)
{
    if (a->failure.len == 0) or_buf_put_z(&a->failure, text);
}

/* Show it: reasoning dim, and apart from the answer. */
static void show(cli_answer *a, or_str s, bool reasoning)
{
    size_t before;
    if (s.len == 0) return;
    if (a->thinking && !reasoning) or_buf_put_z(&a->pending, a->open_line ? "\n\n" : "\n");
    a->thinking = reasoning;
    if (reasoning && a->colours) or_buf_put_z(&a->pending, "\033[2m");
    before = a->pending.len;
    cli_put_clean(&a->pending, s, false);
    if (a->pending.len > before) a->open_line = a->pending.ptr[a->pending.len - 1] != '\n';
    if (reasoning && a->colours) or_buf_put_z(&a->pending, "\033[0m");
}

static void show_calls(cli_answer *a, const or_chat_delta *d)
{
    for (uint32_t i = 0; i < d->num_tool_calls; i++) {
        if (d->tool_calls[i].name.len == 0) continue;
        show(a, OR_STR("[calls "), false);
        show(a, d->tool_calls[i].name, false);
        show(a, OR_STR("]"), false);
    }
    if (d->num_images > 0) show(a, OR_STR("[image]"), false);
}

static void take(cli_answer *a, const or_chat_delta *d)
{
    copy(a->served, sizeof a->served, d->model);
    copy(a->provider, sizeof a->provider, d->provider);
    if (a->reasoning) show(a, d->reasoning, true);
    show(a, d->text, false);
    show(a, d->refusal, false);
    show_calls(a, d);
    or_buf_put_str(&a->text, d->text);
    or_buf_put_str(&a->text, d->refusal);
    if (d->error.set && a->failure.len == 0) cli_put_error(&a->failure, &d->error, &a->x);
    if (a->text.err != OR_OK || a->pending.err != OR_OK)
        fail(a, "the answer is larger than can be kept");
}

static void on_event(void *user, or_str data)
{
    cli_answer   *a = user;
    or_arena      arena;
    or_chat_delta delta;
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    or_err e = or_chat_stream_next(&a->stream, data, &arena, &delta);
    if (e == OR_OK)
        take(a, &delta);
    else
        fail(a, e == OR_ERR_MEMORY ? "the answer needs more memory than limits.memory allows"
                                   : "the stream has an event that is no chunk of a chat");
    or_arena_reset(&arena);
}

void cli_answer_begin(cli_answer *a, int fd, or_str body)
{
    a->begun_ms = or_posix_now_ms();
    a->end = OR_END_OPEN;
    or_chat_stream_init(&a->stream);
    or_buf_init_growing(&a->text, &mem_allocator, CLI_MAX_ANSWER);
    or_buf_init_growing(&a->pending, &mem_allocator, 2 * (size_t)CLI_MAX_ANSWER);
    or_buf_init_growing(&a->failure, &mem_allocator, MAX_FAILURE);
    cli_exchange_begin(&a->x, fd, OR_STR("POST"), OR_STR("/api/v1/chat/completions"), body,
                       on_event, a);
}

/* An answer that came whole though a stream was asked for. */
static void take_whole(cli_answer *a)
{
    or_arena       arena;
    or_chat_answer answer;
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    if (or_chat_read(or_buf_str(&a->x.body), &arena, &answer) == OR_OK) {
        take(a, &answer);
        a->usage = answer.usage;
        a->stream.finish = answer.finish;
        a->end = answer.finish != OR_FINISH_NONE ? OR_END_COMPLETE : OR_END_TRUNCATED;
    } else {
        fail(a, "the answer is no chat completion");
    }
    or_arena_reset(&arena);
}

static void conclude(cli_answer *a)
{
    a->took_ms = (uint32_t)or_ms_diff(a->begun_ms, or_posix_now_ms());
    if (a->x.stream) {
        a->end = or_chat_stream_end(&a->stream, a->x.clean);
        a->usage = a->stream.usage;
    } else if (a->x.clean && a->x.status == 200) {
        take_whole(a);
    } else if (a->failure.len == 0) {
        cli_exchange_error(&a->x, &a->failure);
    }
    if (a->failure.len > 0)
        a->end = OR_END_ERROR;
    else if (a->end != OR_END_COMPLETE)
        fail(a, a->end == OR_END_ERROR ? "the answer ended in an error"
                                       : "the answer was cut: it stopped without an end");
    if (a->open_line) or_buf_put_char(&a->pending, '\n');
}

void cli_answer_step(cli_answer *a)
{
    if (a->x.over) return;
    cli_exchange_step(&a->x);
    if (a->x.over) conclude(a);
}

void cli_answer_interrupt(cli_answer *a)
{
    if (a->x.over) return;
    a->interrupted = true;
    a->x.over = true;
    a->x.keep = false;
    fail(a, "given up");
    a->x.status = 0;
    conclude(a);
}

bool cli_answer_good(const cli_answer *a)
{
    return a->end == OR_END_COMPLETE;
}

static void put_tokens(or_buf *out, const or_usage *u)
{
    if (!u->set) {
        or_buf_put_z(out, "tokens unknown");
        return;
    }
    or_buf_put_u64(out, u->prompt_tokens);
    or_buf_put_z(out, " + ");
    or_buf_put_u64(out, u->completion_tokens);
    or_buf_put_z(out, " tokens");
}

static void put_who(const cli_answer *a, or_buf *out)
{
    or_str name = a->model.ptr != NULL ? a->model : OR_STR("default model");
    if (a->served[0] != 0)
        or_buf_put_z(out, a->served);
    else
        cli_put_clean(out, or_str_of(name.ptr, name.len < MAX_NAME ? name.len : MAX_NAME), true);
    if (a->provider[0] != 0) {
        or_buf_put_z(out, " via ");
        or_buf_put_z(out, a->provider);
    }
}

void cli_answer_footer(const cli_answer *a, or_buf *out)
{
    put_who(a, out);
    or_buf_put_z(out, ": ");
    if (cli_answer_good(a) || a->usage.set) {
        put_tokens(out, &a->usage);
        or_buf_put_z(out, ", cost ");
        if (a->usage.cost_set)
            cli_put_usd(out, a->usage.cost_pico_usd);
        else
            or_buf_put_z(out, "unknown");
        or_buf_put_z(out, ", ");
    }
    if (a->stream.finish == OR_FINISH_LENGTH) or_buf_put_z(out, "cut at the limit of tokens, ");
    if (a->stream.finish == OR_FINISH_CONTENT_FILTER) or_buf_put_z(out, "stopped by a filter, ");
    cli_put_seconds(out, a->took_ms);
}

void cli_answer_end(cli_answer *a)
{
    cli_exchange_end(&a->x);
    or_buf_free(&a->text);
    or_buf_free(&a->pending);
    or_buf_free(&a->failure);
    memset(a, 0, sizeof *a);
}
