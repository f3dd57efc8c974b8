#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Which of recorded events are shown, and how. No gate is loaded here: tests/vm/gate has those that come from the kernel.
. "$(dirname "$0")/lib.sh"

# event KEY=VALUE...: values are JSON.
event() {
  python3 -c 'import json, sys
event = {"time": "2026-03-01T12:00:00.000000Z", "kind": "refused", "pid": 7, "tgid": 7, "uid": 0, "comm": "it",
  "executable": "/usr/bin/it", "command": "prog_load", "program_type": None, "map_type": None, "attach_type": None,
  "target": None, "helpers": [], "kfuncs": [], "kfunc_count": 0, "denied": None, "message": "m", "verdict": "no-evidence",
  "reason": "not-sealed", "rule": "none", "pre_existing": False, "generation": 1}
for argument in sys.argv[1:]:
    key, value = argument.split("=", 1)
    event[key] = json.loads(value)
print(json.dumps({"bpfgate": 1, "command": "events", "event": event}))' "$@"
}
{
  event pid=10 'time="2026-03-01T10:00:00Z"'
  event pid=11 'kind="would-refuse"' 'reason="map-type-not-granted"' 'command="map_create"' 'map_type="array"' \
    'verdict="loader"' 'rule="maps"'
  event pid=12 'kind="tainted"' 'reason="taint-file"' command=null 'rule="tracing"' 'verdict="loader"'
  event pid=13 tgid=99 uid=1000 'comm="other"' 'executable="/srv/a/b/other"' 'command="prog_test_run"' pre_existing=true
  event pid=14 'reason="helper-not-granted"' 'program_type="kprobe"' 'denied="probe_write_user"' 'rule="tracing"'
  event pid=15 'reason="guarded-map"' command=null 'executable=""' 'rule=""'
  event pid=16 'reason="debugger"' command=null 'rule="full"'
} >log

# shows PID... -- OPTION...: exactly these.
shows() {
  local want=()
  while [ "$1" != -- ]; do want+=("$1"); shift; done
  shift
  expect 0 bpfgate events --from log "$@"
  [ "$(sed -n 's/.* pid=\([0-9]*\) .*/\1/p' .out | xargs)" = "${want[*]}" ] || fail "not shown: ${want[*]}" 1
  expect 0 bpfgate events --from log --json "$@"
  json "[e['pid'] for e in o['events']] == [$(IFS=,; echo "${want[*]}")]"
}
shows 10 11 12 13 14 15 16 --
shows 11 -- --kind would-refuse
shows 11 12 -- --kind would-refuse --kind tainted
shows 10 13 -- --reason not-sealed
shows 10 14 -- --command prog_load
shows 10 11 14 -- --command prog_load --command map_create
shows 13 -- --command prog_test_run
shows 13 -- --command prog_run
shows 12 -- --process 12
shows 13 -- --process 13
shows 13 -- --process 99
shows -- --process 1
shows 13 -- --uid 1000
shows 13 -- --comm 'o*r'
shows 13 -- --executable '/srv/*/other'
shows 10 11 12 14 16 -- --executable '/usr/bin/[ij]t'
shows -- --executable it
shows 15 -- --executable ''
shows 12 14 -- --rule tracing
shows 12 14 16 -- --rule 'tr*' --rule full
shows 15 -- --rule ''
shows 14 -- --rule tracing --kind refused
shows -- --rule tracing --uid 1000
shows 11 12 13 14 15 16 -- --since 2026-03-01T11:00:00Z
shows -- --since -1s

# What is printed is read again, as one object and as a line each.
bpfgate events --from log --json >again.json
expect 0 bpfgate events --from again.json --json
cmp .out again.json || fail "read again it is another"
bpfgate events --from log >once
expect 0 bpfgate events --from - <log
cmp .out once || fail "standard input is another"

# Why, and by which grant.
words() { expect 0 bpfgate events --from log --process "$1"; grep -qF -- "$2" .out || fail "not said: $2" 1; }
words 10 ' refused not-sealed prog_load pid=10 tgid=7 uid=0 comm=it exe=/usr/bin/it verdict=no-evidence rule=none: its file is not sealed'
words 10 'with fs-verity, and what everybody has, grant "none", does not allow it'
words 11 ': the map type is not granted by grant "maps"'
words 12 ': it has mapped a file without evidence as code, and loses grant "tracing"'
words 13 ' rule=none pre-existing: its file is not sealed'
words 14 ': a helper that the program calls is not granted by grant "tracing": probe_write_user'
words 15 ' exe=? verdict=no-evidence rule=: it reached for a map of the gate'
words 16 ': it wants to debug a marked process, which grant "full" does not allow'

# What a process or file is called makes no second line.
event 'comm="a\nb"' 'executable="/a\u001b[31m\nb"' 'rule="r\nr"' 'command="c\nc"' 'denied="d\u001b"' >hostile
expect 0 bpfgate events --from hostile
if [ "$(wc -l <.out)" != 1 ] || grep -q $'\x1b' .out; then fail "it acts on the terminal"; fi

# A filter that can match nothing is a mistake.
expect 2 bpfgate events --from log --kind refuse
err 'bpfgate: no kind of event is named "refuse"'
err 'did you mean "refused"? known kinds: refused, would-refuse and tainted'
expect 2 bpfgate events --from log --reason notsealed
err 'did you mean "not-sealed"?'
expect 2 bpfgate events --from log --command map_creat
err 'did you mean "map_create"?'
expect 2 bpfgate events --from log --process it
expect 2 bpfgate events --from log --uid -1
expect 2 bpfgate events --from log --since yesterday
expect 2 bpfgate events --from log --follow
expect 2 bpfgate events --from log --journal
expect 2 bpfgate events --journal --follow
expect 2 bpfgate events --from ''
expect 1 bpfgate events --from missing
err 'missing: No such file or directory'
event 'pid=-1' >bad
expect 1 bpfgate events --from bad
err 'bad:1: /event: pid must be a whole number'
