// SPDX-License-Identifier: MIT
// The administrator's own program that has the last word (bpf/gate_extension.h): from the file that the manifest names
// to its place in the gate.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "gate/guard.h"
#include "gate_abi.h"
#include "manifest/manifest.h"

struct bpf_object;
struct bpf_program;
struct bpf_link;

namespace bpfgate::gate {

// The name of its program, and of its pin.
inline constexpr const char* extension_program = "last_word";

// Whether the policy was made with one.
bool has_extension(const gate_policy& policy);

// Move-only; what is not pinned goes with it.
class Extension {
 public:
  // Reads the file once: what was hashed is what is loaded. ErrorKind::Refused for another digest than the manifest's,
  // and for a file that would bring along more than one program and its own maps.
  static Result<Extension> open(const manifest::Extension& named, bool verbose);

  // Puts it into `gate_program`, which must be loaded, and pins the link.
  Result<> attach(int gate_program, const std::filesystem::path& pin_directory);
  // Its program, link and maps, which administrators may fill.
  Result<> append_to(std::vector<Guarded>& objects) const;

 private:
  struct Deleter {
    void operator()(bpf_object* object) const;
    void operator()(bpf_link* link) const;
  };
  Extension(std::string path, std::unique_ptr<bpf_object, Deleter> object, bpf_program* program, bool verbose)
      : path_(std::move(path)), object_(std::move(object)), program_(program), verbose_(verbose) {}

  std::string path_;
  std::unique_ptr<bpf_object, Deleter> object_;
  bpf_program* program_;  // of the object
  bool verbose_;
  std::unique_ptr<bpf_link, Deleter> link_;
};

}  // namespace bpfgate::gate
