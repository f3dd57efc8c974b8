// SPDX-License-Identifier: MIT
#pragma once

#include "crypto/openssl.h"

namespace bpfgate::crypto {

// The private key in a PEM file, decrypted with `passphrase` when it is encrypted. Failures are ErrorKind::Key.
Result<KeyPtr> load_pem_key(const std::string& path, const PassphraseSource& passphrase);

}  // namespace bpfgate::crypto
