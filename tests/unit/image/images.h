// SPDX-License-Identifier: MIT
// Images made by mkfs.ext4, for the tests of this room.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "pattern.h"
#include "temporary_directory.h"

namespace bpfgate::test {

inline std::string read_all(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write_all(const std::filesystem::path& path, const std::string& content) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream << content;
  REQUIRE(stream.flush());
}

// Over what is there.
inline void write_at(const std::filesystem::path& path, size_t position, const std::string& content) {
  std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(position));
  stream << content;
  REQUIRE(stream.flush());
}

// Whether it exits with 0. sbin, because that is not on everybody's path.
inline bool run(const std::string& command) {
  return std::system(("PATH=$PATH:/usr/sbin:/sbin; { " + command + "; } >command.log 2>&1").c_str()) == 0;
}

// The same, and what it has printed.
inline std::string output_of(const std::string& command) {
  REQUIRE(run(command));
  return read_all("command.log");
}

// Says nothing of whether it worked: debugfs exits with 0 whatever happens.
inline void debugfs(const std::filesystem::path& image, const std::string& request) {
  REQUIRE(run("debugfs -w -R '" + request + "' '" + image.string() + "'"));
}

// The first number in that.
inline std::string number_from(const std::string& command) {
  std::string digits = output_of("{ " + command + "; } | grep -o '[0-9]*' | head -n 1");
  return digits.substr(0, digits.find('\n'));
}

inline unsigned long free_blocks_of(const std::filesystem::path& image) {
  return std::stoul(number_from("dumpe2fs -h '" + image.string() + "' 2>/dev/null | grep '^Free blocks:'"));
}

// Another file takes all blocks but so many.
inline void fill_up(const std::filesystem::path& image, unsigned long blocks_left, unsigned block_size) {
  write_all("filler", pattern((free_blocks_of(image) - blocks_left) * block_size));
  debugfs(image, "write filler filler");
  std::filesystem::remove("filler");
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
