/* A stub of Arduino-ESP32 3's NetworkClientSecure: its switches behave like the real ones. */
#ifndef NETWORK_CLIENT_SECURE_STUB_H
#define NETWORK_CLIENT_SECURE_STUB_H

#include "fake_client.h"

class NetworkClientSecure : public FakeClient
{
public:
    const char *ca = nullptr;
    bool        insecure = false, plain_start = false;

    void setInsecure()
    {
        ca = nullptr;
        insecure = true;
    }
    void setCACert(const char *pem)
    {
        ca = pem;
        insecure = false;
    }
    void setPlainStart()
    {
        plain_start = true;
    }
    bool stillInPlainStart()
    {
        return plain_start;
    }
    int connect(const char *host, uint16_t port) override
    {
        return ca == nullptr && !insecure ? 0 : FakeClient::connect(host, port);
    }
};

#endif
