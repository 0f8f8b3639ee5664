/* What the files of relay share; nobody else's business.

   relay.c         from a request to its call, and to its end
   relay_answer.c  what becomes of an answer
   relay_stream.c  what goes to the client, event by event
   relay_dialect.c clients and providers that do not speak chat completions
   relay_fail.c    failures, in words and as a status
   relay_note.c    attempts, usage and cost, for records */
#ifndef RELAY_BACK_H
#define RELAY_BACK_H

#include "proxy/decide.h"
#include "proxy/exchange.h"
#include "proxy/gate.h"
#include "proxy/record.h"
#include "proxy/relay.h"
#include "proxy/rewrite.h"
#include "proxy/shape.h"

enum {
    RELAY_MAX_EVENT = 16 * 1024 * 1024, /* bytes of one server-sent event */
    RELAY_MAX_HELD = 64 * 1024          /* bytes of a stream's opening that wait for content */
};

typedef struct relay relay;
struct relay {
    relay   *next, *prev;
    client  *c; /* NULL: has its answer, or is gone */
    exchange x;
    ev_timer beat;
    ev_timer hangup; /* on_hangup = drain: how long it goes on without a client */
    ev_task  task; /* free it when over */

    bool     metadata;  /* the client asked for openrouter_metadata */
    bool     committed; /* the head of a stream went to the client */
    bool     native;    /* the provider's answers have OpenRouter's shape already */
    bool     usage_told; /* it sent a usage chunk of its own */
    bool     over;
    bool     waiting; /* for its reservation to be on disk; nothing was asked yet */
    bool     settled; /* what it cost is in the books */
    or_err   lost;    /* why its client cannot be told all of the answer; OR_OK: it can */
    uint64_t line;    /* of the ledger, that says so */
    gate_ticket ticket;
    or_arena arena;
    or_buf   body;      /* the client's, as a chat completion: facts and records point into it */
    or_buf   theirs;    /* the client's as it came, when it speaks something else */
    or_buf   out;       /* the request to the provider: with its key */
    or_buf   echo;      /* the body of the current attempt, for debug */
    facts    f;
    decision d;
    rewrite  rw;
    record   r;
    uint64_t created;    /* unix seconds: the provider's where it tells */
    uint32_t attempt_ms; /* when the current attempt began */
    unsigned key;        /* of the provider, for the current attempt */
    or_plan  plan;       /* the decision's, with a place for each further key */
    shape_stream   stream;
    shape_collect *collect; /* a stream that becomes a whole answer */
    or_reply      *reply;   /* an answer in another dialect, in the arena; NULL: none begun */
    or_reply_facts says;
    bool           priced;  /* the cost is known, so that it can be put into the usage */
    or_buf         hold;    /* what reply has to keep */
};

static inline const conf *settings_of(const relay *r)
{
    return r->d.m->settings;
}

static inline const or_endpoint *endpoint_of(const relay *r)
{
    return &r->d.m->catalogue.endpoints[r->x.call.endpoint];
}

static inline const conf_provider *provider_of(const relay *r)
{
    return &settings_of(r)->providers[endpoint_of(r)->target];
}

/* ---- relay.c ---- */

/* The client has its answer, or is gone. */
void relay_forget_client(relay *r, uint16_t status, const char *end);

/* What it cost goes into the books, once: when all of the record is known and the last of the
   answer is about to go. The client gets that when the books are on disk. */
void relay_settle(relay *r, client *c);

/* Ends of messages that only we wait for must not pile up. */
bool relay_is_crowded(const relay *r);

/* ---- relay_stream.c ---- */

/* Header lines that every answer gets. */
or_str relay_fields(const relay *r, char *mem, size_t size, bool is_event_stream,
                    uint32_t retry_after_s);
void   relay_put_route(or_buf *head, const relay *r);

/* openrouter_metadata, where it was asked for: a raw object in the arena. */
or_str relay_metadata(relay *r);

/* Send the head of a stream, once; keep it alive. */
void relay_commit(relay *r);
void relay_set_beat(relay *r);

/* Queue text that stays where it is until relay_flush; write an event and queue it. */
typedef or_err (*relay_put)(or_buf *out, relay *r, const void *what);
void relay_add_piece(relay *r, or_str text);
void relay_emit(relay *r, size_t want, relay_put put, const void *what);
void relay_flush(relay *r);

/* Send what is queued as the end of the answer, whole or cut. The client is forgotten already. */
void relay_end_pieces(client *c, bool complete);

/* Events: shaped, as they are, those from before the first content, and debug's. */
void   relay_shape(const relay *r, shape *s);
void   relay_shape_event(relay *r, or_str data, const or_chat_delta *delta);
void   relay_pass(relay *r, const or_sse_event *ev);
void   relay_pass_held(relay *r, or_str held);
or_err relay_put_echo(or_buf *out, relay *r, const void *what);

/* What the client has to get cannot be held, for want of memory or (OR_ERR_SPACE) because
   limits.answer is reached: the exchange ends. */
void relay_lose(relay *r, or_err why);
void relay_stream_shutdown(void);

/* ---- relay_dialect.c ---- */

/* Does the client speak chat completions (or the older ones)? Does it speak what this provider's
   answer is in, so that it passes? Is that answer in another dialect than the client's? */
bool relay_is_chat(const relay *r);
bool relay_passes(const relay *r);
bool relay_is_foreign(const relay *r);

/* What the provider was not told, with commas: the names; with reasoning, for a head, and as a line
   of the log. Absent: nothing, or nobody wants to know. */
or_str relay_lost_names(const relay *r, char *mem, size_t size);
or_str relay_losses(const relay *r, char *mem, size_t size);
void   relay_log_losses(const relay *r);

/* Of another dialect, as chat completions: a chunk of the stream; the body of a whole answer,
   valid until the next event. */
void   relay_chunk(relay *r, const or_chat_delta *d);
or_err relay_chat_form(relay *r, const or_chat_answer *answer, or_str *body);

/* The answer in the client's dialect. False: no memory, and it has ended. */
bool   relay_begin_reply(relay *r, bool stream);
void   relay_reply_add(relay *r, const or_chat_delta *d);
or_err relay_reply_end(relay *r, or_buf *out);
void   relay_reply_end_stream(relay *r);

/* The provider's answer in the client's dialect, with what is ours. */
void   relay_pass_event(relay *r, const or_sse_event *ev, const or_chat_delta *d);
or_err relay_pass_answer(relay *r, or_buf *out, or_str body);

/* The last event of a stream that failed. */
or_err relay_put_failure(relay *r, or_buf *out, const envelope *e);

/* Give back what a large event or answer took. */
void relay_dialect_rest(void);
void relay_dialect_shutdown(void);

/* ---- relay_note.c ---- */

void        relay_note_attempt(relay *r, uint16_t status, const char *word);
void        relay_note_served(relay *r);
void        relay_note_cut(relay *r);
void        relay_note_finish(relay *r, or_finish finish, or_str native);
void        relay_note_usage(relay *r, const or_usage *u, const or_cost *cost);
void        relay_guess_usage(relay *r, or_usage *u);
void        relay_price_answer(relay *r, const or_usage *u);
void        relay_split_cost(const relay *r, shape *s);
void        relay_take_id(relay *r);
void        relay_rest_key(relay *r, const or_call_failure *f);
const char *relay_word(const or_call_failure *f);

/* ---- relay_fail.c ---- */

/* What failed when no answer said so, in words, and as a status. */
uint16_t relay_describe_failure(const relay *r, const or_call_failure *f, char *text, size_t size);

/* The same for an answer that cannot be held, and end the exchange with it. */
void relay_fail_lost(relay *r, or_err why);

/* End the exchange with an error in our words; by what the last provider answered; or with a
   whole answer. */
void relay_fail(relay *r, uint16_t status, const char *text, uint32_t wait_s);
void relay_refused(relay *r, const or_call_event *ev, uint32_t wait_s);
void relay_reply(relay *r, uint16_t status, or_str body, uint32_t wait_s);

/* ---- relay_answer.c ---- */

void relay_on_begin(relay *r, const or_call_event *ev);
void relay_on_delta(relay *r, const or_call_event *ev);
void relay_on_data(relay *r, const or_call_event *ev);
void relay_on_answer(relay *r, const or_call_event *ev);
void relay_end_stream(relay *r);
bool relay_is_collecting(const relay *r);
void relay_end_collecting(relay *r);
void relay_end_data(relay *r, bool complete);

#endif
