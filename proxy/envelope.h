/* OpenRouter's error object: what a client sees of every failure.
   Shape: {"error":{"code":502,"message":"...","metadata":{...}}} */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include "or.h"

/* An error to tell. Texts are borrowed. */
typedef struct envelope {
    uint16_t    status;   /* HTTP status and error.code */
    or_str      message;  /* one line; says what, where and the mend. Bytes that are not
                             UTF-8 are shown as '?' */
    const char *provider; /* metadata.provider_name; NULL: not sent */
    or_str      raw;      /* metadata.raw: what the upstream said; absent: not sent */
} envelope;

/* metadata.error_type for a status, in OpenRouter's vocabulary. */
const char *envelope_type(uint16_t status);

/* Write the error object as the body of an answer. */
or_err envelope_put(or_buf *out, const envelope *e);

/* Write it as the last event of a stream: a chunk with "error" and finish_reason "error".
   id and model of the chunks before it; absent when there were none. */
or_err envelope_put_event(or_buf *out, const envelope *e, or_str id, or_str model,
                          uint64_t created);

#endif
