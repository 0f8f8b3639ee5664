#include "proxy/pages.h"

/* A member of the root by which the kind names the next page. */
static const struct {
    provider_kind kind;
    const char   *token, *more; /* more: a bool that has to be true; NULL: there is none */
} names[] = {
    {PROVIDER_ANTHROPIC, "last_id", "has_more"},
    {PROVIDER_GEMINI, "nextPageToken", NULL},
};

static or_str find_next(const char *token, const char *more, or_str body, char *mem)
{
    or_json_scan s;
    or_json_item item;
    or_str       raw = or_str_of(NULL, 0), text = raw;
    bool         is_more = more == NULL;
    or_err       e;
    or_json_scan_init(&s, body);
    while ((e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (item.type == OR_JSON_END || item.depth != 1) continue;
        if (item.type == OR_JSON_STRING && or_json_str_is_z(item.key, token))
            raw = item.value;
        if (item.type == OR_JSON_TRUE && more != NULL && or_json_str_is_z(item.key, more))
            is_more = true;
        if ((e = or_json_scan_skip(&s, &item)) != OR_OK) break;
    }
    if (e != OR_DONE || !is_more) return or_str_of(NULL, 0);
    return or_json_unescape(raw, mem, PAGES_MAX_TOKEN, &text) == OR_OK ? text : or_str_of(NULL, 0);
}

or_str pages_next(provider_kind kind, or_str body, char *mem)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].kind == kind) return find_next(names[i].token, names[i].more, body, mem);
    return or_str_of(NULL, 0);
}

static bool is_list(const or_json_item *item)
{
    return item->depth == 1 && item->type == OR_JSON_ARRAY &&
           (or_json_str_is(item->key, OR_STR("data")) ||
            or_json_str_is(item->key, OR_STR("models")));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static or_str without_space(or_str text)
{
    while (text.len > 0 && is_space(text.ptr[text.len - 1])) text.len--;
    while (text.len > 0 && is_space(text.ptr[0])) text = or_str_of(text.ptr + 1, text.len - 1);
    return text;
}

/* The text between the brackets of the list. */
static or_err find_entries(or_str body, or_str *entries)
{
    or_json_scan s;
    or_json_item item;
    or_err       e;
    bool         found = false;
    or_json_scan_init(&s, body);
    while ((e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (item.type == OR_JSON_END || item.depth != 1) continue;
        bool list = is_list(&item);
        if ((e = or_json_scan_skip(&s, &item)) != OR_OK) break;
        if (!list) continue;
        *entries = without_space(or_str_of(item.value.ptr + 1, item.value.len - 2));
        found = true;
    }
    return e != OR_DONE ? e : found ? OR_OK : OR_ERR_TYPE;
}

or_err pages_add(or_buf *all, or_str body)
{
    size_t from = all->len;
    or_str entries = or_str_of(NULL, 0);
    or_err e = find_entries(body, &entries);
    if (e != OR_OK) return e;
    if (from == 0) or_buf_put_char(all, '[');
    if (from > 1 && entries.len > 0) or_buf_put_char(all, ',');
    or_buf_put_str(all, entries);
    if (all->err != OR_OK) all->len = from;
    return all->err;
}

or_err pages_end(or_buf *all)
{
    return or_buf_put_char(all, ']');
}
