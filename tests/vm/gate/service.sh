#!/bin/bash
# SPDX-License-Identifier: MIT
# bpfgated under systemd: a second hold on the gate, its events in the journal, and what is left when it is killed.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
attack=$(command -v attack)
cd "$work" || exit 2
pins=/sys/fs/bpf/bpfgate
service=/run/systemd/system/bpfgated.service

make_key loaders
make_key libraries
make_key policy
use_signed_bpfgate
signed_copy "$(command -v bpfgated)" "$work/bin/bpfgated" admins
signed_copy "$witness" loader
cp "$witness" unsigned
cp "$(command -v intruder)" intruder
# An administrator that takes pins away, which the genuine one never does by halves.
signed_copy "$attack" pin-remover admins
# Process 1 loads BPF programs of its own.
sign_as loaders loader /usr/lib/systemd/systemd
seal /usr/lib/systemd/systemd
write_manifest enforce.json enforce 1
write_manifest off.json off 2
bpfgate manifest sign --key keys/policy.key --cert keys/policy.pem off.json >/dev/null || die "manifest sign"

sed "s|^ExecStart=.*|ExecStart=$work/bin/bpfgated|" /opt/bpfgate/units/bpfgated.service >$service
cp /opt/bpfgate/units/bpfgated.socket /run/systemd/system/
systemctl daemon-reload || die "daemon-reload"
systemctl enable --runtime bpfgated.socket bpfgated.service 2>/dev/null || die "enable"

# wait_for SECONDS COMMAND...
wait_for() {
  local tries=$(($1 * 5))
  shift
  for _ in $(seq $tries); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
  return 1
}
ask() {
  python3 -c 'import json, socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect("/run/bpfgate/query")
print(eval(sys.argv[1], {"answer": json.loads(client.makefile().read())}))' "$1"
}
stored() { systemctl show -P NFileDescriptorStore bpfgated; }
main_pid() { systemctl show -P MainPID bpfgated; }
# In the journal since the test began; by MESSAGE_ID, as an operator would filter.
journal() { journalctl -q -b -o json "$@"; }
expect() { # NAME COMMAND...
  local name=$1
  shift
  if wait_for 20 "$@"; then pass "$name"; else fail "$name: $(systemctl status bpfgated 2>&1 | tail -n 15)"; fi
}
refuses() { ./unsigned call 2>/dev/null; [ $? = 1 ]; }

# --- Without a gate it does not start; an unsigned one cannot hold anything.
expect_status 1 "no gate: it says so" bpfgated
expect_output 'no gate is loaded' "no gate: it says what to do" bpfgated
load_gate enforce.json
expect_status 1 "an unsigned bpfgated is refused" /opt/bpfgate/bin/bpfgated
expect_status 0 "sealing" bpfgate gate seal --manifest enforce.json
expect_status 0 "systemd starts it" systemctl start bpfgated.socket bpfgated.service
expect "it is ready" systemctl is-active bpfgated.service
links=$(find $pins/links -type f | wc -l)
[ "$links" -ge 24 ] || die "only $links links"
has_stored() { [ "$(stored)" = "$links" ]; }
expect "the service manager keeps every link" has_stored
[ "$(ask 'answer["links"]')" = "$links" ] && pass "it answers questions" || fail "asked, it said $(ask answer)"

# --- Events.
refuses || fail "an unsigned program is not refused"
in_journal() { journal "MESSAGE_ID=$1" | grep -q "$2"; }
not_sealed=$(sed -n 's/.*{"not-sealed", "\([0-9a-f]*\)"}.*/\1/p' /opt/bpfgate/journal.cc)
expect "a refusal is in the journal" in_journal "$not_sealed" '"BPFGATE_COMMAND":"prog_get_next_id"'
expect "with its executable" in_journal "$not_sealed" "\"BPFGATE_EXECUTABLE\":\"$work/unsigned\""
counts() { [ "$(ask 'answer["reasons"].get("not-sealed", 0)')" -ge 1 ] && [ "$(ask 'answer["counters"]["refused"]')" -ge 1 ]; }
expect "and in its counters" counts

# --- Killed: the gate stays, the service comes back and finds everything.
for _ in 1 2 3; do
  before=$(main_pid)
  kill -9 "$before"
  refuses && pass "just after a kill: refused" || fail "just after a kill: allowed"
  restarted() { systemctl is-active bpfgated && [ "$(main_pid)" != "$before" ] && [ "$(main_pid)" != 0 ]; }
  expect "it is started again" restarted
done
restarted_id=$(sed -n 's/.*{"restarted", "\([0-9a-f]*\)".*/\1/p' /opt/bpfgate/journal.cc)
expect "taking over is in the journal" in_journal "$restarted_id" "from a predecessor: $links links"
# Nobody gets at what it holds.
expect_status 1 "its descriptors are out of reach" ./intruder pidfd-getfd-of "$(main_pid)"

# --- The pins are lost: nothing changes but that it is said.
for pin in "$pins"/links/*; do ./pin-remover unlink "$pin" || fail "unlink $pin"; done
refuses && pass "without pins: refused" || fail "without pins: allowed"
expect_status 0 "without pins: a loader is allowed" ./loader call
lost_id=$(sed -n 's/.*{"pins-lost", "\([0-9a-f]*\)".*/\1/p' /opt/bpfgate/journal.cc)
expect "the loss is in the journal" in_journal "$lost_id" "$links of the gate"
lost() { [ "$(ask 'len(answer["unpinned"])')" = "$links" ]; }
expect "and in its answers" lost
before=$(main_pid)
kill -9 "$before"
refuses && pass "without pins, just after a kill: refused" || fail "without pins, just after a kill: allowed"
expect "without pins: it is started again" restarted
holds_all() { [ "$(ask 'answer["links"]')" = "$links" ]; }
expect "without pins: it has found every link" holds_all
refuses && pass "without pins, started again: refused" || fail "without pins, started again: allowed"
systemctl daemon-reexec || fail "daemon-reexec"
expect "systemd has re-executed itself, and keeps every link" has_stored
refuses && pass "after systemd's re-execution: refused" || fail "after systemd's re-execution: allowed"

# --- With the last holder the gate goes.
systemctl stop bpfgated.service bpfgated.socket
refuses && pass "stopped: the service manager holds on" || fail "stopped: allowed"
cp $service kept.service
systemctl disable --runtime bpfgated.service 2>/dev/null
rm $service
systemctl daemon-reload
expect "nobody holds it any more: it is gone" ./unsigned call
for _ in $(seq 50); do rm -rf $pins 2>/dev/null && break; sleep 0.1; done
cp kept.service $service
systemctl daemon-reload

# --- Taken away by an order, while it runs.
load_gate enforce.json
bpfgate gate seal --manifest enforce.json 2>/dev/null || fail "seal"
systemctl start bpfgated.socket bpfgated.service || fail "start again"
expect "it holds the new gate" has_stored
expect_status 0 "an order takes the gate away, and the service lets go" bpfgate gate unload --manifest off.json
expect_status 0 "an unsigned program is allowed" ./unsigned call
released_id=$(sed -n 's/.*{"released", "\([0-9a-f]*\)".*/\1/p' /opt/bpfgate/journal.cc)
expect "that is in the journal" in_journal "$released_id" 'by an administrator'
finish
