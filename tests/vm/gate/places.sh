#!/bin/bash
# SPDX-License-Identifier: MIT
# Where a loader is run from and by what changes nothing, or is refused; and what the options of a grant change.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2

make_key loaders
make_key libraries
make_key jits
make_key debuggables
use_signed_bpfgate
explain_each_status
signed_copy "$witness" loader
cp "$witness" unsigned
cp "$(command -v intruder)" intruder
cp "$(command -v preload.so)" unsigned.so
cp "$(command -v preload.so)" signed.so
sign_as libraries library signed.so
seal signed.so
signed_copy "$witness" jit jits
signed_copy "$witness" debuggable debuggables

# policy FILE SEQUENCE JIT_OPTION
policy() {
  cat >"$1" <<JSON
{"bpfgate": 1, "name": "places", "sequence": $2, "mode": "enforce",
 "signers": [
   {"name": "admins", "role": "loader", "certificate": "keys/admins.pem", "grant": "admin"},
   {"name": "loaders", "role": "loader", "certificate": "keys/loaders.pem", "grant": "full"},
   {"name": "jits", "role": "loader", "certificate": "keys/jits.pem", "grant": "with-jit"},
   {"name": "debuggables", "role": "loader", "certificate": "keys/debuggables.pem", "grant": "with-debug"},
   {"name": "libraries", "role": "library", "certificate": "keys/libraries.pem"}],
 "grants": {"with-jit": {"commands": "any", "jit": $3}, "with-debug": {"commands": "any", "debug": true}},
 "default": {"grant": "none"}}
JSON
}
policy enforce.json 1 true
policy without-jit.json 2 false

# --- File systems and mounts.
mkdir -p upper workdir merged bound root btrfs private
modprobe overlay || die "modprobe overlay"
mount -t overlay overlay -o "lowerdir=$work,upperdir=upper,workdir=workdir" merged 2>/dev/null ||
  { mkdir lower && cp --preserve=xattr loader unsigned lower/ && seal lower/loader &&
    mount -t overlay overlay -o lowerdir=lower:bound merged; } || die "overlay"
mount --bind . bound || die "bind"
mount --rbind / root || die "rbind"
truncate -s 256M btrfs.img
mkfs.btrfs -q btrfs.img || die "mkfs.btrfs"
modprobe btrfs || die "modprobe btrfs"
mount -o loop btrfs.img btrfs || die "mount btrfs"
cp "$witness" btrfs/loader
cp "$witness" btrfs/unsigned
sign_as loaders loader btrfs/loader
seal btrfs/loader
sysctl -q kernel.unprivileged_bpf_disabled=0 || die "sysctl"

check "on overlayfs, whose layers nobody can tell apart" denied merged/loader call
check "an unsigned program on overlayfs" denied merged/unsigned call
check "on btrfs" allowed btrfs/loader call
check "an unsigned program on btrfs" denied btrfs/unsigned call
check "from a bind mount" allowed bound/loader call
check "an unsigned program from a bind mount" denied bound/unsigned call
check "in a mount namespace of its own" allowed unshare -m ./loader call
check "an unsigned program in a mount namespace of its own" denied unshare -m ./unsigned call
check "in a chroot" allowed chroot root "$work/loader" call
check "an unsigned program in a chroot" denied chroot root "$work/unsigned" call
check "in a user namespace of its own" allowed unshare -Ur ./loader load-program
check "an unsigned program in a user namespace of its own" denied unshare -Ur ./unsigned load-program
check "in a pid namespace of its own" allowed unshare -pf ./loader call
check "an unsigned program in a pid namespace of its own" denied unshare -pf ./unsigned call

# --- binfmt_misc: another program is run than the one that was named.
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc 2>/dev/null
for kind in unsigned loader; do
  printf ':%s:E::by-%s::%s/%s:\n' "$kind" "$kind" "$work" "$kind" >/proc/sys/fs/binfmt_misc/register || die "binfmt_misc"
  # C: with the credentials of the file that was named.
  printf ':%s-c:E::by-%s-c::%s/%s:C\n' "$kind" "$kind" "$work" "$kind" >/proc/sys/fs/binfmt_misc/register || die "binfmt_misc"
done
for name in by-unsigned by-unsigned-c by-loader by-loader-c; do signed_copy "$witness" "file.$name"; done
printf 'nothing\n' >plain.by-loader
chmod +x plain.by-loader
interpreted() { WITNESS_VERB=call "$@"; }
check "a loader that an unsigned interpreter is registered for" denied interpreted ./file.by-unsigned
check "the same with the file's credentials" denied interpreted ./file.by-unsigned-c
check "a loader that a loader is registered for" allowed interpreted ./file.by-loader
check "the same with the file's credentials" allowed interpreted ./file.by-loader-c
check "a plain file that a loader is registered for" allowed interpreted ./plain.by-loader

# --- Options of grants.
check "with a JIT: anonymous memory as code" allowed ./jit map-anonymous
check "with a JIT: written memory made executable" allowed ./jit make-executable
check "with a JIT: memory made writable and executable at once" allowed ./jit make-writable-and-executable
check "with a JIT: an unsigned library as code" denied ./jit map-file unsigned.so
check "with a JIT: a signed library written, then made executable" denied ./jit write-then-execute-copy signed.so
check "with a JIT: a memfd as code" denied ./jit map-memfd
check "with a JIT: System V shared memory as code" denied ./jit shared-memory-as-code
check "with a JIT: shared anonymous memory as code" denied ./jit map-shared-anonymous
check "without a JIT: anonymous memory as code" denied ./loader map-anonymous
check "to be debugged: left alone" allowed ./intruder watch "$work/debuggable"
check "to be debugged: attached to by a debugger" denied ./intruder ptrace-attach "$work/debuggable"
check "not to be debugged: attached to by a debugger" denied ./intruder ptrace-attach "$work/loader"

run_checks baseline
load_gate enforce.json
run_checks gate
events >events.txt
expect_output ' tainted taint-traced .* comm=debuggable ' "the one that may be debugged lost its mark" cat events.txt
grep -q ' tainted taint-traced .* comm=loader ' events.txt && fail "the one that may not lost its mark" ||
  pass "the one that may not be debugged kept its mark"
expect_output ' refused debugger .* comm=intruder ' "its debugger was refused" cat events.txt

# --- The option is taken away from a process that has used it.
rm -f go
./jit jit-and-wait go >jit.txt & jit=$!
./jit wait go & without=$!
for _ in $(seq 100); do [ -s jit.txt ] && break; sleep 0.1; done
update_gate without-jit.json
touch go
wait $jit; status=$?
[ $status = 1 ] && pass "a process with a JIT's code loses its mark with the option" || fail "jit: $status"
wait $without; status=$?
[ $status = 0 ] && pass "one of the same file without such code keeps it" || fail "jit, unused: $status"
finish
