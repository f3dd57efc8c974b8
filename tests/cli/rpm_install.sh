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
: >content/var/lib/demo
"$MAKE_PACKAGE" content plain.rpm
cp plain.rpm signed.rpm
# The configuration file, too, as rpmsign would.
bpfgate rpm sign --key loaders.key --cert loaders.pem --files /usr/bin/loader --files /usr/bin/empty --files /etc/demo.conf signed.rpm >.out
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
nothing_in() { [ -z "$(find "$1/usr" ! -type d 2>/dev/null)" ] || fail "something was installed: $(find "$1/usr")" 1; }
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
# What is sealed says nothing; what cannot be, here or anywhere, does.
fsverity measure any/usr/bin/loader >/dev/null 2>&1 || err 'signed files that are not sealed: 2'
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
err 'its signature is by nobody named'
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
err '/usr/bin/empty: '
nothing_in malformed

# Signatures in a store: the package's own, and a companion's, which was there before or comes after.
make_store() { # PACKAGE CONTENT [FILE]...
  local store=$2/usr/lib/bpfgate/sigs.d/$1.json
  bpfgate store add --store "$store" --package "$1" --root content "${@:3}" >.out
  bpfgate store sign --store "$store" --key loaders.key --cert loaders.pem >.out
}
cp /bin/true content/usr/bin/loader
cp -a content with-store
make_store demo with-store content/usr/bin/loader content/usr/bin/empty
"$MAKE_PACKAGE" with-store stored.rpm
expect 0 install stored "cert=$PWD/loaders.pem" -i stored.rpm
delivered stored
expect 0 install unwanted "cert=$PWD/strangers.pem" -i stored.rpm
err 'demo-1-1.x86_64: /usr/bin/loader: is listed in a store of signatures, and none that counts is of its content'
no_signature unwanted/usr/bin/loader
make_store companion beside content/usr/bin/loader content/usr/bin/empty
"$MAKE_PACKAGE" beside companion.rpm --define 'demo_name companion'
expect 0 install before '' -i companion.rpm
no_err_of_ours() { if grep bpfgate: .err; then fail "it says something" 1; fi; }
no_err_of_ours
expect 0 install before '' -i plain.rpm
delivered before
expect 0 install after '' -i plain.rpm
no_signature after/usr/bin/loader
expect 0 install after '' -i companion.rpm
delivered after
# The package's own signatures go before those of a store.
signer others
cp plain.rpm others.rpm
bpfgate rpm sign --key others.key --cert others.pem --files /usr/bin/loader others.rpm >.out
fsverity sign --key=others.key --cert=others.pem content/usr/bin/loader others.sig >.out
expect 0 install before '' -U --replacepkgs others.rpm
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
