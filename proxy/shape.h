/* Answers in OpenRouter's shape: what a direct provider says gets the members that OpenRouter
   adds, and a whole answer becomes a stream or the reverse. All else, unknown members
   included, passes byte for byte. Nothing here knows of sockets or exchanges. */
#ifndef SHAPE_H
#define SHAPE_H

#include "or.h"

/* What is put into an answer. Texts are borrowed. */
typedef struct shape {
    or_str   id;       /* of the generation, "gen-..." */
    or_str   model;    /* the one that served */
    or_str   provider; /* display name */
    uint64_t created;  /* unix seconds, where the provider says none */
    bool     text;     /* /completions: choices have `text`, object is text_completion */
    bool     split;    /* the next two count */
    int64_t  prompt_pico_usd, completion_pico_usd; /* what the cost is made of */
} shape;

/* What of a stream's shape has to be remembered from chunk to chunk. Zeroed at first. */
typedef struct shape_stream {
    bool role_told; /* a delta with the role came: later chunks may leave it out */
    bool any;       /* a chunk was written */
    /* private */
    bool     chosen;  /* choice counts */
    uint64_t choice;  /* the index of the choice that or_chat_stream_next reads */
    uint64_t roles;   /* 1 << index: that choice has its role (the first 64) */
    uint64_t calling; /* 1 << index: it has called a tool */
    uint64_t made;    /* 1 << index of a call: its id was made here, since it came without */
    uint32_t calls;   /* how many calls have begun */
    /* Memory for what the last chunk became (default: none), so that for a delta that repeats
       only its text has to be written. head is 0 while nothing is kept. */
    char    *last;
    uint32_t last_size, head, tail; /* bytes around the text in it */
    uint32_t pad; /* behind so many bytes of the tail the padding goes; 0: there is none */
} shape_stream;

/* OpenRouter's word for an ending; NULL for none. Static. */
const char *shape_finish_word(or_finish f);

/* Append one event of a stream ("data: {...}\n\n") to out: chunk is the provider's JSON, delta
   what or_chat_stream_next said of it.
     id, model, provider, object, created   set, or replaced in their places
     usage            taken out unless it is null: it comes in a chunk of its own at the end
     choices          finish_reason is one of OpenRouter's five, native_finish_reason is what
                      the provider said; `index` of the choice and dense `index`, `type` of tool
                      calls are there; the first delta of choice 0 has its role;
                      reasoning_content is repeated as `reasoning` where that is missing
     content          an array of parts becomes its text, its thoughts become `reasoning`
   A chunk that holds nothing but usage (choices empty or missing) writes nothing. A null or
   missing `choices` is written as [], a missing delta as {}. Of members that stand twice and
   matter here the first counts. An error leaves out as it was, but for out->err.
   OR_OK; OR_ERR_MEMORY, OR_ERR_SPACE from out; OR_ERR_JSON and kin when chunk is no object. */
or_err shape_chunk(or_buf *out, const shape *s, shape_stream *state, or_str chunk,
                   const or_chat_delta *delta);

/* Is it the chunk before, but for its text? Then shape_chunk does not look at s. */
static inline bool shape_repeats(const shape_stream *state, const or_chat_delta *delta)
{
    return delta->repeats && state->head > 0;
}

/* Append the event with the usage, behind the finish: {"id",...,"choices":[],"usage":{...}}.
   metadata: raw object for openrouter_metadata; absent: none. */
or_err shape_usage_chunk(or_buf *out, const shape *s, const or_usage *u, const or_cost *cost,
                         or_str metadata);

/* Append a usage object in OpenRouter's shape.
   cost  null when unknown; "estimated":true (ours) when the counts or the cost are guesses
   is_byok and cost_details.upstream_inference_cost as in u; for a direct provider the caller
   sets u->is_byok, and the cost is repeated there. */
or_err shape_put_usage(or_json_writer *w, const shape *s, const or_usage *u, const or_cost *cost);

/* Append a whole answer: body is the provider's, answer what or_chat_read said of it. As
   shape_chunk, with usage replaced by the full one. */
or_err shape_answer(or_buf *out, const shape *s, or_str body, const or_chat_answer *answer,
                    const or_usage *u, const or_cost *cost, or_str metadata);

/* A whole answer as a stream: the events up to the finish (no usage, no [DONE]). All choices;
   messages with everything they have: content, refusal, reasoning, reasoning_details,
   tool_calls (with index), annotations, images, audio, and unknown members. */
or_err shape_answer_as_stream(or_buf *out, const shape *s, or_str body,
                              const or_chat_answer *answer);

/* A stream as a whole answer: feed all its deltas, then end. Holds at most max bytes of text.
   Only choice 0: that is what or_chat_stream_next reads. */
typedef struct shape_collect shape_collect;
shape_collect *shape_collect_new(const or_allocator *a, size_t max); /* NULL: no memory */
/* Errors stick: OR_ERR_SPACE above max, OR_ERR_MEMORY, OR_ERR_TOKENS for too many calls. */
or_err         shape_collect_add(shape_collect *c, const or_chat_delta *delta);
/* Once, whatever it returns. Reasoning is written as `reasoning`, whatever it was called. */
or_err         shape_collect_end(shape_collect *c, or_buf *out, const shape *s, const or_usage *u,
                                 const or_cost *cost, or_str metadata);
void           shape_collect_free(shape_collect *c);

/* Embeddings: {"object":"list","data":[{"embedding":...}],"model","usage"}.
   base64  the client asked for encoding_format base64: arrays of numbers become base64 of
           little-endian float32, strings pass; without it strings that are base64 become arrays
   model, provider, id and usage as for chat. Numbers are converted without floating point.
   OR_ERR_ANSWER: not an embeddings answer. OR_ERR_RANGE: a number that no float32 can be, or
   a float32 that no number can be (infinite, not a number). */
or_err shape_embeddings(or_buf *out, const shape *s, or_str body, bool base64, const or_usage *u,
                        const or_cost *cost);

/* The binary32 nearest to a JSON number (ties to even), as its bits: in integers, exactly.
   OR_ERR_RANGE: too large. OR_ERR_ARG: not a number. Source: IEEE 754-2019, 4.3.1. */
or_err shape_f32_read(or_str number, uint32_t *bits);

/* The reverse: at most 9 significant digits, fewer where those read back to the same bits.
   OR_ERR_RANGE in out->err: infinite, or not a number. */
or_err shape_f32_put(or_buf *out, uint32_t bits);

#endif
