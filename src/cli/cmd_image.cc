// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/image_signing.h"
#include "cli/output.h"
#include "cli/tree_options.h"
#include "cli/trust_options.h"
#include "image/image.h"

namespace bpfgate::cli {
namespace {

using fsverity::SealOutcome;

struct SealOptions {
  std::string image;
  uint64_t offset = 0;
  std::string output;
  BatchOptions batch;
  TreeOptions tree;
  ImageSigningOptions signing;
  bool json = false;
};

struct CheckOptions {
  std::string image;
  uint64_t offset = 0;
  BatchOptions batch;
  TrustOptions trust;
  bool json = false;
};

const char* outcome_text(const image::Sealed& file) {
  return file.outcome == SealOutcome::Sealed ? "sealed" : "already sealed";
}

Json entry_of(const image::Sealed& file) {
  return {{"path", file.path},
          {"outcome", file.outcome == SealOutcome::Sealed ? "sealed" : "already-sealed"},
          {"digest", to_string(file.digest)},
          {"signed", file.is_signed}};
}

void print(const image::Outcome& outcome, const SealOptions& options) {
  Json entries = Json::array();
  for (const image::Sealed& file : outcome.sealed) entries.push_back(entry_of(file));
  for (const image::Refused& file : outcome.refused)
    entries.push_back({{"path", file.path}, {"error", json_of(file.error)}});
  if (options.json) return print_json_list("image seal", "files", std::move(entries));
  for (const image::Sealed& file : outcome.sealed)
    std::printf("%s%s %s %s\n", outcome_text(file), file.is_signed ? " and signed" : "", to_string(file.digest).c_str(),
                printable(file.path).c_str());
}

int report_all(const image::Outcome& outcome, const std::string& image) {
  int status = exit_good;
  for (const image::Refused& file : outcome.refused) status = combine_status(status, report(file.error));
  if (status != exit_good) std::fprintf(stderr, "bpfgate: %s: nothing was written\n", printable(image).c_str());
  return status;
}

Result<int> seal(const SealOptions& options) {
  image::Request request;
  TRY_ASSIGN(request.parameters, parameters_of(options.tree));
  TRY_ASSIGN(request.paths, collect_files(options.batch));
  TRY_ASSIGN(request.signature, image_signing_of(options.signing, request.paths));
  request.output = options.output;
  request.offset = options.offset;
  TRY_ASSIGN(const image::Outcome outcome, image::seal(options.image, request));
  const int status = report_all(outcome, options.image);
  print(outcome, options);
  TRY(flush_output());
  return status;
}

// Of a file whose seal holds, where signers were named.
std::optional<evidence::Conclusion> judge(const image::Checked& file, const evidence::Trust& trust) {
  if (!file.digest || trust.signers.empty()) return std::nullopt;
  return evidence::conclude(*file.digest, file.signature, trust);
}

bool is_accepted(const evidence::Conclusion& conclusion) { return conclusion.verdict != evidence::Verdict::NoEvidence; }

Json entry_of(const image::Checked& file, const std::optional<evidence::Conclusion>& conclusion) {
  Json entry = {{"path", file.path}};
  if (!file.digest) {
    entry["error"] = json_of(file.digest.error());
    return entry;
  }
  entry["digest"] = to_string(*file.digest);
  entry["signed"] = file.signature.has_value();
  if (!conclusion) return entry;
  entry["accepted"] = is_accepted(*conclusion);
  entry["verdict"] = name_of(conclusion->verdict);
  entry["reason"] = name_of(conclusion->reason);
  if (!conclusion->rule.empty()) entry["signer"] = conclusion->rule;
  return entry;
}

void print_line(const image::Checked& file, const std::optional<evidence::Conclusion>& conclusion) {
  const std::string digest = to_string(*file.digest);
  if (conclusion)
    std::printf("%s %s %s %s\n", std::string(name_of(conclusion->verdict)).c_str(), reason_text(*conclusion).c_str(),
                digest.c_str(), printable(file.path).c_str());
  else
    std::printf("%s %s %s\n", file.signature ? "signed" : "unsigned", digest.c_str(), printable(file.path).c_str());
}

int show(const image::Checked& file, const std::optional<evidence::Conclusion>& conclusion,
         const CheckOptions& options) {
  if (!file.digest)
    return report(Error(file.digest.error()).within(printable(file.path)).within(printable(options.image)));
  if (!options.json) print_line(file, conclusion);
  return conclusion && !is_accepted(*conclusion) ? exit_refused : exit_good;
}

// No paths at all mean all files, an empty list of them is an error.
Result<image::CheckRequest> request_of(const CheckOptions& options) {
  image::CheckRequest request;
  request.offset = options.offset;
  if (options.batch.files.empty() && options.batch.files_from.empty()) return request;
  TRY_ASSIGN(request.paths, collect_files(options.batch));
  return request;
}

Result<int> check(const CheckOptions& options) {
  TRY_ASSIGN(const image::CheckRequest request, request_of(options));
  TRY_ASSIGN(const LoadedTrust loaded, load_trust(options.trust));
  TRY_ASSIGN(const std::vector<image::Checked> files, image::check(options.image, request));
  int status = exit_good;
  Json entries = Json::array();
  for (const image::Checked& file : files) {
    const std::optional<evidence::Conclusion> conclusion = judge(file, loaded.trust);
    status = combine_status(status, show(file, conclusion, options));
    entries.push_back(entry_of(file, conclusion));
  }
  if (options.json) print_json_list("image check", "files", std::move(entries));
  if (files.empty()) std::fprintf(stderr, "bpfgate: %s: no file in it is sealed\n", printable(options.image).c_str());
  TRY(flush_output());
  return status;
}

void add_image_options(CLI::App& app, std::string& image, uint64_t& offset, BatchOptions& batch) {
  app.add_option("image", image, "the image of an ext4 file system")->type_name("FILE")->required();
  app.add_option("paths", batch.files, "files in the image, by their paths from its root")->type_name("PATH");
  add_list_options(app, batch);
  app.add_option("--offset", offset, "where the file system begins, in the image of a whole disk")
      ->type_name("BYTES")
      ->check(CLI::NonNegativeNumber);
}

void setup_seal_command(CLI::App& parent, int& status) {
  CLI::App* app = parent.add_subcommand("seal", "seal files in an image, and sign them");
  auto options = std::make_shared<SealOptions>();
  add_image_options(*app, options->image, options->offset, options->batch);
  app->add_option("-o,--output", options->output, "where the result goes (default: it replaces the image)")
      ->type_name("FILE");
  add_tree_options(*app, options->tree);
  add_image_signing_options(*app, options->signing);
  app->add_flag("--json", options->json, "print one JSON object");
  app->callback([options, &status] {
    Result<int> done = seal(*options);
    status = done ? *done : report(done.error());
  });
}

void setup_check_command(CLI::App& parent, int& status) {
  CLI::App* app = parent.add_subcommand("check", "check the seals and signatures in an image");
  auto options = std::make_shared<CheckOptions>();
  add_image_options(*app, options->image, options->offset, options->batch);
  add_signer_options(*app, options->trust);
  app->add_flag("--json", options->json, "print one JSON object");
  app->callback([options, &status] {
    Result<int> done = check(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace

void setup_image(CLI::App& app, int& status) {
  app.require_subcommand(1);
  setup_seal_command(app, status);
  setup_check_command(app, status);
}

}  // namespace bpfgate::cli
