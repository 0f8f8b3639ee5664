/* Fuzz target of the engine. Two bytes choose the request, two the dice; the rest are upstreams,
   one after the other, parted by '|' and with the directives of call_play.h. By the dice bytes
   come in any pieces, transports fail, the caller pauses and cancels, and memory runs out.

   Checked: all that call_play.h checks, that memory is given back, and that an answer is complete
   only when a finish reason is in what was received, read in the plainest way. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "call_play.h"
#include "fuzz.h"

static uint32_t dice;

static uint32_t roll(uint32_t sides)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % sides;
}

/* ---- memory ---- */

typedef struct heap {
    size_t   outstanding;
    uint32_t fails; /* one allocation in so many; 0: none */
} heap;

static void *heap_alloc(void *user, size_t size)
{
    heap *h = (heap *)user;
    if (h->fails > 0 && roll(h->fails) == 0) return NULL;
    h->outstanding += size;
    return malloc(size);
}

static void heap_free(void *user, void *ptr, size_t size)
{
    ((heap *)user)->outstanding -= size;
    free(ptr);
}

/* ---- what is done to a call ---- */

static void disturb(call_play *p, const or_call_event *ev)
{
    (void)ev;
    if (p->call.paused || roll(30) == 0) or_call_pause(&p->call, p->now, !p->call.paused);
    if (p->user != NULL && roll(60) == 0) or_call_cancel(&p->call);
    if (roll(10) == 0) p->now += roll(4000);
}

/* Pieces and "not now", and in one of four a failure after them. */
static void shuffle(ram_dir *d, ptrdiff_t *steps, size_t num)
{
    static const ptrdiff_t fails[] = {OR_ERR_CLOSED, OR_ERR_IO};
    for (size_t i = 0; i < num; i++) steps[i] = (ptrdiff_t)roll(roll(2) == 0 ? 4 : 90);
    steps[0]++; /* all 0 would be never */
    d->steps = steps;
    d->num_steps = num;
    d->again = roll(4) != 0;
    if (!d->again && roll(2) == 0) steps[num - 1] = fails[roll(2)];
}

/* ---- the verdict ---- */

/* A finish reason that is a string, with any blanks. */
static bool has_finish(const char *text)
{
    static const char name[] = "\"finish_reason\"";
    for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name)) {
        const char *c = at + sizeof name - 1;
        while (*c == ' ' || *c == '\t' || *c == '\r' || *c == '\n') c++;
        if (*c++ != ':') continue;
        while (*c == ' ' || *c == '\t' || *c == '\r' || *c == '\n') c++;
        if (*c == '"') return true;
    }
    return strstr(text, "\\u") != NULL; /* it may be written in escapes */
}

static void judge(const call_play *p)
{
    static char text[1 << 16], chunks[1 << 16];
    const char *why = p->broken;
    if (p->begun == OR_OK && p->end.end == OR_END_COMPLETE && !p->desc.other) {
        (void)call_plain(p, p->served, false, text, sizeof text);
        (void)call_plain(p, p->served, true, chunks, sizeof chunks);
        if (!has_finish(text) && !has_finish(chunks)) why = "complete without a finish reason";
    }
    if (why == NULL) return;
    fprintf(stderr, "fuzz_call: broken: %s\n%s\n", why, p->log);
    abort();
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    static const char *const plans[] = {"01", "0123", "30", "4", "210", "0", "1430", "22"};
    static call_play         p;
    ptrdiff_t                recv_steps[12], send_steps[5];
    heap                     memory = {0, 0};
    or_allocator             allocator = {heap_alloc, heap_free, &memory};
    if (size < 4 || size > 60000) return;
    char *text = (char *)malloc(size - 3), *at = text;
    if (text == NULL) abort();
    memcpy(text, data + 4, size - 4);
    text[size - 4] = 0;
    dice = (uint32_t)data[2] << 8 | data[3];

    call_play_init(&p, plans[data[0] & 7]);
    p.desc.stream = (data[0] & 8) != 0;
    p.desc.other = (data[0] & 16) != 0;
    if ((data[0] & 32) != 0) p.desc.allocator = &allocator;
    if ((data[0] & 64) != 0) memory.fails = 20;
    p.desc.tries = data[1] & 7;
    if ((data[1] & 8) != 0) p.desc.max_cost_pico_usd = 900000;
    if ((data[1] & 16) != 0) or_budget_init(&p.budget, OR_WINDOW_NONE, 1000000);
    if ((data[1] & 32) != 0) p.user = &p; /* may be cancelled */
    if ((data[1] & 64) != 0) p.desc.sendv = call_sendv;
    p.desc.max_head = 400;
    p.desc.max_event = p.desc.max_held = p.desc.max_answer = 600;
    p.desc.timeouts.first_token_ms = 20000;
    p.desc.timeouts.total_ms = 90000;
    p.now = 0u - 30000;
    p.hook = disturb;
    p.which = CALL_EACH;
    shuffle(&p.recv, recv_steps, 12);
    shuffle(&p.send, send_steps, 5);
    for (int i = 0; i < CALL_ANSWERS && at != NULL; i++) {
        p.answers[i] = at;
        at = strchr(at, '|');
        if (at != NULL) *at++ = 0;
    }
    call_play_run(&p);
    judge(&p);
    call_play_free(&p);
    if (memory.outstanding != 0) {
        fprintf(stderr, "fuzz_call: memory is left\n");
        abort();
    }
    free(text);
}
