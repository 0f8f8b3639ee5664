/* The TLS client with mbedTLS: OpenSSL's server with good and bad certificates, an mbedTLS
   server that ends well or badly, a transport that fails.
   Usage: test_mbedtls [DIR]; DIR is where certificates are made (default:
   build/test/certs_mbedtls, not that of test_bearssl, which may run beside this one). */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include <pthread.h>
#include <sys/socket.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/version.h>
#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif

#include "ports/mbedtls.h"
#include "tests/ram_io.h"

static mbedtls_x509_crt         trust;
static mbedtls_entropy_context  entropy;
static mbedtls_ctr_drbg_context drbg;

/* ---- the port, in the shape that tests/tls_body.h wants ---- */

struct tls {
    or_mbedtls c;
};

struct tls_options {
    or_err want; /* of or_mbedtls_begin */
};

static or_mbedtls_desc desc_of(const char *host, or_io io)
{
    or_mbedtls_desc d = {&trust, or_str_z(host), mbedtls_ctr_drbg_random, &drbg, io};
    return d;
}

static void tls_begin(struct tls *t, const char *host, or_io io, const struct tls_options *options);

static or_err tls_step(struct tls *t)
{
    return or_mbedtls_step(&t->c);
}

static ptrdiff_t tls_recv(struct tls *t, void *buf, size_t len)
{
    return or_mbedtls_recv(&t->c, buf, len);
}

static ptrdiff_t tls_send(struct tls *t, const void *buf, size_t len)
{
    return or_mbedtls_send(&t->c, buf, len);
}

static or_err tls_flush(struct tls *t)
{
    return t->c.unsent > 0 ? OR_ERR_ARG : OR_OK; /* send has flushed what it has taken */
}

static void tls_close(struct tls *t)
{
    or_mbedtls_close(&t->c);
}

static void tls_wants(const struct tls *t, bool *to_recv, bool *to_send)
{
    *to_recv = t->c.want_recv;
    *to_send = t->c.want_send;
}

static void tls_error(const struct tls *t, char *text, size_t size)
{
    or_mbedtls_error(&t->c, text, size);
}

#include "tests/tls_body.h"

static void tls_begin(struct tls *t, const char *host, or_io io, const struct tls_options *options)
{
    or_mbedtls_desc d = desc_of(host, io);
    CHECK_ERR(or_mbedtls_begin(&t->c, &d), options != NULL ? options->want : OR_OK, "begin");
}

/* ---- certificates ---- */

static const struct {
    const char *certificate, *host, *want; /* want: part of the words; NULL: it passes */
} cases[] = {
    {"good", "localhost", NULL},
    {"good", "LOCALHOST", NULL},
    {"good", "a.example.org", NULL},
    {"rsa", "localhost", NULL},
    {"any_eku", "localhost", NULL},
    {"good", "a.b.example.org", "certificate is not for a.b.example.org"},
    {"ip", "localhost", "certificate"},
    {"wrong_name", "localhost", "certificate is not for localhost"},
    {"expired", "localhost", "certificate expired"},
    {"not_yet", "localhost", "certificate is not yet valid"},
    {"self_signed", "localhost", "authority that is not among the trust anchors"},
    {"unknown_root", "localhost", "authority that is not among the trust anchors"},
    {"sha1", "localhost", "SHA-1"},
    {"rsa1024", "localhost", "2048 bits"},
    {"wrong_eku", "localhost", "not for servers"},
    {"no_san", "localhost", "names no host"},
};

static void test_certificates(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        test_certificate(cases[i].certificate, cases[i].host, cases[i].want);
}

/* A server that offers nothing in common is refused, too. */
static void test_old(void)
{
    static const char *const modes[] = {"-tls1", "-tls1_1", "-tls1_3"};
    for (size_t i = 0; i < (MBEDTLS_VERSION_MAJOR < 3 ? 3 : 2); i++) {
        char        text[256];
        server      s = start_server("good", "-rev", modes[i]);
        connection *k = begin(s.port, "localhost", NULL, 0);
        CHECK_ERR(shake(k), OR_ERR_IO, modes[i]);
        tls_error(&k->tls, text, sizeof text);
        CHECK(strlen(text) > 10, text);
        end(k);
        stop_server(&s);
    }
}

/* ---- a server of our own, which ends as it is told ---- */

enum { END_CLEAN, END_CUT, END_GARBAGE };

typedef struct peer {
    int                 fd[2]; /* the server's, the client's */
    int                 how;
    or_err              served;
    pthread_t           thread;
    mbedtls_ssl_context ssl;
} peer;

static int fd_send(void *user, const unsigned char *buf, size_t len)
{
    ssize_t n = send(((peer *)user)->fd[0], buf, len, MSG_NOSIGNAL);
    return n > 0 ? (int)n : MBEDTLS_ERR_SSL_CONN_EOF;
}

static int fd_recv(void *user, unsigned char *buf, size_t len)
{
    ssize_t n = recv(((peer *)user)->fd[0], buf, len, 0);
    return n > 0 ? (int)n : MBEDTLS_ERR_SSL_CONN_EOF;
}

static ptrdiff_t peer_send(void *user, const void *buf, size_t len)
{
    int n = mbedtls_ssl_write(&((peer *)user)->ssl, buf, len);
    return n > 0 ? n : OR_ERR_IO;
}

static ptrdiff_t peer_recv(void *user, void *buf, size_t len)
{
    int n = mbedtls_ssl_read(&((peer *)user)->ssl, buf, len);
    return n > 0 ? n : OR_ERR_IO;
}

static or_err peer_wait(void *user, bool write)
{
    (void)user;
    (void)write;
    return OR_ERR_IO; /* it blocks */
}

static void *peer_main(void *user)
{
    peer                    *p = user;
    mbedtls_ssl_config       config;
    mbedtls_x509_crt         certificate;
    mbedtls_pk_context       key;
    mbedtls_ctr_drbg_context random;
    char                     path[600];
    exchange                 x = {{peer_recv, peer_send, p}, peer_wait, p};
    mbedtls_ssl_init(&p->ssl);
    mbedtls_ssl_config_init(&config);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0);
    snprintf(path, sizeof path, "%s/good.pem", dir);
    mbedtls_x509_crt_parse_file(&certificate, path);
    snprintf(path, sizeof path, "%s/good.key", dir);
#if MBEDTLS_VERSION_MAJOR < 3
    mbedtls_pk_parse_keyfile(&key, path, NULL);
#else
    mbedtls_pk_parse_keyfile(&key, path, NULL, mbedtls_ctr_drbg_random, &random);
#endif
    mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_own_cert(&config, &certificate, &key);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    mbedtls_ssl_setup(&p->ssl, &config);
    mbedtls_ssl_set_bio(&p->ssl, p, fd_send, fd_recv, NULL);
    p->served = mbedtls_ssl_handshake(&p->ssl) == 0 ? exchange_serve(&x) : OR_ERR_IO;
    if (p->how == END_CLEAN) mbedtls_ssl_close_notify(&p->ssl);
    if (p->how == END_GARBAGE)
        fd_send(p, (const unsigned char *)"\27\3\3\0\40xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 37);
    shutdown(p->fd[0], SHUT_WR);
    mbedtls_ssl_free(&p->ssl);
    mbedtls_ssl_config_free(&config);
    mbedtls_x509_crt_free(&certificate);
    mbedtls_pk_free(&key);
    mbedtls_ctr_drbg_free(&random);
    return NULL;
}

static or_err wait_of(void *user, bool write)
{
    (void)write;
    wait_for(user);
    return OR_OK;
}

static void test_exchange(int how, or_err want)
{
    static const unsigned trickles[] = {0, 1, 3};
    for (size_t i = 0; i < sizeof trickles / sizeof trickles[0]; i++) {
        peer       p = {.how = how};
        connection k = {.trickle = trickles[i]};
        char       mem[256], b[16];
        or_buf     text;
        or_buf_init(&text, mem, sizeof mem);
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, p.fd) != 0) abort();
        if (pthread_create(&p.thread, NULL, peer_main, &p) != 0) abort();
        k.fd = p.fd[1];
        fcntl(k.fd, F_SETFL, O_NONBLOCK);
        k.io = or_posix_io(&k.fd);
        or_io io = {trickle_recv, trickle_send, &k};
        tls_begin(&k.tls, "localhost", io, NULL);
        CHECK_ERR(shake(&k), OR_OK, "handshake");
        CHECK_ERR(tls_step(&k.tls), OR_OK, "asked twice");
        exchange x = {or_mbedtls_io(&k.tls.c), wait_of, &k};
        CHECK_ERR(exchange_ask(&x, &text), OR_OK, "exchange");
        CHECK_STR(or_buf_str(&text), OR_STR(EXCHANGE_TEXT), "text");
        CHECK(exchange_recv(&x, b, sizeof b) == (ptrdiff_t)want, "the end");
        CHECK(exchange_recv(&x, b, sizeof b) == (ptrdiff_t)want, "which stays");
        CHECK(x.io.send(x.io.user, "x", 1) == (ptrdiff_t)want, "for sending, too");
        CHECK(!or_mbedtls_pending(&k.tls.c), "nothing pending");
        tls_close(&k.tls);
        CHECK(x.io.recv(x.io.user, b, 1) == (ptrdiff_t)want, "and after close");
        pthread_join(p.thread, NULL);
        CHECK_ERR(p.served, OR_OK, "the server's view");
        close(p.fd[0]);
        close(p.fd[1]);
    }
}

/* ---- the rest ---- */

/* Bytes that were encrypted while the transport was full have to come again. */
static void test_send_again(void)
{
    char        b[64];
    or_err      e;
    server      s = start_server("good", "-rev", NULL);
    connection *k = begin(s.port, "localhost", NULL, 0);
    or_mbedtls *c = &k->tls.c;
    CHECK_ERR(shake(k), OR_OK, "handshake");
    CHECK(c->want_recv && !c->want_send, "then it waits for the server");
    k->trickle = 1000000; /* "not now" */
    CHECK(or_mbedtls_send(c, "0123456789", 10) == 0, "not now");
    CHECK(c->want_send && !c->want_recv, "it waits for room");
    CHECK(or_mbedtls_send(c, "012345678", 9) == OR_ERR_ARG, "fewer bytes");
    CHECK(or_mbedtls_recv(c, b, 1) == 0, "receive in between");
    CHECK(c->want_send && c->want_recv, "it waits for both");
    CHECK(or_mbedtls_send(c, "0123456789\n", 11) == 0, "still not");
    k->trickle = 0;
    CHECK(or_mbedtls_send(c, "0123456789\n", 11) == 10, "taken as begun");
    CHECK_ERR(send_all(k, "\n", 1), OR_OK, "the last");
    CHECK(recv_all(k, b, 3, &e) == 3 && memcmp(b, "987", 3) == 0, "the first three");
    CHECK(or_mbedtls_pending(c), "the others are pending");
    CHECK(recv_all(k, b, 8, &e) == 8 && memcmp(b, "6543210\n", 8) == 0, "the others");
    CHECK(!or_mbedtls_pending(c), "no more");
    end(k);
    stop_server(&s);
}

/* A transport that ends, fails or says nothing in the handshake. */
static void test_transport(void)
{
    static const ptrdiff_t timeout[] = {OR_ERR_TIMEOUT}, closed[] = {OR_ERR_CLOSED};
    static const struct {
        const char      *name;
        const ptrdiff_t *recv, *send;
        or_err           want;
    } ways[] = {
        {"ends", NULL, NULL, OR_ERR_TRUNCATED},
        {"receiving times out", timeout, NULL, OR_ERR_TIMEOUT},
        {"sending times out", NULL, timeout, OR_ERR_TIMEOUT},
        {"sending is closed", NULL, closed, OR_ERR_CLOSED},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        ram_io     ram = {0};
        struct tls t;
        char       text[100], b;
        ram.recv.steps = ways[i].recv;
        ram.recv.num_steps = ways[i].recv != NULL;
        ram.send.steps = ways[i].send;
        ram.send.num_steps = ways[i].send != NULL;
        tls_begin(&t, "localhost", ram_io_of(&ram), NULL);
        CHECK_ERR(tls_step(&t), ways[i].want, ways[i].name);
        CHECK_ERR(tls_step(&t), ways[i].want, "stays so");
        CHECK(tls_recv(&t, &b, 1) == (ptrdiff_t)ways[i].want, "receive");
        CHECK(tls_send(&t, "x", 1) == (ptrdiff_t)ways[i].want, "send");
        tls_error(&t, text, sizeof text);
        CHECK(strstr(text, or_err_text(ways[i].want)) != NULL, text);
        tls_close(&t);
        tls_close(&t);
        ram_io_free(&ram);
    }
    ram_io     ram = {.open = true};
    struct tls t;
    char       b;
    tls_begin(&t, "localhost", ram_io_of(&ram), NULL);
    CHECK(t.c.want_send, "the hello goes first");
    CHECK_ERR(tls_step(&t), OR_NEED_MORE, "no answer yet");
    CHECK(t.c.want_recv && !t.c.want_send, "it waits for one");
    CHECK(tls_recv(&t, &b, 1) == 0 && tls_send(&t, "x", 1) == 0, "not before the handshake");
    tls_close(&t);
    CHECK(tls_recv(&t, &b, 1) == OR_ERR_CLOSED, "closed");
    CHECK_ERR(tls_step(&t), OR_ERR_CLOSED, "closed");
    /* the name of the server is in the hello: that is what hosting needs */
    CHECK(or_str_find(ram_io_sent(&ram), OR_STR("localhost"), 0) < ram.out_len, "server name");
    CHECK(or_str_find(ram_io_sent(&ram), OR_STR("http/1.1"), 0) < ram.out_len, "protocol");
    ram_io_free(&ram);
}

static void test_arguments(void)
{
    static const char *const addresses[] = {"127.0.0.1", "::1", "1.2.3", "fe80::1", "", "0"};
    char                     name[256];
    ram_io                   ram = {.open = true};
    or_mbedtls               c;
    or_mbedtls_desc          good = desc_of("localhost", ram_io_of(&ram)), d;
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    d = good;
    d.trust = NULL;
    CHECK_ERR(or_mbedtls_begin(&c, &d), OR_ERR_ARG, "no trust");
    d = good;
    d.random = NULL;
    CHECK_ERR(or_mbedtls_begin(&c, &d), OR_ERR_ARG, "no random");
    d = good;
    d.io.recv = NULL;
    CHECK_ERR(or_mbedtls_begin(&c, &d), OR_ERR_ARG, "no recv");
    d = good;
    d.io.send = NULL;
    CHECK_ERR(or_mbedtls_begin(&c, &d), OR_ERR_ARG, "no send");
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        d.io = good.io;
        d.host = or_str_z(addresses[i]);
        CHECK_ERR(or_mbedtls_begin(&c, &d), OR_ERR_ARG, addresses[i]);
    }
    d.host = or_str_of(name, 254);
    CHECK_ERR(or_mbedtls_begin(&c, &d), OR_ERR_ARG, "254 bytes");
    d.host = or_str_of(name, 253);
    CHECK_ERR(or_mbedtls_begin(&c, &d), OR_OK, "253 bytes");
    CHECK(strlen(c.host) == 253, "a C string");
    or_mbedtls_close(&c);
    d.host = OR_STR("1.example");
    CHECK_ERR(or_mbedtls_begin(&c, &d), OR_OK, "digits in a name");
    or_mbedtls_close(&c);
}

/* Each allocation of mbedTLS failing in turn, from begin through the handshake. The linker
   sends its calloc here (-Wl,--wrap=calloc, which wants the static library). */
static unsigned long allocations, fail_at;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return ++allocations == fail_at ? NULL : __real_calloc(n, size);
}

static void test_memory(void)
{
    server        s = start_server("good", "-rev", NULL);
    or_err        e = OR_NEED_MORE;
    bool          begun = true;
    unsigned long next = 1, used = 0;
    for (; e != OR_OK; next += next < 40 ? 1 : next / 8) {
        char       error[256];
        int        fd;
        or_mbedtls c;
        if (or_posix_connect("127.0.0.1", s.port, 10000, &fd, error, sizeof error) != OR_OK)
            abort();
        or_mbedtls_desc d = desc_of("localhost", or_posix_io(&fd));
        allocations = 0;
        fail_at = next;
        e = or_mbedtls_begin(&c, &d);
        begun = e == OR_OK;
        if (!begun) CHECK_ERR(e, OR_ERR_MEMORY, "begin without memory");
        while (begun && (e = or_mbedtls_step(&c)) == OR_NEED_MORE)
            (void)or_posix_wait(fd, c.want_send, 10000);
        used = allocations;
        fail_at = 0;
        if (begun && e != OR_OK)
            CHECK(e == OR_ERR_MEMORY || e == OR_ERR_IO, "handshake without memory");
        if (begun) or_mbedtls_close(&c);
        close(fd);
    }
    CHECK(used < next && used > 40 && begun, "until none failed");
    stop_server(&s);
}

int main(int argc, char **argv)
{
    char path[600];
    if (!make_certificates("test_mbedtls", argc, argv, "build/test/certs_mbedtls")) return 1;
#if MBEDTLS_VERSION_MAJOR >= 3
    CHECK(psa_crypto_init() == PSA_SUCCESS, "TLS 1.3 wants it");
#endif
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&drbg);
    mbedtls_x509_crt_init(&trust);
    snprintf(path, sizeof path, "%s/ca.pem", dir);
    CHECK(mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0) == 0, "random");
    CHECK(mbedtls_x509_crt_parse_file(&trust, path) == 0, "trust");
    test_arguments();
    test_transport();
    test_certificates();
    test_old();
    test_data();
    test_large();
    test_cut();
    test_send_again();
    test_exchange(END_CLEAN, OR_ERR_CLOSED);
    test_exchange(END_CUT, OR_ERR_TRUNCATED);
    test_exchange(END_GARBAGE, OR_ERR_IO);
    test_memory();
    mbedtls_x509_crt_free(&trust);
    mbedtls_ctr_drbg_free(&drbg);
    mbedtls_entropy_free(&entropy);
    TEST_MAIN_END("test_mbedtls");
}
