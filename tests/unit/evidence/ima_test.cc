// SPDX-License-Identifier: MIT
// IMA evidence: messages put together by the shell and openssl dgst, signatures by openssl cms and fsverity sign.
#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "evidence/evidence.h"
#include "peers.h"

using namespace bpfgate;
using namespace bpfgate::evidence;
using test::Bench;

namespace {

struct Fixture {
  Bench bench;
  crypto::Certificate loader = make("loader");
  crypto::Certificate library = make("library");
  Trust trust{
      .signers = {{"loaders", Role::Loader, &loader, {"full"}}, {"libraries", Role::Library, &library, {"ignored"}}},
      .ima = true};

  Fixture() { bench.write("file", "a loader\n"); }

  // FILE.ima: what a signature of FILE's IMA digest is over.
  void make_message(const std::string& file, const std::string& head = R"(IMAfile\0\4\0\40\0)",
                    const std::string& hash = "sha256") const {
    bench.run("(printf '" + head + "'; openssl dgst -binary -" + hash + " " + file + ") >" + file + ".ima");
  }

  [[nodiscard]] Bytes sign(const std::string& signer, const std::string& message,
                           const std::string& hash = "sha256") const {
    bench.run("openssl cms -sign -binary -noattr -nocerts -outform DER -md " + hash + " -signer " + signer +
              ".pem -inkey " + signer + ".key -in " + message + " -out signature");
    return read_file(bench / "signature", 1 << 16).value();
  }

  [[nodiscard]] Bytes ima_signature(const std::string& signer) const {
    make_message("file");
    return sign(signer, "file.ima");
  }

  [[nodiscard]] Bytes fsverity_signature() const {
    bench.run("fsverity sign --key=loader.key --cert=loader.pem file signature");
    return read_file(bench / "signature", 1 << 16).value();
  }

  [[nodiscard]] Conclusion judge(const std::optional<Bytes>& signature) const {
    return conclude(open_file(bench / "file", O_RDONLY).value().get(), trust, signature).value();
  }

  [[nodiscard]] ima::Digest digest(ima::Algorithm algorithm = ima::Algorithm::Sha256) const {
    return ima::compute(bench / "file", algorithm).value();
  }

 private:
  [[nodiscard]] crypto::Certificate make(const std::string& name) const {
    bench.make_signer(name);
    return crypto::Certificate::load(bench / name + ".pem").value();
  }
};

void check_refused(const Conclusion& conclusion, Reason reason) {
  CHECK(name_of(conclusion.verdict) == name_of(Verdict::NoEvidence));
  CHECK(name_of(conclusion.reason) == name_of(reason));
  CHECK(conclusion.grants.empty());
}

}  // namespace

TEST_CASE_METHOD(Fixture, "the signature of an unsealed file's IMA digest makes a loader where the policy lets it") {
  Conclusion conclusion = judge(ima_signature("loader"));
  CHECK(conclusion.verdict == Verdict::Loader);
  CHECK(name_of(conclusion.reason) == "ima-signature");
  CHECK(conclusion.rule == "loaders");
  CHECK(conclusion.grants == std::vector<std::string>{"full"});
  CHECK(conclusion.digest == digest());
}

TEST_CASE_METHOD(Fixture, "the signature is read from the file when none is given") {
  UniqueFd fd = open_file(bench / "file", O_RDWR).value();
  REQUIRE(set_xattr(fd.get(), signature_xattr, ima_signature("loader")));
  CHECK(conclude(fd.get(), trust).value().reason == Reason::ImaSignature);
}

TEST_CASE_METHOD(Fixture, "a library's IMA signature makes a library, never a loader") {
  Conclusion conclusion = judge(ima_signature("library"));
  CHECK(conclusion.verdict == Verdict::Library);
  CHECK(conclusion.reason == Reason::ImaSignature);
  CHECK(conclusion.grants.empty());
}

TEST_CASE_METHOD(Fixture, "unless the policy lets IMA count, nothing of it does") {
  Bytes signature = ima_signature("loader");
  trust.digests.push_back({digest(), Role::Loader, {"full"}});
  trust.ima = false;
  check_refused(judge(signature), Reason::NotSealed);
  CHECK(judge(signature).digest == std::nullopt);
  check_refused(conclude(digest(), signature, trust), Reason::NotSealed);
  trust.ima = true;
  CHECK(judge(signature).verdict == Verdict::Loader);
}

TEST_CASE_METHOD(Fixture, "a listed IMA digest decides before any signature") {
  trust.digests.push_back({digest(), Role::Loader, {"inspect"}});
  for (const std::optional<Bytes>& signature :
       {std::optional<Bytes>(), std::optional<Bytes>(ima_signature("library"))}) {
    Conclusion conclusion = judge(signature);
    CHECK(conclusion.verdict == Verdict::Loader);
    CHECK(name_of(conclusion.reason) == "listed-ima-digest");
    CHECK(conclusion.rule == to_string(digest()));
    CHECK(conclusion.grants == std::vector<std::string>{"inspect"});
  }
}

TEST_CASE_METHOD(Fixture, "a sealed file is never judged by IMA") {
  // What is known of a sealed file is its fs-verity digest; whatever IMA would say of it, nobody asks.
  fsverity::Digest sealed = fsverity::compute(bench / "file", {}).value();
  trust.digests.push_back({digest(), Role::Loader, {"full"}});
  check_refused(conclude(sealed, ima_signature("loader"), trust), Reason::SignatureMismatch);
  check_refused(conclude(sealed, std::nullopt, trust), Reason::NoSignature);
}

TEST_CASE_METHOD(Fixture, "a digest is listed for its own kind only, though the bytes be the same") {
  ima::Digest hashed = digest();
  trust.digests.push_back({fsverity::Digest{fsverity::Algorithm::Sha256, hashed.value}, Role::Loader, {"full"}});
  check_refused(judge(std::nullopt), Reason::NoSignature);
  trust.digests = {{hashed, Role::Loader, {"full"}}};
  check_refused(conclude(fsverity::Digest{fsverity::Algorithm::Sha256, hashed.value}, std::nullopt, trust),
                Reason::NoSignature);
}

TEST_CASE_METHOD(Fixture, "an fs-verity signature proves nothing of an IMA digest, nor the other way round") {
  Bytes ima_made = ima_signature("loader");
  Bytes fsverity_made = fsverity_signature();
  fsverity::Digest sealed = fsverity::compute(bench / "file", {}).value();
  check_refused(judge(fsverity_made), Reason::SignatureMismatch);
  CHECK(conclude(sealed, fsverity_made, trust).reason == Reason::Signature);
  check_refused(conclude(sealed, ima_made, trust), Reason::SignatureMismatch);
  CHECK(judge(ima_made).reason == Reason::ImaSignature);
}

TEST_CASE_METHOD(Fixture, "a digest of one kind signed under the other's magic is none of either") {
  make_message("file", R"(FSVerity\1\0\40\0)");
  Bytes signature = sign("loader", "file.ima");
  check_refused(judge(signature), Reason::SignatureMismatch);
  const fsverity::Digest same_bytes{fsverity::Algorithm::Sha256, digest().value};
  CHECK(conclude(same_bytes, signature, trust).reason == Reason::Signature);
  for (const char* head :
       {R"(FSVerity\4\0\40\0)", R"(IMAFile\0\4\0\40\0)", R"(IMAfile \4\0\40\0)", R"(IMAfile\4\0\40\0)",
        R"(IMAfile\0\5\0\40\0)", R"(IMAfile\0\4\0\60\0)", R"(IMAfile\0\0\4\0\40)", ""}) {
    INFO(head);
    make_message("file", head);
    check_refused(judge(sign("loader", "file.ima")), Reason::SignatureMismatch);
  }
}

TEST_CASE_METHOD(Fixture, "the algorithm is the one the host's IMA uses, and SHA-1 is never it") {
  struct Row {
    ima::Algorithm algorithm;
    const char* name;
    const char* head;
  };
  for (const Row& row : {Row{ima::Algorithm::Sha384, "sha384", R"(IMAfile\0\5\0\60\0)"},
                         Row{ima::Algorithm::Sha512, "sha512", R"(IMAfile\0\6\0\100\0)"}}) {
    INFO(row.name);
    make_message("file", row.head, row.name);
    Bytes signature = sign("loader", "file.ima", row.name);
    trust.ima_algorithm = ima::Algorithm::Sha256;
    check_refused(judge(signature), Reason::SignatureMismatch);
    trust.ima_algorithm = row.algorithm;
    CHECK(judge(signature).reason == Reason::ImaSignature);
    CHECK(judge(signature).digest == digest(row.algorithm));
  }
  make_message("file", R"(IMAfile\0\2\0\24\0)", "sha1");
  for (ima::Algorithm algorithm : ima::algorithms) {
    trust.ima_algorithm = algorithm;
    check_refused(judge(sign("loader", "file.ima")), Reason::SignatureMismatch);
  }
  trust.ima_algorithm = static_cast<ima::Algorithm>(2);
  CHECK(conclude(open_file(bench / "file", O_RDONLY).value().get(), trust).error().kind == ErrorKind::Invalid);
}

TEST_CASE_METHOD(Fixture, "an IMA signature stops counting when the file changes") {
  Bytes signature = ima_signature("loader");
  bench.write("file", "a Loader\n");
  check_refused(judge(signature), Reason::SignatureMismatch);
}

TEST_CASE_METHOD(Fixture, "an IMA signature that is cut short, changed, too large or missing is refused as any other") {
  Bytes good = ima_signature("loader");
  for (size_t size = 0; size < good.size(); ++size) {
    INFO(size << " bytes");
    Bytes cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    CHECK(judge(cut).verdict == Verdict::NoEvidence);
  }
  Bytes changed = good;
  changed.back() ^= 1;
  check_refused(judge(changed), Reason::SignatureMismatch);
  good.resize(max_signature_size + 1);
  check_refused(judge(good), Reason::SignatureTooLarge);
  check_refused(judge(std::nullopt), Reason::NoSignature);
  trust.signers.clear();
  check_refused(judge(ima_signature("loader")), Reason::SignatureUntrusted);
}

TEST_CASE_METHOD(Fixture, "a file that cannot be hashed is an error, not a verdict") {
  UniqueFd write_only = open_file(bench / "file", O_WRONLY).value();
  CHECK_FALSE(conclude(write_only.get(), trust));
}
