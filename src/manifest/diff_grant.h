// SPDX-License-Identifier: MIT
// What changes in a grant of one name.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "manifest/diff.h"
#include "manifest/grant.h"

namespace bpfgate::manifest {

using Words = std::set<std::string>;

std::string joined(const Words& words);                                // "a b", or "nothing"
std::string gained_and_lost(const Words& before, const Words& after);  // "+a -b"
bool includes_more(const Words& before, const Words& after);           // something in `after` is not in `before`

// Without the grant in their texts and parts: "commands +link_create -btf_load", "/commands".
std::vector<Change> grant_changes(const Grant& before, const Grant& after);

}  // namespace bpfgate::manifest
