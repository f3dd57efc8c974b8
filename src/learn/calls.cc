// SPDX-License-Identifier: MIT
#include "learn/calls.h"

#include <linux/bpf.h>

#include "manifest/manifest.h"

namespace bpfgate::learn {
namespace {

using manifest::Call;
using manifest::NumberSet;
using manifest::Target;
using manifest::TargetKind;
using manifest::Vocabulary;

constexpr NumberSet bit(unsigned number) { return NumberSet{1} << number; }

// What each set of types counts for (docs/MANIFEST.md, "Types").
constexpr NumberSet with_program_types = bit(BPF_PROG_LOAD);
constexpr NumberSet with_map_types = bit(BPF_MAP_CREATE);
constexpr NumberSet with_attach_types =
    bit(BPF_PROG_LOAD) | bit(BPF_LINK_CREATE) | bit(BPF_PROG_ATTACH) | bit(BPF_RAW_TRACEPOINT_OPEN);

Result<std::optional<unsigned>> number_in(const Vocabulary& vocabulary, const std::optional<std::string>& word) {
  if (!word) return std::nullopt;
  TRY_ASSIGN(unsigned number, manifest::number_of(vocabulary, *word));
  return number;
}

// What is beyond the vocabulary counts as beyond every rule.
std::vector<unsigned> helper_numbers(const std::vector<std::string>& names) {
  std::vector<unsigned> numbers;
  numbers.reserve(names.size());
  for (const std::string& name : names)
    numbers.push_back(manifest::number_of(manifest::kHelpers, name).value_or(unsigned{manifest::kMaxHelpers}));
  return numbers;
}

// As the kernel's types call it: hooks and tracepoints have a prefix there.
std::optional<Target> target_of(const gate::Event& event, const Call& call) {
  constexpr std::string_view hook = "bpf_lsm_";
  constexpr std::string_view tracepoint = "btf_trace_";
  if (!event.target) return std::nullopt;
  std::string name = *event.target;
  if (name.starts_with(hook)) return Target{TargetKind::LsmHook, name.substr(hook.size())};
  if (name.starts_with(tracepoint)) return Target{TargetKind::Tracepoint, name.substr(tracepoint.size())};
  if (call.program_type == unsigned{BPF_PROG_TYPE_LSM}) return Target{TargetKind::LsmHook, name};
  if (call.attach_type == unsigned{BPF_TRACE_RAW_TP}) return Target{TargetKind::Tracepoint, name};
  return Target{TargetKind::Function, name};
}

void add_to(NumberSet& set, const std::optional<unsigned>& number) {
  if (number && *number < 64) set |= bit(*number);
}

bool is_read_only(const std::string& helper) {
  auto number = manifest::number_of(manifest::kHelpers, helper);
  return number && manifest::read_only_helpers().test(*number);
}

bool has_nameless_kfuncs(const gate::Event& event) { return event.kfunc_count > event.kfuncs.size(); }

}  // namespace

Result<Call> call_of(const gate::Event& event) {
  Call call;
  if (!event.command) return fail(ErrorKind::Invalid, "the event is about no command");
  TRY_ASSIGN(call.command, manifest::number_of(manifest::kCommands, *event.command));
  TRY_ASSIGN(call.program_type, number_in(manifest::kProgramTypes, event.program_type));
  TRY_ASSIGN(call.map_type, number_in(manifest::kMapTypes, event.map_type));
  TRY_ASSIGN(call.attach_type, number_in(manifest::kAttachTypes, event.attach_type));
  call.target = target_of(event, call);
  call.helpers = helper_numbers(event.helpers);
  call.kfuncs = event.kfuncs;
  call.module_kfuncs = has_nameless_kfuncs(event);
  return call;
}

bool tells_of_code(const gate::Event& event) {
  return event.kind == "would-refuse" || !event.helpers.empty() || event.kfunc_count > 0;
}

void Calls::add(const Call& call, const gate::Event& event) {
  add_to(grant_.commands, call.command);
  add_to(grant_.program_types, call.program_type);
  add_to(grant_.map_types, call.map_type);
  add_to(grant_.attach_types, call.attach_type);
  if (call.command == BPF_PROG_LOAD) add_code(call, event);
}

void Calls::add_code(const Call& call, const gate::Event& event) {
  if (!tells_of_code(event)) has_unseen_code_ = true;
  for (unsigned helper : call.helpers) {
    if (helper < helpers_.size()) helpers_.set(helper);
    needs_any_ = needs_any_ || helper >= helpers_.size();
  }
  for (const std::string& kfunc : call.kfuncs) {
    kfuncs_.insert(manifest::kfunc_name(kfunc));
    needs_any_ = needs_any_ || !manifest::is_function_name(kfunc);
  }
  needs_any_ = needs_any_ || call.module_kfuncs || kfuncs_.size() > manifest::kMaxListedKfuncs;
  for (const std::string& helper : event.helpers)
    if (!is_read_only(helper)) not_read_only_.insert("the helper " + helper);
  for (const std::string& kfunc : event.kfuncs)
    if (!manifest::read_only_kfuncs().contains(manifest::kfunc_name(kfunc)))
      not_read_only_.insert("the kernel function " + kfunc);
  if (has_nameless_kfuncs(event)) not_read_only_.insert("kernel functions that the event does not name");
}

manifest::Grant Calls::grant(const std::string& name) const {
  manifest::Grant grant = grant_;
  grant.name = name;
  if ((grant.commands & with_program_types) == 0) grant.program_types = manifest::kAny;
  if ((grant.commands & with_map_types) == 0) grant.map_types = manifest::kAny;
  if ((grant.commands & with_attach_types) == 0) grant.attach_types = manifest::kAny;
  if ((grant.commands & with_program_types) == 0 || needs_any_) return grant;
  grant.helpers = {
      .read_only = has_unseen_code_, .only_listed = !has_unseen_code_, .allowed = helpers_, .allowed_kfuncs = kfuncs_};
  return grant;
}

}  // namespace bpfgate::learn
