// SPDX-License-Identifier: MIT
// The grants that are built in.
#include <array>

#include "manifest/grant.h"

namespace bpfgate::manifest {
namespace {

// Listing and reading info. What is left out, and why:
// - map_lookup_*, map_get_next_key: the content of maps, which may be secret, not info about them
// - prog_stream_read_by_fd: takes what it reads out of the stream
// - obj_get: opens what somebody pinned; the ids find the same objects
// - enable_stats: slows every program down while it lasts
constexpr std::array<std::string_view, 11> inspect_names = {
    "prog_get_next_id",   "map_get_next_id",  "btf_get_next_id",  "link_get_next_id",
    "prog_get_fd_by_id",  "map_get_fd_by_id", "btf_get_fd_by_id", "link_get_fd_by_id",
    "obj_get_info_by_fd", "prog_query",       "task_fd_query"};

NumberSet inspect_commands() {
  NumberSet set = 0;
  for (std::string_view name : inspect_names) {
    // A name that is none would make the grant smaller; a test looks.
    if (auto number = number_of(kCommands, name)) set |= NumberSet{1} << *number;
  }
  return set;
}

}  // namespace

Grant grant_none() { return {"none"}; }
Grant grant_inspect() { return {"inspect", inspect_commands()}; }
Grant grant_full() { return {"full", kAny}; }
Grant grant_admin() { return {"admin", kAny, true}; }
bool is_built_in(std::string_view grant) {
  return grant == "none" || grant == "inspect" || grant == "full" || grant == "admin";
}

}  // namespace bpfgate::manifest
