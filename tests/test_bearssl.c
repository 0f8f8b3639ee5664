/* The TLS client against OpenSSL's server: good certificates pass, each bad one is refused in
   words; data both ways, resumption, ends, any cut of the transport.
   Usage: test_bearssl [DIR]; DIR is where certificates are made (default: build/test/certs). */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ports/bearssl.h"
#include "ports/posix.h"
#include "tests/test.h"

static const char *dir = "build/test/certs";
static void *heap_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}
static void heap_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}
static const or_allocator heap = {heap_alloc, heap_free, NULL};

/* ---- the server: a child process ---- */

typedef struct server {
    pid_t    pid;
    uint16_t port;
    int      out;
} server;

/* The port from its line "ACCEPT 127.0.0.1:PORT". */
static uint16_t read_port(int fd)
{
    char   text[512];
    size_t len = 0;
    while (len < sizeof text - 1 && read(fd, text + len, 1) == 1) {
        text[++len] = 0;
        if (text[len - 1] != '\n') continue;
        const char *colon = strrchr(text, ':');
        if (strncmp(text, "ACCEPT", 6) == 0 && colon != NULL) return (uint16_t)atoi(colon + 1);
        len = 0;
    }
    return 0;
}

static server start_server(const char *certificate, const char *mode, const char *more)
{
    server s = {0};
    int    out[2];
    char   pem[512], key[512], chain[512];
    snprintf(pem, sizeof pem, "%s/%s.pem", dir, certificate);
    snprintf(key, sizeof key, "%s/%s.key", dir, certificate);
    snprintf(chain, sizeof chain, "%s/%s.chain", dir, certificate);
    bool has_chain = access(chain, R_OK) == 0;
    if (pipe(out) != 0) abort();
    s.pid = fork();
    if (s.pid == 0) {
        dup2(out[1], 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        close(out[0]);
        close(out[1]);
        execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", pem, "-key", key,
               "-cipher", "ALL:@SECLEVEL=0", mode, has_chain ? "-cert_chain" : more,
               has_chain ? chain : NULL, more, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    s.out = out[0];
    s.port = read_port(s.out);
    CHECK(s.port != 0, certificate);
    return s;
}

static void stop_server(server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    close(s->out);
}

/* ---- the client ---- */

typedef struct connection {
    or_bearssl           c;
    or_bearssl_handshake handshake;
    unsigned char        buffer[OR_BEARSSL_MIN_BUFFER];
    int                  fd;
    or_io                io;
    unsigned             trickle; /* nonzero: one byte at a time, "not now" in between */
    unsigned             recvs, sends;
    bool                 invented; /* the last "not now" was ours: do not wait */
} connection;

static or_bearssl_trust trust;

/* Is it time to say "not now"? */
static bool hold_back(connection *k, unsigned *calls)
{
    k->invented = k->trickle != 0 && ++*calls % k->trickle != 0;
    return k->invented;
}

static ptrdiff_t trickle_recv(void *user, void *buf, size_t len)
{
    connection *k = user;
    if (hold_back(k, &k->recvs)) return 0;
    return k->io.recv(k->io.user, buf, k->trickle != 0 ? 1 : len);
}

static ptrdiff_t trickle_send(void *user, const void *buf, size_t len)
{
    connection *k = user;
    if (hold_back(k, &k->sends)) return 0;
    return k->io.send(k->io.user, buf, k->trickle != 0 ? 1 : len);
}

static connection *begin(uint16_t port, const char *host, int64_t unix_s, or_bearssl_session *session,
                         unsigned trickle)
{
    char            error[256];
    uint8_t         seed[32];
    connection     *k = calloc(1, sizeof *k);
    if (k == NULL) abort();
    if (or_posix_connect("127.0.0.1", port, 10000, &k->fd, error, sizeof error) != OR_OK) {
        CHECK(false, error);
        abort();
    }
    k->io = or_posix_io(&k->fd);
    k->trickle = trickle;
    or_bearssl_desc d = {.trust = &trust,
                         .handshake = &k->handshake,
                         .session = session,
                         .host = or_str_z(host),
                         .unix_s = unix_s,
                         .seed = seed,
                         .buffer = k->buffer,
                         .buffer_size = sizeof k->buffer,
                         .io = {trickle_recv, trickle_send, k}};
    CHECK_ERR(or_posix_random(seed, sizeof seed), OR_OK, "random");
    CHECK_ERR(or_bearssl_begin(&k->c, &d), OR_OK, "begin");
    return k;
}

static void end(connection *k)
{
    or_bearssl_close(&k->c);
    close(k->fd);
    free(k);
}

static void wait_for(const connection *k)
{
    struct pollfd p = {.fd = k->fd};
    if (k->invented) return;
    if (k->c.want_recv) p.events |= POLLIN;
    if (k->c.want_send) p.events |= POLLOUT;
    (void)poll(&p, 1, 10000);
}

static or_err shake(connection *k)
{
    or_err e;
    for (unsigned i = 0; (e = or_bearssl_step(&k->c)) == OR_NEED_MORE && i < 1000000; i++) wait_for(k);
    return e;
}

static or_err send_all(connection *k, const char *data, size_t len)
{
    or_err e = OR_OK;
    for (size_t at = 0; at < len;) {
        ptrdiff_t n = or_bearssl_send(&k->c, data + at, len - at);
        if (n < 0) return (or_err)n;
        at += (size_t)n;
        if (n == 0) wait_for(k);
    }
    while ((e = or_bearssl_flush(&k->c)) == OR_NEED_MORE) wait_for(k);
    return e;
}

/* Receive until `max` bytes or the end; the end's code in *e, OR_OK when max came first. */
static size_t recv_all(connection *k, char *data, size_t max, or_err *e)
{
    size_t len = 0;
    *e = OR_OK;
    while (len < max) {
        ptrdiff_t n = or_bearssl_recv(&k->c, data + len, max - len);
        if (n < 0) {
            *e = (or_err)n;
            break;
        }
        len += (size_t)n;
        if (n == 0) wait_for(k);
    }
    return len;
}

/* ---- the tests ---- */

static const struct {
    const char *certificate, *host, *want; /* want: part of the words; NULL: it passes */
} cases[] = {
    {"good", "localhost", NULL},
    {"good", "LOCALHOST", NULL},
    {"good", "a.example.org", NULL},
    {"rsa", "localhost", NULL},
    {"any_eku", "localhost", NULL},
    {"ip", "127.0.0.1", NULL},
    {"ip", "::1", NULL},
    {"ip", "0:0:0:0:0:0:0:1", NULL},
    {"good", "a.b.example.org", "certificate is for localhost, not for a.b.example.org"},
    {"good", "127.0.0.1", "not for 127.0.0.1"},
    {"ip", "127.0.0.2", "not for 127.0.0.2"},
    {"ip", "::2", "not for ::2"},
    {"ip", "localhost", "certificate is for other addresses, not for localhost"},
    {"no_san", "127.0.0.1", "names no host"},
    {"wrong_ip", "127.0.0.1", "not for 127.0.0.1"},
    {"wrong_name", "localhost", "certificate is for other.example, not for localhost"},
    {"expired", "localhost", "certificate expired 2021-01-01"},
    {"not_yet", "localhost", "certificate is not yet valid before 2048-01-01"},
    {"self_signed", "localhost", "self-signed"},
    {"unknown_root", "localhost", "authority that is not among the trust anchors"},
    {"sha1", "localhost", "SHA-1"},
    {"rsa1024", "localhost", "2048 bits"},
    {"wrong_eku", "localhost", "not for servers"},
    {"no_san", "localhost", "names no host"},
};

static void test_certificates(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char        text[256], name[300];
        server      s = start_server(cases[i].certificate, "-rev", NULL);
        connection *k = begin(s.port, cases[i].host, or_posix_unix_s(), NULL, 0);
        or_err      e = shake(k);
        or_bearssl_error(&k->c, text, sizeof text);
        snprintf(name, sizeof name, "%s as %s: %s", cases[i].certificate, cases[i].host, text);
        CHECK_ERR(e, cases[i].want == NULL ? OR_OK : OR_ERR_IO, name);
        if (cases[i].want != NULL) CHECK(strstr(text, cases[i].want) != NULL, name);
        end(k);
        stop_server(&s);
    }
}

static void test_clock(void)
{
    char        text[256];
    server      s = start_server("good", "-rev", NULL);
    connection *k = begin(s.port, "localhost", 0, NULL, 0);
    CHECK_ERR(shake(k), OR_ERR_IO, "1970");
    or_bearssl_error(&k->c, text, sizeof text);
    CHECK_STR(or_str_z(text),
              OR_STR("certificate is not yet valid before 2024-01-01: this machine's clock says "
                     "1970-01-01"),
              "1970");
    end(k);
    stop_server(&s);
}

/* Lines come back reversed; whatever way the transport cuts them. */
static void test_data(void)
{
    static const unsigned trickles[] = {0, 1, 2, 3, 7};
    server                s = start_server("good", "-rev", NULL);
    for (size_t i = 0; i < sizeof trickles / sizeof trickles[0]; i++) {
        connection *k = begin(s.port, "localhost", or_posix_unix_s(), NULL, trickles[i]);
        char        line[2001], back[2001];
        or_err      e;
        CHECK_ERR(shake(k), OR_OK, "handshake");
        for (size_t n = 1; n <= 2000; n += i == 0 ? 97 : 499) {
            for (size_t j = 0; j < n; j++) line[j] = (char)('a' + j % 26);
            line[n] = '\n';
            CHECK_ERR(send_all(k, line, n + 1), OR_OK, "send");
            size_t got = recv_all(k, back, n + 1, &e);
            CHECK(e == OR_OK && got == n + 1 && back[n] == '\n', "back");
            bool reversed = true;
            for (size_t j = 0; j < n; j++) reversed &= back[j] == line[n - 1 - j];
            CHECK(reversed, "reversed");
        }
        end(k);
    }
    stop_server(&s);
}

/* A large file, in odd pieces, and the clean end behind it. */
static void test_large(void)
{
    enum { SIZE = 3000001 };
    char   path[600], request[] = "GET /large HTTP/1.0\r\n\r\n";
    FILE  *f;
    snprintf(path, sizeof path, "%s/large", dir);
    f = fopen(path, "wb");
    if (f == NULL) abort();
    for (int i = 0; i < SIZE; i++) fputc(i * 7 % 251, f);
    fclose(f);
    char *here = getcwd(NULL, 0);
    char  absolute[1024];
    snprintf(absolute, sizeof absolute, "%s%s%s", dir[0] == '/' ? "" : here, dir[0] == '/' ? "" : "/",
             dir);
    const char *saved = dir;
    dir = absolute;
    if (chdir(absolute) != 0) abort();
    server s = start_server("good", "-WWW", NULL);
    if (chdir(here) != 0) abort();
    dir = saved;
    free(here);

    connection *k = begin(s.port, "localhost", or_posix_unix_s(), NULL, 0);
    char       *data = malloc(SIZE + 4096);
    or_err      e;
    if (data == NULL) abort();
    CHECK_ERR(shake(k), OR_OK, "handshake");
    CHECK_ERR(send_all(k, request, sizeof request - 1), OR_OK, "send");
    size_t n = recv_all(k, data, SIZE + 4096, &e);
    CHECK_ERR(e, OR_ERR_CLOSED, "close_notify");
    CHECK(n > SIZE, "size");
    bool same = n > SIZE;
    for (size_t i = 0; same && i < SIZE; i++)
        same = (unsigned char)data[n - SIZE + i] == (unsigned char)(i * 7 % 251);
    CHECK(same, "content");
    free(data);
    end(k);
    stop_server(&s);
}

/* A server that dies says no farewell: that is not an end but a cut. */
static void test_cut(void)
{
    char        data[64];
    or_err      e;
    server      s = start_server("good", "-rev", NULL);
    connection *k = begin(s.port, "localhost", or_posix_unix_s(), NULL, 0);
    CHECK_ERR(shake(k), OR_OK, "handshake");
    CHECK_ERR(send_all(k, "abc\n", 4), OR_OK, "send");
    CHECK(recv_all(k, data, 4, &e) == 4 && e == OR_OK, "receive");
    stop_server(&s);
    CHECK(recv_all(k, data, 1, &e) == 0, "nothing more");
    CHECK(e == OR_ERR_TRUNCATED || e == OR_ERR_IO, "cut");
    CHECK(or_bearssl_recv(&k->c, data, 1) == (ptrdiff_t)e, "the end stays");
    end(k);
}

static void test_resume(void)
{
    or_bearssl_session session = {0};
    or_bearssl_session first;
    char               data[8];
    or_err             e;
    server             s = start_server("good", "-rev", "-no_ticket");
    for (int i = 0; i < 3; i++) {
        connection *k = begin(s.port, "localhost", or_posix_unix_s(), &session, 0);
        CHECK_ERR(shake(k), OR_OK, "handshake");
        CHECK(session.set, "there is a session");
        /* a resumed handshake shows no certificate */
        CHECK((k->c.facts.certificates == 0) == (i > 0), "resumed");
        if (i == 0) first = session;
        CHECK(memcmp(first.parameters.session_id, session.parameters.session_id, 32) == 0, "same id");
        CHECK_ERR(send_all(k, "abc\n", 4), OR_OK, "send");
        CHECK(recv_all(k, data, 4, &e) == 4 && memcmp(data, "cba\n", 4) == 0, "receive");
        end(k);
    }
    stop_server(&s);
}

static or_str read_file(const char *name)
{
    char   path[600];
    char  *text = malloc(1 << 20);
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL || text == NULL) abort();
    n = fread(text, 1, 1 << 20, f);
    fclose(f);
    return or_str_of(text, n);
}

/* Bundles: good, cut anywhere, with rubbish in between, with each allocation failing. */
static void test_bundle(void)
{
    or_bearssl_trust t;
    or_str           pem = read_file("ca.pem");
    char             error[256];
    CHECK_ERR(or_bearssl_trust_read(&t, pem, &heap), OR_OK, "bundle");
    CHECK(t.num == 2 && t.skipped == 0, "two anchors");
    or_bearssl_trust_free(&t);
    for (size_t n = 0; n < pem.len; n += 13) {
        or_str cut = test_exact(or_str_of(pem.ptr, n));
        or_err e = or_bearssl_trust_read(&t, cut, &heap);
        CHECK(e == OR_OK || e == OR_ERR_ABSENT, "cut bundle");
        if (e == OR_OK) or_bearssl_trust_free(&t);
        free((void *)(uintptr_t)cut.ptr);
    }
    for (unsigned long fail_at = 1;; fail_at++) {
        test_heap    h = {0, fail_at, 0};
        or_allocator failing = TEST_ALLOCATOR(&h);
        or_err       e = or_bearssl_trust_read(&t, pem, &failing);
        if (e == OR_OK) {
            or_bearssl_trust_free(&t);
            CHECK(h.outstanding == 0, "all given back");
            break;
        }
        CHECK_ERR(e, OR_ERR_MEMORY, "allocation fails");
        CHECK(h.outstanding == 0, "all given back after a failure");
    }
    CHECK_ERR(or_bearssl_trust_read(&t, OR_STR("no PEM here"), &heap), OR_ERR_ABSENT, "no PEM");
    CHECK_ERR(or_bearssl_trust_load(&t, "/no/such/file", &heap, error, sizeof error), OR_ERR_IO, "file");
    CHECK_STR(or_str_z(error), OR_STR("cannot read /no/such/file: No such file or directory"), "file");
    free((void *)(uintptr_t)pem.ptr);
}

static void test_arguments(void)
{
    static connection k;
    or_bearssl_desc   d = {0};
    CHECK_ERR(or_bearssl_begin(&k.c, &d), OR_ERR_ARG, "nothing");
    uint8_t seed[32] = {1};
    d = (or_bearssl_desc){.trust = &trust, .handshake = &k.handshake, .host = OR_STR_INIT("h"),
                          .seed = seed, .buffer = k.buffer, .buffer_size = sizeof k.buffer,
                          .io = {trickle_recv, trickle_send, &k}};
    CHECK_ERR(or_bearssl_begin(&k.c, &d), OR_OK, "enough");
    d.buffer_size--;
    CHECK_ERR(or_bearssl_begin(&k.c, &d), OR_ERR_ARG, "buffer too small");
}

int main(int argc, char **argv)
{
    char command[600], path[600], error[256];
    if (argc > 1) dir = argv[1];
    snprintf(command, sizeof command, "sh tests/tls/make_certs.sh '%s'", dir);
    if (system(command) != 0) {
        fprintf(stderr, "test_bearssl: cannot make certificates in %s\n", dir);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    snprintf(path, sizeof path, "%s/ca.pem", dir);
    CHECK_ERR(or_bearssl_trust_load(&trust, path, &heap, error, sizeof error), OR_OK, "trust");
    test_arguments();
    test_bundle();
    test_certificates();
    test_clock();
    test_data();
    test_large();
    test_cut();
    test_resume();
    or_bearssl_trust_free(&trust);
    TEST_MAIN_END("test_bearssl");
}
