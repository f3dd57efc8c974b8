// SPDX-License-Identifier: MIT
// Which of several signatures of one content a file is to have, by what a policy would make of it then. Whoever applies
// stores and whoever looks ahead to that must not differ.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/evidence.h"
#include "store/store.h"

namespace bpfgate::store {

// Entries of one file.
using Versions = std::vector<const Entry*>;

// Of the grants that a file has now, those that it would have no more. They are told by name: of the built-in ones
// alone it is known which includes which.
std::vector<std::string> missing_grants(const evidence::Conclusion& now, const evidence::Conclusion& then);

// Whether a file would be less than it is: a library that was a loader, nothing at all, or without one of its grants.
bool is_loss(const evidence::Conclusion& now, const evidence::Conclusion& then);

// Whether it would be more: a loader and not only a library, or one with every grant that it has now and another one.
bool is_gain(const evidence::Conclusion& now, const evidence::Conclusion& then);

struct Choice {
  Bytes signature;  // empty: none, which is good where the policy lists the digest
  fsverity::Digest digest;
  evidence::Conclusion conclusion;  // what a sealed file of this content is with it
};

// Of entries that are of what a file holds the one that the policy makes most of: of equals one that has a signature,
// then the first. If it makes nothing of any, one that says why. nullopt: there are no entries.
std::optional<Choice> choose(const Versions& entries, const evidence::Trust& trust);

// Whether the open file may be executed, or is ELF. Nothing else is ever a loader or a library; and a seal, which
// nobody can take back, would only keep its owner from writing it.
Result<bool> is_code(int fd);

}  // namespace bpfgate::store
