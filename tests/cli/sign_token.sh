#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Keys in a PKCS#11 token, RSA and EC: one login, the PIN from a file or a descriptor, never tried twice.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/token.sh"

make_token
signer copy
cp copy.key rsa.key && cp copy.pem rsa.pem
softhsm2-util --import rsa.key --token test --pin $pin --label rsa --id 09 >.softhsm
token_signer ec -newkey ec -pkeyopt ec_paramgen_curve:P-384
echo content >file

# The token's RSA key signs what the same key in a file signs.
expect 0 with_token bpfgate sign --key 'pkcs11:token=test;object=rsa;type=private' --cert rsa.pem --pin-file pin --detached file
no_err
fsverity sign --key=copy.key --cert=copy.pem file expected >/dev/null
cmp file.bpfsig expected || fail "not the signature of fsverity sign"

expect 0 with_token bpfgate sign --key 'pkcs11:token=test;object=ec;type=private' --cert ec.pem --pin-fd 5 --detached file 5<pin
fsverity_message file >message
openssl cms -verify -binary -inform DER -in file.bpfsig -content message -certfile ec.pem -nointern -noverify -out /dev/null \
  2>.openssl || fail "openssl cms does not verify it"

# Many files, several threads, one login.
mkdir many
for i in $(seq 50); do echo "$i" >"many/$i"; done
expect 0 with_token bpfgate sign -j 4 --key 'pkcs11:token=test;object=ec;type=private' --cert ec.pem --pin-fd 5 many/* 5<pin
err '50 signed, 0 failed'
for i in 1 25 50; do getfattr --only-values -n user.bpf_prog_sig "many/$i" >.sig 2>/dev/null || fail "many/$i is unsigned"; done
