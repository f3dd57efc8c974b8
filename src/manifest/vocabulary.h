// SPDX-License-Identifier: MIT
// The names of what bpf(2) knows: commands, types, helpers. They are those of BPF tokens: the kernel's enumerators in
// lower case and without their prefix (enum bpf_cmd, bpf_prog_type, bpf_map_type, bpf_attach_type, bpf_func_id in
// include/uapi/linux/bpf.h), as bpffs' delegate_cmds= and its like take them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bpfgate::manifest {

struct Vocabulary {
  std::string_view one;                     // what a message calls one of them: "program type"
  std::string_view many;                    // and all of them
  std::span<const std::string_view> names;  // index = the kernel's number
};

extern const Vocabulary kCommands;
extern const Vocabulary kProgramTypes;
extern const Vocabulary kMapTypes;
extern const Vocabulary kAttachTypes;
extern const Vocabulary kHelpers;

// Room for the helpers of later kernels; the kernel has stopped adding any (kfuncs took their place).
inline constexpr size_t kMaxHelpers = 256;

// Of commands or types: bit N is number N.
using NumberSet = uint64_t;

// The word "any": all of them, those of later kernels too.
inline constexpr NumberSet kAny = ~NumberSet{0};

inline bool contains(NumberSet set, unsigned number) { return number < 64 && (set >> number & 1) != 0; }

// An unknown name is ErrorKind::Invalid, and the remedy names the closest.
Result<unsigned> number_of(const Vocabulary& vocabulary, std::string_view name);
bool is_function_name(std::string_view text);  // as C has it, and kernels name their kfuncs; 1 to kMaxNameBytes
// The kernel calls some kfuncs by two names, of which one ends in _impl (since 7.0). Here they are one, by the other.
std::string kfunc_name(std::string_view text);
std::string name_of(const Vocabulary& vocabulary, unsigned number);  // "map type 77" where it has no name here
std::vector<std::string> names_in(NumberSet set, const Vocabulary& vocabulary);  // in the order of their numbers

}  // namespace bpfgate::manifest
