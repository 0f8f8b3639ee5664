/* ports/arduino.h against stubs of a core, with a Client over POSIX sockets. Included with
   ESP32 or ESP8266 defined. "TLS" is plain text here: what is tested is that nothing connects
   without trust anchors, and what becomes of each result. */
#define OR_IMPLEMENTATION
#include "or.h"

#include <type_traits>
#include <utility>

#include "ports/arduino.h"
#include "tests/loopback.h"
#include "tests/test.h"

unsigned long millis()
{
    static unsigned long now = 0xFFFFFFF0;
    return now += 8;
}

#if defined(ESP32)
extern "C" void esp_fill_random(void *buf, size_t len)
{
    memset(buf, 0x5a, len);
}
typedef NetworkClientSecure Secure;
static const char           anchors[] = "-----BEGIN CERTIFICATE-----";
static or_err               open_tls(or_arduino *a, Secure &client, uint16_t port)
{
    return or_arduino_open_tls(a, client, "localhost", port, anchors);
}
static bool is_set(const Secure &client)
{
    return client.ca == anchors && !client.insecure;
}
#else
EspClass ESP;
uint8_t *EspClass::random(uint8_t *buf, size_t len) const
{
    memset(buf, 0x5a, len);
    return buf;
}
typedef BearSSL::WiFiClientSecure Secure;
static const BearSSL::X509List    anchors(1);
static or_err                     open_tls(or_arduino *a, Secure &client, uint16_t port)
{
    return or_arduino_open_tls(a, client, "localhost", port, &anchors, 1800000000);
}
static bool is_set(const Secure &client)
{
    return client.ta == &anchors && client.now == 1800000000 && !client.insecure;
}
#endif

/* Can or_arduino_open be called with that client? */
template <class C, class = void> struct opens_plainly : std::false_type {
};
template <class C>
struct opens_plainly<C, decltype((void)or_arduino_open((or_arduino *)nullptr, std::declval<C &>(),
                                                       "", 0))> : std::true_type {
};
static_assert(opens_plainly<FakeClient>::value, "a plain client can");
static_assert(!opens_plainly<Secure>::value, "one with TLS cannot");

static or_err wait_of(void *, bool)
{
    usleep(100);
    return OR_OK;
}

static exchange side(or_arduino *a)
{
    exchange x = {or_arduino_io(a), wait_of, a};
    return x;
}

static void test_exchange(bool tls, or_err end)
{
    FakeClient plain;
    Secure     secure;
    or_arduino a;
    loopback   peer;
    char       mem[256], b;
    or_buf     text;
    or_buf_init(&text, mem, sizeof mem);
    loopback_start(&peer, LOOPBACK_SERVE);
    or_err e =
        tls ? open_tls(&a, secure, peer.port) : or_arduino_open(&a, plain, "localhost", peer.port);
    CHECK_ERR(e, OR_OK, "open");
    if (tls) CHECK(is_set(secure), "trust anchors");
    exchange    x = side(&a);
    FakeClient &client = tls ? secure : plain;
    CHECK(x.io.recv(x.io.user, &b, 1) == 0, "nothing yet");
    client.full = 2;
    CHECK(x.io.send(x.io.user, "x", 1) == 0, "not now");
    client.short_read = true;
    CHECK_ERR(exchange_ask(&x, &text), OR_OK, "exchange");
    CHECK_STR(or_buf_str(&text), OR_STR(EXCHANGE_TEXT), "text");
    loopback_end(&peer);
    CHECK_ERR(peer.served, OR_OK, "the peer's view");
    CHECK(exchange_recv(&x, &b, 1) == (ptrdiff_t)end, "the end");
    CHECK(x.io.recv(x.io.user, &b, 1) == (ptrdiff_t)end, "which stays");
    CHECK(x.io.send(x.io.user, "x", 1) == (ptrdiff_t)end, "for sending, too");
    or_arduino_close(&a);
    CHECK(client.fd < 0, "stopped");
    CHECK(x.io.recv(x.io.user, &b, 1) == OR_ERR_CLOSED, "receive after close");
    CHECK(x.io.send(x.io.user, "x", 1) == OR_ERR_CLOSED, "send after close");
}

/* An earlier setInsecure() does not last, and missing anchors do not connect. */
static void test_verification()
{
    uint16_t   port;
    or_arduino a;
    char       b;
    int        listener = loopback_listen(&port, true);
    Secure     client;
    client.setInsecure();
    CHECK_ERR(open_tls(&a, client, port), OR_OK, "open");
    CHECK(is_set(client), "verified all the same");
    or_arduino_close(&a);
    Secure other;
    other.setInsecure();
#if defined(ESP32)
    CHECK_ERR(or_arduino_open_tls(&a, other, "localhost", port, NULL), OR_ERR_ARG, "no authority");
    CHECK_ERR(or_arduino_open_tls(&a, other, "localhost", port, ""), OR_ERR_ARG, "an empty one");
    Secure plain_start;
    plain_start.setPlainStart();
    CHECK_ERR(open_tls(&a, plain_start, port), OR_ERR_ARG, "plain text at first");
    CHECK(plain_start.fd < 0, "not connected");
#else
    const BearSSL::X509List none(0);
    CHECK_ERR(or_arduino_open_tls(&a, other, "localhost", port, NULL, 1800000000), OR_ERR_ARG,
              "no anchors");
    CHECK_ERR(or_arduino_open_tls(&a, other, "localhost", port, &none, 1800000000), OR_ERR_ARG,
              "an empty list");
    CHECK_ERR(or_arduino_open_tls(&a, other, "localhost", port, &anchors, 8 * 3600), OR_ERR_ARG,
              "no clock");
#endif
    CHECK(other.fd < 0, "not connected");
    or_io io = or_arduino_io(&a);
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_ARG && io.send(io.user, "x", 1) == OR_ERR_ARG,
          "of no use");
    close(listener);
}

static void test_failures()
{
    FakeClient client;
    or_arduino a = or_arduino();
    uint16_t   port;
    loopback   peer;
    char       b;
    or_io      io = or_arduino_io(&a);
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_CLOSED, "receive from a zeroed one");
    CHECK(io.send(io.user, "x", 1) == OR_ERR_CLOSED, "send to a zeroed one");
    or_arduino_close(&a);
    int bound = loopback_listen(&port, false);
    CHECK_ERR(or_arduino_open(&a, client, "localhost", port), OR_ERR_IO, "refused");
    CHECK(client.fd < 0, "stopped");
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_IO && io.send(io.user, "x", 1) == OR_ERR_IO,
          "of no use");
    close(bound);
    Secure secure;
    bound = loopback_listen(&port, false);
    CHECK_ERR(open_tls(&a, secure, port), OR_ERR_IO, "refused");
    close(bound);

    loopback_start(&peer, LOOPBACK_ECHO);
    CHECK_ERR(or_arduino_open(&a, client, "localhost", peer.port), OR_OK, "open");
    exchange x = side(&a);
    CHECK_ERR(exchange_send(&x, OR_STR("abcdef")), OR_OK, "send");
    char buf[4];
    CHECK(exchange_recv(&x, buf, 4) == 4 && memcmp(buf, "abcd", 4) == 0, "no more than asked for");
    client.dead = true; /* with two bytes waiting */
    CHECK(exchange_recv(&x, buf, 4) == 2 && memcmp(buf, "ef", 2) == 0,
          "what is there is still read");
    CHECK(x.io.send(x.io.user, "x", 1) == OR_ERR_IO, "nothing can be sent");
    CHECK(x.io.recv(x.io.user, buf, 1) == OR_ERR_IO, "nor received");
    or_arduino_close(&a);
    loopback_end(&peer);
}

static void test_rest()
{
    unsigned char a[4] = {0};
    uint32_t      before = or_arduino_now_ms();
    CHECK(or_ms_diff(before, or_arduino_now_ms()) == 8, "the clock wraps");
    CHECK_ERR(or_arduino_random(a, sizeof a), OR_OK, "random");
    CHECK(a[0] == 0x5a && a[3] == 0x5a, "all of it");
}

static void test_arduino()
{
    test_exchange(false, OR_ERR_CLOSED);
    test_exchange(true, OR_ERR_TRUNCATED);
    test_verification();
    test_failures();
    test_rest();
}
