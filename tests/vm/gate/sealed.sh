#!/bin/bash
# SPDX-License-Identifier: MIT
# A sealed gate: who may still change it, and by what.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
unsigned_bpfgate=$(command -v bpfgate)
cd "$work" || exit 2

make_key loaders
make_key libraries
make_key admins
make_key strangers
write_manifest keyless.json enforce 1
make_key policy
use_signed_bpfgate
explain_each_status
signed_copy "$witness" loader
cp "$witness" unsigned
cp "$(command -v intruder)" intruder
signed_copy "$(command -v attack)" holder
cp "$witness" forged
sign_as libraries library forged
seal forged
# The genuine bpfgate, as a loader like any other.
signed_copy "$unsigned_bpfgate" loader-bpfgate loaders

# manifest NAME MODE SEQUENCE [KEY]
manifest() {
  write_manifest "$1.json" "$2" "$3"
  [ $# -lt 4 ] || bpfgate manifest sign --key "keys/$4.key" --cert "keys/$4.pem" "$1.json" >/dev/null || die "manifest sign $1"
}
manifest audit audit 2
manifest enforce enforce 5
manifest unsigned-next enforce 6
manifest strangers-next enforce 6 strangers
manifest loaders-next enforce 6 loaders
manifest same enforce 5 policy
manifest older enforce 4 policy
manifest next enforce 6 policy
manifest audit-again audit 7 policy
manifest enforce-again enforce 8 policy
manifest off-unsigned off 9
manifest off-older off 8 policy
manifest off off 9 policy
manifest newest enforce 9
sed 's/"name": "test"/"name": "second"/' audit.json >second.json
manifest renamed enforce 6
sed -i 's/"name": "test"/"name": "other"/' renamed.json
bpfgate manifest sign --key keys/policy.key --cert keys/policy.pem renamed.json >/dev/null || die "manifest sign renamed"
mv keys/policy.pem policy.pem.kept
write_manifest authorless.json enforce 6
mv policy.pem.kept keys/policy.pem
sed 's/"grant": "admin"/"grant": "full"/; s/"sequence": 6/"sequence": 6/' next.json >adminless.json
for name in authorless adminless; do
  bpfgate manifest sign --key keys/policy.key --cert keys/policy.pem $name.json >/dev/null || die "manifest sign $name"
done
# Signed, and then another certificate put where the manifest has a path.
mkdir swapped
cp -r keys swapped/
sed "s|$keys/|$work/swapped/keys/|; s|\"sequence\": 5|\"sequence\": 6|" enforce.json >swapped.json
bpfgate manifest sign --key keys/policy.key --cert keys/policy.pem swapped.json >/dev/null || die "manifest sign swapped"
cp keys/strangers.pem swapped/keys/loaders.pem

expect_status 0 "openssl verifies a manifest's signature" bash -c "bpfgate manifest show next.json >text &&
  openssl cms -verify -binary -inform DER -in next.json.p7s -content text -certfile keys/policy.pem -noverify -out /dev/null"
expect_status 1 "openssl refuses it for another manifest" bash -c "bpfgate manifest show older.json >text &&
  ! openssl cms -verify -binary -inform DER -in next.json.p7s -content text -certfile keys/policy.pem -noverify -out /dev/null &&
  exit 1"

# --- Sealing.
expect_status 1 "sealing without a gate" bpfgate gate seal --manifest enforce.json
load_gate keyless.json
expect_status 1 "sealing without a signer of manifests" bpfgate gate seal --manifest keyless.json
expect_output 'names no signer of manifests' "it says so" bpfgate gate seal --manifest keyless.json
update_gate audit.json
marks=$(bpftool map list | sed -n 's/^\([0-9]*\):.*name tasks .*/\1/p')
[ -z "$marks" ] && pass "auditing, nobody gets a descriptor of the marks" || fail "map tasks has the id $marks"
[ -n "$(bpftool map list | sed -n 's/^\([0-9]*\):.*name policies .*/\1/p')" ] || fail "auditing, bpftool shows no map at all"
expect_status 1 "sealing by a bpfgate that is no administrator" "$unsigned_bpfgate" gate seal --manifest audit.json
expect_output '"sealed": false' "a seal that would lock its maker out is taken back" bpfgate gate status --json
# In audit mode anybody may have got a descriptor.
./holder hold-map "$(bpftool map list | sed -n 's/^\([0-9]*\):.*name policies .*/\1/p')" hold & holder=$!
for _ in $(seq 100); do [ -e hold ] && break; sleep 0.1; done
expect_status 1 "sealing while somebody holds a map of the gate" bpfgate gate seal --manifest audit.json
expect_output "process $holder .*/holder: 1 descriptors" "it says who" bpfgate gate seal --manifest audit.json
kill $holder
wait $holder 2>/dev/null
# What is open of the pin of a program that walks over a map, and may write it, keeps the link that nobody finds by a name any more.
walked=$(bpftool map list | sed -n 's/^\([0-9]*\): array  name grants .*/\1/p')
./holder walk-map "$walked" /sys/fs/bpf/walker || die "walk-map"
exec {walker}</sys/fs/bpf/walker
sleep 1000 & holder=$!
exec {walker}<&-
rm /sys/fs/bpf/walker
expect_status 1 "sealing while somebody may walk over a map of the gate" bpfgate gate seal --manifest audit.json
expect_said "BPF link [0-9]+ walks over the gate's map $walked" "it says so of the map"
kill $holder
wait $holder 2>/dev/null
rm -f hold
./holder hold-walk "$walked" hold & holder=$!
for _ in $(seq 100); do [ -e hold ] && break; sleep 0.1; done
expect_status 1 "sealing while somebody has such a program open by no link" bpfgate gate seal --manifest audit.json
expect_said "process $holder .*/holder: 1 descriptors" "it says who has"
kill $holder
wait $holder 2>/dev/null
expect_status 0 "unsealed, an unsigned manifest is good" bpfgate gate update --manifest enforce.json
# While it audits, others put a signer of their own in; and a manifest that cannot be applied seals nothing.
update_gate audit.json
sed "s|$keys/policy.pem|$keys/strangers.pem|" audit.json >tampered.json
expect_status 0 "auditing, anybody may change the policy" "$unsigned_bpfgate" gate update --manifest tampered.json
# A file judged under a policy of theirs, which has the generation that would come next; and the policy is put back. Only its mark
# is left, and that must not count for the generation that does come.
forge() { python3 /opt/bpfgate/lib/forge_policy.py "$1" || fail "cannot $1 the policy"; }
forge forge
./forged ask-and-wait sealed-now >forged.asked & forged=$!
for _ in $(seq 200); do grep -q asked forged.asked && break; sleep 0.1; done
expect_output '^loader 1 granted [1-9]' "auditing, a forged policy makes a loader of a library" mark_of $forged
forge restore
cp -r keys broken
echo garbage >broken/libraries.pem
sed "s|$keys/libraries.pem|$work/broken/libraries.pem|" enforce.json >broken.json
expect_status 4 "sealing with a certificate that is none" bpfgate gate seal --manifest broken.json
expect_output '"sealed": false' "nothing is sealed then" bpfgate gate status --json
expect_status 0 "sealing" bpfgate gate seal --manifest enforce.json
touch sealed-now
wait $forged
[ $? = 1 ] && pass "sealed: a loader by a forged policy is refused" || fail "sealed: a loader by a forged policy is none the less"
# Everybody can open an anonymous inode, and lock it.
setpriv --reuid nobody --clear-groups python3 -c 'import fcntl, select, time
poll = select.epoll()
fcntl.flock(poll, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(600)' >locked & locker=$!
for _ in $(seq 300); do grep -q locked locked && break; sleep 0.1; done
grep -q locked locked || die "nobody locks an anonymous inode"
expect_status 1 "sealed: an order by the signer whom others had put in is refused" \
  bpfgate gate update --manifest strangers-next.json
expect_output '"sealed": true' "status says so" bpfgate gate status --json
expect_status 1 "sealing again is refused" bpfgate gate seal --manifest enforce.json
expect_output 'is sealed already' "it says so" bpfgate gate seal --manifest enforce.json
# From too few descriptors to open it to enough for all: those of the test are not among them.
seal_with_few() (
  [ -z "${agree_questions:-}" ] || exec {agree_questions}>&- {agree_answers}>&-
  ulimit -n "$1"
  exec bpfgate gate seal --manifest enforce.json --force
)
for limit in {14..26}; do seal_with_few "$limit"; done 2>few.txt
grep -q 'Too many open files' few.txt && grep -q 'is sealed already' few.txt && pass "sealing again with few descriptors" ||
  fail "sealing again with few descriptors: $(cat few.txt)"
expect_output '"sealed": true' "a seal cannot be taken back by sealing again" bpfgate gate status --json

# --- Changing it.
refused() { expect_status 1 "sealed: $1 is refused" "${@:2}"; }
refused "an unsigned manifest" bpfgate gate update --manifest unsigned-next.json
expect_output 'only a signed manifest changes it' "it says why" bpfgate gate update --manifest unsigned-next.json
refused "a manifest signed by a stranger" bpfgate gate update --manifest strangers-next.json
refused "a manifest signed by a signer of loaders" bpfgate gate update --manifest loaders-next.json
refused "a manifest with the same sequence number" bpfgate gate update --manifest same.json
refused "an older manifest" bpfgate gate update --manifest older.json
expect_output '/sequence: 4 is not higher than 5' "it says why" bpfgate gate update --manifest older.json
refused "the signature of another manifest" bpfgate gate update --manifest unsigned-next.json --signature audit-again.json.p7s
refused "a manifest whose certificate was replaced" bpfgate gate update --manifest swapped.json
refused "an unsigned bpfgate" "$unsigned_bpfgate" gate update --manifest next.json
refused "a bpfgate that is a loader only" ./loader-bpfgate gate update --manifest next.json
refused "unloading" bpfgate gate unload
refused "unloading by an update's manifest" bpfgate gate unload --manifest next.json
refused "unloading by an unsigned manifest" bpfgate gate unload --manifest off-unsigned.json
refused "an update to no mode at all" bpfgate gate update --manifest off.json
refused "a manifest of another name" bpfgate gate update --manifest renamed.json
refused "a manifest without a signer of manifests" bpfgate gate update --manifest authorless.json
refused "a manifest that locks bpfgate out" bpfgate gate update --manifest adminless.json

# --- Root leads an administrator astray, with directories that are not what they seem.
pins=/sys/fs/bpf/bpfgate
before=$(ls $pins/links)
mkdir /sys/fs/bpf/x-loading
ln -s $pins/links /sys/fs/bpf/x-loading/links
refused "a leftover whose links are the gate's, by a symbolic link" bpfgate gate unload --pin-directory /sys/fs/bpf/x
mkdir /sys/fs/bpf/y-loading
./holder bind $pins /sys/fs/bpf/y-loading || fail "bind"
refused "a leftover that is the gate, bound there" bpfgate gate unload --pin-directory /sys/fs/bpf/y
expect_output 'a gate in use' "it says so" bpfgate gate unload --pin-directory /sys/fs/bpf/y
mkdir -p /sys/fs/bpf/z/links
./holder bind $pins/links /sys/fs/bpf/z/links || fail "bind"
refused "a gate whose links are bound there" bpfgate gate unload --pin-directory /sys/fs/bpf/z
expect_output 'is a mount point or a link' "it says so" bpfgate gate unload --pin-directory /sys/fs/bpf/z
[ "$(ls $pins/links)" = "$before" ] && pass "every pin is there" || fail "pins: $(ls $pins/links)"
expect_status 0 "a second gate is loaded beside it" bpfgate gate load --manifest second.json --pin-directory /sys/fs/bpf/second
expect_status 1 "the sealed one still guards ftrace" "$work/holder" switch-ftrace-off
expect_status 0 "the second gate is unloaded" bpfgate gate unload --pin-directory /sys/fs/bpf/second
expect_status 1 "the sealed one still guards ftrace, the second being gone" "$work/holder" switch-ftrace-off
expect_status 1 "and still refuses" ./unsigned call
expect_output '"sequence": 5' "nothing was changed" bpfgate gate status --json
expect_status 1 "an unsigned program is refused" ./unsigned call
expect_status 0 "a signed manifest with a higher number is good" bpfgate gate update --manifest next.json
kill $locker && pass "it goes through while somebody locks an anonymous inode" || fail "nobody locked an anonymous inode"
refused "the same manifest once more" bpfgate gate update --manifest next.json
expect_status 0 "a signed manifest leads back to audit" bpfgate gate update --manifest audit-again.json
expect_status 0 "auditing, an unsigned program is allowed" ./unsigned call
expect_status 1 "auditing, but sealed: the maps are out of reach" "$unsigned_bpfgate" gate status
bpfgate events --follow >/dev/null & follower=$!
./loader wait never & other=$!
sleep 2
expect_status 1 "auditing, but sealed: an administrator's descriptors are out of reach" ./intruder pidfd-getfd-of $follower
expect_status 0 "auditing: anybody else's are not" ./intruder pidfd-getfd-of $other
kill $follower $other
wait $follower $other 2>/dev/null
expect_status 0 "and forth to enforce" bpfgate gate update --manifest enforce-again.json
expect_status 1 "an unsigned program is refused again" ./unsigned call
refused "unloading by a manifest that is not newer" bpfgate gate unload --manifest off-older.json
expect_status 0 "a signed manifest of mode off takes it away" bpfgate gate unload --manifest off.json
expect_status 0 "an unsigned program is allowed" ./unsigned call

# --- What a boot must not rewind: here the gate has gone, as after one.
expect_status 1 "an older manifest is not loaded" bpfgate gate load --manifest enforce.json
expect_output '/sequence: 5 is older than 9' "it says why" bpfgate gate load --manifest enforce.json
expect_status 1 "an unsigned bpfgate does not either" "$unsigned_bpfgate" gate load --manifest enforce.json
[ "$(cat /var/lib/bpfgate/test.sequence)" = 9 ] && pass "the number is on the disk" || fail "no number on the disk"
echo garbage >/var/lib/bpfgate/test.sequence
expect_status 1 "with a number that cannot be read nothing is loaded" bpfgate gate load --manifest newest.json
echo 9 >/var/lib/bpfgate/test.sequence
expect_status 0 "one with the same number is loaded" bpfgate gate load --manifest newest.json
expect_status 1 "nor does an older one seal" bpfgate gate seal --manifest enforce.json
expect_output '"sealed": false' "and the gate is as before" bpfgate gate status --json
expect_status 0 "and unloaded: nothing has sealed it" bpfgate gate unload
finish
