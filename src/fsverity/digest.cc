// SPDX-License-Identifier: MIT
// The names and the text form of digests, and what parameters are allowed.
#include <bit>

#include "fsverity/fsverity.h"

namespace bpfgate::fsverity {
namespace {

// struct fsverity_descriptor has room for this much.
constexpr size_t max_salt_size = 32;

}  // namespace

std::string_view name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::Sha256:
      return "sha256";
    case Algorithm::Sha512:
      return "sha512";
  }
  return "unknown";
}

size_t digest_size_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::Sha256:
      return 32;
    case Algorithm::Sha512:
      return 64;
  }
  return 0;
}

Result<Algorithm> algorithm_named(std::string_view name) {
  for (Algorithm algorithm : {Algorithm::Sha256, Algorithm::Sha512}) {
    if (name == name_of(algorithm)) return algorithm;
  }
  return fail(ErrorKind::Invalid, "unknown hash algorithm \"" + std::string(name) + "\"", "use sha256 or sha512");
}

Result<Algorithm> algorithm_numbered(uint64_t number) {
  for (Algorithm algorithm : {Algorithm::Sha256, Algorithm::Sha512}) {
    if (number == static_cast<uint64_t>(algorithm)) return algorithm;
  }
  return fail(ErrorKind::Unsupported, "fs-verity digests of algorithm number " + std::to_string(number),
              "this version knows 1 (sha256) and 2 (sha512)");
}

std::string to_string(const Digest& digest) {
  return std::string(name_of(digest.algorithm)) + ":" + to_hex(digest.value);
}

Result<Digest> digest_from_string(std::string_view text) {
  TRY_ASSIGN(NamedBytes digest, named_bytes_from(text));
  TRY_ASSIGN(Algorithm algorithm, algorithm_named(digest.name));
  if (size_t wanted = digest_size_of(algorithm); digest.value.size() != wanted) {
    return fail(ErrorKind::Invalid, "a " + std::string(name_of(algorithm)) + " digest has " +
                                        std::to_string(wanted * 2) + " hexadecimal digits, not " +
                                        std::to_string(digest.value.size() * 2));
  }
  return Digest{algorithm, std::move(digest.value)};
}

Result<> check(const Parameters& parameters) {
  uint32_t size = parameters.block_size;
  if (!std::has_single_bit(size) || size < 1024 || size > 65536) {
    return fail(ErrorKind::Invalid, "block size " + std::to_string(size) + " is not possible",
                "use a power of two from 1024 to 65536");
  }
  if (parameters.salt.size() > max_salt_size) {
    return fail(ErrorKind::Invalid, "a salt of " + std::to_string(parameters.salt.size()) + " bytes is too long",
                "use at most " + std::to_string(max_salt_size) + " bytes");
  }
  return {};
}

}  // namespace bpfgate::fsverity
