/* Where the money went: sums by day, model, provider, key and app, and by session. Counts
   only; limits are in proxy/books. */
#ifndef TALLY_H
#define TALLY_H

#include "or.h"

enum {
    TALLY_MAX_ROWS = 4096,    /* then the oldest days go; one day has half of them, and all further
                                 ones of it are one row */
    TALLY_MAX_SESSIONS = 256, /* the last ones used are kept */
    TALLY_MAX_TEXT = 128,     /* bytes of a model, provider, app or session that are kept */
    TALLY_NO_DAY = INT32_MIN  /* the clock was not set */
};

/* What one or many requests took. Money in pico-USD. */
typedef struct tally_sum {
    uint64_t requests, prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens;
    uint64_t unknown;   /* requests whose cost nobody knows: not in the next two */
    uint64_t estimated; /* requests whose cost is a guess */
    int64_t  own;       /* what OpenRouter charged */
    int64_t  byok;      /* what other providers bill */
} tally_sum;

typedef struct tally_row {
    struct tally_row *next, *same; /* all, the newest first; those with this hash */
    int32_t           day;         /* since 1970 */
    or_str            model, provider, key, app;
    tally_sum         sum;
    bool              dirty; /* changed since tally_clean */
    uint32_t          hash;
    size_t            size;
} tally_row;

typedef struct tally_session {
    struct tally_session *next; /* used longer ago */
    or_str                id, key;
    tally_sum             sum;
    int64_t               first, last; /* unix seconds; 0: not known */
    bool                  dirty;
    size_t                size;
} tally_session;

/* Names of a row; longer ones are cut. */
typedef struct tally_names {
    int32_t day;
    or_str  model, provider, key, app;
} tally_names;

/* a = a + b; money and counts saturate. Amounts of b may be negative: then never below 0. */
void tally_sum_add(tally_sum *a, const tally_sum *b);

/* Count into the row of these names, and of that session where it has an id. */
void tally_add(const tally_names *n, const tally_sum *s);
void tally_add_session(or_str id, or_str key, int64_t unix_s, const tally_sum *s);

const tally_row     *tally_rows(void);
const tally_session *tally_sessions(void);

/* The members of an object, and the same read: they replace what is there. False: it cannot be
   understood. */
void tally_put_row(or_json_writer *w, const tally_row *r);
void tally_put_session(or_json_writer *w, const tally_session *s);
bool tally_fold_row(const or_json_doc *doc, int tok, or_arena *arena);
bool tally_fold_session(const or_json_doc *doc, int tok, or_arena *arena);

/* Everything that is dirty was written. */
void tally_clean(void);
void tally_forget(void);

#endif
