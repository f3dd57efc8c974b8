#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# status and doctor where no gate is loaded, and what doctor says of a policy: whom it would lock out, and what weakens it.
. "$(dirname "$0")/lib.sh"

expect 1 bpfgate status --pin-directory "$here/none"
out 'gate      not loaded'
grep -q '^kernel    decisions on bpf(2)  *\(yes\|no: lacks \)' .out || fail "it does not say what the kernel can do"
expect 1 bpfgate status --pin-directory "$here/none" --json
json 'o["bpfgate"] == 1 and o["command"] == "status" and o["loaded"] is False'
json '[k["name"] for k in o["kernel"]][1:4] == ["fs-verity digests", "signatures", "IMA digests"]'
json 'all(k["available"] == (k["lacks"] == "") for k in o["kernel"])'
expect 2 bpfgate status --nonsense

# finds WHAT HEALTH STATE: of the last doctor. Its own exit status depends on the host.
doctor() {
  local status=0
  bpfgate doctor --json "$@" >.out 2>.err || status=$?
  [[ $status = [013] ]] || fail "exit status $status: doctor $*" 1
}
finds() { json "any(f['what'] == '$1' and f['health'] == '$2' and f['state'].startswith('$3') and (f['health'] == 'good') == (f['remedy'] == '') for f in o['findings'])"; }
policy() { # MORE
  echo "{\"bpfgate\": 1, \"name\": \"hosts\", \"sequence\": 1, \"mode\": \"audit\" $1}"
}
policy ', "default": {"grant": "inspect"}' >good.json
doctor --manifest good.json
finds 'default grant' good inspect
finds 'IMA evidence' good 'does not count'
finds 'grants with a JIT' good none
# Without privileges nobody can tell whom, which is weak too.
finds lock-out weak ''
policy ', "default": {"grant": ["inspect", "full"]}, "evidence": {"ima": true}, "grants": {"quick": {"commands": "any", "jit": true}}' >weak.json
doctor --manifest weak.json
finds 'default grant' weak 'full, inspect'
finds 'IMA evidence' weak counts
finds 'grants with a JIT' weak quick
# The program under test is not sealed: nobody could manage the gate any more.
finds lock-out weak 'this program '
doctor --manifest missing.json
finds policy weak 'missing.json: '

# The host's own policy is looked at where none is named.
mkdir -p root/etc/bpfgate
doctor --root root
finds policy weak 'this host has no policy'
cp weak.json root/etc/bpfgate/manifest.json
doctor --root root
finds 'grants with a JIT' weak quick
expect 2 bpfgate doctor --manifest ''
expect 2 bpfgate doctor --manifest good.json --root root
