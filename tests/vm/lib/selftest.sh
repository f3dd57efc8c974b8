#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests tests/vm/run itself: its contract, and that the guest is what the other tests take it for.
# Usage: selftest.sh [KERNEL]...
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
run=$here/../run
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# script: the guest's script, from stdin; prints its path.
script() {
  cat >"$work/script"
  chmod +x "$work/script"
  echo "$work/script"
}

# expect WHAT STATUS OUTPUT ARG...: runs `run ARG...`; OUTPUT is a pattern for all of stdout, stderr is kept in $work/stderr.
expect() {
  local what=$1 status=$2 output=$3 got=0
  shift 3
  "$run" --kernel "$kernel" "$@" >"$work/stdout" 2>"$work/stderr" || got=$?
  # shellcheck disable=SC2053 # a pattern on purpose
  if [ "$got" = "$status" ] && [[ $(cat "$work/stdout") == $output ]]; then
    echo "ok: $kernel: $what"
  else
    echo "FAILED: $kernel: $what: status $got instead of $status, or output not as expected:"
    cat "$work/stdout" "$work/stderr"
    failures=$((failures + 1))
  fi
}

# expect_console WHAT TEXT: the last run printed the console log on stderr, with TEXT in it.
expect_console() {
  grep -qF "$2" "$work/stderr" && return
  echo "FAILED: $kernel: $1: no '$2' on stderr:"
  cat "$work/stderr"
  failures=$((failures + 1))
}

if [ $# -eq 0 ]; then mapfile -t kernels < <("$run" --list | cut -f1); else kernels=("$@"); fi
for kernel in "${kernels[@]}"; do
  mkdir -p "$work/tree/deep"
  echo inside >"$work/tree/deep/file"
  chmod 640 "$work/tree/deep/file"
  ln -sfn deep "$work/tree/link"

  # Everything that leaves the guest in one piece, in one guest.
  guest=$(
    script <<'EOF'
#!/bin/bash
# Says nothing but what failed.
check() {
  local what=$1
  shift
  "$@" >/tmp/check 2>&1 || { echo "not so: $what"; cat /tmp/check; }
}
check "arguments arrive" [ "$# $1 $2" = '2 a  b $x' ]
check "root" [ "$(id -u)" = 0 ]
check "bpf is a security module" grep -qw bpf /sys/kernel/security/lsm
check "no network but lo" [ "$(ls /sys/class/net)" = lo ]
check "lo is up" [ $(($(cat /sys/class/net/lo/flags) & 1)) = 1 ]
check "copied file" grep -qx inside /opt/bpfgate/tree/deep/file
check "mode" [ "$(stat -c %a:%U /opt/bpfgate/tree/deep/file)" = 640:root ]
check "link" [ "$(readlink /opt/bpfgate/tree/link)" = deep ]
check "copied elsewhere" grep -qx inside /srv/other
check "copied into /usr/lib by the link" grep -qx inside /usr/lib/bpfgate-test/file
check "/lib is still a link" [ -L /lib ]
check "/tmp has its mode" [ "$(stat -c %a /tmp)" = 1777 ]
for dir in /sys/fs/bpf /sys/kernel/security /sys/kernel/tracing /sys/kernel/debug /sys/fs/cgroup /dev/pts /dev/shm; do
  check "$dir is mounted" mountpoint -q $dir
done

cp /bin/true "$VERITY_DIR/sealed"
check "fs-verity" fsverity enable "$VERITY_DIR/sealed"
check "fs-verity measures" fsverity measure "$VERITY_DIR/sealed"
check "a sealed program runs" "$VERITY_DIR/sealed"
check "xattr" setfattr -n user.bpf_prog_sig -v 0x00 "$VERITY_DIR/sealed"
head -c 1M /dev/urandom >/tmp/data
root_hash=$(veritysetup format /tmp/data /tmp/hashes | sed -n 's/^Root hash:[[:space:]]*//p')
check "dm-verity" veritysetup open /tmp/data volume /tmp/hashes "$root_hash"
check "dm-verity verifies" cmp /tmp/data /dev/mapper/volume
check "modules" modprobe overlay

check "bpftool" bpftool prog list
check "bpftrace" [ "$(bpftrace -e 'BEGIN { printf("hi\n"); exit(); }' | grep -c '^hi$')" = 1 ]
check "session keyring" keyctl add user selftest value @s
check "not the user's session keyring" [ "$(keyctl rdescribe @s | cut -d';' -f5)" = _ses ]
check "python" python3 -c 'import json'
check "openssl" openssl version
echo to stderr >/dev/stderr
sleep 1000 &
exit 42
EOF
  )
  # shellcheck disable=SC2016 # arrives as it is
  expect "status, output and a complete guest" 42 "to stderr" --copy "$work/tree" --copy "$work/tree/deep/file:/srv/other" \
    --copy "$work/tree/deep/file:/lib/bpfgate-test/" "$guest" 'a  b' '$x'

  expect "a signal's status" 143 "" "$(script <<<$'#!/bin/sh\nkill $$')"
  expect "a script that isn't one" 127 "*" "$(script <<<$'#!/no/such/interpreter')"
  expect "a kernel panic" 125 "before" "$(script <<<$'#!/bin/sh\necho before; echo c >/proc/sysrq-trigger; echo after')"
  expect_console "a kernel panic" "Kernel panic"
  expect "a hang" 124 "before" --timeout 20 "$(script <<<$'#!/bin/sh\necho before; exec sleep 1000')"
  expect_console "a hang" "Linux version"
  expect "no result" 125 "" "$(script <<<$'#!/bin/sh\necho o >/proc/sysrq-trigger; exec sleep 1000')"
  complain=$(script <<<$'#!/bin/sh\necho "WARNING: CPU: 0 PID: 1 at selftest" >/dev/kmsg')
  expect "a kernel warning" 125 "" "$complain"
  expect_console "a kernel warning" "at selftest"
  expect "a kernel warning to ignore" 0 "" --ignore-warnings "$complain"

  slow=$(script <<<$'#!/bin/sh\nsleep 5; echo finished')
  cp "$slow" "$work/other"
  "$run" --kernel "$kernel" "$work/other" >"$work/parallel" &
  expect "two at a time" 0 finished "$slow"
  if wait $! && [ "$(cat "$work/parallel")" = finished ]; then
    echo "ok: $kernel: the other of two"
  else
    echo "FAILED: $kernel: the other of two"
    failures=$((failures + 1))
  fi
done

if [ "$failures" -gt 0 ]; then
  echo "$failures failed"
  exit 1
fi
