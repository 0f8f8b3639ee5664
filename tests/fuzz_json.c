/* Any bytes: the readers agree, what was spliced is JSON again, unescaping never grows. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/fuzz.h"

static char memory[1 << 18], joined[1 << 18];

static or_err scan(or_str text, bool skip)
{
    or_json_scan s;
    or_json_item item;
    or_err       e;
    or_json_scan_init(&s, text);
    while ((e = or_json_scan_next(&s, &item)) == OR_OK) {
        if (item.type == OR_JSON_STRING) {
            or_str out;
            if (item.value.len < sizeof joined && or_json_unescape(item.value, joined, item.value.len, &out) != OR_OK)
                abort();
            if (item.value.len < sizeof joined && !or_json_str_is(item.value, out)) abort();
        }
        if (skip && (e = or_json_scan_skip(&s, &item)) != OR_OK) break;
    }
    return e;
}

/* Remove the first member, replace the last, add one: JSON again. */
static void splice(or_str text)
{
    static or_json_member members[4096];
    or_json_edit          edits[3];
    or_str                pieces[64];
    uint32_t              num, num_pieces, n = 0;
    size_t                len = 0;
    if (or_json_members(text, members, 4096, &num, NULL) != OR_OK) return;
    edits[n].name = OR_STR("added here");
    edits[n++].value = OR_STR("[1]");
    if (num > 0) {
        edits[n].name = members[0].name;
        edits[n++].value = or_str_of(NULL, 0);
    }
    if (num > 1 && !or_str_eq(members[num - 1].name, members[0].name)) {
        edits[n].name = members[num - 1].name;
        edits[n++].value = OR_STR("null");
    }
    or_err e = or_json_splice(text, members, num, edits, n, pieces, 64, &num_pieces);
    if (e == OR_ERR_ARG || e == OR_ERR_SPACE) return; /* names with escapes; many duplicates */
    if (e != OR_OK) abort();
    for (uint32_t i = 0; i < num_pieces; i++) {
        if (pieces[i].len > sizeof joined - len) return;
        memcpy(joined + len, pieces[i].ptr, pieces[i].len);
        len += pieces[i].len;
    }
    if (or_json_members(or_str_of(joined, len), members, 4096, &num, NULL) != OR_OK) abort();
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    or_str      text = or_str_of((const char *)data, size);
    or_arena    arena;
    or_json_doc doc;
    or_err      e = scan(text, false);
    if (scan(text, true) != e) abort();
    or_arena_init(&arena, memory, sizeof memory);
    or_err parsed = or_json_parse(&doc, text, 0, &arena);
    if (parsed != OR_ERR_SPACE && parsed != (e == OR_DONE ? OR_OK : e)) abort();
    if (parsed == OR_OK) {
        for (int i = 0; i < doc.num; i++) {
            or_str raw = or_json_raw(&doc, i);
            if (raw.ptr < text.ptr || raw.ptr + raw.len > text.ptr + text.len) abort();
            (void)or_json_next(&doc, i);
        }
        (void)or_json_find(&doc, 0, "/a/0/b");
    }
    if (e == OR_DONE) {
        or_buf         out;
        or_json_writer w;
        or_buf_init_counting(&out);
        or_json_writer_init(&w, &out);
        if (or_json_put_raw(&w, text) != OR_OK || out.len != size) abort();
        splice(text);
    }
}
