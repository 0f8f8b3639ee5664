/* The TLS client against OpenSSL's server: good certificates pass, each bad one is refused in
   words; data both ways, resumption, ends, any cut of the transport.
   Usage: test_bearssl [DIR]; DIR is where certificates are made (default: build/test/certs). */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include "ports/bearssl.h"
#include "ports/posix.h"
#include "tests/test.h"

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

static or_bearssl_trust trust;

/* ---- the port, in the shape that tests/tls_body.h wants ---- */

struct tls {
    or_bearssl           c;
    or_bearssl_handshake handshake;
    unsigned char        buffer[OR_BEARSSL_MIN_BUFFER];
};

struct tls_options {
    int64_t             unix_s;
    or_bearssl_session *session;
};

static void tls_begin(struct tls *t, const char *host, or_io io, const struct tls_options *options)
{
    uint8_t         seed[32];
    or_bearssl_desc d = {.trust = &trust,
                         .handshake = &t->handshake,
                         .session = options != NULL ? options->session : NULL,
                         .host = or_str_z(host),
                         .unix_s = options != NULL ? options->unix_s : or_posix_unix_s(),
                         .seed = seed,
                         .buffer = t->buffer,
                         .buffer_size = sizeof t->buffer,
                         .io = io};
    CHECK_ERR(or_posix_random(seed, sizeof seed), OR_OK, "random");
    CHECK_ERR(or_bearssl_begin(&t->c, &d), OR_OK, "begin");
}

static or_err tls_step(struct tls *t)
{
    return or_bearssl_step(&t->c);
}

static ptrdiff_t tls_recv(struct tls *t, void *buf, size_t len)
{
    return or_bearssl_recv(&t->c, buf, len);
}

static ptrdiff_t tls_send(struct tls *t, const void *buf, size_t len)
{
    return or_bearssl_send(&t->c, buf, len);
}

static or_err tls_flush(struct tls *t)
{
    return or_bearssl_flush(&t->c);
}

static void tls_close(struct tls *t)
{
    or_bearssl_close(&t->c);
}

static void tls_wants(const struct tls *t, bool *to_recv, bool *to_send)
{
    *to_recv = t->c.want_recv;
    *to_send = t->c.want_send;
}

static void tls_error(const struct tls *t, char *text, size_t size)
{
    or_bearssl_error(&t->c, text, size);
}

#include "tests/tls_body.h"

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
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        test_certificate(cases[i].certificate, cases[i].host, cases[i].want);
}

static void test_clock(void)
{
    char        text[256];
    server      s = start_server("good", "-rev", NULL);
    struct tls_options past = {0, NULL};
    connection        *k = begin(s.port, "localhost", &past, 0);
    CHECK_ERR(shake(k), OR_ERR_IO, "1970");
    tls_error(&k->tls, text, sizeof text);
    CHECK_STR(or_str_z(text),
              OR_STR("certificate is not yet valid before 2024-01-01: this machine's clock says "
                     "1970-01-01"),
              "1970");
    end(k);
    stop_server(&s);
}

static void test_resume(void)
{
    or_bearssl_session session = {0};
    or_bearssl_session first;
    char               data[8];
    or_err             e;
    server             s = start_server("good", "-rev", "-no_ticket");
    for (int i = 0; i < 3; i++) {
        struct tls_options with = {or_posix_unix_s(), &session};
        connection        *k = begin(s.port, "localhost", &with, 0);
        CHECK_ERR(shake(k), OR_OK, "handshake");
        CHECK(session.set, "there is a session");
        /* a resumed handshake shows no certificate */
        CHECK((k->tls.c.facts.certificates == 0) == (i > 0), "resumed");
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
    static struct tls t;
    or_bearssl_desc   d = {0};
    CHECK_ERR(or_bearssl_begin(&t.c, &d), OR_ERR_ARG, "nothing");
    uint8_t seed[32] = {1};
    d = (or_bearssl_desc){.trust = &trust, .handshake = &t.handshake, .host = OR_STR_INIT("h"),
                          .seed = seed, .buffer = t.buffer, .buffer_size = sizeof t.buffer,
                          .io = {trickle_recv, trickle_send, &t}};
    CHECK_ERR(or_bearssl_begin(&t.c, &d), OR_OK, "enough");
    d.buffer_size--;
    CHECK_ERR(or_bearssl_begin(&t.c, &d), OR_ERR_ARG, "buffer too small");
}

/* A server that sends warnings, and is never behind. */
static ptrdiff_t warn(void *user, void *buf, size_t len)
{
    static const char warning[] = "\x15\x03\x03\x00\x02\x01\x70"; /* unrecognized_name */
    size_t           *n = user;
    for (size_t i = 0; i < len; i++) ((char *)buf)[i] = warning[(*n + i) % (sizeof warning - 1)];
    *n += len;
    return *n < 1 << 24 ? (ptrdiff_t)len : OR_ERR_IO;
}

static ptrdiff_t swallow(void *user, const void *buf, size_t len)
{
    (void)user;
    (void)buf;
    return (ptrdiff_t)len;
}

static void test_turns(void)
{
    static struct tls t;
    size_t            n = 0;
    or_io             io = {warn, swallow, &n};
    tls_begin(&t, "localhost", io, NULL);
    for (int i = 1; i < 10; i++) {
        CHECK_ERR(tls_step(&t), OR_NEED_MORE, "others have their turn");
        CHECK(t.c.want_recv, "and it goes on");
        CHECK(n > 0 && n < (size_t)i * 65536, "soon");
    }
    tls_close(&t);
}

int main(int argc, char **argv)
{
    char path[600], error[256];
    if (!make_certificates("test_bearssl", argc, argv, "build/test/certs")) return 1;
    snprintf(path, sizeof path, "%s/ca.pem", dir);
    CHECK_ERR(or_bearssl_trust_load(&trust, path, &heap, error, sizeof error), OR_OK, "trust");
    test_arguments();
    test_bundle();
    test_certificates();
    test_clock();
    test_data();
    test_large();
    test_turns();
    test_cut();
    test_resume();
    or_bearssl_trust_free(&trust);
    TEST_MAIN_END("test_bearssl");
}
