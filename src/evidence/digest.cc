// SPDX-License-Identifier: MIT
// What is signed of a file. Apart from judging, so that whoever only needs the message is not linked with the device
// mapper's library.
#include "evidence/evidence.h"

namespace bpfgate::evidence {
namespace {

void append_le16(Bytes& bytes, uint16_t value) {
  bytes.push_back(static_cast<uint8_t>(value));
  bytes.push_back(static_cast<uint8_t>(value >> 8));
}

}  // namespace

std::string_view name_of(DigestKind kind) { return kind == DigestKind::Ima ? "ima" : "fsverity"; }

Result<DigestKind> digest_kind_named(std::string_view name) {
  for (DigestKind kind : {DigestKind::FsVerity, DigestKind::Ima}) {
    if (name == name_of(kind)) return kind;
  }
  return fail(ErrorKind::Invalid, "unknown kind of digest \"" + std::string(name) + "\"", "use fsverity or ima");
}

std::string to_string(const Digest& digest) {
  std::string_view algorithm = digest.kind == DigestKind::Ima
                                   ? ima::name_of(static_cast<ima::Algorithm>(digest.algorithm))
                                   : fsverity::name_of(static_cast<fsverity::Algorithm>(digest.algorithm));
  return std::string(algorithm) + ":" + to_hex(digest.value);
}

Bytes signed_message(const Digest& digest) {
  using namespace std::string_view_literals;
  const std::string_view magic = digest.kind == DigestKind::Ima ? "IMAfile\0"sv : "FSVerity"sv;
  Bytes message(magic.begin(), magic.end());
  append_le16(message, digest.algorithm);
  append_le16(message, static_cast<uint16_t>(digest.value.size()));
  message.insert(message.end(), digest.value.begin(), digest.value.end());
  return message;
}

crypto::HashAlgorithm signature_hash(const Digest& digest) {
  // Of either kind, the algorithms of one size are one hash.
  switch (digest.value.size()) {
    case 64:
      return crypto::HashAlgorithm::Sha512;
    case 48:
      return crypto::HashAlgorithm::Sha384;
    default:
      return crypto::HashAlgorithm::Sha256;
  }
}

Result<Bytes> sign(const Digest& digest, const crypto::Signer& signer) {
  return signer.sign_detached(signed_message(digest), signature_hash(digest));
}

}  // namespace bpfgate::evidence
