/* The table of ports/roots/roots.c holds the anchors of the PEM file that it was made of. ROOTS_PEM and
   ROOTS_TABLE are made by the Makefile, of ports/roots/roots.list. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "ports/posix.h"
#include "proxy/roots.c"
#include "tests/test.h"

static or_str str(const unsigned char *p, size_t len)
{
    return or_str_of((const char *)p, len);
}

static void check_key(const br_x509_pkey *got, const br_x509_pkey *want)
{
    CHECK(got->key_type == want->key_type, "the kind of key");
    if (want->key_type == BR_KEYTYPE_RSA) {
        const br_rsa_public_key *g = &got->key.rsa, *w = &want->key.rsa;
        CHECK_STR(str(g->n, g->nlen), str(w->n, w->nlen), "n");
        CHECK_STR(str(g->e, g->elen), str(w->e, w->elen), "e");
    } else {
        const br_ec_public_key *g = &got->key.ec, *w = &want->key.ec;
        CHECK(g->curve == w->curve, "curve");
        CHECK_STR(str(g->q, g->qlen), str(w->q, w->qlen), "q");
    }
}

static void test_same(void)
{
    test_heap        heap = {0};
    or_allocator     a = TEST_ALLOCATOR(&heap);
    or_bearssl_trust got, want;
    char             error[256], text[64];
    bool             rsa = false, ec = false;
    CHECK_ERR(or_bearssl_trust_load(&want, ROOTS_PEM, &a, error, sizeof error), OR_OK, error);
    CHECK(roots_load(&got, ROOTS_BUILTIN, &a, error, sizeof error), error);
    CHECK(got.num == want.num && got.num >= 20, "all of them");
    for (size_t i = 0; i < got.num && i < want.num; i++) {
        const br_x509_trust_anchor *g = &got.anchors[i], *w = &want.anchors[i];
        CHECK_STR(str(g->dn.data, g->dn.len), str(w->dn.data, w->dn.len), "name");
        CHECK(g->flags == w->flags, "flags");
        check_key(&g->pkey, &w->pkey);
        rsa = rsa || w->pkey.key_type == BR_KEYTYPE_RSA;
        ec = ec || w->pkey.key_type == BR_KEYTYPE_EC;
    }
    CHECK(rsa && ec, "both kinds");
    snprintf(error, sizeof error, "%zu built in", want.num);
    roots_describe(ROOTS_BUILTIN, text, sizeof text);
    CHECK_STR(or_str_z(text), or_str_z(error), "in words");
    or_bearssl_trust_free(&got);
    or_bearssl_trust_free(&want);
    CHECK(heap.outstanding == 0, "all is given back");
}

static void test_no_memory(void)
{
    test_heap        heap = {0, 1, 0};
    or_allocator     a = TEST_ALLOCATOR(&heap);
    or_bearssl_trust t;
    char             error[256];
    CHECK(!roots_load(&t, ROOTS_BUILTIN, &a, error, sizeof error), "no memory");
    CHECK(strstr(error, "no memory") != NULL, error);
}

static void test_find(void)
{
    CHECK(strcmp(roots_find("/a/file"), "/a/file") == 0, "a file");
    CHECK(strcmp(roots_find(ROOTS_BUILTIN), ROOTS_BUILTIN) == 0, "built in");
    setenv("SSL_CERT_FILE", "/another", 1);
    CHECK(strcmp(roots_find(NULL), "/another") == 0, "the environment");
    unsetenv("SSL_CERT_FILE");
    const char *found = roots_find(NULL);
    CHECK(access(found, R_OK) == 0 || strcmp(found, ROOTS_BUILTIN) == 0, "the system's, or these");
}

int main(void)
{
    test_same();
    test_no_memory();
    test_find();
    TEST_MAIN_END("test_roots");
}
