#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run by tests/images/run: packaging/mkosi with the real mkosi. The example as docs/IMAGES.md says; the rest on an image of one
# program, which takes seconds.
export BPFGATE=/usr/bin/bpfgate
# shellcheck source=../cli/lib.sh
. /source/tests/cli/lib.sh

# build good|refused DIRECTORY [OPTION...]: by mkosi, with what it keeps of packages and nothing else.
build() {
  local want=$1 directory=$2 got=good
  shift 2
  rm -rf "$directory/mkosi.output"
  mkdir "$directory/mkosi.output"
  mkosi --directory "$directory" --workspace-directory "$PWD" --cache-only always --sandbox-tree /build/sandbox "$@" -f build >.out 2>.err || got=refused
  [ "$got" = "$want" ] || fail "mkosi: $got instead of $want" 1
}

# outcome TEXT: mkosi or the script has said so.
outcome() { cat .out .err | grep -qF -- "$1" || fail "nobody has said: $1" 1; }
nothing_made() { [ -z "$(ls "$1/mkosi.output")" ] || fail "there is: $(ls "$1/mkosi.output")" 1; }
# partition DISK NUMBER FILE
partition() {
  local start size
  read -r start size < <(sfdisk -J "$1" | jq -r ".partitiontable.partitions[$2-1] | \"\\(.start * 512) \\(.size * 512)\"")
  dd if="$1" of="$3" bs=1M iflag=skip_bytes,count_bytes skip="$start" count="$size" status=none
}
flip() { printf '\377\376' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

# The example: files sealed in an ext4.
cp -r /source/packaging/mkosi/example example
keys=example/mkosi.profiles/sealed/bpfgate
for name in loaders libraries; do signer $name; mv $name.key $name.pem $keys/; done
signer stranger
build good example --profile sealed
partition example/mkosi.output/example.raw 1 root.img
e2fsck -fn root.img >.fsck 2>&1 || fail "e2fsck: $(cat .fsck)"
expect 0 bpfgate image check root.img --cert $keys/loaders.pem --library-cert $keys/libraries.pem /usr/sbin/bpftool \
  /usr/lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
grep -q '^loader signature-by-.*loaders.pem sha256:.* /usr/sbin/bpftool$' .out || fail "bpftool is no loader"
grep -q '^library signature-by-.*libraries.pem sha256:.* /usr/lib/x86_64-linux-gnu/libc.so.6$' .out || fail "libc.so.6 is no library"
debugfs -R 'dump /usr/sbin/bpftool bpftool' root.img 2>/dev/null
grep -qF "$(fsverity digest --compact bpftool)" .out || fail "the digest is another file's"
expect 1 bpfgate image check root.img --cert stranger.pem /usr/sbin/bpftool
expect 1 bpfgate image check root.img --cert $keys/loaders.pem --library-cert $keys/libraries.pem /usr/bin/bash

# The example: a volume, and what a manifest says of it.
build good example --profile volume
partition example/mkosi.output/example.raw 1 data
partition example/mkosi.output/example.raw 2 tree
hash=$(jq -r '.volumes[0].root_hash' example/mkosi.output/example.volume.json)
veritysetup verify data tree "${hash#sha256:}" || fail "veritysetup does not know the root hash $hash"
expect 0 bpfgate volume verify data --tree tree --root-hash "$hash"
[ "$(jq -r '.volumes[0].loaders[0].path' example/mkosi.output/example.volume.json)" = /usr/sbin/bpftool ] || fail "no loader"
inode=$(dump.erofs --path=/usr/sbin/bpftool data | sed -n 's/^NID: \([0-9]*\).*/\1/p')
[ "$(jq -r '.volumes[0].loaders[0].inode' example/mkosi.output/example.volume.json)" = "$inode" ] || fail "the inode is not $inode"
flip data 1000000
expect 1 bpfgate volume verify data --tree tree --root-hash "$hash"

# One program, and what is not done.
mkdir -p small/mkosi.{repart,bpfgate,skeleton/usr/{bin,lib}}
cp /usr/bin/openssl small/mkosi.skeleton/usr/bin/tool
cp /usr/bin/openssl small/mkosi.skeleton/usr/bin/tool-2
ln -s tool small/mkosi.skeleton/usr/bin/tool-link
echo ID=none >small/mkosi.skeleton/usr/lib/os-release
printf '[Partition]\nType=root\nFormat=ext4\nCopyFiles=/\nSizeMinBytes=16M\nSizeMaxBytes=16M\n' >small/mkosi.repart/10-root.conf
printf '[Distribution]\nDistribution=custom\n[Output]\nFormat=disk\nImageId=small\nOutputDirectory=mkosi.output\n[Content]\nBootable=no\n%s\n' \
  PostOutputScripts=/usr/share/bpfgate/mkosi/postoutput   >small/mkosi.conf
lists=small/mkosi.bpfgate
build refused small
outcome 'has neither loaders.list nor libraries.list nor volume.list'
nothing_made small

# Sealed and not signed; a pattern names files and no links. A partition's copy is as the partition.
echo '/usr/bin/tool*' >$lists/loaders.list
build good small --split-artifacts partitions
partition small/mkosi.output/small.raw 1 root.img
cmp root.img small/mkosi.output/small.root-x86-64.raw || fail "what was split off is not what is in the image"
expect 0 bpfgate image check root.img
out "unsigned sha256:$(fsverity digest --compact /usr/bin/openssl) /usr/bin/tool"
out "unsigned sha256:$(fsverity digest --compact /usr/bin/openssl) /usr/bin/tool-2"
[ "$(wc -l <.out)" = 2 ] || fail "more is sealed than was asked for"

build refused small --checksum yes
outcome 'make them of the result'
nothing_made small
build refused small --compress-output zstd
outcome 'or has compressed it'
nothing_made small
echo '/usr/bin/other*' >$lists/loaders.list
build refused small
outcome 'nothing in the image matches /usr/bin/other*'
nothing_made small
echo /usr/bin/tool-link >$lists/loaders.list
build refused small
outcome 'tool-link'
nothing_made small
# Half a signer is a mistake, not a file without a signature.
echo /usr/bin/tool >$lists/loaders.list
cp stranger.key $lists/loaders.key
build refused small
outcome 'has no loaders.pem'
cp $keys/loaders.pem $lists/
build refused small
outcome 'does not belong to the key'
nothing_made small
# Signed elsewhere.
rm $lists/loaders.key
mkdir $lists/loaders.signatures
cp /usr/bin/openssl tool
expect 0 bpfgate sign --detached --output-dir $lists/loaders.signatures --key stranger.key --cert stranger.pem tool
build refused small
outcome 'loaders.signatures/tool.bpfsig is not a signature by CN=test loaders'
nothing_made small
expect 0 bpfgate sign --detached --output-dir $lists/loaders.signatures --key $keys/loaders.key --cert $keys/loaders.pem tool
build good small
partition small/mkosi.output/small.raw 1 root.img
expect 0 bpfgate image check root.img --cert $keys/loaders.pem /usr/bin/tool
# One list has a signer, the other has none.
echo /usr/bin/tool-2 >$lists/libraries.list
build good small
partition small/mkosi.output/small.raw 1 root.img
expect 0 bpfgate image check root.img --cert $keys/loaders.pem /usr/bin/tool
expect 0 bpfgate image check root.img /usr/bin/tool-2
out "unsigned sha256:$(fsverity digest --compact tool) /usr/bin/tool-2"
# A file has one signature: what both lists name is not signed by both signers.
cp $keys/libraries.* $lists/
echo /usr/bin/tool >$lists/libraries.list
build refused small
outcome "no-evidence signature-untrusted sha256:$(fsverity digest --compact tool) /usr/bin/tool"
outcome 'mkosi.bpfgate/loaders.list: not all of this'
nothing_made small
rm $lists/libraries.*

# Another partition than the root's.
rm -r $lists/loaders.*
echo '/bin/tool' >$lists/loaders.list
build refused small --environment BPFGATE_PARTITION=usr
outcome 'has no partition of the type usr'
nothing_made small
printf '[Partition]\nType=usr\nFormat=ext4\nCopyFiles=/usr:/\nSizeMinBytes=16M\nSizeMaxBytes=16M\n' >small/mkosi.repart/20-usr.conf
build good small --environment BPFGATE_PARTITION=usr
partition small/mkosi.output/small.raw 2 usr.img
expect 0 bpfgate image check usr.img /bin/tool
rm small/mkosi.repart/20-usr.conf
echo /usr/bin/tool >$lists/loaders.list

# What a volume's tree is over is not changed.
printf '[Partition]\nType=root-verity\nVerity=hash\nVerityMatchKey=root\nSizeMinBytes=1M\nSizeMaxBytes=1M\n' >small/mkosi.repart/20-root-verity.conf
printf 'Verity=data\nVerityMatchKey=root\n' >>small/mkosi.repart/10-root.conf
build refused small
outcome 'its root partition is a volume'
nothing_made small
rm $lists/*.list
echo inspect=/usr/bin/nobody >$lists/volume.list
build refused small
outcome '/usr/bin/nobody'
nothing_made small
echo inspect=/usr/bin/tool >$lists/volume.list
rm small/mkosi.repart/20-root-verity.conf
sed -i /Verity/d small/mkosi.repart/10-root.conf
build refused small
outcome 'has no partition for a root or usr with its Verity=hash'
nothing_made small
