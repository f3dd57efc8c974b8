// SPDX-License-Identifier: MIT
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

Bytes bytes_of(const std::string& path) { return read_file(path, 1 << 20).value(); }

struct Kind {
  const char* name;
  const char* options;
  const char* refusal;  // empty: accepted
};

}  // namespace

TEST_CASE("a certificate is read from PEM and DER alike") {
  Bench bench;
  bench.make_signer("a");
  bench.run("openssl x509 -in a.pem -outform DER -out a.der");
  Certificate pem = Certificate::load(bench / "a.pem").value();
  Certificate der = Certificate::load(bench / "a.der").value();
  CHECK(pem.der() == bytes_of(bench / "a.der"));
  CHECK(der.der() == pem.der());
  CHECK(pem.subject() == "CN=a,O=Test");
  std::string fingerprint = bench.run("sha256sum a.der").substr(0, 64);
  CHECK(to_hex(pem.fingerprint()) == fingerprint);
}

TEST_CASE("what is not one certificate is refused as a key error that names the file") {
  Bench bench;
  bench.make_signer("a");
  bench.run("openssl x509 -in a.pem -outform DER -out a.der; cat a.der a.der >two.der; head -c 300 a.der >cut.der");
  bench.run("printf '' >empty; echo text >text");
  std::string name = GENERATE("two.der", "cut.der", "empty", "text", "a.key", "missing");
  Result<Certificate> certificate = Certificate::load(bench / name);
  REQUIRE_FALSE(certificate);
  CHECK(certificate.error().kind == ErrorKind::Key);
  CHECK(certificate.error().message.find(name) != std::string::npos);
}

TEST_CASE("keys that the kernel cannot verify with are told by their certificates") {
  Bench bench;
  Kind kind =
      GENERATE(Kind{"rsa2048", "-newkey rsa:2048", ""}, Kind{"rsa3072", "-newkey rsa:3072", ""},
               Kind{"rsa4096", "-newkey rsa:4096", ""}, Kind{"p256", "-newkey ec -pkeyopt ec_paramgen_curve:P-256", ""},
               Kind{"p384", "-newkey ec -pkeyopt ec_paramgen_curve:P-384", ""},
               Kind{"p521", "-newkey ec -pkeyopt ec_paramgen_curve:P-521", ""},
               Kind{"rsa1024", "-newkey rsa:1024", "RSA with 1024 bits is too weak"},
               Kind{"rsa2560", "-newkey rsa:2560", "not a size the kernel verifies"},
               Kind{"rsa4160", "-newkey rsa:4160", "more than the kernel verifies"},
               Kind{"pss", "-newkey rsa-pss -pkeyopt rsa_keygen_bits:2048", "RSA-PSS"},
               Kind{"ed25519", "-newkey ed25519", "ED25519"}, Kind{"ed448", "-newkey ed448", "ED448"},
               Kind{"k1", "-newkey ec -pkeyopt ec_paramgen_curve:secp256k1", "secp256k1"},
               Kind{"p224", "-newkey ec -pkeyopt ec_paramgen_curve:P-224", "secp224r1"},
               Kind{"explicit", "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
                    "named curves only"},
               Kind{"signed-pss", "-newkey rsa:2048 -sigopt rsa_padding_mode:pss", "certificate signed with"});
  bench.make_signer(kind.name, kind.options);
  Result<> judged = Certificate::load(bench / (std::string(kind.name) + ".pem")).value().check_kernel_can_verify();
  INFO(kind.name << ": " << (judged ? "accepted" : judged.error().message));
  if (*kind.refusal == '\0') {
    CHECK(judged);
    return;
  }
  REQUIRE_FALSE(judged);
  CHECK(judged.error().kind == ErrorKind::Key);
  CHECK(judged.error().message.find(kind.refusal) != std::string::npos);
  CHECK_FALSE(judged.error().remedy.empty());
}

TEST_CASE("a certificate can be unreadable to the kernel for another reason than its key") {
  Bench bench;
  bench.make_signer("authority", "-newkey ed25519");
  bench.run("openssl req -newkey rsa:2048 -noenc -subj /CN=child -keyout child.key -out child.csr");
  bench.run("openssl x509 -req -in child.csr -CA authority.pem -CAkey authority.key -days 9 -out child.pem");
  Result<> by_edwards = Certificate::load(bench / "child.pem").value().check_kernel_can_verify();
  REQUIRE_FALSE(by_edwards);
  CHECK(by_edwards.error().message.find("signed with ED25519") != std::string::npos);

  bench.make_signer("default", "-newkey rsa:2048 -addext basicConstraints=critical,CA:FALSE");
  CHECK(Certificate::load(bench / "default.pem").value().check_kernel_can_verify());
  bench.make_signer("spelled", "-newkey rsa:2048 -addext basicConstraints=DER:30:03:01:01:00");
  Result<> spelled = Certificate::load(bench / "spelled.pem").value().check_kernel_can_verify();
  REQUIRE_FALSE(spelled);
  CHECK(spelled.error().message.find("CA:FALSE") != std::string::npos);
}

TEST_CASE("a compressed point is refused") {
  Bench bench;
  bench.run("openssl ecparam -name prime256v1 -genkey -noout | openssl ec -conv_form compressed -out c.key");
  bench.run("openssl req -x509 -key c.key -days 9 -subj /CN=c -out c.pem");
  Result<> judged = Certificate::load(bench / "c.pem").value().check_kernel_can_verify();
  REQUIRE_FALSE(judged);
  CHECK(judged.error().message.find("compressed") != std::string::npos);
}

TEST_CASE("certificates that a signature can be passed off between are told") {
  Bench bench;
  bench.make_signer("a");
  bench.make_signer("b");
  bench.run("openssl req -x509 -key a.key -days 9 -subj /CN=other -out same-key.pem");
  bench.run(
      "openssl req -newkey rsa:2048 -noenc -subj /CN=c -keyout c.key -out c.csr; "
      "printf 'subjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n' >ext; "
      "openssl x509 -req -in c.csr -CA a.pem -CAkey a.key -days 9 -extfile ext -out issued.pem");
  auto load = [&](const std::string& name) { return Certificate::load(bench / (name + ".pem")).value(); };
  Certificate trusted = load("a");
  CHECK(load("same-key").can_pass_for(trusted));
  CHECK(trusted.can_pass_for(load("same-key")));
  CHECK(load("issued").can_pass_for(trusted));
  CHECK_FALSE(trusted.can_pass_for(load("issued")));
  CHECK_FALSE(load("b").can_pass_for(trusted));
}

TEST_CASE("the index of who can pass for whom misses nobody, and leaves strangers out") {
  Bench bench;
  const char* ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
  for (const char* name : {"a", "b"}) bench.make_signer(name);
  for (const char* name : {"ec", "other-ec"}) bench.make_signer(name, ec);
  for (const char* key : {"a", "ec"})
    bench.run(std::string("openssl req -x509 -key ") + key + ".key -days 9 -subj /CN=other -out same-" + key + ".pem");
  bench.run(
      "openssl req -newkey rsa:2048 -noenc -subj /CN=c -keyout c.key -out c.csr; "
      "printf 'subjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n' >ext; "
      "openssl x509 -req -in c.csr -CA a.pem -CAkey a.key -days 9 -extfile ext -out issued.pem");
  std::vector<Certificate> all;
  for (const char* name : {"a", "b", "ec", "other-ec", "same-a", "same-ec", "issued"})
    all.push_back(Certificate::load(bench / name + ".pem").value());
  PassIndex index(all);
  size_t found = 0;
  for (const Certificate& one : all) {
    std::vector<size_t> candidates = index.candidates(one);
    CHECK(std::ranges::is_sorted(candidates));
    found += candidates.size();
    for (size_t i = 0; i < all.size(); ++i)
      if (one.can_pass_for(all[i])) CHECK(std::ranges::find(candidates, i) != candidates.end());
  }
  // Itself each, and: a and same-a, ec and same-ec both ways; issued by a, whose key same-a has. Not the two of one
  // name.
  CHECK(found == all.size() + 2 + 2 + 2);
}

TEST_CASE("what the kernel finds a certificate by is issuer with serial number, and key identifier") {
  Bench bench;
  bench.make_signer("a");
  bench.run("openssl req -x509 -key a.key -days 9 -subj /O=Test/CN=a -set_serial 7 -out seven.pem");
  bench.run(
      "openssl req -x509 -newkey rsa:2048 -noenc -keyout x.key -days 9 -subj /O=Test/CN=a -set_serial 7 -out "
      "again.pem");
  auto ids = [&](const char* name) { return Certificate::load(bench / name + ".pem").value().kernel_ids(); };
  REQUIRE(ids("a").size() == 2);
  CHECK(ids("a")[0] != ids("seven")[0]);
  CHECK(ids("a")[1] == ids("seven")[1]);
  CHECK(ids("seven")[0] == ids("again")[0]);
  CHECK(ids("seven")[1] != ids("again")[1]);
}

TEST_CASE("without key identifiers the index goes by names") {
  Bench bench;
  bench.write("none", "[req]\ndistinguished_name=dn\n[dn]\n");
  auto make = [&](const std::string& name, const std::string& more) {
    bench.run("openssl req -x509 -config none -newkey rsa:2048 -noenc -days 9 -subj /CN=" + name + " -keyout " + name +
              ".key -out " + name + ".pem " + more);
  };
  make("ca", "");
  make("other", "");
  bench.run(
      "openssl req -newkey rsa:2048 -noenc -subj /CN=leaf -keyout leaf.key -out leaf.csr; "
      "printf 'authorityKeyIdentifier=issuer:always\\n' >ext; "
      "openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 9 -extfile ext -out leaf.pem");
  std::vector<Certificate> all;
  for (const char* name : {"ca", "other", "leaf"}) all.push_back(Certificate::load(bench / name + ".pem").value());
  REQUIRE(all[2].can_pass_for(all[0]));
  PassIndex index(all);
  CHECK(index.candidates(all[2]) == std::vector<size_t>{0, 2});
}
