// SPDX-License-Identifier: MIT
#include <openssl/bn.h>
#include <openssl/core_names.h>

#include <algorithm>

#include "crypto/openssl.h"

namespace bpfgate::crypto {
namespace {

using NumberPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;

// Equal keys have the same one, however they are encoded; different ones hardly ever. Of a key that is neither RSA nor
// EC it is empty, so that all of those are compared with each other.
std::string number_of(const Certificate& certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  if (key == nullptr) return {};
  BIGNUM* read = nullptr;
  for (const char* parameter : {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_EC_PUB_X})
    if (EVP_PKEY_get_bn_param(key, parameter, &read) == 1) break;
  NumberPtr number(read);
  drain_errors();
  if (!number) return {};
  std::string bytes(static_cast<size_t>(BN_num_bytes(number.get())), '\0');
  BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(bytes.data()));
  return bytes;
}

// Over the form that X509_NAME_cmp() compares. Where it cannot be computed it can for none.
unsigned long hash_of(const X509_NAME* name) {
  int is_good = 0;
  unsigned long hash = X509_NAME_hash_ex(name, nullptr, nullptr, &is_good);
  return is_good == 1 ? hash : 0;
}

// Empty where there is none.
std::string text_of(const ASN1_OCTET_STRING* key_id) {
  if (key_id == nullptr) return {};
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(key_id)),
          static_cast<size_t>(ASN1_STRING_length(key_id))};
}

template <class Index, class Key>
void append(const Index& index, const Key& key, std::vector<size_t>& places) {
  for (auto [it, end] = index.equal_range(key); it != end; ++it) places.push_back(it->second);
}

}  // namespace

PassIndex::PassIndex(std::span<const Certificate> certificates) {
  for (size_t i = 0; i < certificates.size(); ++i) {
    X509* certificate = certificates[i].get();
    unsigned long subject = hash_of(X509_get_subject_name(certificate));
    std::string key_id = text_of(X509_get0_subject_key_id(certificate));
    by_key_.emplace(number_of(certificates[i]), i);
    by_subject_.emplace(subject, i);
    if (key_id.empty())
      by_subject_alone_.emplace(subject, i);
    else
      by_key_id_.emplace(std::move(key_id), i);
  }
}

std::vector<size_t> PassIndex::candidates(const Certificate& certificate) const {
  std::vector<size_t> places;
  append(by_key_, number_of(certificate), places);
  // Many may be of one name; one that names its issuer's key is issued by nobody who has another.
  unsigned long issuer = hash_of(X509_get_issuer_name(certificate.get()));
  if (std::string key_id = text_of(X509_get0_authority_key_id(certificate.get())); key_id.empty()) {
    append(by_subject_, issuer, places);
  } else {
    append(by_subject_alone_, issuer, places);
    append(by_key_id_, key_id, places);
  }
  std::ranges::sort(places);
  auto repeated = std::ranges::unique(places);
  places.erase(repeated.begin(), repeated.end());
  return places;
}

}  // namespace bpfgate::crypto
