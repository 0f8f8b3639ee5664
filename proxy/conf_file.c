#include "proxy/conf_back.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file while it is read. */
typedef struct reader {
    conf    *c;
    FILE    *f;
    unsigned number;              /* of the line */
    unsigned given[MAX_SETTINGS]; /* line of each key in this section */
    char     section[CONF_MAX_NAME + CONF_MAX_MODEL + 64];
    char     line[CONF_MAX_LINE];
} reader;

/* s without white space at its ends, in place. */
static char *strip(char *s)
{
    while (*s == ' ' || *s == '\t') s++;
    size_t n = strlen(s);
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t')) s[--n] = 0;
    return s;
}

/* Cut a comment off: '#' at the start or after white space. */
static void uncomment(char *line)
{
    for (char *p = line; *p != 0; p++)
        if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
            *p = 0;
            return;
        }
}

/* The next line, without its end and the file's BOM; NULL at the end of the file, or with
 *good false and the error filled. */
static char *next_line(reader *r, bool *good, const origin *o)
{
    size_t n = 0;
    int    ch;
    while ((ch = getc(r->f)) != EOF && ch != '\n') {
        if (ch == 0)
            *good = conf_fail(o, "a NUL byte: this should be UTF-8 text");
        else if (n == sizeof r->line - 1)
            *good = conf_fail(o, "line is longer than %zu bytes", sizeof r->line - 1);
        if (!*good) return NULL;
        r->line[n++] = (char)ch;
    }
    if (ch == EOF && n == 0) return NULL;
    if (n > 0 && r->line[n - 1] == '\r') n--;
    r->line[n] = 0;
    return r->number == 1 && strncmp(r->line, "\xEF\xBB\xBF", 3) == 0 ? r->line + 3 : r->line;
}

static bool read_section(reader *r, char *line, const origin *o)
{
    size_t n = strlen(line);
    if (line[n - 1] != ']') return conf_fail(o, "\"%s\" has no closing bracket", line);
    line[n - 1] = 0;
    line = strip(line + 1);
    if (strlen(line) >= sizeof r->section) return conf_fail(o, "the section's name is too long");
    snprintf(r->section, sizeof r->section, "%s", line);
    memset(r->given, 0, sizeof r->given);
    return conf_begin_section(r->c, line, o);
}

static bool read_line(reader *r, char *text, const origin *o)
{
    if (!conf_check_text(or_str_z(text), o)) return false;
    uncomment(text);
    char *line = strip(text);
    if (line[0] == 0) return true;
    if (line[0] == '[') return read_section(r, line, o);
    char *equals = strchr(line, '=');
    if (equals == NULL) return conf_fail(o, "\"%s\" is neither key = value nor [section]", line);
    *equals = 0;
    return conf_take_setting(r->c, r->section, strip(line), strip(equals + 1), o);
}

bool conf_read_file(conf *c, const char *path, conf_error *e)
{
    char         where[300];
    bool         good;
    const origin of_file = {path, e, 0, NULL, false};
    reader      *r = calloc(1, sizeof *r);
    if (r == NULL) return conf_fail(&of_file, "out of memory");
    r->c = c;
    r->f = fopen(path, "r");
    good = r->f != NULL ? conf_keep_file(c, path, &of_file)
                        : conf_fail(&of_file, "%s", strerror(errno));
    while (good) {
        snprintf(where, sizeof where, "%s:%u", path, ++r->number);
        const origin o = {where, e, r->number, r->given, false};
        char        *line = next_line(r, &good, &o);
        if (line == NULL) break;
        good = read_line(r, line, &o);
    }
    if (good && ferror(r->f)) good = conf_fail(&of_file, "%s", strerror(errno));
    if (r->f != NULL) fclose(r->f);
    free(r);
    return good;
}
