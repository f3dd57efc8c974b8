#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Signatures of files and OpenPGP signatures of packages do not touch each other, in either order; and what rpmsign itself makes
# for fs-verity is what rpm sign makes.
. "$(dirname "$0")/lib.sh"

signer loaders
mkdir -p content/usr/bin content/var/lib
cp /bin/true content/usr/bin/loader
: >content/usr/bin/empty
: >content/var/lib/demo
"$MAKE_PACKAGE" content built.rpm

export GNUPGHOME=$here/gnupg
mkdir -m 700 gnupg
trap 'gpgconf --kill all; rm -rf "$here"' EXIT
expect 0 gpg --batch --pinentry-mode loopback --passphrase '' --quick-gen-key 'Packager <packager@example.org>' rsa2048 sign 1d
gpg --batch --armor --export >packager.asc
mkdir database
expect 0 rpm --define "_dbpath $here/database" --import packager.asc
openpgp_sign() { expect 0 rpmsign --define '_gpg_name Packager' --define "_gpg_path $GNUPGHOME" --define '__gpg /usr/bin/gpg' --addsign "$@"; }
file_sign() { expect 0 bpfgate rpm sign --key loaders.key --cert loaders.pem --files '/usr/bin/*' --files /etc/demo.conf "$@"; }
both_good() {
  expect 0 rpm --define "_dbpath $here/database" -Kv "$1"
  grep -q 'Header V4 RSA/SHA.* Signature, .*: OK' .out || fail "no good OpenPGP signature"
  if grep -q 'BAD\|NOT OK\|NOKEY' .out; then fail "rpm -K finds something"; fi
  expect 0 bpfgate rpm inspect --cert loaders.pem "$1"
  [ "$(grep -c 'matches:    yes, by loaders.pem' .out)" = 3 ] || fail "not three good signatures"
}

cp built.rpm first.rpm
file_sign first.rpm
openpgp_sign first.rpm
both_good first.rpm
cp built.rpm second.rpm
openpgp_sign second.rpm
file_sign second.rpm
both_good second.rpm

# rpmsign signs whatever has a name, with line breaks in the base64.
entries() {
  rpm -qp --qf '[|%{FILENAMES} %{VERITYSIGNATURES}]|algorithm %{VERITYSIGNATUREALGO}' "$1" 2>/dev/null | tr -d '\n' | tr '|' '\n' |
    grep -E '^(/usr/bin/|/etc/|algorithm)'
}
cp built.rpm theirs.rpm
openpgp_sign --signverity --fskpath loaders.key --certpath loaders.pem theirs.rpm
entries theirs.rpm >theirs
entries second.rpm >ours
[ "$(wc -l <ours)" = 4 ] || fail "not three files and an algorithm"
cmp theirs ours || fail "rpmsign makes other signatures"
both_good theirs.rpm
# What it signed too much goes away.
expect 0 bpfgate rpm sign --key loaders.key --cert loaders.pem --replace --files /usr/bin/loader theirs.rpm
expect 0 bpfgate rpm inspect --cert loaders.pem theirs.rpm
[ "$(grep -c 'matches:' .out)" = 1 ] || fail "not one signature"
