// SPDX-License-Identifier: MIT
// Whom an offline check trusts, as command-line options, and which signature it looks at.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/app.h"
#include "evidence/evidence.h"
#include "sign/sign.h"

namespace bpfgate::cli {

struct TrustOptions {
  std::vector<std::string> certificates;
  std::vector<std::string> library_certificates;
  std::string role = "loader";  // of `certificates`
  std::string signature;        // a detached signature, instead of the file's own; empty: none
};

// Declares --cert, --library-cert and --role.
void add_signer_options(CLI::App& app, TrustOptions& options);
// Declares these and --signature.
void add_trust_options(CLI::App& app, TrustOptions& options);

// Owns the certificates that `trust` points to; moving it keeps them where they are.
struct LoadedTrust {
  std::deque<crypto::Certificate> certificates;
  evidence::Trust trust;  // signers are called by their certificate's path
};

// Refuses certificates that the kernel could not verify with (ErrorKind::Key): the gate would refuse them too.
Result<LoadedTrust> load_trust(const TrustOptions& options);

// The detached signature; nullopt when none was named. It can belong to one file only, so with any other `file_count`
// it is ErrorKind::Usage.
Result<std::optional<sign::Sidecar>> load_signature(const TrustOptions& options, size_t file_count);

// "signature-by-loaders.pem", "not-sealed": why a file is accepted or not, in one word.
std::string reason_text(const evidence::Conclusion& conclusion);

}  // namespace bpfgate::cli
