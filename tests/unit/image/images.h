// SPDX-License-Identifier: MIT
// Images made by mkfs.ext4, for the tests of this room.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "temporary_directory.h"

namespace bpfgate::test {

// Not those of any block alike, and the same in each run.
inline std::string pattern(size_t size) {
  std::string content(size, '\0');
  for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 31 + i / 251);
  return content;
}

inline std::string read_all(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Whether it exits with 0. sbin, because that is not on everybody's path.
inline bool run(const std::string& command) {
  return std::system(("PATH=$PATH:/usr/sbin:/sbin; { " + command + "; } >command.log 2>&1").c_str()) == 0;
}

// A directory with a tree "root" in it, and images of that.
class ImageMaker {
 public:
  ImageMaker() { std::filesystem::create_directories(root() / "usr/bin"); }

  [[nodiscard]] std::filesystem::path root() const { return directory_.path() / "root"; }
  void add(const std::string& path, std::string_view content) const {
    static_cast<void>(directory_.file("root/" + path, content));
  }
  // `options` are those of mkfs.ext4.
  [[nodiscard]] std::filesystem::path make(const std::string& options, const std::string& size = "16M") const {
    std::filesystem::path image = directory_.path() / "image";
    std::filesystem::remove(image);
    REQUIRE(run("mkfs.ext4 -q " + options + " -d '" + root().string() + "' '" + image.string() + "' " + size));
    return image;
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return directory_.path() / name; }

 private:
  TemporaryDirectory directory_;
};

inline bool is_clean(const std::filesystem::path& image) { return run("e2fsck -fn '" + image.string() + "'"); }

}  // namespace bpfgate::test
