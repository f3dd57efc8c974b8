// SPDX-License-Identifier: MIT
// The files of a dm-verity volume as command-line options, and what its commands share.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "cli/app.h"
#include "cli/output.h"
#include "volume/signature.h"
#include "volume/verity.h"

namespace bpfgate::cli {

struct VolumeOptions {
  std::string image;
  // Where they are not beside the image, under the names that systemd looks for.
  std::string tree;
  std::string root_hash_file;
  std::string root_hash;  // itself, in hexadecimal digits
  std::string signature;
  bool json = false;
};

// Declares IMAGE and --json; --tree; --root-hash-file and --root-hash; --signature.
void add_image_argument(CLI::App& app, VolumeOptions& options);
void add_tree_option(CLI::App& app, VolumeOptions& options);
void add_root_hash_options(CLI::App& app, VolumeOptions& options);
void add_signature_option(CLI::App& app, VolumeOptions& options);
// Without it a script's empty variable would mean the file beside the image.
CLI::Option* must_not_be_empty(CLI::Option* option);

// As given, or else beside the image.
std::filesystem::path tree_of(const VolumeOptions& options);
std::filesystem::path root_hash_file_of(const VolumeOptions& options);
std::filesystem::path signature_of(const VolumeOptions& options);

// As given, or of its file. One that is given may say its algorithm, "sha256:HEX", as manifests do.
Result<volume::RootHash> root_hash_of(const VolumeOptions& options);

// Whether writing to the one name would replace the other: they lead to one file, or will when there is one.
bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b);

// The signature that is given, which must be there; or the one beside the image, if any.
Result<std::optional<volume::Signature>> read_signature_of(const VolumeOptions& options);

// An image that was held to its root hash; whatever is read of it is what was.
struct CheckedVolume {
  HeldFile image;
  volume::Tree tree;
};
// Reads image and tree, and holds both to the root hash; what is no file system then is refused.
Result<CheckedVolume> check_volume_of(const VolumeOptions& options);

// "algorithm", "root_hash", "salt", "uuid" and sizes, with `command` in front.
Json volume_output(std::string_view command, const VolumeOptions& options, const volume::Tree& tree);

}  // namespace bpfgate::cli
