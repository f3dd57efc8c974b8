#!/bin/bash
# SPDX-License-Identifier: MIT
# Loaders out of rpm packages under a gate that enforces: a signed package's loader may load BPF as soon as rpm is done with it,
# %post included, through upgrade, downgrade and reinstallation; the same file without the plugin, or out of a package without
# signatures, may not.
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
expect_output 'Plugin fsverity: hook fsm_file_prepare failed' "rpm's own plugin refuses the package, which is why it is switched off" stock
cp "$packages"/macros.transaction_* /usr/lib/rpm/macros.d/
cp "$(command -v rpm-plugin.so)" "$plugins/bpfgate.so"
[ -z "$(rpm --eval '%__transaction_fsverity')" ] && pass "rpm's own plugin is off" || fail "rpm's own plugin is on"

# do_rpm ARGUMENT...: on a root of its own.
certificates=cert=$keys/loaders.pem
do_rpm() { rpm --root "$root" --define "_bpfgate_certificates $certificates" "$@"; }
digest_in() { # FILE: as the kernel measures it
  fsverity measure "$1" | cut -d' ' -f1
}
# installs WHAT RPM-OPTION...: without a word from the plugin.
installs() {
  local what=$1
  shift
  rm -f "$root/usr/post-answer"
  expect_status 0 "$what" do_rpm --nodeps "$@"
  grep bpfgate: "$work/output" && fail "$what: the plugin says something"
}
# delivered WHAT: the loader, and no other file. in_full WHAT: by all its names, and as rpm knows it.
delivered() {
  [ "$(cat "$root/usr/post-answer")" = allowed ] && pass "$1: %post was allowed to use the loader" || fail "$1: %post: $(cat "$root/usr/post-answer")"
  expect_status 0 "$1: the loader is allowed" "$root/usr/bin/loader" call
  expect_status 1 "$1: the program that is not signed is refused" "$root/usr/bin/plain" call
  fsverity measure "$root/etc/demo.conf" >/dev/null 2>&1 && fail "$1: the configuration file is sealed" || pass "$1: the configuration file is not sealed"
}
in_full() {
  delivered "$1"
  expect_status 0 "$1: by its other name" "$root/usr/bin/other-name" call
  expect_status 0 "$1: by a symbolic link" "$root/usr/bin/symbolic" call
  expect_status 0 "$1: rpm finds everything as it was" do_rpm --nodeps -V demo
}
# refused WHAT: so was %post.
refused() {
  grep -q '^refused' "$root/usr/post-answer" && pass "$1: %post was refused" || fail "$1: %post: $(cat "$root/usr/post-answer")"
  expect_status 1 "$1" "$root/usr/bin/loader" call
}

write_manifest manifest.json enforce 1
expect_status 0 "without a gate the loader may do as it likes" witness call
load_gate manifest.json

installs install -i "$packages/demo-1.rpm"
in_full install
first=$(digest_in "$root/usr/bin/loader")

installs "install again" -U --replacepkgs "$packages/demo-1.rpm"
in_full "install again"
[ "$(digest_in "$root/usr/bin/loader")" = "$first" ] && pass "the same digest" || fail "another digest"

echo edited >>"$root/etc/demo.conf" && pass "the configuration can be edited" || fail "the configuration cannot be edited"
cp -p "$root/etc/demo.conf" edited
installs upgrade -U "$packages/demo-2.rpm"
cmp "$root/etc/demo.conf" edited && pass "what was edited stays" || fail "what was edited is gone"
echo setting >"$root/etc/demo.conf"
touch -d @1000000000 "$root/etc/demo.conf"
delivered upgrade
[ "$(digest_in "$root/usr/bin/loader")" != "$first" ] && pass "another digest" || fail "the same digest"

# A loader that runs while its file is replaced keeps its mark: it is the file it was started from that counts.
"$root/usr/bin/loader" keep-asking stop >asked 2>&1 & running=$!
for _ in $(seq 200); do grep -q asked asked && break; sleep 0.1; done
installs downgrade -U --oldpackage "$packages/demo-1.rpm"
delivered downgrade
[ "$(digest_in "$root/usr/bin/loader")" = "$first" ] && pass "the first digest" || fail "not the first digest"
touch stop
wait "$running" && pass "a loader that ran meanwhile was not refused once" || fail "a running loader was refused: $(cat asked)"

# Refused, and what was there stays.
expect_status 1 "a package signed by a stranger" do_rpm --nodeps -U "$packages/demo-3.rpm"
cp "$work/output" refusal
expect_output 'by nobody named' "rpm says why" cat refusal
expect_output '^demo-1-1' "the version before is still installed" do_rpm -q demo
in_full "after a refusal"

# The plugin's certificates are no more than a help: the gate has its own.
certificates='%{nil}'
installs "the same where no certificates are named" -U "$packages/demo-3.rpm"
refused "a stranger's loader is refused"
certificates=cert=$keys/loaders.pem
installs "a package without signatures" -U --oldpackage "$packages/unsigned-2.rpm"
refused "the loader of a package without signatures is refused"
installs "a signed one over it" -U --replacepkgs --oldpackage "$packages/demo-1.rpm"
delivered "signed again"
installs "without plugins" -U --noplugins "$packages/demo-2.rpm"
refused "the loader is refused"

# Signatures in a store: the package's own, and those of a companion.
installs "a package with a store" -U "$packages/demo-4.rpm"
in_full "a package with a store"
certificates='%{nil}'
expect_output "in the place of the one in its package's header" "a header that was changed on the way gives way to the store" \
  do_rpm --nodeps -U --replacepkgs "$packages/changed-4.rpm"
delivered "a header that was changed on the way"
certificates=cert=$keys/loaders.pem
installs "a companion" -i "$packages/companion.rpm"
installs "a package whose companion is there" -U "$packages/demo-5.rpm"
delivered "a package whose companion is there"

expect_status 0 "erase" do_rpm -e demo
[ ! -e "$root/usr/bin/loader" ] && pass "nothing is left" || fail "the loader is left"
finish
