// SPDX-License-Identifier: MIT
#include <fnmatch.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/rpm_commands.h"
#include "rpm/sign.h"
#include "sign/bpf_use.h"
#include "sign/sign.h"

namespace bpfgate::cli {
namespace {

struct RpmSignOptions {
  std::vector<std::string> packages;
  std::vector<std::string> globs;
  PinOptions pin;
  std::string key;
  std::string certificate;
  std::string role = "loader";
  std::string algorithm = "sha256";
  bool by_use = false;
  bool replace = false;
  bool reproducible = false;
  bool allow_interpreter = false;
  bool json = false;
};

using Signed = std::vector<rpm::SignedFile>;

// A * goes across directories, so that "*.so.1" and "/usr/lib/*" mean what they look like.
bool matches(const std::string& glob, const rpm::File& file) {
  return std::ranges::any_of(file.names,
                             [&](const std::string& name) { return ::fnmatch(glob.c_str(), name.c_str(), 0) == 0; });
}

// A word that means no file is a typing error more often than a package without it.
Result<> check_globs(const std::string& path, const std::vector<std::string>& globs) {
  if (globs.empty()) return {};
  TRY_ASSIGN(rpm::Package package, rpm::Package::open(path, rpm::Carried::Ignored));
  for (const std::string& glob : globs) {
    if (std::ranges::any_of(package.files(), [&](const rpm::File& file) { return matches(glob, file); })) continue;
    return fail(ErrorKind::Failed, path + ": no regular file in it is called " + printable(glob),
                "rpm -qpl lists its files; names begin with /, and * stands for any part of them");
  }
  return {};
}

// The name is judged as well as the content; below the package's name nothing on this host is meant by it.
Result<> check_may_be_loader(const std::string& package, const rpm::File& file, int fd, bool allow_interpreter) {
  for (const std::string& name : file.names) TRY(sign::check_may_be_loader(fd, package + name, allow_interpreter));
  return {};
}

rpm::Choice choice_of(const std::string& package, const RpmSignOptions& options) {
  auto may_be = [&options](const rpm::File& file) {
    if (options.globs.empty()) return may_be_program(file);
    return std::ranges::any_of(options.globs, [&](const std::string& glob) { return matches(glob, file); });
  };
  auto is = [&options, package](const rpm::File& file, int fd) -> Result<bool> {
    if (options.globs.empty()) {
      TRY_ASSIGN(std::optional<std::string> use, sign::bpf_use(fd));
      if (!use) return false;
    }
    if (options.role == "loader") TRY(check_may_be_loader(package, file, fd, options.allow_interpreter));
    return true;
  };
  return {may_be, is};
}

Result<Signed> sign_one(const std::string& package, const SigningKey& key, const RpmSignOptions& options) {
  TRY(check_globs(package, options.globs));
  TRY_ASSIGN(fsverity::Algorithm algorithm, fsverity::algorithm_named(options.algorithm));
  return rpm::sign_package(package, key.signer, {choice_of(package, options), algorithm, options.replace});
}

Json entry_of(const std::string& package, const Result<Signed>& done) {
  Json entry = {{"path", package}};
  if (!done) {
    entry["error"] = json_of(done.error());
    return entry;
  }
  entry["files"] = Json::array();
  for (const rpm::SignedFile& file : *done)
    entry["files"].push_back({{"names", file.names}, {"digest", to_string(file.digest)}});
  return entry;
}

void print(const std::string& package, const Signed& done) {
  if (done.empty()) std::printf("nothing to sign in %s\n", package.c_str());
  for (const rpm::SignedFile& file : done)
    for (const std::string& name : file.names)
      std::printf("signed %s %s\n", to_string(file.digest).c_str(), place_in(package, name).c_str());
}

Result<> check_usage(const RpmSignOptions& options) {
  if (options.role == "library" && options.globs.empty())
    return fail(ErrorKind::Usage, "which files are libraries of loaders cannot be told by what they use",
                "name them with --files");
  return {};
}

Result<SigningKey> load_key(const RpmSignOptions& options) {
  TRY_ASSIGN(SigningKey key, load_signing_key(options.key, options.certificate, options.pin));
  if (options.reproducible && !key.signer.is_reproducible())
    return fail(ErrorKind::Key,
                "--reproducible: ECDSA signatures by " + key.certificate.subject() + " differ from run to run",
                "use an RSA key");
  return key;
}

Result<int> run(const RpmSignOptions& options) {
  TRY(check_usage(options));
  TRY_ASSIGN(SigningKey key, load_key(options));
  int status = exit_good;
  Json entries = Json::array();
  for (const std::string& package : options.packages) {
    Result<Signed> done = sign_one(package, key, options);
    status = combine_status(status, done ? int{exit_good} : report(done.error()));
    if (done && !options.json) print(package, *done);
    if (options.json) entries.push_back(entry_of(package, done));
  }
  if (options.json) print_json_list("rpm sign", "packages", std::move(entries));
  TRY(flush_output());
  return status;
}

void add_key_options(CLI::App& app, RpmSignOptions& options) {
  app.add_option("--key", options.key, "private key: a PEM file or a pkcs11: URI")->type_name("KEY")->required();
  app.add_option("--cert", options.certificate, "its certificate: PEM, DER or a pkcs11: URI")
      ->type_name("CERT")
      ->required();
  add_pin_options(app, options.pin);
  app.add_flag("--reproducible", options.reproducible, "refuse keys whose signatures differ from run to run");
}

void add_choice_options(CLI::App& app, RpmSignOptions& options) {
  CLI::Option* globs = app.add_option("--files", options.globs, "sign the files with such names")
                           ->type_name("GLOB")
                           ->allow_extra_args(false);
  app.add_flag("--by-use", options.by_use, "sign the programs that use BPF (without --files)")->excludes(globs);
  app.add_option("--role", options.role, "what the files are signed as: loader (default) or library")
      ->type_name("ROLE")
      ->check(CLI::IsMember({"loader", "library"}));
  app.add_flag("--allow-interpreter", options.allow_interpreter, "sign interpreters and dynamic linkers as loaders");
}

}  // namespace

void setup_rpm_sign(CLI::App& app, int& status) {
  auto options = std::make_shared<RpmSignOptions>();
  app.add_option("packages", options->packages, "the packages")->type_name("FILE")->required();
  add_key_options(app, *options);
  add_choice_options(app, *options);
  app.add_option("--hash-alg", options->algorithm, "digests of the files: sha256 (default) or sha512")
      ->type_name("NAME")
      ->check(CLI::IsMember({"sha256", "sha512"}));
  app.add_flag("--replace", options->replace, "take away the signatures of all other files");
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
