#include "proxy/clock.h"

#include <string.h>
#include <time.h>

enum { FIRST_TRUE_TIME = 1700000000 }; /* before: the clock was not set since power came */

or_wall clock_wall(void)
{
    or_wall w = {false, (int64_t)time(NULL)};
    w.known = w.unix_s > FIRST_TRUE_TIME;
    return w;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar: years of 365 days that begin in
   March, and the leap days before. */
static int64_t days_until(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719468;
}

/* Does the text look like the form, in which 9 is any digit? */
static bool has_form(or_str text, const char *form)
{
    if (text.len != strlen(form)) return false;
    for (size_t i = 0; i < text.len; i++)
        if (form[i] == '9' ? text.ptr[i] < '0' || text.ptr[i] > '9' : text.ptr[i] != form[i])
            return false;
    return true;
}

static unsigned digits(const char *text, size_t num)
{
    unsigned n = 0;
    while (num-- > 0) n = n * 10 + (unsigned)(*text++ - '0');
    return n;
}

bool clock_read(or_str text, int64_t *unix_s)
{
    static const unsigned char in_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool                       has_time =
        has_form(text, "9999-99-99T99:99:99Z") || has_form(text, "9999-99-99T99:99:99.999Z");
    if (!has_time && !has_form(text, "9999-99-99")) return false;
    const char *p = text.ptr;
    unsigned    year = digits(p, 4), month = digits(p + 5, 2), day = digits(p + 8, 2);
    bool        leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year < 1970 || month < 1 || month > 12 || day < 1) return false;
    if (day > in_month[month - 1] + (unsigned)(leap && month == 2)) return false;
    unsigned hour = has_time ? digits(p + 11, 2) : 0;
    unsigned minute = has_time ? digits(p + 14, 2) : 0;
    unsigned second = has_time ? digits(p + 17, 2) : 0;
    if (hour > 23 || minute > 59 || second > 59) return false;
    *unix_s = days_until(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}

static void put(int64_t unix_s, const char *form, char text[CLOCK_TEXT])
{
    time_t    t = (time_t)unix_s;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL) memset(&tm, 0, sizeof tm);
    if (strftime(text, CLOCK_TEXT, form, &tm) == 0) text[0] = 0;
}

void clock_text(int64_t unix_s, char text[CLOCK_TEXT])
{
    put(unix_s, "%Y-%m-%dT%H:%M:%SZ", text);
}

void clock_put(or_json_writer *w, const char *name, int64_t unix_s)
{
    char text[CLOCK_TEXT];
    or_json_put_key(w, or_str_z(name));
    if (unix_s > 0) {
        clock_text(unix_s, text);
        or_json_put_str(w, or_str_z(text));
    } else {
        or_json_put_null(w);
    }
}

int32_t clock_day(int64_t unix_s)
{
    return (int32_t)(or_window_start(OR_WINDOW_DAILY, unix_s) / 86400);
}

void clock_day_text(int32_t day, char text[CLOCK_TEXT])
{
    put((int64_t)day * 86400, "%Y-%m-%d", text);
}
