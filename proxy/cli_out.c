#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/cli_parts.h"
#include "proxy/mem.h"

bool cli_colours(FILE *file)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(file)) && (no == NULL || *no == 0) &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

/* The first that is set counts. Source: POSIX, 8.2 Internationalization Variables. */
bool cli_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char              *value = NULL;
    for (int i = 0; i < 3 && (value == NULL || *value == 0); i++) value = getenv(names[i]);
    return value != NULL &&
           (strcasestr(value, "UTF-8") != NULL || strcasestr(value, "utf8") != NULL);
}

void cli_say(const char *format, ...)
{
    char    line[2048], mem[6200]; /* a byte becomes at most three */
    or_buf  out;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    or_buf_init(&out, mem, sizeof mem);
    or_buf_put_z(&out, "orproxy: ");
    cli_put_clean(&out, or_str_z(line), true);
    or_buf_put_char(&out, '\n');
    fflush(stdout); /* what was said before stands before it */
    (void)fwrite(out.ptr, 1, out.len, stderr);
}

bool cli_print(or_str s)
{
    if (s.len > 0) (void)fwrite(s.ptr, 1, s.len, stdout);
    return fflush(stdout) == 0 && !ferror(stdout);
}

bool cli_table_print(cli_table *t)
{
    or_buf out;
    bool   good;
    or_buf_init_growing(&out, &mem_allocator, 4 * (size_t)CLI_MAX_TABLE);
    cli_table_put(t, &out, cli_colours(stdout));
    good = out.err == OR_OK;
    if (!good) cli_say("the table is too large: %s", or_err_text(out.err));
    good = good && cli_print(or_buf_str(&out));
    or_buf_free(&out);
    cli_table_end(t);
    return good;
}

/* -1: it was said why. */
static int open_input(const char *path)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) cli_say("cannot open %s: %s", path, strerror(errno));
    return fd;
}

static void close_input(int fd)
{
    if (fd > STDIN_FILENO) close(fd);
}

/* Append what can be read at once. OR_DONE: the end. errno is set for OR_ERR_IO. */
static or_err read_some(int fd, or_buf *out)
{
    ssize_t n;
    if (or_buf_reserve(out, CLI_READ) != OR_OK) return out->err;
    do {
        n = read(fd, out->ptr + out->len, CLI_READ);
    } while (n < 0 && errno == EINTR);
    if (n > 0) out->len += (size_t)n;
    return n > 0 ? OR_OK : n == 0 ? OR_DONE : OR_ERR_IO;
}

bool cli_read_all(or_buf *out, const char *path)
{
    int    fd = open_input(path);
    or_err e = fd < 0 ? OR_ERR_IO : OR_OK;
    if (fd < 0) return false;
    while (e == OR_OK) e = read_some(fd, out);
    if (e == OR_ERR_IO)
        cli_say("cannot read %s: %s", path, strerror(errno));
    else if (e != OR_DONE)
        cli_say("%s is longer than %d bytes, or more than limits.memory allows", path,
                CLI_MAX_TEXT);
    close_input(fd);
    return e == OR_DONE;
}

bool cli_lines_open(cli_lines *l, const char *path)
{
    memset(l, 0, sizeof *l);
    l->path = path;
    or_buf_init_growing(&l->buf, &mem_allocator, CLI_MAX_LINE + CLI_READ);
    l->fd = open_input(path);
    return l->fd >= 0;
}

/* A line of which only the end matters any more. */
static or_err skip_line(cli_lines *l)
{
    for (;;) {
        const char *end = l->buf.len > 0 ? memchr(l->buf.ptr, '\n', l->buf.len) : NULL;
        if (end != NULL) {
            or_buf_take(&l->buf, (size_t)(end - l->buf.ptr) + 1);
            return OR_ERR_SPACE;
        }
        or_buf_free(&l->buf); /* it was as large as may be: the next one may not need that */
        or_buf_init_growing(&l->buf, &mem_allocator, CLI_MAX_LINE + CLI_READ);
        or_err e = read_some(l->fd, &l->buf);
        if (e == OR_OK) continue;
        if (e == OR_DONE)
            l->end = true;
        else if (e !=
                 OR_ERR_IO) /* no room for a single read: there is no end of the line to find */
            errno = ENOMEM;
        return e == OR_DONE ? OR_ERR_SPACE : OR_ERR_IO;
    }
}

or_err cli_lines_next(cli_lines *l, or_str *line)
{
    size_t looked = 0;
    or_buf_take(&l->buf, l->used);
    l->used = 0;
    l->number++;
    for (;;) {
        const char *end = NULL;
        if (l->buf.len > looked) end = memchr(l->buf.ptr + looked, '\n', l->buf.len - looked);
        size_t len = end != NULL ? (size_t)(end - l->buf.ptr) : l->buf.len;
        if (len > CLI_MAX_LINE) return skip_line(l);
        if (end != NULL || (l->end && len > 0)) {
            l->used = end != NULL ? len + 1 : len;
            l->raw = or_str_of(l->buf.ptr, l->used);
            if (len > 0 && l->buf.ptr[len - 1] == '\r') len--;
            *line = or_str_of(l->buf.ptr, len);
            return OR_OK;
        }
        if (l->end) return OR_DONE;
        looked = len;
        or_err e = read_some(l->fd, &l->buf);
        if (e == OR_DONE)
            l->end = true;
        else if (e == OR_ERR_IO)
            return e;
        else if (e != OR_OK) /* limits.memory is less than the line */
            return skip_line(l);
    }
}

void cli_lines_close(cli_lines *l)
{
    close_input(l->fd);
    or_buf_free(&l->buf);
}
