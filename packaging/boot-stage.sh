# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# At the end of an initramfs, whoever made it: from here on programs of the root file system run.

# bpfgate_boot DIRECTORY: where the root file system is mounted. What could not be done has been said; where the host must not go
# on without a gate, bpfgate has powered it off. Unless it could not even run.
bpfgate_boot() {
  # Without it the kernel follows no volumes, and a gate that was loaded without cannot begin to.
  modprobe -q dm_verity
  /usr/bin/bpfgate gate boot --host "$1" && return
  case $? in
    1 | 3 | 4) return ;;
  esac
  choice=
  for word in $(cat /proc/cmdline); do
    case $word in
      --) break ;;
      bpfgate=*) choice=${word#*=} ;;
    esac
  done
  case $choice in
    off) return ;;
    enforce) bpfgate_power_off ;;
  esac
  for directory in etc usr/lib run; do
    for file in "/$directory/bpfgate/fail-closed" "$1/$directory/bpfgate/fail-closed"; do
      # A link may lead to what only the host has.
      if [ -e "$file" ] || [ -L "$file" ]; then bpfgate_power_off; fi
    done
  done
}

bpfgate_power_off() {
  echo "bpfgate: it did not run, and this host does not without its gate: it is powered off in 5 seconds" >/dev/console
  sleep 5
  sync
  echo o >/proc/sysrq-trigger
  while :; do sleep 60; done
}
