// SPDX-License-Identifier: MIT
#include "crypto/openssl.h"

#include <openssl/err.h>

#include <climits>

namespace bpfgate::crypto {

void KeyDeleter::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
void CertificateDeleter::operator()(x509_st* certificate) const { X509_free(certificate); }

std::string drain_errors() {
  std::string text;
  const char* data = nullptr;
  int flags = 0;
  while (unsigned long code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    const char* reason = ERR_reason_error_string(code);
    if (reason == nullptr && (flags & ERR_TXT_STRING) != 0) reason = data;  // a provider's own words
    if (reason == nullptr || *reason == '\0') continue;
    // A decoder that tried several formats says "unsupported" once for each.
    if (text.find(reason) != std::string::npos) continue;
    text += (text.empty() ? "" : "; ") + std::string(reason);
  }
  return text;
}

Failure key_failure(const std::string& what, std::string remedy) {
  std::string reasons = drain_errors();
  return fail(ErrorKind::Key, reasons.empty() ? what : what + ": " + reasons, std::move(remedy));
}

BioPtr bio_over(ByteView bytes) {
  if (bytes.size() > INT_MAX) return nullptr;
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

Bytes content_of(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? Bytes(data, data + size) : Bytes();
}

const EVP_MD* digest_of(HashAlgorithm hash) {
  switch (hash) {
    case HashAlgorithm::Sha256:
      return EVP_sha256();
    case HashAlgorithm::Sha384:
      return EVP_sha384();
    case HashAlgorithm::Sha512:
      return EVP_sha512();
  }
  return EVP_sha256();
}

std::array<uint8_t, 32> sha256(ByteView bytes) {
  std::array<uint8_t, 32> digest{};
  // Cannot fail: SHA-256 is in the default provider, and a one-shot digest allocates nothing it could lack.
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

}  // namespace bpfgate::crypto
