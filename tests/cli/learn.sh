#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# From what events --json prints to a manifest that manifest check takes. Here no file is sealed: tests/vm/gate/learn.sh has those.
. "$(dirname "$0")/lib.sh"

# event EXECUTABLE COMMAND [TIME]
event() {
  printf '{"time": "%s", "kind": "would-refuse", "pid": 7, "tgid": 7, "uid": 0, "comm": "it", "executable": "%s",
    "command": "%s", "program_type": null, "map_type": null, "attach_type": null, "target": null, "helpers": [],
    "kfuncs": [], "kfunc_count": 0, "denied": null, "message": "m", "verdict": "no-evidence", "reason": "not-sealed",
    "rule": "", "pre_existing": false, "generation": 1}' "${3:-2026-03-01T12:00:00.000000Z}" "$1" "$2"
}
object() { # EVENT...
  local IFS=,
  printf '{\n  "bpfgate": 1,\n  "command": "events",\n  "events": [%s]\n}\n' "$*"
}
line() { printf '{"bpfgate": 1, "command": "events", "event": %s}' "$1" | tr -d '\n'; echo; }

echo content >open
object "$(event "$PWD/open" btf_load)" "$(event "$PWD/gone" btf_load)" "$(event "$PWD/open" btf_load)" >object.json
expect 0 bpfgate learn --events object.json -o draft.json
out_is draft.json
err "bpfgate: $PWD/open: not sealed with fs-verity"
err "bpfgate: $PWD/gone: no longer there under this name"
err '  sign and seal it'
[ "$(grep -c '^bpfgate: ' .err)" = 2 ] || fail "a remark is made twice"
expect 0 bpfgate manifest check draft.json
out 'draft.json: learned, sequence 1, mode audit'

# As events --follow --json prints it, on standard input, with blank lines; and several sources at once.
{ line "$(event "$PWD/open" btf_load)"; echo; line "$(event "/usr/bin/env" "command 61")"; } >lines.json
expect 0 bpfgate learn --name mine --events - --events object.json -o draft.json --json <lines.json
json 'o["bpfgate"] == 1 and o["command"] == "learn" and o["draft"] == "draft.json" and o["learned"] == []'
json 'any("command 61" in r["message"] for r in o["remarks"]) and len(o["remarks"]) == 3'
expect 0 bpfgate manifest check draft.json
out 'draft.json: mine, sequence 1, mode audit'

# Older events are left out.
object "$(event /old btf_load 2026-01-01T00:00:00Z)" "$(event /new btf_load 2026-03-01T00:00:00Z)" >object.json
expect 0 bpfgate learn --since 2026-02-01T00:00:00Z --events object.json -o draft.json
err '/new: no longer there'
! grep -q /old .err || fail "an old event is not left out"
expect 0 bpfgate learn --since -1s --events object.json -o draft.json
err 'there are no events to learn from'

# What is no regular file is not replaced by one.
ln -s draft.json link
expect 1 bpfgate learn --events object.json -o link
err 'link is no regular file, but a symbolic link'
[ -L link ] || fail "the link is replaced"
rm link

# Nothing was refused.
object >empty.json
: >empty
for file in empty.json empty; do
  expect 0 bpfgate learn --events $file -o draft.json
  err 'there are no events to learn from'
  expect 0 bpfgate manifest check draft.json
done

# What a file is called acts on no terminal.
object "$(event '/tmp/\u001b[31mred' btf_load)" >object.json
expect 0 bpfgate learn --events object.json -o draft.json
err '/tmp/\x1b[31mred: no longer there'

# A base is kept.
signer loaders
mkdir -p base
mv loaders.pem base/
cat >base/policy.json <<'JSON'
{"bpfgate": 1, "name": "hosts", "sequence": 7, "mode": "enforce",
 "signers": [{"name": "loaders", "role": "loader", "certificate": "loaders.pem", "grant": "maps"}],
 "grants": {"maps": {"commands": ["map_create"], "when": {"uids": [0]}}}, "default": {"grant": "inspect"}}
JSON
object "$(event "$PWD/open" prog_get_next_id)" >object.json
expect 0 bpfgate learn --manifest base/policy.json --events object.json -o draft.json
no_err
expect 0 bpfgate manifest check draft.json
out 'draft.json: hosts, sequence 8, mode audit'
bpfgate manifest show base/policy.json | sed 's/"enforce"/"audit"/; s/"sequence":7/"sequence":8/' >want
bpfgate manifest show draft.json | cmp - want || fail "the base is not kept"

# Bad input: one error, with its place, and no draft.
rm draft.json
printf '{"bpfgate": 1,\n\n oops}\n' >bad
expect 1 bpfgate learn --events bad -o draft.json
[ "$(head -1 .err)" = 'bpfgate: bad:3: not JSON' ] || fail "the place is not said"
{ line "$(event /a btf_load)"; echo '{"bpfgate": 1, "command": "events", "event": {}}'; } >bad
expect 1 bpfgate learn --events bad -o draft.json
err 'bpfgate: bad:2: /event: time must be a string'
object "$(event /a btf_load | sed 's/"helpers": \[\]/"helpers": "all"/')" >bad
expect 1 bpfgate learn --events bad -o draft.json
err 'bpfgate: bad: /events/0: helpers must be a list of strings'
expect 1 bpfgate learn --events missing -o draft.json
err 'missing: No such file or directory'
expect 1 bpfgate learn --name 'no name' --events empty -o draft.json
expect 1 bpfgate learn --manifest missing --events empty -o draft.json
expect 2 bpfgate learn -o draft.json
err 'give --journal, --events FILE, or both'
expect 2 bpfgate learn --events empty
expect 2 bpfgate learn --since yesterday --events empty -o draft.json
err '"yesterday" is no time'
[ ! -e draft.json ] || fail "there is a draft"
