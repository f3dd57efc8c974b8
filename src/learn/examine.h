// SPDX-License-Identifier: MIT
// What can be said about an executable now, whenever its events are from.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "evidence/evidence.h"
#include "fsverity/fsverity.h"

namespace bpfgate::learn {

enum class FileState {
  Sealed,       // has a digest that can be listed
  NotSealed,    // could be exchanged for another one
  Gone,         // nothing has this name any more
  Interpreter,  // would lend its grant to whatever it is told to run
  Library,      // proven, and by that no loader
  Revoked,      // listed or not, its digest counts no more
  Unreadable,
};

struct File {
  FileState state = FileState::Gone;
  std::string detail;                      // why it is an interpreter, what the trouble was
  std::optional<fsverity::Digest> digest;  // of a sealed one, as the kernel measures it
  std::vector<std::string> grants;         // those it has already
};

using Examiner = std::function<File(const std::string& path)>;

// What a digest of the file would be worth in a manifest, by what it is worth now. `digest` is nullopt without a seal.
FileState state_of(const evidence::Conclusion& conclusion, const std::optional<fsverity::Digest>& digest);

// By `trust`, what the file has already. Whatever goes wrong is a finding about the file.
File examine(const std::string& path, const evidence::Trust& trust);

}  // namespace bpfgate::learn
