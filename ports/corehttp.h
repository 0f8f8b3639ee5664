/* ports/corehttp - between or_io and the transport of FreeRTOS's coreHTTP and coreMQTT, both
   ways, for or.h

   Compiled against a stub of coreHTTP 3.1's transport_interface.h in tests/stubs, and run with
   it on x86-64; not run on a device. Cortex-M3: 0.3 KB of code, no memory.

   Build ports/corehttp.c along, with transport_interface.h in the include path. Opening and
   closing are those of the transport (for instance TLS_FreeRTOS_Connect); milliseconds are
   xTaskGetTickCount() * portTICK_PERIOD_MS; random bytes are the chip's.

   The interface says only that a failure is negative, and each transport has numbers of its
   own. An end of the stream that is none (a TLS connection that was cut) must not look like
   one, so only the values of OR_COREHTTP_IS_END are OR_ERR_CLOSED, all others OR_ERR_IO.
   FreeRTOS-Plus-TCP has one number for a close and a reset.

   Macros, for ports/corehttp.c:
       OR_COREHTTP_IS_END(n)  is n a clean end? Default: -128, pdFREERTOS_ERRNO_ENOTCONN, and
                              -0x7880, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY */
#ifndef OR_COREHTTP_H
#define OR_COREHTTP_H

#include "transport_interface.h"

#include "or.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An or_io over a transport; *t must stay while it is used. */
or_io or_corehttp_io(const TransportInterface_t *t);

/* A transport over an or_io; *io must stay while it is used. Failures are negative numbers of
   FreeRTOS: ENOTCONN for OR_ERR_CLOSED, ETIMEDOUT for OR_ERR_TIMEOUT, EIO for all others. It
   does not define struct NetworkContext, which stays yours. */
TransportInterface_t or_corehttp_transport(or_io *io);

#ifdef __cplusplus
}
#endif

#endif
