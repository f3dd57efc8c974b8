// SPDX-License-Identifier: MIT
// fs-verity: digests as the kernel computes them, and the ioctls that enable and measure it.
// Source: Linux Documentation/filesystems/fsverity.rst, fs/verity/; the hashing is libfsverity's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfgate::fsverity {

// Values of FS_VERITY_HASH_ALG_* (include/uapi/linux/fsverity.h).
enum class Algorithm : uint16_t { Sha256 = 1, Sha512 = 2 };

std::string_view name_of(Algorithm algorithm);  // "sha256", "sha512"
size_t digest_size_of(Algorithm algorithm);     // 32, 64
Result<Algorithm> algorithm_named(std::string_view name);
// By the kernel's number; another than those above is ErrorKind::Unsupported.
Result<Algorithm> algorithm_numbered(uint64_t number);

// A file digest: the hash of the fsverity_descriptor, not of the content.
struct Digest {
  Algorithm algorithm = Algorithm::Sha256;
  Bytes value;  // exactly digest_size_of(algorithm) bytes

  bool operator==(const Digest&) const = default;
};

std::string to_string(const Digest& digest);               // "sha256:HEX"
Result<Digest> digest_from_string(std::string_view text);  // the same form, case-insensitive HEX, exact length

// How the Merkle tree is built. Salt is at most 32 bytes; block size a power of two, 1024 to 65536.
struct Parameters {
  Algorithm algorithm = Algorithm::Sha256;
  uint32_t block_size = 4096;
  Bytes salt;

  bool operator==(const Parameters&) const = default;
};

// ErrorKind::Invalid where the parameters break the rules above; the message names the value.
Result<> check(const Parameters& parameters);

// The digest a file would have when sealed with these parameters. Reads the whole file, from offset 0, with pread;
// anything but a regular file, and a file that shrinks meanwhile, is ErrorKind::Failed.
Result<Digest> compute(int fd, const Parameters& parameters);
// The same for a file by name, which errors begin with.
Result<Digest> compute(const std::filesystem::path& path, const Parameters& parameters);

// The digest of a sealed file as the kernel reports it (FS_IOC_MEASURE_VERITY). nullopt: the file is not sealed, or
// its file system has no fs-verity. Other failures are errors.
Result<std::optional<Digest>> measure(int fd);

// Whether fs-verity can be enabled on files beside this one: its file system has it and the feature is switched on.
Result<bool> is_supported(int fd);

enum class SealOutcome { Sealed, AlreadySealed };

// Enables fs-verity on `path` and returns the digest the kernel then measures. Opens read-only, retries for about two
// seconds while somebody has the file open for writing, puts mtime and atime back. A file sealed already with the
// digest `parameters` gives is AlreadySealed; with another digest ErrorKind::Failed. A file system without it is
// ErrorKind::Unsupported and says how to enable it.
struct Sealing {
  SealOutcome outcome = SealOutcome::Sealed;
  Digest digest;
};
Result<Sealing> seal(const std::filesystem::path& path, const Parameters& parameters);
// The same for a file that is open, for reading only; errors do not name it.
Result<Sealing> seal(int fd, const Parameters& parameters);

}  // namespace bpfgate::fsverity
