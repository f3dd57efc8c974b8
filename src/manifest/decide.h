// SPDX-License-Identifier: MIT
// What a policy says about one call of bpf(2): the rules of bpf/grant.bpf.h in plain words, for explaining decisions
// and for tests to hold the kernel to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/manifest.h"

namespace bpfgate::manifest {

enum class TargetKind { Function, Tracepoint, LsmHook };

// What a program says when it is loaded that it is to be attached to: something of the kernel itself. What is in a
// module or another program a policy cannot name.
struct Target {
  TargetKind kind = TargetKind::Function;
  std::string name;
};

struct Call {
  unsigned command = 0;
  std::optional<unsigned> program_type = std::nullopt;  // of BPF_PROG_LOAD
  std::optional<unsigned> map_type = std::nullopt;      // of BPF_MAP_CREATE
  std::optional<unsigned> attach_type = std::nullopt;   // of loading what has one, and of attaching
  std::optional<Target> target = std::nullopt;          // of BPF_PROG_LOAD
  std::vector<unsigned> helpers = {};                   // that the program calls
  std::vector<std::string> kfuncs = {};                 // of the kernel itself
  bool module_kfuncs = false;                           // it calls functions of modules
  bool by_kernel = false;                               // for a program of type "syscall" that runs
  // The signer of programs, of this policy, who vouches for the call: of the program that is loaded or run, or that the
  // kernel makes the call for, or whose loader has loaded the one that is attached. All of them do for exclusive maps,
  // where there is one.
  std::optional<std::string> signer = std::nullopt;
  bool exclusive_map = false;
};

struct Caller {
  uint32_t uid = 0;
  std::vector<uint32_t> gids = {};
  std::string cgroup = "/";
  bool initial_network = true;
  bool initial_users = true;
};

// In the order in which a grant is asked: the further an answer is down, the closer the grant came. The names are those
// of enum gate_reason in bpf/gate_abi.h.
enum class Answer {
  CommandNotGranted,
  ProgramTypeNotGranted,
  MapTypeNotGranted,
  AttachTypeNotGranted,
  TargetNotGranted,
  ConditionNotMet,
  HelperNotGranted,
  KfuncNotGranted,
  ProgramNotSigned,
  Granted,
};
std::string_view name_of(Answer answer);  // "command-not-granted", ..., "granted"

struct Decision {
  Answer answer = Answer::CommandNotGranted;
  std::string grant;  // the one that grants it, or that came closest; empty without grants
};

// One grant must allow the whole call. Grants are asked in the order of their names, the first that allows it decides;
// when none does, the one that came closest is named.
Decision decide(const Manifest& manifest, const std::vector<std::string>& grants, const Caller& caller,
                const Call& call);

Answer ask(const Grant& grant, const Caller& caller, const Call& call);

// What a program of this type attaches by: nullopt where `expected` is no attach type but the field's zero.
std::optional<unsigned> attach_type_of_load(unsigned program_type, unsigned expected);

}  // namespace bpfgate::manifest
