// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "ima/ima.h"
#include "peers.h"

using namespace bpfgate;
using namespace bpfgate::ima;
using test::Bench;

namespace {

struct Vector {
  size_t size;
  const char* attribute;
};

// Printed by `evmctl ima_hash -a ALGORITHM` (ima-evm-utils 1.4) for files of pattern(size): the extended attribute
// security.ima as the kernel reads it. After IMA_XATTR_DIGEST_NG, which is 4, come a byte for the algorithm and the
// digest (struct ima_digest_data, security/integrity/integrity.h).
constexpr Vector vectors[] = {
    {0, "0404e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {1, "04046e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {4096, "04046212da581dc290abc5335ea82644166f2cf2c381c2b1cdb36db598c4aa63740c"},
    {262143, "04044b4d7e42faea49ef63085aa24da19904b7a6dee913af0c03ecd746f3b83c7a72"},
    {262144, "0404df4f710366fa16eda8c101a5415a3908bd8fd98bc401dca53c4da59d10f8d2ba"},
    {262145, "04049e04999d4e1d89262179c1ba46fb9d7642644dca623ddb8a65402ca20b99e4ab"},
    {1048577, "0404347d536caceab597d89f15a64e5ecb5a3502d2d9e2fe4ec3d83d6bcbb238a8a0"},
    {0, "040538b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b"},
    {262145, "0405a45bbbb13a3184b6f3c0ae0819971328cf5e21dbc4b7af9ab89bbad8b2c1cbe799be69b42ee88479a202e51fb9dde514"},
    {0,
     "0406cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417"
     "a81a538327af927da3e"},
    {1048577,
     "0406090bef7692ad0a9e751b85c795e9e293b4bb6551a8ab8d62e3879b1393fa4e3571e25a3664536b5084f5c11082c3c31c8c546772ba3c8"
     "f62355e21c3002c029c"},
};

// No two pieces of a test file are equal, so that pieces hashed in the wrong order would show.
std::string pattern(size_t size) {
  std::string content(size, '\0');
  for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 167 + (i >> 8) * 13);
  return content;
}

std::string attribute_of(const Digest& digest) {
  return "04" + to_hex(Bytes{static_cast<uint8_t>(digest.algorithm)}) + to_hex(digest.value);
}

}  // namespace

TEST_CASE("digests are those of evmctl ima_hash") {
  test::TemporaryDirectory directory;
  for (const Vector& vector : vectors) {
    INFO(vector.size << " bytes: " << vector.attribute);
    auto algorithm = static_cast<Algorithm>(from_hex(std::string_view(vector.attribute).substr(2, 2)).value()[0]);
    CHECK(attribute_of(compute(directory.file("f", pattern(vector.size)), algorithm).value()) == vector.attribute);
  }
}

TEST_CASE("digests are those of sha256sum and its kin, and of openssl dgst") {
  Bench bench;
  bench.write("f", pattern(1000003));
  for (Algorithm algorithm : algorithms) {
    std::string name(name_of(algorithm));
    std::string digest = to_hex(compute(bench / "f", algorithm).value().value);
    CHECK(bench.run(name + "sum f") == digest + "  f\n");
    CHECK(bench.run("openssl dgst -r -" + name + " f") == digest + " *f\n");
  }
}

TEST_CASE("reading starts at the beginning wherever the descriptor stands, and leaves it there") {
  test::TemporaryDirectory directory;
  UniqueFd fd = open_file(directory.file("f", pattern(4096)), O_RDONLY).value();
  REQUIRE(::lseek(fd.get(), 1000, SEEK_SET) == 1000);
  CHECK(attribute_of(compute(fd.get(), Algorithm::Sha256).value()) == vectors[2].attribute);
  CHECK(::lseek(fd.get(), 0, SEEK_CUR) == 1000);
}

TEST_CASE("what is not a regular file has no digest") {
  test::TemporaryDirectory directory;
  std::filesystem::path fifo = directory.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const std::filesystem::path& path : {directory.path(), fifo, std::filesystem::path("/dev/zero")}) {
    INFO(path.string());
    Result<Digest> digest = compute(path, Algorithm::Sha256);
    REQUIRE_FALSE(digest);
    CHECK(digest.error().message == path.string() + ": not a regular file");
  }
}

TEST_CASE("a file that cannot be read is an error") {
  test::TemporaryDirectory directory;
  CHECK(compute(directory.path() / "missing", Algorithm::Sha256).error().code == ENOENT);
  UniqueFd write_only = open_file(directory.file("f", "content"), O_WRONLY).value();
  CHECK(compute(write_only.get(), Algorithm::Sha256).error().code == EBADF);
}

TEST_CASE("a file with less content than its size says is an error, not a digest") {
  // sysfs files say 4096 bytes and have fewer: as if the file were cut between fstat and read.
  struct stat status = {};
  REQUIRE(::stat("/sys/kernel/uevent_seqnum", &status) == 0);
  REQUIRE(status.st_size == 4096);
  Result<Digest> digest = compute("/sys/kernel/uevent_seqnum", Algorithm::Sha256);
  REQUIRE_FALSE(digest);
  CHECK(digest.error().message.find("became shorter") != std::string::npos);
}

TEST_CASE("an algorithm that is no evidence is refused before the file is read") {
  for (int number : {0, 2, 3, 7}) {
    Result<Digest> digest = compute(-1, static_cast<Algorithm>(number));
    REQUIRE_FALSE(digest);
    CHECK(digest.error().kind == ErrorKind::Invalid);
  }
}
