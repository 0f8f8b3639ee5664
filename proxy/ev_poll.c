#if !defined(__linux__) || defined(EV_USE_POLL)

#include "proxy/ev_back.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

const char *const ev_back_name = "poll";

/* Parallel arrays; slots of removed descriptors are filled by the last one, but only
   between waits, so that a dispatch in progress keeps its indexes. */
static struct pollfd *fds;
static ev_io        **ios;
static unsigned       used, size;

bool ev_back_open(void)
{
    return true;
}

void ev_back_close(void)
{
    free(fds);
    free(ios);
    fds = NULL;
    ios = NULL;
    used = size = 0;
}

static bool grow(void)
{
    unsigned       bigger = size == 0 ? 64 : size * 2;
    struct pollfd *new_fds = realloc(fds, bigger * sizeof *fds);
    if (new_fds == NULL) return false;
    fds = new_fds;
    ev_io **new_ios = realloc(ios, bigger * sizeof *ios);
    if (new_ios == NULL) return false;
    ios = new_ios;
    size = bigger;
    return true;
}

void ev_back_change(ev_io *io)
{
    struct pollfd *p = &fds[io->index];
    p->fd = io->fd;
    p->events = 0;
    if (io->want & EV_READ) p->events |= POLLIN;
    if (io->want & EV_WRITE) p->events |= POLLOUT;
}

bool ev_back_add(ev_io *io)
{
    if (used == size && !grow()) return false;
    io->index = used++;
    ios[io->index] = io;
    fds[io->index].revents = 0;
    ev_back_change(io);
    return true;
}

void ev_back_remove(ev_io *io)
{
    fds[io->index].fd = -1; /* poll() skips it */
    ios[io->index] = NULL;
}

static void compact(void)
{
    for (unsigned i = 0; i < used;) {
        if (ios[i] != NULL) {
            i++;
            continue;
        }
        used--;
        fds[i] = fds[used];
        ios[i] = ios[used];
        if (ios[i] != NULL) ios[i]->index = i;
    }
}

int ev_back_wait(int timeout_ms, void (*woken)(void))
{
    compact();
    unsigned count = used; /* what is added while dispatching waits for the next turn */
    int      n = poll(fds, count, timeout_ms);
    woken();
    if (n < 0) return errno == EINTR ? 0 : -1;
    int left = n;
    for (unsigned i = 0; i < count && left > 0; i++) {
        short revents = fds[i].revents;
        if (revents == 0 || ios[i] == NULL) continue;
        left--;
        unsigned events = 0;
        if (revents & POLLIN) events |= EV_READ;
        if (revents & POLLOUT) events |= EV_WRITE;
        if (revents & (POLLERR | POLLHUP | POLLNVAL)) events |= EV_ERROR;
        if (ios[i]->want == 0 && events == EV_ERROR) fds[i].fd = -1; /* it is not told again */
        ios[i]->ready(ios[i], events);
    }
    return n;
}

#else
typedef int ev_poll_is_not_used;
#endif
