#!/bin/sh
# packages.sh: what ports/dist.sh makes of the static files that are there, and the files of
# ports/ for each system, as far as that system's own tools and this machine can tell. One line
# for each check; the last line has totals, for tests/run.sh.
set -u
out=$PWD/build/packages
orproxy=$PWD/build/static/orproxy-x86_64
version=$(sed -n 's/^#define OR_VERSION "\(.*\)"$/\1/p' or.h)
passed=0 failed=0 skipped=0

# Tools the check needs, then what it does: a function below, in a folder of its own.
check() { # TOOLS NAME
    for tool in $1; do
        if [ "$tool" != root ]; then
            command -v "$tool" >/dev/null && continue
        elif [ "$(id -u)" -eq 0 ]; then
            continue
        fi
        echo "skip  $2: no $tool here"
        skipped=$((skipped + 1))
        return
    done
    mkdir -p "$out/$2"
    if ("$2" "$out/$2") >"$out/$2.log" 2>&1; then
        echo "ok    $2"
        passed=$((passed + 1))
    else
        echo "FAIL  $2"
        cat "$out/$2.log"
        failed=$((failed + 1))
    fi
}

# In a function that an `if` looks at, set -e stops nothing: these do.
fail() { # MESSAGE
    echo "$1"
    exit 1
}

must() { # COMMAND...
    "$@" || fail "failed: $*"
}

has() { # FILE REGEX...: a line for each
    file=$1
    shift
    for regex in "$@"; do
        grep -q -E -e "$regex" "$file" || fail "no $regex in $file: $(cat "$file")"
    done
}

mode() { # MODE FILE
    [ "$(stat -c %a "$2")" = "$1" ] || fail "$2 has mode $(stat -c %a "$2"), not $1"
}

# orproxy takes these settings.
accepts() { # FILE
    must "$orproxy" keys -c "$1" >/dev/null
}

scripts() {
    must shellcheck -x ports/*.sh tests/packages.sh ports/debian/p* ports/openwrt/files/*.init \
        ports/openwrt/files/*.sh ports/alpine/APKBUILD ports/alpine/*.initd \
        ports/alpine/*.pre-install ports/homeassistant/orproxy/run.sh
}

yaml() {
    must yamllint -d '{extends: default, rules: {document-start: disable}}' \
        ports/docker/compose.yaml ports/homeassistant
}

systemd_unit() { # FOLDER
    unit=usr/lib/systemd/system/orproxy.service
    mkdir -p "$1/${unit%/*}" "$1/usr/bin" "$1/bin"
    cp ports/systemd/orproxy.service "$1/$unit"
    cp "$orproxy" "$1/usr/bin/orproxy"
    cp "$orproxy" "$1/bin/kill" # only that there is one
    # units of the system that a bare root lacks are no fault of ours
    systemd-analyze verify --root="$1" "/$unit" 2>&1 | grep -v -F "$(printf '%s\n' \
        'sysinit.target' 'network-online.target' 'time-sync.target' 'basic.target')" \
        >"$1/said" || :
    [ ! -s "$1/said" ] || fail "$(cat "$1/said")"
    must systemd-analyze security --offline=true --threshold=20 "$1/$unit"
}

# Two runs, at other times and in other folders, give the same bytes.
dist_same() { # FOLDER
    must sh ports/dist.sh "$1/one"
    must sh ports/dist.sh "$1/other/two"
    must cmp "$1/one/SHA256SUMS" "$1/other/two/SHA256SUMS"
    (cd "$1/one" && must sha256sum --quiet -c SHA256SUMS)
    must [ "$(($(grep -c . "$1/one/SHA256SUMS") + 1))" -eq "$(find "$1/one" -type f | wc -l)" ]
}
dist=$out/dist_same/one

tarball() { # FOLDER
    must tar -C "$1" -xzf "$dist/orproxy-$version-x86_64.tar.gz"
    cd "$1/orproxy-$version-x86_64" || exit 1
    must [ "$(./orproxy --version)" = "orproxy $version" ]
    for name in BearSSL jsmn musl 'Thomas Pornin' 'Serge Zaitsev' 'Rich Felker'; do
        must grep -q "$name" LICENSE
    done
    ls README.md CHANGELOG.md orproxy.conf.example orproxy.service
}

# Onto a root of its own, away again, and without a trace after that.
debian() { # FOLDER
    deb=$dist/orproxy_${version}_amd64.deb
    must dpkg-deb -I "$deb"
    dpkg-deb -c "$deb" >"$1/files"
    has "$1/files" '^-rwxr-xr-x root/root .* \./usr/bin/orproxy$' \
        '^drwx------ root/root .* \./etc/orproxy/keys/$' '^-rw-r--r-- .* \./etc/orproxy\.conf$' \
        ' \./usr/share/doc/orproxy/copyright$' ' \./usr/share/doc/orproxy/examples/orproxy\.conf$'
    mkdir -p "$1/root/var/lib/dpkg/info" "$1/root/var/lib/dpkg/updates"
    : >"$1/root/var/lib/dpkg/status"
    on_root() { # OPTION PACKAGE
        must dpkg --root="$root" --log="$root.log" --force-script-chrootless --force-not-root \
            --force-architecture "$@"
    }
    root=$1/root
    on_root -i "$deb"
    must "$1/root/usr/bin/orproxy" --version
    sed "s|/run/credentials/orproxy.service|$1|; s|/var/lib/orproxy|$1/state|" \
        "$1/root/etc/orproxy.conf" >"$1/conf"
    echo sk-1 >"$1/keys_openrouter"
    accepts "$1/conf"
    mkdir -p "$root/var/lib/private/orproxy"
    : >"$root/etc/orproxy/keys/openrouter"
    on_root -r orproxy
    must [ ! -e "$root/usr/bin/orproxy" ]
    for left in etc/orproxy.conf etc/orproxy/keys/openrouter var/lib/private/orproxy; do
        must [ -e "$root/$left" ]
    done
    on_root -P orproxy
    for left in etc/orproxy.conf etc/orproxy var/lib/private/orproxy; do
        must [ ! -e "$root/$left" ]
    done
}

# What the container runs, with nothing around it: keys are demanded, and it knows its health.
container() { # FOLDER
    mkdir "$1/root"
    root=$1/root
    must tar -C "$root" --numeric-owner -xpzf "$dist/orproxy-$version-rootfs-amd64.tar.gz"
    mode 700 "$root/state"
    in_root() { # COMMAND...
        exec env -i PATH="$PATH" OPENROUTER_API_KEY=sk-1 ORPROXY_KEY=sk-2 \
            chroot --userspec=65534:65534 "$root" "$@"
    }
    (in_root /orproxy --set refresh=0s --listen 127.0.0.1:0) >"$1/said" 2>&1 &
    server=$!
    trap 'kill $server' EXIT
    tries=200
    until url=$(grep -o 'http://127.0.0.1:[0-9]*' "$1/said"); do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || fail "$(cat "$1/said")"
        sleep 0.1
    done
    ask() { # CURL'S OPTIONS...
        curl -s -o /dev/null -w '%{http_code}' -d '{}' "$@" \
            "$url/v1/chat/completions"
    }
    must [ "$(ask)" = 401 ]
    must [ "$(ask -H 'Authorization: Bearer sk-2')" = 400 ]
    has "$1/said" 'trust anchors: [0-9]+ built in' # there are no others in it
    # the words of the HEALTHCHECK
    must grep -q 'CMD \["/orproxy", "health"\]' ports/docker/Dockerfile
    (in_root /orproxy health --listen "${url#http://}") || fail "not healthy"
}

# The init script as OpenWrt's ash runs it. Its libraries are these stubs: config_load reads a
# file of UCI as the original does, by executing it.
openwrt_stubs() { # FOLDER
    mkdir -p "$1/functions"
    cat >"$1/functions.sh" <<'END_FUNCTIONS'
config() { config_cb "$1" "${2:-cfg0}"; }
option() { option_cb "$1" "$2"; }
list() { list_cb "$1" "$2"; }
config_load() { . "$UCI"; config_cb; }
END_FUNCTIONS
    cat >"$1/functions/network.sh" <<'END_NETWORK'
network_get_ipaddr() { [ "$2" = lan ] && eval "$1=127.0.0.2"; }
END_NETWORK
    cat >"$1/rc.sh" <<'END_RC'
logger() { echo "logged: $*"; }
chown() { echo "chown $*"; }
procd_open_instance() { echo "procd: open"; }
procd_close_instance() { echo "procd: close"; }
procd_set_param() { echo "procd: $*"; }
. "$1"
start_service
END_RC
}

# Nothing but busybox, as there.
busybox_only() { # FOLDER
    mkdir -p "$1/bin"
    must busybox --install -s "$1/bin"
}

# With the package's config, the lines of $1/uci after it; says what procd was told.
openwrt_start() { # FOLDER
    cat "$1/root/etc/config/orproxy" "$1/uci" | sed "s|/etc/orproxy|$1/etc|; s|/var/lib|$1/lib|" \
        >"$1/config"
    must env -i PATH="$1/bin" UCI="$1/config" FUNCTIONS="$1" KEYS="$1/etc" RUN="$1/run" \
        LIB="$1/root/usr/share/orproxy" ash "$1/rc.sh" "$1/root/etc/init.d/orproxy" >"$1/said"
}

openwrt() { # FOLDER
    openwrt_stubs "$1"
    busybox_only "$1"
    mkdir -p "$1/ipk" "$1/root" "$1/etc"
    must tar -C "$1/ipk" -xzf "$dist/orproxy_$version-r1_x86_64.ipk"
    must [ "$(cat "$1/ipk/debian-binary")" = 2.0 ]
    must tar -C "$1/ipk" -xzf "$1/ipk/control.tar.gz"
    has "$1/ipk/control" '^Architecture: x86_64$' "^Version: $version-r1$" '^Require-User: orproxy='
    must tar -C "$1/root" -xzf "$1/ipk/data.tar.gz"

    : >"$1/uci"
    openwrt_start "$1"
    must [ ! -s "$1/said" ] # disabled

    # and what a person may add: lists, a section with a free name, mistakes
    echo sk-1 >"$1/etc/openrouter.key"
    chmod 644 "$1/etc/openrouter.key"
    echo '[preset terse]' >"$1/etc/more.conf"
    cat >"$1/uci" <<END_UCI
config orproxy
	option enabled '1'
	option heartbeat '10s'
	option default_model 'a # b'
	option include '$1/etc/more.conf'
config provider 'attic'
	option kind 'ollama'
	option base_url 'http://192.168.1.20:11434'
config endpoint
	option section 'attic acme/big'
	option prompt '0.5'
	list supported_parameters 'temperature'
	list supported_parameters 'tools'
config limits
	option connections '200'
	option body '1M
[organization]'
END_UCI
    openwrt_start "$1"
    conf=$1/run/orproxy.conf
    has "$1/said" '^procd: command /usr/bin/orproxy -c ' '^procd: user orproxy$' \
        '^procd: no_new_privs 1$' 'logged: .*a key for clients is in' \
        'logged: .*default_model .*left out' 'logged: .*body .*left out'
    has "$conf" '^listen = 127.0.0.1:8787$' '^listen = 127.0.0.2:8787$' '^heartbeat = 10s$' \
        '^\[endpoint attic acme/big\]$' '^supported_parameters = temperature, tools$' \
        '^connections = 200$' '^\[preset terse\]$'
    must [ "$(grep -c '^\[organization' "$conf")" -eq 0 ]
    accepts "$conf"
    for file in "$conf" "$1/etc/lan.key" "$1/etc/openrouter.key"; do mode 600 "$file"; done
    mode 700 "$1/lib/orproxy"
    key=$(cat "$1/etc/lan.key")
    must [ ${#key} -eq 67 ]

    # without a key for clients nothing but loopback
    sed -i "/^config key/,/^config/d" "$1/root/etc/config/orproxy"
    openwrt_start "$1"
    must [ "$(grep -c '^listen' "$conf")" -eq 1 ]
    accepts "$conf"
}

# Its makefile and Alpine's name the sources that we build with ourselves.
checksums() { # FOLDER
    for port in openwrt alpine; do
        must tar -C "$1" -xzf "$dist/orproxy-$version-$port.tar.gz"
    done
    sum=$(sed -n 's/^ \([0-9a-f]\{64\}\) .*bearssl.*orig\.tar.*/\1/p' \
        build/static/source/bearssl_*.dsc)
    has "$1/orproxy/Makefile" "HASH:=$sum" "^PKG_VERSION:=$version$" \
        "^PKG_HASH:=$(sha256sum <"$dist/orproxy-$version.tar.gz" | cut -d ' ' -f 1)$"
    has "$1/orproxy/APKBUILD" "^pkgver=$version$"
    cp "$dist/orproxy-$version.tar.gz" build/static/source/bearssl_*.orig.tar.xz "$1/orproxy"
    cd "$1/orproxy" || exit 1
    sed '1,/^sha512sums="$/d; /^"$/d; / jsmn_/d' APKBUILD >sums
    must [ "$(grep -c . sums)" -eq 5 ]
    must sha512sum -c sums
}

# As Home Assistant starts it, for what people may set.
home_assistant() { # FOLDER
    must tar -C "$1" -xzf "$dist/orproxy-$version-homeassistant.tar.gz"
    addon=$1/orproxy-homeassistant/orproxy
    busybox_only "$1"
    ln -s "$(command -v jq)" "$1/bin/jq"
    has "$addon/config.yaml" "^version: \"$version\"$"
    has "$addon/Dockerfile" "io.hass.version=\"$version\""
    run_addon() { # OPTIONS
        mkdir -p "$1/data"
        printf %s "$2" >"$1/data/options.json"
        env -i PATH="$1/bin" DATA="$1/data" ORPROXY="$orproxy" \
            ash "$addon/run.sh" --version >"$1/said" 2>&1
    }
    must run_addon "$1" '{"openrouter_key":"sk-1","client_key":"","open":false,"providers":[
        {"name":"attic","kind":"ollama","base_url":"http://192.168.1.20:11434"},
        {"name":"groq","key":"sk-g"}],"monthly_limit":"5"}'
    conf=$1/data/orproxy.conf
    has "$1/said" '^the key for clients, made now: sk-[0-9a-f]{64}$' "^orproxy $version$"
    has "$conf" '^\[provider openrouter\]$' '^\[provider attic\]$' '^limit = 5$' '^\[key home\]$'
    must [ "$(cat "$1/data/keys/groq")" = sk-g ]
    mode 600 "$1/data/keys/groq"
    accepts "$conf"
    made=$(cat "$1/data/keys/client")
    must run_addon "$1" '{"open":true,"providers":[{"name":"groq","key":"sk-g"}]}'
    has "$conf" '^open = yes$'
    must [ "$(grep -c '^\[key' "$conf")" -eq 0 ]
    accepts "$conf"
    must run_addon "$1" '{"openrouter_key":"sk-1"}'
    must [ "$(cat "$1/data/keys/client")" = "$made" ] # the same as before
    if run_addon "$1" '{"providers":[{"name":"a","base_url":"http://x\n[key b]"}]}'; then
        echo "a line end was taken"
        exit 1
    fi
}

sbom() {
    # shellcheck disable=SC2016 # jq's variables
    must jq -e '[.packages[].SPDXID] as $ids | .spdxVersion == "SPDX-2.3" and
        .SPDXID == "SPDXRef-DOCUMENT" and .dataLicense == "CC0-1.0" and
        (.documentNamespace | test("^https://.*[0-9a-f]{64}$")) and
        (.creationInfo.created | fromdateiso8601 > 0) and
        ([.packages[].name] == ["orproxy", "bearssl", "jsmn", "musl",
            "ca-certificates"]) and
        ([.packages[] | .versionInfo, .licenseDeclared, .downloadLocation] | all(length > 0)) and
        (.relationships | length == 5) and
        all(.relationships[].relatedSpdxElement; . as $id | $ids | contains([$id]))
        ' "$dist/orproxy-$version.spdx.json"
}

if [ ! -e "$orproxy" ]; then
    echo "no build/static/orproxy-x86_64: make static"
    echo "packages: 0 passed, 0 failed, 1 skipped"
    exit
fi
rm -rf "$out"
mkdir -p "$out"
check shellcheck scripts
check yamllint yaml
check systemd-analyze systemd_unit
check "git dpkg-deb" dist_same
check "" tarball
check "root dpkg" debian
check "root chroot curl" container
check busybox openwrt
check "" checksums
check "busybox jq" home_assistant
check jq sbom
echo "packages: $passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
