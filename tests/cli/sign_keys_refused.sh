#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Keys that the kernel could not verify, or that do not fit, are refused with exit status 4 and the reason, and nothing is
# signed. Beside each stands the same call with a good key.
. "$(dirname "$0")/lib.sh"

signer good
signer other
signer edwards -newkey ed25519
signer pss -newkey rsa-pss -pkeyopt rsa_keygen_bits:2048
signer koblitz -newkey ec -pkeyopt ec_paramgen_curve:secp256k1
signer weak -newkey rsa:1024
signer odd -newkey rsa:2560
openssl pkey -in good.key -aes256 -passout pass:secret -out locked.key
echo secret >phrase
echo wrong >wrong
echo content >file

refused() {
  local reason=$1
  shift
  expect 4 bpfgate sign "$@" file
  err "$reason"
}

refused 'ED25519' --key edwards.key --cert edwards.pem
refused 'RSA-PSS' --key pss.key --cert pss.pem
refused 'secp256k1' --key koblitz.key --cert koblitz.pem
refused 'too weak' --key weak.key --cert weak.pem
refused 'not a size the kernel verifies' --key odd.key --cert odd.pem
refused 'does not belong to the key' --key good.key --cert other.pem
refused 'cannot verify signatures of ED25519' --key edwards.key --cert good.pem
refused 'No such file' --key missing.key --cert good.pem
refused 'No such file' --key good.key --cert missing.pem
refused 'no private key' --key good.pem --cert good.pem
refused 'not an X.509 certificate' --key good.key --cert good.key
refused 'does not decrypt' --key locked.key --cert good.pem --pin-file wrong
refused 'PIN file missing' --key locked.key --cert good.pem --pin-file missing
refused 'descriptor 9' --key locked.key --cert good.pem --pin-fd 9

# Without a terminal nothing is asked; standard input is not the place for a pass phrase.
expect 4 setsid -w "$BPFGATE" sign --key locked.key --cert good.pem file <phrase
err '--pin-file or --pin-fd'

# The library key is looked at before the first file is signed, and must be another key than the loaders'.
refused 'ED25519' --key good.key --cert good.pem --with-libraries --library-key edwards.key --library-cert edwards.pem
openssl req -x509 -key good.key -days 9 -subj /CN=second -out second.pem
refused 'would be a loader too' --key good.key --cert good.pem --with-libraries --library-key good.key \
  --library-cert second.pem
openssl req -newkey rsa:2048 -noenc -subj /CN=issued -keyout issued.key -out issued.csr 2>/dev/null
printf 'authorityKeyIdentifier=keyid\n' >extensions
openssl x509 -req -in issued.csr -CA good.pem -CAkey good.key -days 9 -extfile extensions -out issued.pem 2>/dev/null
refused 'would be a loader too' --key good.key --cert good.pem --with-libraries --library-key issued.key \
  --library-cert issued.pem

if getfattr -n user.bpf_prog_sig file 2>/dev/null; then fail "something was signed"; fi
expect 0 bpfgate sign --key good.key --cert good.pem file
expect 0 bpfgate sign --key locked.key --cert good.pem --pin-file phrase file
expect 0 bpfgate sign --key locked.key --cert good.pem --pin-fd 5 file 5<phrase
