// SPDX-License-Identifier: MIT
// The names and the text form of digests.
#include "ima/algorithms.h"

namespace bpfgate::ima {
namespace {

constexpr std::array table = {
    AlgorithmFacts{Algorithm::Sha256, "sha256", 32, crypto::HashAlgorithm::Sha256},
    AlgorithmFacts{Algorithm::Sha384, "sha384", 48, crypto::HashAlgorithm::Sha384},
    AlgorithmFacts{Algorithm::Sha512, "sha512", 64, crypto::HashAlgorithm::Sha512},
};

static_assert(table.size() == algorithms.size());

}  // namespace

const AlgorithmFacts* facts_of(Algorithm algorithm) {
  for (const AlgorithmFacts& row : table) {
    if (row.algorithm == algorithm) return &row;
  }
  return nullptr;
}

std::string_view name_of(Algorithm algorithm) {
  const AlgorithmFacts* facts = facts_of(algorithm);
  return facts == nullptr ? "unknown" : facts->name;
}

size_t digest_size_of(Algorithm algorithm) {
  const AlgorithmFacts* facts = facts_of(algorithm);
  return facts == nullptr ? 0 : facts->digest_size;
}

Result<Algorithm> algorithm_named(std::string_view name) {
  for (const AlgorithmFacts& row : table) {
    if (row.name == name) return row.algorithm;
  }
  return fail(ErrorKind::Invalid, "unknown hash algorithm \"" + std::string(name) + "\"",
              "use sha256, sha384 or sha512");
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

}  // namespace bpfgate::ima
