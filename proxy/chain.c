#include "proxy/chain.h"

#include <bearssl.h>
#include <string.h>

static const char before[] = ",\"hash\":\"", behind[] = "\"}";

static void put_hex(const uint8_t hash[32], char hex[CHAIN_HASH + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    hex[CHAIN_HASH] = 0;
}

static void next_hash(const chain *c, or_str text, char hex[CHAIN_HASH + 1])
{
    br_sha256_context sha;
    uint8_t           hash[32];
    br_sha256_init(&sha);
    if (c != NULL) br_sha256_update(&sha, c->hash, CHAIN_HASH);
    br_sha256_update(&sha, text.ptr, text.len);
    br_sha256_out(&sha, hash);
    put_hex(hash, hex);
}

void chain_hash_text(or_str text, char hex[CHAIN_HASH + 1])
{
    next_hash(NULL, text.ptr != NULL ? text : OR_STR(""), hex);
}

void chain_begin(chain *c)
{
    memset(c->hash, '0', CHAIN_HASH);
    c->hash[CHAIN_HASH] = 0;
}

or_err chain_seal(chain *c, or_buf *out, size_t from)
{
    char hex[CHAIN_HASH + 1];
    if (out->err != OR_OK) return out->err;
    next_hash(c, or_str_of(out->ptr + from, out->len - from), hex);
    or_buf_put_z(out, before);
    or_buf_put_z(out, hex);
    or_buf_put_z(out, behind);
    or_buf_put_char(out, '\n');
    if (out->err == OR_OK) memcpy(c->hash, hex, sizeof hex);
    return out->err;
}

or_err chain_check(chain *c, or_str line)
{
    const size_t n = sizeof before - 1, m = sizeof behind - 1;
    char         hex[CHAIN_HASH + 1];
    if (line.len < n + CHAIN_HASH + m + 2 || line.ptr[0] != '{') return OR_ERR_JSON;
    const char *hash = line.ptr + line.len - m - CHAIN_HASH;
    if (memcmp(hash + CHAIN_HASH, behind, m) != 0 || memcmp(hash - n, before, n) != 0)
        return OR_ERR_JSON;
    next_hash(c, or_str_of(line.ptr, (size_t)(hash - n - line.ptr)), hex);
    if (memcmp(hex, hash, CHAIN_HASH) != 0) return OR_ERR_ARG;
    memcpy(c->hash, hex, sizeof hex);
    return OR_OK;
}
