// SPDX-License-Identifier: MIT
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/io.h"
#include "crypto/chain.h"
#include "crypto/key_kind.h"
#include "crypto/openssl.h"
#include "crypto/token.h"

namespace bpfgate::crypto {
namespace {

// Certificates of real authorities are below 8 KiB; a larger file is not one.
constexpr size_t max_certificate_file = 1 << 20;

X509Ptr from_der(ByteView bytes) {
  const unsigned char* position = bytes.data();
  X509Ptr certificate(d2i_X509(nullptr, &position, static_cast<long>(bytes.size())));
  // What follows a DER certificate would be ignored in silence: a chain in one file, or damage.
  if (certificate && position != bytes.data() + bytes.size()) return nullptr;
  return certificate;
}

X509Ptr from_pem(ByteView bytes) {
  BioPtr bio = bio_over(bytes);
  return bio ? X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) : nullptr;
}

}  // namespace

Result<Certificate> Certificate::parse(ByteView bytes, const std::string& name) {
  X509Ptr certificate = from_der(bytes);
  if (!certificate) certificate = from_pem(bytes);
  if (!certificate) return key_failure(name + ": not an X.509 certificate in PEM or DER");
  drain_errors();  // the DER attempt's, when PEM it was
  return Certificate(certificate.release());
}

Result<Certificate> Certificate::load(const std::string& path_or_uri) {
  if (is_token_uri(path_or_uri)) {
    TRY_ASSIGN(Bytes der, load_token_certificate(path_or_uri));
    return parse(der, path_or_uri);
  }
  auto content = read_file(path_or_uri, max_certificate_file);
  if (!content) {
    Error error = std::move(content).error();
    error.kind = ErrorKind::Key;
    return std::unexpected(std::move(error).within("certificate"));
  }
  return parse(*content, path_or_uri);
}

Bytes Certificate::der() const {
  unsigned char* encoded = nullptr;
  int size = i2d_X509(certificate_.get(), &encoded);
  if (size <= 0) return {};
  Bytes bytes(encoded, encoded + size);
  OPENSSL_free(encoded);
  return bytes;
}

std::string Certificate::subject() const {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio) return {};
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate_.get()), 0, XN_FLAG_RFC2253);
  Bytes text = content_of(bio.get());
  return {text.begin(), text.end()};
}

std::array<uint8_t, 32> Certificate::fingerprint() const { return sha256(der()); }

bool Certificate::can_pass_for(const Certificate& other) const {
  const EVP_PKEY* own = X509_get0_pubkey(certificate_.get());
  const EVP_PKEY* others = X509_get0_pubkey(other.certificate_.get());
  if (own == nullptr || others == nullptr) return false;
  return EVP_PKEY_eq(own, others) == 1 || is_issued_by(certificate_.get(), other.certificate_.get());
}

std::vector<Bytes> Certificate::kernel_ids() const {
  unsigned char* serial = nullptr;
  int size = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate_.get()), &serial);
  Bytes name(serial, serial + std::max(size, 0));
  OPENSSL_free(serial);
  const unsigned char* issuer = nullptr;
  size_t issuer_size = 0;
  if (X509_NAME_get0_der(X509_get_issuer_name(certificate_.get()), &issuer, &issuer_size) == 1)
    name.insert(name.end(), issuer, issuer + issuer_size);
  std::vector<Bytes> ids{std::move(name)};
  if (const ASN1_OCTET_STRING* key_id = X509_get0_subject_key_id(certificate_.get())) {
    const unsigned char* first = ASN1_STRING_get0_data(key_id);
    ids.emplace_back(first, first + ASN1_STRING_length(key_id));
  }
  return ids;
}

Result<> Certificate::check_kernel_can_verify() const {
  std::string name = "certificate " + subject();
  TRY(check_key_kind(X509_get0_pubkey(certificate_.get()), name));
  return check_certificate_form(certificate_.get(), name);
}

}  // namespace bpfgate::crypto
