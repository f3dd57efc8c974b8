// SPDX-License-Identifier: MIT
// Signatures by `openssl cms` in every form, against what the kernel makes of them
// (measured with keyctl and BPF programs; crypto/asymmetric_keys/ says why).
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "base/io.h"
#include "crypto/crypto.h"
#include "peers.h"

using namespace bpfgate;
using namespace bpfgate::crypto;
using test::Bench;

namespace {

const std::string profile = "-binary -noattr -nocerts -md sha256 ";

// A signer "a", a stranger "b", a message, and signatures of it.
struct Fixture {
  Bench bench;
  Fixture() {
    bench.make_signer("a");
    bench.make_signer("b", "-newkey ec -pkeyopt ec_paramgen_curve:P-256");
    bench.write("message", "FSVerity and so on");
  }

  [[nodiscard]] Bytes sign(const std::string& options, const std::string& file = "message") const {
    bench.run("openssl cms -sign -in " + file + " -outform DER -out sig " + options);
    return read_file(bench / "sig", 1 << 20).value();
  }
  [[nodiscard]] Certificate certificate(const std::string& name) const {
    return Certificate::load(bench / (name + ".pem")).value();
  }
  [[nodiscard]] SignatureCheck check(const Bytes& signature, const std::string& name = "a") const {
    return check_detached(signature, as_bytes("FSVerity and so on"), certificate(name));
  }
};

const std::string by_a = profile + "-signer a.pem -inkey a.key ";

void replace(Bytes& bytes, const Bytes& from, const Bytes& to) {
  auto at = std::search(bytes.begin(), bytes.end(), from.begin(), from.end());
  REQUIRE(at != bytes.end());
  std::copy(to.begin(), to.end(), at);
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a signature is valid for its certificate and nobody else's") {
  Bytes signature = sign(by_a);
  CHECK(check(signature) == SignatureCheck::Valid);
  CHECK(check(signature, "b") == SignatureCheck::NotMine);
  CHECK(check_detached(signature, as_bytes("other"), certificate("a")) == SignatureCheck::Mismatch);
  CHECK(check_detached(signature, {}, certificate("a")) == SignatureCheck::Mismatch);
  CHECK(check_well_formed(signature));
}

TEST_CASE_METHOD(Fixture, "a signer may be named by key id") {
  Bytes signature = sign(by_a + "-keyid");
  CHECK(check(signature) == SignatureCheck::Valid);
  CHECK(check(signature, "b") == SignatureCheck::NotMine);
  CHECK(describe_signer(signature).value().starts_with("key id "));
}

TEST_CASE_METHOD(Fixture, "a certificate of the same key or the same name is somebody else") {
  bench.run("openssl req -x509 -key a.key -days 9 -subj '/O=Test/CN=a' -set_serial 77 -out reissued.pem");
  bench.run(
      "openssl req -x509 -newkey rsa:2048 -noenc -days 9 -subj '/O=TEST/CN=A' -keyout u.key -out upper.pem "
      "-set_serial 0x$(openssl x509 -in a.pem -noout -serial | cut -d= -f2)");
  CHECK(check(sign(by_a), "reissued") == SignatureCheck::NotMine);
  CHECK(check(sign(by_a), "upper") == SignatureCheck::NotMine);  // OpenSSL calls these names equal, the kernel does not
}

TEST_CASE_METHOD(Fixture, "an impostor's certificate with the same issuer and serial does not verify") {
  bench.run(
      "openssl req -x509 -newkey rsa:2048 -noenc -days 9 -subj '/O=Test/CN=a' -keyout i.key -out impostor.pem "
      "-set_serial 0x$(openssl x509 -in a.pem -noout -serial | cut -d= -f2)");
  CHECK(check(sign(profile + "-signer impostor.pem -inkey i.key")) == SignatureCheck::Mismatch);
  CHECK(check(sign(by_a), "impostor") == SignatureCheck::Mismatch);
}

TEST_CASE_METHOD(Fixture, "signed attributes are allowed, S/MIME capabilities among them are not") {
  std::string options = "-binary -nocerts -md sha256 -signer a.pem -inkey a.key ";
  Bytes signature = sign(options + "-nosmimecap");
  CHECK(check(signature) == SignatureCheck::Valid);
  CHECK(check_detached(signature, as_bytes("other"), certificate("a")) == SignatureCheck::Mismatch);
  CHECK(check(sign(options)) == SignatureCheck::Malformed);
}

TEST_CASE_METHOD(Fixture, "two signers: one that is trusted is enough, unless it does not verify") {
  Bytes both = sign(by_a + "-signer b.pem -inkey b.key");
  CHECK(check(both) == SignatureCheck::Valid);
  CHECK(check(both, "b") == SignatureCheck::Valid);
  CHECK(describe_signer(both).value().find("; ") != std::string::npos);
  bench.make_signer("c");
  CHECK(check(both, "c") == SignatureCheck::NotMine);
}

TEST_CASE_METHOD(Fixture, "a certificate inside the signature does not matter to its own key") {
  CHECK(check(sign("-binary -noattr -md sha256 -signer a.pem -inkey a.key")) == SignatureCheck::Valid);
}

TEST_CASE_METHOD(Fixture, "a certificate inside counts when the trusted one has signed it") {
  bench.run("openssl req -newkey rsa:2048 -noenc -subj /CN=delegate -keyout d.key -out d.csr");
  bench.run(
      "printf 'subjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n' >ext; openssl x509 -req -in d.csr "
      "-CA a.pem -CAkey a.key -days 9 -extfile ext -out d.pem");
  std::string options = "-binary -noattr -md sha256 -signer d.pem -inkey d.key ";
  CHECK(check(sign(options)) == SignatureCheck::Valid);
  CHECK(check(sign(options), "b") == SignatureCheck::NotMine);
  CHECK(check(sign(options + "-nocerts")) == SignatureCheck::NotMine);
  CHECK(check(sign(options + "-keyid")) == SignatureCheck::NotMine);  // the kernel looks that up in its keyring only
  CHECK(check_detached(sign(options), as_bytes("other"), certificate("a")) == SignatureCheck::Mismatch);
  CHECK(check(sign(options), "d") == SignatureCheck::Valid);

  bench.run(
      "openssl req -newkey rsa:2048 -noenc -subj /CN=second -keyout e.key -out e.csr; openssl x509 -req -in e.csr "
      "-CA d.pem -CAkey d.key -days 9 -extfile ext -out e.pem");
  std::string second = "-binary -noattr -md sha256 -signer e.pem -inkey e.key ";
  CHECK(check(sign(second + "-certfile d.pem")) == SignatureCheck::Valid);
  CHECK(check(sign(second)) == SignatureCheck::NotMine);
}

TEST_CASE_METHOD(Fixture, "a certificate that only claims the trusted issuer does not count") {
  bench.run("openssl req -x509 -newkey rsa:2048 -noenc -days 9 -subj '/O=Test/CN=a' -keyout f.key -out false.pem");
  bench.run(
      "openssl req -newkey rsa:2048 -noenc -subj /CN=delegate -keyout d.key -out d.csr; "
      "echo authorityKeyIdentifier=none >ext; openssl x509 -req -in d.csr -CA false.pem -CAkey f.key -days 9 "
      "-extfile ext -out d.pem");
  CHECK(check(sign("-binary -noattr -md sha256 -signer d.pem -inkey d.key")) == SignatureCheck::NotMine);
}

TEST_CASE_METHOD(Fixture, "what the kernel would not parse is malformed") {
  CHECK(check(sign(by_a + "-nodetach")) == SignatureCheck::Malformed);
  CHECK(check(sign(by_a + "-econtent_type 1.2.3.4")) == SignatureCheck::Malformed);
  CHECK(check(sign("-binary -noattr -nocerts -md md5 -signer a.pem -inkey a.key")) == SignatureCheck::Malformed);
  CHECK(check(sign(by_a + "-keyopt rsa_padding_mode:pss")) == SignatureCheck::Malformed);
  bench.run("openssl cms -encrypt -in message -outform DER -out sig a.pem");
  CHECK(check(read_file(bench / "sig", 1 << 20).value()) == SignatureCheck::Malformed);
  bench.run("openssl crl2pkcs7 -nocrl -certfile a.pem -outform DER -out sig");  // signed data without a signer
  CHECK(check(read_file(bench / "sig", 1 << 20).value()) == SignatureCheck::Malformed);
  CHECK(check({}) == SignatureCheck::Malformed);
}

TEST_CASE_METHOD(Fixture, "sha256WithRSAEncryption as the signature algorithm is unknown to the kernel") {
  Bytes signature = sign(by_a);
  replace(signature, from_hex("2a864886f70d010101").value(), from_hex("2a864886f70d01010b").value());
  CHECK(check(signature) == SignatureCheck::Malformed);
}

TEST_CASE_METHOD(Fixture, "ECDSA is checked by the kind of key the certificate has") {
  bench.make_signer("e", "-newkey ec -pkeyopt ec_paramgen_curve:P-384");
  Bytes signature = sign(profile + "-signer e.pem -inkey e.key");
  CHECK(check(signature, "e") == SignatureCheck::Valid);
  CHECK(check_detached(signature, as_bytes("other"), certificate("e")) == SignatureCheck::Mismatch);
}

TEST_CASE_METHOD(Fixture, "a signature cut short anywhere is malformed, and one with a bit turned is never valid") {
  const Bytes signature = sign(by_a);
  Certificate own = certificate("a");
  for (size_t size = 0; size < signature.size(); ++size) {
    Bytes cut(signature.begin(), signature.begin() + static_cast<std::ptrdiff_t>(size));
    REQUIRE(check_detached(cut, as_bytes("FSVerity and so on"), own) == SignatureCheck::Malformed);
    REQUIRE_FALSE(check_well_formed(cut));
    REQUIRE_FALSE(describe_signer(cut));
  }
  // The last 256 bytes are the RSA signature; before them some bits are free, such as a NULL parameter's.
  for (size_t at = signature.size() - 256; at < signature.size(); ++at) {
    Bytes turned = signature;
    turned[at] ^= 1;
    REQUIRE(check_detached(turned, as_bytes("FSVerity and so on"), own) == SignatureCheck::Mismatch);
  }
}

TEST_CASE_METHOD(Fixture, "bytes behind a signature do not matter to the kernel, but no tool should write them") {
  Bytes signature = sign(by_a);
  signature.push_back(0);
  CHECK(check(signature) == SignatureCheck::Valid);
  Result<> form = check_well_formed(signature);
  REQUIRE_FALSE(form);
  CHECK(form.error().kind == ErrorKind::Invalid);
  CHECK(form.error().message == "1 bytes follow the signature");
}

TEST_CASE_METHOD(Fixture, "a signer is described by issuer and serial") {
  std::string serial = bench.run("openssl x509 -in a.pem -noout -serial | cut -d= -f2 | tr A-F a-f | tr -d '\\n'");
  CHECK(describe_signer(sign(by_a)).value() == "issuer CN=a,O=Test, serial " + serial);
  CHECK(describe_signer(as_bytes("nonsense")).error().kind == ErrorKind::Invalid);
}
