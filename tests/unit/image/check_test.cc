// SPDX-License-Identifier: MIT
#include <random>

#include "image/image.h"
#include "images.h"

using namespace bpfgate;
using namespace bpfgate::image;
using test::ImageMaker;
using test::read_all;
using test::write_all;

namespace {

std::string finding_on(const std::filesystem::path& image) {
  Result<std::vector<Checked>> checked = check(image);
  if (!checked) return checked.error().message;
  REQUIRE(checked->size() == 1);
  return checked->front().digest ? "good" : checked->front().digest.error().message;
}

std::string message_of(const Result<Outcome>& outcome) { return outcome ? "" : outcome.error().message; }

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
  CHECK(with(last + 3392) == "there is something between its end and its seal");
  CHECK(with(descriptor - 4096).starts_with("block 0 of the Merkle tree"));
  CHECK(with(descriptor).starts_with("its fs-verity descriptor has version 0"));
  CHECK(with(descriptor + 4).starts_with("has no descriptor of its seal: its signature is cut off"));
  CHECK(with(descriptor + 8).starts_with("has 200000 bytes, but its seal is of 200001"));
  CHECK(with(descriptor + 16).starts_with("its content is not what was sealed"));
  CHECK(with(size_at) == "good");  // 257: room for a built-in signature of one byte, and there is none
  CHECK(with(size_at + 1).starts_with("has no descriptor of its seal"));
  CHECK(with(size_at + 3).starts_with("has no descriptor of its seal"));
}

TEST_CASE("what is between a file's end and its seal counts, where a page may have it") {
  ImageMaker maker;
  maker.add("usr/bin/tool", test::pattern(70000));
  const std::filesystem::path image = maker.make("-b 4096");
  REQUIRE(seal(image, {.paths = {"/usr/bin/tool"}})->refused.empty());
  // Block 17 has the end, the seal begins with block 32.
  test::debugfs(image, "bmap -a /usr/bin/tool 25");
  test::debugfs(image, "zap_block -f /usr/bin/tool -p 0 25");
  CHECK(finding_on(image) == "good");
  test::debugfs(image, "zap_block -f /usr/bin/tool -p 1 25");
  CHECK(finding_on(image) == "there is something between its end and its seal");
}

TEST_CASE("sealed files without the feature are no sealed files") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  const std::filesystem::path image = maker.make("-b 4096");
  CHECK(check(image)->empty());
  REQUIRE(seal(image, {.paths = {"/usr/bin/tool"}})->refused.empty());
  test::debugfs(image, "feature -verity");
  CHECK(finding_on(image).find("not the feature verity") != std::string::npos);
  // As mkfs.ext4 -d leaves it that copies seals: what is sealed already gets the feature.
  Result<Outcome> outcome = seal(image, {.paths = {"/usr/bin/tool"}});
  REQUIRE(outcome.has_value());
  REQUIRE(outcome->sealed.size() == 1);
  CHECK(outcome->sealed.front().outcome == fsverity::SealOutcome::AlreadySealed);
  CHECK(finding_on(image) == "good");
}

TEST_CASE("files asked for by name are checked, and those alone") {
  ImageMaker maker;
  for (const char* name : {"sealed", "unsealed", "other"}) maker.add(std::string("usr/bin/") + name, name);
  std::filesystem::create_symlink("sealed", maker.root() / "usr/bin/link");
  const std::filesystem::path image = maker.make("-b 4096");
  REQUIRE(seal(image, {.paths = {"/usr/bin/sealed", "/usr/bin/other"}})->refused.empty());
  Result<std::vector<Checked>> checked =
      check(image, {.paths = {"usr//bin/sealed", "/usr/bin/unsealed", "/usr/bin/link", "/none"}});
  REQUIRE(checked.has_value());
  REQUIRE(checked->size() == 4);
  CHECK(checked->at(0).path == "usr//bin/sealed");
  CHECK(checked->at(0).digest.has_value());
  CHECK(checked->at(1).digest.error().message == "is not sealed");
  CHECK(checked->at(2).digest.error().message == "is a symbolic link");
  CHECK(checked->at(3).digest.error().message == "there is no such file in the image");
}

TEST_CASE("of two files with one path both are checked") {
  ImageMaker maker;
  maker.add("usr/bin/one", "one");
  maker.add("usr/bin/two", "two");
  const std::filesystem::path image = maker.make("-b 4096 -O ^metadata_csum,^dir_index");
  REQUIRE(seal(image, {.paths = {"/usr/bin/one", "/usr/bin/two"}})->refused.empty());
  std::string content = read_all(image);
  const size_t name = content.find("two", content.find("one\0", 0));
  REQUIRE(name != std::string::npos);
  for (size_t at = content.find("two"); at != std::string::npos; at = content.find("two", at + 1))
    if (content[at - 2] == 3) content.replace(at, 3, "one");  // behind the length of the name
  write_all(image, content);
  Result<std::vector<Checked>> checked = check(image);
  REQUIRE(checked.has_value());
  REQUIRE(checked->size() == 2);
  CHECK(checked->at(0).path == "/usr/bin/one");
  CHECK(checked->at(1).path == "/usr/bin/one");
}

TEST_CASE("a journal that waits to be replayed and errors are no state to work in") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  const std::pair<const char*, const char*> states[] = {
      {"feature needs_recovery", ": its journal waits to be replayed: it is mounted, or was not unmounted"},
      {"set_super_value state 0", " was not unmounted, or has errors"},
      {"set_super_value state 3", " was not unmounted, or has errors"}};
  for (const auto& [change, why] : states) {
    const std::filesystem::path image = maker.make("-b 4096");
    test::debugfs(image, change);
    const std::string before = read_all(image);
    CHECK(finding_on(image).ends_with(why));
    CHECK(message_of(seal(image, {.paths = {"/usr/bin/tool"}})).ends_with(why));
    CHECK((read_all(image) == before));
  }
}

TEST_CASE("nothing is allocated in an image whose bitmap is wrong") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  maker.add("usr/bin/other", test::pattern(50000));
  const std::filesystem::path image = maker.make("-b 4096");
  test::debugfs(
      image, "freeb " + test::number_from("debugfs -R 'blocks /usr/bin/other' '" + image.string() + "' 2>/dev/null"));
  CHECK(message_of(seal(image, {.paths = {"/usr/bin/tool"}})).find("has a block that counts as free") !=
        std::string::npos);
}

TEST_CASE("nothing is allocated in an image where a file has a block that is no file's") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  maker.add("usr/bin/other", test::pattern(50000));
  const std::filesystem::path good = maker.make("-b 1024 -O ^metadata_csum", "24M");
  const std::string content = read_all(good);
  const Request request{.paths = {"/usr/bin/tool"}, .parameters = {fsverity::Algorithm::Sha256, 1024, {}}};
  auto dumped = [&](const std::string& what) {
    return test::number_from("dumpe2fs '" + good.string() + "' 2>/dev/null | grep -o '" + what + "'");
  };
  // The first block of each, in the first group and, of the superblock and the table of groups, in the second as well.
  const std::string blocks[] = {"1",
                                dumped("Group descriptors at [0-9]*"),
                                dumped("Block bitmap at [0-9]*"),
                                dumped("Inode bitmap at [0-9]*"),
                                dumped("Inode table at [0-9]*"),
                                "8193",
                                "8194"};
  for (const std::string& block : blocks) {
    INFO(block);
    write_all(good, content);
    test::debugfs(good, "bmap /usr/bin/other 3 " + block);
    CHECK(message_of(seal(good, request)).find("shares a block with another file, or with") != std::string::npos);
  }
  write_all(good, content);
  test::debugfs(good, "set_inode_field /usr/bin/other file_acl " +
                          test::number_from("debugfs -R 'blocks /usr/bin/tool' '" + good.string() + "' 2>/dev/null"));
  CHECK(message_of(seal(good, request)).find("shares a block with another file, or with") != std::string::npos);
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
