#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Signatures of root hashes: those of openssl, byte for byte; refused where they are of another hash or by another signer.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/token.sh"
# shellcheck source=volumes.sh
. "$(dirname "$0")/volumes.sh"

volume_root
volume_image erofs v.raw
expect 0 bpfgate volume format v.raw --salt 00 --uuid $uuid
signer vendor
signer other
signer curve -newkey ec -pkeyopt ec_paramgen_curve:P-384

# verified_by NAME: by openssl, over the digits alone.
verified_by() {
  openssl smime -verify -binary -inform DER -in v.roothash.p7s -content v.roothash -certfile "$1.pem" -nointern -noverify \
    -out message 2>.openssl || fail "openssl smime does not verify it: $(cat .openssl)" 1
  cmp message v.roothash || fail "not over the root hash" 1
  openssl cms -verify -binary -inform DER -in v.roothash.p7s -content v.roothash -certfile "$1.pem" -nointern -noverify \
    -out /dev/null 2>.openssl || fail "openssl cms does not verify it: $(cat .openssl)" 1
}

expect 0 bpfgate volume sign v.raw --key vendor.key --cert vendor.pem --partition v.partition
no_err
out_is "signed $(cat v.roothash) v.roothash.p7s"
verified_by vendor
openssl smime -sign -nocerts -noattr -binary -in v.roothash -inkey vendor.key -signer vendor.pem -outform der -out expected
cmp v.roothash.p7s expected || fail "not the signature of openssl smime"
expect 0 bpfgate volume verify v.raw --cert other.pem --cert vendor.pem
out_is "intact signed-by-vendor.pem sha256:$(cat v.roothash) v.raw"
expect 0 bpfgate volume verify --json v.raw --cert vendor.pem
json 'o["signed"] is True and o["signature_present"] is True and o["signer"] == "vendor.pem"'
expect 0 bpfgate volume verify --json v.raw
json 'o["signed"] is False and o["signature_present"] is True and "signer" not in o'

# The content of systemd's partition for it.
python3 - "$(cat v.roothash)" <<'PYTHON' || fail "not such a partition"
import base64, hashlib, json, ssl, sys

content = open("v.partition", "rb").read()
assert len(content) == 16384
line = content.rstrip(b"\0")
parsed = json.loads(line)
assert list(parsed) == ["rootHash", "certificateFingerprint", "signature"]
assert parsed["rootHash"] == sys.argv[1]
der = ssl.PEM_cert_to_DER_cert(open("vendor.pem").read())
assert parsed["certificateFingerprint"] == hashlib.sha256(der).hexdigest()
assert base64.b64decode(parsed["signature"], validate=True) == open("v.roothash.p7s", "rb").read()
PYTHON
expect 0 bpfgate volume verify v.raw --signature v.partition --cert vendor.pem

# The same bytes in each run, and without the image: the root hash is all that is signed.
mkdir elsewhere
cp v.roothash elsewhere/
expect 0 bpfgate volume sign elsewhere/v.raw --key vendor.key --cert vendor.pem --reproducible --partition elsewhere/partition --json
json 'o["command"] == "volume sign" and o["signature_file"] == "elsewhere/v.roothash.p7s" and len(o["certificateFingerprint"]) == 64'
cmp elsewhere/v.roothash.p7s v.roothash.p7s || fail "another run, another signature"
cmp elsewhere/partition v.partition || fail "another run, another partition"
expect 0 bpfgate volume sign none.raw --root-hash "$(tr a-f A-F <v.roothash)" --key vendor.key --cert vendor.pem -o upper
cmp upper v.roothash.p7s || fail "capital digits were signed"

# Digits that are no root hash of the algorithm that is named, or of none that the gate knows.
expect 0 bpfgate volume sign none.raw --root-hash "sha256:$(cat v.roothash)" --key vendor.key --cert vendor.pem -o named
cmp named v.roothash.p7s || fail "another signature of the same root hash"
for text in sha512:00 "sha512:$(cat v.roothash)" sha256:00 "sha1:$(head -c 40 v.roothash)"; do
  unchanged expect 2 bpfgate volume sign v.raw --root-hash "$text" --key vendor.key --cert vendor.pem
  err "--root-hash: \"$text\": "
done
for digits in 00 "$(head -c 40 v.roothash)" "$(cat v.roothash v.roothash v.roothash)"; do
  unchanged expect 1 bpfgate volume sign v.raw --root-hash "$digits" --key vendor.key --cert vendor.pem
  err 'bytes; of sha256 it has 32, and of sha512 64'
done

# Others' signatures, others' hashes, and damage.
expect 1 bpfgate volume verify v.raw --cert other.pem
err 'v.roothash.p7s is by somebody else: issuer CN=test vendor'
sed 's/^./f/; t' v.roothash | tr f 0 >not-v.roothash
cmp -s v.roothash not-v.roothash && fail "the same root hash"
expect 0 bpfgate volume sign not-v.raw --key vendor.key --cert vendor.pem --partition not-v.partition
expect 1 bpfgate volume verify v.raw --signature not-v.roothash.p7s --cert vendor.pem
err "not-v.roothash.p7s is by CN=test vendor, but no signature of the root hash $(cat v.roothash)"
expect 1 bpfgate volume verify v.raw --signature not-v.partition --cert vendor.pem
err "not-v.partition is of the root hash $(cat not-v.roothash)"
expect 1 bpfgate volume open v.raw name --signature not-v.partition
err "not-v.partition is of the root hash"
sed 's/"certificateFingerprint":"../"certificateFingerprint":"zz/' v.partition >bad.partition
expect 1 bpfgate volume verify v.raw --signature bad.partition --cert vendor.pem
err 'bad.partition: /certificateFingerprint'
sed 's/"certificateFingerprint":"[0-9a-f]*/"certificateFingerprint":"'"$(printf '%064d' 0)/" v.partition >bad.partition
expect 1 bpfgate volume verify v.raw --signature bad.partition --cert vendor.pem
err 'bad.partition is by CN=test vendor, and says it is by another certificate'
cp v.roothash.p7s good.p7s
flip v.roothash.p7s $(($(stat -c %s v.roothash.p7s) - 1))
expect 1 bpfgate volume verify v.raw --cert vendor.pem
err 'v.roothash.p7s is by CN=test vendor, but no signature of the root hash'
echo nonsense >v.roothash.p7s
expect 1 bpfgate volume verify v.raw
err 'v.roothash.p7s: not a detached PKCS#7 signature that the kernel would read'
rm v.roothash.p7s
expect 1 bpfgate volume verify v.raw --cert vendor.pem
err 'v.roothash.p7s is not there, and the volume not signed'
err '  sign it: bpfgate volume sign'
expect 1 bpfgate volume verify v.raw --signature v.roothash.p7s
# A new tree is not what the old signature is of, and that is said.
cp good.p7s v.roothash.p7s
expect 0 bpfgate volume format v.raw --salt 00 --uuid $uuid
no_err
expect 0 bpfgate volume format v.raw --salt 01 --uuid $uuid
err 'v.roothash.p7s is of another root hash: sign anew'
expect 1 bpfgate volume verify v.raw --cert vendor.pem

# Keys that cannot be used, and outputs: nothing is written.
cp good.p7s v.roothash.p7s
unchanged expect 4 bpfgate volume sign v.raw --key vendor.key --cert other.pem
unchanged expect 4 bpfgate volume sign v.raw --key none --cert vendor.pem
unchanged expect 4 bpfgate volume sign v.raw --key curve.key --cert curve.pem --reproducible
unchanged expect 1 bpfgate volume sign none.raw --key vendor.key --cert vendor.pem
unchanged expect 1 bpfgate volume sign v.raw --key vendor.key --cert vendor.pem -o /dev/null
unchanged expect 1 bpfgate volume sign v.raw --key vendor.key --cert vendor.pem --partition none/partition
unchanged expect 4 bpfgate volume verify v.raw --cert none
ln -s . here
ln vendor.pem twin.pem
for output in v.raw ./v.raw here/v.raw v.verity v.roothash vendor.key vendor.pem here/vendor.pem twin.pem; do
  for option in -o --partition; do
    unchanged expect 2 bpfgate volume sign v.raw --key vendor.key --cert vendor.pem "$option" "$output"
    err "$output is "
    err ', and would be replaced'
  done
done
unchanged expect 2 bpfgate volume sign none.raw --root-hash "$(cat v.roothash)" --key vendor.key --cert vendor.pem -o none.raw
unchanged expect 2 bpfgate volume sign v.raw --root-hash-file named --key vendor.key --cert vendor.pem -o named
unchanged expect 2 bpfgate volume sign v.raw --key vendor.key --cert vendor.pem --partition x -o here/x
expect 0 bpfgate volume sign v.raw --key vendor.key --cert vendor.pem --partition here/y -o here/x
[ -s x ] && [ -s y ] || fail "nothing written"
expect 2 bpfgate volume sign v.raw --key vendor.key
expect 2 bpfgate volume sign v.raw --key vendor.key --cert vendor.pem --partition x -o x

expect 0 bpfgate volume sign v.raw --key curve.key --cert curve.pem
verified_by curve
expect 0 bpfgate volume verify v.raw --cert curve.pem

# A key in a token signs what the same key in a file does.
make_token
expect 0 bpfgate volume sign v.raw --key vendor.key --cert vendor.pem
cp v.roothash.p7s expected
softhsm2-util --import vendor.key --token test --pin "$pin" --label vendor --id 09 >.softhsm
expect 0 with_token bpfgate volume sign v.raw --key 'pkcs11:token=test;object=vendor;type=private' --cert vendor.pem --pin-file pin
cmp v.roothash.p7s expected || fail "not the signature of the same key in a file"
