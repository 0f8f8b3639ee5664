#include "proxy/facts.h"

#include <stdarg.h>
#include <stdio.h>

#define BIT(type) (1u << OR_JSON_##type)

enum { NULLABLE = BIT(NULL), BOOLEAN = BIT(TRUE) | BIT(FALSE) };

/* A member with the types it may have. */
typedef struct member {
    or_str      name;
    unsigned    types;
    const char *want; /* for the message */
} member;

static const member of_request[] = {
    {OR_STR_INIT("messages"), BIT(ARRAY), "an array of messages"},
    {OR_STR_INIT("model"), BIT(STRING) | NULLABLE, "a string"},
    {OR_STR_INIT("models"), BIT(ARRAY) | NULLABLE, "an array of strings"},
    {OR_STR_INIT("stream"), BOOLEAN | NULLABLE, "true or false"},
    {OR_STR_INIT("stream_options"), BIT(OBJECT) | NULLABLE, "an object"},
    {OR_STR_INIT("max_tokens"), BIT(NUMBER) | NULLABLE, "a number"},
    {OR_STR_INIT("max_completion_tokens"), BIT(NUMBER) | NULLABLE, "a number"},
    {OR_STR_INIT("temperature"), BIT(NUMBER) | NULLABLE, "a number"},
    {OR_STR_INIT("top_p"), BIT(NUMBER) | NULLABLE, "a number"},
    {OR_STR_INIT("stop"), BIT(STRING) | BIT(ARRAY) | NULLABLE, "a string or an array of strings"},
    {OR_STR_INIT("tools"), BIT(ARRAY) | NULLABLE, "an array of tools"},
    {OR_STR_INIT("tool_choice"), BIT(STRING) | BIT(OBJECT) | NULLABLE, "a string or an object"},
    {OR_STR_INIT("response_format"), BIT(OBJECT) | NULLABLE, "an object"},
    {OR_STR_INIT("provider"), BIT(OBJECT) | NULLABLE, "an object"},
    {OR_STR_INIT("plugins"), BIT(ARRAY) | NULLABLE, "an array of objects"},
    {OR_STR_INIT("reasoning"), BIT(OBJECT) | NULLABLE, "an object"},
    {OR_STR_INIT("metadata"), BIT(OBJECT) | NULLABLE, "an object"},
    {OR_STR_INIT("user"), BIT(STRING) | NULLABLE, "a string"},
    {OR_STR_INIT("session_id"), BIT(STRING) | NULLABLE, "a string"},
};

static const member of_message[] = {
    {OR_STR_INIT("role"), BIT(STRING), "a string"},
    {OR_STR_INIT("content"), BIT(STRING) | BIT(ARRAY) | NULLABLE,
     "a string, an array of parts or null"},
    {OR_STR_INIT("name"), BIT(STRING) | NULLABLE, "a string"},
    {OR_STR_INIT("tool_calls"), BIT(ARRAY) | NULLABLE, "an array of calls"},
    {OR_STR_INIT("tool_call_id"), BIT(STRING) | NULLABLE, "a string"},
};

enum {
    NUM_OF_REQUEST = sizeof of_request / sizeof of_request[0],
    NUM_OF_MESSAGE = sizeof of_message / sizeof of_message[0],
    MESSAGES = 0, MODEL = 1, MODELS = 2, STREAM = 3, SESSION_ID = 18, /* rows of of_request */
    ROLE = 0,                                                         /* row of of_message */
    MAX_SESSION_ID = 256
};

/* The scan, what was seen so far, and where to say what is wrong. */
typedef struct reading {
    or_json_scan scan;
    facts       *f;
    char        *message;
    size_t       message_size;
    unsigned     seen, seen_in_message; /* rows, one bit each */
} reading;

static bool wrong(reading *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->message, r->message_size, format, args);
    va_end(args);
    return false;
}

/* The row for this member, num when it is not a known one. */
static unsigned find(const member *rows, unsigned num, or_str key)
{
    unsigned i = 0;
    while (i < num && !or_json_str_is(key, rows[i].name)) i++;
    return i;
}

/* Type and duplicate check of a known member. `path` goes in front of its name. */
static bool check(reading *r, const member *m, unsigned row, unsigned *seen,
                  const or_json_item *item, const char *path)
{
    if (*seen & 1u << row) return wrong(r, "%s%s is given twice", path, m->name.ptr);
    *seen |= 1u << row;
    if (m->types & 1u << item->type) return true;
    return wrong(r, "%s%s is %s: use %s", path, m->name.ptr, or_json_type_text(item->type),
                 m->want);
}

static bool is_container(const or_json_item *item)
{
    return item->type == OR_JSON_ARRAY || item->type == OR_JSON_OBJECT;
}

/* An array whose elements must all be of one type. */
static bool check_elements(reading *r, const char *path, or_json_type type, const char *want)
{
    or_json_item item;
    uint16_t     depth = r->scan.depth; /* of the elements */
    for (unsigned i = 0; or_json_scan_next(&r->scan, &item) == OR_OK; i++) {
        if (item.type == OR_JSON_END && item.depth < depth) return true;
        if (item.type != type)
            return wrong(r, "%s[%u] is %s: use %s", path, i, or_json_type_text(item.type), want);
        if (is_container(&item) && or_json_scan_skip(&r->scan, &item) != OR_OK) return true;
    }
    return true; /* the scan's error is reported by the caller */
}

static bool read_member(reading *r, or_json_item *item)
{
    unsigned row = find(of_request, NUM_OF_REQUEST, item->key);
    if (row < NUM_OF_REQUEST) {
        if (!check(r, &of_request[row], row, &r->seen, item, "")) return false;
        if (row == MESSAGES) return true; /* its elements come next */
        if (row == MODELS && item->type == OR_JSON_ARRAY)
            return check_elements(r, "models", OR_JSON_STRING, "a string");
        if (row == MODEL && item->type == OR_JSON_STRING) r->f->model = item->value;
        if (row == STREAM) r->f->stream = item->type == OR_JSON_TRUE;
        if (row == SESSION_ID && item->type == OR_JSON_STRING && item->value.len > MAX_SESSION_ID)
            return wrong(r, "session_id is longer than %d bytes", MAX_SESSION_ID);
    }
    if (is_container(item)) (void)or_json_scan_skip(&r->scan, item);
    return true;
}

/* A member of a message. */
static bool read_message_member(reading *r, or_json_item *item)
{
    char     path[64];
    unsigned row = find(of_message, NUM_OF_MESSAGE, item->key);
    snprintf(path, sizeof path, "messages[%u].", (unsigned)r->f->num_messages - 1);
    if (row < NUM_OF_MESSAGE) {
        const member *m = &of_message[row];
        if (!check(r, m, row, &r->seen_in_message, item, path)) return false;
        if (item->type == OR_JSON_ARRAY) {
            snprintf(path, sizeof path, "messages[%u].%s", (unsigned)r->f->num_messages - 1,
                     m->name.ptr);
            return check_elements(r, path, OR_JSON_OBJECT, "an object");
        }
    }
    if (is_container(item)) (void)or_json_scan_skip(&r->scan, item);
    return true;
}

static bool read_item(reading *r, or_json_item *item)
{
    switch (item->depth) {
    case 0:
        return item->type == OR_JSON_OBJECT || item->type == OR_JSON_END ||
               wrong(r, "request body is %s: use an object", or_json_type_text(item->type));
    case 1: return item->type == OR_JSON_END || read_member(r, item);
    case 2:
        if (item->type == OR_JSON_END)
            return r->seen_in_message & 1u << ROLE ||
                   wrong(r, "messages[%u].role is missing", (unsigned)r->f->num_messages - 1);
        r->f->num_messages++;
        r->seen_in_message = 0;
        return item->type == OR_JSON_OBJECT ||
               wrong(r, "messages[%u] is %s: use an object", (unsigned)r->f->num_messages - 1,
                     or_json_type_text(item->type));
    default: return read_message_member(r, item);
    }
}

bool facts_read(or_str body, facts *f, char *message, size_t message_size)
{
    reading      r = {.f = f, .message = message, .message_size = message_size};
    or_json_item item;
    or_err       e;
    *f = (facts){0};
    if (body.len == 0) return wrong(&r, "request body is empty: send a JSON object");
    or_json_scan_init(&r.scan, body);
    while ((e = or_json_scan_next(&r.scan, &item)) == OR_OK)
        if (!read_item(&r, &item)) return false;
    if (e != OR_DONE)
        return wrong(&r, "request body is not valid JSON: %s at byte %zu", or_err_text(e),
                     (size_t)(r.scan.at - r.scan.start));
    if (!(r.seen & 1u << MESSAGES)) return wrong(&r, "messages is missing");
    return f->num_messages > 0 || wrong(&r, "messages is empty: give at least one message");
}
