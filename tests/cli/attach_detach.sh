#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A signature moves between file and sidecar unchanged; what the gate would not read is not attached.
. "$(dirname "$0")/lib.sh"

signer loader
signer other
has_signature() { getfattr -n user.bpf_prog_sig "$1" >/dev/null 2>&1; }
mkdir d
for i in 1 2 3; do echo "$i" >"d/$i"; done
expect 0 bpfgate sign --key loader.key --cert loader.pem d/1 d/2 d/3
getfattr --only-values -n user.bpf_prog_sig d/1 >expected

# Beside the file, and in a directory.
expect 0 bpfgate detach d/1
out_is 'detached d/1.bpfsig d/1'
cmp d/1.bpfsig expected || fail "detach changed the signature"
if has_signature d/1; then fail "still attached"; fi
expect 1 bpfgate detach d/1
err 'd/1: carries no signature'
cmp d/1.bpfsig expected || fail "the sidecar is gone"
expect 0 bpfgate attach d/1
out_is 'attached d/1.bpfsig d/1'
getfattr --only-values -n user.bpf_prog_sig d/1 | cmp -s - expected || fail "attach changed the signature"
expect 0 bpfgate detach --output-dir out d/1 d/2 d/3
expect 0 bpfgate attach --cert loader.pem --from-dir out d/1 d/2 d/3
expect 0 bpfgate attach --json --signature out/2.bpfsig --cert loader.pem d/2
json 'o["command"] == "attach" and o["files"] == [{"path": "d/2", "sidecar": "out/2.bpfsig"}]'

# Two signatures for one sidecar: refused before one of them is lost.
mkdir e && cp d/1 e/1 && bpfgate sign --key loader.key --cert loader.pem e/1 >/dev/null
expect 2 bpfgate detach --output-dir out d/1 e/1
has_signature d/1 || fail "detached all the same"

# With --cert, only a valid signature of the file by it.
setfattr -x user.bpf_prog_sig d/1
expect 1 bpfgate attach --cert other.pem --signature expected d/1
err 'not a signature by CN=test other'
expect 1 bpfgate attach --cert loader.pem --signature out/2.bpfsig d/1
err 'not a signature of this file'
expect 4 bpfgate attach --cert d/1 --signature expected d/1

# Malformed sidecars.
head -c 200 expected >truncated
head -c 16385 /dev/zero >large
cat expected d/1 >longer
: >empty
for sidecar in truncated large longer empty missing; do
  expect 1 bpfgate attach --signature "$sidecar" d/1
  err "$sidecar: "
done
if has_signature d/1; then fail "something was attached"; fi
expect 2 bpfgate attach --signature expected d/1 d/2
err '--signature belongs to one file'
expect 2 bpfgate attach --signature expected --from-dir out d/1
expect 0 bpfgate attach --signature expected d/1
