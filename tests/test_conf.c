/* Settings: every mistake has its words, every limit its edges. */
#define _GNU_SOURCE /* mkstemp, setenv */
#define OR_IMPLEMENTATION
#include "or.h"

#include <unistd.h>

#include "proxy/conf.h"
#include "tests/test.h"

static const struct {
    const char *assignment, *want; /* want: the error; "" when it is accepted */
} settings[] = {
    {"heartbeat=5s", ""},
    {"heartbeat=10ms", ""},
    {"heartbeat=1d", ""},
    {"limits.body=20M", ""},
    {"limits.head=256", ""},
    {"limits.connections=1", ""},
    {"open=yes", ""},
    {"open=no", ""},
    {"provider x.base_url=http://h/v1", ""},
    {"listen=127.0.0.1:1", ""},

    {"heartbeat", "--set: \"heartbeat\" is not section.key=value"},
    {"hartbeat=5s", "--set hartbeat: unknown key \"hartbeat\": did you mean \"heartbeat\"?"},
    {"zzz=1", "--set zzz: unknown key \"zzz\""},
    {"limit.body=1M", "--set limit.body: unknown section \"limit\": did you mean \"limits\"?"},
    {"timeout.conect=1s", "--set timeout.conect: unknown key \"conect\": did you mean \"connect\"?"},
    {"heartbeat=", "--set heartbeat: heartbeat has no value"},
    {"heartbeat=9ms", "--set heartbeat: heartbeat is \"9ms\": use a duration such as 500ms, 30s "
                      "or 5m, up to 1d"},
    {"heartbeat=2d", "--set heartbeat: heartbeat is \"2d\": use a duration such as 500ms, 30s or "
                     "5m, up to 1d"},
    {"heartbeat=5", "--set heartbeat: heartbeat is \"5\": use a duration such as 500ms, 30s or "
                    "5m, up to 1d"},
    {"heartbeat=-5s", "--set heartbeat: heartbeat is \"-5s\": use a duration such as 500ms, 30s "
                      "or 5m, up to 1d"},
    {"limits.head=255", "--set limits.head: head is \"255\": use a size such as 512k or 20M, from "
                        "256 to 1048576 bytes"},
    {"limits.head=18446744073709551615k",
     "--set limits.head: head is \"18446744073709551615k\": use a size such as 512k or 20M, from "
     "256 to 1048576 bytes"},
    {"limits.connections=0", "--set limits.connections: connections is \"0\": use a number from 1 "
                             "to 100000"},
    {"limits.connections=1k", "--set limits.connections: connections is \"1k\": use a number from "
                              "1 to 100000"},
    {"open=maybe", "--set open: open is \"maybe\": use yes or no"},
    {"provider x.key=sk-or-v1-abc",
     "--set provider x.key: a key is not written here: use env:NAME or file:PATH"},
    {"provider x.key=env:NO_SUCH_VARIABLE_HERE",
     "--set provider x.key: environment variable NO_SUCH_VARIABLE_HERE is not set"},
    {"provider x.key=file:/no/such/file",
     "--set provider x.key: cannot read /no/such/file: No such file or directory"},
    {"provider x.kind=opnai", "--set provider x.kind: unknown kind \"opnai\": did you mean "
                              "\"openai\"?"},
    {"provider.kind=openai", "--set provider.kind: a provider needs a name: [provider NAME]"},
};

static void test_settings(void)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        conf       c;
        conf_error e = {""};
        conf_defaults(&c);
        bool good = conf_set(&c, settings[i].assignment, &e);
        CHECK(good == (settings[i].want[0] == 0), settings[i].assignment);
        CHECK_STR(or_str_z(e.text), or_str_z(settings[i].want), settings[i].assignment);
    }
}

/* Read a file with this text; the error without its path. */
static bool read_text(conf *c, const char *text, size_t size, char *error, size_t error_size)
{
    char       path[] = "/tmp/test_conf_XXXXXX";
    conf_error e = {""};
    int        fd = mkstemp(path);
    if (fd < 0 || write(fd, text, size) != (ssize_t)size) abort();
    close(fd);
    conf_defaults(c);
    bool good = conf_read_file(c, path, &e);
    unlink(path);
    bool has_path = strncmp(e.text, path, sizeof path - 1) == 0;
    snprintf(error, error_size, "%s", has_path ? e.text + sizeof path - 1 : e.text);
    return good;
}

static const struct {
    const char *text, *want;
} files[] = {
    {"", ""},
    {"# nothing\n\n", ""},
    {"heartbeat = 1s", ""},
    {"\xEF\xBB\xBFheartbeat=1s\r\n[limits]\r\nbody = 1M # small\r\n", ""},
    {"[provider a]\nbase_url = http://h/v1#x\n", ""},
    {"x\n", ":1: \"x\" is neither key = value nor [section]"},
    {"\n\nbody = 1M\n", ":3: unknown key \"body\" here: it belongs under [limits]"},
    {"[limits\n", ":1: \"[limits\" has no closing bracket"},
    {"[limts]\n", ":1: unknown section \"limts\": did you mean \"limits\"?"},
    {"[limits]\nbody=1\n[timeout]\n[limits]\n", ":4: section [limits] was given in line 1 already"},
    {"[provider a]\n[provider b]\n",
     ":2: a second provider \"b\": this version serves one (\"a\")"},
    {"[provider ]\n", ":1: a provider needs a name: [provider NAME]"},
};

static void test_files(void)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        conf c;
        char error[512];
        bool good = read_text(&c, files[i].text, strlen(files[i].text), error, sizeof error);
        CHECK(good == (files[i].want[0] == 0), files[i].text);
        CHECK_STR(or_str_z(error), or_str_z(files[i].want), files[i].text);
    }
}

static void test_values(void)
{
    conf        c;
    char        error[512];
    const char *text = "listen = 127.0.0.1:1\nlisten=[::1]:2\nopen = true\n[limits]\nbody=3k\n"
                       "[timeout]\ntotal = 2h\n[provider openrouter]\nca = /x y/z # why\n";
    CHECK(read_text(&c, text, strlen(text), error, sizeof error), error);
    CHECK(c.num_listen == 2 && strcmp(c.listen[1], "[::1]:2") == 0, "listen");
    CHECK(c.open && c.limits.body == 3072 && c.timeout.total == 7200000, "numbers");
    CHECK(strcmp(c.provider.base_url, "https://openrouter.ai/api/v1") == 0, "known base URL");
    CHECK(strcmp(c.provider.ca, "/x y/z") == 0, "text with a space and a comment");
}

/* The documented example must load, and say what the defaults are. */
static void test_example(void)
{
    conf       example, standard;
    conf_error e = {""};
    setenv("OPENROUTER_API_KEY", "sk-or-v1-test", 1);
    conf_defaults(&standard);
    conf_defaults(&example);
    CHECK(conf_read_file(&example, "examples/orproxy.conf", &e), e.text);
    CHECK(conf_check(&example, &e), e.text);
    CHECK(strcmp(example.provider.key, "sk-or-v1-test") == 0, "key");
    CHECK(example.heartbeat == standard.heartbeat, "heartbeat");
    CHECK(memcmp(&example.limits, &standard.limits, sizeof standard.limits) == 0, "limits");
    CHECK(memcmp(&example.timeout, &standard.timeout, sizeof standard.timeout) == 0, "timeout");
}

static void test_secret_file(void)
{
    static const struct {
        const char *text;
        bool        good;
    } secrets[] = {
        {"sk-1\n", true}, {"sk-1", true}, {"sk-1\r\nmore\n", true}, {"", false}, {"\n", false},
        {"a b\n", false}, {"a\tb\n", false}, {" a\n", false}, {"a\x7f\n", false},
    };
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        char       path[] = "/tmp/test_conf_XXXXXX", assignment[64];
        conf       c;
        conf_error e;
        int        fd = mkstemp(path);
        size_t     size = strlen(secrets[i].text);
        if (fd < 0 || write(fd, secrets[i].text, size) != (ssize_t)size) abort();
        close(fd);
        snprintf(assignment, sizeof assignment, "provider p.key=file:%s", path);
        conf_defaults(&c);
        CHECK(conf_set(&c, assignment, &e) == secrets[i].good, secrets[i].text);
        if (secrets[i].good) CHECK(strcmp(c.provider.key, "sk-1") == 0, secrets[i].text);
        unlink(path);
    }
}

int main(void)
{
    test_settings();
    test_files();
    test_values();
    test_example();
    test_secret_file();
    TEST_MAIN_END("test_conf");
}
