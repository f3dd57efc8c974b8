// SPDX-License-Identifier: MIT
// Signatures by openssl, and partitions as systemd-repart writes them.
#include "volume/signature.h"

#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "crypto/base64.h"
#include "peers.h"
#include "volume/sidecars.h"

using namespace bpfgate;
using volume::Signature;

namespace {

const Bytes root_hash(32, 0xAB);

// A signature of the root hash, as the manual of veritysetup has one made.
Bytes sign(const test::Bench& bench) {
  bench.make_signer("a");
  bench.write("roothash", volume::signed_text(root_hash));
  bench.run(
      "openssl smime -sign -nocerts -noattr -binary -in roothash -inkey a.key -signer a.pem -outform der -out p7s");
  return read_file(bench / "p7s", 1 << 16).value();
}

std::string partition(const Bytes& pkcs7, const std::string& more = "") {
  return R"({"rootHash":")" + to_hex(root_hash) + R"(","certificateFingerprint":")" + std::string(64, 'c') +
         R"(","signature":")" + crypto::to_base64(pkcs7) + "\"" + more + "}";
}

void check_refused(std::string_view content, const std::string& why) {
  INFO(content.substr(0, 300));
  auto parsed = volume::parse_signature(as_bytes(content), "p");
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().kind == ErrorKind::Invalid);
  INFO(parsed.error().message);
  CHECK(parsed.error().message.find(why) != std::string::npos);
}

}  // namespace

TEST_CASE("what is signed are lower-case digits, and no end of line") {
  CHECK(volume::signed_text(Bytes{0x0f, 0xA0}) == "0fa0");
}

TEST_CASE("a partition is one line of JSON in NULs, and is read again") {
  test::Bench bench;
  const Bytes pkcs7 = sign(bench);
  Signature signature{pkcs7, root_hash, std::array<uint8_t, 32>{}};
  signature.fingerprint->fill(0xcc);
  const std::string text = volume::partition_of(signature);
  CHECK(text.size() == 16384);
  CHECK(text.substr(0, text.find('\0')) == partition(pkcs7));
  CHECK(text.find_first_not_of('\0', text.find('\0')) == std::string::npos);
  auto parsed = volume::parse_signature(as_bytes(text), "p");
  REQUIRE(parsed);
  CHECK(parsed->pkcs7 == pkcs7);
  CHECK(parsed->root_hash == root_hash);
  CHECK(parsed->fingerprint == signature.fingerprint);
}

TEST_CASE("a file of PKCS#7 alone says nothing beside") {
  test::Bench bench;
  const Bytes pkcs7 = sign(bench);
  auto parsed = volume::read_signature(bench / "p7s");
  REQUIRE(parsed);
  CHECK(parsed->pkcs7 == pkcs7);
  CHECK_FALSE(parsed->root_hash);
  CHECK_FALSE(parsed->fingerprint);
}

TEST_CASE("partitions may lack the fingerprint, and say more than is known") {
  test::Bench bench;
  const Bytes pkcs7 = sign(bench);
  std::string text = partition(pkcs7, R"(,"later":[1])");
  REQUIRE(volume::parse_signature(as_bytes(text), "p"));
  text.replace(text.find("certificateF"), 22, "somethingElseAltogethe");
  auto parsed = volume::parse_signature(as_bytes(text), "p");
  REQUIRE(parsed);
  CHECK_FALSE(parsed->fingerprint);
}

TEST_CASE("what is no signature is refused") {
  test::Bench bench;
  const Bytes pkcs7 = sign(bench);
  check_refused("", "not a detached PKCS#7 signature");
  check_refused("MIIC", "not a detached PKCS#7 signature");
  check_refused("{", "p:1:");
  check_refused("{}", "rootHash");
  check_refused(R"({"rootHash":"00"})", "signature");
  check_refused(R"({"rootHash":1,"signature":"AAAA"})", "/rootHash");
  check_refused(R"({"rootHash":"0","signature":"AAAA"})", "/rootHash");
  check_refused(R"({"rootHash":"00","signature":"A?"})", "/signature");
  check_refused(R"({"rootHash":"00","signature":"AAAA"})", "not a detached PKCS#7 signature");
  check_refused(R"({"rootHash":"00","certificateFingerprint":"00","signature":")" + crypto::to_base64(pkcs7) + "\"}",
                "/certificateFingerprint");
  check_refused(partition(pkcs7, R"(,"rootHash":"00")"), "given twice");
  check_refused(partition(pkcs7) + std::string("\0x", 2), "p:1:");
  Bytes longer = pkcs7;
  longer.push_back(0);
  check_refused({reinterpret_cast<const char*>(longer.data()), longer.size()}, "1 bytes follow the signature");
}

TEST_CASE("sidecars have the names that systemd looks for") {
  CHECK(volume::sidecars_of("/d/a.raw").tree == "/d/a.verity");
  CHECK(volume::sidecars_of("/d/a.raw").root_hash == "/d/a.roothash");
  CHECK(volume::sidecars_of("a.raw").signature == "a.roothash.p7s");
  CHECK(volume::sidecars_of("/d.raw/a.img").tree == "/d.raw/a.img.verity");
  CHECK(volume::sidecars_of("a.raw.raw").tree == "a.raw.verity");
  CHECK(volume::sidecars_of(".raw").tree == ".raw.verity");
}

TEST_CASE("a root hash is digits, or a line of them") {
  test::Bench bench;
  for (const char* good : {"00ff", "00FF", "00ff\n"}) {
    bench.write("f", good);
    CHECK(volume::read_root_hash(bench / "f").value() == Bytes{0, 0xff});
  }
  for (const char* bad : {"", "\n", "0", "00 ", "00\n\n", "sha256:00", "0g"}) {
    bench.write("f", bad);
    auto read = volume::read_root_hash(bench / "f");
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::Invalid);
  }
  CHECK_FALSE(volume::read_root_hash(bench / "none"));
}
