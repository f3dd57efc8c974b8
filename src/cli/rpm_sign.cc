// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/rpm_choice.h"
#include "cli/rpm_commands.h"

namespace bpfgate::cli {
namespace {

struct RpmSignOptions {
  RpmWriting writing;
  RpmChoiceOptions choice;
  PinOptions pin;
  std::string key;
  std::string certificate;
  bool reproducible = false;
};

Result<SigningKey> load_key(const RpmSignOptions& options) {
  TRY_ASSIGN(SigningKey key, load_signing_key(options.key, options.certificate, options.pin));
  if (options.reproducible) TRY(check_reproducible(key));
  return key;
}

Result<int> run(const RpmSignOptions& options) {
  TRY(check_usage(options.choice));
  TRY_ASSIGN(const SigningKey key, load_key(options));
  TRY_ASSIGN(const rpm::Request shared, request_of(options.writing));
  auto sign = [&](const std::string& package) -> Result<std::vector<rpm::SignedFile>> {
    rpm::Request request = shared;
    TRY_ASSIGN(request.choice, rpm_choice_of(package, options.choice));
    return rpm::sign_package(package, rpm::signing_by(key.signer), request);
  };
  return write_packages(options.writing, "rpm sign", "signed", sign);
}

}  // namespace

void setup_rpm_sign(CLI::App& app, int& status) {
  auto options = std::make_shared<RpmSignOptions>();
  app.add_option("--key", options->key, "private key: a PEM file or a pkcs11: URI")->type_name("KEY")->required();
  app.add_option("--cert", options->certificate, "its certificate: PEM, DER or a pkcs11: URI")
      ->type_name("CERT")
      ->required();
  add_pin_options(app, options->pin);
  app.add_flag("--reproducible", options->reproducible, "refuse keys whose signatures differ from run to run");
  add_rpm_choice_options(app, options->choice);
  add_rpm_writing_options(app, options->writing);
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
