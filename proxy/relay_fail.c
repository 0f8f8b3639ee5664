#include "proxy/relay_back.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proxy/log.h"
#include "proxy/mem.h"

/* ---- failures ---- */

/* What the provider cannot be asked. */
static void describe_losses(const relay *r, char *text, size_t size)
{
    char   mem[300];
    or_str names = relay_lost_names(r, mem, sizeof mem);
    if (r->rw.why != OR_ERR_DIALECT)
        snprintf(text, size, "cannot be asked: %.*s%s%s", (int)names.len, names.ptr,
                 names.len > 0 ? ": " : "", or_err_text(r->rw.why));
    else if (names.len == 0) /* another path */
        snprintf(text, size, "has nothing like %s: use a model of another provider", r->rw.path);
    else
        snprintf(text, size, "cannot be asked for %.*s: leave that out, or use a model of another "
                 "provider%s", (int)names.len, names.ptr,
                 settings_of(r)->on_unsupported == CONF_UNSUPPORTED_REJECT
                     ? " (on_unsupported = reject)" : "");
}

#define TOO_LARGE            "its answer is too large: limits.answer is reached"
#define TOO_LARGE_FOR_MEMORY "its answer is too large: limits.memory is reached"

/* What failed when no answer said so, in words, and as a status. */
uint16_t relay_describe_failure(const relay *r, const or_call_failure *f, char *text, size_t size)
{
    const or_call *call = &r->x.call;
    const conf    *settings = settings_of(r);
    const char    *what = exchange_error(&r->x);
    const char    *end = call->http.head.status != 0 ? "in the middle of the answer"
                                                     : "without an answer";
    or_err         e = f->err;
    if (e == OR_ERR_CANCELLED && r->lost != OR_OK) e = r->lost;
    if (e == OR_ERR_SPACE) e = OR_ERR_BODY;
    switch (e) {
    case OR_ERR_TIMEOUT:
        switch (f->timer) {
        case OR_TIMER_CONNECT:
            snprintf(text, size, "no connection within %u ms (timeout.connect)",
                     (unsigned)settings->timeout.connect);
            break;
        case OR_TIMER_FIRST_TOKEN:
            snprintf(text, size, "no answer within %u ms (timeout.first_token)",
                     (unsigned)settings->timeout.first_token);
            break;
        case OR_TIMER_BETWEEN_BYTES:
            snprintf(text, size, "nothing more came for %u ms (timeout.between_bytes)",
                     (unsigned)settings->timeout.between_bytes);
            break;
        default:
            snprintf(text, size, "not finished within %u ms (timeout.total)",
                     (unsigned)settings->timeout.total);
        }
        return 504;
    case OR_ERR_MEMORY:
        if (r->x.error != NULL)
            snprintf(text, size, "%s: limits.memory is reached", r->x.error);
        else
            snprintf(text, size, TOO_LARGE_FOR_MEMORY);
        return 503;
    case OR_ERR_ARG:
        snprintf(text, size, "the request's head or query cannot be sent on");
        return 400;
    case OR_ERR_DIALECT:
        describe_losses(r, text, size);
        return 400;
    case OR_ERR_BODY:
        snprintf(text, size, TOO_LARGE);
        return 502;
    case OR_ERR_OPENING:
        snprintf(text, size, "more than %d bytes before the first content", RELAY_MAX_HELD);
        return 502;
    case OR_ERR_EVENT:
        snprintf(text, size, "%s (%d bytes)", or_err_text(e), RELAY_MAX_EVENT);
        return 502;
    case OR_ERR_UNASKED:
        snprintf(text, size, "compressed its answer although it was asked not to");
        return 502;
    case OR_ERR_HTTP:
    case OR_ERR_HEAD:
    case OR_ERR_CODING:
    case OR_ERR_CHUNK:
        snprintf(text, size, "answer is not usable: %s", or_err_text(e));
        return 502;
    case OR_ERR_TRUNCATED:
        if (call->is_stream && call->progress.done) {
            snprintf(text, size, "ended the stream without a finish reason");
            return 502;
        }
        what = "the connection was closed";
        break;
    case OR_ERR_CLOSED: what = "the connection was closed"; break;
    case OR_ERR_IO: break;
    default: /* JSON, and what is wrong with it */
        snprintf(text, size, "%s: %s",
                 call->is_stream          ? "sent an event that cannot be used"
                 : r->f.kind == FACTS_CHAT ? "sent an answer that is not a chat completion"
                                           : "sent an answer that is not JSON",
                 or_err_text(e));
        return 502;
    }
    if (f->status == 0 && e == OR_ERR_IO && call->http.head.status == 0)
        snprintf(text, size, "%s", what);
    else if (call->is_stream)
        snprintf(text, size, "the stream was cut before its end: %s", what);
    else
        snprintf(text, size, "%s %s", what, end);
    return 502;
}

static or_str previous_of(relay *r)
{
    or_buf count, out;
    if (r->r.num_attempts < 2) return or_str_of(NULL, 0);
    or_buf_init_counting(&count);
    if (record_put_previous(&count, &r->r) != OR_OK) return or_str_of(NULL, 0);
    char *mem = or_arena_alloc(&r->arena, count.len);
    if (mem == NULL) return or_str_of(NULL, 0);
    or_buf_init(&out, mem, count.len);
    (void)record_put_previous(&out, &r->r);
    return or_buf_str(&out);
}

/* Does it quote a key of ours? Some providers repeat what they were sent. */
static bool holds_key(const relay *r, or_str text)
{
    const conf *settings = settings_of(r);
    for (unsigned i = 0; i < settings->num_providers; i++)
        for (unsigned k = 0; k < settings->providers[i].num_keys; k++) {
            or_str key = or_str_z(settings->providers[i].keys[k]);
            if (text.len >= key.len && or_str_find(text, key, 0) < text.len) return true;
        }
    return false;
}

/* End the exchange with an error: its own status before the commitment, the last event of
   the stream after it. What the provider says is not logged: it may quote the prompt. */
static void fail_with(relay *r, uint16_t status, or_str message, or_str raw, uint32_t wait_s)
{
    char               mem[1024];
    const or_endpoint *server = endpoint_of(r);
    char               provider[96];
    or_str             name = server->provider_name.ptr != NULL ? server->provider_name
                                                                : server->provider;
    snprintf(provider, sizeof provider, "%.*s", (int)(name.len < 90 ? name.len : 90), name.ptr);
    envelope e = {.status = status,
                  .message = message,
                  .provider = provider,
                  .raw = raw,
                  .attempts = r->r.num_attempts,
                  .previous = previous_of(r),
                  .router_metadata = relay_metadata(r)};
    if (holds_key(r, message))
        e.message = OR_STR("the provider's message is not shown, since it quotes our key");
    if (holds_key(r, message) || holds_key(r, raw)) e.raw = or_str_of(NULL, 0);
    relay_flush(r); /* what came before the failure */
    client *c = r->c;
    if (c == NULL) return;
    if (status == 402) e.limit_source = "upstream";
    relay_forget_client(r, status, r->r.served && r->committed ? "truncated" : "error");
    client_owner(c, NULL);
    relay_settle(r, c);
    if (!r->committed) {
        client_error(c, &e, relay_fields(r, mem, sizeof mem, false, wait_s));
        return;
    }
    or_buf event;
    or_err put;
    or_buf_init_growing(&event, &mem_allocator, settings_of(r)->limits.answer + 256 * 1024);
    if (relay_is_chat(r))
        put = envelope_put_event(&event, &e, or_str_z(r->r.id), server->model,
                                 (uint64_t)time(NULL));
    else
        put = relay_put_failure(r, &event, &e);
    bool told = put == OR_OK;
    or_str text = or_buf_str(&event);
    client_stream_end(c, &text, 1, told);
    or_buf_free(&event);
}

/* The same in our own words, which are logged. */
void relay_fail(relay *r, uint16_t status, const char *text, uint32_t wait_s)
{
    char message[640];
    snprintf(message, sizeof message, "%s: %s", provider_of(r)->name, text);
    log_line("%s", message);
    fail_with(r, status, or_str_z(message), or_str_of(NULL, 0), wait_s);
}

void relay_fail_lost(relay *r, or_err why)
{
    if (why == OR_ERR_MEMORY)
        relay_fail(r, 503, TOO_LARGE_FOR_MEMORY, 1);
    else if (why == OR_ERR_SPACE)
        relay_fail(r, 502, TOO_LARGE, 0);
    else
        relay_fail(r, 502, "sent an answer of another shape than was asked for", 0);
}

/* What OpenRouter itself said, and nothing has to be added to it. */
static bool passes_as_it_is(const relay *r, const or_call_failure *f)
{
    return r->native && provider_of(r)->kind == PROVIDER_OPENROUTER && relay_is_chat(r) &&
           r->r.num_attempts == 1 && !r->committed && !r->metadata &&
           r->x.call.http.head.status == f->status && f->error.code == f->status &&
           f->error.message.len > 0 && !holds_key(r, f->body);
}

void relay_reply(relay *r, uint16_t status, or_str body, uint32_t wait_s)
{
    char    mem[1024];
    client *c = r->c;
    if (c == NULL) return;
    relay_forget_client(r, status, status < 400 ? "complete" : "error");
    client_owner(c, NULL);
    relay_settle(r, c);
    client_reply(c, status, "application/json", relay_fields(r, mem, sizeof mem, false, wait_s),
                 body);
}

/* The last provider answered with an error. */
void relay_refused(relay *r, const or_call_event *ev, uint32_t wait_s)
{
    const or_call_failure *f = ev->failure;
    char                   text[256];
    bool                   by_status = r->x.call.http.head.status == f->status;
    bool     overloaded = f->status == 529 && r->rw.speaks != OR_DIALECT_MESSAGES;
    uint16_t status = overloaded ? 503 : f->status; /* only Anthropic's clients know 529 */
    if (f->status == 401) {
        /* its message is left out: some quote the key */
        snprintf(text, sizeof text, "refused our key (401): check the key of [provider %s]",
                 provider_of(r)->name);
        relay_fail(r, 502, text, wait_s);
    } else if (ev->sse != NULL && r->committed && r->native && relay_is_chat(r) &&
               ev->delta->finish == OR_FINISH_ERROR && !holds_key(r, ev->sse->data)) {
        client *c = r->c; /* in the right shape already */
        relay_pass(r, ev->sse);
        if (r->c == NULL) return;
        relay_forget_client(r, f->status, "truncated");
        client_owner(c, NULL);
        relay_settle(r, c);
        relay_end_pieces(c, true);
    } else if (passes_as_it_is(r, f)) {
        relay_reply(r, f->status, f->body, wait_s);
    } else if (f->status < 400) {
        snprintf(text, sizeof text, "answered with status %u, which is of no use here", f->status);
        relay_fail(r, 502, text, wait_s);
    } else if (f->error.message.len > 0) {
        fail_with(r, status, f->error.message, f->body, wait_s);
    } else if (by_status) {
        snprintf(text, sizeof text, "answered with status %u and no message", f->status);
        relay_fail(r, status, text, wait_s);
    } else {
        relay_fail(r, status, "sent an error without a message", wait_s);
    }
}

