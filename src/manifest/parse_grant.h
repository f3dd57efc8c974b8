// SPDX-License-Identifier: MIT
// One grant of a manifest, from JSON.
#pragma once

#include <string>

#include "manifest/grant.h"
#include "manifest/place.h"

namespace bpfgate::manifest {

Result<Grant> parse_grant(const std::string& name, const Place& place);

}  // namespace bpfgate::manifest
