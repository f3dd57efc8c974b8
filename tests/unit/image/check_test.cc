// SPDX-License-Identifier: MIT
#include <random>

#include "image/image.h"
#include "images.h"

using namespace bpfgate;
using namespace bpfgate::image;
using test::ImageMaker;
using test::read_all;

namespace {

void write_all(const std::filesystem::path& path, const std::string& content) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream << content;
  REQUIRE(stream.flush());
}

std::string finding_on(const std::filesystem::path& image) {
  Result<std::vector<Checked>> checked = check(image);
  if (!checked) return checked.error().message;
  REQUIRE(checked->size() == 1);
  return checked->front().digest ? "good" : checked->front().digest.error().message;
}

}  // namespace

TEST_CASE("every byte of a seal counts") {
  ImageMaker maker;
  const std::string content = test::pattern(200000);
  maker.add("usr/bin/tool", content);
  const std::filesystem::path image = maker.make("-b 4096 -O ^has_journal");
  REQUIRE(seal(image, {.paths = {"/usr/bin/tool"}})->refused.empty());
  CHECK(finding_on(image) == "good");

  const std::string good = read_all(image);
  const size_t data = good.find(content.substr(0, 4096));
  const size_t last = good.rfind(content.substr(196608));  // the last block has 3392 bytes
  REQUIRE(data != std::string::npos);
  REQUIRE(last != std::string::npos);
  // A descriptor of 256 bytes: at the end of its block is the size, and it begins with version, algorithm and log2 of
  // the block size.
  size_t size_at = std::string::npos;
  for (size_t end = 4096; end <= good.size(); end += 4096)
    if (good.substr(end - 4, 4) == std::string("\0\1\0\0", 4) && good.substr(end - 4096, 3) == "\1\1\14")
      size_at = end - 4;
  REQUIRE(size_at != std::string::npos);
  const size_t descriptor = size_at + 4 - 4096;

  auto with = [&](size_t offset) {
    std::string changed = good;
    changed[offset] = static_cast<char>(changed[offset] ^ 1);
    write_all(image, changed);
    return finding_on(image);
  };
  CHECK(with(data + 5).starts_with("its content is not what was sealed"));
  CHECK(with(last + 3391).starts_with("its content is not what was sealed"));
  CHECK(with(last + 3392) == "there is something behind its end in its last block");
  CHECK(with(descriptor - 4096).starts_with("block 0 of the Merkle tree"));
  CHECK(with(descriptor).starts_with("its fs-verity descriptor has version 0"));
  CHECK(with(descriptor + 4).starts_with("has no descriptor of its seal: its signature is cut off"));
  CHECK(with(descriptor + 8).starts_with("has 200000 bytes, but its seal is of 200001"));
  CHECK(with(descriptor + 16).starts_with("its content is not what was sealed"));
  CHECK(with(size_at).find("has no descriptor of its seal") == std::string::npos);  // 257: room for one byte more
  CHECK(with(size_at + 1).starts_with("has no descriptor of its seal"));
  CHECK(with(size_at + 3).starts_with("has no descriptor of its seal"));
}

TEST_CASE("sealed files without the feature are no sealed files") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  const std::filesystem::path image = maker.make("-b 4096");
  CHECK(check(image)->empty());
  REQUIRE(seal(image, {.paths = {"/usr/bin/tool"}})->refused.empty());
  REQUIRE(test::run("debugfs -w -R 'feature -verity' '" + image.string() + "'"));
  CHECK(finding_on(image).find("not the feature verity") != std::string::npos);
}

TEST_CASE("a journal that waits to be replayed and errors are no state to work in") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  for (const char* change : {"feature needs_recovery", "set_super_value state 0", "set_super_value state 3"}) {
    const std::filesystem::path image = maker.make("-b 4096");
    REQUIRE(test::run("debugfs -w -R '" + std::string(change) + "' '" + image.string() + "'"));
    const std::string before = read_all(image);
    CHECK_FALSE(check(image).has_value());
    CHECK_FALSE(seal(image, {.paths = {"/usr/bin/tool"}}).has_value());
    CHECK((read_all(image) == before));
  }
}

TEST_CASE("nothing is allocated in an image whose bitmap is wrong") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  maker.add("usr/bin/other", test::pattern(50000));
  const std::filesystem::path image = maker.make("-b 4096");
  REQUIRE(test::run("block=$(debugfs -R 'blocks /usr/bin/other' '" + image.string() +
                    "' | cut -d' ' -f1); debugfs -w -R \"freeb $block\" '" + image.string() + "'"));
  Result<Outcome> outcome = seal(image, {.paths = {"/usr/bin/tool"}});
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().message.find("has a block that counts as free") != std::string::npos);
}

// Without checksums, so that what is wrong has to be found by what it is.
TEST_CASE("damage is found or does no harm, and never more") {
  ImageMaker maker;
  maker.add("usr/bin/tool", test::pattern(20000));
  maker.add("usr/bin/other", test::pattern(9000));
  const std::filesystem::path image = maker.make("-b 1024 -O ^has_journal,^metadata_csum -N 32", "1M");
  const fsverity::Parameters parameters{fsverity::Algorithm::Sha256, 1024, {}};
  REQUIRE(seal(image, {.paths = {"/usr/bin/tool"}, .parameters = parameters})->refused.empty());
  const std::string good = read_all(image);
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::string changed = good;
    for (int i = 0; i <= round % 4;) {
      const size_t at = random() % changed.size();
      if (changed[at] == 0) continue;  // what is empty everywhere would take up all rounds
      changed[at] = static_cast<char>(random());
      ++i;
    }
    write_all(image, changed);
    static_cast<void>(check(image));
    static_cast<void>(
        seal(image, {.paths = {"/usr/bin/other"}, .parameters = parameters, .output = maker.path("out")}));
    REQUIRE((read_all(image) == changed));
  }
}
