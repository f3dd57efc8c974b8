#!/bin/bash
# SPDX-License-Identifier: MIT
# From an audited workload to a policy: what was recorded is allowed under the draft, and the rest is refused.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
cd "$work" || exit 2

make_key loaders
make_key libraries
use_signed_bpfgate
explain_each_status
for program in bpftool bpftrace oracle; do signed_copy "$(command -v $program)" $program; done
cp "$(command -v oracle)" unsealed
# The loaders' signer is not in it: all that is known of the programs is what the draft will say.
cat >base.json <<JSON
{"bpfgate": 1, "name": "test", "sequence": 1, "mode": "audit",
 "signers": [
   {"name": "admins", "role": "loader", "certificate": "$keys/admins.pem", "grant": "admin"},
   {"name": "libraries", "role": "library", "certificate": "$keys/libraries.pem"}],
 "default": {"grant": "none"}}
JSON

rounds=0 record=audit
# The events of each program in a file of their own: the kernel keeps about 900 until they are read.
note_events() {
  rounds=$((rounds + 1))
  events --json >"$record.$rounds" || fail "bpfgate events"
}
often=()
for _ in $(seq 40); do often+=(kfunc=bpf_task_release); done
workload() { # WHEN
  expect_status 0 "$1: bpftool lists programs" ./bpftool prog list
  note_events
  expect_status 0 "$1: bpftool lists maps" ./bpftool map list
  note_events
  expect_output '^seen$' "$1: a one-liner of bpftrace" timeout 240 ./bpftrace -q -e 'BEGIN { printf("seen\n"); exit(); }'
  note_events
  expect_status 0 "$1: a map" ./oracle call map_create map_type=hash
  expect_status 0 "$1: a program that looks" ./oracle call prog_load program_type=kprobe helper=probe_read_kernel
  # More calls than an event has room for functions.
  expect_status 0 "$1: a program that calls a function often" ./oracle call prog_load program_type=kprobe "${often[@]}"
  expect_status 0 "$1: a program for a hook" ./oracle call prog_load program_type=lsm attach_type=lsm_mac hook=file_open
  expect_status 0 "$1: an attachment" ./oracle call link_create attach_type=xdp
  note_events
}
holds() { # NAME EXPRESSION FILE...: of the JSON in these files, as a list `o`
  if python3 -c 'import json, sys
o = [json.load(open(name)) for name in sys.argv[2:]]
sys.exit(0 if eval(sys.argv[1]) else 1)' "${@:2}"; then pass "$1"; else fail "$1: not so: $2"; fi
}

load_gate base.json
events >/dev/null
workload audit
expect_status 0 "audit: a program that is not sealed" ./unsealed call map_create map_type=hash
note_events
lost=$(bpfgate gate status | grep -o 'events lost[: ]*[0-9]*' | grep -o '[0-9]*$')
[ "${lost:-0}" = 0 ] || fail "$lost events are lost, and what they told with them"

# --- The draft.
recorded=()
for ((i = 1; i <= rounds; i++)); do recorded+=(--events "audit.$i"); done
bpfgate learn "${recorded[@]}" --manifest base.json -o draft.json >learned 2>remarks || fail "bpfgate learn: $(cat remarks)"
cat learned remarks
grep -q "^bpfgate: $work/unsealed: not sealed with fs-verity" remarks && pass "it says what is not sealed" || fail "not said: unsealed"
expect_output 'draft.json: test, sequence 2, mode audit' "the draft is a manifest" bpfgate manifest check draft.json
holds "each program is listed by its digest" \
  'sorted(d["note"].split("/")[-1] for d in o[0]["digests"]) == ["bpftool", "bpftrace", "oracle"]' draft.json
holds "a grant has what was seen, and nothing else" 'o[0]["grants"]["oracle"] == {
  "commands": ["map_create", "prog_load", "link_create"], "program_types": ["kprobe", "lsm"], "map_types": ["hash"],
  "attach_types": ["lsm_mac", "xdp"], "helpers": {"allow": ["probe_read_kernel"], "allow_kfuncs": ["bpf_task_release"]}}' draft.json
[ "$(bpfgate digest oracle | cut -d' ' -f1)" = "$(fsverity measure oracle | cut -d' ' -f1)" ] || fail "oracle is sealed otherwise"
grep -q "$(fsverity measure oracle | cut -d' ' -f1)" draft.json && pass "the digest is the kernel's" || fail "another digest"

# --- The same under it.
sed 's/"mode": "audit"/"mode": "enforce"/' draft.json >enforce.json
update_gate enforce.json
events >/dev/null
rounds=0 record=enforce
workload enforce
# The gate's own objects stay out of reach, and bpftool meets them in every list.
# shellcheck disable=SC2046 # file names without spaces
holds "nothing that was recorded is refused" \
  '[e for f in o for e in f["events"] if e["kind"] != "would-refuse" and not e["reason"].startswith("guarded-")] == []' \
  $(seq -f 'enforce.%g' 1 $rounds)
grep -h '"message"' enforce.*

expect_status 1 "a map type that was not recorded is refused" ./oracle call map_create map_type=array
expect_status 1 "a program type that was not recorded is refused" ./oracle call prog_load program_type=socket_filter
expect_status 1 "an attach type that was not recorded is refused" ./oracle call link_create attach_type=cgroup_device
expect_status 1 "a helper that only looks, and was not recorded, is refused" \
  ./oracle call prog_load program_type=kprobe helper=get_current_comm
expect_status 1 "a helper that writes is refused" ./oracle call prog_load program_type=kprobe helper=probe_write_user
expect_status 1 "a command that was not recorded is refused" ./oracle call btf_load
expect_status 1 "what is not sealed is refused" ./unsealed call map_create map_type=hash

# --- What was refused can be added, and nothing is left to learn from what was not.
events --json >more.json
bpfgate learn --events more.json --manifest enforce.json -o next.json >learned 2>remarks || fail "bpfgate learn: $(cat remarks)"
cat learned remarks
holds "more is added to what the base grants" \
  'o[0]["grants"]["oracle"] == o[1]["grants"]["oracle"] and o[0]["grants"]["oracle-2"]["map_types"] == ["array"]' next.json draft.json
bpfgate learn "${recorded[@]}" --manifest enforce.json -o same.json >learned 2>/dev/null || fail "bpfgate learn once more"
holds "what is granted already is learned no more" 'o[0]["grants"] == o[1]["grants"]' same.json draft.json
finish
