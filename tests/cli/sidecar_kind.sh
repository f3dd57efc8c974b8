#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A sidecar says what its signature is of; one that says nothing is of fs-verity, as all were once.
. "$(dirname "$0")/lib.sh"

signer loader
echo content >file
sign=(bpfgate sign --key loader.key --cert loader.pem --detached)
has_signature() { getfattr -n user.bpf_prog_sig "$1" >/dev/null 2>&1; }

# fs-verity's are DER and nothing else, so that other tools take them and older sidecars are taken here.
fsverity sign --key=loader.key --cert=loader.pem file old.sig >/dev/null
expect 0 "${sign[@]}" file
cmp file.bpfsig old.sig || fail "not what fsverity sign writes"
expect 0 bpfgate attach --cert loader.pem --signature old.sig file
expect 0 bpfgate inspect --json --signature old.sig file
json 'o["files"][0]["signature"]["claimed_digest_kind"] == "fsverity"'

# IMA's has one line before the DER, and the xattr gets the DER alone.
for hash in sha256 sha384 sha512; do
  expect 0 "${sign[@]}" --digest ima --hash-alg "$hash" file
  [ "$(head -1 file.bpfsig | tr -d '\0')" = 'bpfgate-signature ima' ] || fail "the sidecar does not say ima"
  tail -n +2 file.bpfsig >der
  openssl cms -cmsout -inform DER -in der -noout || fail "no DER after the line"
  expect 0 bpfgate verify --ima --hash-alg "$hash" --cert loader.pem --signature file.bpfsig file
  expect 0 bpfgate attach --cert loader.pem file
  getfattr --only-values -n user.bpf_prog_sig file | cmp - der || fail "not the DER alone on the file"
done
expect 0 bpfgate inspect --signature file.bpfsig file
out "  signature:    file.bpfsig, $(stat -c %s der) bytes, for the IMA digest"
expect 0 bpfgate inspect --json --signature file.bpfsig file
json 'o["files"][0]["signature"]["claimed_digest_kind"] == "ima"'

# detach is told the kind; the same sidecar as sign's comes of it.
cp file.bpfsig expected
expect 0 bpfgate detach --digest ima file
cmp file.bpfsig expected || fail "detach wrote another sidecar"
expect 0 bpfgate attach --cert loader.pem file
expect 0 bpfgate detach file
cmp file.bpfsig der || fail "detach wrote more than the DER"
expect 2 bpfgate detach --digest sha256 file

# The kind is a claim that --cert holds the signature to.
expect 1 bpfgate attach --cert loader.pem --signature der file
err 'not a signature of this file'
(echo 'bpfgate-signature ima' && cat old.sig) >mislabelled
expect 1 bpfgate attach --cert loader.pem --signature mislabelled file
err 'not a signature of this file'
echo other >other
expect 1 bpfgate attach --cert loader.pem --signature expected other
err 'not a signature of this file'

# Malformed sidecars.
printf 'bpfgate-signature ima' >unended
echo 'bpfgate-signature ima' >empty
(echo 'bpfgate-signature sha1' && cat der) >unknown
(printf 'bpfgate-signature ima\r\n' && cat der) >carriage
(cat expected && echo x) >longer
head -c 100 expected >truncated
(echo 'bpfgate-signature ima' && head -c 16385 /dev/zero) >large
(echo 'bpfgate-signature ima' && cat expected) >twice
for sidecar in unended empty unknown carriage longer truncated large twice; do
  expect 1 bpfgate attach --signature "$sidecar" file
  err "$sidecar: "
done
for sidecar in unended unknown carriage; do
  expect 1 bpfgate verify --ima --cert loader.pem --signature "$sidecar" file
  err "$sidecar: "
done
if has_signature file; then fail "something was attached"; fi
