// SPDX-License-Identifier: MIT
#include "fsverity/metadata.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "pattern.h"
#include "temporary_directory.h"

using namespace bpfgate;
using namespace bpfgate::fsverity;
using test::pattern;

namespace {

ContentReader reader_of(const std::string& content) {
  return [&content, offset = size_t{0}](std::span<uint8_t> buffer) mutable -> Result<> {
    if (buffer.size() > content.size() - offset) return fail(ErrorKind::Failed, "too much is asked for");
    std::copy_n(content.begin() + static_cast<ptrdiff_t>(offset), buffer.size(), buffer.begin());
    offset += buffer.size();
    return {};
  };
}

Metadata metadata_of(const std::string& content, const Parameters& parameters) {
  Result<Metadata> metadata = compute_metadata(content.size(), parameters, reader_of(content));
  REQUIRE(metadata.has_value());
  return *metadata;
}

}  // namespace

TEST_CASE("metadata have the digest of the file") {
  test::TemporaryDirectory directory;
  for (const Parameters& parameters :
       {Parameters{}, Parameters{Algorithm::Sha512, 1024, {}}, Parameters{Algorithm::Sha256, 1024, Bytes(32, 7)}}) {
    for (size_t size : {0, 1, 1024, 4096, 4097, 200000}) {
      const std::string content = pattern(size);
      Result<Digest> wanted = compute(directory.file("file", content), parameters);
      REQUIRE(wanted.has_value());
      CHECK(metadata_of(content, parameters).digest == *wanted);
    }
  }
}

TEST_CASE("a tree has the blocks of its levels") {
  CHECK(metadata_of("", {}).tree.empty());
  CHECK(metadata_of(pattern(4096), {}).tree.empty());
  CHECK(metadata_of(pattern(4097), {}).tree.size() == 4096);
  // 129 blocks of data: two of hashes, and the root's.
  CHECK(metadata_of(pattern(size_t{129} * 4096), {}).tree.size() == size_t{3} * 4096);
  // 32 hashes fit in 1024 bytes; 1025 blocks of data: 33 + 2 + 1.
  CHECK(metadata_of(pattern(size_t{1025} * 1024), {Algorithm::Sha256, 1024, {}}).tree.size() == size_t{36} * 1024);
}

TEST_CASE("a descriptor says what it was made with") {
  const Parameters parameters{Algorithm::Sha512, 2048, {1, 2, 3}};
  const Metadata metadata = metadata_of(pattern(5000), parameters);
  Result<Descriptor> descriptor = parse_descriptor(metadata.descriptor);
  REQUIRE(descriptor.has_value());
  CHECK(descriptor->parameters.algorithm == Algorithm::Sha512);
  CHECK(descriptor->parameters.block_size == 2048);
  CHECK(descriptor->parameters.salt == parameters.salt);
  CHECK(descriptor->file_size == 5000);
}

TEST_CASE("a descriptor that no kernel would take is refused") {
  const Bytes good = metadata_of("content", {}).descriptor;
  REQUIRE(good.size() == descriptor_size);
  auto with = [&](size_t offset, uint8_t value) {
    Bytes changed = good;
    changed[offset] = value;
    return parse_descriptor(changed);
  };
  CHECK(parse_descriptor(good).has_value());
  CHECK_FALSE(parse_descriptor({good.data(), good.size() - 1}).has_value());
  CHECK_FALSE(parse_descriptor({}).has_value());
  CHECK_FALSE(with(0, 2).has_value());    // version
  CHECK_FALSE(with(2, 9).has_value());    // log_blocksize
  CHECK_FALSE(with(2, 17).has_value());   // log_blocksize
  CHECK_FALSE(with(3, 33).has_value());   // salt_size
  CHECK_FALSE(with(255, 1).has_value());  // reserved
  Result<Descriptor> later = with(1, 3);  // hash_algorithm
  REQUIRE_FALSE(later.has_value());
  CHECK(later.error().kind == ErrorKind::Unsupported);
}

TEST_CASE("what a reader fails with is what comes of it") {
  Result<Metadata> failed =
      compute_metadata(10000, {}, [](std::span<uint8_t>) -> Result<> { return fail(ErrorKind::Refused, "not today"); });
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().kind == ErrorKind::Refused);
  CHECK(failed.error().message == "not today");

  Result<Metadata> thrown = compute_metadata(10000, {}, [](std::span<uint8_t>) -> Result<> { throw std::bad_alloc(); });
  CHECK_FALSE(thrown.has_value());
}

TEST_CASE("a size for which there is no memory is an error") {
  auto zeros = [](std::span<uint8_t> buffer) -> Result<> {
    std::ranges::fill(buffer, 0);
    return {};
  };
  CHECK_FALSE(compute_metadata(uint64_t{1} << 62, {}, zeros).has_value());
}
