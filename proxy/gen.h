/* Generation ids: "gen-<unix seconds>-<20 letters and digits>", as OpenRouter's. */
#ifndef GEN_H
#define GEN_H

typedef struct gen_name {
    char text[48];
} gen_name;

void gen_new(gen_name *out);

#endif
