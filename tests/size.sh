#!/bin/sh
# size.sh CC [ORPROXY]: bytes of or.h by part, at -Os, for CC and, when its compiler is here,
# for a Cortex-M3; the largest stack frame; the stripped binary.
set -u
cc=$1
binary=${2-}
out=build/size
mkdir -p $out

# A bare cross compiler has no string.h; these four are all that or.h takes from it.
bare=$out/bare
mkdir -p $bare
cat >$bare/string.h <<'END'
#include <stddef.h>
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
END
# Nor does it look where the host's jsmn.h is.
cp "$(echo '#include <jsmn.h>' | $cc ${INCLUDES:--I.} -E - |
    sed -n 's/^# 1 "\(.*jsmn\.h\)".*/\1/p')" $bare/

measure() { # NAME PREFIX CC FLAGS...
    name=$1 prefix=$2
    shift 2
    "$@" -std=c99 -Os -ffreestanding -fno-pic -fno-stack-protector -ffunction-sections \
        -fdata-sections -fstack-usage ${INCLUDES:--I.} -c -o $out/"$name".o \
        tests/freestanding.c || return 1
    echo "or.h, $name, -Os ($("$1" -dumpmachine) $("$1" -dumpversion))"
    # or_json_begin and ori_json_put belong to json; what names no part is base's
    "${prefix}nm" -S --defined-only $out/"$name".o | awk '
        { n = $4; sub(/\..*/, "", n); part = "base"
          if (n ~ /^jsmn/) part = "json"
          if (match(n, /^ori?_[a-z0-9]+/)) part = substr(n, 1, RLENGTH)
          sub(/^ori?_/, "", part)
          bytes[part ~ /^(json|http|sse|chat)$/ ? part : "base"] += hex($2) }
        function hex(s,   i, v) { for (i = 1; i <= length(s); i++)
            v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return v }
        END { for (p in bytes) printf "  %-8s %6d\n", p, bytes[p] }' | sort
    "${prefix}size" $out/"$name".o | awk 'NR == 2 {
        printf "  %-8s %6d  with texts and unwind tables\n", "all", $1
        printf "  %-8s %6d  writable data\n", "", $2 + $3 }'
    sort -k 2 -n -r -t "$(printf '\t')" $out/"$name".su | awk -F '\t' 'NR == 1 {
        sub(/.*:/, "", $1); printf "  %-8s %6d  bytes of stack in %s\n", "deepest", $2, $1 }'
}

# shellcheck disable=SC2086 # CC may be two words
measure native "" $cc
if command -v arm-none-eabi-gcc >/dev/null; then
    measure cortex-m3 arm-none-eabi- arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb \
        -idirafter $bare
else
    echo "or.h, cortex-m3: no arm-none-eabi-gcc here (Debian: gcc-arm-none-eabi)"
fi
if [ -n "$binary" ]; then
    strip -o $out/orproxy "$binary"
    echo "orproxy, stripped: $(wc -c <$out/orproxy) bytes"
fi
