// SPDX-License-Identifier: MIT
#include "cli/keys.h"

#include <CLI/CLI.hpp>

namespace bpfgate::cli {
namespace {

crypto::PassphraseSource source_of(const std::string& key, const PinOptions& pin) {
  if (!pin.file.empty()) return crypto::passphrase_from_file(pin.file);
  if (pin.descriptor >= 0) return crypto::passphrase_from_fd(pin.descriptor);
  return crypto::passphrase_from_terminal("PIN or pass phrase of " + key + ": ");
}

}  // namespace

void add_pin_options(CLI::App& app, PinOptions& options) {
  CLI::Option* file = app.add_option("--pin-file", options.file, "PIN or pass phrase: the first line of FILE");
  CLI::Option* descriptor =
      app.add_option("--pin-fd", options.descriptor, "PIN or pass phrase: the next line of this open descriptor");
  file->type_name("FILE")->excludes(descriptor);
  descriptor->type_name("N")->check(CLI::NonNegativeNumber);
}

Result<SigningKey> load_signing_key(const std::string& key, const std::string& certificate, const PinOptions& pin) {
  TRY_ASSIGN(crypto::Certificate loaded, crypto::Certificate::load(certificate));
  TRY_ASSIGN(crypto::Signer signer, crypto::Signer::create(key, loaded, source_of(key, pin)));
  return SigningKey{std::move(loaded), std::move(signer)};
}

Result<> check_reproducible(const SigningKey& key) {
  if (key.signer.is_reproducible()) return {};
  return fail(ErrorKind::Key,
              "--reproducible: ECDSA signatures by " + key.certificate.subject() + " differ from run to run",
              "use an RSA key");
}

}  // namespace bpfgate::cli
