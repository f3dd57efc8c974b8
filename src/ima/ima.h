// SPDX-License-Identifier: MIT
// IMA: the digest the kernel computes of a file's content when it measures it (bpf_ima_file_hash() gives it to the
// gate). It is the plain hash of all bytes, what sha256sum prints. Sources: Linux security/integrity/ima/ima_crypto.c,
// ima_calc_file_hash_tfm(); ima_main.c, ima_file_hash().
//
// Weaker than fs-verity: it says what the content was when it was hashed, and nothing keeps that from changing.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfgate::ima {

// Values of enum hash_algo (include/uapi/linux/hash_info.h). Which of them a host's IMA uses is its own choice:
// ima_hash= on the kernel's command line, or CONFIG_IMA_DEFAULT_HASH. SHA-1, which IMA can have too, is broken and not
// accepted.
enum class Algorithm : uint16_t { Sha256 = 4, Sha384 = 5, Sha512 = 6 };

inline constexpr std::array algorithms = {Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512};

std::string_view name_of(Algorithm algorithm);  // "sha256", "sha384", "sha512"
size_t digest_size_of(Algorithm algorithm);     // 32, 48, 64; 0 for a number that is none of these
Result<Algorithm> algorithm_named(std::string_view name);

// The hash of a file's content.
struct Digest {
  Algorithm algorithm = Algorithm::Sha256;
  Bytes value;  // exactly digest_size_of(algorithm) bytes, in the order in which they are printed

  bool operator==(const Digest&) const = default;
};

std::string to_string(const Digest& digest);               // "sha256:HEX"
Result<Digest> digest_from_string(std::string_view text);  // the same form, case-insensitive HEX, exact length

// The digest of an open file. Reads all of it, from offset 0, with pread; anything but a regular file, and a file that
// shrinks meanwhile, is ErrorKind::Failed. Of one that grows, as much counts as there was at first: so does IMA.
Result<Digest> compute(int fd, Algorithm algorithm);
// The same for a file by name, which errors begin with.
Result<Digest> compute(const std::filesystem::path& path, Algorithm algorithm);

}  // namespace bpfgate::ima
