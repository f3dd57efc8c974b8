// SPDX-License-Identifier: MIT
#include "manifest/diff_grant.h"

#include <algorithm>

#include "manifest/vocabulary.h"

namespace bpfgate::manifest {
namespace {

using Changes = std::vector<Change>;

Words words_of(const std::vector<std::string>& list) { return {list.begin(), list.end()}; }

Words words_of(NumberSet set, const Vocabulary& vocabulary) {
  if (set == kAny) return {"any"};
  return words_of(names_in(set, vocabulary));
}

void compare(const std::string& part, NumberSet before, NumberSet after, const Vocabulary& vocabulary, Changes& out) {
  if (before == after) return;
  Words old_words = words_of(before, vocabulary);
  Words new_words = words_of(after, vocabulary);
  bool is_list = before != kAny && after != kAny;
  std::string text = is_list ? gained_and_lost(old_words, new_words) : joined(old_words) + " -> " + joined(new_words);
  out.push_back({part + " " + text, (after & ~before) != 0, "/" + part});
}

// Of lists that ask nothing when they are empty.
void compare_conditions(const std::string& part, const Words& before, const Words& after, Changes& out) {
  if (before == after) return;
  bool is_list = !before.empty() && !after.empty();
  auto text_of = [](const Words& words) { return words.empty() ? "any" : joined(words); };
  std::string text = is_list ? gained_and_lost(before, after) : text_of(before) + " -> " + text_of(after);
  bool wider = after.empty() || (is_list && includes_more(before, after));
  out.push_back({"when " + part + " " + text, wider, "/when/" + part});
}

template <class T>
Words numbers(const std::vector<T>& list) {
  Words words;
  for (T number : list) words.insert(std::to_string(number));
  return words;
}

void compare(const Condition& before, const Condition& after, Changes& out) {
  compare_conditions("uids", numbers(before.uids), numbers(after.uids), out);
  compare_conditions("gids", numbers(before.gids), numbers(after.gids), out);
  compare_conditions("cgroups", words_of(before.cgroups), words_of(after.cgroups), out);
  auto initial = [](bool only) { return only ? Words{"initial"} : Words{}; };
  compare_conditions("network_namespace", initial(before.initial_network), initial(after.initial_network), out);
  compare_conditions("user_namespace", initial(before.initial_users), initial(after.initial_users), out);
}

bool is_within(const std::set<std::string>& part, const std::set<std::string>& whole) {
  return std::ranges::includes(whole, part);
}

bool allows_more_kfuncs(const HelperRule& before, const HelperRule& after) {
  if (after.is_any() && !before.is_any()) return true;  // those of modules
  if (!after.is_list()) return before.is_list() || !is_within(before.denied_kfuncs, after.denied_kfuncs);
  std::set<std::string> allowed = allowed_kfuncs(after);
  if (before.is_list()) return !is_within(allowed, allowed_kfuncs(before));
  return std::ranges::any_of(before.denied_kfuncs, [&](const std::string& name) { return allowed.contains(name); });
}

void compare(const HelperRule& before, const HelperRule& after, Changes& out) {
  if (before == after) return;
  bool more_helpers = (allowed_helpers(after) & ~allowed_helpers(before)).any();
  out.push_back({"helpers " + in_words(before) + " -> " + in_words(after),
                 more_helpers || allows_more_kfuncs(before, after), "/helpers"});
}

// Every target with its kind, so that all three lists are one set.
Words words_of(const AttachTargets& targets) {
  Words words;
  for (const std::string& glob : targets.functions) words.insert("functions:" + glob);
  for (const std::string& glob : targets.tracepoints) words.insert("tracepoints:" + glob);
  for (const std::string& glob : targets.lsm_hooks) words.insert("lsm_hooks:" + glob);
  return words;
}

void compare(const std::optional<AttachTargets>& before, const std::optional<AttachTargets>& after, Changes& out) {
  if (!before && !after) return;
  if (!before || !after) {
    std::string text = before ? joined(words_of(*before)) + " -> any" : "any -> " + joined(words_of(*after));
    out.push_back({"attach_to " + text, !after, "/attach_to"});
    return;
  }
  Words old_words = words_of(*before);
  Words new_words = words_of(*after);
  if (old_words == new_words) return;
  out.push_back(
      {"attach_to " + gained_and_lost(old_words, new_words), includes_more(old_words, new_words), "/attach_to"});
}

void compare(const std::string& option, bool before, bool after, Changes& out) {
  if (before == after) return;
  out.push_back({option + (after ? " off -> on" : " on -> off"), after, "/" + option});
}

Words signer_words(const SignedBy& signers) {
  return signers.empty() ? Words{"any"} : Words(signers.begin(), signers.end());
}

// Either way round something new is allowed: programs that nobody has signed, or all that verified loaders do.
void compare(const std::optional<SignedBy>& before, const std::optional<SignedBy>& after, Changes& out) {
  if (before == after) return;
  auto text_of = [](const auto& signers) { return signers ? joined(signer_words(*signers)) : "not required"; };
  if (!before || !after) {
    out.push_back({"signed_by " + text_of(before) + " -> " + text_of(after), true, "/signed_by"});
    return;
  }
  bool is_list = !before->empty() && !after->empty();
  Words old_words = signer_words(*before);
  Words new_words = signer_words(*after);
  std::string text = is_list ? gained_and_lost(old_words, new_words) : joined(old_words) + " -> " + joined(new_words);
  out.push_back(
      {"signed_by " + text, after->empty() || (is_list && includes_more(old_words, new_words)), "/signed_by"});
}

}  // namespace

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text.empty() ? "nothing" : text;
}

std::string gained_and_lost(const Words& before, const Words& after) {
  std::string text;
  auto add = [&text](char sign, const std::string& word) { text += (text.empty() ? "" : " ") + (sign + word); };
  for (const std::string& word : after)
    if (!before.contains(word)) add('+', word);
  for (const std::string& word : before)
    if (!after.contains(word)) add('-', word);
  return text;
}

bool includes_more(const Words& before, const Words& after) { return !std::ranges::includes(before, after); }

std::vector<Change> grant_changes(const Grant& before, const Grant& after) {
  Changes out;
  compare("commands", before.commands, after.commands, kCommands, out);
  compare("program_types", before.program_types, after.program_types, kProgramTypes, out);
  compare("map_types", before.map_types, after.map_types, kMapTypes, out);
  compare("attach_types", before.attach_types, after.attach_types, kAttachTypes, out);
  compare(before.attach_to, after.attach_to, out);
  compare(before.when, after.when, out);
  compare(before.helpers, after.helpers, out);
  compare(before.signed_by, after.signed_by, out);
  compare("debug", before.debug, after.debug, out);
  compare("jit", before.jit, after.jit, out);
  return out;
}

}  // namespace bpfgate::manifest
