// SPDX-License-Identifier: MIT
#include "crypto/chain.h"

#include <openssl/x509v3.h>

#include <algorithm>

#include "crypto/key_kind.h"

namespace bpfgate::crypto {
namespace {

// The kernel walks as far as there are certificates; a signature of the size the gate reads has no room for more.
constexpr int max_depth = 32;

bool is_same_name(const X509_NAME* left, const X509_NAME* right) {
  const unsigned char* left_der = nullptr;
  const unsigned char* right_der = nullptr;
  size_t left_size = 0;
  size_t right_size = 0;
  // The encodings, as the kernel does it; X509_NAME_cmp() would take "ACME" and "acme" for the same.
  return X509_NAME_get0_der(left, &left_der, &left_size) == 1 &&
         X509_NAME_get0_der(right, &right_der, &right_size) == 1 &&
         std::equal(left_der, left_der + left_size, right_der, right_der + right_size);
}

// By the authority key identifier, without which the kernel finds no issuer. It asks for no CA bit, key usage or date.
bool names_issuer(X509* certificate, X509* issuer) {
  if (X509_get_ext_by_NID(certificate, NID_authority_key_identifier, -1) < 0) return false;
  int answer = X509_check_issued(issuer, certificate);
  return answer == X509_V_OK || answer == X509_V_ERR_KEYUSAGE_NO_CERTSIGN;
}

bool has_signed(X509* issuer, X509* certificate) {
  EVP_PKEY* key = X509_get0_pubkey(issuer);
  return key != nullptr && X509_verify(certificate, key) == 1;
}

}  // namespace

bool is_signer(CMS_SignerInfo* signer, X509* certificate) {
  ASN1_OCTET_STRING* key_id = nullptr;
  X509_NAME* issuer = nullptr;
  ASN1_INTEGER* serial = nullptr;
  if (CMS_SignerInfo_get0_signer_id(signer, &key_id, &issuer, &serial) != 1) return false;
  if (key_id != nullptr) {
    const ASN1_OCTET_STRING* own = X509_get0_subject_key_id(certificate);
    return own != nullptr && ASN1_OCTET_STRING_cmp(key_id, own) == 0;
  }
  return is_same_name(issuer, X509_get_issuer_name(certificate)) &&
         ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) == 0;
}

bool is_issued_by(X509* certificate, X509* issuer) {
  return names_issuer(certificate, issuer) && has_signed(issuer, certificate);
}

X509* EmbeddedCertificates::find_signer(CMS_SignerInfo* signer) const {
  ASN1_OCTET_STRING* key_id = nullptr;
  if (CMS_SignerInfo_get0_signer_id(signer, &key_id, nullptr, nullptr) != 1 || key_id != nullptr) return nullptr;
  for (int i = 0; i < sk_X509_num(certificates_.get()); ++i) {
    X509* candidate = sk_X509_value(certificates_.get(), i);
    if (is_signer(signer, candidate) && check_key_kind(X509_get0_pubkey(candidate), "")) return candidate;
  }
  return nullptr;
}

bool EmbeddedCertificates::leads_to(X509* certificate, X509* trusted) const {
  for (int depth = 0; depth < max_depth; ++depth) {
    if (names_issuer(certificate, trusted)) return has_signed(trusted, certificate);
    X509* issuer = find_issuer(certificate);
    if (issuer == nullptr || !has_signed(issuer, certificate)) return false;
    certificate = issuer;
  }
  return false;
}

X509* EmbeddedCertificates::find_issuer(X509* certificate) const {
  for (int i = 0; i < sk_X509_num(certificates_.get()); ++i) {
    X509* candidate = sk_X509_value(certificates_.get(), i);
    if (candidate != certificate && names_issuer(certificate, candidate)) return candidate;
  }
  return nullptr;
}

}  // namespace bpfgate::crypto
