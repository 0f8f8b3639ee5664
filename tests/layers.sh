#!/bin/sh
# Print each include that points sideways or up, and each file without a row. Silence is good.
#
# The rows, lowest first. A file belongs to the module it is named after, up to the first
# underscore (ev_epoll.c is part of ev), and may include modules of lower rows, or.h, and its
# own module.
rows='
0 core posix bearssl link providers member chain clock rate query net
1 conf log mem roots envelope gen shape pages
2 ev sandbox generations facts keys tally
3 dns tls demo client preset books ledger
4 upstream auth ceiling
5 uplink market
6 exchange decide models metrics
7 fetch record
8 refresh expand rewrite gate
9 relay cli reconcile alert manage
10 api
11 orproxy
'

files=$(ls orproxy.c proxy/*.[ch] ports/posix.[ch] ports/bearssl.[ch] 2>/dev/null)
[ -n "$files" ] || exit 0
# shellcheck disable=SC2086 # one word for each file
awk -v rows="$rows" '
function module(path) {
    sub(/.*\//, "", path)
    sub(/\.[ch]$/, "", path)
    sub(/_.*/, "", path)
    return path
}
function report(text) {
    print FILENAME ":" FNR ": " text
    bad = 1
}
BEGIN {
    lines = split(rows, line, "\n")
    for (i = 1; i <= lines; i++) {
        words = split(line[i], word, " ")
        for (j = 2; j <= words; j++) row[word[j]] = word[1]
    }
}
FNR == 1 {
    from = module(FILENAME)
    if (!(from in row)) report("no row in tests/layers.sh")
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    to = module(part[2])
    if (part[2] == "or.h" || to == from) next
    if (!(to in row)) report(part[2] " has no row in tests/layers.sh")
    else if (row[to] >= row[from])
        report(part[2] (row[to] == row[from] ? " points sideways" : " points up"))
}
END { exit bad }
' $files
