// SPDX-License-Identifier: MIT
#include "caller.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace bpfgate::vm {
namespace {

constexpr uint8_t call_opcode = BPF_JMP | BPF_CALL;

bpf_insn call_of(uint8_t kind, int32_t what, int16_t module = 0) {
  bpf_insn instruction = {};
  instruction.code = call_opcode;
  instruction.src_reg = kind & 0xf;
  instruction.off = module;
  instruction.imm = what;
  return instruction;
}

bpf_insn plain(uint8_t code) {
  bpf_insn instruction = {};
  instruction.code = code;
  return instruction;
}

// A name that this kernel has not would be refused by itself, and prove nothing.
int32_t id_named(const btf* types, const std::string& name, uint32_t kind) {
  int32_t id = btf__find_by_name_kind(types, name.c_str(), kind);
  if (id > 0) return id;
  std::fprintf(stderr, "oracle: this kernel has no %s\n", name.c_str());
  std::exit(2);
}

// The calls stand behind the exit: the verifier will refuse them there, and the gate, which comes first, has seen them.
std::vector<bpf_insn> code_of(const manifest::Call& call, const btf* types) {
  std::vector<bpf_insn> code = {plain(BPF_ALU64 | BPF_MOV | BPF_K), plain(BPF_JMP | BPF_EXIT)};
  for (unsigned helper : call.helpers) code.push_back(call_of(0, static_cast<int32_t>(helper)));
  for (const std::string& name : call.kfuncs)
    code.push_back(call_of(BPF_PSEUDO_KFUNC_CALL, id_named(types, name, BTF_KIND_FUNC)));
  if (call.module_kfuncs) code.push_back(call_of(BPF_PSEUDO_KFUNC_CALL, 1, 1));
  if (code.size() > 2) code.push_back(plain(BPF_JMP | BPF_EXIT));
  return code;
}

uint32_t id_of(const manifest::Target& target, const btf* types) {
  bool is_tracepoint = target.kind == manifest::TargetKind::Tracepoint;
  std::string prefix = is_tracepoint ? "btf_trace_" : target.kind == manifest::TargetKind::LsmHook ? "bpf_lsm_" : "";
  return static_cast<uint32_t>(id_named(types, prefix + target.name, is_tracepoint ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC));
}

long load(const manifest::Call& call, const btf* types) {
  std::vector<bpf_insn> code = code_of(call, types);
  bpf_attr attr = {};
  attr.prog_type = call.program_type.value_or(0);
  attr.expected_attach_type = call.attach_type.value_or(0);
  attr.insns = reinterpret_cast<uintptr_t>(code.data());
  attr.insn_cnt = static_cast<uint32_t>(code.size());
  attr.license = reinterpret_cast<uintptr_t>("GPL");
  if (call.target) attr.attach_btf_id = id_of(*call.target, types);
  return ::syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

void describe(const manifest::Call& call, bpf_attr& attr) {
  switch (call.command) {
    case BPF_MAP_CREATE:
      attr.map_type = call.map_type.value_or(0);
      break;
    case BPF_LINK_CREATE:
      attr.link_create.prog_fd = ~0U;
      attr.link_create.attach_type = call.attach_type.value_or(0);
      break;
    case BPF_PROG_ATTACH:
      attr.target_fd = ~0U;
      attr.attach_bpf_fd = ~0U;
      attr.attach_type = call.attach_type.value_or(0);
      break;
    case BPF_RAW_TRACEPOINT_OPEN:
      attr.raw_tracepoint.prog_fd = ~0U;
      if (call.attach_type) attr.raw_tracepoint.name = reinterpret_cast<uintptr_t>("sched_switch");
      break;
    default:
      break;
  }
}

bool enter_cgroup(const std::string& path) {
  std::filesystem::path directory = "/sys/fs/cgroup" + path;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  std::ofstream processes(directory / "cgroup.procs");
  processes << 0 << std::flush;
  return !error && processes.good();
}

bool take_ids(const manifest::Caller& caller) {
  std::vector<gid_t> groups(caller.gids.begin(), caller.gids.end());
  gid_t first = groups.empty() ? 0 : groups.front();
  return ::prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == 0 && ::setgroups(groups.size(), groups.data()) == 0 &&
         ::setresgid(first, first, first) == 0 && ::setresuid(caller.uid, caller.uid, caller.uid) == 0;
}

}  // namespace

int perform(const manifest::Call& call, const btf* types) {
  long result = 0;
  if (call.command == BPF_PROG_LOAD) {
    result = load(call, types);
  } else {
    bpf_attr attr = {};
    describe(call, attr);
    result = ::syscall(SYS_bpf, call.command, &attr, sizeof(attr));
  }
  if (result < 0) return errno;
  ::close(static_cast<int>(result));
  return 0;
}

bool become(const manifest::Caller& caller) {
  if (!enter_cgroup(caller.cgroup)) return false;
  if (!caller.initial_network && ::unshare(CLONE_NEWNET) != 0) return false;
  if (!take_ids(caller)) return false;
  // Last, because no capability is left for the host's then.
  return caller.initial_users || ::unshare(CLONE_NEWUSER) == 0;
}

}  // namespace bpfgate::vm
