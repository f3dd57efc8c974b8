// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>

#include "fsverity/fsverity.h"

using namespace bpfgate;
using namespace bpfgate::fsverity;

namespace {

const std::string zeros64(64, '0');
const std::string zeros128(128, '0');

}  // namespace

TEST_CASE("algorithms have the numbers, names and sizes of the kernel") {
  CHECK(static_cast<int>(Algorithm::Sha256) == 1);
  CHECK(static_cast<int>(Algorithm::Sha512) == 2);
  CHECK(algorithm_named("sha256").value() == Algorithm::Sha256);
  CHECK(algorithm_named("sha512").value() == Algorithm::Sha512);
  CHECK(digest_size_of(Algorithm::Sha256) == 32);
  CHECK(digest_size_of(Algorithm::Sha512) == 64);
  CHECK(digest_size_of(static_cast<Algorithm>(3)) == 0);
  for (const char* name : {"", "sha1", "SHA256", "sha2560", "sha25"}) CHECK_FALSE(algorithm_named(name));
  CHECK(algorithm_numbered(1).value() == Algorithm::Sha256);
  CHECK(algorithm_numbered(2).value() == Algorithm::Sha512);
  // 65537 is 1 in 16 bits.
  for (uint64_t number : {uint64_t{0}, uint64_t{3}, uint64_t{65537}})
    CHECK(algorithm_numbered(number).error().kind == ErrorKind::Unsupported);
}

TEST_CASE("a digest survives its text form") {
  Digest digest{Algorithm::Sha256, Bytes(32, 0xa5)};
  CHECK(digest_from_string(to_string(digest)).value() == digest);
  Digest longer{Algorithm::Sha512, Bytes(64, 0x5a)};
  CHECK(digest_from_string(to_string(longer)).value() == longer);
  CHECK_FALSE(digest == longer);
}

TEST_CASE("digits may be of either case") {
  CHECK(digest_from_string("sha256:" + std::string(64, 'A')).value() ==
        digest_from_string("sha256:" + std::string(64, 'a')).value());
}

TEST_CASE("a digest of the wrong length is never padded or cut") {
  for (const std::string& text :
       {"sha256:" + zeros64 + "00", "sha256:" + zeros64.substr(2), "sha256:" + zeros64.substr(1),
        std::string("sha256:"), "sha512:" + zeros64, "sha256:" + zeros128}) {
    INFO(text);
    Result<Digest> digest = digest_from_string(text);
    REQUIRE_FALSE(digest);
    CHECK(digest.error().kind == ErrorKind::Invalid);
  }
}

TEST_CASE("what is not ALGORITHM:HEX is refused") {
  for (const std::string& text :
       {std::string(), zeros64, ":" + zeros64, "sha1:" + zeros64, "SHA256:" + zeros64, "sha256 " + zeros64,
        "sha256::" + zeros64, "sha256:" + zeros64 + " ", "sha256:" + zeros64.substr(2) + "0x"}) {
    INFO(text);
    CHECK_FALSE(digest_from_string(text));
  }
}

TEST_CASE("block sizes are powers of two from 1024 to 65536") {
  for (uint32_t size : {1024U, 2048U, 4096U, 65536U}) CHECK(check({Algorithm::Sha256, size, {}}));
  for (uint32_t size : {0U, 1U, 512U, 1023U, 4095U, 6144U, 131072U, 0x80000000U}) {
    INFO(size);
    Result<> result = check({Algorithm::Sha256, size, {}});
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == ErrorKind::Invalid);
    CHECK(result.error().message.find(std::to_string(size)) != std::string::npos);
  }
}

TEST_CASE("a salt has at most 32 bytes") {
  CHECK(check({Algorithm::Sha256, 4096, Bytes(32, 1)}));
  CHECK_FALSE(check({Algorithm::Sha256, 4096, Bytes(33, 1)}));
}
