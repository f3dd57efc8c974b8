// SPDX-License-Identifier: MIT
// Sources: crypto/rsa.c (rsa_check_key_length), crypto/ecdsa.c, crypto/asymmetric_keys/{x509_cert_parser,public_key}.c.
#include "crypto/key_kind.h"

#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

namespace bpfgate::crypto {
namespace {

constexpr const char* allowed_kinds = "use RSA with 2048, 3072 or 4096 bits, or ECDSA on P-256, P-384 or P-521";

std::string string_parameter(const EVP_PKEY* key, const char* parameter) {
  std::array<char, 80> text{};
  if (EVP_PKEY_get_utf8_string_param(key, parameter, text.data(), text.size(), nullptr) != 1) return {};
  return text.data();
}

Failure refuse(const std::string& name, const std::string& reason) {
  return fail(ErrorKind::Key, name + ": " + reason, allowed_kinds);
}

// rsa_check_key_length() knows a list of sizes, not a range: 2560 bits fail there with EINVAL. The shorter ones of its
// list are too weak to stand for a host's policy.
Result<> check_rsa(const EVP_PKEY* key, const std::string& name) {
  int bits = EVP_PKEY_get_bits(key);
  if (bits == 2048 || bits == 3072 || bits == 4096) return {};
  std::string size = "RSA with " + std::to_string(bits) + " bits";
  if (bits < 2048) return refuse(name, size + " is too weak");
  if (bits > 4096) return refuse(name, size + " is more than the kernel verifies");
  return refuse(name, size + " is not a size the kernel verifies");
}

// The kernel knows three curves by their OIDs. Curve parameters spelled out do not parse, and a compressed point does
// not make a public key. (A key from a token may not tell the last two; its certificate does.)
Result<> check_ec(const EVP_PKEY* key, const std::string& name) {
  if (string_parameter(key, OSSL_PKEY_PARAM_EC_ENCODING) == "explicit")
    return refuse(name, "the kernel reads named curves only, this key spells its parameters out");
  std::string curve = string_parameter(key, OSSL_PKEY_PARAM_GROUP_NAME);
  int nid = OBJ_txt2nid(curve.c_str());
  if (nid == NID_undef) nid = EC_curve_nist2nid(curve.c_str());
  if (nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1) return {};
  return refuse(name, "the kernel cannot verify ECDSA on " + (curve.empty() ? "an unnamed curve" : curve));
}

std::string kind_of(const EVP_PKEY* key) {
  const char* name = EVP_PKEY_get0_type_name(key);
  return name != nullptr ? name : "unknown";
}

bool is_parsable_signature_kind(int nid) {
  int digest = NID_undef;
  int key = NID_undef;
  if (OBJ_find_sigid_algs(nid, &digest, &key) != 1) return false;
  constexpr std::array digests = {NID_sha1,   NID_sha224,   NID_sha256,   NID_sha384,
                                  NID_sha512, NID_sha3_256, NID_sha3_384, NID_sha3_512};
  bool is_known_digest = std::find(digests.begin(), digests.end(), digest) != digests.end();
  return is_known_digest && (key == NID_rsaEncryption || key == NID_X9_62_id_ecPublicKey);
}

// "CA:FALSE" written out (30 03 01 01 00) instead of left to its default makes the kernel's parser give up with
// EBADMSG.
bool spells_out_no_ca(const X509* certificate) {
  static constexpr std::array<uint8_t, 5> spelled_out = {0x30, 0x03, 0x01, 0x01, 0x00};
  int index = X509_get_ext_by_NID(certificate, NID_basic_constraints, -1);
  if (index < 0) return false;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(certificate, index));
  ByteView bytes(ASN1_STRING_get0_data(value), static_cast<size_t>(ASN1_STRING_length(value)));
  return std::equal(bytes.begin(), bytes.end(), spelled_out.begin(), spelled_out.end());
}

bool has_compressed_point(const X509* certificate) {
  const ASN1_BIT_STRING* point = X509_get0_pubkey_bitstr(certificate);
  return point != nullptr && ASN1_STRING_length(point) > 0 && ASN1_STRING_get0_data(point)[0] != 0x04;
}

}  // namespace

Result<> check_key_kind(const EVP_PKEY* key, const std::string& name) {
  if (key == nullptr) return refuse(name, "its public key cannot be read");
  // A restricted RSA-PSS key is a kind of its own; OpenSSL would sign PSS with it.
  if (EVP_PKEY_is_a(key, "RSA") == 1) return check_rsa(key, name);
  if (EVP_PKEY_is_a(key, "EC") == 1) return check_ec(key, name);
  return refuse(name, "the kernel cannot verify signatures of " + kind_of(key) + " keys");
}

Result<> check_certificate_form(const X509* certificate, const std::string& name) {
  int nid = X509_get_signature_nid(certificate);
  if (!is_parsable_signature_kind(nid)) {
    return fail(ErrorKind::Key, name + ": the kernel cannot parse a certificate signed with " + OBJ_nid2sn(nid),
                "have it signed with RSA PKCS#1 v1.5 or ECDSA, and SHA-256, SHA-384 or SHA-512");
  }
  if (spells_out_no_ca(certificate)) {
    return fail(ErrorKind::Key, name + ": the kernel cannot parse a basicConstraints that spells out CA:FALSE",
                "leave the extension empty; that is what CA:FALSE is in DER");
  }
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (key != nullptr && EVP_PKEY_is_a(key, "EC") == 1 && has_compressed_point(certificate))
    return fail(ErrorKind::Key, name + ": the kernel cannot read a compressed EC point", "write it uncompressed");
  return {};
}

}  // namespace bpfgate::crypto
