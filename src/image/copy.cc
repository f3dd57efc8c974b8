// SPDX-License-Identifier: MIT
#include "image/copy.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/copy.h"
#include "base/held_file.h"
#include "base/io.h"

namespace bpfgate::image {
namespace {

Result<UniqueFd> open_regular(const std::filesystem::path& image, int flags) {
  TRY_ASSIGN(UniqueFd fd, open_file(image, flags | O_NONBLOCK | O_NOCTTY));
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("stat");
  if (!S_ISREG(status.st_mode))
    return fail(ErrorKind::Invalid, "is no regular file",
                "give an image; of a device make one with dd, or seal its files where it is mounted: bpfgate seal");
  return fd;
}

// An exclusive lock takes a descriptor for writing where locks are a server's (NFS; flock(2)). It is not written to.
Result<UniqueFd> open_to_lock(const std::filesystem::path& image, Lock lock) {
  TRY_ASSIGN(UniqueFd fd, open_regular(image, O_RDONLY));
  if (lock == Lock::Shared) return fd;
  Result<UniqueFd> writable = open_regular(image, O_RDWR);
  if (writable) return std::move(*writable);
  return fd;
}

Result<> take_lock(int fd, Lock lock) {
  if (::flock(fd, (lock == Lock::Shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) return {};
  if (errno == EBADF || errno == ENOLCK || errno == EOPNOTSUPP) return {};  // there are no locks here
  if (errno != EWOULDBLOCK) return fail_errno("lock");
  return fail(ErrorKind::Failed, "another program is working on it", "wait until it has ended");
}

bool is_same_file(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

// Of a name that is as long as names can be, the temporary's has the beginning.
std::string temporary_name(const std::filesystem::path& output, const std::string& suffix) {
  return "." + output.filename().string().substr(0, 200) + "." + suffix;
}

}  // namespace

// Whoever had the lock before may have replaced the image since it was opened here.
Result<LockedImage> LockedImage::open(const std::filesystem::path& image, Lock lock) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    TRY_ASSIGN(UniqueFd fd, open_to_lock(image, lock));
    TRY(take_lock(fd.get(), lock));
    struct stat locked = {};
    struct stat named = {};
    if (::fstat(fd.get(), &locked) != 0 || ::stat(image.c_str(), &named) != 0) return fail_errno("stat");
    if (is_same_file(locked, named)) return LockedImage(std::move(fd), image, locked);
  }
  return fail(ErrorKind::Failed, "is replaced again and again", "wait until nobody works on it");
}

std::filesystem::path LockedImage::path() const {
  std::filesystem::path path = "/proc/self/fd/" + std::to_string(fd_.get());
  return ::access(path.c_str(), R_OK) == 0 ? path : name_;
}

Result<> LockedImage::check_unchanged() const {
  struct stat now = {};
  struct stat named = {};
  if (::fstat(fd_.get(), &now) != 0) return fail_errno("stat");
  if (::stat(name_.c_str(), &named) == 0 && is_same_file(status_, named) && is_unchanged(status_, now)) return {};
  return fail(ErrorKind::Failed, "was written to, or replaced, meanwhile", "wait until nobody works on it");
}

Result<Copy> Copy::beside(const std::filesystem::path& output) {
  TRY(check_replaceable(output));
  const std::filesystem::path directory = output.has_parent_path() ? output.parent_path() : ".";
  TRY_ASSIGN(UniqueFd fd, open_file(directory, O_RDONLY | O_DIRECTORY));
  Copy copy(std::move(fd), output);
  if (!copy.make_unnamed()) TRY(copy.make_named());
  return copy;
}

// False where the file system has no such files, or there is no /proc to open them by.
bool Copy::make_unnamed() {
  UniqueFd fd(::openat(directory_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd) return false;
  std::filesystem::path path = "/proc/self/fd/" + std::to_string(fd.get());
  if (::access(path.c_str(), R_OK | W_OK) != 0) return false;
  fd_ = std::move(fd);
  path_ = std::move(path);
  return true;
}

Result<> Copy::make_named() {
  std::string path = (output_.parent_path() / temporary_name(output_, "XXXXXX")).string();
  fd_.reset(::mkostemp(path.data(), O_CLOEXEC));
  if (!fd_) return fail_errno("create a temporary beside " + output_.string());
  path_ = std::move(path);
  name_ = path_.filename().string();
  return {};
}

Copy::~Copy() {
  if (fd_ && !name_.empty()) ::unlinkat(directory_.get(), name_.c_str(), 0);
}

Result<> Copy::fill(const LockedImage& image) {
  status_ = image.status();
  TRY(copy_content(image.fd(), fd_.get(), status_.st_size));
  return image.check_unchanged();
}

// EINVAL: the owner, or the group, is none of the user namespace that this runs in.
Result<bool> try_chown(int fd, uid_t owner, gid_t group) {
  if (::fchown(fd, owner, group) == 0) return true;
  if (errno == EPERM || errno == EINVAL) return false;
  return fail_errno("chown the copy");
}

// An image that is sealed in place stays its owner's, where that is allowed, or at least its group's; what the group
// might do with it, no other group may.
Result<> Copy::take_over_mode() const {
  struct stat now = {};
  if (::fstat(fd_.get(), &now) != 0) return fail_errno("stat");
  bool has_group = now.st_gid == status_.st_gid;
  if (now.st_uid != status_.st_uid || !has_group) {
    TRY_ASSIGN(const bool has_both, try_chown(fd_.get(), status_.st_uid, status_.st_gid));
    has_group = has_group || has_both;
  }
  if (!has_group) {
    TRY_ASSIGN(has_group, try_chown(fd_.get(), static_cast<uid_t>(-1), status_.st_gid));
  }
  if (::fchmod(fd_.get(), status_.st_mode & (has_group ? 0777 : 0707)) != 0) return fail_errno("chmod the copy");
  return {};
}

// A link does not replace what has the name, only a rename does: so the name comes in two steps.
Result<> Copy::give_name() {
  for (unsigned number = 0; name_.empty(); ++number) {
    std::string name = temporary_name(output_, std::to_string(::getpid()) + "-" + std::to_string(number));
    if (::linkat(AT_FDCWD, path_.c_str(), directory_.get(), name.c_str(), AT_SYMLINK_FOLLOW) == 0)
      name_ = std::move(name);
    else if (errno != EEXIST)
      return fail_errno("give the copy a name");
  }
  if (::renameat(directory_.get(), name_.c_str(), directory_.get(), output_.filename().c_str()) != 0)
    return fail_errno("rename to " + output_.string());
  name_.clear();
  return {};
}

Result<> Copy::put_in_place() {
  TRY(take_over_mode());
  if (::fsync(fd_.get()) != 0) return fail_errno("write the copy to the disk");
  TRY(give_name());
  // EINVAL: a file system that has nothing to wait for.
  if (::fsync(directory_.get()) != 0 && errno != EINVAL)
    return fail_errno(output_.string() + " is made, but may be lost when the power is: fsync of its directory");
  return {};
}

}  // namespace bpfgate::image
