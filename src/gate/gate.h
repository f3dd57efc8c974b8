// SPDX-License-Identifier: MIT
// The gate in the kernel, from user space: load and pin it, change its policy, say how it is, take it away. Nothing
// here decides who may call bpf(2); bpf/gate.bpf.c does.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "manifest/layers.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

// Where everything is pinned: one directory in bpffs, with links/ below it.
inline constexpr const char* default_pin_directory = "/sys/fs/bpf/bpfgate";
// What outlives a boot: see gate/sequence.h.
inline constexpr const char* default_state_directory = "/var/lib/bpfgate";

struct Places {
  std::filesystem::path pins = default_pin_directory;
  std::filesystem::path state = default_state_directory;
};

struct Counters {
  uint64_t refused = 0;
  uint64_t would_refuse = 0;
  uint64_t tainted = 0;
  uint64_t lost_events = 0;
  uint64_t verified = 0;
  uint64_t cached = 0;
  uint64_t scratch_waits = 0;
  uint64_t scratch_exhausted = 0;
};

// From a descriptor of the map `counters`.
Result<Counters> read_counters(int map);

// What an administrator has ordered, from a descriptor of the map that says so. Released: whoever holds links lets them
// go, because the gate is being taken away.
enum class Seal { Unsealed, Sealed, Released };
Result<Seal> read_seal(int map);
Result<> write_seal(int map, uint64_t value);  // one of GATE_UNSEALED...

// A gate found pinned.
struct Status {
  std::vector<std::string> pinned_hooks;   // names of the attached programs
  std::vector<std::string> missing_hooks;  // that this build would attach here, but are not pinned
  std::string build;                       // SHA-256 of the BPF object that is loaded, in hex
  bool same_build = false;                 // as this program carries
  bool sealed = false;                     // changes only by signed manifests
  uint32_t authorities = 0;                // signers of manifests
  std::string policy_name;
  std::string policy_hash;  // SHA-256 of the manifest's canonical text, in hex
  std::string extension;    // SHA-256 of the file of the program that has the last word, in hex; or empty
  uint64_t sequence = 0;
  uint64_t generation = 0;
  manifest::Mode mode = manifest::Mode::Audit;
  uint32_t signers = 0;
  uint32_t digests = 0;
  // Of each signer of programs, by name: the keyring that a program names to be verified against.
  std::map<std::string, int32_t> program_keyrings;
  uint32_t revoked_digests = 0;
  Counters counters;
};

struct LoadOptions {
  Places places;
  bool verbose = false;  // pass libbpf's messages on to stderr
  // The signature buffers, and how long to wait for one: 0 means what the machine's processors call for, and the
  // build's own figure.
  uint32_t scratch_slots = 0;
  uint32_t scratch_steps = 0;
  // In enforce mode: sealed before it is armed. Only for an initramfs, where nobody else can have a hand in it: this
  // program, with no evidence at all there, cannot look for descriptors of others afterwards.
  bool sealed = false;
  // In an initramfs: where the root file system to be is mounted. Directories of the initramfs go with it, so those of
  // the same names there are guarded instead.
  std::filesystem::path new_root;
};

// What `manifest` says, in the kernel. Either everything is attached and pinned, or nothing stays behind. A gate that
// is pinned already is ErrorKind::Failed; ask status() first. In enforce mode the last step is what arms it; whoever
// got a descriptor of its maps before that is found afterwards, and the gate taken away again: ErrorKind::Refused. The
// same for a manifest that is older than one a sealed gate on this host has had.
Result<> load(const manifest::Manifest& manifest, const LoadOptions& options);

// A manifest, and the detached signature that came with it: empty where there was none. What a signature is worth
// depends on the gate it is shown to.
struct Order {
  manifest::Manifest manifest;
  Bytes signature;
};

// Reads a manifest and what is named after it, FILE.p7s, where there is such a file; or `signature` if it names one.
// All of the manifest's file system is on the disk then: what is remembered of an order must not outlive it.
Result<Order> load_order(const std::filesystem::path& manifest, const std::filesystem::path& signature = {});

// The same of the host's own policy. The signature is over all of it, and stands beside the base: manifest.json.p7s.
Result<Order> load_order(const manifest::LayerPaths& layers, const std::filesystem::path& signature = {});

// Replaces the policy of the pinned gate in one step: every process is judged under the new one from its next call on.
// A sealed gate wants a signature by somebody its policy names, and a higher sequence number: ErrorKind::Refused. The
// number is remembered before the policy changes.
Result<> update(const Order& order, const Places& places);

// From now on changes come by signed manifests only, and the gate's own objects are out of reach in audit mode too.
// The policy is written anew from the manifest, whatever has become of it until now. ErrorKind::Refused, and nothing
// done, where nobody could ever change it again (no signer of manifests, or this program has not the grant "admin"),
// where the gate is incomplete or sealed already, and where a process holds a descriptor of one of the gate's maps or
// programs; `force` overrides the latter.
Result<> seal(const manifest::Manifest& manifest, const Places& places, bool force);

// nullopt: no gate is pinned there. A caller the gate itself refuses gets ErrorKind::Refused.
Result<std::optional<Status>> status(const std::filesystem::path& pin_directory);

// Detaches and removes everything, keyrings included. Nothing pinned is success. A sealed gate wants an order, whose
// manifest is of mode "off", signed as for an update, and whose number is remembered; any other gate ignores it.
Result<> unload(const std::optional<Order>& order, const Places& places);

// What the manifest's grants name and the running kernel has not, each as a sentence with its place. No error: a policy
// is for many hosts, and what is not there cannot be called.
Result<std::vector<std::string>> unknown_names(const manifest::Manifest& manifest);

// SHA-256 of the manifest's canonical text, in hex: equal hashes mean equal policies.
std::string policy_hash(const manifest::Manifest& manifest);

}  // namespace bpfgate::gate
