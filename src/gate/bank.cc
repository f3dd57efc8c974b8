// SPDX-License-Identifier: MIT
#include "gate/bank.h"

#include <bpf/bpf.h>

#include <optional>

namespace bpfgate::gate {
namespace {

uint32_t bank_of(uint64_t generation) { return generation & 1; }

template <class Key, class Value>
Result<> put(int map, const char* name, const Key& key, const Value& value) {
  if (bpf_map_update_elem(map, &key, &value, BPF_ANY) != 0) return fail_errno(std::string("write map ") + name);
  return {};
}

template <class Value, class Key>
Result<Value> get(int map, const char* name, const Key& key) {
  Value value = {};
  if (bpf_map_lookup_elem(map, &key, &value) != 0) return fail_errno(std::string("read map ") + name);
  return value;
}

// Keys are collected first: deleting while walking a hash map makes the walk start over.
Result<std::vector<gate_digest_key>> digest_keys(int map, uint32_t bank) {
  std::vector<gate_digest_key> keys;
  std::optional<gate_digest_key> previous;
  for (;;) {
    gate_digest_key key = {};
    if (bpf_map_get_next_key(map, previous ? &*previous : nullptr, &key) != 0) {
      if (errno == ENOENT) return keys;
      return fail_errno("walk map digests");
    }
    if (key.bank == bank) keys.push_back(key);
    previous = key;
  }
}

Result<> clear_digests(int map, uint32_t bank) {
  TRY_ASSIGN(std::vector<gate_digest_key> keys, digest_keys(map, bank));
  for (const gate_digest_key& key : keys) {
    if (bpf_map_delete_elem(map, &key) != 0 && errno != ENOENT) return fail_errno("clear map digests");
  }
  return {};
}

Result<> write_records(const PolicyMaps& maps, const Policy& policy, uint32_t bank) {
  for (uint32_t i = 0; i < policy.signers.size(); ++i)
    TRY(put(maps.signers, "signers", bank * GATE_MAX_SIGNERS + i, policy.signers[i]));
  for (uint32_t i = 0; i < policy.grants.size(); ++i)
    TRY(put(maps.grants, "grants", bank * GATE_MAX_GRANTS + i, policy.grants[i]));
  for (uint32_t i = 0; i < policy.authorities.size(); ++i)
    TRY(put(maps.authorities, "authorities", bank * GATE_MAX_AUTHORITIES + i, policy.authorities[i]));
  for (const auto& [digest, listed] : policy.digests)
    TRY(put(maps.digests, "digests", gate_digest_key{bank, digest}, listed));
  return {};
}

}  // namespace

Result<uint64_t> active_generation(const PolicyMaps& maps) { return get<uint64_t>(maps.active, "active", uint32_t{0}); }

Result<gate_policy> policy_of(const PolicyMaps& maps, uint64_t generation) {
  TRY_ASSIGN(gate_policy header, get<gate_policy>(maps.policies, "policies", bank_of(generation)));
  if (header.generation != generation || generation == GATE_NO_GENERATION)
    return fail(ErrorKind::Failed, "the gate has no policy of generation " + std::to_string(generation),
                "Another bpfgate may be changing it; try again.");
  return header;
}

Result<> write_bank(const PolicyMaps& maps, const Policy& policy, uint64_t generation, uint32_t mode) {
  uint32_t bank = bank_of(generation);
  // Whoever still judges under the policy that this bank held must notice that it is gone.
  TRY(put(maps.policies, "policies", bank, gate_policy{}));
  TRY(clear_digests(maps.digests, bank));
  TRY(write_records(maps, policy, bank));
  gate_policy header = policy.header;
  header.generation = generation;
  header.mode = mode;
  return put(maps.policies, "policies", bank, header);
}

Result<> activate(const PolicyMaps& maps, uint64_t generation) {
  return put(maps.active, "active", uint32_t{0}, generation);
}

Result<> set_mode(const PolicyMaps& maps, uint64_t generation, uint32_t mode) {
  TRY_ASSIGN(gate_policy header, policy_of(maps, generation));
  header.mode = mode;
  return put(maps.policies, "policies", bank_of(generation), header);
}

Result<std::vector<gate_authority>> authorities_of(const PolicyMaps& maps, uint64_t generation) {
  TRY_ASSIGN(gate_policy header, policy_of(maps, generation));
  std::vector<gate_authority> authorities;
  for (uint32_t i = 0; i < header.authority_count && i < GATE_MAX_AUTHORITIES; ++i) {
    TRY_ASSIGN(gate_authority authority,
               get<gate_authority>(maps.authorities, "authorities", bank_of(generation) * GATE_MAX_AUTHORITIES + i));
    authorities.push_back(authority);
  }
  return authorities;
}

Result<std::vector<keyring::Serial>> keyrings_of(const PolicyMaps& maps, uint64_t generation) {
  TRY_ASSIGN(gate_policy header, policy_of(maps, generation));
  std::vector<keyring::Serial> serials;
  for (uint32_t i = 0; i < header.signer_count && i < GATE_MAX_SIGNERS; ++i) {
    TRY_ASSIGN(gate_signer signer,
               get<gate_signer>(maps.signers, "signers", bank_of(generation) * GATE_MAX_SIGNERS + i));
    serials.push_back(signer.keyring);
  }
  return serials;
}

}  // namespace bpfgate::gate
