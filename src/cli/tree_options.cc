// SPDX-License-Identifier: MIT
#include "cli/tree_options.h"

namespace bpfgate::cli {
namespace {

Failure usage(Error error, const char* option) {
  error.kind = ErrorKind::Usage;
  return Failure(std::move(error).within(option));
}

}  // namespace

void add_tree_options(CLI::App& app, TreeOptions& options) {
  app.add_option("--hash-alg", options.algorithm, "sha256 (default) or sha512")->type_name("NAME");
  app.add_option("--block-size", options.block_size, "Merkle tree block size (default: 4096)")->type_name("BYTES");
  app.add_option("--salt", options.salt, "salt of up to 32 bytes, in hexadecimal")->type_name("HEX");
}

Result<fsverity::Parameters> parameters_of(const TreeOptions& options) {
  Result<fsverity::Algorithm> algorithm = fsverity::algorithm_named(options.algorithm);
  if (!algorithm) return usage(algorithm.error(), "--hash-alg");
  Result<Bytes> salt = from_hex(options.salt);
  if (!salt) return usage(salt.error(), "--salt");
  fsverity::Parameters parameters{*algorithm, options.block_size, std::move(*salt)};
  if (Result<> possible = fsverity::check(parameters); !possible) return usage(possible.error(), "usage");
  return parameters;
}

}  // namespace bpfgate::cli
