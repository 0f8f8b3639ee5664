#!/bin/sh
# freestanding.sh OBJECT NM CC FLAGS...: or.h wants no libc but four functions, no floating
# point, and no frame above 512 bytes; with part dialect, which a device may leave out, none above
# 8 KB.
#
# Where there is -mgeneral-regs-only, any use of a floating point register is an error; where
# floats are software, each operation is a call that nm shows.
set -u
object=$1 nm=$2
shift 2
mkdir -p "$(dirname "$object")"
general=
if echo | "$@" -mgeneral-regs-only -x c -c -o /dev/null - 2>/dev/null; then
    general=-mgeneral-regs-only
fi
compile() { # FRAME FLAGS...
    frame=$1
    shift
    # shellcheck disable=SC2086 # words
    "$@" -std=c99 -ffreestanding -nostdlib -fno-stack-protector -Os $general \
        -Wall -Wextra -Wconversion -Wshadow -Werror -Wframe-larger-than="$frame" \
        ${INCLUDES:--I.} -c -o "$object" tests/freestanding.c
}
compile 512 "$@" -DOR_NO_DIALECT && compile 8192 "$@" || exit 1

# The four; integer helpers of the compiler's own library (of ARM: the second line; switch
# tables of Thumb-1: the third); what position-independent code refers to.
strangers=$("$nm" -u "$object" | awk '{ print $2 }' | grep -v -x -E \
    -e 'mem(cpy|move|set|cmp)|__u?(div|mod|divmod|mul|ashl|ashr|lshr|cmp)[sdt]i[2-4]' \
    -e '__aeabi_(u?i|u?l)div(mod)?|__aeabi_(lmul|ll?s[lr]|lasr|u?lcmp)' \
    -e '__gnu_thumb1_case_[us]?[hq]?i' \
    -e '__(clz|ctz|popcount|bswap)[sd]i2|_GLOBAL_OFFSET_TABLE_|_gp_disp')
[ -z "$strangers" ] && exit 0
# shellcheck disable=SC2086 # on one line
echo "or.h calls outside:" $strangers
exit 1
