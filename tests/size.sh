#!/bin/sh
# size.sh [ORPROXY]: what or.h costs at -Os, as Markdown tables: flash and stack by part, the
# objects that a caller holds, what each switch saves, whole clients; and the binary.
#
# Flash is code, constants and texts, after linking, since linkers shorten the calls of RISC-V;
# without the four functions of libc. A part begins at its "/* >> part" line in or.h, and what
# lies there belongs to it. The tables that gcc makes of a switch have no line, and are base's;
# the texts that tables point to are one heap. All is less than the sum: equal texts are merged.
set -u
binary=${1-}
out=build/size
mkdir -p $out

# name, compiler and flags of those that are here
targets() {
    while read -r name cc; do
        if command -v "${cc%% *}" >/dev/null; then echo "$name $cc"
        else echo "size.sh: $name left out: no ${cc%% *} here" >&2; fi
    done <<END_TARGETS
Cortex-M0+ arm-none-eabi-gcc -mcpu=cortex-m0plus -mthumb
Cortex-M3 arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb
RV32IMAC riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32
$(gcc -dumpmachine | sed 's/-.*//; s/_/-/') gcc
END_TARGETS
}

# What makes or.h smaller when it is not wanted: everything that or.h asks for by that name.
switches() {
    grep '^#.*if' or.h | grep -o 'OR_NO_[A-Z0-9_]*' | sort -u
}

# What a linker keeps of or.h for a program that calls these functions, * being any: its own
# code and data are not in it. Each row contains the rows above it; those without dialects are of
# an or.h with OR_NO_DIALECT.
clients='
builder, SSE, chat|or_chat_write or_sse_init or_sse_next or_chat_stream_* or_buf_init
and route|or_plan_init or_route_plan or_stats_begin or_stats_end
and call|or_call_*
and HTTP/1.1|or_http_init or_http_next or_http_eof or_http_put_* or_url_read
and client|or_client_*
and catalogue, cost, budgets|or_catalogue_read or_cost_of or_cost_bound or_budget_*
and dialects of providers|or_dialect_write or_dialect_put_path or_dialect_read or_dialect_stream_*
and dialects of clients|or_dialect_to_chat or_reply_*
'

# Lines "row<TAB>column<TAB>value" as a table, in the order in which they come.
table() { # TITLE HEAD-OF-ROWS
    awk -F '\t' -v title="$1" -v head="$2" '
        !($1 in row) { row[$1]; rows[++num_rows] = $1 }
        !($2 in column) { column[$2]; columns[++num_columns] = $2 }
        { value[$1, $2] = $3 }
        END {
            print "\n" title "\n\n| " head line(columns, "", "")
            for (j = 0; j <= num_columns; j++) printf "| --- "
            print "|"
            for (i = 1; i <= num_rows; i++) print "| " rows[i] line(columns, rows[i], "of")
        }
        function line(columns, row, of,   j, text) {
            for (j = 1; j <= num_columns; j++)
                text = text " | " (of ? value[row, columns[j]] : columns[j])
            return text " |"
        }'
}

each() { # COMMAND...: COMMAND... NAME CC FLAGS... for each target
    targets | while read -r line; do
        # shellcheck disable=SC2086 # words
        "$@" $line || exit 1
    done
}

# OBJECT of tests/freestanding.c or another SOURCE, and OBJECT.ci with frames and calls. -g is
# for the lines; it changes no code. libc is not there: build/bare has what is needed of it.
compile() { # OBJECT SOURCE CC FLAGS...
    object=$1 source=$2
    shift 2
    # shellcheck disable=SC2086 # words
    "$@" -std=c99 -Os -g -ffreestanding -fno-pic -fno-stack-protector \
        -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
        -fcallgraph-info=su ${INCLUDES:--I.} -idirafter build/bare -c -o "$object" "$source"
}

link() { # PROGRAM OBJECT OPTIONS CC FLAGS...
    program=$1 object=$2 options=$3
    shift 3
    # shellcheck disable=SC2086 # words
    "$@" -nostdlib -static -Wl,-e,0,--build-id=none,--unresolved-symbols=ignore-all \
        -o "$program" "$object" $options
}

flash() { # PROGRAM CC ...
    "${2%gcc}size" "$1" | awk 'NR == 2 { print $1 }'
}

build() { # NAME CC FLAGS...
    name=$1
    shift
    compile "$out/$name.plain.o" tests/freestanding.c "$@" -DOR_NO_DIALECT &&
        link "$out/$name.plain.elf" "$out/$name.plain.o" "" "$@" &&
        compile "$out/$name.o" tests/freestanding.c "$@" &&
        link "$out/$name.elf" "$out/$name.o" "" "$@"
}

# awk: the parts in order, and the part of a place such as or.h:123, ./or.h:123:4, jsmn.h:5.
parts='
    BEGIN {
        while ((getline text <"or.h") > 0) {
            if (match(text, /^\/\* >> [a-z]+/)) part = names[++parts] = substr(text, 7, RLENGTH - 6)
            part_at[++lines] = part
        }
    }
    function part_of(place) {
        if (place ~ /jsmn\.h:/) return "json"
        return sub(/^.*or\.h:/, "", place) ? part_at[place + 0] : names[1]
    }
    function cell(column, value) { print target "\t" column "\t" value }'

flash_cells() { # NAME CC FLAGS...
    name=$1 tools=${2%gcc}
    "${tools}nm" -l -S "$out/$name.elf" >"$out/$name.nm"
    "${tools}size" -A "$out/$name.o" >"$out/$name.sections"
    awk -v target="$name" -v all="$(flash "$out/$name.elf" "$2")" \
        -v compiler="$2 $("$2" -dumpfullversion)" "$parts"'
        function hex(s,   i, n) {
            for (i = 1; i <= length(s); i++)
                n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
            return n
        }
        # ADDRESS SIZE TYPE SYMBOL PLACE; without a size it is a mark of the linker
        FILENAME ~ /nm$/ && length($2) > 1 {
            bytes[part_of_symbol[$4] = part_of($5)] += hex($2)
            if ($3 ~ /[bBdD]/) data += hex($2)
        }
        # the texts of a function are in .rodata.FUNCTION.str1.1, the others in .rodata.str1.1
        FILENAME ~ /sections$/ && match($1, /\.str[0-9.]+$/) {
            symbol = substr($1, 9, RSTART - 9)
            if (symbol in part_of_symbol) bytes[part_of_symbol[symbol]] += $2
            else texts += $2
        }
        END {
            for (i = 1; i <= parts; i++) cell(names[i], bytes[names[i]] + 0)
            cell("texts of tables", texts + 0)
            cell("all", all)
            cell("writable data", data + 0)
            cell("compiler", compiler)
        }' "$out/$name.nm" "$out/$name.sections"
}

# Each target with everything, and as an or.h without dialects.
each_twice() { # COMMAND
    targets | while read -r name cc; do
        # shellcheck disable=SC2086 # words
        "$1" $name $cc && "$1" $name.plain $cc || exit 1
    done
}

# A node of OBJECT.ci has the title (its name in edges) and "FUNCTION\nPLACE\nN bytes (static)".
stack_cells() { # NAME CC FLAGS...
    awk -F '"' -v target="$1" "$parts"'
        /^node/ && split($4, is, /\\n/) == 3 {
            name[$2] = is[1]
            frame[$2] = is[3] + 0
            here = part_of(is[2])
            if (frame[$2] > deepest[here]) deepest[here] = frame[$2]
            if (frame[$2] > frame[largest]) largest = $2
        }
        /^edge/ { calls[$2] = calls[$2] "\"" $4 }
        # bytes of the deepest chain of calls that begins here
        function depth(node,   called, i, n, d, most) {
            if (node in known) return known[node]
            if (node in open) { loop = name[node]; return 0 }
            open[node]
            n = split(calls[node], called, "\"")
            for (i = 1; i <= n; i++) if ((d = depth(called[i])) > most) most = d
            delete open[node]
            return known[node] = frame[node] + most
        }
        END {
            for (i = 1; i <= parts; i++) cell(names[i], deepest[names[i]] + 0)
            cell("deepest frame is of", name[largest] (frame[largest] > 512 ? ", OVER 512" : ""))
            for (node in name) if (depth(node) > depth(first)) first = node
            cell("deepest chain of calls", depth(first))
            cell("begins at", loop ? "RECURSION in " loop : name[first])
        }' "$out/$1.ci"
}

# The objects that something begins: the first argument of or_*_init, _begin.
state_cells() { # NAME CC FLAGS...
    name=$1
    shift
    {
        echo '#include "or.h"'
        sed -n 's/^OR_API [^(]*or_[a-z_]*_\(init\|begin\)(\(or_[a-z_]*\) \*.*/\2/p' or.h |
            sort -u |
            sed 's/.*/char size_&[sizeof(&)];/'
    } >$out/state.c
    compile "$out/$name.state.o" $out/state.c "$@" &&
        "${1%gcc}nm" -t d -S "$out/$name.state.o" | awk -v target="$name" '
            sub(/^size_/, "", $4) { print $4 "\t" target "\t" $2 + 0 }' | sort
}

switch_cells() { # SWITCH NAME CC FLAGS...
    switch=$1 name=$2 all=$(flash "$out/$2.elf" "$3")
    shift 2
    compile $out/switch.o tests/freestanding.c "$@" "-D$switch" &&
        link $out/switch.elf $out/switch.o "" "$@" &&
        printf '%s\t%s\t%d\n' "$switch" "$name" $((all - $(flash $out/switch.elf "$1")))
}

# The helpers of libgcc, such as 64-bit division, are in it.
client_cells() { # NAME CC FLAGS...
    name=$1 roots=
    shift
    echo "$clients" | while IFS='|' read -r row functions; do
        object=$out/$name.plain.o
        case $row in *dialects*) object=$out/$name.o ;; esac
        kept=$("${1%gcc}nm" -g --defined-only "$object" | awk -v want="$functions" '
            { symbol[$3] }
            END {
                n = split(want, names, " ")
                for (i = 1; i <= n; i++) {
                    regex = name = names[i]
                    gsub(/\*/, "[a-z0-9_]*", regex)
                    for (s in symbol) if (s ~ "^" regex "$") { print "-Wl,-u," s; seen[name] }
                    if (name !~ /\*/ && !(name in seen)) print "no " name " here" >"/dev/stderr"
                }
            }')
        [ -n "$kept" ] || continue # an empty line, or a part that is not there yet
        roots="$roots $kept"
        link $out/client.elf "$object" "-Wl,--gc-sections $roots -lgcc" "$@" &&
            printf '%s\t%s\t%d\n' "$row" "$name" "$(flash $out/client.elf "$1")"
    done
}

each build || exit 1
each_twice flash_cells | table "Flash, bytes" target
each_twice stack_cells | table "Deepest stack frame, bytes; chains without callbacks and libc" target
each state_cells | table "Objects that the caller holds, bytes" object
for switch in $(switches); do each switch_cells "$switch"; done |
    table "What a switch saves, bytes of flash" switch
each client_cells | table "A client after --gc-sections, bytes of flash" "it uses"
if [ -n "$binary" ]; then
    strip -o $out/orproxy "$binary"
    printf '\norproxy, stripped: %d bytes\n' "$(wc -c <$out/orproxy)"
fi
