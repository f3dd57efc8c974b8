// SPDX-License-Identifier: MIT
#include "gate/replaced.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <string>

#include "base/unique_fd.h"
#include "gate/guard.h"

namespace bpfgate::gate {
namespace {

template <typename Info, typename GetInfo>
Result<Info> info_of(int fd, GetInfo get_info) {
  Info info = {};
  uint32_t size = sizeof(info);
  if (get_info(fd, &info, &size) != 0) return fail_errno("read what a BPF object is");
  return info;
}

// What kernel functions programs are attached to is told by numbers that may be those of programs; that it is an
// extension says that it is a program's (bpf_trampoline_unpack_key() in kernel/bpf/trampoline.c).
Result<bool> is_extension(uint32_t program) {
  UniqueFd fd(bpf_prog_get_fd_by_id(program));
  if (!fd && errno == ENOENT) return false;
  if (!fd) return fail_errno("open BPF program " + std::to_string(program));
  TRY_ASSIGN(bpf_prog_info info, info_of<bpf_prog_info>(fd.get(), bpf_prog_get_info_by_fd));
  return info.type == BPF_PROG_TYPE_EXT;
}

Result<> check_link(uint32_t id, int guarded) {
  UniqueFd fd(bpf_link_get_fd_by_id(id));
  if (!fd && errno == ENOENT) return {};
  if (!fd) return fail_errno("open BPF link " + std::to_string(id));
  TRY_ASSIGN(bpf_link_info link, info_of<bpf_link_info>(fd.get(), bpf_link_get_info_by_fd));
  if (link.type != BPF_LINK_TYPE_TRACING) return {};
  TRY_ASSIGN(bool is_on_gate, is_guarded(guarded, {GATE_OBJECT_PROGRAM, 0, link.tracing.target_obj_id}));
  TRY_ASSIGN(bool is_own, is_guarded(guarded, {GATE_OBJECT_LINK, 0, id}));
  if (!is_on_gate || is_own) return {};
  TRY_ASSIGN(bool replaces, is_extension(link.prog_id));
  if (!replaces) return {};
  return fail(
      ErrorKind::Refused,
      "BPF link " + std::to_string(id) + " puts program " + std::to_string(link.prog_id) +
          " in the place of a function of the gate",
      "Find out who has made it, take the gate away, and load it again in enforce mode before anybody else runs.");
}

}  // namespace

Result<> check_not_replaced(int guarded) {
  uint32_t id = 0;
  while (bpf_link_get_next_id(id, &id) == 0) TRY(check_link(id, guarded));
  if (errno != ENOENT) return fail_errno("list BPF links");
  return {};
}

}  // namespace bpfgate::gate
