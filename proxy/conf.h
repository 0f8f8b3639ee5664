/* Settings: defaults, then the file, then the environment and the command line. They do not
   change after the start. */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONF_MAX_LISTEN = 8 };

typedef enum conf_kind {
    CONF_KIND_OPENAI, /* anything that speaks OpenAI's dialect */
    CONF_KIND_DEMO    /* the simulated provider in this binary */
} conf_kind;

/* Where requests go. */
typedef struct conf_provider {
    const char *name;     /* of the section; NULL: there is no provider */
    const char *base_url; /* with /v1, as the SDKs take it */
    const char *key;      /* the secret itself; NULL: none is sent */
    const char *ca;       /* PEM file; NULL: conf.ca */
    conf_kind   kind;
} conf_provider;

typedef struct conf {
    const char *listen[CONF_MAX_LISTEN]; /* ADDR:PORT */
    unsigned    num_listen;
    const char *ca;        /* PEM file of trust anchors; NULL: the system's */
    bool        open;      /* serve other machines without keys */
    uint32_t    heartbeat; /* ms of silence before a comment is sent */
    struct {
        size_t head, body, answer, memory; /* bytes */
        size_t connections;
    } limits;
    struct {
        uint32_t connect, first_token, between_bytes, total, client, drain; /* ms */
    } timeout;
    conf_provider provider;
} conf;

/* What went wrong, in one line: where, what, and the mend. */
typedef struct conf_error {
    char text[512];
} conf_error;

/* Fill *c with defaults. */
void conf_defaults(conf *c);

/* Read a file. False with *e filled ("FILE:LINE: ..."). */
bool conf_read_file(conf *c, const char *path, conf_error *e);

/* One setting as the command line gives it: "key=value" or "section.key=value".
   False with *e filled. */
bool conf_set(conf *c, const char *assignment, conf_error *e);

/* One setting by its parts. section "" is the top. where goes in front of the error. */
bool conf_set_value(conf *c, const char *section, const char *key, const char *value,
                    const char *where, conf_error *e);

/* What only the whole can tell: called once after all sources. */
bool conf_check(const conf *c, conf_error *e);

/* Of the names, the one nearest to `name`; NULL when none is near. */
const char *conf_nearest(const char *name, const char *const *names, size_t num);

#endif
