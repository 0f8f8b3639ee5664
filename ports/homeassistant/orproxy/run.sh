#!/bin/sh
# Makes /data/orproxy.conf and the files with keys from the add-on's options, then is orproxy.
set -eu
data=${DATA:-/data}
here=$(dirname "$0")
options=$data/options.json
umask 077
mkdir -p "$data/state"
rm -rf "$data/keys"
mkdir "$data/keys"

# each with a key of its own, and OpenRouter
jq -r '(.openrouter_key // "" | select(. != "") | "openrouter"),
    (.providers // [] | .[] | select((.key // "") != "") | .name)' "$options" |
    while read -r name; do
        jq -j --arg name "$name" 'if $name == "openrouter" and (.openrouter_key // "") != ""
            then .openrouter_key
            else .providers[] | select(.name == $name).key end' "$options" >"$data/keys/$name"
    done

# The clients' key: given, or made once.
jq -j '.client_key // ""' "$options" >"$data/keys/client"
if [ ! -s "$data/keys/client" ]; then
    if [ ! -s "$data/client.key" ]; then
        echo "sk-$(od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n')" >"$data/client.key"
        echo "the key for clients, made now: $(cat "$data/client.key")"
    fi
    cp "$data/client.key" "$data/keys/client"
fi

jq -r --arg data "$data" -f "$here/options.jq" "$options" >"$data/orproxy.conf"
exec "${ORPROXY:-/usr/bin/orproxy}" -c "$data/orproxy.conf" "$@"
