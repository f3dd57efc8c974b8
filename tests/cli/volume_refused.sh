#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What is no volume, or no longer one, is refused by file and with what to do about it; and then nothing is written.
. "$(dirname "$0")/lib.sh"
# shellcheck source=volumes.sh
. "$(dirname "$0")/volumes.sh"

volume_root
volume_image squashfs v.raw
expect 0 bpfgate volume format v.raw --salt 00 --uuid $uuid
cp v.raw good.raw && cp v.verity good.verity && cp v.roothash good.roothash

# spoilt FILE POSITION MESSAGE: verify finds it, as veritysetup does.
spoilt() {
  flip "$1" "$2"
  expect 1 bpfgate volume verify v.raw
  err "bpfgate: v.raw and v.verity are not what the root hash is of: $3"
  ! veritysetup verify v.raw v.verity --root-hash-file v.roothash 2>.veritysetup || fail "veritysetup takes it"
  expect 1 bpfgate volume manifest v.raw --loader full=/usr/bin/tool
  [ ! -s .out ] || fail "a manifest's entry of a volume that does not hold"
  cp "good.${1##*.}" "$1"
  expect 0 bpfgate volume verify v.raw
}
spoilt v.raw 0 'Verification failed at position 0'
spoilt v.raw $(($(stat -c %s v.raw) - 1)) 'Verification failed at position'
spoilt v.verity 4096 'Verification failed at position'
spoilt v.verity 88 'Verification failed at position' # the salt

tr 0-9a-f 1-9a-f0 <good.roothash >v.roothash
expect 1 bpfgate volume verify v.raw
err 'are not what the root hash is of: Verification of root hash failed'
for text in '' 'abc' 'sha256:00' "$(cat good.roothash) x"; do
  printf %s "$text" >v.roothash
  expect 1 bpfgate volume verify v.raw
  err 'v.roothash is no root hash in hexadecimal digits'
done
head -c 62 good.roothash >v.roothash
expect 1 bpfgate volume verify v.raw
err 'the root hash has 31 bytes, and that of v.verity has 32'
cp good.roothash v.roothash
expect 1 bpfgate volume verify v.raw --root-hash "sha512:$(cat v.roothash)"
err 'v.verity is of sha256, not sha512'
expect 2 bpfgate volume verify v.raw --root-hash xyz
# What a script has left empty is no wish for what is beside the image.
for option in --root-hash --root-hash-file --tree --signature; do expect 2 bpfgate volume verify v.raw $option ''; done
expect 1 bpfgate volume verify none.raw --tree v.verity --root-hash-file v.roothash
err 'none.raw: No such file or directory'
expect 1 bpfgate volume verify v.raw --tree none
err 'none: No such file or directory'
expect 1 bpfgate volume verify v.raw --tree good.raw
err 'good.raw is no hash tree of dm-verity'
err '  make one: bpfgate volume format'

# refused STATUS MESSAGE ARGUMENT...: no tree is made, and an older one stays.
refused() {
  unchanged expect "$1" bpfgate volume format "${@:3}"
  err "$2"
}
pattern 8192 >other.raw
refused 1 'other.raw is no ext4, squashfs or erofs' other.raw
{ cat v.raw; echo; } >odd.raw
refused 1 'which are no whole blocks of 4096' odd.raw
truncate -s %4096 odd.raw
expect 0 bpfgate volume format odd.raw
refused 1 'none.raw: No such file' none.raw
refused 1 'No such file or directory' v.raw --tree none/tree
refused 1 'No such file or directory' v.raw --root-hash-file none/roothash
refused 1 '/dev/null is no regular file' v.raw --tree /dev/null
refused 1 '/dev/null is no regular file' v.raw --root-hash-file /dev/null
ln -s v.raw link.raw
refused 2 'link.raw is the image itself' v.raw --tree link.raw
refused 2 'v.raw is the image itself' v.raw --root-hash-file ./v.raw
refused 2 '--tree and --root-hash-file are the same file' v.raw --tree x --root-hash-file ./x
refused 2 'is no salt' v.raw --salt 0
refused 2 'is no salt' v.raw --salt "$(printf '%0514d' 0)"
refused 2 'is no UUID' v.raw --uuid 1-2
refused 2 '--hash-alg' v.raw --hash-alg sha1
refused 2 '--data-block-size' v.raw --data-block-size 1000
volume_image ext4 dirty.raw
debugfs -w -R 'feature needs_recovery' dirty.raw >/dev/null 2>&1
refused 1 'dirty.raw: its journal waits to be replayed' dirty.raw
expect 2 bpfgate volume
expect 2 bpfgate volume format
expect 2 bpfgate volume verify v.raw --root-hash 00 --root-hash-file v.roothash

# A disk that is full, where there may be mounts of one's own.
mkdir small
if unshare --map-root-user --mount true 2>/dev/null; then
  # shellcheck disable=SC2016 # the inner shell's $1
  expect 1 unshare --map-root-user --mount bash -c 'mount -t tmpfs -o size=4k tmpfs small || exit 9
    "$1" volume format v.raw --tree small/tree --root-hash-file small/roothash; status=$?; ls -A small; exit $status' - "$BPFGATE"
  [ ! -s .out ] || fail "something is left on the full disk"
fi

# Without root there is no opening; and before it comes to that, signature and root hash must be of one volume.
expect 1 bpfgate volume open --signed v.raw name
err 'v.roothash.p7s is not there, and the volume not signed'
expect 2 bpfgate volume open v.raw
