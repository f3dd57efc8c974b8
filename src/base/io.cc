// SPDX-License-Identifier: MIT
#include "base/io.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace bpfgate {
namespace {

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

Failure xattr_failure(const char* verb, const char* name) {
  int code = errno;
  if (code == ENOTSUP) {
    Failure failure =
        fail(ErrorKind::Unsupported, std::string("this file system has no extended attributes (") + name + ")",
             "use ext4, f2fs, btrfs or xfs, or a detached signature");
    return failure;
  }
  return fail_errno(std::string(verb) + " " + name, code);
}

Result<Bytes> read_bytes(int fd, size_t limit, const std::string& name) {
  Bytes content;
  std::array<uint8_t, 65536> chunk;
  for (;;) {
    ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read " + name);
    if (count == 0) return content;
    if (content.size() + static_cast<size_t>(count) > limit)
      return fail(ErrorKind::Invalid, name + ": larger than " + std::to_string(limit) + " bytes");
    content.insert(content.end(), chunk.begin(), chunk.begin() + count);
  }
}

Result<struct stat> regular_status(int fd, const std::filesystem::path& path) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) return fail_errno(path.string());
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::Invalid, path.string() + ": not a regular file");
  return status;
}

}  // namespace

Result<UniqueFd> open_file(const std::filesystem::path& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd) return fail_errno(path.string());
  return fd;
}

Result<UniqueFd> open_in_root(int root, const std::filesystem::path& path, int flags) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  // glibc has no function for it.
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how))));
  if (!fd) return fail_errno(path.string());
  return fd;
}

// By /proc it is the very file that was looked at; in a chroot there may be none.
Result<UniqueFd> open_regular_in_root(int root, const std::filesystem::path& path) {
  constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
  TRY_ASSIGN(const UniqueFd seen, open_in_root(root, path, O_PATH));
  TRY_ASSIGN(const struct stat expected, regular_status(seen.get(), path));
  UniqueFd fd(::open(("/proc/self/fd/" + std::to_string(seen.get())).c_str(), flags | O_CLOEXEC));
  if (!fd && errno != ENOENT) return fail_errno(path.string());
  if (!fd) {
    TRY_ASSIGN(fd, open_in_root(root, path, flags));
  }
  TRY_ASSIGN(const struct stat found, regular_status(fd.get(), path));
  if (found.st_dev == expected.st_dev && found.st_ino == expected.st_ino) return fd;
  return fail(ErrorKind::Failed, path.string() + ": somebody has replaced it");
}

Result<Bytes> read_file(const std::filesystem::path& path, size_t limit) {
  TRY_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
  return read_bytes(fd.get(), limit, path.string());
}

Result<std::string> read_text_file(const std::filesystem::path& path, size_t limit) {
  TRY_ASSIGN(Bytes content, read_file(path, limit));
  return std::string(content.begin(), content.end());
}

Result<std::string> read_text(int fd, size_t limit, const std::string& name) {
  TRY_ASSIGN(Bytes content, read_bytes(fd, limit, name));
  return std::string(content.begin(), content.end());
}

Result<std::string> read_first_line(const std::filesystem::path& path) {
  TRY_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
  std::array<char, 4096> block;
  std::string text;
  while (text.size() <= block.size()) {
    ssize_t count = ::read(fd.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read " + path.string());
    text.append(block.data(), static_cast<size_t>(count));
    size_t end = text.find('\n');
    if (count == 0 || end != std::string::npos) return text.substr(0, end);
  }
  return fail(ErrorKind::Invalid, path.string() + ": the first line is too long");
}

// rename(2) takes the place of whatever has the name: as root `-o /dev/null` would leave the host without one. What a
// link points to is not what the rename replaces, so it is refused too, rather than turned into a file.
Result<> check_replaceable(const std::filesystem::path& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno(path.string());
  }
  if (S_ISREG(status.st_mode)) return {};
  return fail(
      ErrorKind::Invalid,
      path.string() + (S_ISLNK(status.st_mode) ? " is no regular file, but a symbolic link" : " is no regular file"),
      "it would be replaced, not written to: name a file, or one that does not exist yet");
}

Result<> sync_directory(const std::filesystem::path& directory) {
  TRY_ASSIGN(UniqueFd fd, open_file(directory, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return fail_errno("fsync " + directory.string());
  return {};
}

Result<> write_all(int fd, ByteView content, const std::string& name) {
  while (!content.empty()) {
    ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("write " + name);
    content = content.subspan(static_cast<size_t>(count));
  }
  return {};
}

Result<> copy_rest(int from, off_t offset, int to, const std::string& name) {
  constexpr size_t piece = size_t{1} << 30;
  for (;;) {
    ssize_t count = ::sendfile(to, from, &offset, piece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("copy to " + name);
    if (count == 0) return {};
  }
}

Result<> write_file_atomically(const std::filesystem::path& path, ByteView content, mode_t mode) {
  return replace_file_atomically(path, [&](int fd) { return write_all(fd, content, path.string()); }, mode);
}

Result<> replace_file_atomically(const std::filesystem::path& path, const std::function<Result<>(int fd)>& write,
                                 mode_t mode) {
  TRY(check_replaceable(path));
  std::string temporary = (directory_of(path) / ("." + path.filename().string() + ".XXXXXX")).string();
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return fail_errno("create a temporary beside " + path.string());
  auto finish = [&]() -> Result<> {
    TRY(write(fd.get()));
    if (::fchmod(fd.get(), mode) != 0) return fail_errno("chmod " + temporary);
    if (::fsync(fd.get()) != 0) return fail_errno("fsync " + temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) return fail_errno("rename to " + path.string());
    return {};
  };
  if (auto done = finish(); !done) {
    ::unlink(temporary.c_str());
    return done;
  }
  return sync_directory(directory_of(path));
}

Result<> make_directories(const std::filesystem::path& path) {
  std::error_code ignored;
  if (path.empty() || std::filesystem::is_directory(path, ignored)) return {};
  TRY(make_directories(path.parent_path()));
  if (::mkdir(path.c_str(), 0755) != 0 && (errno != EEXIST || !std::filesystem::is_directory(path, ignored)))
    return fail_errno("create " + path.string());
  // The entry is the parent's content: without this the directory, and all that is synced in it, may be lost.
  return sync_directory(directory_of(path));
}

Result<> sync_file_system(int fd, const std::string& name) {
  if (::syncfs(fd) != 0) return fail_errno("write the file system of " + name + " to the disk");
  return {};
}

Result<std::optional<Bytes>> get_xattr(int fd, const char* name) {
  // The size can change between the two calls; ERANGE then asks for another round.
  for (;;) {
    ssize_t size = ::fgetxattr(fd, name, nullptr, 0);
    if (size < 0 && errno == ENODATA) return std::nullopt;
    if (size < 0) return xattr_failure("read", name);
    Bytes value(static_cast<size_t>(size));
    ssize_t count = ::fgetxattr(fd, name, value.data(), value.size());
    if (count < 0 && errno == ERANGE) continue;
    if (count < 0 && errno == ENODATA) return std::nullopt;
    if (count < 0) return xattr_failure("read", name);
    value.resize(static_cast<size_t>(count));
    return value;
  }
}

Result<> set_xattr(int fd, const char* name, ByteView value) {
  if (::fsetxattr(fd, name, value.data(), value.size(), 0) != 0) return xattr_failure("set", name);
  return {};
}

Result<> remove_xattr(int fd, const char* name) {
  if (::fremovexattr(fd, name) != 0 && errno != ENODATA) return xattr_failure("remove", name);
  return {};
}

}  // namespace bpfgate
