#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ECDSA signatures verify with openssl cms; --reproducible refuses their keys before anything is signed.
. "$(dirname "$0")/lib.sh"

echo content >file
fsverity_message file >message
for curve in P-256 P-384 P-521; do
  signer "$curve" -newkey ec -pkeyopt "ec_paramgen_curve:$curve"
  expect 0 bpfgate sign --key "$curve.key" --cert "$curve.pem" file
  getfattr --only-values -n user.bpf_prog_sig file >signature
  openssl cms -verify -binary -inform DER -in signature -content message -certfile "$curve.pem" -nointern -noverify \
    -out /dev/null 2>.openssl || fail "openssl cms does not verify $curve: $(cat .openssl)"
  expect 1 bpfgate verify --cert "$curve.pem" file
  err 'would be accepted once sealed'
done

setfattr -x user.bpf_prog_sig file
expect 4 bpfgate sign --reproducible --key P-256.key --cert P-256.pem file
err 'differ from run to run'
if getfattr -n user.bpf_prog_sig file 2>/dev/null; then fail "signed all the same"; fi

signer loader
expect 4 bpfgate sign --reproducible --key loader.key --cert loader.pem --with-libraries --library-key P-256.key \
  --library-cert P-256.pem file
if getfattr -n user.bpf_prog_sig file 2>/dev/null; then fail "signed before the library key was looked at"; fi
expect 0 bpfgate sign --reproducible --key loader.key --cert loader.pem file
