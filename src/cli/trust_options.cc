// SPDX-License-Identifier: MIT
#include "cli/trust_options.h"

#include <CLI/CLI.hpp>

#include "base/io.h"

namespace bpfgate::cli {
namespace {

using evidence::Role;

// Far more than the gate reads, so that a signature that is too large for it is found to be just that.
constexpr size_t max_signature_file_size = size_t{1} << 20;

Result<> add_signers(const std::vector<std::string>& paths, Role role, LoadedTrust& loaded) {
  for (const std::string& path : paths) {
    TRY_ASSIGN(crypto::Certificate certificate, crypto::Certificate::load(path));
    if (Result<> possible = certificate.check_kernel_can_verify(); !possible)
      return Failure(std::move(possible).error().within(path));
    loaded.certificates.push_back(std::move(certificate));
    loaded.trust.signers.push_back({path, role, &loaded.certificates.back(), {}});
  }
  return {};
}

}  // namespace

std::string reason_text(const evidence::Conclusion& conclusion) {
  using evidence::Reason;
  std::string text(name_of(conclusion.reason));
  if (conclusion.reason == Reason::Signature || conclusion.reason == Reason::ImaSignature)
    text += "-by-" + conclusion.rule;
  return text;
}

void add_signer_options(CLI::App& app, TrustOptions& options) {
  app.add_option("--cert", options.certificates, "a signer's certificate (PEM or DER file, or pkcs11: URI)")
      ->type_name("CERT")
      ->allow_extra_args(false);
  app.add_option("--role", options.role, "role of the --cert signers: loader (default) or library")
      ->type_name("ROLE")
      ->check(CLI::IsMember({"loader", "library"}));
  app.add_option("--library-cert", options.library_certificates, "certificate of a signer of libraries")
      ->type_name("CERT")
      ->allow_extra_args(false);
}

void add_trust_options(CLI::App& app, TrustOptions& options) {
  add_signer_options(app, options);
  app.add_option("--signature", options.signature, "look at this detached signature instead of the file's own")
      ->type_name("FILE");
}

Result<LoadedTrust> load_trust(const TrustOptions& options) {
  LoadedTrust loaded;
  TRY(add_signers(options.certificates, options.role == "library" ? Role::Library : Role::Loader, loaded));
  TRY(add_signers(options.library_certificates, Role::Library, loaded));
  return loaded;
}

Result<std::optional<sign::Sidecar>> load_signature(const TrustOptions& options, size_t file_count) {
  if (options.signature.empty()) return std::nullopt;
  if (file_count != 1)
    return fail(ErrorKind::Usage, "--signature belongs to one file, not to " + std::to_string(file_count));
  TRY_ASSIGN(Bytes content, read_file(options.signature, max_signature_file_size));
  Result<sign::Sidecar> sidecar = sign::parse_sidecar(content);
  if (!sidecar) return Failure(std::move(sidecar).error().within(options.signature));
  return std::optional<sign::Sidecar>(std::move(*sidecar));
}

}  // namespace bpfgate::cli
