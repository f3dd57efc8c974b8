#!/bin/bash
# SPDX-License-Identifier: MIT
# What a policy revokes counts no more from the update on: for processes that run, too, whatever lists or signs the file. The
# revocations are a drop-in over the vendor's policy, which stays as it is.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
preload=$(command -v preload.so)
cd "$work" || exit 2
base=/usr/lib/bpfgate drop_ins=/etc/bpfgate/manifest.d
mkdir -p $base $drop_ins

for key in loaders libraries plugins vendors policy; do make_key $key; done
use_signed_bpfgate
explain_each_status
signed_copy "$witness" loader
# The same program in another file: other content, another digest.
other_copy() { cp "$witness" "$1" && echo "$1" >>"$1"; }
for name in sibling listed both; do other_copy $name; done
signed_copy_of() { sign_as "$2" loader "$1" && seal "$1"; }
signed_copy_of sibling loaders
signed_copy_of both loaders
seal listed
other_copy vendors-loader
signed_copy_of vendors-loader vendors
cp "$preload" library.so
sign_as libraries library library.so
seal library.so
cp "$preload" other.so
echo other >>other.so
sign_as plugins library other.so
seal other.so
digest_of() { bpfgate digest "$1" | cut -d' ' -f1; }
fingerprint_of() { echo "sha256:$(openssl x509 -in "$keys/$1.pem" -outform DER | sha256sum | cut -d' ' -f1)"; }

cat >$base/manifest.json <<JSON
{"bpfgate": 1, "name": "test", "sequence": 1, "mode": "enforce",
 "signers": [
   {"name": "admins", "role": "loader", "certificate": "$keys/admins.pem", "grant": "admin"},
   {"name": "loaders", "role": "loader", "certificate": "$keys/loaders.pem", "grant": "full"},
   {"name": "vendors", "role": "loader", "certificate": "$keys/vendors.pem", "grant": "full"},
   {"name": "plugins", "role": "library", "certificate": "$keys/plugins.pem"},
   {"name": "libraries", "role": "library", "certificate": "$keys/libraries.pem"}],
 "digests": [{"kind": "fsverity", "digest": "$(digest_of listed)", "grant": "full"},
             {"kind": "fsverity", "digest": "$(digest_of both)", "grant": "full"}],
 "default": {"grant": "none"}}
JSON
# revoke SEQUENCE REVOKED: the drop-in, and the update.
revoke() {
  compare_events
  echo "{\"sequence\": $1, \"revoked\": {$2}}" >$drop_ins/90-revoked.json
  bpfgate gate update || die "update $1"
}
digests() { # FILE...
  local file list=''
  for file in "$@"; do list+="${list:+, }{\"kind\": \"fsverity\", \"digest\": \"$(digest_of "$file")\", \"note\": \"$file\"}"; done
  echo "\"digests\": [$list]"
}
certificates() { echo "\"certificates\": [{\"fingerprint\": \"$(fingerprint_of "$1")\"}]"; }

bpfgate gate load || die "load"
remember_policy host
for file in loader sibling listed both vendors-loader; do expect_status 0 "nothing revoked: $file" "./$file" call; done
expect_status 0 "nothing revoked: a library" ./loader map-file library.so

# --- Digests: by a signature, by a listing, by both.
rm -f go
start loader 0 ./loader ask-and-wait
start listed 0 ./listed ask-and-wait
start both 0 ./both ask-and-wait
start sibling 0 ./sibling ask-and-wait
revoke 2 "$(digests loader listed both)"
expect_status 1 "a signed loader whose digest is revoked is refused" ./loader call
expect_status 1 "a listed loader whose digest is revoked is refused" ./listed call
expect_status 1 "one that is listed and signed, and revoked, is refused" ./both call
expect_status 0 "another file of the same signer is allowed" ./sibling call
touch go
ended loader 1 "a running loader whose digest is revoked is refused"
ended listed 1 "a running loader whose listed digest is revoked is refused"
ended both 1 "a running loader, listed and signed, whose digest is revoked is refused"
ended sibling 0 "a running loader of the same signer is allowed"
events >events.txt || fail "events"
expect_output ' refused revoked prog_get_next_id .*/loader' "the event says revoked" cat events.txt
for file in loader listed both sibling; do
  want=1
  [ $file = sibling ] && want=0
  expect_status $want "explain says the same of $file" bpfgate explain "$file"
done
expect_output 'no-evidence: revoked of sha256:' "explain says revoked" bpfgate explain both
expect_output 'note: /digests/1: sha256:[0-9a-f]* is listed and revoked' "check says which of the two counts" bpfgate manifest check --host
expect_output '"revoked_digests": 3' "status counts what is revoked" bpfgate gate status --json

# --- Taken back: it counts again.
rm -f go
start sibling 0 ./sibling ask-and-wait
revoke 3 ""
expect_status 0 "revoked no longer: allowed" ./loader call
rm -f go
start loader 0 ./loader ask-and-wait
revoke 4 "$(digests loader)"
revoke 5 ""
touch go
ended loader 0 "a running loader that was revoked for a while, and did not ask, is allowed"
ended sibling 0 "and so is the other"

# --- A signer.
rm -f go
start vendor 0 ./vendors-loader ask-and-wait
start loader 0 ./loader ask-and-wait
expect_keyrings 1 "two signers of the same grant are in one keyring" loaders+1:
revoke 6 "$(certificates vendors)"
expect_status 1 "a loader whose signer is revoked is refused" ./vendors-loader call
expect_status 0 "a loader of another signer is allowed" ./loader call
touch go
ended vendor 1 "a running loader whose signer is revoked is refused"
ended loader 0 "a running loader of another signer is allowed"
expect_output 'no-evidence: signature-untrusted' "explain says that nobody trusted has signed it" bpfgate explain vendors-loader
expect_output 'note: signer vendors: its certificate is revoked' "check names the signer" bpfgate manifest check --host
expect_keyrings 1 "its certificate has gone from the keyring it shared" loaders:

# --- A library: what has it keeps it, and nobody gets it any more.
rm -f go
start mapped 0 ./loader map-file-and-wait library.so
revoke 7 "$(digests library.so)"
expect_status 1 "a loader that maps a revoked library loses its mark" ./loader map-file library.so
expect_status 0 "a loader that maps another library keeps it" ./loader map-file other.so
touch go
ended mapped 0 "a revoked library that was mapped before stays"
events >events.txt || fail "events"
expect_output ' tainted taint-file .*/loader' "the event says that it was the mapping" cat events.txt
rm -f go
start other 0 ./loader map-file-and-wait other.so
# Not the signer of the C library: then bpfgate, too, would be none from its next start on.
revoke 8 "$(certificates plugins)"
expect_status 1 "a loader that maps a library of a revoked signer loses its mark" ./loader map-file other.so
touch go
ended other 0 "a library of a revoked signer that was mapped before stays"

# --- What bpfgate lives by: it does not lock itself out, and the last signer of manifests cannot be revoked under a seal.
revoke 9 ""
echo "{\"sequence\": 10, \"revoked\": {$(certificates admins)}}" >$drop_ins/90-revoked.json
expect_status 1 "revoking the signer of bpfgate is refused" bpfgate gate update
expect_output 'lock out' "it says why" bpfgate gate update
cat >$drop_ins/10-policy.json <<JSON
{"signers": [{"name": "policy", "role": "manifest", "certificate": "$keys/policy.pem"}]}
JSON
echo "{\"sequence\": 10, \"revoked\": {$(certificates policy)}}" >$drop_ins/90-revoked.json
expect_status 1 "sealing while the only signer of manifests is revoked is refused" bpfgate gate seal
expect_output 'not revoked' "it says that he is revoked" bpfgate gate seal
echo '{"sequence": 10}' >$drop_ins/90-revoked.json
expect_status 0 "with a signer of manifests the gate is sealed" bpfgate gate seal
echo "{\"sequence\": 11, \"revoked\": {$(digests loader)}}" >$drop_ins/90-revoked.json
expect_status 1 "sealed: revoking takes a signature, too" bpfgate gate update
bpfgate manifest sign --host --key "$keys/policy.key" --cert "$keys/policy.pem" >/dev/null || fail "manifest sign"
expect_status 0 "sealed: a signed revocation" bpfgate gate update
expect_status 1 "sealed: a loader whose digest is revoked is refused" ./loader call
expect_status 0 "sealed: another is allowed" ./sibling call
echo '{"sequence": 12}' >$drop_ins/90-revoked.json
expect_status 1 "sealed: a revocation is not taken back without a signature" bpfgate gate update
cannot_know="the policy on the disk is not the one in force" expect_status 1 "sealed: it is still refused" ./loader call
finish
