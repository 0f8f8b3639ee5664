/* The event loop: readiness of descriptors, timers, deferred work. Knows nothing of HTTP.

   Rules for its users:
   - subscribe to a descriptor only while its bytes can be used: that is back-pressure;
   - free nothing that an event may still point to: hand it to ev_defer, which runs at the
     end of the turn; what a task hands to it, at the end of the next one. */
#ifndef EV_H
#define EV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* EV_ERROR is reported whether asked for or not; while nothing is asked for only once, since it
   does not go away and would be told in every turn. */
enum { EV_READ = 1, EV_WRITE = 2, EV_ERROR = 4 };

typedef struct ev_io ev_io;
struct ev_io {
    int      fd; /* -1: not in the loop */
    unsigned want;
    unsigned index; /* poll backend: its slot */
    bool     muted; /* its error was told, and nothing is wanted */
    void (*ready)(ev_io *io, unsigned events);
    void *user;
};

typedef struct ev_timer ev_timer;
struct ev_timer {
    uint32_t due;    /* when to fire */
    uint32_t queued; /* the key it has in the heap; may be earlier than due */
    uint32_t index;  /* its place in the heap, plus one; 0: not set */
    void (*fire)(ev_timer *t);
    void *user;
};

typedef struct ev_task ev_task;
struct ev_task {
    void (*run)(void *user);
    void    *user;
    ev_task *next;
    bool     queued;
};

/* Open the loop, with room for that many timers set at once; false with errno set. */
bool ev_open(uint32_t max_timers);
void ev_close(void);

/* Milliseconds, read once per turn. Compare with or_ms_diff. */
uint32_t ev_now(void);

/* Start, change, end watching io->fd. The caller sets fd, ready and user before ev_add and
   closes the descriptor after ev_remove. ev_add: false with errno set. */
bool ev_add(ev_io *io, unsigned want);
void ev_want(ev_io *io, unsigned want);
void ev_remove(ev_io *io);

/* A pipe by which others - a thread, a signal - wake the loop: ends[1] is for their bytes, io reads
   ends[0]. False with errno. */
bool ev_add_pipe(ev_io *io, int ends[2]);
void ev_remove_pipe(ev_io *io, int ends[2]);

enum { EV_STACK = 256 << 10 }; /* of a thread; looking up a name takes most of it */

/* A thread that signals leave alone: they are the loop's. False with errno. */
bool ev_start_thread(pthread_t *thread, void *(*run)(void *unused));

/* Fire once, delay_ms from now (1 ms to 24 days). Setting a set timer moves it; moving it
   later, as every received byte does, costs nothing. Caller sets fire and user before. */
void ev_timer_set(ev_timer *t, uint32_t delay_ms);
void ev_timer_stop(ev_timer *t);

/* Run task->run(task->user) at the end of this turn, once. */
void ev_defer(ev_task *task);

/* One turn: wait for something, dispatch it, fire what is due, run what was deferred.
   False when the wait itself failed (errno). */
bool ev_turn(void);

/* At the end of the program: run what is deferred or ready, without waiting for more. */
void ev_finish(void);

/* The backend's name, "epoll" or "poll". */
const char *ev_backend(void);

#endif
