/* orproxy replay: are recorded decisions still made the same way? */
#include <errno.h>
#include <string.h>

#include "proxy/cli_parts.h"
#include "proxy/mem.h"

typedef struct tally {
    unsigned long same, differ, unreadable;
} tally;

static void print_difference(const cli_lines *l, const or_buf *difference)
{
    or_buf out;
    or_buf_init_growing(&out, &mem_allocator, 4 * (size_t)CLI_MAX_LINE);
    or_buf_put_z(&out, "line ");
    or_buf_put_u64(&out, l->number);
    or_buf_put_z(&out, ": ");
    cli_put_clean(&out, or_buf_str(difference), true);
    or_buf_put_char(&out, '\n');
    (void)cli_print(or_buf_str(&out));
    or_buf_free(&out);
}

static void replay(const cli_lines *l, or_str line, tally *t)
{
    or_arena     arena;
    or_plan      plan;
    or_catalogue catalogue;
    or_buf       difference;
    bool         same = false;
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    or_buf_init_growing(&difference, &mem_allocator, 2 * (size_t)CLI_MAX_LINE);
    or_err e = or_route_replay(line, &arena, &plan, &catalogue, &same, &difference);
    if (e != OR_OK) {
        t->unreadable++;
        cli_say("%s:%lu: cannot be read: %s", l->path, l->number, or_err_text(e));
    } else if (same) {
        t->same++;
    } else {
        t->differ++;
        print_difference(l, &difference);
    }
    or_buf_free(&difference);
    or_arena_reset(&arena);
}

static void replay_all(cli_lines *l, tally *t)
{
    or_str line;
    or_err e;
    while ((e = cli_lines_next(l, &line)) != OR_DONE) {
        if (e == OR_OK && line.len > 0) replay(l, line, t);
        if (e == OR_OK) continue;
        t->unreadable++;
        if (e != OR_ERR_SPACE) {
            cli_say("%s:%lu: %s", l->path, l->number, strerror(errno));
            break;
        }
        cli_say("%s:%lu: longer than %d bytes, or than limits.memory allows", l->path, l->number,
                CLI_MAX_LINE);
    }
}

int cli_replay(const cli_command *c)
{
    cli_lines l;
    tally     t = {0, 0, 0};
    if (!cli_lines_open(&l, c->words[0])) return CLI_FAILED;
    replay_all(&l, &t);
    cli_lines_close(&l);
    printf("%lu decision%s, %lu the same, %lu differ", t.same + t.differ,
           t.same + t.differ == 1 ? "" : "s", t.same, t.differ);
    if (t.unreadable > 0) printf(", %lu lines cannot be read", t.unreadable);
    bool good = cli_print(OR_STR("\n"));
    return good && t.differ == 0 && t.unreadable == 0 ? CLI_OK : CLI_FAILED;
}
