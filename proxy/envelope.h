/* OpenRouter's error object: what a client sees of every failure, in its dialect.
   Shape: {"error":{"code":502,"message":"...","metadata":{...},"availability":{...}}} */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include "or.h"

/* An error to tell. Texts are borrowed; what is absent, NULL or 0 is not sent. */
typedef struct envelope {
    uint16_t    status;   /* HTTP status and error.code */
    or_str      message;  /* one line; says what, where and the mend. Bytes that are not
                             UTF-8 are shown as '?' */
    const char *provider; /* metadata.provider_name */
    or_str      raw;      /* metadata.raw: what the upstream said */
    const char *limit_source; /* metadata.limit_source: which limit refused */
    uint32_t    attempts; /* metadata.attempts */
    or_str      previous; /* metadata.previous_errors: raw array */
    or_str      routing;  /* metadata.routing: raw object */
    or_str      availability; /* raw object, openrouter.ai's error.availability */
    or_str      router_metadata; /* raw object beside `error`: openrouter_metadata */
} envelope;

/* metadata.error_type for a status, in OpenRouter's vocabulary. */
const char *envelope_type(uint16_t status);

/* Write the error object as the body of an answer. */
or_err envelope_put(or_buf *out, const envelope *e);

/* The same for or.h's writers in other dialects. What it points to is in e and in mem, an empty
   buffer that stays the caller's. */
or_err envelope_as_reply(or_buf *mem, const envelope *e, or_reply_error *out);

/* Write it as the last event of a stream: a chunk with "error" and finish_reason "error".
   id and model of the chunks before it; absent when there were none. */
or_err envelope_put_event(or_buf *out, const envelope *e, or_str id, or_str model,
                          uint64_t created);

#endif
