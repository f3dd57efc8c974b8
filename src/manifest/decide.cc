// SPDX-License-Identifier: MIT
#include "manifest/decide.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

namespace bpfgate::manifest {
namespace {

constexpr std::array<std::string_view, 10> answer_words = {"command-not-granted",  "program-type-not-granted",
                                                           "map-type-not-granted", "attach-type-not-granted",
                                                           "target-not-granted",   "condition-not-met",
                                                           "helper-not-granted",   "kfunc-not-granted",
                                                           "program-not-signed",   "granted"};

constexpr unsigned cgroup_skb = 8;     // BPF_PROG_TYPE_CGROUP_SKB
constexpr unsigned cgroup_sock = 9;    // BPF_PROG_TYPE_CGROUP_SOCK
constexpr unsigned sk_reuseport = 21;  // BPF_PROG_TYPE_SK_REUSEPORT
constexpr unsigned struct_ops = 27;    // BPF_PROG_TYPE_STRUCT_OPS
constexpr unsigned extension = 28;     // BPF_PROG_TYPE_EXT
constexpr unsigned cgroup_inet_sock_create = 2;
constexpr unsigned sk_reuseport_select = 39;
constexpr unsigned first_poison = 0x10000;   // what libbpf leaves in code that cannot be reached
constexpr unsigned prog_load = 5;            // BPF_PROG_LOAD
constexpr unsigned link_create = 28;         // BPF_LINK_CREATE
constexpr unsigned first_multi_fentry = 59;  // BPF_TRACE_FENTRY_MULTI and the two after it

bool has(NumberSet set, const std::optional<unsigned>& number) {
  return set == kAny || !number || contains(set, *number);
}

bool matches(const std::vector<std::string>& globs, const std::string& name) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return ::fnmatch(glob.c_str(), name.c_str(), 0) == 0; });
}

bool allows_target(const std::optional<AttachTargets>& allowed, const Call& call) {
  if (!allowed) return true;
  // Named when the link is made, in memory of the process, and by then not to be known for certain.
  if (call.command == link_create && call.attach_type && *call.attach_type >= first_multi_fentry) return false;
  if (call.command != prog_load) return true;
  if (!call.target) return false;
  switch (call.target->kind) {
    case TargetKind::Function:
      return !call.target->name.starts_with("bpf_lsm_") && matches(allowed->functions, call.target->name);
    case TargetKind::Tracepoint:
      return matches(allowed->tracepoints, call.target->name);
    case TargetKind::LsmHook:
      return matches(allowed->lsm_hooks, call.target->name);
  }
  return false;
}

bool is_below(const std::string& path, const std::string& ancestor) {
  return path.starts_with(ancestor) && (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

bool holds(const Condition& when, const Caller& caller) {
  auto is_user = std::find(when.uids.begin(), when.uids.end(), caller.uid) != when.uids.end();
  auto is_member = std::any_of(caller.gids.begin(), caller.gids.end(), [&](uint32_t gid) {
    return std::find(when.gids.begin(), when.gids.end(), gid) != when.gids.end();
  });
  auto is_inside = std::any_of(when.cgroups.begin(), when.cgroups.end(),
                               [&](const std::string& path) { return is_below(caller.cgroup, path); });
  return (when.uids.empty() || is_user) && (when.gids.empty() || is_member) && (when.cgroups.empty() || is_inside) &&
         (!when.initial_network || caller.initial_network) && (!when.initial_users || caller.initial_users);
}

bool allows_helper(const HelperRule& rule, unsigned helper) {
  if (helper >= first_poison) return true;
  if (helper >= kMaxHelpers) return rule.is_any();
  if (rule.denied.test(helper)) return false;
  return !rule.is_list() || rule.allowed.test(helper) || (rule.read_only && read_only_helpers().test(helper));
}

bool allows_kfunc(const HelperRule& rule, const std::string& kfunc) {
  const std::string name = kfunc_name(kfunc);
  if (rule.denied_kfuncs.contains(name)) return false;
  return !rule.is_list() || rule.allowed_kfuncs.contains(name) || (rule.read_only && read_only_kfuncs().contains(name));
}

// Which of a module's functions is called cannot be told from the instructions, so a rule allows none of them.
Answer ask_about_calls(const HelperRule& rule, const Call& call) {
  for (unsigned helper : call.helpers)
    if (!allows_helper(rule, helper)) return Answer::HelperNotGranted;
  if (call.module_kfuncs && !rule.is_any()) return Answer::KfuncNotGranted;
  for (const std::string& kfunc : call.kfuncs)
    if (!allows_kfunc(rule, kfunc)) return Answer::KfuncNotGranted;
  return Answer::Granted;
}

bool is_vouched_for(const SignedBy& signed_by, const Call& call) {
  if (call.exclusive_map) return true;
  return call.signer && (signed_by.empty() || std::ranges::find(signed_by, *call.signer) != signed_by.end());
}

}  // namespace

std::string_view name_of(Answer answer) { return answer_words.at(static_cast<size_t>(answer)); }

Answer ask(const Grant& grant, const Caller& caller, const Call& call) {
  auto vouched = [&] { return !grant.signed_by || is_vouched_for(*grant.signed_by, call); };
  if (call.by_kernel && grant.signed_by) {
    if (!holds(grant.when, caller)) return Answer::ConditionNotMet;
    return vouched() ? Answer::Granted : Answer::ProgramNotSigned;
  }
  if (!contains(grant.commands, call.command)) return Answer::CommandNotGranted;
  if (!has(grant.program_types, call.program_type)) return Answer::ProgramTypeNotGranted;
  if (!has(grant.map_types, call.map_type)) return Answer::MapTypeNotGranted;
  if (!has(grant.attach_types, call.attach_type)) return Answer::AttachTypeNotGranted;
  if (call.program_type == extension && grant.attach_types != kAny) return Answer::AttachTypeNotGranted;
  if (!allows_target(grant.attach_to, call)) return Answer::TargetNotGranted;
  if (!holds(grant.when, caller)) return Answer::ConditionNotMet;
  Answer answer = ask_about_calls(grant.helpers, call);
  return answer != Answer::Granted || vouched() ? answer : Answer::ProgramNotSigned;
}

Decision decide(const Manifest& manifest, const std::vector<std::string>& grants, const Caller& caller,
                const Call& call) {
  Decision closest;
  for (const auto& [name, grant] : manifest.grants) {
    if (std::find(grants.begin(), grants.end(), name) == grants.end()) continue;
    Answer answer = ask(grant, caller, call);
    if (answer == Answer::Granted) return {answer, name};
    if (closest.grant.empty() || answer > closest.answer) closest = {answer, name};
  }
  return closest;
}

std::optional<unsigned> attach_type_of_load(unsigned program_type, unsigned expected) {
  if (program_type == struct_ops) return std::nullopt;
  if (expected != 0 || program_type == cgroup_skb) return expected;
  if (program_type == cgroup_sock) return cgroup_inet_sock_create;
  if (program_type == sk_reuseport) return sk_reuseport_select;
  return std::nullopt;
}

}  // namespace bpfgate::manifest
