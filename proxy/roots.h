/* Trust anchors: of a file, or built in for machines that have none. */
#ifndef ROOTS_H
#define ROOTS_H

#include "ports/bearssl.h"

#define ROOTS_BUILTIN "builtin" /* what `ca` says instead of a file */

/* Where those that `ca` (NULL: not set) stands for are: a file, ROOTS_BUILTIN, or "" when there
   are none. Not set: $SSL_CERT_FILE, else the system's bundle, else built in. */
const char *roots_find(const char *ca);

/* Read what roots_find found. False: error says why, with the mend. To be freed with
   or_bearssl_trust_free. */
bool roots_load(or_bearssl_trust *t, const char *found, const or_allocator *allocator, char *error,
                size_t error_size);

/* In words, for the log: "39 built in", or the file. */
void roots_describe(const char *found, char *text, size_t size);

#endif
