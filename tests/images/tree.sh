# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A tree with a signed program, sourced by the tests of what carries it elsewhere.
export BPFGATE=/usr/bin/bpfgate
# shellcheck source=../cli/lib.sh
. /source/tests/cli/lib.sh

mkdir -p root/usr/bin
cp /usr/bin/openssl root/usr/bin/tool
signer loaders
expect 0 bpfgate sign --key loaders.key --cert loaders.pem root/usr/bin/tool

# kept FILE / lost FILE: the file is there, with its signature or without one.
kept() {
  cmp -s root/usr/bin/tool "$1" || fail "$1 is not the program" 1
  expect 1 bpfgate verify --cert loaders.pem "$1"
  err 'would be accepted once sealed'
}
lost() {
  cmp -s root/usr/bin/tool "$1" || fail "$1 is not the program" 1
  expect 1 bpfgate verify --cert loaders.pem "$1"
  err 'not sealed, and once sealed: no-signature'
}
quietly() { "$@" >.log 2>&1 || { cat .log >&2; fail "$*" 1; }; }

kept root/usr/bin/tool
cp root/usr/bin/tool copy
lost copy
