#!/bin/bash
# SPDX-License-Identifier: MIT
# dm-verity volumes as evidence: every file on a trusted one is proven, and those call bpf(2) whom the manifest names. With
# ext4, squashfs and erofs; by root hash, and by a signature that the kernel has verified. And what root may try.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2
make_key loaders
make_key libraries
use_signed_bpfgate
explain_each_status
sign_libraries_of "$witness"
for module in dm_verity loop ext4 squashfs erofs overlay; do modprobe "$module" || die "modprobe $module"; done

# content DIRECTORY MARK: a loader, its twin that nobody names, and a library. The mark makes the volume another one.
content() {
  mkdir -p "$1/bin" "$1/lib"
  cp "$witness" "$1/bin/loader"
  cp "$witness" "$1/bin/other"
  cp "$(command -v preload.so)" "$1/lib/library.so"
  echo "$2" >"$1/mark"
}

# make_volume NAME: from image NAME.img: its hash tree and its root hash.
make_volume() { veritysetup format "$1.img" "$1.hash" --root-hash-file "$1.root" "${@:2}" >"$work/format.log" || die "veritysetup format $1"; }
root_hash() { cat "$1.root"; }
# open_volume NAME [OPTION...]: as /dev/mapper/NAME, mounted on NAME.
open_volume() {
  local name=$1
  shift
  veritysetup open "$name.img" "$name" "$name.hash" "$(root_hash "$name")" "$@" || die "veritysetup open $name"
  mkdir -p "$name"
  mount -o ro "/dev/mapper/$name" "$name" || die "mount $name"
}
# create NAME TABLE: a device that is no volume. There is no udev to make its node.
create() { dmsetup create "$1" --table "$2" && dmsetup mknodes "$1" || die "dmsetup create $1"; }
close_volume() { umount "$1" && veritysetup close "$1" || die "close $1"; }

for name in in-ext4 unlisted unchecked early second; do
  content "$name.d" "$name"
  mkfs.ext4 -q -b 4096 -O ^has_journal -d "$name.d" "$name.img" 16M || die mkfs.ext4
  make_volume "$name"
done
content plain.d plain
mkfs.ext4 -q -b 4096 -O ^has_journal -d plain.d plain.img 16M
content in-squashfs.d in-squashfs
mksquashfs in-squashfs.d in-squashfs.img -quiet -no-progress >/dev/null || die mksquashfs
make_volume in-squashfs --hash sha512
content in-erofs.d in-erofs
mkfs.erofs in-erofs.img in-erofs.d >/dev/null 2>&1 || die mkfs.erofs
make_volume in-erofs

# What an image builder does: the inode numbers are those of the finished image.
for name in in-ext4 in-squashfs in-erofs early second; do
  veritysetup open "$name.img" "$name" "$name.hash" "$(root_hash "$name")" || die "open $name"
  mkdir -p "$name"
  mount -o ro "/dev/mapper/$name" "$name" || die "mount $name"
  stat -c %i "$name/bin/loader" >"$name.inode"
  [ "$name" = early ] || close_volume "$name"
done

# policy FILE SEQUENCE [VOLUME=ALGORITHM...]: trusts these volumes.
policy() {
  write_manifest "$1" enforce "$2"
  python3 - "$@" <<'PYTHON'
import json, sys

file, _, *volumes = sys.argv[1:]
policy = json.load(open(file))
for volume in volumes:
    name, algorithm = volume.split("=")
    policy.setdefault("volumes", []).append({
        "name": name, "root_hash": algorithm + ":" + open(name + ".root").read().strip(),
        "loaders": [{"path": "/bin/loader", "inode": int(open(name + ".inode").read()), "grant": "full"}]})
json.dump(policy, open(file, "w"))
PYTHON
}
policy volumes.json 1 in-ext4=sha256 in-squashfs=sha512 in-erofs=sha256 early=sha256
signed_copy "$witness" sealed-loader

# Until the gate is there, anybody may do everything.
open_volume in-ext4
open_volume in-squashfs
open_volume in-erofs
open_volume unlisted
mkdir -p plain && mount -o loop,ro plain.img plain || die "mount plain"
for name in in-ext4 in-squashfs in-erofs; do
  check "$name: the loader" allowed "./$name/bin/loader" call
  check "$name: a file that is no loader" denied "./$name/bin/other" call
  check "$name: the loader maps a library of its volume" allowed "./$name/bin/loader" map-file "$name/lib/library.so"
  check "$name: a sealed loader maps a library of the volume" allowed ./sealed-loader map-file "$name/lib/library.so"
done
# The gate is told of volumes that were there before it where the policy names them, and takes others for no volumes.
cannot_know="an unlisted volume that is older than the gate" check "unlisted: what would be the loader" denied ./unlisted/bin/loader call
check "unlisted: a sealed loader maps its library" denied ./sealed-loader map-file unlisted/lib/library.so
check "no verity: the same files" denied ./plain/bin/loader call
check "no verity: a sealed loader maps the library" denied ./sealed-loader map-file plain/lib/library.so
check "the loader maps a library of no volume" denied ./in-ext4/bin/loader map-file plain/lib/library.so
check "the loader maps memory of its own as code" denied ./in-ext4/bin/loader map-anonymous
run_checks baseline

# All of them were opened before the gate was loaded.
load_gate volumes.json
run_checks gate
expect_status 0 "opened before the gate: announced when it is loaded" ./early/bin/loader call
expect_output "volume .*$(root_hash in-ext4), inode $(cat in-ext4.inode)" "explain names the volume" \
  bpfgate explain --manifest volumes.json in-ext4/bin/loader
for name in in-ext4 in-squashfs in-erofs unlisted; do
  close_volume $name
  open_volume $name
done
run_checks gate
expect_status 1 "opened under the gate, unlisted: what would be the loader" ./unlisted/bin/loader call

# A number that was a trusted volume's is nobody's afterwards.
device=$(stat -c %d early)
close_volume early
losetup -d "$(losetup -j plain.img | cut -d: -f1)" 2>/dev/null
create early "0 $(($(stat -c %s plain.img) / 512)) linear $(losetup -f --show plain.img) 0"
mkdir -p taken && mount -o ro /dev/mapper/early taken || die "mount taken"
[ "$(stat -c %d taken)" = "$device" ] && pass "the device number is used again" || fail "the device number is not used again"
expect_status 1 "the same device number, another device" ./taken/bin/loader call
umount taken && dmsetup remove early

# Tables that do not hold every block to the root hash.
cp in-ext4.img spoilt.img && cp in-ext4.hash spoilt.hash && cp in-ext4.root spoilt.root && cp in-ext4.inode spoilt.inode
close_volume in-ext4
for option in --ignore-corruption --check-at-most-once; do
  open_volume in-ext4 $option
  expect_status 1 "opened with $option" ./in-ext4/bin/loader call
  expect_status 1 "explain says so, too" bpfgate explain --manifest volumes.json in-ext4/bin/loader
  close_volume in-ext4
  open_volume in-ext4
  expect_status 0 "opened without" ./in-ext4/bin/loader call
  close_volume in-ext4
done

# sectors NAME: of an open volume.
sectors() { blockdev --getsz "/dev/mapper/$1"; }
# swap NAME TABLE: gives the device another table.
swap() { dmsetup reload --readonly "$1" --table "$2" && dmsetup suspend --noflush --nolockfs "$1" && dmsetup resume "$1"; }

# The table of a running loader's volume is replaced: by an error target, which may replace any, and then by a linear one.
open_volume in-ext4
./in-ext4/bin/loader ask-and-wait late >asked.txt & running=$!
until grep -q asked asked.txt; do sleep 0.1; done
expect_output 'asked 0' "a running loader of the volume" cat asked.txt
length=$(sectors in-ext4)
data=$(losetup -f --show in-ext4.img)
swap in-ext4 "0 $length error" && swap in-ext4 "0 $length linear $data 0" && pass "the kernel lets root replace the table" ||
  fail "the table was not replaced; is there still something to defend?"
touch late
wait $running
[ $? = 1 ] && pass "the running loader has lost its mark" || fail "the running loader has kept its mark"
expect_status 1 "the volume is no volume any more" ./in-ext4/bin/loader call
expect_status 0 "one that is sealed keeps its own" ./sealed-loader call
rm late
events --json >events.json
grep -q taint-volume events.json && pass "the event says why" || fail "no taint-volume in the events: $(cat events.json)"
umount in-ext4 && dmsetup remove in-ext4
open_volume in-ext4
expect_status 0 "opened anew, it is trusted" ./in-ext4/bin/loader call

# The other way round: what a plain device showed is in the caches when it becomes a volume.
close_volume in-ext4
create in-ext4 "0 $length linear $data 0"
mkdir -p in-ext4 && mount -o ro /dev/mapper/in-ext4 in-ext4
expect_status 1 "a plain device with the volume's name and content" ./in-ext4/bin/loader call
hash_device=$(losetup -f --show in-ext4.hash)
salt=$(veritysetup dump in-ext4.hash | sed -n 's/^Salt:[[:space:]]*//p')
swap in-ext4 "0 $length verity 1 $data $hash_device 4096 4096 $((length / 8)) 1 sha256 $(root_hash in-ext4) $salt" ||
  die "the table of verity was refused: $(dmesg | tail -3)"
expect_output "$(root_hash in-ext4)" "it is of verity now, with the trusted root hash" dmsetup table in-ext4
expect_status 1 "and is not trusted" ./in-ext4/bin/loader call
umount in-ext4 && dmsetup remove in-ext4
open_volume in-ext4
expect_status 0 "opened as a volume, it is" ./in-ext4/bin/loader call

# Before its first table is in force a device can be opened for writing, and mapped.
close_volume in-ext4
dmsetup create in-ext4 --notable && dmsetup mknodes in-ext4
dmsetup load --readonly in-ext4 --table "0 $length verity 1 $data $hash_device 4096 4096 $((length / 8)) 1 sha256 $(root_hash in-ext4) $salt" ||
  die "dmsetup load"
exec {writable}<>/dev/mapper/in-ext4 || die "the device cannot be opened for writing"
dmsetup resume in-ext4
exec {writable}>&-
mount -o ro /dev/mapper/in-ext4 in-ext4 || die "mount"
expect_status 1 "a volume whose device was opened for writing first" ./in-ext4/bin/loader call
umount in-ext4 && dmsetup remove in-ext4
open_volume in-ext4

# What is on the disk below changes: verity does not let it through.
close_volume in-ext4
python3 - <<'PYTHON'
image = bytearray(open("spoilt.img", "rb").read())
code = open("in-ext4.d/bin/loader", "rb").read()[4096:8192]
for at in range(0, len(image), 4096):
    if image[at:at + 4096] == code:
        image[at + 100] ^= 1
open("spoilt.img", "wb").write(image)
PYTHON
veritysetup open spoilt.img spoilt spoilt.hash "$(root_hash spoilt)" && mkdir -p spoilt && mount -o ro /dev/mapper/spoilt spoilt
./spoilt/bin/loader call >/dev/null 2>&1
status=$?
[ $status != 0 ] && pass "a changed block is never executed ($status)" || fail "a changed block was executed"
umount spoilt && veritysetup close spoilt

# overlayfs: the file that is mapped is a lower one, and from 7.2 on the kernel tells which.
open_volume in-ext4
mkdir -p upper workdir merged
mount -t overlay overlay -o "lowerdir=$work/in-ext4,upperdir=$work/upper,workdir=$work/workdir" merged || die overlay
if grep -q ' bpf_real_data_inode' /proc/kallsyms; then
  expect_status 0 "on overlayfs, of the volume" ./merged/bin/loader call
  expect_status 0 "its library on overlayfs" ./sealed-loader map-file merged/lib/library.so
else
  expect_status 1 "on overlayfs this kernel cannot tell" ./merged/bin/loader call
fi
touch merged/bin/loader
expect_status 1 "on overlayfs, copied up" ./merged/bin/loader call
umount merged

# Policies: a volume comes, and goes.
policy more.json 2 in-ext4=sha256 in-squashfs=sha512 in-erofs=sha256 second=sha256
open_volume second
expect_status 1 "not named yet" ./second/bin/loader call
update_gate more.json
expect_status 0 "named now" ./second/bin/loader call
./second/bin/loader ask-and-wait late >asked.txt & running=$!
until grep -q asked asked.txt; do sleep 0.1; done
policy less.json 3 in-squashfs=sha512
update_gate less.json
touch late
wait $running
[ $? = 1 ] && pass "a running loader of a volume that is trusted no longer" || fail "a volume was revoked, and its loader still calls"
expect_status 1 "and a new one" ./second/bin/loader call
expect_status 0 "another volume" ./in-squashfs/bin/loader call
rm late

# What is revoked counts no more: a file of a trusted volume, and the volume.
revoke() { # KIND DIGEST
  policy "$work/revoked.json" 4 in-squashfs=sha512 second=sha256
  python3 - "$1" "$2" <<'PYTHON'
import json, sys

policy = json.load(open("revoked.json"))
policy["revoked"] = {"digests": [{"kind": sys.argv[1], "digest": sys.argv[2]}]}
json.dump(policy, open("revoked.json", "w"))
PYTHON
}
policy named.json 4 in-squashfs=sha512 second=sha256
update_gate named.json
expect_status 0 "trusted again" ./second/bin/loader call
rm -f go
start_held second-loader ./second/bin/loader
start other-loader 0 ./in-squashfs/bin/loader ask-and-wait
revoke volume "sha256:$(root_hash second)"
update_gate revoked.json
expect_mark_gone second-loader "a running loader of a volume whose root hash is revoked is refused"
touch go
ended other-loader 0 "a running loader of another volume is allowed"
expect_status 1 "its root hash is revoked" ./second/bin/loader call
expect_status 1 "explain says so of a revoked root hash" bpfgate explain --manifest revoked.json second/bin/loader
expect_status 0 "another volume's is not" ./in-squashfs/bin/loader call
update_gate less.json

# Root hashes with a signature that the kernel has verified. A policy that trusts those trusts no others.
policy signed.json 4 in-squashfs=sha512
python3 - <<'PYTHON'
import json

policy = json.load(open("signed.json"))
policy["evidence"] = {"signed_volumes": True}
json.dump(policy, open("signed.json", "w"))
PYTHON
update_gate signed.json
expect_status 1 "signed volumes are trusted: one without a signature is not" ./sealed-loader map-file second/lib/library.so
expect_status 1 "signed volumes are trusted: what would be the loader of one without" ./second/bin/loader call
expect_status 0 "signed volumes are trusted: one that is listed is as well" ./sealed-loader map-file in-squashfs/lib/library.so
expect_status 0 "signed volumes are trusted: its loader is one" ./in-squashfs/bin/loader call
close_volume second
printf %s "$(root_hash second)" >second.plain
# sign_root_hash KEY FILE
sign_root_hash() {
  openssl smime -sign -nocerts -noattr -binary -in second.plain -inkey "keys/$1.key" -signer "keys/$1.pem" -outform der -out "$2" ||
    die "openssl smime"
}
make_key others
sign_root_hash others others.p7s
veritysetup open second.img second second.hash "$(root_hash second)" --root-hash-signature others.p7s 2>/dev/null &&
  fail "the kernel took a stranger's signature" || pass "the kernel refuses a stranger's signature"
open_volume second
expect_status 1 "opened without it, the same volume proves nothing" ./sealed-loader map-file second/lib/library.so
update_gate less.json

# One that it has verified, by a key of KIND's in keys/KEY.pem.
verified_volume() { # KEY KIND
  sign_root_hash "$1" second.p7s
  close_volume second
  expect_status 0 "$2: a volume with a signature" veritysetup open second.img second second.hash "$(root_hash second)" \
    --root-hash-signature second.p7s
  mount -o ro /dev/mapper/second second
  expect_status 1 "$2: signed volumes are not trusted" ./sealed-loader map-file second/lib/library.so
  update_gate signed.json
  expect_status 0 "$2: signed volumes are trusted" ./sealed-loader map-file second/lib/library.so
  expect_status 1 "$2: a signed volume has no loaders but those that the policy names" ./second/bin/loader call
  close_volume second
  open_volume second
  expect_status 1 "$2: the same volume without its signature" ./sealed-loader map-file second/lib/library.so
  close_volume second
  veritysetup open second.img second second.hash "$(root_hash second)" --root-hash-signature others.p7s 2>/dev/null &&
    fail "$2: the kernel took a stranger's signature" || pass "$2: it refuses a stranger's still"
  open_volume second
  update_gate less.json
}
cp /opt/bpfgate/firmware/* keys/
verified_volume firmware "a key of the firmware"

if [ -e /sys/module/dm_verity/parameters/keyring_unsealed ]; then
  make_key volumes
  openssl x509 -in keys/volumes.pem -outform DER | keyctl padd asymmetric volumes %:.dm-verity >/dev/null || die "keyctl padd"
  # It counts once it is closed.
  keyctl restrict_keyring %:.dm-verity || die "keyctl restrict_keyring"
  verified_volume volumes "a key for root hashes"
else
  pass "this kernel has no keyring for root hashes that can be filled"
fi
# dm_verity anew, with a keyring of one's own: not while the gate is there.
rmmod dm_verity 2>rmmod.log && fail "dm_verity was unloaded" || pass "dm_verity stays: $(cat rmmod.log)"
finish
