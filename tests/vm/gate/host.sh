#!/bin/bash
# SPDX-License-Identifier: MIT
# A Debian host that enforces from its initramfs on: what its service manager, its tools and its administrator can do, and what a
# copy of a tool cannot; after a soft reboot, and after a boot, the same. Then upgrades, the last of which a power cut interrupts. See
# ../host.
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
# offer VERSION: what apt knows of from here on.
offer() {
  echo "deb [trusted=yes] file:/srv/$1 ./" >/etc/apt/sources.list
  apt-get -qq update || die "apt-get update"
}
apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -y "$@" </dev/null; }
version() { dpkg-query -W -f '${db:Status-Abbrev}${Version}\n' tracer; }

# soft_reboot WHAT: this script is run again then.
soft_reboot() {
  echo "$1" >/run/bpfgate-soft-reboot
  systemctl soft-reboot
  sleep 600
  fail "there was not $1"
}

if [ "$1" = off ]; then
  expect_output 'not loaded' "bpfgate=off: there is no gate" bpfgate gate status
  cp /usr/sbin/bpftool copy
  expect_status 0 "control: without it an unsigned copy may ask" ./copy prog list
  expect_status 0 "control: without it what /sys is mounted on is removed in another namespace" /opt/bpfgate/bin/attack remove-mount-point /sys
  mkdir /sys
  finish
fi

stage=$1
if [ -e /run/bpfgate-soft-reboot ]; then stage="after $(cat /run/bpfgate-soft-reboot)"; fi
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
expect_status 1 "$stage: what /sys is mounted on is not removed in another namespace" /opt/bpfgate/bin/attack remove-mount-point /sys
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
    soft_reboot "a soft reboot"
    ;;
  "after a soft reboot")
    # Of an image there would be a newer one; it is the mount that is another.
    mkdir -p /run/nextroot
    mount --rbind / /run/nextroot || die "mount"
    soft_reboot "a soft reboot into another root"
    ;;
  again)
    offer 1.0
    expect_status 0 "a package with a loader is installed, whose postinst runs it" apt_get install tracer
    expect_status 0 "the loader is allowed" tracer call
    offer 2.0
    expect_status 0 "apt upgrades it" apt_get upgrade
    expect_output '^ii +2\.0$' "to the new version" version
    expect_status 0 "which is allowed, too" tracer call
    offer 3.0
    expect_status 100 "one that nobody has signed is stopped" apt_get upgrade
    expect_output 'tracer:amd64 3.0 would leave /usr/sbin/tracer' "it says which" apt_get upgrade
    expect_output '^ii +2\.0$' "and has not begun" version
    expect_status 0 "the loader is allowed as before" tracer call
    [ "$failures" = 0 ] || finish
    offer 4.0
    touch /run/cut-power
    apt_get upgrade
    fail "the power was not cut"
    ;;
  healed)
    expect_output '^iF +4\.0$' "the upgrade was interrupted: unpacked, and not configured" version
    expect_status 0 "its loader is signed all the same since this boot" tracer call
    expect_output 'tracer' "by the unit that is for that" journal -u bpfgate-apply
    expect_status 0 "dpkg goes on" dpkg --configure -a
    expect_output '^ii +4\.0$' "and ends it" version
    ;;
esac
finish
