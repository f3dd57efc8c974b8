// SPDX-License-Identifier: MIT
// "revoked": what counts no more, whatever else the manifest says of it.
#pragma once

#include "manifest/manifest.h"
#include "manifest/place.h"

namespace bpfgate::manifest {

// What is revoked twice is revoked: whoever writes a drop-in need not know what the others revoke.
Result<Revocations> parse_revoked(const Place& place);

}  // namespace bpfgate::manifest
