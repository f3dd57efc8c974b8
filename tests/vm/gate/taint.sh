#!/bin/bash
# SPDX-License-Identifier: MIT
# A mark follows the code: who inherits it, and what takes it away. Each attack stands beside a control.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
preload=$(command -v preload.so)
cd "$work" || exit 2

make_key loaders
make_key libraries
use_signed_bpfgate
explain_each_status
signed_copy "$witness" loader
cp "$witness" unsigned
cp "$(command -v intruder)" intruder
cp "$preload" unsigned.so
cp "$preload" signed.so
sign_as libraries library signed.so
seal signed.so
cp "$preload" sealed.so
seal sealed.so
linker=$(libraries_of loader | grep ld-linux)
[ -n "$linker" ] || die "no dynamic linker"
write_manifest manifest.json enforce 1

# preloaded COMMAND...: also breaks when the library was loaded.
preloaded() {
  rm -f /tmp/preloaded
  "$@"
  local status=$?
  [ ! -e /tmp/preloaded ] || echo "the library was loaded"
  return "$status"
}
from_file() { preloaded env LD_PRELOAD="$1" ./loader call; }
with_audit() { env LD_AUDIT="$1" ./loader call; }
with_library_path() { env LD_LIBRARY_PATH=. ./loader call; }
# /etc/ld.so.preload is obeyed even by programs started with AT_SECURE.
with_ld_so_preload() {
  echo "$work/$1" >/etc/ld.so.preload
  ./loader call
  local status=$?
  rm -f /etc/ld.so.preload
  return "$status"
}

check "child by fork" allowed ./loader fork
check "child by fork of an unmarked process" denied ./unsigned fork
check "thread" allowed ./loader thread
check "thread of an unmarked process" denied ./unsigned thread
check "exec of a loader by a loader" allowed ./loader exec "$work/loader" call
check "exec of an unsigned program by a loader" denied ./loader exec "$work/unsigned" call
check "exec of a loader by an unsigned program" allowed ./unsigned exec "$work/loader" call
check "exec by a thread that is not the leader, of a loader" allowed ./unsigned exec-in-thread "$work/loader" call
check "exec by a thread that is not the leader, of an unsigned program" denied ./loader exec-in-thread "$work/unsigned" call
check "posix_spawn of a loader" allowed ./loader spawn "$work/loader" call
check "posix_spawn of an unsigned program" denied ./loader spawn "$work/unsigned" call
check "the loader goes on after a vfork child" allowed ./loader vfork-parent
check "child that shares the loader's memory" denied ./loader vfork-child
check "maps a signed library as code" allowed ./loader map-file signed.so
check "maps an unsigned library as code" denied ./loader map-file unsigned.so
check "maps a sealed, unsigned library as code" denied ./loader map-file sealed.so
check "maps an unsigned library as data" allowed ./loader map-file-as-data unsigned.so
check "maps a loader as code" allowed ./loader map-file loader
check "maps a signed library writable and as code" denied ./loader map-file-writable signed.so
check "a thread maps a signed library as code" allowed ./loader thread-maps-file signed.so
check "a thread maps an unsigned library as code" denied ./loader thread-maps-file unsigned.so
check "a vfork child maps a signed library as code" allowed ./loader vfork-child-maps-file signed.so
check "a vfork child maps an unsigned library as code" denied ./loader vfork-child-maps-file unsigned.so
check "anonymous memory as code" denied ./loader map-anonymous
check "anonymous memory as data" allowed ./loader map-anonymous-as-data
check "a memfd as code" denied ./loader map-memfd
check "a thread maps anonymous memory as code" denied ./loader thread-maps-anonymous
check "System V shared memory as code" denied ./loader shared-memory-as-code
check "reading implies executing" denied ./loader read-implies-exec
check "exec with reading implying executing" allowed ./unsigned exec-with-read-implies-exec "$work/loader" call
check "pages of a signed library written, then made executable" denied ./loader write-then-execute-copy signed.so
check "memory made writable and executable at once" denied ./loader make-writable-and-executable
check "told the kernel of another executable" denied ./loader forge-executable "$work/loader"
check "executed by descriptor" allowed ./unsigned exec-by-descriptor "$work/loader" call
check "a copy of the loader in a memfd" denied ./unsigned exec-memfd "$work/loader" call
check "written memory made executable" denied ./loader make-executable
check "executable memory made writable" denied ./loader make-writable signed.so
check "left alone by its parent" allowed ./intruder watch "$work/loader"
check "memory map read from outside" allowed ./intruder read-maps "$work/loader"
check "attached to by a debugger" denied ./intruder ptrace-attach "$work/loader"
check "seized by a debugger" denied ./intruder ptrace-seize "$work/loader"
check "its /proc/PID/mem opened" denied ./intruder write-memory-file "$work/loader"
check "written to by process_vm_writev" denied ./intruder write-memory "$work/loader"
check "its descriptors taken by pidfd_getfd" denied ./intruder pidfd-getfd "$work/loader"
check "asks to be traced" denied ./loader traceme
check "traced since before its exec" denied ./intruder exec-traced "$work/loader" call
check "LD_PRELOAD of an unsigned library is ignored" allowed from_file "$work/unsigned.so"
check "LD_AUDIT of an unsigned library is ignored" allowed with_audit "$work/unsigned.so"
check "LD_LIBRARY_PATH is ignored" allowed with_library_path
check "/etc/ld.so.preload names a signed library" allowed with_ld_so_preload signed.so
check "/etc/ld.so.preload names an unsigned library" denied with_ld_so_preload unsigned.so
check "dynamic linker run on the loader" denied "$linker" "$work/loader" call
check "dynamic linker run on an unsigned program" denied "$linker" "$work/unsigned" call

run_checks baseline
[ -e /tmp/preloaded ] || fail "baseline: the library was never loaded, so LD_PRELOAD proves nothing"
rm -f go
./loader wait go & old_loader=$!
./unsigned wait go & old_unsigned=$!
load_gate manifest.json
run_checks gate
rm -f /tmp/preloaded
from_file "$work/unsigned.so"
if [ -e /tmp/preloaded ]; then fail "LD_PRELOAD was obeyed"; else pass "LD_PRELOAD was ignored"; fi

# What explain says of running processes, beside what bpf(2) has told them.
start proven 0 ./loader ask-and-wait
start with-library 0 ./loader map-file-and-wait signed.so
start tainted 1 ./loader map-file-and-wait unsigned.so
start unproven 1 ./unsigned ask-and-wait
explain_process 0 "a loader older than the gate, which has not asked" "$old_loader"
explain_process 1 "an unsigned program older than the gate, which has not asked" "$old_unsigned"
expect_output 'mark .*lost: taint-file' "explain says what cost the tainted one its mark" \
  bpfgate explain --manifest manifest.json "${started[tainted]}"
touch go
ended proven 0 "a running loader keeps being allowed"
ended with-library 0 "a running loader with a signed library keeps being allowed"
ended tainted 1 "a running loader that was tainted stays refused"
ended unproven 1 "a running unsigned program stays refused"
wait "$old_loader" && pass "an older loader is allowed" || fail "the older loader"
wait "$old_unsigned"
[ $? = 1 ] && pass "an older unsigned program is refused" || fail "the older unsigned program"

events >events.txt || fail "events"
for reason in taint-file taint-anonymous taint-writable taint-made-executable taint-made-writable taint-traced \
  taint-exe-replaced; do
  expect_output " tainted $reason " "an event says $reason" cat events.txt
done
for reason in exec-traced shared-memory debugger; do expect_output " refused $reason " "an event says $reason" cat events.txt; done
finish
