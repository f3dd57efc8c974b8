// SPDX-License-Identifier: MIT
#include "gate/grants.h"

#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <optional>
#include <set>

#include "gate/gate.h"
#include "gate/kernel_types.h"
#include "gate/probe.h"
#include "gate/volumes.h"

namespace bpfgate::gate {
namespace {

using manifest::Grant;
using manifest::NumberSet;

static_assert(manifest::kMaxIds <= GATE_MAX_IDS);
static_assert(manifest::kMaxCgroups <= GATE_MAX_CGROUPS);
static_assert(manifest::kMaxCgroupLevels <= GATE_CGROUP_LEVELS);
static_assert(manifest::kMaxHelpers == GATE_MAX_HELPERS);

NumberSet without(NumberSet set, std::initializer_list<unsigned> numbers) {
  for (unsigned number : numbers) set &= ~(NumberSet{1} << number);
  return set;
}

// Commands that are granted whatever else is asked: the gate looks at nothing but their number.
NumberSet plain_commands(const Grant& grant) {
  NumberSet plain = grant.commands;
  if (!grant.when.is_none() || grant.signed_by) return 0;
  if (grant.map_types != manifest::kAny) plain = without(plain, {BPF_MAP_CREATE});
  if (grant.program_types != manifest::kAny || !grant.helpers.is_any()) plain = without(plain, {BPF_PROG_LOAD});
  if (grant.attach_to) plain = without(plain, {BPF_PROG_LOAD, BPF_LINK_CREATE});
  if (grant.attach_types != manifest::kAny)
    plain = without(plain, {BPF_PROG_LOAD, BPF_LINK_CREATE, BPF_PROG_ATTACH, BPF_RAW_TRACEPOINT_OPEN});
  return plain;
}

uint32_t flags_of(const Grant& grant) {
  return (grant.admin ? GATE_GRANT_ADMIN : 0U) | (grant.debug ? GATE_GRANT_DEBUG : 0U) |
         (grant.jit ? GATE_GRANT_JIT : 0U) | (grant.helpers.is_any() ? 0U : GATE_GRANT_HELPERS) |
         (grant.helpers.is_list() ? GATE_GRANT_ONLY_KFUNCS : 0U) | (grant.attach_to ? GATE_GRANT_TARGETS : 0U) |
         (grant.when.initial_network ? GATE_GRANT_INITIAL_NETWORK : 0U) |
         (grant.when.initial_users ? GATE_GRANT_INITIAL_USERS : 0U) | (grant.signed_by ? GATE_GRANT_SIGNED : 0U);
}

void copy_helpers(const manifest::HelperRule& rule, gate_grant& record) {
  manifest::HelperSet allowed = manifest::allowed_helpers(rule);
  for (size_t helper = 0; helper < allowed.size(); ++helper)
    if (allowed.test(helper)) record.helpers[helper / 64] |= uint64_t{1} << helper % 64;
}

static_assert(GATE_MAX_KEYRINGS <= 64);

// Bit N is keyring N of the bank.
uint64_t signer_set(const manifest::Manifest& manifest, const manifest::SignedBy& names,
                    const KeyringGroups& keyrings) {
  uint64_t set = 0;
  for (size_t i = 0; i < keyrings.size() && i < GATE_MAX_KEYRINGS; ++i) {
    const manifest::Signer& signer = manifest.signers[keyrings[i].front()];
    bool is_named = names.empty() || std::find(names.begin(), names.end(), signer.name) != names.end();
    if (signer.role == manifest::Role::Program && is_named) set |= uint64_t{1} << i;
  }
  return set;
}

gate_grant grant_record(const manifest::Manifest& manifest, const Grant& grant, const KeyringGroups& keyrings) {
  gate_grant record = {};
  record.commands = grant.commands;
  record.plain_commands = plain_commands(grant);
  record.program_types = grant.program_types;
  record.map_types = grant.map_types;
  record.attach_types = grant.attach_types;
  copy_helpers(grant.helpers, record);
  record.flags = flags_of(grant);
  record.uid_count = static_cast<uint32_t>(grant.when.uids.size());
  record.gid_count = static_cast<uint32_t>(grant.when.gids.size());
  record.cgroup_count = static_cast<uint32_t>(grant.when.cgroups.size());
  std::copy(grant.when.uids.begin(), grant.when.uids.end(), record.uids);
  std::copy(grant.when.gids.begin(), grant.when.gids.end(), record.gids);
  if (grant.signed_by) record.program_signers = signer_set(manifest, *grant.signed_by, keyrings);
  grant.name.copy(record.name, sizeof(record.name) - 1);
  return record;
}

// "/a/b" is two levels. The parser has seen to the lengths.
gate_cgroup cgroup_record(const std::string& path) {
  gate_cgroup record = {};
  for (size_t start = 1; start <= path.size() && record.levels < GATE_CGROUP_LEVELS; ++record.levels) {
    size_t end = std::min(path.find('/', start), path.size());
    path.copy(record.names[record.levels], std::min<size_t>(end - start, GATE_NAME_SIZE - 1), start);
    start = end + 1;
  }
  return record;
}

std::set<uint32_t> target_ids(const KernelTypes& types, const manifest::AttachTargets& targets) {
  std::set<uint32_t> ids;
  for (const std::string& glob : targets.functions)
    std::ranges::copy(types.functions(glob), std::inserter(ids, ids.end()));
  for (const std::string& glob : targets.tracepoints)
    std::ranges::copy(types.tracepoints(glob), std::inserter(ids, ids.end()));
  for (const std::string& glob : targets.lsm_hooks)
    std::ranges::copy(types.lsm_hooks(glob), std::inserter(ids, ids.end()));
  return ids;
}

// By both of the names that manifest::kfunc_name() takes for one.
std::vector<uint32_t> kfunc_ids(const KernelTypes& types, const std::string& name) {
  std::vector<uint32_t> ids;
  for (const std::string& known_as : {name, name + "_impl"})
    if (auto id = types.function(known_as)) ids.push_back(*id);
  return ids;
}

void append_functions(const KernelTypes& types, const Grant& grant, uint32_t index, GrantRecords& records) {
  const manifest::HelperRule& rule = grant.helpers;
  for (const std::string& name : rule.is_list() ? manifest::allowed_kfuncs(rule) : rule.denied_kfuncs) {
    for (uint32_t id : kfunc_ids(types, name)) records.functions.push_back({0, index, GATE_KFUNC, id});
  }
  if (!grant.attach_to) return;
  for (uint32_t id : target_ids(types, *grant.attach_to)) records.functions.push_back({0, index, GATE_TARGET, id});
}

bool names_functions(const Grant& grant) { return grant.attach_to || !grant.helpers.is_any(); }

Result<> check_function_count(const GrantRecords& records) {
  if (records.functions.size() <= GATE_MAX_FUNCTIONS) return {};
  return fail(ErrorKind::Invalid,
              "/grants: \"attach_to\" and \"helpers\" are about " + std::to_string(records.functions.size()) +
                  " functions of this kernel, and the gate holds " + std::to_string(GATE_MAX_FUNCTIONS),
              "use narrower globs");
}

// One vocabulary of a grant, and the enum of the kernel it is taken from.
struct Listed {
  const char* key;
  const manifest::Vocabulary& vocabulary;
  const char* enumeration;
  NumberSet set;
};

void append_unknown_numbers(const KernelTypes& types, const std::string& place, const Listed& listed,
                            std::vector<std::string>& unknown) {
  if (listed.set == manifest::kAny) return;
  for (unsigned number = 0; number < listed.vocabulary.names.size(); ++number) {
    if (!manifest::contains(listed.set, number) || types.has_enumerator(listed.enumeration, number)) continue;
    unknown.push_back(place + "/" + listed.key + ": this kernel has no " + std::string(listed.vocabulary.one) + " " +
                      manifest::name_of(listed.vocabulary, number));
  }
}

using Search = std::vector<uint32_t> (KernelTypes::*)(const std::string&) const;

void append_unmatched(const KernelTypes& types, const std::string& place, const std::vector<std::string>& globs,
                      Search search, std::vector<std::string>& unknown) {
  for (const std::string& glob : globs) {
    if ((types.*search)(glob).empty()) unknown.push_back(place + ": nothing in this kernel is called " + glob);
  }
}

void append_unknown_kfuncs(const KernelTypes& types, const std::string& place, const std::set<std::string>& names,
                           std::vector<std::string>& unknown) {
  for (const std::string& name : names)
    if (kfunc_ids(types, name).empty()) unknown.push_back(place + ": this kernel has no function " + name);
}

void append_unknown(const KernelTypes& types, const Grant& grant, std::vector<std::string>& unknown) {
  std::string place = "/grants/" + grant.name;
  const Listed lists[] = {{"commands", manifest::kCommands, "bpf_cmd", grant.commands},
                          {"program_types", manifest::kProgramTypes, "bpf_prog_type", grant.program_types},
                          {"map_types", manifest::kMapTypes, "bpf_map_type", grant.map_types},
                          {"attach_types", manifest::kAttachTypes, "bpf_attach_type", grant.attach_types}};
  for (const Listed& listed : lists) append_unknown_numbers(types, place, listed, unknown);
  append_unknown_kfuncs(types, place + "/helpers/allow_kfuncs", grant.helpers.allowed_kfuncs, unknown);
  append_unknown_kfuncs(types, place + "/helpers/deny_kfuncs", grant.helpers.denied_kfuncs, unknown);
  if (!grant.attach_to) return;
  place += "/attach_to";
  append_unmatched(types, place + "/functions", grant.attach_to->functions, &KernelTypes::functions, unknown);
  append_unmatched(types, place + "/tracepoints", grant.attach_to->tracepoints, &KernelTypes::tracepoints, unknown);
  append_unmatched(types, place + "/lsm_hooks", grant.attach_to->lsm_hooks, &KernelTypes::lsm_hooks, unknown);
}

}  // namespace

Result<GrantRecords> compile_grants(const manifest::Manifest& manifest, const KeyringGroups& keyrings) {
  GrantRecords records;
  std::optional<KernelTypes> types;
  for (const auto& [name, grant] : manifest.grants) {
    auto index = static_cast<uint32_t>(records.grants.size());
    records.grants.push_back(grant_record(manifest, grant, keyrings));
    for (uint32_t i = 0; i < grant.when.cgroups.size(); ++i)
      records.cgroups.emplace_back(index * GATE_MAX_CGROUPS + i, cgroup_record(grant.when.cgroups[i]));
    if (!names_functions(grant)) continue;
    if (!types) {
      TRY_ASSIGN(types, KernelTypes::open());
    }
    append_functions(*types, grant, index, records);
  }
  TRY(check_function_count(records));
  return records;
}

uint64_t grant_set(const manifest::Manifest& manifest, const std::vector<std::string>& names) {
  uint64_t set = 0;
  for (const std::string& name : names)
    set |= uint64_t{1} << std::distance(manifest.grants.begin(), manifest.grants.find(name));
  return set;
}

Result<std::vector<std::string>> unknown_names(const manifest::Manifest& manifest) {
  std::vector<std::string> unknown;
  bool has_own = std::any_of(manifest.grants.begin(), manifest.grants.end(),
                             [](const auto& entry) { return !manifest::is_built_in(entry.first); });
  bool has_programs = std::any_of(manifest.signers.begin(), manifest.signers.end(),
                                  [](const auto& signer) { return signer.role == manifest::Role::Program; });
  if (!has_own && !has_programs && !trusts_volumes(manifest)) return unknown;
  TRY_ASSIGN(KernelTypes types, KernelTypes::open());
  if (trusts_volumes(manifest) && !can_follow_volumes(types))
    unknown.emplace_back(manifest.volumes.empty()
                             ? "/evidence/signed_volumes: no volume is trusted: dm_verity is not loaded"
                             : "/volumes: none is trusted: dm_verity is not loaded");
  if (manifest.evidence.signed_volumes && is_keyring_open())
    unknown.emplace_back(
        "/evidence/signed_volumes: dm_verity was loaded with keyring_unsealed=1: whose signatures count is for whoever "
        "fills the keyring .dm-verity and closes it");
  if (has_programs && !types.has_member("bpf_prog_aux", "sig"))
    unknown.emplace_back(
        "/signers: this kernel does not tell whose signature of a program it has verified, as Linux 7.2 does: grants "
        "for signed programs allow nothing");
  for (const auto& [name, grant] : manifest.grants) {
    if (!manifest::is_built_in(name)) append_unknown(types, grant, unknown);
  }
  return unknown;
}

}  // namespace bpfgate::gate
