#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What can be wrong with a token: every case is exit status 4, says what to do, and signs nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/token.sh"

make_token
token_signer one
token_signer other
token_signer small -newkey rsa:1024
echo content >file
uri='pkcs11:token=test;object=one;type=private'

# No PIN, a wrong one, none to be had. setsid takes the terminal away.
expect 4 with_token setsid -w "$BPFGATE" sign --key "$uri" --cert one.pem file </dev/null
err '--pin-file or --pin-fd'
expect 4 with_token bpfgate sign --key "$uri" --cert one.pem --pin-file missing file
err 'missing'
: >empty
expect 4 with_token bpfgate sign --key "$uri" --cert one.pem --pin-file empty file
echo 9999 >wrong
expect 4 with_token bpfgate sign --key "$uri" --cert one.pem --pin-file wrong file
err 'check the PIN'

# No such token or key, more keys than one, another's certificate, a key too weak.
expect 4 with_token bpfgate sign --key 'pkcs11:token=absent;object=one;type=private' --cert one.pem --pin-file pin file
err 'no private key found'
expect 4 with_token bpfgate sign --key 'pkcs11:token=test;object=absent;type=private' --cert one.pem --pin-file pin file
err 'no private key found'
expect 4 with_token bpfgate sign --key 'pkcs11:token=test;type=private' --cert one.pem --pin-file pin file
err 'more than one private key'
expect 4 with_token bpfgate sign --key "$uri" --cert other.pem --pin-file pin file
err 'does not belong to the key'
expect 4 with_token bpfgate sign --key 'pkcs11:token=test;object=small;type=private' --cert small.pem --pin-file pin file
err 'too weak'
expect 4 with_token bpfgate sign --key "$uri" --cert 'pkcs11:token=test;object=one;type=cert' --pin-file pin file
err 'no certificate found'

# No module, no provider.
sed "s,$softhsm_module,$PWD/absent.so," openssl.cnf >broken.cnf
expect 4 env OPENSSL_CONF="$PWD/broken.cnf" "$BPFGATE" sign --key "$uri" --cert one.pem --pin-file pin file
err 'pkcs11-module-path'
expect 4 env OPENSSL_MODULES="$PWD" OPENSSL_CONF="$PWD/openssl.cnf" "$BPFGATE" sign --key "$uri" --cert one.pem --pin-file pin file
err 'install pkcs11-provider'

if getfattr -n user.bpf_prog_sig file 2>/dev/null; then fail "something was signed"; fi

# The positive control: the same call with everything right.
expect 0 with_token bpfgate sign --key "$uri" --cert one.pem --pin-file pin file
