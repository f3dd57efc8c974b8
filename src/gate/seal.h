// SPDX-License-Identifier: MIT
// Who may change a sealed gate: whoever the policy in force names as a signer of manifests, with a newer manifest. Not
// for other rooms.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "gate_abi.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

// Signed is the manifest's canonical text, which has the content of certificates where the manifest has paths;
// detached, PKCS#7, DER. An absent signature, one by nobody in `authorities`, another name than that of `current`, or a
// number that is not higher than that of `current` is ErrorKind::Refused.
Result<> check_authorized(const manifest::Manifest& manifest, ByteView signature, const gate_policy& current,
                          const std::vector<gate_authority>& authorities);

}  // namespace bpfgate::gate
