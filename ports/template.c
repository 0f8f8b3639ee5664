/* ports/template.c - the empty port: copy it, rename or_template, fill in

   As it stands it compiles, and every function says that it does not work. Say here: what it
   was tried on, with which version of the SDK; the build line; bytes of code, and of memory
   for each connection; what blocks; what it cannot do. Put the types and declarations into a
   header of the same name, with the comments that a caller needs.

   Settings are macros with a default (as OR_TEMPLATE_TIMEOUT_MS here). A setting of the SDK
   under which the port cannot work, or would be unsafe, is an #error that names the cure. */
#include "or.h"

#include <string.h>

#ifndef OR_TEMPLATE_TIMEOUT_MS
#define OR_TEMPLATE_TIMEOUT_MS 10000
#endif
#if OR_TEMPLATE_TIMEOUT_MS < 1
#error "OR_TEMPLATE_TIMEOUT_MS is in milliseconds and at least 1: take out your #define, or mend it"
#endif

/* A connection, owned by the caller, without memory of its own if that can be. Zeroed is a
   closed one. */
typedef struct or_template {
    int      handle;
    bool     open;
    or_err   end; /* how it ended; the first failure stays */
    uint32_t start_ms;
} or_template;

uint32_t or_template_now_ms(void);
or_err   or_template_random(void *buf, size_t len);
or_err   or_template_open(or_template *t, const char *host, uint16_t port);
or_err   or_template_step(or_template *t);
or_io    or_template_io(or_template *t);
void     or_template_close(or_template *t);

/* Milliseconds since some moment, from a clock that never jumps. It may wrap at 2^32, and only
   there: cut a wider counter down after dividing it, not before. */
uint32_t or_template_now_ms(void)
{
    return 0;
}

/* Bytes that nobody can guess, or OR_ERR_IO. Never rand(), a clock or an address: TLS keys are
   made of these. Leave the function out where the platform has nothing fit. */
or_err or_template_random(void *buf, size_t len)
{
    (void)buf;
    (void)len;
    return OR_ERR_IO;
}

/* Begin to connect, without waiting if the platform can. With TLS: demand verification, set the
   host's name, and offer no way around either. After a failure nothing is left to close.
   Platforms that can only wait do it here, say so at the top, and have no step. */
or_err or_template_open(or_template *t, const char *host, uint16_t port)
{
    memset(t, 0, sizeof *t);
    t->start_ms = or_template_now_ms();
    t->end = OR_ERR_IO;
    (void)host;
    (void)port;
    return t->end;
}

/* OR_OK: connected. OR_NEED_MORE: call again. OR_ERR_IO: refused, unreachable, no trust.
   OR_ERR_TIMEOUT after OR_TEMPLATE_TIMEOUT_MS. After a failure it is closed. */
or_err or_template_step(or_template *t)
{
    if (t->open) return OR_OK;
    if (t->end != OR_OK) return t->end;
    if (or_ms_diff(t->start_ms, or_template_now_ms()) >= OR_TEMPLATE_TIMEOUT_MS)
        t->end = OR_ERR_TIMEOUT;
    return t->end != OR_OK ? t->end : OR_NEED_MORE;
}

/* The contract of or_io, in or.h: bytes moved, at most len; 0 for "not now", without waiting;
   an or_err. The end of the stream is OR_ERR_CLOSED and never 0. With TLS it is OR_ERR_CLOSED
   only after close_notify; an end without it, or one that the platform cannot tell from it, is
   OR_ERR_TRUNCATED, as whoever sits on the line can cause it. Many platforms tell of an end
   once and of something else afterwards: remember it. */
static ptrdiff_t io_recv(void *user, void *buf, size_t len)
{
    or_template *t = user;
    (void)buf;
    (void)len;
    return t->end != OR_OK ? t->end : OR_ERR_CLOSED;
}

/* The same. What it says is taken has to arrive or be followed by an error. Some TLS libraries
   encrypt before they find that there is no room, and want the same bytes again: then say so
   at the top, and check the length. */
static ptrdiff_t io_send(void *user, const void *buf, size_t len)
{
    or_template *t = user;
    (void)buf;
    (void)len;
    return t->end != OR_OK ? t->end : OR_ERR_CLOSED;
}

or_io or_template_io(or_template *t)
{
    or_io io;
    io.recv = io_recv;
    io.send = io_send;
    io.user = t;
    return io;
}

/* Also for one that is closed, or zeroed. With TLS: say close_notify if that does not wait, and
   wipe the keys. Afterwards receiving and sending are OR_ERR_CLOSED. */
void or_template_close(or_template *t)
{
    t->open = false;
    t->end = OR_ERR_CLOSED;
}
