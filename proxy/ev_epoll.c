#if defined(__linux__) && !defined(EV_USE_POLL)

#include "proxy/ev_back.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

const char *const ev_back_name = "epoll";

static int epoll_fd = -1;

enum { MAX_EVENTS = 128 };

/* The batch that is being dispatched, so that a removal can strike out what is to come. */
static struct epoll_event batch[MAX_EVENTS];
static int                batch_size, batch_at;

bool ev_back_open(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return epoll_fd >= 0;
}

void ev_back_close(void)
{
    if (epoll_fd >= 0) close(epoll_fd);
    epoll_fd = -1;
}

static bool control(int operation, ev_io *io)
{
    struct epoll_event e = {0};
    if (io->want & EV_READ) e.events |= EPOLLIN;
    if (io->want & EV_WRITE) e.events |= EPOLLOUT;
    e.data.ptr = io;
    return epoll_ctl(epoll_fd, operation, io->fd, &e) == 0;
}

bool ev_back_add(ev_io *io)
{
    return control(EPOLL_CTL_ADD, io);
}

void ev_back_change(ev_io *io)
{
    (void)control(io->muted ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, io);
    io->muted = false;
}

void ev_back_remove(ev_io *io)
{
    if (!io->muted) (void)control(EPOLL_CTL_DEL, io);
    for (int i = batch_at; i < batch_size; i++)
        if (batch[i].data.ptr == io) batch[i].data.ptr = NULL;
}

int ev_back_wait(int timeout_ms, void (*woken)(void))
{
    int n = epoll_wait(epoll_fd, batch, MAX_EVENTS, timeout_ms);
    woken();
    if (n < 0) return errno == EINTR ? 0 : -1;
    batch_size = n;
    for (batch_at = 0; batch_at < batch_size;) {
        struct epoll_event *e = &batch[batch_at++];
        ev_io              *io = e->data.ptr;
        if (io == NULL) continue;
        unsigned events = 0;
        if (e->events & EPOLLIN) events |= EV_READ;
        if (e->events & EPOLLOUT) events |= EV_WRITE;
        if (e->events & (EPOLLERR | EPOLLHUP)) events |= EV_ERROR;
        if (io->want == 0 && events == EV_ERROR) { /* epoll has no other way not to tell it again */
            (void)control(EPOLL_CTL_DEL, io);
            io->muted = true;
        }
        io->ready(io, events);
    }
    batch_size = 0;
    return n;
}

#else
typedef int ev_epoll_is_not_used;
#endif
