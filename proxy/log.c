#include "proxy/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
    line[len++] = '\n';
    /* One write, so that lines of several processes do not mix. There is nobody to tell
       when stderr is gone. */
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}
