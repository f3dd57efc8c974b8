#!/bin/bash
# SPDX-License-Identifier: MIT
# Loaders out of rpm packages under a gate that enforces: a signed package's loader may load BPF as soon as rpm is done with it,
# through upgrade, downgrade and reinstallation; the same file without the plugin, or out of a package without signatures, may
# not.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
packages=/opt/bpfgate/packages
root=$work/root
cd "$work" || exit 2

mkdir -p "$keys" "$root"
cp "$packages"/*.key "$packages"/*.pem "$keys"
make_key libraries
use_signed_bpfgate
sign_libraries_of "$(command -v witness)"

# As a package of the plugin's would: beside rpm's own plugins, of which the one for fs-verity is on.
plugins=$(rpm --eval '%__plugindir')
[ -e "$plugins/fsverity.so" ] || die "the guest's rpm has no plugin for fs-verity"
stock() { rpm --root "$work/stock" --nodeps -i "$packages/demo-1.rpm"; }
mkdir "$work/stock"
expect_output 'fsverity|failed to enable verity' "rpm's own plugin refuses the package, which is why it is switched off" stock
cp "$packages"/macros.transaction_* /usr/lib/rpm/macros.d/
cp "$(command -v rpm-plugin.so)" "$plugins/bpfgate.so"
[ -z "$(rpm --eval '%__transaction_fsverity')" ] && pass "rpm's own plugin is off" || fail "rpm's own plugin is on"

# do_rpm ARGUMENT...: on a root of its own.
certificates=cert=$keys/loaders.pem
do_rpm() { rpm --root "$root" --define "_bpfgate_certificates $certificates" "$@"; }
digest_in() { # FILE: as the kernel measures it
  fsverity measure "$1" | cut -d' ' -f1
}
# delivered WHAT: the loader by all its names, and no other file.
delivered() {
  expect_status 0 "$1: the loader is allowed" "$root/usr/bin/loader" call
  expect_status 0 "$1: by its other name" "$root/usr/bin/other-name" call
  expect_status 0 "$1: by a symbolic link" "$root/usr/bin/symbolic" call
  expect_status 1 "$1: the program that is not signed is refused" "$root/usr/bin/plain" call
  expect_status 0 "$1: rpm finds everything as it was" do_rpm --nodeps -V demo
  fsverity measure "$root/etc/demo.conf" >/dev/null && pass "$1: the configuration file is sealed" || fail "$1: the configuration file is not sealed"
}

write_manifest manifest.json enforce 1
expect_status 0 "without a gate the loader may do as it likes" witness call
load_gate manifest.json

expect_status 0 "install" do_rpm --nodeps -i "$packages/demo-1.rpm"
cat "$work/output"
delivered install
first=$(digest_in "$root/usr/bin/loader")

expect_status 0 "install again" do_rpm --nodeps -U --replacepkgs "$packages/demo-1.rpm"
cat "$work/output"
delivered "install again"
[ "$(digest_in "$root/usr/bin/loader")" = "$first" ] && pass "the same digest" || fail "another digest"

expect_status 0 "upgrade" do_rpm --nodeps -U "$packages/demo-2.rpm"
delivered upgrade
[ "$(digest_in "$root/usr/bin/loader")" != "$first" ] && pass "another digest" || fail "the same digest"

# A loader that runs while its file is replaced keeps its mark: it is the file it was started from that counts.
"$root/usr/bin/loader" keep-asking stop >asked 2>&1 & running=$!
for _ in $(seq 200); do grep -q asked asked && break; sleep 0.1; done
expect_status 0 "downgrade" do_rpm --nodeps -U --oldpackage "$packages/demo-1.rpm"
delivered downgrade
[ "$(digest_in "$root/usr/bin/loader")" = "$first" ] && pass "the first digest" || fail "not the first digest"
touch stop
wait "$running" && pass "a loader that ran meanwhile was not refused once" || fail "a running loader was refused: $(cat asked)"

# Refused, and what was there stays.
expect_status 1 "a package signed by a stranger" do_rpm --nodeps -U "$packages/demo-3.rpm"
cp "$work/output" refusal
expect_output 'by nobody named' "rpm says why" cat refusal
expect_output '^demo-1-1' "the version before is still installed" do_rpm -q demo
delivered "after a refusal"

# The plugin's certificates are no more than a help: the gate has its own.
certificates='%{nil}'
expect_status 0 "the same where no certificates are named" do_rpm --nodeps -U "$packages/demo-3.rpm"
expect_status 1 "a stranger's loader is refused" "$root/usr/bin/loader" call
certificates=cert=$keys/loaders.pem
expect_status 0 "a package without signatures" do_rpm --nodeps -U --oldpackage "$packages/unsigned-2.rpm"
expect_status 1 "the loader of a package without signatures is refused" "$root/usr/bin/loader" call
expect_status 0 "a signed one over it" do_rpm --nodeps -U --replacepkgs --oldpackage "$packages/demo-1.rpm"
delivered "signed again"
expect_status 0 "without plugins" do_rpm --nodeps -U --noplugins "$packages/demo-2.rpm"
expect_status 1 "the loader is refused" "$root/usr/bin/loader" call

expect_status 0 "with plugins" do_rpm --nodeps -U --replacepkgs "$packages/demo-2.rpm"
delivered "with plugins"
expect_status 0 "erase" do_rpm -e demo
[ ! -e "$root/usr/bin/loader" ] && pass "nothing is left" || fail "the loader is left"
finish
