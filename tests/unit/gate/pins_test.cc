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
  REQUIRE(gate::remove_pins(pins));
  REQUIRE(gate::make_pin_directories(pins));
  std::ofstream(gate::link_path(pins, "gate_bpf"));
  std::ofstream(gate::map_path(pins, "about"));
  CHECK(gate::pinned_links(pins) == std::vector<std::string>{"gate_bpf"});
  REQUIRE(gate::remove_pins(pins));
  CHECK_FALSE(std::filesystem::exists(pins));
}

TEST_CASE("what does not belong to the gate is not removed with it") {
  test::TemporaryDirectory directory;
  auto pins = directory.path() / "bpfgate";
  REQUIRE(gate::make_pin_directories(pins));
  REQUIRE(std::filesystem::create_directory(pins / "links" / "foreign"));
  CHECK_FALSE(gate::remove_pins(pins));
  CHECK(std::filesystem::exists(pins / "links" / "foreign"));
}
