/* What the files of manage share; nobody else's business.

   manage.c       answers, GET /key, credits, limits
   manage_keys.c  keys
   manage_usage.c activity, usage, sessions: from the tally and the time alone
   manage_data.c  datasets, the same way */
#ifndef MANAGE_BACK_H
#define MANAGE_BACK_H

#include "proxy/manage.h"
#include "proxy/tally.h"

enum {
    MANAGE_MAX_ANSWER = 16 * 1024 * 1024, /* bytes: as much as 10000 keys take */
    MANAGE_MAX_TEXT = 256                 /* bytes of a parameter, decoded */
};

/* How a request went, if not well. */
typedef struct manage_reply {
    uint16_t status;
    char     message[400];
} manage_reply;

/* Fill *r; always false. */
bool manage_fail(manage_reply *r, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- manage.c ---- */

void manage_refuse(client *c, const manage_reply *r);

/* Send what was written into body; held: once the ledger is on disk. Frees it. */
void manage_send(client *c, uint16_t status, or_buf *body, const or_json_writer *w, bool held);

/* The members usage, usage_daily, ..., byok_usage_monthly. */
void manage_put_spending(or_json_writer *w, const account *a);

/* limit_remaining: what the client sees of it, without what is reserved at the moment. */
void manage_put_remaining(or_json_writer *w, const account *a);

/* The body of a request as JSON; texts in the arena, which is to be reset in any case. */
bool manage_read_body(const manage_ask *a, or_json_doc *doc, or_arena *arena, manage_reply *r);

/* May something be changed: is there a ledger that takes it? */
bool manage_can_write(manage_reply *r);

/* ---- manage_usage.c ---- */

/* The key of that hash, beginning of a hash, or name; deleted: of a hash also one that is gone.
   NULL: 404, or 409 when there are several. */
account *manage_find_key(or_str text, bool deleted, manage_reply *r);

/* A parameter, decoded into text; "" when it is not there. */
bool manage_parameter(or_str query, const char *name, char text[MANAGE_MAX_TEXT], or_str *out,
                      manage_reply *r);

/* A parameter that is a number from min to max; *out stays when it is not there. */
bool manage_count(or_str query, const char *name, uint64_t min, uint64_t max, uint64_t *out,
                  manage_reply *r);

/* A parameter that is a day; *day stays when it is not there. */
bool manage_day(or_str query, const char *name, int32_t *day, manage_reply *r);

/* Sums of the tally's rows that have names in common. Texts are borrowed from it. */
typedef struct manage_group {
    int32_t   day;
    or_str    name, second; /* what is asked for; what tells it from others of that name */
    tally_sum sum;
    uint64_t  before;       /* tokens of the time before */
} manage_group;

typedef struct manage_groups {
    manage_group *list;
    size_t        num, max, size;
} manage_groups;

/* Room for one group for each row, of which the tally has a limited number. */
bool          manage_groups_begin(manage_groups *g, manage_reply *r);
manage_group *manage_groups_add(manage_groups *g);
void          manage_groups_merge(manage_groups *g); /* those with the same day and names */
void          manage_groups_sort(manage_groups *g, int (*compare)(const void *, const void *));
void          manage_groups_end(manage_groups *g);

/* A text that came from anywhere, where clients want a string: "?" when it is not UTF-8. */
void manage_put_text(or_json_writer *w, const char *name, or_str text);

uint64_t manage_tokens(const tally_sum *s); /* prompt and completion */
int      manage_compare_texts(or_str a, or_str b);

/* An answer from the books as they are and the time (unix seconds; 0: not known). */
typedef bool manage_look(or_json_writer *w, or_str query, int64_t now_s, manage_reply *r);
manage_look manage_put_activity, manage_put_usage, manage_put_sessions;

/* ---- manage_data.c ---- */

manage_look manage_put_rankings, manage_put_apps, manage_put_session_costs;

#endif
