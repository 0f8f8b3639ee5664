/* What the commands share. Private to cli. */
#ifndef CLI_PARTS_H
#define CLI_PARTS_H

#include <stdio.h>

#include "or.h"
#include "proxy/cli.h"

enum {
    CLI_MAX_TEXT = 20 << 20,   /* bytes of a question */
    CLI_MAX_ANSWER = 32 << 20, /* bytes of an answer, and of a list of models */
    CLI_MAX_EVENT = 16 << 20,  /* bytes of one event of a stream */
    CLI_MAX_LINE = 16 << 20,   /* bytes of a line of the decisions file */
    CLI_MAX_TABLE = 16 << 20,  /* bytes of a table's texts */
    CLI_READ = 16 << 10        /* bytes received at once */
};

/* ---- text (cli_text.c): pure ---- */

/* Append text from outside so that a terminal shows it and does not obey it: without control
   characters (C0, DEL, C1) other than line end and tab, and with U+FFFD for what is not UTF-8.
   one_line: these two become spaces. */
void cli_put_clean(or_buf *out, or_str s, bool one_line);

/* Places it takes on a terminal. */
size_t cli_width(or_str s);

/* "0.0000012 USD". */
void cli_put_usd(or_buf *out, int64_t pico_usd);

/* USD per million tokens of a price per token as the API writes it: "0.15", "free", "unknown". */
void cli_put_price(or_buf *out, or_str price);

/* "1.24 s" */
void cli_put_seconds(or_buf *out, uint32_t ms);

/* Append, as it may stand in the path of a URL, or (query) behind "=". */
void cli_put_escaped(or_buf *out, or_str s, bool query);

/* "2026-12-31T23:59:59Z" of seconds since 1970. */
void cli_put_time(or_buf *out, int64_t unix_s);

/* Append the time in that form that a text names: itself, a date (its first second), or a
   duration from now (30d; s m h d). OR_ERR_ARG: none of them; OR_ERR_RANGE: not after now. */
or_err cli_put_expiry(or_buf *out, or_str text, int64_t now_s);

/* The next of a list with commas, moved past it; spaces around it do not count. False: none. */
bool cli_next_item(or_str *list, or_str *item);

/* A table whose columns are as wide as their widest cell. Cells are cleaned when added. */
typedef struct cli_table {
    unsigned columns;
    uint32_t right; /* 1u << column: aligned to the right */
    or_buf   text;  /* all cells, each ended by a NUL */
} cli_table;

void cli_table_begin(cli_table *t, unsigned columns, uint32_t right);
void cli_table_add(cli_table *t, or_str cell); /* row by row */
void cli_table_add_z(cli_table *t, const char *cell);

/* The lines, two spaces between columns; head: the first row is bold. Does not end the table. */
void cli_table_put(const cli_table *t, or_buf *out, bool head);
void cli_table_end(cli_table *t);

/* A number of something, and a price as the API writes it, as cells; 0: "unknown". */
void cli_table_add_count(cli_table *t, uint64_t n);
void cli_table_add_price(cli_table *t, or_str price);

/* A cell of CSV, without a comma before it: quoted where it has to be, and a text that a
   spreadsheet would take for a formula behind an apostrophe. Source: RFC 4180. */
void cli_csv_put(or_buf *out, or_str cell);

/* A bar for `part` of `most`, CLI_BAR places long for the whole; something for all that is more
   than nothing. blocks: of Unicode's block elements, in eighths, else of '#'. */
enum { CLI_BAR = 24 };
void cli_bar_put(or_buf *out, int64_t part, int64_t most, bool blocks);

/* "12.3 %" of the whole, rounded down; "-" when the whole is nothing. */
void cli_put_share(or_buf *out, int64_t part, int64_t whole);

/* An answer of the API, and its parts seen from token tok. */
typedef struct cli_doc {
    or_arena    arena;
    or_json_doc json; /* without tokens when it cannot be read */
} cli_doc;

or_err   cli_doc_begin(cli_doc *d, or_str text);
or_str   cli_doc_text(cli_doc *d, int tok, const char *pointer);  /* "": not there, or no text */
or_str   cli_doc_value(cli_doc *d, int tok, const char *pointer); /* the same; of others raw */
uint64_t cli_doc_count(cli_doc *d, int tok, const char *pointer); /* 0: not there */
bool     cli_doc_is(cli_doc *d, int tok, const char *pointer);    /* true is there */

/* An amount of USD there, and the sum of two, exactly; the second one may be missing, and b be
   NULL. False: the first is no amount (null, say), or they do not fit. */
bool cli_doc_usd(cli_doc *d, int tok, const char *pointer, int64_t *pico_usd);
bool cli_doc_usd_sum(cli_doc *d, int tok, const char *a, const char *b, int64_t *pico_usd);
void     cli_doc_end(cli_doc *d);

/* ---- terminal (cli_out.c) ---- */

/* Is it a terminal that takes colours (NO_COLOR unset)? */
bool cli_colours(FILE *file);

/* Do the settings of the terminal (LC_ALL, LC_CTYPE, LANG) say UTF-8? */
bool cli_utf8(void);

/* A line on stderr, "orproxy: ...", cleaned. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Write to stdout. False: it is gone. */
bool cli_print(or_str s);

/* Print the table, bold head on a terminal, and end it. False: no room, or stdout is gone. */
bool cli_table_print(cli_table *t);

/* Read the file to its end ("-" is stdin), at most max bytes. False: it was said why. */
bool cli_read_all(or_buf *out, const char *path);

/* Lines of a file, one after the other. */
typedef struct cli_lines {
    const char   *path;
    int           fd;
    unsigned long number; /* of the line, from 1 */
    or_buf        buf;
    or_str        raw;  /* the last line with its end, which the end of the file may lack */
    size_t        used; /* bytes of buf that were given out */
    bool          end;
} cli_lines;

/* "-" is stdin. False: it was said why. */
bool cli_lines_open(cli_lines *l, const char *path);

/* OR_OK and the line, without its end, valid until the next call. OR_DONE: no more.
   OR_ERR_SPACE: longer than CLI_MAX_LINE; it is passed over. OR_ERR_IO. */
or_err cli_lines_next(cli_lines *l, or_str *line);
void   cli_lines_close(cli_lines *l);

/* ---- HTTP (cli_http.c) ---- */

/* One request and its answer. Zeroed is a closed one; must not be moved while open. */
typedef struct cli_exchange {
    int      fd;     /* the caller's */
    uint16_t status; /* 0: no answer yet */
    bool     stream; /* the answer is server-sent events, given to `event` */
    bool     over;
    bool     clean; /* the answer came to its end */
    bool     keep;  /* the connection can serve another request */
    or_err   err;   /* why it is over, when not clean */
    uint32_t retry_after_s;
    char     route[512]; /* X-Orproxy-Route: what was tried */
    or_buf   body;       /* what is no stream */
    void (*event)(void *user, or_str data);
    void *user;
    /* private */
    or_buf  out, rx, carry;
    size_t  sent;
    or_http http;
    or_sse  sse;
} cli_exchange;

/* body: JSON, or absent. event may be NULL: then a stream is an error. */
void cli_exchange_begin(cli_exchange *x, int fd, or_str method, or_str target, or_str body,
                        void (*event)(void *user, or_str data), void *user);

/* What to poll the descriptor for; and once it is ready: go on, without blocking. */
short cli_exchange_wants(const cli_exchange *x);
void  cli_exchange_step(cli_exchange *x);

/* Until it is over, blocking. */
void cli_exchange_run(cli_exchange *x);
void cli_exchange_end(cli_exchange *x);

/* In words, what an answer other than 200 or an unfinished one says: "404: No endpoints ...
   (tried: alpha=503)". */
void cli_exchange_error(const cli_exchange *x, or_buf *out);

/* The same for an error that the answer or the stream brought. */
void cli_put_error(or_buf *out, const or_chat_error *error, const cli_exchange *x);

/* Say it. Returns CLI_FAILED. */
int cli_print_failure(const cli_exchange *x);

/* Print a body as it is, with a line end behind it. Returns the exit status. */
int cli_print_json(or_str body);

/* ---- the gateway that has the state (cli_control.c) ---- */

/* Connect to it: to the orproxy that runs on conf_now()->state, through its control socket, else
   to one of our own (g->start). Returns 0, or an exit status after having said why. */
int cli_connect(const cli_gateway *g, int *fd);

/* Does an orproxy, or a command's gateway, run on the folder? */
bool cli_state_is_held(const char *state);

/* Requests to it, one after the other. */
typedef struct cli_link {
    const cli_gateway *g;
    int                fd; /* -1: not connected */
} cli_link;

/* body: JSON, or absent. Returns 0 once x has a good answer, else an exit status after having
   said why. x is to be ended in any case. */
int  cli_link_ask(cli_link *l, cli_exchange *x, or_str method, or_str target, or_str body);
void cli_link_end(cli_link *l);

/* ---- an answer of a chat (cli_answer.c) ---- */

typedef struct cli_answer {
    or_str         model; /* asked; absent: the gateway's default */
    cli_exchange   x;
    or_chat_stream stream;
    or_buf         text;                      /* what the model said, as it came */
    or_buf         pending;                   /* the same for the eye, not yet printed */
    or_buf         failure;                   /* why it failed, in words */
    char           served[128], provider[64]; /* by whom */
    or_usage       usage;
    or_end         end; /* OPEN while it comes */
    bool           interrupted;
    bool           reasoning; /* show it */
    bool           colours;
    bool           thinking;  /* what was shown last is reasoning */
    bool           open_line; /* what was shown last is no line end */
    uint32_t       begun_ms, took_ms;
} cli_answer;

/* Ask: body is a chat request with stream. `reasoning`, `colours` and `model` are set before. */
void cli_answer_begin(cli_answer *a, int fd, or_str body);
void cli_answer_step(cli_answer *a);

/* Give it up. */
void cli_answer_interrupt(cli_answer *a);
bool cli_answer_good(const cli_answer *a);

/* The line after it: model, provider, tokens, cost, time. */
void cli_answer_footer(const cli_answer *a, or_buf *out);
void cli_answer_end(cli_answer *a);

/* ---- a conversation (cli_history.c) ---- */

enum {
    CLI_MAX_TURNS = 512,      /* messages that are remembered; the oldest go first */
    CLI_MAX_HISTORY = 8 << 20 /* bytes of them */
};

typedef struct cli_history {
    or_msg  *msgs; /* CLI_MAX_TURNS of them; contents are its own */
    uint32_t num;
    size_t   bytes; /* of all contents */
} cli_history;

/* False: no memory. */
bool cli_history_add(cli_history *h, or_role role, or_str text);
void cli_history_drop_last(cli_history *h);

/* Forget all but the first keep messages. */
void cli_history_cut(cli_history *h, uint32_t keep);
void cli_history_free(cli_history *h);

/* ---- the commands ---- */

/* The help text of a command (cli_help.c). */
const char *cli_help_of(const char *name);

/* The words as one text, with a space between two. */
void cli_put_words(const cli_command *c, or_buf *out);

int cli_chat(const cli_command *c, const cli_gateway *g);
int cli_models(const cli_command *c, const cli_gateway *g);
int cli_route(const cli_command *c, const cli_gateway *g);
int cli_check(const cli_command *c);
int cli_health(void);

/* Is the ledger in that folder whole? In words. (cli_audit.c) */
bool cli_audit_check(const char *state, or_buf *out);
int cli_replay(const cli_command *c);
int cli_what_if(const cli_command *c);
int cli_keys(const cli_command *c, const cli_gateway *g);
int cli_credits(const cli_command *c, const cli_gateway *g);
int cli_usage(const cli_command *c, const cli_gateway *g);
int cli_audit(const cli_command *c, const cli_gateway *g);

/* The table of models over a connection that is free. keep: it can be used again. */
int cli_models_list(int fd, or_str search, bool json, bool *keep);

#endif
