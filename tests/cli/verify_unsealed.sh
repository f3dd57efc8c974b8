#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A file that is not sealed is refused, and told what sealing it would lead to.
. "$(dirname "$0")/lib.sh"

signer loader
signer library -newkey ec -pkeyopt ec_paramgen_curve:P-256
signer stranger
echo content >good
cp good other
echo other >>other
sign() { fsverity sign --key="$1.key" --cert="$1.pem" "${@:3}" "$2" "$1.sig" >/dev/null; }
for name in loader library stranger; do sign "$name" good; done

prospect() { # CONCLUSION-ON-STDERR SIGNATURE OPTION...
  set_signature good "$2"
  expect 1 bpfgate verify "${@:3}" good
  out_is 'no-evidence not-sealed good'
  err "$1"
}
prospect 'good: would be accepted once sealed: bpfgate seal good' loader.sig --cert loader.pem
prospect 'good: would be accepted once sealed: bpfgate seal good' library.sig --cert loader.pem --library-cert library.pem
prospect 'good: not sealed, and once sealed: signature-untrusted' stranger.sig --cert loader.pem --library-cert library.pem
prospect 'good: not sealed, and once sealed: signature-malformed' good --cert loader.pem
set_signature other loader.sig
expect 1 bpfgate verify --cert stranger.pem --cert loader.pem other
err 'other: not sealed, and once sealed: signature-mismatch'
setfattr -x user.bpf_prog_sig good

expect 1 bpfgate verify --cert loader.pem good
err 'good: not sealed, and once sealed: no-signature'

# A detached signature is judged as if it were attached; the digest it is of follows from the options of the seal to come.
expect 1 bpfgate verify --cert loader.pem --signature loader.sig good
err 'would be accepted once sealed'
sign loader good --hash-alg=sha512 --block-size=1024 --salt=00ff
expect 1 bpfgate verify --cert loader.pem --signature loader.sig --hash-alg sha512 --block-size 1024 --salt 00ff good
err 'good: would be accepted once sealed: bpfgate seal --hash-alg sha512 --block-size 1024 --salt 00ff good'
expect 1 bpfgate verify --cert loader.pem --signature loader.sig good
err 'good: not sealed, and once sealed: signature-mismatch'
head -c 16385 /dev/zero >large
expect 1 bpfgate verify --cert loader.pem --signature large good
err 'good: not sealed, and once sealed: signature-too-large'

expect 1 bpfgate verify --json --cert loader.pem --role library --signature loader.sig --hash-alg sha512 --block-size 1024 \
  --salt 00ff good
json 'o["command"] == "verify" and len(o["files"]) == 1'
json 'o["files"][0]["accepted"] is False and o["files"][0]["reason"] == "not-sealed" and "digest" not in o["files"][0]'
json 'o["files"][0]["once_sealed"]["verdict"] == "library" and o["files"][0]["once_sealed"]["signer"] == "loader.pem"'

# What is printed to be copied is one word to a shell, and acts on no terminal.
sign loader good
for name in "it's two; \$(false)" $'bell\a' ./-good; do
  cp good "$name"
  expect 1 bpfgate verify --cert loader.pem --signature loader.sig -- "${name#./}"
  command=$(sed -n 's/.*: would be accepted once sealed: bpfgate seal //p' .err)
  [ "$(eval "printf '%s|' $command")" = "$name|" ] || fail "not the file's name: $command"
  ! grep -q $'\a' .err || fail "the name is printed as it is"
done
