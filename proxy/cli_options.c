/* The commands, their help, and the words behind their names. */
#include <stdio.h>
#include <string.h>

#include "or.h"
#include "proxy/cli.h"
#include "proxy/conf.h"

#define COMMON_HELP                                                            \
    "\n"                                                                       \
    "  -c FILE, --set KEY=VALUE, --demo, --upstream URL, --upstream-key REF\n" \
    "                        settings, as for serving: see orproxy --help\n"

static const char chat_help[] =
    "usage: orproxy chat [options] [TEXT | -]\n"
    "\n"
    "Asks through the configured routes and prints the answer as it comes. With TEXT one\n"
    "question; with - the text is read from standard input. Without, on a terminal, a\n"
    "conversation: /help lists its commands, Ctrl-C ends an answer, Ctrl-D the program.\n"
    "\n"
    "  -m MODEL[,MODEL...]   whom to ask; several are asked at once (at most 8). Default:\n"
    "                        default_model of the settings\n"
    "  --system TEXT         what stands before the conversation\n"
    "  --reasoning           print reasoning, too (always on a terminal, dimmed)\n" COMMON_HELP "\n"
    "After each answer a line on stderr says who answered, the tokens, the cost, the time.\n"
    "Exit status: 1 when an answer failed or was cut.\n";

static const char models_help[] =
    "usage: orproxy models [options] [SEARCH]\n"
    "\n"
    "Lists what can be asked for: context in tokens, prices in USD per million tokens.\n"
    "\n"
    "  SEARCH                only models whose name has this text\n"
    "  --json                the answer of GET /api/v1/models as it is\n" COMMON_HELP;

static const char route_help[] =
    "usage: orproxy route -m MODEL [options] [TEXT]\n"
    "\n"
    "Says which providers a request would go to, in which order, at which cost at most, and\n"
    "why others are left out. Asks no provider.\n"
    "\n"
    "  -m MODEL[,MODEL...]   the model, then fallback models (at most 8 in all)\n"
    "  --prefs JSON          the request's `provider` object, e.g. '{\"sort\":\"price\"}'\n"
    "  --tools               the request has tools\n"
    "  --max-tokens N        its max_tokens\n"
    "  --json                the answer of POST /api/v1/route as it is\n"
    "  TEXT                  its prompt (default: a short one)\n" COMMON_HELP;

static const char check_help[] =
    "usage: orproxy check [options]\n"
    "\n"
    "Validates the settings; then, for each provider: resolves its name, connects, does the\n"
    "TLS handshake and asks for its models with each of its keys. No tokens are spent.\n"
    "Exit status: 1 when a provider failed.\n" COMMON_HELP;

static const char replay_help[] =
    "usage: orproxy replay LOG\n"
    "\n"
    "Makes each routing decision of the file LOG (setting `decisions`; - is standard input)\n"
    "again and prints those that come out differently.\n"
    "Exit status: 1 when one differs or a line cannot be read.\n";

static const char what_if_help[] =
    "usage: orproxy what-if -c OTHER.conf LOG\n"
    "\n"
    "What would the requests of the file LOG (setting `decisions`; - is standard input) have\n"
    "cost with other settings? Each is routed with what OTHER.conf offers, and the tokens that\n"
    "it took are priced there. Offline: prices come from OTHER.conf, its catalogue file and\n"
    "the lists kept in its state folder.\n" COMMON_HELP;

/* What a command takes. */
enum {
    MODEL = 1,
    SYSTEM = 2,
    REASONING = 4,
    JSON = 8,
    PREFS = 16,
    TOOLS = 32,
    MAX_TOKENS = 64,
    LOG = 128,  /* exactly one word */
    TEXT = 256, /* any number of words */
};

typedef struct command {
    const char *name;
    unsigned    takes;
    const char *help;
} command;

static const command commands[] = {
    {"chat", MODEL | SYSTEM | REASONING | TEXT, chat_help},
    {"models", JSON | TEXT, models_help},
    {"route", MODEL | PREFS | TOOLS | MAX_TOKENS | JSON | TEXT, route_help},
    {"check", 0, check_help},
    {"replay", LOG, replay_help},
    {"what-if", LOG, what_if_help},
};
enum { NUM_COMMANDS = sizeof commands / sizeof commands[0] };

static const struct {
    const char *name;
    unsigned    which;
    bool        value;
} options[] = {
    {"-m", MODEL, true},
    {"--system", SYSTEM, true},
    {"--reasoning", REASONING, false},
    {"--json", JSON, false},
    {"--prefs", PREFS, true},
    {"--tools", TOOLS, false},
    {"--max-tokens", MAX_TOKENS, true},
};
enum { NUM_OPTIONS = sizeof options / sizeof options[0] };

static const command *find(const char *name)
{
    for (size_t i = 0; i < NUM_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

/* What options and words the command takes; nothing when there is no such command. */
static unsigned takes_of(const char *name)
{
    const command *c = find(name);
    return c != NULL ? c->takes : 0;
}

bool cli_is_command(const char *word)
{
    return find(word) != NULL;
}

size_t cli_names(const char **names, size_t max)
{
    size_t num = 0;
    while (num < NUM_COMMANDS && num < max) {
        names[num] = commands[num].name;
        num++;
    }
    return num;
}

const char *cli_help_of(const char *name)
{
    return find(name)->help;
}

const char *cli_summary(void)
{
    return "  chat [-m MODEL,...] [TEXT]     ask, from here\n"
           "  models [SEARCH]                what can be asked for, and prices\n"
           "  route -m MODEL [TEXT]          whom a request would go to, and why\n"
           "  check                          are the providers there?\n"
           "  replay LOG                     make recorded decisions again\n"
           "  what-if -c OTHER.conf LOG      what recorded requests would cost elsewhere\n";
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
    unsigned    takes = takes_of(c->name);
    for (size_t i = 0; i < NUM_OPTIONS; i++)
        if (takes & options[i].which) names[num++] = options[i].name;
    const char *nearest = conf_nearest(word, names, num);
    if (nearest != NULL)
        snprintf(error, size, "%s: unknown option \"%.100s\": did you mean \"%s\"?", c->name, word,
                 nearest);
    else
        snprintf(error, size, "%s: unknown option \"%.100s\": see orproxy %s --help", c->name, word,
                 c->name);
    return false;
}

static bool set_max_tokens(cli_command *c, const char *value, char *error, size_t size)
{
    uint64_t n;
    if (or_u64_read(or_str_z(value), &n) != OR_OK || n == 0 || n > UINT32_MAX)
        return wrong(error, size,
                     "--max-tokens \"%.100s\" is no number of tokens: give 1 or more%s", value, "");
    c->max_tokens = (uint32_t)n;
    return true;
}

static bool set_option(cli_command *c, unsigned which, const char *value, char *error, size_t size)
{
    switch (which) {
    case MODEL: c->model = value; break;
    case SYSTEM: c->system = value; break;
    case PREFS: c->prefs = value; break;
    case JSON: c->json = true; break;
    case TOOLS: c->tools = true; break;
    case REASONING: c->reasoning = true; break;
    default: return set_max_tokens(c, value, error, size);
    }
    return true;
}

static bool take_option(cli_command *c, char **argv, int *i, char *error, size_t size)
{
    const char *word = argv[*i], *value = NULL;
    unsigned    takes = takes_of(c->name);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        c->help = true;
        return true;
    }
    for (size_t k = 0; k < NUM_OPTIONS; k++) {
        if (!(takes & options[k].which) || !is_option(word, options[k].name, options[k].value))
            continue;
        if (options[k].value && (value = value_of(options[k].name, argv, i)) == NULL)
            return wrong(error, size, "%s needs a value: see orproxy %s --help", options[k].name,
                         c->name);
        return set_option(c, options[k].which, value, error, size);
    }
    return unknown(c, word, error, size);
}

bool cli_take(cli_command *c, char **argv, int *i, char *error, size_t error_size)
{
    const char *word = argv[*i];
    if (!c->only_words && strcmp(word, "--") == 0) {
        c->only_words = true;
        return true;
    }
    if (!c->only_words && word[0] == '-' && word[1] != 0)
        return take_option(c, argv, i, error, error_size);
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

bool cli_complete(const cli_command *c, char *error, size_t error_size)
{
    unsigned takes = takes_of(c->name);
    if (c->help) return true;
    if (!(takes & (TEXT | LOG)) && c->num_words > 0)
        return wrong(error, error_size, "%s takes no \"%.100s\"", c->name, c->words[0]);
    if ((takes & LOG) && c->num_words != 1)
        return wrong(error, error_size,
                     "%s needs one file, the decisions' LOG: see orproxy %s --help", c->name,
                     c->name);
    if (strcmp(c->name, "route") == 0 && c->model == NULL)
        return wrong(error, error_size, "%s needs -m MODEL: see orproxy %s --help", c->name,
                     c->name);
    if (c->model != NULL && count_items(c->model) > CLI_MAX_MODELS)
        return wrong(error, error_size, "%s: -m \"%.100s\" names more than 8 models", c->name,
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
