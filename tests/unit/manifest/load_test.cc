// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "manifest/sample.h"
#include "temporary_directory.h"

using namespace bpfgate;
using namespace bpfgate::manifest;
using namespace bpfgate::manifest::test;

namespace {

std::filesystem::path write(const std::filesystem::path& path, std::string_view content) {
  REQUIRE(write_file_atomically(path, as_bytes(content)));
  return path;
}

}  // namespace

TEST_CASE("load reads certificates beside the manifest") {
  bpfgate::test::TemporaryDirectory directory;
  auto source = sample();
  source["signers"].erase(1);
  auto path = write(directory.path() / "m.json", source.dump());
  auto missing = load(path);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ENOENT);
  write(directory.path() / "loaders.pem", "certificate");
  auto manifest = load(path);
  REQUIRE(manifest);
  CHECK(manifest->signers[0].certificate == Bytes(as_bytes("certificate").begin(), as_bytes("certificate").end()));
}

TEST_CASE("load bounds what it reads") {
  bpfgate::test::TemporaryDirectory directory;
  auto source = sample();
  source["signers"].erase(1);
  auto path = write(directory.path() / "m.json", source.dump());
  write(directory.path() / "loaders.pem", std::string(kMaxCertificateBytes + 1, 'x'));
  auto big_certificate = load(path);
  REQUIRE_FALSE(big_certificate);
  CHECK(big_certificate.error().kind == ErrorKind::Invalid);
  write(path, std::string(kMaxManifestBytes + 1, ' '));
  auto big_manifest = load(path);
  REQUIRE_FALSE(big_manifest);
  CHECK(big_manifest.error().kind == ErrorKind::Invalid);
  auto absent = load(directory.path() / "absent.json");
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code == ENOENT);
}
