/* The client's side of a connection to our own gateway. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "proxy/cli_parts.h"
#include "proxy/mem.h"

static void finish(cli_exchange *x, or_err e)
{
    x->over = true;
    x->clean = e == OR_OK;
    x->err = e;
    if (e != OR_OK) x->keep = false;
}

static void put_request(cli_exchange *x, or_str method, or_str target, or_str body)
{
    or_http_put_request(&x->out, method, target, OR_STR("localhost"));
    if (body.len > 0) {
        or_http_put_field(&x->out, OR_STR("Content-Type"), OR_STR("application/json"));
        or_http_put_length(&x->out, body.len);
    }
    or_http_put_head_end(&x->out);
    or_buf_put_str(&x->out, body);
}

void cli_exchange_begin(cli_exchange *x, int fd, or_str method, or_str target, or_str body,
                        void (*event)(void *user, or_str data), void *user)
{
    memset(x, 0, sizeof *x);
    x->fd = fd;
    x->event = event;
    x->user = user;
    /* JSON may make six bytes of one */
    or_buf_init_growing(&x->out, &mem_allocator, 6 * (size_t)CLI_MAX_TEXT);
    or_buf_init_growing(&x->rx, &mem_allocator, OR_HTTP_MAX_HEAD + 2 * CLI_READ);
    or_buf_init_growing(&x->carry, &mem_allocator, CLI_MAX_EVENT);
    or_buf_init_growing(&x->body, &mem_allocator, CLI_MAX_ANSWER);
    or_http_init(&x->http, OR_HTTP_CLIENT, NULL);
    or_sse_init(&x->sse, &x->carry);
    put_request(x, method, target, body);
    if (x->out.err != OR_OK) finish(x, x->out.err);
}

short cli_exchange_wants(const cli_exchange *x)
{
    return (short)(POLLIN | (x->sent < x->out.len ? POLLOUT : 0));
}

/* What of the head is needed after its bytes are gone. */
static void on_head(cli_exchange *x)
{
    const or_http_head *h = &x->http.head;
    if (h->status < 200) return;
    or_str   route = or_http_field(h, OR_STR("X-Orproxy-Route"), NULL);
    or_str   type = or_http_field(h, OR_STR("Content-Type"), NULL);
    uint64_t wait;
    x->status = h->status;
    x->keep = h->keep_alive;
    if (route.len > 0) snprintf(x->route, sizeof x->route, "%.*s", (int)route.len, route.ptr);
    if (or_u64_read(or_http_field(h, OR_STR("Retry-After"), NULL), &wait) == OR_OK)
        x->retry_after_s = wait < UINT32_MAX ? (uint32_t)wait : UINT32_MAX;
    type.len = or_str_find(type, OR_STR(";"), 0);
    x->stream =
        x->event != NULL && or_str_eq_nocase(or_str_trim(type), OR_STR("text/event-stream"));
}

static or_err on_body(cli_exchange *x, or_str data)
{
    or_sse_event ev;
    or_err       e;
    if (!x->stream) return or_buf_put_str(&x->body, data);
    while ((e = or_sse_next(&x->sse, &data, &ev)) == OR_OK) x->event(x->user, ev.data);
    return e < 0 ? e : OR_OK;
}

static void on_end(cli_exchange *x)
{
    or_sse_event ev;
    if (x->stream && or_sse_end(&x->sse, &ev) == OR_OK) x->event(x->user, ev.data);
    finish(x, OR_OK);
}

static void on_event(cli_exchange *x, const or_http_event *ev)
{
    or_err e = OR_OK;
    if (ev->kind == OR_HTTP_HEAD) on_head(x);
    if (ev->kind == OR_HTTP_BODY) e = on_body(x, ev->data);
    if (e != OR_OK)
        finish(x, e);
    else if (ev->kind == OR_HTTP_END)
        on_end(x);
}

static void digest(cli_exchange *x)
{
    or_str        in = or_buf_str(&x->rx);
    or_http_event ev;
    or_err        e = OR_OK;
    while (!x->over && (e = or_http_next(&x->http, &in, &ev)) == OR_OK) on_event(x, &ev);
    if (e < 0) finish(x, e);
    or_buf_take(&x->rx, x->rx.len - in.len);
}

static void on_eof(cli_exchange *x)
{
    or_http_event ev;
    or_err        e = or_http_eof(&x->http, &ev);
    x->keep = false;
    if (e == OR_OK)
        on_end(x);
    else
        finish(x, x->status == 0 ? OR_ERR_CLOSED : e);
}

static bool not_now(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* A gateway that refuses a request may stop reading it: what it says is still read. */
static void send_some(cli_exchange *x)
{
    if (x->sent >= x->out.len) return;
    ssize_t n =
        send(x->fd, x->out.ptr + x->sent, x->out.len - x->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) x->sent += (size_t)n;
    if (n < 0 && !not_now()) x->sent = x->out.len;
    if (x->sent == x->out.len) or_buf_free(&x->out), x->sent = 0;
}

void cli_exchange_step(cli_exchange *x)
{
    ssize_t n;
    if (x->over) return;
    send_some(x);
    if (or_buf_reserve(&x->rx, CLI_READ) != OR_OK) {
        finish(x, x->rx.err);
        return;
    }
    n = recv(x->fd, x->rx.ptr + x->rx.len, CLI_READ, MSG_DONTWAIT);
    if (n > 0) {
        x->rx.len += (size_t)n;
        digest(x);
    } else if (n == 0) {
        on_eof(x);
    } else if (!not_now()) {
        finish(x, errno == ECONNRESET ? OR_ERR_CLOSED : OR_ERR_IO);
    }
}

void cli_exchange_run(cli_exchange *x)
{
    while (!x->over) {
        struct pollfd p = {x->fd, cli_exchange_wants(x), 0};
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            finish(x, OR_ERR_IO);
        else
            cli_exchange_step(x);
    }
}

void cli_exchange_end(cli_exchange *x)
{
    or_buf_free(&x->out);
    or_buf_free(&x->rx);
    or_buf_free(&x->carry);
    or_buf_free(&x->body);
}

/* ---- what went wrong, in words ---- */

static void put_tried(or_buf *out, const cli_exchange *x)
{
    if (x->route[0] != 0) {
        or_buf_put_z(out, " (tried: ");
        cli_put_clean(out, or_str_z(x->route), true);
        or_buf_put_z(out, ")");
    }
    if (x->retry_after_s != 0) {
        or_buf_put_z(out, "; try again in ");
        or_buf_put_u64(out, x->retry_after_s);
        or_buf_put_z(out, " s");
    }
}

void cli_put_error(or_buf *out, const or_chat_error *error, const cli_exchange *x)
{
    if (error->code > 0) {
        or_buf_put_i64(out, error->code);
        or_buf_put_z(out, ": ");
    }
    cli_put_clean(out, error->message.len > 0 ? error->message : OR_STR("no reason given"), true);
    if (error->provider.len > 0) {
        or_buf_put_z(out, " [");
        cli_put_clean(out, error->provider, true);
        or_buf_put_z(out, "]");
    }
    put_tried(out, x);
}

void cli_exchange_error(const cli_exchange *x, or_buf *out)
{
    or_arena       arena;
    or_chat_answer answer;
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    if (!x->clean) {
        or_buf_put_z(out,
                     x->status == 0 ? "no answer from the gateway: " : "the answer broke off: ");
        or_buf_put_z(out, or_err_text(x->err));
        put_tried(out, x);
    } else if (or_chat_read(or_buf_str(&x->body), &arena, &answer) == OR_OK && answer.error.set) {
        if (answer.error.code == 0) answer.error.code = x->status;
        cli_put_error(out, &answer.error, x);
    } else {
        or_buf_put_u64(out, x->status);
        or_buf_put_z(out, " ");
        or_buf_put_z(out, or_http_reason(x->status));
        put_tried(out, x);
    }
    or_arena_reset(&arena);
}

int cli_print_failure(const cli_exchange *x)
{
    or_buf out;
    or_buf_init_growing(&out, &mem_allocator, CLI_MAX_ANSWER);
    cli_exchange_error(x, &out);
    cli_say("%.*s", (int)out.len, out.ptr != NULL ? out.ptr : "");
    or_buf_free(&out);
    return CLI_FAILED;
}

int cli_print_json(or_str body)
{
    bool end = body.len > 0 && body.ptr[body.len - 1] == '\n';
    return cli_print(body) && (end || cli_print(OR_STR("\n"))) ? CLI_OK : CLI_FAILED;
}
