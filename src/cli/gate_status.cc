// SPDX-License-Identifier: MIT
#include "cli/gate_status.h"

#include <cstdio>

namespace bpfgate::cli {
namespace {

Json json_of(const gate::Counters& counters) {
  return {{"refused", counters.refused},
          {"would_refuse", counters.would_refuse},
          {"tainted", counters.tainted},
          {"lost_events", counters.lost_events},
          {"verified", counters.verified},
          {"cached", counters.cached},
          {"scratch_waits", counters.scratch_waits},
          {"scratch_exhausted", counters.scratch_exhausted}};
}

}  // namespace

Json json_of(const gate::Status& status) {
  return {{"loaded", true},
          {"complete", status.missing_hooks.empty()},
          {"mode", manifest::name_of(status.mode)},
          {"sealed", status.sealed},
          {"policy",
           {{"name", status.policy_name},
            {"sequence", status.sequence},
            {"generation", status.generation},
            {"hash", status.policy_hash},
            {"extension", status.extension.empty() ? Json(nullptr) : Json("sha256:" + status.extension)},
            {"signers", status.signers},
            {"authorities", status.authorities},
            {"digests", status.digests},
            {"revoked_digests", status.revoked_digests},
            {"program_keyrings", status.program_keyrings}}},
          {"build", {{"hash", status.build}, {"same", status.same_build}}},
          {"hooks", {{"pinned", status.pinned_hooks}, {"missing", status.missing_hooks}}},
          {"counters", json_of(status.counters)}};
}

void print_gate(const gate::Status& status) {
  std::printf("gate      loaded, %zu hooks%s\n", status.pinned_hooks.size(),
              status.missing_hooks.empty() ? "" : ", INCOMPLETE");
  for (const std::string& hook : status.missing_hooks) std::printf("  missing %s\n", hook.c_str());
  std::printf("mode      %s, %s\n", std::string(manifest::name_of(status.mode)).c_str(),
              status.sealed ? "sealed" : "not sealed");
  std::printf("policy    %s, sequence %llu, %u signers of code, %u of manifests, %u digests, %u revoked\n",
              status.policy_name.c_str(), static_cast<unsigned long long>(status.sequence), status.signers,
              status.authorities, status.digests, status.revoked_digests);
  std::printf("  sha256 %s, generation %llu\n", status.policy_hash.c_str(),
              static_cast<unsigned long long>(status.generation));
  if (!status.extension.empty()) std::printf("  last word: an extension, sha256:%s\n", status.extension.c_str());
  for (const auto& [name, serial] : status.program_keyrings)
    std::printf("  programs of %s: keyring %d\n", name.c_str(), serial);
  std::printf("build     sha256 %s%s\n", status.build.c_str(), status.same_build ? "" : ", not this program's");
  std::printf("refused   %llu, in audit mode %llu, events lost %llu\n",
              static_cast<unsigned long long>(status.counters.refused),
              static_cast<unsigned long long>(status.counters.would_refuse),
              static_cast<unsigned long long>(status.counters.lost_events));
}

}  // namespace bpfgate::cli
