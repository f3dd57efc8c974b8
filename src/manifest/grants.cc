// SPDX-License-Identifier: MIT
// The grants that are built in.
#include <array>
#include <span>

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

// What the generated code calls (bpftool gen skeleton -L -S; libbpf's skel_internal.h): the map with the loader's data,
// the loader, running it; and attaching what it has loaded.
constexpr std::array<std::string_view, 8> skeleton_names = {"map_create",          "map_update_elem", "map_freeze",
                                                            "obj_get_info_by_fd",  "prog_load",       "prog_test_run",
                                                            "raw_tracepoint_open", "link_create"};

NumberSet commands_named(std::span<const std::string_view> names) {
  NumberSet set = 0;
  for (std::string_view name : names) {
    // A name that is none would make the grant smaller; a test looks.
    if (auto number = number_of(kCommands, name)) set |= NumberSet{1} << *number;
  }
  return set;
}

}  // namespace

NumberSet skeleton_commands() { return commands_named(skeleton_names); }

Grant grant_none() { return {"none"}; }
Grant grant_inspect() { return {"inspect", commands_named(inspect_names)}; }
Grant grant_full() { return {"full", kAny}; }
Grant grant_admin() { return {"admin", kAny, true}; }
Grant grant_signed_programs() {
  Grant grant{"signed-programs-only", skeleton_commands()};
  grant.signed_by = SignedBy{};
  return grant;
}
bool is_built_in(std::string_view grant) {
  return grant == "none" || grant == "inspect" || grant == "full" || grant == "admin" ||
         grant == "signed-programs-only";
}

bool allows_everything(const Grant& grant) {
  bool has_all_types = grant.program_types == kAny && grant.map_types == kAny && grant.attach_types == kAny;
  return grant.commands == kAny && has_all_types && grant.helpers.is_any() && !grant.attach_to &&
         grant.when.is_none() && !grant.signed_by;
}

std::vector<std::string> names_in(const HelperSet& helpers) {
  std::vector<std::string> names;
  for (unsigned helper = 0; helper < kMaxHelpers; ++helper)
    if (helpers.test(helper)) names.push_back(name_of(kHelpers, helper));
  return names;
}

HelperSet allowed_helpers(const HelperRule& rule) {
  HelperSet allowed = rule.is_list() ? rule.allowed : HelperSet().set();
  if (rule.read_only) allowed |= read_only_helpers();
  return allowed & ~rule.denied;
}

std::set<std::string> allowed_kfuncs(const HelperRule& rule) {
  std::set<std::string> allowed = rule.allowed_kfuncs;
  if (rule.read_only) allowed.insert(read_only_kfuncs().begin(), read_only_kfuncs().end());
  for (const std::string& name : rule.denied_kfuncs) allowed.erase(name);
  return allowed;
}

}  // namespace bpfgate::manifest
