// SPDX-License-Identifier: MIT
// Keys and certificates in PKCS#11 tokens, through OpenSSL's pkcs11 provider and OSSL_STORE. Not for other rooms.
#pragma once

#include "crypto/openssl.h"

namespace bpfgate::crypto {

// The library context in which the pkcs11 provider is active; made on first use. One for the whole process, so that the
// token is opened and logged into once, and never torn down: providers that finalize their module while OpenSSL itself
// is being unloaded have crashed.
Result<OSSL_LIB_CTX*> token_context();

// The one private key that `uri` names. `passphrase` is asked at most once: a second try with the same wrong PIN would
// bring the token nearer to locking itself.
Result<KeyPtr> load_token_key(const std::string& uri, const PassphraseSource& passphrase);

// DER of the one certificate that `uri` names.
Result<Bytes> load_token_certificate(const std::string& uri);

}  // namespace bpfgate::crypto
