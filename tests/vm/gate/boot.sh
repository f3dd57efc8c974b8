#!/bin/bash
# SPDX-License-Identifier: MIT
# What `bpfgate gate boot` makes of the kernel's command line, in an initramfs and on the host after it. The last order is one that
# must not come back: see ../boot.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2

make_key loaders
make_key libraries
make_key policy
make_key strangers
unsigned_bpfgate=$(command -v bpfgate)
use_signed_bpfgate
signed_copy "$witness" loader
cp "$witness" unsigned
host=$work/host
mkdir -p "$host/sys"

# command_line WORDS: what the kernel was booted with, as far as anybody can read.
command_line() {
  echo "console=ttyS0 $1 quiet" >command-line
  mountpoint -q /proc/cmdline || mount --bind command-line /proc/cmdline
}
# policy ROOT MODE SEQUENCE [KEY]: in place of what was there.
policy() {
  local directory=$1/etc/bpfgate
  rm -rf "$directory"
  mkdir -p "$directory"
  cp keys/*.pem "$directory"
  write_manifest "$directory/manifest.json" "$2" "$3"
  sed -i "s|$keys/||" "$directory/manifest.json"
  [ $# -lt 4 ] || bpfgate manifest sign --host --root "$1/" --key "keys/$4.key" --cert "keys/$4.pem" >/dev/null || die "manifest sign $4"
}
# expect_gate WANTED NAME: mode, sequence and whether it is sealed.
expect_gate() {
  local found
  found=$(bpfgate gate status --json | python3 -c 'import json, sys
status = json.load(sys.stdin)
print(status["mode"], status["policy"]["sequence"], status["sealed"]) if status["loaded"] else print("none")')
  [ "$found" = "$1" ] && pass "$2: $1" || fail "$2: wanted $1, got $found: $(cat "$work/output")"
}
take_away() { # SEQUENCE
  policy "$work/off" off "$1" policy
  bpfgate gate unload --manifest "$work/off/etc/bpfgate/manifest.json" 2>"$work/output" || die "unload: $(cat "$work/output")"
}

# --- On a host without such a stage in its initramfs.
command_line ""
expect_status 1 "without a policy nothing can be loaded" bpfgate gate boot
expect_gate none "and nothing is"
policy / audit 1
expect_status 0 "an auditing policy" bpfgate gate boot
expect_gate "audit 1 False" "is loaded"
expect_status 0 "once more is no error" bpfgate gate boot
policy / audit 2
expect_status 0 "another auditing policy" bpfgate gate boot
expect_gate "audit 2 False" "replaces it"
bpfgate gate unload || die "unload"

policy / enforce 3
expect_status 0 "an enforcing policy, somebody may sign the next one" bpfgate gate boot
expect_gate "enforce 3 True" "is sealed from the first"
expect_status 1 "an unsigned program is refused" ./unsigned call
expect_status 0 "a loader is allowed" ./loader call
[ "$(cat /var/lib/bpfgate/test.sequence)" = 3 ] && pass "its number is remembered" || fail "no number is remembered"
policy / enforce 4
expect_status 1 "a newer policy that nobody has signed" bpfgate gate boot
expect_gate "enforce 3 True" "the old one stays"
policy / enforce 4 strangers
expect_status 1 "a newer one by a stranger" bpfgate gate boot
expect_gate "enforce 3 True" "the old one stays"
policy / enforce 4 policy
expect_status 0 "a newer one by whom the old one names" bpfgate gate boot
expect_gate "enforce 4 True" "it is in force"
expect_status 1 "a bpfgate that is no administrator" "$unsigned_bpfgate" gate boot
take_away 5
policy / enforce 6 policy
expect_status 1 "one that is no administrator has loaded it" "$unsigned_bpfgate" gate boot
expect_gate "enforce 6 False" "it enforces, and is not sealed"
expect_status 0 "one that is" bpfgate gate boot
expect_gate "enforce 6 True" "seals it"
take_away 7

# --- In an initramfs, with the host at $host.
# Which remembers nothing itself.
in_initramfs() { rm -rf /var/lib/bpfgate && bpfgate gate boot --host "$host"; }
policy / enforce 10
policy "$host" enforce 11
expect_status 0 "the host has a newer policy that nobody has signed" in_initramfs
expect_gate "enforce 10 True" "the initramfs's counts"
[ -e "$host/var/lib/bpfgate" ] && fail "an initramfs writes to the host" || pass "nothing is written"
take_away 11
policy "$host" enforce 11 policy
expect_status 0 "the host's newer policy is signed" "$unsigned_bpfgate" gate boot --host "$host"
expect_gate "enforce 11 True" "it counts, whoever loads it"
expect_status 1 "an unsigned program is refused" ./unsigned call
expect_status 0 "a loader is allowed" ./loader call
take_away 12
policy "$host" enforce 9 policy
expect_status 0 "the host's signed policy is older" in_initramfs
expect_gate "enforce 10 True" "the initramfs's counts"
take_away 11
# falls_back NAME: whatever there is on the host, which root writes, the initramfs's own policy can be had.
falls_back() {
  expect_status 0 "in an initramfs: $1" in_initramfs
  grep -q "the initramfs's policy counts" "$work/output" && pass "it says so" || fail "it does not say so: $(cat "$work/output")"
  expect_gate "enforce 10 True" "the initramfs's counts"
  take_away 11
}
policy "$host" enforce 11 strangers
falls_back "the host's newer policy is signed by a stranger"
policy "$host" off 13 policy
falls_back "the host has a signed order to take a gate away"
# extended SEQUENCE: a signed policy with an extension that is not there.
extended() {
  policy "$host" enforce "$1"
  sed -i "s/\"mode\"/\"extension\": {\"path\": \"gone.o\", \"digest\": \"sha256:$(printf 'a%.0s' {1..64})\"}, \"mode\"/" \
    "$host/etc/bpfgate/manifest.json"
  bpfgate manifest sign --host --root "$host/" --key keys/policy.key --cert keys/policy.pem >/dev/null || die "manifest sign"
}
extended 14
falls_back "the host's signed policy cannot be loaded"
policy "$host" enforce 11 policy
mkdir -p "$host/var/lib/bpfgate"
echo 12 >"$host/var/lib/bpfgate/test.sequence"
falls_back "the host remembers a newer one than both"
echo none >"$host/var/lib/bpfgate/test.sequence"
falls_back "what the host remembers cannot be read"

# --- What the command line says.
rm -rf "${host:?}/etc" /var/lib/bpfgate
policy / enforce 20
command_line bpfgate=off
expect_status 0 "bpfgate=off" bpfgate gate boot
expect_gate none "there is no gate"
command_line "bpfgate=off bpfgate=audit -- bpfgate=off"
expect_status 0 "the last word counts, and what is for init does not" bpfgate gate boot
expect_gate "audit 20 False" "audit in place of enforce"
bpfgate gate unload || die "unload"
command_line bpfgate=of
expect_status 0 "a misspelt word" bpfgate gate boot
expect_gate "enforce 20 True" "asks for nothing"
take_away 21
policy / audit 22
command_line bpfgate=enforce
expect_status 0 "bpfgate=enforce" bpfgate gate boot
expect_gate "enforce 22 True" "enforce in place of audit"
echo '{' >/etc/bpfgate/manifest.json
touch /etc/bpfgate/fail-closed
expect_status 1 "a policy that cannot be read, on a host that fails closed, with a gate in force" bpfgate gate boot
expect_gate "enforce 22 True" "the gate stays, and the machine"
take_away 23

# --- The choice of what happens where there is no gate.
rm /etc/bpfgate/fail-closed
command_line ""
expect_status 1 "a policy that cannot be read, on a host that fails open" bpfgate gate boot
expect_gate none "there is no gate"
expect_output "manifest.json:" "it says what is wrong" bpfgate gate boot
[ "$failures" = 0 ] || finish
# By a link of that system, which leads nowhere from here.
mkdir -p "$host/etc/bpfgate" "$host/usr/share/site" && touch "$host/usr/share/site/fail" &&
  ln -s /usr/share/site/fail "$host/etc/bpfgate/fail-closed" || die "fail-closed"
# Said before: ../boot sees to it that it does.
pass "a host that fails closed, and has no gate, comes to its end"
in_initramfs
fail "it came back"
finish
