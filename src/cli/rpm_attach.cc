// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "cli/cli.h"
#include "cli/rpm_commands.h"
#include "cli/sidecars.h"
#include "evidence/evidence.h"
#include "store/store.h"

namespace bpfgate::cli {
namespace {

namespace fs = std::filesystem;

struct RpmAttachOptions {
  RpmWriting writing;
  std::vector<std::string> stores;
  fs::path directory;
  std::string certificate;
};

// Where signatures are to be had: of which names, and the one of a file, which may have several.
struct Source {
  std::string name;  // for errors
  std::function<bool(const std::string& path)> has;
  std::function<Result<Bytes>(const rpm::File& file, const fsverity::Digest& digest)> take;
};

bool has_any(const rpm::File& file, const Source& source) { return std::ranges::any_of(file.names, source.has); }

using Entries = std::multimap<std::string, store::Entry>;  // by path

Result<Entries> load_stores(const std::vector<std::string>& files) {
  Entries entries;
  for (const std::string& file : files) {
    TRY_ASSIGN(store::Store loaded, store::load(file));
    for (store::Entry& entry : loaded.entries) {
      std::string path = entry.path;
      entries.emplace(std::move(path), std::move(entry));
    }
  }
  return entries;
}

Result<> check_signer(const store::Entry& entry, const crypto::Certificate* certificate) {
  if (certificate == nullptr) return {};
  auto finding = crypto::check_detached(entry.signature, evidence::signed_message(entry.digest), *certificate);
  if (finding == crypto::SignatureCheck::Valid) return {};
  return fail(ErrorKind::Refused, "the store's signature is not one by " + certificate->subject() + " of this content");
}

// A signature is of one content. Several stores may list the same, of which not all have been signed yet.
std::vector<const store::Entry*> entries_of(const Entries& entries, const rpm::File& file,
                                            const fsverity::Digest& digest) {
  std::vector<const store::Entry*> found;
  for (const std::string& name : file.names) {
    auto [first, last] = entries.equal_range(name);
    for (auto entry = first; entry != last; ++entry)
      if (entry->second.digest == digest) found.push_back(&entry->second);
  }
  return found;
}

Result<Bytes> take_from(const Entries& entries, const rpm::File& file, const fsverity::Digest& digest,
                        const crypto::Certificate* certificate) {
  const std::vector<const store::Entry*> listed = entries_of(entries, file, digest);
  if (listed.empty())
    return fail(ErrorKind::Refused, "no signature is of what it holds (" + to_string(digest) + ")",
                "list the files of this package anew: bpfgate store add");
  Error last{ErrorKind::Refused, "is listed, and nobody has signed it yet", "sign the store: bpfgate store sign"};
  for (const store::Entry* entry : listed) {
    if (entry->signature.empty()) continue;
    Result<> checked = check_signer(*entry, certificate);
    if (checked) return entry->signature;
    last = checked.error();
  }
  return Failure(std::move(last));
}

Result<Source> source_from_stores(const RpmAttachOptions& options, const crypto::Certificate* certificate) {
  TRY_ASSIGN(Entries loaded, load_stores(options.stores));
  auto entries = std::make_shared<const Entries>(std::move(loaded));
  return Source{"the store", [entries](const std::string& path) { return entries->contains(path); },
                [entries, certificate](const rpm::File& file, const fsverity::Digest& digest) {
                  return take_from(*entries, file, digest, certificate);
                }};
}

std::optional<fs::path> sidecar_of(const rpm::File& file, const fs::path& directory) {
  std::error_code ignored;
  for (const std::string& name : file.names)
    if (fs::path sidecar = sidecar_for(name, directory); fs::exists(sidecar, ignored)) return sidecar;
  return std::nullopt;
}

Source source_from_directory(const fs::path& directory, const crypto::Certificate* certificate) {
  auto has = [directory](const std::string& path) {
    std::error_code ignored;
    return fs::exists(sidecar_for(path, directory), ignored);
  };
  auto take = [directory, certificate](const rpm::File& file, const fsverity::Digest& digest) -> Result<Bytes> {
    std::optional<fs::path> sidecar = sidecar_of(file, directory);
    if (!sidecar) return fail(ErrorKind::Failed, "somebody has taken its signature away");
    return take_sidecar(*sidecar, digest, certificate);
  };
  return {directory.string(), has, take};
}

// DIRECTORY/tool.bpfsig is of one file: for a second one of that name it would be a wrong one.
Result<> check_they_differ(const rpm::Package& package, const fs::path& directory) {
  std::map<fs::path, std::string> owners;
  for (const rpm::File& file : package.files()) {
    std::optional<fs::path> sidecar = sidecar_of(file, directory);
    if (!sidecar) continue;
    auto [owner, is_new] = owners.try_emplace(*sidecar, file.names.front());
    if (!is_new)
      return fail(
          ErrorKind::Refused,
          printable(owner->second) + " and " + printable(file.names.front()) + " would share " + owner->first.string(),
          "put their signatures into " + directory.string() + " under their whole paths");
  }
  return {};
}

// What is in the package can be told before it is unpacked.
Result<> check_source(const std::string& path, const RpmAttachOptions& options, const Source& source) {
  TRY_ASSIGN(rpm::Package package, rpm::Package::open(path, rpm::Carried::Ignored));
  auto is_known = [&](const rpm::File& file) { return has_any(file, source); };
  if (std::ranges::none_of(package.files(), is_known))
    return fail(ErrorKind::Failed, path + ": " + source.name + " has a signature for none of its files",
                "rpm -qpl lists its files: they have the names that they are installed by");
  if (options.directory.empty()) return {};
  Result<> differ = check_they_differ(package, options.directory);
  if (!differ) return Failure(std::move(differ).error().within(path));
  return {};
}

Result<std::vector<rpm::SignedFile>> attach(const std::string& package, const RpmAttachOptions& options,
                                            rpm::Request request, const Source& source) {
  TRY(check_source(package, options, source));
  request.choice.may_be = [&](const rpm::File& file) { return has_any(file, source); };
  request.choice.is = [](const rpm::File&, int) -> Result<bool> { return true; };
  auto signing = [&](const rpm::File& file, const fsverity::Digest& digest) -> Result<std::optional<Bytes>> {
    TRY_ASSIGN(Bytes signature, source.take(file, digest));
    return std::optional<Bytes>(std::move(signature));
  };
  return rpm::sign_package(package, signing, request);
}

Result<> check_usage(const RpmAttachOptions& options) {
  if (options.stores.empty() == options.directory.empty())
    return fail(ErrorKind::Usage, "signatures come from --store or from --signatures", "give one of the two");
  return {};
}

Result<int> run(const RpmAttachOptions& options) {
  TRY(check_usage(options));
  std::optional<crypto::Certificate> certificate;
  if (!options.certificate.empty()) {
    TRY_ASSIGN(certificate, crypto::Certificate::load(options.certificate));
    TRY(certificate->check_kernel_can_verify());
  }
  const crypto::Certificate* signer = certificate ? &*certificate : nullptr;
  Source source;
  if (options.directory.empty()) {
    TRY_ASSIGN(source, source_from_stores(options, signer));
  } else {
    source = source_from_directory(options.directory, signer);
  }
  TRY_ASSIGN(const rpm::Request request, request_of(options.writing));
  return write_packages(options.writing, "rpm attach", "attached",
                        [&](const std::string& package) { return attach(package, options, request, source); });
}

}  // namespace

void setup_rpm_attach(CLI::App& app, int& status) {
  auto options = std::make_shared<RpmAttachOptions>();
  app.add_option("--store", options->stores, "take the signatures of this store, by name and digest")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--signatures", options->directory, "take the detached signatures in this directory, by name")
      ->type_name("DIR");
  app.add_option("--cert", options->certificate, "attach only valid signatures by this certificate")->type_name("CERT");
  add_rpm_writing_options(app, options->writing);
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
