#!/bin/bash
# SPDX-License-Identifier: MIT
# Files that were sealed in an image that was not mounted are sealed to the kernel: it measures the same digests, keeps the same tree,
# refuses writers and changed blocks; and the gate takes them for what they are. What the kernel has sealed, `image check` finds good.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2
make_key loaders
make_key libraries
use_signed_bpfgate
explain_each_status
sign_libraries_of "$witness"
for module in loop ext4; do modprobe "$module" || die "modprobe $module"; done

mkdir -p root/bin root/lib root/data
for name in loader unsigned; do cp "$witness" root/bin/$name; done
# Signed, but nobody has sealed it.
cp "$witness" root/bin/unsealed
sign_as loaders loader root/bin/unsealed
cp "$(command -v preload.so)" root/lib/library.so
cp "$(command -v preload.so)" root/lib/unsigned.so
# With blocks of 1024 bytes trees of none to three levels.
for size in 0 1 1024 4096 4097 33792 1100000; do seq 1000000 | head -c $size >root/data/$size; done
truncate -s 100000 root/data/hole
echo end >>root/data/hole
touch -d 2001-02-03T04:05:06 root/data/*
(cd root && find bin/unsigned lib/unsigned.so data -type f) >unsigned.list
mapfile -t files <unsigned.list
files+=(bin/loader lib/library.so)

# preallocate IMAGE: the kernel gives files blocks behind their end, up to where seals lie and further.
preallocate() {
  local name
  mount_image "$1" rw
  for name in data/0 data/4097; do
    fallocate -n -l 300000 "at/$name" && touch -r "root/$name" "at/$name" || die "fallocate $name"
  done
  umount at
}

# sealed_image FILE BLOCK-SIZE MKFS-OPTION...
sealed_image() {
  local file=$1 size=$2
  shift 2
  rm -f "$file"
  mkfs.ext4 -q -b "$size" -d root "$@" "$file" 32M || die "mkfs.ext4 $file"
  preallocate "$file"
  set -- bpfgate image seal --block-size "$size" "$file"
  "$@" /bin/loader --key "$keys/loaders.key" --cert "$keys/loaders.pem" >image.log 2>&1 &&
    "$@" /lib/library.so --role library --key "$keys/libraries.key" --cert "$keys/libraries.pem" >>image.log 2>&1 &&
    "$@" --files-from unsigned.list >>image.log 2>&1 || die "image seal $file: $(cat image.log)"
}
mount_image() { mkdir -p at && mount -o "loop,$2" "$1" at || die "mount $1: $(dmesg | tail -n 3)"; }

# same_as_root WHAT BLOCK-SIZE: digests, content and times of all that is sealed, on `at`.
same_as_root() {
  local what=$1 file bad=''
  (cd root && fsverity digest --block-size="$2" "${files[@]}") >wanted
  (cd at && fsverity measure "${files[@]}") >measured 2>&1
  cmp -s wanted measured && pass "$what: the kernel measures the digests" || fail "$what: $(diff wanted measured)"
  while read -r _ file; do
    cmp -s "root/$file" "at/$file" && [ "$(stat -c %Y "root/$file")" = "$(stat -c %Y "at/$file")" ] || bad+=" $file"
  done <wanted
  [ -z "$bad" ] && pass "$what: content and times are the files'" || fail "$what: other content or times:$bad"
}

# The tree that the kernel reads is the one that it makes.
same_tree_as_kernel() { # WHAT BLOCK-SIZE
  local file bad=''
  for file in data/4097 data/1100000; do
    cp "root/$file" at/kernel
    fsverity enable --block-size="$2" at/kernel || die "fsverity enable"
    for part in merkle_tree descriptor; do
      fsverity dump_metadata $part at/kernel >kernel.part && fsverity dump_metadata $part "at/$file" >our.part || die dump_metadata
      cmp -s kernel.part our.part && [ -s our.part ] || bad+=" $part of $file"
    done
    rm at/kernel
  done
  [ -z "$bad" ] && pass "$1: tree and descriptor are the kernel's" || fail "$1: not the kernel's:$bad"
}

for kind in 4096 1024 '4096 -O ^metadata_csum,^has_journal' '4096 -I 1024 -O ^64bit'; do
  read -ra options <<<"$kind"
  sealed_image image "${options[@]}"
  cp image before
  mount_image image ro
  same_as_root "$kind, read-only" "${options[0]}"
  expect_output 'image: is mounted' "$kind: what is mounted is not sealed" bpfgate image seal image -o other /bin/loader
  umount at
  cmp -s image before || fail "$kind: reading has changed the image"
  mount_image image rw
  same_as_root "$kind, writable" "${options[0]}"
  ! { echo x >>at/data/4097; } 2>/dev/null && pass "$kind: a sealed file cannot be written" || fail "$kind: a sealed file was written"
  same_tree_as_kernel "$kind" "${options[0]}"
  # What the kernel seals beside them, and what it has written to them, passes both judges.
  cp root/data/33792 at/kernel && fsverity enable --block-size="${options[0]}" at/kernel || die "fsverity enable"
  setfattr -n user.note -v note at/data/4097 && mv at/data/4096 at/data/moved || die "change at"
  umount at
  e2fsck -fn image >fsck.log 2>&1 && pass "$kind: e2fsck finds nothing" || fail "$kind: $(cat fsck.log)"
  expect_output ' /kernel$' "$kind: image check finds what the kernel has sealed" bpfgate image check image
  expect_status 0 "$kind: image check finds all seals good" bpfgate image check image
done

# The guest has another libext2fs than the host of the other tests. No time of the superblock is the moment's with that, either.
mkfs.ext4 -q -F -b 4096 -d root image 32M && cp image again || die mkfs.ext4
expect_status 0 "an image as mkfs.ext4 makes it by default" bpfgate image seal image --files-from unsigned.list
sleep 2
expect_status 0 "and once more" bpfgate image seal again --files-from unsigned.list
cmp -s image again && pass "the same bytes" || fail "other bytes: $(diff <(dumpe2fs -h image 2>&1) <(dumpe2fs -h again 2>&1))"
e2fsck -fn image >fsck.log 2>&1 && pass "e2fsck finds nothing" || fail "$(cat fsck.log)"

# The same in a partition of a disk.
cp image part && truncate -s 34M disk && dd if=part of=disk bs=1M seek=1 conv=notrunc 2>/dev/null || die disk
expect_status 0 "a file system on a disk" bpfgate image seal disk --offset 1048576 /bin/loader /lib/library.so
mount_image disk ro,offset=1048576,sizelimit=33554432
same_as_root 'on a disk' 4096
umount at

# Seals without the feature, as mkfs.ext4 -d makes them that copies seals.
debugfs -w -R 'feature -verity' image >/dev/null 2>&1
mount_image image ro
! fsverity measure at/data/4097 >measured 2>&1 && pass "without the feature nothing is measured" || fail "measured: $(cat measured)"
umount at
expect_status 0 "the feature comes with another run" bpfgate image seal image --files-from unsigned.list
mount_image image ro
fsverity measure at/data/4097 >measured 2>&1 && pass "and then it is" || fail "not measured: $(cat measured)"
umount at

# What is on the disk below changes. The content of 1100000 is in whole blocks, and nowhere else.
sealed_image image 4096
spoil() { # FILE BLOCK-OF-IT: another byte in it
  local block
  block=$(debugfs -R "bmap $1 $2" image 2>/dev/null)
  [ "$block" -gt 0 ] || die "no block $2 of $1"
  cp image spoilt
  printf '\377' | dd of=spoilt bs=1 seek=$((block * 4096 + 100)) conv=notrunc 2>/dev/null
  cmp -s image spoilt && die "nothing is spoilt"
}
is_eio() { ! "$@" >/dev/null 2>error && grep -q 'Input/output error' error; }
spoil /data/1100000 7
mount_image spoilt ro
is_eio cat at/data/1100000 && pass "a changed block of content is EIO" || fail "a changed block was read: $(cat error)"
cmp at/data/33792 root/data/33792 && pass "another file is read" || fail "another file was not read"
umount at
expect_output '/data/1100000: its content is not what was sealed' "image check says which" bpfgate image check spoilt
# The tree begins at 17 times 64 KiB; its first block is the root's.
spoil /data/1100000 $((17 * 16 + 1))
mount_image spoilt ro
is_eio cat at/data/1100000 && pass "a changed block of the tree is EIO" || fail "a changed tree was believed: $(cat error)"
umount at
expect_output 'block 1 of the Merkle tree' "image check says where" bpfgate image check spoilt

# The gate.
mount_image image ro
check "sealed and signed in the image" allowed at/bin/loader call
check "sealed alone" denied at/bin/unsigned call
check "signed alone" denied at/bin/unsealed call
check "a signed library" allowed at/bin/loader map-file at/lib/library.so
check "an unsigned library" denied at/bin/loader map-file at/lib/unsigned.so
run_checks baseline
write_manifest policy.json enforce 1
load_gate policy.json
run_checks gate
umount at
mount_image image rw
run_checks gate
setfattr -x user.bpf_prog_sig at/bin/loader
expect_status 1 "its signature is gone" at/bin/loader call
umount at
finish
