// SPDX-License-Identifier: MIT
// A manifest in the form the BPF programs read: records of gate_abi.h, and the keyrings they name.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "evidence/evidence.h"
#include "gate/grants.h"
#include "gate/signers.h"
#include "gate_abi.h"
#include "ima/ima.h"
#include "keyring/keyring.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

// One bank's worth of records. The keyrings go away with it, unless keep_keyrings() says that a policy in the kernel
// uses them now. Move-only.
struct Policy {
  gate_policy header = {};  // generation 0, to be set where the bank is chosen
  std::vector<gate_signer> signers;
  GrantRecords grants;
  std::vector<std::pair<gate_digest, gate_listed_digest>> digests;      // of files, and of volumes
  std::vector<std::pair<gate_volume_loader, uint64_t>> volume_loaders;  // bank 0, to be set where the bank is chosen
  std::vector<gate_authority> authorities;
  std::vector<keyring::Keyring> keyrings;

  void keep_keyrings();
};

// Parses every certificate and makes a keyring for each group of signers of code (gate/signers.h), so that the one a
// signature verifies against tells what that is worth. A manifest that orders the gate out of the kernel is
// ErrorKind::Invalid.
Result<Policy> compile(const manifest::Manifest& manifest);

// Who may sign the manifest that comes after this one.
Result<std::vector<gate_authority>> authorities_in(const manifest::Manifest& manifest);

// The same trust for judging offline. The certificates live as long as this.
struct OfflineTrust {
  Signers signers;
  evidence::Trust trust;
};
Result<OfflineTrust> offline_trust(const manifest::Manifest& manifest);

// The algorithm of this host's IMA, as its first measurement has it; without a policy of its own IMA makes none, and
// has no digests for the gate.
std::optional<ima::Algorithm> ima_of_host();

}  // namespace bpfgate::gate
