#!/bin/sh
# bare_headers.sh DIR: fill DIR with the few headers that or.h asks for and that a cross
# compiler may not have. For -idirafter: a header of the target's own libc wins.
set -eu
mkdir -p "$1"

# A compiler without a libc has no string.h; these four are all that or.h takes from it.
cat >"$1/string.h" <<'END_STRING'
#include <stddef.h>
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
END_STRING

# No cross compiler looks where the host's jsmn.h is.
# shellcheck disable=SC2086 # words
cp "$(echo '#include <jsmn.h>' | ${CC:-cc} ${INCLUDES:--I.} -E - |
    sed -n 's/^# 1 "\(.*jsmn\.h\)".*/\1/p')" "$1/jsmn.h"
