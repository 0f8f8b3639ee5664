#!/bin/sh
# install.sh run|test|fuzz: install what is missing for that, and only that.
#
# Looks for the thing (a header, a command), not for the package, so another BearSSL or Node
# is as good as Debian's. Silent when nothing is missing.
set -u
what=$1
packages=

have_header() { # NAME
    echo "#include <$1>" | ${CC:-cc} ${INCLUDES:--I.} -E - >/dev/null 2>&1
}

have_roots() { # where Debian, Fedora, Alpine and OpenWrt keep them
    for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \
        /etc/ssl/cert.pem; do
        [ -r $file ] && return 0
    done
    return 1
}

have_fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n); int
        LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return !d && n; }' |
        clang -fsanitize=fuzzer,address,undefined -x c -o /dev/null - >/dev/null 2>&1
}

need() { # PACKAGES COMMAND...
    wanted=$1
    shift
    "$@" >/dev/null 2>&1 || packages="$packages $wanted"
}

need "gcc libc6-dev" have_header stdio.h
need libbearssl-dev have_header bearssl.h
need libjsmn-dev have_header jsmn.h
need ca-certificates have_roots
need curl command -v curl
if [ "$what" = test ]; then
    need g++ command -v g++
    need liblwip-dev have_header lwip/lwipopts.h
    need libmbedtls-dev have_header mbedtls/ssl.h
    need openssl command -v openssl
    need nodejs command -v node
    need npm command -v npm
fi
if [ "$what" = fuzz ]; then
    need "clang libclang-rt-dev" have_fuzzer
fi

if [ -n "$packages" ]; then
    if ! command -v apt-get >/dev/null; then
        echo "missing, and there is no apt-get here. Please install by its local name:$packages" >&2
        exit 1
    elif [ "$(id -u)" -eq 0 ]; then
        sudo=
    elif command -v sudo >/dev/null; then
        sudo=sudo
    else
        echo "missing, and this is neither root nor is there sudo. As root, please run:" >&2
        echo "  apt-get install --no-install-recommends$packages" >&2
        exit 1
    fi
    echo "installing what is missing:$packages"
    # Old package lists may still do, so a failed update is not the end.
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q ||
        echo "apt-get update failed; trying with the lists that are here" >&2
    if ! $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $packages; then
        echo "that failed. Please install by hand:$packages" >&2
        exit 1
    fi
fi

# The clients of the end-to-end tests, exactly as locked. npm leaves its own copy of the lock
# file behind when it is done.
e2e=tests/e2e
if [ "$what" = test ] && [ -e $e2e/package-lock.json ] &&
    [ ! $e2e/node_modules/.package-lock.json -nt $e2e/package-lock.json ]; then
    echo "installing the npm packages of $e2e/package-lock.json"
    if ! (cd $e2e && npm ci --ignore-scripts --no-audit --no-fund); then
        echo "that failed. Please run: cd $e2e && npm ci --ignore-scripts" >&2
        exit 1
    fi
    touch $e2e/node_modules/.package-lock.json
fi
