#include "proxy/client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "proxy/ev.h"
#include "proxy/log.h"
#include "proxy/mem.h"
#include "proxy/net.h"

enum {
    FIRST_READ = 2048,       /* bytes of input a connection starts with */
    OVER_LIMIT = 16,         /* connections above the limit that are told 503 */
    HIGH_WATER = 64 * 1024,  /* pending output at which the owner is held back */
    LOW_WATER = 16 * 1024,   /* ... and at which it may go on */
    BODY_STEP = 16 * 1024,   /* bytes that a body buffer grows by at least */
    TURN_BYTES = 256 * 1024, /* read from one connection per turn */
    LINGER_MS = 2000,        /* of silence, after which the peer has read a refusal */
    ACCEPT_PAUSE_MS = 100,   /* after running out of descriptors */
    MAX_ERROR = 64 * 1024,   /* bytes of an error object */
    MAX_PIECES = 64
};

typedef enum state { HEAD, BODY, BUSY, FLUSH, LINGER, CLOSED } state;

struct client {
    ev_io    io;
    ev_timer timer;
    ev_task  task; /* go on with pipelined input, or free a closed connection */
    client  *prev, *next;
    state    state;
    or_http  http;
    or_buf   in;    /* received; [0, used) is the request in work and does not move */
    size_t   used;
    or_buf   rest;  /* received behind a chunked body: the start of the next request */
    or_buf   body;  /* when it did not come whole with the head */
    or_str   whole; /* the body, wherever it is */
    or_buf   out;   /* [out_at, len) is to be sent */
    size_t   out_at;
    uint32_t began; /* when the request's first byte came; in LINGER, when that began */
    uint64_t dropped; /* bytes, in LINGER */
    void    *owner;
    const struct listener *from; /* which it came by; NULL: another way, or that one is closed */
    uint64_t held;       /* its answer may not end before that (client_hold); 0 */
    client  *next_held;
    or_dialect speaks;   /* what errors are told in */
    bool     last;       /* it closes after this answer */
    bool     head_known; /* the request's head can be read */
    bool     is_owner;
    bool     over_limit, keep_alive, body_read, answering, choked, chunked, no_body, ended;
};

typedef struct listener {
    ev_io    io; /* fd -1: free */
    ev_timer pause;
    char     address[80]; /* as in the settings */
    bool     owner;
} listener;

static const client_hooks *hooks;
static client             *clients;
static client             *held_first, **held_end = &held_first; /* the smallest `held` first */
static unsigned            num_clients, num_busy;
static listener            listeners[CONF_MAX_LISTEN];
static unsigned            num_listeners; /* slots that were ever used */
static bool                draining;
static char                scratch[64 * 1024]; /* input that is used up at once */

static void on_ready(ev_io *io, unsigned events);
static void proceed(client *c);

void client_setup(const client_hooks *h)
{
    hooks = h;
    draining = false;
}

unsigned client_count(void)
{
    return num_clients;
}

bool client_is_owner(const client *c)
{
    return c->is_owner;
}

unsigned client_busy(void)
{
    return num_busy;
}

/* ---- connections ---- */

static unsigned max_clients(void)
{
    return (unsigned)conf_now()->limits.connections + OVER_LIMIT;
}

static void listen_again(void)
{
    for (unsigned i = 0; i < num_listeners; i++)
        if (num_clients < max_clients() && listeners[i].io.fd >= 0)
            ev_want(&listeners[i].io, EV_READ);
}

static void release(client *c)
{
    or_buf_free(&c->in);
    or_buf_free(&c->rest);
    or_buf_free(&c->body);
    or_buf_free(&c->out);
    mem_free(c, sizeof *c);
    num_clients--;
    listen_again();
}

static void unhold(client *c)
{
    client **at = &held_first;
    if (c->held == 0) return;
    while (*at != c) at = &(*at)->next_held;
    *at = c->next_held;
    if (held_end == &c->next_held) held_end = at;
    c->next_held = NULL;
    c->held = 0;
}

static void set_state(client *c, state next)
{
    num_busy -= c->state == BUSY || c->state == FLUSH;
    num_busy += next == BUSY || next == FLUSH;
    c->state = next;
}

static void close_client(client *c)
{
    if (c->state == CLOSED) return;
    set_state(c, CLOSED);
    unhold(c);
    int fd = c->io.fd;
    ev_remove(&c->io);
    close(fd);
    ev_timer_stop(&c->timer);
    if (c->prev != NULL) c->prev->next = c->next;
    if (c->next != NULL) c->next->prev = c->prev;
    if (clients == c) clients = c->next;
    ev_defer(&c->task);
}

/* The peer is gone: tell the owner, if there is one. */
static void hang_up(client *c)
{
    void *owner = c->owner;
    c->owner = NULL;
    close_client(c);
    if (owner != NULL) hooks->gone(owner);
}

static void on_task(void *user)
{
    client *c = user;
    if (c->state == CLOSED)
        release(c);
    else
        proceed(c);
}

static bool broken(const client *c)
{
    return c->state == CLOSED || c->state == LINGER;
}

/* ---- output ---- */

static size_t pending(const client *c)
{
    return c->out.len - c->out_at;
}

/* Drop n sent bytes from the front of the output. */
static void sent(client *c, size_t n)
{
    c->out_at += n;
    if (c->out_at < c->out.len) return;
    c->out_at = 0;
    if (c->out.cap > LOW_WATER)
        or_buf_free(&c->out);
    else
        or_buf_clear(&c->out);
}

/* Is there room for what comes while an answer is on its way? */
static bool reads_ahead(const client *c)
{
    return c->in.cap == 0 || c->in.len < c->in.cap;
}

static void watch(client *c)
{
    unsigned want = 0;
    if (c->state == HEAD || c->state == BODY || c->state == LINGER) want |= EV_READ;
    /* While an answer is on its way, reading tells that the peer hung up; what it pipelines
       is kept as long as it fits, since the request in front of it must not move. */
    if ((c->state == BUSY || c->state == FLUSH) && reads_ahead(c) && !c->ended)
        want |= EV_READ;
    if (pending(c) > 0 && c->held == 0) want |= EV_WRITE;
    ev_want(&c->io, want);
}

/* Send what is pending, then the pieces, in one call; keep what the peer does not take.
   False when the connection is lost (memory for the rest included). */
static bool send_pieces(client *c, const or_str *pieces, size_t num)
{
    struct iovec iov[MAX_PIECES + 1];
    int          n = 0;
    assert(num <= MAX_PIECES);
    if (pending(c) > 0) {
        iov[n].iov_base = c->out.ptr + c->out_at;
        iov[n++].iov_len = pending(c);
    }
    for (size_t i = 0; i < num; i++) {
        if (pieces[i].len == 0) continue;
        iov[n].iov_base = (void *)(uintptr_t)pieces[i].ptr; /* writev does not write there */
        iov[n++].iov_len = pieces[i].len;
    }
    if (n == 0) return true;
    if (c->held > 0) { /* it waits with the rest */
        for (size_t i = 0; i < num; i++) or_buf_put_str(&c->out, pieces[i]);
        return c->out.err == OR_OK;
    }

    struct msghdr message = {0};
    message.msg_iov = iov;
    message.msg_iovlen = (size_t)n;
    ssize_t moved = sendmsg(c->io.fd, &message, MSG_NOSIGNAL);
    if (moved < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return false;
    size_t left = moved > 0 ? (size_t)moved : 0;
    if (pending(c) > 0) {
        size_t first = left < pending(c) ? left : pending(c);
        sent(c, first);
        left -= first;
    }
    if (c->out_at > 0 && c->out_at >= c->out.len / 2) { /* room in front, before appending */
        or_buf_take(&c->out, c->out_at);
        c->out_at = 0;
    }
    for (size_t i = 0; i < num; i++) {
        size_t skip = left < pieces[i].len ? left : pieces[i].len;
        left -= skip;
        or_buf_put(&c->out, pieces[i].ptr + skip, pieces[i].len - skip);
    }
    if (c->out.err != OR_OK) {
        log_line("client: no memory for %zu bytes of output: connection cut", pending(c));
        return false;
    }
    if (pending(c) > 0)
        ev_timer_set(&c->timer, conf_now()->timeout.between_bytes);
    else if (c->state == BUSY)
        ev_timer_stop(&c->timer);
    return true;
}

/* Close in a way that lets the peer read the answer first: a close with unread input
   resets the connection and destroys what is in flight. */
static void linger(client *c)
{
    set_state(c, LINGER);
    or_buf_free(&c->in);
    shutdown(c->io.fd, SHUT_WR);
    c->began = ev_now();
    ev_timer_set(&c->timer, LINGER_MS);
    watch(c);
}

/* The answer is sent: the next request, or the end. */
static void answered(client *c)
{
    ev_timer_stop(&c->timer);
    or_buf_free(&c->body);
    if (!c->keep_alive || draining || c->last) {
        linger(c);
        return;
    }
    or_buf_take(&c->in, c->used);
    or_buf_put_str(&c->in, or_buf_str(&c->rest));
    or_buf_free(&c->rest);
    c->used = 0;
    c->head_known = c->body_read = c->answering = c->choked = c->ended = false;
    set_state(c, HEAD);
    if (c->in.err != OR_OK) {
        close_client(c);
        return;
    }
    ev_timer_set(&c->timer, conf_now()->timeout.client);
    if (c->in.len > 0) ev_defer(&c->task);
    watch(c);
}

/* Everything of the answer was handed over. */
static void end_answer(client *c)
{
    c->owner = NULL;
    if (!c->body_read) c->keep_alive = false;
    set_state(c, FLUSH);
    if (pending(c) == 0 && c->held == 0) /* held: even the close behind HTTP/1.0 tells the end */
        answered(c);
    else
        watch(c);
}

void client_hold(client *c, uint64_t until)
{
    if (broken(c) || c->held > 0) return;
    c->held = until;
    *held_end = c;
    held_end = &c->next_held;
}

static void flush(client *c);

void client_release(uint64_t reached)
{
    while (held_first != NULL && held_first->held <= reached) {
        client *c = held_first;
        unhold(c);
        if (!broken(c)) flush(c);
    }
}

static void flush(client *c)
{
    if (!send_pieces(c, NULL, 0)) {
        hang_up(c);
        return;
    }
    if (c->state == FLUSH && pending(c) == 0) {
        answered(c);
        return;
    }
    if (c->choked && pending(c) <= LOW_WATER) {
        c->choked = false;
        if (c->owner != NULL) hooks->drained(c->owner);
    }
    if (!broken(c)) watch(c);
}

/* The Date field's value; formatted once per second. */
static or_str date(void)
{
    static char   text[40];
    static time_t last;
    time_t        t = time(NULL);
    struct tm     tm;
    if (t != last && gmtime_r(&t, &tm) != NULL) {
        last = t;
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    return or_str_z(text);
}

/* Status line and the fields that every answer has; the caller ends the head. */
static void put_head(client *c, or_buf *head, uint16_t status, or_str fields)
{
    or_http_put_status(head, status);
    or_http_put_field(head, OR_STR("Date"), date());
    or_buf_put_str(head, fields);
    if (c->head_known) hooks->fields(c, head);
    if (!c->keep_alive || draining || c->last)
        or_http_put_field(head, OR_STR("Connection"), OR_STR("close"));
    else if (c->http.head.minor == 0)
        or_http_put_field(head, OR_STR("Connection"), OR_STR("keep-alive"));
}

void client_reply(client *c, uint16_t status, const char *content_type, or_str fields, or_str body)
{
    char   mem[4096];
    or_buf head;
    if (broken(c)) return;
    assert(!c->answering);
    c->answering = true;
    if (!c->body_read) c->keep_alive = false;
    or_buf_init(&head, mem, sizeof mem);
    put_head(c, &head, status, fields);
    if (status != 204) {
        or_http_put_field(&head, OR_STR("Content-Type"), or_str_z(content_type));
        or_http_put_length(&head, body.len);
    }
    or_http_put_head_end(&head);
    or_str pieces[2] = {or_buf_str(&head), c->no_body ? or_str_of("", 0) : body};
    if (head.err != OR_OK || !send_pieces(c, pieces, 2)) {
        hang_up(c);
        return;
    }
    end_answer(c);
}

/* In the words of a client that does not speak chat completions. */
static or_err put_reply_error(or_buf *out, const envelope *e, or_dialect speaks)
{
    or_reply_error said;
    or_buf         mem;
    or_buf_init_growing(&mem, &mem_allocator_kept, MAX_ERROR);
    or_err err = envelope_as_reply(&mem, e, &said);
    if (err == OR_OK) err = or_reply_put_error(out, speaks, &said);
    or_buf_free(&mem);
    return err;
}

void client_error(client *c, const envelope *e, or_str fields)
{
    or_buf body;
    bool   chat = c->speaks == OR_DIALECT_CHAT || c->speaks == OR_DIALECT_TEXT;
    or_buf_init_growing(&body, &mem_allocator_kept, MAX_ERROR);
    if ((chat ? envelope_put(&body, e) : put_reply_error(&body, e, c->speaks)) == OR_OK) {
        client_reply(c, e->status, "application/json", fields, or_buf_str(&body));
    } else {
        static const char plain[] = "{\"error\":{\"code\":503,\"message\":\"out of memory\"}}";
        client_reply(c, 503, "application/json", OR_STR("Retry-After: 1\r\n"), or_str_z(plain));
    }
    or_buf_free(&body);
}

/* An error of our own; the connection ends after it when the message is not over. */
static void refuse(client *c, uint16_t status, const char *message)
{
    envelope e = {.status = status, .message = or_str_z(message)};
    c->keep_alive = false;
    client_error(c, &e, status == 503 ? OR_STR("Retry-After: 1\r\n") : or_str_of(NULL, 0));
}

void client_stream_begin(client *c, uint16_t status, or_str fields)
{
    char   mem[4096];
    or_buf head;
    if (broken(c)) return;
    assert(!c->answering);
    c->answering = true;
    /* a 204 has no body by definition: a chunk's end would be taken for the next answer */
    c->chunked = c->http.head.minor == 1 && status != 204 && status != 205;
    if (!c->chunked) c->keep_alive = false; /* HTTP/1.0: the end is the close */
    or_buf_init(&head, mem, sizeof mem);
    put_head(c, &head, status, fields);
    if (c->chunked) or_http_put_field(&head, OR_STR("Transfer-Encoding"), OR_STR("chunked"));
    or_http_put_head_end(&head);
    if (c->body_read && c->used == c->in.len) { /* streams are open for long, its head is not needed */
        or_buf_free(&c->in);
        c->used = 0;
    }
    or_str text = or_buf_str(&head);
    if (head.err == OR_OK && or_buf_put_str(&c->out, text) == OR_OK) return; /* with the first piece */
    c->out.err = OR_OK; /* no memory: then at once */
    if (head.err != OR_OK || !send_pieces(c, &text, 1)) hang_up(c);
}

/* Frame the pieces as a chunk where the answer has chunks; how many pieces that makes. */
static size_t frame(const client *c, const or_str *pieces, size_t num, char line[18], or_str *all)
{
    size_t n = 0, total = 0;
    assert(num <= MAX_PIECES - 3);
    for (size_t i = 0; i < num; i++) total += pieces[i].len;
    if (total == 0) return 0;
    if (c->chunked) all[n++] = or_str_of(line, or_http_chunk_head(line, total));
    for (size_t i = 0; i < num; i++) all[n++] = pieces[i];
    if (c->chunked) all[n++] = OR_STR(OR_HTTP_CHUNK_END);
    return n;
}

bool client_stream(client *c, const or_str *pieces, size_t num)
{
    or_str all[MAX_PIECES];
    char   line[18];
    if (broken(c)) return false;
    if (!send_pieces(c, all, frame(c, pieces, num, line, all))) {
        hang_up(c);
        return false;
    }
    c->choked = pending(c) > HIGH_WATER;
    watch(c);
    return !c->choked;
}

void client_stream_end(client *c, const or_str *pieces, size_t num, bool complete)
{
    or_str all[MAX_PIECES];
    char   line[18];
    if (broken(c)) return;
    size_t n = frame(c, pieces, num, line, all);
    if (c->chunked) all[n++] = OR_STR(OR_HTTP_LAST_CHUNK);
    if (!complete || !send_pieces(c, all, n)) {
        c->owner = NULL;
        close_client(c);
        return;
    }
    end_answer(c);
}

/* ---- input ---- */

bool client_came_whole(const client *c)
{
    const or_http_head *h = &c->http.head;
    return !h->has_body || (!h->chunked && h->content_length <= c->in.len - c->used);
}

const or_http_head *client_head(const client *c)
{
    return &c->http.head;
}

or_str client_body(const client *c)
{
    return c->whole;
}

or_err client_take_body(client *c, or_buf *to)
{
    if (c->body.len == 0 || c->whole.ptr != c->body.ptr) return or_buf_put_str(to, c->whole);
    or_buf_free(to);
    *to = c->body;
    or_buf_init_growing(&c->body, &mem_allocator, conf_now()->limits.body);
    c->whole = or_str_of("", 0);
    return OR_OK;
}

void client_owner(client *c, void *owner)
{
    c->owner = owner;
}

/* What to answer when the reader of requests gives up. */
static void refuse_http(client *c, or_err e)
{
    char     text[160];
    bool understood = e == OR_ERR_BODY && !c->head_known; /* all but its length */
    c->head_known = false;
    if (!c->answering) c->speaks = understood ? hooks->speaks(&c->http.head) : c->speaks;
    uint16_t status = c->http.answer != 0 ? c->http.answer : 400;
    switch (status) {
    case 413:
        snprintf(text, sizeof text, "request body is too large: limits.body is %zu bytes",
                 conf_now()->limits.body);
        break;
    case 414:
    case 431:
        snprintf(text, sizeof text,
                 "request head is too large: limits.head is %zu bytes and %d lines",
                 conf_now()->limits.head, OR_HTTP_MAX_FIELDS);
        break;
    case 501:
        snprintf(text, sizeof text,
                 "transfer coding is not supported: send Content-Length or chunked");
        break;
    case 505: snprintf(text, sizeof text, "HTTP version is not supported: use HTTP/1.1"); break;
    default: snprintf(text, sizeof text, "bad HTTP request: %s", or_err_text(e)); break;
    }
    refuse(c, status, text);
}

static void request_complete(client *c)
{
    c->body_read = true;
    if (c->body.len > 0) c->whole = or_buf_str(&c->body);
    ev_timer_stop(&c->timer);
    set_state(c, BUSY);
    watch(c);
    hooks->request(c);
}

/* Give bytes behind the head to the reader; true when the request is whole. What is left
   in *bytes then is the next request's. */
static bool take_body(client *c, or_str *bytes)
{
    or_http_event ev;
    or_err        e;
    while ((e = or_http_next(&c->http, bytes, &ev)) == OR_OK) {
        if (ev.kind == OR_HTTP_END) return true;
        if (c->body.ptr != NULL && ev.data.ptr == c->body.ptr + c->body.len)
            c->body.len += ev.data.len; /* was received in its place */
        else if (c->body.len == 0 && ev.data.len == c->http.head.content_length)
            c->whole = ev.data; /* came with the head and stays there */
        else if (or_buf_put_str(&c->body, ev.data) != OR_OK)
            break;
    }
    if (c->body.err != OR_OK)
        refuse(c, 503, "no memory for the request body: limits.memory is reached");
    else if (e < 0)
        refuse_http(c, e);
    return false;
}

static bool send_continue(client *c)
{
    or_str go_on = OR_STR("HTTP/1.1 100 Continue\r\n\r\n");
    return send_pieces(c, &go_on, 1);
}

static void head_complete(client *c)
{
    const or_http_head *h = &c->http.head;
    c->head_known = true;
    c->speaks = hooks->speaks(h);
    c->keep_alive = h->keep_alive;
    c->no_body = or_str_eq(h->method, OR_STR("HEAD"));
    c->whole = or_str_of("", 0);
    c->body_read = !h->has_body;
    set_state(c, BODY);
    if (c->over_limit) {
        refuse(c, 503, "too many connections: limits.connections is reached");
        return;
    }
    if (h->expect_other) {
        refuse(c, 417, "expectation is not supported: only 100-continue is");
        return;
    }
    if (!hooks->head(c)) return;
    if (h->expect_continue && h->has_body && c->used == c->in.len && !send_continue(c)) {
        close_client(c);
        return;
    }
    ev_timer_set(&c->timer, conf_now()->timeout.client);
}

/* Make what can be made of the input in hand. */
static void proceed(client *c)
{
    or_http_event ev;
    if (c->state != HEAD || c->in.len == 0) return;
    or_str in = or_buf_str(&c->in);
    or_err e;
    do { /* the end of a request that was answered by its head is still to be read */
        e = or_http_next(&c->http, &in, &ev);
    } while (e == OR_OK && ev.kind == OR_HTTP_END);
    c->used = (size_t)(in.ptr - c->in.ptr);
    if (e == OR_NEED_MORE) {
        or_buf_take(&c->in, c->used); /* an empty line in front of the request */
        c->used = 0;
        return;
    }
    if (e != OR_OK) {
        set_state(c, BODY);
        refuse_http(c, e);
        return;
    }
    head_complete(c);
    if (c->state != BODY) return;
    or_str rest = or_str_of(c->in.ptr + c->used, c->in.len - c->used);
    bool whole = take_body(c, &rest);
    c->used = c->in.len - rest.len; /* before an answer can ask for what follows */
    if (whole) request_complete(c);
}

/* recv with the or_io results: 0 is "not now". */
static ptrdiff_t receive(client *c, void *to, size_t size)
{
    ssize_t n = recv(c->io.fd, to, size, 0);
    if (n > 0) return n;
    if (n == 0) return OR_ERR_CLOSED;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : OR_ERR_IO;
}

static void read_head(client *c)
{
    if (c->in.len == c->in.cap &&
        or_buf_reserve(&c->in, c->in.cap == 0 ? FIRST_READ : 1) != OR_OK) {
        close_client(c); /* no memory for even that */
        return;
    }
    ptrdiff_t n = receive(c, c->in.ptr + c->in.len, c->in.cap - c->in.len);
    if (n < 0) {
        close_client(c);
        return;
    }
    if (n > 0 && c->in.len == 0) {
        c->began = ev_now();
        ev_timer_set(&c->timer, conf_now()->timeout.client); /* for the whole head */
    }
    c->in.len += (size_t)n;
    proceed(c);
}

/* Where the next bytes of a body go: straight to their place when the length is known. */
static or_str body_room(client *c)
{
    const or_http_head *h = &c->http.head;
    if (h->chunked) return or_str_of(scratch, sizeof scratch);
    uint64_t left = h->content_length - c->body.len;
    /* who has sent a fifth of what the head says is believed, and gets the place for all of it */
    bool     believed = left < BODY_STEP || c->body.len >= left / 4;
    size_t   step = believed ? (size_t)left : BODY_STEP;
    if (or_buf_reserve(&c->body, step) != OR_OK) return or_str_of(NULL, 0);
    size_t room = c->body.cap - c->body.len;
    return or_str_of(c->body.ptr + c->body.len, left < room ? (size_t)left : room);
}

/* A slow sender gets so many milliseconds per step, and so many in all. */
static void wait_for_more(client *c, uint32_t step, uint32_t all)
{
    int32_t left = (int32_t)all - or_ms_diff(c->began, ev_now());
    ev_timer_set(&c->timer, left < (int32_t)step ? (left > 0 ? (uint32_t)left : 1) : step);
}

static void read_body(client *c)
{
    for (size_t total = 0; c->state == BODY && total < TURN_BYTES;) {
        or_str room = body_room(c);
        if (room.ptr == NULL) {
            refuse(c, 503, "no memory for the request body: limits.memory is reached");
            return;
        }
        ptrdiff_t n = receive(c, (void *)(uintptr_t)room.ptr, room.len);
        if (n < 0) {
            close_client(c);
            return;
        }
        if (n == 0) return;
        total += (size_t)n;
        or_str bytes = or_str_of(room.ptr, (size_t)n);
        if (take_body(c, &bytes)) {
            if (or_buf_put_str(&c->rest, bytes) != OR_OK) c->keep_alive = false;
            request_complete(c);
            return;
        }
        if ((size_t)n < room.len) break;
    }
    if (c->state == BODY) wait_for_more(c, conf_now()->timeout.client, conf_now()->timeout.total);
}

/* The peer sends no more: it is gone, or has closed that side only and waits for its answer
   (RFC 9112 section 9.6 allows it). Who is gone resets the connection when something comes, and
   everybody skips a 100; but HTTP/1.0 has none. False: gone. */
static bool sends_no_more(client *c)
{
    c->ended = true;
    if (c->http.head.minor == 0 || (!c->answering && !send_continue(c))) return false;
    if (c->answering && c->owner != NULL) hooks->ended(c->owner);
    return true;
}

/* Input while an answer is on its way: the next request, or a hang-up. */
static void read_ahead(client *c)
{
    char      mem[256]; /* where it goes of a stream, which has given its buffer back */
    bool      freed = c->in.cap == 0;
    ptrdiff_t n = freed ? receive(c, mem, sizeof mem)
                        : receive(c, c->in.ptr + c->in.len, c->in.cap - c->in.len);
    if (n == OR_ERR_CLOSED && sends_no_more(c)) n = 0;
    if (n < 0 || (freed && or_buf_put(&c->in, mem, (size_t)n) != OR_OK)) {
        hang_up(c);
        return;
    }
    if (!freed) c->in.len += (size_t)n;
    watch(c);
}

/* What was on its way when it was refused: as much as a body may have, for as long as a head may
   take. */
static void discard(client *c)
{
    for (size_t total = 0; total < TURN_BYTES;) {
        ptrdiff_t n = receive(c, scratch, sizeof scratch);
        if (n < 0 || (c->dropped += (uint64_t)n) > conf_now()->limits.body) {
            close_client(c);
            return;
        }
        if (n == 0) break;
        total += (size_t)n;
    }
    wait_for_more(c, LINGER_MS, conf_now()->timeout.client);
}

static void on_ready(ev_io *io, unsigned events)
{
    client *c = io->user;
    if (events & EV_WRITE) flush(c);
    switch (c->state) {
    case HEAD:
        if (events & (EV_READ | EV_ERROR)) read_head(c);
        break;
    case BODY:
        if (events & (EV_READ | EV_ERROR)) read_body(c);
        break;
    case BUSY:
    case FLUSH:
        if (events & EV_ERROR)
            hang_up(c);
        else if ((events & EV_READ) && reads_ahead(c))
            read_ahead(c);
        break;
    case LINGER:
        if (events & (EV_READ | EV_ERROR)) discard(c);
        break;
    case CLOSED: break;
    }
}

static void on_timer(ev_timer *t)
{
    client *c = t->user;
    switch (c->state) {
    case HEAD:
        if (c->in.len == 0) {
            close_client(c); /* idle */
            break;
        }
        set_state(c, BODY);
        refuse(c, 408, "request head took too long: see timeout.client");
        break;
    case BODY: refuse(c, 408, "request body took too long: see timeout.client"); break;
    case BUSY:
    case FLUSH: hang_up(c); break; /* takes nothing in: see timeout.between_bytes */
    case LINGER: close_client(c); break;
    case CLOSED: break;
    }
}

/* ---- listening ---- */

static bool serve(int fd, const listener *from)
{
    client *c = mem_alloc_kept(sizeof *c);
    if (c == NULL) return false;
    or_http_limits limits = {(uint32_t)conf_now()->limits.head, 0, conf_now()->limits.body};
    or_http_init(&c->http, OR_HTTP_SERVER, &limits);
    or_buf_init_growing(&c->in, &mem_allocator_kept, conf_now()->limits.head + FIRST_READ);
    or_buf_init_growing(&c->rest, &mem_allocator, sizeof scratch);
    or_buf_init_growing(&c->body, &mem_allocator, conf_now()->limits.body);
    or_buf_init_growing(&c->out, &mem_allocator, SIZE_MAX);
    c->task.run = on_task;
    c->task.user = c;
    c->timer.fire = on_timer;
    c->timer.user = c;
    c->io.fd = fd;
    c->io.ready = on_ready;
    c->io.user = c;
    if (!ev_add(&c->io, EV_READ)) {
        mem_free(c, sizeof *c);
        return false;
    }
    c->next = clients;
    if (clients != NULL) clients->prev = c;
    clients = c;
    c->from = from;
    c->is_owner = from == NULL || from->owner;
    c->over_limit = num_clients++ >= conf_now()->limits.connections;
    ev_timer_set(&c->timer, conf_now()->timeout.client);
    return true;
}

bool client_serve(int fd)
{
    return serve(fd, NULL);
}

static void on_connection(ev_io *io, unsigned events)
{
    listener *l = io->user;
    (void)events;
    while (num_clients < max_clients()) {
        int fd = net_accept(io->fd);
        if (fd < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED)
                return;
            log_line("accept: %s: waiting %d ms", strerror(errno), ACCEPT_PAUSE_MS);
            break;
        }
        if (!serve(fd, l)) {
            close(fd);
            break;
        }
    }
    ev_want(io, 0);
    ev_timer_set(&l->pause, ACCEPT_PAUSE_MS);
}

static void on_pause(ev_timer *t)
{
    (void)t;
    listen_again();
}

static listener *find_listener(const char *address)
{
    for (unsigned i = 0; i < num_listeners; i++)
        if (listeners[i].io.fd >= 0 && strcmp(listeners[i].address, address) == 0)
            return &listeners[i];
    return NULL;
}

bool client_listens(const char *address)
{
    return find_listener(address) != NULL;
}

bool client_listen(int fd, const char *address, bool owner)
{
    unsigned i = 0;
    while (i < num_listeners && listeners[i].io.fd >= 0) i++;
    if (i == CONF_MAX_LISTEN) {
        errno = ENOSPC;
        return false;
    }
    listener *l = &listeners[i];
    l->io.fd = fd;
    l->io.ready = on_connection;
    l->io.user = l;
    l->pause.fire = on_pause;
    l->owner = owner;
    snprintf(l->address, sizeof l->address, "%s", address);
    if (!ev_add(&l->io, EV_READ)) {
        l->io.fd = -1;
        return false;
    }
    if (i == num_listeners) num_listeners++;
    return true;
}

static void stop_listening(listener *l)
{
    int fd = l->io.fd;
    ev_timer_stop(&l->pause);
    ev_remove(&l->io);
    close(fd);
    l->io.fd = -1;
}

void client_unlisten(const char *address)
{
    listener *l = find_listener(address);
    if (l == NULL) return;
    stop_listening(l);
    for (client *c = clients, *next; c != NULL; c = next) {
        next = c->next;
        if (c->from != l) continue;
        c->from = NULL;
        c->last = true;
        if (c->state == HEAD || c->state == BODY) close_client(c);
    }
}

void client_drain(void)
{
    draining = true;
    for (unsigned i = 0; i < num_listeners; i++)
        if (listeners[i].io.fd >= 0) stop_listening(&listeners[i]);
    for (client *c = clients, *next; c != NULL; c = next) {
        next = c->next;
        if (c->state == HEAD && c->in.len == 0) close_client(c);
    }
}

void client_shutdown(void)
{
    client_release(UINT64_MAX);
    while (clients != NULL) hang_up(clients);
}
