#!/bin/sh
# Runs every test, two programs at a time, and ends with "N passed, N failed, N skipped".
#
#   run.sh            everything; called by `make test`
#   run.sh cross      what or.h has, and orproxy, on every emulated target; called by
#                     `make cross-test`
#   run.sh one NAME   one job; called by run.sh itself
#
# A job is a test program, a fuzz target replaying its corpus, a compile check, a file of
# end-to-end tests, the hostile conditions, or as TARGET:PROGRAM something on an emulated
# machine. Its log is build/test/log/NAME, its counts build/test/log/NAME.counts. A job that
# dies, hangs or prints no totals counts as one failure.
set -u
B=build/test
log=$B/log
cc=${CC:-cc}
orproxy=${ORPROXY:-$PWD/$B/orproxy}
warnings='-Wall -Wextra -Wconversion -Wshadow -Werror'
export UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS=detect_stack_use_after_return=1

check_c99() { # COMPILER
    "$1" -std=c99 -pedantic-errors $warnings $INCLUDES \
        -c -o $B/compile_c99.o tests/compile_c99.c
}

check_cpp() { # COMPILER
    "$1" -std=c++11 -pedantic-errors -Wall -Wextra -Werror $INCLUDES \
        -c -o $B/compile_cpp.o tests/compile_cpp.cpp
}

# The program in the manual at the top of or.h compiles, runs and says what it should.
check_manual() {
    sed -n '/^   A COMPLETE EXAMPLE/,/^       }$/p' or.h | sed -n 's/^       //p' >$B/manual.c
    # shellcheck disable=SC2086 # words
    $cc -std=c99 $warnings $INCLUDES -o $B/manual $B/manual.c || return 1
    said=$($B/manual) && [ "$said" = Hello ] && return 0
    echo "it said: $said"
    return 1
}

# One line with totals for what has none of its own.
single() { # NAME COMMAND...
    name=$1
    shift
    if "$@"; then
        echo "$name: 1 passed, 0 failed"
    else
        echo "$name: 0 passed, 1 failed"
        return 1
    fi
}

skip() { # NAME REASON
    echo "$2"
    echo "$1: 0 passed, 0 failed, 1 skipped"
}

# or.h or the ports with a cross compiler, where there is one.
check_small_cpu() { # arm|xtensa|avr
    case $1 in
    arm) compiler='arm-none-eabi-gcc --specs=picolibc.specs' ;;
    xtensa) compiler=xtensa-lx106-elf-gcc ;;
    avr) compiler=avr-gcc ;;
    esac
    if echo | $compiler -E - >/dev/null 2>&1; then single "cpu-$1" sh tests/small_cpus.sh "$1"
    else skip "cpu-$1" "no $compiler here"; fi
}

# A file of tests/e2e: the tree for people, TAP for counting.
end_to_end() { # NAME FILE VARIABLE=VALUE...
    tap=$log/$1.tap file=$2
    shift 2
    env "$@" timeout -k 5 300 node --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$tap" tests/e2e/"$file"
}

# Whether the benchmarks still work and all answers in them are right; not how long they take.
check_bench() {
    (
        PATH=$PATH:/usr/sbin:build/bench/root/usr/sbin:build/bench/root/usr/bin
        command -v nginx && command -v haproxy && command -v wrk
    ) >/dev/null || { skip bench "no nginx, haproxy or wrk here"; return; }
    single bench env BENCH_SECONDS=0.2 ORPROXY=build/native/orproxy \
        WIRE=build/native/tests/bench/wire timeout -k 5 300 node tests/bench/run.mjs
}

# timeout ends a program that hangs; the limit is far above what any needs.
job() { # NAME
    case $1 in
    install)    single install sh tests/install.sh "$purpose" ;;
    build)      single build make -k -j 2 --no-print-directory "$purpose-build" ;;
    layers)     single layers sh tests/layers.sh ;;
    lint)       single lint sh tests/lint.sh quick ;;
    c99)        single c99 check_c99 "$cc" ;;
    c++11)      single c++11 check_cpp g++ ;;
    c99-clang)
        if command -v clang >/dev/null; then single c99-clang check_c99 clang
        else skip c99-clang "no clang here"; fi ;;
    freestanding)
        # shellcheck disable=SC2086 # CC may be two words
        single freestanding sh tests/freestanding.sh $B/freestanding.o nm $cc ;;
    manual)     single manual check_manual ;;
    static)
        # shellcheck disable=SC2046 # words
        if command -v apt-get >/dev/null; then single static sh ports/static.sh build $(linux)
        else skip static "musl and BearSSL are built from Debian's sources"; fi ;;
    same-file)  # the reproducible build
        if [ -e build/static/orproxy-x86_64 ]; then
            single same-file sh ports/static.sh again x86_64
        else skip same-file "no static build here"; fi ;;
    packages)   timeout -k 5 300 sh tests/packages.sh ;;
    *:orproxy.*)
        emulator=$(sh ports/static.sh emulators "${1%%:*}" | sed -n "${1##*.}p")
        end_to_end "$1" machine.js ORPROXY="$PWD/build/static/orproxy-${1%%:*}" \
            ORPROXY_EMULATOR="$emulator" ;;
    bench)      check_bench ;;
    *:*)        timeout -k 5 600 sh tests/cross.sh "${1%%:*}" "${1#*:}" ;;
    cpu-*)      check_small_cpu "${1#cpu-}" ;;
    test_*)     timeout -k 5 300 $B/tests/"$1" ;;
    fuzz_*)     # counts as one, whatever the number of inputs
        mutations=2000
        [ "$1" != fuzz_proxy ] || mutations=400 # each is a whole life of a proxy
        single "$1" timeout -k 5 300 $B/tests/"$1" -n $mutations tests/corpus/"${1#fuzz_}"/* ;;
    hostile)
        ORPROXY=$orproxy ORPROXY_PLAIN=$PWD/build/native/orproxy \
        timeout -k 5 600 node tests/hostile/hostile.js ;;
    *.test.js)
        end_to_end "$1" "$1" ORPROXY="$orproxy" ORPROXY_PLAIN="$PWD/build/native/orproxy" ;;
    esac
}

# "PASSED FAILED SKIPPED" of a finished job, nothing when it printed no totals.
counts() { # NAME
    if [ -e "$log/$1.tap" ]; then
        awk '/^# (pass|fail|cancelled|skipped|todo) / { n[$2] = $3; seen = 1 }
             END { if (seen) print n["pass"] + 0, n["fail"] + n["cancelled"],
                       n["skipped"] + n["todo"] }' "$log/$1.tap"
    else
        grep -E '^[^ ]+: [0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log/$1" |
            awk '{ last = $2 " " $4 " " $6 + 0 } END { if (NR) print last }'
    fi
}

one() { # NAME
    start=$(date +%s%N)
    job "$1" >"$log/$1" 2>&1 </dev/null
    status=$?
    took=$((($(date +%s%N) - start) / 10000000))
    # shellcheck disable=SC2046 # three words
    set -- "$1" $(counts "$1")
    passed=${2:-0} failed=${3:-0} skipped=${4:-0}
    [ $# -gt 1 ] || echo "$1: no totals" >>"$log/$1"
    if [ $status -ne 0 ] || [ $# -eq 1 ]; then
        echo "$1: exit status $status" >>"$log/$1"
        [ "$failed" -gt 0 ] || failed=1
    fi
    echo "$passed $failed $skipped" >"$log/$1.counts"
    verdict=ok
    [ "$skipped" -eq 0 ] || [ "$passed" -gt 0 ] || verdict=skip
    [ "$failed" -eq 0 ] || verdict=FAIL
    printf '%-4s  %-22s %8d passed %4d failed %6d.%02d s\n' \
        $verdict "$1" "$passed" "$failed" $((took / 100)) $((took % 100))
    [ "$failed" -ne 0 ] || return 0
    # the beginning of what is wrong, at once: the whole log comes at the end
    grep -m 3 -A 3 -E '^ *not ok|✖ |: not true:|: got |ERROR: |rror:' "$log/$1" |
        cut -c 1-300 | sed 's/^/          /'
    return 1
}

if [ "${1-}" = one ]; then
    [ $# -eq 2 ] || exit 0 # xargs had nothing to give
    one "$2"
    exit
fi

names() { # GLOB...: base names of the files that exist, without .c or .cpp
    for file in "$@"; do
        [ ! -e "$file" ] || basename "${file%.cpp}" .c
    done
}

# In make test two machines: one without operating system, and one that is big-endian, has no
# FPU and traps on misaligned access. orproxy is there on the second, and as a static file here.
emulated() { # TARGET...
    for target in "$@"; do
        sh tests/cross.sh programs | sed "s/^/$target:/"
    done
}
linux() {
    if [ $purpose = cross ]; then sh ports/static.sh targets; else echo x86_64 mips; fi
}
machines() { # a job for each processor of each target that was built
    for target in $(linux); do
        [ -e build/static/orproxy-$target ] || continue
        sh ports/static.sh emulators $target | awk -v name=$target '{ print name ":orproxy." NR }'
    done
}

all() {
    one install || return
    one build # with -k: the rest still runs on what could be built
    one static
    if [ $purpose = cross ]; then
        # shellcheck disable=SC2046 # words
        { machines; emulated $(sh tests/cross.sh targets); } | xargs -P 2 -n 1 sh tests/run.sh one
        return
    fi
    {
        machines
        emulated m3 mips
        printf '%s\n' lint layers c99 c++11 c99-clang freestanding manual packages same-file bench
        printf '%s\n' cpu-arm cpu-xtensa cpu-avr
        names tests/test_*.c tests/test_*.cpp tests/fuzz_*.c
    } | xargs -P 2 -n 1 sh tests/run.sh one
    if [ -x "$orproxy" ]; then
        { echo hostile; names tests/e2e/*.test.js; } | xargs -P 2 -n 1 sh tests/run.sh one
    else
        echo "FAIL  end-to-end tests: there is no $orproxy"
    fi
}

purpose=${1:-test}
rm -rf $log
mkdir -p $log
all
for file in $log/*.counts; do
    name=$(basename "$file" .counts)
    grep -q -x '[0-9]* 0 [0-9]*' "$file" && continue
    echo
    echo "==== $name"
    cat "$log/$name"
done
echo
cat $log/*.counts | awk '{ p += $1; f += $2; s += $3 }
    END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }' >$B/totals
status=$?
cat $B/totals
exit $status
