// SPDX-License-Identifier: MIT
#include <cstdio>
#include <memory>

#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/rpm_commands.h"
#include "cli/trust_options.h"
#include "sign/bpf_use.h"

namespace bpfgate::cli {
namespace {

using evidence::Conclusion;
using evidence::Verdict;

struct RpmInspectOptions {
  std::vector<std::string> packages;
  TrustOptions trust;
  bool json = false;
};

// A file that has a signature, or that wants one.
struct Found {
  rpm::File file;
  fsverity::Digest digest;
  std::optional<std::string> use;        // of BPF
  std::string signer;                    // empty when there is no signature that can be read
  std::optional<Conclusion> conclusion;  // where signers were named
};

Result<Found> look_at(const rpm::File& file, int fd, fsverity::Algorithm algorithm, const evidence::Trust& trust) {
  Found found;
  found.file = file;
  TRY_ASSIGN(found.use, sign::bpf_use(fd));
  TRY_ASSIGN(found.digest, fsverity::compute(fd, fsverity::Parameters{algorithm, 4096, {}}));
  if (!file.signature) return found;
  found.signer = crypto::describe_signer(*file.signature).value_or("");
  if (!trust.signers.empty()) found.conclusion = evidence::conclude(found.digest, file.signature, trust);
  return found;
}

Result<std::vector<Found>> inspect_one(const std::string& path, const evidence::Trust& trust) {
  TRY_ASSIGN(rpm::Package package, rpm::Package::open(path));
  const fsverity::Algorithm algorithm = package.algorithm().value_or(fsverity::Algorithm::Sha256);
  std::vector<Found> list;
  auto want = [](const rpm::File& file) { return file.signature || may_be_program(file); };
  auto use = [&](size_t index, int fd) -> Result<> {
    TRY_ASSIGN(Found found, look_at(package.files()[index], fd, algorithm, trust));
    if (found.file.signature || found.use) list.push_back(std::move(found));
    return {};
  };
  TRY(package.unpack(want, use));
  return list;
}

bool is_refused(const Found& found) { return found.conclusion && found.conclusion->verdict == Verdict::NoEvidence; }

void print_field(const char* name, const std::string& value) { std::printf("    %-11s %s\n", name, value.c_str()); }

std::string match_text(const Found& found) {
  if (!found.conclusion) return "unknown; name the signer with --cert";
  if (is_refused(found)) return "no: " + std::string(name_of(found.conclusion->reason));
  return "yes, by " + found.conclusion->rule;
}

void print(const Found& found) {
  for (const std::string& name : found.file.names) std::printf("  %s\n", printable(name).c_str());
  print_field("digest:", to_string(found.digest));
  if (found.use) print_field("uses BPF:", *found.use);
  if (!found.file.signature) return print_field("signature:", "none");
  print_field("signature:", std::to_string(found.file.signature->size()) + " bytes");
  if (found.signer.empty()) return print_field("signed by:", "unreadable: not a detached PKCS#7 signature");
  print_field("signed by:", printable(found.signer));
  print_field("matches:", match_text(found));
}

Json json_of_signature(const Found& found) {
  if (!found.file.signature) return nullptr;
  Json value = {{"size", found.file.signature->size()}};
  value["signer"] = found.signer.empty() ? Json(nullptr) : Json(found.signer);
  if (!found.conclusion) return value;
  value["matches"] = !is_refused(found);
  value["reason"] = name_of(found.conclusion->reason);
  if (!found.conclusion->rule.empty()) value["trusted_signer"] = found.conclusion->rule;
  return value;
}

Json entry_of(const std::string& package, const Result<std::vector<Found>>& list) {
  Json entry = {{"path", package}};
  if (!list) {
    entry["error"] = json_of(list.error());
    return entry;
  }
  entry["files"] = Json::array();
  for (const Found& found : *list) {
    entry["files"].push_back({{"names", found.file.names},
                              {"digest", to_string(found.digest)},
                              {"bpf_use", found.use ? Json(*found.use) : Json(nullptr)},
                              {"signature", json_of_signature(found)}});
  }
  return entry;
}

int show(const std::string& package, const Result<std::vector<Found>>& list, const RpmInspectOptions& options) {
  if (!list) return report(list.error());
  if (!options.json) std::printf("%s\n", package.c_str());
  int status = exit_good;
  for (const Found& found : *list) {
    if (!options.json) print(found);
    if (is_refused(found)) status = exit_refused;
  }
  return status;
}

Result<int> run(const RpmInspectOptions& options) {
  TRY_ASSIGN(LoadedTrust loaded, load_trust(options.trust));
  int status = exit_good;
  Json entries = Json::array();
  for (const std::string& package : options.packages) {
    Result<std::vector<Found>> list = inspect_one(package, loaded.trust);
    status = combine_status(status, show(package, list, options));
    if (options.json) entries.push_back(entry_of(package, list));
  }
  if (options.json) print_json_list("rpm inspect", "packages", std::move(entries));
  TRY(flush_output());
  return status;
}

}  // namespace

void setup_rpm_inspect(CLI::App& app, int& status) {
  auto options = std::make_shared<RpmInspectOptions>();
  app.add_option("packages", options->packages, "the packages")->type_name("FILE")->required();
  app.add_option("--cert", options->trust.certificates, "a signer's certificate (PEM or DER file, or pkcs11: URI)")
      ->type_name("CERT")
      ->allow_extra_args(false);
  app.add_option("--library-cert", options->trust.library_certificates, "certificate of a signer of libraries")
      ->type_name("CERT")
      ->allow_extra_args(false);
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
