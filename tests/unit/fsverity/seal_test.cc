// SPDX-License-Identifier: MIT
// What can be seen without a file system that has fs-verity; tests/vm/seal.sh does the rest on real kernels.
#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "fsverity/fsverity.h"
#include "temporary_directory.h"

using namespace bpfgate;
using namespace bpfgate::fsverity;

TEST_CASE("a file on a file system without fs-verity is not sealed, and that is no error") {
  UniqueFd fd = open_file("/proc/self/status", O_RDONLY).value();
  CHECK(measure(fd.get()).value() == std::nullopt);
  CHECK(is_supported(fd.get()).value() == false);
}

TEST_CASE("a file that was never sealed has no measured digest") {
  test::TemporaryDirectory directory;
  UniqueFd fd = open_file(directory.file("f", "content"), O_RDONLY).value();
  CHECK(measure(fd.get()).value() == std::nullopt);
}

TEST_CASE("a bad descriptor is an error, not an unsealed file") {
  CHECK(measure(-1).error().code == EBADF);
  CHECK(is_supported(-1).error().code == EBADF);
}

TEST_CASE("sealing where there is no fs-verity is unsupported and names the mend") {
  Result<Sealing> sealing = seal("/proc/self/status", {});
  REQUIRE_FALSE(sealing);
  CHECK(sealing.error().kind == ErrorKind::Unsupported);
  CHECK(sealing.error().message.starts_with("/proc/self/status: "));
  for (const char* word : {"tune2fs -O verity", "f2fs", "btrfs"}) {
    INFO(word);
    CHECK(sealing.error().remedy.find(word) != std::string::npos);
  }
}

TEST_CASE("only regular files are sealed") {
  test::TemporaryDirectory directory;
  std::filesystem::path fifo = directory.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const std::filesystem::path& path : {directory.path(), fifo, std::filesystem::path("/dev/null")}) {
    INFO(path.string());
    Result<Sealing> sealing = seal(path, {});
    REQUIRE_FALSE(sealing);
    CHECK(sealing.error().kind == ErrorKind::Failed);
    CHECK(sealing.error().message == path.string() + ": not a regular file");
  }
}

TEST_CASE("a missing file is named") {
  Result<Sealing> sealing = seal("/nonexistent/file", {});
  REQUIRE_FALSE(sealing);
  CHECK(sealing.error().code == ENOENT);
}

TEST_CASE("impossible parameters are refused before the file is touched") {
  CHECK(seal("/nonexistent/file", {Algorithm::Sha256, 512, {}}).error().kind == ErrorKind::Invalid);
  CHECK(seal("/nonexistent/file", {Algorithm::Sha256, 4096, Bytes(33)}).error().kind == ErrorKind::Invalid);
}
