#include "proxy/member.h"

void member_str(or_json_writer *w, const char *name, or_str s)
{
    or_json_put_key(w, or_str_z(name));
    if (s.ptr == NULL || or_json_put_str(w, s) != OR_OK) or_json_put_null(w);
}

void member_z(or_json_writer *w, const char *name, const char *s)
{
    member_str(w, name, or_str_z(s));
}

void member_u64(or_json_writer *w, const char *name, uint64_t n)
{
    or_json_put_key(w, or_str_z(name));
    or_json_put_u64(w, n);
}

void member_bool(or_json_writer *w, const char *name, bool b)
{
    or_json_put_key(w, or_str_z(name));
    or_json_put_bool(w, b);
}

void member_null(or_json_writer *w, const char *name)
{
    or_json_put_key(w, or_str_z(name));
    or_json_put_null(w);
}

void member_ms(or_json_writer *w, const char *name, int32_t ms)
{
    if (ms < 0)
        member_null(w, name);
    else
        member_u64(w, name, (uint32_t)ms);
}

void member_raw(or_json_writer *w, const char *name, or_str json)
{
    or_json_put_key(w, or_str_z(name));
    or_json_put_raw(w, json);
}

bool member_is_text(or_str s)
{
    or_buf         count;
    or_json_writer w;
    or_buf_init_counting(&count);
    or_json_writer_init(&w, &count);
    return or_json_put_str(&w, s) == OR_OK;
}

void member_usd(or_json_writer *w, const char *name, int64_t pico_usd)
{
    or_json_put_key(w, or_str_z(name));
    or_json_put_decimal(w, pico_usd, 12);
}

void member_cost(or_json_writer *w, const char *name, const or_cost *c)
{
    if (c->source == OR_COST_UNKNOWN)
        member_null(w, name);
    else
        member_usd(w, name, c->pico_usd);
}

void member_price(or_json_writer *w, const char *name, uint64_t pico_usd)
{
    char   mem[40];
    or_buf text;
    or_buf_init(&text, mem, sizeof mem);
    or_decimal_put(&text, (int64_t)(pico_usd < INT64_MAX ? pico_usd : INT64_MAX), 12);
    member_str(w, name, or_buf_str(&text));
}
