// SPDX-License-Identifier: MIT
// Grants in the form the BPF programs read: their records, cgroups and functions.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "gate/signers.h"
#include "gate_abi.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

struct GrantRecords {
  std::vector<gate_grant> grants;                         // in the order of their names
  std::vector<std::pair<uint32_t, gate_cgroup>> cgroups;  // with their index in one bank
  std::vector<gate_function> functions;                   // bank 0, to be set where the bank is chosen
};

// Reads the kernel's types where a grant names functions. ErrorKind::Invalid when those are more than the gate holds.
// `keyrings`, at most GATE_MAX_KEYRINGS, is the order of the bank's signers, which grants for signed programs go by.
Result<GrantRecords> compile_grants(const manifest::Manifest& manifest, const KeyringGroups& keyrings);

// Names of grants as a set: bit N is grant N. The parser has made sure that every name exists.
uint64_t grant_set(const manifest::Manifest& manifest, const std::vector<std::string>& names);

}  // namespace bpfgate::gate
