/* A transport made of memory, played from a script: what the other side sends and where
   it stops, in which pieces bytes move, when the answer is "not now", where it fails. A
   client that works over this one at every setting needs no network to be trusted.

   Each direction has steps, one per call:
     > 0   move at most that many bytes
     0     "not now"
     < 0   fail with that or_err; it stays failed
   After the last step, or without steps, as much as possible is moved; `again` starts the
   steps over. Zeroed is a peer that sends nothing and closes, and takes everything. */
#ifndef RAM_IO_H
#define RAM_IO_H

#include <stdlib.h>
#include <string.h>

#include "or.h"

typedef struct ram_dir {
    const ptrdiff_t *steps;
    size_t           num_steps;
    bool             again;
    size_t           close_at; /* bytes after which it ends with OR_ERR_CLOSED; 0: at the end
                                  of `in`, or never for what is sent */
    /* what happened */
    size_t        step;
    size_t        moved; /* bytes so far */
    unsigned long calls;
    ptrdiff_t     failed; /* the error that stays, else 0 */
} ram_dir;

typedef struct ram_io {
    or_str  in;   /* what the other side sends; may grow while open */
    bool    open; /* after `in`: "not now" instead of OR_ERR_CLOSED */
    ram_dir recv, send;
    char   *out; /* what was sent to the other side: out[0..out_len) */
    size_t  out_len;
} ram_io;

/* The next step for a call that could move `len` bytes. */
static inline ptrdiff_t ram_step(ram_dir *d, size_t len)
{
    ptrdiff_t step = (ptrdiff_t)len;
    d->calls++;
    if (len == 0) abort(); /* the contract of or_io forbids it */
    if (d->failed != 0) return d->failed;
    if (d->step == d->num_steps && d->again) d->step = 0;
    if (d->step < d->num_steps && d->steps[d->step] < step) step = d->steps[d->step];
    if (d->step < d->num_steps) d->step++;
    if (d->close_at != 0 && d->moved >= d->close_at) step = OR_ERR_CLOSED;
    if (d->close_at != 0 && step > 0 && (size_t)step > d->close_at - d->moved)
        step = (ptrdiff_t)(d->close_at - d->moved);
    if (step < 0) d->failed = step;
    return step;
}

static inline ptrdiff_t ram_recv(void *user, void *buf, size_t len)
{
    ram_io   *io = (ram_io *)user;
    ptrdiff_t n = ram_step(&io->recv, len);
    size_t    left = io->in.len - io->recv.moved;
    if (n <= 0) return n;
    if (left == 0) {
        if (!io->open) io->recv.failed = OR_ERR_CLOSED;
        return io->recv.failed;
    }
    if ((size_t)n > left) n = (ptrdiff_t)left;
    memcpy(buf, io->in.ptr + io->recv.moved, (size_t)n);
    io->recv.moved += (size_t)n;
    return n;
}

static inline ptrdiff_t ram_send(void *user, const void *buf, size_t len)
{
    ram_io   *io = (ram_io *)user;
    ptrdiff_t n = ram_step(&io->send, len);
    if (n <= 0) return n;
    /* a block of exact size each time: a write past it is a sanitizer's business */
    char *out = (char *)realloc(io->out, io->out_len + (size_t)n);
    if (out == NULL) abort();
    memcpy(out + io->out_len, buf, (size_t)n);
    io->out = out;
    io->out_len += (size_t)n;
    io->send.moved += (size_t)n;
    return n;
}

static inline or_io ram_io_of(ram_io *io)
{
    or_io r;
    r.recv = ram_recv;
    r.send = ram_send;
    r.user = io;
    return r;
}

static inline or_str ram_io_sent(const ram_io *io)
{
    return or_str_of(io->out != NULL ? io->out : "", io->out_len);
}

/* Give back what was gathered; the script and `in` are the caller's. */
static inline void ram_io_free(ram_io *io)
{
    free(io->out);
    io->out = NULL;
    io->out_len = 0;
}

#endif
