#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What an initramfs's stage does with the answers of `bpfgate gate boot`, and where that cannot even run, in a root of its own: the
# kernel's files there are ordinary ones.
. "$(dirname "$0")/lib.sh"

mkdir -p initramfs/{usr/bin,proc,dev,etc/bpfgate,usr/lib/bpfgate,run/bpfgate,new/etc/bpfgate,new/usr/lib/bpfgate}
for tool in sh cat; do
  for file in "$(command -v $tool)" $(ldd "$(command -v $tool)" | grep -o '/[^ ]*'); do
    mkdir -p "initramfs$(dirname "$file")"
    cp -L "$file" "initramfs$file"
  done
done
cp "$SOURCE/packaging/boot-stage.sh" initramfs/boot-stage.sh
tool() { # NAME LINE...
  printf '%s\n' '#!/bin/sh' "${@:2}" >"initramfs/usr/bin/$1"
  chmod +x "initramfs/usr/bin/$1"
}
mkdir -p initramfs/bin
[ -e initramfs/bin/sh ] || cp -L /bin/sh initramfs/bin/sh
tool modprobe 'echo "modprobe $*" >>/did'
tool sync 'echo sync >>/did'
# A machine that is powered off runs no further.
tool sleep 'echo "sleep $1" >>/did; [ "$1" != 60 ] || kill -9 $PPID'

# stage ANSWER WORD...: bpfgate exits with ANSWER, or is not there ("absent") or broken ("broken"); WORD... is the kernel's command line.
stage() {
  local answer=$1
  shift
  rm -f initramfs/usr/bin/bpfgate initramfs/did
  case $answer in
    absent) ;;
    broken) tool bpfgate 'kill -SEGV $$' ;;
    *) tool bpfgate 'echo "bpfgate $*" >>/did' "exit $answer" ;;
  esac
  echo "$*" >initramfs/proc/cmdline
  : >initramfs/proc/sysrq-trigger
  : >initramfs/dev/console
  { unshare --user --map-root-user chroot initramfs /bin/sh -c '. /boot-stage.sh; bpfgate_boot /new; echo goes on >>/did' >.out || :; } 2>.err
}
goes_on() {
  grep -qx 'goes on' initramfs/did || fail "the host does not go on" 1
  [ ! -s initramfs/proc/sysrq-trigger ] || fail "the host is powered off" 1
}
is_powered_off() {
  [ "$(cat initramfs/proc/sysrq-trigger)" = o ] || fail "the host is not powered off" 1
  ! grep -qx 'goes on' initramfs/did || fail "the host goes on" 1
  grep -q 'it did not run' initramfs/dev/console || fail "nobody is told why" 1
}

# It has been asked, about the root file system, and dm_verity is there before; what it answers has been done by itself.
for answer in 0 1 3 4; do
  stage $answer bpfgate=enforce
  goes_on
  [ "$(head -n 2 initramfs/did)" = "modprobe -q dm_verity
bpfgate gate boot --host /new" ] || fail "not asked: $(cat initramfs/did)"
done

# Where it did not run, a host goes on unless somebody has said otherwise.
for answer in absent broken 2 126; do
  stage "$answer" quiet
  goes_on
  stage "$answer" quiet bpfgate=audit
  goes_on
  stage "$answer" quiet bpfgate=enforce ro
  is_powered_off
  # The last one counts, and what is for process 1 does not.
  stage "$answer" bpfgate=enforce bpfgate=off
  goes_on
  stage "$answer" quiet -- bpfgate=enforce
  goes_on
  # A misspelt one asks for nothing, whatever came before it.
  stage "$answer" bpfgate=enforce bpfgate=enfroce
  goes_on
done
for place in etc/bpfgate usr/lib/bpfgate run/bpfgate new/etc/bpfgate new/usr/lib/bpfgate; do
  : >"initramfs/$place/fail-closed"
  for answer in absent broken; do
    stage $answer quiet
    is_powered_off
    stage $answer quiet bpfgate=audit
    is_powered_off
    stage $answer bpfgate=off bpfgate=of
    is_powered_off
    stage $answer bpfgate=off
    goes_on
  done
  stage 0 quiet
  goes_on
  # A link to what only the host has.
  ln -sf /elsewhere/fail-closed "initramfs/$place/fail-closed"
  stage absent quiet
  is_powered_off
  rm "initramfs/$place/fail-closed"
done
