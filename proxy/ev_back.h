/* What ev.c asks of its backend: ev_epoll.c on Linux, ev_poll.c elsewhere. */
#ifndef EV_BACK_H
#define EV_BACK_H

#include "proxy/ev.h"

extern const char *const ev_back_name;

bool ev_back_open(void);
void ev_back_close(void);
bool ev_back_add(ev_io *io);
void ev_back_change(ev_io *io);
void ev_back_remove(ev_io *io);

/* Wait at most timeout_ms (-1: for ever) and call io->ready for each that is ready and has
   not been removed meanwhile; woken is called once, before the first of them. How many
   there were; -1 with errno. */
int ev_back_wait(int timeout_ms, void (*woken)(void));

#endif
