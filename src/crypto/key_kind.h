// SPDX-License-Identifier: MIT
// Which keys and certificates the kernel can work with. It is stricter than OpenSSL, and says no only when it verifies,
// long after the signature was made; so the question is asked here, before.
#pragma once

#include "crypto/openssl.h"

namespace bpfgate::crypto {

// The kernel can verify signatures of this key: RSA PKCS#1 v1.5 of 2048, 3072 or 4096 bits, or ECDSA on P-256, P-384 or
// P-521. Else ErrorKind::Key with the reason; `name` is what the error calls the key.
Result<> check_key_kind(const EVP_PKEY* key, const std::string& name);

// The kernel can parse this certificate into a key of its keyring, apart from the key's kind.
Result<> check_certificate_form(const X509* certificate, const std::string& name);

}  // namespace bpfgate::crypto
