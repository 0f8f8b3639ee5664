/* The whole proxy, with scripted clients and providers: whatever they do in whatever order, an
   answer that a client takes for whole was whole, nobody gets two, keys stay where they belong,
   the books balance, the loop comes to rest, and in the end nothing is left of it all.

   The input is a script; its first byte names the settings, then each line is a step:

     0 1 2          the client that speaks next, which connects; 3: the owner's, by the socket
     K0 ... K4      with no key, a's, b's, the management key, an unknown one, from now on
     P0TEXT         POST with that body to paths[0], whole; G/PATH a GET
     Q9             POST of a stream with so many KB of text
     >TEXT }TEXT    a line, with CRLF; the bytes as they are; Y an Authorization line
     H X w          half-closes; hangs up; takes nothing in (again: it does)
     a b c d        the provider's connection that speaks next; without it the newest does
     A200TEXT       an answer, whole; S the head of a stream in chunks; L of one without
     CTEXT D TEXT   a chunk: with a line; with an event; B9 with so many KB of an event; E the last
     <TEXT {TEXT    a line, with CRLF; the bytes as they are; | a line with LF
     j x W          half-closes; closes; takes nothing in (again: it does)
     k0 ... k3      dialling works, is refused, finds no route, hangs
     n0 f0 e0 p0    names fail; the disk is full; descriptors are out; threads stand still (1: no)
     t500           so many ms pass
     m64 M64        so many KB, or bytes, of memory are left; m alone: any number
     r2             a reload, with the settings of that number
     q              no more connections: it is about to end
     & .            the steps between them happen in one turn of the loop
     !              the end comes now, whatever runs */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#define main orproxy_main
#include "orproxy.c"
#undef main
#include "proxy/dns.c" /* what it remembers is forgotten from one input to the next */

#include <dirent.h>
#include <sys/un.h>

#include "proxy/ledger.h"
#include "tests/fuzz.h"
#include "tests/proxy_world.h"

enum {
    MAX_SCRIPT = 16 * 1024,
    MAX_STEPS = 300,
    MAX_TURNS = 10000,       /* until the loop has to be at rest */
    MAX_TIMERS = 400,        /* that fire in one step, then time jumps */
    MAX_PASS = 1000 * 1000,  /* ms that one step takes */
    MAX_QUEUED = 1024 * 1024, /* bytes that wait for the proxy to take them */
    NUM_CLIENTS = 4,
    OWNER = 3,
    NUM_PEERS = 8,
    MAX_REQUESTS = 64 /* of a connection */
};

static const char *const paths[] = {"/v1/chat/completions", "/v1/messages", "/v1/responses",
                                    "/v1/completions",      "/v1/embeddings", "/v1/moderations",
                                    "/v1/route",            "/v1/messages/count_tokens",
                                    "/v1/keys",             "/v1/credits"};

static const char *const keys[] = {"", "sk-or-v1-key-of-client-aaaa", "sk-or-v1-key-of-client-bbbb",
                                   "sk-or-v1-key-of-the-management", "sk-or-v1-key-of-nobody"};
static const char *const provider_keys[] = {"key-for-providers-1", "key-for-providers-2"};

#define DIRECT(name, host) \
    "[provider " name "]\nkind=openai\nbase_url=http://" host "/v1\nkey=env:FUZZ_P1\nlist=no\n"
#define PRICED(provider, model, price) \
    "[endpoint " provider " " model "]\nprompt=" price "\ncompletion=" price \
    "\nmax_completion_tokens=1000\n"
#define OPENROUTER                                                                             \
    "[provider openrouter]\nbase_url=http://10.0.0.9/api/v1\nkey=env:FUZZ_P1\nkey=env:FUZZ_P2\n" \
    "list=no\n"
#define KEYS                                                                              \
    "[key a]\nkey=env:FUZZ_A\nlimit=0.05\n"                                               \
    "[key b]\nkey=env:FUZZ_B\nlimit=0.02\nlimit_reset=daily\ninclude_byok_in_limit=no\n"  \
    "requests_per_minute=3\nmax_concurrent=1\n"
#define STATE "state=%s\nmanagement_key=env:FUZZ_M\n"

/* Those with a state take turns at one folder, so a reload can go from one to the other. */
static const char *const texts[] = {
    /* 0: bare */
    DIRECT("one", "10.0.0.1") "any_model=yes\n",
    /* 1: two providers, and one by name */
    DIRECT("one", "10.0.0.1") "key=env:FUZZ_P2\n" DIRECT("two", "10.0.0.2")
        DIRECT("far", "far.example") PRICED("one", "m/a", "1") PRICED("two", "m/a", "2")
            PRICED("far", "m/a", "3"),
    /* 2: keys, limits, a ledger */
    STATE OPENROUTER DIRECT("one", "10.0.0.1") PRICED("one", "m/a", "1")
        PRICED("openrouter", "m/a", "2") PRICED("openrouter", "m/b", "3")
            KEYS "[organization]\nlimit=0.2\n[user each]\nmatch=*\nlimit=0.03\n"
                 "[app some]\nmatch=App*\nlimit=0.01\n",
    /* 3: dialects */
    "on_unsupported=warn\n"
    "[provider anthropic]\nbase_url=http://10.0.0.1\nkey=env:FUZZ_P1\nlist=no\n"
    "[provider gemini]\nbase_url=http://10.0.0.2\nkey=env:FUZZ_P1\nlist=no\n" DIRECT("one", "10.0.0.3")
        PRICED("anthropic", "m/c", "1") PRICED("gemini", "m/g", "1") PRICED("one", "m/a", "1")
            PRICED("anthropic", "m/all", "1") PRICED("gemini", "m/all", "2") PRICED("one", "m/all", "3"),
    /* 4: simulated */
    "default_model=demo/echo\n[provider demo]\nkind=demo\n",
    /* 5: totals, answers are read to the end, little room */
    STATE "ledger=totals\nledger_sync=10s\non_hangup=drain\nheartbeat=1s\nprepaid=yes\n" OPENROUTER
        PRICED("openrouter", "m/a", "1") KEYS
        "[limits]\nhead=1k\nbody=4k\nanswer=4k\nconnections=2\n",
    /* 6: far away, with lists of models, endpoints and a hook */
    STATE "alert_webhook=http://hook.example/x\nledger_sync=1s\ncatalog=%s.models\n"
    "[provider openrouter]\nbase_url=http://far.example/api/v1\nkey=env:FUZZ_P1\nendpoints=yes\n"
    "any_model=yes\n" KEYS,
};
enum { DEMO = 4, NUM_SETTINGS = sizeof texts / sizeof texts[0] };

static char folder[64], state[80];

/* What was wrong, and the end of the process: libFuzzer and run.sh keep the input. */
static void die(const char *what)
{
    fprintf(stdout, "fuzz_proxy: %s\n", what);
    fflush(stdout);
    abort();
}

/* ---- one end of a connection ---- */

static void *heap_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void heap_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}

static const or_allocator heap_allocator = {heap_alloc, heap_free, NULL}; /* not the proxy's */

typedef struct wire {
    int    fd;      /* -1: none */
    bool   stalled; /* reads nothing */
    bool   ended;   /* the proxy has closed its side */
    or_buf out;     /* waits until the proxy takes it */
    or_buf got;     /* all that came, of which ... */
    size_t at;      /* ... so much was understood */
} wire;

static void wire_open(wire *w, int fd)
{
    memset(w, 0, sizeof *w);
    w->fd = fd;
    or_buf_init_growing(&w->out, &heap_allocator, SIZE_MAX);
    or_buf_init_growing(&w->got, &heap_allocator, SIZE_MAX);
}

static void wire_close(wire *w)
{
    if (w->fd < 0) return;
    close(w->fd);
    w->fd = -1;
    or_buf_free(&w->out);
    or_buf_free(&w->got);
}

/* Give and take what goes; false: nothing did. */
static bool wire_move(wire *w)
{
    char bytes[16 * 1024];
    bool moved = false;
    if (w->fd < 0) return false;
    while (w->out.len > 0) {
        ssize_t n = send(w->fd, w->out.ptr, w->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) break;
        moved = true;
        or_buf_take(&w->out, n > 0 ? (size_t)n : w->out.len); /* nobody is there: lost */
    }
    while (!w->stalled && !w->ended) {
        ssize_t n = recv(w->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) break;
        moved = true;
        if (n > 0)
            or_buf_put(&w->got, bytes, (size_t)n);
        else
            w->ended = true;
    }
    return moved;
}

/* Of what may be long and is looked at often: by its first byte. */
static bool has(or_str text, const char *word)
{
    size_t      n = strlen(word);
    const char *end_of_text = text.ptr + text.len, *p = text.ptr;
    while (text.len > 0 && (p = memchr(p, word[0], (size_t)(end_of_text - p))) != NULL) {
        if ((size_t)(end_of_text - p) >= n && memcmp(p, word, n) == 0) return true;
        p++;
    }
    return false;
}

static void never_in(or_str text, const char *const *list, size_t num, const char *what)
{
    for (size_t i = 0; i < num; i++)
        if (list[i][0] != 0 && has(text, list[i])) die(what);
}

/* What came just now, with the end of what came before: a key may lie in both. */
static or_str fresh(const wire *w, size_t before)
{
    size_t from = before > 64 ? before - 64 : 0;
    return or_str_of(w->got.ptr + from, w->got.len - from);
}

static bool lost; /* a line of the ledger, for want of memory */

/* FUZZ_SHOW in the environment: who gets what, for people. */
static void show(const char *who, long number, or_str text)
{
    if (getenv("FUZZ_SHOW") != NULL)
        printf("---- %s %ld\n%.*s\n", who, number, (int)text.len, text.ptr);
}

static void world_on_log(or_str line)
{
    show("log", (long)world.ms, line);
    lost = lost || has(line, "a line is lost");
    never_in(line, keys, sizeof keys / sizeof keys[0], "a key in the log");
    never_in(line, provider_keys, 2, "a provider's key in the log");
}

static or_http_limits generous(void)
{
    or_http_limits limits = {1024 * 1024, 0, 0};
    return limits;
}

/* ---- the providers ---- */

typedef struct peer {
    wire    w;
    or_http asked; /* what the proxy sends */
    or_http says;  /* what it is sent ... */
    or_buf  said;  /* ... and of that, what was not understood yet */
    bool    in_body, whole;
    char    last[16]; /* of a body: the word for its end may come in pieces */
    unsigned num_asked, num_said;
} peer;

static peer     peers[NUM_PEERS];
static peer    *talks;     /* the one that speaks next; NULL: none */
static unsigned num_whole; /* answers of providers that were whole */

static void peer_close(peer *p)
{
    if (p->w.fd < 0) return;
    const or_http_head *h = &p->says.head;
    bool to_the_end = p->in_body && !h->chunked && h->content_length == OR_HTTP_NO_LENGTH;
    if (to_the_end && !p->whole) num_whole++;
    p->in_body = false;
    or_buf_free(&p->said);
    wire_close(&p->w);
    if (talks == p) talks = NULL;
}

static bool world_on_dial(int fd)
{
    or_http_limits limits = generous();
    peer          *p = peers;
    while (p < peers + NUM_PEERS && p->w.fd >= 0 && !p->w.ended) p++;
    if (p == peers + NUM_PEERS) return false;
    peer_close(p);
    memset(p, 0, sizeof *p);
    wire_open(&p->w, fd);
    or_buf_init_growing(&p->said, &heap_allocator, SIZE_MAX);
    or_http_init(&p->asked, OR_HTTP_SERVER, &limits);
    or_http_init(&p->says, OR_HTTP_CLIENT, &limits);
    talks = p;
    return true;
}

/* Does the body say that it is complete? */
static void look_for_end(peer *p, or_str data)
{
    static const char *const words[] = {"[DONE]", "message_stop"};
    size_t                   n = strlen(p->last);
    or_buf                   both;
    or_buf_init_growing(&both, &heap_allocator, SIZE_MAX);
    or_buf_put(&both, p->last, n);
    or_buf_put_str(&both, data);
    for (size_t i = 0; i < 2 && !p->whole; i++)
        p->whole = has(or_buf_str(&both), words[i]);
    n = both.len < sizeof p->last - 1 ? both.len : sizeof p->last - 1;
    memset(p->last, 0, sizeof p->last);
    memcpy(p->last, both.ptr + both.len - n, n);
    or_buf_free(&both);
}

static void peer_on(peer *p, const or_http_event *ev)
{
    bool was = p->whole;
    if (ev->kind == OR_HTTP_HEAD) {
        if (p->says.head.status < 200) return;
        p->num_said++;
        p->in_body = p->says.head.has_body;
        p->whole = was = false;
        p->last[0] = 0;
    } else if (ev->kind == OR_HTTP_BODY) {
        look_for_end(p, ev->data);
    } else {
        p->in_body = false;
        p->whole = true;
    }
    num_whole += p->whole && !was;
}

static void peer_say(peer *p, or_str bytes)
{
    or_http_event ev;
    if (p == NULL || p->w.fd < 0 || p->w.out.len > MAX_QUEUED) return;
    or_buf_put_str(&p->w.out, bytes);
    or_buf_put_str(&p->said, bytes);
    or_str in = or_buf_str(&p->said);
    while (or_http_next(&p->says, &in, &ev) == OR_OK) peer_on(p, &ev);
    or_buf_take(&p->said, p->said.len - in.len);
}

/* A provider gets requests of HTTP, one after the other, without a client's key. */
static void peer_read(peer *p)
{
    or_http_event ev;
    or_err        e;
    size_t        before = p->w.got.len;
    wire         *w = &p->w;
    if (!wire_move(w) || w->got.len == before) return;
    show("provider", p - peers, or_str_of(w->got.ptr + before, w->got.len - before));
    never_in(fresh(w, before), keys, sizeof keys / sizeof keys[0], "a client's key at a provider");
    or_str in = or_str_of(w->got.ptr + w->at, w->got.len - w->at);
    while ((e = or_http_next(&p->asked, &in, &ev)) == OR_OK)
        if (ev.kind == OR_HTTP_HEAD && ++p->num_asked > p->num_said + 1)
            die("another request before the answer");
    w->at = w->got.len - in.len;
    if (e < 0) die("what a provider got is not HTTP");
}

/* ---- the clients ---- */

typedef struct app {
    wire     w;
    unsigned key;
    or_http  asks; /* what it sends ... */
    or_buf   sent; /* ... and of that, what was not understood yet */
    or_http  told; /* what it gets */
    or_buf   body; /* of the answer */
    bool     is_head[MAX_REQUESTS];
    bool     relayed, failed; /* the answer: of a provider; not HTTP what it sent */
    unsigned num_asked, num_told, num_over;
} app;

static app      apps[NUM_CLIENTS];
static app     *asks = apps; /* the one that speaks next */
static unsigned num_complete; /* answers of providers that clients took for whole */
static bool     simulated;    /* the demo answered as well */

static void app_close(app *a)
{
    wire_close(&a->w);
    or_buf_free(&a->sent);
    or_buf_free(&a->body);
}

/* An end of another place, which has no port. */
static int dial_unix(const struct sockaddr_un *to, socklen_t len)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) abort();
    if (connect(fd, (const struct sockaddr *)to, len) == 0) return fd;
    close(fd);
    return -1;
}

static struct sockaddr_un front; /* what clients connect to */
static socklen_t          front_len;

static void app_open(app *a)
{
    or_http_limits     limits = generous();
    struct sockaddr_un owner = {.sun_family = AF_UNIX};
    unsigned           key = a->key;
    bool               is_owner = a == &apps[OWNER];
    if (a->w.fd >= 0 && !a->w.ended) return;
    app_close(a);
    snprintf(owner.sun_path, sizeof owner.sun_path, "%.90s/control.sock", state);
    int fd = is_owner ? dial_unix(&owner, sizeof owner) : dial_unix(&front, front_len);
    if (fd < 0) return;
    memset(a, 0, sizeof *a);
    wire_open(&a->w, fd);
    a->key = key;
    or_buf_init_growing(&a->sent, &heap_allocator, SIZE_MAX);
    or_buf_init_growing(&a->body, &heap_allocator, SIZE_MAX);
    or_http_init(&a->asks, OR_HTTP_SERVER, &limits);
    or_http_init(&a->told, OR_HTTP_CLIENT, &limits);
}

static void app_say(app *a, or_str bytes)
{
    or_http_event ev;
    or_err        e;
    if (a->w.fd < 0 || a->w.out.len > MAX_QUEUED) return;
    or_buf_put_str(&a->w.out, bytes);
    or_buf_put_str(&a->sent, bytes);
    or_str in = or_buf_str(&a->sent);
    while ((e = or_http_next(&a->asks, &in, &ev)) == OR_OK) {
        if (ev.kind != OR_HTTP_HEAD || a->num_asked == MAX_REQUESTS) continue;
        a->is_head[a->num_asked++] = or_str_eq(a->asks.head.method, OR_STR("HEAD"));
    }
    a->failed = e < 0 || a->num_asked == MAX_REQUESTS;
    or_buf_take(&a->sent, a->sent.len - in.len);
}

/* Does an answer say that something failed? */
static bool tells_error(or_str body)
{
    static const or_str word = OR_STR_INIT("\"error\""), null = OR_STR_INIT(":null");
    if (!has(body, "\"error\"")) return false;
    for (size_t at = 0; (at = or_str_find(body, word, at)) < body.len; at += word.len) {
        or_str rest = or_str_of(body.ptr + at + word.len, body.len - at - word.len);
        if (or_str_find(rest, null, 0) != 0) return true;
    }
    return false;
}

static void app_on(app *a, const or_http_event *ev)
{
    const or_http_head *h = &a->told.head;
    switch (ev->kind) {
    case OR_HTTP_HEAD:
        if (h->status < 200) return;
        or_buf_clear(&a->body);
        a->relayed = h->status == 200 && h->has_body &&
                     or_http_field(h, OR_STR("x-generation-id"), NULL).len > 0;
        /* what was not understood, or not finished, gets one as well */
        if (++a->num_told > a->num_asked + (a->failed || a->sent.len > 0))
            die("more answers than requests");
        if (!h->has_body) a->num_over++;
        break;
    case OR_HTTP_BODY: or_buf_put_str(&a->body, ev->data); break;
    case OR_HTTP_END:
        a->num_over = a->num_told;
        if (a->relayed && !tells_error(or_buf_str(&a->body))) num_complete++;
        break;
    }
}

static void app_read(app *a)
{
    or_http_event ev;
    or_err        e = OR_OK;
    size_t        before = a->w.got.len;
    wire         *w = &a->w;
    if (!wire_move(w) || w->got.len == before) return;
    show("client", a - apps, or_str_of(w->got.ptr + before, w->got.len - before));
    never_in(fresh(w, before), provider_keys, 2, "a provider's key at a client");
    or_str in = or_str_of(w->got.ptr + w->at, w->got.len - w->at);
    while (e == OR_OK) {
        if (a->num_over == a->num_told && a->num_told < a->num_asked && a->is_head[a->num_told])
            or_http_expect_no_body(&a->told);
        e = or_http_next(&a->told, &in, &ev);
        if (e == OR_OK) app_on(a, &ev);
    }
    w->at = w->got.len - in.len;
    if (e < 0) die("what a client got is not HTTP");
    if (e == OR_DONE && in.len > 0) die("more behind the last answer");
}

/* ---- the loop ---- */

static bool one_turn; /* steps wait for the next turn */

static bool move_all(void)
{
    size_t   came = 0;
    bool     moved = false;
    for (app *a = apps; a < apps + NUM_CLIENTS; a++) {
        came = a->w.got.len;
        app_read(a);
        moved = moved || a->w.got.len > came;
    }
    for (peer *p = peers; p < peers + NUM_PEERS; p++) {
        came = p->w.got.len;
        peer_read(p);
        moved = moved || p->w.got.len > came;
    }
    return moved;
}

/* Turns until nothing happens any more without the passing of time. */
static void settle(void)
{
    bool at_rest = false;
    for (unsigned turns = 0; !at_rest; turns++) {
        if (turns == MAX_TURNS) die("the loop does not come to rest");
        bool moved = move_all();
        if (!ev_turn()) die("the wait failed");
        if (moved || !world.idle) continue;
        world_run_threads();
        moved = move_all();
        if (!ev_turn()) die("the wait failed");
        at_rest = !moved && world.idle;
    }
}

/* Time passes, from one timer to the next. */
static void pass(uint32_t ms)
{
    settle();
    for (unsigned i = 0; ms > 0; i++) {
        uint32_t step = ms;
        if (world.wait > 0 && (uint32_t)world.wait < ms && i < MAX_TIMERS)
            step = (uint32_t)world.wait;
        world.ms += step;
        ms -= step;
        settle();
    }
}

/* ---- steps ---- */

static void put_key(or_buf *b, unsigned key)
{
    if (keys[key][0] == 0) return;
    or_buf_put_z(b, "Authorization: Bearer ");
    or_buf_put_z(b, keys[key]);
    or_buf_put_z(b, "\r\n");
}

static void put_number(or_buf *b, size_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", n);
    or_buf_put_z(b, text);
}

static void put_filler(or_buf *b, size_t n)
{
    if (or_buf_reserve(b, n) != OR_OK) abort();
    if (n > 0) memset(b->ptr + b->len, 'x', n);
    b->len += n;
}

static void ask(app *a, const char *method, or_str path, or_str body)
{
    or_buf b;
    or_buf_init_growing(&b, &heap_allocator, SIZE_MAX);
    or_buf_put_z(&b, method);
    or_buf_put_str(&b, path);
    or_buf_put_z(&b, " HTTP/1.1\r\nHost: localhost\r\n");
    put_key(&b, a->key);
    if (method[0] == 'P') {
        or_buf_put_z(&b, "Content-Type: application/json\r\nContent-Length: ");
        put_number(&b, body.len);
        or_buf_put_z(&b, "\r\n");
    }
    or_buf_put_z(&b, "\r\n");
    or_buf_put_str(&b, body);
    app_say(a, or_buf_str(&b));
    or_buf_free(&b);
}

/* A chunk with these texts around so many bytes. */
static void say_chunk(peer *p, const char *before, or_str text, size_t filler, const char *behind)
{
    or_buf b;
    char   line[24];
    or_buf_init_growing(&b, &heap_allocator, SIZE_MAX);
    snprintf(line, sizeof line, "%zx\r\n", strlen(before) + text.len + filler + strlen(behind));
    or_buf_put_z(&b, line);
    or_buf_put_z(&b, before);
    or_buf_put_str(&b, text);
    put_filler(&b, filler);
    or_buf_put_z(&b, behind);
    or_buf_put_z(&b, "\r\n");
    peer_say(p, or_buf_str(&b));
    or_buf_free(&b);
}

static void say_answer(peer *p, or_str text)
{
    or_buf b;
    size_t digits = text.len < 3 ? text.len : 3;
    or_str body = or_str_of(text.ptr + digits, text.len - digits);
    or_buf_init_growing(&b, &heap_allocator, SIZE_MAX);
    or_buf_put_z(&b, "HTTP/1.1 ");
    or_buf_put(&b, text.ptr, digits);
    or_buf_put_z(&b, " X\r\nContent-Type: application/json\r\nContent-Length: ");
    put_number(&b, body.len);
    or_buf_put_z(&b, "\r\n\r\n");
    or_buf_put_str(&b, body);
    peer_say(p, or_buf_str(&b));
    or_buf_free(&b);
}

#define SSE_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"

static void say_line(wire *w, or_str text, const char *end_of_line)
{
    or_buf b;
    or_buf_init_growing(&b, &heap_allocator, SIZE_MAX);
    or_buf_put_str(&b, text);
    or_buf_put_z(&b, end_of_line);
    if (w == &asks->w)
        app_say(asks, or_buf_str(&b));
    else
        peer_say(talks, or_buf_str(&b));
    or_buf_free(&b);
}

static void ask_much(app *a, size_t kb)
{
    or_buf b;
    or_buf_init_growing(&b, &heap_allocator, SIZE_MAX);
    or_buf_put_z(&b, "{\"model\":\"m/a\",\"stream\":true,\"messages\":[{\"role\":\"user\","
                     "\"content\":\"");
    put_filler(&b, kb * 1024);
    or_buf_put_z(&b, "\"}]}");
    ask(a, "POST ", or_str_z(paths[0]), or_buf_str(&b));
    or_buf_free(&b);
}

/* The number in front of *text, at most `most`. */
static uint32_t number_in(or_str *text, uint32_t most)
{
    uint32_t n = 0;
    while (text->len > 0 && *text->ptr >= '0' && *text->ptr <= '9') {
        n = n * 10 + (uint32_t)(*text->ptr++ - '0');
        text->len--;
        if (n > most) n = most;
    }
    return n;
}

static void client_step(char step, or_str text)
{
    or_str   all = text;
    uint32_t n = number_in(&text, 512);
    wire    *w = &asks->w;
    if (w->fd < 0 && step != 'K') app_open(asks);
    if (w->fd < 0 && step != 'K') return;
    switch (step) {
    case 'K': asks->key = n % (sizeof keys / sizeof keys[0]); break;
    case 'P':
        if (all.len == 0 || *all.ptr < '0' || *all.ptr > '9') break;
        ask(asks, "POST ", or_str_z(paths[*all.ptr - '0']), or_str_of(all.ptr + 1, all.len - 1));
        break;
    case 'G': ask(asks, "GET ", all, OR_STR("")); break;
    case 'Q': ask_much(asks, n); break;
    case '>': say_line(w, all, "\r\n"); break;
    case '}': app_say(asks, all); break;
    case 'Y': {
        or_buf b;
        or_buf_init_growing(&b, &heap_allocator, SIZE_MAX);
        put_key(&b, asks->key);
        app_say(asks, or_buf_str(&b));
        or_buf_free(&b);
        break;
    }
    case 'H': shutdown(w->fd, SHUT_WR); break;
    case 'X': app_close(asks); break;
    case 'w': w->stalled = !w->stalled; break;
    }
}

static void peer_step(char step, or_str text)
{
    or_str   all = text;
    uint32_t n = number_in(&text, 512);
    if (talks == NULL || talks->w.fd < 0) return;
    switch (step) {
    case 'A': say_answer(talks, all); break;
    case 'S': peer_say(talks, OR_STR(SSE_HEAD "Transfer-Encoding: chunked\r\n\r\n")); break;
    case 'L': peer_say(talks, OR_STR(SSE_HEAD "Connection: close\r\n\r\n")); break;
    case 'C': say_chunk(talks, "", all, 0, "\n"); break;
    case 'D': say_chunk(talks, "data: ", all, 0, "\n\n"); break;
    case 'B':
        say_chunk(talks, "data: {\"choices\":[{\"delta\":{\"content\":\"", text, n * 1024,
                  "\"}}]}\n\n");
        break;
    case 'E': peer_say(talks, OR_STR("0\r\n\r\n")); break;
    case '<': say_line(&talks->w, all, "\r\n"); break;
    case '|': say_line(&talks->w, all, "\n"); break;
    case '{': peer_say(talks, all); break;
    case 'j': shutdown(talks->w.fd, SHUT_WR); break;
    case 'x': peer_close(talks); break;
    case 'W': talks->w.stalled = !talks->w.stalled; break;
    }
}

static void settings_path(char path[128], unsigned n)
{
    snprintf(path, 128, "%s/%u.conf", folder, n % NUM_SETTINGS);
}

static void world_step(char step, or_str text)
{
    uint32_t n = number_in(&text, MAX_PASS);
    char     path[128];
    options  o = {.file = path};
    switch (step) {
    case 'k': world_set_dial((world_dial)(n % 4)); break;
    case 'n': world.no_names = n == 0; break;
    case 'f': world.no_disk = n == 0; break;
    case 'e': world.no_descriptors = n == 0; break;
    case 'p': world.paused = n == 0; break;
    case 't': pass(n); break;
    case 'm': mem_set_limit(n > 0 ? mem_used() + n * 1024 : SIZE_MAX); break;
    case 'M': mem_set_limit(mem_used() + n); break;
    case 'q': client_drain(); break;
    case 'r':
        settings_path(path, n);
        simulated = simulated || n % NUM_SETTINGS == DEMO;
        reload(&o);
        break;
    }
}

static void take_step(or_str line)
{
    char   step = line.ptr[0];
    or_str text = or_str_of(line.ptr + 1, line.len - 1);
    show("step", (long)world.ms, line);
    if (step >= '0' && step < '0' + NUM_CLIENTS) {
        asks = &apps[step - '0'];
        app_open(asks);
    } else if (step >= 'a' && step <= 'd') {
        talks = &peers[step - 'a'];
    } else if (step == '&' || step == '.') {
        one_turn = step == '&';
    } else if (strchr("KPGQ>}YHXw", step) != NULL) {
        client_step(step, text);
    } else if (strchr("ASLCDBE<|{jxW", step) != NULL) {
        peer_step(step, text);
    } else if (strchr("knfeptmMqr", step) != NULL) {
        world_step(step, text);
    }
    if (!one_turn) settle();
}

/* True: it ended in the middle of everything. */
static bool play(or_str script)
{
    for (unsigned i = 0; i < MAX_STEPS && script.len > 0; i++) {
        size_t n = or_str_find(script, OR_STR("\n"), 0);
        or_str line = or_str_of(script.ptr, n);
        if (n > 0 && line.ptr[0] == '!') return true;
        if (n > 0 && line.ptr[0] != 0) take_step(line);
        n += n < script.len;
        script = or_str_of(script.ptr + n, script.len - n);
    }
    return false;
}

/* ---- the books ---- */

/* What an account counted, to compare it with what the ledger says. */
typedef struct count {
    int64_t spent, own, byok;
} count;

static count count_all(void)
{
    count c = {0, 0, 0};
    for (const account *a = books_next(NULL); a != NULL; a = books_next(a)) {
        if (a->budget.spent_pico_usd < 0 || a->own.total < 0 || a->byok.total < 0)
            die("less than nothing was spent");
        c.spent += a->budget.spent_pico_usd;
        c.own += a->own.total;
        c.byok += a->byok.total;
    }
    return c;
}

static void check_idle_accounts(void)
{
    for (const account *a = books_next(NULL); a != NULL; a = books_next(a)) {
        if (a->budget.reserved_pico_usd != 0) die("something stays reserved");
        if (a->concurrent != 0 || a->tokens_open != 0) die("a request is counted as running");
    }
}

/* ---- one run ---- */

static unsigned count_descriptors(void)
{
    unsigned       n = 0;
    DIR           *d = opendir("/proc/self/fd");
    if (d == NULL) abort();
    while (readdir(d) != NULL) n++;
    closedir(d);
    return n;
}

static void empty(const char *path)
{
    char           name[400];
    DIR           *d = opendir(path);
    struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        unlink(name);
    }
    if (d != NULL) closedir(d);
}

static void remove_folder(void)
{
    empty(state);
    (void)rmdir(state);
    empty(folder);
    (void)rmdir(folder);
}

static void make_folder(void)
{
    char        path[128], text[4096];
    struct stat st;
    snprintf(folder, sizeof folder, "%s/fuzz_proxy_XXXXXX",
             stat("/dev/shm", &st) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(folder) == NULL) abort();
    snprintf(state, sizeof state, "%s/state", folder);
    if (mkdir(state, 0700) != 0) abort();
    atexit(remove_folder);
    for (unsigned i = 0; i < NUM_SETTINGS; i++) {
        settings_path(path, i);
        FILE *f = fopen(path, "w");
        snprintf(text, sizeof text, texts[i], state, state);
        if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) abort();
    }
    setenv("FUZZ_A", keys[1], 1);
    setenv("FUZZ_B", keys[2], 1);
    setenv("FUZZ_M", keys[3], 1);
    setenv("FUZZ_P1", provider_keys[0], 1);
    setenv("FUZZ_P2", provider_keys[1], 1);
    snprintf(path, sizeof path, "%s.models", state);
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs("{\"data\":[]}", f) < 0 || fclose(f) != 0) abort();
    front.sun_family = AF_UNIX; /* an abstract one: its name begins with a 0 */
    int n = snprintf(front.sun_path + 1, sizeof front.sun_path - 1, "fuzz_proxy.%ld", (long)getpid());
    front_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static void listen_front(const conf *c)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&front, front_len) != 0 || listen(fd, 64) != 0 ||
        !client_listen(fd, c->listen[0], false))
        abort();
}

/* As orproxy.c does it, but for signals and sockets of the network. */
static void begin_proxy(unsigned number)
{
    char       path[128], why[512];
    conf_error e;
    options    o = {.file = path};
    settings_path(path, number);
    conf *c = build_conf(&o, &e);
    if (c == NULL) die(e.text);
    conf_use(c);
    conf_drop(c);
    mem_set_limit(SIZE_MAX);
    if (!ev_open((uint32_t)(c->limits.connections + 64) * 8)) abort();
    if (!upstream_setup(why, sizeof why) || !market_make(c, why, sizeof why)) die(why);
    uplink_setup(on_uplink);
    client_setup(api_setup(API_LOCAL));
    refresh_begin();
    reconcile_begin();
    if (!gate_open(c, c->state, &of_gate, why, sizeof why)) die(why);
    gate_find_management();
    listen_front(c);
    if (c->state != NULL) listen_control(c);
}

/* Everybody leaves, and time passes until the last timeout of all. */
static void calm_down(void)
{
    one_turn = world.paused = world.no_disk = world.no_names = world.no_descriptors = false;
    mem_set_limit(SIZE_MAX);
    world_set_dial(DIAL_REFUSED);
    for (app *a = apps; a < apps + NUM_CLIENTS; a++) app_close(a);
    for (peer *p = peers; p < peers + NUM_PEERS; p++) peer_close(p);
    settle();
    pass(2 * 3600 * 1000);
    if (client_count() != 0) die("a client is left");
    if (relay_num_streams() != 0) die("a stream is left");
    check_idle_accounts();
}

static void end_proxy(void)
{
    client_unlisten(conf_now()->listen[0]);
    client_unlisten("control");
    end();
    on_wake(&wake_io, 0); /* names that were found, and nobody wants any more */
    ev_remove_pipe(&wake_io, wake);
    cache_used = cache_next = 0;
    world_set_dial(DIAL_WORKS);
    control[0] = 0;
    for (app *a = apps; a < apps + NUM_CLIENTS; a++) app_close(a);
    for (peer *p = peers; p < peers + NUM_PEERS; p++) peer_close(p);
}

/* Opened again, the books say the same. */
static void check_ledger(unsigned number, count before)
{
    begin_proxy(number);
    count after = count_all();
    if (after.spent != before.spent || after.own != before.own || after.byok != before.byok)
        die("the ledger says something else than the books");
    settle();
    end_proxy();
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    or_str   all = or_str_of((const char *)data, size);
    unsigned descriptors, number;
    count    sums = {0, 0, 0};
    if (size < 2 || size > MAX_SCRIPT) return;
    for (size_t i = 1; i < sizeof keys / sizeof keys[0]; i++)
        if (has(all, keys[i])) return;
    for (size_t i = 0; i < 2; i++)
        if (has(all, provider_keys[i])) return;
    if (folder[0] == 0) {
        make_folder();
        for (app *a = apps; a < apps + NUM_CLIENTS; a++) a->w.fd = -1;
        for (peer *p = peers; p < peers + NUM_PEERS; p++) p->w.fd = -1;
    }
    number = (data[0] - (unsigned)'0') % NUM_SETTINGS;
    simulated = number == DEMO;
    lost = false;
    descriptors = count_descriptors();
    world_begin();
    num_whole = num_complete = 0;
    asks = apps;
    talks = NULL;
    for (app *a = apps; a < apps + NUM_CLIENTS; a++) a->key = 0;
    begin_proxy(number);
    settle();
    bool abrupt = play(or_str_of(all.ptr + 1, size - 1));
    const conf *last = conf_now();
    bool        kept = last->state != NULL && !abrupt;
    if (!abrupt) {
        calm_down();
        sums = count_all();
    }
    end_proxy();
    if (num_complete > num_whole && !simulated) die("an answer that was not whole looks so");
    if (mem_used() != 0) die("memory is left");
    if (kept && !lost) check_ledger(number, sums);
    empty(state);
    if (count_descriptors() != descriptors) die("a descriptor is left");
}
