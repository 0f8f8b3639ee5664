#include "proxy/auth.h"

#include <stdio.h>
#include <string.h>

#include "proxy/chain.h"
#include "proxy/clock.h"

/* The secret of a head; absent when it has none. */
static or_str read_secret(const or_http_head *head, bool prefer_x)
{
    or_str bearer = or_http_field(head, OR_STR("authorization"), NULL), scheme = OR_STR("bearer ");
    or_str x = or_http_field(head, OR_STR("x-api-key"), NULL);
    if (bearer.len > scheme.len && or_str_eq_nocase(or_str_of(bearer.ptr, scheme.len), scheme))
        bearer = or_str_trim(or_str_of(bearer.ptr + scheme.len, bearer.len - scheme.len));
    else
        bearer = or_str_of(NULL, 0);
    if (x.len > 0 && (prefer_x || bearer.len == 0)) return x;
    return bearer;
}

static bool is_management(const char id[CHAIN_HASH + 1])
{
    const conf *c = conf_now();
    char        known[CHAIN_HASH + 1];
    if (!c->has_management_key) {
        or_str kept = or_str_z(books_management());
        return kept.len > 0 && or_str_eq_secret(kept, or_str_z(id));
    }
    for (int i = 0; i < 32; i++) snprintf(known + 2 * i, 3, "%02x", c->management_hash[i]);
    return or_str_eq_secret(or_str_z(known), or_str_z(id));
}

uint16_t auth_read(const or_http_head *head, bool prefer_x, auth *a, const char **why)
{
    or_str secret = read_secret(head, prefer_x);
    char   id[CHAIN_HASH + 1];
    memset(a, 0, sizeof *a);
    if (secret.len > 0 && (conf_now()->has_management_key || books_know_secrets())) {
        chain_hash_text(secret, id);
        a->management = is_management(id);
        if (!a->management) a->who = books_key_of(id);
    }
    if (a->management) return 0;
    if (a->who == NULL) {
        if (!books_have_keys() && (conf_now()->open || !books_had_keys())) return 0;
        if (!books_have_keys()) { /* whoever deleted the last key did not mean everybody */
            *why = "no key: the last one was deleted; make another (orproxy keys create), or say "
                   "open = yes";
            return 401;
        }
        *why = secret.len == 0 ? "no key: send Authorization: Bearer KEY"
                               : "this key is not known here";
        return 401;
    }
    const conf_key *key = a->who->key;
    or_wall         now = clock_wall();
    a->management = key->management;
    *why = "this key is disabled";
    if (key->disabled) return 401;
    *why = "this key has expired";
    if (key->expires_at > 0 && now.known && now.unix_s >= key->expires_at) return 401;
    *why = "this key has an end, and the clock of this machine is not set"; /* others: gate_enter */
    return key->expires_at > 0 && !now.known && key->management ? 401 : 0;
}
