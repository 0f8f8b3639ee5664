/* What a request asks, found and checked in one scan of its body. Unknown members pass; a
   known one of a wrong type, or given twice, is refused by name, since the next reader may see
   something else in it than we did. */
#ifndef FACTS_H
#define FACTS_H

#include "or.h"

/* What kind of request: which members it has to have, and how it is answered. */
typedef enum facts_kind {
    FACTS_CHAT,
    FACTS_COMPLETIONS,
    FACTS_EMBEDDINGS,
    FACTS_OTHER /* passed through: only what the routing needs is read */
} facts_kind;

enum { FACTS_MAX_MEMBERS = 96, FACTS_MAX_SESSION = 256, FACTS_MAX_NAME = 128 };

typedef struct facts {
    facts_kind       kind;
    or_route_request request;  /* models, preferences and needs, as or_route_request_read says */
    or_str           body;
    or_json_member  *members;  /* of the root, in the arena */
    uint32_t         num_members;
    uint32_t         num_messages;
    uint32_t         choices;    /* n, best_of: the larger; 0: not given */
    bool             stream;
    uint32_t         lacks;      /* OR_LACKS_ and OR_WANTS_ bits: for a provider with one of them
                                    messages or tools may have to change */
    bool             base64;     /* embeddings: encoding_format */
    bool             echo;       /* debug.echo_upstream_body */
    const char      *needs_router; /* the member that only OpenRouter serves; NULL: none */
    /* raw JSON strings, without quotes; absent when not given */
    or_str           session_id, prompt_cache_key, preset, user;
    or_str           first_system, first_message; /* raw content of the first of each */
    or_str           plugins; /* raw array */
} facts;

/* Read a body; what f points to is in it and in the arena. False: *message says what is wrong
   and where, in one line; with f->members NULL it is memory that is short. */
bool facts_read(or_str body, facts_kind kind, or_arena *arena, facts *f, char *message,
                size_t message_size);

/* A user or session that the request names, without escapes, cut to FACTS_MAX_NAME bytes. raw is as
   in facts; "": it names none. */
or_str facts_plain(or_str raw, or_arena *arena);

/* The member with that name; NULL. */
const or_json_member *facts_member(const facts *f, or_str name);

#endif
