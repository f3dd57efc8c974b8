#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# With an RSA key, sign does what `fsverity sign` and setfattr do, and nothing else to the file.
. "$(dirname "$0")/lib.sh"

signer loader
# xattr_is FILE EXPECTED: the file's signature is byte for byte this.
xattr_is() {
  getfattr --only-values -n user.bpf_prog_sig "$1" 2>/dev/null | cmp -s - "$2" || fail "$1 has another signature" 1
}

for size in 0 1 4096 300000; do
  pattern "$size" >file
  touch -d '2001-02-03 04:05:06.789012345' file
  digest=$(fsverity sign --key=loader.key --cert=loader.pem file expected | grep -o 'sha256:[0-9a-f]*')
  expect 0 bpfgate sign --key loader.key --cert loader.pem file
  out_is "signed $digest file"
  no_err
  xattr_is file expected
  [ "$(stat -c %y file)" = '2001-02-03 04:05:06.789012345 +0000' ] || fail "mtime changed"
done

# How the tree is built is part of what is signed; a second signature replaces the first.
fsverity sign --hash-alg=sha512 --block-size=1024 --salt=0a0b --key=loader.key --cert=loader.pem file expected >/dev/null
expect 0 bpfgate sign --hash-alg sha512 --block-size 1024 --salt 0a0b --key loader.key --cert loader.pem --reproducible file
xattr_is file expected

# A detached signature leaves the file alone, beside it or in a directory that is made.
setfattr -x user.bpf_prog_sig file
fsverity sign --key=loader.key --cert=loader.pem file expected >/dev/null
expect 0 bpfgate sign --key loader.key --cert loader.pem --detached file
cmp file.bpfsig expected || fail "another sidecar"
expect 0 bpfgate sign --key loader.key --cert loader.pem --detached --output-dir out/deep ./file
cmp out/deep/file.bpfsig expected || fail "another sidecar in --output-dir"
if getfattr -n user.bpf_prog_sig file 2>/dev/null; then fail "--detached set the xattr"; fi

expect 0 bpfgate sign --json --key loader.key --cert loader.pem --detached file
json 'o["bpfgate"] == 1 and o["command"] == "sign" and o["signed"] == 1 and o["failed"] == 0'
json 'o["files"][0]["sidecar"] == "file.bpfsig" and o["files"][0]["digest"].startswith("sha256:")'
json 'o["files"][0]["sealed"] is False and o["libraries"] == []'
