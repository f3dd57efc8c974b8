// SPDX-License-Identifier: MIT
// A file's digest as a manifest has it: two keys, "kind" and "digest", wherever one is named.
#pragma once

#include <string_view>

#include "manifest/manifest.h"
#include "manifest/place.h"

namespace bpfgate::manifest {

struct ParsedDigest {
  DigestKind kind = DigestKind::FsVerity;
  uint16_t algorithm = 0;
  Bytes digest;
  auto operator<=>(const ParsedDigest&) const = default;
};

// Of an object that has them; other keys are the caller's to look at.
Result<ParsedDigest> parse_digest(const Place& object);

// A root hash alone, which is of kind Volume.
Result<ParsedDigest> parse_root_hash_text(const Place& place);

// Of something that no kernel measures, named by `what`; `form` says how it is to be written.
Result<Bytes> parse_sha256(const Place& place, std::string_view what, const char* form);

}  // namespace bpfgate::manifest
