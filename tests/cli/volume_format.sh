#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Hash trees and root hashes are, byte for byte, those of veritysetup; each accepts what the other has made.
. "$(dirname "$0")/lib.sh"
# shellcheck source=volumes.sh
. "$(dirname "$0")/volumes.sh"

volume_root
for kind in ext4 squashfs erofs; do
  volume_image $kind $kind.raw
  cp $kind.raw before
  for options in '--salt 0011223344' '--salt - --hash-alg sha512' '--salt ff --data-block-size 1024 --hash-block-size 512'; do
    read -ra ours <<<"$options --uuid $uuid"
    expect 0 bpfgate volume format $kind.raw "${ours[@]}"
    no_err
    rm -f reference.verity
    veritysetup format $kind.raw reference.verity --root-hash-file reference.roothash "${ours[@]/--hash-alg/--hash}" >.veritysetup ||
      fail "veritysetup format"
    cmp $kind.verity reference.verity || fail "$kind $options: another tree"
    cmp $kind.roothash reference.roothash || fail "$kind $options: another root hash"
    cmp $kind.raw before || fail "$kind: the image has changed"
    algorithm=sha256
    [[ $options != *sha512* ]] || algorithm=sha512
    out_is "$algorithm:$(cat reference.roothash) $kind.raw"
    veritysetup verify $kind.raw $kind.verity --root-hash-file $kind.roothash || fail "veritysetup verify"
    expect 0 bpfgate volume verify $kind.raw
    out_is "intact $algorithm:$(cat $kind.roothash) $kind.raw"
  done
  [ "$(stat -c %a $kind.verity $kind.roothash | sort -u)" = 644 ] || fail "not readable for everybody"
done

# What veritysetup has made of its own accord.
veritysetup format erofs.raw other.verity --root-hash-file other.roothash >.veritysetup
expect 0 bpfgate volume verify erofs.raw --tree other.verity --root-hash-file other.roothash
expect 0 bpfgate volume verify erofs.raw --tree other.verity --root-hash "sha256:$(tr a-f A-F <other.roothash)"
no_err

# Two runs, two salts; the names of an image that does not end in .raw.
cp squashfs.raw image.img
expect 0 bpfgate volume format image.img
cp image.img.roothash first
expect 0 bpfgate volume format --json image.img --tree t --root-hash-file r
! cmp -s first r || fail "the same salt twice"
json 'o["command"] == "volume format" and o["tree"] == "t" and len(o["salt"]) == 64 and o["data_block_size"] == 4096'
expect 0 bpfgate volume verify --json image.img --tree t --root-hash-file r
json 'o["root_hash"] == "sha256:" + open("r").read() and o["signed"] is False and o["signature_present"] is False and "signer" not in o'
veritysetup verify image.img t "$(cat r)" || fail "veritysetup verify"
# An image that nobody may write to.
chmod 444 image.img
expect 0 bpfgate volume format image.img
