// SPDX-License-Identifier: MIT
// Signatures made by `fsverity sign` (data/make) against the verdicts they must lead to.
#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "evidence/evidence.h"
#include "temporary_directory.h"

using namespace bpfgate;
using namespace bpfgate::evidence;
using fsverity::Algorithm;

namespace {

const std::string data = TEST_DATA "/";

Bytes signature_of(const std::string& name) { return read_file(data + name + ".sig", 1 << 16).value(); }

crypto::Certificate certificate_of(const std::string& name) {
  return crypto::Certificate::load(data + name + ".pem").value();
}

// The digests of the signed file, from data/digests: SHA-256 on the first line, SHA-512 on the second.
fsverity::Digest digest_of(Algorithm algorithm) {
  std::string text = read_text_file(data + "digests", 1000).value();
  size_t line_end = text.find('\n');
  if (algorithm == Algorithm::Sha256) return {algorithm, from_hex(text.substr(0, line_end)).value()};
  return {algorithm, from_hex(text.substr(line_end + 1, 128)).value()};
}

struct Fixture {
  crypto::Certificate loader = certificate_of("loader");
  crypto::Certificate library = certificate_of("library");
  Trust trust{
      .signers = {{"loaders", Role::Loader, &loader, {"full"}}, {"libraries", Role::Library, &library, {"ignored"}}}};
  fsverity::Digest digest = digest_of(Algorithm::Sha256);

  [[nodiscard]] Conclusion with(const std::string& signature) const {
    return conclude(digest, signature_of(signature), trust);
  }
};

void check_refused(const Conclusion& conclusion, Reason reason) {
  CHECK(name_of(conclusion.verdict) == name_of(Verdict::NoEvidence));
  CHECK(name_of(conclusion.reason) == name_of(reason));
  CHECK(conclusion.grants.empty());
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a loader signature makes a loader with the signer's grant") {
  Conclusion conclusion = with("loader");
  CHECK(conclusion.verdict == Verdict::Loader);
  CHECK(conclusion.reason == Reason::Signature);
  CHECK(conclusion.rule == "loaders");
  CHECK(conclusion.grants == std::vector<std::string>{"full"});
  CHECK(conclusion.digest == digest);
}

TEST_CASE_METHOD(Fixture, "a library signature makes a library, never a loader, and grants nothing") {
  Conclusion conclusion = with("library");
  CHECK(conclusion.verdict == Verdict::Library);
  CHECK(conclusion.rule == "libraries");
  CHECK(conclusion.grants.empty());
}

TEST_CASE_METHOD(Fixture, "a signature covers the digest of its own algorithm only") {
  digest = digest_of(Algorithm::Sha512);
  CHECK(with("loader-sha512").verdict == Verdict::Loader);
  check_refused(with("loader"), Reason::SignatureMismatch);
  digest = digest_of(Algorithm::Sha256);
  check_refused(with("loader-sha512"), Reason::SignatureMismatch);
}

TEST_CASE_METHOD(Fixture, "a signature of another file is a mismatch that names the signer") {
  Conclusion conclusion = with("loader-of-another");
  check_refused(conclusion, Reason::SignatureMismatch);
  CHECK(conclusion.rule == "loaders");
}

TEST_CASE_METHOD(Fixture, "a stranger's signature is untrusted") {
  Conclusion conclusion = with("stranger");
  check_refused(conclusion, Reason::SignatureUntrusted);
  CHECK(conclusion.rule.empty());
}

TEST_CASE_METHOD(Fixture, "claiming a trusted signer's name is not having the key") {
  check_refused(with("impostor"), Reason::SignatureMismatch);
}

TEST_CASE_METHOD(Fixture, "a certificate of the same name and serial is tried after the first does not fit") {
  crypto::Certificate impostor = certificate_of("impostor");
  trust.signers.push_back({"renewed", Role::Loader, &impostor, {"inspect"}});
  CHECK(with("impostor").rule == "renewed");
  CHECK(with("loader").rule == "loaders");
}

TEST_CASE_METHOD(Fixture, "a mismatch is reported whichever signer is asked first") {
  std::swap(trust.signers[0], trust.signers[1]);
  check_refused(with("loader-of-another"), Reason::SignatureMismatch);
}

TEST_CASE_METHOD(Fixture, "without a signature there is none") {
  check_refused(conclude(digest, std::nullopt, trust), Reason::NoSignature);
}

TEST_CASE_METHOD(Fixture, "what is not PKCS#7 is malformed") {
  Bytes good = signature_of("loader");
  Bytes cut(good.begin(), good.end() - 1);
  for (const Bytes& signature : {Bytes{}, Bytes{0x30}, Bytes(100, 0), Bytes(max_signature_size, 0x30), cut}) {
    INFO(signature.size() << " bytes");
    check_refused(conclude(digest, signature, trust), Reason::SignatureMalformed);
  }
}

TEST_CASE_METHOD(Fixture, "one byte more than the gate's buffer is too large, whatever it holds") {
  Bytes signature = signature_of("loader");
  signature.resize(max_signature_size + 1);
  check_refused(conclude(digest, signature, trust), Reason::SignatureTooLarge);
}

TEST_CASE_METHOD(Fixture, "with nobody trusted every signature is untrusted") {
  trust.signers.clear();
  check_refused(with("loader"), Reason::SignatureUntrusted);
}

TEST_CASE_METHOD(Fixture, "every changed byte of the signature value makes it worthless") {
  Bytes good = signature_of("loader");
  for (size_t i = good.size() - 256; i < good.size(); ++i) {
    Bytes changed = good;
    changed[i] ^= 1;
    INFO("byte " << i);
    check_refused(conclude(digest, changed, trust), Reason::SignatureMismatch);
  }
}

TEST_CASE_METHOD(Fixture, "a signature cut short anywhere is refused") {
  Bytes good = signature_of("loader");
  for (size_t size = 0; size < good.size(); ++size) {
    INFO(size << " bytes");
    CHECK(conclude(digest, Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(size)), trust).verdict ==
          Verdict::NoEvidence);
  }
}

TEST_CASE_METHOD(Fixture, "a listed digest decides before any signature") {
  trust.digests.push_back({digest, Role::Loader, {"inspect"}});
  for (const std::optional<Bytes>& signature :
       {std::optional<Bytes>(), std::optional<Bytes>(signature_of("library")), std::optional<Bytes>(Bytes(20000))}) {
    Conclusion conclusion = conclude(digest, signature, trust);
    CHECK(conclusion.verdict == Verdict::Loader);
    CHECK(conclusion.reason == Reason::ListedDigest);
    CHECK(conclusion.rule == to_string(digest));
    CHECK(conclusion.grants == std::vector<std::string>{"inspect"});
  }
}

TEST_CASE_METHOD(Fixture, "a digest may be listed as a library's") {
  trust.digests.push_back({digest, Role::Library, {"full"}});
  Conclusion conclusion = conclude(digest, std::nullopt, trust);
  CHECK(conclusion.verdict == Verdict::Library);
  CHECK(conclusion.grants.empty());
}

TEST_CASE_METHOD(Fixture, "a listed digest is not a prefix and not of another algorithm") {
  fsverity::Digest cut{Algorithm::Sha256, Bytes(digest.value.begin(), digest.value.end() - 1)};
  trust.digests = {{cut, Role::Loader, {"full"}},
                   {fsverity::Digest{Algorithm::Sha256, {}}, Role::Loader, {"full"}},
                   {fsverity::Digest{Algorithm::Sha512, digest.value}, Role::Loader, {"full"}}};
  check_refused(conclude(digest, std::nullopt, trust), Reason::NoSignature);
}

TEST_CASE_METHOD(Fixture, "an unsealed file has no evidence, however good its signature") {
  test::TemporaryDirectory directory;
  UniqueFd fd = open_file(directory.file("a", "a loader\n"), O_RDWR).value();
  REQUIRE(fsverity::compute(fd.get(), {}).value() == digest);
  REQUIRE(set_xattr(fd.get(), signature_xattr, signature_of("loader")));
  Conclusion conclusion = conclude(fd.get(), trust).value();
  check_refused(conclusion, Reason::NotSealed);
  CHECK(conclusion.digest == std::nullopt);
  trust.digests.push_back({digest, Role::Loader, {"full"}});
  check_refused(conclude(fd.get(), trust, signature_of("loader")).value(), Reason::NotSealed);
}

TEST_CASE_METHOD(Fixture, "a bad descriptor is an error, not a verdict") { CHECK_FALSE(conclude(-1, trust)); }

TEST_CASE("a file's signature is read as it is, and its absence is no error") {
  test::TemporaryDirectory directory;
  UniqueFd fd = open_file(directory.file("a", ""), O_RDWR).value();
  CHECK(read_signature(fd.get()).value() == std::nullopt);
  REQUIRE(set_xattr(fd.get(), signature_xattr, Bytes{1, 2, 3}));
  CHECK(read_signature(fd.get()).value() == Bytes{1, 2, 3});
  UniqueFd without = open_file("/proc/self/status", O_RDONLY).value();
  CHECK(read_signature(without.get()).value() == std::nullopt);
  CHECK_FALSE(read_signature(-1));
}

TEST_CASE_METHOD(Fixture, "what is revoked counts neither by a signature nor by a listing") {
  REQUIRE(with("loader").verdict == Verdict::Loader);
  trust.revoked = {digest};
  Conclusion conclusion = with("loader");
  check_refused(conclusion, Reason::Revoked);
  CHECK(conclusion.rule == to_string(digest));
  trust.digests = {{digest, Role::Loader, {"full"}}};
  check_refused(with("loader"), Reason::Revoked);
  check_refused(conclude(digest, std::nullopt, trust), Reason::Revoked);
  digest = digest_of(Algorithm::Sha512);
  CHECK(with("loader-sha512").verdict == Verdict::Loader);
}

TEST_CASE_METHOD(Fixture,
                 "what the others in a keyring have signed does not help where one has signed something else") {
  crypto::Certificate impostor = certificate_of("impostor");
  trust.signers.push_back({"renewed", Role::Loader, &impostor, {"full"}});
  std::swap(trust.signers[1], trust.signers[2]);
  CHECK(with("impostor").rule == "renewed");
  trust.signers[0].keyring = trust.signers[1].keyring = 1;
  check_refused(with("impostor"), Reason::SignatureMismatch);
  CHECK(with("library").rule == "libraries");
  trust.signers[1].keyring = 2;
  CHECK(with("impostor").rule == "renewed");
}
