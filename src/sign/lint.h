// SPDX-License-Identifier: MIT
// Programs that would run anything at all under the mark of a loader. The gate sees code when it is mapped executable;
// what an interpreter reads is data to the kernel, and a dynamic linker run directly becomes whatever it is told to
// load. To sign one as a loader gives its grant to every script on the host.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace bpfgate::sign {

enum class LintKind {
  Script,         // begins with #!: never a loader itself, its interpreter becomes the process
  DynamicLinker,  // ld.so
  Interpreter,    // a shell, a language, a debugger
};

struct LintFinding {
  LintKind kind = LintKind::Interpreter;
  std::string reason;  // "an interpreter (needs libpython3.11.so.1.0)"
};

// Judges by content first, so that a renamed copy is found too, then by the names the file goes by. nullopt: nothing
// speaks against the file. A careful hand can hide an interpreter from this; it is a lint, not a defence.
Result<std::optional<LintFinding>> lint(int fd, const std::filesystem::path& path);

}  // namespace bpfgate::sign
