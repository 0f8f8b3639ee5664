/* bare.c - a firmware without an operating system: a streamed chat with a fallback, in a
   superloop, in one stated block of RAM, without malloc

   cc -I. examples/bare.c -o bare
   arm-none-eabi-gcc --specs=picolibc.specs --oslib=semihost --crt0=semihost -mcpu=cortex-m3 \
       -mthumb -Os -I. -Wl,--defsym=__flash=0,--defsym=__flash_size=0x40000 \
       -Wl,--defsym=__ram=0x20000000,--defsym=__ram_size=0x8000,--defsym=__stack_size=0x1000 \
       examples/bare.c -o bare
   qemu-system-arm -M mps2-an385 -nographic -semihosting-config enable=on -kernel bare
   The two providers are scripts here. On a device `radio` is the socket of your network stack
   (see ports/), and ms() your tick counter. */
#define OR_CALL_INPUT     256 /* received at once */
#define OR_CALL_SCRATCH   2048
#define OR_CHAT_MAX_CALLS 4
#define OR_NO_DIALECT /* both providers speak chat completions */
#define OR_IMPLEMENTATION
#include "or.h"

#include <stdio.h>
static const char busy[] = "HTTP/1.1 503 Busy\r\nContent-Length: 29\r\n\r\n"
                           "{\"error\":{\"message\":\"later\"}} ";
static const char talk[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: one moment\n\n"
    "data: {\"choices\":[{\"delta\":{\"content\":\"Moist\"}}]}\n\n"
    "data: {\"choices\":[{\"delta\":{\"content\":\" enough.\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":812,\"completion_tokens\":3,\"total_tokens\":815}}\n\n"
    "data: [DONE]\n\n";

/* The whole RAM of it, beside 1.5 KB of stack (Cortex-M3, gcc 12.2, printf included). */
static struct { or_client client; or_stats stats[2]; uint64_t mem[8192 / 8]; } ram;

static struct { or_str left; uint32_t ticks; } radio;

static uint32_t ms(void) { return radio.ticks++; }

/* Seven bytes at most, and every third time nothing. */
static ptrdiff_t radio_recv(void *user, void *buf, size_t len)
{
    size_t n = radio.left.len < 7 ? radio.left.len : 7;
    (void)user;
    if (radio.ticks % 3 == 0) return 0;
    if (n > len) n = len;
    if (n == 0) return OR_ERR_CLOSED;
    memcpy(buf, radio.left.ptr, n);
    radio.left.ptr += n;
    radio.left.len -= n;
    return (ptrdiff_t)n;
}

static ptrdiff_t radio_send(void *user, const void *buf, size_t len)
{
    (void)user, (void)buf;
    return (ptrdiff_t)(len < 64 ? len : 64);
}

int main(void)
{
    static const or_provider providers[2] = {{.base_url = OR_STR_INIT("http://far.example/v1")},
                                             {.base_url = OR_STR_INIT("http://near.local/v1")}};
    static or_endpoint endpoints[2] = {
        {.model = OR_STR_INIT("garden"), .provider = OR_STR_INIT("far")},
        {.model = OR_STR_INIT("garden"), .provider = OR_STR_INIT("near"), .target = 1}};
    static const or_io        io = {radio_recv, radio_send, NULL};
    static const or_catalogue catalogue = {endpoints, 2, NULL, 0, NULL};
    static const or_prefs     in_order = {.sort = OR_SORT_ROUND_ROBIN};
    static const or_msg       msg = {.content = OR_STR_INIT("Bed 4?")};
    static or_chat_desc       chat = {.model = OR_STR_INIT("garden"), .msgs = &msg, .num_msgs = 1,
                                      .stream = true, .provider = &in_order};
    static or_client_desc     desc = {.providers = providers, .num_providers = 2,
        .catalogue = &catalogue, .max_request = 1024,
        .call = {.stats = ram.stats, .max_head = 512, .max_event = 1024, .max_held = 512,
                 .max_answer = 512}, .mem = ram.mem, .mem_size = sizeof ram.mem};
    char          digits[32];
    or_buf        usd;
    or_call_event ev;
    or_moment     now = {0};
    or_price_set(&endpoints[1].prices.base, OR_PRICE_PROMPT, 37500); /* 0.0000000375 USD */
    or_price_set(&endpoints[1].prices.base, OR_PRICE_COMPLETION, 150000);
    or_err e = or_client_begin(&ram.client, &desc, &chat, &now);
    if (e != OR_OK) printf("cannot begin: %s\n", or_err_text(e));
    while (e == OR_OK || e == OR_NEED_MORE) {
        e = or_client_next(&ram.client, ms(), &ev);
        if (e != OR_OK) continue; /* NEED_MORE: blink, read sensors, feed the watchdog */
        if (ev.kind == OR_CALL_CONNECT) {
            radio.left = ev.endpoint == 0 ? OR_STR(busy) : OR_STR(talk);
            or_client_connected(&ram.client, ms(), &io, false);
        }
        if (ev.kind == OR_CALL_FAILED) printf("far: status %u\n", ev.failure->status);
        if (ev.kind == OR_CALL_DELTA && ev.delta->text.len > 0)
            printf("%.*s", (int)ev.delta->text.len, ev.delta->text.ptr);
        if (ev.kind != OR_CALL_END) continue;
        or_buf_init(&usd, digits, sizeof digits);
        or_decimal_put(&usd, ev.cost.pico_usd, 12);
        printf("\n%s, served by %.*s for %.*s USD\n%lu bytes of RAM and the stack\n",
               ev.end == OR_END_COMPLETE ? "complete" : "not complete",
               (int)endpoints[ev.endpoint].provider.len, endpoints[ev.endpoint].provider.ptr,
               (int)usd.len, usd.ptr, (unsigned long)sizeof ram);
    }
    return e == OR_DONE ? 0 : 1;
}
