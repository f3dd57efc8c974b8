#!/bin/bash
# SPDX-License-Identifier: MIT
# bpfgated under systemd: a second hold on the gate, its events in the journal, its metrics, and what is left when it is killed.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
attack=$(command -v attack)
cd "$work" || exit 2
pins=/sys/fs/bpf/bpfgate
service=/run/systemd/system/bpfgated.service
metrics=/run/bpfgate/metrics.prom

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
# Who serves the metrics needs neither signature nor grant.
install -m 755 "$(command -v bpfgated-metrics)" bin/bpfgated-metrics
sed "s|^ExecStart=.*|ExecStart=$work/bin/bpfgated-metrics|" /opt/bpfgate/units/bpfgated-metrics.service \
  >/run/systemd/system/bpfgated-metrics.service
cp /opt/bpfgate/units/*.socket /run/systemd/system/
systemd-sysusers /opt/bpfgate/units/bpfgate.sysusers || die "sysusers"
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
has_metric() { grep -qxF -- "$1" $metrics; }
# Written every 15 s.
expect_metric() { # NAME COMMAND...
  local name=$1
  shift
  if wait_for 60 "$@"; then pass "$name"; else fail "$name: $(cat $metrics)"; fi
}
scrape() { # PATH: the answer, headers included
  local connection
  exec {connection}<>/dev/tcp/127.0.0.1/9437 || return
  printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&"$connection"
  cat <&"$connection"
  exec {connection}>&-
}

# --- Without a gate it does not start; an unsigned one cannot hold anything.
expect_status 1 "no gate: it says so" bpfgated
expect_output 'no gate is loaded' "no gate: it says what to do" bpfgated
load_gate enforce.json
expect_status 1 "an unsigned bpfgated is refused" /opt/bpfgate/bin/bpfgated
refuses
expect_output "^[^ ]* refused not-sealed prog_get_next_id .* what everybody has, grant \"none\", does not allow it" \
  "without a service events are asked of the kernel, by what they are about" \
  bpfgate events --kind refused --command prog_get_next_id --executable "$work/un*" --uid 0
[ "$(grep -c . output)" = 1 ] && pass "and nothing else is shown" || fail "more is shown: $(cat output)"
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
# With the words of the catalogue, its fields filled in.
mkdir -p /usr/lib/systemd/catalog
cp /opt/bpfgate/units/bpfgate.catalog /usr/lib/systemd/catalog/
expect_status 0 "systemd reads the catalogue" journalctl --update-catalog
expect_output "bpf\(2\) refused: the executable is not sealed" "the journal explains it" \
  journalctl -q -b -x "MESSAGE_ID=$not_sealed" BPFGATE_COMM=unsigned
grep -q 'sign it (bpfgate sign), seal it (bpfgate seal)' output && pass "and says what to do" || fail "it says $(cat output)"
expect "with its executable" in_journal "$not_sealed" "\"BPFGATE_EXECUTABLE\":\"$work/unsigned\""
expect_output "^bpfgate: $work/unsigned: not sealed" "learn reads the journal" bpfgate learn --journal --since -1h -o draft.json
expect_output "^[^ ]* refused not-sealed prog_get_next_id .* exe=$work/unsigned " "events reads the journal" \
  bpfgate events --journal --since -1h --comm unsigned --rule none
expect_status 0 "and leaves out what is not asked for" bpfgate events --journal --comm unsigned --reason guarded-map
[ -s output ] && fail "it shows $(cat output)"
counts() { [ "$(ask 'answer["reasons"].get("not-sealed", 0)')" -ge 1 ] && [ "$(ask 'answer["counters"]["refused"]')" -ge 1 ]; }
expect "and in its counters" counts

# --- A flood hides nothing: the journal drops what comes too fast, but not of this unit.
mkdir -p /run/systemd/journald.conf.d
printf '[Journal]\nRateLimitIntervalSec=10min\nRateLimitBurst=3\n' >/run/systemd/journald.conf.d/limit.conf
systemctl restart systemd-journald || die "journald"
refused_calls() { journal "MESSAGE_ID=$not_sealed" BPFGATE_COMM=unsigned | wc -l; }
before=$(refused_calls)
for _ in $(seq 60); do ./unsigned call 2>/dev/null; done
all_there() { [ "$(refused_calls)" = $((before + 60)) ]; }
expect "each of 60 refusals is in the journal" all_there
printf '[Service]\nType=oneshot\nExecStart=/usr/bin/seq 60\n' >/run/systemd/system/flood.service
systemctl daemon-reload
systemctl start flood || fail "another unit"
[ "$(journal _SYSTEMD_UNIT=flood.service | wc -l)" -lt 60 ] && pass "of another unit's messages some are dropped" ||
  fail "the journal drops nothing, so this shows nothing"
rm /run/systemd/journald.conf.d/limit.conf
systemctl restart systemd-journald || die "journald"

# --- Metrics.
for line in 'bpfgate_gate_loaded 1' 'bpfgate_gate_complete 1' 'bpfgate_gate_sealed 1' 'bpfgate_gate_mode{mode="enforce"} 1' \
  'bpfgate_policy_sequence 1'; do
  expect_metric "its metrics say: $line" has_metric "$line"
done
counted() { [ "$(sed -n 's/^bpfgate_events_total{reason="not-sealed"} //p' $metrics)" -ge 1 ]; }
expect_metric "refusals are counted by reason" counted
expect_status 0 "the same without the service" bpfgate gate status --prometheus
grep -qx 'bpfgate_gate_sealed 1' output && ! grep -q events_total output && pass "but for the events" || fail "it says $(cat output)"
expect_status 0 "systemd listens for scrapers" systemctl start bpfgated-metrics.socket
expect_output '^bpfgate_gate_loaded 1$' "they get the metrics" scrape /metrics
expect_output '^HTTP/1.. 404 ' "and nothing else" scrape /run/bpfgate/metrics.prom
expect_status 0 "who serves them is restarted" systemctl restart bpfgated-metrics
expect_output '^bpfgate_gate_loaded 1$' "and the socket is still good" scrape /metrics
server=$(systemctl show -P MainPID bpfgated-metrics)
[ "$(stat -c %U "/proc/$server")" = bpfgate-metrics ] && pass "not from root" || fail "served by $(stat -c %U "/proc/$server")"

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
expect_metric "and in its metrics" has_metric 'bpfgate_gate_complete 0'
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
[ ! -e $metrics ] && pass "stopped: its metrics are gone" || fail "stopped: its metrics stay"
expect_output '^HTTP/1.. 503 ' "stopped: scrapers are told" scrape /metrics
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
no_metrics() { [ ! -e $metrics ]; }
expect "its metrics go with it" no_metrics
finish
