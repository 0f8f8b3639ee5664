/* The event loop: who has a turn when. */
#define OR_IMPLEMENTATION
#include "or.h"

#include <unistd.h>

#include "proxy/ev.h"
#include "tests/test.h"

static char said[64];

static void say(const char *what)
{
    if (strlen(said) + strlen(what) < sizeof said) strcat(said, what);
}

/* A task that has always more to do, and one that asks for another. */
static ev_task busy, first, second;

static void on_busy(void *user)
{
    say(user);
    ev_defer(&busy);
}

static void on_first(void *user)
{
    say(user);
    ev_defer(&second);
    ev_defer(&busy); /* it is there already */
}

static void on_second(void *user)
{
    say(user);
}

static ev_io reader;

static void on_read(ev_io *io, unsigned events)
{
    char bytes[8];
    CHECK(read(io->fd, bytes, sizeof bytes) == 1 && events == EV_READ, "a byte");
    say("r");
}

static void on_timer(ev_timer *t)
{
    (void)t;
    say("t");
}

static void test_turns(void)
{
    int      ends[2];
    ev_timer timer = {.fire = on_timer};
    reader.ready = on_read;
    busy = (ev_task){.run = on_busy, .user = "b"};
    first = (ev_task){.run = on_first, .user = "1"};
    second = (ev_task){.run = on_second, .user = "2"};
    CHECK(ev_open(4), "open");
    CHECK(ev_add_pipe(&reader, ends), "pipe");
    ev_defer(&first);
    ev_defer(&busy);
    CHECK(ev_turn(), "turn");
    CHECK_STR(or_str_z(said), OR_STR("1b"), "in order, each once");
    CHECK(write(ends[1], "x", 1) == 1, "a byte comes");
    CHECK(ev_turn(), "turn");
    CHECK_STR(or_str_z(said), OR_STR("1br2b"), "events come in between");
    ev_timer_set(&timer, 1);
    for (int i = 0; i < 30 && strchr(said, 't') == NULL; i++) {
        usleep(1000);
        CHECK(ev_turn(), "turn");
    }
    CHECK(strchr(said, 't') != NULL, "and timers");
    ev_remove_pipe(&reader, ends);
    ev_close();
}

int main(void)
{
    test_turns();
    TEST_MAIN_END("test_ev");
}
