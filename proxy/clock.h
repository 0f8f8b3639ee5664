/* The wall clock, and times as text: RFC 3339 in UTC, "2026-12-31T23:59:59Z". */
#ifndef CLOCK_H
#define CLOCK_H

#include "or.h"

enum { CLOCK_TEXT = 24 }; /* bytes of a time as text, NUL included */

/* Seconds since 1970; not known while nobody has set the clock of this machine. */
or_wall clock_wall(void);

/* Is it such a time or a date ("2026-12-31", its first second)? From 1970 on. */
bool clock_read(or_str text, int64_t *unix_s);

void clock_text(int64_t unix_s, char text[CLOCK_TEXT]);

/* A member of a JSON object with such a time; null when it is not above 0. */
void clock_put(or_json_writer *w, const char *name, int64_t unix_s);

/* Days since 1970-01-01, and a day as "2026-12-31". */
int32_t clock_day(int64_t unix_s);
void    clock_day_text(int32_t day, char text[CLOCK_TEXT]);

#endif
