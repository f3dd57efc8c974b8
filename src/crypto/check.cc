// SPDX-License-Identifier: MIT
// A second reading of what the kernel does with a detached signature (verify_pkcs7_signature with one trusted key), so
// that `verify` can say before boot what the gate will say after. Sources: crypto/asymmetric_keys/pkcs7_parser.c,
// pkcs7_verify.c, pkcs7_trust.c, certs/system_keyring.c.
#include <openssl/objects.h>

#include <algorithm>
#include <array>
#include <climits>

#include "crypto/chain.h"
#include "crypto/openssl.h"

namespace bpfgate::crypto {
namespace {

struct Algorithms {
  int digest = NID_undef;
  int key = NID_undef;  // NID_rsaEncryption or NID_X9_62_id_ecPublicKey
};

// `size` is how much of `bytes` it takes.
CmsPtr parse(ByteView bytes, size_t& size) {
  if (bytes.size() > INT_MAX) return nullptr;
  const unsigned char* position = bytes.data();
  CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &position, static_cast<long>(bytes.size())));
  size = static_cast<size_t>(position - bytes.data());
  drain_errors();
  return cms;
}

bool is_detached_data(CMS_ContentInfo* cms) {
  return OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed &&
         OBJ_obj2nid(CMS_get0_eContentType(cms)) == NID_pkcs7_data && CMS_is_detached(cms) == 1;
}

// The kernel takes the hash from the digest algorithm alone, and from the signature algorithm only the kind of key. It
// wants plain rsaEncryption there: "sha256WithRSAEncryption" is an unknown algorithm to it.
std::optional<Algorithms> algorithms_of(CMS_SignerInfo* signer) {
  constexpr std::array digests = {NID_sha1,   NID_sha224,   NID_sha256,   NID_sha384,
                                  NID_sha512, NID_sha3_256, NID_sha3_384, NID_sha3_512};
  X509_ALGOR* digest = nullptr;
  X509_ALGOR* signature = nullptr;
  CMS_SignerInfo_get0_algs(signer, nullptr, nullptr, &digest, &signature);
  Algorithms found{OBJ_obj2nid(digest->algorithm), OBJ_obj2nid(signature->algorithm)};
  if (std::find(digests.begin(), digests.end(), found.digest) == digests.end()) return std::nullopt;
  if (found.key == NID_rsaEncryption) return found;
  int ignored_digest = NID_undef;
  int key = NID_undef;
  if (OBJ_find_sigid_algs(found.key, &ignored_digest, &key) != 1 || key != NID_X9_62_id_ecPublicKey)
    return std::nullopt;
  return Algorithms{found.digest, key};
}

bool has_attributes(CMS_SignerInfo* signer) { return CMS_signed_get_attr_count(signer) >= 0; }

// The parser wants both of these among signed attributes, and none that says what S/MIME can do.
bool are_attributes_readable(CMS_SignerInfo* signer) {
  return CMS_signed_get_attr_by_NID(signer, NID_pkcs9_contentType, -1) >= 0 &&
         CMS_signed_get_attr_by_NID(signer, NID_pkcs9_messageDigest, -1) >= 0 &&
         CMS_signed_get_attr_by_NID(signer, NID_SMIMECapabilities, -1) < 0;
}

// What the parser asks of the signer infos together; one it cannot read makes the whole message unreadable.
bool are_acceptable(STACK_OF(CMS_SignerInfo) * signers) {
  if (sk_CMS_SignerInfo_num(signers) <= 0) return false;
  const bool want_attributes = has_attributes(sk_CMS_SignerInfo_value(signers, 0));
  for (int i = 0; i < sk_CMS_SignerInfo_num(signers); ++i) {
    CMS_SignerInfo* signer = sk_CMS_SignerInfo_value(signers, i);
    if (!algorithms_of(signer) || has_attributes(signer) != want_attributes) return false;
    if (want_attributes && !are_attributes_readable(signer)) return false;
  }
  return true;
}

bool verify_message(ByteView signature, ByteView message, const EVP_MD* digest, EVP_PKEY* key) {
  DigestContextPtr context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

// With signed attributes the signature is over those, and one of them holds the message's digest.
bool verify_attributes(CMS_SignerInfo* signer, ByteView message, const EVP_MD* digest, X509* certificate) {
  auto* type = static_cast<ASN1_OBJECT*>(
      CMS_signed_get0_data_by_OBJ(signer, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT));
  auto* claimed = static_cast<ASN1_OCTET_STRING*>(
      CMS_signed_get0_data_by_OBJ(signer, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING));
  if (type == nullptr || claimed == nullptr || OBJ_obj2nid(type) != NID_pkcs7_data) return false;
  std::array<uint8_t, EVP_MAX_MD_SIZE> actual{};
  unsigned int size = 0;
  if (EVP_Digest(message.data(), message.size(), actual.data(), &size, digest, nullptr) != 1) return false;
  ByteView claim(ASN1_STRING_get0_data(claimed), static_cast<size_t>(ASN1_STRING_length(claimed)));
  if (!std::equal(claim.begin(), claim.end(), actual.begin(), actual.begin() + size)) return false;
  CMS_SignerInfo_set1_signer_cert(signer, certificate);
  return CMS_SignerInfo_verify(signer) == 1;
}

bool verify(CMS_SignerInfo* signer, ByteView message, X509* certificate) {
  const Algorithms algorithms = *algorithms_of(signer);
  const EVP_MD* digest = EVP_get_digestbynid(algorithms.digest);
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (digest == nullptr || key == nullptr) return false;
  if (EVP_PKEY_get_base_id(key) != algorithms.key) return false;
  if (has_attributes(signer)) return verify_attributes(signer, message, digest, certificate);
  const ASN1_OCTET_STRING* signature = CMS_SignerInfo_get0_signature(signer);
  return verify_message({ASN1_STRING_get0_data(signature), static_cast<size_t>(ASN1_STRING_length(signature))}, message,
                        digest, key);
}

// A signature by a certificate that it carries, and that `trusted` vouches for.
SignatureCheck check_delegated(CMS_ContentInfo* cms, CMS_SignerInfo* signer, ByteView message, X509* trusted) {
  EmbeddedCertificates embedded(cms);
  X509* own = embedded.find_signer(signer);
  if (own == nullptr || !embedded.leads_to(own, trusted)) return SignatureCheck::NotMine;
  return verify(signer, message, own) ? SignatureCheck::Valid : SignatureCheck::Mismatch;
}

SignatureCheck check_signer(CMS_ContentInfo* cms, CMS_SignerInfo* signer, ByteView message, X509* trusted) {
  if (!is_signer(signer, trusted)) return check_delegated(cms, signer, message, trusted);
  return verify(signer, message, trusted) ? SignatureCheck::Valid : SignatureCheck::Mismatch;
}

std::string hex_of(const ASN1_STRING* string) {
  return to_hex({ASN1_STRING_get0_data(string), static_cast<size_t>(ASN1_STRING_length(string))});
}

std::string describe(CMS_SignerInfo* signer) {
  ASN1_OCTET_STRING* key_id = nullptr;
  X509_NAME* issuer = nullptr;
  ASN1_INTEGER* serial = nullptr;
  if (CMS_SignerInfo_get0_signer_id(signer, &key_id, &issuer, &serial) != 1) return "nobody";
  if (key_id != nullptr) return "key id " + hex_of(key_id);
  BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), issuer, 0, XN_FLAG_RFC2253);
  Bytes name = content_of(bio.get());
  return "issuer " + std::string(name.begin(), name.end()) + ", serial " + hex_of(serial);
}

Failure malformed() { return fail(ErrorKind::Invalid, "not a detached PKCS#7 signature that the kernel would read"); }

}  // namespace

SignatureCheck check_detached(ByteView signature, ByteView message, const Certificate& certificate) {
  size_t size = 0;  // the kernel's decoder stops at the end of the outer sequence; bytes behind it don't matter to it
  CmsPtr cms = parse(signature, size);
  if (!cms || !is_detached_data(cms.get())) return SignatureCheck::Malformed;
  STACK_OF(CMS_SignerInfo)* signers = CMS_get0_SignerInfos(cms.get());
  if (!are_acceptable(signers)) return SignatureCheck::Malformed;
  SignatureCheck result = SignatureCheck::NotMine;
  for (int i = 0; i < sk_CMS_SignerInfo_num(signers); ++i) {
    CMS_SignerInfo* signer = sk_CMS_SignerInfo_value(signers, i);
    SignatureCheck check = check_signer(cms.get(), signer, message, certificate.get());
    drain_errors();
    // One bad signature by a trusted key makes the kernel refuse the message, whatever the others say.
    if (check == SignatureCheck::Mismatch) return check;
    if (check == SignatureCheck::Valid) result = check;
  }
  return result;
}

Result<> check_well_formed(ByteView signature) {
  size_t size = 0;
  CmsPtr cms = parse(signature, size);
  if (!cms || !is_detached_data(cms.get()) || !are_acceptable(CMS_get0_SignerInfos(cms.get()))) return malformed();
  if (size != signature.size())
    return fail(ErrorKind::Invalid, std::to_string(signature.size() - size) + " bytes follow the signature");
  return {};
}

Result<std::string> describe_signer(ByteView signature) {
  size_t size = 0;
  CmsPtr cms = parse(signature, size);
  if (!cms || !is_detached_data(cms.get())) return malformed();
  STACK_OF(CMS_SignerInfo)* signers = CMS_get0_SignerInfos(cms.get());
  if (!are_acceptable(signers)) return malformed();
  std::string text;
  for (int i = 0; i < sk_CMS_SignerInfo_num(signers); ++i)
    text += (i > 0 ? "; " : "") + describe(sk_CMS_SignerInfo_value(signers, i));
  return text;
}

}  // namespace bpfgate::crypto
