// SPDX-License-Identifier: MIT
// Our signatures against those of `fsverity sign` and the verdict of `openssl cms`.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <thread>
#include <vector>

#include "base/io.h"
#include "crypto/crypto.h"
#include "peers.h"

using namespace bpfgate;
using namespace bpfgate::crypto;
using test::Bench;

namespace {

Result<std::string> no_passphrase() { return fail(ErrorKind::Key, "asked for a pass phrase"); }

Signer signer_of(const Bench& bench, const std::string& name) {
  Certificate certificate = Certificate::load(bench / (name + ".pem")).value();
  return Signer::create(bench / (name + ".key"), certificate, no_passphrase).value();
}

// struct fsverity_formatted_digest, from what `fsverity digest --compact` prints.
Bytes message_of(const std::string& algorithm, const std::string& hex) {
  std::string head = "FSVerity";
  head += algorithm == "sha256" ? std::string("\1\0\40\0", 4) : std::string("\2\0\100\0", 4);
  Bytes message(head.begin(), head.end());
  Bytes digest = from_hex(hex.substr(0, hex.find('\n'))).value();
  message.insert(message.end(), digest.begin(), digest.end());
  return message;
}

void check_error(const Result<Signer>& signer, const std::string& reason) {
  REQUIRE_FALSE(signer);
  CHECK(signer.error().kind == ErrorKind::Key);
  INFO(signer.error().message);
  CHECK(signer.error().message.find(reason) != std::string::npos);
}

}  // namespace

TEST_CASE("RSA signatures are byte for byte those of fsverity sign") {
  Bench bench;
  std::string bits = GENERATE("2048", "3072", "4096");
  std::string algorithm = GENERATE("sha256", "sha512");
  bench.make_signer("a", "-newkey rsa:" + bits);
  bench.run("seq 2000 >file; fsverity sign --hash-alg=" + algorithm + " --key=a.key --cert=a.pem file file.sig");
  Bytes message = message_of(algorithm, bench.run("fsverity digest --compact --hash-alg=" + algorithm + " file"));
  HashAlgorithm hash = algorithm == "sha256" ? HashAlgorithm::Sha256 : HashAlgorithm::Sha512;
  Signer signer = signer_of(bench, "a");
  CHECK(signer.is_reproducible());
  CHECK(signer.sign_detached(message, hash).value() == read_file(bench / "file.sig", 1 << 16).value());
}

TEST_CASE("every kind of signature verifies with openssl cms") {
  Bench bench;
  std::string options = GENERATE("rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-256",
                                 "ec -pkeyopt ec_paramgen_curve:P-384", "ec -pkeyopt ec_paramgen_curve:P-521");
  HashAlgorithm hash = GENERATE(HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512);
  bench.make_signer("a", "-newkey " + options);
  bench.write("message", "the message\r\nwith any bytes");
  Bytes message = read_file(bench / "message", 1000).value();
  Signer signer = signer_of(bench, "a");
  Bytes signature = signer.sign_detached(message, hash).value();
  REQUIRE(write_file_atomically(bench / "sig", signature));
  CHECK(signer.is_reproducible() == options.starts_with("rsa"));
  std::string verify =
      "openssl cms -verify -binary -inform DER -in sig -certfile a.pem -nointern -noverify -out /dev/null -content ";
  CHECK(bench.run(verify + "message").find("successful") != std::string::npos);
  CHECK(test::run_shell("cd " + bench.path().string() + " && " + verify + "a.pem").status != 0);

  // Nothing but the signature: no certificates, no attributes, no content.
  std::string printed = bench.run("openssl cms -cmsout -print -noout -inform DER -in sig");
  CHECK(printed.find("certificates:\n      <ABSENT>") != std::string::npos);
  CHECK(printed.find("signedAttrs:\n          <ABSENT>") != std::string::npos);
  CHECK(printed.find("eContent: <ABSENT>") != std::string::npos);
}

TEST_CASE("a certificate of another key is refused before anything is signed") {
  Bench bench;
  bench.make_signer("a");
  bench.make_signer("b");
  bench.make_signer("c", "-newkey ec -pkeyopt ec_paramgen_curve:P-256");
  Certificate certificate = Certificate::load(bench / "a.pem").value();
  std::string reason = "does not belong to the key";
  check_error(Signer::create(bench / "b.key", certificate, no_passphrase), reason);
  check_error(Signer::create(bench / "c.key", certificate, no_passphrase), reason);
}

TEST_CASE("a key of a kind that the kernel cannot verify is refused even beside a good certificate") {
  Bench bench;
  bench.make_signer("a");
  bench.make_signer("weak", "-newkey ed25519");
  Certificate certificate = Certificate::load(bench / "a.pem").value();
  check_error(Signer::create(bench / "weak.key", certificate, no_passphrase), "cannot verify signatures of ED25519");
}

TEST_CASE("what is no private key is refused") {
  Bench bench;
  bench.make_signer("a");
  bench.run("openssl pkey -in a.key -pubout -out public; printf '' >empty; head -c 800 a.key >cut");
  Certificate certificate = Certificate::load(bench / "a.pem").value();
  std::string name = GENERATE("public", "empty", "cut", "a.pem", "missing");
  check_error(Signer::create(bench / name, certificate, no_passphrase), name);
}

TEST_CASE("encrypted keys ask for the pass phrase, once, and only they") {
  Bench bench;
  bench.make_signer("a");
  std::string form = GENERATE("pkey", "rsa -traditional");
  bench.run("openssl " + form + " -in a.key -aes256 -passout pass:secret -out locked.key");
  Certificate certificate = Certificate::load(bench / "a.pem").value();
  int asked = 0;
  std::string answer = "secret";
  PassphraseSource source = [&]() -> Result<std::string> {
    ++asked;
    return answer;
  };
  CHECK(Signer::create(bench / "a.key", certificate, source));
  CHECK(asked == 0);
  CHECK(Signer::create(bench / "locked.key", certificate, source));
  CHECK(asked == 1);
  answer = "wrong";
  check_error(Signer::create(bench / "locked.key", certificate, source), "does not decrypt");
  CHECK(asked == 2);
  check_error(Signer::create(bench / "locked.key", certificate, no_passphrase), "asked for a pass phrase");
  answer = std::string(5000, 'x');
  check_error(Signer::create(bench / "locked.key", certificate, source), "does not decrypt");
}

TEST_CASE("one signer serves many threads") {
  Bench bench;
  bench.make_signer("a");
  Signer signer = signer_of(bench, "a");
  Bytes expected = signer.sign_detached(as_bytes("message"), HashAlgorithm::Sha256).value();
  std::vector<Bytes> results(8);
  {
    std::vector<std::jthread> threads;
    for (Bytes& result : results) {
      threads.emplace_back([&signer, &result] {
        for (int i = 0; i < 20; ++i) result = signer.sign_detached(as_bytes("message"), HashAlgorithm::Sha256).value();
      });
    }
  }
  for (const Bytes& result : results) CHECK(result == expected);
}
