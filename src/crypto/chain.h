// SPDX-License-Identifier: MIT
// Whom a signature is by, as the kernel sees it: directly, or through certificates that it carries. Not for other
// rooms.
#pragma once

#include "crypto/openssl.h"

namespace bpfgate::crypto {

// The signer info names this certificate: by issuer and serial number, or by its subject key identifier.
bool is_signer(CMS_SignerInfo* signer, X509* certificate);

// The kernel would follow `certificate` to `issuer`, and `issuer` has signed it.
bool is_issued_by(X509* certificate, X509* issuer);

class EmbeddedCertificates {
 public:
  explicit EmbeddedCertificates(CMS_ContentInfo* cms) : certificates_(CMS_get1_certs(cms)) {}

  // Null when there is none, and always for a signer named by key identifier: the kernel looks for that one in its
  // keyring only (pkcs7_find_key() compares issuer and serial).
  [[nodiscard]] X509* find_signer(CMS_SignerInfo* signer) const;

  // Whether `trusted` has signed it, or one in between that is embedded as well.
  [[nodiscard]] bool leads_to(X509* certificate, X509* trusted) const;

 private:
  struct Deleter {
    void operator()(STACK_OF(X509) * certificates) const { sk_X509_pop_free(certificates, X509_free); }
  };
  [[nodiscard]] X509* find_issuer(X509* certificate) const;

  std::unique_ptr<STACK_OF(X509), Deleter> certificates_;  // null when there are none
};

}  // namespace bpfgate::crypto
