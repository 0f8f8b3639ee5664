/* Certificates of a PEM file as the table that proxy/roots.c builds in. Runs where orproxy is
   built, whatever it is built for.

       roots FILE >roots_table.h                                                              */
#define OR_IMPLEMENTATION
#include <stdio.h>
#include <stdlib.h>

#include "ports/bearssl.h"

static size_t column;

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

static void put(size_t byte)
{
    printf("%u,%s", (unsigned)byte, ++column % 24 == 0 ? "\n" : "");
}

/* Two bytes of length, then the bytes. */
static void put_bytes(const unsigned char *bytes, size_t len)
{
    put(len >> 8);
    put(len & 255);
    for (size_t i = 0; i < len; i++) put(bytes[i]);
}

int main(int argc, char **argv)
{
    or_bearssl_trust t;
    or_allocator     heap = {heap_alloc, heap_free, NULL};
    char             error[256] = "usage: roots FILE";
    if (argc != 2 || or_bearssl_trust_load(&t, argv[1], &heap, error, sizeof error) != OR_OK) {
        fprintf(stderr, "roots: %s\n", error);
        return 1;
    }
    printf("/* %zu roots, by ports/roots/roots.c */\n", t.num);
    for (size_t i = 0; i < t.num; i++) {
        const br_x509_trust_anchor *a = &t.anchors[i];
        put(a->flags);
        put_bytes(a->dn.data, a->dn.len);
        put(a->pkey.key_type == BR_KEYTYPE_RSA ? 0 : (size_t)a->pkey.key.ec.curve);
        if (a->pkey.key_type == BR_KEYTYPE_RSA) {
            put_bytes(a->pkey.key.rsa.n, a->pkey.key.rsa.nlen);
            put_bytes(a->pkey.key.rsa.e, a->pkey.key.rsa.elen);
        } else {
            put_bytes(a->pkey.key.ec.q, a->pkey.key.ec.qlen);
        }
    }
    printf("\n");
    or_bearssl_trust_free(&t);
    return fflush(stdout) != 0;
}
