// SPDX-License-Identifier: MIT
// Inode numbers against those that other tools find.
#include "image/inodes.h"

#include <catch2/catch_test_macros.hpp>

#include "images.h"
#include "peers.h"

using namespace bpfgate;
using image::Kind;
using test::ImageMaker;

namespace {

// usr/bin with a tool of two names, and a link to it.
struct Tree : ImageMaker {
  Tree() {
    for (const char* name : {"usr/bin/first", "usr/bin/tool", "usr/bin/very last"}) add(name, name);
    std::filesystem::create_symlink("usr/bin", root() / "bin");
    std::filesystem::create_symlink("tool", root() / "usr/bin/link");
    std::filesystem::create_hard_link(root() / "usr/bin/tool", root() / "usr/bin/other name");
  }
  // One more name for the tool.
  void link(const std::string& name) const {
    std::filesystem::create_hard_link(root() / "usr/bin/tool", root() / "usr/bin" / name);
  }
  [[nodiscard]] std::filesystem::path squashfs(const std::string& options = "") const {
    const auto image = path("squashfs");
    REQUIRE(test::run("mksquashfs '" + root().string() + "' '" + image.string() + "' -quiet -no-progress " + options));
    return image;
  }
  [[nodiscard]] std::filesystem::path erofs(const std::string& options = "") const {
    const auto image = path("erofs");
    REQUIRE(test::run("mkfs.erofs " + options + " '" + image.string() + "' '" + root().string() + "'"));
    return image;
  }
};

Result<Kind> check_volume(const std::filesystem::path& image) {
  TRY_ASSIGN(const HeldFile held, HeldFile::open(image));
  return image::check_volume(held, held.size().value());
}

Result<std::vector<uint64_t>> inode_numbers(const std::filesystem::path& image, std::span<const std::string> paths) {
  TRY_ASSIGN(const HeldFile held, HeldFile::open(image));
  return image::inode_numbers(held, held.size().value(), paths);
}

const std::vector<std::string> paths = {"/usr/bin/tool", "/usr/bin/very last", "/usr/bin/other name"};

void check_refused(const std::filesystem::path& image, const std::string& path, const std::string& why) {
  const std::vector<std::string> asked = {"/usr/bin/tool", path};
  auto numbers = inode_numbers(image, asked);
  INFO(path);
  REQUIRE_FALSE(numbers);
  INFO(numbers.error().message);
  CHECK(numbers.error().message.find(image.string() + ": " + path + ": ") == 0);
  CHECK(numbers.error().message.find(why) != std::string::npos);
  CHECK_FALSE(numbers.error().remedy.empty());
}

void check_paths(const std::filesystem::path& image) {
  auto numbers = inode_numbers(image, paths);
  REQUIRE(numbers);
  REQUIRE(numbers->size() == 3);
  CHECK((*numbers)[0] == (*numbers)[2]);
  CHECK((*numbers)[0] != (*numbers)[1]);
  check_refused(image, "/none", "there is no such file in the image");
  check_refused(image, "/usr/bin/tool/x", "there is no such file in the image");
  check_refused(image, "/usr/bin/link", "is a symbolic link");
  check_refused(image, "/usr/bin", "is no regular file");
  check_refused(image, "/bin", "is a symbolic link");
}

}  // namespace

TEST_CASE("numbers in ext4 are those that debugfs finds") {
  Tree tree;
  const auto image = tree.make("-b 4096");
  CHECK(check_volume(image).value() == Kind::Ext4);
  auto numbers = inode_numbers(image, paths);
  REQUIRE(numbers);
  for (size_t i = 0; i < paths.size(); ++i) {
    const std::string said =
        test::shell("/sbin/debugfs -R 'stat \"" + paths[i] + "\"' '" + image.string() + "' 2>/dev/null");
    CHECK(said.starts_with("Inode: " + std::to_string((*numbers)[i]) + " "));
  }
}

TEST_CASE("names for one file have one number, and what is no such file is refused") {
  Tree tree;
  SECTION("squashfs") { check_paths(tree.squashfs()); }
  SECTION("squashfs, zstd") { check_paths(tree.squashfs("-comp zstd")); }
  SECTION("squashfs, xz, nothing compressed but the inodes") { check_paths(tree.squashfs("-comp xz -noD -noF")); }
  SECTION("erofs") { check_paths(tree.erofs()); }
  SECTION("erofs, compressed") { check_paths(tree.erofs("-zlz4")); }
}

TEST_CASE("kinds are told apart") {
  Tree tree;
  CHECK(check_volume(tree.squashfs()).value() == Kind::Squashfs);
  CHECK(check_volume(tree.erofs()).value() == Kind::Erofs);
  CHECK(image::name_of(Kind::Erofs) == "erofs");
}

TEST_CASE("what is no volume is refused") {
  Tree tree;
  for (const std::string& content : {std::string(), std::string("hsq"), test::pattern(100000)}) {
    tree.add("../other", content);
    auto kind = check_volume(tree.path("other"));
    REQUIRE_FALSE(kind);
    CHECK(kind.error().kind == ErrorKind::Invalid);
  }
  CHECK(check_volume(tree.path("none")).error().code == ENOENT);
  const auto dirty = tree.make("-b 4096");
  REQUIRE(test::run("debugfs -w -R 'feature needs_recovery' '" + dirty.string() + "'"));
  CHECK(check_volume(dirty).error().message.find("its journal waits") != std::string::npos);
}

TEST_CASE("a file system that is larger than what the root hash is of is refused") {
  Tree tree;
  tree.add("usr/bin/large", test::pattern(100000));
  for (const auto& image : {tree.make("-b 4096"), tree.squashfs("-noD -noF"), tree.erofs()}) {
    INFO(image);
    const HeldFile held = HeldFile::open(image).value();
    const uint64_t size = held.size().value();
    CHECK(image::check_volume(held, size));
    // What is behind the last whole block of 4096 bytes is filling alone.
    auto kind = image::check_volume(held, (size - 1) / 4096 * 4096);
    REQUIRE_FALSE(kind);
    INFO(kind.error().message);
    CHECK(kind.error().message.find(" bytes of a file system of ") != std::string::npos);
    CHECK_FALSE(image::inode_numbers(held, 4096, paths));
    CHECK_FALSE(image::check_volume(held, 0));
  }
}

TEST_CASE("what was changed since it was opened has no numbers") {
  Tree tree;
  for (const auto& image : {tree.make("-b 4096"), tree.squashfs(), tree.erofs()}) {
    INFO(image);
    const HeldFile held = HeldFile::open(image).value();
    const uint64_t size = held.size().value();
    CHECK(image::inode_numbers(held, size, paths));
    std::filesystem::last_write_time(image, std::filesystem::last_write_time(image));
    auto numbers = image::inode_numbers(held, size, paths);
    REQUIRE_FALSE(numbers);
    CHECK(numbers.error().message == image.string() + " was changed while it was read");
  }
}

TEST_CASE("an image that could be mounted as two kinds is refused") {
  Tree tree;
  std::filesystem::path image;
  size_t at = 0;
  std::string magic = "hsqs";
  SECTION("ext4 and squashfs") { image = tree.make("-b 4096"); }
  SECTION("erofs and squashfs") { image = tree.erofs(); }
  SECTION("erofs and ext4") {
    image = tree.erofs();
    at = 1024 + 56;
    magic = "\x53\xef";
    test::write_at(image, 1024 + 24, std::string(4, '\0'));
  }
  CHECK(check_volume(image));
  test::write_at(image, at, magic);
  auto kind = check_volume(image);
  REQUIRE_FALSE(kind);
  CHECK(kind.error().kind == ErrorKind::Invalid);
  CHECK(kind.error().message.starts_with(image.string() + " is a file system of two kinds, "));
  CHECK_FALSE(inode_numbers(image, paths));
}

TEST_CASE("two bytes alone make no ext4") {
  Tree tree;
  const auto image = tree.erofs();
  test::write_at(image, 1024 + 56, "\x53\xef");
  test::write_at(image, 1024 + 24, "\x07");
  CHECK(check_volume(image).value() == Kind::Erofs);
}

TEST_CASE("an erofs with further devices is refused") {
  Tree tree;
  const auto image = tree.erofs();
  test::write_at(image, 1024 + 80, "\x08");
  auto kind = check_volume(image);
  REQUIRE_FALSE(kind);
  CHECK(kind.error().message.find("has content on other devices") != std::string::npos);
}

TEST_CASE("a damaged squashfs is no crash") {
  Tree tree;
  const auto image = tree.squashfs();
  const std::string whole = test::read_all(image);
  for (size_t at = 96; at < 700; at += 7) {
    std::string spoilt = whole;
    spoilt[at] = static_cast<char>(spoilt[at] ^ 0x55);
    std::ofstream(image, std::ios::binary) << spoilt;
    (void)inode_numbers(image, paths);
  }
  std::ofstream(image, std::ios::binary) << whole.substr(0, 200);
  CHECK_FALSE(inode_numbers(image, paths));
}

TEST_CASE("a name that looks like the answer of dump.erofs is none") {
  Tree tree;
  SECTION("alike in all") { tree.link("a\nSize: 1  On-disk size: 1  regular file\nNID: 42 "); }
  SECTION("with lines behind") { tree.link("a\nSize: 1  On-disk size: 1  regular file\nNID: 42 \nmore"); }
  SECTION("of another kind") { tree.link("a\nSize: 1  On-disk size: 1  directory\nNID: 42 "); }
  const auto image = tree.erofs();
  const std::vector<std::string> asked = {"/usr/bin/tool"};
  auto numbers = inode_numbers(image, asked);
  REQUIRE_FALSE(numbers);
  CHECK(numbers.error().message ==
        image.string() + ": /usr/bin/tool: has a name that dump.erofs prints as if it were an answer");
  const std::vector<std::string> other = {"/usr/bin/first"};
  CHECK(inode_numbers(image, other));
}

TEST_CASE("other line breaks in a file's names change nothing") {
  Tree tree;
  tree.link("a\nSize: 1  On-disk size: 1  regular file");
  const auto image = tree.erofs();
  const std::vector<std::string> asked = {"/usr/bin/tool"};
  auto numbers = inode_numbers(image, asked);
  REQUIRE(numbers);
  CHECK(test::shell("dump.erofs --path=/usr/bin/tool '" + image.string() + "'")
            .find("\nNID: " + std::to_string((*numbers)[0]) + " ") != std::string::npos);
}

TEST_CASE("names that a tool would take for something else are refused") {
  Tree tree;
  tree.add("usr/bin/a\nNID: 5 ", "x");
  std::filesystem::create_directory(tree.root() / "usr/bin/d");
  tree.add("usr/bin/d/e", "x");
  tree.add("usr/bin/d\\e", "x");
  check_refused(tree.erofs(), "/usr/bin/a\nNID: 5 ", "has a line break in its name");
  check_refused(tree.squashfs(), "/usr/bin/d\\e", "has a backslash in its name");
}
