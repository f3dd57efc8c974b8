// SPDX-License-Identifier: MIT
// One grant of a manifest, from JSON.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "manifest/grant.h"
#include "manifest/place.h"

namespace bpfgate::manifest {

Result<Grant> parse_grant(const std::string& name, const Place& place);

// Whether the grant names signers of programs only, once these are known.
Result<> check_signed_by(const Place& grant, std::span<const std::string_view> signers);

}  // namespace bpfgate::manifest
