# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Units for which systemd itself calls bpf(2): each forbids its service one thing, and one of the same name with "free-" before
# it does not. After guest.sh.

units=()
# unit NAME PROPERTIES PYTHON: a service that does well if PYTHON is not permitted; and the same without PROPERTIES.
unit() {
  units+=("$1")
  local kind properties
  for kind in "$1" "free-$1"; do
    properties=$2
    [ "$kind" = "$1" ] || properties=
    printf 'import os, socket\ntry:\n    %s\nexcept PermissionError:\n    raise SystemExit(0)\nraise SystemExit(3)\n' \
      "$3" >"${work:?}/$kind.py"
    printf '[Service]\nType=oneshot\n%b\nExecStart=/usr/bin/python3 %s\n' "$properties" "$work/$kind.py" \
      >"/run/systemd/system/$kind.service"
  done
}

make_units() {
  local datagram='socket.socket(socket.AF_INET, socket.SOCK_DGRAM)'
  # The scripts may be on a tmpfs themselves.
  mkdir -p /run/marked
  mountpoint -q /run/marked || mount -t ramfs none /run/marked
  echo marker >/run/marked/marker
  unit addresses IPAddressDeny=any "$datagram.sendto(b'x', ('127.0.0.1', 9))"
  unit devices DevicePolicy=closed "os.open('/dev/kmsg', os.O_RDONLY)"
  unit filesystems RestrictFileSystems=~ramfs "os.open('/run/marked/marker', os.O_RDONLY)"
  unit binding SocketBindDeny=any "$datagram.bind(('127.0.0.1', 7000))"
  unit interfaces RestrictNetworkInterfaces=~lo "$datagram.sendto(b'x', ('127.0.0.1', 9))"
}
