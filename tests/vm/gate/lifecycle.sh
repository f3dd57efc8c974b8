#!/bin/bash
# SPDX-License-Identifier: MIT
# The gate's own life: loading, refusing to lock out, updating, describing itself, going away; and verdicts over time.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2
pins=/sys/fs/bpf/bpfgate

make_key loaders
make_key admins
make_key libraries
make_key others
unsigned_bpfgate=$(command -v bpfgate)
cp "$witness" unsigned
signed_copy "$witness" loader
write_manifest audit.json audit 1
write_manifest enforce.json enforce 2
nothing_stayed() { [ ! -e $pins ] && [ ! -e $pins-loading ] && ! grep -q bpfgate: /proc/keys; }
# The kernel clears invalidated keys away a moment later.
holds_no_gate() {
  for _ in $(seq 50); do nothing_stayed && break; sleep 0.1; done
  if nothing_stayed; then pass "$1: nothing stays behind"; else fail "$1: left $(ls -d /sys/fs/bpf/*) $(grep bpfgate: /proc/keys)"; fi
}

# --- Loading what cannot be loaded.
expect_status 1 "no manifest" bpfgate gate load --manifest absent.json
echo '{"bpfgate": 1, "nmae": "x"}' >corrupt.json
expect_status 1 "a manifest with a wrong key" bpfgate gate load --manifest corrupt.json
expect_output '/nmae' "it says where the manifest is wrong" bpfgate gate load --manifest corrupt.json
cp -r keys corrupt-keys
echo garbage >corrupt-keys/libraries.pem
sed 's|/keys/|/corrupt-keys/|' enforce.json >corrupt-certificate.json
expect_status 4 "a corrupt certificate" bpfgate gate load --manifest corrupt-certificate.json --force
expect_output 'corrupt-keys/libraries.pem' "it names the certificate" bpfgate gate load --manifest corrupt-certificate.json --force
expect_status 1 "without privileges" setpriv --bounding-set=-sys_admin bpfgate gate load --manifest audit.json
expect_output 'CAP_SYS_ADMIN' "it names the privilege" setpriv --bounding-set=-sys_admin bpfgate gate load --manifest audit.json
expect_status 3 "a directory that is no bpffs" bpfgate gate load --manifest audit.json --pin-directory /tmp/gate
expect_output 'mount -t bpf' "it says how to mount one" bpfgate gate load --manifest audit.json --pin-directory /tmp/gate
expect_status 1 "an update without a gate" bpfgate gate update --manifest audit.json
expect_status 1 "status without a gate" bpfgate gate status
expect_status 0 "unload without a gate" bpfgate gate unload
holds_no_gate "failed loads"
# A load that fails late: the pins' final name is taken by something that is no directory of the gate's.
mkdir $pins
expect_status 1 "a load into a directory that exists" bpfgate gate load --manifest audit.json
rmdir $pins
holds_no_gate "a load into a directory that exists"

# --- Locking out: bpfgate itself, and a process that holds BPF objects.
expect_status 1 "enforcing with an unsigned bpfgate" bpfgate gate load --manifest enforce.json
expect_output 'this program .*not-sealed' "it names itself" bpfgate gate load --manifest enforce.json
holds_no_gate "a refused load"
use_signed_bpfgate
explain_each_status
# bpftrace without a signature, holding a program and a map.
bpftrace -e 'interval:s:60 { exit(); }' >bpftrace.log 2>&1 &
holder=$!
for _ in $(seq 200); do readlink /proc/$holder/fd/* 2>/dev/null | grep -q bpf-map && break; sleep 0.1; done
expect_status 1 "enforcing while an unsigned process holds BPF objects" bpfgate gate load --manifest enforce.json
expect_output "process $holder .*bpftrace: not-sealed, holds [0-9]+ BPF objects" "it lists the process" \
  bpfgate gate load --manifest enforce.json
kill $holder
wait $holder 2>/dev/null

# --- A process that is older than the gate, of each kind.
rm -f go
./loader wait go & old_loader=$!
./unsigned wait go & old_unsigned=$!
rm -f late
./loader ask-and-wait late >asked.txt & old_asking=$!

# --- Audit: everything is allowed, and reported.
load_gate audit.json
[ "$(ls $pins/links | wc -l)" = 30 ] || fail "wanted 30 pinned links: $(ls $pins/links)"
expect_status 0 "audit: an unsigned program is allowed" ./unsigned call
events --json >events.json
python3 - <<'PYTHON' && pass "an audit event has every field" || fail "audit event: $(cat events.json)"
import json, re

events = json.load(open("events.json"))["events"]
event = [e for e in events if e["comm"] == "unsigned"][-1]
assert event["kind"] == "would-refuse", event
assert event["command"] == "prog_get_next_id", event
assert event["program_type"] is None, event
assert event["verdict"] == "no-evidence" and event["reason"] == "not-sealed", event
assert event["rule"] == "none", event
assert event["uid"] == 0 and event["pid"] == event["tgid"] > 1, event
assert event["executable"].endswith("/unsigned"), event
assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["time"]), event
assert not event["pre_existing"], event
PYTHON
./unsigned load-program
expect_output 'would-refuse not-sealed prog_load socket_filter ' "an event names the program type" bpfgate events
expect_output '"events": \[\]' "events are handed out once" bpfgate events --json
expect_status 0 "a second load of the same policy" bpfgate gate load --manifest audit.json
expect_output 'the same build, the same policy' "it says that all is the same" bpfgate gate load --manifest audit.json
expect_status 1 "a second load of another policy" bpfgate gate load --manifest enforce.json
expect_output 'the same build, another policy' "it says that the policy differs" bpfgate gate load --manifest enforce.json
bpfgate gate status --json >status.json || fail "gate status"
python3 - <<'PYTHON' && pass "status --json" || fail "status: $(cat status.json)"
import json

status = json.load(open("status.json"))
assert status["bpfgate"] == 1 and status["loaded"] and status["complete"], status
assert status["mode"] == "audit" and status["policy"]["sequence"] == 1, status
assert status["build"]["same"] and status["policy"]["signers"] == 3, status
assert status["counters"]["would_refuse"] > 0 and status["counters"]["refused"] == 0, status
PYTHON
serial=$(awk '/bpfgate:loaders:/ && /keyring/ { print "0x" $1 }' /proc/keys)
expect_output 'perm 0b0b0000|0b0b0000' "the keyring is its owner's alone" grep bpfgate:loaders: /proc/keys
expect_status 1 "nobody adds to the keyring" keyctl padd asymmetric extra "$serial" <keys/others.pem
expect_output 'Permission denied' "nobody adds to the keyring: EACCES" keyctl padd user extra "$serial" <keys/others.pem

# --- Enforce.
update_gate enforce.json
expect_status 1 "enforce: an unsigned program is refused" ./unsigned call
expect_status 0 "enforce: a signed program is allowed" ./loader call
expect_status 1 "enforce: an unsigned bpfgate cannot look" "$unsigned_bpfgate" gate status
expect_output 'Sign and seal bpfgate itself' "it says why" "$unsigned_bpfgate" gate status
# None of them has asked under this policy: explain says what each will be told.
explain_process 0 "a loader older than the gate" $old_loader
explain_process 1 "an unsigned program older than the gate" $old_unsigned
explain_process 0 "an older loader that asked before the gate came" $old_asking
touch go late
wait $old_loader; old=$?
[ $old = 0 ] && pass "a loader older than the gate is allowed" || fail "a loader older than the gate: $old"
wait $old_unsigned; old=$?
[ $old = 1 ] && pass "an unsigned program older than the gate is refused" || fail "an unsigned program older than the gate: $old"
wait $old_asking; old=$?
[ $old = 0 ] && pass "an older loader that asked before the gate came is allowed" || fail "older, asking: $old"
expect_output ' refused not-sealed .* pre-existing' "its event says pre-existing" events

# --- Refusals are not remembered, and neither are signatures that have gone.
cp "$witness" late-signed
expect_status 1 "not signed yet: refused" ./late-signed call
expect_status 1 "still refused" ./late-signed call
seal late-signed
expect_status 1 "sealed, not signed yet: refused" ./late-signed call
sign_as loaders loader late-signed
expect_status 0 "signed at last: allowed at the next exec" ./late-signed call
getfattr --only-values -n user.bpf_prog_sig late-signed >good.sig 2>/dev/null
setfattr -x user.bpf_prog_sig late-signed
expect_status 1 "its signature removed: refused" ./late-signed call
setfattr -n user.bpf_prog_sig -v "0x$(od -An -v -tx1 good.sig | tr -d ' \n')" late-signed
expect_status 0 "its signature restored: allowed" ./late-signed call
sign_as others loader late-signed
expect_status 1 "its signature replaced by a stranger's: refused" ./late-signed call
verified() { bpfgate gate status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["counters"]["verified"])'; }
./loader call
before=$(verified)
for _ in 1 2 3 4 5; do ./loader call; done
[ "$(verified)" = "$before" ] && pass "a known file is not verified again" || fail "verified $before, then $(verified)"

# --- Another policy: every mark is judged anew, running processes included.
rm -f late
./loader ask-and-wait late >asked.txt & running=$!
for _ in $(seq 100); do grep -q asked asked.txt && break; sleep 0.1; done
grep -q 'asked 0' asked.txt || fail "the running loader was not allowed at first: $(cat asked.txt)"
explain_process 0 "a running loader" $running
# The loaders' certificate is replaced by a stranger's; bpfgate itself stays trusted by its digest.
own=$(bpfgate digest "$work/bin/bpfgate" | cut -d' ' -f1)
cat >others.json <<JSON
{"bpfgate": 1, "name": "others", "sequence": 3, "mode": "enforce",
 "signers": [
   {"name": "loaders", "role": "loader", "certificate": "keys/others.pem", "grant": "full"},
   {"name": "libraries", "role": "library", "certificate": "keys/libraries.pem"}],
 "digests": [{"kind": "fsverity", "digest": "$own", "grant": "admin", "note": "bpfgate"}],
 "default": {"grant": "none"}}
JSON
update_gate others.json
expect_status 1 "its signer is no longer trusted: refused" ./loader call
expect_status 0 "a file of the new signer: allowed" ./late-signed call
expect_status 0 "a listed digest: allowed" bpfgate gate status
explain_process 1 "a running loader whose signer has gone" $running
touch late
wait $running; now=$?
[ $now = 1 ] && pass "a running loader whose signer has gone is refused" || fail "running loader: $now"
sed 's/"sequence": 2/"sequence": 4/' enforce.json >again.json
rm -f late
./late-signed wait late & stranger=$!
explain_process 0 "a running loader of the new signer" $stranger
python3 - <<PYTHON >again.json
import json
policy = json.load(open("enforce.json"))
policy["sequence"] = 4
print(json.dumps(policy))
PYTHON
update_gate again.json
expect_status 0 "trusted again: allowed" ./loader call
explain_process 1 "a running loader of the signer that has gone" $stranger
touch late
wait $stranger; now=$?
[ $now = 1 ] && pass "a running loader of the signer that has gone is refused" || fail "running stranger: $now"
[ "$(grep -c 'keyring.*bpfgate:' /proc/keys)" = 3 ] && pass "old keyrings are gone" || fail "keyrings: $(grep bpfgate: /proc/keys)"

# --- Grants by command.
cat >grants.json <<JSON
{"bpfgate": 1, "name": "grants", "sequence": 5, "mode": "enforce",
 "signers": [
   {"name": "loaders", "role": "loader", "certificate": "keys/loaders.pem", "grant": "maps"},
   {"name": "libraries", "role": "library", "certificate": "keys/libraries.pem"}],
 "digests": [{"kind": "fsverity", "digest": "$own", "grant": "admin"}],
 "grants": {"maps": {"commands": ["map_create", "prog_get_next_id"]}},
 "default": {"grant": "inspect"}}
JSON
update_gate grants.json
expect_status 0 "granted: making a map" ./loader create-map
expect_status 1 "not granted: loading a program" ./loader load-program
expect_status 0 "default grant inspect: an unsigned program may list" ./unsigned call
expect_status 1 "default grant inspect: it may not make maps" ./unsigned create-map
expect_output ' refused command-not-granted prog_load .* rule=maps' "the event names the grant" events

# --- Going away.
expect_status 0 "unload" bpfgate gate unload
holds_no_gate unload
expect_status 0 "after unload an unsigned program is allowed" ./unsigned load-program
load_gate enforce.json
expect_status 1 "loaded again: refused" ./unsigned call
expect_status 0 "unload again" bpfgate gate unload

# --- By force, and by a bpfgate that nobody has signed: it locks itself out, and nobody else.
cp "$(command -v bpfgate)" forced
load_gate audit.json
expect_output 'the policy is in force, and keeps this bpfgate from changing it again' "an update by force says how far it came" \
  ./forced gate update --manifest enforce.json --force
expect_status 1 "it is in force" ./unsigned call
expect_status 1 "whoever forced it is out" ./forced gate unload
expect_status 0 "bpfgate that is signed is not" bpfgate gate unload
finish
