#!/bin/sh
# install.sh run|test|fuzz|lint|static|cross|size|coverage|bench: install what is missing for
# that, only that.
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

have_libc() { # CC FLAGS...
    echo '#include <stdio.h>' | "$@" -E - >/dev/null 2>&1
}

need() { # PACKAGES COMMAND...
    wanted=$1
    shift
    "$@" >/dev/null 2>&1 || packages="$packages $wanted"
}

need_for() { # PURPOSES PACKAGES COMMAND...
    case " $1 " in
    *" $what "*) shift; need "$@" ;;
    esac
}

need "gcc libc6-dev" have_header stdio.h
need_for "run test fuzz lint size bench static cross" libbearssl-dev have_header bearssl.h
need libjsmn-dev have_header jsmn.h
need_for "run test" ca-certificates have_roots
need_for "run test" curl command -v curl
need_for test yamllint command -v yamllint
need_for test busybox command -v busybox
need_for test jq command -v jq
need_for test g++ command -v g++
need_for test liblwip-dev have_header lwip/lwipopts.h
need_for test libmbedtls-dev have_header mbedtls/ssl.h
need_for "test cross bench" openssl command -v openssl
need_for "test cross bench" nodejs command -v node
need_for test npm command -v npm
need_for test faketime command -v faketime
need_for test iproute2 command -v ip
need_for bench valgrind command -v valgrind
need_for bench linux-perf command -v perf
need_for "test bench" procps command -v pgrep
need_for fuzz "clang libclang-rt-dev" have_fuzzer
need_for "test lint" cppcheck command -v cppcheck
need_for "test lint" shellcheck command -v shellcheck
need_for lint clang-tidy command -v clang-tidy

# Small machines. Only apt-get knows these names; elsewhere tests/cross.sh and tests/size.sh
# take what is there and name what is not.
if command -v apt-get >/dev/null; then
    need_for "test cross size" gcc-arm-none-eabi command -v arm-none-eabi-gcc
    need_for "test cross" picolibc-arm-none-eabi have_libc arm-none-eabi-gcc --specs=picolibc.specs
    need_for "test cross" qemu-system-arm command -v qemu-system-arm
    need_for "test cross" gcc-mips-linux-gnu command -v mips-linux-gnu-gcc
    need_for "test cross" qemu-user-static command -v qemu-mips-static
    need_for "cross size" gcc-riscv64-unknown-elf command -v riscv64-unknown-elf-gcc
    need_for cross picolibc-riscv64-unknown-elf \
        have_libc riscv64-unknown-elf-gcc --specs=picolibc.specs
    need_for cross qemu-system-misc command -v qemu-system-riscv32
    need_for test systemd command -v systemd-analyze
    # ports/static.sh
    need_for "test static cross" gcc-x86-64-linux-gnu command -v x86_64-linux-gnu-gcc
    for triplet in arm-linux-gnueabi arm-linux-gnueabihf aarch64-linux-gnu mipsel-linux-gnu \
        riscv64-linux-gnu; do
        need_for cross gcc-$triplet command -v $triplet-gcc
    done
    need_for "test static cross" ca-certificates test -d /usr/share/ca-certificates/mozilla
    need_for "test static cross" dpkg-dev command -v dpkg-source
    need_for "test static cross" debian-archive-keyring \
        test -r /usr/share/keyrings/debian-archive-keyring.gpg
fi

# What orproxy is measured against. Installed, they would be started as services: they are fetched,
# with the libraries that are missing, and unpacked under build/bench/root.
fetched=
if command -v apt-get >/dev/null && { [ "$what" = bench ] || [ "$what" = test ]; }; then
    PATH=$PATH:/usr/sbin:/sbin:build/bench/root/usr/bin:build/bench/root/usr/sbin
    for program in nginx haproxy wrk; do
        command -v $program >/dev/null || fetched="$fetched $program"
    done
fi

fetch() { # PACKAGES...
    mkdir -p build/bench/packages/partial build/bench/root
    $sudo apt-get install -q -y --no-install-recommends --download-only \
        -o Dir::Cache::archives="$PWD/build/bench/packages" "$@" || return
    for package in build/bench/packages/*.deb; do
        dpkg -x "$package" build/bench/root
    done
}

if [ -n "$packages$fetched" ]; then
    if ! command -v apt-get >/dev/null; then
        echo "missing, and there is no apt-get here. Please install by its local name:$packages" >&2
        exit 1
    elif [ "$(id -u)" -eq 0 ]; then
        sudo=
    elif command -v sudo >/dev/null; then
        sudo=sudo
    else
        echo "missing, and this is neither root nor is there sudo. As root, please run:" >&2
        echo "  apt-get install --no-install-recommends$packages$fetched" >&2
        exit 1
    fi
    echo "installing what is missing:$packages$fetched"
    # Old package lists may still do, so a failed update is not the end.
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q ||
        echo "apt-get update failed; trying with the lists that are here" >&2
    if [ -n "$packages" ] && ! $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $packages; then
        echo "that failed. Please install by hand:$packages" >&2
        exit 1
    fi
    # shellcheck disable=SC2086 # words
    if [ -n "$fetched" ] && ! fetch $fetched; then
        echo "that failed. Please install by hand:$fetched" >&2
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
