#include "proxy/gen.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "ports/posix.h"

void gen_new(gen_name *out)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t           random[20] = {0};
    (void)or_posix_random(random, sizeof random); /* for uniqueness; nothing trusts it */
    int n =
        snprintf(out->text, sizeof out->text - sizeof random, "gen-%lld-", (long long)time(NULL));
    for (unsigned i = 0; i < sizeof random; i++)
        out->text[n++] = letters[random[i] % (sizeof letters - 1)];
    out->text[n] = 0;
}
