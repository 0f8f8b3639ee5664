#include <string.h>
#include <time.h>

#include "proxy/cli_parts.h"
#include "proxy/mem.h"

/* The character at the start of s, whose length goes to *len; -1 when it is not UTF-8 (then
 *len is 1). s is not empty. Source: RFC 3629. */
static int32_t decode(or_str s, size_t *len)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t               n = p[0] < 0x80   ? 1
                             : p[0] < 0xC2 ? 0
                             : p[0] < 0xE0 ? 2
                             : p[0] < 0xF0 ? 3
                             : p[0] < 0xF5 ? 4
                                           : 0;
    int32_t              c = p[0];
    *len = 1;
    if (n == 1) return c;
    if (n == 0 || n > s.len) return -1;
    c &= 0x3F >> (n - 1);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) return -1;
        c = c << 6 | (p[i] & 0x3F);
    }
    if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10FFFF)) ||
        (c >= 0xD800 && c < 0xE000))
        return -1;
    *len = n;
    return c;
}

void cli_put_clean(or_buf *out, or_str s, bool one_line)
{
    while (s.len > 0) {
        size_t  len;
        int32_t c = decode(s, &len);
        if (c < 0)
            or_buf_put_z(out, "\xEF\xBF\xBD");
        else if (c == '\n' || c == '\t')
            or_buf_put_char(out, one_line ? ' ' : (char)c);
        else if (c >= 0x20 && (c < 0x7F || c > 0x9F))
            or_buf_put(out, s.ptr, len);
        s.ptr += len;
        s.len -= len;
    }
}

/* Characters that take no place or two; all others take one. Coarse: only columns depend on
   it. Source: Unicode's EastAsianWidth.txt, the blocks in it. */
static const struct {
    int32_t first, last;
    uint8_t width;
} widths[] = {
    {0x0300, 0x036F, 0},   {0x1100, 0x115F, 2},   {0x200B, 0x200F, 0}, {0x2E80, 0x303E, 2},
    {0x3041, 0xA4CF, 2},   {0xAC00, 0xD7A3, 2},   {0xF900, 0xFAFF, 2}, {0xFE00, 0xFE0F, 0},
    {0xFE30, 0xFE6F, 2},   {0xFF00, 0xFF60, 2},   {0xFFE0, 0xFFE6, 2}, {0x1F300, 0x1F64F, 2},
    {0x1F680, 0x1FAFF, 2}, {0x20000, 0x3FFFD, 2},
};

size_t cli_width(or_str s)
{
    size_t width = 0;
    while (s.len > 0) {
        size_t  len, one = 1;
        int32_t c = decode(s, &len);
        for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
            if (c >= widths[i].first && c <= widths[i].last) one = widths[i].width;
        width += one;
        s.ptr += len;
        s.len -= len;
    }
    return width;
}

void cli_put_usd(or_buf *out, int64_t pico_usd)
{
    or_decimal_put(out, pico_usd, 12);
    or_buf_put_z(out, " USD");
}

void cli_put_price(or_buf *out, or_str price)
{
    uint64_t pico;
    if (or_price_read(price, &pico) != OR_OK || pico > INT64_MAX)
        or_buf_put_z(out, "unknown");
    else if (pico == 0)
        or_buf_put_z(out, "free");
    else
        or_decimal_put(out, (int64_t)pico, 6); /* a million tokens, 1e-12 USD each */
}

void cli_put_seconds(or_buf *out, uint32_t ms)
{
    uint32_t hundredths = ms / 10;
    or_buf_put_u64(out, hundredths / 100);
    or_buf_put_char(out, '.');
    or_buf_put_char(out, (char)('0' + hundredths / 10 % 10));
    or_buf_put_char(out, (char)('0' + hundredths % 10));
    or_buf_put_z(out, " s");
}

void cli_put_escaped(or_buf *out, or_str s, bool query)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr(query ? "-._~" : "-._~/:@", c) != NULL);
        if (plain) {
            or_buf_put_char(out, (char)c);
        } else {
            or_buf_put_char(out, '%');
            or_buf_put_char(out, digits[c >> 4]);
            or_buf_put_char(out, digits[c & 15]);
        }
    }
}

void cli_put_time(or_buf *out, int64_t unix_s)
{
    char      text[40];
    time_t    t = (time_t)unix_s;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL) memset(&tm, 0, sizeof tm);
    or_buf_put(out, text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm));
}

/* A day or a time of the calendar. */
static bool read_time(or_str text, int64_t *unix_s)
{
    char      mem[40];
    or_buf    again;
    struct tm tm;
    memset(&tm, 0, sizeof tm);
    int n = 0, year = 0, month = 0;
    if (text.len != 10 && text.len != 20) return false;
    memcpy(mem, text.ptr, text.len);
    mem[text.len] = 0;
    if (sscanf(mem, "%4d-%2d-%2d%n", &year, &month, &tm.tm_mday, &n) != 3 || n != 10) return false;
    if (text.len == 20 &&
        (sscanf(mem + 10, "T%2d:%2d:%2dZ%n", &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n) != 3 ||
         n != 10))
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    *unix_s = (int64_t)timegm(&tm);
    /* February 30 comes back as another day, " 1" as "01" */
    or_buf_init(&again, mem, sizeof mem);
    cli_put_time(&again, *unix_s);
    return again.len == 20 && memcmp(again.ptr, text.ptr, text.len) == 0;
}

static bool read_duration(or_str text, int64_t *seconds)
{
    enum { MAX_YEARS = 1000 };
    uint64_t n, unit;
    if (text.len < 2 || or_u64_read(or_str_of(text.ptr, text.len - 1), &n) != OR_OK) return false;
    switch (text.ptr[text.len - 1]) {
    case 's': unit = 1; break;
    case 'm': unit = 60; break;
    case 'h': unit = 3600; break;
    case 'd': unit = 86400; break;
    default: return false;
    }
    if (n > (uint64_t)MAX_YEARS * 366 * 86400 / unit) return false;
    *seconds = (int64_t)(n * unit);
    return true;
}

or_err cli_put_expiry(or_buf *out, or_str text, int64_t now_s)
{
    int64_t at;
    if (read_duration(text, &at))
        at += now_s;
    else if (!read_time(text, &at))
        return OR_ERR_ARG;
    if (at <= now_s) return OR_ERR_RANGE;
    cli_put_time(out, at);
    return out->err;
}

bool cli_next_item(or_str *list, or_str *item)
{
    while (list->len > 0) {
        size_t end = or_str_find(*list, OR_STR(","), 0);
        *item = or_str_trim(or_str_of(list->ptr, end));
        if (end < list->len) end++;
        list->ptr += end;
        list->len -= end;
        if (item->len > 0) return true;
    }
    return false;
}

/* ---- tables ---- */

void cli_table_begin(cli_table *t, unsigned columns, uint32_t right)
{
    t->columns = columns;
    t->right = right;
    or_buf_init_growing(&t->text, &mem_allocator, CLI_MAX_TABLE);
}

void cli_table_add(cli_table *t, or_str cell)
{
    cli_put_clean(&t->text, cell, true);
    or_buf_put_char(&t->text, 0);
}

void cli_table_add_z(cli_table *t, const char *cell)
{
    cli_table_add(t, or_str_z(cell));
}

/* The cell that begins at *at, which moves to the next one. */
static or_str next_cell(const cli_table *t, size_t *at)
{
    or_str cell = or_str_z(t->text.ptr + *at);
    *at += cell.len + 1;
    return cell;
}

enum { MAX_COLUMNS = 16 };

static void put_cell(or_buf *out, or_str cell, size_t width, bool right, bool last)
{
    size_t space = width - cli_width(cell);
    for (size_t i = 0; right && i < space; i++) or_buf_put_char(out, ' ');
    or_buf_put_str(out, cell);
    for (size_t i = 0; !right && !last && i < space; i++) or_buf_put_char(out, ' ');
    or_buf_put_z(out, last ? "" : "  ");
}

void cli_table_put(const cli_table *t, or_buf *out, bool head)
{
    size_t   width[MAX_COLUMNS] = {0};
    unsigned column = 0;
    if (t->text.err != OR_OK) { /* its last cell may have no end */
        out->err = t->text.err;
        return;
    }
    for (size_t at = 0; at < t->text.len; column = (column + 1) % t->columns) {
        size_t w = cli_width(next_cell(t, &at));
        if (w > width[column]) width[column] = w;
    }
    for (size_t at = 0; at < t->text.len; column = (column + 1) % t->columns) {
        bool   last = column + 1 == t->columns;
        or_str cell = next_cell(t, &at);
        if (head && column == 0) or_buf_put_z(out, "\033[1m");
        put_cell(out, cell, width[column], t->right >> column & 1, last);
        if (!last) continue;
        or_buf_put_z(out, head ? "\033[0m\n" : "\n");
        head = false;
    }
}

void cli_table_end(cli_table *t)
{
    or_buf_free(&t->text);
}

void cli_put_words(const cli_command *c, or_buf *out)
{
    for (unsigned i = 0; i < c->num_words; i++) {
        if (i > 0) or_buf_put_char(out, ' ');
        or_buf_put_z(out, c->words[i]);
    }
}

void cli_table_add_count(cli_table *t, uint64_t n)
{
    char   mem[24];
    or_buf cell;
    or_buf_init(&cell, mem, sizeof mem);
    if (n > 0)
        or_buf_put_u64(&cell, n);
    else
        or_buf_put_z(&cell, "unknown");
    cli_table_add(t, or_buf_str(&cell));
}

void cli_table_add_price(cli_table *t, or_str price)
{
    char   mem[40];
    or_buf cell;
    or_buf_init(&cell, mem, sizeof mem);
    cli_put_price(&cell, price);
    cli_table_add(t, or_buf_str(&cell));
}

/* ---- documents ---- */

or_err cli_doc_begin(cli_doc *d, or_str text)
{
    or_arena_init_growing(&d->arena, NULL, 0, &mem_allocator);
    or_err e = or_json_parse(&d->json, text, 0, &d->arena);
    if (e != OR_OK) memset(&d->json, 0, sizeof d->json);
    return e;
}

or_str cli_doc_text(cli_doc *d, int tok, const char *pointer)
{
    or_str s;
    int    at = or_json_find(&d->json, tok, pointer);
    return or_json_get_str(&d->json, at, &d->arena, &s) == OR_OK ? s : OR_STR("");
}

or_str cli_doc_value(cli_doc *d, int tok, const char *pointer)
{
    int at = or_json_find(&d->json, tok, pointer);
    if (or_json_type_at(&d->json, at) == OR_JSON_STRING) return cli_doc_text(d, tok, pointer);
    or_str raw = or_json_raw(&d->json, at);
    return raw.ptr != NULL ? raw : OR_STR("");
}

uint64_t cli_doc_count(cli_doc *d, int tok, const char *pointer)
{
    uint64_t n = 0;
    (void)or_json_get_u64(&d->json, or_json_find(&d->json, tok, pointer), &n);
    return n;
}

bool cli_doc_is(cli_doc *d, int tok, const char *pointer)
{
    return or_json_type_at(&d->json, or_json_find(&d->json, tok, pointer)) == OR_JSON_TRUE;
}

bool cli_doc_usd(cli_doc *d, int tok, const char *pointer, int64_t *pico_usd)
{
    *pico_usd = 0;
    return or_decimal_round(cli_doc_value(d, tok, pointer), 12, pico_usd) == OR_OK;
}

bool cli_doc_usd_sum(cli_doc *d, int tok, const char *a, const char *b, int64_t *pico_usd)
{
    int64_t second;
    if (!cli_doc_usd(d, tok, a, pico_usd)) return false;
    return b == NULL || !cli_doc_usd(d, tok, b, &second) || or_add_i64(*pico_usd, second, pico_usd);
}

void cli_doc_end(cli_doc *d)
{
    or_arena_reset(&d->arena);
}
