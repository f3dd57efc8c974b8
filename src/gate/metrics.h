// SPDX-License-Identifier: MIT
// What monitoring is told of a gate: Prometheus's text format, version 0.0.4.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "gate/gate.h"

namespace bpfgate::gate {

// What of a gate's state is worth watching.
struct Reading {
  bool complete = false;
  bool sealed = false;
  manifest::Mode mode = manifest::Mode::Audit;
  uint64_t sequence = 0;
  uint64_t generation = 0;
  Counters counters;
};

Reading reading_of(const Status& status);

// How many events there were of each reason.
using EventCounts = std::map<std::string, uint64_t>;

// `reading`: nullopt where no gate is loaded. `events`: only whoever takes them out of the kernel can count them.
std::string metrics_text(const std::optional<Reading>& reading, const EventCounts* events = nullptr);

}  // namespace bpfgate::gate
