// SPDX-License-Identifier: MIT
#include "cli/image_signing.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/sidecars.h"
#include "crypto/crypto.h"
#include "evidence/evidence.h"
#include "sign/sign.h"

namespace bpfgate::cli {
namespace {

using image::Candidate;

Result<> check_usage(const ImageSigningOptions& options) {
  if (!options.key.empty() && !options.signatures.empty())
    return fail(ErrorKind::Usage, "--key makes signatures, --signatures has them", "give one of the two");
  if (!options.key.empty() && options.certificate.empty())
    return fail(ErrorKind::Usage, "--key needs the certificate that names it", "add --cert");
  if (options.key.empty() && (options.reproducible || options.allow_interpreter || options.role != "loader"))
    return fail(ErrorKind::Usage, "--role, --reproducible and --allow-interpreter are for signing", "add --key");
  if (options.key.empty() && options.signatures.empty() && !options.certificate.empty())
    return fail(ErrorKind::Usage, "--cert belongs to --key or to --signatures", "add one of them");
  return {};
}

Result<std::optional<Bytes>> sign(const Candidate& candidate, const SigningKey& key,
                                  const ImageSigningOptions& options) {
  if (options.role == "loader") {
    TRY_ASSIGN(UniqueFd content, candidate.content());
    // Under its own name, but in no directory of this host, whose links say nothing about the image.
    const std::filesystem::path name =
        std::filesystem::path("/dev/null") / std::filesystem::path(candidate.path).filename();
    TRY(sign::check_may_be_loader(content.get(), name, options.allow_interpreter));
  }
  TRY_ASSIGN(Bytes signature, evidence::sign(candidate.digest, key.signer));
  return std::optional<Bytes>(std::move(signature));
}

Result<image::Signing> signing_by_key(const ImageSigningOptions& options) {
  TRY_ASSIGN(SigningKey loaded, load_signing_key(options.key, options.certificate, options.pin));
  if (options.reproducible) TRY(check_reproducible(loaded));
  auto key = std::make_shared<SigningKey>(std::move(loaded));
  return image::Signing([key, options](const Candidate& candidate) { return sign(candidate, *key, options); });
}

Result<std::optional<Bytes>> take(const Candidate& candidate, const std::filesystem::path& directory,
                                  const crypto::Certificate* certificate) {
  TRY_ASSIGN(Bytes signature, take_sidecar(sidecar_for(candidate.path, directory), candidate.digest, certificate));
  return std::optional<Bytes>(std::move(signature));
}

// One spelling for all of a path's. Where `..` leads, only the image's links know.
std::filesystem::path spelling(const std::string& path) {
  std::filesystem::path absolute("/" + path);
  if (std::ranges::find(absolute, std::filesystem::path("..")) != absolute.end()) return absolute;
  return absolute.lexically_normal();
}

Result<> check_they_differ(const std::vector<std::string>& paths, const std::filesystem::path& directory) {
  return check_sidecars_differ(paths, {[&](const std::string& path) { return sidecar_for(path, directory); },
                                       [](const auto& a, const auto& b) { return spelling(a) == spelling(b); },
                                       "put their signatures into " + directory.string() + " under their whole paths"});
}

Result<image::Signing> signing_from_directory(const ImageSigningOptions& options,
                                              const std::vector<std::string>& paths) {
  TRY(check_they_differ(paths, options.signatures));
  std::shared_ptr<crypto::Certificate> certificate;
  if (!options.certificate.empty()) {
    TRY_ASSIGN(crypto::Certificate loaded, crypto::Certificate::load(options.certificate));
    TRY(loaded.check_kernel_can_verify());
    certificate = std::make_shared<crypto::Certificate>(std::move(loaded));
  }
  return image::Signing([certificate, directory = options.signatures](const Candidate& candidate) {
    return take(candidate, directory, certificate.get());
  });
}

}  // namespace

void add_image_signing_options(CLI::App& app, ImageSigningOptions& options) {
  app.add_option("--signatures", options.signatures, "attach the detached signatures in this directory")
      ->type_name("DIR");
  app.add_option("--key", options.key, "sign with this private key: a PEM file or a pkcs11: URI")->type_name("KEY");
  app.add_option("--cert", options.certificate, "its certificate; with --signatures, what they must be by")
      ->type_name("CERT");
  app.add_option("--role", options.role, "what the files are signed as: loader (default) or library")
      ->type_name("ROLE")
      ->check(CLI::IsMember({"loader", "library"}));
  add_pin_options(app, options.pin);
  app.add_flag("--reproducible", options.reproducible, "refuse keys whose signatures differ from run to run");
  app.add_flag("--allow-interpreter", options.allow_interpreter, "sign interpreters and dynamic linkers as loaders");
}

Result<image::Signing> image_signing_of(const ImageSigningOptions& options, const std::vector<std::string>& paths) {
  TRY(check_usage(options));
  if (!options.key.empty()) return signing_by_key(options);
  if (!options.signatures.empty()) return signing_from_directory(options, paths);
  return image::Signing{};
}

}  // namespace bpfgate::cli
