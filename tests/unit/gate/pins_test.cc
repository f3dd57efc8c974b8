// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>

#include "gate/gate.h"
#include "gate/pins.h"
#include "temporary_directory.h"

using namespace bpfgate;

TEST_CASE("a directory on another file system is no place for pins") {
  test::TemporaryDirectory directory;
  auto checked = gate::check_is_bpffs(directory.path());
  REQUIRE_FALSE(checked);
  CHECK(checked.error().kind == ErrorKind::Unsupported);
  CHECK(checked.error().remedy == "Mount one: mount -t bpf bpf " + directory.path().string());
}

TEST_CASE("no pins, no gate") {
  test::TemporaryDirectory directory;
  auto status = gate::status(directory.path() / "absent");
  REQUIRE(status);
  CHECK_FALSE(*status);
  CHECK(gate::pinned_links(directory.path() / "absent").empty());
}

TEST_CASE("pins are removed with their directories, and absent ones are no error") {
  test::TemporaryDirectory directory;
  auto pins = directory.path() / "bpfgate";
  CHECK_FALSE(*gate::PinDirectory::open(pins));
  REQUIRE(gate::make_pin_directories(pins));
  std::ofstream(gate::link_path(pins, "gate_bpf"));
  CHECK(gate::pinned_links(pins) == std::vector<std::string>{"gate_bpf"});
  auto opened = gate::PinDirectory::open(pins);
  REQUIRE(opened);
  REQUIRE(*opened);
  REQUIRE((*opened)->remove());
  CHECK_FALSE(std::filesystem::exists(pins));
}

TEST_CASE("what does not belong to the gate is not removed with it") {
  test::TemporaryDirectory directory;
  auto pins = directory.path() / "bpfgate";
  REQUIRE(gate::make_pin_directories(pins));
  REQUIRE(std::filesystem::create_directory(pins / "links" / "foreign"));
  auto opened = gate::PinDirectory::open(pins);
  REQUIRE(opened);
  CHECK_FALSE((*opened)->remove());
  CHECK(std::filesystem::exists(pins / "links" / "foreign"));
}

TEST_CASE("another gate's links are not taken for this one's") {
  test::TemporaryDirectory directory;
  auto real = directory.path() / "real";
  auto fake = directory.path() / "fake";
  REQUIRE(gate::make_pin_directories(real));
  std::ofstream(gate::link_path(real, "gate_bpf"));
  REQUIRE(std::filesystem::create_directory(fake));
  std::filesystem::create_directory_symlink(real / "links", fake / "links");
  auto opened = gate::PinDirectory::open(fake);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == ErrorKind::Refused);
  CHECK(std::filesystem::exists(gate::link_path(real, "gate_bpf")));
}

TEST_CASE("a directory that is held open stays the one it was, whatever its path leads to") {
  test::TemporaryDirectory directory;
  auto pins = directory.path() / "pins";
  REQUIRE(gate::make_pin_directories(pins));
  std::ofstream(gate::link_path(pins, "own"));
  auto opened = gate::PinDirectory::open(pins);
  REQUIRE(opened);
  std::filesystem::rename(pins, directory.path() / "elsewhere");
  REQUIRE(gate::make_pin_directories(pins));
  std::ofstream(gate::link_path(pins, "other"));
  CHECK((*opened)->names().value() == std::vector<std::string>{"own"});
  CHECK_FALSE((*opened)->remove());
  CHECK(std::filesystem::exists(gate::link_path(pins, "other")));
}
