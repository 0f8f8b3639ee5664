#include "proxy/facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BIT(type) (1u << OR_JSON_##type)

enum { NULLABLE = BIT(NULL), BOOLEAN = BIT(TRUE) | BIT(FALSE) };

/* A member with the types it may have. */
typedef struct member {
    or_str      name;
    unsigned    types; /* 0: any, and it may stand twice */
    const char *want;  /* for the message */
    uint32_t    lacks; /* of a message's: OR_LACKS_ and OR_WANTS_ bits */
} member;

/* Rows whose members mean something here have a name. */
#define REQUEST_MEMBERS(X)                                                                     \
    X(MESSAGES, "messages", BIT(ARRAY), "an array of messages")                                \
    X(PROMPT, "prompt", BIT(STRING) | BIT(ARRAY), "a string or an array")                      \
    X(INPUT, "input", BIT(STRING) | BIT(ARRAY) | BIT(OBJECT) | NULLABLE, "a string or an array") \
    X(MODEL, "model", BIT(STRING) | NULLABLE, "a string")                                      \
    X(MODELS, "models", BIT(ARRAY) | NULLABLE, "an array of strings")                          \
    X(STREAM, "stream", BOOLEAN | NULLABLE, "true or false")                                   \
    X(STREAM_OPTIONS, "stream_options", BIT(OBJECT) | NULLABLE, "an object")                   \
    X(MAX_TOKENS, "max_tokens", BIT(NUMBER) | NULLABLE, "a number")                            \
    X(MAX_COMPLETION, "max_completion_tokens", BIT(NUMBER) | NULLABLE, "a number")             \
    X(MAX_OUTPUT, "max_output_tokens", BIT(NUMBER) | NULLABLE, "a number")                     \
    X(CHOICES, "n", BIT(NUMBER) | NULLABLE, "a number")                                        \
    X(BEST_OF, "best_of", BIT(NUMBER) | NULLABLE, "a number")                                  \
    X(TEMPERATURE, "temperature", BIT(NUMBER) | NULLABLE, "a number")                          \
    X(TOP_P, "top_p", BIT(NUMBER) | NULLABLE, "a number")                                      \
    X(STOP, "stop", BIT(STRING) | BIT(ARRAY) | NULLABLE, "a string or an array of strings")    \
    X(TOOLS, "tools", BIT(ARRAY) | NULLABLE, "an array of tools")                              \
    X(TOOL_CHOICE, "tool_choice", BIT(STRING) | BIT(OBJECT) | NULLABLE, "a string or an object") \
    X(RESPONSE_FORMAT, "response_format", BIT(OBJECT) | NULLABLE, "an object")                 \
    X(PROVIDER, "provider", BIT(OBJECT) | NULLABLE, "an object")                               \
    X(PLUGINS, "plugins", BIT(ARRAY) | NULLABLE, "an array of objects")                        \
    X(TRANSFORMS, "transforms", BIT(ARRAY) | NULLABLE, "an array of strings")                  \
    X(MODALITIES, "modalities", BIT(ARRAY) | NULLABLE, "an array of strings")                  \
    X(REASONING, "reasoning", BIT(OBJECT) | NULLABLE, "an object")                             \
    X(METADATA, "metadata", BIT(OBJECT) | NULLABLE, "an object")                               \
    X(DEBUG, "debug", BIT(OBJECT) | NULLABLE, "an object")                                     \
    X(X_SEARCH, "x_search_filter", BIT(OBJECT) | NULLABLE, "an object")                        \
    X(USER, "user", BIT(STRING) | NULLABLE, "a string")                                        \
    X(PRESET, "preset", BIT(STRING) | NULLABLE, "a string")                                    \
    X(SESSION_ID, "session_id", BIT(STRING) | NULLABLE, "a string")                            \
    X(CACHE_KEY, "prompt_cache_key", BIT(STRING) | NULLABLE, "a string")                       \
    X(ENCODING, "encoding_format", BIT(STRING) | NULLABLE, "a string")

static const member of_request[] = {
#define X(row, name, types, want) {OR_STR_INIT(name), types, want, 0},
    REQUEST_MEMBERS(X)
#undef X
};

/* lacks: what these may have to be changed for. */
static const member of_message[] = {
    {OR_STR_INIT("role"), BIT(STRING), "a string", 0},
    {OR_STR_INIT("content"), BIT(STRING) | BIT(ARRAY) | NULLABLE,
     "a string, an array of parts or null", 0},
    {OR_STR_INIT("name"), BIT(STRING) | NULLABLE, "a string", OR_LACKS_NAME},
    {OR_STR_INIT("tool_calls"), BIT(ARRAY) | NULLABLE, "an array of calls",
     OR_WANTS_ARGUMENTS | OR_WANTS_SHORT_IDS | OR_WANTS_REASONING | OR_WANTS_CONTENT},
    {OR_STR_INIT("tool_call_id"), BIT(STRING) | NULLABLE, "a string",
     OR_WANTS_SHORT_IDS | OR_WANTS_TURNS},
    /* of any type */
    {OR_STR_INIT("reasoning"), 0, NULL, OR_LACKS_REASONING | OR_WANTS_REASONING},
    {OR_STR_INIT("reasoning_content"), 0, NULL, OR_LACKS_REASONING | OR_WANTS_REASONING},
    {OR_STR_INIT("reasoning_details"), 0, NULL,
     OR_LACKS_REASONING | OR_LACKS_DETAILS | OR_WANTS_REASONING},
    {OR_STR_INIT("refusal"), 0, NULL, OR_LACKS_DETAILS},
    {OR_STR_INIT("annotations"), 0, NULL, OR_LACKS_DETAILS},
    {OR_STR_INIT("images"), 0, NULL, OR_LACKS_DETAILS},
    {OR_STR_INIT("cache_control"), 0, NULL, OR_LACKS_CACHE_CONTROL},
};

enum {
#define X(row, name, types, want) row,
    REQUEST_MEMBERS(X)
#undef X
    NUM_OF_REQUEST,
    NUM_OF_MESSAGE = sizeof of_message / sizeof of_message[0],
    ROLE = 0, /* rows of of_message */
    CONTENT = 1
};

/* The scan, what was seen so far, and where to say what is wrong. */
typedef struct reading {
    or_json_scan    scan;
    or_route_reader route;
    facts          *f;
    char           *message;
    size_t          message_size;
    unsigned        seen, seen_in_message; /* rows, one bit each */
    unsigned        list;    /* of_message row of the array that is being walked, plus one */
    unsigned        element; /* of it */
    bool            in_messages;
    bool            instructs; /* this message is the system's */
    or_str          content;   /* of this message */
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

/* Type and duplicate check of a known member, of the request or of the message that is read. */
static bool check(reading *r, const member *m, unsigned row, unsigned *seen,
                  const or_json_item *item)
{
    char path[64] = "";
    bool twice = (*seen & 1u << row) != 0;
    *seen |= 1u << row;
    if (!twice && (m->types & 1u << item->type)) return true;
    if (seen == &r->seen_in_message)
        snprintf(path, sizeof path, "messages[%u].", (unsigned)r->f->num_messages - 1);
    if (twice) return wrong(r, "%s%s is given twice", path, m->name.ptr);
    return wrong(r, "%s%s is %s: use %s", path, m->name.ptr, or_json_type_text(item->type),
                 m->want);
}

static bool is_container(const or_json_item *item)
{
    return item->type == OR_JSON_ARRAY || item->type == OR_JSON_OBJECT;
}

/* Every element of a raw array is of that type. */
static bool check_elements(reading *r, const char *name, or_str array, or_json_type type,
                           const char *want)
{
    or_json_scan s;
    or_json_item item;
    or_json_scan_init(&s, array);
    (void)or_json_scan_next(&s, &item);
    for (unsigned i = 0; or_json_scan_next(&s, &item) == OR_OK && item.type != OR_JSON_END; i++) {
        if (item.type != type)
            return wrong(r, "%s[%u] is %s: use %s", name, i, or_json_type_text(item.type), want);
        (void)or_json_scan_skip(&s, &item);
    }
    return true;
}

/* ---- what only OpenRouter can do ---- */

/* A plugin that is not switched off, and that is not the choice among models, which is ours. */
static bool needs_plugin(or_str plugin)
{
    or_json_member members[16];
    uint32_t       num;
    if (or_json_members(plugin, members, 16, &num, NULL) != OR_OK) return true;
    for (uint32_t i = 0; i < num; i++) {
        if (or_json_str_is(members[i].name, OR_STR("enabled")) &&
            members[i].type == OR_JSON_FALSE)
            return false;
        if (or_json_str_is(members[i].name, OR_STR("id")) &&
            (or_str_eq(members[i].value, OR_STR("\"auto-router\"")) ||
             or_str_eq(members[i].value, OR_STR("\"auto-beta-router\""))))
            return false;
    }
    return true;
}

/* A tool that is neither the client's function nor a custom one: somebody has to run it. */
static bool needs_tool(or_str tool)
{
    or_json_member        members[16];
    uint32_t              num;
    or_err                e = or_json_members(tool, members, 16, &num, NULL);
    const or_json_member *type =
        e == OR_OK ? or_json_member_find(members, num, OR_STR("type"), &e) : NULL;
    if (type == NULL) return false;
    return !or_str_eq(type->value, OR_STR("\"function\"")) &&
           !or_str_eq(type->value, OR_STR("\"custom\""));
}

static bool any_element(or_str array, bool (*is)(or_str element))
{
    or_json_scan s;
    or_json_item item;
    or_json_scan_init(&s, array);
    (void)or_json_scan_next(&s, &item);
    while (or_json_scan_next(&s, &item) == OR_OK && item.type != OR_JSON_END) {
        (void)or_json_scan_skip(&s, &item);
        if (item.type == OR_JSON_OBJECT ? is(item.value) : is == needs_plugin) return true;
    }
    return false;
}

static void note_tools(reading *r, or_str tools)
{
    if (or_str_find(tools, OR_STR("strict"), 0) < tools.len) r->f->lacks |= OR_LACKS_STRICT;
    if (or_str_find(tools, OR_STR("cache_control"), 0) < tools.len)
        r->f->lacks |= OR_LACKS_CACHE_CONTROL;
}

static void note_need(reading *r, unsigned row, const or_json_item *item)
{
    bool array = item->type == OR_JSON_ARRAY, needs = false;
    if (row == PLUGINS || row == TRANSFORMS)
        needs = array && any_element(item->value, needs_plugin);
    if (row == TOOLS) needs = array && any_element(item->value, needs_tool);
    if (row == TOOLS && array) note_tools(r, item->value);
    if (row == X_SEARCH) needs = item->type == OR_JSON_OBJECT;
    if (needs && r->f->needs_router == NULL) r->f->needs_router = of_request[row].name.ptr;
}

/* ---- members ---- */

static void note_modalities(reading *r, or_str array)
{
    if (or_str_find(array, OR_STR("\"image\""), 0) < array.len)
        r->f->request.output_modalities |= OR_MODALITY_IMAGE;
    if (or_str_find(array, OR_STR("\"audio\""), 0) < array.len)
        r->f->request.output_modalities |= OR_MODALITY_AUDIO;
}

static bool note_string(reading *r, unsigned row, or_str value)
{
    facts *f = r->f;
    if (row == SESSION_ID && value.len > FACTS_MAX_SESSION)
        return wrong(r, "session_id is longer than %d bytes", FACTS_MAX_SESSION);
    if (row == SESSION_ID) f->session_id = value;
    if (row == CACHE_KEY) f->prompt_cache_key = value;
    if (row == PRESET) f->preset = value;
    if (row == USER) f->user = value;
    if (row == ENCODING) f->base64 = or_json_str_is(value, OR_STR("base64"));
    return true;
}

/* How many answers are to be paid. */
static bool note_choices(reading *r, unsigned row, or_str number)
{
    uint64_t n;
    if (or_u64_read(number, &n) != OR_OK || n > UINT32_MAX)
        return wrong(r, "%s is not a whole number that makes sense", of_request[row].name.ptr);
    if (n > r->f->choices) r->f->choices = (uint32_t)n;
    return true;
}

/* Which rows count for this kind of request. */
static bool is_checked(facts_kind kind, unsigned row)
{
    if (row == MESSAGES) return kind == FACTS_CHAT;
    if (row == PROMPT) return kind == FACTS_COMPLETIONS;
    if (kind == FACTS_CHAT) return row != INPUT;
    if (row == INPUT) return kind == FACTS_EMBEDDINGS;
    return kind != FACTS_OTHER || row == MODEL || row == MODELS || row == STREAM ||
           row == PROVIDER || row == SESSION_ID || row == MAX_TOKENS || row == MAX_COMPLETION ||
           row == MAX_OUTPUT || row == CHOICES;
}

static bool note_known(reading *r, unsigned row, const or_json_item *item)
{
    if (!check(r, &of_request[row], row, &r->seen, item)) return false;
    if (row == MODELS && item->type == OR_JSON_ARRAY &&
        !check_elements(r, "models", item->value, OR_JSON_STRING, "a string"))
        return false;
    if (row == STREAM) r->f->stream = item->type == OR_JSON_TRUE;
    if ((row == CHOICES || row == BEST_OF) && item->type == OR_JSON_NUMBER &&
        !note_choices(r, row, item->value))
        return false;
    if (row == PLUGINS && item->type == OR_JSON_ARRAY) r->f->plugins = item->value;
    if (row == MODALITIES && item->type == OR_JSON_ARRAY) note_modalities(r, item->value);
    if (row == DEBUG && item->type == OR_JSON_OBJECT)
        r->f->echo = or_str_find(item->value, OR_STR("true"), 0) < item->value.len;
    note_need(r, row, item);
    return item->type != OR_JSON_STRING || note_string(r, row, item->value);
}

/* Keep the member for splicing. A text gets its quotes back. */
static bool keep_member(reading *r, const or_json_item *item)
{
    if (r->f->num_members == FACTS_MAX_MEMBERS)
        return wrong(r, "request body has more than %d members", FACTS_MAX_MEMBERS);
    or_json_member *m = &r->f->members[r->f->num_members++];
    m->name = item->key;
    m->type = item->type;
    m->value = item->value;
    if (item->type == OR_JSON_STRING) m->value = or_str_of(m->value.ptr - 1, m->value.len + 2);
    return true;
}

static bool read_member(reading *r, or_json_item *item)
{
    unsigned row = find(of_request, NUM_OF_REQUEST, item->key);
    bool     known = row < NUM_OF_REQUEST && is_checked(r->f->kind, row);
    r->in_messages = item->type == OR_JSON_ARRAY && row == MESSAGES;
    if (!r->in_messages && is_container(item)) (void)or_json_scan_skip(&r->scan, item);
    if (r->scan.err < 0) return true; /* the caller reports it */
    if (known && !note_known(r, row, item)) return false;
    return keep_member(r, item);
}

/* A member of a message. */
static bool read_message_member(reading *r, const or_json_item *item)
{
    unsigned row = find(of_message, NUM_OF_MESSAGE, item->key);
    r->list = 0;
    if (row == NUM_OF_MESSAGE) return true;
    r->f->lacks |= of_message[row].lacks;
    if (of_message[row].types == 0) return true;
    if (!check(r, &of_message[row], row, &r->seen_in_message, item)) return false;
    if (row == ROLE) {
        bool developer = or_json_str_is(item->value, OR_STR("developer"));
        r->instructs = developer || or_json_str_is(item->value, OR_STR("system"));
        if (developer) r->f->lacks |= OR_LACKS_DEVELOPER;
    }
    if (row == CONTENT) r->content = item->value;
    if (row == CONTENT && item->type == OR_JSON_ARRAY) r->f->lacks |= OR_WANTS_TEXT;
    if (row == CONTENT && item->type == OR_JSON_NULL) r->f->lacks |= OR_WANTS_CONTENT;
    if (item->type == OR_JSON_ARRAY) r->list = row + 1;
    r->element = 0;
    return true;
}

/* An element of one of the arrays in a message. */
static bool read_element(reading *r, const or_json_item *item)
{
    if (r->list == 0) return true;
    unsigned i = r->element++;
    return item->type == OR_JSON_OBJECT ||
           wrong(r, "messages[%u].%s[%u] is %s: use an object", (unsigned)r->f->num_messages - 1,
                 of_message[r->list - 1].name.ptr, i, or_json_type_text(item->type));
}

static bool end_message(reading *r)
{
    or_str *first = r->instructs ? &r->f->first_system : &r->f->first_message;
    if (first->ptr == NULL) *first = r->content;
    if (r->content.ptr == NULL) r->f->lacks |= OR_WANTS_CONTENT;
    if (r->content.len == 0) r->f->lacks |= OR_WANTS_TURNS;
    return r->seen_in_message & 1u << ROLE ||
           wrong(r, "messages[%u].role is missing", (unsigned)r->f->num_messages - 1);
}

static bool read_in_messages(reading *r, const or_json_item *item)
{
    bool end = item->type == OR_JSON_END;
    if (item->depth == 2 && end) return end_message(r);
    if (item->depth == 2) {
        r->f->num_messages++;
        r->seen_in_message = 0;
        r->instructs = false;
        r->content = or_str_of(NULL, 0);
        return item->type == OR_JSON_OBJECT ||
               wrong(r, "messages[%u] is %s: use an object", (unsigned)r->f->num_messages - 1,
                     or_json_type_text(item->type));
    }
    if (item->depth == 3 && end && r->list == CONTENT + 1) /* all of it tells conversations apart */
        r->content.len = (size_t)(item->value.ptr + 1 - r->content.ptr);
    if (item->depth == 3 && !end) return read_message_member(r, item);
    if (item->depth == 5 && item->key.len == sizeof "cache_control" - 1 &&
        or_json_str_is(item->key, OR_STR("cache_control")))
        r->f->lacks |= OR_LACKS_CACHE_CONTROL;
    return item->depth != 4 || end || read_element(r, item);
}

static bool read_item(reading *r, or_json_item *item)
{
    if (item->depth == 0)
        return item->type == OR_JSON_OBJECT || item->type == OR_JSON_END ||
               wrong(r, "request body is %s: use an object", or_json_type_text(item->type));
    if (item->depth > 1) return r->f->kind != FACTS_CHAT || read_in_messages(r, item);
    if (item->type == OR_JSON_END) {
        if (r->in_messages) { /* its text is known now */
            or_json_member *m = &r->f->members[r->f->num_members - 1];
            m->value.len = (size_t)(item->value.ptr + 1 - m->value.ptr);
        }
        r->in_messages = false;
        return true;
    }
    return read_member(r, item);
}

/* What the routing reads may be of the right type and still wrong. */
static bool routing_wrong(reading *r, or_err e)
{
    const char *name = r->route.bad != NULL ? r->route.bad : "request body";
    bool        inner = find(of_request, NUM_OF_REQUEST, or_str_z(name)) == NUM_OF_REQUEST;
    const char *prefix = inner && e != OR_ERR_SPACE && e != OR_ERR_MEMORY ? "provider." : "";
    if (e == OR_ERR_RANGE) return wrong(r, "%s%s is negative or too large", prefix, name);
    if (e == OR_ERR_TYPE) return wrong(r, "%s%s has a wrong type", prefix, name);
    if (e == OR_ERR_MEMORY) r->f->members = NULL;
    return wrong(r, "%s%s: %s", prefix, name, or_err_text(e));
}

static bool is_complete(reading *r)
{
    facts_kind kind = r->f->kind;
    if (kind == FACTS_EMBEDDINGS) return r->seen & 1u << INPUT || wrong(r, "input is missing");
    if (kind == FACTS_COMPLETIONS) return r->seen & 1u << PROMPT || wrong(r, "prompt is missing");
    if (kind == FACTS_OTHER) return true;
    if (!(r->seen & 1u << MESSAGES)) return wrong(r, "messages is missing");
    return r->f->num_messages > 0 || wrong(r, "messages is empty: give at least one message");
}

bool facts_read(or_str body, facts_kind kind, or_arena *arena, facts *f, char *message,
                size_t message_size)
{
    static or_json_member members[FACTS_MAX_MEMBERS];
    reading               r = {.f = f, .message = message, .message_size = message_size};
    or_json_item          item;
    or_err                e;
    memset(f, 0, sizeof *f);
    f->kind = kind;
    f->body = body;
    f->members = members;
    r.route.request = &f->request;
    r.route.arena = arena;
    if (body.len == 0) return wrong(&r, "request body is empty: send a JSON object");
    or_json_scan_init(&r.scan, body);
    while ((e = or_json_scan_next(&r.scan, &item)) == OR_OK) {
        if (!read_item(&r, &item)) return false;
        if (r.scan.err < 0) continue;
        or_err wrong_route = or_route_reader_add(&r.route, &item);
        if (wrong_route != OR_OK) return routing_wrong(&r, wrong_route);
    }
    if (e != OR_DONE)
        return wrong(&r, "request body is not valid JSON: %s at byte %zu", or_err_text(e),
                     (size_t)(r.scan.at - r.scan.start));
    or_route_reader_end(&r.route, body.len);
    if (!is_complete(&r)) return false;
    f->members = or_arena_alloc(arena, (f->num_members + 1) * sizeof members[0]);
    if (f->members == NULL) return wrong(&r, "no memory: limits.memory is reached");
    memcpy(f->members, members, f->num_members * sizeof members[0]);
    return true;
}

const or_json_member *facts_member(const facts *f, or_str name)
{
    return or_json_member_find(f->members, f->num_members, name, NULL);
}

or_str facts_plain(or_str raw, or_arena *arena)
{
    or_str out = OR_STR("");
    if (raw.len == 0) return out;
    char *buf = or_arena_alloc(arena, raw.len);
    if (buf == NULL || or_json_unescape(raw, buf, raw.len, &out) != OR_OK) out = raw;
    if (out.len <= FACTS_MAX_NAME) return out;
    out.len = FACTS_MAX_NAME; /* in whole letters */
    while (out.len > 0 && ((unsigned char)out.ptr[out.len] & 0xc0) == 0x80) out.len--;
    return out;
}
