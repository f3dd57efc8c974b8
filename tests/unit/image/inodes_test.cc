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

const std::vector<std::string> paths = {"/usr/bin/tool", "/usr/bin/very last", "/usr/bin/other name"};

void check_refused(const std::filesystem::path& image, const std::string& path, const std::string& why) {
  const std::vector<std::string> asked = {"/usr/bin/tool", path};
  auto numbers = image::inode_numbers(image, asked);
  INFO(path);
  REQUIRE_FALSE(numbers);
  INFO(numbers.error().message);
  CHECK(numbers.error().message.find(image.string() + ": " + path + ": ") == 0);
  CHECK(numbers.error().message.find(why) != std::string::npos);
  CHECK_FALSE(numbers.error().remedy.empty());
}

void check_paths(const std::filesystem::path& image) {
  auto numbers = image::inode_numbers(image, paths);
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
  CHECK(image::check_volume(image).value() == Kind::Ext4);
  auto numbers = image::inode_numbers(image, paths);
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
  CHECK(image::check_volume(tree.squashfs()).value() == Kind::Squashfs);
  CHECK(image::check_volume(tree.erofs()).value() == Kind::Erofs);
  CHECK(image::name_of(Kind::Erofs) == "erofs");
}

TEST_CASE("what is no volume is refused") {
  Tree tree;
  for (const std::string& content : {std::string(), std::string("hsq"), test::pattern(100000)}) {
    tree.add("../other", content);
    auto kind = image::check_volume(tree.path("other"));
    REQUIRE_FALSE(kind);
    CHECK(kind.error().kind == ErrorKind::Invalid);
  }
  CHECK(image::check_volume(tree.path("none")).error().code == ENOENT);
  const auto dirty = tree.make("-b 4096");
  REQUIRE(test::run("debugfs -w -R 'feature needs_recovery' '" + dirty.string() + "'"));
  CHECK(image::check_volume(dirty).error().message.find("its journal waits") != std::string::npos);
}

TEST_CASE("an erofs with further devices is refused") {
  Tree tree;
  const auto image = tree.erofs();
  std::fstream stream(image, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(1024 + 80);
  stream.put(8);
  stream.close();
  auto kind = image::check_volume(image);
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
    (void)image::inode_numbers(image, paths);
  }
  std::ofstream(image, std::ios::binary) << whole.substr(0, 200);
  CHECK_FALSE(image::inode_numbers(image, paths));
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
