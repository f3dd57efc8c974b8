// SPDX-License-Identifier: MIT
#include "gate/sequence.h"

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "base/io.h"
#include "temporary_directory.h"

using namespace bpfgate;

namespace {

manifest::Manifest manifest_of(uint64_t sequence) {
  manifest::Manifest manifest;
  manifest.name = "test";
  manifest.sequence = sequence;
  return manifest;
}

}  // namespace

TEST_CASE("without a number every manifest is new enough") {
  test::TemporaryDirectory directory;
  CHECK(gate::check_not_rolled_back(directory.path() / "absent", manifest_of(1)));
  CHECK(*gate::recorded_sequence(directory.path(), "test") == std::nullopt);
}

TEST_CASE("a manifest that is older than the number is refused") {
  test::TemporaryDirectory directory;
  auto state = directory.path() / "deep" / "state";
  REQUIRE(gate::record_sequence(state, manifest_of(7)));
  CHECK(*gate::recorded_sequence(state, "test") == 7);
  CHECK(gate::check_not_rolled_back(state, manifest_of(7)));
  CHECK(gate::check_not_rolled_back(state, manifest_of(8)));
  auto older = gate::check_not_rolled_back(state, manifest_of(6));
  REQUIRE_FALSE(older);
  CHECK(older.error().kind == ErrorKind::Refused);
  CHECK(older.error().message.starts_with("/sequence: 6 is older than 7"));
  auto other = manifest_of(6);
  other.name = "other";
  CHECK(gate::check_not_rolled_back(state, other));
}

TEST_CASE("a number never goes down") {
  test::TemporaryDirectory directory;
  REQUIRE(gate::record_sequence(directory.path(), manifest_of(7)));
  REQUIRE(gate::record_sequence(directory.path(), manifest_of(3)));
  CHECK(*gate::recorded_sequence(directory.path(), "test") == 7);
}

TEST_CASE("what is no number is not taken for none") {
  for (const char* text : {"", "\n", "7", "7\n\n", "-7\n", "0x7\n", " 7\n", "7 \n", "99999999999999999999\n",
                           "777777777777777777777777777777777777777777777\n"}) {
    test::TemporaryDirectory directory;
    std::ofstream(directory.path() / "test.sequence") << text;
    INFO(text);
    auto number = gate::recorded_sequence(directory.path(), "test");
    REQUIRE_FALSE(number);
    CHECK(number.error().kind == ErrorKind::Invalid);
    CHECK_FALSE(gate::check_not_rolled_back(directory.path(), manifest_of(9)));
    CHECK_FALSE(gate::record_sequence(directory.path(), manifest_of(9)));
  }
}
