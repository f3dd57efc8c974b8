#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the preflight is told, and where it stops nothing. That it finds losses takes files with evidence, and so a real kernel.
. "$(dirname "$0")/lib.sh"

mkdir -p tree/DEBIAN tree/usr/sbin
echo tool >tree/usr/sbin/example-tool
printf '%s\n' 'Package: example' 'Version: 2' 'Architecture: all' 'Maintainer: Nobody <nobody@example.org>' 'Description: x' \
  >tree/DEBIAN/control
dpkg-deb --root-owner-group --build tree example.deb >/dev/null
echo '{"bpfgate": 1, "name": "test", "sequence": 1, "mode": "enforce", "default": {"grant": "none"}}' >policy.json

# What had no evidence loses none.
expect 0 bpfgate deb preflight --always --manifest policy.json example.deb
no_err
expect 0 bpfgate deb preflight --always --manifest policy.json --json example.deb
json 'o["command"] == "deb preflight" and o["losses"] == []'
printf 'VERSION 3\nAPT::Architecture=amd64\n\nexample 1 all none < 2 all none %s/example.deb\n' "$PWD" >list
expect 0 bpfgate deb preflight --always --manifest policy.json <list
echo 'VERSION 2' >list
expect 1 bpfgate deb preflight --always --manifest policy.json <list
err 'version 3'

# Where there is no gate, nobody is asked for a policy, or for the packages.
expect 0 bpfgate deb preflight --pin-directory "$PWD/none" --manifest missing.json missing.deb
no_err
expect 1 bpfgate deb preflight --always --manifest missing.json example.deb
err 'missing.json: '
echo text >text.deb
expect 1 bpfgate deb preflight --always --manifest policy.json text.deb
err 'text.deb: no package'
expect 2 bpfgate deb
