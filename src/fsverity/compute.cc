// SPDX-License-Identifier: MIT
// Digests computed in user space. libfsverity builds the Merkle tree; this file feeds it.
#include <fcntl.h>
#include <libfsverity.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/io.h"
#include "base/malloced.h"
#include "fsverity/fsverity.h"
#include "fsverity/library.h"

namespace bpfgate::fsverity {
namespace {

// libfsverity asks for one block at a time. Reading that little per system call costs about as much as hashing it, so
// the file is read ahead in pieces that are still small enough to stay in a CPU's cache between the read and the hash.
constexpr size_t read_ahead_size = size_t{256} * 1024;

class ReadAhead {
 public:
  ReadAhead(int fd, uint64_t file_size)
      : fd_(fd), file_size_(file_size), buffer_(std::min<uint64_t>(file_size, read_ahead_size)) {}

  // libfsverity_read_fn_t: fills `buffer` completely or returns a negative errno.
  static int read(void* self, void* buffer, size_t count) {
    return static_cast<ReadAhead*>(self)->take(static_cast<uint8_t*>(buffer), count);
  }

 private:
  int take(uint8_t* out, size_t count) {
    while (count > 0) {
      if (used_ == filled_) {
        if (int status = fill(); status != 0) return status;
      }
      size_t part = std::min(count, filled_ - used_);
      std::copy_n(buffer_.data() + used_, part, out);
      used_ += part;
      out += part;
      count -= part;
    }
    return 0;
  }

  // A file that ends before the size the tree was laid out for must not be hashed as if it were padded with zeros.
  int fill() {
    size_t wanted = std::min<uint64_t>(buffer_.size(), file_size_ - offset_);
    ssize_t count;
    do {
      count = ::pread(fd_, buffer_.data(), wanted, static_cast<off_t>(offset_));
    } while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    if (count == 0) return -ENODATA;
    used_ = 0;
    filled_ = static_cast<size_t>(count);
    offset_ += filled_;
    return 0;
  }

  int fd_;
  uint64_t file_size_;
  Bytes buffer_;
  uint64_t offset_ = 0;
  size_t used_ = 0;
  size_t filled_ = 0;
};

Failure compute_failure(int code) {
  if (code == ENODATA) return fail(ErrorKind::Failed, "the file became shorter while it was read");
  return fail_errno("compute the fs-verity digest", code);
}

}  // namespace

Result<UniqueFd> open_candidate(const std::filesystem::path& path) {
  return open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

Result<uint64_t> regular_file_size(int fd) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return fail_errno("fstat");
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::Failed, "not a regular file");
  return static_cast<uint64_t>(status.st_size);
}

libfsverity_merkle_tree_params library_parameters(const Parameters& parameters, uint64_t file_size) {
  libfsverity_merkle_tree_params library = {};
  library.version = 1;
  library.hash_algorithm = static_cast<uint32_t>(parameters.algorithm);
  library.file_size = file_size;
  library.block_size = parameters.block_size;
  library.salt_size = static_cast<uint32_t>(parameters.salt.size());
  library.salt = parameters.salt.empty() ? nullptr : parameters.salt.data();
  return library;
}

Result<Digest> compute(int fd, const Parameters& parameters) {
  TRY(check(parameters));
  TRY_ASSIGN(uint64_t file_size, regular_file_size(fd));
  libfsverity_merkle_tree_params library = library_parameters(parameters, file_size);
  ReadAhead reader(fd, file_size);
  libfsverity_digest* computed = nullptr;
  int status = libfsverity_compute_digest(&reader, ReadAhead::read, &library, &computed);
  Malloced<libfsverity_digest> owned(computed);
  if (status != 0) return compute_failure(-status);
  return Digest{parameters.algorithm, Bytes(owned->digest, owned->digest + owned->digest_size)};
}

Result<Digest> compute(const std::filesystem::path& path, const Parameters& parameters) {
  TRY_ASSIGN(UniqueFd fd, open_candidate(path));
  Result<Digest> digest = compute(fd.get(), parameters);
  if (!digest) return Failure(std::move(digest).error().within(path.string()));
  return digest;
}

}  // namespace bpfgate::fsverity
