// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/file_batch.h"
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

void print_line(const std::string& file, const Sealing& sealing) {
  const char* outcome = sealing.outcome == SealOutcome::Sealed ? "sealed" : "already sealed";
  std::printf("%s %s %s\n", outcome, to_string(sealing.digest).c_str(), file.c_str());
}

void describe(Json& entry, const Sealing& sealing) {
  entry["outcome"] = sealing.outcome == SealOutcome::Sealed ? "sealed" : "already-sealed";
  entry["digest"] = to_string(sealing.digest);
}

Result<int> run(const SealOptions& options) {
  TRY_ASSIGN(const fsverity::Parameters parameters, parameters_of(options.tree));
  TRY_ASSIGN(const std::vector<std::string> files, collect_files(options.batch));
  const FileBatch<Sealing> batch{
      .command = "seal",
      .work = [&](const std::string& file) { return fsverity::seal(file, parameters); },
      .status_of = [](const Sealing&) { return exit_good; },
      .print =
          [&](const std::string& file, const Sealing& sealing) {
            if (!options.json) print_line(file, sealing);
          },
      .describe = describe,
  };
  return run_batch(files, options.batch.jobs, options.json, batch);
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
