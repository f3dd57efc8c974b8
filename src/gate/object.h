// SPDX-License-Identifier: MIT
// The BPF object of this build: which programs there are, in which order they go live, and the loaded skeleton.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "gate/bank.h"
#include "gate/extension.h"
#include "gate/gate.h"
#include "gate/probe.h"

struct gate_skeleton;
struct bpf_link;

namespace bpfgate::gate {

// Programs to attach on this kernel, in order: what takes marks away comes before what gives them, and what refuses
// last.
std::vector<std::string> programs_for(const Kernel& kernel);

// Of those, and of what the policy was loaded with, whatever is not `attached`: by the name of its pin, or
// sysctl_program. Loaded before dm_verity was, a gate does without the programs that follow volumes.
std::vector<std::string> missing_programs(const Kernel& kernel, const gate_policy& policy,
                                          const std::vector<std::string>& attached);

// SHA-256 of the BPF object inside this program.
Bytes build_hash();

// Loaded, not attached. Move-only; unpinned links and maps go with it.
class Object {
 public:
  // With an extension no call is allowed that it has not been asked about: attach_extension() must follow.
  static Result<Object> load(const Kernel& kernel, const LoadOptions& options, std::optional<Extension> extension);
  Object(Object&&) noexcept;
  Object& operator=(Object&&) noexcept;
  ~Object();

  [[nodiscard]] PolicyMaps policy_maps() const;
  // Attaches `program` and pins the link.
  Result<> attach(const std::string& program, const std::filesystem::path& pin_directory);
  // Nothing where there is none.
  Result<> attach_extension(const Kernel& kernel, const std::filesystem::path& pin_directory);
  // Pins the program that marks are read with. It is not attached: a link to an iterator can be read and changed by
  // whoever opens its pin, and a pinned program is guarded.
  Result<> pin_marks(const std::filesystem::path& pin_directory);
  // Makes every map that user space needs reachable from one program's link (gate/links.h).
  Result<> bind_maps();
  // From now on only administrators reach this object's maps, programs and links, the pins in `pin_directory`, and what
  // is mounted on the way there (see LoadOptions for `new_root`). Nobody can add to that later, or take from it. Undone
  // by remove_pins() and detach_sysctl().
  Result<> guard(const std::filesystem::path& pin_directory, const std::filesystem::path& new_root);
  // Sets the seal: counts once the guard is there.
  Result<> seal();
  // Takes back what guard() has attached and no link holds.
  Result<> detach_sysctl();

 private:
  struct Deleter {
    void operator()(gate_skeleton* skeleton) const;
    void operator()(bpf_link* link) const;
  };
  Object(std::unique_ptr<gate_skeleton, Deleter> skeleton, std::optional<Extension> extension);

  std::unique_ptr<gate_skeleton, Deleter> skeleton_;
  std::vector<std::unique_ptr<bpf_link, Deleter>> links_;
  std::optional<Extension> extension_;  // goes before what it is attached to
};

}  // namespace bpfgate::gate
