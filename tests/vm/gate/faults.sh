#!/bin/bash
# SPDX-License-Identifier: MIT
# What goes wrong ends in refusal, and the policy in force is a whole one: no memory, full maps, nobody who reads events,
# updates killed at any moment.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2

make_key loaders
make_key libraries
use_signed_bpfgate
signed_copy "$witness" loader
cp "$witness" unsigned
write_manifest a.json enforce 1
write_manifest b.json enforce 2 full none
sed -i 's/"name": "test"/"name": "other"/' b.json
field() { bpfgate gate status --json | python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
still_decides() { # NAME
  expect_status 1 "$1: an unsigned program is refused" ./unsigned call
  expect_status 0 "$1: a loader is allowed" ./loader call
}

# --- No memory for the storage of a process: maps are charged to the cgroup of whoever loaded the gate.
group=/sys/fs/cgroup/gate
echo +memory >/sys/fs/cgroup/cgroup.subtree_control || die "no memory controller"
mkdir $group || die "mkdir $group"
(echo $BASHPID >$group/cgroup.procs && load_gate a.json) || die "load in a cgroup"
still_decides "enough memory"
echo 0 >$group/memory.max
# From here on every exec of this script itself may fail, so these are shell built-ins. All stay until there is a file "go":
# what one gives back the next one would get.
attempts=100 loaders=() others=() failed=0 wrong=0
for ((i = 0; i < attempts; i++)); do
  ./loader wait go 2>/dev/null & loaders+=($!)
  ./unsigned wait go 2>/dev/null & others+=($!)
done
: >go
for pid in "${loaders[@]}"; do
  wait "$pid"
  case $? in
    0) ;;
    126) failed=$((failed + 1)) ;;
    *) wrong=$((wrong + 1)) ;;
  esac
done
for pid in "${others[@]}"; do
  wait "$pid"
  [ $? != 0 ] || wrong=$((wrong + 1))
done
echo max >$group/memory.max
[ $failed -gt 0 ] && pass "no memory: $failed of $attempts loaders could not be started" || fail "the limit had no effect"
[ $wrong = 0 ] && pass "no memory: those that could had the right answer" || fail "no memory: $wrong wrong answers"
still_decides "memory again"
bpfgate gate unload || die "unload"

# --- Nobody reads the events: what does not fit is counted, and decides nothing.
load_gate a.json
expect_status 1 "2,000 refusals in a row" ./unsigned call-often 2000
[ "$(field '["counters"]["lost_events"]')" -gt 0 ] && pass "events were lost, and counted" || fail "no event was lost"
still_decides "a full ring buffer"
bpfgate events >/dev/null

# --- Very many digests, twice (scale.sh has as many as fit): both policies are in one map while one replaces the other.
python3 - "$(bpfgate digest loader | cut -d' ' -f1)" <<'PYTHON'
import json, sys

for name, sequence in (("full-1", 3), ("full-2", 4)):
    policy = json.load(open("a.json"))
    policy["sequence"] = sequence
    policy["digests"] = [{"kind": "fsverity", "digest": "sha256:%064x" % (sequence << 32 | n), "grant": "none"} for n in range(65535)]
    policy["digests"].append({"kind": "fsverity", "digest": sys.argv[1], "grant": "full"})
    json.dump(policy, open(name + ".json", "w"))
PYTHON
expect_status 0 "65,536 digests" bpfgate gate update --manifest full-1.json
still_decides "65,536 digests"
expect_status 0 "65,536 others" bpfgate gate update --manifest full-2.json
still_decides "65,536 others"
[ "$(field '["policy"]["digests"]')" = 65536 ] && pass "every one is there" || fail "$(field '["policy"]["digests"]') digests"
expect_status 0 "and none again" bpfgate gate update --manifest a.json

# was_killed STATUS: counts. One that had ended takes less than was thought: other guests are no longer in its way.
was_killed() {
  if [ "$1" = 137 ]; then kills=$((kills + 1)); else late=$((late + 1)) takes=$((takes * 49 / 50)); fi
}

sleep_up_to() { # MICROSECONDS
  local delay=$(((RANDOM << 15 | RANDOM) % $1))
  sleep "$((delay / 1000000)).$(printf %06d $((delay % 1000000)))"
}

# --- Updates killed at any moment. Whichever policy is in force then is whole: name and hash belong together.
bpfgate gate update --manifest b.json 2>/dev/null || die "update b"
hash_b=$(field '["policy"]["hash"]')
start=${EPOCHREALTIME/./}
bpfgate gate update --manifest a.json 2>/dev/null || die "update a"
takes=$((${EPOCHREALTIME/./} - start)) # microseconds
hash_a=$(field '["policy"]["hash"]')
kills=0 broken=0 late=0
while [ $kills -lt 200 ] && [ $late -lt 200 ]; do
  manifest=$([ $((kills % 2)) = 0 ] && echo b.json || echo a.json)
  bpfgate gate update --manifest $manifest 2>/dev/null &
  sleep_up_to $takes
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null
  was_killed $?
  if [ $((kills % 10)) = 0 ]; then
    status=$(bpfgate gate status --json)
    [[ $status = *'"name": "test"'*"$hash_a"* || $status = *'"name": "other"'*"$hash_b"* ]] || broken=$((broken + 1))
  fi
  ./unsigned call 2>/dev/null
  [ $? = 1 ] || broken=$((broken + 1))
  ./loader call 2>/dev/null || broken=$((broken + 1))
done
echo "an update takes at least $((takes / 1000)) ms here"
[ $kills = 200 ] && pass "$kills updates killed, and $late had ended before" || fail "only $kills updates killed, $late had ended before"
[ $broken = 0 ] && pass "a whole policy after each" || fail "$broken times something was wrong"
expect_status 0 "the next update is good" bpfgate gate update --manifest b.json
[ "$(field '["policy"]["hash"]')" = "$hash_b" ] && pass "and in force" || fail "another policy is in force"
still_decides "after all that"

# --- Loads killed at any moment: what they leave behind is no obstacle.
bpfgate gate unload || die "unload"
start=${EPOCHREALTIME/./}
bpfgate gate load --manifest a.json 2>/dev/null || die "load a"
takes=$((${EPOCHREALTIME/./} - start))
bpfgate gate unload || die "unload"
kills=0 late=0
while [ $kills -lt 10 ] && [ $late -lt 30 ]; do
  bpfgate gate load --manifest a.json 2>/dev/null &
  sleep_up_to $takes
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null
  was_killed $?
  bpfgate gate unload 2>unload.txt || fail "unload after a killed load: $(cat unload.txt)"
done
echo "a load takes at least $((takes / 1000)) ms here"
[ $kills = 10 ] && pass "$kills loads killed, and $late had ended before" || fail "only $kills loads killed, $late had ended before"
expect_status 0 "the next load is good" bpfgate gate load --manifest a.json
still_decides "loaded after killed loads"
finish
