#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run by tests/images/run: which tools take signatures along into the layers of container images, and out of them.
# shellcheck source=tree.sh
. /source/tests/images/tree.sh

# tar asks for it on both sides.
quietly tar -C root -c -f without.tar .
quietly tar --xattrs -C root -c -f with.tar .
mkdir without with neither
quietly tar --xattrs -C without -x -f without.tar
lost without/usr/bin/tool
quietly tar -C neither -x -f with.tar
lost neither/usr/bin/tool
quietly tar --xattrs -C with -x -f with.tar
kept with/usr/bin/tool

# unpacked IMAGE: its file as umoci unpacks it, into a directory of the image's name.
unpacked() {
  quietly umoci unpack --image "$1:latest" "unpacked-$1"
  echo "unpacked-$1/rootfs/usr/bin/tool"
}

# umoci, and skopeo, which takes layers as they are.
quietly umoci init --layout inserted
quietly umoci new --image inserted:latest
quietly umoci insert --image inserted:latest root/usr /usr
kept "$(unpacked inserted)"
quietly umoci init --layout repacked
quietly umoci new --image repacked:latest
quietly umoci unpack --image repacked:latest bundle
cp -a root/usr bundle/rootfs/
quietly umoci repack --image repacked:latest bundle
kept "$(unpacked repacked)"
quietly skopeo --insecure-policy copy oci:repacked:latest oci:copied:latest
kept "$(unpacked copied)"

# buildah, with the storage that podman has, too.
buildah_here() { quietly buildah --root "$PWD/storage" --runroot "$PWD/run" --storage-driver vfs "$@"; }
export BUILDAH_ISOLATION=chroot
built() {
  printf 'FROM scratch\n%s\n' "$2" >Containerfile
  buildah_here build -f Containerfile -t "oci:$1:latest" .
  unpacked "$1"
}
kept "$(built by-copy 'COPY root/ /')"
kept "$(built by-add 'ADD with.tar /')"
lost "$(built by-add-without 'ADD without.tar /')"

# A layer whose tar was made without them.
layer() {
  quietly umoci init --layout "$1"
  quietly umoci new --image "$1:latest"
  quietly umoci raw add-layer --image "$1:latest" "$2"
  unpacked "$1"
}
kept "$(layer layer-with with.tar)"
lost "$(layer layer-without without.tar)"

# An archive by mkosi, which takes what it has in its tree; but it puts files into that without their attributes.
mkdir -p tree/mkosi.skeleton/usr/{bin,lib} tree/mkosi.output
cp --preserve=mode,xattr root/usr/bin/tool tree/mkosi.skeleton/usr/bin/from-skeleton
cp --preserve=mode,xattr root/usr/bin/tool tree/tool
# shellcheck disable=SC2016 # the script's own
printf '#!/bin/sh\nexec cp --preserve=mode,xattr "$SRCDIR/tool" "$BUILDROOT/usr/bin/by-script"\n' >tree/mkosi.finalize
chmod +x tree/mkosi.finalize
echo ID=none >tree/mkosi.skeleton/usr/lib/os-release
printf '[Distribution]\nDistribution=custom\n[Content]\nBootable=no\n[Output]\nImageId=tree\nOutputDirectory=mkosi.output\n' >tree/mkosi.conf
quietly mkosi --directory tree --format tar --compress-output none build
mkdir from-mkosi
quietly tar --xattrs -C from-mkosi -x -f tree/mkosi.output/tree.tar
kept from-mkosi/usr/bin/by-script
lost from-mkosi/usr/bin/from-skeleton
quietly mkosi --directory tree --format oci -f build
quietly skopeo --insecure-policy copy oci:tree/mkosi.output/tree oci:oci:latest
kept "$(unpacked oci | sed s,tool$,by-script,)"
