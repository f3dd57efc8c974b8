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
printf 'VERSION 3\nAPT::Architecture=amd64\n\nexample - - none < 2 all none %s/example.deb\n' "$PWD" >list
expect 0 bpfgate deb preflight --always --manifest policy.json <list
no_err
# apt knows of a version that dpkg does not: then it cannot be said what it would leave behind.
printf 'VERSION 3\n\nbpfgate-test-example 1 all none < 2 all none %s/example.deb\n' "$PWD" >list
expect 1 bpfgate deb preflight --always --manifest policy.json <list
err 'dpkg does not know the files of bpfgate-test-example'
# Asked to, apt's user goes on all the same, and reads why not.
sed -i 's/^VERSION 3$/&\nBpfgate::Preflight=warn/' list
expect 0 bpfgate deb preflight --always --manifest policy.json <list
err 'dpkg does not know the files of bpfgate-test-example'
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

# apt's hook: where no gate is pinned it asks nobody, and a program that cannot be started does not stop apt.
mkdir bin
hook() { sed "s,/usr/bin/bpfgate,$PWD/bin/bpfgate,; s,/sys/fs/bpf/bpfgate,$PWD/pin," "$(dirname "$0")/../../packaging/deb/apt/apt-preflight" | sh; }
printf '#!/bin/sh\necho "$*" >>asked\nexit ${ANSWER:-0}\n' >bin/bpfgate
chmod +x bin/bpfgate
expect 0 hook
[ ! -e asked ] || fail "asked where there is no gate"
mkdir pin
expect 0 hook
[ "$(cat asked)" = 'deb preflight' ] || fail "asked: $(cat asked)"
export ANSWER=1
expect 1 hook
err 'Bpfgate::Preflight=warn'
for ANSWER in 126 127; do
  expect 0 hook
  err 'cannot be started'
done
rm bin/bpfgate
expect 0 hook
