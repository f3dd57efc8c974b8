// SPDX-License-Identifier: MIT
#include "manifest/parse_grant.h"

#include <array>
#include <limits>
#include <set>

#include "manifest/keys.h"
#include "manifest/manifest.h"
#include "manifest/text.h"

namespace bpfgate::manifest {
namespace {

// An element that is there already is an error, so that nobody takes the second for another one.
Result<NumberSet> parse_set(const Place& place, const Vocabulary& vocabulary) {
  if (place.is_string()) {
    constexpr std::array<std::string_view, 1> words = {"any"};
    TRY(place.word(std::string(vocabulary.one) + " list", words));
    return kAny;
  }
  TRY_ASSIGN(size_t count, place.array_size(vocabulary.names.size()));
  NumberSet set = 0;
  for (size_t i = 0; i < count; ++i) {
    Place element = place.element(i);
    TRY_ASSIGN(std::string name, element.text(kMaxManifestBytes));
    auto number = number_of(vocabulary, name);
    if (!number) return element.fail(number.error().message, number.error().remedy);
    if (contains(set, *number))
      return element.fail("the " + std::string(vocabulary.one) + " " + in_quotes(name) + " is listed twice",
                          "remove one");
    set |= NumberSet{1} << *number;
  }
  return set;
}

Result<NumberSet> parse_optional_set(const Place& grant, std::string_view key, const Vocabulary& vocabulary) {
  auto place = grant.optional_member(key);
  if (!place) return kAny;
  return parse_set(*place, vocabulary);
}

Result<bool> parse_option(const Place& grant, std::string_view key) {
  auto option = grant.optional_member(key);
  if (!option) return false;
  return option->boolean();
}

// Calls `take` with each element of the array at `key`, if there is one.
template <class Take>
Result<> for_each(const Place& object, std::string_view key, size_t limit, Take take) {
  auto place = object.optional_member(key);
  if (!place) return {};
  TRY_ASSIGN(size_t count, place->array_size(limit));
  for (size_t i = 0; i < count; ++i) TRY(take(place->element(i)));
  return {};
}

Result<> take_helper(const Place& element, HelperSet& list) {
  TRY_ASSIGN(std::string name, element.text(kMaxManifestBytes));
  auto number = number_of(kHelpers, name);
  if (!number) return element.fail(number.error().message, number.error().remedy);
  if (list.test(*number)) return element.fail("the helper " + in_quotes(name) + " is listed twice", "remove one");
  list.set(*number);
  return {};
}

Result<> take_kfunc(const Place& element, std::set<std::string>& list) {
  TRY_ASSIGN(std::string name, element.text(kMaxNameBytes));
  if (!is_function_name(name))
    return element.fail(in_quotes(name) + " is no function's name",
                        "write it as the kernel does: bpf_dynptr_slice_rdwr");
  if (!list.insert(kfunc_name(name)).second)
    return element.fail("the kfunc " + in_quotes(name) + " is listed twice", "remove one");
  return {};
}

struct CallKeys {
  const char* helpers;
  const char* kfuncs;
};

Result<> take_calls(const Place& place, CallKeys keys, HelperSet& helpers, std::set<std::string>& kfuncs) {
  TRY(for_each(place, keys.helpers, kMaxHelpers, [&](const Place& element) { return take_helper(element, helpers); }));
  return for_each(place, keys.kfuncs, kMaxListedKfuncs,
                  [&](const Place& element) { return take_kfunc(element, kfuncs); });
}

Result<HelperRule> parse_helper_lists(const Place& place) {
  HelperRule rule;
  TRY(place.check_object(keys::helpers));
  if (auto kind = place.optional_member("class")) {
    constexpr std::array<std::string_view, 1> words = {"read-only"};
    TRY(kind->word("class of helpers", words));
    rule.read_only = true;
  }
  bool lists = place.optional_member("allow") || place.optional_member("allow_kfuncs");
  rule.only_listed = lists && !rule.read_only;
  TRY(take_calls(place, {"allow", "allow_kfuncs"}, rule.allowed, rule.allowed_kfuncs));
  TRY(take_calls(place, {"deny", "deny_kfuncs"}, rule.denied, rule.denied_kfuncs));
  // As "any" it would let programs go unseen; whoever writes it may mean the contrary.
  if (rule.is_any()) return place.fail("denies nothing", "write \"any\" for that; \"allow\": [] allows nothing");
  return rule;
}

Result<HelperRule> parse_helpers(const Place& grant) {
  HelperRule rule;
  auto place = grant.optional_member("helpers");
  if (!place) return rule;
  if (!place->is_string()) return parse_helper_lists(*place);
  constexpr std::array<std::string_view, 2> words = {"any", "read-only"};
  TRY_ASSIGN(size_t word, place->word("rule for helpers", words));
  rule.read_only = word == 1;
  return rule;
}

Result<> take_glob(const Place& element, std::vector<std::string>& globs) {
  TRY_ASSIGN(std::string glob, element.text(kMaxNameBytes));
  if (glob.find_first_of(" /\\") != std::string::npos)
    return element.fail(in_quotes(glob) + " can match no name", "use letters, digits, _ and the wildcards * ? [...]");
  globs.push_back(glob);
  return {};
}

Result<std::optional<AttachTargets>> parse_targets(const Place& grant) {
  auto place = grant.optional_member("attach_to");
  if (!place) return std::nullopt;
  TRY(place->check_object(keys::attach_to));
  AttachTargets targets;
  auto into = [](std::vector<std::string>& globs) {
    return [&globs](const Place& element) { return take_glob(element, globs); };
  };
  TRY(for_each(*place, "functions", kMaxGlobs, into(targets.functions)));
  TRY(for_each(*place, "tracepoints", kMaxGlobs, into(targets.tracepoints)));
  TRY(for_each(*place, "lsm_hooks", kMaxGlobs, into(targets.lsm_hooks)));
  return targets;
}

Result<> take_id(const Place& element, std::vector<uint32_t>& ids) {
  // The largest is "nobody in particular" to the kernel (INVALID_UID).
  TRY_ASSIGN(uint64_t id, element.integer(0, std::numeric_limits<uint32_t>::max() - 1));
  ids.push_back(static_cast<uint32_t>(id));
  return {};
}

// The gate compares names level by level.
Result<> take_cgroup(const Place& element, std::vector<std::string>& cgroups) {
  constexpr const char* form = "write it as in /proc/PID/cgroup: /system.slice/example.service";
  TRY_ASSIGN(std::string path, element.text(kMaxPathBytes));
  if (path[0] != '/' || path.size() < 2 || path.back() == '/')
    return element.fail(in_quotes(path) + " is no cgroup below the root", form);
  size_t levels = 0;
  for (size_t start = 1; start <= path.size(); ++levels) {
    size_t end = std::min(path.find('/', start), path.size());
    std::string_view name = std::string_view(path).substr(start, end - start);
    if (name.empty() || name == "." || name == ".." || name.size() >= kMaxNameBytes)
      return element.fail(in_quotes(path) + " has a component that is empty, dots, or longer than " +
                              std::to_string(kMaxNameBytes - 1) + " bytes",
                          form);
    start = end + 1;
  }
  if (levels > kMaxCgroupLevels)
    return element.fail(in_quotes(path) + " is more than " + std::to_string(kMaxCgroupLevels) + " levels deep",
                        "name a cgroup further up: all below it count");
  cgroups.push_back(path);
  return {};
}

Result<bool> parse_namespace(const Place& when, std::string_view key) {
  auto place = when.optional_member(key);
  if (!place) return false;
  constexpr std::array<std::string_view, 1> words = {"initial"};
  TRY(place->word("namespace", words));
  return true;
}

Result<Condition> parse_condition(const Place& grant) {
  Condition condition;
  auto place = grant.optional_member("when");
  if (!place) return condition;
  TRY(place->check_object(keys::when));
  TRY(for_each(*place, "uids", kMaxIds, [&](const Place& element) { return take_id(element, condition.uids); }));
  TRY(for_each(*place, "gids", kMaxIds, [&](const Place& element) { return take_id(element, condition.gids); }));
  TRY(for_each(*place, "cgroups", kMaxCgroups,
               [&](const Place& element) { return take_cgroup(element, condition.cgroups); }));
  TRY_ASSIGN(condition.initial_network, parse_namespace(*place, "network_namespace"));
  TRY_ASSIGN(condition.initial_users, parse_namespace(*place, "user_namespace"));
  // An empty list would ask nothing, where its author may have meant "nobody".
  for (std::string_view key : {"uids", "gids", "cgroups"}) {
    auto list = place->optional_member(key);
    if (list && *list->array_size(kMaxIds) == 0)
      return list->fail("the list is empty", "leave it out to ask nothing; commands: [] allows nothing");
  }
  return condition;
}

// Whether there are such signers is not known yet: see check_signed_by().
Result<std::optional<SignedBy>> parse_signed_by(const Place& grant) {
  auto place = grant.optional_member("signed_by");
  if (!place) return std::nullopt;
  if (place->is_string()) {
    constexpr std::array<std::string_view, 1> words = {"any"};
    TRY(place->word("list of signers", words));
    return SignedBy{};
  }
  std::set<std::string> names;
  TRY(for_each(grant, "signed_by", kMaxSigners, [&names](const Place& element) -> Result<> {
    TRY_ASSIGN(std::string name, element.name());
    if (!names.insert(name).second)
      return element.fail("the signer " + in_quotes(name) + " is listed twice", "remove one");
    return {};
  }));
  // Without a name it would be the same as "any" to the reader of the list, and its author may have meant "nobody".
  if (names.empty()) return place->fail("the list is empty", "write \"any\", or name signers of programs");
  return SignedBy(names.begin(), names.end());
}

// Any other command would be granted in words only.
Result<> check_commands(const Place& place, Grant& grant) {
  if (!grant.signed_by) return {};
  if (grant.commands == kAny) grant.commands = skeleton_commands();
  if ((grant.commands & ~skeleton_commands()) == 0) return {};
  auto surplus = names_in(grant.commands & ~skeleton_commands(), kCommands);
  return place.fail("loading signed programs does not take the command " + in_quotes(surplus.front()),
                    "list only what it takes (" + listed(names_in(skeleton_commands(), kCommands)) +
                        "), or write \"any\"; give the rest in a grant of its own");
}

// Options are about the process and hold for all it does; a condition is asked at each call.
Result<> check_options(const Place& place, const Grant& grant) {
  if (grant.when.is_none() || (!grant.debug && !grant.jit)) return {};
  return place.fail("the options \"debug\" and \"jit\" cannot depend on \"when\"",
                    "give them in a grant of their own, and name both grants");
}

}  // namespace

Result<Grant> parse_grant(const std::string& name, const Place& place) {
  if (is_built_in(name)) return place.fail("the grant " + in_quotes(name) + " is built in", "choose another name");
  if (!is_name(name))
    return place.fail(in_quotes(name) + " is not a name",
                      "a name has 1 to " + std::to_string(kMaxNameBytes) + " characters of A-Z a-z 0-9 . _ -");
  TRY(place.check_object(keys::grant));
  TRY_ASSIGN(Place commands, place.member("commands"));
  Grant grant{name};
  TRY_ASSIGN(grant.commands, parse_set(commands, kCommands));
  TRY_ASSIGN(grant.program_types, parse_optional_set(place, "program_types", kProgramTypes));
  TRY_ASSIGN(grant.map_types, parse_optional_set(place, "map_types", kMapTypes));
  TRY_ASSIGN(grant.attach_types, parse_optional_set(place, "attach_types", kAttachTypes));
  TRY_ASSIGN(grant.helpers, parse_helpers(place));
  TRY_ASSIGN(grant.attach_to, parse_targets(place));
  TRY_ASSIGN(grant.when, parse_condition(place));
  TRY_ASSIGN(grant.debug, parse_option(place, "debug"));
  TRY_ASSIGN(grant.jit, parse_option(place, "jit"));
  TRY_ASSIGN(grant.signed_by, parse_signed_by(place));
  TRY(check_commands(commands, grant));
  TRY(check_options(place, grant));
  return grant;
}

Result<> check_signed_by(const Place& grant, std::span<const std::string_view> signers) {
  TRY_ASSIGN(Place place, grant.member("signed_by"));
  if (place.is_string()) return {};
  return for_each(grant, "signed_by", kMaxSigners, [signers](const Place& element) -> Result<> {
    TRY(element.word("program signer", signers));
    return {};
  });
}

}  // namespace bpfgate::manifest
