#!/bin/sh
# static.sh: orproxy as one static file for each kind of machine, with musl and BearSSL built
# for it from Debian's sources. The only list of these machines, for make static, cross, dist
# and the tests that run on them.
#
#   static.sh targets         all names
#   static.sh cc NAME         its C compiler with musl, once that was built
#   static.sh emulators NAME  what runs its programs here, a line for each processor to try
#   static.sh versions        name and Debian's version of what goes into the file
#   static.sh libs NAME...    build/static/lib/NAME: musl and BearSSL
#   static.sh build NAME...   build/static/orproxy-NAME, stripped; an error above its budget
#   static.sh again NAME...   builds in a second folder: an error unless it is the same file
#   static.sh table           sizes and budgets, as Markdown
#
# MIRROR and SUITE name another Debian mirror and release. Nothing is fetched or built twice,
# and nothing is written outside of build/static.
set -eu
top=$PWD
out=$top/build/static
source=$out/source
unset MAKEFLAGS MAKELEVEL MFLAGS CPPFLAGS LDFLAGS # the makes below are not the caller's
export LC_ALL=C

targets() {
    echo x86_64 armel armhf aarch64 mips mipsel riscv64
}

# tools      prefix of the compiler and binutils
# flags      what decides about the processor, for everything
# own        what makes orproxy's own code small, where musl and BearSSL are better without
# budget     bytes that the stripped file may have: 2 % above what it had last
# aim        bytes that it should have one day
# emulators  separated by ;
# machines   for people
target() { # NAME
    flags='' own='' emulators='' aim=''
    case $1 in
    x86_64)
        tools=x86_64-linux-gnu budget=703000 aim=400000
        machines='x86-64: PCs, servers, NAS' ;;
    armel)
        # Thumb saves a fifth, of the first kind at the cost of speed: not for BearSSL.
        tools=arm-linux-gnueabi flags=-marm own=-mthumb budget=607000
        emulators='qemu-arm-static -cpu arm926;qemu-arm-static -cpu arm1176'
        machines='ARMv5 and ARMv6 without FPU: Raspberry Pi Zero and 1, old NAS' ;;
    armhf)
        tools=arm-linux-gnueabihf budget=548000 aim=300000
        emulators='qemu-arm-static -cpu cortex-a7'
        machines='ARMv7: Raspberry Pi 2 and up, 32-bit routers' ;;
    aarch64)
        tools=aarch64-linux-gnu budget=754000
        emulators='qemu-aarch64-static -cpu cortex-a53'
        machines='ARMv8: Raspberry Pi 3 and up, newer routers' ;;
    mips | mipsel)
        # MIPS16e saves a quarter. Arithmetic on long numbers is twice as slow in it, and
        # assembler has none, so BearSSL and musl are without.
        tools=$1-linux-gnu flags='-mips32r2 -msoft-float' budget=663000 aim=400000
        own='-mips16 -minterlink-compressed -mno-abicalls'
        emulators="qemu-$1-static -cpu 24Kc"
        case $1 in
        mips) machines='MIPS 24Kc and up, big-endian: ath79 routers' ;;
        *) machines='MIPS 24Kc and up, little-endian: ramips routers' ;;
        esac ;;
    riscv64)
        tools=riscv64-linux-gnu budget=659000
        emulators=qemu-riscv64-static
        machines='RV64GC boards' ;;
    *)
        echo "static.sh: no target $1; there are: $(targets)" >&2
        exit 2 ;;
    esac
    lib=$out/lib/$1
    cc="$tools-gcc -specs $lib/musl.specs $flags"
}

# Not position-independent: static PIE is 79 KB more on x86-64, 12 %, of which 63 KB are 24
# bytes for each pointer in a table (musl 1.2.3 reads no packed form). Stack, heap and mappings
# are at random places all the same; code and tables are not, and are never writable. Nobody
# unwinds C: .eh_frame is 80 KB. A stack protector is 26 KB (-strong). Link-time optimization
# saves 1.3 % on x86-64, 0.3 % on MIPS, and folding equal functions (gold, lld) 0.1 %: not worth
# a second kind of build.
common='-fno-pie -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-stack-protector'
small="$common -Oz -ffunction-sections -fdata-sections"
# norelro: 40 bytes would be protected, at the price of a page, which has 64 KB on aarch64.
# no-warn-mismatch: MIPS's libgcc calls itself hard-float; what is used of it has no floats.
linking='-static -no-pie -Wl,--build-id=none,-z,noseparate-code,-z,norelro,--no-warn-mismatch'

apt() { # COMMAND...: apt-get with lists and sources of our own
    apt-get -q -o Dir::Etc::SourceList="$out/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$out/apt/lists" -o Dir::Cache="$out/apt" -o APT::Sandbox::User=root \
        "$@"
}

# apt checks the signature of the list and, by it, each file.
fetch() {
    [ ! -e "$source/ready" ] || return 0
    for tool in apt-get dpkg-source; do
        command -v $tool >/dev/null && continue
        echo "static.sh: the sources come from Debian, by $tool, which is not here" >&2
        exit 1
    done
    rm -rf "$source" "$out/apt"
    mkdir -p "$source" "$out/apt/lists/partial" "$out/apt/archives/partial"
    suite=${SUITE:-bookworm} mirror=${MIRROR:-http://deb.debian.org/debian}
    key='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
    echo "deb-src $key $mirror $suite main" >"$out/apt/sources.list"
    echo "deb-src $key ${SECURITY_MIRROR:-$mirror-security} $suite-security main" \
        >>"$out/apt/sources.list"
    apt update
    (cd "$source" && apt source musl bearssl)
    for name in musl bearssl; do
        ln -s "$(cd "$source" && echo $name-*)" "$source/$name"
    done
    sh tests/bare_headers.sh "$source/jsmn"
    touch "$source/ready"
}

versions() {
    sed -n 's/^Source: //p; s/^Version: //p' "$source"/*.dsc | paste -d ' ' - -
    for package in libjsmn-dev ca-certificates; do
        dpkg-query -W -f '${source:Package} ${Version}\n' $package
    done
}

# Runs a command whose output matters only when it fails.
quietly() { # LOG COMMAND...
    log=$1
    shift
    "$@" >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        echo "static.sh: failed; all of it is in $log" >&2
        exit 1
    }
}

jobs=-j$(nproc 2>/dev/null || echo 2)

build_musl() {
    mkdir -p "$lib/musl.build"
    (
        cd "$lib/musl.build"
        CC=$tools-gcc CROSS_COMPILE=$tools- CFLAGS="-Os $common $flags" quietly "$lib/musl.log" \
            "$source/musl/configure" --prefix="$lib/musl" --target="$tools" --disable-shared
        quietly "$lib/musl.log" make "$jobs" install
    )
    sh "$source/musl/tools/musl-gcc.specs.sh" "$lib/musl/include" "$lib/musl/lib" \
        /lib/ld-musl.so.1 >"$lib/musl.specs"
}

# As BEARSSL of the Makefile expects it.
build_bearssl() {
    mkdir -p "$lib/bearssl"
    ln -sfn "$source/bearssl/inc" "$lib/bearssl/inc"
    quietly "$lib/bearssl.log" make "$jobs" -C "$source/bearssl" lib BUILD="$lib/bearssl/build" \
        CC="$cc" LD="$cc" LDDLL="$cc" AR="$tools-ar" ARFLAGS=-rcsD \
        CFLAGS="-Os $common -ffunction-sections -fdata-sections"
}

libs() { # NAME
    fetch
    target "$1"
    made="$("$tools-gcc" --version | head -n 1) $flags $common $(cd "$source" && echo ./*.dsc)"
    [ "$made" != "$(cat "$lib/made" 2>/dev/null)" ] || return 0
    echo "$1: musl and BearSSL"
    rm -rf "$lib"
    build_musl
    build_bearssl
    echo "$made" >"$lib/made"
}

build() { # NAME
    libs "$1"
    mkdir -p "$out/$1"
    quietly "$out/$1/log" make "$jobs" TARGET="static/$1" CC="$cc" AR="$tools-ar" \
        CFLAGS="$small $own" CPPFLAGS="-idirafter $source/jsmn" LDFLAGS="$linking" \
        BEARSSL="$lib/bearssl" JSMN= CA_BUILTIN=ports/roots/roots.list "build/static/$1/orproxy"
    "$tools-strip" -R .comment -o "$out/orproxy-$1" "$out/$1/orproxy"
    size=$(wc -c <"$out/orproxy-$1")
    echo "build/static/orproxy-$1: $size bytes of $budget"
    [ "$size" -le "$budget" ] || {
        echo "static.sh: $1 is over its budget by $((size - budget)) bytes" >&2
        return 1
    }
}

# All that a build reads, in a folder with a longer name.
again() { # NAME
    build "$1"
    copy=$out/again/a/folder/elsewhere
    rm -rf "$out/again"
    mkdir -p "$copy/build/static"
    cp -R Makefile or.h orproxy.c proxy ports "$copy"
    cp -R "$source" "$copy/build/static"
    (cd "$copy" && sh ports/static.sh build "$1")
    cmp "$out/orproxy-$1" "$copy/build/static/orproxy-$1"
    rm -rf "$out/again"
    echo "$1: the same file twice"
}

table() {
    echo '| target | runs on | bytes | budget | aim |'
    echo '| --- | --- | --- | --- | --- |'
    for name in $(targets); do
        target "$name"
        size=
        [ ! -e "$out/orproxy-$name" ] || size=$(wc -c <"$out/orproxy-$name")
        echo "| $name | $machines | $size | $budget | $aim |" |
            sed 's/ \([0-9]\{3\}\)\([0-9]\{3\}\) / \1,\2 /g'
    done
}

command=${1-}
[ $# -eq 0 ] || shift
case $command in
targets)   targets | tr ' ' '\n' ;;
cc)        target "$1"; echo "$cc" ;;
emulators) target "$1"; echo "$emulators" | tr ';' '\n' ;;
versions)  fetch; versions ;;
libs | build | again)
    for name in "$@"; do $command "$name"; done ;;
table)     table ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2 ;;
esac
