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
# A root hash says which algorithm's it is: it has as many digits, and so has the tree, but for some that are of another all the same.
expect 0 bpfgate volume verify v.raw --root-hash "sha256:$(cat v.roothash)"
for text in "sha512:$(cat v.roothash)" sha512:00 sha256: "sha1:$(head -c 40 v.roothash)" ":$(cat v.roothash)"; do
  for command in 'verify v.raw' 'open v.raw name' 'manifest v.raw'; do
    read -ra words <<<"$command"
    expect 2 bpfgate volume "${words[@]}" --root-hash "$text"
    err "--root-hash: \"$text\": "
  done
done
veritysetup format v.raw sha3.verity --hash sha3-256 --root-hash-file sha3.roothash >.veritysetup
expect 0 bpfgate volume verify v.raw --tree sha3.verity --root-hash "$(cat sha3.roothash)"
for command in 'verify v.raw' 'open v.raw name' 'manifest v.raw'; do
  read -ra words <<<"$command"
  expect 1 bpfgate volume "${words[@]}" --tree sha3.verity --root-hash "sha256:$(cat sha3.roothash)"
  err 'sha3.verity is of sha3-256, not sha256'
done
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
ln -s . here
refused 2 'here/v.raw is the image itself' v.raw --root-hash-file here/v.raw
refused 2 '--tree and --root-hash-file are the same file' v.raw --tree x --root-hash-file here/x
refused 2 '--tree and --root-hash-file are the same file' v.raw --tree here/../x --root-hash-file ../"${PWD##*/}"/../x
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

# No room for the tree.
limited() (trap '' XFSZ && ulimit -f 1 && exec "$BPFGATE" "$@")
unchanged expect 1 limited volume format v.raw
err 'v.raw: its hash tree cannot be made'

# A disk that is full, where there may be mounts of one's own: so that there is no room for the tree, or for the root hash alone.
# full FILLING OPTION...: files are made before, and what is left of them is printed.
full() {
  # shellcheck disable=SC2016 # the inner shell's
  unshare --map-root-user --mount bash -c 'mount -t tmpfs -o size=4k tmpfs small && head -c "$2" /dev/zero >small/filling || exit 9
    "$1" volume format v.raw "${@:3}"; status=$?; ls -A small; exit $status' - "$BPFGATE" "$@"
}
mkdir small
if unshare --map-root-user --mount true 2>/dev/null; then
  unchanged expect 1 full 0 --tree small/tree --root-hash-file small/roothash
  err 'v.raw: its hash tree cannot be made'
  out_is filling
  unchanged expect 1 full 4096 --root-hash-file small/roothash
  err 'small/roothash: No space left on device'
  out_is filling
  expect 0 full 0 --tree other.verity --root-hash-file small/roothash
  [ "$(tail -n +2 .out)" = "$(printf 'filling\nroothash')" ] || fail "no root hash on the small disk"
else
  echo "no namespaces for users: no disk that is full" >&2
fi

# Without root there is no opening; and before it comes to that, signature and root hash must be of one volume.
expect 1 bpfgate volume open --signed v.raw name
err 'v.roothash.p7s is not there, and the volume not signed'
expect 2 bpfgate volume open v.raw
