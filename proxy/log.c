#include "proxy/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool as_json, mute;

void log_as_json(bool json)
{
    as_json = json;
}

void log_mute(void)
{
    mute = true;
}

/* One write, so that lines of several processes do not mix. There is nobody to tell when
   stderr is gone. */
static void put(const char *line, size_t len)
{
    ssize_t written = mute ? 0 : write(STDERR_FILENO, line, len);
    (void)written;
}

void log_object_line(or_str object)
{
    char   mem[4096];
    or_buf line;
    or_buf_init(&line, mem, sizeof mem);
    or_buf_put_str(&line, object);
    if (or_buf_put_char(&line, '\n') == OR_OK) put(line.ptr, line.len);
}

static void put_as_json(const char *text, size_t len)
{
    char           mem[2600], when[32];
    time_t         now = time(NULL);
    struct tm      tm;
    or_buf         line;
    or_json_writer w;
    if (gmtime_r(&now, &tm) == NULL) memset(&tm, 0, sizeof tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    or_buf_init(&line, mem, sizeof mem);
    or_json_writer_init(&w, &line);
    or_json_begin_object(&w);
    or_json_put_key(&w, OR_STR("time"));
    or_json_put_str(&w, or_str_z(when));
    or_json_put_key(&w, OR_STR("message"));
    or_json_begin_str(&w);
    for (size_t i = 0; i < len; i++) /* what was cut or is not UTF-8 shows as '?' */
        or_json_put_part(&w, (unsigned char)text[i] < 0x80 ? or_str_of(text + i, 1) : OR_STR("?"));
    or_json_end_str(&w);
    or_json_end_object(&w);
    if (or_json_writer_end(&w) == OR_OK) log_object_line(or_buf_str(&line));
}

void log_line(const char *format, ...)
{
    char    line[1024] = "orproxy: ";
    size_t  used = strlen(line);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line + used, sizeof line - used - 1, format, args);
    va_end(args);
    if (n < 0) return;
    size_t len = used + (size_t)n;
    if (len > sizeof line - 2) len = sizeof line - 2;
    for (size_t i = used; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) line[i] = '?';
    if (as_json) {
        put_as_json(line + used, len - used);
        return;
    }
    line[len++] = '\n';
    put(line, len);
}
