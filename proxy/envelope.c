#include "proxy/envelope.h"

#include <string.h>

#include "proxy/member.h"

const char *envelope_type(uint16_t status)
{
    switch (status) {
    case 400: return "invalid_request";
    case 401: return "authentication";
    case 402: return "payment_required";
    case 403: return "permission_denied";
    case 404:
    case 405: return "not_found";
    case 408: return "timeout";
    case 413: return "payload_too_large";
    case 429: return "rate_limit_exceeded";
    case 500: return "server";
    case 502: return "provider_unavailable";
    case 503: return "provider_overloaded";
    case 504: return "timeout";
    default: return status < 500 ? "invalid_request" : "provider_unavailable";
    }
}

/* A string that may hold anything: bytes outside ASCII pass when the whole is UTF-8,
   else they are shown as '?'. */
static void put_text(or_json_writer *w, or_str text)
{
    if (member_is_text(text)) {
        or_json_put_str(w, text);
        return;
    }
    or_json_begin_str(w);
    for (size_t i = 0; i < text.len; i++)
        or_json_put_part(w, (unsigned char)text.ptr[i] < 0x80 ? or_str_of(text.ptr + i, 1)
                                                              : OR_STR("?"));
    or_json_end_str(w);
}

static void put_member(or_json_writer *w, const char *name, or_str value)
{
    or_json_put_key(w, or_str_z(name));
    put_text(w, value);
}

static void put_raw(or_json_writer *w, const char *name, or_str json)
{
    if (json.ptr != NULL) member_raw(w, name, json);
}

static void put_metadata(or_json_writer *w, const envelope *e)
{
    or_json_begin_object(w);
    put_member(w, "error_type", or_str_z(envelope_type(e->status)));
    if (e->provider != NULL) put_member(w, "provider_name", or_str_z(e->provider));
    if (e->limit_source != NULL) put_member(w, "limit_source", or_str_z(e->limit_source));
    if (e->attempts > 0) member_u64(w, "attempts", e->attempts);
    put_raw(w, "previous_errors", e->previous);
    put_raw(w, "routing", e->routing);
    if (e->raw.ptr != NULL) put_member(w, "raw", e->raw);
    or_json_end_object(w);
}

static void put_error(or_json_writer *w, const envelope *e)
{
    or_json_put_key(w, OR_STR("error"));
    or_json_begin_object(w);
    member_u64(w, "code", e->status);
    put_member(w, "message", e->message);
    or_json_put_key(w, OR_STR("metadata"));
    put_metadata(w, e);
    put_raw(w, "availability", e->availability);
    or_json_end_object(w);
    put_raw(w, "openrouter_metadata", e->router_metadata);
}

or_err envelope_put(or_buf *out, const envelope *e)
{
    or_json_writer w;
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    put_error(&w, e);
    or_json_end_object(&w);
    return or_json_writer_end(&w);
}

or_err envelope_as_reply(or_buf *mem, const envelope *e, or_reply_error *out)
{
    or_json_writer w;
    bool           text = member_is_text(e->message);
    memset(out, 0, sizeof *out);
    or_buf_clear(mem);
    for (size_t i = 0; i < e->message.len && !text; i++)
        or_buf_put_char(mem, (unsigned char)e->message.ptr[i] < 0x80 ? e->message.ptr[i] : '?');
    size_t at = mem->len;
    or_json_writer_init(&w, mem);
    put_metadata(&w, e);
    or_err err = or_json_writer_end(&w);
    if (err != OR_OK) return err;
    out->status = e->status;
    out->message = text ? e->message : or_str_of(mem->ptr, at);
    out->metadata = or_str_of(mem->ptr + at, mem->len - at);
    return OR_OK;
}

or_err envelope_put_event(or_buf *out, const envelope *e, or_str id, or_str model,
                          uint64_t created)
{
    or_json_writer w;
    or_buf_put_z(out, "data: ");
    or_json_writer_init(&w, out);
    or_json_begin_object(&w);
    put_member(&w, "id", id);
    put_member(&w, "object", OR_STR("chat.completion.chunk"));
    member_u64(&w, "created", created);
    put_member(&w, "model", model);
    if (e->provider != NULL) put_member(&w, "provider", or_str_z(e->provider));
    put_error(&w, e);
    or_json_put_key(&w, OR_STR("choices"));
    or_json_put_raw(&w, OR_STR("[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                               "\"finish_reason\":\"error\"}]"));
    or_json_end_object(&w);
    or_buf_put_z(out, "\n\n");
    return or_json_writer_end(&w);
}
