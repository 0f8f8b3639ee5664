#!/bin/sh
# dist.sh [FOLDER]: packages of the static files that are in build/static, all after
# `make cross`, into FOLDER (build/dist). Called by make dist; tests/packages.sh looks at them.
#
# The same input gives the same bytes: sorted names, root as owner, and for every date that of
# the last commit, or SOURCE_DATE_EPOCH.
set -eu
export LC_ALL=C TZ=UTC
umask 022
dist=$(mkdir -p "${1:-build/dist}" && cd "${1:-build/dist}" && pwd)
work=$dist/.work
version=$(sed -n 's/^#define OR_VERSION "\(.*\)"$/\1/p' or.h)
git() { # whoever's the folder is
    command git -c safe.directory='*' "$@"
}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date -r or.h +%s)}
export SOURCE_DATE_EPOCH

# target, then its names elsewhere: of Debian, of containers, of Home Assistant, of OpenWrt.
# Raspberry Pi OS calls a Pi Zero armhf, which stops at the first instruction of ARMv7: what is
# for both is built for the older.
names='
x86_64  amd64   amd64 amd64   x86_64
aarch64 arm64   arm64 aarch64 aarch64_generic,aarch64_cortex-a53,aarch64_cortex-a72
armhf   -       armv7 armv7   arm_cortex-a7_neon-vfpv4,arm_cortex-a9_vfpv3-d16
armel   armhf   armv6 armhf   arm_arm926ej-s,arm_arm1176jzf-s_vfp
mips    -       -     -       mips_24kc
mipsel  -       -     -       mipsel_24kc
riscv64 riscv64 riscv64 -     riscv64_generic'

archive() { # FOLDER WHAT...: a tar of them on standard output
    (
        cd "$1"
        shift
        tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner \
            --mtime="@$SOURCE_DATE_EPOCH" -cf - "$@" | gzip -n9
    )
}

fresh() {
    rm -rf "$work"
    mkdir "$work"
}

# MODE SOURCE PLACE: a file of a package, with its version in it
put() {
    mkdir -p "$(dirname "$3")"
    sed "s/@VERSION@/$version/" "$2" >"$3"
    chmod "$1" "$3"
}

# The licences of all that is in the binary.
licences() {
    cat LICENSE
    printf '\n==== BearSSL\n\n'
    cat build/static/source/bearssl/LICENSE.txt
    printf '\n==== jsmn\n\n'
    sed -n '/^\/\*/,/\*\//s/^[ /]\*\/\{0,1\} \{0,1\}//p;/\*\//q' build/static/source/jsmn/jsmn.h
    printf '\n==== musl\n\n'
    cat build/static/source/musl/COPYRIGHT
}

documents() { # FOLDER
    mkdir -p "$1"
    licences >"$1/LICENSE"
    cp README.md CHANGELOG.md "$1"
}

tarball() { # TARGET
    fresh
    name=orproxy-$version-$1
    documents "$work/$name"
    install -m 755 "build/static/orproxy-$1" "$work/$name/orproxy"
    cp examples/orproxy.conf "$work/$name/orproxy.conf.example"
    cp ports/systemd/orproxy.service "$work/$name"
    archive "$work" "$name" >"$dist/$name.tar.gz"
}

deb() { # TARGET ARCHITECTURE
    fresh
    doc=$work/usr/share/doc/orproxy
    documents "$doc"
    mv "$doc/LICENSE" "$doc/copyright"
    gzip -n9 "$doc/CHANGELOG.md"
    mv "$doc/CHANGELOG.md.gz" "$doc/changelog.gz"
    put 644 examples/orproxy.conf "$doc/examples/orproxy.conf"
    put 644 ports/debian/orproxy.conf "$work/etc/orproxy.conf"
    put 644 ports/systemd/orproxy.service "$work/usr/lib/systemd/system/orproxy.service"
    install -D -m 755 "build/static/orproxy-$1" "$work/usr/bin/orproxy"
    mkdir "$work/etc/orproxy"
    mkdir -m 700 "$work/etc/orproxy/keys"
    kb=$(du -sk --apparent-size "$work" | cut -f 1)
    for script in postinst prerm postrm; do
        put 755 ports/debian/$script "$work/DEBIAN/$script"
    done
    using=$(sh ports/static.sh versions | sed -n 's/^\(bearssl\|musl\) \(.*\)/\1 (= \2)/p' |
        paste -s -d ,)
    sed "s/@VERSION@/$version/; s/@ARCH@/$2/; s/@KB@/$kb/; s/@USING@/$using/" \
        ports/debian/control >"$work/DEBIAN/control"
    echo /etc/orproxy.conf >"$work/DEBIAN/conffiles"
    dpkg-deb --root-owner-group -Zxz --build "$work" "$dist/orproxy_${version}_$2.deb" >/dev/null
}

# OpenWrt up to 24.10; later ones take what its SDK makes of ports/openwrt.
ipk() { # TARGET ARCHITECTURE
    fresh
    data=$work/data
    files=ports/openwrt/files
    install -D -m 755 "build/static/orproxy-$1" "$data/usr/bin/orproxy"
    put 755 $files/orproxy.init "$data/etc/init.d/orproxy"
    put 600 $files/orproxy.config "$data/etc/config/orproxy"
    put 644 $files/orproxy-conf.sh "$data/usr/share/orproxy/orproxy-conf.sh"
    mkdir -m 700 "$data/etc/orproxy"
    mkdir "$work/control"
    cat >"$work/control/control" <<END_CONTROL
Package: orproxy
Version: $version-r1
Architecture: $2
Depends: libc
Section: net
Require-User: orproxy=8787:orproxy=8787
Installed-Size: $(wc -c <"build/static/orproxy-$1")
License: MIT-0 OR Unlicense
Description: OpenRouter's API on a box you own
END_CONTROL
    printf '%s\n' /etc/config/orproxy /etc/orproxy/ >"$work/control/conffiles"
    for step in postinst prerm; do
        cat >"$work/control/$step" <<END_SCRIPT
#!/bin/sh
[ "\${IPKG_NO_SCRIPT}" = 1 ] && exit 0
[ -s "\${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0
. "\${IPKG_INSTROOT}/lib/functions.sh"
default_$step "\$0" "\$@"
END_SCRIPT
        chmod 755 "$work/control/$step"
    done
    archive "$data" . >"$work/data.tar.gz"
    archive "$work/control" . >"$work/control.tar.gz"
    echo 2.0 >"$work/debian-binary"
    archive "$work" ./debian-binary ./data.tar.gz ./control.tar.gz \
        >"$dist/orproxy_$version-r1_$2.ipk"
}

# What a container has: the file, its settings, and a place for its state.
rootfs() { # TARGET ARCHITECTURE
    fresh
    install -m 755 "build/static/orproxy-$1" "$work/orproxy"
    put 644 ports/docker/orproxy.conf "$work/etc/orproxy.conf"
    mkdir "$work/usr" "$work/state"
    licences >"$work/usr/LICENSE"
    (
        cd "$work"
        tar="tar --sort=name --format=gnu --numeric-owner --mtime=@$SOURCE_DATE_EPOCH"
        $tar --owner=0 --group=0 -cf "$work.tar" etc orproxy usr
        chmod 700 state
        $tar --owner=65534 --group=65534 -rf "$work.tar" state
    )
    gzip -n9 <"$work.tar" >"$dist/orproxy-$version-rootfs-$2.tar.gz"
    rm "$work.tar"
}

# For the folder /addons of a Home Assistant.
home_assistant() {
    fresh
    cp -R ports/homeassistant "$work/orproxy-homeassistant"
    addon=$work/orproxy-homeassistant/orproxy
    for file in config.yaml Dockerfile; do
        put 644 "ports/homeassistant/orproxy/$file" "$addon/$file"
    done
    echo "$names" | while read -r target _ _ arch _; do
        if [ "$arch" = - ] || [ ! -e "build/static/orproxy-$target" ]; then continue; fi
        install -m 755 "build/static/orproxy-$target" "$addon/orproxy-$arch"
    done
    archive "$work" orproxy-homeassistant >"$dist/orproxy-$version-homeassistant.tar.gz"
}

# The sources, and what builds them elsewhere, with the checksum in it.
sources() {
    fresh
    name=orproxy-$version
    mkdir "$work/$name"
    git ls-files -z | tar --null -T - -cf - | tar -C "$work/$name" -xf -
    archive "$work" "$name" >"$dist/$name.tar.gz"
    sha256=$(sha256sum <"$dist/$name.tar.gz" | cut -d ' ' -f 1)
    for port in openwrt alpine; do
        fresh
        cp -R ports/$port "$work/orproxy"
        case $port in
        openwrt)
            sed -i "s/^PKG_VERSION:=.*/PKG_VERSION:=$version/; s/^PKG_HASH:=.*/PKG_HASH:=$sha256/" \
                "$work/orproxy/Makefile" ;;
        alpine)
            cp "$dist/$name.tar.gz" "$work/orproxy"
            sed -i "s/^pkgver=.*/pkgver=$version/; /^sha512sums=/,\$d" "$work/orproxy/APKBUILD"
            {
                echo 'sha512sums="'
                sed -n '/^sha512sums=/,$p' ports/alpine/APKBUILD | grep 'orig\.tar'
                (cd "$work/orproxy" && sha512sum "$name.tar.gz" orproxy.conf* orproxy.initd)
                echo '"'
            } >>"$work/orproxy/APKBUILD"
            rm "$work/orproxy/$name.tar.gz" ;;
        esac
        archive "$work" orproxy >"$dist/$name-$port.tar.gz"
    done
}

# SPDX 2.3: what is in the binaries.
package() { # NAME VERSION LICENCE COPYRIGHT FROM
    cat <<END_PACKAGE
    {
      "SPDXID": "SPDXRef-$1",
      "name": "$1",
      "versionInfo": "$2",
      "downloadLocation": "$5",
      "filesAnalyzed": false,
      "licenseConcluded": "$3",
      "licenseDeclared": "$3",
      "copyrightText": "$4"
    }
END_PACKAGE
}

sbom() {
    versions=$(sh ports/static.sh versions)
    version_of() { echo "$versions" | sed -n "s/^$1 //p"; }
    pool=https://deb.debian.org/debian/pool/main
    sums=$(cat build/static/orproxy-* | sha256sum | cut -d ' ' -f 1)
    cat <<END_DOCUMENT
{
  "spdxVersion": "SPDX-2.3",
  "dataLicense": "CC0-1.0",
  "SPDXID": "SPDXRef-DOCUMENT",
  "name": "orproxy-$version",
  "documentNamespace": "https://spdx.org/spdxdocs/orproxy-$version-$sums",
  "creationInfo": {
    "created": "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)",
    "creators": ["Tool: ports/dist.sh"]
  },
  "packages": [
$(package orproxy "$version" "MIT-0 OR Unlicense" "2026 the or.h authors" NOASSERTION),
$(package bearssl "$(version_of bearssl)" MIT "2016 Thomas Pornin" $pool/b/bearssl/),
$(package jsmn "$(version_of jsmn)" MIT "2010 Serge Zaitsev" $pool/j/jsmn/),
$(package musl "$(version_of musl)" MIT "2005-2020 Rich Felker, et al." $pool/m/musl/),
$(package ca-certificates "$(version_of ca-certificates)" MPL-2.0 Mozilla $pool/c/ca-certificates/)
  ],
  "relationships": [
    {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
     "relatedSpdxElement": "SPDXRef-orproxy"},
    {"spdxElementId": "SPDXRef-orproxy", "relationshipType": "STATIC_LINK",
     "relatedSpdxElement": "SPDXRef-bearssl"},
    {"spdxElementId": "SPDXRef-orproxy", "relationshipType": "CONTAINS",
     "relatedSpdxElement": "SPDXRef-jsmn"},
    {"spdxElementId": "SPDXRef-orproxy", "relationshipType": "STATIC_LINK",
     "relatedSpdxElement": "SPDXRef-musl"},
    {"spdxElementId": "SPDXRef-orproxy", "relationshipType": "CONTAINS",
     "relatedSpdxElement": "SPDXRef-ca-certificates"}
  ]
}
END_DOCUMENT
}

rm -rf "$dist"
mkdir -p "$dist"
echo "$names" | while read -r target debian container _ openwrt; do
    [ -e "build/static/orproxy-$target" ] || continue # the empty line, too
    tarball "$target"
    [ "$debian" = - ] || deb "$target" "$debian"
    [ "$container" = - ] || rootfs "$target" "$container"
    for arch in $(echo "$openwrt" | tr , ' '); do ipk "$target" "$arch"; done
done
home_assistant
sources
sbom >"$dist/orproxy-$version.spdx.json"
put 644 ports/docker/Dockerfile "$dist/Dockerfile"
rm -rf "$work"
sums=$(cd "$dist" && sha256sum -- *)
echo "$sums" >"$dist/SHA256SUMS"
