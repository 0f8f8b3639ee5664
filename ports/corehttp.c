#include "ports/corehttp.h"

#include <string.h>

#ifndef OR_COREHTTP_IS_END
#define OR_COREHTTP_IS_END(n) ((n) == -128 || (n) == -0x7880)
#endif

/* ---- an or_io over a transport ---- */

static ptrdiff_t result_of(int32_t n)
{
    if (n >= 0) return n;
    return OR_COREHTTP_IS_END(n) ? OR_ERR_CLOSED : OR_ERR_IO;
}

static size_t at_most(size_t len)
{
    return len < INT32_MAX ? len : INT32_MAX; /* what a result can say */
}

static ptrdiff_t io_recv(void *user, void *buf, size_t len)
{
    const TransportInterface_t *t = user;
    return result_of(t->recv(t->pNetworkContext, buf, at_most(len)));
}

static ptrdiff_t io_send(void *user, const void *buf, size_t len)
{
    const TransportInterface_t *t = user;
    return result_of(t->send(t->pNetworkContext, buf, at_most(len)));
}

or_io or_corehttp_io(const TransportInterface_t *t)
{
    or_io io;
    io.recv = io_recv;
    io.send = io_send;
    io.user = (void *)(uintptr_t)t; /* only read */
    return io;
}

/* ---- a transport over an or_io ---- */

enum { FREERTOS_EIO = -5, FREERTOS_ETIMEDOUT = -116, FREERTOS_ENOTCONN = -128 };

static int32_t number_of(ptrdiff_t n)
{
    if (n >= 0) return (int32_t)n;
    if (n == OR_ERR_CLOSED) return FREERTOS_ENOTCONN;
    return n == OR_ERR_TIMEOUT ? FREERTOS_ETIMEDOUT : FREERTOS_EIO;
}

static int32_t transport_recv(NetworkContext_t *context, void *buf, size_t len)
{
    const or_io *io = (const or_io *)(const void *)context;
    return len == 0 ? 0 : number_of(io->recv(io->user, buf, at_most(len)));
}

static int32_t transport_send(NetworkContext_t *context, const void *buf, size_t len)
{
    const or_io *io = (const or_io *)(const void *)context;
    return len == 0 ? 0 : number_of(io->send(io->user, buf, at_most(len)));
}

TransportInterface_t or_corehttp_transport(or_io *io)
{
    TransportInterface_t t;
    memset(&t, 0, sizeof t); /* writev stays NULL: it is optional, and older ones have none */
    t.recv = transport_recv;
    t.send = transport_send;
    t.pNetworkContext = (NetworkContext_t *)(void *)io;
    return t;
}
