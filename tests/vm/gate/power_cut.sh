#!/bin/bash
# SPDX-License-Identifier: MIT
# Updates of a sealed gate, and the power fails at any moment. After the next boot the manifest that is on the disk loads: the
# old one or the new one, whole; and none that is older than what was in force. See ../power_cut.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2
state=$work/state
gate() { bpfgate gate "$@" --state-directory "$state"; }
field() { bpfgate gate status --json | python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }

# What an operator's tool does: everything new under a new name, and one rename at the end.
make_policy() { # SEQUENCE
  write_manifest "policy-$1.json" enforce "$1"
  bpfgate manifest sign --key keys/policy.key --cert keys/policy.pem "policy-$1.json" >/dev/null || die "manifest sign $1"
  ln -sfn "policy-$1.json" next && ln -sfn "policy-$1.json.p7s" next.p7s && mv -T next.p7s current.p7s && mv -T next current
}

if [ ! -e prepared ]; then
  for key in loaders libraries policy; do make_key $key; done
  use_signed_bpfgate
  signed_copy "$witness" loader
  cp "$witness" unsigned
  make_policy 1
  touch prepared
  sync
else
  # The libraries are on the disk that forgets.
  PATH=$work/bin:$PATH
  sign_libraries_of loader bin/bpfgate
  [ -e state/test.sequence ] && remembered=$(cat state/test.sequence)
  on_disk=$(python3 -c "import json; print(json.load(open('current'))['sequence'])") || die "the manifest on the disk is torn"
  echo "after the power came back: manifest $on_disk, remembered ${remembered:-none}"
  [ "$on_disk" -ge "${remembered:-0}" ] && pass "the manifest is as new as the number" || fail "$remembered outlived its manifest"
  if [ "${remembered:-0}" -gt 1 ]; then
    expect_status 1 "one older than what was in force is refused" gate load --manifest policy-$((remembered - 1)).json
    expect_output 'is older than' "it says why" gate load --manifest policy-$((remembered - 1)).json
  fi
  rm -f state/.*.sequence.* # of writing that was interrupted
fi
expect_status 0 "the manifest on the disk is loaded" gate load --manifest current
expect_status 0 "and the gate sealed" gate seal --manifest current
number=$(field '["policy"]["sequence"]')
expect_status 1 "an unsigned program is refused" ./unsigned call
expect_status 0 "a loader is allowed" ./loader call
if [ "$1" = end ]; then
  [ "$number" -gt 1 ] && pass "the updates came to $number" || fail "no update was ever made"
  finish
fi
[ "$failures" = 0 ] || finish

# An update takes a second or two here.
(sleep "$((RANDOM % 8 + 1)).$(printf %03d $((RANDOM % 1000)))"; echo b >/proc/sysrq-trigger) &
while :; do
  number=$((number + 1))
  make_policy $number
  gate update --manifest current 2>/dev/null || die "update to $number"
  echo "ok: update to $number"
done
