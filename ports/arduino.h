/* ports/arduino.h - over Arduino's Client, for or.h: TLS by WiFiClientSecure on ESP32 and ESP8266,
   plain TCP by whatever network library there is

   Compiled as C++11 against stubs of Arduino-ESP32 3 and of the ESP8266 core 3 in tests/stubs,
   and run with them on x86-64; not run on a board. Nothing to build along: all of it is in
   this header. Beside the Client a connection is 12 bytes.

       #define OR_IMPLEMENTATION
       #include <or.h>
       #include <ports/arduino.h>

       NetworkClientSecure client;      // ESP8266: BearSSL::WiFiClientSecure
       or_arduino          connection;
       or_err e = or_arduino_open_tls(&connection, client, "openrouter.ai", 443, root_ca_pem);
       or_io  io = or_arduino_io(&connection);

   The server's certificate is always verified against the trust anchors that you give. There
   is no way to ask for less: opening sets them anew, which undoes an earlier setInsecure(),
   setFingerprint() and their like, and a client with TLS cannot be opened without them.
   ESP8266: set the clock first (configTime) and give it. ESP32: whether dates are checked
   depends on how the core's mbedTLS was built.

   What blocks: opening (name, connection, handshake) and sending, as long as the client's own
   setTimeout says; receiving returns at once. On ESP8266 there has to be a free
   block of 17 KB of heap, since servers send full records.

   Clients do not tell an end from a cut. With TLS both are OR_ERR_TRUNCATED, so an answer has
   to tell its length, as those of all LLM servers do (chunked). */
#ifndef OR_ARDUINO_H
#define OR_ARDUINO_H

#include <Arduino.h>
#include <Client.h>

#include "or.h"

#if defined(ESP32)
#include <NetworkClientSecure.h>
#include <esp_random.h>
#if !defined(ESP_ARDUINO_VERSION_MAJOR) || ESP_ARDUINO_VERSION_MAJOR < 3
#error "ports/arduino.h needs Arduino-ESP32 3.0 or newer"
#endif
#elif defined(ESP8266)
#include <ESP8266WiFi.h>
#include <WiFiClientSecure.h>
#include <time.h>
#endif

/* A connection; *client must stay. Zeroed is a closed one. */
struct or_arduino {
    Client *client;
    bool    tls;
    or_err  end; /* how it ended; it stays so */
};

/* Milliseconds since the start; wraps after 49.7 days. */
inline uint32_t or_arduino_now_ms()
{
    return (uint32_t)millis();
}

#if defined(ESP32) || defined(ESP8266)
/* Random bytes, fit for keys while Wi-Fi runs. Other boards: there is none. */
inline or_err or_arduino_random(void *buf, size_t len)
{
#if defined(ESP32)
    esp_fill_random(buf, len);
#else
    ESP.random((uint8_t *)buf, len);
#endif
    return OR_OK;
}
#endif

/* private */
inline or_err ori_arduino_opened(or_arduino *a, Client &client, bool tls, bool connected)
{
    a->client = &client;
    a->tls = tls;
    a->end = connected ? OR_OK : OR_ERR_IO;
    if (!connected) client.stop();
    return a->end;
}

/* Connect without TLS, for a gateway in the same network. OR_ERR_IO: not connected. */
inline or_err or_arduino_open(or_arduino *a, Client &client, const char *host, uint16_t port)
{
    return ori_arduino_opened(a, client, false, client.connect(host, port) > 0);
}

#if defined(ESP32)
/* Connect with TLS. ca is the authority to trust, in PEM; it must stay. OR_ERR_ARG: there is
   none, or the client is set to begin in plain text; OR_ERR_IO: not connected, or refused
   (client.lastError has words). */
inline or_err or_arduino_open_tls(or_arduino *a, NetworkClientSecure &client, const char *host,
                                  uint16_t port, const char *ca)
{
    bool arguments = ca != NULL && ca[0] != 0 && !client.stillInPlainStart();
    if (arguments) client.setCACert(ca);
    ori_arduino_opened(a, client, true, arguments && client.connect(host, port) > 0);
    if (!arguments) a->end = OR_ERR_ARG;
    return a->end;
}

or_err or_arduino_open(or_arduino *a, NetworkClientSecure &client, const char *host,
                       uint16_t port) = delete; /* use or_arduino_open_tls */
#elif defined(ESP8266)
/* Connect with TLS. anchors are the authorities to trust; they must stay. now is the time,
   seconds since 1970. OR_ERR_ARG: no anchors, or the clock is not set; OR_ERR_IO: not
   connected, or refused (client.getLastSSLError has words). */
inline or_err or_arduino_open_tls(or_arduino *a, BearSSL::WiFiClientSecure &client,
                                  const char *host, uint16_t port, const BearSSL::X509List *anchors,
                                  time_t now)
{
    bool arguments = anchors != NULL && anchors->getCount() > 0 && now > 1700000000;
    if (arguments) client.setTrustAnchors(anchors);
    if (arguments) client.setX509Time(now);
    ori_arduino_opened(a, client, true, arguments && client.connect(host, port) > 0);
    if (!arguments) a->end = OR_ERR_ARG;
    return a->end;
}

or_err or_arduino_open(or_arduino *a, BearSSL::WiFiClientSecure &client, const char *host,
                       uint16_t port) = delete; /* use or_arduino_open_tls */
#endif

/* private; asked before the bytes, as some may come in between */
inline ptrdiff_t ori_arduino_recv(void *user, void *buf, size_t len)
{
    or_arduino *a = (or_arduino *)user;
    if (a->client == NULL) return OR_ERR_CLOSED;
    if (a->end != OR_OK) return a->end;
    bool up = a->client->connected() != 0;
    int  n = a->client->available();
    if (n <= 0 && up) return 0;
    if (n <= 0) {
        a->end = a->tls ? OR_ERR_TRUNCATED : OR_ERR_CLOSED;
        return a->end;
    }
    if (len > (size_t)n) len = (size_t)n;
    n = a->client->read((uint8_t *)buf, len);
    return n > 0 ? n : 0;
}

inline ptrdiff_t ori_arduino_send(void *user, const void *buf, size_t len)
{
    or_arduino *a = (or_arduino *)user;
    if (a->client == NULL) return OR_ERR_CLOSED;
    if (a->end != OR_OK) return a->end;
    size_t n = a->client->write((const uint8_t *)buf, len);
    if (n > 0) return (ptrdiff_t)n;
    if (a->client->connected()) return 0;
    a->end = OR_ERR_IO;
    return a->end;
}

/* An or_io over it; *a must stay while the or_io is used. */
inline or_io or_arduino_io(or_arduino *a)
{
    or_io io;
    io.recv = ori_arduino_recv;
    io.send = ori_arduino_send;
    io.user = a;
    return io;
}

inline void or_arduino_close(or_arduino *a)
{
    if (a->client != NULL) a->client->stop();
    a->end = OR_ERR_CLOSED;
}

#endif
