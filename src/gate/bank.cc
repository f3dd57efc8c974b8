// SPDX-License-Identifier: MIT
#include "gate/bank.h"

#include <bpf/bpf.h>
#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <iterator>

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

// A call for each of 100,000 records would be as many questions to the gate, and lines in the log of a host that audits
// bpf(2).
template <class Key, class Value>
Result<> put_all(int map, const char* name, const std::vector<Key>& keys, const std::vector<Value>& values) {
  auto count = static_cast<uint32_t>(keys.size());
  if (count != 0 && bpf_map_update_batch(map, keys.data(), values.data(), &count, nullptr) != 0)
    return fail_errno(std::string("write map ") + name);
  return {};
}

template <class Key, class Value>
Result<std::vector<Key>> keys_of(int map, const char* name, uint32_t bank) {
  constexpr uint32_t batch = 4096;  // more than a bucket can hold, which is the least that is handed out at once
  std::vector<Key> keys, found(batch);
  std::vector<Value> values(batch);
  uint32_t place = 0;
  for (bool is_first = true, is_last = false; !is_last; is_first = false) {
    uint32_t count = batch;
    if (bpf_map_lookup_batch(map, is_first ? nullptr : &place, &place, found.data(), values.data(), &count, nullptr) !=
        0) {
      if (errno != ENOENT) return fail_errno(std::string("walk map ") + name);
      is_last = true;
    }
    std::copy_if(found.begin(), found.begin() + count, std::back_inserter(keys),
                 [bank](const Key& key) { return key.bank == bank; });
  }
  return keys;
}

// Keys are collected first: a walk goes by the places in the map, which deleting changes.
template <class Key, class Value>
Result<> clear(int map, const char* name, uint32_t bank) {
  TRY_ASSIGN(std::vector<Key> keys, (keys_of<Key, Value>(map, name, bank)));
  auto count = static_cast<uint32_t>(keys.size());
  if (count != 0 && bpf_map_delete_batch(map, keys.data(), &count, nullptr) != 0)
    return fail_errno(std::string("clear map ") + name);
  return {};
}

Result<> write_grants(const PolicyMaps& maps, const GrantRecords& records, uint32_t bank) {
  for (uint32_t i = 0; i < records.grants.size(); ++i)
    TRY(put(maps.grants, "grants", bank * GATE_MAX_GRANTS + i, records.grants[i]));
  for (const auto& [index, cgroup] : records.cgroups)
    TRY(put(maps.cgroups, "cgroups", bank * GATE_MAX_GRANTS * GATE_MAX_CGROUPS + index, cgroup));
  std::vector<gate_function> functions = records.functions;
  for (gate_function& function : functions) function.bank = bank;
  return put_all(maps.functions, "functions", functions, std::vector<uint32_t>(functions.size(), 1));
}

Result<> write_digests(const PolicyMaps& maps, const Policy& policy, uint32_t bank) {
  std::vector<gate_digest_key> keys;
  std::vector<gate_listed_digest> values;
  for (const auto& [digest, listed] : policy.digests) {
    keys.push_back({bank, digest});
    values.push_back(listed);
  }
  return put_all(maps.digests, "digests", keys, values);
}

Result<> write_records(const PolicyMaps& maps, const Policy& policy, uint32_t bank) {
  for (uint32_t i = 0; i < policy.signers.size(); ++i)
    TRY(put(maps.signers, "signers", bank * GATE_MAX_KEYRINGS + i, policy.signers[i]));
  TRY(write_grants(maps, policy.grants, bank));
  for (uint32_t i = 0; i < policy.authorities.size(); ++i)
    TRY(put(maps.authorities, "authorities", bank * GATE_MAX_AUTHORITIES + i, policy.authorities[i]));
  for (auto [loader, grants] : policy.volume_loaders) {
    loader.bank = bank;
    TRY(put(maps.volume_loaders, "volume_loaders", loader, grants));
  }
  return write_digests(maps, policy, bank);
}

// The records of one bank, of those maps that have `limit` for each.
template <typename Record>
Result<std::vector<Record>> records_of(int map, const char* name, uint64_t generation, uint32_t count, uint32_t limit) {
  std::vector<Record> records;
  for (uint32_t i = 0; i < std::min(count, limit); ++i) {
    TRY_ASSIGN(Record record, get<Record>(map, name, bank_of(generation) * limit + i));
    records.push_back(record);
  }
  return records;
}

Result<std::vector<gate_signer>> signers_of(const PolicyMaps& maps, uint64_t generation) {
  TRY_ASSIGN(gate_policy header, policy_of(maps, generation));
  return records_of<gate_signer>(maps.signers, "signers", generation, header.keyring_count, GATE_MAX_KEYRINGS);
}

}  // namespace

// JSON has no more than 53 bits for a number. Those that follow count from here.
Result<uint64_t> unforeseen_generation(uint64_t active) {
  uint64_t random = 0;
  if (::getrandom(&random, sizeof(random), 0) != static_cast<ssize_t>(sizeof(random)))
    return fail_errno("get random bytes");
  return random >> 13 << 1 | (bank_of(active) ^ 1);
}

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
  TRY((clear<gate_digest_key, gate_listed_digest>(maps.digests, "digests", bank)));
  TRY((clear<gate_function, uint32_t>(maps.functions, "functions", bank)));
  TRY((clear<gate_volume_loader, uint64_t>(maps.volume_loaders, "volume_loaders", bank)));
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
  return records_of<gate_authority>(maps.authorities, "authorities", generation, header.authority_count,
                                    GATE_MAX_AUTHORITIES);
}

Result<std::string> grant_name(const PolicyMaps& maps, uint64_t generation, uint32_t grant) {
  TRY_ASSIGN(gate_grant record, get<gate_grant>(maps.grants, "grants", bank_of(generation) * GATE_MAX_GRANTS + grant));
  return std::string(record.name, ::strnlen(record.name, sizeof(record.name)));
}

Result<std::vector<keyring::Serial>> keyrings_of(const PolicyMaps& maps, uint64_t generation) {
  TRY_ASSIGN(std::vector<gate_signer> signers, signers_of(maps, generation));
  std::vector<keyring::Serial> serials;
  serials.reserve(signers.size());
  for (const gate_signer& signer : signers) serials.push_back(signer.keyring);
  return serials;
}

Result<std::map<std::string, keyring::Serial>> program_keyrings_of(const PolicyMaps& maps, uint64_t generation) {
  TRY_ASSIGN(std::vector<gate_signer> signers, signers_of(maps, generation));
  std::map<std::string, keyring::Serial> serials;
  for (const gate_signer& signer : signers)
    if (signer.role == GATE_ROLE_PROGRAM)
      serials.emplace(std::string(signer.name, ::strnlen(signer.name, sizeof(signer.name))), signer.keyring);
  return serials;
}

}  // namespace bpfgate::gate
