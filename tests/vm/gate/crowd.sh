#!/bin/bash
# SPDX-License-Identifier: MIT
# Many at once, and too few signature buffers: nobody is marked wrongly, and nobody is refused for good.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2

make_key loaders
make_key libraries
use_signed_bpfgate
signed_copy "$witness" loader
for i in $(seq 64); do
  cp "$witness" "loader-$i" # files of their own: every one must be verified
done
sign_as loaders loader loader-*
seal loader-*
cp "$witness" unsigned
write_manifest enforce.json enforce 1

# start_all MARKED_STATUS UNMARKED_STATUS NAME: 64 signed programs and 64 unsigned ones at once.
start_all() {
  local i pids=() wrong=0 status
  for i in $(seq 64); do
    "./loader-$i" call 2>/dev/null & pids+=("$! $1")
    ./unsigned call 2>/dev/null & pids+=("$! $2")
  done
  for i in "${pids[@]}"; do
    wait "${i% *}"
    status=$?
    [ $status = "${i#* }" ] || wrong=$((wrong + 1))
  done
  if [ $wrong = 0 ]; then pass "$3"; else fail "$3: $wrong wrong answers"; fi
}
counter() { bpfgate gate status --json | python3 -c "import json, sys; print(json.load(sys.stdin)['counters']['$1'])"; }

start_all 0 0 "64 and 64 at once, without the gate"
load_gate enforce.json
start_all 0 1 "64 and 64 at once"
bpfgate gate unload

# One buffer for all: they wait for each other.
load_gate enforce.json --scratch-slots 1
start_all 0 1 "64 and 64 at once, one buffer"
[ "$(counter scratch_exhausted)" = 0 ] && pass "nobody gave up waiting" || fail "$(counter scratch_exhausted) gave up waiting"
bpfgate gate unload

# One buffer, and nobody waits: who could not be judged at exec asks again at bpf(2), until the answer is an answer.
load_gate enforce.json --scratch-slots 1 --scratch-steps 1
persistent() { for _ in $(seq 200); do "$@" 2>/dev/null && return 0; sleep 0.05; done; return 1; }
pids=()
for i in $(seq 64); do persistent "./loader-$i" call & pids+=($!); done
refused=0
for i in $(seq 64); do ./unsigned call 2>/dev/null; [ $? = 1 ] || refused=$((refused + 1)); done
wrong=0
for pid in "${pids[@]}"; do wait "$pid" || wrong=$((wrong + 1)); done
[ $wrong = 0 ] && pass "nobody is refused for good" || fail "$wrong signed programs were refused for good"
[ $refused = 0 ] && pass "nobody is let in by mistake" || fail "$refused unsigned programs were let in"
bpfgate gate unload
finish
