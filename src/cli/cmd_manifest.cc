// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/io.h"
#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/policy_source.h"
#include "gate/notes.h"
#include "manifest/diff.h"
#include "manifest/manifest.h"

namespace bpfgate::cli {
namespace {

struct ManifestOptions {
  PolicySource policy;
  bool host = false;
  std::string other;  // what the policy is compared with
  std::string key;
  std::string certificate;
  std::string output;
  PinOptions pin;
  bool json = false;
};

// Some file is named, or the host's policy asked for.
Result<manifest::Layers> read(const ManifestOptions& options) {
  if (options.policy.file.empty() && !options.host)
    return fail(ErrorKind::Usage, "no manifest is named", "name a file, or say --host for the policy of this host");
  return read_policy(options.policy);
}

Json names_of(const std::vector<std::filesystem::path>& files) {
  Json list = Json::array();
  for (const std::filesystem::path& file : files) list.push_back(file.string());
  return list;
}

void print_checked(const manifest::Layers& policy) {
  const manifest::Manifest& manifest = policy.manifest;
  std::printf("%s: %s, sequence %llu, mode %s\n", policy.files.front().c_str(), manifest.name.c_str(),
              static_cast<unsigned long long>(manifest.sequence), std::string(name_of(manifest.mode)).c_str());
  for (size_t i = 1; i < policy.files.size(); ++i) std::printf("  with %s\n", policy.files[i].c_str());
  for (const std::string& note : gate::notes_on(manifest)) std::printf("  note: %s\n", note.c_str());
}

Result<int> check(const ManifestOptions& options) {
  TRY_ASSIGN(manifest::Layers policy, read(options));
  if (options.json) {
    Json output = json_output("manifest check");
    output["name"] = policy.manifest.name;
    output["sequence"] = policy.manifest.sequence;
    output["mode"] = manifest::name_of(policy.manifest.mode);
    output["files"] = names_of(policy.files);
    output["notes"] = gate::notes_on(policy.manifest);
    print_json(output);
  } else {
    print_checked(policy);
  }
  TRY(flush_output());
  return exit_good;
}

// What is signed, byte for byte: for signing with other tools.
Result<int> show(const ManifestOptions& options) {
  TRY_ASSIGN(manifest::Layers policy, read(options));
  std::fputs(manifest::canonical_text(policy.manifest).c_str(), stdout);
  TRY(flush_output());
  return exit_good;
}

Result<int> sign(const ManifestOptions& options) {
  TRY_ASSIGN(manifest::Layers policy, read(options));
  TRY_ASSIGN(SigningKey key, load_signing_key(options.key, options.certificate, options.pin));
  std::string text = manifest::canonical_text(policy.manifest);
  TRY_ASSIGN(Bytes signature, key.signer.sign_detached(as_bytes(text), crypto::HashAlgorithm::Sha256));
  std::string target = options.output.empty() ? policy.files.front().string() + ".p7s" : options.output;
  TRY(write_file_atomically(target, signature));
  if (options.json) {
    Json output = json_output("manifest sign");
    output["signature"] = target;
    print_json(output);
  } else {
    std::printf("%s\n", target.c_str());
  }
  TRY(flush_output());
  return exit_good;
}

Result<int> diff(const ManifestOptions& options) {
  TRY_ASSIGN(manifest::Manifest before, manifest::load(options.policy.file));
  TRY_ASSIGN(manifest::Manifest after, manifest::load(options.other));
  std::vector<manifest::Change> changes = manifest::changes(before, after);
  if (options.json)
    print_json_list("manifest diff", "changes", manifest::changes_json(before, after));
  else
    for (const manifest::Change& change : changes)
      std::printf("%s%s\n", change.text.c_str(), change.wider ? "  (wider)" : "");
  TRY(flush_output());
  return changes.empty() ? exit_good : exit_refused;
}

struct ManifestCommand {
  const char* name;
  const char* summary;
  Result<int> (*action)(const ManifestOptions&);
};

constexpr ManifestCommand manifest_commands[] = {
    {"check", "say whether a manifest is right", check},
    {"show", "print the text that a signature is over", show},
    {"sign", "sign a manifest, for a gate that is sealed", sign},
    {"diff", "say what changes from one policy to another", diff},
};

void add_policy_options(CLI::App& app, ManifestOptions& options) {
  CLI::Option* file = app.add_option("file", options.policy.file, "the manifest")->type_name("FILE");
  CLI::Option* host = app.add_flag("--host", options.host, "the policy of this host")->excludes(file);
  add_root_option(app, options.policy, file)->needs(host);
}

void add_diff_options(CLI::App& app, ManifestOptions& options) {
  app.add_option("old", options.policy.file, "the manifest before")->type_name("FILE")->required();
  app.add_option("new", options.other, "the manifest after")->type_name("FILE")->required();
}

void add_sign_options(CLI::App& app, ManifestOptions& options) {
  app.add_option("--key", options.key, "private key: PEM file or pkcs11: URI")->type_name("KEY")->required();
  app.add_option("--cert", options.certificate, "its certificate: PEM or DER file, or pkcs11: URI")
      ->type_name("CERT")
      ->required();
  app.add_option("-o,--output", options.output, "where the signature goes (without it: FILE.p7s)")->type_name("FILE");
  add_pin_options(app, options.pin);
}

void add_command(CLI::App& parent, const ManifestCommand& command, int& status) {
  CLI::App* app = parent.add_subcommand(command.name, command.summary);
  auto options = std::make_shared<ManifestOptions>();
  if (command.action == diff)
    add_diff_options(*app, *options);
  else
    add_policy_options(*app, *options);
  if (command.action == sign) add_sign_options(*app, *options);
  if (command.action != show) app->add_flag("--json", options->json, "print one JSON object");
  app->callback([options, &status, action = command.action] {
    Result<int> done = action(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace

void setup_manifest(CLI::App& app, int& status) {
  app.require_subcommand(1);
  for (const ManifestCommand& command : manifest_commands) add_command(app, command, status);
}

}  // namespace bpfgate::cli
