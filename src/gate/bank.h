// SPDX-License-Identifier: MIT
// Policies in the kernel's maps: writing one into the bank that is not in use, and making it the active one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "gate/policy.h"

namespace bpfgate::gate {

// Descriptors of the policy maps; not owned.
struct PolicyMaps {
  int active = -1;
  int policies = -1;
  int signers = -1;
  int grants = -1;
  int cgroups = -1;
  int functions = -1;
  int digests = -1;
  int authorities = -1;
  int volume_loaders = -1;
};

// Of the other bank, and not to be guessed: 51 bits are random. ErrorKind::Failed where there is no randomness.
Result<uint64_t> unforeseen_generation(uint64_t active);

Result<uint64_t> active_generation(const PolicyMaps& maps);
Result<gate_policy> policy_of(const PolicyMaps& maps, uint64_t generation);

// Fills the bank of `generation`, which must not be the active one. Its header, the last thing written, carries `mode`.
Result<> write_bank(const PolicyMaps& maps, const Policy& policy, uint64_t generation, uint32_t mode);

// The moment at which a policy changes: one aligned 64-bit store.
Result<> activate(const PolicyMaps& maps, uint64_t generation);

// Changes only the mode of a bank.
Result<> set_mode(const PolicyMaps& maps, uint64_t generation, uint32_t mode);

// Who may sign manifests, by the policy of `generation`.
Result<std::vector<gate_authority>> authorities_of(const PolicyMaps& maps, uint64_t generation);

// The name of grant `grant` of the policy of `generation`.
Result<std::string> grant_name(const PolicyMaps& maps, uint64_t generation, uint32_t grant);

// The keyrings that the policy of `generation` verifies with.
Result<std::vector<keyring::Serial>> keyrings_of(const PolicyMaps& maps, uint64_t generation);

// The same of signers of programs, by their names.
Result<std::map<std::string, keyring::Serial>> program_keyrings_of(const PolicyMaps& maps, uint64_t generation);

}  // namespace bpfgate::gate
