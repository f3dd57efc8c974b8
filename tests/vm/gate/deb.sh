#!/bin/bash
# SPDX-License-Identifier: MIT
# Packages of dpkg's on a host whose gate enforces: a loader works as soon as its package has unpacked it, after an upgrade and
# after a downgrade; what is not signed, or by somebody else, does not; and what was interrupted heals.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
packages=/opt/bpfgate/packages
cd "$work" || exit 2
mkdir -p keys
cp $packages/keys/* keys/
expect_status 0 "bpfgate's own packages are installed" dpkg -i $packages/bpfgate_*.deb $packages/bpfgated_*.deb
cat output
rm -f /opt/bpfgate/bin/bpfgate
hash -r
[ "$(command -v bpfgate)" = /usr/bin/bpfgate ] || die "bpfgate is $(command -v bpfgate)"
expect_status 0 "and loaded no gate" bash -c '[ ! -e /sys/fs/bpf/bpfgate ]'
make_key admins
sign_libraries_of /usr/bin/bpfgate "$(command -v witness)"
sign_as admins loader /usr/bin/bpfgate
seal /usr/bin/bpfgate
write_manifest policy.json enforce 1

install() { dpkg -i "$packages/$1"_*.deb; }
told() { cat "/run/$1.told" 2>/dev/null; }
asks() { "/usr/sbin/$1" call; }

expect_status 0 "baseline: a package that nobody has signed" install unsigned_1.0
expect_status 0 "baseline: its loader" asks unsigned
dpkg --purge unsigned >/dev/null 2>&1 || die "dpkg --purge"
load_gate policy.json

expect_status 0 "a signed package is installed, and its postinst may run the loader" install tracer_1.0
expect_status 0 "its loader is allowed" asks tracer
expect_output '^sha256:' "its file is sealed" fsverity measure /usr/sbin/tracer
cp /usr/sbin/tracer copy
expect_status 1 "a copy of it is not" ./copy call
first=$(fsverity measure /usr/sbin/tracer)
# What apt asks before it has anything unpacked.
preflight() { # PACKAGE VERSION ARCHIVE
  printf 'VERSION 3\nAPT::Architecture=amd64\n\n%s 1.0 amd64 none < %s amd64 none %s\n' "$1" "$2" "$3" |
    bpfgate deb preflight --manifest policy.json
}
expect_status 0 "an upgrade that is signed is let through" preflight tracer 2.0 $packages/tracer_2.0_*.deb
mkdir -p stripped
dpkg-deb -R $packages/tracer_2.0_*.deb stripped
rm stripped/usr/lib/bpfgate/sigs.d/tracer.json
dpkg-deb --build --root-owner-group stripped stripped.deb >/dev/null || die "dpkg-deb"
expect_status 1 "one whose signatures are missing is stopped" preflight tracer 2.0 "$work/stripped.deb"
expect_output '^bpfgate: tracer(:amd64)? 2.0 would leave /usr/sbin/tracer, which is a loader now, without evidence' "it says what" \
  preflight tracer 2.0 "$work/stripped.deb"
libc=$(libraries_of /usr/sbin/tracer | grep libc.so)
mkdir -p "library$(dirname "$libc")" library/DEBIAN
cp "$libc" "library$libc"
echo more >>"library$libc"
printf '%s\n' "Package: libc6" "Version: 99" "Architecture: amd64" "Maintainer: Nobody <nobody@example.org>" "Description: a library" \
  >library/DEBIAN/control
dpkg-deb --build --root-owner-group library library.deb >/dev/null || die "dpkg-deb"
expect_status 1 "a library of loaders without evidence stops it, too" preflight libc6 99 "$work/library.deb"
expect_status 0 "it is upgraded" install tracer_2.0
expect_status 0 "the new loader is allowed" asks tracer
[ "$(fsverity measure /usr/sbin/tracer)" != "$first" ] && pass "it is another file" || fail "the same file after an upgrade"
expect_status 0 "it is downgraded" install tracer_1.0
expect_status 0 "the old loader is allowed again" asks tracer
expect_status 0 "it is installed again" install tracer_1.0
expect_status 0 "and is allowed still" asks tracer
[ -z "$(dpkg --verify tracer)" ] && pass "dpkg finds no file changed" || fail "dpkg --verify: $(dpkg --verify tracer)"

expect_status 1 "a package that nobody has signed has a postinst that fails" install unsigned_1.0
expect_status 1 "its loader is refused" asks unsigned
expect_status 1 "a package with another's signatures: likewise" install stranger_1.0
expect_status 1 "its loader is refused, too" asks stranger
dpkg --purge stranger >/dev/null 2>&1 || die "dpkg --purge"

# A companion with the signatures, for a package that somebody else makes: the trigger applies it.
mkdir -p companion/DEBIAN companion/usr/lib/bpfgate/sigs.d
printf '%s\n' "Package: unsigned-bpfgate" "Version: 1.0" "Architecture: all" "Maintainer: Nobody <nobody@example.org>" \
  "Description: signatures" >companion/DEBIAN/control
cp /usr/lib/bpfgate/sigs.d/unsigned.json companion/usr/lib/bpfgate/sigs.d/unsigned-bpfgate.json
bpfgate store sign --store companion/usr/lib/bpfgate/sigs.d/unsigned-bpfgate.json --key keys/loaders.key --cert keys/loaders.pem \
  >/dev/null || die "store sign"
dpkg-deb --build --root-owner-group companion companion.deb >/dev/null || die "dpkg-deb"
expect_status 0 "a companion with the signatures is installed" dpkg -i companion.deb
expect_status 0 "the loader of the other package is allowed now" asks unsigned
expect_status 0 "and its package is configured" dpkg --configure -a

# Interrupted between unpacking and configuring, as by a power cut.
expect_status 0 "an upgrade that ends after unpacking" dpkg --unpack --no-triggers $packages/tracer_2.0_*.deb
expect_status 1 "leaves a loader without its signature" asks tracer
expect_status 0 "applying again heals it" bpfgate apply --all
expect_status 0 "the new loader is allowed after that" asks tracer
expect_status 0 "and dpkg goes on" dpkg --configure -a

expect_status 0 "a package is removed" dpkg --purge tracer
[ ! -e /usr/sbin/tracer ] && [ ! -e /usr/lib/bpfgate/sigs.d/tracer.json ] && pass "with its store" || fail "something of it is left"
finish
