/* Plays a call against scripted upstreams: drives or_call as its manual says, over ram_io and
   a clock of its own, writes what comes out into a log, and checks what holds for every call:
   the grammar of events, what is zero in them, that the clock is needed where or_call_wake
   says so and not a millisecond earlier, and that budget, statistics and memory balance.

   The log:   c0 c0!  CONNECT to endpoint 0; ! fresh
              f[..]   FAILED: status, or error and timer; then whose fault: P R K C U
              k x     CLOSE: kept or not
              b[1]    BEGIN with one event held
              (Hi;stop)  DELTA: text, finish
              a(Hi)   ANSWER
              =complete =error[..] =cut[..]   END, then the cost in pico-USD and its source:
                      U upstream, C computed, E estimated, ? unknown

   An upstream is text with directives before it:
     -  refuses to connect        ?  connects never
     >  was idle before           +  stays open after the text; else it closes
     <  takes 5 bytes of the question, then no more      !  ... then fails
     %  the text is made valid: "Content-Length: *" gets its number, and the body is put into
        chunks when the head says chunked */
#ifndef CALL_PLAY_H
#define CALL_PLAY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "or.h"
#include "ram_io.h"

#define CALL_ENDPOINTS 5
#define CALL_ANSWERS   8
#define CALL_LOG       4096
#define CALL_EACH      (SIZE_MAX - 1)
#define CALL_GUARD     64 /* bytes behind the call's memory that it must not touch */

typedef struct call_play {
    /* what to play; see call_play_init for what is there already */
    const char  *answers[CALL_ANSWERS]; /* one for each connection; NULL: refuses */
    or_call_desc desc;
    or_candidate candidates[CALL_ENDPOINTS];
    or_plan      plan;
    or_endpoint  endpoints[CALL_ENDPOINTS];
    or_catalogue catalogue;
    or_stats     stats[CALL_ENDPOINTS];
    or_budget    budget;
    uint32_t     now; /* begin with another time to see the clock wrap */
    /* how: the steps of connection `which`, or CALL_EACH; of the others everything at once */
    size_t      which;
    ram_dir     recv, send;
    bool        slowly; /* a byte at a time, "not now" between, both ways, all connections; an
                           answer begins when the question was sent */
    size_t      skew;   /* bytes that the call's memory is off its alignment */
    void (*hook)(struct call_play *p, const or_call_event *ev); /* after each event, and with
                                                                   NULL after NEED_MORE */
    void       *user;
    or_dialect  speak;  /* what all upstreams speak */
    /* what happened */
    or_call       call;
    or_err        begun;
    char          log[CALL_LOG];
    const char   *broken; /* what did not hold */
    or_call_event end;
    or_call_failure failure; /* of it; numbers only */
    uint32_t      steps, recvs, connects, began_ms, passed_ms, waited_ms;
    size_t        served;   /* index of the last connection */
    char         *built[CALL_ANSWERS];
    size_t        sent[CALL_ANSWERS], received[CALL_ANSWERS];
    or_str        pieces[4];
    /* private */
    ram_io  io;
    bool    connected, reused, blocks;
    uint8_t state;
    char   *block;
} call_play;

static inline void call_broke(call_play *p, const char *what)
{
    if (p->broken == NULL) p->broken = what;
}

static inline void call_put(call_play *p, const char *text)
{
    size_t at = strlen(p->log), n = strlen(text);
    if (at + n + 1 > sizeof p->log) {
        call_broke(p, "the log is full");
        return;
    }
    memcpy(p->log + at, text, n + 1);
}

static inline void call_put_str(call_play *p, or_str s)
{
    char   text[256];
    size_t n = s.len < sizeof text - 1 ? s.len : sizeof text - 1;
    if (n > 0) memcpy(text, s.ptr, n);
    text[n] = 0;
    call_put(p, text);
}

static inline void call_put_number(call_play *p, int64_t n)
{
    char   mem[32];
    or_buf b;
    or_buf_init(&b, mem, sizeof mem);
    or_buf_put_i64(&b, n);
    call_put_str(p, or_buf_str(&b));
}

/* ---- upstreams ---- */

/* The text behind its directives; which ones stand there. */
static inline const char *call_text(const char *answer, const char *directive, bool *there)
{
    *there = false;
    if (answer == NULL) {
        *there = *directive == '-';
        return "";
    }
    for (; *answer != 0 && strchr("-?>+<!%", *answer) != NULL; answer++)
        if (*answer == *directive) *there = true;
    return answer;
}

static inline bool call_has(const char *answer, const char *directive)
{
    bool there;
    (void)call_text(answer, directive, &there);
    return there;
}

/* Make a head and a body valid. The caller frees it. */
static inline char *call_build(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n"), *star = strstr(text, "Length: *");
    size_t      len = end != NULL ? strlen(end + 4) : 0;
    bool        chunked = strstr(text, "chunked") != NULL;
    char       *out = (char *)malloc(strlen(text) * 3 + 64), *at = out;
    if (out == NULL) abort();
    if (end == NULL) return strcpy(out, text);
    memcpy(at, text, (size_t)(end + 4 - text));
    at += end + 4 - text;
    if (star != NULL && star < end) {
        size_t before = (size_t)(star + 8 - text);
        at = out + before;
        at += sprintf(at, "%lu", (unsigned long)len);
        memcpy(at, star + 9, (size_t)(end + 4 - star - 9));
        at += end + 4 - star - 9;
    }
    if (!chunked) {
        memcpy(at, end + 4, len);
        at[len] = 0;
        return out;
    }
    for (size_t i = 0; i < len;) { /* of sizes that fit no event */
        size_t n = len - i < 23 ? len - i : 23;
        at += sprintf(at, "%x\r\n", (unsigned)n);
        memcpy(at, end + 4 + i, n);
        memcpy(at + n, "\r\n", 2);
        at += n + 2;
        i += n;
    }
    memcpy(at, "0\r\n\r\n", 6);
    return out;
}

static inline ptrdiff_t call_recv(void *user, void *buf, size_t len)
{
    call_play *p = (call_play *)user;
    size_t     question = 0;
    for (int i = 0; i < 4; i++) question += p->pieces[i].len;
    p->recvs++;
    if (p->slowly && p->io.send.failed == 0 && !p->blocks && p->io.send.moved < question)
        return 0;
    return ram_recv(&p->io, buf, len);
}

static inline ptrdiff_t call_send(void *user, const void *buf, size_t len)
{
    call_play *p = (call_play *)user;
    if (p->blocks && p->io.send.moved + len > 5) len = 5 - p->io.send.moved;
    return len > 0 ? ram_send(&p->io, buf, len) : 0;
}

/* For or_call_desc.sendv: all pieces that there are in one go. */
static inline ptrdiff_t call_sendv(void *user, const or_str *pieces, size_t num)
{
    ptrdiff_t sum = 0;
    for (size_t i = 0; i < num; i++) {
        ptrdiff_t n = call_send(user, pieces[i].ptr, pieces[i].len);
        if (n <= 0) return sum > 0 ? sum : n;
        sum += n;
        if ((size_t)n < pieces[i].len) break;
    }
    return sum;
}

static inline void call_connect(call_play *p, uint32_t now)
{
    static const ptrdiff_t slow[] = {1, 0}, fails[] = {5, OR_ERR_IO};
    const char            *answer = p->connects < CALL_ANSWERS ? p->answers[p->connects] : NULL;
    bool                   made, refuses;
    size_t                 i = p->connects++;
    const char            *text = call_text(answer, "%", &made);
    or_io                  io;
    (void)call_text(answer, "-", &refuses);
    p->served = i;
    if (refuses) or_call_refused(&p->call, OR_ERR_IO);
    if (refuses || call_has(answer, "?")) return;
    if (made && p->built[i] == NULL) p->built[i] = call_build(text);
    memset(&p->io, 0, sizeof p->io);
    p->io.in = or_str_z(made ? p->built[i] : text);
    p->io.open = call_has(answer, "+");
    if (p->slowly) {
        p->io.recv.steps = p->io.send.steps = slow;
        p->io.recv.num_steps = p->io.send.num_steps = 2;
        p->io.recv.again = p->io.send.again = true;
    }
    if ((i == p->which || p->which == CALL_EACH) && !p->slowly) {
        p->io.recv = p->recv;
        p->io.send = p->send;
    }
    p->blocks = call_has(answer, "<");
    if (call_has(answer, "!")) {
        memset(&p->io.send, 0, sizeof p->io.send);
        p->io.send.steps = fails;
        p->io.send.num_steps = 2;
    }
    p->connected = true;
    io.recv = call_recv;
    io.send = call_send;
    io.user = p;
    if (p->speak != OR_DIALECT_CHAT) or_call_speak(&p->call, p->speak);
    or_call_connected(&p->call, now, &io, call_has(answer, ">"), p->pieces, 4);
}

/* ---- what comes out ---- */

static inline const char *call_err_name(or_err e)
{
    switch (e) {
#define ORI_X(name, value, text)                                                   \
    case OR_##name: return #name;
        OR_ERRORS(ORI_X)
#undef ORI_X
    }
    return "?";
}

static inline void call_put_failure(call_play *p, const or_call_failure *f)
{
    static const char timers[] = "-CFBT", faults[] = "-PRKCU";
    char              letter[4] = " ?";
    if (f->err == OR_ERR_REFUSED)
        call_put_number(p, f->status);
    else
        call_put(p, call_err_name(f->err) + (f->err < 0 ? 4 : 0));
    if ((f->timer != OR_TIMER_NONE) != (f->err == OR_ERR_TIMEOUT)) call_broke(p, "timer");
    letter[1] = timers[f->timer];
    if (f->timer != OR_TIMER_NONE) call_put(p, letter);
    letter[1] = faults[f->fault];
    call_put(p, letter);
}

/* BETWEEN attempts, an attempt OPEN, it has FAILED, its STREAM or ANSWER was given, END was
   there but not the CLOSE, all is OVER. */
enum { CALL_BETWEEN, CALL_OPEN, CALL_FAILED, CALL_STREAM, CALL_ANSWER, CALL_ENDED, CALL_OVER };

/* The grammar of the manual, and what must be zero. */
static inline void call_check_event(call_play *p, const or_call_event *ev)
{
    uint8_t was = p->state;
    bool    ok = false;
    switch (ev->kind) {
    case OR_CALL_CONNECT:
        ok = was == CALL_BETWEEN;
        p->state = CALL_OPEN;
        break;
    case OR_CALL_FAILED:
        ok = was == CALL_OPEN;
        p->state = CALL_FAILED;
        break;
    case OR_CALL_CLOSE:
        ok = was == CALL_OPEN || was == CALL_FAILED || was == CALL_ENDED;
        if (was == CALL_OPEN && !p->reused) call_broke(p, "CLOSE without FAILED");
        p->state = was == CALL_ENDED ? CALL_OVER : CALL_BETWEEN;
        break;
    case OR_CALL_BEGIN:
        ok = was == CALL_OPEN;
        p->state = CALL_STREAM;
        break;
    case OR_CALL_DELTA: ok = was == CALL_STREAM && !p->call.is_data; break;
    case OR_CALL_DATA: ok = was == CALL_STREAM && p->call.is_data && ev->body.len > 0; break;
    case OR_CALL_ANSWER:
        ok = was == CALL_OPEN;
        p->state = CALL_ANSWER;
        break;
    case OR_CALL_END:
        ok = was <= CALL_ANSWER && was != CALL_FAILED;
        p->state = was == CALL_BETWEEN ? CALL_OVER : CALL_ENDED;
        if (ev->end == OR_END_COMPLETE && was != CALL_STREAM && was != CALL_ANSWER)
            call_broke(p, "complete, but nothing came");
        if (ev->end == OR_END_TRUNCATED && was != CALL_STREAM && was != CALL_ANSWER)
            call_broke(p, "truncated, but nothing came");
        break;
    }
    if (!ok) call_broke(p, "the grammar of events");
    bool fails = ev->kind == OR_CALL_FAILED ||
                 (ev->kind == OR_CALL_END && ev->end != OR_END_COMPLETE);
    if ((ev->failure != NULL) != fails) call_broke(p, "failure");
    if (ev->failure != NULL && ev->failure->err >= 0) call_broke(p, "a failure without error");
    if (ev->failure != NULL && ev->failure->fault == OR_FAULT_NONE) call_broke(p, "nobody's fault");
    bool event = ev->kind == OR_CALL_DELTA || fails;
    if ((ev->sse != NULL || ev->delta != NULL) && !event) call_broke(p, "sse, delta");
    if ((ev->sse == NULL || ev->delta == NULL) && ev->kind == OR_CALL_DELTA)
        call_broke(p, "a DELTA without");
    bool body = ev->kind == OR_CALL_ANSWER || ev->kind == OR_CALL_DATA;
    if ((ev->body.ptr != NULL) != body) call_broke(p, "body");
    if (ev->answer != NULL && ev->kind != OR_CALL_ANSWER) call_broke(p, "answer");
    if (ev->held.len > 0 && ev->kind != OR_CALL_BEGIN) call_broke(p, "held");
    if (ev->end != OR_END_OPEN && ev->kind != OR_CALL_END) call_broke(p, "end");
    if (ev->fresh && ev->kind != OR_CALL_CONNECT) call_broke(p, "fresh");
    if (ev->keep && ev->kind != OR_CALL_CLOSE) call_broke(p, "keep");
    if (ev->kind != OR_CALL_END && (ev->usage.set || ev->cost.source != OR_COST_UNKNOWN))
        call_broke(p, "usage, cost");
    if (ev->attempt != p->call.attempts) call_broke(p, "attempt");
}

/* Every byte that an event points to is there: a sanitizer looks. */
static inline void call_touch(or_str s)
{
    static volatile unsigned char sum;
    for (size_t i = 0; i < s.len; i++) sum = (unsigned char)(sum + (unsigned char)s.ptr[i]);
}

static inline void call_put_answer(call_play *p, const or_chat_answer *a)
{
    static const char *const finishes[] = {"", ";stop", ";length", ";tools", ";filter", ";error"};
    call_put(p, "(");
    call_put_str(p, a->reasoning);
    call_put_str(p, a->text);
    for (uint32_t i = 0; i < a->num_tool_calls; i++) {
        call_put(p, "{");
        call_put_str(p, a->tool_calls[i].arguments);
        call_put(p, "}");
    }
    call_put(p, finishes[a->finish]);
    call_put(p, ")");
}

static inline void call_put_end(call_play *p, const or_call_event *ev)
{
    static const char *const ends[] = {"=open", "=complete", "=error", "=cut"};
    static const char        sources[] = "?UCE";
    char                     letter[3] = "?";
    p->end = *ev;
    if (ev->failure != NULL) p->failure = *ev->failure;
    call_put(p, ends[ev->end]);
    if (ev->failure != NULL) {
        call_put(p, "[");
        call_put_failure(p, ev->failure);
        call_put(p, "]");
    }
    call_put(p, " $");
    call_put_number(p, ev->cost.pico_usd);
    letter[0] = sources[ev->cost.source];
    call_put(p, letter);
}

static inline void call_log_event(call_play *p, const or_call_event *ev)
{
    bool more = ev->kind == OR_CALL_DELTA || ev->kind == OR_CALL_DATA;
    if (p->log[0] != 0 && !more) call_put(p, " ");
    if (ev->failure != NULL) {
        call_touch(ev->failure->body);
        call_touch(ev->failure->error.message);
        call_touch(ev->failure->error.type);
    }
    if (ev->sse != NULL) call_touch(ev->sse->data);
    switch (ev->kind) {
    case OR_CALL_CONNECT:
        call_put(p, "c");
        call_put_number(p, ev->endpoint);
        if (ev->fresh) call_put(p, "!");
        break;
    case OR_CALL_FAILED:
        call_put(p, "f[");
        call_put_failure(p, ev->failure);
        call_put(p, "]");
        break;
    case OR_CALL_CLOSE: call_put(p, ev->keep ? "k" : "x"); break;
    case OR_CALL_BEGIN: {
        int held = 0;
        for (size_t at = 0; at < ev->held.len; at++)
            held += or_str_find(or_str_of(ev->held.ptr + at, ev->held.len - at), OR_STR("data: "),
                                0) == 0;
        call_put(p, "b[");
        call_put_number(p, held);
        call_put(p, "]");
        break;
    }
    case OR_CALL_DELTA:
        if (p->log[strlen(p->log) - 1] == ']') call_put(p, " ");
        call_put_answer(p, ev->delta);
        break;
    case OR_CALL_DATA: call_put_str(p, ev->body); break;
    case OR_CALL_ANSWER:
        call_put(p, "a");
        if (ev->answer != NULL) call_put_answer(p, ev->answer);
        call_touch(ev->body);
        break;
    case OR_CALL_END: call_put_end(p, ev); break;
    }
}

static inline void call_close(call_play *p)
{
    if (p->connected && p->served < CALL_ANSWERS) {
        p->sent[p->served] = p->io.send.moved;
        p->received[p->served] = p->io.recv.moved;
    }
    if (p->connected) ram_io_free(&p->io);
    p->connected = false;
    p->reused = false;
}

static inline void call_on_event(call_play *p, const or_call_event *ev)
{
    call_check_event(p, ev);
    call_log_event(p, ev);
    if (ev->kind == OR_CALL_CONNECT) {
        if (p->connected) call_broke(p, "two connections");
        p->reused = p->connects < CALL_ANSWERS && call_has(p->answers[p->connects], ">");
        call_connect(p, p->now);
    }
    if (ev->kind == OR_CALL_CLOSE) {
        /* of any upstream, more may come behind its answer */
        bool all = p->io.recv.moved == p->io.in.len || p->which == CALL_EACH;
        bool idle = p->connected && p->io.send.failed == 0 && p->io.recv.failed == 0 && all &&
                    !p->blocks;
        if (ev->keep && !idle) call_broke(p, "kept a connection that is not idle");
        call_close(p);
    }
}

/* ---- playing ---- */

/* Could bytes move now? Then the clock does not. */
static inline bool call_ready(const call_play *p)
{
    const ram_io *io = &p->io;
    if (!p->connected) return false;
    if (p->call.want_send && !p->blocks) return true;
    bool fails = io->recv.step < io->recv.num_steps && io->recv.steps[io->recv.step] < 0;
    return p->call.want_recv && (io->recv.moved < io->in.len || !io->open || fails);
}

/* Nothing moves: wait, first one millisecond less than asked for. */
static inline void call_wait(call_play *p)
{
    uint32_t      wake = or_call_wake(&p->call, p->now);
    or_call_event ev;
    if (wake == OR_NEVER || wake == 0) {
        call_broke(p, wake == 0 ? "it does not say what it waits for" : "it waits for ever");
        return;
    }
    p->passed_ms += wake;
    if (wake > 1) {
        p->now += wake - 1;
        if (or_call_next(&p->call, p->now, &ev) != OR_NEED_MORE || p->call.again)
            call_broke(p, "a millisecond too early");
        if (or_call_wake(&p->call, p->now) != 1) call_broke(p, "or_call_wake");
        wake = 1;
    }
    p->now += wake;
}

static inline void call_balance(call_play *p)
{
    uint32_t ended = 0;
    int64_t  paid = p->end.cost.pico_usd;
    for (int i = 0; i < CALL_ENDPOINTS; i++) {
        if (p->stats[i].in_flight != 0) call_broke(p, "an attempt is still counted");
        for (int k = 0; k < OR_FAULT_NUM; k++) ended += p->stats[i].outcomes[k];
    }
    if (p->desc.stats != NULL && ended != p->call.attempts) call_broke(p, "attempts are counted");
    if (p->budget.open != NULL || p->budget.reserved_pico_usd != 0)
        call_broke(p, "the reservation is open");
    if (p->end.cost.source == OR_COST_UNKNOWN) paid = p->call.reservation.pico_usd;
    if (p->desc.budget != NULL && p->budget.spent_pico_usd != paid) call_broke(p, "settled");
    for (size_t i = 0; i < CALL_GUARD; i++)
        if (p->block[p->skew + p->desc.mem_size + i] != (char)0xA5)
            call_broke(p, "it wrote behind its memory");
}

/* Give the call exactly the memory that it asks for, less `less`. */
static inline or_err call_begin(call_play *p, size_t less)
{
    p->desc.mem_size = or_call_need(&p->desc) - less;
    free(p->block);
    p->block = (char *)malloc(p->skew + p->desc.mem_size + CALL_GUARD);
    if (p->block == NULL) abort();
    memset(p->block, 0xA5, p->skew + p->desc.mem_size + CALL_GUARD);
    p->desc.mem = p->block + p->skew;
    p->began_ms = p->now;
    p->begun = or_call_begin(&p->call, &p->desc, p->now);
    return p->begun;
}

/* One step; false at the end. */
static inline bool call_step(call_play *p)
{
    or_call_event ev;
    uint32_t      recvs = p->recvs, now = p->now;
    or_err        e = or_call_next(&p->call, p->now, &ev);
    if (p->recvs > recvs + 1) call_broke(p, "more than one recv in a turn");
    if (++p->steps > 100000) call_broke(p, "no end");
    if (p->broken != NULL || e == OR_DONE) return false;
    if (e == OR_OK) call_on_event(p, &ev);
    if (p->hook != NULL) p->hook(p, e == OR_OK ? &ev : NULL);
    bool idle = !p->call.again && !call_ready(p) && p->now == now;
    if (e == OR_NEED_MORE && idle) call_wait(p);
    if (e < 0) call_broke(p, "or_call_next failed");
    return p->broken == NULL;
}

static inline void call_play_free(call_play *p)
{
    call_close(p);
    for (int i = 0; i < CALL_ANSWERS; i++) {
        free(p->built[i]);
        p->built[i] = NULL;
    }
    free(p->block);
    p->block = NULL;
}

/* What connection `which` received, without heads and, if that is wanted, without the framing
   of chunks, as text: read in the plainest way, to compare. Returns how many bytes there were
   to be received. */
static inline size_t call_plain(const call_play *p, size_t which, bool chunked, char *out,
                                size_t size)
{
    bool        made;
    const char *text = call_text(p->answers[which], "%", &made), *at, *end;
    if (made && p->built[which] != NULL) text = p->built[which];
    at = text;
    end = text + p->received[which];
    out[0] = 0;
    do { /* interim heads come before others */
        bool        interim = strncmp(at, "HTTP/1.1 1", 10) == 0;
        const char *body = strstr(at, "\r\n\r\n");
        if (body == NULL) return strlen(text);
        at = body + 4;
        if (!interim) break;
    } while (at < end);
    while (at < end) {
        size_t n = chunked ? (size_t)strtoul(at, NULL, 16) : (size_t)(end - at);
        if (chunked) at = strchr(at, '\n');
        if (n == 0 || at == NULL || at >= end) break;
        if (chunked) at++;
        if (n > (size_t)(end - at)) n = (size_t)(end - at);
        if (strlen(out) + n + 1 > size) break;
        strncat(out, at, n);
        at += n;
        if (chunked) at += end - at < 2 ? end - at : 2;
    }
    return strlen(text);
}

/* From begin to DONE. The log of a call that does not begin is the error. */
static inline void call_play_run(call_play *p)
{
    if (call_begin(p, 0) != OR_OK) {
        call_put(p, call_err_name(p->begun));
        if (p->budget.open != NULL) call_broke(p, "a reservation of what did not begin");
        return;
    }
    while (call_step(p)) {}
    if (p->broken == NULL && p->state != CALL_OVER) call_broke(p, "DONE without an end");
    if (p->broken == NULL) call_balance(p);
}

static inline void call_price(or_endpoint *e, uint64_t prompt, uint64_t completion)
{
    or_price_set(&e->prices.base, OR_PRICE_PROMPT, prompt);
    or_price_set(&e->prices.base, OR_PRICE_COMPLETION, completion);
}

/* A plan of endpoints given as digits: 0 and 1 offer the same, 2 has a larger context, 3 is
   another model with other parameters, 4 has no price. A question of 40 bytes, 100 tokens at
   most for the answer, a budget without limit, statistics. */
static inline void call_play_init(call_play *p, const char *plan)
{
    memset(p, 0, sizeof *p);
    for (uint32_t i = 0; i < CALL_ENDPOINTS; i++) {
        p->endpoints[i].model = i == 3 ? OR_STR("acme/small") : OR_STR("acme/big");
        p->endpoints[i].provider = or_str_of(&"01234"[i], 1);
        p->endpoints[i].context_length = i == 2 ? 32000 : 8000;
        p->endpoints[i].parameters_known = true;
        p->endpoints[i].parameters = i == 3 ? 5 : 1;
        if (i != 4) call_price(&p->endpoints[i], 1000 + 2000 * i, 2000 + 3000 * i);
    }
    p->catalogue.endpoints = p->endpoints;
    p->catalogue.num = CALL_ENDPOINTS;
    or_plan_init(&p->plan, p->candidates, CALL_ENDPOINTS);
    for (; *plan != 0; plan++) {
        bool again = *plan == '+'; /* the one before, by another key */
        if (again) p->candidates[p->plan.num] = p->candidates[p->plan.num - 1];
        p->candidates[p->plan.num].again = again;
        if (!again) p->candidates[p->plan.num].endpoint = (uint32_t)(*plan - '0');
        if (!again) p->candidates[p->plan.num].model = *plan == '3';
        p->plan.num++;
    }
    or_budget_init(&p->budget, OR_WINDOW_NONE, -1);
    p->desc.plan = &p->plan;
    p->desc.catalogue = &p->catalogue;
    p->desc.stats = p->stats;
    p->desc.budget = &p->budget;
    p->desc.stream = true;
    p->desc.bound.prompt_bytes = 40;
    p->desc.bound.max_tokens = 100;
    p->which = SIZE_MAX;
    p->pieces[0] = OR_STR("POST / HTTP/1.1\r\n\r\n");
    p->pieces[1] = OR_STR("");
    p->pieces[2] = OR_STR("{\"question\"");
    p->pieces[3] = OR_STR(":1}");
}

#endif
