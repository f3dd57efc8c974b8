#!/bin/bash
# SPDX-License-Identifier: MIT
# What the service manager itself does with bpf(2), and a tool made with libbpf: recorded, learned, and allowed under the draft.
# The manager's libraries are signed, as a distribution would; the manager, its executor and the tool are known by the draft alone.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
# shellcheck source=../lib/units.sh
. /opt/bpfgate/lib/units.sh
cd "$work" || exit 2

make_key loaders
make_key libraries
use_signed_bpfgate
signed_copy "$(command -v opensnoop-libbpf)" opensnoop
cp "$(command -v opensnoop-libbpf)" unsealed
# Process 1 and its executor load some libraries only when a unit asks for what those do.
unsealed_libraries() {
  find /usr/lib/x86_64-linux-gnu /usr/lib/systemd -name '*.so*' -type f |
    while read -r library; do fsverity measure "$library" >/dev/null 2>&1 || echo "$library"; done
}
mapfile -t libraries < <(unsealed_libraries)
sign_as libraries library "${libraries[@]}"
seal "${libraries[@]}" /usr/lib/systemd/systemd /usr/lib/systemd/systemd-executor

cat >base.json <<JSON
{"bpfgate": 1, "name": "test", "sequence": 1, "mode": "audit",
 "signers": [
   {"name": "admins", "role": "loader", "certificate": "$keys/admins.pem", "grant": "admin"},
   {"name": "libraries", "role": "library", "certificate": "$keys/libraries.pem"}],
 "default": {"grant": "none"}}
JSON

make_units
systemctl daemon-reload || die "daemon-reload"

rounds=0 record=audit
# The kernel keeps about 900 until they are read.
note_events() {
  rounds=$((rounds + 1))
  bpfgate events --json >"$record.$rounds" || fail "bpfgate events"
}
# It ends by itself, and has seen a file that is opened all the time. On a slow machine it is not ready before it ends. Its status
# is 1 whenever its last look at the buffer found something, so that what it has seen counts.
snoops() {
  local snooper seconds
  for seconds in 20 60 150; do
    timeout 300 ./opensnoop -d $seconds >snooped 2>snooper.log &
    snooper=$!
    while kill -0 $snooper 2>/dev/null; do cat /run/marked/marker >/dev/null; sleep 0.3; done
    wait $snooper
    grep -q /run/marked/marker snooped && return
  done
  cat snooper.log
  return 1
}
workload() { # WHEN
  local name
  expect_status 0 "$1: the service manager re-executes itself" systemctl daemon-reexec
  note_events
  for name in "${units[@]}"; do
    expect_status 0 "$1: $name: what a unit forbids its service cannot do" systemctl start "$name"
    note_events
  done
  expect_status 0 "$1: opensnoop sees files opened" snoops
  note_events
}
holds() { # NAME EXPRESSION FILE...: of the JSON in these files, as a list `o`
  if python3 -c 'import json, sys
o = [json.load(open(name)) for name in sys.argv[2:]]
sys.exit(0 if eval(sys.argv[1]) else 1)' "${@:2}"; then pass "$1"; else fail "$1: not so: $2"; fi
}

for name in "${units[@]}"; do expect_status 1 "baseline: $name: nothing but the unit forbids it" systemctl start "free-$name"; done

load_gate base.json
bpfgate events >/dev/null
workload audit
lost=$(bpfgate gate status | grep -o 'events lost[: ]*[0-9]*' | grep -o '[0-9]*$')
[ "${lost:-0}" = 0 ] || fail "$lost events are lost, and what they told with them"

# --- The draft.
recorded=()
for ((i = 1; i <= rounds; i++)); do recorded+=(--events "audit.$i"); done
bpfgate learn "${recorded[@]}" --manifest base.json -o draft.json >learned 2>remarks || fail "bpfgate learn: $(cat remarks)"
cat learned remarks draft.json
holds "process 1, its executor and the tool are listed" \
  'sorted(d["note"].split("/")[-1] for d in o[0]["digests"]) == ["opensnoop", "systemd", "systemd-executor"]' draft.json
holds "process 1 may do what those units ask for" \
  'set(["cgroup_device", "cgroup_skb", "cgroup_sock_addr", "lsm"]) <= set(o[0]["grants"]["systemd"]["program_types"])' draft.json
holds "its executor attaches nothing" 'o[0]["grants"]["systemd-executor"]["attach_types"] == []' draft.json

# --- The same under it. Process 1 has no mark until it is started anew: first while the gate still audits, as an operator would.
update_gate draft.json
expect_status 0 "the service manager is started anew under the draft" systemctl daemon-reexec
bpfgate events --json >between.json
sed 's/"mode": "audit"/"mode": "enforce"/; s/"sequence": 2/"sequence": 3/' draft.json >enforce.json
update_gate enforce.json
bpfgate events >/dev/null
rounds=0 record=enforce
workload enforce
# shellcheck disable=SC2046 # file names without spaces
holds "nothing that was recorded is refused, and nobody has lost a mark" \
  '[e for f in o for e in f["events"] if not e["reason"].startswith("guarded-")] == []' $(seq -f 'enforce.%g' 1 $rounds)
grep -h '"message"' enforce.* | sort | uniq -c
expect_output ' proven' "process 1 is proven" bpfgate explain --manifest enforce.json 1
cat output

# --- And nothing else: the same tool, not sealed.
expect_status 1 "the tool, not sealed, is refused" ./unsealed -d 1
bpfgate events --comm unsealed --kind refused | grep -q 'refused not-sealed' && pass "by the gate" || fail "not by the gate"
finish
