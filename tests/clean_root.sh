#!/bin/sh
# clean_root.sh: prove the two commands of the README on a machine that has nothing.
#
# Builds a minimal Debian bookworm in build/base once (debootstrap), copies it to build/root,
# puts a fresh clone of the committed project in, and runs there, as root and without sudo:
# `make run` with the first curl command of the README, then `.ci/run`. Needs root,
# debootstrap, a Debian mirror, about 4 GB of disk and some minutes. SUITE and MIRROR may be
# set. Not part of make test.
#
# apt, npm and the resolver of the root are set up as here, so that a local mirror or proxy
# that this machine uses works there too.
set -eu
suite=${SUITE:-bookworm}
mirror=${MIRROR:-http://deb.debian.org/debian}
here=$PWD
base=$here/build/base
root=$here/build/root
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

die() {
    echo "clean_root.sh: $1" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || die "needs root: sudo make clean-root"
command -v debootstrap >/dev/null || die "needs debootstrap: apt-get install debootstrap"

# A mount namespace of our own: whatever happens, nothing stays mounted.
if [ -z "${CLEAN_ROOT_INSIDE-}" ]; then
    CLEAN_ROOT_INSIDE=1 exec unshare --mount --pid --fork --kill-child sh "$0" "$@"
fi

# A subshell that becomes the command, so that its process id is the command's.
inside() ( # COMMAND: in the project, in the root, with an empty environment but for proxies
    exec env -i PATH=$path HOME=/root LANG=C.UTF-8 \
        ${http_proxy+"http_proxy=$http_proxy"} ${https_proxy+"https_proxy=$https_proxy"} \
        ${no_proxy+"no_proxy=$no_proxy"} \
        ${NODE_EXTRA_CA_CERTS+"NODE_EXTRA_CA_CERTS=$NODE_EXTRA_CA_CERTS"} \
        chroot "$root" sh -c "cd /srv/project && exec $1"
)

# A copy of what is here, when it is here.
same() { # PATH...
    for file in "$@"; do
        [ -e "$file" ] || continue
        mkdir -p "$root$(dirname "$file")"
        cp -rL "$file" "$root$(dirname "$file")/"
    done
}

if [ ! -e "$base/ready" ]; then
    rm -rf "$base"
    mkdir -p "$base"
    debootstrap --variant=minbase --include=git,make,gcc,libc6-dev,ca-certificates \
        "$suite" "$base" "$mirror"
    touch "$base/ready"
fi
rm -rf --one-file-system "$root"
cp -a "$base" "$root"
same /etc/resolv.conf /etc/hosts /etc/npmrc /usr/etc/npmrc "$HOME/.npmrc"
same /etc/ssl/certs/ca-certificates.crt
for file in /etc/apt/apt.conf.d/*; do # proxies, verification; not the hooks of local programs
    if grep -q -i 'acquire::' "$file"; then same "$file"; fi
done
git clone -q --no-hardlinks "$here" "$root/srv/project"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"

echo "==== make run, on a machine with git, make, a C compiler"
inside 'make run' >"$here/build/clean_root.run" 2>&1 &
run=$!
tries=600
until inside "curl -s -f http://127.0.0.1:8787/healthz" >/dev/null 2>&1; do
    tries=$((tries - 1))
    kill -0 $run 2>/dev/null && [ $tries -gt 0 ] || {
        cat "$here/build/clean_root.run"
        die "make run did not come up"
    }
    sleep 1
done
cat "$here/build/clean_root.run"
curl=$(awk '/^curl / { on = 1 } on; on && !/\\$/ { exit }' README.md)
echo "$curl"
inside "$curl" >"$here/build/clean_root.curl"
cat "$here/build/clean_root.curl"
grep -q -x 'data: \[DONE\]' "$here/build/clean_root.curl" || die "that is not a whole stream"
kill $run
wait $run || true

echo "==== .ci/run"
status=0
inside .ci/run || status=$?
# What fails is left for a look.
if [ $status -eq 0 ] && umount "$root/proc" "$root/dev"; then rm -rf --one-file-system "$root"; fi
exit $status
