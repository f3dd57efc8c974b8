// SPDX-License-Identifier: MIT
// The kernel's side of fs-verity: measure and enable.
// Error codes: Linux Documentation/filesystems/fsverity.rst, FS_IOC_ENABLE_VERITY and FS_IOC_MEASURE_VERITY.
#include <linux/fsverity.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <chrono>
#include <thread>

#include "fsverity/fsverity.h"
#include "fsverity/library.h"

namespace bpfgate::fsverity {
namespace {

constexpr size_t max_digest_size = 64;
constexpr int seal_tries = 20;
constexpr std::chrono::milliseconds seal_pause(100);

// struct fsverity_digest ends in a flexible array; this gives it room.
struct MeasureBuffer {
  alignas(fsverity_digest) uint8_t bytes[sizeof(fsverity_digest) + max_digest_size] = {};
  fsverity_digest* get() { return reinterpret_cast<fsverity_digest*>(bytes); }
};

int measure_into(int fd, MeasureBuffer& buffer) {
  buffer.get()->digest_size = max_digest_size;
  return ::ioctl(fd, FS_IOC_MEASURE_VERITY, buffer.get()) == 0 ? 0 : errno;
}

bool means_unsupported(int code) { return code == ENOTTY || code == EOPNOTSUPP; }

// "/dev/sda1" for the file's device, or a word to replace where the device has no name (btrfs, overlay, tmpfs).
std::string device_of(int fd) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return "DEVICE";
  std::error_code ignored;
  std::filesystem::path link = std::filesystem::read_symlink(
      "/sys/dev/block/" + std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev)), ignored);
  return link.empty() ? "DEVICE" : "/dev/" + link.filename().string();
}

std::string unsupported_remedy(int fd) {
  struct statfs status = {};
  if (::fstatfs(fd, &status) != 0) status.f_type = 0;
  switch (static_cast<unsigned long>(status.f_type)) {
    case EXT4_SUPER_MAGIC:
      return "switch it on with: tune2fs -O verity " + device_of(fd) + " (the kernel needs CONFIG_FS_VERITY)";
    case F2FS_SUPER_MAGIC:
      return "f2fs needs to be made with: mkfs.f2fs -O verity " + device_of(fd);
    case BTRFS_SUPER_MAGIC:
      return "btrfs needs Linux 5.15 or later with CONFIG_FS_VERITY";
    default:
      return "keep the file on ext4 (tune2fs -O verity DEVICE), on f2fs (mkfs.f2fs -O verity DEVICE) or on btrfs";
  }
}

Failure unsupported(int fd) {
  return fail(ErrorKind::Unsupported, "this file system has no fs-verity, or it is switched off",
              unsupported_remedy(fd));
}

Failure with_code(ErrorKind kind, int code, std::string message, std::string remedy = {}) {
  return Failure(Error{kind, std::move(message), std::move(remedy), code});
}

Failure enable_failure(int fd, int code, const Parameters& parameters) {
  if (means_unsupported(code)) return unsupported(fd);
  switch (code) {
    case ETXTBSY:
      return with_code(ErrorKind::Failed, code, "some process has the file open for writing",
                       "find it with fuser -v FILE, or wait until it has closed the file");
    case EBUSY:
      return with_code(ErrorKind::Failed, code, "the file is being sealed by somebody else");
    case EROFS:
      return with_code(ErrorKind::Failed, code, "the file system is mounted read-only", "mount -o remount,rw it");
    case EACCES:
      return with_code(ErrorKind::Failed, code, "no permission to write the file, which sealing needs",
                       "run as the file's owner or as root");
    case EPERM:
      return with_code(ErrorKind::Failed, code,
                       "the file is immutable or append-only, or fs.verity.require_signatures is set",
                       "see lsattr FILE and sysctl fs.verity.require_signatures");
    case EINVAL:
      return with_code(
          ErrorKind::Unsupported, code,
          "this kernel or file system cannot seal with a block size of " + std::to_string(parameters.block_size),
          "use --block-size 4096; before Linux 6.3 the page size is the only choice");
    case ENOPKG:
      return with_code(ErrorKind::Unsupported, code,
                       "this kernel lacks the hash algorithm " + std::string(name_of(parameters.algorithm)));
    case EFBIG:
      return with_code(ErrorKind::Failed, code, "the file is too large to be sealed");
    default:
      return fail_errno("enable fs-verity", code);
  }
}

// A writer that is just closing, and another sealer, pass by themselves.
bool may_pass(int code) { return code == ETXTBSY || code == EBUSY; }

// `before` is the file as it was at the last try: a writer that was waited for has changed it since the first one, and
// its times are the ones to keep.
Result<int> enable_patiently(int fd, const Parameters& parameters, struct stat& before) {
  libfsverity_merkle_tree_params library = library_parameters(parameters, 0);
  int code = 0;
  for (int attempt = 0; attempt < seal_tries; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(seal_pause);
    if (::fstat(fd, &before) != 0) return fail_errno("fstat");
    code = -libfsverity_enable(fd, &library);
    if (!may_pass(code)) break;
  }
  return code;
}

Result<Sealing> compare_with_existing(int fd, Digest existing, const Parameters& parameters) {
  TRY_ASSIGN(Digest wanted, compute(fd, parameters));
  if (existing == wanted) return Sealing{SealOutcome::AlreadySealed, std::move(existing)};
  return fail(ErrorKind::Failed, "sealed already as " + to_string(existing) + ", not as " + to_string(wanted),
              "a seal is for good: to change its parameters, copy the file, seal the copy and rename it");
}

Result<Digest> measure_sealed(int fd) {
  TRY_ASSIGN(std::optional<Digest> digest, measure(fd));
  if (!digest) return fail(ErrorKind::Failed, "the kernel reports no digest although it took the seal");
  return std::move(*digest);
}

// Sealing changes no content, so the times should not change; ext4 and btrfs touch mtime. Only the owner may put them
// back.
Result<> restore_times(int fd, const struct stat& before) {
  const timespec times[2] = {before.st_atim, before.st_mtim};
  if (::futimens(fd, times) != 0) return fail_errno("sealed, but its modification time could not be put back");
  return {};
}

}  // namespace

Result<std::optional<Digest>> measure(int fd) {
  MeasureBuffer buffer;
  int code = measure_into(fd, buffer);
  if (code == ENODATA || means_unsupported(code)) return std::nullopt;
  if (code != 0) return fail_errno("measure fs-verity", code);
  const fsverity_digest* measured = buffer.get();
  Digest digest;
  digest.algorithm = static_cast<Algorithm>(measured->digest_algorithm);
  // An algorithm of a later kernel must not pass for one that is known here.
  if (measured->digest_size == 0 || measured->digest_size != digest_size_of(digest.algorithm))
    return fail(ErrorKind::Unsupported, "sealed with hash algorithm " + std::to_string(measured->digest_algorithm) +
                                            ", which bpfgate does not know");
  digest.value.assign(measured->digest, measured->digest + measured->digest_size);
  return digest;
}

Result<bool> is_supported(int fd) {
  MeasureBuffer buffer;
  int code = measure_into(fd, buffer);
  if (code == 0 || code == ENODATA) return true;
  if (means_unsupported(code)) return false;
  return fail_errno("measure fs-verity", code);
}

Result<Sealing> seal(int fd, const Parameters& parameters) {
  TRY(check(parameters));
  TRY(regular_file_size(fd));
  TRY_ASSIGN(std::optional<Digest> existing, measure(fd));
  if (existing) return compare_with_existing(fd, std::move(*existing), parameters);
  struct stat before = {};
  TRY_ASSIGN(int code, enable_patiently(fd, parameters, before));
  if (code != 0 && code != EEXIST) return enable_failure(fd, code, parameters);
  TRY_ASSIGN(Digest digest, measure_sealed(fd));
  if (code == EEXIST) return compare_with_existing(fd, std::move(digest), parameters);
  TRY(restore_times(fd, before));
  return Sealing{SealOutcome::Sealed, std::move(digest)};
}

Result<Sealing> seal(const std::filesystem::path& path, const Parameters& parameters) {
  TRY(check(parameters));
  TRY_ASSIGN(UniqueFd fd, open_candidate(path));
  Result<Sealing> sealing = seal(fd.get(), parameters);
  if (!sealing) return Failure(std::move(sealing).error().within(path.string()));
  return sealing;
}

}  // namespace bpfgate::fsverity
