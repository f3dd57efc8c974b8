// SPDX-License-Identifier: MIT
#include "gate/holders.h"

#include <sstream>

#include "gate/guard.h"
#include "gate/proc.h"

namespace bpfgate::gate {
namespace {

// What fdinfo says the descriptor is (bpf_map_show_fdinfo() and its like in kernel/bpf/syscall.c): lines of
// "map_id:\t12".
std::vector<gate_object> objects_in(const std::string& fdinfo) {
  std::vector<gate_object> objects;
  std::istringstream words(fdinfo);
  std::string key;
  uint32_t id = 0;
  while (words >> key) {
    if (key == "map_id:" && words >> id) objects.push_back({GATE_OBJECT_MAP, 0, id});
    if (key == "prog_id:" && words >> id) objects.push_back({GATE_OBJECT_PROGRAM, 0, id});
  }
  return objects;
}

// A link's fdinfo names its program, and the link is not the program.
bool is_map_or_program(const std::string& target) {
  return target == "anon_inode:bpf-map" || target == "anon_inode:bpf-prog";
}

// It has the map, and the program that may write it, though the link has gone; and does not say which map that is. What
// is open of a link's pin keeps the link, which check_not_replaced() finds (bpf_destroy_inode() in kernel/bpf/inode.c).
bool may_walk_over_map(const Descriptor& descriptor) { return descriptor.target == "anon_inode:bpf_iter"; }

Result<bool> is_guarded_descriptor(const Descriptor& descriptor, int guarded) {
  if (may_walk_over_map(descriptor)) return true;
  if (!is_map_or_program(descriptor.target)) return false;
  TRY_ASSIGN(std::optional<std::string> fdinfo, read_fdinfo(descriptor.thread, descriptor.number));
  if (!fdinfo) return false;
  for (const gate_object& object : objects_in(*fdinfo)) {
    TRY_ASSIGN(bool found, is_guarded(guarded, object));
    if (found) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<Holder>> holders_of(int guarded) {
  std::vector<Holder> holders;
  auto counts = [&](const Descriptor& descriptor) { return is_guarded_descriptor(descriptor, guarded); };
  TRY_ASSIGN(std::vector<std::filesystem::path> processes, other_processes());
  for (const std::filesystem::path& process : processes) {
    TRY_ASSIGN(Counted found, count_descriptors(process, counts));
    if (found.count != 0) holders.push_back({pid_of(process.filename()), executable_of(found.thread), found.count});
  }
  return holders;
}

}  // namespace bpfgate::gate
