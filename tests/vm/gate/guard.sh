#!/bin/bash
# SPDX-License-Identifier: MIT
# Hands off the gate: its maps, programs, links, pins, mounts and keys, against a process with every bpf(2) command granted and
# against root without any. Each attack is made on a decoy of the attacker's own as well, before the gate is loaded and after.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
attack=$(command -v attack)
cd "$work" || exit 2
pins=/sys/fs/bpf/bpfgate
decoy=/sys/fs/bpf/decoy
other=$work/other

make_key loaders
make_key libraries
make_key policy
use_signed_bpfgate
explain_each_status
signed_copy "$attack" loader
cp "$attack" unsigned
write_manifest audit.json audit 1
write_manifest enforce2.json enforce 2
cp "$(command -v witness)" unsigned-witness
witness_copy=$work/witness
signed_copy "$(command -v witness)" witness
mkdir -p "$other" "$work/target"

# A directory with a map, a program and a link like the gate's, a file system like the gate's, a keyring like the gate's.
remove_decoys() {
  for mounted in $decoy "$other" "$work/target"; do
    while umount "$mounted" 2>/dev/null; do :; done
  done
  rm -rf $decoy $decoy-link /sys/fs/bpf/moved
  keyctl unlink "$(keyctl search @u keyring decoy 2>/dev/null)" @u 2>/dev/null
}
make_decoys() {
  remove_decoys
  mkdir -p "$other" "$work/target"
  ./loader make-decoys $decoy >decoys.env || die "make-decoys"
  mount -t bpf bpf "$other" || die "mount -t bpf"
  mkdir "$other/directory"
  decoy_ring=$(keyctl newring decoy @u) || die "newring"
  decoy_key=$(keyctl add user inside x "$decoy_ring")
  keyctl setperm "$decoy_ring" 0x3f3f0000
}
id_in() { sed -n "s/^$1=//p" "$2"; }

names=()
# attack NAME COMMAND: with @map, @program, @link, @pin, @directory, @fs, @ring, @key for what it is made on.
attack() {
  names+=("$1")
  commands+=("$2")
}
decoy_of() {
  local command=$1
  command=${command//@map_id/$(id_in map decoys.env)}
  command=${command//@program_id/$(id_in program decoys.env)}
  command=${command//@link_id/$(id_in link decoys.env)}
  command=${command//@ring_id/$(id_in map decoys.env)}
  command=${command//@mount_point/$other}
  command=${command//@pin/$decoy/link}
  command=${command//@marks/$decoy/program}
  command=${command//@empty/$other/directory}
  command=${command//@directory/$decoy}
  command=${command//@fs/$other}
  command=${command//@ring/$decoy_ring}
  echo "${command//@key/$decoy_key}"
}
gate_of() {
  local command=$1
  command=${command//@map_id/$(id_in map gate.env)}
  command=${command//@program_id/$(id_in program gate.env)}
  command=${command//@link_id/$(id_in link gate.env)}
  command=${command//@ring_id/$(id_in ring gate.env)}
  command=${command//@mount_point//sys}
  command=${command//@pin/$pins/links/gate_bpf*}
  command=${command//@marks/$pins/gate_marks}
  command=${command//@empty/$pins/links}
  command=${command//@directory/$pins}
  command=${command//@fs//sys/fs/bpf}
  command=${command//@ring/$gate_ring}
  echo "${command//@key/$gate_key}"
}

attack "descriptor of a map by its id" "./loader map-by-id @map_id"
attack "descriptor of a map by its id, to read only" "./loader map-by-id-to-read @map_id"
attack "the ring buffer's pages" "./loader map-pages @ring_id"
attack "descriptor of a program by its id" "./loader program-by-id @program_id"
attack "another map bound to a program" "./loader bind-map @program_id"
attack "a program attached to a program" "./loader attach-to-program @program_id"
attack "descriptor of a link by its id" "./loader link-by-id @link_id"
attack "a pin unlinked" "./unsigned unlink @pin"
attack "a pin unlinked by a loader" "./loader unlink @pin"
attack "the program that reads marks got from its pin" "./loader open-pin @marks"
attack "the pin of the program that reads marks unlinked" "./unsigned unlink @marks"
attack "a pin renamed" "./unsigned rename @pin /sys/fs/bpf/moved"
attack "a directory of pins renamed" "./unsigned rename @directory /sys/fs/bpf/moved"
attack "a directory of pins removed" "./unsigned rmdir @empty"
attack "a directory made among the pins" "./unsigned mkdir @directory/more"
attack "a symbolic link made among the pins" "./unsigned symlink @directory/more"
attack "a second name for a pin" "./unsigned link @pin $decoy-link"
attack "something pinned among the pins" "./loader pin-map @directory/more"
attack "a pin exchanged for another" "./unsigned exchange @pin $decoy/program"
attack "a pin made everybody's" "./unsigned chmod @pin"
attack "a directory of pins made everybody's" "./unsigned chmod @directory"
attack "a pin given away" "./unsigned chown @pin"
attack "the file system unmounted lazily" "./unsigned umount-lazily @fs"
attack "a directory on the way removed in another mount namespace" "./unsigned remove-mount-point @mount_point"
attack "another file system mounted over it" "./unsigned mount-over @fs"
attack "another file system mounted over the pins" "./unsigned mount-over @directory"
attack "a directory bound over the pins" "./unsigned bind-over @directory"
attack "the file system made read-only" "./unsigned remount @fs"
attack "the file system moved" "./unsigned move-mount @fs $work/target"
attack "a copy of the file system mounted" "./unsigned clone-mount @fs $work/target"
attack "a key added to the keyring" "./unsigned key-add @ring"
attack "a key linked into the keyring" "./unsigned key-link @ring"
attack "the keyring unlinked" "./unsigned key-unlink @ring"
attack "the keyring moved away" "./unsigned key-move @ring"
attack "the keyring cleared" "./unsigned key-clear @ring"
attack "the keyring made everybody's" "./unsigned key-setperm @ring"
attack "the keyring given away" "./unsigned key-chown @ring"
attack "the keyring restricted" "./unsigned key-restrict @ring"
attack "the keyring searched" "./unsigned key-search @ring inside"
attack "the keyring invalidated" "./unsigned key-invalidate @ring"
attack "the keyring revoked" "./unsigned key-revoke @ring"
attack "the keyring given a time-out" "./unsigned key-timeout @ring"
attack "the key made everybody's" "./unsigned key-setperm @key"
attack "the key invalidated" "./unsigned key-invalidate @key"
attack "the key revoked" "./unsigned key-revoke @key"

# attempt NAME WANTED COMMAND
attempt() {
  local status
  (eval "$3") >output 2>&1
  status=$?
  if [ $status = "$2" ]; then pass "$1"; else fail "$1: wanted status $2, got $status of $3: $(cat output)"; fi
  # Most attacks do not call bpf(2), so that one goes through says nothing of who made it.
  only_events="that an attack on a decoy goes through" eval "compare_with_explain $status \"\$1\" $3"
}
on_decoys() {
  local i
  for i in "${!names[@]}"; do
    make_decoys
    attempt "$1: ${names[i]}: allowed" 0 "$(decoy_of "${commands[i]}")"
  done
  make_decoys
}
on_the_gate() {
  local i
  for i in "${!names[@]}"; do attempt "$1: ${names[i]}: denied" 1 "$(gate_of "${commands[i]}")"; done
}
# While the gate only audits, everybody may look.
describe_gate() {
  bpftool map list | sed -n 's/^\([0-9]*\):.*name policies .*/map=\1/p' >gate.env
  bpftool map list | sed -n 's/^\([0-9]*\):.*name events .*/ring=\1/p' >>gate.env
  bpftool prog list | sed -n 's/^\([0-9]*\):.*name gate_bpf.*/program=\1/p' >>gate.env
  bpftool link list | sed -n "s/^\([0-9]*\):.*prog $(id_in program gate.env) .*/link=\1/p" >>gate.env
  bpftool link list >links.txt
  [ "$(grep -c = gate.env)" = 4 ] || die "ids of the gate: $(cat gate.env links.txt)"
}
describe_keys() {
  gate_ring=$((16#$(awk '/keyring.*bpfgate:loaders:/ { print $1 }' /proc/keys)))
  gate_key=$((16#$(awk '/asymmetri.*bpfgate:loaders/ { print $1 }' /proc/keys)))
}

# --- Without a gate.
on_decoys baseline
attempt "baseline: LSM programs switched off with ftrace: allowed" 0 "./unsigned switch-ftrace-off"
attempt "baseline: a program that replaces what security_bpf() answers: allowed" 0 "./loader load-modify-return security_bpf"
attempt "baseline: an LSM program of a cgroup: allowed" 0 "./loader load-cgroup-lsm bpf"
attempt "baseline: a program on sysctls: allowed" 0 "./loader load-sysctl-program"

# --- Auditing: nothing is refused, and it is said what would be.
load_gate audit.json
describe_gate
attempt "audit: descriptor of a map by its id: allowed" 0 "./loader map-by-id $(id_in map gate.env)"
attempt "audit: descriptor of a link by its id: allowed" 0 "./loader link-by-id $(id_in link gate.env)"
attempt "audit: LSM programs switched off with ftrace: allowed" 0 "./unsigned switch-ftrace-off"
events >events.txt
for reason in map link sysctl; do
  expect_output " would-refuse guarded-$reason " "audit: guarded-$reason is reported" cat events.txt
done

# --- Enforcing.
update_gate "$work/enforce2.json"
describe_keys
on_decoys control
on_the_gate gate
attempt "gate: LSM programs switched off with ftrace: denied" 1 "./unsigned switch-ftrace-off"
attempt "gate: LSM programs switched off with ftrace by a loader: denied" 1 "./loader switch-ftrace-off"
# What no hook sees: a link got from its pin is worth nothing.
attempt "gate: a link got from its pin, and detached: denied" 1 "./loader detach-link $(ls -d $pins/links/gate_bpf*)"
attempt "gate: a link got from its pin, and updated: denied" 1 \
  "./loader update-link $(ls -d $pins/links/gate_bpf*) $decoy/program"

# --- From beside it.
# As under systemd: what is mounted in one namespace is mounted in others.
mount --make-rshared / || die "make-rshared"
mkdir -p tree "$work/target"
attempt "gate: the file system unmounted lazily in another mount namespace: denied" 1 "./unsigned umount-in-namespace /sys/fs/bpf"
attempt "control: a file system of one's own unmounted in another mount namespace: allowed" 0 \
  "./unsigned umount-in-namespace $other"
attempt "gate: everything mounted once more and unmounted lazily: denied" 1 "./unsigned bind-tree-and-umount / $work/target"
while umount -l "$work/target" 2>/dev/null; do :; done
attempt "gate: something else unmounted in the same place of a peer: denied" 1 "./unsigned umount-in-peer /sys fs/bpf $work/target"
while umount -l "$work/target" 2>/dev/null; do :; done
mount -t tmpfs none tree && mkdir tree/below && mount -t tmpfs none tree/below || die "tree"
attempt "control: another tree mounted once more and unmounted lazily: allowed" 0 \
  "./unsigned bind-tree-and-umount $work/tree $work/target"
mount --make-rprivate / || die "make-rprivate"
attempt "control: a private copy of the file system unmounted: allowed" 0 "./unsigned umount-private-copy /sys/fs/bpf"
# Whoever moves to another root unmounts the old one, with all that is mounted there, the pins too. That is process 1, when the new one
# has them as well. What was refused above is still mounted, once more, until nobody is told of it.
while umount -l "$work/target" 2>/dev/null; do :; done
attempt "gate: the file system unmounted by process 1: denied" 1 "intruder umount-by-process-1 /sys/fs/bpf"
./unsigned bind /sys/fs/bpf "$work/target" || die "bind"
attempt "gate: where it is mounted a second time, on what anybody removes: denied" 1 "intruder umount-by-process-1 /sys/fs/bpf"
attempt "control: that one unmounted by anybody: allowed" 0 "./unsigned umount-lazily $work/target"
unshare --mount --propagation private sleep 300 &
copy=$!
until [ "$(readlink /proc/$copy/ns/mnt)" != "$(readlink /proc/self/ns/mnt)" ]; do sleep 0.1; done
attempt "gate: where another namespace has a copy of its own: denied" 1 "intruder umount-by-process-1 /sys/fs/bpf"
kill "$copy"
wait "$copy" 2>/dev/null
mkdir -p "$work/sys"
./unsigned move-mount-by-name /sys "$work/sys" || die "move /sys"
attempt "gate: the only one, moved with all of /sys, unmounted by process 1: denied" 1 "intruder umount-by-process-1 $work/sys/fs/bpf"
./unsigned move-mount-by-name "$work/sys" /sys || die "move /sys back"
mount --rbind /sys /sys/kernel/debug || die "rbind"
attempt "gate: both at once, one below the other, unmounted by process 1: denied" 1 "intruder umount-by-process-1 /sys"
umount -l /sys/kernel/debug || fail "the second /sys stays"
mount --rbind /sys "$work/sys" || die "rbind"
attempt "gate: unmounted by another than process 1 where all of /sys is there twice: denied" 1 "./unsigned umount-lazily /sys/fs/bpf"
attempt "control: unmounted by process 1, as on the way to another root: allowed" 0 "intruder umount-by-process-1 /sys/fs/bpf"
mountpoint -q /sys/fs/bpf && fail "it is still there: what follows shows nothing"
expect_status 0 "the gate is found where it is now" bpfgate gate status
attempt "gate: the one that is left unmounted by process 1: denied" 1 "intruder umount-by-process-1 $work/sys/fs/bpf"
attempt "gate: what that is mounted on removed in another namespace: denied" 1 "./unsigned remove-mount-point $work/sys"
./unsigned move-mount-by-name "$work/sys/fs/bpf" /sys/fs/bpf || fail "the mount was not moved to its place"
umount -l "$work/sys" || fail "the second /sys stays"
attempt "gate: a program that replaces what security_bpf() answers: denied" 1 "./loader load-modify-return security_bpf"
attempt "gate: an LSM program of a cgroup, which answers what it likes: denied" 1 "./loader load-cgroup-lsm bpf"
attempt "gate: a program on sysctls: denied" 1 "./loader load-sysctl-program"
attempt "control: a program on tracepoints: allowed" 0 "./loader load-tracepoint-program"

# --- What that did to the gate: nothing.
expect_status 0 "the gate is complete" bpfgate gate status
expect_status 1 "an unsigned program is refused" "$work/unsigned-witness" call
expect_status 0 "a loader is allowed" "$work/witness" call
cp "$(command -v witness)" late
sign_as loaders loader late
seal late
expect_status 0 "a loader signed just now is allowed" ./late call
events >events.txt
for reason in map program link pin mount key sysctl hook; do
  expect_output " refused guarded-$reason " "guarded-$reason is reported" cat events.txt
done

expect_output " refused guarded-sysctl .* rule=: it reached for a sysctl" "and names no grant, for none would allow it" cat events.txt
expect_output " refused guarded-map .* comm=loader .* rule=full: .*, which grant \"full\" does not allow" "a loader's grant is named" cat events.txt

# --- A move of the mount by the old system call names its source by a string only, which no hook can follow.
mkdir -p "$work/elsewhere"
./unsigned move-mount-by-name /sys/fs/bpf "$work/elsewhere" || fail "the mount was not moved: what follows shows nothing"
expect_status 1 "moved elsewhere, the gate still refuses" "$work/unsigned-witness" call
expect_status 0 "moved elsewhere, the gate is found" bpfgate gate status
./unsigned move-mount-by-name "$work/elsewhere" /sys/fs/bpf || fail "the mount was not moved back"

# --- Root can take the keyrings' last link away, by what holds it. That costs new files their verdict, and allows none.
keyctl clear @u
cp "$(command -v witness)" later
sign_as loaders loader later
seal later
for _ in $(seq 50); do grep -q bpfgate:loaders: /proc/keys || break; sleep 0.1; done
expect_status 1 "without keyrings: a loader signed just now is refused" ./later call
expect_status 0 "without keyrings: one that was verified is allowed" "$witness_copy" call
make_decoys
attempt "without keyrings: the gate is still guarded: denied" 1 "./loader map-by-id $(id_in map gate.env)"

# --- An administrator gets through.
write_manifest enforce3.json enforce 3
expect_status 0 "the administrator updates it" bpfgate gate update --manifest enforce3.json
expect_status 0 "the loader signed just now is allowed" ./later call
expect_status 0 "the administrator unloads it" bpfgate gate unload
attempt "unloaded: LSM programs switched off with ftrace: allowed" 0 "./unsigned switch-ftrace-off"
remove_decoys
finish
