// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "store/apply.h"

namespace bpfgate::cli {
namespace {

using store::Applied;
using store::Outcome;

struct ApplyOptions {
  std::vector<std::string> packages;
  bool all = false;
  std::filesystem::path root = "/";
  std::string certificate;
  bool without_seal = false;
  bool json = false;
};

struct Tally {
  int status = exit_good;
  Json entries = Json::array();
};

// What a file has that is no error of ours, but leaves it without evidence.
int status_of(Outcome outcome) {
  return outcome == Outcome::OtherContent || outcome == Outcome::NoSignature ? exit_refused : exit_good;
}

const char* remedy_for(Outcome outcome) {
  return outcome == Outcome::OtherContent ? "install the package again, or sign the file that is there"
                                          : "have the store signed: bpfgate store sign";
}

Result<> check_usage(const ApplyOptions& options) {
  if (options.all == options.packages.empty()) return {};
  return fail(ErrorKind::Usage, "either --all or --package", "name the packages whose files are to be signed");
}

bool is_wanted(const std::filesystem::path& file, const ApplyOptions& options) {
  return options.all || std::ranges::find(options.packages, file.stem().string()) != options.packages.end();
}

// Packages that have no store are not mistyped ones: most have none, and hooks name whatever is installed.
Result<std::vector<std::filesystem::path>> wanted_stores(const ApplyOptions& options) {
  TRY_ASSIGN(std::vector<std::filesystem::path> files, store::find_stores(options.root));
  std::erase_if(files, [&](const std::filesystem::path& file) { return !is_wanted(file, options); });
  return files;
}

void emit(const std::string& package, const Applied& applied, const ApplyOptions& options, Tally& tally) {
  Json entry = {{"package", package}, {"path", applied.path}};
  if (!applied.outcome) {
    tally.status = combine_status(tally.status, report(applied.outcome.error()));
    entry["error"] = json_of(applied.outcome.error());
  } else {
    int status = status_of(*applied.outcome);
    std::string name(store::name_of(*applied.outcome));
    entry["outcome"] = name;
    tally.status = combine_status(tally.status, status);
    if (status != exit_good)
      report({ErrorKind::Refused, printable(applied.path) + ": " + name, remedy_for(*applied.outcome), 0});
    else if (!options.json)
      std::printf("%s %s\n", name.c_str(), printable(applied.path).c_str());
  }
  if (options.json) tally.entries.push_back(std::move(entry));
}

// A store that cannot be read keeps no other from being applied.
void apply_file(const std::filesystem::path& file, const store::Application& application, const ApplyOptions& options,
                Tally& tally) {
  auto loaded = store::load(file);
  if (!loaded) {
    tally.status = combine_status(tally.status, report(loaded.error()));
    return;
  }
  for (const Applied& applied : store::apply(*loaded, application)) emit(loaded->package, applied, options, tally);
}

Result<int> run(const ApplyOptions& options) {
  TRY(check_usage(options));
  std::optional<crypto::Certificate> certificate;
  store::Application application{.root = options.root, .seal = !options.without_seal};
  if (!options.certificate.empty()) {
    TRY_ASSIGN(certificate, crypto::Certificate::load(options.certificate));
    application.certificate = &*certificate;
  }
  TRY_ASSIGN(const std::vector<std::filesystem::path> files, wanted_stores(options));
  Tally tally;
  for (const std::filesystem::path& file : files) apply_file(file, application, options, tally);
  if (options.json) print_json_list("apply", "files", std::move(tally.entries));
  TRY(flush_output());
  return tally.status;
}

}  // namespace

void setup_apply(CLI::App& app, int& status) {
  auto options = std::make_shared<ApplyOptions>();
  app.add_option("--package", options->packages, "apply what this package brings; may be given more than once")
      ->type_name("NAME");
  app.add_flag("--all", options->all, "apply what every package brings");
  app.add_option("--root", options->root, "the host's root directory (default: /)")->type_name("DIR");
  app.add_option("--cert", options->certificate, "apply only valid signatures by this certificate")->type_name("CERT");
  app.add_flag("--no-seal", options->without_seal, "put the signatures on the files, and seal none");
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
