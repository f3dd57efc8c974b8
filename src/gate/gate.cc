// SPDX-License-Identifier: MIT
#include "gate/gate.h"

#include <bpf/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "base/bytes.h"
#include "gate/bank.h"
#include "gate/object.h"
#include "gate/pins.h"
#include "gate/policy.h"
#include "gate/probe.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t first_generation = 1;

// The pinned policy maps, held open.
struct PinnedMaps {
  UniqueFd active, policies, signers, grants, digests;

  [[nodiscard]] PolicyMaps borrow() const {
    return {active.get(), policies.get(), signers.get(), grants.get(), digests.get()};
  }
};

Result<PinnedMaps> open_policy_maps(const fs::path& directory) {
  PinnedMaps maps;
  TRY_ASSIGN(maps.active, open_map(directory, "active"));
  TRY_ASSIGN(maps.policies, open_map(directory, "policies"));
  TRY_ASSIGN(maps.signers, open_map(directory, "signers"));
  TRY_ASSIGN(maps.grants, open_map(directory, "grants"));
  TRY_ASSIGN(maps.digests, open_map(directory, "digests"));
  return maps;
}

bool is_there(const fs::path& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0;
}

// Where the pins are made before they get their name. A load that was killed may have left it behind.
fs::path staging_directory(const fs::path& pin_directory) { return pin_directory.string() + "-loading"; }

// Attaches everything under an auditing policy: until the last program is pinned, this process itself needs bpf(2).
Result<> attach_and_pin(Object& object, const Policy& policy, const Kernel& kernel, const fs::path& directory) {
  PolicyMaps maps = object.policy_maps();
  TRY(write_bank(maps, policy, first_generation, GATE_MODE_AUDIT));
  TRY(activate(maps, first_generation));
  TRY(make_pin_directories(directory));
  TRY(object.pin_maps(directory));
  for (const std::string& program : programs_for(kernel)) TRY(object.attach(program, directory));
  return {};
}

Result<> rename_and_arm(const Object& object, const Policy& policy, const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return fail_errno("rename to " + to.string());
  auto armed = set_mode(object.policy_maps(), first_generation, policy.header.mode);
  if (!armed) (void)remove_pins(to);
  return armed;
}

manifest::Mode mode_of(uint32_t mode) {
  return mode == GATE_MODE_AUDIT ? manifest::Mode::Audit : manifest::Mode::Enforce;
}

Result<gate_about> read_about(const fs::path& directory) {
  TRY_ASSIGN(UniqueFd map, open_map(directory, "about"));
  gate_about about = {};
  uint32_t key = 0;
  if (bpf_map_lookup_elem(map.get(), &key, &about) != 0) return fail_errno("read map about");
  if (about.abi_version != GATE_ABI_VERSION)
    return fail(ErrorKind::Failed,
                "the gate in the kernel has ABI " + std::to_string(about.abi_version) + ", this program knows " +
                    std::to_string(GATE_ABI_VERSION),
                "Use the bpfgate that loaded it.");
  return about;
}

Result<Counters> read_counters(const fs::path& directory) {
  TRY_ASSIGN(UniqueFd map, open_map(directory, "counters"));
  gate_counters record = {};
  uint32_t key = 0;
  if (bpf_map_lookup_elem(map.get(), &key, &record) != 0) return fail_errno("read map counters");
  return Counters{record.refused,  record.would_refuse, record.tainted,       record.lost_events,
                  record.verified, record.cached,       record.scratch_waits, record.scratch_exhausted};
}

Result<> describe_policy(const fs::path& directory, Status& status) {
  TRY_ASSIGN(PinnedMaps maps, open_policy_maps(directory));
  TRY_ASSIGN(status.generation, active_generation(maps.borrow()));
  TRY_ASSIGN(gate_policy header, policy_of(maps.borrow(), status.generation));
  status.policy_name = std::string(header.name, ::strnlen(header.name, sizeof(header.name)));
  status.policy_hash = to_hex(header.hash);
  status.sequence = header.sequence;
  status.mode = mode_of(header.mode);
  status.signers = header.signer_count;
  status.digests = header.digest_count;
  return {};
}

// Programs of this build that are not pinned. Where the kernel cannot be asked, the question stays open.
std::vector<std::string> missing_hooks(const std::vector<std::string>& pinned) {
  std::vector<std::string> missing;
  auto kernel = probe_kernel();
  if (!kernel) return missing;
  for (const std::string& program : programs_for(*kernel)) {
    if (std::find(pinned.begin(), pinned.end(), program) == pinned.end()) missing.push_back(program);
  }
  return missing;
}

// The kernel detaches a program some time after its last link pin is gone; until then it may still refuse us.
Result<PinnedMaps> open_maps_of_disarmed(const fs::path& directory) {
  constexpr int attempts = 50;
  for (int attempt = 1;; ++attempt) {
    auto maps = open_policy_maps(directory);
    if (maps || maps.error().kind != ErrorKind::Refused || attempt == attempts) return maps;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Result<> remove_keyrings(const PolicyMaps& maps, uint64_t generation) {
  TRY_ASSIGN(std::vector<keyring::Serial> serials, keyrings_of(maps, generation));
  for (keyring::Serial serial : serials) TRY(keyring::remove(serial));
  return {};
}

Result<> remove_active_keyrings(const fs::path& directory) {
  TRY_ASSIGN(PinnedMaps maps, open_maps_of_disarmed(directory));
  TRY_ASSIGN(uint64_t generation, active_generation(maps.borrow()));
  return remove_keyrings(maps.borrow(), generation);
}

}  // namespace

Result<> load(const manifest::Manifest& manifest, const LoadOptions& options) {
  TRY_ASSIGN(Kernel kernel, probe_kernel());
  TRY(check_is_bpffs(options.pin_directory.parent_path()));
  TRY_ASSIGN(UniqueFd lock, lock_pins());
  if (is_there(options.pin_directory))
    return fail(ErrorKind::Failed, options.pin_directory.string() + " exists: a gate is loaded",
                "Change its policy with bpfgate gate update, or remove it with bpfgate gate unload.");
  fs::path staging = staging_directory(options.pin_directory);
  TRY(remove_pins(staging));
  TRY_ASSIGN(Policy policy, compile(manifest));
  TRY_ASSIGN(Object object, Object::load(kernel, options));
  if (auto done = attach_and_pin(object, policy, kernel, staging); !done) {
    (void)remove_pins(staging);
    return done;
  }
  if (auto done = rename_and_arm(object, policy, staging, options.pin_directory); !done) {
    (void)remove_pins(staging);
    return done;
  }
  policy.keep_keyrings();
  return {};
}

Result<> update(const manifest::Manifest& manifest, const fs::path& pin_directory) {
  TRY_ASSIGN(UniqueFd lock, lock_pins());
  if (!is_there(pin_directory))
    return fail(ErrorKind::Failed, "no gate is loaded", "Load one with bpfgate gate load --manifest FILE.");
  TRY(read_about(pin_directory));
  TRY_ASSIGN(PinnedMaps pinned, open_policy_maps(pin_directory));
  PolicyMaps maps = pinned.borrow();
  TRY_ASSIGN(uint64_t generation, active_generation(maps));
  TRY_ASSIGN(std::vector<keyring::Serial> outdated, keyrings_of(maps, generation));
  TRY_ASSIGN(Policy policy, compile(manifest));
  TRY(write_bank(maps, policy, generation + 1, policy.header.mode));
  TRY(activate(maps, generation + 1));
  policy.keep_keyrings();
  for (keyring::Serial serial : outdated) TRY(keyring::remove(serial));
  return {};
}

Result<std::optional<Status>> status(const fs::path& pin_directory) {
  if (!is_there(pin_directory)) return std::nullopt;
  Status status;
  TRY_ASSIGN(gate_about about, read_about(pin_directory));
  status.build = to_hex(about.build_hash);
  status.same_build = status.build == to_hex(build_hash());
  status.pinned_hooks = pinned_links(pin_directory);
  status.missing_hooks = missing_hooks(status.pinned_hooks);
  TRY(describe_policy(pin_directory, status));
  TRY_ASSIGN(status.counters, read_counters(pin_directory));
  return status;
}

Result<> unload(const fs::path& pin_directory) {
  TRY_ASSIGN(UniqueFd lock, lock_pins());
  TRY(remove_pins(staging_directory(pin_directory)));
  if (!is_there(pin_directory)) return {};
  TRY(remove_link_pins(pin_directory));
  auto keyrings = remove_active_keyrings(pin_directory);
  TRY(remove_pins(pin_directory));
  return keyrings;
}

}  // namespace bpfgate::gate
