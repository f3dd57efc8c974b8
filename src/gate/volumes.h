// SPDX-License-Identifier: MIT
// dm-verity volumes that were set up before the gate was loaded, or before its policy named them. Not for other rooms.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

// Whether the policy trusts volumes at all.
bool trusts_volumes(const manifest::Manifest& manifest);

// Whether dm_verity takes keys from user space (its parameter keyring_unsealed, Linux 7.0).
bool is_keyring_open();

// Resumes the active devices that the policy trusts, so that the kernel tells the gate's programs of them.
Result<> announce_volumes(const manifest::Manifest& manifest);

// A gate that was loaded where there was no dm_verity follows no volumes, and a policy would name them in vain:
// ErrorKind::Unsupported. `attached` are the gate's programs.
Result<> check_follows_volumes(const manifest::Manifest& manifest, const std::vector<std::string>& attached);

}  // namespace bpfgate::gate
