// SPDX-License-Identifier: MIT
#include "gate/held.h"

#include <algorithm>

#include "gate/bank.h"
#include "gate/extension.h"
#include "gate/guard.h"
#include "gate/links.h"
#include "gate/object.h"
#include "gate/probe.h"

namespace bpfgate::gate {

Result<HeldGate> HeldGate::open(int link) {
  HeldGate gate;
  TRY_ASSIGN(gate.active_, map_of_link(link, maps::active));
  TRY_ASSIGN(gate.policies_, map_of_link(link, maps::policies));
  TRY_ASSIGN(gate.sealed_, map_of_link(link, maps::sealed));
  TRY_ASSIGN(gate.counters_, map_of_link(link, maps::counters));
  TRY_ASSIGN(gate.guarded_, map_of_link(link, maps::guarded));
  return gate;
}

Result<Reading> HeldGate::read(const std::vector<std::string>& pinned) {
  PolicyMaps maps = {.active = active_.get(), .policies = policies_.get()};
  Reading reading;
  TRY_ASSIGN(reading.generation, active_generation(maps));
  TRY_ASSIGN(gate_policy policy, policy_of(maps, reading.generation));
  reading.sequence = policy.sequence;
  reading.mode = policy.mode == GATE_MODE_AUDIT ? manifest::Mode::Audit : manifest::Mode::Enforce;
  TRY_ASSIGN(Seal current, seal());
  reading.sealed = current != Seal::Unsealed;
  TRY_ASSIGN(reading.counters, counters());
  TRY_ASSIGN(reading.complete, is_complete(policy, pinned));
  return reading;
}

Result<bool> HeldGate::is_complete(const gate_policy& policy, const std::vector<std::string>& pinned) {
  if (!kernel_) {
    TRY_ASSIGN(kernel_, probe_kernel());
  }
  TRY_ASSIGN(std::vector<uint32_t> sysctl, attached_sysctl(guarded_.get()));
  std::vector<std::string> attached = pinned;
  if (!sysctl.empty()) attached.emplace_back(sysctl_program);
  return missing_programs(*kernel_, policy, attached).empty();
}

}  // namespace bpfgate::gate
