/* What a key may do, as JSON: in the bodies of POST and PATCH /keys, in answers, and in the
   ledger. The same members as in [key NAME], those of OpenRouter among them. */
#ifndef KEYS_H
#define KEYS_H

#include "or.h"
#include "proxy/conf.h"

enum {
    KEYS_MAX_NAME = 128,  /* bytes of a key's name */
    KEYS_MAX_SIZE = 65536 /* bytes of one key's rules */
};

/* A key of its own: name, lists and all texts behind it in one block of mem_alloc. */
typedef struct keys_rules {
    conf_key           key;
    size_t             size;
    struct keys_rules *next; /* the owner's */
} keys_rules;

/* Copy *base (NULL: a new key without any limit), changed by the members of the object tok.
   null takes a limit away. Members named in `also` (ended by NULL) are passed over, others that
   are not known are refused. NULL: error says which member and why. */
keys_rules *keys_read(const conf_key *base, const or_json_doc *doc, int tok,
                      const char *const *also, char *error, size_t error_size);
keys_rules *keys_copy(const conf_key *k);
void        keys_free(keys_rules *r);

/* The members of an object that say what a key may do, its name first. all: those too that say
   no more than their absence. */
void keys_put(or_json_writer *w, const conf_key *k, bool all);

/* The same of limits alone, as organisation, apps and users have them. False: error is filled. */
void keys_put_limits(or_json_writer *w, const conf_limits *l, bool all);
bool keys_read_limits(conf_limits *l, const or_json_doc *doc, int tok, char *error,
                      size_t error_size);

/* "daily", "weekly", "monthly"; NULL for OR_WINDOW_NONE. */
const char *keys_window_name(or_window w);

#endif
