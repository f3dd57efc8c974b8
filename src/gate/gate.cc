// SPDX-License-Identifier: MIT
#include "gate/gate.h"

#include <bpf/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/bytes.h"
#include "base/io.h"
#include "base/root.h"
#include "gate/bank.h"
#include "gate/extension.h"
#include "gate/guard.h"
#include "gate/holders.h"
#include "gate/links.h"
#include "gate/lockout.h"
#include "gate/object.h"
#include "gate/pinned_gate.h"
#include "gate/pins.h"
#include "gate/policy.h"
#include "gate/probe.h"
#include "gate/replaced.h"
#include "gate/seal.h"
#include "gate/sequence.h"
#include "gate/signers.h"
#include "gate/volumes.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t first_generation = 1;

// Where the pins are made before they get their name. A load that was killed may have left it behind.
fs::path staging_directory(const fs::path& pin_directory) { return pin_directory.string() + "-loading"; }

// Attaches everything under an auditing policy: until the last program is pinned, this process itself needs bpf(2).
Result<> attach_and_pin(Object& object, const Policy& policy, const Kernel& kernel, const fs::path& directory) {
  PolicyMaps maps = object.policy_maps();
  TRY(write_bank(maps, policy, first_generation, GATE_MODE_AUDIT));
  TRY(activate(maps, first_generation));
  TRY(make_pin_directories(directory));
  TRY(object.pin_marks(directory));
  TRY(object.bind_maps());
  TRY(object.attach_extension(kernel, directory));
  for (const std::string& program : programs_for(kernel)) TRY(object.attach(program, directory));
  return {};
}

Result<> guard_and_arm(Object& object, const Policy& policy, const LoadOptions& options) {
  TRY(object.guard(options.places.pins, options.new_root));
  if (options.sealed) TRY(object.seal());
  return set_mode(object.policy_maps(), first_generation, policy.header.mode);
}

Result<> remove_staging(const fs::path& staging) {
  TRY_ASSIGN(std::optional<PinDirectory> pins, PinDirectory::open(staging));
  if (pins) TRY(pins->remove());
  return {};
}

// What a load that was killed left behind: it guards nothing yet. Anything else is a gate, whatever it is called.
Result<> remove_leftover(const fs::path& staging) {
  TRY_ASSIGN(std::optional<PinDirectory> pins, PinDirectory::open(staging));
  if (!pins) return {};
  TRY_ASSIGN(std::vector<std::string> names, pins->names());
  if (std::find(names.begin(), names.end(), anchor_program) != names.end()) {
    TRY_ASSIGN(UniqueFd link, pins->open_link(anchor_program));
    TRY_ASSIGN(UniqueFd guarded, map_of_link(link.get(), maps::guarded));
    TRY_ASSIGN(bool is_unused, is_empty(guarded.get()));
    if (!is_unused)
      return fail(ErrorKind::Refused, staging.string() + " is a gate in use, not one that was left half loaded",
                  "Take it away with bpfgate gate unload.");
  }
  return pins->remove();
}

Result<> rename_and_arm(Object& object, const Policy& policy, const fs::path& from, const LoadOptions& options) {
  const fs::path& to = options.places.pins;
  if (::rename(from.c_str(), to.c_str()) != 0) return fail_errno("rename to " + to.string());
  auto armed = guard_and_arm(object, policy, options);
  if (!armed) {
    (void)object.detach_sysctl();
    (void)remove_staging(to);
  }
  return armed;
}

// What a sealed gate wants before it changes. Not sealed is good, too.
Result<> check_order(const Order& order, PinnedGate& gate) {
  TRY_ASSIGN(Seal seal, gate.seal());
  if (seal == Seal::Unsealed) return {};
  TRY_ASSIGN(uint64_t generation, active_generation(gate.policy_maps()));
  TRY_ASSIGN(gate_policy current, policy_of(gate.policy_maps(), generation));
  TRY_ASSIGN(std::vector<gate_authority> authorities, authorities_of(gate.policy_maps(), generation));
  return check_authorized(order.manifest, order.signature, current, authorities);
}

Result<> check_may_unload(const std::optional<Order>& order, PinnedGate& gate, const Places& places) {
  TRY_ASSIGN(Seal seal, gate.seal());
  if (seal != Seal::Sealed) return {};
  if (!order || order->manifest.mode != manifest::Mode::Off)
    return fail(ErrorKind::Refused, "the gate is sealed: taking it away needs a signed manifest of mode \"off\"",
                "Make one with a higher sequence number, sign it, and name it with --manifest.");
  TRY(check_order(*order, gate));
  return record_sequence(places.state, order->manifest);
}

Failure refuse_holders(const std::vector<Holder>& holders) {
  std::string message = "others hold maps or programs of the gate";
  for (const Holder& holder : holders)
    message += "\n  process " + std::to_string(holder.pid) + " " + printable(holder.executable) + ": " +
               std::to_string(holder.descriptors) + " descriptors";
  return fail(ErrorKind::Refused, message, "End them first, or use --force where you trust them.");
}

Result<> check_nobody_holds(const PinnedGate& gate) {
  TRY_ASSIGN(std::vector<Holder> holders, holders_of(gate.guarded()));
  if (!holders.empty()) return refuse_holders(holders);
  return {};
}

// Of a sealed gate's policy: nothing could mend it but booting again.
Result<> check_stays_manageable(const manifest::Manifest& manifest) {
  TRY_ASSIGN(bool is_changeable, has_authority(manifest));
  if (!is_changeable)
    return fail(ErrorKind::Refused,
                "/signers: the manifest names no signer of manifests, with the role \"manifest\" and not revoked",
                "Name one: nobody could change the policy of a sealed gate any more.");
  TRY_ASSIGN(std::optional<std::string> reason, why_not_administrator(manifest));
  if (!reason) return {};
  return fail(ErrorKind::Refused, "this program would be locked out of the sealed gate: " + *reason,
              "Give the signer of bpfgate the grant \"admin\".");
}

// The gate was loaded with it, and what could change that is out of everybody's reach, this program's too.
Result<> check_keeps_extension(const manifest::Manifest& manifest, const PinnedGate& gate) {
  TRY_ASSIGN(uint64_t generation, active_generation(gate.policy_maps()));
  TRY_ASSIGN(gate_policy current, policy_of(gate.policy_maps(), generation));
  Bytes loaded(std::begin(current.extension), std::end(current.extension));
  Bytes wanted = manifest.extension ? manifest.extension->digest : Bytes(loaded.size());
  if (wanted == loaded) return {};
  return fail(ErrorKind::Refused, "/extension: the gate was loaded with another extension, or with none",
              "Take the gate away and load it again: an extension comes and goes with it.");
}

Result<> check_is_complete(const PinnedGate& gate) {
  TRY_ASSIGN(std::vector<std::string> attached, gate.attached());
  TRY_ASSIGN(uint64_t generation, active_generation(gate.policy_maps()));
  TRY_ASSIGN(gate_policy policy, policy_of(gate.policy_maps(), generation));
  TRY_ASSIGN(Kernel kernel, probe_kernel());
  std::vector<std::string> missing = missing_programs(kernel, policy, attached);
  if (missing.empty()) return {};
  return fail(ErrorKind::Refused, "the gate is incomplete: " + missing.front() + " is not attached",
              "Take it away and load it again.");
}

// As many of them as possible; the first error counts.
Result<> remove_keyrings(const std::vector<keyring::Serial>& keyrings) {
  Result<> outcome;
  for (keyring::Serial serial : keyrings) {
    auto removed = keyring::remove(serial);
    if (!removed && outcome) outcome = std::move(removed);
  }
  return outcome;
}

// Writes the policy into the idle bank and makes it the active one, as `generation`. With `state`, its number is
// remembered there before: once it is known that nothing is wrong with the manifest itself.
Result<> apply(const manifest::Manifest& manifest, const PinnedGate& gate, uint64_t next, const fs::path* state) {
  const PolicyMaps maps = gate.policy_maps();
  TRY_ASSIGN(std::vector<std::string> attached, gate.attached());
  TRY(check_follows_volumes(manifest, attached));
  TRY_ASSIGN(uint64_t generation, active_generation(maps));
  TRY_ASSIGN(std::vector<keyring::Serial> outdated, keyrings_of(maps, generation));
  TRY_ASSIGN(Policy policy, compile(manifest));
  TRY(announce_volumes(manifest));
  if (state != nullptr) TRY(record_sequence(*state, manifest));
  TRY(write_bank(maps, policy, next, policy.header.mode));
  TRY(activate(maps, next));
  // The next call is the first under the new policy: by it this process is judged again, and may touch keyrings.
  auto judged = policy_of(maps, next);
  policy.keep_keyrings();
  if (!judged)
    return std::unexpected(
        std::move(judged).error().within("the policy is in force, and keeps this bpfgate from changing it again"));
  auto removed = remove_keyrings(outdated);
  if (removed) return {};
  return std::unexpected(
      std::move(removed).error().within("the policy is in force, but a keyring of the last one stays"));
}

// While the maps are anybody's to write, somebody may have had his files judged as what he liked, under the generation
// that comes next, and put back what was there. So the one that comes is none that can be foreseen.
Result<> apply_unforeseen(const manifest::Manifest& manifest, const PinnedGate& gate, const fs::path* state) {
  TRY_ASSIGN(uint64_t generation, active_generation(gate.policy_maps()));
  TRY_ASSIGN(uint64_t next, unforeseen_generation(generation));
  return apply(manifest, gate, next, state);
}

// With the seal set nobody else gets a descriptor any more, so this is when to look for those who have one. Whether
// this program is an administrator only the kernel knows, and before the seal, in audit mode, it does not act on it.
Result<> check_sealed(const PinnedGate& gate, bool force) {
  TRY(gate.check_access());
  if (!force) TRY(check_nobody_holds(gate));
  return check_not_replaced(gate.guarded());
}

Result<> check_and_apply(const manifest::Manifest& manifest, const PinnedGate& gate, const Places& places, bool force) {
  TRY(check_sealed(gate, force));
  TRY(apply_unforeseen(manifest, gate, &places.state));
  // Until then whoever was judged an administrator meanwhile could still get a descriptor.
  return check_sealed(gate, force);
}

manifest::Mode mode_of(uint32_t mode) {
  return mode == GATE_MODE_AUDIT ? manifest::Mode::Audit : manifest::Mode::Enforce;
}

Result<> describe_policy(const PinnedGate& gate, Status& status) {
  TRY_ASSIGN(status.generation, active_generation(gate.policy_maps()));
  TRY_ASSIGN(gate_policy header, policy_of(gate.policy_maps(), status.generation));
  status.policy_name = std::string(header.name, ::strnlen(header.name, sizeof(header.name)));
  status.policy_hash = to_hex(header.hash);
  if (has_extension(header)) status.extension = to_hex(header.extension);
  TRY_ASSIGN(Kernel kernel, probe_kernel());
  status.missing_hooks = missing_programs(kernel, header, status.pinned_hooks);
  status.sequence = header.sequence;
  status.mode = mode_of(header.mode);
  status.signers = header.signer_count;
  status.authorities = header.authority_count;
  status.digests = header.digest_count;
  TRY_ASSIGN(status.program_keyrings, program_keyrings_of(gate.policy_maps(), status.generation));
  status.revoked_digests = header.revoked_count;
  return {};
}

Result<std::optional<Extension>> open_extension(const manifest::Manifest& manifest, bool verbose) {
  if (!manifest.extension) return std::nullopt;
  return Extension::open(*manifest.extension, verbose);
}

Result<> load_and_arm(const manifest::Manifest& manifest, const LoadOptions& options) {
  const fs::path& pins = options.places.pins;
  TRY_ASSIGN(Kernel kernel, probe_kernel());
  TRY(check_not_rolled_back(options.places.state, manifest));
  TRY(check_is_bpffs(pins.parent_path()));
  TRY_ASSIGN(UniqueFd lock, lock_pins());
  if (is_there(pins))
    return fail(ErrorKind::Failed, pins.string() + " exists: a gate is loaded",
                "Change its policy with bpfgate gate update, or remove it with bpfgate gate unload.");
  fs::path staging = staging_directory(pins);
  TRY(remove_leftover(staging));
  TRY_ASSIGN(Policy policy, compile(manifest));
  TRY_ASSIGN(std::optional<Extension> extension, open_extension(manifest, options.verbose));
  TRY_ASSIGN(Object object, Object::load(kernel, options, std::move(extension)));
  if (auto done = attach_and_pin(object, policy, kernel, staging); !done) {
    (void)remove_staging(staging);
    return done;
  }
  auto announced = announce_volumes(manifest);
  if (!announced) {
    (void)remove_staging(staging);
    return announced;
  }
  if (auto done = rename_and_arm(object, policy, staging, options); !done) {
    (void)remove_staging(staging);
    return done;
  }
  policy.keep_keyrings();
  return {};
}

// Until it was armed, whoever waited for the maps to appear could write what he liked, and get descriptors. So now that
// nobody can, all is written once more; then nobody has a descriptor, or the load was in vain.
Result<> settle(const manifest::Manifest& manifest, const fs::path& directory) {
  auto gate = PinnedGate::open(directory);
  // Loaded by force, it is out of this program's own reach.
  if (!gate && gate.error().kind == ErrorKind::Refused) return {};
  if (!gate) return std::unexpected(std::move(gate).error());
  TRY(gate->lock());
  TRY(apply_unforeseen(manifest, *gate, nullptr));
  TRY(check_nobody_holds(*gate));
  return check_not_replaced(gate->guarded());
}

Failure joined(Error first, const std::string& what, const Error& second) {
  first.message += "; " + what + ": " + second.message;
  return Failure(std::move(first));
}

// `named` if there is one, or else what stands beside the manifest, or else nothing.
Result<Bytes> read_signature(const Root& root, const fs::path& manifest, const fs::path& named) {
  if (!named.empty()) return read_file(named, GATE_MAX_SIGNATURE);
  const fs::path beside = manifest.string() + ".p7s";
  if (!root.has(beside)) return Bytes();
  TRY_ASSIGN(const std::string text, root.read(beside, GATE_MAX_SIGNATURE));
  return Bytes(text.begin(), text.end());
}

Result<> sync_file_system(const Root& root, const fs::path& file) {
  TRY_ASSIGN(const UniqueFd fd, root.open_file(file));
  return bpfgate::sync_file_system(fd.get(), root.outside(file).string());
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
  uint64_t value = GATE_SEALED;  // an answer that was not written must not be taken for "unsealed"
  uint32_t key = 0;
  if (bpf_map_lookup_elem(map, &key, &value) != 0) return fail_errno("read map sealed");
  if (value == GATE_UNSEALED) return Seal::Unsealed;
  return value == GATE_RELEASED ? Seal::Released : Seal::Sealed;
}

Result<> write_seal(int map, uint64_t value) {
  uint32_t key = 0;
  if (bpf_map_update_elem(map, &key, &value, BPF_ANY) != 0) return fail_errno("write map sealed");
  return {};
}

Result<> load(const manifest::Manifest& manifest, const LoadOptions& options) {
  TRY(load_and_arm(manifest, options));
  if (manifest.mode != manifest::Mode::Enforce || options.sealed) return {};
  auto settled = settle(manifest, options.places.pins);
  if (settled) return {};
  auto unloaded = unload(std::nullopt, options.places);
  if (unloaded) return settled;
  return joined(std::move(settled).error(), "and the gate stays", unloaded.error());
}

Result<Order> load_order(const fs::path& manifest, const fs::path& signature) {
  TRY_ASSIGN(const Root root, Root::open({}));
  Order order;
  TRY_ASSIGN(order.manifest, manifest::load(manifest));
  TRY(sync_file_system(root, manifest));
  TRY_ASSIGN(order.signature, read_signature(root, manifest, signature));
  return order;
}

Result<Order> load_order(const manifest::LayerPaths& layers, const fs::path& signature) {
  TRY_ASSIGN(const Root root, Root::open(layers.root));
  TRY_ASSIGN(manifest::Layers loaded, manifest::load_layers(layers));
  for (const fs::path& file : loaded.files) TRY(sync_file_system(root, root.inside(file)));
  Order order{std::move(loaded.manifest), {}};
  TRY_ASSIGN(order.signature, read_signature(root, root.inside(loaded.files.front()), signature));
  return order;
}

// Until it enforces anybody may put a program there; from then on who is locked out cannot look.
Result<> update_unsealed(const manifest::Manifest& manifest, const PinnedGate& gate) {
  if (manifest.mode != manifest::Mode::Enforce) return apply_unforeseen(manifest, gate, nullptr);
  TRY(check_not_replaced(gate.guarded()));
  TRY_ASSIGN(std::optional<std::string> locked_out, why_not_administrator(manifest));
  TRY(apply_unforeseen(manifest, gate, nullptr));
  if (locked_out) return {};
  auto checked = check_not_replaced(gate.guarded());
  if (checked) return {};
  return std::unexpected(
      std::move(checked).error().within("the policy is in force, but it may not be the gate's alone"));
}

Result<> update(const Order& order, const Places& places) {
  TRY_ASSIGN(PinnedGate gate, PinnedGate::open(places.pins));
  TRY(gate.lock());
  TRY_ASSIGN(Seal seal, gate.seal());
  TRY(check_order(order, gate));
  TRY(check_keeps_extension(order.manifest, gate));
  if (seal != Seal::Unsealed) {
    TRY(check_stays_manageable(order.manifest));
    TRY(check_not_rolled_back(places.state, order.manifest));
  }
  if (seal == Seal::Unsealed) return update_unsealed(order.manifest, gate);
  TRY_ASSIGN(uint64_t generation, active_generation(gate.policy_maps()));
  return apply(order.manifest, gate, generation + 1, &places.state);
}

Result<std::optional<Status>> status(const fs::path& pin_directory) {
  TRY_ASSIGN(std::optional<PinnedGate> gate, PinnedGate::find(pin_directory));
  if (!gate) return std::nullopt;
  Status status;
  status.build = to_hex(gate->about().build_hash);
  status.same_build = status.build == to_hex(build_hash());
  TRY_ASSIGN(status.pinned_hooks, gate->attached());
  TRY_ASSIGN(Seal seal, gate->seal());
  status.sealed = seal != Seal::Unsealed;
  TRY(describe_policy(*gate, status));
  TRY_ASSIGN(status.counters, read_counters(gate->counters()));
  return status;
}

Result<> seal(const manifest::Manifest& manifest, const Places& places, bool force) {
  TRY_ASSIGN(PinnedGate gate, PinnedGate::open(places.pins));
  TRY(gate.lock());
  TRY_ASSIGN(Seal before, gate.seal());
  if (before != Seal::Unsealed)
    return fail(ErrorKind::Refused, "the gate is sealed already", "Update its policy instead.");
  TRY(check_stays_manageable(manifest));
  TRY(check_not_rolled_back(places.state, manifest));
  TRY(check_keeps_extension(manifest, gate));
  TRY(check_is_complete(gate));
  TRY(gate.set_seal(GATE_SEALED));
  // Half of it would be worse than none: a policy that others may have written, under a seal.
  auto done = check_and_apply(manifest, gate, places, force);
  if (done) return {};
  auto undone = gate.set_seal(GATE_UNSEALED);
  if (undone) return done;
  return joined(std::move(done).error(), "and the gate stays sealed", undone.error());
}

Result<> unload(const std::optional<Order>& order, const Places& places) {
  TRY_ASSIGN(UniqueFd lock, lock_pins());
  TRY_ASSIGN(std::optional<PinnedGate> gate, PinnedGate::find(places.pins));
  if (!gate) return remove_leftover(staging_directory(places.pins));
  TRY(gate->lock());
  TRY(check_may_unload(order, *gate, places));
  TRY_ASSIGN(std::vector<uint32_t> programs, gate->pins().programs());
  TRY_ASSIGN(std::vector<uint32_t> sysctl, attached_sysctl(gate->guarded()));
  TRY_ASSIGN(uint64_t generation, active_generation(gate->policy_maps()));
  TRY_ASSIGN(std::vector<keyring::Serial> keyrings, keyrings_of(gate->policy_maps(), generation));
  TRY(gate->set_seal(GATE_RELEASED));
  // The pins are what a second attempt finds the rest by.
  TRY(detach_sysctl(sysctl));
  auto removed = remove_keyrings(keyrings);
  TRY(gate->remove_pins());
  TRY(removed);
  return wait_until_gone(programs);
}

}  // namespace bpfgate::gate
