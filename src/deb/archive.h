// SPDX-License-Identifier: MIT
// What is in a .deb, by dpkg-deb(1): a program of its own, so that no library for archives comes into this process,
// which would cost it its mark.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace bpfgate::deb {

// A package of which the names are known, and the files once they are asked for. Move-only. Errors name the file.
class Archive {
 public:
  static Result<Archive> open(const std::filesystem::path& file);
  Archive(Archive&& other) noexcept;
  Archive& operator=(Archive&&) = delete;
  ~Archive();

  // Of all but directories, as installed: "/usr/sbin/x".
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

  // Where the file with this name is until this goes away: a name of its own for each hard link, and symbolic links as
  // they are. The first call unpacks the package into a directory that is its own, below /var/tmp.
  Result<std::filesystem::path> find(const std::string& name);

 private:
  explicit Archive(std::filesystem::path file) : file_(std::move(file)) {}
  Result<> list();
  Result<> unpack();
  Result<> walk();

  std::filesystem::path file_;
  std::filesystem::path directory_;  // empty: not unpacked yet
  std::vector<std::string> names_;
};

}  // namespace bpfgate::deb
