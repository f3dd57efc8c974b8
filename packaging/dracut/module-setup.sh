#!/bin/bash
# SPDX-License-Identifier: MIT
# Puts bpfgate and the host's policy into the initramfs, where the host has one. dracut(8) says when each function is called.
# shellcheck disable=SC2154 # dracutsysrootdir, moddir, initdir: dracut's

# A link that leads nowhere is there, as it is to bpfgate.
there_is() {
  local file
  for file in "$dracutsysrootdir"/{usr/lib,etc}/bpfgate/"$1"; do
    if [[ -e $file || -L $file ]]; then return 0; fi
  done
  return 1
}

check() { there_is manifest.json || there_is fail-closed; }

installkernel() {
  hostonly='' instmods dm_verity
}

install() {
  local file
  inst_multiple bpfgate cat modprobe sleep sync
  inst_simple /usr/share/bpfgate/boot-stage.sh
  # Signatures of files are for the host, and there may be many.
  find "$dracutsysrootdir"/usr/lib/bpfgate "$dracutsysrootdir"/etc/bpfgate \
    -name sigs.d -prune -o \( -type f -o -type l \) -print0 2>/dev/null |
    while IFS= read -r -d '' file; do inst "${file#"$dracutsysrootdir"}"; done
  inst_hook pre-pivot 90 "$moddir/bpfgate.sh"
  # Without a policy the stage is what powers the host off.
  if ! there_is manifest.json; then
    dwarn "bpfgate: this host fails closed, and has no policy: it will not boot"
    return 0
  fi
  # A certificate elsewhere than beside the manifest, say, is not there.
  if ! "$dracutsysrootdir/usr/bin/bpfgate" manifest check --host --root "$initdir" >/dev/null; then
    dfatal "bpfgate: the policy cannot be loaded from the initramfs, where it is without what is not below its directory"
    exit 1
  fi
}
