#!/bin/sh
# coverage.sh: the lines of or.h that its own tests execute, in percent, by part; fails
# below 95. build/coverage/uncovered names the lines that no test reaches.
#
# Each test program has its own copy of or.h, so a line counts when any of them executes it. A
# part begins at its "/* >> part" line in or.h. Fuzz targets and tests that need an operating
# system or a port are left out: they would count lines that nothing checks. Always by gcc,
# whatever CC is: gcov is its own.
set -u
least=95
out=build/coverage
rm -rf $out
mkdir -p $out

for program in $(sh tests/cross.sh programs | grep '^test_'); do
    # shellcheck disable=SC2086 # words
    gcc -std=c99 -O0 --coverage ${INCLUDES:--I.} -o $out/"$program" tests/"$program".c &&
        $out/"$program" && gcov -t $out/*"$program".gcda >$out/"$program".gcov || exit 1
done

# COUNT: LINE: TEXT for each line of each source, after a line 0 with the name of the source
cat $out/*.gcov | awk -F : -v least=$least -v missing=$out/uncovered '
    $2 + 0 == 0 { if ($3 == "Source") ours = $4 == "or.h" }
    !ours { next }
    # "-" is no code; ##### and ===== are code that was not reached, otherwise it is a number
    { line = $2 + 0; count = $1; gsub(/[ *]/, "", count) }
    line == 0 || count == "-" { next }
    { code[line] = 1; if (count !~ /^[#=]/) ran[line] = 1 }
    END {
        while ((getline text <"or.h") > 0) {
            lines++
            if (match(text, /^\/\* >> [a-z]+/)) part = names[++parts] = substr(text, 7, RLENGTH - 6)
            in_part[lines] = part
            if (lines in code) { total[part]++; all++ }
            if (lines in ran) { hit[part]++; hits++ }
        }
        for (i = 1; i <= parts; i++) report(names[i], hit[names[i]], total[names[i]])
        report("all", hits, all)
        printf "" >missing
        for (i = 1; i <= lines; i = last + 1) {
            last = i
            if (!(i in code) || (i in ran)) continue
            # a range goes on over lines without code
            for (j = i; j <= lines && !(j in ran) && in_part[j] == in_part[i]; j++)
                if (j in code) last = j
            print "or.h:" i (last > i ? "-" last : "") " " in_part[i] >missing
        }
        if (100 * hits < least * all) { print "that is less than " least " %"; exit 1 }
    }
    function report(name, hit, total) {
        if (total > 0) printf "%-8s %6.2f %%  of %5d lines\n", name, 100 * hit / total, total
    }'
status=$?
echo "not reached: $out/uncovered ($(wc -l <$out/uncovered) places)"
exit $status
