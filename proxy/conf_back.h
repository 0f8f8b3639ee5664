/* What the files of conf share; nobody else's business.

   conf.c          the settings as an object, and its memory
   conf_table.c    every key there is
   conf_section.c  sections, and which setting a line is about
   conf_value.c    a value as what it stands for
   conf_json.c     values that are JSON
   conf_secret.c   values that are read from elsewhere
   conf_file.c     files, line by line
   conf_finish.c   what only the whole can tell */
#ifndef CONF_BACK_H
#define CONF_BACK_H

#include "proxy/conf.h"

typedef enum group {
    TOP,
    LIMITS,
    TIMEOUT,
    ORGANIZATION,
    PROVIDER,
    ENDPOINT,
    KEY,
    ALIASES,
    PRESET,
    APP,
    USER
} group;
enum { NUM_GROUPS = USER + 1 };

/* The sections; `form` is how they are written, `needs` what a name is missing. */
typedef struct group_form {
    const char *word, *form, *needs;
} group_form;

typedef enum type {
    LISTEN,     /* the top's list of addresses */
    TEXT,       /* const char * */
    STR,        /* or_str */
    SECRET,     /* one more of a provider's keys */
    MANAGEMENT, /* the hash of the management key */
    CLIENT,     /* the hash of a client's key */
    BOOL,       /* bool; the names are `choices` */
    CHOICE,     /* an enum; the names are `choices` */
    COUNT,      /* size_t */
    COUNT16,
    COUNT32,
    COUNT64,
    SIZE,        /* size_t of bytes */
    DURATION,    /* uint32_t of milliseconds */
    INTERVAL,    /* the same, or never: 0 */
    SYNC,        /* the same, or each: 0 */
    LIST,        /* const or_str *, and an unsigned at offset `second` */
    NAMES,       /* the same list, kept as a JSON array: or_str */
    OBJECT,      /* or_str: JSON that holds members of a request */
    PREFS,       /* or_str: JSON as the member `provider` */
    PARAMS,      /* uint32_t of or_param bits, and the bool at `second` */
    BITS,        /* uint16_t, any of `choices` */
    PER_MILLION, /* price in an or_price_list; `second` is its or_price_key */
    EACH,        /* the same, for one instead of a million */
    CEILING,     /* uint64_t pico-USD of one, given for a million */
    MONEY,       /* int64_t pico-USD */
    SHARE,       /* uint32_t parts per billion */
    TIME,        /* int64_t unix seconds */
    LATER        /* settled, but not in this version */
} type;

typedef struct choice {
    const char *name;
    unsigned    value;
} choice;

/* Every key there is. min and max are inclusive: bytes, milliseconds or a count. The README's
   table and examples/orproxy.conf repeat the defaults. */
typedef struct setting {
    group         group;
    const char   *key;
    type          type;
    size_t        offset, second;
    const choice *choices;
    uint64_t      standard, min, max;
} setting;
enum { MAX_SETTINGS = 192 };

#define SECOND  1000u
#define MINUTE  (60u * SECOND)
#define DAY     (24u * 60u * MINUTE)
#define KIB     1024u
#define MIB     (1024u * KIB)
#define MILLION 1000000u
#define TOKENS  1000000000u /* the most that a limit in tokens may be */
#define DOLLARS 1000000u    /* the most that an amount or a price for a million may be */

extern const group_form conf_groups[NUM_GROUPS];
extern const choice     conf_kinds[]; /* of providers */
extern const setting    conf_settings[];
extern const size_t     conf_num_settings;

/* Where a setting comes from. */
typedef struct origin {
    const char *where;
    conf_error *e;
    unsigned    line;     /* of the file; 0: from elsewhere */
    unsigned   *given;    /* file: the line in which this section gave each setting */
    bool        replaces; /* --set: what it says of a list stands instead of the file's */
} origin;

/* Texts live in the arena, whose blocks are wiped before they are given back; the arrays that
   grow live in blocks of their own. */
struct conf_kept {
    or_arena arena;
    unsigned max_endpoints, max_keys, max_presets, max_aliases, max_apps, max_users,
        max_files;                                                                   /* room there is */
    bool       listen_replaced;                                                      /* by --set */
    bool       has_ceiling_prompt, has_ceiling_completion;
    bool       sync_given;        /* ledger_sync */
    bool       forgives;          /* see conf_forgive */
    bool       other_providers;   /* see conf_expect_clear */
    conf_error missing;           /* the first that was forgiven; "" */
    conf_place fixed[NUM_GROUPS]; /* of sections that are there once */
};

/* A section's name in parts. */
typedef struct place {
    group  group;
    char   name[CONF_MAX_NAME + 1];
    or_str model; /* of an endpoint */
} place;

/* ---- conf.c ---- */

extern const or_allocator conf_blocks; /* wipes what it is given back */

/* Fill the error; false. */
bool conf_fail(const origin *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* May it go on without what that error says is missing? Then it is noted. */
bool conf_forgives(conf *c, const conf_error *e);

bool conf_unknown(const origin *o, const char *what, const char *name, const char *nearest);

/* Append to a text of that size what fits. */
void conf_append(char *text, size_t size, const char *more);

/* Zeroed memory that lives as long as the conf, and texts in it; NULL, false: the error is filled.
 */
void *conf_room(conf *c, size_t size, const origin *o);
char *conf_keep(conf *c, or_str text, const origin *o);
bool  conf_keep_text(conf *c, const char *value, const char **out, const origin *o);
bool  conf_keep_str(conf *c, or_str value, or_str *out, const origin *o);

/* Remember the path of a file that is read. */
bool conf_keep_file(conf *c, const char *path, const origin *o);

/* The array with room for one more; NULL with the error filled. */
void *conf_grow(const void *array, unsigned num, unsigned *max, size_t size, const char *what,
                const origin *o);

/* The name in a buffer for conf_nearest. */
const char *conf_name_of(or_str name, char *buf, size_t size);

/* ---- conf_section.c ---- */

conf_provider *conf_find_provider(conf *c, const char *name);

/* A [section] line of a file. */
bool conf_begin_section(conf *c, const char *section, const origin *o);

/* One setting by its parts. */
bool conf_take_setting(conf *c, const char *section, const char *key, const char *value,
                       const origin *o);

/* ---- conf_value.c, conf_json.c, conf_secret.c ---- */

/* Settings go into header fields, JSON and terminals: only clean text comes in. */
bool conf_check_text(or_str text, const origin *o);

/* object is what the section's settings are stored in. */
bool conf_set_key(conf *c, void *object, const setting *s, const char *value, const origin *o);
bool conf_add_listen(conf *c, const char *value, const origin *o);
bool conf_set_json(conf *c, const setting *s, or_str *at, const char *value, const origin *o);
bool conf_set_secret(conf *c, const setting *s, void *object, const char *value, const origin *o);

#endif
