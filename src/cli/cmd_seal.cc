// SPDX-License-Identifier: MIT
#include <cstdio>
#include <memory>

#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/tree_options.h"

namespace bpfgate::cli {
namespace {

using fsverity::Sealing;
using fsverity::SealOutcome;

struct SealOptions {
  BatchOptions batch;
  TreeOptions tree;
  bool json = false;
};

Json entry_of(const std::string& file, const Result<Sealing>& sealing) {
  Json entry = {{"path", file}};
  if (sealing) {
    entry["outcome"] = sealing->outcome == SealOutcome::Sealed ? "sealed" : "already-sealed";
    entry["digest"] = to_string(sealing->digest);
  } else {
    entry["error"] = json_of(sealing.error());
  }
  return entry;
}

void print_line(const std::string& file, const Sealing& sealing) {
  const char* outcome = sealing.outcome == SealOutcome::Sealed ? "sealed" : "already sealed";
  std::printf("%s %s %s\n", outcome, to_string(sealing.digest).c_str(), file.c_str());
}

Result<int> run(const SealOptions& options) {
  TRY_ASSIGN(fsverity::Parameters parameters, parameters_of(options.tree));
  TRY_ASSIGN(std::vector<std::string> files, collect_files(options.batch));
  int status = exit_good;
  Json entries = Json::array();
  parallel_for_each(
      files, options.batch.jobs, [&](const std::string& file) { return fsverity::seal(file, parameters); },
      [&](const std::string& file, const Result<Sealing>& sealing) {
        if (!sealing) status = combine_status(status, report(sealing.error()));
        if (options.json) {
          entries.push_back(entry_of(file, sealing));
        } else if (sealing) {
          print_line(file, *sealing);
        }
      });
  if (options.json) print_json_list("seal", "files", std::move(entries));
  TRY(flush_output());
  return status;
}

}  // namespace

void setup_seal(CLI::App& app, int& status) {
  auto options = std::make_shared<SealOptions>();
  add_batch_options(app, options->batch);
  add_tree_options(app, options->tree);
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
