// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>

#include "gate/gate.h"
#include "temporary_directory.h"

using namespace bpfgate;

namespace {

namespace fs = std::filesystem;

constexpr const char* policy = R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit"})";

TEST_CASE("an order below a root is where links of that system lead, and so is its signature") {
  test::TemporaryDirectory directory;
  fs::create_directories(directory.path() / "usr/share/site");
  fs::create_directories(directory.path() / "etc/bpfgate");
  (void)directory.file("usr/share/site/policy.json", policy);
  (void)directory.file("usr/share/site/policy.p7s", "signature");
  fs::create_symlink("/usr/share/site/policy.json", directory.path() / "etc/bpfgate/manifest.json");
  auto unsigned_order = gate::load_order(manifest::LayerPaths{.root = directory.path()});
  REQUIRE(unsigned_order);
  CHECK(unsigned_order->signature.empty());
  fs::create_symlink("/usr/share/site/policy.p7s", directory.path() / "etc/bpfgate/manifest.json.p7s");
  auto order = gate::load_order(manifest::LayerPaths{.root = directory.path()});
  REQUIRE(order);
  CHECK(std::string(order->signature.begin(), order->signature.end()) == "signature");
}

}  // namespace
