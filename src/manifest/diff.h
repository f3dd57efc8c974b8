// SPDX-License-Identifier: MIT
// What changes from one policy to another.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "manifest/manifest.h"

namespace bpfgate::manifest {

// One change, as a line for people: "+ signer NAME: ...", "- digest ...", "~ mode audit -> enforce". Wider: the part it
// is about allows something that this part did not allow before: a signer, digest, grant, command, type, helper or glob
// more, a condition less, an option on; a digest less, which no longer overrules its file's signature. Whether another
// part has allowed it all along, or still forbids it, is not asked.
struct Change {
  std::string text;
  bool wider = false;
  std::string part;  // what it is about: "/mode", "/grants/tracing/when/uids", "/signers/signer tracers"
};

// Empty exactly where the canonical texts are equal.
std::vector<Change> changes(const Manifest& before, const Manifest& after);

// For programs: a list of {"op": "add" | "remove" | "replace", "pointer", "old", "new", "wider"}. Wider: a change above
// of what is there, or of what that is a part of, is. Pointers are into the
// canonical text, that of `before` for what is removed and that of `after` for the rest. Signers are matched by name
// and digests by themselves, each replaced as a whole; what is not matched was added or removed.
nlohmann::json changes_json(const Manifest& before, const Manifest& after);

}  // namespace bpfgate::manifest
