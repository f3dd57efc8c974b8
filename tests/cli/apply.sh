#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# From stores to files: each gets its signature, and what cannot get one is said. Seals need a file system with fs-verity: here
# there may be none, so all but one case go without.
. "$(dirname "$0")/lib.sh"

signer loader
signer other
mkdir -p host/usr/sbin host/usr/lib/bpfgate/sigs.d
for name in a b c; do { cat /bin/true; echo $name; } >host/usr/sbin/$name; done
package() { # NAME FILE...
  bpfgate store add --store "host/usr/lib/bpfgate/sigs.d/$1.json" --package "$1" --root host "${@:2}" >/dev/null
  bpfgate store sign --store "host/usr/lib/bpfgate/sigs.d/$1.json" --key loader.key --cert loader.pem >/dev/null
}
package one host/usr/sbin/a host/usr/sbin/b
package two host/usr/sbin/c
is_signed() { getfattr -n user.bpf_prog_sig "$1" >/dev/null 2>&1; }

expect 2 bpfgate apply --root host
err 'either --all or --package'
expect 2 bpfgate apply --root host --all --package one
expect 0 bpfgate apply --root host --no-seal --package two --package none-of-them
out_is 'applied /usr/sbin/c'
if is_signed host/usr/sbin/a; then fail "another package's file is signed"; fi
expect 0 bpfgate apply --root host --no-seal --all
out_is 'applied /usr/sbin/a
applied /usr/sbin/b
already-there /usr/sbin/c'
fsverity sign --key=loader.key --cert=loader.pem host/usr/sbin/a theirs >/dev/null
getfattr --only-values -n user.bpf_prog_sig host/usr/sbin/a | cmp - theirs || fail "not the signature of fsverity sign"

# An upgrade: the new version's package has the new signature, the old version's stays in its store.
for name in a b c; do setfattr -x user.bpf_prog_sig host/usr/sbin/$name; done
{ cat /bin/true; echo new; } >host/usr/sbin/c
expect 1 bpfgate apply --root host --no-seal --package two
err '/usr/sbin/c: other-content'
package two host/usr/sbin/c
expect 0 bpfgate apply --root host --no-seal --package two
out_is 'applied /usr/sbin/c'

# Removed, not signed yet, by somebody else.
rm host/usr/sbin/b
expect 0 bpfgate apply --root host --no-seal --package one
out 'absent /usr/sbin/b'
setfattr -x user.bpf_prog_sig host/usr/sbin/a
bpfgate store add --store host/usr/lib/bpfgate/sigs.d/three.json --package three --root host host/usr/sbin/a >/dev/null
mv host/usr/lib/bpfgate/sigs.d/one.json .
expect 1 bpfgate apply --root host --no-seal --package three
err '/usr/sbin/a: no-signature'
mv one.json host/usr/lib/bpfgate/sigs.d/
# Signatures of a package's files count, whichever store brings them; and nobody else's files are touched.
setfattr -x user.bpf_prog_sig host/usr/sbin/c
expect 0 bpfgate apply --root host --no-seal --package three
out_is 'applied /usr/sbin/a'
if is_signed host/usr/sbin/c; then fail "another package's file is signed"; fi
setfattr -x user.bpf_prog_sig host/usr/sbin/a
expect 1 bpfgate apply --root host --no-seal --cert other.pem --package one
err '/usr/sbin/a: no signature is one by '
if is_signed host/usr/sbin/a; then fail "signed by who is not asked for"; fi
expect 0 bpfgate apply --root host --no-seal --cert loader.pem --package one --json
json 'o["command"] == "apply" and [(f["packages"], f["path"], f["outcome"]) for f in o["files"]] == [
  (["one", "three"], "/usr/sbin/a", "applied"), (["one"], "/usr/sbin/b", "absent")]'

# Another's store takes nothing away from a file that is signed already; where the host has a policy, that decides.
sign_store() { bpfgate store sign --all --store "host/usr/lib/bpfgate/sigs.d/$1.json" --key "$2.key" --cert "$2.pem" >/dev/null; }
bpfgate store add --store host/usr/lib/bpfgate/sigs.d/all.json --package all --root host host/usr/sbin/a >/dev/null
sign_store all other
expect 0 bpfgate apply --root host --no-seal --all
out 'already-there /usr/sbin/a'
getfattr --only-values -n user.bpf_prog_sig host/usr/sbin/a | cmp - theirs || fail "another's signature is on it"
setfattr -x user.bpf_prog_sig host/usr/sbin/a
expect 0 bpfgate apply --root host --no-seal --package one
getfattr --only-values -n user.bpf_prog_sig host/usr/sbin/a | cmp -s - theirs && fail "no other way round to show the policy's part with"
mkdir -p host/etc/bpfgate
cp loader.pem host/etc/bpfgate/
cat >host/etc/bpfgate/manifest.json <<'JSON'
{"bpfgate": 1, "name": "test", "sequence": 1, "mode": "audit", "default": {"grant": "none"},
 "signers": [{"name": "loaders", "role": "loader", "certificate": "loader.pem", "grant": "full"}]}
JSON
expect 0 bpfgate apply --root host --no-seal --package one
out 'applied /usr/sbin/a'
getfattr --only-values -n user.bpf_prog_sig host/usr/sbin/a | cmp - theirs || fail "not the signature that the policy trusts"
# What it makes nothing of is put on no file.
mv host/usr/lib/bpfgate/sigs.d/one.json .
setfattr -x user.bpf_prog_sig host/usr/sbin/a
expect 0 bpfgate apply --root host --no-seal --all
out 'untrusted /usr/sbin/a'
if is_signed host/usr/sbin/a; then fail "signed by who is not trusted"; fi
expect 1 bpfgate apply --root host --no-seal --package all
err '/usr/sbin/a: untrusted'
mv one.json host/usr/lib/bpfgate/sigs.d/
# Under a policy that cannot be read nothing is applied, for it would say whose signatures count.
expect 0 bpfgate apply --root host --no-seal --package one
no_err
sed -i 's/"audit"/"adit"/' host/etc/bpfgate/manifest.json
mv host/usr/lib/bpfgate/sigs.d/one.json .
expect 1 bpfgate apply --root host --no-seal --package all
err 'nothing is applied: '
getfattr --only-values -n user.bpf_prog_sig host/usr/sbin/a | cmp - theirs || fail "a signature is taken away for a mistake in the policy"
mv one.json host/usr/lib/bpfgate/sigs.d/
rm -r host/etc host/usr/lib/bpfgate/sigs.d/all.json

# One file, and two names for it: the package's own, without a signature, and the companion's.
mkdir -p merged/usr/sbin merged/usr/lib/bpfgate/sigs.d
ln -s usr/sbin merged/sbin
cp /bin/true merged/usr/sbin/x
for name in own companion; do
  bpfgate store add --store merged/usr/lib/bpfgate/sigs.d/$name.json --package $name --root merged merged/usr/sbin/x >/dev/null
done
sed -i 's,"/usr/sbin/x","/sbin/x",' merged/usr/lib/bpfgate/sigs.d/own.json
bpfgate store sign --store merged/usr/lib/bpfgate/sigs.d/companion.json --key loader.key --cert loader.pem >/dev/null
expect 0 bpfgate apply --root merged --no-seal --package own --json
json '[(f["packages"], f["path"], f["outcome"]) for f in o["files"]] == [(["companion", "own"], "/sbin/x", "applied")]'
# What is no code is not frozen.
touch merged/usr/lock
bpfgate store add --store merged/usr/lib/bpfgate/sigs.d/junk.json --package junk --role library --root merged merged/usr/lock >/dev/null
bpfgate store sign --role library --store merged/usr/lib/bpfgate/sigs.d/junk.json --key loader.key --cert loader.pem >/dev/null
expect 1 bpfgate apply --root merged --package junk
err '/usr/lock: is neither executable nor ELF'
if is_signed merged/usr/lock; then fail "a file that is no code is signed"; fi

# A store that outlives what it is about is nobody's fault, but for who asks for it.
mkdir -p host/var/lib/bpfgate/sigs.d
cp host/usr/lib/bpfgate/sigs.d/two.json host/var/lib/bpfgate/sigs.d/old.json
sed -i 's/"two"/"old"/' host/var/lib/bpfgate/sigs.d/old.json
echo newer >>host/usr/sbin/c
rm host/usr/lib/bpfgate/sigs.d/two.json
expect 0 bpfgate apply --root host --no-seal --all
out 'other-content /usr/sbin/c'
expect 1 bpfgate apply --root host --no-seal --package old
rm -r host/var
package two host/usr/sbin/c

# Packages of several architectures beside each other have a store each.
mv host/usr/lib/bpfgate/sigs.d/two.json 'host/usr/lib/bpfgate/sigs.d/two:amd64.json'
sed -i 's/"two"/"two:amd64"/' 'host/usr/lib/bpfgate/sigs.d/two:amd64.json'
expect 0 bpfgate apply --root host --no-seal --package two:i386
out_is ''
for name in two two:amd64; do
  setfattr -x user.bpf_prog_sig host/usr/sbin/c 2>/dev/null || true
  expect 0 bpfgate apply --root host --no-seal --package $name
  out_is 'applied /usr/sbin/c'
done

# A store that is damaged keeps no other from being applied.
setfattr -x user.bpf_prog_sig host/usr/sbin/c
echo '{' >host/usr/lib/bpfgate/sigs.d/broken.json
expect 1 bpfgate apply --root host --no-seal --all
err 'broken.json:2:1: '
out 'applied /usr/sbin/c'
rm host/usr/lib/bpfgate/sigs.d/broken.json host/usr/lib/bpfgate/sigs.d/three.json

# Without fs-verity the signature is there, and the status says what is missing.
if ! bpfgate seal host/usr/sbin/a >/dev/null 2>&1; then
  expect 3 bpfgate apply --root host --package one
  err '/usr/sbin/a: this file system has no fs-verity'
fi
expect 4 bpfgate apply --root host --cert missing.pem --all
mkdir empty
expect 0 bpfgate apply --root empty --all
no_err
# A root that is not there is not one without packages.
expect 1 bpfgate apply --root missing --all
err 'missing: '
expect 1 bpfgate apply --root loader.pem --all
expect 2 bpfgate apply --root '' --all
