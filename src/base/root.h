// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bpfgate {

// The files of this host; or of another system that is below a directory: of an image that is being made, of the host
// to be from its initramfs. There links lead where they do on that system (open_in_root()). Paths are as that system
// has them, and absolute but for this host; errors call files what they are called here, and carry errno in
// Error::code.
class Root {
 public:
  // Empty for this host.
  static Result<Root> open(const std::filesystem::path& directory);

  [[nodiscard]] Result<UniqueFd> open(const std::filesystem::path& path, int flags) const;
  // For reading. Of another system nothing but regular files: a pipe of it would wait.
  [[nodiscard]] Result<UniqueFd> open_file(const std::filesystem::path& path) const;
  // The whole content; more than `limit` bytes is ErrorKind::Invalid.
  [[nodiscard]] Result<std::string> read(const std::filesystem::path& path, size_t limit) const;
  // A link that leads nowhere is there, and what cannot be looked at, too.
  [[nodiscard]] bool has(const std::filesystem::path& path) const;

  // Absolute; empty for this host.
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  // What a file of that system is called here, and the other way round.
  [[nodiscard]] std::filesystem::path outside(const std::filesystem::path& path) const;
  [[nodiscard]] std::filesystem::path inside(const std::filesystem::path& path) const;

 private:
  Root(std::filesystem::path directory, UniqueFd fd) : directory_(std::move(directory)), fd_(std::move(fd)) {}
  [[nodiscard]] Result<UniqueFd> renamed(Result<UniqueFd> opened, const std::filesystem::path& path) const;

  std::filesystem::path directory_;
  UniqueFd fd_;  // of another system only
};

}  // namespace bpfgate
