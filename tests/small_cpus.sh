#!/bin/sh
# small_cpus.sh xtensa|avr|arm: compile or.h or the ports for a small processor, and say how large
# they are. Nothing is run. Debian: gcc-xtensa-lx106, gcc-avr, gcc-arm-none-eabi with
# picolibc-arm-none-eabi; tests/run.sh skips what is not there.
set -u
out=build/small/$1
include=$out/include
warnings='-Wall -Wextra -Wshadow -Werror'
mkdir -p "$include"

# Cross compilers do not look where the host's headers are, and must not see its libc: give
# them those of single libraries.
take() { # HEADER...: from the host's include path
    for header in "$@"; do
        # shellcheck disable=SC2086 # words
        file=$(echo "#include <$header>" | ${CC:-cc} ${INCLUDES:--I.} -M -E - 2>/dev/null |
            tr ' ' '\n' | grep "/$header\$" | head -n 1)
        [ -n "$file" ] || continue
        case $header in
        */*) rm -f "$include/${header%%/*}" && ln -s "$(realpath "${file%/*}")" "$include/${header%%/*}" ;;
        *) cp "${file%.h}"*.h "$include/" ;; # with bearssl.h the parts of it
        esac
    done
}

freestanding() { # NAME PREFIX FLAGS...
    name=$1 prefix=$2
    shift 2
    take jsmn.h
    # shellcheck disable=SC2086 # words
    "${prefix}gcc" -std=c99 -ffreestanding -Os "$@" $warnings -I. -isystem $include \
        -c -o $out/"$name".o tests/freestanding.c || return 1
    "${prefix}size" $out/"$name".o | awk -v name="$name" 'NR == 2 {
        printf "or.h for %s: %d bytes of code and texts, %d of writable data\n", name, $1, $2 + $3 }'
}

port() { # NAME TYPE FLAGS...: one port for a Cortex-M3; - is no type
    name=$1 type=$2
    shift 2
    # shellcheck disable=SC2086 # words
    arm-none-eabi-gcc --specs=picolibc.specs -mcpu=cortex-m3 -mthumb -std=c99 -Os $warnings \
        -Wconversion -ffunction-sections -fstack-usage -I. "$@" -isystem $include \
        -c -o $out/"$name".o ports/"$name".c || return 1
    ram=0
    if [ "$type" != - ]; then
        echo "char size_of[sizeof($type)];" >$out/size_of.c
        # shellcheck disable=SC2086 # words
        arm-none-eabi-gcc --specs=picolibc.specs -mcpu=cortex-m3 -mthumb -std=c99 -I. "$@" \
            -isystem $include -include ports/"$name".h -c -o $out/size_of.o $out/size_of.c || return 1
        ram=$((0x$(arm-none-eabi-nm -S $out/size_of.o | awk '$4 == "size_of" { print $2 }')))
    fi
    stack=$(sort -k 2 -n -r -t "$(printf '\t')" $out/"$name".su | awk -F '\t' 'NR == 1 { print $2 }')
    arm-none-eabi-size $out/"$name".o | awk -v name="$name" -v ram=$ram -v stack="$stack" 'NR == 2 {
        printf "%-14s %6d %8d %6d %6d\n", name, $1, $2 + $3, ram, stack }'
}

ports() {
    failed=0
    take mbedtls/ssl.h bearssl.h bearssl/bearssl.h
    lwip='-Itests/stubs/lwip -isystem /usr/include/lwip'
    # shellcheck disable=SC2089 # the quotes are the compiler's
    mbedtls='-Itests/stubs/mbedtls -DMBEDTLS_CONFIG_FILE="device.h"'
    arm-none-eabi-gcc --version | head -n 1
    printf '%-14s %6s %8s %6s %6s\n' port code writable object frame
    # shellcheck disable=SC2086,SC2090 # words
    {
        port lwip_sockets or_lwip_sockets $lwip || failed=1
        port lwip_raw or_lwip_raw $lwip -DNO_SYS=1 || failed=1
        port mbedtls or_mbedtls $mbedtls || failed=1
        port bearssl or_bearssl || failed=1
        port zephyr or_zephyr -Itests/stubs/zephyr || failed=1
        port esp_idf or_esp_idf -Itests/stubs/esp_idf || failed=1
        port corehttp - -Itests/stubs/corehttp || failed=1
        port template - || failed=1
        # settings that the table does not show
        for with in -DLWIP_IPV6=0 -DLWIP_IPV4=0; do
            port lwip_sockets - $lwip $with >/dev/null || failed=1
            port lwip_raw - $lwip $with -DNO_SYS=1 >/dev/null || failed=1
        done
        port lwip_raw - $lwip >/dev/null || failed=1
    }
    return $failed
}

case $1 in
xtensa) freestanding lx106 xtensa-lx106-elf- -mlongcalls -Wconversion ;;
avr) freestanding atmega2560 avr- -mmcu=atmega2560 ;; # int and size_t have 16 bits
arm) ports ;;
esac
