// SPDX-License-Identifier: MIT
#include "manifest/parse_digest.h"

#include <linux/fsverity.h>
#include <linux/hash_info.h>

#include <algorithm>
#include <array>

#include "manifest/text.h"

namespace bpfgate::manifest {
namespace {

constexpr std::array<std::string_view, 3> kind_words = {"fsverity", "ima", "volume"};

// How the digests of a kind are written, and their numbers in the kernel.
struct Algorithm {
  DigestKind kind;
  std::string_view prefix;
  uint16_t number;
  size_t size;
};
constexpr Algorithm algorithms[] = {
    {DigestKind::FsVerity, "sha256:", FS_VERITY_HASH_ALG_SHA256, 32},
    {DigestKind::FsVerity, "sha512:", FS_VERITY_HASH_ALG_SHA512, 64},
    {DigestKind::Ima, "sha256:", HASH_ALGO_SHA256, 32},
    {DigestKind::Ima, "sha384:", HASH_ALGO_SHA384, 48},
    {DigestKind::Ima, "sha512:", HASH_ALGO_SHA512, 64},
    {DigestKind::Volume, "sha256:", FS_VERITY_HASH_ALG_SHA256, 32},
    {DigestKind::Volume, "sha512:", FS_VERITY_HASH_ALG_SHA512, 64},
};

const Algorithm* find_algorithm(DigestKind kind, std::string_view text) {
  const auto* found = std::find_if(std::begin(algorithms), std::end(algorithms), [&](const Algorithm& algorithm) {
    return algorithm.kind == kind && text.starts_with(algorithm.prefix);
  });
  return found == std::end(algorithms) ? nullptr : found;
}

const char* form_of(DigestKind kind) {
  switch (kind) {
    case DigestKind::FsVerity:
      break;
    case DigestKind::Ima:
      return "write it as sha256sum prints it: sha256:HEX, or sha384, sha512";
    case DigestKind::Volume:
      return "write it as \"veritysetup format\" prints it, after the name of its hash: sha256:HEX";
  }
  return "write it as \"fsverity digest\" prints it: sha256:HEX or sha512:HEX";
}

Result<> parse_value(const Place& place, ParsedDigest& parsed) {
  const char* form = form_of(parsed.kind);
  TRY_ASSIGN(std::string text, place.text(kMaxNoteBytes));
  const Algorithm* algorithm = find_algorithm(parsed.kind, text);
  if (algorithm == nullptr) return place.fail(in_quotes(text) + " names no known hash algorithm", form);
  parsed.algorithm = algorithm->number;
  std::string_view hex = std::string_view(text).substr(algorithm->prefix.size());
  auto bytes = from_hex(hex);
  if (!bytes) return place.fail(bytes.error().message, form);
  if (bytes->size() != algorithm->size)
    return place.fail("has " + std::to_string(hex.size()) + " digits, not " + std::to_string(2 * algorithm->size),
                      form);
  parsed.digest = *std::move(bytes);
  return {};
}

}  // namespace

std::string_view name_of(DigestKind kind) { return kind_words.at(static_cast<size_t>(kind)); }

std::string_view digest_prefix(DigestKind kind, uint16_t number) {
  for (const Algorithm& algorithm : algorithms)
    if (algorithm.kind == kind && algorithm.number == number) return algorithm.prefix;
  return "unknown:";
}

Result<ParsedDigest> parse_digest(const Place& object) {
  ParsedDigest parsed;
  TRY_ASSIGN(Place kind, object.member("kind"));
  TRY_ASSIGN(size_t word, kind.word("kind of digest", kind_words));
  parsed.kind = static_cast<DigestKind>(word);
  TRY_ASSIGN(Place digest, object.member("digest"));
  TRY(parse_value(digest, parsed));
  return parsed;
}

Result<ParsedDigest> parse_root_hash_text(const Place& place) {
  ParsedDigest parsed;
  parsed.kind = DigestKind::Volume;
  TRY(parse_value(place, parsed));
  return parsed;
}

Result<Bytes> parse_sha256(const Place& place, std::string_view what, const char* form) {
  constexpr std::string_view prefix = "sha256:";
  constexpr size_t size = 32;
  TRY_ASSIGN(std::string text, place.text(kMaxNoteBytes));
  if (!text.starts_with(prefix)) return place.fail(in_quotes(text) + " is no SHA-256 " + std::string(what), form);
  auto bytes = from_hex(std::string_view(text).substr(prefix.size()));
  if (!bytes) return place.fail(bytes.error().message, form);
  if (bytes->size() != size)
    return place.fail("has " + std::to_string(2 * bytes->size()) + " digits, not " + std::to_string(2 * size), form);
  return *std::move(bytes);
}

}  // namespace bpfgate::manifest
