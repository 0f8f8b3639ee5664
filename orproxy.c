/* orproxy: options, wiring, signals, exit codes. Everything else is in proxy/. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "or.h"
#include "proxy/api.h"
#include "proxy/client.h"
#include "proxy/conf.h"
#include "proxy/ev.h"
#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/net.h"
#include "proxy/relay.h"
#include "proxy/upstream.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char help[] =
    "orproxy " OR_VERSION " - OpenRouter's API on a box you own\n"
    "\n"
    "usage: orproxy [serve] [options]\n"
    "\n"
    "  -c FILE               read settings from FILE (default: ./orproxy.conf, then\n"
    "                        /etc/orproxy.conf, when they exist)\n"
    "  --listen ADDR:PORT    where to serve; repeatable (default: 127.0.0.1:8787)\n"
    "  --upstream URL        the provider, OpenAI-compatible, e.g. https://host/v1\n"
    "  --upstream-key REF    its key: env:NAME or file:PATH\n"
    "  --demo                a simulated provider: no network, no costs\n"
    "  --set KEY=VALUE       any setting, e.g. --set timeout.connect=5s; repeatable\n"
    "  --version, --help\n"
    "\n"
    "Without a provider, OPENROUTER_API_KEY from the environment is used with\n"
    "https://openrouter.ai/api/v1. SIGTERM finishes what is running, a second one ends.\n";

/* The command line, before it is turned into settings. */
typedef struct options {
    const char *file, *upstream, *upstream_key;
    const char *listen[CONF_MAX_LISTEN];
    const char *set[64];
    unsigned    num_listen, num_set;
    bool        demo;
} options;

static int usage(const char *format, const char *argument)
{
    fprintf(stderr, "orproxy: ");
    fprintf(stderr, format, argument);
    fprintf(stderr, "\n");
    return EXIT_USAGE;
}

static int failed(const conf_error *e)
{
    return usage("%s", e->text);
}

/* The value of option argv[*i]: after '=' or the next word. NULL: it is another option, or
   there is no value (*missing). */
static const char *value_of(const char *name, char **argv, int *i, bool *missing)
{
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0) return NULL;
    if (argv[*i][len] == '=' && name[1] == '-') return argv[*i] + len + 1;
    if (argv[*i][len] != 0) return NULL;
    if (argv[*i + 1] == NULL) {
        *missing = true;
        return NULL;
    }
    return argv[++*i];
}

static int unknown_option(const char *argument)
{
    static const char *const names[] = {"--listen", "--upstream", "--upstream-key", "--demo",
                                        "--set",    "--version",  "--help",         "serve"};
    char        text[256];
    const char *nearest = conf_nearest(argument, names, sizeof names / sizeof names[0]);
    if (nearest == NULL) return usage("unknown argument \"%s\": see orproxy --help", argument);
    snprintf(text, sizeof text, "unknown argument \"%.100s\": did you mean \"%s\"?", argument,
             nearest);
    return usage("%s", text);
}

/* EXIT_OK and *end: it was --help or --version. */
static int read_options(options *o, char **argv, bool *end)
{
    for (int i = 1; argv[i] != NULL; i++) {
        const char *value, *argument = argv[i];
        bool        missing = false;
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            fputs(help, stdout);
            *end = true;
            return EXIT_OK;
        }
        if (strcmp(argument, "--version") == 0) {
            puts("orproxy " OR_VERSION);
            *end = true;
            return EXIT_OK;
        }
        if (strcmp(argument, "--demo") == 0) {
            o->demo = true;
        } else if ((value = value_of("--listen", argv, &i, &missing)) != NULL) {
            if (o->num_listen == CONF_MAX_LISTEN) return usage("too many %s", "--listen");
            o->listen[o->num_listen++] = value;
        } else if ((value = value_of("--upstream-key", argv, &i, &missing)) != NULL) {
            o->upstream_key = value;
        } else if ((value = value_of("--upstream", argv, &i, &missing)) != NULL) {
            o->upstream = value;
        } else if ((value = value_of("--set", argv, &i, &missing)) != NULL) {
            if (o->num_set == sizeof o->set / sizeof o->set[0])
                return usage("too many %s", "--set");
            o->set[o->num_set++] = value;
        } else if ((value = value_of("-c", argv, &i, &missing)) != NULL) {
            o->file = value;
        } else if (missing) {
            return usage("%s needs a value: see orproxy --help", argument);
        } else if (strcmp(argument, "serve") != 0 || i != 1) {
            return unknown_option(argument);
        }
    }
    return EXIT_OK;
}

static bool read_files(conf *c, const options *o, conf_error *e)
{
    static const char *const standard[] = {"orproxy.conf", "/etc/orproxy.conf"};
    if (o->file != NULL) return conf_read_file(c, o->file, e);
    for (size_t i = 0; i < 2; i++)
        if (access(standard[i], F_OK) == 0) return conf_read_file(c, standard[i], e);
    return true;
}

static bool contradiction(conf_error *e, const char *text)
{
    snprintf(e->text, sizeof e->text, "%s", text);
    return false;
}

/* The provider that the command line or the environment names replaces the file's. */
static bool choose_provider(conf *c, const options *o, conf_error *e)
{
    if (o->demo && o->upstream != NULL)
        return contradiction(e, "--demo and --upstream exclude each other");
    if (o->upstream_key != NULL && o->upstream == NULL)
        return contradiction(e, "--upstream-key goes with --upstream URL");
    if (o->demo || o->upstream != NULL) c->provider = (conf_provider){0};
    if (o->demo) return conf_set_value(c, "provider demo", "kind", "demo", "--demo", e);
    if (o->upstream != NULL)
        return conf_set_value(c, "provider upstream", "base_url", o->upstream, "--upstream", e) &&
               (o->upstream_key == NULL || conf_set_value(c, "provider upstream", "key",
                                                          o->upstream_key, "--upstream-key", e));
    if (c->provider.name == NULL && getenv("OPENROUTER_API_KEY") != NULL)
        return conf_set_value(c, "provider openrouter", "key", "env:OPENROUTER_API_KEY", "", e);
    return true;
}

static bool build_conf(conf *c, const options *o, conf_error *e)
{
    conf_defaults(c);
    if (!read_files(c, o, e)) return false;
    for (unsigned i = 0; i < o->num_set; i++)
        if (!conf_set(c, o->set[i], e)) return false;
    if (o->num_listen > 0) c->num_listen = 0;
    for (unsigned i = 0; i < o->num_listen; i++)
        if (!conf_set_value(c, "", "listen", o->listen[i], "--listen", e)) return false;
    if (c->num_listen == 0 && !conf_set_value(c, "", "listen", "127.0.0.1:8787", "", e))
        return false;
    return choose_provider(c, o, e) && conf_check(c, e);
}

/* Without keys, only this machine is served unless that is asked for by name. */
static int check_exposure(const conf *c, bool *local)
{
    *local = true;
    for (unsigned i = 0; i < c->num_listen; i++) {
        if (net_is_loopback(c->listen[i])) continue;
        *local = false;
        if (!c->open)
            return usage("--listen %s would serve other machines without keys: use a loopback "
                         "address, or say open = yes if everybody there may spend your money",
                         c->listen[i]);
    }
    return EXIT_OK;
}

/* All of them, or one line that says why not; then what is served, and last that it is: who
   waits for that line may go on. */
static int listen_all(const conf *c)
{
    net_name names[CONF_MAX_LISTEN];
    bool     loopback[CONF_MAX_LISTEN];
    for (unsigned i = 0; i < c->num_listen; i++) {
        char error[256];
        int  fd;
        if (!net_listen(c->listen[i], &fd, &loopback[i], &names[i], error, sizeof error)) {
            log_line("%s", error);
            return EXIT_FAILED;
        }
        if (!client_listen(fd)) {
            log_line("cannot watch the listening socket: %s", strerror(errno));
            return EXIT_FAILED;
        }
    }
    log_line("provider %s%s%s, %s, at most %zu connections and %zu bytes", c->provider.name,
             c->provider.base_url ? " at " : "", c->provider.base_url ? c->provider.base_url : "",
             ev_backend(), c->limits.connections, c->limits.memory);
    for (unsigned i = 0; i < c->num_listen; i++)
        if (!loopback[i])
            log_line("open = yes: everybody who reaches %s can use it without a key",
                     names[i].text);
    for (unsigned i = 0; i < c->num_listen; i++)
        log_line("listening on http://%s", names[i].text);
    return EXIT_OK;
}

/* ---- signals ---- */

static int   signal_pipe[2] = {-1, -1};
static ev_io signal_io;
static bool  stopping, stop_now;

static void on_signal(int number)
{
    int           saved = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t       n = write(signal_pipe[1], &byte, 1); /* full: there are signals enough */
    (void)n;
    errno = saved;
}

static void on_signal_pipe(ev_io *io, unsigned events)
{
    unsigned char number;
    (void)events;
    while (read(io->fd, &number, 1) == 1) {
        if (number == SIGHUP) {
            log_line("SIGHUP: this version does not reload its settings; restart it instead");
            continue;
        }
        stop_now = stopping;
        stopping = true;
    }
}

static bool catch_signals(void)
{
    struct sigaction action = {0};
    if (pipe(signal_pipe) != 0) return false;
    for (int i = 0; i < 2; i++) {
        fcntl(signal_pipe[i], F_SETFL, O_NONBLOCK);
        fcntl(signal_pipe[i], F_SETFD, FD_CLOEXEC);
    }
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    signal_io.fd = signal_pipe[0];
    signal_io.ready = on_signal_pipe;
    return ev_add(&signal_io, EV_READ);
}

/* ---- the run ---- */

static void on_drain_end(ev_timer *t)
{
    (void)t;
    stop_now = true;
}

/* Until told to stop; then until what runs is finished, or the second signal. */
static int serve(const conf *c)
{
    ev_timer drain = {.fire = on_drain_end};
    while (!stopping)
        if (!ev_turn()) {
            log_line("waiting for events: %s", strerror(errno));
            return EXIT_FAILED;
        }
    client_drain();
    if (client_count() > 0)
        log_line("stopping: %u requests are still running", client_busy());
    ev_timer_set(&drain, c->timeout.drain);
    while (!stop_now && client_busy() > 0)
        if (!ev_turn()) break;
    ev_timer_stop(&drain);
    unsigned cut = client_busy();
    if (cut > 0) log_line("stopped: %u requests were cut", cut);
    return cut > 0 ? EXIT_FAILED : EXIT_OK;
}

/* A client and its provider take a descriptor each; many systems allow 1024 by default. */
static void raise_descriptors(const conf *c)
{
    struct rlimit limit;
    rlim_t        need = (rlim_t)c->limits.connections * 2 + 128;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need) return;
    limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < need)
        log_line("limits.connections of %zu wants %llu descriptors, %llu are allowed (ulimit -n)",
                 c->limits.connections, (unsigned long long)need,
                 (unsigned long long)limit.rlim_cur);
}

static void say_how(const conf *c)
{
    const char *model = c->provider.kind == CONF_KIND_DEMO                ? "demo/echo"
                        : strcmp(c->provider.name, "openrouter") == 0 ? "openrouter/auto"
                                                                      : "MODEL";
    if (isatty(STDERR_FILENO))
        fprintf(stderr,
                "\nTry it from another terminal:\n"
                "  curl -N http://%s/v1/chat/completions -H 'Content-Type: application/json' \\\n"
                "    -d '{\"model\":\"%s\",\"stream\":true,\"messages\":[{\"role\":\"user\","
                "\"content\":\"Hello\"}]}'\n\n",
                c->listen[0], model);
}

int main(int argc, char **argv)
{
    static conf c; /* what it points at lives as long */
    options     o = {0};
    conf_error  e;
    char        error[512];
    bool        end = false, local;
    (void)argc;
    int status = read_options(&o, argv, &end);
    if (status != EXIT_OK || end) return status;
    if (!build_conf(&c, &o, &e)) return failed(&e);
    status = check_exposure(&c, &local);
    if (status != EXIT_OK) return status;

    raise_descriptors(&c);
    mem_set_limit(c.limits.memory);
    /* A client has one timer, its exchange two, their connection two, the demo's end one. */
    if (!ev_open((uint32_t)(c.limits.connections + 64) * 8) || !catch_signals()) {
        log_line("cannot start: %s", strerror(errno));
        return EXIT_FAILED;
    }
    if (!upstream_setup(&c, error, sizeof error)) {
        log_line("%s", error);
        return EXIT_USAGE;
    }
    relay_setup(&c);
    client_setup(api_setup(&c, local), &c);
    status = listen_all(&c);
    if (status != EXIT_OK) return status;
    say_how(&c);
    status = serve(&c);
    client_shutdown();
    relay_shutdown();
    upstream_shutdown();
    ev_finish();
    ev_close();
    return status;
}
