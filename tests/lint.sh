#!/bin/sh
# lint.sh [quick]: static analysis of what is built in; prints each finding that nobody has looked
# at yet. Those that were looked at and left are in tests/lint_known.txt, each with its reason, the
# checks that are off in .clang-tidy and .shellcheckrc. quick: shellcheck and cppcheck of proxy/.
set -u
out=build/lint
part=${1:-all}
sources="orproxy.c $(ls proxy/*.c) ports/posix.c ports/bearssl.c ports/link.c"
flags="-std=c99 -D_GNU_SOURCE ${INCLUDES:--I.}"
rm -rf $out
mkdir -p $out

# One file each, two at a time. proxy/core.c is or.h: for that gcc takes minutes.
each() { # NAME COMMAND...: findings of a tool about each file
    name=$1
    shift
    # shellcheck disable=SC2086 # words
    printf '%s\n' $sources |
        xargs -P 2 -I FILE sh -c 'log=$1/$2.$(basename "$3"); shift 3
            "$@" >"$log" 2>&1 || echo "FILE:1:1: error: $1 failed [lint]" >>"$log"' \
            sh $out "$name" FILE "$@"
}

# The implementation of or.h is looked at once, through proxy/core.c.
check_cppcheck() { # FILE...
    cppcheck --quiet --enable=warning,performance,portability --std=c99 --inline-suppr -I. -j 2 \
        -D_GNU_SOURCE -D__linux__ --template='{file}:{line}:{column}: {severity}: {message} [{id}]' \
        "$@" 2>&1
}

git grep -l '^#!/bin/sh$' | xargs shellcheck --severity=warning --format=gcc >$out/shellcheck
# shellcheck disable=SC2046 # words
check_cppcheck -UOR_IMPLEMENTATION orproxy.c $(ls proxy/*.c) >$out/cppcheck
if [ "$part" = all ]; then
    check_cppcheck -DOR_IMPLEMENTATION -UOR_NO_DIALECT -UOR_NO_CALL -UOR_NO_ROUTE -UOR_NO_CLIENT \
        -UOR_NO_CATALOGUE proxy/core.c ports/posix.c ports/bearssl.c ports/link.c >$out/cppcheck.or
    # shellcheck disable=SC2086 # words
    {
        each clang-tidy clang-tidy --quiet FILE -- $flags
        each gcc gcc $flags -O1 -fanalyzer -fanalyzer-verbosity=0 -fdiagnostics-plain-output \
            -c -o /dev/null FILE
    }
fi

cat $out/* | sed "s|$PWD/||; s|^\./||" |
    grep -E '^[^ :]+:[0-9]+:[0-9]+: (fatal error|error|warning|performance|portability): ' |
    sort -u >$out/findings
awk -v part="$part" '
FILENAME ~ /lint_known/ {
    if ($0 !~ /^[^ #]/) next
    check[++num] = $1
    where[num] = $2
    words[num] = $0
    sub(/^[^ ]+ +[^ ]+ */, "", words[num])
    next
}
# The text of the line that a finding is about: it moves less than its number does.
function line_of(file, number,    text, i) {
    for (i = 0; i < number && (getline text <file) > 0; i++) ;
    close(file)
    return text
}
{
    split($0, at, ":")
    text = line_of(at[1], at[2])
    for (i = 1; i <= num; i++)
        if (index($0, check[i]) && (where[i] == "*" || where[i] == at[1]) && index(text, words[i])) {
            seen[i] = 1
            next
        }
    print
    bad = 1
}
END {
    for (i = 1; i <= num && part == "all"; i++)
        if (!seen[i]) {
            print "tests/lint_known.txt: nothing is found any more: " check[i] " " where[i] " " words[i]
            bad = 1
        }
    exit bad
}' tests/lint_known.txt $out/findings
