/* The words behind a command's name. conf_nearest is a stand-in: what is asked of it counts. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "proxy/cli_parts.h"
#include "proxy/conf.h"
#include "tests/test.h"

static size_t asked;
static bool   asked_tools;

const char *conf_nearest(const char *name, const char *const *names, size_t num)
{
    const char *found = NULL;
    asked = num;
    asked_tools = false;
    for (size_t i = 0; i < num; i++) {
        if (strcmp(names[i], "--tools") == 0) asked_tools = true;
        if (strlen(names[i]) > 4 && strncmp(names[i], name, 4) == 0) found = names[i];
    }
    return found;
}

static char error[256];

static bool parse(cli_command *c, const char *name, const char *line)
{
    static char text[4096], *words[400];
    int         num = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *w = strtok(text, " "); w != NULL; w = strtok(NULL, " ")) words[num++] = w;
    words[num] = NULL;
    error[0] = 0;
    return cli_parse(c, name, words, error, sizeof error);
}

static const struct {
    const char *command, *line, *want; /* want: a part of the error */
} wrong[] = {
    {"chat", "--systm x", "did you mean \"--system\"?"},
    {"chat", "--zzz", "see orproxy chat --help"},
    {"chat", "--tools x", "unknown option \"--tools\""},
    {"chat", "-m", "-m needs a value"},
    {"chat", "x --system", "--system needs a value"},
    {"chat", "-m a,b,c,d,e,f,g,h,i x", "more than 8"},
    {"route", "text", "needs -m MODEL"},
    {"route", "-m x --max-tokens 0", "--max-tokens \"0\""},
    {"route", "-m x --max-tokens 5k", "--max-tokens \"5k\""},
    {"route", "-m x --max-tokens=4294967296", "--max-tokens"},
    {"route", "-m x --tools=yes", "unknown option"},
    {"check", "now", "takes no \"now\""},
    {"health", "now", "health takes no \"now\""},
    {"health", "--json", "unknown option"},
    {"replay", "", "needs one file"},
    {"replay", "a b", "needs one file"},
    {"what-if", "", "what-if --help"},
    {"models", "-m x", "unknown option"},
    {"keys", "creat x", "keys: unknown \"creat\": did you mean \"create\"?"},
    {"keys", "x", "keys: unknown \"x\": see orproxy keys --help"},
    {"keys", "create", "keys create needs one NAME"},
    {"keys", "create a b", "in quotes"},
    {"keys", "show", "keys show needs one KEY"},
    {"keys", "delete --yes", "keys delete needs one KEY"},
    {"keys", "list x", "keys list takes no \"x\""},
    {"keys", "list --limit 5", "keys list takes no --limit"},
    {"keys", "--limit 5", "keys list takes no --limit"},
    {"keys", "--disable create a", "keys create takes no --disable"},
    {"keys", "update a --yes", "keys update takes no --yes"},
    {"keys", "create a --limit", "--limit needs a value"},
    {"keys", "create a --limit 5USD", "--limit \"5USD\" is no amount"},
    {"keys", "create a --limit -1", "--limit \"-1\" is no amount"},
    {"keys", "create a --limit .5", "--limit \".5\" is no amount"},
    {"keys", "create a --limit 0x10", "is no amount"},
    {"keys", "create a --limit 0.0000000000001", "is no amount"},
    {"keys", "create a --limit 10000000", "is no amount"},
    {"keys", "create a --limit 1 --no-limit", "--limit and --no-limit exclude each other"},
    {"keys", "create a --byok --no-byok", "exclude each other"},
    {"keys", "update a --enable --disable", "exclude each other"},
    {"keys", "create a --limit-reset yearly", "\"yearly\" is none of daily, weekly, monthly"},
    {"keys", "create a --limit-reset day", "is none of"},
    {"keys", "create a --limit-reset dailyweekly", "is none of"},
    {"keys", "create a --limit-reset=", "is none of"},
    {"keys", "create a --rpm -1", "--rpm \"-1\" is no number"},
    {"keys", "create a --tpm 4294967296", "is no number"},
    {"credits", "add", "credits add needs one amount"},
    {"credits", "add five", "\"five\" is no amount"},
    {"credits", "add 0", "is no amount"},
    {"credits", "add 0.0", "is no amount"},
    {"credits", "add +5", "is no amount"},
    {"credits", "add 5 USD", "needs one amount"},
    {"credits", "--note x", "credits show takes no --note"},
    {"credits", "sub 5", "unknown \"sub\""},
    {"usage", "model", "usage takes no \"model\""},
    {"usage", "--by colour", "\"colour\" is none of model, provider, key, app, session, day"},
    {"usage", "--days 0", "--days \"0\""},
    {"usage", "--days 1.5", "--days \"1.5\""},
    {"usage", "--csv --json", "--csv and --json exclude each other"},
    {"audit", "accept --state x", "audit accept takes no --state"},
    {"audit", "verfy", "unknown \"verfy\""},
};

static void test_wrong(void)
{
    cli_command c;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK(!parse(&c, wrong[i].command, wrong[i].line), wrong[i].line);
        CHECK(strstr(error, wrong[i].want) != NULL, error);
    }
    CHECK(!parse(&c, "route", "--toolz"), "nearest");
    CHECK(asked_tools, "route has --tools");
    CHECK(!parse(&c, "chat", "--toolz"), "nearest");
    CHECK(!asked_tools && asked > 6, "chat has not");
}

static void test_right(void)
{
    cli_command c;
    CHECK(parse(&c, "chat", "-m a,b --system=S hello -- -m --help world"), error);
    CHECK(strcmp(c.model, "a,b") == 0 && strcmp(c.system, "S") == 0, "values");
    CHECK(c.num_words == 4 && strcmp(c.words[1], "-m") == 0 && !c.help, "words behind --");
    CHECK(parse(&c, "chat", "-") && c.num_words == 1, "standard input");
    CHECK(parse(&c, "chat", "-m a,b,c,d,e,f,g,h x"), "eight models");
    CHECK(parse(&c, "route", "-m x --tools --json --max-tokens 4294967295 --prefs {}"), error);
    CHECK(c.tools && c.json && c.max_tokens == UINT32_MAX && strcmp(c.prefs, "{}") == 0, "route");
    CHECK(parse(&c, "replay", "--help") && c.help, "help needs no file");
    CHECK(parse(&c, "replay", "-") && c.num_words == 1, "log from standard input");
}

static void test_actions(void)
{
    cli_command c;
    CHECK(parse(&c, "keys", "") && strcmp(c.action, "list") == 0, "the first action");
    CHECK(parse(&c, "keys", "--json list") && strcmp(c.action, "list") == 0 && c.json, error);
    CHECK(parse(&c, "keys", "--limit 0.25 create --limit-reset weekly -- --x"), error);
    CHECK(c.num_words == 1 && strcmp(c.words[0], "--x") == 0, "the action is no word any more");
    CHECK(strcmp(c.action, "create") == 0 && strcmp(c.limit, "0.25") == 0 &&
              strcmp(c.limit_reset, "weekly") == 0, "values");
    CHECK(parse(&c, "keys", "create a --limit 1e-3 --rpm 0 --tpm 4294967295 --max-concurrent 2 "
                            "--no-byok --models a,b --providers= --expires 30d"), error);
    CHECK(strcmp(c.rpm, "0") == 0 && c.no_byok && !c.byok && c.providers[0] == 0, "all options");
    CHECK(parse(&c, "keys", "update create --name b --enable --no-limit"), error);
    CHECK(strcmp(c.words[0], "create") == 0 && c.enable && c.no_limit, "a key named as an action");
    CHECK(parse(&c, "keys", "delete a --yes") && c.yes, error);
    CHECK(parse(&c, "credits", "") && strcmp(c.action, "show") == 0 && c.num_words == 0, error);
    CHECK(parse(&c, "credits", "add -5 --note back") && strcmp(c.words[0], "-5") == 0, error);
    CHECK(parse(&c, "usage", "--by session --days 4294967295 --bars --csv"), error);
    CHECK(c.action == NULL && strcmp(c.by, "session") == 0 && c.days == UINT32_MAX, "usage");
    CHECK(parse(&c, "audit", "--state d") && strcmp(c.action, "verify") == 0, error);
    CHECK(!cli_needs_settings(&c), "the folder is all it needs");
    CHECK(parse(&c, "audit", "verify") && cli_needs_settings(&c), "else the settings name it");
    CHECK(parse(&c, "audit", "accept") && cli_needs_settings(&c), error);
    CHECK(parse(&c, "replay", "log") && !cli_needs_settings(&c), "replay");
    CHECK(parse(&c, "keys", "create --help") && !cli_needs_settings(&c), "help");
}

/* 256 words, and one too many. */
static void test_many(void)
{
    char        line[1024] = "";
    cli_command c;
    for (int i = 0; i < CLI_MAX_WORDS; i++) strcat(line, "w ");
    CHECK(parse(&c, "chat", line) && c.num_words == CLI_MAX_WORDS, "as many as there may be");
    strcat(line, "w");
    CHECK(!parse(&c, "chat", line) && strstr(error, "quotes") != NULL, "one more");
}

static void test_names(void)
{
    static const char *const names[] = {"chat",    "models", "route",   "check", "health", "replay",
                                        "what-if", "keys",   "credits", "usage", "audit"};
    for (size_t i = 0; i < 11; i++) {
        CHECK(cli_is_command(names[i]), names[i]);
        CHECK(cli_help_of(names[i])[0] != 0, names[i]);
        CHECK(strstr(cli_summary(), names[i]) != NULL, names[i]);
    }
    const char *all[16];
    CHECK(cli_names(all, 16) == 11 && strcmp(all[10], "audit") == 0, "all names");
    CHECK(cli_names(all, 2) == 2, "as many as fit");
    CHECK(!cli_is_command("serve") && !cli_is_command("") && !cli_is_command("cha"), "no commands");
}

int main(void)
{
    test_wrong();
    test_right();
    test_actions();
    test_many();
    test_names();
    TEST_MAIN_END("test_cli_options");
}
