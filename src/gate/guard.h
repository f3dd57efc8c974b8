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

// Appends the object that the descriptor stands for.
Result<> append_map(int map, std::vector<gate_object>& objects);
Result<> append_program(int program, std::vector<gate_object>& objects);
Result<> append_link(int link, std::vector<gate_object>& objects);
// The directory, everything in it, the file system, and the mounts from there up to the root.
Result<> append_pins(const std::filesystem::path& pin_directory, std::vector<gate_object>& objects);

// Fills the map and freezes it.
Result<> write_guarded(int map, const std::vector<gate_object>& objects);
Result<bool> is_guarded(int map, const gate_object& object);

Result<> attach_sysctl(int program);
// Detaches every program of that name, also one that a load which was killed left behind. None is success.
Result<> detach_sysctl();
Result<bool> is_sysctl_attached();

}  // namespace bpfgate::gate
