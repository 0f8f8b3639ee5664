/* Lines of a file of any length up to the bound. */
#define OR_IMPLEMENTATION
#include <errno.h>
#include <unistd.h>

#include "or.h"
#include "proxy/cli_parts.h"
#include "proxy/mem.h"
#include "tests/test.h"

static char path[] = "/tmp/orproxy-lines-XXXXXX";

static void put(const char *text, size_t fill, const char *more)
{
    FILE *f = fopen(path, "w");
    if (f == NULL) abort();
    fputs(text, f);
    for (size_t i = 0; i < fill; i++) fputc('x', f);
    fputs(more, f);
    fclose(f);
}

/* "[a][b]" for the lines; "<long>" for one over the bound, "<n>" for one of many bytes. */
static void check(const char *want, const char *name)
{
    char      log[256] = "", one[64];
    cli_lines l;
    or_str    line;
    or_err    e;
    CHECK(cli_lines_open(&l, path), name);
    while ((e = cli_lines_next(&l, &line)) != OR_DONE && strlen(log) < 150) {
        if (e == OR_OK && line.len < 40)
            snprintf(one, sizeof one, "[%.*s]", (int)line.len, line.ptr);
        else
            snprintf(one, sizeof one, e == OR_OK ? "<%zu>" : "<long>", line.len);
        strcat(log, one);
    }
    cli_lines_close(&l);
    CHECK_STR(or_str_z(log), or_str_z(want), name);
    CHECK(mem_used() == 0, "memory is given back");
}

int main(void)
{
    char text[64];
    int  fd = mkstemp(path);
    if (fd < 0) abort();
    close(fd);
    put("a\nb\r\n\nc\n", 0, "");
    check("[a][b][][c]", "lines");
    put("a\nb", 0, "");
    check("[a][b]", "without the last end");
    put("", 0, "");
    check("", "nothing");
    put("a\n", CLI_READ, "\nb\n");
    check("[a]<16384>[b]", "longer than a read");
    snprintf(text, sizeof text, "[a]<%d>[b]", CLI_MAX_LINE);
    put("a\n", CLI_MAX_LINE, "\nb\n");
    check(text, "as long as may be");
    put("a\n", CLI_MAX_LINE + 1, "\nb\n");
    check("[a]<long>[b]", "one byte more");
    put("a\n", CLI_MAX_LINE + 3 * CLI_READ, "\nb\n");
    check("[a]<long>[b]", "many more");
    put("a\n", CLI_MAX_LINE + 3 * CLI_READ, "");
    check("[a]<long>", "at the end");
    mem_set_limit(1 << 20);
    put("a\n", 2 << 20, "\nb\n");
    check("[a]<long>[b]", "more than limits.memory");
    mem_set_limit(CLI_READ - 1);
    cli_lines l;
    or_str    line;
    CHECK(cli_lines_open(&l, path), "open");
    CHECK_ERR(cli_lines_next(&l, &line), OR_ERR_IO, "no room for a single read");
    CHECK(errno == ENOMEM, "and why");
    cli_lines_close(&l);
    unlink(path);
    TEST_MAIN_END("test_cli_lines");
}
