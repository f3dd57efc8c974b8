// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>

#include "evidence/evidence.h"

using namespace bpfgate;
using namespace bpfgate::evidence;
using fsverity::Algorithm;

TEST_CASE("what is signed is the kernel's fsverity_formatted_digest") {
  Bytes value(32);
  for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<uint8_t>(i);
  CHECK(to_hex(signed_message({Algorithm::Sha256, value})) ==
        "4653566572697479"  // FSVerity
        "0100"
        "2000"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
}

TEST_CASE("algorithm and size of a longer digest are part of what is signed") {
  Bytes message = signed_message({Algorithm::Sha512, Bytes(64, 0xee)});
  CHECK(message.size() == 8 + 4 + 64);
  CHECK(to_hex(ByteView(message).subspan(8, 4)) == "02004000");
}

TEST_CASE("the signature's hash goes with the digest's") {
  CHECK(signature_hash(Algorithm::Sha256) == crypto::HashAlgorithm::Sha256);
  CHECK(signature_hash(Algorithm::Sha512) == crypto::HashAlgorithm::Sha512);
}

TEST_CASE("verdicts and reasons are spelt as in events") {
  CHECK(name_of(Verdict::Loader) == "loader");
  CHECK(name_of(Verdict::Library) == "library");
  CHECK(name_of(Verdict::NoEvidence) == "no-evidence");
  CHECK(name_of(Reason::ListedDigest) == "listed-digest");
  CHECK(name_of(Reason::Signature) == "signature");
  CHECK(name_of(Reason::NotSealed) == "not-sealed");
  CHECK(name_of(Reason::NoSignature) == "no-signature");
  CHECK(name_of(Reason::SignatureTooLarge) == "signature-too-large");
  CHECK(name_of(Reason::SignatureMalformed) == "signature-malformed");
  CHECK(name_of(Reason::SignatureUntrusted) == "signature-untrusted");
  CHECK(name_of(Reason::SignatureMismatch) == "signature-mismatch");
}
