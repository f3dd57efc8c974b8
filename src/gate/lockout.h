// SPDX-License-Identifier: MIT
// Who would be locked out by enforcing a manifest: asked before it is too late to ask.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

struct LockedOut {
  int pid = 0;               // 0: this program itself
  std::string executable;    // as /proc names it
  std::string reason;        // evidence::name_of(Reason), or which command its grant lacks
  unsigned bpf_objects = 0;  // maps, programs and links it holds open
};

// Why this program would not be an administrator under the manifest; nothing if it would.
Result<std::optional<std::string>> why_not_administrator(const manifest::Manifest& manifest);

// This program, if it could not manage the gate any more (its grant is not "admin"), and every running process that
// holds BPF objects and whose executable would get no mark. A process that exits meanwhile is left out; what
// cannot be read for another reason is an error, for it may hold such objects.
Result<std::vector<LockedOut>> locked_out_by(const manifest::Manifest& manifest);

}  // namespace bpfgate::gate
