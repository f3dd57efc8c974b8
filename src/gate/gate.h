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

#include "base/result.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

// Where everything is pinned: one directory in bpffs, with links/ and maps/ below it.
inline constexpr const char* default_pin_directory = "/sys/fs/bpf/bpfgate";

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

// A gate found pinned.
struct Status {
  std::vector<std::string> pinned_hooks;   // names of the attached programs
  std::vector<std::string> missing_hooks;  // that this build would attach here, but are not pinned
  std::string build;                       // SHA-256 of the BPF object that is loaded, in hex
  bool same_build = false;                 // as this program carries
  std::string policy_name;
  std::string policy_hash;  // SHA-256 of the manifest's canonical text, in hex
  uint64_t sequence = 0;
  uint64_t generation = 0;
  manifest::Mode mode = manifest::Mode::Audit;
  uint32_t signers = 0;
  uint32_t digests = 0;
  Counters counters;
};

struct LoadOptions {
  std::filesystem::path pin_directory = default_pin_directory;
  bool verbose = false;  // pass libbpf's messages on to stderr
  // The signature buffers and how long to wait for one: 0 means the build's own figure.
  uint32_t scratch_slots = 0;
  uint32_t scratch_steps = 0;
};

// What `manifest` says, in the kernel. Either everything is attached and pinned, or nothing stays behind. A gate that
// is pinned already is ErrorKind::Failed; ask status() first. In enforce mode the last step is what arms it.
Result<> load(const manifest::Manifest& manifest, const LoadOptions& options);

// Replaces the policy of the pinned gate in one step: every process is judged under the new one from its next call on.
Result<> update(const manifest::Manifest& manifest, const std::filesystem::path& pin_directory);

// nullopt: no gate is pinned there. A caller the gate itself refuses gets ErrorKind::Refused.
Result<std::optional<Status>> status(const std::filesystem::path& pin_directory);

// Detaches and removes everything, keyrings included. Nothing pinned is success.
Result<> unload(const std::filesystem::path& pin_directory);

// SHA-256 of the manifest's canonical text, in hex: equal hashes mean equal policies.
std::string policy_hash(const manifest::Manifest& manifest);

}  // namespace bpfgate::gate
