#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Files of all sizes are sealed in images of all kinds: with the digests that fsverity gives, in a file system that e2fsck finds
# nothing wrong with, with the times they had, and with the same bytes in each run.
. "$(dirname "$0")/lib.sh"
# shellcheck source=images.sh
. "$(dirname "$0")/images.sh"

mkdir -p root/usr/bin
# Trees of none, one, two and three levels: with blocks of 4096 bytes 128 hashes are in one, with 1024 bytes 32.
for size in 0 1 1024 1025 4096 4097 33792 524288 524289 3000000; do pattern $size >root/usr/bin/$size; done
truncate -s 1M root/usr/bin/hole
echo end >>root/usr/bin/hole
touch -d 2001-02-03T04:05:06.789 root/usr/bin/*
(cd root && find usr/bin -type f | sort) >list
mapfile -t files <list

# sealed DESCRIPTION TREE-OPTIONS MKFS-OPTION...
sealed() {
  local what=$1 tree
  read -ra tree <<<"$2"
  shift 2
  image one.img 32M "$@"
  cp one.img two.img
  stat_of one.img /usr/bin/524289 | grep time: >inode-times
  expect 0 bpfgate image seal one.img --files-from list "${tree[@]}"
  sed -n 's/^sealed //p' .out >digests
  (cd root && fsverity digest "${tree[@]}" "${files[@]}") | cmp - digests || fail "$what: other digests than fsverity's"
  clean one.img
  stat_of one.img /usr/bin/524289 | grep time: | cmp - inode-times || fail "$what: a time has changed"
  stat_of one.img /usr/bin/524289 | grep -q 'Flags: 0x180000$' || fail "$what: not the flags of a sealed file"
  dumpe2fs -h one.img 2>/dev/null | grep -q '^Filesystem features:.* verity' || fail "$what: not the feature of the file system"
  # What is not about the seals stays, so two runs at different times are the same.
  dumpe2fs -h two.img 2>/dev/null | grep -vE 'features:|Free blocks|hecksum' >before
  dumpe2fs -h one.img 2>/dev/null | grep -vE 'features:|Free blocks|hecksum' | cmp - before || fail "$what: the superblock has changed"
  expect 0 bpfgate image seal two.img --files-from list "${tree[@]}"
  cmp one.img two.img || fail "$what: another run, another image"
  expect 0 bpfgate image check one.img
  sed 's/^/unsigned /; s, usr, /usr,' digests | sort -k 3 | cmp - .out || fail "$what: checked otherwise"
}
sealed 'as it comes' '' -b 4096
sealed 'larger inodes, no journal' '' -b 4096 -I 1024 -O ^has_journal
sealed 'no checksums' '--block-size=1024' -b 4096 -O ^metadata_csum,^64bit
sealed 'checksums of groups alone' '--hash-alg=sha512 --salt=00ff' -b 4096 -O ^metadata_csum,uninit_bg
sealed 'small blocks' '--block-size=1024' -b 1024
sealed 'small blocks, no checksums' '--block-size=1024 --hash-alg=sha512' -b 1024 -O ^metadata_csum,^64bit,^has_journal
sealed 'blocks of 2048 bytes' '--block-size=2048' -b 2048 -O ^flex_bg

# Nothing is to be done a second time, and nothing is.
cp one.img again.img
expect 0 bpfgate image seal again.img --files-from list --block-size=2048
[ "$(grep -c '^already sealed ' .out)" = "$(wc -l <list)" ] || fail "sealed again"
cmp one.img again.img || fail "a second run has changed the image"

# A hard link is the same file; a symbolic link on the way is followed in the image, not on this host.
ln root/usr/bin/1 root/other
ln -s /usr/bin root/bin
image one.img 16M -b 4096
expect 0 bpfgate image seal one.img /other /bin/4096 usr/bin/1
out "already sealed $(fsverity digest root/other | cut -d' ' -f1) usr/bin/1"
expect 0 bpfgate image check one.img
[ "$(wc -l <.out)" = 2 ] || fail "two files were sealed"

# A plain user needs no more than to read the image, and to write where the result goes.
plain() { "$@"; }
if [ "$(id -u)" = 0 ]; then plain() { setpriv --bounding-set=-dac_override,-dac_read_search,-fowner "$@"; }; fi
image one.img 16M -b 4096
chmod 0444 one.img
refused 0 one.img plain "$BPFGATE" image seal one.img -o out.img /other
[ "$(stat -c %a out.img)" = 444 ] || fail "the result has another mode"
expect 0 bpfgate image check out.img /other
# In a user namespace files may belong to nobody there.
if [ "$(id -u)" = 0 ] && unshare --user --map-root-user true 2>/dev/null; then
  chgrp 12345 one.img
  refused 0 one.img unshare --user --map-root-user "$BPFGATE" image seal one.img -o out.img /other
fi
# The group's permissions are that group's, or nobody's.
if [ "$(id -u)" = 0 ]; then
  chown 4242:12345 one.img
  chmod 0640 one.img
  no_chown() { setpriv --bounding-set=-chown "$@"; }
  refused 0 one.img no_chown --clear-groups "$BPFGATE" image seal one.img -o out.img /other
  [ "$(stat -c '%u:%g %a' out.img)" = '0:0 600' ] || fail "the result is another group's: $(stat -c '%u:%g %a' out.img)"
  refused 0 one.img no_chown --groups 12345 "$BPFGATE" image seal one.img -o out.img /other
  [ "$(stat -c '%u:%g %a' out.img)" = '0:12345 640' ] || fail "the result is not the group's: $(stat -c '%u:%g %a' out.img)"
  refused 0 one.img "$BPFGATE" image seal one.img -o out.img /other
  [ "$(stat -c '%u:%g %a' out.img)" = '4242:12345 640' ] || fail "the result is not its owner's: $(stat -c '%u:%g %a' out.img)"
fi

# A file of two names, named by both; a path with more slashes than it needs.
image one.img 16M -b 4096
expect 0 bpfgate image seal one.img //usr//bin///1 /other
out "sealed $(fsverity digest root/other | cut -d' ' -f1) //usr//bin///1"
clean one.img

# Every copy of the superblock has the feature, and so has an image whose seals came without it.
image one.img 32M -b 1024 -O ^metadata_csum
features() { dumpe2fs -o superblock="$1" -o blocksize=1024 -h one.img 2>/dev/null | grep '^Filesystem features:'; }
expect 0 bpfgate image seal one.img --block-size 1024 /other
for round in new copied; do
  for superblock in 1 8193 24577; do
    features "$superblock" | grep -qw verity || fail "$round: the superblock in block $superblock lacks the feature verity"
  done
  python3 - <<'PYTHON'
with open("one.img", "r+b") as image:
    for superblock in (1, 8193, 24577):
        image.seek(superblock * 1024 + 101)  # the second byte of s_feature_ro_compat
        features = image.read(1)[0]
        image.seek(superblock * 1024 + 101)
        image.write(bytes([features & 0x7F]))
PYTHON
  expect 1 bpfgate image check one.img
  expect 0 bpfgate image seal one.img --block-size 1024 /other
  out "already sealed $(fsverity digest --block-size=1024 root/other | cut -d' ' -f1) /other"
  clean one.img
done

# With -o the image is left alone; a name that libext2fs would take for options is a name. Holes stay holes.
image one.img 2G -b 4096
refused 0 one.img bpfgate image seal one.img -o 'out?offset=4096.img' /other
expect 0 bpfgate image check 'out?offset=4096.img'
[ "$(du -k 'out?offset=4096.img' | cut -f1)" -lt 100000 ] || fail "the copy has no holes"
expect 0 bpfgate image seal --json one.img /other -0 --files-from <(printf 'usr/bin/1\0usr/bin/0\0')
json 'o["command"] == "image seal" and [f["outcome"] for f in o["files"]] == ["sealed", "already-sealed", "sealed"]'
json 'o["files"][2]["path"] == "usr/bin/0" and o["files"][2]["digest"].startswith("sha256:") and not o["files"][2]["signed"]'
