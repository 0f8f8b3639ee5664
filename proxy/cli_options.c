/* The commands, and the words behind their names. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "or.h"
#include "proxy/cli.h"
#include "proxy/conf.h"

/* A command, or one of a command's actions. */
enum {
    CHAT = 1 << 0,
    MODELS = 1 << 1,
    ROUTE = 1 << 2,
    CHECK = 1 << 3,
    REPLAY = 1 << 4,
    WHAT_IF = 1 << 5,
    KEYS_LIST = 1 << 6,
    KEYS_CREATE = 1 << 7,
    KEYS_SHOW = 1 << 8,
    KEYS_UPDATE = 1 << 9,
    KEYS_DELETE = 1 << 10,
    CREDITS_SHOW = 1 << 11,
    CREDITS_ADD = 1 << 12,
    USAGE = 1 << 13,
    AUDIT_VERIFY = 1 << 14,
    AUDIT_ACCEPT = 1 << 15,
    HEALTH = 1 << 16,
    /* several */
    KEYS = KEYS_LIST | KEYS_CREATE | KEYS_SHOW | KEYS_UPDATE | KEYS_DELETE,
    KEYS_SET = KEYS_CREATE | KEYS_UPDATE,
    CREDITS = CREDITS_SHOW | CREDITS_ADD,
    AUDIT = AUDIT_VERIFY | AUDIT_ACCEPT,
};

typedef struct command {
    const char *name;
    const char *action; /* NULL: it has none. The first one of a command is done without, too */
    uint32_t    bit;
    unsigned    least, most; /* words behind it */
    const char *word;        /* what that is, where it is one */
} command;

static const command commands[] = {
    {"chat", NULL, CHAT, 0, CLI_MAX_WORDS, NULL},
    {"models", NULL, MODELS, 0, CLI_MAX_WORDS, NULL},
    {"route", NULL, ROUTE, 0, CLI_MAX_WORDS, NULL},
    {"check", NULL, CHECK, 0, 0, NULL},
    {"health", NULL, HEALTH, 0, 0, NULL},
    {"replay", NULL, REPLAY, 1, 1, "file, the decisions' LOG"},
    {"what-if", NULL, WHAT_IF, 1, 1, "file, the decisions' LOG"},
    {"keys", "list", KEYS_LIST, 0, 0, NULL},
    {"keys", "create", KEYS_CREATE, 1, 1, "NAME (with spaces: in quotes)"},
    {"keys", "show", KEYS_SHOW, 1, 1, "KEY, a hash or a name"},
    {"keys", "update", KEYS_UPDATE, 1, 1, "KEY, a hash or a name"},
    {"keys", "delete", KEYS_DELETE, 1, 1, "KEY, a hash or a name"},
    {"credits", "show", CREDITS_SHOW, 0, 0, NULL},
    {"credits", "add", CREDITS_ADD, 1, 1, "amount, USD"},
    {"usage", NULL, USAGE, 0, 0, NULL},
    {"audit", "verify", AUDIT_VERIFY, 0, 0, NULL},
    {"audit", "accept", AUDIT_ACCEPT, 0, 0, NULL},
};
enum { NUM_COMMANDS = sizeof commands / sizeof commands[0], MAX_ACTIONS = 8 };

typedef enum kind {
    FLAG,   /* bool, without a value */
    TEXT,   /* the others are const char * */
    AMOUNT, /* USD, 0 or more */
    NUMBER, /* 0 or more */
    CHOICE, /* one of `among` */
    COUNT   /* uint32_t, 1 or more */
} kind;

#define AT(member) offsetof(cli_command, member)

static const struct {
    const char *name;
    uint32_t    of; /* who takes it */
    kind        kind;
    size_t      at;
    const char *among;
} options[] = {
    {"-m", CHAT | ROUTE, TEXT, AT(model), NULL},
    {"--system", CHAT, TEXT, AT(system), NULL},
    {"--reasoning", CHAT, FLAG, AT(reasoning), NULL},
    {"--json", MODELS | ROUTE | KEYS | CREDITS | USAGE | AUDIT, FLAG, AT(json), NULL},
    {"--prefs", ROUTE, TEXT, AT(prefs), NULL},
    {"--tools", ROUTE, FLAG, AT(tools), NULL},
    {"--max-tokens", ROUTE, COUNT, AT(max_tokens), NULL},
    {"--limit", KEYS_SET, AMOUNT, AT(limit), NULL},
    {"--no-limit", KEYS_SET, FLAG, AT(no_limit), NULL},
    {"--limit-reset", KEYS_SET, CHOICE, AT(limit_reset), "daily, weekly, monthly, none"},
    {"--byok", KEYS_SET, FLAG, AT(byok), NULL},
    {"--no-byok", KEYS_SET, FLAG, AT(no_byok), NULL},
    {"--expires", KEYS_SET, TEXT, AT(expires), NULL},
    {"--models", KEYS_SET, TEXT, AT(models), NULL},
    {"--providers", KEYS_SET, TEXT, AT(providers), NULL},
    {"--rpm", KEYS_SET, NUMBER, AT(rpm), NULL},
    {"--tpm", KEYS_SET, NUMBER, AT(tpm), NULL},
    {"--max-concurrent", KEYS_SET, NUMBER, AT(max_concurrent), NULL},
    {"--name", KEYS_UPDATE, TEXT, AT(new_name), NULL},
    {"--disable", KEYS_UPDATE, FLAG, AT(disable), NULL},
    {"--enable", KEYS_UPDATE, FLAG, AT(enable), NULL},
    {"--yes", KEYS_DELETE, FLAG, AT(yes), NULL},
    {"--note", CREDITS_ADD, TEXT, AT(note), NULL},
    {"--by", USAGE, CHOICE, AT(by), "model, provider, key, app, session, day"},
    {"--days", USAGE, COUNT, AT(days), NULL},
    {"--csv", USAGE, FLAG, AT(csv), NULL},
    {"--bars", USAGE, FLAG, AT(bars), NULL},
    {"--state", AUDIT_VERIFY, TEXT, AT(state), NULL},
};
enum { NUM_OPTIONS = sizeof options / sizeof options[0] };
typedef char all_options_fit[NUM_OPTIONS <= 32 ? 1 : -1]; /* into cli_command's `given` */

/* Who it may be: all actions of the command; nothing when there is no such command. */
static uint32_t bits_of(const char *name)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < NUM_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) bits |= commands[i].bit;
    return bits;
}

bool cli_is_command(const char *word)
{
    return bits_of(word) != 0;
}

size_t cli_names(const char **names, size_t max)
{
    size_t num = 0;
    for (size_t i = 0; i < NUM_COMMANDS && num < max; i++)
        if (num == 0 || strcmp(names[num - 1], commands[i].name) != 0)
            names[num++] = commands[i].name;
    return num;
}

bool cli_needs_settings(const cli_command *c)
{
    return !c->help && strcmp(c->name, "replay") != 0 && c->state == NULL;
}

void cli_begin(cli_command *c, const char *name)
{
    memset(c, 0, sizeof *c);
    c->name = name;
}

static bool wrong(char *error, size_t size, const char *format, const char *a, const char *b)
{
    snprintf(error, size, format, a, b);
    return false;
}

/* "-m" also as "-mMODEL" is not known: only "--name=value" and a word of its own. NULL: none. */
static const char *value_of(const char *name, char **argv, int *i)
{
    size_t len = strlen(name);
    if (argv[*i][len] == '=') return argv[*i] + len + 1;
    return argv[*i + 1] != NULL ? argv[++*i] : NULL;
}

static bool is_option(const char *word, const char *name, bool value)
{
    size_t len = strlen(name);
    if (strncmp(word, name, len) != 0) return false;
    return word[len] == 0 || (value && name[1] == '-' && word[len] == '=');
}

static bool unknown(const cli_command *c, const char *word, char *error, size_t size)
{
    const char *names[NUM_OPTIONS + 6] = {"-c",         "--set",          "--demo",
                                          "--upstream", "--upstream-key", "--help"};
    size_t      num = 6;
    uint32_t    bits = bits_of(c->name);
    for (size_t i = 0; i < NUM_OPTIONS; i++)
        if (bits & options[i].of) names[num++] = options[i].name;
    const char *nearest = conf_nearest(word, names, num);
    if (nearest != NULL)
        snprintf(error, size, "%s: unknown option \"%.100s\": did you mean \"%s\"?", c->name, word,
                 nearest);
    else
        snprintf(error, size, "%s: unknown option \"%.100s\": see orproxy %s --help", c->name, word,
                 c->name);
    return false;
}

static bool is_among(const char *list, const char *value)
{
    size_t len = strlen(value);
    while (*list != 0) {
        size_t n = strcspn(list, ",");
        if (n == len && memcmp(list, value, n) == 0) return true;
        list += n + strspn(list + n, ", ");
    }
    return false;
}

/* Is the value one that the option can have? */
static bool check_value(size_t k, const char *value, char *error, size_t size)
{
    const char *name = options[k].name;
    int64_t     amount;
    uint64_t    n = 0;
    kind        is = options[k].kind;
    bool        number = or_u64_read(or_str_z(value), &n) == OR_OK && n <= UINT32_MAX;
    if (is == AMOUNT &&
        (or_decimal_read(or_str_z(value), 12, &amount) != OR_OK || amount < 0 || value[0] == '-'))
        return wrong(error, size, "%s \"%.100s\" is no amount in USD: give one such as 5 or 0.25",
                     name, value);
    if (is == NUMBER && !number)
        return wrong(error, size, "%s \"%.100s\" is no number: give 1 or more, or 0 for none", name,
                     value);
    if (is == COUNT && (!number || n == 0))
        return wrong(error, size, "%s \"%.100s\" is no number: give 1 or more", name, value);
    if (is == CHOICE && !is_among(options[k].among, value)) {
        snprintf(error, size, "%s \"%.100s\" is none of %s", name, value, options[k].among);
        return false;
    }
    return true;
}

static bool set_option(cli_command *c, size_t k, const char *value, char *error, size_t size)
{
    char    *at = (char *)c + options[k].at;
    uint64_t n;
    c->given |= 1u << k;
    if (options[k].kind == FLAG) {
        *(bool *)at = true;
        return true;
    }
    if (!check_value(k, value, error, size)) return false;
    if (options[k].kind == COUNT) {
        (void)or_u64_read(or_str_z(value), &n);
        *(uint32_t *)(void *)at = (uint32_t)n;
    } else {
        *(const char **)(void *)at = value;
    }
    return true;
}

static bool take_option(cli_command *c, char **argv, int *i, char *error, size_t size)
{
    const char *word = argv[*i], *value = NULL;
    uint32_t    bits = bits_of(c->name);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        c->help = true;
        return true;
    }
    for (size_t k = 0; k < NUM_OPTIONS; k++) {
        bool takes_value = options[k].kind != FLAG;
        if (!(bits & options[k].of) || !is_option(word, options[k].name, takes_value)) continue;
        if (takes_value && (value = value_of(options[k].name, argv, i)) == NULL)
            return wrong(error, size, "%s needs a value: see orproxy %s --help", options[k].name,
                         c->name);
        return set_option(c, k, value, error, size);
    }
    return unknown(c, word, error, size);
}

/* An amount below zero is no option. */
static bool looks_as_option(const char *word)
{
    return word[0] == '-' && word[1] != 0 && !(word[1] >= '0' && word[1] <= '9');
}

bool cli_take(cli_command *c, char **argv, int *i, char *error, size_t error_size)
{
    const char *word = argv[*i];
    if (!c->only_words && strcmp(word, "--") == 0) {
        c->only_words = true;
        return true;
    }
    if (!c->only_words && looks_as_option(word)) return take_option(c, argv, i, error, error_size);
    if (c->num_words == CLI_MAX_WORDS)
        return wrong(error, error_size, "%s: too many words: put the text in quotes%s", c->name,
                     "");
    c->words[c->num_words++] = word;
    return true;
}

static unsigned count_items(const char *list)
{
    unsigned num = 1;
    for (; *list != 0; list++) num += *list == ',';
    return num;
}

/* Which of the command's actions it is; its word is no word any more. NULL: *error says why. */
static const command *choose_action(cli_command *c, char *error, size_t size)
{
    const char    *names[MAX_ACTIONS];
    const command *first = NULL;
    size_t         num = 0;
    for (size_t i = 0; i < NUM_COMMANDS; i++) {
        const command *k = &commands[i];
        if (strcmp(k->name, c->name) != 0) continue;
        if (first == NULL) first = k;
        if (k->action == NULL) return k;
        names[num++] = k->action;
        if (c->num_words == 0 || strcmp(c->words[0], k->action) != 0) continue;
        memmove(c->words, c->words + 1, --c->num_words * sizeof c->words[0]);
        return k;
    }
    if (c->num_words == 0) return first;
    const char *nearest = conf_nearest(c->words[0], names, num);
    if (nearest != NULL)
        snprintf(error, size, "%s: unknown \"%.100s\": did you mean \"%s\"?", c->name, c->words[0],
                 nearest);
    else
        snprintf(error, size, "%s: unknown \"%.100s\": see orproxy %s --help", c->name, c->words[0],
                 c->name);
    return NULL;
}

/* Only options of this action, and no two that contradict each other. */
static bool check_given(const cli_command *c, const command *k, const char *full, char *error,
                        size_t size)
{
    static const char both[] = "%s and %s exclude each other";
    for (size_t i = 0; i < NUM_OPTIONS; i++)
        if (c->given >> i & 1 && !(options[i].of & k->bit))
            return wrong(error, size, "%s takes no %s", full, options[i].name);
    if (c->limit != NULL && c->no_limit) return wrong(error, size, both, "--limit", "--no-limit");
    if (c->byok && c->no_byok) return wrong(error, size, both, "--byok", "--no-byok");
    if (c->enable && c->disable) return wrong(error, size, both, "--enable", "--disable");
    if (c->csv && c->json) return wrong(error, size, both, "--csv", "--json");
    return true;
}

static bool check_words(const cli_command *c, const command *k, const char *full, char *error,
                        size_t size)
{
    int64_t amount;
    if (c->num_words > 0 && k->most == 0)
        return wrong(error, size, "%s takes no \"%.100s\"", full, c->words[0]);
    if (c->num_words < k->least || c->num_words > k->most) {
        snprintf(error, size, "%s needs one %s: see orproxy %s --help", full, k->word, c->name);
        return false;
    }
    if (k->bit == CREDITS_ADD &&
        (or_decimal_read(or_str_z(c->words[0]), 12, &amount) != OR_OK || amount == 0))
        return wrong(error, size, "%s: \"%.100s\" is no amount in USD: give one such as 5 or -0.25",
                     full, c->words[0]);
    return true;
}

bool cli_complete(cli_command *c, char *error, size_t error_size)
{
    char full[64];
    if (c->help) return true;
    const command *k = choose_action(c, error, error_size);
    if (k == NULL) return false;
    c->action = k->action;
    snprintf(full, sizeof full, "%s%s%s", c->name, k->action != NULL ? " " : "",
             k->action != NULL ? k->action : "");
    if (!check_given(c, k, full, error, error_size) || !check_words(c, k, full, error, error_size))
        return false;
    if (k->bit == ROUTE && c->model == NULL)
        return wrong(error, error_size, "%s needs -m MODEL: see orproxy %s --help", full, c->name);
    if (c->model != NULL && count_items(c->model) > CLI_MAX_MODELS)
        return wrong(error, error_size, "%s: -m \"%.100s\" names more than 8 models", full,
                     c->model);
    return true;
}

bool cli_parse(cli_command *c, const char *name, char **argv, char *error, size_t error_size)
{
    cli_begin(c, name);
    for (int i = 0; argv[i] != NULL; i++)
        if (!cli_take(c, argv, &i, error, error_size)) return false;
    return cli_complete(c, error, error_size);
}
