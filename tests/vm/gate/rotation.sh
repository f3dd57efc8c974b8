#!/bin/bash
# SPDX-License-Identifier: MIT
# A signer gets a new key: both are trusted for a while, files are signed anew, the old one goes. Processes that ask all the
# time are not refused once on the way; those that nobody signs anew are refused when the old one has gone.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2

for key in old new libraries; do make_key $key; done
# The same name, serial number and all: a certificate that was renewed so is told apart by its key alone.
openssl req -x509 -nodes -newkey rsa:2048 -keyout "$keys/twin.key" -out "$keys/twin.pem" -days 30 -subj /CN=old -set_serial \
  "0x$(openssl x509 -in "$keys/old.pem" -noout -serial | cut -d= -f2)" 2>"$work/openssl.log" || die "twin: $(cat "$work/openssl.log")"
use_signed_bpfgate
explain_each_status
signed_copy "$witness" loader old
cp "$witness" forgotten
echo forgotten >>forgotten
sign_as old loader forgotten
seal forgotten

# policy SEQUENCE REVOKED SIGNER...: trusts these signers of loaders.
policy() {
  local sequence=$1 revoked=$2 signer list=''
  shift 2
  for signer in "$@"; do
    list+="{\"name\": \"$signer\", \"role\": \"loader\", \"certificate\": \"$keys/$signer.pem\", \"grant\": \"full\"}, "
  done
  cat >"policy-$sequence.json" <<JSON
{"bpfgate": 1, "name": "rotation", "sequence": $sequence, "mode": "enforce",
 "signers": [$list
   {"name": "admins", "role": "loader", "certificate": "$keys/admins.pem", "grant": "admin"},
   {"name": "libraries", "role": "library", "certificate": "$keys/libraries.pem"}],
 "revoked": {$revoked}, "default": {"grant": "none"}}
JSON
}
apply() {
  policy "$@"
  update_gate "policy-$1.json"
}
declare -A asking
start() { # NAME PROGRAM
  "./$2" keep-asking "$1.stop" >"$1.asked" 2>&1 & asking[$1]=$!
  for _ in $(seq 200); do grep -q asked "$1.asked" && break; sleep 0.1; done
  grep -q 'asked 0' "$1.asked" || fail "$1 was not allowed at first: $(cat "$1.asked")"
}
still_asking() { # NAME WHAT
  kill -0 "${asking[$1]}" 2>/dev/null && pass "$2" || fail "$2: $(cat "$1.asked")"
}
ended() { # NAME STATUS WHAT
  local status
  touch "$1.stop"
  wait "${asking[$1]}"
  status=$?
  [ $status = "$2" ] && pass "$3: $(tail -n 1 "$1.asked")" || fail "$3: status $status: $(cat "$1.asked")"
}

policy 1 "" old
load_gate policy-1.json
start first loader
start forgotten forgotten

apply 2 "" old new
still_asking first "both trusted: a running loader of the old signer is not refused"
expect_status 0 "both trusted: a loader of the old signer is allowed" ./loader call
expect_keyrings 3 "both are in one keyring"

sign_as new loader loader
expect_status 0 "signed anew: allowed at once" ./loader call
expect_output 'signature of new' "explain names the new signer" bpfgate explain --manifest policy-2.json loader
expect_output 'signature of old' "explain names the old signer of what is not signed anew" bpfgate explain --manifest policy-2.json forgotten
start second loader
# Back and forth while they ask: no update is a gap.
for sequence in $(seq 3 12); do
  if [ $((sequence % 2)) = 0 ]; then apply "$sequence" "" old new; else apply "$sequence" "" new old; fi
done
still_asking first "ten updates: a loader that was started under the old signature is not refused"
still_asking second "ten updates: a loader that was started under the new one is not refused"
still_asking forgotten "ten updates: a loader that is not signed anew is not refused"

apply 13 "" new
still_asking first "the old signer gone: a running loader that was signed anew is not refused"
still_asking second "the old signer gone: a loader of the new one is not refused"
expect_status 0 "the old signer gone: a loader that was signed anew is allowed" ./loader call
expect_status 1 "the old signer gone: what it has signed is refused" ./forgotten call
ended forgotten 1 "the old signer gone: a running loader that was not signed anew is refused"

# Revoked, it is not let in again by a layer that still names it.
fingerprint=$(openssl x509 -in "$keys/old.pem" -outform DER | sha256sum | cut -d' ' -f1)
apply 14 "\"certificates\": [{\"fingerprint\": \"sha256:$fingerprint\"}]" old new
expect_status 1 "the old signer named and revoked: what it has signed is refused" ./forgotten call
expect_status 0 "the old signer named and revoked: the new one's is allowed" ./loader call
apply 15 "" old new
expect_status 0 "revoked no longer: what it has signed is allowed" ./forgotten call

# A successor with the old one's issuer and serial number cannot share its keyring.
apply 16 "" old new twin
expect_keyrings 4 "a successor of the same issuer and serial number has a keyring of its own"
cp "$witness" renewed
echo renewed >>renewed
sign_as twin loader renewed
seal renewed
expect_status 0 "its signature is good" ./renewed call
expect_status 0 "and so is the old one's" ./forgotten call
expect_output 'signature of twin' "explain tells them apart" bpfgate explain --manifest policy-16.json renewed

ended first 0 "a loader started under the old signature was not refused once"
ended second 0 "a loader started under the new one was not refused once"
finish
