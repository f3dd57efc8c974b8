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
expect_status 0 "and loaded no gate" bash -c '[ ! -e /sys/fs/bpf/bpfgate ]'
expect_output '/usr/bin/bpfgate unsigned$' "they bring a store, which nobody has signed yet" \
  bpfgate store list --store /usr/lib/bpfgate/sigs.d/bpfgate.json
expect_status 0 "the user that their service runs as is there" id bpfgate-metrics
expect_status 0 "their unit is one" systemd-analyze verify --man=no bpfgate-apply.service
sign_libraries_of /usr/bin/bpfgate "$(command -v witness)"
write_manifest policy.json enforce 1
mkdir -p /etc/bpfgate
cp policy.json /etc/bpfgate/manifest.json

install() { dpkg -i "$packages/$1"_*.deb; }
apt_install() { DEBIAN_FRONTEND=noninteractive apt-get -qq -y --allow-downgrades install "$@" </dev/null; }
told() { cat "/run/$1.told" 2>/dev/null; }
asks() { "/usr/sbin/$1" call; }

expect_status 0 "baseline: a package that nobody has signed" install unsigned_1.0
expect_status 0 "baseline: its loader" asks unsigned
dpkg --purge unsigned >/dev/null 2>&1 || die "dpkg --purge"
# The gate is loaded by another bpfgate, signed by hand: the one of the package is not yet.
use_signed_bpfgate
load_gate policy.json
expect_status 1 "the package's bpfgate, which nobody has signed, is not answered" /usr/bin/bpfgate gate status
expect_status 0 "apt brings the one that is signed" apt_install $packages/signed-bpfgate.deb $packages/signed-bpfgated.deb
expect_status 0 "that one is answered, as soon as it is configured" /usr/bin/bpfgate gate status
for name in bpfgate bpfgated; do
  [ -z "$(dpkg --verify $name)" ] && pass "dpkg finds all of $name as its package has it" || fail "dpkg --verify: $(dpkg --verify $name)"
done
rm -f "$work/bin/bpfgate" /opt/bpfgate/bin/bpfgate
hash -r
[ "$(command -v bpfgate)" = /usr/bin/bpfgate ] || die "bpfgate is $(command -v bpfgate)"
bpfgate events --json >events.before 2>&1

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
mkdir -p stripped
dpkg-deb -R $packages/tracer_2.0_*.deb stripped
rm stripped/usr/lib/bpfgate/sigs.d/tracer.json
sed -i 's/^Version: .*/Version: 2.1/' stripped/DEBIAN/control
dpkg-deb --build --root-owner-group stripped stripped.deb >/dev/null || die "dpkg-deb"
expect_status 100 "apt stops at one whose signatures are missing" apt_install ./stripped.deb
expect_output '^bpfgate: tracer:amd64 2.1 would leave /usr/sbin/tracer, which is a loader now, without evidence' "it says what" \
  apt_install ./stripped.deb
expect_output 'Bpfgate::Preflight=warn' "and how to go on all the same" apt_install ./stripped.deb
expect_status 0 "the loader is as it was" asks tracer
libc=$(libraries_of /usr/sbin/tracer | grep libc.so)
mkdir -p "library$(dirname "$libc")" library/DEBIAN
cp "$libc" "library$libc"
echo more >>"library$libc"
printf '%s\n' "Package: libc6" "Version: 99" "Architecture: amd64" "Maintainer: Nobody <nobody@example.org>" "Description: a library" \
  >library/DEBIAN/control
dpkg-deb --build --root-owner-group library library.deb >/dev/null || die "dpkg-deb"
expect_status 1 "a library of loaders without evidence stops it, too" preflight libc6 99 "$work/library.deb"
expect_output "^bpfgate: libc6:amd64 99 would leave .*$(basename "$libc"), which is a library now, without evidence" "and is named" \
  preflight libc6 99 "$work/library.deb"
mkdir -p thief/DEBIAN thief/usr/sbin
cp stripped/usr/sbin/tracer thief/usr/sbin/
printf '%s\n' "Package: thief" "Version: 1" "Architecture: all" "Maintainer: Nobody <nobody@example.org>" "Replaces: tracer" \
  "Description: another package's loader" >thief/DEBIAN/control
dpkg-deb --build --root-owner-group thief thief.deb >/dev/null || die "dpkg-deb"
expect_output '^bpfgate: thief 1 would leave /usr/sbin/tracer, which is a loader now, without evidence' \
  "a package that replaces another's loader is stopped" apt_install ./thief.deb
expect_status 0 "the loader is as it was after that, too" asks tracer
# An event that must be there shows that events are told.
expect_status 1 "a copy of bpfgate has no evidence" bash -c 'cp /usr/bin/bpfgate stray && ./stray gate status'
expect_status 0 "what was refused is told" bash -c 'bpfgate events --json >events.after'
grep -q 'stray"' events.after || fail "no event of the copy: $(cat events.after)"
if grep -q '"/usr/bin/bpfgate"' events.after; then fail "looking at packages costs bpfgate its mark: $(cat events.after)"; else
  pass "looking at packages does not cost bpfgate its mark"
fi
expect_status 0 "apt upgrades it" apt_install $packages/tracer_2.0_*.deb
expect_status 0 "the new loader is allowed" asks tracer
[ "$(fsverity measure /usr/sbin/tracer)" != "$first" ] && pass "it is another file" || fail "the same file after an upgrade"
expect_output 'Unpacking tracer \(2\.1\)' "apt goes on without evidence when it is told to" \
  apt_install -o Bpfgate::Preflight=warn ./stripped.deb
expect_status 1 "and the loader is refused" asks tracer
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
# One that is there before applies to what comes: the package's own postinst may run the loader, which no trigger was in time for.
dpkg --purge unsigned unsigned-bpfgate >/dev/null 2>&1 || die "dpkg --purge"
rm -f /run/unsigned.told
expect_status 0 "a companion is installed before what it accompanies" dpkg -i companion.deb
expect_status 0 "whose postinst may run the loader then, before any trigger" install unsigned_1.0
[ -e /run/unsigned.told ] && pass "and has" || fail "it has not run it"
# A store of somebody whom the policy does not trust takes nothing away.
mkdir -p /var/lib/bpfgate/sigs.d
sed 's/"tracer"/"fetched"/' /usr/lib/bpfgate/sigs.d/tracer.json >/var/lib/bpfgate/sigs.d/a.json
bpfgate store sign --all --store /var/lib/bpfgate/sigs.d/a.json --key keys/strangers.key --cert keys/strangers.pem >/dev/null ||
  die "store sign"
expect_status 0 "a stranger's store is applied with the others" bpfgate apply --all
expect_status 0 "and the loader stays one" asks tracer
rm /var/lib/bpfgate/sigs.d/a.json
# What the policy makes nothing of is not even sealed: a store is only data.
mkdir -p stranger
cp /usr/sbin/tracer stranger/prey && echo prey >>stranger/prey && mkdir -p /srv && cp stranger/prey /srv/prey
bpfgate store add --store /var/lib/bpfgate/sigs.d/prey.json --package prey /srv/prey >/dev/null || die "store add"
bpfgate store sign --store /var/lib/bpfgate/sigs.d/prey.json --key keys/strangers.key --cert keys/strangers.pem >/dev/null ||
  die "store sign"
expect_status 1 "a stranger's store is applied to a file that nobody has signed" bpfgate apply --package prey
expect_status 0 "which can be written still" bash -c 'echo more >>/srv/prey'
rm /var/lib/bpfgate/sigs.d/prey.json
# A digest that the policy lists needs a store, which has the file sealed, and no signature.
cp stranger/prey /srv/prey
bpfgate store add --store /var/lib/bpfgate/sigs.d/prey.json --package prey /srv/prey >/dev/null || die "store add"
listed="\"digests\": [{\"kind\": \"fsverity\", \"digest\": \"$(bpfgate digest /srv/prey | cut -d' ' -f1)\", \"grant\": \"full\"}],"
sed "s|\"default\"|$listed &|; s|\"sequence\": 1|\"sequence\": 2|" policy.json >listed.json
cp listed.json /etc/bpfgate/manifest.json
expect_status 0 "a policy lists a digest" bpfgate gate update --manifest listed.json
expect_status 1 "which is of no use to a file that is not sealed" /srv/prey call
expect_output '^applied /srv/prey$' "a store without a signature has it sealed" bpfgate apply --package prey
expect_status 0 "then it is a loader" /srv/prey call
rm /var/lib/bpfgate/sigs.d/prey.json

# Interrupted between unpacking and configuring, as by a power cut.
expect_status 0 "an upgrade that ends after unpacking" dpkg --unpack --no-triggers $packages/tracer_2.0_*.deb
expect_status 1 "leaves a loader without its signature" asks tracer
expect_status 0 "applying again heals it" bpfgate apply --all
expect_status 0 "the new loader is allowed after that" asks tracer
expect_status 0 "and dpkg goes on" dpkg --configure -a

expect_status 1 "bpfgate is not removed while its gate enforces" dpkg --remove bpfgated bpfgate
expect_status 0 "and works on" bpfgate gate status
dpkg --configure -a >/dev/null 2>&1
expect_status 0 "a package is removed" dpkg --purge tracer
[ ! -e /usr/sbin/tracer ] && [ ! -e /usr/lib/bpfgate/sigs.d/tracer.json ] && pass "with its store" || fail "something of it is left"
finish
