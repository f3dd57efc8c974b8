// SPDX-License-Identifier: MIT
// What an ELF file says about how it is loaded, read from its program headers as the kernel and the dynamic linker do;
// section headers can be absent or lie.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfgate::sign {

struct Elf {
  uint8_t bits = 0;  // ELFCLASS32 or ELFCLASS64
  uint16_t machine = 0;
  std::string interpreter;  // PT_INTERP; empty in static programs, libraries and dynamic linkers
  bool is_dynamic = false;  // has a dynamic section
  bool is_program = false;  // can be executed: not a library, an object or a module
  std::string soname;
  std::vector<std::string> needed;  // in the file's order, which is the order of loading
  std::string rpath;
  std::string runpath;
  bool ignores_default_directories = false;  // DF_1_NODEFLIB

  // Whether the dynamic linker would take `other` for this one.
  [[nodiscard]] bool is_same_machine(const Elf& other) const { return bits == other.bits && machine == other.machine; }
};

// nullopt: not ELF, or damaged so that nothing could run it. Only reading can fail.
Result<std::optional<Elf>> read_elf(int fd);

}  // namespace bpfgate::sign
