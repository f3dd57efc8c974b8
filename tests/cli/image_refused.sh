#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What cannot be sealed is refused by image, by path and with what to do about it, and then nothing is written at all.
. "$(dirname "$0")/lib.sh"
# shellcheck source=images.sh
. "$(dirname "$0")/images.sh"

mkdir -p root/usr/bin
pattern 10000 >root/usr/bin/tool
echo short >root/usr/bin/short
ln -s tool root/usr/bin/link
mkfifo root/usr/bin/fifo

image i.img 16M -b 4096
# not_sealed STATUS MESSAGE REMEDY ARGUMENT...
not_sealed() {
  local status=$1 message=$2 remedy=$3
  shift 3
  refused "$status" i.img bpfgate image seal i.img "$@"
  err "bpfgate: i.img: $message"
  err "  $remedy"
}
not_sealed 1 '/usr/bin/link: is a symbolic link' 'name the file that it points to' /usr/bin/tool /usr/bin/link
err 'bpfgate: i.img: nothing was written'
not_sealed 1 '/usr/bin: is a directory' 'name the files in it' /usr/bin
not_sealed 1 '/none: there is no such file in the image' 'paths begin at the root of the image' /none
not_sealed 1 '/usr/bin/tool/x: there is no such file in the image' 'paths begin at' /usr/bin/tool/x
refused 1 i.img bpfgate image seal i.img /usr/bin/fifo
err 'bpfgate: i.img: /usr/bin/fifo: is no regular file'
# Before anything is copied: no file of the image's size can be made here, nor one of its content.
refused 1 i.img bash -c 'ulimit -f 64; trap "" XFSZ; exec "$BPFGATE" image seal i.img -o out.img /usr/bin/tool /none'
err 'bpfgate: i.img: /none: there is no such file in the image'
refused 1 i.img bash -c 'ulimit -f 64; trap "" XFSZ; exec "$BPFGATE" image seal i.img -o out.img /usr/bin/tool'
err 'File too large'
# All that is wrong is said at once.
refused 1 i.img bpfgate image seal --json i.img /none /usr/bin/tool usr
json '["error" in f for f in o["files"]] == [True, True] and o["files"][1]["error"]["message"] == "i.img: usr: is a directory"'
expect 2 bpfgate image seal i.img
err 'no files given'
expect 2 bpfgate image seal i.img /usr/bin/tool --block-size 1000
expect 2 bpfgate image

# of OPTIONS STATUS MESSAGE REMEDY [ARGUMENT...]: an image of another kind.
of() {
  image i.img 32M -b 4096 -O "$1"
  not_sealed "${@:2}" /usr/bin/short
}
of bigalloc 3 'allocates in clusters' 'make it with mkfs.ext4 -O ^bigalloc'
of quota 3 'keeps quotas' 'switch them off with tune2fs -O ^quota'
of inline_data 3 '/usr/bin/short: its content is in the inode (inline_data)' 'make the file system with mkfs.ext4 -O ^inline_data'
of ^extent,^64bit 3 '/usr/bin/short: has no extents' 'make the file system with mkfs.ext4 -O extent'
# The mends are some.
image i.img 32M -b 4096 -O quota
tune2fs -O ^quota i.img >/dev/null 2>&1
expect 0 bpfgate image seal i.img /usr/bin/short
tune2fs -O quota i.img >/dev/null 2>&1
clean i.img
image i.img 32M -b 4096 -O ^extent,^64bit
tune2fs -O extent i.img >/dev/null 2>&1
e2fsck -fyE bmap2extent i.img >/dev/null 2>&1 || :
expect 0 bpfgate image seal i.img /usr/bin/short
clean i.img

image i.img 32M -b 1024
not_sealed 3 'its blocks of 1024 bytes are smaller than the 4096 of the Merkle tree' 'use --block-size 1024' /usr/bin/tool

# A file system that is full, in blocks and in room for a signature.
rm root/usr/bin/fifo
image i.img 4M -b 4096 -m 0 -O ^has_journal,^resize_inode -N 32
free=$(dumpe2fs -h i.img 2>/dev/null | sed -n 's/^Free blocks: *//p')
pattern $(((free - 1) * 4096)) >filler
debugfs -w -R 'write filler filler' i.img >/dev/null 2>&1
clean i.img
not_sealed 1 '/usr/bin/tool: allocate 2 blocks: the file system in the image is full' 'make it larger' /usr/bin/short /usr/bin/tool
truncate -s 8M i.img
resize2fs i.img >/dev/null 2>&1
expect 0 bpfgate image seal i.img /usr/bin/short /usr/bin/tool
clean i.img

# What is left in disorder, and what is no such image.
image i.img 16M -b 4096
debugfs -w -R 'feature needs_recovery' i.img >/dev/null 2>&1
not_sealed 1 'its journal waits to be replayed' 'unmount it, or replay the journal' /usr/bin/tool
expect 1 bpfgate image check i.img
image i.img 16M -b 4096
debugfs -w -R 'set_super_value state 2' i.img >/dev/null 2>&1
not_sealed 1 'was not unmounted, or has errors' 'repair it with e2fsck -f' /usr/bin/tool
image i.img 16M -b 4096
truncate -s 15M i.img
not_sealed 1 'has 15728640 bytes of a file system of 16777216' 'it was cut off' /usr/bin/tool
image i.img 16M -b 4096
debugfs -w -R "freeb $(debugfs -R 'blocks /usr/bin/short' i.img 2>/dev/null)" i.img >/dev/null 2>&1
not_sealed 1 'is damaged: inode' 'repair it with e2fsck -f' /usr/bin/tool
# The content of a partition, and a table of partitions before it.
image part.img 16M -b 4096
{ pattern 1048576; cat part.img; } >i.img
not_sealed 1 'no ext4 file system' 'of a whole disk'\''s image say with --offset where the partition begins' /usr/bin/tool
head -c 500 /dev/zero >i.img
not_sealed 1 'no ext4 file system' 'of a whole disk'\''s image' /usr/bin/tool
expect 1 bpfgate image check i.img

image i.img 16M -b 4096
ln -s i.img link.img
expect 1 bpfgate image seal link.img /usr/bin/tool
err 'link.img is no regular file, but a symbolic link'
expect 1 bpfgate image seal /dev/null /usr/bin/tool
err '/dev/null: is no regular file'
refused 1 i.img bpfgate image seal i.img -o /dev/full /usr/bin/tool
err '/dev/full is no regular file'
refused 1 i.img bpfgate image seal i.img -o none/out.img /usr/bin/tool
expect 1 bpfgate image seal none.img /usr/bin/tool
err 'none.img: No such file or directory'
# An older result stays when there is no new one.
echo old >out.img
refused 1 i.img bpfgate image seal i.img -o out.img /none
[ "$(cat out.img)" = old ] || fail "the output was written"

# Two at once: to read it, and no more.
exec {lock}<i.img
flock -x "$lock"
not_sealed 1 'another program is working on it' 'wait until it has ended' /usr/bin/tool
not_sealed 1 'another program is working on it' 'wait until it has ended' -o out.img /usr/bin/tool
flock -s "$lock"
not_sealed 1 'another program is working on it' 'wait until it has ended' /usr/bin/tool
expect 0 bpfgate image seal i.img -o out.img /usr/bin/tool
