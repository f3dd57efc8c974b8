// SPDX-License-Identifier: MIT
// Signing keys as command-line options. No option takes a secret: those come from a file, a descriptor or the terminal.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "cli/app.h"
#include "crypto/crypto.h"

namespace bpfgate::cli {

struct PinOptions {
  std::filesystem::path file;
  int descriptor = -1;
};

// Declares --pin-file and --pin-fd.
void add_pin_options(CLI::App& app, PinOptions& options);

struct SigningKey {
  crypto::Certificate certificate;
  crypto::Signer signer;
};

// Key and certificate by path or pkcs11: URI. Asks for a PIN or pass phrase only when the key needs one. Failures are
// ErrorKind::Key.
Result<SigningKey> load_signing_key(const std::string& key, const std::string& certificate, const PinOptions& pin);

// What --reproducible asks for: a key whose signatures are the same in each run. ErrorKind::Key.
Result<> check_reproducible(const SigningKey& key);

}  // namespace bpfgate::cli
