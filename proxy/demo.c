#include "proxy/demo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "or.h"
#include "proxy/ev.h"
#include "proxy/gen.h"
#include "proxy/mem.h"
#include "proxy/member.h"
#include "proxy/net.h"

enum { MAX_REQUEST = 1 << 30, CUT_AFTER = 3 };

typedef enum mood { ECHO, UNSTABLE, CUT, BUSY_429, TOOLS } mood;

/* The catalogue. Prices are pico-USD per token, times milliseconds. */
typedef struct model {
    const char *id, *name, *description;
    mood        mood;
    int64_t     prompt_price, completion_price;
    unsigned    first_ms, word_ms;
} model;

static const model models[] = {
    {"demo/echo", "Demo: Echo", "Repeats what you said.", ECHO, 150000, 600000, 120, 25},
    {"demo/slow", "Demo: Slow", "Thinks for 8 seconds, then speaks slowly.", ECHO, 150000, 600000,
     8000, 400},
    {"demo/unstable", "Demo: Unstable", "Fails with 503 every other time.", UNSTABLE, 37500, 150000,
     120, 25},
    {"demo/cut", "Demo: Cut", "Breaks the connection in the middle of the answer.", CUT, 150000,
     600000, 120, 25},
    {"demo/429", "Demo: Busy", "Is always over its rate limit (Retry-After: 7).", BUSY_429, 0, 0,
     0, 0},
    {"demo/tools", "Demo: Tools", "Calls the first tool it is given, then reports the result.",
     TOOLS, 1000000, 4000000, 120, 25},
};
enum { NUM_MODELS = sizeof models / sizeof models[0] };

typedef struct demo {
    ev_io        io;
    ev_timer     timer;
    ev_task      task; /* free it at the end of the turn */
    or_http      http;
    or_buf       in;
    char         path[32]; /* of the request in work; longer ones are unknown anyway */
    or_buf       body;
    or_buf       out;
    or_arena     arena;
    const model *model;
    or_str       text; /* the answer; in the arena */
    size_t       said; /* bytes of it already sent */
    unsigned     words, max_words;
    or_tool_call call; /* name set: answer with this call instead */
    uint64_t     prompt_tokens, completion_tokens;
    gen_name     id;
    bool         busy, stream, closed, close_when_sent, truncated;
} demo;

/* ---- connection ---- */

static void release(void *user)
{
    demo *d = user;
    or_buf_free(&d->in);
    or_buf_free(&d->body);
    or_buf_free(&d->out);
    or_arena_reset(&d->arena);
    mem_free(d, sizeof *d);
}

static void close_demo(demo *d)
{
    if (d->closed) return;
    d->closed = true;
    int fd = d->io.fd;
    ev_timer_stop(&d->timer);
    ev_remove(&d->io);
    close(fd);
    ev_defer(&d->task);
}

static void flush(demo *d)
{
    if (d->out.err != OR_OK) { /* limits.memory: a cut is seen as a cut */
        close_demo(d);
        return;
    }
    while (d->out.len > 0 && !d->closed) {
        ssize_t n = send(d->io.fd, d->out.ptr, d->out.len, MSG_NOSIGNAL);
        if (n > 0) {
            or_buf_take(&d->out, (size_t)n);
            continue;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK) close_demo(d);
        break;
    }
    if (d->closed) return;
    if (d->out.len == 0 && d->close_when_sent)
        close_demo(d);
    else
        ev_want(&d->io, EV_READ | (d->out.len > 0 ? EV_WRITE : 0u));
}

/* ---- answers ---- */

static void answer(demo *d, uint16_t status, or_str fields, or_str body, size_t claimed)
{
    or_http_put_status(&d->out, status);
    or_http_put_field(&d->out, OR_STR("Content-Type"), OR_STR("application/json"));
    if (d->id.text[0] != 0)
        or_http_put_field(&d->out, OR_STR("X-Generation-Id"), or_str_z(d->id.text));
    or_buf_put_str(&d->out, fields);
    or_http_put_length(&d->out, claimed);
    or_http_put_head_end(&d->out);
    or_buf_put_str(&d->out, body);
    d->busy = false;
    flush(d);
}

static void answer_error(demo *d, uint16_t status, or_str fields, const char *message)
{
    char           mem[512];
    or_buf         body;
    or_json_writer w;
    or_buf_init(&body, mem, sizeof mem);
    or_json_writer_init(&w, &body);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("error"));
    or_json_begin_object(&w);
    member_u64(&w, "code", status);
    member_z(&w, "message", message);
    or_json_end_object(&w);
    or_json_end_object(&w);
    answer(d, status, fields, or_buf_str(&body), body.len);
}

/* id, provider, model, object, created: what every answer and chunk begins with. */
static void put_common(const demo *d, or_json_writer *w, const char *object)
{
    member_str(w, "id", or_str_z(d->id.text));
    member_str(w, "provider", OR_STR("Demo"));
    member_str(w, "model", or_str_z(d->model->id));
    member_str(w, "object", or_str_z(object));
    member_u64(w, "created", (uint64_t)time(NULL));
}

static void put_usage(const demo *d, or_json_writer *w)
{
    int64_t prompt = 0, completion = 0, cost = 0;
    (void)or_mul_i64((int64_t)d->prompt_tokens, d->model->prompt_price, &prompt);
    (void)or_mul_i64((int64_t)d->completion_tokens, d->model->completion_price, &completion);
    (void)or_add_i64(prompt, completion, &cost);
    or_json_put_key(w, OR_STR("usage"));
    or_json_begin_object(w);
    member_u64(w, "prompt_tokens", d->prompt_tokens);
    member_u64(w, "completion_tokens", d->completion_tokens);
    member_u64(w, "total_tokens", d->prompt_tokens + d->completion_tokens);
    member_usd(w, "cost", cost);
    member_bool(w, "is_byok", false);
    or_json_end_object(w);
}

static void put_call(const demo *d, or_json_writer *w, bool with_index)
{
    or_json_put_key(w, OR_STR("tool_calls"));
    or_json_begin_array(w);
    or_json_begin_object(w);
    if (with_index) member_u64(w, "index", 0);
    member_str(w, "id", OR_STR("call_demo_1"));
    member_str(w, "type", OR_STR("function"));
    or_json_put_key(w, OR_STR("function"));
    or_json_begin_object(w);
    member_str(w, "name", d->call.name);
    member_str(w, "arguments", d->call.arguments);
    or_json_end_object(w);
    or_json_end_object(w);
    or_json_end_array(w);
}

static bool calls_tool(const demo *d)
{
    return d->call.name.ptr != NULL;
}

static const char *finish_reason(const demo *d)
{
    if (calls_tool(d)) return "tool_calls";
    return d->truncated ? "length" : "stop";
}

static void put_finish(const demo *d, or_json_writer *w, bool now)
{
    static const char *const names[] = {"finish_reason", "native_finish_reason"};
    for (int i = 0; i < 2; i++) {
        if (now)
            member_str(w, names[i], or_str_z(finish_reason(d)));
        else
            member_null(w, names[i]);
    }
    member_null(w, "logprobs");
}

static void whole_answer(demo *d)
{
    or_buf         body;
    or_json_writer w;
    or_buf_init_growing(&body, &mem_allocator, SIZE_MAX);
    or_json_writer_init(&w, &body);
    or_json_begin_object(&w);
    put_common(d, &w, "chat.completion");
    member_null(&w, "system_fingerprint");
    or_json_put_key(&w, OR_STR("choices"));
    or_json_begin_array(&w);
    or_json_begin_object(&w);
    member_u64(&w, "index", 0);
    or_json_put_key(&w, OR_STR("message"));
    or_json_begin_object(&w);
    member_str(&w, "role", OR_STR("assistant"));
    or_json_put_key(&w, OR_STR("content"));
    if (calls_tool(d)) {
        or_json_put_null(&w);
        put_call(d, &w, false);
    } else {
        or_json_put_str(&w, d->text);
    }
    member_null(&w, "refusal");
    member_null(&w, "reasoning");
    or_json_end_object(&w);
    put_finish(d, &w, true);
    or_json_end_object(&w);
    or_json_end_array(&w);
    put_usage(d, &w);
    or_json_end_object(&w);
    size_t size = body.len;
    if (or_json_writer_end(&w) != OR_OK) {
        or_buf_free(&body);
        answer_error(d, 503, or_str_of(NULL, 0), "no memory for the answer: limits.memory is reached");
        return;
    }
    if (d->model->mood == CUT) {
        body.len /= 2;
        d->close_when_sent = true;
    }
    answer(d, 200, or_str_of(NULL, 0), or_buf_str(&body), size);
    or_buf_free(&body);
}

/* One chunk of the stream, as an event in an HTTP chunk. */
typedef enum step { ROLE, WORD, CALL, FINISH, USAGE } step;

static void put_delta(const demo *d, or_json_writer *w, step s, or_str word)
{
    or_json_put_key(w, OR_STR("delta"));
    or_json_begin_object(w);
    if (s == ROLE) member_str(w, "role", OR_STR("assistant"));
    if (s == ROLE || s == WORD) member_str(w, "content", word);
    if (s == CALL) put_call(d, w, true);
    or_json_end_object(w);
}

static void put_framed(demo *d, or_str text)
{
    char line[18];
    or_buf_put(&d->out, line, or_http_chunk_head(line, text.len));
    or_buf_put_str(&d->out, text);
    or_buf_put_z(&d->out, OR_HTTP_CHUNK_END);
}

static void say(demo *d, step s, or_str word)
{
    or_buf         event;
    or_json_writer w;
    or_buf_init_growing(&event, &mem_allocator, SIZE_MAX);
    or_buf_put_z(&event, "data: ");
    or_json_writer_init(&w, &event);
    or_json_begin_object(&w);
    put_common(d, &w, "chat.completion.chunk");
    or_json_put_key(&w, OR_STR("choices"));
    or_json_begin_array(&w);
    if (s != USAGE) {
        or_json_begin_object(&w);
        member_u64(&w, "index", 0);
        put_delta(d, &w, s, word);
        put_finish(d, &w, s == FINISH);
        or_json_end_object(&w);
    }
    or_json_end_array(&w);
    if (s == USAGE) put_usage(d, &w);
    or_json_end_object(&w);
    or_buf_put_z(&event, "\n\n");
    if (event.err != OR_OK)
        d->out.err = event.err;
    else
        put_framed(d, or_buf_str(&event));
    or_buf_free(&event);
}

static void end_stream(demo *d)
{
    if (calls_tool(d)) say(d, CALL, or_str_of("", 0));
    say(d, FINISH, or_str_of("", 0));
    say(d, USAGE, or_str_of("", 0));
    put_framed(d, OR_STR("data: [DONE]\n\n"));
    or_buf_put_z(&d->out, OR_HTTP_LAST_CHUNK);
    d->busy = false;
    flush(d);
}

/* The next word with the space in front of it. */
static or_str next_word(demo *d)
{
    size_t from = d->said, to = from;
    while (to < d->text.len && d->text.ptr[to] == ' ') to++;
    while (to < d->text.len && d->text.ptr[to] != ' ') to++;
    d->said = to;
    return or_str_of(d->text.ptr + from, to - from);
}

static void speak(demo *d)
{
    if (d->words == 0) {
        or_http_put_status(&d->out, 200);
        or_http_put_field(&d->out, OR_STR("Content-Type"), OR_STR("text/event-stream"));
        or_http_put_field(&d->out, OR_STR("X-Generation-Id"), or_str_z(d->id.text));
        or_http_put_field(&d->out, OR_STR("Transfer-Encoding"), OR_STR("chunked"));
        or_http_put_head_end(&d->out);
        say(d, ROLE, or_str_of("", 0));
    }
    if (d->said < d->text.len && !calls_tool(d)) say(d, WORD, next_word(d));
    d->words++;
    if (d->model->mood == CUT && d->words == CUT_AFTER) {
        d->close_when_sent = true;
        flush(d);
    } else if (d->said >= d->text.len || calls_tool(d)) {
        end_stream(d);
    } else {
        ev_timer_set(&d->timer, d->model->word_ms);
        flush(d);
    }
}

static void on_timer(ev_timer *t)
{
    demo *d = t->user;
    if (!d->busy) return;
    if (d->stream)
        speak(d);
    else
        whole_answer(d);
}

/* ---- requests ---- */

/* One row of the catalogue, in the shape of OpenRouter's list. */
static void put_model(or_json_writer *w, const model *m)
{
    or_json_begin_object(w);
    member_str(w, "id", or_str_z(m->id));
    member_str(w, "canonical_slug", or_str_z(m->id));
    member_str(w, "name", or_str_z(m->name));
    member_str(w, "description", or_str_z(m->description));
    member_u64(w, "created", 1780000000);
    member_u64(w, "context_length", 131072);
    member_raw(w, "architecture",
               OR_STR("{\"modality\":\"text->text\",\"input_modalities\":[\"text\"],"
                      "\"output_modalities\":[\"text\"],\"tokenizer\":\"Other\","
                      "\"instruct_type\":null}"));
    or_json_put_key(w, OR_STR("pricing"));
    or_json_begin_object(w);
    member_price(w, "prompt", (uint64_t)m->prompt_price);
    member_price(w, "completion", (uint64_t)m->completion_price);
    or_json_end_object(w);
    member_raw(w, "top_provider",
               OR_STR("{\"context_length\":131072,\"max_completion_tokens\":8192,"
                      "\"is_moderated\":false}"));
    member_null(w, "per_request_limits");
    member_raw(w, "supported_parameters",
               m->mood == TOOLS ? OR_STR("[\"max_tokens\",\"tools\",\"tool_choice\"]")
                                : OR_STR("[\"max_tokens\"]"));
    member_null(w, "default_parameters");
    member_null(w, "supported_voices");
    or_json_put_key(w, OR_STR("links"));
    or_json_begin_object(w);
    or_json_put_key(w, OR_STR("details"));
    or_json_begin_str(w);
    or_json_put_part(w, OR_STR("/api/v1/models/"));
    or_json_put_part(w, or_str_z(m->id));
    or_json_put_part(w, OR_STR("/endpoints"));
    or_json_end_str(w);
    or_json_end_object(w);
    or_json_end_object(w);
}

or_err demo_put_models(or_buf *out)
{
    or_json_writer w;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("data"));
    or_json_begin_array(&w);
    for (size_t i = 0; i < NUM_MODELS; i++) put_model(&w, &models[i]);
    or_json_end_array(&w);
    member_u64(&w, "total_count", NUM_MODELS);
    member_raw(&w, "links", OR_STR("{\"next\":null}"));
    or_json_end_object(&w);
    return or_json_writer_end(&w);
}

static void list_models(demo *d)
{
    or_buf body;
    or_buf_init_growing(&body, &mem_allocator, SIZE_MAX);
    if (demo_put_models(&body) == OR_OK)
        answer(d, 200, or_str_of(NULL, 0), or_buf_str(&body), body.len);
    else
        answer_error(d, 503, or_str_of(NULL, 0), "no memory for the list: limits.memory is reached");
    or_buf_free(&body);
}

/* Four bytes a token, rounded up: the rule of thumb, made exact so that it can be checked. */
static uint64_t tokens_of(size_t bytes)
{
    return ((uint64_t)bytes + 3) / 4;
}

/* Text of a message: the string, or its text parts put together. */
static or_str text_of(demo *d, const or_json_doc *doc, int message)
{
    or_str text = or_str_of("", 0), part;
    int    content = or_json_find(doc, message, "/content");
    if (or_json_get_str(doc, content, &d->arena, &text) == OR_OK) return text;
    if (or_json_type_at(doc, content) != OR_JSON_ARRAY) return or_str_of("", 0);
    for (int i = or_json_first(doc, content); i >= 0; i = or_json_next(doc, i)) {
        if (or_json_get_str(doc, or_json_find(doc, i, "/text"), &d->arena, &part) != OR_OK)
            continue;
        char *joined = or_arena_alloc(&d->arena, text.len + part.len + 1);
        if (joined == NULL) return text;
        memcpy(joined, text.ptr, text.len);
        memcpy(joined + text.len, part.ptr, part.len);
        text = or_str_of(joined, text.len + part.len);
    }
    return text;
}

/* The answer: some words in front of what was said, cut at max_tokens. */
static void compose(demo *d, or_str prefix, or_str said, uint64_t max_tokens)
{
    size_t len = prefix.len + said.len;
    char  *text = or_arena_alloc(&d->arena, len);
    if (text == NULL) {
        d->out.err = OR_ERR_MEMORY;
        return;
    }
    memcpy(text, prefix.ptr, prefix.len);
    memcpy(text + prefix.len, said.ptr, said.len);
    if (max_tokens > 0 && tokens_of(len) > max_tokens) {
        len = (size_t)max_tokens * 4;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) len--; /* whole characters */
        d->truncated = true;
    }
    d->text = or_str_of(text, len);
    d->completion_tokens = tokens_of(len);
}

/* Call the first tool, with what was said as its first parameter. */
static void compose_call(demo *d, const or_json_doc *doc, or_str said)
{
    or_buf         arguments;
    or_json_writer w;
    or_str         key;
    int            function = or_json_find(doc, 0, "/tools/0/function");
    int            properties = or_json_find(doc, function, "/parameters/properties");
    size_t         room = said.len * 6 + 512;
    char          *mem = or_arena_alloc(&d->arena, room);
    if (mem == NULL) return;
    if (or_json_get_str(doc, or_json_find(doc, function, "/name"), &d->arena, &d->call.name) !=
        OR_OK)
        return;
    or_buf_init(&arguments, mem, room);
    or_json_writer_init(&w, &arguments);
    or_json_begin_object(&w);
    if (or_json_get_str(doc, or_json_first(doc, properties), &d->arena, &key) == OR_OK) {
        or_json_put_key(&w, key);
        or_json_put_str(&w, said);
    }
    or_json_end_object(&w);
    d->call.arguments = or_json_writer_end(&w) == OR_OK ? or_buf_str(&arguments) : OR_STR("{}");
    d->completion_tokens = tokens_of(d->call.name.len + d->call.arguments.len);
}

static const model *find_model(or_str id)
{
    for (size_t i = 0; i < NUM_MODELS; i++)
        if (or_str_eq(id, or_str_z(models[i].id))) return &models[i];
    return NULL;
}

/* What the conversation is about: the last user text, or the tool result after it. */
static void read_messages(demo *d, const or_json_doc *doc, or_str *said, bool *is_result)
{
    int messages = or_json_find(doc, 0, "/messages");
    for (int m = or_json_first(doc, messages); m >= 0; m = or_json_next(doc, m)) {
        or_str role;
        or_str text = text_of(d, doc, m);
        d->prompt_tokens += tokens_of(text.len) + 3; /* three for the frame of a message */
        if (or_json_get_str(doc, or_json_find(doc, m, "/role"), &d->arena, &role) != OR_OK)
            continue;
        *is_result = or_str_eq(role, OR_STR("tool"));
        if (*is_result || or_str_eq(role, OR_STR("user"))) *said = text;
    }
}

static void start_answer(demo *d, const or_json_doc *doc)
{
    static bool failed;
    or_str      said = or_str_of("", 0);
    bool        is_result = false;
    uint64_t    max_tokens = 0;
    if (or_json_get_u64(doc, or_json_find(doc, 0, "/max_completion_tokens"), &max_tokens) != OR_OK)
        (void)or_json_get_u64(doc, or_json_find(doc, 0, "/max_tokens"), &max_tokens);
    (void)or_json_get_bool(doc, or_json_find(doc, 0, "/stream"), &d->stream);
    read_messages(d, doc, &said, &is_result);
    if (d->model->mood == BUSY_429) {
        answer_error(d, 429, OR_STR("Retry-After: 7\r\n"),
                     "demo/429 is always over its rate limit");
        return;
    }
    if (d->model->mood == UNSTABLE) {
        failed = !failed;
        if (failed) {
            answer_error(d, 503, or_str_of(NULL, 0), "demo/unstable failed; it works next time");
            return;
        }
    }
    if (d->model->mood == TOOLS && !is_result && or_json_find(doc, 0, "/tools/0") >= 0)
        compose_call(d, doc, said);
    else
        compose(d, is_result ? OR_STR("The tool said: ") : OR_STR("You said: "), said, max_tokens);
    ev_timer_set(&d->timer, d->model->first_ms);
}

static void chat(demo *d)
{
    or_json_doc doc;
    or_str      id = or_str_of("", 0);
    char        message[160];
    or_err      e = or_json_parse(&doc, or_buf_str(&d->body), 0, &d->arena);
    gen_new(&d->id);
    if (e != OR_OK) {
        answer_error(d, 400, or_str_of(NULL, 0), or_err_text(e));
        return;
    }
    (void)or_json_get_str(&doc, or_json_find(&doc, 0, "/model"), &d->arena, &id);
    d->model = id.len == 0 ? &models[0] : find_model(id);
    if (d->model != NULL) {
        start_answer(d, &doc);
        return;
    }
    if (id.len > 64) id.len = 64;
    snprintf(message, sizeof message, "%.*s is not a valid model ID: GET /models lists them",
             (int)id.len, id.ptr);
    answer_error(d, 400, or_str_of(NULL, 0), message);
}

static void begin_request(demo *d)
{
    or_str path = or_str_z(d->path);
    d->busy = true;
    d->model = NULL;
    d->text = or_str_of("", 0);
    d->said = d->words = 0;
    d->prompt_tokens = d->completion_tokens = 0;
    d->call = (or_tool_call){0};
    d->id.text[0] = 0;
    d->stream = d->truncated = false;
    or_arena_reset(&d->arena);
    if (or_str_eq(path, OR_STR("/models")))
        list_models(d);
    else if (or_str_eq(path, OR_STR("/chat/completions")))
        chat(d);
    else
        answer_error(d, 404, or_str_of(NULL, 0), "the demo provider does not have this path");
}

static void take_input(demo *d)
{
    or_http_event ev;
    or_err        e = OR_NEED_MORE;
    while (!d->busy && !d->closed) {
        or_str in = or_buf_str(&d->in);
        e = or_http_next(&d->http, &in, &ev);
        if (e != OR_OK) break;
        if (ev.kind == OR_HTTP_HEAD) {
            or_str path = d->http.head.path;
            snprintf(d->path, sizeof d->path, "%.*s", (int)path.len, path.ptr);
            or_buf_clear(&d->body);
        }
        if (ev.kind == OR_HTTP_BODY) or_buf_put_str(&d->body, ev.data);
        or_buf_take(&d->in, (size_t)(in.ptr - d->in.ptr));
        if (ev.kind == OR_HTTP_END) begin_request(d);
    }
    if (e < 0 || d->in.err != OR_OK || d->body.err != OR_OK) close_demo(d);
}

static void on_ready(ev_io *io, unsigned events)
{
    demo *d = io->user;
    char  chunk[16 * 1024];
    if (events & EV_WRITE) flush(d);
    if (d->closed || !(events & (EV_READ | EV_ERROR))) return;
    ssize_t n = recv(io->fd, chunk, sizeof chunk, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)) {
        close_demo(d); /* the relay cancelled, or is done with us */
        return;
    }
    if (n > 0) or_buf_put(&d->in, chunk, (size_t)n);
    take_input(d);
}

int demo_connect(void)
{
    int   fds[2];
    demo *d = mem_alloc(sizeof *d);
    if (d == NULL) {
        errno = ENOMEM;
        return -1;
    }
    if (!net_pair(fds)) {
        mem_free(d, sizeof *d);
        return -1;
    }
    or_http_init(&d->http, OR_HTTP_SERVER, NULL);
    or_buf_init_growing(&d->in, &mem_allocator, MAX_REQUEST);
    or_buf_init_growing(&d->body, &mem_allocator, MAX_REQUEST);
    or_buf_init_growing(&d->out, &mem_allocator, SIZE_MAX);
    or_arena_init_growing(&d->arena, NULL, 0, &mem_allocator);
    d->task.run = release;
    d->task.user = d;
    d->timer.fire = on_timer;
    d->timer.user = d;
    d->io.fd = fds[1];
    d->io.ready = on_ready;
    d->io.user = d;
    if (ev_add(&d->io, EV_READ)) return fds[0];
    close(fds[0]);
    close(fds[1]);
    mem_free(d, sizeof *d);
    return -1;
}
