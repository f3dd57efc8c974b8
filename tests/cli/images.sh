# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Images made by mkfs.ext4, sourced by the tests of `bpfgate image`.
PATH+=:/usr/sbin:/sbin

# image FILE SIZE [OPTION...]: of the directory `root`; options are those of mkfs.ext4.
image() {
  rm -f "$1"
  mkfs.ext4 -q -d root "${@:3}" "$1" "$2" >.mkfs 2>&1 || fail "mkfs.ext4: $(cat .mkfs)" 1
}

clean() { e2fsck -fn "$1" >.fsck 2>&1 || fail "e2fsck -fn $1: $(cat .fsck)" 1; }

# left_behind: what a temporary could be, whatever it is of.
left_behind() { find . -name '.*' ! -name . ! -name .out ! -name .err ! -name .mkfs ! -name .fsck ! -name .openssl; }

# refused STATUS IMAGE COMMAND...: it fails, and not a byte of the image is another, nor is anything left beside it or its output.
refused() {
  local status=$1 image=$2 before
  shift 2
  before=$(sha256sum <"$image")
  expect "$status" "$@"
  [ "$(sha256sum <"$image")" = "$before" ] || fail "the image was changed: $*" 1
  [ -z "$(left_behind)" ] || fail "something is left: $(left_behind): $*" 1
}

# stat_of IMAGE PATH: what debugfs says of the inode.
stat_of() { debugfs -R "stat $2" "$1" 2>/dev/null; }
