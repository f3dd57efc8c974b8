# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced after lib.sh by tests with keys in a token: a SoftHSM2 of their own, reached through OpenSSL's pkcs11 provider.

softhsm_module=/usr/lib/softhsm/libsofthsm2.so
pin=1234

# The provider must not finalize SoftHSM2, which crashes when it is unloaded after OpenSSL (no-deinit).
write_openssl_conf() {
  cat >openssl.cnf <<CONF
openssl_conf = init
[init]
providers = providers
[providers]
default = default_provider
pkcs11 = pkcs11_provider
[default_provider]
activate = 1
[pkcs11_provider]
pkcs11-module-path = $softhsm_module
pkcs11-module-quirks = no-deinit
CONF
}

# make_token: the token "test" with the PIN $pin.
make_token() {
  mkdir tokens
  echo "directories.tokendir = $PWD/tokens" >softhsm2.conf
  export SOFTHSM2_CONF=$PWD/softhsm2.conf
  softhsm2-util --init-token --free --label test --pin "$pin" --so-pin 4321 >.softhsm || fail "softhsm2-util"
  write_openssl_conf
  echo "$pin" >pin
  next_id=1
}

# token_signer NAME [OPTION...]: as signer, but the key is moved into the token under this label.
token_signer() {
  signer "$@"
  softhsm2-util --import "$1.key" --token test --pin "$pin" --label "$1" --id "0$next_id" >.softhsm ||
    fail "softhsm2-util --import"
  next_id=$((next_id + 1))
  rm "$1.key"
}

# with_token COMMAND...: only what is signed with a token sees the configuration.
with_token() { OPENSSL_CONF=$PWD/openssl.cnf "$@"; }
