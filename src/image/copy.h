// SPDX-License-Identifier: MIT
// Private to this room: the copy that is worked on. The image itself is never written to; it is replaced when all is
// done, or another file is made of it.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bpfgate::image {

// A temporary file beside where the result goes; taken away again unless put in place.
class Copy {
 public:
  // Shares the image's blocks where the file system can, and keeps its holes. Anything but a regular file is
  // ErrorKind::Invalid, and so is an image that somebody else is working on.
  static Result<Copy> of(const std::filesystem::path& image, const std::filesystem::path& output);
  Copy(Copy&& other) noexcept = default;
  Copy& operator=(Copy&&) = delete;
  ~Copy();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Waits until it is on the disk, and gives it the output's name.
  [[nodiscard]] Result<> put_in_place();

 private:
  Copy(UniqueFd image, UniqueFd fd, std::string path, std::filesystem::path output)
      : image_(std::move(image)), fd_(std::move(fd)), path_(std::move(path)), output_(std::move(output)) {}
  [[nodiscard]] Result<> fill() const;

  UniqueFd image_;  // holds the lock
  UniqueFd fd_;     // none: nothing to take away
  std::filesystem::path path_;
  std::filesystem::path output_;
};

}  // namespace bpfgate::image
