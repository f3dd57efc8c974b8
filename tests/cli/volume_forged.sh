#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Who can write to an image or its tree, or put others in their places at any time, gets no entry for content of his own.
. "$(dirname "$0")/lib.sh"
# shellcheck source=volumes.sh
. "$(dirname "$0")/volumes.sh"

# Two images: what is trusted, and what somebody would like to be.
volume_root
for kind in ext4 squashfs erofs; do volume_image $kind $kind.raw; done
for number in 1 2 3 4 5 6 7; do pattern 5000 >root/usr/bin/a$number; done
for kind in ext4 squashfs erofs; do volume_image $kind evil.$kind; done

# numbers IMAGE: the loader's, of whatever is in the image.
numbers() {
  expect 0 bpfgate volume manifest "$@" --loader full=/usr/bin/tool
  python3 -c 'import json; print(json.load(open(".out"))["volumes"][0]["loaders"][0]["inode"])'
}

# What is behind the blocks that are hashed.
for kind in ext4 squashfs erofs; do
  expect 0 bpfgate volume format $kind.raw
  numbers $kind.raw >$kind.number
  size=$(stat -c %s $kind.raw)
  cp $kind.raw good
  for more in 1 4096 1048576; do
    truncate -s +$more $kind.raw
    for command in verify manifest; do
      expect 1 bpfgate volume $command $kind.raw
      err "bpfgate: $kind.raw has $((size + more)) bytes, and $kind.verity is of $size"
      [ ! -s .out ] || fail "and yet it says something"
    done
    cp good $kind.raw
  done
  expect 0 bpfgate volume verify $kind.raw
done

# forged FILE: a superblock that counts one block, as large as the tree's own. The root hash is of the tree's top then.
forged() {
  python3 -c 'import struct, sys
block, tree, evil = int(sys.argv[1]), open(sys.argv[2], "rb").read(), open(sys.argv[3], "rb").read()
superblock = tree[:64] + struct.pack("<IIQ", block, block, 1) + tree[80:block]
open("forged.verity", "wb").write(superblock + bytes(block))
open("forged.raw", "wb").write(tree[block:2 * block] + evil[block:])' "$@"
}
for block in 512 1024; do
  expect 0 bpfgate volume format ext4.raw --hash-block-size $block
  forged $block ext4.verity evil.ext4
  root_hash=$(cat ext4.roothash)
  # It is what the hashes say: the top of the tree is all that is hashed.
  veritysetup verify forged.raw forged.verity "$root_hash" || fail "no such forgery"
  for command in verify manifest; do
    expect 1 bpfgate volume $command forged.raw --root-hash "$root_hash"
    err "bpfgate: forged.raw has $(stat -c %s evil.ext4) bytes, and forged.verity is of $block"
  done
  # And alone it is no file system.
  truncate -s $block forged.raw
  for command in verify manifest; do
    expect 1 bpfgate volume $command forged.raw --root-hash "$root_hash"
    err 'bpfgate: forged.raw is no ext4, squashfs or erofs'
    [ ! -s .out ] || fail "and yet it says something"
  done
done

# Something is done to the image when it has been verified, and before its numbers are read: dump.erofs does it.
real=$(command -v dump.erofs)
mkdir bin
in_between() { # COMMAND
  printf '#!/bin/sh\n%s\nexec %s "$@"\n' "$1" "$real" >bin/dump.erofs
  chmod +x bin/dump.erofs
}
attacked() { env PATH="$PWD/bin:$PATH" "$BPFGATE" volume manifest v.raw --loader full=/usr/bin/tool; }
again() {
  cp erofs.raw v.raw && cp erofs.verity v.verity && cp erofs.roothash v.roothash
  chmod 644 v.raw v.verity
}
evil_volume() { cp evil.erofs "$1.raw" && bpfgate volume format "$1.raw" >/dev/null; }
evil_volume other
[ "$(numbers other.raw)" != "$(cat erofs.number)" ] || fail "two images with the same numbers show nothing"

again
mv v.raw honest && ln -s honest v.raw
in_between 'ln -sf evil.erofs v.raw'
expect 0 attacked
json "o['volumes'][0]['loaders'][0]['inode'] == $(cat erofs.number)"
cmp -s v.raw evil.erofs || fail "nothing was done in between"

rm v.raw
again
in_between 'cp evil.erofs new && mv new v.raw'
expect 1 attacked
err 'bpfgate: v.raw was changed while it was read'
again
in_between 'sleep 0.1; dd if=evil.erofs of=v.raw conv=notrunc status=none; touch -r erofs.raw v.raw'
expect 1 attacked
err 'bpfgate: v.raw was changed while it was read'
[ ! -s .out ] || fail "numbers of an image that was changed"

# What others may write to is copied before it is looked at, to /var/tmp.
again
chmod 666 v.raw
TMPDIR=$PWD/none expect 0 attacked
json "o['volumes'][0]['loaders'][0]['inode'] == $(cat erofs.number)"
cmp -s -n 4096 v.raw evil.erofs || fail "nothing was done in between"
again
chmod 666 v.verity
expect 0 bpfgate volume verify v.raw
no_room() (trap '' XFSZ && ulimit -f 1 && exec "$BPFGATE" "$@")
expect 1 no_room volume verify v.raw
err 'bpfgate: v.verity: others may write to it'
err 'make room for it in /var/tmp'
chmod 644 v.verity
expect 0 no_room volume verify v.raw

# Nobody waits for a FIFO.
mkfifo fifo
for command in 'format fifo' 'verify fifo --root-hash-file v.roothash' 'manifest v.raw --tree fifo' 'open v.raw name --tree fifo' 'open fifo name --root-hash-file v.roothash'; do
  read -ra words <<<"$command"
  expect 1 timeout 20 "$BPFGATE" volume "${words[@]}"
  err 'bpfgate: fifo is no regular file and no block device'
done
