/* The empty port compiles, and does nothing by name. */
#define OR_IMPLEMENTATION
#include "or.h"

#include "ports/template.c"
#include "tests/test.h"

int main(void)
{
    or_template t = {0};
    or_io       io = or_template_io(&t);
    char        b;
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_CLOSED, "zeroed is closed");
    CHECK(io.send(io.user, "x", 1) == OR_ERR_CLOSED, "zeroed is closed");
    CHECK_ERR(or_template_step(&t), OR_NEED_MORE, "not connected");
    CHECK_ERR(or_template_open(&t, "localhost", 80), OR_ERR_IO, "open");
    CHECK_ERR(or_template_step(&t), OR_ERR_IO, "step");
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_IO && io.send(io.user, "x", 1) == OR_ERR_IO,
          "of no use");
    t.open = true;
    CHECK_ERR(or_template_step(&t), OR_OK, "open");
    or_template_close(&t);
    CHECK(io.recv(io.user, &b, 1) == OR_ERR_CLOSED && io.send(io.user, "x", 1) == OR_ERR_CLOSED,
          "closed");
    CHECK_ERR(or_template_random(&b, 1), OR_ERR_IO, "no random bytes");
    CHECK(or_template_now_ms() == 0, "no clock");
    TEST_MAIN_END("test_template");
}
