// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace bpfgate {

// Opens with O_CLOEXEC added. The error names the path and carries errno in Error::code.
Result<UniqueFd> open_file(const std::filesystem::path& path, int flags);

// Opens an absolute path as if `root`, a directory, were the root of the file system: no symbolic link and no .. leads
// out of it, not even while somebody moves things about (openat2(2), RESOLVE_IN_ROOT). Errors as of open_file().
Result<UniqueFd> open_in_root(int root, const std::filesystem::path& path, int flags);

// A regular file, for reading. Anything else is ErrorKind::Invalid and not opened: a device may do something when it
// is, and a pipe wait.
Result<UniqueFd> open_regular_in_root(int root, const std::filesystem::path& path);

// The whole content; more than `limit` bytes is ErrorKind::Invalid. Works on pipes and /proc files too.
Result<Bytes> read_file(const std::filesystem::path& path, size_t limit);
Result<std::string> read_text_file(const std::filesystem::path& path, size_t limit);

// What is left of an open file, as the above; `name` is what errors call it. For files that are opened by other means
// than their path, and where there may be no /proc.
Result<std::string> read_text(int fd, size_t limit, const std::string& name);

// The first line, without its end; what is behind is not read. Up to 4096 bytes; a longer one may be
// ErrorKind::Invalid.
Result<std::string> read_first_line(const std::filesystem::path& path);

// For whoever is about to rename a file over `path`: what is there and no regular file, a symbolic link to one
// included, is ErrorKind::Invalid, because the rename would take its place.
Result<> check_replaceable(const std::filesystem::path& path);

// Waits until the entries of the directory are on the disk.
Result<> sync_directory(const std::filesystem::path& directory);

// Writes to a temporary in the same directory, fsyncs it, renames it over `path` and fsyncs the directory: after a
// crash `path` holds either the old or the new content. What check_replaceable() refuses is refused.
Result<> write_file_atomically(const std::filesystem::path& path, ByteView content, mode_t mode = 0644);
// The same for content that is too large to hold in memory: `write` gets the temporary, open for writing.
Result<> replace_file_atomically(const std::filesystem::path& path, const std::function<Result<>(int fd)>& write,
                                 mode_t mode);

// All of it, at the descriptor's position; `name` is what errors call it.
Result<> write_all(int fd, ByteView content, const std::string& name);
// What `from` has from `offset` to its end, to the position of `to`. Neither leaves the kernel.
Result<> copy_rest(int from, off_t offset, int to, const std::string& name);

// Makes the directory, and those above it that are missing, with mode 0755, and waits until each is on the disk.
Result<> make_directories(const std::filesystem::path& path);

// Waits until everything written so far to the file system of an open file, which is not an O_PATH one, is on the disk
// (syncfs(2)); `name` is what errors call it.
Result<> sync_file_system(int fd, const std::string& name);

// Extended attributes of the open file. An absent attribute is nullopt, not an error; a file system without them is
// ErrorKind::Unsupported.
Result<std::optional<Bytes>> get_xattr(int fd, const char* name);
Result<> set_xattr(int fd, const char* name, ByteView value);
Result<> remove_xattr(int fd, const char* name);  // absent is success

}  // namespace bpfgate
