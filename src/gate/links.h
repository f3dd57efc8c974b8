// SPDX-License-Identifier: MIT
// The gate by its links: whoever holds them keeps it attached, pins or no pins, and can find everything else of it.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "gate_abi.h"

namespace bpfgate::gate {

// A link that is held open. `program` is the name of the program it attaches.
struct Link {
  std::string program;
  UniqueFd fd;
};

// Every pinned link. No pins is an empty list. Where the gate refuses the caller it is ErrorKind::Refused.
Result<std::vector<Link>> open_links(const std::filesystem::path& pin_directory);

// What a descriptor attaches, by the kernel's word: ErrorKind::Invalid for one that is no link.
Result<std::string> program_of_link(int link);

// The link whose program is bound to every map: by it a gate is found, and all of one gate at once.
inline constexpr const char* anchor_program = "gate_exec";

// The one that an iterator over marks is made of (bpf/marks.bpf.c); pinned itself, not attached.
inline constexpr const char* marks_program = "gate_marks";

// Those of bpf/volume.bpf.c, which are attached all together, or where there is no dm_verity not at all. What takes
// trust away comes before what gives it.
inline constexpr std::array<const char*, 7> volume_programs = {
    "volume_replaced", "volume_was_replaced", "volume_opened",   "volume_resumed",
    "volume_born",     "volume_gone",         "volume_announced"};

// A map as the kernel names it, and the size of its values in bytes.
struct MapName {
  const char* name;
  uint32_t value_size;
};

namespace maps {
inline constexpr MapName about = {".rodata.about", sizeof(gate_about)};
inline constexpr MapName active = {".data.active", sizeof(uint64_t)};
inline constexpr MapName sealed = {".data.sealed", sizeof(uint64_t)};
inline constexpr MapName policies = {"policies", sizeof(gate_policy)};
inline constexpr MapName signers = {"signers", sizeof(gate_signer)};
inline constexpr MapName grants = {"grants", sizeof(gate_grant)};
inline constexpr MapName cgroups = {"cgroups", sizeof(gate_cgroup)};
inline constexpr MapName functions = {"functions", sizeof(uint32_t)};
inline constexpr MapName digests = {"digests", sizeof(gate_listed_digest)};
inline constexpr MapName authorities = {"authorities", sizeof(gate_authority)};
inline constexpr MapName volume_loaders = {"volume_loaders", sizeof(uint64_t)};
inline constexpr MapName counters = {"counters", sizeof(gate_counters)};
inline constexpr MapName guarded = {"guarded", sizeof(uint32_t)};
inline constexpr MapName events = {"events", 0};
}  // namespace maps

// A map that the link's program is bound to. For administrators: others get ErrorKind::Refused, and so does
// who asks for one that is not there or of another size: whose link it is, is not known before.
Result<UniqueFd> map_of_link(int link, const MapName& map);

// Names of the links in `held` that are not pinned any more.
std::vector<std::string> unpinned(const std::vector<Link>& held, const std::filesystem::path& pin_directory);

}  // namespace bpfgate::gate
