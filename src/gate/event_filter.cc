// SPDX-License-Identifier: MIT
#include "gate/event_filter.h"

#include <fnmatch.h>

#include <algorithm>
#include <string_view>

#include "manifest/text.h"
#include "manifest/vocabulary.h"

namespace bpfgate::gate {
namespace {

using Words = std::vector<std::string>;

Result<> check_words(const Words& words, const Words& known, const std::string& one, const std::string& many) {
  std::vector<std::string_view> candidates(known.begin(), known.end());
  for (const std::string& word : words) {
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    return fail(ErrorKind::Usage, "no " + one + " is named " + manifest::in_quotes(word),
                manifest::suggestion(many, word, candidates));
  }
  return {};
}

// The kernel has two names for one command, and events have but one.
Result<> check_commands(const Words& commands) {
  for (const std::string& command : commands) {
    auto number = manifest::number_of(manifest::kCommands, command);
    if (!number) return fail(ErrorKind::Usage, number.error().message, number.error().remedy);
  }
  return {};
}

bool is_command(const std::string& wanted, const std::string& command) {
  auto number = manifest::number_of(manifest::kCommands, wanted);
  return number && manifest::name_of(manifest::kCommands, *number) == command;
}

template <class List, class Test>
bool allows(const List& list, Test test) {
  return list.empty() || std::any_of(list.begin(), list.end(), test);
}

bool allows_word(const Words& words, const std::string& word) {
  return allows(words, [&](const std::string& wanted) { return wanted == word; });
}

bool allows_name(const Words& globs, const std::string& name) {
  return allows(globs, [&](const std::string& glob) { return ::fnmatch(glob.c_str(), name.c_str(), 0) == 0; });
}

}  // namespace

Result<> check(const EventFilter& filter) {
  TRY(check_words(filter.kinds, kind_words(), "kind of event", "kinds"));
  TRY(check_words(filter.reasons, reason_words(), "reason", "reasons"));
  return check_commands(filter.commands);
}

bool matches(const EventFilter& filter, const Event& event) {
  if (filter.since && event.time < *filter.since) return false;
  if (!allows_word(filter.kinds, event.kind) || !allows_word(filter.reasons, event.reason)) return false;
  bool is_wanted_command = allows(
      filter.commands, [&](const std::string& wanted) { return event.command && is_command(wanted, *event.command); });
  bool is_wanted_process =
      allows(filter.processes, [&](uint32_t wanted) { return wanted == event.tgid || wanted == event.pid; }) &&
      allows(filter.uids, [&](uint32_t wanted) { return wanted == event.uid; });
  return is_wanted_command && is_wanted_process && allows_name(filter.comms, event.comm) &&
         allows_name(filter.executables, event.executable) && allows_name(filter.rules, event.rule);
}

}  // namespace bpfgate::gate
