// SPDX-License-Identifier: MIT
// Why a file or a process may do what: the chain from the file to its grants. The same evidence and grants decide here
// as in the kernel; tests hold the two together.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "evidence/evidence.h"
#include "gate/marks.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

struct Explanation {
  std::filesystem::path file;
  std::optional<uint32_t> process;
  std::string signer;  // whom the file's signature names, trusted or not; "unreadable"; or empty where there is none
  evidence::Conclusion conclusion;
  std::vector<manifest::Grant> own_grants;      // in the order they are asked
  std::vector<manifest::Grant> default_grants;  // asked after them, of everybody
  std::string extension;                        // digest of what has the last word, "sha256:HEX", or empty
  std::optional<Mark> mark;                     // of a process, where a gate is loaded
};

// What the gate would make of a file that is executed under this policy.
Result<Explanation> explain_file(const std::filesystem::path& file, const manifest::Manifest& manifest);

// What it would make of a running process's executable, and what it has made of the process. Without a gate there is no
// mark.
Result<Explanation> explain_process(uint32_t process, const manifest::Manifest& manifest,
                                    const std::filesystem::path& pin_directory);

}  // namespace bpfgate::gate
