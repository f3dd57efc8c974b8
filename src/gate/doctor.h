// SPDX-License-Identifier: MIT
// What of this host could undo the gate from outside of it, and whether somebody has seen to that.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "manifest/manifest.h"

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

// What a policy would mean for this host if it were enforced now: whom it locks out, and what in it weakens the gate.
// Whatever cannot be told is a finding.
std::vector<Finding> examine_policy(const manifest::Manifest& manifest);

}  // namespace bpfgate::gate
