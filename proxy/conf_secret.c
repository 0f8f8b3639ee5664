#include "proxy/conf_back.h"

#include <bearssl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/chain.h"

enum { MAX_SECRET = 4096 }; /* bytes, NUL included */

/* The first line of the file. */
static bool read_secret_file(const char *path, char line[MAX_SECRET], const origin *o)
{
    FILE *f = fopen(path, "r");
    if (f == NULL) return conf_fail(o, "cannot read %s: %s", path, strerror(errno));
    setvbuf(f, NULL, _IONBF, 0); /* no copy of it stays behind in a buffer */
    errno = 0;
    bool read = fgets(line, MAX_SECRET, f) != NULL;
    int  error = ferror(f) ? errno : 0;
    fclose(f);
    if (error != 0) return conf_fail(o, "cannot read %s: %s", path, strerror(error));
    if (!read) return conf_fail(o, "%s is empty: it should hold the key", path);
    return true;
}

/* env:NAME or file:PATH, trimmed, into line. */
static bool read_secret(conf *c, const char *value, char line[MAX_SECRET], const origin *o)
{
    if (strncmp(value, "env:", 4) == 0) {
        const char *secret = getenv(value + 4);
        if (secret == NULL || secret[0] == 0)
            return conf_fail(o, "environment variable %s is not set", value + 4);
        if (snprintf(line, MAX_SECRET, "%s", secret) >= MAX_SECRET) line[MAX_SECRET - 2] = 'x';
    } else if (strncmp(value, "file:", 5) == 0) {
        if (!read_secret_file(value + 5, line, o) || !conf_keep_file(c, value + 5, o)) return false;
    } else {
        return conf_fail(o, "a key is not written here: use env:NAME or file:PATH");
    }
    if (strlen(line) == MAX_SECRET - 1 && line[MAX_SECRET - 2] != '\n')
        return conf_fail(o, "the key in %s is longer than %d bytes", value, MAX_SECRET - 2);
    line[strcspn(line, "\r\n")] = 0;
    size_t n = strlen(line);
    while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t')) line[--n] = 0;
    bool good = n > 0;
    for (size_t i = 0; i < n; i++) /* it goes into a header line */
        if ((unsigned char)line[i] <= ' ' || (unsigned char)line[i] >= 0x7f) good = false;
    return good || conf_fail(o, "the key in %s is empty, has spaces or is not ASCII", value);
}

static bool add_secret(conf *c, conf_provider *p, const char *secret, const origin *o)
{
    if (o->replaces && !p->keys_replaced) p->num_keys = 0;
    p->keys_replaced |= o->replaces;
    if (p->num_keys == CONF_MAX_SECRETS)
        return conf_fail(o, "more than %d keys for one provider", CONF_MAX_SECRETS);
    if (!conf_keep_text(c, secret, &p->keys[p->num_keys], o)) return false;
    p->num_keys++;
    return true;
}

/* Clients' keys are kept as hashes: what is not here cannot leak. */
static void hash_secret(const char *secret, uint8_t hash[32])
{
    br_sha256_context sha;
    br_sha256_init(&sha);
    br_sha256_update(&sha, secret, strlen(secret));
    br_sha256_out(&sha, hash);
    or_wipe(&sha, sizeof sha);
}

void conf_label(or_str secret, char label[CONF_MAX_LABEL])
{
    const char *p = secret.ptr;
    size_t      n = secret.len;
    if (n >= 32) /* what is shown of a short one would be too much of it */
        snprintf(label, CONF_MAX_LABEL, "%.12s...%.3s", p, p + n - 3);
    else
        snprintf(label, CONF_MAX_LABEL, "...");
}

bool conf_set_secret(conf *c, const setting *s, void *object, const char *value, const origin *o)
{
    char line[MAX_SECRET];
    bool good = read_secret(c, value, line, o);
    bool forgiven = !good && ((s->type == SECRET && c->kept->other_providers) ||
                              conf_forgives(c, o->e));
    if (forgiven && s->type == CLIENT) ((conf_key *)object)->has_hash = true; /* it has a key */
    if (good && s->type == SECRET) good = add_secret(c, object, line, o);
    if (good && s->type == CLIENT) {
        conf_key *k = object;
        hash_secret(line, k->hash);
        chain_hash_text(or_str_z(line), k->id);
        conf_label(or_str_z(line), k->label);
        k->has_hash = true;
    }
    if (good && s->type == MANAGEMENT) {
        hash_secret(line, c->management_hash);
        c->has_management_key = true;
    }
    or_wipe(line, sizeof line);
    return good || forgiven;
}
