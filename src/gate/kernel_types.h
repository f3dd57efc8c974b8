// SPDX-License-Identifier: MIT
// The running kernel's description of itself (BTF, /sys/kernel/btf/vmlinux): functions, tracepoints, hooks,
// enumerators.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct btf;

namespace bpfgate::gate {

// Modules are not in it. Move-only.
class KernelTypes {
 public:
  // Parses megabytes: a second in an emulated machine. ErrorKind::Unsupported where the kernel has none.
  static Result<KernelTypes> open();
  KernelTypes(KernelTypes&&) noexcept;
  KernelTypes& operator=(KernelTypes&&) noexcept;
  ~KernelTypes();

  // Ids are those of this boot's kernel only.
  [[nodiscard]] std::optional<uint32_t> function(const std::string& name) const;
  // Number of arguments; -1 where there is no such function.
  [[nodiscard]] int arity(const std::string& function) const;
  // All that a glob (fnmatch(3)) matches: functions, without those of hooks; raw tracepoints; hooks of security
  // modules, without "bpf_lsm_".
  [[nodiscard]] std::vector<uint32_t> functions(const std::string& glob) const;
  [[nodiscard]] std::vector<uint32_t> tracepoints(const std::string& glob) const;
  [[nodiscard]] std::vector<uint32_t> lsm_hooks(const std::string& glob) const;
  // The name of a function, or of a tracepoint as functions are named here; empty for everything else.
  [[nodiscard]] std::string name(uint32_t id) const;
  // Whether a module that is loaded now, or the kernel where it is built in, has this; `kind` is a BTF_KIND_*.
  [[nodiscard]] bool module_has(const char* module, const char* name, uint32_t kind) const;
  // Whether an enumerator of this enum has the value.
  [[nodiscard]] bool has_enumerator(const char* enumeration, uint32_t value) const;
  // Whether the struct has a member of this name.
  [[nodiscard]] bool has_member(const char* structure, std::string_view member) const;

 private:
  struct Deleter {
    void operator()(btf* types) const;
  };
  explicit KernelTypes(std::unique_ptr<btf, Deleter> types);
  [[nodiscard]] std::vector<uint32_t> matching(uint32_t kind, const std::string& prefix, const std::string& glob) const;

  std::unique_ptr<btf, Deleter> types_;
};

}  // namespace bpfgate::gate
