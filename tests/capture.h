/* What a function prints on stdout, for the tests of commands. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct capture {
    FILE *file;
    int   old; /* stdout, until the end */
} capture;

static inline void capture_begin(capture *s)
{
    fflush(stdout);
    s->file = tmpfile();
    s->old = dup(1);
    if (s->file == NULL || s->old < 0 || dup2(fileno(s->file), 1) < 0) abort();
}

static inline void capture_end(capture *s, char *text, size_t size)
{
    fflush(stdout);
    if (dup2(s->old, 1) < 0) abort();
    close(s->old);
    ssize_t len = pread(fileno(s->file), text, size - 1, 0);
    text[len > 0 ? len : 0] = 0;
    fclose(s->file);
}

#endif
