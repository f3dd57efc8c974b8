// SPDX-License-Identifier: MIT
#include "cli/volume_options.h"

#include "volume/sidecars.h"

namespace bpfgate::cli {

namespace fs = std::filesystem;

CLI::Option* must_not_be_empty(CLI::Option* option) {
  return option->check(
      [](const std::string& value) { return value.empty() ? std::string("is empty") : std::string(); });
}

void add_image_argument(CLI::App& app, VolumeOptions& options) {
  app.add_option("image", options.image, "the image of a file system: ext4, squashfs or erofs")
      ->type_name("FILE")
      ->required();
  app.add_flag("--json", options.json, "print one JSON object");
}

void add_tree_option(CLI::App& app, VolumeOptions& options) {
  must_not_be_empty(app.add_option("--tree", options.tree, "its hash tree (default: NAME.verity beside the image)"))
      ->type_name("FILE");
}

void add_root_hash_options(CLI::App& app, VolumeOptions& options) {
  CLI::Option* file = must_not_be_empty(
      app.add_option("--root-hash-file", options.root_hash_file, "its root hash (default: NAME.roothash)"));
  CLI::Option* value = must_not_be_empty(app.add_option("--root-hash", options.root_hash, "the root hash itself"));
  file->type_name("FILE")->excludes(value);
  value->type_name("HEX");
}

void add_signature_option(CLI::App& app, VolumeOptions& options) {
  must_not_be_empty(app.add_option("--signature", options.signature,
                                   "of the root hash: PKCS#7, or the content of a signature partition"))
      ->type_name("FILE");
}

fs::path tree_of(const VolumeOptions& options) {
  return options.tree.empty() ? volume::sidecars_of(options.image).tree : fs::path(options.tree);
}

fs::path root_hash_file_of(const VolumeOptions& options) {
  return options.root_hash_file.empty() ? volume::sidecars_of(options.image).root_hash
                                        : fs::path(options.root_hash_file);
}

fs::path signature_of(const VolumeOptions& options) {
  return options.signature.empty() ? volume::sidecars_of(options.image).signature : fs::path(options.signature);
}

Result<TrustedRootHash> root_hash_of(const VolumeOptions& options) {
  TrustedRootHash trusted;
  if (options.root_hash.empty()) {
    TRY_ASSIGN(trusted.value, volume::read_root_hash(root_hash_file_of(options)));
    return trusted;
  }
  const size_t colon = options.root_hash.find(':');
  if (colon != std::string::npos) trusted.algorithm = options.root_hash.substr(0, colon);
  Result<Bytes> value = from_hex(options.root_hash.substr(colon == std::string::npos ? 0 : colon + 1));
  if (!value || value->empty())
    return fail(ErrorKind::Usage, "--root-hash: \"" + printable(options.root_hash) + "\" has no hexadecimal digits",
                "give it as bpfgate volume format prints it");
  trusted.value = *std::move(value);
  return trusted;
}

Result<std::optional<volume::Signature>> read_signature_of(const VolumeOptions& options) {
  const fs::path file = signature_of(options);
  std::error_code ignored;
  if (options.signature.empty() && !fs::exists(fs::symlink_status(file, ignored))) return std::nullopt;
  TRY_ASSIGN(volume::Signature signature, volume::read_signature(file));
  return signature;
}

Result<volume::Tree> check_volume_of(const VolumeOptions& options) {
  TRY_ASSIGN(const TrustedRootHash trusted, root_hash_of(options));
  TRY_ASSIGN(volume::Tree tree, volume::check(options.image, tree_of(options), trusted.value));
  if (trusted.algorithm.empty() || trusted.algorithm == tree.algorithm) return tree;
  return fail(ErrorKind::Failed, tree_of(options).string() + " is of " + tree.algorithm + ", not " + trusted.algorithm);
}

Json volume_output(std::string_view command, const VolumeOptions& options, const volume::Tree& tree) {
  Json output = json_output(command);
  output["image"] = options.image;
  output["root_hash"] = volume::root_hash_text(tree);
  output["salt"] = to_hex(tree.salt);
  output["uuid"] = tree.uuid;
  output["data_block_size"] = tree.data_block_size;
  output["hash_block_size"] = tree.hash_block_size;
  output["data_blocks"] = tree.data_blocks;
  return output;
}

}  // namespace bpfgate::cli
