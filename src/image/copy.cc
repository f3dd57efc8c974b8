// SPDX-License-Identifier: MIT
#include "image/copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/io.h"

namespace bpfgate::image {
namespace {

constexpr size_t piece_size = size_t{1} << 20;

// Two runs on one image would each work on a copy of their own, and the last one win.
Result<> lock(int fd) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return fail_errno("lock");
  return fail(ErrorKind::Failed, "another program is working on it", "wait until it has ended");
}

Result<UniqueFd> open_image(const std::filesystem::path& image) {
  TRY_ASSIGN(UniqueFd fd, open_file(image, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("stat");
  if (!S_ISREG(status.st_mode))
    return fail(ErrorKind::Invalid, "is no regular file",
                "give an image; of a device make one with dd, or seal its files where it is mounted: bpfgate seal");
  TRY(lock(fd.get()));
  return fd;
}

Result<UniqueFd> make_temporary(const std::filesystem::path& output, std::string& name) {
  name = (output.parent_path() / ("." + output.filename().string() + ".XXXXXX")).string();
  UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return fail_errno("create a temporary beside " + output.string());
  return fd;
}

Result<> write_all(int fd, ByteView content, off_t offset) {
  while (!content.empty()) {
    ssize_t count = ::pwrite(fd, content.data(), content.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("write the copy");
    content = content.subspan(static_cast<size_t>(count));
    offset += count;
  }
  return {};
}

Result<> copy_range(int from, int to, off_t begin, off_t end) {
  Bytes piece(std::min<size_t>(static_cast<size_t>(end - begin), piece_size));
  while (begin < end) {
    const size_t wanted = std::min<size_t>(static_cast<size_t>(end - begin), piece.size());
    ssize_t count = ::pread(from, piece.data(), wanted, begin);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read");
    if (count == 0) return fail(ErrorKind::Failed, "became shorter while it was copied");
    TRY(write_all(to, ByteView(piece).first(static_cast<size_t>(count)), begin));
    begin += count;
  }
  return {};
}

Result<> copy_data(int from, int to, off_t size) {
  off_t end = 0;
  while (end < size) {
    off_t begin = ::lseek(from, end, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) return {};  // a hole up to the end
    if (begin < 0) return fail_errno("look for data in the image");
    end = ::lseek(from, begin, SEEK_HOLE);
    if (end < 0) return fail_errno("look for holes in the image");
    TRY(copy_range(from, to, begin, end));
  }
  return {};
}

}  // namespace

// The mode is the image's, and the owner, where that is allowed: an image that is sealed in place stays its owner's.
Result<> Copy::fill() const {
  struct stat status = {};
  if (::fstat(image_.get(), &status) != 0) return fail_errno("stat");
  if (::fchown(fd_.get(), status.st_uid, status.st_gid) != 0 && errno != EPERM) return fail_errno("chown the copy");
  if (::fchmod(fd_.get(), status.st_mode & 0777) != 0) return fail_errno("chmod the copy");
  if (::ioctl(fd_.get(), FICLONE, image_.get()) == 0) return {};
  if (::ftruncate(fd_.get(), status.st_size) != 0) return fail_errno("make room for the copy");
  return copy_data(image_.get(), fd_.get(), status.st_size);
}

Result<Copy> Copy::of(const std::filesystem::path& image, const std::filesystem::path& output) {
  TRY_ASSIGN(UniqueFd source, open_image(image));
  TRY(check_replaceable(output));
  std::string name;
  TRY_ASSIGN(UniqueFd fd, make_temporary(output, name));
  Copy copy(std::move(source), std::move(fd), std::move(name), output);
  TRY(copy.fill());
  return copy;
}

Copy::~Copy() {
  if (fd_) ::unlink(path_.c_str());
}

Result<> Copy::put_in_place() {
  if (::fsync(fd_.get()) != 0) return fail_errno("write the copy to the disk");
  if (::rename(path_.c_str(), output_.c_str()) != 0) return fail_errno("rename to " + output_.string());
  fd_.reset();
  return sync_directory(output_.has_parent_path() ? output_.parent_path() : std::filesystem::path("."));
}

}  // namespace bpfgate::image
