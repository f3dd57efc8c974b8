// SPDX-License-Identifier: MIT
// What a manifest says that its author may not have meant.
#pragma once

#include <string>
#include <vector>

#include "manifest/manifest.h"

namespace bpfgate::gate {

// In sentences: what it lists and revokes, whose certificates it revokes and does not know, and grants for signed
// programs that no signer's programs are for. Certificates that cannot be read are passed over.
std::vector<std::string> notes_on(const manifest::Manifest& manifest);

}  // namespace bpfgate::gate
