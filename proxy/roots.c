#include "proxy/roots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Made by ports/roots/roots.c, which tells the layout: flags, name, curve (0: RSA), key. */
static const uint8_t table[] = {
#if defined(ROOTS_TABLE)
#include ROOTS_TABLE
#endif
    0 /* none has this length of name */, 0, 0
};

/* Where systems keep their roots; ports/bearssl.c looks at the same places. Asked by path, so
   that a change of the file shows; when it knows one more, that is only not noticed. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

static size_t read_size(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

/* BearSSL's structures have no const, but do not write. */
static unsigned char *take(const uint8_t **p, size_t *len)
{
    const uint8_t *bytes = *p + 2;
    *len = read_size(*p);
    *p = bytes + *len;
    return (unsigned char *)(uintptr_t)bytes;
}

/* The next one of the table. False: that was all. */
static bool next_root(const uint8_t **p, br_x509_trust_anchor *a)
{
    if (read_size(*p + 1) == 0) return false;
    memset(a, 0, sizeof *a);
    a->flags = *(*p)++;
    a->dn.data = take(p, &a->dn.len);
    int curve = *(*p)++;
    a->pkey.key_type = curve == 0 ? BR_KEYTYPE_RSA : BR_KEYTYPE_EC;
    if (curve == 0) {
        a->pkey.key.rsa.n = take(p, &a->pkey.key.rsa.nlen);
        a->pkey.key.rsa.e = take(p, &a->pkey.key.rsa.elen);
    } else {
        a->pkey.key.ec.curve = curve;
        a->pkey.key.ec.q = take(p, &a->pkey.key.ec.qlen);
    }
    return true;
}

static size_t count(void)
{
    br_x509_trust_anchor a;
    size_t               n = 0;
    for (const uint8_t *p = table; next_root(&p, &a);) n++;
    return n;
}

static bool fail(char *error, size_t size, const char *text)
{
    snprintf(error, size, "%s", text);
    return false;
}

static bool load_table(or_bearssl_trust *t, const or_allocator *allocator, char *error, size_t size)
{
    const uint8_t *p = table;
    size_t         num = count();
    memset(t, 0, sizeof *t);
    if (num == 0)
        return fail(error, size,
                    "ca = builtin: this orproxy has no roots built in: name a PEM file, or build "
                    "it with make CA_BUILTIN=all");
    or_arena_init_growing(&t->memory, NULL, 0, allocator);
    t->anchors = or_arena_alloc(&t->memory, num * sizeof *t->anchors);
    if (t->anchors == NULL) return fail(error, size, "no memory for trust anchors");
    while (next_root(&p, &t->anchors[t->num])) t->num++;
    return true;
}

const char *roots_find(const char *ca)
{
    if (ca == NULL) ca = getenv("SSL_CERT_FILE");
    if (ca != NULL) return ca;
    for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++)
        if (access(bundles[i], R_OK) == 0) return bundles[i];
    return count() > 0 ? ROOTS_BUILTIN : "";
}

bool roots_load(or_bearssl_trust *t, const char *found, const or_allocator *allocator, char *error,
                size_t error_size)
{
    if (strcmp(found, ROOTS_BUILTIN) == 0) return load_table(t, allocator, error, error_size);
    return or_bearssl_trust_load(t, found[0] != 0 ? found : NULL, allocator, error, error_size) ==
           OR_OK;
}

void roots_describe(const char *found, char *text, size_t size)
{
    if (strcmp(found, ROOTS_BUILTIN) == 0)
        snprintf(text, size, "%zu built in", count());
    else
        snprintf(text, size, "%s", found[0] != 0 ? found : "none");
}
