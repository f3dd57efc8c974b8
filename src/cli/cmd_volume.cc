// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>
#include <vector>

#include "cli/cli.h"
#include "cli/volume_commands.h"
#include "cli/volume_options.h"
#include "crypto/crypto.h"
#include "image/inodes.h"
#include "volume/sidecars.h"

namespace bpfgate::cli {
namespace {

namespace fs = std::filesystem;

struct FormatOptions {
  VolumeOptions files;
  std::string algorithm = "sha256";
  uint32_t data_block_size = 4096;
  uint32_t hash_block_size = 4096;
  std::string salt;
  std::string uuid;
};

struct VerifyOptions {
  VolumeOptions files;
  std::vector<std::string> certificates;
};

struct OpenOptions {
  VolumeOptions files;
  std::string name;
  bool signed_only = false;
};

bool is_uuid(const std::string& text) {
  constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return std::ranges::equal(text, form, [](char c, char wanted) {
    return wanted == '-' ? c == '-' : std::isxdigit(static_cast<unsigned char>(c)) != 0;
  });
}

Result<std::optional<Bytes>> salt_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (text == "-") return Bytes{};
  Result<Bytes> salt = from_hex(text);
  if (salt && salt->size() <= volume::max_salt_size) return *std::move(salt);
  return fail(ErrorKind::Usage, "--salt: \"" + printable(text) + "\" is no salt",
              "give up to 256 bytes in hexadecimal digits, or - for none");
}

Result<volume::TreeParameters> parameters_of(const FormatOptions& options) {
  volume::TreeParameters parameters;
  TRY_ASSIGN(parameters.algorithm, fsverity::algorithm_named(options.algorithm));
  TRY_ASSIGN(parameters.salt, salt_of(options.salt));
  parameters.data_block_size = options.data_block_size;
  parameters.hash_block_size = options.hash_block_size;
  if (!options.uuid.empty() && !is_uuid(options.uuid))
    return fail(ErrorKind::Usage, "--uuid: \"" + printable(options.uuid) + "\" is no UUID", "uuidgen prints some");
  parameters.uuid = options.uuid;
  return parameters;
}

// The image would be replaced by what is made of it.
Result<> check_they_differ(const fs::path& image, const fs::path& tree, const fs::path& root_hash) {
  for (const fs::path& output : {tree, root_hash})
    if (is_same_file(image, output))
      return fail(ErrorKind::Usage, output.string() + " is the image itself", "give each file a name of its own");
  if (!is_same_file(tree, root_hash)) return {};
  return fail(ErrorKind::Usage, "--tree and --root-hash-file are the same file", "give each file a name of its own");
}

// A signature of another root hash would keep the volume from being opened.
void warn_of_old_signature(const VolumeOptions& options) {
  std::error_code ignored;
  const fs::path signature = signature_of(options);
  if (fs::exists(signature, ignored))
    std::fprintf(stderr, "bpfgate: %s is of another root hash: sign anew\n", printable(signature.string()).c_str());
}

Result<int> format(const FormatOptions& options) {
  TRY_ASSIGN(const volume::TreeParameters parameters, parameters_of(options));
  const fs::path tree = tree_of(options.files);
  const fs::path root_hash = root_hash_file_of(options.files);
  TRY(check_they_differ(options.files.image, tree, root_hash));
  TRY_ASSIGN(const HeldFile image, HeldFile::open(options.files.image));
  TRY(image::check_volume(image, image.size().value_or(UINT64_MAX)));
  const Result<Bytes> before = volume::read_root_hash(root_hash);
  TRY_ASSIGN(const volume::Tree made, volume::format(options.files.image, tree, root_hash, parameters));
  if (!before || *before != made.root_hash) warn_of_old_signature(options.files);
  if (options.files.json) {
    Json output = volume_output("volume format", options.files, made);
    output["tree"] = tree.string();
    output["root_hash_file"] = root_hash.string();
    print_json(output);
  } else {
    std::printf("%s %s\n", volume::root_hash_text(made).c_str(), printable(options.files.image).c_str());
  }
  TRY(flush_output());
  return exit_good;
}

struct SignatureFinding {
  bool is_there = false;
  std::optional<std::string> signer = {};  // the certificate's file, of those named
};

Result<> check_partition(const volume::Signature& signature, const Bytes& root_hash, const std::string& name) {
  if (!signature.root_hash || *signature.root_hash == root_hash) return {};
  return fail(ErrorKind::Refused, name + " is of the root hash " + to_hex(*signature.root_hash),
              "sign anew: bpfgate volume sign");
}

Result<bool> is_by(const volume::Signature& signature, const Bytes& root_hash, const std::string& certificate,
                   const std::string& name) {
  TRY_ASSIGN(const crypto::Certificate loaded, crypto::Certificate::load(certificate));
  TRY(loaded.check_kernel_can_verify());
  switch (crypto::check_detached(signature.pkcs7, as_bytes(volume::signed_text(root_hash)), loaded)) {
    case crypto::SignatureCheck::Valid:
      if (!signature.fingerprint || *signature.fingerprint == loaded.fingerprint()) return true;
      return fail(ErrorKind::Refused, name + " is by " + loaded.subject() + ", and says it is by another certificate",
                  "sign anew: bpfgate volume sign");
    case crypto::SignatureCheck::NotMine:
      return false;
    case crypto::SignatureCheck::Mismatch:
      return fail(ErrorKind::Refused,
                  name + " is by " + loaded.subject() + ", but no signature of the root hash " + to_hex(root_hash),
                  "sign anew: bpfgate volume sign");
    case crypto::SignatureCheck::Malformed:
      break;
  }
  return fail(ErrorKind::Invalid, name + ": not a signature that the kernel would read");
}

Result<SignatureFinding> check_signature(const VerifyOptions& options, const Bytes& root_hash) {
  TRY_ASSIGN(const std::optional<volume::Signature> signature, read_signature_of(options.files));
  const std::string name = signature_of(options.files).string();
  if (!signature && !options.certificates.empty())
    return fail(ErrorKind::Refused, name + " is not there, and the volume not signed", "sign it: bpfgate volume sign");
  if (!signature) return SignatureFinding{};
  TRY(check_partition(*signature, root_hash, name));
  for (const std::string& certificate : options.certificates) {
    TRY_ASSIGN(const bool is_valid, is_by(*signature, root_hash, certificate, name));
    if (is_valid) return SignatureFinding{true, certificate};
  }
  if (options.certificates.empty()) return SignatureFinding{true};
  TRY_ASSIGN(const std::string signer, crypto::describe_signer(signature->pkcs7));
  return fail(ErrorKind::Refused, name + " is by somebody else: " + printable(signer),
              "name the certificate of its signer, or sign anew");
}

Result<int> verify(const VerifyOptions& options) {
  TRY_ASSIGN(const CheckedVolume checked, check_volume_of(options.files));
  const volume::Tree& tree = checked.tree;
  TRY_ASSIGN(const SignatureFinding signature, check_signature(options, tree.root_hash));
  if (options.files.json) {
    Json output = volume_output("volume verify", options.files, tree);
    output["signed"] = signature.signer.has_value();
    output["signature_present"] = signature.is_there;
    if (signature.signer) output["signer"] = *signature.signer;
    print_json(output);
  } else {
    const std::string by =
        signature.signer ? " signed-by-" + printable(fs::path(*signature.signer).filename().string()) : "";
    std::printf("intact%s %s %s\n", by.c_str(), volume::root_hash_text(tree).c_str(),
                printable(options.files.image).c_str());
  }
  TRY(flush_output());
  return exit_good;
}

Result<volume::Opening> opening_of(const OpenOptions& options) {
  volume::Opening opening{options.files.image, tree_of(options.files), {}, {}, options.name};
  TRY_ASSIGN(opening.root_hash, root_hash_of(options.files));
  TRY_ASSIGN(std::optional<volume::Signature> signature, read_signature_of(options.files));
  if (signature) {
    TRY(check_partition(*signature, opening.root_hash.value, signature_of(options.files).string()));
    opening.signature = std::move(signature->pkcs7);
  } else if (options.signed_only) {
    return fail(ErrorKind::Refused, signature_of(options.files).string() + " is not there, and the volume not signed",
                "sign it, or open it without --signed");
  }
  return opening;
}

Result<int> open(const OpenOptions& options) {
  TRY_ASSIGN(const volume::Opening opening, opening_of(options));
  TRY_ASSIGN(const volume::Opened opened, volume::open(opening));
  const std::string device = "/dev/mapper/" + options.name;
  if (!opened.complaint.empty())
    std::fprintf(stderr, "bpfgate: %s is open, but: %s\n", printable(device).c_str(), opened.complaint.c_str());
  if (options.files.json) {
    Json output = volume_output("volume open", options.files, opened.tree);
    output["device"] = device;
    output["signed"] = opening.signature.has_value();
    print_json(output);
  } else {
    std::printf("%s %s%s\n", device.c_str(), volume::root_hash_text(opened.tree).c_str(),
                opening.signature ? " signed" : "");
  }
  TRY(flush_output());
  return exit_good;
}

template <class Options>
void set_run(CLI::App& app, int& status, const std::shared_ptr<Options>& options, Result<int> (*run)(const Options&)) {
  app.callback([options, &status, run] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

void setup_volume_format(CLI::App& parent, int& status) {
  CLI::App* app = parent.add_subcommand("format", "make the hash tree of an image, and its root hash");
  auto options = std::make_shared<FormatOptions>();
  add_image_argument(*app, options->files);
  add_tree_option(*app, options->files);
  must_not_be_empty(app->add_option("--root-hash-file", options->files.root_hash_file,
                                    "where the root hash goes (default: NAME.roothash)"))
      ->type_name("FILE");
  app->add_option("--hash-alg", options->algorithm, "sha256 (default) or sha512")
      ->type_name("NAME")
      ->check(CLI::IsMember({"sha256", "sha512"}));
  const CLI::IsMember sizes({"512", "1024", "2048", "4096"});
  app->add_option("--data-block-size", options->data_block_size, "bytes (default: 4096)")->type_name("N")->check(sizes);
  app->add_option("--hash-block-size", options->hash_block_size, "bytes (default: 4096)")->type_name("N")->check(sizes);
  app->add_option("--salt", options->salt, "hexadecimal digits, or - for none (default: 32 random bytes)")
      ->type_name("HEX");
  app->add_option("--uuid", options->uuid, "of the tree (default: a random one)")->type_name("UUID");
  set_run(*app, status, options, format);
}

void setup_volume_verify(CLI::App& parent, int& status) {
  CLI::App* app = parent.add_subcommand("verify", "hold an image and its tree to the root hash and its signature");
  auto options = std::make_shared<VerifyOptions>();
  add_image_argument(*app, options->files);
  add_tree_option(*app, options->files);
  add_root_hash_options(*app, options->files);
  add_signature_option(*app, options->files);
  app->add_option("--cert", options->certificates, "a signer whose signature it must have; may be repeated")
      ->type_name("CERT");
  set_run(*app, status, options, verify);
}

void setup_volume_open(CLI::App& parent, int& status) {
  CLI::App* app = parent.add_subcommand("open", "make a device of a volume, which the kernel checks");
  auto options = std::make_shared<OpenOptions>();
  add_image_argument(*app, options->files);
  app->add_option("name", options->name, "the device becomes /dev/mapper/NAME")->type_name("NAME")->required();
  add_tree_option(*app, options->files);
  add_root_hash_options(*app, options->files);
  add_signature_option(*app, options->files);
  app->add_flag("--signed", options->signed_only, "do not open it without a signature");
  set_run(*app, status, options, open);
}

}  // namespace

void setup_volume(CLI::App& app, int& status) {
  app.require_subcommand(1);
  setup_volume_format(app, status);
  setup_volume_sign(app, status);
  setup_volume_verify(app, status);
  setup_volume_open(app, status);
  setup_volume_manifest(app, status);
}

}  // namespace bpfgate::cli
