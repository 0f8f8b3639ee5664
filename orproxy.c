/* orproxy: options, wiring, signals, exit codes. Everything else is in proxy/. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "or.h"
#include "proxy/alert.h"
#include "proxy/api.h"
#include "proxy/ceiling.h"
#include "proxy/cli.h"
#include "proxy/client.h"
#include "proxy/conf.h"
#include "proxy/ev.h"
#include "proxy/expand.h"
#include "proxy/gate.h"
#include "proxy/generations.h"
#include "proxy/log.h"
#include "proxy/market.h"
#include "proxy/mem.h"
#include "proxy/net.h"
#include "proxy/reconcile.h"
#include "proxy/record.h"
#include "proxy/refresh.h"
#include "proxy/relay.h"
#include "proxy/roots.h"
#include "proxy/sandbox.h"
#include "proxy/uplink.h"
#include "proxy/upstream.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char help[] =
    "orproxy " OR_VERSION " - OpenRouter's API on a box you own\n"
    "\n"
    "usage: orproxy [serve] [options]\n"
    "       orproxy COMMAND [options], see orproxy COMMAND --help:\n"
    "\n"
    "%s"
    "\n"
    "options:\n"
    "  -c FILE               read settings from FILE (default: ./orproxy.conf, then\n"
    "                        /etc/orproxy.conf, when they exist)\n"
    "  --listen ADDR:PORT    where to serve; repeatable (default: 127.0.0.1:8787)\n"
    "  --upstream URL        the only provider, OpenAI-compatible, e.g. https://host/v1\n"
    "  --upstream-key REF    its key: env:NAME or file:PATH\n"
    "  --demo                a simulated provider: no network, no costs\n"
    "  --set KEY=VALUE       any setting, e.g. --set timeout.connect=5s; repeatable\n"
    "  --version, --help\n"
    "\n"
    "Without a provider, OPENROUTER_API_KEY from the environment is used with\n"
    "https://openrouter.ai/api/v1. SIGTERM finishes what is running, a second one ends;\n"
    "SIGHUP reads the settings again.\n";

/* The command line, before it is turned into settings. */
typedef struct options {
    const char *file, *upstream, *upstream_key;
    const char *listen[CONF_MAX_LISTEN];
    const char *set[64];
    unsigned    num_listen, num_set;
    bool        demo;
    bool        is_command; /* of the command line, and not serve */
    cli_command command;
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
    const char *names[32] = {"--listen", "--upstream", "--upstream-key", "--demo",
                             "--set",    "--version",  "--help",         "serve"};
    char        text[256];
    size_t      num = 8 + cli_names(names + 8, 24);
    const char *nearest = conf_nearest(argument, names, num);
    if (nearest == NULL) return usage("unknown argument \"%s\": see orproxy --help", argument);
    snprintf(text, sizeof text, "unknown argument \"%.100s\": did you mean \"%s\"?", argument,
             nearest);
    return usage("%s", text);
}

/* An option that serving and all commands have. 1: taken; 0: it is another word; else it is an
   exit status. */
static int take_option(options *o, char **argv, int *i)
{
    const char *value, *argument = argv[*i];
    bool        missing = false;
    if (strcmp(argument, "--demo") == 0) {
        o->demo = true;
    } else if ((value = value_of("--listen", argv, i, &missing)) != NULL) {
        if (o->num_listen == CONF_MAX_LISTEN) return usage("too many %s", "--listen");
        o->listen[o->num_listen++] = value;
    } else if ((value = value_of("--upstream-key", argv, i, &missing)) != NULL) {
        o->upstream_key = value;
    } else if ((value = value_of("--upstream", argv, i, &missing)) != NULL) {
        o->upstream = value;
    } else if ((value = value_of("--set", argv, i, &missing)) != NULL) {
        if (o->num_set == sizeof o->set / sizeof o->set[0]) return usage("too many %s", "--set");
        o->set[o->num_set++] = value;
    } else if ((value = value_of("-c", argv, i, &missing)) != NULL) {
        o->file = value;
    } else if (missing) {
        return usage("%s needs a value: see orproxy --help", argument);
    } else {
        return 0;
    }
    return 1;
}

static int read_command(options *o, char **argv)
{
    char error[512];
    o->is_command = true;
    cli_begin(&o->command, argv[1]);
    for (int i = 2; argv[i] != NULL; i++) {
        int taken = o->command.only_words ? 0 : take_option(o, argv, &i);
        if (taken > 1) return taken;
        if (taken == 1) continue;
        if (!cli_take(&o->command, argv, &i, error, sizeof error)) return usage("%s", error);
    }
    if (!o->command.help && !cli_complete(&o->command, error, sizeof error))
        return usage("%s", error);
    return EXIT_OK;
}

/* EXIT_OK and *end: it was --help or --version. */
static int read_options(options *o, char **argv, bool *end)
{
    for (int i = 1; argv[i] != NULL; i++) {
        const char *argument = argv[i];
        *end = true;
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            printf(help, cli_summary());
            return EXIT_OK;
        }
        if (strcmp(argument, "--version") == 0) {
            puts("orproxy " OR_VERSION);
            return EXIT_OK;
        }
        *end = false;
        int taken = take_option(o, argv, &i);
        if (taken > 1) return taken;
        if (taken == 0 && cli_is_command(argument)) return read_command(o, argv + i - 1);
        if (taken == 0 && strcmp(argument, "serve") != 0) return unknown_option(argument);
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

/* The provider that the command line names replaces the file's. */
static bool choose_provider(conf *c, const options *o, conf_error *e)
{
    if (o->demo && o->upstream != NULL)
        return contradiction(e, "--demo and --upstream exclude each other");
    if (o->upstream_key != NULL && o->upstream == NULL)
        return contradiction(e, "--upstream-key goes with --upstream URL");
    if (o->demo || o->upstream != NULL) conf_clear_providers(c);
    if (o->demo)
        return conf_set_value(c, "provider demo", "kind", "demo", "--demo", e) &&
               conf_set_value(c, "", "default_model", "demo/echo", "--demo", e);
    if (o->upstream != NULL)
        return conf_set_value(c, "provider upstream", "base_url", o->upstream, "--upstream", e) &&
               conf_set_value(c, "provider upstream", "any_model", "yes", "--upstream", e) &&
               (o->upstream_key == NULL || conf_set_value(c, "provider upstream", "key",
                                                          o->upstream_key, "--upstream-key", e));
    return true;
}

static bool set_listen(conf *c, const options *o, conf_error *e)
{
    if (o->num_listen > 0) c->num_listen = 0;
    for (unsigned i = 0; i < o->num_listen; i++)
        if (!conf_set_value(c, "", "listen", o->listen[i], "--listen", e)) return false;
    return true;
}

static bool is_command(const options *o, const char *name)
{
    return o->is_command && strcmp(o->command.name, name) == 0;
}

static bool is_health(const options *o)
{
    return is_command(o, "health");
}

/* Those that are about what is kept. */
static bool needs_state(const options *o)
{
    return is_command(o, "keys") || is_command(o, "credits") || is_command(o, "usage") ||
           is_command(o, "audit");
}

/* Those that an orproxy which runs can serve. Often only that one was given the secrets: by its
   service's environment, or in files of its user. */
static bool asks_running(const options *o)
{
    return is_health(o) || needs_state(o) || is_command(o, "chat") || is_command(o, "models") ||
           is_command(o, "route");
}

static bool fill_conf(conf *c, const options *o, conf_error *e)
{
    /* the file may have become faulty, and what serves still has good settings */
    if (is_health(o) && o->num_listen > 0) return set_listen(c, o, e);
    if (o->demo || o->upstream != NULL) conf_expect_clear(c);
    if (!read_files(c, o, e) || !choose_provider(c, o, e)) return false;
    for (unsigned i = 0; i < o->num_set; i++)
        if (!conf_set(c, o->set[i], e)) return false;
    if (!set_listen(c, o, e)) return false;
    if (is_health(o)) /* where it is to be found is all that counts */
        return c->num_listen > 0 || conf_set_value(c, "", "listen", "127.0.0.1:8787", "", e);
    if (c->num_providers == 0 && getenv("OPENROUTER_API_KEY") != NULL &&
        !conf_set_value(c, "provider openrouter", "key", "env:OPENROUTER_API_KEY", "", e))
        return false;
    return conf_finish(c, e);
}

/* Settings from all sources, with one reference; NULL with *e filled. */
static conf *build_conf(const options *o, conf_error *e)
{
    conf *c = conf_new();
    if (c == NULL) {
        contradiction(e, "no memory for the settings");
        return NULL;
    }
    if (asks_running(o)) conf_forgive(c);
    bool good = fill_conf(c, o, e);
    if (good && conf_missing(c) != NULL && c->state == NULL && !is_health(o) && !needs_state(o))
        good = contradiction(e, conf_missing(c)); /* where would it be asked? */
    if (good) return c;
    conf_drop(c);
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Without keys, only this machine is served unless that is asked for by name. */
static bool check_exposure(const conf *c, api_reach *reach, conf_error *e)
{
    *reach = API_LOCAL;
    for (unsigned i = 0; i < c->num_listen; i++) {
        if (net_is_loopback(c->listen[i])) continue;
        *reach = API_ANYBODY;
        if (c->open || c->num_keys > 0 || books_have_keys()) continue;
        snprintf(e->text, sizeof e->text,
                 "--listen %s would serve other machines without keys: add one (orproxy keys "
                 "create NAME, or [key NAME] in the settings), use a loopback address, or say open = "
                 "yes if everybody there may spend your money",
                 c->listen[i]);
        return false;
    }
    return true;
}

/* ---- the books ---- */

static void on_alert(const account *a, unsigned percent)
{
    alert_tell(a, percent);
}

static const gate_hooks of_gate = {on_alert, client_release};

static char control[1100]; /* the path of the owner's socket; "": there is none */

/* Who may enter the folder may do everything: commands of this machine's owner come this way. */
static void listen_control(const conf *c)
{
    char error[256];
    int  fd;
    snprintf(control, sizeof control, "%s/control.sock", c->state);
    if (net_listen_unix(control, &fd, error, sizeof error)) {
        if (client_listen(fd, "control", true)) return;
        snprintf(error, sizeof error, "cannot watch %.200s", control);
        close(fd);
    }
    log_line("%s: commands cannot reach this orproxy while it runs", error);
    control[0] = 0;
}

static bool make_state(const conf *c, char *error, size_t error_size)
{
    struct stat st;
    if (c->state == NULL || mkdir(c->state, 0700) == 0) return true;
    if (errno == EEXIST) {
        if (stat(c->state, &st) == 0 && (st.st_mode & 022) != 0)
            log_line("%s (state): others may write there, and so spend and forge: chmod 700",
                     c->state);
        return true;
    }
    snprintf(error, error_size, "cannot make the folder %s (state): %s", c->state,
             strerror(errno));
    return false;
}

/* ---- listening ---- */

/* A client has one timer, its exchange two, their connection two, the demo's end one. */
static uint32_t num_timers(const conf *c)
{
    return (uint32_t)(c->limits.connections + 64) * 8;
}

static bool is_secure(const conf_provider *p)
{
    return p->base_url != NULL && strncmp(p->base_url, "https", 5) == 0;
}

static void describe(const conf *c)
{
    bool secure = false;
    for (unsigned i = 0; i < c->num_providers; i++) {
        const conf_provider *p = &c->providers[i];
        secure = secure || (is_secure(p) && p->ca == NULL);
        log_line("provider %s%s%s", p->name, p->base_url != NULL ? " at " : "",
                 p->base_url != NULL ? p->base_url : "");
    }
    if (secure) {
        char roots[1100];
        roots_describe(roots_find(c->ca), roots, sizeof roots);
        log_line("trust anchors: %s", roots);
    }
    log_line("%s, at most %zu connections", ev_backend(), c->limits.connections);
    ceiling_hold(c, num_timers(c));
}

/* What was opened just now. */
typedef struct opened {
    int      fd[CONF_MAX_LISTEN]; /* -1: it was open before, or is watched */
    net_name names[CONF_MAX_LISTEN];
    bool     yes[CONF_MAX_LISTEN], loopback[CONF_MAX_LISTEN];
} opened;

static void close_opened(const opened *o)
{
    for (unsigned i = 0; i < CONF_MAX_LISTEN; i++)
        if (o->fd[i] >= 0) close(o->fd[i]);
}

/* Open what is not open yet: all of it, or error says why not. Who connects waits until it is
   watched. */
static bool open_listeners(const conf *c, opened *o, char *error, size_t error_size)
{
    memset(o, 0, sizeof *o);
    for (unsigned i = 0; i < CONF_MAX_LISTEN; i++) o->fd[i] = -1;
    for (unsigned i = 0; i < c->num_listen; i++) {
        if (client_listens(c->listen[i])) continue;
        if (!net_listen(c->listen[i], &o->fd[i], &o->loopback[i], &o->names[i], error,
                        error_size)) {
            o->fd[i] = -1;
            close_opened(o);
            return false;
        }
        o->yes[i] = true;
    }
    return true;
}

static bool watch_listeners(const conf *c, opened *o, char *error, size_t error_size)
{
    for (unsigned i = 0; i < c->num_listen; i++) {
        if (o->fd[i] < 0) continue;
        if (!client_listen(o->fd[i], c->listen[i], false)) {
            snprintf(error, error_size, "cannot watch the listening socket: %s", strerror(errno));
            close_opened(o);
            return false;
        }
        o->fd[i] = -1;
    }
    return true;
}

/* What is served, and last that it is: who waits for that line may go on. */
static void announce(const conf *c, const opened *o)
{
    describe(c);
    for (unsigned i = 0; i < c->num_listen; i++)
        if (o->yes[i] && !o->loopback[i] && !books_have_keys())
            log_line("open = yes: everybody who reaches %s can use it without a key",
                     o->names[i].text);
    for (unsigned i = 0; i < c->num_listen; i++)
        if (o->yes[i]) log_line("listening on http://%s", o->names[i].text);
}

/* ---- signals ---- */

static int   signal_pipe[2] = {-1, -1};
static ev_io signal_io;
static bool  stopping, stop_now, reload_asked;

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
            reload_asked = true;
            continue;
        }
        stop_now = stopping;
        stopping = true;
    }
}

static bool catch_signals(void)
{
    struct sigaction action = {0};
    signal_io.ready = on_signal_pipe;
    if (!ev_add_pipe(&signal_io, signal_pipe)) return false;
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL); /* a file at its limit is a full disk, not the end */
    return true;
}

/* ---- the run ---- */

static void on_drain_end(ev_timer *t)
{
    (void)t;
    stop_now = true;
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

static void on_uplink(bool down)
{
    log_line(down ? "the uplink is down: far providers are passed over until it is back"
                  : "the uplink is back");
    if (!down) refresh_hurry();
}

/* A part is kept for what each connection needs to be told that there is no more. */
static void limit_memory(const conf *c)
{
    size_t kept = c->limits.connections * CLIENT_KEPT, most = c->limits.memory / 8;
    mem_set_limit(c->limits.memory);
    mem_set_kept(kept < most ? kept : most);
}

/* What counts from the next start on. */
static void note_restart(conf *c, const conf *old)
{
    if (c->limits.connections > old->limits.connections) {
        log_line("limits.connections: %zu counts after a restart, until then %zu",
                 c->limits.connections, old->limits.connections);
        c->limits.connections = old->limits.connections;
    }
    if (c->sandbox != old->sandbox || !same_text(c->user, old->user))
        log_line("sandbox and user count after a restart");
}

/* Settings that differ take effect for requests to come; with any fault nothing changes, and
   error says why. */
static bool change_conf(conf *c, char *error, size_t error_size)
{
    conf_error  e;
    opened      o;
    api_reach   reach;
    const conf *old = conf_now();
    note_restart(c, old);
    if (!same_text(c->state, old->state)) {
        snprintf(error, error_size, "state: another folder needs a restart");
        return false;
    }
    if (!check_exposure(c, &reach, &e)) {
        snprintf(error, error_size, "%s", e.text);
        return false;
    }
    if (!make_state(c, error, error_size) || !open_listeners(c, &o, error, error_size) ||
        !watch_listeners(c, &o, error, error_size))
        return false;
    limit_memory(c);
    if (!market_make(c, error, error_size)) {
        limit_memory(old);
        return false;
    }
    if (!gate_follow(c)) {
        char unheard[256];
        /* for good: keys that could not be copied are in it */
        if (!gate_follow(old)) (void)conf_hold(c);
        (void)market_make((conf *)(uintptr_t)old, unheard, sizeof unheard);
        snprintf(error, error_size, "no memory for the keys: limits.memory is reached");
        return false;
    }
    for (unsigned i = 0; i < old->num_listen; i++) {
        bool stays = false;
        for (unsigned k = 0; k < c->num_listen; k++)
            stays = stays || strcmp(old->listen[i], c->listen[k]) == 0;
        if (!stays) client_unlisten(old->listen[i]);
    }
    conf_use(c);
    log_as_json(c->log_json);
    (void)api_setup(reach);
    announce(c, &o);
    refresh_begin();
    return true;
}

/* Addresses that only the rejected settings have are closed again. */
static void unlisten_others(const conf *rejected)
{
    for (unsigned i = 0; i < rejected->num_listen; i++) {
        bool ours = false;
        for (unsigned k = 0; k < conf_now()->num_listen; k++)
            ours = ours || strcmp(rejected->listen[i], conf_now()->listen[k]) == 0;
        if (!ours) client_unlisten(rejected->listen[i]);
    }
}

/* Was it refused, and perhaps because of what was given up at the start? */
static void explain(const char *error)
{
    if (!sandbox_holds()) return;
    if (strstr(error, strerror(EACCES)) != NULL || strstr(error, strerror(EPERM)) != NULL)
        log_line("perhaps by the sandbox (%s): what the settings name new needs a restart, and "
                 "rights for that user",
                 sandbox_text());
}

static void reload(const options *o)
{
    conf_error e;
    ceiling_lift();
    conf *c = build_conf(o, &e);
    bool  good = c != NULL && change_conf(c, e.text, sizeof e.text);
    if (good) {
        log_line("reloaded");
    } else {
        if (c != NULL) unlisten_others(c);
        log_line("%s", e.text);
        explain(e.text);
        log_line("reload failed: keeping the old settings");
        ceiling_hold(conf_now(), num_timers(conf_now()));
    }
    conf_drop(c);
}

/* A reload reads the files again, and they may be root's alone. */
static void describe_sandbox(const options *o)
{
    conf_error e;
    conf      *c;
    log_line("sandbox: %s", sandbox_text());
    if (!sandbox_holds()) return;
    c = build_conf(o, &e);
    if (c == NULL) log_line("a reload will be refused, new settings need a restart: %s", e.text);
    conf_drop(c);
}

/* Until told to stop; then until what runs is finished, or the second signal. */
static int serve(const options *o)
{
    ev_timer drain = {.fire = on_drain_end};
    while (!stopping) {
        if (!ev_turn()) {
            log_line("waiting for events: %s", strerror(errno));
            return EXIT_FAILED;
        }
        if (reload_asked && !stopping) reload(o);
        reload_asked = false;
    }
    client_drain();
    if (client_count() > 0)
        log_line("stopping: %u requests are still running", client_busy());
    ev_timer_set(&drain, conf_now()->timeout.drain);
    while (!stop_now && client_busy() > 0)
        if (!ev_turn()) break;
    ev_timer_stop(&drain);
    unsigned cut = client_busy();
    if (cut > 0) log_line("stopped: %u requests were cut", cut);
    return cut > 0 ? EXIT_FAILED : EXIT_OK;
}

static void say_how(const conf *c)
{
    const char *model = c->default_model != NULL                      ? c->default_model
                        : c->providers[0].kind == PROVIDER_DEMO       ? "demo/echo"
                        : c->providers[0].kind == PROVIDER_OPENROUTER ? "openrouter/auto"
                                                                      : "MODEL";
    if (isatty(STDERR_FILENO))
        fprintf(stderr,
                "\nTry it from another terminal:\n"
                "  curl -N http://%s/v1/chat/completions -H 'Content-Type: application/json' \\\n"
                "    -d '{\"model\":\"%s\",\"stream\":true,\"messages\":[{\"role\":\"user\","
                "\"content\":\"Hello\"}]}'\n\n",
                c->listen[0], model);
}

/* The loop, and what may need privileges. The settings are in force (conf_now). */
static bool begin(const conf *c, char *error, size_t error_size)
{
    log_as_json(c->log_json);
    raise_descriptors(c);
    limit_memory(c);
    if (ev_open(num_timers(c)) && catch_signals())
        return make_state(c, error, error_size);
    snprintf(error, error_size, "cannot start: %s", strerror(errno));
    return false;
}

/* Everything else but listening. */
static int build(conf *c, char *error, size_t error_size)
{
    if (!upstream_setup(error, error_size) || !market_make(c, error, error_size)) return EXIT_USAGE;
    uplink_setup(on_uplink);
    client_setup(api_setup(API_ANYBODY));
    refresh_begin();
    reconcile_begin();
    return EXIT_OK;
}

static void end(void)
{
    client_shutdown();
    relay_shutdown();
    refresh_shutdown();
    expand_shutdown();
    reconcile_shutdown();
    alert_shutdown();
    uplink_shutdown();
    generations_clear();
    market_shutdown();
    ev_finish(); /* what is left of requests lets go of its accounts */
    if (control[0] != 0) unlink(control); /* while the lock is held: later it may be another's */
    gate_close();
    ev_close();
    conf_use(NULL);
}

static bool demo_is_missing(void)
{
    const market *m = market_now();
    for (unsigned i = 0; i < m->settings->num_providers; i++)
        if (m->settings->providers[i].kind == PROVIDER_DEMO && !m->listed[i]) return true;
    return false;
}

/* An error of the start, and the status for it. */
static int give_up(const char *error, int status)
{
    log_line("%s", error);
    explain(error);
    end();
    return status;
}

static int run(const options *o, conf *c)
{
    conf_error e;
    opened     now_open;
    api_reach  reach;
    char      *error = e.text;
    size_t     size = sizeof e.text;
    if (c->state == NULL && !check_exposure(c, &reach, &e)) return failed(&e);
    if (!begin(c, error, size) || !open_listeners(c, &now_open, error, size)) {
        log_line("%s", error);
        return EXIT_FAILED;
    }
    if (!sandbox_enter(c, error, size)) {
        log_line("%s", error);
        return EXIT_FAILED;
    }
    int status = build(c, error, size);
    if (status == EXIT_OK && !gate_open(c, c->state, &of_gate, error, size)) status = EXIT_FAILED;
    if (status != EXIT_OK) return give_up(error, status);
    if (!check_exposure(c, &reach, &e)) {
        end();
        return failed(&e);
    }
    (void)api_setup(reach);
    gate_find_management();
    record_begin();
    while (refresh_is_busy() && demo_is_missing() && ev_turn()) {} /* it is in this process */
    if (!watch_listeners(c, &now_open, error, size)) return give_up(error, EXIT_FAILED);
    if (c->state != NULL) listen_control(c);
    describe_sandbox(o);
    announce(c, &now_open);
    say_how(c);
    status = serve(o);
    end();
    return status;
}

/* ---- commands ---- */

/* What a command gets its gateway from. */
typedef struct command_gateway {
    conf *settings;
    bool  books; /* it spends, or looks at what was spent: the state is opened */
    bool  ask_running; /* an orproxy that runs on the state can serve it as well */
} command_gateway;

/* Files that root makes in the state of an orproxy that is not root would be lost to it. */
static bool own_state(const command_gateway *g, char *error, size_t error_size)
{
    const char *state = g->settings->state;
    if (!g->books || state == NULL || sandbox_become_owner(state)) return true;
    snprintf(error, error_size, "cannot become the owner of %s (state): %s", state,
             strerror(errno));
    return false;
}

/* The child: serves these connections until the command closes them. */
static void serve_command(const command_gateway *g, const int *fds, unsigned num)
{
    char  error[512];
    conf *c = g->settings;
    signal(SIGINT, SIG_IGN);
    if (!begin(c, error, sizeof error) || !own_state(g, error, sizeof error) ||
        build(c, error, sizeof error) != EXIT_OK ||
        !gate_open(c, g->books ? c->state : NULL, &of_gate, error, sizeof error)) {
        fprintf(stderr, "orproxy: %s\n", error);
        _exit(EXIT_FAILED);
    }
    log_mute(); /* what was found wrong in the state was said */
    signal(SIGINT, SIG_IGN);
    while (refresh_is_busy() && !stopping && ev_turn()) {}
    for (unsigned i = 0; i < num; i++) {
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        if (!client_serve(fds[i])) _exit(EXIT_FAILED);
    }
    while (!stopping && client_count() > 0 && ev_turn()) {}
    end();
    _exit(EXIT_OK);
}

static int start_gateway(void *user, int *fds, unsigned num)
{
    const command_gateway *g = user;
    int                    pairs[CLI_MAX_MODELS][2], theirs[CLI_MAX_MODELS];
    if (num > CLI_MAX_MODELS) return EXIT_FAILED;
    if (g->ask_running && cli_dial(g->settings->state, fds, num)) return EXIT_OK;
    if (conf_missing(g->settings) != NULL) {
        fprintf(stderr, "orproxy: %s (and no orproxy runs on %s that could be asked)\n",
                conf_missing(g->settings), g->settings->state);
        return EXIT_USAGE;
    }
    while (waitpid(-1, NULL, WNOHANG) > 0) {} /* earlier ones */
    for (unsigned i = 0; i < num; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]) != 0) {
            fprintf(stderr, "orproxy: no connection to the gateway: %s\n", strerror(errno));
            return EXIT_FAILED;
        }
        fds[i] = pairs[i][0];
        theirs[i] = pairs[i][1];
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        for (unsigned i = 0; i < num; i++) close(fds[i]);
        serve_command(g, theirs, num);
    }
    for (unsigned i = 0; i < num; i++) close(theirs[i]);
    if (child > 0) return EXIT_OK;
    fprintf(stderr, "orproxy: cannot start the gateway: %s\n", strerror(errno));
    return EXIT_FAILED;
}

static int run_command(options *o)
{
    conf_error      e;
    conf           *c = NULL;
    const char     *name = o->command.name;
    bool            spends = strcmp(name, "models") != 0 && strcmp(name, "route") != 0;
    command_gateway source = {NULL, spends, false};
    cli_gateway     gateway = {start_gateway, &source};
    if (o->demo) source.books = false; /* nobody pays for it */
    if (cli_needs_settings(&o->command)) {
        c = build_conf(o, &e);
        if (c == NULL) return failed(&e);
        conf_use(c);
    }
    source.settings = c;
    source.ask_running = c != NULL && c->state != NULL && !o->demo && o->upstream == NULL &&
                         (strcmp(name, "chat") == 0 || conf_missing(c) != NULL);
    int status = cli_run(&o->command, &gateway);
    if (c != NULL) conf_drop(c);
    conf_use(NULL);
    return status;
}

int main(int argc, char **argv)
{
    static options o;
    conf_error     e;
    bool           ended = false;
    (void)argc;
    int status = read_options(&o, argv, &ended);
    if (status != EXIT_OK || ended) return status;
    if (o.is_command) return run_command(&o);
    conf *c = build_conf(&o, &e);
    if (c == NULL) return failed(&e);
    conf_use(c);
    conf_drop(c); /* what is in force is held */
    return run(&o, c);
}
