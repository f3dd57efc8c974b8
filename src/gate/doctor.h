// SPDX-License-Identifier: MIT
// What of this host could undo the gate from outside of it, and whether somebody has seen to that.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace bpfgate::gate {

// Missing: the gate cannot run here. Weak: it can, and there is a way round it that this setting would close.
enum class Health { Good, Weak, Missing };

struct Finding {
  std::string what;  // "lockdown"
  Health health = Health::Weak;
  std::string state;   // as found: "none"
  std::string why;     // what it leaves open
  std::string remedy;  // empty for what is good
};

// Everything is looked at, and nothing changed. What cannot be read counts as weak. `root` is prefixed to every path:
// for tests.
std::vector<Finding> examine(const std::filesystem::path& root = "/");

}  // namespace bpfgate::gate
