/* What both TLS ports are put through, against OpenSSL's server, a child process. The including
   file first defines

     struct tls                       a connection of the port
     struct tls_options               what tls_begin may want besides; NULL is the usual
     tls_begin(t, host, io, options)  begin; fails the test when it does not
     tls_step, tls_recv, tls_send, tls_flush, tls_close
     tls_wants(t, &recv, &send)       what to wait for
     tls_error(t, text, size)         words */
#ifndef TLS_BODY_H
#define TLS_BODY_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ports/posix.h"
#include "tests/exchange.h"
#include "tests/test.h"

static const char *dir; /* where the certificates are */

/* Make them; false when that fails. The second argument of main wins. */
static bool make_certificates(const char *name, int argc, char **argv, const char *usual)
{
    char command[600];
    dir = argc > 1 ? argv[1] : usual;
    snprintf(command, sizeof command, "sh tests/tls/make_certs.sh '%s'", dir);
    signal(SIGPIPE, SIG_IGN);
    if (system(command) == 0) return true;
    fprintf(stderr, "%s: cannot make certificates in %s\n", name, dir);
    return false;
}

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
        execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", pem, "-key",
               key, "-cipher", "ALL:@SECLEVEL=0", mode, has_chain ? "-cert_chain" : more,
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
    struct tls tls;
    int        fd;
    or_io      io;
    unsigned   trickle; /* nonzero: one byte at a time, "not now" in between */
    unsigned   recvs, sends;
    bool       invented; /* the last "not now" was ours: do not wait */
} connection;

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

static connection *begin(uint16_t port, const char *host, const struct tls_options *options,
                         unsigned trickle)
{
    char        error[256];
    connection *k = calloc(1, sizeof *k);
    if (k == NULL) abort();
    if (or_posix_connect("127.0.0.1", port, 10000, &k->fd, error, sizeof error) != OR_OK) {
        CHECK(false, error);
        abort();
    }
    k->io = or_posix_io(&k->fd);
    k->trickle = trickle;
    or_io io = {trickle_recv, trickle_send, k};
    tls_begin(&k->tls, host, io, options);
    return k;
}

static void end(connection *k)
{
    tls_close(&k->tls);
    close(k->fd);
    free(k);
}

static void wait_for(const connection *k)
{
    struct pollfd p = {.fd = k->fd};
    bool          to_recv, to_send;
    tls_wants(&k->tls, &to_recv, &to_send);
    if (k->invented || (!to_recv && !to_send)) return;
    if (to_recv) p.events |= POLLIN;
    if (to_send) p.events |= POLLOUT;
    (void)poll(&p, 1, 10000);
}

static or_err shake(connection *k)
{
    or_err e;
    for (unsigned i = 0; (e = tls_step(&k->tls)) == OR_NEED_MORE && i < 1000000; i++) wait_for(k);
    return e;
}

static or_err send_all(connection *k, const char *data, size_t len)
{
    or_err e = OR_OK;
    for (size_t at = 0; at < len;) {
        ptrdiff_t n = tls_send(&k->tls, data + at, len - at);
        if (n < 0) return (or_err)n;
        at += (size_t)n;
        if (n == 0) wait_for(k);
    }
    while ((e = tls_flush(&k->tls)) == OR_NEED_MORE) wait_for(k);
    return e;
}

/* Receive until `max` bytes or the end; the end's code in *e, OR_OK when max came first. */
static size_t recv_all(connection *k, char *data, size_t max, or_err *e)
{
    size_t len = 0;
    *e = OR_OK;
    while (len < max) {
        ptrdiff_t n = tls_recv(&k->tls, data + len, max - len);
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

/* A certificate and a host: it passes (want NULL), or is refused with want in the words. */
static void test_certificate(const char *certificate, const char *host, const char *want)
{
    char        text[256], name[400];
    server      s = start_server(certificate, "-rev", NULL);
    connection *k = begin(s.port, host, NULL, 0);
    or_err      e = shake(k);
    tls_error(&k->tls, text, sizeof text);
    snprintf(name, sizeof name, "%s as %s: %s", certificate, host, text);
    CHECK_ERR(e, want == NULL ? OR_OK : OR_ERR_IO, name);
    if (want != NULL) CHECK(strstr(text, want) != NULL, name);
    if (want != NULL) CHECK_ERR(tls_step(&k->tls), OR_ERR_IO, "it stays refused");
    end(k);
    stop_server(&s);
}

/* Lines come back reversed; whatever way the transport cuts them. */
static void test_data(void)
{
    static const unsigned trickles[] = {0, 1, 2, 3, 7};
    server                s = start_server("good", "-rev", NULL);
    for (size_t i = 0; i < sizeof trickles / sizeof trickles[0]; i++) {
        connection *k = begin(s.port, "localhost", NULL, trickles[i]);
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
    char  path[600], request[] = "GET /large HTTP/1.0\r\n\r\n";
    FILE *f;
    snprintf(path, sizeof path, "%s/large", dir);
    f = fopen(path, "wb");
    if (f == NULL) abort();
    for (int i = 0; i < SIZE; i++) fputc(i * 7 % 251, f);
    fclose(f);
    char *here = getcwd(NULL, 0);
    char  absolute[1024];
    snprintf(absolute, sizeof absolute, "%s%s%s", dir[0] == '/' ? "" : here,
             dir[0] == '/' ? "" : "/", dir);
    const char *saved = dir;
    dir = absolute;
    if (chdir(absolute) != 0) abort();
    server s = start_server("good", "-WWW", NULL);
    if (chdir(here) != 0) abort();
    dir = saved;
    free(here);

    connection *k = begin(s.port, "localhost", NULL, 0);
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
    connection *k = begin(s.port, "localhost", NULL, 0);
    CHECK_ERR(shake(k), OR_OK, "handshake");
    CHECK_ERR(send_all(k, "abc\n", 4), OR_OK, "send");
    CHECK(recv_all(k, data, 4, &e) == 4 && e == OR_OK, "receive");
    stop_server(&s);
    CHECK(recv_all(k, data, 1, &e) == 0, "nothing more");
    CHECK(e == OR_ERR_TRUNCATED || e == OR_ERR_IO, "cut");
    CHECK(tls_recv(&k->tls, data, 1) == (ptrdiff_t)e, "the end stays");
    end(k);
}

#endif
