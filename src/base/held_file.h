// SPDX-License-Identifier: MIT
// Files that are read more than once, and must be the same each time: what is verified first and read afterwards, by
// libraries and programs that want a path.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bpfgate {

// An open file. Whatever gets its name meanwhile, this one is read.
class HeldFile {
 public:
  // Anything but a regular file or a block device is ErrorKind::Invalid; a FIFO keeps nobody waiting.
  static Result<HeldFile> open(const std::filesystem::path& name);

  // The same; but of a file that another user may write to it is a copy (make_nameless_file()). A write by mmap(2)
  // need not change a time that could be looked at. Who may write to a block device, may write to all of the disk:
  // there is no copy of that.
  static Result<HeldFile> open_private(const std::filesystem::path& name);

  [[nodiscard]] const std::string& name() const { return name_; }  // as it was given, for errors
  [[nodiscard]] int fd() const { return fd_.get(); }
  // By which this process opens it once more; no other does.
  [[nodiscard]] std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }
  [[nodiscard]] std::optional<uint64_t> size() const;  // nullopt: a device's

  // Since it was opened. Nothing is said of a device.
  [[nodiscard]] Result<> check_unchanged() const;

 private:
  HeldFile(UniqueFd fd, std::string name, const struct stat& status)
      : fd_(std::move(fd)), name_(std::move(name)), status_(status) {}
  [[nodiscard]] bool is_device() const { return S_ISBLK(status_.st_mode); }
  [[nodiscard]] bool is_private() const;
  [[nodiscard]] Result<HeldFile> copy() const;

  UniqueFd fd_;
  std::string name_;
  struct stat status_;
};

// Size and times; of the same file.
bool is_unchanged(const struct stat& before, const struct stat& now);

}  // namespace bpfgate
