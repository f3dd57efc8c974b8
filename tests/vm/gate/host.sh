#!/bin/bash
# SPDX-License-Identifier: MIT
# A Debian host that enforces from its initramfs on: what its service manager, its tools and its administrator can do, and what a
# copy of a tool cannot; after a soft reboot, and after a boot, the same. See ../host.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
# shellcheck source=../lib/units.sh
. /opt/bpfgate/lib/units.sh
# The host's own bpfgate, not the one that the tests bring.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd "$work" || exit 2
running() { systemctl is-system-running --wait; }
journal() { journalctl -b -o cat "$@"; }
rm -rf copy lax

if [ "$1" = off ]; then
  expect_output 'not loaded' "bpfgate=off: there is no gate" bpfgate gate status
  cp /usr/sbin/bpftool copy
  expect_status 0 "control: without it an unsigned copy may ask" ./copy prog list
  finish
fi

stage=$1
if [ -e /run/bpfgate-soft-reboot ]; then stage="after a soft reboot"; fi
expect_output '^running$' "$stage: every unit is well" running
[ "$failures" = 0 ] || systemctl --failed
expect_output '^mode +enforce, sealed$' "$stage: the gate enforces and is sealed" bpfgate gate status
expect_status 0 "$stage: it is complete" bpfgate gate status
[ "$(grep -c ' - bpf ' /proc/self/mountinfo)" = 1 ] && pass "$stage: nothing is left of the initramfs's mounts" ||
  fail "$stage: $(grep ' - bpf ' /proc/self/mountinfo)"
expect_status 0 "$stage: bpftool of a signed package works" bpftool prog list
expect_output 'hello' "$stage: so does bpftrace" bpftrace -e 'BEGIN { printf("hello\n"); exit(); }'
cp /usr/sbin/bpftool copy
expect_output 'Operation not permitted' "$stage: an unsigned copy does not" ./copy prog list
expect_output 'refused: .*/copy .*not sealed' "$stage: the journal says so" bash -c \
  'for _ in $(seq 50); do journalctl -b -o cat -u bpfgated | grep copy && exit; sleep 0.2; done'
make_units
systemctl daemon-reload
for unit in "${units[@]}"; do expect_status 0 "$stage: the service manager's own program, $unit" systemctl start "$unit"; done
expect_status 0 "$stage: the service manager re-executes itself" systemctl daemon-reexec
expect_status 0 "$stage: and its programs still load" systemctl restart "${units[0]}"
cp -r /etc/bpfgate lax
sed -i 's/"mode": "enforce"/"mode": "audit"/; s/"sequence": 1/"sequence": 2/' lax/manifest.json
expect_output 'only a signed manifest changes it' "$stage: root cannot replace the policy" \
  bpfgate gate update --manifest lax/manifest.json
expect_output '^mode +enforce, sealed$' "$stage: it stays" bpfgate gate status
sync
[ "$failures" = 0 ] || finish

case $stage in
  first)
    # Else it would say which mode it has loaded it in.
    expect_output '^bpfgate: the policy of this host is in force$' "the initramfs has loaded it" journal -u bpfgate
    journal -u bpfgate | grep 'in force in' && fail "the unit has loaded it"
    [ "$(cat /var/lib/bpfgate/debian-host.sequence)" = 1 ] && pass "its number is remembered" || fail "no number is remembered"
    touch /run/bpfgate-soft-reboot
    systemctl soft-reboot
    sleep 600
    fail "no soft reboot came"
    ;;
esac
finish
