/* The client: what a request needs of the routing, memory to the byte, who is asked in which
   order with what, and what the caller sees of it. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "tests/ram_io.h"
#include "tests/test.h"

/* ---- or_route_request_read ---- */

static const struct {
    const char *name, *body, *models; /* joined by spaces */
    uint32_t    parameters;
    uint16_t    modalities;
    uint32_t    max_tokens;
    or_tier     tier;
    or_err      want;
    const char *bad;
} bodies[] = {
    {"model only", "{\"model\":\"a/b\",\"messages\":[]}", "a/b", 0, 0, 0, OR_TIER_NONE, OR_OK, NULL},
    {"model before models, wherever it stands", "{\"models\":[\"c\",\"d\"],\"model\":\"a\"}", "a c d",
     0, 0, 0, OR_TIER_NONE, OR_OK, NULL},
    {"models after model", "{\"model\":\"a\",\"models\":[\"c\"]}", "a c", 0, 0, 0, OR_TIER_NONE, OR_OK,
     NULL},
    {"null is not there", "{\"model\":null,\"models\":[\"c\"],\"tools\":null,\"max_tokens\":null}", "c",
     0, 0, 0, OR_TIER_NONE, OR_OK, NULL},
    {"escaped names and values", "{\"mod\\u0065l\":\"a\\/b\"}", "a/b", 0, 0, 0, OR_TIER_NONE, OR_OK,
     NULL},
    {"parameters", "{\"model\":\"a\",\"tools\":[],\"temperature\":1,\"nobody_knows\":1}", "a",
     1u << OR_PARAM_TOOLS | 1u << OR_PARAM_TEMPERATURE, 0, 0, OR_TIER_NONE, OR_OK, NULL},
    {"the smaller cap", "{\"max_tokens\":50,\"max_completion_tokens\":40}", "",
     1u << OR_PARAM_MAX_TOKENS | 1u << OR_PARAM_MAX_COMPLETION_TOKENS, 0, 40, OR_TIER_NONE, OR_OK,
     NULL},
    {"the smaller cap, other order", "{\"max_completion_tokens\":40,\"max_tokens\":50}", "",
     1u << OR_PARAM_MAX_TOKENS | 1u << OR_PARAM_MAX_COMPLETION_TOKENS, 0, 40, OR_TIER_NONE, OR_OK,
     NULL},
    {"more tokens than there are", "{\"max_tokens\":4294967301}", "", 1u << OR_PARAM_MAX_TOKENS, 0,
     UINT32_MAX, OR_TIER_NONE, OR_OK, NULL},
    {"flex", "{\"service_tier\":\"flex\"}", "", 0, 0, 0, OR_TIER_FLEX, OR_OK, NULL},
    {"fast is priority", "{\"service_tier\":\"fast\"}", "", 0, 0, 0, OR_TIER_PRIORITY, OR_OK, NULL},
    {"a tier of next year's", "{\"service_tier\":\"warp\"}", "", 0, 0, 0, OR_TIER_NONE, OR_OK, NULL},
    {"parts",
     "{\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"image_url\"},"
     "{\"type\":\"image_url\",\"image_url\":{\"url\":\"x\"}},{\"type\":\"input_audio\"}]}]}",
     "", 0, OR_MODALITY_IMAGE | OR_MODALITY_AUDIO, 0, OR_TIER_NONE, OR_OK, NULL},
    {"a part's name outside of messages", "{\"x\":[{\"a\":[{\"type\":\"image_url\"}]}]}", "", 0, 0, 0,
     OR_TIER_NONE, OR_OK, NULL},
    {"model of a wrong type", "{\"model\":7}", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_TYPE, "model"},
    {"models of a wrong type", "{\"models\":\"a\"}", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_TYPE, "models"},
    {"a model in models of a wrong type", "{\"models\":[7]}", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_TYPE,
     "models"},
    {"provider of a wrong type", "{\"provider\":[]}", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_TYPE,
     "provider"},
    {"inside provider", "{\"provider\":{\"order\":\"a\"}}", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_TYPE,
     "order"},
    {"max_tokens as text", "{\"max_tokens\":\"5\"}", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_TYPE,
     "max_tokens"},
    {"max_tokens with a fraction", "{\"max_tokens\":1.5}", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_RANGE,
     "max_tokens"},
    {"max_tokens below 0", "{\"max_tokens\":-1}", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_RANGE, "max_tokens"},
    {"service_tier of a wrong type", "{\"service_tier\":true}", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_TYPE,
     "service_tier"},
    {"not an object", "[]", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_TYPE, NULL},
    {"not JSON", "{\"model\":}", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_JSON, NULL},
    {"cut", "{\"model\":\"a\"", "", 0, 0, 0, OR_TIER_NONE, OR_ERR_TRUNCATED, NULL},
};

static void test_request_read(void)
{
    static char mem[4096];
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        const char      *name = bodies[i].name, *bad = NULL;
        or_str           body = test_exact(or_str_z(bodies[i].body));
        or_route_request q;
        or_arena         arena;
        char             models[64] = "";
        or_arena_init(&arena, mem, sizeof mem);
        or_err e = or_route_request_read(&q, body, &arena, &bad);
        CHECK_ERR(e, bodies[i].want, name);
        if (bodies[i].bad != NULL) CHECK(bad != NULL && strcmp(bad, bodies[i].bad) == 0, name);
        for (uint32_t k = 0; k < q.num_models && e == OR_OK; k++) {
            if (k > 0) strcat(models, " ");
            strncat(models, q.models[k].ptr, q.models[k].len);
        }
        if (e == OR_OK) {
            CHECK(strcmp(models, bodies[i].models) == 0, name);
            CHECK(q.parameters == bodies[i].parameters, name);
            CHECK(q.input_modalities == bodies[i].modalities, name);
            CHECK(q.max_tokens == bodies[i].max_tokens, name);
            CHECK(q.tier == bodies[i].tier, name);
            CHECK(q.prompt_tokens == (body.len + 3) / 4 || q.input_modalities != 0, name);
        }
        /* any less memory is an error of that name or makes no difference */
        for (size_t n = 0; n < 600; n++) {
            or_arena_init(&arena, mem, n);
            e = or_route_request_read(&q, body, &arena, NULL);
            CHECK(e == bodies[i].want || e == OR_ERR_SPACE, name);
        }
        free((void *)(uintptr_t)body.ptr);
    }
}

static void test_request_estimate(void)
{
    static char      mem[4096];
    or_arena         arena;
    or_route_request q;
    or_str body = OR_STR("{\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":"
                         "{\"url\":\"data:image/png;base64,AAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}]}]}");
    or_arena_init(&arena, mem, sizeof mem);
    CHECK_ERR(or_route_request_read(&q, body, &arena, NULL), OR_OK, "estimate");
    CHECK(q.prompt_tokens == (body.len - 50 + 3) / 4, "the bytes of an image are no text");
}

/* ---- a client over scripted transports ---- */

#define HEAD(status) "HTTP/1.1 " status "\r\nContent-Type: application/json\r\nContent-Length: "
#define STREAM       "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define HELLO                                                                              \
    STREAM "data: {\"id\":\"gen-1\",\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n"  \
           "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],"                  \
           "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}\n\n"  \
           "data: [DONE]\n\n"
#define BUSY HEAD("503 Busy") "26\r\n\r\n{\"error\":{\"message\":\"no\"}} "

/* What the hosts say, one after the other; what they were sent. */
typedef struct script {
    const char *answers[4];
    uint32_t    num, asked;
    char        sent[4][2048];
    char        hosts[128];
    char        log[512]; /* text that came, "|" and the end */
    or_call_event end;
    bool        key_left; /* in the request's buffer after the end */
} script;

static bool holds(const void *mem, size_t len, const char *word)
{
    or_str s = or_str_of((const char *)mem, len);
    return or_str_find(s, or_str_z(word), 0) < s.len;
}

/* Run to the end; returns what or_client_begin said. */
static or_err play(script *s, const or_client_desc *d, const or_chat_desc *chat)
{
    static or_client client;
    static ram_io    io;
    or_moment        moment;
    or_call_event    ev;
    or_err           e;
    memset(&moment, 0, sizeof moment);
    moment.seed = 5;
    e = or_client_begin(&client, d, chat, &moment);
    if (e != OR_OK) return e;
    for (int step = 0; step < 1000; step++) {
        e = or_client_next(&client, 0, &ev);
        if (e == OR_DONE) break;
        if (e != OR_OK) continue;
        if (ev.kind == OR_CALL_CONNECT) {
            or_io t;
            memset(&io, 0, sizeof io);
            strncat(s->hosts, client.url.host.ptr, client.url.host.len);
            strcat(s->hosts, " ");
            io.in = or_str_z(s->asked < s->num ? s->answers[s->asked] : "");
            t = ram_io_of(&io);
            or_client_connected(&client, 0, &t, false);
        } else if (ev.kind == OR_CALL_CLOSE) {
            if (s->asked < 4)
                snprintf(s->sent[s->asked], sizeof s->sent[0], "%.*s", (int)io.out_len, io.out);
            s->asked++;
            free(io.out);
            io.out = NULL;
            s->key_left = holds(d->mem, d->mem_size, "sesame");
        } else if (ev.kind == OR_CALL_DELTA && ev.delta->text.len > 0) {
            strncat(s->log, ev.delta->text.ptr, ev.delta->text.len);
        } else if (ev.kind == OR_CALL_ANSWER) {
            strncat(s->log, ev.answer->text.ptr, ev.answer->text.len);
        } else if (ev.kind == OR_CALL_END) {
            s->end = ev;
            strcat(s->log, ev.end == OR_END_COMPLETE    ? "|complete"
                           : ev.end == OR_END_TRUNCATED ? "|truncated"
                                                        : "|error");
        }
    }
    CHECK_ERR(e, OR_DONE, "it ends");
    return OR_OK;
}

static or_chat_desc chat_of(const char *model)
{
    static or_msg msg;
    or_chat_desc  chat;
    memset(&msg, 0, sizeof msg);
    msg.content = OR_STR("hi");
    memset(&chat, 0, sizeof chat);
    chat.model = or_str_z(model);
    chat.msgs = &msg;
    chat.num_msgs = 1;
    chat.stream = true;
    return chat;
}

static void test_one_provider(void)
{
    static const or_str fields[] = {OR_STR_INIT("X-Title"), OR_STR_INIT("test")};
    or_provider         p;
    or_client_desc      d;
    or_chat_desc        chat = chat_of("vendor/model");
    script              s;
    memset(&p, 0, sizeof p);
    memset(&d, 0, sizeof d);
    memset(&s, 0, sizeof s);
    p.base_url = OR_STR("https://api.example.com:8443/v1?version=2");
    p.key = OR_STR("sesame");
    p.fields = fields;
    p.num_fields = 2;
    d.providers = &p;
    d.num_providers = 1;
    d.mem_size = or_client_need(&d);
    d.mem = malloc(d.mem_size);
    s.answers[0] = HELLO;
    s.num = 1;
    CHECK_ERR(play(&s, &d, &chat), OR_OK, "one provider");
    CHECK(strcmp(s.log, "Hello|complete") == 0, s.log);
    CHECK(strcmp(s.hosts, "api.example.com ") == 0, s.hosts);
    CHECK(holds(s.sent[0], strlen(s.sent[0]),
                "POST /v1/chat/completions?version=2 HTTP/1.1\r\nHost: api.example.com:8443\r\n"),
          s.sent[0]);
    CHECK(holds(s.sent[0], strlen(s.sent[0]), "\r\nAuthorization: Bearer sesame\r\n"), s.sent[0]);
    CHECK(holds(s.sent[0], strlen(s.sent[0]), "\r\nX-Title: test\r\n"), s.sent[0]);
    CHECK(holds(s.sent[0], strlen(s.sent[0]), "\r\n\r\n{\"model\":\"vendor/model\","), s.sent[0]);
    CHECK(!s.key_left, "the key is wiped");
    CHECK(s.end.cost.source == OR_COST_UNKNOWN, "no price, no cost");
    CHECK(s.end.usage.set && s.end.usage.total_tokens == 4, "usage");

    /* the same with a byte less */
    void *whole = d.mem;
    d.mem = malloc(d.mem_size - 1);
    d.mem_size--;
    memset(&s, 0, sizeof s);
    CHECK_ERR(play(&s, &d, &chat), OR_ERR_SPACE, "a byte less than or_client_need");
    free(d.mem);
    free(whole);
}

#ifndef OR_NO_DIALECT
#define M_EVENT(type, more) "event: " type "\ndata: {\"type\":\"" type "\"" more "}\n\n"
#define M_HELLO                                                                             \
    STREAM M_EVENT("message_start", ",\"message\":{\"usage\":{\"input_tokens\":3}}")           \
           M_EVENT("content_block_start", ",\"content_block\":{\"type\":\"text\"}")            \
           M_EVENT("content_block_delta", ",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}") \
           M_EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"},"               \
                                    "\"usage\":{\"output_tokens\":1}")                       \
           M_EVENT("message_stop", "")
#define G_HELLO                                                                             \
    STREAM "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hello\"}]},"             \
           "\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3,"              \
           "\"candidatesTokenCount\":1}}\r\n\r\n"

/* Three providers, each with a dialect of its own, one after the other. */
static void test_dialects(void)
{
    static const or_dialect dialects[] = {OR_DIALECT_MESSAGES, OR_DIALECT_GEMINI, OR_DIALECT_CHAT};
    static const char *const want[][4] = {
        {"POST /v1/messages HTTP/1.1\r\n", "\r\nx-api-key: sesame\r\n",
         "\r\nanthropic-version: 2023-06-01\r\n", "\"max_tokens\":"},
        {"POST /v1beta/models/m:streamGenerateContent?alt=sse&k=1 HTTP/1.1\r\n",
         "\r\nx-goog-api-key: sesame\r\n", "\r\nHost: b\r\n", "\"contents\":["},
        {"POST /v1/chat/completions HTTP/1.1\r\n", "\r\nAuthorization: Bearer sesame\r\n",
         "\r\nHost: c\r\n", "\"messages\":["},
    };
    static char    mem[100000];
    or_provider    p[3];
    or_client_desc d;
    or_chat_desc   chat = chat_of("m");
    for (int first = 0; first < 3; first++) {
        script s;
        memset(p, 0, sizeof p);
        memset(&d, 0, sizeof d);
        memset(&s, 0, sizeof s);
        p[0].base_url = OR_STR("http://a");
        p[1].base_url = OR_STR("http://b?k=1");
        p[2].base_url = OR_STR("http://c/v1");
        for (int i = 0; i < 3; i++) {
            p[i].key = OR_STR("sesame");
            p[i].dialect = dialects[i];
        }
        d.providers = p + first;
        d.num_providers = (uint32_t)(3 - first);
        d.mem = mem;
        d.mem_size = sizeof mem;
        for (int i = first; i < 3; i++) s.answers[i - first] = BUSY;
        s.num = 3;
        CHECK_ERR(play(&s, &d, &chat), OR_OK, "all are busy");
        CHECK(strcmp(s.log, "|error") == 0 && s.asked == d.num_providers, s.log);
        CHECK(!s.key_left, "the key is wiped");
        for (int i = first; i < 3; i++)
            for (int k = 0; k < 4; k++)
                CHECK(holds(s.sent[i - first], strlen(s.sent[i - first]), want[i][k]), want[i][k]);
        memset(&s, 0, sizeof s);
        s.answers[0] = first == 0 ? M_HELLO : first == 1 ? G_HELLO : HELLO;
        s.num = 1;
        CHECK_ERR(play(&s, &d, &chat), OR_OK, "the first answers");
        CHECK(strcmp(s.log, "Hello|complete") == 0, s.log);
        CHECK(s.end.usage.prompt_tokens == 3 && s.end.usage.completion_tokens == 1, "usage");
    }
    /* the request in both forms does not fit */
    script s;
    memset(&s, 0, sizeof s);
    d.providers = p;
    d.num_providers = 1;
    d.max_request = 120;
    CHECK_ERR(play(&s, &d, &chat), OR_OK, "its chat form fits");
    CHECK(s.end.end == OR_END_ERROR && s.end.failure != NULL, "and that is an error");
}
#endif

static void test_limits(void)
{
    or_provider    p[2];
    or_client_desc d;
    or_chat_desc   chat = chat_of("m");
    or_str         more[4] = {OR_STR_INIT("n"), OR_STR_INIT("o"), OR_STR_INIT("p"), OR_STR_INIT("q")};
    static char    mem[100000];
    script         s;
    memset(p, 0, sizeof p);
    memset(&d, 0, sizeof d);
    memset(&s, 0, sizeof s);
    p[0].base_url = p[1].base_url = OR_STR("http://a/v1");
    d.providers = p;
    d.num_providers = 1;
    d.mem = mem;
    d.mem_size = sizeof mem;
    chat.models = more;
    chat.num_models = 3;
    CHECK_ERR(play(&s, &d, &chat), OR_OK, "as many models as there may be");
    chat.num_models = 4;
    CHECK_ERR(play(&s, &d, &chat), OR_ERR_SPACE, "one more");
    chat.num_models = 0;
    chat.model = or_str_of(NULL, 0);
    CHECK_ERR(play(&s, &d, &chat), OR_ERR_ARG, "no model");
    chat = chat_of("m");
    d.max_request = 200;
    CHECK_ERR(play(&s, &d, &chat), OR_OK, "a short request in a small buffer");
    CHECK(s.end.failure == NULL || s.end.end == OR_END_ERROR, "is an error at the end at least");
    d.max_request = 40;
    CHECK_ERR(play(&s, &d, &chat), OR_ERR_SPACE, "a request that does not fit");
    d.max_request = 0;
    d.num_providers = 0;
    CHECK_ERR(play(&s, &d, &chat), OR_ERR_ARG, "no provider");
    d.num_providers = 2;
    p[1].base_url = OR_STR("ftp://a/v1");
    CHECK_ERR(play(&s, &d, &chat), OR_ERR_URL, "not a URL");
}

/* The key is too long for what is left of the buffer: nothing is sent, and it is our fault. */
static void test_head_does_not_fit(void)
{
    or_provider    p;
    or_client_desc d;
    or_chat_desc   chat = chat_of("m");
    static char    mem[100000];
    script         s;
    memset(&p, 0, sizeof p);
    memset(&d, 0, sizeof d);
    memset(&s, 0, sizeof s);
    p.base_url = OR_STR("http://a/v1");
    d.providers = &p;
    d.num_providers = 1;
    d.mem = mem;
    d.mem_size = sizeof mem;
    d.max_request = 150;
    CHECK_ERR(play(&s, &d, &chat), OR_OK, "begins");
    CHECK(strcmp(s.log, "|error") == 0, s.log);
    CHECK(s.sent[0][0] == 0, "nothing was sent");
}

static void test_fallback(void)
{
    or_provider    p[2];
    or_client_desc d;
    or_chat_desc   chat = chat_of("m");
    or_endpoint    e[2];
    or_catalogue   c = {e, 2, NULL, 0, NULL};
    or_stats       stats[2];
    static char    mem[100000];
    script         s;
    memset(p, 0, sizeof p);
    memset(&d, 0, sizeof d);
    memset(&s, 0, sizeof s);
    memset(e, 0, sizeof e);
    memset(stats, 0, sizeof stats);
    p[0].base_url = OR_STR("http://a/v1");
    p[1].base_url = OR_STR("http://b/v1/");
    d.providers = p;
    d.num_providers = 2;
    d.mem = mem;
    d.mem_size = sizeof mem;
    s.answers[0] = BUSY;
    s.answers[1] = HELLO;
    s.num = 2;
    CHECK_ERR(play(&s, &d, &chat), OR_OK, "two providers");
    CHECK(strcmp(s.hosts, "a b ") == 0, s.hosts);
    CHECK(strcmp(s.log, "Hello|complete") == 0, s.log);

    /* with a catalogue: the cheaper one first when sorted by price, each with its own model */
    e[0].model = e[1].model = OR_STR("m");
    e[0].provider = OR_STR("a");
    e[1].provider = OR_STR("b");
    e[1].upstream_model = OR_STR("b-calls-it-so");
    e[1].target = 1;
    or_price_set(&e[0].prices.base, OR_PRICE_PROMPT, 2000000);
    or_price_set(&e[0].prices.base, OR_PRICE_COMPLETION, 2000000);
    or_price_set(&e[1].prices.base, OR_PRICE_PROMPT, 1000000);
    or_price_set(&e[1].prices.base, OR_PRICE_COMPLETION, 1000000);
    chat.model = OR_STR("m:floor");
    d.catalogue = &c;
    d.call.stats = stats;
    memset(&s, 0, sizeof s);
    s.answers[0] = HELLO;
    s.num = 1;
    CHECK_ERR(play(&s, &d, &chat), OR_OK, "a catalogue");
    CHECK(strcmp(s.hosts, "b ") == 0, s.hosts);
    CHECK(holds(s.sent[0], strlen(s.sent[0]), "{\"model\":\"b-calls-it-so\","), s.sent[0]);
    CHECK(s.end.cost.source == OR_COST_COMPUTED && s.end.cost.pico_usd == 4000000, "cost");
    CHECK(stats[1].outcomes[OR_FAULT_NONE] == 1 && stats[1].in_flight == 0, "fed back");

    /* preferences are ours with a catalogue, and OpenRouter's own when it is asked */
    or_prefs prefs;
    or_str   only = OR_STR("a");
    memset(&prefs, 0, sizeof prefs);
    prefs.only = &only;
    prefs.num_only = 1;
    chat.provider = &prefs;
    memset(&s, 0, sizeof s);
    s.answers[0] = HELLO;
    s.num = 1;
    CHECK_ERR(play(&s, &d, &chat), OR_OK, "preferences");
    CHECK(strcmp(s.hosts, "a ") == 0, s.hosts);
    CHECK(!holds(s.sent[0], strlen(s.sent[0]), "\"provider\""), s.sent[0]);
    static const struct {
        const char *url;
        bool        sent;
    } hosts[] = {{"https://openrouter.ai/api/v1", true}, {"https://eu.openrouter.ai/api/v1", true},
                 {"https://notopenrouter.ai/v1", false}, {"http://ai/v1", false}};
    d.catalogue = NULL;
    d.num_providers = 1;
    d.call.stats = NULL;
    for (size_t i = 0; i < 4; i++) {
        p[0].base_url = or_str_z(hosts[i].url);
        memset(&s, 0, sizeof s);
        s.answers[0] = HELLO;
        s.num = 1;
        CHECK_ERR(play(&s, &d, &chat), OR_OK, hosts[i].url);
        CHECK(holds(s.sent[0], strlen(s.sent[0]), "\"provider\":{\"only\":[\"a\"]}") == hosts[i].sent,
              s.sent[0]);
    }
    p[0].base_url = OR_STR("http://a/v1");
    p[0].openrouter = true;
    memset(&s, 0, sizeof s);
    s.answers[0] = HELLO;
    s.num = 1;
    CHECK_ERR(play(&s, &d, &chat), OR_OK, "said to be OpenRouter");
    CHECK(holds(s.sent[0], strlen(s.sent[0]), "\"provider\""), s.sent[0]);
    chat.provider = NULL;
    d.catalogue = &c;
    d.num_providers = 2;

    e[1].target = 2;
    CHECK_ERR(play(&s, &d, &chat), OR_ERR_ARG, "a target that is no provider");
    e[1].target = 1;
    chat.model = OR_STR("nobody's");
    CHECK_ERR(play(&s, &d, &chat), OR_ERR_MODEL, "a model that nobody has");
    e[0].disabled = e[1].disabled = true;
    chat.model = OR_STR("m");
    CHECK_ERR(play(&s, &d, &chat), OR_ERR_ROUTE, "nobody is left");
}

int main(void)
{
    test_request_read();
    test_request_estimate();
    test_one_provider();
#ifndef OR_NO_DIALECT
    test_dialects();
#endif
    test_limits();
    test_head_does_not_fit();
    test_fallback();
    TEST_MAIN_END("test_client");
}
