/* What a conversation remembers: bounded in messages and bytes, whole turns, the system's text. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "proxy/cli_parts.h"
#include "proxy/mem.h"
#include "tests/test.h"

static void test_turns(void)
{
    cli_history h = {0};
    char        text[32];
    CHECK(cli_history_add(&h, OR_ROLE_SYSTEM, OR_STR("S")), "system");
    for (int i = 0; i < 2 * CLI_MAX_TURNS; i++) {
        snprintf(text, sizeof text, "%d", i);
        CHECK(cli_history_add(&h, i % 2 ? OR_ROLE_ASSISTANT : OR_ROLE_USER, or_str_z(text)), text);
        CHECK(h.num <= CLI_MAX_TURNS, "never more");
        CHECK(h.msgs[0].role == OR_ROLE_SYSTEM, "the system's stays first");
        CHECK(h.msgs[1].role == OR_ROLE_USER, "then a user's: turns go as a whole");
        CHECK_STR(h.msgs[h.num - 1].content, or_str_z(text), "the newest is last");
    }
    CHECK(h.num > CLI_MAX_TURNS - 3, "and not many fewer");
    cli_history_cut(&h, 1);
    CHECK(h.num == 1, "cut");
    cli_history_drop_last(&h);
    cli_history_drop_last(&h);
    CHECK(h.num == 0, "dropped");
    cli_history_free(&h);
    CHECK(mem_used() == 0, "memory is given back");
}

static void test_bytes(void)
{
    static char text[CLI_MAX_HISTORY / 4];
    cli_history h = {0};
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 12; i++)
        CHECK(cli_history_add(&h, i % 2 ? OR_ROLE_ASSISTANT : OR_ROLE_USER,
                              or_str_of(text, sizeof text)),
              "large ones");
    CHECK(h.num > 0 && h.num <= 4, "as many as fit");
    CHECK(h.msgs[0].role == OR_ROLE_USER, "whole turns");
    cli_history_free(&h);
    CHECK(mem_used() == 0, "memory is given back");
}

static void test_no_memory(void)
{
    cli_history h = {0};
    mem_set_limit(1000);
    CHECK(!cli_history_add(&h, OR_ROLE_USER, OR_STR("a")), "no room for the list");
    mem_set_limit(CLI_MAX_TURNS * sizeof(or_msg) + 3);
    CHECK(cli_history_add(&h, OR_ROLE_USER, OR_STR("a")), "room for one");
    CHECK(!cli_history_add(&h, OR_ROLE_USER, OR_STR("b")) && h.num == 1, "not for another");
    cli_history_free(&h);
    CHECK(mem_used() == 0, "memory is given back");
    mem_set_limit(SIZE_MAX);
}

int main(void)
{
    test_turns();
    test_bytes();
    test_no_memory();
    TEST_MAIN_END("test_cli_history");
}
