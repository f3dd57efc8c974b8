// SPDX-License-Identifier: MIT
#pragma once

#include "gate/proc.h"

namespace bpfgate::gate::test {

// Whether this process may look at the descriptors of all others: without CAP_SYS_PTRACE it may not, and then nobody
// can tell whom a policy would lock out.
inline bool sees_all_of_proc() {
  auto processes = other_processes();
  if (!processes) return false;
  auto counts = [](const Descriptor&) -> Result<bool> { return true; };
  for (const std::filesystem::path& process : *processes)
    if (!count_descriptors(process, counts)) return false;
  return true;
}

}  // namespace bpfgate::gate::test
