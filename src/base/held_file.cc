// SPDX-License-Identifier: MIT
#include "base/held_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/io.h"
#include "base/temporary.h"

namespace bpfgate {
namespace {

bool is_same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

Result<struct stat> status_of(int fd, const std::string& name) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) return fail_errno("stat " + name);
  return status;
}

}  // namespace

bool is_unchanged(const struct stat& before, const struct stat& now) {
  return now.st_size == before.st_size && is_same_time(now.st_mtim, before.st_mtim) &&
         is_same_time(now.st_ctim, before.st_ctim);
}

Result<HeldFile> HeldFile::open(const std::filesystem::path& name) {
  TRY_ASSIGN(UniqueFd fd, open_file(name, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  TRY_ASSIGN(const struct stat status, status_of(fd.get(), name.string()));
  if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) return HeldFile(std::move(fd), name.string(), status);
  return fail(ErrorKind::Invalid, name.string() + " is no regular file and no block device", "name a file");
}

Result<HeldFile> HeldFile::open_private(const std::filesystem::path& name) {
  TRY_ASSIGN(HeldFile file, open(name));
  if (file.is_device() || file.is_private()) return file;
  Result<HeldFile> copy = file.copy();
  if (copy) return copy;
  Error error = std::move(copy).error().within(name.string() + ": others may write to it, and the copy without them");
  error.remedy = std::string("let nobody else write to it (chmod go-w), or make room for it in ") + temporary_directory;
  return Failure(std::move(error));
}

// An ACL that lets others write shows among the group's permissions.
bool HeldFile::is_private() const {
  return (status_.st_uid == ::geteuid() || status_.st_uid == 0) && (status_.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

Result<HeldFile> HeldFile::copy() const {
  TRY_ASSIGN(UniqueFd fd, make_nameless_file());
  TRY(copy_content(fd_.get(), fd.get(), status_.st_size));
  TRY_ASSIGN(const struct stat status, status_of(fd.get(), name_));
  return HeldFile(std::move(fd), name_, status);
}

std::optional<uint64_t> HeldFile::size() const {
  if (is_device()) return std::nullopt;
  return static_cast<uint64_t>(status_.st_size);
}

Result<> HeldFile::check_unchanged() const {
  if (is_device()) return {};
  TRY_ASSIGN(const struct stat now, status_of(fd_.get(), name_));
  if (is_unchanged(status_, now)) return {};
  return fail(ErrorKind::Failed, name_ + " was changed while it was read", "wait until nobody works on it");
}

}  // namespace bpfgate
