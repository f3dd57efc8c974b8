#!/bin/bash
# SPDX-License-Identifier: MIT
# What `bpfgate volume` makes, in the kernel and among the tools that have to do with such volumes: veritysetup, systemd's
# RootImage= and systemd-repart. Each takes what the other has made. And the manifest's entry that it prints makes loaders.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2
make_key loaders
make_key libraries
make_key others
use_signed_bpfgate
sign_libraries_of "$witness"
cp /opt/bpfgate/firmware/* keys/
for module in dm_verity loop ext4 squashfs erofs; do modprobe "$module" || die "modprobe $module"; done

# content DIRECTORY: a loader, its twin that nobody names, and what a service of systemd's needs.
content() {
  mkdir -p "$1"/{bin,etc,lib,usr,proc,sys,dev,run,tmp,var/tmp,root}
  cp "$witness" "$1/bin/loader"
  cp "$witness" "$1/bin/other"
  cp "$(command -v busybox)" "$1/bin/busybox"
  echo "$1" >"$1/mark"
}
# make_image KIND: KIND.raw, from a directory with a mark of its own.
make_image() {
  content "$1.d"
  case $1 in
    ext4) mkfs.ext4 -q -b 4096 -O ^has_journal -d ext4.d ext4.raw 32M ;;
    squashfs) mksquashfs squashfs.d squashfs.raw -quiet -no-progress ;;
    erofs) mkfs.erofs -zlz4 erofs.raw erofs.d ;;
  esac >"$work/mkfs.log" 2>&1 || die "$1: $(cat "$work/mkfs.log")"
}
device_of() { dmsetup table "$1" 2>/dev/null; }
close_volume() { umount "$1" 2>/dev/null; veritysetup close "$1" || die "close $1"; }
mount_volume() { mkdir -p "$1" && mount -o ro "/dev/mapper/$1" "$1" || die "mount $1"; }

kinds=(ext4 squashfs erofs)
for kind in "${kinds[@]}"; do
  make_image $kind
  expect_status 0 "$kind: format" bpfgate volume format $kind.raw
  expect_status 0 "$kind: sign" bpfgate volume sign $kind.raw --key keys/firmware.key --cert keys/firmware.pem
  expect_status 0 "$kind: verify" bpfgate volume verify $kind.raw --cert keys/firmware.pem

  # The kernel verifies the signature, and the device says so.
  expect_output "^/dev/mapper/$kind sha256:$(cat $kind.roothash) signed$" "$kind: open" bpfgate volume open --signed $kind.raw $kind
  expect_output "verity .*$(cat $kind.roothash).* root_hash_sig_key_desc " "$kind: the kernel has verified the signature" device_of $kind
  mount_volume $kind
  expect_output "^$kind.d$" "$kind: its content" cat $kind/mark

  # The number in the entry is the one that stat(2) shows.
  bpfgate volume manifest $kind.raw --loader full=/bin/loader >$kind.json || die "volume manifest $kind"
  expect_output "\"inode\": $(stat -c %i $kind/bin/loader)," "$kind: the inode is what stat shows" cat $kind.json
  [ "$(stat -c %i $kind/bin/loader)" != "$(stat -c %i $kind/bin/other)" ] && pass "$kind: and another file has another" ||
    fail "$kind: two files have one number"
  close_volume $kind

  # veritysetup, with the same signature.
  expect_status 0 "$kind: veritysetup opens it" veritysetup open $kind.raw $kind $kind.verity --root-hash-file $kind.roothash \
    --root-hash-signature $kind.roothash.p7s
  close_volume $kind
done

# What must not be opened, each beside the one that was.
refused() { # NAME COMMAND...
  local name=$1
  shift
  expect_status 1 "$name" "$@"
  [ -z "$(device_of erofs)" ] && pass "$name: there is no device" || fail "$name: there is a device: $(device_of erofs)"
}
bpfgate volume sign erofs.raw --key keys/others.key --cert keys/others.pem -o others.p7s >/dev/null || die "volume sign"
refused "a stranger's signature" bpfgate volume open erofs.raw erofs --signature others.p7s
expect_output 'the signer must be in a keyring' "the refusal says what to look for" bpfgate volume open erofs.raw erofs --signature others.p7s
refused "a signature of another root hash" bpfgate volume open erofs.raw erofs --signature squashfs.roothash.p7s
refused "half a root hash" bpfgate volume open erofs.raw erofs --root-hash "$(head -c 32 erofs.roothash)" --signature erofs.roothash.p7s
mv erofs.roothash.p7s away
refused "no signature, and one is wanted" bpfgate volume open --signed erofs.raw erofs
expect_status 0 "no signature, and none is wanted" bpfgate volume open erofs.raw erofs
expect_output 'verity ' "opened without a signature" device_of erofs
expect_status 1 "a name that is taken" bpfgate volume open squashfs.raw erofs
close_volume erofs
mv away erofs.roothash.p7s

# Content that was changed: the kernel finds it when it is read, verify before.
cp squashfs.raw spoilt.raw && cp squashfs.verity spoilt.verity && cp squashfs.roothash spoilt.roothash
printf '\377' | dd of=spoilt.raw bs=1 seek=200 conv=notrunc status=none
expect_status 1 "verify finds changed content" bpfgate volume verify spoilt.raw
expect_status 0 "opening does not look at it" bpfgate volume open spoilt.raw spoilt
expect_status 1 "reading does" dd if=/dev/mapper/spoilt of=/dev/null bs=4096 count=1
expect_status 0 "what was not changed can be read" dd if=/dev/mapper/spoilt of=/dev/null bs=4096 skip=1
veritysetup close spoilt

# On devices, which may be larger: what is behind the volume is not looked at.
for kind in "${kinds[@]}"; do
  cp $kind.raw larger && truncate -s +1M larger
  device=$(losetup -f --show larger)
  on_devices=("$device" --tree "$(losetup -f --show "$kind.verity")" --root-hash-file "$kind.roothash")
  expect_output "^intact sha256:$(cat $kind.roothash) $device$" "$kind: on devices: verify" bpfgate volume verify "${on_devices[@]}"
  bpfgate volume manifest "${on_devices[@]}" --name $kind --loader full=/bin/loader >on-devices.json || die "volume manifest on devices"
  expect_status 0 "$kind: on devices: the same entry" cmp on-devices.json $kind.json
  printf '\377' | dd of="$device" bs=1 seek=200 conv=notrunc status=none
  expect_status 1 "$kind: on devices: verify finds changed content" bpfgate volume verify "${on_devices[@]}"
  losetup -d "$device" "${on_devices[2]}"
done

# The other way round: what veritysetup has made.
veritysetup format squashfs.raw theirs.verity --root-hash-file theirs.roothash >/dev/null || die "veritysetup format"
expect_status 0 "of veritysetup: verify" bpfgate volume verify squashfs.raw --tree theirs.verity --root-hash-file theirs.roothash
printf %s "$(cat theirs.roothash)" >theirs.plain
openssl smime -sign -nocerts -noattr -binary -in theirs.plain -inkey keys/firmware.key -signer keys/firmware.pem -outform der \
  -out theirs.p7s || die "openssl smime"
expect_status 0 "of veritysetup and openssl: open" bpfgate volume open squashfs.raw theirs --tree theirs.verity \
  --root-hash-file theirs.roothash --signature theirs.p7s
expect_output root_hash_sig_key_desc "of veritysetup and openssl: verified" device_of theirs
veritysetup close theirs

# systemd: a service's root, by the sidecars' names alone.
service() { # POLICY IMAGE COMMAND...
  printf '[Service]\nType=oneshot\nRootImage=%s\nRootImagePolicy=root=%s\nStandardOutput=truncate:%s\nExecStart=%s\n' \
    "$work/$2" "$1" "$work/service.out" "${*:3}" >/run/systemd/system/on-volume.service
  systemctl daemon-reload && systemctl start on-volume.service 2>"$work/service.log"
  local status=$?
  cat "$work/service.out" "$work/service.log" && return $status
}
for kind in "${kinds[@]}"; do
  expect_output "^$kind.d$" "$kind: RootImage= takes the sidecars" service verity+signed $kind.raw /bin/busybox cat /mark
done
cp squashfs.raw bare.raw
expect_status 1 "RootImage= without sidecars" service verity+signed bare.raw /bin/busybox true
cp erofs.roothash good.roothash
cp squashfs.roothash erofs.roothash
expect_status 1 "RootImage= with another root hash" service verity+signed erofs.raw /bin/busybox true
mv good.roothash erofs.roothash
expect_status 0 "RootImage= with its own again" service verity+signed erofs.raw /bin/busybox true
expect_status 0 "RootImage= takes the signature" service signed erofs.raw /bin/busybox true
cp erofs.roothash.p7s good.p7s
cp others.p7s erofs.roothash.p7s
expect_status 1 "RootImage= with a stranger's signature" service signed erofs.raw /bin/busybox true
mv good.p7s erofs.roothash.p7s

# systemd-repart: data, hash and signature as partitions, and as files of their own.
mkdir -p definitions
partition() { # NAME TYPE VERITY LINE...
  { printf '[Partition]\nType=%s\nVerity=%s\nVerityMatchKey=root\nSplitName=%s\n' "$2" "$3" "$1"; printf '%s\n' "${@:4}"; } \
    >"definitions/$1.conf"
}
partition 1data root data Format=erofs "CopyFiles=$work/erofs.d:/" Minimize=best
partition 2hash root-verity hash Minimize=best
partition 3signature root-verity-sig signature
systemd-repart --offline=yes --definitions=definitions --empty=create --size=auto --dry-run=no --split=yes \
  --private-key=keys/firmware.key --certificate=keys/firmware.pem disk.raw >repart.log 2>&1 || die "systemd-repart: $(cat repart.log)"
grep -ao '"rootHash":"[0-9a-f]*' disk.3signature.raw | cut -d'"' -f4 >repart.roothash
repart=(disk.1data.raw --tree disk.2hash.raw --root-hash-file repart.roothash)
expect_output "^intact signed-by-firmware.pem sha256:$(cat repart.roothash) " "of systemd-repart: verify" bpfgate volume verify \
  "${repart[@]}" --signature disk.3signature.raw --cert keys/firmware.pem
expect_status 1 "of systemd-repart: verify knows a stranger" bpfgate volume verify "${repart[@]}" \
  --signature disk.3signature.raw --cert keys/others.pem
expect_status 0 "of systemd-repart: open" bpfgate volume open disk.1data.raw repart "${repart[@]:1}" --signature disk.3signature.raw
expect_output root_hash_sig_key_desc "of systemd-repart: verified" device_of repart
mount_volume repart
bpfgate volume manifest "${repart[@]}" --loader full=/bin/loader >repart.json
expect_output "\"inode\": $(stat -c %i repart/bin/loader)," "of systemd-repart: the inode is what stat shows" cat repart.json
close_volume repart
expect_status 0 "of systemd-repart: the partition's content is" bpfgate volume sign disk.1data.raw "${repart[@]:3}" \
  --key keys/firmware.key --cert keys/firmware.pem -o repart.p7s --partition ours
# It puts its certificate into the signature, which the kernel does not need; all else is the same.
cat >same.py <<'PYTHON'
import json

ours, theirs = (open(name, "rb").read() for name in ("ours", "disk.3signature.raw"))
assert len(ours) == len(theirs)
ours, theirs = (json.loads(partition.rstrip(b"\0")) for partition in (ours, theirs))
assert list(ours) == list(theirs) and len(ours) == 3
assert all(ours[key] == theirs[key] for key in ("rootHash", "certificateFingerprint")), (ours, theirs)
PYTHON
expect_status 0 "of systemd-repart: ours says the same" python3 same.py
# And a disk with our signature in the place of theirs is what systemd takes.
loop=$(losetup -f --show -P disk.raw)
dd if=ours of="${loop}p3" conv=fsync status=none || die "no partition 3 on $loop"
losetup -d "$loop"
expect_output '^erofs.d$' "RootImage= takes a disk with our partition" service signed disk.raw /bin/busybox cat /mark

# The gate. The entry as it was printed, put into a policy.
policy() { # FILE SEQUENCE [ENTRY]...
  write_manifest "$1" enforce "$2"
  python3 - "$1" "${@:3}" <<'PYTHON'
import json, sys

policy = json.load(open(sys.argv[1]))
for entry in sys.argv[2:]:
    policy.setdefault("volumes", []).extend(json.load(open(entry))["volumes"])
json.dump(policy, open(sys.argv[1], "w"))
PYTHON
}

for kind in "${kinds[@]}"; do
  bpfgate volume open $kind.raw $kind >/dev/null || die "volume open $kind"
  mount_volume $kind
  expect_status 0 "$kind: without the gate, its loader" ./$kind/bin/loader call
  expect_status 0 "$kind: without the gate, the other" ./$kind/bin/other call
done
policy with.json 2 ext4.json squashfs.json erofs.json
policy without.json 1
# systemd is nobody's loader here, and need not be.
load_gate without.json --force
for kind in "${kinds[@]}"; do expect_status 1 "$kind: without the entry, what would be its loader" ./$kind/bin/loader call; done
update_gate with.json --force
for kind in "${kinds[@]}"; do
  expect_status 0 "$kind: by the entry, its loader" ./$kind/bin/loader call
  expect_status 1 "$kind: by the entry, no other" ./$kind/bin/other call
  close_volume $kind
  expect_status 0 "$kind: opened under the gate" bpfgate volume open --signed $kind.raw $kind
  mount_volume $kind
  expect_status 0 "$kind: opened under the gate, its loader" ./$kind/bin/loader call
  expect_status 1 "$kind: opened under the gate, no other" ./$kind/bin/other call
done
finish
