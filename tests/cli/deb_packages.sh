#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# bpfgate's own packages, of what is built here: nothing that is installed is left out, lintian finds nothing to complain of, and
# they bring their own stores.
. "$(dirname "$0")/lib.sh"

DEB_BUILD_OPTIONS=noautodbgsym "$(dirname "$0")/../../packaging/deb/build" packages >build.log 2>&1 ||
  { tail -n 40 build.log; fail "packaging/deb/build"; }
expect 0 lintian --fail-on error,warning packages/*.changes
[ ! -s .out ] || fail "lintian has something to say"
for package in bpfgate bpfgated rpm-plugin-bpfgate dh-bpfgate; do dpkg-deb -R packages/${package}_*.deb $package; done

# has PACKAGE GLOB: exactly one file.
has() {
  local found
  mapfile -t found < <(compgen -G "$1/$2")
  [ ${#found[@]} = 1 ] || fail "$1 has not one $2: ${found[*]}" 1
}
has bpfgate 'usr/share/zsh/vendor-completions/_bpfgate'
has bpfgate 'etc/apt/apt.conf.d/50bpfgate'
has bpfgate 'usr/libexec/bpfgate/apt-preflight'
[ -n "$(find bpfgate -path '*/systemd/system/bpfgate-apply.service')" ] || fail "no unit that applies"
has bpfgate 'usr/lib/systemd/system-preset/50-bpfgate.preset'
has bpfgate 'usr/share/initramfs-tools/hooks/bpfgate'
has bpfgate 'usr/share/bpfgate/mkosi/postoutput'
has bpfgate 'usr/lib/dracut/modules.d/*/module-setup.sh'
has bpfgate 'usr/share/doc/bpfgate/PACKAGING.md*'
has bpfgated 'usr/lib/systemd/system-preset/50-bpfgated.preset'
has rpm-plugin-bpfgate 'usr/lib/rpm/macros.d/macros.transaction_bpfgate'
has rpm-plugin-bpfgate 'usr/lib/rpm/macros.d/macros.transaction_fsverity_off'
[ -n "$(find rpm-plugin-bpfgate -name bpfgate.so)" ] || fail "the plugin for rpm is nowhere"
has dh-bpfgate 'usr/share/perl5/Debian/Debhelper/Sequence/bpfgate.pm'
grep -qx 'Provides: dh-sequence-bpfgate' dh-bpfgate/DEBIAN/control || fail "dh knows no sequence of this name"
grep -qx 'interest-await /usr/lib/bpfgate/sigs.d' bpfgate/DEBIAN/triggers || fail "no trigger"
grep -q 'update-initramfs' bpfgate/DEBIAN/triggers || fail "the initramfs keeps its bpfgate"
grep -q 'systemd-sysusers.*bpfgate.conf' bpfgated/DEBIAN/postinst || fail "the user of the metrics is not made"
if grep -q 'deb-systemd-invoke .*start' bpfgate/DEBIAN/postinst; then fail "something is started by being installed"; fi

# Made into signed ones where the key is: others by version, whole by their own checksums, and one for the other.
signer owner
expect 0 "$(dirname "$0")/../../packaging/deb/sign" owner.key owner.pem packages/bpfgate_*.deb packages/bpfgated_*.deb
for package in bpfgate bpfgated; do
  dpkg-deb -R packages/${package}_*+signed_*.deb signed-$package
  rm packages/${package}_*+signed_*.deb
  (cd signed-$package && md5sum --quiet -c DEBIAN/md5sums) || fail "$package: its checksums are not those of its files"
  expect 0 bpfgate store list --store signed-$package/usr/lib/bpfgate/sigs.d/$package.json
  grep -q 'CN=test owner' .out || fail "$package is not signed"
done
version=$(sed -n 's/^Version: //p' signed-bpfgate/DEBIAN/control)
[ "${version%+signed}" != "$version" ] || fail "the version is $version"
grep -q "bpfgate (= $version)" signed-bpfgated/DEBIAN/control || fail "bpfgated is for another bpfgate"

# Signed elsewhere, the stores are of the programs as they are in the packages.
signer admins
for pair in bpfgate:/usr/bin/bpfgate bpfgated:/usr/libexec/bpfgate/bpfgated; do
  package=${pair%%:*} program=${pair#*:}
  expect 0 bpfgate store list --store $package/usr/lib/bpfgate/sigs.d/$package.json
  out_is "sha256:$(fsverity digest --compact $package$program) loader $program unsigned"
  expect 0 bpfgate store sign --store $package/usr/lib/bpfgate/sigs.d/$package.json --key admins.key --cert admins.pem
  expect 0 bpfgate apply --root $package --no-seal --package $package --cert admins.pem
  out_is "applied $program"
done

# Removing asks the gate; and purging takes what bpfgate has written.
mkdir -p root/var/lib/bpfgate root/var/lib/other
DPKG_ROOT=$PWD/root sh bpfgate/DEBIAN/postrm remove
[ -e root/var/lib/bpfgate ] || fail "removing takes what purging does"
DPKG_ROOT=$PWD/root sh bpfgate/DEBIAN/postrm purge
{ [ ! -e root/var/lib/bpfgate ] && [ -e root/var/lib/other ]; } || fail "purging: $(ls root/var/lib)"
mkdir bin
removal() { PATH=$PWD/bin:$PATH sh bpfgate/DEBIAN/prerm "$@"; }
# shellcheck disable=SC2016 # for the script
printf '#!/bin/sh\necho "{ \\"mode\\": \\"$MODE\\" }"\n' >bin/bpfgate
chmod +x bin/bpfgate
export MODE=enforce
expect 1 removal remove
err 'bpfgate gate unload'
expect 0 removal upgrade 2.0
MODE=audit
expect 0 removal remove
err 'audits until the next boot'
printf '#!/bin/sh\nexit 1\n' >bin/bpfgate
expect 0 removal remove
no_err
