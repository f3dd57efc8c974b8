#!/bin/bash
# SPDX-License-Identifier: MIT
# Puts bpfgate and the host's policy into the initramfs, where the host has one. dracut(8) says when each function is called.
# shellcheck disable=SC2154 # dracutsysrootdir, moddir, initdir: dracut's

check() {
  local directory
  for directory in "$dracutsysrootdir"/etc/bpfgate "$dracutsysrootdir"/usr/lib/bpfgate; do
    if [[ -e $directory/manifest.json || -e $directory/fail-closed ]]; then return 0; fi
  done
  return 1
}

installkernel() {
  hostonly='' instmods dm_verity
}

install() {
  local file
  inst_multiple bpfgate
  inst_simple /usr/share/bpfgate/boot-stage.sh
  # Signatures of files are for the host, and there may be many.
  find "$dracutsysrootdir"/usr/lib/bpfgate "$dracutsysrootdir"/etc/bpfgate \
    -name sigs.d -prune -o \( -type f -o -type l \) -print0 2>/dev/null |
    while IFS= read -r -d '' file; do inst "${file#"$dracutsysrootdir"}"; done
  # A certificate elsewhere than beside the manifest, say, is not there.
  if ! "$dracutsysrootdir/usr/bin/bpfgate" manifest check --host --root "$initdir" >/dev/null; then
    dfatal "bpfgate: the policy cannot be loaded from the initramfs, where it is without what is not below its directory"
    exit 1
  fi
  inst_hook pre-pivot 90 "$moddir/bpfgate.sh"
}
