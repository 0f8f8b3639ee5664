#include "proxy/auth.h"

#include <bearssl.h>
#include <string.h>
#include <time.h>

/* The secret of a head; absent when it has none. */
static or_str read_secret(const or_http_head *head, bool prefer_x)
{
    or_str bearer = or_http_field(head, OR_STR("authorization"), NULL), scheme = OR_STR("bearer ");
    or_str x = or_http_field(head, OR_STR("x-api-key"), NULL);
    if (bearer.len > scheme.len &&
        or_str_eq_nocase(or_str_of(bearer.ptr, scheme.len), scheme))
        bearer = or_str_trim(or_str_of(bearer.ptr + scheme.len, bearer.len - scheme.len));
    else
        bearer = or_str_of(NULL, 0);
    if (x.len > 0 && (prefer_x || bearer.len == 0)) return x;
    return bearer;
}

static bool is_hash(const uint8_t a[32], const uint8_t b[32])
{
    return or_str_eq_secret(or_str_of((const char *)a, 32), or_str_of((const char *)b, 32));
}

uint16_t auth_read(const or_http_head *head, bool prefer_x, auth *a, const char **why)
{
    const conf       *settings = conf_now();
    or_str            secret = read_secret(head, prefer_x);
    br_sha256_context sha;
    uint8_t           hash[32];
    memset(a, 0, sizeof *a);
    br_sha256_init(&sha);
    br_sha256_update(&sha, secret.ptr != NULL ? secret.ptr : "", secret.len);
    br_sha256_out(&sha, hash);
    if (secret.len > 0 && settings->has_management_key &&
        is_hash(hash, settings->management_hash)) {
        a->management = true;
        return 0;
    }
    if (settings->num_keys == 0) return 0;
    for (unsigned i = 0; i < settings->num_keys; i++) /* all of them: time tells nothing */
        if (is_hash(hash, settings->keys[i].hash) && secret.len > 0) a->key = &settings->keys[i];
    *why = secret.len == 0 ? "no key: send Authorization: Bearer KEY"
                           : "this key is not known here";
    if (a->key == NULL) return 401;
    *why = "this key is disabled";
    if (a->key->disabled) return 401;
    *why = "this key has expired";
    return a->key->expires_at > 0 && (int64_t)time(NULL) >= a->key->expires_at ? 401 : 0;
}
