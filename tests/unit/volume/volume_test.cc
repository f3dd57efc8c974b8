// SPDX-License-Identifier: MIT
// Tables as `dmsetup table` prints them, of devices that veritysetup has opened.
#include "volume/volume.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>

#include "base/io.h"

using namespace bpfgate;

namespace {

const std::string kRoot = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
const std::string kTable =
    "1 7:0 7:1 4096 4096 4096 1 sha256 " + kRoot + " 64e5aa1bd8b1dd0bdf2b1de87a5f2d7d5ffc7ca7a1dcbd0cf0d9a8f3c9e5a1b2";

}  // namespace

TEST_CASE("a verity table has a root hash, and checks every block") {
  auto volume = volume::parse_table(kTable);
  REQUIRE(volume);
  CHECK(volume->root_hash == "sha256:" + kRoot);
  CHECK(volume->is_known);
  CHECK(volume->is_checked);
  CHECK_FALSE(volume->is_signed);
}

TEST_CASE("options that let blocks by are seen, others are not taken for them") {
  for (const char* options :
       {" 1 ignore_corruption", " 1 check_at_most_once", " 3 root_hash_sig_key_desc cryptsetup:x ignore_corruption",
        " 2 panic_on_corruption check_at_most_once"}) {
    INFO(options);
    auto volume = volume::parse_table(kTable + options);
    REQUIRE(volume);
    CHECK_FALSE(volume->is_checked);
  }
  for (const char* options : {" 1 restart_on_corruption", " 1 panic_on_corruption", " 1 ignore_zero_blocks",
                              " 2 root_hash_sig_key_desc cryptsetup:x"}) {
    INFO(options);
    auto volume = volume::parse_table(kTable + options);
    REQUIRE(volume);
    CHECK(volume->is_checked);
  }
}

TEST_CASE("a signed root hash is told from one that is not") {
  CHECK(volume::parse_table(kTable + " 2 root_hash_sig_key_desc cryptsetup:x").value().is_signed);
  CHECK_FALSE(volume::parse_table(kTable + " 1 panic_on_corruption").value().is_signed);
}

TEST_CASE("an algorithm that the gate does not know is no error, and not known") {
  auto volume = volume::parse_table("1 7:0 7:1 4096 4096 4096 1 sha1 00ff -");
  REQUIRE(volume);
  CHECK(volume->root_hash == "sha1:00ff");
  CHECK_FALSE(volume->is_known);
}

TEST_CASE("what is no verity table is an error") {
  for (const char* table : {"", "7:0 0", "1 7:0 7:1 4096 4096 4096 1 sha256"}) {
    INFO(table);
    CHECK_FALSE(volume::parse_table(table));
  }
}

TEST_CASE("a file that is on no volume has no position") {
  auto fd = open_file("/proc/self/status", O_RDONLY);
  REQUIRE(fd);
  auto position = volume::find(fd->get());
  REQUIRE(position);
  CHECK_FALSE(position->has_value());
  CHECK_FALSE(volume::find(-1));
}
