// SPDX-License-Identifier: MIT
// Private to this room: the copy that is worked on. The image itself is never written to; it is replaced when all is
// done, or another file is made of it.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bpfgate::image {

// Shared, where the image is only read. Of two runs that replace it each would work on a copy of its own, and the last
// one win.
enum class Lock { Shared, Exclusive };

class LockedImage {
 public:
  // Anything but a regular file is ErrorKind::Invalid; an image that somebody else has locked, ErrorKind::Failed.
  static Result<LockedImage> open(const std::filesystem::path& image, Lock lock);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const struct stat& status() const { return status_; }
  // By which libext2fs opens what is locked, and nothing that got its name since; where there is no /proc, the name.
  [[nodiscard]] std::filesystem::path path() const;
  // Not everybody asks for locks: it was neither written to since, nor has another file got its name.
  [[nodiscard]] Result<> check_unchanged() const;

 private:
  LockedImage(UniqueFd fd, std::filesystem::path name, const struct stat& status)
      : fd_(std::move(fd)), name_(std::move(name)), status_(status) {}

  UniqueFd fd_;
  std::filesystem::path name_;
  struct stat status_;
};

// A file in the directory where the result goes. It has no name where the file system lets that be, so that nothing is
// left of it by whatever ends this process; elsewhere it goes with this object.
class Copy {
 public:
  // Empty at first. What keeps the result from getting its name is found here, as far as can be.
  static Result<Copy> beside(const std::filesystem::path& output);
  Copy(Copy&& other) noexcept = default;
  Copy& operator=(Copy&&) = delete;
  ~Copy();

  // Shares the image's blocks where the file system can, and keeps its holes.
  [[nodiscard]] Result<> fill(const LockedImage& image);
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Waits until it is on the disk, and gives it the output's name, and the mode and owner of the image it is of.
  [[nodiscard]] Result<> put_in_place();

 private:
  Copy(UniqueFd directory, std::filesystem::path output)
      : directory_(std::move(directory)), output_(std::move(output)) {}
  [[nodiscard]] bool make_unnamed();
  [[nodiscard]] Result<> make_named();
  [[nodiscard]] Result<> take_over_mode() const;
  [[nodiscard]] Result<> give_name();

  UniqueFd directory_;
  UniqueFd fd_;
  std::string name_;            // in the directory; empty: none, or the output's
  std::filesystem::path path_;  // by which others can open it
  std::filesystem::path output_;
  struct stat status_ = {};  // of the image
};

}  // namespace bpfgate::image
