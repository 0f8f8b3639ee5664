/* A stub of Arduino's Client.h: the same virtual functions, but those of IPAddress. */
#ifndef CLIENT_STUB_H
#define CLIENT_STUB_H

#include "Arduino.h"

class Client
{
public:
    virtual ~Client() {}
    virtual int     connect(const char *host, uint16_t port) = 0;
    virtual size_t  write(const uint8_t *buf, size_t size) = 0;
    virtual int     available() = 0;
    virtual int     read(uint8_t *buf, size_t size) = 0;
    virtual void    stop() = 0;
    virtual uint8_t connected() = 0;
};

#endif
