#include "proxy/ev.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "or.h"
#include "ports/posix.h"
#include "proxy/ev_back.h"

static uint32_t now;

/* Timers: a binary heap by `queued`. A timer that was moved later keeps its place and is
   put back when it comes up too early, so that re-arming on each byte costs one store. */
static ev_timer **heap;
static uint32_t   heap_used, heap_size;

static ev_task *tasks, **tasks_end = &tasks;

bool ev_open(uint32_t max_timers)
{
    now = or_posix_now_ms();
    heap_size = max_timers;
    heap = calloc(max_timers, sizeof(ev_timer *));
    return heap != NULL && ev_back_open();
}

void ev_close(void)
{
    ev_back_close();
    free(heap);
    heap = NULL;
    heap_used = heap_size = 0;
}

const char *ev_backend(void)
{
    return ev_back_name;
}

uint32_t ev_now(void)
{
    return now;
}

bool ev_add(ev_io *io, unsigned want)
{
    io->want = want;
    io->muted = false;
    if (ev_back_add(io)) return true;
    io->fd = -1;
    return false;
}

void ev_want(ev_io *io, unsigned want)
{
    if (io->fd < 0 || io->want == want) return;
    io->want = want;
    ev_back_change(io);
}

void ev_remove(ev_io *io)
{
    if (io->fd < 0) return;
    ev_back_remove(io);
    io->fd = -1;
}

static bool earlier(const ev_timer *a, const ev_timer *b)
{
    return or_ms_diff(a->queued, b->queued) > 0;
}

static void place(ev_timer *t, uint32_t i)
{
    heap[i] = t;
    t->index = i + 1;
}

/* Move t from the hole at i to where it belongs. */
static void sift(ev_timer *t, uint32_t i)
{
    while (i > 0 && earlier(t, heap[(i - 1) / 2])) {
        place(heap[(i - 1) / 2], i);
        i = (i - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= heap_used) break;
        if (child + 1 < heap_used && earlier(heap[child + 1], heap[child])) child++;
        if (!earlier(heap[child], t)) break;
        place(heap[child], i);
        i = child;
    }
    place(t, i);
}

void ev_timer_set(ev_timer *t, uint32_t delay_ms)
{
    t->due = now + (delay_ms > 0 ? delay_ms : 1); /* 0 could fire for ever in one turn */
    if (t->index != 0) {
        if (or_ms_diff(t->queued, t->due) >= 0) return; /* later: lazily */
        t->queued = t->due;
        sift(t, t->index - 1);
        return;
    }
    assert(heap_used < heap_size); /* the pools' sizes add up to less */
    t->queued = t->due;
    sift(t, heap_used++);
}

void ev_timer_stop(ev_timer *t)
{
    if (t->index == 0) return;
    uint32_t i = t->index - 1;
    t->index = 0;
    ev_timer *last = heap[--heap_used];
    if (last != t) sift(last, i);
}

bool ev_add_pipe(ev_io *io, int ends[2])
{
    if (pipe(ends) != 0) return false;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
    io->fd = ends[0];
    if (ev_add(io, EV_READ)) return true;
    close(ends[0]);
    close(ends[1]);
    return false;
}

void ev_remove_pipe(ev_io *io, int ends[2])
{
    ev_remove(io);
    close(ends[0]);
    close(ends[1]);
}

bool ev_start_thread(pthread_t *thread, void *(*run)(void *unused))
{
    sigset_t       all, before;
    pthread_attr_t small; /* than libc's standard: 8 MB of glibc */
    if ((errno = pthread_attr_init(&small)) != 0) return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_attr_setstacksize(&small, EV_STACK);
    if (e == 0) e = pthread_create(thread, &small, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&small);
    errno = e;
    return e == 0;
}

void ev_defer(ev_task *task)
{
    if (task->queued) return;
    task->queued = true;
    task->next = NULL;
    *tasks_end = task;
    tasks_end = &task->next;
}

/* Those that are there now: one that is put back, since it has more to do, has its next turn after
   everybody else's events and timers. */
static void run_tasks(void)
{
    ev_task *task = tasks, *next;
    tasks = NULL;
    tasks_end = &tasks;
    for (; task != NULL; task = next) {
        next = task->next;
        task->queued = false;
        task->run(task->user); /* may free the task */
    }
}

static void fire_timers(void)
{
    while (heap_used > 0 && or_ms_diff(heap[0]->queued, now) >= 0) {
        ev_timer *t = heap[0];
        if (or_ms_diff(t->due, now) < 0) { /* was moved later meanwhile */
            t->queued = t->due;
            sift(t, 0);
            continue;
        }
        ev_timer_stop(t);
        t->fire(t);
    }
}

static int timeout(void)
{
    if (heap_used == 0) return -1;
    int32_t left = or_ms_diff(now, heap[0]->queued);
    return left > 0 ? left : 0;
}

static void woken(void)
{
    now = or_posix_now_ms();
}

bool ev_turn(void)
{
    int n = ev_back_wait(tasks != NULL ? 0 : timeout(), woken);
    fire_timers();
    run_tasks();
    return n >= 0;
}

void ev_finish(void)
{
    int n = 1;
    for (int turns = 0; turns < 100 && (n > 0 || tasks != NULL); turns++) {
        run_tasks();
        n = ev_back_wait(0, woken);
    }
}
