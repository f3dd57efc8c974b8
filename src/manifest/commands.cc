// SPDX-License-Identifier: MIT
// The commands of bpf(2) by name, and the built-in grants.
#include <algorithm>
#include <array>

#include "manifest/manifest.h"
#include "manifest/text.h"

namespace bpfgate::manifest {
namespace {

// Index = number in enum bpf_cmd. Spelled out here instead of taken from <linux/bpf.h>: the header of the machine that
// builds may be older than the kernel that runs. BPF_COMMON_ATTRS (1 << 16), in the same enum, is a flag that the
// kernel takes off before its security hook sees the command.
constexpr std::array<std::string_view, 39> names = {
    "map_create",  // 0
    "map_lookup_elem",
    "map_update_elem",
    "map_delete_elem",
    "map_get_next_key",
    "prog_load",  // 5
    "obj_pin",
    "obj_get",
    "prog_attach",
    "prog_detach",
    "prog_test_run",  // 10, also prog_run
    "prog_get_next_id",
    "map_get_next_id",
    "prog_get_fd_by_id",
    "map_get_fd_by_id",
    "obj_get_info_by_fd",  // 15
    "prog_query",
    "raw_tracepoint_open",
    "btf_load",
    "btf_get_fd_by_id",
    "task_fd_query",  // 20
    "map_lookup_and_delete_elem",
    "map_freeze",
    "btf_get_next_id",
    "map_lookup_batch",
    "map_lookup_and_delete_batch",  // 25
    "map_update_batch",
    "map_delete_batch",
    "link_create",
    "link_update",
    "link_get_fd_by_id",  // 30
    "link_get_next_id",
    "enable_stats",
    "iter_create",
    "link_detach",
    "prog_bind_map",  // 35
    "token_create",
    "prog_stream_read_by_fd",
    "prog_assoc_struct_ops",  // 38
};
static_assert(names.size() <= 64, "CommandSet has 64 bits");

// The kernel gives command 10 two names.
constexpr std::string_view second_name_of_10 = "prog_run";

// Listing and reading info. What is left out, and why:
// - map_lookup_*, map_get_next_key: the content of maps, which may be secret, not info about them
// - prog_stream_read_by_fd: takes what it reads out of the stream
// - obj_get: opens what somebody pinned; the ids find the same objects
// - enable_stats: slows every program down while it lasts
constexpr std::array<std::string_view, 11> inspect_names = {
    "prog_get_next_id",   "map_get_next_id",  "btf_get_next_id",  "link_get_next_id",
    "prog_get_fd_by_id",  "map_get_fd_by_id", "btf_get_fd_by_id", "link_get_fd_by_id",
    "obj_get_info_by_fd", "prog_query",       "task_fd_query"};

// A name that is not in the table does not compile.
consteval CommandSet inspect_commands() {
  CommandSet set = 0;
  for (std::string_view name : inspect_names) {
    const auto* found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw "no such command";
    set |= CommandSet{1} << (found - names.begin());
  }
  return set;
}

}  // namespace

Grant grant_none() { return {"none", 0}; }
Grant grant_inspect() { return {"inspect", inspect_commands()}; }
Grant grant_full() { return {"full", kAnyCommand}; }
Grant grant_admin() { return {"admin", kAnyCommand, true}; }
bool is_built_in(std::string_view grant) {
  return grant == "none" || grant == "inspect" || grant == "full" || grant == "admin";
}

Result<unsigned> command_number(std::string_view name) {
  if (name == second_name_of_10) return 10U;
  const auto* found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<unsigned>(found - names.begin());
  return fail(ErrorKind::Invalid, "no bpf(2) command is named " + in_quotes(name), suggestion("commands", name, names));
}

std::string command_name(unsigned number) {
  return number < names.size() ? std::string(names[number]) : "command " + std::to_string(number);
}

std::vector<std::string_view> command_names() { return {names.begin(), names.end()}; }

}  // namespace bpfgate::manifest
