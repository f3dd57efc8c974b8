// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/cli.h"
#include "cli/rpm_commands.h"
#include "cli/trust_options.h"
#include "sign/bpf_use.h"

namespace bpfgate::cli {
namespace {

using evidence::Conclusion;
using evidence::Verdict;

struct RpmInspectOptions {
  BatchOptions batch;
  TrustOptions trust;
  bool require_signatures = false;
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

// What is asked of every file of one package.
struct Question {
  const evidence::Trust& trust;
  fsverity::Algorithm algorithm;
  sign::BpfLibraries libraries;
};

Result<Found> look_at(const rpm::File& file, int fd, const Question& question) {
  Found found;
  found.file = file;
  TRY_ASSIGN(found.use, sign::bpf_use(fd, question.libraries));
  TRY_ASSIGN(found.digest, fsverity::compute(fd, fsverity::Parameters{question.algorithm, 4096, {}}));
  if (!file.signature) return found;
  found.signer = crypto::describe_signer(*file.signature).value_or("");
  if (!question.trust.signers.empty())
    found.conclusion = evidence::conclude(found.digest, file.signature, question.trust);
  return found;
}

struct Inspected {
  std::vector<Found> files;
  bool has_header_digest = true;
};

Result<Inspected> inspect_one(const std::string& path, const evidence::Trust& trust) {
  TRY_ASSIGN(rpm::Package package, rpm::Package::open(path));
  Question question{trust, package.algorithm().value_or(fsverity::Algorithm::Sha256), {}};
  TRY_ASSIGN(question.libraries, bpf_libraries_of(package));
  Inspected inspected;
  inspected.has_header_digest = package.has_header_digest();
  auto want = [](const rpm::File& file) { return file.signature || may_be_program(file); };
  auto use = [&](size_t index, int fd) -> Result<> {
    TRY_ASSIGN(Found found, look_at(package.files()[index], fd, question));
    if (found.file.signature || found.use) inspected.files.push_back(std::move(found));
    return {};
  };
  TRY(package.unpack(want, use));
  return inspected;
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

void describe(Json& entry, const Inspected& inspected) {
  entry["header_digest"] = inspected.has_header_digest;
  entry["files"] = Json::array();
  for (const Found& found : inspected.files) {
    entry["files"].push_back({{"names", found.file.names},
                              {"digest", to_string(found.digest)},
                              {"bpf_use", found.use ? Json(*found.use) : Json(nullptr)},
                              {"signature", json_of_signature(found)}});
  }
}

void print(const std::string& package, const Inspected& inspected) {
  std::printf("%s\n", package.c_str());
  if (!inspected.has_header_digest) std::printf("  says no SHA-256 of its header\n");
  for (const Found& found : inspected.files) print(found);
}

int status_of(const Inspected& inspected, const RpmInspectOptions& options) {
  auto is_bad = [&](const Found& found) {
    return is_refused(found) || (options.require_signatures && !found.file.signature);
  };
  return std::ranges::any_of(inspected.files, is_bad) ? exit_refused : exit_good;
}

Result<int> run(const RpmInspectOptions& options) {
  TRY_ASSIGN(const LoadedTrust loaded, load_trust(options.trust));
  TRY_ASSIGN(const std::vector<std::string> packages, collect_files(options.batch));
  const FileBatch<Inspected> batch{
      .command = "rpm inspect",
      .work = [&](const std::string& package) { return inspect_one(package, loaded.trust); },
      .status_of = [&](const Inspected& inspected) { return status_of(inspected, options); },
      .print =
          [&](const std::string& package, const Inspected& inspected) {
            if (!options.json) print(package, inspected);
          },
      .describe = describe,
      .list = "packages",
  };
  return run_batch(packages, options.batch.jobs, options.json, batch);
}

}  // namespace

void setup_rpm_inspect(CLI::App& app, int& status) {
  auto options = std::make_shared<RpmInspectOptions>();
  add_batch_options(app, options->batch);
  app.add_option("--cert", options->trust.certificates, "a signer's certificate (PEM or DER file, or pkcs11: URI)")
      ->type_name("CERT")
      ->allow_extra_args(false);
  app.add_option("--library-cert", options->trust.library_certificates, "certificate of a signer of libraries")
      ->type_name("CERT")
      ->allow_extra_args(false);
  app.add_flag("--require-signatures", options->require_signatures, "fail where a program that uses BPF has none");
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
