#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# IMA signatures: made over the message of their own magic, told apart from fs-verity's, and taken only where asked for.
. "$(dirname "$0")/lib.sh"

signer loader
signer curve -newkey ec -pkeyopt ec_paramgen_curve:P-384
signer stranger
echo content >file
sign=(bpfgate sign --digest ima --key loader.key --cert loader.pem)
signature() { getfattr --only-values -n user.bpf_prog_sig "$1"; }

# ima_message FILE HASH HEAD: HEAD is the kernel's number of the hash and the digest's size, each 16 bits, little-endian.
ima_message() { # shellcheck disable=SC2059
  printf "IMAfile\\0$3" && openssl dgst -binary "-$2" "$1"
}

# openssl verifies what was signed, by every hash and kind of key.
while read -r hash head; do
  ima_message file "$hash" "$head" >message
  for name in loader curve; do
    expect 0 bpfgate sign --digest ima --hash-alg "$hash" --key "$name.key" --cert "$name.pem" file
    out_is "signed $hash:$("${hash}sum" file | cut -d' ' -f1) file"
    signature file >made
    openssl cms -verify -binary -inform DER -in made -content message -certfile "$name.pem" -nointern -noverify \
      -out /dev/null 2>.openssl || fail "openssl cms does not verify $hash by $name: $(cat .openssl)"
    expect 0 bpfgate verify --ima --hash-alg "$hash" --cert "$name.pem" file
    out_is "loader ima-signature-by-$name.pem file"
    err '1 file is proven by IMA, which is weaker than fs-verity: what is not sealed is not immutable'
  done
done <<'END'
sha256 \4\0\40\0
sha384 \5\0\60\0
sha512 \6\0\100\0
END
expect 1 bpfgate verify --ima --cert curve.pem file # it is of the SHA-512 digest
out_is 'no-evidence signature-mismatch file'

# Without --ima it is no evidence, nor for somebody who trusts another, nor once the file has changed.
expect 0 "${sign[@]}" --json file
json "o['files'][0]['digest_kind'] == 'ima' and o['files'][0]['digest'] == 'sha256:$(sha256sum file | cut -d' ' -f1)'"
expect 1 bpfgate verify --cert loader.pem file
out_is 'no-evidence not-sealed file'
err 'file: not sealed, and once sealed: signature-mismatch'
expect 1 bpfgate verify --ima --cert stranger.pem file
out_is 'no-evidence signature-untrusted file'
expect 0 bpfgate verify --ima --json --role library --cert loader.pem file
json 'o["files"][0]["verdict"] == "library" and o["files"][0]["reason"] == "ima-signature"'
json 'o["files"][0]["digest_kind"] == "ima" and o["files"][0]["signer"] == "loader.pem" and "once_sealed" not in o["files"][0]'
cp --preserve=xattr file changed && echo more >>changed
expect 1 bpfgate verify --ima --cert loader.pem file changed
out 'loader ima-signature-by-loader.pem file'
out 'no-evidence signature-mismatch changed'

# An fs-verity signature is none of IMA, though verify tells what sealing would make of it.
fsverity sign --key=loader.key --cert=loader.pem file file.sig >/dev/null
expect 1 bpfgate verify --ima --cert loader.pem --signature file.sig file
out_is 'no-evidence signature-mismatch file'
err 'file: would be accepted once sealed: bpfgate seal file'

# inspect finds what the signature is of.
digest=$(sha256sum file | cut -d' ' -f1)
expect 0 bpfgate inspect --cert loader.pem file
out "  matches:      yes, by loader.pem, of the IMA digest sha256:$digest"
expect 0 bpfgate inspect --json --cert loader.pem file
json "o['files'][0]['signature']['matches'] is True and o['files'][0]['signature']['reason'] == 'ima-signature'"
json "o['files'][0]['signature']['digest_kind'] == 'ima' and o['files'][0]['signature']['digest'] == 'sha256:$digest'"
expect 0 bpfgate inspect --cert loader.pem changed
out '  matches:      no: signature-mismatch'
expect 0 bpfgate inspect --cert loader.pem --signature file.sig file
out '  matches:      yes, by loader.pem'

# Usage: nothing is signed.
setfattr -x user.bpf_prog_sig file
for options in '--hash-alg sha1' '--hash-alg md5' '--block-size 4096' '--salt 00'; do
  # shellcheck disable=SC2086
  expect 2 "${sign[@]}" $options file
  # shellcheck disable=SC2086
  expect 2 bpfgate verify --ima --cert loader.pem $options file
done
err 'neither block size nor salt'
expect 2 bpfgate sign --digest sha256 --key loader.key --cert loader.pem file
expect 2 bpfgate sign --digest fsverity --hash-alg sha384 --key loader.key --cert loader.pem file
if signature file >/dev/null 2>&1; then fail "a call with a mistake signed"; fi

# The libraries of a loader are signed by the same kind of digest.
cp "$(command -v setfattr)" tool
signer library
expect 0 bpfgate sign --digest ima --key loader.key --cert loader.pem --detached --output-dir out --with-libraries \
  --library-key library.key --library-cert library.pem tool
libc=$(ldd tool | awk '/libc\.so/ { print $3 }')
expect 0 bpfgate verify --ima --library-cert library.pem --signature out/libc.so.6.bpfsig "$libc"
out_is "library ima-signature-by-library.pem $libc"
