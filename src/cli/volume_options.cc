// SPDX-License-Identifier: MIT
#include "cli/volume_options.h"

#include <CLI/CLI.hpp>

#include "image/inodes.h"
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

namespace {

// Where the algorithm is named, the digits are as many as it has: they alone are what is signed.
Result<volume::RootHash> named_root_hash(const std::string& text) {
  Result<fsverity::Digest> digest = fsverity::digest_from_string(text);
  if (digest) return volume::RootHash{std::move(digest->value), std::string(fsverity::name_of(digest->algorithm))};
  return fail(ErrorKind::Usage, "--root-hash: \"" + printable(text) + "\": " + digest.error().message,
              "give it as bpfgate volume format prints it");
}

// A rename replaces the name in its directory, whatever links lead there.
fs::path place_of(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(path).lexically_normal();
  const fs::path directory = fs::weakly_canonical(fs::absolute(path).parent_path(), error);
  return error ? whole : directory / whole.filename();
}

}  // namespace

bool is_same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored) || place_of(a) == place_of(b);
}

Result<volume::RootHash> root_hash_of(const VolumeOptions& options) {
  volume::RootHash trusted;
  if (options.root_hash.empty()) {
    TRY_ASSIGN(trusted.value, volume::read_root_hash(root_hash_file_of(options)));
    return trusted;
  }
  if (options.root_hash.find(':') != std::string::npos) return named_root_hash(options.root_hash);
  Result<Bytes> value = from_hex(options.root_hash);
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

Result<CheckedVolume> check_volume_of(const VolumeOptions& options) {
  TRY_ASSIGN(const volume::RootHash trusted, root_hash_of(options));
  TRY_ASSIGN(HeldFile image, HeldFile::open_private(options.image));
  TRY_ASSIGN(const HeldFile tree_file, HeldFile::open_private(tree_of(options)));
  TRY_ASSIGN(volume::Tree tree, volume::check(image, tree_file, trusted));
  TRY_ASSIGN(const uint64_t covered, volume::covered_size(tree));
  TRY(image::check_volume(image, covered));
  return CheckedVolume{std::move(image), std::move(tree)};
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
