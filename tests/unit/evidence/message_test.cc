// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>

#include "evidence/evidence.h"

using namespace bpfgate;
using namespace bpfgate::evidence;
using fsverity::Algorithm;

TEST_CASE("what is signed is the kernel's fsverity_formatted_digest") {
  Bytes value(32);
  for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<uint8_t>(i);
  CHECK(to_hex(signed_message(fsverity::Digest{Algorithm::Sha256, value})) ==
        "4653566572697479"  // FSVerity
        "0100"
        "2000"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
}

TEST_CASE("algorithm and size of a longer digest are part of what is signed") {
  Bytes message = signed_message(fsverity::Digest{Algorithm::Sha512, Bytes(64, 0xee)});
  CHECK(message.size() == 8 + 4 + 64);
  CHECK(to_hex(ByteView(message).subspan(8, 4)) == "02004000");
}

TEST_CASE("what is signed of an IMA digest has a magic of its own") {
  Bytes value(32);
  for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<uint8_t>(i);
  CHECK(to_hex(signed_message(ima::Digest{ima::Algorithm::Sha256, value})) ==
        "494d4166696c6500"  // IMAfile, and a NUL
        "0400"
        "2000"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  for (ima::Algorithm algorithm : ima::algorithms) {
    Bytes longer(ima::digest_size_of(algorithm), 0xee);
    Bytes message = signed_message(ima::Digest{algorithm, longer});
    CHECK(message.size() == 8 + 4 + longer.size());
    CHECK(message[8] == static_cast<uint8_t>(algorithm));
    CHECK(message[10] == longer.size());
  }
}

TEST_CASE("digests of two kinds are never equal and never sign the same, whatever their bytes") {
  const Digest sealed = fsverity::Digest{Algorithm::Sha256, Bytes(32, 0xee)};
  Digest hashed = ima::Digest{ima::Algorithm::Sha256, Bytes(32, 0xee)};
  CHECK(to_string(sealed) == to_string(hashed));
  CHECK(sealed != hashed);
  hashed.algorithm = sealed.algorithm;
  CHECK(sealed != hashed);
  CHECK(signed_message(sealed) != signed_message(hashed));
}

TEST_CASE("the kinds of digests have the words of manifests and options") {
  for (DigestKind kind : {DigestKind::FsVerity, DigestKind::Ima})
    CHECK(digest_kind_named(name_of(kind)).value() == kind);
  CHECK(name_of(DigestKind::FsVerity) == "fsverity");
  CHECK(name_of(DigestKind::Ima) == "ima");
  for (const char* word : {"", "IMA", "fs-verity", "imas"}) CHECK_FALSE(digest_kind_named(word));
}

TEST_CASE("the signature's hash goes with the digest's") {
  using crypto::HashAlgorithm;
  CHECK(signature_hash(fsverity::Digest{Algorithm::Sha256, Bytes(32)}) == HashAlgorithm::Sha256);
  CHECK(signature_hash(fsverity::Digest{Algorithm::Sha512, Bytes(64)}) == HashAlgorithm::Sha512);
  CHECK(signature_hash(ima::Digest{ima::Algorithm::Sha256, Bytes(32)}) == HashAlgorithm::Sha256);
  CHECK(signature_hash(ima::Digest{ima::Algorithm::Sha384, Bytes(48)}) == HashAlgorithm::Sha384);
  CHECK(signature_hash(ima::Digest{ima::Algorithm::Sha512, Bytes(64)}) == HashAlgorithm::Sha512);
}

TEST_CASE("verdicts and reasons are spelt as in events") {
  CHECK(name_of(Verdict::Loader) == "loader");
  CHECK(name_of(Verdict::Library) == "library");
  CHECK(name_of(Verdict::NoEvidence) == "no-evidence");
  CHECK(name_of(Reason::ListedDigest) == "listed-digest");
  CHECK(name_of(Reason::Signature) == "signature");
  CHECK(name_of(Reason::ListedImaDigest) == "listed-ima-digest");
  CHECK(name_of(Reason::ImaSignature) == "ima-signature");
  CHECK(name_of(Reason::NotSealed) == "not-sealed");
  CHECK(name_of(Reason::NoSignature) == "no-signature");
  CHECK(name_of(Reason::SignatureTooLarge) == "signature-too-large");
  CHECK(name_of(Reason::SignatureMalformed) == "signature-malformed");
  CHECK(name_of(Reason::SignatureUntrusted) == "signature-untrusted");
  CHECK(name_of(Reason::SignatureMismatch) == "signature-mismatch");
}
