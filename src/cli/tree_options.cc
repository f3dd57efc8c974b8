// SPDX-License-Identifier: MIT
#include "cli/tree_options.h"

#include <CLI/CLI.hpp>

namespace bpfgate::cli {
namespace {

Failure usage(Error error, const char* option) {
  error.kind = ErrorKind::Usage;
  return Failure(std::move(error).within(option));
}

}  // namespace

void add_tree_options(CLI::App& app, TreeOptions& options) {
  auto note = [&options](const std::string&) { options.is_given = true; };
  auto note_tree = [&options](const std::string&) { options.is_given = options.is_tree_given = true; };
  app.add_option("--hash-alg", options.algorithm, "sha256 (default) or sha512; for IMA digests sha384, too")
      ->type_name("NAME")
      ->each(note);
  app.add_option("--block-size", options.block_size, "Merkle tree block size (default: 4096)")
      ->type_name("BYTES")
      ->each(note_tree);
  app.add_option("--salt", options.salt, "salt of up to 32 bytes, in hexadecimal")->type_name("HEX")->each(note_tree);
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

Result<ima::Algorithm> ima_algorithm_of(const TreeOptions& options) {
  if (options.is_tree_given)
    return fail(ErrorKind::Usage, "an IMA digest has neither block size nor salt", "leave out --block-size and --salt");
  Result<ima::Algorithm> algorithm = ima::algorithm_named(options.algorithm);
  if (!algorithm) return usage(algorithm.error(), "--hash-alg");
  return algorithm;
}

void add_kind_option(CLI::App& app, evidence::DigestKind& kind) {
  auto set = [&kind](const std::string& name) { kind = evidence::digest_kind_named(name).value_or(kind); };
  app.add_option_function<std::string>("--digest", set, "which digest the signature is of: fsverity (default) or ima")
      ->type_name("KIND")
      ->check(CLI::IsMember({"fsverity", "ima"}));
}

}  // namespace bpfgate::cli
