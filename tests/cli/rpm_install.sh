#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# rpm with the plugin puts a package's signatures on its files, and refuses a package where that would be wrong. Without the
# plugin, and for packages without signatures, nothing is different. What needs fs-verity is tested in tests/vm/gate/rpm.sh.
. "$(dirname "$0")/lib.sh"

signer loaders
signer strangers
mkdir -p content/usr/bin content/var/lib
cp /bin/true content/usr/bin/loader
ln content/usr/bin/loader content/usr/bin/other-name
ln -s loader content/usr/bin/symbolic
cp /bin/false content/usr/bin/plain
: >content/usr/bin/empty
chmod +x content/usr/bin/empty
echo data >content/usr/bin/data
: >content/var/lib/demo
"$MAKE_PACKAGE" content plain.rpm
cp plain.rpm signed.rpm
# The configuration file, too, as rpmsign would.
bpfgate rpm sign --key loaders.key --cert loaders.pem --files /usr/bin/loader --files /usr/bin/empty --files /usr/bin/data \
  --files /etc/demo.conf signed.rpm >.out
fsverity sign --key=loaders.key --cert=loaders.pem content/usr/bin/loader loader.sig >.out
fsverity sign --key=loaders.key --cert=loaders.pem content/usr/bin/empty empty.sig >.out

# rpm changes its root, which takes root, if only of a user namespace.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else unshare --map-root-user -- "$@"; fi; }
macros=/usr/lib/rpm/macros:$RPM_MACROS
plugins=(--define "__plugindir ${RPM_PLUGIN%/*}")
# install ROOT OPTIONS-OF-THE-PLUGIN RPM-OPTION...
install() {
  local root=$PWD/$1 certificates=${2:-%{nil\}}
  shift 2
  mkdir -p "$root"
  as_root rpm --macros "$macros" "${plugins[@]}" --define "_bpfgate_certificates $certificates" --root "$root" \
    --define '_dbpath /var/lib/rpm' --nodeps "$@"
}
has_signature() {
  getfattr --only-values -n user.bpf_prog_sig "$1" 2>/dev/null | cmp -s - "$2" || fail "$1 has not this signature" 1
}
no_signature() { if getfattr -n user.bpf_prog_sig "$1" >/dev/null 2>&1; then fail "$1 has a signature" 1; fi; }
# A refused package leaves nothing, no temporary either.
nothing_in() {
  local found
  found=$(find "$1" -path "$1/var/lib/rpm" -prune -o ! -type d -print)
  [ -z "$found" ] || fail "something was installed: $found" 1
}
delivered() { # ROOT
  has_signature "$1/usr/bin/loader" loader.sig
  has_signature "$1/usr/bin/other-name" loader.sig
  has_signature "$1/usr/bin/empty" empty.sig
  no_signature "$1/usr/bin/plain"
  no_signature "$1/etc/demo.conf"
  [ "$1/usr/bin/loader" -ef "$1/usr/bin/other-name" ] || fail "no hard link any more"
  cmp "$1/usr/bin/loader" /bin/true || fail "other content"
}

# Without the plugin a signed package is like any other.
expect 0 install without '' --noplugins -i signed.rpm
no_signature without/usr/bin/loader
expect 0 install undefined '' --undefine=__transaction_bpfgate -i signed.rpm
no_signature undefined/usr/bin/loader

# With it: whose signatures are good without certificates is for the gate to say.
expect 0 install any '' -i signed.rpm
delivered any
# What is sealed says nothing; what cannot be, here or anywhere, does. And what is no code is not sealed for anybody's signature.
err '/usr/bin/data: is neither executable nor ELF'
# Where there are no seals that is so of the loader, by all its names, and of the empty program.
cp /bin/true probe
if fsverity enable probe 2>/dev/null; then not_sealed=0; else not_sealed=2; fi
[ "$(grep -c 'bpfgate: demo-1-1.*: /usr/bin/.*fs-verity' .err)" = $not_sealed ] || fail "not $not_sealed files that cannot be sealed"
err "signatures that are not as they should be: $((not_sealed + 1)); see the warnings above"
[ "$(grep -c 'bpfgate: ' .err)" = $((not_sealed + 2)) ] || fail "it says something else"
no_signature any/usr/bin/data
expect 0 install plain '' -i plain.rpm
no_signature plain/usr/bin/loader
if grep -q bpfgate .err; then fail "said something of a package without signatures"; fi

# The directory that the macro file names, where rpm has none that can be used; and without anything on the command line.
[ "$(rpm --macros "$macros" --eval '%__plugindir')" = "$RPM_PLUGIN_DIR" ] || fail "rpm would look for the plugin elsewhere"
sed "s|^%__plugindir.*|%__plugindir ${RPM_PLUGIN%/*}|" "$RPM_MACROS" >macros.built
if grep -q '^%__plugindir' macros.built; then
  (macros=/usr/lib/rpm/macros:$PWD/macros.built plugins=() && expect 0 install by-macros '' -i signed.rpm)
  delivered by-macros
fi
# The line that the macro file tells to copy.
sed -n 's/^# *\(%_bpfgate_certificates\).*/\1 crt=x/p' "$RPM_MACROS" >macros.copied
[ "$(rpm --macros "macros.copied" --eval '%_bpfgate_certificates')" = crt=x ] || fail "the line to copy defines nothing"

# With certificates: installed, installed again, and taken away.
expect 0 install named "cert=$PWD/strangers.pem cert=$PWD/loaders.pem" -i signed.rpm
delivered named
fsverity sign --key=loaders.key --cert=loaders.pem content/usr/bin/data data.sig >.out
has_signature named/usr/bin/data data.sig
expect 0 install named "cert=$PWD/loaders.pem" -U --replacepkgs signed.rpm
delivered named
expect 0 install named "cert=$PWD/loaders.pem" -V demo
expect 0 install named "cert=$PWD/loaders.pem" -e demo
nothing_in named
mkdir certificates
cp loaders.pem strangers.pem certificates
expect 0 install directory "cert=$PWD/certificates" -i signed.rpm
delivered directory

# By nobody named: refused, and so is the whole package. One without signatures is not.
expect 1 install stranger "cert=$PWD/strangers.pem" -i signed.rpm
err 'refused: demo-1-1'
err 'its signature is by nobody named (name the signer'\''s certificate in %_bpfgate_certificates'
nothing_in stranger
# What was there stays, files that the new version would have let be included: rpm before 4.20 removes those when a file is
# refused, so the package is, before it has any.
expect 0 install stays '' -i plain.rpm
echo edited >>stays/etc/demo.conf
cp -a stays/usr stays/etc .
expect 1 install stays "cert=$PWD/strangers.pem" -U --replacepkgs signed.rpm
diff -r stays/usr usr || fail "the package is not what it was"
diff -r stays/etc etc || fail "the configuration is not what it was"
expect 0 install stranger "cert=$PWD/strangers.pem" -i plain.rpm

# Of another content: the signatures of one package before the content of another.
echo more >>content/usr/bin/loader
"$MAKE_PACKAGE" content other.rpm
bpfgate rpm sign --key loaders.key --cert loaders.pem --files /usr/bin/loader other.rpm >.out
# graft FIRST SECOND: the first's lead and signature header, the second's header and payload.
graft() {
  python3 - "$@" <<'PYTHON'
import struct, sys
def split(name):
    content = open(name, "rb").read()
    entries, data = struct.unpack(">II", content[104:112])
    return content, (112 + 16 * entries + data + 7) // 8 * 8
first, first_end = split(sys.argv[1])
second, second_end = split(sys.argv[2])
open(sys.argv[3], "wb").write(first[:first_end] + second[second_end:])
PYTHON
}
graft signed.rpm other.rpm grafted.rpm
expect 1 install grafted "cert=$PWD/loaders.pem" -i --nodigest grafted.rpm
err 'refused: /usr/bin/'
err 'its signature is not of this content'
nothing_in grafted
# The version before stays, with its program. So does configuration that somebody has edited; what is as this version has it rpm
# before 4.20 takes for something that it has brought.
keeps_all() { [ "$(printf '%s\n' 4.20 "$(rpm --version | grep -o '[0-9][0-9.]*')" | sort -V | head -n 1)" = 4.20 ]; }
for root in unedited edited; do
  expect 0 install $root "cert=$PWD/loaders.pem" -i signed.rpm
  [ $root = unedited ] || echo edited >>$root/etc/demo.conf
  cp $root/etc/demo.conf demo.conf
  expect 1 install $root "cert=$PWD/loaders.pem" -U --replacepkgs --nodigest grafted.rpm
  err 'its signature is not of this content'
  delivered $root
  if [ $root = edited ] || keeps_all; then
    cmp $root/etc/demo.conf demo.conf || fail "$root: the configuration is not what it was"
  elif [ -e $root/etc/demo.conf ]; then
    fail "the configuration is still there: docs/PACKAGING.md and bpfgate-rpm(1) say that it is not"
  fi
done
# The same content is in the package that is there.
expect 0 install unedited "cert=$PWD/loaders.pem" -U --replacepkgs signed.rpm
[ -e unedited/etc/demo.conf ] || fail "the configuration does not come back"
graft signed.rpm signed.rpm whole.rpm
expect 0 install whole "cert=$PWD/loaders.pem" -i --nodigest whole.rpm
delivered whole

# No signature at all, but something in its place; without certificates, too.
python3 - signed.rpm <<'PYTHON'
import sys
content = open(sys.argv[1], "rb").read()
place = content.index(b"\0MII", content.index(b"MII")) + 1  # the first is the configuration file's
open("malformed.rpm", "wb").write(content[:place] + b"AAAA" + content[place + 4:])
PYTHON
expect 1 install malformed '' -i --nodigest malformed.rpm
err 'refused: demo-1-1'
err '/usr/bin/data: '
nothing_in malformed

# Two names of one file with a signature each: nobody knows which is meant.
python3 - <<'PYTHON'
import base64
content = bytearray(open("signed.rpm", "rb").read())
text = base64.b64encode(open("loader.sig", "rb").read())
second = content.index(text, content.index(text) + 1)
place = second + len(text) - 20
content[place] = ord("A") if content[place] != ord("A") else ord("B")
open("differing.rpm", "wb").write(content)
PYTHON
expect 1 install differing '' -i --nodigest differing.rpm
err 'is one file with'
nothing_in differing
expect 1 bpfgate rpm inspect differing.rpm
err 'is one file with'

# Signatures in a store: the package's own, and a companion's, which was there before. One that comes after is for
# `bpfgate apply --all`, which asks the policy what the files are.
make_store() { # PACKAGE CONTENT SIGNER [FILE]...
  local store=$2/usr/lib/bpfgate/sigs.d/$1.json
  bpfgate store add --store "$store" --package "$1" --root content "${@:4}" >.out
  bpfgate store sign --store "$store" --key "$3.key" --cert "$3.pem" >.out
}
cp /bin/true content/usr/bin/loader
cp -a content with-store
make_store demo with-store loaders content/usr/bin/loader content/usr/bin/empty
"$MAKE_PACKAGE" with-store stored.rpm
expect 0 install stored "cert=$PWD/loaders.pem" -i stored.rpm
delivered stored
# All is done before %post, in whatever order the names are.
"$MAKE_PACKAGE" with-store moving.rpm --define 'demo_moved /usr/bin/loader'
expect 0 install moving '' -i moving.rpm
has_signature moving/usr/moved loader.sig
expect 0 install unwanted "cert=$PWD/strangers.pem" -i stored.rpm
err 'demo-1-1.x86_64: /usr/bin/loader: is listed in a store of signatures, and none that counts is of its content'
no_signature unwanted/usr/bin/loader
make_store companion beside loaders content/usr/bin/loader content/usr/bin/empty
"$MAKE_PACKAGE" beside companion.rpm --define 'demo_name companion'
expect 0 install before '' -i companion.rpm
no_err_of_ours() { if grep bpfgate: .err; then fail "it says something" 1; fi; }
no_err_of_ours
expect 0 install before '' -i plain.rpm
delivered before
expect 0 install after '' -i plain.rpm
no_signature after/usr/bin/loader
expect 0 install after '' -i companion.rpm
no_err_of_ours
no_signature after/usr/bin/loader
expect 0 install after '' -U --replacepkgs plain.rpm
delivered after
# The package's own signatures go before those of a store where they have been compared with a certificate.
signer others
cp plain.rpm others.rpm
bpfgate rpm sign --key others.key --cert others.pem --files /usr/bin/loader others.rpm >.out
fsverity sign --key=others.key --cert=others.pem content/usr/bin/loader others.sig >.out
expect 0 install before '' -U --replacepkgs others.rpm
has_signature before/usr/bin/loader loader.sig
err ": another signature, as of a store, is in the place of the one in its package's header"
# The package's own store goes before a companion's, which was there first and is first in the alphabet.
cp -a content own
make_store demo own others content/usr/bin/loader
"$MAKE_PACKAGE" own own.rpm
expect 0 install before '' -U --replacepkgs own.rpm
has_signature before/usr/bin/loader others.sig
has_signature before/usr/bin/empty empty.sig
# Somebody has changed the algorithm on the way, in the part of the package that no signature is over: the store's counts.
cp stored.rpm changed.rpm
bpfgate rpm sign --hash-alg sha512 --key loaders.key --cert loaders.pem --files /usr/bin/loader changed.rpm >.out
expect 0 install changed '' -i changed.rpm
delivered changed
err ": another signature, as of a store, is in the place of the one in its package's header"
expect 0 install before '' -U --replacepkgs plain.rpm
expect 0 install before "cert=$PWD/loaders.pem cert=$PWD/others.pem" -U --replacepkgs others.rpm
has_signature before/usr/bin/loader others.sig
has_signature before/usr/bin/empty empty.sig

# A mistake in the options refuses everything, rather than that the plugin is left out.
expect 1 install mistake "crt=$PWD/loaders.pem" -i plain.rpm
err 'unknown option crt='
expect 1 install mistake "cert=$PWD/missing.pem" -i plain.rpm
err 'missing.pem'
mkdir empty-directory
expect 1 install mistake "cert=$PWD/empty-directory" -i plain.rpm
err 'no certificate in it'
nothing_in mistake
