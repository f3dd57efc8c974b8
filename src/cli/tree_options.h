// SPDX-License-Identifier: MIT
// How the fs-verity Merkle tree is built, as command-line options: the same words in every command that needs them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/result.h"
#include "fsverity/fsverity.h"

namespace bpfgate::cli {

struct TreeOptions {
  std::string algorithm = "sha256";
  uint32_t block_size = 4096;
  std::string salt;  // hexadecimal
};

// Declares --hash-alg, --block-size and --salt.
void add_tree_options(CLI::App& app, TreeOptions& options);

// Values that are not possible are ErrorKind::Usage.
Result<fsverity::Parameters> parameters_of(const TreeOptions& options);

}  // namespace bpfgate::cli
