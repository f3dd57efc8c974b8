#!/bin/bash
# SPDX-License-Identifier: MIT
# scripts/demo, inside the guest.
# shellcheck source=../vm/lib/guest.sh
. /opt/bpfgate/lib/guest.sh
cd "$work" || exit 2
bpftool=$(readlink -f "$(command -v bpftool)")
bpftrace=$(readlink -f "$(command -v bpftrace)")
total=0 good=0

headline() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# What a program says of the attempt, in the gate's words.
outcome() {
  case $1 in
    0) echo allowed ;;
    *) if grep -q 'Operation not permitted' "$work/attempt"; then echo refused; else echo "failed ($1)"; fi ;;
  esac
}

# row PROGRAM EVIDENCE COMMAND EXPECTED RUN...
row() {
  local program=$1 evidence=$2 command=$3 expected=$4 got
  shift 4
  "$@" >"$work/attempt" 2>&1
  got=$(outcome $?)
  total=$((total + 1))
  [ "$got" = "$expected" ] && good=$((good + 1))
  printf '%-22s %-34s %-22s %-9s %-9s %s\n' "$program" "$evidence" "$command" "$expected" "$got" \
    "$([ "$got" = "$expected" ] || echo '<-- not as expected')"
}

make_map() {
  rm -f /sys/fs/bpf/demo
  "$1" map create /sys/fs/bpf/demo type array key 4 value 4 entries 1 name demo
}
# Without libbpf's messages bpftrace does not say what errno it got.
trace() { "$1" -d libbpf -e 'interval:ms:10 { printf("it runs\n"); exit(); }'; }

# table EXPECTED: of everything without evidence.
table() {
  printf '%-22s %-34s %-22s %-9s %-9s\n' program evidence command expected got
  row bpftool "signed, sealed" "list programs" allowed "$bpftool" prog list
  row "copy of bpftool" "none" "list programs" "$1" ./unsigned-bpftool prog list
  row bpftool "signed, sealed" "make a map" allowed make_map "$bpftool"
  row "copy of bpftool" "none" "make a map" "$1" make_map ./unsigned-bpftool
  row bpftrace "signed, sealed" "run a one-liner" allowed trace "$bpftrace"
  row "copy of bpftrace" "none" "run a one-liner" "$1" trace ./unsigned-bpftrace
  row "copy of bpftool" "sealed, not signed" "list programs" "$1" ./sealed-bpftool prog list
  row "copy of bpftool" "signed, not sealed" "list programs" "$1" ./open-bpftool prog list
  row "copy of bpftool" "sealed, signed by a stranger" "list programs" "$1" ./stranger-bpftool prog list
  row "bpftool by ld.so" "linker is no loader" "list programs" "$1" "$linker" "$bpftool" prog list
}

headline "Keys: for loaders, for libraries, for bpfgate itself"
make_key loaders
make_key libraries
make_key admins
make_key strangers
ls "$keys"

cp "$bpftool" unsigned-bpftool
cp "$bpftrace" unsigned-bpftrace
for kind in sealed open stranger; do cp "$bpftool" "$kind-bpftool"; done
linker=$(libraries_of "$bpftool" | grep ld-linux)

headline "Sign Debian's bpftool and bpftrace, and bpfgate itself, with every library they map"
own=$(command -v bpfgate)
bpfgate sign --key "$keys/loaders.key" --cert "$keys/loaders.pem" --with-libraries --library-key "$keys/libraries.key" \
  --library-cert "$keys/libraries.pem" "$bpftool" "$bpftrace" || die "sign"
bpfgate sign --key "$keys/admins.key" --cert "$keys/admins.pem" --with-libraries --library-key "$keys/libraries.key" \
  --library-cert "$keys/libraries.pem" "$own" || die "sign bpfgate"
sign_as loaders loader open-bpftool
sign_as strangers loader stranger-bpftool

headline "Seal them"
cp --preserve=xattr "$own" "$work/bpfgate" # the copy this guest was given is not on a file system with fs-verity
mapfile -t libraries < <(for file in "$bpftool" "$bpftrace" "$own"; do libraries_of "$file"; done | sort -u)
bpfgate seal "$bpftool" "$bpftrace" "$work/bpfgate" sealed-bpftool stranger-bpftool "${libraries[@]}" | tail -n 4
PATH=$work:$PATH
hash -r

headline "What the gate will conclude, asked offline"
bpfgate verify --cert "$keys/loaders.pem" "$bpftool" unsigned-bpftool sealed-bpftool open-bpftool stranger-bpftool

write_manifest audit.json audit 1
write_manifest enforce.json enforce 2

headline "Audit mode: nothing is refused"
load_gate audit.json
table allowed
headline "What would have been refused"
bpfgate events | awk '{ print $3, $4, $9, $10 }' | sort | uniq -c | sort -rn | head -n 12

headline "Enforce mode"
update_gate enforce.json
table refused
headline "Status"
bpfgate gate status
bpfgate gate unload
echo "demo: $good of $total as expected"
[ "$good" = "$total" ]
