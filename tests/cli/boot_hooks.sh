#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# When the hooks of initramfs-tools and dracut put the stage into an initramfs, and when they refuse to make one. Both run on a
# host of their own, with what those two offer them replaced.
. "$(dirname "$0")/lib.sh"

hooks=$SOURCE/packaging
mkdir -p bin host/{etc,usr/lib}/bpfgate host/usr/bin
printf '%s\n' '#!/bin/sh' '[ "$1 $2" = "manifest check" ] && echo checked >>"$HERE/did" && exit "$ANSWER"' >bin/bpfgate
chmod +x bin/bpfgate
cp bin/bpfgate host/usr/bin/
export HERE=$here ANSWER=0

initramfs_tools() {
  sed -e "s,/usr/lib/bpfgate,$here/host&,g; s,/etc/bpfgate,$here/host&,g" \
    -e 's,^\. /usr/share/initramfs-tools/.*,copy_exec() { echo "has $1" >>"$HERE/did"; }; copy_file() { :; }; manual_add_modules() { :; },' \
    "$hooks/initramfs-tools/hooks/bpfgate" >hook
  PATH=$here/bin:$PATH DESTDIR=$here/made sh hook
}
# shellcheck disable=SC2034 # for what is sourced
dracut() (
  dracutsysrootdir=$here/host initdir=$here/made moddir=$hooks/dracut
  inst_multiple() { printf 'has %s\n' "$@" >>did; }
  inst_simple() { :; }
  inst() { :; }
  inst_hook() { echo "hook $1" >>did; }
  dwarn() { echo "$*" >&2; }
  dfatal() { echo "$*" >&2; }
  # shellcheck source=/dev/null
  . "$hooks/dracut/module-setup.sh"
  check || return 0
  install
)
has() { grep -qx "has .*bpfgate" did || fail "the stage is not in it" 1; }
for generator in initramfs_tools dracut; do
  rm -rf did host/etc/bpfgate/*
  expect 0 $generator
  [ ! -e did ] || fail "$generator: a host without a policy has the stage: $(cat did)"
  touch host/etc/bpfgate/manifest.json
  expect 0 $generator
  has
  grep -q checked did || fail "$generator: the policy is not looked at"
  ANSWER=1
  expect 1 $generator
  err 'cannot be loaded from the initramfs'
  # Which is no reason to have no initramfs where it has none to load.
  rm -f did host/etc/bpfgate/manifest.json
  for place in etc usr/lib; do
    touch "host/$place/bpfgate/fail-closed"
    expect 0 $generator
    has
    err 'it will not boot'
    if grep -q checked did; then fail "$generator: a policy that is not there is looked at"; fi
    rm -f did "host/$place/bpfgate/fail-closed"
    ln -s /nowhere "host/$place/bpfgate/fail-closed"
    expect 0 $generator
    has
    rm -f did "host/$place/bpfgate/fail-closed"
  done
  ANSWER=0
done
