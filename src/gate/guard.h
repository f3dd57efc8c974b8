// SPDX-License-Identifier: MIT
// What bpf/guard.bpf.c protects, as entries of its map, and the one guard that is not an LSM program. Not for other
// rooms.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "gate_abi.h"

namespace bpfgate::gate {

// Guards kernel.ftrace_enabled, attached to the root of the cgroup hierarchy. Not by a link: whoever has one of a
// cgroup program can detach it, and descriptors of pinned links are anybody's. Attached directly, it takes a descriptor
// of the program to detach it.
inline constexpr const char* sysctl_program = "guard_sysctl";

// An object, and for whom it is: GATE_FOR_ADMINISTRATORS or GATE_FOR_NOBODY.
struct Guarded {
  gate_object object;
  uint32_t reach;
};

// Appends the object that the descriptor stands for.
Result<> append_map(int map, uint32_t reach, std::vector<Guarded>& objects);
Result<> append_program(int program, std::vector<Guarded>& objects);
Result<> append_link(int link, std::vector<Guarded>& objects);
// The directory, everything in it, the file system, the host's mount namespace, and the directories that mounts on the
// way stand on; of `new_root` what would be of /, unless it is empty.
Result<> append_pins(const std::filesystem::path& pin_directory, const std::filesystem::path& new_root,
                     std::vector<Guarded>& objects);

// Fills the map and freezes it.
Result<> write_guarded(int map, const std::vector<Guarded>& objects);
Result<bool> is_guarded(int map, const gate_object& object);
// Nothing is guarded yet: a load that was killed before it came to that.
Result<bool> is_empty(int map);

Result<> attach_sysctl(int program);
// Ids of the programs on the root cgroup that `guarded` (a descriptor) lists. Others of that name are not the gate's.
Result<std::vector<uint32_t>> attached_sysctl(int guarded);
// None is success.
Result<> detach_sysctl(const std::vector<uint32_t>& programs);

}  // namespace bpfgate::gate
