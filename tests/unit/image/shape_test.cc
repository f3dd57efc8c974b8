// SPDX-License-Identifier: MIT
// Files as they come to lie in file systems that were in use: with holes, in pieces, with blocks that nothing was
// written to, and with more blocks than content.
#include <algorithm>

#include "image/image.h"
#include "images.h"

using namespace bpfgate;
using namespace bpfgate::image;
using test::debugfs;
using test::ImageMaker;

namespace {

constexpr const char* path = "/usr/bin/tool";

// The file in the image gets the seal that one of this content has.
void check_sealed(const ImageMaker& maker, const std::filesystem::path& image, const std::string& content,
                  const fsverity::Parameters& parameters = {}) {
  maker.add("usr/bin/tool", content);
  const fsverity::Digest digest = fsverity::compute(maker.root() / "usr/bin/tool", parameters).value();
  Result<Outcome> outcome = seal(image, {.paths = {path}, .parameters = parameters});
  REQUIRE(outcome.has_value());
  INFO((outcome->refused.empty() ? "" : outcome->refused.front().error.message));
  REQUIRE(outcome->refused.empty());
  CHECK(outcome->sealed.front().digest == digest);
  CHECK(test::is_clean(image));
  REQUIRE(check(image)->size() == 1);
  CHECK(check(image)->front().digest.value() == digest);
}

std::string extents_of(const std::filesystem::path& image) {
  return test::output_of("debugfs -R 'ex " + std::string(path) + "' '" + image.string() + "'");
}

}  // namespace

TEST_CASE("blocks behind the end and bytes behind it in the last one are no part of a sealed file") {
  ImageMaker maker;
  maker.add("usr/bin/tool", test::pattern(300000));
  const std::filesystem::path image = maker.make("-b 4096");
  // As a preallocation leaves it: 30 blocks of a file whose size is 5000 bytes, with something in them.
  debugfs(image, "set_inode_field /usr/bin/tool size 5000");
  check_sealed(maker, image, test::pattern(5000));
}

TEST_CASE("an empty file may have blocks") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "");
  const std::filesystem::path image = maker.make("-b 4096");
  debugfs(image, "fallocate /usr/bin/tool 0 9");
  REQUIRE(extents_of(image).find("Uninit") != std::string::npos);
  check_sealed(maker, image, "");
  CHECK(extents_of(image).find("Uninit") == std::string::npos);
}

TEST_CASE("blocks that were never written are zeros inside of a file, and go behind it") {
  ImageMaker maker;
  std::string content = test::pattern(100000);
  maker.add("usr/bin/tool", content);
  const std::filesystem::path image = maker.make("-b 4096");
  debugfs(image, "punch /usr/bin/tool 3 7");
  debugfs(image, "fallocate /usr/bin/tool 3 7");
  debugfs(image, "punch /usr/bin/tool 24 24");  // the last one, which has 1696 bytes
  debugfs(image, "fallocate /usr/bin/tool 24 40");
  REQUIRE(extents_of(image).find("Uninit") != std::string::npos);
  std::fill_n(content.begin() + 3 * 4096, 5 * 4096, '\0');
  std::fill(content.begin() + 24 * 4096, content.end(), '\0');
  check_sealed(maker, image, content);
}

TEST_CASE("a tree of extents grows out of the inode, and deeper") {
  // Four extents are in the inode; a block of 1024 bytes has 84.
  for (size_t pieces : {4, 5, 84, 340}) {
    INFO(pieces);
    ImageMaker maker;
    std::string content(pieces * 4096, '\0');
    for (size_t i = 0; i < pieces; ++i) content.replace(i * 4096, 1000, test::pattern(1000));
    maker.add("usr/bin/tool", content);
    const std::filesystem::path image = maker.make("-b 1024 -O ^metadata_csum");
    REQUIRE(test::run(
        "for i in $(seq 0 " + std::to_string(pieces - 1) +
        "); do echo punch /usr/bin/tool $((i * 4 + 1)) $((i * 4 + 3)); done >punches; debugfs -w -f punches '" +
        image.string() + "'"));
    const std::string before = extents_of(image);
    CHECK(std::ranges::count(before, '\n') >= static_cast<ptrdiff_t>(pieces));
    check_sealed(maker, image, content, {fsverity::Algorithm::Sha256, 1024, {}});
  }
}

// libext2fs before 1.47.4 takes the last block of a file system for one outside of it when it is to free it.
TEST_CASE("blocks behind the end go, up to the file system's last one, or it is said whose fault that is") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "");
  const std::filesystem::path image = maker.make("-b 4096 -O ^has_journal,^resize_inode -m 0 -N 16", "2M");
  debugfs(image, "fallocate /usr/bin/tool 0 " + std::to_string(test::free_blocks_of(image) - 1));
  REQUIRE(test::free_blocks_of(image) == 0);
  Result<Outcome> outcome = seal(image, {.paths = {path}});
  REQUIRE(outcome.has_value());
  if (!outcome->refused.empty()) {
    CHECK(outcome->refused.front().error.kind == ErrorKind::Unsupported);
    CHECK(outcome->refused.front().error.message.ends_with("which libext2fs frees since 1.47.4 only"));
    REQUIRE(test::run("truncate -s 4M '" + image.string() + "' && resize2fs '" + image.string() + "'"));
  }
  check_sealed(maker, image, "");
}
