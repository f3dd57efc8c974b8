// SPDX-License-Identifier: MIT
// What whoever holds a gate's links can tell of it, pins or no pins.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "gate/metrics.h"
#include "gate/probe.h"

struct gate_policy;

namespace bpfgate::gate {

// Keeps its maps open: in audit mode opening them is an event each time, unless an administrator does it. Move-only.
class HeldGate {
 public:
  // By any of its links.
  static Result<HeldGate> open(int link);

  [[nodiscard]] Result<Counters> counters() const { return read_counters(counters_.get()); }
  [[nodiscard]] Result<Seal> seal() const { return read_seal(sealed_.get()); }
  // `pinned`: names of the programs whose links are held, and pinned as well.
  Result<Reading> read(const std::vector<std::string>& pinned);

 private:
  HeldGate() = default;
  Result<bool> is_complete(const gate_policy& policy, const std::vector<std::string>& pinned);

  UniqueFd active_, policies_, sealed_, counters_, guarded_;
  std::optional<Kernel> kernel_;  // once it was asked for
};

}  // namespace bpfgate::gate
