/* An answer, or what one event of a stream adds to it, as one line of text: to be compared with
   what a vector wants. What was not sent does not show. */
#ifndef ANSWER_LOG_H
#define ANSWER_LOG_H

#include "or.h"

static inline void log_str(or_buf *log, const char *name, or_str s)
{
    if (s.ptr == NULL) return;
    or_buf_put_z(log, name);
    or_buf_put_char(log, '(');
    or_buf_put_str(log, s);
    or_buf_put_char(log, ')');
}

static inline void log_calls(or_buf *log, const or_tool_call *calls, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        or_buf_put_z(log, "call");
        or_buf_put_u64(log, calls[i].index);
        log_str(log, "", calls[i].id);
        log_str(log, ":", calls[i].name);
        log_str(log, "=", calls[i].arguments);
        log_str(log, "+", calls[i].extra_content);
    }
}

static inline void log_number(or_buf *log, const char *name, uint64_t n)
{
    if (n == 0) return;
    or_buf_put_z(log, name);
    or_buf_put_u64(log, n);
}

static inline void log_usage(or_buf *log, const or_usage *u)
{
    const uint64_t n[6] = {u->prompt_tokens, u->completion_tokens, u->total_tokens,
                           u->cached_tokens, u->cache_write_tokens, u->reasoning_tokens};
    if (!u->set) return;
    or_buf_put_z(log, "usage");
    for (int i = 0; i < 6; i++) {
        or_buf_put_char(log, i == 0 ? '(' : ',');
        or_buf_put_u64(log, n[i]);
    }
    log_number(log, " 1h", u->cache_write_1h_tokens);
    log_number(log, " audio", u->audio_tokens);
    log_number(log, " cached_audio", u->cached_audio_tokens);
    log_number(log, " video", u->video_tokens);
    log_number(log, " images_out", u->image_output_tokens);
    log_number(log, " audio_out", u->audio_output_tokens);
    log_number(log, " accepted", u->accepted_prediction_tokens);
    log_number(log, " rejected", u->rejected_prediction_tokens);
    log_number(log, " searches", u->web_searches);
    if (u->is_byok) or_buf_put_z(log, " byok");
    if (u->cost_set) {
        or_buf_put_char(log, '$');
        or_decimal_put(log, u->cost_pico_usd, 12);
    }
    if (u->upstream_cost_set) {
        or_buf_put_z(log, "/$");
        or_decimal_put(log, u->upstream_cost_pico_usd, 12);
    }
    or_buf_put_char(log, ')');
}

static inline void log_error(or_buf *log, const or_chat_error *e)
{
    if (!e->set) return;
    or_buf_put_z(log, "error");
    or_buf_put_i64(log, e->code);
    log_str(log, "", e->message);
    log_str(log, "", e->type);
    if (!or_str_eq(e->type, e->code_text)) log_str(log, "code", e->code_text);
    log_str(log, "param", e->param);
    log_str(log, "by", e->provider);
    log_str(log, "raw", e->raw);
    if (e->retryable.set) or_buf_put_z(log, e->retryable.value ? "retry" : "no-retry");
    log_number(log, "after", e->retry_after_ms);
}

static const char *const finishes[] = {"", "stop", "length", "calls", "filter", "error"};

static inline void log_finish(or_buf *log, or_finish finish, or_str native)
{
    if (finish != OR_FINISH_NONE) log_str(log, "finish", or_str_z(finishes[finish]));
    if (native.len > 0 && !or_str_eq(native, or_str_z(finishes[finish]))) log_str(log, "native", native);
}

static inline void log_answer(or_buf *log, const or_chat_answer *a)
{
    static const char *const places[] = {"reasoning", "reasoning_content", "reasoning_parts"};
    if (a->done) or_buf_put_z(log, "done");
    log_str(log, "id", a->id);
    log_str(log, "model", a->model);
    log_str(log, "provider", a->provider);
    log_str(log, "tier", a->service_tier);
    log_number(log, "created", a->created);
    log_str(log, "text", a->text);
    if (a->reasoning.len > 0) log_str(log, places[a->reasoning_place], a->reasoning);
    log_str(log, "refusal", a->refusal);
    log_str(log, "details", a->reasoning_details);
    log_str(log, "annotations", a->annotations);
    log_str(log, "audio", a->audio);
    log_str(log, "logprobs", a->logprobs);
    for (uint32_t i = 0; i < a->num_images; i++) log_str(log, "image", a->images[i]);
    log_calls(log, a->tool_calls, a->num_tool_calls);
    log_finish(log, a->finish, a->native_finish);
    log_usage(log, &a->usage);
    log_error(log, &a->error);
}

#endif
