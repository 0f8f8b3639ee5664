#!/bin/sh
# cross.sh TARGET PROGRAM: compile one test program of or.h for a small machine and run it on
# an emulated one, from the same source as here.
#
#   TARGET    m3, rv32: the boards below; armel, mips: processors with Linux, which
#             ports/static.sh knows
#   PROGRAM   test_NAME, fuzz_NAME (replays tests/corpus/NAME with mutations), freestanding,
#             bare (examples/bare.c)
#
# cross.sh targets|programs: the names of all of them. Called by tests/run.sh, for which the
# last line has totals; the headers in build/bare come from `make cross-build`.
set -u

# Tests of or.h alone, which is what can run without an operating system.
programs() {
    printf '%s\n' freestanding bare
    grep -L -E '#include ("(\.\./)?(ports|proxy)/|"tests/(market|decide)_|<.*/|<(unistd|pthread|poll|netdb|fcntl)\.h)' \
        tests/test_*.c tests/fuzz_*.c | sed 's|.*/\(.*\)\.c|\1|'
}

case ${1-} in
targets)  echo armel mips m3 rv32; exit ;;
programs) programs; exit ;;
esac
target=$1 program=$2
out=build/cross/$target
mkdir -p "$out"

# picolibc on a board without an operating system: printf, files, arguments and the exit status
# go through semihosting. 16 MB of RAM, of which 1 MB stack: what an mps2 board has.
board() { # FLASH RAM
    echo "--specs=picolibc.specs --oslib=semihost --crt0=semihost -Wl,--gc-sections" \
        "-Wl,--defsym=__flash=$1,--defsym=__flash_size=0x400000" \
        "-Wl,--defsym=__ram=$2,--defsym=__ram_size=0x1000000,--defsym=__stack_size=0x100000"
}

# compiler and flags; what runs the result. With Linux: user emulation, statically linked.
case $target in
armel | mips)
    # ARMv5: every ARM Linux box since 2001. Big-endian, no FPU, traps on misaligned access: a
    # router.
    cc=$(sh ports/static.sh cc "$target") flags='-static -no-pie -Wl,--no-warn-mismatch'
    run=$(sh ports/static.sh emulators "$target" | head -n 1) ;;
m3)
    # Cortex-M3
    cc=arm-none-eabi-gcc flags="-mcpu=cortex-m3 -mthumb $(board 0x00000000 0x21000000)"
    run='qemu-system-arm -M mps2-an385' ;;
rv32)
    # RISC-V of the ESP32-C3 and RP2350 class
    cc=riscv64-unknown-elf-gcc
    flags="-march=rv32imac -mabi=ilp32 $(board 0x80000000 0x80400000)"
    run='qemu-system-riscv32 -M virt -bios none' ;;
*)
    echo "cross.sh: no target $target" >&2
    exit 2 ;;
esac

emulate() { # ARGS...
    case $run in
    *-system-*)
        arguments=
        for argument in "$@"; do arguments=$arguments,arg=$argument; done
        # shellcheck disable=SC2086 # words
        $run -nographic -monitor none -serial none -kernel "$out/$program" \
            -semihosting-config enable=on,target=native"$arguments" >"$out/$program.said" 2>&1
        status=$?
        tr -d '\r' <"$out/$program.said"
        return $status ;;
    *)  # shellcheck disable=SC2086 # words
        $run "$out/$program" "$@" ;;
    esac
}

# The corpus in portions that fit semihosting's command line. A longer one would arrive empty,
# so the number of runs is checked.
replay() { # MUTATIONS FILES...
    mutations=$1
    shift
    while [ $# -gt 0 ]; do
        portion=0 files=
        while [ $# -gt 0 ] && [ $portion -lt 8 ]; do
            files="$files $1" portion=$((portion + 1))
            shift
        done
        # shellcheck disable=SC2086 # words
        said=$(emulate -n "$mutations" $files) || { echo "$said in one of:$files"; return 1; }
        case $said in
        *": $((portion * (mutations + 1))) passed, 0 failed") ;;
        *) echo "$said, of $portion files with $mutations mutations each"; return 1 ;;
        esac
    done
}

for tool in ${cc%% *} "${run%% *}"; do
    # the compilers of static.sh want their musl
    command -v "$tool" >/dev/null && echo | $cc -E - >/dev/null 2>&1 && continue
    echo "no $tool here"
    echo "$target:$program: 0 passed, 0 failed, 1 skipped"
    exit
done

# -Os, as firmware is built. -Wformat is for the native build: here uint32_t may be a long.
build() { # FOLDER
    # shellcheck disable=SC2086 # words
    $cc -std=c99 -Os -g -Wall -Wextra -Werror -Wno-format -I. -idirafter build/bare \
        $flags -o "$out/$program" "$1/$program.c"
}

# The example's firmware on a board with 32 KB of RAM, 4 KB of it stack: it is not linked when
# it does not fit.
bare() {
    flags=$(echo "$flags" | sed 's/__ram_size=[^, ]*/__ram_size=0x8000/
                                 s/__stack_size=[^, ]*/__stack_size=0x1000/')
    build examples && said=$(emulate) || return 1
    echo "$said"
    case $said in
    *"far: status 503
Moist enough.
complete, served by near for 0.0000309 USD"*) ;;
    *) return 1 ;;
    esac
}

# A test prints its own totals; the others count as one.
case $program in
test_*)
    build tests && emulate
    exit ;;
fuzz_*)
    build tests && replay 100 tests/corpus/"${program#fuzz_}"/* ;;
bare)
    bare ;;
freestanding)
    tools=${cc%% *}
    # shellcheck disable=SC2086 # words
    sh tests/freestanding.sh "$out/freestanding.o" "${tools%gcc}nm" $cc $flags \
        -idirafter build/bare ;;
esac || exit 1
echo "$target:$program: 1 passed, 0 failed"
