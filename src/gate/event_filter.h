// SPDX-License-Identifier: MIT
// Which events somebody wants to see, in the words that events are told in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "gate/events.h"

namespace bpfgate::gate {

// Values of one kind are alternatives; of different kinds all must hold. Empty: all events.
struct EventFilter {
  std::vector<std::string> kinds = {};
  std::vector<std::string> reasons = {};
  std::vector<std::string> commands = {};  // of bpf(2)
  std::vector<uint32_t> processes = {};    // threads of a process by their own number, too
  std::vector<uint32_t> uids = {};
  // Globs, as those of a manifest (fnmatch(3)); * matches slashes.
  std::vector<std::string> comms = {};
  std::vector<std::string> executables = {};
  std::vector<std::string> rules = {};
  std::optional<std::chrono::system_clock::time_point> since = {};
};

// A word that no event has is ErrorKind::Usage, with the one that may have been meant: a filter that matches nothing
// would look like a quiet host.
Result<> check(const EventFilter& filter);

bool matches(const EventFilter& filter, const Event& event);

}  // namespace bpfgate::gate
