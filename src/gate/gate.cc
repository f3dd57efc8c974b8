// SPDX-License-Identifier: MIT
#include "gate/gate.h"

#include <bpf/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/bytes.h"
#include "base/io.h"
#include "gate/bank.h"
#include "gate/guard.h"
#include "gate/holders.h"
#include "gate/object.h"
#include "gate/pins.h"
#include "gate/policy.h"
#include "gate/probe.h"
#include "gate/seal.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t first_generation = 1;

// The pinned policy maps, held open.
struct PinnedMaps {
  UniqueFd active, policies, signers, grants, digests, authorities;

  [[nodiscard]] PolicyMaps borrow() const {
    return {active.get(), policies.get(), signers.get(), grants.get(), digests.get(), authorities.get()};
  }
};

Result<PinnedMaps> open_policy_maps(const fs::path& directory) {
  PinnedMaps maps;
  TRY_ASSIGN(maps.active, open_map(directory, "active"));
  TRY_ASSIGN(maps.policies, open_map(directory, "policies"));
  TRY_ASSIGN(maps.signers, open_map(directory, "signers"));
  TRY_ASSIGN(maps.grants, open_map(directory, "grants"));
  TRY_ASSIGN(maps.digests, open_map(directory, "digests"));
  TRY_ASSIGN(maps.authorities, open_map(directory, "authorities"));
  return maps;
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

Result<> guard_and_arm(Object& object, const Policy& policy, const fs::path& directory) {
  TRY(object.guard(directory));
  return set_mode(object.policy_maps(), first_generation, policy.header.mode);
}

Result<> rename_and_arm(Object& object, const Policy& policy, const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return fail_errno("rename to " + to.string());
  auto armed = guard_and_arm(object, policy, to);
  if (!armed) {
    (void)detach_sysctl();
    (void)remove_pins(to);
  }
  return armed;
}

Result<Seal> seal_of(const fs::path& directory) {
  TRY_ASSIGN(UniqueFd map, open_map(directory, "sealed"));
  return read_seal(map.get());
}

Result<> write_seal(int map, uint64_t value) {
  uint32_t key = 0;
  if (bpf_map_update_elem(map, &key, &value, BPF_ANY) != 0) return fail_errno("write map sealed");
  return {};
}

// Whoever holds links lets them go.
Result<> release(const fs::path& directory) {
  TRY_ASSIGN(UniqueFd map, open_map(directory, "sealed"));
  return write_seal(map.get(), GATE_RELEASED);
}

// Not sealed is good, too.
Result<> check_order(const Order& order, const PolicyMaps& maps, const fs::path& directory) {
  TRY_ASSIGN(Seal seal, seal_of(directory));
  if (seal == Seal::Unsealed) return {};
  TRY_ASSIGN(uint64_t generation, active_generation(maps));
  TRY_ASSIGN(gate_policy current, policy_of(maps, generation));
  TRY_ASSIGN(std::vector<gate_authority> authorities, authorities_of(maps, generation));
  return check_authorized(order.manifest, order.signature, current, authorities);
}

Result<> check_may_unload(const std::optional<Order>& order, const fs::path& directory) {
  TRY_ASSIGN(Seal seal, seal_of(directory));
  if (seal != Seal::Sealed) return {};
  if (!order || order->manifest.mode != manifest::Mode::Off)
    return fail(ErrorKind::Refused, "the gate is sealed: taking it away needs a signed manifest of mode \"off\"",
                "Make one with a higher sequence number, sign it, and name it with --manifest.");
  TRY_ASSIGN(PinnedMaps maps, open_policy_maps(directory));
  return check_order(*order, maps.borrow(), directory);
}

Failure refuse_holders(const std::vector<Holder>& holders) {
  std::string message = "others hold maps or programs of the gate";
  for (const Holder& holder : holders)
    message += "\n  process " + std::to_string(holder.pid) + " " + holder.executable + ": " +
               std::to_string(holder.descriptors) + " descriptors";
  return fail(ErrorKind::Refused, message, "End them first, or use --force where you trust them.");
}

Result<> check_nobody_holds(const fs::path& directory) {
  TRY_ASSIGN(UniqueFd guarded, open_map(directory, "guarded"));
  TRY_ASSIGN(std::vector<Holder> holders, holders_of(guarded.get()));
  if (!holders.empty()) return refuse_holders(holders);
  return {};
}

Result<> check_has_authority(const fs::path& directory) {
  TRY_ASSIGN(PinnedMaps maps, open_policy_maps(directory));
  TRY_ASSIGN(uint64_t generation, active_generation(maps.borrow()));
  TRY_ASSIGN(gate_policy policy, policy_of(maps.borrow(), generation));
  if (policy.authority_count != 0) return {};
  return fail(ErrorKind::Refused, "the policy names no signer of manifests: nobody could ever change it again",
              "Add a signer with the role \"manifest\" and update the policy first.");
}

// Whether this program is an administrator only the kernel knows, and in audit mode it does not act on it. So the seal
// is set, and taken back if the guard then shuts this program out; the descriptor to do that with is open already.
Result<> set_sealed(const fs::path& directory) {
  TRY_ASSIGN(UniqueFd map, open_map(directory, "sealed"));
  TRY(write_seal(map.get(), GATE_SEALED));
  auto reopened = open_map(directory, "sealed");
  if (reopened) return {};
  TRY(write_seal(map.get(), GATE_UNSEALED));
  return std::unexpected(std::move(reopened).error());
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

std::vector<std::string> attached_guards(const fs::path& directory) {
  std::vector<std::string> names = pinned_links(directory);
  if (auto attached = is_sysctl_attached(); attached && *attached) names.emplace_back(sysctl_program);
  return names;
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
  status.authorities = header.authority_count;
  status.digests = header.digest_count;
  return {};
}

// Programs of this build that are not pinned. Where the kernel cannot be asked, the question stays open.
std::vector<std::string> missing_hooks(const std::vector<std::string>& pinned) {
  std::vector<std::string> missing;
  auto kernel = probe_kernel();
  if (!kernel) return missing;
  std::vector<std::string> wanted = programs_for(*kernel);
  wanted.emplace_back(sysctl_program);
  for (const std::string& program : wanted) {
    if (std::find(pinned.begin(), pinned.end(), program) == pinned.end()) missing.push_back(program);
  }
  return missing;
}

Result<> remove_keyrings(const PolicyMaps& maps, uint64_t generation) {
  TRY_ASSIGN(std::vector<keyring::Serial> serials, keyrings_of(maps, generation));
  for (keyring::Serial serial : serials) TRY(keyring::remove(serial));
  return {};
}

Result<> remove_active_keyrings(const fs::path& directory) {
  TRY_ASSIGN(PinnedMaps maps, open_policy_maps(directory));
  TRY_ASSIGN(uint64_t generation, active_generation(maps.borrow()));
  return remove_keyrings(maps.borrow(), generation);
}

}  // namespace

Result<Counters> read_counters(int map) {
  gate_counters record = {};
  uint32_t key = 0;
  if (bpf_map_lookup_elem(map, &key, &record) != 0) return fail_errno("read map counters");
  return Counters{record.refused,  record.would_refuse, record.tainted,       record.lost_events,
                  record.verified, record.cached,       record.scratch_waits, record.scratch_exhausted};
}

Result<Seal> read_seal(int map) {
  uint64_t value = 0;
  uint32_t key = 0;
  if (bpf_map_lookup_elem(map, &key, &value) != 0) return fail_errno("read map sealed");
  if (value == GATE_UNSEALED) return Seal::Unsealed;
  return value == GATE_RELEASED ? Seal::Released : Seal::Sealed;
}

Result<> load(const manifest::Manifest& manifest, const LoadOptions& options) {
  TRY_ASSIGN(Kernel kernel, probe_kernel());
  TRY(check_is_bpffs(options.pin_directory.parent_path()));
  TRY_ASSIGN(UniqueFd lock, lock_pins());
  if (is_there(options.pin_directory))
    return fail(ErrorKind::Failed, options.pin_directory.string() + " exists: a gate is loaded",
                "Change its policy with bpfgate gate update, or remove it with bpfgate gate unload.");
  fs::path staging = staging_directory(options.pin_directory);
  TRY(remove_pins(staging));
  TRY(detach_sysctl());
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

Result<Order> load_order(const fs::path& manifest, const fs::path& signature) {
  Order order;
  TRY_ASSIGN(order.manifest, manifest::load(manifest));
  fs::path beside = manifest.string() + ".p7s";
  if (signature.empty() && !is_there(beside)) return order;
  TRY_ASSIGN(order.signature, read_file(signature.empty() ? beside : signature, GATE_MAX_SIGNATURE));
  return order;
}

Result<> update(const Order& order, const fs::path& usual_directory) {
  fs::path pin_directory = find_pins(usual_directory);
  TRY_ASSIGN(UniqueFd lock, lock_pins());
  if (!is_there(pin_directory))
    return fail(ErrorKind::Failed, "no gate is loaded", "Load one with bpfgate gate load --manifest FILE.");
  TRY(read_about(pin_directory));
  TRY_ASSIGN(PinnedMaps pinned, open_policy_maps(pin_directory));
  PolicyMaps maps = pinned.borrow();
  TRY_ASSIGN(uint64_t generation, active_generation(maps));
  TRY(check_order(order, maps, pin_directory));
  TRY_ASSIGN(std::vector<keyring::Serial> outdated, keyrings_of(maps, generation));
  TRY_ASSIGN(Policy policy, compile(order.manifest));
  TRY(write_bank(maps, policy, generation + 1, policy.header.mode));
  TRY(activate(maps, generation + 1));
  policy.keep_keyrings();
  // The next call is the first under the new policy: by it this process is judged again, and may touch keyrings.
  TRY(policy_of(maps, generation + 1));
  for (keyring::Serial serial : outdated) TRY(keyring::remove(serial));
  return {};
}

Result<std::optional<Status>> status(const fs::path& usual_directory) {
  fs::path pin_directory = find_pins(usual_directory);
  if (!is_there(pin_directory)) return std::nullopt;
  Status status;
  TRY_ASSIGN(gate_about about, read_about(pin_directory));
  status.build = to_hex(about.build_hash);
  status.same_build = status.build == to_hex(build_hash());
  status.pinned_hooks = attached_guards(pin_directory);
  TRY_ASSIGN(Seal seal, seal_of(pin_directory));
  status.sealed = seal != Seal::Unsealed;
  status.missing_hooks = missing_hooks(status.pinned_hooks);
  TRY(describe_policy(pin_directory, status));
  TRY_ASSIGN(UniqueFd counters, open_map(pin_directory, "counters"));
  TRY_ASSIGN(status.counters, read_counters(counters.get()));
  return status;
}

Result<> seal(const fs::path& usual_directory, bool force) {
  fs::path pin_directory = find_pins(usual_directory);
  TRY_ASSIGN(UniqueFd lock, lock_pins());
  if (!is_there(pin_directory))
    return fail(ErrorKind::Failed, "no gate is loaded", "Load one with bpfgate gate load --manifest FILE.");
  TRY(read_about(pin_directory));
  TRY(check_has_authority(pin_directory));
  if (!force) TRY(check_nobody_holds(pin_directory));
  return set_sealed(pin_directory);
}

Result<> unload(const std::optional<Order>& order, const fs::path& usual_directory) {
  fs::path pin_directory = find_pins(usual_directory);
  TRY_ASSIGN(UniqueFd lock, lock_pins());
  TRY(remove_pins(staging_directory(pin_directory)));
  if (!is_there(pin_directory)) return {};
  TRY(check_may_unload(order, pin_directory));
  TRY_ASSIGN(std::vector<uint32_t> programs, pinned_programs(pin_directory));
  TRY(release(pin_directory));
  TRY(detach_sysctl());
  TRY(remove_link_pins(pin_directory));
  TRY(wait_until_gone(programs));
  auto keyrings = remove_active_keyrings(pin_directory);
  TRY(remove_pins(pin_directory));
  return keyrings;
}

}  // namespace bpfgate::gate
