# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Images of volumes, sourced by the tests of `bpfgate volume` after lib.sh.
PATH+=:/usr/sbin:/sbin

# shellcheck disable=SC2034 # for the tests
uuid=11111111-2222-3333-4444-555555555555

# volume_root: a directory `root` with a tool in it.
volume_root() {
  mkdir -p root/usr/bin
  pattern 300000 >root/usr/bin/tool
  echo other >root/usr/bin/other
  ln -s usr/bin root/bin
}

# volume_image KIND FILE [OPTION...]: of `root`.
volume_image() {
  local kind=$1 file=$2
  shift 2
  rm -f "$file"
  case $kind in
    ext4) mkfs.ext4 -q -b 4096 -O ^has_journal -d root "$@" "$file" 16M ;;
    squashfs) mksquashfs root "$file" -quiet -no-progress "$@" ;;
    erofs) mkfs.erofs "$@" "$file" root ;;
  esac >.mkfs 2>&1 || fail "$kind: $(cat .mkfs)" 1
}

# flip FILE POSITION: makes the byte there another one.
flip() { python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2])); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 1]))' "$1" "$2"; }

# unchanged COMMAND...: whatever it does, no file here is another afterwards, and none is new.
unchanged() {
  local before
  before=$(sums)
  "$@"
  [ "$before" = "$(sums)" ] || fail "files have changed: $*" 1
}
# What the tests themselves note is in files of these names; a temporary that is left is in none of them.
sums() {
  find . -type f ! -name .out ! -name .err ! -name .mkfs ! -name .openssl ! -name .veritysetup ! -name .softhsm -exec sha256sum {} + | sort
}
