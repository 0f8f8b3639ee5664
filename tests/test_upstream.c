/* Connections to the providers and what they say of the uplink, over loopback sockets. Name
   lookups and the clock are the test's own (the Makefile wraps both), so nothing leaves the
   machine and nothing waits.
   Usage: test_upstream [DIR]; DIR is where certificates are made (default: build/test/certs). */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ports/posix.h"
#include "proxy/demo.h"
#include "proxy/ev.h"
#include "proxy/mem.h"
#include "proxy/tls.h"
#include "proxy/uplink.h"
#include "proxy/upstream.h"
#include "tests/test.h"

/* ---- the world, as the wrapped functions show it ---- */

static uint32_t now_ms = UINT32_MAX - 40 * 1000; /* moves by hand only, and soon wraps */
/* 0: names under .example are this machine; else EAI_... Those under .fail are EAI_FAIL, and
   no other name exists. */
static int      lookups_fail;

uint32_t __wrap_or_posix_now_ms(void);
uint32_t __wrap_or_posix_now_ms(void)
{
    return now_ms;
}

or_err __wrap_or_posix_resolve(const char *host, uint16_t port, or_posix_addr *addresses,
                               uint32_t max, uint32_t *num, char *error, size_t error_size);
or_err __real_or_posix_resolve(const char *host, uint16_t port, or_posix_addr *addresses,
                               uint32_t max, uint32_t *num, char *error, size_t error_size);
or_err __wrap_or_posix_resolve(const char *host, uint16_t port, or_posix_addr *addresses,
                               uint32_t max, uint32_t *num, char *error, size_t error_size)
{
    size_t len = strlen(host);
    if (or_posix_is_literal(host))
        return __real_or_posix_resolve(host, port, addresses, max, num, error, error_size);
    int status = lookups_fail;
    if (len > 5 && strcmp(host + len - 5, ".fail") == 0) status = EAI_FAIL;
    else if (len < 8 || strcmp(host + len - 8, ".example") != 0) status = EAI_NONAME;
    if (status == 0)
        return __real_or_posix_resolve("127.0.0.1", port, addresses, max, num, error, error_size);
    *num = 0;
    snprintf(error, error_size, "resolve %s: %s", host, gai_strerror(status));
    return OR_ERR_ABSENT;
}

static int demo_peer = -1;

int demo_connect(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) return -1;
    demo_peer = pair[1];
    return pair[0];
}

/* ---- helpers ---- */

static void nothing(void *user)
{
    (void)user;
}

/* A turn that does not wait. */
static void turn(void)
{
    static ev_task task;
    task.run = nothing;
    ev_defer(&task);
    if (!ev_turn()) abort();
}

static void pass(uint32_t ms)
{
    now_ms += ms;
    turn(); /* reads the clock */
    turn();
}

/* Listen on a port of its own on loopback. */
static int listen_on(uint16_t *port)
{
    struct sockaddr_in a;
    socklen_t          len = sizeof a;
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 1024) != 0) abort();
    getsockname(fd, (struct sockaddr *)&a, &len);
    *port = ntohs(a.sin_port);
    return fd;
}

/* A port that nobody listens on. */
static uint16_t dead_port(void)
{
    uint16_t port;
    close(listen_on(&port));
    return port;
}

static upstream_host *make(const char *url, provider_kind kind, const char *ca)
{
    char          error[512] = "";
    conf_provider p;
    memset(&p, 0, sizeof p);
    p.name = "test";
    p.base_url = url;
    p.kind = kind;
    upstream_host *h = upstream_host_new(&p, ca, error, sizeof error);
    if (h == NULL) fprintf(stderr, "%s: %s\n", url, error);
    return h;
}

static upstream_host *host_at(const char *name, uint16_t port)
{
    char url[128];
    snprintf(url, sizeof url, "http://%s:%u/v1", name, port);
    return make(url, PROVIDER_OPENAI, NULL);
}

/* Wait for the end of its beginning. */
static or_err settle(upstream *u)
{
    while (upstream_state(u) == OR_NEED_MORE)
        if (!ev_turn()) abort();
    return upstream_state(u);
}

static upstream *open_new(upstream_host *h)
{
    upstream *u = upstream_borrow(h, true, nothing, NULL);
    if (u == NULL) abort();
    CHECK_ERR(upstream_state(u), OR_NEED_MORE, "begins later");
    CHECK_ERR(settle(u), OR_OK, upstream_error(u));
    return u;
}

static bool is_closed(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* ---- addresses ---- */

static const struct {
    const char   *url;
    provider_kind kind;
    const char   *authority, *path, *query; /* query NULL: absent */
    bool          near;
} addresses[] = {
    {"http://127.0.0.1:80/v1", PROVIDER_OPENAI, "127.0.0.1:80", "/v1", NULL, true},
    {"http://api.acme.com/openai/v1/", PROVIDER_OPENAI, "api.acme.com", "/openai/v1", NULL, false},
    {"http://api.acme.com", PROVIDER_OPENROUTER, "api.acme.com", "", NULL, false},
    {"http://a.acme.com/openai?api-version=2024-10-21", PROVIDER_AZURE, "a.acme.com", "/openai",
     "api-version=2024-10-21", false},
    {"http://a.acme.com/openai?", PROVIDER_AZURE, "a.acme.com", "/openai", "", false},
    {"http://attic:11434", PROVIDER_OLLAMA, "attic:11434", "/v1", NULL, true},
    {"http://attic:11434/", PROVIDER_OLLAMA, "attic:11434", "/v1", NULL, true},
    {"http://attic:11434/v1", PROVIDER_OLLAMA, "attic:11434", "/v1", NULL, true},
    {"http://attic:11434/v1/", PROVIDER_OLLAMA, "attic:11434", "/v1", NULL, true},
    {"http://attic:11434/sub//", PROVIDER_OLLAMA, "attic:11434", "/sub/v1", NULL, true},
    {"http://attic:11434/xv1", PROVIDER_OLLAMA, "attic:11434", "/xv1/v1", NULL, true},
    {"http://attic?a=b", PROVIDER_OLLAMA, "attic", "/v1", "a=b", true},
    {"http://attic/?", PROVIDER_OLLAMA, "attic", "/v1", "", true},
    {"http://attic/x///?a=/v1", PROVIDER_OLLAMA, "attic", "/x/v1", "a=/v1", true},
    {"http://a.acme.com", PROVIDER_ANTHROPIC, "a.acme.com", "", NULL, false},
    {"http://a.acme.com/sub/", PROVIDER_GEMINI, "a.acme.com", "/sub", NULL, false},
    {NULL, PROVIDER_DEMO, "demo", "", NULL, true},
};

static void test_addresses(void)
{
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        char          *url = addresses[i].url != NULL ? strdup(addresses[i].url) : NULL;
        const char    *name = url != NULL ? addresses[i].url : "demo";
        upstream_host *h = make(url, addresses[i].kind, NULL);
        free(url); /* the host has its own copy */
        CHECK(h != NULL, name);
        if (h == NULL) continue;
        CHECK_STR(upstream_authority(h), or_str_z(addresses[i].authority), name);
        CHECK_STR(upstream_base_path(h), or_str_z(addresses[i].path), name);
        CHECK((upstream_query(h).ptr == NULL) == (addresses[i].query == NULL), name);
        if (addresses[i].query != NULL)
            CHECK_STR(upstream_query(h), or_str_z(addresses[i].query), name);
        CHECK(upstream_is_near(h) == addresses[i].near, name);
        upstream_host_drop(h);
    }
    CHECK(mem_used() == 0, "nothing is left");
}

static const char *const near[] = {
    "127.0.0.1", "127.255.255.255", "0.0.0.0", "10.0.0.1", "10.255.255.255", "172.16.0.1",
    "172.31.255.255", "192.168.0.1", "169.254.1.1", "100.64.0.1", "100.127.255.255", "[::1]",
    "[fe80::1]", "[febf::1]", "[fc00::1]", "[fdff::1]", "[::]", "[::ffff:10.0.0.1]",
    "[0:0:0:0:0:0:0:1]", "localhost", "LOCALHOST", "localhost.", "a.localhost", "box.local",
    "BOX.Local", "box.local.", "a.b.lan", "x.home.arpa", "host.docker.internal", "attic", "local"};
static const char *const far[] = {
    "126.255.255.255", "128.0.0.1", "11.0.0.0", "9.255.255.255", "172.15.255.255", "172.32.0.0",
    "192.167.255.255", "192.169.0.0", "169.253.1.1", "169.255.1.1", "100.63.255.255",
    "100.128.0.0", "1.0.0.1", "[::2]", "[fe7f::1]", "[fec0::1]", "[fbff::1]", "[fe00::1]",
    "[2001:db8::1]", "[::ffff:8.8.8.8]", "[::fffe:0:1]", "api.acme.com", "xlocal.com", "a.xlocal",
    "a.local.com", "a.arpa", "home.arpa.com", "xhome.arpa", "lan.acme", "10.acme.com"};

static void check_near(const char *name, bool want)
{
    upstream_host *h = host_at(name, 1);
    CHECK(h != NULL && upstream_is_near(h) == want, name);
    upstream_host_drop(h);
}

static void test_near(void)
{
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) check_near(near[i], true);
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) check_near(far[i], false);
}

static void check_refusal(conf_provider p, const char *want)
{
    char error[512] = "";
    p.name = "acme";
    CHECK(upstream_host_new(&p, "/nowhere/ca.pem", error, sizeof error) == NULL, want);
    CHECK_STR(or_str_z(error), or_str_z(want), "error");
    CHECK(mem_used() == 0, want);
}

static void test_refusals(void)
{
    conf_provider p;
    memset(&p, 0, sizeof p);
    check_refusal(p, "provider acme has no base_url");
    p.base_url = "ftp://x";
    check_refusal(p, "provider acme: base_url \"ftp://x\" is not an http or https URL");
    p.base_url = "https://x";
    check_refusal(p, "cannot read /nowhere/ca.pem: No such file or directory");
    p.ca = "/nowhere/else.pem";
    check_refusal(p, "cannot read /nowhere/else.pem: No such file or directory");
    mem_set_limit(16);
    check_refusal(p, "no memory for provider acme: limits.memory is reached");
    mem_set_limit(SIZE_MAX);
}

/* ---- connections ---- */

static void test_exchange(void)
{
    uint16_t       port;
    int            listener = listen_on(&port);
    upstream_host *h = host_at("127.0.0.1", port);
    upstream      *u = open_new(h);
    int            peer = accept(listener, NULL, NULL);
    or_str         pieces[] = {OR_STR_INIT("ab"), OR_STR_INIT(""), OR_STR_INIT("cd")};
    char           data[8];
    CHECK(!upstream_was_idle(u), "a new one");
    CHECK(upstream_reached(u) == UPSTREAM_OPEN, "open");
    CHECK(upstream_send(u, pieces, 3) == 4, "send");
    CHECK(recv(peer, data, sizeof data, 0) == 4 && memcmp(data, "abcd", 4) == 0, "sent");
    CHECK(upstream_recv(u, data, sizeof data) == 0, "nothing yet");
    CHECK(send(peer, "xyz", 3, 0) == 3, "answer");
    upstream_want(u, true, false);
    CHECK(ev_turn(), "a turn");
    CHECK(upstream_recv(u, data, sizeof data) == 3 && memcmp(data, "xyz", 3) == 0, "answer");

    upstream_keep(u);
    CHECK(upstream_num_idle() == 1, "kept");
    CHECK(upstream_borrow(h, false, nothing, NULL) == u, "the idle one");
    CHECK(upstream_num_idle() == 0 && upstream_was_idle(u), "lent again");
    CHECK_ERR(upstream_state(u), OR_OK, "ready at once");
    upstream_keep(u);
    upstream *v = open_new(h);
    CHECK(v != u && upstream_num_idle() == 1, "a fresh one");
    upstream_close(v);

    close(peer); /* an idle one notices */
    while (upstream_num_idle() > 0) ev_turn();
    u = open_new(h);
    upstream_close(u);
    upstream_host_drop(h);
    turn();
    CHECK(mem_used() == 0, "nothing is left");
    close(listener);
}

static void count_call(void *user)
{
    ++*(unsigned *)user;
}

/* A provider cuts a connection that nobody reads from just now: the loop sleeps all the same, and
   the error is there when it is read again. */
static void test_cut_while_paused(void)
{
    struct linger  at_once = {1, 0};
    unsigned       calls = 0;
    uint16_t       port;
    char           data[8];
    int            listener = listen_on(&port);
    upstream_host *h = host_at("127.0.0.1", port);
    upstream      *u = upstream_borrow(h, true, count_call, &calls);
    CHECK_ERR(settle(u), OR_OK, upstream_error(u));
    int peer = accept(listener, NULL, NULL);
    upstream_want(u, false, false);
    calls = 0;
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(peer); /* a reset */
    for (int i = 0; i < 50; i++) turn();
    CHECK(calls == 1, "told once");
    upstream_want(u, true, false);
    turn();
    CHECK(calls == 2, "and when it is asked again");
    CHECK(upstream_recv(u, data, sizeof data) == OR_ERR_IO, "as an error");
    upstream_want(u, false, false);
    for (int i = 0; i < 50; i++) turn();
    CHECK(calls <= 3, "at most once more");
    upstream_close(u);
    upstream_host_drop(h);
    turn();
    CHECK(mem_used() == 0, "nothing is left");
    close(listener);
}

/* Idle ones belong to their host, lent ones hold it. */
static void test_hosts(void)
{
    uint16_t       port;
    int            listener = listen_on(&port);
    upstream_host *a = host_at("127.0.0.1", port), *b = host_at("127.0.0.2", port);
    upstream      *u = open_new(a), *v = open_new(a), *w = open_new(a);
    int            peer = accept(listener, NULL, NULL);
    upstream_keep(u);
    upstream *other = upstream_borrow(b, false, nothing, NULL);
    CHECK(other != NULL && other != u, "of another host");
    upstream_close(other); /* before it began */
    upstream_host_drop(b);
    CHECK(upstream_host_hold(a) == a, "hold");
    upstream_host_drop(a);
    CHECK(upstream_num_idle() == 1, "still held");
    upstream_host_drop(a);
    CHECK(upstream_num_idle() == 1, "held by those that are lent");
    upstream_keep(v);
    CHECK(upstream_num_idle() == 2, "one is still lent");
    upstream_keep(w);
    CHECK(upstream_num_idle() == 0, "the last one closes all");
    CHECK(is_closed(peer), "closed");
    turn();
    CHECK(mem_used() == 0, "nothing is left");
    close(peer);
    close(listener);
}

static void open_many(upstream_host *h, upstream **list, unsigned num)
{
    for (unsigned i = 0; i < num; i++) list[i] = open_new(h);
}

static void test_idle_bounds(void)
{
    enum { HOSTS = UPSTREAM_MAX_IDLE_ALL / UPSTREAM_MAX_IDLE + 1, EACH = UPSTREAM_MAX_IDLE + 1 };
    static upstream *list[HOSTS][EACH];
    uint16_t         port;
    int              listener = listen_on(&port);
    upstream_host   *hosts[HOSTS];
    unsigned         kept = 0;
    for (int k = 0; k < HOSTS; k++) {
        hosts[k] = host_at("127.0.0.1", port);
        open_many(hosts[k], list[k], EACH);
        for (unsigned i = 0; i < EACH; i++) {
            upstream_keep(list[k][i]);
            if (i < UPSTREAM_MAX_IDLE && kept < UPSTREAM_MAX_IDLE_ALL) kept++;
            CHECK(upstream_num_idle() == kept, "kept");
        }
        turn();
    }
    CHECK(kept == UPSTREAM_MAX_IDLE_ALL, "all there may be");
    upstream *u = upstream_borrow(hosts[0], false, nothing, NULL);
    CHECK(!upstream_was_idle(u), "those of the first host were the oldest");
    upstream_close(u);
    u = upstream_borrow(hosts[1], false, nothing, NULL);
    CHECK(u == list[1][UPSTREAM_MAX_IDLE - 1], "the most recent one first");
    upstream_close(u);
    for (int k = 0; k < HOSTS; k++) upstream_host_drop(hosts[k]);
    turn(); /* those just closed hold theirs up to here */
    turn(); /* and theirs hold those that were idle */
    CHECK(upstream_num_idle() == 0, "none");
    CHECK(mem_used() == 0, "nothing is left");
    close(listener);
}

static void test_idle_time(void)
{
    uint16_t       port;
    int            listener = listen_on(&port);
    upstream_host *h = host_at("127.0.0.1", port);
    upstream      *u = open_new(h), *v = open_new(h);
    upstream_keep(u);
    pass(30 * 1000);
    upstream_keep(v);
    pass(24 * 1000);
    CHECK(upstream_num_idle() == 2, "54 s");
    pass(1500);
    CHECK(upstream_num_idle() == 1, "the older one went");
    CHECK(upstream_borrow(h, false, nothing, NULL) == v, "the other one is there");
    upstream_keep(v);
    pass(54 * 1000);
    CHECK(upstream_num_idle() == 1, "its time began again");
    pass(1500);
    CHECK(upstream_num_idle() == 0, "and ended");
    upstream_host_drop(h);
    turn();
    close(listener);
}

static void test_demo(void)
{
    upstream_host *h = make(NULL, PROVIDER_DEMO, NULL);
    upstream      *u = open_new(h);
    or_str         hello = OR_STR("hello");
    char           data[8];
    CHECK(upstream_send(u, &hello, 1) == 5, "send");
    CHECK(recv(demo_peer, data, sizeof data, 0) == 5, "sent");
    upstream_keep(u);
    CHECK(upstream_num_idle() == 1, "kept");
    upstream_host_drop(h);
    CHECK(is_closed(demo_peer), "closed");
    close(demo_peer);
    turn();
}

static void test_no_memory(void)
{
    upstream_host *h = host_at("127.0.0.1", 1);
    mem_set_limit(mem_used() + 16);
    CHECK(upstream_borrow(h, false, nothing, NULL) == NULL, "at the limit");
    mem_set_limit(SIZE_MAX);
    upstream_host_drop(h);
    CHECK(mem_used() == 0, "nothing is left");
}

/* ---- failures ---- */

static void check_failure(upstream_host *h, upstream_step reached, const char *want)
{
    upstream *u = upstream_borrow(h, false, nothing, NULL);
    CHECK(upstream_reached(u) == UPSTREAM_RESOLVE, "at first");
    CHECK_ERR(settle(u), OR_ERR_IO, want);
    CHECK(upstream_reached(u) == reached, want);
    CHECK_STR(or_str_z(upstream_error(u)), or_str_z(want), "words");
    upstream_keep(u); /* is closed */
    CHECK(upstream_num_idle() == 0, want);
    upstream_host_drop(h);
    turn();
    CHECK(mem_used() == 0, want);
}

static void test_failures(void)
{
    char     want[128];
    uint16_t port = dead_port();
    snprintf(want, sizeof want, "connect to 127.0.0.1:%u: Connection refused", port);
    check_failure(host_at("127.0.0.1", port), UPSTREAM_REFUSED, want);
    check_failure(host_at("refused.example", port), UPSTREAM_REFUSED, want);
    /* no socket connects to a group */
    check_failure(host_at("224.0.0.1", 9), UPSTREAM_NO_ROUTE,
                  "connect to 224.0.0.1:9: Network is unreachable");
    lookups_fail = EAI_AGAIN;
    check_failure(host_at("refused.example", port), UPSTREAM_REFUSED, want); /* is remembered */
    now_ms += 61 * 1000; /* and serves as long as lookups fail */
    turn();
    check_failure(host_at("refused.example", port), UPSTREAM_REFUSED, want);
    snprintf(want, sizeof want, "resolve again.example: %s", gai_strerror(EAI_AGAIN));
    check_failure(host_at("again.example", 9), UPSTREAM_NO_ROUTE, want);
    snprintf(want, sizeof want, "resolve nobody.test: %s", gai_strerror(EAI_NONAME));
    check_failure(host_at("nobody.test", 9), UPSTREAM_REFUSED, want);
    snprintf(want, sizeof want, "resolve server.fail: %s", gai_strerror(EAI_FAIL));
    check_failure(host_at("server.fail", 9), UPSTREAM_RESOLVE, want);
    lookups_fail = 0;
}

/* Given back while it is being looked up or dialled. */
static void test_given_back(void)
{
    uint16_t       port;
    int            listener = listen_on(&port);
    upstream_host *h = host_at("back.example", port);
    upstream      *many[16];
    for (int k = 0; k < 16; k++) many[k] = upstream_borrow(h, true, nothing, NULL);
    turn(); /* they ask for the name: two at most are being looked up */
    for (int k = 0; k < 16; k++) upstream_close(many[k]);
    upstream *u = open_new(h);
    upstream_close(u);
    u = upstream_borrow(h, true, nothing, NULL);
    upstream_host_drop(h);
    upstream_close(u);
    turn();
    CHECK(mem_used() == 0, "nothing is left");
    close(listener);
}

/* ---- TLS ---- */

static const char *dir;

typedef struct server {
    pid_t    pid;
    uint16_t port;
    int      out;
} server;

/* OpenSSL's, which sends each line back reversed. */
static server start_server(const char *certificate)
{
    server s = {0};
    int    out[2];
    char   pem[512], key[512], chain[512], text[512] = "";
    size_t len = 0;
    snprintf(pem, sizeof pem, "%s/%s.pem", dir, certificate);
    snprintf(key, sizeof key, "%s/%s.key", dir, certificate);
    snprintf(chain, sizeof chain, "%s/%s.chain", dir, certificate);
    if (pipe(out) != 0) abort();
    s.pid = fork();
    if (s.pid == 0) {
        dup2(out[1], 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", pem, "-key",
               key, "-cert_chain", chain, "-rev", "-no_ticket", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    s.out = out[0];
    while (s.port == 0 && len < sizeof text - 1 && read(s.out, text + len, 1) == 1) {
        text[++len] = 0;
        if (text[len - 1] != '\n') continue;
        if (strncmp(text, "ACCEPT", 6) == 0) s.port = (uint16_t)atoi(strrchr(text, ':') + 1);
        len = 0;
    }
    CHECK(s.port != 0, "OpenSSL's server is there");
    return s;
}

static void stop_server(server *s)
{
    kill(s->pid, SIGTERM);
    waitpid(s->pid, NULL, 0);
    close(s->out);
}

static upstream_host *tls_host_at(const char *name, uint16_t port, const char *ca)
{
    char url[128];
    snprintf(url, sizeof url, "https://%s:%u", name, port);
    return make(url, PROVIDER_OPENAI, ca);
}

static void reversed(upstream *u)
{
    or_str    line = OR_STR("abc\n");
    char      data[8];
    size_t    got = 0;
    ptrdiff_t n = 0;
    CHECK(upstream_send(u, &line, 1) == 4, "send");
    upstream_want(u, true, false);
    while (got < 4 && n >= 0) {
        n = upstream_recv(u, data + got, sizeof data - got);
        if (n > 0) got += (size_t)n;
        if (n == 0) ev_turn();
    }
    CHECK(got == 4 && memcmp(data, "cba\n", 4) == 0, "reversed");
}

static void test_tls(void)
{
    char           ca[512], error[512];
    server         s = start_server("good");
    conf_provider  p;
    memset(&p, 0, sizeof p);
    snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    upstream_host *h = tls_host_at("tls.example", s.port, ca);
    upstream      *u = upstream_borrow(h, false, nothing, NULL);
    CHECK_ERR(settle(u), OR_ERR_IO, "a certificate for others");
    CHECK(upstream_reached(u) == UPSTREAM_TLS, "there was a connection");
    CHECK(strstr(upstream_error(u), "not for tls.example") != NULL, upstream_error(u));
    upstream_close(u);
    u = upstream_probe(h, nothing, NULL);
    CHECK_ERR(settle(u), OR_OK, "a bare connection");
    upstream_keep(u);
    CHECK(upstream_num_idle() == 0, "is not kept");

    upstream_host *good = tls_host_at("a.example.org", s.port, ca);
    CHECK(tls_num_trusts() == 1, "one file, read once");
    upstream_host_drop(good);
    upstream_host_drop(h);
    turn();
    CHECK(tls_num_trusts() == 0 && mem_used() == 0, "nothing is left");
    p.name = "x";
    p.base_url = "https://x";
    mem_set_limit(2000);
    CHECK(upstream_host_new(&p, ca, error, sizeof error) == NULL, "no memory for anchors");
    mem_set_limit(SIZE_MAX);
    CHECK(mem_used() == 0, "nothing is left");
    stop_server(&s);
}

/* A handshake that succeeds, lent over the drop of its host. */
static void test_tls_exchange(void)
{
    char           ca[512];
    server         s = start_server("ip");
    snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    upstream_host *h = tls_host_at("127.0.0.1", s.port, ca);
    upstream      *u = open_new(h);
    reversed(u);
    upstream_keep(u);
    CHECK(upstream_num_idle() == 1, "kept");
    CHECK(upstream_borrow(h, false, nothing, NULL) == u, "lent again");
    upstream_host_drop(h);
    reversed(u);
    upstream_keep(u);
    CHECK(upstream_num_idle() == 0, "its host is gone");
    turn();
    CHECK(tls_num_trusts() == 0 && mem_used() == 0, "nothing is left");
    stop_server(&s);
}

static void test_trusts(void)
{
    char            ca[512], copy[512], command[1200];
    struct timespec times[2] = {{1000000000, 0}, {1000000000, 5}};
    snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    snprintf(copy, sizeof copy, "%s/copy-%ld.pem", dir, (long)getpid());
    snprintf(command, sizeof command, "cp '%s' '%s'", ca, copy);
    CHECK(system(command) == 0, "copy");
    upstream_host *a = tls_host_at("a.test", 1, copy), *b = tls_host_at("b.test", 1, copy);
    CHECK(tls_num_trusts() == 1, "shared");
    upstream_host *c = tls_host_at("c.test", 1, ca);
    CHECK(tls_num_trusts() == 2, "another file");
    CHECK(utimensat(AT_FDCWD, copy, times, 0) == 0, "touch");
    upstream_host *d = tls_host_at("a.test", 1, copy);
    CHECK(tls_num_trusts() == 3, "the file changed");
    upstream_host_drop(a);
    CHECK(tls_num_trusts() == 3, "the old one is still used");
    upstream_host_drop(b);
    CHECK(tls_num_trusts() == 2, "not any more");
    a = tls_host_at("a.test", 1, copy);
    CHECK(tls_num_trusts() == 2, "the new one is shared");
    upstream_host_drop(a);
    upstream_host_drop(d);
    upstream_host_drop(c);
    CHECK(tls_num_trusts() == 0 && mem_used() == 0, "nothing is left");
    unlink(copy);
}

/* ---- the uplink ---- */

static unsigned changes;
static bool     changed_to;

static void on_change(bool down)
{
    changes++;
    changed_to = down;
}

static void expect(bool down, unsigned num, const char *name)
{
    turn();
    CHECK(uplink_is_down() == down, name);
    CHECK(changes == num && (num == 0 || changed_to == down), name);
    changes = 0;
}

static void test_uplink_counts(void)
{
    upstream_host *h = host_at("count.test", 1), *lan = host_at("attic", 1);
    for (int i = 0; i < 5; i++) uplink_note(lan, UPSTREAM_DIAL, false);
    uplink_note(lan, UPSTREAM_NO_ROUTE, false);
    expect(false, 0, "a near host says nothing");
    for (upstream_step step = UPSTREAM_REFUSED; step <= UPSTREAM_OPEN; step++) {
        uplink_note(h, UPSTREAM_DIAL, false);
        uplink_note(h, step, step == UPSTREAM_OPEN);
        uplink_note(h, UPSTREAM_RESOLVE, false);
        expect(false, 0, "an answer in between");
        uplink_note(h, UPSTREAM_OPEN, true);
    }
    uplink_note(h, UPSTREAM_RESOLVE, false);
    uplink_note(h, UPSTREAM_DIAL, false);
    CHECK(uplink_is_down() && changes == 0, "told at the end of the turn");
    expect(true, 1, "two in a row");
    CHECK(uplink_down_since() == ev_now(), "since");
    CHECK(uplink_next_probe_ms() >= 750 && uplink_next_probe_ms() <= 1000, "in a second");
    uplink_note(h, UPSTREAM_DIAL, false);
    uplink_note(lan, UPSTREAM_OPEN, true);
    uplink_note(h, UPSTREAM_OPEN, false);
    expect(true, 0, "no news");
    uplink_note(h, UPSTREAM_TLS, false);
    expect(false, 1, "somebody answered");
    uplink_note(h, UPSTREAM_NO_ROUTE, false);
    expect(true, 1, "no route");
    uplink_note(h, UPSTREAM_OPEN, true);
    uplink_note(h, UPSTREAM_NO_ROUTE, false);
    expect(true, 0, "there and back");
    uplink_note(h, UPSTREAM_OPEN, true);
    expect(false, 1, "a success");
    upstream_host_drop(h);
    upstream_host_drop(lan);
    CHECK(mem_used() == 0, "no host is held");
}

/* Pass the time until the next probe, and let it end: the way is back or the next probe has
   its time, which is never that of a probe. */
static void probe(void)
{
    pass(uplink_next_probe_ms());
    while (uplink_is_down() && uplink_next_probe_ms() == UPLINK_PROBE_MS) {
        struct timespec ms = {0, 1000000};
        nanosleep(&ms, NULL); /* the resolver is a thread */
        turn();
    }
}

static void test_uplink_return(void)
{
    uint16_t       port;
    int            listener = listen_on(&port);
    upstream_host *h = host_at("return.example", port);
    uint32_t       longest = 1000;
    lookups_fail = EAI_AGAIN;
    uplink_note(h, UPSTREAM_NO_ROUTE, false);
    upstream_host_drop(h); /* a reload: it is held */
    expect(true, 1, "down");
    for (int i = 0; i < 7; i++) {
        uint32_t wait = uplink_next_probe_ms();
        CHECK(wait <= longest && wait >= longest - longest / 4, "twice as long each time");
        probe();
        expect(true, 0, "still down");
        longest = longest * 2 < 15000 ? longest * 2 : 15000;
    }
    lookups_fail = 0;
    probe();
    expect(false, 1, "back");
    int peer = accept(listener, NULL, NULL);
    CHECK(is_closed(peer), "a bare connection, without a byte");
    close(peer);
    close(listener);
    turn();
    CHECK(mem_used() == 0, "no host is held");
}

/* One dead host does not keep the box offline, and a refusal is an answer. */
static void test_uplink_others(void)
{
    upstream_host *dead = host_at("dead.fail", 1), *lan = host_at("127.0.0.1", 1);
    upstream_host *twin = host_at("dead.fail", 1); /* of the settings before a reload */
    upstream_host *alive = host_at("alive.example", dead_port());
    for (int i = 0; i < UPLINK_FAILURES; i++) uplink_note(dead, UPSTREAM_RESOLVE, false);
    expect(true, 1, "down");
    probe();
    expect(false, 1, "refused, so it is there");
    upstream_host_drop(alive);
    for (int i = 0; i < UPLINK_FAILURES; i++) uplink_note(dead, UPSTREAM_RESOLVE, false);
    expect(true, 1, "down");
    probe();
    expect(true, 0, "nobody else to ask");
    upstream_host *silent = host_at("silent.fail", 1);
    alive = host_at("alive.example", dead_port());
    for (int i = 0; i < 3 && uplink_is_down(); i++) probe();
    expect(false, 1, "each gets its turn");
    upstream_host_drop(dead);
    upstream_host_drop(twin);
    upstream_host_drop(lan);
    upstream_host_drop(silent);
    upstream_host_drop(alive);
    turn();
    CHECK(mem_used() == 0, "no host is held");
}

/* A probe that nobody answers ends by itself. */
static void test_uplink_silence(void)
{
    uint16_t       port;
    int            listener = listen_on(&port), filler[3];
    upstream_host *h = host_at("silence.example", port);
    struct sockaddr_in a;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(listen(listener, 0) == 0, "a full queue: nobody is answered any more");
    for (int i = 0; i < 3; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(filler[i], (struct sockaddr *)&a, sizeof a);
    }
    uplink_note(h, UPSTREAM_NO_ROUTE, false);
    expect(true, 1, "down");
    pass(uplink_next_probe_ms());
    expect(true, 0, "no answer");
    CHECK(uplink_next_probe_ms() == UPLINK_PROBE_MS, "the end of the probe");
    pass(UPLINK_PROBE_MS);
    expect(true, 0, "none in time");
    CHECK(uplink_next_probe_ms() <= 2 * UPLINK_FIRST_PROBE_MS, "and the next one");
    uplink_shutdown();
    expect(false, 0, "shut down without a word");
    uplink_note(h, UPSTREAM_NO_ROUTE, false); /* of an attempt that is given up in the end */
    expect(false, 0, "it is over");
    upstream_host_drop(h);
    turn();
    CHECK(mem_used() == 0, "no host is held");
    for (int i = 0; i < 3; i++) close(filler[i]);
    close(listener);
}

int main(int argc, char **argv)
{
    char command[600], error[256];
    dir = argc > 1 ? argv[1] : "build/test/certs";
    snprintf(command, sizeof command, "sh tests/tls/make_certs.sh '%s'", dir);
    signal(SIGPIPE, SIG_IGN);
    if (system(command) != 0 || !ev_open(600) || !upstream_setup(error, sizeof error)) {
        fprintf(stderr, "test_upstream: cannot begin\n");
        return 1;
    }
    alarm(120); /* a wait that does not end */
    test_addresses();
    test_near();
    test_refusals();
    test_exchange();
    test_cut_while_paused();
    test_hosts();
    test_idle_bounds();
    test_idle_time();
    test_demo();
    test_no_memory();
    test_failures();
    test_given_back();
    test_tls();
    test_tls_exchange();
    test_trusts();
    uplink_setup(on_change);
    test_uplink_counts();
    test_uplink_return();
    test_uplink_others();
    test_uplink_silence();
    ev_finish();
    ev_close();
    TEST_MAIN_END("test_upstream");
}
