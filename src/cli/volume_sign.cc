// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/io.h"
#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/volume_commands.h"
#include "cli/volume_options.h"

namespace bpfgate::cli {
namespace {

namespace fs = std::filesystem;

struct SignVolumeOptions {
  VolumeOptions files;
  std::string key;
  std::string certificate;
  std::string partition;
  PinOptions pin;
  bool reproducible = false;
};

Result<> check_reproducible(const SignVolumeOptions& options, const SigningKey& key) {
  if (!options.reproducible || key.signer.is_reproducible()) return {};
  return fail(ErrorKind::Key,
              "--reproducible: ECDSA signatures by " + key.certificate.subject() + " differ from run to run",
              "use an RSA key");
}

// SHA-256, as of systemd-repart and openssl smime: the kernel takes it whatever the root hash is of.
Result<volume::Signature> signature_by(const SigningKey& key, const Bytes& root_hash) {
  volume::Signature signature;
  TRY_ASSIGN(signature.pkcs7,
             key.signer.sign_detached(as_bytes(volume::signed_text(root_hash)), crypto::HashAlgorithm::Sha256));
  signature.root_hash = root_hash;
  signature.fingerprint = key.certificate.fingerprint();
  return signature;
}

// Whoever verifies the signature asks nothing of the digits. The gate knows these two algorithms.
Result<> check_is_root_hash(const Bytes& root_hash) {
  if (root_hash.size() == 32 || root_hash.size() == 64) return {};
  return fail(ErrorKind::Invalid,
              "the root hash has " + std::to_string(root_hash.size()) + " bytes; of sha256 it has 32, and of sha512 64",
              "give it as bpfgate volume format prints it");
}

// What is written takes the place of what has the name.
Result<> check_is_no_input(const fs::path& output, const SignVolumeOptions& options) {
  const std::pair<const char*, fs::path> inputs[] = {{"the image", options.files.image},
                                                     {"its hash tree", tree_of(options.files)},
                                                     {"the root hash", root_hash_file_of(options.files)},
                                                     {"the key", options.key},
                                                     {"the certificate", options.certificate},
                                                     {"the PIN", options.pin.file}};
  for (const auto& [what, input] : inputs)
    if (!input.empty() && is_same_file(output, input))
      return fail(ErrorKind::Usage, output.string() + " is " + what + ", and would be replaced",
                  "give each file a name of its own");
  return {};
}

Result<> check_they_differ(const SignVolumeOptions& options) {
  TRY(check_is_no_input(signature_of(options.files), options));
  if (options.partition.empty()) return {};
  TRY(check_is_no_input(options.partition, options));
  if (!is_same_file(options.partition, signature_of(options.files))) return {};
  return fail(ErrorKind::Usage, "--partition and the signature are the same file", "give each file a name of its own");
}

Result<> write(const volume::Signature& signature, const SignVolumeOptions& options) {
  if (!options.partition.empty())
    TRY(write_file_atomically(options.partition, as_bytes(volume::partition_of(signature))));
  return write_file_atomically(signature_of(options.files), signature.pkcs7);
}

void print(const volume::Signature& signature, const SignVolumeOptions& options) {
  const std::string file = signature_of(options.files).string();
  if (!options.files.json) {
    std::printf("signed %s %s\n", to_hex(*signature.root_hash).c_str(), printable(file).c_str());
    return;
  }
  Json output = json_output("volume sign");
  output["rootHash"] = to_hex(*signature.root_hash);
  output["certificateFingerprint"] = to_hex(*signature.fingerprint);
  output["signature_file"] = file;
  if (!options.partition.empty()) output["partition_file"] = options.partition;
  print_json(output);
}

Result<int> sign(const SignVolumeOptions& options) {
  TRY(check_they_differ(options));
  TRY_ASSIGN(const volume::RootHash root_hash, root_hash_of(options.files));
  TRY(check_is_root_hash(root_hash.value));
  TRY_ASSIGN(const SigningKey key, load_signing_key(options.key, options.certificate, options.pin));
  TRY(check_reproducible(options, key));
  TRY_ASSIGN(const volume::Signature signature, signature_by(key, root_hash.value));
  TRY(write(signature, options));
  print(signature, options);
  TRY(flush_output());
  return exit_good;
}

}  // namespace

void setup_volume_sign(CLI::App& parent, int& status) {
  CLI::App* app = parent.add_subcommand("sign", "sign the root hash of a volume, without the volume");
  auto options = std::make_shared<SignVolumeOptions>();
  add_image_argument(*app, options->files);
  add_root_hash_options(*app, options->files);
  app->add_option("--key", options->key, "private key: a PEM file or a pkcs11: URI")->type_name("KEY")->required();
  app->add_option("--cert", options->certificate, "its certificate: PEM, DER or a pkcs11: URI")
      ->type_name("CERT")
      ->required();
  add_pin_options(*app, options->pin);
  must_not_be_empty(
      app->add_option("-o,--output", options->files.signature, "where the signature goes (default: NAME.roothash.p7s)"))
      ->type_name("FILE");
  must_not_be_empty(
      app->add_option("--partition", options->partition, "write the content of a signature partition as well"))
      ->type_name("FILE");
  app->add_flag("--reproducible", options->reproducible, "refuse keys whose signatures differ from run to run");
  app->callback([options, &status] {
    Result<int> done = sign(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
