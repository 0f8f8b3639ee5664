/* A stub of the ESP8266 core 3's BearSSL::WiFiClientSecure: its switches behave like the real
   ones. */
#ifndef WIFI_CLIENT_SECURE_STUB_H
#define WIFI_CLIENT_SECURE_STUB_H

#include <time.h>

#include "fake_client.h"

namespace BearSSL
{

class X509List
{
public:
    explicit X509List(size_t n) : count(n) {}
    size_t getCount() const
    {
        return count;
    }

private:
    size_t count;
};

class WiFiClientSecure : public FakeClient
{
public:
    const X509List *ta = nullptr;
    bool            insecure = false;
    time_t          now = 0;

    void setInsecure()
    {
        ta = nullptr;
        insecure = true;
    }
    void setTrustAnchors(const X509List *anchors)
    {
        insecure = false;
        ta = anchors;
    }
    void setX509Time(time_t t)
    {
        now = t;
    }
    int connect(const char *host, uint16_t port) override
    {
        return ta == nullptr && !insecure ? 0 : FakeClient::connect(host, port);
    }
};

} // namespace BearSSL

#endif
