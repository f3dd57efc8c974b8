// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "base/io.h"
#include "fsverity/fsverity.h"
#include "temporary_directory.h"

using namespace bpfgate;
using namespace bpfgate::fsverity;

namespace {

struct Vector {
  size_t size;
  Algorithm algorithm;
  uint32_t block_size;
  const char* salt;
  const char* digest;
};

// Printed by `fsverity digest --hash-alg=A --block-size=B --salt=S` (fsverity-utils 1.5) for files of pattern(size).
constexpr Vector vectors[] = {
    {0, Algorithm::Sha256, 4096, "", "sha256:3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95"},
    {1, Algorithm::Sha256, 4096, "", "sha256:b803429503d95915829b29fdbc8bbad142f3abfd11b1cadf5526582e685c0551"},
    {4095, Algorithm::Sha256, 4096, "", "sha256:1436188286c7801b9dafa1c056e96d2a439b9929d055e3b09478414123c201e8"},
    {4096, Algorithm::Sha256, 4096, "", "sha256:7522566ce685c65a0b0f9540c8f1c67a1a81153962544458169318d8ca5dc743"},
    {4097, Algorithm::Sha256, 4096, "", "sha256:2212329dee2053b680660af63f53a9169ba86a0365e6e47de4641560ef4c0e8c"},
    {524287, Algorithm::Sha256, 4096, "", "sha256:796c9fda4197cf975fe62bd7d3cb2141116c35defa7a9e9882f96ce5fcda4263"},
    {524288, Algorithm::Sha256, 4096, "", "sha256:6ae37074ce9c837e9902d7343913921af08020cd4032be4ed5e5d9bf1b748cd5"},
    {524289, Algorithm::Sha256, 4096, "", "sha256:787f5399409a52684f9e1b32f211a83f5b6c3fd7cbe36f462b7efe68c0d2e436"},
    {1048576, Algorithm::Sha256, 4096, "", "sha256:2d07ce893efcced36d74bccd5d301a385850ca71b13bdd3de60488f9c2f62d9f"},
    {0, Algorithm::Sha512, 4096, "",
     "sha512:"
     "ccf9e5aea1c2a64efa2f2354a6024b90dffde6bbc017825045dce374474e13d10adb9dadcc6ca8e17a3c075fbd31336e8f266ae6fa93a6c3b"
     "ed66f9e784e5abf"},
    {4097, Algorithm::Sha512, 4096, "",
     "sha512:"
     "8339557cef47a643deab9fbc33c0bcab5efdb0b9cda13fa46039f45f0a3e2b06aaa13e5fbbfac69b72be2831df36f4075db38568d2544bfa1"
     "3220f68c623342a"},
    {262147, Algorithm::Sha512, 4096, "",
     "sha512:"
     "44d990fdde526176468bc6e510824480b512bf0001b55e129ee05cc7eaf0d8f32575931042dc3f2817ef778d54ef678d11719be308ec6888d"
     "82fd7884dee3808"},
    {4097, Algorithm::Sha256, 1024, "", "sha256:9f8551fa3930960f58ad84df8f569a9dce5ab51144ff27b9b2f7d535e020e07a"},
    {524289, Algorithm::Sha256, 1024, "", "sha256:4042133c614ae5aca415c6a1b9aba0304278568e07e9a9f99c0972e6dc8ac686"},
    {4097, Algorithm::Sha512, 1024, "",
     "sha512:"
     "362e37b265e2311e8b965e03e22dc7713f4ceaaec2475df6a238c982e9b3240e38e9c06cb2ed4fdcc2df3a14cce1a0670b035751fdc1f7b07"
     "2ed599cb41c7c70"},
    {70000, Algorithm::Sha256, 65536, "", "sha256:c3f8a7c5feae8dcd313cc66ee5f6a10665de58f579ecf7c3ddfbeebcce7f4ac9"},
    {4097, Algorithm::Sha256, 4096, "00", "sha256:34b84f87989cb823613a342cb033cfde4388fbe805ea5219e5098ed94c6b9dd8"},
    {4097, Algorithm::Sha256, 4096, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
     "sha256:e0805514ccb834a140299ed84e177b69bfd092de6c819f0312a4eb8e0af9ffd3"},
    {0, Algorithm::Sha256, 4096, "abcd", "sha256:5b02f90bee56fa6f1548fedd0f916cd516da6029e1f037bcb89f2861b3cb784d"},
    {5000, Algorithm::Sha512, 2048, "deadbeef",
     "sha512:"
     "16ab85ae244f418442e7b71135c7498574edff7b523ff5fcf116511059324d5f305fe5ec4cfd3adc5a29d71f375b611ba56fa1a49dda4d68f"
     "c04592e05fa20e1"},
};

// No two blocks of a test file are equal, so that blocks hashed in the wrong order would show.
std::string pattern(size_t size) {
  std::string content(size, '\0');
  for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 167 + (i >> 8) * 13);
  return content;
}

Parameters parameters_of(const Vector& vector) {
  return {vector.algorithm, vector.block_size, from_hex(vector.salt).value()};
}

}  // namespace

TEST_CASE("digests are those of fsverity digest") {
  test::TemporaryDirectory directory;
  for (const Vector& vector : vectors) {
    INFO(vector.size << " bytes, block size " << vector.block_size << ", salt \"" << vector.salt << '"');
    std::filesystem::path path = directory.file("f", pattern(vector.size));
    CHECK(to_string(compute(path, parameters_of(vector)).value()) == vector.digest);
  }
}

TEST_CASE("reading starts at the beginning wherever the descriptor stands, and leaves it there") {
  test::TemporaryDirectory directory;
  UniqueFd fd = open_file(directory.file("f", pattern(4097)), O_RDONLY).value();
  REQUIRE(::lseek(fd.get(), 1000, SEEK_SET) == 1000);
  Result<Digest> digest = compute(fd.get(), {});
  CHECK(to_string(digest.value()) == vectors[4].digest);
  CHECK(::lseek(fd.get(), 0, SEEK_CUR) == 1000);
}

TEST_CASE("a hole reads as zeros") {
  test::TemporaryDirectory directory;
  std::filesystem::path sparse = directory.file("sparse", "");
  std::filesystem::resize_file(sparse, 300000);
  CHECK(compute(sparse, {}).value() == compute(directory.file("zeros", std::string(300000, '\0')), {}).value());
}

TEST_CASE("files are digested from many threads at once") {
  test::TemporaryDirectory directory;
  std::filesystem::path path = directory.file("f", pattern(1 << 20));
  std::array<std::string, 8> digests;
  {
    std::array<std::jthread, 8> threads;
    for (size_t i = 0; i < threads.size(); ++i)
      threads[i] = std::jthread([&, i] { digests[i] = to_string(compute(path, {}).value()); });
  }
  for (const std::string& digest : digests) CHECK(digest == vectors[8].digest);
}

TEST_CASE("what is not a regular file has no digest") {
  test::TemporaryDirectory directory;
  std::filesystem::path fifo = directory.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const std::filesystem::path& path : {directory.path(), fifo, std::filesystem::path("/dev/zero")}) {
    INFO(path.string());
    Result<Digest> digest = compute(path, {});
    REQUIRE_FALSE(digest);
    CHECK(digest.error().message == path.string() + ": not a regular file");
  }
}

TEST_CASE("a file that cannot be read is an error") {
  test::TemporaryDirectory directory;
  CHECK(compute(directory.path() / "missing", {}).error().code == ENOENT);
  UniqueFd write_only = open_file(directory.file("f", "content"), O_WRONLY).value();
  CHECK(compute(write_only.get(), {}).error().code == EBADF);
}

TEST_CASE("a file with less content than its size says is an error, not a digest") {
  // sysfs files say 4096 bytes and have fewer: as if the file were cut between fstat and read.
  struct stat status = {};
  REQUIRE(::stat("/sys/kernel/uevent_seqnum", &status) == 0);
  REQUIRE(status.st_size == 4096);
  Result<Digest> digest = compute("/sys/kernel/uevent_seqnum", {});
  REQUIRE_FALSE(digest);
  CHECK(digest.error().message.find("became shorter") != std::string::npos);
}

TEST_CASE("impossible parameters are refused") {
  test::TemporaryDirectory directory;
  std::filesystem::path path = directory.file("f", "content");
  CHECK(compute(path, {Algorithm::Sha256, 1000, {}}).error().kind == ErrorKind::Invalid);
  CHECK(compute(path, {Algorithm::Sha256, 4096, Bytes(33)}).error().kind == ErrorKind::Invalid);
}
