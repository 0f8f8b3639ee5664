/* The words behind a command's name. conf_nearest is a stand-in: what is asked of it counts. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "proxy/cli.h"
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
    {"replay", "", "needs one file"},
    {"replay", "a b", "needs one file"},
    {"what-if", "", "what-if --help"},
    {"models", "-m x", "unknown option"},
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
    static const char *const names[] = {"chat", "models", "route", "check", "replay", "what-if"};
    for (size_t i = 0; i < 6; i++) {
        CHECK(cli_is_command(names[i]), names[i]);
        CHECK(strstr(cli_summary(), names[i]) != NULL, names[i]);
    }
    const char *all[16];
    CHECK(cli_names(all, 16) == 6 && strcmp(all[5], "what-if") == 0, "all names");
    CHECK(cli_names(all, 2) == 2, "as many as fit");
    CHECK(!cli_is_command("serve") && !cli_is_command("") && !cli_is_command("cha"), "no commands");
}

int main(void)
{
    test_wrong();
    test_right();
    test_many();
    test_names();
    TEST_MAIN_END("test_cli_options");
}
