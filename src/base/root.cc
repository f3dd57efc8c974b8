// SPDX-License-Identifier: MIT
#include "base/root.h"

#include <fcntl.h>

#include <utility>

#include "base/io.h"

namespace bpfgate {

namespace fs = std::filesystem;

Result<Root> Root::open(const fs::path& directory) {
  if (directory.empty()) return Root({}, UniqueFd());
  std::error_code error;
  fs::path absolute = fs::absolute(directory, error).lexically_normal();
  if (error) return fail_errno(directory.string(), error.value());
  TRY_ASSIGN(UniqueFd fd, bpfgate::open_file(absolute, O_PATH | O_DIRECTORY));
  return Root(std::move(absolute), std::move(fd));
}

Result<UniqueFd> Root::open(const fs::path& path, int flags) const {
  if (directory_.empty()) return bpfgate::open_file(path, flags);
  return renamed(open_in_root(fd_.get(), path, flags), path);
}

Result<UniqueFd> Root::open_file(const fs::path& path) const {
  if (directory_.empty()) return bpfgate::open_file(path, O_RDONLY);
  return renamed(open_regular_in_root(fd_.get(), path), path);
}

Result<std::string> Root::read(const fs::path& path, size_t limit) const {
  TRY_ASSIGN(const UniqueFd fd, open_file(path));
  return read_text(fd.get(), limit, outside(path).string());
}

bool Root::has(const fs::path& path) const {
  auto found = open(path, O_PATH | O_NOFOLLOW);
  return found || (found.error().code != ENOENT && found.error().code != ENOTDIR);
}

fs::path Root::outside(const fs::path& path) const {
  return directory_.empty() ? path : directory_ / path.relative_path();
}

fs::path Root::inside(const fs::path& path) const {
  return directory_.empty() ? path : "/" / path.lexically_relative(directory_);
}

Result<UniqueFd> Root::renamed(Result<UniqueFd> opened, const fs::path& path) const {
  if (opened) return opened;
  Error error = std::move(opened).error();
  if (error.message.starts_with(path.native())) error.message.replace(0, path.native().size(), outside(path).native());
  return std::unexpected(std::move(error));
}

}  // namespace bpfgate
