#!/bin/bash
# SPDX-License-Identifier: MIT
# The gate beside systemd's RestrictFileSystemAccess=, by either alone ("gate", "systemd") and by both. See ../fsaccess.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
# shellcheck source=../lib/units.sh
. /opt/bpfgate/lib/units.sh
# The host's own bpfgate, not the one that the tests bring: that lies where nothing may be executed.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd "$work" || exit 2
gated=1 restricted=126
case $1 in
  gate) restricted='' ;;
  systemd) gated=0 ;;
esac
is_running() { systemctl is-system-running --wait; }
expect_output '^/dev/mapper/root erofs ro' "$1: the root is the volume" findmnt --noheadings --output SOURCE,FSTYPE,OPTIONS /
expect_output '^running$' "$1: every unit is well" is_running
[ "$failures" = 0 ] || systemctl --failed
[ $gated = 0 ] || expect_output '^mode +enforce, sealed$' "$1: the gate enforces and is sealed" bpfgate gate status

# A loader that the gate trusts by its signature, on a file system that the service manager does not trust.
truncate -s 64M ext4.img
mkfs.ext4 -q -O verity -b 4096 ext4.img && mkdir ext4 && mount -o loop ext4.img ext4 || die "ext4"
cp /usr/local/bin/witness ext4/signed
cp /usr/local/bin/witness ext4/unsigned
keys=/opt/bpfgate/keys
sign_as loaders loader ext4/signed
seal ext4/signed

# Not bpftool, which gives up at the first program that the service manager keeps to itself.
programs() {
  expect_output '^hello$' "$1: a loader of the volume" bpftrace -e 'BEGIN { printf("hello\n"); exit(); }'
  expect_status $gated "$1: another program of the volume" witness call
  expect_status "${restricted:-0}" "$1: a signed loader from elsewhere" ext4/signed call
  expect_status "${restricted:-$gated}" "$1: an unsigned program from elsewhere" ext4/unsigned call
}
refused_to() { bpfgate events --journal --kind refused --comm "$1" | grep "$2" || echo nothing; }
programs "$1"
make_units
systemctl daemon-reload
for unit in "${units[@]}"; do expect_status 0 "$1: the service manager's own program, $unit" systemctl start "$unit"; done
expect_status 0 "$1: the service manager re-executes itself" systemctl daemon-reexec
programs "$1, re-executed"
expect_status 0 "$1: and its programs still load" systemctl restart "${units[0]}"
if [ $gated = 1 ]; then
  expect_output 'comm=witness' "$1: the journal has what the gate has refused" refused_to witness comm=
  # Others are: what libbpf tries out on every host, and can do without.
  expect_output '^nothing$' "$1: and no LSM program of the service manager's" refused_to systemd 'prog_load lsm'
fi

# So far they were loaded before the gate was. Here they are loaded under it; what follows is that nothing is executed any more,
# for the service manager learns of a volume when it is opened, and the root has been opened long ago.
if [ "$1" = gate ]; then
  mkdir -p /run/systemd/system.conf.d
  printf '[Manager]\nRestrictFileSystemAccess=yes\n' >/run/systemd/system.conf.d/restrict.conf
  systemctl daemon-reexec
  expect_status 126 "$1: the service manager loads its programs under the gate" /bin/true
fi
finish
