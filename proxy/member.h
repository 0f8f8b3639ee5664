/* Write one member of a JSON object: its name, then a value of that kind. */
#ifndef MEMBER_H
#define MEMBER_H

#include "or.h"

/* null when s is absent (ptr NULL) or not UTF-8 */
void member_str(or_json_writer *w, const char *name, or_str s);
void member_z(or_json_writer *w, const char *name, const char *s);
void member_u64(or_json_writer *w, const char *name, uint64_t n);
void member_bool(or_json_writer *w, const char *name, bool b);
/* null when below 0 */
void member_ms(or_json_writer *w, const char *name, int32_t ms);
void member_null(or_json_writer *w, const char *name);
void member_raw(or_json_writer *w, const char *name, or_str json);

/* Can JSON hold it: is it UTF-8? */
bool member_is_text(or_str s);

/* USD as a number, exactly; a cost that is not known is null. */
void member_usd(or_json_writer *w, const char *name, int64_t pico_usd);
void member_cost(or_json_writer *w, const char *name, const or_cost *c);

/* USD for one unit as a string, as lists of models have it. */
void member_price(or_json_writer *w, const char *name, uint64_t pico_usd);

#endif
