/* A stub: the names and shapes of coreHTTP 3.1's transport_interface.h that ports/corehttp
   uses, and nothing else. */
#ifndef TRANSPORT_INTERFACE_H_
#define TRANSPORT_INTERFACE_H_

#include <stddef.h>
#include <stdint.h>

struct NetworkContext;
typedef struct NetworkContext NetworkContext_t;

typedef int32_t (*TransportRecv_t)(NetworkContext_t *, void *, size_t);
typedef int32_t (*TransportSend_t)(NetworkContext_t *, const void *, size_t);

typedef struct TransportOutVector {
    const void *iov_base;
    size_t      iov_len;
} TransportOutVector_t;
typedef int32_t (*TransportWritev_t)(NetworkContext_t *, TransportOutVector_t *, size_t);

typedef struct TransportInterface {
    TransportRecv_t   recv;
    TransportSend_t   send;
    TransportWritev_t writev;
    NetworkContext_t *pNetworkContext;
} TransportInterface_t;

#endif
