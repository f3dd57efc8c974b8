#!/bin/bash
# SPDX-License-Identifier: MIT
# A minute of 1,000 processes at a time, signed and unsigned, while the policy is replaced every second.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2

make_key loaders
make_key libraries
use_signed_bpfgate
explain_each_status
signed_copy "$witness" loader
cp "$witness" unsigned
ulimit -u unlimited
sequence() { bpfgate gate status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["policy"]["sequence"])'; }

write_manifest policy-1.json enforce 1
load_gate policy-1.json
./unsigned storm 60 1000 ./loader ./unsigned >storm.txt 2>&1 & storm=$!
updates=0
while kill -0 $storm 2>/dev/null && [ $SECONDS -lt 400 ]; do
  sequence=$((updates + 2))
  write_manifest "policy-$sequence.json" enforce $sequence
  bpfgate gate update --manifest "policy-$sequence.json" 2>update.txt || fail "update $sequence: $(cat update.txt)"
  updates=$((updates + 1))
  sleep 1
done
wait $storm
status=$?
[ $status = 0 ] && pass "no wrong answer: $(cat storm.txt)" || fail "storm: status $status: $(cat storm.txt)"
processes=$(sed -n 's/^\([0-9]*\) processes.*/\1/p' storm.txt)
[ "${processes:-0}" -ge 1000 ] && pass "there were at least 1,000" || fail "only ${processes:-0} processes"
[ $updates -ge 3 ] && pass "$updates updates" || fail "only $updates updates"
[ "$(sequence)" = $((updates + 1)) ] && pass "no update was lost" || fail "sequence $(sequence) after $updates updates"
expect_status 1 "an unsigned program is refused" ./unsigned call
expect_status 0 "a loader is allowed" ./loader call
finish
