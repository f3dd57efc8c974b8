// SPDX-License-Identifier: MIT
#include <linux/hash_info.h>

#include <catch2/catch_test_macros.hpp>

#include "ima/ima.h"

using namespace bpfgate;
using namespace bpfgate::ima;

TEST_CASE("algorithms have the numbers, names and sizes of the kernel") {
  struct Row {
    Algorithm algorithm;
    int number;
    const char* name;
    size_t size;
  };
  for (const Row& row :
       {Row{Algorithm::Sha256, HASH_ALGO_SHA256, "sha256", 32}, Row{Algorithm::Sha384, HASH_ALGO_SHA384, "sha384", 48},
        Row{Algorithm::Sha512, HASH_ALGO_SHA512, "sha512", 64}}) {
    INFO(row.name);
    CHECK(static_cast<int>(row.algorithm) == row.number);
    CHECK(name_of(row.algorithm) == row.name);
    CHECK(digest_size_of(row.algorithm) == row.size);
    CHECK(algorithm_named(row.name).value() == row.algorithm);
  }
}

TEST_CASE("SHA-1 and whatever else IMA can have is no evidence") {
  for (const char* name : {"", "sha1", "md5", "sha224", "SHA256", "sha2560", "sha25", "sha3-256"}) {
    INFO(name);
    Result<Algorithm> algorithm = algorithm_named(name);
    REQUIRE_FALSE(algorithm);
    CHECK(algorithm.error().kind == ErrorKind::Invalid);
    CHECK(algorithm.error().remedy == "use sha256, sha384 or sha512");
  }
  for (int number : {0, int{HASH_ALGO_SHA1}, 3, int{HASH_ALGO_SHA224}, 255}) {
    CHECK(digest_size_of(static_cast<Algorithm>(number)) == 0);
    CHECK(name_of(static_cast<Algorithm>(number)) == "unknown");
  }
  CHECK_FALSE(digest_from_string("sha1:" + std::string(40, '0')));
}

TEST_CASE("a digest survives its text form") {
  for (Algorithm algorithm : algorithms) {
    Digest digest{algorithm, Bytes(digest_size_of(algorithm), 0xa5)};
    CHECK(digest_from_string(to_string(digest)).value() == digest);
  }
  CHECK(digest_from_string("sha256:" + std::string(64, 'A')).value() ==
        digest_from_string("sha256:" + std::string(64, 'a')).value());
}

TEST_CASE("a digest of the wrong length is never padded or cut, and belongs to its own algorithm") {
  for (const std::string& text :
       {"sha256:" + std::string(66, '0'), "sha256:" + std::string(62, '0'), "sha256:" + std::string(63, '0'),
        std::string("sha256:"), "sha256:" + std::string(96, '0'), "sha384:" + std::string(64, '0'),
        "sha384:" + std::string(128, '0'), "sha512:" + std::string(96, '0')}) {
    INFO(text);
    Result<Digest> digest = digest_from_string(text);
    REQUIRE_FALSE(digest);
    CHECK(digest.error().kind == ErrorKind::Invalid);
  }
}

TEST_CASE("what is not ALGORITHM:HEX is refused") {
  const std::string zeros(64, '0');
  for (const std::string& text : {std::string(), zeros, ":" + zeros, "SHA256:" + zeros, "sha256 " + zeros,
                                  "sha256::" + zeros, "sha256:" + zeros + " ", "sha256:" + zeros.substr(2) + "0x"}) {
    INFO(text);
    CHECK_FALSE(digest_from_string(text));
  }
}
