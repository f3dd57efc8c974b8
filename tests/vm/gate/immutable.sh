#!/bin/bash
# SPDX-License-Identifier: MIT
# A Debian host whose root is a dm-verity volume, and whose policy names that and nothing else: what it can do, and that nothing from
# elsewhere can. See ../immutable.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
# shellcheck source=../lib/units.sh
. /opt/bpfgate/lib/units.sh
# The host's own bpfgate, not the one that the tests bring.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd "$work" || exit 2
running() { systemctl is-system-running --wait; }
expect_output '^/dev/mapper/root erofs ro' "$1: the root is the volume" findmnt --noheadings --output SOURCE,FSTYPE,OPTIONS /
expect_output '^running$' "$1: every unit is well" running
[ "$failures" = 0 ] || systemctl --failed
expect_output '^mode +enforce, sealed$' "$1: the gate enforces and is sealed" bpfgate gate status
expect_status 0 "$1: it is complete" bpfgate gate status
expect_status 0 "$1: bpftool of the volume works" bpftool prog list
expect_output 'hello' "$1: so does bpftrace" bpftrace -e 'BEGIN { printf("hello\n"); exit(); }'
cp /usr/sbin/bpftool copy
expect_output 'Operation not permitted' "$1: a copy elsewhere does not" ./copy prog list
expect_output 'Operation not permitted' "$1: nor one with the kernel's own linker" /lib64/ld-linux-x86-64.so.2 ./copy prog list
make_units
systemctl daemon-reload
for unit in "${units[@]}"; do expect_status 0 "$1: the service manager's own program, $unit" systemctl start "$unit"; done
expect_status 0 "$1: the service manager re-executes itself" systemctl daemon-reexec
expect_status 0 "$1: and its programs still load" systemctl restart "${units[0]}"
# The device is the gate's anchor: nobody gives it other content.
size=$(blockdev --getsz /dev/mapper/root)
expect_status 1 "$1: another table for the device" dmsetup load root --table "0 $size zero"
expect_status 0 "$1: bpftool works as before" bpftool prog list
finish
