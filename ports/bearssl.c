#include "ports/bearssl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- trust anchors ---- */

/* One certificate of a bundle on its way from PEM to an anchor. */
typedef struct reading {
    or_bearssl_trust       *trust;
    br_x509_decoder_context x509;
    unsigned char           dn[512];
    size_t                  dn_len;
    bool                    dn_too_long, in_certificate, no_memory;
} reading;

static void take_dn(void *user, const void *buf, size_t len)
{
    reading *r = user;
    if (len > sizeof r->dn - r->dn_len) {
        r->dn_too_long = true;
        return;
    }
    memcpy(r->dn + r->dn_len, buf, len);
    r->dn_len += len;
}

static void take_der(void *user, const void *buf, size_t len)
{
    reading *r = user;
    br_x509_decoder_push(&r->x509, buf, len);
}

static unsigned char *copy_of(reading *r, const unsigned char *from, size_t len)
{
    unsigned char *to = or_arena_alloc(&r->trust->memory, len);
    if (to == NULL)
        r->no_memory = true;
    else
        memcpy(to, from, len);
    return to;
}

/* The decoder has a whole certificate: make an anchor of it, if its key is of use. */
static void add_anchor(reading *r)
{
    or_bearssl_trust     *t = r->trust;
    br_x509_trust_anchor *a = &t->anchors[t->num];
    const br_x509_pkey   *key = br_x509_decoder_get_pkey(&r->x509);
    if (key == NULL || r->dn_too_long) {
        t->skipped++;
        return;
    }
    a->dn.data = copy_of(r, r->dn, r->dn_len);
    a->dn.len = r->dn_len;
    a->flags = br_x509_decoder_isCA(&r->x509) ? BR_X509_TA_CA : 0;
    a->pkey = *key;
    if (key->key_type == BR_KEYTYPE_RSA) {
        a->pkey.key.rsa.n = copy_of(r, key->key.rsa.n, key->key.rsa.nlen);
        a->pkey.key.rsa.e = copy_of(r, key->key.rsa.e, key->key.rsa.elen);
    } else {
        a->pkey.key.ec.q = copy_of(r, key->key.ec.q, key->key.ec.qlen);
    }
    t->num++;
}

static bool is_certificate(const char *name)
{
    return strcmp(name, "CERTIFICATE") == 0 || strcmp(name, "X509 CERTIFICATE") == 0 ||
           strcmp(name, "TRUSTED CERTIFICATE") == 0;
}

static void on_pem_event(reading *r, br_pem_decoder_context *pem, int event)
{
    switch (event) {
    case BR_PEM_BEGIN_OBJ:
        r->in_certificate = is_certificate(br_pem_decoder_name(pem));
        r->dn_len = 0;
        r->dn_too_long = false;
        br_x509_decoder_init(&r->x509, take_dn, r);
        br_pem_decoder_setdest(pem, r->in_certificate ? take_der : NULL, r);
        break;
    case BR_PEM_END_OBJ:
        if (r->in_certificate) add_anchor(r);
        r->in_certificate = false;
        break;
    case BR_PEM_ERROR: /* the next one may be good */
        if (r->in_certificate) r->trust->skipped++;
        r->in_certificate = false;
        break;
    default: break;
    }
}

/* How many anchors there can be at most. */
static size_t count_certificates(or_str pem)
{
    or_str mark = OR_STR("-----BEGIN ");
    size_t n = 0;
    for (size_t at = or_str_find(pem, mark, 0); at < pem.len; at = or_str_find(pem, mark, at + 1))
        n++;
    return n;
}

or_err or_bearssl_trust_read(or_bearssl_trust *t, or_str pem, const or_allocator *allocator)
{
    br_pem_decoder_context decoder;
    reading                r;
    size_t                 max = count_certificates(pem);
    memset(t, 0, sizeof *t);
    memset(&r, 0, sizeof r);
    or_arena_init_growing(&t->memory, NULL, 0, allocator);
    if (max == 0) return OR_ERR_ABSENT;
    t->anchors = or_arena_alloc(&t->memory, max * sizeof *t->anchors);
    if (t->anchors == NULL) return OR_ERR_MEMORY;
    r.trust = t;
    br_pem_decoder_init(&decoder);
    while (pem.len > 0 && !r.no_memory) {
        size_t used = br_pem_decoder_push(&decoder, pem.ptr, pem.len);
        pem.ptr += used;
        pem.len -= used;
        on_pem_event(&r, &decoder, br_pem_decoder_event(&decoder));
    }
    /* a last line without its end is a line all the same */
    if (r.in_certificate && !r.no_memory) {
        (void)br_pem_decoder_push(&decoder, "\n", 1);
        on_pem_event(&r, &decoder, br_pem_decoder_event(&decoder));
    }
    or_err e = r.no_memory ? OR_ERR_MEMORY : t->num == 0 ? OR_ERR_ABSENT : OR_OK;
    if (e != OR_OK) or_bearssl_trust_free(t);
    return e;
}

void or_bearssl_trust_free(or_bearssl_trust *t)
{
    or_arena_reset(&t->memory);
    t->anchors = NULL;
    t->num = 0;
}

/* Where systems keep their roots. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, OpenWrt */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
    "/etc/ssl/ca-bundle.pem",             /* openSUSE */
    "/etc/ssl/cert.pem",                  /* BSD, macOS */
};

/* The whole file into b. */
static or_err read_file(or_buf *b, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) return OR_ERR_IO;
    while (or_buf_reserve(b, 4096) == OR_OK) {
        size_t n = fread(b->ptr + b->len, 1, b->cap - b->len, f);
        b->len += n;
        if (n == 0) break;
    }
    or_err e = b->err != OR_OK ? b->err : ferror(f) ? OR_ERR_IO : OR_OK;
    fclose(f);
    return e;
}

or_err or_bearssl_trust_load(or_bearssl_trust *t, const char *path, const or_allocator *allocator,
                             char *error, size_t error_size)
{
    or_buf pem;
    or_err e;
    memset(t, 0, sizeof *t);
    or_buf_init_growing(&pem, allocator, 16u << 20);
    if (path == NULL) path = getenv("SSL_CERT_FILE");
    if (path != NULL) {
        e = read_file(&pem, path);
    } else {
        e = OR_ERR_IO;
        for (size_t i = 0; i < sizeof bundles / sizeof bundles[0] && e == OR_ERR_IO; i++) {
            path = bundles[i];
            e = read_file(&pem, path);
        }
        if (e == OR_ERR_IO) {
            snprintf(error, error_size, "no trust anchors on this system (looked for %s and "
                     "others): install ca-certificates, or name a PEM file", bundles[0]);
            or_buf_free(&pem);
            return e;
        }
    }
    if (e == OR_ERR_IO)
        snprintf(error, error_size, "cannot read %s: %s", path, strerror(errno));
    if (e == OR_OK) e = or_bearssl_trust_read(t, or_buf_str(&pem), allocator);
    if (e == OR_ERR_ABSENT)
        snprintf(error, error_size, "%s has no usable certificate (PEM) in it", path);
    else if (e != OR_OK && e != OR_ERR_IO)
        snprintf(error, error_size, "%s: %s", path, or_err_text(e));
    or_buf_free(&pem);
    return e;
}

/* ---- walking a certificate ----

   DER as it arrives, without keeping it. Only the way to what is needed is entered:

     depth 0  Certificate
     depth 1    tbsCertificate, then what signs it
     depth 2      version, serial, signature, issuer, validity, subject, key, [3]
     depth 3        of signature: OID; of validity: two times; of [3]: Extensions
     depth 4          Extension
     depth 5            OID, critical, OCTET STRING
     depth 6              of subjectAltName and extKeyUsage: SEQUENCE
     depth 7                names or OIDs

   What is malformed ends the walk; BearSSL's own decoder refuses such a certificate. */

enum { TAG, SIZE, SIZE_BYTES, CAPTURE, SKIP, ENDED }; /* walk->state: what the next byte is */
enum { OID = 0x06, OCTETS = 0x04, SEQUENCE = 0x30, EXTENSIONS = 0xA3, UTC_TIME = 0x17,
       LONG_TIME = 0x18, DNS_NAME = 0x82, IP_ADDRESS = 0x87 };
/* walk->section: the SEQUENCEs of tbsCertificate, counted from 1 */
enum { SIGNATURE = 1, ISSUER = 2, VALIDITY = 3, SUBJECT = 4, OF_EXTENSIONS = 100 };
enum { OTHER, ALT_NAME, KEY_USAGE }; /* walk->extension */

static const uint8_t oid_alt_name[] = {0x55, 0x1D, 0x11}, oid_key_usage[] = {0x55, 0x1D, 0x25},
                     oid_any_usage[] = {0x55, 0x1D, 0x25, 0x00},
                     oid_server[] = {0x2B, 6, 1, 5, 5, 7, 3, 1},
                     oid_rsa_sha1[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 5},
                     oid_rsa_md5[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 4},
                     oid_ecdsa_sha1[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1};

#define IS(w, oid) ((w)->captured == sizeof(oid) && memcmp((w)->capture, (oid), sizeof(oid)) == 0)

/* "YYYYMMDDhhmmss" of a captured time: years below 50 in two digits are 20xx (RFC 5280
   section 4.1.2.5.1). False when it is not a time. */
static bool full_time(const or_bearssl_walk *w, char out[15])
{
    size_t digits = w->tag == UTC_TIME ? 12 : 14;
    if (w->captured < digits) return false;
    for (size_t i = 0; i < digits; i++)
        if (w->capture[i] < '0' || w->capture[i] > '9') return false;
    if (digits == 12) memcpy(out, w->capture[0] < '5' ? "20" : "19", 2);
    memcpy(out + 14 - digits, w->capture, digits);
    out[14] = 0;
    return true;
}

/* "YYYYMMDDhhmmss" of a count of seconds: the civil calendar, its years begun in March so
   that leap days come last. */
static void now_text(int64_t unix_s, char out[15])
{
    uint64_t s = unix_s > 0 ? (uint64_t)unix_s : 0;
    uint64_t day = s / 86400 + 719468, rest = s % 86400;
    uint64_t era = day / 146097, in_era = day % 146097;
    uint64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    uint64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * in_year + 2) / 153;
    uint64_t in_month = in_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    year += era * 400 + (month <= 2 ? 1 : 0);
    snprintf(out, 15, "%04u%02u%02u%02u%02u%02u", (unsigned)(year % 10000), (unsigned)month % 100,
             (unsigned)in_month % 100, (unsigned)(rest / 3600), (unsigned)(rest / 60 % 60),
             (unsigned)(rest % 60));
}

/* One of the two times of a certificate: remember the first that is wrong now. */
static void check_time(or_bearssl_handshake *h, bool is_start)
{
    char              time[15], now[15];
    or_bearssl_facts *f = h->facts;
    if (f->bad_date[0] != 0 || !full_time(&h->walk, time)) return;
    now_text(h->unix_s, now);
    int order = strcmp(now, time);
    if (is_start ? order >= 0 : order <= 0) return;
    snprintf(f->bad_date, sizeof f->bad_date, "%.4s-%.2s-%.2s", time, time + 4, time + 6);
    f->bad_date_is_start = is_start;
}

/* A name of the server's certificate: the first one is kept for words. */
static void take_name(or_bearssl_handshake *h)
{
    const or_bearssl_walk *w = &h->walk;
    or_bearssl_facts      *f = h->facts;
    f->has_ip |= w->tag == IP_ADDRESS;
    if (w->tag == IP_ADDRESS && h->ip_len > 0)
        f->ip_matches |= w->captured == h->ip_len && memcmp(w->capture, h->ip, h->ip_len) == 0;
    if (w->tag != DNS_NAME) return;
    f->has_dns = true;
    if (f->name[0] != 0) return;
    size_t n = w->captured < sizeof f->name ? w->captured : sizeof f->name - 1;
    for (size_t i = 0; i < n; i++)
        f->name[i] = w->capture[i] > ' ' && w->capture[i] < 0x7F ? (char)w->capture[i] : '?';
    f->name[n] = 0;
}

/* The element in w->capture is complete. */
static void on_captured(or_bearssl_handshake *h)
{
    or_bearssl_walk  *w = &h->walk;
    or_bearssl_facts *f = h->facts;
    if (w->depth == 3 && w->section == SIGNATURE) {
        f->weak_hash |= IS(w, oid_rsa_sha1) || IS(w, oid_rsa_md5) || IS(w, oid_ecdsa_sha1);
    } else if (w->depth == 3) {
        check_time(h, w->nth == 0);
        w->nth++;
    } else if (w->depth == 5) {
        w->extension = IS(w, oid_alt_name) ? ALT_NAME : IS(w, oid_key_usage) ? KEY_USAGE : OTHER;
    } else if (f->certificates == 1 && w->extension == KEY_USAGE) {
        f->has_usage = true;
        f->usage_server |= IS(w, oid_server) || IS(w, oid_any_usage);
    } else if (f->certificates == 1) {
        take_name(h);
    }
}

/* What to do with the element whose header was read: TAG enters it. */
static uint8_t decide(or_bearssl_walk *w)
{
    bool sequence = w->tag == SEQUENCE;
    switch (w->depth) {
    case 0: return sequence ? TAG : ENDED;
    case 1: return sequence && w->section == 0 ? TAG : SKIP;
    case 2:
        if (w->tag == EXTENSIONS) w->section = OF_EXTENSIONS;
        if (sequence) w->section++;
        return w->section == SIGNATURE || w->section == VALIDITY || w->tag == EXTENSIONS ? TAG
                                                                                         : SKIP;
    case 3:
        if (w->section == OF_EXTENSIONS) return sequence ? TAG : SKIP;
        return w->tag == OID || w->tag == UTC_TIME || w->tag == LONG_TIME ? CAPTURE : SKIP;
    case 5:
        if (w->tag == OID) return CAPTURE;
        return w->tag == OCTETS && w->extension != OTHER ? TAG : SKIP;
    case 4:
    case 6: return sequence ? TAG : SKIP;
    default: return CAPTURE;
    }
}

/* The header of an element is complete. */
static void begin_element(or_bearssl_handshake *h)
{
    or_bearssl_walk *w = &h->walk;
    w->state = decide(w);
    w->captured = 0;
    if (w->state == TAG) {
        w->left[++w->depth] = w->size;
        w->nth = 0;
    } else if (w->size == 0 && w->state != ENDED) {
        if (w->state == CAPTURE) on_captured(h);
        w->state = TAG;
    }
}

static uint64_t hash_byte(uint64_t hash, uint8_t b)
{
    return (hash ^ b) * 1099511628211u; /* FNV-1a: only to tell issuer from subject in words */
}

/* A byte inside an element that is not entered. */
static void take_content(or_bearssl_handshake *h, uint8_t b)
{
    or_bearssl_walk *w = &h->walk;
    if (w->state == CAPTURE && w->captured < sizeof w->capture) w->capture[w->captured++] = b;
    if (w->depth == 2 && w->section == ISSUER) w->issuer = hash_byte(w->issuer, b);
    if (w->depth == 2 && w->section == SUBJECT) w->subject = hash_byte(w->subject, b);
    if (--w->size > 0) return;
    if (w->state == CAPTURE) on_captured(h);
    w->state = TAG;
}

static void walk_byte(or_bearssl_handshake *h, uint8_t b)
{
    or_bearssl_walk *w = &h->walk;
    if (w->state == ENDED) return;
    for (unsigned d = 1; d <= w->depth; d++) w->left[d]--;
    switch (w->state) {
    case TAG:
        w->tag = b;
        w->state = SIZE;
        break;
    case SIZE:
        w->size_bytes = b & 0x7F;
        w->size = b < 0x80 ? b : 0;
        if (b < 0x80)
            begin_element(h);
        else
            w->state = w->size_bytes >= 1 && w->size_bytes <= 3 ? SIZE_BYTES : ENDED;
        break;
    case SIZE_BYTES:
        w->size = w->size << 8 | b;
        if (--w->size_bytes == 0) begin_element(h);
        break;
    default: take_content(h, b); break;
    }
    while (w->state == TAG && w->depth > 0 && w->left[w->depth] == 0) w->depth--;
    /* an element that is longer than the one around it, or the end of the certificate */
    if (w->depth == 0 && w->state == TAG) w->state = ENDED;
    if (w->depth > 0 && w->left[w->depth] == 0) w->state = ENDED;
}

/* ---- the X.509 engine: BearSSL's, with what it leaves out ---- */

/* Reasons of our own, beside BR_ERR_X509_*. */
enum { NO_NAMES = 120, NOT_FOR_SERVERS = 121, WRONG_IP = 122 };

static or_bearssl_handshake *of(const br_x509_class **ctx)
{
    return (or_bearssl_handshake *)(void *)ctx; /* the vtable is its first member */
}

static void x509_start_chain(const br_x509_class **ctx, const char *server_name)
{
    or_bearssl_handshake *h = of(ctx);
    h->minimal.vtable->start_chain(&h->minimal.vtable, server_name);
}

static void x509_start_cert(const br_x509_class **ctx, uint32_t length)
{
    or_bearssl_handshake *h = of(ctx);
    memset(&h->walk, 0, sizeof h->walk);
    h->facts->certificates++;
    h->minimal.vtable->start_cert(&h->minimal.vtable, length);
}

static void x509_append(const br_x509_class **ctx, const unsigned char *buf, size_t len)
{
    or_bearssl_handshake *h = of(ctx);
    for (size_t i = 0; i < len; i++) walk_byte(h, buf[i]);
    h->minimal.vtable->append(&h->minimal.vtable, buf, len);
}

static void x509_end_cert(const br_x509_class **ctx)
{
    or_bearssl_handshake *h = of(ctx);
    if (h->facts->certificates == 1) h->facts->self_issued = h->walk.issuer == h->walk.subject;
    h->minimal.vtable->end_cert(&h->minimal.vtable);
}

static unsigned x509_end_chain(const br_x509_class **ctx)
{
    or_bearssl_handshake   *h = of(ctx);
    const or_bearssl_facts *f = h->facts;
    unsigned                e = h->minimal.vtable->end_chain(&h->minimal.vtable);
    if (h->ip_len == 0 && !f->has_dns && (e == 0 || e == BR_ERR_X509_BAD_SERVER_NAME))
        /* BearSSL takes the common name then; nobody else does any more */
        return f->has_ip ? BR_ERR_X509_BAD_SERVER_NAME : NO_NAMES;
    if (e != 0) return e;
    if (f->has_usage && !f->usage_server) return NOT_FOR_SERVERS;
    if (h->ip_len > 0 && !f->ip_matches) return f->has_dns || f->has_ip ? WRONG_IP : NO_NAMES;
    return 0;
}

static const br_x509_pkey *x509_get_pkey(const br_x509_class *const *ctx, unsigned *usages)
{
    const or_bearssl_handshake *h = (const or_bearssl_handshake *)(const void *)ctx;
    return h->minimal.vtable->get_pkey(&h->minimal.vtable, usages);
}

static const br_x509_class x509_class = {
    sizeof(or_bearssl_handshake), x509_start_chain, x509_start_cert, x509_append,
    x509_end_cert,                x509_end_chain,   x509_get_pkey,
};

static void set_up_x509(or_bearssl_handshake *h, const or_bearssl_desc *d)
{
    static const struct {
        int                  id;
        const br_hash_class *hash;
    } hashes[] = {{br_sha256_ID, &br_sha256_vtable},
                  {br_sha384_ID, &br_sha384_vtable},
                  {br_sha512_ID, &br_sha512_vtable}};
    br_x509_minimal_context *m = &h->minimal;
    h->vtable = &x509_class;
    br_x509_minimal_init(m, &br_sha256_vtable, d->trust->anchors, d->trust->num);
    for (size_t i = 0; i < 3; i++) br_x509_minimal_set_hash(m, hashes[i].id, hashes[i].hash);
    br_x509_minimal_set_rsa(m, br_rsa_pkcs1_vrfy_get_default());
    br_x509_minimal_set_ecdsa(m, br_ec_get_default(), br_ecdsa_vrfy_asn1_get_default());
    br_x509_minimal_set_minrsa(m, 256);
    int64_t s = d->unix_s > 0 ? d->unix_s : 0;
    br_x509_minimal_set_time(m, (uint32_t)(s / 86400 + 719528), (uint32_t)(s % 86400));
}

/* ---- the connection ---- */

/* AES first where the processor has instructions for it: nine times the speed of ChaCha20.
   Elsewhere AES in constant time is slower than ChaCha20 by as much. */
static void set_up_ciphers(br_ssl_engine_context *e)
{
    static const uint16_t aes_first[] = {
        BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    };
    static const uint16_t chacha_first[] = {
        BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    };
    bool aes = br_aes_x86ni_ctr_get_vtable() != NULL || br_aes_pwr8_ctr_get_vtable() != NULL;
    br_ssl_engine_set_suites(e, aes ? aes_first : chacha_first, 6);
    br_ssl_engine_set_default_aes_gcm(e);
    br_ssl_engine_set_default_chapol(e);
}

static void set_up_engine(br_ssl_engine_context *e)
{
    static const char *protocols[] = {"http/1.1"};
    br_ssl_engine_set_versions(e, BR_TLS12, BR_TLS12);
    set_up_ciphers(e);
    br_ssl_engine_set_hash(e, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_hash(e, br_sha384_ID, &br_sha384_vtable);
    br_ssl_engine_set_hash(e, br_sha512_ID, &br_sha512_vtable);
    br_ssl_engine_set_prf_sha256(e, &br_tls12_sha256_prf);
    br_ssl_engine_set_prf_sha384(e, &br_tls12_sha384_prf);
    br_ssl_engine_set_default_rsavrfy(e);
    br_ssl_engine_set_default_ecdsa(e);
    br_ssl_engine_set_protocol_names(e, protocols, 1);
    br_ssl_engine_add_flags(e, BR_OPT_NO_RENEGOTIATION);
}

/* One number of a dotted address; false when it is none. */
static bool take_octet(or_str *s, uint8_t *out)
{
    uint64_t n;
    size_t   len = 0;
    while (len < s->len && s->ptr[len] >= '0' && s->ptr[len] <= '9') len++;
    if (len > 3 || or_u64_read(or_str_of(s->ptr, len), &n) != OR_OK || n > 255) return false;
    *out = (uint8_t)n;
    s->ptr += len;
    s->len -= len;
    return true;
}

static uint8_t read_v4(or_str s, uint8_t *out)
{
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0) {
            if (s.len == 0 || s.ptr[0] != '.') return 0;
            s.ptr++;
            s.len--;
        }
        if (!take_octet(&s, &out[i])) return 0;
    }
    return s.len == 0 ? 4 : 0;
}

/* The groups of an IPv6 address up to "::" or the end; how many bytes, 17 when malformed. */
static size_t read_groups(or_str s, uint8_t out[16])
{
    size_t n = 0;
    while (s.len > 0) {
        size_t len = or_str_find(s, OR_STR(":"), 0);
        or_str group = or_str_of(s.ptr, len);
        if (len == s.len && n <= 12 && read_v4(group, out + n) == 4) return n + 4;
        unsigned value = 0;
        if (len == 0 || len > 4 || n > 14) return 17;
        for (size_t i = 0; i < len; i++) {
            char        c = group.ptr[i];
            const char *digits = "0123456789abcdef0123456789ABCDEF", *at = strchr(digits, c);
            if (c == 0 || at == NULL) return 17;
            value = value << 4 | (unsigned)((at - digits) & 15);
        }
        out[n++] = (uint8_t)(value >> 8);
        out[n++] = (uint8_t)value;
        if (len + 1 == s.len) return 17; /* ends in a colon */
        s = or_str_of(s.ptr + (len < s.len ? len + 1 : len), s.len - (len < s.len ? len + 1 : len));
    }
    return n;
}

/* Bytes of an address literal into out: 4 or 16; 0 when it is a name. */
static uint8_t read_ip(or_str host, uint8_t out[16])
{
    uint8_t tail[16];
    uint8_t v4 = read_v4(host, out);
    if (v4 != 0) return v4;
    size_t gap = or_str_find(host, OR_STR("::"), 0);
    if (gap == host.len) return read_groups(host, out) == 16 ? 16 : 0;
    size_t front = read_groups(or_str_of(host.ptr, gap), out);
    size_t back = read_groups(or_str_of(host.ptr + gap + 2, host.len - gap - 2), tail);
    if (front + back > 14) return 0;
    memset(out + front, 0, 16 - front);
    memcpy(out + 16 - back, tail, back);
    return 16;
}

or_err or_bearssl_begin(or_bearssl *c, const or_bearssl_desc *d)
{
    br_ssl_engine_context *e = &c->client.eng;
    if (d->trust == NULL || d->handshake == NULL || d->seed == NULL || d->buffer == NULL ||
        d->buffer_size < OR_BEARSSL_MIN_BUFFER || d->host.len == 0 ||
        d->host.len >= sizeof c->host || d->io.recv == NULL || d->io.send == NULL)
        return OR_ERR_ARG;
    memset(c, 0, sizeof *c);
    memset(d->handshake, 0, sizeof *d->handshake);
    memcpy(c->host, d->host.ptr, d->host.len);
    c->io = d->io;
    c->session = d->session;
    c->unix_s = d->unix_s;
    c->handshake = d->handshake;
    c->handshake->facts = &c->facts;
    c->handshake->unix_s = d->unix_s;
    c->handshake->ip_len = read_ip(d->host, c->handshake->ip);

    br_ssl_client_zero(&c->client);
    set_up_engine(e);
    br_ssl_engine_set_ec(e, br_ec_get_default());
    br_ssl_client_set_default_rsapub(&c->client);
    set_up_x509(c->handshake, d);
    br_ssl_engine_set_x509(e, &c->handshake->vtable);
    size_t          out_size = d->buffer_size - BR_SSL_BUFSIZE_INPUT;
    unsigned char *buffer = d->buffer;
    if (out_size > BR_SSL_BUFSIZE_OUTPUT) out_size = BR_SSL_BUFSIZE_OUTPUT;
    br_ssl_engine_set_buffers_bidi(e, buffer, BR_SSL_BUFSIZE_INPUT, buffer + BR_SSL_BUFSIZE_INPUT,
                                   out_size);
    br_ssl_engine_inject_entropy(e, d->seed, 32);
    bool resume = c->session != NULL && c->session->set;
    if (resume) br_ssl_engine_set_session_parameters(e, &c->session->parameters);
    /* an address is not sent as server name, and is matched by ourselves */
    if (!br_ssl_client_reset(&c->client, c->handshake->ip_len > 0 ? NULL : c->host, resume))
        c->err = OR_ERR_IO;
    c->want_send = true; /* our hello */
    return OR_OK;
}

enum { MAX_TURNS = 256 }; /* of a pump: half of them are record heads */

static or_err fail(or_bearssl *c, or_err e)
{
    if (c->err == OR_OK) c->err = e;
    c->handshake = NULL;
    return c->err;
}

/* A session that led to a failure is not worth another try. */
static or_err engine_closed(or_bearssl *c)
{
    int e = br_ssl_engine_last_error(&c->client.eng);
    c->tls_error = e;
    if (e == BR_ERR_OK) return fail(c, OR_ERR_CLOSED);
    if (c->session != NULL && !c->open) c->session->set = false;
    return fail(c, OR_ERR_IO);
}

/* Move records until the transport says "not now", there is something for the caller, or it is
   others' turn: records that say nothing (warnings, empty data) may come for ever, and faster than
   they are read. Sets want_recv and want_send. */
static or_err pump(or_bearssl *c)
{
    br_ssl_engine_context *e = &c->client.eng;
    bool                   recv_blocked = false, send_blocked = false;
    for (int turns = 0; c->err == OR_OK && turns < MAX_TURNS; turns++) {
        unsigned       state = br_ssl_engine_current_state(e);
        size_t         len;
        unsigned char *buf;
        ptrdiff_t      n;
        c->want_send = (state & BR_SSL_SENDREC) != 0;
        c->want_recv = (state & BR_SSL_RECVREC) != 0;
        if (state == BR_SSL_CLOSED) return engine_closed(c);
        if (c->want_send && !send_blocked) {
            buf = br_ssl_engine_sendrec_buf(e, &len);
            n = c->io.send(c->io.user, buf, len);
            if (n < 0) return fail(c, (or_err)n);
            send_blocked = n == 0;
            if (n > 0) br_ssl_engine_sendrec_ack(e, (size_t)n);
        } else if (c->want_recv && !recv_blocked && (state & BR_SSL_RECVAPP) == 0) {
            buf = br_ssl_engine_recvrec_buf(e, &len);
            n = c->io.recv(c->io.user, buf, len);
            if (n == OR_ERR_CLOSED) n = OR_ERR_TRUNCATED; /* no close_notify came */
            if (n < 0) return fail(c, (or_err)n);
            recv_blocked = n == 0;
            if (n > 0) br_ssl_engine_recvrec_ack(e, (size_t)n);
        } else {
            break;
        }
    }
    return c->err;
}

/* The handshake is over when plain text could be sent. */
static bool is_open(const or_bearssl *c)
{
    return (br_ssl_engine_current_state(&c->client.eng) & BR_SSL_SENDAPP) != 0;
}

or_err or_bearssl_step(or_bearssl *c)
{
    if (c->open) return c->err;
    or_err e = pump(c);
    if (e != OR_OK) return e;
    if (!is_open(c)) return OR_NEED_MORE;
    c->open = true;
    c->handshake = NULL;
    br_ssl_engine_set_x509(&c->client.eng, NULL); /* its memory may serve others now */
    if (c->session != NULL) {
        br_ssl_engine_get_session_parameters(&c->client.eng, &c->session->parameters);
        c->session->set = c->session->parameters.session_id_len > 0;
    }
    return OR_OK;
}

bool or_bearssl_pending(const or_bearssl *c)
{
    return c->open && (br_ssl_engine_current_state(&c->client.eng) & BR_SSL_RECVAPP) != 0;
}

ptrdiff_t or_bearssl_recv(or_bearssl *c, void *buf, size_t len)
{
    size_t         have;
    unsigned char *from;
    if (!or_bearssl_pending(c)) {
        or_err e = pump(c);
        if (e != OR_OK) return e;
        if (!or_bearssl_pending(c)) return 0;
    }
    from = br_ssl_engine_recvapp_buf(&c->client.eng, &have);
    if (have > len) have = len;
    memcpy(buf, from, have);
    br_ssl_engine_recvapp_ack(&c->client.eng, have);
    return (ptrdiff_t)have;
}

ptrdiff_t or_bearssl_send(or_bearssl *c, const void *buf, size_t len)
{
    size_t         room;
    unsigned char *to;
    if (!is_open(c)) {
        or_err e = pump(c);
        if (e != OR_OK) return e;
        if (!is_open(c)) return 0;
    }
    to = br_ssl_engine_sendapp_buf(&c->client.eng, &room);
    if (room > len) room = len;
    memcpy(to, buf, room);
    br_ssl_engine_sendapp_ack(&c->client.eng, room);
    return (ptrdiff_t)room;
}

or_err or_bearssl_flush(or_bearssl *c)
{
    br_ssl_engine_flush(&c->client.eng, 0);
    or_err e = pump(c);
    if (e != OR_OK) return e;
    return c->want_send ? OR_NEED_MORE : OR_OK;
}

void or_bearssl_close(or_bearssl *c)
{
    if (c->err == OR_OK && c->open) {
        br_ssl_engine_close(&c->client.eng);
        (void)pump(c);
    }
    (void)fail(c, OR_ERR_CLOSED);
    or_wipe(&c->client, sizeof c->client);
}

static ptrdiff_t io_recv(void *user, void *buf, size_t len)
{
    return or_bearssl_recv(user, buf, len);
}

static ptrdiff_t io_send(void *user, const void *buf, size_t len)
{
    or_bearssl *c = user;
    ptrdiff_t   n = or_bearssl_send(c, buf, len);
    if (n < 0) return n;
    or_err e = or_bearssl_flush(c);
    return e < 0 ? (ptrdiff_t)e : n;
}

or_io or_bearssl_io(or_bearssl *c)
{
    or_io io;
    io.recv = io_recv;
    io.send = io_send;
    io.user = c;
    return io;
}

/* ---- words ---- */

static const struct {
    int         code;
    const char *text;
} words[] = {
    {BR_ERR_UNSUPPORTED_VERSION, "the server does not speak TLS 1.2"},
    {BR_ERR_BAD_VERSION, "the server does not speak TLS 1.2"},
    {BR_ERR_BAD_CIPHER_SUITE, "the server offers no cipher suite that is supported"},
    {BR_ERR_TOO_LARGE, "the server's records are larger than the buffer"},
    {BR_ERR_NO_RANDOM, "no random bytes: this machine has no entropy"},
    {BR_ERR_BAD_MAC, "a record was corrupted on its way"},
    {BR_ERR_X509_WEAK_PUBLIC_KEY, "certificate has an RSA key of less than 2048 bits"},
    {BR_ERR_X509_TIME_UNKNOWN, "certificate cannot be checked: this machine has no clock"},
    {BR_ERR_X509_BAD_SIGNATURE, "certificate has a signature that is not its issuer's"},
    {BR_ERR_X509_NOT_CA, "certificate is signed by one that is not an authority"},
    {BR_ERR_X509_FORBIDDEN_KEY_USAGE, "certificate is not for servers (key usage)"},
    {BR_ERR_X509_CRITICAL_EXTENSION, "certificate has a critical extension that is not understood"},
    {BR_ERR_X509_DN_MISMATCH, "certificate chain is out of order"},
    {BR_ERR_X509_UNSUPPORTED, "certificate uses an algorithm that is not supported"},
    {BR_ERR_X509_EMPTY_CHAIN, "the server sent no certificate"},
    {NO_NAMES, "certificate names no host (no subjectAltName)"},
    {NOT_FOR_SERVERS, "certificate is not for servers (extended key usage)"},
};

/* Alerts that the server sent: RFC 5246 section 7.2. */
static const char *alert_text(int alert)
{
    switch (alert) {
    case 40: return "handshake failure (no common settings?)";
    case 70: return "protocol version (it does not speak TLS 1.2)";
    case 71: return "insufficient security";
    case 80: return "internal error";
    case 112: return "unrecognised host name";
    default: return "refused";
    }
}

static void put_today(const or_bearssl *c, char *text, size_t size, const char *what)
{
    char now[15];
    now_text(c->unix_s, now);
    snprintf(text, size, "%s %s: this machine's clock says %.4s-%.2s-%.2s", what,
             c->facts.bad_date, now, now + 4, now + 6);
}

static void put_authority(const or_bearssl *c, char *text, size_t size)
{
    if (c->facts.self_issued && c->facts.certificates == 1)
        snprintf(text, size, "certificate is self-signed and not among the trust anchors");
    else
        snprintf(text, size, "certificate is signed by an authority that is not among the trust "
                             "anchors");
}

void or_bearssl_error(const or_bearssl *c, char *text, size_t size)
{
    const or_bearssl_facts *f = &c->facts;
    int                     e = c->tls_error;
    if (e == BR_ERR_OK) {
        snprintf(text, size, "TLS: %s", or_err_text(c->err));
    } else if (e == BR_ERR_X509_EXPIRED && f->bad_date[0] != 0) {
        put_today(c, text, size, f->bad_date_is_start ? "certificate is not yet valid before"
                                                      : "certificate expired");
    } else if ((e == BR_ERR_X509_UNSUPPORTED || e == BR_ERR_X509_BAD_SIGNATURE) && f->weak_hash) {
        snprintf(text, size, "certificate is signed with SHA-1 or MD5, which can be forged");
    } else if (e == BR_ERR_X509_NOT_TRUSTED) {
        put_authority(c, text, size);
    } else if (e == BR_ERR_X509_BAD_SERVER_NAME || e == WRONG_IP) {
        snprintf(text, size, "certificate is for %s, not for %s",
                 f->name[0] != 0 ? f->name : "other addresses", c->host);
    } else if (e >= BR_ERR_RECV_FATAL_ALERT && e < BR_ERR_SEND_FATAL_ALERT) {
        snprintf(text, size, "the server ended the TLS handshake: %s (alert %d)",
                 alert_text(e - BR_ERR_RECV_FATAL_ALERT), e - BR_ERR_RECV_FATAL_ALERT);
    } else {
        snprintf(text, size, "TLS error %d of BearSSL", e);
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (words[i].code == e) snprintf(text, size, "%s", words[i].text);
    }
}
