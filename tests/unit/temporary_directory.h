// SPDX-License-Identifier: MIT
// A directory that lasts as long as a test case. It is made in the working directory, which meson sets to the build
// directory: unlike /tmp that is a disk file system, with extended attributes.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bpfgate::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::current_path() / "test.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // A file of this content, and its path.
  [[nodiscard]] std::filesystem::path file(const std::string& name, std::string_view content) const {
    std::filesystem::path path = path_ / name;
    std::ofstream stream(path, std::ios::binary);
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!stream.flush()) throw std::runtime_error("write " + path.string());
    return path;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace bpfgate::test
