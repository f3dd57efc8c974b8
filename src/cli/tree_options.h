// SPDX-License-Identifier: MIT
// What digest of a file is meant, and how the fs-verity Merkle tree is built, as command-line options: the same words
// in every command that needs them.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/app.h"
#include "evidence/evidence.h"

namespace bpfgate::cli {

struct TreeOptions {
  std::string algorithm = "sha256";
  uint32_t block_size = 4096;
  std::string salt;            // hexadecimal
  bool is_given = false;       // any of the three was
  bool is_tree_given = false;  // block size or salt was, even if it is the default
};

// Declares --hash-alg, --block-size and --salt. `options` must stay where it is until the command line is parsed.
void add_tree_options(CLI::App& app, TreeOptions& options);

// Values that are not possible are ErrorKind::Usage.
Result<fsverity::Parameters> parameters_of(const TreeOptions& options);

// The same for an IMA digest, which has no tree: a block size or salt is ErrorKind::Usage.
Result<ima::Algorithm> ima_algorithm_of(const TreeOptions& options);

// Declares --digest, fsverity or ima.
void add_kind_option(CLI::App& app, evidence::DigestKind& kind);

}  // namespace bpfgate::cli
