// SPDX-License-Identifier: MIT
#include <algorithm>
#include <iterator>

#include "manifest/manifest.h"
#include "manifest/text.h"

namespace bpfgate::manifest {
namespace {

std::string in_words(NumberSet set, const Vocabulary& vocabulary) {
  return set == kAny ? "any" : listed(names_in(set, vocabulary));
}

template <class Number>
std::string numbers(const std::vector<Number>& list) {
  std::vector<std::string> words;
  words.reserve(list.size());
  for (Number number : list) words.push_back(std::to_string(number));
  return listed(words);
}

void append_condition(const Condition& when, std::vector<std::string>& lines) {
  if (!when.uids.empty()) lines.push_back("when uid is one of " + numbers(when.uids));
  if (!when.gids.empty()) lines.push_back("when a group is one of " + numbers(when.gids));
  if (!when.cgroups.empty()) lines.push_back("when in cgroup " + listed(when.cgroups));
  if (when.initial_network) lines.emplace_back("when in the host's network namespace");
  if (when.initial_users) lines.emplace_back("when in the host's user namespace");
}

void append_targets(const AttachTargets& targets, std::vector<std::string>& lines) {
  lines.push_back("attached to functions " + listed(targets.functions) + "; tracepoints " +
                  listed(targets.tracepoints) + "; LSM hooks " + listed(targets.lsm_hooks));
}

std::vector<std::string> names_of(const HelperSet& helpers, const std::set<std::string>& kfuncs) {
  std::vector<std::string> names(kfuncs.begin(), kfuncs.end());
  std::ranges::copy(names_in(helpers), std::back_inserter(names));
  return names;
}

}  // namespace

std::string in_words(const HelperRule& rule) {
  std::string text = rule.is_list() ? "none" : "any";
  std::vector<std::string> allowed = names_of(rule.allowed, rule.allowed_kfuncs);
  std::vector<std::string> denied = names_of(rule.denied, rule.denied_kfuncs);
  if (!allowed.empty()) text = "only " + listed(allowed);
  if (rule.read_only) text = "read-only" + (allowed.empty() ? "" : " and " + listed(allowed));
  return denied.empty() ? text : text + " without " + listed(denied);
}

std::vector<std::string> describe(const Grant& grant) {
  std::vector<std::string> lines = {"commands: " + in_words(grant.commands, kCommands)};
  if (grant.program_types != kAny) lines.push_back("program types: " + in_words(grant.program_types, kProgramTypes));
  if (grant.map_types != kAny) lines.push_back("map types: " + in_words(grant.map_types, kMapTypes));
  if (grant.attach_types != kAny) lines.push_back("attach types: " + in_words(grant.attach_types, kAttachTypes));
  if (!grant.helpers.is_any()) lines.push_back("helpers: " + in_words(grant.helpers));
  if (grant.attach_to) append_targets(*grant.attach_to, lines);
  append_condition(grant.when, lines);
  if (grant.signed_by)
    lines.push_back("programs signed by " +
                    (grant.signed_by->empty() ? "any signer of programs" : listed(*grant.signed_by)) +
                    ", and what it takes to load and attach them");
  if (grant.admin) lines.emplace_back("reaches the gate itself");
  if (grant.debug) lines.emplace_back("may be debugged, and loses its mark by that");
  if (grant.jit) lines.emplace_back("may have anonymous executable memory");
  return lines;
}

}  // namespace bpfgate::manifest
