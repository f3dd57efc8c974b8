// SPDX-License-Identifier: MIT
// Private to this room: the signature header of a package, which no signature or digest covers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "fsverity/fsverity.h"
#include "rpm/librpm.h"

namespace bpfgate::rpm {

struct CarriedSignatures {
  std::optional<fsverity::Algorithm> algorithm;
  std::vector<std::optional<Bytes>> entries;  // one for each entry of the header; empty where the package has none
};

// `count`: how many files the package's header lists. Entries that are no base64, or another number of them, are
// ErrorKind::Invalid; digests of an algorithm that this version does not know
// ErrorKind::Unsupported.
Result<CarriedSignatures> read_signatures(Header header, size_t count);

// The header's bytes, magic and padding included, with these instead of the signatures that it had. No entry that is
// not empty: without the tags, as it was before somebody signed files.
Result<Bytes> with_signatures(Header header, const std::vector<std::optional<Bytes>>& entries,
                              fsverity::Algorithm algorithm);

}  // namespace bpfgate::rpm
