#include "proxy/gen.h"

#include <stdint.h>
#include <time.h>

#include "or.h"
#include "ports/posix.h"

enum { LETTERS = 20, BATCH = 32 }; /* of one name; names from one system call */

/* For uniqueness; nothing trusts it. */
static const uint8_t *random_letters(void)
{
    static uint8_t  pool[BATCH * LETTERS];
    static unsigned used = BATCH;
    if (used == BATCH) {
        (void)or_posix_random(pool, sizeof pool);
        used = 0;
    }
    return pool + used++ * LETTERS;
}

void gen_new(gen_name *out)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const uint8_t    *random = random_letters();
    or_buf            text;
    or_buf_init(&text, out->text, sizeof out->text - 1);
    or_buf_put_z(&text, "gen-");
    or_buf_put_i64(&text, (int64_t)time(NULL));
    or_buf_put_char(&text, '-');
    for (unsigned i = 0; i < LETTERS; i++)
        or_buf_put_char(&text, letters[random[i] % (sizeof letters - 1)]);
    out->text[text.len] = 0;
}
