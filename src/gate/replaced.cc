// SPDX-License-Identifier: MIT
#include "gate/replaced.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "gate/guard.h"
#include "gate/pins.h"

namespace bpfgate::gate {
namespace {

using Program = std::optional<bpf_prog_info>;

// Nothing where it has gone meanwhile. With room in `maps`, the ids of the program's are put there.
Result<Program> program(uint32_t id, std::vector<uint32_t>& maps) {
  UniqueFd fd(bpf_prog_get_fd_by_id(id));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) return fail_errno("open BPF program " + std::to_string(id));
  bpf_prog_info info = {};
  uint32_t size = sizeof(info);
  info.nr_map_ids = static_cast<uint32_t>(maps.size());
  info.map_ids = reinterpret_cast<uintptr_t>(maps.data());
  if (bpf_prog_get_info_by_fd(fd.get(), &info, &size) != 0)
    return fail_errno("read what BPF program " + std::to_string(id) + " is");
  return info;
}

Result<Program> program(uint32_t id) {
  std::vector<uint32_t> none;
  return program(id, none);
}

// What kernel functions programs are attached to is told by numbers that may be those of programs; that it is an
// extension says that it is a program's (bpf_trampoline_unpack_key() in kernel/bpf/trampoline.c).
Result<bool> is_extension(uint32_t id) {
  TRY_ASSIGN(Program found, program(id));
  return found && found->type == BPF_PROG_TYPE_EXT;
}

Failure refused(const std::string& what) {
  return fail(
      ErrorKind::Refused, what,
      "Find out who has made it, take the gate away, and load it again in enforce mode before anybody else runs.");
}

// A program that walks over a map may write its values, and whoever opens the link's pin runs it: no hook sees that.
// The map is none of the program's own.
Result<> check_iterator(uint32_t id, const bpf_link_info& link, int guarded) {
  TRY_ASSIGN(bool is_gates, is_guarded(guarded, {GATE_OBJECT_MAP, 0, link.iter.map.map_id}));
  if (!is_gates) return {};
  return refused("BPF link " + std::to_string(id) + " walks over the gate's map " +
                 std::to_string(link.iter.map.map_id));
}

Result<> check_link(uint32_t id, int guarded) {
  UniqueFd fd(bpf_link_get_fd_by_id(id));
  if (!fd && errno == ENOENT) return {};
  if (!fd) return fail_errno("open BPF link " + std::to_string(id));
  bpf_link_info link = {};
  uint32_t size = sizeof(link);
  if (bpf_link_get_info_by_fd(fd.get(), &link, &size) != 0)
    return fail_errno("read what BPF link " + std::to_string(id) + " is");
  if (link.type == BPF_LINK_TYPE_ITER) return check_iterator(id, link, guarded);
  if (link.type != BPF_LINK_TYPE_TRACING) return {};
  TRY_ASSIGN(bool is_on_gate, is_guarded(guarded, {GATE_OBJECT_PROGRAM, 0, link.tracing.target_obj_id}));
  TRY_ASSIGN(bool is_own, is_guarded(guarded, {GATE_OBJECT_LINK, 0, id}));
  if (!is_on_gate || is_own) return {};
  TRY_ASSIGN(bool replaces, is_extension(link.prog_id));
  if (!replaces) return {};
  return refused("BPF link " + std::to_string(id) + " puts program " + std::to_string(link.prog_id) +
                 " in the place of a function of the gate");
}

Result<bool> is_of_gate(uint32_t program, int guarded) {
  return is_guarded(guarded, {GATE_OBJECT_PROGRAM, 0, program});
}

// Those of others: whoever has a descriptor of one attaches it to what it was loaded for, and no hook sees that; and by
// its maps it writes the gate's.
Result<> check_program(uint32_t id, const std::set<uint32_t>& types_of_gate, int guarded) {
  TRY_ASSIGN(Program found, program(id));
  if (!found) return {};
  if (found->type == BPF_PROG_TYPE_EXT && types_of_gate.contains(found->attach_btf_obj_id))
    return refused("BPF program " + std::to_string(id) + " was loaded for the place of a function of the gate");
  std::vector<uint32_t> maps(found->nr_map_ids);
  TRY(program(id, maps));
  for (uint32_t map : maps) {
    TRY_ASSIGN(bool is_gates, is_guarded(guarded, {GATE_OBJECT_MAP, 0, map}));
    if (is_gates) return refused("BPF program " + std::to_string(id) + " has the gate's map " + std::to_string(map));
  }
  return {};
}

Result<> check_programs(int guarded) {
  TRY_ASSIGN(std::vector<uint32_t> ids, programs_present());
  std::vector<uint32_t> others;
  std::set<uint32_t> types_of_gate;
  for (uint32_t id : ids) {
    TRY_ASSIGN(bool is_gates, is_of_gate(id, guarded));
    if (!is_gates) {
      others.push_back(id);
      continue;
    }
    TRY_ASSIGN(Program own, program(id));
    if (own) types_of_gate.insert(own->btf_id);
  }
  for (uint32_t id : others) TRY(check_program(id, types_of_gate, guarded));
  return {};
}

}  // namespace

Result<> check_not_replaced(int guarded) {
  uint32_t id = 0;
  while (bpf_link_get_next_id(id, &id) == 0) TRY(check_link(id, guarded));
  if (errno != ENOENT) return fail_errno("list BPF links");
  return check_programs(guarded);
}

}  // namespace bpfgate::gate
