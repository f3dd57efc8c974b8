#!/bin/bash
# SPDX-License-Identifier: MIT
# scripts/demo, inside the guest.
# shellcheck source=../vm/lib/guest.sh
. /opt/bpfgate/lib/guest.sh
cd "$work" || exit 2
bpftool=$(readlink -f "$(command -v bpftool)")
bpftrace=$(readlink -f "$(command -v bpftrace)")
total=0 good=0

headline() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# What became of the attempt. bpftrace asks first which helpers the kernel has, and takes a refusal for "it has not".
outcome() {
  case $1 in
    0) echo allowed ;;
    *) if grep -Eq 'Operation not permitted|not available for your kernel' "$work/attempt"; then echo refused; else echo "failed ($1)"; fi ;;
  esac
}

# cause REASON [ABOUT]: the gate's own words for it, in an event since it was last asked.
cause() {
  bpfgate events >"$work/events"
  awk -v reason="$1" -v about="${2:-}" '$3 == reason && index($0, " " about)' "$work/events" | tail -n 1 |
    sed 's/.* rule=[^ ]* *//; s/^pre-existing: //'
}

line() { printf '%-17s %-30s %-21s %-8s %-8s %s\n' "$@"; }

# row PROGRAM EVIDENCE COMMAND REASON RUN...: REASON is why it is refused, "" where it is not. In audit mode it is only reported.
row() {
  local program=$1 evidence=$2 command=$3 reason=$4 expected=allowed got note='' words
  shift 4
  [ -z "$reason" ] || [ "$mode" = audit ] || expected=refused
  [ -z "$reason" ] || bpfgate events >/dev/null # of those before
  "$@" >"$work/attempt" 2>&1
  got=$(outcome $?)
  if [ -n "$reason" ]; then
    # shellcheck disable=SC2086 # two words
    words=$(cause $reason)
    note=$reason
    [ -n "$words" ] || { note="no event says $reason" got="$got?"; }
    grep -qxF "    $words" "$work/why" || printf '%s: %s (evidence: %s)\n    %s\n' "$program" "$command" "$evidence" "$words" >>"$work/why"
  fi
  total=$((total + 1))
  [ "$got" = "$expected" ] && good=$((good + 1)) || note+=" <-- not as expected: $(tail -n 1 "$work/attempt")"
  line "$program" "$evidence" "$command" "$expected" "$got" "$note"
}

make_map() {
  rm -f /sys/fs/bpf/demo
  "$1" map create /sys/fs/bpf/demo type array key 4 value 4 entries 1 name demo
}
# Without libbpf's messages bpftrace does not say what errno it got.
trace() { "$1" -d libbpf -e 'interval:ms:10 { printf("it runs\n"); exit(); }'; }
# The files that a command opens, and a command that does not survive its first one.
count_opens() { "$1" -d libbpf -e 'kprobe:do_sys_openat2 { @opens = count(); }' -c /bin/true && grep -q '@opens: [1-9]' "$work/attempt"; }
send_signal() {
  "$1" --unsafe -d libbpf -e 'kprobe:do_sys_openat2 /pid == cpid/ { signal("KILL"); }' -c "/bin/cat $work/survivor" &&
    ! grep -q 'has survived' "$work/attempt"
}
# Runs it in the cgroup that the policy asks for.
as_observer() { (echo $BASHPID >/sys/fs/cgroup/observers/cgroup.procs && "$@"); }

# table audit|enforce
table() {
  mode=$1
  : >"$work/why"
  line program evidence command expected got "$([ "$mode" = audit ] && echo 'would be refused because' || echo 'refused because')"
  row bpftool "signed, sealed" "list programs" "" "$bpftool" prog list
  row "copy of bpftool" "none" "list programs" not-sealed ./unsigned-bpftool prog list
  row bpftool "signed, sealed" "make a map" "" make_map "$bpftool"
  row "copy of bpftool" "none" "make a map" not-sealed make_map ./unsigned-bpftool
  row bpftrace "signed, sealed" "run a one-liner" "" trace "$bpftrace"
  row "copy of bpftrace" "none" "run a one-liner" not-sealed trace ./unsigned-bpftrace
  row "copy of bpftool" "sealed, not signed" "list programs" no-signature ./sealed-bpftool prog list
  row "copy of bpftool" "signed, not sealed" "list programs" not-sealed ./open-bpftool prog list
  row "copy of bpftool" "sealed, signed by a stranger" "list programs" signature-untrusted ./stranger-bpftool prog list
  row "bpftool by ld.so" "linker is no loader" "list programs" not-a-loader "$linker" "$bpftool" prog list
  row "volume's bpftool" "dm-verity, named: inspect" "list programs" "" volume/bin/bpftool prog list
  row "volume's bpftool" "dm-verity, named: inspect" "make a map" command-not-granted make_map volume/bin/bpftool
  row "copy beside it" "dm-verity, not named" "list programs" not-a-loader volume/bin/another prog list
  row "observer bpftrace" "signed, sealed: read-only" "count opened files" "" as_observer count_opens ./observer-bpftrace
  row "observer bpftrace" "signed, sealed: read-only" "kill a process" "helper-not-granted send_signal" as_observer send_signal ./observer-bpftrace
  row "observer bpftrace" "same, not in its cgroup" "count opened files" condition-not-met count_opens ./observer-bpftrace
}

# policy FILE MODE SEQUENCE: and a volume with one loader, and observers with the tracing grant of manifests/debian-host.json, who
# must be root, in a cgroup.
policy() {
  write_manifest "$@"
  python3 - "$1" "$(cat volume.root)" "$(stat -c %i volume/bin/bpftool)" <<'PYTHON'
import json, sys

file, root_hash, inode = sys.argv[1:]
policy = json.load(open(file))
policy["volumes"] = [{"name": "tools", "root_hash": "sha256:" + root_hash,
                      "loaders": [{"path": "/bin/bpftool", "inode": int(inode), "grant": "inspect"}]}]
tracing = json.load(open("/opt/bpfgate/manifests/debian-host.json"))["grants"]["tracing"]
# Those that only later kernels have would be warned about.
tracing["attach_types"] = [name for name in tracing["attach_types"] if "session" not in name]
policy["grants"] = {"observe": tracing | {"when": {"uids": [0], "cgroups": ["/observers"]}}}
policy["signers"].append({"name": "observers", "role": "loader", "certificate": "keys/observers.pem", "grant": "observe"})
json.dump(policy, open(file, "w"))
PYTHON
}

headline "Keys: for loaders, for libraries, for bpfgate itself, for those who may only look"
make_key loaders
make_key libraries
make_key admins
make_key observers
make_key strangers
ls "$keys"

cp "$bpftool" unsigned-bpftool
cp "$bpftrace" unsigned-bpftrace
cp "$bpftrace" observer-bpftrace
for kind in sealed open stranger; do cp "$bpftool" "$kind-bpftool"; done
linker=$(libraries_of "$bpftool" | grep ld-linux)

headline "Sign Debian's bpftool and bpftrace, and bpfgate itself, with every library they map"
own=$(command -v bpfgate)
bpfgate sign --key "$keys/loaders.key" --cert "$keys/loaders.pem" --with-libraries --library-key "$keys/libraries.key" \
  --library-cert "$keys/libraries.pem" "$bpftool" "$bpftrace" || die "sign"
bpfgate sign --key "$keys/admins.key" --cert "$keys/admins.pem" --with-libraries --library-key "$keys/libraries.key" \
  --library-cert "$keys/libraries.pem" "$own" || die "sign bpfgate"
sign_as loaders loader open-bpftool
sign_as strangers loader stranger-bpftool
sign_as observers loader observer-bpftrace

headline "Seal them"
cp --preserve=xattr "$own" "$work/bpfgate" # the copy this guest was given is not on a file system with fs-verity
mapfile -t libraries < <(for file in "$bpftool" "$bpftrace" "$own"; do libraries_of "$file"; done | sort -u)
bpfgate seal "$bpftool" "$bpftrace" "$work/bpfgate" sealed-bpftool stranger-bpftool observer-bpftrace "${libraries[@]}" | tail -n 4
PATH=$work:$PATH
hash -r

headline "Build a dm-verity volume with two bpftools, and open it"
for module in dm_verity loop ext4; do modprobe "$module" || die "modprobe $module"; done
mkdir -p volume.d/bin volume
cp "$bpftool" volume.d/bin/bpftool
cp "$bpftool" volume.d/bin/another
mkfs.ext4 -q -b 4096 -O ^has_journal -d volume.d volume.img 8M || die mkfs.ext4
veritysetup format volume.img volume.hash --root-hash-file volume.root | grep -E 'Hash algorithm|Root hash' || die "veritysetup format"
veritysetup open volume.img volume volume.hash "$(cat volume.root)" || die "veritysetup open"
mount -o ro /dev/mapper/volume volume || die "mount"
ls -i volume/bin

mkdir -p /sys/fs/cgroup/observers
echo "it has survived" >survivor

headline "What the gate will conclude, asked offline"
bpfgate verify --cert "$keys/loaders.pem" "$bpftool" unsigned-bpftool sealed-bpftool open-bpftool stranger-bpftool

policy audit.json audit 1
policy enforce.json enforce 2

headline "Audit mode: nothing is refused"
load_gate audit.json
table audit

headline "Enforce mode"
update_gate enforce.json
table enforce
headline "Why, in the gate's words"
cat why
headline "Why the volume's bpftool and the observers' bpftrace may do anything at all"
bpfgate explain --manifest enforce.json volume/bin/bpftool
bpfgate explain --manifest enforce.json observer-bpftrace
headline "Status"
bpfgate gate status
bpfgate gate unload
echo "demo: $good of $total as expected"
[ "$good" = "$total" ]
