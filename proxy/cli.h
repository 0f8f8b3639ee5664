/* The commands of the command line: chat, models, route, check, health, replay, what-if, keys,
   credits, usage, audit.

   What needs the gateway asks it over HTTP, as any client would: a child process serves
   connected sockets that only this process holds, so no port is opened and nobody else gets
   in. What is kept in `state` has one owner at a time: where an orproxy runs, the commands
   about it ask that one, through the socket in the folder. The commands themselves may
   block. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* it did not work */
    CLI_USAGE = 2,  /* wrong use */

    CLI_MAX_MODELS = 8, /* asked at once */
    CLI_MAX_WORDS = 256 /* of a text that is given without quotes */
};

/* A gateway for this process alone.
   start  forks a child that serves num connected stream sockets and ends when all of them are
          closed; fds gets the other ends. Returns 0, or an exit status after having said why.
          May be called again once all earlier ends are closed (after an answer was given up,
          or when the gateway closed an idle one). The child ignores SIGINT, which belongs to
          the command; it asks its clients for no key, and writes no line for each request.
          It answers when the lists of models that it has to wait for are there. */
typedef struct cli_gateway {
    int (*start)(void *user, int *fds, unsigned num);
    void *user;
} cli_gateway;

/* A command line, read. Texts are those of argv. */
typedef struct cli_command {
    const char *name;
    const char *model;      /* -m: one or more, with commas; NULL: not given */
    const char *system;     /* --system */
    const char *prefs;      /* --prefs */
    uint32_t    max_tokens; /* 0: not given */
    bool        json, tools, reasoning;
    const char *action; /* "create" of "keys create"; NULL: the command has none. Set by
                           cli_complete */
    const char *limit, *limit_reset, *expires, *models, *providers, *rpm, *tpm, *max_concurrent,
        *new_name; /* keys; limit, rpm, tpm and max_concurrent are numbers, limit_reset is known */
    bool        no_limit, byok, no_byok, disable, enable, yes;
    const char *note;  /* credits */
    const char *by;    /* usage: known; NULL: not given */
    uint32_t    days;  /* 0: not given */
    bool        csv, bars;
    const char *state; /* audit: the folder; NULL: that of the settings */
    bool        help;       /* --help: cli_run does nothing else, and needs neither settings nor
                               a gateway */
    bool        only_words; /* -- was there */
    const char *words[CLI_MAX_WORDS]; /* what is no option */
    unsigned    num_words;
    /* private */
    uint32_t given; /* options that were there */
} cli_command;

/* Is it the name of one of the commands above? */
bool cli_is_command(const char *word);

/* All their names, at most max of them: for "did you mean". Returns how many. */
size_t cli_names(const char **names, size_t max);

/* One line for each command, for the program's own help. */
const char *cli_summary(void);

/* Begin with the command's name, which cli_is_command knows. */
void cli_begin(cli_command *c, const char *name);

/* Take the word argv[*i], and its value when it is an option that has one; then *i is the last
   word taken. Options that all commands have (-c, --set ...) are the caller's: it looks for
   them first, unless c->only_words. False: error says what is wrong, with the nearest name
   for an unknown option. */
bool cli_take(cli_command *c, char **argv, int *i, char *error, size_t error_size);

/* All words were taken: is something missing, or too much? Takes the action from the words. */
bool cli_complete(cli_command *c, char *error, size_t error_size);

/* The three steps for words that hold no option of all commands: argv[0] is the first word
   behind the command's name. */
bool cli_parse(cli_command *c, const char *name, char **argv, char *error, size_t error_size);

/* False: it does without settings, and cli_run without conf_now. */
bool cli_needs_settings(const cli_command *c);

/* Connect to the orproxy that runs on that folder, so many times. False: none does. */
bool cli_dial(const char *state, int *fds, unsigned num);

/* Do it. The settings in force (conf_now) are those of the command line; for what-if they are
   the other ones, which its -c names. Returns the exit status. */
int cli_run(const cli_command *c, const cli_gateway *g);

#endif
