#include "proxy/query.h"

#include <string.h>

or_str query_find(or_str query, const char *name)
{
    size_t n = strlen(name);
    while (query.len > 0) {
        size_t end = or_str_find(query, OR_STR("&"), 0);
        or_str one = or_str_of(query.ptr, end);
        if (one.len >= n && memcmp(one.ptr, name, n) == 0) {
            if (one.len == n) return or_str_of(one.ptr + n, 0);
            if (one.ptr[n] == '=') return or_str_of(one.ptr + n + 1, one.len - n - 1);
        }
        size_t next = end < query.len ? end + 1 : end;
        query = or_str_of(query.ptr + next, query.len - next);
    }
    return or_str_of(NULL, 0);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool query_decode(or_str in, bool plus_is_space, char *buf, size_t cap, or_str *out)
{
    size_t len = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '%') {
            int high = -1, low = -1;
            if (i + 2 < in.len) {
                high = hex_digit(in.ptr[i + 1]);
                low = hex_digit(in.ptr[i + 2]);
            }
            if (high < 0 || low < 0) return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7f || len == cap) return false;
        buf[len++] = c;
    }
    *out = or_str_of(buf, len);
    return true;
}
