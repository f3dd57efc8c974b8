// SPDX-License-Identifier: MIT
// Digests computed in user space. OpenSSL does the hashing; this file feeds it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/io.h"
#include "crypto/hash.h"
#include "ima/algorithms.h"

namespace bpfgate::ima {
namespace {

// Small enough to stay in a CPU's cache between the read and the hash.
constexpr size_t piece_size = size_t{256} * 1024;

Result<uint64_t> regular_file_size(int fd) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return fail_errno("fstat");
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::Failed, "not a regular file");
  return static_cast<uint64_t>(status.st_size);
}

// A file that ends before its size has been read is being changed; its digest would be of something that never was.
Result<> read_piece(int fd, uint64_t offset, std::span<uint8_t> piece) {
  while (!piece.empty()) {
    ssize_t count = ::pread(fd, piece.data(), piece.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read");
    if (count == 0) return fail(ErrorKind::Failed, "the file became shorter while it was read");
    piece = piece.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return {};
}

Result<Bytes> hash_content(int fd, crypto::HashAlgorithm algorithm) {
  TRY_ASSIGN(const uint64_t size, regular_file_size(fd));
  TRY_ASSIGN(crypto::Hasher hasher, crypto::Hasher::create(algorithm));
  Bytes buffer(std::min<uint64_t>(size, piece_size));
  for (uint64_t offset = 0; offset < size;) {
    std::span<uint8_t> piece = std::span(buffer).first(std::min<uint64_t>(buffer.size(), size - offset));
    TRY(read_piece(fd, offset, piece));
    TRY(hasher.update(piece));
    offset += piece.size();
  }
  return hasher.finish();
}

}  // namespace

Result<Digest> compute(int fd, Algorithm algorithm) {
  const AlgorithmFacts* facts = facts_of(algorithm);
  if (facts == nullptr)
    return fail(ErrorKind::Invalid, "hash algorithm " + std::to_string(static_cast<unsigned>(algorithm)) +
                                        " is none that counts as IMA evidence");
  TRY_ASSIGN(Bytes value, hash_content(fd, facts->hash));
  return Digest{algorithm, std::move(value)};
}

Result<Digest> compute(const std::filesystem::path& path, Algorithm algorithm) {
  TRY_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  Result<Digest> digest = compute(fd.get(), algorithm);
  if (!digest) return Failure(std::move(digest).error().within(path.string()));
  return digest;
}

}  // namespace bpfgate::ima
