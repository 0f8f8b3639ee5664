/* What the stubs of both cores are made of: a Client over a POSIX socket. "TLS" is plain text. */
#ifndef FAKE_CLIENT_H
#define FAKE_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "Client.h"

class FakeClient : public Client
{
public:
    int  fd = -1;
    int  full = 0;          /* so many writes take nothing */
    bool short_read = false; /* the next read gives nothing after all */
    bool dead = false;

    ~FakeClient() override
    {
        stop();
    }
    int connect(const char *, uint16_t port) override
    {
        struct sockaddr_in a = sockaddr_in();
        a.sin_family = AF_INET;
        a.sin_port = htons(port);
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd = ::socket(AF_INET, SOCK_STREAM, 0);
        return ::connect(fd, (struct sockaddr *)&a, sizeof a) == 0 ? 1 : 0;
    }
    size_t write(const uint8_t *buf, size_t size) override
    {
        if (dead || fd < 0) return 0;
        if (full > 0) {
            full--;
            return 0;
        }
        ssize_t n = ::send(fd, buf, size, MSG_NOSIGNAL);
        return n > 0 ? (size_t)n : 0;
    }
    int available() override
    {
        int n = 0;
        return fd >= 0 && ::ioctl(fd, FIONREAD, &n) == 0 ? n : 0;
    }
    int read(uint8_t *buf, size_t size) override
    {
        if (short_read) {
            short_read = false;
            return -1;
        }
        return (int)::recv(fd, buf, size, MSG_DONTWAIT);
    }
    void stop() override
    {
        if (fd >= 0) ::close(fd);
        fd = -1;
    }
    uint8_t connected() override
    {
        char b;
        return fd >= 0 && !dead && ::recv(fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
    }
};

#endif
