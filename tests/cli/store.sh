#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A package's signatures: listed at build, signed elsewhere without the files, and byte for byte what fsverity(1) signs.
. "$(dirname "$0")/lib.sh"

signer loader
signer other
mkdir -p tree/usr/sbin tree/usr/lib
cp /bin/true tree/usr/sbin/example
cp /bin/false tree/usr/sbin/other
store=tree/usr/lib/bpfgate/sigs.d/example.json

expect 0 bpfgate store add --store $store --package example --root tree tree/usr/sbin/example tree/usr/sbin/other
out "added $(fsverity digest --compact tree/usr/sbin/example | sed 's/^/sha256:/') /usr/sbin/example"
expect 0 bpfgate store list --store $store --json
json '[(e["path"], e["role"], e["signer"]) for e in o["signatures"]] == [
  ("/usr/sbin/example", "loader", None), ("/usr/sbin/other", "loader", None)]'
# Once more is the same.
cp $store before
expect 0 bpfgate store add --store $store --package example --root tree tree/usr/sbin/example
cmp $store before || fail "listed twice"

# Signed away from the files.
mkdir away
mv $store away/example.json
expect 0 bpfgate store sign --store away/example.json --key loader.key --cert loader.pem
[ "$(wc -l <.out)" = 2 ] || fail "not both are signed"
fsverity sign --key=loader.key --cert=loader.pem tree/usr/sbin/example theirs >/dev/null
python3 - <<'PYTHON' || fail "not the signature of fsverity sign"
import base64, json

entry = json.load(open("away/example.json"))["signatures"][0]
assert base64.b64decode(entry["signature"], validate=True) == open("theirs", "rb").read()
PYTHON
# What is signed stays so, unless it is asked for.
expect 0 bpfgate store sign --store away/example.json --key other.key --cert other.pem
[ ! -s .out ] || fail "signed anew"
expect 0 bpfgate store sign --all --store away/example.json --key other.key --cert other.pem
[ "$(wc -l <.out)" = 2 ] || fail "not signed anew"
expect 0 bpfgate store list --store away/example.json --json
json 'all("test other" in e["signer"] for e in o["signatures"])'

# A version more, which is unsigned.
echo more >>tree/usr/sbin/example
expect 0 bpfgate store add --store away/example.json --package example --root tree tree/usr/sbin/example
expect 0 bpfgate store list --store away/example.json
[ "$(grep -c ' unsigned$' .out)" = 1 ] || fail "one of three is to be signed yet"

# Loaders and libraries are signed with different keys.
cp /bin/true tree/usr/lib/libexample.so.1
expect 0 bpfgate store add --store roles.json --package example --root tree tree/usr/sbin/other
expect 0 bpfgate store add --store roles.json --package example --root tree --role library tree/usr/lib/libexample.so.1
expect 0 bpfgate store sign --store roles.json --key loader.key --cert loader.pem
[ "$(wc -l <.out)" = 1 ] || fail "not the loader alone is signed"
expect 0 bpfgate store sign --all --store roles.json --role library --key other.key --cert other.pem
out_is "signed sha256:$(fsverity digest --compact tree/usr/lib/libexample.so.1) /usr/lib/libexample.so.1"
expect 0 bpfgate store list --store roles.json --json
json '[(e["role"], e["signer"].split("CN=test ")[1].split()[0].strip(",")) for e in o["signatures"]] == [("library", "other"), ("loader", "loader")]'
expect 2 bpfgate store sign --store roles.json --role manifest --key other.key --cert other.pem
cp roles.json before
expect 1 bpfgate store add --store roles.json --package example --root tree tree/usr/lib/libexample.so.1
err '/usr/lib/libexample.so.1 is listed already, to be signed as a library'
[ ! -s .out ] || fail "said what was not done"
cmp roles.json before || fail "changed by a refusal"

# Signed elsewhere, by whatever makes the signature.
expect 0 bpfgate store add --store made.json --package example --root tree tree/usr/sbin/other
mkdir -p signatures/usr/sbin
cp made.json before
expect 1 bpfgate store collect --store made.json --signatures signatures
err 'signatures/usr/sbin/other.sig: '
echo text >signatures/usr/sbin/other.sig
expect 1 bpfgate store collect --store made.json --signatures signatures
fsverity sign --key=loader.key --cert=loader.pem tree/usr/lib/libexample.so.1 signatures/usr/sbin/other.sig >/dev/null
expect 1 bpfgate store collect --store made.json --signatures signatures --cert loader.pem
err 'no signature by '
cmp made.json before || fail "changed by a refusal"
fsverity sign --key=loader.key --cert=loader.pem tree/usr/sbin/other signatures/usr/sbin/other.sig >/dev/null
expect 0 bpfgate store collect --store made.json --signatures signatures --cert loader.pem
out_is "collected sha256:$(fsverity digest --compact tree/usr/sbin/other) /usr/sbin/other"
bpfgate store sign --store before --key loader.key --cert loader.pem >/dev/null
cmp made.json before || fail "not what signing gives"

# Refused, with the store as it was.
cp away/example.json before
printf '#!/bin/sh\n' >tree/usr/sbin/script
mkdir tree/dir
for file in tree/usr/sbin/script tree/missing tree/dir; do
  expect 1 bpfgate store add --store away/example.json --package example --root tree tree/usr/sbin/other "$file"
  err "$file: "
  cmp away/example.json before || fail "changed by a refusal"
done
expect 1 bpfgate store add --store away/example.json --package example --root tree "$PWD/before"
err 'is not below tree'
expect 1 bpfgate store add --store away/example.json --package another --root tree tree/usr/sbin/other
err 'is of the package example'
expect 4 bpfgate store sign --all --store away/example.json --key loader.key --cert other.pem
cmp away/example.json before || fail "changed without a key"
expect 2 bpfgate store add --package example tree/usr/sbin/other
expect 2 bpfgate store
echo '{"bpfgate": 1, "package": "p", "signatures": [{"path": "x", "digest": "sha256:00"}]}' >bad.json
expect 1 bpfgate store sign --store bad.json --key loader.key --cert loader.pem
err 'bad.json: /signatures/0/path: is no absolute path'
expect 1 bpfgate store list --store missing.json
err 'missing.json: '
