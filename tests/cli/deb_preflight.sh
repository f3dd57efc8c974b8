#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the preflight is told, and where it stops nothing. That it finds losses takes files with evidence, and so a real kernel.
. "$(dirname "$0")/lib.sh"

mkdir -p tree/DEBIAN tree/usr/sbin
echo tool >tree/usr/sbin/example-tool
printf '%s\n' 'Package: example' 'Version: 2' 'Architecture: all' 'Maintainer: Nobody <nobody@example.org>' 'Description: x' \
  >tree/DEBIAN/control
dpkg-deb --root-owner-group --build tree example.deb >/dev/null
cat >policy.json <<JSON
{"bpfgate": 1, "name": "test", "sequence": 1, "mode": "enforce", "default": {"grant": "none"},
 "digests": [{"kind": "fsverity", "digest": "sha256:$(printf 'a%.0s' {1..64})", "grant": "full"}]}
JSON

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

# Interrupted, it takes away what it has unpacked. A name with a backslash has it unpacked.
mkdir slow
# shellcheck disable=SC2016 # for the script
printf '#!/bin/sh\n[ "$1" != --extract ] || { echo "$3" >"%s/unpacking"; kill -INT $PPID; exit 1; }\nexec /usr/bin/dpkg-deb "$@"\n' "$PWD" \
  >slow/dpkg-deb
chmod +x slow/dpkg-deb
mkdir -p 'tree/usr/a\b' && touch 'tree/usr/a\b/c'
dpkg-deb --root-owner-group --build tree odd.deb >/dev/null
PATH=$PWD/slow:$PATH expect 130 bpfgate deb preflight --always --manifest policy.json odd.deb
unpacked=$(cat unpacking)
[ "${unpacked#/var/tmp/}" != "$unpacked" ] || fail "unpacks to $unpacked"
[ ! -e "$unpacked" ] || fail "$unpacked is left"

# A gate that gives no answer may enforce: what would be lost stops apt, and nothing else does.
mkdir -p damaged/links
printf 'VERSION 3\n\nexample - - none < 2 all none %s/example.deb\n' "$PWD" >list
expect 0 bpfgate deb preflight --pin-directory "$PWD/damaged" --manifest policy.json <list
err 'no whole gate'
printf 'VERSION 3\n\nbpfgate-test-example 1 all none < 2 all none %s/example.deb\n' "$PWD" >list
expect 1 bpfgate deb preflight --pin-directory "$PWD/damaged" --manifest policy.json <list
sed -i 's/^VERSION 3$/&\nBpfgate::Preflight=warn/' list
expect 0 bpfgate deb preflight --pin-directory "$PWD/damaged" --manifest policy.json <list
err 'dpkg does not know the files of bpfgate-test-example'

# Nor does the option depend on what else apt says.
sed 's/^VERSION 3$/VERSION 4/' list >other-version
expect 0 bpfgate deb preflight --pin-directory "$PWD/damaged" --manifest policy.json <other-version
err 'version 3 of its protocol'
sed -i '/Preflight/d' other-version
expect 1 bpfgate deb preflight --pin-directory "$PWD/damaged" --manifest policy.json <other-version

# apt's hook: bpfgate knows whether there is a gate, and a program that cannot be started does not stop apt.
mkdir bin
hook() { sed "s,/usr/bin/bpfgate,$PWD/bin/bpfgate," "$(dirname "$0")/../../packaging/deb/apt/apt-preflight" | sh; }
printf '#!/bin/sh\necho "$*" >>asked\nexit ${ANSWER:-0}\n' >bin/bpfgate
chmod +x bin/bpfgate
expect 0 hook
[ "$(cat asked)" = 'deb preflight' ] || fail "asked: $(cat asked)"
export ANSWER=1
expect 1 hook
err 'Bpfgate::Preflight=warn'
for ANSWER in 126 127 132 134 139; do
  expect 0 hook
  err 'cannot be run'
done
for ANSWER in 2 4 129 130 143; do expect 1 hook; done
rm bin/bpfgate
expect 0 hook
