/* The chain through a ledger's lines: each ends in the SHA-256 of the line before it and of
   itself, so that a line which was changed, removed or put in shows.

     line = {"n":17, ... ,"hash":"H"}
     H    = hex(SHA-256(the H of the line before, 64 characters; then the bytes of this line
            up to, and without, `,"hash":"`))

   The line before the first of all has 64 times '0'. */
#ifndef CHAIN_H
#define CHAIN_H

#include "or.h"

enum { CHAIN_HASH = 64 }; /* hex digits */

typedef struct chain {
    char hash[CHAIN_HASH + 1]; /* of the last line */
} chain;

void chain_begin(chain *c);

/* Complete the line that begins at out[from]: an object that lacks its closing brace. Adds
   the hash, the brace and '\n', and moves the chain on. Errors as or_buf. */
or_err chain_seal(chain *c, or_buf *out, size_t from);

/* Does this line (without its '\n') go on from the last one? Moves the chain on if it does.
   OR_ERR_JSON: it has no hash at its end. OR_ERR_ARG: it has another one. */
or_err chain_check(chain *c, or_str line);

/* SHA-256 of a text as 64 hex digits and a NUL. */
void chain_hash_text(or_str text, char hex[CHAIN_HASH + 1]);

#endif
