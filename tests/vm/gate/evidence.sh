#!/bin/bash
# SPDX-License-Identifier: MIT
# What makes a file a loader, and what does not, on Debian's own bpftool and on a witness.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
bpftool=$(command -v bpftool)
cd "$work" || exit 2

make_key loaders
make_key admins
make_key libraries
make_key strangers
make_key ecdsa -newkey ec -pkeyopt ec_paramgen_curve:P-256
make_key ecdsa384 -newkey ec -pkeyopt ec_paramgen_curve:P-384
make_key ecdsa521 -newkey ec -pkeyopt ec_paramgen_curve:P-521
make_key rsa4096 -newkey rsa:4096
use_signed_bpfgate
explain_each_status

signed_copy "$witness" loader
signed_copy "$bpftool" bpftool
cp "$bpftool" unsigned-bpftool
cp "$witness" unsigned

cp "$witness" sealed-only
seal sealed-only

cp "$witness" signed-only
sign_as loaders loader signed-only

for key in ecdsa ecdsa384 ecdsa521 rsa4096; do signed_copy "$witness" "loader-$key" "$key"; done
signed_copy "$witness" stranger strangers

cp "$witness" library
sign_as libraries library library
seal library

# A signature taken from another file, by each of the three ways an xattr can be copied wrong.
put_signature() { setfattr -n user.bpf_prog_sig -v "0x$(od -An -v -tx1 "$1" | tr -d ' \n')" "$2"; }
getfattr --only-values -n user.bpf_prog_sig bpftool >bpftool.sig 2>/dev/null
getfattr --only-values -n user.bpf_prog_sig loader >loader.sig 2>/dev/null
head -c 100 loader.sig >truncated.sig
head -c 400 /dev/urandom >garbage.sig
: >empty.sig
for kind in bpftool truncated garbage empty; do
  cp "$witness" "with-$kind"
  put_signature "$kind.sig" "with-$kind"
  seal "with-$kind"
done

bpfgate sign --hash-alg sha512 --key "$keys/loaders.key" --cert "$keys/loaders.pem" --detached --output-dir . unsigned >/dev/null ||
  die "sign sha512"
cp "$witness" sha512
put_signature unsigned.bpfsig sha512
seal --hash-alg sha512 sha512

bpfgate sign --block-size 1024 --key "$keys/loaders.key" --cert "$keys/loaders.pem" --detached --output-dir . unsigned >/dev/null ||
  die "sign 1024"
cp "$witness" block1024
put_signature unsigned.bpfsig block1024
seal --block-size 1024 block1024

# Sealed with SHA-512, but the signature is that of the SHA-256 digest.
cp "$witness" wrong-algorithm
put_signature loader.sig wrong-algorithm
seal --hash-alg sha512 wrong-algorithm

# A signature as large as the gate takes, and one byte more: PKCS#7 of the same digest, padded with certificates it does not
# need. ext4 stores such attributes with the ea_inode feature only.
truncate -s 64M large.img
mkfs.ext4 -q -O verity,ea_inode -b 4096 large.img
mkdir large
mount -o loop large.img large || die "mount large.img"
pad_signature() { python3 /opt/bpfgate/lib/pad_signature.py loader.sig padding.der "$@"; } # SIZE FILE
# A certificate whose comment makes up exactly the missing bytes: found by asking how far off the last one was.
padding_certificate() { # COMMENT_BYTES
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=padding -days 30 \
    -set_serial 1 -addext "nsComment=$(head -c "$1" /dev/zero | tr '\0' x)" -outform DER -out padding.der 2>/dev/null
}
make_large() { # SIZE
  local comment=$(($1 - 1800)) got
  for _ in $(seq 40); do
    padding_certificate "$comment"
    got=$(pad_signature "$1" "large-$1.sig" 2>&1) && return 0
    comment=$((comment + $1 - ${got%% *}))
  done
  die "no padding gives $1 bytes (last: $got)"
}
for size in 16384 16385; do
  make_large "$size"
  [ "$(stat -c %s "large-$size.sig")" = "$size" ] || die "large-$size.sig"
  cp "$witness" "large/loader-$size"
  setfattr -n user.bpf_prog_sig -v "0x$(od -An -v -tx1 "large-$size.sig" | tr -d ' \n')" "large/loader-$size" ||
    die "setfattr $size"
  seal "large/loader-$size"
done

cat >manifest.json <<JSON
{"bpfgate": 1, "name": "evidence", "sequence": 1, "mode": "enforce",
 "signers": [
   {"name": "admins", "role": "loader", "certificate": "keys/admins.pem", "grant": "admin"},
   {"name": "loaders", "role": "loader", "certificate": "keys/loaders.pem", "grant": "full"},
   {"name": "ecdsa", "role": "loader", "certificate": "keys/ecdsa.pem", "grant": "full"},
   {"name": "ecdsa384", "role": "loader", "certificate": "keys/ecdsa384.pem", "grant": "full"},
   {"name": "ecdsa521", "role": "loader", "certificate": "keys/ecdsa521.pem", "grant": "full"},
   {"name": "rsa4096", "role": "loader", "certificate": "keys/rsa4096.pem", "grant": "full"},
   {"name": "libraries", "role": "library", "certificate": "keys/libraries.pem"}],
 "default": {"grant": "none"}}
JSON

make_map() {
  rm -f /sys/fs/bpf/made
  tool "$1" map create /sys/fs/bpf/made type array key 4 value 4 entries 1 name made
}

check "signed and sealed" allowed ./loader call
check "byte for byte the same, neither signed nor sealed" denied ./unsigned call
check "signed loader loads a program" allowed ./loader load-program
check "unsigned copy loads a program" denied ./unsigned load-program
check "signed loader makes a map" allowed ./loader create-map
check "unsigned copy makes a map" denied ./unsigned create-map
check "a command number beyond the grants' reach" denied ./loader unknown-command
check "bpftool, signed and sealed, lists programs" allowed tool ./bpftool prog list
check "bpftool, unsigned copy, lists programs" denied tool ./unsigned-bpftool prog list
check "bpftool, signed and sealed, makes a map" allowed make_map ./bpftool
check "bpftool, unsigned copy, makes a map" denied make_map ./unsigned-bpftool
check "sealed, not signed" denied ./sealed-only call
check "signed, not sealed" denied ./signed-only call
check "signed by a key the policy does not name" denied ./stranger call
check "signed as a library" denied ./library call
check "the signature of another file" denied ./with-bpftool call
check "a truncated signature" denied ./with-truncated call
check "garbage for a signature" denied ./with-garbage call
check "an empty signature" denied ./with-empty call
check "sealed with SHA-512" allowed ./sha512 call
check "sealed with SHA-512, signature of the SHA-256 digest" denied ./wrong-algorithm call
check "sealed in blocks of 1024 bytes" allowed ./block1024 call
for key in ecdsa ecdsa384 ecdsa521 rsa4096; do check "signed with $key" allowed "./loader-$key" call; done
check "a signature of 16384 bytes" allowed large/loader-16384 call
check "a signature of 16385 bytes" denied large/loader-16385 call
check "a hard link to the loader" allowed ./hard-link call
check "a symbolic link to the loader" allowed ./symbolic-link call
check "a copy of the loader with its xattr" denied ./copied-with-xattr call
check "the loader on a bind mount" allowed bound/loader call
check "a script whose interpreter is a loader" allowed ./script-loader.sh
check "a script whose interpreter is unsigned" denied ./script-unsigned.sh

ln loader hard-link
ln -s loader symbolic-link
cp --preserve=xattr loader copied-with-xattr
mkdir bound
mount --bind . bound || die "bind mount"
for program in loader unsigned; do # the kernel runs "PROGRAM call SCRIPT"
  printf '#!%s/%s call\n' "$work" "$program" >"script-$program.sh"
  chmod +x "script-$program.sh"
done

run_checks baseline
load_gate manifest.json
run_checks gate

events >events.txt || fail "events"
for reason in not-sealed no-signature signature-untrusted signature-mismatch signature-malformed signature-too-large not-a-loader; do
  expect_output " refused $reason " "an event says $reason" cat events.txt
done
finish
